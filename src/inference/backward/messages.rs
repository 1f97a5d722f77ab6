//! Max-min messages between attributes and factors, for one case or several side by side.

use std::ops::Range;

use super::factor::States;
use super::graph::{Graph, Node};
use crate::inference::{Cases, KnownTarget};
use crate::program::{LANES, Lane, Wide};
use crate::rules::Source;

/// What messages are made of.
pub(super) trait Lanes: Lane {
    /// The number of cases side by side.
    const COUNT: usize;

    /// The degree of one of them.
    fn lane(&self, lane: usize) -> f32;

    /// The minimum of some degrees without this one, given their lowest and the next after it.
    fn left_out(self, lowest: Self, next: Self) -> Self;
}

impl Lanes for f32 {
    const COUNT: usize = 1;

    #[inline(always)]
    fn lane(&self, _: usize) -> f32 {
        *self
    }

    #[inline(always)]
    fn left_out(self, lowest: Self, next: Self) -> Self {
        if self > lowest { lowest } else { next }
    }
}

impl Lanes for Wide {
    const COUNT: usize = LANES;

    #[inline(always)]
    fn lane(&self, lane: usize) -> f32 {
        self[lane]
    }

    #[inline(always)]
    fn left_out(mut self, lowest: Self, next: Self) -> Self {
        for (lane, degree) in self.iter_mut().enumerate() {
            *degree = degree.left_out(lowest[lane], next[lane]);
        }
        self
    }
}

/// What is asked about many cases.
pub(super) struct Question<'c> {
    pub cases: &'c Cases,
    /// The attributes asked about and where their degrees go in a row.
    pub columns: &'c [(usize, Range<usize>)],
    /// The length of a row: all columns, and the height.
    pub stride: usize,
    /// Whether inputs' own possibilities and the height count.
    pub marginal: bool,
}

/// What a case says about an attribute.
struct Known<'c> {
    prior: Option<&'c [f32]>,
    observed: Option<KnownTarget<'c>>,
}

impl<'c> Known<'c> {
    fn of(cases: &'c Cases, attribute: usize, case: usize) -> Self {
        let base = cases.base();
        let prior = match base.source(attribute) {
            Source::Input(input) => {
                let row = &cases.degrees()[case * base.input_width()..];
                Some(&row[base.input_columns()[input].clone()])
            }
            _ => None,
        };
        Self { prior, observed: cases.observed(attribute, case) }
    }

    fn is_nothing(&self) -> bool {
        self.prior.is_none() && self.observed.is_none()
    }

    /// ε(u).
    #[inline]
    fn observed(&self, value: usize) -> f32 {
        match self.observed {
            None => 1.0,
            Some(KnownTarget::Position(position)) => f32::from(u8::from(position == value)),
            // Adding 0 turns −0 into 0.
            Some(KnownTarget::Degrees(degrees)) => degrees[value] + 0.0,
        }
    }

    /// min(prior(u), ε(u)).
    #[inline]
    fn degree(&self, value: usize) -> f32 {
        self.prior.map_or(1.0_f32, |prior| prior[value]).min(self.observed(value))
    }
}

/// Which neighbours a node sends messages to: those before it in the order, or those after.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Back,
    On,
}

/// The messages of one case, or of some side by side, and room to compute them.
pub(super) struct Runner<'g, L> {
    graph: &'g Graph,
    /// By cell: the highest of what is known about its values.
    known: Vec<L>,
    /// ν: from attributes to factors.
    said: Vec<L>,
    /// μ: from factors to attributes.
    told: Vec<L>,
    /// By cell of the attribute at hand: the lowest degree, and the next.
    lowest: Vec<L>,
    next: Vec<L>,
    states: States<L>,
    /// The messages of the factor at hand.
    fresh: Vec<L>,
}

