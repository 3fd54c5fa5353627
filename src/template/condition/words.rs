//! The texts that a condition compares values with.

use std::ops::Range;
use std::sync::Arc;

use minijinja::machinery::ast::{BinOpKind, Expr, Stmt, UnaryOpKind};
use minijinja::machinery::parse;

use crate::template::Template;
use crate::template::lint::{bytes, dotted};

/// A text that is written out, and the name that is compared with it.
#[derive(Debug)]
pub struct Word {
    pub name: Arc<str>,
    pub fields: Vec<Arc<str>>,
    pub text: String,
    /// Where the text stands, with its quotes.
    pub range: Range<usize>,
    /// Whether it asks that the value is another one.
    pub is_excluded: bool,
}

impl Template {
    /// The texts with which names are compared, in the whole of an expression.
    pub fn words(&self) -> Vec<Word> {
        let (source, shift) = self.braced();
        let Ok(tree) = parse(&source, "template", Default::default()) else { return Vec::new() };
        let Stmt::Template(template) = &tree else { return Vec::new() };
        let mut found = Vec::new();
        for statement in &template.children {
            if let Stmt::EmitExpr(emit) = statement {
                collect(&emit.expr, false, &mut found);
            }
        }
        for word in &mut found {
            word.range = word.range.start.saturating_sub(shift)..word.range.end.saturating_sub(shift);
        }
        found
    }
}

fn collect(expr: &Expr<'_>, negated: bool, found: &mut Vec<Word>) {
    match expr {
        Expr::UnaryOp(unary) if matches!(unary.op, UnaryOpKind::Not) => collect(&unary.expr, !negated, found),
        Expr::IfExpr(branch) => collect(&branch.test_expr, negated, found),
        Expr::BinOp(op) => match op.op {
            BinOpKind::ScAnd | BinOpKind::ScOr => {
                collect(&op.left, negated, found);
                collect(&op.right, negated, found);
            }
            BinOpKind::Eq | BinOpKind::Ne => {
                let is_excluded = negated != matches!(op.op, BinOpKind::Ne);
                word(&op.left, &op.right, is_excluded, found);
                word(&op.right, &op.left, is_excluded, found);
            }
            BinOpKind::In => {
                if let Expr::List(list) = &op.right {
                    list.items.iter().for_each(|item| word(&op.left, item, negated, found));
                }
            }
            _ => {}
        },
        _ => {}
    }
}

fn word(subject: &Expr<'_>, written: &Expr<'_>, is_excluded: bool, found: &mut Vec<Word>) {
    let (Some((name, fields)), Expr::Const(constant)) = (dotted(subject), written) else { return };
    if let Some(text) = constant.value.as_str() {
        let range = bytes(written.span());
        found.push(Word { name: name.into(), fields, text: text.to_owned(), range, is_excluded });
    }
}
