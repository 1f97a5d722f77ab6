//! Results one can cite: how sure they are, what made them, and files of them.
#![allow(dead_code)]

use std::error::Error;
use std::fmt;
use std::io::{self, StdoutLock, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;
use serde::{Deserialize, Serialize};

/// A share of things counted, with its 95 % Wilson interval. All are from 0 to 1; prints in %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Share {
    pub share: f64,
    pub of: usize,
    pub low: f64,
    pub high: f64,
}

impl Share {
    pub fn of(right: usize, of: usize) -> Self {
        Self::mean(right as f64 / of as f64, of)
    }

    /// A mean share, as sure as one of so many things.
    pub fn mean(share: f64, of: usize) -> Self {
        /// Of the normal distribution, 95 % are within so many standard deviations.
        const Z: f64 = 1.959964;
        let n = of as f64;
        let (scale, middle) = (1.0 + Z * Z / n, share + Z * Z / (2.0 * n));
        let reach = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
        let (low, high) = (((middle - reach) / scale).max(0.0), ((middle + reach) / scale).min(1.0));
        Self { share, of, low, high }
    }

    /// `[99.51, 99.75]`
    pub fn interval(&self) -> String {
        format!("[{:.2}, {:.2}]", 100.0 * self.low, 100.0 * self.high)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:.2} {}", 100.0 * self.share, self.interval()))
    }
}

/// What made some rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of this crate.
    pub pinesy: String,
    /// Commit of the checkout, with `-dirty` where it has changes; none outside git, where
    /// `PINESY_COMMIT` can be set for the build.
    pub commit: Option<String>,
    /// The command line that gives them again.
    pub command: String,
    /// Where the network ran.
    pub device: Option<String>,
}

impl Provenance {
    pub fn of(device: Option<&str>) -> Self {
        let mut arguments = std::env::args();
        let program = arguments.next().unwrap_or_default();
        let program = Path::new(&program).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let command = arguments.fold(program, |command, argument| format!("{command} {}", quoted(&argument)));
        Self {
            pinesy: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("PINESY_COMMIT").map(str::to_owned).or_else(commit),
            command,
            device: device.map(str::to_owned),
        }
    }
}

fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./,=:+".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

fn commit() -> Option<String> {
    let folder = env!("CARGO_MANIFEST_DIR");
    let arguments = ["-C", folder, "describe", "--always", "--dirty", "--abbrev=40", "--exclude", "*"];
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned()).filter(|commit| !commit.is_empty())
}

/// The MD5 of a file's content, to tell one model from another.
pub fn md5_of(content: &[u8]) -> String {
    format!("{:x}", md5::compute(content))
}

/// Where the rows go besides the terminal.
#[derive(Debug, Clone, Default, Args)]
pub struct Files {
    /// Also write all settings and the rows as JSON, with every single run.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Also write a CSV table, a line a run, each with what is needed to repeat it.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
}

#[derive(Serialize)]
struct Document<'a, S, R> {
    provenance: &'a Provenance,
    settings: &'a S,
    rows: &'a [R],
}

impl Files {
    /// Finds out before the work whether these files, and others, can be written.
    pub fn check(&self, others: &[&Option<PathBuf>]) -> Result<(), Box<dyn Error>> {
        let all: Vec<&PathBuf> =
            [&self.json, &self.csv].into_iter().chain(others.iter().copied()).filter_map(Option::as_ref).collect();
        for (i, path) in all.iter().enumerate() {
            pinesy::whole_file::check(path).map_err(|e| format!("{}: cannot be written: {e}", path.display()))?;
            if all[..i].iter().any(|other| pinesy::whole_file::is_same(other, path)) {
                return Err(format!("{}: is written twice: expected different files", path.display()).into());
            }
        }
        Ok(())
    }

    /// Standard output. When its reader has seen enough (`| head`), work goes on for the files' sake,
    /// and ends where there are none.
    pub fn output(&self) -> Output {
        Output { stdout: io::stdout().lock(), goes_on: self.json.is_some() || self.csv.is_some(), closed: false }
    }

    /// Writes the rows, and a line a run.
    pub fn write<R: Serialize>(
        &self,
        provenance: &Provenance,
        settings: &impl Serialize,
        rows: &[R],
        runs: impl IntoIterator<Item = impl Serialize>,
    ) -> Result<(), Box<dyn Error>> {
        if let Some(path) = &self.json {
            let mut json = serde_json::to_vec_pretty(&Document { provenance, settings, rows })?;
            json.push(b'\n');
            pinesy::whole_file::write(path, |w| w.write_all(&json))?;
        }
        if let Some(path) = &self.csv {
            let mut table = csv::Writer::from_writer(Vec::new());
            for run in runs {
                table.serialize((provenance, run))?;
            }
            let table = table.into_inner().map_err(|e| e.to_string())?;
            pinesy::whole_file::write(path, |w| w.write_all(&table))?;
        }
        Ok(())
    }
}

/// Standard output that may be closed.
pub struct Output {
    stdout: StdoutLock<'static>,
    goes_on: bool,
    closed: bool,
}

impl Output {
    fn unless_closed<T>(
        &mut self,
        act: impl FnOnce(&mut StdoutLock<'static>) -> io::Result<T>,
        done: T,
    ) -> io::Result<T> {
        if self.closed {
            return Ok(done);
        }
        match act(&mut self.stdout) {
            Err(error) if self.goes_on && error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(done)
            }
            result => result,
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unless_closed(|stdout| stdout.write(bytes), bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_closed(|stdout| stdout.flush(), ())
    }
}

/// How a program ends: a reader that has seen enough is no failure.
pub fn finish(result: Result<(), Box<dyn Error>>) -> ExitCode {
    let closed = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    match result {
        Err(error) if !error.downcast_ref::<io::Error>().is_some_and(closed) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
