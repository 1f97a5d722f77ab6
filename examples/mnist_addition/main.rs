//! Adds handwritten numbers: images → network → possibilities → rules → digits of the sum.
//!
//! `cargo run --release --example mnist_addition`; `-- --help` lists the options.

#[macro_use]
#[path = "../common/output.rs"]
mod output;

use std::error::Error;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Instant;

use clap::{Args, Parser};
use ndarray::{Array2, Axis};
use pinesy::command::one_of;
use pinesy::datasets::{Digits, Mnist};
use pinesy::explain::{Explainer, Page, Pictures, Question};
use pinesy::inference::{Calibration, Cases, Engine, Parameters};
use pinesy::learning::{LearningConfig, LearningReport, ThresholdSearch, learn, search_thresholds};
use pinesy::perception::{Checkpoint, DeviceChoice, DigitNet, OpenDevice, Reader, accuracy};
use pinesy::possibility::{Transform, Value};
use pinesy::tasks::addition::{self, Sums};
use serde::{Serialize, Serializer};
use strum::VariantArray;

mod abstain;
#[path = "../common/figures.rs"]
mod figures;
#[path = "../common/network.rs"]
mod network;
#[path = "../common/plot.rs"]
mod plot;
#[path = "../common/results.rs"]
mod results;
mod training;

use abstain::Abstention;
use figures::mean_and_deviation;
use results::{Files, Provenance, Share, md5_of};
use training::{Lesson, Objective, Recipe, Told, at_most, first};

/// Add handwritten numbers of k digits and compare with the truth.
///
/// Learns the rule parameters from training images, then adds numbers made of test images: every
/// image is used once a draw, so k digits give ⌊10000 / 2k⌋ sums.
///
/// Figures are means over the draws, ± their standard deviation. Mind what that says: every draw
/// shuffles the same images anew, so ± is only the luck of the shuffle. How far other images would
/// give other figures is told by the brackets, 95 % Wilson intervals: over the images for digits,
/// and for sums over those of one draw, which share no image. Neither says how another training of
/// the network would do: that is what --train-runs is for.
#[derive(Debug, Parser, Serialize)]
#[command(after_help = EXAMPLES)]
struct Options {
    /// Digits of each number; several separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,15,100", value_parser = clap::value_parser!(u16).range(1..=2500))]
    k: Vec<u16>,
    /// Number of draws of sums from the test images.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// More draws where these give fewer sums in all: 500 digits leave ten sums a draw.
    #[arg(long, value_name = "SUMS", default_value_t = 0)]
    least_sums: usize,
    /// Seed of the first draw, and of the first training.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Use only the first test images.
    #[arg(long, value_name = "IMAGES")]
    limit: Option<usize>,
    /// Training images to learn the rule parameters from. Default: 10,000, or all if there are
    /// fewer.
    #[arg(long, value_name = "IMAGES")]
    learn_images: Option<usize>,
    /// Keep only training sums whose own Chebyshev distance is below this number; `none` keeps
    /// all, `auto` searches for the thresholds that do best on the validation images (normal or
    /// low-data grid by the number of training images), `off` does not learn at all.
    #[arg(long, default_value = "0.01")]
    threshold: Threshold,
    /// Only this transformation: antipignistic or minimum-specificity. Default: both.
    #[arg(long, value_parser = one_of::<Transform>())]
    transform: Option<Transform>,
    /// Where the network runs: auto, wgpu or cpu.
    #[arg(long, default_value_t, value_parser = one_of::<DeviceChoice>())]
    device: DeviceChoice,
    /// Weights of the network.
    #[arg(long, default_value_os_t = shipped("models/mnist.safetensors"))]
    model: PathBuf,
    /// Folder with the four MNIST files.
    #[arg(long, default_value_os_t = shipped("datasets/mnist"))]
    data: PathBuf,
    #[command(flatten)]
    training: TrainingOptions,
    #[command(flatten)]
    #[serde(skip)]
    files: Files,
    /// Draw accuracy against k or, with several sizes of --train-images or --train-limit, against
    /// these, as SVG.
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    plot: Option<PathBuf>,
    /// Answer only some sums, too: sets that miss the right sum in this share of all sums at most,
    /// calibrated on sums of the validation images (1 / error − 1 sums are needed), by certain rules
    /// and by the exact probabilities of all results, with the first transformation. Answered is
    /// what has a set of one sum. The validation images also chose the epoch of the network, which
    /// favours them a little.
    #[arg(long, value_name = "ERROR", conflicts_with_all = ["train_runs", "train_images", "train_limit"], value_parser = parse_error)]
    abstain: Option<f64>,
    /// Draw the share of errors against the share of sums answered, as SVG.
    #[arg(long, value_name = "FILE", requires = "abstain")]
    #[serde(skip)]
    risk_plot: Option<PathBuf>,
    /// Write pages that explain the first N wrong or ambiguous sums of the first draw, for each k,
    /// the first network and the first transformation.
    #[arg(long, value_name = "N", default_value_t = 0)]
    explain: usize,
    /// Where to write these pages.
    #[arg(long, value_name = "DIR", default_value = "explanations")]
    explain_to: PathBuf,
}

