#[cfg(feature = "perception")]
use std::hash::Hasher;
use std::ops::Range;

use ndarray::{Array2, ArrayBase, ArrayView, ArrayView2, Axis, Data, Ix1, Ix2, s};
use serde::{Deserialize, Serialize};

use super::cases_file::CasesFile;
use super::input::position;
use super::{Error, Input, Target};
use crate::possibility;
use crate::possibility::{Attribute, Transform, check_degrees, decide};
use crate::program::{LANES, Lane, Partition, Wide};
use crate::rules::{RuleBase, Source, list_names};

/// A table of cases for one rule base: possibilities of its inputs and, to learn or to check,
/// targets of its derived attributes. Everything in it is checked when it is built.
///
/// ```
/// use ndarray::array;
/// use pinesy::inference::{Cases, Target};
/// use pinesy::possibility::Transform;
/// use pinesy::rules::RuleBase;
///
/// let base = RuleBase::read("rulesets/iris.toml", &[])?;
/// // A single case from slices: one row.
/// let flower = Cases::of(&base)
///     .possibilities("petal_length", &[0.0, 0.3, 1.0])
///     .probabilities("petal_width", &[0.0, 0.2, 0.8], Transform::Antipignistic)
///     .build()?;
/// assert_eq!(flower.len(), 1);
/// // Two cases from arrays, one row a case; the width of the second petal is unknown.
/// let flowers = Cases::of(&base)
///     .possibilities("petal_length", &array![[0.0, 0.3, 1.0], [1.0, 0.0, 0.0]])
///     .possibilities("petal_width", &array![[0.0, 0.2, 1.0], [1.0, 1.0, 1.0]])
///     .unknown_in("petal_width", [1])
///     .targets("species", [Some(Target::value("virginica")), None])
///     .build()?;
/// assert_eq!(flowers.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It serialises with the rule file it belongs to (read from a file, not written in Rust), and is
/// checked again when it is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "CasesFile", into = "CasesFile")]
pub struct Cases {
    base: RuleBase,
    /// One row a case: the inputs' degrees one after the other.
    rows: Array2<f32>,
    /// By rule set in cascade order, then by input.
    targets: Vec<Targets>,
}

/// Degrees of one attribute, a row a case: any two-dimensional array of `f32`, or something
/// one-dimensional for a single case.
pub trait Rows {
    /// The rows, as they are.
    fn rows(&self) -> ArrayView2<'_, f32>;
}

impl<S: Data<Elem = f32>> Rows for ArrayBase<S, Ix2> {
    fn rows(&self) -> ArrayView2<'_, f32> {
        self.view()
    }
}

impl<S: Data<Elem = f32>> Rows for ArrayBase<S, Ix1> {
    fn rows(&self) -> ArrayView2<'_, f32> {
        self.view().insert_axis(Axis(0))
    }
}

impl Rows for [f32] {
    fn rows(&self) -> ArrayView2<'_, f32> {
        ArrayView::from(self).insert_axis(Axis(0))
    }
}

impl<const N: usize> Rows for [f32; N] {
    fn rows(&self) -> ArrayView2<'_, f32> {
        self.as_slice().rows()
    }
}

impl Rows for Vec<f32> {
    fn rows(&self) -> ArrayView2<'_, f32> {
        self.as_slice().rows()
    }
}

impl<R: Rows + ?Sized> Rows for &R {
    fn rows(&self) -> ArrayView2<'_, f32> {
        (**self).rows()
    }
}

