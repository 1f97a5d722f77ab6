//! Reports: answers as text, as data, and as a page.

use std::fmt::Display;

use pinesy::explain::{self, Explainer, Page, Pictures, Question};
use pinesy::inference::{Cases, Engine, Score};
use pinesy::possibility::Value;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};
use serde::Serialize;

use crate::error::Fault;
use crate::pool;

/// An answer: ``str(report)`` is it in words, :meth:`to_dict` as data, and a notebook shows the
/// page that explains it, if there is one.
///
/// ``report["key"]`` is ``report.to_dict()["key"]``.
#[pyclass(frozen, module = "pinesy")]
pub struct Report {
    text: String,
    json: String,
    page: Source,
}

/// Where the page comes from.
enum Source {
    None,
    Made(String),
    /// Drawn when it is asked for: that takes longer than the answer.
    Asked(Box<Asked>),
}

/// A question about one case.
pub struct Asked {
    pub engine: Engine,
    pub case: Cases,
    pub attribute: String,
    /// Why not this one; none: why the decided one.
    pub value: Option<Value>,
    pub score: Score,
}

impl Asked {
    fn page(&self) -> Result<String, explain::Error> {
        let explainer = Explainer::new(&self.engine, &self.case)?.with_score(self.score);
        let question = match &self.value {
            None => Question::Why(&self.attribute),
            Some(value) => Question::WhyNot(&self.attribute, value),
        };
        let mut page = Page::new("Why this answer");
        page.example(&self.attribute, &explainer, &Pictures::default(), &[question])?;
        Ok(page.to_string())
    }
}

impl Report {
    /// Of an answer that shows as text and serialises.
    pub fn of(text: impl Display, data: &impl Serialize) -> Self {
        let json = serde_json::to_string(data).expect("plain data");
        Self { text: text.to_string(), json, page: Source::None }
    }

    /// The same with a page.
    pub fn asked(self, asked: Asked) -> Self {
        Self { page: Source::Asked(Box::new(asked)), ..self }
    }
}

/// JSON as dictionaries, lists, numbers and texts.
pub fn to_python<'py>(py: Python<'py>, json: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("json")?.call_method1("loads", (json,))
}

#[pymethods]
impl Report {
    #[new]
    #[pyo3(signature = (text, json, page=None))]
    fn new(text: String, json: String, page: Option<String>) -> Self {
        Self { text, json, page: page.map_or(Source::None, Source::Made) }
    }

    /// The answer as data.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &self.json)
    }

    /// The answer as an HTML page that needs nothing but a browser; None if it has none.
    fn page(&self, py: Python<'_>) -> Result<Option<String>, Fault> {
        match &self.page {
            Source::None => Ok(None),
            Source::Made(page) => Ok(Some(page.clone())),
            Source::Asked(asked) => Ok(Some(pool::run(py, || asked.page())??)),
        }
    }

    /// What a notebook shows: the page in a frame, so that its styles stay inside.
    fn _repr_html_(&self, py: Python<'_>) -> Result<String, Fault> {
        let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        Ok(match self.page(py)? {
            None => format!("<pre>{}</pre>", escaped(&self.text)),
            Some(page) => {
                format!("<iframe srcdoc=\"{}\" style=\"width:100%;height:40em;border:0\"></iframe>", escaped(&page))
            }
        })
    }

    fn __getitem__<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Bound<'py, PyAny>> {
        self.to_dict(py)?.get_item(key)
    }

    fn __str__(&self) -> &str {
        &self.text
    }

    fn __repr__(&self) -> &str {
        &self.text
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> Result<(Bound<'py, PyType>, Bound<'py, PyTuple>), Fault> {
        let report = slf.get();
        let arguments = (&report.text, &report.json, report.page(slf.py())?).into_pyobject(slf.py())?;
        Ok((slf.get_type(), arguments))
    }
}