const EXAMPLES: &str = "Examples:
  mnist_addition --k 1,2,4,15,100,200,500 --least-sums 1000 --csv sums.csv --plot sums.svg
  mnist_addition --train 24 --train-runs 3 --save mine.safetensors
  mnist_addition --train 24 --train-images 200,1000,5000 --least-steps 1500 --k 1,2 --plot images.svg
  mnist_addition --train 28 --supervision sums --train-k 100 --save from_sums.safetensors
  mnist_addition --k 1,2,4,15 --abstain 0.01 --risk-plot risk.svg";

/// Whether and how the network is trained.
#[derive(Debug, Clone, Args, Serialize)]
struct TrainingOptions {
    /// Train the network for this many epochs first, instead of loading it.
    #[arg(long, value_name = "EPOCHS", value_parser = clap::value_parser!(u32).range(1..))]
    train: Option<u32>,
    /// Train so many networks, with seeds --seed, --seed + 1, …, and report mean ± standard
    /// deviation.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "train", value_parser = clap::value_parser!(u64).range(1..))]
    train_runs: u64,
    /// Low data: only the first N training images exist, for the network and for the rules, and no
    /// more validation images choose the epoch; several sizes separated by commas. With few images,
    /// --least-steps makes more passes.
    #[arg(long, value_name = "N", value_delimiter = ',', requires = "train")]
    train_images: Vec<usize>,
    /// What training is told: every digit, or the results of sums alone.
    #[arg(long, value_enum, default_value_t = Told::Digits)]
    supervision: Told,
    /// Digits of the numbers of the training sums.
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    train_k: u16,
    /// Train on so many sums (or, with labels of digits, images) alone, and learn the rules as
    /// always; several sizes separated by commas.
    #[arg(long, value_name = "N", value_delimiter = ',', requires = "train")]
    train_limit: Vec<usize>,
    /// What training from sums goes by: backward inference and revision, or the exact likelihood.
    #[arg(long, value_enum, default_value_t = Objective::Revision)]
    objective: Objective,
    #[command(flatten)]
    recipe: Recipe,
    /// Where to keep the trained weights; of several networks W.safetensors becomes W.0.safetensors,
    /// W.1.safetensors, …
    #[arg(long, value_name = "FILE", requires = "train")]
    #[serde(skip)]
    save: Option<PathBuf>,
    /// Go on from where an interrupted training with the same settings and --save stopped.
    #[arg(long, requires = "save")]
    #[serde(skip)]
    resume: bool,
}

/// How the rule parameters are learned.
#[derive(Debug, Clone, Copy)]
enum Threshold {
    Off,
    Fixed(Option<f32>),
    Auto,
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse::<f32>()) {
            ("off", _) => Ok(Self::Off),
            ("none", _) => Ok(Self::Fixed(None)),
            ("auto", _) => Ok(Self::Auto),
            (_, Ok(threshold)) if threshold > 0.0 => Ok(Self::Fixed(Some(threshold))),
            _ => Err("expected off, none, auto or a number above 0".to_owned()),
        }
    }
}

