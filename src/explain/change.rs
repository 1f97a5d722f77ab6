use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Error, Explainer};
use crate::possibility::{Value, decide};
use crate::program::{Atoms, LANES, Lane, Level, Runner, Side, Visitor, Wide};
use crate::rules::Source;

/// A single degree that decides: by how much it must change, alone, for another decision.
///
/// Every inferred degree is minima and maxima of the inputs' degrees and the rules' parameters, so
/// as a function of one of them it is t ↦ min(high, max(low, t)), and what is given here is
/// exact: in f32, no smaller change alters the decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Change {
    /// The degree that would change.
    #[serde(flatten)]
    pub of: Leaf,
    /// What it is now.
    pub degree: f32,
    /// The nearest lower degree that alters the decision.
    pub below: Option<Flip>,
    /// The nearest higher degree that alters the decision.
    pub above: Option<Flip>,
}

/// A degree that an engine is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Leaf {
    /// How possible a value of an input is.
    Input {
        /// The input.
        attribute: String,
        /// The value.
        value: Value,
    },
    /// A parameter of a rule.
    Parameter {
        /// The rule's name.
        rule: String,
        /// Which one.
        parameter: Symbol,
    },
}

/// Which parameter of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Symbol {
    /// s: how possible the conclusion is where the premise fails.
    S,
    /// r: how possible the opposite of the conclusion is where the premise holds.
    R,
}

/// Another decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Flip {
    /// The degree from which on it is taken.
    pub degree: f32,
    /// The value decided there; several if they tie.
    pub decision: Vec<Value>,
}

impl Change {
    /// The least change, downwards or upwards, that alters the decision.
    pub fn distance(&self) -> f32 {
        let flips = [&self.below, &self.above].into_iter().flatten();
        flips.map(|flip| (flip.degree - self.degree).abs()).fold(f32::INFINITY, f32::min)
    }

    /// The degrees for which the decision stays as it is, both ends included.
    pub fn interval(&self) -> (f32, f32) {
        let low = self.below.as_ref().map_or(0.0, |flip| flip.degree.next_up());
        (low, self.above.as_ref().map_or(1.0, |flip| flip.degree.next_down()))
    }
}

/// How the target responds to a leaf: its atoms where the leaf is 0 and where it is 1.
struct Response {
    of: Leaf,
    degree: f32,
    low: Vec<f32>,
    high: Vec<f32>,
}

/// One of the degrees that an attribute rests on: of a value of an input, or a parameter.
#[derive(Clone, Copy)]
enum Lever {
    Value(usize),
    Parameter(Level),
}

