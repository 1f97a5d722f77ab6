//! Calibrated parameters: of every rule, the least s and r for which it holds of the examples.

use std::time::Instant;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, VariantArray, VariantNames};

use super::cascade::Cascade;
use super::worth::{CalibrationReport, rules_worth};
use super::{Error, LearningConfig, score};
use crate::inference::{Cases, Engine, Parameters, RuleSetParameters};
use crate::program::{LANES, Wide};
use crate::rules::{Fingerprint, RuleSet};

/// Whether rules speak only where their premises hold: s = 1.
///
/// As text: `auto`, `yes`, `no`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, EnumString, Display, VariantNames, VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum OneWay {
    /// Whichever decides more validation examples rightly; if both do alike, they do.
    #[default]
    Auto,
    /// They do: every s is 1.
    Yes,
    /// They do not: every s is calibrated as r is.
    No,
}

/// How parameters are calibrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CalibratedConfig {
    /// Whether every s is 1. Default: chosen on validation examples.
    pub one_way: OneWay,
    /// Keep what the rules say, as [`LearningConfig::keep_fixed`]. Default: no.
    #[serde(default)]
    pub keep_fixed: bool,
}

impl CalibratedConfig {
    /// Sets whether every s is 1.
    pub fn with_one_way(mut self, one_way: OneWay) -> Self {
        self.one_way = one_way;
        self
    }

    /// Sets whether the s and r that the rules state are kept.
    pub fn with_keep_fixed(mut self, keep: bool) -> Self {
        self.keep_fixed = keep;
        self
    }
}

/// Without validation examples, every fourth example is held out for the choice of s.
const HELD_OUT: usize = 4;

/// Finds what each rule is worth, from examples that say which value is right.
///
/// r is the least t such that for all t' > t, of the examples n with ρ_n < t' (the premise holds
/// but to that degree) no greater share than t' has its value outside the conclusion; one example
/// that broke the rule and one that did not are added to each share. s is found likewise from λ_n
/// and values inside the conclusion, or is 1. For premises that hold or fail, r is the rule's error
/// rate, where [`learn`](super::learn), made for graded targets, asks how far the worst example is.
///
/// Rule sets are calibrated in cascade order, each from the examples with a crisp target for it and
/// from what those before it, once calibrated, infer; rule sets without any keep the engine's
/// parameters. With [`OneWay::Auto`] the choice falls by [`score`] on `validation`, or without it
/// on every fourth example, held out for the choice alone.
///
/// ```
/// use ndarray::Array2;
/// use pinesy::inference::{Engine, Target};
/// use pinesy::learning::{CalibratedConfig, OneWay, calibrated};
/// use pinesy::possibility::{Attribute, Domain};
/// use pinesy::rules::{Condition, Rule, RuleBase};
///
/// let base = RuleBase::builder()
///     .attribute(Attribute::new("sky", Domain::symbols(["clear", "grey"])?)?)
///     .attribute(Attribute::new("rain", Domain::symbols(["no", "yes"])?)?)
///     .rule(Rule::implication("grey").when(Condition::is("sky", "grey")).then(Condition::is("rain", "yes")))
///     .build()?;
/// // Of eight grey skies one stayed dry.
/// let engine = Engine::of(&base);
/// let skies = Array2::from_shape_fn((8, 2), |(_, sky)| sky as f32);
/// let rain = (0..8).map(|day| Some(Target::value(if day == 5 { "no" } else { "yes" })));
/// let cases = engine.cases().possibilities("sky", &skies).targets("rain", rain).build()?;
/// let config = CalibratedConfig::default().with_one_way(OneWay::Yes);
/// let (parameters, report) = calibrated(&engine, &cases, None, &config)?;
/// assert_eq!(parameters.parameters["rain"].r, [0.2]); // (1 + 1) of (2 + 8)
/// assert_eq!((report.rules[0].applied, &report.rules[0].broken[..]), (8, &[5][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::NoTarget`] if there is no crisp target at all, or none of `validation` for a final
/// attribute; [`inference::Error::OtherRules`](crate::inference::Error::OtherRules) for cases of
/// another rule base.
pub fn calibrated(
    engine: &Engine,
    cases: &Cases,
    validation: Option<&Cases>,
    config: &CalibratedConfig,
) -> Result<(Parameters, CalibrationReport), Error> {
    cases.check_base(engine.base())?;
    let start = Instant::now();
    let one_way = match config.one_way {
        OneWay::Yes => true,
        OneWay::No => false,
        OneWay::Auto => match validation {
            Some(validation) => is_better_one_way(engine, cases, validation, config)?,
            None => {
                let (held_out, others): (Vec<usize>, Vec<usize>) =
                    (0..cases.len()).partition(|case| case % HELD_OUT == HELD_OUT - 1);
                match is_better_one_way(engine, &cases.select(&others), &cases.select(&held_out), config) {
                    // Nothing tells the two apart.
                    Err(Error::NoTarget(_)) => true,
                    found => found?,
                }
            }
        },
    };
    let (parameters, unlearned) = calibrate_all(engine, cases, one_way, config)?;
    let rules = rules_worth(&engine.with_parameters(&parameters)?, cases)?.rules;
    Ok((parameters, CalibrationReport { rules, one_way, unlearned, seconds: start.elapsed().as_secs_f64() }))
}

