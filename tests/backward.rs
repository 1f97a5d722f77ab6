//! Backward inference against brute force over all assignments.

mod common;

use common::plain::degree;
use ndarray::Array2;
use pinesy::inference::{BatchInference, Cases, CasesBuilder, Engine, Error, Parameters, Target};
use pinesy::possibility::{Attribute, Domain};
use pinesy::rules::{Condition, Rule, RuleBase};
use pinesy::tasks::addition;
use proptest::prelude::*;

/// Attributes of a random world, of 1 to 3 values each.
const ATTRIBUTES: usize = 5;

#[derive(Debug, Clone)]
struct PlainRule {
    /// Attributes and members; the last is the conclusion.
    parts: Vec<(usize, Vec<bool>)>,
    s: f32,
    r: f32,
}

#[derive(Debug, Clone)]
struct World {
    sizes: Vec<usize>,
    rules: Vec<PlainRule>,
    /// By attribute; rules join the components of their attributes.
    component: Vec<usize>,
}

/// Of one case, by attribute: its possibilities, if it is an input, and what is observed.
type Known = Vec<(Vec<f32>, Option<Vec<f32>>)>;

/// What each rule of a factor asks of each attribute, as bits; s and r.
type Bits = (Vec<u8>, f32, f32);

/// In a tree, a factor that would close a cycle is left out.
fn world(tree: bool) -> impl Strategy<Value = World> {
    let rule = (prop::collection::vec(any::<u8>(), ATTRIBUTES), degree(), degree());
    let factor = (1..ATTRIBUTES, any::<u8>(), prop::collection::vec(rule, 1..4));
    let factors = prop::collection::vec(factor, 1..6);
    let sizes = prop::collection::vec(1..4usize, ATTRIBUTES);
    (sizes, factors, any::<bool>()).prop_map(move |(sizes, factors, certain)| {
        let mut world = World { sizes, rules: Vec::new(), component: (0..ATTRIBUTES).collect() };
        for (conclusion, mask, rules) in factors {
            world.add(conclusion, mask, &rules, tree, certain);
        }
        world
    })
}

fn rows() -> impl Strategy<Value = Vec<Known>> {
    let degrees = || prop::collection::vec(degree(), 3);
    let known = prop::collection::vec((degrees(), prop::option::weighted(0.4, degrees())), ATTRIBUTES);
    prop::collection::vec(known, 1..20)
}

impl World {
    fn add(&mut self, conclusion: usize, mask: u8, rules: &[Bits], tree: bool, certain: bool) {
        let mut attributes: Vec<usize> = (0..conclusion).filter(|t| mask >> t & 1 == 1).collect();
        if attributes.is_empty() {
            attributes.push(usize::from(mask) % conclusion);
        }
        attributes.push(conclusion);
        let mut components: Vec<usize> = attributes.iter().map(|&t| self.component[t]).collect();
        components.sort_unstable();
        components.dedup();
        if tree && components.len() < attributes.len() {
            return;
        }
        for component in &mut self.component {
            if components.contains(component) {
                *component = components[0];
            }
        }
        let members = |t: usize, bits: u8| -> Vec<bool> {
            let members: Vec<bool> = (0..self.sizes[t]).map(|u| bits >> u & 1 == 1).collect();
            if members.contains(&true) { members } else { vec![true; self.sizes[t]] }
        };
        for (bits, s, r) in rules {
            let parts = attributes.iter().map(|&t| (t, members(t, bits[t]))).collect();
            let [s, r] = if certain { [0.0; 2] } else { [*s, *r] };
            self.rules.push(PlainRule { parts, s, r });
        }
    }

    fn engine(&self) -> Engine {
        let mut builder = RuleBase::builder();
        for (t, &size) in self.sizes.iter().enumerate() {
            let domain = Domain::integers(0..=size as i64 - 1).unwrap();
            builder = builder.attribute(Attribute::new(name(t), domain).unwrap());
        }
        let mut parameters = Parameters::default();
        for (i, plain) in self.rules.iter().enumerate() {
            let condition = |(t, members): &(usize, Vec<bool>)| {
                Condition::one_of(name(*t), (0..members.len()).filter(|&u| members[u]).map(|u| u as i64))
            };
            let (conclusion, premise) = plain.parts.split_last().unwrap();
            let rule =
                premise.iter().fold(Rule::equivalence(format!("rule {i}")), |rule, part| rule.when(condition(part)));
            builder = builder.rule(rule.then(condition(conclusion)));
            let of_set = parameters.parameters.entry(name(conclusion.0)).or_default();
            of_set.s.push(plain.s);
            of_set.r.push(plain.r);
        }
        Engine::new(&builder.build().unwrap(), &parameters).unwrap()
    }

