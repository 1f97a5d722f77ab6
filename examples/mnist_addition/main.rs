//! Adds handwritten numbers: images → network → possibilities → rules → digits of the sum.
//!
//! `cargo run --release --example mnist_addition`; `-- --help` lists the options.

#[macro_use]
#[path = "../common/output.rs"]
mod output;

use std::error::Error;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Instant;

use clap::Parser;
use ndarray::{Array2, Axis};
use pinesy::command::one_of;
use pinesy::datasets::{Digits, Mnist};
use pinesy::explain::{Explainer, Page, Pictures, Question};
use pinesy::inference::{Cases, Engine, Parameters};
use pinesy::learning::{LearningConfig, LearningReport, ThresholdSearch, learn, search_thresholds};
use pinesy::perception::{Checkpoint, DeviceChoice, DigitNet, OpenDevice, Reader, accuracy};
use pinesy::possibility::{Transform, Value};
use pinesy::tasks::addition::{self, Sums};
use serde::Serialize;
use strum::VariantArray;

#[path = "../common/figures.rs"]
mod figures;
mod training;

use figures::mean_and_deviation;
use training::{TrainingOptions, first};

/// Add handwritten numbers of k digits and compare with the truth.
///
/// Learns the rule parameters from training images, then adds numbers made of test images:
/// every image is used once a run, so k digits give ⌊10000 / 2k⌋ sums. Figures are means over
/// the runs, ± standard deviation.
#[derive(Debug, Parser)]
struct Options {
    /// Digits of each number; several separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,15,100", value_parser = clap::value_parser!(u16).range(1..=2500))]
    k: Vec<u16>,
    /// Number of draws of sums from the test images.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Seed of the first draw.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Use only the first test images.
    #[arg(long, value_name = "IMAGES")]
    limit: Option<usize>,
    /// Training images to learn the rule parameters from.
    #[arg(long, default_value_t = 10_000)]
    learn_images: usize,
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
    /// Also write the table as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write pages that explain the first N wrong or ambiguous sums of the first draw, for each k
    /// and the first transformation.
    #[arg(long, value_name = "N", default_value_t = 0)]
    explain: usize,
    /// Where to write these pages.
    #[arg(long, value_name = "DIR", default_value = "explanations")]
    explain_to: PathBuf,
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

/// From this many training images on, the paper's normal grid is searched.
const NORMAL_IMAGES: usize = 10_000;

fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// One line of the table.
#[derive(Debug, Serialize)]
struct Row {
    k: usize,
    transform: Transform,
    digit_accuracy: f64,
    learned_from: usize,
    sums: usize,
    runs: usize,
    accuracy: f64,
    accuracy_sd: f64,
    ambiguous: f64,
    learning_seconds: f64,
    microseconds_per_sum: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    if let Err(error) = run(&options) {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
    Ok(())
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let mut mnist = Mnist::read(&options.data)?;
    mnist.test = first(&mnist.test, options.limit);
    let device = options.device.open()?;
    println!("{}", device.description);
    let network = network(options, &mnist, &device)?;

    let learning = first(&mnist.train, Some(options.learn_images));
    let start = Instant::now();
    // Validation images are needed by the search for thresholds alone.
    let validation = first(&mnist.validation, (!matches!(options.threshold, Threshold::Auto)).then_some(0));
    let learning_probabilities = network.probabilities(learning.views())?;
    let validation_probabilities = network.probabilities(validation.views())?;
    let test_probabilities = network.probabilities(mnist.test.views())?;
    let images = learning.len() + validation.len() + mnist.test.len();
    let digit_accuracy = accuracy(&test_probabilities, mnist.test.labels.view());
    println!(
        "perception: {images} images in {:.1} s; {:.2} % of the {} test digits read rightly\n",
        start.elapsed().as_secs_f64(),
        100.0 * digit_accuracy,
        mnist.test.len()
    );

    println!(
        "{:>4}  {:19}  {:>7}  {:>5}  {:>16}  {:>9}  {:>8}  {:>7}",
        "k", "transformation", "learned", "sums", "sums right, %", "ambig., %", "learn, s", "µs/sum"
    );
    let transforms: Vec<Transform> = options.transform.map_or(Transform::VARIANTS.to_vec(), |one| vec![one]);
    let mut rows = Vec::new();
    for &k in &options.k {
        let engine = Engine::of(&addition::rules(k.into())?);
        for &transform in &transforms {
            let parts = [
                Part { digits: &learning, degrees: transform.possibilities(learning_probabilities.view())? },
                Part { digits: &validation, degrees: transform.possibilities(validation_probabilities.view())? },
                Part { digits: &mnist.test, degrees: transform.possibilities(test_probabilities.view())? },
            ];
            let row = evaluate(options, &engine, k.into(), transform, &parts, digit_accuracy)?;
            println!(
                "{:>4}  {:19}  {:>7}  {:>5}  {:>8.2} ± {:<5.2}  {:>9.2}  {:>8.3}  {:>7.2}",
                row.k,
                row.transform.to_string(),
                row.learned_from,
                row.sums,
                100.0 * row.accuracy,
                100.0 * row.accuracy_sd,
                100.0 * row.ambiguous,
                row.learning_seconds,
                row.microseconds_per_sum
            );
            rows.push(row);
        }
    }
    if let Some(path) = &options.json {
        let json = serde_json::to_string_pretty(&rows)? + "\n";
        pinesy::whole_file::write(path, |w| w.write_all(json.as_bytes()))?;
    }
    let test = transforms[0].possibilities(test_probabilities.view())?;
    show_one_sum(&mnist.test, &test, options.seed)
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

/// The shipped network, or a freshly trained one.
fn network(options: &Options, mnist: &Mnist, device: &OpenDevice) -> Result<Reader<DigitNet>, Box<dyn Error>> {
    let Some(epochs) = options.training.train else {
        return Ok(Checkpoint::read(&options.model)?.own_reader(device)?);
    };
    let checkpoint = options.training.run(epochs, mnist, options.seed, device)?;
    Ok(checkpoint.own_reader(device)?)
}

fn evaluate(
    options: &Options,
    engine: &Engine,
    k: usize,
    transform: Transform,
    [learning, validation, test]: &[Part; 3],
    digit_accuracy: f64,
) -> Result<Row, Box<dyn Error>> {
    if learning.digits.len() < 2 * k || test.digits.len() < 2 * k {
        let images = 2 * k;
        return Err(format!(
            "k = {k} needs {images} images to learn from and to test on: expected fewer digits or more images"
        )
        .into());
    }
    let cases = learning.cases(engine, k, options.seed)?;
    let (parameters, report) = match options.threshold {
        Threshold::Off => (Parameters::certain(engine.base()), LearningReport::default()),
        Threshold::Fixed(threshold) => learn(engine, &cases, &LearningConfig::default().with_threshold(threshold))?,
        Threshold::Auto => {
            let validation = validation.cases(engine, k, options.seed)?;
            let normal = learning.digits.len() >= NORMAL_IMAGES;
            let search = if normal { ThresholdSearch::paper_normal() } else { ThresholdSearch::paper_low_data() };
            let start = Instant::now();
            let (parameters, report) =
                search_thresholds(engine, &cases, &validation, &LearningConfig::default(), &search, |_| {
                    ControlFlow::Continue(())
                })?;
            let mut learning = report.learning;
            learning.seconds = start.elapsed().as_secs_f64();
            (parameters, learning)
        }
    };
    let engine = engine.with_parameters(&parameters)?;
    let explained =
        if Some(transform) == options.transform.or(Some(Transform::VARIANTS[0])) { options.explain } else { 0 };
    let mut accuracies = Vec::new();
    let (mut ambiguous, mut seconds, mut count) = (0, 0.0, 0);
    for run in 0..u64::from(options.runs) {
        let sums = Sums::draw(test.digits.len(), k, options.seed.wrapping_add(run));
        let evaluation = sums.evaluate(&engine, test.degrees.view(), test.digits.labels.view())?;
        if run == 0 {
            for &sum in evaluation.failures.iter().take(explained) {
                explain(options, &engine, &sums, sum, test)?;
            }
        }
        accuracies.push(evaluation.right as f64 / evaluation.sums as f64);
        ambiguous += evaluation.ambiguous;
        seconds += evaluation.seconds;
        count += evaluation.sums;
    }
    let (accuracy, accuracy_sd) = mean_and_deviation(&accuracies);
    Ok(Row {
        k,
        transform,
        digit_accuracy,
        learned_from: report.rule_sets.iter().map(|set| set.kept).min().unwrap_or(0),
        sums: count / accuracies.len(),
        runs: accuracies.len(),
        accuracy,
        accuracy_sd,
        ambiguous: ambiguous as f64 / count as f64,
        learning_seconds: report.seconds,
        microseconds_per_sum: 1e6 * seconds / count as f64,
    })
}

/// Draws the images of one sum of two-digit numbers, and gives the reason for each digit.
fn show_one_sum(digits: &Digits, possibilities: &Array2<f32>, seed: u64) -> Result<(), Box<dyn Error>> {
    const K: usize = 2;
    if digits.len() < 2 * K {
        return Ok(());
    }
    let engine = Engine::of(&addition::rules(K)?);
    let sums = Sums::draw(digits.len(), K, seed).take(1);
    let images = sums.images(0).to_vec();
    println!("\nOne sum: {0} + {1}, that is\n", number(digits, &images[..K]), number(digits, &images[K..]));
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
        println!("  {line}");
    }
    let cases = sums.cases(engine.base(), possibilities.view())?;
    let explainer = Explainer::new(&engine, &cases.row(0))?;
    println!();
    for j in 0..=K {
        println!("  {}", explainer.justify(&format!("y{j}"))?.to_string().replace('\n', "\n  "));
    }
    Ok(())
}

/// Writes a page on a sum that came out wrong or ambiguous: why each digit that is not right is
/// what it is, and why it is not the right one.
fn explain(options: &Options, engine: &Engine, sums: &Sums, sum: usize, test: &Part) -> Result<(), Box<dyn Error>> {
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
    println!("      explained in {}", path.display());
    Ok(())
}

fn number(digits: &Digits, images: &[usize]) -> String {
    images.iter().map(|&image| digits.labels[image].to_string()).collect()
}
