//! Backward inference, or abduction: which values explain what is observed.

mod factor;
mod graph;
mod messages;

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array2, s};
use rayon::prelude::*;

use super::cases::{input_of, unknown_attribute};
use super::{BatchInference, Cases, Engine, Error};
use crate::program::{LANES, Wide};
use crate::rules::{RuleBase, Source};
use graph::Graph;
use messages::{Lanes, Question, Runner};

/// An engine run backward: from what is known of inputs and observed of any attributes to how
/// possible every value of every attribute then is. Cheap to clone and to share between threads.
///
/// The *joint* possibility of one value for each attribute is the minimum of the inputs'
/// possibilities, of what is observed, and of what each rule allows premise and conclusion
/// together: 1 where both or neither hold, r where only the premise does, s where only the
/// conclusion does. The possibility of a value is the maximum of the joint over all that the other
/// attributes may be; it never exceeds what [`Engine::infer`] finds, which takes rules one by one.
///
/// It is found by max-min messages between attributes and *factors*: the rules with the same
/// premise attributes and the same conclusion attribute, taken together (Pearl 1988 for
/// probabilities; Dubois & Prade 1990 for possibilities). Where the graph of attributes and
/// factors has no cycle, two sweeps give the exact degrees. Otherwise messages fall from 1 to a
/// fixpoint, and degrees are upper bounds: what is impossible is impossible indeed.
///
/// ```
/// use pinesy::inference::{Engine, Target};
/// use pinesy::rules::RuleBase;
///
/// let engine = Engine::of(&RuleBase::read("rulesets/mnist_addition.toml", &[("k", 1)])?);
/// // The first digit is a 7 or perhaps a 1, the second unknown; their sum is 12.
/// let first = [0.0, 0.3, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0];
/// let case = engine.cases().possibilities("a1", &first).unknown("a2");
/// let case = case.observed("y0", [Some(Target::value(1))]).observed("y1", [Some(Target::value(2))]).build()?;
///
/// let backward = engine.backward();
/// assert!(backward.is_exact());
/// let digits = backward.abduce(&case, &["a1", "a2"])?;
/// assert_eq!(digits.degrees().distribution("a2", 0).unwrap().possibility_of([5])?, 1.0);
/// // Of the first digit only a 7 is left: 1 + 9 is no 12.
/// assert_eq!(digits.degrees().distribution("a1", 0).unwrap().possibility_of([1])?, 0.0);
/// assert_eq!(digits.conflicts(), [0.0]);
/// // Its own possibilities apart, it might be any digit from 3 on.
/// let told = backward.own_excluded(&case, &["a1"])?;
/// assert_eq!(told.degrees().get("a1").unwrap().sum(), 7.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Backward(Arc<Graph>);

/// What backward inference found, case by case.
#[derive(Debug, Clone, PartialEq)]
pub struct Abduction {
    degrees: BatchInference,
    conflicts: Vec<f32>,
    exact: bool,
    rounds: usize,
}

impl Abduction {
    /// The degrees of the attributes that were asked for.
    pub fn degrees(&self) -> &BatchInference {
        &self.degrees
    }

    /// The degrees, to keep.
    pub fn into_degrees(self) -> BatchInference {
        self.degrees
    }

    /// How much each case contradicts itself: 1 − the highest joint possibility, from 0 (some values
    /// explain everything) to 1 (none do). A lower bound unless [`Self::is_exact`].
    pub fn conflicts(&self) -> &[f32] {
        &self.conflicts
    }

    /// Whether the degrees are exact; upper bounds otherwise.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// How often messages were sent to and fro, in the case that took longest: once if exact,
    /// otherwise until nothing changed. 0 if there is no case.
    pub fn rounds(&self) -> usize {
        self.rounds
    }
}

impl Engine {
    /// Compiles the rules, with their parameters, to be run backward.
    pub fn backward(&self) -> Backward {
        Backward(Arc::new(Graph::new(self)))
    }
}

