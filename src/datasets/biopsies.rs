use std::path::Path;

use super::Error;

/// A fine-needle aspirate of a breast mass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Biopsy {
    /// Nine cytological grades from 1 to 10, in the order of the file; some were not recorded.
    pub grades: [Option<u8>; 9],
    /// The diagnosis; benign otherwise.
    pub malignant: bool,
}

/// Reads biopsies from a CSV file with a header, as `datasets/biopsies/biopsies.csv`.
///
/// # Errors
/// [`Error::Io`] if the file cannot be opened, [`Error::Record`] or [`Error::Field`] where a record
/// is not as expected.
pub fn read_biopsies(path: impl AsRef<Path>) -> Result<Vec<Biopsy>, Error> {
    let path = path.as_ref();
    let file = std::fs::File::open(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    let mut reader = csv::Reader::from_reader(file);
    let biopsy = |record: Result<csv::StringRecord, csv::Error>| {
        let record = record.map_err(|source| Error::Record {
            path: path.to_owned(),
            offset: source.position().map_or(0, csv::Position::byte),
            expected: "nine grades and a class",
            source,
        })?;
        let found = |field: usize| record.get(field).unwrap_or("nothing");
        let wrong = |field: usize, expected: &str| Error::Field {
            path: path.to_owned(),
            line: record.position().map_or(0, |position| position.line() as usize),
            field: field + 1,
            expected: expected.to_owned(),
            found: found(field).to_owned(),
        };
        let mut grades = [None; 9];
        for (field, grade) in grades.iter_mut().enumerate().filter(|(field, _)| !found(*field).is_empty()) {
            let number = found(field).parse::<u8>().ok().filter(|number| (1..=10).contains(number));
            *grade = Some(number.ok_or_else(|| wrong(field, "a grade from 1 to 10, or nothing"))?);
        }
        match found(9) {
            "benign" => Ok(Biopsy { grades, malignant: false }),
            "malignant" => Ok(Biopsy { grades, malignant: true }),
            _ => Err(wrong(9, "benign or malignant")),
        }
    };
    reader.records().map(biopsy).collect()
}
