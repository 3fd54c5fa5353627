//! Changes of many events as few: those that are alike are one, with an example.

use std::sync::Arc;

use crate::diagnostic::Resolve;
use crate::diagnostic::text::{count_of, line};
use crate::diff::{Change, Field, What};
use crate::id::EventId;
use crate::value::Value;

/// Changes of one kind at one place.
pub struct Group<'c> {
    pub route: Option<Arc<str>>,
    /// `connection.operation`
    pub to: Option<Arc<str>>,
    /// The newest of them.
    pub what: &'c What,
    pub event: EventId,
    pub count: usize,
    /// What they have in common, beside their route and operation.
    key: String,
}

/// Puts together what is alike: what is worse first, then what most events have.
pub fn groups<'c>(changes: &'c [(EventId, Change)], files: &dyn Resolve) -> Vec<Group<'c>> {
    let mut groups: Vec<Group<'c>> = Vec::new();
    for (event, change) in changes {
        let key = key_of(&change.what, files);
        let is_like = |group: &&mut Group<'c>| group.key == key && group.route == change.route && group.to == change.to;
        match groups.iter_mut().find(is_like) {
            Some(group) => group.count += 1,
            None => {
                let (route, to) = (change.route.clone(), change.to.clone());
                groups.push(Group { route, to, what: &change.what, event: *event, count: 1, key });
            }
        }
    }
    groups.sort_by_key(|group| (!group.what.is_worse(), std::cmp::Reverse(group.count)));
    groups
}

fn key_of(what: &What, files: &dyn Resolve) -> String {
    let more = match what {
        What::Differs(fields) => fields.iter().map(key).collect::<Vec<_>>().join(", "),
        What::Fails(problem) => line(problem, files),
        What::Unread(why) => (*why).to_owned(),
        What::Appears(_) | What::Vanishes(_) | What::Mended | What::Read => String::new(),
    };
    format!("{} {more}", what.word())
}

/// Fields that are alike: items of a list are one, whatever their numbers.
pub fn key(field: &Field) -> String {
    let digits = |c: char| c.is_ascii_digit();
    let path: String = field.path.split('[').map(|part| part.trim_start_matches(digits)).collect::<Vec<_>>().join("[");
    format!("{path} {} {}", field.before.is_some(), field.after.is_some())
}

/// The method and address of a request, or of the first of several.
pub fn brief(request: &Value) -> String {
    let text = |key| request.get(key).and_then(Value::as_str);
    match (text("method"), text("url"), request.get("steps")) {
        (Some(method), Some(url), _) => format!("{method} {url}"),
        (_, _, Some(Value::Array(steps))) => count_of(steps.len(), "step"),
        _ => "a request".to_owned(),
    }
}
