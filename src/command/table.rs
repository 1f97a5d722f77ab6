//! From records to a table of cases.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::Path;

use clap::{Args, ValueEnum};
use ndarray::Array2;
use serde_json::Value as Json;

use super::records::{Fields, Record, Records};
use super::{Error, LineError, one_of, tell, together};
use crate::inference::{Cases, CasesBuilder, Engine, Input, Target};
use crate::possibility::{Attribute, Transform, Value, degree_of, height};
use crate::rules::{Source, list_names};
use crate::shortened::shortened;

/// How records are to be understood.
#[derive(Debug, Default, Args)]
pub struct Form {
    /// How arrays of probabilities become possibilities.
    #[arg(long, default_value_t, value_parser = one_of::<Transform>())]
    transform: Transform,
    /// Arrays are possibilities already; do not transform them.
    #[arg(long, conflicts_with = "transform")]
    possibility: bool,
    /// Accept possibilities of which none is 1 (what they leave out is conflict).
    #[arg(long)]
    subnormal: bool,
    /// What an input that a record does not mention means.
    #[arg(long, value_enum, default_value_t = Missing::Error)]
    missing: Missing,
    /// Other fields of the records that go through to the output, such as an id; may be repeated.
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    keep: Vec<String>,
    /// Probabilities that were normalised, for the note.
    #[arg(skip)]
    normalised: Cell<usize>,
    /// Fields to keep that were met.
    #[arg(skip)]
    met: RefCell<BTreeSet<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Missing {
    /// The record is wrong.
    #[default]
    Error,
    /// Nothing is known of the input.
    Unknown,
}

/// Below this every whole number is a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// How far a sum of probabilities may be from 1 to be set right.
const SUM_SLACK: f64 = 0.01;

impl Form {
    /// What a field says of an attribute.
    fn input(&self, attribute: &Attribute, field: &Json) -> Result<Input, LineError> {
        self.parse(attribute, field, true)
    }

    fn parse(&self, attribute: &Attribute, field: &Json, set: bool) -> Result<Input, LineError> {
        let unclear = || LineError::Unclear {
            attribute: attribute.name().to_owned(),
            given: shortened(&field.to_string(), 60, 0),
            domain: attribute.domain().to_string(),
            number: attribute.terms().is_some(),
            meant: field.as_str().and_then(|text| meant(attribute, text.trim())),
        };
        match field {
            Json::Null => Ok(Input::Unknown),
            Json::String(text) if text.trim().is_empty() => Ok(Input::Unknown),
            Json::String(text) => self.text(attribute, text.trim()).ok_or_else(unclear),
            Json::Number(number) => {
                let whole = number.as_i64().map(Value::Integer);
                match whole.filter(|value| attribute.domain().position(value).is_some()) {
                    Some(value) => Ok(Input::Value(value)),
                    None => self.text(attribute, &number.to_string()).ok_or_else(unclear),
                }
            }
            Json::Bool(truth) => self.text(attribute, &truth.to_string()).ok_or_else(unclear),
            Json::Array(_) => {
                let value = serde_json::from_value::<Value>(field.clone()).ok();
                if let Some(value) = value.filter(|value| attribute.domain().position(value).is_some()) {
                    return Ok(Input::Value(value));
                }
                self.degrees(attribute, &numbers(field).ok_or_else(unclear)?)
            }
            Json::Object(fields) => {
                let known = |names: &[&str]| fields.keys().all(|name| names.contains(&name.as_str()));
                let end = |name: &str, open: f64| match fields.get(name) {
                    None | Some(Json::Null) => Some(open),
                    Some(end) => end.as_f64(),
                };
                match fields.get("in") {
                    Some(Json::Array(members)) if set && known(&["in"]) => {
                        let members = members.iter().map(|member| self.parse(attribute, member, false));
                        Ok(Input::OneOf(members.collect::<Result<_, _>>()?))
                    }
                    None if !fields.is_empty() && known(&["from", "to"]) => {
                        let ends = end("from", f64::NEG_INFINITY).zip(end("to", f64::INFINITY));
                        ends.map(|(from, to)| Input::Interval { from, to }).ok_or_else(unclear)
                    }
                    _ => Err(unclear()),
                }
            }
        }
    }

