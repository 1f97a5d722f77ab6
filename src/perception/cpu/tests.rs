use super::convolution::{Convolution, Extent, Finish, Planes, Taps, convolve};
use super::lanes::{LANES, Lanes};
use super::tiles::{TiledConvolution, Transformed};
use super::*;

/// Numbers in -0.5..0.5, the same for the same seed.
fn numbers(seed: u32) -> impl FnMut() -> f32 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 16_777_216.0 - 0.5
    }
}

fn layer(kernel: usize, stride: usize, padding: usize, inputs: usize, outputs: usize, side: usize) -> Layer {
    Layer { kernel, stride, padding, inputs, outputs, side }
}

/// Strided first layer, outputs that fill no block, as the network for digits but small.
fn small() -> Chain {
    Chain::new(&[layer(3, 2, 1, 1, 7, 8), layer(3, 1, 0, 7, 18, 4)], 4)
}

/// Several input channels, padding, and strides beyond the first layer.
fn mixed() -> Chain {
    let convolutions = [
        layer(3, 1, 1, 2, 17, 9),
        layer(3, 1, 1, 17, 5, 9),
        layer(3, 1, 1, 5, 20, 9),
        layer(3, 2, 1, 20, 6, 9),
        layer(2, 1, 1, 6, 40, 5),
    ];
    Chain::new(&convolutions, 3)
}

/// The network for digits.
fn large() -> Chain {
    let convolutions = [
        layer(5, 2, 2, 1, 32, 28),
        layer(3, 1, 0, 32, 64, 14),
        layer(3, 1, 0, 64, 80, 12),
        layer(3, 1, 0, 80, 96, 10),
        layer(3, 1, 0, 96, 112, 8),
    ];
    Chain::new(&convolutions, 10)
}

struct Example {
    chain: Chain,
    parameters: Parameters,
    running: Statistics,
    pixels: Vec<f32>,
    targets: Vec<f32>,
}

impl Example {
    fn new(chain: Chain, images: usize) -> Self {
        let mut number = numbers(images as u32);
        let (mut parameters, mut running) = (Parameters::default(), Statistics::default());
        for Stage { layer, .. } in &chain.stages {
            let mut some = |count: usize, centre: f32, spread: f32| -> Vec<f32> {
                (0..count).map(|_| centre + spread * number()).collect()
            };
            let inputs = layer.weights_an_output();
            parameters.weights.push(some(inputs * layer.outputs, 0.0, 3.0 / (inputs as f32).sqrt()));
            parameters.gammas.push(some(layer.outputs, 1.0, 1.0));
            parameters.betas.push(some(layer.outputs, 0.0, 1.0));
            running.means.push(some(layer.outputs, 0.0, 1.0));
            running.variances.push(some(layer.outputs, 1.0, 1.0));
        }
        let pixels = (0..images * chain.pixels()).map(|_| number() * 2.0).collect();
        let mut targets: Vec<f32> = (0..images * chain.classes()).map(|_| number() + 0.5).collect();
        for row in targets.chunks_exact_mut(chain.classes()) {
            let sum: f32 = row.iter().sum();
            row.iter_mut().for_each(|target| *target /= sum);
        }
        Self { chain, parameters, running, pixels, targets }
    }

    fn step(&self, dropout: Option<Dropout>) -> Outcome {
        Trainer::new(&self.chain).step(&self.parameters, &self.pixels, &mut |_| self.targets.clone(), dropout).clone()
    }

    /// Scores (images, classes) and the statistics used, by the plainest loops; of the batch
    /// unless `running` are given.
    fn plain_scores(
        &self,
        p: &Parameters,
        running: Option<&Statistics>,
        dropout: Option<Dropout>,
    ) -> (Vec<f64>, Statistics) {
        let mut x = doubles(&self.pixels);
        let images = self.pixels.len() / self.chain.pixels();
        let mut used = Statistics::default();
        for (i, Stage { layer, .. }) in self.chain.stages.iter().enumerate() {
            let last = self.chain.is_last(i);
            if let Some(dropout) = dropout.filter(|_| last) {
                x.iter_mut().enumerate().for_each(|(at, x)| *x *= f64::from(dropout.factor(at as u32)));
            }
            let mut z = plain_convolution(layer, &p.weights[i], last, &x, images);
            let pixels = layer.output_side() * layer.output_side();
            let (means, variances) = match running {
                Some(running) => (doubles(&running.means[i]), doubles(&running.variances[i])),
                None => plain_moments(&z, images, layer.outputs, pixels),
            };
            for (at, z) in z.iter_mut().enumerate() {
                let channel = at / pixels % layer.outputs;
                *z = (*z - means[channel]) / (variances[channel] + EPSILON).sqrt();
                *z = *z * f64::from(p.gammas[i][channel]) + f64::from(p.betas[i][channel]);
                *z = if last { *z } else { z.max(0.0) };
            }
            used.means.push(means.into_iter().map(|mean| mean as f32).collect());
            used.variances.push(variances.into_iter().map(|variance| variance as f32).collect());
            x = z;
        }
        (x, used)
    }

