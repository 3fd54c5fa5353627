//! One request held against what a test expects of it.

use super::lines::{self, clipped};
use super::{Difference, Expected, Failure, failed};
use crate::diagnostic::{Place, suggest, text::count_of};
use crate::request::{Request, masked};
use crate::value::Value;

/// What is longer than this is shown on lines of its own.
const SHORT: usize = 60;

/// Something that differs, in words.
pub(super) struct Finding {
    place: Place,
    message: String,
    detail: Option<String>,
    help: Option<String>,
    differences: Vec<Difference>,
}

impl Finding {
    /// As a failure of a test.
    pub(super) fn of(self, test: &str) -> Failure {
        let mut problem = failed(test, &self.place, self.message).help_opt(self.help);
        problem.detail = self.detail;
        Failure { problem, differences: self.differences }
    }

    /// A text that is not the one expected, and what it is called: "the identity".
    pub(super) fn of_text(place: &Place, what: &str, wanted: &str, found: Option<&str>) -> Option<Self> {
        let field = what.trim_start_matches("the ").to_owned();
        let expected = if what.ends_with('`') { format!("{what} to be") } else { what.to_owned() };
        (found != Some(wanted)).then(|| of_line(place.clone(), field, [what, &expected], wanted, found))
    }
}

impl Expected {
    /// Whether a path is the one expected, which may begin with that of the connection's address.
    fn is_path(&self, wanted: &str, found: &str) -> bool {
        wanted == found
            || match &self.base {
                Some(base) => wanted.strip_prefix(&**base) == Some(found),
                None => wanted.ends_with(found),
            }
    }

    /// What the request has otherwise.
    pub(super) fn compare(&self, request: &Request) -> Vec<Finding> {
        let mut findings = Vec::new();
        let path = masked(&request.path);
        if let Some(wanted) = self.path.as_ref().filter(|wanted| !self.is_path(wanted, &path)) {
            findings.push(of_line(
                self.place.key("path"),
                "path".into(),
                ["the path", "the path"],
                wanted,
                Some(&path),
            ));
        }
        for (name, wanted) in &self.headers {
            let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            let found = found.map(|header| masked(&header.value));
            if found.as_deref() != Some(&**wanted) {
                let place = self.place.key("headers").key(name.clone());
                let words = [&format!("the header `{name}`"), &*format!("the header `{name}` to be")];
                findings.push(of_line(place, format!("headers.{name}"), words, wanted, found.as_deref()));
            }
        }
        if let Some(wanted) = &self.body {
            let found = request.body.clone().unwrap_or_default();
            let mut bodies = Bodies { exact: self.exact, findings };
            bodies.compare(wanted, &found, &self.place.key("body"), "");
            findings = bodies.findings;
        }
        findings
    }
}

/// A path or a header that differs: what it is called, and what it is called as something expected.
fn of_line(place: Place, field: String, words: [&str; 2], wanted: &str, found: Option<&str>) -> Finding {
    let [what, expected] = words;
    let short = wanted.chars().count().max(found.map_or(0, |found| found.chars().count())) <= SHORT;
    let (message, detail) = match found {
        None => (format!("expected {expected} `{wanted}`, found nothing"), None),
        Some(found) if short => (format!("expected {expected} `{wanted}`, found `{found}`"), None),
        Some(found) => (format!("{what} is not the one expected"), Some(lines::texts(wanted, found))),
    };
    let (expected, found) = (Some(wanted.into()), found.map(Value::from));
    let differences = vec![Difference { place: place.clone(), field, expected, found }];
    Finding { place, message, detail, help: None, differences }
}

/// What a value lacks or has otherwise of what is wanted; it may have more. `name` is what it is called.
pub(super) fn within(wanted: &Value, found: &Value, place: &Place, name: &str) -> Vec<Finding> {
    let mut bodies = Bodies { exact: false, findings: Vec::new() };
    bodies.compare(wanted, found, place, name);
    bodies.findings
}

/// Two bodies under comparison.
struct Bodies {
    /// Whether a field that is not expected is wrong.
    exact: bool,
    findings: Vec<Finding>,
}

