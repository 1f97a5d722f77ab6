use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::Error;
use crate::possibility::degrees;
use crate::program::{Floors, Program};
use crate::rules::{Fingerprint, RuleBase, list_names};
use crate::unique;

/// The parameters s_i and r_i of every rule, by rule set.
///
/// As JSON: `{"parameters":{"c1":{"s":[…],"r":[…],"rules":[…],"fingerprint":"…"},…}}`. With the
/// names of the rules, each s and r finds its own rule wherever that stands in the file now;
/// without, they are taken in the order of the rule file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// By the name of the attribute concluded on.
    #[serde(deserialize_with = "unique::map")]
    pub parameters: BTreeMap<String, RuleSetParameters>,
}

/// The parameters of one rule set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSetParameters {
    /// s_i: how possible the conclusion is where the premise fails.
    #[serde(deserialize_with = "degrees")]
    pub s: Vec<f32>,
    /// r_i: how possible the opposite of the conclusion is where the premise holds.
    #[serde(deserialize_with = "degrees")]
    pub r: Vec<f32>,
    /// The names of the rules these are of, in the same order; none: the order of the rule file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// What the rules said ([`RuleBase::set_fingerprint`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
}

impl RuleSetParameters {
    /// s and r of rules in the order of the rule file.
    pub fn new(s: Vec<f32>, r: Vec<f32>) -> Self {
        Self { s, r, ..Self::default() }
    }

    /// The same with the names of the rules of a set, and what these say.
    pub(crate) fn named(self, base: &RuleBase, set: usize) -> Self {
        let rules = base.rule_sets()[set].rules().iter().map(|rule| rule.name().to_owned()).collect();
        Self { rules, fingerprint: Some(base.set_fingerprint(set)), ..self }
    }

    /// From \[s_1, r_1, s_2, …\].
    pub(crate) fn from_pairs(degrees: &[f32]) -> Self {
        let side = |first: usize| degrees.iter().copied().skip(first).step_by(2).collect();
        Self::new(side(0), side(1))
    }

    /// \[s, r\] in the order of a rule set, if they are of it.
    fn in_order(&self, base: &RuleBase, number: usize) -> Result<Vec<[f32; 2]>, Error> {
        let set = &base.rule_sets()[number];
        let attribute = base.conclusion(set).name();
        let pairs = || self.s.iter().zip(&self.r).map(|(&s, &r)| [s, r]);
        let changed = self.fingerprint.is_some_and(|fingerprint| fingerprint != base.set_fingerprint(number));
        if self.rules.is_empty() && !changed {
            self.check(attribute, set.rules().len())?;
            return Ok(pairs().collect());
        }
        self.check(attribute, self.rules.len())?;
        let moved = |reason: String| Error::OtherRuleSet { attribute: attribute.to_owned(), reason };
        let mut given: HashMap<&str, [f32; 2]> = self.rules.iter().map(String::as_str).zip(pairs()).collect();
        if given.len() < self.rules.len() {
            return Err(moved("a rule is named twice".to_owned()));
        }
        let missing: Vec<&str> =
            set.rules().iter().map(|rule| rule.name()).filter(|name| !given.contains_key(name)).collect();
        let found: Vec<[f32; 2]> = set.rules().iter().filter_map(|rule| given.remove(rule.name())).collect();
        let gone: Vec<&str> = self.rules.iter().map(String::as_str).filter(|name| given.contains_key(name)).collect();
        let changes = [("no longer there", gone), ("new, without parameters", missing)];
        let said = changes.into_iter().filter(|(_, names)| !names.is_empty());
        let said: Vec<String> =
            said.map(|(what, names)| format!("{what}: {}", list_names(names.into_iter()))).collect();
        if !said.is_empty() {
            return Err(moved(said.join("; ")));
        }
        if changed {
            return Err(moved(
                "the rules have the same names but say something else now, of them or of the values they speak of"
                    .to_owned(),
            ));
        }
        Ok(found)
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
            let zeros = vec![0.0; set.rules().len()];
            (base.conclusion(set).name().to_owned(), RuleSetParameters::new(zeros.clone(), zeros))
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
            let (s, r): (Vec<f32>, Vec<f32>) = found.in_order(base, i)?.into_iter().map(|[s, r]| (s, r)).unzip();
            floors.set(program, i, &s, &r);
        }
        if self.parameters.len() > base.rule_sets().len() {
            let is_concluded = |name: &String| base.rule_sets().iter().any(|set| base.conclusion(set).name() == name);
            let other = self.parameters.keys().find(|name| !is_concluded(name)).expect("more than there are rule sets");
            return Err(Error::ParametersOfNoRules(other.clone()));
        }
        Ok(floors)
    }
}