    /// A value as it is shown, or a number.
    fn text(&self, attribute: &Attribute, text: &str) -> Option<Input> {
        // As any number in JSON: rounded to a double first, wherever it stands.
        let number = text.parse::<f64>().ok().filter(|number| !number.is_nan());
        // Of what is told in terms a number is a number, whatever the terms are called.
        let number_first = number.is_some() && attribute.terms().is_some();
        if let Some(value) = shown(attribute, text).filter(|_| !number_first) {
            return Some(Input::Value(value.clone()));
        }
        let number = number?;
        // A whole number beyond these may be that of another text, of a value in the domain.
        let whole = number.fract() == 0.0 && number.abs() < EXACT;
        let integers = || attribute.domain().values().iter().all(|value| matches!(value, Value::Integer(_)));
        (attribute.terms().is_some() || (whole && integers())).then_some(Input::Number(number))
    }

    fn degrees(&self, attribute: &Attribute, numbers: &[f64]) -> Result<Input, LineError> {
        let degrees: Vec<f32> = numbers.iter().map(|&number| degree_of(number)).collect();
        if self.possibility {
            self.check_height(attribute, &degrees)?;
            return Ok(Input::Possibilities(degrees));
        }
        let sum: f64 = numbers.iter().sum();
        if (5e-4..=SUM_SLACK * 1.000_001).contains(&(sum - 1.0).abs()) {
            self.normalised.set(self.normalised.get() + 1);
            let normal = numbers.iter().map(|&number| degree_of(number / sum)).collect();
            return Ok(Input::Probabilities(normal, self.transform));
        }
        Ok(Input::Probabilities(degrees, self.transform))
    }

    fn check_height(&self, attribute: &Attribute, degrees: &[f32]) -> Result<(), LineError> {
        // Too many or too few, or what is no degree, are errors of their own.
        let wrong = degrees.len() != attribute.domain().len() || degrees.iter().any(|d| !(0.0..=1.0).contains(d));
        if self.subnormal || wrong || height(degrees) == 1.0 {
            return Ok(());
        }
        Err(LineError::Subnormal { attribute: attribute.name().to_owned(), height: height(degrees) })
    }

    /// An input's whole column.
    pub fn column(&self, cases: CasesBuilder, input: &str, rows: &Array2<f32>) -> CasesBuilder {
        if self.possibility {
            cases.possibilities(input, rows)
        } else {
            cases.probabilities(input, rows, self.transform)
        }
    }

    /// What a field says of a derived attribute: a value is a crisp target, all else degrees.
    fn target(&self, attribute: &Attribute, field: &Json) -> Result<Option<Target>, LineError> {
        if let (Json::Array(_), Some(numbers)) = (field, numbers(field)) {
            let value = serde_json::from_value::<Value>(field.clone()).ok();
            if value.is_none_or(|value| attribute.domain().position(&value).is_none()) {
                // Targets are possibilities, whatever the inputs are.
                let degrees: Vec<f32> = numbers.into_iter().map(degree_of).collect();
                self.check_height(attribute, &degrees)?;
                let degrees = Input::Possibilities(degrees);
                return Ok(Some(Target::Degrees(degrees.degrees(attribute).map_err(LineError::Inference)?)));
            }
        }
        Ok(match self.input(attribute, field)? {
            Input::Unknown => None,
            Input::Value(value) => Some(Target::Value(value)),
            other => {
                let degrees = other.degrees(attribute).map_err(LineError::Inference)?;
                let crisp = degrees.iter().filter(|&&degree| degree > 0.0).count() == 1 && height(&degrees) == 1.0;
                match degrees.iter().position(|&degree| degree == 1.0).filter(|_| crisp) {
                    Some(position) => Some(Target::Position(position)),
                    None => Some(Target::Degrees(degrees)),
                }
            }
        })
    }

    /// How inputs are read, for what depends on it.
    pub fn reading(&self) -> String {
        if self.possibility { "possibilities".to_owned() } else { self.transform.to_string() }
    }

    /// Checks that no field to keep has a name that answers have for something else.
    pub fn check_kept(&self, is_taken: impl Fn(&str) -> bool) -> Result<(), Error> {
        match self.keep.iter().find(|name| is_taken(name)) {
            Some(name) => Err(Error::KeepTaken(name.clone())),
            None => Ok(()),
        }
    }

