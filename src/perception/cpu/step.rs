//! The gradients of a training step.

use rayon::prelude::*;

use super::convolution::{Finish, Taps, add_weight_gradient, convolve};
use super::lanes::{LANES, Lanes};
use super::norm::{Dropout, Norm, drop_features, moments};
use super::patches::{fold, unfold_pixels, unfold_planes};
use super::stage::Stage;
use super::{Chain, IMAGES_A_TASK, Parameters, Statistics, softmax};

/// Computes training steps, in memory kept from one to the next.
#[derive(Debug)]
pub(crate) struct Trainer {
    chain: Chain,
    stages: Vec<StageState>,
    /// For each task.
    scratch: Vec<Scratch>,
    /// Image by image, the gradient by the outputs of the stage at hand and that by its input.
    gradients: [Vec<Lanes>; 2],
    /// Task by task, the gradient by the weights of the stage at hand.
    products: Vec<Taps>,
    /// The bias of convolutions without.
    no_bias: Vec<Lanes>,
    outcome: Outcome,
}

/// What a step yields.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    /// The mean cross entropy.
    pub(crate) loss: f64,
    /// Of the loss by the parameters.
    pub(crate) gradients: Parameters,
    /// Of the batch, for the running statistics.
    pub(crate) statistics: Statistics,
}

/// What a step is given.
#[derive(Clone, Copy)]
struct Batch<'a> {
    parameters: &'a Parameters,
    images: usize,
    pixels: &'a [f32],
    dropout: Option<Dropout>,
}

/// What is known of one stage during a step.
#[derive(Debug, Default)]
struct StageState {
    weights: Vec<Taps>,
    transposed: Vec<Taps>,
    /// Image by image, the outputs before normalisation.
    z: Vec<Lanes>,
    /// Image by image: on the way forward the moments of z, on the way back the sums for the
    /// gradients of the normalisation.
    sums: Vec<[Lanes; 2]>,
    norm: Norm,
}

/// What a stage needs for one image.
#[derive(Debug, Default)]
struct Scratch {
    /// Its input before unfolding.
    plain: Vec<Lanes>,
    /// Its input as the kernels see it.
    input: Vec<Lanes>,
    /// The gradient by z.
    outer: Vec<Lanes>,
    /// The gradient by unfolded input.
    patches: Vec<Lanes>,
}

impl Scratch {
    /// Makes room for a stage, its halos and padding zero.
    fn reset(&mut self, stage: &Stage) {
        let shape = &stage.shape;
        let (plain, patches) = if stage.unfolded { (stage.plain_input().len(), shape.input().len()) } else { (0, 0) };
        let lengths = [plain, shape.input().len(), shape.transposed().input().len(), patches];
        for (buffer, length) in
            [&mut self.plain, &mut self.input, &mut self.outer, &mut self.patches].into_iter().zip(lengths)
        {
            buffer.clear();
            buffer.resize(length, Lanes::ZERO);
        }
    }
}

/// Where a stage takes its input from.
#[derive(Clone, Copy)]
struct Source<'a> {
    stage: &'a Stage,
    /// None for the first stage, which reads pixels.
    before: Option<&'a StageState>,
    pixels: &'a [f32],
    /// Only for the linear layer.
    dropout: Option<Dropout>,
}

impl Source<'_> {
    /// Outputs of the stage before for one image; 0 before the first.
    fn len(&self) -> usize {
        if self.before.is_some() { self.stage.plain_input().len() } else { 0 }
    }

    fn z(&self, image: usize) -> Option<(&StageState, &[Lanes])> {
        self.before.map(|before| (before, &before.z[image * self.len()..][..self.len()]))
    }

    /// Sets the input of one image.
    fn load(&self, image: usize, scratch: &mut Scratch) {
        let layer = &self.stage.layer;
        let Some((before, z)) = self.z(image) else {
            let pixels = &self.pixels[image * layer.inputs * layer.side * layer.side..];
            return unfold_pixels(layer, pixels, &mut scratch.input);
        };
        if self.stage.unfolded {
            before.norm.activate(z, &mut scratch.plain, self.stage.plain_input());
            unfold_planes(layer, &scratch.plain, &mut scratch.input);
        } else {
            before.norm.activate(z, &mut scratch.input, self.stage.shape.input());
        }
        if let Some(dropout) = self.dropout {
            drop_features(dropout, image, layer.inputs, &mut scratch.input);
        }
    }

    /// From the gradient by the stage's z, that by the normalised outputs of the stage before,
    /// and its sums.
    fn pass_back(
        &self,
        image: usize,
        weights: &[Taps],
        finish: Finish<'_>,
        scratch: &mut Scratch,
        (gradient, sums): (&mut [Lanes], &mut [[Lanes; 2]]),
    ) {
        let Some((before, z)) = self.z(image) else { return };
        let back = self.stage.shape.transposed();
        if self.stage.unfolded {
            convolve(&back, &scratch.outer, weights, finish, &mut scratch.patches, back.output());
            fold(&self.stage.layer, &scratch.patches, gradient);
        } else {
            convolve(&back, &scratch.outer, weights, finish, gradient, back.output());
        }
        if let Some(dropout) = self.dropout {
            drop_features(dropout, image, self.stage.layer.inputs, gradient);
        }
        before.norm.gate(z, gradient, sums);
    }
}

