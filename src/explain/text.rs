//! Explanations as text: sentences and trees, with colours in the alternate form.

use std::fmt::{self, Display, Formatter};

use super::{
    Allowed, Change, Contradiction, DecidingRule, Explanation, Justification, Leaf, Node, Objection, Origin, Ranking,
    Reading, Subject, Symbol,
};
use crate::possibility::{Undecided, Value};

/// Writes with colours in the alternate form, plainly otherwise.
struct Palette {
    coloured: bool,
}

/// What a piece of text is.
#[derive(Clone, Copy)]
enum Part {
    Value,
    Rule,
    Degree,
    Faint,
}

impl Palette {
    fn of(f: &Formatter<'_>) -> Self {
        Self { coloured: f.alternate() }
    }

    #[cfg(feature = "cli")]
    fn paint(&self, part: Part, text: impl Display) -> String {
        use anstyle::{AnsiColor, Style};
        let style = match part {
            _ if !self.coloured => Style::new(),
            Part::Value => Style::new().bold(),
            Part::Rule => AnsiColor::Cyan.on_default(),
            Part::Degree => AnsiColor::Yellow.on_default(),
            Part::Faint => Style::new().dimmed(),
        };
        format!("{style}{text}{style:#}")
    }

    /// Without the command there is no terminal to colour.
    #[cfg(not(feature = "cli"))]
    fn paint(&self, _: Part, text: impl Display) -> String {
        let _ = self.coloured;
        text.to_string()
    }

    fn value(&self, text: impl Display) -> String {
        self.paint(Part::Value, text)
    }

    fn rule(&self, name: &str) -> String {
        self.paint(Part::Rule, format_args!("\"{name}\""))
    }

    fn degree(&self, degree: f32) -> String {
        self.paint(Part::Degree, Degree(degree))
    }

    fn faint(&self, text: impl Display) -> String {
        self.paint(Part::Faint, text)
    }
}

/// A degree with as many decimals as tell it from 0 and from 1.
pub(super) struct Degree(pub f32);

impl Display for Degree {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(degree) = *self;
        let margin = degree.min(1.0 - degree);
        if margin <= 0.0 {
            write!(f, "{degree}")
        } else if degree < 1e-4 {
            write!(f, "{degree:.1e}")
        } else {
            let digits = format!("{degree:.*}", 2 + (-margin.log10()).floor() as usize);
            let (shortest, zeros) = digits.split_at(4);
            write!(f, "{shortest}{}", zeros.trim_end_matches('0'))
        }
    }
}

/// The width of a table's column: that of its longest entry or of its title.
pub(super) fn column_width<'a>(title: &str, entries: impl Iterator<Item = &'a str>) -> usize {
    entries.map(|entry| entry.chars().count()).max().unwrap_or(0).max(title.len())
}

/// `3`, `3 or 5`, `3, 5, 6 or 8 more`.
pub(super) fn alternatives(values: &[Value], more: usize) -> String {
    listed(names(values, more), "or")
}

/// At most [`Node::VALUES`] names, and how many more there are.
fn names(values: &[Value], more: usize) -> Vec<String> {
    let more = more + values.len().saturating_sub(Node::VALUES);
    let more = (more > 0).then(|| format!("{more} more"));
    values.iter().take(Node::VALUES).map(Value::to_string).chain(more).collect()
}

fn listed(names: Vec<String>, last_by: &str) -> String {
    match names.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} {last_by} {last}", rest.join(", ")),
    }
}

/// `y1 = 7` or, of several values, `y1 in {7, 8}`.
pub(super) fn equation(attribute: &str, values: &[Value], more: usize) -> String {
    match values {
        [only] if more == 0 => format!("{attribute} = {only}"),
        _ => format!("{attribute} in {{{}}}", names(values, more).join(", ")),
    }
}

impl Subject {
    /// The subject as an equation about its attribute.
    pub(super) fn of(&self, attribute: &str) -> String {
        match self {
            Self::Is(values) => equation(attribute, values, 0),
            Self::IsNot(values) => format!("not {}", equation(attribute, values, 0)),
        }
    }
}

impl Node {
    pub(super) fn equation(&self) -> String {
        equation(&self.attribute, &self.values, self.more_values)
    }
}

impl DecidingRule {
    /// The parameter that takes part: s where the rule concludes on the values, r elsewhere.
    pub(super) fn symbol(&self) -> Symbol {
        if self.concludes { Symbol::S } else { Symbol::R }
    }
}

impl Display for Symbol {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::S => "s",
            Self::R => "r",
        })
    }
}

