use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::GradientsParams;
use burn::tensor::{Int, Tensor, TensorData};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::checkpoint::{CheckpointFault, CheckpointInfo, Weights, read_weights, write_weights};
use super::network::{check_size, pixel_tensor};
use super::optimizer::NetworkOptimizer;
use super::{Augmentation, Checkpoint, Error, Network, NetworkConfig, OpenDevice, accuracy};
use crate::datasets::Digits;

/// How a network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingConfig {
    /// Number of classes. Default 10.
    pub classes: usize,
    /// Passes over the training images. Default 24.
    pub epochs: usize,
    /// Images a step. Default 64.
    pub batch: usize,
    /// Highest learning rate: reached after a tenth of the steps, then lowered to zero along a
    /// cosine. Default 3e-3.
    pub learning_rate: f64,
    /// AdamW's weight decay. Default 2e-2.
    pub weight_decay: f32,
    /// Dropout before the last layer. Default 0.5.
    pub dropout: f64,
    /// Share of the averaged weights kept at each averaging, once every eight steps. Default 0.995.
    pub average: f32,
    /// Distortion of the training images.
    pub augmentation: Augmentation,
    /// Seed of everything random. Default 0.
    pub seed: u64,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            classes: 10,
            epochs: 24,
            batch: 64,
            learning_rate: 3e-3,
            weight_decay: 2e-2,
            dropout: 0.5,
            average: 0.995,
            augmentation: Augmentation::default(),
            seed: 0,
        }
    }
}

/// Steps between two updates of the averaged weights.
const AVERAGING_STEPS: usize = 8;

