use std::hash::Hasher;

use ndarray::{Array2, ArrayView3, Axis, concatenate};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::reader::row_major;
use super::{Attempt, Error, Supervision, TrainingStep};
use crate::inference::{self, Backward, Cases, Engine};
use crate::possibility::{Transform, decide, height};
use crate::rules::Fingerprint;

/// Images that stand for the inputs of cases, and what was observed of these cases.
///
/// There are no labels in it: nothing says what an image shows but the rules.
#[derive(Debug, Clone)]
pub struct ObservedImages<'a> {
    images: ArrayView3<'a, u8>,
    placed: Array2<usize>,
    cases: Cases,
}

impl<'a> ObservedImages<'a> {
    /// `placed` has a row a case and a column an input of the rule base, in the order of
    /// [`RuleBase::inputs`](crate::rules::RuleBase::inputs): the position of its image. `cases` says
    /// what was observed, of any attributes; what it says of the inputs' possibilities is not used.
    ///
    /// # Errors
    /// [`Error::Placed`] unless there are as many rows as cases, a column an input, and an image at
    /// each position.
    pub fn new(images: ArrayView3<'a, u8>, placed: Array2<usize>, cases: Cases) -> Result<Self, Error> {
        let inputs = cases.base().inputs().count();
        let last = placed.iter().max().copied().unwrap_or(0);
        if placed.dim() != (cases.len(), inputs) || (last >= images.dim().0 && !placed.is_empty()) {
            let (rows, columns) = placed.dim();
            return Err(Error::Placed { rows, columns, cases: cases.len(), inputs, images: images.dim().0, last });
        }
        Ok(Self { images, placed, cases })
    }

    /// The number of cases.
    pub fn len(&self) -> usize {
        self.cases.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A network trained from conclusions alone: the rules say backward what the images can be.
///
/// For each image, what the network says and what the rules infer from the observed conclusions
/// and from all other images of the case are combined by possibilistic revision, and the result,
/// turned back into probabilities, is what the network should have said. The network learns
/// nothing from a case that it contradicts altogether.
///
/// With the probabilities p, their antipignistic possibilities π and the message m of backward
/// inference, z = min(π, m / max m) divided by its own maximum; the target is the probability
/// distribution of which z is the antipignistic possibility. The gradient of its cross-entropy is
/// the difference between what was said and what should have been: nothing is differentiated
/// through minima and maxima.
#[derive(Debug, Clone)]
pub struct Conclusions<'a> {
    /// The rules of the cases to train on, run backward.
    backward: Backward,
    /// What tells these rules with their parameters apart.
    train_rules: Fingerprint,
    train: ObservedImages<'a>,
    /// The rules of the cases to choose by.
    engine: Engine,
    validation: ObservedImages<'a>,
}

impl<'a> Conclusions<'a> {
    /// The rules with their parameters, and cases to train on, by which the best epoch is chosen as
    /// well.
    ///
    /// # Errors
    /// [`inference::Error::OtherRules`] for cases of other rules.
    pub fn new(engine: &Engine, train: ObservedImages<'a>) -> Result<Self, inference::Error> {
        train.cases.check_base(engine.base())?;
        Ok(Self {
            backward: engine.backward(),
            train_rules: engine.fingerprint(),
            engine: engine.clone(),
            validation: train.clone(),
            train,
        })
    }

