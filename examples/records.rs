//! Real records, some of them incomplete: what rules of thumb are worth, sets of answers that keep
//! their promise whatever is hidden, and tests asked for one by one.
//!
//! `cargo run --release --no-default-features --example records`

#[macro_use]
#[path = "common/output.rs"]
mod output;

use std::error::Error;

use pinesy::datasets::{Biopsy, read_biopsies};
use pinesy::explain::Diagnosis;
use pinesy::inference::{Calibration, Cases, Engine, Parameters, Score};
use pinesy::learning::{CalibratedConfig, LearningConfig, calibrated, learn};
use pinesy::possibility::Decision;
use pinesy::tasks::biopsies::{self, GRADES};
use rand::seq::index;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[path = "common/figures.rs"]
mod figures;

use figures::mean_and_deviation;

const SPLITS: u64 = 20;

/// How often the right diagnosis may be missing from a set.
const ERROR: f64 = 0.05;

const SCORES: [Score; 3] = [Score::Min, Score::Leximin, Score::Product];

/// Figures by the row of a table.
#[derive(Default)]
struct Table(Vec<(String, Vec<f64>)>);

impl Table {
    fn record(&mut self, row: impl Into<String>, figure: f64) {
        let row = row.into();
        match self.0.iter_mut().find(|(known, _)| *known == row) {
            Some((_, figures)) => figures.push(figure),
            None => self.0.push((row, vec![figure])),
        }
    }