    fn plain_loss(&self, parameters: &Parameters, dropout: Option<Dropout>) -> f64 {
        let (scores, _) = self.plain_scores(parameters, None, dropout);
        let classes = self.chain.classes();
        let rows = scores.chunks_exact(classes).zip(self.targets.chunks_exact(classes));
        let losses = rows.map(|(scores, targets)| {
            let total = scores.iter().map(|score| score.exp()).sum::<f64>().ln();
            scores.iter().zip(targets).map(|(score, &target)| f64::from(target) * (total - score)).sum::<f64>()
        });
        losses.sum::<f64>() / (scores.len() / classes) as f64
    }
}

fn plain_convolution(layer: &Layer, weights: &[f32], linear: bool, x: &[f64], images: usize) -> Vec<f64> {
    let (side, width, k) = (layer.side, layer.output_side(), layer.kernel);
    let mut z = vec![0.0; images * layer.outputs * width * width];
    for (at, z) in z.iter_mut().enumerate() {
        let (image, output) = (at / (width * width) / layer.outputs, at / (width * width) % layer.outputs);
        let (oy, ox) = (at / width % width, at % width);
        for inner in 0..layer.inputs * k * k {
            let (input, ky, kx) = (inner / (k * k), inner / k % k, inner % k);
            let (y, x_) = (oy * layer.stride + ky, ox * layer.stride + kx);
            let inside = layer.padding..side + layer.padding;
            if inside.contains(&y) && inside.contains(&x_) {
                let from = ((image * layer.inputs + input) * side + y - layer.padding) * side + x_ - layer.padding;
                let place = if linear { inner * layer.outputs + output } else { output * layer.inputs * k * k + inner };
                *z += x[from] * f64::from(weights[place]);
            }
        }
    }
    z
}

fn doubles(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&number| number.into()).collect()
}

fn plain_moments(z: &[f64], images: usize, channels: usize, pixels: usize) -> (Vec<f64>, Vec<f64>) {
    let of = |channel: usize, number: &dyn Fn(f64) -> f64| {
        let own = (0..images).flat_map(|image| &z[(image * channels + channel) * pixels..][..pixels]);
        own.map(|&z| number(z)).sum::<f64>() / (images * pixels) as f64
    };
    let means: Vec<f64> = (0..channels).map(|channel| of(channel, &|z| z)).collect();
    let variances = (0..channels).map(|channel| of(channel, &|z| (z - means[channel]).powi(2))).collect();
    (means, variances)
}

fn assert_close(a: &[Vec<f32>], b: &[Vec<f32>], tolerance: f32) {
    for (a, b) in a.iter().flatten().zip(b.iter().flatten()) {
        assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{a} {b}");
    }
}

const DROPOUT: Option<Dropout> = Some(Dropout { rate: 0.4, seed: 0x1234_5678_9abc });

#[test]
fn reading_is_evaluating_with_running_statistics() {
    for (chain, images) in [(small(), 20), (mixed(), 5), (large(), 2)] {
        let example = Example::new(chain, images);
        let reader = Reader::new(&example.chain, &example.parameters, &example.running);
        let scores = reader.read(&example.pixels);
        let (plain, _) = example.plain_scores(&example.parameters, Some(&example.running), None);
        assert_eq!(scores.len(), plain.len());
        for (&score, plain) in scores.iter().zip(plain) {
            assert!((f64::from(score) - plain).abs() < 1e-4, "{score} {plain}");
        }
        // To the last bit, whatever is read beside an image or was before.
        let alone: Vec<f32> =
            example.pixels.chunks_exact(example.chain.pixels()).flat_map(|pixels| reader.read(pixels)).collect();
        assert_eq!(alone, scores);
    }
}

