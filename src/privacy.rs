//! What of a payload people are not shown, as an administrator has said: lists, stories, pages and searches show `•••` there.
//! What is delivered stays whole.

pub mod shape;

use std::collections::BTreeSet;

use crate::path::{Location, Path, Step};
use crate::value::Value;

/// What stands for what is not shown.
pub const MASKED: &str = "•••";

/// So many values of one path are masked.
const MOST: usize = 10_000;
/// What is shorter is not looked for in other texts: it would hide words and numbers everywhere.
const SHORTEST: usize = 4;

/// What is masked wherever it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Numbers that somebody dials.
    Phones,
    /// E-mail addresses.
    Emails,
    /// Every text and number of the payload.
    Everything,
}

/// What is masked of the payloads of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Privacy {
    pub kinds: BTreeSet<Kind>,
    /// What these find is masked, with all that is in it.
    pub paths: Vec<Path>,
}

impl Privacy {
    /// Whether all is shown.
    pub fn is_none(&self) -> bool {
        self.kinds.is_empty() && self.paths.is_empty()
    }

    /// What is masked here or there.
    pub fn and(&self, other: &Privacy) -> Privacy {
        let kinds = self.kinds.union(&other.kinds).copied().collect();
        let others = other.paths.iter().filter(|path| !self.paths.contains(path));
        Privacy { kinds, paths: self.paths.iter().chain(others).cloned().collect() }
    }

    /// What is masked of one payload.
    pub fn masks(&self, payload: &Value) -> Masks {
        let mut masks = Masks { kinds: self.kinds.clone(), ..Masks::default() };
        for path in &self.paths {
            for (location, value) in path.select(payload, MOST) {
                masks.learn(value);
                masks.places.insert(location.0);
            }
        }
        if self.kinds.contains(&Kind::Everything) {
            masks.learn(payload);
            masks.places.insert(Vec::new());
        }
        // One that holds another hides it whole.
        masks.values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        masks.values.dedup();
        masks
    }
}

/// What is masked of one payload, and of what was made of it.
#[derive(Clone, Debug, Default)]
pub struct Masks {
    kinds: BTreeSet<Kind>,
    places: BTreeSet<Vec<Step>>,
    /// The texts that stand at these places, the longest first.
    values: Vec<String>,
}

impl Masks {
    /// Whether all is shown.
    pub fn is_none(&self) -> bool {
        self.kinds.is_empty() && self.places.is_empty()
    }

    /// What is shown of a value of the payload, by where it stands; nothing where all of it is.
    pub fn shown(&self, at: &Location, value: &Value) -> Option<String> {
        let is_leaf = !matches!(value, Value::Array(_) | Value::Object(_) | Value::Null);
        if is_leaf && self.hides(at) {
            return Some(MASKED.to_owned());
        }
        let text = match value {
            Value::String(text) => text.to_string(),
            Value::Number(number) => number.text().to_string(),
            _ => return None,
        };
        let shown = self.of_kinds(&text);
        (shown != text).then_some(shown)
    }

    /// Whether the value at a place of the payload is masked, or what it stands in.
    pub fn hides(&self, at: &Location) -> bool {
        (0..=at.0.len()).any(|length| at.0.get(..length).is_some_and(|steps| self.places.contains(steps)))
    }

    /// The payload as it is shown.
    pub fn payload(&self, payload: &Value) -> Value {
        self.within(&mut Location::default(), payload)
    }

    /// Something that was made of the payload, as it is shown: the same values are masked in it, whatever is around them.
    pub fn made(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::from(self.text(text)),
            Value::Number(number) => {
                let text = number.text().to_string();
                let shown = self.text(&text);
                if shown == text { value.clone() } else { Value::from(shown) }
            }
            Value::Array(items) => Value::array(items.iter().map(|item| self.made(item))),
            Value::Object(fields) => Value::object(fields.iter().map(|(key, field)| (key.clone(), self.made(field)))),
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }

    /// A text that was made of the payload, as it is shown.
    pub fn text(&self, text: &str) -> String {
        let without = self.values.iter().fold(text.to_owned(), |text, value| text.replace(value.as_str(), MASKED));
        self.of_kinds(&without)
    }

    fn within(&self, at: &mut Location, value: &Value) -> Value {
        match value {
            Value::Array(items) => {
                Value::array(items.iter().enumerate().map(|(index, item)| self.below(at, Step::Index(index), item)))
            }
            Value::Object(fields) => Value::object(
                fields.iter().map(|(key, field)| (key.clone(), self.below(at, Step::Key(key.clone()), field))),
            ),
            leaf => self.shown(at, leaf).map_or_else(|| leaf.clone(), Value::from),
        }
    }

    fn below(&self, at: &mut Location, step: Step, value: &Value) -> Value {
        at.0.push(step);
        let shown = self.within(at, value);
        at.0.pop();
        shown
    }

