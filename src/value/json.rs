//! JSON text: read strictly and within limits, written compactly or for people.

use std::fmt::{self, Display};
use std::sync::Arc;

use jiter::{Jiter, JiterError, JiterErrorType, JsonErrorType, Peek};

use super::{Number, Object, Value};

mod keys;
mod plain;
mod surrogate;
mod write;

pub use write::escape;

/// How deep and how large a document may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Lists and objects inside one another.
    pub depth: usize,
    /// Values of every kind, counted together.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { depth: 64, nodes: 200_000 }
    }
}

/// Why a text is not accepted as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonErrorKind {
    /// Nothing but white space.
    Empty,
    Syntax,
    /// The text ends before the value does.
    Unfinished,
    /// Something follows the value.
    Trailing,
    InvalidUtf8,
    TooDeep,
    TooManyNodes,
}

/// Where and why a text is not accepted. It never repeats what the text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    pub kind: JsonErrorKind,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What should have stood there, or which limit was met.
    pub expected: &'static str,
    /// The sort of character found there.
    pub found: &'static str,
}

impl JsonError {
    /// What is wrong, for those who know where.
    pub fn reason(&self) -> String {
        match self.found {
            "" => self.expected.to_owned(),
            found => format!("{}, found {found}", self.expected),
        }
    }
}

impl Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.reason())
    }
}

impl std::error::Error for JsonError {}

/// Reads one JSON value by RFC 8259; a number may have at most 4,300 digits. A byte order mark is skipped; of a key given twice the last value counts.
/// Half of a character, as programs write it that cut a text within an emoji, is read as U+FFFD.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Value, JsonError> {
    strictly(bytes, limits).or_else(|error| {
        match surrogate::replaced(bytes).filter(|_| error.kind == JsonErrorKind::Syntax) {
            Some(whole) => strictly(&whole, limits),
            None => Err(error),
        }
    })
}

fn strictly(bytes: &[u8], limits: &Limits) -> Result<Value, JsonError> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match std::str::from_utf8(bytes).map(|text| plain::read(text, limits)) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => in_full(bytes, limits),
        Err(error) => Err(error_at(bytes, error.valid_up_to(), JsonErrorKind::InvalidUtf8, "this is not UTF-8 text")),
    }
}

/// Reads what is out of the ordinary, and says what is wrong.
fn in_full(bytes: &[u8], limits: &Limits) -> Result<Value, JsonError> {
    if bytes.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')) {
        return Err(error_at(bytes, bytes.len(), JsonErrorKind::Empty, "expected a value"));
    }
    let mut reader = Reader { jiter: Jiter::new(bytes), bytes, limits: *limits, nodes: 0 };
    let first = reader.jiter.peek().map_err(|error| syntax(bytes, &error))?;
    let value = reader.value(first, 0)?;
    reader.jiter.finish().map_err(|error| syntax(bytes, &error))?;
    Ok(value)
}

struct Reader<'j> {
    jiter: Jiter<'j>,
    bytes: &'j [u8],
    limits: Limits,
    nodes: usize,
}

impl Reader<'_> {
    fn value(&mut self, peek: Peek, depth: usize) -> Result<Value, JsonError> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(self.limit(JsonErrorKind::TooManyNodes, "this document has too many values"));
        }
        match peek {
            Peek::Array => self.array(depth + 1),
            Peek::Object => self.object(depth + 1),
            Peek::String => {
                Ok(Value::String(self.jiter.known_str().map_err(|error| syntax(self.bytes, &error))?.into()))
            }
            Peek::True | Peek::False => {
                self.jiter.known_bool(peek).map(Value::Bool).map_err(|error| syntax(self.bytes, &error))
            }
            Peek::Null => self.jiter.known_null().map(|()| Value::Null).map_err(|error| syntax(self.bytes, &error)),
            _ => self.number(peek),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.enter(depth)?;
        let mut items = Vec::new();
        let mut next = self.jiter.known_array().map_err(|error| syntax(self.bytes, &error))?;
        while let Some(peek) = next {
            items.push(self.value(peek, depth)?);
            next = self.jiter.array_step().map_err(|error| syntax(self.bytes, &error))?;
        }
        Ok(Value::Array(items.into()))
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.enter(depth)?;
        let mut fields: Vec<(Arc<str>, Value)> = Vec::new();
        let mut next = self.jiter.known_object().map_err(|error| syntax(self.bytes, &error))?.map(Arc::from);
        while let Some(key) = next {
            let peek = self.jiter.peek().map_err(|error| syntax(self.bytes, &error))?;
            fields.push((key, self.value(peek, depth)?));
            next = self.jiter.next_key().map_err(|error| syntax(self.bytes, &error))?.map(Arc::from);
        }
        Ok(Value::from(Object::from(fields)))
    }

    fn number(&mut self, peek: Peek) -> Result<Value, JsonError> {
        let start = self.jiter.current_index();
        let wrong = if peek.is_num() { "expected a number" } else { "expected a value" };
        let text = self.jiter.known_number_bytes(peek).map_err(|error| match &error.error_type {
            JiterErrorType::JsonError(JsonErrorType::InvalidNumber) | JiterErrorType::WrongType { .. } => {
                error_at(self.bytes, start, JsonErrorKind::Syntax, wrong)
            }
            _ => syntax(self.bytes, &error),
        })?;
        let number = std::str::from_utf8(text).ok().and_then(Number::parse);
        number.map(Value::Number).ok_or_else(|| error_at(self.bytes, start, JsonErrorKind::Syntax, wrong))
    }

    fn enter(&self, depth: usize) -> Result<(), JsonError> {
        if depth > self.limits.depth {
            return Err(self.limit(JsonErrorKind::TooDeep, "lists and objects are nested too deeply"));
        }
        Ok(())
    }

    fn limit(&self, kind: JsonErrorKind, words: &'static str) -> JsonError {
        JsonError { found: "", ..error_at(self.bytes, self.jiter.current_index(), kind, words) }
    }
}

