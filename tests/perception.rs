//! The network, its training and its checkpoints.
#![cfg(feature = "perception")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher};
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ndarray::{Array, Array2, Array3, ArrayView3, Axis, Dimension, s};
use pinesy::datasets::{Digits, Mnist};
use pinesy::inference::Engine;
use pinesy::perception::burn::nn::{Linear, LinearConfig};
use pinesy::perception::burn::prelude::*;
use pinesy::perception::{
    Architecture, Attempt, Augmentation, Checkpoint, CheckpointFault, Conclusions, DeviceChoice, DigitNet,
    DigitNetwork, Distillation, Error, Labels, Network, ObservedImages, Supervision, Training, TrainingConfig,
    TrainingEvent, TrainingReport, TrainingStep, TrainingStop, accuracy,
};
use pinesy::tasks::addition::{self, SumLikelihood, Sums};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
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

fn stop_after_an_epoch(event: TrainingEvent<'_>) -> ControlFlow<()> {
    match event {
        TrainingEvent::Epoch(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    }
}

/// The farthest that two numbers in the same place are apart; if one is none, that.
fn furthest<D: Dimension>(a: &Array<f32, D>, b: &Array<f32, D>) -> f32 {
    (a - b).iter().map(|by| by.abs()).max_by(f32::total_cmp).expect("numbers")
}

/// The results of sums of two digits.
type Results = Vec<Vec<Option<usize>>>;

/// Sums of two digits each, with their results, a share of whose digits is hidden.
fn observed<'a>(engine: &Engine, digits: &'a Digits, draw: u64, hidden: f64) -> (ObservedImages<'a>, Results) {
    let sums = Sums::draw(digits.len(), 1, draw);
    let results = sums.seen_results(digits.labels.view(), hidden, 0);
    let cases = sums.observed_cases(engine.base(), &results).unwrap();
    (ObservedImages::new(digits.images.view(), sums.placed().clone(), cases).unwrap(), results)
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
    let anew = run(training().with_state_file(&state, false));
    assert!(matches!(anew, Err(Error::Checkpoint { fault: CheckpointFault::Unfinished, .. })));
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
    assert!(error.to_string().contains("made with seed 0 instead of 1: expected the same settings"), "{error}");
    assert!(matches!(error, Error::Checkpoint { fault: CheckpointFault::OtherSettings { .. }, .. }));
    let nowhere = training().with_state_file(folder.path().join("nowhere"), true);
    assert!(matches!(run(nowhere), Err(Error::Checkpoint { fault: CheckpointFault::NothingToResume, .. })));
    // As many images, with one pixel or one label changed.
    let changes: [fn(&mut Digits); 2] = [|digits| digits.images[(7, 14, 14)] ^= 1, |digits| digits.labels[7] ^= 1];
    for change in changes {
        let (mut other_train, mut other_validation) = small();
        change(&mut other_train);
        change(&mut other_validation);
        for labels in [Labels { train: &other_train, ..labels }, Labels { validation: &other_validation, ..labels }] {
            let other = training().with_state_file(&state, true).run(architecture, &labels, &device, go_on);
            assert!(matches!(other, Err(Error::Checkpoint { fault: CheckpointFault::OtherSupervision, .. })));
        }
    }
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

/// The network that comes along, which nothing says is a chain of convolutions: burn evaluates and
/// trains it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ByBurn(DigitNet);

impl Architecture for ByBurn {
    const NAME: &'static str = DigitNet::NAME;
    type Network = DigitNetwork;

    fn init(&self, device: &Device) -> DigitNetwork {
        self.0.init(device)
    }

    fn input(&self) -> [usize; 2] {
        self.0.input()
    }

    fn classes(&self) -> usize {
        self.0.classes()
    }
}

/// Kernels of our own and burn's agree: in reading (batch normalisation folded into the weights),
/// and step by step in training.
#[test]
fn chains_are_read_and_trained_as_burn_does() {
    let _alone = alone();
    let (train, validation) = small();
    let labels = Labels { train: &train, validation: &validation };
    let device = DeviceChoice::Cpu.open().unwrap();
    let net = DigitNet { dropout: 0.0, ..DigitNet::default() };
    let config = TrainingConfig { augmentation: Augmentation::NONE, average: 0.5, ..config(2) };
    let training = Training::new(config).unwrap();
    let (ours, report) = training.run(&net, &labels, &device, go_on).unwrap();
    let (burns, burn_report) = training.run(&ByBurn(net.clone()), &labels, &device, go_on).unwrap();
    for (ours, burns) in report.epochs.iter().zip(&burn_report.epochs) {
        assert!((ours.loss - burns.loss).abs() < 1e-3, "{ours:?} {burns:?}");
    }
    let read = |reader: Result<Array2<f32>, Error>| reader.unwrap();
    let folded = read(ours.reader(&net, &device).unwrap().probabilities(validation.views()));
    let unfolded = read(ours.reader(&ByBurn(net.clone()), &device).unwrap().probabilities(validation.views()));
    assert!(furthest(&folded, &unfolded) < 1e-4, "{}", furthest(&folded, &unfolded));
    let trained_by_burn = read(burns.reader(&net, &device).unwrap().probabilities(validation.views()));
    assert!(furthest(&folded, &trained_by_burn) < 0.02, "{}", furthest(&folded, &trained_by_burn));
}

/// The networks that come along.
fn shipped() -> [Checkpoint; 2] {
    ["models/mnist.safetensors", "models/mnist_from_sums.safetensors"].map(|path| Checkpoint::read(path).unwrap())
}

fn never() -> Array2<f32> {
    unreachable!("teachers need not know what the network gave")
}

#[test]
fn teachers_say_on_average_what_each_says_of_the_pixels_shown() {
    let (train, validation) = small();
    let device = DeviceChoice::Cpu.open().unwrap();
    let labels = Labels { train: &train, validation: &validation };
    // The network sees something else than the images of the step.
    let seen = validation.images.mapv(|pixel| pixel / 2);
    let said = shipped()
        .map(|teacher| teacher.reader(&DigitNet::default(), &device).unwrap().probabilities(seen.view()).unwrap());
    let taught = Distillation::<_, DigitNet>::new(labels, &shipped(), &device).unwrap();
    let step = TrainingStep { images: (0..validation.len()).collect(), cases: Vec::new() };
    let pixels = seen.mapv(|pixel| f32::from(pixel) / 255.0);
    let targets = taught.targets(&Attempt::new(&step, pixels.view(), 10, &never));
    assert!(furthest(&targets, &((&said[0] + &said[1]) / 2.0)) < 1e-6);
    assert!(furthest(&said[0], &said[1]) > 0.1);
}

/// All labels are wrong; what is learned is what the teacher says.
#[test]
fn a_network_learns_from_its_teacher_and_not_from_labels() {
    let _alone = alone();
    let (mut train, validation) = small();
    let device = DeviceChoice::Cpu.open().unwrap();
    let right = train.labels.clone();
    train.labels.mapv_inplace(|label| (label + 1) % 10);
    let labels = Labels { train: &train, validation: &validation };
    let taught = Distillation::<_, DigitNet>::new(labels, &shipped()[..1], &device).unwrap();
    let config = TrainingConfig { augmentation: Augmentation::NONE, ..config(30) };
    let net = Lines { classes: 10 };
    let (student, _) = Training::new(config).unwrap().run(&net, &taught, &device, go_on).unwrap();
    let given = student.reader(&net, &device).unwrap().probabilities(train.views()).unwrap();
    assert!(accuracy(&given, right.view()) > 0.9, "{}", accuracy(&given, right.view()));
}

#[test]
fn teachers_are_checked() {
    let _alone = alone();
    let (train, validation) = small();
    let device = DeviceChoice::Cpu.open().unwrap();
    let labels = Labels { train: &train, validation: &validation };
    let of = |teachers: &[Checkpoint]| Distillation::<_, DigitNet>::new(labels, teachers, &device);
    assert!(matches!(of(&[]), Err(Error::Config { setting: "teachers", .. })));
    let [one, other] = shipped();
    let taught = of(std::slice::from_ref(&one)).unwrap();
    let classes = Training::new(config(1)).unwrap().run(&Lines { classes: 11 }, &taught, &device, go_on);
    assert!(matches!(classes, Err(Error::TeacherClasses { found: 10, expected: 11, .. })));
    let classes = classes.unwrap_err().to_string();
    assert!(classes.starts_with("teacher 1 models/mnist.safetensors: 10 classes"), "{classes}");
    let low = Digits { images: Array3::zeros((64, 20, 28)), labels: validation.labels.clone() };
    let low = Distillation::<_, DigitNet>::new(Labels { train: &low, validation: &low }, &shipped(), &device);
    let low = low.unwrap_err().to_string();
    assert_eq!(low, "teacher 1 models/mnist.safetensors: images of 20×28 pixels: expected 28×28");
    let (lines, _) = Training::new(config(1)).unwrap().run(&Lines { classes: 10 }, &labels, &device, go_on).unwrap();
    let strange = of(&[one.clone(), lines]).unwrap_err().to_string();
    assert!(strange.starts_with("checkpoint") && strange.contains("a network lines"), "{strange}");
    // A training goes on with the same teachers alone, in the same order.
    let folder = tempfile::tempdir().unwrap();
    let training = |resume| Training::new(config(2)).unwrap().with_state_file(folder.path().join("state"), resume);
    let net = Lines { classes: 10 };
    let both = of(&[one.clone(), other.clone()]).unwrap();
    training(false).run(&net, &both, &device, stop_after_an_epoch).unwrap();
    let refused = |supervision: &dyn Supervision| {
        let error = training(true).run(&net, supervision, &device, go_on).unwrap_err();
        assert!(matches!(error, Error::Checkpoint { fault: CheckpointFault::OtherSupervision, .. }), "{error}");
    };
    refused(&taught);
    refused(&of(&[other, one]).unwrap());
    refused(&labels);
    let (_, report) = training(true).run(&net, &both, &device, go_on).unwrap();
    assert_eq!(report.stop, TrainingStop::Completed);
}

/// The images of a step as they were seen, and what was given.
type Seen = (TrainingStep, Array3<f32>, Array2<f32>);

/// Labels that keep what they were shown.
struct Witness<'a> {
    labels: Labels<'a>,
    seen: RefCell<Vec<Seen>>,
}

