//! JSON Schema (2020-12) on our own value: compiled once, offline, with errors an administrator can act on.

use std::fmt::{self, Display};
use std::sync::Arc;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};

use crate::path::{Location, Step};
use crate::value::{Value, json};

mod expansion;
mod fitting;
mod format;
mod instance;
mod keywords;
mod pattern;
mod words;

/// The most violations reported for one document.
const MOST: usize = 100;
/// The most memory one compiled `pattern` may take.
const PATTERN_SIZE: usize = 256 * 1024;
/// How deep a schema may be nested.
const DEEPEST: usize = 64;

/// A compiled schema. Cloning one copies a pointer.
#[derive(Clone)]
pub struct Schema(Arc<Compiled>);

struct Compiled {
    document: Value,
    validator: Validator<instance::Ours>,
}

/// Why a document is not accepted as a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    /// Where in the schema, as a JSON Pointer.
    pub pointer: String,
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl SchemaError {
    fn new(pointer: impl Into<String>, message: impl Into<String>) -> SchemaError {
        SchemaError { pointer: pointer.into(), message: message.into(), help: None }
    }

    fn help(self, help: impl Into<String>) -> SchemaError {
        SchemaError { help: Some(help.into()), ..self }
    }
}

impl Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() { "the schema" } else { &self.pointer };
        write!(f, "{place}: {}", self.message)
    }
}

impl std::error::Error for SchemaError {}

/// One thing wrong with a document. It names fields and what the schema asks for, never a value of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The value at fault; for a missing field the object that lacks it.
    pub path: Vec<Step>,
    /// The keyword of the schema which was broken.
    pub keyword: String,
    pub message: String,
    /// Where that keyword stands in the schema, as a JSON Pointer.
    pub schema_path: String,
    /// The field that is required and not there.
    pub missing: Option<String>,
}

impl Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", Location(self.path.clone()), self.message)
    }
}

impl Schema {
    /// Compiles a schema of draft 2020-12. Nothing is fetched; formats are checked, unknown keywords and formats refused.
    pub fn compile(document: &Value) -> Result<Schema, SchemaError> {
        keywords::check(document)?;
        expansion::check(document)?;
        let source = json::to_serde(document);
        let validator = jsonschema::options_for::<instance::Ours>()
            .with_draft(Draft::Draft202012)
            .offline()
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .with_format("email", |text: &str| is_email(text))
            .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_SIZE))
            .build(&source)
            .map_err(|error| not_compiled(document, &error))?;
        Ok(Schema(Arc::new(Compiled { document: document.clone(), validator })))
    }

    /// The schema as it was given.
    pub fn document(&self) -> &Value {
        &self.0.document
    }

    /// What the schema says of the value that breaks it, or of the field that is missing.
    pub fn description_of(&self, violation: &Violation) -> Option<String> {
        let (part, _) = violation.schema_path.rsplit_once('/')?;
        let found = part.split('/').skip(1).try_fold(self.document(), |value, step| {
            let step = step.replace("~1", "/").replace("~0", "~");
            value.get(&step).or_else(|| value.at(step.parse().ok()?))
        })?;
        let described = match &violation.missing {
            Some(name) => found.get("properties")?.get(name)?,
            None => found,
        };
        described.get("description")?.as_str().map(str::to_owned)
    }

    pub fn is_valid(&self, value: &Value) -> bool {
        self.0.validator.is_valid(value)
    }

    /// Everything wrong with `value`, at most a hundred entries; empty if it is valid.
    pub fn violations(&self, value: &Value) -> Vec<Violation> {
        let describer = words::Describer { schema: &self.0.document, instance: value };
        let mut found: Vec<Violation> = Vec::new();
        for error in self.0.validator.iter_errors(value) {
            for violation in describer.describe(&error) {
                if !found.contains(&violation) {
                    found.push(violation);
                }
            }
            if found.len() >= MOST {
                found.truncate(MOST);
                break;
            }
        }
        found
    }
}

/// An address alone, as providers take it: without a name before it.
fn is_email(text: &str) -> bool {
    crate::convert::email(&Value::from(text)).is_ok_and(|email| email == text) && !text.contains(['<', '>', ',', ';'])
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Schema").field(&self.0.document).finish()
    }
}

/// Two schemas are equal if their documents are.
impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.document() == other.document()
    }
}

/// A schema holds no secrets: its own values may be shown.
fn not_compiled(document: &Value, error: &ValidationError<'_>) -> SchemaError {
    let pointer = error.instance_path().as_str().to_owned();
    let text = error.to_string();
    if let Some(format) = text.strip_prefix("Unknown format: '").and_then(|rest| rest.split('\'').next()) {
        return format::unknown(format, pointer);
    }
    let message = match error.kind() {
        _ if pointer.ends_with("/pattern") || pointer.contains("/patternProperties") => {
            return pattern::error(keywords::text_at(document, &pointer), pointer);
        }
        ValidationErrorKind::Referencing(_) => {
            return match keywords::lost_reference(document) {
                Some((pointer, target)) => SchemaError::new(
                    pointer,
                    format!("`{target}` points nowhere: a `$ref` names a part of this file, as `#/$defs/name`"),
                ),
                None => SchemaError::new(pointer, "a `$ref` points nowhere"),
            };
        }
        _ => {
            let describer = words::Describer { schema: &Value::Null, instance: document };
            let described = describer.describe(error).into_iter().next().map(|violation| violation.message);
            described.filter(|message| message != words::UNKNOWN).unwrap_or(text)
        }
    };
    SchemaError::new(pointer, message)
}

#[cfg(test)]
mod tests;
