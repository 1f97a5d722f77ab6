//! Arrays in and out, and what is asked of degrees alone.

use numpy::ndarray::{Array1, ArrayD, ArrayView2, ArrayViewD, CowArray, Ix2};
use numpy::{AllowTypeChange, IntoPyArray, PyArray1, PyArrayDyn, PyArrayLikeDyn, PyReadonlyArrayDyn};
use pinesy::inference::BatchInference;
use pinesy::possibility::{self, Decision, degree_of};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::Fault;
use crate::pool;
use crate::values::{Kind, shown};

/// Numbers of an array.
pub enum Numbers<'py> {
    /// float32, looked at where they lie.
    There(PyReadonlyArrayDyn<'py, f32>),
    /// Made of others, none of which was rounded into a degree.
    Made(ArrayD<f32>),
}

impl Numbers<'_> {
    /// A view of all axes.
    pub fn as_array(&self) -> ArrayViewD<'_, f32> {
        match self {
            Self::There(array) => array.as_array(),
            Self::Made(array) => array.view(),
        }
    }
}

/// An array of what should be numbers, or what is wrong with it.
pub fn numbers<'py>(name: &str, object: &Bound<'py, PyAny>) -> Result<Numbers<'py>, Fault> {
    if let Ok(array) = object.extract::<PyReadonlyArrayDyn<'py, f32>>() {
        return Ok(Numbers::There(array));
    }
    let wrong = |error: PyErr| Fault::given(format!("{name}: {}: expected numbers ({error})", shown(object)));
    let array: PyArrayLikeDyn<'py, f64, AllowTypeChange> = object.extract().map_err(wrong)?;
    Ok(Numbers::Made(array.as_array().mapv(degree_of)))
}

/// A view of two axes.
pub fn matrix<'a>(name: &str, array: &'a Numbers<'_>) -> Result<ArrayView2<'a, f32>, Fault> {
    let view = array.as_array();
    let axes = view.ndim();
    let wrong = |_| Fault::given(format!("{name}: an array of {axes} axes: expected 2, a row for each case"));
    view.into_dimensionality::<Ix2>().map_err(wrong)
}

/// Answers as a dictionary of arrays, without a copy where only one is asked for.
pub fn dict(py: Python<'_>, degrees: BatchInference) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    for (attribute, array) in degrees.into_arrays() {
        dict.set_item(attribute.name(), array.into_pyarray(py))?;
    }
    Ok(dict)
}

/// The position of each decided value, −1 where there is none.
pub fn positions(decisions: &[Decision]) -> Array1<i64> {
    decisions.iter().map(|decision| decision.position().map_or(-1, |position| position as i64)).collect()
}

/// The rows along the last axis, one under the other.
fn rows<'a>(name: &str, view: &'a ArrayViewD<'_, f32>) -> Result<CowArray<'a, f32, Ix2>, Fault> {
    let Some(&width) = view.shape().last() else {
        return Err(Fault::given(format!("{name}: a number: expected an array, the values along its last axis")));
    };
    let rows = view.len().checked_div(width).unwrap_or(0);
    Ok(view.to_shape((rows, width)).expect("as many elements"))
}

/// The position of the most possible value in each row, −1 where several tie for that.
///
/// ``argmax`` would break ties silently, and a tie means: not known.
///
/// degrees: array of shape (…, values), from 0 to 1. Gives int64 of shape (…).
///
/// >>> import pinesy
/// >>> pinesy.decide([[0.1, 1.0, 0.3], [1.0, 1.0, 0.0]])
/// array([ 1, -1])
#[pyfunction]
pub fn decide<'py>(degrees: &Bound<'py, PyAny>) -> Result<Bound<'py, PyArrayDyn<i64>>, Fault> {
    let decided = each_row(degrees, |row| possibility::decide(row).position().map_or(-1, |position| position as i64))?;
    Ok(decided.into_pyarray(degrees.py()))
}