impl Supervision for Witness<'_> {
    fn images(&self) -> ArrayView3<'_, u8> {
        self.labels.images()
    }

    fn steps(&self, batch: usize, random: &mut ChaCha8Rng) -> Vec<TrainingStep> {
        self.labels.steps(batch, random)
    }

    fn targets(&self, attempt: &Attempt<'_>) -> Array2<f32> {
        self.seen.borrow_mut().push((attempt.step().clone(), attempt.pixels().to_owned(), attempt.given()));
        self.labels.targets(attempt)
    }

    fn validation_images(&self) -> ArrayView3<'_, u8> {
        self.labels.validation_images()
    }

    fn validation_accuracy(&self, given: &Array2<f32>) -> f64 {
        self.labels.validation_accuracy(given)
    }

    fn identify(&self, hasher: &mut dyn Hasher) {
        self.labels.identify(hasher);
    }

    fn check(&self, classes: usize, batch: usize) -> Result<(), Error> {
        self.labels.check(classes, batch)
    }
}

/// By burn and by the kernels of our own.
#[test]
fn a_supervision_is_shown_what_the_network_saw_and_gave() {
    let _alone = alone();
    fn check(architecture: &impl Architecture) {
        let (train, validation) = small();
        let device = DeviceChoice::Cpu.open().unwrap();
        for augmentation in [Augmentation::NONE, Augmentation::default()] {
            let labels = Labels { train: &train, validation: &validation };
            let witness = Witness { labels, seen: RefCell::default() };
            let training = Training::new(TrainingConfig { augmentation, ..config(1) }).unwrap();
            training.run(architecture, &witness, &device, go_on).unwrap();
            let seen = witness.seen.into_inner();
            assert_eq!(seen.len(), 6);
            for (step, pixels, given) in seen {
                let images = train.images.select(Axis(0), &step.images).mapv(|pixel| f32::from(pixel) / 255.0);
                let distorted = furthest(&pixels, &images);
                assert_eq!(distorted < 1e-4, augmentation == Augmentation::NONE, "{distorted}");
                assert_eq!(given.dim(), (32, 10));
                assert!(given.outer_iter().all(|row| (row.sum() - 1.0).abs() < 1e-5));
            }
        }
    }
    check(&Lines { classes: 10 });
    check(&DigitNet::default());
}

