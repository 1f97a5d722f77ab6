use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;

use clap::Args;
use ndarray::ArrayView2;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::records::Fields;
use super::table::{Table, answer_each};
use super::{Error, Guarantee, Promise, Reasoning, check_once, degrees_of_a_case, read_matrix, together_of};
use crate::inference::{AnswerSets, Cases, Engine, Score, Scores};
use crate::possibility::{Attribute, Domain, Undecided, Value, decide, height, necessity, undecided};
use crate::rules::RuleSet;

/// Infer the derived attributes of examples.
///
/// Each record maps every input attribute to what is known of it: a value ("yes", 4), a number, an
/// interval {"from":6,"to":8}, a set {"in":["a","b"]}, an array of probabilities (with
/// --possibility, of possibilities) in domain order, or null for unknown. Records are JSON lines,
/// plain or {"inputs":{…},"targets":{…}}, or a .csv file with a header; gzip is read as it is.
///
/// Each output line maps every derived attribute to its possibilities in domain order, the decided
/// value (null if there is none, with the reason: tie, conflict or unknown), its necessity, and
/// the conflict: how far no value at all is possible. With --calibration also the set of values
/// that holds the right one with the probability promised, 1 − error, even where inputs are unknown
/// or imprecise.
#[derive(Debug, Args)]
pub struct Infer {
    #[command(flatten)]
    reasoning: Reasoning,
    #[command(flatten)]
    guarantee: Guarantee,
    /// An input's probabilities (with --possibility, possibilities) of all cases at once: an array
    /// of shape (cases, values). Once for every input, in place of records.
    #[arg(long, value_name = "INPUT=FILE.npy", value_parser = parse_array, conflicts_with = "examples")]
    npy: Vec<(String, PathBuf)>,
    /// Examples (JSON lines or .csv; - for standard input).
    #[arg(required_unless_present = "npy")]
    examples: Option<PathBuf>,
}

fn parse_array(text: &str) -> Result<(String, PathBuf), String> {
    let (input, file) = text.split_once('=').ok_or("expected input=file, such as a1=a1.npy")?;
    Ok((input.to_owned(), file.into()))
}

impl Infer {
    pub fn run(self) -> Result<(), Error> {
        check_once("--npy", self.npy.iter().map(|(input, _)| input))?;
        let arrays = self.npy.iter().map(|(_, path)| Some(path.as_path()));
        let read = [self.examples.as_deref(), self.guarantee.calibration.as_deref()];
        let engine = self.reasoning.engine(&read.into_iter().chain(arrays).collect::<Vec<_>>())?;
        let form = &self.reasoning.form;
        let (promise, score) = self.guarantee.read(&engine, form)?;
        let answerer = Answerer { engine: &engine, promise, score };
        let Some(examples) = &self.examples else { return self.arrays(&answerer) };
        let mut out = BufWriter::new(stdout().lock());
        answer_each(examples, || Table::of_inputs(&engine, form), |table| answerer.answer(table, &mut out))
    }

    /// Answers for whole arrays.
    fn arrays(&self, answerer: &Answerer<'_>) -> Result<(), Error> {
        let mut cases = answerer.engine.cases();
        for (input, path) in &self.npy {
            let array =
                read_matrix(path).map_err(|source| Error::Array { input: input.clone(), source: Box::new(source) })?;
            cases = self.reasoning.form.column(cases, input, &array);
        }
        let cases = cases.build()?;
        let mut out = BufWriter::new(stdout().lock());
        answerer.write_all(&cases, &vec![Fields::new(); cases.len()], &mut out)
    }
}

struct Answerer<'a> {
    engine: &'a Engine,
    promise: Option<Promise>,
    score: Score,
}

