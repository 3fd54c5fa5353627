//! Parts of a condition that no event can fulfil, alone or together.

mod anyway;
mod words;

use std::ops::Range;

use minijinja::machinery::ast::{BinOp, BinOpKind, Expr, Stmt, UnaryOpKind};
use minijinja::machinery::parse;

use super::infer::{Misfit, Names, Walk};
use super::lint::{bytes, start};
use super::{Scope, Template, bridge};
use crate::types::{Form, Kinds, Presence, Type};
use crate::value::Value;

pub use anyway::Anyway;
pub use words::Word;

/// One part of a condition that must hold for the whole to hold.
struct Demand {
    /// What is compared, as it is written.
    subject: String,
    range: Range<usize>,
    of: Of,
}

enum Of {
    Among(Vec<Value>),
    Without(Vec<Value>),
    Above(f64),
    Below(f64),
    /// It is there, and neither empty nor zero nor false.
    True,
    False,
    /// It has no value.
    Nothing,
}

impl Template {
    /// Why a condition never holds, if that is known before any event.
    pub fn never_holds(&self, names: Names<'_>) -> Option<Misfit> {
        self.searched(names, |search, expr, _| search.never(expr))
    }

    /// Why a condition holds whatever the event, where that was hardly meant.
    pub fn always_holds(&self, names: Names<'_>) -> Option<Misfit> {
        self.searched(names, |search, expr, is_branch| if is_branch { None } else { search.always(expr, None) })
    }

    /// Why a comparison that is sent as a value is never true.
    pub fn never_true(&self, names: Names<'_>) -> Option<Misfit> {
        let is_comparison =
            |expr: &Expr<'_>| matches!(expr, Expr::BinOp(op) if matches!(op.op, BinOpKind::Eq | BinOpKind::In));
        self.searched(names, |search, expr, is_branch| match expr {
            _ if is_branch => search.never(expr),
            Expr::IfExpr(branch) if is_comparison(&branch.test_expr) => search.never(&branch.test_expr),
            _ if is_comparison(expr) => search.never(expr),
            _ => None,
        })
    }

    /// What is found in the expression of a template, or in the condition of an `{% if %}`.
    fn searched(
        &self,
        names: Names<'_>,
        find: impl Fn(&Search<'_>, &Expr<'_>, bool) -> Option<Misfit>,
    ) -> Option<Misfit> {
        let (source, shift) = self.braced();
        let tree = parse(&source, "template", Default::default()).ok()?;
        let Stmt::Template(template) = &tree else { return None };
        let search = Search { source: &source, names };
        let mut conditions = Vec::new();
        anyway::conditions(&template.children, &mut conditions);
        let emitted = template.children.iter().find_map(|statement| match statement {
            Stmt::EmitExpr(emit) => find(&search, &emit.expr, false),
            _ => None,
        });
        let found = emitted.or_else(|| conditions.into_iter().find_map(|expr| find(&search, expr, true)));
        found.map(|misfit| misfit.shifted(shift, self.text.len()))
    }
}

struct Search<'s> {
    source: &'s str,
    names: Names<'s>,
}

