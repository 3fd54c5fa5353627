//! The single values of a payload or an answer, each with the path that finds it.

use super::super::terminal::line;
use crate::path::{Location, Step};
use crate::value::Value;

/// No value is shown longer.
const LONGEST: usize = 60;

/// Every path with its value, in lines.
pub(super) fn show(value: &Value) {
    let leaves = of(value);
    let widest = leaves.iter().map(|(path, _)| path.chars().count()).max().unwrap_or(0).min(LONGEST);
    for (path, value) in leaves {
        line(format!("  {path:widest$}  {value}"));
    }
}

/// Every path with its value, short enough to be shown.
pub(super) fn of(value: &Value) -> Vec<(String, String)> {
    let mut leaves = Vec::new();
    add(value, &mut Vec::new(), &mut leaves);
    leaves
}

fn add(value: &Value, at: &mut Vec<Step>, leaves: &mut Vec<(String, String)>) {
    let inner: Vec<(Step, &Value)> = match value {
        Value::Object(object) => object.iter().map(|(key, value)| (Step::Key(key.clone()), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, item)| (Step::Index(index), item)).collect(),
        _ => Vec::new(),
    };
    if inner.is_empty() {
        leaves.push((Location(at.clone()).to_string(), short(&value.to_json())));
    }
    for (step, value) in inner {
        at.push(step);
        add(value, at, leaves);
        at.pop();
    }
}

fn short(text: &str) -> String {
    match text.chars().count() > LONGEST {
        true => text.chars().take(LONGEST - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}
