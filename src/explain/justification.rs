use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Contradiction, Error, Explainer, Explanation, Node, Origin, Ranking, Reading, Subject};
use crate::inference::Score;
use crate::possibility::{Undecided, Value, decide, height, necessity, undecided};
use crate::rules::Source;

/// Why a derived attribute has the value it has, or why that is ambiguous.
///
/// A value u is certain to the degree N(u) = 1 − max of the other degrees, so what makes it
/// certain is what holds every other value down (Farreny & Prade 1992).
///
/// `{}` shows it as sentences, `{:#}` with colours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Justification {
    /// The attribute.
    pub attribute: String,
    /// The decided value; several, in domain order, if they tie.
    pub decision: Vec<Value>,
    /// Their possibility: 1 exactly when the distribution is normalised.
    pub possibility: f32,
    /// 1 − Π(anything else), at most their possibility.
    pub necessity: f32,
    /// What the inputs behind it were read as.
    pub readings: Vec<Reading>,
    /// The other values by the rules that hold them down, most possible first.
    pub competitors: Vec<Competitors>,
    /// How many more groups of other values there are, left out for the limit.
    pub more: usize,
    /// Why anything else is possible to the degree it is; if values tie, why these are possible to
    /// theirs.
    pub explanation: Explanation,
    /// If the decided value is not fully possible: why.
    pub doubt: Option<Explanation>,
    /// Why no value is decided, if none is.
    #[serde(rename = "reason")]
    pub undecided: Option<Undecided>,
    /// 1 − the possibility: how far what is known contradicts itself.
    pub conflict: f32,
    /// How many values the attribute has.
    pub values: usize,
    /// If no value is fully possible: the rules that contradict each other.
    pub contradiction: Option<Contradiction>,
    /// What the explainer's score decides, if that is not the possibility, by which everything
    /// above is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranking: Option<Ranking>,
}

/// Values that the same rules hold down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Competitors {
    /// The values, at most [`Node::VALUES`], most possible first.
    pub values: Vec<Value>,
    /// How many more there are.
    pub more: usize,
    /// The highest of their degrees.
    pub degree: f32,
    /// The rules that attain their degrees.
    pub rules: Vec<String>,
}

/// The most inputs of one rule set that are given as readings; of more, only those that decide.
const READINGS: usize = 12;

