use ndarray::{Array3, Axis};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::pairs;
use crate::datasets::{Digits, Mnist, Puzzle};

/// The three parts of a generated split, each half valid, half corrupted copies of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Images from MNIST's training part.
    pub train: Vec<Puzzle>,
    /// Images from MNIST's validation part.
    pub validation: Vec<Puzzle>,
    /// Images from MNIST's test file.
    pub test: Vec<Puzzle>,
}

/// How many valid puzzles each part of a split has, and as many corrupted copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// To train on. Default 100.
    pub train: usize,
    /// To validate with. Default 50.
    pub validation: usize,
    /// To test with. Default 50.
    pub test: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { train: 100, validation: 50, test: 50 }
    }
}

/// Why no split can be generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// Each image is used once, and those of a digit are used up.
    #[error("no image of the digit {digit} is left in MNIST's {part} part: expected more images")]
    TooFewImages {
        /// The digit.
        digit: u8,
        /// The part of MNIST: `training`, `validation` or `test`.
        part: &'static str,
    },
}

/// Corruptions of one puzzle at most, before it is seen whether it is invalid.
const MOST_CORRUPTIONS: usize = 10;

/// Generates a split for grids of side m·m after the protocol of ViSudo-PC (Augustine et al.
/// 2022), of the usual size: valid grids filled at random; for each a corrupted copy, by replacing cells or by
/// swapping cells (by coin), one corruption and another with probability ½ each time, repeated
/// until the copy is invalid. Untouched cells keep their images; otherwise an image is used once.
///
/// # Errors
/// [`GenerateError::TooFewImages`] if MNIST holds too few images of some digit.
///
/// # Panics
/// If m is not 2 or 3: MNIST has ten digits.
pub fn generate(mnist: &Mnist, m: usize, seed: u64) -> Result<Split, GenerateError> {
    generate_sized(mnist, m, Sizes::default(), seed)
}

/// The same with other sizes. The size of one part does not change the others, and a smaller part
/// holds the first valid puzzles of a greater one.
///
/// # Errors
/// [`GenerateError::TooFewImages`] if MNIST holds too few images of some digit.
///
/// # Panics
/// If m is not 2 or 3: MNIST has ten digits.
pub fn generate_sized(mnist: &Mnist, m: usize, sizes: Sizes, seed: u64) -> Result<Split, GenerateError> {
    assert!((2..=3).contains(&m), "grids of side 4 or 9");
    let part = |name: &'static str, digits: &Digits, count: usize, stream: u64| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        let mut maker = Maker { m, pairs: pairs(m), pool: Pool::new(name, digits, m * m, &mut rng), rng };
        let valid = (0..count).map(|_| maker.valid()).collect::<Result<Vec<_>, _>>()?;
        let invalid = valid.iter().map(|puzzle| maker.corrupted(puzzle)).collect::<Result<Vec<_>, _>>()?;
        Ok::<_, GenerateError>([valid, invalid].concat())
    };
    Ok(Split {
        train: part("training", &mnist.train, sizes.train, 0)?,
        validation: part("validation", &mnist.validation, sizes.validation, 1)?,
        test: part("test", &mnist.test, sizes.test, 2)?,
    })
}

/// Images not used yet, by digit.
struct Pool<'a> {
    part: &'static str,
    digits: &'a Digits,
    unused: Vec<Vec<usize>>,
}

impl<'a> Pool<'a> {
    fn new(part: &'static str, digits: &'a Digits, classes: usize, rng: &mut ChaCha8Rng) -> Self {
        let mut unused = vec![Vec::new(); classes];
        for (image, &label) in digits.labels.iter().enumerate() {
            if let Some(images) = unused.get_mut(usize::from(label)) {
                images.push(image);
            }
        }
        unused.iter_mut().for_each(|images| images.shuffle(rng));
        Self { part, digits, unused }
    }

    fn draw(&mut self, digit: u8) -> Result<ndarray::ArrayView2<'a, u8>, GenerateError> {
        let image = self.unused[usize::from(digit)].pop();
        let image = image.ok_or(GenerateError::TooFewImages { digit, part: self.part })?;
        Ok(self.digits.images.index_axis(Axis(0), image))
    }
}

