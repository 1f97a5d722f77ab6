//! Training the network first: from labels of digits, or from sums alone.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use pinesy::datasets::{Digits, Mnist};
use pinesy::inference::Engine;
use pinesy::perception::{
    Augmentation, Checkpoint, Conclusions, DigitNet, Labels, ObservedImages, OpenDevice, Supervision, Training,
    TrainingConfig, TrainingEvent,
};
use pinesy::tasks::addition::{self, SumLikelihood, Sums};
use serde::Serialize;

/// How the network is trained, if it is.
#[derive(Debug, Clone, Args, Serialize)]
pub struct TrainingOptions {
    /// Train the network for this many epochs first, instead of loading it.
    #[arg(long, value_name = "EPOCHS")]
    pub train: Option<usize>,
    /// What training is told: every digit, or the results of sums alone.
    #[arg(long, value_enum, default_value_t = Told::Digits)]
    pub supervision: Told,
    /// Digits of the numbers of the training sums.
    #[arg(long, value_name = "K", default_value_t = 1)]
    pub train_k: usize,
    /// Share of the digits of the training sums' results that is hidden.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub hide: f64,
    /// Train on so many sums (or, with labels of digits, images) alone.
    #[arg(long, value_name = "N")]
    pub train_limit: Option<usize>,
    /// What training from sums goes by: backward inference and revision, or the exact likelihood.
    #[arg(long, value_enum, default_value_t = Objective::Revision)]
    pub objective: Objective,
    /// Images a step. Default: 128, from sums at least one sum.
    #[arg(long)]
    pub batch: Option<usize>,
    /// Highest learning rate.
    #[arg(long)]
    pub learning_rate: Option<f64>,
    /// Passes at the start in which images are not distorted. Default: 0, from sums 2 (of sums of
    /// 500 digits 8).
    #[arg(long)]
    pub plain_epochs: Option<usize>,
    /// Share of features dropped before the last layer.
    #[arg(long, default_value_t = DigitNet::default().dropout)]
    pub dropout: f64,
    /// Where to keep the trained weights.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Go on from where an interrupted training with the same settings and --save stopped.
    #[arg(long, requires = "save")]
    pub resume: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Told {
    Digits,
    Sums,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Objective {
    Revision,
    Likelihood,
}

impl TrainingOptions {
    /// The network that training is for.
    pub fn network(&self) -> DigitNet {
        DigitNet { dropout: self.dropout, ..DigitNet::default() }
    }

    fn config(&self, epochs: usize, seed: u64) -> TrainingConfig {
        let digits = TrainingConfig { epochs, seed, ..TrainingConfig::default() };
        let config = match self.supervision {
            Told::Digits => digits,
            // Gentler: early targets are wrong more often.
            Told::Sums => TrainingConfig {
                learning_rate: 2e-3,
                first_rate: 0.2,
                last_rate: 0.01,
                weight_decay: 1e-4,
                augmentation: Augmentation { rotation: 10.0, scale: 0.1, shift: 2.0, shear: 0.1 },
                plain_epochs: if self.train_k >= 500 { 8 } else { 2 },
                ..digits
            },
        };
        TrainingConfig {
            batch: self.batch.unwrap_or(config.batch),
            learning_rate: self.learning_rate.unwrap_or(config.learning_rate),
            plain_epochs: self.plain_epochs.unwrap_or(config.plain_epochs),
            ..config
        }
    }

    /// Trains as asked for.
    pub fn run(
        &self,
        epochs: usize,
        mnist: &Mnist,
        seed: u64,
        device: &OpenDevice,
    ) -> Result<Checkpoint, Box<dyn Error>> {
        let config = self.config(epochs, seed);
        match self.supervision {
            Told::Digits => {
                let train = first(&mnist.train, self.train_limit);
                self.train(config, &Labels { train: &train, validation: &mnist.validation }, device)
            }
            Told::Sums => {
                let engine = Engine::of(&addition::rules(self.train_k)?);
                let sums = Sums::draw(mnist.train.len(), self.train_k, seed);
                let sums = sums.take(self.train_limit.unwrap_or(usize::MAX));
                let labels = mnist.train.labels.view();
                let results = sums.seen_results(labels, self.hide, seed);
                let train = observed(&engine, &mnist.train, &sums, &results)?;
                // The best epoch is chosen by sums as well, of numbers short enough to come out right.
                let k = self.train_k.min(4);
                let choosing = Engine::of(&addition::rules(k)?);
                let sums = Sums::draw(mnist.validation.len(), k, seed);
                let validation = sums.seen_results(mnist.validation.labels.view(), 0.0, 0);
                let validation = observed(&choosing, &mnist.validation, &sums, &validation)?;
                let conclusions = Conclusions::new(&engine, train)?.validated_by(&choosing, validation)?;
                match self.objective {
                    Objective::Revision => self.train(config, &conclusions, device),
                    Objective::Likelihood => self.train(config, &SumLikelihood::new(conclusions, results), device),
                }
            }
        }
    }

    fn train(
        &self,
        config: TrainingConfig,
        supervision: &dyn Supervision,
        device: &OpenDevice,
    ) -> Result<Checkpoint, Box<dyn Error>> {
        let epochs = config.epochs;
        let mut training = Training::new(config)?;
        if let Some(path) = &self.save {
            training = training.with_state_file(format!("{}.training", path.display()), self.resume);
        }
        let style = ProgressStyle::with_template("{msg} {bar:40} {pos}/{len} steps, {eta} left")?;
        let bar = ProgressBar::new(0).with_style(style);
        let (checkpoint, _) = training.run(&self.network(), supervision, device, |event| {
            match event {
                TrainingEvent::Step { epoch, step, steps } => {
                    bar.set_length((steps * epochs) as u64);
                    bar.set_position(((epoch - 1) * steps + step) as u64);
                }
                TrainingEvent::Epoch(epoch) => {
                    let line = format!(
                        "epoch {:>3}  loss {:.4}  validation {:.2} %  {:.0} s",
                        epoch.number,
                        epoch.loss,
                        100.0 * epoch.validation_accuracy,
                        epoch.seconds
                    );
                    bar.set_message(format!("validation {:.2} %", 100.0 * epoch.validation_accuracy));
                    if bar.is_hidden() { eprintln!("{line}") } else { bar.println(line) }
                }
                _ => {}
            }
            ControlFlow::Continue(())
        })?;
        bar.finish_and_clear();
        if let Some(path) = &self.save {
            checkpoint.write(path)?;
            std::fs::remove_file(format!("{}.training", path.display()))?;
        }
        Ok(checkpoint)
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

/// The first images, or all.
pub fn first(digits: &Digits, count: Option<usize>) -> Digits {
    digits.slice(0..count.unwrap_or(usize::MAX).min(digits.len()))
}
