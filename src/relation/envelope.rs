use serde::{Deserialize, Serialize};

/// What one column of a min-max system contributes to every Chebyshev distance.
///
/// For column j, F_j(u) = max over rows k of min((y_k − u)⁺/2, (y_k − γ_kj)⁺) depends on the row
/// asked about only through u. A pair (y, c) with c = (y − γ)⁺ can never decide when another has
/// both at least as great, so the Pareto frontier of the pairs is all that need be kept: sorted
/// by falling y its c rises, and the maximum sits where c crosses (y − u)/2.
///
/// Envelopes merge: the order in which rows arrive, and how they are spread over envelopes, makes
/// no difference.
///
/// ```
/// use pinesy::relation::Envelope;
///
/// let mut column = Envelope::default();
/// column.insert(1.0, 0.25); // a row with right-hand side 1 and coefficient 0.25
/// column.insert(0.5, 0.0);
/// assert_eq!(column.query(0.0), 0.5);
/// assert_eq!(column.query(1.0), 0.0);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Envelope {
    /// (y, c), y strictly falling, c strictly rising from above 0.
    frontier: Vec<(f32, f32)>,
}

/// An envelope from outside.
#[derive(Deserialize)]
struct Unchecked {
    frontier: Vec<(f32, f32)>,
}

impl TryFrom<Unchecked> for Envelope {
    type Error = &'static str;

    fn try_from(Unchecked { frontier }: Unchecked) -> Result<Self, Self::Error> {
        let degrees = frontier.iter().all(|&(y, c)| (-1.0..=1.0).contains(&y) && c > 0.0 && c <= 1.0);
        if degrees && frontier.windows(2).all(|pair| pair[0].0 > pair[1].0 && pair[0].1 < pair[1].1) {
            return Ok(Self { frontier });
        }
        Err("envelope: expected pairs (y, c) of degrees, y falling and c rising")
    }
}

impl Envelope {
    /// Takes in a row with right-hand side `y` and, in this column, coefficient `gamma`.
    pub fn insert(&mut self, y: f32, gamma: f32) {
        self.insert_pair(y, (y - gamma).max(0.0));
    }

    fn insert_pair(&mut self, y: f32, c: f32) {
        if c <= 0.0 {
            return;
        }
        let at = self.frontier.partition_point(|&(known, _)| known > y);
        let beaten = (at > 0 && self.frontier[at - 1].1 >= c)
            || self.frontier.get(at).is_some_and(|&(known_y, known_c)| known_y == y && known_c >= c);
        if beaten {
            return;
        }
        let beats = self.frontier[at..].iter().take_while(|&&(_, known)| known <= c).count();
        self.frontier.splice(at..at + beats, [(y, c)]);
    }

    /// Takes in all rows that `other` has taken in.
    pub fn merge(&mut self, other: &Self) {
        for &(y, c) in &other.frontier {
            self.insert_pair(y, c);
        }
    }

    /// F(u).
    pub fn query(&self, u: f32) -> f32 {
        let (c, y) = self.neighbours(self.crossing(u));
        c.max(y.map_or(0.0, |y| half_distance(y, u)))
    }

    /// Where c reaches (y − u)⁺/2: the number of pairs before that. Falls as u rises.
    pub(super) fn crossing(&self, u: f32) -> usize {
        self.frontier.partition_point(|&(y, c)| c < half_distance(y, u))
    }

    /// The c of the pair before a crossing (0 if there is none) and the y of the one after.
    pub(super) fn neighbours(&self, crossing: usize) -> (f32, Option<f32>) {
        let before = if crossing > 0 { self.frontier[crossing - 1].1 } else { 0.0 };
        (before, self.frontier.get(crossing).map(|&(y, _)| y))
    }

    /// Whether some y may be the least number away from another degree.
    pub(super) fn is_tiny(&self) -> bool {
        self.frontier.iter().any(|&(y, _)| is_tiny(y))
    }

    /// The number of pairs kept.
    pub fn len(&self) -> usize {
        self.frontier.len()
    }

    /// Whether no row can contribute anything.
    pub fn is_empty(&self) -> bool {
        self.frontier.is_empty()
    }
}

/// min((y − u)⁺/2, (y − γ)⁺): what a single row with right-hand side `y` and coefficient `gamma`
/// contributes to F(u).
pub(crate) fn contribution(y: f32, gamma: f32, u: f32) -> f32 {
    half_distance(y, u).min((y - gamma).max(0.0))
}

/// (y − u)⁺/2, and not 0 unless y ≤ u: half of the least number is rounded up to it.
fn half_distance(y: f32, u: f32) -> f32 {
    let half = (y - u).max(0.0) / 2.0;
    if half == 0.0 && y > u { LEAST } else { half }
}

/// The least number above 0.
const LEAST: f32 = f32::from_bits(1);

/// The highest number of which the least is the distance to the next.
const TINY: f32 = f32::MIN_POSITIVE * 2.0;

/// Whether the distance from a degree to another may be the least number.
pub(super) fn is_tiny(y: f32) -> bool {
    y != 0.0 && y.abs() <= TINY
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// F(u) straight from its definition.
    fn definition(rows: &[(f32, f32)], u: f32) -> f32 {
        let half = |y: f32| if y - u == LEAST { LEAST } else { (y - u).max(0.0) / 2.0 };
        rows.iter().fold(0.0, |f: f32, &(y, gamma)| f.max(half(y).min((y - gamma).max(0.0))))
    }

    /// Degrees on a coarse grid, so that ties are common.
    fn degree() -> impl Strategy<Value = f32> {
        prop_oneof![(0..=8u8).prop_map(|i| f32::from(i) / 8.0), 0.0..=1.0f32, (0..=4u32).prop_map(f32::from_bits)]
    }

    proptest! {
        #[test]
        fn query_is_the_definition_however_rows_are_spread(
            rows in prop::collection::vec((degree(), degree()), 0..60), split in 0..60usize, u in degree()
        ) {
            let split = split.min(rows.len());
            let build = |rows: &[(f32, f32)]| {
                let mut envelope = Envelope::default();
                rows.iter().for_each(|&(y, gamma)| envelope.insert(y, gamma));
                envelope
            };
            let whole = build(&rows);
            prop_assert_eq!(whole.query(u), definition(&rows, u));
            let (left, right) = (build(&rows[..split]), build(&rows[split..]));
            let (mut a, mut b) = (left.clone(), right.clone());
            a.merge(&right);
            b.merge(&left);
            prop_assert_eq!(&a, &whole);
            prop_assert_eq!(&b, &whole);
            a.merge(&whole);
            prop_assert_eq!(&a, &whole);
        }
    }
}
