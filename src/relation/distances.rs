//! The two passes over the rows of a system: one that gathers the columns' envelopes, one that
//! asks them for every row's distance.
//!
//! Degrees are cut into buckets. A table with one entry a bucket and column answers almost every
//! question without touching an envelope: in the first pass, whether a pair (y, c) is beaten by
//! one of a higher bucket; in the second, what F_j(y) is. Tables are laid out so that all columns
//! of a row are looked at by the same vector instructions. Where a table leaves the answer open,
//! the envelope is asked. The result is exact.

use multiversion::multiversion;
use rayon::prelude::*;

use super::envelope::is_tiny;
use super::{Composition, Envelope, row_distance};

/// A block of rows of a system: the matrix row by row, and the signed right-hand side.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub matrix: &'a [f32],
    pub rhs: &'a [f32],
    pub columns: usize,
    pub composition: Composition,
}

/// Buckets of signed degrees, numbered in rising order. Their number is a power of two, so that
/// finding a bucket involves no rounding.
#[derive(Clone, Copy)]
struct Buckets {
    count: usize,
    composition: Composition,
}

impl Buckets {
    /// Finer for more rows, within the size of a first-level cache.
    fn new(rows: usize, composition: Composition) -> Self {
        Self { count: (rows / 32).clamp(4, 128).next_power_of_two(), composition }
    }

    #[inline(always)]
    fn of(self, y: f32) -> usize {
        let magnitude = ((y.abs() * self.count as f32) as usize).min(self.count - 1);
        match self.composition {
            Composition::MinMax => magnitude,
            Composition::MaxMin => self.count - 1 - magnitude,
        }
    }

    /// The lowest degree of a bucket and the highest: both may belong to it.
    fn edges(self, bucket: usize) -> (f32, f32) {
        let edge = |i: usize| self.composition.bottom() + i as f32 / self.count as f32;
        (edge(bucket), edge(bucket + 1))
    }
}

