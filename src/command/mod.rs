//! The command `pinesy`: one file a subcommand.

mod abduce;
mod ask;
mod calibrate;
mod check;
mod explain;
mod infer;
mod learn;
#[cfg(feature = "perception")]
mod perceive;
mod records;
mod rules_report;
mod solve;
mod system_file;
mod table;
mod tell;
#[cfg(feature = "perception")]
mod train;

pub use records::parse_json;
pub use system_file::{SystemFault, SystemFile, SystemFileError, parse_npy, read_matrix};
pub use table::read_cases;
use tell::tell;
pub use tell::{say, tell_error};

use std::fmt;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};

use crate::inference::{AnswerSets, Calibration, Cases, Engine, Parameters, Score};
use crate::possibility::Attribute;
use crate::rules::{Limit, Limits, RuleBase, list_names};
use crate::{inference, learning, limited, relation, rules, whole_file};

/// Possibilistic neuro-symbolic inference: rules that infer, learn and explain.
///
/// Rule files are TOML; examples are JSON lines or CSV, the same for every subcommand. `-` stands
/// for standard output, and for standard input in place of one file (but not of images, networks
/// or folders). Exit codes: 0 done, 1 something in the files is wrong, 2
/// something on the command line is wrong.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub struct Command {
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "Examples:
  pinesy check rulesets/mnist_addition.toml --set k=2
  pinesy infer rulesets/mnist_addition.toml --params p.json digits.jsonl
  pinesy abduce rulesets/mnist_addition.toml sums.jsonl
  pinesy explain rulesets/mnist_addition.toml --attribute y1 --format html digits.jsonl > why.html
  pinesy ask rulesets/triage.toml --attribute urgency patient.jsonl
  pinesy learn rulesets/mnist_addition.toml --threshold 0.01 --out p.json examples.jsonl
  pinesy learn rulesets/biopsies.toml --method calibrated --out p.json training.csv
  pinesy calibrate rulesets/biopsies.toml --params p.json --out c.json others.csv
  pinesy infer rulesets/biopsies.toml --params p.json --calibration c.json --error 0.05 new.csv
  pinesy rules-report rulesets/mnist_addition.toml --params p.json examples.jsonl
  pinesy solve --composition max-min --all system.json";

// Each subcommand's help is the documentation of its type.
#[derive(Debug, Subcommand)]
enum Action {
    Check(check::Check),
    Infer(infer::Infer),
    Abduce(abduce::Abduce),
    Ask(ask::Ask),
    Explain(explain::Explain),
    Learn(learn::Learn),
    Calibrate(calibrate::Calibrate),
    RulesReport(rules_report::RulesReport),
    Solve(solve::Solve),
    #[cfg(feature = "perception")]
    Train(train::Train),
    #[cfg(feature = "perception")]
    Perceive(perceive::Perceive),
}

impl Command {
    /// Does what was asked for.
    ///
    /// # Errors
    /// What is wrong with the files, or with the output.
    pub fn run(self) -> Result<(), Error> {
        match self.action {
            Action::Check(check) => check.run(),
            Action::Infer(infer) => infer.run(),
            Action::Abduce(abduce) => abduce.run(),
            Action::Ask(ask) => ask.run(),
            Action::Explain(explain) => explain.run(),
            Action::Learn(learn) => learn.run(),
            Action::Calibrate(calibrate) => calibrate.run(),
            Action::RulesReport(report) => report.run(),
            Action::Solve(solve) => solve.run(),
            #[cfg(feature = "perception")]
            Action::Train(train) => train.run(),
            #[cfg(feature = "perception")]
            Action::Perceive(perceive) => perceive.run(),
        }
    }
}

/// The rule file, as every subcommand takes it.
#[derive(Debug, Args)]
struct Rules {
    /// Rule file (TOML).
    rules: PathBuf,
    /// Give a parameter of the rule file a value; may be repeated.
    #[arg(long, value_name = "NAME=NUMBER", value_parser = parse_setting)]
    set: Vec<(String, i64)>,
    /// Let the rule file ask for more, or for less, of something that is bounded: rules,
    /// repetitions, evaluations, … (the README lists them); may be repeated.
    #[arg(long, value_name = "NAME=NUMBER", value_parser = parse_limit)]
    rule_limit: Vec<(Limit, u64)>,
}