/// Whether s = 1 decides at least as many examples rightly.
fn is_better_one_way(
    engine: &Engine,
    train: &Cases,
    validation: &Cases,
    config: &CalibratedConfig,
) -> Result<bool, Error> {
    let accuracy = |one_way| {
        let (parameters, _) = calibrate_all(engine, train, one_way, config)?;
        score(&engine.with_parameters(&parameters)?, validation)
    };
    Ok(accuracy(true)? >= accuracy(false)?)
}

/// The parameters, and the attributes without any example.
fn calibrate_all(
    engine: &Engine,
    cases: &Cases,
    one_way: bool,
    config: &CalibratedConfig,
) -> Result<(Parameters, Vec<String>), Error> {
    let program = engine.program();
    let mut floors = engine.floors().clone();
    let mut parameters = engine.parameters();
    let mut unlearned = Vec::new();
    let mut cascade = Cascade::new(program, cases);
    for (stage, set) in program.base.rule_sets().iter().enumerate() {
        let gathered = CalibratedRuleSet::of(&mut cascade, cases, stage, set);
        if gathered.examples == 0 {
            unlearned.push(gathered.attribute);
        } else {
            let found = gathered.parameters(set, one_way, config.keep_fixed);
            floors.set(program, stage, &found.s, &found.r);
            parameters.parameters.insert(gathered.attribute, found.named(&program.base, stage));
        }
        cascade.conclude(stage, &floors);
    }
    if unlearned.len() == program.base.rule_sets().len() {
        return Err(Error::NoTarget(unlearned.join(", ")));
    }
    Ok((parameters, unlearned))
}

/// What some rule sets have gathered from some of the cases: the mergeable state of calibration.
///
/// As with [`PartialRuleSets`](super::PartialRuleSets), rule sets that do not depend on each other,
/// such as all of one depth of the cascade, are gathered together, from shards of the cases in any
/// order; one round is enough. [`Self::parameters`] are those of [`calibrated`], bit for bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibratedRuleSets {
    engine: Fingerprint,
    sets: Vec<CalibratedRuleSet>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct CalibratedRuleSet {
    attribute: String,
    /// Cases with a crisp target.
    examples: u64,
    /// Of s_1, r_1, s_2, ….
    columns: Vec<Column>,
}

