//! How a body is written when it goes out: as JSON, as a form, or as a form with files.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, LazyLock};

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
    /// `multipart/form-data`, which takes files: `{ filename, content_type, base64 }`, or `{ url }`.
    Multipart,
}

/// The `Content-Type` of nearly every body.
static JSON: LazyLock<Arc<str>> = LazyLock::new(|| "application/json".into());

/// A file that was fetched from its address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    pub content_type: Option<String>,
    pub bytes: Vec<u8>,
}

/// Files by their addresses.
pub type Files = BTreeMap<Arc<str>, File>;

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
            Encoding::Json => JSON.clone(),
            Encoding::Form => "application/x-www-form-urlencoded".into(),
            Encoding::Multipart => format!("multipart/form-data; boundary={}", boundary(body)).into(),
        }
    }

    /// The addresses of the files that a body names and does not bring.
    pub fn links(self, body: &Value) -> Vec<Arc<str>> {
        if self != Encoding::Multipart {
            return Vec::new();
        }
        let mut links: Vec<Arc<str>> = fields(body, is_part).iter().filter_map(|(_, value)| link(value)).collect();
        links.sort();
        links.dedup();
        links
    }

    /// The bytes of a body, with the files that it names.
    pub fn bytes(self, body: &Value, files: &Files) -> Vec<u8> {
        match self {
            Encoding::Json => {
                let mut bytes = Vec::new();
                body.write_json(&mut bytes);
                bytes
            }
            Encoding::Form => {
                let pair = |(name, value): (String, &Value)| format!("{}={}", encode(&name), encode(&text(value)));
                fields(body, is_file).into_iter().map(pair).collect::<Vec<_>>().join("&").into_bytes()
            }
            Encoding::Multipart => multipart(body, files),
        }
    }
}

/// Each value with its name as forms write it: `tags[]`, `contact[name]`. Null is left out, and what is whole stays whole.
fn fields(body: &Value, is_whole: fn(&Value) -> bool) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (name, value) in body.as_object().into_iter().flatten() {
        collect(name.to_string(), value, is_whole, &mut found);
    }
    found
}

fn collect<'v>(name: String, value: &'v Value, is_whole: fn(&Value) -> bool, found: &mut Vec<(String, &'v Value)>) {
    match value {
        Value::Null => {}
        Value::Array(items) => items.iter().for_each(|item| collect(format!("{name}[]"), item, is_whole, found)),
        Value::Object(_) if is_whole(value) => found.push((name, value)),
        Value::Object(inner) => {
            inner.iter().for_each(|(key, item)| collect(format!("{name}[{key}]"), item, is_whole, found));
        }
        _ => found.push((name, value)),
    }
}

fn is_part(value: &Value) -> bool {
    is_file(value) || link(value).is_some()
}

/// The address of a file that is only that, with or without a name and a type.
fn link(value: &Value) -> Option<Arc<str>> {
    let known = |name: &Arc<str>| matches!(&**name, "url" | "filename" | "content_type");
    let fields = value.as_object().filter(|fields| fields.keys().all(known))?;
    fields.get("url")?.as_str().map(Arc::from)
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

fn multipart(body: &Value, files: &Files) -> Vec<u8> {
    let boundary = boundary(body);
    let mut bytes = Vec::new();
    for (name, value) in fields(body, is_part) {
        bytes.extend(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(&name)).bytes());
        match is_part(value) {
            true => file(value, files, &mut bytes),
            false => bytes.extend(format!("\r\n\r\n{}", text(value)).bytes()),
        }
        bytes.extend(b"\r\n");
    }
    bytes.extend(format!("--{boundary}--\r\n").bytes());
    bytes
}

fn file(value: &Value, files: &Files, bytes: &mut Vec<u8>) {
    let field = |name: &str| value.get(name).and_then(Value::as_str);
    let link = link(value);
    let fetched = link.as_ref().and_then(|link| files.get(link));
    let own_kind = fetched.and_then(|file| file.content_type.as_deref());
    let kind = field("content_type").or(own_kind).unwrap_or("application/octet-stream");
    let kind: String = kind.chars().filter(|c| !c.is_control()).collect();
    let name = field("filename").map(str::to_owned).or_else(|| link.as_deref().map(name_of));
    let name = quoted(name.as_deref().unwrap_or("file"));
    bytes.extend(format!("; filename=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n").bytes());
    match fetched {
        Some(file) => bytes.extend(&file.bytes),
        None => bytes.extend(STANDARD.decode(field("base64").unwrap_or_default()).unwrap_or_default()),
    }
}

/// The name of a file by its address: the last part of the path.
fn name_of(link: &str) -> String {
    let path = link.split(['?', '#']).next().unwrap_or_default();
    let name = path.split("://").last().and_then(|rest| rest.split_once('/')).map_or("", |(_, path)| path);
    let name = super::decode(name.rsplit('/').next().unwrap_or_default());
    if name.trim().is_empty() { "file".to_owned() } else { name }
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
        let bytes = Encoding::Form.bytes(&body, &Files::new());
        assert_eq!(String::from_utf8_lossy(&bytes), "grant=a%20b&tags%5B%5D=x&tags%5B%5D=y&of%5Bid%5D=7");
    }

    #[test]
    fn a_file_stands_in_a_part_of_its_own() {
        let file = Value::object([("filename", "a\"b.txt"), ("content_type", "text/plain"), ("base64", "aGk=")]);
        let body = Value::object([("content", Value::from("see")), ("attachments", Value::array([file]))]);
        let bytes = String::from_utf8_lossy(&Encoding::Multipart.bytes(&body, &Files::new())).into_owned();
        let boundary = boundary(&body);
        let expected = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\nsee\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"attachments[]\"; filename=\"a%22b.txt\"\r\n\
             Content-Type: text/plain\r\n\r\nhi\r\n--{boundary}--\r\n"
        );
        assert_eq!(bytes, expected);
        assert!(Encoding::Multipart.content_type(&body).ends_with(&boundary));
    }

    #[test]
    fn a_file_that_is_only_an_address_is_put_in() {
        let linked = |url: &str| Value::object([("url", url)]);
        let named = Value::object([
            ("url", "https://a.example/x"),
            ("filename", "bill.pdf"),
            ("content_type", "application/pdf"),
        ]);
        let body = Value::object([("attachments", Value::array([linked("https://a.example/v/a%20b.png?k=1"), named]))]);
        let links = Encoding::Multipart.links(&body);
        assert_eq!(
            links.iter().map(|link| &**link).collect::<Vec<_>>(),
            ["https://a.example/v/a%20b.png?k=1", "https://a.example/x"]
        );
        assert!(Encoding::Form.links(&body).is_empty(), "only a form with files has them");
        let fetched = |text: &str| File { content_type: Some("image/png".to_owned()), bytes: text.into() };
        let files = links.into_iter().zip([fetched("one"), fetched("two")]).collect();
        let bytes = String::from_utf8_lossy(&Encoding::Multipart.bytes(&body, &files)).into_owned();
        assert!(bytes.contains("filename=\"a b.png\"\r\nContent-Type: image/png\r\n\r\none\r\n"), "{bytes}");
        assert!(bytes.contains("filename=\"bill.pdf\"\r\nContent-Type: application/pdf\r\n\r\ntwo\r\n"), "{bytes}");
        assert_eq!(name_of("https://a.example"), "file");
        assert_eq!(name_of("https://a.example/"), "file");
    }
}
