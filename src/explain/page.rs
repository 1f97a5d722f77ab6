use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use ndarray::ArrayView2;

use super::graph::{arrow_tips, cascade};
use super::text::{Degree, alternatives};
use super::{Error, Explainer, Explanation, Justification, Reading};
use crate::possibility::Value;
use crate::whole_file;

/// An HTML page that explains answers, with pictures of what was read, the cascade drawn as a
/// graph and the deciding path marked. It needs nothing but itself: no network, no script.
///
/// ```
/// use ndarray::Array2;
/// use pinesy::explain::{Explainer, Page, Pictures, Question};
/// use pinesy::inference::Engine;
/// use pinesy::rules::RuleBase;
///
/// let engine = Engine::of(&RuleBase::read("rulesets/mnist_addition.toml", &[])?);
/// let digit = |d: usize| (0..10).map(|i| if i == d { 1.0 } else { 0.1 }).collect::<Vec<f32>>();
/// let case = engine.cases().possibilities("a1", &digit(3)).possibilities("a2", &digit(4)).build()?;
/// let explainer = Explainer::new(&engine, &case)?;
/// let image = Array2::from_elem((28, 28), 255);
/// let pictures = Pictures { images: vec![("a1", image.view())], per_row: 2 };
/// let mut page = Page::new("A sum");
/// page.example("3 + 4", &explainer, &pictures, &[Question::Why("y1"), Question::WhyNot("y1", &8.into())])?;
/// assert!(page.to_string().starts_with("<!DOCTYPE html>"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Page {
    title: String,
    examples: Vec<Markup>,
    left_out: usize,
}

/// Grey images of inputs, 0 black to 255 white, in rows.
#[derive(Debug, Clone, Default)]
pub struct Pictures<'a> {
    /// Inputs by name, in the order in which they are to be seen.
    pub images: Vec<(&'a str, ArrayView2<'a, u8>)>,
    /// How many stand side by side.
    pub per_row: usize,
}

/// What a page is to answer about a derived attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question<'a> {
    /// Why it has the value it has, or none, and what would change that.
    Why(&'a str),
    /// Why a value of it is not more possible.
    WhyNot(&'a str, &'a Value),
}

/// The most possible changes in a table.
const CHANGES: usize = 12;
/// The most rules in a table of activations.
const ACTIVATIONS: usize = 40;
/// The most propositions of a deciding rule in its sentence.
const PROPOSITIONS: usize = 5;
/// The most values of an input that are drawn as bars.
const BARS: usize = 20;
/// The most readings that are drawn.
const READINGS: usize = 8;

impl Page {
    /// A page without examples yet.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), examples: Vec::new(), left_out: 0 }
    }

    /// Says at the end that so many examples are not on the page.
    pub fn left_out(&mut self, examples: usize) {
        self.left_out = examples;
    }

    /// Adds an example with answers to questions about it.
    ///
    /// # Errors
    /// [`Error::UnknownValue`], [`Error::Picture`], or
    /// [`inference::Error::UnknownDerived`](crate::inference::Error::UnknownDerived).
    pub fn example(
        &mut self,
        heading: &str,
        explainer: &Explainer<'_>,
        pictures: &Pictures<'_>,
        questions: &[Question<'_>],
    ) -> Result<(), Error> {
        let images = encode(explainer, pictures)?;
        let answers =
            questions.iter().map(|question| Answer::new(explainer, question)).collect::<Result<Vec<_>, _>>()?;
        let decisive = |name: &str| answers.iter().any(|answer| answer.readings().iter().any(|r| r.attribute == name));
        let per_row = pictures.per_row.max(1);
        self.examples.push(html! {
            article {
                h1 { (heading) }
                @if !pictures.images.is_empty() {
                    div.pictures style=(format!("grid-template-columns:repeat({per_row},minmax(0,1fr));max-width:{}px", 84 * per_row)) {
                        @for (name, _) in &pictures.images {
                            (picture(explainer, name, &images[*name], decisive(name)))
                        }
                    }
                }
                @for answer in &answers { (answer.show(explainer, &images)?) }
            }
        });
        Ok(())
    }

    /// Writes the page to a file, whole or not at all, and makes its folder if there is none.
    ///
    /// # Errors
    /// If the folder or the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        whole_file::write(path, |w| write!(w, "{self}"))
    }
}

