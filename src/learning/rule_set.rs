//! One rule set: from λ, ρ and targets to s and r.
//!
//! Columns are numbered as the levels are: \[s_1, r_1, s_2, …\]. `levels` are the entries γ that are
//! not 1 (λ_1, ρ_1, …), and `tops` the highest target among the atoms that take a level. What is
//! asked of every atom and all its levels runs through the network that selects the atoms'
//! degrees, so that partial results are shared.

use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::LearningConfig;
use crate::program::{LANES, Lane, Level, Structure, Wide};
use crate::relation::{Envelope, contribution, epsilon, row_distance};

/// [`LANES`] cases: their targets, once approximated, and the pairs each column needs.
pub(super) struct Block {
    levels: Vec<Wide>,
    tops: Vec<Wide>,
    /// The targets of the atoms; after [`approximate`] their lowest Chebyshev approximation.
    targets: Vec<Wide>,
    /// Each case's own Chebyshev distance.
    distances: Wide,
    present: [bool; LANES],
}

/// Everything that later passes need of the cases taken in: mergeable, in any order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Gathered {
    /// One envelope a column, of the kept cases' approximated targets.
    pub envelopes: Vec<Envelope>,
    /// Cases with a target.
    pub examples: usize,
    pub kept: usize,
    pub worst_example: f32,
}

impl Gathered {
    pub fn new(rules: usize) -> Self {
        Self { envelopes: vec![Envelope::default(); 2 * rules], examples: 0, kept: 0, worst_example: 0.0 }
    }

    /// Takes in blocks whose targets are approximated.
    pub fn of(structure: &Structure, blocks: &[Block], config: &LearningConfig) -> Self {
        let none = || Self::new(structure.rules);
        let take_in = |mut all: Self, block: &Block| {
            all.insert(block, config);
            all
        };
        blocks.par_iter().fold(none, take_in).reduce(none, |mut all, other| {
            all.merge(&other);
            all
        })
    }

