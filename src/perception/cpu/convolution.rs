//! Convolutions, and their gradients by input and by weight, of one image.
//!
//! Channels are grouped by [`LANES`]. An input is `[block][row][column]` of [`Lanes`], each row
//! with [`Convolution::padding`] zeros on either side (the rows above and below are never read,
//! hence not stored). Weights are `[output block][ky][input block][kx]` of [`Taps`].

use std::ops::Range;

use multiversion::multiversion;
use multiversion::target::match_target;

use super::lanes::{LANES, Lanes, Machine, Narrow, Plain, Wide, apart, unrolled};

/// The weights of one kernel position between two blocks: `[input][output]`.
pub(super) type Taps = [Lanes; LANES];

/// The size of an image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl Extent {
    pub(super) fn square(side: usize) -> Self {
        Self { rows: side, columns: side }
    }

    pub(super) fn pixels(&self) -> usize {
        self.rows * self.columns
    }
}

/// A convolution of stride 1 with a square kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Convolution {
    pub(super) kernel: usize,
    pub(super) padding: usize,
    pub(super) input_blocks: usize,
    pub(super) output_blocks: usize,
    pub(super) input: Extent,
    pub(super) output: Extent,
}

impl Convolution {
    /// The convolution that takes the gradient by output to the gradient by input, its weights
    /// with inputs and outputs exchanged and the kernel turned round.
    pub(super) fn transposed(&self) -> Self {
        Self {
            kernel: self.kernel,
            padding: self.kernel - 1 - self.padding,
            input_blocks: self.output_blocks,
            output_blocks: self.input_blocks,
            input: self.output,
            output: self.input,
        }
    }

    pub(super) fn input(&self) -> Planes {
        Planes { blocks: self.input_blocks, extent: self.input, halo: self.padding }
    }

    pub(super) fn output(&self) -> Planes {
        Planes { blocks: self.output_blocks, extent: self.output, halo: 0 }
    }

    /// [`Taps`] of one block of outputs.
    pub(super) fn taps_per_output(&self) -> usize {
        self.kernel * self.taps_per_row()
    }

    pub(super) fn taps(&self) -> usize {
        self.output_blocks * self.taps_per_output()
    }

    fn taps_per_row(&self) -> usize {
        self.input_blocks * self.kernel
    }

    /// Where the [`Taps`] of a kernel position between two blocks are.
    pub(super) fn tap(&self, output_block: usize, ky: usize, input_block: usize, kx: usize) -> usize {
        (output_block * self.kernel + ky) * self.taps_per_row() + input_block * self.kernel + kx
    }

    /// Kernel rows that read a stored input row for output row `y`.
    #[inline(always)]
    fn kernel_rows(&self, y: usize) -> Range<usize> {
        self.padding.saturating_sub(y)..self.kernel.min(self.input.rows + self.padding - y)
    }

    /// Output rows for which kernel row `ky` reads a stored input row.
    #[inline(always)]
    fn output_rows(&self, ky: usize) -> Range<usize> {
        self.padding.saturating_sub(ky)..self.output.rows.min(self.input.rows + self.padding - ky)
    }
}

/// How an image lies in memory: `[block][row][column]`, with `halo` zeros on either side of a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planes {
    pub(super) blocks: usize,
    pub(super) extent: Extent,
    pub(super) halo: usize,
}

impl Planes {
    pub(super) fn pitch(&self) -> usize {
        self.extent.columns + 2 * self.halo
    }

    pub(super) fn plane(&self) -> usize {
        self.extent.rows * self.pitch()
    }

    pub(super) fn len(&self) -> usize {
        self.blocks * self.plane()
    }

    /// Where a row starts, past its halo.
    #[inline(always)]
    pub(super) fn row(&self, block: usize, row: usize) -> usize {
        block * self.plane() + row * self.pitch() + self.halo
    }
}

/// What is added to a convolution's outputs, and the least they may then be.
#[derive(Clone, Copy)]
pub(super) struct Finish<'a> {
    /// One [`Lanes`] a block of outputs.
    pub(super) bias: &'a [Lanes],
    pub(super) floor: f32,
}

/// Whether the machine has registers for tall tiles.
#[multiversion(targets("x86_64+avx512f+avx512vl"))]
fn is_wide() -> bool {
    match_target! {
        "x86_64+avx512f+avx512vl" => Wide::WIDE,
        _ => Plain::WIDE,
    }
}

/// One call of [`convolve`].
#[derive(Clone, Copy)]
struct Pass<'a> {
    shape: &'a Convolution,
    input: &'a [Lanes],
    weights: &'a [Taps],
    finish: Finish<'a>,
    /// How the output lies.
    planes: Planes,
}