impl Rows<'_> {
    /// The envelopes of all columns.
    pub fn envelopes(self) -> Vec<Envelope> {
        let buckets = Buckets::new(self.rhs.len(), self.composition);
        // The highest c of each bucket, then of all higher buckets.
        let mut beaten = vec![0.0; buckets.count * self.columns];
        highest_of_buckets(self, buckets, &mut beaten);
        let mut above = vec![0.0f32; self.columns];
        for bucket in beaten.chunks_exact_mut(self.columns).rev() {
            for (own, above) in bucket.iter_mut().zip(&mut above) {
                let higher = *above;
                *above = above.max(*own);
                *own = higher;
            }
        }
        let mut envelopes = vec![Envelope::default(); self.columns];
        insert_unbeaten(self, buckets, &beaten, &mut envelopes);
        envelopes
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn highest_of_buckets(rows: Rows, buckets: Buckets, highest: &mut [f32]) {
    let (columns, sign) = (rows.columns, rows.composition.sign());
    for (row, &y) in rows.matrix.chunks_exact(columns).zip(rows.rhs) {
        let start = buckets.of(y) * columns;
        for (highest, &gamma) in highest[start..start + columns].iter_mut().zip(row) {
            let c = y - sign * gamma;
            *highest = if c > *highest { c } else { *highest };
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn insert_unbeaten(rows: Rows, buckets: Buckets, beaten: &[f32], envelopes: &mut [Envelope]) {
    let (columns, sign) = (rows.columns, rows.composition.sign());
    for (row, &y) in rows.matrix.chunks_exact(columns).zip(rows.rhs) {
        let start = buckets.of(y) * columns;
        let beaten = &beaten[start..start + columns];
        let unbeaten = |(&gamma, &beaten): (&f32, &f32)| u32::from(y - sign * gamma > beaten);
        if row.iter().zip(beaten).map(unbeaten).sum::<u32>() == 0 {
            continue;
        }
        for ((envelope, &gamma), &beaten) in envelopes.iter_mut().zip(row).zip(beaten) {
            if y - sign * gamma > beaten {
                envelope.insert(y, sign * gamma);
            }
        }
    }
}

/// Envelopes with what F_j is within each bucket.
///
/// F_j(u) = max(c, (y − u)⁺/2) for two neighbours on the frontier, y the first of which c crosses
/// half the distance. Unless the crossing moves within the bucket, these two give F_j exactly.
pub(super) struct Tabled<'a> {
    envelopes: &'a [Envelope],
    buckets: Buckets,
    table: Vec<Bucket>,
    /// Whether some y may be the least number away from another degree: half of that is 0.
    has_tiny: bool,
}

/// What all F_j are within one bucket.
struct Bucket {
    /// Each column's c; where the crossing moves, the least F_j of the bucket.
    c: Vec<f32>,
    /// Each column's y; where the crossing moves, too low to matter.
    y: Vec<f32>,
    /// 0, or where the crossing moves more than any distance.
    penalty: Vec<f32>,
    /// The columns whose crossing moves.
    moving: Vec<usize>,
}

/// Below every degree, signed or not.
const NOWHERE: f32 = -2.0;

impl Bucket {
    fn new(envelopes: &[Envelope], (low, high): (f32, f32)) -> Self {
        let columns = envelopes.len();
        let mut bucket =
            Self { c: vec![0.0; columns], y: vec![NOWHERE; columns], penalty: vec![0.0; columns], moving: Vec::new() };
        for (j, envelope) in envelopes.iter().enumerate() {
            let crossing = envelope.crossing(high);
            if crossing == envelope.crossing(low) {
                let (c, y) = envelope.neighbours(crossing);
                bucket.c[j] = c;
                bucket.y[j] = y.unwrap_or(NOWHERE);
            } else {
                bucket.c[j] = envelope.query(high);
                bucket.penalty[j] = 2.0;
                bucket.moving.push(j);
            }
        }
        bucket
    }
}

impl<'a> Tabled<'a> {
    pub fn new(envelopes: &'a [Envelope], rows: usize, composition: Composition) -> Self {
        let buckets = Buckets::new(rows, composition);
        let table =
            (0..buckets.count).into_par_iter().map(|bucket| Bucket::new(envelopes, buckets.edges(bucket))).collect();
        Self { envelopes, buckets, table, has_tiny: envelopes.iter().any(Envelope::is_tiny) }
    }

    /// ∇_i of every row of a block.
    pub fn distances(&self, rows: Rows, distances: &mut [f32]) {
        row_distances(self, rows, distances);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn row_distances(tabled: &Tabled, rows: Rows, distances: &mut [f32]) {
    const LANES: usize = 16;
    let (columns, sign, top) = (rows.columns, rows.composition.sign(), rows.composition.top());
    for ((row, &y), distance) in rows.matrix.chunks_exact(columns).zip(rows.rhs).zip(distances) {
        let bucket = &tabled.table[tabled.buckets.of(y)];
        let (c, known, penalty) = (&bucket.c[..columns], &bucket.y[..columns], &bucket.penalty[..columns]);
        let value = |j: usize| {
            let half = (known[j] - y) / 2.0;
            let f = if half > c[j] { half } else { c[j] };
            let excess = sign * row[j] - y;
            (if excess > f { excess } else { f }) + penalty[j]
        };
        let mut least = [top - y; LANES];
        let whole = columns - columns % LANES;
        for first in (0..whole).step_by(LANES) {
            for (lane, least) in least.iter_mut().enumerate() {
                let value = value(first + lane);
                *least = if value < *least { value } else { *least };
            }
        }
        let mut least = least.into_iter().fold(top - y, f32::min);
        for j in whole..columns {
            least = least.min(value(j));
        }
        for &j in &bucket.moving {
            let excess = (sign * row[j] - y).max(c[j]);
            if excess < least {
                least = least.min((sign * row[j] - y).max(tabled.envelopes[j].query(y)));
            }
        }
        if least == 0.0 && (is_tiny(y) || y == 0.0 && tabled.has_tiny) {
            let asked = tabled.envelopes.iter().map(|envelope| |u| envelope.query(u));
            least = row_distance(y, top, 0.0, row.iter().map(|&gamma| sign * gamma).zip(asked));
        }
        *distance = least;
    }
}