    fn insert(&mut self, block: &Block, config: &LearningConfig) {
        let kept = block.kept(config);
        for ((envelope, levels), tops) in self.envelopes.iter_mut().zip(&block.levels).zip(&block.tops) {
            if !exceed(tops, levels, 0.0) {
                continue;
            }
            for lane in (0..LANES).filter(|&lane| kept[lane]) {
                envelope.insert(tops[lane], levels[lane]);
            }
        }
        for (lane, distance) in block.distances() {
            self.examples += 1;
            self.kept += usize::from(kept[lane]);
            self.worst_example = self.worst_example.max(distance);
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

/// Whether any top, less a distance, lies above its level. A pair of which it does not contributes
/// nothing, and most do not.
fn exceed(tops: &Wide, levels: &Wide, distance: f32) -> bool {
    tops.iter().zip(levels.iter()).fold(false, |any, (&top, &level)| any | (top - distance > level))
}

impl Block {
    /// `frame` is room for the structure's network.
    ///
    /// A column whose parameter v is fixed is one of entries max(γ, v) with nothing to solve for:
    /// no row asks anything of it (its top is 0), and a target above its entry is out of reach by
    /// what is missing.
    pub fn new(
        structure: &Structure,
        levels: &[Wide],
        targets: Vec<Wide>,
        present: [bool; LANES],
        fixed: &[(usize, f32)],
        frame: &mut [Wide],
    ) -> Self {
        let mut levels = levels.to_vec();
        let mut tops = tops(structure, &targets, frame);
        let mut missing = Wide::splat(0.0);
        for &(column, degree) in fixed {
            for lane in 0..LANES {
                levels[column][lane] = levels[column][lane].max(degree);
                missing[lane] = missing[lane].max(tops[column][lane] - levels[column][lane]);
            }
            tops[column] = Wide::splat(0.0);
        }
        let mut distances = distances(structure, &levels, &tops, &targets, frame);
        for lane in 0..LANES {
            distances[lane] = distances[lane].max(missing[lane]);
        }
        Self { levels, tops, targets, distances, present }
    }

    /// The lanes that hold a case with a target, and its distance by itself.
    pub fn distances(&self) -> impl Iterator<Item = (usize, f32)> + '_ {
        (0..LANES).filter(|&lane| self.present[lane]).map(|lane| (lane, self.distances[lane]))
    }

    /// The rule that holds a case's target down most: that leaves the atom with the highest
    /// target the least possible. None if that is fully possible.
    pub fn opposing_rule(&self, structure: &Structure, lane: usize) -> Option<usize> {
        let target = |atom: &usize| self.targets[*atom][lane];
        let atom = (0..self.targets.len()).reduce(|a, b| if target(&b) > target(&a) { b } else { a }).expect("an atom");
        let degree = |level: &Level| self.levels[level.index()][lane];
        let lowest = |a, b| if degree(&b) < degree(&a) { b } else { a };
        let lowest = structure.levels(atom).reduce(lowest).expect("a rule");
        (degree(&lowest) < 1.0).then_some(lowest.rule)
    }

    fn kept(&self, config: &LearningConfig) -> [bool; LANES] {
        let below = |lane: usize| config.threshold.is_none_or(|threshold| self.distances[lane] < threshold);
        std::array::from_fn(|lane| self.present[lane] && below(lane))
    }

    /// Replaces each case's targets by their lowest Chebyshev approximation Γ □ x, x being the
    /// lowest approximate solution of the case by itself.
    fn approximate(&mut self, structure: &Structure, tolerance: f32, fixed: &[(usize, f32)], frame: &mut [Wide]) {
        for ((x, levels), tops) in frame.iter_mut().zip(&self.levels).zip(&self.tops) {
            for lane in 0..LANES {
                let (level, top) = (levels[lane], tops[lane]);
                x[lane] = level.max(epsilon(level, (top - self.distances[lane]).max(0.0), tolerance));
            }
        }
        structure.select.minima(frame);
        for (target, &register) in self.targets.iter_mut().zip(&structure.select.outputs) {
            *target = frame[register as usize];
        }
        self.tops = tops(structure, &self.targets, frame);
        for &(column, _) in fixed {
            self.tops[column] = Wide::splat(0.0);
        }
    }
}

/// For each column, the highest target among the atoms that take its level.
fn tops(structure: &Structure, targets: &[Wide], frame: &mut [Wide]) -> Vec<Wide> {
    structure.select.highest_holders(targets, frame);
    frame[..2 * structure.rules].to_vec()
}

/// The Chebyshev distance of each case by itself.
///
/// ∇_i = min_j max((γ_j − y)⁺, F_j(y)), with F_j of a single row, falls as y rises: its value at
/// y = 0, the same minimum for all atoms that share levels, bounds it from above. Only atoms whose
/// target lies between 0 and 1 need a look of their own.
fn distances(structure: &Structure, levels: &[Wide], tops: &[Wide], targets: &[Wide], frame: &mut [Wide]) -> Wide {
    for ((bounds, levels), tops) in frame.iter_mut().zip(levels).zip(tops) {
        for lane in 0..LANES {
            bounds[lane] = levels[lane].max(contribution(tops[lane], levels[lane], 0.0));
        }
    }
    structure.select.minima(frame);
    let mut distances = Wide::splat(0.0);
    for (target, &register) in targets.iter().zip(&structure.select.outputs) {
        let bounds = &frame[register as usize];
        for lane in 0..LANES {
            let of_none = if target[lane] == 0.0 { bounds[lane] } else { 0.0 };
            distances[lane] = if of_none > distances[lane] { of_none } else { distances[lane] };
        }
    }
    for (atom, (target, &register)) in targets.iter().zip(&structure.select.outputs).enumerate() {
        let bounds = &frame[register as usize];
        let open = |lane: usize| target[lane] > 0.0 && target[lane] < 1.0 && bounds[lane] > distances[lane];
        if !(0..LANES).fold(false, |any, lane| any | open(lane)) {
            continue;
        }
        for lane in 0..LANES {
            if target[lane] > 0.0 && bounds[lane] > distances[lane] {
                let columns = structure.levels(atom).map(|level| {
                    let (level, top) = (levels[level.index()][lane], tops[level.index()][lane]);
                    (level, move |y| contribution(top, level, y))
                });
                distances[lane] = distances[lane].max(row_distance(target[lane], 1.0, distances[lane], columns));
            }
        }
    }
    distances
}

/// Replaces the targets of all cases by their approximations.
pub(super) fn approximate(
    structure: &Structure,
    blocks: &mut [Block],
    config: &LearningConfig,
    fixed: &[(usize, f32)],
) {
    let room = || frame(structure);
    let approximate =
        |frame: &mut Vec<Wide>, block: &mut Block| block.approximate(structure, config.tolerance, fixed, frame);
    blocks.par_iter_mut().for_each_init(room, approximate);
}

/// Room for a structure's network.
pub(super) fn frame(structure: &Structure) -> Vec<Wide> {
    vec![Wide::splat(0.0); structure.select.registers()]
}

/// ∇ of the rows of some blocks in the system of all cases gathered; the greatest over all
/// blocks is the system's.
pub(super) fn distance(structure: &Structure, blocks: &[Block], all: &Gathered, config: &LearningConfig) -> f32 {
    // F_j(0), which bounds F_j.
    let highest: Vec<f32> = all.envelopes.iter().map(|envelope| envelope.query(0.0)).collect();
    // Degrees from 0 up are ordered as their bits are.
    let greatest = AtomicU32::new(0);
    blocks.par_iter().for_each_init(
        || frame(structure),
        |frame, block| {
            let known = f32::from_bits(greatest.load(Ordering::Relaxed));
            let found = stacked_distance(structure, block, &all.envelopes, &highest, config, known, frame);
            greatest.fetch_max(found.to_bits(), Ordering::Relaxed);
        },
    );
    f32::from_bits(greatest.into_inner())
}

/// The greatest ∇_i, if above `greatest`, among the rows of a block's kept cases that stay below
/// the threshold.
fn stacked_distance(
    structure: &Structure,
    block: &Block,
    envelopes: &[Envelope],
    highest: &[f32],
    config: &LearningConfig,
    mut greatest: f32,
    frame: &mut [Wide],
) -> f32 {
    // A column with F_j(0) ≤ greatest settles every row whose γ_j it does not exceed by more: one
    // minimum, the same for all atoms that share levels, over such columns.
    for ((least, levels), &highest) in frame.iter_mut().zip(&block.levels).zip(highest) {
        *least = if highest <= greatest { *levels } else { Wide::splat(1.0) };
    }
    structure.select.minima(frame);
    let kept = block.kept(config);
    for (atom, (target, &register)) in block.targets.iter().zip(&structure.select.outputs).enumerate() {
        let least = &frame[register as usize];
        if !least.iter().zip(target.iter()).fold(false, |any, (&least, &y)| any | (least - y > greatest)) {
            continue;
        }
        for lane in (0..LANES).filter(|&lane| kept[lane]) {
            // A row that cannot exceed the greatest distance need not be known exactly.
            if least[lane] - target[lane] <= greatest {
                continue;
            }
            let columns = structure.levels(atom).map(|level| {
                let column = level.index();
                (block.levels[column][lane], move |y| envelopes[column].query(y))
            });
            let distance = row_distance(target[lane], 1.0, greatest, columns);
            if distance > greatest && config.threshold.is_none_or(|threshold| distance < threshold) {
                greatest = distance;
            }
        }
    }
    greatest
}

/// What some blocks ask of the lowest approximate solution, \[s_1, r_1, …\]; the greatest over all
/// blocks is it.
pub(super) fn solution(
    structure: &Structure,
    blocks: &[Block],
    distance: f32,
    config: &LearningConfig,
    fixed: &[(usize, f32)],
) -> Vec<f32> {
    let none = || vec![0.0f32; 2 * structure.rules];
    let take_in = |mut x: Vec<f32>, block: &Block| {
        let kept = block.kept(config);
        for ((x, levels), tops) in x.iter_mut().zip(&block.levels).zip(&block.tops) {
            if !exceed(tops, levels, distance) {
                continue;
            }
            for lane in (0..LANES).filter(|&lane| kept[lane]) {
                *x = x.max(epsilon(levels[lane], (tops[lane] - distance).max(0.0), config.tolerance));
            }
        }
        x
    };
    let mut x = blocks.par_iter().fold(none, take_in).reduce(none, |mut x, other| {
        raise(&mut x, &other);
        x
    });
    fixed.iter().for_each(|&(column, degree)| x[column] = degree);
    x
}

/// Raises each degree to another.
pub(super) fn raise(degrees: &mut [f32], to: &[f32]) {
    for (degree, &to) in degrees.iter_mut().zip(to) {
        *degree = degree.max(to);
    }
}
