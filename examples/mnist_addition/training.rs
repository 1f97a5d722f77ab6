//! One training of the digit network: from labels of digits, or from sums alone.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use clap::{Args, ValueEnum};
use pinesy::datasets::Digits;
use pinesy::inference::Engine;
use pinesy::perception::{
    Augmentation, Checkpoint, Conclusions, DigitNet, Labels, ObservedImages, OpenDevice, Supervision, Training,
    TrainingConfig, TrainingReport,
};
use pinesy::tasks::addition::{self, SumLikelihood, Sums};
use serde::Serialize;

use crate::network;

/// How networks are trained, whatever they are told.
#[derive(Debug, Clone, Args, Serialize)]
pub struct Recipe {
    /// Share of the digits of the training sums' results that is hidden.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub hide: f64,
    /// Images a step. Default: 128 or, if there are fewer, all; from sums at least one sum.
    #[arg(long, value_name = "IMAGES")]
    pub batch: Option<usize>,
    /// Highest learning rate. Default: 0.003, from sums 0.002.
    #[arg(long, value_name = "RATE")]
    pub learning_rate: Option<f64>,
    /// Passes at the start in which images are not distorted. Default: 0, from sums 2 (of sums of
    /// 500 digits 8).
    #[arg(long, value_name = "EPOCHS")]
    pub plain_epochs: Option<usize>,
    /// More epochs, all parts of the schedule in proportion, where these would make fewer steps: for
    /// few images.
    #[arg(long, value_name = "STEPS", default_value_t = 0)]
    pub least_steps: usize,
    /// Share of features dropped before the last layer.
    #[arg(long, value_name = "SHARE", default_value_t = DigitNet::default().dropout, value_parser = share)]
    pub dropout: f64,
}

fn share(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|share| (0.0..1.0).contains(share)).ok_or("expected a number from 0 to below 1".to_owned())
}

/// What training is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Told {
    Digits,
    Sums,
}

/// What training from sums goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Objective {
    Revision,
    Likelihood,
}

/// One training.
#[derive(Debug, Clone, Copy)]
pub struct Lesson {
    pub told: Told,
    pub objective: Objective,
    /// Digits of the numbers of the sums.
    pub k: usize,
    /// So many sums (or images, where digits are told) alone.
    pub limit: Option<usize>,
    pub epochs: usize,
    pub seed: u64,
    /// Whether to say what every epoch did.
    pub lines: bool,
}

/// What came of it.
pub struct Trained {
    pub checkpoint: Checkpoint,
    pub report: TrainingReport,
    pub images: usize,
    /// Sums, where these are told.
    pub sums: Option<usize>,
    pub seconds: f64,
}

impl Recipe {
    /// Trains, chooses the best epoch by no more validation images than there are to train on, and
    /// keeps the weights in a file, to resume from on the way.
    pub fn train(
        &self,
        lesson: &Lesson,
        train: &Digits,
        validation: &Digits,
        save: Option<(&Path, bool)>,
        device: &OpenDevice,
    ) -> Result<Trained, Box<dyn Error>> {
        match lesson.told {
            Told::Digits => {
                let train = first(train, lesson.limit, "training images")?;
                let validation = at_most(validation, train.len());
                let labels = Labels { train: &train, validation: &validation };
                self.run(lesson, train.len(), None, &labels, save, device)
            }
            Told::Sums => {
                let (k, seed) = (lesson.k, lesson.seed);
                let engine = Engine::of(&addition::rules(k)?);
                let sums = Sums::draw(train.len(), k, seed);
                if sums.is_empty() || lesson.limit.is_some_and(|limit| limit > sums.len()) {
                    let (there, images) = (sums.len(), train.len());
                    let wanted = lesson.limit.unwrap_or(1);
                    let reason = format!("{images} training images make {there} sums of k = {k}: expected {wanted}");
                    return Err(reason.into());
                }
                let sums = sums.take(lesson.limit.unwrap_or(usize::MAX));
                let results = sums.seen_results(train.labels.view(), self.hide, seed);
                let cases = observed(&engine, train, &sums, &results)?;
                // The best epoch is chosen by sums as well, of numbers short enough to come out right.
                let images = sums.placed().len();
                let validation = at_most(validation, images);
                let short = k.min(4);
                let choosing = Engine::of(&addition::rules(short)?);
                let seen = Sums::draw(validation.len(), short, seed);
                let seen_results = seen.seen_results(validation.labels.view(), 0.0, 0);
                let chosen_by = observed(&choosing, &validation, &seen, &seen_results)?;
                let conclusions = Conclusions::new(&engine, cases)?.validated_by(&choosing, chosen_by)?;
                let count = Some(sums.len());
                match lesson.objective {
                    Objective::Revision => self.run(lesson, images, count, &conclusions, save, device),
                    Objective::Likelihood => {
                        let likelihood = SumLikelihood::new(conclusions, results);
                        self.run(lesson, images, count, &likelihood, save, device)
                    }
                }
            }
        }
    }

