use serde::{Deserialize, Serialize};

use super::cascade::Cascade;
use super::{Error, LearningConfig};
use crate::inference::{Cases, Engine};
use crate::program::LANES;

/// An example whose target the rules cannot give: it contradicts what they infer, or they leave
/// other values possible.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Conflict {
    /// The example's position, from 0.
    pub example: usize,
    /// Its own Chebyshev distance: how far its targets are from any that the rules can give.
    pub distance: f32,
    /// The rule that holds its target down most; none if nothing does, and all that is wrong is that
    /// other values remain possible (the inputs leave them open).
    pub rule: Option<String>,
}

/// How many examples a threshold keeps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KeptExamples {
    /// A distance that occurs among the examples: any threshold above it, and not above the next,
    /// keeps the same.
    pub distance: f32,
    /// Examples of at most that distance.
    pub kept: usize,
}

/// The conflicts of one rule set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RuleSetConflicts {
    /// The attribute concluded on.
    pub attribute: String,
    /// Examples with a target, for every possible threshold: distances rising. The worst error
    /// tolerated against the examples kept.
    pub trade_off: Vec<KeptExamples>,
    /// Examples whose distance is above 0: first those whose target a rule holds down, worst first,
    /// then the others.
    pub conflicts: Vec<Conflict>,
}

/// Finds the cases that contradict the rules, rule set by rule set in cascade order, with the
/// engine's parameters for what the rules read, and those kept that learning would keep.
///
/// A mislabelled example is a conflict of a distance near 1 as soon as its inputs are read with
/// some certainty, so the list is a list of probable label errors (or of inputs misread).
///
/// ```
/// use ndarray::array;
/// use pinesy::inference::{Engine, Target};
/// use pinesy::learning::{LearningConfig, find_conflicts};
/// use pinesy::possibility::{Attribute, Domain};
/// use pinesy::rules::{Condition, Rule, RuleBase};
///
/// let two = || Domain::integers(0..=1);
/// let base = RuleBase::builder()
///     .attribute(Attribute::new("a", two()?)?)
///     .attribute(Attribute::new("b", two()?)?)
///     .rule(Rule::equivalence("b is a").when(Condition::is("a", 1)).then(Condition::is("b", 1)))
///     .build()?;
/// let inputs = array![[1.0, 0.1], [0.1, 1.0], [0.1, 1.0]];
/// let labels = [0, 1, 0].map(|label| Some(Target::value(label))); // the last one is wrong
/// let engine = Engine::of(&base);
/// let cases = engine.cases().possibilities("a", &inputs).targets("b", labels).build()?;
/// let worst = &find_conflicts(&engine, &cases, &LearningConfig::default())?[0].conflicts[0];
/// assert_eq!((worst.example, worst.rule.as_deref()), (2, Some("b is a")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Config`];
/// [`inference::Error::OtherRules`](crate::inference::Error::OtherRules) for cases of another rule
/// base.
pub fn find_conflicts(engine: &Engine, cases: &Cases, config: &LearningConfig) -> Result<Vec<RuleSetConflicts>, Error> {
    config.check()?;
    cases.check_base(engine.base())?;
    let program = engine.program();
    let mut cascade = Cascade::new(program, cases);
    let mut found = Vec::new();
    for (stage, set) in program.base.rule_sets().iter().enumerate() {
        let structure = program.structure(stage);
        let mut distances = Vec::new();
        let mut conflicts = Vec::new();
        for (number, block) in cascade.blocks(stage, &config.fixed(set)).iter().enumerate() {
            for (lane, distance) in block.distances() {
                distances.push(distance);
                if distance > 0.0 {
                    let rule = block.opposing_rule(structure, lane).map(|rule| set.rules()[rule].name().to_owned());
                    conflicts.push(Conflict { example: number * LANES + lane, distance, rule });
                }
            }
        }
        conflicts.sort_by(|a, b| {
            let worse = b.distance.total_cmp(&a.distance).then(a.example.cmp(&b.example));
            a.rule.is_none().cmp(&b.rule.is_none()).then(worse)
        });
        let attribute = program.base.conclusion(set).name().to_owned();
        found.push(RuleSetConflicts { attribute, trade_off: trade_off(distances), conflicts });
        cascade.conclude(stage, engine.floors());
    }
    Ok(found)
}

fn trade_off(mut distances: Vec<f32>) -> Vec<KeptExamples> {
    distances.sort_by(f32::total_cmp);
    let mut kept = 0;
    let equal = |group: &[f32]| {
        kept += group.len();
        KeptExamples { distance: group[0], kept }
    };
    distances.chunk_by(|a, b| a == b).map(equal).collect()
}
