//! The plain evaluator, as a baseline: sixteen cases side by side, every atom the minimum over all
//! rules, every proposition the maximum over all cells that it holds. No minimum or maximum is
//! shared, and every rule set up to the last one wanted is computed.
#![allow(dead_code)]

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array2, Axis, concatenate};
use pinesy::inference::{Cases, Engine, Partition, RuleSetParameters};
use pinesy::rules::{Proposition, RuleBase, RuleSet, Subset};
use rayon::prelude::*;

/// Cases computed together.
const LANES: usize = 16;
/// Blocks of [`LANES`] cases that a thread takes at once.
const BLOCKS_PER_TASK: usize = 4;

/// One degree for each of [`LANES`] cases.
type Lane = [f32; LANES];

/// A compiled rule base with its parameters.
pub struct Plain {
    inputs: Vec<Input>,
    stages: Vec<Stage>,
    /// By the attribute concluded on.
    stage_of: HashMap<String, usize>,
    /// Propositions read anywhere; each has a number.
    propositions: usize,
    /// The degrees of one case's inputs.
    width: usize,
}

/// Everything computed for one case.
pub struct Trace {
    /// Π(P) and Π(not P) of every proposition.
    pub read: Vec<[f32; 2]>,
    /// λ_1, ρ_1, λ_2, … of each rule set.
    pub premises: Vec<Vec<f32>>,
    /// The degrees of each rule set's atoms.
    pub atoms: Vec<Vec<f32>>,
    /// The degrees of each derived attribute's values.
    pub degrees: Vec<Vec<f32>>,
}

struct Input {
    name: String,
    /// Where its degrees stand in the row of a case.
    columns: Range<usize>,
    reader: Reader,
}

struct Stage {
    structure: Arc<Structure>,
    /// For each rule, the numbers of its premise's propositions.
    premises: Vec<Vec<u32>>,
    parameters: RuleSetParameters,
    /// None if no premise asks about the attribute.
    reader: Option<Reader>,
}

/// The atoms of a rule set. Sets whose conclusions are alike share it.
struct Structure {
    class_of: Vec<u32>,
    atoms: usize,
    rules: usize,
    /// For each atom and rule, 2i if the atom is in Q_i and 2i + 1 if not: the place of α_i or
    /// β_i among [α_1, β_1, α_2, …].
    selectors: Vec<u32>,
}

/// Finds Π(P) and Π(not P) for every proposition on one attribute.
struct Reader {
    /// Numbers of the propositions.
    propositions: Vec<u32>,
    shape: Arc<Shape>,
}

/// Elements (atoms, or values of an input) that no proposition tells apart form a cell; a
/// proposition then is a list of cells. Attributes read alike share it.
struct Shape {
    cells: usize,
    /// The cell of each element.
    cell_of: Vec<u32>,
    /// For each proposition, the cells that meet P and those that meet its complement: not always
    /// complementary, since P may split an atom.
    meets: Vec<[Vec<u32>; 2]>,
}

/// Degrees of one block of cases.
struct Scratch {
    /// Π(P) and Π(not P) of every proposition.
    read: Vec<[Lane; 2]>,
    /// α_1, β_1, α_2, … of the rule set at hand.
    levels: Vec<Lane>,
    /// The atoms of the rule set at hand.
    atoms: Vec<Lane>,
    cells: Vec<Lane>,
}

impl Plain {
    pub fn new(engine: &Engine) -> Self {
        let base = engine.base();
        let mut compiler = Compiler::default();
        compiler.number_propositions(base);
        let stages: Vec<Stage> = base.rule_sets().iter().map(|set| compiler.stage(engine, set)).collect();
        let (mut inputs, mut width) = (Vec::new(), 0);
        for attribute in base.inputs() {
            let columns = width..width + attribute.domain().len();
            let values: Vec<u32> = (0..columns.len() as u32).collect();
            let reader = compiler.reader(base.position(attribute.name()).unwrap(), None, &values);
            width = columns.end;
            inputs.push(Input { name: attribute.name().to_owned(), columns, reader: reader.unwrap() });
        }
        let names = base.rule_sets().iter().map(|set| base.conclusion(set).name().to_owned());
        let stage_of = names.enumerate().map(|(stage, name)| (name, stage)).collect();
        Self { inputs, stages, stage_of, propositions: compiler.numbers.len(), width }
    }

