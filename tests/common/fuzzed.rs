//! What must hold of any bytes: one function for each fuzz target. The tests replay the seeds and
//! past crashes through the same functions.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::io::Write;
use std::path::Path;
use std::sync::LazyLock;

use ndarray::{Array1, Array2, aview1};
use pinesy::command::{SystemFile, parse_json, parse_npy, read_cases};
use pinesy::datasets::{idx, read_puzzles};
use pinesy::explain::{Explainer, Leaf, Symbol};
use pinesy::inference::{Calibration, Cases, Engine, Parameters, Target};
use pinesy::learning::{Error, LearningConfig, learn, learn_streamed};
use pinesy::possibility::{Transform, Value, decide};
use pinesy::relation::{Composition, System};
use pinesy::rules::{Limit, Limits, RuleBase};
use serde_json::Value as Json;
use siphasher::sip128::{Hasher128, SipHasher13};

use super::plain::{NAMES, Plain, PlainRule};

/// A fuzz target.
pub type Check = fn(&[u8]);

/// The targets by name.
pub fn checks() -> Vec<(&'static str, Check)> {
    vec![
        ("calibration", calibration),
        ("cases", cases),
        #[cfg(feature = "perception")]
        ("checkpoint", checkpoint),
        ("differential", differential),
        ("expression", expression),
        ("idx", idx),
        ("npy", npy),
        ("parameters", parameters),
        ("records", records),
        ("rule_file", rule_file),
        ("solve_reader", solve_reader),
        ("visudo", visudo),
    ]
}

/// Rules with terms, symbols and numbers.
static TRIAGE: LazyLock<Engine> = LazyLock::new(|| {
    Engine::of(&RuleBase::parse(include_str!("../../rulesets/triage.toml"), "triage.toml", &[]).unwrap())
});

/// A file of calibration is refused, or gives sets that only grow with the error's fall and with what
/// is unknown. Its engine and checksum are set right first: else hardly any would get so far.
pub fn calibration(bytes: &[u8]) {
    let Ok(mut file) = serde_json::from_slice::<Json>(bytes) else { return };
    let engine = &*TRIAGE;
    let Some(fields) = file.as_object_mut() else { return };
    fields.insert("engine".to_owned(), engine.fingerprint().to_string().into());
    let Ok(truths) = serde_json::from_value::<BTreeMap<String, Vec<Vec<f64>>>>(file["truths"].clone()) else { return };
    let mut hash = SipHasher13::new();
    let all = (&file["engine"], &file["of"], &file["score"], &file["reading"], truths);
    hash.write(&serde_json::to_vec(&all).unwrap());
    file["checksum"] = format!("{:032x}", hash.finish128().as_u128()).into();
    let Ok(calibration) = serde_json::from_value::<Calibration>(file) else { return };
    let written = serde_json::to_string(&calibration).unwrap();
    assert_eq!(serde_json::from_str::<Calibration>(&written).unwrap(), calibration);
    calibration.check(engine, calibration.reading(), 0.999).ok();
    // Of the last case nothing is known.
    let known = |case: usize, value: usize, size: usize| if value == case % size { 1.0 } else { case as f32 / 4.0 };
    let column = |size: usize| Array2::from_shape_fn((5, size), |(case, value)| known(case, value, size));
    let inputs = engine.base().inputs().map(|input| (input.name(), column(input.domain().len())));
    let cases = inputs.fold(engine.cases(), |cases, (name, column)| cases.possibilities(name, &column));
    let cases = cases.build().unwrap();
    for attribute in ["infection", "urgency"] {
        let sizes = |error: f64| calibration.sets(engine, &cases, attribute, error).map(|sets| sets.sizes());
        let sizes: Vec<Vec<usize>> = [0.05, 0.3, 0.5, 0.9, 0.999].into_iter().filter_map(|e| sizes(e).ok()).collect();
        assert!(sizes.is_sorted_by(|low, high| low.iter().zip(high).all(|(low, high)| low >= high)), "{sizes:?}");
        assert!(sizes.iter().all(|sizes| sizes.iter().all(|size| *size <= sizes[4])), "{sizes:?}");
    }
}

