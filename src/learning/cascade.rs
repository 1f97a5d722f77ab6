use std::mem;
use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;

use super::rule_set::{Block, learn_rule_set};
use super::{Error, Examples, LearningConfig, LearningReport, RuleSetReport};
use crate::inference::{LANES, Lane, Parameters, RuleSetParameters};

/// Learns the parameters of every rule set, in cascade order, each from the examples that have a
/// target for it and from what the rule sets before it, once learned, infer.
///
/// # Errors
/// [`Error::NoTarget`] for a rule set without any target, [`Error::Config`] for a setting outside
/// its range.
pub fn learn(examples: &Examples, config: &LearningConfig) -> Result<(Parameters, LearningReport), Error> {
    config.check()?;
    let start = Instant::now();
    let program = Arc::clone(examples.engine.program());
    let mut parameters = Parameters::default();
    let mut report = LearningReport::default();
    let width = program.input_width();
    let rows = examples.batch.rows.as_slice().expect("batches are in standard layout");
    // Π of every proposition read so far, block by block.
    let mut read: Vec<Vec<[Lane; 2]>> = rows
        .par_chunks(LANES * width)
        .map_init(
            || program.scratch(),
            |scratch, rows| {
                program.read_inputs(rows, scratch);
                scratch.read.clone()
            },
        )
        .collect();
    for (i, stage) in program.stages.iter().enumerate() {
        let begun = Instant::now();
        let name = program.base.attributes()[stage.attribute].name();
        let count = examples.count(i);
        if count == 0 {
            return Err(Error::NoTarget(name.to_owned()));
        }
        let block = |(number, read): (usize, &mut Vec<[Lane; 2]>), scratch: &mut crate::inference::Scratch| {
            mem::swap(&mut scratch.read, read);
            stage.premises(scratch);
            mem::swap(&mut scratch.read, read);
            let (targets, present) = examples.block(i, number * LANES, &stage.structure.partition);
            Block::new(&stage.structure, &scratch.levels, targets, present)
        };
        let blocks: Vec<Block> = read
            .par_iter_mut()
            .enumerate()
            .map_init(|| program.scratch(), |scratch, item| block(item, scratch))
            .collect();
        let learned = learn_rule_set(&stage.structure, blocks, config);
        let set = RuleSetParameters { s: learned.s, r: learned.r };
        read.par_iter_mut().for_each_init(
            || program.scratch(),
            |scratch, read| {
                mem::swap(&mut scratch.read, read);
                stage.premises(scratch);
                stage.conclude(&set, scratch);
                stage.publish(scratch);
                mem::swap(&mut scratch.read, read);
            },
        );
        report.rule_sets.push(RuleSetReport {
            attribute: name.to_owned(),
            rules: stage.structure.rules,
            examples: count,
            kept: learned.kept,
            worst_example: learned.worst_example,
            chebyshev_distance: learned.chebyshev_distance,
            seconds: begun.elapsed().as_secs_f64(),
        });
        parameters.parameters.insert(name.to_owned(), set);
    }
    report.seconds = start.elapsed().as_secs_f64();
    Ok((parameters, report))
}
