use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;

use clap::Args;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::lines::{self, Inputs};
use super::{Error, Reasoning};
use crate::inference::{BatchInference, Engine};
use crate::possibility::{Domain, Value, decide, possibility_outside};

/// Infer the derived attributes of examples.
///
/// Each input line maps every input attribute to an array in domain order:
/// {"a1":[0.9,0.1],"a2":[…]}. Each output line maps every derived attribute to its possibilities
/// in domain order, the decided value (null if ambiguous) and the necessity of that value.
#[derive(Debug, Args)]
pub struct Infer {
    #[command(flatten)]
    reasoning: Reasoning,
    /// Examples (JSON lines; - for standard input).
    examples: PathBuf,
}

/// Lines inferred together.
const CHUNK: usize = 4096;

impl Infer {
    pub fn run(self) -> Result<(), Error> {
        let engine = self.reasoning.engine()?;
        let mut lines = lines::open(&self.examples)?;
        let mut out = BufWriter::new(stdout().lock());
        let mut inputs = Inputs::new(&engine);
        loop {
            let next = lines.next();
            if let Ok(Some((number, object))) = &next {
                if let Err(reason) = inputs.push(object, &self.reasoning.form) {
                    answer(&engine, inputs, &mut out)?;
                    return Err(lines.error(*number, reason));
                }
                if inputs.len() < CHUNK {
                    continue;
                }
            }
            answer(&engine, std::mem::replace(&mut inputs, Inputs::new(&engine)), &mut out)?;
            if next?.is_none() {
                return Ok(());
            }
        }
    }
}

/// Writes one line for every example gathered.
fn answer(engine: &Engine, inputs: Inputs, out: &mut impl Write) -> Result<(), Error> {
    let examples = inputs.len();
    let attributes: Vec<_> = engine.base().rule_sets().iter().map(|set| engine.base().conclusion(set)).collect();
    let names: Vec<&str> = attributes.iter().map(|attribute| attribute.name()).collect();
    let inferred = engine.infer_batch(&inputs.cases(engine).build()?, &names)?;
    for example in 0..examples {
        let domains = attributes.iter().map(|attribute| (attribute.name(), attribute.domain())).collect();
        serde_json::to_writer(&mut *out, &Answer { domains, inferred: &inferred, example })
            .map_err(std::io::Error::from)?;
        writeln!(out)?;
    }
    Ok(out.flush()?)
}

/// One output line, its attributes in cascade order.
struct Answer<'a> {
    domains: Vec<(&'a str, &'a Domain)>,
    inferred: &'a BatchInference,
    example: usize,
}

#[derive(serde::Serialize)]
struct AttributeAnswer<'a> {
    possibility: Vec<f32>,
    decision: Option<&'a Value>,
    ambiguous: bool,
    necessity: Option<f32>,
}

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.domains.len()))?;
        for (name, domain) in &self.domains {
            let possibility = self.inferred.get(name).expect("asked for").row(self.example).to_vec();
            let decided = decide(&possibility).position();
            let answer = AttributeAnswer {
                decision: decided.map(|i| &domain.values()[i]),
                ambiguous: decided.is_none(),
                necessity: decided.map(|i| 1.0 - possibility_outside(&possibility, &[i])),
                possibility,
            };
            map.serialize_entry(name, &answer)?;
        }
        map.end()
    }
}
