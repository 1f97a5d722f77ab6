//! Rules with known s* and r* generate data; learning recovers them from it.
//!
//! `cargo run --release --no-default-features --example recovery`; `-- --help` lists the options.

#[macro_use]
#[path = "common/output.rs"]
mod output;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use ndarray::Array2;
use pinesy::inference::{Engine, Parameters, RuleSetParameters, Target};
use pinesy::learning::{LearningConfig, learn};
use pinesy::possibility::{Attribute, Domain};
use pinesy::rules::{Condition, Rule, RuleBase};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

#[path = "common/results.rs"]
mod results;

use results::{Files, Provenance};

/// Learn back the parameters of rules that generated the data.
///
/// Three rules "bit i of b is 1 if and only if a_i is 1" have parameters: s, how possible their
/// conclusion is for other reasons, and r, how possible exceptions are. They turn random
/// possibilities of the inputs into possibilities of b; these, made wrong by up to some noise, are
/// all that learning sees. The table tells by how much the worst of the six learned parameters is
/// off, on average over the seeds: with enough examples nothing is lost without noise, and with
/// noise no more than the noise.
#[derive(Debug, Parser, Serialize)]
struct Options {
    /// Numbers of examples, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "10,30,100,300,1000,10000", value_parser = clap::value_parser!(u32).range(1..))]
    examples: Vec<u32>,
    /// How far each degree may be off, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "0,0.01,0.05", value_parser = degree)]
    noise: Vec<f32>,
    /// True s of the three rules.
    #[arg(long, value_delimiter = ',', value_name = "DEGREE", default_value = "0.3,0.1,0.5", value_parser = degree)]
    s: Vec<f32>,
    /// True r of the three rules.
    #[arg(long, value_delimiter = ',', value_name = "DEGREE", default_value = "0.2,0.4,0.05", value_parser = degree)]
    r: Vec<f32>,
    /// Number of data sets of each kind.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Seed of the first.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    #[serde(skip)]
    files: Files,
}

fn degree(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|degree| (0.0..=1.0).contains(degree)).ok_or("expected a number from 0 to 1".to_owned())
}

/// One data set.
#[derive(Debug, Clone, Serialize)]
struct Row {
    examples: u32,
    noise: f32,
    seed: u64,
    largest_error: f32,
}

fn main() -> ExitCode {
    let options = Options::parse();
    results::finish(run(&options, &mut options.files.output()))
}

fn run(options: &Options, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    options.files.check(&[])?;
    if (options.s.len(), options.r.len()) != (3, 3) {
        return Err("--s and --r: expected three numbers each, one a rule".into());
    }
    let truth = RuleSetParameters::new(options.s.clone(), options.r.clone());
    let engine = Engine::of(&rules()?);
    let true_engine = engine.with_parameters(&Parameters { parameters: [("b".to_owned(), truth)].into() })?;
    writeln!(out, "largest error of s, r over all rules (mean of {} seeds)\n", options.seeds)?;
    let noises: String = options.noise.iter().map(|noise| format!("  noise {noise:>4}")).collect();
    writeln!(out, "{:>9}{noises}", "examples")?;
    let mut rows = Vec::new();
    for &examples in &options.examples {
        write!(out, "{examples:>9}")?;
        for &noise in &options.noise {
            let mut sum = 0.0;
            for seed in (0..options.seeds).map(|i| options.seed.wrapping_add(i)) {
                let largest_error = error(options, &engine, &true_engine, examples as usize, noise, seed)?;
                rows.push(Row { examples, noise, seed, largest_error });
                sum += largest_error;
            }
            write!(out, "  {:>10.4}", sum / options.seeds as f32)?;
        }
        writeln!(out)?;
    }
    options.files.write(&Provenance::of(None), options, &rows, &rows)
}

/// Three rules on b, each from an input of its own.
fn rules() -> Result<RuleBase, Box<dyn Error>> {
    let mut builder = RuleBase::builder().attribute(Attribute::new("b", Domain::integers(0..=7)?)?);
    for i in 0..3 {
        let rule =
            Rule::equivalence(format!("bit {i}")).when(Condition::is(format!("a{i}"), 1)).then(Condition::holds(
                "b",
                format!("bit {i} of b is 1"),
                move |value| matches!(value, pinesy::possibility::Value::Integer(v) if v >> i & 1 == 1),
            ));
        builder = builder.attribute(Attribute::new(format!("a{i}"), Domain::integers(0..=1)?)?).rule(rule);
    }
    Ok(builder.build()?)
}

/// Learns from examples that the true rules generate, their degrees off by up to `noise`.
fn error(
    options: &Options,
    engine: &Engine,
    true_engine: &Engine,
    count: usize,
    noise: f32,
    seed: u64,
) -> Result<f32, Box<dyn Error>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let columns: Vec<(String, Array2<f32>)> = (0..3)
        .map(|i| {
            let mut column = Array2::ones((count, 2));
            // One of the two values is fully possible, the other to some random degree.
            column.outer_iter_mut().for_each(|mut row| row[rng.random_range(0..2)] = rng.random());
            (format!("a{i}"), column)
        })
        .collect();
    let inputs = columns.iter().fold(engine.cases(), |cases, (name, column)| cases.possibilities(name, column));
    let outputs = true_engine.infer_batch(&inputs.clone().build()?, &["b"])?;
    let target = |row: ndarray::ArrayView1<f32>| {
        let degrees = row.iter().map(|degree| (degree + noise * (2.0 * rng.random::<f32>() - 1.0)).clamp(0.0, 1.0));
        Some(Target::Degrees(degrees.collect()))
    };
    let outputs = outputs.get("b").expect("asked for");
    let cases = inputs.targets("b", outputs.outer_iter().map(target)).build()?;
    let (parameters, _) = learn(engine, &cases, &LearningConfig::default())?;
    let learned = &parameters.parameters["b"];
    let gap =
        |learned: &[f32], truth: &[f32]| learned.iter().zip(truth).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    Ok(gap(&learned.s, &options.s).max(gap(&learned.r, &options.r)))
}
