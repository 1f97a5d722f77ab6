//! Tables of cases from dictionaries, data frames and arrays.

use std::sync::Arc;

use numpy::ndarray::{ArrayView2, CowArray, Ix2};
use pinesy::inference::{self, CasesBuilder, Target};
use pinesy::possibility::{Attribute, Transform};
use pinesy::rules::RuleBase;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use crate::arrays::{matrix, numbers};
use crate::error::Fault;
use crate::values::{Kind, input, is_single, shown, target};

/// Cases checked once, to be asked about often: made by :meth:`Engine.cases`.
///
/// Wherever cases are asked for it may stand instead of a dictionary. It is tied to its rules.
#[pyclass(frozen, module = "pinesy")]
pub struct Cases {
    pub table: Arc<inference::Cases>,
}

#[pymethods]
impl Cases {
    fn __len__(&self) -> usize {
        self.table.len()
    }

    #[classmethod]
    fn _parse(cls: &Bound<'_, PyType>, text: &str) -> Result<Self, Fault> {
        let table = cls.py().detach(|| serde_json::from_str(text));
        let wrong = |source| Fault::Json { path: "table of cases".into(), source };
        Ok(Self { table: Arc::new(table.map_err(wrong)?) })
    }

    /// With the text of their rules.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> Result<(Bound<'py, PyAny>, Bound<'py, PyTuple>), Fault> {
        let (py, table) = (slf.py(), &slf.get().table);
        if table.base().text().is_none() {
            return Err(inference::Error::NoRuleText.into());
        }
        let text = py.detach(|| serde_json::to_string(&**table).expect("plain data"));
        Ok((slf.get_type().getattr("_parse")?, (text,).into_pyobject(py)?))
    }

    fn __repr__(&self) -> String {
        format!("<pinesy.Cases of {} cases>", self.table.len())
    }
}

/// What else a table is made of, besides its inputs.
#[derive(Default)]
pub struct Beside<'a, 'py> {
    /// What turns probabilities into possibilities; none if degrees are possibilities.
    pub transform: Option<Transform>,
    /// What is right, to learn from: of derived attributes.
    pub targets: Option<&'a Bound<'py, PyAny>>,
    /// What is observed, of any attributes.
    pub observed: Option<&'a Bound<'py, PyAny>>,
}

impl Beside<'_, '_> {
    /// Inputs alone.
    pub fn transformed(transform: Option<Kind>) -> Self {
        Self { transform: transform.map(|kind| kind.0), ..Self::default() }
    }
}

/// The cases that were given: made already, or columns by name.
pub fn table(
    base: &RuleBase,
    cases: &Bound<'_, PyAny>,
    beside: &Beside<'_, '_>,
) -> Result<Arc<inference::Cases>, Fault> {
    if let Ok(made) = cases.cast::<Cases>() {
        if beside.transform.is_some() || beside.targets.is_some() || beside.observed.is_some() {
            return Err(Fault::given(
                "cases that are made already: expected nothing beside them; give it to Engine.cases",
            ));
        }
        return Ok(Arc::clone(&made.get().table));
    }
    let mut table = inference::Cases::of(base);
    for (name, column) in columns(cases, |name| base.inputs().any(|input| input.name() == name))? {
        table = give(table, base.attribute(&name), &name, &column, beside.transform)?;
    }
    let is_derived = |name: &str| base.rule_sets().iter().any(|set| base.conclusion(set).name() == name);
    for (name, column) in beside.targets.map_or(Ok(Vec::new()), |targets| columns(targets, is_derived))? {
        let said = said(base.attribute(&name), &name, &column)?;
        table = table.targets(&name, said);
    }
    let is_known = |name: &str| base.attribute(name).is_some();
    for (name, column) in beside.observed.map_or(Ok(Vec::new()), |observed| columns(observed, is_known))? {
        let said = said(base.attribute(&name), &name, &column)?;
        table = table.observed(&name, said);
    }
    Ok(Arc::new(table.build()?))
}

/// One of the cases: the only one, or that of a row.
pub fn one(table: &inference::Cases, row: Option<usize>) -> Result<inference::Cases, Fault> {
    match row {
        Some(row) if row < table.len() => Ok(table.row(row)),
        Some(row) => Err(Fault::given(format!("row {row} of {} cases: expected one of them, from 0", table.len()))),
        None if table.len() == 1 => Ok(table.clone()),
        None => Err(inference::Error::OneCase(table.len()).into()),
    }
}