    /// Says once what was set right on the way, and which fields to keep were never met.
    pub fn note(&self) {
        let met = self.met.take();
        for name in self.keep.iter().filter(|name| !met.contains(*name)) {
            tell!("note: no record has a field '{name}' (--keep {name})");
        }
        match self.normalised.take() {
            0 => {}
            n => tell!("note: {n} arrays of probabilities that summed to 1 only within 1 % were normalised"),
        }
    }
}

/// What somebody who wrote this probably meant.
fn meant(attribute: &Attribute, text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let alike = attribute.domain().values().iter().map(Value::to_string).find(|value| value.to_lowercase() == lower);
    let number = || {
        let plain = text.replace(',', ".");
        let end = plain.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-').unwrap_or(plain.len());
        let number = plain[..end].parse::<f32>().ok().filter(|_| attribute.terms().is_some())?;
        // A date or a range is more than a number with something behind it.
        (!plain[end..].contains(|c: char| c.is_ascii_digit())).then(|| number.to_string())
    };
    alike.or_else(number)
}

/// The value that is shown so.
pub fn shown<'a>(attribute: &'a Attribute, text: &str) -> Option<&'a Value> {
    let domain = attribute.domain();
    let quick = [Value::from(text)].into_iter().chain(text.parse().ok().map(Value::Integer));
    let quick = quick.into_iter().find_map(|value| domain.position(&value));
    match quick {
        Some(position) => Some(&domain.values()[position]),
        None => domain.values().iter().find(|value| matches!(value, Value::Tuple(_)) && value.to_string() == text),
    }
}

fn numbers(array: &Json) -> Option<Vec<f64>> {
    array.as_array()?.iter().map(Json::as_f64).collect()
}

