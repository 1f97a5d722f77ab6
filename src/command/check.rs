use std::io::{Write, stdout};
use std::path::Path;
use std::time::{Duration, SystemTime};

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{Error, Rules, named, tell, tell_error};
use crate::explain::{Overview, Warning, lint};
use crate::inference::Engine;
use crate::possibility::{Attribute, Domain, Terms};
use crate::rules::{RuleBase, Source};

/// Check a rule file and show its attributes, rule sets and their order.
///
/// Prints the inputs and, in cascade order, the rule sets with their number of rules and atoms
/// (classes of values that the rules do not tell apart). An error names file, line and column.
/// Warnings go to standard error, each with its place and what to do: rules that contradict each
/// other (with inputs for which they do), that can never fire, say nothing or say the same; values
/// that no rule concludes; attributes that no rule mentions; numbers whose terms leave a gap.
#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    rules: Rules,
    /// Print JSON, with every domain's values in order.
    #[arg(long)]
    json: bool,
    /// Exit with 1 if there are warnings.
    #[arg(long, value_enum, value_name = "WHAT")]
    deny: Option<Deny>,
    /// Draw the cascade instead: a graph for Graphviz, or an HTML page.
    #[arg(long, value_enum, conflicts_with = "json")]
    graph: Option<Graph>,
    /// Check again whenever the file is saved, until interrupted.
    #[arg(long)]
    watch: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Deny {
    Warnings,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Graph {
    Dot,
    Html,
}

#[derive(Serialize)]
struct Summary<'a> {
    inputs: Vec<Entry<'a>>,
    rule_sets: Vec<RuleSetEntry<'a>>,
    unused: Vec<&'a str>,
    warnings: Vec<Warning>,
}

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    domain: &'a Domain,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<&'a Terms>,
}

#[derive(Serialize)]
struct RuleSetEntry<'a> {
    #[serde(flatten)]
    conclusion: Entry<'a>,
    atoms: usize,
    rules: Vec<&'a str>,
    reads: Vec<&'a str>,
}

/// How often a watched file is looked at.
const GLANCE: Duration = Duration::from_millis(300);

impl Check {
    pub fn run(self) -> Result<(), Error> {
        if !self.watch {
            return self.once();
        }
        if self.rules.rules == Path::new("-") {
            return Err(Error::WatchInput);
        }
        let saved = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
        loop {
            let before: Option<SystemTime> = saved(&self.rules.rules);
            match self.once() {
                Ok(()) => tell!("checked; waiting for the file to be saved"),
                Err(Error::Output(error)) => return Err(error.into()),
                Err(error) => tell_error(&error),
            }
            while saved(&self.rules.rules) == before {
                std::thread::sleep(GLANCE);
            }
        }
    }

    fn once(&self) -> Result<(), Error> {
        let base = self.rules.read()?;
        let engine = Engine::of(&base);
        let warnings = lint(&engine);
        for warning in &warnings {
            let place = warning.place.map_or(String::new(), |place| format!(":{}:{}", place.line, place.column));
            tell!("{}{place}: warning: {warning}", named(&self.rules.rules).display());
        }
        let denied = self.deny.is_some() && !warnings.is_empty();
        let count = warnings.len();
        let mut out = stdout().lock();
        match self.graph {
            Some(Graph::Dot) => write!(out, "{}", Overview::new(&base).dot())?,
            Some(Graph::Html) => write!(out, "{}", Overview::new(&base).page(&self.rules.rules.display().to_string()))?,
            None => {
                let summary = summarise(&base, &engine, warnings);
                if self.json {
                    serde_json::to_writer_pretty(&mut out, &summary).map_err(std::io::Error::from)?;
                    writeln!(out)?;
                } else {
                    print(&summary, &mut out)?;
                }
            }
        }
        out.flush()?;
        if denied { Err(Error::Warnings { count }) } else { Ok(()) }
    }
}

fn summarise<'a>(base: &'a RuleBase, engine: &Engine, warnings: Vec<Warning>) -> Summary<'a> {
    let entry = |attribute: &'a Attribute| Entry {
        name: attribute.name(),
        domain: attribute.domain(),
        number: attribute.terms(),
    };
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
    let unused = base.attributes().iter().enumerate().filter(|(i, _)| base.source(*i) == Source::Unused);
    let unused = unused.map(|(_, attribute)| attribute.name()).collect();
    Summary { unused, inputs, rule_sets, warnings }
}

fn print(summary: &Summary, out: &mut impl Write) -> std::io::Result<()> {
    let names = summary.inputs.iter().map(|e| e.name).chain(summary.rule_sets.iter().map(|e| e.conclusion.name));
    let width = names.map(str::len).max().unwrap_or(0).max("attribute".len());
    writeln!(out, "{} inputs", summary.inputs.len())?;
    for Entry { name, domain, number } in &summary.inputs {
        let unit = number.map_or(String::new(), |terms| {
            format!("  a number{}", terms.unit().map_or(String::new(), |unit| format!(" in {unit}")))
        });
        writeln!(out, "  {name:width$}  {domain}{unit}")?;
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
