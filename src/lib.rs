pub mod datasets;
pub mod inference;
pub mod learning;
#[cfg(feature = "perception")]
pub mod perception;
pub mod possibility;
pub mod relation;
pub mod rules;
mod whole_file;
