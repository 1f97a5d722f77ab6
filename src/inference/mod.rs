//! Inference: a rule base compiled once into a flat program, run on one example or many.
//!
//! For each rule i of a rule set, λ_i = min over its premise's propositions of Π(P) and
//! ρ_i = max of Π(not P); with its parameters, α_i = max(s_i, λ_i) and β_i = max(r_i, ρ_i); and
//! π(u) = min over rules of (α_i if u ∈ Q_i else β_i). This is constant on each class (*atom*) of
//! values that lie in the same Q_i, so only atoms are computed (Dubois & Prade 2020; Baaj &
//! Marquis 2025).
//!
//! ```
//! use pinesy::inference::{Engine, Parameters};
//! use pinesy::rules::RuleBase;
//!
//! let base = RuleBase::read("rulesets/mnist_addition.toml", &[("k", 1)])?;
//! let engine = Engine::new(&base, &Parameters::certain(&base))?;
//! let digit = |d: usize| (0..10).map(|i| if i == d { 1.0 } else { 0.1 }).collect::<Vec<f32>>();
//! let inference = engine.infer(&[("a1", &digit(7)), ("a2", &digit(5))])?;
//! let y1 = inference.get("y1").unwrap();
//! assert_eq!(y1.decided().unwrap().to_string(), "2");
//! assert_eq!(y1.necessity_of(&[2]), 0.9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod engine;
mod lanes;
mod parameters;
mod partition;
mod program;
mod relation;
mod trace;

pub use engine::{Batch, BatchInference, Engine, Inference};
pub use parameters::{Parameters, RuleSetParameters};
pub use partition::Partition;
pub use relation::Relation;

pub(crate) use lanes::{LANES, Lane};
pub(crate) use program::{Program, Scratch, Source, Stage, Structure};
pub(crate) use trace::Trace;

use crate::possibility;

/// What can be wrong with what an engine is given.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An input attribute without degrees.
    #[error("input attribute {0} is missing: expected its degrees")]
    MissingInput(String),
    /// A name that is no input attribute.
    #[error("'{name}' is not an input attribute: expected one of {known}")]
    UnknownInput {
        /// The name.
        name: String,
        /// The inputs there are.
        known: String,
    },
    /// An input attribute given twice.
    #[error("input attribute {0} is given twice: expected once")]
    DuplicateInput(String),
    /// A name that is no derived attribute.
    #[error("'{name}' is not a derived attribute: expected one of {known}")]
    UnknownDerived {
        /// The name.
        name: String,
        /// The derived attributes there are.
        known: String,
    },
    /// Degrees that are none, or too many or few.
    #[error("{0}")]
    Degrees(#[from] possibility::Error),
    /// One example of a batch.
    #[error("example {row}: {error}")]
    Example {
        /// Its position, from 0.
        row: usize,
        /// What is wrong with it.
        error: Box<Error>,
    },
    /// Columns of a batch with different numbers of examples.
    #[error("{name} has {found} examples: expected {expected} as for the other inputs")]
    BatchLength {
        /// The attribute.
        name: String,
        /// Examples found.
        found: usize,
        /// Examples expected.
        expected: usize,
    },
    /// Parameters for a rule set that is none, or none for one.
    #[error("parameters: {0}")]
    Parameters(String),
}
