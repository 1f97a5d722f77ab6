//! Rules with the same premise attributes and the same conclusion attribute, as one factor.

use std::collections::HashMap;
use std::ops::Range;

use crate::program::{Lane, Partition};

/// Min over some rules of their kernels: what a tuple of values of the premise attributes and a
/// value of the conclusion attribute allow each other.
///
/// A rule's kernel is 1, r, s or 1 as premise and conclusion both hold, only the premise, only the
/// conclusion, or neither. So a tuple of values counts only by its *signature*, the rules whose
/// premises it meets. Signatures are found attribute by attribute: a *state* is the set of rules
/// whose premises the values so far meet, a *step* leads from a state by a class of values of the
/// next attribute to another. The states after the last attribute are the signatures. What is
/// maximal over tuples is then found along the steps, and no product of attributes is enumerated.
#[derive(Debug)]
pub(super) struct Factor {
    /// Its edges: to the premise attributes, then to the conclusion attribute.
    pub edges: Range<usize>,
    /// Where the degrees of its messages stand: edge after edge, class after class.
    pub messages: Range<usize>,
    /// Where those of the conclusion attribute start, among its own.
    conclusion: usize,
    /// In the order of the attributes.
    steps: Vec<Step>,
    /// State 0 is where all rules are met yet; the signatures are the last ones.
    states: usize,
    kernel: Vec<Entry>,
}

/// A step between states by one class of an attribute's values.
#[derive(Debug)]
struct Step {
    from: u32,
    /// The class, as its place among the factor's messages.
    class: u32,
    to: u32,
}

/// What a signature and an atom of the conclusion attribute allow each other, unless it is 0.
#[derive(Debug)]
struct Entry {
    signature: u32,
    /// As its place among the factor's messages.
    atom: u32,
    degree: f32,
}

/// The degrees of a factor's states while messages are computed.
#[derive(Debug, Clone)]
pub(super) struct States<L> {
    /// How possible it is to come to each state, given what the attributes before it say.
    reached: Vec<L>,
    /// How possible it is to go on from it, given what the others say.
    left: Vec<L>,
}

/// About as many operations as a factor of several rules may take to build or to evaluate.
const LIMIT: usize = 1 << 22;

impl Factor {
    /// Of rules with these parameters s and r. The partitions are those of the values of each
    /// premise attribute and of the conclusion attribute, the last, by what each rule asks of them.
    /// None if several rules together take more than they should.
    pub fn new(partitions: &[Partition], parameters: &[[f32; 2]]) -> Option<Self> {
        let limit = if parameters.len() == 1 { usize::MAX } else { LIMIT };
        let (conclusion, premises) = partitions.split_last().expect("a conclusion");
        let mut layer: Vec<Vec<u32>> = vec![(0..parameters.len() as u32).collect()];
        let (mut first, mut states, mut classes, mut work) = (0, 1, 0, 0);
        let mut steps = Vec::new();
        for premise in premises {
            let mut next: Vec<Vec<u32>> = Vec::new();
            let mut known: HashMap<Vec<u32>, usize> = HashMap::new();
            for (state, met) in layer.iter().enumerate() {
                work += premise.len() * (met.len() + 1);
                if work > limit {
                    return None;
                }
                for class in 0..premise.len() {
                    let met = met.iter().copied().filter(|&rule| premise.contains(rule as usize, class));
                    let to = *known.entry(met.collect()).or_insert_with_key(|met| {
                        next.push(met.clone());
                        states + next.len() - 1
                    });
                    let (from, class) = ((first + state) as u32, (classes + class) as u32);
                    steps.push(Step { from, class, to: to as u32 });
                }
            }
            first = states;
            states += next.len();
            classes += premise.len();
            layer = next;
        }
        let kernel = kernel(&layer, conclusion, parameters, [first, classes], limit)?;
        Some(Self { edges: 0..0, messages: 0..0, conclusion: classes, steps, states, kernel })
    }

    /// The number of states.
    pub fn states(&self) -> usize {
        self.states
    }

