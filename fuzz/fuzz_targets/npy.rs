//! Matrices as .npy files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pinesy::command::parse_npy;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(matrix) = parse_npy(bytes) {
        assert!(4 * matrix.len() <= bytes.len());
    }
});