/// Images go to a device by batches; each must come back in its place.
#[test]
fn many_images_are_read_in_order() {
    let _alone = alone();
    let (train, validation) = small();
    let labels = Labels { train: &train, validation: &validation };
    let device = DeviceChoice::Cpu.open().unwrap();
    let net = Lines { classes: 10 };
    let (checkpoint, _) = Training::new(config(1)).unwrap().run(&net, &labels, &device, go_on).unwrap();
    let reader = checkpoint.reader(&net, &device).unwrap();
    let images = mnist().test.slice(0..3000);
    let mut told = Vec::new();
    let all = reader.probabilities_observed(images.views(), |count| told.push(count)).unwrap();
    assert_eq!(all.dim(), (3000, 10));
    assert!(told.len() > 1 && told.iter().sum::<usize>() == 3000, "{told:?}");
    for start in (0..3000).step_by(500) {
        let part = reader.probabilities(images.slice(start..start + 500).views()).unwrap();
        let same = all.slice(s![start..start + 500, ..]).to_owned();
        assert!(furthest(&part, &same) < 1e-5, "images from {start} on");
    }
    assert_eq!(reader.probabilities(images.slice(0..0).views()).unwrap().dim(), (0, 10));
}

/// No label of a digit reaches the training: 400 sums of two digits teach what the digits are.
#[test]
fn a_network_learns_digits_from_sums() {
    let _alone = alone();
    let mnist = mnist();
    let (train, validation) = (mnist.train.slice(0..1600), mnist.validation.slice(0..400));
    let engine = Engine::of(&addition::rules(1).unwrap());
    let (images, results) = observed(&engine, &train, 0, 0.1);
    let hidden = results.iter().flatten().filter(|digit| digit.is_none()).count();
    assert!((100..230).contains(&hidden), "{hidden} of 1600 digits of results");
    let (choosing, _) = observed(&engine, &validation, 0, 0.0);
    let conclusions = Conclusions::new(&engine, images).unwrap().validated_by(&engine, choosing).unwrap();
    let config = TrainingConfig { epochs: 6, batch: 32, first_rate: 0.2, plain_epochs: 6, ..TrainingConfig::default() };
    let device = DeviceChoice::Cpu.open().unwrap();
    let net = DigitNet::default();
    let (checkpoint, report) = Training::new(config).unwrap().run(&net, &conclusions, &device, go_on).unwrap();
    let given = checkpoint.reader(&net, &device).unwrap().probabilities(validation.views()).unwrap();
    let digits = accuracy(&given, validation.labels.view());
    assert!(digits > 0.8, "{digits}, {report:?}");
    // What the best epoch was chosen by is the share of right sums.
    assert!(report.best.validation_accuracy <= digits);
    let labelled = ObservedImages::new(
        train.images.view(),
        Array2::zeros((3, 2)),
        engine.cases().count(1).unknown("a1").unknown("a2").build().unwrap(),
    );
    assert!(matches!(labelled, Err(Error::Placed { rows: 3, columns: 2, cases: 1, inputs: 2, .. })));
}

