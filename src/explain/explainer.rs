use serde::{Deserialize, Serialize};

use super::Error;
use crate::inference::{Cases, Engine, Score};
use crate::possibility::{Attribute, Value, decide, possibility_outside};
use crate::program::{Level, Stage, Structure, Trace};
use crate::rules::{SetRule, Source};

/// Answers questions about what an engine infers from one example.
///
/// The example is inferred once, when the explainer is made; every question looks at what was
/// computed then.
#[derive(Debug, Clone)]
pub struct Explainer<'e> {
    pub(super) engine: &'e Engine,
    pub(super) trace: Trace,
    pub(super) limit: usize,
    pub(super) score: Score,
}

/// What an example says about an input: what was read, and how possible anything else is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
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

    /// Infers a single case.
    ///
    /// # Errors
    /// As [`Engine::infer`].
    pub fn new(engine: &'e Engine, case: &Cases) -> Result<Self, Error> {
        Ok(Self { engine, trace: engine.trace(case)?, limit: Self::LIMIT, score: Score::Min })
    }

    /// Bounds the parts (values, rules and propositions) of an explanation. Default:
    /// [`Self::LIMIT`]. What is left out is counted where it is left out.
    pub fn with_limit(mut self, parts: usize) -> Self {
        self.limit = parts;
        self
    }

    /// Also justifies what this score decides ([`Justification::ranking`](super::Justification)).
    /// Default: [`Score::Min`], the possibility, which needs no more than that.
    pub fn with_score(mut self, score: Score) -> Self {
        self.score = score;
        self
    }

    /// The score that decisions are justified by.
    pub fn score(&self) -> Score {
        self.score
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
        self.engine.base().source(attribute)
    }

    pub(super) fn stage(&self, stage: usize) -> &'e Stage {
        &self.engine.program().stages[stage]
    }

    pub(super) fn structure(&self, stage: usize) -> &'e Structure {
        self.engine.program().structure(stage)
    }

    pub(super) fn rules(&self, stage: usize) -> &'e [SetRule] {
        self.engine.base().rule_sets()[stage].rules()
    }

    /// Where the rule set on a derived attribute stands in the cascade.
    pub(super) fn derived(&self, name: &str) -> Result<usize, Error> {
        Ok(self.engine.stage(name)?)
    }

    /// s or r of a rule.
    pub(super) fn parameter(&self, stage: usize, level: Level) -> f32 {
        self.engine.floors().of(self.engine.program(), stage)[level.index()]
    }

    /// λ or ρ of a rule.
    pub(super) fn premise(&self, stage: usize, level: Level) -> f32 {
        self.trace.premise(self.engine.program(), stage, level)
    }

    /// α or β of a rule.
    pub(super) fn contribution(&self, stage: usize, level: Level) -> f32 {
        self.trace.contribution(self.engine.program(), self.engine.floors(), stage, level)
    }

    /// The degrees of a rule set's atoms.
    pub(super) fn atoms(&self, stage: usize) -> &[f32] {
        self.trace.atoms_of(self.engine.program(), stage)
    }

    /// For each value of an attribute the element (an input's value, a derived attribute's atom)
    /// it belongs to.
    pub(super) fn element(&self, attribute: usize, position: usize) -> u32 {
        match self.source(attribute) {
            Source::RuleSet(stage) => self.structure(stage).partition.class_of()[position],
            _ => position as u32,
        }
    }

    /// The degrees of an attribute's elements.
    pub(super) fn degrees(&self, attribute: usize) -> &[f32] {
        match self.source(attribute) {
            Source::Unused => &[],
            Source::Input(input) => &self.trace.inputs[self.engine.base().input_columns()[input].clone()],
            Source::RuleSet(stage) => self.atoms(stage),
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

    /// The levels that attain the degree of an atom.
    pub(super) fn deciding(&self, stage: usize, atom: u32) -> impl Iterator<Item = Level> {
        self.trace.deciding(self.engine.program(), self.engine.floors(), stage, atom as usize)
    }
}
