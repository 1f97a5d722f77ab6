//! Calibration: from degrees to sets of values that hold the right one as often as they promise.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::hash::Hasher;

use ndarray::{Array2, s};
use serde::{Deserialize, Serialize};
use siphasher::sip128::SipHasher13;

use super::score::compare;
use super::{Cases, Engine, Error, Score};
use crate::possibility::{Attribute, Value};
use crate::rules::{Fingerprint, list_names};
use crate::unique;

/// What turns degrees into sets with a guarantee, from examples that learning has not seen.
///
/// Of n examples it keeps the score of the right value. h(x) = (1 + the number of them with a score
/// of at most x) / (n + 1) says how plausible a score x is for the right value, and the set of all
/// values u with h(score(u)) > ε holds the right one with a probability of at least 1 − ε, if the
/// case and the examples were drawn alike (split conformal prediction; Vovk, Gammerman & Shafer
/// 2005). h is a possibility distribution again.
///
/// Degrees and scores never fall when inputs become less precise. So sets only grow then, and if
/// the examples were complete the guarantee holds for cases of which inputs are unknown or imprecise
/// *in any way*. Examples that are themselves incomplete raise the bar: what they give holds for
/// cases drawn alike, or known less.
///
/// It belongs to the rules, parameters, score and reading of inputs it was made with, and is
/// refused elsewhere.
///
/// ```
/// use ndarray::Array2;
/// use pinesy::inference::{Calibration, Engine, Score, Target};
/// use pinesy::rules::RuleBase;
///
/// let engine = Engine::of(&RuleBase::read("rulesets/iris.toml", &[])?);
/// // Twenty flowers with petals like those of virginica; one of them is a versicolor.
/// let petals = Array2::from_shape_fn((20, 3), |(_, i)| [0.0, 0.5, 1.0][i]);
/// let species = (0..20).map(|i| Some(Target::value(if i == 7 { "versicolor" } else { "virginica" })));
/// let cases = engine.cases().possibilities("petal_length", &petals).possibilities("petal_width", &petals);
/// let calibration = Calibration::new(&engine, &cases.targets("species", species).build()?, Score::Min)?;
///
/// let flower = engine.cases().possibilities("petal_length", &[0.0, 0.5, 1.0]).unknown("petal_width").build()?;
/// // 2 of 21: versicolor is left out from an error of 0.1 on.
/// let sets = calibration.sets(&engine, &flower, "species", 0.1)?;
/// assert_eq!(sets.values(0).next().unwrap().to_string(), "virginica");
/// assert_eq!(sets.sizes(), [1]);
/// assert_eq!(calibration.sets(&engine, &flower, "species", 0.05)?.sizes(), [2]);
/// assert!(calibration.sets(&engine, &flower, "species", 0.01).is_err()); // takes 99 examples
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "CalibrationFile", into = "CalibrationFile")]
pub struct Calibration {
    engine: Fingerprint,
    of: Of,
    score: Score,
    reading: String,
    /// By attribute, the scores of the right values, rising.
    truths: BTreeMap<String, Vec<Vec<f64>>>,
}

/// What was compared with the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Of {
    Conclusions,
    Inputs,
}

/// The form in which calibrations are kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CalibrationFile {
    engine: Fingerprint,
    of: Of,
    score: Score,
    reading: String,
    #[serde(deserialize_with = "unique::map")]
    truths: BTreeMap<String, Vec<Vec<f64>>>,
    /// Of all the rest.
    checksum: Fingerprint,
}

impl From<Calibration> for CalibrationFile {
    fn from(calibration: Calibration) -> Self {
        let checksum = calibration.checksum();
        let Calibration { engine, of, score, reading, truths } = calibration;
        Self { engine, of, score, reading, truths, checksum }
    }
}

impl TryFrom<CalibrationFile> for Calibration {
    type Error = &'static str;

