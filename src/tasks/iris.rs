//! Irises: a task whose rules are only partly reliable, so that their parameters matter.
//!
//! Petal sizes become fuzzy concepts (short, medium, long; narrow, medium, broad), a few rules of
//! thumb conclude on the species, and learning finds out what each rule is worth.

use ndarray::Array2;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::datasets::Flower;
use crate::inference::{Cases, Error, Target};
use crate::possibility::Trapezoid;
use crate::rules::RuleBase;

/// The rules, `rulesets/iris.toml`, as shipped.
///
/// # Panics
/// Never: the file is checked by a test.
pub fn rules() -> RuleBase {
    let text = include_str!("../../rulesets/iris.toml");
    RuleBase::parse(text, "rulesets/iris.toml", &[]).expect("the shipped file is right")
}

/// The three concepts of a size: below, between and above two borders, each overlapping the next
/// by `softness` on either side. Every size belongs fully to one of them at least.
fn concepts(low: f32, high: f32, softness: f32) -> [Trapezoid; 3] {
    let set =
        |start, core_start, core_end, end| Trapezoid::new(start, core_start, core_end, end).expect("rising corners");
    [
        set(f32::NEG_INFINITY, f32::NEG_INFINITY, low, low + softness),
        set(low - softness, low, high, high + softness),
        set(high - softness, high, f32::INFINITY, f32::INFINITY),
    ]
}

/// The flowers as cases: possibilities of the two petal sizes, species as targets.
///
/// # Errors
/// If the rule base is another.
pub fn cases(base: &RuleBase, flowers: &[&Flower]) -> Result<Cases, Error> {
    let column = |size: fn(&Flower) -> f32, concepts: [Trapezoid; 3]| {
        Array2::from_shape_fn((flowers.len(), 3), |(row, concept)| concepts[concept].degree(size(flowers[row])))
    };
    Cases::of(base)
        .possibilities("petal_length", &column(|flower| flower.petal_length, concepts(2.5, 4.9, 0.6)))
        .possibilities("petal_width", &column(|flower| flower.petal_width, concepts(0.8, 1.7, 0.3)))
        .targets("species", flowers.iter().map(|flower| Some(Target::value(flower.species.as_str()))))
        .build()
}

/// A seeded split into training (half), validation (a sixth) and test flowers (a third).
pub fn split(flowers: &[Flower], seed: u64) -> [Vec<&Flower>; 3] {
    let mut order: Vec<&Flower> = flowers.iter().collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let (train, rest) = order.split_at(flowers.len() / 2);
    let (validation, test) = rest.split_at(flowers.len() / 6);
    [train.to_vec(), validation.to_vec(), test.to_vec()]
}
