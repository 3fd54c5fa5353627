//! From the bytes of a request to its payload, one JSON value.

mod charset;
mod detect;
pub mod error;
pub mod form;
mod header;
mod inflate;
mod jwt;
mod multipart;
pub mod nested;
mod xml;

use std::borrow::Cow;

use crate::event::RawRequest;
use crate::value::{Value, json};
use charset::Charset;
pub use error::{DecodeError, Fault};
pub use multipart::SentField;

/// How a body is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// From the content type, then from the bytes.
    #[default]
    Auto,
    /// The same, but of the body alone: of a sender that signs its body, the query might be anyone's.
    AutoOfBody,
    Json,
    Form,
    Multipart,
    Xml,
    Query,
    Text,
    Jwt,
}

impl Format {
    pub const ALL: &'static [Format] = &[
        Format::Auto,
        Format::Json,
        Format::Form,
        Format::Multipart,
        Format::Xml,
        Format::Query,
        Format::Text,
        Format::Jwt,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Format::Auto | Format::AutoOfBody => "auto",
            Format::Json => "json",
            Format::Form => "form",
            Format::Multipart => "multipart",
            Format::Xml => "xml",
            Format::Query => "query",
            Format::Text => "text",
            Format::Jwt => "jwt",
        }
    }
}

/// How much may come of one body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a compressed body without its compression.
    pub inflated: usize,
    /// Parts of a multipart body.
    pub parts: usize,
    /// Lists and objects inside one another.
    pub depth: usize,
    /// Values of every kind, counted together.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { inflated: 10 * 1024 * 1024, parts: 1000, depth: 100, nodes: 100_000 }
    }
}

impl Limits {
    fn json(&self) -> json::Limits {
        json::Limits { depth: self.depth, nodes: self.nodes }
    }
}

/// The payload of a request, within the usual limits.
pub fn decode(raw: &RawRequest, format: Format) -> Result<Value, DecodeError> {
    decode_within(raw, format, &Limits::default())
}

/// The payload of a request.
pub fn decode_within(raw: &RawRequest, format: Format, limits: &Limits) -> Result<Value, DecodeError> {
    let bytes = match raw.body.is_empty() {
        true => Cow::Borrowed(raw.body.as_slice()),
        false => inflate::inflate(&raw.body, &codings(raw), limits.inflated)?,
    };
    let body =
        Body { raw, bytes: &bytes, charset: Charset::of_header(raw.header("content-type").unwrap_or("")), limits };
    body.decode(format)
}

/// The bytes of a body as they were before its `codings` (`Content-Encoding`) were applied, if there are at most so many and
/// the codings are known; nothing otherwise, or where none was applied.
pub fn inflated(bytes: &[u8], codings: &str, limit: usize) -> Option<Vec<u8>> {
    match inflate::inflate(bytes, codings, limit) {
        Ok(Cow::Owned(bytes)) => Some(bytes),
        Ok(Cow::Borrowed(_)) | Err(_) => None,
    }
}

/// A body in UTF-8: as it is where it is that, else by its mark or the charset of its content type. What is no letter becomes
/// U+FFFD: a body that has said most of what it says is not given up for one byte.
pub fn in_utf8(bytes: Vec<u8>, content_type: Option<&str>) -> Vec<u8> {
    if std::str::from_utf8(&bytes).is_ok() && !bytes.contains(&0) {
        return bytes;
    }
    let charset = content_type.map_or(Charset::Unsaid, Charset::of_header);
    charset::lossy(&bytes, charset).into_owned().into_bytes()
}

/// Whether a body is compressed, by what it says or as it begins.
pub fn is_compressed(raw: &RawRequest) -> bool {
    inflate::is_compressed(&raw.body, &codings(raw))
}

