//! Rules with known s* and r* generate data; learning recovers them from it.
//!
//! `cargo run --release --no-default-features --example recovery`

#[macro_use]
#[path = "common/output.rs"]
mod output;

use std::error::Error;

use ndarray::Array2;
use pinesy::inference::{Engine, Parameters, RuleSetParameters, Target};
use pinesy::learning::{LearningConfig, learn};
use pinesy::possibility::{Attribute, Domain};
use pinesy::rules::{Condition, Rule, RuleBase};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const S: [f32; 3] = [0.3, 0.1, 0.5];
const R: [f32; 3] = [0.2, 0.4, 0.05];

fn main() -> Result<(), Box<dyn Error>> {
    let truth = RuleSetParameters::new(S.to_vec(), R.to_vec());
    let engine = Engine::of(&rules()?);
    let true_engine = engine.with_parameters(&Parameters { parameters: [("b".to_owned(), truth)].into() })?;
    println!("largest error of s, r over all rules (mean of 10 seeds)\n");
    println!("{:>9}  {:>10}  {:>10}  {:>10}", "examples", "no noise", "noise 0.01", "noise 0.05");
    for count in [10, 30, 100, 300, 1_000, 10_000] {
        print!("{count:>9}");
        for noise in [0.0, 0.01, 0.05] {
            let errors =
                (0..10).map(|seed| error(&engine, &true_engine, count, noise, seed)).collect::<Result<Vec<_>, _>>()?;
            print!("  {:>10.4}", errors.iter().sum::<f32>() / errors.len() as f32);
        }
        println!();
    }
    Ok(())
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
fn error(engine: &Engine, true_engine: &Engine, count: usize, noise: f32, seed: u64) -> Result<f32, Box<dyn Error>> {
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
    Ok(gap(&learned.s, &S).max(gap(&learned.r, &R)))
}
