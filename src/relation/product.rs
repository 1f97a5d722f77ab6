use ndarray::{Array1, ArrayView1, ArrayView2};

/// Γ □ x: for each row i of Γ, min over j of max(γ_ij, x_j); 1 for a row without columns.
///
/// # Panics
/// If x has not as many elements as Γ has columns.
pub fn min_max_vector(gamma: ArrayView2<'_, f32>, x: ArrayView1<'_, f32>) -> Array1<f32> {
    assert_eq!(gamma.ncols(), x.len(), "one element of x a column");
    gamma.outer_iter().map(|row| row.iter().zip(x).fold(1.0, |least: f32, (&g, &x)| least.min(g.max(x)))).collect()
}
