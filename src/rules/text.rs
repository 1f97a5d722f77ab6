use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::unique;

/// A rule file as it was read: its text and the values given for its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleText {
    /// Its name, for errors.
    pub file: String,
    /// The whole text.
    pub text: String,
    /// The values given, by parameter; those left out have their defaults.
    #[serde(default, deserialize_with = "unique::map")]
    pub settings: BTreeMap<String, i64>,
}

/// A place in a rule file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The line, from 1.
    pub line: u32,
    /// The column in that line, from 1, in characters.
    pub column: u32,
}

/// What tells a rule base, or other data, apart from others, on every machine. Shown as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(u128);

impl Fingerprint {
    pub(crate) fn of(hash: SipHasher13) -> Self {
        Self(hash.finish128().as_u128())
    }

    /// The same with some numbers besides.
    pub(crate) fn with(self, numbers: &[f32]) -> Self {
        let mut hash = SipHasher13::new();
        hash.write(&self.0.to_le_bytes());
        numbers.iter().for_each(|number| hash.write(&number.to_le_bytes()));
        Self::of(hash)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u128::from_str_radix(&text, 16).ok().filter(|_| digits);
        number.map(Self).ok_or_else(|| format!("fingerprint '{text}': expected 32 hexadecimal digits"))
    }
}
