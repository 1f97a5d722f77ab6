use std::path::Path;

use ndarray::{Array1, Array2};
use ndarray_npy::{ReadNpyError, ReadNpyExt};
use serde::Deserialize;

use super::{Composition, Error, System};

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
    /// [`Error::Io`] or [`Error::Format`], naming the file and the place in it.
    pub fn read(path: impl AsRef<Path>, rhs: Option<&Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        match (extension(path), rhs) {
            ("csv" | "npy", Some(rhs)) => {
                let right = read_matrix(rhs)?;
                if right.nrows() != 1 && right.ncols() != 1 {
                    let reason =
                        format!("{} rows and {} columns: expected one row or one column", right.nrows(), right.ncols());
                    return Err(Error::Format { path: rhs.to_owned(), reason });
                }
                Ok(Self { matrix: read_matrix(path)?, rhs: right.into_iter().collect() })
            }
            ("csv" | "npy", None) => {
                let reason = "a matrix alone: expected a file with its right-hand side as well".to_owned();
                Err(Error::Format { path: path.to_owned(), reason })
            }
            (_, Some(_)) => {
                let reason = "a separate right-hand side: expected a .csv or .npy matrix to go with it".to_owned();
                Err(Error::Format { path: path.to_owned(), reason })
            }
            (_, None) => Self::parse(&read(path)?).map_err(|reason| Error::Format { path: path.to_owned(), reason }),
        }
    }

    /// Reads the JSON form from bytes.
    ///
    /// # Errors
    /// What is wrong, with line and column where it is the JSON itself, and what was expected.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let Content { matrix, rhs } =
            serde_json::from_slice(bytes).map_err(|e| format!("{e}: expected {{\"matrix\":[[…],…],\"rhs\":[…]}}"))?;
        Ok(Self { matrix: rectangular(matrix)?, rhs: rhs.into() })
    }

    /// The system, checked.
    ///
    /// # Errors
    /// As [`System::new`].
    pub fn system(&self, composition: Composition) -> Result<System<'_>, Error> {
        System::new(composition, self.matrix.view(), self.rhs.view())
    }
}

/// Reads a matrix from a `.csv` file (numbers, no header) or a `.npy` file (f32 or f64).
///
/// # Errors
/// [`Error::Io`] or [`Error::Format`], naming the file and the place in it.
pub fn read_matrix(path: impl AsRef<Path>) -> Result<Array2<f32>, Error> {
    let path = path.as_ref();
    let bytes = read(path)?;
    let matrix = if extension(path) == "npy" { parse_npy(&bytes) } else { parse_csv(&bytes) };
    matrix.map_err(|reason| Error::Format { path: path.to_owned(), reason })
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

fn parse_npy(bytes: &[u8]) -> Result<Array2<f32>, String> {
    let expected = |e: ReadNpyError| format!("{e}: expected a matrix or vector of f32 or f64");
    // A vector counts as one row.
    let single = Array2::<f32>::read_npy(bytes)
        .or_else(|_| Array1::<f32>::read_npy(bytes).map(|v| v.insert_axis(ndarray::Axis(0))));
    single.or_else(|_| {
        let double = Array2::<f64>::read_npy(bytes)
            .or_else(|_| Array1::<f64>::read_npy(bytes).map(|v| v.insert_axis(ndarray::Axis(0))));
        double.map(|array| array.mapv(|x| x as f32)).map_err(expected)
    })
}

fn parse_csv(bytes: &[u8]) -> Result<Array2<f32>, String> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| format!("{e}: expected comma-separated numbers"))?;
        let line = record.position().map_or(0, csv::Position::line);
        let number = |(column, field): (usize, &str)| {
            field.parse::<f32>().map_err(|_| format!("line {line}, field {}: '{field}': expected a number", column + 1))
        };
        rows.push(record.iter().enumerate().map(number).collect::<Result<Vec<f32>, _>>()?);
    }
    rectangular(rows)
}

fn rectangular(rows: Vec<Vec<f32>>) -> Result<Array2<f32>, String> {
    let columns = rows.first().map_or(0, Vec::len);
    if let Some(i) = rows.iter().position(|row| row.len() != columns) {
        return Err(format!("matrix row {i} has {} elements: expected {columns} as in row 0", rows[i].len()));
    }
    Ok(Array2::from_shape_vec((rows.len(), columns), rows.concat()).expect("equally long rows"))
}
