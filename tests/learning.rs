//! Learning against the textbook procedure with Γ built explicitly.

use std::ops::ControlFlow;

use ndarray::{Array1, Array2};
use pinesy::explain::{self, Explainer, rules_report};
use pinesy::inference::{self, Cases, Engine, Parameters, RuleSetParameters, Target};
use pinesy::learning::{
    Conflict, Error, GroupEnd, LearningConfig, LearningReport, PartialRuleSets, SearchStop, ThresholdSearch,
    find_conflicts, learn, learn_streamed, score, search_thresholds,
};
use pinesy::possibility::{Attribute, Domain};
use pinesy::rules::{Condition, Rule, RuleBase};
use pinesy::tasks::addition::{self, Sums};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value as Json, json};

type Row = Vec<f32>;

/// Γ and Y of one rule set: rows of atoms of examples.
#[derive(Clone, Default)]
struct System {
    gamma: Vec<Row>,
    y: Row,
}

fn epsilon(gamma: f32, y: f32) -> f32 {
    if gamma < y { y } else { 0.0 }
}

impl System {
    /// ∇_i of every row: min_j max((γ_ij − y_i)⁺, max_k min((y_k − y_i)⁺/2, (y_k − γ_kj)⁺)).
    fn distances(&self) -> Row {
        let column = |i: usize, j: usize| {
            let f = (0..self.y.len())
                .map(|k| (((self.y[k] - self.y[i]) / 2.0).max(0.0)).min((self.y[k] - self.gamma[k][j]).max(0.0)));
            f.fold((self.gamma[i][j] - self.y[i]).max(0.0), f32::max)
        };
        (0..self.y.len()).map(|i| (0..self.gamma[i].len()).map(|j| column(i, j)).fold(1.0, f32::min)).collect()
    }

    fn lowest_solution(&self, distance: f32) -> Row {
        let entry =
            |j: usize| self.gamma.iter().zip(&self.y).map(move |(row, y)| epsilon(row[j], (y - distance).max(0.0)));
        (0..self.gamma[0].len()).map(|j| entry(j).fold(0.0, f32::max)).collect()
    }

    fn product(&self, x: &[f32]) -> Row {
        self.gamma.iter().map(|row| row.iter().zip(x).map(|(g, x)| g.max(*x)).fold(1.0, f32::min)).collect()
    }
}

/// n rules on b, rule i reading its own input; examples give λ_i, ρ_i and a target for each value.
#[derive(Debug, Clone)]
struct Case {
    conclusions: Vec<Vec<bool>>,
    examples: Vec<(Vec<(f32, f32)>, Row)>,
    threshold: Option<f32>,
}

fn degree() -> impl Strategy<Value = f32> {
    prop_oneof![Just(0.0), Just(1.0), (0..=4u8).prop_map(|i| f32::from(i) / 4.0), 0.0..=1.0f32]
}

fn case() -> impl Strategy<Value = Case> {
    (1..5usize, 2..6usize).prop_flat_map(|(rules, values)| {
        let members = prop::collection::vec(any::<bool>(), values).prop_filter("some value", |m| m.contains(&true));
        let example = (prop::collection::vec((degree(), degree()), rules), prop::collection::vec(degree(), values));
        let crisp = (prop::collection::vec((degree(), degree()), rules), 0..values)
            .prop_map(move |(levels, v)| (levels, (0..values).map(|u| f32::from(u8::from(u == v))).collect()));
        (
            prop::collection::vec(members, rules),
            prop_oneof![prop::collection::vec(example, 1..25), prop::collection::vec(crisp, 1..25)],
            prop_oneof![Just(None), (1..=4u8).prop_map(|i| Some(f32::from(i) / 4.0))],
        )
            .prop_map(|(conclusions, examples, threshold)| Case { conclusions, examples, threshold })
    })
}

impl Case {
    fn engine(&self) -> Engine {
        let values = self.conclusions[0].len() as i64;
        let yes_no = Domain::symbols(["yes", "no"]).unwrap();
        let mut builder =
            RuleBase::builder().attribute(Attribute::new("b", Domain::integers(0..=values - 1).unwrap()).unwrap());
        for (i, members) in self.conclusions.iter().enumerate() {
            let members: Vec<i64> = members.iter().enumerate().filter(|(_, m)| **m).map(|(v, _)| v as i64).collect();
            let rule = Rule::equivalence(format!("R{i}")).when(Condition::is(format!("p{i}"), "yes"));
            builder = builder
                .attribute(Attribute::new(format!("p{i}"), yes_no.clone()).unwrap())
                .rule(rule.then(Condition::one_of("b", members)));
        }
        Engine::of(&builder.build().unwrap())
    }

    fn cases(&self, engine: &Engine) -> Cases {
        let n = self.examples.len();
        let pair = |row: usize, i: usize| {
            let (yes, no) = self.examples[row].0[i];
            [yes, no]
        };
        let column = |i: usize| Array2::from_shape_fn((n, 2), |(row, j)| pair(row, i)[j]);
        let rules = 0..self.conclusions.len();
        let inputs = rules.fold(engine.cases(), |cases, i| cases.possibilities(&format!("p{i}"), &column(i)));
        let targets = self.examples.iter().map(|(_, target)| Some(Target::Degrees(target.clone())));
        inputs.targets("b", targets).build().unwrap()
    }

    /// One row an atom: rules tell values apart only by membership.
    fn system(&self, example: &(Vec<(f32, f32)>, Row)) -> System {
        let mut system = System::default();
        let mut seen: Vec<Vec<bool>> = Vec::new();
        for v in 0..self.conclusions[0].len() {
            let signature: Vec<bool> = self.conclusions.iter().map(|members| members[v]).collect();
            if let Some(row) = seen.iter().position(|known| *known == signature) {
                system.y[row] = system.y[row].max(example.1[v]);
                continue;
            }
            let row = signature
                .iter()
                .zip(&example.0)
                .flat_map(|(inside, (lambda, rho))| if *inside { [*lambda, 1.0] } else { [1.0, *rho] });
            system.gamma.push(row.collect());
            system.y.push(example.1[v]);
            seen.push(signature);
        }
        system
    }