    /// Case after case, the degrees of all inputs: what [`Self::infer`] and [`Self::infer_batch`]
    /// take.
    pub fn rows(&self, cases: &Cases) -> Vec<f32> {
        let columns: Vec<_> = self.inputs.iter().map(|input| cases.input(&input.name).unwrap()).collect();
        let mut rows = Vec::with_capacity(cases.len() * self.width);
        for case in 0..cases.len() {
            for column in &columns {
                rows.extend(column.row(case).iter().copied());
            }
        }
        rows
    }

    /// Checks that it infers what the engine does: some attributes of all cases, and every one of
    /// the first case alone.
    pub fn assert_same(&self, engine: &Engine, cases: &Cases, attributes: &[&str]) {
        let rows = self.rows(cases);
        let inferred = engine.infer_batch(cases, attributes).unwrap();
        let columns: Vec<_> = attributes.iter().map(|name| inferred.get(name).unwrap()).collect();
        assert_eq!(self.infer_batch(&rows, attributes), concatenate(Axis(1), &columns).unwrap());
        let first = engine.infer(&cases.row(0)).unwrap();
        let degrees: Vec<Vec<f32>> = first.iter().map(|distribution| distribution.degrees().to_vec()).collect();
        assert_eq!(self.infer(&rows[..self.width]).degrees, degrees);
    }

    /// The degrees of some (distinct) derived attributes, one row a case, attribute after attribute.
    pub fn infer_batch(&self, rows: &[f32], attributes: &[&str]) -> Array2<f32> {
        let mut place = vec![None; self.stages.len()];
        let (mut width, mut last) = (0, 0);
        for &name in attributes {
            let stage = self.stage_of[name];
            place[stage] = Some(width);
            width += self.stages[stage].structure.class_of.len();
            last = last.max(stage + 1);
        }
        let cases = rows.len() / self.width;
        let mut output = vec![0.0; cases * width];
        let task = |scratch: &mut Scratch, (output, rows): (&mut [f32], &[f32])| {
            for (output, rows) in output.chunks_mut(LANES * width).zip(rows.chunks(LANES * self.width)) {
                self.read_inputs(rows, scratch);
                for (stage, place) in self.stages[..last].iter().zip(&place) {
                    stage.premises(scratch);
                    stage.conclude(scratch);
                    stage.publish(scratch);
                    if let Some(start) = *place {
                        spread(&scratch.atoms, &stage.structure.class_of, &mut output[start..], width);
                    }
                }
            }
        };
        let (outputs, inputs) = (LANES * width * BLOCKS_PER_TASK, LANES * self.width * BLOCKS_PER_TASK);
        output.par_chunks_mut(outputs).zip(rows.par_chunks(inputs)).for_each_init(|| self.scratch(), task);
        Array2::from_shape_vec((cases, width), output).unwrap()
    }

    /// Infers every derived attribute of one case, and keeps every intermediate degree.
    pub fn infer(&self, row: &[f32]) -> Trace {
        let mut scratch = self.scratch();
        self.read_inputs(row, &mut scratch);
        let first = |lanes: &[Lane]| -> Vec<f32> { lanes.iter().map(|lane| lane[0]).collect() };
        let (mut premises, mut atoms) = (Vec::with_capacity(self.stages.len()), Vec::with_capacity(self.stages.len()));
        for stage in &self.stages {
            stage.premises(&mut scratch);
            premises.push(first(&scratch.levels[..2 * stage.structure.rules]));
            stage.conclude(&mut scratch);
            atoms.push(first(&scratch.atoms[..stage.structure.atoms]));
            stage.publish(&mut scratch);
        }
        let read = scratch.read.iter().map(|[holds, fails]| [holds[0], fails[0]]).collect();
        let values = |(stage, atoms): (&Stage, &Vec<f32>)| -> Vec<f32> {
            stage.structure.class_of.iter().map(|&class| atoms[class as usize]).collect()
        };
        let degrees = self.stages.iter().zip(&atoms).map(values).collect();
        Trace { read, premises, atoms, degrees }
    }

