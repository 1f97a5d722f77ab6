//! How robustly a network learns digits from sums alone, and from how few.
//!
//! `cargo run --release --example supervision -- --k 4 --seeds 3 --epochs 4`; `-- --help` lists the
//! options.

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use ndarray::Axis;
use pinesy::command::one_of;
use pinesy::datasets::{Digits, Mnist};
use pinesy::inference::Engine;
use pinesy::perception::{DeviceChoice, DigitNet, OpenDevice, accuracy};
use pinesy::possibility::Transform;
use pinesy::tasks::addition::{self, Sums};
use serde::Serialize;

#[path = "common/figures.rs"]
mod figures;
#[path = "common/network.rs"]
mod network;
#[path = "common/plot.rs"]
mod plot;
#[path = "common/results.rs"]
mod results;
#[path = "mnist_addition/training.rs"]
mod training;

use figures::mean_and_deviation;
use results::{Files, Provenance, Share};
use training::{Lesson, Objective, Recipe, Told};

/// Train networks from sums of numbers of k digits, from random starts, and see what they learn.
///
/// No digit's label reaches the training: only the sums are told. Every seed draws its sums and its
/// first weights anew. Two ways of learning are compared. Revision asks the rules, backward, what
/// each image can be, and revises what the network says accordingly. Likelihood maximises the exact
/// probability of the sums, as other systems do. A training may fall into a false solution, digits
/// taken for one another that still explain many sums: a network that reads less than half of the
/// digits counts as one. (With very few sums it may just not have learned enough.)
///
/// For few sums, --least-steps makes more epochs, and no more validation images choose the best one
/// than there are images to train on. --labels also trains on the labels of the same images.
#[derive(Debug, Parser, Serialize)]
#[command(after_help = EXAMPLES)]
struct Options {
    /// Digits of each number; several separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "4,15,100", value_parser = clap::value_parser!(u16).range(1..=2500))]
    k: Vec<u16>,
    /// Training sums; several sizes separated by commas. Default: all that 50,000 images make.
    #[arg(long, value_name = "N", value_delimiter = ',')]
    sums: Vec<usize>,
    /// What training goes by; several separated by commas.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "revision,likelihood")]
    objective: Vec<Objective>,
    /// Also train from the labels of the digits in the same sums, for comparison.
    #[arg(long)]
    labels: bool,
    /// Number of trainings of each kind.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Seed of the first.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Passes over the sums.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: u32,
    /// Number of draws of sums from the test images.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
    #[command(flatten)]
    recipe: Recipe,
    /// Where networks are trained: auto, wgpu or cpu.
    #[arg(long, default_value_t, value_parser = one_of::<DeviceChoice>())]
    device: DeviceChoice,
    /// Folder with the four MNIST files.
    #[arg(long, default_value_os_t = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/mnist"))]
    data: PathBuf,
    #[command(flatten)]
    #[serde(skip)]
    files: Files,
    /// Draw the digits read rightly against the number of training sums, as SVG.
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    plot: Option<PathBuf>,
}

const EXAMPLES: &str = "Examples:
  supervision --k 4,15,100 --seeds 5 --epochs 8 --csv robustness.csv
  supervision --k 1,4 --sums 50,200,1000 --labels --least-steps 1500 --csv few.csv --plot few.svg";

/// Below this share of the digits a network counts as fallen into a false solution.
const FALSE: f64 = 0.5;

/// One training.
#[derive(Debug, Clone, Serialize)]
struct Trial {
    k: usize,
    training_sums: usize,
    training_images: usize,
    told: &'static str,
    seed: u64,
    epochs: usize,
    best_epoch: usize,
    validation_accuracy: f64,
    model_md5: String,
    seconds: f64,
    digits: usize,
    digits_right: usize,
    false_solution: bool,
}

/// One draw of sums from the test images.
#[derive(Debug, Clone, Serialize)]
struct Draw {
    draw_seed: u64,
    sums: usize,
    right: usize,
}

