use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, CowArray, Ix2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, VariantArray, VariantNames};

use super::distances::{Rows, Tabled};
use super::{Envelope, Error, OppositeSolutions, PartialSystem, nearly_equal};

/// Which of the two kinds of product a system is about.
///
/// As text: `min-max`, `max-min`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, EnumString, Display, VariantNames, VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Composition {
    /// (Γ □ x)_i = min_j max(γ_ij, x_j).
    #[default]
    MinMax,
    /// (A ∘ x)_i = max_j min(a_ij, x_j).
    MaxMin,
}

/// A system of fuzzy relational equations over borrowed, checked degrees.
///
/// Inside, every degree is multiplied by `sign`: max-min systems become min-max ones over
/// [−1, 0], exactly. Comments and private names speak of min-max.
#[derive(Debug, Clone)]
pub struct System<'a> {
    /// In standard layout, borrowed if it came so.
    pub(super) matrix: CowArray<'a, f32, Ix2>,
    /// The right-hand side, signed.
    pub(super) rhs: Array1<f32>,
    pub(super) composition: Composition,
    tolerance: f32,
}

/// The best consistent system near an inconsistent one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Approximation {
    /// ∇, the Chebyshev distance from the right-hand side to the nearest consistent one; 0 if
    /// the system is consistent.
    pub distance: f32,
    /// The lowest (min-max) or greatest (max-min) right-hand side at that distance.
    pub rhs: Array1<f32>,
    /// The extreme solution of the system with that right-hand side.
    pub solution: Array1<f32>,
}

/// The most rows a thread takes at once: with some tens of columns they fill half an L2 cache.
const ROWS_PER_TASK: usize = 4096;

impl<'a> System<'a> {
    /// Γ □ x = y.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Length`], [`Error::MatrixDegree`], [`Error::VectorDegree`].
    pub fn min_max(gamma: ArrayView2<'a, f32>, y: ArrayView1<'_, f32>) -> Result<Self, Error> {
        Self::new(Composition::MinMax, gamma, y)
    }

    /// A ∘ x = b.
    ///
    /// # Errors
    /// As [`Self::min_max`].
    pub fn max_min(a: ArrayView2<'a, f32>, b: ArrayView1<'_, f32>) -> Result<Self, Error> {
        Self::new(Composition::MaxMin, a, b)
    }

    /// A system of either kind.
    ///
    /// # Errors
    /// As [`Self::min_max`].
    pub fn new(composition: Composition, matrix: ArrayView2<'a, f32>, rhs: ArrayView1<'_, f32>) -> Result<Self, Error> {
        check_matrix(matrix)?;
        Self::of_checked(composition, matrix, rhs)
    }

    /// Systems that share a matrix: one for each column of `rhs`.
    ///
    /// # Errors
    /// As [`Self::min_max`].
    pub fn many(
        composition: Composition,
        matrix: ArrayView2<'a, f32>,
        rhs: ArrayView2<'_, f32>,
    ) -> Result<Vec<Self>, Error> {
        check_matrix(matrix)?;
        rhs.axis_iter(Axis(1)).map(|column| Self::of_checked(composition, matrix, column)).collect()
    }

    fn of_checked(
        composition: Composition,
        matrix: ArrayView2<'a, f32>,
        rhs: ArrayView1<'_, f32>,
    ) -> Result<Self, Error> {
        check_vector("the right-hand side", matrix.nrows(), rhs)?;
        let rhs = rhs.mapv(|degree| composition.sign() * degree);
        Ok(Self { matrix: standard(matrix), rhs, composition, tolerance: 0.0 })
    }

    /// Counts degrees as equal when they differ by at most this share of the greater: in ε(γ, y),
    /// and where a product is compared with the right-hand side, so that consistency and solutions
    /// are of one definition. Default 0, the exact one. Distances are always exact.
    ///
    /// # Errors
    /// [`Error::Tolerance`] unless it is from 0 to below 1.
    pub fn with_tolerance(mut self, tolerance: f32) -> Result<Self, Error> {
        if !(0.0..1.0).contains(&tolerance) {
            return Err(Error::Tolerance(tolerance));
        }
        self.tolerance = tolerance;
        Ok(self)
    }

