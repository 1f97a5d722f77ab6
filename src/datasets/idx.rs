//! The IDX format of the MNIST files: a four-byte magic number, big-endian sizes, bytes.
//!
//! Files are read as a stream, gzipped or plain (told apart by their first two bytes). Every
//! field is checked where it is read, so an error names the file, the offset of the
//! (uncompressed) byte, what was expected and what was found.
//!
//! ```
//! use pinesy::datasets::idx;
//!
//! // Three labels: magic 0x00000801, count 3, then one byte each.
//! let bytes = [0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9];
//! let labels = idx::labels_from(&bytes[..], "labels", 10)?;
//! assert_eq!(labels.to_vec(), [7, 0, 9]);
//!
//! let error = idx::labels_from(&bytes[..10], "labels", 10).unwrap_err();
//! assert_eq!(error.to_string(), "labels: at byte 10: expected 3 label bytes, found the end after 2");
//! # Ok::<(), pinesy::datasets::Error>(())
//! ```

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use ndarray::{Array1, Array3};

use super::Error;
use crate::limited::FILE_LIMIT;

const LABELS_MAGIC: u32 = 0x0801;
const IMAGES_MAGIC: u32 = 0x0803;
/// More rows or columns than this are taken for a corrupt header.
const SIDE_LIMIT: u32 = 4096;

/// Reads an image file into an array of shape (images, rows, columns), one byte a pixel.
///
/// # Errors
/// [`Error::Io`] when the file cannot be opened, [`Error::Format`] when it is not an IDX image
/// file, is truncated or has trailing bytes, [`Error::Unreadable`] when it is corrupt gzip.
pub fn read_images(path: impl AsRef<Path>) -> Result<Array3<u8>, Error> {
    let path = path.as_ref();
    images_from(open(path)?, path)
}

/// Reads a label file; every label must be below `classes`.
///
/// # Errors
/// As [`read_images`], and [`Error::Format`] for a label that is not below `classes`.
pub fn read_labels(path: impl AsRef<Path>, classes: u8) -> Result<Array1<u8>, Error> {
    let path = path.as_ref();
    labels_from(open(path)?, path, classes)
}

/// [`read_images`] from any reader; `name` stands for the file in errors.
///
/// # Errors
/// See [`read_images`].
pub fn images_from(reader: impl Read, name: impl AsRef<Path>) -> Result<Array3<u8>, Error> {
    let mut stream = Stream::new(reader, name.as_ref())?;
    stream.magic(IMAGES_MAGIC, "images")?;
    let count = stream.u32("the number of images")?;
    let rows = stream.side("rows")?;
    let columns = stream.side("columns")?;
    let length = u64::from(count) * (rows * columns) as u64;
    if length > FILE_LIMIT {
        return Err(stream.error(format!("at most {FILE_LIMIT} pixel bytes"), length.to_string()));
    }
    let pixels = stream.body(length as usize, "pixel")?;
    Ok(Array3::from_shape_vec((count as usize, rows, columns), pixels).expect("body has count*rows*columns bytes"))
}

/// [`read_labels`] from any reader; `name` stands for the file in errors.
///
/// # Errors
/// See [`read_labels`].
pub fn labels_from(reader: impl Read, name: impl AsRef<Path>, classes: u8) -> Result<Array1<u8>, Error> {
    let mut stream = Stream::new(reader, name.as_ref())?;
    stream.magic(LABELS_MAGIC, "labels")?;
    let count = stream.u32("the number of labels")? as usize;
    let start = stream.offset;
    let labels = stream.body(count, "label")?;
    if let Some(i) = labels.iter().position(|&label| label >= classes) {
        return Err(Error::Format {
            path: stream.path,
            offset: start + i as u64,
            expected: format!("a label from 0 to {}", classes.saturating_sub(1)),
            found: format!("{} (label {i})", labels[i]),
        });
    }
    Ok(labels.into())
}

fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(|source| Error::Io { path: path.to_owned(), source })
}

