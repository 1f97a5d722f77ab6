//! Why this value, why not that one, what would change it.

use std::collections::BTreeMap;

use pinesy::explain::{self, Explainer};
use pinesy::inference::{self, Score};
use pinesy::possibility::Value;
use pyo3::prelude::*;

use crate::cases::{Beside, one, table};
use crate::engine::Engine;
use crate::error::Fault;
use crate::pool;
use crate::report::{Asked, Report};
use crate::values::{self, Kind};

impl Engine {
    /// The case a question is about.
    fn case(
        &self,
        cases: &Bound<'_, PyAny>,
        row: Option<usize>,
        transform: Option<Kind>,
    ) -> Result<inference::Cases, Fault> {
        one(&*table(self.inner.base(), cases, &Beside::transformed(transform))?, row)
    }

    /// Asks about a case. Explanations, too, may use all threads.
    fn ask<T: Send>(
        &self,
        py: Python<'_>,
        case: &inference::Cases,
        question: impl FnOnce(Explainer<'_>) -> Result<T, explain::Error> + Send,
    ) -> Result<T, Fault> {
        Ok(pool::run(py, || question(Explainer::new(&self.inner, case)?))??)
    }

    fn asked(&self, case: inference::Cases, attribute: &str, value: Option<Value>) -> Asked {
        Asked { engine: self.inner.clone(), case, attribute: attribute.to_owned(), value, score: Score::Min }
    }
}

#[pymethods]
impl Engine {
    /// Why a derived attribute has the value it has, or why that is not decided.
    ///
    /// row: which case of several. The report's dictionary has ``decision`` (values), ``necessity``,
    /// ``readings`` of the inputs, ``competitors`` and the whole ``explanation``. score: "leximin" or
    /// "product" adds the ``ranking`` by all that the rules say.
    #[pyo3(signature = (cases, attribute, *, row=None, transform=None, score="min"))]
    fn justify(
        &self,
        cases: &Bound<'_, PyAny>,
        attribute: &str,
        row: Option<usize>,
        transform: Option<Kind>,
        score: &str,
    ) -> Result<Report, Fault> {
        let score = values::score(score)?;
        let case = self.case(cases, row, transform)?;
        let why = self.ask(cases.py(), &case, |explainer| explainer.with_score(score).justify(attribute))?;
        Ok(Report::of(&why, &why).asked(Asked { score, ..self.asked(case, attribute, None) }))
    }

    /// Why a value of a derived attribute is possible to the degree it is, and no more: a tree down
    /// to the inputs.
    #[pyo3(signature = (cases, attribute, value, *, row=None, transform=None))]
    fn explain(
        &self,
        cases: &Bound<'_, PyAny>,
        attribute: &str,
        value: &Bound<'_, PyAny>,
        row: Option<usize>,
        transform: Option<Kind>,
    ) -> Result<Report, Fault> {
        let value = values::value(value)?;
        let case = self.case(cases, row, transform)?;
        let why = self.ask(cases.py(), &case, |explainer| explainer.explain(attribute, &value))?;
        Ok(Report::of(&why, &why).asked(self.asked(case, attribute, Some(value))))
    }

    /// The degrees of inputs and the parameters that could, each alone, alter what is decided for a
    /// derived attribute; those that need the least change first: ``report["changes"]``.
    #[pyo3(signature = (cases, attribute, *, row=None, transform=None))]
    fn changes(
        &self,
        cases: &Bound<'_, PyAny>,
        attribute: &str,
        row: Option<usize>,
        transform: Option<Kind>,
    ) -> Result<Report, Fault> {
        let case = self.case(cases, row, transform)?;
        let changes = self.ask(cases.py(), &case, |explainer| explainer.changes(attribute))?;
        let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
        let report = Report::of(lines.join("\n"), &BTreeMap::from([("changes", &changes)]));
        Ok(report.asked(self.asked(case, attribute, None)))
    }

    /// λ, ρ, α and β of every rule on a derived attribute: ``report["activations"]``.
    #[pyo3(signature = (cases, attribute, *, row=None, transform=None))]
    fn activations(
        &self,
        cases: &Bound<'_, PyAny>,
        attribute: &str,
        row: Option<usize>,
        transform: Option<Kind>,
    ) -> Result<Report, Fault> {
        let case = self.case(cases, row, transform)?;
        let found = self.ask(cases.py(), &case, |explainer| explainer.activations(attribute))?;
        Ok(Report::of(&found, &BTreeMap::from([("activations", &found)])))
    }

    /// What is doubtful in the rules: ``report["warnings"]``, empty if nothing is.
    fn lint(&self, py: Python<'_>) -> Result<Report, Fault> {
        let warnings = pool::run(py, || explain::lint(&self.inner))?;
        let lines: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        Ok(Report::of(lines.join("\n"), &BTreeMap::from([("warnings", &warnings)])))
    }
}
