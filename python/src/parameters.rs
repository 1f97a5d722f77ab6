//! The parameters of rules.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use pinesy::inference::{self, RuleSetParameters};
use pinesy::whole_file;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyTuple, PyType};

use crate::arrays::vector;
use crate::error::Fault;

/// s and r of every rule, by the attribute that the rules conclude on: a read-only mapping.
///
/// s says how possible a rule's conclusion is where its premise fails, r how possible exceptions
/// are. ``parameters["y1"]`` is a dictionary: ``s`` and ``r`` (float32 arrays, one number a rule)
/// and, if known, ``rules`` (their names). Made of such a mapping, where arrays may be lists; the
/// file of :meth:`read` and :meth:`write` is that of the command ``pinesy learn``.
///
/// >>> import pinesy
/// >>> parameters = pinesy.Parameters({"act": {"s": [0.0], "r": [0.25]}})
/// >>> parameters["act"]["r"]
/// array([0.25], dtype=float32)
#[pyclass(frozen, eq, mapping, module = "pinesy")]
#[derive(PartialEq)]
pub struct Parameters {
    pub inner: inference::Parameters,
}

/// Of one attribute, as Python gives them.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Given {
    s: Vec<f32>,
    r: Vec<f32>,
    #[pyo3(default)]
    rules: Vec<String>,
}

/// Those an argument gives: parameters, a mapping, or the path of a file.
pub fn given(object: &Bound<'_, PyAny>) -> Result<inference::Parameters, Fault> {
    if let Ok(parameters) = object.cast::<Parameters>() {
        return Ok(parameters.get().inner.clone());
    }
    match object.extract::<PathBuf>() {
        Ok(path) => read(path),
        Err(_) => of_mapping(object),
    }
}

fn read(path: PathBuf) -> Result<inference::Parameters, Fault> {
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(Fault::Io { path, source }),
    };
    serde_json::from_str(&text).map_err(|source| Fault::Json { path, source })
}

fn of_mapping(object: &Bound<'_, PyAny>) -> Result<inference::Parameters, Fault> {
    let wrong = |error: PyErr| Fault::given(format!("parameters: {error}: expected {{name: {{\"s\": …, \"r\": …}}}}"));
    let mut parameters = BTreeMap::new();
    for name in object.try_iter().map_err(wrong)? {
        let name = name?;
        let Given { s, r, rules } = object.get_item(&name).and_then(|given| given.extract()).map_err(wrong)?;
        let mut of_set = RuleSetParameters::new(s, r);
        of_set.rules = rules;
        parameters.insert(name.extract()?, of_set);
    }
    Ok(inference::Parameters { parameters })
}

#[pymethods]
impl Parameters {
    #[new]
    #[pyo3(signature = (parameters, /))]
    fn new(parameters: &Bound<'_, PyAny>) -> Result<Self, Fault> {
        Ok(Self { inner: of_mapping(parameters)? })
    }

    /// From a file. Raises OSError, or :class:`pinesy.Error` with line and column.
    #[classmethod]
    fn read(_cls: &Bound<'_, PyType>, path: PathBuf) -> Result<Self, Fault> {
        Ok(Self { inner: self::read(path)? })
    }

    /// Writes them to a file, whole or not at all.
    fn write(&self, path: PathBuf) -> Result<(), Fault> {
        let text = serde_json::to_string_pretty(&self.inner).expect("plain data") + "\n";
        whole_file::write(&path, |file| file.write_all(text.as_bytes())).map_err(|source| Fault::Io { path, source })
    }

    fn __len__(&self) -> usize {
        self.inner.parameters.len()
    }

    fn __contains__(&self, name: &Bound<'_, PyAny>) -> bool {
        name.extract::<String>().is_ok_and(|name| self.inner.parameters.contains_key(&name))
    }

    fn __getitem__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyDict>> {
        let found = self.inner.parameters.get(name).ok_or_else(|| PyKeyError::new_err(name.to_owned()))?;
        let dict = PyDict::new(py);
        dict.set_item("s", vector(py, found.s.clone()))?;
        dict.set_item("r", vector(py, found.r.clone()))?;
        dict.set_item("rules", &found.rules)?;
        Ok(dict)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.keys(py)?.try_iter()
    }

    /// The attributes concluded on.
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.inner.parameters.keys())
    }

    /// What belongs to each of them.
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        self.inner.parameters.keys().map(|name| self.__getitem__(py, name)).collect()
    }

    /// Both.
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Vec<(&str, Bound<'py, PyDict>)>> {
        self.inner.parameters.keys().map(|name| Ok((name.as_str(), self.__getitem__(py, name)?))).collect()
    }

    fn __repr__(&self) -> String {
        let rules: usize = self.inner.parameters.values().map(|set| set.s.len()).sum();
        format!("<pinesy.Parameters of {rules} rules on {} attributes>", self.inner.parameters.len())
    }

    /// The same again, from JSON, which keeps what the rules said.
    #[classmethod]
    fn _parse(_cls: &Bound<'_, PyType>, text: &str) -> Result<Self, Fault> {
        let wrong = |source| Fault::Json { path: "parameters".into(), source };
        Ok(Self { inner: serde_json::from_str(text).map_err(wrong)? })
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let text = serde_json::to_string(&slf.get().inner).expect("plain data");
        Ok((slf.get_type().getattr("_parse")?, (text,).into_pyobject(slf.py())?))
    }
}
