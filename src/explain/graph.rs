//! The part of the cascade behind an explanation, drawn as SVG: inputs above, conclusions below.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use maud::{Markup, html};

use super::text::{Degree, alternatives};
use super::{Explainer, Explanation, Reading};
use crate::rules::Source;
use crate::shortened::shortened;

pub(super) const WIDTH: usize = 152;
pub(super) const HEIGHT: usize = 60;
pub(super) const GAP: usize = 16;
pub(super) const FALL: usize = 44;
/// The most boxes beside each other that are not on the deciding path.
const COMPANIONS: usize = 4;
/// The most boxes beside each other in all.
const ROW: usize = 8;
/// The most letters of a line in a box.
pub(super) const LETTERS: usize = 19;

/// An attribute in the drawing.
struct Drawn {
    /// Which of its values decide, if it is on the deciding path.
    decisive: Option<String>,
    /// Steps above the explained attribute.
    rank: usize,
}

/// The cascade behind an explanation: the attributes it runs through, marked, and what else their
/// rules read, as far as there is room. `pictures` are shown for the inputs that have one.
pub(super) fn cascade(
    explainer: &Explainer<'_>,
    explanation: &Explanation,
    readings: &[Reading],
    pictures: &HashMap<String, String>,
) -> Markup {
    let drawing = Drawing::new(explainer, explanation, readings);
    let (rows, hidden) = drawing.rows();
    let mut places: HashMap<usize, (usize, usize)> = HashMap::new();
    let count = |rank: usize| rows[rank].len() + usize::from(hidden[rank] > 0);
    let columns = (0..rows.len()).map(count).max().unwrap_or(1);
    let width = columns * (WIDTH + GAP) + GAP;
    let mut boxes = Vec::new();
    for (rank, (row, &hidden)) in rows.iter().zip(&hidden).enumerate() {
        let y = GAP + rank * (HEIGHT + FALL);
        let left = (width - count(rank) * (WIDTH + GAP) + GAP) / 2;
        for (i, &attribute) in row.iter().enumerate() {
            let x = left + i * (WIDTH + GAP);
            places.insert(attribute, (x, y));
            let picture = pictures.get(explainer.name(attribute)).map(String::as_str);
            boxes.push(drawing.attribute(attribute, picture, x, y));
        }
        if hidden > 0 {
            boxes.push(more(hidden, left + row.len() * (WIDTH + GAP), y));
        }
    }
    let height = rows.len() * (HEIGHT + FALL) + 2 * GAP - FALL;
    let edges = drawing.edges.iter().filter_map(|(&(from, to), rules)| {
        let ((x1, y1), (x2, y2)) = (places.get(&from)?, places.get(&to)?);
        let (x1, y1, x2) = (x1 + WIDTH / 2, y1 + HEIGHT, x2 + WIDTH / 2);
        let bend = FALL * 2 / 3;
        let path = format!("M{x1} {y1}C{x1} {} {x2} {} {x2} {}", y1 + bend, y2 - bend, y2 - 5);
        let deciding = !rules.is_empty();
        Some((deciding, path, rules.iter().cloned().collect::<Vec<_>>().join("\n")))
    });
    let (bold, faint): (Vec<_>, Vec<_>) = edges.partition(|(deciding, ..)| *deciding);
    html! {
        div.scroll {
            svg.cascade xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {width} {height}")) role="img"
                style=(format!("max-width:{width}px;min-width:{}px", width * 7 / 10))
                aria-label="the attributes behind this answer, with the deciding path marked" {
                @for (_, path, _) in &faint { path.edge d=(path) marker-end="url(#tip)" {} }
                @for (_, path, rules) in &bold {
                    path.edge.deciding d=(path) marker-end="url(#bold-tip)" { title { (rules) } }
                }
                @for shape in &boxes { (shape) }
            }
        }
    }
}

/// What all drawings of a page refer to; it takes no room itself.
pub(super) fn arrow_tips() -> Markup {
    html! {
        svg.tips xmlns="http://www.w3.org/2000/svg" width="0" height="0" aria-hidden="true" {
            defs {
                @for (id, class) in [("tip", "tip"), ("bold-tip", "tip bold")] {
                    marker id=(id) viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7"
                        markerUnits="userSpaceOnUse" orient="auto" { path class=(class) d="M0 0L8 4L0 8z" {} }
                }
            }
        }
    }
}

/// A box that stands for attributes there is no room for.
pub(super) fn more(count: usize, x: usize, y: usize) -> Markup {
    html! {
        g transform=(format!("translate({x} {y})")) {
            rect.ghost width=(WIDTH) height=(HEIGHT) rx="6" {}
            text x=(WIDTH / 2) y=(HEIGHT / 2 + 5) text-anchor="middle" { "+ " (count) " more" }
        }
    }
}

struct Drawing<'x, 'e> {
    explainer: &'x Explainer<'e>,
    drawn: BTreeMap<usize, Drawn>,
    /// What an attribute is read for; the names of the deciding rules on the deciding path.
    edges: BTreeMap<(usize, usize), BTreeSet<String>>,
}

