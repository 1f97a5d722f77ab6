//! Expressions of rule files: CEL programs, and texts with CEL expressions in braces.

use cel::common::ast::{Expr, operators};
use cel::{Context, ParseErrors, Program};

use super::cost::{has_loop, steps, weight};
use super::{Error, ErrorKind, Limit, Limits};
use crate::possibility::Value;
use crate::shortened::shortened;

/// A text as errors quote it.
pub(super) fn quoted(text: &str) -> String {
    shortened(text, 80, 0)
}

/// The values of parameters and index variables at one point of a rule file.
pub(super) struct Scope {
    root: Context<'static, 'static>,
    variables: Vec<(String, Value)>,
}

impl Scope {
    pub fn new() -> Self {
        Self { root: Context::default(), variables: Vec::new() }
    }

    pub fn push(&mut self, name: &str, value: Value) {
        self.variables.push((name.to_owned(), value));
    }

    pub fn truncate(&mut self, len: usize) {
        self.variables.truncate(len);
    }

    pub fn len(&self) -> usize {
        self.variables.len()
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.variables.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|(name, _)| name.as_str())
    }

    fn context(&self, used: &[String]) -> Context<'_, 'static> {
        let mut context = self.root.new_inner_scope();
        for name in used {
            if let Some(value) = self.get(name) {
                context.add_variable_from_value(name.as_str(), to_cel(value));
            }
        }
        context
    }
}

fn to_cel(value: &Value) -> cel::Value {
    match value {
        Value::Integer(i) => (*i).into(),
        Value::Symbol(name) => name.as_str().into(),
        Value::Tuple(values) => values.iter().map(to_cel).collect::<Vec<_>>().into(),
    }
}

fn from_cel(value: &cel::Value) -> Option<Value> {
    match value {
        cel::Value::Int(i) => Some(Value::Integer(*i)),
        cel::Value::UInt(i) => i64::try_from(*i).ok().map(Value::Integer),
        cel::Value::String(name) => Some(Value::from(name.as_str())),
        cel::Value::List(values) => values.iter().map(from_cel).collect::<Option<_>>().map(Value::Tuple),
        _ => None,
    }
}

/// A compiled expression, the variables it reads, and where in its text errors are.
#[derive(Debug)]
pub(super) struct Expression {
    text: String,
    program: Program,
    variables: Vec<String>,
    /// Whether it loops over lists, so that its length does not bound what it takes; and what it may
    /// take then.
    loops: bool,
    most_steps: u64,
}

/// An error in an expression, with the column in its text from 0.
pub(super) struct Fault {
    pub column: usize,
    pub error: Box<Error>,
}

impl Expression {
    pub fn compile(text: &str, limits: &Limits) -> Result<Self, Fault> {
        Self::compile_as(text, text, limits)
    }

    /// Compiles `program`, which stands column by column for `text`.
    fn compile_as(program: &str, text: &str, limits: &Limits) -> Result<Self, Fault> {
        // The parser, the evaluator and the tree's own end all recurse.
        let checked = check_length(program, limits).and_then(|()| limits.check(Limit::Nesting, nesting(program)));
        checked.map_err(|kind| Fault { column: 0, error: kind.into() })?;
        let program = Program::compile(program).map_err(|errors| syntax_fault(&errors, text))?;
        let mut variables: Vec<String> = program.references().variables().into_iter().map(str::to_owned).collect();
        variables.sort();
        let loops = has_loop(&program.expression().expr);
        Ok(Self { text: text.to_owned(), program, variables, loops, most_steps: limits.get(Limit::Steps) })
    }

    pub fn reads(&self, variable: &str) -> bool {
        self.variables.iter().any(|known| known == variable)
    }

    fn error(&self, reason: impl Into<String>) -> Error {
        ErrorKind::Expression { text: self.text.clone(), reason: reason.into() }.into()
    }