impl<'g, L: Lanes> Runner<'g, L> {
    pub fn new(graph: &'g Graph) -> Self {
        let room = |len: usize| vec![L::splat(1.0); len];
        let cells = graph.variables.iter().map(|variable| variable.cells.len()).max().unwrap_or(0);
        let fresh = graph.factors.iter().map(|factor| factor.messages.len()).max().unwrap_or(0);
        let states = graph.factors.iter().map(|factor| factor.states()).max().unwrap_or(0);
        Self {
            graph,
            known: room(graph.cells),
            said: room(graph.messages),
            told: room(graph.messages),
            lowest: room(cells),
            next: room(cells),
            states: States::new(states),
            fresh: room(fresh),
        }
    }

    /// Answers for cases from `first` on, one a row, no more than there are lanes; how many rounds
    /// that took.
    pub fn answer(&mut self, question: &Question<'_>, first: usize, rows: &mut [f32]) -> usize {
        let count = rows.len() / question.stride;
        self.load(question.cases, first, count, None);
        let mut rounds = self.settle();
        let height = self.height();
        for (attribute, columns) in question.columns {
            if !question.marginal && !self.graph.forest {
                // Round a cycle an input would hear itself: it has to be silent from the start.
                self.load(question.cases, first, count, Some(*attribute));
                rounds = rounds.max(self.settle());
            }
            self.lowest_of(*attribute, false);
            let cell_of = &self.graph.variables[*attribute].cell_of;
            for (lane, row) in rows.chunks_exact_mut(question.stride).enumerate() {
                let known = Known::of(question.cases, *attribute, first + lane);
                let height = if question.marginal { height.lane(lane) } else { 1.0 };
                for (value, (out, &cell)) in row[columns.clone()].iter_mut().zip(cell_of).enumerate() {
                    let own = if question.marginal { known.degree(value) } else { known.observed(value) };
                    *out = self.lowest[cell as usize].lane(lane).min(own).min(height);
                }
            }
        }
        for (lane, row) in rows.chunks_exact_mut(question.stride).enumerate() {
            row[question.stride - 1] = height.lane(lane);
        }
        rounds
    }

    /// Takes in what some cases say, but for the possibilities of one input; lanes left over repeat
    /// the last case.
    fn load(&mut self, cases: &Cases, first: usize, count: usize, silent: Option<usize>) {
        for degrees in [&mut self.known, &mut self.said, &mut self.told] {
            degrees.fill(L::splat(1.0));
        }
        for (attribute, variable) in self.graph.variables.iter().enumerate() {
            let cells = &mut self.known[variable.cells.clone()];
            for lane in 0..L::COUNT {
                let mut known = Known::of(cases, attribute, first + lane.min(count - 1));
                if silent == Some(attribute) {
                    known.prior = None;
                }
                if known.is_nothing() {
                    continue;
                }
                cells.iter_mut().for_each(|cell| cell.set_lane(lane, 0.0));
                for (value, &cell) in variable.cell_of.iter().enumerate() {
                    let cell = &mut cells[cell as usize];
                    cell.set_lane(lane, cell.lane(lane).max(known.degree(value)));
                }
            }
        }
    }

    /// Sends messages until none changes, which in a forest is after one round: messages only fall,
    /// and to degrees that are given, so this ends.
    fn settle(&mut self) -> usize {
        let graph = self.graph;
        let mut rounds = 0;
        loop {
            rounds += 1;
            let mut changed = false;
            for &node in graph.order.iter().rev() {
                changed |= self.send(node, Way::Back);
            }
            for &node in &graph.order {
                changed |= self.send(node, Way::On);
            }
            if graph.forest || !changed {
                return rounds;
            }
        }
    }

    /// Sends the messages of a node one way; whether any changed.
    fn send(&mut self, node: Node, way: Way) -> bool {
        match node {
            Node::Attribute(attribute) => self.say(attribute, way),
            Node::Factor { number, before, after } => {
                let [premises, conclusion] = if way == Way::Back { before } else { after };
                let premises = premises && self.tell(number, true);
                let conclusion = conclusion && self.tell(number, false);
                premises || conclusion
            }
        }
    }

