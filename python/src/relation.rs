//! Fuzzy relational equations, without any rule.

use numpy::ndarray::{Array1, ArrayView1, ArrayView2, Axis, Ix1, Ix2};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayDyn, PyArrayMethods, PyReadonlyArray2};
use pinesy::relation::{self, Composition};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::arrays::{matrix, numbers, vector};
use crate::error::Fault;
use crate::pool;

/// A system of fuzzy relational equations: min-max, min_j max(m_ij, x_j) = y_i for every row i, or
/// max-min, max_j min(m_ij, x_j) = y_i.
///
/// matrix: array of shape (rows, columns), rhs: of shape (rows,), all from 0 to 1. A float32 array
/// is looked at where it lies, not copied, so leave it as it is. tolerance: degrees that differ by
/// this share count as equal in extreme solutions.
///
/// The extreme solution is the least of a min-max system, the greatest of a max-min one.
///
/// >>> from pinesy.relation import System
/// >>> system = System([[0.75, 0.75], [0.5, 0.25]], [0.5, 0.5], "max-min")
/// >>> system.extreme_solution()
/// array([0.5, 0.5], dtype=float32)
/// >>> list(system.opposite_solutions())
/// [array([0.5, 0. ], dtype=float32)]
/// >>> System([[0.25, 0.75], [0.5, 0.5]], [0.5, 0.25]).chebyshev_distance()
/// 0.25
#[pyclass(frozen, module = "pinesy.relation")]
pub struct System {
    composition: Composition,
    matrix: Py<PyArray2<f32>>,
    rhs: Vec<f32>,
    tolerance: f32,
}

impl System {
    /// Asks the system over the array as it is now, checked again: it may have been written to.
    fn ask<T: Send>(
        &self,
        py: Python<'_>,
        question: impl FnOnce(relation::System<'_>) -> T + Send,
    ) -> Result<T, Fault> {
        let array = self.matrix.bind(py).readonly();
        let (view, rhs) = (array.as_array(), ArrayView1::from(&self.rhs));
        Ok(pool::run(py, || {
            let system = relation::System::new(self.composition, view, rhs)?.with_tolerance(self.tolerance)?;
            Ok::<T, relation::Error>(question(system))
        })??)
    }
}

#[pymethods]
impl System {
    #[new]
    #[pyo3(signature = (matrix, rhs, composition="min-max", *, tolerance=0.0))]
    fn new(
        matrix: &Bound<'_, PyAny>,
        rhs: &Bound<'_, PyAny>,
        composition: &str,
        tolerance: f32,
    ) -> Result<Self, Fault> {
        let py = rhs.py();
        // One of float32 is kept as it is, without a copy.
        let matrix = match matrix.extract::<PyReadonlyArray2<'_, f32>>() {
            Ok(array) => (*array).clone().unbind(),
            Err(_) => self::matrix("matrix", &numbers("matrix", matrix)?)?.to_owned().into_pyarray(py).unbind(),
        };
        let unknown = |_| Fault::given(format!("composition '{composition}': expected min-max or max-min"));
        let composition: Composition = composition.parse().map_err(unknown)?;
        let system = Self { composition, matrix, rhs: row("rhs", rhs)?.to_vec(), tolerance };
        system.ask(py, |_| ())?;
        Ok(system)
    }

    /// ``"min-max"`` or ``"max-min"``.
    #[getter]
    fn composition(&self) -> String {
        self.composition.to_string()
    }

