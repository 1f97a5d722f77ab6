use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;

use clap::Args;
use ndarray::ArrayView2;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::infer::AttributeAnswer;
use super::records::Fields;
use super::table::{Table, answer_each};
use super::{Error, Reasoning};
use crate::inference::{Abduction, Backward};
use crate::possibility::Attribute;
use crate::rules::RuleBase;

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
        let (names, form) = (names(engine.base()), &self.reasoning.form);
        if let Some(name) = FIELDS.into_iter().find(|name| names.contains(name)) {
            return Err(Error::AttributeTaken(name));
        }
        form.check_kept(|name| FIELDS.contains(&name) || names.contains(&name))?;
        let backward = engine.backward();
        let mut out = BufWriter::new(stdout().lock());
        let empty = || Table::with_observations(&engine, form);
        answer_each(&self.records, empty, |table| self.answer(&backward, table, &mut out))
    }

    fn answer(&self, backward: &Backward, table: Table<'_>, out: &mut impl Write) -> Result<(), Error> {
        let base = backward.base();
        let names = names(base);
        let inputs = &names[..base.inputs().count()];
        let (cases, kept, _) = table.finish()?;
        let all = backward.abduce(&cases, &names)?;
        let own = self.own_excluded.then(|| backward.own_excluded(&cases, inputs)).transpose()?;
        let told = own.iter().flat_map(|own| own.degrees().iter());
        let rest = all.degrees().iter().skip(if self.own_excluded { inputs.len() } else { 0 });
        let columns: Vec<Column> = told.chain(rest).collect();
        for (case, kept) in kept.iter().enumerate() {
            let answer = Answer { kept, columns: &columns, all: &all, case };
            serde_json::to_writer(&mut *out, &answer).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
        Ok(out.flush()?)
    }
}

/// What an output line says beside attributes.
const FIELDS: [&str; 2] = ["exact", "conflict"];

/// Of every input and every derived attribute.
fn names(base: &RuleBase) -> Vec<&str> {
    let derived = base.rule_sets().iter().map(|set| base.conclusion(set));
    base.inputs().chain(derived).map(Attribute::name).collect()
}

/// An attribute with its degrees in every case.
type Column<'a> = (&'a Attribute, ArrayView2<'a, f32>);

/// One output line.
struct Answer<'a> {
    kept: &'a Fields,
    columns: &'a [Column<'a>],
    all: &'a Abduction,
    case: usize,
}

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.kept.len() + self.columns.len() + 2))?;
        for (name, value) in self.kept {
            map.serialize_entry(name, value)?;
        }
        for (attribute, degrees) in self.columns {
            let possibility = degrees.row(self.case).to_vec();
            map.serialize_entry(attribute.name(), &AttributeAnswer::new(attribute.domain(), &possibility))?;
        }
        map.serialize_entry("exact", &self.all.is_exact())?;
        map.serialize_entry("conflict", &self.all.conflicts()[self.case])?;
        map.end()
    }
}
