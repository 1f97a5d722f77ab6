//! The command `pinesy`, run as its users run it.
#![cfg(feature = "cli")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

const RULES: &str = "rulesets/mnist_addition.toml";

fn pinesy(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pinesy"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that fails early closes its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[track_caller]
fn succeeds(arguments: &[&str], input: &str) -> String {
    let output = pinesy(arguments, input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn fails(code: i32, arguments: &[&str], input: &str) -> String {
    let output = pinesy(arguments, input);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{message}");
    message
}

/// A digit read with some doubt.
fn digit(d: usize, doubt: usize) -> Vec<f64> {
    (0..10)
        .map(|i| {
            if i == d {
                0.75
            } else if i == doubt {
                0.25
            } else {
                0.0
            }
        })
        .collect()
}

#[test]
fn check_shows_the_cascade() {
    let text = succeeds(&["check", RULES, "--set", "k=2"], "");
    assert!(text.starts_with("4 inputs\n"), "{text}");
    let place = |name: &str| text.find(&format!("\n  {name} ")).unwrap_or_else(|| panic!("{name} in {text}"));
    assert!(place("c2") < place("w2") && place("w2") < place("c1") && place("w1") < place("y0"));
    let json: Json = serde_json::from_str(&succeeds(&["check", RULES, "--set", "k=2", "--json"], "")).unwrap();
    let c1 = json["rule_sets"].as_array().unwrap().iter().find(|set| set["name"] == "c1").unwrap();
    assert_eq!(c1["atoms"], 200);
    assert_eq!(c1["rules"].as_array().unwrap().len(), 21);
    assert_eq!(c1["reads"], json!(["a1", "a3", "w2"]));
    assert_eq!(c1["domain"][3], json!([0, 1, 1]));
    assert_eq!(json["inputs"][0], json!({"name": "a1", "domain": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}));
}

#[test]
fn check_places_faults() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.toml");
    std::fs::write(&path, "[[attribute]]\nname = \"a\"\ndomain = \"0..x\"\n").unwrap();
    let message = fails(1, &["check", path.to_str().unwrap()], "");
    assert!(message.contains("bad.toml:3:10: '"), "{message}");
    assert!(
        fails(1, &["check", RULES, "--set", "k=0"], "").contains("parameter k = 0: expected a whole number from 1 up")
    );
}

#[test]
fn infer_answers_line_by_line() {
    let lines = [
        json!({"a1": digit(7, 1), "a2": digit(5, 6)}),
        json!({"a1": [0.5, 0.5, 0, 0, 0, 0, 0, 0, 0, 0], "a2": digit(5, 6)}),
    ];
    let text = succeeds(&["infer", RULES, "-"], &format!("{}\n\n{}\n", lines[0], lines[1]));
    let answers: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 2);
    // Antipignistic: the doubt of 0.25 becomes a possibility of 0.25 + 0.25.
    assert_eq!(answers[0]["y1"]["decision"], 2);
    assert_eq!(answers[0]["y1"]["possibility"], json!([0.0, 0.0, 1.0, 0.5, 0.0, 0.0, 0.5, 0.5, 0.0, 0.0]));
    assert_eq!(answers[0]["y1"]["necessity"], 0.5);
    assert_eq!(answers[0]["c1"]["decision"], json!([7, 5]));
    assert_eq!(answers[1]["y1"]["ambiguous"], true);
    assert_eq!(answers[1]["y1"]["decision"], Json::Null);
    assert_eq!(answers[1]["y1"]["necessity"], Json::Null);
    let specific = succeeds(&["infer", RULES, "--transform", "minimum-specificity", "-"], &lines[0].to_string());
    assert_eq!(serde_json::from_str::<Json>(&specific).unwrap()["y1"]["necessity"], 0.75);
    let order: Vec<usize> =
        ["c1", "w1", "y1", "y0"].iter().map(|name| text.find(&format!("\"{name}\"")).unwrap()).collect();
    assert!(order[0] < order[1..].iter().copied().min().unwrap(), "cascade order");
}

/// A program in talk with the command: it writes a line, and waits for the answer before the next.
struct Talk {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Talk {
    fn with(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pinesy"));
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, input, lines }
    }

    /// Writes a line, and reads up to one of the answer that holds `expected`.
    fn ask(&mut self, line: &str, expected: &str) -> Result<(), String> {
        writeln!(self.input, "{line}").map_err(|error| error.to_string())?;
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(answer) if answer.contains(expected) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(format!("no {expected} in answer to {line}: {error}")),
            }
        }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn every_line_on_a_pipe_is_answered_before_the_next_is_written() {
    let patient = json!({"temperature": 39.5, "pulse": 120, "age": 4, "confused": "no"});
    let patient = |id: usize| {
        let mut patient = patient.clone();
        patient["id"] = id.into();
        patient.to_string()
    };
    let lacking = |id: usize| json!({"temperature": 39.5, "age": 4, "id": id}).to_string();
    let observed = |id: usize| json!({"inputs": {"age": 4}, "observed": {"urgency": "now"}, "id": id}).to_string();
    let head = |id: usize| if id == 1 { "temperature,pulse,age,confused,id\n" } else { "" };
    let row = |id: usize| format!("{}39.5,120,4,no,{id}", head(id));
    let in_json = |id: usize| format!("\"id\":{id}");
    let in_table = |id: usize| format!("\"id\":\"{id}\"");
    let in_text = |id: usize| format!("(id: {id})");
    type Form<'a> = &'a dyn Fn(usize) -> String;
    let talks: &[(&str, Form, Form)] = &[
        ("infer", &patient, &in_json),
        ("abduce", &observed, &in_json),
        ("ask --missing unknown", &lacking, &in_text),
        ("ask --missing unknown --json", &lacking, &in_json),
        ("explain", &patient, &in_text),
        ("explain --format json", &patient, &in_json),
        ("explain --attribute pulse --value slow", &observed, &in_text),
        ("explain --attribute pulse --value slow --format json", &observed, &in_json),
        ("infer", &row, &in_table),
    ];
    let faults = talks.iter().filter_map(|(command, line, answer)| {
        let arguments: Vec<&str> = command.split(' ').chain(["--keep", "id", "rulesets/triage.toml", "-"]).collect();
        let mut talk = Talk::with(&arguments);
        (1..=3).find_map(|id| talk.ask(&line(id), &answer(id)).err()).map(|fault| format!("{command}: {fault}"))
    });
    assert_eq!(faults.collect::<Vec<String>>(), [""; 0]);
}

#[test]
fn bad_lines_are_reported_with_their_number() {
    let good = json!({"a1": digit(7, 1), "a2": digit(5, 6)}).to_string();
    let cases = [
        (json!({"a1": digit(7, 1)}).to_string(), "standard input:2: input attribute a2 is missing"),
        (json!({"a1": digit(7, 1), "a2": [1.0]}).to_string(), "standard input:2: a2: 1 degrees: expected 10"),
        (
            json!({"a1": digit(7, 1), "a2": "x"}).to_string(),
            "standard input:2: a2: \"x\" is none of 0..9: expected one of these, a set {\"in\":[…]}, an array in domain order, or null",
        ),
        (
            json!({"a1": digit(7, 1), "a2": vec![0.5; 10]}).to_string(),
            "standard input:2: a2: probabilities: they sum to 5",
        ),
        (
            json!({"a1": digit(7, 1), "b": digit(1, 2)}).to_string(),
            "standard input:2: 'b' is no attribute: expected a1, a2, c1, w1, y1, y0; --keep b carries it to the output",
        ),
        ("[1]".to_owned(), "standard input:2: expected a JSON object"),
        ("{\"a1\": [".to_owned(), "standard input:2: "),
    ];
    for (bad, expected) in cases {
        let output = pinesy(&["infer", RULES, "-"], &format!("{good}\n{bad}\n{good}\n"));
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(message.contains(expected), "{message}");
        // What came before the bad line was answered.
        assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 1, "{bad}");
    }
    let degrees = json!({"a1": vec![1.0; 10], "a2": [1, 1, 1, 1, 2, 1, 1, 1, 1, 1]}).to_string();
    assert!(
        fails(1, &["infer", RULES, "--possibility", "-"], &degrees)
            .contains("a2: degree 2 at position 4: expected a number from 0 to 1")
    );
}

