use super::Error;
use crate::possibility::{Attribute, Transform, Value, check_degrees};

/// What is known of an attribute: its value, a number, something less precise, or nothing.
///
/// The possibility of a value is the highest over all that the attribute may be: less knowledge
/// never makes a value less possible.
///
/// ```
/// use pinesy::inference::Input;
/// use pinesy::possibility::{Attribute, Domain, Terms, Trapezoid};
///
/// let low = Trapezoid::new(f32::NEG_INFINITY, f32::NEG_INFINITY, 3.0, 5.0)?;
/// let high = Trapezoid::new(3.0, 4.0, f32::INFINITY, f32::INFINITY)?;
/// let size = Attribute::number("size", Terms::new([("low", low), ("high", high)])?)?;
/// assert_eq!(Input::Number(3.5).degrees(&size)?, [0.75, 0.5]);
/// assert_eq!(Input::Interval { from: 3.5, to: 6.0 }.degrees(&size)?, [0.75, 1.0]);
/// assert_eq!(Input::value("low").degrees(&size)?, [1.0, 0.0]);
/// assert_eq!(Input::Unknown.degrees(&size)?, [1.0, 1.0]);
///
/// let legs = Attribute::new("legs", Domain::integers(0..=8)?)?;
/// let some = Input::OneOf(vec![Input::value(2), Input::Interval { from: 7.0, to: f64::INFINITY }]);
/// assert_eq!(some.degrees(&legs)?, [0., 0., 1., 0., 0., 0., 0., 1., 1.]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Input {
    /// Nothing: every value is fully possible.
    Unknown,
    /// Its value; for a number, a term.
    Value(Value),
    /// A number, for an attribute told in terms or in whole numbers; with these it is compared
    /// exactly.
    Number(f64),
    /// A number from one to another; infinite where open.
    Interval {
        /// The least it can be.
        from: f64,
        /// The greatest it can be.
        to: f64,
    },
    /// One of these.
    OneOf(Vec<Input>),
    /// How possible each value is, in domain order.
    Possibilities(Vec<f32>),
    /// How probable each value is, in domain order, and how that becomes possibility.
    Probabilities(Vec<f32>, Transform),
}

impl Input {
    /// A value.
    pub fn value(value: impl Into<Value>) -> Self {
        Self::Value(value.into())
    }

    /// How possible each value of the attribute is, in domain order.
    ///
    /// # Errors
    /// [`Error::OutsideDomain`] for a value that the attribute does not have, [`Error::NoNumber`]
    /// for a number where it has none, [`Error::NoTerm`] for numbers that no value covers,
    /// [`Error::Interval`], [`Error::Degrees`], [`Error::Probabilities`].
    pub fn degrees(&self, attribute: &Attribute) -> Result<Vec<f32>, Error> {
        let (name, len) = (attribute.name(), attribute.domain().len());
        match self {
            Self::Unknown => Ok(vec![1.0; len]),
            Self::Value(value) => {
                let mut degrees = vec![0.0; len];
                degrees[position(attribute, value)?] = 1.0;
                Ok(degrees)
            }
            Self::Number(number) => between(attribute, *number, *number),
            Self::Interval { from, to } => between(attribute, *from, *to),
            Self::OneOf(inputs) => {
                let mut highest = vec![0.0; len];
                for input in inputs {
                    for (highest, degree) in highest.iter_mut().zip(input.degrees(attribute)?) {
                        *highest = f32::max(*highest, degree);
                    }
                }
                if inputs.is_empty() {
                    return Err(no_term(attribute, "an empty set".to_owned()));
                }
                Ok(highest)
            }
            Self::Possibilities(degrees) => {
                check_degrees(name, len, degrees)?;
                Ok(degrees.clone())
            }
            Self::Probabilities(probabilities, transform) => {
                if probabilities.len() != len {
                    check_degrees(name, len, probabilities)?;
                }
                let wrong = |source| Error::Probabilities { name: name.to_owned(), source: Box::new(source) };
                transform.possibility(probabilities).map_err(wrong)
            }
        }
    }
}

/// The position of a value in the domain of an attribute.
pub(super) fn position(attribute: &Attribute, value: &Value) -> Result<usize, Error> {
    attribute.domain().position(value).ok_or_else(|| Error::OutsideDomain {
        attribute: attribute.name().to_owned(),
        value: value.clone(),
        domain: attribute.domain().to_string(),
    })
}

fn no_term(attribute: &Attribute, given: String) -> Error {
    let domain = match attribute.terms() {
        None => attribute.domain().to_string(),
        Some(terms) => {
            let corners = || terms.trapezoids().iter().map(|trapezoid| trapezoid.corners());
            let low = corners().fold(f32::INFINITY, |low, corners| low.min(corners[0]));
            let high = corners().fold(f32::NEG_INFINITY, |high, corners| high.max(corners[3]));
            format!("{low} to {high}, where its terms are")
        }
    };
    Error::NoTerm { attribute: attribute.name().to_owned(), given, domain }
}

/// How possible each value is for a number in a range.
fn between(attribute: &Attribute, from: f64, to: f64) -> Result<Vec<f32>, Error> {
    let name = || attribute.name().to_owned();
    if from.is_nan() || to.is_nan() || from > to {
        return Err(Error::Interval { attribute: name(), from, to });
    }
    let degrees = match attribute.terms() {
        Some(terms) => terms.degrees(from as f32..=to as f32),
        None => {
            // Of a float every whole number may be too large for an i64, and an i64 for a float.
            let whole = from.ceil() as i128..=to.floor() as i128;
            let degree = |value: &Value| match value {
                Value::Integer(number) => Some(f32::from(whole.contains(&i128::from(*number)))),
                _ => None,
            };
            let degrees: Option<Vec<f32>> = attribute.domain().values().iter().map(degree).collect();
            degrees.ok_or_else(|| Error::NoNumber { attribute: name(), domain: attribute.domain().to_string() })?
        }
    };
    if degrees.iter().all(|&degree| degree == 0.0) {
        let unit = attribute.terms().and_then(|terms| terms.unit()).map_or(String::new(), |unit| format!(" {unit}"));
        let given = if from == to { format!("{from}{unit}") } else { format!("{from} to {to}{unit}") };
        return Err(no_term(attribute, given));
    }
    Ok(degrees)
}
