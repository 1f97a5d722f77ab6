//! The engine run backward: which values explain what is observed.

use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::dict;
use crate::cases::{Beside, table};
use crate::engine::{Engine, Names};
use crate::error::Fault;
use crate::pool;
use crate::values::Kind;

#[pymethods]
impl Engine {
    /// Whether :meth:`abduce` is exact: no two ways lead from one attribute to another. Otherwise
    /// its degrees are upper bounds, and its conflicts lower ones.
    #[getter]
    fn is_exact_backward(&self) -> bool {
        self.backward().is_exact()
    }

    /// How possible each value of some attributes is, given all that is known and observed.
    ///
    /// observed: columns by attribute, of the form of targets (:meth:`cases`).
    /// attributes: inputs or derived ones; by default all inputs.
    /// own_excluded: for inputs, what all the rest says about them, without their own
    /// possibilities: the message a network can be trained with.
    ///
    /// Gives a dictionary of float32 arrays of shape (cases, values), and a float32 array of shape
    /// (cases,): how much each case contradicts itself, from 0 to 1. A contradiction lowers all
    /// degrees of its case.
    #[pyo3(signature = (cases, attributes=None, *, observed=None, own_excluded=false, transform=None))]
    fn abduce<'py>(
        &self,
        cases: &Bound<'py, PyAny>,
        attributes: Option<Names>,
        observed: Option<&Bound<'py, PyAny>>,
        own_excluded: bool,
        transform: Option<Kind>,
    ) -> Result<(Bound<'py, PyDict>, Bound<'py, PyArray1<f32>>), Fault> {
        let (py, base) = (cases.py(), self.inner.base());
        let table = table(base, cases, &Beside { observed, ..Beside::transformed(transform) })?;
        let inputs = || base.inputs().map(|input| input.name().to_owned()).collect();
        let names: Vec<String> = attributes.map_or_else(inputs, Names::into_list);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let found = pool::run(py, || match own_excluded {
            true => self.backward().own_excluded(&table, &names),
            false => self.backward().abduce(&table, &names),
        })??;
        let conflicts = found.conflicts().to_vec().into_pyarray(py);
        Ok((dict(py, found.into_degrees())?, conflicts))
    }
}
