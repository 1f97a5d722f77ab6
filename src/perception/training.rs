use std::hash::Hasher;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ndarray::{Array3, ArrayView3, Axis};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use siphasher::sip128::SipHasher13;

use super::checkpoint::{CheckpointFault, CheckpointInfo, VERSION, Weights, read_weights, write_weights};
use super::cpu_learner::CpuLearner;
use super::learner::{BurnLearner, Learner, Lesson};
use super::supervision::check_images;
use super::{Architecture, Augmentation, Checkpoint, ConvolutionChain, Error, OpenDevice, Reader, Supervision};
use crate::rules::Fingerprint;

/// How a network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingConfig {
    /// Passes over the training images. Default 24.
    pub epochs: usize,
    /// Images a step. Default 128.
    pub batch: usize,
    /// Highest learning rate: reached after a tenth of the steps, then lowered along a cosine.
    /// Default 3e-3.
    pub learning_rate: f64,
    /// The share of the highest rate that the first step has. Default 0.001.
    pub first_rate: f64,
    /// The share of the highest rate that the last step has. Default 0.001.
    pub last_rate: f64,
    /// AdamW's weight decay, of weights but not of shifts and scales. Default 2e-2.
    pub weight_decay: f32,
    /// Share of the averaged weights kept at each averaging, once every four steps. Default 0.995.
    pub average: f32,
    /// Passes at the start in which images are not distorted. Default 0.
    pub plain_epochs: usize,
    /// Distortion of the training images.
    pub augmentation: Augmentation,
    /// Seed of everything random. Default 0.
    pub seed: u64,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            epochs: 24,
            batch: 128,
            learning_rate: 3e-3,
            first_rate: 1e-3,
            last_rate: 1e-3,
            weight_decay: 2e-2,
            average: 0.995,
            plain_epochs: 0,
            augmentation: Augmentation::default(),
            seed: 0,
        }
    }
}

/// Steps between two updates of the averaged weights.
const AVERAGING_STEPS: usize = 4;

impl TrainingConfig {
    fn check(&self) -> Result<(), Error> {
        let checks = [
            (self.epochs >= 1, "epochs", "at least 1"),
            (self.batch >= 2, "batch", "at least 2"),
            (self.learning_rate > 0.0 && self.learning_rate.is_finite(), "learning rate", "a positive number"),
            (self.weight_decay >= 0.0 && self.weight_decay.is_finite(), "weight decay", "a number from 0 up"),
            ((0.0..=1.0).contains(&self.first_rate), "first rate", "a number from 0 to 1"),
            ((0.0..=1.0).contains(&self.last_rate), "last rate", "a number from 0 to 1"),
            ((0.0..1.0).contains(&self.average), "average", "a number from 0 to below 1"),
        ];
        match checks.iter().find(|(fine, ..)| !fine) {
            Some(&(_, setting, expected)) => Err(Error::Config { setting, expected }),
            None => Ok(()),
        }
    }

    /// One warm-up, one cosine.
    fn rate(&self, step: usize, steps: usize) -> f64 {
        let position = step as f64 / steps as f64;
        let (from, way) = if position < 0.1 {
            (self.first_rate, position / 0.1)
        } else {
            (self.last_rate, 0.5 * (1.0 + (std::f64::consts::PI * (position - 0.1) / 0.9).cos()))
        };
        self.learning_rate * (from + (1.0 - from) * way)
    }
}

/// One finished pass over the training images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Epoch {
    /// Its number, from 1.
    pub number: usize,
    /// Mean cross-entropy over its steps.
    pub loss: f64,
    /// How well the averaged weights do on the validation images.
    pub validation_accuracy: f64,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// What the observer of a training run is told.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum TrainingEvent<'a> {
    /// A step is done.
    Step {
        /// The number of its epoch, from 1.
        epoch: usize,
        /// Its number in this epoch, from 1.
        step: usize,
        /// Steps an epoch.
        steps: usize,
    },
    /// An epoch is done: its weights are validated, and its state is saved.
    Epoch(&'a Epoch),
}

/// Why a training run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TrainingStop {
    /// Every epoch was trained.
    Completed,
    /// The observer stopped it; what was best until then is returned.
    Interrupted,
    /// The loss was no finite number any more; what was best until then is returned.
    Diverged,
}

/// What a training run did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TrainingReport {
    /// Every pass, in order, those before a resume included.
    pub epochs: Vec<Epoch>,
    /// The pass whose weights were kept.
    pub best: Epoch,
    /// Why the run ended.
    pub stop: TrainingStop,
}

