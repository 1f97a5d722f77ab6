use ndarray::Array1;

use super::{Composition, Error, System};

/// The maximal solutions of a consistent min-max system, or the minimal ones of a max-min system,
/// each once.
///
/// In a solution x of a min-max system every row i below the top degree has a column j with
/// γ_ij ≤ y_i and x_j ≤ y_i that *holds* it down. A maximal solution bounds as few columns as
/// high as possible: going through the degrees of the right-hand side from the lowest up, the
/// columns bounded at a degree are a minimal set that meets the candidate columns of every row of
/// that degree not held already. Such sets are enumerated depth first (the MMCS algorithm of
/// Murakami & Uno, 2014), the row with the fewest candidates first, columns in order; this is the
/// order of the solutions.
#[derive(Debug, Clone)]
pub struct OppositeSolutions {
    composition: Composition,
    columns: usize,
    /// Degrees of the right-hand side below the top, rising, with the candidates of their rows.
    levels: Vec<(f32, Vec<Vec<usize>>)>,
    /// The sets chosen so far, level by level.
    path: Vec<Transversals>,
    started: bool,
}

impl OppositeSolutions {
    pub(super) fn new(system: &System) -> Result<Self, Error> {
        let least = system.candidate(0.0);
        if !system.is_met(&system.signed_product(&least)) {
            return Err(Error::Inconsistent { distance: system.chebyshev_distance() });
        }
        let (sign, top) = (system.composition.sign(), system.composition.top());
        let mut rows: Vec<(f32, Vec<usize>)> = Vec::new();
        for (row, &y) in system.matrix.outer_iter().zip(&system.rhs) {
            if y < top {
                let holds = |j: &usize| {
                    let degree = (sign * row[*j]).max(least[*j]);
                    degree <= y || system.counts_as(degree, y)
                };
                rows.push((y, (0..system.columns()).filter(holds).collect()));
            }
        }
        rows.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
        rows.dedup();
        let mut levels: Vec<(f32, Vec<Vec<usize>>)> = Vec::new();
        for (y, candidates) in rows {
            match levels.last_mut() {
                Some((level, sets)) if *level == y => sets.push(candidates),
                _ => levels.push((y, vec![candidates])),
            }
        }
        Ok(Self {
            composition: system.composition,
            columns: system.columns(),
            levels,
            path: Vec::new(),
            started: false,
        })
    }

    /// How many there are, found without listing them all: rows that share no candidate column
    /// do not influence each other, so the counts of such groups multiply. `None` if one group
    /// alone has more than `limit`, or the product exceeds a u128.
    pub fn count_up_to(&self, limit: usize) -> Option<u128> {
        let mut group_of = DisjointSets::new(self.columns);
        for set in self.levels.iter().flat_map(|(_, sets)| sets) {
            set.windows(2).for_each(|pair| group_of.join(pair[0], pair[1]));
        }
        let mut roots: Vec<usize> =
            self.levels.iter().flat_map(|(_, sets)| sets).map(|set| group_of.root(set[0])).collect();
        roots.sort_unstable();
        roots.dedup();
        roots.into_iter().try_fold(1u128, |product, root| {
            let in_group = |set: &&Vec<usize>| group_of.root(set[0]) == root;
            let levels = self.levels.iter().map(|(y, sets)| (*y, sets.iter().filter(in_group).cloned().collect()));
            let group = Self { levels: levels.collect(), path: Vec::new(), started: false, ..*self };
            let count = group.take(limit.saturating_add(1)).count();
            if count > limit { None } else { product.checked_mul(count as u128) }
        })
    }

    /// The rows of a level that no column bounded at a lower level holds.
    fn open_rows(&self, level: usize) -> Vec<Vec<usize>> {
        let bounded: Vec<&usize> = self.path[..level].iter().flat_map(|choice| choice.current()).collect();
        self.levels[level].1.iter().filter(|set| !set.iter().any(|j| bounded.contains(&j))).cloned().collect()
    }

    fn solution(&self) -> Array1<f32> {
        let mut signed = Array1::from_elem(self.columns, self.composition.top());
        for ((y, _), choice) in self.levels.iter().zip(&self.path) {
            for &j in choice.current() {
                signed[j] = *y;
            }
        }
        self.composition.unsigned(&signed)
    }
}

