//! Rule files: what they mean, and what is said about those that mean nothing.

use pinesy::possibility::{Attribute, Domain, Value};
use pinesy::rules::{Condition, Error, Rule, RuleBase};

const HEAD: &str = r#"[parameters]
k = { default = 1, min = 1, max = 9 }
m = 3

[[attribute]]
name = "sky"
domain = ["clear", "grey"]

[[attribute]]
for = ["j in 1..k"]
name = "d{j}"
domain = "0..m"

[[attribute]]
name = "pair"
domain = { product = ["sky", "0..1"] }

[[attribute]]
name = "rain"
domain = ["no", "yes"]
"#;

fn parse(rules: &str) -> Result<RuleBase, Error> {
    RuleBase::parse(&format!("{HEAD}\n{rules}"), "test.toml", &[])
}

/// The message without its place, and the line counted from the first after the head.
fn fault(rules: &str) -> (usize, usize, String) {
    let error = parse(rules).unwrap_err();
    let location = error.location.unwrap();
    assert_eq!(location.file.to_str().unwrap(), "test.toml");
    let place = location.place.unwrap();
    (place.line as usize - HEAD.lines().count() - 1, place.column as usize, error.kind.to_string())
}

fn rule(premise: &str, conclusion: &str) -> String {
    format!("[[rule]]\niff = \"{premise}\"\nthen = \"{conclusion}\"\n")
}

#[test]
fn subsets_mean_what_the_predicate_says() {
    let base = parse(
        r#"
[[rule]]
for = ["v in 0..m", "w in [1, 2]"]
where = "v < w"
name = "from {v} to {w}"
iff = ["d{k} >= {v}", "pair[1] == 0 && pair[0] == 'grey'"]
then = "rain in ['yes', 'no']"
"#,
    )
    .unwrap();
    let rules = base.rule_sets()[0].rules();
    let names: Vec<&str> = rules.iter().map(|rule| rule.name()).collect();
    assert_eq!(names, ["from 0 to 1", "from 0 to 2", "from 1 to 2"]);
    let members = |i: usize, j: usize| rules[i].premise()[j].subset().positions().collect::<Vec<_>>();
    assert_eq!(members(0, 0), [0, 1, 2, 3]);
    assert_eq!(members(2, 0), [1, 2, 3]);
    assert_eq!(rules[2].premise()[0].text(), "d1 >= 1");
    let pair = base.attribute("pair").unwrap();
    let grey = pair.domain().position(&Value::Tuple(vec!["grey".into(), 0.into()])).unwrap();
    assert_eq!(members(0, 1), [grey]);
    assert_eq!(base.inputs().map(Attribute::name).collect::<Vec<_>>(), ["d1", "pair"]);
}

#[test]
fn conjunctions_may_range_over_an_index() {
    let text = format!(
        "{HEAD}\n[[rule]]\niff = [{{ for = [\"j in 1..k\"], is = \"d{{j}} == j\" }}]\nthen = \"rain == 'yes'\"\n"
    );
    let base = RuleBase::parse(&text, "t", &[("k", 3)]).unwrap();
    let rule = &base.rule_sets()[0].rules()[0];
    let texts: Vec<&str> = rule.premise().iter().map(|p| p.text()).collect();
    assert_eq!(texts, ["d1 == 1", "d2 == 2", "d3 == 3"]);
    assert_eq!(rule.name(), "if d1 == 1 and d2 == 2 and d3 == 3 then rain == 'yes'");
}

#[test]
fn addition_for_every_k_is_one_file() {
    for k in [1, 2, 7, 30] {
        let base = RuleBase::read("rulesets/mnist_addition.toml", &[("k", k)]).unwrap();
        let k = k as usize;
        assert_eq!(base.inputs().count(), 2 * k);
        assert_eq!(base.rule_sets().len(), 3 * k + 1);
        let rules: usize = base.rule_sets().iter().map(|set| set.rules().len()).sum();
        assert_eq!(rules, 20 * k + (k - 1) + k + 10 * k + 1);
        // Each set comes after those it reads.
        for (i, set) in base.rule_sets().iter().enumerate() {
            for proposition in set.rules().iter().flat_map(|rule| rule.premise()) {
                let source = base.rule_sets().iter().position(|other| other.attribute() == proposition.attribute());
                assert!(source.is_none_or(|source| source < i));
            }
        }
    }
}

