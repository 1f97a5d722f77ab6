//! Fuzzy relational equations, min-max and max-min: a solver usable without any rule or network.
//!
//! A min-max system Γ □ x = y asks for x with min_j max(γ_ij, x_j) = y_i for every row i; a
//! max-min system A ∘ x = b for x with max_j min(a_ij, x_j) = b_i. All degrees lie in \[0, 1\].
//! The two are dual (replace every degree by 1 minus it), and [`System`] serves both with one
//! implementation: negating all degrees turns one into the other without any rounding.
//!
//! - A *consistent* system has one extreme solution, least for min-max and greatest for max-min,
//!   and finitely many of the other kind, maximal or minimal; its solutions are the union of the
//!   intervals between them ([`System::extreme_solution`], [`System::opposite_solutions`]).
//! - An *inconsistent* one has a Chebyshev distance ∇, the least change of the right-hand side
//!   (largest change of an element) that makes it consistent, with a per-row share that tells
//!   which rows are to blame ([`System::row_distances`], [`System::approximation`],
//!   [`System::maximal_consistent_rows`]); or the matrix may be changed instead
//!   ([`System::approximate_matrix`]).
//!
//! Sources: E. Sanchez, *Resolution of composite fuzzy relation equations* (1976); I. Baaj,
//! *Max-min learning of approximate weight matrices from fuzzy data* (2023), *Maximal consistent
//! subsystems of max-T fuzzy relational equations* (2023). The distances are computed in
//! O(columns · rows · log rows) by [`Envelope`]s, not by the textbook formula's
//! O(columns · rows²).
//!
//! ```
//! use ndarray::array;
//! use pinesy::relation::System;
//!
//! let gamma = array![[0.2, 0.9], [0.6, 0.4]];
//! let y = array![0.5, 0.6];
//! let system = System::min_max(gamma.view(), y.view())?;
//! assert_eq!(system.extreme_solution(), Some(array![0.5, 0.6])); // the least
//! assert!(system.opposite_solutions()?.eq([array![0.5, 1.0]])); // the maximal ones
//!
//! let y = array![0.5, 0.3]; // both entries of the second row exceed 0.3
//! let system = System::min_max(gamma.view(), y.view())?;
//! let approximation = system.approximation();
//! assert!((approximation.distance - 0.1).abs() < 1e-6);
//! assert!((approximation.rhs[1] - 0.4).abs() < 1e-6);
//! # Ok::<(), pinesy::relation::Error>(())
//! ```

mod distances;
mod envelope;
mod matrix_change;
mod opposite;
mod partial;
mod product;
mod system;

pub use envelope::Envelope;
pub use matrix_change::MatrixChange;
pub use opposite::OppositeSolutions;
pub use partial::PartialSystem;
pub use product::{max_min_matrix, max_min_vector, min_max_matrix, min_max_vector};
pub use system::{Approximation, Composition, System};

pub(crate) use envelope::contribution;
pub(crate) use system::row_distance;

/// What can be wrong with a system or a file that holds one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A matrix without rows or columns.
    #[error("a matrix of {rows} rows and {columns} columns: expected at least one of each")]
    Empty {
        /// Rows found.
        rows: usize,
        /// Columns found.
        columns: usize,
    },
    /// Lengths that do not fit the matrix.
    #[error("{what} has {found} elements: expected {expected}")]
    Length {
        /// Such as `the right-hand side`.
        what: &'static str,
        /// Elements found.
        found: usize,
        /// Elements expected.
        expected: usize,
    },
    /// An element of the matrix that is no degree.
    #[error("matrix row {row}, column {column}: {degree}: expected a number from 0 to 1")]
    MatrixDegree {
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
        /// What was found.
        degree: f32,
    },
    /// An element of a vector that is no degree.
    #[error("{what} at row {row}: {degree}: expected a number from 0 to 1")]
    VectorDegree {
        /// Such as `the right-hand side`.
        what: &'static str,
        /// Position, from 0.
        row: usize,
        /// What was found.
        degree: f32,
    },
    /// A tolerance outside its range.
    #[error("tolerance {0}: expected a number from 0 to below 1")]
    Tolerance(f32),
    /// Solutions were asked of a system that has none.
    #[error("the system is inconsistent (Chebyshev distance {distance}): expected a consistent one")]
    Inconsistent {
        /// Its Chebyshev distance.
        distance: f32,
    },
}

/// ε(γ, y): y if γ < y, else 0. The lowest x with max(γ, x) ≥ y.
///
/// With a `tolerance` above 0, degrees that differ by at most that share of the greater one count
/// as equal.
pub fn epsilon(gamma: f32, y: f32, tolerance: f32) -> f32 {
    if gamma < y && !nearly_equal(gamma, y, tolerance) { y } else { 0.0 }
}

/// Below this, differences count as none whenever a tolerance is asked for.
const ABSOLUTE_TOLERANCE: f32 = 1e-9;

fn nearly_equal(a: f32, b: f32, tolerance: f32) -> bool {
    tolerance > 0.0 && (a - b).abs() <= (tolerance * a.max(b)).max(ABSOLUTE_TOLERANCE)
}
