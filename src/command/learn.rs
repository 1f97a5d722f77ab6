use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressFinish};
use serde::Serialize;
use serde_json::Value as Json;

use super::{Error, Reasoning, check_outputs, one_of, table, tell, write_whole};
use crate::inference::{Cases, Engine, Parameters};
use crate::learning::{
    CalibratedConfig, CalibrationReport, Conflict, KeptExamples, LearningConfig, LearningReport, OneWay,
    RuleSetConflicts, ThresholdSearch, calibrated, find_conflicts, learn, learn_streamed, score, search_thresholds,
};

/// Learn the parameters s and r of rules from examples.
///
/// Records are as for `pinesy infer`, plain or {"inputs":{…},"targets":{"c1":[3,4],"w1":0}}. What
/// they say of derived attributes is learned from: the true value, or an array of possibilities in
/// domain order, or a set or an interval. A rule set is learned from the examples that have a
/// target for it; rule sets without any keep their parameters (of --params, or of the rule file).
/// Prints a table of what was done.
#[derive(Debug, Args)]
pub struct Learn {
    #[command(flatten)]
    reasoning: Reasoning,
    /// What parameters are: chebyshev, for graded targets (possibilities), is the lowest that come as
    /// near to every example as can be; calibrated, for crisp labels (the true value), counts how
    /// often each rule is broken, and is not misled by a few wrong labels.
    #[arg(long, value_enum, default_value_t = Method::Chebyshev)]
    method: Method,
    /// With --method calibrated: whether rules say nothing where their premises fail (s = 1); auto
    /// takes what decides better on --validation, or on every fourth example, held out for that.
    /// Default: auto.
    #[arg(long, value_parser = one_of::<OneWay>())]
    one_way: Option<OneWay>,
    /// With --method calibrated: where to write, for every rule, the lines of the examples that broke
    /// it (JSON lines).
    #[arg(long, value_name = "B.jsonl")]
    broken: Option<PathBuf>,
    /// Learn only the rules on these attributes, such as c1,w1; the others keep their parameters.
    #[arg(long, value_name = "ATTRIBUTES", value_delimiter = ',')]
    only: Vec<String>,
    /// Keep every s and r that the rule file gives as a number, and learn the others.
    #[arg(long)]
    keep_fixed: bool,
    /// Fail, with nothing written, when the threshold keeps no example of a rule set, or under 1 %.
    #[arg(long)]
    strict: bool,
    /// Keep only examples whose own Chebyshev distance is below this, and of those only the rows
    /// whose distance among all examples is, too (so that 0.3 may give a lower ∇ than `none` with
    /// the same examples); `none` keeps all; `auto` searches for the thresholds that do best on
    /// --validation.
    #[arg(long, default_value = "none", allow_negative_numbers = true, value_parser = parse_threshold)]
    threshold: Threshold,
    /// Validation examples (JSON lines or .csv), for `--threshold auto` and to report the accuracy.
    #[arg(long, value_name = "V.jsonl")]
    validation: Option<PathBuf>,
    /// Which of the paper's settings `--threshold auto` searches with. Default: normal.
    #[arg(long, value_enum)]
    paper: Option<Paper>,
    /// Where to write the examples that contradict the rules, by the lines they stand in, and what
    /// each threshold would keep (JSON lines, one a rule set): first those whose target a rule holds
    /// down, worst first, then those that only leave other values possible ("rule": null).
    #[arg(long, value_name = "C.jsonl")]
    conflicts: Option<PathBuf>,
    /// Read the examples part by part, three times for each depth of the cascade, and never hold all
    /// of them in memory; what is learned is the same. With a single threshold and --method chebyshev.
    #[arg(long)]
    stream: bool,
    /// Degrees that differ by at most this share count as equal.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true, value_parser = super::parse_tolerance)]
    tolerance: f32,
    /// Where to write the parameters (JSON).
    #[arg(long, value_name = "P.json")]
    out: PathBuf,
    /// Where to write the report (JSON).
    #[arg(long, value_name = "R.json")]
    report: Option<PathBuf>,
    /// Examples (JSON lines or .csv; - for standard input).
    examples: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    Chebyshev,
    Calibrated,
}

