//! Learning: the parameters s and r of every rule, from examples, exactly.
//!
//! The examples of a rule set form a min-max system Γ □ \[s_1, r_1, …\] = Y whose rows pair one
//! atom of one example with the degree it should get. Contradicting examples make it
//! inconsistent; its Chebyshev distance ∇ is the least change of Y that makes it consistent, and
//! the parameters are the lowest solution of the system so changed (Baaj 2023; Baaj & Marquis
//! 2025, section 5). Rule sets are learned in cascade order, each from what those before it
//! infer.
//!
//! Where labels are crisp, [`calibrated()`] parameters say more: what share of the examples a rule
//! applies to breaks it.
//!
//! Γ is never built. Column s_i needs one pair an example, (λ_i, highest target in Q_i), and
//! column r_i one, (ρ_i, highest target outside Q_i): entries equal to 1 contribute nothing, and
//! all terms grow with the target.
//!
//! ```
//! use ndarray::array;
//! use pinesy::inference::{Engine, Target};
//! use pinesy::learning::{LearningConfig, learn};
//! use pinesy::possibility::{Attribute, Domain};
//! use pinesy::rules::{Condition, Rule, RuleBase};
//!
//! let base = RuleBase::builder()
//!     .attribute(Attribute::new("sky", Domain::symbols(["clear", "grey"])?)?)
//!     .attribute(Attribute::new("rain", Domain::symbols(["no", "yes"])?)?)
//!     .rule(Rule::equivalence("grey").when(Condition::is("sky", "grey")).then(Condition::is("rain", "yes")))
//!     .build()?;
//! // A clear sky after which rain was possible to degree 0.4, and a grey one with rain.
//! let skies = array![[1.0, 0.0], [0.0, 1.0]];
//! let engine = Engine::of(&base);
//! let cases = engine
//!     .cases()
//!     .possibilities("sky", &skies)
//!     .targets("rain", [Some(Target::Degrees(vec![1.0, 0.4])), Some(Target::value("yes"))])
//!     .build()?;
//! let (parameters, report) = learn(&engine, &cases, &LearningConfig::default())?;
//! assert_eq!(parameters.parameters["rain"].s, [0.4]);
//! assert_eq!(parameters.parameters["rain"].r, [0.0]);
//! assert_eq!(report.rule_sets[0].chebyshev_distance, 0.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod calibrated;
mod cascade;
mod conflicts;
mod report;
mod rule_set;
mod search;
mod stream;
mod worth;

pub use calibrated::{CalibratedConfig, CalibratedRuleSets, OneWay, calibrated};
pub use cascade::learn;
pub use conflicts::{Conflict, KeptExamples, RuleSetConflicts, find_conflicts};
pub use report::{LearningReport, RuleSetReport};
pub use search::{GroupEnd, SearchReport, SearchStop, ThresholdGrid, ThresholdSearch, Trial, score, search_thresholds};
pub use stream::{PartialRuleSets, learn_streamed};
pub use worth::{CalibrationReport, RuleWorth, rules_worth};

use serde::{Deserialize, Serialize};

use crate::inference;
use crate::rules::{RuleSet, SetRule};

/// How parameters are learned.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LearningConfig {
    /// Keep only examples whose own Chebyshev distance is below this (τ in the paper). Default:
    /// none, every example is kept.
    pub threshold: Option<f32>,
    /// Degrees that differ by at most this share of the greater count as equal. Default 0, the
    /// exact definition; the public Python/C++ implementation uses 0.001.
    pub tolerance: f32,
    /// Keep what the rules say: s of `if` (1) and `iff` (0), and every s and r stated as a number;
    /// learn the others beside them. Default: no, all are learned.
    #[serde(default)]
    pub keep_fixed: bool,
}

impl LearningConfig {
    /// Sets the threshold.
    pub fn with_threshold(mut self, threshold: Option<f32>) -> Self {
        self.threshold = threshold;
        self
    }

    /// Sets the tolerance.
    pub fn with_tolerance(mut self, tolerance: f32) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Sets whether the s and r that the rules state are kept.
    pub fn with_keep_fixed(mut self, keep: bool) -> Self {
        self.keep_fixed = keep;
        self
    }

    /// The columns of a rule set that are not learned, with their parameters.
    fn fixed(&self, set: &RuleSet) -> Vec<(usize, f32)> {
        let all = set.rules().iter().flat_map(SetRule::stated).enumerate();
        all.filter(|_| self.keep_fixed).filter_map(|(column, degree)| Some((column, degree?))).collect()
    }

    fn check(&self) -> Result<(), Error> {
        if self.threshold.is_some_and(|threshold| !threshold.is_finite() || threshold <= 0.0) {
            return Err(Error::Config { setting: "threshold", expected: "a finite number above 0" });
        }
        if !(0.0..1.0).contains(&self.tolerance) {
            return Err(Error::Config { setting: "tolerance", expected: "a number from 0 to below 1" });
        }
        Ok(())
    }
}

/// What can be wrong with cases or settings.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The cases, or an attribute that no rule concludes on.
    #[error(transparent)]
    Inference(#[from] inference::Error),
    /// Attributes for none of which a case has a (crisp) target.
    #[error("no example has a target for {0}: expected at least one")]
    NoTarget(String),
    /// A setting outside its range.
    #[error("{setting}: expected {expected}")]
    Config {
        /// Which.
        setting: &'static str,
        /// Its range.
        expected: &'static str,
    },
    /// A partial state of other rules, parameters, rule sets or settings.
    #[error("a partial state of {found}: expected one of {expected}")]
    OtherState {
        /// What it is of.
        found: String,
        /// What it must be of.
        expected: String,
    },
}
