//! Answering only some sums: sets that hold the right sum as often as they promise, over all sums,
//! and what is left to answer where a set must hold one sum alone (of these nothing is promised).

use std::error::Error;
use std::io::Write;
use std::path::Path;

use ndarray::{Array2, ArrayView1};
use pinesy::inference::Engine;
use pinesy::possibility::{decide, necessity};
use pinesy::tasks::addition::Sums;
use plotters::prelude::*;
use serde::Serialize;

/// What a reasoner says of one sum, measured in its own way: the higher, the more it stands for it.
struct Judged {
    /// Of the truth.
    truth: f64,
    /// Of the result it stands for most, and of the one it stands for next.
    best: f64,
    next: f64,
    /// How sure it is of the best.
    confidence: f64,
    right: bool,
}

/// What came of one reasoner on all sums, in every draw.
#[derive(Debug, Serialize)]
pub struct Abstention {
    pub reasoner: &'static str,
    pub error: f64,
    pub sums: usize,
    /// Sums whose set holds the truth.
    pub covered: usize,
    /// Sums whose set holds one result alone, and those of which it is right.
    pub answered: usize,
    pub answered_right: usize,
    /// By falling confidence, whether the best result is right.
    #[serde(skip)]
    by_confidence: Vec<bool>,
}

/// Images of one kind: what the network says of each, as probabilities and possibilities.
pub struct Images<'a> {
    pub probabilities: &'a Array2<f32>,
    pub possibilities: &'a Array2<f32>,
    pub labels: ArrayView1<'a, u8>,
}

