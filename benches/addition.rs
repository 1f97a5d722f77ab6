//! MNIST addition without perception: sums per second, of many sums and of one alone, against the
//! plain evaluator in the same run; and learning.
//!
//! `cargo bench --bench addition`; one core: `RAYON_NUM_THREADS=1 cargo bench --bench addition`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;
use pinesy::inference::Engine;
use pinesy::learning::{LearningConfig, ThresholdSearch, learn};
use pinesy::possibility::Transform;
use pinesy::tasks::addition::{Sums, rules};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[path = "../examples/common/figures.rs"]
mod figures;
#[path = "plain/mod.rs"]
mod plain;

use figures::peak_memory;
use plain::Plain;

/// Probabilities of digits read with some doubt, and the digits.
fn reader(images: usize) -> (Array2<f32>, ndarray::Array1<u8>) {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let labels: ndarray::Array1<u8> = (0..images).map(|_| rng.random_range(0..10)).collect();
    let mut probabilities = Array2::zeros((images, 10));
    for (mut row, &label) in probabilities.outer_iter_mut().zip(&labels) {
        row.mapv_inplace(|_: f32| rng.random::<f32>().powi(8) * 0.05);
        row[usize::from(label)] = 1.0;
        let sum = row.sum();
        row.mapv_inplace(|p| p / sum);
    }
    (probabilities, labels)
}

fn inference(c: &mut Criterion) {
    let mut group = c.benchmark_group("inference");
    for (k, count) in [(1, 16_384), (4, 4_096), (100, 256)] {
        let (probabilities, _) = reader(2 * k * count);
        let degrees = Transform::Antipignistic.possibilities(probabilities.view()).unwrap();
        let engine = Engine::of(&rules(k).unwrap());
        let cases = Sums::draw(2 * k * count, k, 0).cases(engine.base(), degrees.view()).unwrap();
        let names: Vec<String> = (0..=k).map(|j| format!("y{j}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        group.throughput(Throughput::Elements(count as u64));
        let plain = Plain::new(&engine);
        plain.assert_same(&engine, &cases, &names);
        let rows = plain.rows(&cases);
        group.bench_function(format!("k={k}"), |b| b.iter(|| engine.infer_batch(&cases, &names).unwrap()));
        let mut answers = engine.infer_batch(&cases, &names).unwrap();
        group.bench_function(format!("k={k}, memory kept"), |b| {
            b.iter(|| engine.infer_batch_into(&cases, &names, &mut answers).unwrap());
        });
        group.bench_function(format!("k={k}, plain"), |b| b.iter(|| plain.infer_batch(&rows, &names)));
    }
    group.finish();
    let mut group = c.benchmark_group("inference of one sum");
    for k in [1, 4, 100] {
        let (probabilities, _) = reader(2 * k);
        let degrees = Transform::Antipignistic.possibilities(probabilities.view()).unwrap();
        let engine = Engine::of(&rules(k).unwrap());
        let inputs: Vec<(String, Vec<f32>)> =
            degrees.outer_iter().enumerate().map(|(j, row)| (format!("a{}", j + 1), row.to_vec())).collect();
        let table = || {
            let cases = inputs.iter().fold(engine.cases(), |cases, (name, row)| cases.possibilities(name, row));
            cases.build().unwrap()
        };
        let case = table();
        let plain = Plain::new(&engine);
        plain.assert_same(&engine, &case, &["y0", "y1"]);
        let row = plain.rows(&case);
        group.bench_function(format!("k={k}"), |b| b.iter(|| engine.infer(&case).unwrap()));
        group.bench_function(format!("k={k}, plain"), |b| b.iter(|| plain.infer(&row)));
        group.bench_function(format!("k={k}, with its table"), |b| b.iter(|| engine.infer(&table()).unwrap()));
    }
    group.finish();
}

fn print_memory_of_learning() {
    let (probabilities, labels) = reader(50_000);
    let degrees = Transform::Antipignistic.possibilities(probabilities.view()).unwrap();
    let engine = Engine::of(&rules(1).unwrap());
    let examples = Sums::draw(50_000, 1, 0).labelled_cases(engine.base(), degrees.view(), labels.view()).unwrap();
    let before = peak_memory();
    learn(&engine, &examples, &LearningConfig::default()).unwrap();
    if let (Some(before), Some(after)) = (before, peak_memory()) {
        println!("learning from 25,000 sums: peak memory from {before:.0} to {after:.0} MB");
    }
}

fn learning(c: &mut Criterion) {
    // First, while the peak is low.
    print_memory_of_learning();
    let engine = Engine::of(&rules(1).unwrap());
    let mut group = c.benchmark_group("learning, k=1, all rule sets");
    group.sample_size(10);
    for count in [1_000, 10_000, 25_000, 100_000, 1_000_000] {
        let (probabilities, labels) = reader(2 * count);
        let degrees = Transform::Antipignistic.possibilities(probabilities.view()).unwrap();
        let examples =
            Sums::draw(2 * count, 1, 0).labelled_cases(engine.base(), degrees.view(), labels.view()).unwrap();
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("{count} sums, nothing dropped"), |b| {
            b.iter(|| learn(&engine, &examples, &LearningConfig::default()).unwrap())
        });
        if count == 25_000 {
            let thresholds = ThresholdSearch::paper_normal().grid.values();
            group.bench_function("25000 sums, each of the 30 thresholds of the grid", |b| {
                b.iter(|| {
                    for &threshold in &thresholds {
                        learn(&engine, &examples, &LearningConfig::default().with_threshold(Some(threshold))).unwrap();
                    }
                })
            });
        }
    }
    group.finish();
}

fn compilation(c: &mut Criterion) {
    let mut group = c.benchmark_group("rule file to engine");
    group.sample_size(20);
    for k in [1, 100] {
        group.bench_function(format!("k={k}"), |b| b.iter(|| Engine::of(&rules(k).unwrap())));
    }
    group.finish();
}

criterion_group!(benches, learning, inference, compilation);
criterion_main!(benches);
