//! Random rule bases in a form so plain that the formulas can be evaluated on them directly.

use ndarray::Array2;
use pinesy::inference::{Cases, CasesBuilder, Engine, Parameters, RuleSetParameters};
use pinesy::possibility::{Attribute, Domain};
use pinesy::rules::{Condition, Rule, RuleBase};
use proptest::prelude::*;

/// A rule, plainly: which values its premises ask for, which values it concludes on.
#[derive(Debug, Clone)]
pub struct PlainRule {
    /// (attribute, members)
    pub premise: Vec<(usize, Vec<bool>)>,
    pub members: Vec<bool>,
    pub s: f32,
    pub r: f32,
}

/// Attributes 0 and 1 are inputs, 2 and 3 are derived, 3 from all others.
#[derive(Debug, Clone)]
pub struct Plain {
    pub sizes: [usize; 4],
    pub rules: [Vec<PlainRule>; 2],
}

pub const NAMES: [&str; 4] = ["in0", "in1", "mid", "end"];

pub fn degree() -> impl Strategy<Value = f32> {
    prop_oneof![Just(0.0), Just(1.0), (0..=4u8).prop_map(|i| f32::from(i) / 4.0), 0.0..=1.0f32]
}

fn members(size: usize) -> impl Strategy<Value = Vec<bool>> {
    prop::collection::vec(any::<bool>(), size).prop_filter("some value", |m| m.contains(&true))
}

fn rule(sizes: [usize; 4], conclusion: usize) -> impl Strategy<Value = PlainRule> {
    let proposition = (0..conclusion).prop_flat_map(move |a| (Just(a), members(sizes[a])));
    (prop::collection::vec(proposition, 1..3), members(sizes[conclusion]), degree(), degree())
        .prop_map(|(premise, members, s, r)| PlainRule { premise, members, s, r })
}

pub fn plain() -> impl Strategy<Value = Plain> {
    prop::array::uniform4(2..6usize).prop_flat_map(|sizes| {
        let rules = (prop::collection::vec(rule(sizes, 2), 1..5), prop::collection::vec(rule(sizes, 3), 1..5));
        rules.prop_map(move |(mid, end)| Plain { sizes, rules: [mid, end] })
    })
}

fn positions(members: &[bool]) -> Vec<i64> {
    members.iter().enumerate().filter(|(_, m)| **m).map(|(i, _)| i as i64).collect()
}

impl Plain {
    pub fn engine(&self) -> Engine {
        let mut builder = RuleBase::builder();
        for (name, &size) in NAMES.iter().zip(&self.sizes) {
            builder = builder.attribute(Attribute::new(*name, Domain::integers(0..=size as i64 - 1).unwrap()).unwrap());
        }
        // The derived sets are given last first: the cascade order is for the builder to find.
        let mut parameters = Parameters::default();
        for (set, conclusion) in [(1, 3), (0, 2)] {
            let mut of_set = RuleSetParameters::default();
            for (i, plain) in self.rules[set].iter().enumerate() {
                let mut rule = Rule::equivalence(format!("{}-{i}", NAMES[conclusion]));
                for (attribute, members) in &plain.premise {
                    rule = rule.when(Condition::one_of(NAMES[*attribute], positions(members)));
                }
                builder = builder.rule(rule.then(Condition::one_of(NAMES[conclusion], positions(&plain.members))));
                of_set.s.push(plain.s);
                of_set.r.push(plain.r);
            }
            parameters.parameters.insert(NAMES[conclusion].to_owned(), of_set);
        }
        Engine::new(&builder.build().unwrap(), &parameters).unwrap()
    }

    /// Π of the values for which an attribute's membership is `wanted`.
    fn possibility(members: &[bool], wanted: bool, degrees: &[f32]) -> f32 {
        members.iter().zip(degrees).filter(|(m, _)| **m == wanted).fold(0.0f32, |a, (_, d)| a.max(*d))
    }

    /// λ and ρ of a rule, from the degrees of all attributes before it.
    pub fn premise(rule: &PlainRule, pi: &[Vec<f32>]) -> (f32, f32) {
        let lambda = rule.premise.iter().map(|(a, m)| Self::possibility(m, true, &pi[*a])).fold(1.0, f32::min);
        let rho = rule.premise.iter().map(|(a, m)| Self::possibility(m, false, &pi[*a])).fold(0.0, f32::max);
        (lambda, rho)
    }

    /// What a rule allows a value: α or β.
    pub fn level(rule: &PlainRule, value: usize, pi: &[Vec<f32>]) -> f32 {
        let (lambda, rho) = Self::premise(rule, pi);
        if rule.members[value] { rule.s.max(lambda) } else { rule.r.max(rho) }
    }

    /// π of every attribute, from the formulas.
    pub fn by_definition(&self, inputs: &[Vec<f32>; 2]) -> Vec<Vec<f32>> {
        let mut pi = inputs.to_vec();
        for (set, conclusion) in [(0, 2), (1, 3)] {
            let value = |u: usize| self.rules[set].iter().map(|rule| Self::level(rule, u, &pi)).fold(1.0, f32::min);
            let derived = (0..self.sizes[conclusion]).map(value).collect();
            pi.push(derived);
        }
        pi
    }

    /// The cases an engine takes: an attribute that the rules happen not to read is no input. One is
    /// read at least, by the rules on "mid".
    pub fn cases(&self, engine: &Engine, rows: &[[Vec<f32>; 2]]) -> Cases {
        self.inputs(engine, rows).build().unwrap()
    }

    /// The same, to which targets can be added.
    pub fn inputs(&self, engine: &Engine, rows: &[[Vec<f32>; 2]]) -> CasesBuilder {
        let read = |name: &&str| engine.base().inputs().any(|a| a.name() == *name);
        let inputs = NAMES[..2].iter().enumerate().filter(|(_, name)| read(name));
        let column = |i: usize| Array2::from_shape_fn((rows.len(), self.sizes[i]), |(row, v)| rows[row][i][v]);
        inputs.fold(engine.cases(), |cases, (i, name)| cases.possibilities(name, &column(i)))
    }
}
