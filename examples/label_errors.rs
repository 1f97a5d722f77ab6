//! Finds wrong labels: some sums of MNIST digits are written down wrongly, and the examples that
//! contradict the rules are listed.
//!
//! `cargo run --release --example label_errors`

#[macro_use]
#[path = "common/output.rs"]
mod output;

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;

use pinesy::datasets::Mnist;
use pinesy::inference::Engine;
use pinesy::learning::{LearningConfig, find_conflicts};
use pinesy::perception::{Checkpoint, DeviceChoice, DigitNet};
use pinesy::possibility::Transform;
use pinesy::tasks::addition::{self, Sums};
use rand::seq::index;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// An example this far from what the rules can give is taken for wrongly labelled.
const SUSPICIOUS: f32 = 0.95;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Images the network was not trained on.
    let digits = Mnist::read(root.join("datasets/mnist"))?.validation;
    let device = DeviceChoice::Cpu.open()?;
    let network = Checkpoint::read(root.join("models/mnist.safetensors"))?.own_reader::<DigitNet>(&device)?;
    let probabilities = network.probabilities(digits.views())?;
    let degrees = Transform::Antipignistic.possibilities(probabilities.view())?;
    let engine = Engine::of(&addition::rules(1)?);
    let sums = Sums::draw(digits.len(), 1, 0);
    println!("sums of two digits, 10,000 images not trained on; an example is suspected from distance {SUSPICIOUS}\n");
    println!("{:>10}  {:>6}  {:>9}  {:>9}  {:>7}", "mislabel.", "wrong", "suspected", "precision", "recall");
    for percent in [0, 1, 5, 10] {
        let mut rng = ChaCha8Rng::seed_from_u64(percent);
        let wrong: BTreeSet<usize> =
            index::sample(&mut rng, sums.len(), sums.len() * percent as usize / 100).into_iter().collect();
        let mut labels = digits.labels.clone();
        for &sum in &wrong {
            // One of the two digits is taken for another, and the sum written down accordingly.
            let image = sums.images(sum)[rng.random_range(0..2)];
            labels[image] = (labels[image] + rng.random_range(1..10)) % 10;
        }
        let cases = sums.labelled_cases(engine.base(), degrees.view(), labels.view())?;
        let conflicts =
            find_conflicts(&engine, &cases, &LearningConfig::default())?.into_iter().flat_map(|set| set.conflicts);
        let suspected: BTreeSet<usize> = conflicts.filter(|c| c.distance >= SUSPICIOUS).map(|c| c.example).collect();
        let hits = suspected.intersection(&wrong).count() as f64;
        let share = |of: usize| if of == 0 { "–".to_owned() } else { format!("{:.1} %", 100.0 * hits / of as f64) };
        println!(
            "{:>8} %  {:>6}  {:>9}  {:>9}  {:>7}",
            percent,
            wrong.len(),
            suspected.len(),
            share(suspected.len()),
            share(wrong.len())
        );
    }
    Ok(())
}
