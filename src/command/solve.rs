use std::io::{Write, stdout};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{Error, SystemFile, one_of};
use crate::relation::{Composition, System};

/// Solve a system of fuzzy relational equations.
///
/// The system is a JSON file {"matrix":[[…],…],"rhs":[…]}, or a .csv or .npy matrix with --rhs.
/// Prints whether it is consistent, its Chebyshev distance (the least change of the right-hand
/// side that makes it so), each row's share of it, the extreme solution (the least of a min-max,
/// the greatest of a max-min system; for an inconsistent one that of the best approximation), the
/// approximation itself, and the rows that form the canonical maximal consistent subsystem.
#[derive(Debug, Args)]
pub struct Solve {
    /// System file (JSON), or a matrix (.csv, .npy).
    system: PathBuf,
    /// Right-hand side of a .csv or .npy matrix.
    #[arg(long, value_name = "FILE")]
    rhs: Option<PathBuf>,
    /// Which product.
    #[arg(long, default_value_t, value_parser = one_of::<Composition>())]
    composition: Composition,
    /// Degrees that differ by at most this share count as equal, in solutions and for consistency.
    #[arg(long, default_value_t = 0.0, value_parser = super::parse_tolerance)]
    tolerance: f32,
    /// Also list the extreme solutions of the other kind (maximal of min-max, minimal of max-min).
    #[arg(long)]
    all: bool,
    /// The most solutions that --all lists.
    #[arg(long, default_value_t = 1000, requires = "all")]
    limit: usize,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// One JSON object.
    Json,
    /// Tables for people.
    Table,
}

#[derive(Serialize)]
struct Answer {
    consistent: bool,
    chebyshev_distance: f32,
    row_distances: Vec<f32>,
    extreme_solution: Vec<f32>,
    approximation: Vec<f32>,
    maximal_consistent_rows: Vec<usize>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    all: Option<All>,
}

#[derive(Serialize)]
struct All {
    opposite_solutions: Vec<Vec<f32>>,
    /// Whether the limit cut the list.
    complete: bool,
}

impl Solve {
    pub fn run(self) -> Result<(), Error> {
        let file = SystemFile::read(&self.system, self.rhs.as_deref())?;
        let system = file.system(self.composition)?.with_tolerance(self.tolerance)?;
        let answer = self.answer(&system);
        let mut out = stdout().lock();
        match self.format {
            Format::Json => {
                serde_json::to_writer(&mut out, &answer).map_err(std::io::Error::from)?;
                writeln!(out)?;
            }
            Format::Table => print(&answer, &file, self.composition, &mut out)?,
        }
        Ok(())
    }

    fn answer(&self, system: &System) -> Answer {
        let row_distances = system.row_distances().to_vec();
        let distance = row_distances.iter().copied().fold(0.0, f32::max);
        let approximation = system.approximation_at(distance);
        // What is consistent and what solves it are one definition; the distance of a system can
        // be too small for a number, or within the tolerance.
        let solution = system.extreme_solution();
        let consistent = solution.is_some();
        let rows = (0..row_distances.len()).filter(|&i| consistent || row_distances[i] == 0.0).collect();
        let all = self.all.then(|| {
            // An inconsistent system has no solution, hence none of the other kind.
            let mut solutions: Vec<Vec<f32>> = system
                .opposite_solutions()
                .map(|solutions| solutions.take(self.limit.saturating_add(1)).map(|x| x.to_vec()).collect())
                .unwrap_or_default();
            let complete = solutions.len() <= self.limit;
            solutions.truncate(self.limit);
            All { opposite_solutions: solutions, complete }
        });
        Answer {
            consistent,
            chebyshev_distance: distance,
            maximal_consistent_rows: rows,
            row_distances,
            extreme_solution: solution.unwrap_or(approximation.solution).to_vec(),
            approximation: approximation.rhs.to_vec(),
            all,
        }
    }
}

fn print(answer: &Answer, file: &SystemFile, composition: Composition, out: &mut impl Write) -> std::io::Result<()> {
    let (kind, other) = match composition {
        Composition::MinMax => ("least", "maximal"),
        Composition::MaxMin => ("greatest", "minimal"),
    };
    if answer.consistent {
        writeln!(out, "consistent")?;
    } else {
        writeln!(out, "inconsistent: Chebyshev distance {}", answer.chebyshev_distance)?;
    }
    writeln!(out, "\n{:>6}  {:>10}  {:>13}  {:>10}  consistent part", "row", "rhs", "approximation", "distance")?;
    for (i, distance) in answer.row_distances.iter().enumerate() {
        let part = if *distance == 0.0 { "yes" } else { "no" };
        writeln!(out, "{i:>6}  {:>10}  {:>13}  {distance:>10}  {part}", file.rhs[i], answer.approximation[i])?;
    }
    let of = if answer.consistent { "solution" } else { "approximate solution" };
    writeln!(out, "\n{kind} {of}\n  {}", row(&answer.extreme_solution))?;
    if let Some(All { opposite_solutions, complete }) = &answer.all {
        let more = if *complete { "" } else { " (the first ones)" };
        writeln!(out, "\n{} {other} solutions{more}", opposite_solutions.len())?;
        for solution in opposite_solutions {
            writeln!(out, "  {}", row(solution))?;
        }
    }
    Ok(())
}

fn row(degrees: &[f32]) -> String {
    degrees.iter().map(|degree| format!("{degree:>8}")).collect::<Vec<_>>().join("  ")
}