/// The targets of one attribute; no entries where nothing was said.
#[derive(Debug, Clone, PartialEq, Default)]
struct Targets {
    entries: Vec<Entry>,
    /// The graded ones, row after row.
    degrees: Vec<f32>,
    /// The length of a row, once there is one.
    width: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Entry {
    None,
    Position(u32),
    /// The number of a row of degrees.
    Degrees(u32),
}

/// What a case says about a derived attribute, checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum KnownTarget<'a> {
    Position(usize),
    Degrees(&'a [f32]),
}

impl Cases {
    /// Starts a table for the inputs of a rule base.
    pub fn of(base: &RuleBase) -> CasesBuilder {
        CasesBuilder {
            cases: Ok(Self {
                base: base.clone(),
                rows: Array2::zeros((0, base.input_width())),
                targets: vec![Targets::default(); base.rule_sets().len() + base.input_positions().len()],
            }),
            count: None,
            given: vec![false; base.input_positions().len()],
            targeted: vec![false; base.rule_sets().len() + base.input_positions().len()],
            unknown: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// The number of cases.
    pub fn len(&self) -> usize {
        self.rows.nrows()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rule base they are for.
    pub fn base(&self) -> &RuleBase {
        &self.base
    }

    /// The possibilities of an input, a row a case; none for a name that is no input.
    pub fn input(&self, name: &str) -> Option<ArrayView2<'_, f32>> {
        let Source::Input(input) = self.base.source(self.base.position(name)?) else { return None };
        Some(self.rows.slice(s![.., self.base.input_columns()[input].clone()]))
    }

    /// Some of the cases, as a table of their own.
    ///
    /// # Panics
    /// If the range ends after the last case.
    pub fn slice(&self, range: Range<usize>) -> Self {
        // Graded targets are copied with the cases they belong to.
        let of = |(place, targets): (usize, &Targets)| {
            let mut some = Targets::default();
            if targets.entries.is_empty() {
                return some;
            }
            for case in range.clone() {
                some.push(self.said(place, case));
            }
            some
        };
        Self {
            base: self.base.clone(),
            rows: self.rows.slice(s![range.clone(), ..]).to_owned(),
            targets: self.targets.iter().enumerate().map(of).collect(),
        }
    }

    /// One of the cases.
    ///
    /// # Panics
    /// If there is no such case.
    pub fn row(&self, case: usize) -> Self {
        self.slice(case..case + 1)
    }

    /// The same cases with targets of some attributes only.
    ///
    /// # Errors
    /// [`Error::UnknownDerived`].
    pub fn with_targets_of(mut self, attributes: &[&str]) -> Result<Self, Error> {
        let wanted =
            attributes.iter().map(|name| Ok(derived(&self.base, name)?.0)).collect::<Result<Vec<_>, Error>>()?;
        for (set, targets) in self.targets.iter_mut().enumerate() {
            if !wanted.contains(&set) {
                *targets = Targets::default();
            }
        }
        Ok(self)
    }

    /// Some of the cases, in this order.
    ///
    /// # Panics
    /// If there is no such case.
    pub fn select(&self, cases: &[usize]) -> Self {
        let of = |(set, targets): (usize, &Targets)| {
            let mut some = Targets::default();
            if !targets.entries.is_empty() {
                cases.iter().for_each(|&case| some.push(self.said(set, case)));
            }
            some
        };
        Self {
            base: self.base.clone(),
            rows: self.rows.select(Axis(0), cases),
            targets: self.targets.iter().enumerate().map(of).collect(),
        }
    }

    /// The same cases with other possibilities of their inputs, all inputs in a row.
    ///
    /// # Panics
    /// If the shape is another.
    #[cfg(feature = "perception")]
    pub(crate) fn with_degrees(self, rows: Array2<f32>) -> Self {
        assert_eq!(rows.dim(), self.rows.dim(), "a row a case, all inputs in it");
        Self { rows: rows.as_standard_layout().into_owned(), ..self }
    }

    /// The same cases with an input unknown in all.
    pub(crate) fn with_unknown(mut self, input: &str) -> Self {
        if let Ok(number) = input_of(&self.base, input) {
            let columns = self.base.input_columns()[number].clone();
            self.rows.slice_mut(s![.., columns]).fill(1.0);
        }
        self
    }

    /// The same cases with nothing observed of an attribute (its position).
    pub(crate) fn without_observed(mut self, attribute: usize) -> Self {
        if let Some(place) = place(&self.base, attribute) {
            self.targets[place] = Targets::default();
        }
        self
    }

    /// Cases without targets, of checked possibilities of all inputs in a row.
    pub(crate) fn of_rows(base: &RuleBase, rows: Array2<f32>) -> Self {
        debug_assert_eq!(rows.ncols(), base.input_width());
        let targets = vec![Targets::default(); base.rule_sets().len() + base.input_positions().len()];
        Self { base: base.clone(), rows: rows.as_standard_layout().into_owned(), targets }
    }

    /// Checks that the cases are for these rules.
    pub(crate) fn check_base(&self, base: &RuleBase) -> Result<(), Error> {
        if self.base.same_rules(base) { Ok(()) } else { Err(Error::OtherRules) }
    }

    /// Case after case, the degrees of all inputs.
    pub(crate) fn degrees(&self) -> &[f32] {
        self.rows.as_slice().expect("made in standard layout")
    }

    /// What a case says about a rule set's attribute.
    pub(crate) fn target(&self, set: usize, case: usize) -> Option<KnownTarget<'_>> {
        self.said(set, case)
    }

    /// What a case says about an attribute (its position) besides its possibilities.
    pub(crate) fn observed(&self, attribute: usize, case: usize) -> Option<KnownTarget<'_>> {
        self.said(place(&self.base, attribute)?, case)
    }

