use std::fmt::{self, Display, Formatter};

use super::text::{Degree, alternatives};
use super::{Explanation, Origin};

/// An explanation as a graph in the DOT language of Graphviz; see [`Explanation::dot`].
pub struct Dot<'a>(&'a Explanation);

impl Explanation {
    /// The explanation as a Graphviz graph: boxes are values, ellipses are rules, arrows go from
    /// causes to what they decide.
    ///
    /// ```
    /// # use pinesy::explain::Explainer;
    /// # use pinesy::inference::Engine;
    /// # use pinesy::rules::RuleBase;
    /// let engine = Engine::of(&RuleBase::read("rulesets/iris.toml", &[])?);
    /// let cases = engine.cases().possibilities("petal_length", &[1.0, 0.3, 0.0]);
    /// let petals = cases.possibilities("petal_width", &[1.0, 0.0, 0.0]).build()?;
    /// let why = Explainer::new(&engine, &petals)?.explain("species", &"versicolor".into())?;
    /// assert!(why.dot().to_string().starts_with("digraph \"species\" {"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn dot(&self) -> Dot<'_> {
        Dot(self)
    }
}

/// A string of the DOT language, where only quotes and backslashes are special.
pub(super) struct Quoted<T>(pub T);

impl<T: Display> Display for Quoted<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.to_string().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
    }
}

impl Display for Dot<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(explanation) = self;
        let Explanation { attribute, subject, degree, because, more, nodes } = explanation;
        writeln!(f, "digraph {} {{", Quoted(attribute))?;
        writeln!(f, "  rankdir=BT; node [fontname=\"sans-serif\"]; edge [fontname=\"sans-serif\", fontsize=10];")?;
        let subject = format!("{}\nis possible to degree {}", subject.of(attribute), Degree(*degree));
        writeln!(f, "  subject [shape=box, penwidth=2, label={}];", Quoted(subject))?;
        for node in because {
            writeln!(f, "  v{node} -> subject;")?;
        }
        left_out(f, "subject", *more)?;
        for (i, node) in nodes.iter().enumerate() {
            let label = format!("{} = {}", node.attribute, alternatives(&node.values, node.more_values));
            let style = if node.origin == Origin::Input { ", style=filled, fillcolor=\"#e8f0fe\"" } else { "" };
            writeln!(f, "  v{i} [shape=box, label={}{style}];", Quoted(label))?;
            left_out(f, &format!("v{i}"), node.more)?;
            for (j, rules) in node.alike().into_iter().enumerate() {
                let (id, first) = (format!("v{i}r{j}"), rules[0]);
                let others =
                    if rules.len() > 1 { format!("\nand {} more rules", rules.len() - 1) } else { String::new() };
                let parameter = if first.by_parameter { "\nby parameter" } else { "" };
                let label = format!("{}{others}{parameter}", first.rule);
                writeln!(f, "  {id} [shape=ellipse, label={}];", Quoted(label))?;
                writeln!(f, "  {id} -> v{i};")?;
                if rules.len() > 1 {
                    first.causes().iter().try_for_each(|cause| writeln!(f, "  v{cause} -> {id};"))?;
                    continue;
                }
                left_out(f, &id, first.more + first.premise.iter().map(|p| p.more).sum::<usize>())?;
                for proposition in &first.premise {
                    let label = format!("{}{}", proposition.negation(), proposition.proposition);
                    for cause in &proposition.because {
                        writeln!(f, "  v{cause} -> {id} [label={}];", Quoted(&label))?;
                    }
                }
            }
        }
        writeln!(f, "}}")
    }
}

/// A node for what the limit left out.
fn left_out(f: &mut Formatter<'_>, id: &str, more: usize) -> fmt::Result {
    if more == 0 {
        return Ok(());
    }
    writeln!(f, "  {id}_more [shape=plaintext, label=\"… {more} more\"]; {id}_more -> {id} [style=dotted];")
}