    /// What evaluating it takes at most: 1 unless it loops over lists. `size` is that of variables
    /// which the scope does not have.
    fn check_steps(&self, scope: &Scope, size: impl FnOnce() -> f64) -> Result<u64, Error> {
        if !self.loops {
            return Ok(1);
        }
        let size = size();
        let size_of = |name: &str| scope.get(name).map_or(size, weight);
        let steps = steps(&self.program.expression().expr, self.text.len(), &size_of);
        Limit::Steps.check(self.most_steps, steps)?;
        Ok(steps)
    }

    fn evaluate(&self, context: &Context) -> Result<cel::Value, Error> {
        self.program.execute(context).map_err(|e| self.error(e.to_string()))
    }

    fn check_variables(&self, scope: &Scope) -> Result<(), Error> {
        match self.variables.iter().find(|name| scope.get(name).is_none()) {
            Some(name) => {
                let known = super::error::list_names(scope.names());
                Err(self.error(format!("unknown variable '{name}': expected one of {known}")))
            }
            None => Ok(()),
        }
    }

    pub fn value(&self, scope: &Scope) -> Result<Value, Error> {
        self.check_variables(scope)?;
        self.check_steps(scope, || 0.0)?;
        let value = self.evaluate(&scope.context(&self.variables))?;
        from_cel(&value).ok_or_else(|| self.error("expected a whole number, a text or a list of these"))
    }

    pub fn integer(&self, scope: &Scope) -> Result<i64, Error> {
        match self.value(scope)? {
            Value::Integer(i) => Ok(i),
            other => Err(self.error(format!("gives {other}: expected a whole number"))),
        }
    }

    pub fn truth(&self, scope: &Scope) -> Result<bool, Error> {
        self.check_variables(scope)?;
        self.check_steps(scope, || 0.0)?;
        match self.evaluate(&scope.context(&self.variables))? {
            cel::Value::Bool(truth) => Ok(truth),
            other => Err(self.error(format!("gives {other:?}: expected true or false"))),
        }
    }
}

fn check_length(text: &str, limits: &Limits) -> Result<(), ErrorKind> {
    limits.check(Limit::ExpressionBytes, text.len() as u64)
}

/// No less than how deep the tree of an expression is: operators in a row, a bracket or a `?` as
/// five. Rows of `&&` and `||` do not nest.
fn nesting(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let cost = |i: usize| -> u64 {
        let before = if i > 0 { bytes[i - 1] } else { b' ' };
        match bytes[i] {
            b'(' | b'[' | b'{' | b'?' => 5,
            b'=' if matches!(before, b'=' | b'!' | b'<' | b'>') => 0,
            b'+' | b'-' | b'*' | b'/' | b'%' | b'.' | b'=' | b'!' | b'<' | b'>' => 1,
            b'n' if before == b'i' => 1,
            _ => 0,
        }
    };
    let all: u64 = (0..bytes.len()).map(cost).sum();
    // Where texts and comments end is not told here: what is short is right whatever it means.
    if all <= 100 || ["\\", "\"\"\"", "'''", "//", "\n", "\r"].iter().any(|what| text.contains(what)) {
        return all;
    }
    /// Within one pair of brackets: the deepest term so far, and of the present term its operators
    /// and its deepest bracket.
    #[derive(Default)]
    struct Level {
        deepest: u64,
        row: u64,
        inner: u64,
    }
    impl Level {
        fn end_term(&mut self) {
            self.deepest = self.deepest.max(self.row + self.inner);
            (self.row, self.inner) = (0, 0);
        }
    }
    let mut levels = vec![Level::default()];
    let mut i = 0;
    while i < bytes.len() {
        let top = levels.last_mut().expect("never empty");
        match bytes[i] {
            quote @ (b'"' | b'\'') => match text[i + 1..].find(quote as char) {
                Some(end) => i += end + 1,
                None => return all,
            },
            b'(' | b'[' | b'{' => {
                // What is called or indexed stands below.
                top.row += 1;
                levels.push(Level::default());
            }
            b')' | b']' | b'}' => {
                top.end_term();
                let inner = top.deepest + 5;
                if levels.len() == 1 {
                    return all;
                }
                levels.pop();
                let outer = levels.last_mut().expect("more than one");
                outer.inner = outer.inner.max(inner);
            }
            b',' => top.end_term(),
            byte @ (b'&' | b'|') if bytes.get(i + 1) == Some(&byte) => top.end_term(),
            _ => top.row += cost(i),
        }
        i += 1;
    }
    while let Some(mut level) = levels.pop() {
        level.end_term();
        match levels.last_mut() {
            Some(outer) => outer.inner = outer.inner.max(level.deepest + 5),
            None => return level.deepest,
        }
    }
    all
}