fn lanes(number: &mut impl FnMut() -> f32) -> Lanes {
    Lanes(std::array::from_fn(|_| number()))
}

/// The weights of a convolution.
fn taps_of(shape: &Convolution, number: &mut impl FnMut() -> f32) -> Vec<Taps> {
    (0..shape.taps()).map(|_| std::array::from_fn(|_| lanes(number))).collect()
}

/// Images of random numbers, their halos zero.
fn laid_out(planes: Planes, images: usize, number: &mut impl FnMut() -> f32) -> Vec<Lanes> {
    let mut all = vec![Lanes::ZERO; images * planes.len()];
    for row in all.chunks_exact_mut(planes.pitch()) {
        row[planes.halo..][..planes.extent.columns].fill_with(|| lanes(number));
    }
    all
}

/// Of every padding, of sides that tiles do not divide, and into outputs with and without halo.
#[test]
fn tiles_convolve_as_the_direct_way_does() {
    let mut number = numbers(3);
    let shapes = [
        (0, 4, [1, 1], 1),
        (0, 9, [1, 2], 3),
        (1, 5, [2, 1], 16),
        (2, 6, [1, 3], 5),
        (2, 13, [2, 5], 2),
        (0, 14, [2, 4], 9),
    ];
    for ((padding, side, [input_blocks, output_blocks], images), halo) in
        shapes.into_iter().flat_map(|shape| [0, 1].map(|halo| (shape, halo)))
    {
        let (input, output) = (Extent::square(side), Extent::square(side + 2 * padding - 2));
        let shape = Convolution { kernel: 3, padding, input_blocks, output_blocks, input, output };
        let planes = Planes { halo, ..shape.output() };
        let inputs = laid_out(shape.input(), images, &mut number);
        let taps = taps_of(&shape, &mut number);
        let bias: Vec<Lanes> = (0..output_blocks).map(|_| lanes(&mut number)).collect();
        let finish = Finish { bias: &bias, floor: 0.1 };
        // Neither way may touch a halo.
        let mut direct = vec![Lanes([9.0; LANES]); images * planes.len()];
        let mut tiled = direct.clone();
        for (input, output) in inputs.chunks_exact(shape.input().len()).zip(direct.chunks_exact_mut(planes.len())) {
            convolve(&shape, input, &taps, finish, output, planes);
        }
        let convolution = TiledConvolution::of(&shape, &taps).expect("tiles help");
        convolution.convolve(&inputs, finish, (&mut tiled, planes), &mut Transformed::default());
        for (tiled, direct) in tiled.iter().zip(&direct).flat_map(|(tiled, direct)| tiled.0.iter().zip(&direct.0)) {
            assert!((tiled - direct).abs() < 1e-5, "{shape:?}: {tiled} {direct}");
        }
    }
}

/// To the last bit, whatever stands beside an image: alone it has one tile here, all have twenty.
#[test]
fn images_do_not_bear_on_one_another() {
    let mut number = numbers(5);
    let (input, output) = (Extent::square(4), Extent::square(2));
    let shape = Convolution { kernel: 3, padding: 0, input_blocks: 2, output_blocks: 2, input, output };
    let taps = taps_of(&shape, &mut number);
    let inputs = laid_out(shape.input(), 20, &mut number);
    let convolution = TiledConvolution::of(&shape, &taps).expect("tiles help");
    let convolved = |inputs: &[Lanes]| {
        let planes = shape.output();
        let mut outputs = vec![Lanes::ZERO; inputs.len() / shape.input().len() * planes.len()];
        let finish = Finish { bias: &[Lanes::ZERO; 2], floor: f32::NEG_INFINITY };
        convolution.convolve(inputs, finish, (&mut outputs, planes), &mut Transformed::default());
        outputs
    };
    let alone: Vec<Lanes> = inputs.chunks_exact(shape.input().len()).flat_map(convolved).collect();
    assert_eq!(alone, convolved(&inputs));
}

