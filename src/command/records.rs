//! Records: the lines of a file of examples, from JSON lines or CSV, gzip or plain.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, stdin};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};

use super::{Error, LineError, named};
use crate::unique;

/// What one record says, by name.
pub type Fields = Map<String, Json>;

/// The longest line. What is read of it can take many times its length.
const LINE_LIMIT: usize = 64 << 20;

/// One record and the line it stands in, counted from 1.
pub struct Record {
    pub line: usize,
    pub fields: Fields,
}

/// The records of a file; empty lines are passed over.
pub struct Records {
    file: String,
    rows: Rows,
    line: usize,
    /// Whether the file may pause (a pipe or a terminal), so that what is known should be said.
    live: bool,
}

enum Rows {
    Json(Box<dyn BufRead>),
    Csv { reader: Box<csv::Reader<Metered>>, names: csv::StringRecord },
}

impl Records {
    /// Opens a file; `-` is standard input. A name that ends in `.csv` (or `.csv.gz`) is CSV with a
    /// header, one in `.jsonl` or `.json` JSON lines; otherwise what starts with a letter is CSV.
    /// gzip is recognised by its first bytes.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let is_input = path == Path::new("-");
        let file = named(path).display().to_string();
        let failed = |source| Error::Read { path: file.clone().into(), source };
        let (plain, live): (Box<dyn Read>, bool) = if is_input {
            (Box::new(stdin()), true)
        } else {
            let opened = File::open(path).map_err(failed)?;
            let live = !opened.metadata().is_ok_and(|metadata| metadata.is_file());
            (Box::new(opened), live)
        };
        // A pipe may give its first bytes one by one.
        let mut plain = plain;
        let mut start = Vec::new();
        plain.by_ref().take(3).read_to_end(&mut start).map_err(failed)?;
        let whole = Cursor::new(start).chain(plain);
        let mut reader: Box<dyn BufRead> = Box::new(BufReader::with_capacity(1 << 18, whole));
        let start = reader.fill_buf().map_err(failed)?;
        if start.starts_with(&[0x1f, 0x8b]) {
            reader = Box::new(BufReader::with_capacity(1 << 18, MultiGzDecoder::new(reader)));
        }
        let start = reader.fill_buf().map_err(failed)?;
        let wrong = |reason| Error::Line { file: file.clone(), line: 1, reason: Box::new(reason) };
        if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) || start.get(1) == Some(&0) {
            return Err(wrong(LineError::Utf16));
        }
        if start.starts_with(b"\xef\xbb\xbf") {
            reader.consume(3);
        }
        let name = path.to_string_lossy().to_lowercase();
        let first = reader.fill_buf().map_err(failed)?.trim_ascii_start().first().copied();
        let named = |ends: [&str; 2]| ends.iter().any(|end| name.ends_with(end));
        let is_csv = named([".csv", ".csv.gz"])
            || !named([".jsonl", ".json"]) && first.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        let rows = if is_csv {
            // A line end of its own, so that every record ends with one and lines can be counted.
            let reader = Metered { reader: Box::new(reader.chain(&b"\n"[..])), taken: 0 };
            let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(reader);
            let names = reader.headers().map_err(|e| wrong(csv_error(e)))?.clone();
            if let [only] = names.iter().collect::<Vec<_>>()[..]
                && let Some(separator) = only.chars().find(|c| [';', '\t', '|'].contains(c))
            {
                return Err(wrong(LineError::Separator(separator)));
            }
            let mut before = HashSet::new();
            if let Some(twice) = names.iter().find(|name| !before.insert(*name)) {
                return Err(wrong(LineError::Duplicate(twice.to_owned())));
            }
            Rows::Csv { reader: Box::new(reader), names }
        } else {
            Rows::Json(reader)
        };
        Ok(Self { file, rows, line: 0, live })
    }

    /// Whether the next record may be long in coming.
    pub fn may_pause(&mut self) -> bool {
        self.live
    }

    /// The next record.
    pub fn next(&mut self) -> Result<Option<Record>, Error> {
        let found = match &mut self.rows {
            Rows::Json(reader) => next_object(reader, &mut self.line),
            Rows::Csv { reader, names } => next_row(reader, names, &mut self.line),
        };
        found.map_err(|reason| match reason {
            LineError::Io(source) => Error::Read { path: self.file.clone().into(), source },
            reason => self.error(self.line, reason),
        })
    }

    pub fn error(&self, line: usize, reason: LineError) -> Error {
        Error::Line { file: self.file.clone(), line, reason: Box::new(reason) }
    }
}

