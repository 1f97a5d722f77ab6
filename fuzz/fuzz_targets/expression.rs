//! Whatever a condition is, it holds for some values or is an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pinesy::rules::{Limit, Limits, RuleBase};

fuzz_target!(|condition: &str| {
    let quoted = toml_string(condition);
    let text = format!(
        "[parameters]\nk = 2\n[[attribute]]\nname = \"a\"\ndomain = \"0..9\"\n[[attribute]]\nname = \"b\"\n\
         domain = [\"x\", \"y\"]\n[[rule]]\nif = {quoted}\nthen = \"b == 'x'\"\n"
    );
    let limits = Limits::default().with(Limit::Steps, 10_000);
    if let Err(error) = RuleBase::parse_with(&text, "fuzz.toml", &[], &limits) {
        assert!(error.to_string().len() < 20_000);
    }
});

fn toml_string(text: &str) -> String {
    let escaped: String = text.chars().map(|c| format!("\\U{:08X}", u32::from(c))).collect();
    format!("\"{escaped}\"")
}