const LONG_NUMBER: &str = "a number has at most 4,300 digits";

/// Where the number begins in which this is.
fn index_of_number(bytes: &[u8], inside: usize) -> usize {
    let is_of_it = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    let before = bytes.get(..inside).unwrap_or(bytes);
    before.iter().rposition(|byte| !is_of_it(byte)).map_or(0, |last| last + 1)
}

fn syntax(bytes: &[u8], error: &JiterError) -> JsonError {
    use JsonErrorType::*;
    let JiterErrorType::JsonError(reason) = &error.error_type else {
        return error_at(bytes, error.index, JsonErrorKind::Syntax, "expected a value");
    };
    let expected = match reason {
        EofWhileParsingList | ExpectedListCommaOrEnd => "expected `,` or `]`",
        EofWhileParsingObject | ExpectedObjectCommaOrEnd => "expected `,` or `}`",
        EofWhileParsingString => "expected the closing `\"` of a text",
        ExpectedColon => "expected `:` after the name of a field",
        ExpectedSomeIdent => "expected `true`, `false` or `null`",
        InvalidEscape => "expected an escape such as `\\n` after `\\`",
        InvalidNumber | NumberOutOfRange => "expected a number",
        InvalidUnicodeCodePoint | LoneLeadingSurrogateInHexEscape | UnexpectedEndOfHexEscape => {
            "expected a `\\u` escape which stands for a character"
        }
        ControlCharacterWhileParsingString => "expected `\\n`, `\\t` or another escape in a text",
        KeyMustBeAString => "expected the name of a field in double quotes",
        TrailingComma => "expected another entry after `,`",
        TrailingCharacters => "expected nothing more after the value",
        _ => "expected a value",
    };
    if matches!(reason, NumberOutOfRange) {
        let error = error_at(bytes, index_of_number(bytes, error.index), JsonErrorKind::Syntax, LONG_NUMBER);
        return JsonError { found: "", ..error };
    }
    let kind = match reason {
        TrailingCharacters => JsonErrorKind::Trailing,
        _ if error.index >= bytes.len() => JsonErrorKind::Unfinished,
        _ => JsonErrorKind::Syntax,
    };
    error_at(bytes, error.index, kind, expected)
}

fn error_at(bytes: &[u8], index: usize, kind: JsonErrorKind, expected: &'static str) -> JsonError {
    let before = bytes.get(..index).unwrap_or(bytes);
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
    let column = before.iter().skip(start).filter(|&&byte| byte & 0xC0 != 0x80).count() + 1;
    JsonError { kind, line, column, expected, found: class(bytes.get(index).copied()) }
}

/// Names a byte by its sort, so that an error can be logged without showing what was sent.
fn class(byte: Option<u8>) -> &'static str {
    match byte {
        None => "the end",
        Some(b'{') => "`{`",
        Some(b'}') => "`}`",
        Some(b'[') => "`[`",
        Some(b']') => "`]`",
        Some(b',') => "`,`",
        Some(b':') => "`:`",
        Some(b'"') => "`\"`",
        Some(b'\'') => "a single quote",
        Some(b'\\') => "`\\`",
        Some(b'0'..=b'9' | b'-' | b'+' | b'.') => "a digit or sign",
        Some(b'a'..=b'z' | b'A'..=b'Z' | b'_') => "a letter",
        Some(b'\n' | b'\r') => "the end of the line",
        Some(b' ' | b'\t') => "a space or tab",
        Some(0x21..=0x7E) => "a punctuation mark",
        Some(0x00..=0x1F | 0x7F) => "a control character",
        Some(0x80..) => "a character outside ASCII",
    }
}

/// The value `serde_json` holds, as ours.
pub fn from_serde(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => Value::Bool(*flag),
        serde_json::Value::Number(number) => Number::parse(&number.to_string()).map_or(Value::Null, Value::Number),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => Value::array(items.iter().map(from_serde)),
        serde_json::Value::Object(fields) => {
            Value::object(fields.iter().map(|(key, value)| (key.as_str(), from_serde(value))))
        }
    }
}

/// Our value as `serde_json` holds it: a number beyond 64 bits becomes the nearest float, and null beyond those.
pub fn to_serde(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(flag) => serde_json::Value::Bool(*flag),
        Value::Number(number) => {
            serde_json::from_str::<serde_json::Number>(&number.text()).map_or(serde_json::Value::Null, Into::into)
        }
        Value::String(text) => serde_json::Value::String(text.to_string()),
        Value::Array(items) => items.iter().map(to_serde).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.to_string(), to_serde(value))).collect(),
    }
}

/// The same with every digit: a value with a number that JSON readers would round is given as text.
pub fn exact_serde(value: &Value) -> serde_json::Value {
    let text = value.to_json();
    let parsed = serde_json::from_str(&text).ok().filter(|parsed| from_serde(parsed) == *value);
    parsed.unwrap_or(serde_json::Value::String(text))
}

#[cfg(test)]
mod tests;
