//! Scores: what the rules on an attribute allow its values, each rule's say taken into account or
//! the strictest alone.

use std::cmp::Ordering;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, VariantArray, VariantNames};

use super::{Cases, Engine, Error};
use crate::possibility::{Attribute, Decision};
use crate::program::{Atoms, LANES, Runner, Structure, Visitor, Wide};

/// How the contributions to a value, α_i or β_i of every rule on the attribute, become its score.
///
/// The minimum is the value's possibility; it lets one rule decide, and values tie as soon as their
/// strictest rules do. The others look at all rules. All are monotone: a contribution that rises
/// lowers no score. What other attributes' rules read stays the possibility.
///
/// As text: `min`, `leximin`, `product`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, EnumString, Display, VariantNames, VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Score {
    /// The least contribution.
    #[default]
    Min,
    /// The least contribution; where these tie the next least, and so on.
    Leximin,
    /// The product of all contributions.
    Product,
}

/// The scores of every value of an attribute, in many cases.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    attribute: Attribute,
    class_of: Vec<u32>,
    atoms: usize,
    /// Numbers that make up one score.
    width: usize,
    /// Case by case, atom by atom.
    numbers: Vec<f64>,
}

impl Scores {
    /// The attribute.
    pub fn attribute(&self) -> &Attribute {
        &self.attribute
    }

    /// The number of cases.
    pub fn len(&self) -> usize {
        self.numbers.len() / (self.atoms * self.width)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The score of a value, by its position: the contributions, least first, for
    /// [`Score::Leximin`], a single number otherwise. Of two scores that with the greater number
    /// is the greater, where they first differ.
    ///
    /// # Panics
    /// If there is no such case or value.
    pub fn get(&self, case: usize, position: usize) -> &[f64] {
        let start = (case * self.atoms + self.class_of[position] as usize) * self.width;
        &self.numbers[start..start + self.width]
    }

    /// The value of the highest score in a case, or all that tie.
    ///
    /// # Panics
    /// If there is no such case.
    pub fn decision(&self, case: usize) -> Decision {
        let mut highest: Vec<usize> = Vec::new();
        for position in 0..self.class_of.len() {
            let order = highest.first().map(|&best| compare(self.get(case, position), self.get(case, best)));
            if order == Some(Ordering::Greater) {
                highest.clear();
            }
            if order != Some(Ordering::Less) {
                highest.push(position);
            }
        }
        if let [only] = highest[..] { Decision::Unique(only) } else { Decision::Ambiguous(highest) }
    }

    /// The decisions of all cases.
    pub fn decisions(&self) -> Vec<Decision> {
        (0..self.len()).map(|case| self.decision(case)).collect()
    }
}

impl Score {
    /// Appends the numbers that the contributions to a value make up.
    pub(crate) fn extend(self, numbers: &mut Vec<f64>, contributions: impl Iterator<Item = f64>) {
        let start = numbers.len();
        match self {
            Self::Min => return numbers.push(contributions.fold(1.0, f64::min)),
            Self::Leximin | Self::Product => numbers.extend(contributions),
        }
        // The product, too, in one order, so that what is equally supported ties exactly.
        numbers[start..].sort_unstable_by(f64::total_cmp);
        if self == Self::Product {
            let product = numbers.drain(start..).product();
            numbers.push(product);
        }
    }
}

/// Which of two scores is the greater.
pub(crate) fn compare(a: &[f64], b: &[f64]) -> Ordering {
    let numbers = a.iter().zip(b).map(|(a, b)| a.total_cmp(b));
    numbers.chain([a.len().cmp(&b.len())]).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

impl Engine {
    /// Scores every value of a derived attribute in every case, in parallel.
    ///
    /// ```
    /// use pinesy::inference::{Engine, Score};
    /// use pinesy::rules::RuleBase;
    ///
    /// let engine = Engine::of(&RuleBase::read("rulesets/iris.toml", &[])?);
    /// // Petals of medium length, but broad: no species is left by every rule.
    /// let flower = engine
    ///     .cases()
    ///     .possibilities("petal_length", &[0.0, 1.0, 0.0])
    ///     .possibilities("petal_width", &[0.0, 0.0, 1.0])
    ///     .build()?;
    /// assert!(engine.scores(&flower, "species", Score::Min)?.decision(0).position().is_none());
    /// let scores = engine.scores(&flower, "species", Score::Leximin)?;
    /// // Virginica has one of the four rules against it, the others two.
    /// assert_eq!(scores.get(0, 2), [0.0, 1.0, 1.0, 1.0]);
    /// assert_eq!(scores.decision(0).position(), Some(2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownDerived`] for a name that no rule concludes on, [`Error::OtherRules`] for
    /// cases of another rule base.
    pub fn scores(&self, cases: &Cases, attribute: &str, score: Score) -> Result<Scores, Error> {
        cases.check_base(self.base())?;
        let stage = self.stage(attribute)?;
        let program = self.program();
        let structure = program.structure(stage);
        let schedule = program.schedule(&[stage]);
        let input_width = self.base().input_width();
        let block = |runner: &mut Runner<'_, Wide>, rows: &[f32]| {
            let lanes = rows.len() / input_width;
            let mut scorer = Scorer { structure, stage, score, lanes, numbers: Vec::new() };
            runner.run(rows, &schedule, self.floors(), &mut scorer);
            scorer.numbers
        };
        let blocks = cases.degrees().par_chunks(LANES * input_width);
        let blocks: Vec<Vec<f64>> = blocks.map_init(|| Runner::new(program), block).collect();
        Ok(Scores {
            attribute: self.base().attributes()[program.stages[stage].attribute].clone(),
            class_of: structure.partition.class_of().to_vec(),
            atoms: structure.partition.len(),
            width: if score == Score::Leximin { structure.rules } else { 1 },
            numbers: blocks.concat(),
        })
    }
}

/// Scores the atoms of one stage in a block of cases.
struct Scorer<'a> {
    structure: &'a Structure,
    stage: usize,
    score: Score,
    lanes: usize,
    numbers: Vec<f64>,
}

impl Visitor<Wide> for Scorer<'_> {
    fn atoms(&mut self, stage: usize, levels: &[Wide], _: &Atoms<'_, Wide>) {
        if stage != self.stage {
            return;
        }
        let structure = self.structure;
        let atoms = structure.partition.len();
        for (lane, atom) in (0..self.lanes).flat_map(|lane| (0..atoms).map(move |atom| (lane, atom))) {
            let contributions = structure.levels(atom).map(|level| f64::from(levels[level.index()][lane]));
            self.score.extend(&mut self.numbers, contributions);
        }
    }
}
