//! Changes of many events as few lines: those that are alike are told once, with an example.

use std::sync::Arc;

use crate::changes::{brief, key};
use crate::cli::terminal::{BOLD, DIM, GREEN, RED, YELLOW, paint, width};
use crate::compile::Compiled;
use crate::diagnostic::text::{count_of, line};
use crate::diff::{Change, Field, What};
use crate::id::EventId;
use crate::value::Value;

/// So many characters of a value are shown at the least.
const LEAST: usize = 24;

/// Changes of one kind at one place.
struct Group {
    /// What the changes have in common, beside their route and operation.
    key: String,
    colour: &'static str,
    /// The newest of them, in words.
    example: String,
    event: EventId,
    count: usize,
}

/// The groups of each route and operation, in the order in which they were first met.
pub(super) struct Groups(Vec<(Heading, Vec<Group>)>);

type Heading = (Option<Arc<str>>, Option<Arc<str>>);

impl Groups {
    /// Puts together what is alike.
    pub fn of(changes: &[(EventId, Change)], after: &Compiled) -> Self {
        let mut groups = Groups(Vec::new());
        for (event, change) in changes {
            for (key, colour, example) in told(change, after) {
                groups.add((change.route.clone(), change.to.clone()), *event, key, colour, example);
            }
        }
        groups.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        groups
    }

    fn add(&mut self, heading: Heading, event: EventId, key: String, colour: &'static str, example: String) {
        let at = self.0.iter().position(|(known, _)| *known == heading).unwrap_or_else(|| {
            self.0.push((heading, Vec::new()));
            self.0.len() - 1
        });
        let Some((_, groups)) = self.0.get_mut(at) else { return };
        match groups.iter_mut().find(|group| group.key == key) {
            Some(group) => group.count += 1,
            None => groups.push(Group { key, colour, example, event, count: 1 }),
        }
    }

    /// What is shown: a heading for each route and operation, and below it what differs.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for ((route, to), groups) in &self.0 {
            let route = route.as_deref().map_or("(no route)".to_owned(), |route| format!("routes/{route}.yaml"));
            let to = to.as_deref().map(|to| format!(" → {to}")).unwrap_or_default();
            lines.extend([String::new(), paint(BOLD, &format!("{route}{to}"))]);
            for group in groups {
                let (count, event) = (count_of(group.count, "event"), group.event);
                let such = if group.count == 1 { event.to_string() } else { format!("{count}, such as {event}") };
                lines.extend(group.example.lines().map(|line| format!("  {}", paint(group.colour, line))));
                lines.push(format!("    {}", paint(DIM, &such)));
            }
        }
        lines.push(String::new());
        lines
    }
}

/// A change as what it has in common with others, a colour, and its words.
fn told(change: &Change, after: &Compiled) -> Vec<(String, &'static str, String)> {
    let word = change.what.word().to_owned();
    match &change.what {
        What::Appears(request) => {
            vec![(word, GREEN, format!("+ a request that was not made before: {}", brief(request)))]
        }
        What::Vanishes(request) => vec![(word, RED, format!("- a request that is made no more: {}", brief(request)))],
        What::Differs(fields) => fields.iter().map(|field| (key(field), YELLOW, shown(field))).collect(),
        What::Fails(problem) => {
            let line = line(problem, &after.documents);
            vec![(line.clone(), RED, format!("fails: {line}"))]
        }
        What::Mended => vec![(word, GREEN, "failed before, and works now".to_owned())],
        What::Unread(why) => vec![(word, RED, format!("the event is read no more: {why}"))],
        What::Read => vec![(word, GREEN, "the event was not read before, and is now".to_owned())],
    }
}

fn shown(field: &Field) -> String {
    let room = width().saturating_sub(field.path.chars().count() + 12).max(2 * LEAST);
    let value = |value: &Value, room| clipped(&value.to_json(), room);
    match (&field.before, &field.after) {
        (Some(before), Some(after)) => {
            format!("{}: {} → {}", field.path, value(before, room / 2), value(after, room / 2))
        }
        (None, Some(after)) => format!("+ {}: {}", field.path, value(after, room)),
        (Some(before), None) => format!("- {}: {}", field.path, value(before, room)),
        (None, None) => field.path.clone(),
    }
}

fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most.max(LEAST)) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}
