//! Where values came from, for people: the lines beside an extracted name, an identity, a field of a body.

use std::sync::Arc;

use super::DryRun;
use super::table::{FROM, Note, Row, printable};
use crate::cli::terminal::{DIM, RED};
use crate::diagnostic::{Place, Resolve};
use crate::extract::{Extract, Finding, Hit, Mapped, Miss, Traced};
use crate::path::Location;
use crate::pipeline::{By, FieldOrigin, NameOrigin, Origin, Outcome, Part, Whence};
use crate::value::Value;

/// How many places of a list are named.
const NAMED: usize = 3;

impl DryRun<'_> {
    /// `line 12` of the route, or `jackfield.yaml:12` of another file.
    pub(super) fn line_of(&self, place: &Place) -> String {
        let own = *place.file == *self.route.place.file;
        match self.compiled.documents.resolve(place).map(|at| at.line_column()) {
            Some((line, _)) if own => format!("line {line}"),
            Some((line, _)) => format!("{}:{line}", place.file),
            None => place.to_string(),
        }
    }
}

/// An extracted name: what was found, what became of it, and where it stood.
pub(super) fn extract_row(extract: &Extract, traced: &Traced) -> Row {
    let label = extract.name.to_string();
    let (value, color) = match &traced.outcome {
        Ok(Some(value)) => (json(value), None),
        Ok(None) => ("absent".to_owned(), Some(DIM)),
        Err(_) => ("fails".to_owned(), Some(RED)),
    };
    let changed = match (&traced.finding, &traced.outcome) {
        (Finding::Path(hit), Ok(Some(outcome))) => changed(hit, outcome),
        (Finding::Path(hit), Err(_)) => only(hit).map(|raw| format!("{} → fails", json(raw))),
        _ => None,
    };
    let notes = match &traced.finding {
        Finding::Path(hit) => hit_notes(hit),
        Finding::Nowhere(miss) => miss_notes(miss),
        Finding::Given => vec!["set by you".into()],
    };
    Row { label, value: changed.unwrap_or(value), color, notes, ..Row::default() }
}

/// `"(11) 99999-0000" → "+5511999990000"`, where a value became another.
fn changed(hit: &Hit, outcome: &Value) -> Option<String> {
    let raw = only(hit).filter(|raw| *raw != outcome)?;
    Some(format!("{} → {}", json(raw), json(outcome)))
}

fn only(hit: &Hit) -> Option<&Value> {
    match hit.found.as_slice() {
        [(_, raw)] => Some(raw),
        _ => None,
    }
}

fn hit_notes(hit: &Hit) -> Vec<Note> {
    let mut at = locations(hit.found.iter().map(|(location, _)| location));
    match &hit.mapped {
        Some(Mapped::Entry(_)) => at.push_str(", by its `map`"),
        Some(Mapped::Else) => at.push_str(", by the `else` of its `map`"),
        None => {}
    }
    let path = hit.path.text();
    match at.starts_with(path) {
        true => vec![at.into()],
        false => vec![at.into(), format!("by {path}").into()],
    }
}

fn miss_notes(miss: &Miss) -> Vec<Note> {
    let start = if miss.default { "the default; " } else { "" };
    let end = match (miss.empty.as_slice(), miss.nearby.as_slice()) {
        ([], _) if let Some(compared) = &miss.compared => printable(&compared.words()),
        ([], []) => String::new(),
        ([], near) => format!("the payload has {}", near.join(", ")),
        (empty, _) => format!("{} is empty", locations(empty.iter())),
    };
    let note = format!("{start}{end}");
    let note = note.trim_end_matches("; ");
    if note.is_empty() { Vec::new() } else { vec![note.into()] }
}