impl Trainer {
    pub(crate) fn new(chain: &Chain) -> Self {
        let blocks = |stage: &Stage| stage.shape.output_blocks.max(stage.shape.input_blocks);
        Self {
            chain: chain.clone(),
            stages: chain.stages.iter().map(|_| StageState::default()).collect(),
            scratch: Vec::new(),
            gradients: Default::default(),
            products: Vec::new(),
            no_bias: vec![Lanes::ZERO; chain.stages.iter().map(blocks).max().unwrap_or(0)],
            outcome: Outcome::default(),
        }
    }

    /// The mean cross entropy of a batch, with its gradients and statistics.
    ///
    /// `pixels` are (images, channels, rows, columns); `targets` gives the wanted distributions
    /// (images, classes) once the probabilities are known.
    ///
    /// # Panics
    /// Unless there are as many targets as images, and at least one.
    pub(crate) fn step(
        &mut self,
        parameters: &Parameters,
        pixels: &[f32],
        targets: &mut dyn FnMut(Vec<f32>) -> Vec<f32>,
        dropout: Option<Dropout>,
    ) -> &Outcome {
        let images = pixels.len() / self.chain.pixels();
        assert!(images > 0, "no batch norm of nothing");
        self.scratch.resize_with(images.div_ceil(IMAGES_A_TASK), Scratch::default);
        self.pack(parameters);
        let batch = Batch { parameters, images, pixels, dropout };
        for i in 0..self.stages.len() {
            self.forward(i, batch);
        }
        let targets = targets(self.probabilities());
        assert_eq!(targets.len(), images * self.chain.classes(), "one distribution an image");
        self.score(&targets, images);
        for i in (0..self.stages.len()).rev() {
            self.backward(i, batch);
        }
        self.report();
        &self.outcome
    }

    fn pack(&mut self, parameters: &Parameters) {
        for (i, (stage, state)) in self.chain.stages.iter().zip(&mut self.stages).enumerate() {
            let zero = [Lanes::ZERO; LANES];
            state.weights.resize(stage.shape.taps(), zero);
            stage.pack(&parameters.weights[i], &vec![1.0; stage.layer.outputs], &mut state.weights);
            if i > 0 {
                state.transposed.resize(stage.shape.taps(), zero);
                stage.pack_transposed(&parameters.weights[i], &mut state.transposed);
            }
        }
        self.outcome.gradients.weights.resize_with(self.stages.len(), Vec::new);
        self.outcome.gradients.gammas.resize_with(self.stages.len(), Vec::new);
        self.outcome.gradients.betas.resize_with(self.stages.len(), Vec::new);
    }

    fn forward(&mut self, i: usize, batch: Batch<'_>) {
        let Batch { parameters, images, pixels, dropout } = batch;
        let stage = &self.chain.stages[i];
        let (before, rest) = self.stages.split_at_mut(i);
        let StageState { weights, z, sums, norm, .. } = &mut rest[0];
        let dropout = dropout.filter(|_| self.chain.is_last(i));
        let source = Source { stage, before: before.last(), pixels, dropout };
        let (outputs, blocks) = (stage.shape.output().len(), stage.shape.output_blocks);
        z.resize(images * outputs, Lanes::ZERO);
        sums.resize(images * blocks, [Lanes::ZERO; 2]);
        let finish = Finish { bias: &self.no_bias, floor: f32::NEG_INFINITY };
        let tasks = z.par_chunks_mut(outputs * IMAGES_A_TASK).zip(sums.par_chunks_mut(blocks * IMAGES_A_TASK));
        tasks.zip(&mut self.scratch).enumerate().for_each(|(task, ((z, sums), scratch))| {
            scratch.reset(stage);
            for (i, (z, sums)) in z.chunks_exact_mut(outputs).zip(sums.chunks_exact_mut(blocks)).enumerate() {
                source.load(task * IMAGES_A_TASK + i, scratch);
                convolve(&stage.shape, &scratch.input, weights, finish, z, stage.shape.output());
                moments(z, sums);
            }
        });
        norm.set_batch(sums, stage.shape.output.pixels(), &parameters.gammas[i], &parameters.betas[i]);
    }

    /// What the network says now, (images, classes).
    fn probabilities(&self) -> Vec<f32> {
        let (classes, blocks) = (self.chain.classes(), self.chain.last().shape.output_blocks);
        let StageState { z, norm, .. } = &self.stages[self.stages.len() - 1];
        let scores = |z: &[Lanes]| -> Vec<f32> {
            (0..classes).map(|class| norm.apply(class, z[class / LANES].0[class % LANES])).collect()
        };
        let mut all: Vec<f32> = z.chunks_exact(blocks).flat_map(scores).collect();
        all.chunks_exact_mut(classes).for_each(softmax);
        all
    }