/// Records gathered column by column.
pub struct Table<'a> {
    form: &'a Form,
    engine: &'a Engine,
    inputs: Vec<(&'a Attribute, Vec<f32>)>,
    /// Of all derived attributes; empty if targets are not wanted.
    targets: Vec<(&'a Attribute, Vec<Option<Target>>)>,
    /// Whether targets are observations, of inputs as well, and inputs may be left out.
    observed: bool,
    kept: Vec<Fields>,
    lines: Vec<usize>,
}

impl<'a> Table<'a> {
    /// For inputs alone; what records say of derived attributes is passed over.
    pub fn of_inputs(engine: &'a Engine, form: &'a Form) -> Self {
        let inputs = engine.base().inputs().map(|attribute| (attribute, Vec::new())).collect();
        Self { form, engine, inputs, targets: Vec::new(), observed: false, kept: Vec::new(), lines: Vec::new() }
    }

    /// For inputs and the targets of derived attributes.
    pub fn with_targets(engine: &'a Engine, form: &'a Form) -> Self {
        let base = engine.base();
        let derived = base.rule_sets().iter().map(|set| (base.conclusion(set), Vec::new()));
        Self { targets: derived.collect(), ..Self::of_inputs(engine, form) }
    }

    /// For inputs, unknown where they are left out, and what was observed of any attributes.
    pub fn with_observations(engine: &'a Engine, form: &'a Form) -> Self {
        let base = engine.base();
        let derived = base.rule_sets().iter().map(|set| base.conclusion(set));
        let all = base.inputs().chain(derived).map(|attribute| (attribute, Vec::new()));
        Self { targets: all.collect(), observed: true, ..Self::of_inputs(engine, form) }
    }

    /// Takes in a record, or nothing of one that is wrong.
    pub fn push(&mut self, record: Record) -> Result<(), LineError> {
        let Record { line, mut fields } = record;
        let is_attribute = |name: &str| self.engine.base().attribute(name).is_some();
        if self.observed && !is_attribute("inputs") && !is_attribute("observed") {
            // Either part may be missing: nothing is known then, or nothing was observed.
            for part in ["inputs", "observed"] {
                if fields.contains_key("inputs") || fields.contains_key("observed") {
                    fields.entry(part).or_insert_with(|| Fields::new().into());
                }
            }
        }
        let (inputs, targets) = match (fields.get("inputs"), is_attribute("inputs")) {
            (Some(Json::Object(_)), false) => {
                let Some(Json::Object(inputs)) = fields.remove("inputs") else { unreachable!("just seen") };
                let said = if self.observed { "observed" } else { "targets" };
                let targets = match fields.remove(said) {
                    None | Some(Json::Null) => Fields::new(),
                    Some(Json::Object(targets)) => targets,
                    Some(_) => return Err(LineError::Shape { expected: "\"targets\" or \"observed\": {…}" }),
                };
                self.check_names(inputs.keys(), false)?;
                self.check_names(targets.keys(), true)?;
                if let Some(name) = fields.keys().find(|name| is_attribute(name) && !self.form.keep.contains(name)) {
                    return Err(LineError::Beside(name.clone()));
                }
                (inputs, targets)
            }
            // Of what stands side by side, inputs are inputs.
            _ if self.observed => {
                let base = self.engine.base();
                let is_input = |name: &str| {
                    base.position(name).is_some_and(|position| matches!(base.source(position), Source::Input(_)))
                };
                fields.clone().into_iter().partition(|(name, _)| is_input(name))
            }
            _ => (fields.clone(), fields.clone()),
        };
        let mut kept = Fields::new();
        for (name, value) in fields {
            if self.form.keep.contains(&name) {
                self.form.met.borrow_mut().insert(name.clone());
                kept.insert(name, value);
            } else if !is_attribute(&name) {
                let base = self.engine.base();
                let derived = base.rule_sets().iter().map(|set| base.conclusion(set));
                let known = list_names(base.inputs().chain(derived).map(Attribute::name));
                return Err(LineError::UnknownField { name, known });
            }
        }
        let input = |attribute: &Attribute| match (inputs.get(attribute.name()), self.form.missing) {
            (Some(field), _) => {
                let degrees = self.form.input(attribute, field)?.degrees(attribute).map_err(LineError::Inference)?;
                self.form.check_height(attribute, &degrees)?;
                Ok(degrees)
            }
            (None, _) if self.observed => Ok(vec![1.0; attribute.domain().len()]),
            (None, Missing::Unknown) => Ok(vec![1.0; attribute.domain().len()]),
            (None, Missing::Error) => Err(LineError::MissingInput(attribute.name().to_owned())),
        };
        // All or nothing: a bad record must leave the columns of the good ones equally long.
        let degrees = self.inputs.iter().map(|(attribute, _)| input(attribute)).collect::<Result<Vec<_>, _>>()?;
        let target = |attribute: &Attribute| match targets.get(attribute.name()) {
            Some(field) => self.form.target(attribute, field),
            None => Ok(None),
        };
        let found = self.targets.iter().map(|(attribute, _)| target(attribute)).collect::<Result<Vec<_>, _>>()?;
        self.inputs.iter_mut().zip(degrees).for_each(|((_, column), degrees)| column.extend(degrees));
        self.targets.iter_mut().zip(found).for_each(|((_, column), target)| column.push(target));
        self.kept.push(kept);
        self.lines.push(line);
        Ok(())
    }

    fn check_names<'n>(&self, mut names: impl Iterator<Item = &'n String>, derived: bool) -> Result<(), LineError> {
        let base = self.engine.base();
        let concluded: Vec<&str> = base.rule_sets().iter().map(|set| base.conclusion(set).name()).collect();
        let fits = |name: &str| match base.position(name).map(|position| base.source(position)) {
            None => false,
            Some(Source::Input(_)) => !derived || self.observed,
            Some(Source::RuleSet(_)) => derived,
            // Attributes that no rule mentions are no harm.
            Some(Source::Unused) => true,
        };
        match names.find(|name| !fits(name)) {
            None => Ok(()),
            Some(name) if derived => {
                let known = list_names(concluded.into_iter());
                Err(LineError::UnknownTarget { name: name.clone(), known })
            }
            Some(name) => Err(LineError::UnknownInput {
                name: name.clone(),
                known: list_names(base.inputs().map(Attribute::name)),
            }),
        }
    }

    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// The cases, the fields that go through of each, and its line.
    pub fn finish(self) -> Result<(Cases, Vec<Fields>, Vec<usize>), Error> {
        let count = self.lines.len();
        let mut cases = self.engine.cases().count(count);
        for (attribute, column) in self.inputs {
            let array = Array2::from_shape_vec((count, attribute.domain().len()), column);
            cases = cases.possibilities(attribute.name(), &array.expect("each record was checked"));
        }
        for (attribute, column) in self.targets {
            cases = if self.observed {
                cases.observed(attribute.name(), column)
            } else {
                cases.targets(attribute.name(), column)
            };
        }
        Ok((cases.build()?, self.kept, self.lines))
    }
}

