use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, VariantArray, VariantNames};

use super::{Error, check_degrees, height};

/// How far probabilities may be from summing to one.
const SUM_TOLERANCE: f64 = 1e-3;

/// Probabilities that differ by at most this share of the lesser count as equal: two roundings.
const NEAR: f32 = 2.0 * f32::EPSILON;

/// A map from probability to possibility distributions, and back.
///
/// Both maps give a normalised distribution in the order of the probabilities; equal
/// probabilities get equal possibilities. Probabilities that differ by two roundings at most
/// (2⁻²² of the lesser) count as equal, so that a tie stays one however it was computed. That is
/// where exactness ends: probabilities further apart are told apart, unless they differ by so
/// little that their possibilities, which are sums, round to the same number.
///
/// As text: `antipignistic`, `minimum-specificity`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, EnumString, Display, VariantNames, VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Transform {
    /// π_i = Σ_j min(p_i, p_j) (Dubois & Prade 1983).
    #[default]
    Antipignistic,
    /// π_i = Σ of the p_j ≤ p_i: the most specific distribution that bounds p from above
    /// (Dubois, Prade & Sandri 1993).
    MinimumSpecificity,
}

impl Transform {
    /// The possibility distribution of a probability distribution.
    ///
    /// ```
    /// use pinesy::possibility::Transform;
    ///
    /// let p = [0.5, 0.3, 0.2];
    /// assert_eq!(Transform::Antipignistic.possibility(&p)?, [1.0, 0.8, 0.6]);
    /// assert_eq!(Transform::MinimumSpecificity.possibility(&p)?, [1.0, 0.5, 0.2]);
    /// // Ties stay ties.
    /// assert_eq!(Transform::MinimumSpecificity.possibility(&[0.25, 0.5, 0.25])?, [0.5, 1.0, 0.5]);
    /// # Ok::<(), pinesy::possibility::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Probability`] and [`Error::ProbabilitySum`] unless the numbers are in \[0, 1\] and sum
    /// to 1 within 0.001; what they lack is made up by scaling.
    pub fn possibility(self, probabilities: &[f32]) -> Result<Vec<f32>, Error> {
        if let Some(i) = probabilities.iter().position(|p| !(0.0..=1.0).contains(p)) {
            return Err(Error::Probability { position: i, probability: probabilities[i] });
        }
        let sum = probabilities.iter().fold(0.0, |sum, &p| sum + f64::from(p));
        if (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(Error::ProbabilitySum { sum, tolerance: SUM_TOLERANCE });
        }
        let mut order: Vec<usize> = (0..probabilities.len()).collect();
        order.sort_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
        let mut degrees = vec![0.0; probabilities.len()];
        let mut below = 0.0; // sum of the probabilities before the group of equals
        let mut start = 0;
        while start < order.len() {
            let p = probabilities[order[start]];
            let near = p + NEAR * p;
            let end = start + order[start..].iter().take_while(|&&i| probabilities[i] <= near).count();
            let equal = probabilities[order[end - 1]] == p;
            let group = match equal {
                true => f64::from(p) * (end - start) as f64,
                false => order[start..end].iter().map(|&i| f64::from(probabilities[i])).sum(),
            };
            let degree = match self {
                _ if end == order.len() => 1.0,
                Self::Antipignistic => (below + f64::from(p) * (order.len() - start) as f64) / sum,
                Self::MinimumSpecificity => (below + group) / sum,
            };
            for &i in &order[start..end] {
                degrees[i] = degree.min(1.0) as f32;
            }
            below += group;
            start = end;
        }
        Ok(degrees)
    }

    /// [`Self::possibility`] of every row.
    ///
    /// # Errors
    /// [`Error::Row`] for the first row that is no probability distribution.
    pub fn possibilities(self, probabilities: ArrayView2<'_, f32>) -> Result<Array2<f32>, Error> {
        let mut degrees = Vec::with_capacity(probabilities.len());
        for (row, probabilities) in probabilities.outer_iter().enumerate() {
            let possibility = self.possibility(&probabilities.to_vec());
            degrees.extend(possibility.map_err(|error| Error::Row { row, error: Box::new(error) })?);
        }
        Ok(Array2::from_shape_vec(probabilities.dim(), degrees).expect("one degree a probability"))
    }

    /// The probability distribution that [`Self::possibility`] maps to these degrees.
    ///
    /// ```
    /// use pinesy::possibility::Transform;
    ///
    /// let p = Transform::Antipignistic.probability(&[1.0, 0.8, 0.6])?;
    /// assert!(p.iter().zip([0.5, 0.3, 0.2]).all(|(a, b)| (a - b).abs() < 1e-6));
    /// # Ok::<(), pinesy::possibility::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Degree`] for a degree outside \[0, 1\], [`Error::NotNormalised`] unless the highest
    /// degree is 1.
    pub fn probability(self, degrees: &[f32]) -> Result<Vec<f32>, Error> {
        check_degrees("possibilities", degrees.len(), degrees)?;
        if height(degrees) != 1.0 {
            return Err(Error::NotNormalised { height: height(degrees) });
        }
        let mut order: Vec<usize> = (0..degrees.len()).collect();
        order.sort_by(|&a, &b| degrees[a].total_cmp(&degrees[b]));
        let mut probabilities = vec![0.0; degrees.len()];
        let (mut lower, mut share) = (0.0, 0.0); // degree and probability of the group below
        let mut start = 0;
        while start < order.len() {
            let degree = degrees[order[start]];
            let end = start + order[start..].iter().take_while(|&&i| degrees[i] == degree).count();
            let rise = f64::from(degree) - lower;
            share = match self {
                // The rise is shared by everything at this degree or above.
                Self::Antipignistic => share + rise / (order.len() - start) as f64,
                Self::MinimumSpecificity => rise / (end - start) as f64,
            };
            for &i in &order[start..end] {
                probabilities[i] = share as f32;
            }
            lower = f64::from(degree);
            start = end;
        }
        Ok(probabilities)
    }
}
