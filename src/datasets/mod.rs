//! Readers of the data sets the two tasks are proved on.
//!
//! [`idx`] reads the IDX format (MNIST and its relatives), plain or gzipped; [`Mnist`] is the
//! handwritten-digit set with its customary splits; [`read_iris`] reads Fisher's irises,
//! [`read_biopsies`] Wolberg's grades of breast masses;
//! [`read_puzzles`] reads the splits of visual Sudoku puzzle classification.

mod biopsies;
pub mod idx;
mod iris;
mod mnist;
mod visudo;

pub use biopsies::{Biopsy, read_biopsies};
pub use iris::{Flower, read_iris};
pub use mnist::{Digits, Mnist};
pub use visudo::{Puzzle, read_puzzles, write_puzzles};

use std::path::PathBuf;

/// What can be wrong with a data file: which file, where in it, what was expected, what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be opened or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The content contradicts the format. Offsets count uncompressed bytes.
    #[error("{}: at byte {offset}: expected {expected}, found {found}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Offset in the uncompressed content.
        offset: u64,
        /// What the format asks for at this place.
        expected: String,
        /// What the file holds instead.
        found: String,
    },
    /// The content cannot be uncompressed or read any further.
    #[error("{}: at byte {offset}: expected {expected}, found unreadable data ({source})", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Offset in the uncompressed content.
        offset: u64,
        /// What the format asks for at this place.
        expected: String,
        /// The reader's reason.
        source: std::io::Error,
    },
    /// A record of a CSV file is not as expected.
    #[error("{}: at byte {offset}: expected {expected}, found {source}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Where the record begins.
        offset: u64,
        /// What a record holds.
        expected: &'static str,
        /// The CSV reader's reason.
        source: csv::Error,
    },
    /// A line of a text file is not as expected.
    #[error("{}:{line}: field {field}: expected {expected}, found {found}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The field in that line, from 1.
        field: usize,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// Two files that belong together do not fit.
    #[error("{} holds {left_count} items but {} holds {right_count}: expected equal counts", left.display(), right.display())]
    Mismatch {
        /// The first file.
        left: PathBuf,
        /// Items in the first file.
        left_count: usize,
        /// The second file.
        right: PathBuf,
        /// Items in the second file.
        right_count: usize,
    },
}
