//! XML as objects: attributes are `@name`, text is `#text`, siblings of one name are a list, prefixes stay.
//!
//! A document type is refused, and with it every entity that a document could define: there are the five of XML and
//! those of letters by number.

mod element;

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::Limits;
use super::charset::{self, Charset};
use super::error::{DecodeError, Fault};
use super::nested::depth;
use crate::value::Value;
use element::Element;

/// Where the encoding stands, if a document declares it.
const PROLOG: usize = 256;

/// What is wrong, where the reader stands.
pub(super) struct XmlError {
    fault: Fault,
    reason: String,
}

type Read<T> = Result<T, XmlError>;

fn malformed<T>(reason: impl Into<String>) -> Read<T> {
    Err(XmlError { fault: Fault::Malformed, reason: reason.into() })
}

fn too_large(reason: &str) -> XmlError {
    XmlError { fault: Fault::TooLarge, reason: reason.to_owned() }
}

/// A body, in the charset that its header or its first line declares.
pub(super) fn decode(bytes: &[u8], declared: Charset, limits: &Limits) -> Result<Value, DecodeError> {
    let text = charset::text(bytes, declared.or(own_charset(bytes)));
    let text = text.ok_or_else(|| DecodeError::malformed("the body is not XML", "it is not text in its charset"))?;
    parse(&text, "the body is not XML", limits)
}

/// `<?xml version="1.0" encoding="ISO-8859-1"?>`. What is in UTF-16 is known by its first bytes.
fn own_charset(bytes: &[u8]) -> Charset {
    let first = String::from_utf8_lossy(bytes.get(..PROLOG).unwrap_or(bytes)).into_owned();
    let declaration = first.trim_start().strip_prefix("<?xml").and_then(|rest| rest.split_once("?>"));
    let label = declaration.and_then(|(declaration, _)| declaration.split_once("encoding"));
    let label = label.and_then(|(_, rest)| rest.trim_start().strip_prefix('=')).map(str::trim_start);
    let label = label.and_then(|rest| rest.get(1..)?.split(['"', '\'']).next());
    label.map_or(Charset::Unsaid, Charset::of_label)
}

/// A text as XML. `subject` says what can't be read, where it can't.
pub(super) fn parse(text: &str, subject: &str, limits: &Limits) -> Result<Value, DecodeError> {
    let mut document = Document { reader: Reader::from_str(text), open: Vec::new(), root: None, limits, nodes: 0 };
    let value = document.read();
    let value = value.and_then(|value| if depth(&value) > limits.depth { Err(too_large(TOO_DEEP)) } else { Ok(value) });
    value.map_err(|error| {
        let place = place(text, document.reader.error_position().max(document.reader.buffer_position()));
        DecodeError { fault: error.fault, subject: subject.to_owned(), place: Some(place), reason: error.reason }
    })
}

/// Line and column of a byte, both from 1.
fn place(text: &str, at: u64) -> (usize, usize) {
    let at = usize::try_from(at).unwrap_or(usize::MAX).min(text.len());
    let before = text.as_bytes().get(..at).unwrap_or_default();
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    (line, before.iter().skip(start).filter(|byte| **byte & 0xC0 != 0x80).count() + 1)
}

struct Document<'t> {
    reader: Reader<&'t [u8]>,
    open: Vec<Element>,
    root: Option<Value>,
    limits: &'t Limits,
    nodes: usize,
}

impl Document<'_> {
    fn read(&mut self) -> Read<Value> {
        loop {
            let event = self
                .reader
                .read_event()
                .map_err(|error| XmlError { fault: Fault::Malformed, reason: words(&error) })?;
            match event {
                Event::Start(start) => self.start(&start)?,
                Event::Empty(start) => {
                    self.start(&start)?;
                    self.end()?;
                }
                Event::End(_) => self.end()?,
                Event::Text(text) => self.text(std::str::from_utf8(&text).unwrap_or_default(), false)?,
                Event::CData(text) => self.text(std::str::from_utf8(&text).unwrap_or_default(), true)?,
                Event::GeneralRef(entity) => {
                    let letter = letter_of(&entity)?;
                    self.text(letter.encode_utf8(&mut [0; 4]), true)?;
                }
                Event::DocType(_) => return malformed("a document type (`<!DOCTYPE …>`) is not read"),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
                Event::Eof => return self.finished(),
            }
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Read<()> {
        if self.open.is_empty() && self.root.is_some() {
            return malformed("a second element follows the first one");
        }
        if self.open.len() >= self.limits.depth.saturating_sub(1) {
            return Err(too_large(TOO_DEEP));
        }
        let mut element = Element::new(name_of(start.name().as_ref())?);
        self.count()?;
        for attribute in start.attributes().with_checks(false) {
            self.count()?;
            let attribute =
                attribute.map_err(|_| XmlError { fault: Fault::Malformed, reason: UNREADABLE.to_owned() })?;
            let value = std::str::from_utf8(&attribute.value).unwrap_or_default();
            if !element.attribute(name_of(attribute.key.as_ref())?, unescaped(value)?) {
                return malformed("an element has the same attribute twice");
            }
        }
        self.open.push(element);
        Ok(())
    }

    fn end(&mut self) -> Read<()> {
        let Some(element) = self.open.pop() else { return malformed("an element ends that never began") };
        let (name, value) = element.finished();
        match self.open.last_mut() {
            Some(parent) => parent.child(name, value),
            None => self.root = Some(Value::object([(name, value)])),
        }
        Ok(())
    }

    fn text(&mut self, text: &str, exact: bool) -> Read<()> {
        match self.open.last_mut() {
            Some(element) => element.text(text, exact),
            None if exact || !text.trim_start_matches('\u{feff}').trim_ascii().is_empty() => {
                return malformed("there is text outside of the first element");
            }
            None => {}
        }
        Ok(())
    }

    fn count(&mut self) -> Read<()> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes { Err(too_large("this document has too many values")) } else { Ok(()) }
    }

    fn finished(&mut self) -> Read<Value> {
        if !self.open.is_empty() {
            return malformed(format!("the text ends, and {} elements are still open", self.open.len()));
        }
        self.root.take().map_or_else(|| malformed("there is no element in it"), Ok)
    }
}

