//! `multipart/form-data`: fields as in any form, and files as objects that hold them. Nothing of the body is copied to find
//! its parts: a file may be most of what there is room for.

mod body;

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};

use super::Limits;
use super::charset::{self, Charset};
use super::error::DecodeError;
use super::form::Tree;
use super::header::{parameter, parameters};
use crate::value::Value;
use body::{Bodies, Found};

/// What a file is that does not say it, by RFC 7578.
const UNSAID: &str = "text/plain";
const SUBJECT: &str = "the body is not multipart/form-data";
/// RFC 2046 allows 70; some senders don't count.
const LONGEST_BOUNDARY: usize = 200;

/// The name of a field, and its value as sent; a file has none here.
pub type SentField = (String, Option<Vec<u8>>);

/// One part of a body.
struct Part<'b> {
    number: usize,
    name: String,
    /// What it says of its bytes; nothing where it does not.
    content_type: Option<String>,
    /// Nothing where it is no file.
    filename: Option<String>,
    bytes: Cow<'b, [u8]>,
}

/// The parts of a body as one object.
pub(super) fn decode(body: &[u8], content_type: &str, limits: &Limits) -> Result<Value, DecodeError> {
    let declared = Charset::of_header(content_type);
    let mut tree = Tree::within(limits);
    each(body, content_type, limits, |part| {
        let value = part.value(declared)?;
        match tree.insert(&part.name, value) {
            true => Ok(()),
            false => Err(DecodeError::too_large(format!("the body holds more than {} values", limits.nodes))),
        }
    })?;
    Ok(tree.into_value())
}

/// The fields of a body as sent, in order.
pub(super) fn fields(body: &[u8], content_type: &str, limits: &Limits) -> Result<Vec<SentField>, DecodeError> {
    let mut fields = Vec::new();
    each(body, content_type, limits, |part| {
        let value = part.filename.is_none().then(|| part.bytes.into_owned());
        fields.push((part.name, value));
        Ok(())
    })?;
    Ok(fields)
}

/// Does something with each part, in order.
fn each<'b>(
    body: &'b [u8],
    content_type: &str,
    limits: &Limits,
    mut does: impl FnMut(Part<'b>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let malformed = |reason: &str| DecodeError::malformed(SUBJECT, reason);
    let boundary = parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty());
    let boundary = boundary.ok_or_else(|| malformed("its content type has no `boundary`"))?;
    if boundary.len() > LONGEST_BOUNDARY {
        return Err(malformed("the `boundary` of its content type is too long"));
    }
    let mut bodies = Bodies::of(body, boundary.as_bytes()).ok_or_else(|| broken(1))?;
    for number in 1usize.. {
        let (head, bytes) = match bodies.next() {
            Found::Part(head, bytes) => (head, bytes),
            Found::End => break,
            Found::Broken => return Err(broken(number + 1)),
        };
        if number > limits.parts {
            return Err(DecodeError::too_large(format!("the body has more than {} parts", limits.parts)));
        }
        does(Part::read(number, head, bytes)?)?;
    }
    Ok(())
}

fn broken(number: usize) -> DecodeError {
    let reason = match number {
        1 => "its first part can't be read; each begins with a line of `--` and the `boundary` of the content type"
            .into(),
        _ => format!("it breaks off at part {number}; the last one ends with a line of `--`, the boundary and `--`"),
    };
    DecodeError::malformed(SUBJECT, reason)
}

impl<'b> Part<'b> {
    /// A part by the lines of its head and the bytes below them.
    fn read(number: usize, head: &[u8], bytes: &'b [u8]) -> Result<Self, DecodeError> {
        let malformed = |reason: &str| DecodeError::malformed(SUBJECT, format!("part {number} {reason}"));
        let header = |name: &str| body::header(head, name);
        let disposition = header("content-disposition").unwrap_or_default();
        let disposition = charset::text(&disposition, charset::USUAL).unwrap_or_default().into_owned();
        let content_type = header("content-type").map(|value| String::from_utf8_lossy(&value).trim().to_owned());
        let encoding = header("content-transfer-encoding").unwrap_or_default().trim_ascii().to_ascii_lowercase();
        let given = parameters(&disposition);
        let given = |name: &str| given.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let name = given("name").ok_or_else(|| malformed("has no name"))?;
        let filename = given("filename*").and_then(|value| extended(&value)).or_else(|| given("filename"));
        let bytes = match encoding.as_slice() {
            b"base64" => Cow::Owned(body::from_base64(bytes).ok_or_else(|| malformed("is not base64, as it says"))?),
            b"quoted-printable" => Cow::Owned(body::from_quoted_printable(bytes)),
            _ => Cow::Borrowed(bytes),
        };
        Ok(Part { number, name, content_type, filename, bytes })
    }

    fn value(&self, declared: Charset) -> Result<Value, DecodeError> {
        let content_type = self.content_type.as_deref();
        match &self.filename {
            // A field for a file in which none was chosen.
            Some(filename) if filename.is_empty() && self.bytes.is_empty() => Ok(Value::Null),
            Some(filename) => Ok(file(filename, content_type.unwrap_or(UNSAID), &self.bytes)),
            None => {
                let charset = Charset::of_header(content_type.unwrap_or_default()).or(declared);
                let text = charset::text(&self.bytes, charset.or(charset::USUAL)).map(|text| Value::from(&*text));
                let number = self.number;
                let reason = || format!("part {number} is not text in its charset");
                text.ok_or_else(|| DecodeError::malformed(SUBJECT, reason()))
            }
        }
    }
}

fn file(filename: &str, content_type: &str, bytes: &[u8]) -> Value {
    let digest = Sha256::digest(bytes);
    Value::object([
        ("filename", Value::from(filename)),
        ("content_type", Value::from(content_type)),
        ("size", Value::from(bytes.len() as u64)),
        ("sha256", Value::from(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())),
        ("base64", Value::from(BASE64_STANDARD.encode(bytes))),
    ])
}

/// A name as RFC 5987 writes it: `UTF-8''Rela%C3%A7%C3%A3o.pdf`.
fn extended(value: &str) -> Option<String> {
    let (label, rest) = value.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    let bytes: Vec<u8> = percent_decode_str(encoded).collect();
    charset::text(&bytes, Charset::of_label(label)).map(|text| text.into_owned())
}
