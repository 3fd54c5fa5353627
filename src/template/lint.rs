//! Reads a template's tree before it runs: which names it takes, and whether its filters and tests exist.

mod constant;
mod engine;
mod failure;
mod growth;
mod quote;
mod sign;
mod stand;
mod syntax;

use std::ops::Range;
use std::sync::Arc;

use minijinja::machinery::Span;
use minijinja::machinery::ast::{BinOp, BinOpKind, CallArg, Expr, Filter, Spanned, Stmt, Test, UnaryOpKind};

use super::demand::names_where;
use super::{TemplateError, filter, idiom, signature};
use crate::diagnostic::{Code, suggest};

use engine::tree;
use failure::bytes_of;
pub(super) use failure::engine_error;
pub use stand::Needed;
use stand::Stand;

/// A name that a template takes from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    pub name: Arc<str>,
    /// The fields named after it: `token` in `connection.token`.
    pub fields: Vec<Arc<str>>,
    /// Where the whole of it stands in the template's text.
    pub range: Range<usize>,
    /// It stands where an absent value does no harm: `default`, `is defined`, `or`, `==`, a condition.
    pub guarded: bool,
    /// What fails where this is absent.
    pub needed_by: Option<Needed>,
}

/// What a template takes from outside.
pub(super) struct Taken {
    pub uses: Vec<Use>,
    /// Where a name with fields stands of which any may be missing.
    pub tolerant: Vec<Use>,
}

/// The names used, or every problem of the template.
pub(super) fn check(source: &str, is_condition: bool) -> Result<Taken, Vec<TemplateError>> {
    let tree = tree(source).map_err(|error| vec![syntax::explain(source, &error)])?;
    let mut walk = Walk::of(source, &tree, is_condition);
    if walk.errors.is_empty() {
        walk.errors.extend(growth::check(&tree).err());
    }
    if walk.errors.is_empty() { Ok(walk.taken) } else { Err(walk.errors) }
}

/// The names used in a template in which nothing is wrong but filters and tests that there are not.
pub(super) fn names_besides(source: &str, is_condition: bool) -> Vec<Use> {
    let Ok(tree) = tree(source) else { return Vec::new() };
    let walk = Walk::of(source, &tree, is_condition);
    let is_apart = !walk.calls && walk.errors.iter().all(|error| error.code == Code::UnknownFilter);
    if is_apart { walk.taken.uses } else { Vec::new() }
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

/// What is said of a value that the event does not bring.
pub(super) const ABSENT: &str = "this has no value in this event";

struct Walk<'s> {
    source: &'s str,
    locals: Vec<String>,
    /// Names that have a value in the branch that is looked at.
    certain: Vec<String>,
    taken: Taken,
    errors: Vec<TemplateError>,
    /// Something is called as a function.
    calls: bool,
}

