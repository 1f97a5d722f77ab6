use std::hash::Hasher;

use ndarray::{Array2, ArrayView1, ArrayView3};
use rand_chacha::ChaCha8Rng;

use crate::perception::{Attempt, Conclusions, Error, Supervision, TrainingStep};

/// The exact likelihood of sums, as others maximise it: the baseline for training from
/// conclusions.
///
/// The gradient of −log P(result) in the scores of an image is its probabilities less their
/// posterior given the result, which a forward and a backward pass over the carries give (sums and
/// products of probabilities, where backward inference has maxima and minima of possibilities).
#[derive(Debug, Clone)]
pub struct SumLikelihood<'a> {
    conclusions: Conclusions<'a>,
    /// For each case y_0 … y_k, where known.
    results: Vec<Vec<Option<usize>>>,
}

impl<'a> SumLikelihood<'a> {
    /// The same images as these conclusions, with the results of the training sums.
    pub fn new(conclusions: Conclusions<'a>, results: Vec<Vec<Option<usize>>>) -> Self {
        Self { conclusions, results }
    }
}

impl Supervision for SumLikelihood<'_> {
    fn images(&self) -> ArrayView3<'_, u8> {
        self.conclusions.images()
    }

    fn steps(&self, batch: usize, random: &mut ChaCha8Rng) -> Vec<TrainingStep> {
        self.conclusions.steps(batch, random)
    }

    fn targets(&self, attempt: &Attempt<'_>) -> Array2<f32> {
        let (step, mut targets) = (attempt.step(), attempt.given());
        let images = step.images.len() / step.cases.len().max(1);
        for (i, &case) in step.cases.iter().enumerate() {
            let rows: Vec<ArrayView1<'_, f32>> = (0..images).map(|j| targets.row(i * images + j)).collect();
            for (j, posterior) in posteriors(&rows, &self.results[case]).into_iter().enumerate() {
                let target = targets.row_mut(i * images + j);
                target.into_iter().zip(posterior).for_each(|(target, q)| *target = q as f32);
            }
        }
        targets
    }

    fn validation_images(&self) -> ArrayView3<'_, u8> {
        self.conclusions.validation_images()
    }

    fn validation_accuracy(&self, given: &Array2<f32>) -> f64 {
        self.conclusions.validation_accuracy(given)
    }

    fn identify(&self, hasher: &mut dyn Hasher) {
        self.conclusions.identify(hasher);
        for result in &self.results {
            hasher.write_usize(result.len());
            result.iter().for_each(|digit| hasher.write_u64(digit.map_or(u64::MAX, |digit| digit as u64)));
        }
    }

    fn check(&self, classes: usize, batch: usize) -> Result<(), Error> {
        self.conclusions.check(classes, batch)
    }
}

/// The probabilities of the digits of two numbers (first one, then the other) given their result.
fn posteriors(digits: &[ArrayView1<'_, f32>], result: &[Option<usize>]) -> Vec<[f64; 10]> {
    let k = digits.len() / 2;
    let p = |image: usize, digit: usize| f64::from(digits[image][digit]);
    let fits = |position: usize, total: usize| result[position + 1].is_none_or(|y| y == total % 10);
    // All (a, b, carry in) of a position that fit its digit, with the carry out.
    let each = |position: usize, act: &mut dyn FnMut(usize, usize, usize, usize)| {
        for (a, b, carry) in (0..200).map(|i| (i / 20, i / 2 % 10, i % 2)) {
            let total = a + b + carry;
            if fits(position, total) {
                act(a, b, carry, total / 10);
            }
        }
    };
    // From the units: how probable each carry into a position is, with all to its right.
    let mut right = vec![[0.0; 2]; k];
    right[k - 1] = [1.0, 0.0];
    for j in (1..k).rev() {
        let mut out = [0.0; 2];
        each(j, &mut |a, b, carry, to| out[to] += p(j, a) * p(k + j, b) * right[j][carry]);
        right[j - 1] = scaled(out);
    }
    // From the top: how probable all to the left is, given the carry out of a position.
    let mut left = vec![[0.0; 2]; k];
    left[0] = [0, 1].map(|carry| f64::from(u8::from(result[0].is_none_or(|y| y == carry))));
    for j in 0..k - 1 {
        let mut into = [0.0; 2];
        each(j, &mut |a, b, carry, to| into[carry] += p(j, a) * p(k + j, b) * left[j][to]);
        left[j + 1] = scaled(into);
    }
    let mut found = vec![[0.0; 10]; 2 * k];
    for j in 0..k {
        each(j, &mut |a, b, carry, to| {
            let joint = p(j, a) * p(k + j, b) * right[j][carry] * left[j][to];
            found[j][a] += joint;
            found[k + j][b] += joint;
        });
    }
    for (image, posterior) in found.iter_mut().enumerate() {
        let sum: f64 = posterior.iter().sum();
        for (digit, q) in posterior.iter_mut().enumerate() {
            // A result that cannot be teaches nothing.
            *q = if sum > 0.0 { *q / sum } else { p(image, digit) };
        }
    }
    found
}

/// Brought to sum 1, so that long sums do not vanish.
fn scaled([zero, one]: [f64; 2]) -> [f64; 2] {
    let sum = zero + one;
    if sum > 0.0 { [zero / sum, one / sum] } else { [0.0, 0.0] }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// Against all digits, for two numbers of two.
    #[test]
    fn posteriors_are_those_of_all_digits() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        for round in 0..20 {
            let rows = Array2::from_shape_fn((4, 10), |_| random.random::<f32>());
            let sums = rows.sum_axis(ndarray::Axis(1));
            let rows = Array2::from_shape_fn((4, 10), |(i, d)| rows[(i, d)] / sums[i]);
            let total = 10 + round * 7;
            let mut result = vec![Some(total / 100), Some(total / 10 % 10), Some(total % 10)];
            if round % 3 == 0 {
                result[round % 2 + 1] = None;
            }
            let mut expected = vec![[0.0f64; 10]; 4];
            for number in 0..10_000usize {
                let d = [number / 1000, number / 100 % 10, number / 10 % 10, number % 10];
                let sum = 10 * (d[0] + d[2]) + d[1] + d[3];
                let digits = [sum / 100, sum / 10 % 10, sum % 10];
                if digits.iter().zip(&result).all(|(d, y)| y.is_none_or(|y| y == *d)) {
                    let joint: f64 = (0..4).map(|i| f64::from(rows[(i, d[i])])).product();
                    (0..4).for_each(|i| expected[i][d[i]] += joint);
                }
            }
            let views: Vec<_> = rows.outer_iter().collect();
            for (found, expected) in posteriors(&views, &result).iter().zip(&expected) {
                let sum: f64 = expected.iter().sum();
                assert!(found.iter().zip(expected).all(|(q, e)| (q - e / sum).abs() < 1e-9), "{result:?}");
            }
        }
    }
}
