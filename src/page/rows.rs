//! A payload as lines, each value with an id of its own, so that what was made of it can point to where it is from.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use crate::path::{Location, Step};
use crate::privacy::{MASKED, Masks};
use crate::value::Value;
use crate::value::json::escape;

/// No payload is shown further.
const MOST: usize = 2_000;

/// What stands for a value that is not to be seen; nothing for one that is.
type Hide<'h> = &'h dyn Fn(&Location, &Value) -> Option<String>;

/// The lines of one payload.
#[derive(Debug, Default)]
pub struct Rows {
    /// Which payload of the page it is, from 1: ids of two must differ.
    number: usize,
    lines: Vec<Line>,
    /// The line of each value.
    places: HashMap<Location, usize>,
    /// What was passed over: the payload has more lines than are shown.
    is_cut: bool,
}

#[derive(Debug)]
struct Line {
    indent: usize,
    key: Option<String>,
    shown: String,
    tail: &'static str,
    kind: &'static str,
    is_value: bool,
    used: bool,
}

/// Where a value stands among the others.
struct Spot<'v> {
    indent: usize,
    key: Option<&'v str>,
    tail: &'static str,
}

impl Rows {
    /// The lines of the `number`th payload of a page; what is masked is not in them.
    pub fn of(payload: &Value, number: usize, is_masked: &dyn Fn(&Location) -> bool) -> Self {
        Rows::hidden(payload, number, &|at, _| is_masked(at).then(|| MASKED.to_owned()))
    }

    /// The same, without what people are not shown.
    pub fn masked(payload: &Value, number: usize, masks: &Masks) -> Self {
        Rows::hidden(payload, number, &|at, value| masks.shown(at, value))
    }

    fn hidden(payload: &Value, number: usize, hide: Hide<'_>) -> Self {
        let mut rows = Rows { number, ..Rows::default() };
        let spot = Spot { indent: 0, key: None, tail: "" };
        rows.add(payload, &spot, &mut Location::default(), hide);
        if rows.is_cut {
            rows.lines.push(Line::bracket(&Spot { indent: 0, key: None, tail: "" }, "…"));
        }
        rows
    }

    /// The id of the line at which the value of this place stands; the line counts as used.
    pub fn used(&mut self, at: &Location) -> Option<String> {
        let index = *self.places.get(at)?;
        self.lines.get_mut(index)?.used = true;
        Some(self.id(index))
    }

    pub fn to_json(&self) -> Json {
        let line = |(index, line): (usize, &Line)| {
            json!({
                "indent": line.indent, "key": line.key, "shown": line.shown, "tail": line.tail, "kind": line.kind,
                "used": line.used, "id": line.is_value.then(|| self.id(index)),
            })
        };
        self.lines.iter().enumerate().map(line).collect()
    }

    fn id(&self, index: usize) -> String {
        format!("p{}-{index}", self.number)
    }