impl Explainer<'_> {
    /// The inputs' degrees and rule parameters that could, each alone, alter what is decided for
    /// a derived attribute; those that need the least change first.
    ///
    /// ```
    /// # use pinesy::explain::{Explainer, Leaf};
    /// # use pinesy::inference::Engine;
    /// # use pinesy::rules::RuleBase;
    /// let base = RuleBase::read("rulesets/mnist_addition.toml", &[])?;
    /// let engine = Engine::of(&base);
    /// let digit = |d: usize, other: usize, doubt: f32| {
    ///     (0..10).map(|i| if i == d { 1.0 } else if i == other { doubt } else { 0.0 }).collect::<Vec<f32>>()
    /// };
    /// let (a1, a2) = (digit(3, 8, 0.75), digit(4, 9, 0.1));
    /// let case = engine.cases().possibilities("a1", &a1).possibilities("a2", &a2).build()?;
    /// let explainer = Explainer::new(&engine, &case)?;
    /// let nearest = &explainer.changes("y1")?[0];
    /// // Were 3 no more possible than 8 is, 3 + 4 would be no more possible than 8 + 4.
    /// assert_eq!(nearest.of, Leaf::Input { attribute: "a1".into(), value: 3.into() });
    /// assert_eq!((nearest.degree, nearest.distance()), (1.0, 0.25));
    /// assert_eq!(nearest.below.as_ref().unwrap().decision, [2.into(), 7.into()]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`inference::Error::UnknownDerived`](crate::inference::Error::UnknownDerived).
    pub fn changes(&self, attribute: &str) -> Result<Vec<Change>, Error> {
        let target = self.derived(attribute)?;
        let cone = self.engine.program().cone(&[target]);
        let mut behind = vec![false; self.engine.base().attributes().len()];
        for stage in (0..cone.len()).filter(|&stage| cone[stage]) {
            behind[self.stage(stage).attribute] = true;
            self.engine.program().reads(stage).iter().for_each(|&attribute| behind[attribute as usize] = true);
        }
        let sources: Vec<usize> = (0..behind.len()).filter(|&attribute| behind[attribute]).collect();
        let found: Vec<Vec<Change>> = sources
            .par_iter()
            .map_init(
                || Experiment::new(self, target, &cone),
                |experiment, &source| {
                    let responses = experiment.responses(source);
                    responses.into_iter().filter_map(|response| self.change(target, response)).collect()
                },
            )
            .collect();
        let mut found: Vec<Change> = found.into_iter().flatten().collect();
        found.sort_by(|a, b| a.distance().total_cmp(&b.distance()));
        Ok(found)
    }

    /// What a lever is at now.
    fn lever_degree(&self, source: usize, lever: Lever) -> f32 {
        match (lever, self.source(source)) {
            (Lever::Parameter(level), Source::RuleSet(stage)) => self.parameter(stage, level),
            (Lever::Value(value), _) => self.degrees(source)[value],
            _ => unreachable!("parameters are of rule sets"),
        }
    }

    /// Whether setting a lever makes any difference where it stands.
    fn alters(&self, source: usize, lever: Lever, degree: f32) -> bool {
        let now = self.lever_degree(source, lever);
        match (lever, self.source(source)) {
            (Lever::Parameter(level), Source::RuleSet(stage)) => {
                let premise = self.premise(stage, level);
                premise.max(degree) != premise.max(now)
            }
            _ => degree != now,
        }
    }

    fn leaf(&self, source: usize, lever: Lever) -> Leaf {
        match (lever, self.source(source)) {
            (Lever::Parameter(Level { rule, side }), Source::RuleSet(stage)) => Leaf::Parameter {
                rule: self.rules(stage)[rule].name().to_owned(),
                parameter: if side == Side::Inside { Symbol::S } else { Symbol::R },
            },
            (Lever::Value(value), _) => Leaf::Input {
                attribute: self.name(source).to_owned(),
                value: self.attribute(source).domain().values()[value].clone(),
            },
            _ => unreachable!("parameters are of rule sets"),
        }
    }

    /// The numbers of the propositions on an attribute.
    fn propositions(&self, attribute: usize) -> std::ops::Range<usize> {
        match self.source(attribute) {
            Source::Unused => 0..0,
            Source::Input(input) => self.engine.program().inputs[input].propositions.clone(),
            Source::RuleSet(stage) => self.stage(stage).propositions.clone(),
        }
    }

    /// Where, nearest below and above the leaf's degree, the decision is another one.
    fn change(&self, target: usize, Response { of, degree, low, high }: Response) -> Option<Change> {
        // The atoms' degrees are constant or equal to t between these.
        let mut ends: Vec<f32> = low.iter().chain(&high).copied().chain([0.0, 1.0]).collect();
        ends.sort_by(f32::total_cmp);
        ends.dedup();
        let decision =
            |t: f32| decide(&low.iter().zip(&high).map(|(&low, &high)| t.max(low).min(high)).collect::<Vec<f32>>());
        let now = decision(degree);
        let flip = |t: f32| {
            let decided = decision(t);
            (decided != now).then(|| Flip { degree: t, decision: self.values_of_atoms(target, &decided.positions()) })
        };
        // Towards each end: the first degree of the open interval at hand, then the end itself.
        let nearest = |ends: Vec<f32>, step: fn(f32) -> f32| {
            let mut from = degree;
            ends.into_iter().find_map(|end| {
                let inside = step(from);
                from = end;
                Some(inside).filter(|&t| t != end).and_then(flip).or_else(|| flip(end))
            })
        };
        let above = nearest(ends.iter().copied().filter(|&end| end > degree).collect(), f32::next_up);
        let below = nearest(ends.iter().rev().copied().filter(|&end| end < degree).collect(), f32::next_down);
        (below.is_some() || above.is_some()).then_some(Change { of, degree, below, above })
    }

    fn values_of_atoms(&self, stage: usize, atoms: &[usize]) -> Vec<Value> {
        let partition = &self.structure(stage).partition;
        let mut wanted = vec![false; partition.len()];
        atoms.iter().for_each(|&atom| wanted[atom] = true);
        let values = self.attribute(self.stage(stage).attribute).domain().values().iter().zip(partition.class_of());
        values.filter(|(_, atom)| wanted[**atom as usize]).map(|(value, _)| value.clone()).collect()
    }
}

/// Sets degrees otherwise, each in a lane of its own, and runs what that acts on, as far as it does.
///
/// Most changes fade after a rule set or two, since minima and maxima are attained elsewhere; what
/// no change reaches is not run.
struct Experiment<'x, 'e> {
    explainer: &'x Explainer<'e>,
    target: usize,
    /// For each attribute, the rule sets before the target, and it, that read it and matter.
    readers: Vec<Vec<usize>>,
    /// All that has been measured of the example, the same in every lane, between experiments.
    runner: Runner<'x, Wide>,
    /// Rule sets that read something changed.
    stale: Vec<bool>,
}

impl<'x, 'e> Experiment<'x, 'e> {
    fn new(explainer: &'x Explainer<'e>, target: usize, cone: &[bool]) -> Self {
        let program = explainer.engine.program();
        let mut readers = vec![Vec::new(); explainer.engine.base().attributes().len()];
        for stage in (0..=target).filter(|&stage| cone[stage]) {
            program.reads(stage).iter().for_each(|&attribute| readers[attribute as usize].push(stage));
        }
        let mut runner = Runner::new(program);
        for (measures, traced) in runner.measures.iter_mut().zip(&explainer.trace.measures) {
            *measures = traced.map(Lane::splat);
        }
        Self { explainer, target, readers, runner, stale: vec![false; target + 1] }
    }

