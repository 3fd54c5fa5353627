//! Names with fields of which any may be missing, as in `payload.contact.email | default('none')`.
//!
//! The engine refuses a field of what is missing. So each such name becomes one word of the same length, which is looked
//! up here, and every place in the template stays where it was.

use std::sync::Arc;

use super::{Scope, Use, idiom};
use crate::value::Value;

/// A name with its fields, and the word that stands for it.
pub(super) struct Tolerant {
    word: Arc<str>,
    name: Arc<str>,
    fields: Vec<Arc<str>>,
}

/// The template with a word for each name, and what each word stands for.
pub(super) fn replaced(source: &str, names: Vec<Use>) -> (String, Vec<Tolerant>) {
    let mut text = source.to_owned();
    let mut found = Vec::new();
    for (index, used) in names.into_iter().enumerate() {
        let length = used.range.len();
        let word = format!("{:_<length$}", format!("_{index}"));
        if word.len() == length && !source.contains(&word) && text.get(used.range.clone()).is_some() {
            text.replace_range(used.range, &word);
            found.push(Tolerant { word: word.into(), name: used.name, fields: used.fields });
        }
    }
    (text, found)
}

/// The scope with a value for each word.
pub(super) fn within(scope: &Scope, names: &[Tolerant]) -> Scope {
    let mut scope = scope.clone();
    for tolerant in names {
        let root = scope.get(&tolerant.name).flatten();
        let value = root.and_then(|root| followed(root, &tolerant.fields));
        scope.set(tolerant.word.clone(), value);
    }
    scope
}

/// Whether a name, or what is named below it, has no value.
pub(super) fn is_absent(scope: &Scope, used: &Use) -> bool {
    scope.get(&used.name).flatten().and_then(|root| followed(root, &used.fields)).is_none()
}

/// What to say of a field of what is a single value in this event.
pub(super) fn field_of_text(scope: &Scope, used: &Use) -> Option<(String, String)> {
    let mut value = scope.get(&used.name).flatten()?;
    let mut owner = used.name.to_string();
    for field in &used.fields {
        let what = match value {
            Value::String(_) => "text",
            Value::Number(_) => "a number",
            Value::Bool(_) => "true or false",
            Value::Array(_) if field.parse::<i64>().is_err() => "a list",
            _ => "",
        };
        if !what.is_empty() {
            let help = idiom::change(field, &[&owner]).unwrap_or_else(|| format!("write `{owner}` alone"));
            return Some((format!("`{owner}` is {what}, and has no field `{field}`"), help));
        }
        value = of(value, field)?;
        owner.push_str(&idiom::after(field));
    }
    None
}

/// What fields lead to; a position in a text is one of its letters, as the engine has it.
fn followed(root: &Value, fields: &[Arc<str>]) -> Option<Value> {
    let mut value = root;
    for (at, field) in fields.iter().enumerate() {
        if let (Value::String(text), Ok(position)) = (value, field.parse::<usize>()) {
            let letter = text.chars().nth(position).map(|letter| Value::from(letter.to_string()));
            return letter.filter(|_| at + 1 == fields.len());
        }
        value = of(value, field)?;
    }
    Some(value.clone())
}

fn of<'v>(value: &'v Value, field: &str) -> Option<&'v Value> {
    match value {
        Value::Array(items) => items.get(field.parse::<usize>().ok()?),
        _ => value.get(field),
    }
}
