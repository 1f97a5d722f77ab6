//! Learns to tell valid 4×4 Sudoku grids of digit images from invalid ones, told nothing but which
//! training puzzles are valid: no digit has a label, or even a name.
//!
//! `cargo run --release --example sudoku_unlabelled -- --splits 3`; `-- --help` lists the options.

use std::cell::Cell;
use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use ndarray::{Array2, ArrayView2, Axis};
use pinesy::command::one_of;
use pinesy::datasets::{Mnist, Puzzle};
use pinesy::perception::{DeviceChoice, DigitNet, OpenDevice, Reader, Training, TrainingConfig};
use pinesy::possibility::Transform;
use pinesy::tasks::sudoku::{Exact, Sizes, Split, Verdict, area_under_curve, best_threshold, generate_sized, score};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

#[path = "../common/figures.rs"]
mod figures;
mod learning;
#[path = "../common/network.rs"]
mod network;
#[path = "../common/results.rs"]
mod results;

use figures::mean_and_deviation;
use learning::{CELLS, DIGITS, Grids, Start, Unlabelled, Verdicts, reading};
use results::{Files, Provenance, Share};

/// Learn visual Sudoku from puzzle labels alone: whether a 4×4 grid of images is valid.
///
/// What the network says of a puzzle's cells is revised by how possible the other cells make each
/// digit: of a valid puzzle over all 288 valid grids, of an invalid one over all others. The latter
/// is silent unless the puzzle is read as valid; then every cell is told to be something else, each
/// on its own, so that --invalid-weight tempers it. Several restarts, of which the network that
/// reads most training and validation puzzles as what they are is kept. The threshold is chosen on
/// the validation puzzles; cells are counted right under the best renaming of the four digits.
///
/// ± is the standard deviation over the splits; brackets are 95 % Wilson intervals over puzzles, as
/// if these were independent (an invalid puzzle is a corrupted copy of a valid one).
#[derive(Debug, Parser, Serialize)]
struct Options {
    /// Number of splits.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    splits: u64,
    /// Seed of the first split.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Valid training puzzles, with as many corrupted copies.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    train_puzzles: u16,
    /// How digits get their names.
    #[arg(long, value_enum, default_value_t = Start::Clusters)]
    start: Start,
    /// Trainings of a split at most.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    restarts: u64,
    /// No more of them once this share of the puzzles is read as what they are.
    #[arg(long, value_name = "SHARE", default_value_t = 0.9, value_parser = share)]
    enough: f32,
    /// Passes over the puzzles. Default: as many as make 750 steps.
    #[arg(long)]
    epochs: Option<usize>,
    /// Epochs at the start in which the network learns the first names. Default: a fifth of all.
    #[arg(long, value_name = "EPOCHS")]
    naming_epochs: Option<usize>,
    /// Exponent of the probabilities before a valid puzzle revises them.
    #[arg(long, value_name = "POWER", default_value_t = 1.0, value_parser = power)]
    sharpen: f32,
    /// How much an invalid puzzle changes what is said of its cells; 0 leaves these out of training.
    #[arg(long, value_name = "SHARE", default_value_t = 0.25, value_parser = share)]
    invalid_weight: f32,
    /// Where the network runs: auto, wgpu or cpu.
    #[arg(long, default_value_t, value_parser = one_of::<DeviceChoice>())]
    device: DeviceChoice,
    #[command(flatten)]
    #[serde(skip)]
    files: Files,
}

fn share(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or("expected a number from 0 to 1".to_owned())
}

fn power(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|power| (1.0..=16.0).contains(power)).ok_or("expected a number from 1 to 16".to_owned())
}

/// One training: how many first names there were and how many of these fit the digits, and how many
/// training and validation puzzles are read as what they are.
#[derive(Debug, Clone, Serialize)]
struct Attempt {
    network_seed: u64,
    model_md5: String,
    epochs: usize,
    best_epoch: usize,
    named: usize,
    names_right: usize,
    told: usize,
    told_right: usize,
    training_seconds: f64,
}

