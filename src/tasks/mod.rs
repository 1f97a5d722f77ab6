//! What is specific to the tasks the engine is proved on, and nothing else.

pub mod addition;
pub mod iris;
pub mod sudoku;