#[derive(Debug, Clone, Copy)]
enum Threshold {
    Fixed(Option<f32>),
    Auto,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Paper {
    /// Thresholds (i/30)⁵, dense near 0.
    Normal,
    /// Thresholds (i/30)², for few examples.
    LowData,
}

fn parse_threshold(text: &str) -> Result<Threshold, String> {
    match (text, text.parse::<f32>()) {
        ("none", _) => Ok(Threshold::Fixed(None)),
        ("auto", _) => Ok(Threshold::Auto),
        (_, Ok(threshold)) if threshold > 0.0 && threshold.is_finite() => Ok(Threshold::Fixed(Some(threshold))),
        _ => Err("expected none, auto or a number above 0".to_owned()),
    }
}

impl Learn {
    pub fn run(self) -> Result<(), Error> {
        self.check_method()?;
        if matches!(self.threshold, Threshold::Auto) && self.validation.is_none() {
            return Err(Error::NoValidation);
        }
        let (rules, params) = (&self.reasoning.rules.rules, self.reasoning.params.as_deref());
        check_outputs(
            &[Some(&self.out), self.report.as_deref(), self.conflicts.as_deref(), self.broken.as_deref()],
            &[Some(&self.examples), self.validation.as_deref(), Some(rules)],
        )?;
        // Parameters may be learned on from where they stand, in the same file.
        check_outputs(&[self.report.as_deref(), self.conflicts.as_deref(), self.broken.as_deref()], &[params])?;
        let engine = self.reasoning.engine(&[Some(&self.examples), self.validation.as_deref()])?;
        let read = |path| table::read(&engine, &self.reasoning.form, path).map(|(cases, _)| cases);
        let validation = self.validation.as_deref().map(read).transpose()?;
        let config = LearningConfig::default().with_tolerance(self.tolerance).with_keep_fixed(self.keep_fixed);
        if let (Threshold::Fixed(threshold), true) = (self.threshold, self.stream) {
            let (parameters, report) = self.learn_streamed(&engine, &config.with_threshold(threshold))?;
            let report = self.told(&engine, &parameters, &report, validation.as_ref())?;
            return self.write(&parameters, &report);
        }
        let (examples, lines) = table::read(&engine, &self.reasoning.form, &self.examples)?;
        let examples = self.wanted(examples)?;
        let (parameters, report) = match self.threshold {
            _ if self.method == Method::Calibrated => {
                self.calibrate(&engine, &examples, &lines, validation.as_ref())?
            }
            Threshold::Fixed(threshold) => {
                self.learn(&engine, &examples, validation.as_ref(), &config.with_threshold(threshold))?
            }
            Threshold::Auto => {
                let validation = validation.as_ref().ok_or(Error::NoValidation)?;
                let search = match self.paper.unwrap_or(Paper::Normal) {
                    Paper::Normal => ThresholdSearch::paper_normal(),
                    Paper::LowData => ThresholdSearch::paper_low_data(),
                };
                // A search may take a while; a spinner says how far it is, on a terminal only.
                let spinner = ProgressBar::new_spinner();
                let (parameters, report) =
                    search_thresholds(&engine, &examples, validation, &config, &search, |trial| {
                        let group = trial.group.as_deref().unwrap_or("all");
                        spinner.set_message(format!(
                            "threshold of {group}: validation accuracy {:.2} %",
                            100.0 * trial.accuracy
                        ));
                        spinner.tick();
                        ControlFlow::Continue(())
                    })?;
                spinner.finish_and_clear();
                self.tell(&report, &report.learning)?;
                // The search starts strict and ends at the first step that gains nothing.
                let without = learn(&engine, &examples, &config.with_threshold(None))?.0;
                let accuracy = score(&engine.with_parameters(&without)?, validation)?;
                if accuracy > report.accuracy {
                    tell!(
                        "note: all examples kept (--threshold none) give a validation accuracy of {:.2} %, more than the search found",
                        100.0 * accuracy
                    );
                }
                (parameters, serde_json::to_value(&report).map_err(std::io::Error::from)?)
            }
        };
        if let Some(path) = &self.conflicts {
            let conflicts = find_conflicts(&engine, &examples, &config)?;
            let lines: Result<Vec<String>, _> =
                conflicts.iter().map(|set| serde_json::to_string(&by_line(set, &lines))).collect();
            write_whole(path, (lines.map_err(std::io::Error::from)?.join("\n") + "\n").as_bytes())?;
        }
        self.write(&parameters, &report)
    }

