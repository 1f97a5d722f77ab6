use std::fmt;

use serde::{Deserialize, Serialize};

/// What learning did, rule set by rule set in cascade order. Prints as a table: worst is how far
/// the worst example by itself asks for what the rules cannot give, ∇ how far the examples, each
/// first brought as near as it can be by itself, contradict each other.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LearningReport {
    /// One entry a rule set that was learned.
    pub rule_sets: Vec<RuleSetReport>,
    /// The attributes no case has a target for: their rules keep the parameters they had.
    pub unlearned: Vec<String>,
    /// Wall-clock time of everything.
    pub seconds: f64,
}

/// What learning did for one rule set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RuleSetReport {
    /// The attribute concluded on.
    pub attribute: String,
    /// Its number of rules.
    pub rules: usize,
    /// Examples with a target for it.
    pub examples: usize,
    /// The threshold used; none keeps every example.
    pub threshold: Option<f32>,
    /// Examples kept: those whose own distance is below the threshold.
    pub kept: usize,
    /// The greatest distance of one example by itself, kept or not.
    pub worst_example: f32,
    /// ∇ of all kept examples together.
    pub chebyshev_distance: f32,
    /// Wall-clock time.
    pub seconds: f64,
}

impl LearningReport {
    /// The share of the examples below which a threshold keeps suspiciously few.
    pub const FEW: f64 = 0.01;

    /// The rule sets of whose examples the threshold keeps none or few, in words.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        let warning = |set: &RuleSetReport| {
            let few = (set.kept as f64) < Self::FEW * set.examples as f64;
            let effect = if set.kept == 0 { "its rules keep the parameters they had" } else { "few to learn from" };
            (few || set.kept == 0).then(|| {
                format!(
                    "{}: the threshold keeps {} of {} examples: {effect}; a higher threshold keeps more",
                    set.attribute, set.kept, set.examples
                )
            })
        };
        self.rule_sets.iter().filter_map(warning)
    }
}

impl fmt::Display for LearningReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rule_sets.iter().map(|set| set.attribute.len()).max().unwrap_or(0).max("rule set".len());
        writeln!(
            f,
            "{:width$}  {:>5}  {:>8}  {:>8}  {:>10}  {:>10}  {:>10}",
            "rule set", "rules", "examples", "kept", "worst", "∇", "seconds"
        )?;
        for set in &self.rule_sets {
            writeln!(
                f,
                "{:width$}  {:>5}  {:>8}  {:>8}  {:>10.3e}  {:>10.3e}  {:>10.4}",
                set.attribute,
                set.rules,
                set.examples,
                set.kept,
                set.worst_example,
                set.chebyshev_distance,
                set.seconds
            )?;
        }
        if self.rule_sets.iter().any(|set| set.threshold.is_some()) {
            writeln!(f, "a threshold drops examples, and of those kept the rows at or above it, before ∇ is taken")?;
        }
        if !self.unlearned.is_empty() {
            writeln!(f, "not learned, parameters as before: {}", self.unlearned.join(", "))?;
        }
        write!(f, "{:.3} s in all", self.seconds)
    }
}