impl Bodies {
    /// `path` is where the values are in the body: `message.content`, nothing for the whole.
    fn compare(&mut self, wanted: &Value, found: &Value, place: &Place, path: &str) {
        match (wanted, found) {
            (Value::Object(wanted), Value::Object(found)) => {
                let mut misspelt = Vec::new();
                for (key, value) in wanted.iter() {
                    let (place, path) = (place.key(key.clone()), joined(path, key));
                    match found.get(key) {
                        Some(found) => self.compare(value, found, &place, &path),
                        None => {
                            let free = found.keys().map(|key| &**key).filter(|key| wanted.get(key).is_none());
                            let free: Vec<&str> = free.collect();
                            let near = suggest::key(key, &free);
                            misspelt.extend(near);
                            self.missing(value, &place, &path, near);
                        }
                    }
                }
                let more: Vec<(&str, &Value)> = found
                    .iter()
                    .map(|(key, value)| (&**key, value))
                    .filter(|(key, _)| wanted.get(key).is_none() && !misspelt.contains(key))
                    .collect();
                if self.exact && !more.is_empty() {
                    self.unexpected(&more, place, path);
                }
            }
            (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
                for (index, (wanted, found)) in wanted.iter().zip(found.iter()).enumerate() {
                    self.compare(wanted, found, &place.index(index), &format!("{path}[{index}]"));
                }
            }
            (wanted, found) if wanted == found => {}
            (wanted, found) => self.differs(wanted, found, place, path),
        }
    }

    fn differs(&mut self, wanted: &Value, found: &Value, place: &Place, path: &str) {
        let help = match (wanted, found) {
            (Value::Number(_), Value::String(_)) => Some("it is sent as text: write it in quotes"),
            (Value::String(_), Value::Number(_)) => Some("it is sent as a number: write it without quotes"),
            _ => None,
        };
        let (wanted_json, found_json, name) = (wanted.to_json(), found.to_json(), name(path));
        let short = wanted_json.chars().count().max(found_json.chars().count()) <= SHORT;
        let many_lines = [wanted, found].iter().any(|value| value.as_str().is_some_and(|text| text.contains('\n')));
        let (message, detail) = match (wanted.as_str(), found.as_str()) {
            _ if short && !many_lines => (format!("{name}: expected {wanted_json}, found {found_json}"), None),
            (Some(wanted), Some(found)) => {
                (format!("{name} is not the text that is expected"), Some(lines::texts(wanted, found)))
            }
            _ => {
                let message = format!("{name}: expected {}, found {}", kind(wanted), kind(found));
                (message, Some(lines::texts_as_they_are(&wanted_json, &found_json)))
            }
        };
        let differences = vec![difference(place, path, Some(wanted), Some(found))];
        let help = help.map(str::to_owned);
        self.findings.push(Finding { place: place.clone(), message, detail, help, differences });
    }

    fn missing(&mut self, wanted: &Value, place: &Place, path: &str, near: Option<&str>) {
        let message = format!("{} is not there; expected {}", name(path), clipped(&wanted.to_json(), SHORT));
        let help = near.map(|near| format!("the request has `{near}`"));
        let differences = vec![difference(place, path, Some(wanted), None)];
        self.findings.push(Finding { place: place.on_key(), message, detail: None, help, differences });
    }

    /// Fields beside those that are expected, one on each line.
    fn unexpected(&mut self, more: &[(&str, &Value)], place: &Place, path: &str) {
        let help = match more.len() {
            1 => "add it here, or leave `exact` out to compare only what is written",
            _ => "add them here, or leave `exact` out to compare only what is written",
        };
        let one =
            |(key, value): &(&str, &Value)| format!("`{}`: {}", joined(path, key), clipped(&value.to_json(), 100));
        let (message, detail) = match more {
            [only] => (format!("{} is not expected", one(only)), None),
            all => {
                let shown: Vec<String> = all.iter().map(|field| format!("+ {}", one(field))).collect();
                (
                    format!("{} has {} that are not expected", name(path), count_of(all.len(), "field")),
                    Some(shown.join("\n")),
                )
            }
        };
        let differences = more.iter().map(|(key, value)| difference(place, &joined(path, key), None, Some(value)));
        let (differences, help) = (differences.collect(), Some(help.to_owned()));
        self.findings.push(Finding { place: place.on_key(), message, detail, help, differences });
    }
}

fn difference(place: &Place, path: &str, expected: Option<&Value>, found: Option<&Value>) -> Difference {
    let field = joined("body", path).trim_end_matches('.').to_owned();
    Difference { place: place.clone(), field, expected: expected.cloned(), found: found.cloned() }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn name(path: &str) -> String {
    if path.is_empty() { "the body".to_owned() } else { format!("`{path}`") }
}

/// What a value is, without the value.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(_) => "text".to_owned(),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "a mapping".to_owned(),
    }
}
