use serde::{Deserialize, Serialize};

use super::{Attribute, Error, Value};

/// A possibility distribution over the domain of an attribute.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Distribution {
    attribute: Attribute,
    degrees: Vec<f32>,
}

/// The most possible value, when there is just one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Decision {
    /// The position of the one value of highest degree.
    Unique(usize),
    /// The positions of the values that tie for the highest degree.
    Ambiguous(Vec<usize>),
}

/// Why no value is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Undecided {
    /// Several values, but not all, are fully possible.
    Tie,
    /// Several values are equally and most possible, but none fully: what is known contradicts
    /// itself.
    Conflict,
    /// Every value is fully possible: nothing is known.
    Unknown,
}

impl Decision {
    /// The position of the decided value; `None` if ambiguous.
    pub fn position(&self) -> Option<usize> {
        if let Self::Unique(position) = self { Some(*position) } else { None }
    }

    /// The position of the decided value, or of all that tie.
    pub fn positions(&self) -> Vec<usize> {
        match self {
            Self::Unique(position) => vec![*position],
            Self::Ambiguous(positions) => positions.clone(),
        }
    }
}

impl Distribution {
    /// A distribution with one degree a value, in domain order.
    ///
    /// # Errors
    /// [`Error::Length`] for another number of degrees, [`Error::Degree`] for a degree that is
    /// not in \[0, 1\].
    pub fn new(attribute: Attribute, degrees: Vec<f32>) -> Result<Self, Error> {
        check_degrees(attribute.name(), attribute.domain().len(), &degrees)?;
        Ok(Self { attribute, degrees })
    }

    /// Of degrees known to be in \[0, 1\] and to fit the domain.
    pub(crate) fn trusted(attribute: Attribute, degrees: Vec<f32>) -> Self {
        debug_assert_eq!(check_degrees(attribute.name(), attribute.domain().len(), &degrees), Ok(()));
        Self { attribute, degrees }
    }

    /// The attribute it is about.
    pub fn attribute(&self) -> &Attribute {
        &self.attribute
    }

    /// The degrees in domain order.
    pub fn degrees(&self) -> &[f32] {
        &self.degrees
    }

    /// Values with their degrees.
    pub fn iter(&self) -> impl Iterator<Item = (&Value, f32)> {
        self.attribute.domain().values().iter().zip(self.degrees.iter().copied())
    }

    /// The highest degree: 1 exactly when the distribution is normalised.
    pub fn height(&self) -> f32 {
        height(&self.degrees)
    }

    /// Π(A) for the set A of these values; 0 for the empty set.
    ///
    /// # Errors
    /// [`Error::OutsideDomain`] for a value that the attribute does not have.
    pub fn possibility_of<V: Into<Value>>(&self, values: impl IntoIterator<Item = V>) -> Result<f32, Error> {
        Ok(self.positions(values)?.into_iter().fold(0.0, |highest, i| highest.max(self.degrees[i])))
    }

    /// 1 − height: how far what is known contradicts itself; 0 for a normalised distribution.
    pub fn conflict(&self) -> f32 {
        1.0 - self.height()
    }

    /// Why no value is decided; none if one is.
    pub fn undecided(&self) -> Option<Undecided> {
        undecided(&self.degrees)
    }

    /// N(A) = 1 − Π(not A) for the set A of these values: how certain A is. In a conflict, where
    /// even A is not fully possible, at most Π(A).
    ///
    /// # Errors
    /// [`Error::OutsideDomain`] for a value that the attribute does not have.
    pub fn necessity_of<V: Into<Value>>(&self, values: impl IntoIterator<Item = V>) -> Result<f32, Error> {
        Ok(necessity(&self.degrees, &self.positions(values)?))
    }

    fn positions<V: Into<Value>>(&self, values: impl IntoIterator<Item = V>) -> Result<Vec<usize>, Error> {
        let domain = self.attribute.domain();
        let position = |value: V| {
            let value = value.into();
            domain.position(&value).ok_or_else(|| Error::OutsideDomain {
                attribute: self.attribute.name().to_owned(),
                value,
                domain: domain.to_string(),
            })
        };
        values.into_iter().map(position).collect()
    }

    /// The unique most possible value, or all that tie. No tie is ever broken.
    pub fn decision(&self) -> Decision {
        decide(&self.degrees)
    }

    /// The decided value; `None` if ambiguous.
    pub fn decided(&self) -> Option<&Value> {
        self.decision().position().map(|i| &self.attribute.domain().values()[i])
    }
}

/// Checks degrees that come from outside.
///
/// # Errors
/// [`Error::Length`] unless there are `expected` degrees, [`Error::Degree`] for one that is not
/// in \[0, 1\].
pub fn check_degrees(name: &str, expected: usize, degrees: &[f32]) -> Result<(), Error> {
    if degrees.len() != expected {
        return Err(Error::Length { name: name.to_owned(), found: degrees.len(), expected });
    }
    match degrees.iter().position(|degree| !(0.0..=1.0).contains(degree)) {
        Some(position) => Err(Error::Degree { name: name.to_owned(), position, degree: degrees[position] }),
        None => Ok(()),
    }
}

/// The highest of some degrees; 0 for none.
pub fn height(degrees: &[f32]) -> f32 {
    degrees.iter().copied().fold(0.0, f32::max)
}

/// Π(not A) for the set A of these positions: the highest of the other degrees.
///
/// # Panics
/// If a position lies outside the degrees.
pub fn possibility_outside(degrees: &[f32], positions: &[usize]) -> f32 {
    let mut outside = vec![true; degrees.len()];
    for &i in positions {
        outside[i] = false;
    }
    let others = degrees.iter().zip(outside).filter(|(_, outside)| *outside);
    others.fold(0.0, |highest, (&degree, _)| highest.max(degree))
}

/// N(A) = 1 − Π(not A) for the set A of these positions, at most Π(A).
///
/// # Panics
/// If a position lies outside the degrees.
pub fn necessity(degrees: &[f32], positions: &[usize]) -> f32 {
    let possibility = positions.iter().fold(0.0, |highest: f32, &i| highest.max(degrees[i]));
    (1.0 - possibility_outside(degrees, positions)).min(possibility)
}

/// Why no value is decided; none if one is.
pub fn undecided(degrees: &[f32]) -> Option<Undecided> {
    let Decision::Ambiguous(ties) = decide(degrees) else { return None };
    Some(match (height(degrees) == 1.0, ties.len() == degrees.len()) {
        (false, _) => Undecided::Conflict,
        (true, true) => Undecided::Unknown,
        (true, false) => Undecided::Tie,
    })
}

/// The position of the highest degree, or of all that tie for it.
pub fn decide(degrees: &[f32]) -> Decision {
    let height = height(degrees);
    let mut highest = (0..degrees.len()).filter(|&i| degrees[i] == height);
    match (highest.next(), highest.next()) {
        (Some(only), None) => Decision::Unique(only),
        (first, second) => Decision::Ambiguous(first.into_iter().chain(second).chain(highest).collect()),
    }
}
