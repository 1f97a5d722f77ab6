use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressFinish};
use serde::Serialize;

use super::records::{Fields, Records};
use super::table::{Table, shown};
use super::{Error, Guarantee, Promise, Reasoning, check_outputs, derived, only_output, tell, write_whole};
use crate::explain::{Activations, Change, Evidence, Explainer, Explanation, Justification, Page, Pictures, Question};
use crate::inference::{Cases, Engine, Score};
use crate::possibility::{Attribute, Value};

/// Explain why an attribute has its value, or why not another.
///
/// Records are as for `pinesy infer`. For each record and attribute: what is decided and how
/// certainly, what the inputs were read as, the rules that hold every other value down, the chain
/// from the strongest of these down to the inputs, and the least changes of a single degree that
/// would alter the decision. With --value: why this value is no more possible than it is.
///
/// If --attribute is an input, records are as for `pinesy abduce`, and what is explained is why its
/// other values must not be, given what was observed: the evidence of which nothing can be left
/// out (text and json).
#[derive(Debug, Args)]
pub struct Explain {
    #[command(flatten)]
    reasoning: Reasoning,
    #[command(flatten)]
    guarantee: Guarantee,
    /// The attribute to explain. Default: all derived ones that no rule reads.
    #[arg(long)]
    attribute: Option<String>,
    /// Explain how possible this value is: 7, yes, or for a tuple "(3, 4)". Needs --attribute where
    /// several are derived that no rule reads.
    #[arg(long)]
    value: Option<String>,
    /// text: sentences and a tree. json: one line an answer. dot: Graphviz graphs. html: one page.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The most parts (values, rules, propositions) of an explanation.
    #[arg(long, value_name = "PARTS", default_value_t = Explainer::LIMIT)]
    limit: usize,
    /// The most changes listed, least first (text and json; with --score min alone).
    #[arg(long, value_name = "N", default_value_t = 3)]
    changes: usize,
    /// Also give λ, ρ, α and β of every rule on the attribute (text and json).
    #[arg(long)]
    activations: bool,
    /// Where to write; - for standard output.
    #[arg(long, default_value = "-")]
    out: PathBuf,
    /// The most records on an HTML page.
    #[arg(long, value_name = "N", default_value_t = 200)]
    page_limit: usize,
    /// Examples (JSON lines or .csv; - for standard input).
    examples: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Dot,
    Html,
}

/// One question about one example, answered.
#[derive(Serialize)]
struct Answer {
    /// The line, counted from 1.
    line: usize,
    #[serde(flatten)]
    kept: Fields,
    attribute: String,
    #[serde(flatten)]
    why: Why,
    /// The values that hold the right one with the probability promised.
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Change>,
    #[serde(skip_serializing_if = "Option::is_none")]
    activations: Option<Activations>,
}

impl Answer {
    /// Beside what is kept.
    const FIELDS: [&str; 7] = ["line", "attribute", "justification", "explanation", "set", "changes", "activations"];
}

/// Why an input must not have a value.
#[derive(Serialize)]
struct BackwardAnswer<'a> {
    line: usize,
    #[serde(flatten)]
    kept: &'a Fields,
    #[serde(flatten)]
    evidence: &'a Evidence,
    exact: bool,
}

