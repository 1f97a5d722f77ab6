//! Explanation: why a derived attribute has its value, why not another, and what would change it.
//!
//! π(u) is the minimum over the rules of max(parameter, premise degree), where premise degrees are
//! minima and maxima of Π(a ∈ P), which are maxima of degrees of values, and so on down the
//! cascade. An explanation follows what attains each minimum and maximum, from a value to the
//! rules that hold it down, the propositions that decide these, the values that decide those, and
//! finally inputs and parameters (Farreny & Prade 1992; Baaj, Poli, Ouerdane & Maudet 2021).
//!
//! - [`Explainer::justify`]: why this value is decided, or why none is: sentences.
//! - [`Explainer::explain`]: why a value is as possible as it is, or no more: a tree.
//! - [`Explainer::contradiction`]: why no value is possible: the rules that contradict each other.
//! - [`Explainer::rank`]: what is decided when all rules have their say, not the strictest alone.
//! - [`Explainer::changes`]: which single degree would have to change, and by how much.
//! - [`Explainer::activations`]: which rules fired, as a table; [`rules_report`]: over a data set.
//! - [`Evidence`]: why a value must not be, given what was observed.
//! - [`Diagnosis`]: which unknown input to ask for next, and when nothing could change any more.
//! - [`lint`]: what is doubtful in the rules themselves.
//! - [`Explanation::dot`] and [`Page`]: the same as a graph, and as an HTML page.
//!
//! ```
//! use pinesy::explain::Explainer;
//! use pinesy::inference::Engine;
//! use pinesy::rules::RuleBase;
//!
//! let engine = Engine::of(&RuleBase::read("rulesets/iris.toml", &[])?);
//! let petals = engine
//!     .cases()
//!     .possibilities("petal_length", &[0.0, 0.3, 1.0])
//!     .possibilities("petal_width", &[0.0, 0.2, 1.0])
//!     .build()?;
//! let explainer = Explainer::new(&engine, &petals)?;
//! println!("{}", explainer.justify("species")?);
//! println!("{}", explainer.explain("species", &"versicolor".into())?);
//! for change in explainer.changes("species")? {
//!     println!("{change}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod activation;
mod ask;
mod change;
mod contradiction;
mod dot;
mod evidence;
mod explainer;
#[cfg(feature = "pages")]
mod graph;
mod justification;
mod lint;
mod overview;
#[cfg(feature = "pages")]
mod page;
mod ranking;
mod report;
mod text;
mod tree;

pub use activation::{Activation, Activations};
pub use ask::{Diagnosis, Settled, UnknownInput};
pub use change::{Change, Flip, Leaf, Symbol};
pub use contradiction::{Allowed, Contradicting, Contradiction};
pub use dot::Dot;
pub use evidence::Evidence;
pub use explainer::{Explainer, Reading};
pub use justification::{Competitors, Justification};
pub use lint::{Warning, WarningKind, lint};
pub use overview::Overview;
#[cfg(feature = "pages")]
pub use page::{Page, Pictures, Question};
pub use ranking::{Objection, Ranking};
pub use report::{RuleUse, RulesReport, rules_report};
pub use tree::{DecidingProposition, DecidingRule, Explanation, Node, Origin, Subject};

use crate::inference;

/// What can be wrong with a question.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The inputs, or an attribute that no rule concludes on.
    #[error(transparent)]
    Inference(#[from] inference::Error),
    /// A value that the attribute does not have.
    #[error("{attribute} has no value {value}: expected one of {domain}")]
    UnknownValue {
        /// The attribute.
        attribute: String,
        /// The value asked about.
        value: String,
        /// The attribute's domain.
        domain: String,
    },
    /// A picture that cannot be shown.
    #[cfg(feature = "pages")]
    #[error("picture of {0}: expected at least one pixel and an input of the rule base")]
    Picture(String),
}