    /// The procedure of the paper, word for word: kept examples, ∇, [s_1, r_1, …].
    fn by_definition(&self) -> (usize, f32, Row) {
        let below = |distance: f32| self.threshold.is_none_or(|threshold| distance < threshold);
        let mut stacked = System { gamma: Vec::new(), y: Vec::new() };
        let mut kept = 0;
        for example in &self.examples {
            let system = self.system(example);
            let distance = system.distances().into_iter().fold(0.0, f32::max);
            if below(distance) {
                kept += 1;
                stacked.y.extend(system.product(&system.lowest_solution(distance)));
                stacked.gamma.extend(system.gamma);
            }
        }
        if kept == 0 {
            return (0, 0.0, vec![0.0; 2 * self.conclusions.len()]);
        }
        let distance = stacked.distances().into_iter().filter(|&d| below(d)).fold(0.0, f32::max);
        (kept, distance, stacked.lowest_solution(distance))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn learning_is_the_textbook_procedure(case in case()) {
        let engine = case.engine();
        let config = LearningConfig::default().with_threshold(case.threshold);
        let (parameters, report) = learn(&engine, &case.cases(&engine), &config).unwrap();
        let (kept, distance, solution) = case.by_definition();
        let set = &parameters.parameters["b"];
        let ours: Row = set.s.iter().zip(&set.r).flat_map(|(s, r)| [*s, *r]).collect();
        prop_assert_eq!(report.rule_sets[0].kept, kept);
        prop_assert_eq!(report.rule_sets[0].chebyshev_distance, distance);
        prop_assert_eq!(ours, solution);
    }
}

#[test]
fn later_rule_sets_learn_from_what_earlier_ones_infer() {
    // "mid = 1 iff in = 1" has a fault: in = 0 was seen with mid = 1 possible to degree 0.6.
    let two = || Domain::integers(0..=1).unwrap();
    let base = ["in", "mid", "end"]
        .iter()
        .fold(RuleBase::builder(), |b, name| b.attribute(Attribute::new(*name, two()).unwrap()));
    let base = base
        .rule(Rule::equivalence("end").when(Condition::is("mid", 1)).then(Condition::is("end", 1)))
        .rule(Rule::equivalence("mid").when(Condition::is("in", 1)).then(Condition::is("mid", 1)))
        .build()
        .unwrap();
    let engine = Engine::of(&base);
    let inputs = ndarray::array![[1.0, 0.0], [1.0, 0.0]];
    let cases = engine
        .cases()
        .possibilities("in", &inputs)
        .targets("mid", [Some(Target::Degrees(vec![1.0, 0.6])), None])
        .targets("end", [None, Some(Target::Degrees(vec![1.0, 0.8]))])
        .build()
        .unwrap();
    let (parameters, report) = learn(&engine, &cases, &LearningConfig::default()).unwrap();
    assert_eq!(parameters.parameters["mid"].s, [0.6]);
    // π_mid(1) = max(0.6, 0) = 0.6 reaches the second rule, whose own s must still give 0.8.
    assert_eq!(parameters.parameters["end"].s, [0.8]);
    assert_eq!(report.rule_sets.iter().map(|set| set.examples).collect::<Vec<_>>(), [1, 1]);
    let learned = engine.with_parameters(&parameters).unwrap();
    let inferred = learned.infer(&learned.cases().possibilities("in", &[1.0, 0.0]).build().unwrap()).unwrap();
    assert_eq!(inferred.get("end").unwrap().degrees(), [1.0, 0.8]);
}

#[test]
fn wrong_examples_are_named() {
    let base = RuleBase::read("rulesets/mnist_addition.toml", &[]).unwrap();
    let engine = Engine::of(&base);
    let rows = Array2::ones((2, 10));
    let inputs = || engine.cases().possibilities("a1", &rows).possibilities("a2", &rows);
    let message =
        |name: &str, targets: Vec<Option<Target>>| inputs().targets(name, targets).build().unwrap_err().to_string();
    assert!(message("a1", vec![None, None]).contains("'a1' is not a derived attribute"));
    assert_eq!(message("w1", vec![None]), "w1 has 1 examples: expected 2 as the table has so far");
    assert_eq!(
        message("w1", vec![None, Some(Target::Position(2))]),
        "example 1: target w1 at position 2: expected a position below 2"
    );
    assert_eq!(
        message("w1", vec![None, Some(Target::value(7))]),
        "example 1: target w1 has no value 7: expected one of {0, 1}"
    );
    assert!(
        message("w1", vec![None, Some(Target::Degrees(vec![0.0, 7.0]))])
            .contains("example 1: target w1: degree 7 at position 1")
    );
    let cases = inputs().build().unwrap();
    let error = learn(&engine, &cases, &LearningConfig::default()).unwrap_err();
    assert!(matches!(error, Error::NoTarget(names) if names == "c1, w1, y1, y0"));
    let config = LearningConfig::default().with_threshold(Some(f32::NAN));
    assert!(matches!(learn(&engine, &cases, &config).unwrap_err(), Error::Config { setting: "threshold", .. }));
    assert_eq!(Parameters::certain(&base).parameters.len(), 4);
}

#[test]
fn an_open_case_is_no_contradiction() {
    let two = || Domain::integers(0..=1).unwrap();
    let base = RuleBase::builder()
        .attribute(Attribute::new("a", two()).unwrap())
        .attribute(Attribute::new("b", two()).unwrap())
        .rule(Rule::equivalence("b is a").when(Condition::is("a", 1)).then(Condition::is("b", 1)))
        .build()
        .unwrap();
    let engine = Engine::of(&base);
    let inputs = ndarray::array![[1.0, 1.0], [1.0, 0.25]];
    let targets = [Some(Target::value(1)), Some(Target::value(1))];
    let cases = engine.cases().possibilities("a", &inputs).targets("b", targets).build().unwrap();
    let found = &find_conflicts(&engine, &cases, &LearningConfig::default()).unwrap()[0].conflicts;
    let said: Vec<_> = found.iter().map(|conflict| (conflict.example, conflict.rule.as_deref())).collect();
    assert_eq!(said, [(1, Some("b is a")), (0, None)]);
}

/// What a rule states stays, its word's s included, and the others are the lowest that come
/// as close as any with it can: compared with every combination on a grid.
#[test]
fn fixed_parameters_are_kept_and_the_others_learned_beside_them() {
    let three = || Domain::integers(0..=2).unwrap();
    let rule = |name: &str, value: i64| {
        Rule::equivalence(name).when(Condition::is("a", value)).then(Condition::one_of("b", [value, 2]))
    };
    let base = RuleBase::builder()
        .attribute(Attribute::new("a", three()).unwrap())
        .attribute(Attribute::new("b", three()).unwrap())
        .rule(rule("zero", 0).s(0.5))
        .rule(rule("one", 1).r(0.25))
        .rule(Rule::implication("both").when(Condition::one_of("a", [0, 1])).then(Condition::one_of("b", [0, 1])))
        .build()
        .unwrap();
    let engine = Engine::of(&base);
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let degree = |random: &mut ChaCha8Rng| (random.next_u32() % 5) as f32 / 4.0;
    for _ in 0..60 {
        let rows = |random: &mut ChaCha8Rng| ndarray::Array2::from_shape_fn((1, 3), |_| degree(random));
        let (inputs, targets) = (rows(&mut random), rows(&mut random));
        let target = Some(Target::Degrees(targets.row(0).to_vec()));
        let cases = engine.cases().possibilities("a", &inputs).targets("b", [target]).build().unwrap();
        let config = LearningConfig::default().with_keep_fixed(true);
        let (learned, _) = learn(&engine, &cases, &config).unwrap();
        let set = &learned.parameters["b"];
        assert_eq!((&set.s[..], set.r[1]), (&[0.5, 0.0, 1.0][..], 0.25));
        let distance = |r: [f32; 2]| {
            let given = RuleSetParameters::new(vec![0.5, 0.0, 1.0], vec![r[0], 0.25, r[1]]);
            let engine = engine.with_parameters(&Parameters { parameters: [("b".to_owned(), given)].into() }).unwrap();
            let inferred = engine.infer_batch(&cases, &["b"]).unwrap();
            inferred.get("b").unwrap().iter().zip(&targets).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        let best = (0..17 * 17).map(|i| distance([(i % 17) as f32 / 16.0, (i / 17) as f32 / 16.0]));
        let best = best.fold(f32::INFINITY, f32::min);
        assert_eq!(distance([set.r[0], set.r[2]]), best, "{inputs} {targets} {set:?}");
    }
}

#[test]
fn rule_sets_without_targets_keep_their_parameters() {
    let base = RuleBase::read("rulesets/mnist_addition.toml", &[]).unwrap();
    let mut known = Parameters::certain(&base);
    known.parameters.get_mut("c1").unwrap().s[3] = 0.25;
    let engine = Engine::new(&base, &known).unwrap();
    let sure = |digit: usize| (0..10).map(|i| f32::from(u8::from(i == digit))).collect::<Vec<f32>>();
    let inputs = engine.cases().possibilities("a1", &sure(7)).possibilities("a2", &sure(5));
    let cases = inputs
        .targets("y1", [Some(Target::Degrees((0..10).map(|y| if y == 2 { 1.0 } else { 0.5 }).collect()))])
        .build()
        .unwrap();
    let config = LearningConfig::default();
    let (learned, report) = learn(&engine, &cases, &config).unwrap();
    assert_eq!(report.unlearned, ["c1", "w1", "y0"]);
    assert_eq!(report.rule_sets.iter().map(|set| set.attribute.as_str()).collect::<Vec<_>>(), ["y1"]);
    assert_eq!(learned.parameters["c1"], engine.parameters().parameters["c1"]);
    assert!(learned.parameters["y1"].s.iter().any(|&s| s > 0.0));
    let streamed = learn_streamed(&engine, || [Ok::<_, Error>(cases.clone())], &config).unwrap().0;
    assert_eq!(streamed, learned);
    // A threshold that keeps nothing teaches nothing, and says so.
    let strict = config.with_threshold(Some(1e-9));
    let inputs = engine.cases().possibilities("a1", &sure(7)).possibilities("a2", &sure(5));
    let cases = inputs.targets("y1", [Some(Target::value(3))]).build().unwrap();
    let (kept, report) = learn(&engine, &cases, &strict).unwrap();
    assert_eq!(kept, engine.parameters());
    let warnings: Vec<String> = report.warnings().collect();
    assert!(warnings[0].starts_with("y1: the threshold keeps 0 of 1 examples"), "{warnings:?}");
    assert_eq!(learn_streamed(&engine, || [Ok::<_, Error>(cases.clone())], &strict).unwrap().0, kept);
    assert_eq!(
        learn(&engine, &cases.with_targets_of(&["c1"]).unwrap(), &config).unwrap_err().to_string(),
        "no example has a target for c1, w1, y1, y0: expected at least one"
    );
}

/// The same examples cut into shards.
fn shards(case: &Case, engine: &Engine, cuts: &[usize]) -> Vec<Cases> {
    let mut cuts: Vec<usize> =
        cuts.iter().map(|cut| cut % (case.examples.len() + 1)).chain([0, case.examples.len()]).collect();
    cuts.sort_unstable();
    cuts.dedup();
    let part = |range: &[usize]| Case { examples: case.examples[range[0]..range[1]].to_vec(), ..case.clone() };
    cuts.windows(2).map(|range| part(range).cases(engine)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn learning_from_shards_is_learning_bit_for_bit(
        case in case(), cuts in prop::collection::vec(0..100usize, 0..4), reversed in any::<bool>()
    ) {
        let engine = case.engine();
        let config = LearningConfig::default().with_threshold(case.threshold);
        let (whole, report) = learn(&engine, &case.cases(&engine), &config).unwrap();
        let mut parts = shards(&case, &engine, &cuts);
        if reversed {
            parts.reverse();
        }
        let source = || parts.clone().into_iter().map(Ok::<_, Error>);
        let (streamed, streamed_report) = learn_streamed(&engine, source, &config).unwrap();
        prop_assert_eq!(&streamed, &whole);
        prop_assert_eq!(streamed_report.rule_sets[0].chebyshev_distance, report.rule_sets[0].chebyshev_distance);
        prop_assert_eq!(streamed_report.rule_sets[0].kept, report.rule_sets[0].kept);
        prop_assert_eq!(streamed_report.rule_sets[0].worst_example, report.rule_sets[0].worst_example);
    }

    #[test]
    fn partial_states_merge_in_any_order(case in case(), cuts in prop::array::uniform2(0..100usize)) {
        let engine = case.engine();
        let config = LearningConfig::default().with_threshold(case.threshold);
        let gather = |cases: &Cases| PartialRuleSets::gather(&engine, &["b"], cases, &config).unwrap();
        let parts: Vec<PartialRuleSets> = shards(&case, &engine, &cuts).iter().map(gather).collect();
        let merged = |order: &mut dyn Iterator<Item = &PartialRuleSets>| {
            let mut state = order.next().unwrap().clone();
            order.for_each(|part| state.merge(part).unwrap());
            state
        };
        let whole = gather(&case.cases(&engine));
        prop_assert_eq!(&merged(&mut parts.iter()), &whole);
        prop_assert_eq!(&merged(&mut parts.iter().rev()), &whole);
        if let [first, rest @ ..] = parts.as_slice() && !rest.is_empty() {
            let mut nested = first.clone();
            nested.merge(&merged(&mut rest.iter())).unwrap();
            prop_assert_eq!(&nested, &whole);
        }
        // What a state has gathered survives a trip through JSON to another machine.
        let json = serde_json::to_string(&whole).unwrap();
        prop_assert_eq!(&serde_json::from_str::<PartialRuleSets>(&json).unwrap(), &whole);
    }

    #[test]
    fn conflicts_are_the_examples_with_a_distance(case in case()) {
        let engine = case.engine();
        let found = &find_conflicts(&engine, &case.cases(&engine), &LearningConfig::default()).unwrap()[0];
        let distances: Row = case.examples.iter().map(|e| case.system(e).distances().into_iter().fold(0.0, f32::max)).collect();
        prop_assert_eq!(found.conflicts.len(), distances.iter().filter(|d| **d > 0.0).count());
        let order = |conflict: &Conflict| (conflict.rule.is_none(), -conflict.distance);
        prop_assert!(found.conflicts.is_sorted_by(|a, b| order(a) <= order(b)));
        for conflict in &found.conflicts {
            prop_assert_eq!(conflict.distance, distances[conflict.example]);
        }
        for point in &found.trade_off {
            prop_assert_eq!(point.kept, distances.iter().filter(|d| **d <= point.distance).count());
        }
        prop_assert_eq!(found.trade_off.last().unwrap().kept, distances.len());
    }
}

#[test]
fn known_parameters_are_recovered() {
    // Rule i says that bit i of b follows from a_i; every combination of a's and degrees occurs.
    let mut builder = RuleBase::builder().attribute(Attribute::new("b", Domain::integers(0..=3).unwrap()).unwrap());
    for (i, values) in [[1, 3], [2, 3]].into_iter().enumerate() {
        builder = builder.attribute(Attribute::new(format!("a{i}"), Domain::integers(0..=1).unwrap()).unwrap()).rule(
            Rule::equivalence(format!("bit {i}"))
                .when(Condition::is(format!("a{i}"), 1))
                .then(Condition::one_of("b", values)),
        );
    }
    let engine = Engine::of(&builder.build().unwrap());
    let set = RuleSetParameters::new(vec![0.25, 0.5], vec![0.125, 0.375]);
    let truth = Parameters { parameters: [("b".to_owned(), set)].into() };
    let rows: Vec<[f32; 2]> = (0..=8)
        .flat_map(|i| {
            let d = i as f32 / 8.0;
            [[1.0, d], [d, 1.0]]
        })
        .collect();
    let pairs: Vec<(usize, usize)> = (0..rows.len()).flat_map(|i| (0..rows.len()).map(move |j| (i, j))).collect();
    let a0 = Array2::from_shape_fn((pairs.len(), 2), |(row, v)| rows[pairs[row].0][v]);
    let a1 = Array2::from_shape_fn((pairs.len(), 2), |(row, v)| rows[pairs[row].1][v]);
    let inputs = || engine.cases().possibilities("a0", &a0).possibilities("a1", &a1);
    let true_engine = engine.with_parameters(&truth).unwrap();
    let outputs = true_engine.infer_batch(&inputs().build().unwrap(), &["b"]).unwrap();
    let outputs = outputs.get("b").unwrap();
    let targets = outputs.outer_iter().map(|row| Some(Target::Degrees(row.to_vec())));
    let cases = inputs().targets("b", targets).build().unwrap();
    let (parameters, report) = learn(&engine, &cases, &LearningConfig::default()).unwrap();
    assert_eq!(report.rule_sets[0].chebyshev_distance, 0.0);
    assert_eq!(parameters, true_engine.parameters());
    assert_eq!(parameters.parameters["b"].s, truth.parameters["b"].s);
}

#[test]
fn iris_rules_read_and_learn() {
    let flowers = pinesy::datasets::read_iris("datasets/iris/iris.csv").unwrap();
    assert_eq!(flowers.len(), 150);
    let engine = Engine::of(&pinesy::tasks::iris::rules());
    let [train, validation, test] = pinesy::tasks::iris::split(&flowers, 0);
    assert_eq!([train.len(), validation.len(), test.len()], [75, 25, 50]);
    let [train, validation] = [train, validation].map(|part| pinesy::tasks::iris::cases(engine.base(), &part).unwrap());
    let search = ThresholdSearch::paper_low_data();
    let (parameters, report) =
        search_thresholds(&engine, &train, &validation, &LearningConfig::default(), &search, |_| {
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(report.stop, SearchStop::Completed);
    assert_eq!(report.group_ends.keys().collect::<Vec<_>>(), report.thresholds.keys().collect::<Vec<_>>());
    assert!(report.group_ends.values().all(|end| matches!(end, GroupEnd::Patience | GroupEnd::EndOfGrid)));
    let stopped =
        search_thresholds(
            &engine,
            &train,
            &validation,
            &LearningConfig::default(),
            &search,
            |_| ControlFlow::Break(()),
        )
        .unwrap()
        .1;
    assert_eq!((stopped.stop, stopped.trials.len()), (SearchStop::Interrupted, 1));
    assert_eq!(stopped.trials[0], report.trials[0]);
    assert!(report.accuracy >= 0.9, "{}", report.accuracy);
    assert_eq!(score(&engine.with_parameters(&parameters).unwrap(), &validation).unwrap(), report.accuracy);
    // The search never does worse on validation than its first attempt.
    assert!(report.trials.iter().all(|trial| trial.accuracy <= report.accuracy));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.csv");
    std::fs::write(&path, "sepal_length,sepal_width,petal_length,petal_width,species\n5.1,3.5,x,0.2,setosa\n").unwrap();
    let error = pinesy::datasets::read_iris(&path).unwrap_err().to_string();
    assert!(error.contains("at byte 58: expected four lengths and a species"), "{error}");
}

#[test]
fn searches_are_checked() {
    let flowers = pinesy::datasets::read_iris("datasets/iris/iris.csv").unwrap();
    let engine = Engine::of(&pinesy::tasks::iris::rules());
    let cases = pinesy::tasks::iris::cases(engine.base(), &flowers.iter().collect::<Vec<_>>()).unwrap();
    let error = |search: &ThresholdSearch| {
        search_thresholds(&engine, &cases, &cases, &LearningConfig::default(), search, |_| ControlFlow::Continue(()))
            .unwrap_err()
    };
    let mut search = ThresholdSearch::paper_normal();
    search.patience = 0;
    assert!(matches!(error(&search), Error::Config { setting: "search", .. }));
    let mut search = ThresholdSearch::paper_normal();
    search.grid.steps = 0;
    assert!(matches!(error(&search), Error::Config { setting: "grid", .. }));
}

fn other_rules<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Inference(inference::Error::OtherRules)))
}

fn unexplained<T>(result: Result<T, explain::Error>) -> bool {
    matches!(result, Err(explain::Error::Inference(inference::Error::OtherRules)))
}

#[test]
fn cases_of_other_rules_are_refused() {
    let flowers = pinesy::datasets::read_iris("datasets/iris/iris.csv").unwrap();
    let engine = Engine::of(&pinesy::tasks::iris::rules());
    let cases = pinesy::tasks::iris::cases(engine.base(), &flowers.iter().collect::<Vec<_>>()).unwrap();
    let other = Engine::of(&RuleBase::read("rulesets/mnist_addition.toml", &[]).unwrap());
    let config = LearningConfig::default();
    assert!(other_rules(score(&other, &cases)));
    assert!(other_rules(learn(&other, &cases, &config)));
    assert!(other_rules(find_conflicts(&other, &cases, &LearningConfig::default())));
    assert!(other_rules(PartialRuleSets::gather(&other, &["c1"], &cases, &config)));
    assert!(matches!(other.infer_batch(&cases, &["y1"]), Err(inference::Error::OtherRules)));
    assert!(matches!(other.infer(&cases.row(0)), Err(inference::Error::OtherRules)));
    assert!(unexplained(rules_report(&other, &cases)));
    assert!(unexplained(Explainer::new(&other, &cases.row(0))));
    // The same rules read once more are no others.
    let again = Engine::of(&pinesy::tasks::iris::rules());
    assert_eq!(score(&again, &cases).unwrap(), score(&engine, &cases).unwrap());
}

#[test]
fn partial_states_belong_to_one_engine_and_setting() {
    let flowers = pinesy::datasets::read_iris("datasets/iris/iris.csv").unwrap();
    let engine = Engine::of(&pinesy::tasks::iris::rules());
    let cases = pinesy::tasks::iris::cases(engine.base(), &flowers.iter().collect::<Vec<_>>()).unwrap();
    let config = LearningConfig::default();
    let state = PartialRuleSets::gather(&engine, &["species"], &cases, &config).unwrap();
    let mut parameters = engine.parameters();
    parameters.parameters.get_mut("species").unwrap().s[0] = 0.5;
    let changed = engine.with_parameters(&parameters).unwrap();
    let strict = config.with_threshold(Some(0.25));
    let others = [
        PartialRuleSets::gather(&changed, &["species"], &cases, &config).unwrap(),
        PartialRuleSets::gather(&engine, &["species"], &cases, &strict).unwrap(),
        PartialRuleSets::gather(&engine, &[], &cases, &config).unwrap(),
    ];
    for other in &others {
        let mut merged = state.clone();
        assert!(matches!(merged.merge(other), Err(Error::OtherState { .. })));
        assert_eq!(merged, state);
    }
    assert!(matches!(state.distances(&changed, &cases), Err(Error::OtherState { .. })));
    assert!(matches!(state.solutions(&engine, &cases, &[]), Err(Error::OtherState { .. })));
    // A state whose content was damaged on its way is no state.
    let json = serde_json::to_string(&state).unwrap();
    let damaged = json.replacen("\"frontier\":[", "\"frontier\":[[0.1,0.5],[0.9,0.2],", 1);
    assert_ne!(damaged, json);
    assert!(serde_json::from_str::<PartialRuleSets>(&damaged).is_err());
    let fewer = json.replacen("{\"frontier\":[]},", "", 1);
    if fewer != json {
        let fewer: PartialRuleSets = serde_json::from_str(&fewer).unwrap();
        assert!(matches!(fewer.distances(&engine, &cases), Err(Error::OtherState { .. })));
        assert!(state.clone().merge(&fewer).is_err());
    }
}

/// "b is a", by a rule of this name that concludes on this value of b.
fn copying(rule: &str, value: i64) -> Engine {
    let two = || Domain::integers(0..=1).unwrap();
    let base = RuleBase::builder()
        .attribute(Attribute::new("a", two()).unwrap())
        .attribute(Attribute::new("b", two()).unwrap())
        .rule(Rule::equivalence(rule).when(Condition::is("a", 1)).then(Condition::is("b", value)));
    Engine::of(&base.build().unwrap())
}

#[test]
fn cases_serve_every_equal_rule_base_and_no_other() {
    let engine = copying("copy", 1);
    let rows = ndarray::array![[1.0, 0.25], [0.5, 1.0], [0.0, 1.0]];
    let labels = [0, 1, 0].map(|label| Some(Target::value(label)));
    let cases = engine.cases().possibilities("a", &rows).targets("b", labels).build().unwrap();
    let one = cases.row(1);
    let config = LearningConfig::default();
    let settings = ThresholdSearch::paper_low_data();
    let searched = |engine: &Engine| {
        search_thresholds(engine, &cases, &cases, &LearningConfig::default(), &settings, |_| ControlFlow::Continue(()))
    };
    let streamed = |engine: &Engine| learn_streamed(engine, || [Ok::<_, Error>(cases.clone())], &config);
    for other in [copying("copy", 0), copying("renamed", 1), Engine::of(&addition::rules(1).unwrap())] {
        let name = other.base().conclusion(&other.base().rule_sets()[0]).name();
        assert!(other_rules(learn(&other, &cases, &config)));
        assert!(other_rules(streamed(&other)));
        assert!(other_rules(searched(&other)));
        assert!(other_rules(find_conflicts(&other, &cases, &LearningConfig::default())));
        assert!(other_rules(score(&other, &cases)));
        assert!(other_rules(PartialRuleSets::gather(&other, &[name], &cases, &config)));
        assert!(unexplained(rules_report(&other, &cases)));
        assert!(unexplained(Explainer::new(&other, &one)));
        assert!(matches!(other.infer(&one), Err(inference::Error::OtherRules)));
        assert!(matches!(other.infer_batch(&cases, &[name]), Err(inference::Error::OtherRules)));
        assert!(matches!(other.premises(name, &one), Err(inference::Error::OtherRules)));
    }
    let equal = copying("copy", 1);
    let both = [&engine, &equal];
    let [ours, theirs] = both.map(|engine| learn(engine, &cases, &config).unwrap().0);
    assert_eq!(ours, theirs);
    let [ours, theirs] = both.map(|engine| streamed(engine).unwrap().0);
    assert_eq!(ours, theirs);
    let [ours, theirs] = both.map(|engine| searched(engine).unwrap().0);
    assert_eq!(ours, theirs);
    let [ours, theirs] = both.map(|engine| find_conflicts(engine, &cases, &LearningConfig::default()).unwrap());
    assert_eq!(ours, theirs);
    let [ours, theirs] = both.map(|engine| score(engine, &cases).unwrap());
    assert_eq!(ours, theirs);
    let [ours, theirs] = both.map(|engine| PartialRuleSets::gather(engine, &["b"], &cases, &config).unwrap());
    assert_eq!(ours, theirs);
    let [ours, theirs] = both.map(|engine| rules_report(engine, &cases).unwrap());
    assert_eq!(ours, theirs);
    let [ours, theirs] = both.map(|engine| Explainer::new(engine, &one).unwrap().justify("b").unwrap().to_string());
    assert_eq!(ours, theirs);
    let [ours, theirs] = both.map(|engine| engine.infer(&one).unwrap().get("b").unwrap());
    assert_eq!(ours, theirs);
    let [ours, theirs] = both.map(|engine| engine.infer_batch(&cases, &["b"]).unwrap());
    assert_eq!(ours, theirs);
    let [ours, theirs] = both.map(|engine| engine.premises("b", &one).unwrap());
    assert_eq!(ours, theirs);
}

/// Sums of two numbers of k digits, read with doubts; one digit in eleven is read as the next one.
fn sums(k: usize, count: usize) -> (Engine, Cases) {
    let images = 2 * k * count;
    let labels = Array1::from_shape_fn(images, |i| ((i * 7 + i / 10) % 10) as u8);
    let possibilities = Array2::from_shape_fn((images, 10), |(i, digit)| {
        let read = (usize::from(labels[i]) + usize::from(i.is_multiple_of(11))) % 10;
        if digit == read { 1.0 } else { ((i * 31 + digit * 17) % 61) as f32 / 128.0 }
    });
    let engine = Engine::of(&addition::rules(k).unwrap());
    let cases = Sums::draw(images, k, 0).labelled_cases(engine.base(), possibilities.view(), labels.view());
    (engine, cases.unwrap())
}

#[test]
fn a_whole_cascade_is_learned_from_shards() {
    // All that is said of a rule set but how long it took.
    let facts = |report: &LearningReport| {
        let mut sets = report.rule_sets.clone();
        sets.iter_mut().for_each(|set| set.seconds = 0.0);
        sets
    };
    for (k, count) in [(1, 60), (2, 50)] {
        let (engine, cases) = sums(k, count);
        for threshold in [None, Some(0.4)] {
            let config = LearningConfig::default().with_threshold(threshold);
            let (whole, report) = learn(&engine, &cases, &config).unwrap();
            assert!(report.rule_sets.iter().any(|set| set.worst_example == 1.0));
            assert_eq!(report.rule_sets.iter().any(|set| set.kept < set.examples), threshold.is_some());
            for size in [1, 7, 16, 23, 1000] {
                let cases = &cases;
                let shards = move || {
                    let starts = (0..cases.len()).step_by(size);
                    starts.map(move |first| Ok::<_, Error>(cases.slice(first..cases.len().min(first + size))))
                };
                let (streamed, streamed_report) = learn_streamed(&engine, shards, &config).unwrap();
                assert_eq!(streamed, whole, "k = {k}, threshold {threshold:?}, shards of {size}");
                assert_eq!(facts(&streamed_report), facts(&report));
            }
        }
    }
}

#[test]
fn partial_states_travel_and_are_used_only_where_they_belong() {
    let (engine, cases) = sums(1, 60);
    let names = ["w1", "y1"];
    let config = LearningConfig::default().with_threshold(Some(0.75));
    let gather = |shard: &Cases| PartialRuleSets::gather(&engine, &names, shard, &config).unwrap();
    let (here, there) = (gather(&cases.slice(0..25)), gather(&cases.slice(25..60)));
    let mut state = here.clone();
    state.merge(&there).unwrap();
    assert_eq!(state, gather(&cases));
    assert_eq!(state.attributes().collect::<Vec<_>>(), names);
    assert!(state.kept().zip(here.kept().zip(there.kept())).all(|(all, (here, there))| all == here + there));

    // Rule sets that are gathered together have what each has alone.
    let distances = state.distances(&engine, &cases).unwrap();
    let solutions = state.solutions(&engine, &cases, &distances).unwrap();
    assert_eq!([distances.len(), solutions.len()], [2, 2]);
    for (i, name) in names.into_iter().enumerate() {
        let alone = PartialRuleSets::gather(&engine, &[name], &cases, &config).unwrap();
        assert_eq!(alone.kept().next(), state.kept().nth(i));
        assert_eq!(alone.distances(&engine, &cases).unwrap(), [distances[i]]);
        assert_eq!(alone.solutions(&engine, &cases, &distances[i..=i]).unwrap(), [solutions[i].clone()]);
    }

    // A state that was written and read again is no other.
    let again = |state: &PartialRuleSets| -> PartialRuleSets {
        serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
    };
    let mut merged = again(&here);
    merged.merge(&again(&there)).unwrap();
    for read in [again(&state), merged] {
        assert_eq!(read, state);
        assert_eq!(read.distances(&engine, &cases).unwrap(), distances);
        assert_eq!(read.solutions(&engine, &cases, &distances).unwrap(), solutions);
    }
    // Nor does it matter where the rules were read.
    let elsewhere = Engine::of(&RuleBase::read("rulesets/mnist_addition.toml", &[("k", 1)]).unwrap());
    assert_eq!(state.distances(&elsewhere, &cases).unwrap(), distances);

    // Other parameters, even of rules that are not learned here; other rules.
    let mut parameters = engine.parameters();
    parameters.parameters.get_mut("c1").unwrap().r[3] = 0.25;
    let changed = engine.with_parameters(&parameters).unwrap();
    let (longer, longer_cases) = sums(2, 30);
    let others = [
        PartialRuleSets::gather(&changed, &names, &cases, &config),
        PartialRuleSets::gather(&longer, &names, &longer_cases, &config),
        PartialRuleSets::gather(&engine, &["w1"], &cases, &config),
        PartialRuleSets::gather(&engine, &["y1", "w1"], &cases, &config),
        PartialRuleSets::gather(&engine, &["c1"], &cases, &config),
        PartialRuleSets::gather(&engine, &names, &cases, &config.with_threshold(None)),
        PartialRuleSets::gather(&engine, &names, &cases, &config.with_tolerance(0.001)),
    ];
    for other in others.map(Result::unwrap) {
        for (into, from) in [(&state, &other), (&other, &state)] {
            let mut merged = into.clone();
            assert!(matches!(merged.merge(from), Err(Error::OtherState { .. })));
            assert_eq!(merged, *into);
        }
    }
    for (engine, cases) in [(&changed, &cases), (&longer, &longer_cases)] {
        assert!(matches!(state.distances(engine, cases), Err(Error::OtherState { .. })));
        assert!(matches!(state.solutions(engine, cases, &distances), Err(Error::OtherState { .. })));
    }
    assert!(other_rules(state.distances(&engine, &longer_cases)));
    assert!(other_rules(state.solutions(&engine, &longer_cases, &distances)));
    for wrong in [&distances[..1], &[0.0; 3][..]] {
        assert!(matches!(state.solutions(&engine, &cases, wrong), Err(Error::OtherState { .. })));
    }
}

#[test]
fn damaged_partial_states_are_refused() {
    let (engine, cases) = sums(1, 20);
    let state = PartialRuleSets::gather(&engine, &["w1", "y1"], &cases, &LearningConfig::default()).unwrap();
    let json = serde_json::to_value(&state).unwrap();
    let changed = |change: &dyn Fn(&mut Json)| {
        let mut json = json.clone();
        change(&mut json);
        serde_json::from_value::<PartialRuleSets>(json)
    };
    assert_eq!(changed(&|_| ()).unwrap(), state);
    let with =
        |frontier: Json| changed(&|file| file["sets"][0]["gathered"]["envelopes"][1]["frontier"] = frontier.clone());
    let wrong = [
        json!([[0.5, 0.25], [0.75, 0.5]]),
        json!([[0.5, 0.25], [0.5, 0.5]]),
        json!([[0.75, 0.5], [0.5, 0.25]]),
        json!([[0.75, 0.5], [0.5, 0.5]]),
        json!([[0.5, 0.0]]),
        json!([[1.5, 0.5]]),
        json!([[0.5, 1.5]]),
    ];
    for frontier in wrong {
        let error = with(frontier).unwrap_err().to_string();
        assert!(error.contains("envelope: expected pairs (y, c) of degrees, y falling and c rising"), "{error}");
    }
    assert!(with(json!([[0.75, 0.25], [0.5, 0.5]])).is_ok());
    let error = changed(&|file| file["engine"] = json!("0123")).unwrap_err().to_string();
    assert!(error.contains("fingerprint '0123': expected 32 hexadecimal digits"), "{error}");

    // These hold nothing wrong by itself, but fit no rules.
    let unfit = [
        changed(&|file| file["engine"] = json!("0".repeat(32))),
        changed(&|file| drop(file["sets"][0]["gathered"]["envelopes"].as_array_mut().unwrap().pop())),
    ];
    for unfit in unfit.map(Result::unwrap) {
        assert!(matches!(unfit.distances(&engine, &cases), Err(Error::OtherState { .. })));
        assert!(matches!(unfit.solutions(&engine, &cases, &[0.0; 2]), Err(Error::OtherState { .. })));
        for (into, from) in [(&state, &unfit), (&unfit, &state)] {
            let mut merged = into.clone();
            assert!(matches!(merged.merge(from), Err(Error::OtherState { .. })));
            assert_eq!(merged, *into);
        }
    }
    let unknown = changed(&|file| file["sets"][1]["attribute"] = json!("y7")).unwrap();
    let error = unknown.distances(&engine, &cases).unwrap_err();
    assert!(matches!(error, Error::Inference(inference::Error::UnknownDerived { name, .. }) if name == "y7"));
}

#[test]
fn searches_stop_where_their_observer_says() {
    let (engine, train) = sums(1, 60);
    let (_, validation) = sums(1, 40);
    let mut search = ThresholdSearch::paper_low_data();
    search.patience = 3;
    let run = |stop_after: usize| {
        let mut seen = Vec::new();
        let found = search_thresholds(&engine, &train, &validation, &LearningConfig::default(), &search, |trial| {
            seen.push(trial.clone());
            if seen.len() < stop_after { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let (parameters, report) = found.unwrap();
        assert_eq!(report.trials, seen);
        let learned = engine.with_parameters(&parameters).unwrap();
        assert_eq!(score(&learned, &validation).unwrap(), report.accuracy);
        assert_eq!(report.accuracy, seen.iter().map(|trial| trial.accuracy).fold(0.0, f64::max));
        report
    };
    let whole = run(usize::MAX);
    assert!(whole.trials.len() > 3, "{}", whole.trials.len());
    assert_eq!(whole.stop, SearchStop::Completed);
    assert_eq!(whole.group_ends.keys().collect::<Vec<_>>(), ["c", "w", "y"]);
    let grid = search.grid.values();
    for (group, end) in &whole.group_ends {
        let of_group = || whole.trials.iter().filter(|trial| trial.group.as_ref() == Some(group));
        match end {
            GroupEnd::Patience => assert!(of_group().count() >= search.patience),
            // A group whose first threshold is the last has no trial of its own.
            GroupEnd::EndOfGrid => {
                let last = of_group().next_back().unwrap_or(&whole.trials[0]);
                assert_eq!(Some(&last.thresholds[group]), grid.last());
            }
            other => panic!("{other:?}"),
        }
    }
    for stop_after in 1..=whole.trials.len() {
        let report = run(stop_after);
        assert_eq!(report.stop, SearchStop::Interrupted);
        assert_eq!(report.trials, whole.trials[..stop_after]);
        // Only groups that came to their end have one.
        assert!(report.group_ends.len() < whole.group_ends.len());
        assert!(report.group_ends.iter().all(|(group, end)| whole.group_ends[group] == *end));
        assert!(stop_after > 1 || report.group_ends.is_empty());
    }
}

#[test]
fn a_rule_set_gathered_beside_one_it_reads_sees_what_that_infers() {
    let engine = Engine::of(&RuleBase::read("rulesets/mnist_addition.toml", &[]).unwrap());
    let digits = Array2::from_shape_fn((20, 10), |(row, d)| if row % 10 == d { 1.0 } else { 0.1 });
    let inputs = engine.cases().possibilities("a1", &digits).possibilities("a2", &digits);
    let doubled = (0..20).map(|row| Some(Target::Position(11 * (row % 10))));
    let carries = (0..20).map(|row| Some(Target::Position(usize::from(row % 10 >= 5))));
    let cases = inputs.targets("c1", doubled).targets("w1", carries).build().unwrap();
    let config = LearningConfig::default();
    let both = PartialRuleSets::gather(&engine, &["w1", "c1"], &cases, &config).unwrap();
    let alone = PartialRuleSets::gather(&engine, &["w1"], &cases, &config).unwrap();
    let distances = both.distances(&engine, &cases).unwrap();
    assert_eq!(distances[..1], alone.distances(&engine, &cases).unwrap());
    let [solution, _] = both.solutions(&engine, &cases, &distances).unwrap().try_into().unwrap();
    assert_eq!([solution], alone.solutions(&engine, &cases, &distances[..1]).unwrap()[..]);
}