    /// The position of the one value that a case says an attribute (its position) has. Graded
    /// targets say so of none, unless all other values are impossible.
    pub(crate) fn crisp(&self, attribute: usize, case: usize) -> Option<usize> {
        match self.observed(attribute, case)? {
            KnownTarget::Position(position) => Some(position),
            KnownTarget::Degrees(degrees) => {
                let mut possible = (0..degrees.len()).filter(|&position| degrees[position] > 0.0);
                possible.next().filter(|&first| degrees[first] == 1.0 && possible.next().is_none())
            }
        }
    }

    /// The number of cases that say something about an attribute besides its possibilities, but not
    /// which one value it has.
    #[cfg(feature = "cli")]
    pub(crate) fn imprecise(&self, name: &str) -> usize {
        let said = |attribute: usize| {
            let imprecise =
                |case: &usize| self.observed(attribute, *case).is_some() && self.crisp(attribute, *case).is_none();
            (0..self.len()).filter(imprecise).count()
        };
        self.base.position(name).map_or(0, said)
    }

    /// The number of cases that say which one value an attribute has.
    #[cfg(feature = "cli")]
    pub(crate) fn named(&self, name: &str) -> usize {
        let said = |attribute| (0..self.len()).filter(|&case| self.crisp(attribute, case).is_some()).count();
        self.base.position(name).map_or(0, said)
    }

    /// Tells `hasher` all that is said besides the possibilities.
    #[cfg(feature = "perception")]
    pub(crate) fn identify_observed(&self, hasher: &mut dyn Hasher) {
        for (place, case) in (0..self.targets.len()).flat_map(|place| (0..self.len()).map(move |case| (place, case))) {
            match self.said(place, case) {
                None => hasher.write_u8(0),
                Some(KnownTarget::Position(position)) => {
                    hasher.write_u8(1);
                    hasher.write_u64(position as u64);
                }
                Some(KnownTarget::Degrees(degrees)) => {
                    hasher.write_u8(2);
                    degrees.iter().for_each(|degree| hasher.write_u32(degree.to_bits()));
                }
            }
        }
    }

    /// What a case says about the attribute of this place among the targets.
    fn said(&self, place: usize, case: usize) -> Option<KnownTarget<'_>> {
        let targets = &self.targets[place];
        match targets.entries.get(case)? {
            Entry::None => None,
            Entry::Position(position) => Some(KnownTarget::Position(*position as usize)),
            Entry::Degrees(row) => {
                let start = *row as usize * targets.width;
                Some(KnownTarget::Degrees(&targets.degrees[start..start + targets.width]))
            }
        }
    }

    /// The position of the value that a case says is the right one, if it says so of just one.
    pub(crate) fn true_position(&self, set: usize, case: usize) -> Option<usize> {
        match self.target(set, case)? {
            KnownTarget::Position(position) => Some(position),
            KnownTarget::Degrees(degrees) => decide(degrees).position(),
        }
    }

    /// The number of cases that have a target for a rule set.
    pub(crate) fn target_count(&self, set: usize) -> usize {
        self.targets[set].entries.iter().filter(|entry| **entry != Entry::None).count()
    }

