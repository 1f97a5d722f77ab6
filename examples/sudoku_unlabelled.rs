//! Learns to tell valid 4×4 Sudoku grids of digit images from invalid ones, told nothing but which
//! training puzzles are valid: no digit has a label, or even a name.
//!
//! `cargo run --release --example sudoku_unlabelled -- --splits 3`; `-- --help` lists the options.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use clap::{Parser, ValueEnum};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, concatenate, s};
use pinesy::command::one_of;
use pinesy::datasets::{Mnist, Puzzle};
use pinesy::perception::{
    self, DeviceChoice, DigitNet, OpenDevice, Reader, Supervision, Training, TrainingConfig, TrainingStep, revise,
};
use pinesy::possibility::Transform;
use pinesy::tasks::sudoku::{
    Exact, Sizes, Split, Verdict, area_under_curve, best_threshold, generate_sized, pairs, score,
};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

#[path = "common/figures.rs"]
mod figures;
#[path = "common/network.rs"]
mod network;
#[path = "common/results.rs"]
mod results;

use figures::mean_and_deviation;
use results::{Files, Provenance, Share};

const DIGITS: usize = 4;
const CELLS: usize = DIGITS * DIGITS;

/// Learn visual Sudoku from puzzle labels alone: whether a 4×4 grid of images is valid.
///
/// What the network says of a puzzle's cells is revised by how possible the other cells make each
/// digit: of a valid puzzle over all 288 valid grids, of an invalid one over all others. The latter
/// is silent unless the puzzle is read as valid; then every cell is told to be something else, each
/// on its own, so that --invalid-weight tempers it. Several restarts, of which the network that
/// reads most training and validation puzzles as what they are is kept. The threshold is chosen on
/// the validation puzzles; cells are counted right under the best renaming of the four digits.
///
/// ± is the standard deviation over the splits; brackets are 95 % Wilson intervals.
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

#[derive(Debug, Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Start {
    /// Images of valid puzzles are parted in four, by pixels, so that each puzzle is a valid grid.
    Clusters,
    /// The images in a row of one valid puzzle get four names: in any order, as none means anything.
    Row,
    /// By chance: what the first weights happen to prefer.
    Chance,
}

fn share(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or("expected a number from 0 to 1".to_owned())
}

fn power(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|power| (1.0..=16.0).contains(power)).ok_or("expected a number from 1 to 16".to_owned())
}

/// The 288 valid grids, and the 56 pairs of cells that must differ.
struct Grids {
    all: Vec<Vec<usize>>,
    pairs: Vec<(usize, usize)>,
}

impl Grids {
    fn new() -> Self {
        let pairs = pairs(2);
        let longer = |grid: Vec<usize>| -> Vec<Vec<usize>> {
            let fits = |digit: &usize| pairs.iter().all(|&(p, q)| q != grid.len() || grid[p] != *digit);
            (0..DIGITS).filter(fits).map(|digit| [grid.as_slice(), &[digit]].concat()).collect()
        };
        let mut all: Vec<Vec<usize>> = vec![Vec::new()];
        for _ in 0..CELLS {
            all = all.into_iter().flat_map(&longer).collect();
        }
        Self { all, pairs }
    }

    /// Whether the most probable digits are a valid grid.
    fn reads_valid(&self, cells: ArrayView2<'_, f32>) -> bool {
        let read: Vec<usize> = reading(cells).collect();
        self.pairs.iter().all(|&(p, q)| read[p] != read[q])
    }

    /// The valid grid of least cost, with its cost, from the cost of each digit in each cell.
    fn nearest(&self, costs: ArrayView2<'_, f32>) -> (f32, &[usize]) {
        let cost = |grid: &[usize]| grid.iter().enumerate().map(|(cell, &digit)| costs[(cell, digit)]).sum::<f32>();
        let all = self.all.iter().map(|grid| (cost(grid), grid.as_slice()));
        all.min_by(|a, b| a.0.total_cmp(&b.0)).expect("288 grids")
    }

