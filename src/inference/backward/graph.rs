//! The factor graph of a rule base.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::factor::Factor;
use crate::inference::Engine;
use crate::program::{Lists, Partition};
use crate::rules::{RuleBase, RuleSet, SetRule, Subset};

/// Attributes and factors, joined by edges. Messages go both ways along an edge, with a degree for
/// each class of values of its attribute that its factor does not tell apart.
#[derive(Debug)]
pub(super) struct Graph {
    pub base: RuleBase,
    /// By attribute.
    pub variables: Vec<Variable>,
    pub factors: Vec<Factor>,
    /// Factor by factor.
    pub edges: Vec<Edge>,
    /// Breadth first, component by component: in a forest every node but the first of a component
    /// has just one neighbour before it.
    pub order: Vec<Node>,
    /// Whether it has no cycle.
    pub forest: bool,
    /// The attributes whose heights have to be looked at: in a forest, where all of a component
    /// have the same height, one of each; otherwise all.
    pub heights: Vec<usize>,
    /// The cells of all variables.
    pub cells: usize,
    /// The degrees of the messages one way along all edges.
    pub messages: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Node {
    /// The attribute at this position.
    Attribute(usize),
    /// The factor of this number. `before` and `after` say which of its attributes are so in the
    /// order: any of its premise, that of its conclusion.
    Factor { number: usize, before: [bool; 2], after: [bool; 2] },
}

/// An attribute.
#[derive(Debug)]
pub(super) struct Variable {
    /// The *cell* of each value: values that no factor tells apart.
    pub cell_of: Vec<u32>,
    /// Where its cells stand among those of all variables.
    pub cells: Range<usize>,
    /// None where no rule mentions it. Those to factors before it in the order come first.
    pub edges: Vec<usize>,
    /// The number of these.
    pub before: usize,
}

/// Between an attribute and a factor.
#[derive(Debug)]
pub(super) struct Edge {
    attribute: usize,
    factor: usize,
    /// Where the degrees of its messages stand, class by class.
    pub messages: Range<usize>,
    /// The class of each cell.
    pub class_of: Vec<u32>,
    /// The cells of each class.
    pub members: Lists,
}

impl Graph {
    pub fn new(engine: &Engine) -> Self {
        let base = engine.base();
        let mut builder = Builder { base, factors: Vec::new(), edges: Vec::new() };
        for (stage, set) in base.rule_sets().iter().enumerate() {
            let parameters = engine.floors().of(engine.program(), stage);
            for (attributes, kernels) in groups(set, parameters) {
                builder.add(&attributes, &kernels);
            }
        }
        builder.finish()
    }
}

/// A rule: what it asks of each attribute of a group, the conclusion attribute last; s and r.
struct Kernel {
    subsets: Vec<Subset>,
    parameters: [f32; 2],
}

/// The rules of a set by the attributes of their premises, with these and the conclusion attribute.
fn groups(set: &RuleSet, parameters: &[f32]) -> BTreeMap<Vec<usize>, Vec<Kernel>> {
    let mut groups: BTreeMap<Vec<usize>, Vec<Kernel>> = BTreeMap::new();
    for (rule, parameters) in set.rules().iter().zip(parameters.chunks_exact(2)) {
        let (mut attributes, mut subsets): (Vec<usize>, Vec<Subset>) = asked(rule).into_iter().unzip();
        attributes.push(set.attribute());
        subsets.push(rule.conclusion().subset().clone());
        let parameters = [parameters[0], parameters[1]];
        groups.entry(attributes).or_default().push(Kernel { subsets, parameters });
    }
    groups
}

/// What a premise asks of each of its attributes.
fn asked(rule: &SetRule) -> BTreeMap<usize, Subset> {
    let mut asked: BTreeMap<usize, Subset> = BTreeMap::new();
    for proposition in rule.premise() {
        let also = proposition.subset();
        let both = |subset: &mut Subset| {
            let members = subset.as_slice().iter().zip(also.as_slice());
            *subset = Subset::new(members.map(|(one, other)| *one && *other).collect());
        };
        asked.entry(proposition.attribute()).and_modify(both).or_insert_with(|| also.clone());
    }
    asked
}

struct Builder<'b> {
    base: &'b RuleBase,
    factors: Vec<Factor>,
    /// Attribute, factor, and the classes of the attribute's values.
    edges: Vec<(usize, usize, Partition)>,
}

