//! What the sandbox was sent, and what it made of it.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::event::RawRequest;
use crate::payload::{self, Format};
use crate::value::{Value, json};

/// One request as the sandbox saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// From 1, over all providers.
    pub number: u64,
    pub at: Timestamp,
    /// The pack's name; [`super::NOBODY`] where the address belongs to none.
    pub provider: Arc<str>,
    pub operation: Option<Arc<str>>,
    pub method: Arc<str>,
    /// What follows the provider's base address, with the query.
    pub path: Arc<str>,
    /// Names in lower case, in the order sent; values that hold a secret are `***`.
    pub headers: Vec<(String, String)>,
    /// The values of the path's `{names}`.
    pub params: Value,
    pub body: Option<Content>,
    pub verdict: Verdict,
    /// What was answered; zero where nothing was.
    pub status: u16,
}

/// A body that is not empty.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// JSON, or a form.
    Json(Value),
    /// What is not JSON.
    Text(Arc<str>),
}

/// What the stand-in thinks of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// The idempotency key was seen before. Answered as the first one was.
    Duplicate,
    /// The body is not one that the provider takes.
    Invalid(Vec<String>),
    /// A header is missing or wrong.
    Unauthorized(String),
    /// No provider, or no such call.
    NotFound,
    /// The error that was ordered; `reply` when the pack's own reply can't be made for this request.
    Failed(Arc<str>),
}

impl Verdict {
    /// Every word, in the order of [`Verdict::position`].
    pub(super) const WORDS: [&'static str; 6] = ["good", "duplicate", "invalid", "unauthorized", "not_found", "failed"];

    pub fn word(&self) -> &'static str {
        Self::WORDS.get(self.position()).copied().unwrap_or_default()
    }

    pub(super) fn position(&self) -> usize {
        match self {
            Verdict::Good => 0,
            Verdict::Duplicate => 1,
            Verdict::Invalid(_) => 2,
            Verdict::Unauthorized(_) => 3,
            Verdict::NotFound => 4,
            Verdict::Failed(_) => 5,
        }
    }

    /// What there is to say beyond the word.
    pub fn details(&self) -> Vec<&str> {
        match self {
            Verdict::Invalid(violations) => violations.iter().map(String::as_str).collect(),
            Verdict::Unauthorized(reason) => vec![reason],
            Verdict::Failed(error) => vec![error],
            Verdict::Good | Verdict::Duplicate | Verdict::NotFound => Vec::new(),
        }
    }
}

impl Content {
    pub(super) fn of(request: &RawRequest) -> Option<Content> {
        if request.body.is_empty() {
            return None;
        }
        // A form is looked at as the value that it was made from.
        if let "application/x-www-form-urlencoded" | "multipart/form-data" = request.content_type().as_str()
            && let Ok(value) = payload::decode(request, Format::Auto)
        {
            return Some(Content::Json(value));
        }
        Some(match json::parse(&request.body, &json::Limits::default()) {
            Ok(value) => Content::Json(value),
            Err(_) => Content::Text(String::from_utf8_lossy(&request.body).into()),
        })
    }

    /// As a value: what is not JSON is a text.
    pub fn to_value(&self) -> Value {
        match self {
            Content::Json(value) => value.clone(),
            Content::Text(text) => Value::from(text.clone()),
        }
    }
}

impl Received {
    /// As one JSON value, the form in which `/_sandbox/requests` lists it.
    pub fn to_value(&self) -> Value {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Value::object([
            ("number", Value::from(self.number)),
            ("at", Value::from(self.at.to_string())),
            ("provider", Value::from(self.provider.clone())),
            ("operation", Value::from(self.operation.clone())),
            ("method", Value::from(self.method.clone())),
            ("path", Value::from(self.path.clone())),
            ("headers", Value::object(headers)),
            ("params", self.params.clone()),
            ("body", self.body.as_ref().map_or(Value::Null, Content::to_value)),
            ("verdict", Value::from(self.verdict.word())),
            ("details", Value::array(self.verdict.details())),
            ("status", Value::from(u64::from(self.status))),
        ])
    }
}
