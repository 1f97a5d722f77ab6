use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Dropout, DropoutConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::prelude::*;
use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};

use super::{Architecture, Convolution, ConvolutionChain, Error, Network};

/// The network that comes along: reads 28×28 grey images of digits.
///
/// A 5×5 convolution of stride 2 and four unpadded 3×3 ones (1 → 32 → 64 → 80 → 96 → 112 channels,
/// sides 14, 12, 10, 8, 6), each followed by batch normalisation and ReLU; no pooling; one linear
/// layer whose scores are batch-normalised: 15.4 million multiply-adds an image, 272,000 weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DigitNet {
    /// Number of classes told apart, at most 256 as labels are bytes. Default 10.
    pub classes: usize,
    /// Probability with which a feature is dropped before the last layer, in training only.
    /// Default 0.2.
    pub dropout: f64,
}

impl Default for DigitNet {
    fn default() -> Self {
        Self { classes: 10, dropout: 0.2 }
    }
}

impl DigitNet {
    /// Rows and columns of the images.
    pub const SIDE: usize = 28;
    /// Channels from layer to layer.
    const CHANNELS: [usize; 6] = [1, 32, 64, 80, 96, 112];
    /// Rows and columns after the last convolution.
    const LAST_SIDE: usize = 6;

    /// Of so many classes.
    pub fn new(classes: usize) -> Self {
        Self { classes, ..Self::default() }
    }
}

/// The module of [`DigitNet`].
#[derive(Module, Debug)]
pub struct DigitNetwork {
    blocks: Vec<Block>,
    dropout: Dropout,
    head: Linear,
    norm: BatchNorm,
}

#[derive(Module, Debug)]
struct Block {
    conv: Conv2d,
    norm: BatchNorm,
}

impl Architecture for DigitNet {
    const NAME: &'static str = "digit-net";
    type Network = DigitNetwork;

    fn init(&self, device: &Device) -> DigitNetwork {
        let stem =
            |config: Conv2dConfig| config.with_stride([2, 2]).with_padding(PaddingConfig2d::Explicit(2, 2, 2, 2));
        let block = |(layer, channels): (usize, &[usize])| {
            let (input, output) = (channels[0], channels[1]);
            let config = match layer {
                0 => stem(Conv2dConfig::new([input, output], [5, 5])),
                _ => Conv2dConfig::new([input, output], [3, 3]).with_padding(PaddingConfig2d::Valid),
            };
            Block { conv: config.with_bias(false).init(device), norm: BatchNormConfig::new(output).init(device) }
        };
        let features = Self::CHANNELS[5] * Self::LAST_SIDE * Self::LAST_SIDE;
        DigitNetwork {
            blocks: Self::CHANNELS.windows(2).enumerate().map(block).collect(),
            dropout: DropoutConfig::new(self.dropout).init(),
            head: LinearConfig::new(features, self.classes).with_bias(false).init(device),
            norm: BatchNormConfig::new(self.classes).init(device),
        }
    }

    fn input(&self) -> [usize; 2] {
        [Self::SIDE; 2]
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn chain(&self) -> Option<ConvolutionChain> {
        let mut side = Self::SIDE;
        let layer = |(i, channels): (usize, &[usize])| {
            let (kernel, stride, padding) = if i == 0 { (5, 2, 2) } else { (3, 1, 0) };
            let layer = Convolution { kernel, stride, padding, inputs: channels[0], outputs: channels[1], side };
            side = layer.output_side();
            layer
        };
        let convolutions = Self::CHANNELS.windows(2).enumerate().map(layer).collect();
        Some(ConvolutionChain { convolutions, dropout: self.dropout })
    }

    fn check(&self) -> Result<(), Error> {
        if !(2..=256).contains(&self.classes) {
            return Err(Error::Config { setting: "classes", expected: "2 to 256" });
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(Error::Config { setting: "dropout", expected: "a number from 0 to below 1" });
        }
        Ok(())
    }
}

impl Network for DigitNetwork {
    fn scores(&self, pixels: Tensor<4>) -> Tensor<2> {
        let features = self.blocks.iter().fold(pixels, |x, block| relu(block.norm.forward(block.conv.forward(x))));
        self.norm.forward(self.head.forward(self.dropout.forward(features.flatten(1, 3))))
    }
}
