//! From a rule base to a program.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

use super::lists::Lists;
use super::network::NetworkBuilder;
use super::{Input, Measure, Partition, Program, Schedule, Stage, Structure, levels};
use crate::rules::{RuleBase, RuleSet, Subset};

impl Program {
    pub fn new(base: &RuleBase) -> Self {
        let mut compiler = Compiler::new(base);
        let stages: Vec<Stage> = base.rule_sets().iter().map(|set| compiler.stage(set)).collect();
        let inputs = base.input_positions().iter().zip(base.input_columns());
        let inputs: Vec<Input> =
            inputs.map(|(&attribute, columns)| compiler.input(attribute, columns.clone())).collect();
        let mut reads = Lists::default();
        for set in base.rule_sets() {
            reads.push(set.reads().into_iter().map(|attribute| attribute as u32));
        }
        let selecting = compiler.structures.iter().map(|structure| structure.select.registers());
        let measuring = compiler.measures.iter().map(|measure| measure.network.registers());
        Self {
            base: base.clone(),
            registers: selecting.chain(measuring).max().unwrap_or(0),
            propositions: compiler.propositions,
            structures: compiler.structures,
            measures: compiler.measures,
            premises: compiler.premises,
            inputs,
            stages,
            whole: Schedule::new(base, &reads, (0..base.rule_sets().len()).collect()),
            reads,
        }
    }
}

/// The propositions on one attribute: the number of the first, and what each asks for.
struct Asked {
    first: usize,
    subsets: Vec<Subset>,
}

struct Compiler<'b> {
    base: &'b RuleBase,
    /// By attribute.
    asked: HashMap<usize, Asked>,
    propositions: usize,
    premises: Lists,
    rules: usize,
    atoms: usize,
    structures: Vec<Structure>,
    structure_of: HashMap<Vec<Subset>, usize>,
    measures: Vec<Measure>,
    /// By the structure of the attribute, if it is derived, and what is asked about it.
    measure_of: HashMap<(Option<usize>, Vec<Subset>), usize>,
    numbers: HashMap<(usize, Subset), u32>,
}

impl<'b> Compiler<'b> {
    /// Numbers the propositions: those on one attribute follow each other.
    fn new(base: &'b RuleBase) -> Self {
        let mut order = Vec::new();
        let mut asked: HashMap<usize, Asked> = HashMap::new();
        let mut numbers: HashMap<(usize, Subset), u32> = HashMap::new();
        for proposition in base.rule_sets().iter().flat_map(RuleSet::rules).flat_map(|rule| rule.premise()) {
            let (attribute, subset) = (proposition.attribute(), proposition.subset());
            if let Entry::Vacant(vacant) = numbers.entry((attribute, subset.clone())) {
                let on = asked.entry(attribute).or_insert_with(|| {
                    order.push(attribute);
                    Asked { first: 0, subsets: Vec::new() }
                });
                // Counted within its attribute, for now.
                vacant.insert(on.subsets.len() as u32);
                on.subsets.push(subset.clone());
            }
        }
        let mut propositions = 0;
        for attribute in order {
            let on = asked.get_mut(&attribute).expect("asked about");
            on.first = propositions;
            propositions += on.subsets.len();
        }
        for ((attribute, _), number) in &mut numbers {
            *number += asked[attribute].first as u32;
        }
        Self {
            base,
            asked,
            propositions,
            premises: Lists::default(),
            rules: 0,
            atoms: 0,
            structures: Vec::new(),
            structure_of: HashMap::new(),
            measures: Vec::new(),
            measure_of: HashMap::new(),
            numbers,
        }
    }

    fn stage(&mut self, set: &RuleSet) -> Stage {
        for rule in set.rules() {
            let number = |p: &crate::rules::Proposition| self.numbers[&(p.attribute(), p.subset().clone())];
            self.premises.push(rule.premise().iter().map(number));
        }
        let values = self.base.conclusion(set).domain().len();
        let conclusions: Vec<Subset> = set.rules().iter().map(|rule| rule.conclusion().subset().clone()).collect();
        let structure = *self.structure_of.entry(conclusions).or_insert_with_key(|conclusions| {
            self.structures.push(Structure::new(values, conclusions));
            self.structures.len() - 1
        });
        let rules = self.rules..self.rules + set.rules().len();
        let atoms = self.atoms..self.atoms + self.structures[structure].partition.len();
        (self.rules, self.atoms) = (rules.end, atoms.end);
        let measure = self.asked.contains_key(&set.attribute()).then(|| self.measure(set.attribute(), Some(structure)));
        Stage {
            attribute: set.attribute(),
            rules,
            atoms,
            propositions: self.propositions_on(set.attribute()),
            structure,
            measure,
        }
    }

