//! Possibility measures and transformations: worked values and properties.

use approx::assert_abs_diff_eq;
use pinesy::possibility::{Attribute, Decision, Distribution, Domain, Error, Transform, Value};
use proptest::prelude::*;
use strum::VariantArray;

fn distribution(degrees: &[f32]) -> Result<Distribution, Error> {
    let domain = Domain::integers(0..=degrees.len() as i64 - 1).unwrap();
    Distribution::new(Attribute::new("x", domain).unwrap(), degrees.to_vec())
}

#[test]
fn measures() {
    let pi = distribution(&[0.2, 1.0, 0.7, 0.0]).unwrap();
    assert_eq!(pi.height(), 1.0);
    assert_eq!(pi.possibility_of::<Value>([]).unwrap(), 0.0);
    assert_eq!(pi.possibility_of([0, 2]).unwrap(), 0.7);
    assert_eq!(pi.necessity_of([1]).unwrap(), 1.0 - 0.7);
    assert_eq!(pi.necessity_of([0, 1, 2, 3]).unwrap(), 1.0);
    let outside = pi.necessity_of([4]).unwrap_err();
    assert_eq!(outside.to_string(), "x has no value 4: expected one of 0..3");
    assert_eq!(pi.decision(), Decision::Unique(1));
    assert_eq!(pi.decided(), Some(&Value::Integer(1)));
}

#[test]
fn ties_are_ambiguous() {
    assert_eq!(distribution(&[0.5, 1.0, 1.0]).unwrap().decision(), Decision::Ambiguous(vec![1, 2]));
    assert_eq!(distribution(&[0.0, 0.0]).unwrap().decision(), Decision::Ambiguous(vec![0, 1]));
    assert_eq!(distribution(&[0.5, 1.0, 1.0]).unwrap().decided(), None);
}

#[test]
fn wrong_distributions_and_domains_are_named() {
    let message = |degrees: &[f32]| distribution(degrees).unwrap_err().to_string();
    assert_eq!(message(&[0.5, 1.25]), "x: degree 1.25 at position 1: expected a number from 0 to 1");
    assert_eq!(message(&[f32::NAN, 1.0]), "x: degree NaN at position 0: expected a number from 0 to 1");
    assert_eq!(Domain::symbols([]).unwrap_err(), Error::EmptyDomain);
    assert_eq!(Domain::symbols(["a", "b", "a"]).unwrap_err(), Error::DuplicateValue(Value::from("a")));
    let wide = Domain::integers(0..=9_999).unwrap();
    assert_eq!(
        Domain::product(&[wide.clone(), wide]).unwrap_err(),
        Error::LargeDomain { given: 100_000_000, limit: 1 << 20 }
    );
    assert_eq!(
        Domain::integers(0..=i64::MAX).unwrap_err(),
        Error::LargeDomain { given: (1 << 20) + 1, limit: 1 << 20 }
    );
    assert!(Attribute::new("2x", Domain::integers(0..=1).unwrap()).is_err());
}

#[test]
fn domains_round_trip_as_json() {
    let pair = Domain::product(&[Domain::integers(0..=1).unwrap(), Domain::symbols(["a", "b"]).unwrap()]).unwrap();
    let json = serde_json::to_string(&pair).unwrap();
    assert_eq!(json, r#"[[0,"a"],[0,"b"],[1,"a"],[1,"b"]]"#);
    assert_eq!(serde_json::from_str::<Domain>(&json).unwrap(), pair);
    assert!(serde_json::from_str::<Domain>("[]").is_err());
    assert!(serde_json::from_str::<Attribute>(r#"{"name":"a b","domain":[1]}"#).is_err());
}

#[test]
fn wrong_probabilities_are_named() {
    let message = |p: &[f32]| Transform::Antipignistic.possibility(p).unwrap_err().to_string();
    assert!(message(&[0.5, 0.6]).starts_with("probabilities: they sum to 1.1"));
    assert_eq!(message(&[0.5, -0.5, 1.0]), "probabilities: -0.5 at position 1: expected a number from 0 to 1");
    assert!(message(&[]).contains("they sum to 0"));
    assert!(message(&[f32::NAN]).contains("NaN at position 0"));
    let low = Transform::Antipignistic.probability(&[0.9, 0.5]).unwrap_err();
    assert_eq!(low.to_string(), "probabilities: the highest degree is 0.9: expected 1");
}

/// Probability vectors, with ties among them.
fn probabilities() -> impl Strategy<Value = Vec<f32>> {
    let weight = prop_oneof![(0..4u8).prop_map(f32::from), 0.0..3.0f32];
    prop::collection::vec(weight, 1..12).prop_filter_map("some weight", |weights| {
        let sum: f32 = weights.iter().sum();
        (sum > 0.1).then(|| weights.iter().map(|w| w / sum).collect())
    })
}

fn by_definition(transform: Transform, p: &[f32]) -> Vec<f32> {
    let p: Vec<f64> = p.iter().map(|&x| f64::from(x)).collect();
    let degree = |i: usize| -> f64 {
        match transform {
            Transform::Antipignistic => p.iter().map(|&q| q.min(p[i])).sum(),
            Transform::MinimumSpecificity => p.iter().filter(|&&q| q <= p[i]).sum(),
        }
    };
    (0..p.len()).map(|i| degree(i) as f32).collect()
}

proptest! {
    #[test]
    fn transformations_follow_their_definition_and_invert(p in probabilities()) {
        for &transform in Transform::VARIANTS {
            let pi = transform.possibility(&p).unwrap();
            for (ours, exact) in pi.iter().zip(by_definition(transform, &p)) {
                assert_abs_diff_eq!(*ours, exact, epsilon = 2e-6);
            }
            prop_assert_eq!(pi.iter().copied().fold(0.0, f32::max), 1.0);
            for i in 0..p.len() {
                for j in 0..p.len() {
                    prop_assert!(p[i] > p[j] || pi[i] <= pi[j]);
                    prop_assert!(p[i] != p[j] || pi[i] == pi[j]);
                }
            }
            for (back, p) in transform.probability(&pi).unwrap().iter().zip(&p) {
                assert_abs_diff_eq!(back, p, epsilon = 1e-5);
            }
        }
    }
}
