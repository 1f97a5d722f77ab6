use std::collections::HashMap;
use std::hash::Hasher;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use siphasher::sip128::SipHasher13;

use super::condition::Stated;
use super::error::list_names;
use super::{Condition, Error, ErrorKind, Fingerprint, Place, Rule, RuleText, Subset};
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
#[derive(Debug, Clone, PartialEq)]
pub struct SetRule {
    name: String,
    premise: Vec<Proposition>,
    conclusion: Proposition,
    stated: Stated,
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

    /// How possible the conclusion is where the premise is false, as the rule itself says: 1 for
    /// `if`, 0 for `iff`, or the s it was given.
    pub fn s(&self) -> f32 {
        self.stated.degrees()[0]
    }

    /// How possible the opposite of the conclusion is where the premise is true, as the rule
    /// itself says: 0, or the r it was given.
    pub fn r(&self) -> f32 {
        self.stated.degrees()[1]
    }

    /// s, by a number or by `if` or `iff`, and r where it was given.
    pub fn stated(&self) -> [Option<f32>; 2] {
        [Some(self.s()), self.stated.r]
    }
}

/// All rules that conclude on one attribute, in the order they were given.
#[derive(Debug, Clone, PartialEq)]
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

/// A checked set of rules over named attributes. Cheap to clone.
///
/// Two rule bases are equal if they have the same attributes and rules (with the s and r these
/// state), whatever texts they were read from.
#[derive(Debug, Clone)]
pub struct RuleBase(Arc<Checked>);

/// Where the degrees of an attribute come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nowhere: no rule mentions it.
    Unused,
    /// The input of this number.
    Input(usize),
    /// The rule set of this number in the cascade.
    RuleSet(usize),
}

#[derive(Debug)]
struct Checked {
    attributes: Vec<Attribute>,
    positions: HashMap<String, usize>,
    /// By attribute.
    sources: Vec<Source>,
    inputs: Vec<usize>,
    /// Where the degrees of each input stand in the row of a case.
    columns: Vec<Range<usize>>,
    outputs: Vec<usize>,
    sets: Vec<RuleSet>,
    text: Option<RuleText>,
    /// Where each rule of each set stands in the text.
    places: Vec<Vec<Option<Place>>>,
    /// Where each attribute stands; none for those written in Rust.
    attribute_places: Vec<Place>,
    empty_sections: Vec<Place>,
    fingerprint: OnceLock<Fingerprint>,
    set_fingerprints: OnceLock<Vec<Fingerprint>>,
}

impl PartialEq for RuleBase {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.attributes() == other.attributes() && self.0.sets == other.0.sets)
    }
}

impl Eq for RuleBase {}

impl RuleBase {
    /// Starts a rule base written in Rust.
    pub fn builder() -> RuleBaseBuilder {
        RuleBaseBuilder::default()
    }

    /// The rule file it was read from, with its settings; none for rules written in Rust.
    pub fn text(&self) -> Option<&RuleText> {
        self.0.text.as_ref()
    }

    /// Where a rule stands in the file it was read from; none for rules written in Rust.
    ///
    /// # Panics
    /// If there is no such rule set or rule.
    pub fn place(&self, set: usize, rule: usize) -> Option<Place> {
        self.0.places[set][rule]
    }

    /// Where an attribute (its position in [`Self::attributes`]) stands in the file it was read
    /// from; none for one written in Rust.
    pub fn attribute_place(&self, attribute: usize) -> Option<Place> {
        self.0.attribute_places.get(attribute).copied()
    }

    /// The sections of the file of which their `where` kept nothing.
    pub fn empty_sections(&self) -> &[Place] {
        &self.0.empty_sections
    }

    /// Whether another rule base has the same attributes and rules, whatever s and r these state.
    pub(crate) fn same_rules(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.fingerprint() == other.fingerprint()
    }

    /// The same on every machine for the same attributes and rules, whatever s and r these state,
    /// and different for all others.
    pub fn fingerprint(&self) -> Fingerprint {
        *self.0.fingerprint.get_or_init(|| {
            let mut text = Text(SipHasher13::new());
            for attribute in self.attributes() {
                text.json(attribute);
            }
            for set in self.rule_sets() {
                for rule in set.rules() {
                    text.json(&rule.name);
                    for proposition in rule.premise().iter().chain([rule.conclusion()]) {
                        text.json(&(proposition.attribute, &proposition.text, proposition.subset.as_slice()));
                    }
                }
            }
            Fingerprint::of(text.0)
        })
    }

