//! Explanations against the formulas, on random rule bases.

mod common;

use common::plain::{NAMES, Plain, degree, plain};
use common::{digit, sum};
use pinesy::explain::{
    Activation, Change, Explainer, Explanation, Justification, Leaf, Origin, Subject, Symbol, rules_report,
};
use pinesy::inference::{Engine, Parameters, Target};
use pinesy::possibility::{Attribute, Domain, Value, decide};
use pinesy::rules::{Condition, Rule, RuleBase};
use proptest::prelude::*;

type Row = [Vec<f32>; 2];

/// A degree that an engine is given, in the plain form.
#[derive(Debug, Clone, Copy, PartialEq)]
enum PlainLeaf {
    Input { attribute: usize, value: usize },
    Parameter { set: usize, rule: usize, symbol: Symbol },
}

fn leaves(plain: &Plain) -> Vec<PlainLeaf> {
    let inputs = (0..2)
        .flat_map(|attribute| (0..plain.sizes[attribute]).map(move |value| PlainLeaf::Input { attribute, value }));
    let parameters = (0..2).flat_map(|set| {
        let symbols = (0..plain.rules[set].len()).flat_map(|rule| [(rule, Symbol::S), (rule, Symbol::R)]);
        symbols.map(move |(rule, symbol)| PlainLeaf::Parameter { set, rule, symbol })
    });
    inputs.chain(parameters).collect()
}

fn leaf<'a>(plain: &'a mut Plain, row: &'a mut Row, leaf: PlainLeaf) -> &'a mut f32 {
    match leaf {
        PlainLeaf::Input { attribute, value } => &mut row[attribute][value],
        PlainLeaf::Parameter { set, rule, symbol: Symbol::S } => &mut plain.rules[set][rule].s,
        PlainLeaf::Parameter { set, rule, symbol: Symbol::R } => &mut plain.rules[set][rule].r,
    }
}

fn degree_of(plain: &Plain, row: &Row, of: PlainLeaf) -> f32 {
    *leaf(&mut plain.clone(), &mut row.clone(), of)
}

fn with(plain: &Plain, row: &Row, of: PlainLeaf, degree: f32, target: usize) -> Vec<usize> {
    let (mut plain, mut row) = (plain.clone(), row.clone());
    *leaf(&mut plain, &mut row, of) = degree;
    decide(&plain.by_definition(&row)[target]).positions()
}

/// "mid-0" is rule 0 of set 0, "end-3" rule 3 of set 1.
fn rule_of(name: &str) -> (usize, usize) {
    let (set, rule) = name.split_once('-').unwrap();
    (usize::from(set == "end"), rule.parse().unwrap())
}

fn position(value: &Value) -> usize {
    let Value::Integer(value) = value else { panic!("{value}") };
    usize::try_from(*value).unwrap()
}

fn input(name: &str) -> usize {
    NAMES.iter().position(|known| *known == name).unwrap()
}

fn plain_leaf(leaf: &Leaf) -> PlainLeaf {
    match leaf {
        Leaf::Input { attribute, value } => PlainLeaf::Input { attribute: input(attribute), value: position(value) },
        Leaf::Parameter { rule, parameter } => {
            let (set, rule) = rule_of(rule);
            PlainLeaf::Parameter { set, rule, symbol: *parameter }
        }
    }
}

/// The inputs' degrees and parameters that an explanation mentions.
fn mentioned(explanation: &Explanation) -> Vec<PlainLeaf> {
    let mut found = Vec::new();
    for node in &explanation.nodes {
        if node.origin == Origin::Input {
            let attribute = input(&node.attribute);
            found.extend(node.values.iter().map(|value| PlainLeaf::Input { attribute, value: position(value) }));
        }
        for rule in node.rules().iter().filter(|rule| rule.by_parameter) {
            let (set, number) = rule_of(&rule.rule);
            let symbol = if rule.concludes { Symbol::S } else { Symbol::R };
            found.push(PlainLeaf::Parameter { set, rule: number, symbol });
        }
    }
    found
}

/// Values, rules and propositions of an explanation.
fn parts(explanation: &Explanation) -> usize {
    let rules = || explanation.nodes.iter().flat_map(|node| node.rules());
    explanation.nodes.len() + rules().count() + rules().map(|rule| rule.premise.len()).sum::<usize>()
}

fn case() -> impl Strategy<Value = (Plain, Row)> {
    plain().prop_flat_map(|plain| {
        let row = |size| prop::collection::vec(degree(), size);
        let row = (row(plain.sizes[0]), row(plain.sizes[1])).prop_map(|(a, b)| [a, b]);
        (Just(plain), row)
    })
}

