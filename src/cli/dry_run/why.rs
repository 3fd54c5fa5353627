//! Why a condition holds or does not, for people.

use super::table::{Layout, Note, Row, printable, show as show_rows};
use crate::cli::terminal::{DIM, GREEN, RED, line, paint};
use crate::route::Placed;
use crate::template::explain::{Explained, Join, Seen, Verdict};
use crate::value::Value;

/// A condition at its place, then its parts, each with its outcome and with what it saw.
pub(super) fn show(label: &str, condition: &Placed, explained: &Explained) {
    let (word, color) = word(&explained.verdict);
    let mut text = condition.template.text().lines();
    let first = text.next().unwrap_or_default();
    line(format!("{}{} {first}", paint(DIM, label), paint(color, &format!("{word:<WORD$}"))).trim_end());
    let indent = label.chars().count();
    text.for_each(|more| line(format!("{:indent$}{:WORD$} {}", "", "", more.trim())));
    let mut rows = Vec::new();
    match explained.join {
        Join::Single => rows.extend(alone(explained)),
        _ => parts(explained, 0, &mut rows),
    }
    show_rows(&rows, Layout { indent, labels: (WORD - 1, WORD - 1), cut: false });
}

/// The column of outcomes.
const WORD: usize = 5;

fn word(verdict: &Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Yes => ("yes", GREEN),
        Verdict::No => ("no", RED),
        Verdict::NotAsked => ("-", DIM),
        Verdict::Fails(_) => ("fail", RED),
    }
}

/// A condition without parts: what it saw, a line for each.
fn alone(explained: &Explained) -> Vec<Row> {
    // A failure of the whole has its own report.
    let saw = explained.seen.iter().map(note);
    saw.map(|value| Row { value, color: Some(DIM), ..Row::default() }).collect()
}

fn parts(explained: &Explained, depth: usize, rows: &mut Vec<Row>) {
    for part in &explained.parts {
        let (label, color) = word(&part.verdict);
        let text = match (part.join, explained.join) {
            (Join::Or, Join::And) => format!("({})", part.text),
            _ => part.text.clone(),
        };
        rows.push(Row {
            label: label.to_owned(),
            label_color: Some(color),
            value: format!("{:indent$}{text}", "", indent = depth * 2),
            notes: notes(part).into_iter().map(Note::from).collect(),
            ..Row::default()
        });
        parts(part, depth + 1, rows);
    }
}

/// What a part saw. Of `name == 'text'` that holds, nothing is left to be said.
fn notes(part: &Explained) -> Vec<String> {
    match &part.verdict {
        Verdict::Yes if part.plain => Vec::new(),
        Verdict::NotAsked => vec!["not asked".to_owned()],
        Verdict::Fails(reason) if part.seen.iter().all(|seen| seen.value.is_some()) => {
            [reason.clone()].into_iter().chain(part.seen.iter().map(note)).collect()
        }
        _ => part.seen.iter().map(note).collect(),
    }
}

fn note(seen: &Seen) -> String {
    match (&seen.value, seen.nearby.as_slice()) {
        (Some(value), _) => format!("{} is {}", seen.text, brief(value)),
        (None, []) => format!("{} is absent", seen.text),
        (None, near) => format!("{} is absent; there is {}", seen.text, near.join(", ")),
    }
}

fn brief(value: &Value) -> String {
    match value {
        Value::Array(items) if items.len() > 3 => format!("a list of {} items", items.len()),
        Value::Object(object) if object.len() > 3 => format!("an object of {} fields", object.len()),
        _ => super::table::shortened(&printable(&value.to_json()), 60),
    }
}