    fn add(&mut self, value: &Value, spot: &Spot<'_>, at: &mut Location, hide: Hide<'_>) {
        if self.lines.len() >= MOST {
            self.is_cut = true;
            return;
        }
        if let Some(instead) = hide(at, value) {
            return self.add_value(spot, at, "text", Value::from(instead).to_json());
        }
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                let last = fields.len() - 1;
                let each = fields.iter().enumerate().map(|(index, (key, value))| {
                    (Some(&**key), Step::Key(key.clone()), value, if index == last { "" } else { "," })
                });
                self.add_all(spot, ["{", "}"], each, at, hide);
            }
            Value::Array(items) if !items.is_empty() => {
                let last = items.len() - 1;
                let each = items
                    .iter()
                    .enumerate()
                    .map(|(index, value)| (None, Step::Index(index), value, if index == last { "" } else { "," }));
                self.add_all(spot, ["[", "]"], each, at, hide);
            }
            Value::Object(_) => self.lines.push(Line::bracket(spot, "{}")),
            Value::Array(_) => self.lines.push(Line::bracket(spot, "[]")),
            Value::String(_) => self.add_value(spot, at, "text", value.to_json()),
            Value::Number(_) => self.add_value(spot, at, "number", value.to_json()),
            Value::Null | Value::Bool(_) => self.add_value(spot, at, "word", value.to_json()),
        }
    }

    fn add_value(&mut self, spot: &Spot<'_>, at: &Location, kind: &'static str, shown: String) {
        self.places.insert(at.clone(), self.lines.len());
        self.lines.push(Line { kind, shown, is_value: true, ..Line::bracket(spot, "") });
    }

    fn add_all<'v>(
        &mut self,
        spot: &Spot<'_>,
        brackets: [&str; 2],
        each: impl Iterator<Item = (Option<&'v str>, Step, &'v Value, &'static str)>,
        at: &mut Location,
        hide: Hide<'_>,
    ) {
        self.lines.push(Line::bracket(&Spot { tail: "", ..*spot }, brackets[0]));
        for (key, step, value, tail) in each {
            at.0.push(step);
            self.add(value, &Spot { indent: spot.indent + 1, key, tail }, at, hide);
            at.0.pop();
            if self.is_cut {
                return;
            }
        }
        self.lines.push(Line::bracket(&Spot { key: None, ..*spot }, brackets[1]));
    }
}

impl Line {
    fn bracket(spot: &Spot<'_>, shown: &str) -> Self {
        let Spot { indent, key, tail } = *spot;
        let key = key.map(|key| {
            let mut out = String::new();
            escape(key, &mut out);
            out
        });
        Line { indent, key, shown: shown.to_owned(), tail, kind: "bracket", is_value: false, used: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::json::{self, Limits};

    fn value(text: &str) -> Value {
        json::parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn text(rows: &Rows) -> String {
        let lines = rows.lines.iter().map(|line| {
            let key = line.key.as_ref().map(|key| format!("{key}: ")).unwrap_or_default();
            let mark = if line.used { " <" } else { "" };
            format!("{}{key}{}{}{mark}\n", "  ".repeat(line.indent), line.shown, line.tail)
        });
        lines.collect()
    }

    #[test]
    fn a_payload_is_shown_as_json_is_written() {
        let payload = value(r#"{"a":"x\ny","list":[1.50,{"b":null}],"none":{},"empty":[],"is":true}"#);
        let mut rows = Rows::of(&payload, 1, &|_| false);
        let at = Location(vec![Step::Key("list".into()), Step::Index(0)]);
        assert_eq!(rows.used(&at).as_deref(), Some("p1-3"));
        assert_eq!(rows.used(&Location(vec![Step::Key("list".into())])), None);
        let wanted = "{\n  \"a\": \"x\\ny\",\n  \"list\": [\n    1.50, <\n    {\n      \"b\": null\n    }\n  ],\n  \
                      \"none\": {},\n  \"empty\": [],\n  \"is\": true\n}\n";
        assert_eq!(text(&rows), wanted);
        assert_eq!(rows.to_json()[3]["id"], "p1-3");
        assert_eq!(rows.to_json()[0]["id"], Json::Null);
    }

    #[test]
    fn what_is_masked_is_not_there() {
        let rows = Rows::of(&value(r#"{"who":{"name":"Ana"},"x":1}"#), 2, &|at| at.to_string() == "$.who");
        assert_eq!(text(&rows), "{\n  \"who\": \"•••\",\n  \"x\": 1\n}\n");
    }

    #[test]
    fn a_long_payload_ends_somewhere() {
        let rows = Rows::of(&Value::array((0..5_000u64).map(Value::from)), 1, &|_| false);
        assert_eq!(rows.lines.len(), MOST + 1);
        assert_eq!(rows.lines.last().map(|line| (line.shown.as_str(), line.kind)), Some(("…", "bracket")));
    }
}