/// What is kept beside the weights so that an interrupted training can go on.
#[derive(Serialize, Deserialize)]
struct State {
    network: String,
    architecture: serde_json::Value,
    engine: String,
    /// What tells apart what there was to learn.
    identity: Fingerprint,
    config: TrainingConfig,
    optimizer_steps: usize,
    epochs: Vec<Epoch>,
    best: Epoch,
}

/// A training run: cross-entropy, AdamW, augmented images, exponentially averaged weights; the
/// averaged weights that do best on the validation images are kept.
///
/// The same settings give the same weights on the same device, as long as no other training runs
/// in the process at the same time: burn draws weights and dropout from one generator a process.
///
/// ```no_run
/// use std::ops::ControlFlow;
///
/// use pinesy::datasets::Mnist;
/// use pinesy::perception::{DeviceChoice, DigitNet, Labels, Training, TrainingConfig, TrainingEvent};
///
/// let mnist = Mnist::read("datasets/mnist")?;
/// let training = Training::new(TrainingConfig { epochs: 2, ..Default::default() })?;
/// let device = DeviceChoice::Auto.open()?;
/// let labels = Labels { train: &mnist.train, validation: &mnist.validation };
/// let (checkpoint, report) = training.run(&DigitNet::default(), &labels, &device, |event| {
///     if let TrainingEvent::Epoch(epoch) = event {
///         println!("epoch {}: {:.4}", epoch.number, epoch.validation_accuracy);
///     }
///     ControlFlow::Continue(())
/// })?;
/// println!("{:.4}", report.best.validation_accuracy);
/// checkpoint.write("digits.safetensors")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Training {
    config: TrainingConfig,
    state_file: Option<PathBuf>,
    resume: bool,
}

impl Training {
    /// A run with these settings.
    ///
    /// # Errors
    /// [`Error::Config`] for a setting outside its range.
    pub fn new(config: TrainingConfig) -> Result<Self, Error> {
        config.check()?;
        Ok(Self { config, state_file: None, resume: false })
    }

    /// Keeps the whole state in `path` after every epoch. With `resume`, goes on from the state
    /// found there; the result is then the same as that of a run never interrupted. Without, a state
    /// found there is an error, as it would be lost.
    pub fn with_state_file(mut self, path: impl Into<PathBuf>, resume: bool) -> Self {
        self.state_file = Some(path.into());
        self.resume = resume;
        self
    }

