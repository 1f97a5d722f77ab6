use std::fmt;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::text::column_width;
use crate::inference::{LANES, Lane, Scratch, Structure};
use crate::learning::Examples;
use crate::possibility::decide;

/// What every rule did over a set of examples, to debug a rule base. `{}` shows it as a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RulesReport {
    /// The number of examples.
    pub examples: usize,
    /// All rules, in cascade order.
    pub rules: Vec<RuleUse>,
}

/// In how many examples a rule did what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleUse {
    /// The attribute the rule concludes on.
    pub attribute: String,
    /// Its name.
    pub rule: String,
    /// Its premise was more possible than the opposite of its premise: λ > ρ.
    pub held: usize,
    /// It decided the degree of some value: it attained the minimum, below 1. A rule that never
    /// does could be left out without any change on these examples.
    pub decided: usize,
    /// It alone decided the degree of some value: without it the value would be more possible.
    pub alone: usize,
    /// The right value, by the example's target, was not the decision, and this rule attained its
    /// degree, below 1.
    pub blocked: usize,
}

/// In which examples of a block each rule did what, as bits.
#[derive(Clone, Copy, Default)]
struct Uses {
    held: u16,
    decided: u16,
    alone: u16,
    blocked: u16,
}

const _: () = assert!(LANES <= u16::BITS as usize);

/// Counts over a set of examples how often each rule held, decided, and blocked the right answer.
///
/// ```
/// use ndarray::array;
/// use pinesy::explain::rules_report;
/// use pinesy::inference::Engine;
/// use pinesy::learning::{Examples, Target};
/// use pinesy::rules::RuleBase;
///
/// let base = RuleBase::read("rulesets/iris.toml", &[])?;
/// // Long but narrow petals, of a flower that is no virginica.
/// let examples = Examples::new(
///     &Engine::certain(&base),
///     &[("petal_length", array![[0.0, 0.2, 1.0]].view()), ("petal_width", array![[1.0, 0.2, 0.0]].view())],
/// )?
/// .with_targets("species", vec![Some(Target::Value(1))])?;
/// let report = rules_report(&examples);
/// let long = report.rules.iter().find(|rule| rule.rule == "long petals are virginica's").unwrap();
/// assert_eq!((long.held, long.decided, long.blocked), (1, 1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn rules_report(examples: &Examples) -> RulesReport {
    let (engine, batch) = (&examples.engine, &examples.batch);
    let program = engine.program();
    let sets = engine.base().rule_sets();
    let total: usize = sets.iter().map(|set| set.rules().len()).sum();
    let width = LANES * program.input_width();
    let rows = batch.rows.as_slice().expect("batches are in standard layout");
    let count = |scratch: &mut Scratch, (number, rows): (usize, &[f32])| {
        let lanes = rows.len() / program.input_width();
        program.read_inputs(rows, scratch);
        let mut counts = Vec::with_capacity(total);
        for stage in 0..program.stages.len() {
            let uses = uses(examples, stage, number * LANES, lanes, scratch);
            program.stages[stage].publish(scratch);
            counts.extend(uses.iter().map(|uses| {
                [uses.held, uses.decided, uses.alone, uses.blocked].map(|lanes| lanes.count_ones() as usize)
            }));
        }
        counts
    };
    let add = |mut sum: Vec<[usize; 4]>, counts: Vec<[usize; 4]>| {
        sum.iter_mut().flatten().zip(counts.iter().flatten()).for_each(|(sum, count)| *sum += count);
        sum
    };
    let blocks = rows.par_chunks(width.max(1)).enumerate();
    let counts = blocks.map_init(|| program.scratch(), count).reduce(|| vec![[0; 4]; total], add);
    let rules = sets.iter().flat_map(|set| set.rules().iter().map(move |rule| (set, rule)));
    let rules = rules.zip(counts).map(|((set, rule), [held, decided, alone, blocked])| RuleUse {
        attribute: engine.base().conclusion(set).name().to_owned(),
        rule: rule.name().to_owned(),
        held,
        decided,
        alone,
        blocked,
    });
    RulesReport { examples: batch.len(), rules: rules.collect() }
}

