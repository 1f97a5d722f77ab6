//! A rule base compiled once into flat buffers, and the one runner of them.
//!
//! [`Program::new`] compiles: every rule set becomes a [`Structure`] (its atoms, and a [`Network`]
//! that finds their degrees from α_1, β_1, …), every attribute that premises ask about a
//! [`Measure`] (a network that finds Π(P) and Π(not P) of all propositions on it). [`Runner`] runs
//! it, rule set by rule set, on one example or on [`LANES`] side by side; whoever needs λ, ρ, α, β
//! or atoms looks in as a [`Visitor`]. [`Trace`] keeps all of them for one example.

mod compile;
mod lanes;
mod level;
mod lists;
mod network;
mod partition;
mod run;
mod trace;

pub use partition::Partition;

pub(crate) use lanes::{LANES, Lane, Wide};
pub(crate) use level::{Level, Side};
pub(crate) use lists::Lists;
pub(crate) use network::Network;
pub(crate) use run::{Atoms, Floors, Runner, Visitor};
pub(crate) use trace::Trace;

use std::ops::Range;

use crate::rules::{RuleBase, Source};

/// A compiled rule base, without its parameters.
#[derive(Debug)]
pub(crate) struct Program {
    pub base: RuleBase,
    pub inputs: Vec<Input>,
    pub stages: Vec<Stage>,
    /// The propositions that premises ask about, each counted once.
    pub propositions: usize,
    structures: Vec<Structure>,
    measures: Vec<Measure>,
    /// For each rule, in cascade order, the numbers of its premise's propositions.
    premises: Lists,
    /// For each stage, the attributes its premises ask about.
    reads: Lists,
    /// All stages.
    pub whole: Schedule,
    /// Registers that a runner needs.
    registers: usize,
}

/// Some stages to run, in cascade order, with all that they depend on.
#[derive(Debug)]
pub(crate) struct Schedule {
    stages: Vec<usize>,
    /// For each of them, the inputs that none before it asks about: measured just before it runs,
    /// while what is measured is needed.
    fresh: Lists,
}

/// An input attribute.
#[derive(Debug)]
pub(crate) struct Input {
    /// Where its degrees stand in the row of an example.
    pub columns: Range<usize>,
    /// The propositions on it.
    pub propositions: Range<usize>,
    measure: usize,
}

/// A rule set.
#[derive(Debug)]
pub(crate) struct Stage {
    pub attribute: usize,
    /// Its rules among those of all stages; levels and parameters stand at twice these places.
    pub rules: Range<usize>,
    /// Its atoms among those of all stages.
    pub atoms: Range<usize>,
    /// The propositions on its attribute.
    pub propositions: Range<usize>,
    structure: usize,
    measure: Option<usize>,
}

/// The atoms of a rule set. Sets whose conclusions are alike share it.
#[derive(Debug)]
pub(crate) struct Structure {
    pub partition: Partition,
    pub rules: usize,
    /// From the levels \[α_1, β_1, …\] to the atoms' degrees: minima.
    pub select: Network,
}

/// Finds Π(P) and Π(not P) of every proposition on an attribute: maxima. Attributes that are
/// asked about alike share it.
///
/// Its given registers are those of the values (of an input) or of a rule set's [`Structure`],
/// and one more that is always 0, for propositions that no value contradicts. Elements (values or
/// atoms) that no proposition tells apart are joined first.
#[derive(Debug)]
struct Measure {
    /// The register that is 0.
    zero: usize,
    /// Outputs: Π(P) and Π(not P) of the first proposition, of the second, ….
    network: Network,
}

impl Stage {
    /// Its levels, or parameters, among those of all stages.
    pub fn levels(&self) -> Range<usize> {
        2 * self.rules.start..2 * self.rules.end
    }
}

impl Program {
    /// The atoms of a stage.
    pub fn structure(&self, stage: usize) -> &Structure {
        &self.structures[self.stages[stage].structure]
    }

    /// The numbers of the propositions of a rule's premise.
    pub fn premise(&self, stage: usize, rule: usize) -> &[u32] {
        self.premises.get(self.stages[stage].rules.start + rule)
    }

    /// The attributes that the premises of a stage ask about.
    pub fn reads(&self, stage: usize) -> &[u32] {
        self.reads.get(stage)
    }

    /// The rules of all stages.
    pub fn rules(&self) -> usize {
        self.stages.last().map_or(0, |stage| stage.rules.end)
    }

    /// The atoms of all stages.
    pub fn atoms(&self) -> usize {
        self.stages.last().map_or(0, |stage| stage.atoms.end)
    }

    /// The stages that some depend on, these included, to be run.
    pub fn schedule(&self, wanted: &[usize]) -> Schedule {
        let cone = self.cone(wanted);
        Schedule::new(&self.base, &self.reads, (0..cone.len()).filter(|&stage| cone[stage]).collect())
    }

    /// Which stages some depend on, these included.
    pub fn cone(&self, stages: &[usize]) -> Vec<bool> {
        let mut cone = vec![false; self.stages.len()];
        for &stage in stages {
            cone[stage] = true;
        }
        for stage in (0..self.stages.len()).rev() {
            if cone[stage] {
                for &attribute in self.reads(stage) {
                    if let Source::RuleSet(read) = self.base.source(attribute as usize) {
                        cone[read] = true;
                    }
                }
            }
        }
        cone
    }
}

impl Schedule {
    fn new(base: &RuleBase, reads: &Lists, stages: Vec<usize>) -> Self {
        let mut known = vec![false; base.input_positions().len()];
        let mut fresh = Lists::default();
        for &stage in &stages {
            let inputs = reads.get(stage).iter().filter_map(|&attribute| match base.source(attribute as usize) {
                Source::Input(input) => Some(input as u32),
                _ => None,
            });
            fresh.push(inputs.filter(|&input| !std::mem::replace(&mut known[input as usize], true)));
        }
        Self { stages, fresh }
    }

    /// The stages, each with its fresh inputs.
    fn steps(&self) -> impl Iterator<Item = (usize, &[u32])> {
        self.stages.iter().enumerate().map(|(i, &stage)| (stage, self.fresh.get(i)))
    }
}

impl Structure {
    /// The levels whose minimum is an atom's degree, rule by rule.
    pub fn levels(&self, atom: usize) -> impl Iterator<Item = Level> {
        levels(&self.partition, self.rules, atom)
    }
}

/// The levels that bear on an atom of a partition by so many conclusions.
fn levels(partition: &Partition, rules: usize, atom: usize) -> impl Iterator<Item = Level> {
    let side = move |rule| if partition.contains(rule, atom) { Side::Inside } else { Side::Outside };
    (0..rules).map(move |rule| Level { rule, side: side(rule) })
}
