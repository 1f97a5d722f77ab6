use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

use super::Error;
use super::text::Degree;
use crate::inference::{self, Backward, Cases};
use crate::possibility::Value;

/// Why a value is no more possible, given all that was observed: the evidence that alone keeps it
/// so, of which nothing can be left out.
///
/// `{}` shows it as a sentence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evidence {
    /// The attribute, an input or a derived one.
    pub attribute: String,
    /// The value.
    pub value: Value,
    /// How possible it is.
    pub degree: f32,
    /// The attributes whose observation counts.
    pub observed: Vec<String>,
    /// The inputs whose possibilities count.
    pub inputs: Vec<String>,
}

impl Evidence {
    /// Looks for the evidence in a single case by leaving out piece after piece.
    ///
    /// ```
    /// use pinesy::explain::Evidence;
    /// use pinesy::inference::{Engine, Input, Target};
    /// use pinesy::rules::RuleBase;
    ///
    /// let engine = Engine::of(&RuleBase::read("rulesets/mnist_addition.toml", &[("k", 1)])?);
    /// let case = engine.cases().unknown("a1").inputs("a2", [Input::value(5)]);
    /// let case = case.observed("y0", [Some(Target::value(1))]).observed("y1", [Some(Target::value(2))]).build()?;
    /// let why = Evidence::find(&engine.backward(), &case, "a1", &3.into())?;
    /// assert_eq!(why.to_string(), "a1 = 3 is impossible, by what was observed of y1, and by a2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`inference::Error::OneCase`], [`inference::Error::UnknownAttribute`],
    /// [`Error::UnknownValue`].
    pub fn find(backward: &Backward, case: &Cases, attribute: &str, value: &Value) -> Result<Self, Error> {
        if case.len() != 1 {
            return Err(inference::Error::OneCase(case.len()).into());
        }
        let base = backward.base();
        let degree_in = |case: &Cases| -> Result<f32, Error> {
            let found = backward.abduce(case, &[attribute])?;
            let distribution = found.degrees().distribution(attribute, 0).expect("asked for");
            distribution.possibility_of([value.clone()]).map_err(|_| Error::UnknownValue {
                attribute: attribute.to_owned(),
                value: value.to_string(),
                domain: distribution.attribute().domain().to_string(),
            })
        };
        let degree = degree_in(case)?;
        let (mut rest, mut observed, mut inputs) = (case.clone(), Vec::new(), Vec::new());
        let positions: Vec<usize> = (0..base.attributes().len()).filter(|&i| case.observed(i, 0).is_some()).collect();
        // Inputs first, so that conclusions are told where either would do.
        for input in base.inputs() {
            let without = rest.clone().with_unknown(input.name());
            if without == rest {
                continue;
            }
            if degree_in(&without)? <= degree {
                rest = without;
            } else {
                inputs.push(input.name().to_owned());
            }
        }
        for position in positions {
            let without = rest.clone().without_observed(position);
            if degree_in(&without)? <= degree {
                rest = without;
            } else {
                observed.push(base.attributes()[position].name().to_owned());
            }
        }
        Ok(Self { attribute: attribute.to_owned(), value: value.clone(), degree, observed, inputs })
    }
}

impl Display for Evidence {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} is ", self.attribute, self.value)?;
        match self.degree {
            0.0 => f.write_str("impossible")?,
            degree => write!(f, "possible to degree {}", Degree(degree))?,
        }
        let mut reasons = Vec::new();
        if !self.observed.is_empty() {
            reasons.push(format!("by what was observed of {}", self.observed.join(", ")));
        }
        if !self.inputs.is_empty() {
            reasons.push(format!("by {}", self.inputs.join(", ")));
        }
        match reasons.len() {
            0 => f.write_str(", whatever was observed"),
            _ => write!(f, ", {}", reasons.join(", and ")),
        }
    }
}
