use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2};
use serde::Deserialize;

use crate::limited;
use crate::possibility::degree_of;
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
    #[error("{0}: expected a .npy file of a matrix or vector of f32 or f64")]
    Npy(String),
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
    matrix: Vec<Vec<f64>>,
    rhs: Vec<f64>,
}

impl SystemFile {
    /// Reads a system: matrix and right-hand side from one JSON file (`-`: from standard input), or a matrix from a `.csv`
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
        let degrees = |row: Vec<f64>| row.into_iter().map(degree_of).collect::<Vec<f32>>();
        Ok(Self { matrix: rectangular(matrix.into_iter().map(degrees).collect())?, rhs: degrees(rhs).into() })
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
    super::read_bytes(path, limited::FILE_LIMIT).map_err(SystemFault::Io)
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

/// The parts of a .npy file. Nothing is taken from its header on trust: memory grows with the bytes
/// there are.
pub fn parse_npy(bytes: &[u8]) -> Result<Array2<f32>, SystemFault> {
    let wrong = |what: &str| SystemFault::Npy(what.to_owned());
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(|| wrong("not a .npy file"))?;
    let (version, rest) = rest.split_at_checked(2).ok_or_else(|| wrong("the file ends in its header"))?;
    let width = if version[0] == 1 { 2 } else { 4 };
    let (length, rest) = rest.split_at_checked(width).ok_or_else(|| wrong("the file ends in its header"))?;
    let length = length.iter().rev().fold(0, |length, &byte| (length << 8) | usize::from(byte));
    let (header, data) = rest.split_at_checked(length).ok_or_else(|| wrong("the file ends in its header"))?;
    let header = std::str::from_utf8(header).ok().and_then(NpyHeader::parse);
    let NpyHeader { kind, fortran, shape } = header.ok_or_else(|| wrong("its header cannot be read"))?;
    // A vector counts as one row.
    let (rows, columns) = match shape[..] {
        [columns] => (1, columns),
        [rows, columns] => (rows, columns),
        _ => return Err(SystemFault::Npy(format!("{} dimensions", shape.len()))),
    };
    let size = match kind {
        "<f4" | ">f4" | "=f4" => 4,
        "<f8" | ">f8" | "=f8" => 8,
        _ => return Err(SystemFault::Npy(format!("numbers of type '{}'", kind.chars().take(20).collect::<String>()))),
    };
    let count = rows.checked_mul(columns).filter(|count| count.checked_mul(size) == Some(data.len()));
    if count.is_none() || (count == Some(0) && rows.max(columns) > isize::MAX as usize) {
        let found = data.len();
        return Err(SystemFault::Npy(format!("{rows} × {columns} numbers of {size} bytes, but {found} bytes of them")));
    }
    let big = kind.starts_with('>');
    let number = |bytes: &[u8]| {
        let mut bytes: Vec<u8> = bytes.to_vec();
        if big {
            bytes.reverse();
        }
        match bytes[..] {
            [a, b, c, d] => f32::from_le_bytes([a, b, c, d]),
            [a, b, c, d, e, f, g, h] => degree_of(f64::from_le_bytes([a, b, c, d, e, f, g, h])),
            _ => unreachable!("4 or 8 bytes"),
        }
    };
    let numbers: Vec<f32> = data.chunks_exact(size).map(number).collect();
    let array = if fortran {
        Array2::from_shape_vec((columns, rows), numbers).map(|array| array.reversed_axes())
    } else {
        Array2::from_shape_vec((rows, columns), numbers)
    };
    array.map_err(|e| SystemFault::Npy(e.to_string()))
}

/// `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`
struct NpyHeader<'a> {
    kind: &'a str,
    fortran: bool,
    shape: Vec<usize>,
}

impl<'a> NpyHeader<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
        let (mut kind, mut fortran, mut shape) = (None, None, None);
        while !rest.is_empty() {
            let quote = rest.chars().next().filter(|c| ['\'', '"'].contains(c))?;
            let (key, after) = rest[1..].split_once(quote)?;
            let value = after.trim_start().strip_prefix(':')?.trim_start();
            rest = match key {
                "descr" => {
                    let quote = value.chars().next().filter(|c| ['\'', '"'].contains(c))?;
                    let (given, after) = value[1..].split_once(quote)?;
                    kind = Some(given);
                    after
                }
                "fortran_order" => {
                    let end = value.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(value.len());
                    fortran = Some(match &value[..end] {
                        "True" => true,
                        "False" => false,
                        _ => return None,
                    });
                    &value[end..]
                }
                "shape" => {
                    let (given, after) = value.strip_prefix('(')?.split_once(')')?;
                    let sides = given.split(',').map(str::trim).filter(|side| !side.is_empty());
                    shape = Some(sides.map(|side| side.parse().ok()).collect::<Option<Vec<usize>>>()?);
                    after
                }
                _ => return None,
            };
            rest = rest.trim_start();
            if !rest.is_empty() {
                rest = rest.strip_prefix(',')?.trim_start();
            }
        }
        Some(Self { kind: kind?, fortran: fortran?, shape: shape? })
    }
}

fn parse_csv(bytes: &[u8]) -> Result<Array2<f32>, SystemFault> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(SystemFault::Csv)?;
        let line = record.position().map_or(0, csv::Position::line);
        let number = |(field, text): (usize, &str)| {
            let found = text.parse::<f32>().ok().zip(text.parse::<f64>().ok());
            let found =
                found.map(|(single, exact)| if (0.0..=1.0).contains(&exact) { single } else { degree_of(exact) });
            found.ok_or_else(|| SystemFault::Number { line, field: field + 1, text: text.chars().take(80).collect() })
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