#[test]
fn usage_errors_exit_with_2() {
    fails(2, &["infer"], "");
    fails(2, &["no-such-command"], "");
    assert!(fails(2, &["check", RULES, "--set", "k"], "").contains("expected name=number, such as k=2"));
    assert!(
        fails(2, &["infer", RULES, "--transform", "magic", "-"], "")
            .contains("[possible values: antipignistic, minimum-specificity]")
    );
    assert!(
        fails(2, &["learn", RULES, "--out", "x", "--threshold", "-1", "-"], "")
            .contains("expected none, auto or a number above 0")
    );
}

fn example(a: usize, b: usize) -> Json {
    let sure = |d: usize| (0..10).map(|i| f64::from(u8::from(i == d))).collect::<Vec<_>>();
    json!({
        "inputs": {"a1": sure(a), "a2": sure(b)},
        "targets": {"c1": [a, b], "w1": (a + b) / 10, "y0": (a + b) / 10, "y1": sure((a + b) % 10)}
    })
}

#[test]
fn what_learn_writes_infer_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let lines: Vec<String> = (0..100).map(|i| example(i / 10, i % 10).to_string()).collect();
    succeeds(&["learn", RULES, "--out", &path("p.json"), "--report", &path("r.json"), "-"], &lines.join("\n"));
    let parameters: Json = serde_json::from_str(&std::fs::read_to_string(path("p.json")).unwrap()).unwrap();
    assert_eq!(parameters["parameters"]["c1"]["s"], json!(vec![0.0; 20]));
    assert_eq!(parameters["parameters"]["w1"]["r"], json!([0.0]));
    assert_eq!(parameters["parameters"]["w1"]["rules"], json!(["if c1[0] + c1[1] >= 10 then w1 == 1"]));
    let report: Json = serde_json::from_str(&std::fs::read_to_string(path("r.json")).unwrap()).unwrap();
    assert_eq!(report["rule_sets"][0]["attribute"], "c1");
    assert_eq!(report["rule_sets"][0]["kept"], 100);
    let answer = succeeds(
        &["infer", RULES, "--params", &path("p.json"), "-"],
        &json!({"a1": digit(7, 1), "a2": digit(5, 6)}).to_string(),
    );
    assert!(answer.contains("\"decision\":2"));
    let wrong = fails(1, &["infer", RULES, "--set", "k=2", "--params", &path("p.json"), "-"], "");
    assert!(wrong.contains("p.json: parameters: none for c2: expected s and r of its 20 rules"), "{wrong}");
}

#[test]
fn a_failed_learn_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("p.json");
    std::fs::write(&out, "before").unwrap();
    let mut bad = example(3, 4);
    bad["targets"]["w1"] = json!(7);
    let lines = format!("{}\n{bad}\n", example(1, 2));
    let message = fails(1, &["learn", RULES, "--out", out.to_str().unwrap(), "-"], &lines);
    assert!(
        message.contains("standard input:2: w1: 7 is outside the domain: expected something in {0, 1}"),
        "{message}"
    );
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "before");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    bad["targets"] = json!({"a1": 3});
    let message = fails(1, &["learn", RULES, "--out", out.to_str().unwrap(), "-"], &bad.to_string());
    assert!(message.contains("standard input:1: 'a1' is not a derived attribute"), "{message}");
    let nowhere = Path::new("no/such/folder/p.json");
    let message = fails(1, &["learn", RULES, "--out", nowhere.to_str().unwrap(), "-"], &example(1, 2).to_string());
    assert!(message.contains("no/such/folder/p.json: cannot be written"), "{message}");
}

