//! The fields that a request needs, and how well a value of the payload fills one.

use std::sync::Arc;

use super::concept::{Concept, words};
use super::leaf::Leaf;
use super::role::Role;
use crate::value::{Object, Value};

/// How a field is filled where the payload has nothing for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// As in the example: the schema allows a few values only.
    Constant,
    /// What tells this request apart from others.
    Id,
    /// What tells one person apart from others.
    Person,
    /// A text for people.
    Message,
    Other,
}

/// Words of an id that all requests of one person share.
const PEOPLE: &[&str] =
    &["conversation", "contact", "thread", "user", "customer", "client", "chat", "source", "sender"];

/// A field of a body, or a value of an address.
#[derive(Debug)]
pub(super) struct Target {
    pub path: Vec<Arc<str>>,
    own: Vec<String>,
    pub concept: Option<Concept>,
    pub example: Value,
    pub required: bool,
    pub content: Content,
}

impl Target {
    pub fn param(name: &Arc<str>, example: &Value) -> Target {
        Target::new(vec![name.clone()], example, None, true)
    }

    fn new(path: Vec<Arc<str>>, example: &Value, schema: Option<&Value>, required: bool) -> Target {
        let own: Vec<String> = path.last().map(|name| words(name)).unwrap_or_default();
        let parent = path.iter().rev().nth(1).filter(|_| own.len() == 1).map(|name| words(name)).unwrap_or_default();
        let around: Vec<String> = path.iter().flat_map(|name| words(name)).collect();
        let is_id =
            own.iter().any(|word| matches!(word.as_str(), "id" | "sid" | "uuid" | "key" | "token" | "identifier"));
        let named = Concept::of_words(&own).or_else(|| Concept::of_words(&around));
        let concept = if is_id { Some(Concept::Id) } else { Concept::of_value(example).or(named) };
        let content = match concept {
            _ if is_fixed(example, schema) => Content::Constant,
            // `contact_id`, and `id` in `contact`.
            Some(Concept::Id) if own.iter().chain(&parent).any(|word| PEOPLE.contains(&word.as_str())) => {
                Content::Person
            }
            Some(Concept::Id) => Content::Id,
            Some(Concept::Message) => Content::Message,
            _ => Content::Other,
        };
        Target { path, own, concept, example: example.clone(), required, content }
    }

    /// A field that is in no example, as its schema describes it.
    pub fn needed(path: Vec<Arc<str>>, schema: Option<&Value>) -> Target {
        let own = path.last().map(|name| words(name)).unwrap_or_default();
        let text = |key: &str| schema?.get(key)?.as_str();
        let named = Concept::of_words(&own);
        let example = match (text("format"), named, text("pattern")) {
            (Some("email"), ..) => "ana@example.com",
            (_, Some(Concept::Phone), Some(pattern)) if pattern.contains("^[0-9]") => "5511999990000",
            (_, Some(Concept::Phone), _) => "+5511999990000",
            _ => "",
        };
        Target::new(path, &Value::from(example), schema, true)
    }

    /// Whether it is a text for people, which can be put together from other values.
    pub fn is_message(&self) -> bool {
        self.content == Content::Message
    }

    /// How it is called: `message.content`.
    pub fn words(&self) -> String {
        self.path.iter().map(|key| &**key).collect::<Vec<_>>().join(".")
    }

    /// How well a leaf fills it: nothing at 0.
    pub fn score(&self, leaf: &Leaf<'_>) -> u32 {
        let same_words = u32::try_from(self.own.iter().filter(|word| leaf.own.contains(word)).count()).unwrap_or(0);
        let same_name = if self.own == leaf.own { 4 } else { 0 };
        let near = 3u32.saturating_sub(u32::try_from(leaf.depth).unwrap_or(9) / 2);
        match (self.concept, leaf.concept()) {
            // An id is taken only where it is called the same: which of several is meant nobody can know.
            (Some(Concept::Id), _) if same_name > 0 && same_words > 1 => 10 + near,
            (Some(Concept::Id), _) => 0,
            (Some(wanted), Some(found)) if wanted == found => by_role(10 + same_words + same_name + near, leaf.role()),
            // One name for the whole is better than none.
            (Some(Concept::Name), Some(Concept::FirstName)) => 5 + near,
            (Some(Concept::Name), Some(Concept::LastName)) => 1 + near,
            (Some(Concept::FirstName), Some(Concept::Name)) => 5 + near,
            (None, None) if same_name > 0 => 6 + near,
            _ => 0,
        }
    }

