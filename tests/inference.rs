//! Inference against its definition, on random rule bases.

mod common;

use common::plain::{Plain, degree, plain};
use ndarray::Array2;
use pinesy::inference::{Cases, CasesBuilder, Engine, Error, Parameters, Target};
use pinesy::possibility::{Attribute, Domain};
use pinesy::rules::{Condition, Rule, RuleBase};
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
        let Some(cases) = plain.cases(&engine, &rows) else { return Ok(()) };
        let inferred = engine.infer_batch(&cases, &["end", "mid", "end"]).unwrap();
        for (i, row) in rows.iter().enumerate() {
            let pi = plain.by_definition(row);
            prop_assert_eq!(inferred.get("mid").unwrap().row(i).to_vec(), pi[2].clone());
            prop_assert_eq!(inferred.get("end").unwrap().row(i).to_vec(), pi[3].clone());
            let case = cases.row(i);
            let one = engine.infer(&case).unwrap();
            for (name, expected) in [("mid", &pi[2]), ("end", &pi[3])] {
                let alone = one.get(name).unwrap();
                prop_assert_eq!(alone.degrees(), expected);
                let relation = engine.relation(name).unwrap();
                let premises = engine.premises(name, &case).unwrap();
                let atoms = relation.apply(ndarray::aview1(&premises));
                let spread: Vec<f32> = relation.partition().class_of().iter().map(|&k| atoms[k as usize]).collect();
                prop_assert_eq!(&spread, expected);
                // The same, read off the batch.
                let distribution = inferred.distribution(name, i).unwrap();
                prop_assert_eq!(distribution.degrees(), expected);
                prop_assert_eq!(&inferred.decisions(name).unwrap()[i], &distribution.decision());
                let decided = distribution.decision().positions();
                let others = (0..expected.len()).filter(|u| !decided.contains(u)).map(|u| expected[u]);
                prop_assert_eq!(inferred.necessities(name).unwrap()[i], 1.0 - others.fold(0.0, f32::max));
            }
        }
        let arrays = inferred.clone().into_arrays();
        prop_assert_eq!(arrays.iter().map(|(a, _)| a.name()).collect::<Vec<_>>(), ["end", "mid"]);
        for (attribute, array) in &arrays {
            prop_assert_eq!(array.view(), inferred.get(attribute.name()).unwrap());
        }
        // Shards, and one attribute alone, are no different.
        let cut = rows.len() / 2;
        for part in [0..cut, cut..rows.len()] {
            let alone = engine.infer_batch(&cases.slice(part.clone()), &["end"]).unwrap();
            let expected = inferred.get("end").unwrap().slice_move(ndarray::s![part, ..]);
            prop_assert_eq!(alone.get("end").unwrap(), expected);
        }
    }

    #[test]
    fn unknown_inputs_are_fully_possible_and_only_raise_degrees((plain, rows) in case(), hidden in any::<prop::sample::Index>()) {
        let engine = plain.engine();
        let Some(cases) = plain.cases(&engine, &rows) else { return Ok(()) };
        let hidden = hidden.index(rows.len());
        let inputs: Vec<&Attribute> = engine.base().inputs().collect();
        let given = |table: CasesBuilder, input: &Attribute| table.possibilities(input.name(), &cases.input(input.name()).unwrap());
        let some = inputs.iter().fold(engine.cases(), |table, input| given(table, input));
        let some = some.unknown_in(inputs[0].name(), [hidden]).build().unwrap();
        let all = inputs[1..].iter().fold(engine.cases().count(rows.len()).unknown(inputs[0].name()), |table, input| given(table, input));
        let all = all.build().unwrap();
        prop_assert!(some.input(inputs[0].name()).unwrap().row(hidden).iter().all(|&degree| degree == 1.0));
        prop_assert!(all.input(inputs[0].name()).unwrap().iter().all(|&degree| degree == 1.0));
        let end = |cases: &Cases| engine.infer_batch(cases, &["end"]).unwrap().get("end").unwrap().to_owned();
        let (known, some, all) = (end(&cases), end(&some), end(&all));
        prop_assert!(known.iter().zip(&some).all(|(known, some)| known <= some));
        prop_assert!(some.iter().zip(&all).all(|(some, all)| some <= all));
    }
}

