use std::mem;
use std::time::Instant;

use rayon::prelude::*;

use super::rule_set::{Block, Gathered, approximate, distance, frame, solution};
use super::{Error, LearningConfig, LearningReport, RuleSetReport};
use crate::inference::{Cases, Engine, Parameters, RuleSetParameters};
use crate::program::{Floors, LANES, Program, Runner, Wide};

/// Learns the parameters of the rule sets, in cascade order, each from the cases that have a target
/// for it and from what the rule sets before it, once learned, infer. Rule sets that no case has a
/// target for, or of which the threshold keeps no case, keep the engine's parameters.
///
/// # Errors
/// [`Error::NoTarget`] if there is no target at all, [`Error::Config`] for a setting outside its
/// range, [`inference::Error::OtherRules`](crate::inference::Error::OtherRules) for cases of
/// another rule base.
pub fn learn(engine: &Engine, cases: &Cases, config: &LearningConfig) -> Result<(Parameters, LearningReport), Error> {
    learn_choosing(engine, cases, config, |_, _| config.threshold)
}

/// [`learn`] with a threshold for each rule set, chosen when it is reached: `choose` gets its
/// place in the cascade and the least distance of a case by itself.
pub(super) fn learn_choosing(
    engine: &Engine,
    cases: &Cases,
    config: &LearningConfig,
    mut choose: impl FnMut(usize, f32) -> Option<f32>,
) -> Result<(Parameters, LearningReport), Error> {
    config.check()?;
    cases.check_base(engine.base())?;
    let start = Instant::now();
    let program = engine.program();
    let mut floors = engine.floors().clone();
    let mut parameters = engine.parameters();
    let mut report = LearningReport::default();
    let mut cascade = Cascade::new(program, cases);
    for stage in 0..program.stages.len() {
        let begun = Instant::now();
        let (structure, set) = (program.structure(stage), &program.base.rule_sets()[stage]);
        let name = program.base.conclusion(set).name();
        if cases.target_count(stage) == 0 {
            report.unlearned.push(name.to_owned());
            cascade.conclude(stage, &floors);
            continue;
        }
        let fixed = config.fixed(set);
        let mut blocks = cascade.blocks(stage, &fixed);
        let threshold = choose(stage, least_distance(&blocks));
        let config = LearningConfig { threshold, ..*config };
        approximate(structure, &mut blocks, &config, &fixed);
        let all = Gathered::of(structure, &blocks, &config);
        let distance = distance(structure, &blocks, &all, &config);
        if all.kept > 0 {
            let pairs = solution(structure, &blocks, distance, &config, &fixed);
            let learned = RuleSetParameters::from_pairs(&pairs).named(&program.base, stage);
            floors.set(program, stage, &learned.s, &learned.r);
            parameters.parameters.insert(name.to_owned(), learned);
        }
        cascade.conclude(stage, &floors);
        report.rule_sets.push(RuleSetReport {
            attribute: name.to_owned(),
            rules: structure.rules,
            examples: all.examples,
            threshold,
            kept: all.kept,
            worst_example: all.worst_example,
            chebyshev_distance: distance,
            seconds: begun.elapsed().as_secs_f64(),
        });
    }
    if report.rule_sets.is_empty() {
        return Err(Error::NoTarget(report.unlearned.join(", ")));
    }
    report.seconds = start.elapsed().as_secs_f64();
    Ok((parameters, report))
}

/// All cases on their way through the cascade, block by block.
pub(super) struct Cascade<'a> {
    program: &'a Program,
    cases: &'a Cases,
    /// What has been measured of each block so far.
    measures: Vec<Vec<[Wide; 2]>>,
}

impl<'a> Cascade<'a> {
    /// Measures the inputs.
    pub fn new(program: &'a Program, cases: &'a Cases) -> Self {
        let measure = |runner: &mut Runner<'_, Wide>, rows: &[f32]| {
            runner.inputs(rows);
            runner.measures.clone()
        };
        let width = LANES * program.base.input_width();
        let blocks = cases.degrees().par_chunks(width);
        Self { program, cases, measures: blocks.map_init(|| Runner::new(program), measure).collect() }
    }

    /// The premises and targets of all cases for one rule set, of whose parameters some are fixed.
    pub fn blocks(&mut self, stage: usize, fixed: &[(usize, f32)]) -> Vec<Block> {
        let (program, cases) = (self.program, self.cases);
        let structure = program.structure(stage);
        let room = || (Runner::new(program), frame(structure));
        let block = |(runner, frame): &mut (Runner<'_, Wide>, Vec<Wide>),
                     (number, measures): (usize, &mut Vec<[Wide; 2]>)| {
            mem::swap(&mut runner.measures, measures);
            let (targets, present) = cases.block(stage, number * LANES, &structure.partition);
            let block = Block::new(structure, runner.premise_degrees(stage), targets, present, fixed, frame);
            mem::swap(&mut runner.measures, measures);
            block
        };
        self.measures.par_iter_mut().enumerate().map_init(room, block).collect()
    }

    /// For each block, by its number, what is made of λ_1, ρ_1, … of one rule set.
    pub fn premises<T: Send>(&mut self, stage: usize, make: impl Fn(usize, &[Wide]) -> T + Sync) -> Vec<T> {
        let program = self.program;
        let block = |runner: &mut Runner<'_, Wide>, (number, measures): (usize, &mut Vec<[Wide; 2]>)| {
            mem::swap(&mut runner.measures, measures);
            let made = make(number, runner.premise_degrees(stage));
            mem::swap(&mut runner.measures, measures);
            made
        };
        self.measures.par_iter_mut().enumerate().map_init(|| Runner::new(program), block).collect()
    }

    /// Infers one rule set for all cases, for the premises of those after it.
    pub fn conclude(&mut self, stage: usize, floors: &Floors) {
        let program = self.program;
        let conclude = |runner: &mut Runner<'_, Wide>, measures: &mut Vec<[Wide; 2]>| {
            mem::swap(&mut runner.measures, measures);
            runner.stage(stage, floors, &mut ());
            mem::swap(&mut runner.measures, measures);
        };
        if !program.stages[stage].propositions.is_empty() {
            self.measures.par_iter_mut().for_each_init(|| Runner::new(program), conclude);
        }
    }
}

fn least_distance(blocks: &[Block]) -> f32 {
    blocks.iter().flat_map(Block::distances).map(|(_, distance)| distance).fold(f32::INFINITY, f32::min)
}
