//! Which question to ask next: what knowing an unknown input could settle.

use std::fmt;

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use strum::Display;

use super::Error;
use crate::inference::{Calibration, Cases, Engine, Input, Score};
use crate::possibility::{Attribute, Value, decide};
use crate::rules::Source;

/// One case on its way to an answer, input by input.
///
/// Its values *left* are those of a calibrated set ([`Self::with_calibration`]), else those that tie
/// for the decision. A calibrated set holds the right value with the probability it promises at
/// every step, whichever inputs are asked for and in whatever order (if the calibration was made of
/// complete examples).
///
/// ```
/// use pinesy::explain::Diagnosis;
/// use pinesy::inference::{Engine, Input};
/// use pinesy::rules::RuleBase;
///
/// let engine = Engine::of(&RuleBase::read("rulesets/triage.toml", &[])?);
/// let case = engine
///     .cases()
///     .inputs("temperature", [Input::Number(40.2)])
///     .inputs("pulse", [Input::Number(85.0)])
///     .unknown("age")
///     .unknown("confused")
///     .build()?;
/// let mut diagnosis = Diagnosis::new(&engine, "urgency", &case)?;
/// let question = diagnosis.next_question()?.unwrap();
/// assert_eq!(question.attribute, "confused");
/// diagnosis.answer("confused", &Input::value("yes"))?;
/// // Whatever the age, it is now.
/// assert!(diagnosis.next_question()?.is_none());
/// assert_eq!(diagnosis.left()?, ["now".into()]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Diagnosis<'e> {
    engine: &'e Engine,
    attribute: &'e Attribute,
    calibration: Option<(&'e Calibration, f64)>,
    score: Score,
    /// The degrees of all inputs.
    row: Vec<f32>,
}

/// Whether the values left could still change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Settled {
    /// No answers to what is unknown could change them.
    Yes,
    /// Some answers would.
    No,
    /// There are more ways to answer than were tried ([`Diagnosis::LIMIT`]).
    Unknown,
}

/// An unknown input, and what knowing it could settle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UnknownInput {
    /// The input.
    pub attribute: String,
    /// The number of values that would be left, in the mean over the values it could have.
    pub left: f64,
    /// The values it could have, each with the number that would be left.
    pub by_value: Vec<(Value, usize)>,
}

/// What is said of one way the inputs may be.
struct Outlook {
    left: Vec<usize>,
    /// The sum of what is said for each value: how much is open, more finely.
    weight: f64,
    degrees: Vec<f32>,
}

impl<'e> Diagnosis<'e> {
    /// The most ways to answer everything unknown that are tried to find out whether that could
    /// change anything.
    pub const LIMIT: usize = 4096;

    /// Of a derived attribute in a single case, with inputs that are unknown: of which every value
    /// is fully possible.
    ///
    /// # Errors
    /// As [`Engine::infer`], or for a name that no rule concludes on.
    pub fn new(engine: &'e Engine, attribute: &str, case: &Cases) -> Result<Self, Error> {
        engine.stage(attribute)?;
        let row = engine.trace(case)?.inputs;
        let attribute = engine.base().attribute(attribute).expect("rules conclude on it");
        Ok(Self { engine, attribute, calibration: None, score: Score::Min, row })
    }

    /// Takes the values of calibrated sets of an error for those left. Default: those decided.
    ///
    /// # Errors
    /// As [`Calibration::sets`].
    pub fn with_calibration(mut self, calibration: &'e Calibration, error: f64) -> Result<Self, Error> {
        self.calibration = Some((calibration, error));
        self.now()?;
        Ok(self)
    }

    /// Decides by this score where nothing is calibrated. Default: [`Score::Min`].
    pub fn with_score(mut self, score: Score) -> Self {
        self.score = score;
        self
    }