    fn write(&self, parameters: &Parameters, report: &Json) -> Result<(), Error> {
        write_json(&self.out, parameters)?;
        self.report.as_deref().map_or(Ok(()), |path| write_json(path, report))
    }

    /// The examples with the targets that are to be learned from.
    fn wanted(&self, examples: Cases) -> Result<Cases, Error> {
        if self.only.is_empty() {
            return Ok(examples);
        }
        let only: Vec<&str> = self.only.iter().map(String::as_str).collect();
        Ok(examples.with_targets_of(&only)?)
    }

    /// Learns from a file that is read again and again, and must stay as it is.
    fn learn_streamed(&self, engine: &Engine, config: &LearningConfig) -> Result<(Parameters, LearningReport), Error> {
        let path = &self.examples;
        let state = || {
            let metadata = path.metadata().map_err(|source| Error::Read { path: path.clone(), source })?;
            let can_be_reread = metadata.is_file() || metadata.is_dir();
            Ok::<_, Error>((can_be_reread, metadata.len(), metadata.modified().ok()))
        };
        let first = state()?;
        if !first.0 {
            let (found, expected) = ("a pipe or a device", "a file, to be read several times");
            return Err(Error::Stream { found, expected });
        }
        let unchanged = || if state()? == first { Ok(()) } else { Err(Error::Changed(path.clone())) };
        let spinner = ProgressBar::new_spinner().with_finish(ProgressFinish::AndClear);
        let read = std::cell::Cell::new(0);
        let parts = || {
            read.set(read.get() + 1);
            let parts = unchanged().and_then(|()| table::read_parts(engine, &self.reasoning.form, path));
            let (parts, failed) = match parts {
                Ok(parts) => (Some(parts), None),
                Err(error) => (None, Some(Err(error))),
            };
            let parts = parts.into_iter().flatten().enumerate().map(|(i, part)| {
                spinner.set_message(format!("reading {} (reading {}, part {})", path.display(), read.get(), i + 1));
                spinner.tick();
                self.wanted(part?)
            });
            failed.into_iter().chain(parts)
        };
        let learned = learn_streamed(engine, parts, config);
        // Whatever else is wrong may come of that.
        unchanged()?;
        let learned = learned?;
        self.reasoning.form.note();
        Ok(learned)
    }

    /// Each method has settings of its own.
    fn check_method(&self) -> Result<(), Error> {
        let is_set = |threshold| !matches!(threshold, Threshold::Fixed(None));
        if self.stream {
            let others = [
                ("--method calibrated", "--method chebyshev", self.method == Method::Calibrated),
                ("--threshold auto", "a number or none", matches!(self.threshold, Threshold::Auto)),
                ("--conflicts", "no list of them, which takes all examples at once", self.conflicts.is_some()),
                ("standard input", "a file, to be read several times", self.examples == Path::new("-")),
            ];
            if let Some((found, expected, _)) = others.into_iter().find(|(_, _, given)| *given) {
                return Err(Error::Stream { found, expected });
            }
        }
        if self.paper.is_some() && self.method == Method::Chebyshev && !matches!(self.threshold, Threshold::Auto) {
            return Err(Error::PaperWithoutSearch);
        }
        let (method, expected, others) = match self.method {
            Method::Chebyshev => (
                "chebyshev",
                "calibrated",
                [("--one-way", self.one_way.is_some()), ("--broken", self.broken.is_some())].to_vec(),
            ),
            Method::Calibrated => (
                "calibrated",
                "chebyshev",
                [
                    ("--threshold", is_set(self.threshold)),
                    ("--tolerance", self.tolerance != 0.0),
                    ("--strict", self.strict),
                    ("--paper", self.paper.is_some()),
                ]
                .to_vec(),
            ),
        };
        match others.into_iter().find(|(_, given)| *given) {
            Some((option, _)) => Err(Error::OtherMethod { option, method, expected }),
            None => Ok(()),
        }
    }