    /// The attributes that rules mention.
    fn used(&self) -> Vec<usize> {
        let mentioned = |t: &usize| self.rules.iter().any(|rule| rule.parts.iter().any(|(other, _)| other == t));
        (0..ATTRIBUTES).filter(mentioned).collect()
    }

    fn is_input(&self, t: usize) -> bool {
        self.used().contains(&t) && self.rules.iter().all(|rule| rule.parts.last().unwrap().0 != t)
    }

    fn cases(&self, engine: &Engine, rows: &[Known]) -> Cases {
        let given = |cases: CasesBuilder, t: usize| {
            let observed = rows.iter().map(|known| known[t].1.as_ref());
            let observed = observed.map(|degrees| Some(Target::Degrees(degrees?[..self.sizes[t]].to_vec())));
            let cases = cases.observed(&name(t), observed);
            if !self.is_input(t) {
                return cases;
            }
            let prior = Array2::from_shape_fn((rows.len(), self.sizes[t]), |(row, u)| rows[row][t].0[u]);
            cases.possibilities(&name(t), &prior)
        };
        self.used().into_iter().fold(engine.cases(), given).build().unwrap()
    }

    /// The highest joint possibility for each value of each attribute, and over all. Without the
    /// possibilities of a silent input, and then of its component alone.
    fn brute_force(&self, known: &Known, silent: Option<usize>) -> (Vec<Vec<f32>>, f32) {
        let counts = |t: usize| silent.is_none_or(|silent| self.component[silent] == self.component[t]);
        let mut degrees: Vec<Vec<f32>> = self.sizes.iter().map(|&size| vec![0.0; size]).collect();
        let used: Vec<(usize, bool)> = self.used().into_iter().map(|t| (t, self.is_input(t))).collect();
        let mut height = 0.0_f32;
        for number in 0..self.sizes.iter().product::<usize>() {
            let mut rest = number;
            let digit = |&size: &usize| {
                let digit = rest % size;
                rest /= size;
                digit
            };
            let values: Vec<usize> = self.sizes.iter().map(digit).collect();
            let mut joint = 1.0_f32;
            for &(t, is_input) in used.iter().filter(|(t, _)| counts(*t)) {
                if is_input && silent != Some(t) {
                    joint = joint.min(known[t].0[values[t]]);
                }
                joint = joint.min(known[t].1.as_ref().map_or(1.0, |degrees| degrees[values[t]]));
            }
            for rule in self.rules.iter().filter(|rule| counts(rule.parts[0].0)) {
                let holds = |(t, members): &(usize, Vec<bool>)| members[values[*t]];
                let (conclusion, premise) = rule.parts.split_last().unwrap();
                joint = joint.min(match (premise.iter().all(holds), holds(conclusion)) {
                    (true, false) => rule.r,
                    (false, true) => rule.s,
                    _ => 1.0,
                });
            }
            height = height.max(joint);
            for (degrees, value) in degrees.iter_mut().zip(values) {
                degrees[value] = degrees[value].max(joint);
            }
        }
        (degrees, height)
    }

    fn check(&self, rows: &[Known]) -> Result<(), TestCaseError> {
        let engine = self.engine();
        let cases = self.cases(&engine, rows);
        let backward = engine.backward();
        let names: Vec<String> = self.used().into_iter().map(name).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let inputs: Vec<&str> = engine.base().inputs().map(Attribute::name).collect();
        let (all, own) = (backward.abduce(&cases, &names).unwrap(), backward.own_excluded(&cases, &inputs).unwrap());
        let compare = |found: &BatchInference, row: usize, t: usize, expected: &[f32]| {
            let found = found.get(&name(t)).unwrap().row(row).to_vec();
            if backward.is_exact() {
                prop_assert_eq!(&found[..], expected, "case {}, attribute {}", row, t);
            }
            prop_assert!(found.iter().zip(expected).all(|(found, expected)| found >= expected));
            Ok(())
        };
        for (row, known) in rows.iter().enumerate() {
            let (expected, height) = self.brute_force(known, None);
            for t in self.used() {
                compare(all.degrees(), row, t, &expected[t])?;
                if self.is_input(t) {
                    compare(own.degrees(), row, t, &self.brute_force(known, Some(t)).0[t])?;
                }
            }
            prop_assert!(all.conflicts()[row] <= 1.0 - height);
            prop_assert!(!backward.is_exact() || all.conflicts()[row] == 1.0 - height);
        }
        prop_assert_eq!(all.conflicts(), own.conflicts());
        prop_assert!(!backward.is_exact() || all.rounds() == 1);
        // One by one, nothing is different.
        let alone = |row| backward.abduce(&cases.row(row), &names).unwrap();
        prop_assert_eq!((0..rows.len()).map(|row| alone(row).rounds()).max(), Some(all.rounds()));
        for (row, name) in (0..rows.len()).flat_map(|row| names.iter().map(move |name| (row, name))) {
            let alone = alone(row);
            let alone = alone.degrees().get(name).unwrap();
            let abduced = all.degrees().get(name).unwrap();
            prop_assert_eq!(alone.row(0), abduced.row(row));
        }
        Ok(())
    }
}

