//! From a fix to bytes of the file: quotes stay, and are added where the text needs them.

use super::quote::in_quotes;
use super::span::OffsetMap;
use super::{Document, Key, Node, Scalar, Style, Typed};
use crate::diagnostic::{Edit, Fix, KeyPath, On, Segment};

impl Document {
    /// What a fix changes; nothing when its place is not there, or would not read as the fix says afterwards.
    pub fn edit(&self, fix: &Fix) -> Option<Edit> {
        let new = fix.replacement.as_str();
        match &fix.place.on {
            On::Bytes(part) => Some(Edit { range: self.clamp((*part).into()), text: new.to_owned() }),
            On::Key => self.key_edit(&fix.place.path, new),
            On::Value => {
                let (node, scalar) = self.scalar(&fix.place.path)?;
                let edits = written(new, scalar.style).map(|text| Edit { range: node.span.clone(), text });
                edits.into_iter().find(|edit| self.reads(edit, &fix.place.path, new))
            }
            On::Part(part) => {
                let (node, scalar) = self.scalar(&fix.place.path)?;
                let part = part.start..part.end;
                let whole = format!("{}{new}{}", scalar.text.get(..part.start)?, scalar.text.get(part.end..)?);
                let map = OffsetMap::new(&self.text, node.span.clone(), scalar);
                let inside = Edit { range: map.range(part), text: within_quotes(new, scalar.style) };
                let around = Edit { range: node.span.clone(), text: in_quotes(&whole) };
                let edits = [map.is_exact().then_some(inside), Some(around)];
                edits.into_iter().flatten().find(|edit| self.reads(edit, &fix.place.path, &whole))
            }
        }
    }

    fn key_edit(&self, path: &KeyPath, new: &str) -> Option<Edit> {
        let (parent, Segment::Key(name)) = path.split_last()? else { return None };
        let key: &Key = &self.node(parent)?.entry(name)?.key;
        let edits = written(new, key.style).map(|text| Edit { range: key.span.clone(), text });
        let is_there = |edit: &Edit| self.after(edit).is_some_and(|after| after.node(&parent.key(new)).is_some());
        edits.into_iter().find(is_there)
    }

    fn scalar(&self, path: &KeyPath) -> Option<(&Node, &Scalar)> {
        let node = self.node(path)?;
        Some((node, node.as_scalar()?))
    }

    /// The document with an edit made; nothing when it can't be read then.
    fn after(&self, edit: &Edit) -> Option<Document> {
        let mut text = self.text.to_string();
        text.get(edit.range.clone())?;
        text.replace_range(edit.range.clone(), &edit.text);
        let (after, problems) = Document::parse(&self.file, &text);
        (!problems.iter().any(|problem| problem.is_error())).then_some(after)
    }

    /// Whether the text at `path` is `wanted` once an edit is made.
    fn reads(&self, edit: &Edit, path: &KeyPath, wanted: &str) -> bool {
        let Some(after) = self.after(edit) else { return false };
        let scalar = after.node(path).and_then(Node::as_scalar);
        scalar.is_some_and(|scalar| match scalar.typed() {
            // A block of lines may or may not end with a line break.
            Typed::Text(text) => text == wanted || text.strip_suffix('\n') == Some(wanted),
            _ => false,
        })
    }
}

/// The ways to write a text where one of a style stands, the best first.
fn written(text: &str, style: Style) -> [String; 2] {
    let same = match style {
        Style::SingleQuoted => format!("'{}'", within_quotes(text, style)),
        Style::DoubleQuoted => format!("\"{}\"", within_quotes(text, style)),
        Style::Plain | Style::Literal | Style::Folded => text.to_owned(),
    };
    [same, in_quotes(text)]
}

/// A text as it stands inside the quotes of a style.
fn within_quotes(text: &str, style: Style) -> String {
    match style {
        Style::SingleQuoted => text.replace('\'', "''"),
        Style::DoubleQuoted => text.replace('\\', "\\\\").replace('"', "\\\""),
        Style::Plain | Style::Literal | Style::Folded => text.to_owned(),
    }
}
