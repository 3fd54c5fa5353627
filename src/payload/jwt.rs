//! A signed JSON Web Token as a body: its claims are the payload. Whether it is signed rightly, `verify` says.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::error::DecodeError;
use crate::value::{Value, json};

const SUBJECT: &str = "the body is not a JSON Web Token";

/// The claims.
pub(super) fn decode(text: &str, limits: &json::Limits) -> Result<Value, DecodeError> {
    let parts: Vec<&str> = text.trim().splitn(6, '.').collect();
    let [header, claims, _] = parts.as_slice() else {
        return Err(match parts.len() {
            5 => DecodeError::unsupported("an encrypted JSON Web Token"),
            _ => DecodeError::malformed(SUBJECT, "it has not three parts with dots between"),
        });
    };
    if !is_header(header) {
        return Err(DecodeError::malformed(SUBJECT, "its first part is not a JSON object in base64url"));
    }
    let claims = part(claims).ok_or_else(|| DecodeError::malformed(SUBJECT, "its second part is not base64url"))?;
    // A place in the claims is none in the body.
    json::parse(&claims, limits).map_err(|error| {
        let reason = format!("its second part is not JSON: {error}");
        DecodeError { place: None, reason, ..DecodeError::json(SUBJECT, &error) }
    })
}

/// Whether a text as a whole looks like one: three parts in base64url, of which the first is an object.
pub(super) fn is_token(text: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=' | b'.');
    let text = text.trim_ascii();
    if !text.starts_with(b"ey") || !text.iter().all(is_letter) {
        return false;
    }
    let mut parts = text.split(|byte| *byte == b'.');
    let header = parts.next().and_then(|first| std::str::from_utf8(first).ok());
    parts.count() == 2 && header.is_some_and(is_header)
}

fn is_header(part_of_token: &str) -> bool {
    // A header names an algorithm and a key: what is longer is none.
    let bytes = Some(part_of_token).filter(|text| text.len() < 8192).and_then(part);
    bytes.is_some_and(|bytes| {
        json::parse(&bytes, &json::Limits::default()).is_ok_and(|value| value.as_object().is_some())
    })
}

fn part(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}