#[test]
fn what_was_observed_tells_supervisions_apart() {
    let digits = mnist().train.slice(0..40);
    let identity = |supervision: &dyn Supervision| {
        let mut hasher = DefaultHasher::new();
        supervision.identify(&mut hasher);
        hasher.finish()
    };
    let engine = Engine::of(&addition::rules(1).unwrap());
    let mut parameters = engine.parameters();
    parameters.parameters.get_mut("y0").unwrap().s[0] = 0.25;
    let doubtful = engine.with_parameters(&parameters).unwrap();
    let conclusions =
        |engine, draw, hidden| Conclusions::new(engine, observed(engine, &digits, draw, hidden).0).unwrap();
    let same = conclusions(&engine, 0, 0.0);
    assert_eq!(identity(&same), identity(&conclusions(&engine, 0, 0.0)));
    let chosen_otherwise = same.clone().validated_by(&engine, observed(&engine, &digits, 1, 0.0).0).unwrap();
    let results = |hidden| SumLikelihood::new(same.clone(), observed(&engine, &digits, 0, hidden).1);
    let all: BTreeSet<u64> = [
        identity(&same),
        identity(&conclusions(&engine, 1, 0.0)),
        identity(&conclusions(&engine, 0, 0.5)),
        identity(&conclusions(&doubtful, 0, 0.0)),
        identity(&chosen_otherwise),
        identity(&results(0.0)),
        identity(&results(0.5)),
    ]
    .into();
    assert_eq!(all.len(), 7);
}

