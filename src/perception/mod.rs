//! Perception: networks that read images.
//!
//! The network gives softmax probabilities; [`crate::possibility`] turns them into possibility
//! distributions. Everything here runs on a GPU (feature `gpu`) or, where there is none, on the CPU:
//! [`DeviceChoice`] decides. Weights travel as safetensors files ([`Checkpoint`]), and
//! [`Training`] makes them, from labels ([`Labels`]), from other networks ([`Distillation`]) or from
//! whatever else says what images show ([`Supervision`]). The network that comes along is
//! [`DigitNet`]; any burn module can take its place ([`Architecture`]).
//!
//! ```no_run
//! use pinesy::datasets::Digits;
//! use pinesy::perception::{Checkpoint, DeviceChoice, DigitNet};
//!
//! let device = DeviceChoice::Auto.open()?;
//! eprintln!("{}", device.description);
//! let reader = Checkpoint::read("models/mnist.safetensors")?.reader(&DigitNet::new(10), &device)?;
//! let digits = Digits::read("images.gz", "labels.gz").unwrap();
//! let probabilities = reader.probabilities(digits.images.view())?; // (images, 10)
//! # Ok::<(), pinesy::perception::Error>(())
//! ```

mod architecture;
mod augment;
mod checkpoint;
mod conclusions;
mod cpu;
mod cpu_learner;
mod device;
mod digit_net;
mod distillation;
mod learner;
mod optimizer;
mod reader;
mod supervision;
mod training;

pub use architecture::{Architecture, ConvolutionChain, Network};
pub use augment::Augmentation;
/// The crate that networks are written in.
pub use burn;
pub use checkpoint::{Checkpoint, CheckpointFault, CheckpointInfo};
pub use conclusions::{Conclusions, ObservedImages, revise};
pub use cpu::Layer as Convolution;
pub use device::{DeviceChoice, OpenDevice};
pub use digit_net::{DigitNet, DigitNetwork};
pub use distillation::Distillation;
pub use reader::{Reader, accuracy};
pub use supervision::{Attempt, Labels, Supervision, TrainingStep};
pub use training::{Epoch, Training, TrainingConfig, TrainingEvent, TrainingReport, TrainingStop};

use std::path::PathBuf;

#[cfg(feature = "gpu")]
use burn::tensor::wgpu::WgpuInitError;

/// What can go wrong between an image and its probabilities.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A GPU was asked for in a program that was built without.
    #[cfg(not(feature = "gpu"))]
    #[error(
        "built without GPUs: expected a build with the feature gpu (cargo … --features gpu), or choose the device cpu"
    )]
    NoGpuFeature,
    /// A GPU was asked for and none can be used.
    #[cfg(feature = "gpu")]
    #[error(
        "no wgpu adapter can be used ({source}); expected a GPU with a Vulkan, Metal or DirectX 12 driver, or choose the device cpu"
    )]
    NoAdapter {
        /// What the graphics runtime said, which is asked only once a process.
        source: &'static WgpuInitError,
    },
    /// A network that gives no numbers.
    #[error("image {image}: the network's scores are not finite: expected other weights")]
    NotFinite {
        /// The first such image, from 0.
        image: usize,
    },
    /// A training whose loss is no number any more.
    #[error(
        "epoch {epoch}, step {step}: the loss is {loss}: expected a finite one (a lower learning rate, or other teachers)"
    )]
    Diverged {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The step in it, counted from 1.
        step: usize,
        /// The loss.
        loss: f64,
    },
    /// A supervision that gave an epoch no step.
    #[error("an epoch without steps: expected examples for at least one batch")]
    NoSteps,
    /// The images do not have the size the network reads.
    #[error("images of {rows}×{columns} pixels: expected {}×{}", expected[0], expected[1])]
    ImageSize {
        /// Rows found.
        rows: usize,
        /// Columns found.
        columns: usize,
        /// Rows and columns expected.
        expected: [usize; 2],
    },
    /// A checkpoint could not be read or written.
    #[error("checkpoint {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A checkpoint, or the state of a training, that cannot be used.
    #[error("checkpoint {}: {fault}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        fault: CheckpointFault,
    },
    /// A setting of a training or of a network outside its range.
    #[error("setting {setting}: expected {expected}")]
    Config {
        /// The setting.
        setting: &'static str,
        /// Its range.
        expected: &'static str,
    },
    /// Not enough images to train on and to choose the weights by.
    #[error(
        "training: {train} training and {validation} validation images: expected at least one batch of {batch} and one image"
    )]
    TooFewImages {
        /// Training images found.
        train: usize,
        /// Validation images found.
        validation: usize,
        /// Images a step.
        batch: usize,
    },
    /// Images that do not fit the cases they are to stand for.
    #[error(
        "images placed in {rows}×{columns} positions up to {last}: expected {cases} cases × {inputs} inputs, positions below {images}"
    )]
    Placed {
        /// Rows given.
        rows: usize,
        /// Columns given.
        columns: usize,
        /// Cases there are.
        cases: usize,
        /// Inputs of the rules.
        inputs: usize,
        /// Images there are.
        images: usize,
        /// The highest position given.
        last: usize,
    },
    /// An input whose values are not the classes of the network.
    #[error("training: input {input} has {values} values: expected {classes}, one a class of the network")]
    Classes {
        /// The input.
        input: String,
        /// Its values.
        values: usize,
        /// The network's classes.
        classes: usize,
    },
    /// Images and labels that do not belong together.
    #[error("training: {images} images with {labels} labels: expected a label an image")]
    Unlabelled {
        /// Images found.
        images: usize,
        /// Labels found.
        labels: usize,
    },
    /// A label that is none of the classes.
    #[error("training: label {label} of image {image}: expected 0 to {}", classes - 1)]
    Label {
        /// The image's position, from 0.
        image: usize,
        /// Its label.
        label: u8,
        /// Number of classes.
        classes: usize,
    },
    /// A network that cannot teach.
    #[error("teacher {teacher}: {source}")]
    Teacher {
        /// Its number, from 1, and its file.
        teacher: String,
        /// Why.
        source: Box<Error>,
    },
    /// A network that is to teach one of other classes.
    #[error("teacher {teacher}: {found} classes: expected {expected}, those of the network it teaches")]
    TeacherClasses {
        /// Its number, from 1, and its file.
        teacher: String,
        /// Its classes.
        found: usize,
        /// The network's classes.
        expected: usize,
    },
    /// A training stopped by its observer before there were weights to keep.
    #[error("training: stopped in its first epoch: expected at least one finished epoch")]
    StoppedEarly,
}
