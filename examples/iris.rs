//! Learns what rules of thumb about irises are worth, and compares with not learning.
//!
//! `cargo run --release --no-default-features --example iris`; `-- --help` lists the options.

#[macro_use]
#[path = "common/output.rs"]
mod output;

use std::error::Error;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use pinesy::datasets::read_iris;
use pinesy::inference::{Engine, Parameters};
use pinesy::learning::{LearningConfig, ThresholdSearch, learn, score, search_thresholds};
use pinesy::tasks::iris;
use serde::Serialize;

#[path = "common/figures.rs"]
mod figures;
#[path = "common/results.rs"]
mod results;

use figures::mean_and_deviation;
use results::{Files, Provenance};

/// Guess the species of irises by four rules of thumb on fuzzy petal sizes (rulesets/iris.toml).
///
/// Each seeded split shuffles the 150 flowers into 75 to train, 25 to validate and 50 to test. The
/// rules are judged three ways: all certain, with parameters s and r learned from every training
/// flower, and with flowers that contradict the rules left out, by a threshold chosen on the
/// validation flowers. Then the learned parameters of the last split are shown: s near 1 means that
/// a rule says nothing where its premise is false, r near 1 that it has exceptions. ± is the
/// standard deviation over the splits, which shuffle the same flowers.
#[derive(Debug, Parser, Serialize)]
struct Options {
    /// Number of splits.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    splits: u64,
    /// Seed of the first split.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Trials without gain after which the search for thresholds stops.
    #[arg(long, default_value_t = 30)]
    patience: usize,
    /// The flowers (CSV).
    #[arg(long, default_value_os_t = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/iris/iris.csv"))]
    data: PathBuf,
    #[command(flatten)]
    #[serde(skip)]
    files: Files,
}

/// One way of learning on one split.
#[derive(Debug, Clone, Serialize)]
struct Row {
    method: &'static str,
    seed: u64,
    flowers: usize,
    accuracy: f64,
}

const METHODS: [&str; 3] =
    ["no learning: every rule certain", "learned from every example", "learned, threshold chosen on validation"];

fn main() -> ExitCode {
    let options = Options::parse();
    results::finish(run(&options, &mut options.files.output()))
}

fn run(options: &Options, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    options.files.check(&[])?;
    let flowers = read_iris(&options.data)?;
    let engine = Engine::of(&iris::rules());
    let mut rows: Vec<Row> = Vec::new();
    let mut last = None;
    let mut sizes = [0; 3];
    for seed in (0..options.splits).map(|i| options.seed.wrapping_add(i)) {
        let [train, validation, test] = iris::split(&flowers, seed);
        sizes = [train.len(), validation.len(), test.len()];
        let cases = |flowers| iris::cases(engine.base(), flowers);
        let (train, validation, test) = (cases(&train)?, cases(&validation)?, cases(&test)?);
        let certain = Parameters::certain(engine.base());
        let (learned, _) = learn(&engine, &train, &LearningConfig::default())?;
        let search = ThresholdSearch { patience: options.patience, ..ThresholdSearch::paper_low_data() };
        let (chosen, report) =
            search_thresholds(&engine, &train, &validation, &LearningConfig::default(), &search, |_| {
                ControlFlow::Continue(())
            })?;
        for (method, parameters) in METHODS.into_iter().zip([&certain, &learned, &chosen]) {
            let accuracy = score(&engine.with_parameters(parameters)?, &test)?;
            rows.push(Row { method, seed, flowers: sizes[2], accuracy });
        }
        last = Some((chosen, report));
    }
    let [train, validation, test] = sizes;
    let splits = options.splits;
    writeln!(out, "test accuracy over {splits} seeded splits ({train} train, {validation} validation, {test} test)")?;
    for method in METHODS {
        let of_method = rows.iter().filter(|row| row.method == method);
        let (mean, deviation) = mean_and_deviation(&of_method.map(|row| row.accuracy).collect::<Vec<_>>());
        writeln!(out, "  {method:42} {:6.2} ± {:.2} %", 100.0 * mean, 100.0 * deviation)?;
    }
    options.files.write(&Provenance::of(None), options, &rows, &rows)?;
    let (parameters, report) = last.expect("at least one split");
    let set = &report.learning.rule_sets[0];
    writeln!(out, "\nlast split: {} of {} examples kept", set.kept, set.examples)?;
    let set = &parameters.parameters["species"];
    for (rule, (s, r)) in engine.base().rule_sets()[0].rules().iter().zip(set.s.iter().zip(&set.r)) {
        writeln!(out, "  {:34} s = {s:.3}  r = {r:.3}", rule.name())?;
    }
    Ok(())
}
