//! A decision tree, logistic regression and naive Bayes on the grades that the rules see, trained
//! and tested on the splits of `examples/records.rs`; grades that were not recorded are 1, the most
//! frequent.

use std::error::Error;

use pinesy::datasets::{Biopsy, read_biopsies};
use pinesy::tasks::biopsies::split;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::logistic_regression::LogisticRegression;
use smartcore::naive_bayes::gaussian::GaussianNB;
use smartcore::tree::decision_tree_classifier::DecisionTreeClassifier;

const SPLITS: u64 = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let all = read_biopsies(concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/biopsies/biopsies.csv"))?;
    let (mut tree, mut regression, mut bayes) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 0..SPLITS {
        let [train, _, test] = split(&all, seed);
        let ((x, y), (test_x, test_y)) = (numbers(&train)?, numbers(&test)?);
        let right = |predicted: Vec<u32>| {
            predicted.iter().zip(&test_y).filter(|(a, b)| a == b).count() as f64 / test_y.len() as f64
        };
        tree.push(right(DecisionTreeClassifier::fit(&x, &y, Default::default())?.predict(&test_x)?));
        regression.push(right(LogisticRegression::fit(&x, &y, Default::default())?.predict(&test_x)?));
        bayes.push(right(GaussianNB::fit(&x, &y, Default::default())?.predict(&test_x)?));
    }
    for (name, accuracies) in [("decision tree", tree), ("logistic regression", regression), ("naive Bayes", bayes)] {
        let accuracies = ndarray::Array1::from(accuracies);
        let (mean, deviation) = (accuracies.mean().expect("at least one split"), accuracies.std(1.0));
        println!("{name:34} {:6.2} ± {:.2} %", 100.0 * mean, 100.0 * deviation);
    }
    Ok(())
}

fn numbers(biopsies: &[Biopsy]) -> Result<(DenseMatrix<f64>, Vec<u32>), Box<dyn Error>> {
    let row = |biopsy: &Biopsy| biopsy.grades.iter().map(|grade| f64::from(grade.unwrap_or(1))).collect();
    let rows: Vec<Vec<f64>> = biopsies.iter().map(row).collect();
    Ok((DenseMatrix::from_2d_vec(&rows)?, biopsies.iter().map(|biopsy| u32::from(biopsy.malignant)).collect()))
}
