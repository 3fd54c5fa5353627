//! Comparisons with what is absent: it equals nothing that has a value, is in no list, and is as empty as an empty text.
//!
//! The engine refuses to compare what is absent. So each side of `==`, `!=` and `in` goes through a filter that no
//! template can name, and places in errors are counted back to what is written. Each side of `<` and its kin goes through
//! one as well, since the engine has an order between texts and numbers.

use std::ops::Range;
use std::sync::Arc;

use minijinja::machinery::ast::{BinOp, BinOpKind, CallArg, CompareOpKind, Expr, Stmt};
use minijinja::machinery::{Token, parse, tokenize};
use minijinja::value::{Object, ObjectRepr, Value as Engine};
use minijinja::{Environment, Error};

use super::bridge;
use super::lint::{bytes, start};
use super::order;
use crate::value::Value;

/// Absent becomes null, which equals nothing but null.
pub(super) const OR_NULL: &str = "__or_null";
/// Absent becomes an empty text, and so does null.
pub(super) const OR_EMPTY: &str = "__or_empty";
/// Absent and null become what equals nothing: two values that are not there are no match.
pub(super) const OR_UNEQUAL: &str = "__or_unequal";
/// What is looked through: nothing is in what is absent, and what is absent is in no text.
const LOOKED_THROUGH: &str = "__looked_through";

/// What is joined: a number is written as it came.
const AS_WRITTEN: &str = "__as_written";

pub(super) fn install(env: &mut Environment<'static>) {
    env.add_filter(OR_NULL, |value: &Engine| match value.is_undefined() {
        true => Engine::from(()),
        false => value.clone(),
    });
    env.add_filter(OR_EMPTY, |value: &Engine| match value.is_undefined() || value.is_none() {
        true => Engine::from(""),
        false => value.clone(),
    });
    env.add_filter(OR_UNEQUAL, |value: &Engine| match value.is_undefined() || value.is_none() {
        true => Engine::from_object(Unequal),
        false => value.clone(),
    });
    env.add_filter(AS_WRITTEN, |value: &Engine| match bridge::from_engine(value) {
        Ok(Some(Value::Number(number))) => Engine::from(number.text().into_owned()),
        _ => value.clone(),
    });
    env.add_test("startingwith", |value: &Engine, part: &Engine| {
        is_part(value, part, |text, part| text.starts_with(part))
    });
    env.add_test("endingwith", |value: &Engine, part: &Engine| is_part(value, part, |text, part| text.ends_with(part)));
    env.add_filter(LOOKED_THROUGH, |value: &Engine| -> Result<Engine, Error> {
        Ok(match value.to_str() {
            Some(text) => Engine::from_object(Text(text)),
            None if value.is_undefined() || value.is_none() => Engine::from(Vec::<Engine>::new()),
            None => value.clone(),
        })
    });
}

/// What is absent or null begins and ends with nothing, and nothing with it.
fn is_part(value: &Engine, part: &Engine, holds: fn(&str, &str) -> bool) -> bool {
    let is_there = |value: &Engine| !value.is_undefined() && !value.is_none();
    is_there(value) && is_there(part) && holds(&value.to_string(), &part.to_string())
}

/// Equal to nothing that a template can name.
#[derive(Debug)]
struct Unequal;

impl Object for Unequal {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

/// A text that is looked through, as the engine does it; what has no value is no part of it.
#[derive(Debug)]
struct Text(Arc<str>);

impl Object for Text {
    fn get_value(self: &Arc<Self>, part: &Engine) -> Option<Engine> {
        let found = match part.as_str() {
            Some(part) => self.0.contains(part),
            None => !part.is_none() && !part.is_undefined() && self.0.contains(&part.to_string()),
        };
        found.then(|| Engine::from(true))
    }
}

/// What was put into a template, so that a place in it can be counted back.
#[derive(Clone, Debug, Default)]
pub(super) struct Added(Vec<Range<usize>>);

impl Added {
    pub(super) fn of(ranges: Vec<Range<usize>>) -> Added {
        Added(ranges)
    }