impl Iterator for OppositeSolutions {
    type Item = Array1<f32>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.started {
            // Move the deepest choice that can move.
            while self.path.last_mut()?.next().is_none() {
                self.path.pop();
            }
        }
        self.started = true;
        while self.path.len() < self.levels.len() {
            let mut choice = Transversals::new(self.columns, self.open_rows(self.path.len()));
            choice.next().expect("every row has a candidate, so some minimal set meets them all");
            self.path.push(choice);
        }
        // A system whose rows all ask for the top has one solution of this kind and no path.
        if self.levels.is_empty() {
            self.levels.push((self.composition.top(), Vec::new()));
            self.path.push(Transversals::exhausted(self.columns));
        }
        Some(self.solution())
    }
}

/// The minimal sets of columns that meet every one of some sets, one by one.
#[derive(Debug, Clone)]
struct Transversals {
    sets: Vec<Vec<usize>>,
    stack: Vec<Frame>,
    current: Vec<usize>,
    started: bool,
}

#[derive(Debug, Clone)]
struct Frame {
    chosen: Vec<usize>,
    /// Columns that may still be chosen below this point.
    allowed: Vec<bool>,
    /// Columns to choose from here, and how many have been.
    branch: Vec<usize>,
    next: usize,
}

impl Transversals {
    fn new(columns: usize, sets: Vec<Vec<usize>>) -> Self {
        let mut transversals = Self { sets, stack: Vec::new(), current: Vec::new(), started: false };
        if !transversals.sets.is_empty() {
            let root = transversals.frame(Vec::new(), vec![true; columns]);
            transversals.stack.push(root);
        }
        transversals
    }

    fn exhausted(columns: usize) -> Self {
        Self { started: true, ..Self::new(columns, Vec::new()) }
    }

    fn current(&self) -> &[usize] {
        &self.current
    }

    /// Branches on the unmet set with the fewest allowed columns.
    fn frame(&self, chosen: Vec<usize>, mut allowed: Vec<bool>) -> Frame {
        let open = self.sets.iter().filter(|set| !set.iter().any(|j| chosen.contains(j)));
        let branch: Vec<usize> = open
            .map(|set| set.iter().copied().filter(|&j| allowed[j]).collect::<Vec<_>>())
            .min_by_key(Vec::len)
            .expect("some set is not met");
        for &j in &branch {
            allowed[j] = false;
        }
        Frame { chosen, allowed, branch, next: 0 }
    }

    /// Whether every chosen column is the only one to meet some set.
    fn is_irredundant(&self, chosen: &[usize]) -> bool {
        let alone = |set: &Vec<usize>| {
            let mut met = chosen.iter().filter(|j| set.contains(j));
            met.next().filter(|_| met.next().is_none()).copied()
        };
        let mut needed: Vec<usize> = self.sets.iter().filter_map(alone).collect();
        needed.sort_unstable();
        needed.dedup();
        needed.len() == chosen.len()
    }

    /// Moves to the next minimal set; `None` when there is no more.
    fn next(&mut self) -> Option<()> {
        if self.sets.is_empty() {
            // Nothing to meet: the empty set, once.
            return (!std::mem::replace(&mut self.started, true)).then_some(());
        }
        loop {
            let frame = self.stack.last_mut()?;
            if frame.next > 0 {
                // Its branch done, a column may join those chosen by its later siblings.
                let done = frame.branch[frame.next - 1];
                frame.allowed[done] = true;
            }
            let Some(&column) = frame.branch.get(frame.next) else {
                self.stack.pop();
                continue;
            };
            frame.next += 1;
            let (mut chosen, allowed) = (frame.chosen.clone(), frame.allowed.clone());
            chosen.push(column);
            if !self.is_irredundant(&chosen) {
                continue;
            }
            if self.sets.iter().all(|set| set.iter().any(|j| chosen.contains(j))) {
                self.current = chosen;
                return Some(());
            }
            let child = self.frame(chosen, allowed);
            self.stack.push(child);
        }
    }
}

/// Groups of columns that are joined by rows.
struct DisjointSets(Vec<usize>);

impl DisjointSets {
    fn new(len: usize) -> Self {
        Self((0..len).collect())
    }

    fn root(&self, mut i: usize) -> usize {
        while self.0[i] != i {
            i = self.0[i];
        }
        i
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}