/// Records of any form, JSON lines or CSV or neither, gzip or plain, are cases or an error that is
/// short and has a line; what was read can be reasoned with.
pub fn cases(bytes: &[u8]) {
    let Some((kind, content)) = bytes.split_first() else { return };
    let folder = tempfile::tempdir().unwrap();
    let name = ["cases.csv", "cases.jsonl", "cases"][usize::from(kind % 3)];
    let path = folder.path().join(name);
    let content = if kind & 4 == 0 { content.to_vec() } else { gzip(content) };
    std::fs::write(&path, content).unwrap();
    let engine = &*TRIAGE;
    let transform = (kind & 8 == 0).then(Transform::default);
    match read_cases(engine, &path, transform, kind & 16 != 0) {
        Ok(cases) => {
            let inferred = engine.infer_batch(&cases, &["urgency"]).unwrap();
            let degrees = inferred.get("urgency").unwrap();
            assert!(degrees.nrows() == cases.len() && degrees.iter().all(|degree| (0.0..=1.0).contains(degree)));
            let _ = learn(engine, &cases, &LearningConfig::default());
        }
        Err(error) => assert!(error.to_string().contains(name) && error.to_string().len() < 20_000, "{error}"),
    }
}

/// A checkpoint is refused or read.
#[cfg(feature = "perception")]
pub fn checkpoint(bytes: &[u8]) {
    use pinesy::perception::{Checkpoint, DeviceChoice, DigitNet};
    let folder = tempfile::tempdir().unwrap();
    let [given, copy, copy_of_copy] = ["given", "copy", "copy_of_copy"].map(|name| folder.path().join(name));
    std::fs::write(&given, bytes).unwrap();
    let Ok(checkpoint) = Checkpoint::read(&given) else { return };
    checkpoint.write(&copy).unwrap();
    let again = Checkpoint::read(&copy).unwrap();
    assert_eq!(again.info, checkpoint.info);
    again.write(&copy_of_copy).unwrap();
    assert_eq!(std::fs::read(&copy).unwrap(), std::fs::read(&copy_of_copy).unwrap());
    let _ = checkpoint.own_reader::<DigitNet>(&DeviceChoice::Cpu.open().unwrap());
}

/// Whatever a condition is, it holds for some values or is an error.
pub fn expression(bytes: &[u8]) {
    let Ok(condition) = std::str::from_utf8(bytes) else { return };
    let quoted: String = condition.chars().map(|c| format!("\\U{:08X}", u32::from(c))).collect();
    let text = format!(
        "[parameters]\nk = 2\n[[attribute]]\nname = \"a\"\ndomain = \"0..9\"\n[[attribute]]\nname = \"b\"\n\
         domain = [\"x\", \"y\"]\n[[rule]]\nif = \"{quoted}\"\nthen = \"b == 'x'\"\n"
    );
    let limits = Limits::default().with(Limit::Steps, 10_000);
    if let Err(error) = RuleBase::parse_with(&text, "fuzz.toml", &[], &limits) {
        assert!(error.to_string().len() < 20_000);
    }
}

/// IDX files, plain and gzip.
pub fn idx(bytes: &[u8]) {
    for bytes in [bytes.to_vec(), gzip(bytes)] {
        let _ = idx::images_from(&bytes[..], "x");
        if let Ok(labels) = idx::labels_from(&bytes[..], "x", 10) {
            assert!(labels.iter().all(|label| *label < 10));
        }
    }
}

/// Matrices as .npy files.
pub fn npy(bytes: &[u8]) {
    if let Ok(matrix) = parse_npy(bytes) {
        assert!(4 * matrix.len() <= bytes.len());
    }
}

/// Files of parameters, of engines and of tables of cases.
pub fn parameters(bytes: &[u8]) {
    if let Ok(parameters) = serde_json::from_slice::<Parameters>(bytes)
        && let Ok(engine) = TRIAGE.with_parameters(&parameters)
    {
        assert_eq!(engine.with_parameters(&engine.parameters()).unwrap().fingerprint(), engine.fingerprint());
    }
    if let Ok(engine) = serde_json::from_slice::<Engine>(bytes) {
        let again: Engine = serde_json::from_str(&serde_json::to_string(&engine).unwrap()).unwrap();
        assert_eq!(again.fingerprint(), engine.fingerprint());
    }
    if let Ok(cases) = serde_json::from_slice::<Cases>(bytes) {
        assert_eq!(serde_json::from_str::<Cases>(&serde_json::to_string(&cases).unwrap()).unwrap(), cases);
    }
}