    fn config(&self, lesson: &Lesson, images: usize) -> TrainingConfig {
        let digits = TrainingConfig { seed: lesson.seed, ..TrainingConfig::default() };
        let config = match lesson.told {
            Told::Digits => digits,
            // Gentler: early targets are wrong more often.
            Told::Sums => TrainingConfig {
                learning_rate: 2e-3,
                first_rate: 0.2,
                last_rate: 0.01,
                weight_decay: 1e-4,
                augmentation: Augmentation { rotation: 10.0, scale: 0.1, shift: 2.0, shear: 0.1 },
                plain_epochs: if lesson.k >= 500 { 8 } else { 2 },
                ..digits
            },
        };
        let batch = self.batch.unwrap_or(config.batch).min(images);
        let step = match lesson.told {
            Told::Digits => batch,
            Told::Sums => (batch / (2 * lesson.k)).max(1) * 2 * lesson.k,
        };
        let epochs = lesson.epochs.max(self.least_steps.div_ceil((images / step.max(1)).max(1)));
        let plain_epochs = self.plain_epochs.unwrap_or(config.plain_epochs) * epochs / lesson.epochs.max(1);
        let learning_rate = self.learning_rate.unwrap_or(config.learning_rate);
        TrainingConfig { epochs, batch, learning_rate, plain_epochs, ..config }
    }

    fn run(
        &self,
        lesson: &Lesson,
        images: usize,
        sums: Option<usize>,
        supervision: &dyn Supervision,
        save: Option<(&Path, bool)>,
        device: &OpenDevice,
    ) -> Result<Trained, Box<dyn Error>> {
        let config = self.config(lesson, images);
        let epochs = config.epochs;
        let mut training = Training::new(config)?;
        let state = |path: &Path| format!("{}.training", path.display());
        if let Some((path, resume)) = save {
            training = training.with_state_file(state(path), resume);
        }
        let start = Instant::now();
        let architecture = DigitNet { dropout: self.dropout, ..DigitNet::default() };
        let (checkpoint, report) = network::train(&training, epochs, &architecture, supervision, device, lesson.lines)?;
        let seconds = start.elapsed().as_secs_f64();
        if let Some((path, _)) = save {
            checkpoint.write(path)?;
            std::fs::remove_file(state(path))?;
        }
        Ok(Trained { checkpoint, report, images, sums, seconds })
    }
}

/// Images and the results of their sums; the labels stay behind.
fn observed<'a>(
    engine: &Engine,
    digits: &'a Digits,
    sums: &Sums,
    results: &[Vec<Option<usize>>],
) -> Result<ObservedImages<'a>, Box<dyn Error>> {
    let cases = sums.observed_cases(engine.base(), results)?;
    Ok(ObservedImages::new(digits.images.view(), sums.placed().clone(), cases)?)
}

/// The first images, or all; more than there are is an error.
pub fn first(digits: &Digits, count: Option<usize>, what: &str) -> Result<Digits, String> {
    match count {
        Some(count) if count > digits.len() => {
            Err(format!("{count} {what}: expected at most {}, as many as there are", digits.len()))
        }
        count => Ok(at_most(digits, count.unwrap_or(usize::MAX))),
    }
}

/// The first images, no more than so many.
pub fn at_most(digits: &Digits, count: usize) -> Digits {
    digits.slice(0..count.min(digits.len()))
}
