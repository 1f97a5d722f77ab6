//! Files that are read whole, up to a limit.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The most bytes of a file of parameters, of an engine, of a system or of a data set's text.
pub const FILE_LIMIT: u64 = if cfg!(target_pointer_width = "32") { 1 << 30 } else { 4 << 30 };

/// Reads a file whole, or fails with what was found and what was expected. No more than the limit
/// is ever read, whatever the file's length says, nor allocated at once.
///
/// # Errors
/// As [`std::fs::read`]; [`io::ErrorKind::FileTooLarge`] for more bytes than `limit`.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.len() > limit {
        return Err(too_large(limit));
    }
    // A pipe or device has no length; a file may still grow.
    read_from(file, limit)
}

/// [`read`] from what is open already.
///
/// # Errors
/// As [`read`].
pub fn read_from(source: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_large(limit)) } else { Ok(bytes) }
}

fn too_large(limit: u64) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {limit} bytes: expected fewer"))
}

/// [`read`] of UTF-8.
///
/// # Errors
/// As [`read`], and [`io::ErrorKind::InvalidData`] with the offset of what is no UTF-8.
pub fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    text(read(path, limit)?)
}

/// Bytes as UTF-8.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] with the offset of what is none.
pub fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        io::Error::new(io::ErrorKind::InvalidData, format!("at byte {offset}: expected UTF-8 text"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_limit_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert_eq!(read(&path, 4).unwrap_err().to_string(), "more than 4 bytes: expected fewer");
        std::fs::write(&path, b"ab\xff").unwrap();
        assert_eq!(read_text(&path, 5).unwrap_err().to_string(), "at byte 2: expected UTF-8 text");
        #[cfg(unix)]
        assert!(read(Path::new("/dev/zero"), 1000).is_err());
    }
}
