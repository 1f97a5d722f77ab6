use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Error;
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

impl Parameters {
    /// All rules certain in both directions: every s and r is 0.
    pub fn certain(base: &RuleBase) -> Self {
        let zeros = |rules: usize| RuleSetParameters { s: vec![0.0; rules], r: vec![0.0; rules] };
        let sets = base.rule_sets().iter();
        Self {
            parameters: sets.map(|set| (base.conclusion(set).name().to_owned(), zeros(set.rules().len()))).collect(),
        }
    }

    /// s and r of every rule set in cascade order, checked.
    pub(crate) fn flat(&self, base: &RuleBase) -> Result<Vec<RuleSetParameters>, Error> {
        if let Some(name) =
            self.parameters.keys().find(|name| !base.rule_sets().iter().any(|set| base.conclusion(set).name() == *name))
        {
            return Err(Error::Parameters(format!(
                "'{name}' has no rules: expected only attributes that rules conclude on"
            )));
        }
        base.rule_sets().iter().map(|set| self.of(base.conclusion(set).name(), set.rules().len())).collect()
    }

    fn of(&self, name: &str, rules: usize) -> Result<RuleSetParameters, Error> {
        let found = self
            .parameters
            .get(name)
            .ok_or_else(|| Error::Parameters(format!("none for {name}: expected s and r of its {rules} rules")))?;
        for (symbol, values) in [("s", &found.s), ("r", &found.r)] {
            if values.len() != rules {
                return Err(Error::Parameters(format!(
                    "{name} has {} values {symbol}: expected {rules}, one a rule",
                    values.len()
                )));
            }
            if let Some(i) = values.iter().position(|value| !(0.0..=1.0).contains(value)) {
                return Err(Error::Parameters(format!(
                    "{symbol} of rule {} on {name} is {}: expected a number from 0 to 1",
                    i + 1,
                    values[i]
                )));
            }
        }
        Ok(found.clone())
    }
}