    /// The product of the matrix with x, of shape (columns,).
    fn product<'py>(&self, x: &Bound<'py, PyAny>) -> Result<Bound<'py, PyArray1<f32>>, Fault> {
        let (py, x) = (x.py(), row("x", x)?);
        Ok(self.ask(py, |system| system.product(x.view()))??.into_pyarray(py))
    }

    /// Whether x solves the system.
    fn is_solution(&self, x: &Bound<'_, PyAny>) -> Result<bool, Fault> {
        let (py, x) = (x.py(), row("x", x)?);
        Ok(self.ask(py, |system| system.is_solution(x.view()))??)
    }

    /// Whether it has a solution.
    fn is_consistent(&self, py: Python<'_>) -> Result<bool, Fault> {
        self.ask(py, |system| system.is_consistent())
    }

    /// The only vector that can be the extreme solution.
    fn extreme_candidate<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyArray1<f32>>, Fault> {
        Ok(self.ask(py, |system| system.extreme_candidate())?.into_pyarray(py))
    }

    /// The least (min-max) or greatest (max-min) solution; None if there is none.
    fn extreme_solution<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyArray1<f32>>>, Fault> {
        Ok(self.ask(py, |system| system.extreme_solution())?.map(|solution| solution.into_pyarray(py)))
    }

    /// The maximal solutions of a min-max system, the minimal ones of a max-min system, one by one:
    /// there can be exponentially many. All that lies between the extreme solution and one of these
    /// is a solution, and nothing else. Raises :class:`pinesy.Error` if there is no solution.
    fn opposite_solutions(&self, py: Python<'_>) -> Result<OppositeSolutions, Fault> {
        Ok(OppositeSolutions { inner: self.ask(py, |system| system.opposite_solutions())?? })
    }

    /// How far each row is from what can be solved; all 0 exactly when the system is consistent.
    fn row_distances<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyArray1<f32>>, Fault> {
        Ok(self.ask(py, |system| system.row_distances())?.into_pyarray(py))
    }

    /// ∇: the least largest change of the right-hand side that makes the system consistent.
    fn chebyshev_distance(&self, py: Python<'_>) -> Result<f32, Fault> {
        self.ask(py, |system| system.chebyshev_distance())
    }

    /// The best consistent system nearby: ∇, its right-hand side, and its extreme solution.
    // A tuple in Python.
    #[allow(clippy::type_complexity)]
    fn approximation<'py>(
        &self,
        py: Python<'py>,
    ) -> Result<(f32, Bound<'py, PyArray1<f32>>, Bound<'py, PyArray1<f32>>), Fault> {
        let found = self.ask(py, |system| system.approximation())?;
        Ok((found.distance, found.rhs.into_pyarray(py), found.solution.into_pyarray(py)))
    }

    /// The least change of the matrix that makes the system consistent: the largest change of an
    /// element, and the matrix.
    fn approximate_matrix<'py>(&self, py: Python<'py>) -> Result<(f32, Bound<'py, PyArray2<f32>>), Fault> {
        let found = self.ask(py, |system| system.approximate_matrix())?;
        Ok((found.distance, found.matrix.into_pyarray(py)))
    }

    /// The rows that attain ∇, to blame first; none if the system is consistent.
    fn worst_rows(&self, py: Python<'_>) -> Result<Vec<usize>, Fault> {
        self.ask(py, |system| system.worst_rows())
    }

    /// The rows of a maximal consistent part.
    fn maximal_consistent_rows(&self, py: Python<'_>) -> Result<Vec<usize>, Fault> {
        self.ask(py, |system| system.maximal_consistent_rows())
    }

    /// The system of some of the rows, in the order given.
    fn subsystem(&self, py: Python<'_>, rows: Vec<usize>) -> Result<Self, Fault> {
        if let Some(row) = rows.iter().find(|row| **row >= self.rhs.len()) {
            return Err(Fault::given(format!("row {row} of {}: expected one of them, from 0", self.rhs.len())));
        }
        let (matrix, rhs) = self.ask(py, |system| system.subsystem(&rows))?;
        let matrix = matrix.into_pyarray(py).unbind();
        let part = Self { matrix, rhs: rhs.to_vec(), composition: self.composition, tolerance: self.tolerance };
        part.ask(py, |_| ())?;
        Ok(part)
    }

    /// All of its columns that distances depend on, small and mergeable.
    fn partial(&self, py: Python<'_>) -> Result<PartialSystem, Fault> {
        let columns = self.matrix.bind(py).readonly().as_array().ncols();
        Ok(PartialSystem { inner: self.ask(py, |system| system.partial())?, composition: self.composition, columns })
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let (rows, columns) = self.matrix.bind(py).readonly().as_array().dim();
        format!("<pinesy.relation.System {} of {rows} rows, {columns} columns>", self.composition)
    }

    fn __getnewargs_ex__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let arguments = (self.matrix.clone_ref(py), vector(py, self.rhs.clone()), self.composition());
        let named = PyDict::new(py);
        named.set_item("tolerance", self.tolerance)?;
        (arguments, named).into_pyobject(py)
    }
}

/// The extreme solutions of the other kind, one by one: an iterator.
#[pyclass(module = "pinesy.relation")]
pub struct OppositeSolutions {
    inner: relation::OppositeSolutions,
}

#[pymethods]
impl OppositeSolutions {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&mut self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f32>>> {
        Some(py.detach(|| self.inner.next())?.into_pyarray(py))
    }

    /// How many there are, without listing them; None if that takes more than ``limit`` for one
    /// group of rows.
    #[pyo3(signature = (limit=100_000))]
    fn count_up_to(&self, py: Python<'_>, limit: usize) -> Option<u128> {
        py.detach(|| self.inner.count_up_to(limit))
    }
}

/// What distances depend on in the rows seen so far, for systems that come in pieces:
/// :meth:`System.partial` of each, :meth:`merge` all, then :meth:`row_distances` of each.
#[pyclass(frozen, module = "pinesy.relation")]
pub struct PartialSystem {
    inner: relation::PartialSystem,
    composition: Composition,
    columns: usize,
}

