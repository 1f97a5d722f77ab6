//! Rule files: TOML with parameters, attributes and rules, all three repeatable by `for`.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use toml::Spanned;

use super::base::Fault as BaseFault;
use super::condition::{Members, Stated, no_value, outside};
use super::error::list_names;
use super::expression::{Expression, Fault, Predicate, Scope, Template};
use super::limits::Used;
use super::{
    Condition, Error, ErrorKind, Limit, Limits, Location, Place, Rule, RuleBase, RuleBaseBuilder, RuleText, Subset,
};
use crate::limited;
use crate::possibility::{Attribute, Degree, Domain, Terms, Trapezoid, Value};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    parameters: BTreeMap<Spanned<String>, ParameterSpec>,
    #[serde(default)]
    attribute: Vec<AttributeSpec>,
    #[serde(default)]
    rule: Vec<RuleSpec>,
}

#[derive(serde::Deserialize)]
#[serde(untagged, expecting = "expected a whole number or { default = …, min = …, max = … }")]
enum ParameterSpec {
    Default(i64),
    Range(ParameterRange),
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ParameterRange {
    default: Option<i64>,
    min: Option<i64>,
    max: Option<i64>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct AttributeSpec {
    #[serde(default, rename = "for")]
    loops: Vec<Spanned<String>>,
    #[serde(rename = "where")]
    filter: Option<Spanned<String>>,
    name: Spanned<String>,
    domain: Option<Spanned<DomainSpec>>,
    kind: Option<Spanned<Kind>>,
    unit: Option<String>,
    terms: Option<Spanned<TermsSpec>>,
}

/// Corners by name.
type TermsSpec = BTreeMap<Spanned<String>, Spanned<[f32; 4]>>;

#[derive(serde::Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Number,
}

#[derive(serde::Deserialize)]
#[serde(untagged, expecting = "expected a range \"0..9\", a list of values, or { product = [\"…\", …] }")]
enum DomainSpec {
    Range(String),
    Values(Vec<Value>),
    Product(ProductSpec),
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductSpec {
    product: Vec<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleSpec {
    #[serde(default, rename = "for")]
    loops: Vec<Spanned<String>>,
    #[serde(rename = "where")]
    filter: Option<Spanned<String>>,
    name: Option<Spanned<String>>,
    #[serde(rename = "if")]
    implication: Option<Spanned<PremiseSpec>>,
    #[serde(rename = "iff")]
    equivalence: Option<Spanned<PremiseSpec>>,
    then: Spanned<String>,
    s: Option<Spanned<Degree>>,
    r: Option<Spanned<Degree>>,
}

enum PremiseSpec {
    One(String),
    All(Vec<Spanned<ConjunctSpec>>),
}

enum ConjunctSpec {
    One(String),
    Each(EachSpec),
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct EachSpec {
    #[serde(rename = "for")]
    loops: Vec<Spanned<String>>,
    #[serde(rename = "where")]
    filter: Option<Spanned<String>>,
    is: Spanned<String>,
}

// Written by hand because an untagged enum would lose the places of what is inside it.

impl<'de> Deserialize<'de> for PremiseSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Premise;
        impl<'de> Visitor<'de> for Premise {
            type Value = PremiseSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a condition or a list of conditions")
            }

            fn visit_str<E>(self, text: &str) -> Result<PremiseSpec, E> {
                Ok(PremiseSpec::One(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<PremiseSpec, A::Error> {
                let mut conjuncts = Vec::new();
                while let Some(conjunct) = list.next_element()? {
                    conjuncts.push(conjunct);
                }
                Ok(PremiseSpec::All(conjuncts))
            }
        }
        deserializer.deserialize_any(Premise)
    }
}

impl<'de> Deserialize<'de> for ConjunctSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Conjunct;
        impl<'de> Visitor<'de> for Conjunct {
            type Value = ConjunctSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a condition or { for = […], is = \"…\" }")
            }

            fn visit_str<E>(self, text: &str) -> Result<ConjunctSpec, E> {
                Ok(ConjunctSpec::One(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ConjunctSpec, A::Error> {
                EachSpec::deserialize(MapAccessDeserializer::new(map)).map(ConjunctSpec::Each)
            }
        }
        deserializer.deserialize_any(Conjunct)
    }
}

impl RuleBase {
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
        Self::read_with(path, parameters, &Limits::default())
    }

    /// [`Self::read`] with limits of one's own.
    ///
    /// # Errors
    /// See [`Self::read`].
    pub fn read_with(path: impl AsRef<Path>, parameters: &[(&str, i64)], limits: &Limits) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = limited::read_text(path, limits.get(Limit::FileBytes)).map_err(|e| Error {
            location: Some(Location { file: path.to_owned(), place: None }),
            kind: ErrorKind::Io(e),
        })?;
        load(&text, path, parameters, limits)
    }

    /// [`Self::read`] from a text; `file` names it in errors.
    ///
    /// # Errors
    /// See [`Self::read`].
    pub fn parse(text: &str, file: impl AsRef<Path>, parameters: &[(&str, i64)]) -> Result<Self, Error> {
        Self::parse_with(text, file, parameters, &Limits::default())
    }

    /// [`Self::parse`] with limits of one's own.
    ///
    /// # Errors
    /// See [`Self::read`].
    pub fn parse_with(
        text: &str,
        file: impl AsRef<Path>,
        parameters: &[(&str, i64)],
        limits: &Limits,
    ) -> Result<Self, Error> {
        load(text, file.as_ref(), parameters, limits)
    }
}

impl RuleText {
    /// The rule base.
    ///
    /// # Errors
    /// See [`RuleBase::read`].
    pub fn parse(&self) -> Result<RuleBase, Error> {
        let settings: Vec<(&str, i64)> = self.settings.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        RuleBase::parse(&self.text, &self.file, &settings)
    }
}

fn load(text: &str, path: &Path, given: &[(&str, i64)], limits: &Limits) -> Result<RuleBase, Error> {
    let source = Source { text, path, limits };
    limits.check(Limit::FileBytes, text.len() as u64).map_err(|kind| source.error(0, kind.into()))?;
    let file: File = toml::from_str(text).map_err(|e| {
        source.error(e.span().map_or(0, |span| span.start), ErrorKind::Syntax(e.message().to_owned()).into())
    })?;
    let mut loader = Loader {
        source,
        scope: Scope::new(),
        builder: RuleBaseBuilder::default(),
        domains: HashMap::new(),
        attributes: HashMap::new(),
        attribute_starts: Vec::new(),
        rule_starts: Vec::new(),
        default_names: HashMap::new(),
        empty_sections: Vec::new(),
        rejected: 0,
        subsets: HashMap::new(),
        used: Used::default(),
    };
    loader.parameters(&file.parameters, given)?;
    for spec in &file.attribute {
        loader.attributes(spec)?;
    }
    for (i, spec) in file.rule.iter().enumerate() {
        loader.rules(i, spec)?;
    }
    let Loader { source, mut builder, attribute_starts, rule_starts, empty_sections, .. } = loader;
    builder.set_places(attribute_starts.iter().map(|&start| source.place(start)).collect(), empty_sections);
    builder.set_text(RuleText {
        file: path.display().to_string(),
        text: text.to_owned(),
        settings: given.iter().map(|&(name, value)| (name.to_owned(), value)).collect(),
    });
    let base = builder.check().map_err(|BaseFault { rule, attribute, error }| {
        let start = rule.map(|i| rule_starts[i]).or(attribute.map(|i| attribute_starts[i]));
        source.error(start.unwrap_or(0), *error)
    })?;
    let depth = base.rule_sets_by_depth().len();
    limits.check(Limit::Depth, depth as u64).map_err(|kind| source.error(0, kind.into()))?;
    Ok(base)
}

/// The text of a file, for turning byte offsets into places.
#[derive(Clone, Copy)]
struct Source<'a> {
    text: &'a str,
    path: &'a Path,
    limits: &'a Limits,
}

impl Source<'_> {
    fn error(&self, offset: usize, error: Error) -> Error {
        if error.location.is_some() {
            return error;
        }
        let place = Some(self.place(offset));
        Error { location: Some(Location { file: self.path.to_owned(), place }), kind: error.kind }
    }

