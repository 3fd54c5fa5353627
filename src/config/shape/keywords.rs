//! Pieces of a JSON Schema, as yaml-language-server shows them well.

use std::sync::Arc;

use crate::diagnostic::suggest;
use crate::value::Value;

/// Words of `further.yaml` that are no keywords.
const OWN: [&str; 2] = ["later", "one_of"];

/// The texts of the list at a key.
pub fn texts<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v str> {
    value.get(key).and_then(Value::as_array).unwrap_or_default().iter().filter_map(Value::as_str)
}

/// Of some keys there must be one, and no other. `maxProperties` would say it, but yaml-language-server then offers no
/// key at all; and a `oneOf` that holds twice is an error without a place.
pub fn only_one(keys: &[&str]) -> Value {
    if keys.is_empty() {
        return Value::Null;
    }
    let message = format!("There must be {} here.", suggest::one_of(keys).unwrap_or_default());
    let each = keys.iter().map(|key| {
        Value::object([
            ("required", Value::array([*key])),
            ("properties", Value::object([(*key, true)])),
            ("errorMessage", Value::from(message.as_str())),
        ])
    });
    let alone = keys.iter().enumerate().map(|(at, key)| {
        let others = keys.iter().skip(at + 1).map(|other| (*other, false));
        (*key, Value::object([("properties", Value::object(others))]))
    });
    let alone = Value::object(alone.take(keys.len().saturating_sub(1)));
    Value::object([("anyOf", Value::array(each)), ("dependentSchemas", alone)])
}

/// A schema with more keywords: objects join, lists are appended, anything else is replaced; null adds nothing.
pub fn joined(schema: &Value, more: &Value) -> Value {
    match (schema, more) {
        (Value::Object(schema), Value::Object(more)) => {
            let kept = schema.iter().map(|(key, value)| match more.get(key) {
                Some(more) => (key.clone(), joined(value, more)),
                None => (key.clone(), value.clone()),
            });
            let added = more.iter().filter(|(key, _)| !schema.contains_key(key) && !OWN.contains(&&***key));
            Value::object(kept.chain(added.map(|(key, value)| (key.clone(), value.clone()))))
        }
        (Value::Array(items), Value::Array(more)) => Value::array(items.iter().chain(more.iter()).cloned()),
        (schema, Value::Null) => schema.clone(),
        (_, more) => more.clone(),
    }
}

/// A schema with a description; one that it brought is replaced.
pub fn described(docs: &[&str], schema: &Value) -> Value {
    let description = Value::from(text(docs));
    // An editor shows `description` as it is written. Where it has code in it, it is worth being drawn.
    let is_code = description.as_str().is_some_and(|text| text.contains('`'));
    let markdown = is_code.then(|| ("markdownDescription", description.clone()));
    let own = schema.as_object().into_iter().flat_map(|fields| fields.iter());
    let own = own.filter(|(key, _)| !matches!(&***key, "description" | "markdownDescription"));
    let all = [("description", description)].into_iter().chain(markdown);
    let all = all.map(|(key, value)| (Arc::from(key), value));
    Value::object(all.chain(own.map(|(key, value)| (key.clone(), value.clone()))))
}

/// The lines of a doc comment as one text; an empty line stays a break.
pub fn text(docs: &[&str]) -> String {
    let mut text = String::new();
    for line in docs.iter().map(|line| line.trim()) {
        match line.is_empty() {
            true => text.push_str("\n\n"),
            false if text.is_empty() || text.ends_with('\n') => text.push_str(line),
            false => text.extend([" ", line]),
        }
    }
    text
}

/// A type that may be left empty.
pub fn or_nothing(sort: &str) -> Value {
    Value::array([sort, "null"])
}

/// Anything. yaml-language-server writes the colon behind a key only when it knows that something follows.
pub fn anything() -> Value {
    Value::object([("anyOf", Value::array([Value::object::<&str, Value>([])]))])
}
