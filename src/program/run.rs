//! The one runner of programs.

use super::lanes::Lane;
use super::{Program, Schedule, Structure};
use crate::rules::SetRule;

/// The parameters of all stages, \[s_1, r_1, s_2, …\]: what raises λ to α and ρ to β.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Floors {
    degrees: Vec<f32>,
    /// For each stage, whether all of its are 0.
    certain: Vec<bool>,
}

impl Floors {
    /// Of certain rules: all 0.
    pub fn certain(program: &Program) -> Self {
        Self { degrees: vec![0.0; 2 * program.rules()], certain: vec![true; program.stages.len()] }
    }

    /// What the rules themselves state.
    pub fn stated(program: &Program) -> Self {
        let mut floors = Self::certain(program);
        for (stage, set) in program.base.rule_sets().iter().enumerate() {
            let of = |side: fn(&SetRule) -> f32| set.rules().iter().map(side).collect::<Vec<f32>>();
            floors.set(program, stage, &of(SetRule::s), &of(SetRule::r));
        }
        floors
    }

    /// Sets s and r of a stage's rules, one of each a rule.
    pub fn set(&mut self, program: &Program, stage: usize, s: &[f32], r: &[f32]) {
        let degrees = &mut self.degrees[program.stages[stage].levels()];
        for (pair, (&s, &r)) in degrees.chunks_exact_mut(2).zip(s.iter().zip(r)) {
            // Adding 0 turns −0 into 0.
            pair.copy_from_slice(&[s + 0.0, r + 0.0]);
        }
        self.certain[stage] = degrees.iter().all(|&degree| degree == 0.0);
    }

    /// Those of all stages.
    pub fn all(&self) -> &[f32] {
        &self.degrees
    }

    /// Those of one stage.
    pub fn of<'a>(&'a self, program: &Program, stage: usize) -> &'a [f32] {
        &self.degrees[program.stages[stage].levels()]
    }
}

/// The atoms' degrees of the rule set at hand.
pub(crate) struct Atoms<'a, L> {
    registers: &'a [u32],
    frame: &'a [L],
}

impl<'a, L: Lane> Atoms<'a, L> {
    #[inline(always)]
    pub fn get(&self, atom: usize) -> &'a L {
        &self.frame[self.registers[atom] as usize]
    }

    pub fn iter(&self) -> impl Iterator<Item = &'a L> + use<'a, L> {
        let frame = self.frame;
        self.registers.iter().map(move |&register| &frame[register as usize])
    }
}

/// Looks in while a program runs.
pub(crate) trait Visitor<L: Lane> {
    /// Sees λ_1, ρ_1, λ_2, … of a rule set.
    #[inline(always)]
    fn premises(&mut self, _stage: usize, _levels: &[L]) {}

    /// Sees α_1, β_1, α_2, … of a rule set before its atoms are computed, and may change them.
    #[inline(always)]
    fn levels(&mut self, _stage: usize, _levels: &mut [L]) {}

    /// Sees the levels and the atoms of a rule set.
    #[inline(always)]
    fn atoms(&mut self, _stage: usize, _levels: &[L], _atoms: &Atoms<'_, L>) {}
}

/// Sees nothing.
impl<L: Lane> Visitor<L> for () {}

/// The degrees of one example, or of some side by side, while a program runs.
pub(crate) struct Runner<'p, L> {
    pub program: &'p Program,
    /// Π(P) and Π(not P) of every proposition known so far.
    pub measures: Vec<[L; 2]>,
    frame: Vec<L>,
}

impl<'p, L: Lane> Runner<'p, L> {
    pub fn new(program: &'p Program) -> Self {
        let zero = L::splat(0.0);
        Self { program, measures: vec![[zero; 2]; program.propositions], frame: vec![zero; program.registers] }
    }

    /// Runs some stages on as many examples as there are lanes, or fewer, given row by row.
    pub fn run(&mut self, rows: &[f32], schedule: &Schedule, floors: &Floors, visitor: &mut impl Visitor<L>) {
        for (stage, inputs) in schedule.steps() {
            for &input in inputs {
                self.input(input as usize, rows);
            }
            self.stage(stage, floors, visitor);
        }
    }

    /// Measures all inputs of some examples.
    pub fn inputs(&mut self, rows: &[f32]) {
        for input in 0..self.program.inputs.len() {
            self.input(input, rows);
        }
    }

    /// Measures one input of some examples, given by rows of all inputs.
    #[inline]
    fn input(&mut self, input: usize, rows: &[f32]) {
        let columns = self.program.inputs[input].columns.clone();
        for (lane, row) in rows.chunks_exact(self.program.base.input_width()).enumerate() {
            for (register, &degree) in self.frame.iter_mut().zip(&row[columns.clone()]) {
                register.set_lane(lane, degree);
            }
        }
        self.measure_input(input);
    }

    /// Measures one input whose values have these degrees.
    pub fn input_degrees(&mut self, input: usize, degrees: &[L]) {
        self.frame[..degrees.len()].copy_from_slice(degrees);
        self.measure_input(input);
    }

    fn measure_input(&mut self, input: usize) {
        let input = &self.program.inputs[input];
        self.measure(input.measure, input.propositions.start);
    }

    /// Infers one rule set from what has been measured, and measures its attribute.
    #[inline]
    pub fn stage(&mut self, stage: usize, floors: &Floors, visitor: &mut impl Visitor<L>) {
        let structure = self.premises(stage);
        let levels = &mut self.frame[..2 * structure.rules];
        visitor.premises(stage, levels);
        if !floors.certain[stage] {
            L::raise(levels, floors.of(self.program, stage));
        }
        visitor.levels(stage, levels);
        structure.select.minima(&mut self.frame);
        let levels = &self.frame[..2 * structure.rules];
        visitor.atoms(stage, levels, &Atoms { registers: &structure.select.outputs, frame: &self.frame });
        let stage = &self.program.stages[stage];
        if let Some(measure) = stage.measure {
            self.measure(measure, stage.propositions.start);
        }
    }

    /// λ_1, ρ_1, λ_2, … of a rule set, from what has been measured.
    pub fn premise_degrees(&mut self, stage: usize) -> &[L] {
        let structure = self.premises(stage);
        &self.frame[..2 * structure.rules]
    }

    /// Puts λ_1, ρ_1, λ_2, … of a stage into the first registers.
    #[inline]
    fn premises(&mut self, stage: usize) -> &'p Structure {
        let program = self.program;
        let rules = program.stages[stage].rules.clone();
        L::premises(program.premises.range(rules), &self.measures, &mut self.frame);
        program.structure(stage)
    }

    /// Measures the attribute whose elements are in the frame.
    #[inline]
    fn measure(&mut self, measure: usize, first: usize) {
        let measure = &self.program.measures[measure];
        self.frame[measure.zero] = L::splat(0.0);
        measure.network.maxima(&mut self.frame);
        let outputs = &measure.network.outputs;
        L::publish(outputs, &self.frame, &mut self.measures[first..first + outputs.len() / 2]);
    }
}
