//! The engine: rules with parameters, run forward.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use numpy::IntoPyArray;
use pinesy::inference::{self, Backward, BatchInference};
use pinesy::learning;
use pinesy::rules::Limits;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::arrays::{dict, positions};
use crate::cases::{Beside, Cases, table};
use crate::error::Fault;
use crate::parameters::{self, Parameters};
use crate::pool;
use crate::rules::{self, RuleBase};
use crate::values::Kind;

/// Rules and their parameters, ready to infer, to learn and to explain.
///
/// rules: a :class:`RuleBase`, or the path of a rule file; settings (``k=2``) go with a path.
/// parameters: :class:`Parameters`, a mapping of that kind, or the path of a file; without, each
/// rule has what it states itself.
///
/// **Cases** are a dictionary (or a data frame of pandas, polars or pyarrow) with a column for every
/// input of the rules:
///
/// - an array of shape (cases, values): how possible each value is, or with ``transform`` how
///   probable; rows of NaN are unknown;
/// - a sequence with one entry a case: a value, a number, ``{"from": 6, "to": 8}``, a set of such,
///   a list of degrees, or None (or NaN): unknown;
/// - a single such entry, for a single case; None: unknown in every case.
///
/// Arrays may be NumPy's, torch's, jax's or lists; float32 is not copied on the way.
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
/// >>> engine = pinesy.Engine(rules)
/// >>> engine.infer({"light": "red"})
/// {'act': array([[1., 0.]], dtype=float32)}
/// >>> engine.infer({"light": [[0.25, 1.0], [1.0, 0.5]]})["act"]
/// array([[0.25, 1.  ],
///        [1.  , 0.5 ]], dtype=float32)
#[pyclass(frozen, module = "pinesy")]
pub struct Engine {
    pub inner: inference::Engine,
    backward: OnceLock<Backward>,
}

impl Engine {
    pub fn of(inner: inference::Engine) -> Self {
        Self { inner, backward: OnceLock::new() }
    }

    /// Compiled when it is first asked.
    pub fn backward(&self) -> &Backward {
        self.backward.get_or_init(|| self.inner.backward())
    }

    /// The names asked for, or all outputs.
    fn names(&self, asked: Option<Names>) -> Vec<String> {
        let outputs = || self.inner.base().outputs().map(|attribute| attribute.name().to_owned()).collect();
        asked.map_or_else(outputs, Names::into_list)
    }

    fn batch(
        &self,
        py: Python<'_>,
        cases: &Bound<'_, PyAny>,
        names: &[String],
        transform: Option<Kind>,
    ) -> Result<BatchInference, Fault> {
        let table = table(self.inner.base(), cases, &Beside::transformed(transform))?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        Ok(pool::run(py, || self.inner.infer_batch(&table, &names))??)
    }
}

/// One name or several.
#[derive(FromPyObject)]
pub enum Names {
    One(String),
    Many(Vec<String>),
}

