use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::cascade::learn_choosing;
use super::{Error, LearningConfig, LearningReport};
use crate::inference::{Cases, Engine, Parameters};
use crate::possibility::decide;

/// The thresholds a search tries: (i/steps)^power · (1 + margin) for i = 1 … steps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ThresholdGrid {
    /// Number of thresholds (n in the paper).
    pub steps: usize,
    /// Exponent (p in the paper): the greater, the denser the grid near 0.
    pub power: u32,
    /// Relative margin (ε in the paper), which lifts the last threshold above every distance.
    pub margin: f64,
}

impl ThresholdGrid {
    /// The thresholds, rising.
    pub fn values(&self) -> Vec<f32> {
        let threshold = |i: usize| (i as f64 / self.steps as f64).powi(self.power as i32) * (1.0 + self.margin);
        (1..=self.steps).map(|i| threshold(i) as f32).collect()
    }
}

/// The search for thresholds of Baaj & Marquis 2025, section 5: first the least threshold of the
/// grid that keeps an example of every rule set, then, group of rule sets after group in cascade
/// order, higher ones as long as they make the rules decide more validation examples rightly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThresholdSearch {
    /// The thresholds tried.
    pub grid: ThresholdGrid,
    /// The least gain in validation accuracy that counts as one. Default 0.0001.
    pub min_improvement: f64,
    /// Trials without gain after which a group's search ends. Default 1, as in the public
    /// implementation's runs.
    pub patience: usize,
}

impl ThresholdSearch {
    /// The paper's normal setting: n = 30, p = 5, ε = 0.001.
    pub fn paper_normal() -> Self {
        Self::with_power(5)
    }

    /// The paper's setting for few training data: n = 30, p = 2, ε = 0.001.
    pub fn paper_low_data() -> Self {
        Self::with_power(2)
    }

    fn with_power(power: u32) -> Self {
        Self { grid: ThresholdGrid { steps: 30, power, margin: 1e-3 }, min_improvement: 1e-4, patience: 1 }
    }

    fn check(&self) -> Result<(), Error> {
        let ThresholdGrid { steps, power, margin } = self.grid;
        if !(1..=100_000).contains(&steps)
            || !(1..=100).contains(&power)
            || !(0.0..=1.0).contains(&margin)
            || (1.0 + margin) as f32 <= 1.0
        {
            return Err(Error::Config {
                setting: "grid",
                expected: "1 to 100000 steps, a power from 1 to 100, a margin from 0.000001 to 1",
            });
        }
        if self.min_improvement.is_nan() || self.min_improvement < 0.0 || self.patience == 0 {
            return Err(Error::Config {
                setting: "search",
                expected: "a least improvement from 0 up and a patience of at least 1",
            });
        }
        Ok(())
    }
}

/// One attempt of a threshold search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Trial {
    /// The group whose threshold was tried; none for the first attempt.
    pub group: Option<String>,
    /// The threshold of every group.
    pub thresholds: BTreeMap<String, f32>,
    /// Share of the validation examples decided rightly.
    pub accuracy: f64,
}

/// Why a threshold search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SearchStop {
    /// Every group's search came to its end.
    Completed,
    /// The observer stopped it; what was best until then is returned.
    Interrupted,
}

/// Why the search for one group's threshold ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GroupEnd {
    /// As many trials without gain as [`ThresholdSearch::patience`] says.
    Patience,
    /// The last threshold of the grid was reached.
    EndOfGrid,
}

/// What a threshold search did. Prints as a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SearchReport {
    /// All attempts in order.
    pub trials: Vec<Trial>,
    /// The thresholds chosen, by group.
    pub thresholds: BTreeMap<String, f32>,
    /// The validation accuracy they give.
    pub accuracy: f64,
    /// Why the search ended.
    pub stop: SearchStop,
    /// Why it ended for each group that it came to.
    pub group_ends: BTreeMap<String, GroupEnd>,
    /// The learning with these thresholds.
    pub learning: LearningReport,
}

impl fmt::Display for SearchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (group, threshold) in &self.thresholds {
            writeln!(f, "threshold of {group}: {threshold:.3e}")?;
        }
        writeln!(f, "validation accuracy {:.2} %, {} trials", 100.0 * self.accuracy, self.trials.len())?;
        write!(f, "{}", self.learning)
    }
}

/// The group of a rule set: its attribute's name without the digits at its end, so that `y0`,
/// `y1`, … share a threshold.
fn group(attribute: &str) -> &str {
    let stem = attribute.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.is_empty() { attribute } else { stem }
}

