//! Parts of a condition that hold whatever an event brings, so that they ask nothing: the mirror of those that never
//! hold.

use std::ops::Range;

use minijinja::machinery::ast::{BinOp, BinOpKind, Expr, Stmt};

use super::{Demand, Misfit, Names, Of, Search, compared, impossible, is_empty, literal};
use crate::template::Template;
use crate::types::Presence;
use crate::value::Value;

/// A part of a condition that asks nothing.
#[derive(Debug)]
pub struct Anyway {
    pub misfit: Misfit,
    /// Its parts exclude that it does not hold, whatever is known of values.
    pub is_certain: bool,
}

impl Template {
    /// Why a part of a condition, or of what a template chooses by, holds in every event.
    pub fn holds_anyway(&self, names: Names<'_>, is_condition: bool) -> Option<Anyway> {
        let certain = std::cell::Cell::new(false);
        let find = |search: &Search<'_>, expr: &Expr<'_>, is_branch: bool| {
            let found = match expr {
                Expr::IfExpr(branch) => search.anyway(&branch.test_expr),
                _ if is_condition || is_branch => search.anyway(expr),
                _ => None,
            };
            found.map(|anyway| {
                certain.set(anyway.is_certain);
                anyway.misfit
            })
        };
        let misfit = self.searched(names, find)?;
        Some(Anyway { misfit, is_certain: certain.get() })
    }
}

/// The conditions of `{% if %}` that stand outside of loops, whose names are those of the template.
pub(super) fn conditions<'e, 's>(statements: &'e [Stmt<'s>], found: &mut Vec<&'e Expr<'s>>) {
    for statement in statements {
        if let Stmt::IfCond(branch) = statement {
            found.push(&branch.expr);
            conditions(&branch.true_body, found);
            conditions(&branch.false_body, found);
        }
    }
}

impl Search<'_> {
    pub(super) fn anyway(&self, expr: &Expr<'_>) -> Option<Anyway> {
        if let Expr::BinOp(op) = expr
            && matches!(op.op, BinOpKind::ScAnd)
        {
            return self.anyway(&op.left).or_else(|| self.anyway(&op.right));
        }
        let mut parts = Vec::new();
        disjuncts(expr, &mut parts);
        let alone = parts.iter().find_map(|part| match part {
            Expr::BinOp(op) if is_and(op) => self.anyway(part),
            _ => self.alone(part),
        });
        alone.or_else(|| {
            let demands: Vec<Demand> = parts.iter().filter_map(|part| self.demand(part)).collect();
            let earlier = |at: usize| demands.iter().take(at);
            demands.iter().enumerate().find_map(|(at, demand)| earlier(at).find_map(|first| together(first, demand)))
        })
    }

    /// `plan != 'basic'` of a name that never is that.
    fn alone(&self, part: &Expr<'_>) -> Option<Anyway> {
        let Of::Without(excluded) = self.demand(part)?.of else { return None };
        let (subject, _) = compared(part)?;
        let ty = self.type_of(subject);
        // What is absent is as empty as an empty text.
        if excluded.is_empty() || ty.presence != Presence::Certain && excluded.iter().any(is_empty) {
            return None;
        }
        let reasons = excluded.iter().map(|value| impossible(&ty, value)).collect::<Option<Vec<_>>>()?;
        let (what, help) = reasons.into_iter().next()?;
        let message = format!("`{}` {what}, so this is always true", self.text(subject));
        Some(Anyway { misfit: Misfit { range: self.range(part), message, help }, is_certain: false })
    }
}

fn is_and(op: &BinOp<'_>) -> bool {
    matches!(op.op, BinOpKind::ScAnd)
}

fn disjuncts<'e, 's>(expr: &'e Expr<'s>, parts: &mut Vec<&'e Expr<'s>>) {
    match expr {
        Expr::BinOp(op) if matches!(op.op, BinOpKind::ScOr) => {
            disjuncts(&op.left, parts);
            disjuncts(&op.right, parts);
        }
        _ => parts.push(expr),
    }
}

/// Why one of two parts always holds.
fn together(first: &Demand, second: &Demand) -> Option<Anyway> {
    if first.subject != second.subject {
        return None;
    }
    let subject = &first.subject;
    let (message, help) = match (&first.of, &second.of) {
        (Of::Without(a), Of::Without(b)) if differ(a, b) => {
            let list: Vec<String> = a.iter().chain(b).map(literal).collect();
            let message = format!("this is always true: whatever `{subject}` is, it is not both");
            (message, format!("to leave out all of them write `{subject} not in [{}]`", list.join(", ")))
        }
        (Of::Above(low), Of::Below(high)) | (Of::Below(high), Of::Above(low)) if low < high => {
            let message = format!("this is always true: whatever `{subject}` is, it fulfils one of the two");
            (message, "for what lies between the two write `and`".to_owned())
        }
        _ => return None,
    };
    let range: Range<usize> = first.range.start.min(second.range.start)..second.range.end.max(first.range.end);
    Some(Anyway { misfit: Misfit { range, message, help: Some(help) }, is_certain: true })
}

/// Whether no value is in both: of texts that is seen.
fn differ(a: &[Value], b: &[Value]) -> bool {
    let are_texts = |values: &[Value]| values.iter().all(|value| value.as_str().is_some()) && !values.is_empty();
    are_texts(a) && are_texts(b) && !a.iter().any(|value| b.contains(value))
}