/// No JSON object has a key twice, and what was read is written as it was.
pub fn records(bytes: &[u8]) {
    let Ok(json) = parse_json(bytes) else { return };
    assert_eq!(parse_json(json.to_string().as_bytes()).unwrap(), json);
}

/// Whatever text a rule file is, and whatever its parameters are set to, it becomes rules or an error
/// that is short, in bounded time. A digit, 0 to 2, says how many settings come before the text: of
/// each a name of one letter, and a number from '0' up.
pub fn rule_file(bytes: &[u8]) {
    let Some((count, rest)) = bytes.split_first() else { return };
    let Some((settings, text)) = rest.split_at_checked(2 * usize::from(count % 3)) else { return };
    let setting = |pair: &[u8]| {
        let number = match pair[1] {
            0 => i64::MIN,
            0xff => i64::MAX,
            byte => i64::from(byte) - i64::from(b'0'),
        };
        (char::from(pair[0]).to_string(), number)
    };
    let settings: Vec<(String, i64)> = settings.chunks(2).map(setting).collect();
    let settings: Vec<(&str, i64)> = settings.iter().map(|(name, number)| (name.as_str(), *number)).collect();
    let Ok(text) = std::str::from_utf8(text) else { return };
    let few = [Limit::Repetitions, Limit::AllValues, Limit::Evaluations, Limit::Steps, Limit::Rules];
    let limits = Limits::default().with(Limit::Cells, 1_000_000);
    let limits = few.into_iter().fold(limits, |limits, limit| limits.with(limit, 10_000));
    match RuleBase::parse_with(text, "fuzz.toml", &settings, &limits) {
        Ok(base) => drop(Engine::of(&base)),
        Err(error) => assert!(error.to_string().len() < 20_000),
    }
}

/// A system as `pinesy solve` reads it: after a 0 JSON; after a 1 a matrix and, behind an empty line,
/// the right-hand side as CSV; after a 2 both as .npy.
fn system_file(bytes: &[u8]) -> Option<SystemFile> {
    let (kind, content) = bytes.split_first()?;
    let (extension, part) = match kind % 3 {
        0 => return SystemFile::parse(content).ok(),
        1 => ("csv", &b"\n\n"[..]),
        _ => ("npy", &b"\x93NUMPY"[..]),
    };
    let at = content.windows(part.len()).rposition(|window| window == part)?;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name).with_extension(extension);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    SystemFile::read(write("matrix", &content[..at]), Some(&write("rhs", &content[at..]))).ok()
}

/// Whatever bytes `pinesy solve` reads, it answers or explains, and its answers are right.
pub fn solve_reader(bytes: &[u8]) {
    let Some(file) = system_file(bytes) else { return };
    for composition in [Composition::MinMax, Composition::MaxMin] {
        if file.system(composition).is_ok() {
            solved(composition, &file.matrix, &file.rhs);
        }
    }
}

/// The most that the difference of two degrees is rounded by.
const ROUNDING: f64 = f32::EPSILON as f64 / 4.0;

/// How many opposite solutions are looked at, at most.
const LISTED: usize = 50;

