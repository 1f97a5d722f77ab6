//! Convolutions with a kernel of 3×3 by tiles of 2×2 outputs: transformed, the 4×4 inputs that a
//! tile looks at and the kernel need 16 products where there were 36.
//!
//! This is Winograd's minimal filtering F(2×2, 3×3), as in A. Lavin and S. Gray, *Fast algorithms
//! for convolutional neural networks* (CVPR 2016). At each of the 16 positions the products of many
//! tiles are one matrix product: a convolution of 1×1 along a row of tiles. All numbers of a tile
//! share the rounding of its largest.

use std::array::from_fn;
use std::ops::Range;

use multiversion::multiversion;

use super::convolution::{Convolution, Extent, Finish, Planes, Taps, convolve};
use super::lanes::{LANES, Lanes, apart};

/// Rows and columns of a transformed tile.
const SIDE: usize = 4;
/// Rows and columns of its outputs.
const STEP: usize = 2;
const KERNEL: usize = 3;
const POSITIONS: usize = SIDE * SIDE;

/// Tiles transformed at once: a multiple of what the kernels work on side by side, and of a network
/// for digits few enough to stay in the cache.
const TOGETHER: usize = 48;

/// A convolution of 3×3 with its weights.
#[derive(Debug)]
pub(super) struct TiledConvolution {
    shape: Convolution,
    /// Transformed: `[position][output block][input block]`.
    weights: Vec<Taps>,
    no_bias: Vec<Lanes>,
}

/// Room for transformed tiles, those of inputs and those of outputs.
#[derive(Debug, Default)]
pub(super) struct Transformed {
    inputs: Vec<Lanes>,
    outputs: Vec<Lanes>,
}

impl Transformed {
    fn grow(&mut self, inputs: Layout, outputs: Layout) {
        for (lanes, layout) in [(&mut self.inputs, inputs), (&mut self.outputs, outputs)] {
            lanes.resize(lanes.len().max(POSITIONS * layout.stride()), Lanes::ZERO);
        }
    }
}

/// How transformed tiles lie: `[position][block][tile]`.
#[derive(Clone, Copy)]
struct Layout {
    blocks: usize,
    tiles: usize,
}

impl Layout {
    /// One more than there is, as else all positions of a tile might fall on the same few places of
    /// the cache.
    fn stride(&self) -> usize {
        self.blocks * self.tiles + 1
    }

    fn of_position(&self, position: usize) -> Range<usize> {
        let start = position * self.stride();
        start..start + self.blocks * self.tiles
    }

    #[inline(always)]
    fn at(&self, position: usize, block: usize, tile: usize) -> usize {
        position * self.stride() + block * self.tiles + tile
    }
}

impl TiledConvolution {
    /// With these weights of the shape; none where tiles do not help.
    pub(super) fn of(shape: &Convolution, taps: &[Taps]) -> Option<Self> {
        let helps = shape.kernel == KERNEL && shape.output.rows > 1 && shape.output.columns > 1;
        helps.then(|| Self {
            shape: *shape,
            weights: transform_weights(shape, taps),
            no_bias: vec![Lanes::ZERO; shape.output_blocks],
        })
    }

    /// As [`convolve`], for as many images as there are.
    pub(super) fn convolve(
        &self,
        inputs: &[Lanes],
        finish: Finish<'_>,
        (outputs, planes): (&mut [Lanes], Planes),
        transformed: &mut Transformed,
    ) {
        let images = inputs.len() / self.shape.input().len();
        let all = images * self.grid().pixels();
        for start in (0..all).step_by(TOGETHER) {
            let chunk = start..all.min(start + TOGETHER);
            // The kernels add up fewer than four in another order, and what an image gives must not
            // depend on those beside it.
            let tiles = chunk.len().max(4);
            let layout = |blocks| Layout { blocks, tiles };
            let (inner, outer) = (layout(self.shape.input_blocks), layout(self.shape.output_blocks));
            transformed.grow(inner, outer);
            transform_inputs(self, inputs, chunk.clone(), &mut transformed.inputs, inner);
            let row = Extent { rows: 1, columns: tiles };
            let product = Convolution { kernel: 1, padding: 0, input: row, output: row, ..self.shape };
            for (position, weights) in self.weights.chunks_exact(product.taps()).enumerate() {
                let input = &transformed.inputs[inner.of_position(position)];
                let output = &mut transformed.outputs[outer.of_position(position)];
                let plain = Finish { bias: &self.no_bias, floor: f32::NEG_INFINITY };
                convolve(&product, input, weights, plain, output, product.output());
            }
            restore_outputs(self, &transformed.outputs, outer, chunk, finish, (outputs, planes));
        }
    }

    /// Tiles down and across an image.
    fn grid(&self) -> Extent {
        let Extent { rows, columns } = self.shape.output;
        Extent { rows: rows.div_ceil(STEP), columns: columns.div_ceil(STEP) }
    }