    /// The template that puts a value where the example has one: what surrounds a number in the example stays.
    pub fn written(&self, name: &str) -> String {
        let text = self.example.as_str().unwrap_or_default();
        let is_digits = |text: &str| text.len() >= 8 && text.chars().all(|c| c.is_ascii_digit());
        if self.concept != Some(Concept::Phone) {
            return format!("{{{{ {name} }}}}");
        }
        match text {
            text if is_digits(text) => format!("{{{{ {name} | digits }}}}"),
            _ => format!("{{{{ {name} }}}}"),
        }
    }
}

/// Who sent is meant before who received.
fn by_role(score: u32, role: Role) -> u32 {
    match role {
        Role::Sent => score + 2,
        Role::Either => score,
        Role::Received => score.saturating_sub(12).max(1),
    }
}

/// Whether the schema allows a few values only, or the example is no text.
fn is_fixed(example: &Value, schema: Option<&Value>) -> bool {
    let has = |key| schema.is_some_and(|schema| schema.get(key).is_some());
    has("enum") || has("const") || matches!(example, Value::Bool(_))
}

/// The single fields of an example. Lists stand as they are, since how many items there are is the route's to say.
pub(super) fn targets(example: &Value, schema: Option<&Value>) -> Vec<Target> {
    let mut found = Vec::new();
    walk(&[], example, schema, true, &mut found);
    found
}

fn walk(path: &[Arc<str>], example: &Value, schema: Option<&Value>, required: bool, found: &mut Vec<Target>) {
    match example {
        Value::Object(object) => {
            let needed = schema.and_then(|schema| schema.get("required")).and_then(Value::as_array).unwrap_or_default();
            for (key, value) in object.iter() {
                let below: Vec<Arc<str>> = path.iter().cloned().chain([key.clone()]).collect();
                let sub = schema.and_then(|schema| schema.get("properties")?.get(key));
                let is_needed = needed.iter().any(|name| name.as_str() == Some(key));
                walk(&below, value, sub, required && is_needed, found);
            }
        }
        Value::Null => {}
        Value::Array(_) => {
            if required {
                found.push(Target::new(path.to_vec(), example, Some(&Value::object([("const", true)])), required));
            }
        }
        value => found.push(Target::new(path.to_vec(), value, schema, required)),
    }
}

/// An object of these fields.
pub(super) fn built<'f>(fields: impl Iterator<Item = (&'f [Arc<str>], &'f Value)>) -> Option<Value> {
    let mut root = Value::from(Object::default());
    for (path, value) in fields {
        root = with(&root, path, value);
    }
    root.as_object().is_some_and(|object| !object.is_empty()).then_some(root)
}

fn with(value: &Value, path: &[Arc<str>], leaf: &Value) -> Value {
    let Some((first, rest)) = path.split_first() else { return leaf.clone() };
    let empty = Value::from(Object::default());
    let inner = with(value.get(first).unwrap_or(&empty), rest, leaf);
    let others = value.as_object().map(|object| object.iter().map(|(key, value)| (key.clone(), value.clone())));
    let mut fields: Vec<(Arc<str>, Value)> = others.into_iter().flatten().collect();
    match fields.iter_mut().find(|(key, _)| key == first) {
        Some((_, value)) => *value = inner,
        None => fields.push((first.clone(), inner)),
    }
    Value::object(fields)
}
