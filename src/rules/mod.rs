//! Rule bases: attributes, propositions, if-then rules, and the files they are read from.
//!
//! A rule "if p then q" has a premise p, a conjunction of propositions "attribute ∈ subset", and
//! a conclusion q, one such proposition. All rules that conclude on the same attribute form a
//! *rule set*. The attributes no rule concludes on are the inputs; the sets form a cascade (any
//! acyclic graph), and [`RuleBase::rule_sets`] lists them so that each comes after those it
//! reads from.
//!
//! Rule bases are data: see [`RuleBase::read`] for files and [`RuleBase::builder`] for Rust.
//!
//! ```
//! use pinesy::possibility::{Attribute, Domain};
//! use pinesy::rules::{Condition, Rule, RuleBase};
//!
//! let base = RuleBase::builder()
//!     .attribute(Attribute::new("sky", Domain::symbols(["clear", "grey"])?)?)
//!     .attribute(Attribute::new("advice", Domain::symbols(["hat", "umbrella"])?)?)
//!     .rule(Rule::equivalence("grey sky").when(Condition::is("sky", "grey")).then(Condition::is("advice", "umbrella")))
//!     .build()?;
//! assert_eq!(base.inputs().next().unwrap().name(), "sky");
//! assert_eq!(base.rule_sets()[0].rules()[0].name(), "grey sky");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod base;
mod condition;
mod cost;
mod error;
mod expression;
mod file;
mod limits;
mod text;

pub use base::{Proposition, RuleBase, RuleBaseBuilder, RuleSet, SetRule};
pub use condition::{Condition, Rule, Subset};
pub use error::{Error, ErrorKind, Form, Location};
pub use limits::{Limit, Limits};
pub use text::{Fingerprint, Place, RuleText};

pub(crate) use base::Source;
pub(crate) use error::list_names;
