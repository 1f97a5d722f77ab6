//! Inference against its definition, on random rule bases.

mod common;

use std::collections::BTreeMap;

use common::plain::{Plain, degree, plain};
use ndarray::{Array1, Array2, ArrayView2, ShapeBuilder, s};
use pinesy::inference::{Cases, CasesBuilder, Engine, Error, Parameters, Target};
use pinesy::learning::{LearningConfig, learn};
use pinesy::possibility::{Attribute, Domain, Transform, Value};
use pinesy::rules::{Condition, Rule, RuleBase};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use strum::VariantArray;

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
        let cases = plain.cases(&engine, &rows);
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
                let necessity = (1.0 - others.fold(0.0, f32::max)).min(distribution.height());
                prop_assert_eq!(inferred.necessities(name).unwrap()[i], necessity);
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
        let cases = plain.cases(&engine, &rows);
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

/// The inputs of a table, with their possibilities.
fn columns(cases: &Cases) -> Vec<(&str, Array2<f32>)> {
    cases.base().inputs().map(|input| (input.name(), cases.input(input.name()).unwrap().to_owned())).collect()
}

fn bits(degrees: ArrayView2<'_, f32>) -> Vec<u32> {
    degrees.iter().map(|degree| degree.to_bits()).collect()
}

proptest! {
    #[test]
    fn unknown_is_every_value_fully_possible(
        (plain, rows) in case(), hidden in prop::collection::vec(any::<prop::sample::Index>(), 1..4)
    ) {
        let engine = plain.engine();
        let cases = plain.cases(&engine, &rows);
        let hidden: Vec<usize> = hidden.iter().map(|index| index.index(rows.len())).collect();
        let columns = columns(&cases);
        for &(name, ref column) in &columns {
            let table = |with: &dyn Fn(CasesBuilder) -> CasesBuilder| {
                let others = columns.iter().filter(|(other, _)| *other != name);
                let others = others.fold(engine.cases().count(rows.len()), |table, (other, column)| {
                    table.possibilities(other, column)
                });
                with(others).build().unwrap()
            };
            let ones = Array2::<f32>::ones(column.dim());
            let everywhere = table(&|cases| cases.possibilities(name, &ones));
            let unknown = table(&|cases| cases.unknown(name));
            prop_assert_eq!(bits(unknown.input(name).unwrap()), bits(ones.view()));
            prop_assert_eq!(&unknown, &everywhere);
            prop_assert_eq!(&table(&|cases| cases.possibilities(name, column).unknown_in(name, 0..rows.len())), &everywhere);
            let mut partly = column.clone();
            hidden.iter().for_each(|&row| partly.row_mut(row).fill(1.0));
            let expected = table(&|cases| cases.possibilities(name, &partly));
            let some = table(&|cases| cases.possibilities(name, column).unknown_in(name, hidden.iter().copied()));
            prop_assert_eq!(bits(some.input(name).unwrap()), bits(partly.view()));
            prop_assert_eq!(&some, &expected);
            // It may be said first, and case by case.
            let first = table(&|cases| {
                let cases = hidden.iter().fold(cases, |cases, &row| cases.unknown_in(name, [row]));
                cases.possibilities(name, column)
            });
            prop_assert_eq!(&first, &expected);
        }
    }

    #[test]
    fn tables_do_not_depend_on_the_layout_of_what_they_were_given((plain, rows) in case()) {
        let engine = plain.engine();
        let cases = plain.cases(&engine, &rows);
        let columns = columns(&cases);
        let table = |with: &dyn Fn(CasesBuilder, &str, &Array2<f32>) -> CasesBuilder| {
            columns.iter().fold(engine.cases(), |cases, (name, column)| with(cases, name, column)).build().unwrap()
        };
        let column_major = table(&|cases, name, column| {
            let mut turned = Array2::<f32>::zeros(column.dim().f());
            turned.assign(column);
            cases.possibilities(name, &turned)
        });
        let transposed = table(&|cases, name, column| {
            let turned = column.t().as_standard_layout().into_owned();
            cases.possibilities(name, &turned.t())
        });
        let reversed = table(&|cases, name, column| {
            let backwards = column.slice(s![..;-1, ..;-1]).as_standard_layout().into_owned();
            cases.possibilities(name, &backwards.slice(s![..;-1, ..;-1]))
        });
        let strided = table(&|cases, name, column| {
            let mut wide = Array2::<f32>::from_elem((2 * column.nrows(), 3 * column.ncols()), 0.5);
            wide.slice_mut(s![..;2, 1..;3]).assign(column);
            cases.possibilities(name, &wide.slice(s![..;2, 1..;3]))
        });
        for other in [column_major, transposed, reversed, strided] {
            prop_assert_eq!(&other, &cases);
            for (name, column) in &columns {
                prop_assert_eq!(bits(other.input(name).unwrap()), bits(column.view()));
            }
        }
        // A single case, from anything one-dimensional.
        let first = cases.row(0);
        let vector = table(&|cases, name, column| cases.possibilities(name, &column.row(0).to_vec()));
        let slice = table(&|cases, name, column| cases.possibilities(name, column.row(0).to_slice().unwrap()));
        let array = table(&|cases, name, column| cases.possibilities(name, &Array1::from(column.row(0).to_vec())));
        let strided = table(&|cases, name, column| {
            let turned = column.t().as_standard_layout().into_owned();
            cases.possibilities(name, &turned.column(0))
        });
        for one in [vector, slice, array, strided] {
            prop_assert_eq!(&one, &first);
        }
    }

    #[test]
    fn what_a_batch_says_agrees_with_its_degrees((plain, rows) in case()) {
        let engine = plain.engine();
        let cases = plain.cases(&engine, &rows);
        let wishes: [(&[&str], &[&str]); 5] = [
            (&["mid"], &["mid"]),
            (&["end"], &["end"]),
            (&["mid", "end"], &["mid", "end"]),
            (&["end", "mid", "end"], &["end", "mid"]),
            (&[], &[]),
        ];
        for (wish, columns) in wishes {
            let inferred = engine.infer_batch(&cases, wish).unwrap();
            prop_assert_eq!((inferred.len(), inferred.is_empty()), (rows.len(), false));
            for name in ["in0", "mid", "end", "none"].into_iter().filter(|name| !columns.contains(name)) {
                prop_assert!(inferred.get(name).is_none() && inferred.distribution(name, 0).is_none());
                prop_assert!(inferred.decisions(name).is_none() && inferred.necessities(name).is_none());
            }
            for &name in columns {
                let degrees = inferred.get(name).unwrap();
                let (decisions, necessities) = (inferred.decisions(name).unwrap(), inferred.necessities(name).unwrap());
                prop_assert_eq!([degrees.nrows(), decisions.len(), necessities.len()], [rows.len(); 3]);
                for (i, row) in degrees.outer_iter().enumerate() {
                    let distribution = inferred.distribution(name, i).unwrap();
                    prop_assert_eq!(Some(distribution.attribute()), engine.base().attribute(name));
                    prop_assert_eq!(distribution.degrees(), row.to_vec());
                    prop_assert_eq!(&decisions[i], &distribution.decision());
                    // All values are numbers from 0.
                    let decided = decisions[i].positions().into_iter().map(|u| u as i64);
                    prop_assert_eq!(necessities[i], distribution.necessity_of(decided).unwrap());
                }
            }
            let expected: Vec<(Attribute, Array2<f32>)> = columns
                .iter()
                .map(|name| (engine.base().attribute(name).unwrap().clone(), inferred.get(name).unwrap().to_owned()))
                .collect();
            prop_assert_eq!(inferred.into_arrays(), expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn targets_by_value_and_by_position_are_the_same(
        targets in prop::collection::vec(prop::option::of((0..100usize, 0..10usize)), 1..40)
    ) {
        let engine = addition(1);
        let domain = |name: &str| engine.base().attribute(name).unwrap().domain().values().to_vec();
        let (pairs, digits) = (domain("c1"), domain("y1"));
        let table = |target: fn(usize, &[Value]) -> Target| {
            let inputs = engine.cases().count(targets.len()).unknown("a1").unknown("a2");
            let c1 = targets.iter().map(|known| known.map(|(pair, _)| target(pair, &pairs)));
            let y1 = targets.iter().map(|known| known.map(|(_, digit)| target(digit, &digits)));
            inputs.targets("c1", c1).targets("y1", y1).build().unwrap()
        };
        let by_position = table(|position, _| Target::Position(position));
        prop_assert_eq!(&table(|position, values| Target::value(values[position].clone())), &by_position);
        prop_assert_eq!(&table(|position, values| Target::Value(values[position].clone())), &by_position);
        if targets.iter().any(Option::is_some) {
            let next = |position: usize, values: &[Value]| Target::Position((position + 1) % values.len());
            prop_assert_ne!(&table(next), &by_position);
        }
    }
}

#[test]
fn wrong_targets_are_named() {
    let engine = addition(1);
    let inputs = || engine.cases().count(2).unknown("a1").unknown("a2");
    let error =
        |name: &str, targets: &[Option<Target>]| inputs().targets(name, targets.iter().cloned()).build().unwrap_err();
    let second = |name: &str, target: Target| match error(name, &[None, Some(target)]) {
        Error::Target { row: 1, error } => *error,
        other => panic!("{other:?}"),
    };
    let outside = second("c1", Target::value([7, 10]));
    assert!(matches!(&outside, Error::OutsideDomain { attribute, .. } if attribute == "c1"));
    assert_eq!(
        outside.to_string(),
        "c1 has no value (7, 10): expected one of {(0, 0), (0, 1), (0, 2), …, (9, 9)} (100 values)"
    );
    assert!(matches!(second("y1", Target::value("7")), Error::OutsideDomain { .. }));
    let position = second("y0", Target::Position(2));
    assert!(matches!(&position, Error::Position { attribute, position: 2, len: 2 } if attribute == "y0"));
    assert_eq!(position.to_string(), "y0 at position 2: expected a position below 2");
    let degrees = second("y0", Target::Degrees(vec![1.0]));
    assert_eq!(degrees.to_string(), "y0: 1 degrees: expected 2, one a value of the domain");
    let degrees = second("y0", Target::Degrees(vec![1.0, -0.5]));
    assert_eq!(degrees.to_string(), "y0: degree -0.5 at position 1: expected a number from 0 to 1");
    let whole = error("y0", &[None, Some(Target::Degrees(vec![f32::NAN, 1.0]))]).to_string();
    assert_eq!(whole, "example 1: target y0: degree NaN at position 0: expected a number from 0 to 1");
    let counts: [(&[Option<Target>], usize); 3] = [(&[None], 1), (&[None, None, None], 3), (&[], 0)];
    for (targets, found) in counts {
        let count = error("y0", targets);
        assert!(matches!(&count, Error::Count { name, expected: 2, .. } if name == "y0"));
        assert_eq!(count.to_string(), format!("y0 has {found} examples: expected 2 as the table has so far"));
    }
    for name in ["a1", "none"] {
        assert_eq!(
            error(name, &[None, None]).to_string(),
            format!("'{name}' is not a derived attribute: expected one of c1, w1, y1, y0")
        );
    }
}

#[test]
fn the_first_error_of_a_table_is_the_one_reported() {
    let engine = addition(1);
    let (good, bad) = ([1.0f32; 10], [2.0f32; 10]);
    let message = |cases: CasesBuilder| cases.build().unwrap_err().to_string();
    let unknown = "'a3' is not an input attribute: expected one of a1, a2";
    let wrong = || engine.cases().possibilities("a3", &good);
    assert_eq!(message(wrong()), unknown);
    assert_eq!(message(wrong().possibilities("a1", &bad).possibilities("a2", &good)), unknown);
    assert_eq!(message(wrong().unknown("a1").unknown("a4").unknown_in("a1", [9]).count(7)), unknown);
    assert_eq!(message(wrong().possibilities("a1", &good).unknown("a2").targets("w9", [None])), unknown);
    let wrong = engine.cases().unknown("a1").targets("w9", [None]).possibilities("a3", &good);
    assert!(message(wrong).starts_with("'w9' is not a derived attribute"));
    let wrong = engine.cases().count(2).possibilities("a1", &good).possibilities("a3", &good);
    assert_eq!(message(wrong), "a1 has 1 examples: expected 2 as the table has so far");
}

#[test]
fn probabilities_become_possibilities() {
    let engine = addition(1);
    let probabilities = Array2::from_shape_fn((3, 10), |(i, d)| if d == i { 0.55f32 } else { 0.05 });
    for &transform in Transform::VARIANTS {
        let table = |a1: CasesBuilder| a1.unknown("a2").build();
        let given = table(engine.cases().probabilities("a1", &probabilities, transform)).unwrap();
        let possibilities = transform.possibilities(probabilities.view()).unwrap();
        assert_eq!(given, table(engine.cases().possibilities("a1", &possibilities)).unwrap());
        let one = table(engine.cases().probabilities("a1", &probabilities.row(1), transform)).unwrap();
        assert_eq!(one, given.row(1));
        let mut wrong = probabilities.clone();
        wrong[(2, 3)] = 0.5;
        let error = table(engine.cases().probabilities("a1", &wrong, transform)).unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("example 2: a1: probabilities: they sum to 1.45"), "{message}");
        assert!(matches!(error, Error::Row { row: 2, error } if matches!(*error, Error::Probabilities { .. })));
        wrong[(2, 3)] = -0.05;
        let error = table(engine.cases().probabilities("a1", &wrong.row(2), transform)).unwrap_err().to_string();
        assert_eq!(error, "a1: probabilities: -0.05 at position 3: expected a number from 0 to 1");
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
    assert_eq!((again.base(), again.parameters()), (engine.base(), engine.parameters()));
    assert_eq!(again.parameters_of("w1").unwrap().r, [0.3]);
    assert_eq!(again.fingerprint(), engine.fingerprint());
    assert_ne!(again.fingerprint(), Engine::of(&base).fingerprint());
    assert_ne!(base.fingerprint(), addition(1).base().fingerprint());
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    assert!(Engine::read(&path).unwrap_err().to_string().starts_with(&format!("{}: EOF", path.display())));
    std::fs::write(&path, text.replace("0.3", "1.5")).unwrap();
    assert!(Engine::read(&path).unwrap_err().to_string().contains("r of rule 1 on w1 is 1.5"));
    let sky = Attribute::new("sky", Domain::symbols(["clear", "grey"]).unwrap()).unwrap();
    let rain = Attribute::new("rain", Domain::symbols(["no", "yes"]).unwrap()).unwrap();
    let rule = Rule::equivalence("grey").when(Condition::is("sky", "grey")).then(Condition::is("rain", "yes"));
    let in_rust = RuleBase::builder().attribute(sky).attribute(rain).rule(rule).build().unwrap();
    assert!(matches!(Engine::of(&in_rust).write(&path), Err(Error::NoRuleText)));
}

#[test]
fn what_was_learned_travels_with_its_rules() {
    // Learned from what rules that are not certain infer.
    let certain = addition(2);
    let mut truth = certain.parameters();
    for set in truth.parameters.values_mut() {
        for (i, (s, r)) in set.s.iter_mut().zip(&mut set.r).enumerate() {
            (*s, *r) = (0.1 + 0.013 * i as f32, 0.05 + 0.007 * i as f32);
        }
    }
    let degree = |row: usize, j: usize, d: usize| {
        if (row * (2 * j + 3) + j) % 10 == d { 1.0 } else { ((row * 7 + d * 13 + j) % 29) as f32 / 64.0 }
    };
    let inputs = || {
        (0..4).fold(certain.cases(), |cases, j| {
            cases.possibilities(&format!("a{}", j + 1), &Array2::from_shape_fn((50, 10), |(row, d)| degree(row, j, d)))
        })
    };
    let names: Vec<&str> = certain.base().rule_sets().iter().map(|set| certain.base().conclusion(set).name()).collect();
    let unlabelled = inputs().build().unwrap();
    let outputs = certain.with_parameters(&truth).unwrap().infer_batch(&unlabelled, &names).unwrap();
    let cases = names.iter().fold(inputs(), |cases, name| {
        let rows = outputs.get(name).unwrap();
        cases.targets(name, rows.outer_iter().map(|row| Some(Target::Degrees(row.to_vec()))))
    });
    let (parameters, report) = learn(&certain, &cases.build().unwrap(), &LearningConfig::default()).unwrap();
    assert!(report.rule_sets.iter().all(|set| set.chebyshev_distance == 0.0));
    assert!(parameters.parameters.values().any(|set| set.s.iter().chain(&set.r).any(|&degree| degree > 0.0)));

    let learned = certain.with_parameters(&parameters).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("learned.json");
    learned.write(&path).unwrap();
    let again = Engine::read(&path).unwrap();
    assert_eq!((again.base(), again.base().text()), (certain.base(), certain.base().text()));
    assert_eq!(again.base().text().unwrap().settings, BTreeMap::from([("k".to_owned(), 2)]));
    assert_eq!((again.parameters(), again.fingerprint()), (parameters, learned.fingerprint()));
    let inferred = learned.infer_batch(&unlabelled, &names).unwrap();
    let inferred_again = again.infer_batch(&unlabelled, &names).unwrap();
    for name in &names {
        assert_eq!(bits(inferred_again.get(name).unwrap()), bits(inferred.get(name).unwrap()), "{name}");
        // The lowest solution of a consistent system gives just what it was learned from.
        assert_eq!(inferred.get(name), outputs.get(name), "{name}");
    }
    assert_ne!(inferred, certain.infer_batch(&unlabelled, &names).unwrap());
}

#[test]
fn damaged_engines_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engine.json");
    addition(2).write(&path).unwrap();
    let whole = std::fs::read_to_string(&path).unwrap();
    let refused = |text: &str, expected: &str| {
        std::fs::write(&path, text).unwrap();
        let error = Engine::read(&path).unwrap_err();
        let message = error.to_string();
        assert!(matches!(&error, Error::File { path: named, .. } if *named == path), "{message}");
        assert!(message.starts_with(&format!("{}: ", path.display())) && message.contains(expected), "{message}");
    };
    let changed = |expected: &str, change: &dyn Fn(&mut Json)| {
        let mut json: Json = serde_json::from_str(&whole).unwrap();
        change(&mut json);
        refused(&json.to_string(), expected);
    };
    refused("", "EOF");
    refused(&whole[..whole.len() / 2], "EOF");
    refused("[]", "");
    changed("rules were written in Rust", &|file| file["rules"] = Json::Null);
    changed("rulesets/mnist_addition.toml:1:", &|file| file["rules"]["text"] = json!("= 3"));
    changed("parameter k = 0: expected a whole number from 1 up", &|file| file["rules"]["settings"]["k"] = json!(0));
    changed("none for c2", &|file| drop(file["parameters"].as_object_mut().unwrap().remove("c2")));
    // The rules for k = 1 have no carry to add.
    changed("parameters of c1: no longer there: if a3 == 0 then c1[1] == 0", &|file| {
        file["rules"]["settings"]["k"] = json!(1)
    });
    changed("s of rule 2 on y1 is 2", &|file| file["parameters"]["y1"]["s"][1] = json!(2.0));
    changed("y1 has 9 values r: expected 10", &|file| {
        drop(file["parameters"]["y1"]["r"].as_array_mut().unwrap().pop())
    });
    changed("unknown field `more`", &|file| file["more"] = json!(1));
    // What was not changed is read; what is not there is named as well.
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(Engine::read(&path).unwrap().fingerprint(), addition(2).fingerprint());
    let nowhere = folder.path().join("no/such.json");
    for error in [Engine::read(&nowhere).unwrap_err(), addition(2).write(&nowhere).unwrap_err()] {
        assert!(matches!(&error, Error::Io { path, .. } if *path == nowhere));
        assert!(error.to_string().starts_with(&format!("{}: ", nowhere.display())), "{error}");
    }
}

fn addition(k: i64) -> Engine {
    Engine::of(&RuleBase::read("rulesets/mnist_addition.toml", &[("k", k)]).unwrap())
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
    assert!(matches!(unknown.count(1).unknown_in("a1", [1]).build(), Err(Error::NoSuchCase { case: 1, cases: 1, .. })));
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

#[test]
fn engine_files_keep_parameters_to_the_last_bit() {
    let base = RuleBase::read("rulesets/mnist_addition.toml", &[]).unwrap();
    let mut parameters = Parameters::certain(&base);
    // Read as a double first, this one is rounded twice.
    let delicate = f32::from_bits(0x15ae_43fd);
    parameters.parameters.get_mut("w1").unwrap().s[0] = delicate;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engine.json");
    Engine::new(&base, &parameters).unwrap().write(&path).unwrap();
    let again = Engine::read(&path).unwrap().parameters();
    assert_eq!(again.parameters["w1"].s[0].to_bits(), delicate.to_bits());
}

#[test]
fn rules_that_differ_have_other_fingerprints_and_minus_zero_is_zero() {
    let base = |condition: Condition| {
        let attribute = |name| Attribute::new(name, Domain::integers(0..=1).unwrap()).unwrap();
        let rule = Rule::equivalence("b is a").when(condition).then(Condition::is("b", 1));
        RuleBase::builder().attribute(attribute("a")).attribute(attribute("b")).rule(rule).build().unwrap()
    };
    let (is, one_of) = (base(Condition::is("a", 1)), base(Condition::one_of("a", [1])));
    assert_eq!(is.fingerprint() == one_of.fingerprint(), is == one_of);
    assert_eq!(is.fingerprint(), base(Condition::is("a", 1)).fingerprint());
    let mut parameters = Parameters::certain(&is);
    parameters.parameters.get_mut("b").unwrap().s[0] = -0.0;
    let engine = Engine::new(&is, &parameters).unwrap();
    assert_eq!(engine.fingerprint(), Engine::of(&is).fingerprint());
    let case = engine.cases().possibilities("a", &[1.0, -0.0]).build().unwrap();
    let inferred = engine.infer(&case).unwrap().get("b").unwrap();
    assert!(inferred.degrees().iter().all(|degree| degree.is_sign_positive()));
}

#[test]
fn a_table_of_cases_survives_a_trip() {
    let engine = Engine::of(&RuleBase::read("rulesets/mnist_addition.toml", &[("k", 1)]).unwrap());
    let digits =
        |seed: usize| Array2::from_shape_fn((3, 10), |(i, d)| if d == i + seed { 1.0 } else { d as f32 / 97.0 });
    let graded = Target::Degrees((0..10).map(|d| if d == 4 { 1.0 } else { 0.1 }).collect());
    let cases = engine
        .cases()
        .possibilities("a1", &digits(2))
        .possibilities("a2", &digits(5))
        .unknown_in("a2", [1])
        .targets("y1", [Some(Target::value(7)), None, Some(graded)])
        .observed("a1", [None, Some(Target::value(3)), None])
        .build()
        .unwrap();
    let text = serde_json::to_string(&cases).unwrap();
    let again: Cases = serde_json::from_str(&text).unwrap();
    assert_eq!(again, cases);
    assert_eq!(engine.infer_batch(&again, &["y1"]).unwrap(), engine.infer_batch(&cases, &["y1"]).unwrap());
    // What was changed on the way is checked again.
    for (from, to, expected) in [
        ("\"cases\":3", "\"cases\":4", "a1 has 3 examples: expected 4"),
        ("\"a1\":[0.0", "\"a1\":[1.5", "a1"),
        ("\"a1\":[0.0,", "\"a1\":[", "a1 has 2 examples"),
        ("\"position\":7", "\"position\":10", "10"),
        ("\"degrees\":[0.1", "\"degrees\":[2", "y1"),
        ("\"y1\":[{", "\"y9\":[{", "y9"),
    ] {
        assert!(text.contains(from), "{from}");
        let error = serde_json::from_str::<Cases>(&text.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(expected), "{from}: {error}");
    }
}
