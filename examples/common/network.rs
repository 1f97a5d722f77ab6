//! Reading and training with progress, which goes to standard error where that is a terminal.
#![allow(dead_code)]

use std::error::Error;
use std::ops::ControlFlow;

use indicatif::{ProgressBar, ProgressStyle};
use ndarray::{Array2, ArrayView3};
use pinesy::perception::{
    self, Architecture, Checkpoint, OpenDevice, Reader, Supervision, Training, TrainingEvent, TrainingReport,
};

use crate::results::md5_of;

pub fn bar(length: usize, what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:40} {pos}/{len}, {eta} left").expect("a valid template");
    ProgressBar::new(length as u64).with_style(style).with_message(what.to_owned())
}

/// The probabilities of some images.
pub fn read<A: Architecture>(
    reader: &Reader<A>,
    images: ArrayView3<'_, u8>,
    bar: &ProgressBar,
) -> Result<Array2<f32>, Box<dyn Error>> {
    Ok(reader.probabilities_observed(images, |count| bar.inc(count as u64))?)
}

/// Runs a training; with `lines`, what every epoch did stays on standard error, of very many some.
pub fn train<A: Architecture>(
    training: &Training,
    epochs: usize,
    architecture: &A,
    supervision: &dyn Supervision,
    device: &OpenDevice,
    lines: bool,
) -> Result<(Checkpoint, TrainingReport), perception::Error> {
    let bar = bar(0, "training");
    let every = epochs.div_ceil(100);
    let done = training.run(architecture, supervision, device, |event| {
        match event {
            TrainingEvent::Step { epoch, step, steps } => {
                bar.set_length((steps * epochs) as u64);
                bar.set_position(((epoch - 1) * steps + step) as u64);
            }
            TrainingEvent::Epoch(epoch) => {
                let validation = format!("validation {:.2} %", 100.0 * epoch.validation_accuracy);
                if lines && epoch.number.is_multiple_of(every) {
                    let line = format!(
                        "epoch {:>3}  loss {:.4}  {validation}  {:.0} s",
                        epoch.number, epoch.loss, epoch.seconds
                    );
                    if bar.is_hidden() { eprintln!("{line}") } else { bar.println(line) }
                }
                bar.set_message(validation);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    done
}

/// The MD5 that the file of a checkpoint has or would have.
pub fn model_md5(checkpoint: &Checkpoint) -> Result<String, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("model.safetensors");
    checkpoint.write(&path)?;
    Ok(md5_of(&std::fs::read(path)?))
}
