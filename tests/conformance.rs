//! Every evaluator on rule bases whose degrees an independent script computed
//! (`tests/data/inference/generate.py`), bit for bit.

use std::collections::BTreeMap;

use ndarray::{Array2, aview1};
use pinesy::inference::{Cases, Engine, Parameters};
use pinesy::possibility::{Attribute, Domain, Value};
use pinesy::rules::{Condition, Rule, RuleBase};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    problems: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    name: String,
    attributes: Vec<PlainAttribute>,
    rules: Vec<PlainRule>,
    cases: Vec<PlainCase>,
}

#[derive(Deserialize)]
struct PlainAttribute {
    name: String,
    domain: Vec<Value>,
}

#[derive(Deserialize)]
struct PlainRule {
    name: String,
    r#if: Vec<(String, Vec<usize>)>,
    then: (String, Vec<usize>),
    s: f32,
    r: f32,
}

#[derive(Deserialize)]
struct PlainCase {
    inputs: BTreeMap<String, Vec<f32>>,
    expected: BTreeMap<String, Vec<f32>>,
    /// λ and ρ of each rule.
    premises: Vec<[f32; 2]>,
}

impl Problem {
    fn engine(&self) -> Engine {
        let mut builder = RuleBase::builder();
        for PlainAttribute { name, domain } in &self.attributes {
            builder = builder.attribute(Attribute::new(name, Domain::new(domain.clone()).unwrap()).unwrap());
        }
        let condition = |(attribute, positions): &(String, Vec<usize>)| {
            let domain = &self.attributes.iter().find(|a| a.name == *attribute).unwrap().domain;
            Condition::one_of(attribute, positions.iter().map(|&position| domain[position].clone()))
        };
        let mut parameters = Parameters::default();
        for plain in &self.rules {
            let rule =
                plain.r#if.iter().fold(Rule::equivalence(&plain.name), |rule, premise| rule.when(condition(premise)));
            builder = builder.rule(rule.then(condition(&plain.then)));
            let set = parameters.parameters.entry(plain.then.0.clone()).or_default();
            set.s.push(plain.s);
            set.r.push(plain.r);
        }
        Engine::new(&builder.build().unwrap(), &parameters).unwrap()
    }

    fn cases(&self, engine: &Engine) -> Cases {
        let inputs = engine.base().inputs();
        let column = |input: &Attribute| {
            Array2::from_shape_fn((self.cases.len(), input.domain().len()), |(case, value)| {
                self.cases[case].inputs[input.name()][value]
            })
        };
        inputs.fold(engine.cases(), |cases, input| cases.possibilities(input.name(), &column(input))).build().unwrap()
    }
}

/// Bit for bit: −0 is no 0.
#[track_caller]
fn same(what: &str, ours: &[f32], expected: &[f32]) {
    assert_eq!(ours, expected, "{what}");
    assert!(ours.iter().zip(expected).all(|(a, b)| a.to_bits() == b.to_bits()), "{what}: {ours:?}");
}

#[test]
fn every_evaluator_gives_the_degrees_of_the_definition() {
    let File { problems } = serde_json::from_str(include_str!("data/inference/conformance.json")).unwrap();
    assert!(problems.len() >= 50);
    for problem in &problems {
        let engine = problem.engine();
        let cases = problem.cases(&engine);
        assert_eq!(cases.len(), problem.cases.len(), "{}", problem.name);
        let names: Vec<&str> =
            engine.base().rule_sets().iter().map(|set| engine.base().conclusion(set).name()).collect();
        let batch = engine.infer_batch(&cases, &names).unwrap();
        for (i, case) in problem.cases.iter().enumerate() {
            assert_eq!((case.expected.len(), case.premises.len()), (names.len(), problem.rules.len()));
            let one = cases.row(i);
            let inference = engine.infer(&one).unwrap();
            for distribution in inference.iter() {
                let name = distribution.attribute().name();
                same(
                    &format!("{}, case {i}, {name}: alone", problem.name),
                    distribution.degrees(),
                    &case.expected[name],
                );
            }
            for (name, expected) in &case.expected {
                let what = |of: &str| format!("{}, case {i}, {name}: {of}", problem.name);
                same(&what("alone, by name"), inference.get(name).unwrap().degrees(), expected);
                same(&what("in a batch"), &batch.get(name).unwrap().row(i).to_vec(), expected);
                let premises = engine.premises(name, &one).unwrap();
                let of_set = problem.rules.iter().zip(&case.premises).filter(|(rule, _)| rule.then.0 == *name);
                same(&what("premises"), &premises, &of_set.flat_map(|(_, premise)| *premise).collect::<Vec<f32>>());
                let relation = engine.relation(name).unwrap();
                let atoms = relation.apply(aview1(&premises));
                let values = relation.partition().class_of().iter().map(|&atom| atoms[atom as usize]);
                same(&what("relation"), &values.collect::<Vec<f32>>(), expected);
            }
        }
        // Each attribute alone (which runs fewer rule sets), all of them last first, and the cases
        // in shards.
        let check = |what: &str, cases: &Cases, first: usize, wanted: &[&str]| {
            let inferred = engine.infer_batch(cases, wanted).unwrap();
            assert_eq!(inferred.len(), cases.len());
            for name in wanted {
                for (i, row) in inferred.get(name).unwrap().outer_iter().enumerate() {
                    let expected = &problem.cases[first + i].expected[*name];
                    same(&format!("{}, case {}, {name}: {what}", problem.name, first + i), &row.to_vec(), expected);
                }
            }
        };
        let last_first: Vec<&str> = names.iter().rev().copied().collect();
        let wishes = names.iter().map(std::slice::from_ref).chain([names.as_slice(), last_first.as_slice()]);
        for wanted in wishes {
            check("in a batch", &cases, 0, wanted);
            for size in [1, 7, 16, 17] {
                for first in (0..cases.len()).step_by(size) {
                    let shard = cases.slice(first..cases.len().min(first + size));
                    check(&format!("in shards of {size}"), &shard, first, wanted);
                }
            }
        }
    }
}