    fn try_from(file: CalibrationFile) -> Result<Self, Self::Error> {
        let CalibrationFile { engine, of, score, reading, truths, checksum } = file;
        let is_score = |numbers: &Vec<f64>| numbers.iter().all(|number| (0.0..=1.0).contains(number));
        let rising = |a: &Vec<f64>, b: &Vec<f64>| compare(a, b) != Ordering::Greater;
        if !truths.values().all(|scores| scores.iter().all(is_score) && scores.is_sorted_by(rising)) {
            return Err("calibration: expected scores from 0 to 1 in rising order");
        }
        let calibration = Self { engine, of, score, reading, truths };
        if calibration.checksum() == checksum {
            Ok(calibration)
        } else {
            Err("calibration: it was changed after it was made: expected one as it was written")
        }
    }
}

/// For each case, the values of an attribute that a calibration leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerSets {
    attribute: Attribute,
    members: Array2<bool>,
}

impl AnswerSets {
    /// The attribute.
    pub fn attribute(&self) -> &Attribute {
        &self.attribute
    }

    /// The number of cases.
    pub fn len(&self) -> usize {
        self.members.nrows()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the set of a case holds the value at a position of the domain.
    ///
    /// # Panics
    /// If there is no such case or value.
    pub fn contains(&self, case: usize, position: usize) -> bool {
        self.members[[case, position]]
    }

    /// The positions of the values of a case's set, in domain order.
    ///
    /// # Panics
    /// If there is no such case.
    pub fn positions(&self, case: usize) -> Vec<usize> {
        (0..self.members.ncols()).filter(|&position| self.contains(case, position)).collect()
    }

    /// The values of a case's set, in domain order.
    ///
    /// # Panics
    /// If there is no such case.
    pub fn values(&self, case: usize) -> impl Iterator<Item = &Value> {
        self.positions(case).into_iter().map(move |position| &self.attribute.domain().values()[position])
    }

    /// The number of values of each set.
    pub fn sizes(&self) -> Vec<usize> {
        self.members.outer_iter().map(|row| row.iter().filter(|member| **member).count()).collect()
    }
}

impl Calibration {
    /// Collects, for every derived attribute, the scores of the right values in the cases that say
    /// which that is.
    ///
    /// # Errors
    /// [`Error::NoTruth`] if no case says so, [`Error::OtherRules`] for cases of another rule base.
    pub fn new(engine: &Engine, cases: &Cases, score: Score) -> Result<Self, Error> {
        cases.check_base(engine.base())?;
        let mut truths = BTreeMap::new();
        for set in engine.base().rule_sets() {
            let right = |case| Some((case, cases.crisp(set.attribute(), case)?));
            let right: Vec<(usize, usize)> = (0..cases.len()).filter_map(right).collect();
            if right.is_empty() {
                continue;
            }
            let name = engine.base().conclusion(set).name();
            let scores = engine.scores(cases, name, score)?;
            let scores = right.into_iter().map(|(case, position)| scores.get(case, position).to_vec()).collect();
            truths.insert(name.to_owned(), scores);
        }
        Self::of(engine, Of::Conclusions, score, truths)
    }

    /// Collects, for every input, the possibilities of the right values, in the cases that say which
    /// that is ([`CasesBuilder::observed`](super::CasesBuilder::observed)): a calibration of how
    /// inputs are read, for rules about which no conclusions were ever recorded. An input that is
    /// unknown in an example was not read there, and does not count.
    ///
    /// For a set of error ε every input is reduced to its own set of error ε / (number of inputs),
    /// and what these leave possible is inferred. So it holds the right value with a probability of
    /// at least 1 − ε as far as the rules themselves are right.
    ///
    /// # Errors
    /// As [`Self::new`], and [`Error::InputWithoutTruth`] if no case that reads some input says so of it.
    pub fn of_inputs(engine: &Engine, cases: &Cases) -> Result<Self, Error> {
        cases.check_base(engine.base())?;
        let (mut truths, mut without) = (BTreeMap::new(), Vec::new());
        for (&attribute, input) in engine.base().input_positions().iter().zip(engine.base().inputs()) {
            let degrees = cases.input(input.name()).expect("an input");
            // That all is possible is right of every value: such scores would make any reading that
            // is made plausible.
            let was_read = |case: usize| degrees.ncols() == 1 || degrees.row(case).iter().any(|&degree| degree < 1.0);
            let right = |case| Some(vec![f64::from(degrees[[case, cases.crisp(attribute, case)?]])]);
            let scores: Vec<Vec<f64>> = (0..cases.len()).filter(|&case| was_read(case)).filter_map(right).collect();
            if scores.is_empty() {
                without.push(input.name());
            } else {
                truths.insert(input.name().to_owned(), scores);
            }
        }
        if !truths.is_empty() && !without.is_empty() {
            return Err(Error::InputWithoutTruth(list_names(without.into_iter())));
        }
        Self::of(engine, Of::Inputs, Score::Min, truths)
    }