impl Display for Page {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (self.title) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    (arrow_tips())
                    main {
                        @for example in &self.examples { (example) }
                        @if self.left_out > 0 { p.note { (self.left_out) " more examples are not on this page." } }
                    }
                }
            }
        };
        f.write_str(&page.into_string())
    }
}

/// One question, answered.
enum Answer {
    Why(Box<Justification>),
    WhyNot { explanation: Explanation, readings: Vec<Reading> },
}

impl Answer {
    fn new(explainer: &Explainer<'_>, question: &Question<'_>) -> Result<Self, Error> {
        match question {
            Question::Why(attribute) => Ok(Self::Why(Box::new(explainer.justify(attribute)?))),
            Question::WhyNot(attribute, value) => {
                let explanation = explainer.explain(attribute, value)?;
                Ok(Self::WhyNot { readings: explainer.readings(&explanation), explanation })
            }
        }
    }

    fn explanation(&self) -> &Explanation {
        match self {
            Self::Why(justification) => &justification.explanation,
            Self::WhyNot { explanation, .. } => explanation,
        }
    }

    fn readings(&self) -> &[Reading] {
        match self {
            Self::Why(justification) => &justification.readings,
            Self::WhyNot { readings, .. } => readings,
        }
    }

    fn show(&self, explainer: &Explainer<'_>, images: &HashMap<String, String>) -> Result<Markup, Error> {
        let (explanation, readings) = (self.explanation(), self.readings());
        let attribute = &explanation.attribute;
        let (title, sentences, changes, doubt) = match self {
            Self::Why(why) => {
                // Changes are those of the possibilities: by another score they may alter nothing.
                let changes = if why.ranking.is_none() { explainer.changes(attribute)? } else { Vec::new() };
                (why.title(), why.sentences(), changes, why.doubt.as_ref())
            }
            Self::WhyNot { .. } => {
                let first = explanation.to_string().lines().next().unwrap_or_default().to_owned();
                let title = format!("Why not more possible: {}", explanation.subject.of(attribute));
                (title, vec![first + "."], Vec::new(), None)
            }
        };
        let activations = explainer.activations(attribute)?.0;
        let more_rules = activations.len().saturating_sub(ACTIVATIONS);
        let changing = changes.len();
        Ok(html! {
            section data-attribute=(attribute) {
                h2 { (title) }
                @for (i, sentence) in sentences.iter().enumerate() { p.reason[i > 0] { (sentence.trim()) } }
                @if !readings.is_empty() {
                    div.readings { @for reading in readings.iter().take(READINGS) { (bars(explainer, reading)) } }
                }
                (cascade(explainer, explanation, readings, images))
                (deciding_rules(explanation))
                details { summary { "The whole chain, down to the inputs" } pre { (explanation) } }
                @if let Some(doubt) = doubt {
                    details { summary { "Why it is not fully possible itself" } pre { (doubt) } }
                }
                @if changing > 0 {
                    details {
                        summary { "What would change it" }
                        div.scroll { table {
                            tr { th { "alone" } th { "now" } th { "would have to be" } th { "then " (attribute) " is" } }
                            @for change in changes.iter().take(CHANGES) {
                                @for flip in [&change.below, &change.above].into_iter().flatten() {
                                    tr {
                                        td { (change.of) } td { (Degree(change.degree)) }
                                        td { (if flip.degree < change.degree { "at most " } else { "at least " }) (Degree(flip.degree)) }
                                        td { (alternatives(&flip.decision, 0)) @if flip.decision.len() > 1 { " (ambiguous)" } }
                                    }
                                }
                            }
                        } }
                        @if changing > CHANGES { p { (changing - CHANGES) " more would have to change at least as far." } }
                    }
                }
                details {
                    summary { "Every rule on " (attribute) }
                    div.scroll { table {
                        tr { th { "rule" } th { "λ" } th { "ρ" } th { "α" } th { "β" } }
                        @for rule in activations.iter().take(ACTIVATIONS) {
                            tr {
                                td { (rule.rule) }
                                @for degree in [rule.lambda, rule.rho, rule.alpha, rule.beta] { td { (Degree(degree)) } }
                            }
                        }
                    } }
                    @if more_rules > 0 { p { (more_rules) " more rules." } }
                }
            }
        })
    }
}