/// A folder with one file in it.
fn with_file(name: &str, content: &[u8]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    (folder, path.to_str().unwrap().to_owned())
}

#[test]
fn solve_prints_all_there_is_to_know() {
    let (_folder, path) = with_file("s.json", br#"{"matrix":[[0.25,0.75],[0.5,0.5]],"rhs":[0.5,0.25]}"#);
    let answer: Json = serde_json::from_str(&succeeds(&["solve", "--all", &path], "")).unwrap();
    assert_eq!(
        answer,
        json!({
            "consistent": false, "chebyshev_distance": 0.25, "row_distances": [0.0, 0.25], "extreme_solution": [0.0, 0.0],
            "approximation": [0.25, 0.5], "maximal_consistent_rows": [0], "opposite_solutions": [], "complete": true
        })
    );
    let (_folder, path) = with_file("s.json", br#"{"matrix":[[0.75,0.75],[0.5,0.25]],"rhs":[0.5,0.5]}"#);
    let answer: Json =
        serde_json::from_str(&succeeds(&["solve", "--composition", "max-min", "--all", &path], "")).unwrap();
    assert_eq!(answer["extreme_solution"], json!([0.5, 0.5]));
    assert_eq!(answer["opposite_solutions"], json!([[0.5, 0.0]]));
    let table = succeeds(&["solve", "--composition", "max-min", "--all", "--format", "table", &path], "");
    assert!(table.starts_with("consistent\n") && table.contains("greatest solution\n       0.5       0.5"), "{table}");
    assert!(table.contains("1 minimal solutions"), "{table}");
}

#[test]
fn solve_limits_what_it_lists() {
    let (_folder, path) = with_file("s.json", br#"{"matrix":[[0,0,0]],"rhs":[0.5]}"#);
    let answer: Json = serde_json::from_str(&succeeds(&["solve", "--all", "--limit", "2", &path], "")).unwrap();
    assert_eq!(answer["opposite_solutions"], json!([[0.5, 1.0, 1.0], [1.0, 0.5, 1.0]]));
    assert_eq!(answer["complete"], false);
}

#[test]
fn solve_reads_csv_and_npy() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("m.csv"), "0.25, 0.75\n0.5, 0.5\n").unwrap();
    std::fs::write(path("y.csv"), "0.5\n0.25\n").unwrap();
    ndarray_npy::write_npy(path("m.npy"), &ndarray::array![[0.25f64, 0.75], [0.5, 0.5]]).unwrap();
    ndarray_npy::write_npy(path("y.npy"), &ndarray::array![0.5f32, 0.25]).unwrap();
    let expected = succeeds(&["solve", &path("m.csv"), "--rhs", &path("y.csv")], "");
    assert!(expected.contains("\"chebyshev_distance\":0.25"), "{expected}");
    assert_eq!(succeeds(&["solve", &path("m.npy"), "--rhs", &path("y.npy")], ""), expected);

    let bad = |content: &str| {
        std::fs::write(path("bad.csv"), content).unwrap();
        fails(1, &["solve", &path("bad.csv"), "--rhs", &path("y.csv")], "")
    };
    assert!(bad("0.5,x\n").contains("bad.csv: line 1, field 2: 'x': expected a number"));
    assert!(bad("0.5,0.5\n0.5\n").contains("matrix row 1 has 1 elements: expected 2 as in row 0"));
    assert!(bad("0.5,0.5\n0.5,1.5\n").contains("matrix row 1, column 1: 1.5: expected a number from 0 to 1"));
    assert!(bad("").contains("a matrix of 0 rows and 0 columns"));
    assert!(
        fails(1, &["solve", &path("m.csv")], "")
            .contains("a matrix alone: expected a file with its right-hand side as well")
    );
    let (_folder, wrong) = with_file("s.json", br#"{"matrix":[[0.5]]}"#);
    assert!(fails(1, &["solve", &wrong], "").contains("missing field `rhs` at line 1 column 18"));
}

#[test]
fn learn_searches_thresholds_and_lists_conflicts() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let mut lines: Vec<Json> = (0..100).map(|i| example(i / 10, i % 10)).collect();
    // Three of the hundred validation examples say by an array that a last digit is another. All say
    // by a value, and rightly, what the first digit is.
    let mut validation = lines.clone();
    for (i, wrong) in [(7, 8), (34, 8), (99, 0)] {
        validation[i]["targets"]["y1"] = json!((0..10).map(|d| u8::from(d == wrong)).collect::<Vec<_>>());
    }
    // Another leaves the right one possible: that is wrong as well.
    validation[50]["targets"]["y1"] = json!([0, 0, 1, 0, 0, 0.5, 0, 0, 0, 0]);
    std::fs::write(path("v.jsonl"), validation.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    // 3 + 4 was written down as 3 + 5.
    lines[34]["targets"] = example(3, 5)["targets"].clone();
    std::fs::write(path("e.jsonl"), lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let arguments = |more: &[&'static str]| -> Vec<String> {
        let mut all =
            ["learn", RULES, "--out", &path("p.json"), "--report", &path("r.json"), "--conflicts", &path("c.jsonl")]
                .map(str::to_owned)
                .to_vec();
        all.extend(more.iter().map(|argument| (*argument).to_owned()));
        all
    };
    let run = |arguments: Vec<String>, examples: &str| {
        let all: Vec<&str> = arguments.iter().map(String::as_str).chain([examples]).collect();
        pinesy(&all, "")
    };
    let without = run(arguments(&["--threshold", "auto"]), &path("e.jsonl"));
    assert_eq!(without.status.code(), Some(2));
    assert!(String::from_utf8(without.stderr).unwrap().contains("expected --validation V.jsonl"));

    let mut with = arguments(&["--threshold", "auto", "--paper", "low-data", "--validation"]);
    with.push(path("v.jsonl"));
    let output = run(with, &path("e.jsonl"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Json = serde_json::from_str(&std::fs::read_to_string(path("r.json")).unwrap()).unwrap();
    assert_eq!(report["accuracy"], 0.96);
    assert_eq!(report["learning"]["rule_sets"][0]["kept"], 99, "the wrong example is dropped");
    let conflicts = std::fs::read_to_string(path("c.jsonl")).unwrap();
    let first: Json = serde_json::from_str(conflicts.lines().next().unwrap()).unwrap();
    assert_eq!(first["attribute"], "c1");
    assert_eq!(first["trade_off"], json!([{"distance": 0.0, "kept": 99}, {"distance": 1.0, "kept": 100}]));
    assert_eq!(first["conflicts"], json!([{"line": 35, "distance": 1.0, "rule": "if a2 == 4 then c1[1] == 4"}]));

    let mut fixed = arguments(&["--threshold", "0.5", "--validation"]);
    fixed.push(path("v.jsonl"));
    assert!(run(fixed, &path("e.jsonl")).status.success());
    let report: Json = serde_json::from_str(&std::fs::read_to_string(path("r.json")).unwrap()).unwrap();
    assert_eq!(report["validation_accuracy"], 0.96);
}

#[test]
fn explain_answers_in_every_form() {
    let line = json!({"a1": digit(3, 8), "a2": digit(4, 9)}).to_string() + "\n";
    let explain = |more: &[&str]| succeeds(&[&["explain", RULES], more, &["-"]].concat(), &line);

    let text = explain(&[]);
    // Both digits of the sum, since no rule reads them; no colours, since this is no terminal.
    assert!(text.contains("y0 = 0 is certain to degree 0.50: a1 reads 3 (anything else possible to 0.50)"), "{text}");
    assert!(text.contains("y1 = 7 is certain to degree 0.50"), "{text}");
    assert!(text.contains("a1 = 3, now 1; if it falls to 0.50: 2 or 7"), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains("λ"));
    let table = explain(&["--attribute", "y0", "--activations", "--changes", "0"]);
    assert!(table.contains("y0         if w1 == 0 then y0 == 0  1.0000  0.5000  1.0000  0.5000"), "{table}");
    assert!(!table.contains("It would change"));

    let tree = explain(&["--attribute", "c1", "--value", "(8, 9)"]);
    assert!(tree.starts_with("line 1:\nc1 = (8, 9) is possible to degree 0.50\n├─ rule"), "{tree}");
    assert_eq!(tree, explain(&["--attribute", "c1", "--value", "[8, 9]"]));
    let cut = explain(&["--attribute", "c1", "--value", "(8, 9)", "--limit", "3"]);
    assert!(cut.contains("… 3 more rules"), "{cut}");

    let lines = explain(&["--format", "json", "--attribute", "y1"]);
    let json: Json = serde_json::from_str(&lines).unwrap();
    assert_eq!((&json["line"], &json["attribute"]), (&json!(1), &json!("y1")));
    assert_eq!(json["justification"]["decision"], json!([7]));
    assert_eq!(json["changes"][0]["below"], json!({"degree": 0.5, "decision": [2, 7]}));
    let nodes = json["justification"]["explanation"]["nodes"].as_array().unwrap();
    assert!(nodes.iter().any(|node| node["attribute"] == "a1" && node["origin"] == "input"));

    let dot = explain(&["--format", "dot", "--attribute", "y1"]);
    assert!(dot.starts_with("digraph \"y1\" {\n") && dot.ends_with("}\n"));

    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("why.html");
    assert_eq!(explain(&["--format", "html", "--out", page.to_str().unwrap()]), "");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("<section data-attribute=\"y0\">"));
}

/// The README's example of an explanation is what the command prints.
#[test]
fn the_readme_shows_what_explain_prints() {
    let readme = std::fs::read_to_string("README.md").unwrap();
    let line = readme.split("echo '").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
    let printed = succeeds(&["explain", RULES, "--attribute", "y1", "-"], line);
    assert!(readme.contains(printed.trim_end()), "{printed}");
}

/// So is its example of a system solved.
#[test]
fn the_readme_shows_what_solve_prints() {
    let readme = std::fs::read_to_string("README.md").unwrap();
    let before = readme.split("pinesy solve --format table").next().unwrap();
    let system = before.rsplit("echo '").next().and_then(|rest| rest.split('\'').next()).unwrap();
    let printed = succeeds(&["solve", "--format", "table", "-"], system);
    assert!(readme.contains(printed.trim_end()), "{printed}");
}

#[test]
fn explain_refuses_what_it_cannot_answer() {
    let line = json!({"a1": digit(3, 8), "a2": digit(4, 9)}).to_string() + "\n";
    let ask = |code, more: &[&str], input: &str| fails(code, &[&["explain", RULES], more, &["-"]].concat(), input);
    assert!(ask(1, &["--attribute", "b1"], &line).contains("'b1' is not a derived attribute: expected one of c1"));
    let message = ask(1, &["--attribute", "y1", "--value", "ten"], &line);
    assert!(message.contains("y1 has no value ten: expected one of 0..9"), "{message}");
    let message = ask(2, &["--value", "3"], &line);
    assert!(message.contains("--attribute is missing: expected one of y1, y0"), "{message}");
    assert!(ask(1, &[], "{\"a1\":[1]}\n").contains("standard input:1: "));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("why.txt");
    let broken = line.clone() + "{\"a1\":[1]}\n";
    ask(1, &["--out", out.to_str().unwrap()], &broken);
    assert!(!out.exists(), "no half answer is left behind");
}

#[test]
fn abduce_finds_what_explains_a_sum() {
    let lines = [
        json!({"inputs": {"a1": {"in": [7, 1]}}, "observed": {"y0": 1, "y1": 2}, "id": 1}),
        json!({"observed": {"y0": 1, "y1": 9}}),
        json!({"a1": 3, "y0": 0, "y1": [0, 0, 0, 0, 0, 1, 0.25, 0, 0, 0]}),
    ];
    let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let text = succeeds(&["abduce", RULES, "--keep", "id", "-"], &input);
    let answers: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let first = &answers[0];
    assert_eq!((&first["id"], &first["a1"]["decision"], &first["a2"]["decision"]), (&json!(1), &json!(7), &json!(5)));
    assert_eq!(
        (&first["exact"], &first["conflict"], &first["c1"]["decision"]),
        (&json!(true), &json!(0.0), &json!([7, 5]))
    );
    // No two digits make 19.
    assert_eq!((&answers[1]["conflict"], &answers[1]["a1"]["reason"]), (&json!(1.0), &json!("conflict")));
    let third: Vec<f64> = serde_json::from_value(answers[2]["a2"]["possibility"].clone()).unwrap();
    assert_eq!(third, [0.0, 0.0, 1.0, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    let own = succeeds(&["abduce", RULES, "--keep", "id", "--own-excluded", "-"], &input);
    let own: Json = serde_json::from_str(own.lines().next().unwrap()).unwrap();
    let told: Vec<f64> = serde_json::from_value(own["a1"]["possibility"].clone()).unwrap();
    assert_eq!(told, [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    let why = succeeds(&["explain", RULES, "--attribute", "a1", "--value", "1", "--keep", "id", "-"], &input);
    assert!(
        why.starts_with("line 1 (id: 1):\na1 = 1 is impossible, by what was observed of y0, y1.\nline 2:"),
        "{why}"
    );
    assert!(why.contains("line 3:\na1 = 1 is impossible, by a1.\n"), "{why}");
    let wrong = fails(1, &["abduce", RULES, "-"], "{\"observed\":{\"y9\":0}}");
    assert!(wrong.contains("'y9' is not a derived attribute") || wrong.contains("y9"), "{wrong}");
}

#[test]
fn rules_report_counts_what_rules_did() {
    let lines: String = (0..100).map(|i| format!("{}\n", example(i / 10, i % 10))).collect();
    let json: Json = serde_json::from_str(&succeeds(&["rules-report", RULES, "--json", "-"], &lines)).unwrap();
    assert_eq!(json["examples"], 100);
    let of = |name: &str| json["rules"].as_array().unwrap().iter().find(|rule| rule["rule"] == name).unwrap().clone();
    // Ten of the hundred sums of two digits have a first digit 3; all are inferred rightly.
    let rule = of("if a1 == 3 then c1[0] == 3");
    assert_eq!((&rule["held"], &rule["decided"], &rule["blocked"]), (&json!(10), &json!(100), &json!(0)));
    assert_eq!(of("if c1[0] + c1[1] >= 10 then w1 == 1")["held"], 45);

    // 3 + 4 = 9, somebody says.
    let mut wrong = example(3, 4);
    wrong["targets"] = json!({"y1": 9});
    let table = succeeds(&["rules-report", RULES, "-"], &format!("{wrong}\n"));
    let blocked = |rule: &str| table.lines().find(|line| line.contains(rule)).unwrap().ends_with("  1");
    // The rule on 9 sees no 9; the one on 7 sees a 7, which excludes all else.
    assert!(blocked("then y1 == 9") && blocked("then y1 == 7") && !blocked("then y1 == 8"), "{table}");
    assert!(table.ends_with("\n1 examples, 32 rules: 0 never decided, 2 blocked a right answer\n"), "{table}");
}

/// No value of a domain of large numbers passes for another, or for all.
#[test]
fn whole_numbers_are_compared_exactly() {
    let (_folder, rules) = with_file(
        "r.toml",
        b"[[attribute]]\nname = \"x\"\ndomain = \"1700000000..1700000010\"\n[[attribute]]\nname = \"y\"\n\
          domain = \"16777216..16777217\"\n[[attribute]]\nname = \"z\"\ndomain = \"0..1\"\n\
          [[attribute]]\nname = \"big\"\ndomain = \"9007199254740992..9007199254740993\"\n\
          [[rule]]\nif = \"x == 1700000003 || x == 1700000004 || x == 1700000005\"\nthen = \"z == 1\"\n\
          [[rule]]\nif = \"y == 16777216\"\nthen = \"z == 1\"\n\
          [[rule]]\nif = \"big == 9007199254740992\"\nthen = \"z == 1\"\n",
    );
    let infer = |text: &str| pinesy(&["abduce", &rules, "-"], text);
    let left = |text: &str, name: &str| -> Vec<f64> {
        let output = infer(text);
        assert!(output.status.success(), "{text}: {}", String::from_utf8_lossy(&output.stderr));
        let answer: Json = serde_json::from_slice(&output.stdout).unwrap();
        serde_json::from_value(answer[name]["possibility"].clone()).unwrap()
    };
    let only = |from: usize, to: usize| (0..11).map(|i| f64::from(u8::from((from..=to).contains(&i)))).collect();
    let expected: [(&str, Vec<f64>); 4] = [
        (r#"{"x":1700000003.0}"#, only(3, 3)),
        (r#"{"x":"1700000003.0"}"#, only(3, 3)),
        (r#"{"x":{"from":1700000003,"to":1700000005}}"#, only(3, 5)),
        (r#"{"x":{"from":1700000008.5}}"#, only(9, 10)),
    ];
    for (text, expected) in expected {
        assert_eq!(left(text, "x"), expected, "{text}");
    }
    assert_eq!(left(r#"{"big":9007199254740993}"#, "big"), [0.0, 1.0]);
    for (text, expected) in [
        (r#"{"x":{"from":1700000011,"to":1700000020}}"#, "1700000011 to 1700000020 is outside the domain"),
        (r#"{"x":{"from":1700000005,"to":1700000003}}"#, "expected two numbers, the lower one first"),
        (r#"{"x":1700000011.0}"#, "1700000011 is outside the domain"),
        (r#"{"y":16777216.6}"#, "16777216.6 is none of"),
        (r#"{"z":0.99999999999}"#, "0.99999999999 is none of"),
        (r#"{"big":9007199254740994}"#, "9007199254740994 is none of"),
        (r#"{"big":9007199254740992.7}"#, "is none of"),
    ] {
        let output = infer(text);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(message.contains(expected), "{text}: {message}");
    }
}

#[test]
fn standard_input_is_any_one_file() {
    let text = std::fs::read_to_string(RULES).unwrap();
    assert_eq!(succeeds(&["check", "-"], &text), succeeds(&["check", RULES], ""));
    let parameters = r#"{"parameters":{}}"#;
    for (arguments, input, expected) in [
        (&["check", "-"][..], "[[rule]]", "standard input:1:"),
        (&["infer", RULES, "--params", "-", "x"], parameters, "parameter file standard input: parameters: none for c1"),
        (&["infer", RULES, "--calibration", "-", "x"], "{}", "calibration file standard input: "),
    ] {
        let message = fails(1, arguments, input);
        assert!(message.contains(expected), "{message}");
    }
    let line = json!({"a1": digit(3, 8), "a2": digit(4, 9)}).to_string() + "\n";
    let (_records, records) = with_file("records.jsonl", line.as_bytes());
    let zeros = |count: usize| json!({"s": vec![0; count], "r": vec![0; count]});
    let sets = json!({"c1": zeros(20), "w1": zeros(1), "y1": zeros(10), "y0": zeros(1)});
    let certain = json!({ "parameters": sets }).to_string();
    let (_parameters, file) = with_file("certain.json", certain.as_bytes());
    let answers = succeeds(&["infer", RULES, "--params", &file, &records], "");
    assert_eq!(succeeds(&["infer", RULES, "--params", "-", &records], &certain), answers);
    let (_folder, out) = with_file("out", b"before");
    for arguments in [
        &["learn", RULES, "--out", &out, "--validation", "-", "-"][..],
        &["learn", RULES, "--out", &out, "--params", "-", "-"],
        &["calibrate", "-", "--out", &out, "-"],
        &["explain", RULES, "--calibration", "-", "-"],
        &["infer", RULES, "--npy", "a1=-", "--npy", "a2=-"],
        &["infer", "-", "-"],
        &["abduce", "-", "-"],
        &["ask", RULES, "--calibration", "-", "-"],
        &["rules-report", RULES, "--params", "-", "-"],
    ] {
        let message = fails(2, arguments, "");
        assert!(message.contains("standard input (-) is to be read for two files: expected it for one"), "{message}");
    }
    assert!(fails(2, &["check", "--watch", "-"], "").contains("--watch with standard input"));
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "before");
}

#[test]
fn numbers_of_the_command_line_are_checked_there() {
    for error in ["0", "1", "nan", "inf"] {
        let message = fails(2, &["infer", RULES, "--calibration", "none.json", "--error", error, "-"], "");
        assert!(message.contains("expected a number above 0 and below 1"), "{message}");
    }
    let message = fails(2, &["learn", RULES, "--out", "x", "--threshold", "inf", "-"], "");
    assert!(message.contains("expected none, auto or a number above 0"), "{message}");
    for (more, expected) in [
        (["--set", "k=1", "--set", "k=2"], "--set k is given twice: expected once"),
        (["--rule-limit", "rules=9", "--rule-limit", "rules=8"], "--rule-limit rules is given twice"),
    ] {
        let message = fails(2, &[&["check", RULES][..], &more].concat(), "");
        assert!(message.contains(expected), "{message}");
    }
    let message = fails(2, &["infer", RULES, "--npy", "a1=x.npy", "--npy", "a1=y.npy"], "");
    assert!(message.contains("--npy a1 is given twice"), "{message}");
}

#[cfg(feature = "perception")]
#[test]
fn numbers_of_a_training_are_checked_on_the_command_line() {
    for (option, number, expected) in [
        ("--epochs", "0", "expected a whole number from 1 up"),
        ("--limit", "0", "expected a whole number from 1 up"),
        ("--batch", "0", "batch: expected at least 2"),
        ("--learning-rate", "nan", "learning rate: expected a positive number"),
    ] {
        let message = fails(2, &["train", "--data", "no/such", "--out", "x", option, number], "");
        assert!(message.contains(expected), "{message}");
    }
}

#[cfg(feature = "perception")]
#[test]
fn networks_teach_networks() {
    let folder = tempfile::tempdir().unwrap();
    let [out, untaught] = ["taught", "untaught"].map(|name| {
        let path = folder.path().join(format!("{name}.safetensors"));
        path.to_str().unwrap().to_owned()
    });
    let train = ["train", "--device", "cpu", "--epochs", "1", "--limit", "256", "--out"];
    succeeds(&[&train[..], &[&untaught]].concat(), "");
    let train = [&train[..], &[&out, "--teachers"]].concat();
    let teachers = ["models/mnist.safetensors", "models/mnist_from_sums.safetensors"];
    let said = succeeds(&[&train[..], &teachers].concat(), "");
    assert!(said.contains("taught.safetensors: epoch 1, validation accuracy"), "{said}");
    assert_ne!(std::fs::read(&out).unwrap(), std::fs::read(&untaught).unwrap());
    let message = fails(1, &[&train[..], &["models/mnist.safetensors", "README.md"]].concat(), "");
    assert!(message.contains("README.md: expected a safetensors file"), "{message}");
    let message = fails(2, &[&train[..], &[&out]].concat(), "");
    assert!(message.contains("taught.safetensors: is read as well"), "{message}");
    let message = fails(2, &["train", "--out", "-"], "");
    assert!(message.contains("--out -: expected a regular file"), "{message}");
}

#[cfg(feature = "perception")]
#[test]
fn perceive_refuses_inputs_that_are_none() {
    let perceive = |code, more: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().to_str().unwrap();
        let message =
            fails(code, &[&["perceive", "--model", "models/mnist.safetensors"][..], more, &[inside]].concat(), "");
        assert_eq!(std::fs::read_dir(inside).unwrap().count(), 0);
        message
    };
    assert!(perceive(2, &["--inputs", "a1,a1"]).contains("--inputs a1 is given twice: expected once"));
    for names in [",", "../x", "a b"] {
        assert!(perceive(2, &["--inputs", names]).contains("attribute name '"));
    }
    assert!(perceive(1, &["--inputs", "a1"]).contains("holds no .png: expected a folder of pictures"));
}

/// An IDX file of square images.
#[cfg(feature = "perception")]
fn write_idx<const PIXELS: usize>(path: &Path, images: &[[u8; PIXELS]]) {
    let side = PIXELS.isqrt() as u32;
    let sizes = [0x803, images.len() as u32, side, side].map(u32::to_be_bytes);
    std::fs::write(path, [sizes.as_flattened(), images.as_flattened()].concat()).unwrap();
}

/// A picture of 28×28 pixels.
#[cfg(feature = "perception")]
fn write_png(path: &Path, color: png::ColorType, pixels: &[u8]) {
    let mut encoder = png::Encoder::new(std::fs::File::create(path).unwrap(), 28, 28);
    encoder.set_color(color);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
}

/// Lines and arrays say the same, and the sums inferred from either are those of the labels.
#[cfg(feature = "perception")]
#[test]
fn perceive_writes_what_infer_reads() {
    let folder = tempfile::tempdir().unwrap();
    let (images, inside) = (folder.path().join("some.idx"), folder.path().to_str().unwrap());
    let test = pinesy::datasets::Mnist::read("datasets/mnist").unwrap().test.slice(0..8);
    let pixels = test.images.as_standard_layout();
    write_idx(&images, pixels.as_slice().unwrap().as_chunks::<784>().0);
    let image_file = images.to_str().unwrap();
    let perceive = ["perceive", "--device", "cpu", "--model", "models/mnist.safetensors", "--inputs", "a2,a1"];
    let lines = succeeds(&[&perceive[..], &[image_file]].concat(), "");
    succeeds(&[&perceive[..], &["--npy", inside, image_file]].concat(), "");
    let arrays = ["a2", "a1"].map(|name| {
        let array: ndarray::Array2<f32> = ndarray_npy::read_npy(folder.path().join(format!("{name}.npy"))).unwrap();
        array
    });
    let from_lines = succeeds(&["infer", RULES, "-"], &lines);
    let npy = ["a2", "a1"].map(|name| format!("{name}={inside}/{name}.npy"));
    assert_eq!(succeeds(&["infer", RULES, "--npy", &npy[0], "--npy", &npy[1]], ""), from_lines);
    for (case, (line, inferred)) in lines.lines().zip(from_lines.lines()).enumerate() {
        // As few digits as tell single numbers apart, the inputs as they were named.
        let rows = arrays.each_ref().map(|array| serde_json::to_string(&array.row(case).to_vec()).unwrap());
        assert_eq!(line, format!("{{\"a2\":{},\"a1\":{}}}", rows[0], rows[1]));
        let inferred: Json = serde_json::from_str(inferred).unwrap();
        let sum = test.labels[2 * case] + test.labels[2 * case + 1];
        assert_eq!((&inferred["y0"]["decision"], &inferred["y1"]["decision"]), (&json!(sum / 10), &json!(sum % 10)));
    }
    let alone = succeeds(&[&perceive[..5], &[image_file]].concat(), "");
    let first = serde_json::to_string(&arrays[0].row(0).to_vec()).unwrap();
    assert_eq!(alone.lines().next().unwrap(), format!("{{\"image\":0,\"probabilities\":{first}}}"));
}

#[cfg(feature = "perception")]
#[test]
fn perceive_writes_arrays_of_no_images_too() {
    let folder = tempfile::tempdir().unwrap();
    let (images, inside) = (folder.path().join("none.idx"), folder.path().to_str().unwrap());
    write_idx::<784>(&images, &[]);
    let perceive = ["perceive", "--device", "cpu", "--model", "models/mnist.safetensors", "--inputs", "a1,a2"];
    let arrays = [&perceive[..], &["--npy", inside, images.to_str().unwrap()]].concat();
    assert_eq!(succeeds(&arrays, ""), "");
    for name in ["a1.npy", "a2.npy"] {
        let array: ndarray::Array2<f32> = ndarray_npy::read_npy(folder.path().join(name)).unwrap();
        assert_eq!(array.dim(), (0, 10));
    }
}

/// A network that overflows on what is not black names the image, however far into the file.
#[cfg(feature = "perception")]
#[test]
fn perceive_names_the_image_that_gives_no_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let [images, model] = ["images.idx", "model.safetensors"].map(|name| folder.path().join(name));
    let mut all = vec![[0; 784]; 4200];
    all[4160] = [255; 784];
    write_idx(&images, &all);
    let shipped = std::fs::read("models/mnist.safetensors").unwrap();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&shipped).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&shipped).unwrap();
    let large: Vec<u8> = tensors
        .tensor("blocks.0.conv.weight")
        .unwrap()
        .data()
        .chunks_exact(4)
        .flat_map(|_| 1e36f32.to_le_bytes())
        .collect();
    let views = tensors.iter().map(|(name, view)| match name {
        "blocks.0.conv.weight" => {
            (name, safetensors::tensor::TensorView::new(view.dtype(), view.shape().to_vec(), &large).unwrap())
        }
        _ => (name, view),
    });
    std::fs::write(&model, safetensors::serialize(views, metadata.metadata().clone()).unwrap()).unwrap();
    let paths = [&model, &images].map(|path| path.to_str().unwrap());
    let message = fails(1, &["perceive", "--device", "cpu", "--model", paths[0], paths[1]], "");
    assert!(message.contains("images.idx: image 4160: the scores of"), "{message}");
    // A picture, by its file.
    for (name, grey) in [("black.png", 0), ("white.png", 255)] {
        write_png(&folder.path().join(name), png::ColorType::Grayscale, &[grey; 784]);
    }
    let inside = folder.path().to_str().unwrap();
    let message = fails(1, &["perceive", "--device", "cpu", "--model", paths[0], inside], "");
    assert!(message.contains("white.png: the scores of"), "{message}");
}

#[cfg(feature = "perception")]
#[test]
fn perceive_names_the_file_of_pictures_it_cannot_read() {
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small.idx");
    write_idx(&small, &[[0; 4]]);
    let read = |path: &Path| {
        fails(1, &["perceive", "--device", "cpu", "--model", "models/mnist.safetensors", path.to_str().unwrap()], "")
    };
    assert!(read(&small).contains("small.idx: 2×2 pixels: expected 28×28"), "{}", read(&small));
    // Grey with transparency: whole at first, then one pixel to be seen through.
    let picture = folder.path().join("picture.png");
    let write = |pixels: &[u8]| write_png(&picture, png::ColorType::GrayscaleAlpha, pixels);
    let mut pixels = [7, 255].repeat(784);
    write(&pixels);
    succeeds(&["perceive", "--device", "cpu", "--model", "models/mnist.safetensors", picture.to_str().unwrap()], "");
    pixels[2 * 30 + 1] = 254;
    write(&pixels);
    let message = read(&picture);
    assert!(message.contains("picture.png: pixel 30 is transparent: expected a picture without"), "{message}");
}

/// No line of answers has a field twice.
#[test]
fn kept_fields_have_names_of_their_own() {
    let line = json!({"inputs": {"a1": 3, "a2": 4}, "exact": 1, "conflict": 1, "line": 7, "left": 1}).to_string();
    let answer = |arguments: &[&str]| {
        let output = pinesy(&[arguments, &["-"]].concat(), &line);
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let kept = "expected another one";
    for (arguments, names) in [
        (&["abduce", RULES][..], &["exact", "conflict", "a1", "y1"][..]),
        (&["infer", RULES], &["y1"]),
        (&["ask", RULES, "--attribute", "y1", "--json"], &["line", "attribute", "left", "settled", "ask"]),
        (
            &["explain", RULES, "--format", "json"],
            &["line", "attribute", "justification", "explanation", "set", "changes", "activations"],
        ),
        (
            &["explain", RULES, "--attribute", "a1", "--format", "json"],
            &["line", "attribute", "value", "degree", "observed", "inputs", "exact"],
        ),
    ] {
        for name in names {
            let (code, message) = answer(&[arguments, &["--keep", name]].concat());
            assert_eq!(code, Some(2), "{arguments:?} {name}: {message}");
            assert!(message.contains(&format!("--keep {name}: ")) && message.contains(kept), "{message}");
        }
    }
    // What is printed for people has no fields.
    let keep = ["--keep", "line,left,exact,conflict"];
    let (code, text) = answer(&[&["ask", RULES, "--attribute", "y1"][..], &keep].concat());
    assert!(code == Some(0) && text.contains("line: 7") && text.contains("left: 1"), "{text}");
    assert_eq!(answer(&[&["infer", RULES][..], &keep].concat()).0, Some(0));
    let (_folder, rules) = with_file(
        "r.toml",
        b"[[attribute]]\nname = \"exact\"\ndomain = \"0..1\"\n[[attribute]]\nname = \"b\"\ndomain = \"0..1\"\n\
          [[rule]]\nif = \"exact == 1\"\nthen = \"b == 1\"\n",
    );
    let message = fails(1, &["abduce", &rules, "-"], "{\"exact\":1}");
    assert!(message.contains("attribute exact: answers have another field of that name"), "{message}");
    succeeds(&["infer", &rules, "-"], "{\"exact\":1}");
}

/// Neither the calibration nor anything else that is read is written over.
#[test]
fn what_is_read_is_not_written_over() {
    let (_folder, path) = with_file("c.json", b"before");
    let message = fails(2, &["explain", RULES, "--calibration", &path, "--out", &path, "-"], "");
    assert!(message.contains("c.json: is read as well: expected another file to write to"), "{message}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "before");
}

/// Neither images, nor the network, nor what a training learns from.
#[cfg(feature = "perception")]
#[test]
fn images_and_networks_are_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for name in ["a.npy", "b.npy", "train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"] {
        std::fs::write(path(name), "before").unwrap();
        let here = folder.path().to_str().unwrap();
        let perceive = ["perceive", "--inputs", "a,b", "--npy", here];
        let message = match name {
            "a.npy" => fails(2, &[&perceive[..], &["--model", "models/mnist.safetensors", &path(name)]].concat(), ""),
            "b.npy" => fails(2, &[&perceive[..], &["--model", &path(name), "x"]].concat(), ""),
            _ => fails(2, &["train", "--data", here, "--out", &path(name)], ""),
        };
        assert!(message.contains(&format!("{name}: is read as well")), "{message}");
        assert_eq!(std::fs::read_to_string(path(name)).unwrap(), "before");
    }
}

#[test]
fn long_help_teaches_the_formats() {
    for (command, lesson) in [
        ("infer", "an array of probabilities"),
        ("learn", "\"targets\""),
        ("explain", "what the inputs were read as"),
        ("rules-report", "could be left out"),
        ("check", "cascade order"),
    ] {
        let help = succeeds(&[command, "--help"], "");
        assert!(help.contains(lesson), "{command}: {help}");
    }
}
