use ndarray::{ArrayView2, Axis};

use super::pairs;

/// The exact reasoner for grids of one size.
///
/// ```
/// use ndarray::Array2;
/// use pinesy::tasks::sudoku::Exact;
///
/// // A valid 4×4 grid whose first cell is read as 2, but may be a 1 to degree 0.3.
/// let read = [2, 2, 3, 4, 3, 4, 1, 2, 2, 1, 4, 3, 4, 3, 2, 1];
/// let mut cells = Array2::zeros((16, 4));
/// for (cell, digit) in read.into_iter().enumerate() {
///     cells[(cell, digit - 1)] = 1.0;
/// }
/// cells[(0, 0)] = 0.3;
/// let exact = Exact::new(2);
/// let (degree, grid) = exact.most_possible_valid_grid(cells.view()).unwrap();
/// assert_eq!((degree, grid[0]), (0.3, 0)); // digits count from 0: the cell is repaired to 1
/// assert_eq!(exact.possibility_of_invalid(cells.view()), 1.0);
/// ```
#[derive(Debug, Clone)]
pub struct Exact {
    n: usize,
    pairs: Vec<(usize, usize)>,
    peers: Vec<Vec<usize>>,
    /// The cells of each row, column and block.
    units: Vec<Vec<usize>>,
}

impl Exact {
    /// For grids of side n = m·m.
    ///
    /// # Panics
    /// If m is 0 or above 5: a cell's digits are kept as the bits of a u32.
    pub fn new(m: usize) -> Self {
        assert!((1..=5).contains(&m), "blocks of side 1 to 5");
        let n = m * m;
        let pairs = pairs(m);
        let mut peers = vec![Vec::new(); n * n];
        for &(p, q) in &pairs {
            peers[p].push(q);
            peers[q].push(p);
        }
        let unit = |holds: &dyn Fn(usize, usize) -> bool| (0..n * n).filter(|&c| holds(c / n, c % n)).collect();
        let units = (0..n).flat_map(|i| {
            let block = move |row: usize, column: usize| row / m * m + column / m == i;
            [unit(&|row, _| row == i), unit(&|_, column| column == i), unit(&block)]
        });
        Self { n, pairs, peers, units: units.collect() }
    }

    /// The possibility that the grid is valid: max over valid grids of the min over cells.
    ///
    /// # Panics
    /// As [`Self::most_possible_valid_grid`].
    pub fn possibility_of_valid(&self, cells: ArrayView2<'_, f32>) -> f32 {
        self.most_possible_valid_grid(cells).map_or(0.0, |(degree, _)| degree)
    }

    /// The possibility that the grid is invalid: some pair has the same digit twice, every other
    /// cell its most possible digit.
    ///
    /// # Panics
    /// As [`Self::most_possible_valid_grid`].
    pub fn possibility_of_invalid(&self, cells: ArrayView2<'_, f32>) -> f32 {
        self.check(cells);
        // The least height of all cells but two bounds every grid.
        let heights: Vec<f32> = cells.outer_iter().map(|row| row.iter().copied().fold(0.0, f32::max)).collect();
        let mut lowest: Vec<usize> = (0..heights.len()).collect();
        lowest.sort_by(|&a, &b| heights[a].total_cmp(&heights[b]));
        let others =
            |p: usize, q: usize| lowest.iter().find(|&&cell| cell != p && cell != q).map_or(1.0, |&cell| heights[cell]);
        let clash = |&(p, q): &(usize, usize)| {
            let same = (0..self.n).map(|v| cells[(p, v)].min(cells[(q, v)])).fold(0.0, f32::max);
            same.min(others(p, q))
        };
        self.pairs.iter().map(clash).fold(0.0, f32::max)
    }

