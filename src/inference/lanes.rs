//! Several examples side by side, so that one instruction serves them all.

/// Examples computed together.
pub(crate) const LANES: usize = 16;

/// One degree for each of [`LANES`] examples.
pub(crate) type Lane = [f32; LANES];

/// Written as comparisons because degrees are never NaN: this compiles to one instruction.
pub(crate) fn min_into(least: &mut Lane, other: &Lane) {
    for (a, &b) in least.iter_mut().zip(other) {
        *a = if b < *a { b } else { *a };
    }
}

pub(crate) fn max_into(greatest: &mut Lane, other: &Lane) {
    for (a, &b) in greatest.iter_mut().zip(other) {
        *a = if b > *a { b } else { *a };
    }
}