/// Enough random numbers for every leaf of a case.
fn numbers() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(degree(), 64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_an_explanation_does_not_mention_has_no_say((plain, row) in case(), numbers in numbers()) {
        let engine = plain.engine();
        let case = plain.cases(&engine, std::slice::from_ref(&row));
        let explainer = Explainer::new(&engine, &case).unwrap().with_limit(usize::MAX);
        let pi = plain.by_definition(&row);
        for (target, name) in [(2, "mid"), (3, "end")] {
            for (u, &expected) in pi[target].iter().enumerate() {
                let explanation = explainer.explain(name, &(u as i64).into()).unwrap();
                prop_assert!(explanation.is_complete());
                let d = explanation.degree;
                prop_assert_eq!(d, expected);
                let mentioned = mentioned(&explanation);
                for &of in &mentioned {
                    prop_assert_eq!(degree_of(&plain, &row, of), d, "{:?}", of);
                }
                // Everything else, all at once, within the stated bounds.
                let (mut other_plain, mut other_row) = (plain.clone(), row.clone());
                for (&of, &number) in leaves(&plain).iter().zip(&numbers).filter(|(of, _)| !mentioned.contains(of)) {
                    let now = degree_of(&plain, &row, of);
                    let new = if now > d { number.max(d) } else if now < d { number.min(d) } else { number };
                    *leaf(&mut other_plain, &mut other_row, of) = new;
                }
                prop_assert_eq!(other_plain.by_definition(&other_row)[target][u], d);
            }
        }
    }

    #[test]
    fn changes_alter_the_decision_exactly_where_they_say((plain, row) in case(), numbers in numbers()) {
        let engine = plain.engine();
        let case = plain.cases(&engine, std::slice::from_ref(&row));
        let explainer = Explainer::new(&engine, &case).unwrap();
        for (target, name) in [(2, "mid"), (3, "end")] {
            let now = decide(&plain.by_definition(&row)[target]).positions();
            let changes = explainer.changes(name).unwrap();
            prop_assert!(changes.windows(2).all(|pair| pair[0].distance() <= pair[1].distance()));
            for change in &changes {
                let of = plain_leaf(&change.of);
                prop_assert_eq!(change.degree, degree_of(&plain, &row, of));
                let (low, high) = change.interval();
                prop_assert!(low <= change.degree && change.degree <= high);
                // Made, the change alters the decision as foretold; any smaller one does not.
                for flip in [&change.below, &change.above].into_iter().flatten() {
                    let expected: Vec<usize> = flip.decision.iter().map(position).collect();
                    prop_assert_ne!(&expected, &now);
                    prop_assert_eq!(with(&plain, &row, of, flip.degree, target), expected, "{}", change);
                }
                let between = numbers.iter().map(|number| (low + (high - low) * number).clamp(low, high));
                for degree in between.chain([low, high]) {
                    prop_assert_eq!(&with(&plain, &row, of, degree, target), &now, "{} at {}", change, degree);
                }
            }
            // No single degree that is not listed can alter it.
            let listed: Vec<PlainLeaf> = changes.iter().map(|change| plain_leaf(&change.of)).collect();
            for of in leaves(&plain).into_iter().filter(|of| !listed.contains(of)) {
                for &degree in numbers.iter().take(8).chain(&[0.0, 1.0]) {
                    prop_assert_eq!(&with(&plain, &row, of, degree, target), &now, "{:?} at {}", of, degree);
                }
            }
        }
    }

    #[test]
    fn justifications_and_activations_agree_with_the_formulas((plain, row) in case()) {
        let engine = plain.engine();
        let case = plain.cases(&engine, std::slice::from_ref(&row));
        let explainer = Explainer::new(&engine, &case).unwrap();
        let pi = plain.by_definition(&row);
        for (set, target, name) in [(0, 2, "mid"), (1, 3, "end")] {
            let activations = explainer.activations(name).unwrap().0;
            prop_assert_eq!(activations.len(), plain.rules[set].len());
            for (rule, activation) in plain.rules[set].iter().zip(&activations) {
                let (lambda, rho) = Plain::premise(rule, &pi);
                let Activation { lambda: l, rho: r, alpha, beta, .. } = activation;
                prop_assert_eq!([*l, *r, *alpha, *beta], [lambda, rho, lambda.max(rule.s), rho.max(rule.r)]);
            }
            let why = explainer.justify(name).unwrap();
            let decided: Vec<usize> = why.decision.iter().map(position).collect();
            prop_assert_eq!(&decided, &decide(&pi[target]).positions());
            let others: Vec<usize> = (0..plain.sizes[target]).filter(|u| !decided.contains(u)).collect();
            let highest = others.iter().map(|&u| pi[target][u]).fold(0.0, f32::max);
            // In a conflict nothing is more certain than it is possible.
            prop_assert_eq!(why.necessity, (1.0 - highest).min(why.possibility));
            prop_assert_eq!(why.possibility, pi[target][decided[0]]);
            let explained = match decided.as_slice() {
                [_] => (Subject::IsNot(why.decision.clone()), highest),
                _ => (Subject::Is(why.decision.clone()), why.possibility),
            };
            prop_assert_eq!((why.explanation.subject.clone(), why.explanation.degree), explained);
            prop_assert_eq!(why.doubt.is_some(), decided.len() == 1 && why.possibility < 1.0);
            // Every competitor is in one group, with just the rules that attain its degree.
            let mut grouped = Vec::new();
            for group in &why.competitors {
                prop_assert_eq!(group.degree, group.values.iter().map(|v| pi[target][position(v)]).fold(0.0, f32::max));
                for value in &group.values {
                    let u = position(value);
                    grouped.push(u);
                    let rules = plain.rules[set].iter().enumerate();
                    let attaining = rules.filter(|(_, rule)| Plain::level(rule, u, &pi) == pi[target][u]);
                    let names: Vec<String> = attaining.map(|(i, _)| format!("{name}-{i}")).collect();
                    prop_assert_eq!(&group.rules, &names);
                }
            }
            grouped.sort_unstable();
            prop_assert_eq!(grouped, others);
        }
    }

    #[test]
    fn explanations_keep_to_their_limit((plain, row) in case(), limit in 0..30usize) {
        let engine = plain.engine();
        let case = plain.cases(&engine, std::slice::from_ref(&row));
        let whole = Explainer::new(&engine, &case).unwrap().with_limit(usize::MAX);
        let whole = whole.explain("end", &0.into()).unwrap();
        let cut = Explainer::new(&engine, &case).unwrap().with_limit(limit).explain("end", &0.into()).unwrap();
        prop_assert!(parts(&cut) <= limit);
        prop_assert_eq!(cut.is_complete(), parts(&whole) <= limit);
        prop_assert_eq!(cut.degree, whole.degree);
        // What is left out is said: no list is silently shorter.
        for node in &cut.nodes {
            let same = whole.nodes.iter().find(|n| n.attribute == node.attribute && n.values == node.values).unwrap();
            prop_assert_eq!(node.rules().len() + node.more, same.rules().len());
        }
        prop_assert_eq!(serde_json::from_str::<Explanation>(&serde_json::to_string(&cut).unwrap()).unwrap(), cut);
    }

    #[test]
    fn the_rules_report_counts_what_the_formulas_say(
        plain in plain(),
        numbers in prop::collection::vec(numbers(), 1..40),
        labels in prop::collection::vec(prop::option::of(any::<prop::sample::Index>()), 40),
    ) {
        let engine = plain.engine();
        let row = |numbers: &Vec<f32>| -> Row {
            [numbers[..plain.sizes[0]].to_vec(), numbers[8..8 + plain.sizes[1]].to_vec()]
        };
        let rows: Vec<Row> = numbers.iter().map(row).collect();
        let cases = plain.cases(&engine, &rows);
        let labels: Vec<Option<usize>> = labels[..rows.len()].iter().map(|l| l.map(|l| l.index(plain.sizes[3]))).collect();
        // The same inputs, with targets.
        let inputs = engine.base().inputs().fold(engine.cases(), |table, input| {
            table.possibilities(input.name(), &cases.input(input.name()).unwrap())
        });
        let cases = inputs.targets("end", labels.iter().map(|label| label.map(Target::Position))).build().unwrap();
        let report = rules_report(&engine, &cases).unwrap();
        prop_assert_eq!(report.examples, rows.len());
        for (set, target, name) in [(0, 2, "mid"), (1, 3, "end")] {
            for (i, rule) in plain.rules[set].iter().enumerate() {
                let mut counts = [0; 4];
                for (row, label) in rows.iter().zip(&labels) {
                    let pi = plain.by_definition(row);
                    let (lambda, rho) = Plain::premise(rule, &pi);
                    let attains = |u: usize| pi[target][u] < 1.0 && Plain::level(rule, u, &pi) == pi[target][u];
                    let alone = |u: usize| {
                        let others = plain.rules[set].iter().enumerate().filter(|(j, _)| *j != i);
                        attains(u) && others.map(|(_, other)| Plain::level(other, u, &pi)).all(|level| level > pi[target][u])
                    };
                    let values = || 0..plain.sizes[target];
                    let right = label.filter(|_| set == 1);
                    let wrong = right.filter(|&u| decide(&pi[target]).position() != Some(u));
                    let facts = [lambda > rho, values().any(attains), values().any(alone), wrong.is_some_and(attains)];
                    counts.iter_mut().zip(facts).for_each(|(count, fact)| *count += usize::from(fact));
                }
                let found = report.rules.iter().find(|r| r.rule == format!("{name}-{i}")).unwrap();
                prop_assert_eq!([found.held, found.decided, found.alone, found.blocked], counts, "{}-{}", name, i);
            }
        }
    }
}

