//! What comes in: a raw request, and the events that it becomes once it is verified.

pub mod capture;
pub mod head;
pub mod sent;

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::id::EventId;
use crate::value::Value;

/// A request as it was received, byte for byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawRequest {
    pub method: String,
    /// The path and query as sent: `/hooks/typeform?x=1`.
    pub target: String,
    /// Names in lower case, in the order sent.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl RawRequest {
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The first header of that name, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The media type without its parameters, in lower case.
    pub fn content_type(&self) -> String {
        let value = self.header("content-type").unwrap_or("");
        value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
    }

    /// `request` in templates.
    pub fn to_value(&self, params: &Value, received_at: Timestamp) -> Value {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Value::object([
            ("method", Value::from(self.method.as_str())),
            ("path", Value::from(self.path())),
            ("query", crate::payload::form::decode_lenient(self.query())),
            ("params", params.clone()),
            ("headers", Value::object(headers)),
            ("received_at", Value::from(received_at.to_string())),
        ])
    }
}

/// A request that has proved where it is from. Only [`crate::verify`] makes one.
#[derive(Clone, Debug)]
pub struct Verified {
    raw: Arc<RawRequest>,
}

impl Verified {
    pub(crate) fn new(raw: Arc<RawRequest>) -> Self {
        Verified { raw }
    }

    pub fn raw(&self) -> &Arc<RawRequest> {
        &self.raw
    }
}

/// One accepted incoming webhook, or one part of it after `split`.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: EventId,
    pub source: Arc<str>,
    pub received_at: Timestamp,
    /// Shared by the parts of one request.
    pub raw: Arc<RawRequest>,
    /// Which part of the request, from 0.
    pub part: u32,
    /// What routes look into.
    pub payload: Value,
    /// The whole request's payload; the same as `payload` without `split`.
    pub envelope: Value,
    /// The `{named}` segments of the source's path.
    pub params: Value,
}

impl Event {
    /// `request` in templates.
    pub fn request_value(&self) -> Value {
        self.raw.to_value(&self.params, self.received_at)
    }

    /// `event` in templates, once its identity is known.
    pub fn value_with(&self, identity: &str) -> Value {
        let (id, source) = (Value::from(self.id.to_string()), Value::from(&*self.source));
        Value::object([("id", id), ("identity", Value::from(identity)), ("source", source)])
    }

    /// `event` in templates.
    pub fn event_value(&self) -> Value {
        Event::value_of(self.id, &self.source)
    }

    /// The same of an event that is not at hand.
    pub fn value_of(id: EventId, source: &Arc<str>) -> Value {
        Value::object([("id", Value::from(id.to_string())), ("source", Value::from(source.clone()))])
    }
}