fn locations<'l>(all: impl ExactSizeIterator<Item = &'l Location>) -> String {
    let more = all.len().saturating_sub(NAMED);
    let named: Vec<String> = all.take(NAMED).map(|location| printable(&location.to_string())).collect();
    match more {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// A field of a request: its value and where it came from.
pub(super) fn field_row(run: &DryRun<'_>, field: &FieldOrigin) -> Row {
    let label = match field.part {
        Part::Param => format!("address {{{}}}", field.field),
        Part::Query => format!("query {}", field.field),
        Part::Header => format!("header {}", field.field),
        Part::Body if field.field.is_empty() => "the body".to_owned(),
        Part::Body => field.field.clone(),
    };
    let mut row = origin_row(run, label, &field.origin, field.part != Part::Body);
    if field.idempotency {
        row.notes.push("the provider knows a repetition by it".into());
    }
    row
}

/// A value with its template; `bare` leaves out the quotes of a text.
pub(super) fn origin_row(run: &DryRun<'_>, label: String, origin: &Origin, bare: bool) -> Row {
    let (value, color) = match &origin.outcome {
        Outcome::Sent(Value::String(text)) if bare => (printable(text), None),
        Outcome::Sent(value) => (json(value), None),
        Outcome::LeftOut => ("left out".to_owned(), Some(DIM)),
        Outcome::Fails => ("fails".to_owned(), Some(RED)),
    };
    Row { label, value, color, notes: origin_notes(run, origin), ..Row::default() }
}

fn origin_notes(run: &DryRun<'_>, origin: &Origin) -> Vec<Note> {
    let by = match (origin.by, &origin.place) {
        (By::Route, Some(place)) => run.line_of(place),
        (By::Route, None) => "the route".to_owned(),
        (By::Pack, Some(_)) => "the pack's default".to_owned(),
        (By::Pack, None) => "the pack".to_owned(),
        (By::Connection, _) => "the connection".to_owned(),
    };
    let Some(template) = &origin.template else {
        return vec![match (origin.by, origin.names.first()) {
            (By::Route, _) => format!("{by}, as written").into(),
            (By::Connection, Some(name)) => format!("{by}'s {}", setting(name)).into(),
            _ => by.into(),
        }];
    };
    let text = printable(&template.trim_end().replace('\n', "\\n"));
    let told: Vec<Note> = origin.names.iter().filter_map(name_note).map(Note::from).collect();
    match (origin.names.as_slice(), told.as_slice()) {
        // `{{ email }}` and nothing else says its name already.
        ([name], [_]) if name.value.is_some() && whole(template) == &*name.text => {
            vec![format!("{by}: {text}{}", whence(&name.whence)).into()]
        }
        _ => [Note::cut(format!("{by}: {text}"))].into_iter().chain(told).collect(),
    }
}

fn setting(name: &NameOrigin) -> String {
    let field = name.text.strip_prefix("connection.").unwrap_or(&name.text);
    match name.whence {
        Whence::Secret => format!("`{field}`, which is secret"),
        _ => format!("`{field}`"),
    }
}

fn whole(template: &str) -> &str {
    let inner = template.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    inner.unwrap_or(template).trim()
}

/// What is to be said of a name; nothing of one like `payload.id`, which says it itself.
fn name_note(name: &NameOrigin) -> Option<String> {
    let text = &name.text;
    match &name.whence {
        Whence::Absent(near) if near.is_empty() => Some(format!("{text} is absent")),
        Whence::Absent(near) => Some(format!("{text} is absent; there is {}", near.join(", "))),
        Whence::Payload(_) if is_path(text, "payload") => None,
        from => Some(whence(from)).filter(|from| !from.is_empty()).map(|from| format!("{text}{from}")),
    }
}

fn is_path(text: &Arc<str>, root: &str) -> bool {
    text.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// What follows a name that does not say by itself where it is from.
fn whence(whence: &Whence) -> String {
    match whence {
        Whence::Payload(at) => format!("{FROM}{}", locations(at.iter())),
        Whence::Default => ", its default".to_owned(),
        Whence::Given => ", set by you".to_owned(),
        Whence::Saved => ", which an earlier call saves".to_owned(),
        Whence::Envelope(_) | Whence::Request | Whence::Event | Whence::Vars => String::new(),
        Whence::Connection | Whence::Secret | Whence::Absent(_) => String::new(),
    }
}

fn json(value: &Value) -> String {
    printable(&value.to_json())
}