impl BackwardAnswer<'_> {
    /// Beside what is kept.
    const FIELDS: [&'static str; 7] = ["line", "attribute", "value", "degree", "observed", "inputs", "exact"];
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Why {
    Justification(Box<Justification>),
    Explanation(Explanation),
}

impl Explain {
    pub fn run(self) -> Result<(), Error> {
        let (rules, params) = (&self.reasoning.rules.rules, self.reasoning.params.as_deref());
        let calibration = self.guarantee.calibration.as_deref();
        check_outputs(&[Some(&self.out)], &[Some(&self.examples), Some(rules), params, calibration])?;
        let engine = self.reasoning.engine(&[Some(&self.examples), calibration])?;
        if self.out != Path::new("-") {
            // Colours are for terminals.
            let mut text = anstream::StripStream::new(Vec::new());
            self.answer(&engine, &mut text)?;
            return write_whole(&self.out, &text.into_inner());
        }
        let mut out = BufWriter::new(anstream::stdout().lock());
        self.answer(&engine, &mut out)?;
        Ok(out.flush()?)
    }

    fn answer(&self, engine: &Engine, out: &mut dyn Write) -> Result<(), Error> {
        let form = &self.reasoning.form;
        let input = engine.base().inputs().find(|input| Some(input.name()) == self.attribute.as_deref());
        let fields = if input.is_some() { &BackwardAnswer::FIELDS[..] } else { &Answer::FIELDS };
        form.check_kept(|name| self.format == Format::Json && fields.contains(&name))?;
        if let Some(input) = input {
            return self.backward(engine, input, out);
        }
        let attributes = self.attributes(engine)?;
        let value = self.value(attributes[0])?;
        if self.guarantee.is_asked() && (value.is_some() || self.format == Format::Dot) {
            return Err(Error::GuaranteeOfPart);
        }
        let (promise, score) = self.guarantee.read(engine, form)?;
        let mut page = Page::new("Why this answer");
        let mut records = Records::open(&self.examples)?;
        let (mut drawn, mut left_out) = (0, 0);
        // Answers on a terminal show by themselves how far it is.
        let visible = self.out == Path::new("-") && std::io::stdout().is_terminal();
        let spinner = if visible { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        let spinner = spinner.with_finish(ProgressFinish::AndClear);
        while let Some(record) = records.next()? {
            let line = record.line;
            if self.format == Format::Html && drawn == self.page_limit {
                left_out += 1;
                continue;
            }
            drawn += 1;
            let mut table = Table::of_inputs(engine, &self.reasoning.form);
            table.push(record).map_err(|reason| records.error(line, reason))?;
            let (case, mut kept, _) = table.finish()?;
            let kept = kept.pop().unwrap_or_default();
            let explainer = Explainer::new(engine, &case)?.with_limit(self.limit).with_score(score);
            let set = |attribute: &Attribute| promised(promise.as_ref(), engine, &case, attribute);
            spinner.set_message(format!("line {line}"));
            spinner.tick();
            if self.format == Format::Html {
                let questions: Vec<Question> = match &value {
                    Some(value) => vec![Question::WhyNot(attributes[0].name(), value)],
                    None => attributes.iter().map(|attribute| Question::Why(attribute.name())).collect(),
                };
                let mut title = format!("Line {}", heading(line, &kept));
                for attribute in &attributes {
                    if let Some(values) = set(attribute)? {
                        title += &format!("; {}", self.promise(attribute.name(), &values));
                    }
                }
                page.example(&title, &explainer, &Pictures::default(), &questions)?;
                continue;
            }
            for attribute in &attributes {
                spinner.set_message(format!("line {line}, {}", attribute.name()));
                spinner.tick();
                let mut answer = self.one(&explainer, (line, &kept), attribute.name(), value.as_ref())?;
                answer.set = set(attribute)?;
                self.write(&answer, out)?;
            }
            if records.may_pause() {
                out.flush()?;
            }
        }
        self.reasoning.form.note();
        if self.format == Format::Html {
            if left_out > 0 {
                page.left_out(left_out);
                tell!("note: {left_out} records are not on the page (--page-limit {})", self.page_limit);
            }
            writeln!(out, "{page}")?;
        }
        Ok(())
    }

    /// Why an input must not have values, given what was observed.
    fn backward(&self, engine: &Engine, input: &Attribute, out: &mut dyn Write) -> Result<(), Error> {
        if self.guarantee.is_asked() {
            return Err(Error::GuaranteeOfInput(input.name().to_owned()));
        }
        let backward = engine.backward();
        let asked = self.value(input)?;
        let mut records = Records::open(&self.examples)?;
        while let Some(record) = records.next()? {
            let line = record.line;
            let mut table = Table::with_observations(engine, &self.reasoning.form);
            table.push(record).map_err(|reason| records.error(line, reason))?;
            let (case, mut kept, _) = table.finish()?;
            let kept = kept.pop().unwrap_or_default();
            let found = backward.abduce(&case, &[input.name()])?;
            let degrees = found.degrees().distribution(input.name(), 0).expect("asked for");
            let left_out = |(_, degree): &(&Value, f32)| *degree < degrees.height() || degrees.height() == 0.0;
            let values: Vec<Value> = match &asked {
                Some(value) => vec![value.clone()],
                None => degrees.iter().filter(left_out).map(|(value, _)| value.clone()).collect(),
            };
            if self.format != Format::Json {
                writeln!(out, "line {}:", heading(line, &kept))?;
            }
            for value in values {
                let evidence = Evidence::find(&backward, &case, input.name(), &value)?;
                if self.format == Format::Json {
                    let answer = BackwardAnswer { line, kept: &kept, evidence: &evidence, exact: found.is_exact() };
                    serde_json::to_writer(&mut *out, &answer).map_err(std::io::Error::from)?;
                    writeln!(out)?;
                } else {
                    writeln!(out, "{evidence}.")?;
                }
            }
            if records.may_pause() {
                out.flush()?;
            }
        }
        self.reasoning.form.note();
        Ok(())
    }

    /// The attribute asked for, or all that no rule reads; at least one.
    fn attributes<'e>(&self, engine: &'e Engine) -> Result<Vec<&'e Attribute>, Error> {
        match &self.attribute {
            Some(name) => Ok(vec![derived(engine, name)?]),
            None if self.value.is_some() => Ok(vec![only_output(engine.base())?]),
            None => Ok(engine.base().outputs().collect()),
        }
    }

    /// The value asked about, written as explanations write it or as JSON.
    fn value(&self, attribute: &Attribute) -> Result<Option<Value>, Error> {
        let Some(text) = &self.value else { return Ok(None) };
        let domain = attribute.domain();
        let shown = shown(attribute, text).cloned();
        let json = || serde_json::from_str(text).ok().filter(|value| domain.position(value).is_some());
        let unknown = || crate::explain::Error::UnknownValue {
            attribute: attribute.name().to_owned(),
            value: text.clone(),
            domain: domain.to_string(),
        };
        Ok(Some(shown.or_else(json).ok_or_else(unknown)?))
    }

    fn one(
        &self,
        explainer: &Explainer<'_>,
        (line, kept): (usize, &Fields),
        attribute: &str,
        value: Option<&Value>,
    ) -> Result<Answer, Error> {
        let why = match value {
            Some(value) => Why::Explanation(explainer.explain(attribute, value)?),
            None => Why::Justification(Box::new(explainer.justify(attribute)?)),
        };
        // Changes are those of the possibilities: by another score they may alter nothing.
        let by_possibility = value.is_none() && explainer.score() == Score::Min;
        let wants_changes = by_possibility && self.changes > 0 && self.format != Format::Dot;
        let mut changes = if wants_changes { explainer.changes(attribute)? } else { Vec::new() };
        changes.truncate(self.changes);
        let activations = self.activations.then(|| explainer.activations(attribute)).transpose()?;
        Ok(Answer { line, kept: kept.clone(), attribute: attribute.to_owned(), why, set: None, changes, activations })
    }

    /// What a calibration promises of an attribute.
    fn promise(&self, attribute: &str, values: &[Value]) -> String {
        let values: Vec<String> = values.iter().map(Value::to_string).collect();
        // In decimals, 1 − 0.07 is 0.93.
        let probability = (1.0 - self.guarantee.error) as f32;
        format!("{attribute} in {{{}}} with a probability of at least {probability}", values.join(", "))
    }

    fn write(&self, answer: &Answer, out: &mut dyn Write) -> Result<(), Error> {
        let explanation = match &answer.why {
            Why::Justification(justification) => &justification.explanation,
            Why::Explanation(explanation) => explanation,
        };
        match self.format {
            Format::Json => {
                serde_json::to_writer(&mut *out, answer).map_err(std::io::Error::from)?;
                writeln!(out)?;
            }
            Format::Dot => write!(out, "{}", explanation.dot())?,
            _ => {
                writeln!(out, "line {}:", heading(answer.line, &answer.kept))?;
                if let Why::Justification(justification) = &answer.why {
                    writeln!(out, "{justification:#}")?;
                    if let Some(doubt) = &justification.doubt {
                        writeln!(out, "{doubt:#}")?;
                    }
                }
                if let Some(set) = &answer.set {
                    writeln!(out, "{}.", self.promise(&answer.attribute, set))?;
                }
                writeln!(out, "{explanation:#}")?;
                if !answer.changes.is_empty() {
                    writeln!(out, "It would change with one of these alone:")?;
                    answer.changes.iter().try_for_each(|change| writeln!(out, "  {change:#}"))?;
                }
                if let Some(activations) = &answer.activations {
                    write!(out, "{activations}")?;
                }
                writeln!(out)?;
            }
        }
        Ok(())
    }
}

/// The values promised to hold the right one of an attribute.
fn promised(
    promise: Option<&Promise>,
    engine: &Engine,
    case: &Cases,
    attribute: &Attribute,
) -> Result<Option<Vec<Value>>, Error> {
    let Some(promise) = promise else { return Ok(None) };
    let sets = promise.sets(engine, case, attribute.name())?;
    Ok(sets.map(|sets| sets.values(0).cloned().collect()))
}

/// The line, with what was kept of it.
fn heading(line: usize, kept: &Fields) -> String {
    let kept: Vec<String> = kept.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    if kept.is_empty() { line.to_string() } else { format!("{line} ({})", kept.join(", ")) }
}