impl TrainingConfig {
    fn check(&self) -> Result<(), Error> {
        let checks = [
            (self.classes >= 2, "classes", "at least 2"),
            (self.epochs >= 1, "epochs", "at least 1"),
            (self.batch >= 2, "batch", "at least 2"),
            (self.learning_rate > 0.0 && self.learning_rate.is_finite(), "learning rate", "a positive number"),
            (self.weight_decay >= 0.0 && self.weight_decay.is_finite(), "weight decay", "a number from 0 up"),
            ((0.0..1.0).contains(&self.dropout), "dropout", "a number from 0 to below 1"),
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
        let factor = if position < 0.1 {
            position / 0.1
        } else {
            0.5 * (1.0 + (std::f64::consts::PI * (position - 0.1) / 0.9).cos())
        };
        self.learning_rate * factor.max(1e-3)
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
    /// Accuracy of the averaged weights on the validation images.
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
/// use pinesy::perception::{DeviceChoice, Training, TrainingConfig, TrainingEvent};
///
/// let mnist = Mnist::read("datasets/mnist")?;
/// let training = Training::new(TrainingConfig { epochs: 2, ..Default::default() })?;
/// let device = DeviceChoice::Auto.open()?;
/// let (checkpoint, report) = training.run(&mnist.train, &mnist.validation, &device, |event| {
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
    /// found there; the result is then the same as that of a run never interrupted.
    pub fn with_state_file(mut self, path: impl Into<PathBuf>, resume: bool) -> Self {
        self.state_file = Some(path.into());
        self.resume = resume;
        self
    }

    /// Trains on `train`, chooses on `validation`. `observe` is told of every step and every epoch
    /// and may stop the run: the best weights of the epochs finished until then are returned, and
    /// the state of the last of them stays in the state file, to go on from.
    ///
    /// # Errors
    /// [`Error::ImageSize`] for images of another size, [`Error::Label`] for labels outside the
    /// classes, [`Error::TooFewImages`], [`Error::Io`] and [`Error::Checkpoint`] for a state file
    /// that cannot be written or read or was made with other settings, [`Error::StoppedEarly`] if
    /// `observe` stops the run before an epoch is finished.
    pub fn run(
        &self,
        train: &Digits,
        validation: &Digits,
        device: &OpenDevice,
        mut observe: impl FnMut(TrainingEvent<'_>) -> ControlFlow<()>,
    ) -> Result<(Checkpoint, TrainingReport), Error> {
        let config = &self.config;
        self.check_digits(train, validation)?;
        let plain = &device.device;
        let shape = NetworkConfig::new(config.classes).with_dropout(config.dropout);
        plain.seed(config.seed);
        let mut run = match self.saved()? {
            Some((weights, state)) => {
                Run::resume(&weights, state, &shape, device).map_err(|fault| self.state_error(fault))?
            }
            None => Run {
                network: shape.init(&plain.clone().autodiff()),
                optimizer: NetworkOptimizer::new(config.weight_decay),
                average: None,
                best: None,
                epochs: Vec::new(),
            },
        };
        let steps = train.len() / config.batch;
        'epochs: for epoch in run.epochs.len()..config.epochs {
            let start = Instant::now();
            // Seeding each epoch by its number makes a resumed run repeat an uninterrupted one.
            plain.seed(config.seed.wrapping_mul(1_000_003).wrapping_add(epoch as u64 + 1));
            let mut order: Vec<usize> = (0..train.len()).collect();
            order.shuffle(&mut generator(config.seed, epoch as u64, u64::MAX));
            let mut loss_sum = 0.0;
            for (step, batch) in order.chunks_exact(config.batch).enumerate() {
                let rate = config.rate(epoch * steps + step, config.epochs * steps);
                loss_sum += run.step(config, rate, batch, train, epoch, device);
                let done = run.epochs.len() * steps + step;
                if done.is_multiple_of(AVERAGING_STEPS) {
                    run.update_average(config, done / AVERAGING_STEPS);
                }
                if observe(TrainingEvent::Step { epoch: epoch + 1, step: step + 1, steps }).is_break() {
                    break 'epochs;
                }
            }
            let average = run.average.as_ref().expect("averaged at the first step");
            let network = average.network(&shape, plain).expect("weights of the same network");
            let validation_accuracy = accuracy(&network.probabilities(validation.views())?, validation.labels.view());
            let epoch = Epoch {
                number: epoch + 1,
                loss: loss_sum / steps as f64,
                validation_accuracy,
                seconds: start.elapsed().as_secs_f64(),
            };
            run.finish(epoch);
            if let Some(path) = &self.state_file {
                run.save(path, config)?;
            }
            if observe(TrainingEvent::Epoch(&epoch)).is_break() {
                break;
            }
        }
        let (best, weights) = run.best.ok_or(Error::StoppedEarly)?;
        let completed = run.epochs.len() == config.epochs;
        let stop = if completed { TrainingStop::Completed } else { TrainingStop::Interrupted };
        let info = CheckpointInfo {
            version: 1,
            classes: config.classes,
            epochs: best.number,
            validation_accuracy: best.validation_accuracy,
            training: config.clone(),
        };
        Ok((Checkpoint::new(weights, info), TrainingReport { epochs: run.epochs, best, stop }))
    }

    fn check_digits(&self, train: &Digits, validation: &Digits) -> Result<(), Error> {
        if train.len() < self.config.batch || validation.is_empty() {
            return Err(Error::TooFewImages {
                train: train.len(),
                validation: validation.len(),
                batch: self.config.batch,
            });
        }
        for digits in [train, validation] {
            check_size(digits.views())?;
            let classes = self.config.classes;
            if let Some(image) = digits.labels.iter().position(|&label| usize::from(label) >= classes) {
                return Err(Error::Label { image, label: digits.labels[image], classes });
            }
        }
        Ok(())
    }

    fn saved(&self) -> Result<Option<(Weights, State)>, Error> {
        let Some(path) = self.state_file.as_ref().filter(|_| self.resume) else { return Ok(None) };
        let (weights, state): (Weights, State) = read_weights(path)?;
        if state.config != self.config {
            return Err(self.state_error(CheckpointFault::OtherSettings(state.config)));
        }
        Ok(Some((weights, state)))
    }

    fn state_error(&self, fault: CheckpointFault) -> Error {
        Error::Checkpoint { path: self.state_file.clone().unwrap_or_default(), fault }
    }
}

/// The moving parts of a run.
struct Run {
    network: Network,
    optimizer: NetworkOptimizer,
    average: Option<Weights>,
    best: Option<(Epoch, Weights)>,
    epochs: Vec<Epoch>,
}

impl Run {
    /// One step on one batch; returns its loss.
    fn step(
        &mut self,
        config: &TrainingConfig,
        rate: f64,
        batch: &[usize],
        digits: &Digits,
        epoch: usize,
        device: &OpenDevice,
    ) -> f64 {
        let device = device.device.clone().autodiff();
        let pixels = pixel_tensor(distorted(config, batch, digits, epoch), &device);
        let labels: Vec<i64> = batch.iter().map(|&i| i64::from(digits.labels[i])).collect();
        let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [batch.len()]), &device);
        let scores = self.network.forward(pixels);
        let loss = CrossEntropyLossConfig::new().init(&device).forward(scores, labels);
        let value = loss.clone().into_data().convert::<f32>().try_to_vec::<f32>().expect("one f32")[0];
        let gradients = GradientsParams::from_grads(loss.backward(), &self.network);
        self.network = self.optimizer.step(rate, self.network.clone(), gradients);
        f64::from(value)
    }

