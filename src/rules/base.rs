use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::{Condition, Error, ErrorKind, Rule, Subset, file};
use crate::possibility::Attribute;

/// "attribute ∈ subset", checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposition {
    attribute: usize,
    subset: Subset,
    text: String,
}

impl Proposition {
    /// The attribute, as its position in [`RuleBase::attributes`].
    pub fn attribute(&self) -> usize {
        self.attribute
    }

    /// The positions of the attribute's domain for which it holds.
    pub fn subset(&self) -> &Subset {
        &self.subset
    }

    /// How it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A checked rule of a rule set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetRule {
    name: String,
    premise: Vec<Proposition>,
    conclusion: Proposition,
}

impl SetRule {
    /// The rule's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The propositions that must all hold, at least one.
    pub fn premise(&self) -> &[Proposition] {
        &self.premise
    }

    /// What then holds.
    pub fn conclusion(&self) -> &Proposition {
        &self.conclusion
    }
}

/// All rules that conclude on one attribute, in the order they were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSet {
    attribute: usize,
    rules: Vec<SetRule>,
}

impl RuleSet {
    /// The attribute concluded on, as its position in [`RuleBase::attributes`].
    pub fn attribute(&self) -> usize {
        self.attribute
    }

    /// The rules, at least one.
    pub fn rules(&self) -> &[SetRule] {
        &self.rules
    }

    /// The attributes its premises read, each once, as rising positions in
    /// [`RuleBase::attributes`].
    pub fn reads(&self) -> Vec<usize> {
        let mut reads: Vec<usize> =
            self.rules.iter().flat_map(SetRule::premise).map(|proposition| proposition.attribute).collect();
        reads.sort_unstable();
        reads.dedup();
        reads
    }
}

/// A checked set of rules over named attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleBase {
    attributes: Vec<Attribute>,
    positions: HashMap<String, usize>,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
    sets: Vec<RuleSet>,
}

impl RuleBase {
    /// Starts a rule base written in Rust.
    pub fn builder() -> RuleBaseBuilder {
        RuleBaseBuilder::default()
    }

    /// Reads a rule file, with values for its parameters that replace its defaults.
    ///
    /// The language is described in the README's section on rule files.
    ///
    /// ```
    /// use pinesy::rules::RuleBase;
    ///
    /// let base = RuleBase::read("rulesets/mnist_addition.toml", &[("k", 2)])?;
    /// assert_eq!(base.inputs().count(), 4);
    /// assert_eq!(base.rule_sets().len(), 7); // c1, c2, w1, w2, y0, y1, y2
    /// # Ok::<(), pinesy::rules::Error>(())
    /// ```
    ///
    /// # Errors
    /// An [`Error`] with file, line and column for anything that is wrong.
    pub fn read(path: impl AsRef<Path>, parameters: &[(&str, i64)]) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|e| Error {
            location: Some(super::Location { file: path.to_owned(), line: 1, column: 1 }),
            kind: ErrorKind::Io(e),
        })?;
        Self::parse(&text, path, parameters)
    }

    /// [`Self::read`] from a text; `file` names it in errors.
    ///
    /// # Errors
    /// See [`Self::read`].
    pub fn parse(text: &str, file: impl AsRef<Path>, parameters: &[(&str, i64)]) -> Result<Self, Error> {
        file::load(text, file.as_ref(), parameters)
    }

    /// All attributes, in the order they were given.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// An attribute by name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.position(name).map(|i| &self.attributes[i])
    }

    /// Where an attribute stands in [`Self::attributes`].
    pub fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }

    /// The attributes that premises read and no rule concludes on.
    pub fn inputs(&self) -> impl Iterator<Item = &Attribute> {
        self.inputs.iter().map(|&i| &self.attributes[i])
    }

    /// The attributes that rules conclude on and no premise reads, in cascade order; at least one.
    pub fn outputs(&self) -> impl Iterator<Item = &Attribute> {
        self.outputs.iter().map(|&i| &self.attributes[i])
    }

    /// Positions of the inputs in [`Self::attributes`].
    pub(crate) fn input_positions(&self) -> &[usize] {
        &self.inputs
    }

    /// The rule sets in cascade order: each after those whose conclusions it reads.
    pub fn rule_sets(&self) -> &[RuleSet] {
        &self.sets
    }

    /// The attribute a rule set concludes on.
    pub fn conclusion(&self, set: &RuleSet) -> &Attribute {
        &self.attributes[set.attribute]
    }
}

/// Gathers attributes and rules; [`RuleBaseBuilder::build`] checks them.
#[derive(Debug, Clone, Default)]
pub struct RuleBaseBuilder {
    attributes: Vec<Attribute>,
    rules: Vec<Rule>,
}

/// An error with the number of the attribute or rule it is about, for a caller that knows where
/// these were written.
pub(super) struct Fault {
    pub rule: Option<usize>,
    pub attribute: Option<usize>,
    pub error: Box<Error>,
}

impl RuleBaseBuilder {
    /// Adds an attribute.
    pub fn attribute(mut self, attribute: Attribute) -> Self {
        self.attributes.push(attribute);
        self
    }

    /// Adds a rule.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Checks everything and orders the cascade.
    ///
    /// # Errors
    /// An [`Error`] for duplicate names, unknown attributes, values outside their domain,
    /// propositions that hold for no value, a missing premise or conclusion, or a cycle.
    pub fn build(self) -> Result<RuleBase, Error> {
        self.check().map_err(|fault| *fault.error)
    }