    /// Sets the loss and the gradients by the scores.
    fn score(&mut self, targets: &[f32], images: usize) {
        let (classes, blocks) = (self.chain.classes(), self.chain.last().shape.output_blocks);
        let last = self.stages.len() - 1;
        let StageState { z, sums, norm, .. } = &mut self.stages[last];
        let gradients = &mut self.gradients[0];
        gradients.clear();
        gradients.resize(images * blocks, Lanes::ZERO);
        let mut loss = 0.0;
        let rows = z.chunks_exact(blocks).zip(gradients.chunks_exact_mut(blocks)).zip(sums.chunks_exact_mut(blocks));
        for (((z, gradients), sums), targets) in rows.zip(targets.chunks_exact(classes)) {
            let score = |class: usize| f64::from(norm.apply(class, z[class / LANES].0[class % LANES]));
            let highest = (0..classes).map(score).fold(f64::NEG_INFINITY, f64::max);
            let total = (0..classes).map(|class| (score(class) - highest).exp()).sum::<f64>();
            let mass = targets.iter().map(|&target| f64::from(target)).sum::<f64>();
            for (class, &target) in targets.iter().enumerate() {
                let logarithm = score(class) - highest - total.ln();
                loss -= f64::from(target) * logarithm;
                let gradient = (logarithm.exp() * mass - f64::from(target)) / images as f64;
                gradients[class / LANES].0[class % LANES] = gradient as f32;
            }
            norm.sum(z, gradients, sums);
        }
        self.outcome.loss = loss / images as f64;
    }

    fn backward(&mut self, i: usize, batch: Batch<'_>) {
        let Batch { parameters, images, pixels, dropout } = batch;
        let stage = &self.chain.stages[i];
        let shape = &stage.shape;
        let (before, rest) = self.stages.split_at_mut(i);
        let StageState { transposed, z, sums, norm, .. } = &mut rest[0];
        let count = images * shape.output.pixels();
        let gradients = &mut self.outcome.gradients;
        (gradients.gammas[i], gradients.betas[i]) = norm.set_gradients(sums, count, &parameters.gammas[i]);

        // The sums of the stage before are taken out of it, as its other state is read meanwhile.
        let mut inner_sums = before.last_mut().map_or(Vec::new(), |before| std::mem::take(&mut before.sums));
        let dropout = dropout.filter(|_| self.chain.is_last(i));
        let source = Source { stage, before: before.last(), pixels, dropout };
        let [outer, inner] = &mut self.gradients;
        // For the first stage there is nothing to compute but tasks must be as many.
        let (outputs, inputs) = (shape.output().len(), source.len().max(1));
        let input_blocks = stage.plain_input().blocks;
        inner.resize(images * inputs, Lanes::ZERO);
        inner_sums.resize(images * input_blocks, [Lanes::ZERO; 2]);
        self.products.resize(self.scratch.len() * shape.taps(), [Lanes::ZERO; LANES]);

        let finish = Finish { bias: &self.no_bias, floor: f32::NEG_INFINITY };
        let tasks =
            inner.par_chunks_mut(inputs * IMAGES_A_TASK).zip(inner_sums.par_chunks_mut(input_blocks * IMAGES_A_TASK));
        let tasks = tasks.zip(self.products.par_chunks_mut(shape.taps())).zip(&mut self.scratch);
        tasks.enumerate().for_each(|(task, (((inner, inner_sums), products), scratch))| {
            scratch.reset(stage);
            products.fill([Lanes::ZERO; LANES]);
            let inners = inner.chunks_exact_mut(inputs).zip(inner_sums.chunks_exact_mut(input_blocks));
            for (i, (inner, inner_sums)) in inners.enumerate() {
                let image = task * IMAGES_A_TASK + i;
                let own = image * outputs..(image + 1) * outputs;
                source.load(image, scratch);
                norm.by_input(&z[own.clone()], &outer[own], &mut scratch.outer, shape.transposed().input());
                add_weight_gradient(shape, &scratch.input, &scratch.outer, products);
                source.pass_back(image, transposed, finish, scratch, (inner, inner_sums));
            }
        });
        if let Some(before) = before.last_mut() {
            before.sums = inner_sums;
        }
        self.gradients.swap(0, 1);
        let weights = &mut gradients.weights[i];
        weights.resize(parameters.weights[i].len(), 0.0);
        stage.unpack(total(&mut self.products, shape.taps()), weights);
    }

    fn report(&mut self) {
        let of_stages =
            |number: fn(&Norm) -> &Vec<f32>| self.stages.iter().map(|state| number(&state.norm).clone()).collect();
        self.outcome.statistics =
            Statistics { means: of_stages(|norm| &norm.mean), variances: of_stages(|norm| &norm.variance) };
    }
}

/// The sum of all parts of this length, left in the first.
fn total(parts: &mut [Taps], length: usize) -> &[Taps] {
    let (first, rest) = parts.split_at_mut(length);
    first.par_iter_mut().with_min_len(64).enumerate().for_each(|(at, sum)| {
        for part in rest.chunks_exact(length) {
            for (sum, lanes) in sum.iter_mut().zip(&part[at]) {
                *sum = sum.plus(lanes);
            }
        }
    });
    first
}
