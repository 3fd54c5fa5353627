//! What each filter takes and makes.

use minijinja::machinery::ast::Expr;

use super::filter;
use super::infer::Misfit;
use crate::types::{Form, Kinds, Presence, Type};

/// The types that a filter takes; nothing when it takes any.
pub(super) fn takes(name: &str) -> Option<Kinds> {
    let kinds = match name {
        "digits" | "phone" | "datetime" => Kinds::NUMBER | Kinds::TEXT,
        "sha256" | "hmac" | "base64" | "urlencode" | "strip_html" | "truncate" | "regex_replace" | "slug" | "upper"
        | "lower" | "title" | "capitalize" | "trim" | "replace" => Kinds::SINGLE,
        "abs" | "round" => Kinds::NUMBER,
        "int" | "float" => Kinds::NUMBER | Kinds::TEXT | Kinds::BOOLEAN,
        "count" | "length" => Kinds::TEXT | Kinds::LIST | Kinds::OBJECT,
        "first" | "last" | "reverse" | "list" | "join" => Kinds::TEXT | Kinds::LIST | Kinds::OBJECT,
        "max" | "min" | "sum" | "sort" | "unique" | "map" | "select" | "reject" | "selectattr" | "rejectattr" => {
            Kinds::LIST | Kinds::OBJECT | Kinds::TEXT
        }
        "dictsort" | "items" => Kinds::OBJECT,
        "lines" | "split" => Kinds::TEXT,
        _ => return None,
    };
    Some(kinds)
}

/// Why a filter can't read a text of this form, whatever the event brings.
pub(super) fn unreadable(name: &str, form: Form, what: &Option<String>) -> Option<Misfit> {
    refuses(name, form).then(|| {
        let what = what.as_ref().map_or_else(|| "this value".to_owned(), |name| format!("`{name}`"));
        let message = format!("{what} is {}, which the filter `{name}` can't read", form.words());
        let help = "leave the filter out, or name the value that is meant".to_owned();
        Misfit { range: 0..0, message, help: Some(help) }
    })
}

fn refuses(name: &str, form: Form) -> bool {
    match name {
        "int" | "float" => matches!(form, Form::Email | Form::Url | Form::Datetime | Form::Id),
        "datetime" => matches!(form, Form::Email | Form::Url | Form::Phone | Form::Sha256 | Form::Id),
        "phone" => matches!(form, Form::Email | Form::Datetime | Form::Sha256 | Form::Id),
        _ => false,
    }
}

/// The item at a place of a list, which may be shorter.
pub(super) fn item_at(given: &Type, place: &Expr<'_>) -> Type {
    let Expr::Const(place) = place else { return Type::unknown() };
    let is_list = given.kinds() == Some(Kinds::LIST);
    let (Some(item), Some(place)) = (items(given).filter(|_| is_list), place.value.as_usize()) else {
        return Type::unknown();
    };
    let is_there = given.cases.iter().all(|case| place < case.shortest);
    let presence = if is_there { given.presence } else { Presence::Possible };
    item.with_presence(presence)
}

/// What a filter makes of texts that are all known.
fn each(given: &Type, change: fn(&str) -> String) -> Option<Type> {
    let texts: Option<Vec<&str>> = given.cases.iter().map(|case| case.value.as_ref()?.as_str()).collect();
    let changed = texts.filter(|_| !given.open)?.into_iter().map(|text| Type::constant(&change(text).into(), None));
    changed.reduce(Type::union)
}

/// How a value of these types is made one that the filter takes.
pub(super) fn help(name: &str, given: Kinds) -> Option<String> {
    let text = match (name, given) {
        ("abs" | "round", kinds) if kinds.meets(Kinds::TEXT) => format!("make it a number first: `| float | {name}`"),
        (_, kinds) if kinds == Kinds::LIST => {
            format!("take one item first, `| first | {name}`, or join them, `| join(', ')`")
        }
        (_, kinds) if kinds == Kinds::OBJECT => "name the field of it that is meant".to_owned(),
        _ => "leave the filter out".to_owned(),
    };
    Some(text)
}