/// What the chosen network of a split achieved on its test puzzles.
#[derive(Debug, Clone, Serialize)]
struct Outcome {
    seed: u64,
    training_puzzles: usize,
    puzzles: usize,
    right: usize,
    area_under_curve: f64,
    cells: usize,
    cells_right: usize,
}

#[derive(Debug, Serialize)]
struct SplitOutcome {
    #[serde(flatten)]
    outcome: Outcome,
    chosen: Attempt,
    attempts: Vec<Attempt>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    results::finish(run(&options, &mut options.files.output()))
}

fn run(options: &Options, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    options.files.check(&[])?;
    let device = options.device.open()?;
    let provenance = Provenance::of(Some(&device.description));
    writeln!(out, "{}", device.description)?;
    let mnist = Mnist::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/mnist"))?;
    let grids = Grids::new();
    let mut rows = Vec::new();
    for seed in (0..options.splits).map(|number| options.seed.wrapping_add(number)) {
        let sizes = Sizes { train: options.train_puzzles.into(), ..Sizes::default() };
        let split = generate_sized(&mnist, 2, sizes, seed)?;
        let (mut attempts, mut best) = (Vec::<Attempt>::new(), None::<(Attempt, Reader<DigitNet>)>);
        for restart in 0..options.restarts {
            let (attempt, reader) =
                learn(options, &grids, &split, seed.wrapping_mul(1_000).wrapping_add(restart), &device)?;
            let told = Share::of(attempt.told_right, attempt.told);
            writeln!(
                out,
                "split {seed}, restart {restart}: {} of {} first names right; epoch {} of {}: puzzles told read rightly \
                 {told} %; {:.0} s",
                attempt.names_right, attempt.named, attempt.best_epoch, attempt.epochs, attempt.training_seconds
            )?;
            attempts.push(attempt.clone());
            if best.as_ref().is_none_or(|(best, _)| attempt.told_right > best.told_right) {
                best = Some((attempt, reader));
            }
            if told.share >= f64::from(options.enough) {
                break;
            }
        }
        let (chosen, reader) = best.expect("at least one restart");
        let outcome = evaluate(&split, seed, &reader)?;
        writeln!(
            out,
            "split {seed}: accuracy {} %  AUC {:.4}  cells {} %",
            Share::of(outcome.right, outcome.puzzles),
            outcome.area_under_curve,
            Share::of(outcome.cells_right, outcome.cells)
        )?;
        rows.push(SplitOutcome { outcome, chosen, attempts });
        options.files.write(&provenance, options, &rows, rows.iter().map(|row| (&row.outcome, &row.chosen)))?;
    }
    let over =
        |of: fn(&Outcome) -> f64| mean_and_deviation(&rows.iter().map(|row| of(&row.outcome)).collect::<Vec<_>>());
    let sum = |of: fn(&Outcome) -> usize| rows.iter().map(|row| of(&row.outcome)).sum::<usize>();
    let (accuracy, accuracy_sd) = over(|one| 100.0 * one.right as f64 / one.puzzles as f64);
    let (area, area_sd) = over(|one| one.area_under_curve);
    let (cells, cells_sd) = over(|one| 100.0 * one.cells_right as f64 / one.cells as f64);
    let interval = Share::of(sum(|one| one.right), sum(|one| one.puzzles)).interval();
    writeln!(out, "\nmean ± standard deviation over {} splits, 95 % interval of all test puzzles", rows.len())?;
    writeln!(out, "  accuracy {accuracy:6.2} ± {accuracy_sd:.2} % {interval}")?;
    writeln!(out, "  AUC      {area:.4} ± {area_sd:.4}")?;
    Ok(writeln!(out, "  cells    {cells:6.2} ± {cells_sd:.2} % under the best names")?)
}