/// How certain the most possible value in each row is: 1 − the highest other degree, and at most
/// its own. Of values that tie, all of them together.
///
/// degrees: array of shape (…, values), from 0 to 1. Gives float32 of shape (…).
///
/// >>> import pinesy
/// >>> pinesy.necessity([[0.25, 1.0, 0.5], [1.0, 1.0, 0.0]])
/// array([0.5, 1. ], dtype=float32)
#[pyfunction]
pub fn necessity<'py>(degrees: &Bound<'py, PyAny>) -> Result<Bound<'py, PyArrayDyn<f32>>, Fault> {
    let certain = each_row(degrees, |row| possibility::necessity(row, &possibility::decide(row).positions()))?;
    Ok(certain.into_pyarray(degrees.py()))
}

/// A number for each row of degrees.
fn each_row<T>(degrees: &Bound<'_, PyAny>, number: impl Fn(&[f32]) -> T) -> Result<ArrayD<T>, Fault> {
    let array = numbers("degrees", degrees)?;
    let view = array.as_array();
    let mut found = Vec::new();
    for (row, degrees) in rows("degrees", &view)?.outer_iter().enumerate() {
        let degrees = degrees.to_vec();
        possibility::check_degrees("degrees", degrees.len(), &degrees)
            .map_err(|error| possibility::Error::Row { row, error: Box::new(error) })?;
        found.push(number(&degrees));
    }
    // Without values there are no rows: an empty array.
    let shape = if view.is_empty() { vec![0] } else { view.shape()[..view.ndim() - 1].to_vec() };
    Ok(ArrayD::from_shape_vec(shape, found).expect("one number a row"))
}

/// Turns probabilities into possibilities.
///
/// probabilities: array of shape (…, values); each row sums to 1 within 0.001.
/// kind: ``"antipignistic"`` (π_i = Σ_j min(p_i, p_j), gentle) or ``"minimum-specificity"`` (the
/// sum of all p_j ≤ p_i, the most informative distribution that bounds p).
///
/// Gives float32 of the same shape; the highest degree of each row is 1.
///
/// >>> import pinesy
/// >>> pinesy.transform([0.5, 0.25, 0.25])
/// array([1.  , 0.75, 0.75], dtype=float32)
#[pyfunction]
#[pyo3(signature = (probabilities, kind=None))]
pub fn transform<'py>(
    probabilities: &Bound<'py, PyAny>,
    kind: Option<Kind>,
) -> Result<Bound<'py, PyArrayDyn<f32>>, Fault> {
    let (py, kind) = (probabilities.py(), kind.map_or_else(Default::default, |kind| kind.0));
    let array = numbers("probabilities", probabilities)?;
    let view = array.as_array();
    let flat = rows("probabilities", &view)?;
    let degrees = pool::run(py, || kind.possibilities(flat.view()))??;
    Ok(degrees.into_shape_with_order(view.raw_dim()).expect("as many elements").into_pyarray(py))
}

/// Turns possibilities back into the probabilities that :func:`transform` makes them of.
///
/// possibilities: array of shape (…, values); the highest degree of each row is 1.
///
/// >>> import pinesy
/// >>> pinesy.inverse_transform([1.0, 0.75, 0.75])
/// array([0.5 , 0.25, 0.25], dtype=float32)
#[pyfunction]
#[pyo3(signature = (possibilities, kind=None))]
pub fn inverse_transform<'py>(
    possibilities: &Bound<'py, PyAny>,
    kind: Option<Kind>,
) -> Result<Bound<'py, PyArrayDyn<f32>>, Fault> {
    let (py, kind) = (possibilities.py(), kind.map_or_else(Default::default, |kind| kind.0));
    let array = numbers("possibilities", possibilities)?;
    let view = array.as_array();
    let mut found = Vec::with_capacity(view.len());
    for (row, degrees) in rows("possibilities", &view)?.outer_iter().enumerate() {
        let probabilities = kind.probability(&degrees.to_vec());
        found.extend(probabilities.map_err(|error| possibility::Error::Row { row, error: Box::new(error) })?);
    }
    Ok(ArrayD::from_shape_vec(view.raw_dim(), found).expect("one probability a degree").into_pyarray(py))
}

/// A vector as an array of its own.
pub fn vector(py: Python<'_>, numbers: Vec<f32>) -> Bound<'_, PyArray1<f32>> {
    numbers.into_pyarray(py)
}