/// Everything that is said of a system, against its definition. Distances are those of the formulas,
/// in f64, but for the rounding of a difference; all else is exact.
pub fn solved(composition: Composition, matrix: &Array2<f32>, rhs: &Array1<f32>) {
    let system = System::new(composition, matrix.view(), rhs.view()).unwrap();
    let what = format!("{composition}\n{matrix:?}\n{rhs:?}");
    let product = |x: &Array1<f32>| -> Array1<f32> {
        matrix
            .outer_iter()
            .map(|row| row.into_iter().zip(x).map(|(&a, &x)| composed(composition, a, x)))
            .map(|degrees| match composition {
                Composition::MinMax => degrees.fold(1.0, f32::min),
                Composition::MaxMin => degrees.fold(0.0, f32::max),
            })
            .collect()
    };
    let is_met = |x: &Array1<f32>| product(x) == *rhs;
    let solves = |x: &Array1<f32>| {
        assert_eq!(system.product(x.view()).unwrap(), product(x), "{what}");
        assert_eq!(system.is_solution(x.view()).unwrap(), is_met(x), "{what}");
        is_met(x)
    };

    // Column by column the least x, or the greatest, that lets no row fall short, or go beyond.
    let extreme: Array1<f32> = matrix
        .columns()
        .into_iter()
        .map(|column| {
            let rows = column.into_iter().zip(rhs);
            match composition {
                Composition::MinMax => rows.filter(|(a, y)| a < y).map(|(_, y)| *y).fold(0.0, f32::max),
                Composition::MaxMin => rows.filter(|(a, y)| a > y).map(|(_, y)| *y).fold(1.0, f32::min),
            }
        })
        .collect();
    let consistent = solves(&extreme);
    assert_eq!(system.extreme_candidate(), extreme, "{what}");
    assert_eq!(system.is_consistent(), consistent, "{what}");
    assert_eq!(system.extreme_solution(), consistent.then(|| extreme.clone()), "{what}");

    match system.opposite_solutions() {
        Err(_) => assert!(!consistent && system.solution_intervals().is_err(), "{what}"),
        Ok(solutions) => {
            assert!(consistent, "{what}");
            let count = solutions.count_up_to(LISTED);
            let solutions: Vec<Array1<f32>> = solutions.take(LISTED + 1).collect();
            assert!(!solutions.is_empty(), "{what}");
            assert!(solutions.len() > LISTED || count == Some(solutions.len() as u128), "{what}: {count:?}");
            for (i, x) in solutions.iter().enumerate() {
                assert!(solves(x) && is_last(composition, x, is_met), "{what}: {x}");
                let others = solutions.iter().enumerate().filter(|(j, _)| *j != i);
                assert!(others.into_iter().all(|(_, other)| !reaches(composition, other, x)), "{what}: {x}");
            }
            if solutions.len() <= LISTED {
                let reached = |first| furthest(composition, &extreme, rhs, first, is_met);
                assert!((0..extreme.len().min(5)).all(|first| solutions.contains(&reached(first))), "{what}");
            }
            let intervals = system.solution_intervals().unwrap();
            for ((low, high), x) in intervals.zip(&solutions) {
                assert!(
                    solves(&low) && solves(&high) && low.iter().zip(&high).all(|(low, high)| low <= high),
                    "{what}"
                );
                let ends = [&low, &high];
                assert!(ends.contains(&x) && ends.contains(&&extreme), "{what}");
            }
        }
    }

    let formulas = Formulas::of(composition, matrix, rhs);
    let distances = system.row_distances();
    let partial = system.partial();
    for (i, &distance) in distances.iter().enumerate() {
        let exact = formulas.row_distance(i);
        assert!((f64::from(distance) - exact).abs() <= ROUNDING, "{what}: row {i} {distance} and not {exact}");
        let row = matrix.row(i).to_vec();
        assert_eq!(partial.row_distance(&row, rhs[i]).unwrap(), distance, "{what}: row {i}");
        // 0 says 0, or what no f32 is as small as.
        assert!(exact > 0.0 || distance == 0.0, "{what}: row {i} {distance}");
        assert!(distance > 0.0 || exact < f64::from(f32::from_bits(1)), "{what}: row {i} {exact}");
    }
    let distance = distances.iter().copied().fold(0.0, f32::max);
    assert_eq!(system.chebyshev_distance(), distance, "{what}");
    assert_eq!(formulas.distance() == 0.0, consistent, "{what}");

    let approximation = system.approximation();
    assert_eq!(approximation.distance, distance, "{what}");
    assert_eq!(approximation.rhs, product(&approximation.solution), "{what}");
    let gap = furthest_apart(&approximation.rhs, rhs);
    assert!((gap - f64::from(distance)).abs() <= 2.0 * ROUNDING, "{what}: {gap} and not {distance}");
    // The extreme one, but for the rounding of what is ∇ away from a degree.
    let nearby = System::new(composition, matrix.view(), approximation.rhs.view()).unwrap().extreme_solution();
    let gap = furthest_apart(&nearby.unwrap(), &approximation.solution);
    assert!(gap <= 2.0 * ROUNDING, "{what}: {}", approximation.solution);

    let kept = system.maximal_consistent_rows();
    let is_consistent = |rows: &[usize]| {
        let (matrix, rhs) = system.subsystem(rows);
        rows.is_empty() || System::new(composition, matrix.view(), rhs.view()).unwrap().is_consistent()
    };
    assert!(is_consistent(&kept), "{what}: {kept:?}");
    let others: Vec<usize> = (0..rhs.len()).filter(|row| !kept.contains(row)).collect();
    assert!(others.iter().all(|row| !is_consistent(&[&kept[..], &[*row]].concat())), "{what}: {kept:?}");

    let worst = system.worst_rows();
    assert_eq!(worst.is_empty(), consistent, "{what}: {worst:?}");
    assert!(worst.iter().all(|row| distances[*row] == distance && others.contains(row)), "{what}: {worst:?}");
    let all = others.iter().filter(|row| distances[**row] == distance);
    assert!(distance == 0.0 || all.eq(&worst), "{what}: {worst:?}");

    let change = system.approximate_matrix();
    assert_eq!(change.distance == 0.0, consistent, "{what}");
    assert!(System::new(composition, change.matrix.view(), rhs.view()).unwrap().is_consistent(), "{what}");
    let gap = furthest_apart(&change.matrix, matrix);
    assert!((gap - f64::from(change.distance)).abs() <= ROUNDING, "{what}: {gap} and not {}", change.distance);
    if let Some(exact) = formulas.matrix_distance() {
        assert!((f64::from(change.distance) - exact).abs() <= ROUNDING, "{what}: {} and not {exact}", change.distance);
    }
}

