//! Two requests field by field.

use crate::privacy::Masks;
use crate::value::Value;

/// A field of a request that differs: `body.message.content`, `headers.X-Tag`, `path`.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub path: String,
    /// None where the field was not there.
    pub before: Option<Value>,
    /// None where the field is not there any more.
    pub after: Option<Value>,
}

impl Field {
    /// The same as people are shown it.
    pub(super) fn masked(self, masks: &Masks) -> Field {
        let shown = |value: Option<Value>| value.map(|value| masks.made(&value));
        Field { path: self.path, before: shown(self.before), after: shown(self.after) }
    }
}

/// The fields in which two requests differ, in the order of the second.
pub(super) fn between(before: &Value, after: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    walk("", Some(before), Some(after), &mut found);
    found
}

fn walk(path: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Field>) {
    match (before, after) {
        (Some(before), Some(after)) if before == after => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            new.iter().for_each(|(key, value)| walk(&below(path, key), old.get(key), Some(value), found));
            let gone = old.iter().filter(|(key, _)| new.get(key).is_none());
            gone.for_each(|(key, value)| walk(&below(path, key), Some(value), None, found));
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for index in 0..old.len().max(new.len()) {
                walk(&format!("{path}[{index}]"), old.get(index), new.get(index), found);
            }
        }
        (before, after) => {
            found.push(Field { path: path.to_owned(), before: before.cloned(), after: after.cloned() });
        }
    }
}

/// A key as part of a path; one that is no plain name stands in quotes.
fn below(path: &str, key: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    match (path.is_empty(), !key.is_empty() && key.chars().all(plain)) {
        (true, _) => key.to_owned(),
        (false, true) => format!("{path}.{key}"),
        (false, false) => format!("{path}[{}]", Value::from(key).to_json()),
    }
}