    /// The image of a tile, and row and column of its first output.
    #[inline(always)]
    fn whereabouts(&self, tile: usize) -> (usize, [usize; 2]) {
        let Extent { rows, columns } = self.grid();
        let (rest, column) = (tile / columns, tile % columns);
        (rest / rows, [rest % rows * STEP, column * STEP])
    }
}

fn transform_weights(shape: &Convolution, taps: &[Taps]) -> Vec<Taps> {
    let pairs = shape.output_blocks * shape.input_blocks;
    let mut transformed = vec![[Lanes::ZERO; LANES]; POSITIONS * pairs];
    for (pair, lane) in (0..pairs).flat_map(|pair| (0..LANES).map(move |lane| (pair, lane))) {
        let (output_block, input_block) = (pair / shape.input_blocks, pair % shape.input_blocks);
        let kernel: [[Lanes; KERNEL]; KERNEL] =
            from_fn(|ky| from_fn(|kx| taps[shape.tap(output_block, ky, input_block, kx)][lane]));
        let mut positions = [[Lanes::ZERO; SIDE]; SIDE];
        both_ways(kernel_forth, &kernel, &mut positions);
        for (position, weights) in positions.iter().flatten().enumerate() {
            transformed[position * pairs + pair][lane] = *weights;
        }
    }
    transformed
}

/// Transforms what some tiles look at.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn transform_inputs(
    convolution: &TiledConvolution,
    images: &[Lanes],
    chunk: Range<usize>,
    transformed: &mut [Lanes],
    layout: Layout,
) {
    let planes = convolution.shape.input();
    let (mut patch, mut positions) = ([[Lanes::ZERO; SIDE]; SIDE], [[Lanes::ZERO; SIDE]; SIDE]);
    for (i, tile) in chunk.enumerate() {
        let (image, [top, left]) = convolution.whereabouts(tile);
        let image = &images[image * planes.len()..][..planes.len()];
        for block in 0..planes.blocks {
            for (y, own) in patch.iter_mut().enumerate() {
                // Rows above and below are zero, and columns past the halo, which no output needs.
                let row = (top + y).checked_sub(planes.halo).filter(|&row| row < planes.extent.rows);
                let stored =
                    row.map_or(&[][..], |row| &image[planes.row(block, row) - planes.halo..][left..planes.pitch()]);
                for (x, own) in own.iter_mut().enumerate() {
                    *own = *stored.get(x).unwrap_or(&Lanes::ZERO);
                    apart();
                }
            }
            both_ways(inputs_forth, &patch, &mut positions);
            for (position, own) in positions.iter().flatten().enumerate() {
                transformed[layout.at(position, block, i)] = *own;
                apart();
            }
        }
    }
}

/// The outputs of some tiles from their transforms.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn restore_outputs(
    convolution: &TiledConvolution,
    transformed: &[Lanes],
    layout: Layout,
    chunk: Range<usize>,
    finish: Finish<'_>,
    (images, planes): (&mut [Lanes], Planes),
) {
    let (mut positions, mut outputs) = ([[Lanes::ZERO; SIDE]; SIDE], [[Lanes::ZERO; STEP]; STEP]);
    for (i, tile) in chunk.enumerate() {
        let (image, [top, left]) = convolution.whereabouts(tile);
        let image = &mut images[image * planes.len()..][..planes.len()];
        for block in 0..planes.blocks {
            for (position, own) in positions.iter_mut().flatten().enumerate() {
                *own = transformed[layout.at(position, block, i)];
                apart();
            }
            both_ways(outputs_back, &positions, &mut outputs);
            for (y, row) in outputs.iter().enumerate().take(planes.extent.rows - top) {
                let stored = &mut image[planes.row(block, top + y)..][left..planes.extent.columns];
                for (own, output) in stored.iter_mut().zip(row) {
                    *own = output.plus(&finish.bias[block]).at_least(finish.floor);
                    apart();
                }
            }
        }
    }
}

/// Transforms every row, then every column. Writes where the caller says, as returning would copy.
#[inline(always)]
fn both_ways<const N: usize, const M: usize>(
    along: impl Fn([f32; N]) -> [f32; M],
    numbers: &[[Lanes; N]; N],
    both: &mut [[Lanes; M]; M],
) {
    for lane in 0..LANES {
        let rows: [[f32; M]; N] = from_fn(|y| along(from_fn(|x| numbers[y][x].0[lane])));
        for x in 0..M {
            let column = along(from_fn(|y| rows[y][x]));
            for y in 0..M {
                both[y][x].0[lane] = column[y];
            }
        }
    }
}

#[inline(always)]
fn inputs_forth([a, b, c, d]: [f32; SIDE]) -> [f32; SIDE] {
    [a - c, b + c, c - b, b - d]
}

#[inline(always)]
fn kernel_forth([a, b, c]: [f32; KERNEL]) -> [f32; SIDE] {
    let (ends, middle) = ((a + c) * 0.5, b * 0.5);
    [a, ends + middle, ends - middle, c]
}

#[inline(always)]
fn outputs_back([a, b, c, d]: [f32; SIDE]) -> [f32; STEP] {
    [a + b + c, b - c - d]
}
