//! A network of one's own, for images of one's own: lines of four directions, drawn with noise.
//!
//! `cargo run --release --example own_network`

#[macro_use]
#[path = "common/output.rs"]
mod output;

use std::error::Error;
use std::ops::ControlFlow;

use ndarray::{Array1, Array3};
use pinesy::datasets::Digits;
use pinesy::inference::Engine;
use pinesy::perception::burn::nn::conv::{Conv2d, Conv2dConfig};
use pinesy::perception::burn::nn::{Linear, LinearConfig};
use pinesy::perception::burn::prelude::*;
use pinesy::perception::burn::tensor::activation::relu;
use pinesy::perception::{
    Architecture, Augmentation, DeviceChoice, Labels, Network, Training, TrainingConfig, TrainingEvent, accuracy,
};
use pinesy::possibility::Transform;
use pinesy::rules::RuleBase;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

const SIDE: usize = 12;
const DIRECTIONS: [&str; 4] = ["flat", "rising", "upright", "falling"];

/// One convolution and one linear layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct LineNet {
    channels: usize,
}

#[derive(Module, Debug)]
struct LineNetwork {
    conv: Conv2d,
    linear: Linear,
}

impl Architecture for LineNet {
    const NAME: &'static str = "line-net";
    type Network = LineNetwork;

    fn init(&self, device: &Device) -> LineNetwork {
        let features = self.channels * (SIDE - 4) * (SIDE - 4);
        LineNetwork {
            conv: Conv2dConfig::new([1, self.channels], [5, 5]).init(device),
            linear: LinearConfig::new(features, DIRECTIONS.len()).init(device),
        }
    }

    fn input(&self) -> [usize; 2] {
        [SIDE, SIDE]
    }

    fn classes(&self) -> usize {
        DIRECTIONS.len()
    }
}

impl Network for LineNetwork {
    fn scores(&self, pixels: Tensor<4>) -> Tensor<2> {
        self.linear.forward(relu(self.conv.forward(pixels)).flatten(1, 3))
    }
}

/// Images of lines through somewhere near the middle.
fn lines(count: usize, seed: u64) -> Digits {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let labels: Vec<u8> = (0..count).map(|i| (i % DIRECTIONS.len()) as u8).collect();
    let mut images = Array3::zeros((count, SIDE, SIDE));
    for (mut image, &label) in images.outer_iter_mut().zip(&labels) {
        let angle = f32::from(label) * 45.0 + random.random_range(-15.0..15.0f32);
        let (sin, cos) = angle.to_radians().sin_cos();
        let middle = SIDE as f32 / 2.0 + random.random_range(-1.5..1.5f32);
        for ((y, x), pixel) in image.indexed_iter_mut() {
            let across = (y as f32 - middle) * cos + (x as f32 - middle) * sin;
            let ink = 220.0 * (1.0 - across.abs()).clamp(0.0, 1.0) + random.random_range(0.0..90.0f32);
            *pixel = ink.min(255.0) as u8;
        }
    }
    Digits { images, labels: Array1::from_vec(labels) }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (train, validation, test) = (lines(2_000, 0), lines(400, 1), lines(400, 2));
    let device = DeviceChoice::Cpu.open()?;
    let network = LineNet { channels: 8 };
    let config = TrainingConfig { epochs: 4, batch: 50, augmentation: Augmentation::NONE, ..Default::default() };
    let labels = Labels { train: &train, validation: &validation };
    let (checkpoint, _) = Training::new(config)?.run(&network, &labels, &device, |event| {
        if let TrainingEvent::Epoch(epoch) = event {
            println!("epoch {}: {:.2} % of the validation images", epoch.number, 100.0 * epoch.validation_accuracy);
        }
        ControlFlow::Continue(())
    })?;
    let probabilities = checkpoint.reader(&network, &device)?.probabilities(test.images.view())?;
    println!("test: {:.2} %", 100.0 * accuracy(&probabilities, test.labels.view()));

    // What it reads goes into any rules.
    let domain = DIRECTIONS.map(|direction| format!("\"{direction}\"")).join(", ");
    let rules = format!(
        r#"
        attribute = [
            {{ name = "first", domain = [{domain}] }},
            {{ name = "second", domain = [{domain}] }},
            {{ name = "slopes", domain = ["yes", "no"] }},
        ]
        rule = [
            {{ name = "both slope", iff = ["first in ['rising', 'falling']", "second in ['rising', 'falling']"], then = "slopes == 'yes'" }},
        ]"#
    );
    let engine = Engine::of(&RuleBase::parse(&rules, "lines", &[])?);
    let (first, second) = (probabilities.row(1), probabilities.row(3));
    let transform = Transform::Antipignistic;
    let case = engine.cases().probabilities("first", &first, transform).probabilities("second", &second, transform);
    let slopes = engine.infer(&case.build()?)?.get("slopes").expect("a rule concludes on it");
    println!("do a {} and a {} line both slope? possibility {:?}", DIRECTIONS[1], DIRECTIONS[3], slopes.degrees());
    Ok(())
}
