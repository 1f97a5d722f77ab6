//! Judges from images whether a filled Sudoku grid is valid, with two reasoners.
//!
//! `cargo run --release --example sudoku -- --size 4`; `-- --help` lists the options.

#[macro_use]
#[path = "common/output.rs"]
mod output;

use std::error::Error;
use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Parser;
use ndarray::{Array1, Array3, ArrayView2, Axis, concatenate, s};
use pinesy::command::one_of;
use pinesy::datasets::{Digits, Mnist, Puzzle, read_puzzles};
use pinesy::explain::{Explainer, Page, Pictures, Question};
use pinesy::inference::Engine;
use pinesy::learning::{LearningConfig, learn};
use pinesy::perception::{
    Checkpoint, DeviceChoice, DigitNet, Labels, OpenDevice, Reader, Training, TrainingConfig, TrainingEvent, accuracy,
};
use pinesy::possibility::Transform;
use pinesy::tasks::sudoku::{
    Exact, Split, Verdict, area_under_curve, best_threshold, cases, generate, labelled_cases, rules, score, violations,
};
use serde::Serialize;

#[path = "common/figures.rs"]
mod figures;

use figures::{mean_and_deviation, peak_memory};

/// Judge visual Sudoku puzzles: is the grid in the images valid?
///
/// For each seeded split (100 + 100 training puzzles, 50 + 50 to validate, 50 + 50 to test, made
/// of MNIST images) a network is trained on the training puzzles' cells alone, the rule parameters
/// are learned, the decision threshold is chosen on the validation puzzles, and the test puzzles
/// are judged by the paper's pairwise rules and by the exact reasoner.
#[derive(Debug, Parser)]
struct Options {
    /// Side of the grid: 4 or 9.
    #[arg(long, default_value_t = 4, value_parser = parse_size)]
    size: usize,
    /// Number of splits.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    splits: u64,
    /// Seed of the first split.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Use only so many puzzles of each part (half valid, half not, where the part allows).
    #[arg(long)]
    limit: Option<usize>,
    /// Judge a downloaded ViSudo-PC split folder instead of generated splits.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Use the shipped MNIST model instead of training one; a different, easier setting.
    #[arg(long)]
    pretrained: bool,
    /// Passes over the training cells. Default: as many as make 1,500 steps.
    #[arg(long)]
    epochs: Option<usize>,
    /// How probabilities become possibilities: antipignistic or minimum-specificity.
    #[arg(long, default_value_t, value_parser = one_of::<Transform>())]
    transform: Transform,
    /// Where the network runs: auto, wgpu or cpu.
    #[arg(long, default_value_t, value_parser = one_of::<DeviceChoice>())]
    device: DeviceChoice,
    /// Also write the results as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also draw the first split's test puzzles judged invalid, one SVG each.
    #[arg(long, value_name = "DIR")]
    draw: Option<PathBuf>,
    /// Write pages that explain the first N test puzzles of each split that the pairwise rules judge
    /// wrongly or find ambiguous.
    #[arg(long, value_name = "N", default_value_t = 0)]
    explain: usize,
    /// Where to write these pages.
    #[arg(long, value_name = "DIR", default_value = "explanations")]
    explain_to: PathBuf,
}

fn parse_size(text: &str) -> Result<usize, String> {
    match text {
        "4" => Ok(4),
        "9" => Ok(9),
        _ => Err("expected 4 or 9".to_owned()),
    }
}

/// What one reasoner achieved on one split.
#[derive(Debug, Clone, Serialize)]
struct Outcome {
    reasoner: &'static str,
    accuracy: f64,
    area_under_curve: f64,
    milliseconds_per_puzzle: f64,
}

#[derive(Debug, Clone, Serialize)]
struct SplitOutcome {
    cell_accuracy: f64,
    training_seconds: f64,
    learning_seconds: f64,
    reasoners: Vec<Outcome>,
    /// Valid test puzzles read wrongly somewhere, and how many of these the exact reasoner
    /// repairs to the true grid.
    misread: usize,
    repaired: usize,
}

