//! What people who write rules meet: the words of the language, the linter, and the records that
//! the command takes.
#![cfg(feature = "cli")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use pinesy::explain::{WarningKind, lint};
use pinesy::inference::{Engine, Input, Parameters};
use pinesy::possibility::{Attribute, Domain, Undecided};
use pinesy::rules::{Condition, Rule, RuleBase};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const LIGHT: &str = r#"
[[attribute]]
name = "light"
domain = ["red", "green"]
[[attribute]]
name = "crossing"
domain = ["none", "some"]
[[attribute]]
name = "act"
domain = ["stop", "go"]
[[rule]]
name = "red"
if = "light == 'red'"
then = "act == 'stop'"
[[rule]]
name = "people"
if = "crossing == 'some'"
then = "act == 'stop'"
[[rule]]
name = "free"
if = ["light == 'green'", "crossing == 'none'"]
then = "act == 'go'"
"#;

const ANIMALS: &str = r#"
[[attribute]]
name = "hair"
domain = ["no", "yes"]
[[attribute]]
name = "legs"
domain = ["0", "2", "4"]
[[attribute]]
name = "colour"
domain = ["red", "green"]
[[attribute]]
name = "class"
domain = ["mammal", "bird", "fish"]
[[rule]]
name = "hair"
if = "hair == 'yes'"
then = "class == 'mammal'"
[[rule]]
name = "two legs"
if = ["legs == '2'", "hair == 'no'"]
then = "class == 'bird'"
"#;

fn pinesy(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pinesy"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// A folder with some files in it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with(files: &[(&str, &[u8])]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|(name, content)| std::fs::write(folder.path(name), content).unwrap());
        folder
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }
}

fn message_of(rules: &str) -> String {
    RuleBase::parse(rules, "r.toml", &[]).unwrap_err().to_string()
}

fn warnings_of(rules: &str) -> Vec<String> {
    let base = RuleBase::parse(rules, "r.toml", &[]).unwrap();
    let place = |w: &pinesy::explain::Warning| w.place.map_or(0, |place| place.line);
    lint(&Engine::of(&base)).iter().map(|warning| format!("{}: {warning}", place(warning))).collect()
}

#[test]
fn rules_share_a_conclusion_with_if_and_not_with_iff() {
    let answer = |text: &str| {
        let engine = Engine::of(&RuleBase::parse(text, "r.toml", &[]).unwrap());
        let case = engine.cases().inputs("light", [Input::value("red")]).inputs("crossing", [Input::value("none")]);
        engine.infer(&case.build().unwrap()).unwrap().get("act").unwrap()
    };
    let act = answer(LIGHT);
    assert_eq!((act.decided().unwrap().to_string().as_str(), act.conflict()), ("stop", 0.0));
    let act = answer(&LIGHT.replace("\nif", "\niff"));
    assert_eq!((act.degrees(), act.undecided(), act.conflict()), (&[0.0, 0.0][..], Some(Undecided::Conflict), 1.0));
    // In between: an exception to the second rule.
    let act = answer(&LIGHT.replace("\nif", "\niff").replace(
        "\"act == 'stop'\"\n[[rule]]\nname = \"free\"",
        "\"act == 'stop'\"\ns = 0.6\n[[rule]]\nname = \"free\"",
    ));
    assert_eq!(act.degrees(), [0.6, 0.0]);
}

#[test]
fn words_of_a_rule_are_checked() {
    for (words, expected) in [
        ("s = 1.5\n", "r.toml:15:5: s = 1.5 of rule 'red': expected a number from 0 to 1"),
        ("r = -0.1\n", "r.toml:15:5: r = -0.1 of rule 'red': expected a number from 0 to 1"),
        ("iff = \"light == 'red'\"\n", "r.toml:13:6: a rule with both `if` and `iff`: expected one of them"),
    ] {
        let text = LIGHT.replacen("then = \"act == 'stop'\"\n", &format!("then = \"act == 'stop'\"\n{words}"), 1);
        assert!(message_of(&text).starts_with(expected), "{}", message_of(&text));
    }
    let text = LIGHT.replacen("if = \"light == 'red'\"\n", "", 1);
    assert!(message_of(&text).contains("a rule with neither `if` nor `iff`"), "{}", message_of(&text));
}

