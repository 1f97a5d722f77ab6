//! What is doubtful in a rule base: found before any example is.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::Explainer;
use crate::inference::{Cases, Engine, Input};
use crate::possibility::{Attribute, Value};
use crate::program::{Level, Side};
use crate::rules::{Place, Proposition, RuleSet, SetRule, Source, list_names};

/// Something doubtful in a rule base, and where it stands.
///
/// Prints what is wrong and what to do about it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Warning {
    /// Where; none for rules written in Rust.
    pub place: Option<Place>,
    /// What.
    pub kind: WarningKind,
}

/// What can be doubtful in a rule base.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WarningKind {
    /// A section of the file whose `where` keeps nothing.
    EmptySection,
    /// An attribute that no rule mentions.
    Unused {
        /// The attribute.
        attribute: String,
    },
    /// A number between whose terms something is left unsaid.
    Gap {
        /// The number.
        attribute: String,
        /// Where it is worst.
        at: f32,
        /// The degree of the most possible term there.
        height: f32,
    },
    /// A condition that every value meets.
    AlwaysTrue {
        /// The rule.
        rule: String,
        /// The condition.
        condition: String,
    },
    /// A conclusion that excludes nothing.
    SaysNothing {
        /// The rule.
        rule: String,
        /// The conclusion.
        conclusion: String,
    },
    /// A rule whose parameters leave everything open.
    Open {
        /// The rule.
        rule: String,
    },
    /// Two rules that say the same.
    Duplicate {
        /// The rule.
        rule: String,
        /// The one before it.
        other: String,
    },
    /// A rule whose premise nothing can meet.
    Dead {
        /// The rule.
        rule: String,
        /// Whether it excludes its conclusion all the same.
        equivalence: bool,
    },
    /// Values that no rule concludes on, for or against.
    NeverConcluded {
        /// The attribute.
        attribute: String,
        /// Its values.
        values: Vec<Value>,
    },
    /// Contradictions that are not told for their number.
    More {
        /// The attribute concluded on.
        attribute: String,
    },
    /// Rules that leave no value fully possible.
    Contradiction {
        /// The attribute concluded on.
        attribute: String,
        /// The rules.
        rules: Vec<String>,
        /// Inputs for which they do; all others may be anything.
        witness: Vec<(String, Value)>,
        /// The highest degree of a value then.
        height: f32,
        /// Whether one of them takes part because its premise is false.
        by_equivalence: bool,
    },
}

/// The most contradictions told of one rule set.
const CONTRADICTIONS: usize = 5;
/// The most rules of a set whose pairs are compared.
const PAIRED_RULES: usize = 2_000;
/// The most crisp inputs tried out for one rule set.
const TRIED_INPUTS: usize = 4_096;
/// The most degrees of inputs, and rule sets behind those tried, in all: large rule bases are checked
/// in seconds.
const TRIED_DEGREES: usize = 1 << 27;
/// The most of them that are looked at for the rules that contradict each other.
const TRIED_CONTRADICTIONS: usize = 256;

/// Looks for what is doubtful in the rules of an engine.
///
/// ```
/// use pinesy::explain::lint;
/// use pinesy::inference::Engine;
/// use pinesy::rules::RuleBase;
///
/// let engine = Engine::of(&RuleBase::read("rulesets/mnist_addition.toml", &[("k", 2)])?);
/// assert_eq!(lint(&engine), []);
/// # Ok::<(), pinesy::rules::Error>(())
/// ```
pub fn lint(engine: &Engine) -> Vec<Warning> {
    let base = engine.base();
    let mut found: Vec<Warning> = Vec::new();
    let mut warn = |place, kind| found.push(Warning { place, kind });
    for &place in base.empty_sections() {
        warn(Some(place), WarningKind::EmptySection);
    }
    for (i, attribute) in base.attributes().iter().enumerate() {
        let place = base.attribute_place(i);
        if base.source(i) == Source::Unused {
            warn(place, WarningKind::Unused { attribute: attribute.name().to_owned() });
        }
        let weakest = attribute.terms().map(|terms| terms.weakest_point());
        if let Some((at, height)) = weakest.filter(|(_, height)| *height < 1.0) {
            warn(place, WarningKind::Gap { attribute: attribute.name().to_owned(), at, height });
        }
    }
    let unknown = base.inputs().fold(engine.cases().count(1), |cases, input| cases.unknown(input.name()));
    let unknown = unknown.build().expect("inputs by their names");
    let nothing_known = Explainer::new(engine, &unknown).expect("one case of this engine");
    for (stage, set) in base.rule_sets().iter().enumerate() {
        let set_warnings = Set { engine, stage, set, attribute: base.conclusion(set) };
        for (rule, kind) in set_warnings.of_rules(&nothing_known) {
            warn(base.place(stage, rule), kind);
        }
        if let Some(kind) = set_warnings.never_concluded(&nothing_known) {
            warn(base.attribute_place(set.attribute()), kind);
        }
        for (rule, kind) in set_warnings.contradictions() {
            warn(base.place(stage, rule), kind);
        }
    }
    found.sort_by_key(|warning| warning.place);
    found
}

