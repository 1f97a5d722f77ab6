use serde::{Deserialize, Serialize};

use super::Error;

/// A fuzzy set of numbers: a concept such as "medium" with a sure core and soft borders.
///
/// ```
/// use pinesy::possibility::Trapezoid;
///
/// let medium = Trapezoid::new(1.5, 2.5, 4.5, 5.5)?;
/// assert_eq!([1.0, 2.0, 3.0, 5.25].map(|x| medium.degree(x)), [0.0, 0.5, 1.0, 0.25]);
/// let large = Trapezoid::new(4.5, 5.5, f32::INFINITY, f32::INFINITY)?;
/// assert_eq!(large.degree(1e9), 1.0);
/// # Ok::<(), pinesy::possibility::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trapezoid {
    start: f32,
    core_start: f32,
    core_end: f32,
    end: f32,
}

impl Trapezoid {
    /// Degree 0 up to `start`, rising to 1 at `core_start`, 1 up to `core_end`, falling to 0 at
    /// `end`. Infinite corners make it open on that side.
    ///
    /// # Errors
    /// [`Error::Trapezoid`] unless the corners rise (or are equal) from left to right.
    pub fn new(start: f32, core_start: f32, core_end: f32, end: f32) -> Result<Self, Error> {
        if start <= core_start && core_start <= core_end && core_end <= end {
            return Ok(Self { start, core_start, core_end, end });
        }
        Err(Error::Trapezoid([start, core_start, core_end, end]))
    }

    /// How far `x` belongs to the set; 0 for NaN.
    pub fn degree(&self, x: f32) -> f32 {
        if self.core_start <= x && x <= self.core_end {
            1.0
        } else if self.start < x && x < self.core_start {
            (x - self.start) / (self.core_start - self.start)
        } else if self.core_end < x && x < self.end {
            (self.end - x) / (self.end - self.core_end)
        } else {
            0.0
        }
    }
}