/// Sets of an error, by the rules and by the exact probabilities of all results, calibrated on sums
/// of one kind of images and tried on draws of the other.
pub fn abstain(
    engine: &Engine,
    k: usize,
    error: f64,
    validation: &Images,
    test: &Images,
    seeds: impl Iterator<Item = u64> + Clone,
) -> Result<Vec<Abstention>, Box<dyn Error>> {
    type Judge = fn(&Engine, &Sums, &Images) -> Result<Vec<Judged>, Box<dyn Error>>;
    let reasoners: [(&'static str, Judge); 2] = [("possibility", possibility), ("probability", probability)];
    let first = seeds.clone().next().unwrap_or(0);
    let mut outcomes = Vec::new();
    for (name, judge) in reasoners {
        let calibration = judge(engine, &Sums::draw(validation.labels.len(), k, first), validation)?;
        let mut truths: Vec<f64> = calibration.iter().map(|judged| judged.truth).collect();
        truths.sort_by(f64::total_cmp);
        // Of 1 − error of the truths at least so much is said; see `inference::Calibration`.
        let is_left = |score: f64| {
            let no_greater = truths.partition_point(|truth| *truth <= score);
            (1 + no_greater) as f64 / (truths.len() + 1) as f64 > error
        };
        let mut all = Vec::new();
        for seed in seeds.clone() {
            all.extend(judge(engine, &Sums::draw(test.labels.len(), k, seed), test)?);
        }
        let is_answered = |judged: &&Judged| is_left(judged.best) && !is_left(judged.next);
        let count = |of: &dyn Fn(&&Judged) -> bool| all.iter().filter(of).count();
        let (covered, answered) = (count(&|judged| is_left(judged.truth)), count(&is_answered));
        let answered_right = count(&|judged| is_answered(judged) && judged.right);
        let sums = all.len();
        all.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        let by_confidence = all.iter().map(|judged| judged.right).collect();
        outcomes.push(Abstention { reasoner: name, error, sums, covered, answered, answered_right, by_confidence });
    }
    Ok(outcomes)
}

/// A result is as possible as its least possible digit.
fn possibility(engine: &Engine, sums: &Sums, images: &Images) -> Result<Vec<Judged>, Box<dyn Error>> {
    let k = sums.placed().ncols() / 2;
    let names: Vec<String> = (0..=k).map(|j| format!("y{j}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let inferred = engine.infer_batch(&sums.cases(engine.base(), images.possibilities.view())?, &names)?;
    let mut all = Vec::new();
    for sum in 0..sums.len() {
        let (_, truth) = sums.result(sum, images.labels);
        let mut judged = Judged { truth: 1.0, best: 1.0, next: 0.0, confidence: 1.0, right: true };
        let mut gains = Vec::new();
        for (name, &truth) in names.iter().zip(&truth) {
            let degrees = inferred.get(name).expect("asked for").row(sum).to_vec();
            let mut rising = degrees.clone();
            rising.sort_by(f32::total_cmp);
            let [.., second, highest] = rising[..] else { unreachable!("digits have several values") };
            judged.truth = judged.truth.min(degrees[truth].into());
            judged.best = judged.best.min(highest.into());
            gains.push(f64::from(second));
            let decision = decide(&degrees).position();
            let sure = decision.map_or(0.0, |position| f64::from(necessity(&degrees, &[position])));
            judged.confidence = judged.confidence.min(sure);
            judged.right &= decision == Some(truth);
        }
        // The next result changes the one digit that costs least.
        judged.next = gains.into_iter().fold(0.0, f64::max).min(judged.best);
        all.push(judged);
    }
    Ok(all)
}

/// Results kept while probabilities are summed over carries; what is left out is far less probable
/// than the two that count.
const BEAM: usize = 64;

/// The exact probabilities of the results, digits being independent.
fn probability(_: &Engine, sums: &Sums, images: &Images) -> Result<Vec<Judged>, Box<dyn Error>> {
    let k = sums.placed().ncols() / 2;
    let mut all = Vec::new();
    for sum in 0..sums.len() {
        let digits = sums.images(sum);
        let (_, truth) = sums.result(sum, images.labels);
        // Results from the last digit on, each with its probability without and with a carry.
        let mut beam: Vec<(Vec<usize>, [f64; 2])> = vec![(Vec::new(), [1.0, 0.0])];
        let mut of_truth = [1.0, 0.0];
        for j in (0..k).rev() {
            let totals = totals(images.probabilities.row(digits[j]), images.probabilities.row(digits[k + j]));
            of_truth = carried(&totals, of_truth, truth[j + 1]);
            let longer = beam.iter().flat_map(|(result, masses)| {
                (0..10).map(|digit| ([result.as_slice(), &[digit]].concat(), carried(&totals, *masses, digit)))
            });
            let mut longer: Vec<(Vec<usize>, [f64; 2])> = longer.collect();
            longer.sort_by(|a, b| (b.1[0] + b.1[1]).total_cmp(&(a.1[0] + a.1[1])));
            longer.truncate(BEAM);
            beam = longer;
        }
        let ended = |(result, masses): &(Vec<usize>, [f64; 2])| {
            [0, 1].map(|carry| (result.iter().copied().chain([carry]).rev().collect::<Vec<usize>>(), masses[carry]))
        };
        let mut results: Vec<(Vec<usize>, f64)> = beam.iter().flat_map(ended).collect();
        results.sort_by(|a, b| b.1.total_cmp(&a.1));
        let (best, next) = (results[0].1, results[1].1);
        all.push(Judged { truth: of_truth[truth[0]], best, next, confidence: best, right: results[0].0 == truth });
    }
    Ok(all)
}

/// The probabilities of the sums 0 to 18 of two digits.
fn totals(a: ArrayView1<'_, f32>, b: ArrayView1<'_, f32>) -> [f64; 19] {
    let mut totals = [0.0; 19];
    for (i, &a) in a.iter().enumerate() {
        for (j, &b) in b.iter().enumerate() {
            totals[i + j] += f64::from(a) * f64::from(b);
        }
    }
    totals
}

/// Of what comes without and with a carry, what gives a digit and leaves no carry or one.
fn carried(totals: &[f64; 19], masses: [f64; 2], digit: usize) -> [f64; 2] {
    let of = |total: usize| {
        let with_carry = total.checked_sub(1).and_then(|total| totals.get(total)).unwrap_or(&0.0);
        masses[0] * totals.get(total).unwrap_or(&0.0) + masses[1] * with_carry
    };
    [of(digit), of(digit + 10)]
}

pub fn write_header(error: f64, transform: &str, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(
        out,
        "\nsets of sums of an error of {error} ({transform}), calibrated on sums of validation images\n{:>4}  {:11}  {:>6}  {:>17}  {:>11}  {:>18}  {:>17}",
        "k", "reasoner", "sums", "truth in set, %", "answered, %", "of these right, %", "right if all, %"
    )
}

pub fn write_row(k: usize, outcome: &Abstention, out: &mut impl Write) -> std::io::Result<()> {
    let share = |part: usize, of: usize| 100.0 * part as f64 / of.max(1) as f64;
    let right = outcome.by_confidence.iter().filter(|right| **right).count();
    writeln!(
        out,
        "{k:>4}  {:11}  {:>6}  {:>17.2}  {:>11.2}  {:>18.2}  {:>17.2}",
        outcome.reasoner,
        outcome.sums,
        share(outcome.covered, outcome.sums),
        share(outcome.answered, outcome.sums),
        share(outcome.answered_right, outcome.answered),
        share(right, outcome.sums),
    )
}

/// Draws the share of errors among the answers against the share answered, most confident first.
pub fn draw(path: &Path, outcomes: &[(usize, &Abstention)]) -> Result<(), Box<dyn Error>> {
    let curve = |outcome: &Abstention| {
        let (mut wrong, mut points) = (0usize, Vec::new());
        for (i, right) in outcome.by_confidence.iter().enumerate() {
            wrong += usize::from(!right);
            points.push((100.0 * (i + 1) as f64 / outcome.sums as f64, 100.0 * wrong as f64 / (i + 1) as f64));
        }
        // The eye sees no more.
        let step = (points.len() / 400).max(1);
        points.into_iter().rev().step_by(step).collect::<Vec<(f64, f64)>>()
    };
    let curves: Vec<Vec<(f64, f64)>> = outcomes.iter().map(|(_, outcome)| curve(outcome)).collect();
    // The first few answers may all be wrong; from a tenth on shares mean something.
    let shown = curves.iter().flatten().filter(|(answered, _)| *answered >= 10.0);
    let highest = shown.map(|(_, wrong)| *wrong).fold(0.1, f64::max) * 1.1;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (720, 480)).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption("Risk and coverage", ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(56)
            .build_cartesian_2d(10.0..100.0, 0.0..highest)?;
        chart.configure_mesh().x_desc("sums answered, %").y_desc("wrong among them, %").draw()?;
        for (i, ((k, outcome), curve)) in outcomes.iter().zip(curves).enumerate() {
            let colour = Palette99::pick(i).to_rgba();
            let curve = curve.into_iter().filter(|(answered, wrong)| *answered >= 10.0 && *wrong <= highest);
            chart
                .draw_series(LineSeries::new(curve, colour.stroke_width(2)))?
                .label(format!("k = {k}, {}", outcome.reasoner))
                .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 16, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.filled())
            .border_style(BLACK)
            .draw()?;
        root.present()?;
    }
    Ok(pinesy::whole_file::write(path, |w| w.write_all(svg.as_bytes()))?)
}
