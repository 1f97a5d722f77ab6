//! Real records: parameters from crisp labels, sets with a guarantee, what to ask next; and that less
//! knowledge never makes anything less possible.

mod common;

use common::plain::{NAMES, Plain, degree, plain};
use ndarray::Array2;
use pinesy::datasets::read_biopsies;
use pinesy::explain::{Diagnosis, Explainer, Settled, WarningKind, lint};
use pinesy::inference::{self, Calibration, Cases, Engine, Input, Score, Target};
use pinesy::learning::{
    self, CalibratedConfig, CalibratedRuleSets, LearningConfig, OneWay, calibrated, learn, learn_streamed, score,
};
use pinesy::possibility::{Attribute, Domain, Terms, Trapezoid};
use pinesy::rules::{Condition, Rule, RuleBase};
use pinesy::tasks::biopsies;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SCORES: [Score; 3] = [Score::Min, Score::Leximin, Score::Product];

/// Inputs x0, x1, … of two values, each of which speaks for one of the two classes.
fn votes(inputs: usize) -> Engine {
    let two = |name: String| Attribute::new(name, Domain::integers(0..=1).unwrap()).unwrap();
    let name = |i: usize| format!("x{i}");
    let mut base =
        (0..inputs).fold(RuleBase::builder().attribute(two("class".into())), |b, i| b.attribute(two(name(i))));
    for i in 0..inputs {
        for class in 0..2i64 {
            let rule = Rule::implication(format!("{} = {class}", name(i)));
            base = base.rule(rule.when(Condition::is(name(i), class)).then(Condition::is("class", class)));
        }
    }
    Engine::of(&base.build().unwrap())
}

/// Cases for `votes`: degrees of each input's two values, and the class.
fn ballots(engine: &Engine, rows: &[(Vec<[f32; 2]>, usize)]) -> Cases {
    let targets = rows.iter().map(|(_, class)| Some(Target::Position(*class)));
    let column = |i: usize| Array2::from_shape_fn((rows.len(), 2), |(row, value)| rows[row].0[i][value]);
    let inputs = engine.base().inputs().count();
    let cases = engine.cases().targets("class", targets);
    (0..inputs).fold(cases, |cases, i| cases.possibilities(&format!("x{i}"), &column(i))).build().unwrap()
}

/// Classes, and inputs that tell them wrongly at known rates.
fn drawn(rng: &mut ChaCha8Rng, count: usize, rates: &[f64]) -> Vec<(Vec<[f32; 2]>, usize)> {
    let row = |_| {
        let class = usize::from(rng.random_range(0.0..1.0) < 0.5);
        let told = rates.iter().map(|&rate| if rng.random_range(0.0..1.0) < rate { 1 - class } else { class });
        (told.map(|told| if told == 0 { [1.0, 0.0] } else { [0.0, 1.0] }).collect(), class)
    };
    (0..count).map(row).collect()
}

fn config(one_way: OneWay) -> CalibratedConfig {
    CalibratedConfig::default().with_one_way(one_way)
}

/// The definition, tried on every t' where anything changes.
fn by_definition(examples: &[(f32, bool)]) -> f64 {
    const STEP: f64 = 1e-12;
    let share = |t: f64| {
        let below = || examples.iter().filter(move |(degree, _)| f64::from(*degree) < t);
        (1 + below().filter(|(_, against)| *against).count()) as f64 / (2 + below().count()) as f64
    };
    let degrees: Vec<f64> = examples.iter().map(|(degree, _)| f64::from(*degree)).chain([0.0, 1.0]).collect();
    let shares: Vec<f64> = degrees.iter().flat_map(|degree| [share(*degree), share(degree + STEP)]).collect();
    let tried = degrees.iter().chain(&shares).flat_map(|t| [t - STEP, *t, t + STEP]);
    tried.filter(|t| *t > 0.0 && *t <= 1.0 && share(*t) > *t).fold(0.0, f64::max)
}

/// Degrees of the two inputs of a plain rule base, and which values its derived attributes have.
type Labelled = ([Vec<f32>; 2], [usize; 2]);

/// Cases of a plain rule base with a truth for each of its derived attributes.
fn labelled(plain: &Plain, engine: &Engine, rows: &[Labelled]) -> Cases {
    let read = |name: &str| engine.base().inputs().any(|input| input.name() == name);
    let mut cases = engine.cases();
    for (i, name) in NAMES.iter().enumerate() {
        let column = |(row, value): (usize, usize)| rows[row].0[i][value];
        let target = |row: &Labelled| Some(Target::Position(row.1[i - 2] % plain.sizes[i]));
        if i >= 2 {
            cases = cases.targets(name, rows.iter().map(target));
        } else if read(name) {
            cases = cases.possibilities(name, &Array2::from_shape_fn((rows.len(), plain.sizes[i]), column));
        }
    }
    cases.build().unwrap()
}

fn row() -> impl Strategy<Value = Labelled> {
    let degrees = || prop::collection::vec(degree(), 6);
    ([degrees(), degrees()], [0..6usize, 0..6usize])
}

