//! Parameters from examples.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use pinesy::explain::rules_report;
use pinesy::learning::{self, LearningConfig, ThresholdSearch, Trial};
use pyo3::prelude::*;

use crate::cases::{Beside, table};
use crate::engine::Engine;
use crate::error::Fault;
use crate::pool;
use crate::report::{Report, to_python};
use crate::values::Kind;

#[pymethods]
impl Engine {
    /// The s and r that come closest to what examples ask (the least worst error, exactly).
    ///
    /// targets: see :meth:`cases`. Attributes without targets keep their parameters.
    /// threshold: drop examples whose own distance is not below it. tolerance: degrees that differ
    /// by this share count as equal. keep_fixed: keep the s and r that the rules state as numbers.
    ///
    /// Gives an engine with the learned parameters, and a report.
    #[pyo3(signature = (cases, targets=None, *, transform=None, threshold=None, tolerance=0.0, keep_fixed=false))]
    fn learn(
        &self,
        cases: &Bound<'_, PyAny>,
        targets: Option<&Bound<'_, PyAny>>,
        transform: Option<Kind>,
        threshold: Option<f32>,
        tolerance: f32,
        keep_fixed: bool,
    ) -> Result<(Engine, Report), Fault> {
        let table = table(self.inner.base(), cases, &Beside { targets, ..Beside::transformed(transform) })?;
        let config = config(threshold, tolerance, keep_fixed);
        let (parameters, report) = pool::run(cases.py(), || learning::learn(&self.inner, &table, &config))??;
        Ok((Engine::of(self.inner.with_parameters(&parameters)?), Report::of(&report, &report)))
    }

    /// Learns with thresholds chosen on validation cases (Baaj & Marquis 2025).
    ///
    /// train, validation: made by :meth:`cases`, with targets.
    /// low_data: the paper's grid for few examples. patience: trials without gain after which a
    /// group's search ends. observe: called with each trial, a dictionary; False stops the search.
    ///
    /// Gives an engine with the learned parameters, and a report.
    #[pyo3(signature = (
        train, validation, *, low_data=false, patience=1, observe=None, tolerance=0.0, keep_fixed=false
    ))]
    // They have names in Python.
    #[allow(clippy::too_many_arguments)]
    fn search_thresholds(
        &self,
        train: &Bound<'_, PyAny>,
        validation: &Bound<'_, PyAny>,
        low_data: bool,
        patience: usize,
        observe: Option<Py<PyAny>>,
        tolerance: f32,
        keep_fixed: bool,
    ) -> Result<(Engine, Report), Fault> {
        let base = self.inner.base();
        let (train_table, validation) =
            (table(base, train, &Beside::default())?, table(base, validation, &Beside::default())?);
        let paper = if low_data { ThresholdSearch::paper_low_data() } else { ThresholdSearch::paper_normal() };
        let search = ThresholdSearch { patience, ..paper };
        let config = config(None, tolerance, keep_fixed);
        let mut failed = None;
        let tell = |trial: &Trial| match observe.as_ref().map_or(Ok(true), |observe| goes_on(observe, trial)) {
            Ok(true) => ControlFlow::Continue(()),
            Ok(false) => ControlFlow::Break(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        };
        let found = pool::run(train.py(), || {
            learning::search_thresholds(&self.inner, &train_table, &validation, &config, &search, tell)
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        let (parameters, report) = found?;
        Ok((Engine::of(self.inner.with_parameters(&parameters)?), Report::of(&report, &report)))
    }

    /// The examples whose targets the rules cannot give, worst first: probable label errors.
    ///
    /// Gives a report with, for each derived attribute, ``conflicts`` (``example``, ``distance``,
    /// and the ``rule`` that opposes the target most) and ``trade_off``: how many examples each
    /// threshold would keep.
    #[pyo3(signature = (cases, targets=None, *, transform=None))]
    fn conflicts(
        &self,
        cases: &Bound<'_, PyAny>,
        targets: Option<&Bound<'_, PyAny>>,
        transform: Option<Kind>,
    ) -> Result<Report, Fault> {
        let table = table(self.inner.base(), cases, &Beside { targets, ..Beside::transformed(transform) })?;
        let found = pool::run(cases.py(), || {
            learning::find_conflicts(&self.inner, &table, &learning::LearningConfig::default())
        })??;
        let line = |set: &learning::RuleSetConflicts| {
            let worst = set.conflicts.first().map_or(0.0, |conflict| conflict.distance);
            format!("{}: {} conflicts, the worst at a distance of {worst}", set.attribute, set.conflicts.len())
        };
        let text: Vec<String> = found.iter().map(line).collect();
        Ok(Report::of(text.join("\n"), &BTreeMap::from([("rule_sets", &found)])))
    }

    /// How often each rule held, decided, and blocked the right answer.
    #[pyo3(signature = (cases, targets=None, *, transform=None))]
    fn rules_report(
        &self,
        cases: &Bound<'_, PyAny>,
        targets: Option<&Bound<'_, PyAny>>,
        transform: Option<Kind>,
    ) -> Result<Report, Fault> {
        let table = table(self.inner.base(), cases, &Beside { targets, ..Beside::transformed(transform) })?;
        let report = pool::run(cases.py(), || rules_report(&self.inner, &table))??;
        Ok(Report::of(&report, &report))
    }
}

pub fn config(threshold: Option<f32>, tolerance: f32, keep_fixed: bool) -> LearningConfig {
    LearningConfig::default().with_threshold(threshold).with_tolerance(tolerance).with_keep_fixed(keep_fixed)
}

/// Tells Python of a trial; false if it wants no more.
fn goes_on(observe: &Py<PyAny>, trial: &Trial) -> PyResult<bool> {
    Python::attach(|py| {
        let trial = to_python(py, &serde_json::to_string(trial).expect("plain data"))?;
        let said = observe.bind(py).call1((trial,))?;
        Ok(said.is_none() || said.is_truthy()?)
    })
}