fn parse_limit(text: &str) -> Result<(Limit, u64), String> {
    let (name, number) = text.split_once('=').ok_or("expected name=number, such as rules=1000")?;
    let known = || <Limit as strum::VariantNames>::VARIANTS.join(", ");
    let limit = name.trim().parse().map_err(|_| format!("'{name}': expected one of {}", known()))?;
    let number = number.trim().parse().map_err(|_| format!("'{number}': expected a whole number from 0 up"))?;
    Ok((limit, number))
}

fn parse_setting(text: &str) -> Result<(String, i64), String> {
    let (name, value) = text.split_once('=').ok_or("expected name=number, such as k=2")?;
    let value =
        value.trim().parse().map_err(|_| format!("'{value}' is no whole number: expected name=number, such as k=2"))?;
    Ok((name.trim().to_owned(), value))
}

impl Rules {
    fn read(&self) -> Result<RuleBase, Error> {
        check_once("--set", self.set.iter().map(|(name, _)| name))?;
        check_once("--rule-limit", self.rule_limit.iter().map(|(limit, _)| limit))?;
        let settings: Vec<(&str, i64)> = self.set.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let limits =
            self.rule_limit.iter().fold(Limits::default(), |limits, &(limit, number)| limits.with(limit, number));
        if self.rules == Path::new("-") {
            let text = read_text(&self.rules, limits.get(Limit::FileBytes))?;
            return Ok(RuleBase::parse_with(&text, STANDARD_INPUT, &settings, &limits)?);
        }
        Ok(RuleBase::read_with(&self.rules, &settings, &limits)?)
    }

    /// The engine with the parameters of a file, or with those that the rules state.
    fn engine(&self, parameters: Option<&Path>) -> Result<Engine, Error> {
        let base = self.read()?;
        let Some(path) = parameters else { return Ok(Engine::of(&base)) };
        let text = read_text(path, limited::FILE_LIMIT)?;
        let wrong = |reason: String| Error::Parameters { path: named(path), reason };
        let parameters: Parameters = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        Engine::new(&base, &parameters).map_err(|e| wrong(e.to_string()))
    }
}

/// A rule file with its parameters and how to read its inputs, for subcommands that reason.
#[derive(Debug, Args)]
struct Reasoning {
    #[command(flatten)]
    rules: Rules,
    /// Parameters of the rules, as written by `pinesy learn`, in place of those that the rule file
    /// states (s = 1 for `if`, s = 0 for `iff`, r = 0, unless given there).
    #[arg(long)]
    params: Option<PathBuf>,
    #[command(flatten)]
    form: table::Form,
}

impl Reasoning {
    /// The engine, for a command that reads these files as well.
    fn engine(&self, others: &[Option<&Path>]) -> Result<Engine, Error> {
        let files = [Some(self.rules.rules.as_path()), self.params.as_deref()];
        let from_input = |path: &&Path| *path == Path::new("-");
        if files.iter().chain(others).copied().flatten().filter(from_input).nth(1).is_some() {
            return Err(Error::InputTwice);
        }
        let engine = self.rules.engine(self.params.as_deref())?;
        self.form.check_kept(|name| engine.partition(name).is_ok())?;
        Ok(engine)
    }
}

/// A calibration and the error its sets may have.
#[derive(Debug, Args)]
struct Guarantee {
    /// A calibration, as written by `pinesy calibrate`: adds to every attribute it covers the set of
    /// values that holds the right one with a probability of at least 1 − error.
    #[arg(long, value_name = "C.json")]
    calibration: Option<PathBuf>,
    /// How often the right value may be missing from a set.
    #[arg(long, default_value_t = 0.05, requires = "calibration", value_parser = parse_error_level)]
    error: f64,
    /// Decide by what all rules on an attribute say (leximin, product) and not by the strictest
    /// alone (min, the possibility). Default: the score of --calibration, else min.
    #[arg(long, value_parser = one_of::<Score>())]
    score: Option<Score>,
}

/// A calibration that fits, with its error.
struct Promise {
    calibration: Calibration,
    error: f64,
}

impl Guarantee {
    /// Whether anything but the possibility is asked for.
    fn is_asked(&self) -> bool {
        self.calibration.is_some() || self.score.is_some()
    }