    /// Trains a network. `observe` is told of every step and every epoch and may stop the run: the
    /// best weights of the epochs finished until then are returned, and the state of the last of
    /// them stays in the state file, to go on from.
    ///
    /// # Errors
    /// [`Error::ImageSize`] for images of another size, what [`Supervision::check`] finds,
    /// [`Error::Io`] and [`Error::Checkpoint`] for a state file that cannot be written or read, was
    /// made with other settings or another supervision, or would be lost, [`Error::StoppedEarly`] if
    /// `observe` stops the run before an epoch is finished, [`Error::Diverged`] or [`Error::NotFinite`]
    /// if the loss or the scores are no finite numbers before then, [`Error::NoSteps`] for an epoch
    /// without steps.
    ///
    /// # Panics
    /// If the supervision gives targets of another shape than it should.
    pub fn run<A: Architecture>(
        &self,
        architecture: &A,
        supervision: &dyn Supervision,
        device: &OpenDevice,
        mut observe: impl FnMut(TrainingEvent<'_>) -> ControlFlow<()>,
    ) -> Result<(Checkpoint, TrainingReport), Error> {
        let config = &self.config;
        architecture.check()?;
        check_images(architecture, supervision)?;
        supervision.check(architecture.classes(), config.batch)?;
        let plain = &device.device;
        plain.seed(config.seed);
        let identity = self.state_file.as_ref().map(|_| identity(supervision));
        let mut run = match self.saved(architecture, device, identity)? {
            Some((weights, state)) => {
                Run::resume(&weights, state, architecture, device).map_err(|fault| self.state_error(fault))?
            }
            None => Run { learner: fresh(architecture, config.weight_decay, device), best: None, epochs: Vec::new() },
        };
        let mut diverged = false;
        'epochs: for epoch in run.epochs.len()..config.epochs {
            let start = Instant::now();
            // Seeding each epoch by its number makes a resumed run repeat an uninterrupted one.
            plain.seed(config.seed.wrapping_mul(1_000_003).wrapping_add(epoch as u64 + 1));
            let planned = supervision.steps(config.batch, &mut generator(config.seed, epoch as u64, u64::MAX));
            let steps = planned.len();
            if steps == 0 {
                return Err(Error::NoSteps);
            }
            let mut loss_sum = 0.0;
            for (step, chosen) in planned.iter().enumerate() {
                let rate = config.rate(epoch * steps + step, config.epochs * steps);
                let pixels = self.pixels(&chosen.images, supervision.images(), epoch);
                let seed = generator(config.seed, epoch as u64, u64::MAX - 1 - step as u64).next_u64();
                let loss = run.learner.step(rate, seed, Lesson { supervision, step: chosen, pixels: pixels.view() });
                if !loss.is_finite() {
                    diverged = true;
                    if run.best.is_some() {
                        break 'epochs;
                    }
                    return Err(Error::Diverged { epoch: epoch + 1, step: step + 1, loss });
                }
                loss_sum += loss;
                let done = epoch * steps + step;
                if done.is_multiple_of(AVERAGING_STEPS) {
                    // Early averages forget faster, so that the random start does not linger.
                    let updates = (done / AVERAGING_STEPS) as f32;
                    run.learner.average(config.average.min(updates / (updates + 10.0)));
                }
                if observe(TrainingEvent::Step { epoch: epoch + 1, step: step + 1, steps }).is_break() {
                    break 'epochs;
                }
            }
            let average = run.learner.averaged().expect("averaged at the first step");
            let reader = Reader::new(architecture, &average, device).expect("weights of the same network");
            let given = match reader.probabilities(supervision.validation_images()) {
                Err(Error::NotFinite { .. }) if run.best.is_some() => {
                    diverged = true;
                    break 'epochs;
                }
                given => given?,
            };
            let epoch = Epoch {
                number: epoch + 1,
                loss: loss_sum / steps as f64,
                validation_accuracy: supervision.validation_accuracy(&given),
                seconds: start.elapsed().as_secs_f64(),
            };
            run.finish(epoch, average);
            if let (Some(path), Some(identity)) = (&self.state_file, identity) {
                run.save(path, architecture, device, identity, config)?;
            }
            if observe(TrainingEvent::Epoch(&epoch)).is_break() {
                break;
            }
        }
        let (best, weights) = run.best.ok_or(Error::StoppedEarly)?;
        let completed = run.epochs.len() == config.epochs;
        let stop = match (completed, diverged) {
            (true, _) => TrainingStop::Completed,
            (false, true) => TrainingStop::Diverged,
            (false, false) => TrainingStop::Interrupted,
        };
        let info = CheckpointInfo {
            version: VERSION,
            network: A::NAME.to_owned(),
            architecture: settings(architecture),
            epochs: best.number,
            validation_accuracy: best.validation_accuracy,
            training: config.clone(),
        };
        Ok((Checkpoint::new(weights, info), TrainingReport { epochs: run.epochs, best, stop }))
    }

    /// The pixels of a step, each image distorted by a generator of its own, so that the result
    /// does not depend on the number of threads.
    fn pixels(&self, step: &[usize], images: ArrayView3<'_, u8>, epoch: usize) -> Array3<f32> {
        let (_, rows, columns) = images.dim();
        let distortion = if epoch < self.config.plain_epochs { Augmentation::NONE } else { self.config.augmentation };
        let mut pixels = Array3::zeros((step.len(), rows, columns));
        pixels.axis_iter_mut(Axis(0)).into_par_iter().zip(step).for_each(|(out, &i)| {
            let image = images.index_axis(Axis(0), i);
            let image = image.as_standard_layout();
            let mut rng = generator(self.config.seed, epoch as u64, i as u64);
            distortion.apply(
                image.as_slice().expect("standard layout"),
                columns,
                out.into_slice().expect("standard layout"),
                &mut rng,
            );
        });
        pixels
    }

    fn saved<A: Architecture>(
        &self,
        architecture: &A,
        device: &OpenDevice,
        identity: Option<Fingerprint>,
    ) -> Result<Option<(Weights, State)>, Error> {
        let Some(path) = &self.state_file else { return Ok(None) };
        match (self.resume, path.exists()) {
            (false, false) => return Ok(None),
            (false, true) => return Err(self.state_error(CheckpointFault::Unfinished)),
            (true, false) => return Err(self.state_error(CheckpointFault::NothingToResume)),
            (true, true) => {}
        }
        let (weights, state): (Weights, State) = read_weights(path)?;
        let expected = engine(architecture, device);
        if state.engine != expected {
            return Err(self.state_error(CheckpointFault::Engine { found: state.engine, expected }));
        }
        if state.network != A::NAME {
            let fault = CheckpointFault::Network { found: state.network, expected: A::NAME };
            return Err(self.state_error(fault));
        }
        let settings = settings(architecture);
        if state.architecture != settings {
            let (found, expected) = (state.architecture.to_string(), settings.to_string());
            return Err(self.state_error(CheckpointFault::Architecture { found, expected }));
        }
        if state.config != self.config {
            return Err(self.state_error(CheckpointFault::OtherSettings {
                found: Box::new(state.config),
                expected: Box::new(self.config.clone()),
            }));
        }
        if Some(state.identity) != identity {
            return Err(self.state_error(CheckpointFault::OtherSupervision));
        }
        Ok(Some((weights, state)))
    }