    /// Without the numbers and addresses that are masked wherever they stand.
    fn of_kinds(&self, text: &str) -> String {
        let mut hidden = Vec::new();
        if self.kinds.contains(&Kind::Phones) {
            hidden
                .extend(shape::numbers(text).into_iter().filter(|number| is_dialed(text, number)).map(|one| one.range));
        }
        if self.kinds.contains(&Kind::Emails) {
            hidden.extend(shape::addresses(text));
        }
        hidden.sort_by_key(|range| range.start);
        let (mut shown, mut upto) = (String::new(), 0);
        for range in hidden.into_iter().filter(|range| !range.is_empty()) {
            if range.start >= upto {
                shown.push_str(text.get(upto..range.start).unwrap_or_default());
                shown.push_str(MASKED);
            }
            upto = upto.max(range.end);
        }
        shown.push_str(text.get(upto..).unwrap_or_default());
        shown
    }

    /// The texts within a value are masked in what is made of it, too.
    fn learn(&mut self, value: &Value) {
        match value {
            Value::String(text) if text.trim().len() >= SHORTEST => self.values.push(text.trim().to_owned()),
            Value::Number(number) if number.text().len() >= SHORTEST => self.values.push(number.text().to_string()),
            Value::Array(items) => items.iter().for_each(|item| self.learn(item)),
            Value::Object(fields) => fields.values().for_each(|field| self.learn(field)),
            _ => {}
        }
    }
}

/// Whether a number is one that somebody dials, and no day.
fn is_dialed(text: &str, number: &shape::Number) -> bool {
    let written: Vec<char> = text.get(number.range.clone()).unwrap_or_default().chars().take(10).collect();
    let is_day = written.len() == 10 && written.iter().enumerate().all(|(at, c)| (*c == '-') == matches!(at, 4 | 7));
    (8..=15).contains(&number.digits.len()) && !is_day
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::json;

    fn privacy(kinds: &[Kind], paths: &[&str]) -> Privacy {
        let paths = paths.iter().map(|path| path.parse().unwrap()).collect();
        Privacy { kinds: kinds.iter().copied().collect(), paths }
    }

    fn shown(privacy: &Privacy, payload: &str) -> String {
        let payload = json::parse(payload.as_bytes(), &json::Limits::default()).unwrap();
        privacy.masks(&payload).payload(&payload).to_json()
    }

    #[test]
    fn kinds_are_masked_wherever_they_stand() {
        let both = privacy(&[Kind::Phones, Kind::Emails], &[]);
        let payload = r#"{"id":4711,"at":"2026-11-21T10:00:00Z","from":"+55 11 99999-0000","n":5511999990000,
            "text":"Ana (ana@example.com) calls 11 4000-1234 at 10","list":["x@y.zz"]}"#;
        let masked = r#"{"id":4711,"at":"2026-11-21T10:00:00Z","from":"•••","n":"•••","text":"Ana (•••) calls ••• at 10","list":["•••"]}"#;
        assert_eq!(shown(&both, payload), masked);
        assert_eq!(shown(&Privacy::default(), r#"{"a":"+5511999990000"}"#), r#"{"a":"+5511999990000"}"#);
    }

    #[test]
    fn what_a_path_finds_is_masked_with_all_that_is_in_it() {
        let payload = r#"{"name":"Ana Souza","card":{"n":1,"no":null,"deep":["x"]},"other":"Ana"}"#;
        let masked = r#"{"name":"•••","card":{"n":"•••","no":null,"deep":["•••"]},"other":"Ana"}"#;
        assert_eq!(shown(&privacy(&[], &["$.name", "$.card"]), payload), masked);
        assert_eq!(shown(&privacy(&[Kind::Everything], &[]), r#"{"a":1,"b":[true]}"#), r#"{"a":"•••","b":["•••"]}"#);
    }

    #[test]
    fn what_is_masked_is_masked_in_what_is_made_of_it() {
        let payload = json::parse(br#"{"name":"Ana Souza","no":1}"#, &json::Limits::default()).unwrap();
        let masks = privacy(&[Kind::Phones], &["$.name", "$.no"]).masks(&payload);
        assert_eq!(masks.text("Ana Souza (+44 20 7946 0000) wrote 1 line"), "••• (•••) wrote 1 line");
        assert!(!masks.is_none() && Privacy::default().masks(&payload).is_none());
    }

    #[test]
    fn two_are_joined() {
        let (one, other) = (privacy(&[Kind::Phones], &["$.a"]), privacy(&[Kind::Emails], &["$.a", "$.b"]));
        assert_eq!(one.and(&other), privacy(&[Kind::Phones, Kind::Emails], &["$.a", "$.b"]));
    }
}
