use burn::module::{Module, ModuleMapper, Param};
use burn::optim::{AdamW, AdamWConfig, AdamWState, AdaptiveMomentumState, GradientsParams, Optimizer};
use burn::tensor::{Device, Tensor};

use super::checkpoint::Weights;

/// AdamW over a whole network, with a state that can be saved and restored on any device.
///
/// The update rule is burn's. burn's own module optimiser restores its state on the process's
/// default device, which fails on a machine without a GPU when wgpu is compiled in.
///
/// Weight decay bears on tensors of two dimensions or more, the weights proper: not on shifts and
/// scales.
pub(super) struct NetworkOptimizer {
    decaying: AdamW,
    plain: AdamW,
    /// One state a float tensor, in the order the network is visited; none before its first step.
    states: Vec<Option<AdamWState<1>>>,
}

impl NetworkOptimizer {
    pub fn new(weight_decay: f32) -> Self {
        let rule = |decay: f32| AdamWConfig::new().with_weight_decay(decay).with_epsilon(1e-8).build();
        Self { decaying: rule(weight_decay), plain: rule(0.0), states: Vec::new() }
    }

    pub fn step<M: Module>(&mut self, rate: f64, network: M, gradients: GradientsParams) -> M {
        network.map(&mut Step { optimizer: self, rate, gradients, next: 0 })
    }

    /// The moments as named tensors, and the number of steps taken.
    pub fn state(&self) -> (Weights, usize) {
        let mut weights = Weights::default();
        let mut steps = 0;
        for (i, state) in self.states.iter().enumerate() {
            let Some(AdamWState { momentum }) = state else { continue };
            steps = momentum.time;
            for (name, moment) in [("moment_1", &momentum.moment_1), ("moment_2", &momentum.moment_2)] {
                weights.insert(format!("{i}.{name}"), &moment.clone().into_data());
            }
        }
        (weights, steps)
    }

    pub fn restore(&mut self, weights: &Weights, steps: usize, device: &Device) {
        self.states.clear();
        for (name, moment_1) in weights.iter() {
            let Some(slot) = name.strip_suffix(".moment_1") else { continue };
            let (Ok(i), Some(moment_2)) = (slot.parse::<usize>(), weights.get(&format!("{slot}.moment_2"))) else {
                continue;
            };
            if i >= self.states.len() {
                self.states.resize_with(i + 1, || None);
            }
            let tensor = |values: &[f32]| Tensor::<1>::from_data(values, device);
            let momentum = AdaptiveMomentumState::new(steps, tensor(&moment_1.values), tensor(&moment_2.values));
            self.states[i] = Some(AdamWState::new(momentum));
        }
    }
}

struct Step<'a> {
    optimizer: &'a mut NetworkOptimizer,
    rate: f64,
    gradients: GradientsParams,
    next: usize,
}

impl ModuleMapper for Step<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let slot = self.next;
        self.next += 1;
        let (id, tensor, mapper) = param.consume();
        let Some(gradient) = self.gradients.remove::<D>(id) else {
            return Param::from_mapped_value(id, tensor, mapper);
        };
        let shape = tensor.shape();
        let flat = [shape.num_elements() as i32];
        let states = &mut self.optimizer.states;
        if slot >= states.len() {
            states.resize_with(slot + 1, || None);
        }
        // The rule works element by element, so one rank serves every tensor.
        let rule = if D > 1 { &self.optimizer.decaying } else { &self.optimizer.plain };
        let (updated, state) =
            rule.step(self.rate, tensor.inner().reshape(flat), gradient.reshape(flat), states[slot].take());
        states[slot] = state;
        Param::from_mapped_value(id, Tensor::from_inner(updated.reshape(shape)).require_grad(), mapper)
    }
}
