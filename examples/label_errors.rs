//! Finds wrong labels: some sums of MNIST digits are written down wrongly, and the examples that
//! contradict the rules are listed.
//!
//! `cargo run --release --example label_errors`; `-- --help` lists the options.

#[macro_use]
#[path = "common/output.rs"]
mod output;

use std::collections::BTreeSet;
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use pinesy::command::one_of;
use pinesy::datasets::Mnist;
use pinesy::inference::Engine;
use pinesy::learning::{LearningConfig, find_conflicts};
use pinesy::perception::{Checkpoint, DeviceChoice, DigitNet};
use pinesy::possibility::Transform;
use pinesy::tasks::addition::{self, Sums};
use rand::seq::index;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

#[path = "common/network.rs"]
mod network;
#[path = "common/results.rs"]
mod results;

use results::{Files, Provenance, Share};

/// Find sums that were written down wrongly.
///
/// Sums of numbers of k digits are made of MNIST images that the network was not trained on. In
/// some share of them one digit is taken for another, and the sum is written down accordingly. Each
/// sum alone asks something of the rules, given what the network reads; how far they can at best
/// come short of it is its distance: 0 where it fits, near 1 where it contradicts what was surely
/// read. Those from --suspicious on are listed as suspects. Precision is the share of the suspects
/// that are wrong (the others are mostly images misread), recall the share of the wrong ones that
/// are suspected; brackets are 95 % Wilson intervals.
#[derive(Debug, Parser, Serialize)]
struct Options {
    /// Per cent of the sums to make wrong; several separated by commas.
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', default_value = "0,1,5,10", value_parser = clap::value_parser!(u8).range(0..=100))]
    wrong: Vec<u8>,
    /// Digits of each number.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=2500))]
    k: u16,
    /// The distance from which a sum is suspected.
    #[arg(long, value_name = "DISTANCE", default_value_t = 0.95)]
    suspicious: f32,
    /// Seed of the draw, and of what is made wrong.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where the network runs: auto, wgpu or cpu.
    #[arg(long, default_value_t = DeviceChoice::Cpu, value_parser = one_of::<DeviceChoice>())]
    device: DeviceChoice,
    /// Weights of the network.
    #[arg(long, default_value_os_t = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/mnist.safetensors"))]
    model: PathBuf,
    /// Folder with the four MNIST files.
    #[arg(long, default_value_os_t = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/mnist"))]
    data: PathBuf,
    #[command(flatten)]
    #[serde(skip)]
    files: Files,
}

#[derive(Debug, Clone, Serialize)]
struct Row {
    model_md5: String,
    wrong_percent: u8,
    sums: usize,
    wrong: usize,
    suspected: usize,
    found: usize,
}

fn main() -> ExitCode {
    let options = Options::parse();
    results::finish(run(&options, &mut options.files.output()))
}

fn run(options: &Options, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    options.files.check(&[])?;
    let k = usize::from(options.k);
    // Images the network was not trained on.
    let digits = Mnist::read(&options.data)?.validation;
    let device = options.device.open()?;
    let network = Checkpoint::read(&options.model)?.own_reader::<DigitNet>(&device)?;
    let model_md5 = results::md5_of(&std::fs::read(&options.model)?);
    let bar = network::bar(digits.len(), "reading images");
    let probabilities = network::read(&network, digits.views(), &bar)?;
    bar.finish_and_clear();
    let degrees = Transform::Antipignistic.possibilities(probabilities.view())?;
    let engine = Engine::of(&addition::rules(k)?);
    let sums = Sums::draw(digits.len(), k, options.seed);
    writeln!(
        out,
        "{} sums, k = {k}, of {} images not trained on; suspected from distance {} on\n",
        sums.len(),
        digits.len(),
        options.suspicious
    )?;
    writeln!(
        out,
        "{:>10}  {:>6}  {:>9}  {:>24}  {:>24}",
        "mislabel.", "wrong", "suspected", "precision, %, 95 %", "recall, %, 95 %"
    )?;
    let mut rows = Vec::new();
    for &percent in &options.wrong {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed.wrapping_mul(1_000).wrapping_add(percent.into()));
        let wrong: BTreeSet<usize> =
            index::sample(&mut rng, sums.len(), sums.len() * usize::from(percent) / 100).into_iter().collect();
        let mut labels = digits.labels.clone();
        for &sum in &wrong {
            // One of the digits is taken for another, and the sum written down accordingly.
            let image = sums.images(sum)[rng.random_range(0..2 * k)];
            labels[image] = (labels[image] + rng.random_range(1..10)) % 10;
        }
        let cases = sums.labelled_cases(engine.base(), degrees.view(), labels.view())?;
        let conflicts =
            find_conflicts(&engine, &cases, &LearningConfig::default())?.into_iter().flat_map(|set| set.conflicts);
        let suspected: BTreeSet<usize> =
            conflicts.filter(|conflict| conflict.distance >= options.suspicious).map(|c| c.example).collect();
        let row = Row {
            model_md5: model_md5.clone(),
            wrong_percent: percent,
            sums: sums.len(),
            wrong: wrong.len(),
            suspected: suspected.len(),
            found: suspected.intersection(&wrong).count(),
        };
        let share = |of: usize| if of == 0 { "–".to_owned() } else { Share::of(row.found, of).to_string() };
        writeln!(
            out,
            "{percent:>8} %  {:>6}  {:>9}  {:>24}  {:>24}",
            row.wrong,
            row.suspected,
            share(row.suspected),
            share(row.wrong)
        )?;
        rows.push(row);
    }
    options.files.write(&Provenance::of(Some(&device.description)), options, &rows, &rows)
}