impl Backward {
    /// The rule base.
    pub fn base(&self) -> &RuleBase {
        &self.0.base
    }

    /// Whether its degrees are exact: no two ways lead from one attribute to another. If not, they
    /// are upper bounds.
    pub fn is_exact(&self) -> bool {
        self.0.forest
    }

    /// How possible each value of some attributes, inputs or derived, is in every case, given all
    /// that the case says ([`CasesBuilder::observed`](super::CasesBuilder::observed) and targets
    /// are what is observed), in parallel. A contradiction lowers all degrees of its case.
    ///
    /// # Errors
    /// [`Error::UnknownAttribute`] for a name that no rule mentions, [`Error::OtherRules`] for
    /// cases of another rule base.
    pub fn abduce(&self, cases: &Cases, attributes: &[&str]) -> Result<Abduction, Error> {
        let position = |name: &&str| {
            let used = |&position: &usize| self.base().source(position) != Source::Unused;
            self.base().position(name).filter(used).ok_or_else(|| unknown_attribute(self.base(), name))
        };
        let wanted = attributes.iter().map(position).collect::<Result<Vec<usize>, Error>>()?;
        self.run(cases, &wanted, true)
    }

    /// What all the rest says about some inputs, in every case: the same as [`Self::abduce`], but
    /// without the input's own possibilities, and neither lowered by a contradiction elsewhere, that
    /// is, in what no rules connect with it. Unless [`Self::is_exact`], each input takes messages of
    /// its own: round a cycle it would otherwise hear itself.
    ///
    /// # Errors
    /// [`Error::UnknownInput`] for a name that is no input, [`Error::OtherRules`] for cases of
    /// another rule base.
    pub fn own_excluded(&self, cases: &Cases, inputs: &[&str]) -> Result<Abduction, Error> {
        let position = |name: &&str| {
            let input = input_of(self.base(), name)?;
            Ok::<usize, Error>(self.base().input_positions()[input])
        };
        let wanted = inputs.iter().map(position).collect::<Result<Vec<usize>, Error>>()?;
        self.run(cases, &wanted, false)
    }

    fn run(&self, cases: &Cases, wanted: &[usize], marginal: bool) -> Result<Abduction, Error> {
        cases.check_base(self.base())?;
        let mut columns: Vec<(usize, Range<usize>)> = Vec::new();
        let (mut width, mut known) = (0, vec![false; self.base().attributes().len()]);
        for &attribute in wanted {
            if !std::mem::replace(&mut known[attribute], true) {
                let start = width;
                width += self.base().attributes()[attribute].domain().len();
                columns.push((attribute, start..width));
            }
        }
        let stride = width + 1;
        let mut rows = vec![0.0; cases.len() * stride];
        let question = Question { cases, columns: &columns, stride, marginal };
        // Side by side only where they fill the lanes.
        let run = if cases.len() < LANES { run::<f32> } else { run::<Wide> };
        let rounds = run(&self.0, &question, &mut rows);
        let rows = Array2::from_shape_vec((cases.len(), stride), rows).expect("one row a case");
        let conflicts = rows.column(width).iter().map(|height| 1.0 - height).collect();
        let attribute = |(attribute, range): (usize, _)| (self.base().attributes()[attribute].clone(), range);
        let columns = columns.into_iter().map(attribute).collect();
        let degrees = BatchInference::new(columns, rows.slice(s![.., ..width]).to_owned());
        Ok(Abduction { degrees, conflicts, exact: self.is_exact(), rounds })
    }
}

/// Answers for all cases, as many side by side as there are lanes; the most rounds any took.
fn run<L: Lanes>(graph: &Graph, question: &Question<'_>, rows: &mut [f32]) -> usize {
    let block = |runner: &mut Runner<'_, L>, (block, rows): (usize, &mut [f32])| {
        runner.answer(question, block * L::COUNT, rows)
    };
    let blocks = rows.par_chunks_mut(L::COUNT * question.stride).enumerate();
    blocks.map_init(|| Runner::new(graph), block).max().unwrap_or(0)
}
