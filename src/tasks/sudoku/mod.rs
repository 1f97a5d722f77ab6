//! Visual Sudoku: is a filled grid, read from images with some doubt, valid?
//!
//! Two reasoners answer. The paper's rules (`rulesets/sudoku.toml`) look at pairs of cells: a grid
//! is as possibly valid as its most doubtful pair, an upper bound. [`Exact`] looks at whole grids:
//! the possibility that the grid is valid is the maximum over valid grids of the minimum over
//! cells (cells being non-interactive).

mod exact;
mod generator;
mod judge;

pub use exact::Exact;
pub use generator::{GenerateError, Sizes, Split, generate, generate_sized};
pub use judge::{Verdict, area_under_curve, best_threshold, cases, labelled_cases, score, violations};

use crate::rules::{Error, RuleBase};

/// The rules for grids of side n = m·m, `rulesets/sudoku.toml`, as shipped.
///
/// # Errors
/// If m is below 1.
pub fn rules(m: usize) -> Result<RuleBase, Error> {
    let text = include_str!("../../../rulesets/sudoku.toml");
    let m = i64::try_from(m).unwrap_or(i64::MAX);
    RuleBase::parse(text, "rulesets/sudoku.toml", &[("n", m.saturating_mul(m)), ("m", m)])
}

/// The pairs of cells (numbered row by row from 0) that share a row, a column or a block.
pub fn pairs(m: usize) -> Vec<(usize, usize)> {
    let n = m * m;
    let shares =
        |p: usize, q: usize| p / n == q / n || p % n == q % n || (p / n / m == q / n / m && p % n / m == q % n / m);
    (0..n * n).flat_map(|p| (p + 1..n * n).filter(move |&q| shares(p, q)).map(move |q| (p, q))).collect()
}