    fn update_average(&mut self, config: &TrainingConfig, updates: usize) {
        let weights = Weights::of(&self.network);
        match &mut self.average {
            // Early averages forget faster, so that the random start does not linger.
            Some(average) => average.average(&weights, config.average.min(updates as f32 / (updates as f32 + 10.0))),
            None => self.average = Some(weights),
        }
    }

    fn finish(&mut self, epoch: Epoch) {
        let better = self.best.as_ref().is_none_or(|(best, _)| epoch.validation_accuracy >= best.validation_accuracy);
        if better {
            self.best = self.average.clone().map(|weights| (epoch, weights));
        }
        self.epochs.push(epoch);
    }

    fn save(&self, path: &Path, config: &TrainingConfig) -> Result<(), Error> {
        self.network.settle_statistics();
        let (moments, optimizer_steps) = self.optimizer.state();
        let mut weights = Weights::default();
        weights.extend("network", &Weights::of(&self.network));
        weights.extend("optimizer", &moments);
        weights.extend("average", self.average.as_ref().expect("saved after an epoch"));
        let (best, best_weights) = self.best.as_ref().expect("saved after an epoch");
        weights.extend("best", best_weights);
        write_weights(
            path,
            &weights,
            &State { config: config.clone(), optimizer_steps, epochs: self.epochs.clone(), best: *best },
        )
    }

    fn resume(
        weights: &Weights,
        state: State,
        shape: &NetworkConfig,
        device: &OpenDevice,
    ) -> Result<Self, CheckpointFault> {
        let mut optimizer = NetworkOptimizer::new(state.config.weight_decay);
        optimizer.restore(&weights.part("optimizer"), state.optimizer_steps, &device.device);
        Ok(Self {
            network: weights.part("network").network(shape, &device.device)?.train(),
            optimizer,
            average: Some(weights.part("average")),
            best: Some((state.best, weights.part("best"))),
            epochs: state.epochs,
        })
    }
}

/// The pixels of a batch, each image distorted by a generator of its own, so that the result
/// does not depend on the number of threads.
fn distorted(config: &TrainingConfig, batch: &[usize], digits: &Digits, epoch: usize) -> Vec<f32> {
    const PIXELS: usize = Network::SIDE * Network::SIDE;
    let mut pixels = vec![0.0; batch.len() * PIXELS];
    pixels.par_chunks_mut(PIXELS).zip(batch).for_each(|(out, &i)| {
        let image = digits.images.index_axis(ndarray::Axis(0), i);
        let image = image.as_standard_layout();
        let mut rng = generator(config.seed, epoch as u64, i as u64);
        config.augmentation.apply(image.as_slice().expect("standard layout"), out, &mut rng);
    });
    pixels
}

fn generator(seed: u64, epoch: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ epoch.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    rng.set_stream(stream);
    rng
}
