//! Hostile and unlucky input: each fault that was seen, each limit, and what fuzzing found.

mod common;

use std::time::{Duration, Instant};

use pinesy::possibility::{Domain, Error as PossibilityError, Transform, Value};
use pinesy::relation::System;
use pinesy::rules::{Limit, Limits, RuleBase};

const HEAD: &str = "[parameters]\nk = 3\nx = 1\ni = 0\n[[attribute]]\nname = \"a\"\ndomain = \"0..9\"\n\
    [[attribute]]\nname = \"b\"\ndomain = \"0..1\"\n";

/// The error of a file, found quickly and told briefly.
#[track_caller]
fn fault(text: &str, limits: &Limits) -> String {
    let start = Instant::now();
    let error = RuleBase::parse_with(text, "x.toml", &[], limits).unwrap_err().to_string();
    assert!(start.elapsed() < Duration::from_secs(20), "{error}");
    assert!(error.chars().count() < 2_000, "{error}");
    error
}

fn condition(text: &str) -> String {
    format!("{HEAD}[[rule]]\nif = '''{text}'''\nthen = \"b == 1\"\n")
}

#[test]
fn expressions_are_bounded_before_they_are_parsed() {
    let standard = Limits::default();
    let many = |piece: &str, count: usize| piece.repeat(count);
    let deep = [
        format!("a == 1{}", many(" + 1", 100_000)),
        format!("a == 1{}", many(" + 1", 10_000)),
        format!("{}a == 1{}", many("(", 5_000), many(")", 5_000)),
        format!("a{} == 1", many("[0]", 5_000)),
        format!("a{} == 1", many(".b", 5_000)),
        format!("{}false", many("a == 1 ? true : ", 2_000)),
        format!("a == \"'\" + 1{}", many(" + 1", 5_000)),
        format!("a in {}1{}", many("[", 5_000), many("]", 5_000)),
    ];
    for text in deep {
        let error = fault(&condition(&text), &standard);
        assert!(error.contains("more than") && error.contains("--rule-limit"), "{error}");
    }
    // What is long but not deep is no harm.
    let flat = [format!("a == 1{}", many(" || a == 2", 2_000)), format!("a in [1{}]", many(", 2", 5_000))];
    for text in flat {
        RuleBase::parse(&condition(&text), "x.toml", &[]).unwrap();
    }
    let low = |limit, number| Limits::default().with(limit, number);
    assert!(fault(&condition("a == 1 + 1 + 1"), &low(Limit::Nesting, 2)).contains("more than 2 levels"));
    assert!(fault(&condition("a == 1"), &low(Limit::ExpressionBytes, 3)).contains("more than 3 bytes"));
    assert!(fault(&condition("a == 1"), &low(Limit::FileBytes, 30)).contains("more than 30 bytes in a rule file"));
}

#[test]
fn what_is_quoted_is_short() {
    let error = fault(&condition(&format!("a in [1{}] && q", ", 2".repeat(10_000))), &Limits::default());
    assert!(error.contains('…'), "{error}");
}

#[test]
fn loops_over_lists_have_a_budget() {
    let ten = "[0,1,2,3,4,5,6,7,8,9]";
    let nested: String = (0..8).map(|i| format!("{ten}.all(x{i}, ")).collect();
    let nested = format!("a == 1 && {nested}true{}", ")".repeat(8));
    let doubling = format!("a == 1 && size([[1]]{}) > 0", ".map(x, x + x)".repeat(26));
    for text in [nested, doubling] {
        assert!(fault(&condition(&text), &Limits::default()).contains("steps of an expression"), "{text}");
    }
    RuleBase::parse(&condition("[1, 2, 3].exists(i, a == i)"), "x.toml", &[]).unwrap();
}