    /// The same for the same rules of a set (its position in [`Self::rule_sets`]) in any order,
    /// whatever their s and r, and different for others.
    ///
    /// # Panics
    /// If there is no such rule set.
    pub fn set_fingerprint(&self, set: usize) -> Fingerprint {
        let of_rule = |rule: &SetRule| {
            let mut text = Text(SipHasher13::new());
            let propositions = rule.premise().iter().chain([rule.conclusion()]);
            let said = propositions.map(|p| (self.attributes()[p.attribute].name(), p.subset.as_slice()));
            text.json(&(&rule.name, said.collect::<Vec<_>>()));
            Fingerprint::of(text.0).to_string()
        };
        let of_set = |set: &RuleSet| {
            let mut rules: Vec<String> = set.rules.iter().map(of_rule).collect();
            rules.sort_unstable();
            // What the values of the attributes are, terms included.
            let attributes = set.reads().into_iter().chain([set.attribute]).map(|i| &self.attributes()[i]);
            let mut attributes: Vec<&Attribute> = attributes.collect();
            attributes.sort_unstable_by_key(|attribute| attribute.name());
            let mut text = Text(SipHasher13::new());
            text.json(&(rules, attributes));
            Fingerprint::of(text.0)
        };
        self.0.set_fingerprints.get_or_init(|| self.rule_sets().iter().map(of_set).collect())[set]
    }

    /// All attributes, in the order they were given.
    pub fn attributes(&self) -> &[Attribute] {
        &self.0.attributes
    }

    /// An attribute by name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.position(name).map(|i| &self.0.attributes[i])
    }

    /// Where an attribute stands in [`Self::attributes`].
    pub fn position(&self, name: &str) -> Option<usize> {
        self.0.positions.get(name).copied()
    }

    /// The attributes that premises read and no rule concludes on.
    pub fn inputs(&self) -> impl Iterator<Item = &Attribute> {
        self.0.inputs.iter().map(|&i| &self.0.attributes[i])
    }

    /// The attributes that rules conclude on and no premise reads, in cascade order; at least one.
    pub fn outputs(&self) -> impl Iterator<Item = &Attribute> {
        self.0.outputs.iter().map(|&i| &self.0.attributes[i])
    }

    /// Positions of the inputs in [`Self::attributes`].
    pub(crate) fn input_positions(&self) -> &[usize] {
        &self.0.inputs
    }

    /// For each input, where its degrees stand in the row of a case.
    pub(crate) fn input_columns(&self) -> &[Range<usize>] {
        &self.0.columns
    }

    /// The degrees of all inputs of one case.
    pub(crate) fn input_width(&self) -> usize {
        self.0.columns.last().map_or(0, |columns| columns.end)
    }

    /// Where the degrees of an attribute come from.
    pub(crate) fn source(&self, attribute: usize) -> Source {
        self.0.sources[attribute]
    }

    /// The rule sets in cascade order: each after those whose conclusions it reads.
    pub fn rule_sets(&self) -> &[RuleSet] {
        &self.0.sets
    }

    /// The rule sets by depth: those of the first list read inputs alone, and the others at least
    /// one set of the list before theirs, and none of their own or a later one.
    ///
    /// ```
    /// use pinesy::rules::{RuleBase, RuleSet};
    ///
    /// let base = RuleBase::read("rulesets/mnist_addition.toml", &[])?;
    /// let depths = base.rule_sets_by_depth();
    /// let names = |sets: &Vec<&RuleSet>| sets.iter().map(|set| base.conclusion(set).name().to_owned()).collect();
    /// let names: Vec<Vec<String>> = depths.iter().map(names).collect();
    /// assert_eq!(names, [vec!["c1"], vec!["w1", "y1"], vec!["y0"]]);
    /// # Ok::<(), pinesy::rules::Error>(())
    /// ```
    pub fn rule_sets_by_depth(&self) -> Vec<Vec<&RuleSet>> {
        let mut depths: Vec<usize> = Vec::new();
        let mut lists: Vec<Vec<&RuleSet>> = Vec::new();
        for set in self.rule_sets() {
            let above = set.reads().into_iter().filter_map(|attribute| match self.source(attribute) {
                Source::RuleSet(read) => Some(depths[read] + 1),
                _ => None,
            });
            let depth = above.max().unwrap_or(0);
            depths.push(depth);
            lists.resize(lists.len().max(depth + 1), Vec::new());
            lists[depth].push(set);
        }
        lists
    }

    /// The attribute a rule set concludes on.
    pub fn conclusion(&self, set: &RuleSet) -> &Attribute {
        &self.0.attributes[set.attribute]
    }
}

