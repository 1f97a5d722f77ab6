//! What an explanation costs, against one inference of the same example in the same run, by the
//! engine and by the plain evaluator.
//!
//! `RAYON_NUM_THREADS=1 cargo bench --no-default-features --bench explain`.

use criterion::{Criterion, criterion_group, criterion_main};
use pinesy::explain::Explainer;
use pinesy::inference::Engine;
use pinesy::tasks::{addition, sudoku};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[path = "plain/mod.rs"]
mod plain;

use plain::Plain;

/// Each value read as `read(i)` says, with some doubt.
fn degrees(names: Vec<String>, values: usize, read: impl Fn(usize) -> usize) -> Vec<(String, Vec<f32>)> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let row = |i: usize, rng: &mut ChaCha8Rng| {
        let degree = |value| if value == read(i) { 1.0 } else { rng.random::<f32>().powi(4) * 0.9 };
        (0..values).map(degree).collect::<Vec<f32>>()
    };
    names.into_iter().enumerate().map(|(i, name)| (name, row(i, &mut rng))).collect()
}

fn compare(c: &mut Criterion, name: &str, engine: &Engine, inputs: &[(String, Vec<f32>)], attribute: &str) {
    let case = inputs.iter().fold(engine.cases(), |case, (name, row)| case.possibilities(name, row)).build().unwrap();
    let other = engine.infer(&case).unwrap();
    let other = other.get(attribute).unwrap();
    let decided = other.decision().positions()[0];
    let other = other.iter().enumerate().filter(|(i, _)| *i != decided).max_by(|a, b| a.1.1.total_cmp(&b.1.1));
    let other = other.unwrap().1.0.clone();
    let plain = Plain::new(engine);
    plain.assert_same(engine, &case, &[attribute]);
    let row = plain.rows(&case);
    let mut group = c.benchmark_group(name);
    group.bench_function("inference", |b| b.iter(|| engine.infer(&case).unwrap()));
    group.bench_function("inference, plain", |b| b.iter(|| plain.infer(&row)));
    group.bench_function("inference and why not the next best", |b| {
        b.iter(|| Explainer::new(engine, &case).unwrap().explain(attribute, &other).unwrap())
    });
    group.bench_function("inference and why", |b| {
        b.iter(|| Explainer::new(engine, &case).unwrap().justify(attribute).unwrap())
    });
    let explainer = Explainer::new(engine, &case).unwrap();
    group.bench_function("what would change it", |b| b.iter(|| explainer.changes(attribute).unwrap()));
    group.finish();
}

fn sums(c: &mut Criterion) {
    for k in [1, 4, 100] {
        let engine = Engine::of(&addition::rules(k).unwrap());
        let inputs = degrees((1..=2 * k).map(|j| format!("a{j}")).collect(), 10, |i| (i * 7 + i / k) % 10);
        compare(c, &format!("explain sum, k={k}"), &engine, &inputs, "y1");
    }
}

fn grids(c: &mut Criterion) {
    for m in [2, 3] {
        let n = m * m;
        let engine = Engine::of(&sudoku::rules(m).unwrap());
        let names = (0..n * n).map(|cell| format!("x{cell}")).collect();
        // A valid grid but for its first cell.
        let inputs = degrees(names, n, |cell| match (cell / n, cell % n) {
            (0, 0) => 1,
            (row, column) => (m * (row % m) + row / m + column) % n,
        });
        compare(c, &format!("explain grid, {n}x{n}"), &engine, &inputs, "valid");
    }
}

criterion_group!(benches, sums, grids);
criterion_main!(benches);
