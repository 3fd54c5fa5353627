//! How much a template may put together: a value that doubles with each line fills the memory in fifty of them.

use std::ops::Range;

use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Stmt};

use super::{TemplateError, bytes};
use crate::diagnostic::Code;

/// The most values that one expression may put together, those in the names that it takes counted.
const MOST: usize = 64;

/// Refuses a template in which a text or a list may become many times what the event brings.
pub(super) fn check(tree: &Stmt<'_>) -> Result<(), TemplateError> {
    Growth { locals: Vec::new() }.statement(tree).map_err(|range| {
        let message = format!("this puts more than {MOST} values together");
        TemplateError::new(Code::InvalidTemplate, range, message).help("write the values one after another as text")
    })
}

/// How many values each local name stands for.
struct Growth<'t> {
    locals: Vec<(&'t str, usize)>,
}

type Weighed<T> = Result<T, Range<usize>>;

impl<'t> Growth<'t> {
    fn statements(&mut self, statements: &[Stmt<'t>]) -> Weighed<()> {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &Stmt<'t>) -> Weighed<()> {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitExpr(emit) => self.expr(&emit.expr).map(drop),
            Stmt::ForLoop(each) => {
                let (depth, weight) = (self.locals.len(), self.expr(&each.iter)?);
                self.bind(&each.target, weight);
                each.filter_expr.iter().try_for_each(|filter| self.expr(filter).map(drop))?;
                self.statements(&each.body)?;
                self.locals.truncate(depth);
                self.statements(&each.else_body)
            }
            Stmt::IfCond(branch) => {
                self.expr(&branch.expr)?;
                self.statements(&branch.true_body)?;
                self.statements(&branch.false_body)
            }
            Stmt::WithBlock(with) => {
                let depth = self.locals.len();
                for (target, value) in &with.assignments {
                    let weight = self.expr(value)?;
                    self.bind(target, weight);
                }
                self.statements(&with.body)?;
                self.locals.truncate(depth);
                Ok(())
            }
            Stmt::Set(set) => {
                let weight = self.expr(&set.expr)?;
                self.bind(&set.target, weight);
                Ok(())
            }
            // What a block writes is counted while it runs.
            Stmt::SetBlock(set) => {
                self.statements(&set.body)?;
                self.bind(&set.target, 1);
                Ok(())
            }
            Stmt::FilterBlock(block) => self.statements(&block.body),
            _ => Ok(()),
        }
    }

    fn bind(&mut self, target: &Expr<'t>, weight: usize) {
        match target {
            Expr::Var(var) => self.locals.push((var.id, weight.max(1))),
            Expr::List(list) => list.items.iter().for_each(|item| self.bind(item, weight)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.bind(item, weight)),
            _ => {}
        }
    }

    /// How many values an expression puts together, or where there are too many.
    fn expr(&self, expr: &Expr<'t>) -> Weighed<usize> {
        let weight = match expr {
            Expr::Const(_) | Expr::Test(_) | Expr::Compare(_) => 0,
            Expr::Var(var) => {
                self.locals.iter().rev().find(|(name, _)| *name == var.id).map_or(1, |(_, weight)| *weight)
            }
            Expr::Slice(slice) => self.expr(&slice.expr)?,
            Expr::UnaryOp(unary) => self.expr(&unary.expr)?,
            Expr::GetAttr(attr) => self.expr(&attr.expr)?,
            Expr::GetItem(item) => self.expr(&item.expr)?,
            Expr::BinOp(op) => match (op.op, self.expr(&op.left)?, self.expr(&op.right)?) {
                (BinOpKind::Add | BinOpKind::Concat, left, right) => left + right,
                (_, left, right) => left.max(right),
            },
            Expr::IfExpr(branch) => {
                let other = branch.false_expr.as_ref().map_or(Ok(0), |other| self.expr(other))?;
                self.expr(&branch.true_expr)?.max(other)
            }
            Expr::Filter(call) => {
                let value = call.expr.as_ref().map_or(Ok(1), |inner| self.expr(inner))?;
                value + self.arguments(&call.args)?
            }
            Expr::Call(call) => self.arguments(&call.args)?,
            Expr::List(list) => self.sum(&list.items)?,
            Expr::Tuple(tuple) => self.sum(&tuple.items)?,
            Expr::Map(map) => self.sum(&map.keys)? + self.sum(&map.values)?,
        };
        if weight > MOST { Err(bytes(expr.span())) } else { Ok(weight) }
    }

    fn sum(&self, all: &[Expr<'t>]) -> Weighed<usize> {
        all.iter().try_fold(0, |sum, one| Ok(sum + self.expr(one)?))
    }

    fn arguments(&self, args: &[CallArg<'t>]) -> Weighed<usize> {
        args.iter().try_fold(0, |sum, arg| match arg {
            CallArg::Pos(expr) | CallArg::Kwarg(_, expr) | CallArg::PosSplat(expr) | CallArg::KwargSplat(expr) => {
                Ok(sum + self.expr(expr)?)
            }
        })
    }
}
