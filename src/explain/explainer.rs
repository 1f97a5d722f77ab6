use serde::{Deserialize, Serialize};

use super::Error;
use crate::inference::{Engine, Source, Stage, Structure, Trace};
use crate::possibility::{Attribute, Value, decide, possibility_outside};
use crate::rules::SetRule;

/// Answers questions about what an engine infers from one example.
///
/// The example is inferred once, when the explainer is made; every question looks at what was
/// computed then.
#[derive(Debug, Clone)]
pub struct Explainer<'e> {
    pub(super) engine: &'e Engine,
    pub(super) trace: Trace,
    pub(super) limit: usize,
}

/// What an example says about an input: what was read, and how possible anything else is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The input.
    pub attribute: String,
    /// Its most possible value; several if they tie.
    pub values: Vec<Value>,
    /// The highest degree of the other values.
    pub others: f32,
}

impl<'e> Explainer<'e> {
    /// The most parts (values, rules and propositions) of an explanation, unless set otherwise.
    pub const LIMIT: usize = 200;

    /// Infers one example from the degrees of the inputs, each in domain order.
    ///
    /// # Errors
    /// As [`Engine::infer`].
    pub fn new(engine: &'e Engine, inputs: &[(&str, &[f32])]) -> Result<Self, Error> {
        let trace = engine.trace(inputs, engine.program().stages.len())?;
        Ok(Self { engine, trace, limit: Self::LIMIT })
    }

    /// Bounds the parts (values, rules and propositions) of an explanation. Default:
    /// [`Self::LIMIT`]. What is left out is counted where it is left out.
    pub fn with_limit(mut self, parts: usize) -> Self {
        self.limit = parts;
        self
    }

    /// The engine that inferred the example.
    pub fn engine(&self) -> &'e Engine {
        self.engine
    }

    pub(super) fn attribute(&self, attribute: usize) -> &'e Attribute {
        &self.engine.base().attributes()[attribute]
    }

    pub(super) fn name(&self, attribute: usize) -> &'e str {
        self.attribute(attribute).name()
    }

    pub(super) fn source(&self, attribute: usize) -> Source {
        self.engine.program().sources[attribute]
    }

    pub(super) fn stage(&self, stage: usize) -> &'e Stage {
        &self.engine.program().stages[stage]
    }

    pub(super) fn structure(&self, stage: usize) -> &'e Structure {
        &self.stage(stage).structure
    }

    pub(super) fn rules(&self, stage: usize) -> &'e [SetRule] {
        self.engine.base().rule_sets()[stage].rules()
    }

    /// Where the rule set on a derived attribute stands in the cascade.
    pub(super) fn derived(&self, name: &str) -> Result<usize, Error> {
        Ok(self.engine.stage(name)?)
    }

    /// s or r of a rule, by its place among \[s_1, r_1, s_2, …\].
    pub(super) fn parameter(&self, stage: usize, level: usize) -> f32 {
        let parameters = self.engine.stage_parameters(stage);
        if level.is_multiple_of(2) { parameters.s[level / 2] } else { parameters.r[level / 2] }
    }

    /// λ or ρ of a rule, by its place among \[λ_1, ρ_1, λ_2, …\].
    pub(super) fn premise(&self, stage: usize, level: usize) -> f32 {
        self.trace.premises[stage][level]
    }

    /// For each value of an attribute the element (an input's value, a derived attribute's atom)
    /// it belongs to.
    pub(super) fn element(&self, attribute: usize, position: usize) -> u32 {
        match self.source(attribute) {
            Source::Stage(stage) => self.structure(stage).partition.class_of()[position],
            _ => position as u32,
        }
    }

    /// The degrees of an attribute's elements.
    pub(super) fn degrees(&self, attribute: usize) -> &[f32] {
        match self.source(attribute) {
            Source::Unused => &[],
            Source::Input(input) => {
                let input = &self.engine.program().inputs[input];
                &self.trace.inputs[input.offset..input.offset + input.len]
            }
            Source::Stage(stage) => &self.trace.atoms[stage],
        }
    }

    /// The degree of every value, in domain order.
    pub(super) fn distribution(&self, attribute: usize) -> Vec<f32> {
        let degrees = self.degrees(attribute);
        let len = self.attribute(attribute).domain().len();
        (0..len).map(|position| degrees[self.element(attribute, position) as usize]).collect()
    }

    /// The elements of the given degree that have a value among some, in order.
    pub(super) fn attaining(&self, attribute: usize, among: impl Fn(usize) -> bool, degree: f32) -> Vec<u32> {
        let degrees = self.degrees(attribute);
        let mut seen = vec![false; degrees.len()];
        let mut found = Vec::new();
        for position in 0..self.attribute(attribute).domain().len() {
            let element = self.element(attribute, position);
            if degrees[element as usize] == degree && among(position) && !seen[element as usize] {
                seen[element as usize] = true;
                found.push(element);
            }
        }
        found
    }

    /// The values of an element.
    pub(super) fn values(&self, attribute: usize, element: u32) -> impl Iterator<Item = &'e Value> {
        let values = self.attribute(attribute).domain().values().iter().enumerate();
        values.filter(move |(position, _)| self.element(attribute, *position) == element).map(|(_, value)| value)
    }

    /// The most possible value of an attribute, or all that tie, and the degree of the others.
    pub(super) fn reading(&self, attribute: usize) -> Reading {
        let degrees = self.distribution(attribute);
        let decided = decide(&degrees).positions();
        let others = possibility_outside(&degrees, &decided);
        let values = self.attribute(attribute).domain().values();
        Reading {
            attribute: self.name(attribute).to_owned(),
            values: decided.into_iter().map(|i| values[i].clone()).collect(),
            others,
        }
    }

    /// The rules that attain the degree of an atom, as places among \[α_1, β_1, α_2, …\].
    pub(super) fn deciding(&self, stage: usize, atom: u32) -> impl Iterator<Item = usize> {
        let structure = self.structure(stage);
        let degree = self.trace.atoms[stage][atom as usize];
        let selectors = &structure.selectors[atom as usize * structure.rules..][..structure.rules];
        let attains = move |level: &usize| self.premise(stage, *level).max(self.parameter(stage, *level)) == degree;
        selectors.iter().map(|&level| level as usize).filter(attains)
    }
}