/// The records of a file in tables: several together, or each at once where input pauses. What came
/// before a bad record comes before its error.
struct Tables<F> {
    records: Records,
    empty: F,
    most: usize,
    failed: Option<Error>,
    ended: bool,
}

impl<'a, F: Fn() -> Table<'a>> Tables<F> {
    fn open(path: &Path, empty: F) -> Result<Self, Error> {
        let mut records = Records::open(path)?;
        let most = if records.may_pause() { 1 } else { together(empty().engine) };
        Ok(Self { records, empty, most, failed: None, ended: false })
    }

    /// Tables of so many records.
    fn of(self, most: usize) -> Self {
        Self { most, ..self }
    }

    fn gather(&mut self, table: &mut Table<'a>) -> Result<(), Error> {
        while table.len() < self.most {
            let Some(record) = self.records.next()? else { break };
            let line = record.line;
            table.push(record).map_err(|reason| self.records.error(line, reason))?;
        }
        Ok(())
    }
}

impl<'a, F: Fn() -> Table<'a>> Iterator for Tables<F> {
    type Item = Result<Table<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let mut table = (self.empty)();
        if self.failed.is_none() {
            self.failed = self.gather(&mut table).err();
        }
        if table.len() > 0 {
            return Some(Ok(table));
        }
        self.ended = true;
        self.failed.take().map(Err)
    }
}

/// Answers the records of a file as they come.
pub fn answer_each<'a>(
    path: &Path,
    empty: impl Fn() -> Table<'a>,
    mut answer: impl FnMut(Table<'a>) -> Result<(), Error>,
) -> Result<(), Error> {
    let result = Tables::open(path, &empty)?.try_for_each(|table| answer(table?));
    empty().form.note();
    result
}

/// All cases of a file with their targets, and the line of each.
pub fn read(engine: &Engine, form: &Form, path: &Path) -> Result<(Cases, Vec<usize>), Error> {
    let read = read_into(|| Table::with_targets(engine, form), path)?;
    form.note();
    Ok(read)
}

/// All cases of a file with what was observed of them, and the line of each.
pub fn read_observations(engine: &Engine, form: &Form, path: &Path) -> Result<(Cases, Vec<usize>), Error> {
    let read = read_into(|| Table::with_observations(engine, form), path)?;
    form.note();
    Ok(read)
}

fn read_into<'a>(empty: impl Fn() -> Table<'a>, path: &Path) -> Result<(Cases, Vec<usize>), Error> {
    let mut tables = Tables::open(path, &empty)?.of(usize::MAX);
    let (cases, _, lines) = tables.next().unwrap_or_else(|| Ok(empty()))?.finish()?;
    tables.try_for_each(|table| table.map(drop))?;
    Ok((cases, lines))
}

/// The cases of a file with their targets, part by part; what is to be noted is that of the last
/// reading.
pub fn read_parts<'a>(
    engine: &'a Engine,
    form: &'a Form,
    path: &Path,
) -> Result<impl Iterator<Item = Result<Cases, Error>> + use<'a>, Error> {
    form.normalised.set(0);
    let tables = Tables::open(path, move || Table::with_targets(engine, form))?.of(together(engine));
    Ok(tables.map(|table| Ok(table?.finish()?.0)))
}

/// Reads the cases of a file, JSON lines or CSV, with their targets, as `pinesy learn` does.
///
/// Arrays are probabilities, to be transformed, or possibilities where there is no transformation.
/// Inputs that a record does not mention are unknown, or else an error.
///
/// # Errors
/// What is wrong in the file, and in which line.
pub fn read_cases(
    engine: &Engine,
    path: impl AsRef<Path>,
    transform: Option<Transform>,
    missing_is_unknown: bool,
) -> Result<Cases, Error> {
    let form = Form {
        transform: transform.unwrap_or_default(),
        possibility: transform.is_none(),
        missing: if missing_is_unknown { Missing::Unknown } else { Missing::Error },
        ..Form::default()
    };
    // Beside the command, no name stands for standard input.
    let path = if path.as_ref() == Path::new("-") { Path::new("./-") } else { path.as_ref() };
    Ok(read_into(|| Table::with_targets(engine, &form), path)?.0)
}
