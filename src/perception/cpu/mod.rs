//! Evaluating and training a chain of convolutions on the processor.
//!
//! A chain is some square convolutions without bias, each followed by batch normalisation and
//! ReLU, then dropout, a linear layer without bias and batch normalisation of its scores. To the
//! kernels the linear layer is one more convolution, whose kernel covers its whole input.

mod convolution;
mod lanes;
mod norm;
mod patches;
mod read;
mod stage;
mod step;
#[cfg(test)]
mod tests;
mod tiles;

pub(crate) use norm::Dropout;
pub(crate) use read::Reader;
#[cfg(test)]
pub(crate) use step::Outcome;
pub(crate) use step::Trainer;

use stage::Stage;

/// Added to a variance before its root is taken.
const EPSILON: f64 = 1e-5;

/// Images one task works on, one after another. What a batch gives depends on this number (sums
/// within a task come before sums over tasks), never on the number of threads.
const IMAGES_A_TASK: usize = 16;

/// One square convolution of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Rows and columns of the kernel.
    pub kernel: usize,
    /// Pixels from one position of the kernel to the next.
    pub stride: usize,
    /// Zeros around the input; less than `kernel`.
    pub padding: usize,
    /// Channels of the input.
    pub inputs: usize,
    /// Channels of the output.
    pub outputs: usize,
    /// Rows and columns of the input.
    pub side: usize,
}

impl Layer {
    /// Rows and columns of the output.
    pub fn output_side(&self) -> usize {
        (self.side + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// Weights of one output.
    fn weights_an_output(&self) -> usize {
        self.inputs * self.kernel * self.kernel
    }
}

/// The layers of a network, the linear one last.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    stages: Vec<Stage>,
}

impl Chain {
    /// `convolutions`, then a linear layer that gives one score a class.
    ///
    /// # Panics
    /// Unless there is a convolution and each takes what the one before it gives.
    pub(crate) fn new(convolutions: &[Layer], classes: usize) -> Self {
        let last = convolutions.last().expect("a chain has a convolution");
        for layer in convolutions {
            assert!(layer.padding < layer.kernel && layer.kernel <= layer.side + 2 * layer.padding, "{layer:?}");
        }
        for pair in convolutions.windows(2) {
            assert_eq!((pair[0].outputs, pair[0].output_side()), (pair[1].inputs, pair[1].side));
        }
        let side = last.output_side();
        let linear = Layer { kernel: side, stride: 1, padding: 0, inputs: last.outputs, outputs: classes, side };
        let mut stages: Vec<Stage> =
            convolutions.iter().enumerate().map(|(i, &layer)| Stage::convolution(layer, i == 0)).collect();
        stages.push(Stage::linear(linear));
        Self { stages }
    }

    /// Numbers an image is made of.
    fn pixels(&self) -> usize {
        let first = self.stages[0].layer;
        first.inputs * first.side * first.side
    }

    fn classes(&self) -> usize {
        self.last().layer.outputs
    }

    fn last(&self) -> &Stage {
        &self.stages[self.stages.len() - 1]
    }

    fn is_last(&self, stage: usize) -> bool {
        stage + 1 == self.stages.len()
    }
}

/// The trained numbers of a [`Chain`], or the gradients by them: one entry a layer, the linear
/// one last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Parameters {
    /// Convolutions (outputs, inputs, kernel row, kernel column); the linear layer (inputs,
    /// outputs), its inputs ordered by channel, row and column.
    pub(crate) weights: Vec<Vec<f32>>,
    /// What the normalised outputs of a layer are multiplied with.
    pub(crate) gammas: Vec<Vec<f32>>,
    /// What is added to them then.
    pub(crate) betas: Vec<Vec<f32>>,
}

impl Parameters {
    /// Weights, factors and shifts.
    pub(crate) fn all(&self) -> [&Vec<Vec<f32>>; 3] {
        [&self.weights, &self.gammas, &self.betas]
    }

    pub(crate) fn all_mut(&mut self) -> [&mut Vec<Vec<f32>>; 3] {
        [&mut self.weights, &mut self.gammas, &mut self.betas]
    }
}

/// Turns scores into probabilities.
pub(crate) fn softmax(scores: &mut [f32]) {
    let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    scores.iter_mut().for_each(|score| *score = (*score - highest).exp());
    let sum: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
}

/// Mean and variance of each output of each layer before normalisation.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Statistics {
    pub(crate) means: Vec<Vec<f32>>,
    /// Biased: divided by the count, not by the count less one.
    pub(crate) variances: Vec<Vec<f32>>,
}
