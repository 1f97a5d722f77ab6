//! IDX files, plain or gzip.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pinesy::datasets::idx;

fuzz_target!(|bytes: &[u8]| {
    let _ = idx::images_from(bytes, "x");
    let _ = idx::labels_from(bytes, "x", 10);
});