fn main() {
    if let Err(error) = run(&Options::parse()) {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let device = options.device.open()?;
    println!("{}", device.description);
    let m = if options.size == 4 { 2 } else { 3 };
    let start = Instant::now();
    let engine = Engine::of(&rules(m)?);
    println!(
        "rules for {0}×{0}: {1} rule sets, ready in {2:.3} s",
        options.size,
        engine.base().rule_sets().len(),
        start.elapsed().as_secs_f64()
    );
    if options.pretrained && options.data.is_some() {
        eprintln!("warning: the folder's images may be among those the shipped model was trained on");
    }
    let mnist = match options.data {
        Some(_) => None,
        None => Some(Mnist::read(root.join("datasets/mnist"))?),
    };
    let mut outcomes = Vec::new();
    for number in 0..if options.data.is_some() { 1 } else { options.splits } {
        let seed = options.seed.wrapping_add(number);
        let mut split = match (&options.data, &mnist) {
            (Some(folder), _) => Split {
                train: read_puzzles(folder, "train", options.size)?,
                validation: read_puzzles(folder, "valid", options.size)?,
                test: read_puzzles(folder, "test", options.size)?,
            },
            (None, Some(mnist)) => generate(mnist, m, seed)?,
            (None, None) => unreachable!("MNIST is read unless there is a folder"),
        };
        for part in [&mut split.train, &mut split.validation, &mut split.test] {
            if let Some(limit) = options.limit {
                *part = balanced(part, limit);
            }
        }
        let start = Instant::now();
        let network = if options.pretrained {
            Checkpoint::read(root.join("models/mnist.safetensors"))?.own_reader::<DigitNet>(&device)?
        } else {
            train(options, &split, seed, &device)?
        };
        let training_seconds = start.elapsed().as_secs_f64();
        let outcome = evaluate(options, m, &engine, &network, &split, training_seconds, number)?;
        println!(
            "split {number}: cells read {:.2} %, training {:.0} s, learning {:.2} s",
            100.0 * outcome.cell_accuracy,
            outcome.training_seconds,
            outcome.learning_seconds
        );
        for one in &outcome.reasoners {
            println!(
                "  {:9} accuracy {:6.2} %  AUC {:.4}  {:.3} ms a puzzle",
                one.reasoner,
                100.0 * one.accuracy,
                one.area_under_curve,
                one.milliseconds_per_puzzle
            );
        }
        println!("  {} of {} misread valid grids repaired", outcome.repaired, outcome.misread);
        outcomes.push(outcome);
    }
    summarise(&outcomes);
    if let Some(megabytes) = peak_memory() {
        println!("peak memory {megabytes:.0} MB");
    }
    if let Some(path) = &options.json {
        let json = serde_json::to_string_pretty(&outcomes)? + "\n";
        pinesy::whole_file::write(path, |w| w.write_all(json.as_bytes()))?;
    }
    Ok(())
}

/// Half of `limit` valid and half invalid puzzles, the first of each.
fn balanced(puzzles: &[Puzzle], limit: usize) -> Vec<Puzzle> {
    let of =
        |wanted: bool| puzzles.iter().filter(move |puzzle| puzzle.valid == wanted).take(limit.div_ceil(2)).cloned();
    of(true).chain(of(false)).collect()
}

/// All cells of some puzzles as single digits.
fn cells(puzzles: &[Puzzle]) -> Digits {
    let images: Vec<_> = puzzles.iter().map(|puzzle| puzzle.images.view()).collect();
    let images = concatenate(Axis(0), &images).unwrap_or_else(|_| Array3::zeros((0, 28, 28)));
    Digits { images, labels: puzzles.iter().flat_map(|puzzle| puzzle.digits.iter().copied()).collect::<Array1<u8>>() }
}

/// Trains on the cells of the training puzzles, chooses on those of the validation puzzles.
fn train(options: &Options, split: &Split, seed: u64, device: &OpenDevice) -> Result<Reader<DigitNet>, Box<dyn Error>> {
    let (train, validation) = (cells(&split.train), cells(&split.validation));
    let batch = TrainingConfig::default().batch;
    let epochs = options.epochs.unwrap_or(1_500usize.div_ceil((train.len() / batch).max(1)));
    let config = TrainingConfig { epochs, seed, ..Default::default() };
    let (architecture, labels) = (DigitNet::new(options.size), Labels { train: &train, validation: &validation });
    let bar = indicatif::ProgressBar::new(epochs as u64).with_message("training");
    let (checkpoint, _) = Training::new(config)?.run(&architecture, &labels, device, |event| {
        if let TrainingEvent::Epoch(epoch) = event {
            bar.set_position(epoch.number as u64);
        }
        ControlFlow::Continue(())
    })?;
    bar.finish_and_clear();
    Ok(checkpoint.reader(&architecture, device)?)
}

/// Possibilities of all cells of some puzzles, shape (puzzles, cells, digits).
fn read(
    options: &Options,
    network: &Reader<DigitNet>,
    puzzles: &[Puzzle],
) -> Result<(Array3<f32>, f64), Box<dyn Error>> {
    let digits = cells(puzzles);
    let mut probabilities = network.probabilities(digits.views())?;
    if probabilities.ncols() > options.size {
        // The shipped model knows ten digits: keep the grid's, which share what is left.
        probabilities = probabilities.slice(s![.., ..options.size]).to_owned();
        for mut row in probabilities.outer_iter_mut() {
            let sum = row.sum().max(f32::MIN_POSITIVE);
            row.mapv_inplace(|p| p / sum);
        }
    }
    let right = accuracy(&probabilities, digits.labels.view());
    let degrees = options.transform.possibilities(probabilities.view())?;
    let shape = (puzzles.len(), options.size * options.size, options.size);
    Ok((degrees.into_shape_with_order(shape)?, right))
}

fn evaluate(
    options: &Options,
    m: usize,
    engine: &Engine,
    network: &Reader<DigitNet>,
    split: &Split,
    training_seconds: f64,
    number: u64,
) -> Result<SplitOutcome, Box<dyn Error>> {
    let (train, _) = read(options, network, &split.train)?;
    let (validation, _) = read(options, network, &split.validation)?;
    let (test, cell_accuracy) = read(options, network, &split.test)?;
    let start = Instant::now();
    let examples = labelled_cases(engine.base(), m, &train, &split.train)?;
    let (parameters, _) = learn(engine, &examples, &LearningConfig::default().with_threshold(Some(0.01)))?;
    let learning_seconds = start.elapsed().as_secs_f64();
    let engine = engine.with_parameters(&parameters)?;
    let exact = Exact::new(m);
    let pairwise = |cells: &Array3<f32>| -> Result<Vec<Verdict>, Box<dyn Error>> {
        let inferred = engine.infer_batch(&cases(engine.base(), cells)?, &["valid"])?;
        let rows = inferred.get("valid").expect("asked for");
        Ok(rows.outer_iter().map(|row| Verdict { valid: row[0], invalid: row[1] }).collect())
    };
    let whole_grid = |cells: &Array3<f32>| -> Result<Vec<Verdict>, Box<dyn Error>> {
        let verdict = |cells: ArrayView2<f32>| Verdict {
            valid: exact.possibility_of_valid(cells),
            invalid: exact.possibility_of_invalid(cells),
        };
        Ok(cells.outer_iter().map(verdict).collect())
    };
    let valid = |puzzles: &[Puzzle]| puzzles.iter().map(|puzzle| puzzle.valid).collect::<Vec<_>>();
    let mut reasoners = Vec::new();
    type Judge<'a> = &'a dyn Fn(&Array3<f32>) -> Result<Vec<Verdict>, Box<dyn Error>>;
    for (reasoner, judge) in [("pairwise", &pairwise as Judge), ("exact", &whole_grid as Judge)] {
        let scores = |verdicts: Vec<Verdict>| verdicts.into_iter().map(score).collect::<Vec<f32>>();
        let threshold = best_threshold(&scores(judge(&validation)?), &valid(&split.validation));
        let start = Instant::now();
        let verdicts = judge(&test)?;
        let ambiguous: Vec<bool> = verdicts.iter().map(|verdict| verdict.valid == verdict.invalid).collect();
        let scores = scores(verdicts);
        let milliseconds_per_puzzle = 1e3 * start.elapsed().as_secs_f64() / scores.len() as f64;
        let truth = valid(&split.test);
        let right = scores.iter().zip(&truth).filter(|(score, valid)| (**score >= threshold) == **valid).count();
        if reasoner == "pairwise" {
            if number == 0 {
                show_conflicts(options, m, split, &test, &scores, threshold)?;
            }
            let failed = |&i: &usize| ambiguous[i] || (scores[i] >= threshold) != truth[i];
            for puzzle in (0..scores.len()).filter(failed).take(options.explain) {
                let verdict = if scores[puzzle] >= threshold { "valid" } else { "invalid" };
                let judged = format!("judged {verdict} (score {:.2}, valid from {threshold:.2} on)", scores[puzzle]);
                let page = explain(options, &engine, &split.test[puzzle], test.index_axis(Axis(0), puzzle), &judged)?;
                write_page(&page, options, number, puzzle)?;
            }
        }
        reasoners.push(Outcome {
            reasoner,
            accuracy: right as f64 / truth.len() as f64,
            area_under_curve: area_under_curve(&scores, &truth),
            milliseconds_per_puzzle,
        });
    }
    let (mut misread, mut repaired) = (0, 0);
    for (puzzle, cells) in split.test.iter().zip(test.outer_iter()).filter(|(puzzle, _)| puzzle.valid) {
        let truth: Vec<usize> = puzzle.digits.iter().map(|&digit| digit.into()).collect();
        if reading(cells) != truth {
            misread += 1;
            repaired += usize::from(exact.most_possible_valid_grid(cells).is_some_and(|(_, grid)| grid == truth));
        }
    }
    Ok(SplitOutcome { cell_accuracy, training_seconds, learning_seconds, reasoners, misread, repaired })
}

/// The most possible digit of each cell.
fn reading(cells: ArrayView2<f32>) -> Vec<usize> {
    let best =
        |row: ndarray::ArrayView1<f32>| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).expect("digits");
    cells.outer_iter().map(best).collect()
}