    fn state_error(&self, fault: CheckpointFault) -> Error {
        Error::Checkpoint { path: self.state_file.clone().unwrap_or_default(), fault }
    }
}

/// The network as a chain, if it is one and on the CPU.
fn chain(architecture: &impl Architecture, device: &OpenDevice) -> Option<ConvolutionChain> {
    architecture.chain().filter(|_| device.is_cpu)
}

/// What trains it there.
fn engine(architecture: &impl Architecture, device: &OpenDevice) -> &'static str {
    if chain(architecture, device).is_some() { "chain on the CPU" } else { "device of burn's" }
}

/// A learner with random weights.
fn fresh<A: Architecture>(architecture: &A, weight_decay: f32, device: &OpenDevice) -> Box<dyn Learner> {
    match chain(architecture, device) {
        None => Box::new(BurnLearner::new(architecture, weight_decay, &device.device)),
        Some(shape) => {
            let weights = Weights::of(&architecture.init(&device.device));
            Box::new(CpuLearner::new(architecture, &shape, &weights, weight_decay))
        }
    }
}

/// Of the images to train on and to choose by, and of what is said of them.
fn identity(supervision: &dyn Supervision) -> Fingerprint {
    let mut hasher = SipHasher13::new();
    for images in [supervision.images(), supervision.validation_images()] {
        hasher.write(format!("{:?}", images.shape()).as_bytes());
        match images.as_slice() {
            Some(pixels) => hasher.write(pixels),
            None => images.iter().for_each(|&pixel| hasher.write_u8(pixel)),
        }
    }
    supervision.identify(&mut hasher);
    Fingerprint::of(hasher)
}

fn settings(architecture: &impl Architecture) -> serde_json::Value {
    serde_json::to_value(architecture).expect("plain data")
}

/// The moving parts of a run.
struct Run {
    learner: Box<dyn Learner>,
    best: Option<(Epoch, Weights)>,
    epochs: Vec<Epoch>,
}

impl Run {
    fn finish(&mut self, epoch: Epoch, average: Weights) {
        let better = self.best.as_ref().is_none_or(|(best, _)| epoch.validation_accuracy >= best.validation_accuracy);
        if better {
            self.best = Some((epoch, average));
        }
        self.epochs.push(epoch);
    }

    fn save<A: Architecture>(
        &self,
        path: &Path,
        architecture: &A,
        device: &OpenDevice,
        identity: Fingerprint,
        config: &TrainingConfig,
    ) -> Result<(), Error> {
        let (network, moments, optimizer_steps) = self.learner.state();
        let mut weights = Weights::default();
        weights.extend("network", &network);
        weights.extend("optimizer", &moments);
        weights.extend("average", &self.learner.averaged().expect("saved after an epoch"));
        let (best, best_weights) = self.best.as_ref().expect("saved after an epoch");
        weights.extend("best", best_weights);
        let state = State {
            network: A::NAME.to_owned(),
            architecture: settings(architecture),
            engine: engine(architecture, device).to_owned(),
            identity,
            config: config.clone(),
            optimizer_steps,
            epochs: self.epochs.clone(),
            best: *best,
        };
        write_weights(path, &weights, &state)
    }

    fn resume<A: Architecture>(
        weights: &Weights,
        state: State,
        architecture: &A,
        device: &OpenDevice,
    ) -> Result<Self, CheckpointFault> {
        let (network, moments) = (weights.part("network"), weights.part("optimizer"));
        let kept = (&network, &moments, state.optimizer_steps);
        let average = weights.part("average");
        let best = weights.part("best");
        // Looked at now, so that a damaged one is not found when all is done.
        best.network(architecture, &device.device)?;
        let decay = state.config.weight_decay;
        let learner: Box<dyn Learner> = match chain(architecture, device) {
            None => Box::new(BurnLearner::resume(architecture, decay, kept, &average, &device.device)?),
            Some(shape) => {
                network.network(architecture, &device.device)?;
                average.network(architecture, &device.device)?;
                Box::new(CpuLearner::resume(architecture, &shape, kept, &average, decay)?)
            }
        };
        Ok(Self { learner, best: Some((state.best, best)), epochs: state.epochs })
    }
}

fn generator(seed: u64, epoch: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ epoch.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    rng.set_stream(stream);
    rng
}
