use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2};
use ndarray_npy::{ReadNpyError, ReadNpyExt};
use serde::Deserialize;

use crate::relation::{self, Composition, System};

/// A file that holds no system.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct SystemFileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: SystemFault,
}

/// What can be wrong with a file of a system, or of a matrix.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SystemFault {
    /// It cannot be read.
    #[error("{0}")]
    Io(std::io::Error),
    /// It is not the JSON that was expected.
    #[error("{0}: expected {{\"matrix\":[[…],…],\"rhs\":[…]}}")]
    Json(serde_json::Error),
    /// It is no CSV.
    #[error("{0}: expected comma-separated numbers")]
    Csv(csv::Error),
    /// It is no .npy of the expected kind.
    #[error("{0}: expected a matrix or vector of f32 or f64")]
    Npy(ReadNpyError),
    /// A field that is no number.
    #[error("line {line}, field {field}: '{text}': expected a number")]
    Number {
        /// Its line, from 1.
        line: u64,
        /// Its place in the line, from 1.
        field: usize,
        /// What stands there.
        text: String,
    },
    /// A row longer or shorter than the first.
    #[error("matrix row {row} has {found} elements: expected {expected} as in row 0")]
    Ragged {
        /// The row, from 0.
        row: usize,
        /// Its elements.
        found: usize,
        /// Those of row 0.
        expected: usize,
    },
    /// A right-hand side that is no vector.
    #[error("{rows} rows and {columns} columns: expected one row or one column")]
    RhsShape {
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
    },
    /// A matrix without right-hand side.
    #[error("a matrix alone: expected a file with its right-hand side as well")]
    NoRhs,
    /// A right-hand side beside a file that has one.
    #[error("a separate right-hand side: expected a .csv or .npy matrix to go with it")]
    ExtraRhs,
}

impl SystemFault {
    fn at(self, path: &Path) -> SystemFileError {
        SystemFileError { path: path.to_owned(), fault: self }
    }
}

/// A system as it stands in a file: `{"matrix":[[…],…],"rhs":[…]}`.
#[derive(Debug, Clone, PartialEq)]
pub struct SystemFile {
    /// The matrix.
    pub matrix: Array2<f32>,
    /// The right-hand side.
    pub rhs: Array1<f32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    matrix: Vec<Vec<f32>>,
    rhs: Vec<f32>,
}

impl SystemFile {
    /// Reads a system: matrix and right-hand side from one JSON file, or a matrix from a `.csv`
    /// or `.npy` file and its right-hand side from another such file.
    ///
    /// # Errors
    /// What is wrong, naming the file and the place in it.
    pub fn read(path: impl AsRef<Path>, rhs: Option<&Path>) -> Result<Self, SystemFileError> {
        let path = path.as_ref();
        match (extension(path), rhs) {
            ("csv" | "npy", Some(rhs)) => {
                let right = read_matrix(rhs)?;
                let (rows, columns) = right.dim();
                if rows != 1 && columns != 1 {
                    return Err(SystemFault::RhsShape { rows, columns }.at(rhs));
                }
                Ok(Self { matrix: read_matrix(path)?, rhs: right.into_iter().collect() })
            }
            ("csv" | "npy", None) => Err(SystemFault::NoRhs.at(path)),
            (_, Some(_)) => Err(SystemFault::ExtraRhs.at(path)),
            (_, None) => read(path).and_then(|bytes| Self::parse(&bytes)).map_err(|fault| fault.at(path)),
        }
    }

    /// Reads the JSON form from bytes.
    ///
    /// # Errors
    /// What is wrong, with line and column where it is the JSON itself.
    pub fn parse(bytes: &[u8]) -> Result<Self, SystemFault> {
        let Content { matrix, rhs } = serde_json::from_slice(bytes).map_err(SystemFault::Json)?;
        Ok(Self { matrix: rectangular(matrix)?, rhs: rhs.into() })
    }

    /// The system, checked.
    ///
    /// # Errors
    /// As [`System::new`].
    pub fn system(&self, composition: Composition) -> Result<System<'_>, relation::Error> {
        System::new(composition, self.matrix.view(), self.rhs.view())
    }
}

/// Reads a matrix from a `.csv` file (numbers, no header) or a `.npy` file (f32 or f64).
///
/// # Errors
/// What is wrong, naming the file and the place in it.
pub fn read_matrix(path: impl AsRef<Path>) -> Result<Array2<f32>, SystemFileError> {
    let path = path.as_ref();
    let parse = if extension(path) == "npy" { parse_npy } else { parse_csv };
    read(path).and_then(|bytes| parse(&bytes)).map_err(|fault| fault.at(path))
}

fn read(path: &Path) -> Result<Vec<u8>, SystemFault> {
    std::fs::read(path).map_err(SystemFault::Io)
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

fn parse_npy(bytes: &[u8]) -> Result<Array2<f32>, SystemFault> {
    // A vector counts as one row.
    let single = Array2::<f32>::read_npy(bytes)
        .or_else(|_| Array1::<f32>::read_npy(bytes).map(|v| v.insert_axis(ndarray::Axis(0))));
    single.or_else(|_| {
        let double = Array2::<f64>::read_npy(bytes)
            .or_else(|_| Array1::<f64>::read_npy(bytes).map(|v| v.insert_axis(ndarray::Axis(0))));
        double.map(|array| array.mapv(|x| x as f32)).map_err(SystemFault::Npy)
    })
}

fn parse_csv(bytes: &[u8]) -> Result<Array2<f32>, SystemFault> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(SystemFault::Csv)?;
        let line = record.position().map_or(0, csv::Position::line);
        let number = |(field, text): (usize, &str)| {
            text.parse::<f32>().map_err(|_| SystemFault::Number { line, field: field + 1, text: text.to_owned() })
        };
        rows.push(record.iter().enumerate().map(number).collect::<Result<Vec<f32>, _>>()?);
    }
    rectangular(rows)
}

fn rectangular(rows: Vec<Vec<f32>>) -> Result<Array2<f32>, SystemFault> {
    let expected = rows.first().map_or(0, Vec::len);
    if let Some(row) = rows.iter().position(|row| row.len() != expected) {
        return Err(SystemFault::Ragged { row, found: rows[row].len(), expected });
    }
    Ok(Array2::from_shape_vec((rows.len(), expected), rows.concat()).expect("equally long rows"))
}
