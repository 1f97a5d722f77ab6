//! Errors on their way to Python.

use std::io;
use std::path::{Path, PathBuf};

use pinesy::rules::ErrorKind;
use pinesy::{command, explain, inference, learning, possibility, relation, rules};
use pyo3::create_exception;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

create_exception!(
    pinesy,
    Error,
    PyValueError,
    "What is wrong with rules, cases, parameters or a question, and what was expected.\n\n\
     ``file``, ``line`` and ``column`` say where in a file (from 1); ``row`` which case of a table\n\
     (from 0). What does not apply is None. A file that cannot be read or written is an OSError."
);

/// Where something is wrong: attributes of [`Error`], all None on the class itself.
#[derive(Default)]
struct Place {
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    row: Option<usize>,
}

/// Gives the class the attributes that its instances may have.
pub fn prepare(py: Python<'_>) -> PyResult<()> {
    Place::default().set(py.get_type::<Error>().as_any())
}

/// All that can go wrong here.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Rules(#[from] rules::Error),
    #[error(transparent)]
    Inference(#[from] inference::Error),
    #[error(transparent)]
    Learning(#[from] learning::Error),
    #[error(transparent)]
    Explain(#[from] explain::Error),
    #[error(transparent)]
    Relation(#[from] relation::Error),
    #[error(transparent)]
    Possibility(#[from] possibility::Error),
    /// What is wrong in a file of records.
    #[error(transparent)]
    Records(#[from] command::Error),
    /// What Python itself says: passed on as it is.
    #[error(transparent)]
    Python(#[from] PyErr),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    Json { path: PathBuf, source: serde_json::Error },
    #[error("example {row}: {text}")]
    Row { row: usize, text: String },
    /// What only this binding can find wrong.
    #[error("{0}")]
    Given(String),
}

impl Fault {
    pub fn given(text: impl Into<String>) -> Self {
        Self::Given(text.into())
    }

    /// The same, about one row of a table.
    pub fn in_row(self, row: usize) -> Self {
        match self {
            Self::Inference(error) => Self::Inference(inference::Error::Row { row, error: Box::new(error) }),
            other => Self::Row { row, text: other.to_string() },
        }
    }

    /// What stopped the system from reading or writing a file.
    fn io(&self) -> Option<(&Path, &io::Error)> {
        match self {
            Self::Rules(rules::Error { location: Some(location), kind: ErrorKind::Io(source) }) => {
                Some((&location.file, source))
            }
            Self::Inference(inference::Error::Io { path, source }) => Some((path, source)),
            Self::Io { path, source } | Self::Records(command::Error::Read { path, source }) => Some((path, source)),
            _ => None,
        }
    }

    fn place(&self) -> Place {
        match self {
            Self::Rules(error) => Place::of_rules(error),
            Self::Inference(error)
            | Self::Learning(learning::Error::Inference(error))
            | Self::Explain(explain::Error::Inference(error)) => Place::of_inference(error),
            Self::Json { path, source } => Place::of_json(path, source),
            Self::Records(command::Error::Line { file, line, .. }) => {
                Place { file: Some(file.clone()), line: Some(*line), ..Place::default() }
            }
            Self::Row { row, .. }
            | Self::Possibility(possibility::Error::Row { row, .. })
            | Self::Relation(relation::Error::MatrixDegree { row, .. } | relation::Error::VectorDegree { row, .. }) => {
                Place::of_row(*row)
            }
            _ => Place::default(),
        }
    }
}

impl Place {
    fn of_row(row: usize) -> Self {
        Self { row: Some(row), ..Self::default() }
    }

    fn of_rules(error: &rules::Error) -> Self {
        let Some(location) = &error.location else { return Self::default() };
        Self {
            file: Some(location.file.display().to_string()),
            line: location.place.map(|place| place.line as usize),
            column: location.place.map(|place| place.column as usize),
            row: None,
        }
    }

    fn of_json(path: &Path, error: &serde_json::Error) -> Self {
        let file = Some(path.display().to_string());
        Self { file, line: Some(error.line()), column: Some(error.column()), row: None }
    }

    fn of_inference(error: &inference::Error) -> Self {
        match error {
            inference::Error::Row { row, .. } | inference::Error::Target { row, .. } => Self::of_row(*row),
            inference::Error::Rules(error) => Self::of_rules(error),
            inference::Error::File { path, reason } => Self::of_json(path, reason),
            _ => Self::default(),
        }
    }

    fn set(self, to: &Bound<'_, PyAny>) -> PyResult<()> {
        to.setattr("file", self.file)?;
        to.setattr("line", self.line)?;
        to.setattr("column", self.column)?;
        to.setattr("row", self.row)
    }
}

impl From<Fault> for PyErr {
    fn from(fault: Fault) -> Self {
        if let Fault::Python(error) = fault {
            return error;
        }
        if let Some((path, source)) = fault.io()
            && let Some(number) = source.raw_os_error()
        {
            let reason = source.to_string();
            let reason = reason.split(" (os error").next().unwrap_or_default().to_owned();
            // With a number, Python picks the subclass: FileNotFoundError and so on.
            return PyOSError::new_err((number, reason, path.display().to_string()));
        }
        let error = Error::new_err(fault.to_string());
        Python::attach(|py| fault.place().set(error.value(py).as_any()).map_or_else(|failed| failed, |()| error))
    }
}
