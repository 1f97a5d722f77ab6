//! Batch normalisation, ReLU and dropout, and their gradients.

use multiversion::multiversion;
use multiversion::target::match_target;

use super::EPSILON;
use super::convolution::Planes;
use super::lanes::{LANES, Lanes, Machine, Narrow, Plain, Wide, apart, to_lanes};

/// Defines a function compiled for each [`Machine`] from a generic one of the same arguments.
macro_rules! for_machines {
    ($(#[$doc:meta])* $name:ident = $generic:ident($($argument:ident: $type:ty),* $(,)?)) => {
        $(#[$doc])*
        #[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
        pub(super) fn $name($($argument: $type),*) {
            match_target! {
                "x86_64+avx512f+avx512vl" => $generic::<Wide>($($argument),*),
                "x86_64+avx2+fma" => $generic::<Narrow>($($argument),*),
                "aarch64+neon" => $generic::<Narrow>($($argument),*),
                _ => $generic::<Plain>($($argument),*),
            }
        }
    };
}

/// The batch normalisation of one layer's outputs, for one batch.
#[derive(Debug, Default)]
pub(super) struct Norm {
    pub(super) mean: Vec<f32>,
    pub(super) variance: Vec<f32>,
    means: Vec<Lanes>,
    /// The normalisation is `scale * z + shift`.
    scale: Vec<Lanes>,
    shift: Vec<Lanes>,
    /// The gradient by z is `slopes[0] * gradient + slopes[1] * z + slopes[2]`.
    slopes: [Vec<Lanes>; 3],
}

fn inverse_deviation(variance: f32) -> f64 {
    (f64::from(variance) + EPSILON).sqrt().recip()
}

/// Factor and summand of each output's normalisation.
pub(super) fn affine(mean: &[f32], variance: &[f32], gamma: &[f32], beta: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let scale = gamma.iter().zip(variance).map(|(&gamma, &variance)| f64::from(gamma) * inverse_deviation(variance));
    let shift = |((scale, &mean), &beta): ((f64, &f32), &f32)| (f64::from(beta) - scale * f64::from(mean)) as f32;
    (scale.clone().map(|scale| scale as f32).collect(), scale.zip(mean).zip(beta).map(shift).collect())
}

impl Norm {
    /// From what [`moments`] gave for every image, each of `pixels` pixels.
    pub(super) fn set_batch(&mut self, moments: &[[Lanes; 2]], pixels: usize, gamma: &[f32], beta: &[f32]) {
        let blocks = gamma.len().div_ceil(LANES);
        let images = (moments.len() / blocks) as f64;
        let average = |channel: usize, number: &dyn Fn(f64, f64) -> f64| {
            let of_images = moments.iter().skip(channel / LANES).step_by(blocks);
            let lane = channel % LANES;
            of_images.map(|[mean, spread]| number(mean.0[lane].into(), spread.0[lane].into())).sum::<f64>() / images
        };
        self.mean.clear();
        self.variance.clear();
        for channel in 0..gamma.len() {
            let mean = average(channel, &|mean, _| mean);
            let variance = average(channel, &|own, spread| spread / pixels as f64 + (own - mean) * (own - mean));
            self.mean.push(mean as f32);
            self.variance.push(variance as f32);
        }
        let (scale, shift) = affine(&self.mean, &self.variance, gamma, beta);
        self.means = to_lanes(self.mean.iter().copied());
        self.scale = to_lanes(scale.into_iter());
        self.shift = to_lanes(shift.into_iter());
    }

    /// From what [`gate`] gave for every image, the gradients by gamma and beta; readies
    /// [`Self::by_input`]. `count` is the number of images times pixels.
    pub(super) fn set_gradients(&mut self, sums: &[[Lanes; 2]], count: usize, gamma: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let blocks = gamma.len().div_ceil(LANES);
        let (mut by_gamma, mut by_beta) = (Vec::new(), Vec::new());
        let mut slopes = [(); 3].map(|()| Vec::new());
        for (channel, &gamma) in gamma.iter().enumerate() {
            let lane = channel % LANES;
            let of_images = sums.iter().skip(channel / LANES).step_by(blocks);
            let (sum, product) = of_images.fold((0.0, 0.0), |(sum, product), images| {
                (sum + f64::from(images[0].0[lane]), product + f64::from(images[1].0[lane]))
            });
            let inverse = inverse_deviation(self.variance[channel]);
            let factor = f64::from(gamma) * inverse;
            let slope = -factor * inverse * inverse * product / count as f64;
            slopes[0].push(factor as f32);
            slopes[1].push(slope as f32);
            slopes[2].push((-factor * sum / count as f64 - slope * f64::from(self.mean[channel])) as f32);
            by_gamma.push((product * inverse) as f32);
            by_beta.push(sum as f32);
        }
        self.slopes = slopes.map(|slope| to_lanes(slope.into_iter()));
        (by_gamma, by_beta)
    }

    /// The normalised number of one channel.
    pub(super) fn apply(&self, channel: usize, z: f32) -> f32 {
        let (block, lane) = (channel / LANES, channel % LANES);
        z * self.scale[block].0[lane] + self.shift[block].0[lane]
    }

    /// `output = relu(scale * z + shift)`, z without halo, the output with that of `planes`.
    pub(super) fn activate(&self, z: &[Lanes], output: &mut [Lanes], planes: Planes) {
        activate(&self.scale, &self.shift, z, output, planes);
    }

    /// Makes of the gradient by the outputs of the ReLU that by its inputs, and sums it.
    pub(super) fn gate(&self, z: &[Lanes], gradient: &mut [Lanes], sums: &mut [[Lanes; 2]]) {
        gate([&self.scale, &self.shift, &self.means], z, gradient, sums);
    }

    /// The sums [`Self::gate`] gives, of one image of one pixel that no ReLU follows.
    pub(super) fn sum(&self, z: &[Lanes], gradient: &[Lanes], sums: &mut [[Lanes; 2]]) {
        for (block, sums) in sums.iter_mut().enumerate() {
            let difference = z[block].minus(&self.means[block]);
            *sums = [gradient[block], Lanes::ZERO.plus_product::<Plain>(&gradient[block], &difference)];
        }
    }

    /// The gradient by z, with the halo of `planes`, from that by the normalised.
    pub(super) fn by_input(&self, z: &[Lanes], gradient: &[Lanes], output: &mut [Lanes], planes: Planes) {
        let [by_gradient, by_z, constant] = &self.slopes;
        combine([by_gradient, by_z, constant], gradient, z, output, planes);
    }
}

for_machines! {
    /// The mean over an image's pixels of each block of channels, and the sum of squares about it.
    moments = moments_of(z: &[Lanes], moments: &mut [[Lanes; 2]])
}

#[inline(always)]
fn moments_of<M: Machine>(z: &[Lanes], moments: &mut [[Lanes; 2]]) {
    let pixels = z.len() / moments.len();
    for (z, moments) in z.chunks_exact(pixels).zip(moments) {
        let mean = sum_about::<M, false>(z, &Lanes::ZERO).times(1.0 / pixels as f32);
        *moments = [mean, sum_about::<M, true>(z, &mean)];
    }
}

/// The sum of differences from `centre`, or of their squares.
#[inline(always)]
fn sum_about<M: Machine, const SQUARED: bool>(z: &[Lanes], centre: &Lanes) -> Lanes {
    // Four sums, as one alone would wait for itself.
    let mut sums = [Lanes::ZERO; 4];
    let (quads, rest) = z.as_chunks::<4>();
    for quad in quads {
        for i in 0..4 {
            let difference = quad[i].minus(centre);
            let term = if SQUARED { Lanes::ZERO.plus_product::<M>(&difference, &difference) } else { difference };
            sums[i] = sums[i].plus(&term);
            apart();
        }
    }
    for z in rest {
        let difference = z.minus(centre);
        let term = if SQUARED { Lanes::ZERO.plus_product::<M>(&difference, &difference) } else { difference };
        sums[0] = sums[0].plus(&term);
        apart();
    }
    sums[0].plus(&sums[1]).plus(&sums[2].plus(&sums[3]))
}

for_machines! {
    activate = activate_by(scale: &[Lanes], shift: &[Lanes], z: &[Lanes], output: &mut [Lanes], planes: Planes)
}

#[inline(always)]
fn activate_by<M: Machine>(scale: &[Lanes], shift: &[Lanes], z: &[Lanes], output: &mut [Lanes], planes: Planes) {
    for (at, z) in z.chunks_exact(planes.extent.columns).enumerate() {
        let (block, y) = (at / planes.extent.rows, at % planes.extent.rows);
        let row = &mut output[planes.row(block, y)..][..planes.extent.columns];
        for (own, z) in row.iter_mut().zip(z) {
            *own = shift[block].plus_product::<M>(z, &scale[block]).at_least(0.0);
            apart();
        }
    }
}

for_machines! {
    gate = gate_by(norm: [&[Lanes]; 3], z: &[Lanes], gradient: &mut [Lanes], sums: &mut [[Lanes; 2]])
}

#[inline(always)]
fn gate_by<M: Machine>(
    [scale, shift, means]: [&[Lanes]; 3],
    z: &[Lanes],
    gradient: &mut [Lanes],
    sums: &mut [[Lanes; 2]],
) {
    let pixels = z.len() / sums.len();
    let planes = z.chunks_exact(pixels).zip(gradient.chunks_exact_mut(pixels));
    for (block, ((z, gradient), sums)) in planes.zip(sums).enumerate() {
        let (mut sum, mut product) = (Lanes::ZERO, Lanes::ZERO);
        for (z, gradient) in z.iter().zip(gradient) {
            let own = gradient.where_positive(&shift[block].plus_product::<M>(z, &scale[block]));
            sum = sum.plus(&own);
            product = product.plus_product::<M>(&own, &z.minus(&means[block]));
            *gradient = own;
            apart();
        }
        *sums = [sum, product];
    }
}

for_machines! {
    combine = combine_by(slopes: [&[Lanes]; 3], a: &[Lanes], b: &[Lanes], output: &mut [Lanes], planes: Planes)
}

#[inline(always)]
fn combine_by<M: Machine>(
    [by_a, by_b, constant]: [&[Lanes]; 3],
    a: &[Lanes],
    b: &[Lanes],
    output: &mut [Lanes],
    planes: Planes,
) {
    let rows = a.chunks_exact(planes.extent.columns).zip(b.chunks_exact(planes.extent.columns));
    for (at, (a, b)) in rows.enumerate() {
        let (block, y) = (at / planes.extent.rows, at % planes.extent.rows);
        let row = &mut output[planes.row(block, y)..][..planes.extent.columns];
        for (own, (a, b)) in row.iter_mut().zip(a.iter().zip(b)) {
            *own = constant[block].plus_product::<M>(a, &by_a[block]).plus_product::<M>(b, &by_b[block]);
            apart();
        }
    }
}

/// Features of the linear layer left out at random, the others scaled up to make up for them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dropout {
    /// The share of features left out, less than 1.
    pub(crate) rate: f32,
    /// Each seed leaves out others.
    pub(crate) seed: u64,
}

impl Dropout {
    /// What the feature at `index`, counted through all images of the batch, is multiplied with.
    #[inline(always)]
    pub(crate) fn factor(self, index: u32) -> f32 {
        let hash = scramble(scramble(index ^ self.seed as u32) ^ (self.seed >> 32) as u32);
        // The upper 24 bits, which f32 holds exactly.
        let share = (hash >> 8) as f32 * (1.0 / 16_777_216.0);
        if share < self.rate { 0.0 } else { 1.0 / (1.0 - self.rate) }
    }
}

/// A permutation of the 32-bit numbers in which every bit depends on every other.
#[inline(always)]
fn scramble(mut x: u32) -> u32 {
    x = (x ^ x >> 16).wrapping_mul(0x7feb_352d);
    x = (x ^ x >> 15).wrapping_mul(0x846c_a68b);
    x ^ x >> 16
}

/// Drops some of the features, or of the gradients by them, of the image of this number:
/// `channels` channels without halo.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub(super) fn drop_features(dropout: Dropout, image: usize, channels: usize, features: &mut [Lanes]) {
    let pixels = features.len() / channels.div_ceil(LANES);
    for (block, plane) in features.chunks_exact_mut(pixels).enumerate() {
        for (pixel, lanes) in plane.iter_mut().enumerate() {
            let first = ((image * channels + block * LANES) * pixels + pixel) as u32;
            for lane in 0..LANES {
                lanes.0[lane] *= dropout.factor(first.wrapping_add((lane * pixels) as u32));
            }
            apart();
        }
    }
}
