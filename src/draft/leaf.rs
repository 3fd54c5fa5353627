//! The single values of a payload, each with a path that finds it again and the words that it goes by.

use super::concept::{Concept, words};
use super::role::{self, Role};
use crate::convert;
use crate::path;
use crate::value::{Object, Value};

/// No payload is looked at further.
const MOST: usize = 500;
const DEEPEST: usize = 10;

/// A single value of the payload.
#[derive(Debug)]
pub(super) struct Leaf<'v> {
    pub path: String,
    /// The words of its own name.
    pub own: Vec<String>,
    /// The words of what it lies in, from the outside.
    pub around: Vec<String>,
    pub value: &'v Value,
    pub depth: usize,
}

impl Leaf<'_> {
    /// What it stands for: its shape is surer than its name.
    pub fn concept(&self) -> Option<Concept> {
        if role::is_party(&self.around, &self.own) && is_number(self.value) {
            return Some(Concept::Phone);
        }
        let named = || {
            let says = !self.own.iter().all(|word| BESIDE.contains(&word.as_str()));
            let mut all = Concept::all_of_words(&self.own).filter_map(|named| self.told_apart(named));
            let text = self.value.as_str().unwrap_or_default();
            let is_state = role::is_of_address(&self.around, &self.own, text);
            all.find(|named| says && named.fits(self.value) && !(is_state && *named == Concept::Status))
        };
        // `sip:1001@pbx.example` is the address of a telephone.
        let is_line = self.own.iter().any(|word| LINES.contains(&word.as_str()));
        let shape = Concept::of_value(self.value).filter(|shape| *shape != Concept::Email || !is_line);
        shape.or_else(named).filter(|found| !is_line || *found != Concept::Email)
    }

    fn told_apart(&self, concept: Concept) -> Option<Concept> {
        role::told_apart(concept, &self.around, &self.own)
    }

    /// Whether people may miss it in what is sent: they are told by it, or have written it.
    pub fn is_of_people(&self) -> bool {
        use Concept::{City, Company, Email, FirstName, LastName, Message, Name, Phone, Subject};
        const TOLD: &[Concept] = &[Phone, Email, FirstName, LastName, Name, Company, City, Subject, Message];
        let is_told = self.concept().is_some_and(|concept| TOLD.contains(&concept));
        self.role() != Role::Received && (is_told || (self.concept().is_none() && self.is_written()))
    }

    /// Whether it is the id of somebody who wrote or called: `contact_id`, and `id` in `contact`.
    pub fn is_id_of_person(&self) -> bool {
        role::is_id_of_person(&self.around, &self.own) && self.role() != Role::Received
    }

    /// Whether it is a text of several words, as people write them.
    pub fn is_written(&self) -> bool {
        let text = self.value.as_str().unwrap_or_default();
        let is_word = |word: &&str| word.chars().filter(|c| c.is_alphabetic()).count() > 1;
        let is_beside = self.own.last().is_some_and(|word| BESIDE.contains(&word.as_str()));
        let words = text.split_whitespace().count();
        let by_program = self.own.iter().any(|word| matches!(word.as_str(), "agent" | "zone" | "timezone" | "path"));
        words > 1
            && text.split_whitespace().any(|word| is_word(&word))
            && !is_beside
            && !by_program
            && !text.contains(['<', '{', ';'])
    }

    /// Of whom it tells.
    pub fn role(&self) -> Role {
        Role::of(&self.around, &self.own)
    }

    /// A name for it.
    pub fn name(&self) -> String {
        let name = self.own.join("_");
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if begins && plain && !crate::pipeline::BASE_NAMES.contains(&&*name) { name } else { format!("value_{name}") }
            .replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "")
    }

    /// Why it was chosen.
    pub fn why(&self, concept: Option<Concept>) -> String {
        let words: Vec<&str> = self.own.iter().take(8).map(String::as_str).collect();
        let more = if words.len() < self.own.len() { " …" } else { "" };
        let called = format!("called `{}{more}`", words.join(" "));
        match (concept, Concept::of_value(self.value)) {
            (Some(concept), Some(shape)) if concept == shape => format!("{called}, and its value looks like one"),
            _ => called,
        }
    }
}

