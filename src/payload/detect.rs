//! `format: auto`: what the content type says, unless the bytes are plainly something else.

use super::charset::{self, Charset};
use super::error::{DecodeError, Fault};
use super::{Body, Format, jwt};
use crate::value::Value;

impl Body<'_> {
    pub(super) fn detect(&self) -> Result<Value, DecodeError> {
        let kind = self.raw.content_type();
        let Some(first) = self.first_letter() else { return self.decode(Format::Query) };
        match (kind.as_str(), first) {
            (kind, _) if is_token_type(kind) => self.decode(Format::Jwt),
            (kind, _) if jwt::is_token(self.bytes) => {
                self.decode(Format::Jwt).or_else(|error| self.or_text(kind, error))
            }
            (kind, _) if is_json_type(kind) => self.decode(Format::Json),
            // Some senders put the wrong type on JSON.
            (_, '{' | '[') => self.json_or_form(&kind),
            ("multipart/form-data", _) => self.decode(Format::Multipart),
            (kind, _) if kind.starts_with("multipart/") => {
                Err(DecodeError::unsupported("of several parts and no `multipart/form-data`"))
            }
            (kind, _) if is_xml_type(kind) => self.decode(Format::Xml),
            ("text/html", _) => self.decode(Format::Text),
            (kind, '<') => self.xml_or(if is_form_type(kind) { Format::Form } else { Format::Text }),
            (kind, _) if is_form_type(kind) || (kind.is_empty() && looks_like_a_form(self.bytes)) => {
                self.decode(Format::Form)
            }
            _ => self.decode(Format::Text),
        }
    }

    /// Whether `detect` takes it for a form without trying anything else first.
    pub(super) fn is_detected_as_form(&self) -> bool {
        let is_form = is_form_type(&self.raw.content_type()) && !jwt::is_token(self.bytes);
        is_form && self.first_letter().is_some_and(|first| !matches!(first, '{' | '[' | '<'))
    }

    /// The first letter that is no white space, in any charset whose letters below 128 are those of ASCII, or in UTF-16.
    pub(super) fn first_letter(&self) -> Option<char> {
        let start = self.bytes.get(..256).unwrap_or(self.bytes);
        let start = start.get(..start.len() & !1).filter(|start| start.contains(&0)).unwrap_or(start);
        let text = charset::text(start, self.charset).unwrap_or_else(|| String::from_utf8_lossy(start));
        let first = text.trim_start_matches('\u{feff}').chars().find(|c| !c.is_ascii_whitespace());
        // More white space than that is looked through byte by byte.
        first.or_else(|| self.bytes.iter().copied().find(|byte| !byte.is_ascii_whitespace()).map(char::from))
    }

    fn json_or_form(&self, kind: &str) -> Result<Value, DecodeError> {
        // A form's first key may begin with a bracket, and goes on to its `=` without a quote.
        let key = self.bytes.split(|byte| *byte == b'=').next().unwrap_or_default();
        let may_be_form = is_form_type(kind) && key.len() < self.bytes.len() && !key.contains(&b'"');
        self.json().or_else(|error| if may_be_form { self.decode(Format::Form) } else { self.or_text(kind, error) })
    }

    /// The text itself, where the sender says that it is one: somebody's message may begin with any letter. What is too much
    /// stays so.
    fn or_text(&self, kind: &str, error: DecodeError) -> Result<Value, DecodeError> {
        match is_plain_text(kind) && error.fault == Fault::Malformed {
            true => self.decode(Format::Text),
            false => Err(error),
        }
    }

    /// XML where it is that, or begins by saying so.
    fn xml_or(&self, other: Format) -> Result<Value, DecodeError> {
        let start = self.bytes.get(..64).unwrap_or(self.bytes);
        let says_so = String::from_utf8_lossy(start).trim_start_matches('\u{feff}').trim_start().starts_with("<?xml");
        let says_so = says_so || Charset::Unsaid == self.charset && start.contains(&0);
        let says_so = says_so && !is_plain_text(&self.raw.content_type());
        self.decode(Format::Xml).or_else(|error| if says_so { Err(error) } else { self.decode(other) })
    }
}

fn is_json_type(kind: &str) -> bool {
    matches!(kind, "application/json" | "text/json") || kind.ends_with("+json")
}

fn is_xml_type(kind: &str) -> bool {
    matches!(kind, "application/xml" | "text/xml") || kind.ends_with("+xml")
}

/// Text that nobody meant for a program; JSON and XML have been asked for.
fn is_plain_text(kind: &str) -> bool {
    kind.starts_with("text/") && !is_json_type(kind) && !is_xml_type(kind)
}

fn is_token_type(kind: &str) -> bool {
    kind == "application/jwt" || kind.ends_with("+jwt")
}

fn is_form_type(kind: &str) -> bool {
    kind == "application/x-www-form-urlencoded"
}

/// `a=1&b=x+y`: what a sender without a content type probably means by it.
fn looks_like_a_form(bytes: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'{' | b'}' | b'\\');
    let bytes = bytes.trim_ascii();
    bytes.iter().all(is_plain) && bytes.iter().position(|byte| *byte == b'=').is_some_and(|at| at > 0)
}
