use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Error, check_outputs, one_of, parse_count, tell};
use crate::datasets::Mnist;
use crate::perception::{
    Checkpoint, DeviceChoice, DigitNet, Distillation, Labels, Supervision, Training, TrainingConfig, TrainingEvent,
    TrainingStop, accuracy,
};
use crate::whole_file;

/// Train a network that reads digits.
///
/// Trains on 50,000 images of the training file and keeps the weights that do best on its other
/// 10,000; reports the accuracy on the test file once, at the end.
#[derive(Debug, Args)]
pub struct Train {
    /// Folder with the four MNIST files.
    #[arg(long, default_value = "datasets/mnist")]
    data: PathBuf,
    /// Where to write the weights (safetensors).
    #[arg(long)]
    out: PathBuf,
    /// Passes over the training images.
    #[arg(long, default_value_t = TrainingConfig::default().epochs, value_parser = parse_count)]
    epochs: usize,
    /// Images a step.
    #[arg(long, default_value_t = TrainingConfig::default().batch)]
    batch: usize,
    /// Highest learning rate.
    #[arg(long, default_value_t = TrainingConfig::default().learning_rate)]
    learning_rate: f64,
    /// Use only the first training images.
    #[arg(long, value_name = "IMAGES", value_parser = parse_count)]
    limit: Option<usize>,
    /// Seed of everything random.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Networks to learn from in place of the training labels: what they say of the images, on average.
    /// Several read better than one, and one that they taught is as quick as one. They are digit
    /// networks as well: --teachers a.safetensors b.safetensors.
    #[arg(long, value_name = "WEIGHTS", num_args = 1..)]
    teachers: Vec<PathBuf>,
    /// Where to run.
    #[arg(long, default_value_t, value_parser = one_of::<DeviceChoice>())]
    device: DeviceChoice,
    /// Go on from OUT.training, which an interrupted training with the same images, settings and
    /// teachers left.
    #[arg(long)]
    resume: bool,
}

impl Train {
    pub fn run(self) -> Result<(), Error> {
        let mut state = self.out.clone().into_os_string();
        state.push(".training");
        let state = PathBuf::from(state);
        let data = Mnist::files(&self.data);
        let inputs: Vec<_> = data.iter().chain(&self.teachers).map(|path| Some(path.as_path())).collect();
        check_outputs(&[Some(&self.out), Some(&state)], &inputs)?;
        if self.out == Path::new("-") || !whole_file::is_regular(&self.out) {
            return Err(Error::NoFile { option: "--out", path: self.out });
        }
        let config = TrainingConfig {
            epochs: self.epochs,
            batch: self.batch,
            learning_rate: self.learning_rate,
            seed: self.seed,
            ..TrainingConfig::default()
        };
        let training = Training::new(config)?.with_state_file(&state, self.resume);
        let teachers = self.teachers.iter().map(Checkpoint::read).collect::<Result<Vec<_>, _>>()?;
        let mnist = Mnist::read(&self.data)?;
        let device = self.device.open()?;
        tell!("{}", device.description);
        let train = mnist.train.slice(0..self.limit.unwrap_or(usize::MAX).min(mnist.train.len()));
        let (network, labels) = (DigitNet::default(), Labels { train: &train, validation: &mnist.validation });
        let supervision: Box<dyn Supervision> = match &teachers[..] {
            [] => Box::new(labels),
            teachers => {
                let taught = Distillation::<_, DigitNet>::new(labels, teachers, &device)?;
                for (path, accuracy) in self.teachers.iter().zip(taught.teacher_accuracies()) {
                    tell!("teacher {}: validation accuracy {:.2} %", path.display(), 100.0 * accuracy);
                }
                Box::new(taught)
            }
        };
        let bar = ProgressBar::new(0).with_style(style());
        let (checkpoint, report) = training.run(&network, &*supervision, &device, |event| {
            match event {
                TrainingEvent::Step { epoch, step, steps } => {
                    bar.set_length((steps * self.epochs) as u64);
                    bar.set_position(((epoch - 1) * steps + step) as u64);
                    bar.set_message(format!("epoch {epoch}/{}", self.epochs));
                }
                TrainingEvent::Epoch(epoch) => {
                    let line = format!(
                        "epoch {:>3}  loss {:.4}  validation accuracy {:.2} %  {:.0} s",
                        epoch.number,
                        epoch.loss,
                        100.0 * epoch.validation_accuracy,
                        epoch.seconds
                    );
                    // Without a terminal the bar is hidden, and its lines with it.
                    if bar.is_hidden() { tell!("{line}") } else { bar.println(line) }
                }
            }
            ControlFlow::Continue(())
        })?;
        bar.finish_and_clear();
        if report.stop == TrainingStop::Diverged {
            tell!("note: the training diverged after epoch {}: the best one is kept", report.epochs.len());
        }
        checkpoint.write(&self.out)?;
        std::fs::remove_file(&state).map_err(|source| Error::Write { path: state, source })?;
        let reader = checkpoint.reader(&network, &device)?;
        let test = accuracy(&reader.probabilities(mnist.test.views())?, mnist.test.labels.view());
        println!(
            "{}: epoch {}, validation accuracy {:.2} %, test accuracy {:.2} %",
            self.out.display(),
            report.best.number,
            100.0 * report.best.validation_accuracy,
            100.0 * test
        );
        Ok(())
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{msg} {bar:40} {pos}/{len} steps, {eta} left").expect("a valid template")
}
