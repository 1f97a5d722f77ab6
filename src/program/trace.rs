use super::run::{Atoms, Floors, Runner, Visitor};
use super::{Level, Program, Side};

/// Everything computed for one example, for all stages one after the other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trace {
    /// The degrees of the inputs.
    pub inputs: Vec<f32>,
    /// Π(P) and Π(not P) of every proposition.
    pub measures: Vec<[f32; 2]>,
    /// λ_1, ρ_1, λ_2, ….
    pub premises: Vec<f32>,
    /// The atoms.
    pub atoms: Vec<f32>,
}

impl Visitor<f32> for Trace {
    #[inline]
    fn premises(&mut self, _: usize, levels: &[f32]) {
        self.premises.extend_from_slice(levels);
    }

    #[inline]
    fn atoms(&mut self, _: usize, _: &[f32], atoms: &Atoms<'_, f32>) {
        self.atoms.extend(atoms.iter());
    }
}

impl Trace {
    /// Runs a whole program on one example.
    pub fn new(program: &Program, floors: &Floors, row: &[f32]) -> Self {
        let mut runner = Runner::<f32>::new(program);
        let mut trace = Self {
            inputs: row.to_vec(),
            measures: Vec::new(),
            premises: Vec::with_capacity(2 * program.rules()),
            atoms: Vec::with_capacity(program.atoms()),
        };
        runner.run(row, &program.whole, floors, &mut trace);
        trace.measures = runner.measures;
        trace
    }

    /// λ or ρ of a rule.
    pub fn premise(&self, program: &Program, stage: usize, level: Level) -> f32 {
        self.premises[2 * program.stages[stage].rules.start + level.index()]
    }

    /// α or β of a rule.
    pub fn contribution(&self, program: &Program, floors: &Floors, stage: usize, level: Level) -> f32 {
        self.premise(program, stage, level).max(floors.of(program, stage)[level.index()])
    }

    /// The atoms of a stage.
    pub fn atoms_of(&self, program: &Program, stage: usize) -> &[f32] {
        &self.atoms[program.stages[stage].atoms.clone()]
    }

    /// The levels that attain an atom's degree, the minimum of all that bear on it.
    pub fn deciding(
        &self,
        program: &Program,
        floors: &Floors,
        stage: usize,
        atom: usize,
    ) -> impl Iterator<Item = Level> {
        let degree = self.atoms_of(program, stage)[atom];
        let attains = move |level: &Level| self.contribution(program, floors, stage, *level) == degree;
        program.structure(stage).levels(atom).filter(attains)
    }

    /// The propositions of a rule's premise that attain λ, their minimum, or (of the opposite) ρ,
    /// their maximum; as places in the premise.
    pub fn deciding_propositions(&self, program: &Program, stage: usize, level: Level) -> impl Iterator<Item = usize> {
        let degree = self.premise(program, stage, level);
        let side = usize::from(level.side == Side::Outside);
        let premise = program.premise(stage, level.rule).iter().enumerate();
        let attains = move |(_, proposition): &(usize, &u32)| self.measures[**proposition as usize][side] == degree;
        premise.filter(attains).map(|(place, _)| place)
    }
}