/// Each degree raised to at least another.
fn raised(row: &Labelled, by: &Labelled) -> Labelled {
    let raise = |i: usize| row.0[i].iter().zip(&by.0[i]).map(|(a, b)| a.max(*b)).collect::<Vec<f32>>();
    ([raise(0), raise(1)], row.1)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn calibrated_parameters_are_those_of_the_definition(
        examples in prop::collection::vec((degree(), degree(), 0..2usize), 1..40),
    ) {
        let engine = votes(1);
        let rows: Vec<_> = examples.iter().map(|(no, yes, class)| (vec![[*no, *yes]], *class)).collect();
        let (parameters, _) = calibrated(&engine, &ballots(&engine, &rows), None, &config(OneWay::No)).unwrap();
        // "x0 = 0" and "x0 = 1" conclude on that class.
        for rule in 0..2 {
            let of = |side: usize, against: &dyn Fn(usize) -> bool| {
                let pairs: Vec<(f32, bool)> = rows.iter().map(|(x, class)| (x[0][side], against(*class))).collect();
                by_definition(&pairs)
            };
            let set = &parameters.parameters["class"];
            let (r, s) = (of(1 - rule, &|class| class != rule), of(rule, &|class| class == rule));
            prop_assert!((f64::from(set.r[rule]) - r).abs() < 1e-6, "r = {} against {r}", set.r[rule]);
            prop_assert!((f64::from(set.s[rule]) - s).abs() < 1e-6, "s = {} against {s}", set.s[rule]);
        }
    }

    #[test]
    fn shards_in_any_order_give_the_same(
        plain in plain(), rows in prop::collection::vec(row(), 1..60), size in 1..20usize,
    ) {
        let engine = plain.engine();
        let cases = labelled(&plain, &engine, &rows);
        for one_way in [OneWay::Yes, OneWay::No] {
            let mut parameters = engine.parameters();
            for sets in engine.base().rule_sets_by_depth() {
                let names: Vec<&str> = sets.iter().map(|set| engine.base().conclusion(set).name()).collect();
                let engine = engine.with_parameters(&parameters).unwrap();
                let starts = (0..cases.len()).step_by(size).rev();
                let shards = starts.map(|start| cases.slice(start..cases.len().min(start + size)));
                let mut states = shards.map(|shard| CalibratedRuleSets::gather(&engine, &names, &shard).unwrap());
                let mut state = states.next().unwrap();
                states.for_each(|other| state.merge(&other).unwrap());
                prop_assert_eq!(&state, &CalibratedRuleSets::gather(&engine, &names, &cases).unwrap());
                let travelled: CalibratedRuleSets =
                    serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
                let found = travelled.parameters(&engine, one_way == OneWay::Yes, false).unwrap();
                for (name, found) in names.into_iter().zip(found) {
                    parameters.parameters.insert(name.to_owned(), found);
                }
            }
            prop_assert_eq!(calibrated(&engine, &cases, None, &config(one_way)).unwrap().0, parameters);
        }
    }

    /// One case, many at once, with learned parameters, backward, by every score.
    #[test]
    fn knowing_less_lowers_nothing(
        plain in plain(), rows in prop::collection::vec((row(), row()), 17..24),
    ) {
        let first = plain.engine();
        let less_rows: Vec<_> = rows.iter().map(|(row, by)| raised(row, by)).collect();
        let inputs_of = |rows: &[Labelled]| rows.iter().map(|row| row.0.clone()).collect::<Vec<_>>();
        let rows: Vec<_> = rows.into_iter().map(|(row, _)| row).collect();
        let cases = labelled(&plain, &first, &rows);
        let shards = || [Ok::<_, learning::Error>(cases.slice(0..9)), Ok(cases.slice(9..cases.len()))];
        let streamed = learn_streamed(&first, shards, &LearningConfig::default()).unwrap().0;
        let counted = calibrated(&first, &cases, None, &config(OneWay::No)).unwrap().0;
        let derived = &NAMES[2..];
        for parameters in [first.parameters(), streamed, counted] {
            let engine = first.with_parameters(&parameters).unwrap();
            let less = labelled(&plain, &engine, &less_rows);
            let [more, all] = [&cases, &less].map(|cases| engine.infer_batch(cases, derived).unwrap());
            // Nothing is observed here: targets would be.
            let [more_back, all_back] = [&inputs_of(&rows), &inputs_of(&less_rows)]
                .map(|inputs| engine.backward().abduce(&plain.cases(&engine, inputs), derived).unwrap());
            for name in derived {
                let [low, high] = [&more, &all].map(|inferred| inferred.get(name).unwrap());
                prop_assert!(low.iter().zip(high).all(|(low, high)| low <= high), "{name}");
                let single = engine.infer(&less.row(3)).unwrap().get(name).unwrap();
                let one_of_all = all.distribution(name, 3).unwrap();
                prop_assert_eq!(single.degrees(), one_of_all.degrees());
                let [low, high] = [&more_back, &all_back].map(|found| found.degrees().get(name).unwrap());
                prop_assert!(low.iter().zip(high).all(|(low, high)| low <= high), "{name}, backward");
                for score in SCORES {
                    let [low, high] = [&cases, &less].map(|cases| engine.scores(cases, name, score).unwrap());
                    for case in 0..cases.len() {
                        for value in 0..low.attribute().domain().len() {
                            // Numbers that rise one by one rise in the order of scores, too.
                            prop_assert!(low.get(case, value) <= high.get(case, value), "{name} by {score}");
                        }
                    }
                    // A ranking names the same values, and all that speaks against them.
                    let ranking = Explainer::new(&engine, &less.row(3)).unwrap().rank(name, score).unwrap();
                    let values = high.attribute().domain().values();
                    let decided = high.decision(3).positions();
                    prop_assert!(decided.iter().map(|&position| &values[position]).eq(&ranking.decision));
                    let degrees: Vec<f64> = ranking.against.iter().map(|against| against.degree.into()).collect();
                    let expected = high.get(3, decided[0]);
                    match score {
                        Score::Min => prop_assert_eq!(degrees.first().unwrap_or(&1.0), &expected[0]),
                        Score::Product => prop_assert_eq!(degrees.iter().product::<f64>(), expected[0]),
                        _ => prop_assert_eq!(&degrees[..], &expected[..degrees.len()]),
                    }
                    if let Some(next) = ranking.next.first() {
                        let next = high.attribute().domain().position(next).unwrap();
                        prop_assert!(high.get(3, next) < expected);
                    }
                }
            }
        }
    }

    /// Whatever is hidden, no value leaves a set.
    #[test]
    fn sets_only_grow(
        plain in plain(), rows in prop::collection::vec(row(), 9..30), new in (row(), row()), error in 0.1..0.9f64,
    ) {
        let engine = plain.engine();
        let cases = labelled(&plain, &engine, &rows);
        let [complete, less] = [new.0.clone(), raised(&new.0, &new.1)].map(|row| labelled(&plain, &engine, &[row]));
        let unknown = |name: &str| engine.base().inputs().fold(engine.cases().count(1), |cases, input| {
            let degrees = complete.input(input.name()).unwrap();
            if input.name() == name { cases.unknown(name) } else { cases.possibilities(input.name(), &degrees) }
        });
        let mut hidden: Vec<Cases> = engine.base().inputs().map(|input| unknown(input.name()).build().unwrap()).collect();
        hidden.push(less);
        let truth = |input: &Attribute| {
            let len = input.domain().len();
            (0..rows.len()).map(move |row| Some(Target::Position(row % len)))
        };
        let read = engine.base().inputs().fold(engine.cases(), |cases_, input| {
            let cases_ = cases_.possibilities(input.name(), &cases.input(input.name()).unwrap());
            cases_.observed(input.name(), truth(input))
        });
        let of_inputs = Calibration::of_inputs(&engine, &read.build().unwrap()).unwrap();
        let of_scores = SCORES.map(|score| Calibration::new(&engine, &cases, score).unwrap());
        for calibration in of_scores.iter().chain([&of_inputs]) {
            for name in &NAMES[2..] {
                let sets = |cases: &Cases| calibration.sets(&engine, cases, name, error);
                let known = match sets(&complete) {
                    Err(inference::Error::FewExamples { .. }) => continue,
                    known => known.unwrap(),
                };
                for hidden in &hidden {
                    let left = sets(hidden).unwrap();
                    prop_assert!(known.positions(0).into_iter().all(|value| left.contains(0, value)));
                }
            }
        }
    }

    /// An interval and a set are as possible as all they hold, of a term and in an answer.
    #[test]
    fn intervals_hold_their_points(from in 0.0..10.0f64, width in 0.0..10.0f64, place in 0.0..=1.0f64, other in 0.0..10.0f64) {
        let low = Trapezoid::new(f32::NEG_INFINITY, f32::NEG_INFINITY, 3.0, 5.0).unwrap();
        let middle = Trapezoid::new(2.0, 4.0, 4.0, 6.0).unwrap();
        let high = Trapezoid::new(3.0, 4.0, f32::INFINITY, f32::INFINITY).unwrap();
        let terms = Terms::new([("low", low), ("middle", middle), ("high", high)]).unwrap();
        let size = Attribute::number("size", terms).unwrap();
        let (to, point) = (from + width, (from + width * place).min(from + width));
        let number = Input::Number(point);
        let interval = Input::Interval { from, to };
        let set = Input::OneOf(vec![Input::Number(other), number.clone()]);
        let wider = Input::OneOf(vec![interval.clone(), set.clone()]);
        let base = RuleBase::builder()
            .attribute(size.clone())
            .attribute(Attribute::new("act", Domain::integers(0..=2).unwrap()).unwrap())
            .rule(Rule::implication("a").when(Condition::is("size", "low")).then(Condition::is("act", 0)))
            .rule(Rule::equivalence("b").when(Condition::is("size", "high")).then(Condition::one_of("act", [1, 2])))
            .build()
            .unwrap();
        let engine = Engine::of(&base);
        let answer = |input: &Input| {
            let case = engine.cases().inputs("size", [input]).build().unwrap();
            engine.infer(&case).unwrap().get("act").unwrap().degrees().to_vec()
        };
        for (less, more) in [(&number, &interval), (&number, &set), (&set, &wider), (&interval, &wider), (&wider, &Input::Unknown)] {
            let (a, b) = (less.degrees(&size).unwrap(), more.degrees(&size).unwrap());
            prop_assert!(a.iter().zip(&b).all(|(a, b)| a <= b), "{less:?} {a:?}, {more:?} {b:?}");
            prop_assert!(answer(less).iter().zip(answer(more)).all(|(a, b)| *a <= b));
        }
    }

    /// What a diagnosis says of the end is so, by every way to answer.
    #[test]
    fn settled_means_that_nothing_changes(plain in plain(), rows in prop::collection::vec(row(), 19..30), known in degree()) {
        let engine = plain.engine();
        let calibration = Calibration::new(&engine, &labelled(&plain, &engine, &rows), Score::Product).unwrap();
        let of_input = |i: usize| if known < 0.5 && i == 0 { rows[0].0[0].clone() } else { vec![1.0; 6] };
        let case = plain.cases(&engine, &[[0, 1].map(of_input)]);
        let free = Diagnosis::new(&engine, "end", &case).unwrap();
        for diagnosis in [free.clone(), free.with_calibration(&calibration, 0.2).unwrap()] {
            let now = diagnosis.left().unwrap();
            let mut ways = vec![diagnosis.clone()];
            for question in diagnosis.questions().unwrap() {
                let mut longer = Vec::new();
                for (value, left) in &question.by_value {
                    let known = Input::Value(value.clone());
                    let mut alone = diagnosis.clone();
                    alone.answer(&question.attribute, &known).unwrap();
                    prop_assert_eq!(alone.left().unwrap().len(), *left);
                    for way in &ways {
                        let mut way = way.clone();
                        way.answer(&question.attribute, &known).unwrap();
                        longer.push(way);
                    }
                }
                ways = longer;
            }
            prop_assert!(ways.iter().all(|way| way.settled().unwrap() == Settled::Yes));
            let same = ways.iter().all(|way| way.left().unwrap() == now);
            prop_assert_eq!(diagnosis.settled().unwrap(), if same { Settled::Yes } else { Settled::No });
            prop_assert_eq!(diagnosis.next_question().unwrap().is_none(), same);
        }
    }
}

