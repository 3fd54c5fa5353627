//! How a body is written when it goes out: as JSON, as a form, or as a form with files.

use std::fmt::Write;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::encode;
use crate::value::Value;

/// How a body is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`
    Form,
    /// `multipart/form-data`, which takes files: `{ filename, content_type, base64 }`.
    Multipart,
}

impl Encoding {
    pub fn word(self) -> &'static str {
        match self {
            Encoding::Json => "json",
            Encoding::Form => "form",
            Encoding::Multipart => "multipart",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        [Encoding::Json, Encoding::Form, Encoding::Multipart].into_iter().find(|encoding| encoding.word() == word)
    }

    /// The `Content-Type` of a body.
    pub fn content_type(self, body: &Value) -> Arc<str> {
        match self {
            Encoding::Json => "application/json".into(),
            Encoding::Form => "application/x-www-form-urlencoded".into(),
            Encoding::Multipart => format!("multipart/form-data; boundary={}", boundary(body)).into(),
        }
    }

    /// The bytes of a body.
    pub fn bytes(self, body: &Value) -> Vec<u8> {
        match self {
            Encoding::Json => {
                let mut bytes = Vec::new();
                body.write_json(&mut bytes);
                bytes
            }
            Encoding::Form => {
                let pair = |(name, value): (String, &Value)| format!("{}={}", encode(&name), encode(&text(value)));
                fields(body).into_iter().map(pair).collect::<Vec<_>>().join("&").into_bytes()
            }
            Encoding::Multipart => multipart(body),
        }
    }
}

/// Each value with its name as forms write it: `tags[]`, `contact[name]`. Null is left out.
fn fields(body: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (name, value) in body.as_object().into_iter().flatten() {
        collect(name.to_string(), value, &mut found);
    }
    found
}

fn collect<'v>(name: String, value: &'v Value, found: &mut Vec<(String, &'v Value)>) {
    match value {
        Value::Null => {}
        Value::Array(items) => items.iter().for_each(|item| collect(format!("{name}[]"), item, found)),
        Value::Object(_) if is_file(value) => found.push((name, value)),
        Value::Object(inner) => inner.iter().for_each(|(key, item)| collect(format!("{name}[{key}]"), item, found)),
        _ => found.push((name, value)),
    }
}

/// A file as the payload of a multipart webhook has it.
fn is_file(value: &Value) -> bool {
    value.get("base64").is_some_and(|data| data.as_str().is_some()) && value.get("filename").is_some()
}

fn text(value: &Value) -> String {
    crate::convert::text(value).unwrap_or_else(|_| value.to_json())
}

/// The same for the same body, so that a repetition is the same to the byte.
fn boundary(body: &Value) -> String {
    let digest = Sha256::digest(body.to_json());
    digest.iter().take(16).fold("jackfield-".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn multipart(body: &Value) -> Vec<u8> {
    let boundary = boundary(body);
    let mut bytes = Vec::new();
    for (name, value) in fields(body) {
        bytes.extend(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(&name)).bytes());
        match is_file(value) {
            true => file(value, &mut bytes),
            false => bytes.extend(format!("\r\n\r\n{}", text(value)).bytes()),
        }
        bytes.extend(b"\r\n");
    }
    bytes.extend(format!("--{boundary}--\r\n").bytes());
    bytes
}

fn file(value: &Value, bytes: &mut Vec<u8>) {
    let field = |name: &str| value.get(name).and_then(Value::as_str);
    let kind = field("content_type").unwrap_or("application/octet-stream");
    let kind: String = kind.chars().filter(|c| !c.is_control()).collect();
    let name = quoted(field("filename").unwrap_or("file"));
    bytes.extend(format!("; filename=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n").bytes());
    bytes.extend(STANDARD.decode(field("base64").unwrap_or_default()).unwrap_or_default());
}

/// As browsers write a name between quotes.
fn quoted(text: &str) -> String {
    text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_names_in_brackets() {
        let body = Value::object([
            ("grant", Value::from("a b")),
            ("tags", Value::array(["x", "y"])),
            ("of", Value::object([("id", Value::from(7)), ("no", Value::Null)])),
        ]);
        let bytes = Encoding::Form.bytes(&body);
        assert_eq!(String::from_utf8_lossy(&bytes), "grant=a%20b&tags%5B%5D=x&tags%5B%5D=y&of%5Bid%5D=7");
    }

    #[test]
    fn a_file_stands_in_a_part_of_its_own() {
        let file = Value::object([("filename", "a\"b.txt"), ("content_type", "text/plain"), ("base64", "aGk=")]);
        let body = Value::object([("content", Value::from("see")), ("attachments", Value::array([file]))]);
        let bytes = String::from_utf8_lossy(&Encoding::Multipart.bytes(&body)).into_owned();
        let boundary = boundary(&body);
        let expected = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\nsee\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"attachments[]\"; filename=\"a%22b.txt\"\r\n\
             Content-Type: text/plain\r\n\r\nhi\r\n--{boundary}--\r\n"
        );
        assert_eq!(bytes, expected);
        assert!(Encoding::Multipart.content_type(&body).ends_with(&boundary));
    }
}
