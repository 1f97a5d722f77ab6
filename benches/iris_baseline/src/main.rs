//! A decision tree and logistic regression on the numbers that the rules see (petal length and
//! width), trained and tested on the splits of `examples/iris.rs`.

use std::error::Error;

use pinesy::datasets::{Flower, read_iris};
use pinesy::tasks::iris::split;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::logistic_regression::LogisticRegression;
use smartcore::tree::decision_tree_classifier::DecisionTreeClassifier;

const SPLITS: u64 = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let flowers = read_iris(concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/iris/iris.csv"))?;
    let (mut tree, mut regression) = (Vec::new(), Vec::new());
    for seed in 0..SPLITS {
        let [train, _, test] = split(&flowers, seed);
        let ((x, y), (test_x, test_y)) = (numbers(&train)?, numbers(&test)?);
        let right = |predicted: Vec<u32>| {
            predicted.iter().zip(&test_y).filter(|(a, b)| a == b).count() as f64 / test_y.len() as f64
        };
        tree.push(right(DecisionTreeClassifier::fit(&x, &y, Default::default())?.predict(&test_x)?));
        regression.push(right(LogisticRegression::fit(&x, &y, Default::default())?.predict(&test_x)?));
    }
    for (name, accuracies) in [("decision tree", tree), ("logistic regression", regression)] {
        let accuracies = ndarray::Array1::from(accuracies);
        let (mean, deviation) = (accuracies.mean().expect("at least one split"), accuracies.std(1.0));
        println!("{name:42} {:6.2} ± {:.2} %", 100.0 * mean, 100.0 * deviation);
    }
    Ok(())
}

fn numbers(flowers: &[&Flower]) -> Result<(DenseMatrix<f64>, Vec<u32>), Box<dyn Error>> {
    let rows: Vec<Vec<f64>> =
        flowers.iter().map(|flower| vec![flower.petal_length.into(), flower.petal_width.into()]).collect();
    let species = |flower: &&Flower| ["setosa", "versicolor", "virginica"].iter().position(|s| *s == flower.species);
    let labels = flowers.iter().map(|flower| species(flower).map(|i| i as u32).ok_or("unknown species"));
    Ok((DenseMatrix::from_2d_vec(&rows)?, labels.collect::<Result<_, _>>()?))
}
