//! Text that is itself written in another way: JSON in a field of a form, a form in a field of JSON, base64.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::percent_decode_str;

use crate::payload::form;
use crate::value::{Value, json};

/// What is longer is not read.
const LONGEST: usize = 256 << 10;
/// What is shorter is a word or a number rather than something encoded.
const SHORTEST: usize = 12;

/// What a text holds, where it is written so; nothing where it says all by itself.
pub(super) fn values(text: &str) -> Vec<Value> {
    let text = text.trim();
    if !(SHORTEST..=LONGEST).contains(&text.len()) {
        return Vec::new();
    }
    let found = match text.as_bytes().first() {
        Some(b'{' | b'[') => json::parse(text.as_bytes(), &json::Limits::default()).ok(),
        _ if has_escapes(text) => of_form(text),
        _ => of_base64(text),
    };
    found.into_iter().collect()
}

/// Whether something in it is written as `%2B`.
fn has_escapes(text: &str) -> bool {
    let is_hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    !text.contains(char::is_whitespace)
        && text.split('%').skip(1).any(|rest| is_hex(rest.as_bytes().first()) && is_hex(rest.as_bytes().get(1)))
}

/// A form or a query, also behind an address; or a text with escapes.
fn of_form(text: &str) -> Option<Value> {
    match text.contains('=') {
        true => Some(form::decode_lenient(text.rsplit_once('?').map_or(text, |(_, query)| query))),
        false => percent_decode_str(&text.replace('+', " ")).decode_utf8().ok().map(|text| Value::from(&*text)),
    }
}

/// Readable text in base64.
fn of_base64(text: &str) -> Option<Value> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=');
    if !text.bytes().all(is_letter) || text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let bytes = STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let is_readable = !text.contains(|c: char| c.is_control() && !c.is_whitespace());
    is_readable.then(|| Value::from(text))
}

#[cfg(test)]
mod tests {
    use super::values;

    fn told(text: &str) -> String {
        values(text).iter().map(|value| value.to_json()).collect()
    }

    #[test]
    fn what_is_written_in_another_way_is_read() {
        assert_eq!(told(r#" {"name":"Z\u00e9"}"#), r#"{"name":"Zé"}"#);
        assert_eq!(told("phone=%2B55+11+99999-0000&n=1"), r#"{"phone":"+55 11 99999-0000","n":"1"}"#);
        assert_eq!(told("https://a.example/x?tel=%2B5511999990000"), r#"{"tel":"+5511999990000"}"#);
        assert_eq!(told("%2B55+11+99999-0000"), r#""+55 11 99999-0000""#);
        assert_eq!(told("eyJ0ZWwiOiI5OTk5OS0wMDAwIn0="), r#""{\"tel\":\"99999-0000\"}""#);
        for plain in ["", "{Ana Souza}, here", "+55 11 99999-0000", "5511999990000", "100 % of it", "abcdefghijkl"] {
            assert_eq!(told(plain), "", "{plain}");
        }
    }
}
