//! Expressions of the usual kinds, evaluated on values as they stand: names with fields, `default`, comparisons, choices
//! and the filters that take one text.
//!
//! What comes out is what the engine would make. Whatever is out of the ordinary, above all what fails, is left to the
//! engine, which can say what is wrong and where: then there is no answer here.

use std::borrow::Cow;
use std::sync::Arc;

use minijinja::machinery::ast::{BinOp, BinOpKind, CallArg, Expr, Filter, Stmt, Test, UnaryOpKind};
use minijinja::machinery::parse;
use minijinja::value::Value as Engine;

use super::bridge::{from_engine, to_engine};
use super::budget::{spend, spend_on};
use super::compared::{OR_EMPTY, OR_NULL, OR_UNEQUAL};
use super::filter::{self, LARGEST, Own};
use super::scope::Scope;
use super::tolerant::Tolerant;
use crate::value::Value;

/// An expression that is evaluated without the engine.
pub(super) enum Quick {
    Constant(Value),
    Name(Arc<str>),
    Field(Box<Quick>, Arc<str>),
    Item(Box<Quick>, usize),
    /// A name with fields of which any may be missing.
    Tolerant(Tolerant),
    Default(Box<Quick>, Box<Quick>),
    /// `upper`, `lower`, `trim`
    Text(&'static str, fn(&str) -> String, Box<Quick>),
    /// A filter of ours, with what is written in its brackets.
    Own(&'static str, Own, Box<Quick>, Box<[Engine]>),
    /// What takes the place of what is absent, on one side of a comparison.
    Or(Instead, Box<Quick>),
    Equal(Box<Quick>, Box<Quick>),
    /// In a list of texts that is written out.
    In(Box<Quick>, Arc<[Value]>),
    Not(Box<Quick>),
    And(Box<Quick>, Box<Quick>),
    Either(Box<Quick>, Box<Quick>),
    If(Box<Quick>, Box<Quick>, Option<Box<Quick>>),
    IsDefined(Box<Quick>),
    IsNone(Box<Quick>),
}

#[derive(Clone, Copy)]
pub(super) enum Instead {
    Null,
    Empty,
    Unequal,
}

/// A value, or that it is absent.
type Found<'v> = Option<Cow<'v, Value>>;

const YES: Value = Value::Bool(true);
const NO: Value = Value::Bool(false);

impl Quick {
    /// The expression, if it is made of what is known here. `names` are the words in it that stand for names with fields.
    pub(super) fn of(expression: &str, names: &[Tolerant]) -> Option<Quick> {
        let source = format!("{{{{ {expression} }}}}");
        let Ok(Stmt::Template(template)) = parse(&source, "expression", Default::default()) else { return None };
        match template.children.as_slice() {
            [Stmt::EmitExpr(emit)] => lowered(&emit.expr, names),
            _ => None,
        }
    }

    /// The value; outer `None` where the engine is to be asked.
    pub(super) fn evaluate<'v>(&'v self, scope: &'v Scope) -> Option<Found<'v>> {
        match self {
            Quick::Constant(value) => Some(Some(Cow::Borrowed(value))),
            Quick::Name(name) => scope.get(name)?.map_or(Some(None), seen),
            Quick::Field(inner, name) => field(inner.evaluate(scope)??, name),
            Quick::Item(inner, at) => item(inner.evaluate(scope)??, *at),
            Quick::Tolerant(names) => match names.value(scope) {
                Some(value) => taken(value),
                None => Some(None),
            },
            Quick::Default(inner, other) => {
                let (value, other) = (inner.evaluate(scope)?, other.evaluate(scope)?);
                Some(if value.as_ref().is_some_and(|value| !value.is_null()) { value } else { other })
            }
            Quick::Text(name, change, inner) => text(name, *change, inner.evaluate(scope)?),
            Quick::Own(name, filter, inner, args) => own(name, *filter, inner.evaluate(scope)?, args),
            Quick::Or(instead, inner) => instead.of(inner.evaluate(scope)?),
            Quick::Equal(left, right) => equal(&*left.evaluate(scope)??, &*right.evaluate(scope)??).and_then(truth),
            Quick::In(inner, list) => is_among(&*inner.evaluate(scope)??, list).and_then(truth),
            Quick::Not(inner) => truth(!is_true(&inner.evaluate(scope)?)?),
            Quick::And(left, right) => {
                let left = left.evaluate(scope)?;
                if is_true(&left)? { right.evaluate(scope) } else { Some(left) }
            }
            Quick::Either(left, right) => {
                let left = left.evaluate(scope)?;
                if is_true(&left)? { Some(left) } else { right.evaluate(scope) }
            }
            Quick::If(test, value, other) => match (is_true(&test.evaluate(scope)?)?, other) {
                (true, _) => value.evaluate(scope),
                (false, Some(other)) => other.evaluate(scope),
                (false, None) => Some(None),
            },
            Quick::IsDefined(inner) => truth(inner.evaluate(scope)?.is_some()),
            Quick::IsNone(inner) => truth(inner.evaluate(scope)?.is_none_or(|value| value.is_null())),
        }
    }
}

impl Instead {
    fn of(self, value: Found<'_>) -> Option<Found<'_>> {
        let is_there = value.as_ref().is_some_and(|value| !value.is_null());
        match self {
            Instead::Null => Some(Some(value.unwrap_or(Cow::Owned(Value::Null)))),
            Instead::Empty if is_there => Some(value),
            Instead::Empty => Some(Some(Cow::Owned(Value::from("")))),
            Instead::Unequal => is_there.then_some(value),
        }
    }
}

fn truth<'v>(holds: bool) -> Option<Found<'v>> {
    Some(Some(Cow::Owned(if holds { YES } else { NO })))
}

/// A value as it is handed on. Numbers that the engine would write in another way are its own.
fn seen(value: &Value) -> Option<Found<'_>> {
    is_plain(value).then_some(Some(Cow::Borrowed(value)))
}

fn made<'v>(value: Value) -> Option<Found<'v>> {
    is_plain(&value).then_some(Some(Cow::Owned(value)))
}

fn taken(value: Cow<'_, Value>) -> Option<Found<'_>> {
    is_plain(&value).then_some(Some(value))
}

fn is_plain(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.whole().is_some(),
        Value::String(text) => spend(text.len()),
        _ => true,
    }
}

fn field<'v>(value: Cow<'v, Value>, name: &str) -> Option<Found<'v>> {
    match value {
        Cow::Borrowed(Value::Object(fields)) => fields.get(name).map_or(Some(None), seen),
        Cow::Owned(Value::Object(fields)) => fields.get(name).map_or(Some(None), |value| made(value.clone())),
        _ => None,
    }
}

