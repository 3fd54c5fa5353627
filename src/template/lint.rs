//! Reads a template's tree before it runs: which names it takes, and whether its filters and tests exist.

mod growth;
mod sign;
mod syntax;

use std::ops::Range;
use std::sync::Arc;

use minijinja::ErrorKind;
use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Filter, Stmt, Test, UnaryOpKind};
use minijinja::machinery::{Span, parse};

use super::condition::names_where;
use super::{TemplateError, filter, idiom, signature};
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

/// What a template takes from outside.
pub(super) struct Taken {
    pub uses: Vec<Use>,
    /// Where a name with fields stands of which any may be missing.
    pub tolerant: Vec<Use>,
}

/// The names used, or every problem of the template.
pub(super) fn check(source: &str, is_condition: bool) -> Result<Taken, Vec<TemplateError>> {
    let tree = parse(source, NAME, Default::default()).map_err(|error| vec![syntax::explain(source, &error)])?;
    let taken = Taken { uses: Vec::new(), tolerant: Vec::new() };
    let mut walk = Walk { source, locals: Vec::new(), certain: Vec::new(), taken, errors: Vec::new() };
    walk.statement(&tree);
    if let (true, Stmt::Template(template)) = (is_condition, &tree)
        && let [Stmt::EmitExpr(emit)] = template.children.as_slice()
    {
        walk.truth(&emit.expr);
    }
    if walk.errors.is_empty() {
        walk.errors.extend(growth::check(&tree).err());
    }
    if walk.errors.is_empty() { Ok(walk.taken) } else { Err(walk.errors) }
}

impl Taken {
    /// A field alone is missing without harm in any case.
    fn tolerate(&mut self, used: Use) {
        let is_new = self.tolerant.iter().all(|known| known.range != used.range);
        if used.fields.len() > 1 && is_new {
            self.tolerant.push(used);
        }
    }
}

const NAME: &str = "template";

/// What is said of a value that the event does not bring.
pub(super) const ABSENT: &str = "this has no value in this event";

