pub mod datasets;
#[cfg(feature = "perception")]
pub mod perception;
mod whole_file;
