use ndarray::{Array1, Array2, ArrayView1};

use crate::program::{Partition, Structure};
use crate::relation::min_max_vector;

/// The matrix relation O = M □ I of one rule set (Farreny & Prade 1992; Baaj & Marquis 2025).
///
/// Row k of M holds (s_i, 1) in the columns of rule i if atom k lies in Q_i, else (1, r_i).
#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    matrix: Array2<f32>,
    partition: Partition,
}

impl Relation {
    /// `parameters` are \[s_1, r_1, …\].
    pub(super) fn new(structure: &Structure, parameters: &[f32]) -> Self {
        let partition = structure.partition.clone();
        let mut matrix = Array2::ones((partition.len(), 2 * structure.rules));
        for (atom, mut row) in matrix.outer_iter_mut().enumerate() {
            for level in structure.levels(atom) {
                row[level.index()] = parameters[level.index()];
            }
        }
        Self { matrix, partition }
    }

    /// M, one row an atom, two columns a rule.
    pub fn matrix(&self) -> &Array2<f32> {
        &self.matrix
    }

    /// The atoms.
    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// O = M □ I: the degree of each atom.
    ///
    /// # Panics
    /// If I has not two elements a rule.
    pub fn apply(&self, premises: ArrayView1<'_, f32>) -> Array1<f32> {
        min_max_vector(self.matrix.view(), premises)
    }
}