/// A teacher of other classes than the rules know is refused before it is judged.
#[test]
fn teachers_of_sums_have_as_many_classes_as_there_are_digits() {
    let _alone = alone();
    let digits = mnist().train.slice(0..40);
    let device = DeviceChoice::Cpu.open().unwrap();
    let labels = Labels { train: &digits, validation: &digits };
    let net = Lines { classes: 11 };
    let (eleven, _) = Training::new(config(1)).unwrap().run(&net, &labels, &device, go_on).unwrap();
    let engine = Engine::of(&addition::rules(1).unwrap());
    let conclusions = Conclusions::new(&engine, observed(&engine, &digits, 0, 0.0).0).unwrap();
    let error = Distillation::<_, Lines>::new(conclusions, &[eleven], &device).unwrap_err();
    assert!(error.to_string().starts_with("teacher 1: training: input a1 has 10 values: expected 11"), "{error}");
}

/// One byte of a state changed, or its end missing: it is refused, or goes on, but never panics.
#[test]
fn a_damaged_state_is_refused_or_goes_on() {
    let _alone = alone();
    let (train, validation) = small();
    let labels = Labels { train: &train, validation: &validation };
    let device = DeviceChoice::Cpu.open().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let training = |resume| Training::new(config(2)).unwrap().with_state_file(&path, resume);
    let net = Lines { classes: 10 };
    training(false).run(&net, &labels, &device, stop_after_an_epoch).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let (mut refused, mut gone_on) = (0, 0);
    for case in 0..400 {
        let mut bytes = whole.clone();
        match case % 4 {
            0 => bytes.truncate(random.random_range(0..whole.len())),
            1 => bytes[random.random_range(header..whole.len())] ^= 1 << random.random_range(0..8),
            _ => bytes[random.random_range(0..header)] ^= 1 << random.random_range(0..8),
        }
        std::fs::write(&path, bytes).unwrap();
        match training(true).run(&net, &labels, &device, |_| ControlFlow::Break(())) {
            Ok(_) | Err(Error::Diverged { .. }) => gone_on += 1,
            Err(Error::Checkpoint { fault, .. }) => {
                assert!(fault.to_string().len() < 5_000, "{fault}");
                refused += 1;
            }
            Err(error) => panic!("case {case}: {error}"),
        }
    }
    assert!(refused > 200 && gone_on > 50, "{refused} refused, {gone_on} gone on");
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

    // Settings that no memory holds.
    let mut shipped = Checkpoint::read("models/mnist.safetensors").unwrap();
    for classes in [0, 257, u64::MAX / 2] {
        shipped.info.architecture["classes"] = classes.into();
        let error = shipped.own_reader::<DigitNet>(&device).unwrap_err().to_string();
        let expected = "checkpoint models/mnist.safetensors: its network: setting classes: expected 2 to 256";
        assert_eq!(error, expected);
    }
    shipped.info.architecture = serde_json::json!({ "classes": "x", "dropout": 0 });
    let error = shipped.own_reader::<DigitNet>(&device).unwrap_err().to_string();
    assert!(error.contains("settings of its network: invalid type: string \"x\", expected usize"), "{error}");
    // The same numbers, written otherwise.
    shipped.info.architecture = serde_json::json!({ "classes": 10, "dropout": 0 });
    assert!(shipped.reader(&DigitNet { dropout: 0.0, ..DigitNet::default() }, &device).is_ok());

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
    let twice = empty(r#"{"__metadata__":{"pinesy":"{}","pinesy":"{}"}}"#);
    assert!(matches!(fault(&twice), CheckpointFault::Header(_)));
    let a = r#""a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}"#;
    assert!(matches!(fault(&empty(&format!("{{{a},{a}}}"))), CheckpointFault::Header(_)));
    let mut other = checkpoint.clone();
    other.info.version = 999;
    other.write(&path).unwrap();
    assert!(matches!(fault(&std::fs::read(&path).unwrap()), CheckpointFault::Version(999)));
    (other.info.version, other.info.validation_accuracy) = (checkpoint.info.version, 5.0);
    other.write(&path).unwrap();
    assert!(matches!(fault(&std::fs::read(&path).unwrap()), CheckpointFault::Accuracy(_)));
    // A variance below 0, and weights that are finite but not what comes of them.
    let shipped = std::fs::read("models/mnist.safetensors").unwrap();
    let weights = 8 + u64::from_le_bytes(shipped[..8].try_into().unwrap()) as usize;
    let all = |weight: f32| {
        let numbers = std::iter::repeat_n(weight.to_le_bytes(), (shipped.len() - weights) / 4).flatten();
        shipped[..weights].iter().copied().chain(numbers).collect::<Vec<u8>>()
    };
    assert!(matches!(fault(&all(-1.0)), CheckpointFault::Variance { position: 0, .. }));
    std::fs::write(&path, all(3e38)).unwrap();
    let reader = Checkpoint::read(&path).unwrap().reader(&DigitNet::default(), &device).unwrap();
    assert!(matches!(reader.probabilities(mnist().test.slice(0..3).views()), Err(Error::NotFinite { image: 0 })));
    assert!(matches!(Checkpoint::read(folder.path().join("none")), Err(Error::Io { .. })));
}

#[test]
fn wrong_settings_and_data_are_explained() {
    let _alone = alone();
    let message = |config: TrainingConfig| Training::new(config).unwrap_err().to_string();
    assert_eq!(message(TrainingConfig { epochs: 0, ..config(1) }), "setting epochs: expected at least 1");
    let (train, validation) = small();
    let device = DeviceChoice::Cpu.open().unwrap();
    let run = |architecture: &DigitNet, train: &Digits| {
        let labels = Labels { train, validation: &validation };
        Training::new(config(1)).unwrap().run(architecture, &labels, &device, go_on).unwrap_err()
    };
    let error = run(&DigitNet::new(9), &train).to_string();
    assert_eq!(error, "training: label 9 of image 4: expected 0 to 8");
    let unlabelled = Digits { labels: train.labels.slice(s![..9]).to_owned(), ..train.slice(0..32) };
    let error = run(&DigitNet::default(), &unlabelled).to_string();
    assert_eq!(error, "training: 32 images with 9 labels: expected a label an image");
    let error = run(&DigitNet { dropout: 1.0, ..DigitNet::default() }, &train).to_string();
    assert_eq!(error, "setting dropout: expected a number from 0 to below 1");
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
            let expected = if cfg!(feature = "gpu") { "no wgpu adapter can be used" } else { "built without GPUs" };
            assert!(error.to_string().starts_with(expected), "{error}");
            assert!(!cfg!(feature = "gpu") || std::env::var_os("PINESY_REQUIRE_WGPU").is_none(), "{error}");
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