    fn place(&self, offset: usize) -> Place {
        let before = &self.text[..self.text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let number = |count: usize| u32::try_from(count + 1).unwrap_or(u32::MAX);
        Place { line: number(before.matches('\n').count()), column: number(before[line_start..].chars().count()) }
    }

    /// An error inside a quoted string that starts at `offset`.
    fn inside(&self, offset: usize, fault: Fault) -> Error {
        self.error(offset + 1 + fault.column, *fault.error)
    }
}

/// One index variable and its range.
struct Loop {
    offset: usize,
    variable: String,
    range: LoopRange,
}

enum LoopRange {
    Inclusive(Expression, Expression),
    List(Expression),
}

/// The numbers from one to another.
fn range_len(first: i64, last: i64) -> u64 {
    if first > last { 0 } else { last.abs_diff(first).saturating_add(1) }
}

impl LoopRange {
    fn reads(&self, variable: &str) -> bool {
        match self {
            Self::Inclusive(first, last) => first.reads(variable) || last.reads(variable),
            Self::List(list) => list.reads(variable),
        }
    }

    /// The values, and how many there are.
    fn values(&self, scope: &Scope) -> Result<(u64, Box<dyn Iterator<Item = Value>>), Error> {
        Ok(match self {
            Self::Inclusive(first, last) => {
                let (first, last) = (first.integer(scope)?, last.integer(scope)?);
                (range_len(first, last), Box::new((first..=last).map(Value::Integer)))
            }
            Self::List(list) => match list.value(scope)? {
                Value::Tuple(values) => (values.len() as u64, Box::new(values.into_iter())),
                other => (1, Box::new(std::iter::once(other))),
            },
        })
    }
}

/// What makes a section of the file repeat.
struct Repetition {
    loops: Vec<Loop>,
    /// The filter, its place, and how many loops must be entered before it can be asked: the
    /// fewest, so that what it rules out is not multiplied by the loops that follow.
    filter: Option<(usize, usize, Expression)>,
}

struct Loader<'a> {
    source: Source<'a>,
    scope: Scope,
    builder: RuleBaseBuilder,
    /// Equal domains are kept once.
    domains: HashMap<Vec<Value>, Domain>,
    attributes: HashMap<String, Attribute>,
    attribute_starts: Vec<usize>,
    rule_starts: Vec<usize>,
    /// How often each name was made up.
    default_names: HashMap<String, usize>,
    /// Sections of which their `where` kept nothing.
    empty_sections: Vec<Place>,
    /// Repetitions that a `where` did not let through.
    rejected: usize,
    /// Which values a predicate holds for depends on its place in the file, the domain and the
    /// index variables it uses, not on the attribute: most instances share their subset.
    subsets: HashMap<(ConditionNumber, *const Value, Vec<Value>), Subset>,
    used: Used,
}

