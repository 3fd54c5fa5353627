//! Reads a template's tree before it runs: which names it takes, and whether its filters and tests exist.

mod growth;
mod syntax;

use std::ops::Range;
use std::sync::Arc;

use minijinja::ErrorKind;
use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Stmt};
use minijinja::machinery::{Span, parse};

use super::{TemplateError, filter};
use crate::diagnostic::{Code, suggest};

/// A name that a template takes from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    pub name: Arc<str>,
    /// The fields named after it: `token` in `connection.token`.
    pub fields: Vec<Arc<str>>,
    /// Where the whole of it stands in the template's text.
    pub range: Range<usize>,
    /// It stands where an absent value does no harm: `default`, `is defined`, `or`, a condition.
    pub guarded: bool,
}

/// The names used, or every problem of the template.
pub(super) fn check(source: &str) -> Result<Vec<Use>, Vec<TemplateError>> {
    let tree = parse(source, NAME, Default::default()).map_err(|error| vec![syntax::explain(source, &error)])?;
    let mut walk = Walk { source, locals: Vec::new(), uses: Vec::new(), errors: Vec::new() };
    walk.statement(&tree);
    if walk.errors.is_empty() {
        walk.errors.extend(growth::check(&tree).err());
    }
    if walk.errors.is_empty() { Ok(walk.uses) } else { Err(walk.errors) }
}

const NAME: &str = "template";

/// What is said of a value that the event does not bring.
pub(super) const ABSENT: &str = "this has no value in this event";

struct Walk<'s> {
    source: &'s str,
    locals: Vec<String>,
    uses: Vec<Use>,
    errors: Vec<TemplateError>,
}

