use std::io::{Write, stdout};

use clap::Args;
use serde::Serialize;

use super::{Error, Rules};
use crate::inference::Engine;
use crate::possibility::{Attribute, Domain};
use crate::rules::RuleBase;

/// Check a rule file and show its attributes, rule sets and their order.
///
/// Prints the inputs and, in cascade order, the rule sets with their number of rules and atoms
/// (classes of values that the rules do not tell apart). An error names file, line and column.
#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    rules: Rules,
    /// Print JSON, with every domain's values in order.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Summary<'a> {
    inputs: Vec<Entry<'a>>,
    rule_sets: Vec<RuleSetEntry<'a>>,
    unused: Vec<&'a str>,
}

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    domain: &'a Domain,
}

#[derive(Serialize)]
struct RuleSetEntry<'a> {
    #[serde(flatten)]
    conclusion: Entry<'a>,
    atoms: usize,
    rules: Vec<&'a str>,
    reads: Vec<&'a str>,
}

impl Check {
    pub fn run(self) -> Result<(), Error> {
        let base = self.rules.read()?;
        let engine = Engine::of(&base);
        let summary = summarise(&base, &engine);
        let mut out = stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut out, &summary).map_err(std::io::Error::from)?;
            writeln!(out)?;
        } else {
            print(&summary, &mut out)?;
        }
        Ok(())
    }
}

fn summarise<'a>(base: &'a RuleBase, engine: &Engine) -> Summary<'a> {
    let entry = |attribute: &'a Attribute| Entry { name: attribute.name(), domain: attribute.domain() };
    let rule_sets: Vec<RuleSetEntry> = base
        .rule_sets()
        .iter()
        .map(|set| {
            let conclusion = entry(base.conclusion(set));
            let atoms = engine.partition(conclusion.name).expect("a rule set of this base").len();
            let reads = set.reads().into_iter().map(|i| base.attributes()[i].name()).collect();
            RuleSetEntry { conclusion, atoms, rules: set.rules().iter().map(|rule| rule.name()).collect(), reads }
        })
        .collect();
    let inputs: Vec<Entry> = base.inputs().map(entry).collect();
    let used =
        |name: &str| inputs.iter().any(|e| e.name == name) || rule_sets.iter().any(|e| e.conclusion.name == name);
    let unused = base.attributes().iter().map(|a| a.name()).filter(|name| !used(name)).collect();
    Summary { unused, inputs, rule_sets }
}

fn print(summary: &Summary, out: &mut impl Write) -> std::io::Result<()> {
    let names = summary.inputs.iter().map(|e| e.name).chain(summary.rule_sets.iter().map(|e| e.conclusion.name));
    let width = names.map(str::len).max().unwrap_or(0).max("attribute".len());
    writeln!(out, "{} inputs", summary.inputs.len())?;
    for Entry { name, domain } in &summary.inputs {
        writeln!(out, "  {name:width$}  {domain}")?;
    }
    writeln!(out, "{} rule sets in cascade order", summary.rule_sets.len())?;
    writeln!(out, "  {:width$}  {:>5}  {:>5}  {:24}  domain", "attribute", "rules", "atoms", "reads")?;
    for RuleSetEntry { conclusion, atoms, rules, reads } in &summary.rule_sets {
        let reads = if reads.len() > 4 {
            format!("{}, … ({})", reads[..2].join(", "), reads.len())
        } else {
            reads.join(", ")
        };
        writeln!(
            out,
            "  {:width$}  {:>5}  {:>5}  {reads:24}  {}",
            conclusion.name,
            rules.len(),
            atoms,
            conclusion.domain
        )?;
    }
    if !summary.unused.is_empty() {
        writeln!(out, "unused: {}", summary.unused.join(", "))?;
    }
    Ok(())
}
