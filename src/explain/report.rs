use std::fmt;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Error;
use super::text::column_width;
use crate::inference::{Cases, Engine};
use crate::possibility::decide;
use crate::program::{Atoms, LANES, Program, Runner, Structure, Visitor, Wide};

/// What every rule did over a set of examples, to debug a rule base. `{}` shows it as a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RulesReport {
    /// The number of examples.
    pub examples: usize,
    /// All rules, in cascade order.
    pub rules: Vec<RuleUse>,
}

/// In how many examples a rule did what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
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

/// Counts over a table of cases how often each rule held, decided, and blocked the right answer.
///
/// ```
/// use pinesy::explain::rules_report;
/// use pinesy::inference::{Engine, Target};
/// use pinesy::rules::RuleBase;
///
/// let engine = Engine::of(&RuleBase::read("rulesets/iris.toml", &[])?);
/// // Long but narrow petals, of a flower that is no virginica.
/// let cases = engine
///     .cases()
///     .possibilities("petal_length", &[0.0, 0.2, 1.0])
///     .possibilities("petal_width", &[1.0, 0.2, 0.0])
///     .targets("species", [Some(Target::value("versicolor"))])
///     .build()?;
/// let report = rules_report(&engine, &cases)?;
/// let long = report.rules.iter().find(|rule| rule.rule == "long petals are virginica's").unwrap();
/// assert_eq!((long.held, long.decided, long.blocked), (1, 1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`inference::Error::OtherRules`](crate::inference::Error::OtherRules) for cases of another rule
/// base.
pub fn rules_report(engine: &Engine, cases: &Cases) -> Result<RulesReport, Error> {
    cases.check_base(engine.base())?;
    let program = engine.program();
    let width = LANES * engine.base().input_width();
    let count = |runner: &mut Runner<'_, Wide>, (number, rows): (usize, &[f32])| {
        let mut counter = Counter {
            program,
            cases,
            first: number * LANES,
            lanes: LANES.min(cases.len() - number * LANES),
            uses: vec![Uses::default(); program.rules()],
        };
        runner.run(rows, &program.whole, engine.floors(), &mut counter);
        let of = |uses: &Uses| [uses.held, uses.decided, uses.alone, uses.blocked];
        counter.uses.iter().map(|uses| of(uses).map(|lanes| lanes.count_ones() as usize)).collect()
    };
    let add = |mut sum: Vec<[usize; 4]>, counts: Vec<[usize; 4]>| {
        sum.iter_mut().flatten().zip(counts.iter().flatten()).for_each(|(sum, count)| *sum += count);
        sum
    };
    let blocks = cases.degrees().par_chunks(width).enumerate();
    let none = || vec![[0; 4]; program.rules()];
    let counts = blocks.map_init(|| Runner::new(program), count).reduce(none, add);
    let sets = engine.base().rule_sets().iter();
    let rules = sets.flat_map(|set| set.rules().iter().map(move |rule| (set, rule)));
    let rules = rules.zip(counts).map(|((set, rule), [held, decided, alone, blocked])| RuleUse {
        attribute: engine.base().conclusion(set).name().to_owned(),
        rule: rule.name().to_owned(),
        held,
        decided,
        alone,
        blocked,
    });
    Ok(RulesReport { examples: cases.len(), rules: rules.collect() })
}

/// Notes what the rules do in a block of cases.
struct Counter<'a> {
    program: &'a Program,
    cases: &'a Cases,
    first: usize,
    lanes: usize,
    /// The rules of all stages.
    uses: Vec<Uses>,
}

impl Visitor<Wide> for Counter<'_> {
    fn premises(&mut self, stage: usize, levels: &[Wide]) {
        let uses = &mut self.uses[self.program.stages[stage].rules.clone()];
        for (uses, levels) in uses.iter_mut().zip(levels.chunks_exact(2)) {
            for lane in (0..self.lanes).filter(|&lane| levels[0][lane] > levels[1][lane]) {
                uses.held |= 1 << lane;
            }
        }
    }

    fn atoms(&mut self, stage: usize, levels: &[Wide], atoms: &Atoms<'_, Wide>) {
        let structure = self.program.structure(stage);
        let uses = &mut self.uses[self.program.stages[stage].rules.clone()];
        for lane in 0..self.lanes {
            let right = self.cases.true_position(stage, self.first + lane);
            let atoms: Vec<f32> = atoms.iter().map(|degrees| degrees[lane]).collect();
            let levels: Vec<f32> = levels.iter().map(|degrees| degrees[lane]).collect();
            note_deciding(structure, right, &atoms, &levels, 1u16 << lane, uses);
        }
    }
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
        decide(&degrees).position() != Some(position)
    });
    let blocked = blocked.map(|position| class_of[position] as usize);
    // Rules that attain 1 hold nothing down.
    for (atom, &degree) in atoms.iter().enumerate().filter(|(_, degree)| **degree < 1.0) {
        let attaining = structure.levels(atom).filter(|level| levels[level.index()] == degree);
        let attaining: Vec<usize> = attaining.map(|level| level.rule).collect();
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