fn name(attribute: usize) -> String {
    format!("a{attribute}")
}

proptest! {
    #[test]
    fn trees_are_exact(world in world(true), rows in rows()) {
        prop_assert!(world.engine().backward().is_exact());
        world.check(&rows)?;
    }

    #[test]
    fn cycles_are_bounded_from_above(world in world(false), rows in rows()) {
        world.check(&rows)?;
    }
}

/// Addition of two numbers of k digits, by enumeration of them.
fn addition_by_enumeration(k: usize, digits: &[Vec<f32>], results: &[Option<Vec<f32>>]) -> Result<(), TestCaseError> {
    let engine = Engine::of(&addition::rules(k).unwrap());
    let names: Vec<String> = (1..=2 * k).map(|j| format!("a{j}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let cases = names.iter().zip(digits).fold(engine.cases(), |cases, (name, pi)| cases.possibilities(name, pi));
    let cases = results.iter().enumerate().fold(cases, |cases, (j, degrees)| {
        let len = if j == 0 { 2 } else { 10 };
        cases.observed(&format!("y{j}"), [degrees.as_ref().map(|degrees| Target::Degrees(degrees[..len].to_vec()))])
    });
    let cases = cases.build().unwrap();
    let mut expected = vec![[[0.0_f32; 10]; 2]; 2 * k];
    for number in 0..10_usize.pow(2 * k as u32) {
        let values: Vec<usize> = (0..2 * k).map(|j| number / 10_usize.pow(j as u32) % 10).collect();
        let mut carry = 0;
        let mut observed = 1.0_f32;
        let mut see = |j: usize, value: usize| {
            observed = observed.min(results[j].as_ref().map_or(1.0, |degrees| degrees[value]));
        };
        for j in (0..k).rev() {
            let sum = values[j] + values[k + j] + carry;
            see(j + 1, sum % 10);
            carry = sum / 10;
        }
        see(0, carry);
        for j in 0..2 * k {
            let others = (0..2 * k).filter(|&i| i != j).fold(observed, |low, i| low.min(digits[i][values[i]]));
            let [marginal, own_excluded] = &mut expected[j];
            own_excluded[values[j]] = own_excluded[values[j]].max(others);
            marginal[values[j]] = marginal[values[j]].max(others.min(digits[j][values[j]]));
        }
    }
    let backward = engine.backward();
    prop_assert!(backward.is_exact());
    let all = [backward.abduce(&cases, &names).unwrap(), backward.own_excluded(&cases, &names).unwrap()];
    for (j, name) in names.iter().enumerate() {
        for (found, expected) in all.iter().zip(&expected[j]) {
            prop_assert_eq!(found.degrees().get(name).unwrap().row(0).to_vec(), expected.to_vec());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn addition_is_exact(
        digits in prop::collection::vec(prop::collection::vec(degree(), 10), 4),
        results in prop::collection::vec(prop::option::weighted(0.7, prop::collection::vec(degree(), 10)), 3),
    ) {
        addition_by_enumeration(1, &digits[..2], &results[..2])?;
        addition_by_enumeration(2, &digits, &results)?;
    }
}

#[test]
fn long_sums_explain_their_digits() {
    let k = 100;
    let engine = Engine::of(&addition::rules(k).unwrap());
    // 777…7 + 555…5, all digits but the last of each number unsure.
    let digit =
        |j: usize| common::digit(if j < k { 7 } else { 5 }, 3, if (j + 1).is_multiple_of(k) { 0.1 } else { 0.8 });
    let cases = (0..2 * k).fold(engine.cases(), |cases, j| cases.possibilities(&format!("a{}", j + 1), &digit(j)));
    let result = |j: usize| {
        if j == 0 {
            1_i64
        } else if j == k {
            2
        } else {
            3
        }
    };
    let cases = (0..=k).fold(cases, |cases, j| cases.observed(&format!("y{j}"), [Some(Target::value(result(j)))]));
    let found = engine.backward().abduce(&cases.build().unwrap(), &["a1", "a200"]).unwrap();
    assert_eq!((found.is_exact(), found.rounds(), found.conflicts()), (true, 1, &[0.0][..]));
    assert_eq!(found.degrees().distribution("a1", 0).unwrap().decision().position(), Some(7));
    assert_eq!(found.degrees().distribution("a200", 0).unwrap().decision().position(), Some(5));
}

fn bits(names: &[String]) -> pinesy::rules::RuleBaseBuilder {
    let attribute = |name: &String| Attribute::new(name, Domain::integers(0..=1).unwrap()).unwrap();
    names.iter().fold(RuleBase::builder(), |builder, name| builder.attribute(attribute(name)))
}

#[test]
fn contradictions_lower_everything_but_what_others_say() {
    let names = ["a", "b", "c", "d"].map(str::to_owned);
    let rule =
        |p: &str, q: &str| Rule::equivalence(format!("{p} {q}")).when(Condition::is(p, 1)).then(Condition::is(q, 1));
    let base = bits(&names).rule(rule("a", "b")).rule(rule("c", "d")).build().unwrap();
    let engine = Engine::of(&base);
    let cases = engine.cases().possibilities("a", &[1.0, 0.25]).possibilities("c", &[1.0, 0.5]);
    let cases = cases.observed("b", [Some(Target::value(1))]).build().unwrap();
    let backward = engine.backward();
    let found = backward.abduce(&cases, &["a", "c", "d", "a"]).unwrap();
    assert_eq!(found.conflicts(), [0.75]);
    let degrees = |name| found.degrees().get(name).unwrap().row(0).to_vec();
    assert_eq!([degrees("a"), degrees("c"), degrees("d")], [[0.0, 0.25], [0.25, 0.25], [0.25, 0.25]]);
    let told = backward.own_excluded(&cases, &["a", "c"]).unwrap().into_degrees();
    assert_eq!(
        [told.get("a").unwrap().row(0).to_vec(), told.get("c").unwrap().row(0).to_vec()],
        [[0.0, 1.0], [1.0, 1.0]]
    );
    let error = backward.abduce(&cases, &["e"]).unwrap_err();
    assert_eq!(error.to_string(), "'e' is neither an input nor a derived attribute: expected one of a, c, b, d");
    assert!(matches!(backward.own_excluded(&cases, &["b"]).unwrap_err(), Error::UnknownInput { .. }));
    let other = Engine::of(&addition::rules(1).unwrap()).backward();
    assert!(matches!(other.abduce(&cases, &[]).unwrap_err(), Error::OtherRules));
    // Nothing asked for, no case.
    assert_eq!(backward.abduce(&cases, &[]).unwrap().conflicts(), [0.75]);
    assert_eq!(backward.abduce(&cases.slice(0..0), &["a"]).unwrap().rounds(), 0);
}

#[test]
fn a_premise_on_many_attributes_is_not_enumerated() {
    // Of a valid grid one cell is unknown.
    let grid = [[1, 2, 3, 4], [3, 4, 1, 2], [2, 1, 4, 3], [4, 3, 2, 1]].concat();
    let engine = Engine::of(&RuleBase::read("rulesets/sudoku.toml", &[]).unwrap());
    let cell = |value: usize| (1..=4).map(|v| if v == value { 1.0 } else { 0.0 }).collect::<Vec<f32>>();
    let cases = grid[1..].iter().enumerate().fold(engine.cases().unknown("x0"), |cases, (p, &value)| {
        cases.possibilities(&format!("x{}", p + 1), &cell(value))
    });
    let cases = cases.observed("valid", [Some(Target::value("yes"))]).build().unwrap();
    let backward = engine.backward();
    assert!(!backward.is_exact());
    let found = backward.abduce(&cases, &["x0"]).unwrap();
    assert!(found.rounds() > 1 && found.conflicts() == [0.0]);
    assert_eq!(found.degrees().get("x0").unwrap().row(0).to_vec(), cell(1));
}

#[test]
fn rules_too_many_for_one_factor_are_split() {
    // Rule i asks nothing but of attribute i: 2²⁴ signatures.
    let names: Vec<String> = (0..24).map(|t| format!("a{t}")).chain(["b".to_owned()]).collect();
    let rule = |i: usize| {
        let asked = |t: usize| Condition::one_of(&names[t], if t == i { vec![1] } else { vec![0, 1] });
        (0..24).fold(Rule::equivalence(format!("rule {i}")), |rule, t| rule.when(asked(t))).then(Condition::is("b", 1))
    };
    let base = (0..24).map(rule).fold(bits(&names), |builder, rule| builder.rule(rule)).build().unwrap();
    let engine = Engine::of(&base);
    let cases = names[1..24].iter().fold(engine.cases(), |cases, name| cases.unknown(name));
    let cases = cases.possibilities("a0", &[1.0, 0.5]).observed("b", [Some(Target::value(1))]).build().unwrap();
    let found = engine.backward().abduce(&cases, &["a0", "a23"]).unwrap();
    assert!(!found.is_exact());
    assert_eq!(found.conflicts(), [0.5]);
    let degrees = |name| found.degrees().get(name).unwrap().row(0).to_vec();
    assert_eq!([degrees("a0"), degrees("a23")], [[0.0, 0.5], [0.0, 0.5]]);
}
