//! Inference against its definition, on random rule bases.

mod common;

use common::plain::{Plain, degree, plain};
use ndarray::{Array2, Axis};
use pinesy::inference::{Engine, Error, Parameters};
use pinesy::rules::RuleBase;
use proptest::prelude::*;

fn case() -> impl Strategy<Value = (Plain, Vec<[Vec<f32>; 2]>)> {
    plain().prop_flat_map(|plain| {
        let row = |size| prop::collection::vec(degree(), size);
        let rows = prop::collection::vec((row(plain.sizes[0]), row(plain.sizes[1])).prop_map(|(a, b)| [a, b]), 1..40);
        (Just(plain), rows)
    })
}

proptest! {
    #[test]
    fn batch_single_and_matrix_agree_with_the_definition((plain, rows) in case()) {
        let engine = plain.engine();
        let column = |i: usize| Array2::from_shape_fn((rows.len(), plain.sizes[i]), |(row, v)| rows[row][i][v]);
        let (in0, in1) = (column(0), column(1));
        // An attribute the rules happen not to read is no input.
        let given: Vec<_> = [("in0", in0.view()), ("in1", in1.view())]
            .into_iter().filter(|(name, _)| engine.base().inputs().any(|a| a.name() == *name)).collect();
        let batch = engine.batch(&given).unwrap();
        prop_assume!(!given.is_empty());
        let inferred = engine.infer_batch(&batch, &["end", "mid", "end"]).unwrap();
        for (i, row) in rows.iter().enumerate() {
            let pi = plain.by_definition(row);
            prop_assert_eq!(inferred.get("mid").unwrap().row(i).to_vec(), pi[2].clone());
            prop_assert_eq!(inferred.get("end").unwrap().row(i).to_vec(), pi[3].clone());
            let inputs: Vec<(&str, &[f32])> = given.iter().map(|(name, a)| (*name, a.index_axis(Axis(0), i).to_slice().unwrap())).collect();
            let one = engine.infer(&inputs).unwrap();
            prop_assert_eq!(one.get("mid").unwrap().degrees(), &pi[2]);
            prop_assert_eq!(one.get("end").unwrap().degrees(), &pi[3]);
            for (name, expected) in [("mid", &pi[2]), ("end", &pi[3])] {
                let relation = engine.relation(name).unwrap();
                let premises = engine.premises(name, &inputs).unwrap();
                let atoms = relation.apply(ndarray::aview1(&premises));
                let spread: Vec<f32> = relation.partition().class_of().iter().map(|&k| atoms[k as usize]).collect();
                prop_assert_eq!(&spread, expected);
            }
        }
    }
}

fn addition(k: i64) -> Engine {
    Engine::certain(&RuleBase::read("rulesets/mnist_addition.toml", &[("k", k)]).unwrap())
}

#[test]
fn every_sum_of_two_crisp_two_digit_numbers_comes_out_right() {
    let engine = addition(2);
    let names = ["a1", "a2", "a3", "a4"];
    let digit = |number: usize, j: usize| [number / 1000, number / 100, number / 10, number][j] % 10;
    let columns =
        [0, 1, 2, 3].map(|j| Array2::from_shape_fn((10_000, 10), |(n, d)| f32::from(u8::from(digit(n, j) == d))));
    let given: Vec<_> = names.iter().copied().zip(columns.iter().map(|c| c.view())).collect();
    let inferred = engine.infer_batch(&engine.batch(&given).unwrap(), &["y0", "y1", "y2"]).unwrap();
    for number in 0..10_000 {
        let sum = number / 100 + number % 100;
        for (name, digit) in [("y0", sum / 100), ("y1", sum / 10 % 10), ("y2", sum % 10)] {
            let column = inferred.get(name).unwrap();
            let row = column.row(number);
            assert!(
                row.iter().enumerate().all(|(d, &degree)| degree == f32::from(u8::from(d == digit))),
                "{number}: {name} {row}"
            );
        }
    }
}

#[test]
fn wrong_inputs_are_named() {
    let engine = addition(1);
    let (good, short) = ([1.0; 10], [1.0; 9]);
    let mut bad = good;
    bad[4] = 1.5;
    let message = |inputs: &[(&str, &[f32])]| engine.infer(inputs).unwrap_err().to_string();
    assert_eq!(message(&[("a1", &good)]), "input attribute a2 is missing: expected its degrees");
    assert_eq!(message(&[("a1", &good), ("a3", &good)]), "'a3' is not an input attribute: expected one of a1, a2");
    assert_eq!(message(&[("c1", &good)]), "'c1' is not an input attribute: expected one of a1, a2");
    assert_eq!(message(&[("a1", &good), ("a1", &good)]), "input attribute a1 is given twice: expected once");
    assert_eq!(message(&[("a1", &good), ("a2", &short)]), "a2: 9 degrees: expected 10, one a value of the domain");
    assert_eq!(message(&[("a1", &bad), ("a2", &good)]), "a1: degree 1.5 at position 4: expected a number from 0 to 1");
    bad[4] = f32::NAN;
    assert!(message(&[("a1", &bad), ("a2", &good)]).contains("NaN at position 4"));

    let rows = Array2::ones((3, 10));
    let mut wrong = rows.clone();
    wrong[(2, 0)] = -0.5;
    let batch = engine.batch(&[("a1", rows.view()), ("a2", wrong.view())]).unwrap_err();
    assert_eq!(batch.to_string(), "example 2: a2: degree -0.5 at position 0: expected a number from 0 to 1");
    let fewer = engine.batch(&[("a1", rows.view()), ("a2", rows.slice(ndarray::s![..2, ..]))]).unwrap_err();
    assert!(matches!(fewer, Error::BatchLength { found: 2, expected: 3, .. }));
}

#[test]
fn wrong_parameters_are_named() {
    let base = RuleBase::read("rulesets/mnist_addition.toml", &[]).unwrap();
    let message = |change: &dyn Fn(&mut Parameters)| {
        let mut parameters = Parameters::certain(&base);
        change(&mut parameters);
        Engine::new(&base, &parameters).unwrap_err().to_string()
    };
    assert!(message(&|p| drop(p.parameters.remove("w1"))).contains("none for w1"));
    assert!(message(&|p| p.parameters.get_mut("w1").unwrap().s.push(0.0)).contains("w1 has 2 values s: expected 1"));
    assert!(message(&|p| p.parameters.get_mut("y1").unwrap().r[2] = f32::NAN).contains("r of rule 3 on y1 is NaN"));
    assert!(message(&|p| drop(p.parameters.insert("a1".into(), Default::default()))).contains("'a1' has no rules"));
}
