//! What a JSON Schema says, in the words of who writes a body.

use std::sync::Arc;

use crate::diagnostic::suggest;
use crate::value::Value;

/// The texts of a list of texts.
pub(super) fn texts(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).unwrap_or_default().iter().filter_map(Value::as_str).collect()
}

pub(super) fn description(schema: &Value) -> Option<&str> {
    schema.get("description")?.as_str()
}

/// The names of the fields that an object may have.
pub(super) fn fields(schema: &Value) -> Option<String> {
    let properties = schema.get("properties")?.as_object()?;
    suggest::one_of(&properties.keys().map(|key| &**key).collect::<Vec<_>>())
}

/// The part of a schema that holds the keyword at a JSON Pointer.
pub(super) fn at<'s>(schema: &'s Value, keyword: &str) -> Option<&'s Value> {
    let (part, _) = keyword.rsplit_once('/')?;
    part.split('/').skip(1).try_fold(schema, |value, step| {
        let step = step.replace("~1", "/").replace("~0", "~");
        value.get(&step).or_else(|| value.at(step.parse().ok()?))
    })
}

/// The JSON types that a schema allows; empty when it does not say.
fn allowed(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        list => texts(list),
    }
}

/// Whether a schema takes a JSON type.
pub(super) fn allows(schema: &Value, kind: &str) -> bool {
    let allowed = allowed(schema);
    allowed.is_empty()
        || allowed.contains(&kind)
        || (kind == "integer" && allowed.contains(&"number"))
        // A number may turn out to be a whole one.
        || (kind == "number" && allowed.contains(&"integer"))
}

/// Whether a schema asks for more than a type.
pub(super) fn says_more(schema: &Value) -> bool {
    let plain = ["type", "description", "title", "$schema", "$comment", "examples", "default", "deprecated"];
    schema.as_object().is_some_and(|object| object.keys().any(|key| !plain.contains(&&**key)))
}

/// The JSON type of a value.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_integer() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A JSON type as a message says it.
pub(super) fn kind(kind: &str) -> &str {
    match kind {
        "null" => "null",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "text",
        "array" => "a list",
        "object" => "a mapping",
        other => other,
    }
}

/// The types that a schema allows as a message says them: `text or null`.
pub(super) fn types(schema: &Value) -> String {
    let words: Vec<&str> = allowed(schema).into_iter().map(kind).collect();
    words.join(" or ")
}

/// Keys of which one must be given: exactly one, or at least one.
pub(super) struct Group<'s> {
    pub exactly: bool,
    pub parts: Vec<Part<'s>>,
}

/// Keys that are given together.
pub(super) struct Part<'s> {
    pub keys: Vec<&'s str>,
}

impl Part<'_> {
    pub(super) fn first(&self) -> Arc<str> {
        self.keys.first().copied().unwrap_or_default().into()
    }
}

impl Group<'_> {
    /// `a`, `b` and `c`
    pub(super) fn words(&self) -> String {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|part| part.keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" with "))
            .collect();
        match parts.as_slice() {
            [most @ .., last] if !most.is_empty() => format!("{} and {last}", most.join(", ")),
            all => all.join(", "),
        }
    }

    pub(super) fn example(&self) -> Arc<str> {
        self.parts.first().map_or_else(|| "".into(), Part::first)
    }
}

/// The groups of an object's schema: its `oneOf` and `anyOf` whose branches ask for keys and for nothing else.
pub(super) fn groups(schema: &Value) -> Vec<Group<'_>> {
    let mut groups = Vec::new();
    let all = schema.get("allOf").and_then(Value::as_array).unwrap_or_default();
    for schema in std::iter::once(schema).chain(all) {
        for (keyword, exactly) in [("oneOf", true), ("anyOf", false)] {
            let branches = schema.get(keyword).and_then(Value::as_array).unwrap_or_default();
            let parts: Option<Vec<Part<'_>>> = branches.iter().map(part).collect();
            groups.extend(parts.filter(|parts| parts.len() > 1).map(|parts| Group { exactly, parts }));
        }
    }
    groups
}

fn part(branch: &Value) -> Option<Part<'_>> {
    let only = branch.as_object()?.keys().all(|key| matches!(&**key, "required" | "title" | "description"));
    let keys = texts(branch.get("required"));
    (only && !keys.is_empty()).then_some(Part { keys })
}