    /// How possible the other cells make each digit of each cell, if the grid is valid: the maximum
    /// over the valid grids with that digit of the minimum over the other cells.
    fn if_valid(&self, possible: ArrayView2<'_, f32>) -> Array2<f32> {
        let mut message = Array2::<f32>::zeros(possible.dim());
        for grid in &self.all {
            let (mut lowest, mut at, mut next) = (f32::INFINITY, 0, f32::INFINITY);
            for (cell, &digit) in grid.iter().enumerate() {
                let degree = possible[(cell, digit)];
                if degree < lowest {
                    (lowest, at, next) = (degree, cell, lowest);
                } else {
                    next = next.min(degree);
                }
            }
            for (cell, &digit) in grid.iter().enumerate() {
                let others = if cell == at { next } else { lowest };
                message[(cell, digit)] = others.max(message[(cell, digit)]);
            }
        }
        message
    }

    /// The same if it is invalid: two other cells have the same digit, or one that must differ from
    /// this one has this digit; the rest have their most possible digits, to degree 1.
    fn if_invalid(&self, possible: ArrayView2<'_, f32>) -> Array2<f32> {
        let mut message = Array2::<f32>::zeros(possible.dim());
        for &(p, q) in &self.pairs {
            let same = (0..DIGITS).map(|digit| possible[(p, digit)].min(possible[(q, digit)])).fold(0.0, f32::max);
            for ((cell, digit), degree) in message.indexed_iter_mut() {
                let clash = match cell {
                    _ if cell == p => possible[(q, digit)],
                    _ if cell == q => possible[(p, digit)],
                    _ => same,
                };
                *degree = degree.max(clash);
            }
        }
        message
    }
}

/// The most probable digit of each cell.
fn reading(cells: ArrayView2<'_, f32>) -> impl Iterator<Item = usize> {
    let best = |row: &[f32]| (0..DIGITS).max_by(|&a, &b| row[a].total_cmp(&row[b])).expect("digits");
    cells.outer_iter().map(|row| best(&row.to_vec())).collect::<Vec<_>>().into_iter()
}

/// Grids of images, each valid or not: what any cell shows is not told.
struct Unlabelled {
    images: Array3<u8>,
    valid: Vec<bool>,
}

impl Unlabelled {
    fn of(puzzles: &[Puzzle]) -> Self {
        let images: Vec<_> = puzzles.iter().map(|puzzle| puzzle.images.view()).collect();
        let images = concatenate(Axis(0), &images).expect("images of one size");
        Self { images, valid: puzzles.iter().map(|puzzle| puzzle.valid).collect() }
    }

    /// The number of puzzles whose most probable digits are a valid grid if and only if they are.
    fn read_rightly(&self, grids: &Grids, given: &Array2<f32>) -> usize {
        let read = given.axis_chunks_iter(Axis(0), CELLS).map(|cells| grids.reads_valid(cells));
        read.zip(&self.valid).filter(|(read, valid)| read == *valid).count()
    }

    /// Names of images to start with.
    fn names(&self, start: Start, grids: &Grids, random: &mut ChaCha8Rng) -> Vec<Option<usize>> {
        let mut names = vec![None; self.images.dim().0];
        let valid = (0..self.valid.len()).filter(|&puzzle| self.valid[puzzle]);
        let images: Vec<usize> = valid.flat_map(|puzzle| puzzle * CELLS..(puzzle + 1) * CELLS).collect();
        match start {
            Start::Clusters => {
                let clusters = clusters(&self.images.select(Axis(0), &images), grids, random);
                images.into_iter().zip(clusters).for_each(|(image, name)| names[image] = Some(name));
            }
            Start::Row => {
                let first = random.random_range(0..images.len() / DIGITS) * DIGITS;
                (0..DIGITS).for_each(|name| names[images[first + name]] = Some(name));
            }
            Start::Chance => {}
        }
        names
    }
}