/// The rules that hold the explained values down.
fn deciding_rules(explanation: &Explanation) -> Markup {
    let nodes = explanation.because.iter().map(|&node| &explanation.nodes[node]);
    let rules = nodes.flat_map(|node| node.rules().iter().map(move |rule| (node, rule)));
    if explanation.degree == 1.0 {
        return html! { p { "No rule holds " (explanation.subject.of(&explanation.attribute)) " down." } };
    }
    html! {
        ul.deciding-rules {
            @for (node, rule) in rules {
                li {
                    code.deciding-rule { (rule.rule) }
                    " allows " (node.equation()) " no more than " (Degree(explanation.degree))
                    @if rule.by_parameter { ", by its parameter " (rule.symbol()) }
                    @for (i, proposition) in rule.premise.iter().take(PROPOSITIONS).enumerate() {
                        (if i == 0 { ", since " } else { " and " })
                        (proposition.negation())
                        code { (proposition.proposition) }
                    }
                    @if rule.premise.len() > PROPOSITIONS { " and " (rule.premise.len() - PROPOSITIONS) " more propositions" }
                    @match rule.premise.len() { 0 => "", 1 => " is no more possible", _ => " are no more possible" }
                }
            }
        }
    }
}

/// Pictures as data: URLs by input.
fn encode(explainer: &Explainer<'_>, pictures: &Pictures<'_>) -> Result<HashMap<String, String>, Error> {
    let encode = |(name, image): &(&str, ArrayView2<'_, u8>)| {
        let fault = || Error::Picture((*name).to_owned());
        let known = explainer.engine.base().inputs().any(|input| input.name() == *name);
        let (height, width) = (u32::try_from(image.nrows()), u32::try_from(image.ncols()));
        let (Ok(height), Ok(width), true) = (height, width, known) else { return Err(fault()) };
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_color(png::ColorType::Grayscale);
        let pixels: Vec<u8> = image.iter().copied().collect();
        let mut writer = encoder.write_header().map_err(|_| fault())?;
        writer.write_image_data(&pixels).and_then(|()| writer.finish()).map_err(|_| fault())?;
        Ok(((*name).to_owned(), format!("data:image/png;base64,{}", STANDARD.encode(file))))
    };
    pictures.images.iter().map(encode).collect()
}

fn picture(explainer: &Explainer<'_>, name: &str, image: &str, decisive: bool) -> Markup {
    let attribute = explainer.engine.base().position(name).expect("encoded");
    let reading = explainer.reading(attribute);
    let caption = format!("{name}: {}", alternatives(&reading.values, 0));
    html! {
        figure.decisive[decisive] data-input=(name) {
            img src=(image) alt=(format!("what {name} was read from"));
            figcaption { (caption) }
        }
    }
}

