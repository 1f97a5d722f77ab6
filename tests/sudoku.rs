//! Sudoku rules and the exact reasoner, against direct evaluation and enumeration.

use ndarray::{Array2, ArrayView2};
use pinesy::datasets::{Mnist, Puzzle, read_puzzles, write_puzzles};
use pinesy::inference::Engine;
use pinesy::learning::{LearningConfig, learn};
use pinesy::tasks::sudoku::{
    Exact, Sizes, Verdict, area_under_curve, best_threshold, generate, generate_sized, labelled_cases, pairs, rules,
    score, violations,
};
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
    let cells = cells.outer_iter().enumerate();
    let case = cells.fold(engine.cases(), |case, (cell, row)| case.possibilities(&format!("x{cell}"), &row));
    engine.infer(&case.build().unwrap()).unwrap().get("valid").unwrap().degrees().to_vec()
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
        let engine = Engine::of(&rules(m).unwrap());
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
        let engine = Engine::of(&rules(2).unwrap());
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

fn mnist() -> Mnist {
    Mnist::read("datasets/mnist").unwrap()
}

fn is_valid(m: usize, digits: &[u8]) -> bool {
    pairs(m).iter().all(|&(p, q)| digits[p] != digits[q])
}

#[test]
fn generated_splits_follow_the_protocol() {
    let mnist = mnist();
    for m in [2, 3] {
        let split = generate(&mnist, m, 7).unwrap();
        assert_eq!(split, generate(&mnist, m, 7).unwrap());
        assert_ne!(split.test, generate(&mnist, m, 8).unwrap().test);
        let smaller = generate_sized(&mnist, m, Sizes { train: 20, ..Sizes::default() }, 7).unwrap();
        assert_eq!((&smaller.validation, &smaller.test), (&split.validation, &split.test));
        assert_eq!((smaller.train.len(), &smaller.train[..20]), (40, &split.train[..20]));
        let sources = [
            (&split.train, &mnist.train, 100),
            (&split.validation, &mnist.validation, 50),
            (&split.test, &mnist.test, 50),
        ];
        for (puzzles, source, half) in sources {
            assert_eq!(puzzles.len(), 2 * half);
            // Images are told apart by their pixels; a few digits of MNIST are doubles, so sets are compared by source.
            let known: std::collections::HashMap<Vec<u8>, u8> = source
                .images
                .outer_iter()
                .map(|image| image.iter().copied().collect())
                .zip(source.labels.iter().copied())
                .collect();
            let (valid, invalid) = puzzles.split_at(half);
            let mut images = std::collections::HashSet::new();
            for (original, copy) in valid.iter().zip(invalid) {
                assert!(original.valid && is_valid(m, &original.digits));
                assert!(!copy.valid && !is_valid(m, &copy.digits), "{}", copy.note);
                for puzzle in [original, copy] {
                    for (image, digit) in puzzle.images.outer_iter().zip(&puzzle.digits) {
                        assert_eq!(known.get(&image.iter().copied().collect::<Vec<u8>>()), Some(digit));
                    }
                }
                original
                    .images
                    .outer_iter()
                    .for_each(|image| assert!(images.insert(image.iter().copied().collect::<Vec<u8>>())));
                let changed = original.digits.iter().zip(&copy.digits).filter(|(a, b)| a != b).count();
                assert!(changed > 0 && copy.note.starts_with(['s', 'r']), "{}", copy.note);
                let kept = original.images.outer_iter().zip(copy.images.outer_iter()).filter(|(a, b)| a == b).count();
                assert!(kept + changed <= m.pow(4) && kept > 0);
            }
            assert!(
                invalid.iter().any(|p| p.note.starts_with("swap"))
                    && invalid.iter().any(|p| p.note.starts_with("replacement"))
            );
        }
    }
}