fn item(value: Cow<'_, Value>, at: usize) -> Option<Found<'_>> {
    match value {
        Cow::Borrowed(Value::Array(items)) => items.get(at).map_or(Some(None), seen),
        _ => None,
    }
}

fn text<'v>(name: &str, change: fn(&str) -> String, value: Found<'v>) -> Option<Found<'v>> {
    let Some(value) = value else { return Some(None) };
    let text = value.as_str().filter(|text| text.len() <= LARGEST)?;
    if !spend_on(name, &[to_engine(&value)]) {
        return None;
    }
    let changed = change(text);
    if changed == text { taken(value) } else { made(Value::from(changed)) }
}

fn own<'v>(name: &str, filter: Own, value: Found<'v>, args: &[Engine]) -> Option<Found<'v>> {
    let Some(value) = value else { return Some(None) };
    if value.is_null() {
        return Some(Some(value));
    }
    let given: Vec<Engine> = std::iter::once(to_engine(&value)).chain(args.iter().cloned()).collect();
    if !spend_on(name, &given) {
        return None;
    }
    made(filter(&value, args).ok()?)
}

/// Whether two values are the same, as far as that needs no thought.
fn equal(left: &Value, right: &Value) -> Option<bool> {
    match (left, right) {
        (Value::String(_), Value::String(_)) | (Value::Bool(_), Value::Bool(_)) => Some(left == right),
        (Value::Number(one), Value::Number(two)) => Some(one.whole()? == two.whole()?),
        (Value::Null, Value::Null) => Some(true),
        (Value::Null, Value::String(_) | Value::Bool(_) | Value::Number(_)) => Some(false),
        (Value::String(_) | Value::Bool(_) | Value::Number(_), Value::Null) => Some(false),
        _ => None,
    }
}

fn is_among(value: &Value, list: &[Value]) -> Option<bool> {
    matches!(value, Value::String(_) | Value::Null).then(|| list.contains(value))
}

fn is_true(value: &Found<'_>) -> Option<bool> {
    Some(match value.as_deref() {
        None | Some(Value::Null) => false,
        Some(Value::Bool(flag)) => *flag,
        Some(Value::Number(number)) => number.whole()? != 0,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(fields)) => !fields.is_empty(),
    })
}