impl Search<'_> {
    fn never(&self, expr: &Expr<'_>) -> Option<Misfit> {
        if let Expr::BinOp(op) = expr
            && matches!(op.op, BinOpKind::ScOr)
        {
            return self.never(&op.right).and(self.never(&op.left));
        }
        let mut parts = Vec::new();
        conjuncts(expr, &mut parts);
        let alone = parts.iter().find_map(|part| match part {
            Expr::BinOp(op) if matches!(op.op, BinOpKind::ScOr) => self.never(part),
            _ => self.never_alone(part),
        });
        alone.or_else(|| {
            let demands: Vec<Demand> = parts.iter().filter_map(|part| self.demand(part)).collect();
            let earlier = |at: usize| demands.iter().take(at);
            demands.iter().enumerate().find_map(|(at, demand)| earlier(at).find_map(|first| clash(first, demand)))
        })
    }

    /// A text that stands alone where something must be true; `before` is the comparison on its left.
    fn always(&self, expr: &Expr<'_>, before: Option<&Expr<'_>>) -> Option<Misfit> {
        match expr {
            Expr::BinOp(op) if matches!(op.op, BinOpKind::ScOr | BinOpKind::ScAnd) => {
                let left = last_of(&op.left);
                self.always(&op.left, before).or_else(|| self.always(&op.right, Some(left)))
            }
            Expr::Const(constant) if constant.value.as_str().is_none() && before.is_none() => {
                let what = if constant.value.is_true() { "holds for every event" } else { "never holds" };
                let help = match constant.value.is_true() {
                    true => "remove the line, or write a condition: `payload.kind == 'call'`",
                    false => "write a condition, `payload.kind == 'call'`; or remove what it keeps from happening",
                };
                let message = format!("this {what}");
                Some(Misfit { range: self.range(expr), message, help: Some(help.to_owned()) })
            }
            Expr::Const(constant) => {
                let text = constant.value.as_str()?;
                let compared = before.and_then(compared_op).filter(|(_, op, _)| matches!(op.op, BinOpKind::Eq));
                let help = match compared {
                    Some((subject, _, other)) => {
                        format!("write `{} in [{}, '{text}']`", self.text(subject), self.text(other))
                    }
                    None => format!("compare it with something: `payload.kind == '{text}'`"),
                };
                let message = format!("the text `'{text}'` alone is always true");
                Some(Misfit { range: self.range(expr), message, help: Some(help) })
            }
            _ => None,
        }
    }

    fn type_of(&self, expr: &Expr<'_>) -> Type {
        Walk::new(self.names).expr(expr)
    }

    /// Whether something has a value in every event, and one that is not null.
    fn is_always_there(&self, subject: &Expr<'_>) -> bool {
        let ty = self.type_of(subject);
        ty.presence == Presence::Certain && !ty.open && ty.is_never(Kinds::NULL)
    }

    /// A part that never holds by itself.
    fn never_alone(&self, part: &Expr<'_>) -> Option<Misfit> {
        let ty = self.type_of(part);
        let is_false = ty.constant_value().is_some_and(|value| !bridge::to_engine(value).is_true());
        if is_false || ty.presence == Presence::Never || self.is_written_out_false(part) {
            let message = "this is never true".to_owned();
            return Some(Misfit { range: self.range(part), message, help: Some("say what must be true".to_owned()) });
        }
        if let Some(subject) = absent(part).filter(|subject| self.is_always_there(subject)) {
            let message = format!("`{}` has a value in every event, so this is never true", self.text(subject));
            let help =
                format!("where it may be missing, put `?` behind its name under `extract:`: `{}?`", self.text(subject));
            return Some(Misfit { range: self.range(part), message, help: Some(help) });
        }
        let Of::Among(wanted) = self.demand(part)?.of else { return None };
        if wanted.is_empty() {
            let message = "nothing is in an empty list, so this is never true".to_owned();
            let help = "write between the brackets what it may be: `['one', 'two']`".to_owned();
            return Some(Misfit { range: self.range(part), message, help: Some(help) });
        }
        let subject = self.type_of(compared(part)?.0);
        // What is absent is as empty as an empty text.
        if subject.presence != Presence::Certain && wanted.iter().any(is_empty) {
            return None;
        }
        let reason = wanted.iter().map(|value| impossible(&subject, value)).collect::<Option<Vec<_>>>()?;
        let (what, help) = reason.into_iter().next()?;
        let message = format!("`{}` {what}, so this is never true", self.text(compared(part)?.0));
        Some(Misfit { range: self.range(part), message, help })
    }

    fn demand(&self, part: &Expr<'_>) -> Option<Demand> {
        if let Some(subject) = absent(part) {
            return Some(Demand { subject: self.text(subject), range: self.range(part), of: Of::Nothing });
        }
        let negated = matches!(part, Expr::UnaryOp(unary) if matches!(unary.op, UnaryOpKind::Not));
        let Some((subject, op, other)) = compared_op(part) else { return self.truth(part) };
        let number = |value: &Value| value.as_number().and_then(|number| number.as_f64());
        let of = match (op.op, negated) {
            (BinOpKind::Eq, false) | (BinOpKind::Ne, true) => Of::Among(vec![self.constant(other)?]),
            (BinOpKind::Ne, false) | (BinOpKind::Eq, true) => Of::Without(vec![self.constant(other)?]),
            (BinOpKind::In, negated) => {
                let list = self.constant(other)?.as_array()?.to_vec();
                if negated { Of::Without(list) } else { Of::Among(list) }
            }
            (BinOpKind::Gt | BinOpKind::Gte, false) => Of::Above(number(&self.constant(other)?)?),
            (BinOpKind::Lt | BinOpKind::Lte, false) => Of::Below(number(&self.constant(other)?)?),
            _ => return None,
        };
        Some(Demand { subject: self.text(subject), range: self.range(part), of })
    }

    /// `payload.open`, or `not payload.open`.
    fn truth(&self, part: &Expr<'_>) -> Option<Demand> {
        let (subject, of) = match part {
            Expr::UnaryOp(unary) if matches!(unary.op, UnaryOpKind::Not) => (&unary.expr, Of::False),
            _ => (part, Of::True),
        };
        let is_value = matches!(subject, Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_));
        is_value.then(|| Demand { subject: self.text(subject), range: self.range(part), of })
    }

    /// `1 > 2`: what takes nothing from the event is the same in all of them.
    fn is_written_out_false(&self, part: &Expr<'_>) -> bool {
        let is_made = matches!(part, Expr::UnaryOp(_) | Expr::BinOp(_) | Expr::Compare(_) | Expr::Test(_));
        let condition = (is_made && is_written_out(part)).then(|| Template::condition(&self.text(part)).ok());
        condition.flatten().is_some_and(|condition| condition.holds(&Scope::new()) == Ok(false))
    }

    /// The value of what is written out.
    fn constant(&self, expr: &Expr<'_>) -> Option<Value> {
        match expr {
            Expr::Const(constant) => bridge::from_engine(&constant.value).ok().flatten(),
            Expr::List(list) => {
                list.items.iter().map(|item| self.constant(item)).collect::<Option<Vec<_>>>().map(Value::array)
            }
            Expr::Tuple(list) => {
                list.items.iter().map(|item| self.constant(item)).collect::<Option<Vec<_>>>().map(Value::array)
            }
            _ => None,
        }
    }

    fn range(&self, expr: &Expr<'_>) -> Range<usize> {
        start(expr)..bytes(expr.span()).end
    }

    fn text(&self, expr: &Expr<'_>) -> String {
        self.source.get(self.range(expr)).unwrap_or_default().trim().to_owned()
    }
}

