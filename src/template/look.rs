//! The names of a template followed into the values at hand: what each stands for, and where that value is.

use std::sync::Arc;

use super::lint::Use;
use super::{Scope, Template};
use crate::path::{self, Location, Path, Step};
use crate::value::Value;

/// A name of a template with what it stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Looked {
    /// As written: `payload.contact.name`.
    pub text: Arc<str>,
    /// The name that it begins with: `payload`.
    pub name: Arc<str>,
    /// The way from there: `$.contact.name`.
    pub location: Location,
    /// Nothing when it is absent.
    pub value: Option<Value>,
    /// For what is absent: the part of the name that is, such as `payload.contact`.
    pub absent: Arc<str>,
    /// For what is absent: names nearby that do exist, each as `payload.contact.nome (text)`.
    pub nearby: Vec<String>,
    /// The template says what to do where it is absent.
    pub guarded: bool,
}

impl Template {
    /// The names that the template uses, each once, with what they stand for in this scope.
    pub fn look(&self, scope: &Scope) -> Vec<Looked> {
        let mut looked: Vec<Looked> = Vec::new();
        for used in self.uses() {
            let next = follow(used, scope);
            if looked.iter().all(|known| known.text != next.text) {
                looked.push(next);
            }
        }
        looked
    }
}

fn follow(used: &Use, scope: &Scope) -> Looked {
    let root = scope.get(&used.name).flatten();
    let mut location = Location::default();
    let mut value = root;
    // The way up to the first field that is not there.
    let mut gap: Option<Location> = None;
    let mut letter = None;
    for field in &used.fields {
        if let (Some(Value::String(text)), Ok(position)) = (value, field.parse::<usize>()) {
            letter = text.chars().nth(position).map(|letter| Value::from(letter.to_string()));
            location.0.push(Step::Index(position));
            if letter.is_none() {
                gap.get_or_insert_with(|| location.clone());
            }
            break;
        }
        let step = step(field, value);
        value = value.and_then(|value| match &step {
            Step::Key(key) => value.get(key),
            Step::Index(index) => value.at(*index),
        });
        location.0.push(step);
        if value.is_none() {
            gap.get_or_insert_with(|| location.clone());
        }
    }
    // A text whose letter was asked for is not the value.
    let value = value.filter(|_| letter.is_none() && gap.is_none());
    let gap = gap.unwrap_or_default();
    let nearby = match (root, value) {
        (Some(root), None) if letter.is_none() => nearby(&used.name, root, &gap),
        _ => Vec::new(),
    };
    let (name, guarded) = (used.name.clone(), used.guarded);
    let (text, absent) = (written(&name, &location).into(), written(&name, &gap).into());
    Looked { text, name, location, value: letter.or_else(|| value.cloned()), absent, nearby, guarded }
}

/// A field of an object, or the position in a list, counted from its end if it is negative.
fn step(field: &Arc<str>, within: Option<&Value>) -> Step {
    let Some(items) = within.and_then(Value::as_array) else { return Step::Key(field.clone()) };
    let position = match field.strip_prefix('-') {
        Some(back) => back.parse().ok().and_then(|back: usize| items.len().checked_sub(back)),
        None => field.parse().ok(),
    };
    position.map_or_else(|| Step::Key(field.clone()), Step::Index)
}

/// Names near one that is absent, written as a template writes them.
fn nearby(name: &str, root: &Value, location: &Location) -> Vec<String> {
    let path = Path::parse(&location.to_string());
    let near = path.map(|path| path::nearby(root, &path)).unwrap_or_default();
    near.iter().map(|near| near.replacen('$', name, 1)).collect()
}

/// A place below a name, as a template writes it: `payload.contact.name`.
fn written(name: &str, location: &Location) -> String {
    location.to_string().replacen('$', name, 1)
}