#[test]
fn known_error_rates_are_recovered() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (rates, count) = ([0.02, 0.1, 0.25, 0.4], 4000);
    let engine = votes(rates.len());
    let cases = ballots(&engine, &drawn(&mut rng, count, &rates));
    let (parameters, report) = calibrated(&engine, &cases, None, &config(OneWay::No)).unwrap();
    for (input, &rate) in rates.iter().enumerate() {
        // Half of the examples vote for a class; four standard errors, and the one example added.
        let slack = 4.0 * (rate * (1.0 - rate) / (count as f64 / 2.0)).sqrt() + 2.0 / count as f64;
        for rule in [2 * input, 2 * input + 1] {
            let set = &parameters.parameters["class"];
            for found in [set.r[rule], set.s[rule]].map(f64::from) {
                assert!((found - rate).abs() <= slack, "rule {rule}: {found} against {rate} ± {slack}");
            }
            let worth = &report.rules[rule];
            let share = (1 + worth.broken.len()) as f64 / (2 + worth.applied) as f64;
            assert!((share - f64::from(worth.r)).abs() < 1e-6, "{worth:?}");
        }
    }
    let printed = report.to_string();
    let best = printed.find("x0 = ").unwrap();
    assert!(best < printed.find("x1 = ").unwrap() && printed.find("x2 = ").unwrap() < printed.find("x3 = ").unwrap());
}

