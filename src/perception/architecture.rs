use std::fmt::Debug;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Error;

/// A network that tells images apart: any burn module of images in, scores out.
pub trait Network: Module {
    /// Scores, shape (images, classes), of pixels in 0..1, shape (images, 1, rows, columns).
    fn scores(&self, pixels: Tensor<4>) -> Tensor<2>;
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

    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Config`] for one outside its range.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }
}