/// One rule set under examination.
struct Set<'e> {
    engine: &'e Engine,
    stage: usize,
    set: &'e RuleSet,
    attribute: &'e Attribute,
}

fn is_whole(proposition: &Proposition) -> bool {
    proposition.subset().as_slice().iter().all(|&member| member)
}

/// The values of an attribute that meet a condition.
type Members<'a> = (usize, &'a [bool]);

/// Some rule takes part because its premise is true, or because it is false.
#[derive(Clone, Copy, PartialEq)]
enum Premise {
    True,
    False,
}

impl<'e> Set<'e> {
    fn of_rules(&self, nothing_known: &Explainer<'_>) -> Vec<(usize, WarningKind)> {
        let mut found = Vec::new();
        let mut known: HashMap<(Vec<Members<'_>>, &[bool]), &str> = HashMap::new();
        for (i, rule) in self.set.rules().iter().enumerate() {
            let name = || rule.name().to_owned();
            for condition in rule.premise().iter().filter(|proposition| is_whole(proposition)) {
                found.push((i, WarningKind::AlwaysTrue { rule: name(), condition: condition.text().to_owned() }));
            }
            if is_whole(rule.conclusion()) {
                let conclusion = rule.conclusion().text().to_owned();
                found.push((i, WarningKind::SaysNothing { rule: name(), conclusion }));
            }
            if rule.s() == 1.0 && rule.r() == 1.0 {
                found.push((i, WarningKind::Open { rule: name() }));
            }
            let mut premise: Vec<Members<'_>> =
                rule.premise().iter().map(|p| (p.attribute(), p.subset().as_slice())).collect();
            premise.sort_unstable();
            premise.dedup();
            let conclusion = rule.conclusion().subset().as_slice();
            if let Some(other) = known.insert((premise, conclusion), rule.name()) {
                found.push((i, WarningKind::Duplicate { rule: name(), other: other.to_owned() }));
            }
            let possible = nothing_known.premise(self.stage, Level { rule: i, side: Side::Inside }) > 0.0;
            // Terms of a number may overlap.
            let terms = |attribute: usize| self.engine.base().attributes()[attribute].terms().is_some();
            let apart = rule.premise().iter().any(|a| {
                let meets = |b: &Proposition| a.subset().positions().any(|i| b.subset().contains(i));
                !terms(a.attribute()) && rule.premise().iter().any(|b| b.attribute() == a.attribute() && !meets(b))
            });
            let apart = apart || rule.premise().iter().all(|c| !terms(c.attribute())) && required(&[rule]).is_none();
            if !possible || apart {
                found.push((i, WarningKind::Dead { rule: name(), equivalence: rule.s() < 1.0 }));
            }
        }
        found
    }

    fn never_concluded(&self, nothing_known: &Explainer<'_>) -> Option<WarningKind> {
        let degrees = nothing_known.distribution(self.set.attribute());
        let values = self.attribute.domain().values();
        let concluded = |position: usize| {
            self.set.rules().iter().any(|rule| {
                let inside = rule.conclusion().subset().contains(position);
                (inside && !is_whole(rule.conclusion()) && rule.r() < 1.0) || (!inside && rule.s() < 1.0)
            })
        };
        let never = (0..values.len()).filter(|&i| degrees[i] == 0.0 || !concluded(i));
        let values: Vec<Value> = never.map(|i| values[i].clone()).collect();
        let attribute = || self.attribute.name().to_owned();
        (!values.is_empty()).then(|| WarningKind::NeverConcluded { attribute: attribute(), values })
    }

    fn contradictions(&self) -> Vec<(usize, WarningKind)> {
        let base = self.engine.base();
        let reads_inputs = self.set.reads().into_iter().all(|read| matches!(base.source(read), Source::Input(_)));
        let mut found = if reads_inputs { self.between_pairs() } else { Vec::new() };
        for (rule, kind) in self.tried_out() {
            let told = |rules: &[String]| {
                found.iter().any(|(_, known)| match known {
                    WarningKind::Contradiction { rules: known, .. } => known.iter().all(|rule| rules.contains(rule)),
                    _ => false,
                })
            };
            let WarningKind::Contradiction { rules, .. } = &kind else { continue };
            if found.len() < CONTRADICTIONS && !told(rules) {
                found.push((rule, kind));
            }
        }
        if found.len() == CONTRADICTIONS {
            let last = found[CONTRADICTIONS - 1].0;
            found.push((last, WarningKind::More { attribute: self.attribute.name().to_owned() }));
        }
        found
    }

    /// Pairs of rules whose conclusions leave no value, with premises that can come about together.
    fn between_pairs(&self) -> Vec<(usize, WarningKind)> {
        let rules = self.set.rules();
        let mut found = Vec::new();
        if rules.len() > PAIRED_RULES {
            return found;
        }
        for (j, second) in rules.iter().enumerate() {
            for first in &rules[..j] {
                let states = [Premise::True, Premise::False];
                let pairs = states.into_iter().flat_map(|a| states.map(|b| (a, b)));
                let witness = pairs.into_iter().find_map(|(a, b)| {
                    let witness = opposed(first, a, second, b).then(|| self.witness(first, a, second, b))??;
                    self.confirm(&witness, [first, second], a == Premise::False || b == Premise::False)
                });
                if let Some(kind) = witness {
                    found.push((j, kind));
                    if found.len() == CONTRADICTIONS {
                        return found;
                    }
                }
            }
        }
        found
    }

    /// Values of attributes that bring the two premises about.
    fn witness(&self, first: &SetRule, a: Premise, second: &SetRule, b: Premise) -> Option<Vec<(usize, usize)>> {
        let held: Vec<&SetRule> =
            [(first, a), (second, b)].into_iter().filter(|(_, s)| *s == Premise::True).map(|(rule, _)| rule).collect();
        let failing: Vec<&SetRule> =
            [(first, a), (second, b)].into_iter().filter(|(_, s)| *s == Premise::False).map(|(rule, _)| rule).collect();
        let allowed = failed(required(&held)?, &failing)?;
        let first_of = |(attribute, members): (usize, Vec<bool>)| {
            (attribute, members.iter().position(|&member| member).expect("some value is left"))
        };
        let mut witness: Vec<(usize, usize)> = allowed.into_iter().map(first_of).collect();
        witness.sort_unstable();
        Some(witness)
    }

    /// The contradiction, if inference finds it as well.
    fn confirm(&self, witness: &[(usize, usize)], rules: [&SetRule; 2], by_equivalence: bool) -> Option<WarningKind> {
        let base = self.engine.base();
        let value = |&(attribute, position): &(usize, usize)| {
            let attribute = &base.attributes()[attribute];
            (attribute.name().to_owned(), attribute.domain().values()[position].clone())
        };
        let witness: Vec<(String, Value)> = witness.iter().map(value).collect();
        let given = |name: &str| match witness.iter().find(|(known, _)| known == name) {
            Some((_, value)) => Input::Value(value.clone()),
            None => Input::Unknown,
        };
        let cases = base.inputs().fold(self.engine.cases(), |cases, a| cases.inputs(a.name(), [given(a.name())]));
        let case = cases.build().expect("values of the domains");
        let height = self.engine.infer(&case).expect("one case of this engine").get(self.attribute.name())?.height();
        (height < 1.0).then(|| WarningKind::Contradiction {
            attribute: self.attribute.name().to_owned(),
            rules: rules.map(|rule| rule.name().to_owned()).to_vec(),
            witness,
            height,
            by_equivalence,
        })
    }

    /// Contradictions met on crisp inputs: on all of them if these are few, otherwise on some drawn
    /// at random.
    fn tried_out(&self) -> Vec<(usize, WarningKind)> {
        let base = self.engine.base();
        // As much as it takes to find out what is behind each rule set.
        if TRIED_DEGREES / base.rule_sets().len() < base.rule_sets().len() {
            return Vec::new();
        }
        let cases = self.crisp_cases();
        if cases.is_empty() {
            return Vec::new();
        }
        let mut read: Vec<&str> = self.set.reads().into_iter().map(|read| base.attributes()[read].name()).collect();
        read.retain(|name| self.engine.stage(name).is_ok());
        let name = self.attribute.name();
        let names: Vec<&str> = read.iter().copied().chain([name]).collect();
        let inferred = self.engine.infer_batch(&cases, &names).expect("derived attributes of this engine");
        let heights = |name: &str| -> Vec<f32> {
            let degrees = inferred.get(name).expect("asked for");
            degrees.outer_iter().map(|row| row.fold(0.0, |height: f32, &degree| height.max(degree))).collect()
        };
        let own = heights(name);
        let others: Vec<Vec<f32>> = read.iter().map(|name| heights(name)).collect();
        let mut found: Vec<(usize, WarningKind)> = Vec::new();
        let mut known: Vec<Vec<String>> = Vec::new();
        // What the rules read must be in order: else the contradiction is of other rules.
        let in_order = |case: &usize| own[*case] < 1.0 && others.iter().all(|heights| heights[*case] == 1.0);
        for case in (0..cases.len()).filter(in_order).take(TRIED_CONTRADICTIONS) {
            let explainer = Explainer::new(self.engine, &cases.row(case)).expect("one case of this engine");
            let why = explainer.contradiction(name).expect("a derived attribute").expect("a height below 1");
            let rules: Vec<String> = why.rules.iter().map(|rule| rule.rule.clone()).collect();
            if known.contains(&rules) || found.len() == CONTRADICTIONS {
                continue;
            }
            known.push(rules.clone());
            let last = self.set.rules().iter().rposition(|rule| rules.iter().any(|name| name == rule.name()));
            let value = |input: &Attribute| {
                let position = base.position(input.name()).expect("an input");
                Some((input.name().to_owned(), explainer.crisp(position)?.clone()))
            };
            let kind = WarningKind::Contradiction {
                attribute: name.to_owned(),
                by_equivalence: why.rules.iter().any(|rule| rule.side == Some(super::Allowed::Opposite)),
                witness: base.inputs().filter_map(value).collect(),
                height: why.height,
                rules,
            };
            found.push((last.expect("rules of this set"), kind));
        }
        found
    }

    /// Cases in which all inputs behind the rule set have a value, and the others are unknown.
    fn crisp_cases(&self) -> Cases {
        let (engine, base) = (self.engine, self.engine.base());
        let cone = engine.program().cone(&[self.stage]);
        let sets = base.rule_sets().iter().enumerate().filter(|(stage, _)| cone[*stage]).map(|(_, set)| set);
        let mut behind = vec![false; base.attributes().len()];
        sets.flat_map(|set| set.reads()).for_each(|read| behind[read] = true);
        let inputs: Vec<&Attribute> =
            base.inputs().filter(|input| behind[base.position(input.name()).expect("an input")]).collect();
        let behind_it = cone.iter().filter(|&&stage| stage).count();
        let most = TRIED_INPUTS.min(TRIED_DEGREES / (base.rule_sets().len() * (base.input_width() + behind_it)));
        let all = inputs
            .iter()
            .try_fold(1usize, |count, input| count.checked_mul(input.domain().len()).filter(|&count| count <= most));
        let count = all.unwrap_or(most);
        let mut random = ChaCha8Rng::seed_from_u64(0);
        let mut stride: usize = 1;
        base.inputs()
            .fold(engine.cases().count(count), |cases, attribute| {
                if !inputs.contains(&attribute) {
                    return cases.unknown(attribute.name());
                }
                let values = attribute.domain().values();
                let before = stride;
                stride = stride.saturating_mul(values.len());
                let mut position = |case: usize| match all {
                    Some(_) => case / before % values.len(),
                    None => random.next_u32() as usize % values.len(),
                };
                let known: Vec<Input> = (0..count).map(|case| Input::Value(values[position(case)].clone())).collect();
                cases.inputs(attribute.name(), known)
            })
            .build()
            .expect("values of the domains")
    }
}

/// For each attribute that rules read, the values for which all their conditions hold; none if
/// there are no such values.
fn required(rules: &[&SetRule]) -> Option<HashMap<usize, Vec<bool>>> {
    let mut allowed: HashMap<usize, Vec<bool>> = HashMap::new();
    for condition in rules.iter().flat_map(|rule| rule.premise()) {
        let members = condition.subset().as_slice();
        let known = allowed.entry(condition.attribute()).or_insert_with(|| vec![true; members.len()]);
        known.iter_mut().zip(members).for_each(|(known, &member)| *known &= member);
        if !known.contains(&true) {
            return None;
        }
    }
    Some(allowed)
}

/// Of the values allowed, those for which some condition of each rule fails; none if there are none.
fn failed(allowed: HashMap<usize, Vec<bool>>, rules: &[&SetRule]) -> Option<HashMap<usize, Vec<bool>>> {
    let Some((rule, others)) = rules.split_first() else { return Some(allowed) };
    rule.premise().iter().find_map(|condition| {
        let members = condition.subset().as_slice();
        let before = allowed.get(&condition.attribute());
        let rest: Vec<bool> =
            members.iter().enumerate().map(|(i, &member)| !member && before.is_none_or(|before| before[i])).collect();
        if !rest.contains(&true) {
            return None;
        }
        let mut allowed = allowed.clone();
        allowed.insert(condition.attribute(), rest);
        failed(allowed, others)
    })
}

/// Whether the two rules leave no value in these states, as far as their parameters bind them.
fn opposed(first: &SetRule, a: Premise, second: &SetRule, b: Premise) -> bool {
    let binds = |rule: &SetRule, state: Premise| if state == Premise::True { rule.r() < 1.0 } else { rule.s() < 1.0 };
    let allows =
        |rule: &SetRule, state: Premise, i: usize| rule.conclusion().subset().contains(i) == (state == Premise::True);
    let len = first.conclusion().subset().as_slice().len();
    binds(first, a) && binds(second, b) && !(0..len).any(|i| allows(first, a, i) && allows(second, b, i))
}

impl Display for Warning {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl Display for WarningKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let quoted =
            |rules: &[String]| rules.iter().map(|rule| format!("\"{rule}\"")).collect::<Vec<_>>().join(" and ");
        match self {
            Self::EmptySection => {
                write!(f, "`where` keeps nothing of this section: mend it, or leave the section out")
            }
            Self::Unused { attribute } => write!(f, "{attribute}: no rule mentions it; leave it out, or use it"),
            Self::Gap { attribute, at, height } => write!(
                f,
                "{attribute}: at {at} no term is possible to more than {height}, which is conflict from the start; \
                 let neighbouring terms overlap so that one of them is 1 everywhere"
            ),
            Self::AlwaysTrue { rule, condition } => {
                write!(f, "rule \"{rule}\": every value meets {condition}; leave the condition out, or mend it")
            }
            Self::SaysNothing { rule, conclusion } => {
                write!(
                    f,
                    "rule \"{rule}\": {conclusion} excludes no value, so it says nothing; conclude on fewer values"
                )
            }
            Self::Open { rule } => {
                write!(f, "rule \"{rule}\" has s = 1 and r = 1, so it says nothing; lower one of them, or leave it out")
            }
            Self::Duplicate { rule, other } => write!(f, "rule \"{rule}\" says the same as \"{other}\": leave one out"),
            Self::Dead { rule, equivalence: false } => {
                write!(
                    f,
                    "rule \"{rule}\" can never fire: nothing meets all its conditions; mend them, or leave it out"
                )
            }
            Self::Dead { rule, equivalence: true } => write!(
                f,
                "rule \"{rule}\" can never fire: nothing meets all its conditions, so that with s < 1 it always \
                 excludes its conclusion; mend them"
            ),
            Self::NeverConcluded { attribute, values } => {
                let values: Vec<String> = values.iter().map(Value::to_string).collect();
                let values = list_names(values.iter().map(String::as_str));
                write!(
                    f,
                    "{attribute}: no rule ever concludes {values}; add a rule for it, or leave it out of the domain"
                )
            }
            Self::More { attribute } => {
                write!(
                    f,
                    "there may be more contradictions on {attribute}: mend these {CONTRADICTIONS} and check again"
                )
            }
            Self::Contradiction { attribute, rules, witness, height, by_equivalence } => {
                let inputs: Vec<String> = witness.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                write!(f, "rules {} contradict each other: with {} ", quoted(rules), inputs.join(", "))?;
                match *height {
                    0.0 => write!(f, "no value of {attribute} is possible; ")?,
                    height => write!(f, "no value of {attribute} is possible to more than {height}; ")?,
                }
                if *by_equivalence {
                    write!(
                        f,
                        "a rule with s < 1 excludes its conclusion where its premise is false: write `if` for `iff`, or raise s"
                    )
                } else {
                    write!(f, "let their conditions exclude each other, or allow for exceptions by r")
                }
            }
        }
    }
}
