//! What files may not say: degrees only nearly in range, a thing twice, numbers that no memory holds.

use pinesy::inference::{Calibration, Cases, Engine, Input, Parameters, Score, Target};
use pinesy::rules::{Limit, Limits, RuleBase};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use strum::VariantArray;

const RULES: &str = r#"
    attribute = [{ name = "sky", domain = ["clear", "grey"] }, { name = "rain", domain = ["no", "yes"] }]
    [[rule]]
    name = "grey"
    if = "sky == 'grey'"
    then = "rain == 'yes'"
"#;

fn engine() -> Engine {
    Engine::of(&RuleBase::parse(RULES, "sky.toml", &[]).unwrap())
}

/// A table of two cases as JSON.
fn table() -> Json {
    let targets = [Some(Target::Degrees(vec![1.0, 0.5])), None];
    let cases =
        engine().cases().possibilities("sky", &ndarray::array![[1.0, 0.25], [0.0, 1.0]]).observed("rain", targets);
    serde_json::to_value(cases.build().unwrap()).unwrap()
}

#[track_caller]
fn refused<T: DeserializeOwned>(text: &str, expected: &str) {
    match serde_json::from_str::<T>(text) {
        Ok(_) => panic!("{text} is read"),
        Err(error) => assert!(error.to_string().contains(expected), "{error}"),
    }
}

#[test]
fn a_count_of_cases_is_believed_when_they_are_there() {
    let mut table = table();
    assert!(serde_json::from_value::<Cases>(table.clone()).is_ok());
    for count in [0, 1, 3, 1_000_000_000_000, 1 << 63, u64::MAX] {
        table["cases"] = count.into();
        // On 32 bits some are no count at all.
        let error = serde_json::from_value::<Cases>(table.clone()).unwrap_err().to_string();
        assert!(error.contains("sky has 2 examples") || error.contains("expected usize"), "{error}");
    }
    table["cases"] = 2.into();
    table["inputs"]["sky"].as_array_mut().unwrap().push(1.into());
    refused::<Cases>(&table.to_string(), "sky has 3 examples: expected 2");
    table["cases"] = u32::MAX.into();
    table["inputs"] = json!({});
    refused::<Cases>(&table.to_string(), "sky");
}

