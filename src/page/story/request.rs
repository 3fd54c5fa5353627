//! A request as it came, for a person to read.

use serde_json::{Value as Json, json};

use crate::event::RawRequest;
use crate::payload::Format;
use crate::privacy::Masks;
use crate::value::Value;

/// As what a body was read.
pub(super) fn format(raw: &RawRequest, format: Format) -> &'static str {
    let kind = raw.content_type();
    let first = raw.body.iter().find(|byte| !byte.is_ascii_whitespace());
    match (format, kind.as_str(), first) {
        (Format::Auto | Format::AutoOfBody, _, None) => "query",
        (Format::Auto | Format::AutoOfBody, _, Some(b'{' | b'[')) => "json",
        (Format::Auto | Format::AutoOfBody, "application/x-www-form-urlencoded", _) => "form",
        (Format::Auto | Format::AutoOfBody, "multipart/form-data", _) => "multipart",
        (Format::Auto | Format::AutoOfBody, _, Some(b'<')) => "xml",
        (Format::Auto | Format::AutoOfBody, kind, _) if kind.ends_with("jwt") => "jwt",
        (Format::Auto | Format::AutoOfBody, kind, _) if kind.ends_with("json") => "json",
        (Format::Auto | Format::AutoOfBody, ..) => "text",
        (other, ..) => other.word(),
    }
}

/// The request as it is kept: what only proved where it is from is masked in it.
pub(super) fn view(raw: &RawRequest) -> Json {
    let headers: Vec<[&str; 2]> = raw.headers.iter().map(|(name, value)| [name.as_str(), value.as_str()]).collect();
    let is_text = |text: &&str| !text.contains(|c: char| c.is_control() && !c.is_whitespace());
    json!({
        "method": raw.method,
        "path": raw.target,
        "headers": headers,
        "body": std::str::from_utf8(&raw.body).ok().filter(is_text),
        "size": raw.body.len(),
    })
}

/// A request in the place of one of which not all is shown: its event alone, as JSON.
pub(super) fn masked(raw: &RawRequest, payload: Option<&Value>, masks: &Masks) -> RawRequest {
    let text = |(name, value): &(String, String)| (name.clone(), masks.text(value));
    let is_of_body = |name: &str| matches!(name, "content-type" | "content-encoding" | "content-length");
    let own = raw.headers.iter().filter(|(name, _)| !is_of_body(name)).map(text);
    let kind = ("content-type".to_owned(), "application/json".to_owned());
    RawRequest {
        method: raw.method.clone(),
        target: masks.text(&raw.target),
        headers: own.chain([kind]).collect(),
        body: payload.map(|payload| masks.payload(payload).to_json().into_bytes()).unwrap_or_default(),
    }
}
