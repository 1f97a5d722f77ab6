//! What a score other than the possibility decides, and by which rules.

use serde::{Deserialize, Serialize};

use super::{Error, Explainer};
use crate::inference::{Score, compare};
use crate::possibility::Value;

/// The values of the highest score, those of the next, and the rules against either.
///
/// `{}` shows it as a sentence, `{:#}` with colours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ranking {
    /// The attribute.
    pub attribute: String,
    /// How the contributions of the rules become a score.
    pub score: Score,
    /// The values of the highest score, in domain order; several if they tie.
    pub decision: Vec<Value>,
    /// The rules against the first of these, strictest first.
    pub against: Vec<Objection>,
    /// The values of the next score; empty if all values tie.
    pub next: Vec<Value>,
    /// The rules against the first of these, strictest first.
    pub against_next: Vec<Objection>,
}

/// A rule that does not fully allow a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Objection {
    /// The rule.
    pub rule: String,
    /// How possible it leaves the value.
    pub degree: f32,
}

impl Explainer<'_> {
    /// Which values have the highest score and which the next, and the rules that tell them apart.
    ///
    /// ```
    /// # use pinesy::explain::Explainer;
    /// # use pinesy::inference::{Engine, Score};
    /// # use pinesy::rules::RuleBase;
    /// let engine = Engine::of(&RuleBase::read("rulesets/iris.toml", &[])?);
    /// // Petals of medium length, but broad: no species is left by every rule.
    /// let flower = engine
    ///     .cases()
    ///     .possibilities("petal_length", &[0.0, 1.0, 0.0])
    ///     .possibilities("petal_width", &[0.0, 0.0, 1.0])
    ///     .build()?;
    /// let ranking = Explainer::new(&engine, &flower)?.rank("species", Score::Leximin)?;
    /// assert_eq!(ranking.decision, ["virginica".into()]);
    /// assert_eq!((ranking.against.len(), ranking.against_next.len()), (1, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`inference::Error::UnknownDerived`](crate::inference::Error::UnknownDerived).
    pub fn rank(&self, attribute: &str, score: Score) -> Result<Ranking, Error> {
        let stage = self.derived(attribute)?;
        let scores: Vec<Vec<f64>> = (0..self.atoms(stage).len())
            .map(|atom| {
                let mut numbers = Vec::new();
                let levels = self.structure(stage).levels(atom);
                score.extend(&mut numbers, levels.map(|level| f64::from(self.contribution(stage, level))));
                numbers
            })
            .collect();
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| compare(&scores[b], &scores[a]));
        let mut places = order.chunk_by(|&a, &b| compare(&scores[a], &scores[b]).is_eq());
        let (best, next) = (places.next().unwrap_or_default(), places.next().unwrap_or_default());
        let attribute = self.stage(stage).attribute;
        let place = |atoms: &[usize]| {
            let class_of = self.structure(stage).partition.class_of();
            let values = self.attribute(attribute).domain().values();
            let among: Vec<usize> =
                (0..values.len()).filter(|&position| atoms.contains(&(class_of[position] as usize))).collect();
            let against = among.first().map(|&first| self.against(stage, class_of[first] as usize));
            (among.iter().map(|&position| values[position].clone()).collect(), against.unwrap_or_default())
        };
        let ((decision, against), (next, against_next)) = (place(best), place(next));
        let attribute = self.name(attribute).to_owned();
        Ok(Ranking { attribute, score, decision, against, next, against_next })
    }

    /// The rules that do not fully allow an atom, strictest first.
    fn against(&self, stage: usize, atom: usize) -> Vec<Objection> {
        let levels = self.structure(stage).levels(atom).map(|level| (level, self.contribution(stage, level)));
        let mut against: Vec<Objection> = levels
            .filter(|(_, degree)| *degree < 1.0)
            .map(|(level, degree)| Objection { rule: self.rules(stage)[level.rule].name().to_owned(), degree })
            .collect();
        against.sort_by(|a, b| a.degree.total_cmp(&b.degree));
        against
    }
}
