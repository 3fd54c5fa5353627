//! `multipart/form-data`: fields as in any form, and files as objects that hold them.

use std::convert::Infallible;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::{FutureExt, stream};
use multer::{Field, Multipart};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};

use super::Limits;
use super::charset::{self, Charset};
use super::error::DecodeError;
use super::form::Tree;
use super::header::{parameter, parameters};
use crate::value::Value;

/// What a file is that does not say it, by RFC 7578.
const UNSAID: &str = "text/plain";
const SUBJECT: &str = "the body is not multipart/form-data";
/// RFC 2046 allows 70; some senders don't count.
const LONGEST_BOUNDARY: usize = 200;

/// The parts of a body as one object.
pub(super) fn decode(body: &[u8], content_type: &str, limits: &Limits) -> Result<Value, DecodeError> {
    let malformed = |reason: &str| DecodeError::malformed(SUBJECT, reason);
    let boundary = parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty());
    let boundary = boundary.ok_or_else(|| malformed("its content type has no `boundary`"))?;
    if boundary.len() > LONGEST_BOUNDARY {
        return Err(malformed("the `boundary` of its content type is too long"));
    }
    let whole = stream::iter([Ok::<_, Infallible>(with_line_breaks(body, boundary.as_bytes()))]);
    let mut parts = Multipart::new(whole, boundary);
    let declared = Charset::of_header(content_type);
    let mut tree = Tree::within(limits);
    for number in 1usize.. {
        // All the bytes are there: nothing is waited for.
        let field = parts.next_field().now_or_never().ok_or(()).and_then(|field| field.map_err(|_| ()));
        let Some(field) = field.map_err(|()| broken(number))? else { break };
        if number > limits.parts {
            return Err(DecodeError::too_large(format!("the body has more than {} parts", limits.parts)));
        }
        let (name, value) = part(field, number, declared)?;
        if !tree.insert(&name, value) {
            return Err(DecodeError::too_large(format!("the body holds more than {} values", limits.nodes)));
        }
    }
    Ok(tree.into_value())
}

fn broken(number: usize) -> DecodeError {
    let reason = match number {
        1 => "its first part can't be read; each begins with a line of `--` and the `boundary` of the content type"
            .into(),
        _ => format!("it breaks off at part {number}; the last one ends with a line of `--`, the boundary and `--`"),
    };
    DecodeError::malformed(SUBJECT, reason)
}

/// One part: its name, and its text or file.
fn part(field: Field<'_>, number: usize, declared: Charset) -> Result<(String, Value), DecodeError> {
    let malformed = |reason: &str| DecodeError::malformed(SUBJECT, format!("part {number} {reason}"));
    let header = |name: &str| field.headers().get(name).map(|value| value.as_bytes().to_vec());
    let disposition = header("content-disposition").unwrap_or_default();
    let disposition = charset::text(&disposition, charset::USUAL).unwrap_or_default().into_owned();
    let content_type = header("content-type").map(|value| String::from_utf8_lossy(&value).trim().to_owned());
    let given = parameters(&disposition);
    let given = |name: &str| given.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let name = given("name").ok_or_else(|| malformed("has no name"))?;
    let filename = given("filename*").and_then(|value| extended(&value)).or_else(|| given("filename"));
    let bytes = field.bytes().now_or_never().and_then(Result::ok).ok_or_else(|| broken(number + 1))?;
    let value = match filename {
        // A field for a file in which none was chosen.
        Some(filename) if filename.is_empty() && bytes.is_empty() => Value::Null,
        Some(filename) => file(&filename, content_type.as_deref().unwrap_or(UNSAID), &bytes),
        None => {
            let charset = Charset::of_header(content_type.as_deref().unwrap_or_default()).or(declared);
            let text = charset::text(&bytes, charset.or(charset::USUAL));
            Value::from(&*text.ok_or_else(|| malformed("is not text in its charset"))?)
        }
    };
    Ok((name, value))
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

/// The same body with CR LF where lines of boundaries and headers end, as an editor may have kept it with LF alone.
/// What the parts hold is left as it is.
fn with_line_breaks(body: &[u8], boundary: &[u8]) -> Vec<u8> {
    let mut whole: Vec<u8> = Vec::with_capacity(body.len() + 64);
    let mut in_head = false;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        if line.strip_prefix(b"--").is_some_and(|line| line.starts_with(boundary)) {
            end_line(&mut whole);
            in_head = true;
        }
        whole.extend_from_slice(line);
        if in_head {
            end_line(&mut whole);
            in_head = !line.trim_ascii().is_empty();
        }
    }
    whole
}

fn end_line(whole: &mut Vec<u8>) {
    if whole.ends_with(b"\n") && !whole.ends_with(b"\r\n") {
        whole.pop();
        whole.extend_from_slice(b"\r\n");
    }
}