impl Serialize for Threshold {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_str("off"),
            Self::Fixed(None) => serializer.serialize_str("none"),
            Self::Fixed(Some(threshold)) => serializer.serialize_f32(*threshold),
            Self::Auto => serializer.serialize_str("auto"),
        }
    }
}

fn parse_error(text: &str) -> Result<f64, String> {
    let error = text.parse().ok().filter(|error| *error > 0.0 && *error < 1.0);
    error.ok_or_else(|| "expected a number above 0 and below 1".to_owned())
}

/// From this many training images on, the paper's normal grid is searched; so many are learned from
/// unless told otherwise.
const NORMAL_IMAGES: usize = 10_000;

fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A network and, if it was trained here, how.
#[derive(Debug, Clone, Default, Serialize)]
struct Model {
    model_md5: String,
    training_images: Option<usize>,
    training_sums: Option<usize>,
    training_seed: Option<u64>,
    epochs: Option<usize>,
    best_epoch: Option<usize>,
    validation_accuracy: Option<f64>,
    training_seconds: Option<f64>,
}

impl Model {
    /// What is alike in trainings that differ in their seeds alone.
    fn size(&self) -> Option<usize> {
        self.training_sums.or(self.training_images)
    }
}

#[derive(Debug, Clone, Serialize)]
struct Setting {
    k: usize,
    transform: Transform,
    digits: usize,
    digits_right: usize,
    learned_from: usize,
    learning_seconds: f64,
}

/// One draw of sums from the test images.
#[derive(Debug, Clone, Serialize)]
struct Draw {
    seed: u64,
    sums: usize,
    right: usize,
    ambiguous: usize,
    inference_seconds: f64,
}

/// One line of the table.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    model: Model,
    #[serde(flatten)]
    setting: Setting,
    digit_accuracy: Share,
    /// The mean over the draws, with the interval of one of them.
    accuracy: Share,
    /// Over the draws, which shuffle the same images.
    accuracy_sd: f64,
    ambiguous: f64,
    microseconds_per_sum: f64,
    draws: Vec<Draw>,
    /// With --abstain, what came of each reasoner, over all draws.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    abstentions: Vec<Abstention>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    results::finish(run(&options, &mut options.files.output()))
}

fn run(options: &Options, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let lessons = options.training.lessons(options.seed);
    let saved: Vec<Option<PathBuf>> = (0..lessons.len()).map(|i| options.training.saved(i, lessons.len())).collect();
    options.files.check(&saved.iter().chain([&options.plot, &options.risk_plot]).collect::<Vec<_>>())?;
    let mut mnist = Mnist::read(&options.data)?;
    mnist.test = first(&mnist.test, options.limit, "test images (--limit)")?;
    let mut engines = Vec::new();
    for k in options.k.iter().map(|&k| usize::from(k)) {
        if mnist.test.len() < 2 * k {
            return Err(too_few(k, "to test on").into());
        }
        engines.push((k, Engine::of(&addition::rules(k)?)));
    }
    let device = options.device.open()?;
    let provenance = Provenance::of(Some(&device.description));
    writeln!(out, "{}", device.description)?;

    let mut rows = Vec::new();
    let mut shown = None;
    for (lesson, saved) in lessons.iter().zip(&saved) {
        let images = lesson.as_ref().and_then(|(images, _)| *images);
        let train = first(&mnist.train, images, "training images (--train-images)")?;
        let learning = match options.learn_images {
            None => at_most(&train, NORMAL_IMAGES),
            count => first(&train, count, "training images to learn from (--learn-images)")?,
        };
        // Validation images are needed by the search for thresholds and for calibration alone.
        let needed = matches!(options.threshold, Threshold::Auto) || options.abstain.is_some();
        let searched = if needed { usize::MAX } else { 0 };
        let validation = at_most(&mnist.validation, images.unwrap_or(usize::MAX));
        let (model, network) = match lesson {
            None => shipped_network(&options.model, &device)?,
            Some((_, lesson)) => trained_network(options, lesson, &train, &validation, saved.as_deref(), &device)?,
        };
        let test = read(network, model, [learning, at_most(&validation, searched), mnist.test.clone()], out)?;
        if rows.is_empty() {
            write_header(out)?;
        }
        for (k, engine) in &engines {
            for transform in options.transforms() {
                let explained = shown.is_none() && transform == options.transforms()[0];
                let row = test.evaluate(options, engine, *k, transform, explained, out)?;
                write_row(&row, out)?;
                rows.push(row);
            }
        }
        let abstained = options.abstain.map(|error| test.abstain(options, &engines, error, &mut rows, out));
        write_files(options, &provenance, &rows)?;
        abstained.transpose()?;
        if shown.is_none() {
            shown = Some(test.possibilities(options.transforms()[0])?);
        }
    }
    summarise(options, &rows, out)?;
    if let Some(path) = &options.plot {
        draw(options, &rows, path)?;
    }
    let shown = shown.expect("at least one network");
    show_one_sum(&mnist.test, &shown, options.seed, out)
}