#[test]
fn every_fourth_example_chooses_and_ties_are_one_way() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let engine = votes(1);
    let cases = ballots(&engine, &drawn(&mut rng, 100, &[0.1]));
    let (parameters, report) = calibrated(&engine, &cases, None, &config(OneWay::Auto)).unwrap();
    assert!(report.one_way && parameters.parameters["class"].s == [1.0, 1.0]);
    // What the rules state can be kept: s of `if`.
    let (kept, _) = calibrated(&engine, &cases, None, &config(OneWay::No).with_keep_fixed(true)).unwrap();
    assert_eq!(kept, parameters);
    // Graded targets are no labels.
    let graded =
        engine.cases().unknown("x0").targets("class", [Some(Target::Degrees(vec![1.0, 0.5]))]).build().unwrap();
    let refused = calibrated(&engine, &graded, None, &CalibratedConfig::default());
    assert!(matches!(refused, Err(learning::Error::NoTarget(_))));
    // A state of other parameters.
    let state = CalibratedRuleSets::gather(&engine, &["class"], &cases).unwrap();
    let other = engine.with_parameters(&parameters).unwrap();
    assert!(matches!(state.parameters(&other, true, false), Err(learning::Error::OtherState { .. })));
    let mut damaged = serde_json::to_value(&state).unwrap();
    damaged["sets"][0]["columns"][0] = serde_json::json!([[0.5, 1, 2]]);
    let error = serde_json::from_value::<CalibratedRuleSets>(damaged).unwrap_err().to_string();
    assert!(error.contains("column: expected degrees from 0 to 1, rising"), "{error}");
}

