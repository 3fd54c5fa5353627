//! What a sender is answered. A refusal says why by a stable code, and shows nothing of the request.

use std::sync::Arc;

use http::{Response, header};
use http_body_util::Full;
use hyper::body::Bytes;

use super::{RETRY_AFTER, status};
use crate::id::EventId;
use crate::payload::{DecodeError, Fault};
use crate::source::Reply;
use crate::verify::VerifyError;

/// A request that is not taken.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) source: Option<Arc<str>>,
    status: u16,
    message: String,
    retry: bool,
    /// The methods that are taken here, where another was used.
    allow: Option<String>,
}

impl Refusal {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Refusal { code, source: None, status, message: message.into(), retry: false, allow: None }
    }

    fn retry(mut self) -> Self {
        self.retry = true;
        self
    }

    pub(super) fn of(mut self, source: &Arc<str>) -> Self {
        self.source = Some(source.clone());
        self
    }

    pub(super) fn not_found() -> Self {
        Refusal::new(404, "not-found", "no source listens here")
    }

    /// Some senders take 404 and 410 for "unsubscribe", so a path that was served before never gets them.
    pub(super) fn gone_for_now() -> Self {
        Refusal::new(503, "not-served-now", "no source listens here at the moment").retry()
    }

    pub(super) fn wrong_method(allowed: &[Arc<str>]) -> Self {
        let refusal = Refusal::new(405, "wrong-method", "the source here does not take this method");
        Refusal { allow: Some(allowed.join(", ")), ..refusal }
    }

    pub(super) fn too_large(limit: usize) -> Self {
        Refusal::new(413, "body-too-large", format!("the body is larger than the {limit} bytes that this source takes"))
    }

    pub(super) fn too_slow() -> Self {
        Refusal::new(408, "body-too-slow", "the body took too long to arrive").retry()
    }

    pub(super) fn broken() -> Self {
        Refusal::new(400, "body-broken", "the body ended before it was complete")
    }

    pub(super) fn verification(error: &VerifyError) -> Self {
        Refusal::new(401, "verification-failed", error.to_string())
    }

    pub(super) fn decode(error: &DecodeError) -> Self {
        let status = match error.fault {
            Fault::Malformed => 400,
            Fault::TooLarge => 413,
            Fault::Unsupported => 415,
        };
        Refusal::new(status, "undecodable-body", error.to_string())
    }

    pub(super) fn store() -> Self {
        Refusal::new(503, "store-unavailable", "the event could not be stored; send it again").retry()
    }

    /// The path is shown only where no source is, for whoever mistyped it: elsewhere it may hold a token.
    pub(super) fn log(&self, path: &str) {
        let (code, reason) = (self.code, self.message.as_str());
        match &self.source {
            Some(source) => tracing::info!(code, %source, reason, "request refused"),
            None => {
                let shown: String = path.chars().take(100).collect();
                tracing::info!(code, path = ?shown, reason, "request refused");
            }
        }
    }

    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let body = serde_json::json!({ "error": { "code": self.code, "message": self.message } }).to_string();
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status(self.status);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        if let Some(allow) = self.allow.and_then(|allow| header::HeaderValue::from_str(&allow).ok()) {
            headers.insert(header::ALLOW, allow);
        }
        if self.retry {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER.as_secs().into());
        }
        response
    }
}

/// The source's reply, once the event is on disk.
pub(super) fn accepted(reply: &Reply, event: EventId) -> Response<Full<Bytes>> {
    let (content_type, body) = reply.render(event);
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status(reply.status);
    if let Ok(value) = header::HeaderValue::from_str(&content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}