    fn input(&mut self, attribute: usize, columns: Range<usize>) -> Input {
        let propositions = self.propositions_on(attribute);
        Input { columns, propositions, measure: self.measure(attribute, None) }
    }

    fn propositions_on(&self, attribute: usize) -> Range<usize> {
        self.asked.get(&attribute).map_or(0..0, |asked| asked.first..asked.first + asked.subsets.len())
    }

    /// The measure of an attribute that is asked about; `structure` is its, if it is derived.
    fn measure(&mut self, attribute: usize, structure: Option<usize>) -> usize {
        let subsets = &self.asked[&attribute].subsets;
        *self.measure_of.entry((structure, subsets.clone())).or_insert_with_key(|(_, subsets)| {
            let measure = match structure.map(|structure| &self.structures[structure]) {
                Some(Structure { partition, select, .. }) => {
                    Measure::new(partition.class_of(), &select.outputs, select.registers(), subsets)
                }
                None => {
                    let values: Vec<u32> = (0..self.base.attributes()[attribute].domain().len() as u32).collect();
                    Measure::new(&values, &values, values.len(), subsets)
                }
            };
            self.measures.push(measure);
            self.measures.len() - 1
        })
    }
}

impl Structure {
    /// The atoms of so many values by the conclusions of rules on them.
    fn new(values: usize, conclusions: &[Subset]) -> Self {
        let partition = Partition::new(values, conclusions);
        let rules = conclusions.len();
        let places = |atom| levels(&partition, rules, atom).map(|level| level.index() as u32).collect();
        let levels: Vec<Vec<u32>> = (0..partition.len()).map(places).collect();
        let levels: Vec<&[u32]> = levels.iter().map(Vec::as_slice).collect();
        let mut builder = NetworkBuilder::new(2 * rules);
        let registers: Vec<u32> = (0..2 * rules as u32).collect();
        // The two levels of a rule stay together: every atom takes one of them.
        let outputs = builder.subsets(&registers, 2, &levels);
        let outputs = outputs.into_iter().map(|output| output.expect("at least one rule")).collect();
        Self { select: builder.finish(outputs), partition, rules }
    }
}

impl Measure {
    /// `element_of` gives for each value its element (itself, or its atom), `registers` those
    /// of the elements, among so many given ones.
    fn new(element_of: &[u32], registers: &[u32], given: usize, subsets: &[Subset]) -> Self {
        let meets = |wanted: bool, subset: &Subset| {
            let mut met = vec![false; registers.len()];
            for (value, &element) in element_of.iter().enumerate() {
                met[element as usize] |= subset.contains(value) == wanted;
            }
            Subset::new(met)
        };
        // P and its complement: both may meet an atom.
        let sets: Vec<Subset> = subsets.iter().flat_map(|subset| [meets(true, subset), meets(false, subset)]).collect();
        let cells = Partition::new(registers.len(), &sets);
        let mut builder = NetworkBuilder::new(given + 1);
        let cell = |cell: usize| {
            let elements = cells.class_of().iter().zip(registers).filter(move |(of, _)| **of as usize == cell);
            builder.all(elements.map(|(_, &register)| register)).expect("classes are not empty")
        };
        let cell_registers: Vec<u32> = (0..cells.len()).map(cell).collect();
        let held = |set: usize| (0..cells.len() as u32).filter(|&cell| cells.contains(set, cell as usize)).collect();
        let held: Vec<Vec<u32>> = (0..sets.len()).map(held).collect();
        let held: Vec<&[u32]> = held.iter().map(Vec::as_slice).collect();
        let outputs = builder.subsets(&cell_registers, 1, &held);
        let outputs = outputs.into_iter().map(|output| output.unwrap_or(given as u32)).collect();
        Self { zero: given, network: builder.finish(outputs) }
    }
}
