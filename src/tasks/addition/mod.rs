//! MNIST addition: two numbers of k digits, given as images, are added.
//!
//! Sums are formed from images without replacement: 2k images make one sum. A prediction is
//! right only if every digit of the result is unique and right.

#[cfg(feature = "perception")]
mod likelihood;

#[cfg(feature = "perception")]
pub use likelihood::SumLikelihood;

use std::time::Instant;

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::inference::{Cases, CasesBuilder, Engine, Error, Target};
use crate::possibility::Decision;
use crate::rules::RuleBase;

/// The rules for numbers of k digits: `rulesets/mnist_addition.toml`, as shipped.
///
/// # Errors
/// If k is below 1.
pub fn rules(k: usize) -> Result<RuleBase, crate::rules::Error> {
    let text = include_str!("../../../rulesets/mnist_addition.toml");
    RuleBase::parse(text, "rulesets/mnist_addition.toml", &[("k", i64::try_from(k).unwrap_or(i64::MAX))])
}

/// Sums drawn from a collection of images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sums {
    k: usize,
    /// Shape (sums, 2k): which image stands for each digit, first number first.
    images: Array2<usize>,
}

impl Sums {
    /// Draws ⌊`images` / 2k⌋ sums without replacement, in an order given by the seed; none of k = 0
    /// digits.
    pub fn draw(images: usize, k: usize, seed: u64) -> Self {
        let mut order: Vec<usize> = (0..images).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let digits = k.saturating_mul(2);
        let sums = images.checked_div(digits).unwrap_or(0);
        order.truncate(sums * digits);
        let columns = digits.min(isize::MAX as usize);
        Self { k, images: Array2::from_shape_vec((sums, columns), order).expect("2k images a sum") }
    }

    /// The number of sums.
    pub fn len(&self) -> usize {
        self.images.nrows()
    }

