//! Examples with targets, to learn from or to check rules with.

use std::path::Path;

use pinesy::inference::Engine;
use pinesy::learning::{Examples, Target};
use pinesy::possibility::{Attribute, Value, check_degrees};
use serde::Deserialize;
use serde_json::Value as Json;

use super::lines::{self, Inputs, Reading, numbers};
use super::{Error, LineError};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExampleLine {
    inputs: serde_json::Map<String, Json>,
    targets: serde_json::Map<String, Json>,
}

/// Reads all examples of a file.
pub fn read(engine: &Engine, reading: &Reading, path: &Path) -> Result<Examples, Error> {
    let mut lines = lines::open(path)?;
    let mut inputs = Inputs::new(engine);
    let derived: Vec<&Attribute> = engine.base().rule_sets().iter().map(|set| engine.base().conclusion(set)).collect();
    let mut targets: Vec<Vec<Option<Target>>> = vec![Vec::new(); derived.len()];
    while let Some((number, object)) = lines.next()? {
        let push = || {
            let line: ExampleLine = serde_json::from_value(Json::Object(object)).map_err(LineError::Json)?;
            inputs.push(&line.inputs, reading)?;
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
    let mut examples = inputs.with_arrays(|arrays| Examples::new(engine, arrays))?;
    for (attribute, column) in derived.iter().zip(targets) {
        examples = examples.with_targets(attribute.name(), column)?;
    }
    Ok(examples)
}

/// A target: a value of the domain if it is one, otherwise possibilities.
fn target(attribute: &Attribute, json: &Json) -> Result<Target, LineError> {
    let domain = attribute.domain();
    let position = serde_json::from_value::<Value>(json.clone()).ok().and_then(|value| domain.position(&value));
    if let Some(position) = position {
        return Ok(Target::Value(position));
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