/// Independent splits, one new case each, so that what is covered is a binomial count.
#[test]
fn sets_hold_the_truth_as_often_as_they_promise() {
    const SPLITS: usize = 1500;
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let rates = [0.1, 0.2, 0.3, 0.35];
    let engine = votes(rates.len());
    let train = ballots(&engine, &drawn(&mut rng, 400, &rates));
    let engine = engine.with_parameters(&calibrated(&engine, &train, None, &config(OneWay::Yes)).unwrap().0).unwrap();
    for error in [0.1, 0.25] {
        let bound = 1.0 - error - 3.0 * (error * (1.0 - error) / SPLITS as f64).sqrt();
        for score in SCORES {
            let mut held = [0; 3];
            for _ in 0..SPLITS {
                let examples = ballots(&engine, &drawn(&mut rng, 39, &rates));
                let calibration = Calibration::new(&engine, &examples, score).unwrap();
                let new = drawn(&mut rng, 1, &rates).remove(0);
                let hide = |of: &dyn Fn(usize) -> bool| {
                    let inputs = new.0.iter().enumerate();
                    (
                        inputs.map(|(i, degrees)| if of(i) { [1.0, 1.0] } else { *degrees }).collect::<Vec<[f32; 2]>>(),
                        new.1,
                    )
                };
                // As it is; half at random; by an adversary who hides all that speaks for the truth.
                let coins: Vec<bool> = (0..rates.len()).map(|_| rng.random_range(0.0..1.0) < 0.5).collect();
                let ways = [hide(&|_| false), hide(&|i| coins[i]), hide(&|i| new.0[i][new.1] == 1.0)];
                let sets = calibration.sets(&engine, &ballots(&engine, &ways), "class", error).unwrap();
                for (way, held) in held.iter_mut().enumerate() {
                    *held += usize::from(sets.contains(way, new.1));
                }
                assert!(held[1] >= held[0] && held[2] >= held[0], "hiding never costs coverage");
            }
            for held in held {
                let coverage = held as f64 / SPLITS as f64;
                assert!(coverage >= bound, "{score}, error {error}: {coverage} < {bound}");
            }
        }
    }
}

#[test]
fn inputs_are_calibrated_where_no_conclusions_are_known() {
    // Two digits are read, rightly but for a few; the rules are those of addition.
    let engine = Engine::of(&RuleBase::read("rulesets/mnist_addition.toml", &[("k", 1)]).unwrap());
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut readings = |count: usize| {
        let truths: Vec<usize> = (0..2 * count).map(|_| rng.random_range(0..10)).collect();
        let doubts: Vec<f32> = (0..20 * count).map(|_| rng.random_range(0.0..1.0)).collect();
        // The truth is the most possible but in one second digit of 25.
        let read = |reading: usize| (truths[reading] + usize::from(reading % 50 == 7)) % 10;
        let degree = |reading: usize, v: usize| if v == read(reading) { 1.0 } else { doubts[10 * reading + v] };
        let column = |first: usize| Array2::from_shape_fn((count, 10), |(row, value)| degree(2 * row + first, value));
        let truth = |first: usize| truths.iter().skip(first).step_by(2).map(|&truth| Some(Target::Position(truth)));
        let cases = engine.cases().possibilities("a1", &column(0)).possibilities("a2", &column(1));
        let cases = cases.observed("a1", truth(0)).observed("a2", truth(1)).build().unwrap();
        (cases, truths.chunks(2).map(|pair| (pair[0] + pair[1]) % 10).collect::<Vec<usize>>())
    };
    let calibration = Calibration::of_inputs(&engine, &readings(400).0).unwrap();
    let (cases, sums) = readings(1000);
    for error in [0.05, 0.2] {
        let sets = calibration.sets(&engine, &cases, "y1", error).unwrap();
        let held = sums.iter().enumerate().filter(|(case, sum)| sets.contains(*case, **sum)).count();
        assert!(held as f64 / 1000.0 >= 1.0 - error - 0.03, "{held} of 1000 for an error of {error}");
        assert!(sets.sizes().iter().sum::<usize>() < 8 * 1000);
    }
    let Err(inference::Error::FewExamples { needed, found, .. }) = calibration.sets(&engine, &cases, "y1", 0.004)
    else {
        panic!("400 examples are too few for 0.002 each");
    };
    assert_eq!((needed, found), (499, 400));
}

#[test]
fn what_was_not_read_calibrates_no_reading() {
    let engine = votes(2);
    let reading = |row: usize| [[1.0, 0.25], [1.0, 0.5], [0.75, 1.0], [1.0, 1.0]][row];
    let of = |rows: &[usize], second: bool| {
        let column = Array2::from_shape_fn((rows.len(), 2), |(row, value)| reading(rows[row])[value]);
        let truths = || rows.iter().map(|_| Some(Target::Position(0)));
        let names: Vec<String> = engine.base().inputs().map(|input| input.name().to_owned()).collect();
        let cases = engine.cases().possibilities(&names[0], &column).possibilities(&names[1], &column);
        let cases = cases.observed(&names[0], truths());
        let cases = if second { cases.observed(&names[1], truths()) } else { cases };
        Calibration::of_inputs(&engine, &cases.build().unwrap())
    };
    assert_eq!(of(&[0, 3, 1, 3, 3, 2], true).unwrap(), of(&[0, 1, 2], true).unwrap());
    // Of an input that was never read with the truth at hand nothing can be promised.
    assert!(matches!(of(&[0, 1], false), Err(inference::Error::InputWithoutTruth(_))));
    assert!(matches!(of(&[3, 3], true), Err(inference::Error::NoTruth(_))));
}