    /// A place of the written template, from one of the template with what was put in.
    pub(super) fn written(&self, range: &Range<usize>) -> Range<usize> {
        let back = |at: usize| {
            let before: usize = self.0.iter().map(|added| at.min(added.end).saturating_sub(added.start)).sum();
            at.saturating_sub(before)
        };
        back(range.start)..back(range.end)
    }
}

/// The template with each side of a comparison wrapped. `ordered`: what has no order makes the template fail.
pub(super) fn wrapped(source: &str, ordered: bool) -> (String, Added) {
    let untouched = || (source.to_owned(), Added::default());
    let Ok(tree) = parse(source, "template", Default::default()) else { return untouched() };
    let mut walk = Walk { source, ordered, wraps: Vec::new() };
    walk.statement(&tree);
    if walk.wraps.is_empty() {
        return untouched();
    }
    let (text, added) = put_in(source, &walk.wraps);
    match parse(&text, "template", Default::default()) {
        Ok(_) => (text, added),
        Err(_) => untouched(),
    }
}

/// An outer wrap comes before those within it.
fn put_in(source: &str, wraps: &[(Range<usize>, String)]) -> (String, Added) {
    let opens = wraps.iter().map(|(range, _)| (range.start, "((".to_owned()));
    let closes = wraps.iter().rev().map(|(range, filter)| (range.end, format!(")|{filter})")));
    let mut pieces: Vec<(usize, String)> = opens.chain(closes).collect();
    pieces.sort_by_key(|(at, _)| *at);
    let (mut text, mut added, mut done) = (String::new(), Vec::new(), 0);
    for (at, piece) in pieces {
        text.push_str(source.get(done..at).unwrap_or_default());
        added.push(text.len()..text.len() + piece.len());
        text.push_str(&piece);
        done = at;
    }
    text.push_str(source.get(done..).unwrap_or_default());
    (text, Added(added))
}

struct Walk<'s> {
    source: &'s str,
    ordered: bool,
    wraps: Vec<(Range<usize>, String)>,
}

impl Walk<'_> {
    fn statements(&mut self, statements: &[Stmt<'_>]) {
        statements.iter().for_each(|statement| self.statement(statement));
    }

    fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitExpr(emit) => self.expr(&emit.expr),
            Stmt::ForLoop(each) => {
                self.expr(&each.iter);
                each.filter_expr.iter().for_each(|filter| self.expr(filter));
                self.statements(&each.body);
                self.statements(&each.else_body);
            }
            Stmt::IfCond(branch) => {
                self.expr(&branch.expr);
                self.statements(&branch.true_body);
                self.statements(&branch.false_body);
            }
            Stmt::WithBlock(with) => {
                with.assignments.iter().for_each(|(_, value)| self.expr(value));
                self.statements(&with.body);
            }
            Stmt::Set(set) => self.expr(&set.expr),
            Stmt::SetBlock(set) => self.statements(&set.body),
            Stmt::FilterBlock(block) => self.statements(&block.body),
            _ => {}
        }
    }

    fn expr(&mut self, expr: &Expr<'_>) {
        match expr {
            Expr::BinOp(op) => self.operator(op),
            Expr::UnaryOp(unary) => self.expr(&unary.expr),
            Expr::Compare(compare) => {
                let is_equality = |op: &CompareOpKind| matches!(op, CompareOpKind::Eq | CompareOpKind::Ne);
                let is_alike = compare.ops.iter().all(|op| is_equality(&op.op));
                let is_chain = compare.ops.iter().all(|op| is_ordering_in_chain(&op.op));
                let range = start(&compare.expr)..bytes(expr.span()).end;
                let sides = std::iter::once(&compare.expr).chain(compare.ops.iter().map(|op| &op.expr));
                for (at, side) in sides.enumerate() {
                    if is_alike {
                        self.wrap(side, OR_NULL);
                    } else if is_chain {
                        self.order(side, &range, at > 0);
                    }
                    self.expr(side);
                }
            }
            Expr::IfExpr(branch) => {
                self.expr(&branch.test_expr);
                self.expr(&branch.true_expr);
                branch.false_expr.iter().for_each(|other| self.expr(other));
            }
            Expr::Filter(call) => {
                call.expr.iter().for_each(|inner| self.expr(inner));
                self.arguments(&call.args);
            }
            Expr::Test(test) => {
                self.expr(&test.expr);
                self.arguments(&test.args);
            }
            Expr::GetAttr(attr) => self.expr(&attr.expr),
            Expr::GetItem(item) => {
                self.expr(&item.expr);
                self.expr(&item.subscript_expr);
            }
            Expr::Slice(slice) => self.expr(&slice.expr),
            Expr::List(list) => list.items.iter().for_each(|item| self.expr(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.expr(item)),
            Expr::Map(map) => map.keys.iter().chain(&map.values).for_each(|item| self.expr(item)),
            Expr::Var(_) | Expr::Const(_) | Expr::Call(_) => {}
        }
    }

    fn arguments(&mut self, args: &[CallArg<'_>]) {
        for arg in args {
            let (CallArg::Pos(expr) | CallArg::Kwarg(_, expr) | CallArg::PosSplat(expr) | CallArg::KwargSplat(expr)) =
                arg;
            self.expr(expr);
        }
    }

    fn operator(&mut self, op: &BinOp<'_>) {
        let side = |other: &Expr<'_>| if is_or_has_empty(other) { OR_EMPTY } else { OR_NULL };
        match op.op {
            BinOpKind::Eq | BinOpKind::Ne => {
                let is_match = matches!(op.op, BinOpKind::Eq) && ![&op.left, &op.right].into_iter().any(is_written);
                self.wrap(&op.left, side(&op.right));
                self.expr(&op.left);
                self.wrap(&op.right, if is_match { OR_UNEQUAL } else { side(&op.left) });
                self.expr(&op.right);
            }
            BinOpKind::Concat => {
                self.wrap(&op.left, AS_WRITTEN);
                self.expr(&op.left);
                self.wrap(&op.right, AS_WRITTEN);
                self.expr(&op.right);
            }
            BinOpKind::In => {
                self.wrap(&op.left, side(&op.right));
                self.expr(&op.left);
                self.wrap(&op.right, LOOKED_THROUGH);
                self.expr(&op.right);
            }
            BinOpKind::Lt | BinOpKind::Lte | BinOpKind::Gt | BinOpKind::Gte => {
                let range = start(&op.left)..bytes(op.right.span()).end;
                for (side, is_second) in [(&op.left, false), (&op.right, true)] {
                    self.order(side, &range, is_second);
                    self.expr(side);
                }
            }
            _ => {
                self.expr(&op.left);
                self.expr(&op.right);
            }
        }
    }

    /// One side of an ordering, which stands at `whole`.
    fn order(&mut self, side: &Expr<'_>, whole: &Range<usize>, is_second: bool) {
        let range = start(side)..bytes(side.span()).end;
        if let Some(range) = balanced(self.source, range).filter(|_| self.ordered) {
            self.wraps.push((range, order::call(whole, is_second)));
        }
    }

    /// What always has a value is left as it is.
    fn wrap(&mut self, side: &Expr<'_>, filter: &'static str) {
        let may_be_absent = match side {
            Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) | Expr::Filter(_) | Expr::IfExpr(_) => true,
            Expr::BinOp(op) => matches!(op.op, BinOpKind::ScOr | BinOpKind::ScAnd),
            Expr::Const(_) => filter == LOOKED_THROUGH,
            _ => false,
        };
        let range = start(side)..bytes(side.span()).end;
        if let Some(range) = balanced(self.source, range).filter(|_| may_be_absent) {
            self.wraps.push((range, filter.to_owned()));
        }
    }
}

