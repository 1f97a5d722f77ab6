use super::{Engine, Error};

/// Everything computed for one example.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    /// The inputs' degrees one after the other, in the program's order.
    pub inputs: Vec<f32>,
    /// Π(P) and Π(not P) of every proposition.
    pub read: Vec<[f32; 2]>,
    /// λ_1, ρ_1, λ_2, … of each rule set.
    pub premises: Vec<Vec<f32>>,
    /// The degrees of each rule set's atoms.
    pub atoms: Vec<Vec<f32>>,
}

impl Engine {
    /// Runs the first `stages` rule sets on one example and keeps every intermediate degree.
    pub(crate) fn trace(&self, inputs: &[(&str, &[f32])], stages: usize) -> Result<Trace, Error> {
        let row = self.row(inputs)?;
        let program = self.program();
        let mut scratch = program.scratch();
        program.read_inputs(&row, &mut scratch);
        let (mut premises, mut atoms) = (Vec::with_capacity(stages), Vec::with_capacity(stages));
        for (i, stage) in program.stages.iter().enumerate().take(stages) {
            stage.premises(&mut scratch);
            premises.push(scratch.levels[..2 * stage.structure.rules].iter().map(|lane| lane[0]).collect());
            stage.conclude(self.stage_parameters(i), &mut scratch);
            atoms.push(scratch.atoms[..stage.structure.partition.len()].iter().map(|lane| lane[0]).collect());
            stage.publish(&mut scratch);
        }
        let read = scratch.read.iter().map(|[holds, fails]| [holds[0], fails[0]]).collect();
        Ok(Trace { inputs: row, read, premises, atoms })
    }
}
