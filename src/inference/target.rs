use serde::{Deserialize, Serialize};

use crate::possibility::{Value, degrees};

/// What a case says about a derived attribute, to learn from or to check inference with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Target {
    /// The true value.
    Value(Value),
    /// The position of the true value in the domain: cheaper than the value where there are many.
    Position(usize),
    /// How possible each value is, in domain order.
    Degrees(#[serde(deserialize_with = "degrees")] Vec<f32>),
}

impl Target {
    /// The true value.
    pub fn value(value: impl Into<Value>) -> Self {
        Self::Value(value.into())
    }
}