#[test]
fn what_multiplies_is_bounded_before_the_work() {
    let rule = "if = \"a == 1\"\nthen = \"b == 1\"\n";
    let file = |lines: &str| format!("{HEAD}{lines}");
    let cases = [
        (
            format!("[[rule]]\nfor = [\"p in 1..4000000\", \"q in 1..4000000\"]\nwhere = \"p + q < 0\"\n{rule}"),
            "repetitions",
        ),
        (format!("[[rule]]\nfor = [\"p in 1..9223372036854775807\"]\n{rule}"), "repetitions"),
        (
            "[[rule]]\nif = [{ for = [\"p in 1..2000000\"], is = \"a == 1\" }]\nthen = \"b == 1\"\n".to_owned(),
            "conditions of one rule",
        ),
        (
            {
                let loops: Vec<String> = (0..5_000).map(|i| format!("\"p{i} in 1..1\"")).collect();
                format!("[[rule]]\nfor = [{}]\n{rule}", loops.join(", "))
            },
            "loops of one `for`",
        ),
        ("[[attribute]]\nname = \"c\"\ndomain = \"0..4000000\"\n".to_owned(), "values of a domain"),
        (
            "[[attribute]]\nfor = [\"p in 1..1000\"]\nname = \"c{p}\"\ndomain = \"0..1000000\"\n".to_owned(),
            "values of all domains",
        ),
        (
            "[[attribute]]\nname = \"c\"\ndomain = \"0..1048575\"\n[[rule]]\nfor = [\"d in 0..1048575\"]\n\
             if = \"c == d\"\nthen = \"b == 1\"\n"
                .to_owned(),
            "evaluated",
        ),
    ];
    // These two cost time before they are reached.
    let limits = Limits::default().with(Limit::AllValues, 5_000_000).with(Limit::Evaluations, 5_000_000);
    for (lines, expected) in cases {
        let error = fault(&file(&lines), &limits);
        assert!(error.contains("more than") && error.contains(expected), "{error}");
    }
    let settings = "[parameters]\nk = 1\n[[attribute]]\nfor = [\"j in 1..k\"]\nname = \"a{j}\"\ndomain = \"0..1\"\n";
    let error = RuleBase::parse(settings, "x", &[("k", 100_000_000)]).unwrap_err().to_string();
    assert!(error.contains("more than 10000000 repetitions"), "{error}");
    let two = file(&format!("[[rule]]\nfor = [\"p in 1..3\"]\nname = \"r{{p}}\"\n{rule}"));
    for (limit, most) in [
        (Limit::Rules, 2),
        (Limit::Attributes, 1),
        (Limit::Conditions, 5),
        (Limit::Cells, 30),
        (Limit::Evaluations, 5),
        (Limit::Repetitions, 2),
    ] {
        let error = fault(&two, &Limits::default().with(limit, most));
        assert!(error.contains(&format!("--rule-limit {limit}=")), "{error}");
    }
    RuleBase::parse(&two, "x", &[]).unwrap();
}

#[test]
fn products_of_products_are_bounded() {
    let mut text = "[[attribute]]\nname = \"c0\"\ndomain = [\"x\"]\n".to_owned();
    for i in 1..=45 {
        let last = i - 1;
        text += &format!("[[attribute]]\nname = \"c{i}\"\ndomain = {{ product = [\"c{last}\", \"c{last}\"] }}\n");
    }
    let few = Limits::default().with(Limit::AllValues, 100_000);
    assert!(fault(&text, &few).contains("more than 100000 values of all domains together"));
    let mut deep = Domain::symbols(["x"]).unwrap();
    let error = (0..100).find_map(|_| match Domain::product(&[deep.clone()]) {
        Ok(deeper) => {
            deep = deeper;
            None
        }
        Err(error) => Some(error),
    });
    assert_eq!(error, Some(PossibilityError::DeepValue { limit: Value::DEPTH }));
}

#[test]
fn placeholders_are_nobodys_name() {
    let text = |then: &str| {
        format!(
            "[[attribute]]\nname = \"a1\"\ndomain = \"0..3\"\n[[attribute]]\nname = \"_0__\"\ndomain = \"0..3\"\n\
             [[attribute]]\nname = \"b\"\ndomain = \"0..1\"\n[[rule]]\nfor = [\"j in 1..1\"]\nif = \"{then}\"\n\
             then = \"b == 1\"\n"
        )
    };
    let error = fault(&text("a{j} == 1 || _0__ == 2"), &Limits::default());
    assert!(error.contains("is about 2 names"), "{error}");
    RuleBase::parse(&text("a{j} == 1"), "x", &[]).unwrap();
}

