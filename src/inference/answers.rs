//! What inference gives: distributions of one case, arrays of many.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

use super::{Cases, Engine, Error};
use crate::possibility::{Attribute, Decision, Distribution, decide, necessity};
use crate::program::{Atoms, LANES, Program, Runner, Trace, Visitor, Wide};
use crate::rules::Source;

/// What was inferred for one case: a distribution for every derived attribute.
#[derive(Debug, Clone)]
pub struct Inference {
    program: Arc<Program>,
    trace: Trace,
}

impl Inference {
    pub(super) fn new(program: Arc<Program>, trace: Trace) -> Self {
        Self { program, trace }
    }

    /// The distribution of a derived attribute; none for a name that no rule concludes on.
    pub fn get(&self, name: &str) -> Option<Distribution> {
        match self.program.base.source(self.program.base.position(name)?) {
            Source::RuleSet(stage) => Some(self.distribution(stage)),
            _ => None,
        }
    }

    /// All distributions, in cascade order.
    pub fn iter(&self) -> impl Iterator<Item = Distribution> {
        (0..self.program.stages.len()).map(|stage| self.distribution(stage))
    }

    fn distribution(&self, stage: usize) -> Distribution {
        let atoms = self.trace.atoms_of(&self.program, stage);
        let class_of = self.program.structure(stage).partition.class_of();
        let attribute = self.program.base.attributes()[self.program.stages[stage].attribute].clone();
        Distribution::trusted(attribute, class_of.iter().map(|&class| atoms[class as usize]).collect())
    }
}

/// What was inferred for many cases, for the attributes asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchInference {
    columns: Vec<(Attribute, Range<usize>)>,
    degrees: Array2<f32>,
}

impl BatchInference {
    /// Of attributes with their columns in rows of degrees, case by case.
    pub(super) fn new(columns: Vec<(Attribute, Range<usize>)>, degrees: Array2<f32>) -> Self {
        Self { columns, degrees }
    }

    /// The number of cases.
    pub fn len(&self) -> usize {
        self.degrees.nrows()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The degrees of an attribute that was asked for, shape (cases, values).
    pub fn get(&self, name: &str) -> Option<ArrayView2<'_, f32>> {
        let (_, range) = self.columns.iter().find(|(attribute, _)| attribute.name() == name)?;
        Some(self.degrees.slice(s![.., range.clone()]))
    }

    /// The degrees of all attributes, shape (cases, values), in the order asked for.
    pub fn iter(&self) -> impl Iterator<Item = (&Attribute, ArrayView2<'_, f32>)> {
        self.columns.iter().map(|(attribute, range)| (attribute, self.degrees.slice(s![.., range.clone()])))
    }

    /// The distribution of an attribute that was asked for, in one case.
    ///
    /// # Panics
    /// If there is no such case.
    pub fn distribution(&self, name: &str, case: usize) -> Option<Distribution> {
        let (attribute, range) = self.columns.iter().find(|(attribute, _)| attribute.name() == name)?;
        Some(Distribution::trusted(attribute.clone(), self.degrees.slice(s![case, range.clone()]).to_vec()))
    }

    /// The decision on an attribute that was asked for, case by case: unique, or all values that
    /// tie.
    pub fn decisions(&self, name: &str) -> Option<Vec<Decision>> {
        let degrees = self.get(name)?;
        Some(degrees.outer_iter().map(|row| decide(row.as_slice().expect("a row lies together"))).collect())
    }

    /// The necessity of the decided values, case by case: 1 − the highest other degree (in a
    /// conflict at most their own). Where values tie, that of all of them together.
    pub fn necessities(&self, name: &str) -> Option<Vec<f32>> {
        let degrees = self.get(name)?;
        let necessity = |row: ndarray::ArrayView1<'_, f32>| {
            let row = row.to_slice().expect("a row lies together");
            necessity(row, &decide(row).positions())
        };
        Some(degrees.outer_iter().map(necessity).collect())
    }

    /// The degrees as arrays of their own, shape (cases, values), in the order asked for.
    pub fn into_arrays(self) -> Vec<(Attribute, Array2<f32>)> {
        if let [(attribute, _)] = self.columns.as_slice() {
            return vec![(attribute.clone(), self.degrees)];
        }
        let of = |(attribute, range)| (attribute, self.degrees.slice(s![.., range]).to_owned());
        self.columns.into_iter().map(of).collect()
    }
}

