//! The solver against the conformance file, the public implementation, and exhaustive search.

mod common;

use std::collections::BTreeSet;

use common::{assert_close, floats, golden, list, number};
use ndarray::{Array1, Array2, aview1};
#[cfg(feature = "cli")]
use pinesy::command::SystemFile;
use pinesy::relation::{
    Composition, Error, PartialSystem, System, max_min_matrix, max_min_vector, min_max_matrix, min_max_vector,
};
use proptest::prelude::*;
use serde_json::Value as Json;

fn matrix(json: &Json) -> Array2<f32> {
    let rows: Vec<Vec<f32>> = list(json).iter().map(floats).collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

fn composition(json: &Json) -> Composition {
    serde_json::from_value(json["composition"].clone()).unwrap()
}

/// Every case of the conformance file, for an evaluator that gets the system and what to find.
fn conformance(evaluate: impl Fn(&str, &System, &Json)) {
    let text = std::fs::read_to_string("tests/data/relation/conformance.json").unwrap();
    let cases: Vec<Json> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 80);
    for case in &cases {
        let (matrix, rhs) = (matrix(&case["matrix"]), Array1::from(floats(&case["rhs"])));
        let system = System::new(composition(case), matrix.view(), rhs.view()).unwrap();
        evaluate(case["name"].as_str().unwrap(), &system, case);
    }
}

fn conforms(name: &str, system: &System, expected: &Json) {
    let same = |what: &str, ours: &Array1<f32>| assert_eq!(ours.to_vec(), floats(&expected[what]), "{name}: {what}");
    same("extreme_candidate", &system.extreme_candidate());
    assert_eq!(system.is_consistent(), expected["consistent"], "{name}");
    assert_eq!(system.extreme_solution().is_some(), expected["consistent"], "{name}");
    same("row_distances", &system.row_distances());
    assert_eq!(system.chebyshev_distance(), number(&expected["chebyshev_distance"]), "{name}");
    let approximation = system.approximation();
    same("approximation", &approximation.rhs);
    same("approximate_solution", &approximation.solution);
    let rows: Vec<usize> = serde_json::from_value(expected["consistent_rows"].clone()).unwrap();
    assert_eq!(system.maximal_consistent_rows(), rows, "{name}");
    let distances = floats(&expected["row_distances"]);
    let worst = approximation.distance;
    assert!(system.worst_rows().iter().all(|&i| distances[i] == worst && worst > 0.0), "{name}");
}

#[test]
fn conformance_in_parallel_and_alone() {
    conformance(conforms);
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    alone.install(|| conformance(conforms));
}

#[test]
fn conformance_of_the_formula() {
    conformance(|name, system, case| {
        let (gamma, y) = (matrix(&case["matrix"]), floats(&case["rhs"]));
        // The dual system has the same distances.
        let flip = |x: f32| if composition(case) == Composition::MaxMin { 1.0 - x } else { x };
        let (gamma, y) = (gamma.mapv(flip), y.into_iter().map(flip).collect::<Vec<_>>());
        let distances: Vec<f32> = (0..y.len()).map(|i| distance_by_formula(&gamma, &y, i)).collect();
        assert_eq!(distances, floats(&case["row_distances"]), "{name}");
        assert_eq!(distances, system.row_distances().to_vec(), "{name}");
    });
}

/// ∇_i = min_j max((γ_ij − y_i)⁺, max_k min((y_k − y_i)⁺/2, (y_k − γ_kj)⁺)).
fn distance_by_formula(gamma: &Array2<f32>, y: &[f32], i: usize) -> f32 {
    let f = |j: usize, k: usize| ((y[k] - y[i]).max(0.0) / 2.0).min((y[k] - gamma[(k, j)]).max(0.0));
    let column = |j: usize| (0..y.len()).map(|k| f(j, k)).fold((gamma[(i, j)] - y[i]).max(0.0), f32::max);
    (0..gamma.ncols()).map(column).fold(1.0, f32::min)
}

