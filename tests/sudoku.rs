//! Sudoku rules and the exact reasoner, against direct evaluation and enumeration.

use ndarray::{Array2, ArrayView2};
use pinesy::inference::Engine;
use pinesy::tasks::sudoku::{Exact, pairs, rules};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

#[test]
fn constraint_counts() {
    assert_eq!([1, 2, 3, 4].map(|m| pairs(m).len()), [0, 56, 810, 4992]);
    for m in [2, 3] {
        let base = rules(m).unwrap();
        // One rule set a pair, and the verdict.
        assert_eq!(base.rule_sets().len(), pairs(m).len() + 1);
        assert_eq!(base.inputs().count(), m.pow(4));
        let verdict = base.rule_sets().last().unwrap();
        assert_eq!(base.conclusion(verdict).name(), "valid");
        assert_eq!(verdict.rules()[0].premise().len(), pairs(m).len());
    }
}

/// Normalised possibilities of all cells: one digit is fully possible.
fn cells(m: usize) -> impl Strategy<Value = Array2<f32>> {
    let n = m * m;
    let degree = prop_oneof![Just(0.0), Just(1.0), (0..=4u8).prop_map(|i| f32::from(i) / 4.0), 0.0..1.0f32];
    (prop::collection::vec(degree, n * n * n), prop::collection::vec(0..n, n * n)).prop_map(move |(degrees, digits)| {
        let mut cells = Array2::from_shape_vec((n * n, n), degrees).unwrap();
        digits.into_iter().enumerate().for_each(|(cell, digit)| cells[(cell, digit)] = 1.0);
        cells
    })
}

fn infer(engine: &Engine, cells: &Array2<f32>) -> Vec<f32> {
    let names: Vec<String> = (0..cells.nrows()).map(|cell| format!("x{cell}")).collect();
    let inputs: Vec<(&str, &[f32])> =
        names.iter().zip(cells.outer_iter()).map(|(name, row)| (name.as_str(), row.to_slice().unwrap())).collect();
    engine.infer(&inputs).unwrap().get("valid").unwrap().degrees().to_vec()
}

/// All 288 valid grids of side 4, digits from 0.
fn all_grids() -> Vec<[usize; 16]> {
    fn fill(grid: &mut [usize; 16], cell: usize, pairs: &[(usize, usize)], grids: &mut Vec<[usize; 16]>) {
        if cell == 16 {
            grids.push(*grid);
            return;
        }
        for v in 0..4 {
            if pairs.iter().all(|&(p, q)| q != cell || grid[p] != v) {
                grid[cell] = v;
                fill(grid, cell + 1, pairs, grids);
            }
        }
    }
    let mut grids = Vec::new();
    fill(&mut [0; 16], 0, &pairs(2), &mut grids);
    grids
}

fn degree(cells: ArrayView2<f32>, grid: &[usize]) -> f32 {
    grid.iter().enumerate().map(|(cell, &v)| cells[(cell, v)]).fold(1.0, f32::min)
}

#[test]
fn the_pairwise_rules_mean_what_they_say() {
    for m in [2, 3] {
        let engine = Engine::certain(&rules(m).unwrap());
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        for _ in 0..20 {
            let cells = cells(m).new_tree(&mut runner).unwrap().current();
            let n = m * m;
            let clash = |p: usize, q: usize, same: bool| {
                let both = (0..n).flat_map(|x| (0..n).map(move |y| (x, y))).filter(|(x, y)| (x == y) == same);
                both.map(|(x, y)| cells[(p, x)].min(cells[(q, y)])).fold(0.0, f32::max)
            };
            let yes = pairs(m).iter().map(|&(p, q)| clash(p, q, false)).fold(1.0, f32::min);
            let no = pairs(m).iter().map(|&(p, q)| clash(p, q, true)).fold(0.0, f32::max);
            assert_eq!(infer(&engine, &cells), [yes, no]);
        }
    }
}

proptest! {
    #[test]
    fn the_exact_reasoner_finds_what_enumeration_finds(cells in cells(2)) {
        let grids = all_grids();
        prop_assert_eq!(grids.len(), 288);
        let exact = Exact::new(2);
        let best = grids.iter().map(|grid| degree(cells.view(), grid)).fold(0.0, f32::max);
        prop_assert_eq!(exact.possibility_of_valid(cells.view()), best);
        if let Some((found, grid)) = exact.most_possible_valid_grid(cells.view()) {
            prop_assert_eq!(found, best);
            prop_assert_eq!(degree(cells.view(), &grid), best);
            prop_assert!(grids.iter().any(|known| known.as_slice() == grid.as_slice()));
        }
        // The pairwise rules only bound it from above; on invalid grids both agree.
        let engine = Engine::certain(&rules(2).unwrap());
        let pairwise = infer(&engine, &cells);
        prop_assert!(pairwise[0] >= best);
        prop_assert_eq!(pairwise[1], exact.possibility_of_invalid(cells.view()));
    }
}

#[test]
fn invalid_grids_by_enumeration_of_a_small_size() {
    // Side 4 has 4^16 grids; of those that are invalid, cells with two digits each leave 2^16.
    let mut cells = Array2::zeros((16, 4));
    for cell in 0..16 {
        cells[(cell, cell % 4)] = if cell == 3 { 0.75 } else { 1.0 };
        cells[(cell, (cell + 1) % 4)] = (cell as f32 + 1.0) / 20.0;
    }
    let pairs = pairs(2);
    let mut best = 0.0f32;
    for bits in 0..1u32 << 16 {
        let grid: Vec<usize> = (0..16).map(|cell| (cell + (bits >> cell & 1) as usize) % 4).collect();
        if pairs.iter().any(|&(p, q)| grid[p] == grid[q]) {
            best = best.max(degree(cells.view(), &grid));
        }
    }
    assert_eq!(Exact::new(2).possibility_of_invalid(cells.view()), best);
}
