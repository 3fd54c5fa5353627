//! Text inside a payload that is itself JSON, XML, a form, base64 or percent-encoded.

use std::collections::HashMap;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;

use super::charset::Charset;
use super::error::DecodeError;
use super::{Limits, form, xml};
use crate::path::{Location, Path, Step};
use crate::value::{Value, json};

/// How a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    Json,
    Xml,
    Form,
    Base64,
    /// `%C3%A9` for `é`
    Url,
}

/// The texts that a path finds, and how each is read, one layer after another.
#[derive(Clone, Debug)]
pub struct Nested {
    pub path: Path,
    pub layers: Vec<Layer>,
}

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// The payload with those texts read, in the order written: a later path may lead into what an earlier one has read.
pub fn decode(payload: Value, nested: &[Nested], limits: &Limits) -> Result<Value, DecodeError> {
    nested.iter().try_fold(payload, |payload, step| step.apply(payload, limits))
}

impl Nested {
    fn apply(&self, payload: Value, limits: &Limits) -> Result<Value, DecodeError> {
        let found = self.path.select(&payload, limits.nodes);
        let texts = found.into_iter().filter_map(|(at, value)| Some((at, value.as_str()?)));
        let mut edits = Edit::default();
        // All that is read counts together, whether it stands in one text or in many.
        let mut left = limits.nodes.saturating_sub(nodes(&payload));
        for (at, text) in texts {
            let inner = Limits { depth: limits.depth.saturating_sub(at.0.len()), nodes: left, ..*limits };
            let value = self.read(text, &inner)?;
            left = left.saturating_sub(nodes(&value));
            edits.insert(at, value);
        }
        Ok(edits.made(&payload))
    }

    fn read(&self, text: &str, limits: &Limits) -> Result<Value, DecodeError> {
        let mut value = Value::from(text);
        for layer in &self.layers {
            let Some(text) = value.as_str().filter(|text| !text.is_empty()) else { break };
            value = layer.read(text, self.path.text(), limits)?;
        }
        Ok(value)
    }
}

impl Layer {
    /// The texts of this kind, as they are named in messages.
    fn name(self) -> &'static str {
        match self {
            Layer::Json => "JSON",
            Layer::Xml => "XML",
            Layer::Form => "a form",
            Layer::Base64 => "base64 of a text",
            Layer::Url => "a percent-encoded text",
        }
    }

    fn read(self, text: &str, path: &str, limits: &Limits) -> Result<Value, DecodeError> {
        let subject = format!("`decode`: the text at `{path}` is not {}", self.name());
        match self {
            Layer::Json => {
                let limits = json::Limits { depth: limits.depth, nodes: limits.nodes };
                json::parse(text.as_bytes(), &limits).map_err(|error| DecodeError::json(subject, &error))
            }
            Layer::Xml => xml::parse(text.trim_start_matches('\u{feff}'), &subject, limits),
            Layer::Form => {
                form::decode_within(text.as_bytes(), Charset::Unsaid, limits).map_err(|error| error.of_subject(subject))
            }
            Layer::Base64 => base64_text(text).map(Value::from).ok_or_else(|| DecodeError::malformed(subject, "")),
            Layer::Url => {
                let bytes: Vec<u8> = percent_decode_str(text).collect();
                String::from_utf8(bytes).map(Value::from).map_err(|_| DecodeError::malformed(subject, ""))
            }
        }
    }
}

/// Either alphabet, with or without padding, in lines or in one.
fn base64_text(text: &str) -> Option<String> {
    let bytes: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let is_url_safe = bytes.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let alphabet = if is_url_safe { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
    let decoded = GeneralPurpose::new(alphabet, LENIENT).decode(&bytes).ok()?;
    String::from_utf8(decoded).ok()
}

/// Values that take the place of others, by where they stand.
#[derive(Default)]
struct Edit {
    value: Option<Value>,
    below: HashMap<Step, Edit>,
}

impl Edit {
    fn insert(&mut self, at: Location, value: Value) {
        let place = at.0.into_iter().fold(self, |edit, step| edit.below.entry(step).or_default());
        place.value = Some(value);
    }

    /// A value with what takes its place, or the place of what is in it.
    fn made(&self, whole: &Value) -> Value {
        if let Some(value) = &self.value {
            return value.clone();
        }
        match whole {
            _ if self.below.is_empty() => whole.clone(),
            Value::Object(object) => Value::object(object.iter().map(|(key, value)| {
                let edit = self.below.get(&Step::Key(key.clone()));
                (key.clone(), edit.map_or_else(|| value.clone(), |edit| edit.made(value)))
            })),
            Value::Array(items) => Value::array(items.iter().enumerate().map(|(index, value)| {
                let edit = self.below.get(&Step::Index(index));
                edit.map_or_else(|| value.clone(), |edit| edit.made(value))
            })),
            _ => whole.clone(),
        }
    }
}

/// How many values there are in a value, itself among them.
fn nodes(value: &Value) -> usize {
    match value {
        Value::Object(object) => 1 + object.values().map(nodes).sum::<usize>(),
        Value::Array(items) => 1 + items.iter().map(nodes).sum::<usize>(),
        _ => 1,
    }
}

/// How many lists and objects are inside one another.
pub(super) fn depth(value: &Value) -> usize {
    match value {
        Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
