use std::path::{Path, PathBuf};

use clap::Args;

use super::{Error, Reasoning, check_outputs, one_of, table, tell, write_whole};
use crate::inference::{Calibration, Cases, Engine, Score};
use crate::possibility::Attribute;

/// Calibrate rules, for sets of answers that hold the right one as often as they promise.
///
/// Records are as for `pinesy learn`: what they say of derived attributes is right. They must not
/// be those that parameters were learned from, and should be drawn as the records to be answered
/// are. An error of 0.05 takes 19 of them at least, 0.01 takes 99. What is written belongs to these
/// rules, parameters and settings, and gives sets with `pinesy infer … --calibration C.json --error
/// 0.05`: if the examples are complete, as valid where inputs are unknown or imprecise as where they
/// are not. From incomplete examples sets are valid for records like them, or known less.
#[derive(Debug, Args)]
pub struct Calibrate {
    #[command(flatten)]
    reasoning: Reasoning,
    /// What to calibrate: the possibility (min), or what all rules on the attribute say.
    #[arg(long, default_value_t, value_parser = one_of::<Score>())]
    score: Score,
    /// Calibrate how inputs are read instead: records are {"inputs":{"a1":[…]},"observed":{"a1":3}}.
    /// Sets then hold the right answer as far as the rules are right.
    #[arg(long, conflicts_with = "score")]
    inputs: bool,
    /// Where to write the calibration (JSON).
    #[arg(long, value_name = "C.json")]
    out: PathBuf,
    /// Calibration examples (JSON lines or .csv; - for standard input).
    examples: PathBuf,
}

impl Calibrate {
    pub fn run(self) -> Result<(), Error> {
        let read: [Option<&Path>; 3] =
            [Some(&self.examples), Some(&self.reasoning.rules.rules), self.reasoning.params.as_deref()];
        check_outputs(&[Some(&self.out)], &read)?;
        let (engine, form) = (self.reasoning.engine(&[Some(&self.examples)])?, &self.reasoning.form);
        let calibration = if self.inputs {
            let (cases, _) = table::read_observations(&engine, form, &self.examples)?;
            note_imprecise(&cases, engine.base().inputs());
            let calibration = Calibration::of_inputs(&engine, &cases)?;
            note_unread(&cases, &calibration);
            calibration
        } else {
            let (cases, _) = table::read(&engine, form, &self.examples)?;
            note_imprecise(&cases, engine.base().rule_sets().iter().map(|set| engine.base().conclusion(set)));
            note_incomplete(&engine, &cases);
            Calibration::new(&engine, &cases, self.score)?
        };
        let calibration = calibration.with_reading(form.reading());
        let sources = if self.inputs { engine.base().inputs().count() } else { 1 };
        for (name, examples) in calibration.examples() {
            let least = sources as f64 / (examples + 1) as f64;
            tell!("{name}: {examples} examples, enough for an error of {least:.4} and above");
        }
        let text = serde_json::to_string(&calibration).map_err(std::io::Error::from)? + "\n";
        write_whole(&self.out, text.as_bytes())
    }
}

/// Which value is right must be said, to say how possible it was: what is told as a set or as
/// degrees is left out, and that may make the examples unlike the cases.
fn note_imprecise<'a>(cases: &Cases, attributes: impl Iterator<Item = &'a Attribute>) {
    for attribute in attributes {
        match cases.imprecise(attribute.name()) {
            0 => {}
            n => tell!("note: {n} examples do not name one right value of {} and are left out", attribute.name()),
        }
    }
}

/// Of the examples that say what is right, those that leave an input more than one value.
fn note_incomplete(engine: &Engine, cases: &Cases) {
    let base = engine.base();
    let inputs: Vec<_> = base.inputs().filter_map(|input| cases.input(input.name())).collect();
    let counts = |case: &usize| base.rule_sets().iter().any(|set| cases.crisp(set.attribute(), *case).is_some());
    let is_open = |case: &usize| {
        inputs.iter().any(|input| input.row(*case).iter().filter(|degree| **degree == 1.0).nth(1).is_some())
    };
    match (0..cases.len()).filter(counts).filter(is_open).count() {
        0 => {}
        n => tell!(
            "note: {n} examples leave inputs more than one value: the sets are for records known as these are, or less"
        ),
    }
}

/// Examples of an input that was not read in them, though its right value is named.
fn note_unread(cases: &Cases, calibration: &Calibration) {
    for (name, examples) in calibration.examples() {
        match cases.named(name).saturating_sub(examples) {
            0 => {}
            n => tell!("note: {n} examples name the right value of {name} but do not read it, and are left out"),
        }
    }
}
