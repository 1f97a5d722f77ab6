use std::collections::HashMap;

use super::lanes::Lane;

/// Minima, or maxima, of many subsets of some registers, with every partial result that several
/// of them share computed once.
///
/// The subsets are cut in two halves; halves that are alike are computed once, by the same rule,
/// and joined. For the 200 atoms of 21 rules this takes 384 steps instead of 4,200. The result is
/// the same to the last bit, since minima and maxima are associative and never round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Network {
    /// The register of the first result; those before are given.
    first: usize,
    /// Each result's two operands: registers before its own.
    pairs: Vec<[u32; 2]>,
    /// The register of each subset's result.
    pub outputs: Vec<u32>,
}

impl Network {
    /// Registers used, the given ones included.
    pub fn registers(&self) -> usize {
        self.first + self.pairs.len()
    }

    /// The minima of the subsets, into their registers.
    #[inline]
    pub fn minima<L: Lane>(&self, frame: &mut [L]) {
        L::minima(&self.pairs, self.first, &mut frame[..self.registers()]);
    }

    /// The maxima of the subsets, into their registers.
    #[inline]
    pub fn maxima<L: Lane>(&self, frame: &mut [L]) {
        L::maxima(&self.pairs, self.first, &mut frame[..self.registers()]);
    }

    /// For each given register the maximum of `degrees` over the subsets that hold it: the network
    /// run backwards. Of the frame only the given registers are meaningful afterwards.
    pub fn highest_holders<L: Lane>(&self, degrees: &[L], frame: &mut [L]) {
        let frame = &mut frame[..self.registers()];
        frame.fill(L::splat(0.0));
        for (&output, &degree) in self.outputs.iter().zip(degrees) {
            let register = &mut frame[output as usize];
            *register = register.max(degree);
        }
        L::raise_pairs(&self.pairs, self.first, frame);
    }
}

/// Builds a [`Network`] step by step.
pub(super) struct NetworkBuilder {
    first: usize,
    pairs: Vec<[u32; 2]>,
}

impl NetworkBuilder {
    /// A network on registers 0 to `given` − 1.
    pub fn new(given: usize) -> Self {
        Self { first: given, pairs: Vec::new() }
    }

    pub fn finish(self, outputs: Vec<u32>) -> Network {
        Network { first: self.first, pairs: self.pairs, outputs }
    }

    fn join(&mut self, a: u32, b: u32) -> u32 {
        self.pairs.push([a, b]);
        (self.first + self.pairs.len() - 1) as u32
    }

    /// All of some registers joined; none for none.
    pub fn all(&mut self, registers: impl IntoIterator<Item = u32>) -> Option<u32> {
        let mut registers: Vec<u32> = registers.into_iter().collect();
        // Pair by pair rather than one after the other: no step then waits for the one before it.
        while registers.len() > 1 {
            registers =
                registers.chunks(2).map(|pair| if let [a, b] = *pair { self.join(a, b) } else { pair[0] }).collect();
        }
        registers.pop()
    }

    /// The results of several subsets: rising places in `registers`. Places come in groups of
    /// `unit` that are not torn apart. None for an empty subset.
    pub fn subsets(&mut self, registers: &[u32], unit: usize, subsets: &[&[u32]]) -> Vec<Option<u32>> {
        self.halves(registers, unit, 0..registers.len(), subsets)
    }