#[test]
fn faults_are_placed_and_explained() {
    let cases: &[(String, (usize, usize), &str)] = &[
        (rule("cloud == 1", "rain == 'yes'"), (2, 7), "unknown attribute 'cloud': expected one of d1, pair, rain, sky"),
        (
            rule("sky == 'blue'", "rain == 'yes'"),
            (2, 7),
            "value blue is outside the domain of sky: expected one of {clear, grey}",
        ),
        (rule("d1 in [1, 7]", "rain == 'yes'"), (2, 7), "value 7 is outside the domain of d1: expected one of 0..3"),
        (
            rule("d1 > 3", "rain == 'yes'"),
            (2, 7),
            "'d1 > 3' holds for no value of d1: expected a condition that some value in 0..3 meets",
        ),
        (
            rule("d1 == 1 && sky == 'grey'", "rain == 'yes'"),
            (2, 7),
            "'d1 == 1 && sky == 'grey'' is about 2 names (d1, sky): expected a condition on exactly one attribute; where all must hold",
        ),
        (
            rule("1 == 1", "rain == 'yes'"),
            (2, 7),
            "'1 == 1' is about no attribute: expected a condition on exactly one attribute",
        ),
        (rule("d1 + 1", "rain == 'yes'"), (2, 7), "expected true or false"),
        (rule("d1 ==", "rain == 'yes'"), (2, 0), "expected a CEL expression"),
        (rule("d{j == 1", "rain == 'yes'"), (2, 0), "expected"),
        (
            rule("sky == 'grey'", "sky == 'grey'"),
            (3, 8),
            "the rules form a cycle: sky → sky, closed by rule 'if sky == 'grey' then sky == 'grey'': expected attributes that do not depend on themselves",
        ),
        (
            rule("sky == 'grey'", "rain == 'yes'")
                + &rule("rain == 'yes'", "d1 == 1")
                + &rule("d1 == 1", "sky == 'grey'"),
            (6, 8),
            "closed by rule 'if rain == 'yes' then d1 == 1'",
        ),
        (
            rule("sky == 'grey'", "rain == 'yes'").replace("[[rule]]", "[[rule]]\nname = \"grey\"").repeat(2),
            (8, 8),
            "rule 'grey' is defined twice: expected distinct names",
        ),
        ("[[rule]]\niff = []\nthen = \"rain == 'yes'\"\n".into(), (2, 7), "has an empty premise"),
        ("[[rule]]\niff = \"sky == 'grey'\"\n".into(), (1, 1), "missing field `then`"),
        ("[[rule]]\nfi = \"sky == 'grey'\"\n".into(), (2, 1), "unknown field `fi`"),
        (
            "[[attribute]]\nname = \"sky\"\ndomain = \"0..1\"\n".into(),
            (2, 8),
            "attribute 'sky' is defined twice: expected distinct names",
        ),
        (
            "[[attribute]]\nname = \"k\"\ndomain = \"0..1\"\n".into(),
            (2, 8),
            "(also a parameter or index variable)' is defined twice",
        ),
        (
            "[[attribute]]\nname = \"none\"\ndomain = \"1..0\"\n".into(),
            (3, 10),
            "none: empty domain: expected at least one value",
        ),
        ("[[attribute]]\nname = \"none\"\ndomain = []\n".into(), (3, 10), "none: empty domain"),
        ("[[attribute]]\nname = \"a b\"\ndomain = \"0..1\"\n".into(), (2, 8), "attribute name 'a b'"),
        (
            "[[attribute]]\nname = \"p\"\ndomain = { product = [\"nosuch\"] }\n".into(),
            (3, 10),
            "'nosuch' is neither a range nor an attribute given above",
        ),
        (
            "[[rule]]\nfor = [\"k in 1..2\"]\niff = \"d1 == 1\"\nthen = \"rain == 'yes'\"\n".into(),
            (2, 8),
            "variable 'k' is defined twice",
        ),
        (
            "[[rule]]\nfor = [\"j over 1..2\"]\niff = \"d1 == 1\"\nthen = \"rain == 'yes'\"\n".into(),
            (2, 8),
            "expected \"variable in first..last\"",
        ),
        (
            "[[rule]]\nfor = [\"j in 1..q\"]\niff = \"d1 == 1\"\nthen = \"rain == 'yes'\"\n".into(),
            (2, 8),
            "unknown variable 'q': expected one of k, m",
        ),
        (
            "[[rule]]\nwhere = \"k / 0 == 1\"\niff = \"d1 == 1\"\nthen = \"rain == 'yes'\"\n".into(),
            (2, 9),
            "Division by zero",
        ),
        ("= 3\n".into(), (1, 1), ""),
        (String::new(), (0, 0), "no rules: expected at least one"),
    ];
    for (rules, (line, column), expected) in cases {
        let error = parse(rules).expect_err(rules);
        assert!(error.kind.to_string().contains(expected), "{rules}\n{error}\nexpected: {expected}");
        if *line > 0 {
            let (found_line, found_column, _) = fault(rules);
            assert_eq!(found_line, *line, "{rules}\n{error}");
            assert!(*column == 0 || found_column == *column, "{rules}\n{error}\nexpected column {column}");
        }
    }
}