    /// Messages of an attribute: ν(class) = max over its cells of min(what is known, all other μ).
    fn say(&mut self, attribute: usize, way: Way) -> bool {
        let graph = self.graph;
        let variable = &graph.variables[attribute];
        let (before, after) = variable.edges.split_at(variable.before);
        let (to, others) = if way == Way::Back { (before, after) } else { (after, before) };
        if to.is_empty() {
            return false;
        }
        let lowest = &mut self.lowest[..variable.cells.len()];
        lowest.copy_from_slice(&self.known[variable.cells.clone()]);
        for &edge in others {
            lower(lowest, &self.told[graph.edges[edge].messages.clone()], &graph.edges[edge].class_of);
        }
        let next = &mut self.next[..lowest.len()];
        next.copy_from_slice(lowest);
        // With one to send to, all others are in already.
        for &edge in to.iter().filter(|_| to.len() > 1) {
            lower_both(lowest, next, &self.told[graph.edges[edge].messages.clone()], &graph.edges[edge].class_of);
        }
        let mut changed = false;
        for edge in to.iter().map(|&edge| &graph.edges[edge]) {
            let told = &self.told[edge.messages.clone()];
            for (class, said) in self.said[edge.messages.clone()].iter_mut().enumerate() {
                let left_out = |&cell: &u32| told[class].left_out(lowest[cell as usize], next[cell as usize]);
                let highest = edge.members.get(class).iter().map(left_out).fold(L::splat(0.0), L::max);
                changed |= *said != highest;
                *said = highest;
            }
        }
        changed
    }

    /// Messages of a factor to its premise attributes, or to its conclusion attribute.
    fn tell(&mut self, factor: usize, premises: bool) -> bool {
        let factor = &self.graph.factors[factor];
        let said = &self.said[factor.messages.clone()];
        let fresh = &mut self.fresh[..said.len()];
        if premises {
            factor.premises(said, &mut self.states, fresh);
        } else {
            factor.conclusion(said, &mut self.states, fresh);
        }
        let places = factor.places(premises);
        let (fresh, told) = (&fresh[places.clone()], &mut self.told[factor.messages.clone()][places]);
        let changed = *fresh != *told;
        told.copy_from_slice(fresh);
        changed
    }

    /// For each cell of an attribute the lowest of all μ and, if asked for, of what is known.
    fn lowest_of(&mut self, attribute: usize, known: bool) -> &[L] {
        let graph = self.graph;
        let variable = &graph.variables[attribute];
        let lowest = &mut self.lowest[..variable.cells.len()];
        if known {
            lowest.copy_from_slice(&self.known[variable.cells.clone()]);
        } else {
            lowest.fill(L::splat(1.0));
        }
        for edge in variable.edges.iter().map(|&edge| &graph.edges[edge]) {
            lower(lowest, &self.told[edge.messages.clone()], &edge.class_of);
        }
        lowest
    }

    /// The lowest of all heights.
    fn height(&mut self) -> L {
        let graph = self.graph;
        let height = |attribute: &usize| self.lowest_of(*attribute, true).iter().copied().fold(L::splat(0.0), L::max);
        graph.heights.iter().map(height).fold(L::splat(1.0), L::min)
    }
}

/// Lowers the degree of each cell to that of its class.
#[inline(always)]
fn lower<L: Lane>(lowest: &mut [L], told: &[L], class_of: &[u32]) {
    for (lowest, &class) in lowest.iter_mut().zip(class_of) {
        *lowest = lowest.min(told[class as usize]);
    }
}

/// The same, keeping the next lowest degree as well.
#[inline(always)]
fn lower_both<L: Lane>(lowest: &mut [L], next: &mut [L], told: &[L], class_of: &[u32]) {
    for ((lowest, next), &class) in lowest.iter_mut().zip(next).zip(class_of) {
        let told = told[class as usize];
        *next = next.min(lowest.max(told));
        *lowest = lowest.min(told);
    }
}
