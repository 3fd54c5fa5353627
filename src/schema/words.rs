//! Puts a validator's error in words for an administrator, without the value that caused it.

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{JsonType, ValidationError};

use super::Violation;
use crate::path::Step;
use crate::value::{self, Value};

mod branches;

/// What is said of an error none of the words below fit.
pub const UNKNOWN: &str = "does not fit the schema";
/// How many allowed values are listed.
const LISTED: usize = 20;

pub struct Describer<'v> {
    pub schema: &'v Value,
    pub instance: &'v Value,
}

impl<'v> Describer<'v> {
    pub fn describe(&self, error: &ValidationError<'_>) -> Vec<Violation> {
        match error.kind() {
            Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
                let unknown = |name: &String| {
                    let mut violation = self.violation(error, format!("unknown field `{name}`"));
                    violation.path.push(Step::Key(name.as_str().into()));
                    violation
                };
                unexpected.iter().map(unknown).collect()
            }
            Kind::AnyOf { context } => self.branches(error, context, "at least one"),
            Kind::OneOfNotValid { context } => self.branches(error, context, "exactly one"),
            Kind::OneOfMultipleValid { context } => vec![self.several(error, context.len())],
            Kind::PropertyNames { error: inner } => {
                let reason = self.message(inner);
                vec![self.violation(error, format!("has a field whose name does not fit: it {reason}"))]
            }
            _ => vec![self.violation(error, self.message(error))],
        }
    }

    fn violation(&self, error: &ValidationError<'_>, message: String) -> Violation {
        Violation {
            path: steps(error.instance_path()),
            keyword: match error.kind() {
                Kind::FalseSchema => "false".to_owned(),
                kind => kind.keyword().to_owned(),
            },
            message,
            schema_path: error.schema_path().as_str().to_owned(),
            missing: match error.kind() {
                Kind::Required { property } => property.as_str().map(str::to_owned),
                _ => None,
            },
        }
    }

    /// The value an error is about.
    fn at(&self, path: &Location) -> Option<&'v Value> {
        path.iter().try_fold(self.instance, |value, segment| match segment {
            LocationSegment::Property(key) => value.get(&key),
            LocationSegment::Index(index) => value.at(index),
        })
    }

    /// The part of the schema a JSON Pointer leads to.
    fn schema_at(&self, path: &Location) -> Option<&'v Value> {
        path.iter().try_fold(self.schema, |value, segment| match (segment, value) {
            (LocationSegment::Index(index), Value::Array(_)) => value.at(index),
            (segment, _) => value.get(&segment.to_string()),
        })
    }

    fn message(&self, error: &ValidationError<'_>) -> String {
        let shown = |value: &serde_json::Value| format!("`{}`", plain(value));
        match error.kind() {
            Kind::Required { property } => format!("required field {} is missing", shown(property)),
            Kind::Type { kind } => {
                format!(
                    "must be {}, but is {}",
                    types(kind),
                    self.at(error.instance_path()).map_or("something else", with_article)
                )
            }
            Kind::Enum { options } => match options.as_array().map(Vec::as_slice) {
                Some([one]) => format!("must be {}", shown(one)),
                Some(all) => format!("must be one of {}", listed(all.iter().map(shown))),
                None => UNKNOWN.to_owned(),
            },
            Kind::Constant { expected_value } => format!("must be {}", shown(expected_value)),
            Kind::Pattern { pattern } => format!("must look like `{pattern}`"),
            Kind::Format { format } => format!("must be {}", format_words(format)),
            Kind::Not { schema } => not(schema),
            Kind::FalseSchema => "is not allowed here".to_owned(),
            kind => limit(kind).unwrap_or_else(|| UNKNOWN.to_owned()),
        }
    }
}