impl Walk<'_> {
    fn statements(&mut self, statements: &[Stmt<'_>]) {
        let depth = self.locals.len();
        for statement in statements {
            self.statement(statement);
        }
        self.locals.truncate(depth);
    }

    fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitExpr(emit) => self.expr(&emit.expr, false),
            Stmt::EmitRaw(_) => {}
            Stmt::ForLoop(each) => {
                self.expr(&each.iter, false);
                let depth = self.locals.len();
                self.bind(&each.target);
                self.locals.push("loop".to_owned());
                if let Some(filter) = &each.filter_expr {
                    self.expr(filter, true);
                }
                self.statements(&each.body);
                self.locals.truncate(depth);
                self.statements(&each.else_body);
            }
            Stmt::IfCond(branch) => {
                self.expr(&branch.expr, true);
                self.statements(&branch.true_body);
                self.statements(&branch.false_body);
            }
            Stmt::WithBlock(with) => {
                let depth = self.locals.len();
                for (target, value) in &with.assignments {
                    self.expr(value, false);
                    self.bind(target);
                }
                self.statements(&with.body);
                self.locals.truncate(depth);
            }
            Stmt::Set(set) => {
                self.expr(&set.expr, false);
                self.bind(&set.target);
            }
            Stmt::SetBlock(set) => {
                self.statements(&set.body);
                set.filter.iter().for_each(|filter| self.expr(filter, false));
                self.bind(&set.target);
            }
            Stmt::FilterBlock(block) => {
                self.expr(&block.filter, false);
                self.statements(&block.body);
            }
            Stmt::AutoEscape(_) | Stmt::Do(_) => {
                let message = "this statement is not part of the language";
                self.errors.push(TemplateError::new(Code::InvalidTemplate, 0..self.source.len(), message));
            }
        }
    }

    fn bind(&mut self, target: &Expr<'_>) {
        match target {
            Expr::Var(var) => self.locals.push(var.id.to_owned()),
            Expr::List(list) => list.items.iter().for_each(|item| self.bind(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.bind(item)),
            _ => {}
        }
    }

    /// `guarded`: an absent value does no harm here.
    fn expr(&mut self, expr: &Expr<'_>, guarded: bool) {
        if let Some((name, fields)) = dotted(expr) {
            self.name(name, fields, expr.span(), guarded);
            return;
        }
        match expr {
            Expr::Var(_) | Expr::Const(_) => {}
            Expr::Slice(slice) => {
                // The engine would fail at an empty text, and the event says how long a text is.
                if slice.step.as_ref().is_some_and(|step| !is_forwards(step)) {
                    let message = "the step of a slice must be a number that is written out, from 1";
                    let error = TemplateError::new(Code::InvalidTemplate, bytes(expr.span()), message);
                    self.errors.push(error.help("to turn a value around, write `| reverse`"));
                }
                self.expr(&slice.expr, guarded);
                [&slice.start, &slice.stop, &slice.step].into_iter().flatten().for_each(|part| self.expr(part, false));
            }
            Expr::UnaryOp(unary) => self.expr(&unary.expr, guarded),
            Expr::BinOp(op) => self.operator(op.op, &op.left, &op.right, op.span(), guarded),
            Expr::Compare(compare) => {
                self.expr(&compare.expr, guarded);
                compare.ops.iter().for_each(|op| self.expr(&op.expr, guarded));
            }
            Expr::IfExpr(branch) => {
                self.expr(&branch.test_expr, true);
                self.expr(&branch.true_expr, true);
                branch.false_expr.iter().for_each(|other| self.expr(other, guarded));
            }
            Expr::Filter(call) => {
                self.filter(call.name, call.span());
                let guarded = guarded || matches!(call.name, "default" | "d");
                call.expr.iter().for_each(|inner| self.expr(inner, guarded));
                self.arguments(&call.args);
            }
            Expr::Test(test) => {
                self.test(test.name, test.span());
                self.expr(&test.expr, true);
                self.arguments(&test.args);
            }
            Expr::GetAttr(attr) => self.expr(&attr.expr, guarded),
            Expr::GetItem(item) => {
                self.expr(&item.expr, guarded);
                self.expr(&item.subscript_expr, false);
            }
            Expr::Call(call) => self.call(&call.expr, &call.args, call.span()),
            Expr::List(list) => list.items.iter().for_each(|item| self.expr(item, false)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.expr(item, false)),
            Expr::Map(map) => map.keys.iter().chain(&map.values).for_each(|item| self.expr(item, false)),
        }
    }

    fn operator(&mut self, op: BinOpKind, left: &Expr<'_>, right: &Expr<'_>, span: Span, guarded: bool) {
        match op {
            BinOpKind::Pow => {
                let error = TemplateError::new(Code::InvalidTemplate, bytes(span), "`**` is not part of the language");
                self.errors.push(error);
            }
            // `'x' * 100000000` would make a hundred megabytes in one step, so one side must be a small number that
            // is written out, and the other must be made a number.
            BinOpKind::Mul if !is_number(left) || !is_number(right) => {
                let error = TemplateError::new(Code::InvalidTemplate, bytes(span), "`*` takes two numbers")
                    .help("make each side a number: `{{ price | float * 100 }}`");
                self.errors.push(error);
            }
            _ => {}
        }
        self.expr(left, guarded || matches!(op, BinOpKind::ScOr | BinOpKind::ScAnd));
        self.expr(right, guarded);
    }

    fn call(&mut self, callee: &Expr<'_>, args: &[CallArg<'_>], span: Span) {
        let name = match callee {
            Expr::Var(var) => var.id,
            Expr::GetAttr(attr) => attr.name,
            _ => "this",
        };
        let error = TemplateError::new(Code::UnknownFilter, bytes(span), format!("there is no function `{name}`"));
        let help = match filter::NAMES.contains(&name) {
            true => format!("`{name}` is a filter: write `value | {name}`"),
            false => "values are changed by filters: `value | upper`".to_owned(),
        };
        self.errors.push(error.help(help));
        self.arguments(args);
    }

    fn arguments(&mut self, args: &[CallArg<'_>]) {
        for arg in args {
            match arg {
                CallArg::Pos(expr) | CallArg::Kwarg(_, expr) => self.expr(expr, false),
                CallArg::PosSplat(expr) | CallArg::KwargSplat(expr) => self.expr(expr, false),
            }
        }
    }

    fn filter(&mut self, name: &str, span: Span) {
        if !filter::NAMES.contains(&name) {
            self.unknown("filter", name, filter::NAMES, span);
        }
    }

    fn test(&mut self, name: &str, span: Span) {
        if !filter::TESTS.contains(&name) {
            self.unknown("test", name, filter::TESTS, span);
        }
    }

    fn unknown(&mut self, what: &str, name: &str, known: &[&str], span: Span) {
        // The engine's span covers the whole of `value | name`; the name is what's wrong.
        let range = bytes(span);
        let part = self.source.get(range.clone()).and_then(|text| text.rfind(name));
        let range = part.map_or(range.clone(), |at| range.start + at..range.start + at + name.len());
        let mut error = TemplateError::new(Code::UnknownFilter, range, format!("there is no {what} `{name}`"));
        error.help = suggest::did_you_mean(name, known.iter().copied());
        self.errors.push(error);
    }

    fn name(&mut self, name: &str, fields: Vec<Arc<str>>, span: Span, guarded: bool) {
        if !self.locals.iter().any(|local| local == name) {
            self.uses.push(Use { name: name.into(), fields, range: bytes(span), guarded });
        }
    }
}

