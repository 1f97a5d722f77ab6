//! Biopsies: real records with gaps, and eighteen rules of thumb of which each has its exceptions.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::datasets::Biopsy;
use crate::inference::{Cases, Error, Input, Target};
use crate::rules::RuleBase;

/// The inputs, in the order of a biopsy's grades.
pub const GRADES: [&str; 9] = [
    "clump_thickness",
    "cell_size",
    "cell_shape",
    "adhesion",
    "epithelial_size",
    "bare_nuclei",
    "chromatin",
    "nucleoli",
    "mitoses",
];

/// The rules, `rulesets/biopsies.toml`, as shipped.
///
/// # Panics
/// Never: the file is checked by a test.
pub fn rules() -> RuleBase {
    let text = include_str!("../../rulesets/biopsies.toml");
    RuleBase::parse(text, "rulesets/biopsies.toml", &[]).expect("the shipped file is right")
}

/// What is known of a grade.
pub fn input(grade: Option<u8>) -> Input {
    grade.map_or(Input::Unknown, |grade| Input::Number(grade.into()))
}

/// The biopsies as cases: grades that are not known are unknown inputs, diagnoses are targets.
///
/// # Errors
/// If the rule base is another.
pub fn cases(base: &RuleBase, biopsies: &[Biopsy]) -> Result<Cases, Error> {
    let class = |biopsy: &Biopsy| Some(Target::value(if biopsy.malignant { "malignant" } else { "benign" }));
    let cases = Cases::of(base).targets("class", biopsies.iter().map(class));
    let column = |number: usize| biopsies.iter().map(move |biopsy| input(biopsy.grades[number]));
    GRADES.iter().enumerate().fold(cases, |cases, (number, name)| cases.inputs(name, column(number))).build()
}

/// A seeded split into training (half), calibration (a quarter) and test biopsies (a quarter).
pub fn split(biopsies: &[Biopsy], seed: u64) -> [Vec<Biopsy>; 3] {
    let mut order = biopsies.to_vec();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let (train, rest) = order.split_at(biopsies.len() / 2);
    let (calibration, test) = rest.split_at(rest.len() / 2);
    [train.to_vec(), calibration.to_vec(), test.to_vec()]
}
