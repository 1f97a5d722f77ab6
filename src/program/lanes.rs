//! Degrees of one example, or of several side by side so that one instruction serves them all.

use std::ops::{Deref, DerefMut};

use multiversion::multiversion;

use super::lists::ListsRange;

/// Examples computed together.
pub(crate) const LANES: usize = 16;

/// One degree for each of [`LANES`] examples, in a cache line of its own: a vector that straddles
/// two takes twice as long to load.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
pub(crate) struct Wide(pub [f32; LANES]);

impl Deref for Wide {
    type Target = [f32; LANES];

    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Wide {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

/// What a program computes with: the degree of one example (`f32`) or of several ([`Wide`]).
///
/// Minima and maxima are written as comparisons, because degrees are never NaN: each compiles to
/// one instruction.
pub(crate) trait Lane: Copy + PartialEq + Send + Sync {
    fn splat(degree: f32) -> Self;

    /// Sets the degree of one of the examples.
    fn set_lane(&mut self, lane: usize, degree: f32);

    fn min(self, other: Self) -> Self;

    fn max(self, other: Self) -> Self;

    /// For each pair of registers, their minimum into the next register from `first` on.
    fn minima(pairs: &[[u32; 2]], first: usize, frame: &mut [Self]) {
        join(pairs, first, frame, Lane::min);
    }

    /// For each pair of registers, their maximum into the next register from `first` on.
    fn maxima(pairs: &[[u32; 2]], first: usize, frame: &mut [Self]) {
        join(pairs, first, frame, Lane::max);
    }

    /// The other way, last pair first: each result raises both registers of its pair.
    fn raise_pairs(pairs: &[[u32; 2]], first: usize, frame: &mut [Self]) {
        raise_back(pairs, first, frame);
    }

    /// Raises each degree to at least its floor.
    fn raise(degrees: &mut [Self], floors: &[f32]) {
        raise_each(degrees, floors);
    }

    /// λ and ρ of each premise, a list of propositions, from what was measured of these.
    fn premises(premises: ListsRange<'_>, measures: &[[Self; 2]], levels: &mut [Self]) {
        each_premise(premises, measures, levels);
    }

    /// Copies the registers of some results, two a proposition.
    fn publish(outputs: &[u32], frame: &[Self], measures: &mut [[Self; 2]]) {
        publish_each(outputs, frame, measures);
    }
}

#[inline(always)]
fn each_premise<L: Lane>(premises: ListsRange<'_>, measures: &[[L; 2]], levels: &mut [L]) {
    for (premise, levels) in premises.zip(levels.chunks_exact_mut(2)) {
        let (&first, others) = premise.split_first().expect("premises are not empty");
        let [mut lambda, mut rho] = measures[first as usize];
        for &proposition in others {
            let [holds, fails] = measures[proposition as usize];
            (lambda, rho) = (lambda.min(holds), rho.max(fails));
        }
        (levels[0], levels[1]) = (lambda, rho);
    }
}

#[inline(always)]
fn publish_each<L: Lane>(outputs: &[u32], frame: &[L], measures: &mut [[L; 2]]) {
    for (measures, outputs) in measures.iter_mut().zip(outputs.chunks_exact(2)) {
        *measures = [frame[outputs[0] as usize], frame[outputs[1] as usize]];
    }
}

#[inline(always)]
fn join<L: Lane>(pairs: &[[u32; 2]], first: usize, frame: &mut [L], join: impl Fn(L, L) -> L) {
    for (i, &[a, b]) in pairs.iter().enumerate() {
        frame[first + i] = join(frame[a as usize], frame[b as usize]);
    }
}

#[inline(always)]
fn raise_back<L: Lane>(pairs: &[[u32; 2]], first: usize, frame: &mut [L]) {
    for (i, pair) in pairs.iter().enumerate().rev() {
        let result = frame[first + i];
        for &register in pair {
            let register = &mut frame[register as usize];
            *register = register.max(result);
        }
    }
}

#[inline(always)]
fn raise_each<L: Lane>(degrees: &mut [L], floors: &[f32]) {
    for (degree, &floor) in degrees.iter_mut().zip(floors) {
        *degree = degree.max(L::splat(floor));
    }
}

impl Lane for f32 {
    #[inline(always)]
    fn splat(degree: f32) -> Self {
        degree
    }

    #[inline(always)]
    fn set_lane(&mut self, _: usize, degree: f32) {
        *self = degree;
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        if other < self { other } else { self }
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if other > self { other } else { self }
    }
}

impl Lane for Wide {
    #[inline(always)]
    fn splat(degree: f32) -> Self {
        Self([degree; LANES])
    }

    #[inline(always)]
    fn set_lane(&mut self, lane: usize, degree: f32) {
        self[lane] = degree;
    }

    #[inline(always)]
    fn min(mut self, other: Self) -> Self {
        for (a, b) in self.iter_mut().zip(other.0) {
            *a = if b < *a { b } else { *a };
        }
        self
    }

    #[inline(always)]
    fn max(mut self, other: Self) -> Self {
        for (a, b) in self.iter_mut().zip(other.0) {
            *a = if b > *a { b } else { *a };
        }
        self
    }

    fn minima(pairs: &[[u32; 2]], first: usize, frame: &mut [Self]) {
        wide_minima(pairs, first, frame);
    }

    fn maxima(pairs: &[[u32; 2]], first: usize, frame: &mut [Self]) {
        wide_maxima(pairs, first, frame);
    }

    fn raise_pairs(pairs: &[[u32; 2]], first: usize, frame: &mut [Self]) {
        wide_raise_pairs(pairs, first, frame);
    }

    fn raise(degrees: &mut [Self], floors: &[f32]) {
        wide_raise(degrees, floors);
    }

    fn premises(premises: ListsRange<'_>, measures: &[[Self; 2]], levels: &mut [Self]) {
        wide_premises(premises, measures, levels);
    }

    fn publish(outputs: &[u32], frame: &[Self], measures: &mut [[Self; 2]]) {
        wide_publish(outputs, frame, measures);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn wide_premises(premises: ListsRange<'_>, measures: &[[Wide; 2]], levels: &mut [Wide]) {
    each_premise(premises, measures, levels);
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn wide_publish(outputs: &[u32], frame: &[Wide], measures: &mut [[Wide; 2]]) {
    publish_each(outputs, frame, measures);
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn wide_minima(pairs: &[[u32; 2]], first: usize, frame: &mut [Wide]) {
    join(pairs, first, frame, Lane::min);
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn wide_maxima(pairs: &[[u32; 2]], first: usize, frame: &mut [Wide]) {
    join(pairs, first, frame, Lane::max);
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn wide_raise_pairs(pairs: &[[u32; 2]], first: usize, frame: &mut [Wide]) {
    raise_back(pairs, first, frame);
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn wide_raise(degrees: &mut [Wide], floors: &[f32]) {
    raise_each(degrees, floors);
}
