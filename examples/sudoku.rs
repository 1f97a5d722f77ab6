//! Judges from images whether a filled Sudoku grid is valid, with two reasoners.
//!
//! `cargo run --release --example sudoku -- --size 4`; `-- --help` lists the options.

#[macro_use]
#[path = "common/output.rs"]
mod output;

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use ndarray::{Array1, Array3, ArrayView2, Axis, concatenate, s};
use pinesy::command::one_of;
use pinesy::datasets::{Digits, Mnist, Puzzle, read_puzzles};
use pinesy::explain::{Explainer, Page, Pictures, Question};
use pinesy::inference::Engine;
use pinesy::learning::{LearningConfig, learn};
use pinesy::perception::{
    Checkpoint, DeviceChoice, DigitNet, Labels, OpenDevice, Reader, Training, TrainingConfig, accuracy,
};
use pinesy::possibility::Transform;
use pinesy::tasks::sudoku::{
    Exact, Sizes, Split, Verdict, area_under_curve, best_threshold, cases, generate_sized, labelled_cases, rules,
    score, violations,
};
use serde::Serialize;

#[path = "common/figures.rs"]
mod figures;
#[path = "common/network.rs"]
mod network;
#[path = "common/plot.rs"]
mod plot;
#[path = "common/results.rs"]
mod results;

use figures::{mean_and_deviation, peak_memory};
use results::{Files, Provenance, Share};

/// Judge visual Sudoku puzzles: is the grid in the images valid?
///
/// For each seeded split (100 + 100 training puzzles, 50 + 50 to validate, 50 + 50 to test, made
/// of MNIST images) a network is trained on the training puzzles' cells alone, the rule parameters
/// are learned, the decision threshold is chosen on the validation puzzles, and the test puzzles
/// are judged by the paper's pairwise rules and by the exact reasoner.
///
/// ± is the standard deviation over the splits. Each has a network and puzzles of its own, but all
/// draw from the same MNIST images. Brackets are 95 % Wilson intervals over the test puzzles of all
/// splits together.
#[derive(Debug, Parser, Serialize)]
#[command(after_help = EXAMPLES)]
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
    /// Valid training puzzles, with as many corrupted copies; several sizes separated by commas.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "100", conflicts_with = "data", value_parser = clap::value_parser!(u16).range(1..))]
    train_puzzles: Vec<u16>,
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
    #[command(flatten)]
    #[serde(skip)]
    files: Files,
    /// Draw accuracy against the number of training puzzles, as SVG.
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    plot: Option<PathBuf>,
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

const EXAMPLES: &str = "Examples:
  sudoku --size 4 --splits 10 --csv sudoku.csv
  sudoku --size 4 --splits 5 --train-puzzles 5,10,20,50,100 --plot sudoku.svg
  sudoku --size 9 --pretrained --explain 3
  sudoku --size 4 --data visudo/dimension::4/.../split::1";

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
    puzzles: usize,
    right: usize,
    area_under_curve: f64,
    milliseconds_per_puzzle: f64,
}

impl Outcome {
    fn accuracy(&self) -> f64 {
        self.right as f64 / self.puzzles as f64
    }
}

/// One split and its network.
#[derive(Debug, Clone, Serialize)]
struct Trial {
    size: usize,
    training_puzzles: usize,
    seed: u64,
    model_md5: String,
    epochs: Option<usize>,
    cells: usize,
    cells_right: usize,
    training_seconds: f64,
    learning_seconds: f64,
    /// Valid test puzzles read wrongly somewhere, and how many of these the exact reasoner
    /// repairs to the true grid.
    misread: usize,
    repaired: usize,
}

#[derive(Debug, Clone, Serialize)]
struct SplitOutcome {
    #[serde(flatten)]
    trial: Trial,
    reasoners: Vec<Outcome>,
}