/// k-means of images at half their size, under the rules: in every round each puzzle becomes the
/// valid grid that its images are nearest to. The best of several tries, each from some row.
fn clusters(images: &Array3<u8>, grids: &Grids, random: &mut ChaCha8Rng) -> Vec<usize> {
    const TRIES: usize = 20;
    const ROUNDS: usize = 30;
    let (count, rows, columns) = images.dim();
    let features = Array2::from_shape_fn((count, rows / 2 * (columns / 2)), |(image, pixel)| {
        let (row, column) = (pixel / (columns / 2) * 2, pixel % (columns / 2) * 2);
        let square = images.slice(s![image, row..row + 2, column..column + 2]);
        square.iter().map(|&grey| f32::from(grey)).sum::<f32>() / (4.0 * 255.0)
    });
    let mut best = (f32::INFINITY, Vec::new());
    for _ in 0..TRIES {
        let first = random.random_range(0..count / DIGITS) * DIGITS;
        let mut centres = features.slice(s![first..first + DIGITS, ..]).to_owned();
        let mut names: Vec<usize> = Vec::new();
        for _ in 0..ROUNDS {
            // Squares, without that of the image itself, which no choice changes.
            let mut distances = features.dot(&centres.t());
            for ((_, name), distance) in distances.indexed_iter_mut() {
                *distance = centres.row(name).iter().map(|x| x * x).sum::<f32>() - 2.0 * *distance;
            }
            let nearest = distances.axis_chunks_iter(Axis(0), CELLS).map(|cells| grids.nearest(cells));
            let (costs, found): (Vec<f32>, Vec<&[usize]>) = nearest.unzip();
            let (cost, found) = (costs.iter().sum::<f32>(), found.concat());
            if cost < best.0 {
                best = (cost, found.clone());
            }
            if found == names {
                break;
            }
            names = found;
            centres.fill(0.0);
            for (image, &name) in features.outer_iter().zip(&names) {
                // In every valid grid each digit stands equally often.
                let share = (count / DIGITS) as f32;
                centres.row_mut(name).iter_mut().zip(&image).for_each(|(centre, x)| *centre += x / share);
            }
        }
    }
    best.1
}

/// Whole puzzles to learn from. It counts the epochs, so each training needs its own.
struct Verdicts<'a> {
    options: &'a Options,
    grids: &'a Grids,
    train: &'a Unlabelled,
    validation: &'a Unlabelled,
    /// The first names of training images, and the epochs that teach them.
    names: Vec<Option<usize>>,
    naming_epochs: usize,
    epoch: AtomicUsize,
}