#[test]
fn conformance_of_streamed_rows() {
    conformance(|name, system, case| {
        let (matrix, rhs) = (matrix(&case["matrix"]), floats(&case["rhs"]));
        let mut partial = PartialSystem::new(composition(case), matrix.ncols());
        for (row, &y) in matrix.outer_iter().zip(&rhs) {
            partial.insert(row.as_slice().unwrap(), y).unwrap();
        }
        assert_eq!(partial, system.partial(), "{name}");
        let distances =
            matrix.outer_iter().zip(&rhs).map(|(row, &y)| partial.row_distance(row.as_slice().unwrap(), y).unwrap());
        assert_eq!(distances.collect::<Vec<_>>(), floats(&case["row_distances"]), "{name}");
    });
}

#[test]
fn kernels_of_the_public_implementation() {
    let mut off = 0;
    for case in list(&golden("kernels")["systems"]) {
        let what = |name: &str| format!("system {}: {name}", case["id"]);
        let (a, b, x) = (matrix(&case["A"]), Array1::from(floats(&case["b"])), Array1::from(floats(&case["x"])));
        let exact = System::min_max(a.view(), b.view()).unwrap();
        let tolerant = exact.clone().with_tolerance(1e-3).unwrap();
        for (key, system) in [("eps_0", &exact), ("eps_0.001", &tolerant), ("single_thread_eps_0", &exact)] {
            let theirs = &case[key];
            // With its tolerance it stops early above 0.999 and below 0.001.
            let slack = if key == "eps_0.001" { 1.001e-3 } else { 1e-6 };
            assert_close(
                &what("product"),
                &system.product(x.view()).unwrap().to_vec(),
                &floats(&theirs["min_max_A_x"]),
                slack,
            );
            assert_close(&what("∇_i"), &system.row_distances().to_vec(), &floats(&theirs["nabla_i"]), slack);
            assert_close(&what("∇"), &[system.chebyshev_distance()], &[number(&theirs["nabla"])], slack);
            let candidate = system.extreme_candidate().to_vec();
            assert_close(&what("candidate"), &candidate, &floats(&theirs["potential_min_solution"]), slack);
            let approximation = system.approximation_at(number(&theirs["nabla"]));
            assert_close(
                &what("solution"),
                &approximation.solution.to_vec(),
                &floats(&theirs["lowest_approx_solution"]),
                slack,
            );
            if let Some(lowest) = theirs.get("lowest_chebyshev_approximation").map(floats) {
                // In one system the rounding of y − ∇ makes theirs miss the distance it should have.
                if gap(&lowest, &b.to_vec()) <= approximation.distance + slack {
                    assert_close(&what("approximation"), &approximation.rhs.to_vec(), &lowest, slack);
                } else {
                    off += 1;
                }
            }
        }
    }
    assert_eq!(off, 1, "systems in which their approximation is no approximation");
}

/// A system with degrees that are multiples of 1/`steps`.
fn on_grid(
    steps: u8,
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
) -> impl Strategy<Value = (Array2<f32>, Array1<f32>)> {
    (rows, columns).prop_flat_map(move |(n, m)| {
        let degrees = |len| prop::collection::vec((0..=steps).prop_map(move |i| f32::from(i) / f32::from(steps)), len);
        (degrees(n * m), degrees(n), degrees(m), any::<bool>()).prop_map(move |(gamma, y, x, consistent)| {
            let gamma = Array2::from_shape_vec((n, m), gamma).unwrap();
            let y = if consistent { naive_product(&gamma, &x) } else { y };
            (gamma, y.into())
        })
    })
}

fn naive_product(gamma: &Array2<f32>, x: &[f32]) -> Vec<f32> {
    gamma.outer_iter().map(|row| row.iter().zip(x).map(|(g, x)| g.max(*x)).fold(1.0, f32::min)).collect()
}

/// All vectors of degrees that are multiples of 1/`steps`.
fn all_vectors(steps: u32, len: usize) -> impl Iterator<Item = Vec<f32>> {
    let digits = move |mut i: u32| {
        (0..len)
            .map(move |_| {
                let d = i % (steps + 1);
                i /= steps + 1;
                d as f32 / steps as f32
            })
            .collect()
    };
    (0..(steps + 1).pow(len as u32)).map(digits)
}

