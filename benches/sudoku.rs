//! Sudoku without perception: puzzles per second of the pairwise rules, by the engine and by the plain
//! evaluator in the same run, and of the exact reasoner.
//!
//! `RAYON_NUM_THREADS=1 cargo bench --no-default-features --bench sudoku`

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array3;
use pinesy::inference::Engine;
use pinesy::tasks::sudoku::{Exact, cases, rules};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[path = "plain/mod.rs"]
mod plain;

use plain::Plain;

const PUZZLES: usize = 256;

/// Valid grids (rows shifted block-wise), or such with two cells swapped, read with some doubt.
fn puzzles(m: usize, valid: bool) -> Array3<f32> {
    let n = m * m;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut cells = Array3::from_shape_simple_fn((PUZZLES, n * n, n), || rng.random::<f32>().powi(12));
    for ((_, cell, v), degree) in cells.indexed_iter_mut() {
        let cell = match cell {
            0 if !valid => n * n - 2,
            other if !valid && other == n * n - 2 => 0,
            other => other,
        };
        let (row, column) = (cell / n, cell % n);
        if (row * m + row / m + column) % n == v {
            *degree = 1.0;
        }
    }
    cells
}

fn reasoning(c: &mut Criterion) {
    let mut group = c.benchmark_group("sudoku");
    group.throughput(Throughput::Elements(PUZZLES as u64)).sample_size(20);
    for m in [2, 3] {
        let (n, cells) = (m * m, puzzles(m, true));
        let engine = Engine::of(&rules(m).unwrap());
        let table = cases(engine.base(), &cells).unwrap();
        let plain = Plain::new(&engine);
        plain.assert_same(&engine, &table, &["valid"]);
        let rows = plain.rows(&table);
        group.bench_function(format!("{n}×{n}, pairwise rules"), |b| {
            b.iter(|| engine.infer_batch(&table, &["valid"]).unwrap())
        });
        group.bench_function(format!("{n}×{n}, pairwise rules, plain"), |b| {
            b.iter(|| plain.infer_batch(&rows, &["valid"]))
        });
        let exact = Exact::new(m);
        let verdict = |cells| (exact.possibility_of_valid(cells), exact.possibility_of_invalid(cells));
        for (kind, cells) in [("valid", &cells), ("invalid", &puzzles(m, false))] {
            group.bench_function(format!("{n}×{n}, exact reasoner, {kind} grids"), |b| {
                b.iter(|| cells.outer_iter().map(verdict).collect::<Vec<_>>())
            });
        }
        group.bench_function(format!("{n}×{n}, rule file to engine"), |b| b.iter(|| Engine::of(&rules(m).unwrap())));
    }
    group.finish();
}

criterion_group!(benches, reasoning);
criterion_main!(benches);