impl Display for Leaf {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input { attribute, value } => write!(f, "{attribute} = {value}"),
            Self::Parameter { rule, parameter } => write!(f, "{parameter} of \"{rule}\""),
        }
    }
}

/// One clause: the nearest change that alters the decision.
impl Display for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let p = Palette::of(f);
        let flips = [("falls", &self.below), ("rises", &self.above)];
        write!(f, "{}, now {}", p.value(&self.of), p.degree(self.degree))?;
        for (direction, flip) in flips {
            let Some(flip) = flip else { continue };
            let to = if [self.degree.next_up(), self.degree.next_down()].contains(&flip.degree) {
                "at all".to_owned()
            } else {
                format!("to {}", p.degree(flip.degree))
            };
            write!(f, "; if it {direction} {to}: {}", alternatives(&flip.decision, 0))?;
        }
        Ok(())
    }
}

/// One clause: the rules and what each leaves.
impl Display for Contradiction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let p = Palette::of(f);
        write!(f, "no value of {} is possible", p.value(&self.attribute))?;
        if self.height > 0.0 {
            write!(f, " to more than {}", p.degree(self.height))?;
        }
        for (i, rule) in self.rules.iter().enumerate() {
            write!(f, "{} {} ", if i == 0 { ":" } else { "," }, p.rule(&rule.rule))?;
            match rule.side {
                Some(Allowed::Conclusion) => write!(f, "holds and allows only {}", rule.conclusion)?,
                Some(Allowed::Opposite) => write!(f, "does not hold and excludes {}", rule.conclusion)?,
                None => write!(f, "neither holds nor fails")?,
            }
        }
        if !self.sources.is_empty() {
            write!(f, "; it starts with {}, of which no value is fully possible", self.sources.join(", "))?;
        }
        Ok(())
    }
}

impl Display for Reading {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let p = Palette::of(f);
        write!(
            f,
            "{} reads {} (anything else possible to {})",
            self.attribute,
            p.value(alternatives(&self.values, 0)),
            p.degree(self.others)
        )
    }
}

/// The most groups of competitors that sentences list.
const GROUPS: usize = 4;
/// The most readings that sentences list.
const READINGS: usize = 6;

impl Justification {
    /// The first sentence, without what was read.
    fn headline(&self, p: &Palette) -> String {
        let Self { attribute, possibility, necessity, .. } = self;
        match self.decision.as_slice() {
            [value] if *possibility == 1.0 => {
                let value = p.value(format_args!("{attribute} = {value}"));
                format!("{value} is certain to degree {}", p.degree(*necessity))
            }
            [value] => {
                let value = p.value(format_args!("{attribute} = {value}"));
                format!("{value} is the most possible value, but only to degree {}", p.degree(*possibility))
            }
            _ if self.undecided == Some(Undecided::Unknown) => {
                format!("{} is unknown, since every value is fully possible", p.value(attribute))
            }
            _ if self.undecided == Some(Undecided::Conflict) => {
                let degree = p.degree(*possibility);
                let all = match self.decision.len() == self.values {
                    true => "all its values".to_owned(),
                    false => listed(names(&self.decision, 0), "and"),
                };
                format!("{} is in conflict, {all} possible to degree {degree}", p.value(attribute))
            }
            several => {
                let values = p.value(listed(names(several, 0), "and"));
                let degree = p.degree(*possibility);
                let all = if several.len() == 2 { "both" } else { "all" };
                format!("{} is ambiguous: {values} are {all} possible to degree {degree}", p.value(attribute))
            }
        }
    }

    /// What the decision is, for a title.
    #[cfg(feature = "pages")]
    pub(super) fn title(&self) -> String {
        let decision = self.ranking.as_ref().map_or(&self.decision, |ranking| &ranking.decision);
        match decision.as_slice() {
            [value] => format!("{} = {value}", self.attribute),
            several => format!("{}: {} (ambiguous)", self.attribute, alternatives(several, 0)),
        }
    }

    /// Why, sentence by sentence.
    #[cfg(feature = "pages")]
    pub(super) fn sentences(&self) -> Vec<String> {
        self.to_string().lines().map(str::to_owned).collect()
    }
}

impl Display for Justification {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.ranking {
            Some(ranking) if f.alternate() => write!(f, "{ranking:#}\nBy possibility alone: ")?,
            Some(ranking) => write!(f, "{ranking}\nBy possibility alone: ")?,
            None => {}
        }
        self.by_possibility(f)
    }
}

