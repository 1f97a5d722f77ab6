//! Rule bases.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pinesy::possibility::Attribute;
use pinesy::rules::{self, Limit, Limits};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use serde::Deserialize;
use serde::de::IntoDeserializer;

use crate::error::Fault;
use crate::values::to_python;

/// The values given for a rule file's parameters.
pub type Settings = BTreeMap<String, i64>;

/// Rules, from a text in TOML (see the README's section on rule files).
///
/// text: what a rule file holds. limits: the most it may ask for, where that is not the default, such
/// as ``{"rules": 10}`` (the README lists them). settings: values for the file's parameters, such as
/// ``k=2``.
/// Raises :class:`pinesy.Error`, with line and column, for whatever is wrong in it.
///
/// >>> import pinesy
/// >>> rules = pinesy.RuleBase('''
/// ... [[attribute]]
/// ... name = "light"
/// ... domain = ["red", "green"]
/// ... [[attribute]]
/// ... name = "act"
/// ... domain = ["stop", "go"]
/// ... [[rule]]
/// ... iff = "light == 'red'"
/// ... then = "act == 'stop'"
/// ... ''')
/// >>> rules.inputs, rules.derived, rules.domain("act")
/// (['light'], ['act'], ['stop', 'go'])
#[pyclass(frozen, eq, module = "pinesy")]
#[derive(PartialEq)]
pub struct RuleBase {
    pub inner: rules::RuleBase,
}

/// Reads a text; `file` names it in errors.
fn parse(py: Python<'_>, text: &str, file: &str, settings: &Settings, limits: &Limits) -> Result<RuleBase, Fault> {
    let settings: Vec<(&str, i64)> = settings.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    Ok(RuleBase { inner: py.detach(|| rules::RuleBase::parse_with(text, file, &settings, limits))? })
}

/// Reads a file.
pub fn read(py: Python<'_>, path: &Path, settings: &Settings, limits: &Limits) -> Result<rules::RuleBase, Fault> {
    let settings: Vec<(&str, i64)> = settings.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    Ok(py.detach(|| rules::RuleBase::read_with(path, &settings, limits))?)
}

/// Limits as they were given by name; the others as they are.
fn limits(given: Option<&Bound<'_, PyDict>>) -> Result<Limits, Fault> {
    let mut limits = Limits::default();
    for (name, number) in given.into_iter().flatten() {
        let name: String = name.extract()?;
        let unknown = |error: serde::de::value::Error| Fault::given(format!("limits: {error}"));
        let limit = Limit::deserialize(name.as_str().into_deserializer()).map_err(unknown)?;
        let wrong = |_| Fault::given(format!("limit {name}: expected a whole number from 0 up"));
        limits = limits.with(limit, number.extract().map_err(wrong)?);
    }
    Ok(limits)
}

/// Settings as they were given by name.
pub fn settings(given: Option<&Bound<'_, PyDict>>) -> Result<Settings, Fault> {
    let setting = |(name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| -> Result<(String, i64), Fault> {
        let name: String = name.extract()?;
        let wrong = |_| Fault::given(format!("setting {name}: expected a whole number"));
        let value: i64 = value.extract().map_err(wrong)?;
        Ok((name, value))
    };
    given.map_or(Ok(Settings::new()), |given| given.iter().map(setting).collect())
}

#[pymethods]
impl RuleBase {
    #[new]
    #[pyo3(signature = (text, limits=None, /, **settings))]
    fn new(
        py: Python<'_>,
        text: &str,
        limits: Option<&Bound<'_, PyDict>>,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> Result<Self, Fault> {
        parse(py, text, "<text>", &self::settings(settings)?, &self::limits(limits)?)
    }

    /// Rules from a file.
    ///
    /// Raises OSError if it cannot be read, :class:`pinesy.Error` with ``file``, ``line`` and
    /// ``column`` if something is wrong in it.
    #[classmethod]
    #[pyo3(signature = (path, limits=None, /, **settings))]
    fn read(
        cls: &Bound<'_, PyType>,
        path: PathBuf,
        limits: Option<&Bound<'_, PyDict>>,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> Result<Self, Fault> {
        Ok(Self { inner: read(cls.py(), &path, &self::settings(settings)?, &self::limits(limits)?)? })
    }

    /// The same rules again, from what :meth:`__reduce__` gives: never from the file, and within the
    /// default limits.
    #[classmethod]
    fn _parse(cls: &Bound<'_, PyType>, text: &str, file: &str, settings: Settings) -> Result<Self, Fault> {
        parse(cls.py(), text, file, &settings, &Limits::default())
    }

    /// The text they were read from.
    #[getter]
    fn text(&self) -> Option<&str> {
        Some(&self.inner.text()?.text)
    }

    /// The values that were given for the file's parameters.
    #[getter]
    fn settings(&self) -> Settings {
        self.inner.text().map(|text| text.settings.clone()).unwrap_or_default()
    }

    /// The attributes that rules read and none concludes on: the columns of a case.
    #[getter]
    fn inputs(&self) -> Vec<&str> {
        self.inner.inputs().map(Attribute::name).collect()
    }

    /// The attributes that rules conclude on, each after those it is inferred from.
    #[getter]
    fn derived(&self) -> Vec<&str> {
        self.inner.rule_sets().iter().map(|set| self.inner.conclusion(set).name()).collect()
    }

    /// The derived attributes that no rule reads: what it is all for.
    #[getter]
    fn outputs(&self) -> Vec<&str> {
        self.inner.outputs().map(Attribute::name).collect()
    }

    /// The derived attributes by depth: each list needs only those before it.
    #[getter]
    fn depths(&self) -> Vec<Vec<&str>> {
        let names =
            |sets: Vec<&rules::RuleSet>| sets.into_iter().map(|set| self.inner.conclusion(set).name()).collect();
        self.inner.rule_sets_by_depth().into_iter().map(names).collect()
    }

    /// What tells these rules apart from others, on every machine: 32 hexadecimal digits.
    #[getter]
    fn fingerprint(&self) -> String {
        self.inner.fingerprint().to_string()
    }

    /// The values of an attribute, in the order of the columns of its degrees.
    fn domain<'py>(&self, py: Python<'py>, attribute: &str) -> Result<Vec<Bound<'py, PyAny>>, Fault> {
        let unknown = || Fault::given(format!("'{attribute}' is no attribute of these rules"));
        let domain = self.inner.attribute(attribute).ok_or_else(unknown)?.domain();
        Ok(domain.values().iter().map(|value| to_python(py, value)).collect::<PyResult<_>>()?)
    }

    pub fn __repr__(&self) -> String {
        let rules: usize = self.inner.rule_sets().iter().map(|set| set.rules().len()).sum();
        let names = |names: Vec<&str>| match names.len() {
            0..=4 => names.join(", "),
            n => format!("{}, … ({n})", names[..3].join(", ")),
        };
        format!("<pinesy.RuleBase of {rules} rules: {} → {}>", names(self.inputs()), names(self.outputs()))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> Result<(Bound<'py, PyAny>, Bound<'py, PyTuple>), Fault> {
        let py = slf.py();
        let text = slf.get().inner.text().ok_or(pinesy::inference::Error::NoRuleText)?;
        let arguments = (&text.text, &text.file, &text.settings).into_pyobject(py)?;
        Ok((py.get_type::<Self>().getattr("_parse")?, arguments))
    }
}
