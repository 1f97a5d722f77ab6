//! What a network learns from grids of images that are known to be valid or not, and nothing else.

use std::cell::Cell;
use std::hash::Hasher;

use clap::ValueEnum;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, concatenate, s};
use pinesy::datasets::Puzzle;
use pinesy::perception::{self, Attempt, Supervision, TrainingStep, revise};
use pinesy::possibility::Transform;
use pinesy::tasks::sudoku::pairs;
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::Options;

pub const DIGITS: usize = 4;
pub const CELLS: usize = DIGITS * DIGITS;

#[derive(Debug, Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// Images of valid puzzles are parted in four, by pixels, so that each puzzle is a valid grid.
    Clusters,
    /// The images in a row of one valid puzzle get four names: in any order, as none means anything.
    Row,
    /// By chance: what the first weights happen to prefer.
    Chance,
}

/// The 288 valid grids, and the 56 pairs of cells that must differ.
pub struct Grids {
    all: Vec<Vec<usize>>,
    pairs: Vec<(usize, usize)>,
}

impl Grids {
    pub fn new() -> Self {
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
    pub fn reads_valid(&self, cells: ArrayView2<'_, f32>) -> bool {
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
pub fn reading(cells: ArrayView2<'_, f32>) -> impl Iterator<Item = usize> {
    let best = |row: &[f32]| (0..DIGITS).max_by(|&a, &b| row[a].total_cmp(&row[b])).expect("digits");
    cells.outer_iter().map(|row| best(&row.to_vec())).collect::<Vec<_>>().into_iter()
}

/// Grids of images, each valid or not: what any cell shows is not told.
pub struct Unlabelled {
    pub images: Array3<u8>,
    pub valid: Vec<bool>,
}

impl Unlabelled {
    pub fn of(puzzles: &[Puzzle]) -> Self {
        let images: Vec<_> = puzzles.iter().map(|puzzle| puzzle.images.view()).collect();
        let images = concatenate(Axis(0), &images).expect("images of one size");
        Self { images, valid: puzzles.iter().map(|puzzle| puzzle.valid).collect() }
    }

    /// The number of puzzles whose most probable digits are a valid grid if and only if they are.
    pub fn read_rightly(&self, grids: &Grids, given: &Array2<f32>) -> usize {
        let read = given.axis_chunks_iter(Axis(0), CELLS).map(|cells| grids.reads_valid(cells));
        read.zip(&self.valid).filter(|(read, valid)| read == *valid).count()
    }

    /// Names of images to start with.
    pub fn names(&self, start: Start, grids: &Grids, random: &mut ChaCha8Rng) -> Vec<Option<usize>> {
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
pub struct Verdicts<'a> {
    pub options: &'a Options,
    pub grids: &'a Grids,
    pub train: &'a Unlabelled,
    pub validation: &'a Unlabelled,
    /// The first names of training images, and the epochs that teach them.
    pub names: Vec<Option<usize>>,
    pub naming_epochs: usize,
    pub epoch: Cell<usize>,
}

impl Supervision for Verdicts<'_> {
    fn images(&self) -> ArrayView3<'_, u8> {
        self.train.images.view()
    }

    fn steps(&self, batch: usize, random: &mut ChaCha8Rng) -> Vec<TrainingStep> {
        const NAMING_STEPS: usize = 8;
        let mut named: Vec<usize> = (0..self.names.len()).filter(|&image| self.names[image].is_some()).collect();
        if self.epoch.replace(self.epoch.get() + 1) < self.naming_epochs && !named.is_empty() {
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

    fn targets(&self, attempt: &Attempt<'_>) -> Array2<f32> {
        let (step, mut targets) = (attempt.step(), attempt.given());
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

    fn identify(&self, hasher: &mut dyn Hasher) {
        let said = (self.options, &self.train.valid, &self.validation.valid, &self.names, self.naming_epochs);
        hasher.write(serde_json::to_string(&said).expect("plain data").as_bytes());
    }

    fn check(&self, classes: usize, _: usize) -> Result<(), perception::Error> {
        let fault = || perception::Error::Classes { input: "cell".to_owned(), values: DIGITS, classes };
        if classes == DIGITS { Ok(()) } else { Err(fault()) }
    }
}