/// A network with what is said of it.
struct Model {
    network: Reader<DigitNet>,
    md5: String,
    epochs: Option<usize>,
    seconds: f64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    results::finish(run(&options, &mut options.files.output()))
}

fn run(options: &Options, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    options.files.check(&[&options.plot])?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let device = options.device.open()?;
    let provenance = Provenance::of(Some(&device.description));
    writeln!(out, "{}", device.description)?;
    let m = if options.size == 4 { 2 } else { 3 };
    let start = Instant::now();
    let engine = Engine::of(&rules(m)?);
    writeln!(
        out,
        "rules for {0}×{0}: {1} rule sets, ready in {2:.3} s",
        options.size,
        engine.base().rule_sets().len(),
        start.elapsed().as_secs_f64()
    )?;
    if options.pretrained && options.data.is_some() {
        eprintln!("warning: the folder's images may be among those the shipped model was trained on");
    }
    let mnist = match options.data {
        Some(_) => None,
        None => Some(Mnist::read(root.join("datasets/mnist"))?),
    };
    let splits = if options.data.is_some() { 1 } else { options.splits };
    let trials = options.train_puzzles.iter().flat_map(|&puzzles| (0..splits).map(move |number| (puzzles, number)));
    let mut outcomes = Vec::new();
    for (puzzles, number) in trials {
        let seed = options.seed.wrapping_add(number);
        let mut split = match (&options.data, &mnist) {
            (Some(folder), _) => Split {
                train: read_puzzles(folder, "train", options.size)?,
                validation: read_puzzles(folder, "valid", options.size)?,
                test: read_puzzles(folder, "test", options.size)?,
            },
            (None, Some(mnist)) => generate_sized(mnist, m, Sizes { train: puzzles.into(), ..Sizes::default() }, seed)?,
            (None, None) => unreachable!("MNIST is read unless there is a folder"),
        };
        for part in [&mut split.train, &mut split.validation, &mut split.test] {
            if let Some(limit) = options.limit {
                *part = balanced(part, limit);
            }
        }
        let model = if options.pretrained {
            let path = root.join("models/mnist.safetensors");
            let network = Checkpoint::read(&path)?.own_reader(&device)?;
            Model { network, md5: results::md5_of(&std::fs::read(path)?), epochs: None, seconds: 0.0 }
        } else {
            train(options, &split, seed, &device)?
        };
        let outcome = evaluate(options, m, &engine, &model, &split, (number, seed), out)?;
        let trial = &outcome.trial;
        writeln!(
            out,
            "split {number}, {} training puzzles: cells read {} %, training {:.0} s, learning {:.2} s",
            trial.training_puzzles,
            Share::of(trial.cells_right, trial.cells),
            trial.training_seconds,
            trial.learning_seconds
        )?;
        for one in &outcome.reasoners {
            writeln!(
                out,
                "  {:9} accuracy {:>22} %  AUC {:.4}  {:.3} ms a puzzle",
                one.reasoner,
                Share::of(one.right, one.puzzles),
                one.area_under_curve,
                one.milliseconds_per_puzzle
            )?;
        }
        writeln!(out, "  {} of {} misread valid grids repaired", trial.repaired, trial.misread)?;
        outcomes.push(outcome);
        let runs = outcomes.iter().flat_map(|split| split.reasoners.iter().map(move |one| (&split.trial, one)));
        options.files.write(&provenance, options, &outcomes, runs)?;
    }
    summarise(&outcomes, out)?;
    if let Some(path) = &options.plot {
        draw(options, &outcomes, path)?;
    }
    if let Some(megabytes) = peak_memory() {
        writeln!(out, "peak memory {megabytes:.0} MB")?;
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
fn train(options: &Options, split: &Split, seed: u64, device: &OpenDevice) -> Result<Model, Box<dyn Error>> {
    let (train, validation) = (cells(&split.train), cells(&split.validation));
    let batch = TrainingConfig::default().batch.min(train.len());
    let epochs = options.epochs.unwrap_or(1_500usize.div_ceil((train.len() / batch.max(1)).max(1)));
    let training = Training::new(TrainingConfig { epochs, batch, seed, ..Default::default() })?;
    let (architecture, labels) = (DigitNet::new(options.size), Labels { train: &train, validation: &validation });
    let start = Instant::now();
    let (checkpoint, _) = network::train(&training, epochs, &architecture, &labels, device, false)?;
    let seconds = start.elapsed().as_secs_f64();
    let md5 = network::model_md5(&checkpoint)?;
    Ok(Model { network: checkpoint.reader(&architecture, device)?, md5, epochs: Some(epochs), seconds })
}

/// Possibilities of all cells of some puzzles, shape (puzzles, cells, digits).
fn read(
    options: &Options,
    network: &Reader<DigitNet>,
    puzzles: &[Puzzle],
) -> Result<(Array3<f32>, usize), Box<dyn Error>> {
    let digits = cells(puzzles);
    let bar = network::bar(digits.len(), "reading cells");
    let mut probabilities = network::read(network, digits.views(), &bar)?;
    bar.finish_and_clear();
    if probabilities.ncols() > options.size {
        // The shipped model knows ten digits: keep the grid's, which share what is left.
        probabilities = probabilities.slice(s![.., ..options.size]).to_owned();
        for mut row in probabilities.outer_iter_mut() {
            let sum = row.sum().max(f32::MIN_POSITIVE);
            row.mapv_inplace(|p| p / sum);
        }
    }
    let right = (accuracy(&probabilities, digits.labels.view()) * digits.len() as f64).round() as usize;
    let degrees = options.transform.possibilities(probabilities.view())?;
    let shape = (puzzles.len(), options.size * options.size, options.size);
    Ok((degrees.into_shape_with_order(shape)?, right))
}

fn evaluate(
    options: &Options,
    m: usize,
    engine: &Engine,
    model: &Model,
    split: &Split,
    (number, seed): (u64, u64),
    out: &mut impl Write,
) -> Result<SplitOutcome, Box<dyn Error>> {
    let (train, _) = read(options, &model.network, &split.train)?;
    let (validation, _) = read(options, &model.network, &split.validation)?;
    let (test, cells_right) = read(options, &model.network, &split.test)?;
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
                show_conflicts(options, m, split, &test, &scores, threshold, out)?;
            }
            let failed = |&i: &usize| ambiguous[i] || (scores[i] >= threshold) != truth[i];
            for puzzle in (0..scores.len()).filter(failed).take(options.explain) {
                let verdict = if scores[puzzle] >= threshold { "valid" } else { "invalid" };
                let judged = format!("judged {verdict} (score {:.2}, valid from {threshold:.2} on)", scores[puzzle]);
                let page = explain(options, &engine, &split.test[puzzle], test.index_axis(Axis(0), puzzle), &judged)?;
                write_page(&page, options, number, puzzle, out)?;
            }
        }
        reasoners.push(Outcome {
            reasoner,
            puzzles: truth.len(),
            right,
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
    let trial = Trial {
        size: options.size,
        training_puzzles: split.train.len(),
        seed,
        model_md5: model.md5.clone(),
        epochs: model.epochs,
        cells: test.dim().0 * test.dim().1,
        cells_right,
        training_seconds: model.seconds,
        learning_seconds,
        misread,
        repaired,
    };
    Ok(SplitOutcome { trial, reasoners })
}

/// The most possible digit of each cell.
fn reading(cells: ArrayView2<f32>) -> Vec<usize> {
    let best =
        |row: ndarray::ArrayView1<f32>| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).expect("digits");
    cells.outer_iter().map(best).collect()
}

/// The splits of each number of training puzzles.
fn by_size(outcomes: &[SplitOutcome]) -> impl Iterator<Item = &[SplitOutcome]> {
    outcomes.chunk_by(|a, b| a.trial.training_puzzles == b.trial.training_puzzles)
}

/// The test puzzles of all these splits together.
fn together(splits: &[SplitOutcome], reasoner: usize) -> Share {
    let sum =
        |count: fn(&Outcome) -> usize| splits.iter().map(|split| count(&split.reasoners[reasoner])).sum::<usize>();
    Share::of(sum(|one| one.right), sum(|one| one.puzzles))
}

fn summarise(outcomes: &[SplitOutcome], out: &mut impl Write) -> std::io::Result<()> {
    for splits in by_size(outcomes).filter(|splits| splits.len() > 1) {
        let puzzles = splits[0].trial.training_puzzles;
        writeln!(out, "\nmean ± standard deviation over {} splits, {puzzles} training puzzles", splits.len())?;
        for (i, Outcome { reasoner, .. }) in splits[0].reasoners.iter().enumerate() {
            let of = |value: fn(&Outcome) -> f64| {
                mean_and_deviation(&splits.iter().map(|split| value(&split.reasoners[i])).collect::<Vec<_>>())
            };
            let ((accuracy, accuracy_sd), (area, area_sd)) =
                (of(|one| 100.0 * one.accuracy()), of(|one| one.area_under_curve));
            let interval = together(splits, i).interval();
            writeln!(
                out,
                "  {reasoner:9} accuracy {accuracy:6.2} ± {accuracy_sd:.2} % {interval}  AUC {area:.4} ± {area_sd:.4}"
            )?;
        }
        let sum = |value: fn(&Trial) -> usize| splits.iter().map(|split| value(&split.trial)).sum::<usize>();
        writeln!(out, "  {} of {} misread valid grids repaired", sum(|o| o.repaired), sum(|o| o.misread))?;
    }
    writeln!(out, "\n± over splits: networks and puzzles of their own, all drawn from the same images;")?;
    writeln!(out, "[ ]: 95 % Wilson interval, of all test puzzles together")
}

fn draw(options: &Options, outcomes: &[SplitOutcome], path: &Path) -> Result<(), Box<dyn Error>> {
    let line = |i: usize, reasoner: &str| {
        let point = |splits: &[SplitOutcome]| (splits[0].trial.training_puzzles as f64, together(splits, i));
        plot::Line { name: reasoner.to_owned(), points: by_size(outcomes).map(point).collect() }
    };
    let lines: Vec<plot::Line> =
        outcomes[0].reasoners.iter().enumerate().map(|(i, one)| line(i, one.reasoner)).collect();
    let title = format!("Visual Sudoku, {0}×{0}", options.size);
    plot::write(path, &title, "training puzzles", "puzzles judged rightly, %", &lines)
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

fn write_page(
    page: &Page,
    options: &Options,
    split: u64,
    puzzle: usize,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let name = format!("sudoku{}_split{split}_puzzle{puzzle}.html", options.size);
    let path = options.explain_to.join(name);
    page.write(&path)?;
    Ok(writeln!(out, "  explained in {}", path.display())?)
}

/// Shows the first puzzle judged invalid in the terminal, and draws all of them if asked to.
fn show_conflicts(
    options: &Options,
    m: usize,
    split: &Split,
    cells: &Array3<f32>,
    scores: &[f32],
    threshold: f32,
    out: &mut impl Write,
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
            writeln!(out, "test puzzle {i} ({}) is judged invalid; digits read:", puzzle.note)?;
            for row in digits.chunks(n) {
                writeln!(out, "    {}", row.iter().map(|digit| digit.to_string()).collect::<Vec<_>>().join(" "))?;
            }
            for ((p, q), digit, degree) in &worst {
                let place = |cell: usize| format!("row {}, column {}", cell / n + 1, cell % n + 1);
                writeln!(
                    out,
                    "    {digit} stands at {} and at {}, possible to degree {degree:.4}",
                    place(*p),
                    place(*q)
                )?;
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