#[test]
fn consistency_and_solutions_are_one_definition_with_a_tolerance() {
    let (matrix, rhs) = (ndarray::array![[0.5]], ndarray::array![0.502]);
    let system = System::min_max(matrix.view(), rhs.view()).unwrap().with_tolerance(0.01).unwrap();
    assert!(system.is_consistent());
    let extreme = system.extreme_solution().unwrap();
    assert!(system.is_solution(extreme.view()).unwrap());
    let opposite: Vec<_> = system.opposite_solutions().unwrap().collect();
    assert!(!opposite.is_empty() && opposite.iter().all(|x| system.is_solution(x.view()).unwrap()));
}

#[test]
fn probabilities_equal_but_for_rounding_tie() {
    let third = 1.0f32 / 3.0;
    let other = f32::from_bits(third.to_bits() + 1);
    for &transform in <Transform as strum::VariantArray>::VARIANTS {
        assert_eq!(transform.possibility(&[third, other, third]).unwrap(), [1.0; 3]);
        assert_eq!(transform.possibility(&[0.1; 10]).unwrap(), [1.0; 10]);
        let apart = transform.possibility(&[0.3333, 0.3334, 0.3333]).unwrap();
        assert!(apart[0] < 1.0 && apart[1] == 1.0);
    }
}

#[test]
fn no_digits_make_no_sums() {
    assert!(pinesy::tasks::addition::Sums::draw(10, 0, 1).is_empty());
    assert!(pinesy::tasks::addition::Sums::draw(10, usize::MAX, 1).is_empty());
}

#[test]
fn data_files_are_taken_by_the_letter() {
    use pinesy::datasets::{idx, read_iris, read_puzzles, write_puzzles};
    let folder = tempfile::tempdir().unwrap();
    for n in [0, 300] {
        write_puzzles(folder.path(), "test", &[]).unwrap();
        let error = read_puzzles(folder.path(), "test", n).unwrap_err().to_string();
        assert!(error.contains("a grid of side 1 to 256"), "{error}");
    }
    let puzzle = |label: &str, notes: &str| {
        let write = |what: &str, text: &str| {
            std::fs::write(folder.path().join(format!("test_{what}.txt")), text).unwrap();
        };
        write("puzzle_pixels", &("0\t".repeat(28 * 28 - 1) + "0\n"));
        write("cell_labels", label);
        write("puzzle_labels", "1\t0\n");
        write("puzzle_notes", notes);
        read_puzzles(folder.path(), "test", 1)
    };
    assert_eq!(puzzle("mnist_0\n", "\n").unwrap().len(), 1);
    assert!(puzzle("mnist_+000\n", "\n").is_err() && puzzle("mnist_0\n", "a\nb\n").is_err());
    let flower = folder.path().join("iris.csv");
    for size in ["NaN", "-1", "inf", "0"] {
        let text = format!("sepal_length,sepal_width,petal_length,petal_width,species\n1,1,{size},1,setosa\n");
        std::fs::write(&flower, text).unwrap();
        let error = read_iris(&flower).unwrap_err().to_string();
        assert!(error.contains(":2: field 3: expected a length above 0"), "{error}");
    }
    // gzip of two members, and bytes that no header announced.
    let gzip = |bytes: &[u8]| {
        use std::io::Write;
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    };
    let two = [gzip(&[0, 0, 8, 1, 0, 0, 0, 3, 7]), gzip(&[0, 9])].concat();
    assert_eq!(idx::labels_from(&two[..], "x", 10).unwrap().to_vec(), [7, 0, 9]);
    let bomb = gzip(&[&[0, 0, 8, 1, 0, 0, 0, 3][..], &vec![0; 50 << 20]].concat());
    assert!(idx::labels_from(&bomb[..], "x", 10).unwrap_err().to_string().contains("more data"));
}

#[cfg(feature = "cli")]
mod command {
    use std::path::Path;
    use std::process::{Command, Stdio};

    use super::common::fuzzed::{checks, kept, solved};
    use ndarray::{Array1, Array2};
    use pinesy::command::{SystemFile, parse_json, parse_npy};
    use pinesy::relation::{Composition, System};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn pinesy() -> Command {
        Command::new(env!("CARGO_BIN_EXE_pinesy"))
    }

    fn npy(header: &str, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
    }