    /// How the target responds to the degrees of an input, or the parameters of a rule set.
    fn responses(&mut self, source: usize) -> Vec<Response> {
        let explainer = self.explainer;
        let levers: Vec<Lever> = match explainer.source(source) {
            Source::Unused => Vec::new(),
            Source::Input(_) => (0..explainer.attribute(source).domain().len()).map(Lever::Value).collect(),
            Source::RuleSet(stage) => Level::all(explainer.rules(stage).len()).map(Lever::Parameter).collect(),
        };
        let degrees: Vec<f32> = levers.iter().map(|&lever| explainer.lever_degree(source, lever)).collect();
        // What stays as it is need not be tried.
        let alters = |&(lever, degree): &(usize, f32)| explainer.alters(source, levers[lever], degree);
        let settings: Vec<(usize, f32)> =
            (0..levers.len()).flat_map(|lever| [(lever, 0.0), (lever, 1.0)]).filter(alters).collect();
        let mut ends: Vec<[Option<Vec<f32>>; 2]> = vec![[None, None]; levers.len()];
        for block in settings.chunks(LANES) {
            let Some(atoms) = self.run(source, &levers, block) else { continue };
            for (lane, &(lever, degree)) in block.iter().enumerate() {
                let atoms: Vec<f32> = atoms.iter().map(|atom| atom[lane]).collect();
                if atoms != explainer.atoms(self.target) {
                    ends[lever][usize::from(degree == 1.0)] = Some(atoms);
                }
            }
        }
        let now = || explainer.atoms(self.target).to_vec();
        let responding = ends.into_iter().enumerate().filter(|(_, ends)| ends.iter().any(Option::is_some));
        let response = |(lever, [low, high]): (usize, [Option<Vec<f32>>; 2])| Response {
            of: explainer.leaf(source, levers[lever]),
            degree: degrees[lever],
            low: low.unwrap_or_else(now),
            high: high.unwrap_or_else(now),
        };
        responding.map(response).collect()
    }

    /// The target's atoms with one lever of an attribute set in each lane; none if nothing of that
    /// reaches the target.
    fn run(&mut self, source: usize, levers: &[Lever], settings: &[(usize, f32)]) -> Option<Vec<Wide>> {
        let (explainer, target) = (self.explainer, self.target);
        let floors = explainer.engine.floors();
        let mut visitor = Setting { explainer, stage: None, levers, settings, target, atoms: None };
        match explainer.source(source) {
            Source::Unused => {}
            Source::Input(input) => {
                let mut degrees: Vec<Wide> = explainer.degrees(source).iter().map(|&d| Lane::splat(d)).collect();
                for (lane, &(lever, degree)) in settings.iter().enumerate() {
                    if let Lever::Value(value) = levers[lever] {
                        degrees[value][lane] = degree;
                    }
                }
                self.runner.input_degrees(input, &degrees);
            }
            Source::RuleSet(stage) => {
                visitor.stage = Some(stage);
                self.runner.stage(stage, floors, &mut visitor);
            }
        }
        visitor.stage = None;
        let mut changed = vec![source];
        self.mark_readers(source);
        for stage in 0..=target {
            if std::mem::take(&mut self.stale[stage]) {
                self.runner.stage(stage, floors, &mut visitor);
                let attribute = explainer.stage(stage).attribute;
                changed.push(attribute);
                self.mark_readers(attribute);
            }
        }
        for attribute in changed {
            for number in explainer.propositions(attribute) {
                self.runner.measures[number] = explainer.trace.measures[number].map(Lane::splat);
            }
        }
        visitor.atoms
    }

    /// Marks the rule sets that read an attribute, if it has changed in any lane.
    fn mark_readers(&mut self, attribute: usize) {
        let traced = &self.explainer.trace.measures;
        let changed = |number: usize| self.runner.measures[number] != traced[number].map(Wide::splat);
        if self.explainer.propositions(attribute).any(changed) {
            self.readers[attribute].iter().for_each(|&reader| self.stale[reader] = true);
        }
    }
}

/// Sets parameters of one rule set lane by lane, and catches the target's atoms.
struct Setting<'a, 'e> {
    explainer: &'a Explainer<'e>,
    /// The rule set, while it runs.
    stage: Option<usize>,
    levers: &'a [Lever],
    settings: &'a [(usize, f32)],
    target: usize,
    atoms: Option<Vec<Wide>>,
}

impl Visitor<Wide> for Setting<'_, '_> {
    fn levels(&mut self, stage: usize, levels: &mut [Wide]) {
        if self.stage != Some(stage) {
            return;
        }
        for (lane, &(lever, degree)) in self.settings.iter().enumerate() {
            if let Lever::Parameter(level) = self.levers[lever] {
                levels[level.index()][lane] = self.explainer.premise(stage, level).max(degree);
            }
        }
    }

    fn atoms(&mut self, stage: usize, _: &[Wide], atoms: &Atoms<'_, Wide>) {
        if stage == self.target {
            self.atoms = Some(atoms.iter().copied().collect());
        }
    }
}
