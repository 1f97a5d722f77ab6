//! The network, its training and its checkpoints.
#![cfg(feature = "perception")]

use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ndarray::s;
use pinesy::datasets::{Digits, Mnist};
use pinesy::perception::burn::nn::{Linear, LinearConfig};
use pinesy::perception::burn::prelude::*;
use pinesy::perception::{
    Architecture, Augmentation, Checkpoint, CheckpointFault, DeviceChoice, DigitNet, Error, Labels, Network, Training,
    TrainingConfig, TrainingEvent, TrainingReport, TrainingStop, accuracy,
};
use serde::{Deserialize, Serialize};
use strum::VariantNames;

/// A network of a reader's own: one linear layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Lines {
    classes: usize,
}

#[derive(Module, Debug)]
struct LinesNetwork {
    linear: Linear,
}

impl Architecture for Lines {
    const NAME: &'static str = "lines";
    type Network = LinesNetwork;

    fn init(&self, device: &Device) -> LinesNetwork {
        LinesNetwork { linear: LinearConfig::new(28 * 28, self.classes).init(device) }
    }

    fn input(&self) -> [usize; 2] {
        [28, 28]
    }

    fn classes(&self) -> usize {
        self.classes
    }
}

impl Network for LinesNetwork {
    fn scores(&self, pixels: Tensor<4>) -> Tensor<2> {
        self.linear.forward(pixels.flatten(1, 3))
    }
}

/// burn draws weights and dropout from one generator a process, so trainings that are to be
/// repeatable must not run at the same time.
static ONE_TRAINING: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_TRAINING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn mnist() -> Mnist {
    Mnist::read("datasets/mnist").unwrap()
}

fn small() -> (Digits, Digits) {
    let mnist = mnist();
    (mnist.train.slice(0..192), mnist.validation.slice(0..64))
}

fn config(epochs: usize) -> TrainingConfig {
    TrainingConfig { epochs, batch: 32, ..TrainingConfig::default() }
}