impl<'x, 'e> Drawing<'x, 'e> {
    fn new(explainer: &'x Explainer<'e>, explanation: &Explanation, readings: &[Reading]) -> Self {
        let position = |name: &str| explainer.engine.base().position(name).expect("explained by this engine");
        let mut decisive: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        decisive.entry(position(&explanation.attribute)).or_default();
        let mut edges: BTreeMap<(usize, usize), BTreeSet<String>> = BTreeMap::new();
        for node in &explanation.nodes {
            decisive.entry(position(&node.attribute)).or_default().push(alternatives(&node.values, node.more_values));
            for rule in node.rules() {
                for cause in rule.causes() {
                    let from = position(&explanation.nodes[cause].attribute);
                    edges.entry((from, position(&node.attribute))).or_default().insert(rule.rule.clone());
                }
            }
        }
        let read: BTreeSet<usize> = readings.iter().map(|reading| position(&reading.attribute)).collect();
        let mut shown: BTreeSet<usize> = decisive.keys().copied().chain(read).collect();
        for &attribute in decisive.keys() {
            if let Source::RuleSet(stage) = explainer.source(attribute) {
                shown.extend(explainer.engine.base().rule_sets()[stage].reads());
            }
        }
        for &attribute in &shown {
            if let Source::RuleSet(stage) = explainer.source(attribute) {
                for read in
                    explainer.engine.base().rule_sets()[stage].reads().into_iter().filter(|read| shown.contains(read))
                {
                    edges.entry((read, attribute)).or_default();
                }
            }
        }
        let ranks = ranks(explainer, &shown, &edges);
        let drawn = shown.into_iter().map(|attribute| {
            let decisive = decisive.get(&attribute).map(|values| match values.as_slice() {
                [only] => only.clone(),
                several => several.join(" · "),
            });
            (attribute, Drawn { decisive, rank: ranks[&attribute] })
        });
        Self { explainer, drawn: drawn.collect(), edges }
    }

    /// What is drawn, rank by rank, and how many have no room there.
    fn rows(&self) -> (Vec<Vec<usize>>, Vec<usize>) {
        let ranks = self.drawn.values().map(|drawn| drawn.rank + 1).max().unwrap_or(0);
        let (mut rows, mut hidden) = (vec![Vec::new(); ranks], vec![0; ranks]);
        let on_path = |drawn: &Drawn| drawn.decisive.is_some();
        for first in [true, false] {
            for (&attribute, drawn) in self.drawn.iter().filter(|(_, drawn)| on_path(drawn) == first) {
                let row = &mut rows[drawn.rank];
                if row.len() < if first { ROW } else { COMPANIONS } {
                    row.push(attribute);
                } else {
                    hidden[drawn.rank] += 1;
                }
            }
        }
        rows.iter_mut().for_each(|row| row.sort_unstable());
        rows.reverse();
        hidden.reverse();
        (rows, hidden)
    }

    fn attribute(&self, attribute: usize, picture: Option<&str>, x: usize, y: usize) -> Markup {
        let reading = self.explainer.reading(attribute);
        let value = format!("{} = {}", reading.attribute, alternatives(&reading.values, 0));
        let others = format!("else {}", Degree(reading.others));
        let decisive = self.drawn[&attribute].decisive.as_deref();
        let left = if picture.is_some() { HEIGHT - 4 } else { 8 };
        let letters = LETTERS - if picture.is_some() { 6 } else { 0 };
        html! {
            g transform=(format!("translate({x} {y})")) class=[decisive.map(|_| "deciding")] data-attribute=(reading.attribute) {
                title { (value) ", " (others) }
                rect width=(WIDTH) height=(HEIGHT) rx="6" {}
                @if let Some(picture) = picture {
                    image href=(picture) x="6" y="8" width=(HEIGHT - 16) height=(HEIGHT - 16) {}
                }
                text.name x=(left) y="19" { (shortened(&value, letters, 0)) }
                text x=(left) y="36" { (shortened(&others, letters, 0)) }
                @if let Some(decisive) = decisive.filter(|decisive| !decisive.is_empty()) {
                    text.decisive x=(left) y="52" { (shortened(&format!("decisive: {decisive}"), letters, 0)) }
                }
            }
        }
    }
}

/// How many steps above the explained attribute each one stands, the longest way.
fn ranks(
    explainer: &Explainer<'_>,
    shown: &BTreeSet<usize>,
    edges: &BTreeMap<(usize, usize), BTreeSet<String>>,
) -> HashMap<usize, usize> {
    let mut ranks: HashMap<usize, usize> = shown.iter().map(|&attribute| (attribute, 0)).collect();
    let stage = |attribute: usize| match explainer.source(attribute) {
        Source::RuleSet(stage) => Some(stage),
        _ => None,
    };
    // Readers before what they read: against the order of the cascade.
    let mut order: Vec<(usize, usize)> = edges.keys().copied().collect();
    order.sort_by_key(|&(_, to)| std::cmp::Reverse(stage(to)));
    for (from, to) in order {
        let above = ranks[&to] + 1;
        ranks.entry(from).and_modify(|rank| *rank = above.max(*rank));
    }
    ranks
}