#[test]
fn mistakes_in_conditions_say_the_cure() {
    let with = |condition: &str| message_of(&ANIMALS.replace("hair == 'yes'", condition));
    for (condition, expected) in [
        ("hair == yes", "'yes' is no attribute: if it is a value, quote it ('yes')"),
        ("hair = 'yes'", "'=' compares nothing: write == for \"is\""),
        ("hair == 'yes' and legs == '4'", "'and' is written &&"),
        ("hair == 'yes' or legs == '4'", "'or' is written ||"),
        ("hair == 'yes' && legs == '4'", "where all must hold, make a list"),
        ("hair is 'yes'", "'is' is written =="),
        (
            "legs == 4",
            "value 4 is outside the domain of legs: expected one of {0, 2, 4}; its values are texts: quote it ('4')",
        ),
        ("hair == 'yes", "a quote is not closed"),
        ("hair != 'yse'", "value yse is outside the domain of hair: expected one of {no, yes}"),
    ] {
        let message = with(condition);
        assert!(message.starts_with("r.toml:16:") && message.contains(expected), "{condition}: {message}");
    }
    let number = ANIMALS.replace("[\"0\", \"2\", \"4\"]", "[0, 2, 4]");
    assert!(message_of(&number).contains("its values are numbers: write 2 without quotes"), "{}", message_of(&number));
    let cycle = ANIMALS.replace("then = \"class == 'mammal'\"", "then = \"hair == 'yes'\"");
    assert!(message_of(&cycle).starts_with("r.toml:17:8: the rules form a cycle: hair → hair, closed by rule 'hair'"));
    let missing = RuleBase::read("nofile.toml", &[]).unwrap_err().to_string();
    assert!(missing.starts_with("nofile.toml: cannot be read"), "{missing}");
}

#[test]
fn the_linter_finds_what_is_doubtful() {
    let add = |more: &str| warnings_of(&format!("{ANIMALS}{more}"));
    let clean = [
        "9: colour: no rule mentions it; leave it out, or use it".to_owned(),
        "12: class: no rule ever concludes fish; add a rule for it, or leave it out of the domain".to_owned(),
    ];
    assert_eq!(add(""), clean);
    let one = |more: &str| {
        let mut found = add(more);
        found.retain(|warning| !clean.contains(warning) && !warning.starts_with("12:"));
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    };
    let rule = |name: &str, premise: &str, conclusion: &str| {
        format!("[[rule]]\nname = \"{name}\"\nif = {premise}\nthen = \"{conclusion}\"\n")
    };
    assert_eq!(
        one(&rule("again", "\"hair != 'no'\"", "class == 'mammal'")),
        "25: rule \"again\" says the same as \"hair\": leave one out"
    );
    assert!(
        one(&rule("dead", "[\"legs == '0'\", \"legs == '2'\"]", "class == 'fish'"))
            .starts_with("25: rule \"dead\" can never fire")
    );
    assert!(one(&rule("all", "\"legs in ['0', '2', '4']\"", "class != 'fish'")).contains("every value meets legs in"));
    assert!(
        one(&rule("nothing", "\"legs == '0'\"", "class in ['mammal', 'bird', 'fish']")).contains("so it says nothing")
    );
    let contradiction = one(&rule("fish", "\"legs == '0'\"", "class == 'fish'"));
    assert_eq!(
        contradiction,
        "25: rules \"hair\" and \"fish\" contradict each other: with hair = yes, legs = 0 no value of class is possible; \
         let their conditions exclude each other, or allow for exceptions by r"
    );
    let open = one(&(rule("fish", "\"legs == '0'\"", "class == 'fish'") + "r = 1\n"));
    assert!(open.starts_with("25: rule \"fish\" has s = 1 and r = 1, so it says nothing"), "{open}");
    let nowhere =
        "[[rule]]\nfor = [\"i in 1..3\"]\nwhere = \"i > 3\"\nif = \"hair == 'no'\"\nthen = \"class == 'bird'\"\n";
    assert!(one(nowhere).starts_with("26: `where` keeps nothing of this section"));
    let gap =
        "[[attribute]]\nname = \"size\"\nkind = \"number\"\nterms = { low = [0, 0, 3, 6], high = [3, 6, 9, 9] }\n";
    let gap = gap.to_owned() + &rule("size", "\"size == 'low'\"", "class != 'mammal'") + "r = 1\n";
    assert!(
        add(&gap).iter().any(|w| w.contains("size: at 4.5 no term is possible to more than 0.5")),
        "{:?}",
        add(&gap)
    );
}