fn composed(composition: Composition, a: f32, x: f32) -> f32 {
    match composition {
        Composition::MinMax => a.max(x),
        Composition::MaxMin => a.min(x),
    }
}

/// Whether x goes as far as another vector in every column, away from the extreme solution.
fn reaches(composition: Composition, x: &Array1<f32>, other: &Array1<f32>) -> bool {
    x.iter().zip(other).all(|(x, other)| match composition {
        Composition::MinMax => x >= other,
        Composition::MaxMin => x <= other,
    })
}

/// Whether no column of a solution goes any further.
fn is_last(composition: Composition, x: &Array1<f32>, is_met: impl Fn(&Array1<f32>) -> bool) -> bool {
    (0..x.len()).all(|column| {
        let mut further = x.clone();
        further[column] = match composition {
            Composition::MinMax => x[column].next_up(),
            Composition::MaxMin => x[column].next_down(),
        };
        !(0.0..=1.0).contains(&further[column]) || !is_met(&further)
    })
}

/// The solution that goes as far from the extreme one as it can, column by column from the first.
fn furthest(
    composition: Composition,
    extreme: &Array1<f32>,
    rhs: &Array1<f32>,
    first: usize,
    is_met: impl Fn(&Array1<f32>) -> bool,
) -> Array1<f32> {
    let mut ends: Vec<f32> = rhs.iter().copied().chain([0.0, 1.0]).collect();
    ends.sort_unstable_by(f32::total_cmp);
    if composition == Composition::MinMax {
        ends.reverse();
    }
    let (mut x, columns) = (extreme.clone(), extreme.len());
    for column in (0..columns).map(|column| (column + first) % columns) {
        let mut further = x.clone();
        let end = ends.iter().find(|end| {
            further[column] = **end;
            reaches(composition, &further, &x) && is_met(&further)
        });
        x[column] = end.copied().unwrap_or(x[column]);
    }
    x
}

fn furthest_apart<'a>(a: impl IntoIterator<Item = &'a f32>, b: impl IntoIterator<Item = &'a f32>) -> f64 {
    a.into_iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs()).fold(0.0, f64::max)
}

/// A system in f64 where differences of degrees are exact or rounded far below f32's; of a max-min
/// system all degrees are taken from 0, which makes it min-max.
struct Formulas {
    matrix: Array2<f64>,
    rhs: Array1<f64>,
    top: f64,
}

impl Formulas {
    fn of(composition: Composition, matrix: &Array2<f32>, rhs: &Array1<f32>) -> Self {
        let (sign, top) = if composition == Composition::MinMax { (1.0, 1.0) } else { (-1.0, 0.0) };
        let signed = |degree: &f32| sign * f64::from(*degree);
        Self { matrix: matrix.map(signed), rhs: rhs.map(signed), top }
    }