    fn halves(
        &mut self,
        registers: &[u32],
        unit: usize,
        places: std::ops::Range<usize>,
        subsets: &[&[u32]],
    ) -> Vec<Option<u32>> {
        let mut number = HashMap::new();
        let mut distinct: Vec<&[u32]> = Vec::new();
        let numbers: Vec<usize> = subsets
            .iter()
            .map(|&subset| {
                *number.entry(subset).or_insert_with(|| {
                    distinct.push(subset);
                    distinct.len() - 1
                })
            })
            .collect();
        let results: Vec<Option<u32>> = if distinct.iter().all(|subset| subset.len() <= 1) {
            distinct.iter().map(|subset| subset.first().map(|&place| registers[place as usize])).collect()
        } else {
            let middle = places.start + places.len().div_ceil(unit).div_ceil(2) * unit;
            if middle >= places.end {
                // One group is left: its places are told apart in the end.
                return self.halves(registers, 1, places, subsets);
            }
            let cut = |subset: &[u32]| subset.partition_point(|&place| (place as usize) < middle);
            let (low, high): (Vec<&[u32]>, Vec<&[u32]>) =
                distinct.iter().map(|subset| subset.split_at(cut(subset))).unzip();
            let low = self.halves(registers, unit, places.start..middle, &low);
            let high = self.halves(registers, unit, middle..places.end, &high);
            let mut join = |(low, high): (Option<u32>, Option<u32>)| match (low, high) {
                (Some(low), Some(high)) => Some(self.join(low, high)),
                (one, other) => one.or(other),
            };
            low.into_iter().zip(high).map(&mut join).collect()
        };
        numbers.into_iter().map(|number| results[number]).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn shared_results_are_those_of_each_subset_alone(
            members in (1..30usize).prop_flat_map(|n| {
                (prop::collection::vec(prop::collection::vec(any::<bool>(), n), 1..40),
                 prop::collection::vec((0..=8u8).prop_map(|i| f32::from(i) / 8.0), n))
            }),
            unit in 1..4usize,
        ) {
            let (members, degrees) = members;
            let sets: Vec<Vec<u32>> = members
                .iter()
                .map(|set| (0..set.len() as u32).filter(|&i| set[i as usize]).collect())
                .filter(|set: &Vec<u32>| !set.is_empty())
                .collect();
            let subsets: Vec<&[u32]> = sets.iter().map(Vec::as_slice).collect();
            let registers: Vec<u32> = (0..degrees.len() as u32).collect();
            let mut builder = NetworkBuilder::new(degrees.len());
            let outputs = builder.subsets(&registers, unit, &subsets).into_iter().map(|r| r.unwrap()).collect();
            let network = builder.finish(outputs);
            let run = |steps: fn(&Network, &mut [f32])| {
                let mut frame = degrees.clone();
                frame.resize(network.registers(), 0.5);
                steps(&network, &mut frame);
                network.outputs.iter().map(|&register| frame[register as usize]).collect::<Vec<f32>>()
            };
            let direct = |fold: fn(f32, f32) -> f32| {
                sets.iter().map(|set| set.iter().map(|&i| degrees[i as usize]).reduce(fold).unwrap()).collect::<Vec<f32>>()
            };
            prop_assert_eq!(run(Network::minima), direct(f32::min));
            prop_assert_eq!(run(Network::maxima), direct(f32::max));
            // Backwards: each register's highest holder.
            let of_set: Vec<f32> = (0..sets.len()).map(|i| (i % 7) as f32 / 7.0).collect();
            let mut frame = vec![0.5; network.registers()];
            network.highest_holders(&of_set, &mut frame);
            for (i, &raised) in frame.iter().enumerate().take(degrees.len()) {
                let holders = sets.iter().zip(&of_set).filter(|(set, _)| set.contains(&(i as u32)));
                prop_assert_eq!(raised, holders.fold(0.0, |highest: f32, (_, &degree)| highest.max(degree)));
            }
        }
    }

    #[test]
    fn the_atoms_of_a_triple_share_most_of_their_minima() {
        // Rules on three factors of 10, 10 and 2 values: 10 + 10 + 1 rules, 200 atoms.
        let mut sets: Vec<Vec<u32>> = Vec::new();
        for (x, y, w) in (0..200).map(|i| (i / 20, i / 2 % 10, i % 2)) {
            let inside = |rule: usize| match rule {
                0..10 => rule == x,
                10..20 => rule - 10 == y,
                _ => w == 0,
            };
            sets.push((0..21).map(|rule| 2 * rule as u32 + u32::from(!inside(rule))).collect());
        }
        let subsets: Vec<&[u32]> = sets.iter().map(Vec::as_slice).collect();
        let mut builder = NetworkBuilder::new(42);
        let registers: Vec<u32> = (0..42).collect();
        builder.subsets(&registers, 2, &subsets);
        assert!(builder.pairs.len() <= 384, "{} steps", builder.pairs.len());
    }
}
