//! Records, from JSON: no object has a key twice, and what was read is written as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pinesy::command::parse_json;

fuzz_target!(|bytes: &[u8]| {
    let Ok(json) = parse_json(bytes) else { return };
    assert_eq!(parse_json(json.to_string().as_bytes()).unwrap(), json);
});
