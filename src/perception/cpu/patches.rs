//! Turning a layer into one with a kernel of 1×1: for every output pixel, all numbers the kernel
//! sees there become its channels, ordered by input channel, kernel row and kernel column.

use std::ops::Range;

use super::Layer;
use super::lanes::{LANES, Lanes};

/// One number of all patches: where it is in the kernel, and which output pixels have it.
struct Slot {
    /// Its place in a patch.
    at: usize,
    channel: usize,
    ky: usize,
    kx: usize,
    rows: Range<usize>,
    columns: Range<usize>,
}

fn slots(layer: &Layer) -> impl Iterator<Item = Slot> {
    let Layer { kernel, stride, padding, inputs, side, .. } = *layer;
    let outputs = layer.output_side();
    let range = move |k: usize| {
        let end = (side + padding).saturating_sub(k).div_ceil(stride);
        padding.saturating_sub(k).div_ceil(stride)..end.min(outputs)
    };
    (0..inputs * kernel * kernel).map(move |at| {
        let (ky, kx) = (at / kernel % kernel, at % kernel);
        Slot { at, channel: at / (kernel * kernel), ky, kx, rows: range(ky), columns: range(kx) }
    })
}

/// The patches of an image of pixels by channel, row and column.
pub(super) fn unfold_pixels(layer: &Layer, pixels: &[f32], patches: &mut [Lanes]) {
    let side = layer.side;
    unfold(layer, |channel, y, x| pixels[(channel * side + y) * side + x], patches);
}

/// The patches of an image of planes without halo.
pub(super) fn unfold_planes(layer: &Layer, planes: &[Lanes], patches: &mut [Lanes]) {
    let side = layer.side;
    let number =
        |channel: usize, y: usize, x: usize| planes[(channel / LANES * side + y) * side + x].0[channel % LANES];
    unfold(layer, number, patches);
}

/// The patches, `[block][row][column]`, of an image that gives its numbers by channel, row and
/// column. Leaves alone what lies in the padding: `patches` starts as zeros.
fn unfold(layer: &Layer, number: impl Fn(usize, usize, usize) -> f32, patches: &mut [Lanes]) {
    let width = layer.output_side();
    for slot in slots(layer) {
        for y in slot.rows.clone() {
            let row = &mut patches[(slot.at / LANES * width + y) * width..][..width];
            for x in slot.columns.clone() {
                let (from_y, from_x) = (y * layer.stride + slot.ky, x * layer.stride + slot.kx);
                row[x].0[slot.at % LANES] = number(slot.channel, from_y - layer.padding, from_x - layer.padding);
            }
        }
    }
}

/// The gradient by an image, `[block][row][column]`, from that by its patches.
pub(super) fn fold(layer: &Layer, patches: &[Lanes], image: &mut [Lanes]) {
    let (width, side) = (layer.output_side(), layer.side);
    image.fill(Lanes::ZERO);
    for slot in slots(layer) {
        for y in slot.rows.clone() {
            let row = &patches[(slot.at / LANES * width + y) * width..][..width];
            let to_y = slot.channel / LANES * side + y * layer.stride + slot.ky - layer.padding;
            for x in slot.columns.clone() {
                let to_x = x * layer.stride + slot.kx - layer.padding;
                image[to_y * side + to_x].0[slot.channel % LANES] += row[x].0[slot.at % LANES];
            }
        }
    }
}
