//! Files that are written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::{Builder, NamedTempFile};

/// Writes a file by way of a temporary one beside it, renamed only when `fill` has succeeded:
/// whatever goes wrong, an existing file stays as it was and no partial one is left.
///
/// A link is followed, and an existing file keeps its permissions; what is no regular file (a
/// device, a pipe) is written to as it is.
pub fn write<E: From<io::Error>>(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<(), E>) -> Result<(), E> {
    let target = Target::of(path)?;
    let Target::Regular { path, permissions } = target else {
        let mut writer = io::BufWriter::new(OpenOptions::new().write(true).open(path)?);
        fill(&mut writer)?;
        return Ok(writer.flush()?);
    };
    let Temporary { mut file, _listed } = Temporary::beside(&path)?;
    {
        let mut writer = io::BufWriter::new(file.as_file_mut());
        fill(&mut writer)?;
        writer.flush()?;
    }
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

/// Whether a file could be written here, without writing it: to be asked before long work.
///
/// # Errors
/// What [`write`] would fail with, as far as that can be told.
pub fn check(path: &Path) -> io::Result<()> {
    match Target::of(path)? {
        Target::Regular { path, .. } => Temporary::beside(&path).map(drop),
        // To open a pipe would wait for its reader.
        Target::Other => Ok(()),
    }
}

/// Whether two paths lead to the same regular file, be it there yet or not.
pub fn is_same(a: &Path, b: &Path) -> bool {
    let whole = |path: &Path| match Target::of(path) {
        Ok(Target::Regular { path, .. }) => Some(fs::canonicalize(folder(&path)).ok()?.join(path.file_name()?)),
        _ => None,
    };
    whole(a).is_some_and(|a| whole(b) == Some(a))
}

/// Whether this is a regular file, or would be one.
pub fn is_regular(path: &Path) -> bool {
    matches!(Target::of(path), Ok(Target::Regular { .. }))
}

enum Target {
    /// A regular file, or none yet, at the end of all links.
    Regular {
        path: PathBuf,
        permissions: Option<fs::Permissions>,
    },
    Other,
}

impl Target {
    fn of(path: &Path) -> io::Result<Self> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => Err(io::Error::new(io::ErrorKind::IsADirectory, "is a folder")),
            Ok(metadata) if !metadata.is_file() => Ok(Self::Other),
            Ok(metadata) => {
                Ok(Self::Regular { path: fs::canonicalize(path)?, permissions: Some(metadata.permissions()) })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // A link to nothing yet is followed by hand, as far as links go.
                let mut path = path.to_owned();
                for _ in 0..40 {
                    match fs::read_link(&path) {
                        Ok(next) => path = folder(&path).join(next),
                        Err(_) => break,
                    }
                }
                // `new/` and `new/.` have a last name as well, but are no name of a file.
                let name = path
                    .file_name()
                    .filter(|name| path.as_os_str().as_encoded_bytes().ends_with(name.as_encoded_bytes()));
                if name.is_none() {
                    return Err(io::Error::new(error.kind(), "no such folder: expected the name of a file"));
                }
                Ok(Self::Regular { path, permissions: None })
            }
            Err(error) => Err(error),
        }
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The temporary files there are.
static TEMPORARY: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes all temporary files, and lets nobody make another: for a program that is told to stop.
pub fn remove_temporary() {
    let list = TEMPORARY.lock().unwrap_or_else(PoisonError::into_inner);
    for path in list.iter() {
        let _ = fs::remove_file(path);
    }
    std::mem::forget(list);
}

/// A temporary file, and then its entry in the list.
struct Temporary {
    file: NamedTempFile,
    _listed: Listed,
}

struct Listed(PathBuf);

impl Drop for Listed {
    fn drop(&mut self) {
        TEMPORARY.lock().unwrap_or_else(PoisonError::into_inner).retain(|path| *path != self.0);
    }
}

impl Temporary {
    /// Beside a path, as readable as any new file.
    fn beside(path: &Path) -> io::Result<Self> {
        let file = Builder::new().prefix(".pinesy-").make_in(folder(path), new_file)?;
        Ok(Self { _listed: Listed(file.path().to_owned()), file })
    }
}

fn new_file(path: &Path) -> io::Result<File> {
    // Made and listed at once, for whoever removes what is listed.
    let mut list = TEMPORARY.lock().unwrap_or_else(PoisonError::into_inner);
    let file = OpenOptions::new().write(true).read(true).create_new(true).open(path)?;
    list.push(path.to_owned());
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_keeps_the_old_file_and_leaves_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.json");
        write::<io::Error>(&path, |w| w.write_all(b"first")).unwrap();
        let failed = write(&path, |w| {
            w.write_all(b"half of the sec")?;
            Err(io::Error::other("stopped"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_is_not_there_is_found_before_the_work() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check(&folder.path().join("no/such.json")).is_err());
        assert!(check(folder.path()).is_err());
        for name in ["new/", "new/.", "new/..", "new/./"] {
            let error = check(&folder.path().join(name)).unwrap_err().to_string();
            assert!(error.contains("expected the name of a file"), "{name}: {error}");
        }
        check(&folder.path().join("new.json")).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_permissions_kept() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("file", &link).unwrap();
        write::<io::Error>(&link, |w| w.write_all(b"new")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(is_same(&file, &link) && !is_same(&file, folder.path()));
        // A link to a file that is not there yet.
        let (later, to_later) = (folder.path().join("later"), folder.path().join("to_later"));
        symlink("later", &to_later).unwrap();
        write::<io::Error>(&to_later, |w| w.write_all(b"x")).unwrap();
        assert!(fs::symlink_metadata(&to_later).unwrap().is_symlink() && later.exists());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_written_through() {
        write::<io::Error>(Path::new("/dev/null"), |w| w.write_all(b"gone")).unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        // A link to what has no name of its own.
        let (mut reader, writer) = io::pipe().unwrap();
        use std::os::fd::AsRawFd;
        let path = format!("/dev/fd/{}", writer.as_raw_fd());
        check(Path::new(&path)).unwrap();
        write::<io::Error>(Path::new(&path), |w| w.write_all(b"through")).unwrap();
        drop(writer);
        assert_eq!(io::read_to_string(&mut reader).unwrap(), "through");
    }
}
