use ndarray::Array2;

use super::System;

/// The least change of a system's matrix that makes the system consistent with the right-hand
/// side it has.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixChange {
    /// The largest change of an element; no smaller one suffices.
    pub distance: f32,
    /// A matrix at that distance with which the system is consistent.
    pub matrix: Array2<f32>,
}

impl System<'_> {
    /// The least change of the matrix, in the largest change of an element (L∞), that makes the
    /// system consistent with the same right-hand side.
    ///
    /// Derivation, for min-max. With x_j = v, every row k with y_k > v needs γ_kj ≥ y_k, and
    /// column j can hold row i down to y_i only if v ≤ y_i and γ_ij ≤ y_i. Raising the first
    /// costs D_j(v) = max over y_k > v of (y_k − γ_kj)⁺, lowering the second (γ_ij − y_i)⁺, and a
    /// lower v holds more rows, so columns do not compete: row i can be held at cost δ exactly
    /// when some column has max((γ_ij − y_i)⁺, D_j(y_i)) ≤ δ. Hence the least cost is
    /// max_i min_j max((γ_ij − y_i)⁺, D_j(y_i)). It is the L∞ distance studied by Baaj,
    /// *Approximate matrices of systems of max-min fuzzy relational equations* (2025). O(rows ·
    /// (columns + log rows)).
    ///
    /// ```
    /// use ndarray::array;
    /// use pinesy::relation::System;
    ///
    /// let gamma = array![[0.5, 0.875]];
    /// let system = System::min_max(gamma.view(), array![0.25].view())?;
    /// let change = system.approximate_matrix();
    /// assert_eq!(change.distance, 0.25);
    /// assert_eq!(change.matrix, array![[0.25, 0.875]]);
    /// # Ok::<(), pinesy::relation::Error>(())
    /// ```
    pub fn approximate_matrix(&self) -> MatrixChange {
        let sign = self.composition.sign();
        let (rows, columns) = self.matrix.dim();
        let mut order: Vec<usize> = (0..rows).collect();
        order.sort_by(|&a, &b| self.rhs[b].total_cmp(&self.rhs[a]));
        // Falling through the right-hand side, D_j grows by the rows just passed.
        let mut raise = vec![0.0f32; columns];
        let mut holder = vec![0; rows];
        let mut distance = 0.0f32;
        for level in order.chunk_by(|&a, &b| self.rhs[a] == self.rhs[b]) {
            let y = self.rhs[level[0]];
            for &i in level {
                let cost = |j: usize| (sign * self.matrix[(i, j)] - y).max(raise[j]);
                let best = (0..columns).min_by(|&a, &b| cost(a).total_cmp(&cost(b))).expect("at least one column");
                if y < self.composition.top() {
                    holder[i] = best;
                    distance = distance.max(cost(best));
                }
            }
            for (j, raise) in raise.iter_mut().enumerate() {
                *raise = level.iter().fold(*raise, |raise, &i| raise.max(y - sign * self.matrix[(i, j)]));
            }
        }
        // x_j goes down to the lowest row that column j holds.
        let mut bound = vec![self.composition.top(); columns];
        for i in 0..rows {
            bound[holder[i]] = bound[holder[i]].min(self.rhs[i]);
        }
        let changed = |(i, j): (usize, usize)| {
            let (gamma, y) = (sign * self.matrix[(i, j)], self.rhs[i]);
            let raised = if y > bound[j] { gamma.max(y) } else { gamma };
            let signed = if holder[i] == j { raised.min(y) } else { raised };
            sign * signed + 0.0
        };
        MatrixChange { distance: distance.max(0.0), matrix: Array2::from_shape_fn((rows, columns), changed) }
    }
}