#[test]
fn a_step_gives_the_loss_and_statistics_of_plain_loops() {
    for (chain, images) in [(small(), 20), (mixed(), 5), (large(), 3)] {
        let example = Example::new(chain, images);
        let outcome = example.step(DROPOUT);
        let (_, statistics) = example.plain_scores(&example.parameters, None, DROPOUT);
        assert!((outcome.loss - example.plain_loss(&example.parameters, DROPOUT)).abs() < 1e-4);
        assert_close(&outcome.statistics.means, &statistics.means, 1e-4);
        assert_close(&outcome.statistics.variances, &statistics.variances, 1e-4);
    }
}

/// The numbers of one kind of parameter.
type Kind = fn(&mut Parameters) -> &mut Vec<Vec<f32>>;
const KINDS: [Kind; 3] = [|p| &mut p.weights, |p| &mut p.gammas, |p| &mut p.betas];

#[test]
fn gradients_are_slopes_of_the_loss() {
    for (chain, images) in [(small(), 20), (mixed(), 5)] {
        let example = Example::new(chain, images);
        let mut gradients = example.step(DROPOUT).gradients;
        for kind in KINDS {
            for i in 0..example.chain.stages.len() {
                let count = kind(&mut gradients)[i].len();
                assert_eq!(count, kind(&mut example.parameters.clone())[i].len());
                for at in (0..count).step_by(count.div_ceil(12)) {
                    let loss = |change: f32| {
                        let mut parameters = example.parameters.clone();
                        let parameter = &mut kind(&mut parameters)[i][at];
                        *parameter += change;
                        let changed = f64::from(*parameter);
                        (example.plain_loss(&parameters, DROPOUT), changed)
                    };
                    let ((up, right), (down, left)) = (loss(3e-6), loss(-3e-6));
                    let (slope, gradient) = ((up - down) / (right - left), f64::from(kind(&mut gradients)[i][at]));
                    assert!((slope - gradient).abs() < 1e-4 + 1e-3 * slope.abs(), "{i} {at}: {slope} {gradient}");
                }
            }
        }
    }
}

#[test]
fn gradients_of_the_large_network_are_slopes_along_a_line() {
    let example = Example::new(large(), 2);
    let mut gradients = example.step(DROPOUT).gradients;
    for kind in KINDS {
        let mut slope = 0.0;
        let mut ends = [example.parameters.clone(), example.parameters.clone()];
        let [left, right] = ends.each_mut().map(kind);
        for ((left, right), gradients) in left.iter_mut().zip(right).zip(kind(&mut gradients)) {
            // As long a way for every layer, however small its gradients.
            let step = 1e-4 / gradients.iter().map(|gradient| gradient * gradient).sum::<f32>().sqrt();
            for ((left, right), gradient) in left.iter_mut().zip(right).zip(gradients) {
                *left -= *gradient * step;
                *right += *gradient * step;
                slope += f64::from(*gradient) * f64::from(*right - *left);
            }
        }
        let [down, up] = ends.map(|end| example.plain_loss(&end, DROPOUT));
        assert!((up - down - slope).abs() < 0.02 * slope, "{} {slope}", up - down);
    }
}

#[test]
fn threads_change_nothing() {
    for example in [Example::new(small(), 70), Example::new(mixed(), 40)] {
        check_threads(&example);
    }
}

fn check_threads(example: &Example) {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            (
                example.step(DROPOUT),
                Reader::new(&example.chain, &example.parameters, &example.running).read(&example.pixels),
            )
        })
    };
    let one = on(1);
    assert_eq!(one, on(2));
    assert_eq!(one, on(5));
}

#[test]
fn a_trainer_remembers_nothing() {
    let (large, small) = (Example::new(mixed(), 20), Example::new(mixed(), 5));
    let mut trainer = Trainer::new(&large.chain);
    trainer.step(&large.parameters, &large.pixels, &mut |_| large.targets.clone(), None);
    let again = trainer.step(&small.parameters, &small.pixels, &mut |_| small.targets.clone(), DROPOUT);
    assert_eq!(*again, small.step(DROPOUT));
}

#[test]
fn dropout_drops_its_share() {
    let dropout = Dropout { rate: 0.25, seed: 7 };
    let dropped = (0..40_000).filter(|&index| dropout.factor(index) == 0.0).count();
    assert!((9_700..10_300).contains(&dropped), "{dropped}");
}