impl Supervision for Verdicts<'_> {
    fn images(&self) -> ArrayView3<'_, u8> {
        self.train.images.view()
    }

    fn steps(&self, batch: usize, random: &mut ChaCha8Rng) -> Vec<TrainingStep> {
        const NAMING_STEPS: usize = 8;
        let mut named: Vec<usize> = (0..self.names.len()).filter(|&image| self.names[image].is_some()).collect();
        if self.epoch.fetch_add(1, Ordering::Relaxed) < self.naming_epochs && !named.is_empty() {
            let mut order = Vec::new();
            while order.len() < NAMING_STEPS * batch {
                named.shuffle(random);
                order.extend_from_slice(&named);
            }
            let step = |images: &[usize]| TrainingStep { images: images.to_vec(), cases: Vec::new() };
            return order.chunks_exact(batch).map(step).collect();
        }
        let taught = |&case: &usize| self.train.valid[case] || self.options.invalid_weight > 0.0;
        let mut order: Vec<usize> = (0..self.train.valid.len()).filter(taught).collect();
        order.shuffle(random);
        let puzzles = (batch / CELLS).clamp(1, order.len().max(1));
        let step = |cases: &[usize]| TrainingStep {
            images: cases.iter().flat_map(|case| case * CELLS..(case + 1) * CELLS).collect(),
            cases: cases.to_vec(),
        };
        order.chunks_exact(puzzles).map(step).collect()
    }

    fn targets(&self, step: &TrainingStep, given: &Array2<f32>) -> Array2<f32> {
        let mut targets = given.clone();
        if step.cases.is_empty() {
            for (mut target, &image) in targets.outer_iter_mut().zip(&step.images) {
                target.fill(0.0);
                target[self.names[image].expect("steps without cases are of named images")] = 1.0;
            }
        }
        for (mut cells, &case) in targets.axis_chunks_iter_mut(Axis(0), CELLS).zip(&step.cases) {
            let valid = self.train.valid[case];
            let (power, weight) = if valid { (self.options.sharpen, 1.0) } else { (1.0, self.options.invalid_weight) };
            let mut said = cells.mapv(|p| p.powf(power));
            for mut row in said.outer_iter_mut() {
                let sum = row.sum();
                row.mapv_inplace(|p| p / sum);
            }
            let said = Transform::Antipignistic.possibilities(said.view()).expect("probabilities");
            let message = if valid { self.grids.if_valid(said.view()) } else { self.grids.if_invalid(said.view()) };
            for ((mut cell, said), message) in cells.outer_iter_mut().zip(said.outer_iter()).zip(message.outer_iter()) {
                if let Some(revised) = revise(&said.to_vec(), &message.to_vec()) {
                    cell.iter_mut().zip(revised).for_each(|(p, revised)| *p += weight * (revised - *p));
                }
            }
        }
        targets
    }

    fn validation_images(&self) -> ArrayView3<'_, u8> {
        self.validation.images.view()
    }

    fn validation_accuracy(&self, given: &Array2<f32>) -> f64 {
        self.validation.read_rightly(self.grids, given) as f64 / self.validation.valid.len() as f64
    }

    fn check(&self, classes: usize, _: usize) -> Result<(), perception::Error> {
        let fault = || perception::Error::Classes { input: "cell".to_owned(), values: DIGITS, classes };
        if classes == DIGITS { Ok(()) } else { Err(fault()) }
    }
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
        |of: &dyn Fn(&Outcome) -> f64| mean_and_deviation(&rows.iter().map(|row| of(&row.outcome)).collect::<Vec<_>>());
    let sum = |of: &dyn Fn(&Outcome) -> usize| rows.iter().map(|row| of(&row.outcome)).sum::<usize>();
    let (accuracy, accuracy_sd) = over(&|one| 100.0 * one.right as f64 / one.puzzles as f64);
    let (area, area_sd) = over(&|one| one.area_under_curve);
    let (cells, cells_sd) = over(&|one| 100.0 * one.cells_right as f64 / one.cells as f64);
    let interval = Share::of(sum(&|one| one.right), sum(&|one| one.puzzles)).interval();
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
    let shown =
        names.iter().zip(digits(&split.train)).filter_map(|(name, digit)| Some((name.as_ref().copied()?, digit)));
    let names_right = right_under_best_names(shown);
    let named = names.iter().flatten().count();
    let lessons = Verdicts {
        options,
        grids,
        train: &train,
        validation: &validation,
        names,
        naming_epochs,
        epoch: AtomicUsize::new(0),
    };
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
    puzzles.iter().flat_map(|puzzle| puzzle.digits.iter().map(|&digit| digit.into()))
}

/// How many digits are right under the names that suit them best, from names and true digits.
fn right_under_best_names(cells: impl Iterator<Item = (usize, usize)>) -> usize {
    let mut counts = [[0; DIGITS]; DIGITS];
    cells.for_each(|(name, digit)| counts[name][digit] += 1);
    let right = |code: usize| {
        let digits = [code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6];
        let all_differ = digits.iter().fold(0, |seen, digit| seen | 1 << digit) == 0b1111;
        if all_differ { (0..DIGITS).map(|name| counts[name][digits[name]]).sum() } else { 0 }
    };
    (0..1 << (2 * DIGITS)).map(right).max().expect("24 permutations")
}
