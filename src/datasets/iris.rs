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
/// that is not as expected.
pub fn read_iris(path: impl AsRef<Path>) -> Result<Vec<Flower>, Error> {
    let path = path.as_ref();
    let file = std::fs::File::open(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    let mut reader = csv::Reader::from_reader(file);
    let flowers = reader.deserialize().collect::<Result<Vec<Flower>, _>>();
    flowers.map_err(|source| Error::Record {
        path: path.to_owned(),
        offset: source.position().map_or(0, csv::Position::byte),
        expected: "four lengths and a species",
        source,
    })
}