struct Maker<'a> {
    m: usize,
    pairs: Vec<(usize, usize)>,
    pool: Pool<'a>,
    rng: ChaCha8Rng,
}

impl Maker<'_> {
    fn valid(&mut self) -> Result<Puzzle, GenerateError> {
        let digits = random_grid(self.m, &mut self.rng);
        let mut images = Array3::zeros((digits.len(), 28, 28));
        for (mut cell, &digit) in images.outer_iter_mut().zip(&digits) {
            cell.assign(&self.pool.draw(digit)?);
        }
        Ok(Puzzle { images, digits, valid: true, note: "valid".to_owned() })
    }

    fn corrupted(&mut self, original: &Puzzle) -> Result<Puzzle, GenerateError> {
        let mut puzzle = Puzzle { valid: false, ..original.clone() };
        let by_swap = self.rng.random::<bool>();
        let mut corruptions = 0;
        while self.is_valid(&puzzle.digits) {
            for _ in 0..MOST_CORRUPTIONS {
                if by_swap {
                    self.swap(&mut puzzle)
                } else {
                    self.replace(&mut puzzle)?
                }
                corruptions += 1;
                if self.rng.random::<bool>() {
                    break;
                }
            }
        }
        puzzle.note = format!("{} {corruptions}", if by_swap { "swap" } else { "replacement" });
        Ok(puzzle)
    }

    fn swap(&mut self, puzzle: &mut Puzzle) {
        let cells = puzzle.digits.len();
        let (a, b) = (self.rng.random_range(0..cells), self.rng.random_range(0..cells));
        puzzle.digits.swap(a, b);
        let image = puzzle.images.index_axis(Axis(0), a).to_owned();
        let other = puzzle.images.index_axis(Axis(0), b).to_owned();
        puzzle.images.index_axis_mut(Axis(0), a).assign(&other);
        puzzle.images.index_axis_mut(Axis(0), b).assign(&image);
    }

    fn replace(&mut self, puzzle: &mut Puzzle) -> Result<(), GenerateError> {
        let n = (self.m * self.m) as u8;
        let cell = self.rng.random_range(0..puzzle.digits.len());
        let digit = (puzzle.digits[cell] + self.rng.random_range(1..n)) % n;
        puzzle.digits[cell] = digit;
        puzzle.images.index_axis_mut(Axis(0), cell).assign(&self.pool.draw(digit)?);
        Ok(())
    }

    fn is_valid(&self, digits: &[u8]) -> bool {
        self.pairs.iter().all(|&(p, q)| digits[p] != digits[q])
    }
}

/// A valid grid, filled cell by cell with random digits, going back where none fits.
fn random_grid(m: usize, rng: &mut ChaCha8Rng) -> Vec<u8> {
    fn fill(grid: &mut Vec<u8>, m: usize, peers: &[Vec<usize>], rng: &mut ChaCha8Rng) -> bool {
        let cell = grid.len();
        if cell == peers.len() {
            return true;
        }
        let mut digits: Vec<u8> = (0..(m * m) as u8).filter(|v| peers[cell].iter().all(|&p| grid[p] != *v)).collect();
        digits.shuffle(rng);
        for digit in digits {
            grid.push(digit);
            if fill(grid, m, peers, rng) {
                return true;
            }
            grid.pop();
        }
        false
    }
    // Each cell's peers among the cells filled before it.
    let mut earlier = vec![Vec::new(); m.pow(4)];
    pairs(m).into_iter().for_each(|(p, q)| earlier[q].push(p));
    let mut grid = Vec::new();
    let filled = fill(&mut grid, m, &earlier, rng);
    debug_assert!(filled, "an empty grid can be filled");
    grid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_images_are_named() {
        let few = Digits { images: Array3::zeros((4, 28, 28)), labels: vec![0, 1, 2, 3].into() };
        let mnist = Mnist { train: few.clone(), validation: few.clone(), test: few };
        let error = generate(&mnist, 2, 0).unwrap_err();
        assert!(matches!(error, GenerateError::TooFewImages { part: "training", .. }), "{error}");
    }
}