/// Trains on puzzles of which only the verdict is known.
fn learn(
    options: &Options,
    grids: &Grids,
    split: &Split,
    seed: u64,
    device: &OpenDevice,
) -> Result<(Attempt, Reader<DigitNet>), Box<dyn Error>> {
    let (train, validation) = (Unlabelled::of(&split.train), Unlabelled::of(&split.validation));
    let defaults = TrainingConfig::default();
    let epochs = options.epochs.unwrap_or(750usize.div_ceil((train.valid.len() * CELLS / defaults.batch).max(1)));
    let training = Training::new(TrainingConfig { epochs, seed, plain_epochs: 2, ..defaults })?;
    let start = Instant::now();
    let names = train.names(options.start, grids, &mut ChaCha8Rng::seed_from_u64(seed));
    let naming_epochs = options.naming_epochs.unwrap_or((epochs / 5).max(1));
    // For the report alone: what the named images show.
    let shown = names.iter().zip(digits(&split.train)).filter_map(|(name, digit)| Some(((*name)?, digit)));
    let names_right = right_under_best_names(shown);
    let named = names.iter().flatten().count();
    let lessons =
        Verdicts { options, grids, train: &train, validation: &validation, names, naming_epochs, epoch: Cell::new(0) };
    let architecture = DigitNet::new(DIGITS);
    let (checkpoint, report) = network::train(&training, epochs, &architecture, &lessons, device, false)?;
    let training_seconds = start.elapsed().as_secs_f64();
    let reader = checkpoint.reader(&architecture, device)?;
    let mut told_right = 0;
    for part in [&train, &validation] {
        told_right += part.read_rightly(grids, &reader.probabilities(part.images.view())?);
    }
    let attempt = Attempt {
        network_seed: seed,
        model_md5: network::model_md5(&checkpoint)?,
        epochs,
        best_epoch: report.best.number,
        named,
        names_right,
        told: train.valid.len() + validation.valid.len(),
        told_right,
        training_seconds,
    };
    Ok((attempt, reader))
}

fn evaluate(split: &Split, seed: u64, reader: &Reader<DigitNet>) -> Result<Outcome, Box<dyn Error>> {
    let exact = Exact::new(2);
    let read = |puzzles: &[Puzzle]| -> Result<(Array2<f32>, Vec<f32>), Box<dyn Error>> {
        let given = reader.probabilities(Unlabelled::of(puzzles).images.view())?;
        let possible = Transform::Antipignistic.possibilities(given.view())?;
        let verdict = |cells: ArrayView2<'_, f32>| Verdict {
            valid: exact.possibility_of_valid(cells),
            invalid: exact.possibility_of_invalid(cells),
        };
        let scores = possible.axis_chunks_iter(Axis(0), CELLS).map(|cells| score(verdict(cells))).collect();
        Ok((given, scores))
    };
    let valid = |puzzles: &[Puzzle]| puzzles.iter().map(|puzzle| puzzle.valid).collect::<Vec<bool>>();
    let threshold = best_threshold(&read(&split.validation)?.1, &valid(&split.validation));
    let (given, scores) = read(&split.test)?;
    let truth = valid(&split.test);
    Ok(Outcome {
        seed,
        training_puzzles: split.train.len(),
        puzzles: truth.len(),
        right: scores.iter().zip(&truth).filter(|(score, valid)| (**score >= threshold) == **valid).count(),
        area_under_curve: area_under_curve(&scores, &truth),
        cells: given.nrows(),
        cells_right: right_under_best_names(reading(given.view()).zip(digits(&split.test))),
    })
}

fn digits(puzzles: &[Puzzle]) -> impl Iterator<Item = usize> {
    puzzles.iter().flat_map(|puzzle| puzzle.digits.iter().map(|&digit| usize::from(digit)))
}

/// How many digits are right under the names that suit them best, from names and true digits.
fn right_under_best_names(cells: impl Iterator<Item = (usize, usize)>) -> usize {
    let mut counts = [[0usize; DIGITS]; DIGITS];
    cells.for_each(|(name, digit)| counts[name][digit] += 1);
    let right = |code: usize| {
        let digits = [code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6];
        let all_differ = digits.iter().fold(0u32, |seen, &digit| seen | 1 << digit) == 0b1111;
        if all_differ { (0..DIGITS).map(|name| counts[name][digits[name]]).sum() } else { 0 }
    };
    (0..1 << (2 * DIGITS)).map(right).max().expect("24 permutations")
}
