//! From the bytes of a request to its payload, one JSON value.

pub mod form;

use crate::event::RawRequest;
use crate::value::{Value, json};

/// How a body is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// From the content type, then from the bytes.
    #[default]
    Auto,
    Json,
    Form,
    Query,
    Text,
}

impl Format {
    pub fn word(self) -> &'static str {
        match self {
            Format::Auto => "auto",
            Format::Json => "json",
            Format::Form => "form",
            Format::Query => "query",
            Format::Text => "text",
        }
    }
}

/// Why a body can't be read. Holds places, never contents.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("the body is not JSON: {0}")]
    Json(String),
    #[error("the body is not a form: {0}")]
    Form(String),
    #[error("the body is not UTF-8 text")]
    Text,
    #[error("`split` finds more than {0} parts in the body")]
    TooManyParts(usize),
    #[error("a body like this, {0}, is not read by this version")]
    Unsupported(&'static str),
}

/// The payload of a request.
pub fn decode(raw: &RawRequest, format: Format) -> Result<Value, DecodeError> {
    let compressed = raw.header("content-encoding").is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity"));
    if compressed && !raw.body.is_empty() {
        return Err(DecodeError::Unsupported("a compressed one"));
    }
    match format {
        Format::Auto => decode(raw, detect(raw)?),
        Format::Json => json::parse(&raw.body, &json::Limits::default()).map_err(|e| DecodeError::Json(e.to_string())),
        Format::Form => form::decode(&raw.body).map_err(|e| DecodeError::Form(e.to_string())),
        Format::Query => form::decode(raw.query().as_bytes()).map_err(|e| DecodeError::Form(e.to_string())),
        Format::Text => std::str::from_utf8(&raw.body).map(Value::from).map_err(|_| DecodeError::Text),
    }
}

/// The format that the content type names, or else that the bytes look like.
fn detect(raw: &RawRequest) -> Result<Format, DecodeError> {
    let kind = raw.content_type();
    let first =
        raw.body.iter().copied().find(|byte| !byte.is_ascii_whitespace() && !matches!(byte, 0xEF | 0xBB | 0xBF));
    match (kind.as_str(), first) {
        (_, None) => Ok(Format::Query),
        ("application/json" | "text/json", _) => Ok(Format::Json),
        (kind, _) if kind.ends_with("+json") => Ok(Format::Json),
        // Some senders put the wrong type on JSON; no form or text of theirs begins with a brace.
        (_, Some(b'{' | b'[')) => Ok(Format::Json),
        ("application/x-www-form-urlencoded", _) => Ok(Format::Form),
        ("multipart/form-data", _) => Err(DecodeError::Unsupported("multipart/form-data")),
        (_, Some(b'<')) => Err(DecodeError::Unsupported("XML")),
        _ => Ok(Format::Text),
    }
}