/// Learns with thresholds chosen on validation cases, in place of the configuration's; `observe`
/// sees every trial as it ends, and may stop the search.
///
/// # Errors
/// As [`learn`](super::learn) and [`score`].
pub fn search_thresholds(
    engine: &Engine,
    train: &Cases,
    validation: &Cases,
    config: &LearningConfig,
    search: &ThresholdSearch,
    mut observe: impl FnMut(&Trial) -> ControlFlow<()>,
) -> Result<(Parameters, SearchReport), Error> {
    search.check()?;
    config.check()?;
    let base = engine.base();
    let grid = search.grid.values();
    let group_of: Vec<&str> = base.rule_sets().iter().map(|set| group(base.conclusion(set).name())).collect();
    let mut order: Vec<&str> = Vec::new();
    for name in &group_of {
        if !order.contains(name) {
            order.push(name);
        }
    }
    // Positions in the grid, by group. The last one keeps every example.
    let mut at: BTreeMap<&str, usize> = order.iter().map(|name| (*name, 0)).collect();
    let named = |at: &BTreeMap<&str, usize>| at.iter().map(|(name, i)| ((*name).to_owned(), grid[*i])).collect();
    // A group's threshold rises from rule set to rule set until each keeps an example.
    let config = LearningConfig { threshold: None, ..*config };
    let first = loop {
        let mut used = Vec::new();
        let learned = learn_choosing(engine, train, &config, |stage, least| {
            let position = at.get_mut(group_of[stage]).expect("every set has a group");
            *position = (*position).max(grid.partition_point(|&threshold| threshold <= least).min(grid.len() - 1));
            used.push((stage, *position));
            Some(grid[*position])
        })?;
        // Sets learned before their group's threshold rose are learned again with it.
        if used.iter().all(|&(stage, position)| at[group_of[stage]] == position) {
            break learned;
        }
    };
    let accuracy_of = |parameters: &Parameters| score(&engine.with_parameters(parameters)?, validation);
    let mut best = accuracy_of(&first.0)?;
    let mut trials = Vec::new();
    let mut record = |trial: Trial| {
        let flow = observe(&trial);
        trials.push(trial);
        flow
    };
    let mut flow = record(Trial { group: None, thresholds: named(&at), accuracy: best });
    let mut group_ends = BTreeMap::new();
    for name in order {
        let (mut tried, mut failures) = (at.clone(), 0);
        while flow.is_continue() && failures < search.patience && tried[name] + 1 < grid.len() {
            *tried.get_mut(name).expect("a group") += 1;
            let (parameters, _) =
                learn_choosing(engine, train, &config, |stage, _| Some(grid[tried[group_of[stage]]]))?;
            let accuracy = accuracy_of(&parameters)?;
            flow = record(Trial { group: Some(name.to_owned()), thresholds: named(&tried), accuracy });
            if accuracy >= best + search.min_improvement && accuracy > best {
                (best, failures) = (accuracy, 0);
                at.clone_from(&tried);
            } else {
                failures += 1;
            }
        }
        if flow.is_break() {
            break;
        }
        let end = if failures < search.patience { GroupEnd::EndOfGrid } else { GroupEnd::Patience };
        group_ends.insert(name.to_owned(), end);
    }
    let (parameters, learning) = learn_choosing(engine, train, &config, |stage, _| Some(grid[at[group_of[stage]]]))?;
    let stop = if flow.is_break() { SearchStop::Interrupted } else { SearchStop::Completed };
    Ok((parameters, SearchReport { trials, thresholds: named(&at), accuracy: best, stop, group_ends, learning }))
}

/// The share of cases of which every final attribute (concluded on, read by no rule) that has
/// a target with a single most possible value is decided uniquely and rightly.
///
/// # Errors
/// [`Error::NoTarget`] if no case has a crisp target for a final attribute,
/// [`inference::Error::OtherRules`](crate::inference::Error::OtherRules) for cases of another rule
/// base.
pub fn score(engine: &Engine, cases: &Cases) -> Result<f64, Error> {
    let names: Vec<&str> = engine.base().outputs().map(|attribute| attribute.name()).collect();
    let last = names.iter().map(|name| engine.stage(name)).collect::<Result<Vec<usize>, _>>()?;
    let inferred = engine.infer_batch(cases, &names)?;
    let columns: Vec<_> = names.iter().map(|name| inferred.get(name).expect("asked for")).collect();
    let (mut judged, mut right) = (0, 0);
    for case in 0..cases.len() {
        let verdict = |(stage, column): (&usize, &ndarray::ArrayView2<'_, f32>)| {
            let right = cases.true_position(*stage, case)?;
            let row = column.row(case);
            Some(decide(row.as_slice().expect("a row lies together")).position() == Some(right))
        };
        let mut verdicts = last.iter().zip(&columns).filter_map(verdict).peekable();
        judged += usize::from(verdicts.peek().is_some());
        right += usize::from(verdicts.peek().is_some() && verdicts.all(|right| right));
    }
    if judged == 0 {
        return Err(Error::NoTarget(names.join(", ")));
    }
    Ok(right as f64 / judged as f64)
}
