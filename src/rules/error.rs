use std::fmt;
use std::path::PathBuf;

use super::Place;
use super::expression::quoted;
use crate::possibility;
use crate::shortened::shortened;

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
    /// Where in it; none if the file itself is what is wrong.
    pub place: Option<Place>,
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
    #[error("unknown attribute '{}'{}: expected one of {known}", quoted(name), in_rule(rule))]
    UnknownAttribute {
        /// The name.
        name: String,
        /// The rule that uses it.
        rule: Option<String>,
        /// The attributes there are.
        known: String,
    },
    /// Two things of the same name.
    #[error("{what} '{}' is defined twice: expected distinct names", quoted(name))]
    Duplicate {
        /// Attribute, rule or variable.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A value the attribute cannot take.
    #[error("value {} is outside the domain of {attribute}: expected one of {domain}{}", quoted(value), form.map_or(String::new(), |form| form.cure(value)))]
    OutsideDomain {
        /// The attribute.
        attribute: String,
        /// The value.
        value: String,
        /// Its domain.
        domain: String,
        /// How the value that was probably meant is written.
        form: Option<Form>,
    },
    /// A proposition that no value satisfies.
    #[error(
        "'{}' holds for no value of {attribute}: expected a condition that some value in {domain} meets",
        quoted(text)
    )]
    NoValue {
        /// The attribute.
        attribute: String,
        /// The proposition.
        text: String,
        /// Its domain.
        domain: String,
    },
    /// A proposition about several attributes, or about none.
    #[error(
        "'{}' is about {}: expected a condition on exactly one attribute{}",
        quoted(text),
        count(names),
        quote_or_split(names, unknown)
    )]
    AttributeCount {
        /// The proposition.
        text: String,
        /// The attributes found.
        names: Vec<String>,
        /// Those of them that the rule file does not have.
        unknown: Vec<String>,
    },
    /// An expression that cannot be parsed or evaluated.
    #[error("'{}': {}", quoted(text), shortened(reason, 1000, 0))]
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
    /// An attribute that says nothing, or too much, of its values.
    #[error("attribute {name}: expected {expected}")]
    AttributeValues {
        /// The attribute.
        name: String,
        /// What would do.
        expected: &'static str,
    },
    /// A rule with none or two premises.
    #[error(
        "a rule with {found}: expected one of them, `if` (nothing is said where the premise is false) or `iff` (the conclusion is then impossible)"
    )]
    OnePremise {
        /// What it has.
        found: &'static str,
    },
    /// A rule that lacks its conclusion.
    #[error("rule '{}' has no conclusion: expected one proposition after 'then'", quoted(.0))]
    NoConclusion(String),
    /// A rule that lacks its premise.
    #[error("rule '{}' has an empty premise: expected at least one proposition after 'if'", quoted(.0))]
    NoPremise(String),
    /// A parameter of a rule that is no degree.
    #[error("{symbol} = {degree} of rule '{}': expected a number from 0 to 1", quoted(rule))]
    Parameter {
        /// The rule.
        rule: String,
        /// s or r.
        symbol: char,
        /// What was given.
        degree: f32,
    },
    /// Rules that conclude on what they start from.
    #[error(
        "the rules form a cycle: {}, closed by rule '{}': expected attributes that do not depend on themselves",
        shortened(path, 1000, 0),
        quoted(rule)
    )]
    Cycle {
        /// The attributes, from premise to conclusion.
        path: String,
        /// A rule that closes it.
        rule: String,
    },
    /// More instances than can be handled.
    #[error("more than {limit} {what}: expected fewer, or a higher limit (--rule-limit {name}=NUMBER)")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The most there may be.
        limit: u64,
        /// The name of the limit, a [`Limit`](super::Limit) as text.
        name: &'static str,
    },
    /// No rule at all.
    #[error("no rules: expected at least one")]
    NoRules,
}

/// How a value is written in a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In quotes: `'4'`.
    Text,
    /// Without: `4`.
    Number,
    /// By a term: `'fever'`.
    Term,
}

impl Form {
    fn cure(self, value: &str) -> String {
        match self {
            Self::Text => format!("; its values are texts: quote it ('{value}')"),
            Self::Number => format!("; its values are numbers: write {value} without quotes"),
            Self::Term => "; it is told in terms: write one of these, or add a term".to_owned(),
        }
    }
}

fn count(names: &[String]) -> String {
    match names.len() {
        0 => "no attribute".to_owned(),
        n => format!("{n} names ({})", shortened(&list_names(names.iter().map(String::as_str)), 1000, 0)),
    }
}

fn quote_or_split(names: &[String], unknown: &[String]) -> String {
    match (unknown.first(), names.len()) {
        (Some(text), _) => format!("; '{text}' is no attribute: if it is a value, quote it ('{text}')"),
        (None, 0) => String::new(),
        (None, _) => {
            "; where all must hold, make a list: if = [\"…\", \"…\"]; where one is enough, or to conclude on several, \
             write several rules"
                .to_owned()
        }
    }
}

fn in_rule(rule: &Option<String>) -> String {
    rule.as_ref().map_or(String::new(), |rule| format!(" in rule '{}'", quoted(rule)))
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
        if let Some(Location { file, place }) = &self.location {
            write!(f, "{}", file.display())?;
            if let Some(Place { line, column }) = place {
                write!(f, ":{line}:{column}")?;
            }
            f.write_str(": ")?;
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