fn next_object(reader: &mut dyn BufRead, line: &mut usize) -> Result<Option<Record>, LineError> {
    loop {
        *line += 1;
        let mut text = Vec::new();
        let read = (&mut *reader).take(LINE_LIMIT as u64 + 1).read_until(b'\n', &mut text).map_err(LineError::Io)?;
        if read == 0 {
            return Ok(None);
        }
        if read > LINE_LIMIT {
            return Err(LineError::Long { limit: LINE_LIMIT });
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        return match serde_json::from_slice(&text) {
            Ok(Unique(Json::Object(fields))) => Ok(Some(Record { line: *line, fields })),
            Ok(_) => Err(LineError::Shape { expected: "a JSON object" }),
            Err(e) => Err(LineError::Json(e)),
        };
    }
}

/// What gives the reader of CSV no more than a line may have, at once.
struct Metered {
    reader: Box<dyn BufRead>,
    /// The bytes given since the record began; the first of them may belong to the one before.
    taken: usize,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken > LINE_LIMIT {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let read = self.reader.read(buffer)?;
        self.taken += read;
        Ok(read)
    }
}

fn csv_error(error: csv::Error) -> LineError {
    match error.kind() {
        csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            LineError::Long { limit: LINE_LIMIT }
        }
        _ => LineError::Csv(error),
    }
}

/// A field of a table says what a JSON text would; in brackets or braces it is JSON.
fn next_row(
    reader: &mut csv::Reader<Metered>,
    names: &csv::StringRecord,
    line: &mut usize,
) -> Result<Option<Record>, LineError> {
    let mut row = csv::StringRecord::new();
    reader.get_mut().taken = 0;
    let read = reader.read_record(&mut row);
    // The reader stands behind the record, which may hold line ends itself.
    let inside: usize = row.iter().map(|field| field.matches('\n').count()).sum();
    *line = (reader.position().line() as usize).saturating_sub(1 + inside);
    if !read.map_err(csv_error)? {
        return Ok(None);
    }
    if row.len() != names.len() {
        return Err(LineError::Fields { found: row.len(), expected: names.len() });
    }
    let mut fields = Fields::new();
    for (name, field) in names.iter().zip(&row) {
        let json = match field.chars().next() {
            None => Json::Null,
            Some(_) if field == "null" => Json::Null,
            Some('[' | '{') => {
                let wrong = |source| LineError::Cell { column: name.to_owned(), source };
                serde_json::from_str::<Unique>(field).map_err(wrong)?.0
            }
            Some(_) => Json::String(field.to_owned()),
        };
        fields.insert(name.to_owned(), json);
    }
    Ok(Some(Record { line: *line, fields }))
}

/// JSON of which no object has the same key twice, as records are read.
///
/// # Errors
/// What is wrong with it.
pub fn parse_json(bytes: &[u8]) -> Result<Json, serde_json::Error> {
    serde_json::from_slice::<Unique>(bytes).map(|Unique(json)| json)
}

/// JSON of which no object has the same key twice.
struct Unique(Json);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Unique;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }

            fn visit_unit<E>(self) -> Result<Unique, E> {
                Ok(Unique(Json::Null))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Unique, A::Error> {
                let mut values = Vec::new();
                while let Some(Unique(value)) = list.next_element()? {
                    values.push(value);
                }
                Ok(Unique(values.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique, A::Error> {
                let mut fields = Fields::new();
                while let Some((name, Unique(value))) = map.next_entry::<String, Unique>()? {
                    if fields.contains_key(&name) {
                        return Err(unique::twice(&name));
                    }
                    fields.insert(name, value);
                }
                Ok(Unique(fields.into()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