fn go_on(_: TrainingEvent<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn the_shipped_model_reads_test_digits() {
    let device = DeviceChoice::Cpu.open().unwrap();
    let checkpoint = Checkpoint::read("models/mnist.safetensors").unwrap();
    let network = checkpoint.reader(&DigitNet::default(), &device).unwrap();
    // All 10,000 images are read by the main example; a part keeps this test short.
    let test = mnist().test.slice(0..2000);
    let probabilities = network.probabilities(test.views()).unwrap();
    let accuracy = accuracy(&probabilities, test.labels.view());
    assert!(accuracy >= 0.985, "{accuracy}");
    assert!(probabilities.outer_iter().all(|row| (row.sum() - 1.0).abs() < 1e-4));
    let wrong_size = test.images.slice(s![..1, ..20, ..]);
    assert!(matches!(network.probabilities(wrong_size), Err(Error::ImageSize { rows: 20, columns: 28, .. })));
}

fn check_resuming<A: Architecture>(architecture: &A) {
    let _alone = alone();
    let (train, validation) = small();
    let device = DeviceChoice::Cpu.open().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("run.training");
    let labels = Labels { train: &train, validation: &validation };
    let run = |training: Training| training.run(architecture, &labels, &device, go_on);
    let training = || Training::new(config(3)).unwrap();
    let (whole, report) = run(training()).unwrap();
    assert_eq!(report.stop, TrainingStop::Completed);
    // Stopped in the middle of the second epoch: the state of the first stays.
    let mut events = Vec::new();
    let (stopped, stopped_report) = training()
        .with_state_file(&state, false)
        .run(architecture, &labels, &device, |event| match event {
            TrainingEvent::Step { epoch: 2, step: 2, steps } => {
                assert_eq!(steps, 6);
                ControlFlow::Break(())
            }
            TrainingEvent::Epoch(epoch) => {
                events.push(*epoch);
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Continue(()),
        })
        .unwrap();
    assert_eq!((stopped_report.stop, &stopped_report.epochs), (TrainingStop::Interrupted, &events));
    assert_eq!((stopped_report.epochs.len(), stopped_report.best.number, stopped.info.epochs), (1, 1, 1));
    let (resumed, resumed_report) = run(training().with_state_file(&state, true)).unwrap();
    assert_eq!(resumed_report.stop, TrainingStop::Completed);
    let losses = |report: &TrainingReport| report.epochs.iter().map(|epoch| epoch.loss).collect::<Vec<_>>();
    assert_eq!(losses(&report), losses(&resumed_report));
    assert_eq!(whole.info, resumed.info);
    let probabilities = |checkpoint: &Checkpoint| {
        checkpoint.reader(architecture, &device).unwrap().probabilities(validation.views()).unwrap()
    };
    assert_eq!(probabilities(&whole), probabilities(&resumed));
    let other = Training::new(TrainingConfig { seed: 1, ..config(3) }).unwrap().with_state_file(&state, true);
    let error = run(other).unwrap_err();
    assert!(error.to_string().contains("made with other settings ({\"epochs\":3,"), "{error}");
    assert!(matches!(error, Error::Checkpoint { fault: CheckpointFault::OtherSettings(_), .. }));
    let stop_at_once = training().run(architecture, &labels, &device, |_| ControlFlow::Break(()));
    assert!(matches!(stop_at_once, Err(Error::StoppedEarly)));
}

#[test]
fn a_resumed_training_repeats_an_uninterrupted_one() {
    check_resuming(&DigitNet::default());
}

#[test]
fn a_network_of_ones_own_trains_and_resumes() {
    check_resuming(&Lines { classes: 10 });
}

#[test]
fn checkpoints_are_checked() {
    let _alone = alone();
    let (train, validation) = small();
    let device = DeviceChoice::Cpu.open().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    let few = Digits { labels: train.labels.mapv(|label| label % 4), ..train };
    let few_validation = Digits { labels: validation.labels.mapv(|label| label % 4), ..validation };
    let config = TrainingConfig { augmentation: Augmentation::NONE, ..config(1) };
    let labels = Labels { train: &few, validation: &few_validation };
    let lines = Lines { classes: 4 };
    let (checkpoint, _) = Training::new(config).unwrap().run(&lines, &labels, &device, go_on).unwrap();
    checkpoint.write(&path).unwrap();
    let read = Checkpoint::read(&path).unwrap();
    assert_eq!(read.info, checkpoint.info);
    assert_eq!(read.reader(&lines, &device).unwrap().architecture(), &lines);
    let error = read.reader(&Lines { classes: 10 }, &device).unwrap_err().to_string();
    assert!(
        error.ends_with("m.safetensors: a network with settings {\"classes\":4}: expected {\"classes\":10}"),
        "{error}"
    );
    let error = read.reader(&DigitNet::new(4), &device).unwrap_err().to_string();
    assert!(error.ends_with("m.safetensors: a network lines: expected digit-net"), "{error}");

    let mut bytes = std::fs::read(&path).unwrap();
    bytes.truncate(bytes.len() - 10);
    let fault = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        match Checkpoint::read(&path) {
            Err(Error::Checkpoint { fault, .. }) => fault,
            other => panic!("{other:?}"),
        }
    };
    assert!(matches!(fault(&bytes), CheckpointFault::NotSafetensors(_)));
    assert!(matches!(fault(b"not a checkpoint"), CheckpointFault::NotSafetensors(_)));
    // A safetensors file without tensors, and with a header of our own making.
    let empty = |header: &str| [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    assert!(matches!(fault(&empty("{}")), CheckpointFault::NoMetadata));
    let metadata = empty(r#"{"__metadata__":{"pinesy":"{}"}}"#);
    assert!(matches!(fault(&metadata), CheckpointFault::Metadata(_)));
    assert!(matches!(Checkpoint::read(folder.path().join("none")), Err(Error::Io { .. })));
}

#[test]
fn wrong_settings_and_data_are_explained() {
    let _alone = alone();
    let message = |config: TrainingConfig| Training::new(config).unwrap_err().to_string();
    assert_eq!(message(TrainingConfig { epochs: 0, ..config(1) }), "training: epochs: expected at least 1");
    let (train, validation) = small();
    let device = DeviceChoice::Cpu.open().unwrap();
    let run = |architecture: &DigitNet, train: &Digits| {
        let labels = Labels { train, validation: &validation };
        Training::new(config(1)).unwrap().run(architecture, &labels, &device, go_on).unwrap_err()
    };
    let error = run(&DigitNet::new(9), &train).to_string();
    assert_eq!(error, "training: label 9 of image 4: expected 0 to 8");
    let error = run(&DigitNet { dropout: 1.0, ..DigitNet::default() }, &train).to_string();
    assert_eq!(error, "training: dropout: expected a number from 0 to below 1");
    let error = run(&DigitNet::default(), &train.slice(0..3));
    assert!(error.to_string().contains("expected at least one batch of 32"));
    assert!(matches!(error, Error::TooFewImages { train: 3, validation: 64, batch: 32 }));
}

/// Needs a wgpu adapter, be it Mesa's software one; CI installs that and demands it by
/// `PINESY_REQUIRE_WGPU`. Elsewhere, a machine without any must give the clear error.
#[test]
fn wgpu_and_cpu_agree() {
    let _alone = alone();
    let device = match DeviceChoice::Wgpu.open() {
        Ok(device) => device,
        Err(error) => {
            assert!(error.to_string().starts_with("no wgpu adapter can be used"), "{error}");
            assert!(std::env::var_os("PINESY_REQUIRE_WGPU").is_none(), "{error}");
            return;
        }
    };
    let images = mnist().test.slice(0..3);
    let checkpoint = Checkpoint::read("models/mnist.safetensors").unwrap();
    let on = |device| checkpoint.reader(&DigitNet::default(), device).unwrap().probabilities(images.views()).unwrap();
    let (wgpu, cpu) = (on(&device), on(&DeviceChoice::Cpu.open().unwrap()));
    for (a, b) in wgpu.iter().zip(&cpu) {
        assert!((a - b).abs() < 1e-3, "{a} on wgpu, {b} on the CPU");
    }
    // One training step also runs there.
    let tiny = TrainingConfig { epochs: 1, batch: 3, ..TrainingConfig::default() };
    let labels = Labels { train: &images, validation: &images };
    let (_, report) = Training::new(tiny).unwrap().run(&DigitNet::default(), &labels, &device, go_on).unwrap();
    assert!(report.best.loss.is_finite());
}

#[test]
fn device_names_are_checked() {
    assert_eq!("wgpu".parse::<DeviceChoice>().unwrap(), DeviceChoice::Wgpu);
    assert!("tpu".parse::<DeviceChoice>().is_err());
    assert_eq!(DeviceChoice::VARIANTS, ["auto", "wgpu", "cpu"]);
    assert_eq!(DeviceChoice::default().to_string(), "auto");
}
