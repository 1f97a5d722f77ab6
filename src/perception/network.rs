use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Dropout, DropoutConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::prelude::*;
use burn::tensor::TensorData;
use burn::tensor::activation::{relu, softmax};
use ndarray::{Array2, ArrayView1, ArrayView3, Axis};

use super::Error;

/// Shape of a [`Network`].
#[derive(Config, Debug)]
pub struct NetworkConfig {
    /// Number of classes told apart.
    pub classes: usize,
    /// Probability with which a feature is dropped before the last layer, in training only.
    #[config(default = 0.5)]
    pub dropout: f64,
}

/// Five 3×3 convolutions with batch normalisation, three 2×2 max poolings and one linear layer:
/// 28×28 grey images in, one score a class out (about 76,000 weights for 10 classes).
#[derive(Module, Debug)]
pub struct Network {
    block1: Block,
    block2: Block,
    block3: Block,
    block4: Block,
    block5: Block,
    pool: MaxPool2d,
    dropout: Dropout,
    head: Linear,
}

#[derive(Module, Debug)]
struct Block {
    conv: Conv2d,
    norm: BatchNorm,
}

impl Block {
    fn new(input: usize, output: usize, device: &Device) -> Self {
        Self {
            conv: Conv2dConfig::new([input, output], [3, 3])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .with_bias(false)
                .init(device),
            norm: BatchNormConfig::new(output).init(device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        relu(self.norm.forward(self.conv.forward(x)))
    }
}

impl NetworkConfig {
    /// A network with fresh random weights.
    pub(crate) fn init(&self, device: &Device) -> Network {
        Network {
            block1: Block::new(1, 16, device),
            block2: Block::new(16, 32, device),
            block3: Block::new(32, 32, device),
            block4: Block::new(32, 64, device),
            block5: Block::new(64, 64, device),
            pool: MaxPool2dConfig::new([2, 2]).init(),
            dropout: DropoutConfig::new(self.dropout).init(),
            head: LinearConfig::new(64 * 3 * 3, self.classes).init(device),
        }
    }
}

impl Network {
    /// Rows and columns of the images it reads.
    pub const SIDE: usize = 28;
    /// Images in flight at once when computing probabilities.
    const BATCH: usize = 256;

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.head.weight.dims()[1]
    }

    /// Scores, shape (images, classes), of pixels in 0..1, shape (images, 1, 28, 28).
    pub(crate) fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        let x = self.pool.forward(self.block1.forward(pixels));
        let x = self.block3.forward(self.block2.forward(x));
        let x = self.pool.forward(x);
        let x = self.block5.forward(self.block4.forward(x));
        let x = self.pool.forward(x).flatten(1, 3);
        self.head.forward(self.dropout.forward(x))
    }

    /// Brings the running statistics up to date: each forward pass in training leaves its update
    /// pending until the next, where reading the weights would miss it.
    pub(crate) fn settle_statistics(&self) {
        for block in [&self.block1, &self.block2, &self.block3, &self.block4, &self.block5] {
            block.norm.running_mean.value_sync();
            block.norm.running_var.value_sync();
        }
    }

    /// The softmax probability of every class for every image, shape (images, classes).
    ///
    /// # Errors
    /// [`Error::ImageSize`] unless the images are 28×28.
    pub fn probabilities(&self, images: ArrayView3<'_, u8>) -> Result<Array2<f32>, Error> {
        check_size(images)?;
        let device = self.head.weight.device();
        let mut rows = Vec::with_capacity(images.dim().0 * self.classes());
        for batch in images.axis_chunks_iter(Axis(0), Self::BATCH) {
            let pixels = batch.iter().map(|&p| f32::from(p) / 255.0).collect();
            let scores = self.forward(pixel_tensor(pixels, &device));
            rows.extend(
                softmax(scores, 1).into_data().convert::<f32>().try_into_vec::<f32>().expect("f32 was asked for"),
            );
        }
        Ok(Array2::from_shape_vec((images.dim().0, self.classes()), rows).expect("one row of classes an image"))
    }
}

pub(crate) fn check_size(images: ArrayView3<'_, u8>) -> Result<(), Error> {
    let (_, rows, columns) = images.dim();
    if (rows, columns) == (Network::SIDE, Network::SIDE) {
        return Ok(());
    }
    Err(Error::ImageSize { rows, columns, expected: Network::SIDE })
}

/// Pixels in 0..1, image by image and row by row, as the tensor the network reads.
pub(crate) fn pixel_tensor(pixels: Vec<f32>, device: &Device) -> Tensor<4> {
    let count = pixels.len() / (Network::SIDE * Network::SIDE);
    Tensor::from_data(TensorData::new(pixels, [count, 1, Network::SIDE, Network::SIDE]), device)
}

/// The share of images whose most probable class is their label.
pub fn accuracy(probabilities: &Array2<f32>, labels: ArrayView1<'_, u8>) -> f64 {
    let right = probabilities.outer_iter().zip(labels).filter(|(row, label)| {
        let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]));
        best == Some(usize::from(**label))
    });
    right.count() as f64 / labels.len().max(1) as f64
}