    #[test]
    fn npy_headers_are_not_trusted() {
        let header = |shape: &str| format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        let one = 0.5f32.to_le_bytes();
        assert_eq!(parse_npy(&npy(&header("(1, 1)"), &one)).unwrap(), ndarray::array![[0.5]]);
        assert_eq!(parse_npy(&npy(&header("(1,)"), &one)).unwrap(), ndarray::array![[0.5]]);
        for shape in ["(1099511627776, 1)", "(0, 18446744073709551615)", "(2, 1)", "()", "(1, 1, 1)", "(-1, 1)"] {
            assert!(parse_npy(&npy(&header(shape), &one)).is_err(), "{shape}");
        }
        assert!(parse_npy(&npy(&"[".repeat(60_000), &[])).is_err());
        assert!(parse_npy(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{").is_err());
        let short = parse_npy(&npy(&header("(2, 1)"), &one)).unwrap_err().to_string();
        assert!(short.contains("2 × 1 numbers of 4 bytes, but 4 bytes of them"), "{short}");
        let columns = "{'descr': '>f8', 'fortran_order': True, 'shape': (2, 2)}";
        let data: Vec<u8> = [0.0, 0.25, 0.5, 1.0f64].iter().flat_map(|x| x.to_be_bytes()).collect();
        assert_eq!(parse_npy(&npy(columns, &data)).unwrap(), ndarray::array![[0.0, 0.5], [0.25, 1.0]]);
    }

    /// Random systems of up to five rows and columns, and consistent ones of the same matrices.
    fn solve_many(degree: impl Fn(&mut ChaCha8Rng) -> f32) {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..2_000 {
            let [rows, columns] = [(); 2].map(|()| random.random_range(1..=5usize));
            let matrix = Array2::from_shape_simple_fn((rows, columns), || degree(&mut random));
            let [rhs, x] = [rows, columns].map(|len| Array1::from_shape_simple_fn(len, || degree(&mut random)));
            for composition in [Composition::MinMax, Composition::MaxMin] {
                solved(composition, &matrix, &rhs);
                let product = System::new(composition, matrix.view(), rhs.view()).unwrap().product(x.view()).unwrap();
                solved(composition, &matrix, &product);
            }
        }
    }

    fn step(steps: u16, random: &mut ChaCha8Rng) -> f32 {
        f32::from(random.random_range(0..=steps)) / f32::from(steps)
    }

    /// In few steps many are consistent; most steps f32 cannot represent.
    #[test]
    fn what_is_said_of_systems_holds() {
        for steps in [2, 10, 100, 1000] {
            solve_many(|random| step(steps, random));
        }
    }

    /// The smallest numbers, half of which is none; and these among others, and next to them.
    #[test]
    fn what_is_said_of_systems_of_the_smallest_numbers_holds() {
        let smallest = |random: &mut ChaCha8Rng| f32::from_bits(random.random_range(0..5));
        solve_many(smallest);
        solve_many(|random| match random.random_range(0..4) {
            0 => smallest(random),
            1 => step(4, random).next_down().max(0.0),
            2 => step(4, random).next_up().min(1.0),
            _ => step(4, random),
        });
    }

    #[test]
    fn what_is_no_degree_is_not_rounded_into_one() {
        for (matrix, rhs) in [("-1e-50", "0.5"), ("1.00000001", "0.5"), ("0.5", "1.00000001")] {
            let file = SystemFile::parse(format!("{{\"matrix\":[[{matrix}]],\"rhs\":[{rhs}]}}").as_bytes()).unwrap();
            assert!(file.system(Composition::MinMax).is_err(), "{matrix} {rhs}");
        }
    }

    #[test]
    fn keys_are_given_once_and_depth_is_bounded() {
        assert!(parse_json(br#"{"a":1,"a":2}"#).is_err() && parse_json(br#"{"a":[{"b":1,"b":1}]}"#).is_err());
        assert!(parse_json("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn tolerances_and_limits_are_checked_on_the_command_line() {
        let code = |arguments: &[&str]| pinesy().args(arguments).stdin(Stdio::null()).output().unwrap();
        let learn = ["learn", "rulesets/iris.toml", "--out", "x", "--threshold", "auto"];
        for more in [&["--validation", "v", "--tolerance", "5", "-"][..], &["-"]] {
            assert_eq!(code(&[&learn[..], more].concat()).status.code(), Some(2));
        }
        assert_eq!(code(&["solve", "--tolerance", "1", "x"]).status.code(), Some(2));
        assert_eq!(code(&["check", "rulesets/iris.toml", "--rule-limit", "nonsense=1"]).status.code(), Some(2));
        let few = code(&["check", "rulesets/iris.toml", "--rule-limit", "rules=1"]);
        assert_eq!(few.status.code(), Some(1));
        assert!(String::from_utf8(few.stderr).unwrap().contains("more than 1 rules"));
    }

    #[test]
    fn solve_reads_standard_input() {
        let mut child = pinesy()
            .args(["solve", "--tolerance", "0.01", "--all", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), br#"{"matrix":[[0.5]],"rhs":[0.502]}"#).unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
        assert_eq!(answer["consistent"], true);
        assert!(!answer["opposite_solutions"].as_array().unwrap().is_empty(), "{answer}");
    }

    /// Told to stop at whatever point of its work, it leaves the old file or the new one.
    #[cfg(target_os = "linux")]
    #[test]
    fn an_interrupted_command_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let (out, examples) = (folder.path().join("p.json"), folder.path().join("e.jsonl"));
        std::fs::write(&out, "before").unwrap();
        std::fs::write(&examples, "{\"petal_length\":[1,0,0],\"petal_width\":[1,0,0],\"species\":\"setosa\"}\n")
            .unwrap();
        for delay in 0..30 {
            let mut child = pinesy()
                .args(["learn", "rulesets/iris.toml", "--out"])
                .args([&out, &examples])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(std::time::Duration::from_millis(delay));
            let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status();
            child.wait().unwrap();
            let names: Vec<_> =
                std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(names.len(), 2, "{names:?}");
            let content = std::fs::read_to_string(&out).unwrap();
            assert!(content == "before" || parse_json(content.as_bytes()).is_ok(), "{content}");
        }
    }

    #[test]
    fn errors_are_short_and_plain_whatever_they_quote() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let rules = "rulesets/triage.toml";
        let long = "n".repeat(1_000_000);
        let files = [
            ("field.jsonl", format!("{{\"{long}\":1}}\n")),
            ("twice.jsonl", format!("{{\"{long}\":1,\"{long}\":1}}\n")),
            ("column.csv", format!("{long}\n1\n")),
            ("escape.jsonl", "{\"\\u001b[2J\":1}\n".to_owned()),
            ("key.toml", format!("{long} = 1\n")),
            ("params.json", format!("{{\"{long}\":1}}")),
            ("calibration.json", format!("{{\"engine\":\"{long}\"}}")),
            ("system.json", format!("{{\"{long}\":1}}")),
        ];
        for (name, text) in files {
            let file = path(name);
            std::fs::write(&file, text).unwrap();
            let input = path("field.jsonl");
            let arguments: &[&str] = match name {
                "key.toml" => &["check", &file],
                "system.json" => &["solve", &file],
                "params.json" => &["infer", rules, "--params", &file, &input],
                "calibration.json" => &["infer", rules, "--calibration", &file, &input],
                _ => &["infer", rules, &file],
            };
            let output = Command::new(env!("CARGO_BIN_EXE_pinesy")).args(arguments).output().unwrap();
            let error = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{name}");
            assert!(error.chars().count() < 2_100 && error.contains("expected"), "{name}: {error}");
            assert!(!error.contains('\u{1b}'), "{name}: {error}");
        }
    }

    /// Seeds and past crashes of the fuzz targets.
    #[test]
    fn fuzzing_is_replayed() {
        // A packaged crate comes without them.
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        if !folder.exists() {
            return;
        }
        let (checks, kept) = (checks(), kept(&folder));
        for (target, bytes) in &kept {
            match checks.iter().find(|(name, _)| name == target) {
                Some((_, check)) => check(bytes),
                None => assert!(target == "checkpoint", "{target}: expected a target"),
            }
        }
        for (name, _) in checks {
            assert!(kept.iter().any(|(target, _)| target == name), "{name}: expected seeds");
            assert!(folder.join(format!("fuzz_targets/{name}.rs")).exists(), "{name}");
        }
    }
}
