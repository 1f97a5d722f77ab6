use ndarray::{ArrayView1, aview1};
use serde::{Deserialize, Serialize};

use super::system::{check_vector, merge, row_distance};
use super::{Composition, Envelope, Error, System};

/// A system whose rows arrive as a stream, or in several places at once.
///
/// Only the columns' [`Envelope`]s are kept, a few pairs each however many rows have come.
/// Partial systems merge: associative, commutative and idempotent, so the outcome does not depend
/// on how rows were spread or ordered. A second pass over the rows asks for their distances.
///
/// ```
/// use pinesy::relation::{Composition, PartialSystem};
///
/// let mut here = PartialSystem::new(Composition::MinMax, 2);
/// here.insert(&[0.2, 0.9], 0.5)?;
/// let mut there = PartialSystem::new(Composition::MinMax, 2);
/// there.insert(&[0.6, 0.4], 0.3)?;
/// here.merge(&there);
/// assert_eq!(here.row_distance(&[0.2, 0.9], 0.5)?, 0.0);
/// assert!((here.row_distance(&[0.6, 0.4], 0.3)? - 0.1).abs() < 1e-6);
/// # Ok::<(), pinesy::relation::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartialSystem {
    composition: Composition,
    columns: Vec<Envelope>,
}

impl PartialSystem {
    /// A system of so many columns, without rows yet.
    pub fn new(composition: Composition, columns: usize) -> Self {
        Self { composition, columns: vec![Envelope::default(); columns] }
    }

    pub(super) fn of(system: &System) -> Self {
        Self { composition: system.composition, columns: system.envelopes() }
    }

    /// Takes in one row and its right-hand side.
    ///
    /// # Errors
    /// [`Error::Length`] or [`Error::VectorDegree`] if they are not degrees, one a column.
    pub fn insert(&mut self, row: &[f32], rhs: f32) -> Result<(), Error> {
        let y = self.check(row, rhs)?;
        for (column, &gamma) in self.columns.iter_mut().zip(row) {
            column.insert(y, self.composition.sign() * gamma);
        }
        Ok(())
    }

    /// Takes in all rows that `other` has taken in.
    ///
    /// # Panics
    /// If the two differ in composition or number of columns.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.composition, other.composition, "systems of one kind");
        assert_eq!(self.columns.len(), other.columns.len(), "systems with equal columns");
        self.columns = merge(std::mem::take(&mut self.columns), other.columns.clone());
    }

    /// ∇_i of a row of the system; the greatest over its rows is the Chebyshev distance.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub fn row_distance(&self, row: &[f32], rhs: f32) -> Result<f32, Error> {
        let y = self.check(row, rhs)?;
        let (sign, top) = (self.composition.sign(), self.composition.top());
        let columns = row.iter().zip(&self.columns).map(|(&gamma, column)| (sign * gamma, |u| column.query(u)));
        Ok(row_distance(y, top, 0.0, columns))
    }

    /// Each column's envelope; for max-min systems, of negated degrees.
    pub fn columns(&self) -> &[Envelope] {
        &self.columns
    }

    /// Checks a row; returns its signed right-hand side.
    fn check(&self, row: &[f32], rhs: f32) -> Result<f32, Error> {
        check_vector("the row", self.columns.len(), ArrayView1::from(row))?;
        check_vector("the right-hand side", 1, aview1(&[rhs]))?;
        Ok(self.composition.sign() * rhs)
    }
}
