use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::{Domain, Error};

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
///
/// It serialises as its four corners, those that are infinite as null.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[Option<f32>; 4]", into = "[Option<f32>; 4]")]
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
    /// [`Error::Trapezoid`] unless the corners rise (or are equal) from left to right, and each
    /// side is open at both of its corners or at none.
    pub fn new(start: f32, core_start: f32, core_end: f32, end: f32) -> Result<Self, Error> {
        let rising = start <= core_start && core_start <= core_end && core_end <= end;
        let sides = [(start, core_start, f32::NEG_INFINITY), (end, core_end, f32::INFINITY)];
        let bounded = |(outer, core, open): (f32, f32, f32)| {
            (outer.is_finite() && core.is_finite()) || (outer == open && core == open)
        };
        if rising && sides.into_iter().all(bounded) {
            return Ok(Self { start, core_start, core_end, end });
        }
        Err(Error::Trapezoid([start, core_start, core_end, end]))
    }

    /// The four corners, from left to right.
    pub fn corners(&self) -> [f32; 4] {
        [self.start, self.core_start, self.core_end, self.end]
    }

    /// How far `x` belongs to the set; 0 for NaN.
    pub fn degree(&self, x: f32) -> f32 {
        if self.core_start <= x && x <= self.core_end {
            1.0
        } else if self.start < x && x < self.core_start {
            share(self.start, x, self.core_start)
        } else if self.core_end < x && x < self.end {
            share(self.end, x, self.core_end)
        } else {
            0.0
        }
    }
}

/// How much of the way from one number to another lies before x; differences of finite numbers may
/// overflow in f32.
fn share(from: f32, x: f32, to: f32) -> f32 {
    let [from, x, to] = [from, x, to].map(f64::from);
    ((x - from) / (to - from)) as f32
}

impl Trapezoid {
    /// How possible the set is for a number known only to lie in a range: the highest degree in it.
    pub fn highest_degree(&self, range: &RangeInclusive<f32>) -> f32 {
        let (from, to) = (*range.start(), *range.end());
        if from <= self.core_end && to >= self.core_start {
            return 1.0;
        }
        self.degree(from).max(self.degree(to))
    }
}

impl From<Trapezoid> for [Option<f32>; 4] {
    fn from(trapezoid: Trapezoid) -> Self {
        trapezoid.corners().map(|corner| Some(corner).filter(|corner| corner.is_finite()))
    }
}

impl TryFrom<[Option<f32>; 4]> for Trapezoid {
    type Error = Error;

    fn try_from([start, core_start, core_end, end]: [Option<f32>; 4]) -> Result<Self, Error> {
        let low = |corner: Option<f32>| corner.unwrap_or(f32::NEG_INFINITY);
        let high = |corner: Option<f32>| corner.unwrap_or(f32::INFINITY);
        Self::new(low(start), low(core_start), high(core_end), high(end))
    }
}

/// The terms in which a number is told: named fuzzy sets, in order, with the number's unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "TermsFile", into = "TermsFile")]
pub struct Terms {
    domain: Domain,
    trapezoids: Vec<Trapezoid>,
    unit: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TermsFile {
    terms: Vec<(String, Trapezoid)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
}

impl From<Terms> for TermsFile {
    fn from(Terms { domain, trapezoids, unit }: Terms) -> Self {
        let names = domain.values().iter().map(ToString::to_string);
        Self { terms: names.zip(trapezoids).collect(), unit }
    }
}

impl TryFrom<TermsFile> for Terms {
    type Error = Error;

