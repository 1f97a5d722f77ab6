//! What must hold of any bytes: one function for each fuzz target. The tests replay the seeds and
//! past crashes through the same functions.

use std::io::Write;
use std::path::Path;
use std::sync::LazyLock;

use pinesy::command::{SystemFile, parse_json, parse_npy, read_cases};
use pinesy::datasets::{idx, read_puzzles};
use pinesy::explain::{Explainer, Leaf, Symbol};
use pinesy::inference::{Calibration, Cases, Engine, Parameters, Target};
use pinesy::learning::{Error, LearningConfig, learn, learn_streamed};
use pinesy::possibility::{Transform, Value, decide};
use pinesy::relation::Composition;
use pinesy::rules::{Limit, Limits, RuleBase};

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

/// A file of calibration is refused, or gives sets that only grow with the error's fall.
pub fn calibration(bytes: &[u8]) {
    let Ok(calibration) = serde_json::from_slice::<Calibration>(bytes) else { return };
    let engine = &*TRIAGE;
    let Ok(()) = calibration.check(engine, calibration.reading(), 0.5) else { return };
    let inputs = engine.base().inputs().map(|input| input.name());
    let unknown = inputs.fold(engine.cases().count(1), |cases, name| cases.unknown(name)).build().unwrap();
    let sizes = |error| calibration.sets(engine, &unknown, "urgency", error).map(|sets| sets.sizes());
    if let (Ok(wide), Ok(narrow)) = (sizes(0.5), sizes(0.9)) {
        assert!(wide[0] >= narrow[0]);
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
    let _ = serde_json::from_slice::<Engine>(bytes);
    if let Ok(cases) = serde_json::from_slice::<Cases>(bytes) {
        assert_eq!(serde_json::from_str::<Cases>(&serde_json::to_string(&cases).unwrap()).unwrap(), cases);
    }
}

/// No JSON object has a key twice, and what was read is written as it was.
pub fn records(bytes: &[u8]) {
    let Ok(json) = parse_json(bytes) else { return };
    assert_eq!(parse_json(json.to_string().as_bytes()).unwrap(), json);
}

/// Whatever text a rule file is, it becomes rules or an error that is short, in bounded time.
pub fn rule_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let few = [Limit::Repetitions, Limit::AllValues, Limit::Evaluations, Limit::Steps, Limit::Rules];
    let limits = Limits::default().with(Limit::Cells, 1_000_000);
    let limits = few.into_iter().fold(limits, |limits, limit| limits.with(limit, 10_000));
    match RuleBase::parse_with(text, "fuzz.toml", &[], &limits) {
        Ok(base) => drop(Engine::of(&base)),
        Err(error) => assert!(error.to_string().len() < 20_000),
    }
}

/// Whatever bytes `pinesy solve` reads, it answers or explains, and its answers are right.
pub fn solve_reader(bytes: &[u8]) {
    let Ok(file) = SystemFile::parse(bytes) else { return };
    for composition in [Composition::MinMax, Composition::MaxMin] {
        let Ok(system) = file.system(composition) else { continue };
        let approximation = system.approximation();
        let product = system.product(approximation.solution.view()).unwrap();
        let gap = product.iter().zip(&file.rhs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!((gap - approximation.distance).abs() <= f32::EPSILON, "{file:?}");
        let _ = system.approximate_matrix();
        assert_eq!(system.opposite_solutions().is_ok(), system.is_consistent());
        if let Ok(solutions) = system.opposite_solutions() {
            assert_eq!(approximation.distance, 0.0);
            assert!(solutions.take(10).all(|x| system.is_solution(x.view()).unwrap()));
        }
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

/// Bytes become a small rule base and cases: every way to infer gives what the formulas do, learning
/// in parts gives what learning at once does, and the changes foretold alter the decision.
pub fn differential(bytes: &[u8]) {
    let mut choices = Choices(bytes.iter());
    let plain = choices.plain();
    let [a, b, _, end] = plain.sizes;
    let rows: Vec<(Row, Vec<f32>)> =
        (0..1 + choices.below(20)).map(|_| ([choices.degrees(a), choices.degrees(b)], choices.degrees(end))).collect();
    let cut = choices.below(20);
    let engine = plain.engine();
    let cases = plain.cases(&engine, &rows.iter().map(|row| row.0.clone()).collect::<Vec<Row>>());
    let inferred = engine.infer_batch(&cases, &NAMES[2..]).unwrap();
    for (i, (row, _)) in rows.iter().enumerate() {
        let alone = engine.infer(&cases.row(i)).unwrap();
        let expected = plain.by_definition(row);
        for (name, expected) in NAMES.iter().zip(&expected).skip(2) {
            assert_eq!(alone.get(name).unwrap().degrees(), expected);
            assert_eq!(inferred.distribution(name, i).unwrap().degrees(), expected);
        }
    }
    learned_in_parts(&plain, &engine, &rows, cut);
    changes_made(&plain, &engine, &rows[0].0);
}

fn learned_in_parts(plain: &Plain, engine: &Engine, rows: &[(Row, Vec<f32>)], cut: usize) {
    let part = |rows: &[(Row, Vec<f32>)]| -> Cases {
        let inputs: Vec<Row> = rows.iter().map(|row| row.0.clone()).collect();
        let targets = rows.iter().map(|row| Some(Target::Degrees(row.1.clone())));
        plain.inputs(engine, &inputs).targets("end", targets).build().unwrap()
    };
    let config = LearningConfig::default();
    let whole = learn(engine, &part(rows), &config).unwrap().0;
    let (first, last) = rows.split_at(cut % (rows.len() + 1));
    let parts = || [first, last].into_iter().filter(|rows| !rows.is_empty()).map(|rows| Ok::<_, Error>(part(rows)));
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
