//! Plots of accuracies as SVG.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use crate::results::Share;

/// Shares at some places, with their intervals.
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, Share)>,
}

const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 90, 181),
    RGBColor(220, 50, 32),
    RGBColor(0, 128, 96),
    RGBColor(170, 110, 0),
    RGBColor(120, 60, 160),
    RGBColor(0, 140, 170),
    RGBColor(200, 60, 130),
    RGBColor(90, 90, 90),
];

/// Draws lines over a logarithmic axis, in %.
pub fn write(path: &Path, title: &str, x: &str, y: &str, lines: &[Line]) -> Result<(), Box<dyn Error>> {
    let places = || lines.iter().flat_map(|line| line.points.iter().map(|point| point.0));
    let (first, last) = (places().fold(f64::INFINITY, f64::min), places().fold(0.0, f64::max));
    if first > last {
        return Err("there is nothing to draw: expected at least one row".into());
    }
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (720, 480)).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(56)
            .build_cartesian_2d((first * 0.8..last * 1.25).log_scale(), 0.0..100.0)?;
        chart.configure_mesh().x_desc(x).y_desc(y).x_label_formatter(&|x| format!("{x:.0}")).draw()?;
        for (line, &colour) in lines.iter().zip(COLOURS.iter().cycle()) {
            let interval = |(x, share): &(f64, Share)| {
                PathElement::new(vec![(*x, 100.0 * share.low), (*x, 100.0 * share.high)], colour)
            };
            chart.draw_series(line.points.iter().map(interval))?;
            let middle = line.points.iter().map(|(x, share)| (*x, 100.0 * share.share));
            chart
                .draw_series(LineSeries::new(middle, colour.filled()).point_size(3))?
                .label(line.name.clone())
                .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 16, y)], colour));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerLeft)
            .background_style(WHITE.filled())
            .border_style(BLACK)
            .draw()?;
        root.present()?;
    }
    Ok(pinesy::whole_file::write(path, |w| w.write_all(svg.as_bytes()))?)
}