/// The single values of a payload, in its order. An item of a list that is named by one of its own fields goes by that.
pub(super) fn leaves(payload: &Value) -> Vec<Leaf<'_>> {
    let mut walked = Walk { titles: Vec::new(), found: Vec::new() };
    titles(payload, 0, &mut walked.titles);
    walk("$", &[], payload, 0, &mut walked);
    walked.found
}

/// Words in the name of a line of telephony, which is written like an e-mail address.
const LINES: &[&str] = &["sip", "uri", "jid", "host", "realm", "pbx"];

/// Whether a value can be a number with nothing but its digits: 7 to 15 of them, and no moment in seconds or milliseconds.
fn is_number(value: &Value) -> bool {
    let text = convert::text(value).unwrap_or_default();
    let is_moment = matches!(value, Value::Number(_)) && matches!(text.len(), 10 | 13) && text.starts_with(['1', '2']);
    let is_digits = (7..=15).contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit());
    is_digits && !is_moment
}

/// Names that say nothing of a value: what it lies in does.
fn is_plain_value(words: &[String]) -> bool {
    matches!(words.join(" ").as_str(), "value" | "raw value" | "values" | "answer" | "valor" | "")
}

/// Names of what is told beside a value, and is not what a person wrote.
const BESIDE: &[&str] = &["type", "required", "kind", "label", "title", "placeholder", "order", "index", "position"];

/// What is the same for all leaves of a payload.
struct Walk<'v> {
    /// Short texts by which things are told apart, each with the words that people call the thing by.
    titles: Vec<(&'v str, &'v str)>,
    found: Vec<Leaf<'v>>,
}

/// The names under which a thing says which one it is, and what people call it.
const KEYS: &[&str] = &["ref", "id", "key", "slug", "name"];
const TITLES: &[&str] = &["title", "label", "question", "caption"];

/// What things of the payload are called: `{ id: Xk3, title: Your phone number }`.
fn titles<'v>(value: &'v Value, depth: usize, found: &mut Vec<(&'v str, &'v str)>) {
    if depth > DEEPEST || found.len() >= MOST {
        return;
    }
    match value {
        Value::Object(object) => {
            let text = |key: &&str| object.get(key).and_then(Value::as_str);
            if let Some(title) = TITLES.iter().find_map(text) {
                found.extend(KEYS.iter().filter_map(text).map(|key| (key, title)));
            }
            object.iter().for_each(|(_, value)| titles(value, depth + 1, found));
        }
        Value::Array(items) => items.iter().for_each(|item| titles(item, depth + 1, found)),
        _ => {}
    }
}

fn walk<'v>(path: &str, names: &[String], value: &'v Value, depth: usize, found: &mut Walk<'v>) {
    if depth > DEEPEST || found.found.len() >= MOST {
        return;
    }
    match value {
        Value::Object(object) => {
            for (key, value) in object.iter() {
                let names: Vec<String> = names.iter().cloned().chain([key.to_string()]).collect();
                walk(&below(path, key), &names, value, depth + 1, found);
            }
        }
        Value::Array(items) => match labels(items) {
            Some((label, texts)) => {
                for (item, text) in items.iter().zip(texts) {
                    let title = found.titles.iter().find(|(key, _)| *key == text).map_or(text, |(_, title)| *title);
                    let inside = Inside { path, label: &label, text, title, depth };
                    inside.walk("", &[], item, found);
                }
            }
            None => {
                if let Some(first) = items.first() {
                    walk(&format!("{path}[0]"), names, first, depth + 1, found);
                }
            }
        },
        Value::Null => {}
        value => {
            let mut around: Vec<Vec<String>> = names.iter().map(|name| words(name)).collect();
            while around.last().is_some_and(|words| is_plain_value(words)) {
                around.pop();
            }
            let own = around.pop().unwrap_or_default();
            let around = around.concat();
            if convert::text(value).is_ok_and(|text| !text.trim().is_empty()) {
                found.found.push(Leaf { path: path.to_owned(), own, around, value, depth });
            }
        }
    }
}

