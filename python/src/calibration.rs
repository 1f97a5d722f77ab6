//! Answers with a guarantee.

use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray2};
use pinesy::inference;
use pinesy::learning::{self, CalibratedConfig, OneWay};
use pyo3::prelude::*;

use crate::cases::{Beside, table};
use crate::engine::Engine;
use crate::error::Fault;
use crate::pool;
use crate::report::Report;
use crate::values::{self, Kind};

/// How far answers can be trusted, found on examples that nothing was learned from: made by
/// :meth:`Engine.calibrate`.
#[pyclass(frozen, module = "pinesy")]
pub struct Calibration {
    inner: inference::Calibration,
}

#[pymethods]
impl Calibration {
    /// The values of an attribute that remain, of shape (cases, values): the right one is among
    /// them with a probability of at least 1 − error, whatever inputs are unknown or imprecise.
    ///
    /// engine: the one it was made for. cases: see :meth:`Engine.cases`. error: from 0 to 1.
    #[pyo3(signature = (engine, cases, attribute, *, error=0.05, transform=None))]
    fn sets<'py>(
        &self,
        engine: &Engine,
        cases: &Bound<'py, PyAny>,
        attribute: &str,
        error: f64,
        transform: Option<Kind>,
    ) -> Result<Bound<'py, PyArray2<bool>>, Fault> {
        let table = table(engine.inner.base(), cases, &Beside::transformed(transform))?;
        let sets = pool::run(cases.py(), || self.inner.sets(&engine.inner, &table, attribute, error))??;
        let shape = (sets.len(), sets.attribute().domain().len());
        Ok(Array2::from_shape_fn(shape, |(case, value)| sets.contains(case, value)).into_pyarray(cases.py()))
    }

    /// The file of ``pinesy calibrate``.
    fn to_json(&self) -> String {
        serde_json::to_string(&self.inner).expect("plain data")
    }

    /// From such a file.
    #[staticmethod]
    fn from_json(text: &str) -> Result<Self, Fault> {
        let inner = serde_json::from_str(text).map_err(|error| Fault::given(format!("calibration: {error}")))?;
        Ok(Self { inner })
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((slf.get_type().getattr("from_json")?, (slf.get().to_json(),)))
    }
}

#[pymethods]
impl Engine {
    /// The s and r of calibrated parameters: what each rule is worth by crisp labels.
    ///
    /// targets: see :meth:`cases`. one_way: "yes" lets rules say nothing where their premise is
    /// false (s = 1), "no" learns s as well, "auto" chooses by examples held out.
    ///
    /// Gives an engine with the parameters, and a report of what every rule is worth.
    #[pyo3(signature = (cases, targets=None, *, transform=None, one_way="auto", keep_fixed=false))]
    fn calibrated(
        &self,
        cases: &Bound<'_, PyAny>,
        targets: Option<&Bound<'_, PyAny>>,
        transform: Option<Kind>,
        one_way: &str,
        keep_fixed: bool,
    ) -> Result<(Engine, Report), Fault> {
        let table = table(self.inner.base(), cases, &Beside { targets, ..Beside::transformed(transform) })?;
        let wrong = |_| Fault::given(format!("one_way {one_way}: expected auto, yes or no"));
        let one_way: OneWay = one_way.parse().map_err(wrong)?;
        let config = CalibratedConfig::default().with_one_way(one_way).with_keep_fixed(keep_fixed);
        let found = pool::run(cases.py(), || learning::calibrated(&self.inner, &table, None, &config))?;
        let (parameters, report) = found?;
        Ok((Engine::of(self.inner.with_parameters(&parameters)?), Report::of(&report, &report)))
    }

    /// A calibration of answers, from examples that nothing was learned from.
    ///
    /// score: "min" (possibility), "leximin" or "product" of what the rules on an attribute say.
    #[pyo3(signature = (cases, targets=None, *, transform=None, score="min"))]
    fn calibrate(
        &self,
        cases: &Bound<'_, PyAny>,
        targets: Option<&Bound<'_, PyAny>>,
        transform: Option<Kind>,
        score: &str,
    ) -> Result<Calibration, Fault> {
        let table = table(self.inner.base(), cases, &Beside { targets, ..Beside::transformed(transform) })?;
        let score = values::score(score)?;
        let inner = pool::run(cases.py(), || inference::Calibration::new(&self.inner, &table, score))??;
        Ok(Calibration { inner })
    }
}
