//! Where in a request a proof, a time or a piece of what is signed stands.

use std::sync::Arc;

use super::{Context, VerifyError};
use crate::event::RawRequest;
use crate::path::Path;
use crate::payload::form;
use crate::value::Value;

/// Where something is looked for.
#[derive(Clone, Debug)]
pub enum Where {
    /// A header, in lower case.
    Header(Arc<str>),
    Query(Arc<str>),
    /// A place in the payload.
    Field(Path),
    /// A `{named}` segment of the path.
    Segment(Arc<str>),
    /// The whole body.
    Body,
}

impl Where {
    pub fn describe(&self) -> String {
        match self {
            Where::Header(name) => format!("header `{name}`"),
            Where::Query(name) => format!("query parameter `{name}`"),
            Where::Field(path) => format!("field `{}`", path.text()),
            Where::Segment(name) => format!("path segment `{{{name}}}`"),
            Where::Body => "the body".to_owned(),
        }
    }

    /// Whether the body must be read to find it.
    pub(super) fn is_in_payload(&self) -> bool {
        matches!(self, Where::Field(_))
    }

    /// Whether it is beside the body.
    pub(super) fn is_in_head(&self) -> bool {
        !matches!(self, Where::Field(_) | Where::Body)
    }

    /// The name of the field, where it is one of query or body.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Where::Query(name) => Some(name),
            Where::Field(path) => path.text().strip_prefix("$."),
            Where::Header(_) | Where::Segment(_) | Where::Body => None,
        }
    }

    /// The text there; nothing and an empty one are the same.
    pub(super) fn find(&self, raw: &RawRequest, context: &Context<'_>) -> Result<String, VerifyError> {
        let text = |value: &Value| self.text(value).transpose();
        let found = match self {
            Where::Header(name) => Some(Ok(header(raw, name)?.to_owned())),
            Where::Query(name) => form::decode_lenient(raw.query()).get(name).and_then(text),
            Where::Segment(name) => context.params.get(name).and_then(text),
            Where::Field(path) => field(context, path)?.and_then(text),
            Where::Body => std::str::from_utf8(&raw.body).ok().map(|body| Ok(body.trim().to_owned())),
        };
        found.transpose()?.filter(|text| !text.is_empty()).ok_or_else(|| VerifyError::Missing(self.describe()))
    }
}

impl Where {
    /// A value as the text that is looked for. Of several under one name, none is more right than another.
    fn text(&self, value: &Value) -> Result<Option<String>, VerifyError> {
        match value {
            Value::String(text) => Ok(Some(text.to_string())),
            Value::Array(items) if items.len() > 1 => Err(VerifyError::Several(self.describe())),
            _ => Ok(None),
        }
    }
}

/// A value of the payload, for whoever does not mind of which type it is.
pub(super) fn field<'c>(context: &'c Context<'_>, path: &Path) -> Result<Option<&'c Value>, VerifyError> {
    Ok(path.first(context.readable()?))
}

/// The one header of a name. Of two, what is proved might be one, and what is read the other.
pub(super) fn header<'r>(raw: &'r RawRequest, name: &str) -> Result<&'r str, VerifyError> {
    let mut found = raw.headers.iter().filter(|(known, _)| known == name);
    let describe = || format!("header `{name}`");
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Ok(value.as_str()),
        (Some(_), Some(_)) => Err(VerifyError::Several(describe())),
        (None, _) => Err(VerifyError::Missing(describe())),
    }
}
