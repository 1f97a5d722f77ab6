//! Scores of images by a trained chain.

use rayon::prelude::*;

use super::convolution::{Finish, Taps, convolve};
use super::lanes::{LANES, Lanes, to_lanes};
use super::norm::affine;
use super::patches::unfold;
use super::{Chain, IMAGES_A_TASK, Parameters, Statistics};

/// A chain with its normalisations folded into its weights.
#[derive(Debug)]
pub(crate) struct Reader {
    chain: Chain,
    folded: Vec<Folded>,
}

#[derive(Debug)]
struct Folded {
    weights: Vec<Taps>,
    bias: Vec<Lanes>,
}

/// What the stages work on; halos and padding stay zero.
struct Buffers {
    /// The input of each stage as the kernels see it, then the scores.
    inputs: Vec<Vec<Lanes>>,
    /// The input of each stage that is unfolded, before that.
    plain: Vec<Vec<Lanes>>,
}

impl Reader {
    /// `statistics` are the running ones.
    pub(crate) fn new(chain: &Chain, parameters: &Parameters, statistics: &Statistics) -> Self {
        let fold = |(i, stage): (usize, &super::Stage)| {
            let (scales, shifts) =
                affine(&statistics.means[i], &statistics.variances[i], &parameters.gammas[i], &parameters.betas[i]);
            let mut weights = vec![[Lanes::ZERO; LANES]; stage.shape.taps()];
            stage.pack(&parameters.weights[i], &scales, &mut weights);
            Folded { weights, bias: to_lanes(shifts.into_iter()) }
        };
        Self { chain: chain.clone(), folded: chain.stages.iter().enumerate().map(fold).collect() }
    }

    /// Scores (images, classes) of pixels (images, channels, rows, columns).
    pub(crate) fn read(&self, pixels: &[f32]) -> Vec<f32> {
        let (size, classes) = (self.chain.pixels(), self.chain.classes());
        let mut scores = vec![0.0; pixels.len() / size * classes];
        let tasks = scores.par_chunks_mut(classes * IMAGES_A_TASK).zip(pixels.par_chunks(size * IMAGES_A_TASK));
        tasks.for_each_init(
            || self.buffers(),
            |buffers, (scores, pixels)| {
                for (scores, pixels) in scores.chunks_exact_mut(classes).zip(pixels.chunks_exact(size)) {
                    self.read_one(pixels, buffers, scores);
                }
            },
        );
        scores
    }

    fn buffers(&self) -> Buffers {
        let stages = &self.chain.stages;
        let scores = self.chain.last().shape.output().len();
        let lengths = stages.iter().map(|stage| stage.shape.input().len()).chain([scores]);
        let plain = stages.iter().map(|stage| if stage.unfolded { stage.plain_input().len() } else { 0 });
        let zeros = |length| vec![Lanes::ZERO; length];
        Buffers { inputs: lengths.map(zeros).collect(), plain: plain.map(zeros).collect() }
    }

    fn read_one(&self, pixels: &[f32], buffers: &mut Buffers, scores: &mut [f32]) {
        let stages = &self.chain.stages;
        let first = &stages[0].layer;
        unfold(first, |c, y, x| pixels[(c * first.side + y) * first.side + x], &mut buffers.inputs[0]);
        for (i, (stage, folded)) in stages.iter().zip(&self.folded).enumerate() {
            let finish =
                Finish { bias: &folded.bias, floor: if self.chain.is_last(i) { f32::NEG_INFINITY } else { 0.0 } };
            let (inputs, outputs) = buffers.inputs.split_at_mut(i + 1);
            match stages.get(i + 1) {
                Some(next) if next.unfolded => {
                    let plain = &mut buffers.plain[i + 1];
                    convolve(&stage.shape, &inputs[i], &folded.weights, finish, plain, next.plain_input());
                    let side = next.layer.side;
                    let number = |c: usize, y: usize, x: usize| plain[(c / LANES * side + y) * side + x].0[c % LANES];
                    unfold(&next.layer, number, &mut outputs[0]);
                }
                next => {
                    let planes = next.map_or(stage.shape.output(), |next| next.shape.input());
                    convolve(&stage.shape, &inputs[i], &folded.weights, finish, &mut outputs[0], planes);
                }
            }
        }
        let last = &buffers.inputs[stages.len()];
        for (class, score) in scores.iter_mut().enumerate() {
            *score = last[class / LANES].0[class % LANES];
        }
    }
}
