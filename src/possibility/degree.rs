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

/// A number from outside, checked as by [`degree_of`], that is the same again if it was written as a
/// single.
pub(crate) struct Degree(pub f32);

impl<'de> Deserialize<'de> for Degree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        Ok(Self(if (0.0..=1.0).contains(&number) { single(number) } else { degree_of(number) }))
    }
}

/// The nearest single. The text of a single can lie so close to the middle of two that as a double it
/// is the middle: then the one of which it is the text.
fn single(number: f64) -> f32 {
    let near = number as f32;
    let other = if f64::from(near) < number { near.next_up() } else { near.next_down() };
    let is_middle = number - f64::from(near) == f64::from(other) - number;
    if is_middle && other.to_string().parse() == Ok(number) { other } else { near }
}

/// Numbers read as [`Degree`]s.
pub(crate) fn degrees<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
    let degrees = Vec::<Degree>::deserialize(deserializer)?;
    Ok(degrees.into_iter().map(|Degree(degree)| degree).collect())
}

/// A list read by [`degrees`].
#[derive(Serialize, Deserialize)]
pub(crate) struct Degrees(#[serde(deserialize_with = "degrees")] pub Vec<f32>);