fn syntax_fault(errors: &ParseErrors, text: &str) -> Fault {
    let first = errors.errors.first();
    let column = first.map_or(0, |e| usize::try_from(e.pos.1 - 1).unwrap_or(0));
    let message = first.map_or("not an expression", |e| e.msg.lines().next().unwrap_or_default());
    let reason = match cure(text) {
        Some(cure) => cure.to_owned(),
        None => format!("{message}; expected a CEL expression"),
    };
    Fault { column, error: ErrorKind::Expression { text: text.to_owned(), reason }.into() }
}

/// What to write instead of what people write first.
fn cure(text: &str) -> Option<&'static str> {
    let mut bare = String::new();
    let mut quote = None;
    for c in text.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None => bare.push(c),
        }
    }
    let words: Vec<&str> = bare.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let rest = ["==", "!=", "<=", ">="].iter().fold(bare.clone(), |text, operator| text.replace(operator, " "));
    let flat: String = bare.split_whitespace().collect::<Vec<_>>().join(" ");
    if bare.contains("=>") || bare.contains("=<") {
        Some("write >= for \"at least\" and <= for \"at most\"")
    } else if bare.contains("<>") {
        Some("write != for \"is not\"")
    } else if flat.contains("in (") || flat.contains("in {") {
        Some("a list of values stands in brackets, as in legs in [2, 4]")
    } else if flat.contains("in ") && bare.contains("..") {
        Some("a condition takes a list, as in legs in [2, 3, 4], or two comparisons, as in legs >= 2 && legs <= 4")
    } else if bare.contains(['‘', '’', '“', '”', '`']) {
        Some("texts stand in straight quotes, such as 'red'")
    } else if quote.is_some() {
        Some("a quote is not closed: expected texts in quotes, such as 'red'")
    } else if rest.contains('=') {
        Some("'=' compares nothing: write == for \"is\" and != for \"is not\"")
    } else if words.iter().any(|word| word.eq_ignore_ascii_case("and")) {
        Some(
            "'and' is written && within a condition on one attribute; conditions on several make a list: if = [\"…\", \"…\"]",
        )
    } else if words.iter().any(|word| word.eq_ignore_ascii_case("or")) {
        Some("'or' is written || within a condition on one attribute; for several attributes write several rules")
    } else if words.iter().any(|word| word.eq_ignore_ascii_case("not")) {
        Some("'not' is written != or !(…), as in colour != 'red' or !(colour in ['red', 'green'])")
    } else if words.iter().any(|word| word.eq_ignore_ascii_case("is")) {
        Some("'is' is written ==, as in colour == 'red'")
    } else {
        None
    }
}

/// A text with expressions in braces, such as `c{j + 1}`.
#[derive(Debug)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Hole(Expression),
}

impl Template {
    pub fn compile(text: &str, limits: &Limits) -> Result<Self, Fault> {
        check_length(text, limits).map_err(|kind| Fault { column: 0, error: kind.into() })?;
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let column = text.len() - rest.len() + open;
            let Some(close) = rest[open..].find('}') else {
                let reason = "'{' without '}': expected an expression in braces".to_owned();
                return Err(Fault { column, error: ErrorKind::Expression { text: text.to_owned(), reason }.into() });
            };
            parts.push(Part::Text(rest[..open].to_owned()));
            let hole = Expression::compile(&rest[open + 1..open + close], limits)
                .map_err(|fault| Fault { column: column + 1 + fault.column, ..fault })?;
            parts.push(Part::Hole(hole));
            rest = &rest[open + close + 1..];
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self { parts })
    }

    pub fn render(&self, scope: &Scope) -> Result<String, Error> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text += part,
                Part::Hole(expression) => text += &expression.value(scope)?.to_string(),
            }
        }
        Ok(text)
    }
}

