//! One rule set: from λ, ρ and targets to s and r.
//!
//! Columns are numbered as in [λ_1, ρ_1, λ_2, …]: column 2i is s_i's and 2i + 1 is r_i's. The
//! columns of atom k that are not 1 are its *selectors*; `level` is the entry γ there, and `top`
//! the highest target among the atoms that select the column.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::LearningConfig;
use crate::inference::{LANES, Lane, RuleSetParameters, Structure};
use crate::relation::{Envelope, epsilon};

/// [`LANES`] examples: their targets, once approximated, and the pairs each column needs.
pub(super) struct Block {
    levels: Vec<Lane>,
    tops: Vec<Lane>,
    /// The targets of the atoms; for kept examples their lowest Chebyshev approximation.
    targets: Vec<Lane>,
    /// Each example's own Chebyshev distance.
    distances: Lane,
    present: [bool; LANES],
}

/// Everything that later passes need of the examples taken in: mergeable, in any order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Gathered {
    /// One envelope a column, of the kept examples' approximated targets.
    pub envelopes: Vec<Envelope>,
    /// Examples with a target.
    pub examples: usize,
    pub kept: usize,
    pub worst_example: f32,
}

impl Gathered {
    pub fn new(structure: &Structure) -> Self {
        Self { envelopes: vec![Envelope::default(); 2 * structure.rules], examples: 0, kept: 0, worst_example: 0.0 }
    }

    /// Takes in blocks whose targets are approximated.
    pub fn of(structure: &Structure, blocks: &[Block], config: &LearningConfig) -> Self {
        let column = |column: usize| {
            let mut envelope = Envelope::default();
            let pairs = blocks.iter().flat_map(|block| block.pairs(column, config));
            pairs.for_each(|(level, top)| envelope.insert(top, level));
            envelope
        };
        let distances = || blocks.iter().flat_map(Block::distances).map(|(_, distance)| distance);
        Self {
            envelopes: (0..2 * structure.rules).into_par_iter().map(column).collect(),
            examples: distances().count(),
            kept: blocks.iter().map(|block| (0..LANES).filter(|&lane| block.keeps(lane, config)).count()).sum(),
            worst_example: distances().fold(0.0, f32::max),
        }
    }

    pub fn merge(&mut self, other: &Self) {
        for (into, from) in self.envelopes.iter_mut().zip(&other.envelopes) {
            into.merge(from);
        }
        self.examples += other.examples;
        self.kept += other.kept;
        self.worst_example = self.worst_example.max(other.worst_example);
    }
}

impl Block {
    pub fn new(structure: &Structure, levels: &[Lane], targets: Vec<Lane>, present: [bool; LANES]) -> Self {
        let levels = levels[..2 * structure.rules].to_vec();
        let tops = tops(structure, &targets);
        let distances = distances(structure, &levels, &tops, &targets);
        Self { levels, tops, targets, distances, present }
    }

    /// The lanes that hold an example with a target, and its distance by itself.
    pub fn distances(&self) -> impl Iterator<Item = (usize, f32)> + '_ {
        (0..LANES).filter(|&lane| self.present[lane]).map(|lane| (lane, self.distances[lane]))
    }

    /// The rule that holds an example's target down most: that leaves the atom with the highest
    /// target the least possible.
    pub fn opposing_rule(&self, structure: &Structure, lane: usize) -> usize {
        let target = |atom: &usize| self.targets[*atom][lane];
        let atom = (0..self.targets.len()).reduce(|a, b| if target(&b) > target(&a) { b } else { a }).expect("an atom");
        let selectors = &structure.selectors[atom * structure.rules..(atom + 1) * structure.rules];
        let level = |rule: &usize| self.levels[selectors[*rule] as usize][lane];
        (0..structure.rules).reduce(|a, b| if level(&b) < level(&a) { b } else { a }).expect("a rule")
    }

    fn keeps(&self, lane: usize, config: &LearningConfig) -> bool {
        self.present[lane] && config.threshold.is_none_or(|threshold| self.distances[lane] < threshold)
    }

    /// Replaces each example's targets by their lowest Chebyshev approximation Γ □ x, x being the
    /// lowest approximate solution of the example by itself.
    fn approximate(&mut self, structure: &Structure, tolerance: f32) {
        let mut solution = self.levels.clone();
        for (x, top) in solution.iter_mut().zip(&self.tops) {
            for ((x, &top), &distance) in x.iter_mut().zip(top).zip(&self.distances) {
                *x = x.max(epsilon(*x, (top - distance).max(0.0), tolerance));
            }
        }
        structure.select(&solution, &mut self.targets);
        self.tops = tops(structure, &self.targets);
    }

    /// The pairs (level, top) of a column for the kept examples.
    fn pairs<'a>(&'a self, column: usize, config: &'a LearningConfig) -> impl Iterator<Item = (f32, f32)> + 'a {
        let kept = (0..LANES).filter(|&lane| self.keeps(lane, config));
        kept.map(move |lane| (self.levels[column][lane], self.tops[column][lane]))
    }
}

