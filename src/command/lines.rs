//! Examples as JSON lines.

use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::path::Path;

use clap::Args;
use ndarray::Array2;
use serde_json::{Map, Value as Json};

use super::{Error, LineError, one_of};
use crate::inference::{CasesBuilder, Engine};
use crate::possibility::{Attribute, Transform, check_degrees};

/// One line of examples.
pub type Object = Map<String, Json>;

/// How the arrays of input attributes are to be understood.
#[derive(Debug, Args)]
pub struct InputForm {
    /// How probabilities become possibilities.
    #[arg(long, default_value_t, value_parser = one_of::<Transform>())]
    transform: Transform,
    /// The inputs are possibilities already; do not transform them.
    #[arg(long, conflicts_with = "transform")]
    possibility: bool,
}

impl InputForm {
    /// The possibilities of one input attribute.
    fn degrees(&self, attribute: &Attribute, array: &Json) -> Result<Vec<f32>, LineError> {
        let name = attribute.name();
        let numbers = numbers(array).ok_or_else(|| LineError::Numbers(name.to_owned()))?;
        if numbers.len() != attribute.domain().len() || self.possibility {
            check_degrees(name, attribute.domain().len(), &numbers).map_err(LineError::Degrees)?;
            return Ok(numbers);
        }
        let wrong = |source| LineError::Possibility { attribute: name.to_owned(), source };
        self.transform.possibility(&numbers).map_err(wrong)
    }
}

pub fn numbers(array: &Json) -> Option<Vec<f32>> {
    array.as_array()?.iter().map(|x| x.as_f64().map(|x| x as f32)).collect()
}

/// Opens a file of lines; `-` is standard input.
pub fn open(path: &Path) -> Result<Lines, Error> {
    let reader: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(stdin().lock())
    } else {
        let file = File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        Box::new(BufReader::new(file))
    };
    let file = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    Ok(Lines { file, reader, number: 0 })
}

/// The objects of a file of JSON lines; empty lines are passed over.
pub struct Lines {
    file: String,
    reader: Box<dyn BufRead>,
    number: usize,
}

impl Lines {
    /// The next object with its line number.
    pub fn next(&mut self) -> Result<Option<(usize, Object)>, Error> {
        loop {
            let mut text = String::new();
            self.number += 1;
            let read = self
                .reader
                .read_line(&mut text)
                .map_err(|source| Error::Read { path: self.file.clone().into(), source })?;
            if read == 0 {
                return Ok(None);
            }
            if text.trim().is_empty() {
                continue;
            }
            return match serde_json::from_str(&text) {
                Ok(Json::Object(object)) => Ok(Some((self.number, object))),
                Ok(_) => Err(self.error(self.number, LineError::Shape { expected: "a JSON object" })),
                Err(e) => Err(self.error(self.number, LineError::Json(e))),
            };
        }
    }

    pub fn error(&self, line: usize, reason: LineError) -> Error {
        Error::Line { file: self.file.clone(), line, reason: Box::new(reason) }
    }
}

/// The inputs of some examples, gathered attribute by attribute.
pub struct Inputs<'a> {
    attributes: Vec<&'a Attribute>,
    columns: Vec<Vec<f32>>,
    examples: usize,
}

impl<'a> Inputs<'a> {
    pub fn new(engine: &'a Engine) -> Self {
        let attributes: Vec<_> = engine.base().inputs().collect();
        Self { columns: vec![Vec::new(); attributes.len()], attributes, examples: 0 }
    }

    pub fn push(&mut self, object: &Object, form: &InputForm) -> Result<(), LineError> {
        if let Some(name) = object.keys().find(|name| !self.attributes.iter().any(|a| a.name() == *name)) {
            let known = self.attributes.iter().map(|a| a.name()).collect::<Vec<_>>().join(", ");
            return Err(LineError::UnknownInput { name: name.clone(), known });
        }
        let degrees = |attribute: &&Attribute| {
            let array =
                object.get(attribute.name()).ok_or_else(|| LineError::MissingInput(attribute.name().to_owned()))?;
            form.degrees(attribute, array)
        };
        // All or nothing: a bad line must leave the columns of the good ones equally long.
        let degrees = self.attributes.iter().map(degrees).collect::<Result<Vec<_>, _>>()?;
        for (column, degrees) in self.columns.iter_mut().zip(degrees) {
            column.extend(degrees);
        }
        self.examples += 1;
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.examples
    }

    /// The table of all that was gathered.
    pub fn cases(self, engine: &Engine) -> CasesBuilder {
        let cases = engine.cases().count(self.examples);
        self.attributes.iter().zip(self.columns).fold(cases, |cases, (attribute, column)| {
            let array = Array2::from_shape_vec((self.examples, attribute.domain().len()), column);
            cases.possibilities(attribute.name(), &array.expect("each line was checked"))
        })
    }
}
