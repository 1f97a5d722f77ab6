use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;

use clap::Args;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::infer::AttributeAnswer;
use super::records::Fields;
use super::table::{Table, answer_each};
use super::{Error, Reasoning};
use crate::inference::{Abduction, Backward};
use crate::possibility::Attribute;

/// Find what explains observed conclusions: inference run backward.
///
/// Each record is {"inputs":{"a1":[…],"a2":null},"observed":{"y0":0,"y1":[…]}}. What inputs say is
/// as for `pinesy infer`; inputs that are left out are unknown. What was observed, of any
/// attributes, is the value, or possibilities in domain order, or anything else an input can be.
///
/// Each output line has every input and every derived attribute as `pinesy infer` writes them,
/// given all that the record says; "exact": whether the degrees are exact (they are where rules
/// form no cycle, otherwise upper bounds); "conflict": how far the record contradicts itself.
#[derive(Debug, Args)]
pub struct Abduce {
    #[command(flatten)]
    reasoning: Reasoning,
    /// Of every input, say what the rest of the record tells of it, without its own possibilities.
    #[arg(long)]
    own_excluded: bool,
    /// Records (JSON lines; - for standard input).
    records: PathBuf,
}

impl Abduce {
    pub fn run(self) -> Result<(), Error> {
        let engine = self.reasoning.engine(&[Some(&self.records)])?;
        let backward = engine.backward();
        let form = &self.reasoning.form;
        let mut out = BufWriter::new(stdout().lock());
        let empty = || Table::with_observations(&engine, form);
        answer_each(&self.records, empty, |table| self.answer(&backward, table, &mut out))
    }

    fn answer(&self, backward: &Backward, table: Table<'_>, out: &mut impl Write) -> Result<(), Error> {
        let base = backward.base();
        let inputs: Vec<&Attribute> = base.inputs().collect();
        let derived = base.rule_sets().iter().map(|set| base.conclusion(set));
        let attributes: Vec<&Attribute> = inputs.iter().copied().chain(derived).collect();
        let names: Vec<&str> = attributes.iter().map(|attribute| attribute.name()).collect();
        let (cases, kept, _) = table.finish()?;
        let all = backward.abduce(&cases, &names)?;
        let own = self.own_excluded.then(|| backward.own_excluded(&cases, &names[..inputs.len()])).transpose()?;
        for (case, kept) in kept.iter().enumerate() {
            let of = |attribute: &&Attribute| {
                let told = own.as_ref().and_then(|own| own.degrees().get(attribute.name()));
                told.or_else(|| all.degrees().get(attribute.name())).expect("asked for").row(case).to_vec()
            };
            let degrees: Vec<Vec<f32>> = attributes.iter().map(of).collect();
            let answer = Answer { kept, attributes: &attributes, degrees: &degrees, all: &all, case };
            serde_json::to_writer(&mut *out, &answer).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
        Ok(out.flush()?)
    }
}

/// One output line.
struct Answer<'a> {
    kept: &'a Fields,
    attributes: &'a [&'a Attribute],
    degrees: &'a [Vec<f32>],
    all: &'a Abduction,
    case: usize,
}

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.kept.len() + self.attributes.len() + 2))?;
        for (name, value) in self.kept {
            map.serialize_entry(name, value)?;
        }
        for (attribute, degrees) in self.attributes.iter().zip(self.degrees) {
            map.serialize_entry(attribute.name(), &AttributeAnswer::new(attribute.domain(), degrees))?;
        }
        map.serialize_entry("exact", &self.all.is_exact())?;
        map.serialize_entry("conflict", &self.all.conflicts()[self.case])?;
        map.end()
    }
}