fn lowered(expr: &Expr<'_>, names: &[Tolerant]) -> Option<Quick> {
    let inner = |expr: &Expr<'_>| lowered(expr, names).map(Box::new);
    Some(match expr {
        Expr::Var(var) => match names.iter().find(|name| name.is_word(var.id)) {
            Some(name) => Quick::Tolerant(name.clone()),
            None => Quick::Name(var.id.into()),
        },
        Expr::Const(constant) => Quick::Constant(constant_of(&constant.value)?),
        Expr::List(list) => Quick::Constant(constant_of(&list.as_const()?)?),
        Expr::GetAttr(attr) => Quick::Field(inner(&attr.expr)?, attr.name.into()),
        Expr::GetItem(item) => match &item.subscript_expr {
            Expr::Const(key) => match key.value.as_str() {
                Some(key) => Quick::Field(inner(&item.expr)?, key.into()),
                None => Quick::Item(inner(&item.expr)?, key.value.as_usize()?),
            },
            _ => return None,
        },
        Expr::UnaryOp(unary) if matches!(unary.op, UnaryOpKind::Not) => Quick::Not(inner(&unary.expr)?),
        Expr::BinOp(op) => of_two(op, names)?,
        Expr::IfExpr(choice) => {
            let other = match &choice.false_expr {
                Some(other) => Some(inner(other)?),
                None => None,
            };
            Quick::If(inner(&choice.test_expr)?, inner(&choice.true_expr)?, other)
        }
        Expr::Filter(filter) => of_filter(filter, names)?,
        Expr::Test(test) => of_test(test, names)?,
        _ => return None,
    })
}

fn of_two(op: &BinOp<'_>, names: &[Tolerant]) -> Option<Quick> {
    let (left, right) = (Box::new(lowered(&op.left, names)?), Box::new(lowered(&op.right, names)?));
    Some(match (op.op, &*right) {
        (BinOpKind::Eq, _) => Quick::Equal(left, right),
        (BinOpKind::Ne, _) => Quick::Not(Box::new(Quick::Equal(left, right))),
        (BinOpKind::ScAnd, _) => Quick::And(left, right),
        (BinOpKind::ScOr, _) => Quick::Either(left, right),
        (BinOpKind::In, Quick::Constant(Value::Array(items))) if items.iter().all(|item| item.as_str().is_some()) => {
            Quick::In(left, items.clone())
        }
        _ => return None,
    })
}

fn of_filter(call: &Filter<'_>, names: &[Tolerant]) -> Option<Quick> {
    let inner = Box::new(lowered(call.expr.as_ref()?, names)?);
    Some(match (call.name, call.args.as_slice()) {
        ("default" | "d", []) => Quick::Default(inner, Box::new(Quick::Constant(Value::from("")))),
        ("default" | "d", [CallArg::Pos(other)]) => Quick::Default(inner, Box::new(lowered(other, names)?)),
        ("upper", []) => Quick::Text("upper", |text| text.to_uppercase(), inner),
        ("lower", []) => Quick::Text("lower", |text| text.to_lowercase(), inner),
        ("trim", []) => Quick::Text("trim", |text| text.trim().to_owned(), inner),
        (OR_NULL, []) => Quick::Or(Instead::Null, inner),
        (OR_EMPTY, []) => Quick::Or(Instead::Empty, inner),
        (OR_UNEQUAL, []) => Quick::Or(Instead::Unequal, inner),
        (name, args) => {
            let (name, filter) = filter::OWN_FILTERS.iter().find(|(known, _)| *known == name)?;
            let args = args.iter().map(constant_argument).collect::<Option<_>>()?;
            Quick::Own(name, *filter, inner, args)
        }
    })
}

fn constant_argument(arg: &CallArg<'_>) -> Option<Engine> {
    match arg {
        CallArg::Pos(Expr::Const(constant)) => Some(constant.value.clone()),
        _ => None,
    }
}

fn of_test(test: &Test<'_>, names: &[Tolerant]) -> Option<Quick> {
    if !test.args.is_empty() {
        return None;
    }
    let inner = Box::new(lowered(&test.expr, names)?);
    Some(match test.name {
        "defined" => Quick::IsDefined(inner),
        "undefined" => Quick::Not(Box::new(Quick::IsDefined(inner))),
        "none" => Quick::IsNone(inner),
        _ => return None,
    })
}

