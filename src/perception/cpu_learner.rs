use super::checkpoint::{CheckpointFault, Weight, Weights};
use super::cpu::{Chain, Dropout, Parameters, Statistics, Trainer};
use super::learner::{Learner, Lesson};
use super::{Architecture, ConvolutionChain};

/// A learner for chains of convolutions on the CPU.
pub(super) struct CpuLearner {
    shape: ConvolutionChain,
    trainer: Trainer,
    parameters: Parameters,
    running: Statistics,
    optimizer: AdamW,
    average: Option<(Parameters, Statistics)>,
    classes: usize,
}

/// The share of the running statistics that a batch replaces, as in burn.
const MOMENTUM: f32 = 0.1;

impl CpuLearner {
    /// From weights named as [`ConvolutionChain`] says.
    pub fn new(
        architecture: &impl Architecture,
        shape: &ConvolutionChain,
        weights: &Weights,
        weight_decay: f32,
    ) -> Self {
        let (parameters, running) = unpacked(shape, weights);
        Self {
            trainer: Trainer::new(&chain(shape, architecture.classes())),
            shape: shape.clone(),
            optimizer: AdamW::new(weight_decay, &parameters),
            parameters,
            running,
            average: None,
            classes: architecture.classes(),
        }
    }

    /// From a state that was kept.
    pub fn resume(
        architecture: &impl Architecture,
        shape: &ConvolutionChain,
        (weights, moments, steps): (&Weights, &Weights, usize),
        average: &Weights,
        weight_decay: f32,
    ) -> Result<Self, CheckpointFault> {
        let mut learner = Self::new(architecture, shape, weights, weight_decay);
        let moment = |which: &str| {
            let part = moments.part(which);
            let expected = packed(shape, &learner.parameters, &learner.running);
            if part.shapes() == expected.shapes() {
                Ok(unpacked(shape, &part).0)
            } else {
                Err(CheckpointFault::Moments)
            }
        };
        (learner.optimizer.first, learner.optimizer.second) = (moment("first")?, moment("second")?);
        learner.optimizer.steps = steps;
        learner.average = Some(unpacked(shape, average));
        Ok(learner)
    }
}

/// The evaluator of a chain.
pub(super) fn chain(shape: &ConvolutionChain, classes: usize) -> Chain {
    Chain::new(&shape.convolutions, classes)
}

impl Learner for CpuLearner {
    fn step(&mut self, rate: f64, seed: u64, lesson: Lesson<'_>) -> f64 {
        let classes = self.classes;
        let mut targets = |given: Vec<f32>| lesson.targets(classes, &|| given.clone());
        let dropout = Dropout { rate: self.shape.dropout as f32, seed };
        let pixels = lesson.pixels.to_slice().expect("image by image, row by row");
        let outcome = self.trainer.step(&self.parameters, pixels, &mut targets, Some(dropout));
        self.optimizer.update(rate as f32, &mut self.parameters, &outcome.gradients);
        mix(&mut self.running.means, &outcome.statistics.means, 1.0 - MOMENTUM);
        mix(&mut self.running.variances, &outcome.statistics.variances, 1.0 - MOMENTUM);
        outcome.loss
    }

    fn average(&mut self, keep: f32) {
        let Some((parameters, running)) = &mut self.average else {
            self.average = Some((self.parameters.clone(), self.running.clone()));
            return;
        };
        for (average, now) in parameters.all_mut().into_iter().zip(self.parameters.all()) {
            mix(average, now, keep);
        }
        mix(&mut running.means, &self.running.means, keep);
        mix(&mut running.variances, &self.running.variances, keep);
    }

    fn averaged(&self) -> Option<Weights> {
        self.average.as_ref().map(|(parameters, running)| packed(&self.shape, parameters, running))
    }

    fn state(&self) -> (Weights, Weights, usize) {
        let AdamW { first, second, steps, .. } = &self.optimizer;
        let mut moments = Weights::default();
        moments.extend("first", &packed(&self.shape, first, &self.running));
        moments.extend("second", &packed(&self.shape, second, &self.running));
        (packed(&self.shape, &self.parameters, &self.running), moments, *steps)
    }
}

/// Moves numbers towards others: keep · number + (1 − keep) · other.
fn mix(numbers: &mut [Vec<f32>], others: &[Vec<f32>], keep: f32) {
    let pairs = numbers.iter_mut().zip(others).flat_map(|(numbers, others)| numbers.iter_mut().zip(others));
    pairs.for_each(|(number, other)| *number = keep * *number + (1.0 - keep) * other);
}