fn engine(file: &str, parameters: &[(&str, i64)]) -> Engine {
    Engine::of(&RuleBase::read(file, parameters).unwrap())
}

#[test]
fn a_sum_is_explained_down_to_its_digits() {
    let engine = engine("rulesets/mnist_addition.toml", &[]);
    let explainer = Explainer::new(&engine, &sum(&engine, &[digit(3, 8, 0.02), digit(4, 9, 0.01)])).unwrap();
    let why = explainer.justify("y1").unwrap();
    let sentences = why.to_string();
    let lines: Vec<&str> = sentences.lines().collect();
    assert_eq!(
        lines[0],
        "y1 = 7 is certain to degree 0.98: a1 reads 3 (anything else possible to 0.02), a2 reads 4 (anything else \
         possible to 0.01)."
    );
    assert_eq!(
        lines[1],
        "  2 is possible to 0.02, held down by \"if (c1[0] + c1[1]) % 10 == 2 then y1 == 2\" and \
         \"if (c1[0] + c1[1]) % 10 == 7 then y1 == 7\"."
    );
    assert_eq!(lines[2], "  0 is possible to 0.001, held down by \"if (c1[0] + c1[1]) % 10 == 0 then y1 == 0\".");
    assert_eq!((lines.len(), lines[5]), (6, "  Others are possible to at most 0.001, by 5 more sets of rules."));
    assert_eq!(
        why.explanation.to_string(),
        "\
not y1 = 7 is possible to degree 0.02
└─ y1 = 2
   ├─ rule \"if (c1[0] + c1[1]) % 10 == 2 then y1 == 2\"
   │  └─ (c1[0] + c1[1]) % 10 == 2
   │     └─ c1 = (8, 4)
   │        ├─ rule \"if a1 == 3 then c1[0] == 3\"  concludes otherwise
   │        │  └─ not a1 == 3: a1 = 8  input
   │        └─ rule \"if a1 == 8 then c1[0] == 8\"
   │           └─ a1 == 8: a1 = 8  input
   └─ rule \"if (c1[0] + c1[1]) % 10 == 7 then y1 == 7\"  concludes otherwise
      └─ not (c1[0] + c1[1]) % 10 == 7
         └─ c1 = (8, 4)  as above"
    );
    let colours = format!("{:#}", why.explanation);
    assert!(colours.contains('\u{1b}') && !why.explanation.to_string().contains('\u{1b}'));
    let dot = why.explanation.dot().to_string();
    assert!(dot.contains("v2 [shape=box, label=\"a1 = 8\", style=filled"), "{dot}");
    assert!(dot.contains("v1 -> v0r1 [label=\"not (c1[0] + c1[1]) % 10 == 7\"];"), "{dot}");
    let json = serde_json::to_string(&why).unwrap();
    assert_eq!(serde_json::from_str::<Justification>(&json).unwrap(), why);
    let changes = explainer.changes("y1").unwrap();
    let json = serde_json::to_string(&changes).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Change>>(&json).unwrap(), changes);
}

