use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::Value as Json;

use super::lines::InputForm;
use super::{Error, Rules, examples, write_whole};
use crate::inference::{Cases, Engine, Parameters};
use crate::learning::{LearningConfig, ThresholdSearch, find_conflicts, learn, score, search_thresholds};

/// Learn the parameters of all rules from examples.
///
/// Each line is {"inputs":{…},"targets":{"c1":[3,4],"w1":0}}: inputs as for `pinesy infer`, and
/// for derived attributes the true value, or an array of possibilities in domain order. A rule
/// set is learned from the examples that have a target for it. Prints a table of what was done.
#[derive(Debug, Args)]
pub struct Learn {
    #[command(flatten)]
    rules: Rules,
    #[command(flatten)]
    form: InputForm,
    /// Keep only examples whose own Chebyshev distance is below this; `none` keeps all; `auto`
    /// searches for the thresholds that do best on --validation.
    #[arg(long, default_value = "none", allow_negative_numbers = true, value_parser = parse_threshold)]
    threshold: Threshold,
    /// Validation examples (JSON lines), for `--threshold auto` and to report the accuracy.
    #[arg(long, value_name = "V.jsonl")]
    validation: Option<PathBuf>,
    /// Which of the paper's settings `--threshold auto` searches with.
    #[arg(long, value_enum, default_value_t = Paper::Normal)]
    paper: Paper,
    /// Where to write the examples that contradict the rules, worst first, and what each threshold
    /// would keep (JSON lines, one a rule set). Examples are numbered from 0.
    #[arg(long, value_name = "C.jsonl")]
    conflicts: Option<PathBuf>,
    /// Degrees that differ by at most this share count as equal.
    #[arg(long, default_value_t = 0.0)]
    tolerance: f32,
    /// Where to write the parameters (JSON).
    #[arg(long, value_name = "P.json")]
    out: PathBuf,
    /// Where to write the report (JSON).
    #[arg(long, value_name = "R.json")]
    report: Option<PathBuf>,
    /// Examples (JSON lines; - for standard input).
    examples: PathBuf,
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
        (_, Ok(threshold)) if threshold > 0.0 => Ok(Threshold::Fixed(Some(threshold))),
        _ => Err("expected none, auto or a number above 0".to_owned()),
    }
}

impl Learn {
    pub fn run(self) -> Result<(), Error> {
        let engine = self.rules.engine(None)?;
        let examples = examples::read(&engine, &self.form, &self.examples)?;
        let validation =
            self.validation.as_deref().map(|path| examples::read(&engine, &self.form, path)).transpose()?;
        let (parameters, report) = match self.threshold {
            Threshold::Fixed(threshold) => self.learn(&engine, &examples, validation.as_ref(), threshold)?,
            Threshold::Auto => {
                let validation = validation.as_ref().ok_or(Error::NoValidation)?;
                let search = match self.paper {
                    Paper::Normal => ThresholdSearch::paper_normal(),
                    Paper::LowData => ThresholdSearch::paper_low_data(),
                };
                // A search may take a while; a spinner says how far it is, on a terminal only.
                let spinner = ProgressBar::new_spinner();
                let (parameters, report) =
                    search_thresholds(&engine, &examples, validation, self.tolerance, &search, |trial| {
                        let group = trial.group.as_deref().unwrap_or("all");
                        spinner.set_message(format!(
                            "threshold of {group}: validation accuracy {:.2} %",
                            100.0 * trial.accuracy
                        ));
                        spinner.tick();
                        ControlFlow::Continue(())
                    })?;
                spinner.finish_and_clear();
                eprintln!("{report}");
                (parameters, serde_json::to_value(&report).map_err(std::io::Error::from)?)
            }
        };
        if let Some(path) = &self.conflicts {
            let lines =
                find_conflicts(&engine, &examples)?.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>();
            let text = lines.map_err(std::io::Error::from)?.join("\n") + "\n";
            write_text(path, &text)?;
        }
        write_json(&self.out, &parameters)?;
        self.report.as_deref().map_or(Ok(()), |path| write_json(path, &report))
    }

    /// Learning with one threshold for all; the report has the validation accuracy, if asked for.
    fn learn(
        &self,
        engine: &Engine,
        examples: &Cases,
        validation: Option<&Cases>,
        threshold: Option<f32>,
    ) -> Result<(Parameters, Json), Error> {
        let config = LearningConfig::default().with_threshold(threshold).with_tolerance(self.tolerance);
        let (parameters, report) = learn(engine, examples, &config)?;
        eprintln!("{report}");
        let mut json = serde_json::to_value(&report).map_err(std::io::Error::from)?;
        if let Some(validation) = validation {
            let accuracy = score(&engine.with_parameters(&parameters)?, validation)?;
            eprintln!("validation accuracy {:.2} %", 100.0 * accuracy);
            json["validation_accuracy"] = accuracy.into();
        }
        Ok((parameters, json))
    }
}

fn write_json(path: &Path, content: &impl Serialize) -> Result<(), Error> {
    write_text(path, &(serde_json::to_string_pretty(content).map_err(std::io::Error::from)? + "\n"))
}

/// `-` is standard output.
fn write_text(path: &Path, text: &str) -> Result<(), Error> {
    if path == Path::new("-") {
        return Ok(std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes())?);
    }
    write_whole(path, text.as_bytes())
}
