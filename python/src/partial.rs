//! Learning from shards: small states that merge, wherever they were gathered.

use numpy::PyArray1;
use pinesy::inference::RuleSetParameters;
use pinesy::learning::{CalibratedRuleSets as Calibrated, PartialRuleSets as State};
use pyo3::PyTypeInfo;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::arrays::vector;
use crate::cases::{Beside, table};
use crate::engine::Engine;
use crate::error::Fault;
use crate::learning::config;
use crate::pool;

/// What the rules on some attributes have gathered from some of the cases.
///
/// Rule sets of one depth (:attr:`RuleBase.depths`) are learned in three rounds over the shards,
/// each a map and a reduction: :meth:`gather` each and :meth:`merge` all; the greatest
/// :meth:`distances`; with these, the greatest :meth:`solutions`. The outcome is that of
/// :meth:`Engine.learn`, bit for bit, however the cases were spread. A state takes kilobytes,
/// pickles, knows the engine it was gathered with, and is refused elsewhere.
#[pyclass(frozen, eq, module = "pinesy")]
#[derive(PartialEq)]
pub struct PartialRuleSets {
    state: State,
}

#[pymethods]
impl PartialRuleSets {
    /// Gathers one shard, a table made by :meth:`Engine.cases`, for the rules on some attributes.
    #[classmethod]
    #[pyo3(signature = (engine, attributes, shard, *, threshold=None, tolerance=0.0, keep_fixed=false))]
    fn gather(
        cls: &Bound<'_, PyType>,
        engine: &Bound<'_, Engine>,
        attributes: Vec<String>,
        shard: &Bound<'_, PyAny>,
        threshold: Option<f32>,
        tolerance: f32,
        keep_fixed: bool,
    ) -> Result<Self, Fault> {
        let engine = &engine.get().inner;
        let shard = table(engine.base(), shard, &Beside::default())?;
        let attributes: Vec<&str> = attributes.iter().map(String::as_str).collect();
        let config = config(threshold, tolerance, keep_fixed);
        Ok(Self { state: pool::run(cls.py(), || State::gather(engine, &attributes, &shard, &config))?? })
    }

    /// All that both have gathered.
    fn merge(&self, other: &Bound<'_, Self>) -> Result<Self, Fault> {
        let mut state = self.state.clone();
        state.merge(&other.get().state)?;
        Ok(Self { state })
    }

    /// The attributes concluded on.
    #[getter]
    fn attributes(&self) -> Vec<&str> {
        self.state.attributes().collect()
    }

    /// The number of cases kept, attribute by attribute.
    #[getter]
    fn kept(&self) -> Vec<usize> {
        self.state.kept().collect()
    }

    /// Attribute by attribute, the greatest distance of a shard's rows in the system of all that
    /// was gathered: float32.
    fn distances<'py>(
        &self,
        engine: &Bound<'py, Engine>,
        shard: &Bound<'py, PyAny>,
    ) -> Result<Bound<'py, PyArray1<f32>>, Fault> {
        let (py, engine) = (engine.py(), &engine.get().inner);
        let shard = table(engine.base(), shard, &Beside::default())?;
        Ok(vector(py, pool::run(py, || self.state.distances(engine, &shard))??))
    }

    /// By attribute, the least s and r that a shard asks for, given the distances of all.
    fn solutions<'py>(
        &self,
        engine: &Bound<'py, Engine>,
        shard: &Bound<'py, PyAny>,
        distances: Vec<f32>,
    ) -> Result<Bound<'py, PyDict>, Fault> {
        let (py, engine) = (engine.py(), &engine.get().inner);
        let shard = table(engine.base(), shard, &Beside::default())?;
        let found = pool::run(py, || self.state.solutions(engine, &shard, &distances))??;
        Ok(by_attribute(py, self.state.attributes(), found)?)
    }

    fn __repr__(&self) -> String {
        format!("<pinesy.PartialRuleSets on {}>", self.attributes().join(", "))
    }

    #[classmethod]
    fn _parse(_cls: &Bound<'_, PyType>, text: &str) -> Result<Self, Fault> {
        Ok(Self { state: parsed(text)? })
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        reduced(slf, &slf.get().state)
    }
}

