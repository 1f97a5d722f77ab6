//! The form in which tables of cases are kept and sent.

use std::collections::BTreeMap;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::cases::KnownTarget;
use super::{Cases, Error, Target};
use crate::rules::RuleText;

/// A table with the rules it belongs to; reading it checks everything anew.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CasesFile {
    /// None for rules written in Rust; such a table cannot be read.
    rules: Option<RuleText>,
    cases: usize,
    /// By input, its degrees case after case.
    inputs: BTreeMap<String, Vec<f32>>,
    /// By attribute, what is said of it; those of which nothing is said are left out.
    observed: BTreeMap<String, Vec<Option<Target>>>,
}

impl From<Cases> for CasesFile {
    fn from(cases: Cases) -> Self {
        let base = cases.base();
        let degrees = |name: &str| cases.input(name).expect("an input").iter().copied().collect();
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
        let mut cases = Cases::of(&base).count(file.cases);
        for (name, degrees) in file.inputs {
            let width = base.attribute(&name).map_or(1, |attribute| attribute.domain().len());
            let found = degrees.len() / width;
            let rows = Array2::from_shape_vec((found, width), degrees);
            let rows = rows.map_err(|_| Error::Count { name: name.clone(), found, expected: file.cases })?;
            cases = cases.possibilities(&name, &rows);
        }
        for (name, of_each) in file.observed {
            cases = cases.observed(&name, of_each);
        }
        cases.build()
    }
}
