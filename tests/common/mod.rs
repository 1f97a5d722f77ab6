//! Shared by the integration tests.
#![allow(dead_code)]

#[cfg(feature = "cli")]
pub mod fuzzed;
pub mod plain;

use std::io::Read;

use flate2::read::GzDecoder;
use pinesy::inference::{Cases, Engine};
use serde_json::Value as Json;

/// Reads a gzipped JSON file of `tests/data/golden`.
pub fn golden(name: &str) -> Json {
    let path = format!("{}/tests/data/golden/{name}.json.gz", env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub fn floats(json: &Json) -> Vec<f32> {
    json.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

pub fn integers(json: &Json) -> Vec<i64> {
    json.as_array().unwrap().iter().map(|x| x.as_i64().unwrap()).collect()
}

pub fn list(json: &Json) -> &Vec<Json> {
    json.as_array().unwrap()
}

pub fn number(json: &Json) -> f32 {
    json.as_f64().unwrap() as f32
}

#[track_caller]
pub fn assert_close(what: &str, ours: &[f32], theirs: &[f32], tolerance: f32) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!((a - b).abs() <= tolerance, "{what}, position {i}: {a} against {b}");
    }
}

/// A single case of the addition of two numbers, digit by digit.
pub fn sum(engine: &Engine, digits: &[Vec<f32>]) -> Cases {
    let names = (1..=digits.len()).map(|j| format!("a{j}"));
    names.zip(digits).fold(engine.cases(), |cases, (name, digit)| cases.possibilities(&name, digit)).build().unwrap()
}

/// A digit read as one, less possibly as another, and hardly as anything else.
pub fn digit(read: usize, other: usize, doubt: f32) -> Vec<f32> {
    let degree = |d: usize| match d {
        d if d == read => 1.0,
        d if d == other => doubt,
        _ => 0.001,
    };
    (0..10).map(degree).collect()
}
