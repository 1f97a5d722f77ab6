//! The plain evaluator, as a baseline: sixteen cases side by side, every atom the minimum over all
//! rules, every proposition the maximum over all values or atoms that meet it. Nothing is shared.

use std::collections::HashMap;

use ndarray::{Array2, s};
use pinesy::inference::{Cases, Engine};
use pinesy::rules::Subset;

const LANES: usize = 16;

type Lane = [f32; LANES];

pub struct Plain {
    inputs: Vec<(String, Vec<Proposition>)>,
    stages: Vec<Stage>,
    propositions: usize,
}

/// A proposition's number, and the elements (values or atoms) that meet it and its complement.
struct Proposition {
    number: usize,
    holds: Vec<u32>,
    fails: Vec<u32>,
}

struct Stage {
    name: String,
    premises: Vec<Vec<usize>>,
    parameters: Vec<[f32; 2]>,
    /// For each atom and rule, the place of α or β.
    selectors: Vec<u32>,
    class_of: Vec<u32>,
    propositions: Vec<Proposition>,
}

impl Plain {
    pub fn new(engine: &Engine) -> Self {
        let base = engine.base();
        let mut numbers: HashMap<(usize, Subset), usize> = HashMap::new();
        for p in base.rule_sets().iter().flat_map(|set| set.rules()).flat_map(|rule| rule.premise()) {
            let next = numbers.len();
            numbers.entry((p.attribute(), p.subset().clone())).or_insert(next);
        }
        let propositions = |attribute: &str, element_of: &[u32]| -> Vec<Proposition> {
            let position = base.position(attribute).unwrap();
            let on = numbers.iter().filter(|((of, _), _)| *of == position);
            let meets = |subset: &Subset, wanted: bool| {
                let values = (0..element_of.len()).filter(|&value| subset.contains(value) == wanted);
                let mut elements: Vec<u32> = values.map(|value| element_of[value]).collect();
                elements.sort_unstable();
                elements.dedup();
                elements
            };
            let of = |(key, number): (&(usize, Subset), &usize)| Proposition {
                number: *number,
                holds: meets(&key.1, true),
                fails: meets(&key.1, false),
            };
            on.map(of).collect()
        };
        let values = |len: usize| (0..len as u32).collect::<Vec<u32>>();
        let inputs = base.inputs().map(|a| (a.name().to_owned(), propositions(a.name(), &values(a.domain().len()))));
        let stages = base.rule_sets().iter().map(|set| {
            let name = base.conclusion(set).name();
            let partition = engine.partition(name).unwrap();
            let rules = set.rules().len();
            let place = |atom: usize, rule: usize| 2 * rule as u32 + u32::from(!partition.contains(rule, atom));
            let parameters = engine.parameters_of(name).unwrap();
            Stage {
                premises: set
                    .rules()
                    .iter()
                    .map(|rule| rule.premise().iter().map(|p| numbers[&(p.attribute(), p.subset().clone())]).collect())
                    .collect(),
                parameters: parameters.s.iter().zip(&parameters.r).map(|(&s, &r)| [s, r]).collect(),
                selectors: (0..partition.len()).flat_map(|a| (0..rules).map(move |rule| place(a, rule))).collect(),
                class_of: partition.class_of().to_vec(),
                propositions: propositions(name, partition.class_of()),
                name: name.to_owned(),
            }
        });
        Self { inputs: inputs.collect(), stages: stages.collect(), propositions: numbers.len() }
    }

    /// The wanted attributes' degrees, shape (cases, values).
    pub fn infer(&self, cases: &Cases, wanted: &[&str]) -> Vec<Array2<f32>> {
        let place = |stage: &Stage| wanted.iter().position(|name| *name == stage.name);
        let places: Vec<Option<usize>> = self.stages.iter().map(place).collect();
        let width = |name: &&str| self.stages.iter().find(|stage| stage.name == **name).unwrap().class_of.len();
        let mut outputs: Vec<Array2<f32>> =
            wanted.iter().map(|name| Array2::zeros((cases.len(), width(name)))).collect();
        let columns: Vec<_> = self.inputs.iter().map(|(name, _)| cases.input(name).unwrap()).collect();
        let mut read = vec![[[0.0; LANES]; 2]; self.propositions];
        let (mut levels, mut elements): (Vec<Lane>, Vec<Lane>) = (Vec::new(), Vec::new());
        for first in (0..cases.len()).step_by(LANES) {
            let lanes = LANES.min(cases.len() - first);
            for ((_, propositions), column) in self.inputs.iter().zip(&columns) {
                elements.clear();
                elements.resize(column.ncols(), [0.0; LANES]);
                for lane in 0..lanes {
                    for (element, &degree) in elements.iter_mut().zip(column.row(first + lane)) {
                        element[lane] = degree;
                    }
                }
                measure(propositions, &elements, &mut read);
            }
            for (stage, place) in self.stages.iter().zip(&places) {
                levels.clear();
                for (premise, parameters) in stage.premises.iter().zip(&stage.parameters) {
                    let (mut alpha, mut beta) = ([1.0; LANES], [0.0; LANES]);
                    for &proposition in premise {
                        min_into(&mut alpha, &read[proposition][0]);
                        max_into(&mut beta, &read[proposition][1]);
                    }
                    max_into(&mut alpha, &[parameters[0]; LANES]);
                    max_into(&mut beta, &[parameters[1]; LANES]);
                    levels.extend([alpha, beta]);
                }
                elements.clear();
                for selectors in stage.selectors.chunks_exact(stage.premises.len()) {
                    let mut least = [1.0; LANES];
                    selectors.iter().for_each(|&selector| min_into(&mut least, &levels[selector as usize]));
                    elements.push(least);
                }
                measure(&stage.propositions, &elements, &mut read);
                if let Some(place) = *place {
                    let mut rows = outputs[place].slice_mut(s![first..first + lanes, ..]);
                    for (lane, mut row) in rows.outer_iter_mut().enumerate() {
                        for (out, &class) in row.iter_mut().zip(&stage.class_of) {
                            *out = elements[class as usize][lane];
                        }
                    }
                }
            }
        }
        outputs
    }
}

fn measure(propositions: &[Proposition], elements: &[Lane], read: &mut [[Lane; 2]]) {
    let highest = |list: &[u32]| {
        let mut highest = [0.0; LANES];
        list.iter().for_each(|&element| max_into(&mut highest, &elements[element as usize]));
        highest
    };
    for proposition in propositions {
        read[proposition.number] = [highest(&proposition.holds), highest(&proposition.fails)];
    }
}

fn min_into(least: &mut Lane, other: &Lane) {
    for (a, &b) in least.iter_mut().zip(other) {
        *a = if b < *a { b } else { *a };
    }
}

fn max_into(greatest: &mut Lane, other: &Lane) {
    for (a, &b) in greatest.iter_mut().zip(other) {
        *a = if b > *a { b } else { *a };
    }
}