    /// Whether there are too few images for even one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The images of one sum: the k digits of the first number, then those of the second.
    pub fn images(&self, sum: usize) -> ArrayView1<'_, usize> {
        self.images.row(sum)
    }

    /// The first `count` sums.
    pub fn take(mut self, count: usize) -> Self {
        let count = count.min(self.len());
        self.images = self.images.slice(ndarray::s![..count, ..]).to_owned();
        self
    }

    /// The digits' possibilities as inputs of the rules.
    ///
    /// # Errors
    /// If the rule base is for another k.
    pub fn cases(&self, base: &RuleBase, possibilities: ArrayView2<'_, f32>) -> Result<Cases, Error> {
        self.inputs(base, possibilities).build()
    }

    fn inputs(&self, base: &RuleBase, possibilities: ArrayView2<'_, f32>) -> CasesBuilder {
        let column = |j: usize| possibilities.select(Axis(0), &self.images.column(j).to_vec());
        let digits = 0..2 * self.k;
        digits.fold(Cases::of(base), |cases, j| cases.possibilities(&format!("a{}", j + 1), &column(j)))
    }

    /// The true result of one sum: carries w_1 … w_k and digits y_0 … y_k.
    pub fn result(&self, sum: usize, labels: ArrayView1<'_, u8>) -> (Vec<usize>, Vec<usize>) {
        let digit = |j: usize| usize::from(labels[self.images[(sum, j)]]);
        let (mut carries, mut digits) = (vec![0; self.k], vec![0; self.k + 1]);
        let mut carry = 0;
        for j in (0..self.k).rev() {
            let total = digit(j) + digit(self.k + j) + carry;
            carry = total / 10;
            carries[j] = carry;
            digits[j + 1] = total % 10;
        }
        digits[0] = carry;
        (carries, digits)
    }

    /// Which image stands for each digit, a row a sum.
    pub fn placed(&self) -> &Array2<usize> {
        &self.images
    }

    /// What is known of the digits y_0 … y_k to whoever sees the results alone, of which a random
    /// share is hidden.
    pub fn seen_results(&self, labels: ArrayView1<'_, u8>, hidden: f64, seed: u64) -> Vec<Vec<Option<usize>>> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut seen = |digit: usize| Some(digit).filter(|_| random.random::<f64>() >= hidden);
        (0..self.len()).map(|sum| self.result(sum, labels).1.into_iter().map(&mut seen).collect()).collect()
    }

    /// Cases of which nothing is known but these results.
    ///
    /// # Errors
    /// If the rule base is for another k.
    pub fn observed_cases(&self, base: &RuleBase, results: &[Vec<Option<usize>>]) -> Result<Cases, Error> {
        let cases = base.inputs().fold(Cases::of(base).count(self.len()), |cases, a| cases.unknown(a.name()));
        let observed = |j: usize| results.iter().map(move |result| result[j].map(Target::Position));
        (0..=self.k).fold(cases, |cases, j| cases.observed(&format!("y{j}"), observed(j))).build()
    }

    /// Cases to learn from: the inputs, and the true value of every derived attribute.
    ///
    /// # Errors
    /// If the rule base is for another k.
    pub fn labelled_cases(
        &self,
        base: &RuleBase,
        possibilities: ArrayView2<'_, f32>,
        labels: ArrayView1<'_, u8>,
    ) -> Result<Cases, Error> {
        let results: Vec<_> = (0..self.len()).map(|sum| self.result(sum, labels)).collect();
        let digit = |sum: usize, j: usize| usize::from(labels[self.images[(sum, j)]]);
        let mut cases = self.inputs(base, possibilities);
        let targets = |position: &dyn Fn(usize) -> usize| -> Vec<Option<Target>> {
            (0..self.len()).map(|sum| Some(Target::Position(position(sum)))).collect()
        };
        for j in 0..self.k {
            // Positions in the product domains, whose last factor varies fastest.
            let pair = |sum: usize| 10 * digit(sum, j) + digit(sum, self.k + j);
            let added = |sum: usize| if j + 1 < self.k { 2 * pair(sum) + results[sum].0[j + 1] } else { pair(sum) };
            cases = cases
                .targets(&format!("c{}", j + 1), targets(&added))
                .targets(&format!("w{}", j + 1), targets(&|sum| results[sum].0[j]));
        }
        for j in 0..=self.k {
            cases = cases.targets(&format!("y{j}"), targets(&|sum| results[sum].1[j]));
        }
        cases.build()
    }

    /// Infers the digits of every sum and compares them with the true ones.
    ///
    /// # Errors
    /// If the engine is for another k.
    pub fn evaluate(
        &self,
        engine: &Engine,
        possibilities: ArrayView2<'_, f32>,
        labels: ArrayView1<'_, u8>,
    ) -> Result<Evaluation, Error> {
        let cases = self.cases(engine.base(), possibilities)?;
        let names: Vec<String> = (0..=self.k).map(|j| format!("y{j}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let start = Instant::now();
        let inferred = engine.infer_batch(&cases, &names)?;
        let seconds = start.elapsed().as_secs_f64();
        let mut evaluation = Evaluation { sums: self.len(), right: 0, ambiguous: 0, failures: Vec::new(), seconds };
        let decisions: Vec<Vec<Decision>> =
            names.iter().map(|name| inferred.decisions(name).expect("asked for")).collect();
        for sum in 0..self.len() {
            let (_, digits) = self.result(sum, labels);
            let positions = || decisions.iter().map(|column| column[sum].position());
            evaluation.ambiguous += usize::from(positions().any(|position| position.is_none()));
            if positions().eq(digits.into_iter().map(Some)) {
                evaluation.right += 1;
            } else {
                evaluation.failures.push(sum);
            }
        }
        Ok(evaluation)
    }
}

/// How many sums came out right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evaluation {
    /// Sums evaluated.
    pub sums: usize,
    /// Sums of which every digit is unique and right.
    pub right: usize,
    /// Sums with at least one ambiguous digit.
    pub ambiguous: usize,
    /// The sums that are not right: a digit is wrong or ambiguous.
    pub failures: Vec<usize>,
    /// Wall-clock seconds of inference, perception apart.
    pub seconds: f64,
}
