//! Possibility theory on finite domains: distributions, measures, transformations.
//!
//! A possibility distribution π gives every value of a domain a degree in \[0, 1\]: 1 for fully
//! possible, 0 for impossible. It is normalised when some value has degree 1. Of a set A of
//! values, Π(A) = max over A of π says how possible it is that the true value lies in A, and
//! N(A) = 1 − Π(not A) how certain (Zadeh 1978; Dubois & Prade 1988).
//!
//! ```
//! use pinesy::possibility::{Attribute, Decision, Distribution, Domain, Transform};
//!
//! let weather = Attribute::new("weather", Domain::symbols(["sun", "cloud", "rain"])?)?;
//! let degrees = Transform::MinimumSpecificity.possibility(&[0.5, 0.3, 0.2])?;
//! let pi = Distribution::new(weather, degrees)?;
//!
//! assert_eq!(pi.degrees(), [1.0, 0.5, 0.2]);
//! assert_eq!(pi.possibility_of(["cloud", "rain"])?, 0.5);
//! assert_eq!(pi.necessity_of(["sun", "cloud"])?, 0.8);
//! assert_eq!(pi.decision(), Decision::Unique(0));
//! # Ok::<(), pinesy::possibility::Error>(())
//! ```

mod degree;
mod distribution;
mod domain;
mod fuzzy;
mod transform;

pub use degree::degree_of;
pub(crate) use degree::{Degree, Degrees, degrees};
pub use distribution::{
    Decision, Distribution, Undecided, check_degrees, decide, height, necessity, possibility_outside, undecided,
};
pub use domain::{Attribute, Domain, Value};
pub use fuzzy::{Terms, Trapezoid};
pub use transform::Transform;

/// What can be wrong with a domain, a distribution or a probability vector.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A domain without values.
    #[error("empty domain: expected at least one value")]
    EmptyDomain,
    /// A domain that lists a value twice.
    #[error("value {0} is listed twice: expected distinct values")]
    DuplicateValue(Value),
    /// A domain with more values than can be handled.
    #[error("domain of {given} values: expected at most {limit}")]
    LargeDomain {
        /// Values asked for.
        given: usize,
        /// The most there may be.
        limit: usize,
    },
    /// Tuples of tuples, deeper than can be handled.
    #[error("a value of tuples in tuples: expected at most {limit} levels")]
    DeepValue {
        /// The most levels there may be.
        limit: usize,
    },
    /// A product whose tuples are larger than can be handled.
    #[error("tuples of {parts} parts together: expected at most {limit}")]
    LargeValues {
        /// Parts of all tuples together.
        parts: u64,
        /// The most there may be.
        limit: u64,
    },
    /// An attribute name that could not be written in a rule.
    #[error("attribute name '{0}': expected a letter or underscore, then letters, digits or underscores")]
    AttributeName(String),
    /// A degree that is none.
    #[error("{name}: degree {degree} at position {position}: expected a number from 0 to 1")]
    Degree {
        /// The attribute.
        name: String,
        /// Position in domain order, from 0.
        position: usize,
        /// What was found.
        degree: f32,
    },
    /// More or fewer degrees than the domain has values.
    #[error("{name}: {found} degrees: expected {expected}, one a value of the domain")]
    Length {
        /// The attribute.
        name: String,
        /// Degrees found.
        found: usize,
        /// Values in the domain.
        expected: usize,
    },
    /// A value that an attribute does not have.
    #[error("{attribute} has no value {value}: expected one of {domain}")]
    OutsideDomain {
        /// The attribute.
        attribute: String,
        /// The value.
        value: Value,
        /// The attribute's domain.
        domain: String,
    },
    /// Corners of a fuzzy set that are out of order.
    #[error(
        "corners {0:?}: expected numbers that rise from left to right, infinite in pairs only ([-inf, -inf, 3, 6])"
    )]
    Trapezoid([f32; 4]),
    /// Terms that do not make up the domain they come with.
    #[error("{0}: its domain is not the names of its terms: expected these, in order")]
    TermsOfDomain(String),
    /// A number that is no probability.
    #[error("probabilities: {probability} at position {position}: expected a number from 0 to 1")]
    Probability {
        /// Its position, from 0.
        position: usize,
        /// What was found.
        probability: f32,
    },
    /// Probabilities whose sum is not 1.
    #[error("probabilities: they sum to {sum}: expected 1 (within {tolerance})")]
    ProbabilitySum {
        /// Their sum.
        sum: f64,
        /// How far it may be from 1.
        tolerance: f64,
    },
    /// A distribution that is not normalised where it must be.
    #[error("probabilities: the highest degree is {height}: expected 1")]
    NotNormalised {
        /// Its highest degree.
        height: f32,
    },
    /// One row of several.
    #[error("row {row}: {error}")]
    Row {
        /// Its position, from 0.
        row: usize,
        /// What is wrong with it.
        error: Box<Error>,
    },
}