impl Loader<'_> {
    /// Counts what is about to be used.
    fn take(&mut self, limit: Limit, number: u64) -> Result<(), Error> {
        Ok(self.used.take(self.source.limits, limit, number)?)
    }

    fn parameters(
        &mut self,
        specs: &BTreeMap<Spanned<String>, ParameterSpec>,
        given: &[(&str, i64)],
    ) -> Result<(), Error> {
        for (name, _) in given {
            if !specs.keys().any(|known| known.get_ref() == name) {
                let known = list_names(specs.keys().map(|name| name.get_ref().as_str()));
                return Err(self
                    .source
                    .error(0, ErrorKind::UnknownParameter { name: (*name).to_owned(), known }.into()));
            }
        }
        for (name, spec) in specs {
            let at = |kind: ErrorKind| self.source.error(name.span().start, kind.into());
            let range = match spec {
                ParameterSpec::Default(value) => &ParameterRange { default: Some(*value), min: None, max: None },
                ParameterSpec::Range(range) => range,
            };
            let name = name.get_ref();
            let value = given.iter().rev().find(|(known, _)| known == name).map(|(_, value)| *value);
            let value = value.or(range.default).ok_or_else(|| at(ErrorKind::MissingParameter(name.clone())))?;
            if range.min.is_some_and(|min| value < min) || range.max.is_some_and(|max| value > max) {
                let range = match (range.min, range.max) {
                    (Some(min), Some(max)) => format!("from {min} to {max}"),
                    (Some(min), None) => format!("from {min} up"),
                    (None, max) => format!("up to {}", max.unwrap_or(i64::MAX)),
                };
                return Err(at(ErrorKind::ParameterRange { name: name.clone(), value, range }));
            }
            self.scope.push(name, Value::Integer(value));
        }
        Ok(())
    }

    fn repetition(&self, loops: &[Spanned<String>], filter: Option<&Spanned<String>>) -> Result<Repetition, Error> {
        if let Some(first) = loops.first() {
            let count = self.source.limits.check(Limit::Loops, loops.len() as u64);
            count.map_err(|kind| self.source.error(first.span().start, kind.into()))?;
        }
        let loops: Vec<Loop> = loops.iter().map(|spec| self.parse_loop(spec)).collect::<Result<_, _>>()?;
        let filter = filter.map(|filter| {
            let offset = filter.span().start;
            let expression =
                Expression::compile(filter.get_ref(), self.source.limits).map_err(|f| self.source.inside(offset, f))?;
            let depth = loops.iter().rposition(|one| expression.reads(&one.variable)).map_or(0, |i| i + 1);
            Ok::<_, Error>((depth, offset, expression))
        });
        Ok(Repetition { loops, filter: filter.transpose()? })
    }

    fn parse_loop(&self, spec: &Spanned<String>) -> Result<Loop, Error> {
        let (offset, text) = (spec.span().start, spec.get_ref());
        let form = || {
            let reason = "expected \"variable in first..last\" or \"variable in [value, …]\"".to_owned();
            self.source.error(offset, ErrorKind::Expression { text: text.clone(), reason }.into())
        };
        let (variable, range) = text.split_once(" in ").ok_or_else(form)?;
        let compile = |part: &str, column: usize| {
            Expression::compile(part, self.source.limits)
                .map_err(|f| self.source.inside(offset, Fault { column: column + f.column, ..f }))
        };
        let start = text.len() - range.len();
        let range = match range.split_once("..") {
            Some((first, last)) => {
                LoopRange::Inclusive(compile(first, start)?, compile(last, start + first.len() + 2)?)
            }
            None => LoopRange::List(compile(range, start)?),
        };
        let variable = variable.trim().to_owned();
        if self.scope.get(&variable).is_some() {
            let kind = ErrorKind::Duplicate { what: "variable", name: variable };
            return Err(self.source.error(offset, kind.into()));
        }
        Attribute::new(variable.as_str(), Domain::symbols(["x"]).expect("one value")).map_err(|_| form())?;
        Ok(Loop { offset, variable, range })
    }

    /// Calls `act` once for every combination of the loops' values that the filter lets through.
    fn repeat(
        &mut self,
        repetition: &Repetition,
        depth: usize,
        act: &mut dyn FnMut(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if let Some((at_depth, offset, filter)) = &repetition.filter
            && *at_depth == depth
            && !filter.truth(&self.scope).map_err(|e| self.source.error(*offset, e))?
        {
            self.rejected += 1;
            return Ok(());
        }
        let Some(one) = repetition.loops.get(depth) else { return act(self) };
        let source = self.source;
        let at = |e| source.error(one.offset, e);
        if depth == 0 {
            self.foresee(repetition)?;
        }
        let (count, values) = one.range.values(&self.scope).map_err(at)?;
        self.take(Limit::Repetitions, count).map_err(at)?;
        let outer = self.scope.len();
        for value in values {
            self.scope.push(&one.variable, value);
            self.repeat(repetition, depth + 1, act)?;
            self.scope.truncate(outer);
        }
        Ok(())
    }

    /// Fails early where loops that do not depend on each other multiply to too many repetitions, as
    /// far as no filter comes between.
    fn foresee(&self, repetition: &Repetition) -> Result<(), Error> {
        let loops = &repetition.loops;
        let depth = repetition.filter.as_ref().map_or(loops.len(), |(depth, ..)| *depth);
        let mut total = 1u64;
        for (i, one) in loops[..depth].iter().enumerate() {
            // What an empty loop would repeat is not even looked at.
            if total == 0 || loops[..i].iter().any(|outer| one.range.reads(&outer.variable)) {
                break;
            }
            let at = |e| self.source.error(one.offset, e);
            total = total.saturating_mul(one.range.values(&self.scope).map_err(at)?.0);
            let allowed = self.used.allows(self.source.limits, Limit::Repetitions, total);
            allowed.map_err(|kind| at(kind.into()))?;
        }
        Ok(())
    }

    fn attributes(&mut self, spec: &AttributeSpec) -> Result<(), Error> {
        let repetition = self.repetition(&spec.loops, spec.filter.as_ref())?;
        let start = spec.name.span().start;
        let name =
            Template::compile(spec.name.get_ref(), self.source.limits).map_err(|f| self.source.inside(start, f))?;
        let values = ValuesSpec::of(spec, self.source)?;
        let (known, rejected) = (self.attribute_starts.len(), self.rejected);
        self.repeat(&repetition, 0, &mut |loader| {
            let source = loader.source;
            let at = |e: Error| source.error(start, e);
            loader.take(Limit::Attributes, 1).map_err(at)?;
            let name = name.render(&loader.scope).map_err(at)?;
            let attribute = match &values {
                ValuesSpec::Domain(domain) => loader
                    .domain(&name, domain.get_ref())
                    .map_err(|e| source.error(domain.span().start, e))
                    .and_then(|domain| possibly(&name, Attribute::new(name.as_str(), domain)).map_err(at))?,
                ValuesSpec::Terms(terms) => {
                    possibly(&name, Attribute::number(name.as_str(), terms.clone())).map_err(at)?
                }
            };
            if loader.scope.get(&name).is_some() {
                return Err(at(ErrorKind::Duplicate {
                    what: "attribute",
                    name: format!("{name} (also a parameter or index variable)"),
                }
                .into()));
            }
            if loader.attributes.insert(name.clone(), attribute.clone()).is_some() {
                return Err(at(ErrorKind::Duplicate { what: "attribute", name }.into()));
            }
            loader.attribute_starts.push(start);
            loader.builder.push_attribute(attribute);
            Ok(())
        })?;
        self.note_if_empty(known == self.attribute_starts.len() && rejected < self.rejected, start);
        Ok(())
    }

    fn note_if_empty(&mut self, empty: bool, start: usize) {
        if empty {
            self.empty_sections.push(self.source.place(start));
        }
    }

    fn domain(&mut self, name: &str, spec: &DomainSpec) -> Result<Domain, Error> {
        let domain = match spec {
            DomainSpec::Range(range) => self.factor(name, range)?,
            DomainSpec::Values(values) => {
                self.source.limits.check(Limit::DomainValues, values.len() as u64)?;
                self.take(Limit::AllValues, values.iter().map(Value::parts).fold(0, u64::saturating_add))?;
                possibly(name, Domain::new(values.iter().cloned()))?
            }
            DomainSpec::Product(ProductSpec { product }) => {
                let factors = product.iter().map(|factor| self.factor(name, factor)).collect::<Result<Vec<_>, _>>()?;
                let count = factors.iter().fold(1, |n: u64, factor| n.saturating_mul(factor.len() as u64));
                self.source.limits.check(Limit::DomainValues, count)?;
                self.take(Limit::AllValues, Domain::product_parts(&factors))?;
                possibly(name, Domain::product(&factors))?
            }
        };
        // Keyed by content, so that attributes with equal domains share their subsets.
        Ok(self.domains.entry(domain.values().to_vec()).or_insert(domain).clone())
    }

    /// A range such as `0..9`, or the domain of another attribute by its name.
    fn factor(&mut self, name: &str, text: &str) -> Result<Domain, Error> {
        let limits = self.source.limits;
        let wrap = |fault: Fault| *fault.error;
        if let Some((first, last)) = text.split_once("..") {
            let first = Expression::compile(first, limits).map_err(wrap)?.integer(&self.scope)?;
            let last = Expression::compile(last, limits).map_err(wrap)?.integer(&self.scope)?;
            let count = range_len(first, last);
            limits.check(Limit::DomainValues, count)?;
            self.take(Limit::AllValues, count)?;
            return possibly(name, Domain::integers(first..=last));
        }
        let other = Template::compile(text, limits).map_err(wrap)?.render(&self.scope)?;
        self.attributes.get(&other).map(|attribute| attribute.domain().clone()).ok_or_else(|| {
            let reason = format!(
                "'{other}' is neither a range nor an attribute given above: expected first..last or such an attribute"
            );
            ErrorKind::Expression { text: text.to_owned(), reason }.into()
        })
    }

    fn rules(&mut self, number: usize, spec: &RuleSpec) -> Result<(), Error> {
        let repetition = self.repetition(&spec.loops, spec.filter.as_ref())?;
        let start = spec.then.span().start;
        let mut places = 0;
        let mut place = || {
            places += 1;
            ConditionNumber { rule: number, condition: places }
        };
        let conclusion = Conjunct::new(place(), start, spec.then.get_ref(), self.source)?;
        let mut premise: Vec<(Option<Repetition>, Conjunct)> = Vec::new();
        let (spec_premise, equivalence) = match (&spec.implication, &spec.equivalence) {
            (Some(premise), None) => (premise, false),
            (None, Some(premise)) => (premise, true),
            (both, _) => {
                let at = both.as_ref().map_or(start, |premise| premise.span().start);
                let found = if both.is_some() { "both `if` and `iff`" } else { "neither `if` nor `iff`" };
                return Err(self.source.error(at, ErrorKind::OnePremise { found }.into()));
            }
        };
        match spec_premise.get_ref() {
            PremiseSpec::One(text) => {
                premise.push((None, Conjunct::new(place(), spec_premise.span().start, text, self.source)?));
            }
            PremiseSpec::All(conjuncts) => {
                for conjunct in conjuncts {
                    premise.push(match conjunct.get_ref() {
                        ConjunctSpec::One(text) => {
                            (None, Conjunct::new(place(), conjunct.span().start, text, self.source)?)
                        }
                        ConjunctSpec::Each(each) => {
                            let repetition = self.repetition(&each.loops, each.filter.as_ref())?;
                            (
                                Some(repetition),
                                Conjunct::new(place(), each.is.span().start, each.is.get_ref(), self.source)?,
                            )
                        }
                    });
                }
            }
        }
        let name = spec.name.as_ref().map(|name| {
            let offset = name.span().start;
            Template::compile(name.get_ref(), self.source.limits).map_err(|f| self.source.inside(offset, f))
        });
        let name = name.transpose()?;
        let premise_start = spec_premise.span().start;
        let degree = |degree: &Spanned<Degree>| degree.get_ref().0;
        let stated = Stated { equivalence, s: spec.s.as_ref().map(degree), r: spec.r.as_ref().map(degree) };
        if let Some(given) = spec.s.iter().chain(&spec.r).find(|given| !(0.0..=1.0).contains(&degree(given))) {
            let error = stated.check(spec.name.as_ref().map_or(spec.then.get_ref(), |name| name.get_ref()));
            return Err(self.source.error(given.span().start, error.expect_err("outside its range")));
        }
        let (rule_place, known, rejected) = (self.source.place(start), self.rule_starts.len(), self.rejected);
        self.repeat(&repetition, 0, &mut |loader| {
            let source = loader.source;
            loader.take(Limit::Rules, 1).map_err(|e| source.error(start, e))?;
            let mut conditions = Vec::new();
            let one_more = |conditions: &Vec<Condition>| {
                let checked = source.limits.check(Limit::ConditionsOfRule, conditions.len() as u64 + 1);
                checked.map_err(|kind| source.error(start, kind.into()))
            };
            for (repetition, conjunct) in &premise {
                match repetition {
                    None => {
                        one_more(&conditions)?;
                        conditions.push(loader.condition(conjunct)?);
                    }
                    Some(repetition) => {
                        let (before, rejected) = (conditions.len(), loader.rejected);
                        loader.repeat(repetition, 0, &mut |loader| {
                            one_more(&conditions)?;
                            conditions.push(loader.condition(conjunct)?);
                            Ok(())
                        })?;
                        let empty = before == conditions.len() && rejected < loader.rejected;
                        loader.note_if_empty(empty, conjunct.offset);
                    }
                }
            }
            let then = loader.condition(&conclusion)?;
            let name = match &name {
                Some(name) => name.render(&loader.scope).map_err(|e| loader.source.error(start, e))?,
                None => loader.unused_name(default_name(&conditions, &then)),
            };
            loader.rule_starts.push(if conditions.is_empty() { premise_start } else { start });
            let rule = Rule { name, premise: conditions, conclusion: Some(then), stated };
            loader.builder.push_rule(rule, rule_place);
            Ok(())
        })?;
        self.note_if_empty(known == self.rule_starts.len() && rejected < self.rejected, start);
        Ok(())
    }

    /// A name that nobody wrote must not be one that is there already.
    fn unused_name(&mut self, name: String) -> String {
        let count = self.default_names.entry(name.clone()).or_insert(0);
        *count += 1;
        if *count == 1 { name } else { format!("{name} ({count})") }
    }

    fn condition(&mut self, conjunct: &Conjunct) -> Result<Condition, Error> {
        let source = self.source;
        let at = |e: Error| source.error(conjunct.offset, e);
        let (name, variable) = conjunct.predicate.attribute(&self.scope).map_err(|mut error| {
            if let ErrorKind::AttributeCount { names, unknown, .. } = &mut error.kind {
                *unknown = names.iter().filter(|name| !self.attributes.contains_key(*name)).cloned().collect();
            }
            at(error)
        })?;
        let Some(attribute) = self.attributes.get(&name) else {
            let known = list_names(
                self.attributes.keys().map(String::as_str).collect::<std::collections::BTreeSet<_>>().into_iter(),
            );
            return Err(at(ErrorKind::UnknownAttribute { name, rule: None, known }.into()));
        };
        let values = attribute.domain().values();
        // Of the loader all but the attributes, which are borrowed.
        let (used, limits) = (&mut self.used, source.limits);
        let mut take = |limit, number| used.take(limits, limit, number).map_err(|kind| at(kind.into()));
        take(Limit::Conditions, 1)?;
        take(Limit::Cells, values.len() as u64)?;
        let key = (conjunct.number, values.as_ptr(), conjunct.predicate.key(&self.scope));
        let subset = match self.subsets.get(&key) {
            Some(subset) => subset.clone(),
            None => {
                let steps = conjunct.predicate.check_steps(&self.scope, values).map_err(at)?;
                take(Limit::Evaluations, steps.saturating_mul(values.len() as u64))?;
                for value in conjunct.predicate.compared_values(&self.scope, variable) {
                    if attribute.domain().position(&value).is_none() {
                        return Err(at(outside(attribute, &value)));
                    }
                }
                let members = conjunct.predicate.members(&self.scope, variable, values);
                let subset = Subset::new(members.map_err(|error| at(in_terms(attribute, error)))?);
                if subset.positions().next().is_none() {
                    return Err(at(no_value(attribute, conjunct.predicate.text())));
                }
                self.subsets.insert(key, subset.clone());
                subset
            }
        };
        let text = conjunct.predicate.render(&self.scope).map_err(at)?;
        Ok(Condition { attribute: name, members: Members::Subset(subset), text })
    }
}

