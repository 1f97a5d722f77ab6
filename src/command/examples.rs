//! Examples with targets, to learn from or to check rules with.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value as Json;

use super::lines::{self, InputForm, Inputs, numbers};
use super::{Error, LineError};
use crate::inference::{Cases, Engine, Target};
use crate::possibility::{Attribute, Value, check_degrees};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExampleLine {
    inputs: serde_json::Map<String, Json>,
    targets: serde_json::Map<String, Json>,
}

/// Reads all examples of a file.
pub fn read(engine: &Engine, form: &InputForm, path: &Path) -> Result<Cases, Error> {
    let mut lines = lines::open(path)?;
    let mut inputs = Inputs::new(engine);
    let derived: Vec<&Attribute> = engine.base().rule_sets().iter().map(|set| engine.base().conclusion(set)).collect();
    let mut targets: Vec<Vec<Option<Target>>> = vec![Vec::new(); derived.len()];
    while let Some((number, object)) = lines.next()? {
        let push = || {
            let line: ExampleLine = serde_json::from_value(Json::Object(object)).map_err(LineError::Json)?;
            inputs.push(&line.inputs, form)?;
            if let Some(name) = line.targets.keys().find(|name| !derived.iter().any(|a| a.name() == *name)) {
                return Err(LineError::UnknownTarget(name.clone()));
            }
            for (attribute, column) in derived.iter().zip(&mut targets) {
                column.push(line.targets.get(attribute.name()).map(|json| target(attribute, json)).transpose()?);
            }
            Ok(())
        };
        push().map_err(|reason| lines.error(number, reason))?;
    }
    let columns = derived.iter().zip(targets);
    Ok(columns
        .fold(inputs.cases(engine), |cases, (attribute, column)| cases.targets(attribute.name(), column))
        .build()?)
}

/// A target: a value of the domain if it is one, otherwise possibilities.
fn target(attribute: &Attribute, json: &Json) -> Result<Target, LineError> {
    let domain = attribute.domain();
    let position = serde_json::from_value::<Value>(json.clone()).ok().and_then(|value| domain.position(&value));
    if let Some(position) = position {
        return Ok(Target::Position(position));
    }
    let outside = || LineError::TargetValue {
        attribute: attribute.name().to_owned(),
        value: json.to_string(),
        domain: domain.to_string(),
    };
    let degrees = numbers(json).filter(|degrees| degrees.len() == domain.len()).ok_or_else(outside)?;
    check_degrees(attribute.name(), domain.len(), &degrees).map_err(LineError::Degrees)?;
    Ok(Target::Degrees(degrees))
}