#[test]
fn what_is_equally_supported_ties() {
    // The same four contributions to either value, met in another order.
    let engine = votes(4);
    let degrees = [0.22f32, 0.85, 0.78, 0.33];
    assert_ne!(degrees.map(f64::from).iter().product::<f64>(), degrees.map(f64::from).iter().rev().product::<f64>());
    let row = (0..4).map(|i| [degrees[i], degrees[3 - i]]).collect();
    let scores = engine.scores(&ballots(&engine, &[(row, 0)]), "class", Score::Product).unwrap();
    assert_eq!(scores.get(0, 0), scores.get(0, 1));
    assert!(scores.get(0, 0)[0] < 0.1);
}

#[test]
fn calibrations_are_used_only_where_they_belong() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let engine = votes(2);
    let cases = ballots(&engine, &drawn(&mut rng, 18, &[0.1, 0.3]));
    let calibration = Calibration::new(&engine, &cases, Score::Leximin).unwrap().with_reading("by eye");
    let sets = |calibration: &Calibration, error| calibration.sets(&engine, &cases, "class", error);
    let few = sets(&calibration, 0.05).unwrap_err().to_string();
    assert_eq!(few, "class is calibrated by 18 examples: expected at least 19 for an error of 0.05");
    assert_eq!([0.5, 0.1, 0.05, 0.01, 0.15].map(Calibration::examples_needed), [1, 9, 19, 99, 6]);
    for wrong in [0.0, 1.0, -0.1, f64::NAN, f64::INFINITY] {
        assert!(matches!(sets(&calibration, wrong), Err(inference::Error::ErrorLevel(_))), "{wrong}");
    }
    calibration.check(&engine, "by eye", 0.1).unwrap();
    let other = calibration.check(&engine, "by ear", 0.1).unwrap_err().to_string();
    assert_eq!(other, "a calibration for inputs read as by eye: expected by ear");
    let learned = learn(&engine, &cases, &LearningConfig::default()).unwrap().0;
    let changed = engine.with_parameters(&learned).unwrap();
    let three = votes(3);
    for other in [&changed, &three] {
        let refused = calibration.check(other, "by eye", 0.1);
        assert!(matches!(refused, Err(inference::Error::OtherCalibration { what: "rules and parameters", .. })));
    }
    assert!(matches!(calibration.sets(&changed, &cases, "class", 0.1), Err(inference::Error::OtherCalibration { .. })));
    assert!(matches!(calibration.sets(&engine, &cases, "x0", 0.1), Err(inference::Error::UnknownDerived { .. })));
    let unlabelled = engine.cases().unknown("x0").unknown("x1").count(30).build().unwrap();
    assert!(matches!(Calibration::new(&engine, &unlabelled, Score::Min), Err(inference::Error::NoTruth(_))));
    assert!(matches!(Calibration::of_inputs(&engine, &cases), Err(inference::Error::NoTruth(_))));

    // Files: as they were written, or refused.
    let text = serde_json::to_string(&calibration).unwrap();
    assert_eq!(serde_json::from_str::<Calibration>(&text).unwrap(), calibration);
    for cut in [0, 1, text.len() / 2, text.len() - 1] {
        assert!(serde_json::from_str::<Calibration>(&text[..cut]).is_err());
    }
    for (from, to) in [("leximin", "min"), ("by eye", "by ear"), ("\"class\"", "\"klass\""), ("[[", "[[0.0],[")] {
        assert!(text.contains(from));
        let changed = serde_json::from_str::<Calibration>(&text.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(changed.contains("it was changed after it was made"), "{changed}");
    }
}

#[test]
fn biopsies_are_told_apart() {
    let all = read_biopsies("datasets/biopsies/biopsies.csv").unwrap();
    let malignant = all.iter().filter(|biopsy| biopsy.malignant).count();
    let gaps = all.iter().flat_map(|biopsy| biopsy.grades).filter(Option::is_none).count();
    assert_eq!((all.len(), malignant, gaps), (699, 241, 16));
    let engine = Engine::of(&biopsies::rules());
    assert_eq!(engine.base().rule_sets()[0].rules().len(), 18);
    // High and low grades side by side contradict each other while every rule is certain.
    assert!(
        lint(&engine)
            .iter()
            .all(|warning| matches!(warning.kind, WarningKind::Contradiction { .. } | WarningKind::More { .. }))
    );
    let [train, held_out, test] = biopsies::split(&all, 0).map(|part| biopsies::cases(engine.base(), &part).unwrap());
    let (parameters, report) = calibrated(&engine, &train, None, &CalibratedConfig::default()).unwrap();
    assert!(report.rules.iter().all(|rule| rule.r < 0.5 && rule.applied > 0));
    let engine = engine.with_parameters(&parameters).unwrap();
    assert!(score(&engine, &test).unwrap() > 0.9);
    for score in SCORES {
        let calibration = Calibration::new(&engine, &held_out, score).unwrap();
        let sets = calibration.sets(&engine, &test, "class", 0.05).unwrap();
        assert!(sets.sizes().iter().sum::<usize>() < 2 * test.len());
    }
}

