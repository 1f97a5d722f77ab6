//! Learning against the textbook procedure with Γ built explicitly.

use std::ops::ControlFlow;

use ndarray::Array2;
use pinesy::inference::{self, Cases, Engine, Parameters, RuleSetParameters, Target};
use pinesy::learning::{
    Error, GroupEnd, LearningConfig, PartialRuleSets, SearchStop, ThresholdSearch, find_conflicts, learn,
    learn_streamed, score, search_thresholds,
};
use pinesy::possibility::{Attribute, Domain};
use pinesy::rules::{Condition, Rule, RuleBase};
use proptest::prelude::*;

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
            let rule = Rule::new(format!("R{i}")).when(Condition::is(format!("p{i}"), "yes"));
            builder = builder
                .attribute(Attribute::new(format!("p{i}"), yes_no.clone()).unwrap())
                .rule(rule.then(Condition::one_of("b", members)));
        }
        Engine::certain(&builder.build().unwrap())
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
        .rule(Rule::new("end").when(Condition::is("mid", 1)).then(Condition::is("end", 1)))
        .rule(Rule::new("mid").when(Condition::is("in", 1)).then(Condition::is("mid", 1)))
        .build()
        .unwrap();
    let engine = Engine::certain(&base);
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
    let engine = Engine::certain(&base);
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
    assert!(matches!(error, Error::NoTarget(name) if name == "c1"));
    let config = LearningConfig::default().with_threshold(Some(f32::NAN));
    assert!(matches!(learn(&engine, &cases, &config).unwrap_err(), Error::Config { setting: "threshold", .. }));
    assert_eq!(Parameters::certain(&base).parameters.len(), 4);
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
        let found = &find_conflicts(&engine, &case.cases(&engine)).unwrap()[0];
        let distances: Row = case.examples.iter().map(|e| case.system(e).distances().into_iter().fold(0.0, f32::max)).collect();
        prop_assert_eq!(found.conflicts.len(), distances.iter().filter(|d| **d > 0.0).count());
        prop_assert!(found.conflicts.is_sorted_by(|a, b| a.distance >= b.distance));
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
            Rule::new(format!("bit {i}")).when(Condition::is(format!("a{i}"), 1)).then(Condition::one_of("b", values)),
        );
    }
    let engine = Engine::certain(&builder.build().unwrap());
    let set = RuleSetParameters { s: vec![0.25, 0.5], r: vec![0.125, 0.375] };
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
    assert_eq!(parameters, truth);
}

#[test]
fn iris_rules_read_and_learn() {
    let flowers = pinesy::datasets::read_iris("datasets/iris/iris.csv").unwrap();
    assert_eq!(flowers.len(), 150);
    let engine = Engine::certain(&pinesy::tasks::iris::rules());
    let [train, validation, test] = pinesy::tasks::iris::split(&flowers, 0);
    assert_eq!([train.len(), validation.len(), test.len()], [75, 25, 50]);
    let [train, validation] = [train, validation].map(|part| pinesy::tasks::iris::cases(engine.base(), &part).unwrap());
    let search = ThresholdSearch::paper_low_data();
    let (parameters, report) =
        search_thresholds(&engine, &train, &validation, 0.0, &search, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(report.stop, SearchStop::Completed);
    assert_eq!(report.group_ends.keys().collect::<Vec<_>>(), report.thresholds.keys().collect::<Vec<_>>());
    assert!(report.group_ends.values().all(|end| matches!(end, GroupEnd::Patience | GroupEnd::EndOfGrid)));
    let stopped = search_thresholds(&engine, &train, &validation, 0.0, &search, |_| ControlFlow::Break(())).unwrap().1;
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
    let engine = Engine::certain(&pinesy::tasks::iris::rules());
    let cases = pinesy::tasks::iris::cases(engine.base(), &flowers.iter().collect::<Vec<_>>()).unwrap();
    let error = |search: &ThresholdSearch| {
        search_thresholds(&engine, &cases, &cases, 0.0, search, |_| ControlFlow::Continue(())).unwrap_err()
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

#[test]
fn cases_of_other_rules_are_refused() {
    let flowers = pinesy::datasets::read_iris("datasets/iris/iris.csv").unwrap();
    let engine = Engine::certain(&pinesy::tasks::iris::rules());
    let cases = pinesy::tasks::iris::cases(engine.base(), &flowers.iter().collect::<Vec<_>>()).unwrap();
    let other = Engine::certain(&RuleBase::read("rulesets/mnist_addition.toml", &[]).unwrap());
    let config = LearningConfig::default();
    assert!(other_rules(score(&other, &cases)));
    assert!(other_rules(learn(&other, &cases, &config)));
    assert!(other_rules(find_conflicts(&other, &cases)));
    assert!(other_rules(PartialRuleSets::gather(&other, &["c1"], &cases, &config)));
    assert!(matches!(other.infer_batch(&cases, &["y1"]), Err(inference::Error::OtherRules)));
    assert!(matches!(other.infer(&cases.row(0)), Err(inference::Error::OtherRules)));
    assert!(pinesy::explain::rules_report(&other, &cases).is_err());
    assert!(pinesy::explain::Explainer::new(&other, &cases.row(0)).is_err());
    // The same rules read once more are no others.
    let again = Engine::certain(&pinesy::tasks::iris::rules());
    assert_eq!(score(&again, &cases).unwrap(), score(&engine, &cases).unwrap());
}

#[test]
fn partial_states_belong_to_one_engine_and_setting() {
    let flowers = pinesy::datasets::read_iris("datasets/iris/iris.csv").unwrap();
    let engine = Engine::certain(&pinesy::tasks::iris::rules());
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
