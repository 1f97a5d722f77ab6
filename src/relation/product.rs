//! Products on bare arrays. Vector products run at the speed of memory; matrix products are
//! blocked so that the innermost loop works on registers alone.

use multiversion::multiversion;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

/// Rows and columns of the block of results kept in registers: with AVX2 twelve accumulators of
/// eight, with AVX-512 six of sixteen.
const BLOCK_ROWS: usize = 6;
const BLOCK_COLUMNS: usize = 16;

/// Γ □ x: for each row i of Γ, min over j of max(γ_ij, x_j); 1 for a row without columns.
///
/// # Panics
/// If x has not as many elements as Γ has columns.
pub fn min_max_vector(gamma: ArrayView2<'_, f32>, x: ArrayView1<'_, f32>) -> Array1<f32> {
    assert_eq!(gamma.ncols(), x.len(), "one element of x a column");
    let (gamma, x) = (gamma.as_standard_layout(), x.to_vec());
    let mut product = vec![1.0; gamma.nrows()];
    let width = x.len().max(1);
    // About a quarter of a megabyte a task.
    let rows = (65_536 / width).max(1);
    let tasks = product.par_chunks_mut(rows).zip(gamma.as_slice().expect("standard layout").par_chunks(rows * width));
    tasks.for_each(|(product, gamma)| min_max_rows(gamma, &x, product));
    product.into()
}

/// A ∘ x: for each row i of A, max over j of min(a_ij, x_j); 0 for a row without columns.
///
/// # Panics
/// If x has not as many elements as A has columns.
pub fn max_min_vector(a: ArrayView2<'_, f32>, x: ArrayView1<'_, f32>) -> Array1<f32> {
    let negated = min_max_vector(a.mapv(|degree| -degree).view(), x.mapv(|degree| -degree).view());
    if x.is_empty() { Array1::zeros(a.nrows()) } else { negated.mapv(|degree| 0.0 - degree) }
}

/// Γ □ X for a whole batch: (i, j) ↦ min over k of max(γ_ik, x_kj).
///
/// # Panics
/// If X has not as many rows as Γ has columns.
pub fn min_max_matrix(gamma: ArrayView2<'_, f32>, x: ArrayView2<'_, f32>) -> Array2<f32> {
    assert_eq!(gamma.ncols(), x.nrows(), "one row of X a column of Γ");
    let ((rows, depth), columns) = (gamma.dim(), x.ncols());
    let mut product = Array2::zeros((rows, columns));
    if depth == 0 {
        product.fill(1.0);
        return product;
    }
    let gamma = gamma.as_standard_layout();
    let gamma = gamma.as_slice().expect("standard layout");
    // Each task packs a strip of X so that the innermost loop reads it front to back.
    product.axis_chunks_iter_mut(Axis(1), BLOCK_COLUMNS).into_par_iter().enumerate().for_each_init(
        || vec![1.0; depth * BLOCK_COLUMNS],
        |strip, (number, mut product)| {
            let width = product.ncols();
            for (packed, row) in strip.chunks_exact_mut(BLOCK_COLUMNS).zip(x.outer_iter()) {
                for (j, packed) in packed[..width].iter_mut().enumerate() {
                    *packed = row[number * BLOCK_COLUMNS + j];
                }
            }
            for first in (0..rows).step_by(BLOCK_ROWS) {
                let last = (first + BLOCK_ROWS).min(rows);
                let mut block = [[1.0; BLOCK_COLUMNS]; BLOCK_ROWS];
                if last - first == BLOCK_ROWS {
                    min_max_block(&gamma[first * depth..last * depth], strip, &mut block);
                } else {
                    for (i, block) in (first..last).zip(&mut block) {
                        min_max_row(&gamma[i * depth..(i + 1) * depth], strip, block);
                    }
                }
                for (i, block) in (first..last).zip(&block) {
                    product.row_mut(i).iter_mut().zip(block).for_each(|(out, &value)| *out = value);
                }
            }
        },
    );
    product
}

/// A ∘ X for a whole batch: (i, j) ↦ max over k of min(a_ik, x_kj).
///
/// # Panics
/// If X has not as many rows as A has columns.
pub fn max_min_matrix(a: ArrayView2<'_, f32>, x: ArrayView2<'_, f32>) -> Array2<f32> {
    let negated = min_max_matrix(a.mapv(|degree| -degree).view(), x.mapv(|degree| -degree).view());
    if x.nrows() == 0 { Array2::zeros(negated.dim()) } else { negated.mapv(|degree| 0.0 - degree) }
}

// Comparisons instead of f32::min and f32::max: degrees are never NaN, and this way each is one
// instruction.

#[inline(always)]
fn lesser(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

#[inline(always)]
fn greater(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn min_max_rows(gamma: &[f32], x: &[f32], product: &mut [f32]) {
    const LANES: usize = 16;
    for (out, row) in product.iter_mut().zip(gamma.chunks_exact(x.len())) {
        let mut least = [f32::INFINITY; LANES];
        let (rows, xs) = (row.chunks_exact(LANES), x.chunks_exact(LANES));
        let rest = rows.remainder().iter().zip(xs.remainder());
        let mut tail = f32::INFINITY;
        for (&gamma, &x) in rest {
            tail = lesser(tail, greater(gamma, x));
        }
        for (row, x) in rows.zip(xs) {
            for lane in 0..LANES {
                least[lane] = lesser(least[lane], greater(row[lane], x[lane]));
            }
        }
        *out = least.into_iter().fold(tail, lesser);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn min_max_block(gamma: &[f32], strip: &[f32], block: &mut [[f32; BLOCK_COLUMNS]; BLOCK_ROWS]) {
    let depth = gamma.len() / BLOCK_ROWS;
    let rows: [&[f32]; BLOCK_ROWS] = std::array::from_fn(|i| &gamma[i * depth..(i + 1) * depth]);
    let mut least = [[f32::INFINITY; BLOCK_COLUMNS]; BLOCK_ROWS];
    for (k, x) in strip.chunks_exact(BLOCK_COLUMNS).take(depth).enumerate() {
        for (least, row) in least.iter_mut().zip(rows) {
            let gamma = row[k];
            for j in 0..BLOCK_COLUMNS {
                least[j] = lesser(least[j], greater(gamma, x[j]));
            }
        }
    }
    *block = least;
}

fn min_max_row(gamma: &[f32], strip: &[f32], block: &mut [f32; BLOCK_COLUMNS]) {
    *block = [f32::INFINITY; BLOCK_COLUMNS];
    for (&gamma, x) in gamma.iter().zip(strip.chunks_exact(BLOCK_COLUMNS)) {
        for (least, &x) in block.iter_mut().zip(x) {
            *least = lesser(*least, greater(gamma, x));
        }
    }
}
