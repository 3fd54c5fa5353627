//! The spanned YAML reader: a text becomes a tree whose every node knows where it stands in the file.

mod block;
mod build;
mod comment;
mod dash;
mod edit;
mod flow;
mod indent;
mod item;
mod layout;
mod line;
mod outlier;
mod quote;
mod read;
pub mod reference;
pub mod span;
mod surplus;
mod syntax;
mod tab;
mod unquoted;
mod value;

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, KeyPath, On, Place, Segment};
use span::OffsetMap;

/// One YAML file, read.
#[derive(Clone, Debug)]
pub struct Document {
    pub file: Arc<str>,
    pub text: Arc<str>,
    /// Nothing for a file that is empty, has only comments, or cannot be read.
    pub root: Option<Node>,
}

/// A value of the document.
#[derive(Clone, Debug)]
pub struct Node {
    pub place: Place,
    /// Bytes of the file: a scalar with its quotes, a block scalar from its first content byte, a `[list]` or
    /// `{mapping}` with its brackets, any other list or mapping from its first to its last child.
    pub span: Range<usize>,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// Text as YAML decodes it, not yet typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    pub text: Arc<str>,
    pub style: Style,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
    Folded,
}

/// A key with its value, in the order written.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: Key,
    pub value: Node,
}

#[derive(Clone, Debug)]
pub struct Key {
    pub name: Arc<str>,
    pub span: Range<usize>,
    pub style: Style,
}

/// What a scalar means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed<'a> {
    Null,
    Bool(bool),
    /// The text of a valid JSON number, every digit kept.
    Number(&'a str),
    Text(&'a str),
}

impl Document {
    /// Reads a file. It never panics, and takes linear time, whatever the text; all problems that can be found
    /// are reported at once.
    pub fn parse(file: &str, text: &str) -> (Document, Vec<Diagnostic>) {
        let file: Arc<str> = file.into();
        let (root, diagnostics) = read::read(&file, text);
        (Document { file, text: text.into(), root }, diagnostics)
    }

    /// The byte range in the file of a symbolic place; of the deepest ancestor that exists, when it does not.
    pub fn resolve(&self, place: &Place) -> Range<usize> {
        if let On::Bytes(part) = place.on {
            return self.clamp(part.into());
        }
        let Some(root) = &self.root else { return 0..0 };
        let mut node = root;
        let mut key: Option<&Key> = None;
        for segment in place.path.segments() {
            match node.step(segment) {
                Some((found, name)) => (node, key) = (found, name),
                None => return node.span.clone(),
            }
        }
        match (&place.on, key, &node.kind) {
            (On::Key, Some(key), _) => key.span.clone(),
            (On::Part(part), _, Kind::Scalar(scalar)) => {
                OffsetMap::new(&self.text, node.span.clone(), scalar).range((*part).into())
            }
            _ => node.span.clone(),
        }
    }

    /// The node at a path, when there is one.
    pub fn node(&self, path: &KeyPath) -> Option<&Node> {
        let mut node = self.root.as_ref()?;
        for segment in path.segments() {
            (node, _) = node.step(segment)?;
        }
        Some(node)
    }

    fn clamp(&self, range: Range<usize>) -> Range<usize> {
        let start = self.text.floor_char_boundary(range.start);
        start..self.text.ceil_char_boundary(range.end.max(start))
    }
}

impl Node {
    /// The value of a key; nothing when this is not a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// A key with its value; nothing when this is not a mapping.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.as_map()?.iter().find(|entry| &*entry.key.name == key)
    }

    pub fn as_scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::List(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// What this is, as a message names it: `a list`, `the number 3`, `nothing`.
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::List(_) => "a list".into(),
            Kind::Map(_) => "a mapping".into(),
            Kind::Scalar(scalar) => match scalar.typed() {
                Typed::Null => "nothing".into(),
                Typed::Bool(value) => value.to_string(),
                Typed::Number(digits) => format!("the number {}", shortened(digits)),
                Typed::Text(_) => "text".into(),
            },
        }
    }

    fn step(&self, segment: &Segment) -> Option<(&Node, Option<&Key>)> {
        match segment {
            Segment::Key(name) => self.entry(name).map(|entry| (&entry.value, Some(&entry.key))),
            Segment::Index(index) => self.as_list()?.get(*index).map(|node| (node, None)),
        }
    }
}

impl Scalar {
    /// The meaning by the YAML 1.2 core schema, narrowed to JSON's numbers: `no`, `012`, `1_000`, `0x10` are text.
    pub fn typed(&self) -> Typed<'_> {
        if self.style != Style::Plain {
            return Typed::Text(&self.text);
        }
        match &*self.text {
            "" | "~" | "null" | "Null" | "NULL" => Typed::Null,
            "true" | "True" | "TRUE" => Typed::Bool(true),
            "false" | "False" | "FALSE" => Typed::Bool(false),
            text if is_json_number(text) => Typed::Number(text),
            text => Typed::Text(text),
        }
    }
}

fn shortened(digits: &str) -> String {
    const SHOWN: usize = 40;
    match digits.get(..SHOWN) {
        Some(start) if digits.len() > SHOWN => format!("{start}..."),
        _ => digits.to_owned(),
    }
}

/// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
fn is_json_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    is_digits(whole) && !leading_zero && fraction.is_none_or(is_digits) && exponent.is_none_or(is_digits)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}
