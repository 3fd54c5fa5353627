//! A request to a provider: rendered, valid, ready to go out. Secrets in it are named, not written.

mod encoding;

use std::fmt::Write;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::secret::{MASK, Secret};
use crate::value::{Value, json};

pub use encoding::{Encoding, File, Files};

/// A part of an address or header: text, or the name of a setting that is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Text(Arc<str>),
    /// A secret setting of the connection, put in when the request goes out.
    Secret(Arc<str>),
}

/// A header with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub name: Arc<str>,
    pub value: Vec<Piece>,
}

/// One finished request. What is stored of a delivery is this: the account's address and secrets join it when it is
/// sent, so that a mended connection mends what waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// `connection.operation`
    pub to: Arc<str>,
    pub connection: Arc<str>,
    pub operation: Arc<str>,
    pub method: Arc<str>,
    /// What follows the base address, with the query.
    pub path: Vec<Piece>,
    pub headers: Vec<Header>,
    /// The body; none for a call without one.
    pub body: Option<Value>,
    /// What lets the provider recognise a repetition.
    pub idempotency_key: Option<Arc<str>>,
    /// How the body is written.
    pub encoding: Encoding,
    /// What each of the operation's budgets counts it under; none where they have no keys.
    pub limit_keys: Vec<Arc<str>>,
}

/// What is stored does not hold a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored request can't be read")]
pub struct InvalidRequest;

/// What we wrote ourselves may be deeper than what a sender may send: a whole payload fits into a body.
const STORED: json::Limits = json::Limits { depth: 200, nodes: 2_000_000 };

/// The bytes that RFC 3986 leaves as they are.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Headers that say how a request is carried. They are made when it goes out, and never come from a route or a pack.
const CARRYING: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Whether a header is none that a request may bring.
pub fn is_carrying(name: &str) -> bool {
    CARRYING.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Percent-encodes a value for a path segment or a query.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The pieces as one text, secrets shown as `***`.
pub fn masked(pieces: &[Piece]) -> String {
    joined(pieces, |_| Some(MASK.to_owned())).unwrap_or_default()
}

/// The pieces as one text with their secrets; nothing when one is not known.
pub fn exposed<'a>(pieces: &[Piece], secret: impl Fn(&str) -> Option<&'a Secret>) -> Option<String> {
    joined(pieces, |name| secret(name).map(|secret| secret.expose().to_owned()))
}

/// The pieces of a path with their secrets, percent-encoded; nothing when one is not known.
pub fn exposed_path<'a>(pieces: &[Piece], secret: impl Fn(&str) -> Option<&'a Secret>) -> Option<String> {
    joined(pieces, |name| secret(name).map(|secret| encode(secret.expose())))
}

fn joined(pieces: &[Piece], secret: impl Fn(&str) -> Option<String>) -> Option<String> {
    let parts = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => Some(text.to_string()),
        Piece::Secret(name) => secret(name),
    });
    parts.collect()
}

impl Request {
    /// The body as it goes out, with the files that it names.
    pub fn body_bytes(&self, files: &Files) -> Vec<u8> {
        self.body.as_ref().map(|body| self.encoding.bytes(body, files)).unwrap_or_default()
    }

    /// The addresses of the files that the body names and does not bring.
    pub fn links(&self) -> Vec<Arc<str>> {
        self.body.as_ref().map(|body| self.encoding.links(body)).unwrap_or_default()
    }

    /// As a `curl` command, secrets shown as `***`.
    pub fn to_curl(&self, base_url: &str) -> String {
        let mut text = format!("curl -X {} {}", self.method, quoted(&format!("{base_url}{}", masked(&self.path))));
        for header in &self.headers {
            let _ = write!(text, " \\\n  -H {}", quoted(&format!("{}: {}", header.name, masked(&header.value))));
        }
        if let Some(body) = &self.body {
            let _ = write!(text, " \\\n  --data-raw {}", quoted(&body.to_json()));
        }
        text
    }

    /// As one JSON value, with secrets named: the form that is stored.
    pub fn to_value(&self) -> Value {
        let headers = self.headers.iter().map(|h| Value::array([Value::from(&*h.name), pieces_value(&h.value)]));
        let mut fields = vec![
            ("to", Value::from(&*self.to)),
            ("method", Value::from(&*self.method)),
            ("path", pieces_value(&self.path)),
            ("headers", Value::array(headers)),
            ("body", self.body.clone().unwrap_or_default()),
            ("has_body", Value::from(self.body.is_some())),
            ("idempotency_key", self.idempotency_key.as_deref().map_or(Value::Null, Value::from)),
        ];
        if self.encoding != Encoding::Json {
            fields.push(("encoding", Value::from(self.encoding.word())));
        }
        if !self.limit_keys.is_empty() {
            fields.push(("limit_keys", Value::array(self.limit_keys.iter().cloned())));
        }
        Value::object(fields)
    }

    /// Reads what [`Request::to_value`] wrote.
    pub fn from_json(bytes: &[u8]) -> Result<Request, InvalidRequest> {
        Request::from_value(&stored_value(bytes)?)
    }

    /// Reads what [`Request::to_value`] made.
    pub fn from_value(value: &Value) -> Result<Request, InvalidRequest> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(Arc::<str>::from).ok_or(InvalidRequest);
        let to = text("to")?;
        let (connection, operation) = to.split_once('.').ok_or(InvalidRequest)?;
        let headers = value.get("headers").and_then(Value::as_array).ok_or(InvalidRequest)?;
        let has_body = value.get("has_body").and_then(Value::as_bool).unwrap_or(false);
        Ok(Request {
            connection: connection.into(),
            operation: operation.into(),
            method: text("method")?,
            path: value.get("path").and_then(pieces_from).ok_or(InvalidRequest)?,
            headers: headers.iter().map(header_from).collect::<Option<_>>().ok_or(InvalidRequest)?,
            body: value.get("body").filter(|_| has_body).cloned(),
            idempotency_key: text("idempotency_key").ok(),
            encoding: value.get("encoding").and_then(Value::as_str).and_then(Encoding::from_word).unwrap_or_default(),
            limit_keys: value.get("limit_keys").and_then(texts).unwrap_or_default(),
            to,
        })
    }
}

/// What was stored, as a value.
pub fn stored_value(bytes: &[u8]) -> Result<Value, InvalidRequest> {
    json::parse(bytes, &STORED).map_err(|_| InvalidRequest)
}

fn texts(value: &Value) -> Option<Vec<Arc<str>>> {
    value.as_array()?.iter().map(|item| item.as_str().map(Arc::from)).collect()
}

/// Single quotes for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn pieces_value(pieces: &[Piece]) -> Value {
    Value::array(pieces.iter().map(|piece| match piece {
        Piece::Text(text) => Value::from(text.clone()),
        Piece::Secret(name) => Value::object([("secret", Value::from(name.clone()))]),
    }))
}

fn pieces_from(value: &Value) -> Option<Vec<Piece>> {
    let piece = |item: &Value| match item {
        Value::String(text) => Some(Piece::Text(text.clone())),
        _ => item.get("secret").and_then(Value::as_str).map(|name| Piece::Secret(name.into())),
    };
    value.as_array()?.iter().map(piece).collect()
}

fn header_from(value: &Value) -> Option<Header> {
    Some(Header { name: value.at(0)?.as_str()?.into(), value: pieces_from(value.at(1)?)? })
}

/// Undoes percent-encoding; what is not UTF-8 afterwards is replaced.
pub fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}