#[test]
fn a_tie_is_explained_by_what_was_read() {
    let engine = engine("rulesets/mnist_addition.toml", &[]);
    let explainer = Explainer::new(&engine, &sum(&engine, &[digit(3, 8, 1.0), digit(4, 9, 0.01)])).unwrap();
    let why = explainer.justify("y1").unwrap();
    assert!(
        why.to_string().starts_with("y1 is ambiguous: 2 and 7 are both possible to degree 1: a1 reads 3 or 8 ("),
        "{why}"
    );
    // Eight rules conclude on neither value; both sums that were read allow that.
    assert!(why.explanation.to_string().contains("then y1 == 0\" and 7 more\n"), "{}", why.explanation);
    let dot = why.explanation.dot().to_string();
    assert!(dot.contains("then y1 == 0\\nand 7 more rules\"];"), "{dot}");
    let nearest = &explainer.changes("y1").unwrap()[0];
    assert_eq!(nearest.of, Leaf::Input { attribute: "a1".into(), value: 3.into() });
    assert_eq!(nearest.below.as_ref().unwrap().degree, 1f32.next_down());
    assert_eq!(nearest.to_string(), "a1 = 3, now 1; if it falls at all: 2");
}

#[test]
fn long_lists_are_cut_and_say_so() {
    let domain = |size: i64| Domain::integers(0..=size - 1).unwrap();
    let base = RuleBase::builder()
        .attribute(Attribute::new("a", domain(1000)).unwrap())
        .attribute(Attribute::new("b", domain(1000)).unwrap())
        .rule(Rule::equivalence("low").when(Condition::is("a", 0)).then(Condition::one_of("b", 0..10)))
        .build()
        .unwrap();
    let engine = Engine::of(&base);
    let explainer = Explainer::new(&engine, &engine.cases().possibilities("a", &[1.0; 1000]).build().unwrap()).unwrap();
    let why = explainer.justify("b").unwrap().to_string();
    assert!(
        why.starts_with(
            "b is unknown, since every value is fully possible: a reads 0, 1, 2, 3, 4, 5, 6, 7 or 992 more"
        ),
        "{why}"
    );
    let mut a = [0.0; 1000];
    a[0] = 1.0;
    let explainer = Explainer::new(&engine, &engine.cases().possibilities("a", &a).build().unwrap()).unwrap();
    let why = explainer.justify("b").unwrap();
    assert_eq!((why.competitors.len(), why.competitors[0].values.len(), why.competitors[0].more), (1, 8, 982));
    assert!(
        why.to_string().ends_with("10, 11, 12, 13, 14, 15, 16, 17 and 982 more are impossible, by \"low\"."),
        "{why}"
    );
    let why = explainer.clone().with_limit(0).justify("b").unwrap();
    assert_eq!((why.competitors.len(), why.more), (0, 1));
    assert!(!why.to_string().contains("no other value"), "{why}");
}