    /// The targets of a block of cases: the degree each atom should get, and which cases have one.
    pub(crate) fn block(&self, set: usize, first: usize, partition: &Partition) -> (Vec<Wide>, [bool; LANES]) {
        let mut atoms = vec![Wide::splat(0.0); partition.len()];
        let mut present = [false; LANES];
        for (lane, present) in present.iter_mut().enumerate() {
            match self.target(set, first + lane) {
                None => continue,
                Some(KnownTarget::Position(position)) => {
                    atoms[partition.class_of()[position] as usize][lane] = 1.0;
                }
                Some(KnownTarget::Degrees(degrees)) => {
                    for (&degree, &atom) in degrees.iter().zip(partition.class_of()) {
                        let highest = &mut atoms[atom as usize][lane];
                        *highest = f32::max(*highest, degree);
                    }
                }
            }
            *present = true;
        }
        (atoms, present)
    }
}

/// Gathers the columns of a table; [`CasesBuilder::build`] says whether all was right.
#[derive(Debug, Clone)]
#[must_use]
pub struct CasesBuilder {
    /// The first error ends the work.
    cases: Result<Cases, Error>,
    count: Option<usize>,
    given: Vec<bool>,
    targeted: Vec<bool>,
    /// Inputs and cases in which they are unknown; all cases where none are named.
    unknown: Vec<(usize, Option<Vec<usize>>)>,
    /// Inputs and cases in which they are wrong, which counts unless they are unknown there.
    faults: Vec<(usize, usize, Error)>,
}

impl CasesBuilder {
    /// The number of cases. Needed only where no column tells it: all inputs unknown.
    pub fn count(self, cases: usize) -> Self {
        self.step(|this, cases_| this.set_count(cases_, "the table", cases))
    }

    /// Gives an input its possibilities, a row a case in domain order.
    pub fn possibilities(self, input: &str, rows: &(impl Rows + ?Sized)) -> Self {
        self.column(input, rows.rows(), None)
    }

    /// Gives an input its probabilities, a row a case in domain order, which `transform` turns into
    /// possibilities.
    pub fn probabilities(self, input: &str, rows: &(impl Rows + ?Sized), transform: Transform) -> Self {
        self.column(input, rows.rows(), Some(transform))
    }

    /// Gives an input what is known of it, case by case.
    pub fn inputs<I: std::borrow::Borrow<Input>>(self, input: &str, known: impl IntoIterator<Item = I>) -> Self {
        self.step(|this, cases| {
            let number = input_of(&cases.base, input)?;
            let attribute = &cases.base.attributes()[cases.base.input_positions()[number]];
            let mut column = Vec::new();
            let mut count = 0;
            for (row, known) in known.into_iter().enumerate() {
                let degrees = known.borrow().degrees(attribute);
                column.extend(degrees.map_err(|error| Error::Row { row, error: Box::new(error) })?);
                count = row + 1;
            }
            let shape = (count, attribute.domain().len());
            let rows = ArrayView2::from_shape(shape, &column).expect("one degree a value");
            this.fill(cases, input, rows, None)
        })
    }

    /// Leaves an input unknown in every case: each of its values is fully possible.
    pub fn unknown(self, input: &str) -> Self {
        self.step(|this, cases| {
            let number = input_of(&cases.base, input)?;
            this.give(number, input)?;
            this.unknown.push((number, None));
            Ok(())
        })
    }

    /// Makes an input unknown in some cases (their positions), whatever its column says there.
    pub fn unknown_in(self, input: &str, cases: impl IntoIterator<Item = usize>) -> Self {
        self.step(|this, table| {
            this.unknown.push((input_of(&table.base, input)?, Some(cases.into_iter().collect())));
            Ok(())
        })
    }

    /// Gives a derived attribute its targets: one a case, `None` where a case says nothing.
    pub fn targets(self, attribute: &str, targets: impl IntoIterator<Item = Option<Target>>) -> Self {
        self.step(|this, cases| {
            let (set, attribute) = derived(&cases.base, attribute)?;
            this.set_targets(cases, set, &attribute, targets)
        })
    }

    /// Says what is observed of an attribute, input or derived, for
    /// [`Backward`](super::Backward): one target a case, `None` where nothing is. What is observed
    /// of a derived attribute is its target; of an input it stands beside the input's own
    /// possibilities.
    pub fn observed(self, attribute: &str, targets: impl IntoIterator<Item = Option<Target>>) -> Self {
        self.step(|this, cases| {
            let position = cases.base.position(attribute);
            let found = position.and_then(|position| Some((position, place(&cases.base, position)?)));
            let Some((position, place)) = found else {
                return Err(unknown_attribute(&cases.base, attribute));
            };
            let attribute = cases.base.attributes()[position].clone();
            this.set_targets(cases, place, &attribute, targets)
        })
    }

