use std::collections::HashMap;
use std::sync::Arc;

use super::lanes::{LANES, Lane, max_into, min_into};
use super::{Partition, RuleSetParameters};
use crate::rules::{RuleBase, RuleSet, Subset};

/// A compiled rule base, without its parameters.
#[derive(Debug)]
pub(crate) struct Program {
    pub base: RuleBase,
    pub inputs: Vec<Input>,
    pub stages: Vec<Stage>,
    /// Where the degrees of each attribute of the base come from.
    pub sources: Vec<Source>,
    /// Propositions read anywhere; each has a number.
    pub propositions: usize,
}

/// Where the degrees of an attribute come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nowhere: no rule mentions it.
    Unused,
    /// The input of this number.
    Input(usize),
    /// The rule set of this number in the cascade.
    Stage(usize),
}

/// An input attribute.
#[derive(Debug)]
pub(crate) struct Input {
    pub attribute: usize,
    /// Where its degrees start in the row of an example.
    pub offset: usize,
    pub len: usize,
    reader: Reader,
}

/// A rule set.
#[derive(Debug)]
pub(crate) struct Stage {
    pub attribute: usize,
    pub structure: Arc<Structure>,
    /// For each rule, the numbers of its premise's propositions.
    pub premises: Vec<Vec<u32>>,
    reader: Option<Reader>,
}

/// The atoms of a rule set. Sets whose conclusions are alike share it.
#[derive(Debug)]
pub(crate) struct Structure {
    pub partition: Partition,
    pub rules: usize,
    /// For each atom and rule, 2i if the atom is in Q_i and 2i + 1 if not: the place of α_i or
    /// β_i among [α_1, β_1, α_2, …].
    pub selectors: Vec<u32>,
}

/// Finds Π(P) and Π(not P) for every proposition on one attribute.
#[derive(Debug)]
struct Reader {
    /// Numbers of the propositions.
    propositions: Vec<u32>,
    shape: Arc<ReaderShape>,
}

/// Elements (atoms, or values of an input) that no proposition tells apart form a cell; a
/// proposition then is a list of cells. Attributes read alike share it.
#[derive(Debug)]
struct ReaderShape {
    cells: Partition,
    /// For each proposition, the cells that meet P and those that meet its complement: not always
    /// complementary, since P may split an atom.
    meets: Vec<(Vec<u32>, Vec<u32>)>,
}

/// Degrees of one block of examples while a program runs.
pub(crate) struct Scratch {
    /// Π(P) and Π(not P) of every proposition.
    pub read: Vec<[Lane; 2]>,
    /// α_1, β_1, α_2, … of the rule set at hand.
    pub levels: Vec<Lane>,
    /// The atoms of the rule set at hand.
    pub atoms: Vec<Lane>,
    cells: Vec<Lane>,
}

impl Program {
    pub fn new(base: &RuleBase) -> Self {
        let mut compiler = Compiler::default();
        compiler.number_propositions(base);
        let stages: Vec<Stage> = base.rule_sets().iter().map(|set| compiler.stage(base, set)).collect();
        let mut inputs = Vec::new();
        let mut offset = 0;
        for &attribute in base.input_positions() {
            let len = base.attributes()[attribute].domain().len();
            let reader = compiler.reader(attribute, None, len).expect("inputs are read");
            inputs.push(Input { attribute, offset, len, reader });
            offset += len;
        }
        let mut sources = vec![Source::Unused; base.attributes().len()];
        for (i, input) in inputs.iter().enumerate() {
            sources[input.attribute] = Source::Input(i);
        }
        for (i, stage) in stages.iter().enumerate() {
            sources[stage.attribute] = Source::Stage(i);
        }
        Self { base: base.clone(), inputs, stages, sources, propositions: compiler.numbers.len() }
    }

    /// The degrees of one example's inputs.
    pub fn input_width(&self) -> usize {
        self.inputs.iter().map(|input| input.len).sum()
    }

    pub fn scratch(&self) -> Scratch {
        let most = |count: fn(&Stage) -> usize| self.stages.iter().map(count).max().unwrap_or(0);
        let cells = self.inputs.iter().map(|i| &i.reader).chain(self.stages.iter().filter_map(|s| s.reader.as_ref()));
        Scratch {
            read: vec![[[0.0; LANES]; 2]; self.propositions],
            levels: vec![[0.0; LANES]; 2 * most(|stage| stage.structure.rules)],
            atoms: vec![[0.0; LANES]; most(|stage| stage.structure.partition.len())],
            cells: vec![[0.0; LANES]; cells.map(|reader| reader.shape.cells.len()).max().unwrap_or(0)],
        }
    }