    fn scratch(&self) -> Scratch {
        let most = |count: fn(&Stage) -> usize| self.stages.iter().map(count).max().unwrap_or(0);
        let readers = self.inputs.iter().map(|input| &input.reader);
        let readers = readers.chain(self.stages.iter().filter_map(|stage| stage.reader.as_ref()));
        Scratch {
            read: vec![[[0.0; LANES]; 2]; self.propositions],
            levels: vec![[0.0; LANES]; 2 * most(|stage| stage.structure.rules)],
            atoms: vec![[0.0; LANES]; most(|stage| stage.structure.atoms)],
            cells: vec![[0.0; LANES]; readers.map(|reader| reader.shape.cells).max().unwrap_or(0)],
        }
    }

    /// Reads the inputs of up to [`LANES`] cases, given row by row.
    fn read_inputs(&self, rows: &[f32], scratch: &mut Scratch) {
        for input in &self.inputs {
            input.read(rows, self.width, scratch);
        }
    }
}

/// Writes each value's degree, that of its atom, into the rows of a block of cases.
fn spread(atoms: &[Lane], class_of: &[u32], output: &mut [f32], width: usize) {
    for (lane, row) in output.chunks_mut(width).take(LANES).enumerate() {
        for (degree, &class) in row.iter_mut().zip(class_of) {
            *degree = atoms[class as usize][lane];
        }
    }
}

impl Input {
    #[inline]
    fn read(&self, rows: &[f32], width: usize, scratch: &mut Scratch) {
        let shape = &self.reader.shape;
        let cells = &mut scratch.cells[..shape.cells];
        cells.fill([0.0; LANES]);
        for (lane, row) in rows.chunks_exact(width).enumerate() {
            for (&degree, &cell) in row[self.columns.clone()].iter().zip(&shape.cell_of) {
                let highest = &mut cells[cell as usize][lane];
                *highest = if degree > *highest { degree } else { *highest };
            }
        }
        self.reader.read(cells, &mut scratch.read);
    }
}

impl Stage {
    /// λ_i and ρ_i of each rule, from what has been read, into `levels`.
    #[inline]
    fn premises(&self, scratch: &mut Scratch) {
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
    fn conclude(&self, scratch: &mut Scratch) {
        let levels = &mut scratch.levels[..2 * self.structure.rules];
        for ((levels, &s), &r) in levels.chunks_exact_mut(2).zip(&self.parameters.s).zip(&self.parameters.r) {
            max_into(&mut levels[0], &[s; LANES]);
            max_into(&mut levels[1], &[r; LANES]);
        }
        self.structure.select(levels, &mut scratch.atoms);
    }

    /// Makes the concluded degrees available to the premises of later stages.
    #[inline]
    fn publish(&self, scratch: &mut Scratch) {
        let Some(reader) = &self.reader else { return };
        let cells = &mut scratch.cells[..reader.shape.cells];
        cells.fill([0.0; LANES]);
        for (atom, &cell) in scratch.atoms.iter().zip(&reader.shape.cell_of) {
            max_into(&mut cells[cell as usize], atom);
        }
        reader.read(cells, &mut scratch.read);
    }
}

impl Structure {
    fn new(partition: &Partition, rules: usize) -> Self {
        let select = |atom: usize, rule: usize| 2 * rule as u32 + u32::from(!partition.contains(rule, atom));
        let selectors = (0..partition.len()).flat_map(|atom| (0..rules).map(move |rule| select(atom, rule))).collect();
        Self { selectors, rules, atoms: partition.len(), class_of: partition.class_of().to_vec() }
    }

