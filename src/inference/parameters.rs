use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Error;
use crate::program::{Floors, Program};
use crate::rules::RuleBase;

/// The parameters s_i and r_i of every rule, by rule set.
///
/// As JSON: `{"parameters":{"c1":{"s":[…],"r":[…]},…}}`, rules in the order of the rule file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// By the name of the attribute concluded on.
    pub parameters: BTreeMap<String, RuleSetParameters>,
}

/// The parameters of one rule set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSetParameters {
    /// s_i: how possible the conclusion is where the premise fails.
    pub s: Vec<f32>,
    /// r_i: how possible the opposite of the conclusion is where the premise holds.
    pub r: Vec<f32>,
}

impl RuleSetParameters {
    /// Of so many certain rules.
    pub fn certain(rules: usize) -> Self {
        Self { s: vec![0.0; rules], r: vec![0.0; rules] }
    }

    /// From \[s_1, r_1, s_2, …\].
    pub(crate) fn from_pairs(degrees: &[f32]) -> Self {
        let side = |first: usize| degrees.iter().copied().skip(first).step_by(2).collect();
        Self { s: side(0), r: side(1) }
    }

    fn check(&self, attribute: &str, rules: usize) -> Result<(), Error> {
        for (symbol, values) in [('s', &self.s), ('r', &self.r)] {
            if values.len() != rules {
                return Err(Error::ParameterCount {
                    attribute: attribute.to_owned(),
                    symbol,
                    found: values.len(),
                    expected: rules,
                });
            }
            if let Some(i) = values.iter().position(|value| !(0.0..=1.0).contains(value)) {
                return Err(Error::Parameter {
                    attribute: attribute.to_owned(),
                    symbol,
                    rule: i + 1,
                    degree: values[i],
                });
            }
        }
        Ok(())
    }
}

impl Parameters {
    /// All rules certain in both directions: every s and r is 0.
    pub fn certain(base: &RuleBase) -> Self {
        let of = |set: &crate::rules::RuleSet| {
            (base.conclusion(set).name().to_owned(), RuleSetParameters::certain(set.rules().len()))
        };
        Self { parameters: base.rule_sets().iter().map(of).collect() }
    }

    /// Checks them and lays them out for a program.
    pub(crate) fn floors(&self, program: &Program) -> Result<Floors, Error> {
        let base = &program.base;
        let mut floors = Floors::certain(program);
        for (i, set) in base.rule_sets().iter().enumerate() {
            let (name, rules) = (base.conclusion(set).name(), set.rules().len());
            let Some(found) = self.parameters.get(name) else {
                return Err(Error::MissingParameters { attribute: name.to_owned(), rules });
            };
            found.check(name, rules)?;
            floors.set(program, i, &found.s, &found.r);
        }
        if self.parameters.len() > base.rule_sets().len() {
            let is_concluded = |name: &String| base.rule_sets().iter().any(|set| base.conclusion(set).name() == name);
            let other = self.parameters.keys().find(|name| !is_concluded(name)).expect("more than there are rule sets");
            return Err(Error::ParametersOfNoRules(other.clone()));
        }
        Ok(floors)
    }
}