    /// The table.
    ///
    /// # Errors
    /// The first thing that was wrong: [`Error::MissingInput`], [`Error::UnknownInput`],
    /// [`Error::DuplicateInput`], [`Error::Degrees`], [`Error::Row`], [`Error::Count`],
    /// [`Error::UnknownDerived`], [`Error::DuplicateTargets`], [`Error::Target`],
    /// [`Error::NoSuchCase`], [`Error::TooManyCases`].
    pub fn build(self) -> Result<Cases, Error> {
        let mut cases = self.cases?;
        let inputs: Vec<&Attribute> = cases.base.inputs().collect();
        if let Some(missing) = self.given.iter().position(|given| !given) {
            return Err(Error::MissingInput(inputs[missing].name().to_owned()));
        }
        if self.count.is_none() {
            return Err(Error::NoCount);
        }
        let is_unknown = |input: usize, row: usize| {
            self.unknown.iter().any(|(known, rows)| *known == input && rows.as_ref().is_none_or(|r| r.contains(&row)))
        };
        if let Some((_, _, fault)) = self.faults.into_iter().find(|(input, row, _)| !is_unknown(*input, *row)) {
            return Err(fault);
        }
        let columns = cases.base.input_columns().to_vec();
        for (input, rows) in self.unknown {
            let mut column = cases.rows.slice_mut(s![.., columns[input].clone()]);
            let Some(rows) = rows else {
                column.fill(1.0);
                continue;
            };
            for row in rows {
                if row >= column.nrows() {
                    return Err(Error::NoSuchCase {
                        name: cases.base.attributes()[cases.base.input_positions()[input]].name().to_owned(),
                        case: row,
                        cases: column.nrows(),
                    });
                }
                column.row_mut(row).fill(1.0);
            }
        }
        Ok(cases)
    }

    /// Takes a step unless one before it failed.
    fn step(mut self, step: impl FnOnce(&mut Self, &mut Cases) -> Result<(), Error>) -> Self {
        // Taken out, so that the step may change both.
        self.cases = match std::mem::replace(&mut self.cases, Err(Error::NoCount)) {
            Ok(mut cases) => step(&mut self, &mut cases).map(|()| cases),
            error => error,
        };
        self
    }

    fn column(self, name: &str, rows: ArrayView2<'_, f32>, transform: Option<Transform>) -> Self {
        self.step(|this, cases| this.fill(cases, name, rows, transform))
    }

    fn fill(
        &mut self,
        cases: &mut Cases,
        name: &str,
        rows: ArrayView2<'_, f32>,
        transform: Option<Transform>,
    ) -> Result<(), Error> {
        let input = input_of(&cases.base, name)?;
        self.give(input, name)?;
        self.set_count(cases, name, rows.nrows())?;
        let columns = cases.base.input_columns()[input].clone();
        if rows.ncols() != columns.len() {
            let (found, expected) = (rows.ncols(), columns.len());
            return Err(possibility::Error::Length { name: name.to_owned(), found, expected }.into());
        }
        let single = rows.nrows() == 1;
        let width = cases.base.input_width();
        let all = cases.rows.as_slice_mut().expect("made in standard layout");
        for (row, (given, out)) in rows.outer_iter().zip(all.chunks_exact_mut(width)).enumerate() {
            let out = &mut out[columns.clone()];
            let filled = match transform {
                None => {
                    // Adding 0 turns −0 into 0.
                    given.iter().zip(out.iter_mut()).for_each(|(&degree, out)| *out = degree + 0.0);
                    check_degrees(name, out.len(), out).map_err(Error::from)
                }
                Some(transform) => match transform.possibility(&given.to_vec()) {
                    Ok(possibility) => {
                        out.copy_from_slice(&possibility);
                        Ok(())
                    }
                    Err(source) => Err(Error::Probabilities { name: name.to_owned(), source: Box::new(source) }),
                },
            };
            if let Err(error) = filled {
                let error = if single { error } else { Error::Row { row, error: Box::new(error) } };
                self.faults.push((input, row, error));
            }
        }
        Ok(())
    }

