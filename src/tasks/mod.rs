//! What is specific to the tasks the engine is proved on, and nothing else.

pub mod addition;
pub mod iris;
pub mod sudoku;

/// The mean of some figures and their (sample) standard deviation, 0 for a single one.
///
/// ```
/// assert_eq!(pinesy::tasks::mean_and_deviation(&[1.0, 2.0, 3.0]), (2.0, 1.0));
/// ```
pub fn mean_and_deviation(figures: &[f64]) -> (f64, f64) {
    let n = figures.len() as f64;
    let mean = figures.iter().sum::<f64>() / n;
    let squares = figures.iter().map(|figure| (figure - mean).powi(2)).sum::<f64>();
    (mean, if figures.len() > 1 { (squares / (n - 1.0)).sqrt() } else { 0.0 })
}

/// The most memory the process has had so far, in MB; Linux only.
pub fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1000.0)
}
