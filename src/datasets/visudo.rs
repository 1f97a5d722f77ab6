use std::io::Write;
use std::path::Path;

use ndarray::Array3;

use super::Error;
use crate::{limited, whole_file};

/// A filled Sudoku grid made of digit images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Puzzle {
    /// Shape (cells, 28, 28): the images row by row of the grid, one byte a pixel.
    pub images: Array3<u8>,
    /// The true digit of each cell, from 0 to the side of the grid less 1.
    pub digits: Vec<u8>,
    /// Whether the true digits obey the rules of Sudoku.
    pub valid: bool,
    /// How the puzzle came about, such as `swap 2`; free text.
    pub note: String,
}

const SIDE: usize = 28;
const PIXELS: usize = SIDE * SIDE;

/// Reads one part (`train`, `valid` or `test`) of a ViSudo-PC split folder (Augustine et al. 2022)
/// with grids of side `n`: the files `{part}_puzzle_pixels.txt`, `_cell_labels.txt`,
/// `_puzzle_labels.txt` and `_puzzle_notes.txt`, one puzzle a line, tab-separated.
///
/// # Errors
/// [`Error::Io`] for a file that is missing, [`Error::Field`] for a side of 0 or above 256, a pixel outside 0..1, a label
/// outside the grid's digits or a wrong number of fields, [`Error::Mismatch`] for files of
/// different lengths.
pub fn read_puzzles(folder: impl AsRef<Path>, part: &str, n: usize) -> Result<Vec<Puzzle>, Error> {
    let path = |what: &str| folder.as_ref().join(format!("{part}_{what}.txt"));
    let read = |what: &str| {
        let path = path(what);
        limited::read_text(&path, limited::FILE_LIMIT).map_err(|source| Error::Io { path, source })
    };
    let files = ["puzzle_pixels", "cell_labels", "puzzle_labels", "puzzle_notes"];
    let [pixels, labels, verdicts, notes] = [read(files[0])?, read(files[1])?, read(files[2])?, read(files[3])?];
    let lines = [&pixels, &labels, &verdicts, &notes].map(|text| text.lines().collect::<Vec<_>>());
    for (file, lines_of) in files.iter().zip(&lines).skip(1) {
        // A file of notes may leave out empty ones at its end.
        let fits =
            if *file == "puzzle_notes" { lines_of.len() <= lines[0].len() } else { lines_of.len() == lines[0].len() };
        if !fits {
            return Err(Error::Mismatch {
                left: path(files[0]),
                left_count: lines[0].len(),
                right: path(file),
                right_count: lines_of.len(),
            });
        }
    }
    // Labels have one byte, and 0 digits make no grid.
    if !(1..=256).contains(&n) {
        let (expected, found) = ("a grid of side 1 to 256".to_owned(), n.to_string());
        return Err(Error::Field { path: path(files[0]), line: 1, field: 1, expected, found });
    }
    let cells = n * n;
    (0..lines[0].len())
        .map(|i| {
            let pixels = fields(&path(files[0]), i, lines[0][i], cells * PIXELS, "pixels from 0 to 1", |field| {
                field.parse::<f32>().ok().filter(|p| (0.0..=1.0).contains(p)).map(|p| (p * 255.0).round() as u8)
            })?;
            let expected = format!("labels mnist_0 to mnist_{}", n - 1);
            let digits = fields(&path(files[1]), i, lines[1][i], cells, &expected, |field| {
                let text = field.strip_prefix("mnist_")?;
                let digit = text.parse::<u8>().ok().filter(|digit| usize::from(*digit) < n)?;
                (digit.to_string() == text).then_some(digit)
            })?;
            let verdict =
                fields(&path(files[2]), i, lines[2][i], 2, "1 0 (valid) or 0 1 (invalid)", |field| match field {
                    "0" | "0.0" => Some(false),
                    "1" | "1.0" => Some(true),
                    _ => None,
                })?;
            if verdict[0] == verdict[1] {
                let (expected, found) = ("1 0 (valid) or 0 1 (invalid)".to_owned(), lines[2][i].to_owned());
                return Err(Error::Field { path: path(files[2]), line: i + 1, field: 1, expected, found });
            }
            let images = Array3::from_shape_vec((cells, SIDE, SIDE), pixels).expect("counted");
            let note = lines[3].get(i).copied().unwrap_or_default().to_owned();
            Ok(Puzzle { images, digits, valid: verdict[0], note })
        })
        .collect()
}

/// The fields of a line, each read by `read`, `count` of them.
fn fields<T>(
    path: &Path,
    index: usize,
    line: &str,
    count: usize,
    expected: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, Error> {
    let error = |field: usize, found: String| Error::Field {
        path: path.to_owned(),
        line: index + 1,
        field,
        expected: format!("{count} {expected}"),
        found,
    };
    let mut values = Vec::new();
    for (i, field) in line.split_whitespace().enumerate() {
        if i == count {
            return Err(error(i + 1, format!("more ('{field}')")));
        }
        values.push(read(field).ok_or_else(|| error(i + 1, format!("'{field}'")))?);
    }
    if values.len() == count { Ok(values) } else { Err(error(values.len() + 1, "the end of the line".to_owned())) }
}

/// Writes one part of a split folder, each file whole or not at all.
///
/// # Errors
/// [`Error::Io`] for a file that cannot be written.
pub fn write_puzzles(folder: impl AsRef<Path>, part: &str, puzzles: &[Puzzle]) -> Result<(), Error> {
    let write = |what: &str, line: &dyn Fn(&Puzzle) -> String| {
        let path = folder.as_ref().join(format!("{part}_{what}.txt"));
        let fill = |w: &mut dyn Write| puzzles.iter().try_for_each(|puzzle| writeln!(w, "{}", line(puzzle)));
        whole_file::write(&path, fill).map_err(|source| Error::Io { path: path.clone(), source })
    };
    let join = |fields: Vec<String>| fields.join("\t");
    write("puzzle_pixels", &|puzzle| {
        join(
            puzzle
                .images
                .iter()
                .map(|&p| if p == 0 { "0".to_owned() } else { (f32::from(p) / 255.0).to_string() })
                .collect(),
        )
    })?;
    write("cell_labels", &|puzzle| join(puzzle.digits.iter().map(|digit| format!("mnist_{digit}")).collect()))?;
    write("puzzle_labels", &|puzzle| if puzzle.valid { "1\t0".to_owned() } else { "0\t1".to_owned() })?;
    write("puzzle_notes", &|puzzle| puzzle.note.replace(['\n', '\t'], " "))
}
