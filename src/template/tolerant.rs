//! Names with fields of which any may be missing, as in `payload.contact.email | default('none')`.
//!
//! The engine refuses a field of what is missing. So each such name becomes one word of the same length, which is looked
//! up here, and every place in the template stays where it was.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use super::{Scope, Use, idiom};
use crate::value::Value;

/// A name with its fields, and the word that stands for it.
#[derive(Clone)]
pub(super) struct Tolerant {
    word: Arc<str>,
    name: Arc<str>,
    fields: Vec<Arc<str>>,
}

impl Tolerant {
    pub(super) fn is_word(&self, word: &str) -> bool {
        *self.word == *word
    }

    /// What the name stands for.
    pub(super) fn value<'s>(&self, scope: &'s Scope) -> Option<Cow<'s, Value>> {
        followed(scope.get(&self.name).flatten()?, &self.fields)
    }
}

/// A scope that has a value for each word once that is asked for.
pub(super) struct Filled<'s> {
    pub scope: &'s Scope,
    names: &'s [Tolerant],
    within: OnceCell<Scope>,
}

impl<'s> Filled<'s> {
    pub(super) fn of(scope: &'s Scope, names: &'s [Tolerant]) -> Self {
        Filled { scope, names, within: OnceCell::new() }
    }

    pub(super) fn all(&self) -> &Scope {
        match self.names.is_empty() {
            true => self.scope,
            false => self.within.get_or_init(|| within(self.scope, self.names)),
        }
    }
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
fn within(scope: &Scope, names: &[Tolerant]) -> Scope {
    let mut scope = scope.clone();
    for tolerant in names {
        let value = tolerant.value(&scope).map(Cow::into_owned);
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
fn followed<'v>(root: &'v Value, fields: &[Arc<str>]) -> Option<Cow<'v, Value>> {
    let mut value = root;
    for (at, field) in fields.iter().enumerate() {
        if let (Value::String(text), Ok(position)) = (value, field.parse::<usize>()) {
            let letter = text.chars().nth(position).map(|letter| Value::from(letter.to_string()));
            return letter.filter(|_| at + 1 == fields.len()).map(Cow::Owned);
        }
        value = of(value, field)?;
    }
    Some(Cow::Borrowed(value))
}

fn of<'v>(value: &'v Value, field: &str) -> Option<&'v Value> {
    match value {
        Value::Array(items) => items.get(field.parse::<usize>().ok()?),
        _ => value.get(field),
    }
}