#[derive(Debug, Clone, Serialize)]
struct Row {
    #[serde(flatten)]
    trial: Trial,
    digit_accuracy: Share,
    /// The mean over the draws, with the interval of one of them.
    accuracy: Share,
    draws: Vec<Draw>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    results::finish(run(&options, &mut options.files.output()))
}

fn run(options: &Options, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    options.files.check(&[&options.plot])?;
    let mnist = Mnist::read(&options.data)?;
    let device = options.device.open()?;
    let provenance = Provenance::of(Some(&device.description));
    writeln!(out, "{}\n", device.description)?;
    let kinds: Vec<(Told, Objective)> = options
        .objective
        .iter()
        .map(|&objective| (Told::Sums, objective))
        .chain(options.labels.then_some((Told::Digits, Objective::Revision)))
        .collect();
    let sizes = if options.sums.is_empty() { vec![usize::MAX] } else { options.sums.clone() };
    // What cannot be is found before the work.
    for k in options.k.iter().map(|&k| usize::from(k)) {
        let there = mnist.train.len().min(mnist.test.len()) / (2 * k);
        let most = mnist.train.len() / (2 * k);
        if there == 0 || options.sums.iter().any(|&sums| sums == 0 || sums > most) {
            return Err(
                format!("the images make {most} training sums of k = {k}: expected --sums from 1 to that").into()
            );
        }
    }
    writeln!(
        out,
        "{:>4}  {:>6}  {:10}  {:>4}  {:>22}  {:>22}  {:>8}",
        "k", "sums", "told", "seed", "digits right, %, 95 %", "sums right, %, 95 %", "training"
    )?;
    let mut rows: Vec<Row> = Vec::new();
    for k in options.k.iter().map(|&k| usize::from(k)) {
        let engine = Engine::of(&addition::rules(k)?);
        for &sums in &sizes {
            for &kind in &kinds {
                for seed in (0..options.seeds).map(|i| options.seed.wrapping_add(i)) {
                    let row = train(options, &engine, k, sums, kind, seed, &mnist, &device)?;
                    writeln!(
                        out,
                        "{k:>4}  {:>6}  {:10}  {seed:>4}  {:>22}  {:>22}  {:>6.0} s{}",
                        row.trial.training_sums,
                        row.trial.told,
                        row.digit_accuracy,
                        row.accuracy,
                        row.trial.seconds,
                        if row.trial.false_solution { "  false solution" } else { "" }
                    )?;
                    rows.push(row);
                    let runs = rows.iter().flat_map(|row| row.draws.iter().map(move |draw| (&row.trial, draw)));
                    options.files.write(&provenance, options, &rows, runs)?;
                }
            }
        }
    }
    summarise(&rows, out)?;
    match &options.plot {
        Some(path) => draw(&rows, path),
        None => Ok(()),
    }
}

#[allow(clippy::too_many_arguments)]
fn train(
    options: &Options,
    engine: &Engine,
    k: usize,
    sums: usize,
    (told, objective): (Told, Objective),
    seed: u64,
    mnist: &Mnist,
    device: &OpenDevice,
) -> Result<Row, Box<dyn Error>> {
    let drawn = Sums::draw(mnist.train.len(), k, seed).take(sums);
    let limit = (told == Told::Sums).then_some(drawn.len());
    let lesson = Lesson { told, objective, k, limit, epochs: options.epochs as usize, seed, lines: false };
    let trained = match told {
        Told::Sums => options.recipe.train(&lesson, &mnist.train, &mnist.validation, None, device)?,
        Told::Digits => {
            let same = of(&mnist.train, &drawn);
            options.recipe.train(&lesson, &same, &mnist.validation, None, device)?
        }
    };
    let reader = trained.checkpoint.own_reader::<DigitNet>(device)?;
    let bar = network::bar(mnist.test.len(), "reading test images");
    let probabilities = network::read(&reader, mnist.test.views(), &bar)?;
    bar.finish_and_clear();
    let (labels, digits) = (mnist.test.labels.view(), mnist.test.len());
    let share = accuracy(&probabilities, labels);
    let degrees = Transform::Antipignistic.possibilities(probabilities.view())?;
    let mut draws = Vec::new();
    for draw_seed in 0..options.runs {
        let evaluation = Sums::draw(digits, k, draw_seed).evaluate(engine, degrees.view(), labels)?;
        draws.push(Draw { draw_seed, sums: evaluation.sums, right: evaluation.right });
    }
    let right: Vec<f64> = draws.iter().map(|draw| draw.right as f64 / draw.sums as f64).collect();
    let told = match (told, objective) {
        (Told::Digits, _) => "labels",
        (Told::Sums, Objective::Revision) => "revision",
        (Told::Sums, Objective::Likelihood) => "likelihood",
    };
    let trial = Trial {
        k,
        training_sums: trained.sums.unwrap_or(drawn.len()),
        training_images: trained.images,
        told,
        seed,
        epochs: trained.report.epochs.len(),
        best_epoch: trained.report.best.number,
        validation_accuracy: trained.report.best.validation_accuracy,
        model_md5: network::model_md5(&trained.checkpoint)?,
        seconds: trained.seconds,
        digits,
        digits_right: (share * digits as f64).round() as usize,
        false_solution: share < FALSE,
    };
    let accuracy = Share::mean(mean_and_deviation(&right).0, draws[0].sums);
    Ok(Row { trial, digit_accuracy: Share::mean(share, digits), accuracy, draws })
}

