//! What a sender is answered. A refusal says why by a stable code, and shows nothing of the request.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Bytes;

use crate::refusal::Reason;
use crate::source::{Answer, HandshakeError, NotTaken, Source};

/// How long a sender is asked to wait unless its source says otherwise.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// A request that is not taken.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) reason: Reason,
    pub(super) source: Option<Arc<str>>,
    status: u16,
    message: String,
    retry_after: Option<Duration>,
    /// The methods that are taken here, where another was used.
    allow: Option<String>,
    /// Whether the sender is asked for user and password: some send them only then.
    wants_login: bool,
}

impl Refusal {
    fn new(reason: Reason, message: impl Into<String>) -> Self {
        let retry_after = reason.is_for_now().then_some(RETRY_AFTER);
        Refusal {
            reason,
            source: None,
            status: reason.status(),
            message: message.into(),
            retry_after,
            allow: None,
            wants_login: false,
        }
    }

    /// The refusal as its source wants it answered.
    pub(super) fn of(mut self, source: &Source) -> Self {
        self.source = Some(source.name.clone());
        self.wants_login = self.reason == Reason::VerificationFailed && source.verify.takes_login();
        if self.reason.is_overload() {
            let overload = source.reply.overload;
            self.status = overload.status.unwrap_or(self.status);
            self.retry_after = overload.retry_after.or(self.retry_after);
        }
        self
    }

    pub(super) fn not_found() -> Self {
        Refusal::new(Reason::NotFound, "no source listens here")
    }

    /// Some senders take 404 and 410 for "unsubscribe", so a path that was served before never gets them.
    pub(super) fn gone_for_now() -> Self {
        Refusal::new(Reason::NotServedNow, "no source listens here at the moment")
    }

    pub(super) fn wrong_method(allowed: &[Arc<str>]) -> Self {
        let refusal = Refusal::new(Reason::WrongMethod, "the source here does not take this method");
        Refusal { allow: Some(allowed.join(", ")), ..refusal }
    }

    pub(super) fn headers_too_large() -> Self {
        Refusal::new(Reason::HeadersTooLarge, "the request has more headers, or longer ones, than are taken")
    }

    pub(super) fn malformed() -> Self {
        Refusal::new(Reason::MalformedRequest, "this is no request as HTTP wants it")
    }

    pub(super) fn two_hosts() -> Self {
        Refusal::new(Reason::MalformedRequest, "the request has more than one `Host` header")
    }

    pub(super) fn too_large(limit: usize) -> Self {
        let message = format!("the body is larger than the {limit} bytes that this source takes");
        Refusal::new(Reason::BodyTooLarge, message)
    }

    pub(super) fn too_slow() -> Self {
        Refusal::new(Reason::BodyTooSlow, "the body took too long to arrive")
    }

    pub(super) fn broken() -> Self {
        Refusal::new(Reason::BodyBroken, "the body ended before it was complete")
    }

    pub(super) fn too_many(wait: Duration) -> Self {
        let refusal = Refusal::new(Reason::TooManyRequests, "the source takes no more requests at the moment");
        Refusal { retry_after: Some(wait), ..refusal }
    }

    pub(super) fn overloaded() -> Self {
        Refusal::new(Reason::Overloaded, "there is too much to do at the moment; send it again")
    }

    /// What its source makes nothing of.
    pub(super) fn not_taken(why: NotTaken, source: &Source) -> Self {
        match why {
            NotTaken::WrongMethod => Refusal::wrong_method(&source.methods),
            NotTaken::Unproved(error) => Refusal::new(Reason::VerificationFailed, error.to_string()),
            NotTaken::TooMany(wait) => Refusal::too_many(wait),
            NotTaken::Handshake(error) => Refusal::handshake(&error),
            NotTaken::TooLarge(error) => Refusal::new(Reason::UndecodableBody, error.to_string()),
        }
    }

    fn handshake(error: &HandshakeError) -> Self {
        let reason = match error {
            HandshakeError::Token(_) => Reason::HandshakeRefused,
            HandshakeError::Unfit | HandshakeError::Absent(_) | HandshakeError::Unanswerable(_) => {
                Reason::UnfitChallenge
            }
        };
        Refusal::new(reason, error.to_string())
    }

    pub(super) fn store() -> Self {
        Refusal::new(Reason::StoreUnavailable, "the event could not be stored; send it again")
    }

    /// Of the path only what is known is shown, and only where the request came to no source: the rest may be a token.
    pub(super) fn log(&self, path: &str, others: u64) {
        let (code, reason) = (self.reason.word(), self.message.as_str());
        let not_shown = (others > 0).then_some(others);
        match &self.source {
            Some(source) => tracing::info!(code, %source, reason, not_shown, "request refused"),
            None => tracing::info!(code, path, reason, not_shown, "request refused"),
        }
    }

    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let body = body(self.reason, &self.message);
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status(self.status);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(allow) = self.allow.and_then(|allow| HeaderValue::from_str(&allow).ok()) {
            headers.insert(header::ALLOW, allow);
        }
        if self.wants_login {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"jackfield\""));
        }
        if let Some(after) = self.retry_after {
            headers.insert(header::RETRY_AFTER, whole_seconds(after).into());
        }
        response
    }
}

fn body(reason: Reason, message: &str) -> String {
    serde_json::json!({ "error": { "code": reason.word(), "message": message } }).to_string()
}

/// As a header says it: a part of a second counts as a whole one.
fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

/// The answer to a connection for which there is no place, as bytes: nothing of it is read.
pub(super) fn no_place() -> String {
    let reason = Reason::TooManyConnections;
    let body = body(reason, "there are too many connections at the moment; send it again");
    let (status, after) = (status(reason.status()), RETRY_AFTER.as_secs());
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nretry-after: {after}\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// An answer of a source as it is sent. A header that can't be sent is left out; its value came with the request.
pub(super) fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = status(answer.status);
    let headers = response.headers_mut();
    if let Some(value) = answer.content_type.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value)) {
            headers.insert(name, value);
        }
    }
    response
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