/// A table in, sets out, as somebody at a desk would.
#[cfg(feature = "cli")]
mod command {
    use std::process::Command;

    use serde_json::Value as Json;

    struct Desk(tempfile::TempDir);

    impl Desk {
        /// The biopsies in three tables.
        fn new() -> Self {
            let desk = Self(tempfile::tempdir().unwrap());
            let all = std::fs::read_to_string("datasets/biopsies/biopsies.csv").unwrap();
            let (header, rows) = all.split_once('\n').unwrap();
            let rows: Vec<&str> = rows.lines().collect();
            let tables = [("train.csv", 0..400), ("held_out.csv", 400..550), ("new.csv", 550..699)];
            for (name, range) in tables {
                std::fs::write(desk.0.path().join(name), format!("{header}\n{}\n", rows[range].join("\n"))).unwrap();
            }
            desk
        }

        /// The exit code and what was printed, on both streams.
        fn run(&self, command: &str) -> (Option<i32>, String, String) {
            let rules = std::fs::canonicalize("rulesets/biopsies.toml").unwrap();
            let arguments = command.split(' ').map(|word| if word == "RULES" { rules.to_str().unwrap() } else { word });
            let mut run = Command::new(env!("CARGO_BIN_EXE_pinesy"));
            let output = run.args(arguments).current_dir(self.0.path()).output().unwrap();
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            (output.status.code(), text(output.stdout), text(output.stderr))
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.0.path().join(name), text).unwrap();
        }