fn too_few(k: usize, what: &str) -> String {
    format!("k = {k} needs {} images {what}: expected fewer digits or more images", 2 * k)
}

impl Options {
    fn transforms(&self) -> Vec<Transform> {
        self.transform.map_or(Transform::VARIANTS.to_vec(), |one| vec![one])
    }
}

impl TrainingOptions {
    /// The trainings to do, with the number of images there are; one without is the network to load.
    fn lessons(&self, seed: u64) -> Vec<Option<(Option<usize>, Lesson)>> {
        let Some(epochs) = self.train else { return vec![None] };
        let sizes = |sizes: &[usize]| -> Vec<Option<usize>> {
            if sizes.is_empty() { vec![None] } else { sizes.iter().copied().map(Some).collect() }
        };
        let mut lessons = Vec::new();
        for images in sizes(&self.train_images) {
            for limit in sizes(&self.train_limit) {
                for run in 0..self.train_runs {
                    let lesson = Lesson {
                        told: self.supervision,
                        objective: self.objective,
                        k: self.train_k.into(),
                        limit,
                        epochs: epochs as usize,
                        seed: seed.wrapping_add(run),
                        lines: true,
                    };
                    lessons.push(Some((images, lesson)));
                }
            }
        }
        lessons
    }

    /// Where to keep one of several networks.
    fn saved(&self, number: usize, of: usize) -> Option<PathBuf> {
        let path = self.save.as_ref()?;
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        Some(if of == 1 { path.clone() } else { path.with_extension(format!("{number}.{extension}")) })
    }
}

fn shipped_network(path: &Path, device: &OpenDevice) -> Result<(Model, Reader<DigitNet>), Box<dyn Error>> {
    let network = Checkpoint::read(path)?.own_reader(device)?;
    Ok((Model { model_md5: md5_of(&std::fs::read(path)?), ..Model::default() }, network))
}

fn trained_network(
    options: &Options,
    lesson: &Lesson,
    train: &Digits,
    validation: &Digits,
    save: Option<&Path>,
    device: &OpenDevice,
) -> Result<(Model, Reader<DigitNet>), Box<dyn Error>> {
    let save = save.map(|path| (path, options.training.resume));
    let trained = options.training.recipe.train(lesson, train, validation, save, device)?;
    let model = Model {
        model_md5: network::model_md5(&trained.checkpoint)?,
        training_images: Some(trained.images),
        training_sums: trained.sums,
        training_seed: Some(lesson.seed),
        epochs: Some(trained.report.epochs.len()),
        best_epoch: Some(trained.report.best.number),
        validation_accuracy: Some(trained.report.best.validation_accuracy),
        training_seconds: Some(trained.seconds),
    };
    Ok((model, trained.checkpoint.own_reader(device)?))
}

/// What a network says of the images to learn from, to search thresholds by and to test on.
struct Read {
    model: Model,
    digits: [Digits; 3],
    probabilities: [Array2<f32>; 3],
    accuracy: f64,
}