    /// The attribute asked about.
    pub fn attribute(&self) -> &'e Attribute {
        self.attribute
    }

    /// The values left, in domain order; none if what is known contradicts itself, or the examples.
    ///
    /// # Errors
    /// As [`Calibration::sets`].
    pub fn left(&self) -> Result<Vec<Value>, Error> {
        let values = self.attribute.domain().values();
        Ok(self.now()?.left.into_iter().map(|position| values[position].clone()).collect())
    }

    /// The unknown inputs that the attribute depends on, those first that would leave the fewest
    /// values in the mean over the values they could have, all alike. Where these tie, those that
    /// leave their values less plausible (or possible); where these tie, in the order of the rule
    /// base.
    ///
    /// # Errors
    /// As [`Calibration::sets`].
    pub fn questions(&self) -> Result<Vec<UnknownInput>, Error> {
        let unknown = self.unknown();
        let values = |input: usize| self.input(input).domain().len();
        let ways = unknown.iter().flat_map(|&input| (0..values(input)).map(move |value| vec![(input, value)]));
        let mut outlooks = self.outlooks(ways.collect())?.into_iter();
        let mut ranked: Vec<(f64, UnknownInput)> = Vec::new();
        for input in unknown {
            let of_values: Vec<Outlook> = outlooks.by_ref().take(values(input)).collect();
            let mean = |of: fn(&Outlook) -> f64| of_values.iter().map(of).sum::<f64>() / of_values.len() as f64;
            let names = self.input(input).domain().values().iter().cloned();
            let question = UnknownInput {
                attribute: self.input(input).name().to_owned(),
                left: mean(|outlook| outlook.left.len() as f64),
                by_value: names.zip(of_values.iter().map(|outlook| outlook.left.len())).collect(),
            };
            ranked.push((mean(|outlook| outlook.weight), question));
        }
        ranked.sort_by(|(a_weight, a), (b_weight, b)| a.left.total_cmp(&b.left).then(a_weight.total_cmp(b_weight)));
        Ok(ranked.into_iter().map(|(_, question)| question).collect())
    }

    /// The first of [`Self::questions`]; none if no answer could change the values left.
    ///
    /// # Errors
    /// As [`Calibration::sets`].
    pub fn next_question(&self) -> Result<Option<UnknownInput>, Error> {
        if self.settled()? == Settled::Yes {
            return Ok(None);
        }
        Ok(self.questions()?.into_iter().next())
    }

    /// Takes in what is now known of an input, whatever was known before.
    ///
    /// # Errors
    /// [`inference::Error::UnknownInput`](crate::inference::Error::UnknownInput), or as
    /// [`Input::degrees`]; nothing is taken in then.
    pub fn answer(&mut self, input: &str, known: &Input) -> Result<(), Error> {
        // Checked as any case is.
        let others = self.engine.base().inputs().map(Attribute::name).filter(|name| *name != input);
        let case = others.fold(self.engine.cases().inputs(input, [known]), |cases, other| cases.unknown(other));
        let case = case.build()?;
        let degrees = case.input(input).expect("just given");
        let number = self.engine.base().inputs().position(|attribute| attribute.name() == input).expect("an input");
        let columns = self.engine.base().input_columns()[number].clone();
        self.row[columns].iter_mut().zip(degrees).for_each(|(degree, known)| *degree = *known);
        Ok(())
    }

    /// Whether answers could still change the values left.
    ///
    /// Degrees never rise as inputs become known, and inputs of which nothing at all is possible
    /// give their lower bounds: calibrated sets that are the same there cannot change. Otherwise all
    /// ways to answer with single values are tried, if they are few enough. That is exact for
    /// calibrated sets, whatever the answers (of which some value is fully possible), as these hold
    /// at least what a single value would leave; for decisions, if the answers are single values.
    ///
    /// # Errors
    /// As [`Calibration::sets`].
    pub fn settled(&self) -> Result<Settled, Error> {
        let unknown = self.unknown();
        if unknown.is_empty() {
            return Ok(Settled::Yes);
        }
        let now = self.now()?;
        let lowest = self.lowest(&unknown)?;
        let bounded = match now.left[..] {
            _ if self.calibration.is_some() => lowest.left == now.left,
            [only] if self.score == Score::Min => {
                let mut others = (0..now.degrees.len()).filter(|&position| position != only);
                others.all(|position| now.degrees[position] < lowest.degrees[only])
            }
            _ => false,
        };
        if bounded {
            return Ok(Settled::Yes);
        }
        let values = |input: usize| self.input(input).domain().len();
        let number = unknown.iter().try_fold(1usize, |all, &input| all.checked_mul(values(input)));
        if number.is_none_or(|number| number > Self::LIMIT) {
            return Ok(Settled::Unknown);
        }
        let mut ways: Vec<Vec<(usize, usize)>> = vec![Vec::new()];
        for &input in &unknown {
            let longer = |way: &Vec<(usize, usize)>| {
                let way = way.clone();
                (0..values(input)).map(move |value| [way.as_slice(), &[(input, value)]].concat()).collect::<Vec<_>>()
            };
            ways = ways.iter().flat_map(longer).collect();
        }
        let same = self.outlooks(ways)?.iter().all(|outlook| outlook.left == now.left);
        Ok(if same { Settled::Yes } else { Settled::No })
    }

    fn input(&self, input: usize) -> &'e Attribute {
        &self.engine.base().attributes()[self.engine.base().input_positions()[input]]
    }

    /// The inputs, by number, that are unknown and bear on the attribute.
    fn unknown(&self) -> Vec<usize> {
        let (base, program) = (self.engine.base(), self.engine.program());
        let stage = self.engine.stage(self.attribute.name()).expect("checked when made");
        let cone = program.cone(&[stage]);
        let mut bears = vec![false; base.input_positions().len()];
        for stage in (0..cone.len()).filter(|&stage| cone[stage]) {
            for &read in program.reads(stage) {
                if let Source::Input(input) = base.source(read as usize) {
                    bears[input] = true;
                }
            }
        }
        let is_unknown = |&input: &usize| {
            let degrees = &self.row[base.input_columns()[input].clone()];
            bears[input] && degrees.len() > 1 && degrees.iter().all(|&degree| degree == 1.0)
        };
        (0..bears.len()).filter(is_unknown).collect()
    }

    fn now(&self) -> Result<Outlook, Error> {
        Ok(self.outlooks(vec![Vec::new()])?.remove(0))
    }

    /// Where some inputs are not even possible to have any value.
    fn lowest(&self, unknown: &[usize]) -> Result<Outlook, Error> {
        let mut row = self.row.clone();
        for &input in unknown {
            row[self.engine.base().input_columns()[input].clone()].fill(0.0);
        }
        Ok(self.outlooks_of(row, 1)?.remove(0))
    }

    /// What would be left if some inputs had these values: for each way of answering, the inputs
    /// with the positions of their values.
    fn outlooks(&self, ways: Vec<Vec<(usize, usize)>>) -> Result<Vec<Outlook>, Error> {
        let columns = self.engine.base().input_columns();
        let mut rows = Vec::with_capacity(ways.len() * self.row.len());
        for way in &ways {
            let start = rows.len();
            rows.extend_from_slice(&self.row);
            for &(input, value) in way {
                let degrees = &mut rows[start..][columns[input].clone()];
                degrees.fill(0.0);
                degrees[value] = 1.0;
            }
        }
        self.outlooks_of(rows, ways.len())
    }

    fn outlooks_of(&self, rows: Vec<f32>, count: usize) -> Result<Vec<Outlook>, Error> {
        let name = self.attribute.name();
        let rows = Array2::from_shape_vec((count, self.row.len()), rows).expect("one row a way");
        let cases = Cases::of_rows(self.engine.base(), rows);
        let inferred = self.engine.infer_batch(&cases, &[name])?;
        let degrees = inferred.get(name).expect("asked for");
        let degrees = degrees.outer_iter().map(|row| row.to_vec());
        let Some((calibration, error)) = self.calibration else {
            let scores = match self.score {
                Score::Min => None,
                score => Some(self.engine.scores(&cases, name, score)?),
            };
            let of = |(case, degrees): (usize, Vec<f32>)| {
                let decision = scores.as_ref().map_or_else(|| decide(&degrees), |scores| scores.decision(case));
                let weight = degrees.iter().map(|&degree| f64::from(degree)).sum();
                Outlook { left: decision.positions(), weight, degrees }
            };
            return Ok(degrees.enumerate().map(of).collect());
        };
        let sets = calibration.sets(self.engine, &cases, name, error)?;
        let plausible = || calibration.plausibilities(self.engine, &cases, name);
        let plausible = (!calibration.is_of_inputs()).then(plausible).transpose()?;
        let of = |(case, degrees): (usize, Vec<f32>)| {
            let weight = plausible.as_ref().map_or(0.0, |plausible| plausible.row(case).sum());
            Outlook { left: sets.positions(case), weight, degrees }
        };
        Ok(degrees.enumerate().map(of).collect())
    }
}

impl fmt::Display for UnknownInput {
    /// `pulse  1.25 left (slow: 1, normal: 2, fast: 1, racing: 1)`; a width is that of the name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = f.width().unwrap_or(0);
        write!(f, "{:width$}  {:.2} left (", self.attribute, self.left)?;
        for (i, (value, left)) in self.by_value.iter().enumerate() {
            write!(f, "{}{value}: {left}", if i > 0 { ", " } else { "" })?;
        }
        f.write_str(")")
    }
}
