use std::fmt;

use serde::{Deserialize, Serialize};

use super::text::column_width;
use super::{Error, Explainer};
use crate::program::{Level, Side};
use crate::rules::SetRule;

/// What a rule did on one example.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Activation {
    /// The attribute the rule concludes on.
    pub attribute: String,
    /// Its name.
    pub rule: String,
    /// λ: how possible its premise is.
    pub lambda: f32,
    /// ρ: how possible the opposite of its premise is.
    pub rho: f32,
    /// α = max(s, λ): what it allows the values of its conclusion.
    pub alpha: f32,
    /// β = max(r, ρ): what it allows all other values.
    pub beta: f32,
}

/// The activations of some rules; `{}` shows them as a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Activations(pub Vec<Activation>);

impl Explainer<'_> {
    /// The activation of every rule on an attribute, in rule order.
    ///
    /// # Errors
    /// [`inference::Error::UnknownDerived`](crate::inference::Error::UnknownDerived).
    pub fn activations(&self, attribute: &str) -> Result<Activations, Error> {
        let stage = self.derived(attribute)?;
        let activation = |(i, rule): (usize, &SetRule)| {
            let [inside, outside] = [Side::Inside, Side::Outside].map(|side| Level { rule: i, side });
            Activation {
                attribute: attribute.to_owned(),
                rule: rule.name().to_owned(),
                lambda: self.premise(stage, inside),
                rho: self.premise(stage, outside),
                alpha: self.contribution(stage, inside),
                beta: self.contribution(stage, outside),
            }
        };
        Ok(Activations(self.rules(stage).iter().enumerate().map(activation).collect()))
    }
}

impl fmt::Display for Activations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attribute = column_width("attribute", self.0.iter().map(|a| a.attribute.as_str()));
        let rule = column_width("rule", self.0.iter().map(|a| a.rule.as_str()));
        writeln!(f, "{:attribute$}  {:rule$}  {:>6}  {:>6}  {:>6}  {:>6}", "attribute", "rule", "λ", "ρ", "α", "β")?;
        for a in &self.0 {
            writeln!(
                f,
                "{:attribute$}  {:rule$}  {:>6.4}  {:>6.4}  {:>6.4}  {:>6.4}",
                a.attribute, a.rule, a.lambda, a.rho, a.alpha, a.beta
            )?;
        }
        Ok(())
    }
}