#[pymethods]
impl PartialSystem {
    /// All rows that both have seen.
    fn merge(&self, other: &Bound<'_, Self>) -> Result<Self, Fault> {
        let other = other.get();
        if (self.composition, self.columns) != (other.composition, other.columns) {
            return Err(Fault::given("systems of different kinds or columns: expected parts of one system"));
        }
        let mut inner = self.inner.clone();
        inner.merge(&other.inner);
        Ok(Self { inner, ..*self })
    }

    /// How far rows are from what can be solved together with all that was seen.
    fn row_distances<'py>(
        &self,
        matrix: &Bound<'py, PyAny>,
        rhs: &Bound<'py, PyAny>,
    ) -> Result<Bound<'py, PyArray1<f32>>, Fault> {
        let (array, rhs) = (numbers("matrix", matrix)?, row("rhs", rhs)?);
        let rows = self::matrix("matrix", &array)?;
        if rows.nrows() != rhs.len() {
            return Err(Fault::given(format!("rhs: {} elements: expected {}", rhs.len(), rows.nrows())));
        }
        let distance = |(row, &rhs): (ArrayView1<'_, f32>, &f32)| self.inner.row_distance(&row.to_vec(), rhs);
        let distances: Vec<f32> = rows.outer_iter().zip(&rhs).map(distance).collect::<Result<_, _>>()?;
        Ok(vector(matrix.py(), distances))
    }

    #[classmethod]
    fn _parse(_cls: &Bound<'_, PyType>, text: &str, composition: &str, columns: usize) -> Result<Self, Fault> {
        let wrong = |source| Fault::Json { path: "partial system".into(), source };
        let unknown = |_| Fault::given(format!("composition '{composition}': expected min-max or max-min"));
        let composition: Composition = composition.parse().map_err(unknown)?;
        Ok(Self { inner: serde_json::from_str(text).map_err(wrong)?, composition, columns })
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let part = slf.get();
        let text = serde_json::to_string(&part.inner).expect("plain data");
        let arguments = (text, part.composition.to_string(), part.columns).into_pyobject(slf.py())?;
        Ok((slf.get_type().getattr("_parse")?, arguments))
    }
}

/// The min-max product: min_k max(a_ik, x_kj).
///
/// a: array of shape (rows, columns). x: of shape (columns,) or (columns, n).
///
/// >>> from pinesy.relation import min_max
/// >>> min_max([[0.25, 0.75], [1.0, 0.5]], [0.5, 0.0])
/// array([0.5, 0.5], dtype=float32)
#[pyfunction]
pub fn min_max<'py>(a: &Bound<'py, PyAny>, x: &Bound<'py, PyAny>) -> Result<Bound<'py, PyArrayDyn<f32>>, Fault> {
    product(Composition::MinMax, a, x)
}

/// The max-min product: max_k min(a_ik, x_kj).
///
/// a: array of shape (rows, columns). x: of shape (columns,) or (columns, n).
#[pyfunction]
pub fn max_min<'py>(a: &Bound<'py, PyAny>, x: &Bound<'py, PyAny>) -> Result<Bound<'py, PyArrayDyn<f32>>, Fault> {
    product(Composition::MaxMin, a, x)
}

fn product<'py>(
    composition: Composition,
    a: &Bound<'py, PyAny>,
    x: &Bound<'py, PyAny>,
) -> Result<Bound<'py, PyArrayDyn<f32>>, Fault> {
    let (first, second) = (numbers("a", a)?, numbers("x", x)?);
    let (left, right) = (matrix("a", &first)?, second.as_array());
    if right.shape().first() != Some(&left.ncols()) || right.ndim() > 2 {
        let shape = right.shape();
        return Err(Fault::given(format!("x: an array of shape {shape:?}: expected ({0},) or ({0}, n)", left.ncols())));
    }
    let single = right.ndim() == 1;
    let columns = if single { right.insert_axis(Axis(1)) } else { right };
    let columns: ArrayView2<'_, f32> = columns.into_dimensionality::<Ix2>().expect("two axes");
    let found = pool::run(a.py(), || match composition {
        Composition::MinMax => relation::min_max_matrix(left, columns),
        Composition::MaxMin => relation::max_min_matrix(left, columns),
    })?;
    let found = if single { found.index_axis_move(Axis(1), 0).into_dyn() } else { found.into_dyn() };
    Ok(found.into_pyarray(a.py()))
}

/// A vector.
fn row(name: &str, object: &Bound<'_, PyAny>) -> Result<Array1<f32>, Fault> {
    let array = numbers(name, object)?;
    let axes = array.as_array().ndim();
    let wrong = |_| Fault::given(format!("{name}: an array of {axes} axes: expected 1"));
    Ok(array.as_array().into_dimensionality::<Ix1>().map_err(wrong)?.to_owned())
}