    fn of(engine: &Engine, of: Of, score: Score, mut truths: BTreeMap<String, Vec<Vec<f64>>>) -> Result<Self, Error> {
        if truths.is_empty() {
            return Err(Error::NoTruth(if of == Of::Inputs { "an input" } else { "a derived attribute" }));
        }
        truths.values_mut().for_each(|scores| scores.sort_unstable_by(|a, b| compare(a, b)));
        Ok(Self { engine: engine.fingerprint(), of, score, reading: String::new(), truths })
    }

    /// Says how the inputs of the examples were read, such as how probabilities became
    /// possibilities: [`Self::check`] compares it. Default: nothing.
    pub fn with_reading(mut self, reading: impl Into<String>) -> Self {
        self.reading = reading.into();
        self
    }

    /// The score it is of.
    pub fn score(&self) -> Score {
        self.score
    }

    /// How the inputs of the examples were read.
    pub fn reading(&self) -> &str {
        &self.reading
    }

    /// Whether it is of how inputs are read, and not of conclusions.
    pub fn is_of_inputs(&self) -> bool {
        self.of == Of::Inputs
    }

    /// Whether it gives sets of a derived attribute.
    pub fn covers(&self, attribute: &str) -> bool {
        self.is_of_inputs() || self.truths.contains_key(attribute)
    }

    /// The attributes it was made from, with the number of examples of each.
    pub fn examples(&self) -> impl Iterator<Item = (&str, usize)> {
        self.truths.iter().map(|(name, scores)| (name.as_str(), scores.len()))
    }

    /// The examples that an error takes, for one attribute: 1/ε − 1, rounded upwards.
    pub fn examples_needed(error: f64) -> usize {
        // Just above a whole number is that number, computed inexactly.
        (1.0 / error - 1.0 - 1e-9).ceil() as usize
    }

    /// Checks that it was made with an engine, and for inputs that were read so, and that it has
    /// examples enough for an error: to be asked before long work.
    ///
    /// # Errors
    /// [`Error::OtherCalibration`], [`Error::FewExamples`], [`Error::ErrorLevel`].
    pub fn check(&self, engine: &Engine, reading: &str, error: f64) -> Result<(), Error> {
        self.check_engine(engine)?;
        if reading != self.reading {
            return Err(Error::OtherCalibration {
                what: "inputs read as",
                found: self.reading.clone(),
                expected: reading.to_owned(),
            });
        }
        let error = self.error_of_each(engine, error)?;
        self.truths.iter().try_for_each(|(name, scores)| check_count(name, scores.len(), error))
    }

    fn check_engine(&self, engine: &Engine) -> Result<(), Error> {
        let (found, expected) = (self.engine, engine.fingerprint());
        if found == expected {
            return Ok(());
        }
        let (found, expected) = (found.to_string(), expected.to_string());
        Err(Error::OtherCalibration { what: "rules and parameters", found, expected })
    }

    /// The error that sets of each attribute it is of may have, if that of the answer is to be
    /// `error`.
    fn error_of_each(&self, engine: &Engine, error: f64) -> Result<f64, Error> {
        if !(error > 0.0 && error < 1.0) {
            return Err(Error::ErrorLevel(error));
        }
        Ok(if self.is_of_inputs() { error / engine.base().input_positions().len() as f64 } else { error })
    }

