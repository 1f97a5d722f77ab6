use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{Error, Explainer};
use crate::possibility::{Value, height};
use crate::program::{Level, Side};
use crate::rules::Source;

/// Why some values of a derived attribute are possible to the degree they are, no more and no
/// less: the parts of the cascade that decide it, from rules down to inputs.
///
/// Everything it mentions has the explained degree d: it is the minimum or maximum that was
/// attained, at every step. What it does not mention (other inputs' degrees, other parameters) has no say
/// as long as degrees above d stay at least d and those below d at most d, provided it
/// [is complete](Self::is_complete).
///
/// The values on the way form a graph, since one may serve several rules: `nodes` holds each once,
/// in breadth-first order, and others refer to it by its place.
///
/// `{}` shows it as a tree, `{:#}` with colours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The attribute.
    pub attribute: String,
    /// Which of its values.
    pub subject: Subject,
    /// Π of these values.
    pub degree: f32,
    /// The nodes of the values that attain it.
    pub because: Vec<usize>,
    /// How many more there are, left out for the limit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
    /// All values on the way.
    pub nodes: Vec<Node>,
}

/// The values an explanation is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// These.
    Is(Vec<Value>),
    /// All but these.
    IsNot(Vec<Value>),
}

/// Values of one attribute that the rules do not tell apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Node {
    /// The attribute.
    pub attribute: String,
    /// The first values, at most [`Node::VALUES`].
    pub values: Vec<Value>,
    /// How many more values there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_values: usize,
    /// Where their degree comes from.
    pub origin: Origin,
    /// How many more rules attain the degree, left out for the limit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
}

/// Where a degree comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It was given.
    Input,
    /// From the rules that attain the minimum, in rule order.
    Rules(Vec<DecidingRule>),
}

/// A rule that attains the minimum: it holds the values down to the degree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DecidingRule {
    /// Its name.
    pub rule: String,
    /// Whether the values satisfy its conclusion: it then gives them α = max(s, λ), otherwise
    /// β = max(r, ρ).
    pub concludes: bool,
    /// Whether its parameter (s or r) attains that maximum.
    pub by_parameter: bool,
    /// What attains λ or ρ, if that attains the maximum: propositions of its premise.
    pub premise: Vec<DecidingProposition>,
    /// How many more propositions there are, left out for the limit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
}

/// A proposition that attains the degree of a premise or of its opposite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DecidingProposition {
    /// How it was written.
    pub proposition: String,
    /// Whether its possibility, rather than that of its opposite, attains the degree.
    pub holds: bool,
    /// The nodes of the values that attain it; none if no value is possible here.
    pub because: Vec<usize>,
    /// How many more values there are, left out for the limit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Node {
    /// The most values listed.
    pub const VALUES: usize = 8;
}

impl Explanation {
    /// Whether nothing was left out for the limit.
    pub fn is_complete(&self) -> bool {
        let whole = |rule: &DecidingRule| rule.more == 0 && rule.premise.iter().all(|p| p.more == 0);
        self.more == 0 && self.nodes.iter().all(|node| node.more == 0 && node.rules().iter().all(whole))
    }
}

impl Node {
    /// The rules that attain the degree; none for an input.
    pub fn rules(&self) -> &[DecidingRule] {
        match &self.origin {
            Origin::Input => &[],
            Origin::Rules(rules) => rules,
        }
    }

    /// The rules in rule order, those together that the same nodes (or nothing but their
    /// parameters) decide, if there are many; the first of these concludes on the values, if any
    /// does.
    pub(super) fn alike(&self) -> Vec<Vec<&DecidingRule>> {
        /// Fewer than this stand one by one.
        const MANY: usize = 3;
        let mut groups: Vec<Vec<&DecidingRule>> = Vec::new();
        let mut places = HashMap::new();
        for rule in self.rules() {
            let cut = rule.more > 0 || rule.premise.iter().any(|p| p.more > 0);
            let next = groups.len();
            // What the limit cut short stands by itself.
            let key = (rule.by_parameter, rule.causes(), cut.then_some(next));
            let place = *places.entry(key).or_insert(next);
            if place == next {
                groups.push(Vec::new());
            }
            groups[place].push(rule);
        }
        let order = |mut group: Vec<_>| {
            if group.len() < MANY {
                return group.into_iter().map(|rule| vec![rule]).collect();
            }
            group.sort_by_key(|rule: &&DecidingRule| !rule.concludes);
            vec![group]
        };
        groups.into_iter().flat_map(order).collect()
    }
}

impl DecidingProposition {
    /// What stands before the proposition where its opposite is meant.
    pub(super) fn negation(&self) -> &'static str {
        if self.holds { "" } else { "not " }
    }
}

impl DecidingRule {
    /// The nodes that decide its premise, each once.
    pub(super) fn causes(&self) -> Vec<usize> {
        let mut causes: Vec<usize> = self.premise.iter().flat_map(|p| &p.because).copied().collect();
        causes.sort_unstable();
        causes.dedup();
        causes
    }
}

