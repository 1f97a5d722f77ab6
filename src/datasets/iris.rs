use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Error;

/// One iris: lengths in cm, and its species.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flower {
    /// Length of a sepal.
    pub sepal_length: f32,
    /// Width of a sepal.
    pub sepal_width: f32,
    /// Length of a petal.
    pub petal_length: f32,
    /// Width of a petal.
    pub petal_width: f32,
    /// `setosa`, `versicolor` or `virginica`.
    pub species: String,
}

/// Reads irises from a CSV file with a header, as `datasets/iris/iris.csv`.
///
/// # Errors
/// [`Error::Io`] if the file cannot be opened, [`Error::Record`] with the byte offset of a record
/// that is not as expected, [`Error::Field`] for a size that is no number above 0.
pub fn read_iris(path: impl AsRef<Path>) -> Result<Vec<Flower>, Error> {
    let path = path.as_ref();
    let file = std::fs::File::open(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    let mut reader = csv::Reader::from_reader(file);
    let flowers = reader.deserialize().collect::<Result<Vec<Flower>, _>>();
    let flowers = flowers.map_err(|source| Error::Record {
        path: path.to_owned(),
        offset: source.position().map_or(0, csv::Position::byte),
        expected: "four lengths and a species",
        source,
    })?;
    for (i, flower) in flowers.iter().enumerate() {
        let sizes = [flower.sepal_length, flower.sepal_width, flower.petal_length, flower.petal_width];
        if let Some(field) = sizes.iter().position(|size| !(size.is_finite() && *size > 0.0)) {
            return Err(Error::Field {
                path: path.to_owned(),
                line: i + 2,
                field: field + 1,
                expected: "a length above 0".to_owned(),
                found: sizes[field].to_string(),
            });
        }
    }
    Ok(flowers)
}