/// The possibilities of an input as bars.
fn bars(explainer: &Explainer<'_>, reading: &Reading) -> Markup {
    const SIDE: usize = 16;
    const TALL: f32 = 40.0;
    let attribute = explainer.engine.base().position(&reading.attribute).expect("read");
    let values = explainer.attribute(attribute).domain().values();
    if values.len() > BARS {
        return html! {};
    }
    let bars: Vec<(usize, &Value, f32)> = values
        .iter()
        .zip(explainer.degrees(attribute))
        .enumerate()
        .map(|(i, (value, &degree))| (i, value, degree))
        .collect();
    let wide = values.iter().map(|value| value.to_string().chars().count()).max().unwrap_or(1);
    let side = SIDE.max(7 * wide + 6);
    html! {
        figure {
            svg.bars viewBox=(format!("0 0 {} 58", side * values.len())) width=(side * values.len()) role="img"
                aria-label=(format!("possibilities of {}", reading.attribute)) {
                @for (i, value, degree) in bars {
                    rect x=(i * side + 2) y=(format!("{:.1}", TALL * (1.0 - degree) + 2.0)) width=(side - 4)
                        height=(format!("{:.1}", TALL * degree)) { title { (value) ": " (Degree(degree)) } }
                    text x=(i * side + side / 2) y="56" text-anchor="middle" { (value) }
                }
            }
            figcaption { (reading.attribute) ": possibilities" }
        }
    }
}

pub(super) const STYLE: &str = "\
:root{--ink:#1e293b;--faint:#64748b;--line:#cbd5e1;--mark:#c2410c;--wash:#fff7ed}
*{box-sizing:border-box}
body{margin:0;background:#f8fafc;color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:54rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem;line-height:1.25;overflow-wrap:anywhere}
h2{font-size:1.15rem;line-height:1.3;margin:0 0 .5rem;overflow-wrap:anywhere}
section{background:#fff;border:1px solid var(--line);border-radius:10px;padding:1rem;margin:1rem 0}
p{margin:.4rem 0;overflow-wrap:anywhere}
p.reason{color:var(--faint);font-size:.92rem;padding-left:.8rem;border-left:3px solid var(--line)}
.pictures{display:grid;gap:4px}
figure{margin:0}
.pictures figure{border:2px solid transparent;border-radius:6px;padding:2px;text-align:center}
.pictures figure.decisive{border-color:var(--mark);background:var(--wash)}
.pictures img{display:block;width:100%;image-rendering:pixelated;border-radius:3px}
figcaption{font-size:.75rem;color:var(--faint);overflow-wrap:anywhere}
.readings{display:flex;flex-wrap:wrap;gap:.8rem;margin:.8rem 0}
.bars{display:block;max-width:100%;height:auto}
.bars rect{fill:#94a3b8}
.bars text{font-size:11px;fill:var(--faint)}
.scroll{overflow-x:auto;max-width:100%}
.cascade{display:block;width:100%;margin:.5rem auto;font-size:12px}
.cascade rect{fill:#fff;stroke:var(--line)}
.cascade text{fill:var(--faint)}
.cascade .name{fill:var(--ink);font-weight:600}
.cascade .ghost{fill:none;stroke-dasharray:4 3}
.cascade .deciding rect{fill:var(--wash);stroke:var(--mark);stroke-width:2}
.cascade .decisive{fill:var(--mark);font-weight:600}
.cascade image{image-rendering:pixelated}
.edge{fill:none;stroke:var(--line);stroke-width:1.2}
.edge.deciding{stroke:var(--mark);stroke-width:2.6}
.tips{position:absolute}
.tip{fill:var(--line)}
.tip.bold{fill:var(--mark)}
code{font-size:.88em;overflow-wrap:anywhere}
.deciding-rules{padding-left:1.2rem}
.deciding-rule{color:var(--mark);font-weight:600}
details{margin:.5rem 0}
summary{cursor:pointer;color:#0369a1}
pre{overflow-x:auto;font-size:.8rem;line-height:1.35;background:#f1f5f9;padding:.7rem;border-radius:6px}
table{border-collapse:collapse;font-size:.85rem}
th,td{text-align:left;padding:.2rem .6rem .2rem 0;border-bottom:1px solid var(--line)}
";
