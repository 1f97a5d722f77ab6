//! A whole rule base, drawn: what each attribute is concluded from.

use std::fmt::{self, Display, Formatter};

use super::dot::Quoted;
use crate::rules::{RuleBase, Source};

/// The most attributes of one depth that are drawn.
const ROW: usize = 40;

/// The cascade of a rule base, for drawing: inputs first, then what rules conclude, by depth.
pub struct Overview<'a> {
    base: &'a RuleBase,
    /// Positions of attributes by depth, and how many there was no room for.
    rows: Vec<(Vec<usize>, usize)>,
}

impl<'a> Overview<'a> {
    /// Of a rule base.
    pub fn new(base: &'a RuleBase) -> Self {
        let inputs: Vec<usize> =
            (0..base.attributes().len()).filter(|&i| matches!(base.source(i), Source::Input(_))).collect();
        let depths = base.rule_sets_by_depth();
        let derived = depths.iter().map(|sets| sets.iter().map(|set| set.attribute()).collect());
        let row = |mut all: Vec<usize>| {
            let left_out = all.len().saturating_sub(ROW);
            all.truncate(ROW);
            (all, left_out)
        };
        Self { base, rows: std::iter::once(inputs).chain(derived).map(row).collect() }
    }

    /// What is drawn, with the attributes each is concluded from that are drawn as well.
    fn edges(&self) -> impl Iterator<Item = (usize, usize)> {
        let drawn: Vec<usize> = self.rows.iter().flat_map(|(row, _)| row).copied().collect();
        let sets = self.base.rule_sets().iter().filter(|set| drawn.contains(&set.attribute()));
        let edges: Vec<(usize, usize)> =
            sets.flat_map(|set| set.reads().into_iter().map(|read| (read, set.attribute()))).collect();
        edges.into_iter().filter(move |(read, _)| drawn.contains(read))
    }

    /// What stands in the box of an attribute: its name, its values, its rules.
    fn label(&self, attribute: usize) -> [String; 3] {
        let rules = match self.base.source(attribute) {
            Source::RuleSet(stage) => match self.base.rule_sets()[stage].rules().len() {
                1 => "1 rule".to_owned(),
                n => format!("{n} rules"),
            },
            _ => "input".to_owned(),
        };
        let attribute = &self.base.attributes()[attribute];
        [attribute.name().to_owned(), attribute.domain().to_string(), rules]
    }

    /// As a graph in the DOT language of Graphviz.
    ///
    /// ```
    /// # use pinesy::explain::Overview;
    /// # use pinesy::rules::RuleBase;
    /// let base = RuleBase::read("rulesets/iris.toml", &[])?;
    /// assert!(Overview::new(&base).dot().contains("\"petal_width\" -> \"species\";"));
    /// # Ok::<(), pinesy::rules::Error>(())
    /// ```
    pub fn dot(&self) -> String {
        Dot(self).to_string()
    }
}

struct Dot<'x>(&'x Overview<'x>);

impl Display for Dot<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(overview) = self;
        let name = |attribute: usize| Quoted(overview.base.attributes()[attribute].name());
        writeln!(f, "digraph rules {{")?;
        writeln!(f, "  rankdir=TB; node [shape=box, fontname=\"sans-serif\"];")?;
        for (depth, (row, left_out)) in overview.rows.iter().enumerate() {
            writeln!(f, "  {{ rank=same;")?;
            for &attribute in row {
                let style = if depth == 0 { ", style=filled, fillcolor=\"#e8f0fe\"" } else { "" };
                let label = Quoted(overview.label(attribute).join("\n"));
                writeln!(f, "    {} [label={label}{style}];", name(attribute))?;
            }
            if *left_out > 0 {
                writeln!(f, "    more_{depth} [shape=plaintext, label=\"… {left_out} more\"];")?;
            }
            writeln!(f, "  }}")?;
        }
        for (from, to) in overview.edges() {
            writeln!(f, "  {} -> {};", name(from), name(to))?;
        }
        writeln!(f, "}}")
    }
}

#[cfg(feature = "pages")]
mod page {
    use std::collections::HashMap;

    use maud::{DOCTYPE, Markup, PreEscaped, html};