    fn mean(&self, row: &str) -> f64 {
        self.0.iter().find(|(known, _)| known == row).map_or(f64::NAN, |(_, figures)| mean_and_deviation(figures).0)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let all = read_biopsies(concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/biopsies/biopsies.csv"))?;
    let rules = Engine::of(&biopsies::rules());
    let base = rules.base();
    let (mut accuracies, mut coverages, mut sizes, mut asked) =
        (Table::default(), Table::default(), Table::default(), Table::default());
    let mut worth = None;
    for seed in 0..SPLITS {
        let [train, held_out, test] = biopsies::split(&all, seed);
        let (train, held_out) = (biopsies::cases(base, &train)?, biopsies::cases(base, &held_out)?);

        // Unique and right.
        let (lowest, _) = learn(&rules, &train, &LearningConfig::default())?;
        let (parameters, report) = calibrated(&rules, &train, None, &CalibratedConfig::default())?;
        let certain = Parameters::certain(base);
        let methods = [
            ("every rule certain", &certain, Score::Min),
            ("chebyshev", &lowest, Score::Min),
            ("calibrated", &parameters, Score::Min),
            ("calibrated, leximin", &parameters, Score::Leximin),
            ("calibrated, product", &parameters, Score::Product),
        ];
        let complete = biopsies::cases(base, &test)?;
        for (name, parameters, score) in methods {
            let decisions = rules.with_parameters(parameters)?.scores(&complete, "class", score)?.decisions();
            let right = |(decision, biopsy): &(&Decision, &Biopsy)| decision.position() == Some(truth(biopsy));
            let right = decisions.iter().zip(&test).filter(right).count();
            accuracies.record(name, right as f64 / test.len() as f64);
        }
        worth = Some(report);

        // Sets from calibrations on complete records, of records with ever more hidden.
        let engine = rules.with_parameters(&parameters)?;
        let mut rng = ChaCha8Rng::seed_from_u64(1000 + seed);
        let hidden: [(&str, Vec<Biopsy>); 4] = [
            ("as recorded", test.clone()),
            ("30 % hidden at random", test.iter().map(|biopsy| at_random(biopsy, 0.3, &mut rng)).collect()),
            ("50 % hidden at random", test.iter().map(|biopsy| at_random(biopsy, 0.5, &mut rng)).collect()),
            ("5 of 9 hidden by an adversary", test.iter().map(by_an_adversary).collect()),
        ];
        for score in SCORES {
            let calibration = Calibration::new(&engine, &held_out, score)?;
            for (how, biopsies) in &hidden {
                let cases: Cases = biopsies::cases(base, biopsies)?;
                let sets = calibration.sets(&engine, &cases, "class", ERROR)?;
                let holds = (0..test.len()).filter(|&case| sets.contains(case, truth(&test[case]))).count();
                let members: usize = sets.sizes().iter().sum();
                let row = format!("{how}/{score}");
                coverages.record(&row, holds as f64 / test.len() as f64);
                sizes.record(&row, members as f64 / test.len() as f64);
            }
        }

        // Test by test, each the one that is expected to settle most.
        let calibration = Calibration::new(&engine, &held_out, Score::Product)?;
        let unknown = GRADES.iter().fold(engine.cases().count(1), |cases, grade| cases.unknown(grade)).build()?;
        for biopsy in test.iter().filter(|biopsy| biopsy.grades.iter().all(Option::is_some)) {
            let mut diagnosis = Diagnosis::new(&engine, "class", &unknown)?.with_calibration(&calibration, ERROR)?;
            let mut tests = 0;
            while diagnosis.left()?.len() > 1
                && let Some(question) = diagnosis.next_question()?
            {
                let number = GRADES.iter().position(|grade| *grade == question.attribute).expect("a grade");
                diagnosis.answer(&question.attribute, &biopsies::input(biopsy.grades[number]))?;
                tests += 1;
            }
            let left = diagnosis.left()?;
            let right = ["benign", "malignant"][truth(biopsy)].into();
            asked.record("tests", f64::from(tests));
            asked.record("right", f64::from(u8::from(left.contains(&right))));
            asked.record("settled", f64::from(u8::from(left.len() == 1)));
        }
    }
    println!("unique and right, over {SPLITS} seeded splits (349 train, 175 calibration, 175 test)");
    for (name, figures) in &accuracies.0 {
        let (mean, deviation) = mean_and_deviation(figures);
        println!("  {name:32} {:6.2} ± {:.2} %", 100.0 * mean, 100.0 * deviation);
    }
    println!("\ncoverage / mean size of sets for an error of {ERROR}, calibrated on records as they are");
    println!("  {:32} {:>16} {:>16} {:>16}", "", SCORES[0], SCORES[1], SCORES[2]);
    for how in ["as recorded", "30 % hidden at random", "50 % hidden at random", "5 of 9 hidden by an adversary"] {
        let cell = |score: Score| {
            let row = format!("{how}/{score}");
            format!("{:.3} / {:.2}", coverages.mean(&row), sizes.mean(&row))
        };
        println!("  {how:32} {:>16} {:>16} {:>16}", cell(SCORES[0]), cell(SCORES[1]), cell(SCORES[2]));
    }
    println!(
        "\nasked test by test until one value is left (product): {:.1} of 9 tests, {:.1} % of sets hold the right \
         diagnosis, {:.1} % are down to one value",
        asked.mean("tests"),
        100.0 * asked.mean("right"),
        100.0 * asked.mean("settled")
    );
    println!("\nwhat the rules are worth, last split\n{}", worth.expect("at least one split"));
    Ok(())
}

/// The position of the right diagnosis in the domain of `class`.
fn truth(biopsy: &Biopsy) -> usize {
    usize::from(biopsy.malignant)
}

/// Hides a share of the grades.
fn at_random(biopsy: &Biopsy, share: f64, rng: &mut ChaCha8Rng) -> Biopsy {
    let mut hidden = *biopsy;
    // A whole number of grades, the share in the mean.
    let count = (9.0 * share + rng.random_range(0.0..1.0)) as usize;
    index::sample(rng, 9, count.min(9)).into_iter().for_each(|grade| hidden.grades[grade] = None);
    hidden
}

/// Hides the five grades that speak most for the truth.
fn by_an_adversary(biopsy: &Biopsy) -> Biopsy {
    let mut order: Vec<usize> = (0..9).collect();
    order.sort_by_key(|&grade| {
        let grade = i16::from(biopsy.grades[grade].unwrap_or(5));
        if biopsy.malignant { -grade } else { grade }
    });
    let mut hidden = *biopsy;
    order[..5].iter().for_each(|&grade| hidden.grades[grade] = None);
    hidden
}