    /// Chooses the best epoch by other cases, which may be of other rules.
    ///
    /// # Errors
    /// [`inference::Error::OtherRules`] for cases of other rules than the engine's.
    pub fn validated_by(self, engine: &Engine, validation: ObservedImages<'a>) -> Result<Self, inference::Error> {
        validation.cases.check_base(engine.base())?;
        Ok(Self { engine: engine.clone(), validation, ..self })
    }
}

impl Supervision for Conclusions<'_> {
    fn images(&self) -> ArrayView3<'_, u8> {
        self.train.images
    }

    fn steps(&self, batch: usize, random: &mut ChaCha8Rng) -> Vec<TrainingStep> {
        let mut order: Vec<usize> = (0..self.train.len()).collect();
        order.shuffle(random);
        // All of them if they are fewer than a batch.
        let cases = (batch / self.train.placed.ncols().max(1)).clamp(1, self.train.len().max(1));
        let step = |cases: &[usize]| TrainingStep {
            images: cases.iter().flat_map(|&case| self.train.placed.row(case).to_vec()).collect(),
            cases: cases.to_vec(),
        };
        order.chunks_exact(cases).map(step).collect()
    }

    fn targets(&self, attempt: &Attempt<'_>) -> Array2<f32> {
        let (step, given) = (attempt.step(), attempt.given());
        let possibilities = Transform::Antipignistic.possibilities(given.view()).expect("softmax");
        let rows = by_case(&possibilities, step.cases.len());
        let cases = self.train.cases.select(&step.cases).with_degrees(rows);
        let names: Vec<&str> = self.backward.base().inputs().map(|input| input.name()).collect();
        let told = self.backward.own_excluded(&cases, &names).expect("inputs of these rules");
        let messages = by_image(told.into_degrees().into_arrays().into_iter().map(|(_, degrees)| degrees).collect());
        let mut targets = given;
        for ((mut target, possibility), message) in
            targets.outer_iter_mut().zip(possibilities.outer_iter()).zip(messages.outer_iter())
        {
            let (possibility, message) = (possibility.to_vec(), message.to_vec());
            if let Some(revised) = revise(&possibility, &message) {
                target.iter_mut().zip(revised).for_each(|(target, revised)| *target = revised);
            }
        }
        targets
    }

    fn validation_images(&self) -> ArrayView3<'_, u8> {
        self.validation.images
    }

    /// The share of cases of which everything observed is inferred uniquely and rightly.
    fn validation_accuracy(&self, given: &Array2<f32>) -> f64 {
        let possibilities = Transform::Antipignistic.possibilities(given.view()).expect("softmax");
        let placed = &self.validation.placed;
        let rows = possibilities.select(Axis(0), &placed.iter().copied().collect::<Vec<_>>());
        let cases = self.validation.cases.clone().with_degrees(by_case(&rows, self.validation.len()));
        let base = self.engine.base();
        let observed: Vec<usize> = (0..base.rule_sets().len()).filter(|&set| cases.target_count(set) > 0).collect();
        let names: Vec<&str> = observed.iter().map(|&set| base.conclusion(&base.rule_sets()[set]).name()).collect();
        let inferred = self.engine.infer_batch(&cases, &names).expect("derived attributes of these rules");
        let columns: Vec<_> = names.iter().map(|name| inferred.get(name).expect("asked for")).collect();
        let (mut judged, mut right) = (0, 0);
        for case in 0..cases.len() {
            let verdict = |(set, column): (&usize, &ndarray::ArrayView2<'_, f32>)| {
                let truth = cases.true_position(*set, case)?;
                Some(decide(&column.row(case).to_vec()).position() == Some(truth))
            };
            let verdicts: Vec<bool> = observed.iter().zip(&columns).filter_map(verdict).collect();
            judged += usize::from(!verdicts.is_empty());
            right += usize::from(!verdicts.is_empty() && verdicts.iter().all(|&right| right));
        }
        right as f64 / judged.max(1) as f64
    }

    fn identify(&self, hasher: &mut dyn Hasher) {
        for (rules, images) in [(self.train_rules, &self.train), (self.engine.fingerprint(), &self.validation)] {
            hasher.write(rules.to_string().as_bytes());
            images.placed.iter().for_each(|&position| hasher.write_u64(position as u64));
            images.cases.identify_observed(hasher);
        }
    }

    fn check(&self, classes: usize, batch: usize) -> Result<(), Error> {
        if self.train.is_empty() || self.validation.is_empty() {
            let (train, validation) = (self.train.len(), self.validation.len());
            return Err(Error::TooFewImages { train, validation, batch });
        }
        let inputs = || self.backward.base().inputs().chain(self.engine.base().inputs());
        match inputs().find(|input| input.domain().len() != classes) {
            Some(input) => {
                Err(Error::Classes { input: input.name().to_owned(), values: input.domain().len(), classes })
            }
            None => Ok(()),
        }
    }
}

/// Rows of images, case by case, as rows of cases.
fn by_case(images: &Array2<f32>, cases: usize) -> Array2<f32> {
    let width = images.len() / cases.max(1);
    Array2::from_shape_vec((cases, width), row_major(images.view())).expect("as many images a case")
}

/// Columns of inputs, case by case, as rows of images.
fn by_image(columns: Vec<Array2<f32>>) -> Array2<f32> {
    let views: Vec<_> = columns.iter().map(|column| column.view()).collect();
    let all = concatenate(Axis(1), &views).expect("a row a case");
    let classes = columns[0].ncols();
    let rows = all.len() / classes;
    Array2::from_shape_vec((rows, classes), row_major(all)).expect("as many classes an image")
}

