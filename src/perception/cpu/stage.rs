//! A layer as the kernels see it, and its weights in their layout.

use rayon::prelude::*;

use super::Layer;
use super::convolution::{Convolution, Extent, Planes, Taps};
use super::lanes::{LANES, Lanes};

/// A layer and the convolution of stride 1 that does its work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stage {
    pub(super) layer: Layer,
    /// Whether the kernels see patches of the input (see `patches`), as many channels as a patch
    /// has numbers, and a kernel of 1×1.
    pub(super) unfolded: bool,
    pub(super) shape: Convolution,
    /// Whether weights are ordered by input first, as those of linear layers are.
    input_major: bool,
}

impl Stage {
    /// Strided layers are unfolded, and the first, whose few channels would fill no [`Lanes`].
    pub(super) fn convolution(layer: Layer, first: bool) -> Self {
        let output_side = layer.output_side();
        let unfolded = first || layer.stride > 1;
        let (kernel, padding, inputs, input_side) = if unfolded {
            (1, 0, layer.weights_an_output(), output_side)
        } else {
            (layer.kernel, layer.padding, layer.inputs, layer.side)
        };
        let (input_blocks, output_blocks) = (inputs.div_ceil(LANES), layer.outputs.div_ceil(LANES));
        let (input, output) = (Extent::square(input_side), Extent::square(output_side));
        let shape = Convolution { kernel, padding, input_blocks, output_blocks, input, output };
        Self { layer, unfolded, shape, input_major: false }
    }

    pub(super) fn linear(layer: Layer) -> Self {
        Self { input_major: true, ..Self::convolution(layer, false) }
    }

    /// How the layer's own input lies, without halo.
    pub(super) fn plain_input(&self) -> Planes {
        Planes { blocks: self.layer.inputs.div_ceil(LANES), extent: Extent::square(self.layer.side), halo: 0 }
    }

    /// The place of a weight the kernels know as (output, input, kernel row and column) among the
    /// layer's own; none for the channels that fill up the last [`Lanes`].
    fn place(&self, output: usize, input: usize, [ky, kx]: [usize; 2]) -> Option<usize> {
        let kernel = self.shape.kernel;
        let inner = (input * kernel + ky) * kernel + kx;
        let (inners, outputs) = (self.layer.weights_an_output(), self.layer.outputs);
        let place = if self.input_major { inner * outputs + output } else { output * inners + inner };
        (output < outputs && inner < inners).then_some(place)
    }

    /// Weights as the kernels want them, those of each output times its `scales`.
    pub(super) fn pack(&self, weights: &[f32], scales: &[f32], taps: &mut [Taps]) {
        fill(&self.shape, taps, |output, input, position| {
            self.place(output, input, position).map_or(0.0, |place| weights[place] * scales[output])
        });
    }

    /// Weights of the transposed convolution.
    pub(super) fn pack_transposed(&self, weights: &[f32], taps: &mut [Taps]) {
        let end = self.shape.kernel - 1;
        fill(&self.shape.transposed(), taps, |input, output, [ky, kx]| {
            self.place(output, input, [end - ky, end - kx]).map_or(0.0, |place| weights[place])
        });
    }

    /// The reverse of [`Self::pack`].
    pub(super) fn unpack(&self, taps: &[Taps], weights: &mut [f32]) {
        for (at, tap) in taps.iter().enumerate() {
            let (block, input_block, position) = whereabouts(&self.shape, at);
            for (i, lanes) in tap.iter().enumerate() {
                for (o, &weight) in lanes.0.iter().enumerate() {
                    if let Some(place) = self.place(block * LANES + o, input_block * LANES + i, position) {
                        weights[place] = weight;
                    }
                }
            }
        }
    }
}

/// Sets every weight to what `weight` says for its output, input and kernel row and column.
fn fill(shape: &Convolution, taps: &mut [Taps], weight: impl Fn(usize, usize, [usize; 2]) -> f32 + Sync) {
    taps.par_iter_mut().with_min_len(64).enumerate().for_each(|(at, tap)| {
        let (block, input_block, position) = whereabouts(shape, at);
        for (i, Lanes(lanes)) in tap.iter_mut().enumerate() {
            for (o, lane) in lanes.iter_mut().enumerate() {
                *lane = weight(block * LANES + o, input_block * LANES + i, position);
            }
        }
    });
}

/// Output block, input block and kernel row and column of the taps at `at`.
fn whereabouts(shape: &Convolution, at: usize) -> (usize, usize, [usize; 2]) {
    let (rest, kx) = (at / shape.kernel, at % shape.kernel);
    let (rest, input_block) = (rest / shape.input_blocks, rest % shape.input_blocks);
    (rest / shape.kernel, input_block, [rest % shape.kernel, kx])
}