#[test]
fn a_parameter_that_decides_is_named() {
    let base = RuleBase::read("rulesets/iris.toml", &[]).unwrap();
    let mut parameters = Parameters::certain(&base);
    parameters.parameters.get_mut("species").unwrap().s = vec![0.1, 0.3, 0.2, 0.4];
    let engine = Engine::new(&base, &parameters).unwrap();
    let cases = engine.cases().possibilities("petal_length", &[0.0, 0.2, 1.0]);
    let petals = cases.possibilities("petal_width", &[0.0, 1.0, 0.3]).build().unwrap();
    let explainer = Explainer::new(&engine, &petals).unwrap();
    assert_eq!(
        explainer.explain("species", &"setosa".into()).unwrap().to_string(),
        "species = setosa is possible to degree 0.10\n└─ rule \"short petals are setosa's\"\n   └─ its parameter s = 0.10"
    );
    // Broad petals are doubtful, so virginica is not fully possible; nothing else is more so.
    let why = explainer.justify("species").unwrap();
    assert!(
        why.to_string().starts_with("species = virginica is the most possible value, but only to degree 0.40: "),
        "{why}"
    );
    assert_eq!(why.doubt.unwrap().nodes[0].rules()[0].rule, "broad petals are virginica's");
}

#[test]
fn the_only_value_needs_no_reason() {
    let base = RuleBase::builder()
        .attribute(Attribute::new("a", Domain::integers(0..=1).unwrap()).unwrap())
        .attribute(Attribute::new("b", Domain::symbols(["only"]).unwrap()).unwrap())
        .rule(Rule::equivalence("so").when(Condition::is("a", 0)).then(Condition::is("b", "only")))
        .build()
        .unwrap();
    let engine = Engine::of(&base);
    let explainer = Explainer::new(&engine, &engine.cases().possibilities("a", &[1.0, 0.5]).build().unwrap()).unwrap();
    let why = explainer.justify("b").unwrap();
    assert_eq!(why.to_string(), "b = only is certain to degree 1. It has no other value.");
    assert_eq!((why.necessity, why.explanation.nodes.len()), (1.0, 0));
    assert_eq!(explainer.changes("b").unwrap(), []);
}