/// `output = max(weights * input + bias, floor)`; leaves the halo of `output` alone.
pub(super) fn convolve(
    shape: &Convolution,
    input: &[Lanes],
    weights: &[Taps],
    finish: Finish<'_>,
    output: &mut [Lanes],
    planes: Planes,
) {
    let pass = Pass { shape, input, weights, finish, planes };
    let wide = is_wide();
    let mut block = 0;
    while block < shape.output_blocks {
        let left = shape.output_blocks - block;
        let most = match (wide, shape.output) {
            (false, _) => 1,
            (true, Extent { columns: ..=8, .. }) => 3,
            // A single long row: no odd block is left over alone.
            (true, Extent { rows: 1, .. }) if left % 2 == 1 => 3,
            (true, _) => 2,
        };
        let tall = most.min(left);
        let widest = match (wide, tall) {
            (false, _) => 6,
            (true, 3) => 8,
            (true, _) => 14,
        };
        let tiles = match (tile_width(shape.output.columns, widest), tall) {
            (4, 1) => rows::<4, 1>,
            (6, 1) => rows::<6, 1>,
            (8, 1) => rows::<8, 1>,
            (10, 1) => rows::<10, 1>,
            (12, 1) => rows::<12, 1>,
            (14, 1) => rows::<14, 1>,
            (4, 2) => rows::<4, 2>,
            (6, 2) => rows::<6, 2>,
            (8, 2) => rows::<8, 2>,
            (10, 2) => rows::<10, 2>,
            (12, 2) => rows::<12, 2>,
            (14, 2) => rows::<14, 2>,
            (4, 3) => rows::<4, 3>,
            (6, 3) => rows::<6, 3>,
            (8, 3) => rows::<8, 3>,
            (_, 3) => rows::<1, 3>,
            (_, 2) => rows::<1, 2>,
            _ => rows::<1, 1>,
        };
        tiles(pass, block, output);
        block += tall;
    }
}

/// `Z` blocks of the output from `block` on, by tiles of `P` pixels of a row.
///
/// Compiled apart for every size of tile: in one large function the compiler keeps only some of
/// them in registers.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn rows<const P: usize, const Z: usize>(pass: Pass<'_>, block: usize, output: &mut [Lanes]) {
    match_target! {
        "x86_64+avx512f+avx512vl" => rows_of::<Wide, P, Z>(pass, block, output),
        "x86_64+avx2+fma" => rows_of::<Narrow, P, Z>(pass, block, output),
        "aarch64+neon" => rows_of::<Narrow, P, Z>(pass, block, output),
        _ => rows_of::<Plain, P, Z>(pass, block, output),
    }
}

#[inline(always)]
fn rows_of<M: Machine, const P: usize, const Z: usize>(pass: Pass<'_>, block: usize, output: &mut [Lanes]) {
    let Extent { rows, columns } = pass.shape.output;
    for y in 0..rows {
        for start in (0..columns).step_by(P) {
            // The last tile of a row may overlap the one before; it computes the same numbers.
            let x = start.min(columns - P);
            let sums = tile::<M, P, Z>(pass, block, y, x);
            unrolled!(z < Z, {
                let row = &mut output[pass.planes.row(block + z, y) + x..];
                let Some(row) = row.first_chunk_mut::<P>() else { return };
                unrolled!(p < P, {
                    row[p] = sums[p][z].at_least(pass.finish.floor);
                    apart()
                });
            });
        }
    }
}

/// `[pixel][block]` of sums of `P` pixels from (y, x) on in `Z` blocks.
#[inline(always)]
fn tile<M: Machine, const P: usize, const Z: usize>(
    Pass { shape, input, weights, finish, .. }: Pass<'_>,
    block: usize,
    y: usize,
    x: usize,
) -> [[Lanes; Z]; P] {
    let planes = shape.input();
    let mut sums = [[Lanes::ZERO; Z]; P];
    unrolled!(p < P, unrolled!(z < Z, sums[p][z] = finish.bias[block + z]));
    for ky in shape.kernel_rows(y) {
        let mut taps = [weights; Z];
        unrolled!(z < Z, {
            let first = shape.tap(block + z, ky, 0, 0);
            taps[z] = &weights[first..first + shape.taps_per_row()]
        });
        for input_block in 0..shape.input_blocks {
            let row = planes.row(input_block, y + ky - shape.padding) - shape.padding + x;
            for kx in 0..shape.kernel {
                let Some(pixels) = input[row + kx..].first_chunk::<P>() else { return sums };
                let mut tap = [&taps[0][0]; Z];
                for z in 0..Z {
                    tap[z] = &taps[z][input_block * shape.kernel + kx];
                }
                // Few sums would wait for themselves, so that they start anew for every tap.
                let mut parts = if P > 1 { sums } else { [[Lanes::ZERO; Z]; P] };
                #[expect(clippy::needless_range_loop, reason = "it is an index of pixels, too")]
                for lane in 0..LANES {
                    let mut row = [Lanes::ZERO; Z];
                    unrolled!(z < Z, row[z] = tap[z][lane]);
                    unrolled!(p < P, {
                        let scalar = pixels[p].0[lane];
                        unrolled!(z < Z, parts[p][z] = parts[p][z].plus_scaled::<M>(scalar, &row[z]));
                        apart()
                    });
                }
                if P > 1 {
                    sums = parts;
                } else {
                    unrolled!(z < Z, sums[0][z] = sums[0][z].plus(&parts[0][z]));
                }
            }
        }
    }
    sums
}

