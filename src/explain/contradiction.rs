use serde::{Deserialize, Serialize};

use super::Explainer;
use crate::possibility::{Value, height};
use crate::program::{Level, Side};
use crate::rules::Source;

/// Why no value of a derived attribute is fully possible: rules that together leave none.
///
/// `{}` shows it as a sentence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Contradiction {
    /// The attribute.
    pub attribute: String,
    /// The highest degree of its values.
    pub height: f32,
    /// Rules of which none can be left out: each holds down values that the others would allow.
    pub rules: Vec<Contradicting>,
    /// Attributes these rules read of which no value is fully possible either.
    pub sources: Vec<String>,
}

/// A rule that takes part in a contradiction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Contradicting {
    /// The rule.
    pub rule: String,
    /// Which of the values it leaves possible beyond the height: those of its conclusion (its
    /// premise holds), all others (its premise does not), or none.
    pub side: Option<Allowed>,
    /// The conclusion as it is written.
    pub conclusion: String,
}

/// What a rule leaves possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Allowed {
    /// The values of its conclusion.
    Conclusion,
    /// The values outside its conclusion.
    Opposite,
}

impl Explainer<'_> {
    /// The rules that contradict each other on a derived attribute here; none if some value of it
    /// is fully possible.
    ///
    /// ```
    /// use pinesy::explain::Explainer;
    /// use pinesy::inference::{Engine, Input};
    /// use pinesy::rules::RuleBase;
    ///
    /// let text = r#"
    /// attribute = [
    ///     { name = "light", domain = ["red", "green"] },
    ///     { name = "crossing", domain = ["nobody", "someone"] },
    ///     { name = "act", domain = ["stop", "go"] },
    /// ]
    /// rule = [
    ///     { name = "red", iff = "light == 'red'", then = "act == 'stop'" },
    ///     { name = "people", iff = "crossing == 'someone'", then = "act == 'stop'" },
    /// ]"#;
    /// let engine = Engine::of(&RuleBase::parse(text, "light.toml", &[])?);
    /// let case = engine.cases().inputs("light", [Input::value("red")]).inputs("crossing", [Input::value("nobody")]);
    /// let why = Explainer::new(&engine, &case.build()?)?.contradiction("act")?.unwrap();
    /// assert_eq!(why.to_string(), "no value of act is possible: \"red\" holds and allows only act == 'stop', \
    ///      \"people\" does not hold and excludes act == 'stop'");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`inference::Error::UnknownDerived`](crate::inference::Error::UnknownDerived).
    pub fn contradiction(&self, attribute: &str) -> Result<Option<Contradiction>, super::Error> {
        let stage = self.derived(attribute)?;
        let height = height(self.atoms(stage));
        if height == 1.0 {
            return Ok(None);
        }
        let rules = self.rules(stage);
        let level = |rule: usize, side: Side| {
            let level = Level { rule, side };
            self.premise(stage, level).max(self.parameter(stage, level))
        };
        // Which atoms each rule holds down to the height.
        let structure = self.structure(stage);
        let mut holds = vec![Vec::new(); rules.len()];
        for atom in 0..self.atoms(stage).len() {
            for Level { rule, side } in structure.levels(atom) {
                if level(rule, side) <= height {
                    holds[rule].push(atom);
                }
            }
        }
        let chosen = cover(&holds, self.atoms(stage).len());
        let mut sources: Vec<usize> = Vec::new();
        let rules = chosen.into_iter().map(|i| {
            let in_conflict = |&read: &usize| {
                matches!(self.source(read), Source::RuleSet(_) | Source::Input(_))
                    && crate::possibility::height(self.degrees(read)) < 1.0
            };
            sources.extend(rules[i].premise().iter().map(|p| p.attribute()).filter(in_conflict));
            let side = match (level(i, Side::Inside) <= height, level(i, Side::Outside) <= height) {
                (false, true) => Some(Allowed::Conclusion),
                (true, false) => Some(Allowed::Opposite),
                _ => None,
            };
            let (rule, conclusion) = (rules[i].name().to_owned(), rules[i].conclusion().text().to_owned());
            Contradicting { rule, side, conclusion }
        });
        let rules = rules.collect();
        sources.sort_unstable();
        sources.dedup();
        let sources = sources.into_iter().map(|source| self.name(source).to_owned()).collect();
        Ok(Some(Contradiction { attribute: attribute.to_owned(), height, rules, sources }))
    }

    /// Where a contradiction starts: the attributes behind it that no other contradiction explains.
    pub(super) fn origins(&self, contradiction: &Contradiction) -> Result<Vec<String>, super::Error> {
        let (mut open, mut seen, mut origins) = (contradiction.sources.clone(), Vec::new(), Vec::new());
        while let Some(source) = open.pop() {
            if seen.contains(&source) {
                continue;
            }
            let behind = match self.derived(&source) {
                Ok(_) => self.contradiction(&source)?.map_or(Vec::new(), |why| why.sources),
                Err(_) => Vec::new(),
            };
            if behind.is_empty() {
                origins.push(source.clone());
            }
            open.extend(behind);
            seen.push(source);
        }
        origins.sort_unstable();
        Ok(origins)
    }

    /// The value of an input, if a single one is possible at all.
    pub(super) fn crisp(&self, attribute: usize) -> Option<&Value> {
        let degrees = self.distribution(attribute);
        let mut possible = (0..degrees.len()).filter(|&i| degrees[i] > 0.0);
        let only = possible.next().filter(|_| possible.next().is_none())?;
        Some(&self.attribute(attribute).domain().values()[only])
    }
}

/// Sets that cover everything, none of which can be left out.
fn cover(sets: &[Vec<usize>], len: usize) -> Vec<usize> {
    let mut count = vec![0; len];
    let mut chosen: Vec<usize> = Vec::new();
    while count.contains(&0) {
        let gain = |set: &usize| sets[*set].iter().filter(|&&i| count[i] == 0).count();
        // The first of the best, so that the outcome does not depend on how maxima are found.
        let best = (0..sets.len()).rev().max_by_key(gain).expect("every atom is held down by a rule");
        sets[best].iter().for_each(|&i| count[i] += 1);
        chosen.push(best);
    }
    chosen.sort_unstable();
    for set in chosen.clone() {
        if sets[set].iter().all(|&i| count[i] > 1) {
            sets[set].iter().for_each(|&i| count[i] -= 1);
            chosen.retain(|&other| other != set);
        }
    }
    chosen
}
