#![no_main]
#![allow(dead_code)]

#[path = "../../tests/common/fuzzed.rs"]
mod fuzzed;
#[path = "../../tests/common/plain.rs"]
mod plain;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::expression(bytes));