#[test]
fn warnings_can_be_denied_and_graphs_drawn() {
    let folder = Folder::with(&[("a.toml", ANIMALS.as_bytes()), ("l.toml", LIGHT.as_bytes())]);
    let denied = pinesy(&["check", &folder.path("a.toml"), "--deny", "warnings"], b"");
    assert_eq!(denied.status.code(), Some(1));
    let message = String::from_utf8(denied.stderr).unwrap();
    assert!(message.contains("a.toml:9:8: warning: colour: no rule mentions it"), "{message}");
    assert!(pinesy(&["check", &folder.path("l.toml"), "--deny", "warnings"], b"").status.success());
    let dot = String::from_utf8(pinesy(&["check", &folder.path("l.toml"), "--graph", "dot"], b"").stdout).unwrap();
    assert!(dot.contains("\"light\" -> \"act\";") && dot.contains("\"crossing\" -> \"act\";"), "{dot}");
    let json = pinesy(&["check", &folder.path("a.toml"), "--json"], b"").stdout;
    let json: Json = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["warnings"][0]["kind"], json!({"unused": {"attribute": "colour"}}));
    assert_eq!(json["warnings"][0]["place"], json!({"line": 9, "column": 8}));
}

/// One record, read in every way.
#[test]
fn records_are_taken_as_people_have_them() {
    let rules = ANIMALS.to_owned()
        + "[[attribute]]\nname = \"weight\"\nkind = \"number\"\nunit = \"kg\"\nterms = { light = [0, 0, 1, 2], heavy = [0.5, 1, inf, inf] }\n\
           [[rule]]\nname = \"heavy\"\nif = \"weight == 'heavy'\"\nthen = \"class == 'mammal'\"\nr = 0.5\n";
    let folder = Folder::with(&[("r.toml", rules.as_bytes())]);
    let rules = folder.path("r.toml");
    let class = |record: Json, more: &[&str]| -> Result<Json, String> {
        let output = pinesy(&[&["infer", &rules, "-"], more].concat(), format!("{record}\n").as_bytes());
        if !output.status.success() {
            return Err(String::from_utf8(output.stderr).unwrap());
        }
        Ok(serde_json::from_slice::<Json>(&output.stdout).unwrap())
    };
    let possibility = |record: Json, more: &[&str]| class(record, more).unwrap()["class"]["possibility"].clone();
    let record = |change: Json| {
        let mut record = json!({"hair": "no", "legs": "2", "weight": 5});
        change.as_object().unwrap().iter().for_each(|(name, value)| record[name] = value.clone());
        record
    };
    assert_eq!(possibility(record(json!({})), &[]), json!([0.0, 0.5, 0.0]));
    assert_eq!(possibility(record(json!({"legs": 2})), &[]), json!([0.0, 0.5, 0.0]), "a number that is shown alike");
    assert_eq!(possibility(record(json!({"weight": 1.5})), &[]), json!([0.0, 0.5, 0.0]));
    assert_eq!(possibility(record(json!({"weight": 0.75})), &[]), json!([0.0, 1.0, 0.0]));
    assert_eq!(possibility(record(json!({"weight": {"from": 0.1}})), &[]), json!([0.0, 1.0, 0.0]));
    assert_eq!(possibility(record(json!({"weight": {"in": [0.1, "heavy"]}})), &[]), json!([0.0, 1.0, 0.0]));
    assert_eq!(possibility(record(json!({"legs": {"in": ["2", 4]}})), &[]), json!([1.0, 0.5, 0.5]));
    assert_eq!(possibility(record(json!({"hair": null, "weight": "light"})), &[]), json!([1.0, 1.0, 1.0]));
    assert_eq!(
        possibility(record(json!({"colour": "green"})), &[]),
        json!([0.0, 0.5, 0.0]),
        "an unused attribute is no harm"
    );
    let nested = json!({"inputs": {"hair": "no", "legs": "2", "weight": 5}, "targets": {"class": "bird"}, "id": 7});
    let answer = class(nested.clone(), &["--keep", "id"]).unwrap();
    assert_eq!((&answer["id"], &answer["class"]["decision"]), (&json!(7), &json!("bird")));
    assert!(
        class(nested, &[])
            .unwrap_err()
            .contains("'id' is no attribute: expected hair, legs, weight, class; --keep id carries it")
    );
    // Probabilities, nearly.
    let nearly = class(record(json!({"legs": [0.33, 0.33, 0.33]})), &[]).unwrap();
    assert_eq!(nearly["class"]["decision"], "mammal");
    assert!(class(record(json!({"legs": [0.3, 0.3, 0.3]})), &[]).unwrap_err().contains("they sum to 0.9"));
    // Sub-normal possibilities have to be meant.
    let subnormal = record(json!({"legs": [0, 0.4, 0]}));
    let refused = class(subnormal.clone(), &["--possibility"]).unwrap_err();
    assert!(
        refused.contains("legs: the highest possibility is 0.4: expected 1; --subnormal accepts less"),
        "{refused}"
    );
    let accepted = class(subnormal, &["--possibility", "--subnormal"]).unwrap();
    assert!((accepted["class"]["conflict"].as_f64().unwrap() - 0.5).abs() < 1e-6, "{accepted}");
    // What is not there.
    let mut missing = record(json!({}));
    missing.as_object_mut().unwrap().remove("weight");
    assert!(class(missing.clone(), &[]).unwrap_err().contains("input attribute weight is missing"));
    assert_eq!(possibility(missing, &["--missing", "unknown"]), json!([0.0, 1.0, 0.0]));
    // What cannot be.
    for (change, expected) in [
        (json!({"hair": "maybe"}), "hair: \"maybe\" is none of {no, yes}"),
        (json!({"weight": "much"}), "expected one of these, a number, an interval"),
        (
            json!({"weight": -3}),
            "weight: -3 kg is outside the domain: expected something in 0 to inf, where its terms are",
        ),
        (json!({"weight": {"from": 3, "to": 2}}), "an interval from 3 to 2: expected two numbers, the lower one first"),
        (json!({"legs": {"in": []}}), "legs: an empty set is outside the domain"),
    ] {
        let message = class(record(change), &[]).unwrap_err();
        assert!(message.starts_with("error: standard input:1: ") && message.contains(expected), "{message}");
    }
}

