//! The form in which tables of cases are kept and sent.

use std::collections::BTreeMap;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::cases::KnownTarget;
use super::{Cases, Error, Target};
use crate::possibility::Degrees;
use crate::rules::RuleText;
use crate::unique;

/// A table with the rules it belongs to; reading it checks everything anew.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CasesFile {
    /// None for rules written in Rust; such a table cannot be read.
    rules: Option<RuleText>,
    cases: usize,
    /// By input, its degrees case after case.
    #[serde(deserialize_with = "unique::map")]
    inputs: BTreeMap<String, Degrees>,
    /// By attribute, what is said of it; those of which nothing is said are left out.
    #[serde(deserialize_with = "unique::map")]
    observed: BTreeMap<String, Vec<Option<Target>>>,
}

impl From<Cases> for CasesFile {
    fn from(cases: Cases) -> Self {
        let base = cases.base();
        let degrees = |name: &str| Degrees(cases.input(name).expect("an input").iter().copied().collect());
        let said = |attribute: usize, case: usize| {
            cases.observed(attribute, case).map(|target| match target {
                KnownTarget::Position(position) => Target::Position(position),
                KnownTarget::Degrees(degrees) => Target::Degrees(degrees.to_vec()),
            })
        };
        let observed = base.attributes().iter().enumerate().map(|(attribute, named)| {
            let of_each: Vec<Option<Target>> = (0..cases.len()).map(|case| said(attribute, case)).collect();
            (named.name().to_owned(), of_each)
        });
        Self {
            rules: base.text().cloned(),
            cases: cases.len(),
            inputs: base.inputs().map(|input| (input.name().to_owned(), degrees(input.name()))).collect(),
            observed: observed.filter(|(_, of_each)| of_each.iter().any(Option::is_some)).collect(),
        }
    }
}

impl TryFrom<CasesFile> for Cases {
    type Error = Error;

    fn try_from(file: CasesFile) -> Result<Self, Error> {
        let base = file.rules.ok_or(Error::NoRuleText)?.parse().map_err(|error| Error::Rules(error.into()))?;
        // Before memory is taken for so many cases.
        for input in base.inputs() {
            let missing = || Error::MissingInput(input.name().to_owned());
            let degrees = file.inputs.get(input.name()).ok_or_else(missing)?.0.len();
            let width = input.domain().len();
            if file.cases.checked_mul(width) != Some(degrees) {
                let whole = degrees / width;
                // A row begun counts where the numbers would not differ otherwise.
                let found = if whole == file.cases { whole + 1 } else { whole };
                return Err(Error::Count { name: input.name().to_owned(), found, expected: file.cases });
            }
        }
        let mut cases = Cases::of(&base).count(file.cases);
        for (name, Degrees(degrees)) in file.inputs {
            let width = base.attribute(&name).map_or(1, |attribute| attribute.domain().len());
            let rows = Array2::from_shape_vec((degrees.len() / width, width), degrees);
            // Of inputs the numbers are right: it is none.
            cases = cases.possibilities(&name, &rows.unwrap_or_default());
        }
        for (name, of_each) in file.observed {
            cases = cases.observed(&name, of_each);
        }
        cases.build()
    }
}