    fn try_from(TermsFile { terms, unit }: TermsFile) -> Result<Self, Error> {
        Ok(Self { unit, ..Self::new(terms.iter().map(|(name, trapezoid)| (name.as_str(), *trapezoid)))? })
    }
}

impl Terms {
    /// Terms by name.
    ///
    /// # Errors
    /// [`Error::EmptyDomain`] without terms, [`Error::DuplicateValue`].
    pub fn new<'a>(terms: impl IntoIterator<Item = (&'a str, Trapezoid)>) -> Result<Self, Error> {
        let (names, trapezoids): (Vec<&str>, Vec<Trapezoid>) = terms.into_iter().unzip();
        Ok(Self { domain: Domain::symbols(names)?, trapezoids, unit: None })
    }

    /// Says in what the number is measured.
    pub fn with_unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// What the number is measured in.
    pub fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    /// The names of the terms.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The fuzzy sets, in the order of the names.
    pub fn trapezoids(&self) -> &[Trapezoid] {
        &self.trapezoids
    }

    /// How possible each term is for a number in a range (from x to x: the number x). Never less
    /// for a wider range.
    pub fn degrees(&self, range: RangeInclusive<f32>) -> Vec<f32> {
        self.trapezoids.iter().map(|trapezoid| trapezoid.highest_degree(&range)).collect()
    }

    /// The number between the outermost cores at which the most possible term is least possible,
    /// with that degree: below 1, the terms leave something unsaid there.
    pub fn weakest_point(&self) -> (f32, f32) {
        let corners = self.trapezoids.iter().flat_map(Trapezoid::corners);
        let mut points: Vec<f32> = corners.filter(|corner| corner.is_finite()).collect();
        points.sort_by(f32::total_cmp);
        let crossings: Vec<f32> = self.crossings(&points);
        points.extend(crossings);
        let cores = |corner: usize| self.trapezoids.iter().map(move |trapezoid| trapezoid.corners()[corner]);
        let (low, high) = (cores(1).fold(f32::INFINITY, f32::min), cores(2).fold(f32::NEG_INFINITY, f32::max));
        let height =
            |x: f32| self.trapezoids.iter().fold(0.0, |height: f32, trapezoid| height.max(trapezoid.degree(x)));
        let inside = points.into_iter().filter(|x| (low..=high).contains(x)).map(|x| (x, height(x)));
        inside.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0.0, 1.0))
    }

    /// Between neighbouring corners all degrees are straight lines: where two of them cross.
    fn crossings(&self, corners: &[f32]) -> Vec<f32> {
        let mut found = Vec::new();
        for pair in corners.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            // Just inside, where a degree that jumps at the corner has its value of the stretch.
            let inside = |t: f32| from + (to - from) * t;
            let line = |trapezoid: &Trapezoid| {
                let (a, b) = (trapezoid.degree(inside(0.25)), trapezoid.degree(inside(0.75)));
                (a, b - a)
            };
            let lines: Vec<(f32, f32)> = self.trapezoids.iter().map(line).collect();
            for (i, first) in lines.iter().enumerate() {
                for second in &lines[..i] {
                    let t = 0.25 + 0.5 * (second.0 - first.0) / (first.1 - second.1);
                    found.extend(Some(inside(t)).filter(|_| (0.0..=1.0).contains(&t)));
                }
            }
            found.push(inside(0.5));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(corners: &[[f32; 4]]) -> Terms {
        let names = ["a", "b", "c"];
        let of = |(i, &[a, b, c, d]): (usize, &[f32; 4])| (names[i], Trapezoid::new(a, b, c, d).unwrap());
        Terms::new(corners.iter().enumerate().map(of)).unwrap()
    }

    #[test]
    fn the_weakest_point_is_where_lines_cross_or_nothing_is_said() {
        let open = f32::INFINITY;
        assert_eq!(terms(&[[-open, -open, 3.0, 6.0], [3.0, 6.0, open, open]]).weakest_point(), (4.5, 0.5));
        assert_eq!(terms(&[[-open, -open, 4.0, 6.0], [3.0, 4.0, open, open]]).weakest_point().1, 1.0);
        assert_eq!(terms(&[[0.0, 0.0, 1.0, 1.0], [2.0, 2.0, 3.0, 3.0]]).weakest_point(), (1.5, 0.0));
    }

    #[test]
    fn corners_may_be_as_far_apart_as_numbers_are() {
        let wide = Trapezoid::new(-3e38, 3e38, 3e38, 3.4e38).unwrap();
        assert_eq!([-3e38, 0.0, 1.5e38, 3e38].map(|x| wide.degree(x)), [0.0, 0.5, 0.75, 1.0]);
    }

    #[test]
    fn corners_are_checked_wherever_they_come_from() {
        for corners in ["[null, 0, 1, 2]", "[0, 1, 2, null]", "[3, 2, 4, 5]"] {
            assert!(serde_json::from_str::<Trapezoid>(corners).is_err(), "{corners}");
        }
        let open: Trapezoid = serde_json::from_str("[null, null, 1, 2]").unwrap();
        assert_eq!((open.degree(-1e30), open.degree(1.5)), (1.0, 0.5));
        assert_eq!(serde_json::to_string(&open).unwrap(), "[null,null,1.0,2.0]");
        assert!(Trapezoid::new(f32::NEG_INFINITY, 0.0, 1.0, 2.0).is_err());
    }

    #[test]
    fn a_wider_range_never_makes_a_term_less_possible() {
        let terms = terms(&[[-5.0, -2.0, 1.0, 3.0], [0.0, 2.0, 2.0, 4.0]]);
        let steps: Vec<f32> = (-14..=14).map(|i| i as f32 / 2.0).collect();
        for &from in &steps {
            for &to in steps.iter().filter(|&&to| to >= from) {
                let highest = |i: usize| {
                    let inside = steps.iter().filter(|x| (from..=to).contains(*x));
                    inside.map(|&x| terms.trapezoids()[i].degree(x)).fold(0.0, f32::max)
                };
                assert_eq!(terms.degrees(from..=to), [highest(0), highest(1)], "{from}..{to}");
            }
        }
    }
}
