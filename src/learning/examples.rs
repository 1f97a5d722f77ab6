use ndarray::ArrayView2;

use super::Error;
use crate::inference::{Batch, Engine, LANES, Lane, Partition};
use crate::possibility::{check_degrees, decide};

/// What an example says about a derived attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// The value at this position of the domain is the true one.
    Value(usize),
    /// How possible each value is, in domain order.
    Degrees(Vec<f32>),
}

/// Examples to learn from: degrees of the inputs, and targets for derived attributes.
#[derive(Debug, Clone)]
pub struct Examples {
    pub(crate) engine: Engine,
    pub(crate) batch: Batch,
    /// One list a rule set in cascade order; empty where nothing was said.
    targets: Vec<Vec<Option<Target>>>,
}

impl Examples {
    /// Examples for the rules of an engine, without targets yet: one array of shape (examples,
    /// values) for each input.
    ///
    /// # Errors
    /// See [`Engine::batch`].
    pub fn new(engine: &Engine, inputs: &[(&str, ArrayView2<'_, f32>)]) -> Result<Self, Error> {
        let batch = engine.batch(inputs)?;
        let targets = vec![Vec::new(); engine.base().rule_sets().len()];
        Ok(Self { engine: engine.clone(), batch, targets })
    }

    /// Adds the targets of a derived attribute: one an example, `None` where it says nothing.
    ///
    /// # Errors
    /// [`Error::TargetCount`], [`Error::Position`], [`Error::Degrees`], or
    /// [`inference::Error::UnknownDerived`](crate::inference::Error::UnknownDerived).
    pub fn with_targets(mut self, attribute: &str, targets: Vec<Option<Target>>) -> Result<Self, Error> {
        let stage = self.engine.stage(attribute)?;
        if targets.len() != self.len() {
            return Err(Error::TargetCount {
                attribute: attribute.to_owned(),
                found: targets.len(),
                expected: self.len(),
            });
        }
        let len = self.engine.base().attribute(attribute).expect("it has a stage").domain().len();
        for (row, target) in targets.iter().enumerate() {
            match target {
                Some(Target::Value(position)) if *position >= len => {
                    return Err(Error::Position { row, attribute: attribute.to_owned(), position: *position, len });
                }
                Some(Target::Degrees(degrees)) => {
                    check_degrees(attribute, len, degrees).map_err(|error| Error::Degrees { row, error })?;
                }
                _ => {}
            }
        }
        self.targets[stage] = targets;
        Ok(self)
    }

    /// The number of examples.
    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// What an example says about a rule set's attribute.
    pub(super) fn target(&self, stage: usize, example: usize) -> Option<&Target> {
        self.targets[stage].get(example)?.as_ref()
    }

    /// The value an example says is the right one, if it says so of just one.
    pub(crate) fn true_value(&self, stage: usize, example: usize) -> Option<usize> {
        match self.target(stage, example)? {
            Target::Value(position) => Some(*position),
            Target::Degrees(degrees) => decide(degrees).unique(),
        }
    }

    /// The number of examples that have a target for a rule set.
    pub(super) fn count(&self, stage: usize) -> usize {
        self.targets[stage].iter().flatten().count()
    }

    /// The targets of a block of examples: the degree each atom should get, and which examples
    /// have one.
    pub(super) fn block(&self, stage: usize, first: usize, partition: &Partition) -> (Vec<Lane>, [bool; LANES]) {
        let mut atoms = vec![[0.0; LANES]; partition.len()];
        let mut present = [false; LANES];
        for (lane, target) in self.targets[stage].iter().skip(first).take(LANES).enumerate() {
            match target {
                None => continue,
                Some(Target::Value(position)) => atoms[partition.class_of()[*position] as usize][lane] = 1.0,
                Some(Target::Degrees(degrees)) => {
                    for (&degree, &atom) in degrees.iter().zip(partition.class_of()) {
                        let highest = &mut atoms[atom as usize][lane];
                        *highest = f32::max(*highest, degree);
                    }
                }
            }
            present[lane] = true;
        }
        (atoms, present)
    }
}