    /// The number of rows (equations).
    pub fn rows(&self) -> usize {
        self.matrix.nrows()
    }

    /// The number of columns (unknowns).
    pub fn columns(&self) -> usize {
        self.matrix.ncols()
    }

    /// The matrix's product with x.
    ///
    /// # Errors
    /// [`Error::Length`] or [`Error::VectorDegree`] if x is no vector of one degree a column.
    pub fn product(&self, x: ArrayView1<'_, f32>) -> Result<Array1<f32>, Error> {
        check_vector("x", self.columns(), x)?;
        Ok(self.composition.unsigned(&self.signed_product(&x.mapv(|degree| self.composition.sign() * degree))))
    }

    /// Whether x solves the system.
    ///
    /// # Errors
    /// As [`Self::product`].
    pub fn is_solution(&self, x: ArrayView1<'_, f32>) -> Result<bool, Error> {
        check_vector("x", self.columns(), x)?;
        Ok(self.is_met(&self.signed_product(&x.mapv(|degree| self.composition.sign() * degree))))
    }

    /// The only vector that can be the extreme solution: x_j = max_i ε(γ_ij, y_i) for min-max.
    pub fn extreme_candidate(&self) -> Array1<f32> {
        self.composition.unsigned(&self.candidate(0.0))
    }

    /// Whether there is a solution: whether the extreme candidate is one.
    pub fn is_consistent(&self) -> bool {
        self.is_met(&self.signed_product(&self.candidate(0.0)))
    }

    /// The least (min-max) or greatest (max-min) solution, if there is any.
    pub fn extreme_solution(&self) -> Option<Array1<f32>> {
        let candidate = self.candidate(0.0);
        self.is_met(&self.signed_product(&candidate)).then(|| self.composition.unsigned(&candidate))
    }

    /// Whether a signed product is the right-hand side.
    pub(super) fn is_met(&self, product: &Array1<f32>) -> bool {
        product.iter().zip(&self.rhs).all(|(&degree, &y)| self.counts_as(degree, y))
    }

    /// Whether two signed degrees count as equal. The tolerance is about the degrees themselves, so
    /// without their sign.
    pub(super) fn counts_as(&self, a: f32, b: f32) -> bool {
        a == b || nearly_equal(a.abs(), b.abs(), self.tolerance)
    }

    /// The extreme solutions of the other kind: all maximal solutions of a min-max system, all
    /// minimal ones of a max-min system, one by one. There can be exponentially many.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] if there is no solution.
    pub fn opposite_solutions(&self) -> Result<OppositeSolutions, Error> {
        OppositeSolutions::new(self)
    }

    /// The set of all solutions: the intervals \[lower, upper\] between the extreme solution and
    /// each opposite one. Their union is the whole set.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] if there is no solution.
    pub fn solution_intervals(&self) -> Result<impl Iterator<Item = (Array1<f32>, Array1<f32>)>, Error> {
        let opposite = self.opposite_solutions()?;
        let extreme = self.composition.unsigned(&self.candidate(0.0));
        let composition = self.composition;
        Ok(opposite.map(move |other| match composition {
            Composition::MinMax => (extreme.clone(), other),
            Composition::MaxMin => (other, extreme.clone()),
        }))
    }

    /// Everything of the columns that distances depend on; feed it more rows, or merge it.
    pub fn partial(&self) -> PartialSystem {
        PartialSystem::of(self)
    }

    /// ∇_i of every row; the Chebyshev distance is their maximum. The system is consistent
    /// exactly when all are 0.
    pub fn row_distances(&self) -> Array1<f32> {
        let envelopes = self.envelopes();
        let tabled = Tabled::new(&envelopes, self.rows(), self.composition);
        let mut distances = vec![0.0; self.rows()];
        let tasks = distances.par_chunks_mut(self.rows_per_task()).zip(self.blocks());
        tasks.for_each(|(distances, rows)| tabled.distances(rows, distances));
        distances.into()
    }

