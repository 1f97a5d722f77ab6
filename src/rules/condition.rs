use std::fmt;
use std::sync::Arc;

use super::{Error, ErrorKind};
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
    ErrorKind::OutsideDomain {
        attribute: attribute.name().to_owned(),
        value: value.to_string(),
        domain: attribute.domain().to_string(),
    }
    .into()
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Condition").field(&self.text).finish()
    }
}

/// An if-then rule, before it is checked against the attributes.
#[derive(Debug, Clone)]
pub struct Rule {
    pub(super) name: String,
    pub(super) premise: Vec<Condition>,
    pub(super) conclusion: Option<Condition>,
}

impl Rule {
    /// A rule with a name of its own, still without premise and conclusion.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), premise: Vec::new(), conclusion: None }
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