impl<'s> Walk<'s> {
    fn of(source: &'s str, tree: &Stmt<'_>, is_condition: bool) -> Self {
        let taken = Taken { uses: Vec::new(), tolerant: Vec::new() };
        let mut walk =
            Walk { source, locals: Vec::new(), certain: Vec::new(), taken, errors: Vec::new(), calls: false };
        match (is_condition, tree) {
            // In a condition, what is missing does not hold, whatever of it is missing.
            (true, Stmt::Template(template)) => template.children.iter().for_each(|part| match part {
                Stmt::EmitExpr(emit) => walk.expr(&emit.expr, Stand::Harmless),
                _ => walk.statement(part),
            }),
            _ => walk.statement(tree),
        }
        walk
    }
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
            Stmt::EmitExpr(emit) => self.expr(&emit.expr, Stand::Value),
            Stmt::EmitRaw(_) => {}
            Stmt::ForLoop(each) => {
                self.expr(&each.iter, Stand::Value);
                let depth = self.locals.len();
                self.bind(&each.target);
                self.locals.push("loop".to_owned());
                if let Some(filter) = &each.filter_expr {
                    self.expr(filter, Stand::Harmless);
                }
                self.statements(&each.body);
                self.locals.truncate(depth);
                self.statements(&each.else_body);
            }
            Stmt::IfCond(branch) => {
                self.expr(&branch.expr, Stand::Harmless);
                self.branch(&branch.expr, true, |walk| walk.statements(&branch.true_body));
                self.branch(&branch.expr, false, |walk| walk.statements(&branch.false_body));
            }
            Stmt::WithBlock(with) => {
                let depth = self.locals.len();
                for (target, value) in &with.assignments {
                    self.expr(value, Stand::Value);
                    self.bind(target);
                }
                self.statements(&with.body);
                self.locals.truncate(depth);
            }
            Stmt::Set(set) => {
                self.expr(&set.expr, Stand::Value);
                self.bind(&set.target);
            }
            Stmt::SetBlock(set) => {
                self.statements(&set.body);
                set.filter.iter().for_each(|filter| self.expr(filter, Stand::Value));
                self.bind(&set.target);
            }
            Stmt::FilterBlock(block) => {
                self.expr(&block.filter, Stand::Value);
                self.statements(&block.body);
            }
            _ => {
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

    fn bind(&mut self, target: &Expr<'_>) {
        match target {
            Expr::Var(var) => self.locals.push(var.id.to_owned()),
            Expr::List(list) => list.items.iter().for_each(|item| self.bind(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.bind(item)),
            _ => {}
        }
    }

    fn expr(&mut self, expr: &Expr<'_>, stand: Stand) {
        if let Some((name, fields)) = dotted(expr) {
            self.name(name, fields, self.range(expr), stand);
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
                self.expr(&slice.expr, stand);
                [&slice.start, &slice.stop, &slice.step]
                    .into_iter()
                    .flatten()
                    .for_each(|part| self.expr(part, Stand::Value));
            }
            Expr::UnaryOp(unary) => {
                let stand = match unary.op {
                    UnaryOpKind::Not => Stand::Harmless,
                    UnaryOpKind::Neg => Stand::needed("-", self.range(expr)),
                };
                self.expr(&unary.expr, stand);
            }
            Expr::BinOp(op) => self.operator(op, stand),
            Expr::Compare(compare) => {
                let stand = match compare.ops.iter().find_map(|op| stand::sign_in_chain(&op.op)) {
                    Some(sign) => Stand::needed(sign, self.range(expr)),
                    None => Stand::Harmless,
                };
                self.expr(&compare.expr, stand);
                compare.ops.iter().for_each(|op| self.expr(&op.expr, stand));
            }
            Expr::IfExpr(branch) => {
                self.expr(&branch.test_expr, Stand::Harmless);
                self.branch(&branch.test_expr, true, |walk| walk.expr(&branch.true_expr, stand.unless_needed()));
                self.branch(&branch.test_expr, false, |walk| {
                    branch.false_expr.iter().for_each(|other| walk.expr(other, stand));
                });
            }
            Expr::Filter(call) => {
                self.filter(call, call.span());
                let stand = if matches!(call.name, "default" | "d") { Stand::Harmless } else { stand };
                call.expr.iter().for_each(|inner| self.expr(inner, stand));
                self.arguments(&call.args);
            }
            Expr::Test(test) => {
                self.test(test, test.span());
                self.expr(&test.expr, Stand::Harmless);
                self.arguments(&test.args);
            }
            Expr::GetAttr(attr) => {
                if matches!(attr.expr, Expr::Const(_)) {
                    self.field_of_constant(expr, attr.name);
                }
                self.expr(&attr.expr, stand);
            }
            Expr::GetItem(item) => {
                self.expr(&item.expr, stand);
                self.expr(&item.subscript_expr, Stand::Value);
            }
            Expr::Call(call) => self.call(&call.expr, &call.args, call.span()),
            Expr::List(list) => list.items.iter().for_each(|item| self.expr(item, Stand::Value)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.expr(item, Stand::Value)),
            Expr::Map(map) => map.keys.iter().chain(&map.values).for_each(|item| self.expr(item, Stand::Value)),
        }
    }

    fn operator(&mut self, op: &Spanned<BinOp<'_>>, stand: Stand) {
        let (left, right) = (&op.left, &op.right);
        self.refuse_operator(op);
        match op.op {
            BinOpKind::ScAnd | BinOpKind::ScOr => {
                let holds = matches!(op.op, BinOpKind::ScAnd);
                self.expr(left, if holds { stand.unless_needed() } else { Stand::Harmless });
                self.branch(left, holds, |walk| walk.expr(right, stand));
            }
            BinOpKind::Eq | BinOpKind::Ne => {
                self.expr(left, Stand::Harmless);
                self.expr(right, Stand::Harmless);
            }
            BinOpKind::In => {
                self.expr(left, Stand::Harmless);
                match right {
                    Expr::List(list) => list.items.iter().for_each(|item| self.expr(item, Stand::Harmless)),
                    _ => self.expr(right, Stand::Harmless),
                }
            }
            _ => {
                let stand = Stand::needed(stand::sign_of(&op.op), start(left)..bytes(op.span()).end);
                self.expr(left, stand);
                self.expr(right, stand);
            }
        }
    }

    /// Signs that the language does not have, or that could make a text without end.
    fn refuse_operator(&mut self, op: &Spanned<BinOp<'_>>) {
        match op.op {
            BinOpKind::Pow => {
                let message = "`**` is not part of the language";
                self.errors.push(TemplateError::new(Code::InvalidTemplate, bytes(op.span()), message));
            }
            // `'x' * 100000000` would make a hundred megabytes in one step, so one side must be a small number that
            // is written out, and the other must be made a number.
            BinOpKind::Mul if !signature::is_number(&op.left) || !signature::is_number(&op.right) => {
                let error = TemplateError::new(Code::InvalidTemplate, bytes(op.span()), "`*` takes two numbers")
                    .help("make each side a number: `{{ price | float * 100 }}`");
                self.errors.push(error);
            }
            _ => {}
        }
    }

    fn call(&mut self, callee: &Expr<'_>, args: &[CallArg<'_>], span: Span) {
        self.calls = true;
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
                CallArg::Pos(expr) | CallArg::Kwarg(_, expr) => self.expr(expr, Stand::Value),
                CallArg::PosSplat(expr) | CallArg::KwargSplat(expr) => self.expr(expr, Stand::Value),
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
        let is_far = suggest::nearest(test.name, filter::TESTS.iter().copied()).is_none();
        let compared = || {
            let sign = if is_negated { "!=" } else { "==" };
            let value = values.first().filter(|_| is_far)?;
            Some(format!("to compare with a text, write `{value} {sign} '{}'`", test.name))
        };
        let help = idiom::test(test.name, &values, is_negated).or_else(compared);
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

    fn name(&mut self, name: &str, fields: Vec<Arc<str>>, range: Range<usize>, stand: Stand) {
        if !self.locals.iter().any(|local| local == name) {
            let written = self.source.get(range.clone()).unwrap_or_default();
            if let Some((left, right)) = written.split_once(" . ").filter(|_| !written.contains(['[', '\'', '"'])) {
                let error = TemplateError::new(Code::InvalidTemplate, range.clone(), "`.` does not join texts");
                let (left, right) = (left.trim(), right.trim());
                self.errors
                    .push(error.help(format!("write `{left} ~ {right}`, or `{{{{ {left} }}}}{{{{ {right} }}}}`")));
            }
            let is_certain = self.certain.iter().any(|certain| certain == name);
            let needed_by = stand.needed_by(self.source).filter(|_| !is_certain);
            let guarded = stand == Stand::Harmless || is_certain;
            let used = Use { name: name.into(), fields, range, guarded, needed_by };
            if stand == Stand::Harmless {
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