fn gap(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn below(a: &[f32], b: &[f32]) -> bool {
    a.iter().zip(b).all(|(a, b)| a <= b)
}

fn as_bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_distance_is_attained_and_not_beaten((gamma, y) in on_grid(4, 1..6, 1..4)) {
        let system = System::min_max(gamma.view(), y.view()).unwrap();
        let approximation = system.approximation();
        // Distances are halves of grid steps, and so are the x that attain them.
        let best = all_vectors(8, gamma.ncols()).map(|x| gap(&naive_product(&gamma, &x), y.as_slice().unwrap())).fold(1.0, f32::min);
        prop_assert_eq!(approximation.distance, best);
        prop_assert_eq!(gap(&naive_product(&gamma, approximation.solution.as_slice().unwrap()), y.as_slice().unwrap()), best);
        prop_assert_eq!(system.is_consistent(), best == 0.0);
        // The solution is the lowest of all approximate ones.
        for x in all_vectors(8, gamma.ncols()).filter(|x| gap(&naive_product(&gamma, x), y.as_slice().unwrap()) <= best) {
            prop_assert!(below(approximation.solution.as_slice().unwrap(), &x));
        }
    }

    #[test]
    fn opposite_solutions_are_all_maximal_ones_once((gamma, y) in on_grid(4, 1..7, 1..5)) {
        let system = System::min_max(gamma.view(), y.view()).unwrap();
        let solutions: Vec<Vec<f32>> = all_vectors(4, gamma.ncols()).filter(|x| naive_product(&gamma, x) == y.to_vec()).collect();
        let Ok(found) = system.opposite_solutions() else {
            prop_assert!(solutions.is_empty());
            return Ok(());
        };
        let count = found.count_up_to(10_000).unwrap();
        let found: Vec<Vec<f32>> = found.map(|x| x.to_vec()).collect();
        prop_assert_eq!(count, found.len() as u128);
        // Maximal solutions have their degrees on the grid.
        let maximal: BTreeSet<Vec<u32>> = solutions.iter()
            .filter(|x| !solutions.iter().any(|other| other != *x && below(x, other))).map(|x| as_bits(x)).collect();
        let set: BTreeSet<Vec<u32>> = found.iter().map(|x| as_bits(x)).collect();
        prop_assert_eq!(set.len(), found.len(), "no duplicates");
        prop_assert_eq!(set, maximal);
        let least = system.extreme_solution().unwrap().to_vec();
        for x in &solutions {
            prop_assert!(system.is_solution(aview1(x)).unwrap());
            prop_assert!(below(&least, x));
        }
        for x in all_vectors(4, gamma.ncols()) {
            let inside = system.solution_intervals().unwrap().any(|(low, high)| below(low.as_slice().unwrap(), &x) && below(&x, high.as_slice().unwrap()));
            prop_assert_eq!(inside, solutions.contains(&x));
        }
    }

    #[test]
    fn rows_of_distance_zero_are_a_maximal_consistent_subsystem((gamma, y) in on_grid(8, 1..12, 1..5)) {
        let system = System::min_max(gamma.view(), y.view()).unwrap();
        let rows = system.maximal_consistent_rows();
        let consistent = |rows: &[usize]| {
            let (gamma, y) = system.subsystem(rows);
            rows.is_empty() || System::min_max(gamma.view(), y.view()).unwrap().is_consistent()
        };
        prop_assert!(consistent(&rows));
        for extra in (0..gamma.nrows()).filter(|i| !rows.contains(i)) {
            let more = [rows.as_slice(), &[extra]].concat();
            prop_assert!(!consistent(&more), "row {} could be added", extra);
        }
    }

    #[test]
    fn max_min_is_the_dual((gamma, y) in on_grid(8, 1..8, 1..5)) {
        let (a, b) = (gamma.mapv(|x| 1.0 - x), y.mapv(|x| 1.0 - x));
        let min_max = System::min_max(gamma.view(), y.view()).unwrap();
        let max_min = System::max_min(a.view(), b.view()).unwrap();
        let flip = |x: Array1<f32>| x.mapv(|x| 1.0 - x);
        prop_assert_eq!(min_max.row_distances(), max_min.row_distances());
        prop_assert_eq!(min_max.approximation().rhs, flip(max_min.approximation().rhs));
        prop_assert_eq!(min_max.extreme_solution(), max_min.extreme_solution().map(flip));
        if let (Ok(maximal), Ok(minimal)) = (min_max.opposite_solutions(), max_min.opposite_solutions()) {
            prop_assert!(maximal.eq(minimal.map(flip)));
        }
        let (one, other) = (min_max.approximate_matrix(), max_min.approximate_matrix());
        prop_assert_eq!(one.distance, other.distance);
        prop_assert_eq!(one.matrix, other.matrix.mapv(|x| 1.0 - x));
    }

    #[test]
    fn distances_follow_the_formula((gamma, y) in on_grid(200, 1..60, 1..8)) {
        let system = System::min_max(gamma.view(), y.view()).unwrap();
        for (i, distance) in system.row_distances().iter().enumerate() {
            prop_assert_eq!(*distance, distance_by_formula(&gamma, y.as_slice().unwrap(), i));
        }
        let approximation = system.approximation();
        prop_assert!((gap(approximation.rhs.as_slice().unwrap(), y.as_slice().unwrap()) - approximation.distance).abs() < 1e-6);
    }

    #[test]
    fn partial_systems_merge_in_any_order((gamma, y) in on_grid(8, 3..20, 1..4), cuts in prop::array::uniform2(0..20usize)) {
        let part = |rows: std::ops::Range<usize>| {
            let mut part = PartialSystem::new(Composition::MaxMin, gamma.ncols());
            rows.for_each(|i| part.insert(gamma.row(i).as_slice().unwrap(), y[i]).unwrap());
            part
        };
        let mut cuts = cuts.map(|cut| cut.min(y.len()));
        cuts.sort();
        let [a, b, c] = [part(0..cuts[0]), part(cuts[0]..cuts[1]), part(cuts[1]..y.len())];
        let merged = |parts: &[&PartialSystem]| {
            let mut whole = PartialSystem::new(Composition::MaxMin, gamma.ncols());
            parts.iter().for_each(|part| whole.merge(part));
            whole
        };
        let whole = part(0..y.len());
        prop_assert_eq!(&merged(&[&a, &b, &c]), &whole);
        prop_assert_eq!(&merged(&[&c, &a, &b]), &whole);
        prop_assert_eq!(&merged(&[&a, &merged(&[&b, &c])]), &whole);
        prop_assert_eq!(&merged(&[&whole, &a, &whole]), &whole);
    }

    #[test]
    fn products_follow_the_formula(n in 0..20usize, depth in 0..40usize, m in 0..40usize, seed in any::<u32>()) {
        let degree = |i: usize, j: usize, salt: u32| {
            let mixed = (i as u32 * 7919 + j as u32 * 104_729 + salt).wrapping_mul(2_654_435_761) >> 16;
            f32::from(mixed as u16) / 65_535.0
        };
        let a = Array2::from_shape_fn((n, depth), |(i, j)| degree(i, j, seed));
        let b = Array2::from_shape_fn((depth, m), |(i, j)| degree(i, j, seed ^ 0xffff));
        let (min_max, max_min) = (min_max_matrix(a.view(), b.view()), max_min_matrix(a.view(), b.view()));
        for i in 0..n {
            for j in 0..m {
                let pairs = || (0..depth).map(|k| (a[(i, k)], b[(k, j)]));
                prop_assert_eq!(min_max[(i, j)], pairs().map(|(x, y)| x.max(y)).fold(1.0, f32::min));
                prop_assert_eq!(max_min[(i, j)], pairs().map(|(x, y)| x.min(y)).fold(0.0, f32::max));
            }
        }
        if m > 0 {
            prop_assert_eq!(min_max_vector(a.view(), b.column(0)), min_max.column(0));
            prop_assert_eq!(max_min_vector(a.view(), b.column(0)), max_min.column(0));
        }
        // A transposed view has another memory layout.
        prop_assert_eq!(min_max_matrix(b.t(), a.t()), min_max.t());
    }
}