/// Names under which an item of a list says which one it is, the surest first.
const LABELS: &[&str] = &["ref", "key", "slug", "name", "label", "title", "question", "id"];

/// The field by which the items of a list are told apart, and its value in each.
fn labels(items: &[Value]) -> Option<(Vec<String>, Vec<&str>)> {
    if items.len() < 2 {
        return None;
    }
    let paths = label_paths(items.first()?);
    LABELS
        .iter()
        .flat_map(|label| paths.iter().filter(move |path| path.last().is_some_and(|last| last == label)))
        .find_map(|path| {
            let texts: Option<Vec<&str>> = items.iter().map(|item| at(item, path)).collect();
            let texts = texts?;
            let apart =
                texts.iter().enumerate().all(|(index, text)| !texts.iter().take(index).any(|other| other == text));
            let named = texts.iter().all(|text| text.len() <= 80 && text.chars().any(char::is_alphabetic));
            (apart && named).then(|| (path.clone(), texts))
        })
}

/// The paths of an item's texts that could name it, not deep.
fn label_paths(item: &Value) -> Vec<Vec<String>> {
    let Value::Object(object) = item else { return Vec::new() };
    let own = object.iter().filter(|(_, value)| value.as_str().is_some()).map(|(key, _)| vec![key.to_string()]);
    let inner = object.iter().filter_map(|(key, value)| Some((key, value.as_object()?))).flat_map(|(key, object)| {
        let texts = |object: &Object| {
            object
                .iter()
                .filter(|(_, value)| value.as_str().is_some())
                .map(|(key, _)| key.to_string())
                .collect::<Vec<_>>()
        };
        texts(object).into_iter().map(move |inner| vec![key.to_string(), inner])
    });
    own.chain(inner).collect()
}

fn at<'v>(item: &'v Value, path: &[String]) -> Option<&'v str> {
    path.iter().try_fold(item, |value, key| value.get(key))?.as_str()
}

/// An item of a list that goes by the value of one of its fields.
struct Inside<'a> {
    path: &'a str,
    label: &'a [String],
    text: &'a str,
    /// What people call it.
    title: &'a str,
    depth: usize,
}

impl Inside<'_> {
    fn walk<'v>(&self, below_item: &str, names: &[String], value: &'v Value, found: &mut Walk<'v>) {
        match value {
            Value::Object(object) if names.len() < 3 => {
                for (key, value) in object.iter() {
                    let names: Vec<String> = names.iter().cloned().chain([key.to_string()]).collect();
                    if names != self.label {
                        self.walk(&below(below_item, key), &names, value, found);
                    }
                }
            }
            Value::Array(items) => {
                if let Some(first) = items.first().filter(|first| !matches!(first, Value::Object(_) | Value::Array(_)))
                {
                    self.walk(&format!("{below_item}[0]"), names, first, found);
                }
            }
            Value::String(_) | Value::Number(_) | Value::Bool(_) if !self.is_about_the_item(names) => {
                let label: String = self.label.iter().fold("@".to_owned(), |path, key| below(&path, key));
                let path = format!("{}[?{label} == {}]{below_item}", self.path, path::quoted(self.text));
                found.found.push(Leaf {
                    path,
                    own: words(self.title),
                    around: Vec::new(),
                    value,
                    depth: self.depth + 1,
                });
            }
            _ => {}
        }
    }

    /// Whether a field says something of the item, as the field that names it does, and not what the item is for.
    fn is_about_the_item(&self, names: &[String]) -> bool {
        let last = names.last().map(String::as_str).unwrap_or_default();
        let beside = self.label.len() > 1 && names.first() == self.label.first();
        beside || matches!(last, "type" | "id" | "ref" | "key" | "label" | "title" | "kind")
    }
}

fn below(path: &str, key: &str) -> String {
    match path::is_plain_name(key) {
        true => format!("{path}.{key}"),
        false => format!("{path}[{}]", path::quoted(key)),
    }
}