#[test]
fn tables_take_arrays_of_any_layout() {
    let engine = addition(1);
    let rows = Array2::from_shape_fn((3, 10), |(i, j)| (i * 10 + j) as f32 / 32.0);
    let table = |a1: &dyn Fn(CasesBuilder) -> CasesBuilder| a1(engine.cases()).unknown("a2").build().unwrap();
    let standard = table(&|cases| cases.possibilities("a1", &rows));
    let columns = rows.t().as_standard_layout().into_owned();
    assert_eq!(table(&|cases| cases.possibilities("a1", &columns.t())), standard);
    let backwards = rows.slice(ndarray::s![..;-1, ..;-1]).as_standard_layout().into_owned();
    assert_eq!(table(&|cases| cases.possibilities("a1", &backwards.slice(ndarray::s![..;-1, ..;-1]))), standard);
    let first: Vec<f32> = rows.row(0).to_vec();
    for one in [table(&|c| c.possibilities("a1", &first)), table(&|c| c.possibilities("a1", first.as_slice()))] {
        assert_eq!(one, standard.row(0));
    }
    // Targets by value and by position.
    let with = |target: Target| {
        let inputs = engine.cases().possibilities("a1", &first).unknown("a2");
        inputs.targets("c1", [Some(target)]).build().unwrap()
    };
    assert_eq!(with(Target::value([7, 5])), with(Target::Position(75)));
    assert_ne!(with(Target::value([5, 7])), with(Target::Position(75)));
}

#[test]
fn engines_travel_as_one_file() {
    let base = RuleBase::read("rulesets/mnist_addition.toml", &[("k", 2)]).unwrap();
    let mut parameters = Parameters::certain(&base);
    parameters.parameters.get_mut("w1").unwrap().r[0] = 0.3;
    let engine = Engine::new(&base, &parameters).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engine.json");
    engine.write(&path).unwrap();
    let again = Engine::read(&path).unwrap();
    assert_eq!((again.base(), again.parameters()), (engine.base(), parameters));
    assert_eq!(again.fingerprint(), engine.fingerprint());
    assert_ne!(again.fingerprint(), Engine::certain(&base).fingerprint());
    assert_ne!(base.fingerprint(), addition(1).base().fingerprint());
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    assert!(Engine::read(&path).unwrap_err().to_string().starts_with(&format!("{}: EOF", path.display())));
    std::fs::write(&path, text.replace("0.3", "1.5")).unwrap();
    assert!(Engine::read(&path).unwrap_err().to_string().contains("r of rule 1 on w1 is 1.5"));
    let sky = Attribute::new("sky", Domain::symbols(["clear", "grey"]).unwrap()).unwrap();
    let rain = Attribute::new("rain", Domain::symbols(["no", "yes"]).unwrap()).unwrap();
    let rule = Rule::new("grey").when(Condition::is("sky", "grey")).then(Condition::is("rain", "yes"));
    let in_rust = RuleBase::builder().attribute(sky).attribute(rain).rule(rule).build().unwrap();
    assert!(matches!(Engine::certain(&in_rust).write(&path), Err(Error::NoRuleText)));
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
    let cases =
        names.iter().zip(&columns).fold(engine.cases(), |cases, (name, column)| cases.possibilities(name, column));
    let inferred = engine.infer_batch(&cases.build().unwrap(), &["y0", "y1", "y2"]).unwrap();
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
    let message = |inputs: &[(&str, &[f32])]| {
        let cases = inputs.iter().fold(engine.cases(), |cases, (name, degrees)| cases.possibilities(name, *degrees));
        cases.build().unwrap_err().to_string()
    };
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
    let table =
        |a2: ndarray::ArrayView2<'_, f32>| engine.cases().possibilities("a1", &rows).possibilities("a2", &a2).build();
    let batch = table(wrong.view()).unwrap_err();
    assert_eq!(batch.to_string(), "example 2: a2: degree -0.5 at position 0: expected a number from 0 to 1");
    let fewer = table(rows.slice(ndarray::s![..2, ..])).unwrap_err();
    assert!(matches!(fewer, Error::Count { found: 2, expected: 3, .. }));
    assert!(matches!(engine.infer(&table(rows.view()).unwrap()), Err(Error::OneCase(3))));
    let unknown = engine.cases().unknown("a1").unknown("a2");
    assert!(matches!(unknown.clone().build(), Err(Error::NoCount)));
    assert_eq!(unknown.clone().count(1).build().unwrap().len(), 1);
    assert!(matches!(unknown.count(1).unknown_in("a1", [1]).build(), Err(Error::Count { found: 2, expected: 1, .. })));
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