impl Builder<'_> {
    /// Adds the factor of some rules; of each half of them, where it would be too large: the joint
    /// possibility is the same, and only more bounds it from above.
    fn add(&mut self, attributes: &[usize], kernels: &[Kernel]) {
        let partition = |(place, &attribute): (usize, &usize)| {
            let subsets: Vec<Subset> = kernels.iter().map(|kernel| kernel.subsets[place].clone()).collect();
            Partition::new(self.base.attributes()[attribute].domain().len(), &subsets)
        };
        let partitions: Vec<Partition> = attributes.iter().enumerate().map(partition).collect();
        let parameters: Vec<[f32; 2]> = kernels.iter().map(|kernel| kernel.parameters).collect();
        let Some(mut factor) = Factor::new(&partitions, &parameters) else {
            let (one, other) = kernels.split_at(kernels.len() / 2);
            self.add(attributes, one);
            return self.add(attributes, other);
        };
        factor.edges = self.edges.len()..self.edges.len() + attributes.len();
        let number = self.factors.len();
        self.edges.extend(attributes.iter().zip(partitions).map(|(&attribute, classes)| (attribute, number, classes)));
        self.factors.push(factor);
    }

    fn finish(self) -> Graph {
        let Self { base, mut factors, edges } = self;
        let mut variables = variables(base, &edges);
        let mut messages = 0;
        let edge = |(attribute, factor, classes): (usize, usize, Partition)| {
            let start = messages;
            messages += classes.len();
            Edge::new(attribute, factor, &classes, &variables[attribute], start)
        };
        let edges: Vec<Edge> = edges.into_iter().map(edge).collect();
        for factor in &mut factors {
            let (first, last) = (&edges[factor.edges.start], &edges[factor.edges.end - 1]);
            factor.messages = first.messages.start..last.messages.end;
        }
        let Visits { nodes, places, components } = visits(&variables, &factors, &edges);
        for (attribute, variable) in variables.iter_mut().enumerate() {
            let place = |&edge: &usize| places[1][edges[edge].factor];
            variable.edges.sort_by_key(place);
            variable.before = variable.edges.partition_point(|edge| place(edge) < places[0][attribute]);
        }
        let order = nodes.iter().map(|&node| match node {
            Visit::Attribute(attribute) => Node::Attribute(attribute),
            Visit::Factor(number) => {
                let before = |edge: &Edge| places[0][edge.attribute] < places[1][number];
                let (conclusion, premises) = edges[factors[number].edges.clone()].split_last().expect("a conclusion");
                let after = [premises.iter().any(|edge| !before(edge)), !before(conclusion)];
                Node::Factor { number, before: [premises.iter().any(before), before(conclusion)], after }
            }
        });
        let order = order.collect();
        let forest = edges.len() + components.len() == nodes.len();
        let used = (0..variables.len()).filter(|&attribute| !variables[attribute].edges.is_empty());
        let heights = if forest { components } else { used.collect() };
        let cells = variables.last().map_or(0, |variable| variable.cells.end);
        Graph { base: base.clone(), variables, factors, edges, order, forest, heights, cells, messages }
    }
}

/// The attributes, with their edges in no particular order.
fn variables(base: &RuleBase, edges: &[(usize, usize, Partition)]) -> Vec<Variable> {
    let mut of = vec![Vec::new(); base.attributes().len()];
    for (number, (attribute, ..)) in edges.iter().enumerate() {
        of[*attribute].push(number);
    }
    let mut cells = 0..0;
    let variable = |(attribute, numbers): (usize, Vec<usize>)| {
        let mut cell_of = vec![0; base.attributes()[attribute].domain().len()];
        let mut count = 1;
        for &number in &numbers {
            let mut known: HashMap<(u32, u32), u32> = HashMap::new();
            for (cell, &class) in cell_of.iter_mut().zip(edges[number].2.class_of()) {
                let next = known.len() as u32;
                *cell = *known.entry((*cell, class)).or_insert(next);
            }
            count = known.len();
        }
        cells = cells.end..cells.end + count;
        Variable { cell_of, cells: cells.clone(), edges: numbers, before: 0 }
    };
    of.into_iter().enumerate().map(variable).collect()
}

impl Edge {
    fn new(attribute: usize, factor: usize, classes: &Partition, variable: &Variable, start: usize) -> Self {
        let mut class_of = vec![0; variable.cells.len()];
        for (&cell, &class) in variable.cell_of.iter().zip(classes.class_of()) {
            class_of[cell as usize] = class;
        }
        let mut cells = vec![Vec::new(); classes.len()];
        for (cell, &class) in class_of.iter().enumerate() {
            cells[class as usize].push(cell as u32);
        }
        let mut members = Lists::default();
        cells.into_iter().for_each(|cells| members.push(cells));
        Self { attribute, factor, messages: start..start + classes.len(), class_of, members }
    }
}

#[derive(Clone, Copy)]
enum Visit {
    Attribute(usize),
    Factor(usize),
}

struct Visits {
    nodes: Vec<Visit>,
    /// Where the attributes and where the factors stand among them.
    places: [Vec<usize>; 2],
    /// The first attribute of each component.
    components: Vec<usize>,
}

/// Visits all that is connected, breadth first.
fn visits(variables: &[Variable], factors: &[Factor], edges: &[Edge]) -> Visits {
    const NEW: usize = usize::MAX;
    let (mut nodes, mut components) = (Vec::new(), Vec::new());
    let mut places = [vec![NEW; variables.len()], vec![NEW; factors.len()]];
    for start in 0..variables.len() {
        if variables[start].edges.is_empty() || places[0][start] != NEW {
            continue;
        }
        components.push(start);
        let mut next = nodes.len();
        let mut visit = |nodes: &mut Vec<Visit>, visit: Visit| {
            let place = match visit {
                Visit::Attribute(attribute) => &mut places[0][attribute],
                Visit::Factor(factor) => &mut places[1][factor],
            };
            if *place == NEW {
                *place = nodes.len();
                nodes.push(visit);
            }
        };
        visit(&mut nodes, Visit::Attribute(start));
        while next < nodes.len() {
            match nodes[next] {
                Visit::Attribute(attribute) => {
                    let factors = variables[attribute].edges.iter().map(|&edge| edges[edge].factor);
                    factors.for_each(|factor| visit(&mut nodes, Visit::Factor(factor)));
                }
                Visit::Factor(factor) => {
                    let attributes = edges[factors[factor].edges.clone()].iter().map(|edge| edge.attribute);
                    attributes.for_each(|attribute| visit(&mut nodes, Visit::Attribute(attribute)));
                }
            }
            next += 1;
        }
    }
    Visits { nodes, places, components }
}