#[test]
fn faults_inside_expressions_have_their_column() {
    // The position of the second '=' sign: column 6 is the quote, 7 the first letter.
    let (line, column, _) = fault(&rule("d{j-} == 1", "rain == 'yes'"));
    assert_eq!((line, column), (2, 12));
}

#[test]
fn parameters_are_checked() {
    let text = format!("{HEAD}\n{}", rule("sky == 'grey'", "rain == 'yes'"));
    let message = |given: &[(&str, i64)]| RuleBase::parse(&text, "t", given).unwrap_err().to_string();
    assert_eq!(message(&[("k", 0)]), "t:2:1: parameter k = 0: expected a whole number from 1 to 9");
    assert_eq!(message(&[("q", 0)]), "t:1:1: unknown parameter 'q': expected k, m");
    let required = "[parameters]\nn = { min = 2 }\n";
    let error = RuleBase::parse(required, "t", &[]).unwrap_err().to_string();
    assert_eq!(
        error,
        "t:2:1: parameter n has no value: expected n = <whole number> from the command line or the program"
    );
    let missing = RuleBase::read("no/such.toml", &[]).unwrap_err().to_string();
    assert!(missing.starts_with("no/such.toml: cannot be read"), "{missing}");
}

#[test]
fn faults_of_rule_bases_from_rust_are_explained() {
    let base = || RuleBase::builder().attribute(Attribute::new("a", Domain::integers(0..=2).unwrap()).unwrap());
    let message = |rule: Rule| base().rule(rule).build().unwrap_err().to_string();
    assert_eq!(
        message(Rule::equivalence("r").when(Condition::is("b", 1))),
        "unknown attribute 'b' in rule 'r': expected one of a"
    );
    assert_eq!(
        message(Rule::equivalence("r").when(Condition::is("a", 1))),
        "rule 'r' has no conclusion: expected one proposition after 'then'"
    );
    assert_eq!(
        message(Rule::equivalence("r").then(Condition::is("a", 1))),
        "rule 'r' has an empty premise: expected at least one proposition after 'if'"
    );
    assert_eq!(
        message(Rule::equivalence("r").when(Condition::is("a", 5))),
        "value 5 is outside the domain of a: expected one of 0..2"
    );
    let never = Condition::holds("a", "never", |_| false);
    assert!(message(Rule::equivalence("r").when(never)).contains("'never' holds for no value of a"));
    assert_eq!(base().build().unwrap_err().to_string(), "no rules: expected at least one");
}

#[test]
fn a_long_cascade_needs_no_deep_stack() {
    let two = Domain::integers(0..=1).unwrap();
    let mut builder = RuleBase::builder().attribute(Attribute::new("x0", two.clone()).unwrap());
    for i in (1..=20_000).rev() {
        let rule = Rule::equivalence(format!("r{i}"))
            .when(Condition::is(format!("x{}", i - 1), 1))
            .then(Condition::is(format!("x{i}"), 1));
        builder = builder.attribute(Attribute::new(format!("x{i}"), two.clone()).unwrap()).rule(rule);
    }
    let base = builder.build().unwrap();
    assert_eq!(base.conclusion(&base.rule_sets()[0]).name(), "x1");
    assert_eq!(base.conclusion(&base.rule_sets()[19_999]).name(), "x20000");
}
