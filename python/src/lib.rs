//! `pinesy._pinesy`: the engine for Python, one file for each area.
//!
//! It is thin. Tables and arrays become what the crate takes, answers become arrays and reports,
//! errors [`error::Error`]; all else is the crate's. Work runs without the interpreter's lock, on
//! threads of this process alone ([`pool`]).

mod arrays;
mod backward;
mod calibration;
mod cases;
mod engine;
mod error;
mod explain;
mod learning;
mod parameters;
mod partial;
mod pool;
mod relation;
mod report;
mod rules;
mod values;

/// The engine of `pinesy`; import that package instead.
#[pyo3::pymodule]
mod _pinesy {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::arrays::{decide, inverse_transform, necessity, transform};
    #[pymodule_export]
    use crate::calibration::Calibration;
    #[pymodule_export]
    use crate::cases::Cases;
    #[pymodule_export]
    use crate::engine::Engine;
    #[pymodule_export]
    use crate::error::Error;
    #[pymodule_export]
    use crate::parameters::Parameters;
    #[pymodule_export]
    use crate::partial::{CalibratedRuleSets, PartialRuleSets};
    #[pymodule_export]
    use crate::relation::{OppositeSolutions, PartialSystem, System, max_min, min_max};
    #[pymodule_export]
    use crate::report::Report;
    #[pymodule_export]
    use crate::rules::RuleBase;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        crate::error::prepare(module.py())
    }
}