#[test]
fn files_are_tables_or_lines_plain_or_gzipped() {
    let rules = ("r.toml", LIGHT.as_bytes());
    let csv = b"id,light,crossing,act\n7,red,none,stop\n8,green,,\n" as &[u8];
    let lines = b"\xef\xbb\xbf{\"id\":\"7\",\"light\":\"red\",\"crossing\":\"none\",\"act\":\"stop\"}\n\n{\"id\":\"8\",\"light\":\"green\",\"crossing\":null}\n" as &[u8];
    let gzip = |content: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    };
    let (zipped, first, second) = (gzip(csv), gzip(&lines[..lines.len() / 2]), gzip(&lines[lines.len() / 2..]));
    let members = [first, second].concat();
    let folder =
        Folder::with(&[rules, ("t.csv", csv), ("t.jsonl", lines), ("t.csv.gz", &zipped), ("t.jsonl.gz", &members)]);
    let infer = |name: &str| pinesy(&["infer", &folder.path("r.toml"), "--keep", "id", &folder.path(name)], b"");
    let expected = infer("t.csv").stdout;
    let answers: Vec<Json> =
        expected.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect();
    assert_eq!((&answers[0]["id"], &answers[0]["act"]["decision"]), (&json!("7"), &json!("stop")));
    assert_eq!(answers[1]["act"]["reason"], "unknown");
    for name in ["t.jsonl", "t.csv.gz", "t.jsonl.gz"] {
        assert_eq!(
            String::from_utf8(infer(name).stdout).unwrap(),
            String::from_utf8(expected.clone()).unwrap(),
            "{name}"
        );
    }
    // The same file teaches.
    let out = folder.path("p.json");
    let learned = pinesy(&["learn", &folder.path("r.toml"), "--keep", "id", "--out", &out, &folder.path("t.csv")], b"");
    assert!(learned.status.success(), "{}", String::from_utf8_lossy(&learned.stderr));
    let utf16: Vec<u8> = "{\"light\":\"red\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wrong = String::from_utf8(pinesy(&["infer", &folder.path("r.toml"), "-"], &utf16).stderr).unwrap();
    assert!(wrong.contains("UTF-16 text: expected UTF-8"), "{wrong}");
    let twice = b"{\"light\":\"red\",\"light\":\"green\",\"crossing\":null}\n";
    let wrong = String::from_utf8(pinesy(&["infer", &folder.path("r.toml"), "-"], twice).stderr).unwrap();
    assert!(wrong.contains("'light' is given twice"), "{wrong}");
}