struct Walk<'s> {
    source: &'s str,
    locals: Vec<String>,
    /// Names that have a value in the branch that is looked at.
    certain: Vec<String>,
    taken: Taken,
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
                self.branch(&branch.expr, true, |walk| walk.statements(&branch.true_body));
                self.branch(&branch.expr, false, |walk| walk.statements(&branch.false_body));
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

    /// What stands where a condition holds, or does not: names that it asks for are there.
    fn branch(&mut self, condition: &Expr<'_>, holds: bool, within: impl FnOnce(&mut Self)) {
        let depth = self.certain.len();
        self.certain.extend(names_where(condition, holds).into_iter().map(str::to_owned));
        within(self);
        self.certain.truncate(depth);
    }

    /// In a condition, what is missing does not hold, whatever of it is missing.
    fn truth(&mut self, expr: &Expr<'_>) {
        match expr {
            Expr::BinOp(op) if matches!(op.op, BinOpKind::ScAnd | BinOpKind::ScOr) => {
                self.truth(&op.left);
                self.truth(&op.right);
            }
            Expr::UnaryOp(unary) if matches!(unary.op, UnaryOpKind::Not) => self.truth(&unary.expr),
            _ => {
                if let Some((name, fields)) = dotted(expr) {
                    let range = self.range(expr);
                    self.taken.tolerate(Use { name: name.into(), fields, range, guarded: true });
                }
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
            self.name(name, fields, self.range(expr), guarded);
            return;
        }
        match expr {
            Expr::Var(_) | Expr::Const(_) => {}
            Expr::Slice(slice) => {
                // The engine would fail at an empty text, and the event says how long a text is.
                if slice.step.as_ref().is_some_and(|step| !signature::is_forwards(step)) {
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
                self.branch(&branch.test_expr, false, |walk| {
                    branch.false_expr.iter().for_each(|other| walk.expr(other, guarded));
                });
            }
            Expr::Filter(call) => {
                self.filter(call, call.span());
                let guarded = guarded || matches!(call.name, "default" | "d");
                call.expr.iter().for_each(|inner| self.expr(inner, guarded));
                self.arguments(&call.args);
            }
            Expr::Test(test) => {
                self.test(test, test.span());
                self.expr(&test.expr, true);
                self.arguments(&test.args);
            }
            Expr::GetAttr(attr) => {
                if matches!(attr.expr, Expr::Const(_)) {
                    self.field_of_constant(expr, attr.name);
                }
                self.expr(&attr.expr, guarded);
            }
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
            BinOpKind::Mul if !signature::is_number(left) || !signature::is_number(right) => {
                let error = TemplateError::new(Code::InvalidTemplate, bytes(span), "`*` takes two numbers")
                    .help("make each side a number: `{{ price | float * 100 }}`");
                self.errors.push(error);
            }
            _ => {}
        }
        self.expr(left, guarded || matches!(op, BinOpKind::ScOr | BinOpKind::ScAnd));
        self.expr(right, guarded);
    }

    /// `1.name`, as a tool that numbers its steps writes it.
    fn field_of_constant(&mut self, expr: &Expr<'_>, field: &str) {
        let written = self.text(expr);
        let (message, help) = match written.split_once('.').filter(|_| written.starts_with(['\'', '"'])) {
            Some((left, right)) => {
                ("`.` does not join texts".to_owned(), format!("write `{} ~ {}`", left.trim(), right.trim()))
            }
            None if idiom::is_layer(field) => (
                format!("`{written}` is no name"),
                "write a name that `extract:` gives, or where it stands, as `payload.contact.name`".to_owned(),
            ),
            None => (
                format!("`{written}` is no name"),
                format!("write a name that `extract:` gives, as `{field}`, or `payload.{field}`"),
            ),
        };
        self.errors.push(TemplateError::new(Code::InvalidTemplate, self.range(expr), message).help(help));
    }

    fn call(&mut self, callee: &Expr<'_>, args: &[CallArg<'_>], span: Span) {
        let name = match callee {
            Expr::Var(var) => var.id,
            Expr::GetAttr(attr) => attr.name,
            _ => "this",
        };
        // What a function or a method is applied to comes before a filter's name, and the rest into its brackets.
        let receiver = match callee {
            Expr::GetAttr(attr) => Some(self.text(&attr.expr)),
            _ => None,
        };
        let values: Vec<&str> = receiver.into_iter().chain(self.texts(args)).collect();
        let range = self.range(callee).start..bytes(span).end;
        let error = TemplateError::new(Code::UnknownFilter, range, format!("there is no function `{name}`"));
        let own = filter::NAMES.iter().find(|own| idiom::fold(own) == idiom::fold(name));
        let help = own.map(|own| signature::as_filter(own, &values)).or_else(|| idiom::change(name, &values));
        self.errors.push(error.help(help.unwrap_or_else(|| {
            let value = values.first().copied().unwrap_or("name");
            format!("there are no functions; values are changed by filters, as in `{value} | upper`")
        })));
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

    fn filter(&mut self, call: &Filter<'_>, span: Span) {
        if filter::NAMES.contains(&call.name) {
            return;
        }
        let values: Vec<&str> = call.expr.iter().map(|inner| self.text(inner)).chain(self.texts(&call.args)).collect();
        let help = idiom::change(call.name, &values);
        self.unknown("filter", call.name, help, filter::NAMES, span);
    }

    fn test(&mut self, test: &Test<'_>, span: Span) {
        if filter::TESTS.contains(&test.name) {
            return;
        }
        let values: Vec<&str> = std::iter::once(self.text(&test.expr)).chain(self.texts(&test.args)).collect();
        let end = bytes(span).start;
        let is_negated = self.source.get(..end).is_some_and(|before| before.trim_end().ends_with(" not"));
        let help = idiom::test(test.name, &values, is_negated);
        self.unknown("test", test.name, help, filter::TESTS, span);
    }

    fn unknown(&mut self, what: &str, name: &str, help: Option<String>, known: &[&str], span: Span) {
        // The engine's span covers the whole of `value | name`; the name is what's wrong.
        let range = bytes(span);
        let part = self.source.get(range.clone()).and_then(|text| text.find(name));
        let range = part.map_or(range.clone(), |at| range.start + at..range.start + at + name.len());
        let mut error = TemplateError::new(Code::UnknownFilter, range, format!("there is no {what} `{name}`"));
        error.help = help.or_else(|| suggest::did_you_mean(name, known.iter().copied()));
        error.replacement = suggest::certain(name, known.iter().copied()).map(str::to_owned);
        self.errors.push(error);
    }

    fn range(&self, expr: &Expr<'_>) -> Range<usize> {
        start(expr)..bytes(expr.span()).end
    }

    /// An expression as it is written.
    fn text(&self, expr: &Expr<'_>) -> &str {
        self.source.get(self.range(expr)).unwrap_or_default().trim()
    }

    fn texts<'w>(&'w self, args: &'w [CallArg<'_>]) -> impl Iterator<Item = &'w str> {
        args.iter().map(|arg| match arg {
            CallArg::Pos(expr) | CallArg::Kwarg(_, expr) | CallArg::PosSplat(expr) | CallArg::KwargSplat(expr) => {
                self.text(expr)
            }
        })
    }

    fn name(&mut self, name: &str, fields: Vec<Arc<str>>, range: Range<usize>, guarded: bool) {
        if !self.locals.iter().any(|local| local == name) {
            let written = self.source.get(range.clone()).unwrap_or_default();
            if let Some((left, right)) = written.split_once(" . ").filter(|_| !written.contains(['[', '\'', '"'])) {
                let error = TemplateError::new(Code::InvalidTemplate, range.clone(), "`.` does not join texts");
                let (left, right) = (left.trim(), right.trim());
                self.errors
                    .push(error.help(format!("write `{left} ~ {right}`, or `{{{{ {left} }}}}{{{{ {right} }}}}`")));
            }
            let is_certain = self.certain.iter().any(|certain| certain == name);
            let used = Use { name: name.into(), fields, range, guarded: guarded || is_certain };
            if guarded {
                self.taken.tolerate(used.clone());
            }
            self.taken.uses.push(used);
        }
    }
}

/// `connection.token` or `payload['a b']` as a name and its fields.
pub(super) fn dotted<'a>(expr: &Expr<'a>) -> Option<(&'a str, Vec<Arc<str>>)> {
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

/// Where an expression begins: the engine counts from the sign or the name of the filter in its middle.
pub(super) fn start(expr: &Expr<'_>) -> usize {
    match expr {
        Expr::BinOp(op) => start(&op.left),
        Expr::UnaryOp(unary) => bytes(expr.span()).start.min(start(&unary.expr)),
        Expr::Compare(compare) => start(&compare.expr),
        Expr::Filter(call) => call.expr.as_ref().map_or(bytes(expr.span()).start, start),
        Expr::Test(test) => start(&test.expr),
        Expr::GetAttr(attr) => start(&attr.expr),
        Expr::GetItem(item) => start(&item.expr),
        Expr::Slice(slice) => start(&slice.expr),
        Expr::Call(call) => start(&call.expr),
        _ => bytes(expr.span()).start,
    }
}

pub(super) fn bytes(span: Span) -> Range<usize> {
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
