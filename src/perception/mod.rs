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
pub use checkpoint::{Checkpoint, CheckpointInfo};
pub use device::{DeviceChoice, OpenDevice};
pub use network::{Network, NetworkConfig, accuracy};
pub use training::{Epoch, Training, TrainingConfig, TrainingReport};

use std::path::PathBuf;

/// What can go wrong between an image and its probabilities.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A GPU was asked for and none can be used.
    #[error(
        "no wgpu adapter can be used ({reason}); expected a GPU with a Vulkan, Metal or DirectX 12 driver, or choose the device cpu"
    )]
    NoAdapter {
        /// What the graphics runtime said.
        reason: String,
    },
    /// A device name that is none.
    #[error("unknown device '{0}': expected auto, wgpu or cpu")]
    UnknownDevice(String),
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
    /// A checkpoint is no safetensors file, or its metadata is not ours.
    #[error("checkpoint {}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong and what was expected.
        reason: String,
    },
    /// A checkpoint does not fit the network it is to be loaded into.
    #[error("checkpoint {}: {reason}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor or class count found and expected.
        reason: String,
    },
    /// A training setting outside its range, or data that cannot be trained on.
    #[error("training: {0}")]
    Training(String),
}