    /// The least, over the columns, of what it takes to bring a row down and not to need the column
    /// for a row above.
    fn row_distance(&self, row: usize) -> f64 {
        let y = self.rhs[row];
        let above = |column: usize| {
            let of = |(a, z): (&f64, &f64)| ((z - y) / 2.0).min(z - a).max(0.0);
            self.matrix.column(column).iter().zip(&self.rhs).map(of).fold(0.0, f64::max)
        };
        let down = |column: usize| (self.matrix[[row, column]] - y).max(above(column));
        (0..self.matrix.ncols()).map(down).fold(self.top - y, f64::min)
    }

    fn distance(&self) -> f64 {
        (0..self.rhs.len()).map(|row| self.row_distance(row)).fold(0.0, f64::max)
    }

    /// The least change of the matrix, over all ways to choose for each row the column that meets it;
    /// none if these are too many.
    fn matrix_distance(&self) -> Option<f64> {
        let (rows, columns) = self.matrix.dim();
        let ways = columns.checked_pow(rows as u32).filter(|ways| *ways <= 256)?;
        let cost = |way: usize| {
            let holder = |row: usize| way / columns.pow(row as u32) % columns;
            let bounds: Vec<f64> = (0..columns)
                .map(|column| {
                    (0..rows).filter(|row| holder(*row) == column).fold(self.top, |x, row| x.min(self.rhs[row]))
                })
                .collect();
            self.matrix.indexed_iter().fold(0.0, |cost: f64, ((row, column), a)| {
                let y = self.rhs[row];
                let raise = if bounds[column] < y { y - a } else { 0.0 };
                let lower = if holder(row) == column { a - y } else { 0.0 };
                cost.max(raise).max(lower)
            })
        };
        (0..ways).map(cost).min_by(f64::total_cmp)
    }
}

/// A folder of puzzles with cells of blank pixels but the last: whatever its four files say, they
/// are puzzles of the side asked for or an error.
pub fn visudo(bytes: &[u8]) {
    let mut parts = bytes.split(|byte| *byte == 0).map(<[u8]>::to_vec);
    let mut part = || parts.next().unwrap_or_default();
    let folder = tempfile::tempdir().unwrap();
    let write = |what: &str, bytes: &[u8]| {
        std::fs::write(folder.path().join(format!("test_{what}.txt")), bytes).unwrap();
    };
    let (first, last) = ("0\t".repeat(28 * 28 - 1), part());
    let lines: Vec<Vec<u8>> = last.split(|b| *b == b'\n').map(|pixel| [first.as_bytes(), pixel].concat()).collect();
    write("puzzle_pixels", &lines.join(&b'\n'));
    for what in ["cell_labels", "puzzle_labels", "puzzle_notes"] {
        write(what, &part());
    }
    for n in [1, 2] {
        if let Ok(puzzles) = read_puzzles(folder.path(), "test", n) {
            let fits = |digits: &[u8]| digits.len() == n * n && digits.iter().all(|digit| usize::from(*digit) < n);
            assert!(puzzles.len() <= lines.len() && puzzles.iter().all(|puzzle| fits(&puzzle.digits)));
        }
    }
}

type Row = [Vec<f32>; 2];

/// Choices made by bytes; those that are spent choose 0.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::from(self.byte()) % most
    }

    /// Often 0, 1 or a quarter, so that degrees tie.
    fn degree(&mut self) -> f32 {
        match self.byte() {
            byte @ ..192 => f32::from(byte % 5) / 4.0,
            _ => f32::from(self.byte()) / 255.0,
        }
    }

    fn degrees(&mut self, size: usize) -> Vec<f32> {
        (0..size).map(|_| self.degree()).collect()
    }

    /// Some of the values, at least one.
    fn members(&mut self, size: usize) -> Vec<bool> {
        let (first, others) = (self.below(size), self.byte());
        (0..size).map(|value| value == first || others >> value & 1 == 1).collect()
    }

    fn rules(&mut self, sizes: [usize; 4], conclusion: usize) -> Vec<PlainRule> {
        let count = 1 + self.below(4);
        let rule = |_| PlainRule {
            premise: (0..1 + self.below(2))
                .map(|_| {
                    let attribute = self.below(conclusion);
                    (attribute, self.members(sizes[attribute]))
                })
                .collect(),
            members: self.members(sizes[conclusion]),
            s: self.degree(),
            r: self.degree(),
        };
        (0..count).map(rule).collect()
    }

    fn plain(&mut self) -> Plain {
        let sizes = [(); 4].map(|()| 2 + self.below(4));
        Plain { sizes, rules: [self.rules(sizes, 2), self.rules(sizes, 3)] }
    }
}

