use std::fmt::Debug;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Convolution, Error};

/// A network that tells images apart: any burn module of images in, scores out.
pub trait Network: Module {
    /// Scores, shape (images, classes), of pixels in 0..1, shape (images, 1, rows, columns).
    fn scores(&self, pixels: Tensor<4>) -> Tensor<2>;
}

/// Convolutions without bias, each followed by batch normalisation and ReLU, then dropout, a linear
/// layer without bias and batch normalisation of the scores.
///
/// The tensors of such a network are named `blocks.0.conv.weight`, `blocks.0.norm.gamma` (`beta`,
/// `running_mean`, `running_var`) and so on, `head.weight` and `norm.gamma` ….
#[derive(Debug, Clone, PartialEq)]
pub struct ConvolutionChain {
    /// The convolutions, each taking what the one before it gives.
    pub convolutions: Vec<Convolution>,
    /// Probability with which an input of the linear layer is dropped in training.
    pub dropout: f64,
}

/// What it takes to make a network: its settings, and the shapes of what goes in and comes out.
///
/// Training, checkpoints and reading know a network by this alone, so that one of your own, for
/// images of your own, is trained, kept and read like the one that comes along
/// ([`DigitNet`](super::DigitNet)); `examples/own_network.rs` shows one.
pub trait Architecture: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What checkpoints call it.
    const NAME: &'static str;

    /// The network.
    type Network: Network;

    /// A network with fresh random weights.
    fn init(&self, device: &Device) -> Self::Network;

    /// Rows and columns of the images it reads.
    fn input(&self) -> [usize; 2];

    /// The number of classes it tells apart.
    fn classes(&self) -> usize;

    /// The network as a chain of convolutions, if it is one: it is then read and trained on the CPU
    /// several times as fast.
    fn chain(&self) -> Option<ConvolutionChain> {
        None
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Config`] for one outside its range.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }
}
