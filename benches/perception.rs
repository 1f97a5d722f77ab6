//! Images a second: reading and training, on the CPU and on a GPU if there is one.

use std::hint::black_box;
use std::ops::ControlFlow;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::{Array1, Array2, Array3};
use pinesy::datasets::Digits;
use pinesy::inference::Engine;
use pinesy::perception::{
    Architecture, Attempt, Conclusions, DeviceChoice, DigitNet, DigitNetwork, Labels, ObservedImages, OpenDevice,
    Supervision, Training, TrainingConfig,
};
use pinesy::tasks::addition::{self, Sums};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// The same network, which nothing says is a chain of convolutions: what burn itself makes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Plain(DigitNet);

impl Architecture for Plain {
    const NAME: &'static str = "plain";
    type Network = DigitNetwork;

    fn init(&self, device: &pinesy::perception::burn::tensor::Device) -> DigitNetwork {
        self.0.init(device)
    }

    fn input(&self) -> [usize; 2] {
        self.0.input()
    }

    fn classes(&self) -> usize {
        self.0.classes()
    }
}

fn digits(count: usize) -> Digits {
    let images = Array3::from_shape_fn((count, 28, 28), |(i, y, x)| ((i * 31 + y * 17 + x * 7) % 256) as u8);
    Digits { images, labels: Array1::from_shape_fn(count, |i| (i % 10) as u8) }
}

fn devices() -> Vec<OpenDevice> {
    let auto = DeviceChoice::Auto.open().expect("a CPU at least");
    let cpu = DeviceChoice::Cpu.open().expect("a CPU");
    if auto.description.starts_with("device: GPU") { vec![cpu, auto] } else { vec![cpu] }
}

/// One epoch, its validation of a single image included.
fn train(architecture: &impl Architecture, digits: &Digits, device: &OpenDevice) {
    let config = TrainingConfig { epochs: 1, ..TrainingConfig::default() };
    let validation = digits.slice(0..1);
    let labels = Labels { train: digits, validation: &validation };
    let run = Training::new(config).unwrap().run(architecture, &labels, device, |_| ControlFlow::Continue(()));
    black_box(run.unwrap());
}

fn reading_and_training(c: &mut Criterion) {
    let (many, few) = (digits(2_048), digits(640));
    let tiny = digits(2);
    let mut group = c.benchmark_group("images");
    group.sample_size(10);
    for device in devices() {
        let one = TrainingConfig { epochs: 1, batch: 2, ..TrainingConfig::default() };
        let labels = Labels { train: &tiny, validation: &tiny };
        let net = DigitNet::default();
        let made = Training::new(one).unwrap().run(&net, &labels, &device, |_| ControlFlow::Continue(())).unwrap().0;
        let reader = made.reader(&net, &device).unwrap();
        group.throughput(Throughput::Elements(many.len() as u64));
        group.bench_function(BenchmarkId::new("reading", &device.description), |b| {
            b.iter(|| reader.probabilities(black_box(many.images.view())).unwrap());
        });
        group.throughput(Throughput::Elements(few.len() as u64));
        group.bench_function(BenchmarkId::new("training", &device.description), |b| {
            b.iter(|| train(&net, &few, &device));
        });
        group.bench_function(BenchmarkId::new("training by burn alone", &device.description), |b| {
            b.iter(|| train(&Plain(net.clone()), &few, &device));
        });
    }
    group.finish();
}

/// What finding the targets of a step costs, beside which a step takes some 50 ms.
fn targets_from_sums(c: &mut Criterion) {
    let mut group = c.benchmark_group("targets of a step");
    for k in [1, 4, 100] {
        let digits = digits(400);
        let engine = Engine::of(&addition::rules(k).unwrap());
        let sums = Sums::draw(digits.len(), k, 0);
        let results = sums.seen_results(digits.labels.view(), 0.0, 0);
        let cases = sums.observed_cases(engine.base(), &results).unwrap();
        let observed = ObservedImages::new(digits.images.view(), sums.placed().clone(), cases).unwrap();
        let conclusions = Conclusions::new(&engine, observed).unwrap();
        let step = conclusions.steps(128, &mut ChaCha8Rng::seed_from_u64(0)).remove(0);
        let pixels = Array3::zeros((step.images.len(), 28, 28));
        let given = || Array2::from_elem((step.images.len(), 10), 0.1);
        let attempt = Attempt::new(&step, pixels.view(), 10, &given);
        group.throughput(Throughput::Elements(step.images.len() as u64));
        group.bench_function(BenchmarkId::new("sums of digits", k), |b| {
            b.iter(|| conclusions.targets(black_box(&attempt)));
        });
    }
    group.finish();
}

criterion_group!(benches, reading_and_training, targets_from_sums);
criterion_main!(benches);