fn read(
    network: Reader<DigitNet>,
    model: Model,
    digits: [Digits; 3],
    out: &mut impl Write,
) -> Result<Read, Box<dyn Error>> {
    let images = digits.iter().map(Digits::len).sum();
    let start = Instant::now();
    let bar = network::bar(images, "reading images");
    let [learning, validation, test] = &digits;
    let probabilities = [
        network::read(&network, learning.views(), &bar)?,
        network::read(&network, validation.views(), &bar)?,
        network::read(&network, test.views(), &bar)?,
    ];
    bar.finish_and_clear();
    let accuracy = accuracy(&probabilities[2], test.labels.view());
    let right = Share::mean(accuracy, test.len());
    if let Some(seed) = model.training_seed {
        let count = model.training_images.unwrap_or_default();
        let seconds = model.training_seconds.unwrap_or_default();
        let sums = model.training_sums.map_or(String::new(), |sums| format!(" in {sums} sums"));
        writeln!(out, "\ntraining {seed}: {count} images{sums}, {seconds:.0} s")?;
    }
    writeln!(
        out,
        "perception: {images} images in {:.1} s; {:.2} % of the {} test digits read rightly {}\n",
        start.elapsed().as_secs_f64(),
        100.0 * accuracy,
        test.len(),
        right.interval()
    )?;
    Ok(Read { model, digits, probabilities, accuracy })
}

/// Some images with the possibilities of their digits.
struct Part<'a> {
    digits: &'a Digits,
    degrees: Array2<f32>,
}

impl Part<'_> {
    fn cases(&self, engine: &Engine, k: usize, seed: u64) -> Result<Cases, pinesy::inference::Error> {
        let sums = Sums::draw(self.digits.len(), k, seed);
        sums.labelled_cases(engine.base(), self.degrees.view(), self.digits.labels.view())
    }
}

impl Read {
    fn part(&self, i: usize, transform: Transform) -> Result<Part<'_>, Box<dyn Error>> {
        Ok(Part { digits: &self.digits[i], degrees: transform.possibilities(self.probabilities[i].view())? })
    }

    /// Of the digits of the test images.
    fn possibilities(&self, transform: Transform) -> Result<Array2<f32>, Box<dyn Error>> {
        Ok(self.part(2, transform)?.degrees)
    }

    /// Learns rule parameters, and adds.
    fn evaluate(
        &self,
        options: &Options,
        engine: &Engine,
        k: usize,
        transform: Transform,
        explained: bool,
        out: &mut impl Write,
    ) -> Result<Row, Box<dyn Error>> {
        let (learning, test) = (self.part(0, transform)?, self.part(2, transform)?);
        let cases = || -> Result<Cases, Box<dyn Error>> {
            if learning.digits.len() < 2 * k {
                return Err(format!("{}, or --threshold off", too_few(k, "to learn from")).into());
            }
            Ok(learning.cases(engine, k, options.seed)?)
        };
        let (parameters, report) = match options.threshold {
            Threshold::Off => (Parameters::certain(engine.base()), LearningReport::default()),
            Threshold::Fixed(threshold) => {
                learn(engine, &cases()?, &LearningConfig::default().with_threshold(threshold))?
            }
            Threshold::Auto => {
                let validation = self.part(1, transform)?.cases(engine, k, options.seed)?;
                let normal = learning.digits.len() >= NORMAL_IMAGES;
                let search = if normal { ThresholdSearch::paper_normal() } else { ThresholdSearch::paper_low_data() };
                let (start, tried) = (Instant::now(), network::bar(0, "searching thresholds"));
                let (parameters, report) =
                    search_thresholds(engine, &cases()?, &validation, &LearningConfig::default(), &search, |_| {
                        tried.inc_length(1);
                        tried.inc(1);
                        ControlFlow::Continue(())
                    })?;
                tried.finish_and_clear();
                let mut learning = report.learning;
                learning.seconds = start.elapsed().as_secs_f64();
                (parameters, learning)
            }
        };
        let engine = engine.with_parameters(&parameters)?;
        let sums = test.digits.len() / (2 * k);
        let runs = usize::from(options.runs).max(options.least_sums.div_ceil(sums));
        let bar = network::bar(runs, &format!("adding numbers of {k} digits"));
        let mut draws = Vec::new();
        for run in 0..runs as u64 {
            let seed = options.seed.wrapping_add(run);
            let sums = Sums::draw(test.digits.len(), k, seed);
            let evaluation = sums.evaluate(&engine, test.degrees.view(), test.digits.labels.view())?;
            if run == 0 && explained {
                for &sum in evaluation.failures.iter().take(options.explain) {
                    explain(options, &engine, &sums, sum, &test, out)?;
                }
            }
            draws.push(Draw {
                seed,
                sums: evaluation.sums,
                right: evaluation.right,
                ambiguous: evaluation.ambiguous,
                inference_seconds: evaluation.seconds,
            });
            bar.inc(1);
        }
        bar.finish_and_clear();
        let accuracies: Vec<f64> = draws.iter().map(|draw| draw.right as f64 / draw.sums as f64).collect();
        let (mean, accuracy_sd) = mean_and_deviation(&accuracies);
        let count = (sums * draws.len()) as f64;
        let digits = test.digits.len();
        Ok(Row {
            model: self.model.clone(),
            setting: Setting {
                k,
                transform,
                digits,
                digits_right: (self.accuracy * digits as f64).round() as usize,
                learned_from: report.rule_sets.iter().map(|set| set.kept).min().unwrap_or(0),
                learning_seconds: report.seconds,
            },
            digit_accuracy: Share::mean(self.accuracy, digits),
            accuracy: Share::mean(mean, sums),
            accuracy_sd,
            ambiguous: draws.iter().map(|draw| draw.ambiguous as f64).sum::<f64>() / count,
            microseconds_per_sum: 1e6 * draws.iter().map(|draw| draw.inference_seconds).sum::<f64>() / count,
            draws,
            abstentions: Vec::new(),
        })
    }
}