#[cfg(feature = "cli")]
proptest! {
    #[test]
    fn the_reader_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}:,.0-9a-z\" e-]{0,80}") {
        for bytes in [bytes.as_slice(), text.as_bytes(), format!("{{\"matrix\":[[{text}]],\"rhs\":[0.5]}}").as_bytes()] {
            if let Ok(file) = SystemFile::parse(bytes) {
                let _ = file.system(Composition::MinMax).map(|system| system.approximation());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn the_matrix_change_suffices_and_none_smaller_does((gamma, y) in on_grid(4, 1..4, 1..3)) {
        let system = System::min_max(gamma.view(), y.view()).unwrap();
        let change = system.approximate_matrix();
        prop_assert!(System::min_max(change.matrix.view(), y.view()).unwrap().is_consistent());
        prop_assert_eq!(gap(change.matrix.as_slice().unwrap(), gamma.as_slice().unwrap()), change.distance);
        // Where consistent, nothing changes; elsewhere no matrix on the grid, in which an
        // optimum lies, is nearer.
        let smaller = all_vectors(4, gamma.len()).find(|other| {
            gap(other, gamma.as_slice().unwrap()) < change.distance && {
                let other = Array2::from_shape_vec(gamma.dim(), other.clone()).unwrap();
                System::min_max(other.view(), y.view()).unwrap().is_consistent()
            }
        });
        prop_assert_eq!(smaller, None);
    }
}

#[test]
fn independent_groups_are_counted_without_listing() {
    // 40 groups of 3 columns and one row each: 3^40 maximal solutions.
    let gamma = Array2::from_shape_fn((40, 120), |(i, j)| if j / 3 == i { 0.0 } else { 1.0 });
    let y = Array1::from_elem(40, 0.5);
    let system = System::min_max(gamma.view(), y.view()).unwrap();
    let solutions = system.opposite_solutions().unwrap();
    assert_eq!(solutions.count_up_to(10), Some(3u128.pow(40)));
    assert_eq!(solutions.clone().take(1000).count(), 1000);
    assert_eq!(solutions.count_up_to(2), None);
}

#[test]
fn several_right_hand_sides_share_a_matrix() {
    let gamma = ndarray::array![[0.2, 0.9], [0.6, 0.4]];
    let rhs = ndarray::array![[0.5, 0.5], [0.6, 0.3]];
    let systems = System::many(Composition::MinMax, gamma.view(), rhs.view()).unwrap();
    assert_eq!(systems.iter().map(System::is_consistent).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn wrong_systems_are_explained() {
    let message = |gamma: Array2<f32>, y: Vec<f32>| System::min_max(gamma.view(), aview1(&y)).unwrap_err().to_string();
    assert_eq!(
        message(Array2::zeros((0, 3)), vec![]),
        "a matrix of 0 rows and 3 columns: expected at least one of each"
    );
    assert_eq!(message(Array2::zeros((2, 3)), vec![0.5]), "the right-hand side has 1 elements: expected 2");
    let mut gamma = Array2::zeros((2, 3));
    gamma[(1, 2)] = f32::NAN;
    assert_eq!(message(gamma.clone(), vec![0.5, 0.5]), "matrix row 1, column 2: NaN: expected a number from 0 to 1");
    gamma[(1, 2)] = f32::INFINITY;
    assert_eq!(message(gamma, vec![0.5, 0.5]), "matrix row 1, column 2: inf: expected a number from 0 to 1");
    assert_eq!(
        message(Array2::zeros((1, 1)), vec![-0.5]),
        "the right-hand side at row 0: -0.5: expected a number from 0 to 1"
    );
    let (gamma, y) = (Array2::<f32>::ones((1, 1)), Array1::zeros(1));
    let system = System::min_max(gamma.view(), y.view()).unwrap();
    assert!(matches!(system.opposite_solutions(), Err(Error::Inconsistent { distance: 1.0 })));
    assert!(matches!(system.clone().with_tolerance(1.0), Err(Error::Tolerance(_))));
    assert!(matches!(system.product(aview1(&[0.1, 0.2])), Err(Error::Length { found: 2, expected: 1, .. })));
    let mut partial = system.partial();
    assert!(matches!(partial.insert(&[0.5], 2.0), Err(Error::VectorDegree { .. })));
    assert!(matches!(partial.insert(&[0.5, 0.5], 0.5), Err(Error::Length { .. })));
}
