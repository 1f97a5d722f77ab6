use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::cascade::{blocks, conclude, read_inputs};
use super::rule_set::{Block, Gathered, approximate, distance, solution};
use super::{Error, Examples, LearningConfig, LearningReport, RuleSetReport};
use crate::inference::{Engine, Parameters, RuleSetParameters};

/// What one rule set has gathered from some of the examples: the mergeable state of learning.
///
/// Learning a rule set is three rounds over the shards of the examples, each a map and a
/// reduction, so that shards may be spread over threads or machines:
///
/// 1. [`PartialRuleSet::gather`] each shard, [`merge`](Self::merge) all;
/// 2. [`distance`](Self::distance) of each shard in the merged state, take the greatest: ∇;
/// 3. [`solution`](Self::solution) of each shard for that ∇, take the greatest s and r.
///
/// Merging is associative and commutative; its envelopes are idempotent as well, its counts of
/// examples of course are not. The outcome is that of [`learn`](super::learn), bit for bit,
/// however the examples were spread. [`learn_streamed`] does all this for every rule set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartialRuleSet {
    stage: usize,
    config: LearningConfig,
    gathered: Gathered,
}

impl PartialRuleSet {
    /// Gathers one shard for the rules on `attribute`. The engine's parameters are those learned
    /// for the rule sets before it.
    ///
    /// # Errors
    /// [`Error::Config`]; [`Error::OtherRules`] if the examples were made for other rules;
    /// [`inference::Error::UnknownDerived`](crate::inference::Error::UnknownDerived).
    pub fn gather(engine: &Engine, attribute: &str, shard: &Examples, config: &LearningConfig) -> Result<Self, Error> {
        config.check()?;
        let stage = engine.stage(attribute)?;
        let structure = &engine.program().stages[stage].structure;
        let blocks = approximated_blocks(engine, stage, shard, config)?;
        Ok(Self { stage, config: *config, gathered: Gathered::of(structure, &blocks, config) })
    }

    /// Takes in all that `other` has gathered.
    ///
    /// # Panics
    /// If the two are of different rule sets or settings.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!((self.stage, self.config), (other.stage, other.config), "states of one rule set and setting");
        self.gathered.merge(&other.gathered);
    }

    /// The number of examples kept so far.
    pub fn kept(&self) -> usize {
        self.gathered.kept
    }

    /// The greatest ∇_i of a shard's rows in the system of everything gathered.
    ///
    /// # Errors
    /// As [`Self::gather`].
    pub fn distance(&self, engine: &Engine, shard: &Examples) -> Result<f32, Error> {
        let blocks = approximated_blocks(engine, self.stage, shard, &self.config)?;
        Ok(distance(&engine.program().stages[self.stage].structure, &blocks, &self.gathered, &self.config))
    }

    /// The least s and r that a shard asks for, given ∇.
    ///
    /// # Errors
    /// As [`Self::gather`].
    pub fn solution(
        &self,
        engine: &Engine,
        shard: &Examples,
        chebyshev_distance: f32,
    ) -> Result<RuleSetParameters, Error> {
        let blocks = approximated_blocks(engine, self.stage, shard, &self.config)?;
        Ok(solution(&engine.program().stages[self.stage].structure, &blocks, chebyshev_distance, &self.config))
    }
}

fn approximated_blocks(
    engine: &Engine,
    stage: usize,
    shard: &Examples,
    config: &LearningConfig,
) -> Result<Vec<Block>, Error> {
    if engine.base() != shard.engine.base() {
        return Err(Error::OtherRules);
    }
    let program = engine.program();
    let mut read = read_inputs(shard);
    for earlier in 0..stage {
        conclude(program, earlier, engine.stage_parameters(earlier), &mut read);
    }
    let mut blocks = blocks(shard, stage, &mut read);
    approximate(&program.stages[stage].structure, &mut blocks, config);
    Ok(blocks)
}

/// [`learn`](super::learn) from examples that need not be in memory at once: `shards` is called
/// three times a rule set and must give the same examples each time, cut as it likes.
///
/// # Errors
/// As [`learn`](super::learn), or whatever error a shard brings.
pub fn learn_streamed<I, E>(
    engine: &Engine,
    shards: impl Fn() -> I,
    config: &LearningConfig,
) -> Result<(Parameters, LearningReport), E>
where
    I: IntoIterator<Item = Result<Examples, E>>,
    E: From<Error>,
{
    config.check()?;
    let start = Instant::now();
    let mut parameters = Parameters::certain(engine.base());
    let mut report = LearningReport::default();
    for (stage, set) in engine.base().rule_sets().iter().enumerate() {
        let begun = Instant::now();
        let attribute = engine.base().conclusion(set).name();
        let engine = engine.with_parameters(&parameters).map_err(Error::from)?;
        let structure = &engine.program().stages[stage].structure;
        let mut state = PartialRuleSet { stage, config: *config, gathered: Gathered::new(structure) };
        for shard in shards() {
            state.merge(&PartialRuleSet::gather(&engine, attribute, &shard?, config)?);
        }
        if state.gathered.examples == 0 {
            return Err(Error::NoTarget(attribute.to_owned()).into());
        }
        let mut greatest = 0.0f32;
        for shard in shards() {
            greatest = greatest.max(state.distance(&engine, &shard?)?);
        }
        let learned = parameters.parameters.get_mut(attribute).expect("a rule set");
        for shard in shards() {
            let asked = state.solution(&engine, &shard?, greatest)?;
            raise(&mut learned.s, &asked.s);
            raise(&mut learned.r, &asked.r);
        }
        report.rule_sets.push(RuleSetReport {
            attribute: attribute.to_owned(),
            rules: set.rules().len(),
            examples: state.gathered.examples,
            threshold: config.threshold,
            kept: state.gathered.kept,
            worst_example: state.gathered.worst_example,
            chebyshev_distance: greatest,
            seconds: begun.elapsed().as_secs_f64(),
        });
    }
    report.seconds = start.elapsed().as_secs_f64();
    Ok((parameters, report))
}

fn raise(values: &mut [f32], to: &[f32]) {
    for (value, &to) in values.iter_mut().zip(to) {
        *value = value.max(to);
    }
}
