//! Files of parameters and of engines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pinesy::inference::{Engine, Parameters};
use pinesy::tasks::iris;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(parameters) = serde_json::from_slice::<Parameters>(bytes) {
        let _ = Engine::new(&iris::rules(), &parameters);
    }
    let _ = serde_json::from_slice::<Engine>(bytes);
});