/// A condition on one attribute, such as `c{j}[0] + c{j}[1] >= 10`.
///
/// A piece in braces that touches a name is part of that name; any other is a value. To keep
/// columns right, a name with holes is replaced by a placeholder of the same length.
#[derive(Debug)]
pub(super) struct Predicate {
    text: String,
    /// The text once more, for rendering.
    template: Template,
    test: Expression,
    /// Placeholders and the names they stand for.
    names: Vec<(String, Template)>,
}

impl Predicate {
    pub fn compile(text: &str, limits: &Limits) -> Result<Self, Fault> {
        check_length(text, limits).map_err(|kind| Fault { column: 0, error: kind.into() })?;
        let (mut program, mut taken) = (String::new(), 0);
        let mut names: Vec<(String, Template)> = Vec::new();
        let mut known: Vec<(String, String)> = Vec::new();
        let mut number = 0;
        for (start, end) in pieces_with_holes(text) {
            let piece = &text[start..end];
            program += &text[taken..start];
            taken = end;
            let stand_in = if piece.starts_with('{') && piece.find('}') == Some(piece.len() - 1) {
                format!("({})", &piece[1..piece.len() - 1])
            } else if let Some((_, placeholder)) = known.iter().find(|(name, _)| name == piece) {
                placeholder.clone()
            } else {
                let template = Template::compile(piece, limits).map_err(|f| Fault { column: start + f.column, ..f })?;
                let placeholder = loop {
                    let placeholder = format!("{:_<width$}", format!("_{number}"), width = piece.len());
                    number += 1;
                    // Somebody may have given an attribute that name.
                    if !text.contains(&placeholder) {
                        break placeholder;
                    }
                };
                names.push((placeholder.clone(), template));
                known.push((piece.to_owned(), placeholder.clone()));
                placeholder
            };
            program += &stand_in;
        }
        program += &text[taken..];
        let test = Expression::compile_as(&program, text, limits)?;
        names.retain(|(placeholder, _)| test.variables.contains(placeholder));
        Ok(Self { text: text.to_owned(), template: Template::compile(text, limits)?, test, names })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text with every index variable replaced by its value.
    pub fn render(&self, scope: &Scope) -> Result<String, Error> {
        let text = self.template.render(scope)?;
        let mut rendered = String::new();
        let mut rest = text.as_str();
        while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '"' || c == '\'') {
            rendered += &rest[..start];
            rest = &rest[start..];
            let quote = rest.chars().next().filter(|c| *c == '"' || *c == '\'');
            let end = match quote {
                Some(quote) => rest[1..].find(quote).map_or(rest.len(), |i| i + 2),
                None => rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len()),
            };
            match scope.get(&rest[..end]) {
                Some(value) => rendered += &value.to_string(),
                None => rendered += &rest[..end],
            }
            rest = &rest[end..];
        }
        Ok(rendered + rest)
    }

    /// The one attribute it is about: its name in `scope` and the variable that stands for it.
    pub fn attribute(&self, scope: &Scope) -> Result<(String, &str), Error> {
        let mut found: Vec<(String, &str)> = Vec::new();
        for variable in &self.test.variables {
            let name = match self.name(variable) {
                Some(template) => template.render(scope)?,
                None if scope.get(variable).is_some() => continue,
                None => variable.clone(),
            };
            found.push((name, variable));
        }
        match found.len() {
            1 => Ok(found.remove(0)),
            _ => {
                found.sort();
                let names: Vec<_> = found.into_iter().map(|(name, _)| name).collect();
                Err(ErrorKind::AttributeCount { text: self.text.clone(), names, unknown: Vec::new() }.into())
            }
        }
    }

    /// The name that a placeholder stands for.
    fn name(&self, variable: &str) -> Option<&Template> {
        self.names.iter().find(|(placeholder, _)| placeholder == variable).map(|(_, template)| template)
    }

    /// What evaluating it for one value takes at most, in steps; see [`Limit::Steps`].
    pub fn check_steps(&self, scope: &Scope, domain: &[Value]) -> Result<u64, Error> {
        self.test.check_steps(scope, || domain.iter().map(weight).fold(0.0, f64::max))
    }

    /// The values of index variables that decide which values it holds for.
    pub fn key(&self, scope: &Scope) -> Vec<Value> {
        let own = self.test.variables.iter().filter(|variable| self.name(variable).is_none());
        own.filter_map(|name| scope.get(name).cloned()).collect()
    }

    /// For each value of a domain, whether it holds.
    pub fn members(&self, scope: &Scope, variable: &str, domain: &[Value]) -> Result<Vec<bool>, Error> {
        let outer = scope.context(&self.test.variables);
        let mut context = outer.new_inner_scope();
        let holds = |value: &Value| {
            context.add_variable_from_value(variable, to_cel(value));
            match self.test.evaluate(&context)? {
                cel::Value::Bool(truth) => Ok(truth),
                other => Err(self.test.error(format!("gives {other:?} for the value {value}: expected true or false"))),
            }
        };
        domain.iter().map(holds).collect()
    }

    /// The values that the attribute is compared with by `==`, `!=` or `in`, as far as they can be
    /// told without it.
    pub fn compared_values(&self, scope: &Scope, variable: &str) -> Vec<Value> {
        let mut values = Vec::new();
        let context = scope.context(&self.test.variables);
        collect_compared(&self.test.program.expression().expr, variable, &context, &mut values);
        values
    }
}

