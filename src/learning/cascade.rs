use std::mem;
use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;

use super::rule_set::{Block, Gathered, approximate, distance, solution};
use super::{Error, Examples, LearningConfig, LearningReport, RuleSetReport};
use crate::inference::{LANES, Lane, Parameters, Program, RuleSetParameters, Scratch};

/// Learns the parameters of every rule set, in cascade order, each from the examples that have a
/// target for it and from what the rule sets before it, once learned, infer.
///
/// # Errors
/// [`Error::NoTarget`] for a rule set without any target, [`Error::Config`] for a setting outside
/// its range.
pub fn learn(examples: &Examples, config: &LearningConfig) -> Result<(Parameters, LearningReport), Error> {
    config.check()?;
    learn_choosing(examples, config.tolerance, |_, _| config.threshold)
}

/// [`learn`] with a threshold for each rule set, chosen when it is reached: `choose` gets its
/// place in the cascade and the least distance of an example by itself.
pub(super) fn learn_choosing(
    examples: &Examples,
    tolerance: f32,
    mut choose: impl FnMut(usize, f32) -> Option<f32>,
) -> Result<(Parameters, LearningReport), Error> {
    let start = Instant::now();
    let program = Arc::clone(examples.engine.program());
    let mut parameters = Parameters::default();
    let mut report = LearningReport::default();
    // Π of every proposition read so far, block by block.
    let mut read = read_inputs(examples);
    for (i, stage) in program.stages.iter().enumerate() {
        let begun = Instant::now();
        let name = program.base.attributes()[stage.attribute].name();
        if examples.count(i) == 0 {
            return Err(Error::NoTarget(name.to_owned()));
        }
        let mut blocks = blocks(examples, i, &mut read);
        let threshold = choose(i, least_distance(&blocks));
        let config = LearningConfig { threshold, tolerance };
        approximate(&stage.structure, &mut blocks, &config);
        let all = Gathered::of(&stage.structure, &blocks, &config);
        let distance = distance(&stage.structure, &blocks, &all, &config);
        let set = solution(&stage.structure, &blocks, distance, &config);
        conclude(&program, i, &set, &mut read);
        report.rule_sets.push(RuleSetReport {
            attribute: name.to_owned(),
            rules: stage.structure.rules,
            examples: all.examples,
            threshold,
            kept: all.kept,
            worst_example: all.worst_example,
            chebyshev_distance: distance,
            seconds: begun.elapsed().as_secs_f64(),
        });
        parameters.parameters.insert(name.to_owned(), set);
    }
    report.seconds = start.elapsed().as_secs_f64();
    Ok((parameters, report))
}

/// Π of every proposition on the inputs, block by block.
pub(super) fn read_inputs(examples: &Examples) -> Vec<Vec<[Lane; 2]>> {
    let program = examples.engine.program();
    let rows = examples.batch.rows.as_slice().expect("batches are in standard layout");
    let read = |scratch: &mut Scratch, rows: &[f32]| {
        program.read_inputs(rows, scratch);
        scratch.read.clone()
    };
    rows.par_chunks(LANES * program.input_width()).map_init(|| program.scratch(), read).collect()
}

/// The premises and targets of all examples for one rule set.
pub(super) fn blocks(examples: &Examples, stage: usize, read: &mut [Vec<[Lane; 2]>]) -> Vec<Block> {
    let program = examples.engine.program();
    let set = &program.stages[stage];
    let block = |scratch: &mut Scratch, (number, read): (usize, &mut Vec<[Lane; 2]>)| {
        mem::swap(&mut scratch.read, read);
        set.premises(scratch);
        mem::swap(&mut scratch.read, read);
        let (targets, present) = examples.block(stage, number * LANES, &set.structure.partition);
        Block::new(&set.structure, &scratch.levels, targets, present)
    };
    read.par_iter_mut().enumerate().map_init(|| program.scratch(), block).collect()
}

/// Infers one rule set for all examples, for the premises of those after it.
pub(super) fn conclude(program: &Program, stage: usize, parameters: &RuleSetParameters, read: &mut [Vec<[Lane; 2]>]) {
    let set = &program.stages[stage];
    let conclude = |scratch: &mut Scratch, read: &mut Vec<[Lane; 2]>| {
        mem::swap(&mut scratch.read, read);
        set.premises(scratch);
        set.conclude(parameters, scratch);
        set.publish(scratch);
        mem::swap(&mut scratch.read, read);
    };
    read.par_iter_mut().for_each_init(|| program.scratch(), conclude);
}

fn least_distance(blocks: &[Block]) -> f32 {
    blocks.iter().flat_map(Block::distances).map(|(_, distance)| distance).fold(f32::INFINITY, f32::min)
}
