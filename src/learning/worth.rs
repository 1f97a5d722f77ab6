use std::fmt;

use serde::{Deserialize, Serialize};

use super::Error;
use super::cascade::Cascade;
use crate::inference::{Cases, Engine};
use crate::program::{LANES, Wide};

/// What every rule is worth, by the examples. Prints as a table, of each attribute the best rules
/// first: those with the least r.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CalibrationReport {
    /// All rules, in cascade order.
    pub rules: Vec<RuleWorth>,
    /// Whether every calibrated s is 1: rules say nothing where their premises fail.
    pub one_way: bool,
    /// The attributes no case has a crisp target for: their rules keep the parameters they had.
    pub unlearned: Vec<String>,
    /// Wall-clock time of everything.
    pub seconds: f64,
}

/// What one rule is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RuleWorth {
    /// The attribute it concludes on.
    pub attribute: String,
    /// Its name.
    pub rule: String,
    /// How possible its conclusion is where its premise fails.
    pub s: f32,
    /// How possible the opposite of its conclusion is where its premise holds.
    pub r: f32,
    /// Examples with a crisp target to which it applied: its premise was more possible than the
    /// opposite, λ > ρ.
    pub applied: usize,
    /// The positions of those of them that broke it: the right value lies outside its conclusion.
    pub broken: Vec<usize>,
}

/// Counts how often each rule applied and was broken, with the parameters of an engine.
///
/// # Errors
/// [`inference::Error::OtherRules`](crate::inference::Error::OtherRules) for cases of another rule
/// base.
pub fn rules_worth(engine: &Engine, cases: &Cases) -> Result<CalibrationReport, Error> {
    cases.check_base(engine.base())?;
    let program = engine.program();
    let mut cascade = Cascade::new(program, cases);
    let mut report = CalibrationReport::default();
    for (stage, set) in program.base.rule_sets().iter().enumerate() {
        // For each example to which a rule applied: the rule, the example, whether it broke it.
        let applied = |number: usize, levels: &[Wide]| {
            let mut applied: Vec<(usize, usize, bool)> = Vec::new();
            for case in (number * LANES..cases.len()).take(LANES) {
                let Some(truth) = cases.crisp(set.attribute(), case) else { continue };
                let lane = case % LANES;
                for (rule, levels) in levels.chunks_exact(2).enumerate() {
                    if levels[0][lane] > levels[1][lane] {
                        applied.push((rule, case, !set.rules()[rule].conclusion().subset().contains(truth)));
                    }
                }
            }
            applied
        };
        let attribute = program.base.conclusion(set).name();
        let first = report.rules.len();
        let parameters = engine.floors().of(program, stage).chunks_exact(2);
        report.rules.extend(set.rules().iter().zip(parameters).map(|(rule, parameters)| RuleWorth {
            attribute: attribute.to_owned(),
            rule: rule.name().to_owned(),
            s: parameters[0],
            r: parameters[1],
            applied: 0,
            broken: Vec::new(),
        }));
        for (rule, case, broken) in cascade.premises(stage, applied).into_iter().flatten() {
            let worth = &mut report.rules[first + rule];
            worth.applied += 1;
            if broken {
                worth.broken.push(case);
            }
        }
        cascade.conclude(stage, engine.floors());
    }
    report.one_way = report.rules.iter().all(|rule| rule.s == 1.0);
    Ok(report)
}

impl fmt::Display for CalibrationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |title: &str, of: fn(&RuleWorth) -> &str| {
            self.rules.iter().map(|rule| of(rule).chars().count()).max().unwrap_or(0).max(title.len())
        };
        let (attribute, name) = (width("attribute", |rule| &rule.attribute), width("rule", |rule| &rule.rule));
        writeln!(
            f,
            "{:attribute$}  {:name$}  {:>6}  {:>6}  {:>8}  {:>8}",
            "attribute", "rule", "r", "s", "applied", "broken"
        )?;
        for rules in self.rules.chunk_by(|a, b| a.attribute == b.attribute) {
            let mut rules: Vec<&RuleWorth> = rules.iter().collect();
            rules.sort_by(|a, b| a.r.total_cmp(&b.r).then(b.applied.cmp(&a.applied)));
            for rule in rules {
                writeln!(
                    f,
                    "{:attribute$}  {:name$}  {:>6.3}  {:>6.3}  {:>8}  {:>8}",
                    rule.attribute,
                    rule.rule,
                    rule.r,
                    rule.s,
                    rule.applied,
                    rule.broken.len()
                )?;
            }
        }
        if self.one_way {
            writeln!(f, "s = 1: a rule says nothing where its premise fails")?;
        }
        if !self.unlearned.is_empty() {
            writeln!(f, "not learned, parameters as before: {}", self.unlearned.join(", "))?;
        }
        write!(f, "{:.3} s in all", self.seconds)
    }
}