/// Errors about how long, how large or how many.
fn limit(kind: &Kind) -> Option<String> {
    Some(match kind {
        Kind::MaxLength { limit } => format!("must be at most {} long", count(*limit, "character")),
        Kind::MinLength { limit: 1 } => "must not be empty".to_owned(),
        Kind::MinLength { limit } => format!("must be at least {} long", count(*limit, "character")),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::MaxItems { limit } => format!("must have at most {}", count(*limit, "item")),
        Kind::MinItems { limit } => format!("must have at least {}", count(*limit, "item")),
        Kind::AdditionalItems { limit } => format!("must have at most {}", count(*limit as u64, "item")),
        Kind::UnevaluatedItems { .. } => "has more items than are allowed".to_owned(),
        Kind::MaxProperties { limit } => format!("must have at most {}", count(*limit, "field")),
        Kind::MinProperties { limit } => format!("must have at least {}", count(*limit, "field")),
        Kind::UniqueItems => "must not contain the same item twice".to_owned(),
        Kind::Contains => "lacks an item that fits `contains`, or has too many".to_owned(),
        Kind::ContentEncoding { content_encoding } => format!("must be {content_encoding} text"),
        Kind::ContentMediaType { content_media_type } => format!("must be a document of type {content_media_type}"),
        Kind::FromUtf8 { .. } => "must encode UTF-8 text".to_owned(),
        _ => return None,
    })
}

fn not(schema: &serde_json::Value) -> String {
    let names = schema
        .get("required")
        .and_then(|names| names.as_array())
        .filter(|_| schema.as_object().is_some_and(|all| all.len() == 1));
    match names.map(Vec::as_slice) {
        Some([name]) => format!("field `{}` must not be given", plain(name)),
        Some(names) => format!(
            "the fields {} must not be given together",
            listed(names.iter().map(|name| format!("`{}`", plain(name))))
        ),
        None => "has a form that is not allowed".to_owned(),
    }
}

fn format_words(format: &str) -> String {
    match format {
        "email" | "idn-email" => "an email address",
        "uri" | "iri" => "a complete web address, such as https://example.com/a",
        "uri-reference" | "iri-reference" => "a web address",
        "date-time" => "a date and time, such as 2026-01-31T12:00:00Z",
        "date" => "a date, such as 2026-01-31",
        "time" => "a time, such as 12:00:00Z",
        "duration" => "a duration, such as PT1H30M",
        "uuid" => "a UUID",
        "ipv4" => "an IPv4 address",
        "ipv6" => "an IPv6 address",
        "hostname" | "idn-hostname" => "the name of a host",
        "regex" => "a regular expression",
        "json-pointer" | "relative-json-pointer" => "a JSON Pointer",
        other => return format!("a valid `{other}`"),
    }
    .to_owned()
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => type_words(*one).to_owned(),
        TypeKind::Multiple(several) => {
            let mut words: Vec<&str> = several.into_iter().map(type_words).collect();
            words.sort_by_key(|word| *word == "null");
            either(&words)
        }
    }
}

fn either(words: &[&str]) -> String {
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => UNKNOWN.to_owned(),
    }
}

fn type_words(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Array => "a list",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Null => "null",
        JsonType::Number => "a number",
        JsonType::Object => "an object",
        JsonType::String => "text",
    }
}

/// What a value is, as it is said in a sentence.
pub fn with_article(value: &Value) -> &'static str {
    match value.kind() {
        value::Kind::Null => "null",
        value::Kind::Boolean => "a boolean",
        value::Kind::Number if value.as_number().is_some_and(|number| !number.is_integer()) => {
            "a number with a fraction"
        }
        value::Kind::Number => "a number",
        value::Kind::String => "text",
        value::Kind::Array => "a list",
        value::Kind::Object => "an object",
    }
}

fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

fn listed(all: impl ExactSizeIterator<Item = String>) -> String {
    let more = all.len().saturating_sub(LISTED);
    let shown = all.take(LISTED).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// A value of the schema: text as it is, anything else as JSON.
fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn steps(path: &Location) -> Vec<Step> {
    path.iter()
        .map(|segment| match segment {
            LocationSegment::Property(key) => Step::Key((*key).into()),
            LocationSegment::Index(index) => Step::Index(index),
        })
        .collect()
}