#[test]
fn learning_takes_what_there_is() {
    let folder = Folder::with(&[]);
    let rules = "rulesets/mnist_addition.toml";
    let sure = |d: usize| (0..10).map(|i| f64::from(u8::from(i == d))).collect::<Vec<_>>();
    let line = |a: usize, b: usize| {
        json!({"a1": sure(a), "a2": sure(b), "y1": (a + b) % 10, "w1": (a + b) / 10}).to_string() + "\n"
    };
    let lines: String = (0..100).map(|i| line(i / 10, i % 10)).collect();
    let out = folder.path("p.json");
    let learn = |more: &[&str], lines: &str| {
        pinesy(&[&["learn", rules, "--out", &out], more, &["-"]].concat(), lines.as_bytes())
    };
    let done = learn(&["--only", "y1"], &lines);
    let report = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success() && report.contains("not learned, parameters as before: c1, w1, y0"), "{report}");
    let wrong = learn(&["--only", "a1"], &lines);
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("'a1' is not a derived attribute"));
    // Of these every one is wrong beyond any threshold.
    let all_wrong: String = (0..100)
        .map(|i| json!({"a1": sure(i / 10), "a2": sure(i % 10), "y1": (i / 10 + i % 10 + 1) % 10}).to_string() + "\n")
        .collect();
    let warned = learn(&["--threshold", "0.01"], &all_wrong);
    let report = String::from_utf8(warned.stderr).unwrap();
    assert!(
        warned.status.success() && report.contains("warning: y1: the threshold keeps 0 of 100 examples"),
        "{report}"
    );
    std::fs::remove_file(&out).unwrap();
    let strict = learn(&["--threshold", "0.01", "--strict"], &all_wrong);
    assert_eq!((strict.status.code(), std::fs::exists(&out).unwrap()), (Some(1), false));
}

#[test]
fn parameters_find_their_rules_by_name() {
    let base = |text: &str| RuleBase::parse(text, "r.toml", &[]).unwrap();
    let engine = Engine::of(&base(&LIGHT.replace("name = \"people\"", "s = 0.25\nname = \"people\"")));
    let json = serde_json::to_string(&engine.parameters()).unwrap();
    let parameters: Parameters = serde_json::from_str(&json).unwrap();
    // The first two rules swapped.
    let (head, rules) = LIGHT.split_at(LIGHT.find("[[rule]]").unwrap());
    let sections: Vec<&str> = rules.split("[[rule]]").skip(1).collect();
    let swapped = format!("{head}[[rule]]{}[[rule]]{}[[rule]]{}", sections[1], sections[0], sections[2]);
    let engine = Engine::new(&base(&swapped), &parameters).unwrap();
    assert_eq!(engine.parameters_of("act").unwrap().s, [0.25, 1.0, 1.0]);
    assert_eq!(engine.parameters_of("act").unwrap().rules, ["people", "red", "free"]);
    let wrong = |text: String| Engine::new(&base(&text), &parameters).unwrap_err().to_string();
    assert_eq!(
        wrong(LIGHT.replace("\"people\"", "\"crowd\"")),
        "parameters of act: no longer there: people; new, without parameters: crowd: expected parameters learned from these rules"
    );
    let changed = wrong(LIGHT.replace("crossing == 'some'", "crossing == 'none'"));
    assert!(changed.contains("the rules have the same names but say something else now"), "{changed}");
    // A file without names is taken in order.
    let old: Parameters =
        serde_json::from_value(json!({"parameters": {"act": {"s": [0, 0.5, 1], "r": [0, 0, 0]}}})).unwrap();
    assert_eq!(Engine::new(&base(LIGHT), &old).unwrap().parameters_of("act").unwrap().s, [0.0, 0.5, 1.0]);
}

