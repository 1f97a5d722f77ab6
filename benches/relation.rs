//! The solver: Chebyshev distances by envelopes against the textbook formula, and products
//! against the core's ceiling.
//!
//! `cargo bench --no-default-features --bench relation` (memory: 1.8 GB for the largest system).

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use multiversion::multiversion;
use ndarray::{Array1, Array2, ArrayView2};
use pinesy::relation::{System, min_max_matrix, min_max_vector};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

const COLUMNS: usize = 40;

fn degrees(rows: usize, columns: usize, seed: u64) -> Array2<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Array2::from_shape_simple_fn((rows, columns), || rng.random())
}

/// ∇ by the textbook formula, O(N²M): flat columns, vectorised inner loop, parallel over rows.
/// With `early_exit`, columns that cannot lower the minimum are left as soon as that is known.
fn textbook(matrix: ArrayView2<'_, f32>, y: &[f32], early_exit: bool) -> f32 {
    let columns: Vec<Vec<f32>> = matrix.columns().into_iter().map(|column| column.to_vec()).collect();
    let row = |i: usize| {
        let mut least = 1.0 - y[i];
        for column in &columns {
            let excess = (column[i] - y[i]).max(0.0);
            if excess < least || !early_exit {
                let enough = if early_exit { least } else { f32::INFINITY };
                least = least.min(excess.max(textbook_column(column, y, y[i], enough)));
            }
        }
        least
    };
    (0..y.len()).into_par_iter().map(row).reduce(|| 0.0, f32::max)
}

/// max_k min((y_k − u)⁺/2, (y_k − γ_k)⁺), given up once it reaches `enough`.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn textbook_column(column: &[f32], y: &[f32], u: f32, enough: f32) -> f32 {
    const BLOCK: usize = 256;
    let mut greatest = 0.0f32;
    for (column, y) in column.chunks(BLOCK).zip(y.chunks(BLOCK)) {
        let mut lanes = [0.0f32; 16];
        let (c, v) = (column.chunks_exact(16), y.chunks_exact(16));
        for (&gamma, &y) in c.remainder().iter().zip(v.remainder()) {
            greatest = greatest.max(((y - u) / 2.0).min(y - gamma));
        }
        for (c, v) in c.zip(v) {
            for lane in 0..16 {
                let (half, rest) = ((v[lane] - u) / 2.0, v[lane] - c[lane]);
                let lesser = if half < rest { half } else { rest };
                lanes[lane] = if lesser > lanes[lane] { lesser } else { lanes[lane] };
            }
        }
        greatest = lanes.into_iter().fold(greatest, f32::max);
        if greatest >= enough {
            break;
        }
    }
    greatest
}

fn distances(c: &mut Criterion) {
    let mut group = c.benchmark_group("∇, 40 columns");
    group.sample_size(10).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_millis(500));
    for rows in [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000] {
        let matrix = degrees(rows, COLUMNS, 1);
        let y = degrees(1, rows, 2).into_shape_with_order(rows).unwrap();
        group.throughput(Throughput::Elements(rows as u64));
        let system = System::min_max(matrix.view(), y.view()).unwrap();
        group.bench_with_input(BenchmarkId::new("ours", rows), &system, |b, s| b.iter(|| s.chebyshev_distance()));
        if rows <= 10_000 {
            for (name, early_exit) in [("textbook", false), ("textbook with early exit", true)] {
                let run = || textbook(matrix.view(), y.as_slice().unwrap(), early_exit);
                assert_eq!(system.chebyshev_distance(), run());
                group.bench_function(BenchmarkId::new(name, rows), |b| b.iter(run));
            }
        }
    }
    group.finish();
}

fn products(c: &mut Criterion) {
    const SIDE: usize = 512;
    let mut group = c.benchmark_group("product");
    group.throughput(Throughput::Elements((2 * SIDE * SIDE * SIDE) as u64));
    let (a, b) = (degrees(SIDE, SIDE, 3), degrees(SIDE, SIDE, 4));
    group.bench_function("min-max, 512×512×512 (operations)", |bench| {
        bench.iter(|| min_max_matrix(a.view(), b.view()))
    });
    // As many min and max operations, all in registers.
    group.bench_function("ceiling, same operations in registers", |bench| {
        bench.iter(|| {
            let threads = rayon::current_num_threads();
            (0..threads).into_par_iter().map(|i| ceiling(SIDE * SIDE * SIDE / LANES / threads, i as f32)).sum::<f32>()
        })
    });
    let (tall, x) = (degrees(1_000_000, COLUMNS, 5), Array1::from_elem(COLUMNS, 0.5));
    group.throughput(Throughput::Bytes((tall.len() * 4) as u64));
    group.bench_function("min-max, 1,000,000×40 matrix and vector (bytes)", |b| {
        b.iter(|| min_max_vector(tall.view(), x.view()))
    });
    group.bench_function("reading that matrix (bytes)", |b| {
        b.iter(|| tall.as_slice().unwrap().par_chunks(65_536).map(sum).reduce(|| 0.0, |a, b| a + b))
    });
    group.finish();
}

const LANES: usize = 128;

/// `rounds` × 128 pairs of a max and a min on values that stay in registers.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn ceiling(rounds: usize, start: f32) -> f32 {
    let mut least = [1.0f32; LANES];
    let mut gamma = black_box(start);
    for _ in 0..rounds {
        gamma += 1e-9;
        for (lane, least) in least.iter_mut().enumerate() {
            let x = lane as f32;
            let greater = if gamma > x { gamma } else { x };
            *least = if greater < *least { greater } else { *least };
        }
    }
    least.iter().sum()
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 64];
    for chunk in values.chunks_exact(64) {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    lanes.iter().sum()
}

criterion_group!(benches, distances, products);
criterion_main!(benches);