        fn read(&self, name: &str) -> String {
            std::fs::read_to_string(self.0.path().join(name)).unwrap()
        }
    }

    #[test]
    fn a_table_in_and_sets_out() {
        let desk = Desk::new();
        let (code, _, report) =
            desk.run("learn RULES --method calibrated --one-way yes --broken broken.jsonl --out p.json train.csv");
        assert!(code == Some(0) && report.contains("high cell size") && report.contains("s = 1"), "{report}");
        let broken = desk.read("broken.jsonl");
        let first: Json = serde_json::from_str(broken.lines().next().unwrap()).unwrap();
        assert!(first["broken"][0].as_u64().unwrap() >= 2 && first["rule"].is_string(), "{first}");

        let calibrate = "calibrate RULES --params p.json --score product --out";
        let (code, _, told) = desk.run(&format!("{calibrate} c.json held_out.csv"));
        assert!(code == Some(0) && told.contains("class: 150 examples, enough for an error of 0.0066"), "{told}");
        let infer = "infer RULES --params p.json --calibration c.json";
        let (code, out, error) = desk.run(&format!("{infer} --error 0.1 new.csv"));
        assert_eq!(code, Some(0), "{error}");
        let diagnoses: Vec<String> =
            desk.read("new.csv").lines().skip(1).map(|line| line.rsplit(',').next().unwrap().to_owned()).collect();
        let held = out.lines().zip(&diagnoses).filter(|(line, diagnosis)| {
            let answer: Json = serde_json::from_str(line).unwrap();
            assert_eq!(answer["class"]["score"], "product");
            answer["class"]["set"].as_array().unwrap().iter().any(|value| value == diagnosis.as_str())
        });
        assert!(held.count() >= 125, "of 149");

        // An explanation says by which score it was decided, what else, and what is promised.
        let explain = "explain RULES --params p.json --changes 0 --calibration c.json --error 0.1";
        let (code, text, error) = desk.run(&format!("{explain} new.csv"));
        assert_eq!(code, Some(0), "{error}");
        assert_eq!(text.matches(" is decided by the score product, ").count(), 149);
        assert_eq!(text.matches("} with a probability of at least 0.9.").count(), 149);
        let (_, json, _) = desk.run(&format!("{explain} --format json new.csv"));
        for (told, inferred) in json.lines().zip(out.lines()) {
            let [told, inferred] = [told, inferred].map(|line| serde_json::from_str::<Json>(line).unwrap());
            assert_eq!(told["set"], inferred["class"]["set"]);
            let ranking = &told["justification"]["ranking"];
            assert_eq!(ranking["score"], "product");
            assert_eq!(ranking["decision"][0], inferred["class"]["decision"]);
        }
        let (_, page, _) = desk.run(&format!("{explain} --format html new.csv"));
        assert!(page.contains("class in {") && page.contains(" is decided by the score product, "));
        for part in ["--attribute class --value benign", "--format dot"] {
            let (code, _, error) = desk.run(&format!("explain RULES --score product {part} new.csv"));
            assert!(code == Some(2) && error.contains("expected neither --value nor --format dot"), "{error}");
        }
        let (_, text, _) = desk.run("explain RULES --params p.json --score product new.csv");
        assert!(!text.contains("It would change"), "{text}");
        let (code, _, error) = desk.run("explain RULES --attribute cell_size --score product new.csv");
        assert!(code == Some(2) && error.contains("for derived attributes: cell_size is an input"), "{error}");

        // What does not fit is refused before the work.
        for (command, expected) in [
            (format!("{infer} --error 0.001 new.csv"), "class is calibrated by 150 examples: expected at least 999"),
            (format!("{infer} --score min new.csv"), "c.json: made for the score product: expected min"),
            (format!("{infer} --possibility new.csv"), "inputs read as antipignistic: expected possibilities"),
            ("infer RULES --calibration c.json new.csv".to_owned(), "a calibration for rules and parameters"),
        ] {
            let (code, out, error) = desk.run(&command);
            assert!(code == Some(1) && out.is_empty() && error.contains(expected), "{command}: {error}");
        }
        let text = desk.read("c.json");
        desk.write("cut.json", &text[..text.len() / 2]);
        desk.write("changed.json", &text.replacen("[[", "[[0.0],[", 1));
        for (file, expected) in [("cut.json", "EOF"), ("changed.json", "it was changed after it was made")] {
            let (code, _, error) = desk.run(&format!("infer RULES --params p.json --calibration {file} new.csv"));
            assert!(code == Some(1) && error.contains(expected), "{error}");
        }
        let (code, _, error) = desk.run("learn RULES --broken b.jsonl --out p2.json train.csv");
        assert!(code == Some(2) && error.contains("--broken with --method chebyshev"), "{error}");
        for option in ["--threshold 0.1", "--strict", "--paper low-data"] {
            let (code, _, error) =
                desk.run(&format!("learn RULES --method calibrated {option} --out p2.json train.csv"));
            let expected = format!("{} with --method calibrated", option.split(' ').next().unwrap());
            assert!(code == Some(2) && error.contains(&expected), "{error}");
        }
    }

    #[test]
    fn what_a_calibration_is_not_made_of_is_told() {
        let desk = Desk::new();
        let rows = desk.read("held_out.csv");
        // Grades missing in two examples, a diagnosis open in a third.
        let mut lines: Vec<String> = rows.lines().map(str::to_owned).collect();
        for line in [2, 3] {
            let fields: Vec<&str> = lines[line].split(',').collect();
            let last = fields.len() - 1;
            lines[line] = [&vec![""; last][..], &fields[last..]].concat().join(",");
        }
        let (fields, _) = lines[4].rsplit_once(',').unwrap();
        lines[4] = format!("{fields},\"[1, 1]\"");
        desk.write("incomplete.csv", &(lines.join("\n") + "\n"));
        // The third does not count, and so tells nothing of the others.
        let counts = |line: &&String| !line.ends_with(']') && !line.ends_with("]\"");
        let already = lines.iter().skip(1).filter(counts).filter(|line| line.split(',').any(str::is_empty)).count();
        let (code, _, told) = desk.run("calibrate RULES --out c.json incomplete.csv");
        assert_eq!(code, Some(0), "{told}");
        assert!(told.contains(&format!("note: {already} examples leave inputs more than one value")), "{told}");
        assert!(told.contains("note: 1 examples do not name one right value of class and are left out"), "{told}");
        assert!(told.contains("class: 149 examples"), "{told}");
        desk.write("observed.jsonl", "{\"inputs\":{\"mitoses\":1},\"observed\":{\"class\":\"benign\"}}\n");
        let (code, _, error) = desk.run("ask RULES observed.jsonl");
        assert!(code == Some(1) && error.contains("observed.jsonl:1: observations: expected inputs alone"), "{error}");
        // A column of conclusions is passed over, as elsewhere.
        let (code, _, error) = desk.run("ask RULES held_out.csv");
        assert_eq!(code, Some(0), "{error}");
    }

    #[test]
    fn one_case_is_asked_about() {
        let desk = Desk::new();
        desk.run("learn RULES --method calibrated --out p.json train.csv");
        desk.run("calibrate RULES --params p.json --score product --out c.json held_out.csv");
        let ask = "ask RULES --params p.json --calibration c.json --error 0.05";
        desk.write("case.jsonl", "{\"cell_size\":{\"from\":5,\"to\":7},\"mitoses\":1}\n");
        let (code, out, error) = desk.run(&format!("{ask} --json case.jsonl"));
        assert_eq!(code, Some(0), "{error}");
        let answer: Json = serde_json::from_str(&out).unwrap();
        assert_eq!((answer["settled"].as_str(), answer["left"].as_array().unwrap().len()), (Some("no"), 2));
        let questions = answer["ask"].as_array().unwrap();
        let left: Vec<f64> = questions.iter().map(|question| question["left"].as_f64().unwrap()).collect();
        assert!(left.is_sorted() && left.iter().all(|left| *left <= 2.0), "{answer}");
        // An interval is no question: something is known.
        assert_eq!(questions.len(), 7);
        let (_, text, _) = desk.run(&format!("{ask} case.jsonl"));
        assert!(text.starts_with("line 1: class is benign, malignant\n  "), "{text}");
        // All high: nothing to ask.
        let names = pinesy::tasks::biopsies::GRADES.map(|name| format!("\"{name}\":10"));
        desk.write("high.jsonl", &format!("{{{}}}\n", names.join(",")));
        let (_, text, _) = desk.run(&format!("{ask} high.jsonl"));
        assert_eq!(text, "line 1: class is malignant; no answer to what is unknown could change that\n");
    }
}
