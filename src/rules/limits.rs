use serde::{Deserialize, Serialize};
use strum::{Display, EnumCount, EnumString, IntoStaticStr, VariantArray, VariantNames};

use super::ErrorKind;
use crate::possibility::Domain;

/// Something of a rule file that is bounded.
///
/// As text: `rules`, `file-bytes`, ….
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    EnumString,
    EnumCount,
    Display,
    IntoStaticStr,
    VariantNames,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
#[non_exhaustive]
pub enum Limit {
    /// Bytes of the file.
    FileBytes,
    /// Bytes of one expression or condition.
    ExpressionBytes,
    /// How deep an expression nests: operators in a row, where a bracket counts as five. Evaluating
    /// takes stack for each; what is far above the default may need a larger one.
    Nesting,
    /// What evaluating an expression that loops over lists (`all`, `exists`, `map`, `filter`) may
    /// take, in values.
    Steps,
    /// Repetitions by all `for` of the file together, inner ones multiplied by outer ones.
    Repetitions,
    /// Loops of one `for`.
    Loops,
    /// Attributes.
    Attributes,
    /// Rules.
    Rules,
    /// Conditions of one rule.
    ConditionsOfRule,
    /// Conditions of all rules together.
    Conditions,
    /// Rule sets that build on one another.
    Depth,
    /// Values of one domain, at most [`Domain::LIMIT`].
    DomainValues,
    /// Values of all domains together; a tuple counts as the values it is made of.
    AllValues,
    /// Values for which conditions are evaluated, equal conditions once.
    Evaluations,
    /// Values of the attributes of all conditions together, equal conditions each time.
    Cells,
}

/// The most a rule file may ask for. Everything is checked before the work it would cause.
///
/// ```
/// use pinesy::rules::{Limit, Limits, RuleBase};
///
/// let text = std::fs::read_to_string("rulesets/mnist_addition.toml")?;
/// let small = Limits::default().with(Limit::Rules, 10);
/// let error = RuleBase::parse_with(&text, "sums.toml", &[], &small).unwrap_err();
/// assert!(error.to_string().contains("more than 10 rules"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits([u64; Limit::COUNT]);

impl Default for Limits {
    fn default() -> Self {
        let mut limits = Self([0; Limit::COUNT]);
        for &limit in <Limit as VariantArray>::VARIANTS {
            limits.0[limit as usize] = limit.default_number();
        }
        limits
    }
}

impl Limits {
    /// The same with another number.
    #[must_use]
    pub fn with(mut self, limit: Limit, number: u64) -> Self {
        self.0[limit as usize] = number;
        self
    }

    /// The most there may be.
    pub fn get(&self, limit: Limit) -> u64 {
        self.0[limit as usize]
    }

    pub(super) fn check(&self, limit: Limit, number: u64) -> Result<(), ErrorKind> {
        limit.check(self.get(limit), number)
    }
}

impl Limit {
    /// The number unless another is given: enough for Sudoku of 25×25 and sums of 2,000 digits.
    pub const fn default_number(self) -> u64 {
        match self {
            Self::FileBytes => 64 << 20,
            Self::ExpressionBytes => 64 << 10,
            Self::Nesting => 250,
            Self::Steps => 1_000_000,
            Self::Repetitions => 10_000_000,
            Self::Loops => 100,
            Self::Attributes | Self::Rules => 5_000_000,
            Self::ConditionsOfRule => 1_000_000,
            Self::Conditions => 20_000_000,
            Self::Depth => 10_000,
            Self::DomainValues => Domain::LIMIT as u64,
            Self::AllValues => 50_000_000,
            Self::Evaluations => 20_000_000,
            Self::Cells => 4_000_000_000,
        }
    }

    pub(super) fn check(self, most: u64, number: u64) -> Result<(), ErrorKind> {
        if number <= most {
            Ok(())
        } else {
            Err(ErrorKind::TooMany { what: self.what(), limit: most, name: self.into() })
        }
    }

    /// For errors: "more than 10 …".
    fn what(self) -> &'static str {
        match self {
            Self::FileBytes => "bytes in a rule file",
            Self::ExpressionBytes => "bytes in an expression",
            Self::Nesting => "levels of operators and brackets in an expression",
            Self::Steps => "steps of an expression that loops over lists",
            Self::Repetitions => "repetitions",
            Self::Loops => "loops of one `for`",
            Self::Attributes => "attributes",
            Self::Rules => "rules",
            Self::ConditionsOfRule => "conditions of one rule",
            Self::Conditions => "conditions",
            Self::Depth => "rule sets that build on one another",
            Self::DomainValues => "values of a domain",
            Self::AllValues => "values of all domains together",
            Self::Evaluations => "values for which conditions are evaluated",
            Self::Cells => "values of the attributes of all conditions together",
        }
    }
}

/// What was used so far of the limits that count over the whole file.
#[derive(Debug, Default)]
pub(super) struct Used([u64; Limit::COUNT]);

impl Used {
    /// Whether so much more would still be within the limits.
    pub fn allows(&self, limits: &Limits, limit: Limit, number: u64) -> Result<(), ErrorKind> {
        limits.check(limit, self.0[limit as usize].saturating_add(number))
    }

    /// Counts what is about to be used.
    pub fn take(&mut self, limits: &Limits, limit: Limit, number: u64) -> Result<(), ErrorKind> {
        self.allows(limits, limit, number)?;
        self.0[limit as usize] += number;
        Ok(())
    }
}