    pub(super) fn push_attribute(&mut self, attribute: Attribute) {
        self.attributes.push(attribute);
    }

    pub(super) fn push_rule(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    pub(super) fn check(self) -> Result<RuleBase, Fault> {
        let mut positions = HashMap::new();
        for (i, attribute) in self.attributes.iter().enumerate() {
            if positions.insert(attribute.name().to_owned(), i).is_some() {
                let kind = ErrorKind::Duplicate { what: "attribute", name: attribute.name().to_owned() };
                return Err(Fault { rule: None, attribute: Some(i), error: kind.into() });
            }
        }
        let at = |i| move |error| Fault { rule: Some(i), attribute: None, error: Box::new(error) };
        let mut names = HashSet::new();
        let mut sets: Vec<RuleSet> = Vec::new();
        let mut set_of = HashMap::new();
        for (i, rule) in self.rules.into_iter().enumerate() {
            if !names.insert(rule.name.clone()) {
                return Err(at(i)(ErrorKind::Duplicate { what: "rule", name: rule.name }.into()));
            }
            let rule = resolve(rule, &self.attributes, &positions).map_err(at(i))?;
            let attribute = rule.conclusion.attribute;
            let set = *set_of.entry(attribute).or_insert_with(|| {
                sets.push(RuleSet { attribute, rules: Vec::new() });
                sets.len() - 1
            });
            sets[set].rules.push(rule);
        }
        let whole = |error| Fault { rule: None, attribute: None, error: Box::new(error) };
        if sets.is_empty() {
            return Err(whole(ErrorKind::NoRules.into()));
        }
        let sets = in_cascade_order(sets, &self.attributes).map_err(whole)?;
        let mut read = vec![false; self.attributes.len()];
        for attribute in sets.iter().flat_map(RuleSet::reads) {
            read[attribute] = true;
        }
        let outputs = sets.iter().map(RuleSet::attribute).filter(|&attribute| !read[attribute]).collect();
        for set in &sets {
            read[set.attribute] = false;
        }
        let inputs = (0..read.len()).filter(|&i| read[i]).collect();
        Ok(RuleBase { attributes: self.attributes, positions, inputs, outputs, sets })
    }
}

fn resolve(rule: Rule, attributes: &[Attribute], positions: &HashMap<String, usize>) -> Result<SetRule, Error> {
    let proposition = |condition: Condition| {
        let attribute = *positions.get(&condition.attribute).ok_or_else(|| {
            let known = list_names(attributes.iter().map(Attribute::name));
            ErrorKind::UnknownAttribute { name: condition.attribute.clone(), rule: Some(rule.name.clone()), known }
        })?;
        let subset = condition.resolve(&attributes[attribute])?;
        Ok::<_, Error>(Proposition { attribute, subset, text: condition.text })
    };
    if rule.premise.is_empty() {
        return Err(ErrorKind::NoPremise(rule.name).into());
    }
    let premise = rule.premise.into_iter().map(proposition).collect::<Result<_, _>>()?;
    let Some(conclusion) = rule.conclusion else {
        return Err(ErrorKind::NoConclusion(rule.name).into());
    };
    let conclusion = proposition(conclusion)?;
    Ok(SetRule { name: rule.name, premise, conclusion })
}

/// The first names of a list that may be long.
pub(super) fn list_names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 20;
    let names: Vec<&str> = names.collect();
    match names.len() {
        0 => "none (there are none)".to_owned(),
        n if n <= SHOWN => names.join(", "),
        n => format!("{}, … ({n} in all)", names[..SHOWN].join(", ")),
    }
}

/// Sorts the sets so that each follows those it reads from, otherwise keeping their order.
fn in_cascade_order(sets: Vec<RuleSet>, attributes: &[Attribute]) -> Result<Vec<RuleSet>, Error> {
    let set_of: HashMap<usize, usize> = sets.iter().enumerate().map(|(i, set)| (set.attribute, i)).collect();
    let reads = |set: &RuleSet| set.reads().iter().filter_map(|attribute| set_of.get(attribute).copied()).collect();
    let edges: Vec<Vec<usize>> = sets.iter().map(reads).collect();
    let mut order = Vec::with_capacity(sets.len());
    let mut state = vec![State::New; sets.len()];
    for start in 0..sets.len() {
        // Depth first without recursion: a cascade may be thousands of sets deep.
        let mut path = vec![(start, 0)];
        while let Some((set, next)) = path.last_mut() {
            let set = *set;
            match state[set] {
                State::Done => {
                    path.pop();
                }
                _ if *next < edges[set].len() => {
                    state[set] = State::Open;
                    let read = edges[set][*next];
                    *next += 1;
                    if state[read] == State::Open {
                        let cycle = path.iter().map(|(set, _)| *set).skip_while(|&set| set != read);
                        // The path runs from conclusion to premise; people read the other way.
                        let mut names: Vec<&str> = cycle.map(|set| attributes[sets[set].attribute].name()).collect();
                        names.push(names[0]);
                        names.reverse();
                        return Err(ErrorKind::Cycle(names.join(" → ")).into());
                    }
                    path.push((read, 0));
                }
                _ => {
                    state[set] = State::Done;
                    order.push(set);
                    path.pop();
                }
            }
        }
    }
    let mut sets: Vec<Option<RuleSet>> = sets.into_iter().map(Some).collect();
    Ok(order.into_iter().map(|i| sets[i].take().expect("each set is done once")).collect())
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Open,
    Done,
}
