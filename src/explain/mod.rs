//! Explanation: which rule decides a degree, and through what.
//!
//! π(u) is the minimum over the rules of max(parameter, premise degree). The rule that attains it
//! is the one that keeps u from being more possible.

use crate::inference::{Engine, Error, Inference};
use crate::possibility::{Distribution, Value};

/// What holds a value's degree down.
#[derive(Debug, Clone, PartialEq)]
pub struct Deciding<'a> {
    /// The rule's name; the first in rule order if several attain the minimum.
    pub rule: &'a str,
    /// The degree it gives the value.
    pub degree: f32,
    /// Whether its parameter (s or r) rather than its premise sets that degree.
    pub by_parameter: bool,
}

/// The rule that decides the degree of one value of a derived attribute for one example.
///
/// # Errors
/// As [`Engine::premises`].
///
/// # Panics
/// If the position lies outside the attribute's domain.
pub fn deciding_rule<'a>(
    engine: &'a Engine,
    inputs: &[(&str, &[f32])],
    attribute: &str,
    position: usize,
) -> Result<Deciding<'a>, Error> {
    let premises = engine.premises(attribute, inputs)?;
    let set = engine.base().rule_sets().iter().find(|set| engine.base().conclusion(set).name() == attribute);
    let rules = set.expect("premises were computed").rules();
    let (s, r) = engine.parameters_of(attribute).expect("premises were computed");
    let candidates = rules.iter().enumerate().map(|(i, rule)| {
        let supports = rule.conclusion().subset().contains(position);
        let (premise, parameter) = if supports { (premises[2 * i], s[i]) } else { (premises[2 * i + 1], r[i]) };
        Deciding { rule: rule.name(), degree: premise.max(parameter), by_parameter: parameter > premise }
    });
    Ok(candidates.reduce(|best, next| if next.degree < best.degree { next } else { best }).expect("sets have rules"))
}

/// The most possible value other than the one at `position`.
pub fn strongest_competitor(distribution: &Distribution, position: usize) -> Option<(usize, &Value, f32)> {
    let others = distribution.iter().enumerate().filter(|(i, _)| *i != position);
    others.map(|(i, (value, degree))| (i, value, degree)).reduce(|best, next| if next.2 > best.2 { next } else { best })
}

/// One sentence on why a derived attribute has the value it has.
///
/// # Errors
/// As [`Engine::premises`].
///
/// # Panics
/// If the inference does not come from this engine.
pub fn sentence(
    engine: &Engine,
    inputs: &[(&str, &[f32])],
    inference: &Inference,
    attribute: &str,
) -> Result<String, Error> {
    let distribution = inference.get(attribute).expect("an attribute of this engine");
    let values = distribution.attribute().domain().values();
    let Some(position) = distribution.decision().unique() else {
        return Ok(format!(
            "{attribute} is ambiguous: several values are possible to degree {}",
            distribution.height()
        ));
    };
    let Some((other, value, degree)) = strongest_competitor(distribution, position) else {
        return Ok(format!("{attribute} = {}: its only value", values[position]));
    };
    let deciding = deciding_rule(engine, inputs, attribute, other)?;
    let by = if deciding.by_parameter { "the rule's own uncertainty" } else { "what it reads" };
    Ok(format!(
        "{attribute} = {} with necessity {:.4}: the next best, {value}, is possible only to degree {degree:.4} by {by} in \"{}\"",
        values[position],
        distribution.necessity_of(&[position]),
        deciding.rule
    ))
}
