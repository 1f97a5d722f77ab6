use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

use super::lanes::{LANES, Lane};
use super::program::{Scratch, Source, Stage};
use super::{Error, Parameters, Program, Relation, RuleSetParameters};
use crate::possibility::{Distribution, check_degrees};
use crate::rules::RuleBase;

/// Blocks of [`LANES`] examples that a thread takes at once.
const BLOCKS_PER_TASK: usize = 4;

/// A rule base and its parameters, ready to run. Cheap to clone and to share between threads.
#[derive(Debug, Clone)]
pub struct Engine {
    program: Arc<Program>,
    parameters: Arc<Vec<RuleSetParameters>>,
}

/// The degrees of every input for a number of examples, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// One row an example: the inputs' degrees one after the other.
    pub(crate) rows: Array2<f32>,
}

/// What was inferred for one example: a distribution for every derived attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Inference {
    distributions: Vec<Distribution>,
}

/// What was inferred for a batch, for the attributes asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchInference {
    columns: Vec<(String, Range<usize>)>,
    degrees: Array2<f32>,
}

impl Engine {
    /// Compiles a rule base and checks its parameters.
    ///
    /// # Errors
    /// [`Error::Parameters`] unless there are an s and an r in \[0, 1\] for every rule.
    pub fn new(base: &RuleBase, parameters: &Parameters) -> Result<Self, Error> {
        let parameters = parameters.flat(base)?;
        Ok(Self::of(Arc::new(Program::new(base)), parameters))
    }

    /// Compiles a rule base whose rules are all certain: every s and r is 0.
    pub fn certain(base: &RuleBase) -> Self {
        let zeros = Parameters::certain(base).flat(base).expect("zeros for every rule");
        Self::of(Arc::new(Program::new(base)), zeros)
    }

    pub(crate) fn of(program: Arc<Program>, parameters: Vec<RuleSetParameters>) -> Self {
        Self { program, parameters: Arc::new(parameters) }
    }