    /// The messages to the premise attributes, from those of all its attributes: how possible each
    /// class is, given what the other attributes say.
    pub fn premises<L: Lane>(&self, said: &[L], states: &mut States<L>, told: &mut [L]) {
        self.reach(said, &mut states.reached);
        let (reached, left) = (&states.reached, &mut states.left[..self.states]);
        left.fill(L::splat(0.0));
        for entry in &self.kernel {
            let degree = L::splat(entry.degree).min(said[entry.atom as usize]);
            raise(&mut left[entry.signature as usize], degree);
        }
        told[..self.conclusion].fill(L::splat(0.0));
        for step in self.steps.iter().rev() {
            let after = left[step.to as usize];
            raise(&mut told[step.class as usize], reached[step.from as usize].min(after));
            raise(&mut left[step.from as usize], said[step.class as usize].min(after));
        }
    }

    /// The message to the conclusion attribute, likewise.
    pub fn conclusion<L: Lane>(&self, said: &[L], states: &mut States<L>, told: &mut [L]) {
        self.reach(said, &mut states.reached);
        told[self.conclusion..].fill(L::splat(0.0));
        for entry in &self.kernel {
            let degree = L::splat(entry.degree).min(states.reached[entry.signature as usize]);
            raise(&mut told[entry.atom as usize], degree);
        }
    }

    /// The places of the messages to the premise attributes, or to the conclusion attribute, among
    /// its own.
    pub fn places(&self, premises: bool) -> Range<usize> {
        if premises { 0..self.conclusion } else { self.conclusion..self.messages.len() }
    }

    fn reach<L: Lane>(&self, said: &[L], reached: &mut [L]) {
        let reached = &mut reached[..self.states];
        reached.fill(L::splat(0.0));
        reached[0] = L::splat(1.0);
        for step in &self.steps {
            let degree = reached[step.from as usize].min(said[step.class as usize]);
            raise(&mut reached[step.to as usize], degree);
        }
    }
}

impl<L: Lane> States<L> {
    /// For factors of up to so many states.
    pub fn new(states: usize) -> Self {
        let zero = L::splat(0.0);
        Self { reached: vec![zero; states], left: vec![zero; states] }
    }
}

#[inline(always)]
fn raise<L: Lane>(degree: &mut L, to: L) {
    *degree = degree.max(to);
}

/// The entries above 0, for signatures given by the rules they meet; `first` are the places of the
/// first signature and the first atom.
fn kernel(
    signatures: &[Vec<u32>],
    conclusion: &Partition,
    parameters: &[[f32; 2]],
    first: [usize; 2],
    limit: usize,
) -> Option<Vec<Entry>> {
    let rules = 0..parameters.len() as u32;
    let holders = |atom| rules.clone().filter(move |&rule| conclusion.contains(rule as usize, atom)).collect();
    let holders: Vec<Vec<u32>> = (0..conclusion.len()).map(holders).collect();
    let total = |lists: &[Vec<u32>]| lists.iter().map(Vec::len).sum::<usize>();
    let pairs = signatures.len().saturating_mul(holders.len());
    let met = total(signatures).saturating_mul(holders.len());
    let held = total(&holders).saturating_mul(signatures.len());
    if pairs.saturating_add(met).saturating_add(held) > limit {
        return None;
    }
    let mut entries = Vec::new();
    for (signature, met) in signatures.iter().enumerate() {
        for (atom, holders) in holders.iter().enumerate() {
            let missed = met.iter().filter(|&&rule| !conclusion.contains(rule as usize, atom));
            let unasked = holders.iter().filter(|&rule| met.binary_search(rule).is_err());
            let missed = missed.map(|&rule| parameters[rule as usize][1]);
            let unasked = unasked.map(|&rule| parameters[rule as usize][0]);
            let degree = missed.chain(unasked).fold(1.0, f32::min);
            if degree > 0.0 {
                let (signature, atom) = ((first[0] + signature) as u32, (first[1] + atom) as u32);
                entries.push(Entry { signature, atom, degree });
            }
        }
    }
    Some(entries)
}
