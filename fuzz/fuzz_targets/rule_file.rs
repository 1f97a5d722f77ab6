//! Whatever text a rule file is, it becomes rules or an error that is short and in bounded time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pinesy::inference::Engine;
use pinesy::rules::{Limit, Limits, RuleBase};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let limits = [Limit::Repetitions, Limit::AllValues, Limit::Evaluations, Limit::Steps, Limit::Rules]
        .into_iter()
        .fold(Limits::default().with(Limit::Cells, 1_000_000), |limits, limit| limits.with(limit, 10_000));
    match RuleBase::parse_with(text, "fuzz.toml", &[], &limits) {
        Ok(base) => drop(Engine::of(&base)),
        Err(error) => drop(error.to_string()),
    }
});