/// Bytes become a small rule base and cases: every way to infer gives what the formulas do, backward
/// inference what all assignments do, learning in parts what learning at once does, and the changes
/// foretold alter the decision.
pub fn differential(bytes: &[u8]) {
    let mut choices = Choices(bytes.iter());
    let plain = choices.plain();
    let [a, b, _, end] = plain.sizes;
    let rows: Vec<(Row, Vec<f32>)> =
        (0..1 + choices.below(20)).map(|_| ([choices.degrees(a), choices.degrees(b)], choices.degrees(end))).collect();
    let cuts: Vec<usize> = (0..choices.below(5)).map(|_| choices.below(rows.len() + 1)).collect();
    let engine = plain.engine();
    let cases = plain.cases(&engine, &rows.iter().map(|row| row.0.clone()).collect::<Vec<Row>>());
    let inferred = engine.infer_batch(&cases, &NAMES[2..]).unwrap();
    for (i, (row, _)) in rows.iter().enumerate() {
        let case = cases.row(i);
        let alone = engine.infer(&case).unwrap();
        let expected = plain.by_definition(row);
        for (name, expected) in NAMES.iter().zip(&expected).skip(2) {
            assert_eq!(alone.get(name).unwrap().degrees(), expected);
            assert_eq!(inferred.distribution(name, i).unwrap().degrees(), expected);
            let relation = engine.relation(name).unwrap();
            let atoms = relation.apply(aview1(&engine.premises(name, &case).unwrap()));
            let classes = relation.partition().class_of().iter();
            assert_eq!(classes.map(|class| atoms[*class as usize]).collect::<Vec<f32>>(), *expected);
        }
    }
    explained_backward(&plain, &engine, &rows);
    learned_in_parts(&plain, &engine, &rows, cuts);
    changes_made(&plain, &engine, &rows[0].0);
}

/// The highest joint possibility of each value of each attribute, over all assignments. What counts:
/// the inputs that are read, what was observed of the last attribute, and every rule.
fn over_assignments(plain: &Plain, reads: [bool; 2], row: &Row, observed: Option<&[f32]>) -> [Vec<f32>; 4] {
    let mut highest = plain.sizes.map(|size| vec![0.0f32; size]);
    let [a, b, mid, end] = plain.sizes;
    for number in 0..a * b * mid * end {
        let values = [number % a, number / a % b, number / (a * b) % mid, number / (a * b * mid)];
        let mut joint = observed.map_or(1.0, |degrees| degrees[values[3]]);
        for input in (0..2).filter(|input| reads[*input]) {
            joint = joint.min(row[input][values[input]]);
        }
        for (set, conclusion) in [(0, 2), (1, 3)] {
            for rule in &plain.rules[set] {
                let premise = rule.premise.iter().all(|(attribute, members)| members[values[*attribute]]);
                joint = joint.min(match (premise, rule.members[values[conclusion]]) {
                    (true, false) => rule.r,
                    (false, true) => rule.s,
                    _ => 1.0,
                });
            }
        }
        for (highest, value) in highest.iter_mut().zip(values) {
            highest[value] = highest[value].max(joint);
        }
    }
    highest
}