/// Whether the bytes of a body are read as a form just as they were sent.
pub fn is_read_as_form(raw: &RawRequest, format: Format) -> bool {
    let charset = Charset::of_header(raw.header("content-type").unwrap_or(""));
    let body = Body { raw, bytes: &raw.body, charset, limits: &Limits::default() };
    let is_form = match format {
        // The query is read then, and the body by nobody.
        Format::Form | Format::Query => true,
        Format::Auto | Format::AutoOfBody => body.is_detected_as_form(),
        Format::Json | Format::Multipart | Format::Xml | Format::Text | Format::Jwt => false,
    };
    is_form && !is_compressed(raw)
}

/// The fields of a multipart form as they were sent, in order, a file without a value; nothing where the body is read as
/// something else, or can't be read.
pub fn multipart_fields(raw: &RawRequest, format: Format, limits: &Limits) -> Option<Vec<SentField>> {
    let is_meant = matches!(format, Format::Auto | Format::AutoOfBody | Format::Multipart);
    let is_multipart = raw.content_type() == "multipart/form-data" && is_meant && !is_compressed(raw);
    let content_type = raw.header("content-type").filter(|_| is_multipart)?;
    multipart::fields(&raw.body, content_type, limits).ok()
}

/// How large a body may be once it is read, at most: as large as it is, unless it is compressed.
pub fn most_bytes(raw: &RawRequest, limits: &Limits) -> usize {
    match inflate::is_compressed(&raw.body, &codings(raw)) {
        true => inflate::most_bytes(raw.body.len(), &codings(raw), limits.inflated),
        false => raw.body.len(),
    }
}

fn codings(raw: &RawRequest) -> String {
    let all = raw.headers.iter().filter(|(name, _)| name == "content-encoding").map(|(_, value)| value.as_str());
    all.collect::<Vec<_>>().join(",")
}

/// A body without its compression, and what is known of it.
struct Body<'b> {
    raw: &'b RawRequest,
    bytes: &'b [u8],
    charset: Charset,
    limits: &'b Limits,
}

impl Body<'_> {
    fn decode(&self, format: Format) -> Result<Value, DecodeError> {
        match format {
            Format::Auto => self.detect(),
            Format::AutoOfBody if self.first_letter().is_none() => Ok(Value::Null),
            Format::AutoOfBody => self.detect(),
            Format::Json => self.json(),
            Format::Form => self.form(self.bytes, self.charset),
            Format::Query => self.form(self.raw.query().as_bytes(), Charset::Unsaid),
            Format::Multipart => {
                multipart::decode(self.bytes, self.raw.header("content-type").unwrap_or(""), self.limits)
            }
            Format::Xml => xml::decode(self.bytes, self.charset, self.limits),
            Format::Text => self.text().map(|text| Value::from(&*text)),
            Format::Jwt => jwt::decode(&self.text()?, &self.limits.json()),
        }
    }

    fn json(&self) -> Result<Value, DecodeError> {
        let text = charset::text(self.bytes, self.charset);
        // What is no text is shown where it stops being UTF-8.
        let bytes = text.as_ref().map_or(self.bytes, |text| text.as_bytes());
        json::parse(bytes, &self.limits.json()).map_err(|error| DecodeError::json("the body is not JSON", &error))
    }

    fn form(&self, bytes: &[u8], charset: Charset) -> Result<Value, DecodeError> {
        form::decode_within(bytes, charset, self.limits).map_err(|error| error.of_subject("the body is not a form"))
    }

    fn text(&self) -> Result<Cow<'_, str>, DecodeError> {
        let is_text = self.raw.content_type().starts_with("text/");
        let charset = if is_text { self.charset.or(charset::USUAL) } else { self.charset };
        charset::text(self.bytes, charset).ok_or_else(|| match self.charset {
            Charset::Unsaid => DecodeError::malformed("the body is not UTF-8 text", ""),
            Charset::Known(_) => DecodeError::malformed("the body is not text in the charset that it declares", ""),
            Charset::Unknown => DecodeError::unsupported("in a charset that is not known"),
        })
    }
}
