//! Learns what rules of thumb about irises are worth, and compares with not learning.
//!
//! `cargo run --release --no-default-features --example iris`

#[macro_use]
#[path = "common/output.rs"]
mod output;

use std::error::Error;
use std::ops::ControlFlow;

use pinesy::datasets::read_iris;
use pinesy::inference::{Engine, Parameters};
use pinesy::learning::{LearningConfig, ThresholdSearch, learn, score, search_thresholds};
use pinesy::tasks::iris;

#[path = "common/figures.rs"]
mod figures;

use figures::mean_and_deviation;

const SPLITS: u64 = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let flowers = read_iris(concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/iris/iris.csv"))?;
    let engine = Engine::of(&iris::rules());
    let mut table: Vec<(&str, Vec<f64>)> = Vec::new();
    let mut record = |name: &'static str, accuracy: f64| match table.iter_mut().find(|(known, _)| *known == name) {
        Some((_, accuracies)) => accuracies.push(accuracy),
        None => table.push((name, vec![accuracy])),
    };
    let mut last = None;
    for seed in 0..SPLITS {
        let [train, validation, test] = iris::split(&flowers, seed);
        let cases = |flowers| iris::cases(engine.base(), flowers);
        let (train, validation, test) = (cases(&train)?, cases(&validation)?, cases(&test)?);
        let accuracy =
            |parameters: &Parameters| Ok::<_, Box<dyn Error>>(score(&engine.with_parameters(parameters)?, &test)?);
        record("no learning: every rule certain", accuracy(&Parameters::certain(engine.base()))?);
        let (parameters, _) = learn(&engine, &train, &LearningConfig::default())?;
        record("learned from every example", accuracy(&parameters)?);
        let search = ThresholdSearch { patience: 30, ..ThresholdSearch::paper_low_data() };
        let (parameters, report) =
            search_thresholds(&engine, &train, &validation, &LearningConfig::default(), &search, |_| {
                ControlFlow::Continue(())
            })?;
        record("learned, threshold chosen on validation", accuracy(&parameters)?);
        last = Some((parameters, report));
    }
    println!("test accuracy over {SPLITS} seeded splits (75 train, 25 validation, 50 test)");
    for (name, accuracies) in &table {
        let (mean, deviation) = mean_and_deviation(accuracies);
        println!("  {name:42} {:6.2} ± {:.2} %", 100.0 * mean, 100.0 * deviation);
    }
    let (parameters, report) = last.expect("at least one split");
    println!(
        "\nlast split: {} of {} examples kept",
        report.learning.rule_sets[0].kept, report.learning.rule_sets[0].examples
    );
    let set = &parameters.parameters["species"];
    for (rule, (s, r)) in engine.base().rule_sets()[0].rules().iter().zip(set.s.iter().zip(&set.r)) {
        println!("  {:34} s = {s:.3}  r = {r:.3}", rule.name());
    }
    Ok(())
}