fn is_ordering_in_chain(op: &CompareOpKind) -> bool {
    matches!(op, CompareOpKind::Lt | CompareOpKind::Lte | CompareOpKind::Gt | CompareOpKind::Gte)
}

/// Whether this is a value that is written out, such as `none` or an empty text.
fn is_written(expr: &Expr<'_>) -> bool {
    matches!(expr, Expr::Const(_))
}

/// Whether this is an empty text that is written out, or a list with one.
fn is_or_has_empty(expr: &Expr<'_>) -> bool {
    match expr {
        Expr::Const(constant) => constant.value.as_str() == Some(""),
        Expr::List(list) => list.items.iter().any(|item| matches!(item, Expr::Const(_)) && is_or_has_empty(item)),
        _ => false,
    }
}

/// The range with the brackets around it of which it holds only one: the engine does not count them.
fn balanced(source: &str, range: Range<usize>) -> Option<Range<usize>> {
    let (mut open, mut closed) = (0usize, 0usize);
    for token in tokenize(source.get(range.clone())?, true, Default::default()) {
        match token.ok()?.0 {
            Token::ParenOpen => open += 1,
            Token::ParenClose if open > 0 => open -= 1,
            Token::ParenClose => closed += 1,
            _ => {}
        }
    }
    let (mut start, mut end) = (range.start, range.end);
    for _ in 0..closed {
        start = source.get(..start)?.trim_end().strip_suffix('(')?.len();
    }
    for _ in 0..open {
        end = source.len() - source.get(end..)?.trim_start().strip_prefix(')')?.len();
    }
    Some(start..end)
}