    /// The calibration, if there is one, once it is known to fit, and the score to decide by.
    fn read(&self, engine: &Engine, form: &table::Form) -> Result<(Option<Promise>, Score), Error> {
        let Some(path) = &self.calibration else { return Ok((None, self.score.unwrap_or_default())) };
        let text = read_text(path, limited::FILE_LIMIT)?;
        let wrong = |reason: String| Error::Calibration { path: named(path), reason };
        let calibration: Calibration = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        if let Some(score) = self.score.filter(|score| *score != calibration.score()) {
            return Err(wrong(format!("made for the score {}: expected {score}", calibration.score())));
        }
        calibration.check(engine, &form.reading(), self.error).map_err(|e| wrong(e.to_string()))?;
        let score = calibration.score();
        Ok((Some(Promise { calibration, error: self.error }), score))
    }
}

impl Promise {
    /// The sets of values promised for an attribute, if the calibration covers it.
    fn sets(&self, engine: &Engine, cases: &Cases, attribute: &str) -> Result<Option<AnswerSets>, inference::Error> {
        let covers = self.calibration.covers(attribute);
        covers.then(|| self.calibration.sets(engine, cases, attribute, self.error)).transpose()
    }
}

fn parse_error_level(text: &str) -> Result<f64, String> {
    let error = text.parse().ok().filter(|error| 0.0 < *error && *error < 1.0);
    error.ok_or_else(|| "expected a number above 0 and below 1".to_owned())
}

#[cfg(feature = "perception")]
fn parse_count(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "expected a whole number from 1 up".to_owned())
}

/// Of what is given by name, each may be given once.
fn check_once<T: PartialEq + fmt::Display>(
    option: &'static str,
    names: impl Iterator<Item = T> + Clone,
) -> Result<(), Error> {
    let twice = names.clone().enumerate().find(|(i, name)| names.clone().take(*i).any(|other| other == *name));
    twice.map_or(Ok(()), |(_, name)| Err(Error::GivenTwice { option, name: name.to_string() }))
}

fn parse_tolerance(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|t| (0.0..1.0).contains(t)).ok_or_else(|| "expected a number from 0 to below 1".to_owned())
}

/// How many records are answered together: enough to share work among threads, of wide ones fewer.
fn together(engine: &Engine) -> usize {
    together_of(degrees_of_a_case(engine))
}

fn together_of(degrees: usize) -> usize {
    ((1 << 22) / degrees.max(1)).clamp(1, 4096)
}

/// The degrees of all inputs and of all that rules conclude on.
fn degrees_of_a_case(engine: &Engine) -> usize {
    let base = engine.base();
    base.rule_sets().iter().map(|set| base.conclusion(set).domain().len()).sum::<usize>() + base.input_width()
}

/// What errors call it.
const STANDARD_INPUT: &str = "standard input";

/// What a file is called: `-` is standard input.
fn named(path: &Path) -> PathBuf {
    if path == Path::new("-") { STANDARD_INPUT.into() } else { path.to_owned() }
}

/// Reads a file whole; `-` is standard input.
fn read_bytes(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    if path == Path::new("-") { limited::read_from(std::io::stdin(), limit) } else { limited::read(path, limit) }
}

/// [`read_bytes`] of UTF-8.
fn read_text(path: &Path, limit: u64) -> Result<String, Error> {
    let text = read_bytes(path, limit).and_then(limited::text);
    text.map_err(|source| Error::Read { path: named(path), source })
}