impl Names {
    pub fn into_list(self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name],
            Self::Many(names) => names,
        }
    }
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (rules, /, parameters=None, **settings))]
    fn new(
        rules: &Bound<'_, PyAny>,
        parameters: Option<&Bound<'_, PyAny>>,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> Result<Self, Fault> {
        let (py, settings) = (rules.py(), rules::settings(settings)?);
        let base = match rules.cast::<RuleBase>() {
            Ok(_) if !settings.is_empty() => {
                return Err(Fault::given("settings: expected none beside a RuleBase, which has its own"));
            }
            Ok(base) => base.get().inner.clone(),
            Err(_) => rules::read(py, &rules.extract::<PathBuf>()?, &settings, &Limits::default())?,
        };
        let parameters = parameters.map(parameters::given).transpose()?;
        let engine = py.detach(|| match &parameters {
            None => Ok(inference::Engine::of(&base)),
            Some(parameters) => inference::Engine::new(&base, parameters),
        });
        Ok(Self::of(engine?))
    }

    /// An engine from a file that :meth:`write` made.
    #[classmethod]
    fn read(cls: &Bound<'_, PyType>, path: PathBuf) -> Result<Self, Fault> {
        Ok(Self::of(cls.py().detach(|| inference::Engine::read(path))?))
    }

    /// Writes rules, settings and parameters to one JSON file, whole or not at all.
    fn write(&self, py: Python<'_>, path: PathBuf) -> Result<(), Fault> {
        Ok(py.detach(|| self.inner.write(path))?)
    }

    /// The rules.
    #[getter]
    fn rules(&self) -> RuleBase {
        RuleBase { inner: self.inner.base().clone() }
    }

    /// The parameters of every rule.
    #[getter]
    fn parameters(&self) -> Parameters {
        Parameters { inner: self.inner.parameters() }
    }

    /// What tells these rules with these parameters apart from others, on every machine.
    #[getter]
    fn fingerprint(&self) -> String {
        self.inner.fingerprint().to_string()
    }

    /// The same rules with other parameters; nothing is compiled again.
    fn with_parameters(&self, parameters: &Bound<'_, PyAny>) -> Result<Self, Fault> {
        Ok(Self::of(self.inner.with_parameters(&parameters::given(parameters)?)?))
    }

    /// Checks cases once, to ask about them often: give the result wherever cases are asked for.
    ///
    /// targets: what is right, to learn from: columns by derived attribute. An array of shape
    /// (cases, values) says how possible each value is. A sequence says a value for each case;
    /// where an attribute's values are no numbers, a whole number is a position among them. None,
    /// NaN, or a negative number that is no value: nothing is said.
    /// observed: likewise what is observed of any attribute, for :meth:`abduce`.
    #[pyo3(signature = (cases, targets=None, *, observed=None, transform=None))]
    fn cases(
        &self,
        cases: &Bound<'_, PyAny>,
        targets: Option<&Bound<'_, PyAny>>,
        observed: Option<&Bound<'_, PyAny>>,
        transform: Option<Kind>,
    ) -> Result<Cases, Fault> {
        let beside = Beside { targets, observed, ..Beside::transformed(transform) };
        Ok(Cases { table: table(self.inner.base(), cases, &beside)? })
    }

    /// Cases with their targets from a file of records, JSON lines or CSV, plain or gzip, as the
    /// command ``pinesy learn`` reads them.
    ///
    /// transform: what makes possibilities of arrays; without, they are possibilities already.
    /// missing: "error" or "unknown": what an input is that a record does not mention.
    #[pyo3(signature = (path, *, transform=None, missing="error"))]
    fn read_cases(
        &self,
        py: Python<'_>,
        path: PathBuf,
        transform: Option<Kind>,
        missing: &str,
    ) -> Result<Cases, Fault> {
        let unknown = match missing {
            "error" => false,
            "unknown" => true,
            _ => return Err(Fault::given(format!("missing '{missing}': expected error or unknown"))),
        };
        let transform = transform.map(|kind| kind.0);
        let table = pool::run(py, || pinesy::command::read_cases(&self.inner, path, transform, unknown))??;
        Ok(Cases { table: Arc::new(table) })
    }

    /// How possible each value of some derived attributes is, in every case.
    ///
    /// attributes: names, or one; by default those that no rule reads. Gives a dictionary of
    /// float32 arrays of shape (cases, values).
    #[pyo3(signature = (cases, attributes=None, *, transform=None))]
    fn infer<'py>(
        &self,
        cases: &Bound<'py, PyAny>,
        attributes: Option<Names>,
        transform: Option<Kind>,
    ) -> Result<Bound<'py, PyDict>, Fault> {
        let py = cases.py();
        Ok(dict(py, self.batch(py, cases, &self.names(attributes), transform)?)?)
    }

    /// What is decided for some derived attributes, in every case: a dictionary of int64 arrays of
    /// shape (cases,) with positions in :meth:`RuleBase.domain`, and −1 where no value is the one
    /// most possible.
    #[pyo3(signature = (cases, attributes=None, *, transform=None))]
    fn decide<'py>(
        &self,
        cases: &Bound<'py, PyAny>,
        attributes: Option<Names>,
        transform: Option<Kind>,
    ) -> Result<Bound<'py, PyDict>, Fault> {
        let (py, names) = (cases.py(), self.names(attributes));
        let inferred = self.batch(py, cases, &names, transform)?;
        let decided = PyDict::new(py);
        for name in &names {
            let decisions = inferred.decisions(name).expect("asked for");
            decided.set_item(name, positions(&decisions).into_pyarray(py))?;
        }
        Ok(decided)
    }

    /// The share of cases of which every output that has a single right value is decided so.
    #[pyo3(signature = (cases, targets=None, *, transform=None))]
    fn score(
        &self,
        cases: &Bound<'_, PyAny>,
        targets: Option<&Bound<'_, PyAny>>,
        transform: Option<Kind>,
    ) -> Result<f64, Fault> {
        let table = table(self.inner.base(), cases, &Beside { targets, ..Beside::transformed(transform) })?;
        Ok(pool::run(cases.py(), || learning::score(&self.inner, &table))??)
    }

    fn __repr__(&self) -> String {
        let rules = self.rules().__repr__();
        rules.replacen("RuleBase of", "Engine of", 1)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyType>, Bound<'py, PyTuple>)> {
        let engine = slf.get();
        Ok((slf.get_type(), (engine.rules(), engine.parameters()).into_pyobject(slf.py())?))
    }
}
