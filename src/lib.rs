pub mod datasets;
#[cfg(feature = "perception")]
pub mod perception;
pub mod possibility;
pub mod rules;
mod whole_file;