    pub(crate) fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// The same rules with other parameters; nothing is compiled again.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_parameters(&self, parameters: &Parameters) -> Result<Self, Error> {
        Ok(Self::of(Arc::clone(&self.program), parameters.flat(self.base())?))
    }

    /// The rule base it was made from.
    pub fn base(&self) -> &RuleBase {
        &self.program.base
    }

    /// Infers every derived attribute from the degrees of the inputs, each in domain order.
    ///
    /// # Errors
    /// [`Error::MissingInput`], [`Error::UnknownInput`], [`Error::DuplicateInput`] or
    /// [`Error::Degrees`] for inputs that are not as expected.
    pub fn infer(&self, inputs: &[(&str, &[f32])]) -> Result<Inference, Error> {
        let stages = &self.program.stages;
        let trace = self.trace(inputs, stages.len())?;
        let distribution = |(stage, atoms): (&Stage, &Vec<f32>)| {
            let attribute = &self.base().attributes()[stage.attribute];
            let class_of = stage.structure.partition.class_of();
            Distribution::trusted(attribute.clone(), class_of.iter().map(|&class| atoms[class as usize]).collect())
        };
        Ok(Inference { distributions: stages.iter().zip(&trace.atoms).map(distribution).collect() })
    }

    /// Gathers a batch from one array of shape (examples, values) for each input.
    ///
    /// # Errors
    /// As [`Self::infer`], with [`Error::Example`] naming the example, and
    /// [`Error::BatchLength`] for arrays of different heights.
    pub fn batch(&self, inputs: &[(&str, ArrayView2<'_, f32>)]) -> Result<Batch, Error> {
        let columns = self.columns(inputs)?;
        let examples = columns.first().map_or(0, |column| column.nrows());
        let mut rows = Array2::zeros((examples, self.program.input_width()));
        for (input, column) in self.program.inputs.iter().zip(columns) {
            let name = self.base().attributes()[input.attribute].name();
            if column.nrows() != examples {
                return Err(Error::BatchLength { name: name.to_owned(), found: column.nrows(), expected: examples });
            }
            for (row, degrees) in column.outer_iter().enumerate() {
                check_degrees(name, input.len, &degrees.to_vec())
                    .map_err(|e| Error::Example { row, error: Box::new(e.into()) })?;
            }
            rows.slice_mut(s![.., input.offset..input.offset + input.len]).assign(&column);
        }
        Ok(Batch { rows })
    }

    /// Infers the named attributes for every example of a batch, in parallel.
    ///
    /// # Errors
    /// [`Error::UnknownDerived`] for a name that no rule concludes on.
    pub fn infer_batch(&self, batch: &Batch, attributes: &[&str]) -> Result<BatchInference, Error> {
        let mut stages = Vec::new();
        let mut columns: Vec<(String, Range<usize>)> = Vec::new();
        let mut end = 0;
        for &name in attributes {
            let stage = self.stage(name)?;
            if !stages.contains(&stage) {
                let start = end;
                end += self.program.stages[stage].structure.partition.class_of().len();
                columns.push((name.to_owned(), start..end));
                stages.push(stage);
            }
        }
        Ok(BatchInference { columns, degrees: self.run(batch, &stages) })
    }

    /// The matrix relation O = M □ I of a rule set, for inspection; inference does not use it.
    ///
    /// # Errors
    /// [`Error::UnknownDerived`] for a name that no rule concludes on.
    pub fn relation(&self, attribute: &str) -> Result<Relation, Error> {
        let stage = self.stage(attribute)?;
        Ok(Relation::new(&self.program.stages[stage].structure, &self.parameters[stage]))
    }

    /// The vector I = \[λ_1, ρ_1, …\] of a rule set's premises for one example.
    ///
    /// # Errors
    /// As [`Self::infer`] and [`Self::relation`].
    pub fn premises(&self, attribute: &str, inputs: &[(&str, &[f32])]) -> Result<Vec<f32>, Error> {
        let stage = self.stage(attribute)?;
        Ok(self.trace(inputs, stage + 1)?.premises.swap_remove(stage))
    }

    /// The parameters s and r of the rules on an attribute; `None` if no rule concludes on it.
    pub fn parameters_of(&self, attribute: &str) -> Option<(&[f32], &[f32])> {
        let RuleSetParameters { s, r } = &self.parameters[self.stage(attribute).ok()?];
        Some((s, r))
    }

    pub(crate) fn stage_parameters(&self, stage: usize) -> &RuleSetParameters {
        &self.parameters[stage]
    }

    /// The place in the cascade of the rule set on an attribute.
    pub(crate) fn stage(&self, name: &str) -> Result<usize, Error> {
        if let Some(position) = self.base().position(name)
            && let Source::Stage(stage) = self.program.sources[position]
        {
            return Ok(stage);
        }
        let derived = self.program.stages.iter().map(|stage| self.base().attributes()[stage.attribute].name());
        Err(Error::UnknownDerived { name: name.to_owned(), known: derived.collect::<Vec<_>>().join(", ") })
    }

    /// What is given for each input, in the program's order.
    fn columns<T: Copy>(&self, given: &[(&str, T)]) -> Result<Vec<T>, Error> {
        let name = |attribute: usize| self.base().attributes()[attribute].name();
        let mut columns = vec![None; self.program.inputs.len()];
        for &(given, value) in given {
            let source = self.base().position(given).map(|position| self.program.sources[position]);
            let Some(Source::Input(input)) = source else {
                let known = self.base().inputs().map(|a| a.name()).collect::<Vec<_>>().join(", ");
                return Err(Error::UnknownInput { name: given.to_owned(), known });
            };
            if columns[input].replace(value).is_some() {
                return Err(Error::DuplicateInput(given.to_owned()));
            }
        }
        let found = |(column, input): (Option<T>, &super::program::Input)| {
            column.ok_or_else(|| Error::MissingInput(name(input.attribute).to_owned()))
        };
        columns.into_iter().zip(&self.program.inputs).map(found).collect()
    }

    pub(super) fn row(&self, inputs: &[(&str, &[f32])]) -> Result<Vec<f32>, Error> {
        let columns = self.columns(inputs)?;
        for (input, degrees) in self.program.inputs.iter().zip(&columns) {
            check_degrees(self.base().attributes()[input.attribute].name(), input.len, degrees)?;
        }
        Ok(columns.concat())
    }

    /// Runs the program on a batch and spreads the atoms of some (distinct) stages over their domains.
    fn run(&self, batch: &Batch, wanted: &[usize]) -> Array2<f32> {
        let stages = &self.program.stages;
        let mut place = vec![None; stages.len()];
        let mut width = 0;
        for &stage in wanted {
            place[stage] = Some(width);
            width += stages[stage].structure.partition.class_of().len();
        }
        let last = wanted.iter().max().map_or(0, |&last| last + 1);
        let examples = batch.rows.nrows();
        let mut output = vec![0.0; examples * width];
        if width == 0 || examples == 0 {
            return Array2::zeros((examples, width));
        }
        let input_width = self.program.input_width();
        let rows = batch.rows.as_slice().expect("batches are in standard layout");
        let task = |scratch: &mut Scratch, (output, rows): (&mut [f32], &[f32])| {
            for (output, rows) in output.chunks_mut(LANES * width).zip(rows.chunks(LANES * input_width)) {
                self.program.read_inputs(rows, scratch);
                for (i, stage) in stages[..last].iter().enumerate() {
                    stage.premises(scratch);
                    stage.conclude(&self.parameters[i], scratch);
                    stage.publish(scratch);
                    if let Some(start) = place[i] {
                        spread(&scratch.atoms, stage.structure.partition.class_of(), &mut output[start..], width);
                    }
                }
            }
        };
        let (outputs, inputs) = (LANES * width * BLOCKS_PER_TASK, LANES * input_width * BLOCKS_PER_TASK);
        output.par_chunks_mut(outputs).zip(rows.par_chunks(inputs)).for_each_init(|| self.program.scratch(), task);
        Array2::from_shape_vec((examples, width), output).expect("one row an example")
    }
}

/// Writes each value's degree, that of its atom, into the rows of a block of examples.
fn spread(atoms: &[Lane], class_of: &[u32], output: &mut [f32], width: usize) {
    for (lane, row) in output.chunks_mut(width).take(LANES).enumerate() {
        for (degree, &class) in row.iter_mut().zip(class_of) {
            *degree = atoms[class as usize][lane];
        }
    }
}

impl Batch {
    /// The number of examples.
    pub fn len(&self) -> usize {
        self.rows.nrows()
    }

    /// Whether there is no example.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Inference {
    /// The distribution of a derived attribute.
    pub fn get(&self, name: &str) -> Option<&Distribution> {
        self.distributions.iter().find(|d| d.attribute().name() == name)
    }

    /// All distributions, in cascade order.
    pub fn iter(&self) -> impl Iterator<Item = &Distribution> {
        self.distributions.iter()
    }
}

impl BatchInference {
    /// The degrees of an attribute that was asked for, shape (examples, values).
    pub fn get(&self, name: &str) -> Option<ArrayView2<'_, f32>> {
        let (_, range) = self.columns.iter().find(|(known, _)| known == name)?;
        Some(self.degrees.slice(s![.., range.clone()]))
    }
}