impl Answerer<'_> {
    /// Writes one line for every example gathered.
    fn answer(&self, table: Table<'_>, out: &mut impl Write) -> Result<(), Error> {
        let (cases, kept, _) = table.finish()?;
        self.write_all(&cases, &kept, out)
    }

    fn write_all(&self, cases: &Cases, kept: &[Fields], out: &mut impl Write) -> Result<(), Error> {
        let chunk = together_of(degrees_of_a_case(self.engine) + self.numbers_of_a_case()?);
        for (i, kept) in kept.chunks(chunk).enumerate() {
            self.write(&cases.slice(i * chunk..i * chunk + kept.len()), kept, out)?;
        }
        Ok(())
    }

    /// The numbers that make up the scores of a case.
    fn numbers_of_a_case(&self) -> Result<usize, Error> {
        let numbers_of_a_score = |set: &RuleSet| match self.score {
            Score::Min => 0,
            Score::Product => 1,
            Score::Leximin => set.rules().len(),
        };
        let base = self.engine.base();
        let of = |set| Ok(self.engine.partition(base.conclusion(set).name())?.len() * numbers_of_a_score(set));
        base.rule_sets().iter().map(of).sum()
    }

    fn write(&self, cases: &Cases, kept: &[Fields], out: &mut impl Write) -> Result<(), Error> {
        let (engine, base) = (self.engine, self.engine.base());
        let names: Vec<&str> = base.rule_sets().iter().map(|set| base.conclusion(set).name()).collect();
        let inferred = engine.infer_batch(cases, &names)?;
        let column = |(attribute, degrees)| {
            let name = Attribute::name(attribute);
            let scores = match self.score {
                Score::Min => None,
                score => Some((score, engine.scores(cases, name, score)?)),
            };
            let promised = self.promise.as_ref().map(|promise| promise.sets(engine, cases, name));
            let sets = promised.transpose()?.flatten();
            Ok(Column { attribute, degrees, scores, sets })
        };
        let columns = inferred.iter().map(column).collect::<Result<Vec<Column>, Error>>()?;
        for (example, kept) in kept.iter().enumerate() {
            let answer = Answer { kept, columns: &columns, example };
            serde_json::to_writer(&mut *out, &answer).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
        Ok(out.flush()?)
    }
}

struct Column<'a> {
    attribute: &'a Attribute,
    degrees: ArrayView2<'a, f32>,
    /// For decisions, unless these are by possibility.
    scores: Option<(Score, Scores)>,
    sets: Option<AnswerSets>,
}

/// One output line, its attributes in cascade order.
struct Answer<'a> {
    kept: &'a Fields,
    columns: &'a [Column<'a>],
    example: usize,
}

/// What is said of one attribute.
#[derive(serde::Serialize)]
pub(super) struct AttributeAnswer<'a> {
    possibility: &'a [f32],
    decision: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Undecided>,
    ambiguous: bool,
    necessity: Option<f32>,
    conflict: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<Score>,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<Vec<&'a Value>>,
}

impl<'a> AttributeAnswer<'a> {
    pub fn new(domain: &'a Domain, possibility: &'a [f32]) -> Self {
        Self::decided(domain, possibility, decide(possibility).position())
    }

    fn decided(domain: &'a Domain, possibility: &'a [f32], decided: Option<usize>) -> Self {
        let reason = || undecided(possibility).unwrap_or(Undecided::Tie);
        Self {
            decision: decided.map(|i| &domain.values()[i]),
            reason: decided.is_none().then(reason),
            ambiguous: decided.is_none(),
            necessity: decided.map(|i| necessity(possibility, &[i])),
            conflict: 1.0 - height(possibility),
            score: None,
            set: None,
            possibility,
        }
    }
}

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.kept.len() + self.columns.len()))?;
        for (name, value) in self.kept {
            map.serialize_entry(name, value)?;
        }
        for Column { attribute, degrees, scores, sets } in self.columns {
            let (domain, possibility) = (attribute.domain(), degrees.row(self.example).to_vec());
            let mut answer = match scores {
                None => AttributeAnswer::new(domain, &possibility),
                Some((_, scores)) => {
                    AttributeAnswer::decided(domain, &possibility, scores.decision(self.example).position())
                }
            };
            answer.score = scores.as_ref().map(|(score, _)| *score);
            answer.set = sets.as_ref().map(|sets| sets.values(self.example).collect());
            map.serialize_entry(attribute.name(), &answer)?;
        }
        map.end()
    }
}
