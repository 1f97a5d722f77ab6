use std::collections::HashMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Error, Terms};

/// One value of a domain: a whole number, a symbol, or a tuple of values.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A whole number.
    Integer(i64),
    /// A name.
    Symbol(String),
    /// One value of each domain of a product.
    Tuple(Vec<Value>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Symbol(value.to_owned())
    }
}

impl<V: Into<Value>, const N: usize> From<[V; N]> for Value {
    fn from(values: [V; N]) -> Self {
        Self::Tuple(values.into_iter().map(Into::into).collect())
    }
}

impl Value {
    /// The most levels a tuple of tuples may have.
    pub const DEPTH: usize = 32;

    /// The numbers and names it is made of.
    pub(crate) fn parts(&self) -> u64 {
        match self {
            Self::Integer(_) | Self::Symbol(_) => 1,
            Self::Tuple(values) => values.iter().map(Self::parts).fold(1, u64::saturating_add),
        }
    }

    /// Whether it has more levels than these.
    fn is_deeper(&self, levels: usize) -> bool {
        match self {
            Self::Tuple(values) => levels == 0 || values.iter().any(|value| value.is_deeper(levels - 1)),
            _ => false,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Symbol(value) => f.write_str(value),
            Self::Tuple(values) => {
                f.write_str("(")?;
                for (i, value) in values.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{value}")?;
                }
                f.write_str(")")
            }
        }
    }
}

/// A finite, ordered set of values. Cheap to clone.
#[derive(Clone)]
pub struct Domain(Arc<Values>);

struct Values {
    values: Vec<Value>,
    positions: HashMap<Value, usize>,
}

impl Domain {
    /// The most values a domain may have.
    pub const LIMIT: usize = 1 << 20;
    /// The most numbers and names that the tuples of a product may be made of, all together.
    pub const PARTS_LIMIT: u64 = 1 << 24;

    /// The domain of these values, in this order.
    ///
    /// # Errors
    /// [`Error::EmptyDomain`], [`Error::DuplicateValue`], [`Error::LargeDomain`],
    /// [`Error::DeepValue`].
    pub fn new(values: impl IntoIterator<Item = Value>) -> Result<Self, Error> {
        let values: Vec<Value> = values.into_iter().take(Self::LIMIT + 1).collect();
        if values.is_empty() {
            return Err(Error::EmptyDomain);
        }
        if values.len() > Self::LIMIT {
            return Err(Error::LargeDomain { given: values.len(), limit: Self::LIMIT });
        }
        if values.iter().any(|value| value.is_deeper(Value::DEPTH)) {
            return Err(Error::DeepValue { limit: Value::DEPTH });
        }
        let mut positions = HashMap::with_capacity(values.len());
        for (i, value) in values.iter().enumerate() {
            if positions.insert(value.clone(), i).is_some() {
                return Err(Error::DuplicateValue(value.clone()));
            }
        }
        Ok(Self(Arc::new(Values { values, positions })))
    }

    /// Whole numbers in order.
    ///
    /// # Errors
    /// [`Error::EmptyDomain`] for an empty range, [`Error::LargeDomain`].
    pub fn integers(range: RangeInclusive<i64>) -> Result<Self, Error> {
        Self::new(range.map(Value::Integer))
    }

    /// Names in the order given.
    ///
    /// # Errors
    /// [`Error::EmptyDomain`], [`Error::DuplicateValue`].
    pub fn symbols<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        Self::new(names.into_iter().map(Value::from))
    }

    /// All tuples of one value of each factor; the last varies fastest.
    ///
    /// # Errors
    /// [`Error::EmptyDomain`] without factors, [`Error::LargeDomain`], [`Error::LargeValues`],
    /// [`Error::DeepValue`].
    pub fn product(factors: &[Domain]) -> Result<Self, Error> {
        if factors.is_empty() {
            return Err(Error::EmptyDomain);
        }
        let given = factors.iter().fold(1, |n: usize, factor| n.saturating_mul(factor.len()));
        if given > Self::LIMIT {
            return Err(Error::LargeDomain { given, limit: Self::LIMIT });
        }
        let parts = Self::product_parts(factors);
        if parts > Self::PARTS_LIMIT {
            return Err(Error::LargeValues { parts, limit: Self::PARTS_LIMIT });
        }
        let mut tuples = vec![Vec::new()];
        for factor in factors {
            let longer = tuples.iter().flat_map(|tuple| {
                factor.values().iter().map(move |value| [tuple.as_slice(), std::slice::from_ref(value)].concat())
            });
            tuples = longer.collect();
        }
        Self::new(tuples.into_iter().map(Value::Tuple))
    }

    /// The numbers and names that all tuples of a product would be made of.
    pub(crate) fn product_parts(factors: &[Domain]) -> u64 {
        let count = factors.iter().fold(1, |n: u64, factor| n.saturating_mul(factor.len() as u64));
        let of = |factor: &Domain| {
            let parts = factor.values().iter().map(Value::parts).fold(0, u64::saturating_add);
            parts.saturating_mul(count / factor.len() as u64)
        };
        factors.iter().map(of).fold(count, u64::saturating_add)
    }

    /// The values in order.
    pub fn values(&self) -> &[Value] {
        &self.0.values
    }

    /// The number of values, at least one.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.0.values.len()
    }

    /// The place of a value in the order.
    pub fn position(&self, value: &Value) -> Option<usize> {
        self.0.positions.get(value).copied()
    }
}

