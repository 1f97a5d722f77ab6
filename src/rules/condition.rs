use std::fmt;
use std::sync::Arc;

use super::{Error, ErrorKind, Form};
use crate::possibility::{Attribute, Value};

/// A set of positions in a domain. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subset(Arc<[bool]>);

impl Subset {
    pub(crate) fn new(members: Vec<bool>) -> Self {
        Self(members.into())
    }

    /// Whether it holds the value at this position of the domain.
    pub fn contains(&self, position: usize) -> bool {
        self.0[position]
    }

    /// The positions it holds, in order.
    pub fn positions(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().filter(|(_, member)| **member).map(|(i, _)| i)
    }

    /// Membership of every position of the domain.
    pub fn as_slice(&self) -> &[bool] {
        &self.0
    }
}

/// "attribute ∈ subset", before it is checked against the attribute's domain.
#[derive(Clone)]
pub struct Condition {
    pub(super) attribute: String,
    pub(super) members: Members,
    pub(super) text: String,
}

#[derive(Clone)]
pub(super) enum Members {
    Values(Vec<Value>),
    Where(Arc<dyn Fn(&Value) -> bool + Send + Sync>),
    Subset(Subset),
}

impl Condition {
    /// The attribute has this value.
    pub fn is(attribute: impl Into<String>, value: impl Into<Value>) -> Self {
        let (attribute, value) = (attribute.into(), value.into());
        Self { text: format!("{attribute} == {value}"), attribute, members: Members::Values(vec![value]) }
    }

    /// The attribute has one of these values.
    pub fn one_of<V: Into<Value>>(attribute: impl Into<String>, values: impl IntoIterator<Item = V>) -> Self {
        let (attribute, values) = (attribute.into(), values.into_iter().map(Into::into).collect::<Vec<Value>>());
        let list = values.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
        Self { text: format!("{attribute} in [{list}]"), attribute, members: Members::Values(values) }
    }

    /// The attribute has a value for which `holds` is true; `text` says so in explanations.
    pub fn holds(
        attribute: impl Into<String>,
        text: impl Into<String>,
        holds: impl Fn(&Value) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { attribute: attribute.into(), members: Members::Where(Arc::new(holds)), text: text.into() }
    }

    /// The members of the attribute's domain, at least one.
    pub(super) fn resolve(&self, attribute: &Attribute) -> Result<Subset, Error> {
        let domain = attribute.domain();
        let subset = match &self.members {
            Members::Subset(subset) => subset.clone(),
            Members::Where(holds) => Subset::new(domain.values().iter().map(|value| holds(value)).collect()),
            Members::Values(values) => {
                let mut members = vec![false; domain.len()];
                for value in values {
                    let position = domain.position(value).ok_or_else(|| outside(attribute, value))?;
                    members[position] = true;
                }
                Subset::new(members)
            }
        };
        if subset.positions().next().is_some() {
            return Ok(subset);
        }
        Err(no_value(attribute, &self.text))
    }
}

pub(super) fn no_value(attribute: &Attribute, text: &str) -> Error {
    ErrorKind::NoValue {
        attribute: attribute.name().to_owned(),
        text: text.to_owned(),
        domain: attribute.domain().to_string(),
    }
    .into()
}

pub(super) fn outside(attribute: &Attribute, value: &Value) -> Error {
    let same_text = attribute.domain().values().iter().find(|known| known.to_string() == value.to_string());
    let form = same_text.map(|known| if matches!(known, Value::Symbol(_)) { Form::Text } else { Form::Number });
    let form = form.or(attribute.terms().map(|_| Form::Term));
    ErrorKind::OutsideDomain {
        attribute: attribute.name().to_owned(),
        value: value.to_string(),
        domain: attribute.domain().to_string(),
        form,
    }
    .into()
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Condition").field(&self.text).finish()
    }
}

/// An if-then rule, before it is checked against the attributes.
///
/// Its two parameters say what it leaves open: s how possible the conclusion is where the premise
/// is false, r how possible the opposite is where the premise is true.
#[derive(Debug, Clone)]
pub struct Rule {
    pub(super) name: String,
    pub(super) premise: Vec<Condition>,
    pub(super) conclusion: Option<Condition>,
    pub(super) stated: Stated,
}

/// What a rule states of its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stated {
    /// Whether the conclusion is impossible where the premise is false, unless s says otherwise.
    pub equivalence: bool,
    pub s: Option<f32>,
    pub r: Option<f32>,
}

impl Stated {
    /// s and r.
    pub fn degrees(self) -> [f32; 2] {
        [self.s.unwrap_or(if self.equivalence { 0.0 } else { 1.0 }), self.r.unwrap_or(0.0)]
    }

    pub fn check(self, rule: &str) -> Result<Self, Error> {
        for (symbol, degree) in [('s', self.s), ('r', self.r)] {
            if let Some(degree) = degree.filter(|degree| !(0.0..=1.0).contains(degree)) {
                return Err(ErrorKind::Parameter { rule: rule.to_owned(), symbol, degree }.into());
            }
        }
        Ok(self)
    }
}

impl Rule {
    /// "If premise then conclusion": says nothing where the premise is false (s = 1). Still
    /// without premise and conclusion.
    pub fn implication(name: impl Into<String>) -> Self {
        Self::new(name, false)
    }

    /// "If and only if": the conclusion is impossible where the premise is false (s = 0). Still
    /// without premise and conclusion.
    pub fn equivalence(name: impl Into<String>) -> Self {
        Self::new(name, true)
    }

    fn new(name: impl Into<String>, equivalence: bool) -> Self {
        let stated = Stated { equivalence, s: None, r: None };
        Self { name: name.into(), premise: Vec::new(), conclusion: None, stated }
    }

    /// How possible the conclusion is where the premise is false, from 0 to 1.
    pub fn s(mut self, degree: f32) -> Self {
        self.stated.s = Some(degree);
        self
    }

    /// How possible the opposite of the conclusion is where the premise is true, from 0 to 1: the
    /// weight of exceptions.
    pub fn r(mut self, degree: f32) -> Self {
        self.stated.r = Some(degree);
        self
    }

    /// Adds a proposition to the premise; all must hold.
    pub fn when(mut self, condition: Condition) -> Self {
        self.premise.push(condition);
        self
    }

    /// Sets the conclusion.
    pub fn then(mut self, condition: Condition) -> Self {
        self.conclusion = Some(condition);
        self
    }
}
