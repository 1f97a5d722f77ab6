//! What the examples write: intervals, and files that can be read back.

use serde::Serialize;
use serde_json::Value as Json;

#[path = "../examples/common/results.rs"]
mod results;

use results::{Files, Provenance, Share, md5_of};

/// Against the formula's values in the literature (Newcombe 1998, table I).
#[test]
fn wilson_intervals_are_those_of_the_literature() {
    for (right, of, low, high) in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)] {
        let share = Share::of(right, of);
        assert!((share.low - low).abs() < 1e-4 && (share.high - high).abs() < 1e-4, "{share:?}");
    }
    assert!((Share::of(29, 29).high - 1.0).abs() < 1e-12);
    assert_eq!(Share::of(1, 2).to_string(), "50.00 [9.45, 90.55]");
}

#[derive(Serialize)]
struct Setting {
    k: usize,
    name: Option<&'static str>,
}

#[derive(Serialize)]
struct Run {
    seed: u64,
    accuracy: f64,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    setting: Setting,
    runs: Vec<Run>,
}

#[test]
fn rows_come_back_from_json_and_csv() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files { json: Some(folder.path().join("a.json")), csv: Some(folder.path().join("a.csv")) };
    files.check(&[]).unwrap();
    let runs = (0..3).map(|seed| Run { seed, accuracy: 1.0 / (seed as f64 + 3.0) }).collect();
    let rows = [Row { setting: Setting { k: 4, name: None }, runs }];
    let provenance = Provenance::of(Some("device: CPU, or so"));
    let lines = rows.iter().flat_map(|row| row.runs.iter().map(move |run| (&row.setting, run)));
    files.write(&provenance, &Setting { k: 4, name: Some("all") }, &rows, lines).unwrap();

    let json: Json = serde_json::from_slice(&std::fs::read(files.json.as_ref().unwrap()).unwrap()).unwrap();
    assert_eq!(serde_json::from_value::<Provenance>(json["provenance"].clone()).unwrap(), provenance);
    assert_eq!((&json["settings"]["name"], &json["rows"][0]["k"]), (&"all".into(), &4.into()));
    assert_eq!(json["rows"][0]["runs"][2]["accuracy"], 0.2);

    let mut table = csv::Reader::from_path(files.csv.as_ref().unwrap()).unwrap();
    let header = ["pinesy", "commit", "command", "device", "k", "name", "seed", "accuracy"];
    assert_eq!(table.headers().unwrap(), header.as_slice());
    let records: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), 3);
    assert_eq!((&records[1][0], &records[1][3]), (env!("CARGO_PKG_VERSION"), "device: CPU, or so"));
    assert_eq!((&records[1][5], &records[1][6]), ("", "1"));
    assert_eq!(records[1][7].parse::<f64>().unwrap(), 0.25);
}

#[test]
fn targets_that_cannot_be_written_are_found_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let (missing, there) = (folder.path().join("no/a.csv"), folder.path().join("a.json"));
    assert!(Files { csv: Some(missing), ..Files::default() }.check(&[]).is_err());
    let twice = Files { json: Some(there.clone()), csv: None };
    assert!(twice.check(&[&Some(there)]).unwrap_err().to_string().contains("twice"));
    twice.check(&[&None]).unwrap();
}

#[test]
fn hashes_are_md5() {
    assert_eq!(md5_of(b"abc"), "900150983cd24fb0d6963f7d28e17f72");
}
