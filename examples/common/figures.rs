//! Figures that examples and benches print.
#![allow(dead_code)]

/// The mean of some figures and their (sample) standard deviation, 0 for a single one.
pub fn mean_and_deviation(figures: &[f64]) -> (f64, f64) {
    let figures = ndarray::aview1(figures);
    (figures.mean().unwrap_or(f64::NAN), if figures.len() > 1 { figures.std(1.0) } else { 0.0 })
}

/// The most memory the process has had so far, in MB; Linux only.
#[cfg(target_os = "linux")]
pub fn peak_memory() -> Option<f64> {
    Some(procfs::process::Process::myself().ok()?.status().ok()?.vmhwm? as f64 / 1000.0)
}

#[cfg(not(target_os = "linux"))]
pub fn peak_memory() -> Option<f64> {
    None
}