    /// Reads the inputs of up to [`LANES`] examples, given row by row.
    pub fn read_inputs(&self, rows: &[f32], scratch: &mut Scratch) {
        let width = self.input_width();
        for input in &self.inputs {
            input.read(rows, width, scratch);
        }
    }
}

impl Input {
    /// Reads this input alone from rows of all inputs, `width` degrees each.
    #[inline]
    pub fn read(&self, rows: &[f32], width: usize, scratch: &mut Scratch) {
        let shape = &self.reader.shape.cells;
        let cells = &mut scratch.cells[..shape.len()];
        cells.fill([0.0; LANES]);
        for (lane, row) in rows.chunks_exact(width).enumerate() {
            for (&degree, &cell) in row[self.offset..self.offset + self.len].iter().zip(shape.class_of()) {
                let highest = &mut cells[cell as usize][lane];
                *highest = if degree > *highest { degree } else { *highest };
            }
        }
        self.reader.read(cells, &mut scratch.read);
    }

    /// The numbers of the propositions on it.
    pub fn propositions(&self) -> &[u32] {
        &self.reader.propositions
    }
}

// The steps of a program are inlined into every loop that runs it: 8 % fewer instructions.

impl Stage {
    /// λ_i and ρ_i of each rule, from what has been read, into `levels`.
    #[inline]
    pub fn premises(&self, scratch: &mut Scratch) {
        for (premise, levels) in self.premises.iter().zip(scratch.levels.chunks_exact_mut(2)) {
            let [lambda, rho] = levels else { unreachable!("chunks of two") };
            (*lambda, *rho) = ([1.0; LANES], [0.0; LANES]);
            for &proposition in premise {
                let [holds, fails] = &scratch.read[proposition as usize];
                min_into(lambda, holds);
                max_into(rho, fails);
            }
        }
    }

    /// The atoms' degrees, from λ and ρ in `levels`, which become α and β.
    #[inline]
    pub fn conclude(&self, parameters: &RuleSetParameters, scratch: &mut Scratch) {
        let levels = &mut scratch.levels[..2 * self.structure.rules];
        self.apply(parameters, levels);
        self.structure.select(levels, &mut scratch.atoms);
    }

    /// Turns λ_1, ρ_1, … into α_1, β_1, ….
    #[inline]
    pub fn apply(&self, parameters: &RuleSetParameters, levels: &mut [Lane]) {
        for ((levels, &s), &r) in levels.chunks_exact_mut(2).zip(&parameters.s).zip(&parameters.r) {
            max_into(&mut levels[0], &[s; LANES]);
            max_into(&mut levels[1], &[r; LANES]);
        }
    }

    /// The numbers of the propositions on its attribute.
    pub fn propositions(&self) -> &[u32] {
        self.reader.as_ref().map_or(&[], |reader| &reader.propositions)
    }

    /// Makes the concluded degrees available to the premises of later stages.
    #[inline]
    pub fn publish(&self, scratch: &mut Scratch) {
        let Some(reader) = &self.reader else { return };
        let cells = &mut scratch.cells[..reader.shape.cells.len()];
        cells.fill([0.0; LANES]);
        for (atom, &cell) in scratch.atoms.iter().zip(reader.shape.cells.class_of()) {
            max_into(&mut cells[cell as usize], atom);
        }
        reader.read(cells, &mut scratch.read);
    }
}

impl Structure {
    /// For each atom, the least of the α_i whose conclusion holds it and the β_i of the others.
    #[inline]
    pub fn select(&self, levels: &[Lane], atoms: &mut [Lane]) {
        for (selectors, atom) in self.selectors.chunks_exact(self.rules).zip(atoms) {
            let mut least = [1.0; LANES];
            for &selector in selectors {
                min_into(&mut least, &levels[selector as usize]);
            }
            *atom = least;
        }
    }
}

