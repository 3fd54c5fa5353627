//! Which names must have a value for a condition to hold.

use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Stmt, UnaryOpKind};
use minijinja::machinery::parse;
use minijinja::value::Value as Engine;

use super::Template;
use super::lint::dotted;

impl Template {
    /// The names that have a value wherever this condition holds.
    pub fn demanded(&self) -> Vec<String> {
        self.names_with_value(true)
    }

    /// The names that have a value wherever this condition does not hold.
    pub fn demanded_unless(&self) -> Vec<String> {
        self.names_with_value(false)
    }

    /// Whether a filter written behind the expression takes all of it: it is no `a == b`, `not a` or `a if b`.
    pub fn is_one_operand(&self) -> bool {
        let (source, _) = self.braced();
        let Ok(Stmt::Template(tree)) = parse(&source, "template", Default::default()) else { return false };
        let [Stmt::EmitExpr(emit)] = tree.children.as_slice() else { return false };
        !matches!(emit.expr, Expr::BinOp(_) | Expr::UnaryOp(_) | Expr::Compare(_) | Expr::Test(_) | Expr::IfExpr(_))
    }

    /// Whether this condition holds only where one of two names has a value.
    pub fn demands_one_of(&self, one: &str, other: &str) -> bool {
        let (source, _) = self.braced();
        let Ok(Stmt::Template(tree)) = parse(&source, "template", Default::default()) else { return false };
        let [Stmt::EmitExpr(emit)] = tree.children.as_slice() else { return false };
        has_one_of(&emit.expr, &[one, other])
    }

    fn names_with_value(&self, holds: bool) -> Vec<String> {
        let (source, _) = self.braced();
        let Ok(tree) = parse(&source, "template", Default::default()) else { return Vec::new() };
        let Stmt::Template(template) = &tree else { return Vec::new() };
        let [Stmt::EmitExpr(emit)] = template.children.as_slice() else { return Vec::new() };
        names_where(&emit.expr, holds).into_iter().map(str::to_owned).collect()
    }
}

/// The names that have a value wherever a condition holds, or does not.
pub(super) fn names_where<'s>(expr: &Expr<'s>, holds: bool) -> Vec<&'s str> {
    match (expr, holds) {
        (Expr::UnaryOp(unary), _) if matches!(unary.op, UnaryOpKind::Not) => names_where(&unary.expr, !holds),
        (Expr::BinOp(op), _) if matches!(op.op, BinOpKind::ScAnd | BinOpKind::ScOr) => {
            let (left, right) = (names_where(&op.left, holds), names_where(&op.right, holds));
            match matches!(op.op, BinOpKind::ScAnd) == holds {
                true => [left, right].concat(),
                // One of the two decides; which, is not known.
                false => left.into_iter().filter(|name| right.contains(name)).collect(),
            }
        }
        (Expr::BinOp(op), _) => compared(&op.op, &op.left, &op.right, holds),
        (Expr::Test(test), false) if matches!(test.name, "undefined" | "none") => {
            name(&test.expr).into_iter().collect()
        }
        (Expr::Test(test), true) if test.name == "defined" => name(&test.expr).into_iter().collect(),
        // What is absent is false, and so is the other value.
        (_, true) => source(expr, &|other| !other.is_true()).into_iter().collect(),
        (_, false) => Vec::new(),
    }
}

/// Whether one of these names has a value wherever a condition holds.
fn has_one_of(expr: &Expr<'_>, names: &[&str]) -> bool {
    match expr {
        Expr::BinOp(op) if matches!(op.op, BinOpKind::ScOr) => {
            has_one_of(&op.left, names) && has_one_of(&op.right, names)
        }
        Expr::BinOp(op) if matches!(op.op, BinOpKind::ScAnd) => {
            has_one_of(&op.left, names) || has_one_of(&op.right, names)
        }
        _ => names_where(expr, true).iter().any(|name| names.contains(name)),
    }
}

/// Names that a comparison asks for: those for which it would turn out otherwise without a value.
fn compared<'s>(op: &BinOpKind, left: &Expr<'s>, right: &Expr<'s>, holds: bool) -> Vec<&'s str> {
    match (op, holds) {
        (BinOpKind::Eq, true) | (BinOpKind::Ne, false) => {
            let differs = |side: &Expr<'s>, constant: &Engine| {
                (!is_empty(constant)).then(|| source(side, &|other| other != constant)).flatten()
            };
            beside_constant(left, right).and_then(|(side, constant)| differs(side, constant)).into_iter().collect()
        }
        (BinOpKind::Ne, true) | (BinOpKind::Eq, false) => {
            let equals = |side: &Expr<'s>, constant: &Engine| {
                is_empty(constant).then(|| source(side, &|other| other == constant)).flatten()
            };
            beside_constant(left, right).and_then(|(side, constant)| equals(side, constant)).into_iter().collect()
        }
        (BinOpKind::In, true) if is_without_empty(right) => source(left, &|_| false).into_iter().collect(),
        // These fail without a value.
        (BinOpKind::Lt | BinOpKind::Lte | BinOpKind::Gt | BinOpKind::Gte, _) => {
            [left, right].into_iter().filter_map(|side| source(side, &|_| false)).collect()
        }
        _ => Vec::new(),
    }
}

/// What is compared with a value that is written out.
fn beside_constant<'e, 's>(left: &'e Expr<'s>, right: &'e Expr<'s>) -> Option<(&'e Expr<'s>, &'e Engine)> {
    match (left, right) {
        (side, Expr::Const(constant)) | (Expr::Const(constant), side) => Some((side, &constant.value)),
        _ => None,
    }
}

/// Whether this is a text or a list that is written out, and in which what is absent is not.
fn is_without_empty(expr: &Expr<'_>) -> bool {
    match expr {
        Expr::Const(constant) => !is_empty(&constant.value),
        Expr::List(list) => list.items.iter().all(|item| matches!(item, Expr::Const(each) if !is_empty(&each.value))),
        _ => false,
    }
}

/// What absent equals.
fn is_empty(constant: &Engine) -> bool {
    constant.is_none() || constant.as_str() == Some("")
}

fn name<'s>(expr: &Expr<'s>) -> Option<&'s str> {
    dotted(expr).filter(|(_, fields)| fields.is_empty()).map(|(name, _)| name)
}

/// The name that a value is made of, which is absent where the name is, or is a `default` for which `like_absent` holds.
fn source<'s>(expr: &Expr<'s>, like_absent: &dyn Fn(&Engine) -> bool) -> Option<&'s str> {
    let Expr::Filter(call) = expr else { return name(expr) };
    let inner = call.expr.as_ref()?;
    match (call.name, other_value(&call.args)) {
        ("default" | "d", Some(other)) if like_absent(&other) => name(inner),
        ("default" | "d", _) => None,
        // An empty text stays one.
        ("trim" | "lower" | "upper" | "string", _) => source(inner, &|other| is_empty(other) && like_absent(other)),
        _ => source(inner, &|_| false),
    }
}

/// What `default` gives, where that is written out.
fn other_value(args: &[CallArg<'_>]) -> Option<Engine> {
    match args.first() {
        None => Some(Engine::from("")),
        Some(CallArg::Pos(Expr::Const(constant))) => Some(constant.value.clone()),
        Some(_) => None,
    }
}