impl Read {
    /// Sums that are answered only where that is safe.
    fn abstain(
        &self,
        options: &Options,
        engines: &[(usize, Engine)],
        error: f64,
        rows: &mut [Row],
        out: &mut impl Write,
    ) -> Result<(), Box<dyn Error>> {
        let transform = options.transforms()[0];
        let parts = [self.part(1, transform)?, self.part(2, transform)?];
        let images = |i: usize| abstain::Images {
            probabilities: &self.probabilities[1 + i],
            possibilities: &parts[i].degrees,
            labels: parts[i].digits.labels.view(),
        };
        abstain::write_header(error, &transform.to_string(), out)?;
        for (k, engine) in engines {
            let (sums, needed) = (parts[0].digits.len() / (2 * k), Calibration::examples_needed(error));
            if sums < needed {
                writeln!(out, "{k:>4}  {sums} validation sums: an error of {error} takes {needed}")?;
                continue;
            }
            let seeds = (0..u64::from(options.runs)).map(|run| options.seed.wrapping_add(run));
            let outcomes = abstain::abstain(engine, *k, error, &images(0), &images(1), seeds)?;
            outcomes.iter().try_for_each(|outcome| abstain::write_row(*k, outcome, out))?;
            let is_of = |row: &&mut Row| (row.setting.k, row.setting.transform) == (*k, transform);
            if let Some(row) = rows.iter_mut().find(is_of) {
                row.abstentions = outcomes;
            }
        }
        let with_row = rows.iter().flat_map(|row| row.abstentions.iter().map(move |outcome| (row.setting.k, outcome)));
        let outcomes: Vec<(usize, &Abstention)> = with_row.collect();
        if outcomes.is_empty() {
            return Err(format!("--abstain {error}: expected a greater error, or fewer digits").into());
        }
        if let Some(path) = &options.risk_plot {
            abstain::draw(path, &outcomes)?;
        }
        Ok(())
    }
}

fn write_header(out: &mut impl Write) -> std::io::Result<()> {
    writeln!(
        out,
        "{:>4}  {:19}  {:>7}  {:>5}  {:>5}  {:>14}  {:>16}  {:>9}  {:>8}  {:>7}",
        "k", "transformation", "learned", "sums", "draws", "sums right, %", "95 %", "ambig., %", "learn, s", "µs/sum"
    )
}

