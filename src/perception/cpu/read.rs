//! Scores of images by a trained chain.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use super::convolution::{Convolution, Finish, Planes, Taps, convolve};
use super::lanes::{LANES, Lanes, to_lanes};
use super::norm::affine;
use super::patches::{unfold_pixels, unfold_planes};
use super::stage::Stage;
use super::tiles::{TiledConvolution, Transformed};
use super::{Chain, IMAGES_A_TASK, Parameters, Statistics};

/// Memory for the images of one task, in [`Lanes`]: four megabytes. Large images are read one by one.
const LANES_A_TASK: usize = 1 << 16;

/// A chain with its normalisations folded into its weights.
#[derive(Debug)]
pub(crate) struct Reader {
    chain: Chain,
    folded: Vec<Folded>,
    /// Those not in use.
    buffers: Mutex<Vec<Buffers>>,
}

#[derive(Debug)]
struct Folded {
    convolution: Folding,
    bias: Vec<Lanes>,
}

/// The weights of a convolution, for the way that takes fewer products.
#[derive(Debug)]
enum Folding {
    Direct(Convolution, Vec<Taps>),
    Tiled(TiledConvolution),
}

impl Folding {
    /// [`convolve`], image by image.
    fn convolve(
        &self,
        inputs: &[Lanes],
        finish: Finish<'_>,
        (outputs, planes): (&mut [Lanes], Planes),
        transformed: &mut Transformed,
    ) {
        match self {
            Self::Tiled(convolution) => convolution.convolve(inputs, finish, (outputs, planes), transformed),
            Self::Direct(shape, taps) => {
                let images = inputs.chunks_exact(shape.input().len()).zip(outputs.chunks_exact_mut(planes.len()));
                images.for_each(|(input, output)| convolve(shape, input, taps, finish, output, planes));
            }
        }
    }
}

/// What the stages work on, for the images of one task.
#[derive(Debug)]
struct Buffers {
    /// The inputs of each stage as the kernels see them, then the scores; halos and padding stay zero.
    inputs: Vec<Vec<Lanes>>,
    /// The inputs of each stage that is unfolded, before that.
    plain: Vec<Vec<Lanes>>,
    transformed: Transformed,
}

impl Reader {
    /// `statistics` are the running ones.
    pub(crate) fn new(chain: &Chain, parameters: &Parameters, statistics: &Statistics) -> Self {
        let fold = |(i, stage): (usize, &Stage)| {
            let (scales, shifts) =
                affine(&statistics.means[i], &statistics.variances[i], &parameters.gammas[i], &parameters.betas[i]);
            let mut taps = vec![[Lanes::ZERO; LANES]; stage.shape.taps()];
            stage.pack(&parameters.weights[i], &scales, &mut taps);
            let tiled = TiledConvolution::of(&stage.shape, &taps).map(Folding::Tiled);
            Folded {
                convolution: tiled.unwrap_or(Folding::Direct(stage.shape, taps)),
                bias: to_lanes(shifts.into_iter()),
            }
        };
        let folded = chain.stages.iter().enumerate().map(fold).collect();
        Self { chain: chain.clone(), folded, buffers: Mutex::default() }
    }

    /// Scores (images, classes) of pixels (images, channels, rows, columns).
    pub(crate) fn read(&self, pixels: &[f32]) -> Vec<f32> {
        let (size, classes) = (self.chain.pixels(), self.chain.classes());
        let images = self.images_a_task();
        let mut scores = vec![0.0; pixels.len() / size * classes];
        let tasks = scores.par_chunks_mut(classes * images).zip(pixels.par_chunks(size * images));
        tasks.for_each(|(scores, pixels)| {
            let kept = self.kept().pop();
            let mut buffers = kept.unwrap_or_else(|| self.buffers(images));
            self.read_some(pixels, &mut buffers, scores);
            self.kept().push(buffers);
        });
        scores
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Buffers>> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an image gives does not depend on it.
    fn images_a_task(&self) -> usize {
        let an_image: usize = self.chain.stages.iter().map(|stage| stage.shape.input().len()).sum();
        (LANES_A_TASK / an_image).clamp(1, IMAGES_A_TASK)
    }

    fn buffers(&self, images: usize) -> Buffers {
        let stages = &self.chain.stages;
        let scores = self.chain.last().shape.output().len();
        let lengths = stages.iter().map(|stage| stage.shape.input().len()).chain([scores]);
        let plain = stages.iter().map(|stage| if stage.unfolded { stage.plain_input().len() } else { 0 });
        let zeros = |length| vec![Lanes::ZERO; images * length];
        Buffers {
            inputs: lengths.map(zeros).collect(),
            plain: plain.map(zeros).collect(),
            transformed: Transformed::default(),
        }
    }

    /// No more images than there are buffers for.
    fn read_some(&self, pixels: &[f32], buffers: &mut Buffers, scores: &mut [f32]) {
        let Buffers { inputs, plain, transformed } = buffers;
        let (stages, size) = (&self.chain.stages, self.chain.pixels());
        let images = pixels.len() / size;
        let first = &stages[0];
        for (pixels, patches) in pixels.chunks_exact(size).zip(inputs[0].chunks_exact_mut(first.shape.input().len())) {
            unfold_pixels(&first.layer, pixels, patches);
        }
        for (i, (stage, Folded { convolution, bias })) in stages.iter().zip(&self.folded).enumerate() {
            let finish = Finish { bias, floor: if self.chain.is_last(i) { f32::NEG_INFINITY } else { 0.0 } };
            let (before, after) = inputs.split_at_mut(i + 1);
            let input = &before[i][..images * stage.shape.input().len()];
            match stages.get(i + 1) {
                Some(next) if next.unfolded => {
                    let planes = next.plain_input();
                    let plain = &mut plain[i + 1][..images * planes.len()];
                    convolution.convolve(input, finish, (plain, planes), transformed);
                    let patches = after[0].chunks_exact_mut(next.shape.input().len());
                    for (plain, patches) in plain.chunks_exact(planes.len()).zip(patches) {
                        unfold_planes(&next.layer, plain, patches);
                    }
                }
                next => {
                    let planes = next.map_or(stage.shape.output(), |next| next.shape.input());
                    let output = &mut after[0][..images * planes.len()];
                    convolution.convolve(input, finish, (output, planes), transformed);
                }
            }
        }
        let classes = self.chain.classes();
        let last = inputs[stages.len()].chunks_exact(self.chain.last().shape.output_blocks);
        for (scores, blocks) in scores.chunks_exact_mut(classes).zip(last) {
            for (class, score) in scores.iter_mut().enumerate() {
                *score = blocks[class / LANES].0[class % LANES];
            }
        }
    }
}
