use std::fmt;

use serde::{Deserialize, Serialize};

/// What learning did, rule set by rule set in cascade order. Prints as a table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LearningReport {
    /// One entry a rule set.
    pub rule_sets: Vec<RuleSetReport>,
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

impl fmt::Display for LearningReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rule_sets.iter().map(|set| set.attribute.len()).max().unwrap_or(0).max("rule set".len());
        writeln!(
            f,
            "{:width$}  {:>5}  {:>8}  {:>8}  {:>10}  {:>10}",
            "rule set", "rules", "examples", "kept", "∇", "seconds"
        )?;
        for set in &self.rule_sets {
            writeln!(
                f,
                "{:width$}  {:>5}  {:>8}  {:>8}  {:>10.3e}  {:>10.4}",
                set.attribute, set.rules, set.examples, set.kept, set.chebyshev_distance, set.seconds
            )?;
        }
        write!(f, "{:.3} s in all", self.seconds)
    }
}
