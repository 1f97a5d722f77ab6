//! Perception: a convolutional network that reads digits from 28×28 images.
//!
//! The network gives softmax probabilities; [`crate::possibility`] turns them into possibility
//! distributions. Everything here runs on a wgpu GPU or, where there is none, on the CPU:
//! [`DeviceChoice`] decides. Weights travel as safetensors files ([`Checkpoint`]), and
//! [`Training`] makes them.
//!
//! ```no_run
//! use pinesy::datasets::Digits;
//! use pinesy::perception::{Checkpoint, DeviceChoice};
//!
//! let device = DeviceChoice::Auto.open()?;
//! eprintln!("{}", device.description);
//! let network = Checkpoint::read("models/mnist.safetensors")?.network(10, &device)?;
//! let digits = Digits::read("images.gz", "labels.gz").unwrap();
//! let probabilities = network.probabilities(digits.images.view())?; // (images, 10)
//! # Ok::<(), pinesy::perception::Error>(())
//! ```

mod augment;
mod checkpoint;
mod device;
mod network;
mod optimizer;
mod training;

pub use augment::Augmentation;
pub use checkpoint::{Checkpoint, CheckpointFault, CheckpointInfo};
pub use device::{DeviceChoice, OpenDevice};
pub use network::{Network, NetworkConfig, accuracy};
pub use training::{Epoch, Training, TrainingConfig, TrainingEvent, TrainingReport, TrainingStop};

use std::path::PathBuf;

use burn::tensor::wgpu::WgpuInitError;

/// What can go wrong between an image and its probabilities.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A GPU was asked for and none can be used.
    #[error(
        "no wgpu adapter can be used ({source}); expected a GPU with a Vulkan, Metal or DirectX 12 driver, or choose the device cpu"
    )]
    NoAdapter {
        /// What the graphics runtime said, which is asked only once a process.
        source: &'static WgpuInitError,
    },
    /// The images do not have the size the network reads.
    #[error("images of {rows}×{columns} pixels: expected {expected}×{expected}")]
    ImageSize {
        /// Rows found.
        rows: usize,
        /// Columns found.
        columns: usize,
        /// Rows and columns expected.
        expected: usize,
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
    /// A training setting outside its range.
    #[error("training: {setting}: expected {expected}")]
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
    /// A training stopped by its observer before there were weights to keep.
    #[error("training: stopped in its first epoch: expected at least one finished epoch")]
    StoppedEarly,
}