fn summarise(outcomes: &[SplitOutcome]) {
    if outcomes.len() < 2 {
        return;
    }
    println!("\nmean ± standard deviation over {} splits", outcomes.len());
    for i in 0..outcomes[0].reasoners.len() {
        let of = |value: fn(&Outcome) -> f64| {
            let values: Vec<f64> = outcomes.iter().map(|outcome| value(&outcome.reasoners[i])).collect();
            mean_and_deviation(&values)
        };
        let ((accuracy, accuracy_sd), (area, area_sd)) = (of(|o| 100.0 * o.accuracy), of(|o| o.area_under_curve));
        let name = outcomes[0].reasoners[i].reasoner;
        println!("  {name:9} accuracy {accuracy:6.2} ± {accuracy_sd:.2} %  AUC {area:.4} ± {area_sd:.4}");
    }
    let sum = |value: fn(&SplitOutcome) -> usize| outcomes.iter().map(value).sum::<usize>();
    println!("  {} of {} misread valid grids repaired", sum(|o| o.repaired), sum(|o| o.misread));
}

/// A page on one puzzle: why the rules find it valid or not.
fn explain(
    options: &Options,
    engine: &Engine,
    puzzle: &Puzzle,
    cells: ArrayView2<f32>,
    judged: &str,
) -> Result<Page, Box<dyn Error>> {
    let names: Vec<String> = (0..cells.nrows()).map(|cell| format!("x{cell}")).collect();
    let case = cases(engine.base(), &cells.to_owned().insert_axis(Axis(0)))?;
    let explainer = Explainer::new(engine, &case)?;
    let images = names.iter().map(String::as_str).zip(puzzle.images.outer_iter()).collect();
    let state = if puzzle.valid { "valid" } else { "invalid" };
    let mut page = Page::new("A visual Sudoku puzzle");
    let heading = format!("A grid that is {state} ({}), {judged}. Images of 0, 1, … stand for 1, 2, …", puzzle.note);
    page.example(&heading, &explainer, &Pictures { images, per_row: options.size }, &[Question::Why("valid")])?;
    Ok(page)
}