    /// For each atom, the least of the α_i whose conclusion holds it and the β_i of the others.
    #[inline]
    fn select(&self, levels: &[Lane], atoms: &mut [Lane]) {
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
        for (&proposition, [holds, fails]) in self.propositions.iter().zip(&self.shape.meets) {
            read[proposition as usize] = [highest(holds), highest(fails)];
        }
    }
}

impl Shape {
    fn new(element_of: &[u32], subsets: &[Subset]) -> Self {
        let elements = element_of.iter().max().map_or(0, |&last| last as usize + 1);
        // For each element, which of P_1, not P_1, P_2, … meet it.
        let mut met = vec![vec![false; 2 * subsets.len()]; elements];
        for (value, &element) in element_of.iter().enumerate() {
            for (i, subset) in subsets.iter().enumerate() {
                met[element as usize][2 * i + usize::from(!subset.contains(value))] = true;
            }
        }
        let mut numbers: HashMap<Vec<bool>, u32> = HashMap::new();
        let mut cells: Vec<Vec<bool>> = Vec::new();
        let mut cell_of = Vec::with_capacity(elements);
        for met in met {
            let next = cells.len() as u32;
            let cell = *numbers.entry(met.clone()).or_insert(next);
            if cell == next {
                cells.push(met);
            }
            cell_of.push(cell);
        }
        let list =
            |side: usize| -> Vec<u32> { (0..cells.len() as u32).filter(|&cell| cells[cell as usize][side]).collect() };
        let meets = (0..subsets.len()).map(|i| [list(2 * i), list(2 * i + 1)]).collect();
        Self { cells: cells.len(), cell_of, meets }
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
    shapes: HashMap<ShapeKey, Arc<Shape>>,
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

    fn stage(&mut self, engine: &Engine, set: &RuleSet) -> Stage {
        let name = engine.base().conclusion(set).name();
        let conclusions: Vec<Subset> = set.rules().iter().map(|rule| rule.conclusion().subset().clone()).collect();
        let structure = self.structures.entry(conclusions.clone()).or_insert_with_key(|conclusions| {
            Arc::new(Structure::new(engine.partition(name).unwrap(), conclusions.len()))
        });
        let structure = Arc::clone(structure);
        let number = |p: &Proposition| self.numbers[&(p.attribute(), p.subset().clone())];
        let premises = set.rules().iter().map(|rule| rule.premise().iter().map(number).collect()).collect();
        let parameters = engine.parameters_of(name).unwrap();
        let reader = self.reader(set.attribute(), Some(conclusions), &structure.class_of);
        Stage { structure, premises, parameters, reader }
    }

    /// The reader of an attribute; `element_of` gives for each value the value itself or, if the
    /// attribute is derived, its atom.
    fn reader(&mut self, attribute: usize, conclusions: Option<Vec<Subset>>, element_of: &[u32]) -> Option<Reader> {
        let (subsets, propositions): (Vec<Subset>, Vec<u32>) = self.on.get(&attribute)?.iter().cloned().unzip();
        let shape = self
            .shapes
            .entry((conclusions, subsets))
            .or_insert_with_key(|(_, subsets)| Arc::new(Shape::new(element_of, subsets)));
        Some(Reader { propositions, shape: Arc::clone(shape) })
    }
}

/// Written as comparisons because degrees are never NaN: this compiles to one instruction.
#[inline]
fn min_into(least: &mut Lane, other: &Lane) {
    for (a, &b) in least.iter_mut().zip(other) {
        *a = if b < *a { b } else { *a };
    }
}

#[inline]
fn max_into(greatest: &mut Lane, other: &Lane) {
    for (a, &b) in greatest.iter_mut().zip(other) {
        *a = if b > *a { b } else { *a };
    }
}
