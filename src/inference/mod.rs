//! Inference: a rule base compiled once into a flat program, run on one example or many.
//!
//! For each rule i of a rule set, λ_i = min over its premise's propositions of Π(P) and
//! ρ_i = max of Π(not P); with its parameters, α_i = max(s_i, λ_i) and β_i = max(r_i, ρ_i); and
//! π(u) = min over rules of (α_i if u ∈ Q_i else β_i). This is constant on each class (*atom*) of
//! values that lie in the same Q_i, so only atoms are computed (Dubois & Prade 2020; Baaj &
//! Marquis 2025).
//!
//! ```
//! use pinesy::inference::Engine;
//! use pinesy::rules::RuleBase;
//!
//! let engine = Engine::of(&RuleBase::read("rulesets/mnist_addition.toml", &[("k", 1)])?);
//! let digit = |d: usize| (0..10).map(|i| if i == d { 1.0 } else { 0.1 }).collect::<Vec<f32>>();
//! let case = engine.cases().possibilities("a1", &digit(7)).possibilities("a2", &digit(5)).build()?;
//! let y1 = engine.infer(&case)?.get("y1").unwrap();
//! assert_eq!(y1.decided().unwrap().to_string(), "2");
//! assert_eq!(y1.necessity_of([2])?, 0.9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answers;
mod backward;
mod calibration;
mod cases;
mod cases_file;
mod engine;
mod input;
mod parameters;
mod relation;
mod score;
mod target;

pub use answers::{BatchInference, Inference};
pub use backward::{Abduction, Backward};
pub use calibration::{AnswerSets, Calibration};
pub use cases::{Cases, CasesBuilder, Rows};
pub use engine::Engine;
pub use input::Input;
pub use parameters::{Parameters, RuleSetParameters};
pub use relation::Relation;
pub(crate) use score::compare;
pub use score::{Score, Scores};
pub use target::Target;

pub use crate::program::Partition;

pub(crate) use cases::KnownTarget;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::possibility::{self, Value};
use crate::rules;