/// What a filter makes of a type; whether it is there stays as it was.
pub(super) fn makes(name: &str, given: Type, first: Option<Type>) -> Type {
    let known = match name {
        "lower" => each(&given, str::to_lowercase),
        "upper" => each(&given, str::to_uppercase),
        "trim" if first.is_none() => each(&given, |text| text.trim().to_owned()),
        _ => None,
    };
    if let Some(known) = known {
        return known;
    }
    match name {
        "digits" => Type::text(Form::Digits),
        "phone" => Type::text(Form::Phone),
        "datetime" if first.is_none() => Type::text(Form::Datetime),
        "sha256" | "hmac" => Type::text(Form::Sha256),
        "lower" => Type::text(Form::Lower),
        "upper" => Type::text(Form::Upper),
        "abs" | "round" if given.kinds() == Some(Kinds::INTEGER) => Type::certain(Kinds::INTEGER),
        "round" if first.is_none() => Type::certain(Kinds::INTEGER),
        "abs" if given.open => Type::unknown(),
        "sum" => match items(&given) {
            Some(item) if item.is_never(Kinds::FRACTION) => Type::certain(Kinds::INTEGER),
            Some(item) if item.open => Type::unknown(),
            None if given.open => Type::unknown(),
            _ => Type::certain(Kinds::NUMBER),
        },
        "abs" | "round" | "float" => Type::certain(Kinds::NUMBER),
        "int" | "count" | "length" => Type::certain(Kinds::INTEGER),
        "bool" => Type::certain(Kinds::BOOLEAN),
        "lines" | "split" => Type::list(Type::text(Form::Any)).at_least(1),
        "list" | "sort" | "unique" => {
            let shortest = usize::from(!given.may_be_empty());
            list_of(given).at_least(shortest)
        }
        "reject" | "rejectattr" | "select" | "selectattr" => list_of(given),
        "map" if !given.may_be_empty() => Type::list(Type::unknown()).at_least(1),
        "map" | "items" | "dictsort" => Type::list(Type::unknown()),
        "first" | "last" | "max" | "min" => item_of(given),
        "reverse" if given.kinds() == Some(Kinds::TEXT) => Type::text(Form::Any),
        "reverse" => Type::unknown(),
        "string" | "trim" if given.kinds() == Some(Kinds::TEXT) => given,
        "jsonpath" => Type::unknown(),
        _ if filter::NAMES.contains(&name) => Type::text(Form::Any),
        _ => Type::unknown(),
    }
}

fn list_of(given: Type) -> Type {
    let items = items(&given);
    items.map_or_else(|| Type::certain(Kinds::LIST), Type::list)
}

/// One of a list, which may be empty.
fn item_of(given: Type) -> Type {
    match given.kinds() {
        // Of a mapping it is a name.
        Some(kinds) if !kinds.meets(Kinds::LIST) => Type::text(Form::Any),
        _ => items(&given).unwrap_or_else(Type::unknown),
    }
}

fn items(given: &Type) -> Option<Type> {
    match given.cases.as_slice() {
        [case] if !given.open => case.items.as_deref().cloned(),
        _ => None,
    }
}

/// Whether an expression is a number, whatever its names are.
pub(super) fn is_number(expr: &Expr<'_>) -> bool {
    match expr {
        Expr::Const(constant) => constant.value.is_number(),
        Expr::Filter(call) => matches!(call.name, "int" | "float" | "length" | "count" | "round" | "abs"),
        Expr::BinOp(op) => is_number(&op.left) && is_number(&op.right),
        Expr::UnaryOp(unary) => is_number(&unary.expr),
        _ => false,
    }
}

/// A function's call as a filter: what it is applied to comes first.
pub(super) fn as_filter(name: &str, values: &[&str]) -> String {
    let (value, rest) = values.split_first().map_or(("value", values), |(value, rest)| (value, rest));
    let args = if rest.is_empty() { String::new() } else { format!("({})", rest.join(", ")) };
    format!("`{name}` is a filter: write `{value} | {name}{args}`")
}

/// Whether a slice goes forwards.
pub(super) fn is_forwards(step: &Expr<'_>) -> bool {
    matches!(step, Expr::Const(constant) if constant.value.is_none() || constant.value.as_i64().is_some_and(|step| step > 0))
}