/// Concludes one rule set for a block of examples and notes what its rules did.
fn uses(examples: &Examples, stage: usize, first: usize, lanes: usize, scratch: &mut Scratch) -> Vec<Uses> {
    let engine = &examples.engine;
    let compiled = &engine.program().stages[stage];
    let structure = &compiled.structure;
    let mut uses = vec![Uses::default(); structure.rules];
    compiled.premises(scratch);
    for (uses, levels) in uses.iter_mut().zip(scratch.levels.chunks_exact(2)) {
        for lane in (0..lanes).filter(|&lane| levels[0][lane] > levels[1][lane]) {
            uses.held |= 1 << lane;
        }
    }
    compiled.conclude(engine.stage_parameters(stage), scratch);
    let deciding = |lane: usize| {
        let of = |lanes: &[Lane]| lanes.iter().map(|degrees| degrees[lane]).collect::<Vec<f32>>();
        let (atoms, levels) = (of(&scratch.atoms[..structure.partition.len()]), of(&scratch.levels[..2 * uses.len()]));
        note_deciding(structure, examples.true_value(stage, first + lane), &atoms, &levels, 1u16 << lane, &mut uses);
    };
    (0..lanes).for_each(deciding);
    uses
}

/// Notes which rules attain the degrees of one example's atoms, given α_1, β_1, ….
fn note_deciding(
    structure: &Structure,
    right: Option<usize>,
    atoms: &[f32],
    levels: &[f32],
    lane: u16,
    uses: &mut [Uses],
) {
    let class_of = structure.partition.class_of();
    let blocked = right.filter(|&position| {
        let degrees: Vec<f32> = class_of.iter().map(|&atom| atoms[atom as usize]).collect();
        decide(&degrees).unique() != Some(position)
    });
    let blocked = blocked.map(|position| class_of[position] as usize);
    let selectors = structure.selectors.chunks_exact(structure.rules);
    // Rules that attain 1 hold nothing down.
    for ((atom, &degree), selectors) in
        atoms.iter().enumerate().zip(selectors).filter(|((_, degree), _)| **degree < 1.0)
    {
        let attains = |&rule: &usize| levels[selectors[rule] as usize] == degree;
        let attaining: Vec<usize> = (0..structure.rules).filter(attains).collect();
        for &rule in &attaining {
            uses[rule].decided |= lane;
            if blocked == Some(atom) {
                uses[rule].blocked |= lane;
            }
        }
        if let [only] = attaining[..] {
            uses[only].alone |= lane;
        }
    }
}

impl RulesReport {
    /// The rules that decided nothing in any example.
    pub fn never_decided(&self) -> impl Iterator<Item = &RuleUse> {
        self.rules.iter().filter(|rule| rule.decided == 0)
    }
}

impl fmt::Display for RulesReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attribute = column_width("attribute", self.rules.iter().map(|rule| rule.attribute.as_str()));
        let name = column_width("rule", self.rules.iter().map(|rule| rule.rule.as_str()));
        writeln!(
            f,
            "{:attribute$}  {:name$}  {:>7}  {:>7}  {:>7}  {:>7}",
            "attribute", "rule", "held", "decided", "alone", "blocked"
        )?;
        for rule in &self.rules {
            writeln!(
                f,
                "{:attribute$}  {:name$}  {:>7}  {:>7}  {:>7}  {:>7}",
                rule.attribute, rule.rule, rule.held, rule.decided, rule.alone, rule.blocked
            )?;
        }
        let blocking = self.rules.iter().filter(|rule| rule.blocked > 0).count();
        write!(
            f,
            "{} examples, {} rules: {} never decided, {blocking} blocked a right answer",
            self.examples,
            self.rules.len(),
            self.never_decided().count()
        )
    }
}