/// Writes a file whole or not at all; `-` is standard output.
fn write_whole(path: &Path, content: &[u8]) -> Result<(), Error> {
    if path == Path::new("-") {
        return Ok(std::io::Write::write_all(&mut std::io::stdout(), content)?);
    }
    whole_file::write(path, |w| w.write_all(content)).map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// Finds out before the work whether its results can be written, and that they replace none of
/// what is read.
fn check_outputs(outputs: &[Option<&Path>], inputs: &[Option<&Path>]) -> Result<(), Error> {
    for output in outputs.iter().copied().flatten().filter(|path| *path != Path::new("-")) {
        whole_file::check(output).map_err(|source| Error::Write { path: output.to_owned(), source })?;
        if inputs.iter().copied().flatten().any(|input| whole_file::is_same(input, output)) {
            return Err(Error::Overwrite(output.to_owned()));
        }
    }
    let names: Vec<&Path> = outputs.iter().copied().flatten().collect();
    let twice = |(i, name): &(usize, &&Path)| names[..*i].iter().any(|other| whole_file::is_same(other, name));
    match names.iter().enumerate().find(twice) {
        Some((_, twice)) => Err(Error::SameOutput(twice.to_path_buf())),
        None => Ok(()),
    }
}

/// Parses one of the variants of an enum by its name, and lists them in the help.
pub fn one_of<T>() -> impl clap::builder::TypedValueParser<Value = T>
where
    T: strum::VariantNames + std::str::FromStr<Err: fmt::Debug> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(T::VARIANTS).map(|name| name.parse().expect("one of the names"))
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Error {
    #[error(transparent)]
    Rules(#[from] rules::Error),
    #[error(transparent)]
    Inference(#[from] inference::Error),
    #[error(transparent)]
    Relation(#[from] relation::Error),
    #[error(transparent)]
    Learning(#[from] learning::Error),
    #[error(transparent)]
    Explain(#[from] crate::explain::Error),
    #[error(transparent)]
    SystemFile(#[from] SystemFileError),
    #[cfg(feature = "perception")]
    #[error(transparent)]
    Perception(#[from] crate::perception::Error),
    #[cfg(feature = "perception")]
    #[error(transparent)]
    Data(#[from] crate::datasets::Error),
    #[cfg(feature = "perception")]
    #[error("{}: {fault}", path.display())]
    Picture { path: PathBuf, fault: perceive::PictureFault },
    #[error("{images} images for {inputs} inputs in turn: expected a multiple of {inputs}")]
    Grouping { images: usize, inputs: usize },
    #[error("{}: is no .png: expected one file of images, or .png files and folders of them", .0.display())]
    MixedImages(PathBuf),
    #[cfg(feature = "perception")]
    #[error("{}: holds no .png: expected a folder of pictures", .0.display())]
    NoPictures(PathBuf),
    #[error("--npy {input}: {source}")]
    Array { input: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("no records and no arrays: expected a file of records, or --npy INPUT=FILE for every input")]
    NoRecords,
    #[error("--threshold auto needs validation examples: expected --validation V.jsonl")]
    NoValidation,
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{}: is read as well: expected another file to write to", .0.display())]
    Overwrite(PathBuf),
    #[error("{}: is to hold two results: expected a file for each", .0.display())]
    SameOutput(PathBuf),
    #[error("standard input (-) is to be read for two files: expected it for one")]
    InputTwice,
    #[cfg(feature = "perception")]
    #[error("{option} {}: expected a regular file", path.display())]
    NoFile { option: &'static str, path: PathBuf },
    #[error("{option} {name} is given twice: expected once")]
    GivenTwice { option: &'static str, name: String },
    #[error("--watch with standard input (-): expected a file, to be read again")]
    WatchInput,
    #[error("{count} warning{}: expected none (--deny warnings)", if *count == 1 { "" } else { "s" })]
    Warnings { count: usize },
    #[error("--keep {0}: answers have a field of that name: expected another one")]
    KeepTaken(String),
    #[error("attribute {0}: answers have another field of that name: expected an attribute of another name")]
    AttributeTaken(&'static str),
    #[error("the threshold keeps too few examples: expected more (--strict)")]
    FewExamples,
    #[error("standard output: {0}")]
    Output(#[from] std::io::Error),
    #[error("parameter file {}: {reason}", path.display())]
    Parameters { path: PathBuf, reason: String },
    #[error("calibration file {}: {reason}", path.display())]
    Calibration { path: PathBuf, reason: String },
    #[error("{option} with --method {method}: expected --method {expected}")]
    OtherMethod { option: &'static str, method: &'static str, expected: &'static str },
    #[error("--paper without a search for thresholds: expected --threshold auto")]
    PaperWithoutSearch,
    #[error("--stream with {found}: expected {expected}")]
    Stream { found: &'static str, expected: &'static str },
    #[error("{}: changed while it was read again: expected the same examples each time", .0.display())]
    Changed(PathBuf),
    #[error("--attribute is missing: expected one of {0}")]
    WhichAttribute(String),
    #[error("--calibration and --score are for derived attributes: {0} is an input")]
    GuaranteeOfInput(String),
    #[error("--calibration and --score are for decisions: expected neither --value nor --format dot beside them")]
    GuaranteeOfPart,
    #[error("{file}:{line}: {reason}")]
    Line { file: String, line: usize, reason: Box<LineError> },
}

impl Error {
    /// 2 for what is wrong on the command line, 1 for all else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoValidation
            | Self::NoRecords
            | Self::InputTwice
            | Self::GivenTwice { .. }
            | Self::WatchInput
            | Self::OtherMethod { .. }
            | Self::PaperWithoutSearch
            | Self::WhichAttribute(_)
            | Self::Stream { .. }
            | Self::GuaranteeOfInput(_)
            | Self::GuaranteeOfPart => 2,
            #[cfg(feature = "perception")]
            Self::NoFile { .. } | Self::Perception(crate::perception::Error::Config { .. }) => 2,
            Self::Overwrite(_) | Self::SameOutput(_) | Self::KeepTaken(_) => 2,
            _ => 1,
        }
    }
}

/// A derived attribute by its name.
fn derived<'e>(engine: &'e Engine, name: &str) -> Result<&'e Attribute, Error> {
    engine.partition(name)?;
    Ok(engine.base().attribute(name).expect("rules conclude on it"))
}

/// The one attribute that no rule reads.
fn only_output(base: &RuleBase) -> Result<&Attribute, Error> {
    let outputs: Vec<&Attribute> = base.outputs().collect();
    match outputs[..] {
        [only] => Ok(only),
        _ => Err(Error::WhichAttribute(list_names(outputs.iter().map(|attribute| attribute.name())))),
    }
}

/// What is wrong with one record of examples.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum LineError {
    #[error("{0}")]
    Io(std::io::Error),
    #[error("{0}")]
    Json(serde_json::Error),
    #[error("{0}")]
    Csv(csv::Error),
    #[error("UTF-16 text: expected UTF-8 (iconv -f utf-16 -t utf-8 FILE)")]
    Utf16,
    #[error("a line of more than {limit} bytes: expected shorter ones")]
    Long { limit: usize },
    #[error("fields are separated by {0:?}: expected commas")]
    Separator(char),
    #[error("{found} fields: expected {expected} as in the header")]
    Fields { found: usize, expected: usize },
    #[error("{column}: {source}: expected JSON in brackets or braces")]
    Cell { column: String, source: serde_json::Error },
    #[error("column '{0}' stands there twice: expected distinct names")]
    Duplicate(String),
    #[error("expected {expected}")]
    Shape { expected: &'static str },
    #[error("input attribute {0} is missing: expected what is known of it, or null; --missing unknown allows for it")]
    MissingInput(String),
    #[error("'{name}' is not an input attribute: expected one of {known}")]
    UnknownInput { name: String, known: String },
    #[error("'{0}' beside \"inputs\": expected attributes within \"inputs\" or \"targets\"")]
    Beside(String),
    #[error("observations: expected inputs alone (what follows from observations is for `pinesy abduce`)")]
    Observed,
    #[error("'{name}' is not a derived attribute: expected one of {known}")]
    UnknownTarget { name: String, known: String },
    #[error("'{name}' is no attribute: expected {known}; --keep {name} carries it to the output")]
    UnknownField { name: String, known: String },
    #[error("{attribute}: {given} is none of {domain}: expected one of these, {}, or null (an empty field) for unknown{}", forms(*number), hint(meant))]
    Unclear { attribute: String, given: String, domain: String, number: bool, meant: Option<String> },
    #[error("{attribute}: the highest possibility is {height}: expected 1; --subnormal accepts less")]
    Subnormal { attribute: String, height: f32 },
    #[error("{0}")]
    Inference(inference::Error),
}

fn hint(meant: &Option<String>) -> String {
    meant.as_ref().map_or(String::new(), |meant| format!("; did you mean {meant}?"))
}

fn forms(number: bool) -> &'static str {
    if number {
        "a number, an interval {\"from\":…,\"to\":…}, a set {\"in\":[…]}, an array in domain order"
    } else {
        "a set {\"in\":[…]}, an array in domain order"
    }
}