#[test]
fn split_folders_round_trip_and_faults_are_placed() {
    let split = generate(&mnist(), 2, 1).unwrap();
    let puzzles: Vec<Puzzle> = [&split.test[..2], &split.test[50..52]].concat();
    let folder = tempfile::tempdir().unwrap();
    write_puzzles(folder.path(), "test", &puzzles).unwrap();
    assert_eq!(read_puzzles(folder.path(), "test", 4).unwrap(), puzzles);

    let path = |what: &str| folder.path().join(format!("test_{what}.txt"));
    let fault = |what: &str, change: &dyn Fn(String) -> String| {
        let text = std::fs::read_to_string(path(what)).unwrap();
        std::fs::write(path(what), change(text.clone())).unwrap();
        let error = read_puzzles(folder.path(), "test", 4).unwrap_err().to_string();
        std::fs::write(path(what), text).unwrap();
        error
    };
    let error = fault("cell_labels", &|text| text.replacen("mnist_", "mnist_7", 1));
    assert!(
        error.contains("test_cell_labels.txt:1: field 1: expected 16 labels mnist_0 to mnist_3, found 'mnist_7"),
        "{error}"
    );
    let error = fault("puzzle_pixels", &|text| text.replacen("\n0\t", "\n1.5\t", 1));
    assert!(
        error.contains("test_puzzle_pixels.txt:2: field 1: expected 12544 pixels from 0 to 1, found '1.5'"),
        "{error}"
    );
    let error = fault("puzzle_pixels", &|text| text.replacen("0\t", "", 1));
    assert!(error.contains(":1: field 12544: ") && error.contains("found the end of the line"), "{error}");
    let error = fault("puzzle_labels", &|text| text.replacen("1\t0", "1\t1", 1));
    assert!(error.contains("test_puzzle_labels.txt:1: field 1: expected 1 0 (valid) or 0 1 (invalid)"), "{error}");
    let error = fault("cell_labels", &|text| text.lines().skip(1).map(|line| format!("{line}\n")).collect());
    assert!(error.contains("holds 4 items but") && error.contains("holds 3"), "{error}");
    std::fs::remove_file(path("puzzle_notes")).unwrap();
    assert!(read_puzzles(folder.path(), "test", 4).unwrap_err().to_string().contains("test_puzzle_notes.txt"));
}

#[test]
fn thresholds_and_areas() {
    let (scores, valid) = ([0.9, 0.8, 0.3, 0.2, -0.5], [true, true, false, true, false]);
    assert_eq!(area_under_curve(&scores, &valid), 5.0 / 6.0);
    assert_eq!(area_under_curve(&[0.5, 0.5], &[true, false]), 0.5);
    let threshold = best_threshold(&scores, &valid);
    assert!((-0.5..=0.2).contains(&threshold), "{threshold}");
    assert_eq!(best_threshold(&[0.25, 0.75], &[false, true]), 0.5);
    let of = |valid, invalid| score(Verdict { valid, invalid });
    assert_eq!(of(1.0, 1.0), 0.0);
    assert!(
        of(1.0, 0.0) > of(1.0, 0.1) && of(1.0, 0.1) > 0.0 && of(0.3, 1.0) > of(0.001, 1.0) && of(0.0, 1.0).is_finite()
    );
}

#[test]
fn learned_sudoku_rules_judge_crisp_grids() {
    let split = generate(&mnist(), 2, 3).unwrap();
    let crisp = |puzzles: &[Puzzle]| {
        ndarray::Array3::from_shape_fn((puzzles.len(), 16, 4), |(i, cell, v)| {
            f32::from(u8::from(usize::from(puzzles[i].digits[cell]) == v))
        })
    };
    let engine = Engine::of(&rules(2).unwrap());
    let (train, test) = (crisp(&split.train), crisp(&split.test));
    let cases = labelled_cases(engine.base(), 2, &train, &split.train).unwrap();
    let (parameters, report) = learn(&engine, &cases, &LearningConfig::default()).unwrap();
    assert!(report.rule_sets.iter().all(|set| set.worst_example == 0.0));
    let engine = engine.with_parameters(&parameters).unwrap();
    for (puzzle, cells) in split.test.iter().zip(test.outer_iter()) {
        let verdict = infer(&engine, &cells.to_owned());
        assert_eq!(verdict, if puzzle.valid { [1.0, 0.0] } else { [0.0, 1.0] });
        assert_eq!(violations(2, cells).is_empty(), puzzle.valid);
    }
}

#[test]
fn large_grids_are_no_less_possible_than_one_that_is_known() {
    let exact = Exact::new(3);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..20 {
        let mut cells = cells(3).new_tree(&mut runner).unwrap().current();
        // A valid grid, none of whose digits is impossible.
        let known: Vec<usize> = (0..81).map(|cell| (cell / 9 * 3 + cell / 27 + cell % 9) % 9).collect();
        known.iter().enumerate().for_each(|(cell, &v)| cells[(cell, v)] = cells[(cell, v)].max(0.125));
        let (found, grid) = exact.most_possible_valid_grid(cells.view()).unwrap();
        assert!(found >= degree(cells.view(), &known));
        assert_eq!(found, degree(cells.view(), &grid));
        assert!(pairs(3).iter().all(|&(p, q)| grid[p] != grid[q]));
    }
}