fn write_page(page: &Page, options: &Options, split: u64, puzzle: usize) -> Result<(), Box<dyn Error>> {
    let name = format!("sudoku{}_split{split}_puzzle{puzzle}.html", options.size);
    let path = options.explain_to.join(name);
    page.write(&path)?;
    println!("  explained in {}", path.display());
    Ok(())
}

/// Shows the first puzzle judged invalid in the terminal, and draws all of them if asked to.
fn show_conflicts(
    options: &Options,
    m: usize,
    split: &Split,
    cells: &Array3<f32>,
    scores: &[f32],
    threshold: f32,
) -> Result<(), Box<dyn Error>> {
    let n = options.size;
    if let Some(folder) = &options.draw {
        std::fs::create_dir_all(folder)?;
    }
    let mut shown = false;
    for (i, puzzle) in split.test.iter().enumerate().filter(|(i, _)| scores[*i] < threshold) {
        let cells = cells.index_axis(Axis(0), i);
        let conflicts = violations(m, cells);
        let worst = conflicts.first().map_or(0.0, |conflict| conflict.2);
        let worst: Vec<_> = conflicts.into_iter().filter(|conflict| conflict.2 == worst).collect();
        let digits = reading(cells);
        if !shown {
            shown = true;
            println!("test puzzle {i} ({}) is judged invalid; digits read:", puzzle.note);
            for row in digits.chunks(n) {
                println!("    {}", row.iter().map(|digit| digit.to_string()).collect::<Vec<_>>().join(" "));
            }
            for ((p, q), digit, degree) in &worst {
                let place = |cell: usize| format!("row {}, column {}", cell / n + 1, cell % n + 1);
                println!("    {digit} stands at {} and at {}, possible to degree {degree:.4}", place(*p), place(*q));
            }
        }
        if let Some(folder) = &options.draw {
            let conflict: Vec<usize> = worst.iter().flat_map(|((p, q), ..)| [*p, *q]).collect();
            let svg = drawing(n, puzzle, &digits, &conflict);
            pinesy::whole_file::write(&folder.join(format!("puzzle_{i}.svg")), |w| w.write_all(svg.as_bytes()))?;
        }
    }
    Ok(())
}

/// The cell images with the digits read, cells in conflict marked.
fn drawing(n: usize, puzzle: &Puzzle, digits: &[usize], conflict: &[usize]) -> String {
    const CELL: usize = 36;
    let side = n * CELL;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\n"
    );
    for (cell, image) in puzzle.images.outer_iter().enumerate() {
        let (x, y) = (cell % n * CELL, cell / n * CELL);
        let fill = if conflict.contains(&cell) { "#f8c9c4" } else { "#ffffff" };
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{CELL}\" height=\"{CELL}\" fill=\"{fill}\" stroke=\"#888\"/>"
        );
        let mut ink = String::new();
        for ((row, column), _) in image.indexed_iter().filter(|(_, pixel)| **pixel > 100) {
            let _ = write!(ink, "M{} {}h1v1h-1z", x + 4 + column, y + 4 + row);
        }
        let _ = writeln!(svg, "<path d=\"{ink}\"/>");
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" font-size=\"9\" fill=\"#06c\">{}</text>",
            x + 2,
            y + 9,
            digits[cell]
        );
    }
    svg + "</svg>\n"
}