impl Reader {
    #[inline]
    fn read(&self, cells: &[Lane], read: &mut [[Lane; 2]]) {
        let highest = |list: &[u32]| {
            let mut highest = [0.0; LANES];
            for &cell in list {
                max_into(&mut highest, &cells[cell as usize]);
            }
            highest
        };
        for (&proposition, (holds, fails)) in self.propositions.iter().zip(&self.shape.meets) {
            read[proposition as usize] = [highest(holds), highest(fails)];
        }
    }
}

/// What a reader's shape follows from: the conclusions on the attribute, if it is derived, and the
/// propositions on it.
type ShapeKey = (Option<Vec<Subset>>, Vec<Subset>);

#[derive(Default)]
struct Compiler {
    numbers: HashMap<(usize, Subset), u32>,
    /// The propositions on each attribute, with their numbers.
    on: HashMap<usize, Vec<(Subset, u32)>>,
    structures: HashMap<Vec<Subset>, Arc<Structure>>,
    shapes: HashMap<ShapeKey, Arc<ReaderShape>>,
}

impl Compiler {
    fn number_propositions(&mut self, base: &RuleBase) {
        for proposition in base.rule_sets().iter().flat_map(RuleSet::rules).flat_map(|rule| rule.premise()) {
            let next = self.numbers.len() as u32;
            let (attribute, subset) = (proposition.attribute(), proposition.subset().clone());
            self.numbers.entry((attribute, subset.clone())).or_insert_with(|| {
                self.on.entry(attribute).or_default().push((subset, next));
                next
            });
        }
    }

    fn stage(&mut self, base: &RuleBase, set: &RuleSet) -> Stage {
        let len = base.conclusion(set).domain().len();
        let conclusions: Vec<Subset> = set.rules().iter().map(|rule| rule.conclusion().subset().clone()).collect();
        let structure = self.structures.entry(conclusions.clone()).or_insert_with_key(|conclusions| {
            let partition = Partition::new(len, conclusions);
            let rules = conclusions.len();
            let select = |atom: usize, rule: usize| 2 * rule as u32 + u32::from(!partition.contains(rule, atom));
            let selectors =
                (0..partition.len()).flat_map(|atom| (0..rules).map(move |rule| select(atom, rule))).collect();
            Arc::new(Structure { selectors, rules, partition: partition.clone() })
        });
        let structure = Arc::clone(structure);
        let number = |p: &crate::rules::Proposition| self.numbers[&(p.attribute(), p.subset().clone())];
        let premises = set.rules().iter().map(|rule| rule.premise().iter().map(number).collect()).collect();
        let reader = self.reader(set.attribute(), Some((&structure, conclusions)), len);
        Stage { attribute: set.attribute(), structure, premises, reader }
    }

    /// The reader of an attribute whose elements are its values or, if derived, its atoms.
    fn reader(&mut self, attribute: usize, derived: Option<(&Structure, Vec<Subset>)>, len: usize) -> Option<Reader> {
        let (subsets, propositions): (Vec<Subset>, Vec<u32>) = self.on.get(&attribute)?.iter().cloned().unzip();
        let (structure, conclusions) = derived.unzip();
        let shape = self.shapes.entry((conclusions, subsets)).or_insert_with_key(|(_, subsets)| {
            let values: Vec<u32> = (0..len as u32).collect();
            let element_of = structure.map_or(values.as_slice(), |structure| structure.partition.class_of());
            Arc::new(ReaderShape::new(element_of, subsets))
        });
        Some(Reader { propositions, shape: Arc::clone(shape) })
    }
}

impl ReaderShape {
    fn new(element_of: &[u32], subsets: &[Subset]) -> Self {
        let elements = element_of.iter().max().map_or(0, |&last| last as usize + 1);
        let meets = |wanted: bool, subset: &Subset| {
            let mut met = vec![false; elements];
            for (value, &element) in element_of.iter().enumerate() {
                met[element as usize] |= subset.contains(value) == wanted;
            }
            Subset::new(met)
        };
        let sets: Vec<Subset> = subsets.iter().flat_map(|subset| [meets(true, subset), meets(false, subset)]).collect();
        let cells = Partition::new(elements, &sets);
        let list =
            |set: usize| (0..cells.len()).filter(|&cell| cells.contains(set, cell)).map(|cell| cell as u32).collect();
        let meets = (0..subsets.len()).map(|i| (list(2 * i), list(2 * i + 1))).collect();
        Self { meets, cells }
    }
}