/// What can be wrong with what an engine is given.
#[derive(Debug, Clone, thiserror::Error)]
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
    /// A name that no rule mentions.
    #[error("'{name}' is neither an input nor a derived attribute: expected one of {known}")]
    UnknownAttribute {
        /// The name.
        name: String,
        /// The inputs and derived attributes there are.
        known: String,
    },
    /// Degrees that are none, or too many or few.
    #[error("{0}")]
    Degrees(#[from] possibility::Error),
    /// Numbers that are no probabilities.
    #[error("{name}: {source}")]
    Probabilities {
        /// The attribute.
        name: String,
        /// What is wrong with them.
        source: Box<possibility::Error>,
    },
    /// One row of a table.
    #[error("example {row}: {error}")]
    Row {
        /// Its position, from 0.
        row: usize,
        /// What is wrong with it.
        error: Box<Error>,
    },
    /// A target of one case.
    #[error("example {row}: target {error}")]
    Target {
        /// The case's position, from 0.
        row: usize,
        /// What is wrong with it.
        error: Box<Error>,
    },
    /// A target value that the attribute does not have.
    #[error("{attribute} has no value {value}: expected one of {domain}")]
    OutsideDomain {
        /// The attribute.
        attribute: String,
        /// The value.
        value: Value,
        /// The attribute's domain.
        domain: String,
    },
    /// A number for an attribute whose values are none.
    #[error("{attribute} is no number: expected one of {domain}")]
    NoNumber {
        /// The attribute.
        attribute: String,
        /// The attribute's domain.
        domain: String,
    },
    /// A number, or a set, that none of an attribute's values covers.
    #[error("{attribute}: {given} is outside the domain: expected something in {domain}")]
    NoTerm {
        /// The attribute.
        attribute: String,
        /// What was given.
        given: String,
        /// The attribute's domain.
        domain: String,
    },
    /// An interval whose ends are no numbers or the wrong way round.
    #[error("{attribute}: an interval from {from} to {to}: expected two numbers, the lower one first")]
    Interval {
        /// The attribute.
        attribute: String,
        /// Its lower end.
        from: f64,
        /// Its upper end.
        to: f64,
    },
    /// A derived attribute given targets twice.
    #[error("targets of {0} are given twice: expected once")]
    DuplicateTargets(String),
    /// A case that the table does not have.
    #[error("{name} unknown in case {case}: expected a position below {cases}")]
    NoSuchCase {
        /// The input.
        name: String,
        /// The position, from 0.
        case: usize,
        /// The cases there are.
        cases: usize,
    },
    /// A table too large for memory.
    #[error("{cases} cases of {width} degrees: expected fewer")]
    TooManyCases {
        /// Cases asked for.
        cases: usize,
        /// Degrees of a case.
        width: usize,
    },
    /// A target position that the attribute does not have.
    #[error("{attribute} at position {position}: expected a position below {len}")]
    Position {
        /// The attribute.
        attribute: String,
        /// The position given.
        position: usize,
        /// Values in the domain.
        len: usize,
    },
    /// Columns of a table with different numbers of cases.
    #[error("{name} has {found} examples: expected {expected} as the table has so far")]
    Count {
        /// The attribute.
        name: String,
        /// Cases found.
        found: usize,
        /// Cases expected.
        expected: usize,
    },
    /// A table of which nothing says how many cases it has.
    #[error("no column tells the number of cases: expected one, or `count`")]
    NoCount,
    /// More or fewer cases than the one asked for.
    #[error("a table of {0} cases: expected a single one; `row` gives one of many")]
    OneCase(usize),
    /// Cases that were made for another rule base than that they are used with.
    #[error("cases for another rule base: expected cases made for these rules")]
    OtherRules,
    /// No parameters for a rule set.
    #[error("parameters: none for {attribute}: expected s and r of its {rules} rules")]
    MissingParameters {
        /// The attribute concluded on.
        attribute: String,
        /// Its rules.
        rules: usize,
    },
    /// Parameters for an attribute that no rule concludes on.
    #[error("parameters: '{0}' has no rules: expected only attributes that rules conclude on")]
    ParametersOfNoRules(String),
    /// More or fewer parameters than rules.
    #[error("parameters: {attribute} has {found} values {symbol}: expected {expected}, one a rule")]
    ParameterCount {
        /// The attribute concluded on.
        attribute: String,
        /// s or r.
        symbol: char,
        /// Parameters found.
        found: usize,
        /// Rules.
        expected: usize,
    },
    /// Parameters of other rules than those on an attribute.
    #[error("parameters of {attribute}: {reason}: expected parameters learned from these rules")]
    OtherRuleSet {
        /// The attribute concluded on.
        attribute: String,
        /// What moved.
        reason: String,
    },
    /// A parameter that is no degree.
    #[error("parameters: {symbol} of rule {rule} on {attribute} is {degree}: expected a number from 0 to 1")]
    Parameter {
        /// The attribute concluded on.
        attribute: String,
        /// s or r.
        symbol: char,
        /// The rule, counted from 1.
        rule: usize,
        /// What was found.
        degree: f32,
    },
    /// Cases of which none says what is right.
    #[error("no example says which value of {0} is right: expected at least one")]
    NoTruth(&'static str),
    /// Cases that say what is right of some inputs, but never of these.
    #[error("no example that reads it says which value is right of {0}: expected at least one of every input")]
    InputWithoutTruth(String),
    /// An error that is no probability.
    #[error("an error of {0}: expected a number above 0 and below 1")]
    ErrorLevel(f64),
    /// A calibration from too few examples.
    #[error("{attribute} is calibrated by {found} examples: expected at least {needed} for an error of {error}")]
    FewExamples {
        /// The attribute.
        attribute: String,
        /// Its examples.
        found: usize,
        /// The examples that the error takes.
        needed: usize,
        /// The error that sets of this attribute may have.
        error: f64,
    },
    /// An attribute that no example of a calibration was about.
    #[error("'{name}' is not calibrated: expected one of {known}")]
    NotCalibrated {
        /// The attribute.
        name: String,
        /// The attributes that are.
        known: String,
    },
    /// A calibration that was made for something else.
    #[error("a calibration for {what} {found}: expected {expected}")]
    OtherCalibration {
        /// In what it differs.
        what: &'static str,
        /// What it was made for.
        found: String,
        /// What it is used for.
        expected: String,
    },
    /// An engine, or a table of cases, that cannot be kept in a file.
    #[error("the rules were written in Rust: expected rules from a rule file")]
    NoRuleText,
    /// The rules of such a file.
    #[error("{0}")]
    Rules(Arc<rules::Error>),
    /// A file that cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: Arc<std::io::Error>,
    },
    /// A file that holds no engine.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Where and what is wrong.
        reason: Arc<serde_json::Error>,
    },
}

impl Error {
    fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source: Arc::new(source) }
    }
}
