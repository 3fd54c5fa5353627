//! `secret:` as written: one text, or a list of them while one takes the place of another.

use crate::config::scalar::Text;
use crate::config::shape::keywords::described;
use crate::config::shape::{Shape, Shapes};
use crate::config::{Decode, Problems};
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Kind, Node};
use crate::value::Value;

/// Secrets of which each is good: one, unless it is being replaced by another.
#[derive(Clone, Debug)]
pub struct Secrets {
    pub first: Text,
    pub others: Vec<Text>,
}

impl Secrets {
    pub fn iter(&self) -> impl Iterator<Item = &Text> {
        [&self.first].into_iter().chain(&self.others)
    }
}

impl Decode for Secrets {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Kind::List(items) = &node.kind else {
            return Text::decode(node, problems).map(|first| Secrets { first, others: Vec::new() });
        };
        if items.is_empty() {
            let message = "the list of secrets is empty";
            let help = "write `${env:NAME}`, and set that variable where Jackfield is started";
            problems.push(Diagnostic::new(Code::InvalidValue, node.place.clone(), message).help(help));
            return None;
        }
        // With one of them unread, it would not be known which of those that are left is the newest.
        let texts: Vec<Option<Text>> = items.iter().map(|item| Text::decode(item, problems)).collect();
        let mut texts = texts.into_iter().collect::<Option<Vec<_>>>()?.into_iter();
        texts.next().map(|first| Secrets { first, others: texts.collect() })
    }
}

impl Shape for Secrets {
    fn shape(shapes: &mut Shapes) -> Value {
        let one = Text::shape(shapes);
        let list =
            Value::object([("type", Value::from("array")), ("items", one.clone()), ("minItems", Value::from(1))]);
        let list = described(&["Several secrets, while one takes the place of another: each is tried."], &list);
        Value::object([("anyOf", Value::array([one, list]))])
    }
}
