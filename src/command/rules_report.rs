use std::io::{Write, stdout};
use std::path::PathBuf;

use clap::Args;

use super::{Error, Reasoning, table};

/// Count how often each rule held, decided, or blocked the right answer.
///
/// Examples are as for `pinesy learn`. For each rule: in how many examples its premise was more
/// possible than the opposite (held); it decided how possible some value is (decided); it alone did
/// (alone); and the value that is right by the example's target was not inferred, this rule having
/// decided how possible it is (blocked). A rule that never decided could be left out; one that
/// blocked may be wrong, or misled by what it reads.
#[derive(Debug, Args)]
pub struct RulesReport {
    #[command(flatten)]
    reasoning: Reasoning,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Examples (JSON lines or .csv; - for standard input).
    examples: PathBuf,
}

impl RulesReport {
    pub fn run(self) -> Result<(), Error> {
        let engine = self.reasoning.engine(&[Some(&self.examples)])?;
        let (examples, _) = table::read(&engine, &self.reasoning.form, &self.examples)?;
        let report = crate::explain::rules_report(&engine, &examples)?;
        let mut out = stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut out, &report).map_err(std::io::Error::from)?;
            writeln!(out)?;
        } else {
            writeln!(out, "{report}")?;
        }
        Ok(())
    }
}
