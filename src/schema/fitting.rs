//! Keywords that say nothing of the type beside them, and `required` where it asks for nothing.

use super::SchemaError;
use super::keywords::error;
use crate::value::Value;

/// What each keyword speaks of, in the words of `type`.
const OF: [(&[&str], &[&str]); 4] = [
    (&["string"], &["minLength", "maxLength", "pattern", "contentEncoding", "contentMediaType"]),
    (&["number", "integer"], &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
    (
        &["array"],
        &["items", "prefixItems", "contains", "minItems", "maxItems", "uniqueItems", "minContains", "maxContains"],
    ),
    (
        &["object"],
        &[
            "properties",
            "patternProperties",
            "additionalProperties",
            "propertyNames",
            "minProperties",
            "maxProperties",
            "required",
            "dependentRequired",
        ],
    ),
];

/// The keywords that mean the same of texts, numbers, lists and objects.
const ALIKE: [[&str; 4]; 2] =
    [["minLength", "minimum", "minItems", "minProperties"], ["maxLength", "maximum", "maxItems", "maxProperties"]];

/// Refuses a keyword that no value of the type beside it could break. `at` leads to the keyword.
pub(super) fn check(schema: &Value, keyword: &str, part: &Value, at: &str) -> Result<(), SchemaError> {
    if keyword == "required" && part.as_array().is_none() {
        return Err(not_a_list(part, at));
    }
    let types = types(schema);
    let Some((of, _)) = OF.iter().find(|(_, keywords)| keywords.contains(&keyword)) else { return Ok(()) };
    if types.is_empty() || types.iter().any(|word| of.contains(word) || !is_type(word)) {
        return Ok(());
    }
    let named = types.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ");
    let message = format!("`{keyword}` says nothing of a value whose `type` is {named}");
    Err(error(at, message).help(instead(keyword, &types, of, at)))
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(several) => several.as_array().unwrap_or_default().iter().filter_map(Value::as_str).collect(),
        None => Vec::new(),
    }
}

fn is_type(word: &str) -> bool {
    matches!(word, "boolean" | "null") || OF.iter().any(|(of, _)| of.contains(&word))
}

/// What to write in place of a keyword of another type.
fn instead(keyword: &str, types: &[&str], of: &[&str], at: &str) -> String {
    let place = OF.iter().position(|(of, _)| types.iter().any(|word| of.contains(word)));
    let alike = ALIKE.iter().find(|all| all.contains(&keyword)).and_then(|all| all.get(place?));
    let of = of.first().copied().unwrap_or_default();
    match (alike, keyword) {
        (Some(right), _) => format!("write `{right}`"),
        (None, "required") => required(at),
        (None, "pattern") if types.contains(&"array") => {
            format!("put it into `items`, which say what one of the list is: `\"items\": {{ \"{keyword}\": … }}`")
        }
        (None, "properties") if types.contains(&"array") => {
            "put it into `items`, which say what one of the list is: `\"items\": { \"properties\": … }`".to_owned()
        }
        _ => format!("remove it; or, if a value of that kind is meant, write `\"type\": \"{of}\"`"),
    }
}

/// `"required": true` in a field, as other dialects have it.
fn not_a_list(part: &Value, at: &str) -> SchemaError {
    let found = super::words::with_article(part);
    let error = error(at, format!("`required` is a list of names, but is {found} here"));
    match part {
        Value::Bool(false) => error.help("remove it: a field may be missing unless `required` names it"),
        Value::String(name) => error.help(format!("write `\"required\": [\"{name}\"]`")),
        _ => error.help(required(at)),
    }
}

/// Where the name of a field is asked for.
fn required(at: &str) -> String {
    let steps: Vec<&str> = at.split('/').collect();
    match steps.as_slice() {
        [.., "properties", name, _] => format!(
            "remove it here, and write `\"required\": [\"{name}\"]` beside the `properties` in which `{name}` stands, or add \
             \"{name}\" to the list that is there"
        ),
        _ => "write the names of the fields that must be there: `\"required\": [\"name\"]`, beside `properties`"
            .to_owned(),
    }
}