/// Hashes what it is given as JSON, which has no ambiguities: names and values cannot run into
/// each other.
struct Text(SipHasher13);

impl Text {
    fn json(&mut self, data: &(impl serde::Serialize + ?Sized)) {
        self.0.write(&serde_json::to_vec(data).expect("plain data"));
    }
}

/// Gathers attributes and rules; [`RuleBaseBuilder::build`] checks them.
#[derive(Debug, Clone, Default)]
pub struct RuleBaseBuilder {
    attributes: Vec<Attribute>,
    rules: Vec<Rule>,
    text: Option<RuleText>,
    /// Where each rule and attribute stands, for those read from a file.
    places: Vec<Place>,
    attribute_places: Vec<Place>,
    empty_sections: Vec<Place>,
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

    pub(super) fn push_rule(&mut self, rule: Rule, place: Place) {
        self.rules.push(rule);
        self.places.push(place);
    }

    pub(super) fn set_places(&mut self, attributes: Vec<Place>, empty_sections: Vec<Place>) {
        self.attribute_places = attributes;
        self.empty_sections = empty_sections;
    }

    pub(super) fn set_text(&mut self, text: RuleText) {
        self.text = Some(text);
    }

    pub(super) fn check(mut self) -> Result<RuleBase, Fault> {
        let mut positions = HashMap::new();
        for (i, attribute) in self.attributes.iter().enumerate() {
            if positions.insert(attribute.name().to_owned(), i).is_some() {
                let kind = ErrorKind::Duplicate { what: "attribute", name: attribute.name().to_owned() };
                return Err(Fault { rule: None, attribute: Some(i), error: kind.into() });
            }
        }
        let at = |i| move |error| Fault { rule: Some(i), attribute: None, error: Box::new(error) };
        let mut sets: Vec<RuleSet> = Vec::new();
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut set_of = HashMap::new();
        for (i, rule) in std::mem::take(&mut self.rules).into_iter().enumerate() {
            if numbers.insert(rule.name.clone(), i).is_some() {
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
        let sets = in_cascade_order(sets, &self.attributes).map_err(|error| {
            let rule = if let ErrorKind::Cycle { rule, .. } = &error.kind { numbers.get(rule).copied() } else { None };
            Fault { rule, attribute: None, error: Box::new(error) }
        })?;
        let place = |rule: &SetRule| self.places.get(numbers[rule.name()]).copied();
        let places = sets.iter().map(|set| set.rules.iter().map(place).collect()).collect();
        let mut read = vec![false; self.attributes.len()];
        for attribute in sets.iter().flat_map(RuleSet::reads) {
            read[attribute] = true;
        }
        let outputs = sets.iter().map(RuleSet::attribute).filter(|&attribute| !read[attribute]).collect();
        for set in &sets {
            read[set.attribute] = false;
        }
        let inputs: Vec<usize> = (0..read.len()).filter(|&i| read[i]).collect();
        let mut sources = vec![Source::Unused; self.attributes.len()];
        for (i, set) in sets.iter().enumerate() {
            sources[set.attribute] = Source::RuleSet(i);
        }
        let (mut columns, mut width) = (Vec::new(), 0);
        for (i, &input) in inputs.iter().enumerate() {
            sources[input] = Source::Input(i);
            columns.push(width..width + self.attributes[input].domain().len());
            width = columns[i].end;
        }
        let Self { attributes, text, attribute_places, empty_sections, .. } = self;
        let fingerprint = OnceLock::new();
        Ok(RuleBase(Arc::new(Checked {
            attributes,
            positions,
            sources,
            inputs,
            columns,
            outputs,
            sets,
            text,
            places,
            attribute_places,
            empty_sections,
            fingerprint,
            set_fingerprints: OnceLock::new(),
        })))
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
    let stated = rule.stated.check(&rule.name)?;
    Ok(SetRule { name: rule.name, premise, conclusion, stated })
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
                        let reads = |rule: &&SetRule| {
                            rule.premise.iter().any(|proposition| proposition.attribute == sets[read].attribute)
                        };
                        let rule = sets[set].rules.iter().find(reads).expect("a rule of the set reads it");
                        return Err(ErrorKind::Cycle { path: names.join(" → "), rule: rule.name.clone() }.into());
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
