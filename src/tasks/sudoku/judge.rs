use ndarray::{Array3, ArrayView2, s};
use serde::{Deserialize, Serialize};

use super::pairs;
use crate::datasets::Puzzle;
use crate::inference::{Cases, CasesBuilder, Error, Target};
use crate::rules::RuleBase;

/// How possible it is that a grid is valid, and that it is not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Possibility that it is valid.
    pub valid: f32,
    /// Possibility that it is not.
    pub invalid: f32,
}

/// ln(possibility of valid / possibility of invalid): above 0, valid is the more possible.
///
/// Logarithms because the degrees that a well-trained network leaves to what it does not read
/// differ by orders of magnitude: a grid misread in one doubtful cell and one with a real conflict
/// both have a low possibility of being valid, but not equally low.
pub fn score(verdict: Verdict) -> f32 {
    let ln = |degree: f32| degree.max(LEAST_DEGREE).ln();
    ln(verdict.valid) - ln(verdict.invalid)
}

/// Degrees below this count as this, so that scores stay finite.
const LEAST_DEGREE: f32 = 1e-12;

/// Puzzles as inputs of the rules, from the possibilities of their cells, shape (puzzles, cells,
/// digits).
///
/// # Errors
/// If the rule base is for another size.
pub fn cases(base: &RuleBase, cells: &Array3<f32>) -> Result<Cases, Error> {
    inputs(base, cells).build()
}

fn inputs(base: &RuleBase, cells: &Array3<f32>) -> CasesBuilder {
    let add = |cases: CasesBuilder, cell| cases.possibilities(&format!("x{cell}"), &cells.slice(s![.., cell, ..]));
    (0..cells.dim().1).fold(Cases::of(base), add)
}

/// Puzzles as cases to learn from: the digits of every pair, and the verdict.
///
/// # Errors
/// If the rule base is for another size.
pub fn labelled_cases(base: &RuleBase, m: usize, cells: &Array3<f32>, puzzles: &[Puzzle]) -> Result<Cases, Error> {
    let n = m * m;
    let mut cases = inputs(base, cells);
    for (p, q) in pairs(m) {
        let pair = |puzzle: &Puzzle| usize::from(puzzle.digits[p]) * n + usize::from(puzzle.digits[q]);
        let targets = puzzles.iter().map(|puzzle| Some(Target::Position(pair(puzzle))));
        cases = cases.targets(&format!("b_{p}_{q}"), targets);
    }
    cases.targets("valid", puzzles.iter().map(|puzzle| Some(Target::Position(usize::from(!puzzle.valid))))).build()
}

/// The score from which on puzzles are taken for valid, so that most of these are judged rightly;
/// the middle of the gap between two scores.
pub fn best_threshold(scores: &[f32], valid: &[bool]) -> f32 {
    let mut levels = scores.to_vec();
    levels.sort_by(f32::total_cmp);
    levels.dedup();
    let middle = |i: usize| match (i.checked_sub(1).map(|i| levels[i]), levels.get(i)) {
        (Some(low), Some(high)) => (low + high) / 2.0,
        (None, Some(_)) => f32::NEG_INFINITY,
        _ => f32::INFINITY,
    };
    let right =
        |threshold: f32| scores.iter().zip(valid).filter(|(score, valid)| (**score >= threshold) == **valid).count();
    let candidates = (0..=levels.len()).map(middle);
    // Among equally good ones the one nearest to 0, where valid and invalid are equally possible.
    candidates
        .max_by(|&a, &b| right(a).cmp(&right(b)).then(b.abs().total_cmp(&a.abs())))
        .expect("at least one candidate")
}

/// The probability that a valid puzzle scores above an invalid one (ties count half): the area
/// under the ROC curve. `NaN` without puzzles of both kinds.
pub fn area_under_curve(scores: &[f32], valid: &[bool]) -> f64 {
    let of =
        |wanted: bool| scores.iter().zip(valid).filter(move |(_, valid)| **valid == wanted).map(|(score, _)| *score);
    let (mut wins, mut pairs) = (0.0, 0.0);
    for good in of(true) {
        for bad in of(false) {
            pairs += 1.0;
            wins += if good > bad {
                1.0
            } else if good == bad {
                0.5
            } else {
                0.0
            };
        }
    }
    wins / pairs
}

/// The pairs of cells most probably in conflict, worst first: cells, their common digit, and how
/// possible the conflict is.
pub fn violations(m: usize, cells: ArrayView2<'_, f32>) -> Vec<((usize, usize), usize, f32)> {
    let clash = |(p, q): (usize, usize)| {
        let both = |v: usize| cells[(p, v)].min(cells[(q, v)]);
        let digit = (0..m * m).reduce(|a, b| if both(b) > both(a) { b } else { a }).expect("a digit");
        ((p, q), digit, both(digit))
    };
    let mut found: Vec<_> = pairs(m).into_iter().map(clash).filter(|(.., degree)| *degree > 0.0).collect();
    found.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.0.cmp(&b.0)));
    found
}