/// What rules on some attributes have counted in some of the cases, for calibrated parameters.
///
/// One round over the shards is enough for the rule sets of one depth: :meth:`gather` each,
/// :meth:`merge` all, then :meth:`parameters` are those of :meth:`Engine.calibrated`, bit for bit.
#[pyclass(frozen, eq, module = "pinesy")]
#[derive(PartialEq)]
pub struct CalibratedRuleSets {
    state: Calibrated,
}

#[pymethods]
impl CalibratedRuleSets {
    /// Gathers one shard, a table made by :meth:`Engine.cases`, for the rules on some attributes.
    #[classmethod]
    fn gather(
        cls: &Bound<'_, PyType>,
        engine: &Bound<'_, Engine>,
        attributes: Vec<String>,
        shard: &Bound<'_, PyAny>,
    ) -> Result<Self, Fault> {
        let engine = &engine.get().inner;
        let shard = table(engine.base(), shard, &Beside::default())?;
        let attributes: Vec<&str> = attributes.iter().map(String::as_str).collect();
        Ok(Self { state: pool::run(cls.py(), || Calibrated::gather(engine, &attributes, &shard))?? })
    }

    /// All that both have gathered.
    fn merge(&self, other: &Bound<'_, Self>) -> Result<Self, Fault> {
        let mut state = self.state.clone();
        state.merge(&other.get().state)?;
        Ok(Self { state })
    }

    /// The attributes concluded on.
    #[getter]
    fn attributes(&self) -> Vec<&str> {
        self.state.attributes().collect()
    }

    /// The number of cases with a true value, attribute by attribute.
    #[getter]
    fn examples(&self) -> Vec<u64> {
        self.state.examples().collect()
    }

    /// By attribute, s and r; the engine's where no case had a true value.
    ///
    /// one_way: s = 1, so that rules say nothing where their premises fail.
    #[pyo3(signature = (engine, *, one_way, keep_fixed=false))]
    fn parameters<'py>(
        &self,
        engine: &Bound<'py, Engine>,
        one_way: bool,
        keep_fixed: bool,
    ) -> Result<Bound<'py, PyDict>, Fault> {
        let found = self.state.parameters(&engine.get().inner, one_way, keep_fixed)?;
        Ok(by_attribute(engine.py(), self.state.attributes(), found)?)
    }

    fn __repr__(&self) -> String {
        format!("<pinesy.CalibratedRuleSets on {}>", self.attributes().join(", "))
    }

    #[classmethod]
    fn _parse(_cls: &Bound<'_, PyType>, text: &str) -> Result<Self, Fault> {
        Ok(Self { state: parsed(text)? })
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        reduced(slf, &slf.get().state)
    }
}

/// {"s": …, "r": …} by attribute.
fn by_attribute<'a, 'py>(
    py: Python<'py>,
    attributes: impl Iterator<Item = &'a str>,
    found: Vec<RuleSetParameters>,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, of_set) in attributes.zip(found) {
        let pair = PyDict::new(py);
        pair.set_item("s", vector(py, of_set.s))?;
        pair.set_item("r", vector(py, of_set.r))?;
        dict.set_item(name, pair)?;
    }
    Ok(dict)
}

/// A state from the text it was pickled as.
fn parsed<S: DeserializeOwned>(text: &str) -> Result<S, Fault> {
    serde_json::from_str(text).map_err(|source| Fault::Json { path: "partial state".into(), source })
}

/// How a state pickles: as the text that its type's `_parse` reads.
fn reduced<'py, T: PyTypeInfo>(
    object: &Bound<'py, T>,
    state: &impl Serialize,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
    let text = serde_json::to_string(state).expect("plain data");
    Ok((object.as_any().get_type().getattr("_parse")?, (text,).into_pyobject(object.py())?))
}
