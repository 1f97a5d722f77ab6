//! What evaluating an expression takes at most. Without loops over lists (`all`, `exists`, `map`,
//! `filter`) its length bounds that; with them each loop multiplies.

use cel::common::ast::{ComprehensionExpr, EntryExpr, Expr, LiteralValue};

use crate::possibility::Value;

/// The size of a value: the numbers it is made of, or the bytes of a text.
pub fn weight(value: &Value) -> f64 {
    match value {
        Value::Integer(_) => 1.0,
        Value::Symbol(text) => 1.0 + text.len() as f64,
        Value::Tuple(values) => values.iter().map(weight).sum::<f64>() + 1.0,
    }
}

/// Whether an expression loops over lists.
pub fn has_loop(expr: &Expr) -> bool {
    matches!(expr, Expr::Comprehension(_)) || parts(expr).into_iter().any(has_loop)
}

/// No less than the steps of evaluating an expression of so many bytes; `size_of` gives the sizes
/// of its variables.
pub fn steps(expr: &Expr, length: usize, size_of: &dyn Fn(&str) -> f64) -> u64 {
    let mut estimate = Estimate { length: length as f64, size_of, bound: Vec::new() };
    // Infinitely often nothing is no number; `min` takes it for too many.
    estimate.of(expr).steps.min(1e18) as u64
}

/// Bounds on a value and the way to it.
#[derive(Clone, Copy)]
struct Bounds {
    steps: f64,
    /// All that is in it.
    size: f64,
    /// Its elements, if it is a list.
    count: f64,
    /// The size of the largest of these.
    element: f64,
}

impl Bounds {
    fn of_size(size: f64) -> Self {
        Self { steps: 1.0, size, count: size, element: size }
    }
}

struct Estimate<'a> {
    length: f64,
    size_of: &'a dyn Fn(&str) -> f64,
    /// Variables of the loops around.
    bound: Vec<(String, Bounds)>,
}

impl Estimate<'_> {
    fn of(&mut self, expr: &Expr) -> Bounds {
        match expr {
            Expr::Literal(LiteralValue::String(_) | LiteralValue::Bytes(_)) => Bounds::of_size(self.length),
            Expr::Literal(_) | Expr::Unspecified => Bounds::of_size(1.0),
            Expr::Ident(name) => match self.bound.iter().rev().find(|(known, _)| known == name) {
                Some((_, bounds)) => *bounds,
                None => Bounds::of_size((self.size_of)(name)),
            },
            Expr::Comprehension(comprehension) => self.of_loop(comprehension),
            // The value of a call, such as a concatenation, is no larger than its arguments, or a
            // number as text.
            _ => {
                let is_list = matches!(expr, Expr::List(_) | Expr::Map(_) | Expr::Struct(_));
                let parts: Vec<Bounds> = parts(expr).into_iter().map(|part| self.of(part)).collect();
                let sum = |of: fn(&Bounds) -> f64| parts.iter().map(of).sum::<f64>();
                let highest = |of: fn(&Bounds) -> f64| parts.iter().map(of).fold(0.0, f64::max);
                let size = sum(|part| part.size) + if is_list { 1.0 } else { 0.0 };
                Bounds {
                    steps: sum(|part| part.steps) + size + 1.0,
                    size,
                    count: if is_list { parts.len() as f64 } else { sum(|part| part.count) },
                    element: if is_list { highest(|part| part.size) } else { highest(|part| part.element) },
                }
            }
        }
    }

    fn of_loop(&mut self, comprehension: &ComprehensionExpr) -> Bounds {
        let (range, first) = (self.of(&comprehension.iter_range.expr), self.of(&comprehension.accu_init.expr));
        let outer = self.bound.len();
        let element = Bounds { steps: 1.0, ..Bounds::of_size(range.element) };
        self.bound.push((comprehension.iter_var.clone(), element));
        if let Some(second) = &comprehension.iter_var2 {
            self.bound.push((second.clone(), element));
        }
        // What each round adds to what was gathered so far.
        let nothing = Bounds { steps: 1.0, size: 0.0, count: 0.0, element: 0.0 };
        self.bound.push((comprehension.accu_var.clone(), nothing));
        let (condition, round) = (self.of(&comprehension.loop_cond.expr), self.of(&comprehension.loop_step.expr));
        self.bound.truncate(outer);
        let gathered = Bounds {
            steps: 1.0,
            size: first.size + range.count * round.size,
            count: first.count + range.count * round.count,
            element: first.element.max(round.element),
        };
        self.bound.push((comprehension.accu_var.clone(), gathered));
        let result = self.of(&comprehension.result.expr);
        self.bound.truncate(outer);
        let rounds = range.count * (condition.steps + round.steps + 1.0);
        Bounds { steps: range.steps + first.steps + rounds + result.steps, ..result }
    }
}

/// The expressions directly below one; of a loop, all of them.
fn parts(expr: &Expr) -> Vec<&Expr> {
    fn of_entry(entry: &EntryExpr) -> Vec<&Expr> {
        match entry {
            EntryExpr::StructField(field) => vec![&field.value.expr],
            EntryExpr::MapEntry(entry) => vec![&entry.key.expr, &entry.value.expr],
        }
    }
    match expr {
        Expr::Call(call) => {
            let target = call.target.iter().map(|target| &target.expr);
            target.chain(call.args.iter().map(|argument| &argument.expr)).collect()
        }
        Expr::Comprehension(of) => {
            let all = [&of.iter_range, &of.accu_init, &of.loop_cond, &of.loop_step, &of.result];
            all.into_iter().map(|part| &part.expr).collect()
        }
        Expr::List(list) => list.elements.iter().map(|element| &element.expr).collect(),
        Expr::Map(map) => map.entries.iter().flat_map(|entry| of_entry(&entry.expr)).collect(),
        Expr::Struct(of) => of.entries.iter().flat_map(|entry| of_entry(&entry.expr)).collect(),
        Expr::Select(select) => vec![&select.operand.expr],
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Vec::new(),
    }
}
