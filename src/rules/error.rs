use std::fmt;
use std::path::PathBuf;

use crate::possibility;

/// What is wrong with a rule base, and where in its file.
#[derive(Debug)]
pub struct Error {
    /// The place in the rule file; none for a rule base built from Rust.
    pub location: Option<Location>,
    /// What is wrong and what was expected.
    pub kind: ErrorKind,
}

/// A place in a rule file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The file.
    pub file: PathBuf,
    /// Its line, from 1.
    pub line: usize,
    /// The column in that line, from 1, in characters.
    pub column: usize,
}

/// What can be wrong with a rule base.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file could not be read.
    #[error("cannot be read: {0}")]
    Io(std::io::Error),
    /// The file is not TOML, or not of the expected structure.
    #[error("{0}")]
    Syntax(String),
    /// A domain or attribute name that cannot be.
    #[error("{name}: {source}")]
    Possibility {
        /// The attribute concerned.
        name: String,
        /// What is wrong.
        source: Box<possibility::Error>,
    },
    /// A name that stands for no attribute.
    #[error("unknown attribute '{name}'{}: expected one of {known}", in_rule(rule))]
    UnknownAttribute {
        /// The name.
        name: String,
        /// The rule that uses it.
        rule: Option<String>,
        /// The attributes there are.
        known: String,
    },
    /// Two things of the same name.
    #[error("{what} '{name}' is defined twice: expected distinct names")]
    Duplicate {
        /// Attribute, rule or variable.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A value the attribute cannot take.
    #[error("value {value} is outside the domain of {attribute}: expected one of {domain}")]
    OutsideDomain {
        /// The attribute.
        attribute: String,
        /// The value.
        value: String,
        /// Its domain.
        domain: String,
    },
    /// A proposition that no value satisfies.
    #[error("'{text}' holds for no value of {attribute}: expected a condition that some value in {domain} meets")]
    NoValue {
        /// The attribute.
        attribute: String,
        /// The proposition.
        text: String,
        /// Its domain.
        domain: String,
    },
    /// A proposition about several attributes, or about none.
    #[error("'{text}' is about {found}: expected a condition on exactly one attribute")]
    AttributeCount {
        /// The proposition.
        text: String,
        /// The attributes found.
        found: String,
    },
    /// An expression that cannot be parsed or evaluated.
    #[error("'{text}': {reason}")]
    Expression {
        /// The expression.
        text: String,
        /// What is wrong and what was expected.
        reason: String,
    },
    /// A parameter without default that was not given.
    #[error("parameter {0} has no value: expected {0} = <whole number> from the command line or the program")]
    MissingParameter(String),
    /// A parameter given that the file does not have.
    #[error("unknown parameter '{name}': expected {known}")]
    UnknownParameter {
        /// The name.
        name: String,
        /// The parameters there are.
        known: String,
    },
    /// A parameter outside its range.
    #[error("parameter {name} = {value}: expected a whole number {range}")]
    ParameterRange {
        /// The name.
        name: String,
        /// The value given.
        value: i64,
        /// Such as `from 1 to 9`.
        range: String,
    },
    /// A rule that lacks its conclusion.
    #[error("rule '{0}' has no conclusion: expected one proposition after 'then'")]
    NoConclusion(String),
    /// A rule that lacks its premise.
    #[error("rule '{0}' has an empty premise: expected at least one proposition after 'if'")]
    NoPremise(String),
    /// Rules that conclude on what they start from.
    #[error("the rules form a cycle: {0}: expected attributes that do not depend on themselves")]
    Cycle(String),
    /// More instances than can be handled.
    #[error("more than {limit} {what}: expected fewer; are the ranges after 'for' too wide?")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The most there may be.
        limit: usize,
    },
    /// No rule at all.
    #[error("no rules: expected at least one")]
    NoRules,
}

fn in_rule(rule: &Option<String>) -> String {
    rule.as_ref().map_or(String::new(), |rule| format!(" in rule '{rule}'"))
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { location: None, kind }
    }
}

impl From<ErrorKind> for Box<Error> {
    fn from(kind: ErrorKind) -> Self {
        Box::new(kind.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Location { file, line, column }) = &self.location {
            write!(f, "{}:{line}:{column}: ", file.display())?;
        }
        write!(f, "{}", self.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            ErrorKind::Io(source) => Some(source),
            ErrorKind::Possibility { source, .. } => Some(&**source),
            _ => None,
        }
    }
}

/// The first names of a list that may be long.
pub(crate) fn list_names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 20;
    let names: Vec<&str> = names.collect();
    match names.len() {
        0 => "none (there are none)".to_owned(),
        n if n <= SHOWN => names.join(", "),
        n => format!("{}, … ({n} in all)", names[..SHOWN].join(", ")),
    }
}
