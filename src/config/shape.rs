//! The language as JSON Schema: what [`Decode`] reads, told to editors by the same declarations and their doc comments.

pub mod keywords;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Decode, NamedList, Required};
use crate::document::{Document, Node};
use crate::value::Value;
use keywords::{anything, described, joined, only_one, or_nothing, text, texts};

/// What an editor can be told about: the JSON Schema of what `Decode` takes.
///
/// A list or mapping may be left empty, as by `Decode`: its lines may all be comments. A text may not, though `Decode`
/// takes nothing for a key that is not there: an editor would offer `null` at every key.
pub trait Shape {
    /// The schema. What has a name joins `shapes` and is referred to.
    fn shape(shapes: &mut Shapes) -> Value;
}

/// The shapes that have a name: a schema keeps them under `$defs`.
#[derive(Debug)]
pub struct Shapes {
    named: BTreeMap<String, Value>,
    /// What the compiler asks beyond the types, by the same names.
    further: Value,
}

/// One key of a mapping.
#[derive(Debug)]
pub struct Field {
    key: &'static str,
    shape: Value,
    required: bool,
}

impl Field {
    /// A key is required when its type has no value for a key that is not there.
    pub fn of<T: Decode + Shape>(key: &'static str, docs: &[&str], shapes: &mut Shapes) -> Field {
        Field { key, shape: described(docs, &T::shape(shapes)), required: T::absent().is_none() }
    }

    /// A key that may be left out, of a shape that no type gives.
    pub fn shaped(key: &'static str, docs: &[&str], shape: &Value) -> Field {
        Field { key, shape: described(docs, shape), required: false }
    }
}

impl Default for Shapes {
    fn default() -> Self {
        let (document, _) = Document::parse("further.yaml", include_str!("shape/further.yaml"));
        let further = document.root.map(|root| root.to_value()).unwrap_or_default();
        Shapes { named: BTreeMap::new(), further }
    }
}

impl Shapes {
    /// A mapping with known keys.
    pub fn record(&mut self, name: &str, docs: &[&str], fields: impl FnOnce(&mut Shapes) -> Vec<Field>) -> Value {
        self.named(name, docs, |shapes| {
            let mut fields = fields(shapes);
            fields.retain(|field| !shapes.is_later(name, field.key));
            let required: Vec<&str> = fields.iter().filter(|field| field.required).map(|field| field.key).collect();
            let sort = if required.is_empty() { or_nothing("object") } else { Value::from("object") };
            let required = (!required.is_empty()).then(|| ("required", Value::from(required)));
            let properties = Value::object(fields.into_iter().map(|field| (field.key, field.shape)));
            let keywords = [("properties", properties), ("additionalProperties", Value::from(false))];
            Value::object([("type", sort)].into_iter().chain(required).chain(keywords))
        })
    }

    /// One word of a few. An `enum` beside its descriptions, and not a `oneOf` of constants: yaml-language-server lists
    /// the words of an `enum` when the key is hovered, and shows each one's description in a completion. Of constants it
    /// would show the description of the one that is there in place of the key's.
    pub fn words(&mut self, name: &str, docs: &[&str], words: &[(&str, &[&str])]) -> Value {
        self.named(name, docs, |shapes| {
            let words: Vec<_> = words.iter().filter(|(word, _)| !shapes.is_later(name, word)).collect();
            Value::object([
                ("enum", Value::array(words.iter().map(|(word, _)| *word))),
                ("markdownEnumDescriptions", Value::array(words.iter().map(|(_, docs)| text(docs)))),
            ])
        })
    }

    /// A mapping of one key, which chooses a kind.
    pub fn choice(&mut self, name: &str, docs: &[&str], kinds: impl FnOnce(&mut Shapes) -> Vec<Field>) -> Value {
        self.named(name, docs, |shapes| {
            let kinds = kinds(shapes);
            let keys: Vec<&str> = kinds.iter().map(|kind| kind.key).collect();
            let properties = Value::object(kinds.into_iter().map(|kind| (kind.key, kind.shape)));
            let keywords = [("properties", properties), ("additionalProperties", Value::from(false))];
            let choice = Value::object([("type", Value::from("object"))].into_iter().chain(keywords));
            joined(&choice, &only_one(&keys))
        })
    }

    /// Keeps a shape under the name of its type, and refers to it.
    fn named(&mut self, name: &str, docs: &[&str], shape: impl FnOnce(&mut Shapes) -> Value) -> Value {
        let key = kebab(name);
        if !self.named.contains_key(&key) {
            let shape = described(docs, &shape(self));
            let more = self.further.get(&key).cloned().unwrap_or_default();
            let only: Vec<&str> = texts(&more, "one_of").collect();
            self.named.insert(key.clone(), joined(&joined(&shape, &more), &only_one(&only)));
        }
        Value::object([("$ref", format!("#/$defs/{key}"))])
    }

    /// Whether a key or word is part of the language and not of this version yet: `check` refuses it, so it is not told.
    fn is_later(&self, name: &str, word: &str) -> bool {
        self.further.get(&kebab(name)).is_some_and(|more| texts(more, "later").any(|later| later == word))
    }

    /// Adds keywords to a shape that has a name.
    pub fn join(&mut self, name: &str, more: &Value) {
        if let Some(shape) = self.named.get_mut(name) {
            *shape = joined(shape, more);
        }
    }

    /// The keys of a mapping that has a name.
    pub fn properties(&self, name: &str) -> impl Iterator<Item = &Arc<str>> {
        let properties = self.named.get(name).and_then(|shape| shape.get("properties")?.as_object());
        properties.into_iter().flat_map(|properties| properties.keys())
    }

    /// The schema of a file that holds the shape of a name.
    pub fn file(mut self, name: &str) -> Value {
        let root = self.named.remove(name).unwrap_or_default();
        // What only a key for later refers to is not told either.
        let shapes = [&root].into_iter().chain(self.named.values()).map(Value::to_json).collect::<Vec<_>>();
        self.named.retain(|name, _| shapes.iter().any(|shape| shape.contains(&format!("\"#/$defs/{name}\""))));
        let draft = Value::object([("$schema", "https://json-schema.org/draft/2020-12/schema")]);
        // The file itself may not be empty.
        let more = [("type", Value::from("object")), ("$defs", Value::object(self.named))];
        joined(&joined(&draft, &root), &Value::object(more))
    }
}

/// `ExtractFields` as `extract-fields`.
fn kebab(name: &str) -> String {
    let dashed = name.char_indices().flat_map(|(at, c)| {
        let dash = (at > 0 && c.is_uppercase()).then_some('-');
        dash.into_iter().chain(c.to_lowercase())
    });
    dashed.collect()
}

impl<T: Shape> Shape for Option<T> {
    fn shape(shapes: &mut Shapes) -> Value {
        T::shape(shapes)
    }
}

impl<T: Shape> Shape for Required<T> {
    fn shape(shapes: &mut Shapes) -> Value {
        T::shape(shapes)
    }
}

impl<T: Shape> Shape for Vec<T> {
    fn shape(shapes: &mut Shapes) -> Value {
        Value::object([("type", or_nothing("array")), ("items", T::shape(shapes))])
    }
}

impl<T: Shape> Shape for NamedList<T> {
    fn shape(shapes: &mut Shapes) -> Value {
        Value::object([("type", or_nothing("object")), ("additionalProperties", T::shape(shapes))])
    }
}

/// Anything: it may hold templates.
impl Shape for Node {
    fn shape(_: &mut Shapes) -> Value {
        anything()
    }
}