impl Explainer<'_> {
    /// Why a derived attribute has the value it has, or why that is ambiguous.
    ///
    /// ```
    /// # use pinesy::explain::Explainer;
    /// # use pinesy::inference::Engine;
    /// # use pinesy::rules::RuleBase;
    /// let base = RuleBase::read("rulesets/mnist_addition.toml", &[])?;
    /// let engine = Engine::of(&base);
    /// let digit = |d: usize, other: usize, doubt: f32| {
    ///     (0..10).map(|i| if i == d { 1.0 } else if i == other { doubt } else { 0.0 }).collect::<Vec<f32>>()
    /// };
    /// let (a1, a2) = (digit(3, 8, 0.2), digit(4, 9, 0.1));
    /// let case = engine.cases().possibilities("a1", &a1).possibilities("a2", &a2).build()?;
    /// let explainer = Explainer::new(&engine, &case)?;
    /// let why = explainer.justify("y1")?;
    /// assert_eq!((&why.decision, why.necessity), (&vec![7.into()], 0.8));
    /// assert!(why.to_string().starts_with(
    ///     "y1 = 7 is certain to degree 0.80: a1 reads 3 (anything else possible to 0.20), \
    ///      a2 reads 4 (anything else possible to 0.10)."
    /// ));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`inference::Error::UnknownDerived`](crate::inference::Error::UnknownDerived).
    pub fn justify(&self, attribute: &str) -> Result<Justification, Error> {
        let stage = self.derived(attribute)?;
        let attribute = self.stage(stage).attribute;
        let degrees = self.distribution(attribute);
        let decided = decide(&degrees).positions();
        let mut is_decided = vec![false; degrees.len()];
        for &position in &decided {
            is_decided[position] = true;
        }
        let values = self.attribute(attribute).domain().values();
        let decision: Vec<Value> = decided.iter().map(|&position| values[position].clone()).collect();
        let these = || self.explain_positions(attribute, Subject::Is(decision.clone()), |i| is_decided[i]);
        let others = || self.explain_positions(attribute, Subject::IsNot(decision.clone()), |i| !is_decided[i]);
        let unique = decided.len() == 1;
        let possibility = height(&degrees);
        let explanation = if unique { others() } else { these() };
        let competing: Vec<usize> = (0..degrees.len()).filter(|&i| !is_decided[i]).collect();
        let (competitors, more) = self.competitors(stage, &degrees, competing);
        Ok(Justification {
            attribute: self.name(attribute).to_owned(),
            possibility,
            necessity: necessity(&degrees, &decided),
            readings: self.readings(&explanation),
            competitors,
            more,
            explanation,
            doubt: (unique && possibility < 1.0).then(these),
            undecided: undecided(&degrees),
            conflict: 1.0 - possibility,
            values: degrees.len(),
            contradiction: match self.contradiction(self.name(attribute))? {
                Some(why) => Some(Contradiction { sources: self.origins(&why)?, ..why }),
                None => None,
            },
            ranking: match self.score {
                Score::Min => None,
                score => Some(self.rank(self.name(attribute), score)?),
            },
            decision,
        })
    }

    /// Groups positions by the rules that hold them down.
    fn competitors(&self, stage: usize, degrees: &[f32], mut positions: Vec<usize>) -> (Vec<Competitors>, usize) {
        let attribute = self.stage(stage).attribute;
        positions.sort_by(|&a, &b| degrees[b].total_cmp(&degrees[a]));
        let values = self.attribute(attribute).domain().values();
        let mut place: HashMap<Vec<usize>, usize> = HashMap::new();
        let mut groups: Vec<Competitors> = Vec::new();
        let mut more = 0;
        for position in positions {
            let degree = degrees[position];
            let rules: Vec<usize> =
                self.deciding(stage, self.element(attribute, position)).map(|level| level.rule).collect();
            if let Some(&known) = place.get(&rules) {
                match groups.get_mut(known) {
                    Some(group) if group.values.len() < Node::VALUES => group.values.push(values[position].clone()),
                    Some(group) => group.more += 1,
                    None => {}
                }
                continue;
            }
            place.insert(rules.clone(), place.len());
            if groups.len() == self.limit {
                more += 1;
                continue;
            }
            let rules = rules.into_iter().map(|rule| self.rules(stage)[rule].name().to_owned()).collect();
            groups.push(Competitors { values: vec![values[position].clone()], more: 0, degree, rules });
        }
        (groups, more)
    }

    /// The readings of the inputs behind an explanation: all that the rule set of a value reads
    /// which rests on an input.
    pub(super) fn readings(&self, explanation: &Explanation) -> Vec<Reading> {
        let base = self.engine.base();
        let is_input = |attribute: usize| matches!(self.source(attribute), Source::Input(_));
        let mut found: Vec<usize> = Vec::new();
        let mut sets: Vec<usize> = Vec::new();
        for node in &explanation.nodes {
            let Origin::Rules(rules) = &node.origin else {
                found.extend(base.position(&node.attribute));
                continue;
            };
            let mut reasons = rules.iter().flat_map(|rule| &rule.premise).flat_map(|p| &p.because);
            if reasons.any(|&node| explanation.nodes[node].origin == Origin::Input) {
                sets.extend(self.derived(&node.attribute));
            }
        }
        sets.sort_unstable();
        sets.dedup();
        for set in sets {
            let mut read = base.rule_sets()[set].reads();
            read.retain(|&attribute| is_input(attribute));
            if read.len() <= READINGS {
                found.extend(read);
            }
        }
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|attribute| self.reading(attribute)).collect()
    }
}