fn write_row(row: &Row, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(
        out,
        "{:>4}  {:19}  {:>7}  {:>5}  {:>5}  {:>6.2} ± {:<5.2}  {:>16}  {:>9.2}  {:>8.3}  {:>7.2}",
        row.setting.k,
        row.setting.transform.to_string(),
        row.setting.learned_from,
        row.accuracy.of,
        row.draws.len(),
        100.0 * row.accuracy.share,
        100.0 * row.accuracy_sd,
        row.accuracy.interval(),
        100.0 * row.ambiguous,
        row.setting.learning_seconds,
        row.microseconds_per_sum
    )
}

fn write_files(options: &Options, provenance: &Provenance, rows: &[Row]) -> Result<(), Box<dyn Error>> {
    let runs = rows.iter().flat_map(|row| row.draws.iter().map(move |draw| (&row.model, &row.setting, draw)));
    options.files.write(provenance, options, rows, runs)
}

/// The rows that differ in the seed of their training alone, in the order of the table.
fn alike(rows: &[Row]) -> Vec<Vec<&Row>> {
    let kind = |row: &Row| (row.model.size(), row.setting.k, row.setting.transform);
    let mut groups: Vec<Vec<&Row>> = Vec::new();
    for row in rows {
        match groups.iter_mut().find(|group| kind(group[0]) == kind(row)) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    groups
}

fn summarise(options: &Options, rows: &[Row], out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    writeln!(
        out,
        "\n± over draws is only reshuffling of the same images; [ ] is the 95 % Wilson interval, for sums of"
    )?;
    writeln!(out, "those of one draw, which share no image.")?;
    if options.training.train_runs < 2 {
        return Ok(());
    }
    writeln!(out, "\nmean ± standard deviation over {} trainings", options.training.train_runs)?;
    writeln!(out, "{:>8}  {:>4}  {:19}  {:>16}  {:>16}", "trained", "k", "transformation", "digits, %", "sums, %")?;
    for group in alike(rows) {
        let of = |value: fn(&Row) -> f64| {
            let (mean, deviation) = mean_and_deviation(&group.iter().map(|row| 100.0 * value(row)).collect::<Vec<_>>());
            format!("{mean:.2} ± {deviation:.2}")
        };
        let row = group[0];
        let (size, transform) = (row.model.size().unwrap_or_default(), row.setting.transform.to_string());
        let (digits, sums) = (of(|row| row.digit_accuracy.share), of(|row| row.accuracy.share));
        writeln!(out, "{size:>8}  {:>4}  {transform:19}  {digits:>16}  {sums:>16}", row.setting.k)?;
    }
    Ok(())
}

/// Draws accuracy against the size of the training or, where there is one alone, against k.
fn draw(options: &Options, rows: &[Row], path: &Path) -> Result<(), Box<dyn Error>> {
    let groups = alike(rows);
    let by_size = groups.iter().any(|group| group[0].model.size() != rows[0].model.size());
    let mut lines: Vec<plot::Line> = Vec::new();
    for group in groups {
        let Setting { k, transform, .. } = group[0].setting;
        let accuracies: Vec<f64> = group.iter().map(|row| row.accuracy.share).collect();
        let share = Share::mean(mean_and_deviation(&accuracies).0, group[0].accuracy.of);
        let (name, place) = match group[0].model.size() {
            Some(_) if by_size && transform != options.transforms()[0] => continue,
            Some(size) if by_size => (format!("k = {k}"), size),
            _ => (transform.to_string(), k),
        };
        match lines.iter_mut().find(|line| line.name == name) {
            Some(line) => line.points.push((place as f64, share)),
            None => lines.push(plot::Line { name, points: vec![(place as f64, share)] }),
        }
    }
    let size = if options.training.supervision == Told::Sums { "training sums" } else { "training images" };
    let x = if by_size { size } else { "digits of each number (k)" };
    plot::write(path, "MNIST addition", x, "sums right, %", &lines)
}

/// Draws the images of one sum of two-digit numbers, and gives the reason for each digit.
fn show_one_sum(
    digits: &Digits,
    possibilities: &Array2<f32>,
    seed: u64,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    const K: usize = 2;
    if digits.len() < 2 * K {
        return Ok(());
    }
    let engine = Engine::of(&addition::rules(K)?);
    let sums = Sums::draw(digits.len(), K, seed).take(1);
    let images = sums.images(0).to_vec();
    writeln!(out, "\nOne sum: {0} + {1}, that is\n", number(digits, &images[..K]), number(digits, &images[K..]))?;
    for row in (0..28).step_by(2) {
        let mut line = String::new();
        for (i, &image) in images.iter().enumerate() {
            line += if i == K && row == 14 {
                "  +  "
            } else if i == K {
                "     "
            } else {
                ""
            };
            line.extend((4..24).map(|column| {
                let ink =
                    u16::from(digits.images[(image, row, column)]) + u16::from(digits.images[(image, row + 1, column)]);
                [' ', '·', '+', '*', '#', '@'][usize::from(ink) * 5 / 510]
            }));
        }
        writeln!(out, "  {line}")?;
    }
    let cases = sums.cases(engine.base(), possibilities.view())?;
    let explainer = Explainer::new(&engine, &cases.row(0))?;
    writeln!(out)?;
    for j in 0..=K {
        writeln!(out, "  {}", explainer.justify(&format!("y{j}"))?.to_string().replace('\n', "\n  "))?;
    }
    Ok(())
}

/// Writes a page on a sum that came out wrong or ambiguous: why each digit that is not right is
/// what it is, and why it is not the right one.
fn explain(
    options: &Options,
    engine: &Engine,
    sums: &Sums,
    sum: usize,
    test: &Part,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    /// Numbers of more digits are not shown whole.
    const WHOLE: usize = 10;
    let images = sums.images(sum).to_vec();
    let k = images.len() / 2;
    let cases = sums.cases(engine.base(), test.degrees.view())?;
    let explainer = Explainer::new(engine, &cases.row(sum))?;
    let (_, truth) = sums.result(sum, test.digits.labels.view());
    let names: Vec<String> = (0..=k).map(|j| format!("y{j}")).collect();
    let truth: Vec<Value> = truth.into_iter().map(|digit| Value::Integer(digit as i64)).collect();
    let (mut questions, mut read, mut inferred) = (Vec::new(), Vec::new(), String::new());
    for (name, right) in names.iter().zip(&truth) {
        let why = explainer.justify(name)?;
        inferred += &if let [digit] = why.decision.as_slice() { digit.to_string() } else { "?".to_owned() };
        if why.decision != [right.clone()] {
            questions.push(Question::Why(name));
            // What comes closest is explained with the decision.
            if !why.competitors.first().is_some_and(|closest| closest.values.contains(right)) {
                questions.push(Question::WhyNot(name, right));
            }
            read.extend(why.readings.into_iter().map(|reading| reading.attribute));
        }
    }
    let inputs: Vec<String> = (1..=2 * k).map(|j| format!("a{j}")).collect();
    let shown = inputs.iter().zip(&images).filter(|(name, _)| k <= WHOLE || read.contains(name));
    let shown = shown.map(|(name, &image)| (name.as_str(), test.digits.images.index_axis(Axis(0), image)));
    let pictures = Pictures { images: shown.collect(), per_row: k.min(WHOLE) };
    let total: String = truth.iter().map(Value::to_string).collect();
    let (left, right) = (number(test.digits, &images[..k]), number(test.digits, &images[k..]));
    let heading = format!("{left} + {right} = {total}, inferred {inferred}");
    let mut page = Page::new(&heading);
    page.example(&heading, &explainer, &pictures, &questions)?;
    let path = options.explain_to.join(format!("addition_k{k}_sum{sum}.html"));
    page.write(&path)?;
    Ok(writeln!(out, "      explained in {}", path.display())?)
}

fn number(digits: &Digits, images: &[usize]) -> String {
    images.iter().map(|&image| digits.labels[image].to_string()).collect()
}
