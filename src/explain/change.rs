use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Error, Explainer};
use crate::inference::{LANES, Lane, Scratch, Source};
use crate::possibility::{Value, decide};
use crate::rules::RuleSet;

/// A single degree that decides: by how much it must change, alone, for another decision.
///
/// Every inferred degree is minima and maxima of the inputs' degrees and the rules' parameters, so
/// as a function of one of them it is t ↦ min(high, max(low, t)), and what is given here is
/// exact: in f32, no smaller change alters the decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

/// A leaf while it is varied: its degree, and the target's atoms where it is 0 and where it is 1.
struct Response {
    of: Leaf,
    degree: f32,
    low: Vec<f32>,
    high: Vec<f32>,
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
    /// let engine = Engine::certain(&base);
    /// let digit = |d: usize, other: usize, doubt: f32| {
    ///     (0..10).map(|i| if i == d { 1.0 } else if i == other { doubt } else { 0.0 }).collect::<Vec<f32>>()
    /// };
    /// let (a1, a2) = (digit(3, 8, 0.75), digit(4, 9, 0.1));
    /// let explainer = Explainer::new(&engine, &[("a1", &a1), ("a2", &a2)])?;
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
        let reads: Vec<Vec<usize>> = self.engine.base().rule_sets()[..=target].iter().map(RuleSet::reads).collect();
        let cone = self.cone(target, &reads);
        let changes = |scratch: &mut Scratch, &source: &usize| {
            let affected = self.affected(source, target, &cone, &reads);
            let changes: Vec<Change> = match self.source(source) {
                Source::Input(input) => self.vary_input(input, target, &affected, scratch),
                Source::Stage(stage) => self.vary_parameters(stage, target, &affected, scratch),
                Source::Unused => Vec::new(),
            }
            .into_iter()
            .filter_map(|response| self.change(target, response))
            .collect();
            self.restore(source, scratch);
            affected.iter().for_each(|&stage| self.restore(self.stage(stage).attribute, scratch));
            changes
        };
        let sources: Vec<usize> = (0..cone.len()).filter(|&attribute| cone[attribute]).collect();
        let found: Vec<Vec<Change>> = sources.par_iter().map_init(|| self.restored(), changes).collect();
        let mut found: Vec<Change> = found.into_iter().flatten().collect();
        found.sort_by(|a, b| a.distance().total_cmp(&b.distance()));
        Ok(found)
    }

    /// Which attributes a rule set depends on, its own included.
    fn cone(&self, target: usize, reads: &[Vec<usize>]) -> Vec<bool> {
        let mut cone = vec![false; self.engine.base().attributes().len()];
        cone[self.stage(target).attribute] = true;
        for stage in (0..=target).rev() {
            if cone[self.stage(stage).attribute] {
                reads[stage].iter().for_each(|&attribute| cone[attribute] = true);
            }
        }
        cone
    }

    /// The later rule sets through which an attribute acts on the target.
    fn affected(&self, source: usize, target: usize, cone: &[bool], reads: &[Vec<usize>]) -> Vec<usize> {
        let mut changed = vec![false; cone.len()];
        changed[source] = true;
        let mut affected = Vec::new();
        for (stage, reads) in reads.iter().enumerate().take(target + 1) {
            let attribute = self.stage(stage).attribute;
            if cone[attribute] && attribute != source && reads.iter().any(|&read| changed[read]) {
                changed[attribute] = true;
                affected.push(stage);
            }
        }
        affected
    }

    /// Scratch in which every proposition has the degrees of this example.
    fn restored(&self) -> Scratch {
        let mut scratch = self.engine.program().scratch();
        self.restore_propositions(0..self.trace.read.len(), &mut scratch);
        scratch
    }

    fn restore(&self, attribute: usize, scratch: &mut Scratch) {
        let propositions = match self.source(attribute) {
            Source::Input(input) => self.engine.program().inputs[input].propositions(),
            Source::Stage(stage) => self.stage(stage).propositions(),
            Source::Unused => &[],
        };
        self.restore_propositions(propositions.iter().map(|&number| number as usize), scratch);
    }

    fn restore_propositions(&self, numbers: impl Iterator<Item = usize>, scratch: &mut Scratch) {
        for number in numbers {
            scratch.read[number] = self.trace.read[number].map(|degree| [degree; LANES]);
        }
    }

    /// How the target responds to each degree of an input.
    fn vary_input(&self, input: usize, target: usize, affected: &[usize], scratch: &mut Scratch) -> Vec<Response> {
        let program = self.engine.program();
        let input = &program.inputs[input];
        let values = self.attribute(input.attribute).domain().values();
        let width = program.input_width();
        let degrees: Vec<f32> = self.degrees(input.attribute).to_vec();
        let block = |block: &[(usize, f32)], scratch: &mut Scratch| {
            let mut rows = self.trace.inputs.repeat(block.len());
            for (row, &(position, degree)) in rows.chunks_exact_mut(width).zip(block) {
                row[input.offset + position] = degree;
            }
            input.read(&rows, width, scratch);
        };
        let leaf = |position: usize| Leaf::Input {
            attribute: self.name(input.attribute).to_owned(),
            value: values[position].clone(),
        };
        self.vary(target, &degrees, leaf, affected, scratch, block)
    }

    /// How the target responds to each parameter of a rule set.
    fn vary_parameters(&self, stage: usize, target: usize, affected: &[usize], scratch: &mut Scratch) -> Vec<Response> {
        let rules = self.rules(stage);
        let degrees: Vec<f32> = (0..2 * rules.len()).map(|level| self.parameter(stage, level)).collect();
        let leaf = |level: usize| Leaf::Parameter {
            rule: rules[level / 2].name().to_owned(),
            parameter: if level.is_multiple_of(2) { Symbol::S } else { Symbol::R },
        };
        let block = |block: &[(usize, f32)], scratch: &mut Scratch| {
            let compiled = self.stage(stage);
            compiled.premises(scratch);
            let levels = &mut scratch.levels[..2 * rules.len()];
            compiled.apply(self.engine.stage_parameters(stage), levels);
            for (lane, &(level, parameter)) in block.iter().enumerate() {
                levels[level][lane] = self.premise(stage, level).max(parameter);
            }
            compiled.structure.select(levels, &mut scratch.atoms);
            if stage != target {
                compiled.publish(scratch);
            }
        };
        self.vary(target, &degrees, leaf, affected, scratch, block)
    }

    /// Sets each of some leaves to 0 and to 1, alone, and runs what it affects.
    fn vary(
        &self,
        target: usize,
        degrees: &[f32],
        leaf: impl Fn(usize) -> Leaf,
        affected: &[usize],
        scratch: &mut Scratch,
        mut set: impl FnMut(&[(usize, f32)], &mut Scratch),
    ) -> Vec<Response> {
        let settings: Vec<(usize, f32)> = (0..degrees.len()).flat_map(|leaf| [(leaf, 0.0), (leaf, 1.0)]).collect();
        let mut responses = Vec::new();
        for block in settings.chunks(LANES) {
            set(block, scratch);
            for &stage in affected {
                let compiled = self.stage(stage);
                compiled.premises(scratch);
                compiled.conclude(self.engine.stage_parameters(stage), scratch);
                compiled.publish(scratch);
            }
            for (pair, of) in block.chunks_exact(2).enumerate() {
                let atoms = &scratch.atoms[..self.structure(target).partition.len()];
                let atoms = |lane: usize| atoms.iter().map(|atom: &Lane| atom[lane]).collect::<Vec<f32>>();
                let (low, high) = (atoms(2 * pair), atoms(2 * pair + 1));
                if low != high {
                    let (number, _) = of[0];
                    responses.push(Response { of: leaf(number), degree: degrees[number], low, high });
                }
            }
        }
        responses
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
