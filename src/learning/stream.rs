use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::cascade::Cascade;
use super::rule_set::{Block, Gathered, approximate, distance, raise, solution};
use super::{Error, LearningConfig, LearningReport, RuleSetReport};
use crate::inference::{Cases, Engine, Parameters, RuleSetParameters};
use crate::program::Structure;
use crate::rules::Fingerprint;

/// What some rule sets have gathered from some of the cases: the mergeable state of learning.
///
/// Rule sets that do not depend on each other, such as all of one depth of the cascade
/// ([`RuleBase::rule_sets_by_depth`](crate::rules::RuleBase::rule_sets_by_depth)), are learned
/// together. That takes three rounds over the shards of the cases, each a map and a reduction, so
/// that shards may be spread over threads or machines:
///
/// 1. [`PartialRuleSets::gather`] each shard, [`merge`](Self::merge) all;
/// 2. [`distances`](Self::distances) of each shard in the merged state, take the greatest: ∇;
/// 3. [`solutions`](Self::solutions) of each shard for these ∇, take the greatest s and r.
///
/// Merging is associative and commutative; its envelopes are idempotent as well, its counts of
/// cases of course are not. The outcome is that of [`learn`](super::learn), bit for bit, however
/// the cases were spread. [`learn_streamed`] does all this for every rule set.
///
/// A state knows which rules, with which parameters, it was gathered with, and is refused
/// elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartialRuleSets {
    engine: Fingerprint,
    config: LearningConfig,
    sets: Vec<PartialRuleSet>,
}

/// What one of them has gathered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct PartialRuleSet {
    attribute: String,
    gathered: Gathered,
}

impl PartialRuleSets {
    /// Gathers one shard for the rules on some attributes. The engine's parameters are those
    /// learned for the rule sets before them; should one attribute depend on another, the rules on
    /// that one have the engine's parameters, too.
    ///
    /// # Errors
    /// [`Error::Config`]; [`inference::Error`](crate::inference::Error) for a name that no rule
    /// concludes on, or cases of another rule base.
    pub fn gather(engine: &Engine, attributes: &[&str], shard: &Cases, config: &LearningConfig) -> Result<Self, Error> {
        let mut state = Self::new(engine, attributes, config)?;
        let stages = state.stages(engine)?;
        let gather = |i: usize, structure: &Structure, blocks: &[Block]| {
            state.sets[i].gathered = Gathered::of(structure, blocks, config);
        };
        for_each_set(engine, &stages, shard, config, gather)?;
        Ok(state)
    }

    /// Nothing gathered yet.
    fn new(engine: &Engine, attributes: &[&str], config: &LearningConfig) -> Result<Self, Error> {
        config.check()?;
        let set = |attribute: &&str| {
            let rules = engine.program().structure(engine.stage(attribute)?).rules;
            Ok(PartialRuleSet { attribute: (*attribute).to_owned(), gathered: Gathered::new(rules) })
        };
        let sets = attributes.iter().map(set).collect::<Result<_, Error>>()?;
        Ok(Self { engine: engine.fingerprint(), config: *config, sets })
    }

    /// Takes in all that `other` has gathered.
    ///
    /// # Errors
    /// [`Error::OtherState`] if the two are of different rules, parameters, rule sets or settings;
    /// nothing is taken in then.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        let columns = |state: &Self| state.sets.iter().map(|set| set.gathered.envelopes.len()).collect::<Vec<_>>();
        if (self.describe(), self.config, columns(self)) != (other.describe(), other.config, columns(other)) {
            return Err(Error::OtherState { found: other.describe(), expected: self.describe() });
        }
        for (into, from) in self.sets.iter_mut().zip(&other.sets) {
            into.gathered.merge(&from.gathered);
        }
        Ok(())
    }

    /// The attributes concluded on.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.sets.iter().map(|set| set.attribute.as_str())
    }

    /// The number of cases kept so far, rule set by rule set.
    pub fn kept(&self) -> impl Iterator<Item = usize> {
        self.sets.iter().map(|set| set.gathered.kept)
    }

    /// For each rule set, the greatest ∇_i of a shard's rows in the system of everything gathered.
    ///
    /// # Errors
    /// [`Error::OtherState`] for another engine than that it was gathered with, or as
    /// [`Self::gather`].
    pub fn distances(&self, engine: &Engine, shard: &Cases) -> Result<Vec<f32>, Error> {
        let stages = self.stages(engine)?;
        let mut distances = vec![0.0; stages.len()];
        for_each_set(engine, &stages, shard, &self.config, |i, structure, blocks| {
            distances[i] = distance(structure, blocks, &self.sets[i].gathered, &self.config);
        })?;
        Ok(distances)
    }

    /// For each rule set, the least s and r that a shard asks for, given its ∇.
    ///
    /// # Errors
    /// As [`Self::distances`]; [`Error::OtherState`] for more or fewer distances than rule sets.
    pub fn solutions(
        &self,
        engine: &Engine,
        shard: &Cases,
        chebyshev_distances: &[f32],
    ) -> Result<Vec<RuleSetParameters>, Error> {
        let stages = self.stages(engine)?;
        if chebyshev_distances.len() != stages.len() {
            let found = format!("{} distances", chebyshev_distances.len());
            return Err(Error::OtherState { found, expected: self.describe() });
        }
        if let Some(wrong) = chebyshev_distances.iter().find(|distance| !(0.0..=1.0).contains(*distance)) {
            let found = format!("a distance of {wrong}");
            return Err(Error::OtherState { found, expected: "distances from 0 to 1".to_owned() });
        }
        let sets = engine.base().rule_sets();
        let fixed: Vec<_> = stages.iter().map(|&stage| self.config.fixed(&sets[stage])).collect();
        let mut solutions = vec![RuleSetParameters::default(); stages.len()];
        for_each_set(engine, &stages, shard, &self.config, |i, structure, blocks| {
            let x = solution(structure, blocks, chebyshev_distances[i], &self.config, &fixed[i]);
            solutions[i] = RuleSetParameters::from_pairs(&x);
        })?;
        Ok(solutions)
    }

    /// The stages of the rule sets, once the state is known to belong to the engine.
    fn stages(&self, engine: &Engine) -> Result<Vec<usize>, Error> {
        // The state may have travelled.
        self.config.check()?;
        let other = |found: String| Error::OtherState { found, expected: self.describe() };
        if engine.fingerprint() != self.engine {
            return Err(other(format!("engine {}", engine.fingerprint())));
        }
        let stage = |set: &PartialRuleSet| {
            let stage = engine.stage(&set.attribute)?;
            let columns = 2 * engine.program().structure(stage).rules;
            if set.gathered.envelopes.len() != columns {
                return Err(other(format!("{columns} columns of {}", set.attribute)));
            }
            Ok(stage)
        };
        self.sets.iter().map(stage).collect()
    }

    fn describe(&self) -> String {
        let attributes: Vec<&str> = self.attributes().collect();
        format!("rule sets {} with engine {} and {:?}", attributes.join(", "), self.engine, self.config)
    }
}