#[test]
fn outputs_respect_what_is_there() {
    let record = b"light,crossing,act\nred,none,stop\n" as &[u8];
    let folder = Folder::with(&[("r.toml", LIGHT.as_bytes()), ("e.csv", record)]);
    let learn = |out: &str, examples: &str| pinesy(&["learn", &folder.path("r.toml"), "--out", out, examples], b"");
    let same = learn(&folder.path("e.csv"), &folder.path("e.csv"));
    assert_eq!(same.status.code(), Some(2));
    assert!(
        String::from_utf8(same.stderr).unwrap().contains("e.csv: is read as well: expected another file to write to")
    );
    assert_eq!(std::fs::read(folder.path("e.csv")).unwrap(), record);
    // A folder that is not there is found before examples are looked at.
    let nowhere = learn(&folder.path("no/p.json"), &folder.path("missing.csv"));
    assert!(String::from_utf8(nowhere.stderr).unwrap().contains("no/p.json: cannot be written"));
    if cfg!(unix) {
        assert!(learn("/dev/null", &folder.path("e.csv")).status.success());
        assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
    }
}

/// What the reviews of this language found, one by one.
#[test]
fn slips_are_told_apart() {
    let folder = Folder::with(&[("r.toml", LIGHT.as_bytes()), ("a.toml", ANIMALS.as_bytes())]);
    let run = |arguments: &[&str], input: &str| {
        let output = pinesy(arguments, input.as_bytes());
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let rules = folder.path("r.toml");
    // A table on standard input; blank lines count.
    let (_, out, _) = run(&["infer", &rules, "-"], "light,crossing\nred,none\n");
    assert!(out.contains("\"decision\":\"stop\""), "{out}");
    let (_, _, error) = run(&["infer", &rules, "-"], "light,crossing\n\n\nblue,none");
    assert!(error.starts_with("error: standard input:4: light: \"blue\" is none of {red, green}"), "{error}");
    let (_, _, error) = run(&["infer", &rules, "-"], "light;crossing\nred;none\n");
    assert!(error.contains(":1: fields are separated by ';': expected commas"), "{error}");
    let (_, _, error) = run(&["infer", &rules, "-"], "light,crossing\nred\n");
    assert!(error.contains(":2: 1 fields: expected 2 as in the header"), "{error}");
    let (_, _, error) = run(&["infer", &rules, "-"], "light,crossing\nRed,none\n");
    assert!(error.contains("did you mean red?"), "{error}");
    // Fields that go along.
    let record = "{\"light\":\"red\",\"crossing\":null,\"act\":\"stop\",\"id\":7}\n";
    let (code, _, error) = run(&["infer", &rules, "--keep", "act,id", "-"], record);
    assert_eq!(code, Some(2), "{error}");
    let (_, out, error) = run(&["explain", &rules, "--keep", "id,foo", "-"], record);
    assert!(out.starts_with("line 1 (id: 7):") && error.contains("no record has a field 'foo'"), "{out}{error}");
    let nested = "{\"inputs\":{\"light\":\"red\",\"crossing\":null},\"light\":\"green\"}\n";
    assert!(run(&["infer", &rules, "-"], nested).2.contains("'light' beside \"inputs\""));
    let nested = "{\"inputs\":{\"light\":\"red\",\"crossing\":null,\"act\":\"stop\"}}\n";
    assert!(run(&["infer", &rules, "-"], nested).2.contains("'act' is not an input attribute"));
    // One result a file, and none over what is read.
    let (p, same) = (folder.path("p.json"), folder.path("./p.json"));
    let (code, _, error) = run(&["learn", &rules, "--out", &p, "--report", &same, "-"], "");
    assert!(code == Some(2) && error.contains("is to hold two results"), "{error}");
    std::fs::write(&p, "{\"parameters\":{\"act\":{\"s\":[1,1,1],\"r\":[0,0,0]}}}").unwrap();
    let (code, _, error) = run(&["explain", &rules, "--params", &p, "--out", &p, "-"], "");
    assert!(code == Some(2) && error.contains("is read as well"), "{error}");
    if cfg!(unix) {
        let (code, out, _) = run(&["explain", &rules, "--keep", "id", "--out", "/dev/stdout", "-"], record);
        assert!(code == Some(0) && out.starts_with("line 1"), "{out}");
    }
    // Targets are checked as inputs are.
    let half = "{\"light\":\"red\",\"crossing\":null,\"act\":[0.5,0]}\n";
    assert!(
        run(&["learn", &rules, "--out", &p, "-"], half).2.contains("act: the highest possibility is 0.5: expected 1")
    );
    // Conditions.
    for (condition, cure) in [
        ("legs => '2'", "write >= for"),
        ("legs in ('2', '4')", "a list of values stands in brackets"),
        ("legs <> '2'", "write != for"),
        ("hair == true", "value true is outside the domain of hair"),
    ] {
        let message = message_of(&ANIMALS.replace("hair == 'yes'", condition));
        assert!(message.contains(cure), "{condition}: {message}");
    }
    let twice = message_of(&ANIMALS.replace("name = \"legs\"", "name = \"hair\""));
    assert!(twice.starts_with("r.toml:6:8: attribute 'hair' is defined twice"), "{twice}");
    let number = ANIMALS.replace(
        "domain = [\"0\", \"2\", \"4\"]",
        "kind = \"number\"\nterms = { few = [0, 0, 2, 3], many = [2, 3, 9, 9] }",
    );
    let number = message_of(&number.replace("legs == '2'", "legs > 2"));
    assert!(number.contains("legs is told in terms, {few, many}: write legs == 'few'"), "{number}");
    // Rules without names of their own may look alike.
    let unnamed = "[[rule]]\nif = \"hair == 'no'\"\nthen = \"class == 'bird'\"\n".repeat(2);
    let warnings = warnings_of(&format!("{ANIMALS}{unnamed}"));
    assert!(warnings.iter().any(|warning| warning.contains("(2)\" says the same as")), "{warnings:?}");
}

#[test]
fn contradictions_behind_other_rules_are_found() {
    let mut rules = String::new();
    let attribute = |name: &str, domain: &str| format!("[[attribute]]\nname = \"{name}\"\ndomain = {domain}\n");
    (0..13).for_each(|i| rules += &attribute(&format!("i{i}"), "[0, 1]"));
    rules += &attribute("m", "['a', 'b']");
    rules += &attribute("out", "['p', 'q', 'r']");
    (0..13).for_each(|i| rules += &format!("[[rule]]\nif = \"i{i} == 1\"\nthen = \"m == 'a'\"\n"));
    for out in ["p", "q", "r"] {
        rules += &format!("[[rule]]\nname = \"not {out}\"\nif = \"m == 'a'\"\nthen = \"out != '{out}'\"\n");
    }
    // More crisp inputs than are tried, and three rules of which no two clash.
    let found = warnings_of(&rules);
    let told = found.iter().find(|warning| warning.contains("contradict each other")).unwrap();
    assert!(["not p", "not q", "not r"].iter().all(|rule| told.contains(rule)), "{told}");
}

#[test]
fn pages_are_bounded() {
    let folder = Folder::with(&[("r.toml", LIGHT.as_bytes())]);
    let lines = "{\"light\":\"red\",\"crossing\":null}\n".repeat(5);
    let page =
        pinesy(&["explain", &folder.path("r.toml"), "--format", "html", "--page-limit", "2", "-"], lines.as_bytes());
    let (html, note) = (String::from_utf8(page.stdout).unwrap(), String::from_utf8(page.stderr).unwrap());
    assert_eq!(html.matches("<article>").count(), 2);
    assert!(
        html.contains("3 more examples are not on this page") && note.contains("3 records are not on the page"),
        "{note}"
    );
}

/// A random rule base on three attributes of three values.
#[derive(Debug, Clone)]
struct Random {
    rules: Vec<RandomRule>,
}

/// Conditions on a or b, the conclusion on out, both as bits of the domain; whether it is an `iff`.
type RandomRule = (Vec<(usize, u8)>, u8, bool);

fn random() -> impl Strategy<Value = Random> {
    let condition = (0..2usize, 1..7u8);
    let rule = (prop::collection::vec(condition, 1..3), 1..7u8, any::<bool>());
    prop::collection::vec(rule, 1..5).prop_map(|rules| Random { rules })
}

impl Random {
    fn base(&self, explicit: bool) -> RuleBase {
        let members = |bits: u8| (0..3).filter(move |i| bits >> i & 1 == 1).map(i64::from);
        let mut base = ["a", "b", "out"].iter().fold(RuleBase::builder(), |base, name| {
            base.attribute(Attribute::new(*name, Domain::integers(0..=2).unwrap()).unwrap())
        });
        for (i, (premise, conclusion, equivalence)) in self.rules.iter().enumerate() {
            let name = format!("rule {i}");
            let mut rule = match (equivalence, explicit) {
                (true, true) => Rule::implication(name).s(0.0).r(0.0),
                (true, false) => Rule::equivalence(name),
                (false, _) => Rule::implication(name),
            };
            for (attribute, bits) in premise {
                rule = rule.when(Condition::one_of(["a", "b"][*attribute], members(*bits)));
            }
            base = base.rule(rule.then(Condition::one_of("out", members(*conclusion))));
        }
        base.build().unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_iff_is_an_if_with_s_0(random in random(), degrees in prop::array::uniform6(0..=8u8)) {
        let [iff, explicit] = [false, true].map(|explicit| Engine::of(&random.base(explicit)));
        let input = |range: std::ops::Range<usize>| degrees[range].iter().map(|&d| f32::from(d) / 8.0).collect::<Vec<f32>>();
        let infer = |engine: &Engine| {
            let given = [("a", input(0..3)), ("b", input(3..6))];
            let read = |name: &str| engine.base().inputs().any(|input| input.name() == name);
            let cases = given.iter().filter(|(name, _)| read(name)).fold(engine.cases(), |cases, (name, degrees)| cases.possibilities(name, degrees));
            let bits = |degrees: &[f32]| degrees.iter().map(|d| d.to_bits()).collect::<Vec<_>>();
            bits(engine.infer(&cases.build().unwrap()).unwrap().get("out").unwrap().degrees())
        };
        prop_assert_eq!(infer(&iff), infer(&explicit));
    }

    /// What the linter calls contradictory is, by inference on its witness; what it calls dead does
    /// not fire on any crisp inputs; and every pair of rules that clashes on crisp inputs is found.
    #[test]
    fn what_the_linter_says_is_so(random in random()) {
        let engine = Engine::of(&random.base(false));
        let base = engine.base();
        let infer = |value: &dyn Fn(&str) -> Input| {
            let cases = base.inputs().fold(engine.cases().count(1), |cases, a| cases.inputs(a.name(), [value(a.name())]));
            cases.build().unwrap()
        };
        let mut dead = Vec::new();
        let mut contradictory = false;
        for warning in lint(&engine) {
            match warning.kind {
                WarningKind::Contradiction { witness, height, .. } => {
                    contradictory = true;
                    let given = |name: &str| witness.iter().find(|(known, _)| known == name).map_or(Input::Unknown, |(_, v)| Input::Value(v.clone()));
                    let found = engine.infer(&infer(&given)).unwrap().get("out").unwrap().height();
                    prop_assert_eq!(found, height);
                    prop_assert!(found < 1.0);
                }
                WarningKind::Dead { rule, .. } => dead.push(rule),
                _ => {}
            }
        }
        let rules = base.rule_sets()[0].rules();
        let mut fires = vec![false; rules.len()];
        for crisp in 0..9i64 {
            let value = |name: &str| Input::value(if name == "a" { crisp / 3 } else { crisp % 3 });
            let case = infer(&value);
            let premises = engine.premises("out", &case).unwrap();
            for (i, fires) in fires.iter_mut().enumerate() {
                *fires |= premises[2 * i] > 0.0;
            }
            // Two rules alone leave no value.
            let allowed = |i: usize, u: usize| {
                let inside = rules[i].conclusion().subset().contains(u);
                if inside { rules[i].s().max(premises[2 * i]) } else { rules[i].r().max(premises[2 * i + 1]) }
            };
            for i in 0..rules.len() {
                for j in 0..i {
                    let clash = (0..3).all(|u| allowed(i, u).min(allowed(j, u)) == 0.0);
                    prop_assert!(!clash || contradictory, "{:?} {:?}", rules[i].name(), rules[j].name());
                }
            }
        }
        let silent: Vec<String> = (0..rules.len()).filter(|&i| !fires[i]).map(|i| rules[i].name().to_owned()).collect();
        prop_assert_eq!(dead, silent);
    }
}