impl Explainer<'_> {
    /// Why a value of a derived attribute is possible to the degree it is.
    ///
    /// ```
    /// use pinesy::explain::Explainer;
    /// use pinesy::inference::Engine;
    /// use pinesy::rules::RuleBase;
    ///
    /// let base = RuleBase::read("rulesets/mnist_addition.toml", &[])?;
    /// let engine = Engine::of(&base);
    /// let digit = |d: usize, other: usize, doubt: f32| {
    ///     (0..10).map(|i| if i == d { 1.0 } else if i == other { doubt } else { 0.0 }).collect::<Vec<f32>>()
    /// };
    /// let (a1, a2) = (digit(3, 8, 0.2), digit(4, 9, 0.1));
    /// let case = engine.cases().possibilities("a1", &a1).possibilities("a2", &a2).build()?;
    /// let explainer = Explainer::new(&engine, &case)?;
    /// let why = explainer.explain("y1", &2.into())?;
    /// assert_eq!(why.degree, 0.2);
    /// let tree = why.to_string();
    /// assert!(tree.contains("y1 = 2 is possible to degree 0.20"));
    /// assert!(tree.contains("rule \"if (c1[0] + c1[1]) % 10 == 2 then y1 == 2\""));
    /// assert!(tree.contains("a1 = 8"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`inference::Error::UnknownDerived`](crate::inference::Error::UnknownDerived) for a name
    /// that no rule concludes on, [`Error::UnknownValue`].
    pub fn explain(&self, attribute: &str, value: &Value) -> Result<Explanation, Error> {
        let attribute = self.stage(self.derived(attribute)?).attribute;
        let position = self.position(attribute, value)?;
        Ok(self.explain_positions(attribute, Subject::Is(vec![value.clone()]), |i| i == position))
    }

    pub(super) fn position(&self, attribute: usize, value: &Value) -> Result<usize, Error> {
        let domain = self.attribute(attribute).domain();
        domain.position(value).ok_or_else(|| Error::UnknownValue {
            attribute: self.name(attribute).to_owned(),
            value: value.to_string(),
            domain: domain.to_string(),
        })
    }

    /// Why Π of the positions of a derived attribute for which `among` holds is what it is.
    pub(super) fn explain_positions(
        &self,
        attribute: usize,
        subject: Subject,
        among: impl Fn(usize) -> bool,
    ) -> Explanation {
        let degrees = self.distribution(attribute);
        let degrees: Vec<f32> = (0..degrees.len()).filter(|&i| among(i)).map(|i| degrees[i]).collect();
        let degree = height(&degrees);
        let mut builder = Builder {
            explainer: self,
            nodes: Vec::new(),
            places: HashMap::new(),
            open: VecDeque::new(),
            left: self.limit,
        };
        let (because, more) = builder.nodes(attribute, among, degree);
        while let Some((node, stage, atom)) = builder.open.pop_front() {
            builder.expand(node, stage, atom);
        }
        let attribute = self.name(attribute).to_owned();
        Explanation { attribute, subject, degree, because, more, nodes: builder.nodes }
    }
}

/// Unfolds the cascade breadth first, from conclusions to inputs, until the limit.
struct Builder<'x, 'e> {
    explainer: &'x Explainer<'e>,
    nodes: Vec<Node>,
    /// The node of each attribute's element met so far.
    places: HashMap<(usize, u32), usize>,
    /// Nodes whose rules are still to be found: node, stage, atom.
    open: VecDeque<(usize, usize, u32)>,
    /// Parts that may still be added.
    left: usize,
}

impl Builder<'_, '_> {
    fn take(&mut self) -> bool {
        let room = self.left > 0;
        self.left -= usize::from(room);
        room
    }

    /// The nodes of all elements that attain a degree, and how many were left out.
    fn nodes(&mut self, attribute: usize, among: impl Fn(usize) -> bool, degree: f32) -> (Vec<usize>, usize) {
        let elements = self.explainer.attaining(attribute, among, degree);
        let because: Vec<usize> = elements.iter().filter_map(|&element| self.node(attribute, element)).collect();
        let more = elements.len() - because.len();
        (because, more)
    }

    fn node(&mut self, attribute: usize, element: u32) -> Option<usize> {
        if let Some(&place) = self.places.get(&(attribute, element)) {
            return Some(place);
        }
        if !self.take() {
            return None;
        }
        let place = self.nodes.len();
        self.places.insert((attribute, element), place);
        let mut values = self.explainer.values(attribute, element);
        let first = values.by_ref().take(Node::VALUES).cloned().collect();
        let origin = match self.explainer.source(attribute) {
            Source::RuleSet(stage) => {
                self.open.push_back((place, stage, element));
                Origin::Rules(Vec::new())
            }
            _ => Origin::Input,
        };
        let attribute = self.explainer.name(attribute).to_owned();
        self.nodes.push(Node { attribute, values: first, more_values: values.count(), origin, more: 0 });
        Some(place)
    }

    fn expand(&mut self, node: usize, stage: usize, atom: u32) {
        let mut rules = Vec::new();
        let degree = self.explainer.atoms(stage)[atom as usize];
        for level in self.explainer.deciding(stage, atom) {
            if self.take() {
                rules.push(self.rule(stage, level, degree));
            } else {
                self.nodes[node].more += 1;
            }
        }
        self.nodes[node].origin = Origin::Rules(rules);
    }

    fn rule(&mut self, stage: usize, level: Level, degree: f32) -> DecidingRule {
        let explainer = self.explainer;
        let rule = &explainer.rules(stage)[level.rule];
        let concludes = level.side == Side::Inside;
        let (mut premise, mut more) = (Vec::new(), 0);
        if explainer.premise(stage, level) == degree {
            let program = explainer.engine.program();
            for place in explainer.trace.deciding_propositions(program, stage, level) {
                if !self.take() {
                    more += 1;
                    continue;
                }
                let proposition = &rule.premise()[place];
                let among = |i: usize| proposition.subset().contains(i) == concludes;
                let (because, more) = self.nodes(proposition.attribute(), among, degree);
                let proposition = proposition.text().to_owned();
                premise.push(DecidingProposition { proposition, holds: concludes, because, more });
            }
        }
        let by_parameter = explainer.parameter(stage, level) == degree;
        DecidingRule { rule: rule.name().to_owned(), concludes, by_parameter, premise, more }
    }
}