const TOO_DEEP: &str = "elements are nested too deeply";
const UNREADABLE: &str = "an attribute is not written as `name=\"value\"`";

fn name_of(bytes: &[u8]) -> Read<&str> {
    let name = std::str::from_utf8(bytes).unwrap_or_default();
    let is_letter = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '-' | '.' | '\u{b7}') || !c.is_ascii();
    let is_first = |c: char| c.is_alphabetic() || matches!(c, '_' | ':') || !c.is_ascii();
    match name.starts_with(is_first) && name.chars().all(|c| is_letter(c) && !c.is_control()) {
        true => Ok(name),
        false => malformed("an element or attribute has a name that can't be one"),
    }
}

/// An attribute's value: entities stand for letters, line breaks for spaces.
fn unescaped(value: &str) -> Read<String> {
    let mut text = String::with_capacity(value.len());
    let value = value.replace("\r\n", " ").replace(['\t', '\n', '\r'], " ");
    let mut pieces = value.split('&');
    text.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let Some((entity, rest)) = piece.split_once(';') else { return malformed(AMPERSAND) };
        text.push(letter_of(&BytesRef::new(entity))?);
        text.push_str(rest);
    }
    Ok(text)
}

const AMPERSAND: &str = "a `&` stands for itself; in XML it is written `&amp;`";

/// `&amp;` and `&#xE9;`
fn letter_of(entity: &BytesRef<'_>) -> Read<char> {
    let is_text =
        |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if entity.is_char_ref() {
        let letter = entity.resolve_char_ref().ok().flatten().filter(|c| is_text(*c));
        return letter.map_or_else(|| malformed("a letter is written by a number that stands for none"), Ok);
    }
    match entity.as_ref() {
        b"amp" => Ok('&'),
        b"lt" => Ok('<'),
        b"gt" => Ok('>'),
        b"quot" => Ok('"'),
        b"apos" => Ok('\''),
        _ => malformed("an entity is used that is none of `&amp;`, `&lt;`, `&gt;`, `&quot;` and `&apos;`"),
    }
}

/// What is wrong, without the names that the library puts into its words.
fn words(error: &quick_xml::Error) -> String {
    use quick_xml::errors::{IllFormedError, SyntaxError};
    let words = match error {
        quick_xml::Error::Syntax(SyntaxError::UnclosedTag) => "a tag is not closed with `>`",
        quick_xml::Error::Syntax(SyntaxError::UnclosedComment) => "a comment is not closed with `-->`",
        quick_xml::Error::Syntax(SyntaxError::UnclosedCData) => "a CDATA section is not closed with `]]>`",
        quick_xml::Error::Syntax(SyntaxError::UnclosedDoctype | SyntaxError::InvalidBangMarkup) => {
            "what begins with `<!` is neither a comment nor a CDATA section"
        }
        quick_xml::Error::Syntax(_) => "a tag is not written as XML wants it",
        quick_xml::Error::IllFormed(IllFormedError::MismatchedEndTag { .. }) => {
            "an element ends that is not the last one begun"
        }
        quick_xml::Error::IllFormed(IllFormedError::UnmatchedEndTag(_)) => "an element ends that never began",
        quick_xml::Error::IllFormed(IllFormedError::UnclosedReference) => AMPERSAND,
        quick_xml::Error::IllFormed(_) => "it is not well-formed",
        _ => "it can't be read as XML",
    };
    words.to_owned()
}