/// AdamW (Loshchilov & Hutter 2019), whose decay bears on weights and not on shifts and scales.
struct AdamW {
    weight_decay: f32,
    first: Parameters,
    second: Parameters,
    steps: usize,
}

impl AdamW {
    const BETAS: [f32; 2] = [0.9, 0.999];
    const EPSILON: f32 = 1e-8;

    fn new(weight_decay: f32, parameters: &Parameters) -> Self {
        let mut zero = parameters.clone();
        zero.all_mut().into_iter().flatten().flatten().for_each(|number| *number = 0.0);
        Self { weight_decay, second: zero.clone(), first: zero, steps: 0 }
    }

    fn update(&mut self, rate: f32, parameters: &mut Parameters, gradients: &Parameters) {
        self.steps += 1;
        let [correction1, correction2] = Self::BETAS.map(|beta| 1.0 - beta.powi(self.steps as i32));
        // Weights come first.
        let decays = [self.weight_decay, 0.0, 0.0];
        let moments = self.first.all_mut().into_iter().zip(self.second.all_mut());
        let all = parameters.all_mut().into_iter().zip(gradients.all()).zip(moments).zip(decays);
        for (((parameters, gradients), (first, second)), decay) in all {
            let tensors = parameters.iter_mut().zip(gradients).zip(first.iter_mut().zip(second));
            for ((parameters, gradients), (first, second)) in tensors {
                let numbers = parameters.iter_mut().zip(gradients).zip(first.iter_mut().zip(second));
                for ((x, &gradient), (first, second)) in numbers {
                    *first = Self::BETAS[0] * *first + (1.0 - Self::BETAS[0]) * gradient;
                    *second = Self::BETAS[1] * *second + (1.0 - Self::BETAS[1]) * gradient * gradient;
                    let step = (*first / correction1) / ((*second / correction2).sqrt() + Self::EPSILON);
                    *x -= rate * (decay * *x + step);
                }
            }
        }
    }
}

/// The names of the tensors of a layer, with their shapes; the last layer is linear.
fn names(shape: &ConvolutionChain, layer: usize) -> (String, String) {
    match shape.convolutions.get(layer) {
        Some(_) => (format!("blocks.{layer}.conv.weight"), format!("blocks.{layer}.norm")),
        None => ("head.weight".to_owned(), "norm".to_owned()),
    }
}

fn unpacked(shape: &ConvolutionChain, weights: &Weights) -> (Parameters, Statistics) {
    let values = |name: &str| weights.get(name).expect("weights of this network").values.clone();
    let (mut parameters, mut running) = (Parameters::default(), Statistics::default());
    for layer in 0..=shape.convolutions.len() {
        let (weight, norm) = names(shape, layer);
        parameters.weights.push(values(&weight));
        parameters.gammas.push(values(&format!("{norm}.gamma")));
        parameters.betas.push(values(&format!("{norm}.beta")));
        running.means.push(values(&format!("{norm}.running_mean")));
        running.variances.push(values(&format!("{norm}.running_var")));
    }
    (parameters, running)
}

fn packed(shape: &ConvolutionChain, parameters: &Parameters, running: &Statistics) -> Weights {
    let mut weights = Weights::default();
    for layer in 0..=shape.convolutions.len() {
        let (weight, norm) = names(shape, layer);
        let values = &parameters.weights[layer];
        let outputs = parameters.gammas[layer].len();
        let dims = match shape.convolutions.get(layer) {
            Some(one) => vec![one.outputs, one.inputs, one.kernel, one.kernel],
            None => vec![values.len() / outputs, outputs],
        };
        weights.set(weight, Weight { shape: dims, values: values.clone() });
        let vectors = [
            ("gamma", &parameters.gammas[layer]),
            ("beta", &parameters.betas[layer]),
            ("running_mean", &running.means[layer]),
            ("running_var", &running.variances[layer]),
        ];
        for (name, values) in vectors {
            weights.set(format!("{norm}.{name}"), Weight { shape: vec![values.len()], values: values.clone() });
        }
    }
    weights
}

/// What it takes to read with a chain: its evaluator, parameters and running statistics.
pub(super) fn evaluator(shape: &ConvolutionChain, classes: usize, weights: &Weights) -> super::cpu::Reader {
    let (parameters, running) = unpacked(shape, weights);
    super::cpu::Reader::new(&chain(shape, classes), &parameters, &running)
}
