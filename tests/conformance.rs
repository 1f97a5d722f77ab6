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
            let rule = plain.r#if.iter().fold(Rule::new(&plain.name), |rule, premise| rule.when(condition(premise)));
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

#[test]
fn every_evaluator_gives_the_degrees_of_the_definition() {
    let File { problems } = serde_json::from_str(include_str!("data/inference/conformance.json")).unwrap();
    assert!(problems.len() >= 50);
    for problem in &problems {
        let engine = problem.engine();
        let cases = problem.cases(&engine);
        let names: Vec<&str> =
            engine.base().rule_sets().iter().map(|set| engine.base().conclusion(set).name()).collect();
        let batch = engine.infer_batch(&cases, &names).unwrap();
        for (i, case) in problem.cases.iter().enumerate() {
            assert_eq!(case.expected.len(), names.len());
            let one = cases.row(i);
            let inference = engine.infer(&one).unwrap();
            for (name, expected) in &case.expected {
                let what = format!("{}, case {i}, {name}", problem.name);
                assert_eq!(inference.get(name).unwrap().degrees(), expected, "{what}: alone");
                assert_eq!(batch.get(name).unwrap().row(i).to_vec(), *expected, "{what}: in a batch");
                let premises = engine.premises(name, &one).unwrap();
                let of_set = problem.rules.iter().zip(&case.premises).filter(|(rule, _)| rule.then.0 == *name);
                assert_eq!(
                    premises,
                    of_set.flat_map(|(_, premise)| *premise).collect::<Vec<f32>>(),
                    "{what}: premises"
                );
                let relation = engine.relation(name).unwrap();
                let atoms = relation.apply(aview1(&premises));
                let values = relation.partition().class_of().iter().map(|&atom| atoms[atom as usize]);
                assert_eq!(values.collect::<Vec<f32>>(), *expected, "{what}: relation");
            }
        }
        // Each attribute alone (which runs fewer rule sets), and the cases in shards.
        for name in &names {
            let expected = batch.get(name).unwrap();
            assert_eq!(engine.infer_batch(&cases, &[name]).unwrap().get(name).unwrap(), expected, "{}", problem.name);
            for first in (0..cases.len()).step_by(7) {
                let range = first..cases.len().min(first + 7);
                let shard = engine.infer_batch(&cases.slice(range.clone()), &[name]).unwrap();
                assert_eq!(shard.get(name).unwrap(), expected.slice(ndarray::s![range, ..]), "{}", problem.name);
            }
        }
    }
}