    use super::Overview;
    use crate::explain::graph::{FALL, GAP, HEIGHT, LETTERS, WIDTH, arrow_tips, more};
    use crate::explain::page::STYLE;
    use crate::shortened::shortened;

    /// The most rules of a set that are listed.
    const RULES: usize = 60;
    /// The most boxes of a row.
    const BOXES: usize = 8;

    impl Overview<'_> {
        /// As an HTML page that needs nothing but itself: the cascade and the rules.
        pub fn page(&self, title: &str) -> String {
            let sets = self.base.rule_sets().iter().take(RULES);
            let hidden = self.base.rule_sets().len().saturating_sub(RULES);
            let page = html! {
                (DOCTYPE)
                html lang="en" {
                    head {
                        meta charset="utf-8";
                        meta name="viewport" content="width=device-width, initial-scale=1";
                        title { (title) }
                        style { (PreEscaped(STYLE)) }
                    }
                    body {
                        (arrow_tips())
                        main {
                            h1 { (title) }
                            (self.drawing())
                            @for set in sets {
                                @let conclusion = self.base.conclusion(set);
                                section {
                                    h2 { (conclusion.name()) " ∈ " (conclusion.domain().to_string()) }
                                    @for rule in set.rules().iter().take(RULES) {
                                        p { (rule.name()) span.reason { "  s = " (rule.s()) ", r = " (rule.r()) } }
                                    }
                                    @if set.rules().len() > RULES { p.reason { "… " (set.rules().len() - RULES) " more rules" } }
                                }
                            }
                            @if hidden > 0 { p.reason { "… " (hidden) " more rule sets" } }
                        }
                    }
                }
            };
            page.into_string()
        }

        fn drawing(&self) -> Markup {
            let shown = |row: usize| self.rows[row].0.len().min(BOXES);
            let hidden = |row: usize| self.rows[row].0.len() - shown(row) + self.rows[row].1;
            let count = |row: usize| shown(row) + usize::from(hidden(row) > 0);
            let width = (0..self.rows.len()).map(count).max().unwrap_or(1) * (WIDTH + GAP) + GAP;
            let height = self.rows.len() * (HEIGHT + FALL) + 2 * GAP - FALL;
            let mut places = HashMap::new();
            let mut boxes = Vec::new();
            for (i, (row, _)) in self.rows.iter().enumerate() {
                let y = GAP + i * (HEIGHT + FALL);
                let left = (width - count(i) * (WIDTH + GAP) + GAP) / 2;
                for (j, &attribute) in row.iter().take(BOXES).enumerate() {
                    let x = left + j * (WIDTH + GAP);
                    places.insert(attribute, (x, y));
                    boxes.push(self.attribute(attribute, x, y));
                }
                if hidden(i) > 0 {
                    boxes.push(more(hidden(i), left + shown(i) * (WIDTH + GAP), y));
                }
            }
            let path = |(from, to): (usize, usize)| {
                let ((x1, y1), (x2, y2)) = (places.get(&from)?, places.get(&to)?);
                let (x1, y1, x2, bend) = (x1 + WIDTH / 2, y1 + HEIGHT, x2 + WIDTH / 2, FALL * 2 / 3);
                Some(format!("M{x1} {y1}C{x1} {} {x2} {} {x2} {}", y1 + bend, y2 - bend, y2 - 5))
            };
            html! {
                div.scroll {
                    svg.cascade xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {width} {height}")) role="img"
                        style=(format!("max-width:{width}px;min-width:{}px", width * 7 / 10))
                        aria-label="what each attribute is concluded from" {
                        @for path in self.edges().filter_map(path) { path.edge d=(path) marker-end="url(#tip)" {} }
                        @for shape in &boxes { (shape) }
                    }
                }
            }
        }

        fn attribute(&self, attribute: usize, x: usize, y: usize) -> Markup {
            let [name, domain, rules] = self.label(attribute);
            html! {
                g transform=(format!("translate({x} {y})")) data-attribute=(name) {
                    title { (name) " ∈ " (domain) }
                    rect width=(WIDTH) height=(HEIGHT) rx="6" {}
                    text.name x="8" y="19" { (shortened(&name, LETTERS, 0)) }
                    text x="8" y="36" { (shortened(&domain, LETTERS, 0)) }
                    text x="8" y="52" { (rules) }
                }
            }
        }
    }
}
