use serde::{Deserialize, Deserializer, Serialize};

/// A number from outside as a degree. What lies outside \[0, 1\] stays outside, however close: it
/// must not be rounded into it before it is checked.
///
/// ```
/// use pinesy::possibility::degree_of;
///
/// assert_eq!(degree_of(0.1), 0.1);
/// assert!(degree_of(1.0 + 1e-12) > 1.0 && degree_of(-1e-50) < 0.0);
/// ```
pub fn degree_of(number: f64) -> f32 {
    let degree = number as f32;
    if number < 0.0 {
        degree.min(-f32::MIN_POSITIVE)
    } else if number > 1.0 {
        degree.max(1.0 + f32::EPSILON)
    } else {
        degree
    }
}

/// A number read by [`degree_of`].
pub(crate) struct Degree(pub f32);

impl<'de> Deserialize<'de> for Degree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(|number| Self(degree_of(number)))
    }
}

/// Numbers read by [`degree_of`].
pub(crate) fn degrees<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
    let degrees = Vec::<Degree>::deserialize(deserializer)?;
    Ok(degrees.into_iter().map(|Degree(degree)| degree).collect())
}

/// A list read by [`degrees`].
#[derive(Serialize, Deserialize)]
pub(crate) struct Degrees(#[serde(deserialize_with = "degrees")] pub Vec<f32>);