/// For each column, the highest target among the atoms that select it.
fn tops(structure: &Structure, targets: &[Lane]) -> Vec<Lane> {
    let mut tops = vec![[0.0f32; LANES]; 2 * structure.rules];
    for (selectors, target) in structure.selectors.chunks_exact(structure.rules).zip(targets) {
        if target == &[0.0; LANES] {
            continue;
        }
        for &selector in selectors {
            for (top, &target) in tops[selector as usize].iter_mut().zip(target) {
                *top = if target > *top { target } else { *top };
            }
        }
    }
    tops
}

/// The Chebyshev distance of each example by itself.
fn distances(structure: &Structure, levels: &[Lane], tops: &[Lane], targets: &[Lane]) -> Lane {
    let mut distances = [0.0f32; LANES];
    for (selectors, target) in structure.selectors.chunks_exact(structure.rules).zip(targets) {
        // The columns whose entry is 1 all give 1 − y.
        let mut least: Lane = target.map(|y| 1.0 - y);
        for &selector in selectors {
            let (level, top) = (&levels[selector as usize], &tops[selector as usize]);
            for lane in 0..LANES {
                let (gamma, top, y) = (level[lane], top[lane], target[lane]);
                let other = (((top - y) / 2.0).max(0.0)).min((top - gamma).max(0.0));
                least[lane] = least[lane].min((gamma - y).max(0.0).max(other));
            }
        }
        for (distance, least) in distances.iter_mut().zip(least) {
            *distance = distance.max(least);
        }
    }
    distances
}

/// Replaces the targets of all examples by their approximations.
pub(super) fn approximate(structure: &Structure, blocks: &mut [Block], config: &LearningConfig) {
    blocks.par_iter_mut().for_each(|block| block.approximate(structure, config.tolerance));
}

/// ∇ of the rows of some blocks in the system of all examples gathered; the greatest over all
/// blocks is the system's.
pub(super) fn distance(structure: &Structure, blocks: &[Block], all: &Gathered, config: &LearningConfig) -> f32 {
    let of_block = |block: &Block| stacked_distance(structure, block, &all.envelopes, config);
    blocks.par_iter().map(of_block).reduce(|| 0.0, f32::max)
}

/// What some blocks ask of the lowest approximate solution; the greatest over all blocks is it.
pub(super) fn solution(
    structure: &Structure,
    blocks: &[Block],
    distance: f32,
    config: &LearningConfig,
) -> RuleSetParameters {
    let column = |column: usize| {
        let pairs = blocks.iter().flat_map(|block| block.pairs(column, config));
        pairs.map(|(level, top)| epsilon(level, (top - distance).max(0.0), config.tolerance)).fold(0.0, f32::max)
    };
    let x: Vec<f32> = (0..2 * structure.rules).into_par_iter().map(column).collect();
    RuleSetParameters { s: x.iter().copied().step_by(2).collect(), r: x.into_iter().skip(1).step_by(2).collect() }
}

/// The greatest ∇_i among the rows of a block's kept examples that stay below the threshold.
fn stacked_distance(structure: &Structure, block: &Block, envelopes: &[Envelope], config: &LearningConfig) -> f32 {
    let mut greatest = 0.0;
    for lane in (0..LANES).filter(|&lane| block.keeps(lane, config)) {
        for (selectors, target) in structure.selectors.chunks_exact(structure.rules).zip(&block.targets) {
            let y = target[lane];
            let mut least = 1.0 - y;
            for &selector in selectors {
                // A row that cannot exceed the greatest distance need not be known exactly.
                if least <= greatest {
                    break;
                }
                let excess = (block.levels[selector as usize][lane] - y).max(0.0);
                if excess < least {
                    least = least.min(excess.max(envelopes[selector as usize].query(y)));
                }
            }
            if least > greatest && config.threshold.is_none_or(|threshold| least < threshold) {
                greatest = least;
            }
        }
    }
    greatest
}