/// Blocks of [`LANES`] cases that a thread takes at once.
const BLOCKS_PER_TASK: usize = 4;

impl Engine {
    /// Infers some derived attributes of every case, in parallel.
    ///
    /// # Errors
    /// [`Error::UnknownDerived`] for a name that no rule concludes on, [`Error::OtherRules`] for
    /// cases of another rule base.
    pub fn infer_batch(&self, cases: &Cases, attributes: &[&str]) -> Result<BatchInference, Error> {
        let mut answers = BatchInference::new(Vec::new(), Array2::zeros((0, 0)));
        self.infer_batch_into(cases, attributes, &mut answers)?;
        Ok(answers)
    }

    /// [`Self::infer_batch`] into the memory of answers that are no longer needed: much of the time
    /// of a small rule base is otherwise spent in getting new memory.
    ///
    /// ```
    /// # use pinesy::inference::{Engine, Input};
    /// # use pinesy::rules::RuleBase;
    /// let engine = Engine::of(&RuleBase::read("rulesets/mnist_addition.toml", &[("k", 1)])?);
    /// let cases = |a1: i64| engine.cases().inputs("a1", [Input::value(a1)]).inputs("a2", [Input::value(5)]).build();
    /// let mut answers = engine.infer_batch(&cases(7)?, &["y1"])?;
    /// engine.infer_batch_into(&cases(3)?, &["y1"], &mut answers)?;
    /// assert_eq!(answers, engine.infer_batch(&cases(3)?, &["y1"])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::infer_batch`]; the answers then are as before.
    pub fn infer_batch_into(
        &self,
        cases: &Cases,
        attributes: &[&str],
        answers: &mut BatchInference,
    ) -> Result<(), Error> {
        cases.check_base(self.base())?;
        let program = self.program();
        let mut places = vec![None; program.stages.len()];
        let mut columns: Vec<(Attribute, Range<usize>)> = Vec::new();
        let mut width = 0;
        for &name in attributes {
            let stage = self.stage(name)?;
            if places[stage].is_none() {
                places[stage] = Some(width);
                let attribute = &self.base().attributes()[program.stages[stage].attribute];
                columns.push((attribute.clone(), width..width + attribute.domain().len()));
                width += attribute.domain().len();
            }
        }
        let wanted: Vec<usize> = (0..places.len()).filter(|&stage| places[stage].is_some()).collect();
        let schedule = program.schedule(&wanted);
        // Every degree is written, so what was there before needs no clearing.
        let mut degrees = std::mem::take(&mut answers.degrees).into_raw_vec_and_offset().0;
        degrees.resize(cases.len() * width, 0.0);
        if !degrees.is_empty() {
            let input_width = self.base().input_width();
            let task = |runner: &mut Runner<'_, Wide>, (output, rows): (&mut [f32], &[f32])| {
                for (output, rows) in output.chunks_mut(LANES * width).zip(rows.chunks(LANES * input_width)) {
                    let mut spread = Spread { program, places: &places, width, output };
                    runner.run(rows, &schedule, self.floors(), &mut spread);
                }
            };
            let (outputs, inputs) = (LANES * width * BLOCKS_PER_TASK, LANES * input_width * BLOCKS_PER_TASK);
            let tasks = degrees.par_chunks_mut(outputs).zip(cases.degrees().par_chunks(inputs));
            tasks.for_each_init(|| Runner::new(program), task);
        }
        let degrees = Array2::from_shape_vec((cases.len(), width), degrees).expect("one row a case");
        *answers = BatchInference::new(columns, degrees);
        Ok(())
    }
}

/// Writes the degree of each value, that of its atom, into the rows of a block of cases.
struct Spread<'a> {
    program: &'a Program,
    /// For each stage, where the degrees of its attribute start in a row, if it is wanted.
    places: &'a [Option<usize>],
    width: usize,
    output: &'a mut [f32],
}

impl Visitor<Wide> for Spread<'_> {
    #[inline]
    fn atoms(&mut self, stage: usize, _: &[Wide], atoms: &Atoms<'_, Wide>) {
        let Some(start) = self.places[stage] else { return };
        let class_of = self.program.structure(stage).partition.class_of();
        for (value, &class) in class_of.iter().enumerate() {
            let degrees = atoms.get(class as usize);
            let column = self.output[start + value..].iter_mut().step_by(self.width);
            column.zip(degrees.iter()).for_each(|(out, &degree)| *out = degree);
        }
    }
}