/// The last operand of a chain of `and` and `or`.
fn last_of<'e, 's>(expr: &'e Expr<'s>) -> &'e Expr<'s> {
    match expr {
        Expr::BinOp(op) if matches!(op.op, BinOpKind::ScOr | BinOpKind::ScAnd) => last_of(&op.right),
        _ => expr,
    }
}

fn conjuncts<'e, 's>(expr: &'e Expr<'s>, parts: &mut Vec<&'e Expr<'s>>) {
    match expr {
        Expr::BinOp(op) if matches!(op.op, BinOpKind::ScAnd) => {
            conjuncts(&op.left, parts);
            conjuncts(&op.right, parts);
        }
        _ => parts.push(expr),
    }
}

/// Whether nothing in an expression is a name.
fn is_written_out(expr: &Expr<'_>) -> bool {
    match expr {
        Expr::Const(_) => true,
        Expr::UnaryOp(unary) => is_written_out(&unary.expr),
        Expr::BinOp(op) => is_written_out(&op.left) && is_written_out(&op.right),
        Expr::Compare(compare) => {
            is_written_out(&compare.expr) && compare.ops.iter().all(|op| is_written_out(&op.expr))
        }
        Expr::Test(test) => test.args.is_empty() && is_written_out(&test.expr),
        Expr::List(list) => list.items.iter().all(is_written_out),
        _ => false,
    }
}

/// Whether two conditions never hold for the same event, as far as that is seen.
pub fn exclude(first: &Template, second: &Template) -> bool {
    let inner = |template: &Template| {
        let text = template.text().trim();
        text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).unwrap_or(text).trim().to_owned()
    };
    let both = Template::condition(&format!("({}) and ({})", inner(first), inner(second)));
    both.is_ok_and(|both| both.never_holds(&|_, _| Type::unknown()).is_some())
}

/// What a part says to have no value.
fn absent<'e, 's>(part: &'e Expr<'s>) -> Option<&'e Expr<'s>> {
    match part {
        Expr::UnaryOp(unary) if matches!(unary.op, UnaryOpKind::Not) => match &unary.expr {
            Expr::Test(test) if test.name == "defined" => Some(&test.expr),
            _ => None,
        },
        Expr::Test(test) if matches!(test.name, "undefined" | "none") => Some(&test.expr),
        _ => None,
    }
}

/// The two sides of a comparison, what is compared first.
fn compared<'e, 's>(part: &'e Expr<'s>) -> Option<(&'e Expr<'s>, &'e Expr<'s>)> {
    compared_op(part).map(|(subject, _, other)| (subject, other))
}

fn compared_op<'e, 's>(part: &'e Expr<'s>) -> Option<(&'e Expr<'s>, &'e BinOp<'s>, &'e Expr<'s>)> {
    match part {
        Expr::UnaryOp(unary) if matches!(unary.op, UnaryOpKind::Not) => compared_op(&unary.expr),
        Expr::BinOp(op) => match (&op.left, op.op) {
            (Expr::Const(_), BinOpKind::Eq | BinOpKind::Ne) => Some((&op.right, op, &op.left)),
            _ => Some((&op.left, op, &op.right)),
        },
        _ => None,
    }
}