    /// ∇: the Chebyshev distance from the right-hand side to the nearest consistent one.
    pub fn chebyshev_distance(&self) -> f32 {
        self.row_distances().iter().copied().fold(0.0, f32::max)
    }

    /// The best consistent system nearby, with its extreme solution. ‖product − rhs‖_∞ is
    /// exactly ∇, up to the rounding of one subtraction.
    pub fn approximation(&self) -> Approximation {
        self.approximation_at(self.chebyshev_distance())
    }

    /// [`Self::approximation`] for a Chebyshev distance already known.
    pub fn approximation_at(&self, distance: f32) -> Approximation {
        let solution = self.candidate(distance);
        let rhs = self.composition.unsigned(&self.signed_product(&solution));
        Approximation { distance, rhs, solution: self.composition.unsigned(&solution) }
    }

    /// The rows that attain the Chebyshev distance: those to blame first. None if it is 0.
    pub fn worst_rows(&self) -> Vec<usize> {
        let distances = self.row_distances();
        let worst = distances.iter().copied().fold(0.0, f32::max);
        distances
            .iter()
            .enumerate()
            .filter(|(_, distance)| worst > 0.0 && **distance == worst)
            .map(|(i, _)| i)
            .collect()
    }

    /// The rows with ∇_i = 0. By themselves they form a consistent system, and no other row can
    /// be added to them without making it inconsistent (Baaj 2023).
    pub fn maximal_consistent_rows(&self) -> Vec<usize> {
        let distances = self.row_distances();
        distances.iter().enumerate().filter(|(_, distance)| **distance == 0.0).map(|(i, _)| i).collect()
    }

    /// The system of some of the rows, in the order given.
    ///
    /// # Panics
    /// If a row does not exist.
    pub fn subsystem(&self, rows: &[usize]) -> (Array2<f32>, Array1<f32>) {
        (self.matrix.select(Axis(0), rows), self.composition.unsigned(&self.rhs.select(Axis(0), rows)))
    }

    pub(super) fn envelopes(&self) -> Vec<Envelope> {
        self.blocks().map(Rows::envelopes).reduce_with(merge).expect("at least one row")
    }

    /// x_j = max_i ε(γ_ij, (y_i − distance)⁺), signed.
    ///
    /// The distance comes from differences y − γ, each rounded once. So that x attains it, γ counts
    /// as near enough by the same difference, not by the rounding of y − distance.
    pub(super) fn candidate(&self, distance: f32) -> Array1<f32> {
        let (sign, bottom, tolerance) = (self.composition.sign(), self.composition.bottom(), self.tolerance);
        let lowest = || Array1::from_elem(self.columns(), bottom);
        let take_in = |mut x: Array1<f32>, rows: Rows| {
            for (row, &y) in rows.matrix.chunks_exact(rows.columns).zip(rows.rhs) {
                let whole = y;
                let y = (y - distance).max(bottom);
                for (x, &gamma) in x.iter_mut().zip(row) {
                    let gamma = sign * gamma;
                    let below = gamma < y && whole - gamma > distance && !nearly_equal(gamma.abs(), y.abs(), tolerance);
                    *x = if below && y > *x { y } else { *x };
                }
            }
            x
        };
        self.blocks().fold(lowest, take_in).reduce(lowest, |mut a, b| {
            a.zip_mut_with(&b, |a, &b| *a = a.max(b));
            a
        })
    }