impl CalibratedRuleSets {
    /// Gathers one shard for the rules on some attributes. The engine's parameters are those
    /// calibrated for the rule sets before them.
    ///
    /// # Errors
    /// [`inference::Error`](crate::inference::Error) for a name that no rule concludes on, or cases
    /// of another rule base.
    pub fn gather(engine: &Engine, attributes: &[&str], shard: &Cases) -> Result<Self, Error> {
        shard.check_base(engine.base())?;
        let program = engine.program();
        let stages = attributes.iter().map(|name| engine.stage(name)).collect::<Result<Vec<_>, _>>()?;
        let cone = program.cone(&stages);
        let mut cascade = Cascade::new(program, shard);
        let mut found = vec![None; cone.len()];
        for stage in (0..cone.len()).filter(|&stage| cone[stage]) {
            if stages.contains(&stage) {
                let set = &program.base.rule_sets()[stage];
                found[stage] = Some(CalibratedRuleSet::of(&mut cascade, shard, stage, set));
            }
            cascade.conclude(stage, engine.floors());
        }
        let sets = stages.iter().map(|&stage| found[stage].clone().expect("gathered")).collect();
        Ok(Self { engine: engine.fingerprint(), sets })
    }

    /// Takes in all that `other` has gathered.
    ///
    /// # Errors
    /// [`Error::OtherState`] if the two are of different rules, parameters or rule sets; nothing is
    /// taken in then.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        let columns = |state: &Self| state.sets.iter().map(|set| set.columns.len()).collect::<Vec<_>>();
        if (self.describe(), columns(self)) != (other.describe(), columns(other)) {
            return Err(Error::OtherState { found: other.describe(), expected: self.describe() });
        }
        for (into, from) in self.sets.iter_mut().zip(&other.sets) {
            into.examples = into.examples.saturating_add(from.examples);
            into.columns.iter_mut().zip(&from.columns).for_each(|(into, from)| into.merge(from));
        }
        Ok(())
    }

    /// The attributes concluded on.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.sets.iter().map(|set| set.attribute.as_str())
    }

    /// The number of cases with a crisp target, rule set by rule set.
    pub fn examples(&self) -> impl Iterator<Item = u64> {
        self.sets.iter().map(|set| set.examples)
    }

    /// The parameters of each rule set; the engine's where no case had a crisp target.
    ///
    /// # Errors
    /// [`Error::OtherState`] for another engine than that it was gathered with.
    pub fn parameters(
        &self,
        engine: &Engine,
        one_way: bool,
        keep_fixed: bool,
    ) -> Result<Vec<RuleSetParameters>, Error> {
        let other = |found: String| Error::OtherState { found, expected: self.describe() };
        if engine.fingerprint() != self.engine {
            return Err(other(format!("engine {}", engine.fingerprint())));
        }
        let of_set = |gathered: &CalibratedRuleSet| {
            let stage = engine.stage(&gathered.attribute)?;
            let set = &engine.base().rule_sets()[stage];
            let columns = 2 * set.rules().len();
            if gathered.columns.len() != columns {
                return Err(other(format!("{columns} columns of {}", gathered.attribute)));
            }
            if gathered.examples == 0 {
                return Ok(engine.parameters_of(&gathered.attribute).expect("rules conclude on it"));
            }
            Ok(gathered.parameters(set, one_way, keep_fixed).named(engine.base(), stage))
        };
        self.sets.iter().map(of_set).collect()
    }

    fn describe(&self) -> String {
        let attributes: Vec<&str> = self.attributes().collect();
        format!("calibrated rule sets {} with engine {}", attributes.join(", "), self.engine)
    }
}