/// The images of some sums, with their labels.
fn of(digits: &Digits, sums: &Sums) -> Digits {
    let images: Vec<usize> = sums.placed().iter().copied().collect();
    Digits { images: digits.images.select(Axis(0), &images), labels: digits.labels.select(Axis(0), &images) }
}

/// The trainings that differ in their seeds alone.
fn alike(rows: &[Row]) -> impl Iterator<Item = &[Row]> {
    let kind = |row: &Row| (row.trial.k, row.trial.training_sums, row.trial.told);
    rows.chunk_by(move |a, b| kind(a) == kind(b))
}

fn summarise(rows: &[Row], out: &mut impl Write) -> std::io::Result<()> {
    writeln!(
        out,
        "\n{:>4}  {:>6}  {:10}  {:>9}  {:>5}  {:>16}  {:>16}  {:>8}",
        "k", "sums", "told", "trainings", "false", "digits right, %", "sums right, %", "training"
    )?;
    for group in alike(rows) {
        let of = |value: fn(&Row) -> f64| mean_and_deviation(&group.iter().map(value).collect::<Vec<_>>());
        let percent = |(mean, deviation): (f64, f64)| format!("{:.2} ± {:.2}", 100.0 * mean, 100.0 * deviation);
        let trial = &group[0].trial;
        writeln!(
            out,
            "{:>4}  {:>6}  {:10}  {:>9}  {:>5}  {:>16}  {:>16}  {:>6.0} s",
            trial.k,
            trial.training_sums,
            trial.told,
            group.len(),
            group.iter().filter(|row| row.trial.false_solution).count(),
            percent(of(|row| row.digit_accuracy.share)),
            percent(of(|row| row.accuracy.share)),
            of(|row| row.trial.seconds).0
        )?;
    }
    writeln!(
        out,
        "\n± is the standard deviation over trainings; [ ] the 95 % Wilson interval of one network: over the test"
    )?;
    writeln!(
        out,
        "images, and over the sums of one draw, which share no image. false: less than half of the digits right."
    )
}

fn draw(rows: &[Row], path: &Path) -> Result<(), Box<dyn Error>> {
    let mut lines: Vec<plot::Line> = Vec::new();
    for group in alike(rows) {
        let trial = &group[0].trial;
        let name = format!("k = {}, {}", trial.k, trial.told);
        let shares: Vec<f64> = group.iter().map(|row| row.digit_accuracy.share).collect();
        let point = (trial.training_sums as f64, Share::mean(mean_and_deviation(&shares).0, trial.digits));
        match lines.iter_mut().find(|line| line.name == name) {
            Some(line) => line.points.push(point),
            None => lines.push(plot::Line { name, points: vec![point] }),
        }
    }
    plot::write(path, "Digits learned from sums", "training sums", "digits right, %", &lines)
}