/// The probabilities that a network should have given to an image: what it said, as antipignistic
/// possibilities, revised by a message, how possible everything else makes each class. None if the
/// message excludes all classes, or all that the network finds possible.
///
/// Made for a [`Supervision`] with a reasoner of its own; [`Conclusions`] takes its targets from it.
/// The message should leave out what the network said of the image itself. A message that is the
/// same for all classes gives back the probabilities whose possibilities these are.
///
/// ```
/// use pinesy::perception::revise;
/// use pinesy::possibility::Transform;
///
/// let said = Transform::Antipignistic.possibility(&[0.5, 0.3, 0.2])?;
/// // All else excludes the first class; only the order of the others is left of what was said.
/// let should = revise(&said, &[0.0, 0.6, 0.6]).unwrap();
/// assert!(should[0] == 0.0 && should[1] > should[2]);
/// assert_eq!(revise(&said, &[0.0; 3]), None);
/// # Ok::<(), pinesy::possibility::Error>(())
/// ```
///
/// # Panics
/// If there are not as many classes in the one as in the other, or a degree is outside \[0, 1\].
pub fn revise(possibility: &[f32], message: &[f32]) -> Option<Vec<f32>> {
    assert_eq!(possibility.len(), message.len(), "a degree of each class");
    let degrees = |values: &[f32]| values.iter().all(|degree| (0.0..=1.0).contains(degree));
    assert!(degrees(possibility) && degrees(message), "degrees from 0 to 1");
    let top = height(message);
    if top == 0.0 {
        return None;
    }
    // Divided by its own maximum first: what counts is what it says about the values among
    // themselves, not how doubtful the other images make it.
    let revised: Vec<f32> = possibility.iter().zip(message).map(|(&pi, &m)| pi.min(m / top)).collect();
    let top = height(&revised);
    if top == 0.0 {
        return None;
    }
    let normal: Vec<f32> = revised.iter().map(|&z| z / top).collect();
    Some(Transform::Antipignistic.probability(&normal).expect("degrees of height 1"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normalised(weights: &[f32]) -> Vec<f32> {
        let sum: f32 = weights.iter().sum();
        weights.iter().map(|weight| weight / sum).collect()
    }

    proptest! {
        #[test]
        fn a_message_that_says_nothing_changes_nothing(weights in prop::collection::vec(0.0f32..1.0, 2..12)) {
            let p = normalised(&weights.iter().map(|w| w + 1e-3).collect::<Vec<_>>());
            let pi = Transform::Antipignistic.possibility(&p).unwrap();
            let q = revise(&pi, &vec![0.25; p.len()]).unwrap();
            prop_assert!(p.iter().zip(&q).all(|(p, q)| (p - q).abs() < 1e-5), "{p:?} {q:?}");
        }

        /// q(A) never exceeds Π_z(A), of any set of values.
        #[test]
        fn the_target_respects_what_is_possible(
            weights in prop::collection::vec(0.0f32..1.0, 2..8), message in prop::collection::vec(0.0f32..1.0, 8),
        ) {
            let p = normalised(&weights.iter().map(|w| w + 1e-3).collect::<Vec<_>>());
            let pi = Transform::Antipignistic.possibility(&p).unwrap();
            let message = &message[..p.len()];
            let top = height(message);
            prop_assume!(top > 0.0);
            let q = revise(&pi, message).unwrap();
            let z: Vec<f32> = pi.iter().zip(message).map(|(&pi, &m)| pi.min(m / top)).collect();
            let z_top = height(&z);
            prop_assert!((q.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            for set in 0..1u32 << p.len() {
                let of = |values: &[f32]| -> Vec<f32> {
                    (0..p.len()).filter(|i| set >> i & 1 == 1).map(|i| values[i]).collect()
                };
                let (probability, possibility) = (of(&q).iter().sum::<f32>(), height(&of(&z)) / z_top);
                prop_assert!(probability <= possibility + 1e-5, "{q:?} {z:?}");
            }
        }
    }

    #[test]
    fn extremes_are_finite() {
        let crisp = [1.0, 0.0, 0.0];
        assert_eq!(revise(&crisp, &[0.5, 1.0, 0.0]).unwrap(), [1.0, 0.0, 0.0]);
        // The network is sure of what the rules exclude: there is nothing to learn.
        assert_eq!(revise(&crisp, &[0.0, 1.0, 1.0]), None);
        assert_eq!(revise(&[1.0, 1.0, 1.0], &[0.0, 1.0, 1.0]).unwrap(), [0.0, 0.5, 0.5]);
        assert_eq!(revise(&[1.0, 1.0, 1.0], &[0.0; 3]), None);
    }
}