fn collect_compared(expr: &Expr, variable: &str, context: &Context, values: &mut Vec<Value>) {
    let Expr::Call(call) = expr else { return };
    for argument in &call.args {
        collect_compared(&argument.expr, variable, context, values);
    }
    let [left, right] = call.args.as_slice() else { return };
    let is_variable = |expr: &Expr| matches!(expr, Expr::Ident(name) if name == variable);
    let other = match call.func_name.as_str() {
        operators::EQUALS | operators::NOT_EQUALS if is_variable(&left.expr) => right,
        operators::EQUALS | operators::NOT_EQUALS if is_variable(&right.expr) => left,
        operators::IN if is_variable(&left.expr) => right,
        _ => return,
    };
    let Ok(value) = context.resolve(other) else { return };
    let value = match value {
        // No value is true or false, but people may think so.
        cel::Value::Bool(truth) => Some(Value::from(truth.to_string().as_str())),
        other => from_cel(&other),
    };
    match (call.func_name.as_str(), value) {
        (operators::IN, Some(Value::Tuple(members))) => values.extend(members),
        (operators::EQUALS | operators::NOT_EQUALS, Some(value)) => values.push(value),
        _ => {}
    }
}

/// The stretches of a text that contain holes: `{…}` with the name characters that touch it.
fn pieces_with_holes(text: &str) -> Vec<(usize, usize)> {
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let bytes = text.as_bytes();
    let mut pieces = Vec::new();
    let mut i = 0;
    while i < bytes.len() {
        if bytes[i] == b'"' || bytes[i] == b'\'' {
            i += 1 + text[i + 1..].find(bytes[i] as char).map_or(bytes.len(), |end| end + 1);
        } else if is_name(bytes[i]) || bytes[i] == b'{' {
            let (start, mut holes) = (i, false);
            while i < bytes.len() && (is_name(bytes[i]) || bytes[i] == b'{') {
                if bytes[i] == b'{' {
                    let Some(close) = text[i..].find('}') else { return pieces };
                    holes = true;
                    i += close;
                }
                i += 1;
            }
            if holes {
                pieces.push((start, i));
            }
        } else {
            i += 1;
        }
    }
    pieces
}