/// Columns by name: all of a mapping, the wanted ones of a data frame, which may have others.
fn columns<'py>(
    table: &Bound<'py, PyAny>,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<(String, Bound<'py, PyAny>)>, Fault> {
    // pyarrow's tables have both, and the columns themselves under the second.
    let frame = match table.getattr_opt("column_names")? {
        Some(names) => Some(names),
        None => table.getattr_opt("columns")?,
    };
    let is_frame = frame.is_some();
    let no_table = |_| Fault::given(format!("{}: expected columns by name: a dict or a data frame", shown(table)));
    let names = frame.map_or_else(|| table.call_method0("keys"), Ok).map_err(no_table)?;
    let mut columns = Vec::new();
    for name in names.try_iter()? {
        let name = name?;
        match name.extract::<String>() {
            Ok(text) if !is_frame || wanted(&text) => columns.push((text, table.get_item(name)?)),
            Err(_) if !is_frame => {
                return Err(Fault::given(format!("{}: expected the name of a column", shown(&name))));
            }
            _ => {}
        }
    }
    Ok(columns)
}

/// Gives an input its column: None, a matrix of degrees, or what is known case by case.
fn give(
    table: CasesBuilder,
    attribute: Option<&Attribute>,
    name: &str,
    column: &Bound<'_, PyAny>,
    transform: Option<Transform>,
) -> Result<CasesBuilder, Fault> {
    // The table itself says what it thinks of a name it does not know.
    let Some(attribute) = attribute.filter(|_| !column.is_none()) else { return Ok(table.unknown(name)) };
    if !is_matrix(column)? {
        return Ok(table.inputs(name, each(name, column, |known| input(attribute, known, transform))?));
    }
    let array = numbers(name, column)?;
    // What transforms into complete ignorance is a uniform distribution.
    let ignorance = if transform.is_some() { 1.0 / attribute.domain().len() as f32 } else { 1.0 };
    let rows = without_missing(matrix(name, &array)?, ignorance);
    Ok(column.py().detach(|| match transform {
        None => table.possibilities(name, &rows),
        Some(transform) => table.probabilities(name, &rows, transform),
    }))
}

/// What is said of an attribute, case by case.
fn said(attribute: Option<&Attribute>, name: &str, column: &Bound<'_, PyAny>) -> Result<Vec<Option<Target>>, Fault> {
    let Some(attribute) = attribute else { return Ok(Vec::new()) };
    if !is_matrix(column)? {
        return each(name, column, |known| target(attribute, known));
    }
    let array = numbers(name, column)?;
    let row = |row: numpy::ndarray::ArrayView1<'_, f32>| (!is_missing(row)).then(|| Target::Degrees(row.to_vec()));
    Ok(matrix(name, &array)?.outer_iter().map(row).collect())
}

/// Reads a column case by case.
fn each<T>(
    name: &str,
    column: &Bound<'_, PyAny>,
    read: impl Fn(&Bound<'_, PyAny>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    if is_single(column) {
        return Ok(vec![read(column)?]);
    }
    // Python's own numbers rather than arrays of none: NumPy, torch, jax and pandas; polars; pyarrow.
    let mut items = column.clone();
    for method in ["tolist", "to_list", "to_pylist"] {
        if column.hasattr(method)? {
            items = column.call_method0(method)?;
            break;
        }
    }
    let items = items.try_iter().map_err(|_| Fault::given(format!("{name}: {}: expected a column", shown(column))))?;
    items.enumerate().map(|(row, item)| read(&item?).map_err(|fault| fault.in_row(row))).collect()
}

/// Whether a column has more axes than its cases.
fn is_matrix(column: &Bound<'_, PyAny>) -> Result<bool, Fault> {
    let axes = column.getattr_opt("ndim")?;
    Ok(axes.is_some_and(|axes| axes.extract::<usize>().is_ok_and(|axes| axes > 1)))
}

fn is_missing(row: numpy::ndarray::ArrayView1<'_, f32>) -> bool {
    !row.is_empty() && row.iter().all(|degree| degree.is_nan())
}

/// The same rows, those that are NaN throughout made ignorance.
fn without_missing(rows: ArrayView2<'_, f32>, ignorance: f32) -> CowArray<'_, f32, Ix2> {
    let mut rows = CowArray::from(rows);
    for row in 0..rows.nrows() {
        if is_missing(rows.row(row)) {
            rows.row_mut(row).fill(ignorance);
        }
    }
    rows
}
