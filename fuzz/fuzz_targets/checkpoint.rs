//! Checkpoints (with `--features perception`).
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use pinesy::perception::Checkpoint;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let _ = Checkpoint::read(file.path());
});