    /// Calibrated parameters; the report has the validation accuracy, if asked for.
    fn calibrate(
        &self,
        engine: &Engine,
        examples: &Cases,
        lines: &[usize],
        validation: Option<&Cases>,
    ) -> Result<(Parameters, Json), Error> {
        let one_way = self.one_way.unwrap_or_default();
        let config = CalibratedConfig::default().with_one_way(one_way).with_keep_fixed(self.keep_fixed);
        let (parameters, mut report) = calibrated(engine, examples, validation, &config)?;
        // Examples go by their lines.
        let cases = report.rules.iter_mut().flat_map(|rule| rule.broken.iter_mut());
        cases.for_each(|case| *case = lines[*case]);
        tell!("{report}");
        if let Some(path) = &self.broken {
            write_broken(path, &report)?;
        }
        let report = validated(&report, engine, &parameters, validation)?;
        Ok((parameters, report))
    }

    /// Learning with one threshold for all; the report has the validation accuracy, if asked for.
    fn learn(
        &self,
        engine: &Engine,
        examples: &Cases,
        validation: Option<&Cases>,
        config: &LearningConfig,
    ) -> Result<(Parameters, Json), Error> {
        let (parameters, report) = learn(engine, examples, config)?;
        let report = self.told(engine, &parameters, &report, validation)?;
        Ok((parameters, report))
    }

    /// Tells of what was learned with one threshold, and gives the report.
    fn told(
        &self,
        engine: &Engine,
        parameters: &Parameters,
        report: &LearningReport,
        validation: Option<&Cases>,
    ) -> Result<Json, Error> {
        self.tell(report, report)?;
        validated(report, engine, parameters, validation)
    }

    /// Prints what was done and what is doubtful in it.
    fn tell(&self, report: &impl std::fmt::Display, learning: &LearningReport) -> Result<(), Error> {
        tell!("{report}");
        let far = learning.rule_sets.iter().filter(|set| set.chebyshev_distance >= 0.1 && set.threshold.is_none());
        for set in far {
            tell!(
                "note: ∇ = {} on {}: examples contradict the rules or each other; --conflicts lists them, --threshold drops them",
                set.chebyshev_distance,
                set.attribute
            );
        }
        let mut doubtful = false;
        for warning in learning.warnings() {
            tell!("warning: {warning}");
            doubtful = true;
        }
        if doubtful && self.strict { Err(Error::FewExamples) } else { Ok(()) }
    }
}

/// A report, with the validation accuracy if there are examples for it.
fn validated(
    report: &impl Serialize,
    engine: &Engine,
    parameters: &Parameters,
    validation: Option<&Cases>,
) -> Result<Json, Error> {
    let mut json = serde_json::to_value(report).map_err(std::io::Error::from)?;
    if let Some(validation) = validation {
        let accuracy = score(&engine.with_parameters(parameters)?, validation)?;
        tell!("validation accuracy {:.2} %", 100.0 * accuracy);
        json["validation_accuracy"] = accuracy.into();
    }
    Ok(json)
}

/// One line a rule that was broken.
fn write_broken(path: &Path, report: &CalibrationReport) -> Result<(), Error> {
    let mut text = Vec::new();
    for rule in report.rules.iter().filter(|rule| !rule.broken.is_empty()) {
        serde_json::to_writer(&mut text, rule).map_err(std::io::Error::from)?;
        text.push(b'\n');
    }
    write_whole(path, &text)
}

/// The conflicts of a rule set, by the lines of the examples.
fn by_line<'a>(set: &'a RuleSetConflicts, lines: &[usize]) -> ConflictsByLine<'a> {
    let conflict = |conflict: &'a Conflict| ConflictAt {
        line: lines[conflict.example],
        distance: conflict.distance,
        rule: conflict.rule.as_deref(),
    };
    let conflicts = set.conflicts.iter().map(conflict).collect();
    ConflictsByLine { attribute: &set.attribute, trade_off: &set.trade_off, conflicts }
}

#[derive(Serialize)]
struct ConflictsByLine<'a> {
    attribute: &'a str,
    trade_off: &'a [KeptExamples],
    conflicts: Vec<ConflictAt<'a>>,
}

#[derive(Serialize)]
struct ConflictAt<'a> {
    line: usize,
    distance: f32,
    rule: Option<&'a str>,
}

fn write_json(path: &Path, content: &impl Serialize) -> Result<(), Error> {
    write_whole(path, (serde_json::to_string_pretty(content).map_err(std::io::Error::from)? + "\n").as_bytes())
}
