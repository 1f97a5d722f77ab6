#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod command;
pub mod datasets;
pub mod explain;
pub mod inference;
pub mod learning;
mod limited;
#[cfg(feature = "perception")]
pub mod perception;
pub mod possibility;
mod program;
pub mod relation;
pub mod rules;
mod shortened;
pub mod tasks;
mod unique;
#[doc(hidden)]
pub mod whole_file;
