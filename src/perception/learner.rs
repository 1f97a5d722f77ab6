use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, ArrayView3};

use super::checkpoint::{CheckpointFault, Weights};
use super::optimizer::NetworkOptimizer;
use super::reader::{pixel_tensor, read_back, row_major};
use super::{Architecture, Attempt, Network, Supervision, TrainingStep};

/// A step, and what says what the network should have said of its images.
#[derive(Clone, Copy)]
pub(super) struct Lesson<'a> {
    pub supervision: &'a dyn Supervision,
    pub step: &'a TrainingStep,
    /// The images as the network sees them.
    pub pixels: ArrayView3<'a, f32>,
}

impl Lesson<'_> {
    /// The targets of so many classes, row after row; `given` hands over what the network gave.
    pub fn targets(&self, classes: usize, given: &dyn Fn() -> Vec<f32>) -> Vec<f32> {
        let images = self.step.images.len();
        let given = || Array2::from_shape_vec((images, classes), given()).expect("one row an image");
        let targets = self.supervision.targets(&Attempt::new(self.step, self.pixels, classes, &given));
        assert_eq!(targets.dim(), (images, classes), "a supervision gives a row of targets an image");
        row_major(targets)
    }
}

/// A network that is being trained, with its optimiser and the running average of its weights.
pub(super) trait Learner {
    /// One step of cross-entropy; gives the loss. What is random in it is drawn by the seed, or by
    /// burn's own generator.
    fn step(&mut self, rate: f64, seed: u64, lesson: Lesson<'_>) -> f64;

    /// Moves the average: keep · average + (1 − keep) · weights. The first time it is the weights.
    fn average(&mut self, keep: f32);

    /// The average; none before the first.
    fn averaged(&self) -> Option<Weights>;

    /// All that it takes to go on: weights, moments of the optimiser and its number of steps.
    fn state(&self) -> (Weights, Weights, usize);
}

/// A learner of burn's: automatic differentiation on any device.
pub(super) struct BurnLearner<N> {
    network: N,
    optimizer: NetworkOptimizer,
    /// Tensor by tensor, flat and on the device.
    average: Option<Vec<Tensor<1>>>,
    device: Device,
}

impl<N: Network> BurnLearner<N> {
    /// From fresh weights.
    pub fn new(architecture: &impl Architecture<Network = N>, weight_decay: f32, device: &Device) -> Self {
        let device = device.clone().autodiff();
        let network = architecture.init(&device);
        // Weights are drawn when they are first looked at: now, and not after something else was.
        flat(&network);
        Self { network, optimizer: NetworkOptimizer::new(weight_decay), average: None, device }
    }

    /// From a state that was kept.
    pub fn resume(
        architecture: &impl Architecture<Network = N>,
        weight_decay: f32,
        (weights, moments, steps): (&Weights, &Weights, usize),
        average: &Weights,
        device: &Device,
    ) -> Result<Self, CheckpointFault> {
        let mut learner = Self::new(architecture, weight_decay, device);
        learner.network = weights.network(architecture, device)?.train();
        learner.optimizer.restore(moments, steps, device);
        learner.average = Some(flat(&average.network(architecture, device)?));
        Ok(learner)
    }
}

impl<N: Network> Learner for BurnLearner<N> {
    fn step(&mut self, rate: f64, _: u64, lesson: Lesson<'_>) -> f64 {
        let scores = self.network.scores(pixel_tensor(lesson.pixels, &self.device));
        let shape = scores.dims();
        let targets = lesson.targets(shape[1], &|| read_back(softmax(scores.clone().detach(), 1)));
        let targets = Tensor::<2>::from_data(TensorData::new(targets, shape), &self.device);
        let loss = -(targets * log_softmax(scores, 1)).sum() / shape[0] as f32;
        let value = loss.clone().detach();
        let gradients = GradientsParams::from_grads(loss.backward(), &self.network);
        self.network = self.optimizer.step(rate, self.network.clone(), gradients);
        // Last, so that the device has all of the step to do before anyone waits for it.
        f64::from(read_back(value)[0])
    }

    fn average(&mut self, keep: f32) {
        // Forward passes leave their last statistics pending; a copy for validation has them.
        let weights = flat(&self.network.valid());
        self.average = Some(match self.average.take() {
            None => weights,
            Some(average) => {
                let mixed = average.into_iter().zip(weights);
                mixed.map(|(average, weights)| average.mul_scalar(keep).add(weights.mul_scalar(1.0 - keep))).collect()
            }
        });
    }

    fn averaged(&self) -> Option<Weights> {
        let average = self.average.clone()?;
        Some(Weights::of(&self.network.valid().map(&mut Put(average.into_iter()))))
    }

    fn state(&self) -> (Weights, Weights, usize) {
        let (moments, steps) = self.optimizer.state();
        (Weights::of(&self.network.valid()), moments, steps)
    }
}

/// All tensors of a network, flat.
fn flat(network: &impl Module) -> Vec<Tensor<1>> {
    struct Take(Vec<Tensor<1>>);
    impl ModuleVisitor for Take {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let tensor = param.val();
            let len = tensor.shape().num_elements() as i32;
            self.0.push(tensor.reshape([len]));
        }
    }
    let mut take = Take(Vec::new());
    network.visit(&mut take);
    take.0
}

/// Gives a network other tensors, in the order in which [`flat`] takes them.
struct Put(std::vec::IntoIter<Tensor<1>>);

impl ModuleMapper for Put {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        let other = self.0.next().expect("tensors of the same network");
        Param::from_mapped_value(id, other.reshape(tensor.shape()), mapper)
    }
}
