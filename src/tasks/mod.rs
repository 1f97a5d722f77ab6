//! What is specific to the tasks the engine is proved on, and nothing else.

pub mod addition;
pub mod biopsies;
pub mod iris;
pub mod sudoku;