/// An error in a condition on a number, with the cure: its values are terms.
fn in_terms(attribute: &Attribute, mut error: Error) -> Error {
    if let (ErrorKind::Expression { reason, .. }, Some(terms)) = (&mut error.kind, attribute.terms()) {
        let name = attribute.name();
        let first = &terms.domain().values()[0];
        *reason = format!(
            "{name} is told in terms, {}: write {name} == '{first}', or add a term for the numbers that are meant",
            terms.domain()
        );
    }
    error
}

fn possibly<T>(name: &str, result: Result<T, crate::possibility::Error>) -> Result<T, Error> {
    result.map_err(|source| ErrorKind::Possibility { name: name.to_owned(), source: Box::new(source) }.into())
}

/// Where an attribute's values come from.
enum ValuesSpec<'a> {
    Domain(&'a Spanned<DomainSpec>),
    Terms(Terms),
}

impl<'a> ValuesSpec<'a> {
    fn of(spec: &'a AttributeSpec, source: Source) -> Result<Self, Error> {
        let name = spec.name.get_ref();
        let wrong = |offset: usize, expected: &'static str| {
            source.error(offset, ErrorKind::AttributeValues { name: name.clone(), expected }.into())
        };
        match (&spec.domain, &spec.kind, &spec.terms) {
            (Some(domain), None, None) if spec.unit.is_none() => Ok(Self::Domain(domain)),
            (None, Some(_), Some(terms)) => {
                let mut ordered: Vec<_> = terms.get_ref().iter().collect();
                // In the order in which they are written, which the map has lost.
                ordered.sort_by_key(|(term, _)| term.span().start);
                let mut trapezoids = Vec::new();
                for (term, corners) in ordered {
                    let [start, core_start, core_end, end] = *corners.get_ref();
                    let trapezoid = Trapezoid::new(start, core_start, core_end, end);
                    let at = |e: Error| source.error(corners.span().start, e);
                    trapezoids.push((term.get_ref().as_str(), possibly(term.get_ref(), trapezoid).map_err(at)?));
                }
                let made = possibly(name, Terms::new(trapezoids)).map(|terms| match &spec.unit {
                    Some(unit) => terms.with_unit(unit),
                    None => terms,
                });
                made.map(Self::Terms).map_err(|e| source.error(terms.span().start, e))
            }
            (None, Some(kind), None) => {
                Err(wrong(kind.span().start, "terms = { name = [start, core start, core end, end], … }"))
            }
            (None, None, Some(terms)) => Err(wrong(terms.span().start, "kind = \"number\" with the terms")),
            (Some(domain), ..) => {
                Err(wrong(domain.span().start, "a domain alone, or kind = \"number\" with terms instead of it"))
            }
            (None, None, None) => Err(wrong(spec.name.span().start, "a domain, or kind = \"number\" with terms")),
        }
    }
}

/// Which condition of which rule of the file.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct ConditionNumber {
    rule: usize,
    condition: usize,
}

/// A predicate and where it stands.
struct Conjunct {
    number: ConditionNumber,
    offset: usize,
    predicate: Predicate,
}

impl Conjunct {
    fn new(number: ConditionNumber, offset: usize, text: &str, source: Source) -> Result<Self, Error> {
        let predicate = Predicate::compile(text, source.limits).map_err(|fault| source.inside(offset, fault))?;
        Ok(Self { number, offset, predicate })
    }
}

fn default_name(premise: &[Condition], conclusion: &Condition) -> String {
    const SHOWN: usize = 3;
    let mut name = "if ".to_owned();
    for (i, condition) in premise.iter().take(SHOWN).enumerate() {
        name += if i > 0 { " and " } else { "" };
        name += &condition.text;
    }
    if premise.len() > SHOWN {
        name += &format!(" and {} more", premise.len() - SHOWN);
    }
    name + " then " + &conclusion.text
}