#[test]
fn questions_about_nothing_are_refused() {
    let engine = engine("rulesets/mnist_addition.toml", &[]);
    let explainer = Explainer::new(&engine, &sum(&engine, &[digit(3, 8, 0.1), digit(4, 9, 0.1)])).unwrap();
    let message = explainer.explain("y1", &12.into()).unwrap_err().to_string();
    assert_eq!(message, "y1 has no value 12: expected one of 0..9");
    let message = explainer.justify("a1").unwrap_err().to_string();
    assert_eq!(message, "'a1' is not a derived attribute: expected one of c1, w1, y1, y0");
}

/// One thread answers about leaf after leaf: none may leave anything behind for the next.
#[test]
fn changes_of_a_whole_cascade_are_those_that_inference_shows() {
    let base = RuleBase::read("rulesets/mnist_addition.toml", &[("k", 2)]).unwrap();
    let mut parameters = Parameters::certain(&base);
    for (i, set) in parameters.parameters.values_mut().enumerate() {
        set.s.iter_mut().enumerate().for_each(|(j, s)| *s = 0.01 * ((i + 3 * j) % 7) as f32);
        set.r.iter_mut().enumerate().for_each(|(j, r)| *r = 0.02 * ((2 * i + j) % 5) as f32);
    }
    let engine = Engine::new(&base, &parameters).unwrap();
    let rows = [digit(3, 8, 0.3), digit(4, 9, 0.6), digit(1, 7, 0.5), digit(5, 6, 0.4)];
    let decision = |engine: &Engine, rows: &[Vec<f32>; 4]| {
        let distribution = engine.infer(&sum(engine, rows)).unwrap().get("y1").unwrap();
        let values = distribution.attribute().domain().values();
        distribution.decision().positions().into_iter().map(|i| values[i].clone()).collect::<Vec<Value>>()
    };
    // What is decided when one degree is another.
    let with = |of: &Leaf, degree: f32| {
        let (mut rows, mut parameters) = (rows.clone(), parameters.clone());
        match of {
            Leaf::Input { attribute, value } => {
                rows[attribute[1..].parse::<usize>().unwrap() - 1][position(value)] = degree;
            }
            Leaf::Parameter { rule, parameter } => {
                let set = base.rule_sets().iter().find(|set| set.rules().iter().any(|r| r.name() == rule)).unwrap();
                let i = set.rules().iter().position(|r| r.name() == rule).unwrap();
                let of_set = parameters.parameters.get_mut(base.conclusion(set).name()).unwrap();
                *(if *parameter == Symbol::S { &mut of_set.s[i] } else { &mut of_set.r[i] }) = degree;
            }
        }
        decision(&engine.with_parameters(&parameters).unwrap(), &rows)
    };
    let inputs = (1..=4)
        .flat_map(|j| (0..10).map(move |d| Leaf::Input { attribute: format!("a{j}"), value: Value::Integer(d) }));
    let rules = base.rule_sets().iter().flat_map(|set| set.rules()).map(|rule| rule.name().to_owned());
    let parameter =
        |rule: String| [Symbol::S, Symbol::R].map(|parameter| Leaf::Parameter { rule: rule.clone(), parameter });
    let leaves: Vec<Leaf> = inputs.chain(rules.flat_map(parameter)).collect();

    let explainer = Explainer::new(&engine, &sum(&engine, &rows)).unwrap();
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let changes = one_thread.install(|| explainer.changes("y1").unwrap());
    assert_eq!(changes, explainer.changes("y1").unwrap());
    assert!(changes.len() > 20, "{}", changes.len());
    let now = decision(&engine, &rows);
    for leaf in &leaves {
        let change = changes.iter().find(|change| change.of == *leaf);
        for (end, flip) in [(0.0, change.and_then(|c| c.below.as_ref())), (1.0, change.and_then(|c| c.above.as_ref()))]
        {
            match flip {
                None => assert_eq!(with(leaf, end), now, "{leaf} at {end}"),
                Some(flip) => {
                    let within = if end == 0.0 { flip.degree.next_up() } else { flip.degree.next_down() };
                    assert_eq!(with(leaf, flip.degree), flip.decision, "{leaf} at {}", flip.degree);
                    assert_eq!(with(leaf, within), now, "{leaf} at {within}");
                }
            }
        }
    }
}
