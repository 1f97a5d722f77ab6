use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::Value as Json;

use super::records::{Fields, Records};
use super::table::Table;
use super::{Error, Guarantee, LineError, Reasoning, derived, only_output};
use crate::explain::{Diagnosis, Settled, UnknownInput};
use crate::inference::Engine;
use crate::possibility::{Attribute, Value};

/// Rank the unknown inputs of a case by what knowing them could settle.
///
/// Records are as for `pinesy infer`; inputs that are left out are unknown. For each record: the
/// values that are left (with --calibration the set that holds the right one with the probability
/// promised, else those decided), whether any answers could still change them, and the unknown
/// inputs with the number of values that would be left, in the mean over the values they could have
/// and for each, best first.
#[derive(Debug, Args)]
pub struct Ask {
    #[command(flatten)]
    reasoning: Reasoning,
    #[command(flatten)]
    guarantee: Guarantee,
    /// The derived attribute to settle. Default: that which no rule reads, if it is one.
    #[arg(long)]
    attribute: Option<String>,
    /// Print JSON lines.
    #[arg(long)]
    json: bool,
    /// Cases (JSON lines or .csv; - for standard input).
    cases: PathBuf,
}

#[derive(Serialize)]
struct Answer {
    line: usize,
    #[serde(flatten)]
    kept: Fields,
    attribute: String,
    left: Vec<Value>,
    settled: Settled,
    ask: Vec<UnknownInput>,
}

impl Answer {
    /// Beside what is kept.
    const FIELDS: [&str; 5] = ["line", "attribute", "left", "settled", "ask"];
}

impl Ask {
    pub fn run(self) -> Result<(), Error> {
        let engine = self.reasoning.engine(&[Some(&self.cases), self.guarantee.calibration.as_deref()])?;
        let form = &self.reasoning.form;
        form.check_kept(|name| self.json && Answer::FIELDS.contains(&name))?;
        let attribute = self.attribute(&engine)?;
        let (promise, score) = self.guarantee.read(&engine, form)?;
        let mut records = Records::open(&self.cases)?;
        let mut out = BufWriter::new(stdout().lock());
        while let Some(record) = records.next()? {
            let line = record.line;
            let observed = record.fields.get("observed").filter(|_| engine.base().attribute("observed").is_none());
            if observed.and_then(Json::as_object).is_some_and(|observed| !observed.is_empty()) {
                return Err(records.error(line, LineError::Observed));
            }
            let mut table = Table::with_observations(&engine, form);
            table.push(record).map_err(|reason| records.error(line, reason))?;
            let (case, mut kept, _) = table.finish()?;
            let mut diagnosis = Diagnosis::new(&engine, attribute.name(), &case)?.with_score(score);
            if let Some(promise) = &promise {
                diagnosis = diagnosis.with_calibration(&promise.calibration, promise.error)?;
            }
            let answer = Answer {
                line,
                kept: kept.pop().unwrap_or_default(),
                attribute: attribute.name().to_owned(),
                left: diagnosis.left()?,
                settled: diagnosis.settled()?,
                ask: diagnosis.questions()?,
            };
            self.write(&answer, &mut out)?;
            if records.may_pause() {
                out.flush()?;
            }
        }
        form.note();
        Ok(out.flush()?)
    }

    /// The attribute asked for, or the one that no rule reads.
    fn attribute<'e>(&self, engine: &'e Engine) -> Result<&'e Attribute, Error> {
        match &self.attribute {
            Some(name) => derived(engine, name),
            None => only_output(engine.base()),
        }
    }

    fn write(&self, answer: &Answer, out: &mut impl Write) -> Result<(), Error> {
        if self.json {
            serde_json::to_writer(&mut *out, answer).map_err(std::io::Error::from)?;
            return Ok(writeln!(out)?);
        }
        let left: Vec<String> = answer.left.iter().map(Value::to_string).collect();
        let left = if left.is_empty() { "nothing".to_owned() } else { left.join(", ") };
        let settled = match answer.settled {
            Settled::Yes => "; no answer to what is unknown could change that",
            Settled::No => "",
            Settled::Unknown => "; whether answers could change that was not found out",
        };
        let kept: Vec<String> = answer.kept.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let kept = if kept.is_empty() { String::new() } else { format!(" ({})", kept.join(", ")) };
        writeln!(out, "line {}{kept}: {} is {left}{settled}", answer.line, answer.attribute)?;
        let width = answer.ask.iter().map(|question| question.attribute.len()).max().unwrap_or(0);
        answer.ask.iter().try_for_each(|question| writeln!(out, "  {question:width$}"))?;
        Ok(())
    }
}