/// Runs a shard up to some stages, with the engine's parameters, and hands on the blocks of each
/// with its place among them.
fn for_each_set(
    engine: &Engine,
    stages: &[usize],
    shard: &Cases,
    config: &LearningConfig,
    mut act: impl FnMut(usize, &Structure, &[Block]),
) -> Result<(), Error> {
    shard.check_base(engine.base())?;
    let program = engine.program();
    let cone = program.cone(stages);
    let mut cascade = Cascade::new(program, shard);
    let last = stages.iter().max();
    for stage in (0..cone.len()).filter(|&stage| cone[stage]) {
        for (i, _) in stages.iter().enumerate().filter(|(_, wanted)| **wanted == stage) {
            let structure = program.structure(stage);
            let fixed = config.fixed(&program.base.rule_sets()[stage]);
            let mut blocks = cascade.blocks(stage, &fixed);
            approximate(structure, &mut blocks, config, &fixed);
            act(i, structure, &blocks);
        }
        if last != Some(&stage) {
            cascade.conclude(stage, engine.floors());
        }
    }
    Ok(())
}

/// [`learn`](super::learn) from cases that need not be in memory at once: `shards` is called three
/// times for each depth of the cascade and must give the same cases each time, cut as it likes.
///
/// # Errors
/// As [`learn`](super::learn), or whatever error a shard brings.
pub fn learn_streamed<I, E>(
    engine: &Engine,
    shards: impl Fn() -> I,
    config: &LearningConfig,
) -> Result<(Parameters, LearningReport), E>
where
    I: IntoIterator<Item = Result<Cases, E>>,
    E: From<Error>,
{
    config.check()?;
    let start = Instant::now();
    let base = engine.base();
    let mut parameters = engine.parameters();
    let mut unlearned = Vec::new();
    let mut reports: Vec<Option<RuleSetReport>> = vec![None; base.rule_sets().len()];
    for sets in base.rule_sets_by_depth() {
        let begun = Instant::now();
        let attributes: Vec<&str> = sets.iter().map(|set| base.conclusion(set).name()).collect();
        let engine = engine.with_parameters(&parameters).map_err(Error::from)?;
        let mut state = PartialRuleSets::new(&engine, &attributes, config)?;
        for shard in shards() {
            state.merge(&PartialRuleSets::gather(&engine, &attributes, &shard?, config)?)?;
        }
        let mut distances = vec![0.0; attributes.len()];
        for shard in shards() {
            raise(&mut distances, &state.distances(&engine, &shard?)?);
        }
        let mut learned: Vec<RuleSetParameters> = vec![RuleSetParameters::default(); attributes.len()];
        for (shard, first) in shards().into_iter().zip(std::iter::once(true).chain(std::iter::repeat(false))) {
            for (learned, asked) in learned.iter_mut().zip(state.solutions(&engine, &shard?, &distances)?) {
                if first {
                    *learned = asked;
                } else {
                    raise(&mut learned.s, &asked.s);
                    raise(&mut learned.r, &asked.r);
                }
            }
        }
        let seconds = begun.elapsed().as_secs_f64();
        let found = sets.iter().zip(state.sets).zip(distances).zip(learned);
        for (((set, PartialRuleSet { attribute, gathered }), distance), learned) in found {
            let stage = engine.stage(&attribute).map_err(Error::from)?;
            if gathered.examples == 0 {
                unlearned.push((stage, attribute));
                continue;
            }
            if gathered.kept > 0 {
                parameters.parameters.insert(attribute.clone(), learned.named(base, stage));
            }
            reports[stage] = Some(RuleSetReport {
                attribute,
                rules: set.rules().len(),
                examples: gathered.examples,
                threshold: config.threshold,
                kept: gathered.kept,
                worst_example: gathered.worst_example,
                chebyshev_distance: distance,
                // Sets of one depth share their rounds.
                seconds: seconds / attributes.len() as f64,
            });
        }
    }
    unlearned.sort_unstable();
    let unlearned: Vec<String> = unlearned.into_iter().map(|(_, attribute)| attribute).collect();
    let rule_sets: Vec<RuleSetReport> = reports.into_iter().flatten().collect();
    if rule_sets.is_empty() {
        return Err(Error::NoTarget(unlearned.join(", ")).into());
    }
    Ok((parameters, LearningReport { rule_sets, unlearned, seconds: start.elapsed().as_secs_f64() }))
}
