//! From YAML to values: plain scalars typed by YAML 1.2, every digit kept.

use std::sync::Arc;

use super::{Kind, Node, Style, Typed};
use crate::value::{Number, Value};

impl Node {
    /// Nothing was written: `key:`, `~` or `null`.
    pub fn is_null(&self) -> bool {
        self.as_scalar().is_some_and(|scalar| matches!(scalar.typed(), Typed::Null))
    }

    /// The value that is written here.
    pub fn to_value(&self) -> Value {
        match &self.kind {
            Kind::List(items) => Value::array(items.iter().map(Node::to_value)),
            Kind::Map(entries) => {
                let fields = entries.iter().map(|entry| (entry.key.name.clone(), entry.value.to_value()));
                Value::Object(Arc::new(fields.collect()))
            }
            Kind::Scalar(scalar) => match scalar.typed() {
                Typed::Null => Value::Null,
                Typed::Bool(flag) => Value::Bool(flag),
                Typed::Number(text) => Number::parse(text).map_or_else(|| Value::from(text), Value::Number),
                Typed::Text(text) => Value::from(lines(text, scalar.style)),
            },
        }
    }

    /// A scalar's text as a template or body takes it.
    pub fn body_text(&self) -> Option<&str> {
        let scalar = self.as_scalar()?;
        match scalar.typed() {
            Typed::Text(text) => Some(lines(text, scalar.style)),
            _ => None,
        }
    }
}

/// A block of lines loses the line break at its end: nobody who writes one means it to be sent.
fn lines(text: &str, style: Style) -> &str {
    match style {
        Style::Literal | Style::Folded => text.strip_suffix('\n').unwrap_or(text),
        _ => text,
    }
}
