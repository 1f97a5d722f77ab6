//! Values, and what is known of them, as Python says it.

use pinesy::inference::{Input, Score, Target};
use pinesy::possibility::{Attribute, Transform, Value};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet, PySet, PyString, PyTuple};

use crate::error::Fault;

/// A transformation by its name: `antipignistic`, `minimum-specificity`.
#[derive(Clone, Copy)]
pub struct Kind(pub Transform);

impl<'a, 'py> FromPyObject<'a, 'py> for Kind {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let name: String = object.extract()?;
        let unknown = |_| Fault::given(format!("transform '{name}': expected antipignistic or minimum-specificity"));
        Ok(Self(name.parse().map_err(unknown)?))
    }
}

/// A score by its name.
pub fn score(name: &str) -> Result<Score, Fault> {
    name.parse().map_err(|_| Fault::given(format!("score '{name}': expected min, leximin or product")))
}

/// A value of a domain: a whole number, a text, or a tuple of values.
pub fn value(object: &Bound<'_, PyAny>) -> Result<Value, Fault> {
    if let Ok(text) = object.cast::<PyString>() {
        return Ok(Value::Symbol(text.extract()?));
    }
    if let Ok(tuple) = object.cast::<PyTuple>() {
        return Ok(Value::Tuple(tuple.iter().map(|part| value(&part)).collect::<Result<_, _>>()?));
    }
    let other = || Fault::given(format!("{}: expected a value: an int, a str, or a tuple of values", shown(object)));
    object.extract().map(Value::Integer).map_err(|_| other())
}

/// The same value in Python.
pub fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Integer(number) => Ok(number.into_pyobject(py)?.into_any()),
        Value::Symbol(text) => Ok(text.into_pyobject(py)?.into_any()),
        Value::Tuple(parts) => {
            let parts = parts.iter().map(|part| to_python(py, part)).collect::<PyResult<Vec<_>>>()?;
            Ok(PyTuple::new(py, parts)?.into_any())
        }
    }
}

/// Whether this is what is known of one case, rather than a column of many.
pub fn is_single(object: &Bound<'_, PyAny>) -> bool {
    object.cast::<PyString>().is_ok() || is_braced(object) || object.len().is_err() && object.try_iter().is_err()
}

/// What is known of an attribute in one case; a sequence is degrees: probabilities, if they are to
/// be transformed.
pub fn input(attribute: &Attribute, object: &Bound<'_, PyAny>, transform: Option<Transform>) -> Result<Input, Fault> {
    if is_missing(object)? {
        return Ok(Input::Unknown);
    }
    if object.cast::<PyString>().is_ok() || object.cast::<PyTuple>().is_ok() {
        return Ok(Input::Value(value(object)?));
    }
    if let Ok(dict) = object.cast::<PyDict>() {
        return interval(attribute, dict);
    }
    if is_braced(object) {
        let members = object.try_iter()?.map(|member| input(attribute, &member?, transform));
        return Ok(Input::OneOf(members.collect::<Result<_, Fault>>()?));
    }
    if object.len().is_ok() {
        let degrees: Vec<f32> = object.extract().map_err(|_| unclear(attribute, object))?;
        return Ok(match transform {
            Some(transform) => Input::Probabilities(degrees, transform),
            None => Input::Possibilities(degrees),
        });
    }
    match object.extract::<i64>() {
        Ok(number) if attribute.terms().is_none() => Ok(Input::value(number)),
        _ => Ok(number(attribute, object.extract().map_err(|_| unclear(attribute, object))?)),
    }
}

/// What is said of an attribute in one case, to learn from: as [`input`]. Whole numbers are values
/// where the domain has such and positions where it has not; one below 0 that is no value says
/// nothing.
pub fn target(attribute: &Attribute, object: &Bound<'_, PyAny>) -> Result<Option<Target>, Fault> {
    let domain = attribute.domain();
    Ok(match input(attribute, object, None)? {
        Input::Unknown => None,
        Input::Value(Value::Integer(number)) if domain.position(&Value::Integer(number)).is_none() => {
            let has_numbers = domain.values().iter().any(|value| matches!(value, Value::Integer(_)));
            match usize::try_from(number) {
                Err(_) => None,
                Ok(_) if has_numbers => Some(Target::value(number)),
                Ok(position) => Some(Target::Position(position)),
            }
        }
        Input::Value(value) => Some(Target::Value(value)),
        Input::Possibilities(degrees) => Some(Target::Degrees(degrees)),
        other => Some(Target::Degrees(other.degrees(attribute)?)),
    })
}

/// A number that may stand for a whole one: NumPy and pandas make floats of ints beside NaN.
fn number(attribute: &Attribute, number: f64) -> Input {
    /// Up to here floats are exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.is_nan() {
        Input::Unknown
    } else if attribute.terms().is_none() && number.fract() == 0.0 && number.abs() < EXACT {
        Input::value(number as i64)
    } else {
        Input::Number(number)
    }
}

/// `{"from": 6, "to": 8}`; an end that is left out is open.
fn interval(attribute: &Attribute, dict: &Bound<'_, PyDict>) -> Result<Input, Fault> {
    let end = |name: &str, open: f64| -> Result<f64, Fault> {
        dict.get_item(name)?.map_or(Ok(open), |end| end.extract().map_err(|_| unclear(attribute, dict)))
    };
    let is_end = |name: &Bound<'_, PyAny>| name.extract::<String>().is_ok_and(|name| name == "from" || name == "to");
    if dict.is_empty() || !dict.iter().all(|(name, _)| is_end(&name)) {
        return Err(unclear(attribute, dict));
    }
    Ok(Input::Interval { from: end("from", f64::NEG_INFINITY)?, to: end("to", f64::INFINITY)? })
}

fn is_braced(object: &Bound<'_, PyAny>) -> bool {
    object.cast::<PyDict>().is_ok() || object.cast::<PySet>().is_ok() || object.cast::<PyFrozenSet>().is_ok()
}

/// None, or pandas' NA.
fn is_missing(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(object.is_none() || object.get_type().name()? == "NAType")
}

fn unclear(attribute: &Attribute, object: &Bound<'_, PyAny>) -> Fault {
    Fault::given(format!(
        "{}: {}: expected a value, a number, {{\"from\": …, \"to\": …}}, a set, degrees, or None",
        attribute.name(),
        shown(object)
    ))
}

/// An object in a message, not too long.
pub fn shown(object: &Bound<'_, PyAny>) -> String {
    let text = object.repr().map_or_else(|_| "?".to_owned(), |text| text.to_string());
    if text.chars().count() <= 60 { text } else { text.chars().take(59).chain(['…']).collect() }
}