/// A sentence.
impl Display for Ranking {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let p = Palette::of(f);
        let Self { attribute, score, .. } = self;
        match self.decision.as_slice() {
            [value] => {
                let value = p.value(format_args!("{attribute} = {value}"));
                write!(f, "{value} is decided by the score {score}, ")?;
            }
            several => {
                let (attribute, values) = (p.value(attribute), p.value(listed(names(several, 0), "and")));
                write!(f, "{attribute} is not decided by the score {score}: {values} tie, ")?;
            }
        }
        f.write_str(&objections(&p, &self.decision, &self.against))?;
        if !self.next.is_empty() {
            let next = p.value(listed(names(&self.next, 0), "and"));
            write!(f, "; next {next}, {}", objections(&p, &self.next, &self.against_next))?;
        }
        f.write_str(".")
    }
}

/// The rules against the first of some values.
fn objections(p: &Palette, values: &[Value], against: &[Objection]) -> String {
    const SHOWN: usize = 4;
    let shown = |objection: &Objection| format!("{} ({})", p.rule(&objection.rule), p.degree(objection.degree));
    let mut rules: Vec<String> = against.iter().take(SHOWN).map(shown).collect();
    if against.len() > SHOWN {
        rules.push(format!("{} more", against.len() - SHOWN));
    }
    match values {
        _ if rules.is_empty() => "which no rule is against".to_owned(),
        [first, _, ..] => format!("against {first} {}", listed(rules, "and")),
        _ => format!("against it {}", listed(rules, "and")),
    }
}

impl Justification {
    fn by_possibility(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let p = Palette::of(f);
        f.write_str(&self.headline(&p))?;
        for (i, reading) in self.readings.iter().take(READINGS).enumerate() {
            f.write_str(if i == 0 { ": " } else { ", " })?;
            if f.alternate() { write!(f, "{reading:#}")? } else { write!(f, "{reading}")? }
        }
        if self.readings.len() > READINGS {
            write!(f, ", and {} more inputs", self.readings.len() - READINGS)?;
        }
        f.write_str(".")?;
        if let Some(contradiction) = &self.contradiction {
            let text = if f.alternate() { format!("{contradiction:#}") } else { contradiction.to_string() };
            write!(f, "\n  Why: {text}.")?;
        }
        if self.competitors.is_empty() && self.more == 0 {
            let alone = self.undecided.is_none() || self.decision.len() == 1;
            return f.write_str(if alone { " It has no other value." } else { "" });
        }
        let (possible, impossible): (Vec<_>, Vec<_>) = self.competitors.iter().partition(|group| group.degree > 0.0);
        for group in possible.iter().take(GROUPS) {
            let values = p.value(listed(names(&group.values, group.more), "and"));
            let several = group.values.len() > 1;
            let (are, most) = if several { ("are", "at most ") } else { ("is", "") };
            let (degree, rules) = (p.degree(group.degree), rules(&p, &group.rules));
            write!(f, "\n  {values} {are} possible to {most}{degree}, held down by {rules}.")?;
        }
        let hidden = possible.len().saturating_sub(GROUPS) + self.more;
        if hidden > 0 {
            // Groups come most possible first: what the limit left out is no more possible than the last.
            let next = possible.get(GROUPS).or(possible.last());
            let degree = Degree(next.map_or(1.0 - self.necessity, |group| group.degree));
            let others = format_args!("Others are possible to at most {degree}, by {hidden} more sets of rules.");
            write!(f, "\n  {}", p.faint(others))?;
        }
        if let Some(first) = impossible.first() {
            let values = impossible.iter().flat_map(|group| &group.values).cloned();
            let mut values: Vec<Value> = values.collect();
            values.sort_unstable();
            let more = impossible.iter().map(|group| group.more).sum();
            let are = if values.len() > 1 { "are" } else { "is" };
            let such = if impossible.len() > 1 { "by rules such as" } else { "by" };
            let (values, rules) = (p.value(listed(names(&values, more), "and")), rules(&p, &first.rules));
            write!(f, "\n  {values} {are} impossible, {such} {rules}.")?;
        }
        Ok(())
    }
}

/// The first of some rules by name.
fn rules(p: &Palette, rules: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut names: Vec<String> = rules.iter().take(SHOWN).map(|rule| p.rule(rule)).collect();
    if rules.len() > SHOWN {
        names.push(format!("{} more", rules.len() - SHOWN));
    }
    listed(names, "and")
}

