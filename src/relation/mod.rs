//! Min-max fuzzy relational equations Γ □ x = y, usable without any rule or network.
//!
//! The min-max product is (Γ □ x)_i = min_j max(γ_ij, x_j).

mod envelope;
mod product;

pub use envelope::Envelope;
pub use product::min_max_vector;

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