    /// The most possible valid grid with its degree: the digit of each cell, counted from 0. `None`
    /// if no valid grid is possible to any degree.
    ///
    /// Binary search over the degrees that occur: the greatest t such that the grid with domains
    /// {v : π(v) ≥ t} has a solution, found by a search with propagation that tries the more
    /// possible digits first.
    ///
    /// # Panics
    /// If `cells` has not one row of n degrees for each of the n² cells.
    pub fn most_possible_valid_grid(&self, cells: ArrayView2<'_, f32>) -> Option<(f32, Vec<usize>)> {
        self.check(cells);
        let mut degrees: Vec<f32> = cells.iter().copied().filter(|&degree| degree > 0.0).collect();
        degrees.sort_by(f32::total_cmp);
        degrees.dedup();
        let (mut low, mut high) = (0, degrees.len());
        let mut best = None;
        while low < high {
            let middle = (low + high) / 2;
            match self.solve(cells, degrees[middle]) {
                Some(grid) => {
                    best = Some((degrees[middle], grid));
                    low = middle + 1;
                }
                None => high = middle,
            }
        }
        best
    }

    fn check(&self, cells: ArrayView2<'_, f32>) {
        assert_eq!(cells.dim(), (self.n * self.n, self.n), "one row of degrees a cell");
    }

    /// A valid grid whose every digit is possible to degree `least` at least.
    fn solve(&self, cells: ArrayView2<'_, f32>, least: f32) -> Option<Vec<usize>> {
        let allowed = |row: ndarray::ArrayView1<f32>| {
            row.iter().enumerate().filter(|(_, degree)| **degree >= least).fold(0u32, |bits, (v, _)| bits | 1 << v)
        };
        let mut domains: Vec<u32> = cells.axis_iter(Axis(0)).map(allowed).collect();
        if domains.contains(&0) {
            return None;
        }
        let decided: Vec<usize> = (0..domains.len()).filter(|&cell| domains[cell].count_ones() == 1).collect();
        if !self.propagate(&mut domains, decided) {
            return None;
        }
        self.search(cells, domains).map(|domains| domains.iter().map(|bits| bits.trailing_zeros() as usize).collect())
    }

    fn search(&self, cells: ArrayView2<'_, f32>, domains: Vec<u32>) -> Option<Vec<u32>> {
        let open = (0..domains.len()).filter(|&cell| domains[cell].count_ones() > 1);
        let Some(cell) = open.min_by_key(|&cell| domains[cell].count_ones()) else { return Some(domains) };
        let mut digits: Vec<usize> = (0..self.n).filter(|&v| domains[cell] >> v & 1 == 1).collect();
        digits.sort_by(|&a, &b| cells[(cell, b)].total_cmp(&cells[(cell, a)]));
        digits.into_iter().find_map(|v| {
            let mut tried = domains.clone();
            tried[cell] = 1 << v;
            if self.propagate(&mut tried, vec![cell]) { self.search(cells, tried) } else { None }
        })
    }

    /// Draws conclusions until there are none left; false if they contradict each other.
    fn propagate(&self, domains: &mut [u32], mut decided: Vec<usize>) -> bool {
        loop {
            if !self.eliminate(domains, &mut decided) {
                return false;
            }
            if !self.units.iter().all(|unit| place(domains, unit, (1 << self.n) - 1, &mut decided)) {
                return false;
            }
            if decided.is_empty() {
                return true;
            }
        }
    }

    /// Takes the digits of decided cells from their peers, as long as that decides more; false if
    /// a cell is left without digit.
    fn eliminate(&self, domains: &mut [u32], decided: &mut Vec<usize>) -> bool {
        while let Some(cell) = decided.pop() {
            for &peer in &self.peers[cell] {
                if domains[peer] & domains[cell] != 0 {
                    domains[peer] &= !domains[cell];
                    match domains[peer].count_ones() {
                        0 => return false,
                        1 => decided.push(peer),
                        _ => {}
                    }
                }
            }
        }
        true
    }
}

/// Decides the cells of a unit that alone can take some digit; false if no cell can take one, or
/// one cell would have to take two.
fn place(domains: &mut [u32], unit: &[usize], all: u32, decided: &mut Vec<usize>) -> bool {
    let (mut once, mut twice) = (0, 0);
    for &cell in unit {
        twice |= once & domains[cell];
        once |= domains[cell];
    }
    if once != all {
        return false;
    }
    for &cell in unit {
        let only_here = domains[cell] & !twice;
        if only_here.count_ones() > 1 {
            return false;
        }
        if only_here != 0 && domains[cell] != only_here {
            domains[cell] = only_here;
            decided.push(cell);
        }
    }
    true
}