fn explained_backward(plain: &Plain, engine: &Engine, rows: &[(Row, Vec<f32>)]) {
    let inputs: Vec<Row> = rows.iter().map(|row| row.0.clone()).collect();
    // Of the first case nothing is observed.
    let observed: Vec<Option<&[f32]>> = rows.iter().enumerate().map(|(i, row)| (i > 0).then_some(&row.1[..])).collect();
    let targets = observed.iter().map(|degrees| degrees.map(|degrees| Target::Degrees(degrees.to_vec())));
    let cases = plain.inputs(engine, &inputs).observed("end", targets).build().unwrap();
    let reads = [0, 1].map(|input| engine.base().inputs().any(|attribute| attribute.name() == NAMES[input]));
    let used: Vec<usize> = (0..4).filter(|&attribute| attribute > 1 || reads[attribute]).collect();
    let names: Vec<&str> = used.iter().map(|&attribute| NAMES[attribute]).collect();
    let backward = engine.backward();
    let found = backward.abduce(&cases, &names).unwrap();
    for (i, row) in inputs.iter().enumerate() {
        let expected = over_assignments(plain, reads, row, observed[i]);
        let told = |name: &str| found.degrees().distribution(name, i).unwrap().degrees().to_vec();
        let height = expected[2].iter().copied().fold(0.0, f32::max);
        let conflict = found.conflicts()[i];
        assert!(conflict <= 1.0 - height && (!backward.is_exact() || conflict == 1.0 - height));
        for (&attribute, name) in used.iter().zip(&names) {
            let (told, expected) = (told(name), &expected[attribute]);
            assert!(told.iter().zip(expected).all(|(told, expected)| told >= expected), "{name}: {told:?}");
            assert!(!backward.is_exact() || told == *expected, "{name}: {told:?}");
        }
    }
}

/// In one to five parts, some of which may be empty.
fn learned_in_parts(plain: &Plain, engine: &Engine, rows: &[(Row, Vec<f32>)], mut cuts: Vec<usize>) {
    let part = |rows: &[(Row, Vec<f32>)]| -> Cases {
        let inputs: Vec<Row> = rows.iter().map(|row| row.0.clone()).collect();
        let targets = rows.iter().map(|row| Some(Target::Degrees(row.1.clone())));
        plain.inputs(engine, &inputs).targets("end", targets).build().unwrap()
    };
    let config = LearningConfig::default();
    let whole = learn(engine, &part(rows), &config).unwrap().0;
    cuts.extend([0, rows.len()]);
    cuts.sort_unstable();
    let parts = || cuts.windows(2).map(|ends| Ok::<_, Error>(part(&rows[ends[0]..ends[1]])));
    assert_eq!(learn_streamed(engine, parts, &config).unwrap().0, whole);
}

fn changes_made(plain: &Plain, engine: &Engine, row: &Row) {
    let case = plain.cases(engine, std::slice::from_ref(row));
    let explainer = Explainer::new(engine, &case).unwrap();
    for (target, name) in NAMES.iter().enumerate().skip(2) {
        for change in explainer.changes(name).unwrap() {
            for flip in [&change.below, &change.above].into_iter().flatten() {
                let (mut plain, mut row) = (plain.clone(), row.clone());
                *leaf(&mut plain, &mut row, &change.of) = flip.degree;
                let decided = decide(&plain.by_definition(&row)[target]).positions();
                assert_eq!(decided, flip.decision.iter().map(position).collect::<Vec<_>>(), "{change}");
            }
        }
    }
}

fn position(value: &Value) -> usize {
    let Value::Integer(value) = value else { panic!("{value}") };
    usize::try_from(*value).unwrap()
}

fn leaf<'a>(plain: &'a mut Plain, row: &'a mut Row, leaf: &Leaf) -> &'a mut f32 {
    match leaf {
        Leaf::Input { attribute, value } => {
            let input = NAMES.iter().position(|name| name == attribute).unwrap();
            &mut row[input][position(value)]
        }
        Leaf::Parameter { rule, parameter } => {
            let (set, number) = rule.split_once('-').unwrap();
            let rule = &mut plain.rules[usize::from(set == NAMES[3])][number.parse::<usize>().unwrap()];
            if *parameter == Symbol::S { &mut rule.s } else { &mut rule.r }
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

/// The seeds and regressions of a folder, by target.
pub fn kept(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut kept = Vec::new();
    for kind in ["corpus", "regressions"] {
        let Ok(targets) = std::fs::read_dir(folder.join(kind)) else { continue };
        for target in targets.map(|target| target.unwrap().path()) {
            let name = target.file_name().unwrap().to_str().unwrap().to_owned();
            let files = std::fs::read_dir(&target).unwrap().map(|file| file.unwrap().path());
            kept.extend(files.map(|file| (name.clone(), std::fs::read(file).unwrap())));
        }
    }
    kept
}