#[test]
fn degrees_are_checked_before_they_are_rounded() {
    for number in ["1.00000001", "-1e-50"] {
        let parameters = format!(r#"{{"parameters":{{"rain":{{"s":[{number}],"r":[0]}}}}}}"#);
        let parameters: Parameters = serde_json::from_str(&parameters).unwrap();
        assert!(Engine::new(engine().base(), &parameters).is_err(), "s = {number}");
        let rules = format!("{RULES}    s = {number}\n");
        assert!(RuleBase::parse(&rules, "sky.toml", &[]).is_err(), "s = {number}");
        let text = table().to_string();
        for degree in ["0.25", "0.5"] {
            assert_ne!(text, text.replace(degree, number));
            refused::<Cases>(&text.replace(degree, number), "expected");
        }
    }
}

#[test]
fn nothing_is_said_twice() {
    let twice = |text: &str, one: &str| {
        assert!(text.contains(one), "{text}");
        text.replacen(one, &format!("{one},{one}"), 1)
    };
    let parameters = r#"{"parameters":{"rain":{"s":[1],"r":[0]}}}"#;
    assert!(serde_json::from_str::<Parameters>(parameters).is_ok());
    refused::<Parameters>(&twice(parameters, r#""rain":{"s":[1],"r":[0]}"#), "'rain' is given twice");

    let kept = serde_json::to_value(engine()).unwrap();
    let rain = format!(r#""rain":{}"#, kept["parameters"]["rain"]);
    refused::<Engine>(&twice(&kept.to_string(), &rain), "'rain' is given twice");
    let sized = RULES.replacen("attribute", "parameters.k = 1\nattribute", 1);
    let sized = RuleBase::parse(&sized, "sky.toml", &[("k", 2)]).unwrap();
    let kept = serde_json::to_string(&Engine::of(&sized)).unwrap();
    refused::<Engine>(&twice(&kept, r#""k":2"#), "'k' is given twice");

    let table = table();
    refused::<Cases>(
        &twice(&table.to_string(), &format!(r#""sky":{}"#, table["inputs"]["sky"])),
        "'sky' is given twice",
    );
    let rain = format!(r#""rain":{}"#, table["observed"]["rain"]);
    refused::<Cases>(&twice(&table.to_string(), &rain), "'rain' is given twice");

    let cases = engine()
        .cases()
        .possibilities("sky", &[1.0, 0.25])
        .targets("rain", [Some(Target::value("no"))])
        .build()
        .unwrap();
    let calibration = serde_json::to_value(Calibration::new(&engine(), &cases, Score::Min).unwrap()).unwrap();
    let rain = format!(r#""rain":{}"#, calibration["truths"]["rain"]);
    refused::<Calibration>(&twice(&calibration.to_string(), &rain), "'rain' is given twice");
}

#[cfg(feature = "cli")]
mod long {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    /// gzip of some bytes and many more alike.
    fn packed(start: &[u8], more: u8, count: usize) -> Vec<u8> {
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        gz.write_all(start).unwrap();
        let block = vec![more; 1 << 20];
        (0..count >> 20).for_each(|_| gz.write_all(&block).unwrap());
        gz.finish().unwrap()
    }

    #[test]
    fn a_record_without_an_end_is_not_read_to_its_end() {
        const LONG: usize = 400 << 20;
        let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/rulesets/triage.toml");
        for (name, start) in [
            ("field.csv.gz", &b"temperature,pulse\n\""[..]),
            ("header.csv.gz", b"temperature"),
            ("line.jsonl.gz", b"{\"temperature\":\""),
        ] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(name), packed(start, b'7', LONG)).unwrap();
            // Less address space than what it unpacks to.
            let line = format!("ulimit -v 380000; exec {} infer {rules} {name}", env!("CARGO_BIN_EXE_pinesy"));
            let mut command = Command::new("sh");
            command.env("RAYON_NUM_THREADS", "1").args(["-c", &line]).current_dir(folder.path()).stdin(Stdio::null());
            let output = command.output().unwrap();
            let error = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{name}: {error}");
            assert!(error.contains("a line of more than 67108864 bytes: expected shorter ones"), "{name}: {error}");
        }
    }

    #[test]
    fn columns_are_compared_however_many_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wide.csv");
        let columns: String = (0..200_000).map(|i| format!("c{i},")).collect();
        std::fs::write(&path, columns + "c7\n").unwrap();
        let error = pinesy::command::read_cases(&super::engine(), &path, None, false).unwrap_err().to_string();
        assert!(error.ends_with("wide.csv:1: column 'c7' stands there twice: expected distinct names"), "{error}");
    }
}

#[test]
fn images_that_no_memory_holds_are_not_unpacked() {
    let mut header = vec![0, 0, 8, 3];
    header.extend([u32::MAX, 28, 28].into_iter().flat_map(u32::to_be_bytes));
    let endless = std::io::Read::chain(&header[..], std::io::repeat(0));
    let error = pinesy::datasets::idx::images_from(endless, "digits").unwrap_err().to_string();
    let most = if usize::BITS == 32 { 1u64 << 30 } else { 4 << 30 };
    assert_eq!(error, format!("digits: at byte 16: expected at most {most} pixel bytes, found 3367254359280"));
}

/// A chain of so many rule sets.
fn cascade(depth: usize) -> String {
    format!(
        r#"
        [[attribute]]
        for = ["i in 0..{depth}"]
        name = "x{{i}}"
        domain = "0..1"
        [[rule]]
        for = ["i in 1..{depth}"]
        name = "step {{i}}"
        if = "x{{i-1}} == 1"
        then = "x{{i}} == 1"
        "#
    )
}

#[test]
fn cascades_are_as_deep_as_they_may_be() {
    let error = RuleBase::parse(&cascade(10_001), "deep.toml", &[]).unwrap_err().to_string();
    assert!(error.contains("more than 10000 rule sets that build on one another"), "{error}");
    let three = Limits::default().with(Limit::Depth, 3);
    assert!(RuleBase::parse_with(&cascade(4), "deep.toml", &[], &three).is_err());
    assert!(RuleBase::parse_with(&cascade(3), "deep.toml", &[], &three).is_ok());
    let base = RuleBase::parse(&cascade(10_000), "deep.toml", &[]).unwrap();
    let engine = Engine::of(&base);
    let case = engine.cases().inputs("x0", [Input::Value(1.into())]).build().unwrap();
    assert_eq!(engine.infer(&case).unwrap().get("x10000").unwrap().decided(), Some(&1.into()));
}

#[test]
fn the_readme_has_every_limit() {
    let readme = std::fs::read_to_string("README.md").unwrap();
    let table = readme.split("| name | of what | default |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let mut told = std::collections::BTreeMap::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let number = |text: &str| text.split(' ').next().unwrap().replace(',', "").parse::<u64>().unwrap();
        let numbers: Vec<u64> = cells[2].split(", ").map(number).collect();
        for (i, name) in cells[0].split(", ").enumerate() {
            told.insert(name.trim_matches('`').to_owned(), numbers[i.min(numbers.len() - 1)]);
        }
    }
    let limits = <Limit as VariantArray>::VARIANTS.iter().map(|&limit| (limit.to_string(), limit.default_number()));
    assert_eq!(told, limits.collect());
}