/// The uncompressed bytes of one file, with the offset reached.
struct Stream<R: Read> {
    path: PathBuf,
    offset: u64,
    reader: MaybeGzip<R>,
}

type Peeked<R> = io::Chain<io::Cursor<Vec<u8>>, BufReader<R>>;

enum MaybeGzip<R: Read> {
    Plain(Peeked<R>),
    Gzip(MultiGzDecoder<Peeked<R>>),
}

impl<R: Read> Read for MaybeGzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(reader) => reader.read(buffer),
            Self::Gzip(reader) => reader.read(buffer),
        }
    }
}

impl<R: Read> Stream<R> {
    fn new(reader: R, path: &Path) -> Result<Self, Error> {
        let mut reader = BufReader::new(reader);
        let mut head = Vec::new();
        (&mut reader).take(2).read_to_end(&mut head).map_err(|source| Error::Io { path: path.to_owned(), source })?;
        let gzipped = head == [0x1f, 0x8b];
        let peeked = io::Cursor::new(head).chain(reader);
        let reader = if gzipped { MaybeGzip::Gzip(MultiGzDecoder::new(peeked)) } else { MaybeGzip::Plain(peeked) };
        Ok(Self { path: path.to_owned(), offset: 0, reader })
    }

    fn error(&self, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Error::Format { path: self.path.clone(), offset: self.offset, expected: expected.into(), found: found.into() }
    }

    /// Fills `buffer` as far as the stream goes; returns the bytes read.
    fn fill(&mut self, buffer: &mut [u8], expected: &str) -> Result<usize, Error> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.reader.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(n) => {
                    filled += n;
                    self.offset += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    let (path, expected) = (self.path.clone(), expected.to_owned());
                    return Err(Error::Unreadable { path, offset: self.offset, expected, source });
                }
            }
        }
        Ok(filled)
    }

    fn u32(&mut self, expected: &str) -> Result<u32, Error> {
        let mut bytes = [0; 4];
        let filled = self.fill(&mut bytes, expected)?;
        if filled < 4 {
            return Err(self.error(expected, "the end of the file"));
        }
        Ok(u32::from_be_bytes(bytes))
    }

    fn magic(&mut self, magic: u32, kind: &str) -> Result<(), Error> {
        let expected = format!("magic number 0x{magic:08x} ({kind})");
        let found = self.u32(&expected)?;
        if found == magic {
            return Ok(());
        }
        self.offset = 0;
        let meaning = match found {
            LABELS_MAGIC => " (labels: are the two files swapped?)",
            IMAGES_MAGIC => " (images: are the two files swapped?)",
            _ => "",
        };
        Err(self.error(expected, format!("0x{found:08x}{meaning}")))
    }

    fn side(&mut self, name: &str) -> Result<usize, Error> {
        let offset = self.offset;
        let side = self.u32(&format!("the number of {name}"))?;
        if (1..=SIDE_LIMIT).contains(&side) {
            return Ok(side as usize);
        }
        self.offset = offset;
        Err(self.error(format!("a number of {name} from 1 to {SIDE_LIMIT}"), side.to_string()))
    }

    /// Exactly `len` bytes and then the end. Memory grows with what is really there, so a
    /// corrupt count cannot ask for more than the file holds.
    fn body(&mut self, len: usize, unit: &str) -> Result<Vec<u8>, Error> {
        const CHUNK: usize = 1 << 20;
        let expected = format!("{len} {unit} bytes");
        let mut bytes = Vec::new();
        while bytes.len() < len {
            let start = bytes.len();
            bytes.resize(start + CHUNK.min(len - start), 0);
            let filled = self.fill(&mut bytes[start..], &expected)?;
            if start + filled < bytes.len() {
                return Err(self.error(expected, format!("the end after {}", start + filled)));
            }
        }
        // Reading past the last byte also makes gzip verify its checksum.
        if self.fill(&mut [0], &format!("the end after {expected}"))? > 0 {
            self.offset -= 1;
            return Err(self.error(format!("the end after {expected}"), "more data"));
        }
        Ok(bytes)
    }
}