/// `connection.token` or `payload['a b']` as a name and its fields.
fn dotted<'a>(expr: &Expr<'a>) -> Option<(&'a str, Vec<Arc<str>>)> {
    match expr {
        Expr::Var(var) => Some((var.id, Vec::new())),
        Expr::GetAttr(attr) => {
            let (name, mut fields) = dotted(&attr.expr)?;
            fields.push(attr.name.into());
            Some((name, fields))
        }
        Expr::GetItem(item) => {
            let (name, mut fields) = dotted(&item.expr)?;
            match &item.subscript_expr {
                Expr::Const(key) => fields.push(key.value.to_string().into()),
                _ => return None,
            }
            Some((name, fields))
        }
        _ => None,
    }
}

fn is_number(expr: &Expr<'_>) -> bool {
    match expr {
        Expr::Const(constant) => constant.value.is_number(),
        Expr::Filter(call) => matches!(call.name, "int" | "float" | "length" | "count" | "round" | "abs"),
        Expr::BinOp(op) => is_number(&op.left) && is_number(&op.right),
        Expr::UnaryOp(unary) => is_number(&unary.expr),
        _ => false,
    }
}

fn is_forwards(step: &Expr<'_>) -> bool {
    matches!(step, Expr::Const(constant) if constant.value.is_none() || constant.value.as_i64().is_some_and(|step| step > 0))
}

fn bytes(span: Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

/// Where the engine stopped.
fn bytes_of(error: &minijinja::Error, source: &str) -> Range<usize> {
    let range = error.range().map_or(0..source.len(), |range| range.start..range.end.max(range.start));
    // The engine counts an unknown character as one byte.
    match source.is_char_boundary(range.end) {
        false if range.end < source.len() => range.start..source.ceil_char_boundary(range.end),
        _ => range,
    }
}

/// The engine's error in our words, never with a value in it. `shift` is where its source starts in the template.
pub(super) fn engine_error(error: &minijinja::Error, shift: usize, source: &str) -> TemplateError {
    let range = bytes_of(error, source);
    let range = range.start + shift..range.end + shift;
    let (code, message) = match error.kind() {
        ErrorKind::SyntaxError | ErrorKind::BadEscape | ErrorKind::InvalidDelimiter => {
            return syntax::explain_at(source, range, shift);
        }
        ErrorKind::UndefinedError => (Code::TemplateFailed, ABSENT.to_owned()),
        ErrorKind::UnknownFilter => (Code::UnknownFilter, "there is no such filter".to_owned()),
        ErrorKind::UnknownTest => (Code::UnknownFilter, "there is no such test".to_owned()),
        ErrorKind::UnknownFunction | ErrorKind::UnknownMethod => {
            (Code::UnknownFilter, "there is no such function".to_owned())
        }
        ErrorKind::OutOfFuel => (Code::TemplateFailed, "the template takes too many steps".to_owned()),
        ErrorKind::TooManyArguments => (Code::TemplateFailed, "the filter takes fewer arguments".to_owned()),
        ErrorKind::MissingArgument => (Code::TemplateFailed, "the filter needs another argument".to_owned()),
        ErrorKind::InvalidOperation => (Code::TemplateFailed, invalid_operation(error)),
        _ => (Code::TemplateFailed, "the template failed on this event".to_owned()),
    };
    TemplateError::new(code, range, message)
}

/// Our own filters say what was wrong in words that hold no value; the engine's own detail might hold one.
fn invalid_operation(error: &minijinja::Error) -> String {
    match error.detail().and_then(|detail| detail.strip_prefix(filter::OWN)) {
        Some(own) => own.to_owned(),
        None => "a value here is of a type that this operation does not take".to_owned(),
    }
}
