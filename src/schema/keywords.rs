//! Knows every keyword of draft 2020-12, to refuse those a validator would silently pass over.

use super::words::with_article;
use super::{DEEPEST, SchemaError, fitting};
use crate::value::Value;

/// Keywords whose value is one schema.
const ONE: [&str; 11] = [
    "additionalProperties",
    "unevaluatedProperties",
    "unevaluatedItems",
    "items",
    "contains",
    "not",
    "if",
    "then",
    "else",
    "propertyNames",
    "contentSchema",
];
/// Keywords whose value is a list of schemas.
const LIST: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords whose value is schemas by name.
const NAMED: [&str; 5] = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
/// All others.
const PLAIN: [&str; 41] = [
    "$schema",
    "$id",
    "$comment",
    "$ref",
    "$anchor",
    "$dynamicRef",
    "$dynamicAnchor",
    "$vocabulary",
    "title",
    "description",
    "examples",
    "default",
    "deprecated",
    "readOnly",
    "writeOnly",
    "type",
    "enum",
    "const",
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minContains",
    "maxContains",
    "required",
    "minProperties",
    "maxProperties",
    "dependentRequired",
    "contentEncoding",
    "contentMediaType",
    "$recursiveRef",
    "$recursiveAnchor",
    "example",
];
/// What older drafts called things.
const RENAMED: [(&str, &str); 6] = [
    ("dependencies", "dependentRequired` or `dependentSchemas"),
    ("additionalItems", "items` after `prefixItems"),
    ("$recursiveRef", "$dynamicRef"),
    ("$recursiveAnchor", "$dynamicAnchor"),
    ("example", "examples"),
    ("id", "$id"),
];
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Refuses a schema with a keyword that means nothing, such as a misspelt one.
pub fn check(document: &Value) -> Result<(), SchemaError> {
    if let Some(draft) = document.get("$schema")
        && draft.as_str().map(|draft| draft.trim_end_matches('#')) != Some(DRAFT)
    {
        return Err(error("/$schema", format!("only draft 2020-12 is known: write `{DRAFT}` or leave it out")));
    }
    schema(document, &mut String::new(), 0)
}

/// The first `$ref` that leads to no part of the document: where it stands, and what it says.
pub fn lost_reference(document: &Value) -> Option<(String, String)> {
    let mut left = vec![(String::new(), document)];
    while let Some((at, value)) = left.pop() {
        let children: Vec<(String, &Value)> = match value {
            Value::Object(object) => object.iter().map(|(key, value)| (key.to_string(), value)).collect(),
            Value::Array(items) => items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect(),
            _ => Vec::new(),
        };
        for (name, child) in children {
            let mut below = at.clone();
            step(&mut below, &name);
            match child.as_str() {
                Some(target) if name == "$ref" && !leads_somewhere(document, target) => {
                    return Some((below, target.to_owned()));
                }
                _ => left.push((below, child)),
            }
        }
    }
    None
}

/// The text that a JSON Pointer leads to; for a name, which may be a pattern, the name.
pub fn text_at<'v>(document: &'v Value, pointer: &str) -> Option<&'v str> {
    let found = pointer.split('/').skip(1).try_fold(document, |value, step| {
        let step = step.replace("~1", "/").replace("~0", "~");
        value.get(&step).or_else(|| value.at(step.parse().ok()?))
    });
    found?.as_str()
}

fn leads_somewhere(document: &Value, target: &str) -> bool {
    let Some(pointer) = target.strip_prefix('#') else { return false };
    let found = pointer.split('/').skip(1).try_fold(document, |value, step| {
        let step = step.replace("~1", "/").replace("~0", "~");
        value.get(&step).or_else(|| value.at(step.parse().ok()?))
    });
    found.is_some()
}

fn schema(value: &Value, at: &mut String, depth: usize) -> Result<(), SchemaError> {
    if depth > DEEPEST {
        return Err(error(at, "this schema is nested too deeply".into()));
    }
    let Value::Object(object) = value else {
        return if matches!(value, Value::Bool(_)) {
            Ok(())
        } else {
            Err(error(at, format!("a schema is an object, or true or false, but this is {}", with_article(value))))
        };
    };
    for (keyword, part) in object.iter() {
        let length = at.len();
        step(at, keyword);
        fitting::check(value, keyword, part, at)?;
        keyword_value(keyword, part, at, depth)?;
        at.truncate(length);
    }
    Ok(())
}

fn keyword_value(keyword: &str, part: &Value, at: &mut String, depth: usize) -> Result<(), SchemaError> {
    if let Some((_, now)) = RENAMED.iter().find(|(old, _)| *old == keyword) {
        return Err(error(at, format!("`{keyword}` is from an older draft, use `{now}`")));
    }
    if keyword == "items" && part.as_array().is_some() {
        return Err(error(at, "a list of schemas, one for each position, is now given as `prefixItems`".into()));
    }
    if ONE.contains(&keyword) {
        return schema(part, at, depth + 1);
    }
    let parts: Vec<(String, &Value)> = if LIST.contains(&keyword) {
        part.as_array().unwrap_or_default().iter().enumerate().map(|(index, part)| (index.to_string(), part)).collect()
    } else if NAMED.contains(&keyword) {
        part.as_object()
            .into_iter()
            .flat_map(|named| named.iter())
            .map(|(name, part)| (name.to_string(), part))
            .collect()
    } else if PLAIN.contains(&keyword) || keyword.starts_with("x-") {
        Vec::new()
    } else {
        return Err(error(at, unknown(keyword)));
    };
    for (name, part) in parts {
        let length = at.len();
        step(at, &name);
        schema(part, at, depth + 1)?;
        at.truncate(length);
    }
    Ok(())
}

fn unknown(keyword: &str) -> String {
    let known = ONE.iter().chain(&LIST).chain(&NAMED).chain(&PLAIN);
    let nearest = known
        .filter(|known| RENAMED.iter().all(|(old, _)| old != *known))
        .map(|known| (strsim::damerau_levenshtein(&known.to_lowercase(), &keyword.to_lowercase()), known))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, known)| *distance <= (known.len() / 3).max(1));
    match nearest {
        Some((_, known)) => format!("unknown keyword `{keyword}`, did you mean `{known}`?"),
        None => format!("unknown keyword `{keyword}`; a keyword of your own starts with `x-`"),
    }
}

fn step(at: &mut String, name: &str) {
    at.push('/');
    at.push_str(&name.replace('~', "~0").replace('/', "~1"));
}

pub(super) fn error(pointer: &str, message: String) -> SchemaError {
    SchemaError::new(pointer, message)
}