/// A tree; values met before are not unfolded again.
impl Display for Explanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let p = Palette::of(f);
        let subject = p.value(self.subject.of(&self.attribute));
        write!(f, "{subject} is possible to degree {}", p.degree(self.degree))?;
        let mut tree = Tree { explanation: self, palette: p, shown: vec![false; self.nodes.len()] };
        // A single value that is just the subject needs no line of its own.
        let single = match (&self.subject, self.because.as_slice()) {
            (Subject::Is(values), &[node]) if self.more == 0 && self.nodes[node].values == *values => Some(node),
            _ => None,
        };
        match single {
            Some(node) => tree.rules(f, node, ""),
            None => tree.values(f, &self.because, self.more, ""),
        }
    }
}

struct Tree<'a> {
    explanation: &'a Explanation,
    palette: Palette,
    shown: Vec<bool>,
}

impl Tree<'_> {
    /// Begins a line below `indent`; the indent of what comes below it.
    fn branch(&self, f: &mut Formatter<'_>, indent: &str, last: bool) -> Result<String, fmt::Error> {
        let (here, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        write!(f, "\n{}", self.palette.faint(format_args!("{indent}{here}")))?;
        Ok(format!("{indent}{below}"))
    }

    fn more(&self, f: &mut Formatter<'_>, more: usize, what: &str, indent: &str) -> fmt::Result {
        if more > 0 {
            self.branch(f, indent, true)?;
            let plural = if more == 1 { "" } else { "s" };
            write!(f, "{}", self.palette.faint(format_args!("… {more} more {what}{plural}")))?;
        }
        Ok(())
    }

    fn values(&mut self, f: &mut Formatter<'_>, nodes: &[usize], more: usize, indent: &str) -> fmt::Result {
        for (i, &node) in nodes.iter().enumerate() {
            let below = self.branch(f, indent, i + 1 == nodes.len() && more == 0)?;
            write!(f, "{}", self.palette.value(self.explanation.nodes[node].equation()))?;
            self.rules(f, node, &below)?;
        }
        self.more(f, more, "value", indent)
    }

    /// What gives a value its degree, after the value itself.
    fn rules(&mut self, f: &mut Formatter<'_>, node: usize, indent: &str) -> fmt::Result {
        let Node { origin, more, .. } = &self.explanation.nodes[node];
        let groups = match origin {
            Origin::Input => return write!(f, "  {}", self.palette.faint("input")),
            Origin::Rules(_) if self.shown[node] => return write!(f, "  {}", self.palette.faint("as above")),
            Origin::Rules(_) => self.explanation.nodes[node].alike(),
        };
        self.shown[node] = true;
        for (i, group) in groups.iter().enumerate() {
            let below = self.branch(f, indent, i + 1 == groups.len() && *more == 0)?;
            match group.as_slice() {
                [rule] => self.rule(f, rule, &below)?,
                several => self.several_rules(f, several, &below)?,
            }
        }
        self.more(f, *more, "rule", indent)
    }

    /// Rules that the same values decide, of which one is named.
    fn several_rules(&mut self, f: &mut Formatter<'_>, rules: &[&DecidingRule], indent: &str) -> fmt::Result {
        let named = rules[0];
        write!(f, "rule {} and {} more", self.palette.rule(&named.rule), rules.len() - 1)?;
        let because = named.causes();
        if named.by_parameter {
            self.branch(f, indent, because.is_empty())?;
            f.write_str("their parameters")?;
        }
        self.values(f, &because, 0, indent)
    }

    fn rule(&mut self, f: &mut Formatter<'_>, rule: &DecidingRule, indent: &str) -> fmt::Result {
        write!(f, "rule {}", self.palette.rule(&rule.rule))?;
        if !rule.concludes {
            write!(f, "  {}", self.palette.faint("concludes otherwise"))?;
        }
        let alone = rule.premise.is_empty() && rule.more == 0;
        if rule.by_parameter {
            self.branch(f, indent, alone)?;
            write!(f, "its parameter {} = {}", rule.symbol(), self.palette.degree(self.explanation.degree))?;
        }
        for (i, proposition) in rule.premise.iter().enumerate() {
            let below = self.branch(f, indent, i + 1 == rule.premise.len() && rule.more == 0)?;
            write!(f, "{}{}", proposition.negation(), proposition.proposition)?;
            match (proposition.because.as_slice(), proposition.more) {
                ([], 0) => write!(f, "  {}", self.palette.faint("impossible: it always holds"))?,
                (&[node], 0) if self.explanation.nodes[node].origin == Origin::Input => {
                    let value = self.palette.value(self.explanation.nodes[node].equation());
                    write!(f, ": {value}  {}", self.palette.faint("input"))?;
                }
                (nodes, more) => self.values(f, nodes, more, &below)?,
            }
        }
        self.more(f, rule.more, "proposition", indent)
    }
}