/// Why a value of this type is never `wanted`: the reason, and what to write.
fn impossible(subject: &Type, wanted: &Value) -> Option<(String, Option<String>)> {
    let known: Option<Vec<&Value>> = subject.cases.iter().map(|case| case.value.as_ref()).collect();
    let known = known.map(|mut known| {
        let mut seen = Vec::new();
        known.retain(|value| {
            !seen.contains(value) && {
                seen.push(value);
                true
            }
        });
        known
    });
    if let Some(known) = known.filter(|known| !known.is_empty() && !subject.open && !known.contains(&wanted)) {
        let words: Vec<&str> = known.iter().filter_map(|value| value.as_str()).collect();
        let all =
            known.iter().map(|value| format!("`{}`", value.as_str().map_or_else(|| value.to_json(), str::to_owned)));
        let near =
            wanted.as_str().and_then(|wanted| crate::diagnostic::suggest::did_you_mean(wanted, words.iter().copied()));
        return Some((format!("is {}", all.collect::<Vec<_>>().join(" or ")), near));
    }
    let text = wanted.as_str()?;
    let misses = match subject.form() {
        Form::Lower => text.to_lowercase() != text,
        Form::Upper => text.to_uppercase() != text,
        Form::Digits => text.contains(|c: char| !c.is_ascii_digit()),
        Form::Phone => !text.starts_with('+') || text.contains(|c: char| c != '+' && !c.is_ascii_digit()),
        _ => false,
    };
    let (what, help) = match subject.form() {
        _ if misses && text.is_empty() => {
            ("is never an empty text", "what is missing is asked for with `not`, as in `not phone`".to_owned())
        }
        _ if !misses => return None,
        Form::Lower => ("has no capital letters", format!("write `'{}'`", text.to_lowercase())),
        Form::Upper => ("has no small letters", format!("write `'{}'`", text.to_uppercase())),
        Form::Digits => ("has digits only", "compare with digits".to_owned()),
        _ => ("is written `+5511999990000`", "write the number with `+` and its country, without spaces".to_owned()),
    };
    Some((what.to_owned(), Some(help)))
}

/// Whether one of two sides may be absent where the other is empty.
pub(super) fn may_be_empty(left: &Type, right: &Type) -> bool {
    let may =
        |one: &Type, other: &Type| one.presence != Presence::Certain && other.constant_value().is_some_and(is_empty);
    may(left, right) || may(right, left)
}

/// What absent equals.
fn is_empty(value: &Value) -> bool {
    *value == Value::Null || value.as_str() == Some("")
}

fn is_true(value: &Value) -> bool {
    bridge::to_engine(value).is_true()
}

/// Why two parts never hold together.
fn clash(first: &Demand, second: &Demand) -> Option<Misfit> {
    if first.subject != second.subject {
        return None;
    }
    let (clashes, help) = match (&first.of, &second.of) {
        (Of::Among(a), Of::Among(b)) => {
            let list: Vec<String> = a.iter().chain(b).map(literal).collect();
            let help = format!("for either of them write `{} in [{}]`", first.subject, list.join(", "));
            (!a.iter().any(|value| b.contains(value)), help)
        }
        (Of::Among(a), Of::Without(b)) | (Of::Without(b), Of::Among(a)) => {
            (a.iter().all(|value| b.contains(value)), "remove one of the two".to_owned())
        }
        (Of::Above(low), Of::Below(high)) | (Of::Below(high), Of::Above(low)) => {
            (low > high, "for either of them write `or` between the two".to_owned())
        }
        (Of::Nothing, Of::Among(values)) | (Of::Among(values), Of::Nothing) => {
            (!values.iter().any(is_empty), "remove one of the two, or write `or` between them".to_owned())
        }
        (Of::Nothing, Of::Above(_) | Of::Below(_)) | (Of::Above(_) | Of::Below(_), Of::Nothing) => {
            (true, "remove one of the two, or write `or` between them".to_owned())
        }
        (Of::True, Of::False | Of::Nothing) | (Of::False | Of::Nothing, Of::True) => {
            (true, "remove one of the two, or write `or` between them".to_owned())
        }
        (Of::True, Of::Among(values)) | (Of::Among(values), Of::True) => {
            (!values.iter().any(is_true), "remove one of the two".to_owned())
        }
        (Of::False, Of::Among(values)) | (Of::Among(values), Of::False) => {
            (values.iter().all(is_true), "remove one of the two, or write `or` between them".to_owned())
        }
        _ => (false, String::new()),
    };
    let message =
        format!("`{}` can't fulfil this and the part before it at once, so this is never true", first.subject);
    clashes.then(|| Misfit { range: second.range.clone(), message, help: Some(help) })
}

/// A value as a template writes it.
fn literal(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_json(), |text| format!("'{text}'"))
}