    pub(super) fn signed_product(&self, x: &Array1<f32>) -> Array1<f32> {
        let (sign, top) = (self.composition.sign(), self.composition.top());
        let mut product = vec![top; self.rows()];
        product.par_chunks_mut(self.rows_per_task()).zip(self.blocks()).for_each(|(product, rows)| {
            for (out, row) in product.iter_mut().zip(rows.matrix.chunks_exact(rows.columns)) {
                *out = row.iter().zip(x).fold(top, |least, (&gamma, &x)| {
                    let greater = if sign * gamma > x { sign * gamma } else { x };
                    if greater < least { greater } else { least }
                });
            }
        });
        product.into()
    }

    /// Few enough that all threads have work.
    fn rows_per_task(&self) -> usize {
        (self.rows() / (2 * rayon::current_num_threads())).clamp(256, ROWS_PER_TASK)
    }

    fn blocks(&self) -> impl IndexedParallelIterator<Item = Rows<'_>> {
        let matrix = self.matrix.as_slice().expect("standard layout");
        let rhs = self.rhs.as_slice().expect("standard layout");
        let (columns, composition) = (self.columns(), self.composition);
        let rows = self.rows_per_task();
        let blocks = matrix.par_chunks(rows * columns).zip(rhs.par_chunks(rows));
        blocks.map(move |(matrix, rhs)| Rows { matrix, rhs, columns, composition })
    }
}

fn standard(matrix: ArrayView2<'_, f32>) -> CowArray<'_, f32, Ix2> {
    if matrix.is_standard_layout() { matrix.into() } else { matrix.as_standard_layout().into_owned().into() }
}

pub(super) fn merge(mut into: Vec<Envelope>, from: Vec<Envelope>) -> Vec<Envelope> {
    for (into, from) in into.iter_mut().zip(&from) {
        into.merge(from);
    }
    into
}

/// ∇_i = min_j max((γ_ij − y_i)⁺, F_j(y_i)), for a signed y_i; `columns` gives γ_ij and F_j, `top`
/// the highest degree. Stops where the distance is known not to exceed `settled`.
///
/// `distances` computes the same for whole blocks of rows, where tables stand for most F_j.
pub(crate) fn row_distance(
    y: f32,
    top: f32,
    settled: f32,
    columns: impl Iterator<Item = (f32, impl FnOnce(f32) -> f32)>,
) -> f32 {
    let mut least = top - y;
    for (gamma, contribution) in columns {
        if least <= settled {
            break;
        }
        let excess = (gamma - y).max(0.0);
        if excess < least {
            least = least.min(excess.max(contribution(y)));
        }
    }
    least
}

impl Composition {
    pub(super) fn sign(self) -> f32 {
        match self {
            Self::MinMax => 1.0,
            Self::MaxMin => -1.0,
        }
    }

    /// The lowest signed degree.
    pub(super) fn bottom(self) -> f32 {
        match self {
            Self::MinMax => 0.0,
            Self::MaxMin => -1.0,
        }
    }

    /// The highest signed degree.
    pub(super) fn top(self) -> f32 {
        self.bottom() + 1.0
    }

    /// Adding 0 turns −0 into 0.
    pub(super) fn unsigned(self, signed: &Array1<f32>) -> Array1<f32> {
        signed.mapv(|degree| self.sign() * degree + 0.0)
    }
}

fn check_matrix(matrix: ArrayView2<'_, f32>) -> Result<(), Error> {
    let (rows, columns) = matrix.dim();
    if rows == 0 || columns == 0 {
        return Err(Error::Empty { rows, columns });
    }
    match matrix.indexed_iter().find(|(_, degree)| !(0.0..=1.0).contains(*degree)) {
        Some(((row, column), &degree)) => Err(Error::MatrixDegree { row, column, degree }),
        None => Ok(()),
    }
}

pub(super) fn check_vector(what: &'static str, expected: usize, vector: ArrayView1<'_, f32>) -> Result<(), Error> {
    if vector.len() != expected {
        return Err(Error::Length { what, found: vector.len(), expected });
    }
    match vector.iter().position(|degree| !(0.0..=1.0).contains(degree)) {
        Some(row) => Err(Error::VectorDegree { what, row, degree: vector[row] }),
        None => Ok(()),
    }
}