/// Pixels a tile may have.
const WIDTHS: [usize; 6] = [4, 6, 8, 10, 12, 14];

/// The width of tile that covers a row of pixels with the least overlap, the widest of these; 1 if
/// none fits.
fn tile_width(columns: usize, widest: usize) -> usize {
    let fitting = WIDTHS.into_iter().rev().filter(|&width| width <= columns.min(widest));
    fitting.min_by_key(|width| columns.div_ceil(*width) * width).unwrap_or(1)
}

/// The type of [`products`].
type Products = fn(&Convolution, usize, &[Lanes], &[Lanes], &mut [Taps]);

/// Adds to `gradient`, laid out as the weights, the gradient by weight that `input` and
/// `outer`, the gradient by output with the planes of the transposed convolution's input, give.
pub(super) fn add_weight_gradient(shape: &Convolution, input: &[Lanes], outer: &[Lanes], gradient: &mut [Taps]) {
    let mut block = 0;
    while block < shape.output_blocks {
        let (products, tall): (Products, _) = match shape.output_blocks - block {
            left if !is_wide() || left == 1 => (products::<4, 1>, 1),
            2 | 4 => (products::<8, 2>, 2),
            _ => (products::<8, 3>, 3),
        };
        products(shape, block, input, outer, gradient);
        block += tall;
    }
}

/// The gradient by the weights of `Z` blocks of outputs from `block` on, `P` inputs at a time.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn products<const P: usize, const Z: usize>(
    shape: &Convolution,
    block: usize,
    input: &[Lanes],
    outer: &[Lanes],
    gradient: &mut [Taps],
) {
    match_target! {
        "x86_64+avx512f+avx512vl" => products_of::<Wide, P, Z>(shape, block, input, outer, gradient),
        "x86_64+avx2+fma" => products_of::<Narrow, P, Z>(shape, block, input, outer, gradient),
        "aarch64+neon" => products_of::<Narrow, P, Z>(shape, block, input, outer, gradient),
        _ => products_of::<Plain, P, Z>(shape, block, input, outer, gradient),
    }
}

#[inline(always)]
fn products_of<M: Machine, const P: usize, const Z: usize>(
    shape: &Convolution,
    block: usize,
    input: &[Lanes],
    outer: &[Lanes],
    gradient: &mut [Taps],
) {
    for input_block in 0..shape.input_blocks {
        for ky in 0..shape.kernel {
            for kx in 0..shape.kernel {
                let tap = shape.tap(block, ky, input_block, kx);
                for part in 0..LANES / P {
                    let sums = product_tile::<M, P, Z>(shape, [block, input_block, ky, kx, part], input, outer);
                    unrolled!(z < Z, {
                        let taps = &mut gradient[tap + z * shape.taps_per_output()];
                        let (parts, _) = taps.as_chunks_mut::<P>();
                        unrolled!(p < P, {
                            let sum = sums[z][p];
                            parts[part][p] = parts[part][p].plus(&sum);
                            apart()
                        });
                    });
                }
            }
        }
    }
}

/// `[output block][input]` of sums over all pixels of input times outer gradient.
#[inline(always)]
fn product_tile<M: Machine, const P: usize, const Z: usize>(
    shape: &Convolution,
    [block, input_block, ky, kx, part]: [usize; 5],
    input: &[Lanes],
    outer: &[Lanes],
) -> [[Lanes; P]; Z] {
    let (inner, outside) = (shape.input(), shape.transposed().input());
    let width = shape.output.columns;
    let mut sums = [[Lanes::ZERO; P]; Z];
    for y in shape.output_rows(ky) {
        let start = inner.row(input_block, y + ky - shape.padding) - shape.padding + kx;
        let row = &input[start..start + width];
        let mut outers = [row; Z];
        for z in 0..Z {
            outers[z] = &outer[outside.row(block + z, y)..][..width];
        }
        for x in 0..width {
            let (halves, _) = row[x].0.as_chunks::<P>();
            let scalars = &halves[part];
            let mut outer = [Lanes::ZERO; Z];
            unrolled!(z < Z, outer[z] = outers[z][x]);
            unrolled!(p < P, {
                let scalar = scalars[p];
                unrolled!(z < Z, sums[z][p] = sums[z][p].plus_scaled::<M>(scalar, &outer[z]));
                apart()
            });
        }
    }
    sums
}