    fn give(&mut self, input: usize, name: &str) -> Result<(), Error> {
        if std::mem::replace(&mut self.given[input], true) {
            return Err(Error::DuplicateInput(name.to_owned()));
        }
        Ok(())
    }

    fn set_targets(
        &mut self,
        cases: &mut Cases,
        place: usize,
        attribute: &Attribute,
        targets: impl IntoIterator<Item = Option<Target>>,
    ) -> Result<(), Error> {
        if std::mem::replace(&mut self.targeted[place], true) {
            return Err(Error::DuplicateTargets(attribute.name().to_owned()));
        }
        let mut checked = Targets::default();
        for (row, target) in targets.into_iter().enumerate() {
            let known = target.as_ref().map(|target| check_target(attribute, target)).transpose();
            checked.push(known.map_err(|error| Error::Target { row, error: Box::new(error) })?);
        }
        self.set_count(cases, attribute.name(), checked.entries.len())?;
        cases.targets[place] = checked;
        Ok(())
    }

    fn set_count(&mut self, cases: &mut Cases, name: &str, found: usize) -> Result<(), Error> {
        match self.count {
            Some(expected) if expected != found => Err(Error::Count { name: name.to_owned(), found, expected }),
            Some(_) => Ok(()),
            None => {
                let width = cases.base.input_width();
                if found.checked_mul(width).is_none_or(|degrees| degrees > isize::MAX as usize / 8) {
                    return Err(Error::TooManyCases { cases: found, width });
                }
                self.count = Some(found);
                cases.rows = Array2::zeros((found, cases.base.input_width()));
                Ok(())
            }
        }
    }
}

impl Targets {
    fn push(&mut self, target: Option<KnownTarget<'_>>) {
        self.entries.push(match target {
            None => Entry::None,
            Some(KnownTarget::Position(position)) => Entry::Position(position as u32),
            Some(KnownTarget::Degrees(degrees)) => {
                self.width = degrees.len();
                let row = self.degrees.len() / self.width;
                self.degrees.extend_from_slice(degrees);
                Entry::Degrees(row as u32)
            }
        });
    }
}

/// Checks a target of an attribute.
fn check_target<'t>(attribute: &Attribute, target: &'t Target) -> Result<KnownTarget<'t>, Error> {
    let domain = attribute.domain();
    match target {
        Target::Value(value) => Ok(KnownTarget::Position(position(attribute, value)?)),
        Target::Position(position) if *position < domain.len() => Ok(KnownTarget::Position(*position)),
        Target::Position(position) => {
            Err(Error::Position { attribute: attribute.name().to_owned(), position: *position, len: domain.len() })
        }
        Target::Degrees(degrees) => {
            check_degrees(attribute.name(), domain.len(), degrees)?;
            Ok(KnownTarget::Degrees(degrees))
        }
    }
}

/// The place of an attribute among the targets; none for one that no rule mentions.
fn place(base: &RuleBase, attribute: usize) -> Option<usize> {
    match base.source(attribute) {
        Source::Unused => None,
        Source::RuleSet(set) => Some(set),
        Source::Input(input) => Some(base.rule_sets().len() + input),
    }
}

/// A name that no rule mentions.
pub(super) fn unknown_attribute(base: &RuleBase, name: &str) -> Error {
    let derived = base.rule_sets().iter().map(|set| base.conclusion(set));
    Error::UnknownAttribute {
        name: name.to_owned(),
        known: list_names(base.inputs().chain(derived).map(Attribute::name)),
    }
}

pub(super) fn input_of(base: &RuleBase, name: &str) -> Result<usize, Error> {
    match base.position(name).map(|position| base.source(position)) {
        Some(Source::Input(input)) => Ok(input),
        _ => Err(Error::UnknownInput { name: name.to_owned(), known: list_names(base.inputs().map(Attribute::name)) }),
    }
}

/// The rule set on an attribute, and the attribute.
pub(crate) fn derived(base: &RuleBase, name: &str) -> Result<(usize, Attribute), Error> {
    match base.position(name).map(|position| (base.source(position), position)) {
        Some((Source::RuleSet(set), position)) => Ok((set, base.attributes()[position].clone())),
        _ => Err(Error::UnknownDerived {
            name: name.to_owned(),
            known: list_names(base.rule_sets().iter().map(|set| base.conclusion(set).name())),
        }),
    }
}