impl PartialEq for Domain {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.values == other.0.values
    }
}

impl Eq for Domain {}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Domain").field(&self.0.values).finish()
    }
}

/// Shows a run of whole numbers as `0..9`, long domains by their ends and size.
impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = self.values();
        let numbers: Option<Vec<i64>> =
            values.iter().map(|v| if let Value::Integer(i) = v { Some(*i) } else { None }).collect();
        if let Some(numbers) = numbers
            && numbers.len() > 2
            && numbers.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1]))
        {
            return write!(f, "{}..{}", numbers[0], numbers[numbers.len() - 1]);
        }
        let (head, tail) =
            if values.len() > 12 { (&values[..3], &values[values.len() - 1..]) } else { (values, &[][..]) };
        f.write_str("{")?;
        for (i, value) in head.iter().enumerate() {
            write!(f, "{}{value}", if i > 0 { ", " } else { "" })?;
        }
        if let [last] = tail {
            write!(f, ", …, {last}")?;
        }
        f.write_str("}")?;
        if tail.is_empty() { Ok(()) } else { write!(f, " ({} values)", values.len()) }
    }
}

impl Serialize for Domain {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.values.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Domain {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A variable: a name with the domain of its values. Cheap to clone.
///
/// The values of a *number* are its [`Terms`]: fuzzy sets of numbers such as "fever".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Attribute {
    name: Arc<str>,
    domain: Domain,
    #[serde(skip_serializing_if = "Option::is_none")]
    terms: Option<Arc<Terms>>,
}

#[derive(Deserialize)]
struct Unchecked {
    name: String,
    domain: Domain,
    #[serde(default)]
    terms: Option<Terms>,
}

impl TryFrom<Unchecked> for Attribute {
    type Error = Error;

    fn try_from(Unchecked { name, domain, terms }: Unchecked) -> Result<Self, Error> {
        let attribute = match terms {
            None => return Self::new(name, domain),
            Some(terms) => Self::number(name, terms)?,
        };
        if attribute.domain != domain {
            return Err(Error::TermsOfDomain(attribute.name().to_owned()));
        }
        Ok(attribute)
    }
}

impl Attribute {
    /// An attribute.
    ///
    /// # Errors
    /// [`Error::AttributeName`] unless the name is an identifier (`[A-Za-z_][A-Za-z0-9_]*`).
    pub fn new(name: impl Into<String>, domain: Domain) -> Result<Self, Error> {
        let name = name.into();
        let mut letters = name.chars();
        let identifier = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && letters.all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !identifier {
            return Err(Error::AttributeName(name));
        }
        Ok(Self { name: name.into(), domain, terms: None })
    }

    /// A number, told in terms: its domain are their names.
    ///
    /// ```
    /// use pinesy::possibility::{Attribute, Terms, Trapezoid};
    ///
    /// let terms = Terms::new([
    ///     ("normal", Trapezoid::new(f32::NEG_INFINITY, f32::NEG_INFINITY, 37.0, 38.0)?),
    ///     ("fever", Trapezoid::new(37.0, 38.0, f32::INFINITY, f32::INFINITY)?),
    /// ])?;
    /// let temperature = Attribute::number("temperature", terms.with_unit("°C"))?;
    /// assert_eq!(temperature.terms().unwrap().degrees(37.5..=37.5), [0.5, 0.5]);
    /// # Ok::<(), pinesy::possibility::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn number(name: impl Into<String>, terms: Terms) -> Result<Self, Error> {
        Ok(Self { terms: Some(Arc::new(terms.clone())), ..Self::new(name, terms.domain().clone())? })
    }

    /// The terms of a number; none if it is none.
    pub fn terms(&self) -> Option<&Terms> {
        self.terms.as_deref()
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The values it can take.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }
}