/// A value that is written out; a fraction is the engine's.
fn constant_of(value: &Engine) -> Option<Value> {
    let is_whole = |value: &Value| value.as_number().is_none_or(|number| number.whole().is_some());
    let value = from_engine(value).ok()??;
    let is_good = match &value {
        Value::Array(items) => items.iter().all(|item| item.as_array().is_none() && is_whole(item)),
        Value::Object(_) => false,
        value => is_whole(value),
    };
    is_good.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::tolerant::Filled;
    use crate::template::{Expr as Part, ExprKind, Program, Template};
    use crate::value::json;

    fn scopes() -> Vec<Scope> {
        let payloads = [
            r#"{"type":"call","n":3,"big":4150868000003241045,"flag":true,"no":null,"empty":"","list":["a",7],
                "contact":{"name":" Ana ","tags":["x"],"inner":{"id":"9"}},"price":1.10,"two":2.0,"date":"2026-01-15"}"#,
            r#"{"type":7,"n":0,"flag":false,"no":"x","empty":[],"list":"text","contact":null,"price":"1.10"}"#,
            r#"{"contact":{"inner":"text"},"list":[]}"#,
            r#""text""#,
        ];
        let read = |text: &str| json::parse(text.as_bytes(), &json::Limits::default()).unwrap();
        let mut scopes: Vec<Scope> = payloads
            .iter()
            .map(|text| Scope::new().with("payload", read(text)).with("name", Value::from("Ç é")))
            .collect();
        scopes.iter_mut().for_each(|scope| scope.set("phone", None));
        scopes
    }

    const EXPRESSIONS: &[&str] = &[
        "payload.type == 'call'",
        "payload.type != 'call'",
        "payload.n == 3",
        "payload.no == none",
        "payload.empty == ''",
        "payload.missing == ''",
        "payload.contact.inner.id == '9'",
        "payload.type == payload.no",
        "payload.type in ['call', 'sms']",
        "payload.missing in ['call', '']",
        "payload.flag and payload.type == 'call'",
        "payload.flag or payload.n",
        "not payload.flag",
        "payload.big",
        "payload.list[0]",
        "payload.list[1]",
        "payload.list[5]",
        "payload['type']",
        "payload.contact.name | trim | lower",
        "payload.contact.name | default('none')",
        "payload.contact.inner.id | default(payload.n)",
        "payload.no | default('none') | upper",
        "phone | default('unknown')",
        "phone | default",
        "phone | upper",
        "name | upper",
        "name | lower",
        "phone is defined",
        "phone is undefined",
        "payload.contact.inner.id is defined",
        "payload.no is none",
        "'yes' if payload.flag else 'no'",
        "name if payload.flag",
        "payload.contact",
        "payload.price",
        "payload.two",
        "payload.n | string",
        "payload.price | string",
        "payload.date | datetime('%d/%m/%Y')",
        "payload.contact | json",
        "payload.type | string | truncate(2)",
        "name | slug",
        "payload.n == payload.n",
    ];

    #[test]
    fn what_is_answered_is_what_the_engine_answers() {
        let mut answered = 0;
        for text in EXPRESSIONS {
            for template in [Template::compile(&format!("{{{{ {text} }}}}")), Template::condition(text)] {
                let template = template.unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
                let Program::Whole(Part { kind: ExprKind::Compiled(quick, expression), .. }) = &*template.program
                else {
                    continue;
                };
                let quick = quick.as_ref().unwrap_or_else(|| panic!("`{text}` is left to the engine"));
                for scope in scopes() {
                    let Some(found) = quick.evaluate(&scope) else { continue };
                    let engine = expression.eval(Filled::of(&scope, &template.tolerant).all().to_engine());
                    let engine = engine.map(|value| from_engine(&value).unwrap());
                    assert_eq!(engine.ok(), Some(found.map(Cow::into_owned)), "{text} of {:?}", scope.get("payload"));
                    answered += 1;
                }
            }
        }
        assert!(answered > EXPRESSIONS.len() * 4, "{answered}");
    }

    #[test]
    fn what_is_out_of_the_ordinary_is_left_to_the_engine() {
        let left =
            ["payload.a + 1", "name ~ 'x'", "payload.n > 2", "payload.list | map('upper') | list", "1.5", "[[1]]"];
        for text in left {
            assert!(Quick::of(text, &[]).is_none(), "{text}");
        }
    }
}