    fn truths_of(&self, attribute: &str) -> Result<&[Vec<f64>], Error> {
        let not_calibrated = || Error::NotCalibrated {
            name: attribute.to_owned(),
            known: list_names(self.truths.keys().map(String::as_str)),
        };
        self.truths.get(attribute).map(Vec::as_slice).ok_or_else(not_calibrated)
    }

    /// h of the score of every value of a derived attribute, a row a case: how plausible it is, in
    /// the light of the examples, that a right value should be so little possible.
    ///
    /// # Errors
    /// [`Error::OtherCalibration`] for an engine it was not made with, or if it is of inputs,
    /// [`Error::NotCalibrated`] for an attribute without examples, and as [`Engine::scores`].
    pub fn plausibilities(&self, engine: &Engine, cases: &Cases, attribute: &str) -> Result<Array2<f64>, Error> {
        self.check_engine(engine)?;
        if self.is_of_inputs() {
            let (found, expected) = ("inputs".to_owned(), "conclusions".to_owned());
            return Err(Error::OtherCalibration { what: "examples of", found, expected });
        }
        let scores = engine.scores(cases, attribute, self.score)?;
        let truths = self.truths_of(attribute)?;
        let shape = (cases.len(), scores.attribute().domain().len());
        Ok(Array2::from_shape_fn(shape, |(case, position)| plausibility(truths, scores.get(case, position))))
    }

    /// The values of a derived attribute that are left in every case: the right one is among them
    /// with a probability of at least 1 − `error`.
    ///
    /// # Errors
    /// As [`Self::plausibilities`] (though it may be of inputs); [`Error::FewExamples`],
    /// [`Error::ErrorLevel`].
    pub fn sets(&self, engine: &Engine, cases: &Cases, attribute: &str, error: f64) -> Result<AnswerSets, Error> {
        self.check_engine(engine)?;
        let of_each = self.error_of_each(engine, error)?;
        let members = if self.is_of_inputs() {
            let inferred = engine.infer_batch(&self.reduced(engine, cases, of_each)?, &[attribute])?;
            inferred.get(attribute).expect("asked for").mapv(|degree| degree > 0.0)
        } else {
            engine.stage(attribute)?;
            check_count(attribute, self.truths_of(attribute)?.len(), of_each)?;
            self.plausibilities(engine, cases, attribute)?.mapv(|plausibility| plausibility > of_each)
        };
        let attribute = engine.base().attribute(attribute).expect("rules conclude on it").clone();
        Ok(AnswerSets { attribute, members })
    }

    /// The cases with every input reduced to its set.
    fn reduced(&self, engine: &Engine, cases: &Cases, error: f64) -> Result<Cases, Error> {
        cases.check_base(engine.base())?;
        let base = engine.base();
        let mut rows = Array2::zeros((cases.len(), base.input_width()));
        for (input, columns) in base.inputs().zip(base.input_columns()) {
            let truths = self.truths_of(input.name())?;
            check_count(input.name(), truths.len(), error)?;
            let is_left = |degree: &f32| f32::from(plausibility(truths, &[f64::from(*degree)]) > error);
            let degrees = cases.input(input.name()).expect("an input");
            rows.slice_mut(s![.., columns.clone()]).assign(&degrees.map(is_left));
        }
        Ok(Cases::of_rows(base, rows))
    }

    fn checksum(&self) -> Fingerprint {
        let mut hash = SipHasher13::new();
        let all = (self.engine, self.of, self.score, &self.reading, &self.truths);
        hash.write(&serde_json::to_vec(&all).expect("plain data"));
        Fingerprint::of(hash)
    }
}

fn check_count(attribute: &str, found: usize, error: f64) -> Result<(), Error> {
    let needed = Calibration::examples_needed(error);
    if found < needed {
        return Err(Error::FewExamples { attribute: attribute.to_owned(), found, needed, error });
    }
    Ok(())
}

/// h: the share, of all right values and the one at hand, of those whose score is no greater.
fn plausibility(truths: &[Vec<f64>], score: &[f64]) -> f64 {
    let no_greater = truths.partition_point(|truth| compare(truth, score) != Ordering::Greater);
    (1 + no_greater) as f64 / (truths.len() + 1) as f64
}