impl CalibratedRuleSet {
    fn of(cascade: &mut Cascade<'_>, cases: &Cases, stage: usize, set: &RuleSet) -> Self {
        let attribute = cases.base().conclusion(set).name().to_owned();
        let with_truth = |number: usize, levels: &[Wide]| {
            let of = |lane: usize| {
                let truth = cases.crisp(set.attribute(), number * LANES + lane)?;
                Some((truth, levels.iter().map(|level| level[lane]).collect::<Vec<f32>>()))
            };
            (0..LANES).filter_map(of).collect::<Vec<_>>()
        };
        let examples: Vec<(usize, Vec<f32>)> = cascade.premises(stage, with_truth).into_iter().flatten().collect();
        let column = |column: usize| {
            let conclusion = set.rules()[column / 2].conclusion().subset();
            let of_s = column.is_multiple_of(2);
            Column::of(examples.iter().map(|(truth, levels)| (levels[column], conclusion.contains(*truth) == of_s)))
        };
        let columns = (0..2 * set.rules().len()).into_par_iter().map(column).collect();
        Self { attribute, examples: examples.len() as u64, columns }
    }

    fn parameters(&self, set: &RuleSet, one_way: bool, keep_fixed: bool) -> RuleSetParameters {
        let of = |(number, column): (usize, &Column)| {
            if one_way && number.is_multiple_of(2) { 1.0 } else { column.parameter() }
        };
        let mut degrees: Vec<f32> = self.columns.iter().enumerate().map(of).collect();
        let fixed = LearningConfig::default().with_keep_fixed(keep_fixed).fixed(set);
        fixed.into_iter().for_each(|(column, degree)| degrees[column] = degree);
        RuleSetParameters::from_pairs(&degrees)
    }
}

/// For one parameter, the examples by the degree to which the rule does not apply to them, degrees
/// rising: how many have it, and how many of those speak against the rule.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<Step>")]
struct Column(Vec<Step>);

/// A degree, the examples that have it, and those of them that speak against the rule.
type Step = (f32, u64, u64);

impl TryFrom<Vec<Step>> for Column {
    type Error = &'static str;

    fn try_from(steps: Vec<Step>) -> Result<Self, Self::Error> {
        let is_step = |&(degree, all, against): &Step| (0.0..=1.0).contains(&degree) && all > 0 && against <= all;
        if steps.iter().all(is_step) && steps.is_sorted_by(|a, b| a.0 < b.0) {
            Ok(Self(steps))
        } else {
            Err("column: expected degrees from 0 to 1, rising, each with its examples and those against")
        }
    }
}

impl Column {
    /// Of degrees, each with whether its example speaks against the rule.
    fn of(examples: impl Iterator<Item = (f32, bool)>) -> Self {
        Self::joined(examples.map(|(degree, against)| (degree, 1, u64::from(against))).collect())
    }

    fn joined(mut steps: Vec<Step>) -> Self {
        steps.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        steps.dedup_by(|next, step| {
            let same = next.0 == step.0;
            if same {
                step.1 = step.1.saturating_add(next.1);
                step.2 = step.2.saturating_add(next.2);
            }
            same
        });
        Self(steps)
    }

    fn merge(&mut self, other: &Self) {
        *self = Self::joined([self.0.as_slice(), &other.0].concat());
    }

    /// The least t such that (1 + against below t') / (2 + all below t') ≤ t' for all t' > t.
    ///
    /// Between neighbouring degrees a < b that share is a constant v, for all t' in (a, b]: if
    /// v > a, it is too great up to min(v, b).
    fn parameter(&self) -> f32 {
        let (mut all, mut against, mut low, mut least) = (0.0, 0.0, 0.0, 0.0f64);
        for &(degree, more, more_against) in self.0.iter().chain([&(1.0, 0, 0)]) {
            let (share, degree) = ((1.0 + against) / (2.0 + all), f64::from(degree));
            if degree > low && share > low {
                least = least.max(f64::min(share, degree));
            }
            (all, against, low) = (all + more as f64, against + more_against as f64, degree);
        }
        // Rounded upwards, so that it holds of the degree as it is kept.
        let rounded = least as f32;
        if f64::from(rounded) < least { rounded.next_up() } else { rounded }
    }
}
