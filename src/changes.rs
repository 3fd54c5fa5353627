//! What an edit changes, on the events that a store has: from each of them, what the routes made and what they would make.

mod group;
pub mod proof;
mod sent;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value as Json, json};

use crate::clock::Timestamp;
use crate::diagnostic::Resolve;
use crate::diff::{self, Change, Field, Recorded, What};
use crate::id::EventId;
use crate::route::{Route, RouteSet};
use crate::store::{Look, StoreError};
use crate::value::json::exact_serde;
pub use group::{Group, brief, groups, key};

/// What the edited routes are compared with.
#[derive(Clone, Copy)]
pub enum Before<'b> {
    Routes(&'b RouteSet),
    /// What was stored of each event when it was routed.
    Sent,
}

/// Which events are gone through, and what of them counts.
#[derive(Clone, Copy, Default)]
pub struct Meant<'m> {
    /// Events of this source only.
    pub source: Option<&'m str>,
    /// Events of the sources of this route only.
    pub of_route: Option<&'m str>,
    /// What this route makes only.
    pub route: Option<&'m str>,
    /// So many of the newest.
    pub last: usize,
    /// What has not been gone through by then is left out.
    pub until: Option<Instant>,
    /// Who looks at it is not shown what these routes mask.
    pub masked_by: Option<&'m RouteSet>,
}

/// What came of all events together.
#[derive(Default)]
pub struct Summary {
    pub events: usize,
    pub changed: usize,
    pub worse: usize,
    /// When the first and the last of them came in.
    pub span: Option<(Timestamp, Timestamp)>,
    pub changes: Vec<(EventId, Change)>,
}

/// Goes through the events of a store, also while a server is using it.
pub fn summary(look: &Look, before: Before<'_>, after: &RouteSet, meant: &Meant<'_>) -> Result<Summary, StoreError> {
    let mut summary = Summary::default();
    let sources = meant.of_route.and_then(|route| sources_of(route, before, after));
    let is_meant = |source: &str| {
        meant.source.is_none_or(|wanted| wanted == source)
            && sources.as_ref().is_none_or(|sources| sources.contains(source))
    };
    look.newest(is_meant, meant.last, |event| {
        if meant.until.is_some_and(|until| Instant::now() > until) {
            return Ok(());
        }
        let mut kept = Vec::new();
        if matches!(before, Before::Sent) {
            match look.event(event.id)? {
                Some(story) if story.routed_at.is_some() => kept = story.outcomes,
                // It is not routed yet: nothing was made of it.
                _ => return Ok(()),
            }
        }
        let event = Recorded::from(event);
        let mut changes = match before {
            Before::Routes(before) => diff::compare(before, after, &event),
            Before::Sent => sent::compare(kept, after, &event),
        };
        changes.retain(|change| meant.route.is_none_or(|route| change.route.as_deref().is_none_or(|own| own == route)));
        if let Some(masks) = meant.masked_by.and_then(|set| event.masks(set)) {
            changes = changes.into_iter().map(|change| change.masked(&masks)).collect();
        }
        summary.add(&event, changes);
        Ok(())
    })?;
    Ok(summary)
}

/// The sources whose events a route gets, before or after; nothing where that is not known.
fn sources_of(route: &str, before: Before<'_>, after: &RouteSet) -> Option<BTreeSet<String>> {
    let of = |set: &RouteSet| -> BTreeSet<String> {
        let has = |routes: &[Arc<Route>]| routes.iter().any(|own| *own.name == *route);
        let sources = set.routes.iter().filter(|(_, routes)| has(routes));
        sources.map(|(source, _)| source.to_string()).collect()
    };
    let mut sources = of(after);
    match before {
        Before::Routes(before) => sources.extend(of(before)),
        // A route that is gone may have had any.
        Before::Sent if sources.is_empty() => return None,
        Before::Sent => {}
    }
    Some(sources).filter(|sources| !sources.is_empty())
}

impl Summary {
    fn add(&mut self, event: &Recorded, changes: Vec<Change>) {
        let (first, last) = self.span.unwrap_or((event.received_at, event.received_at));
        self.span = Some((first.min(event.received_at), last.max(event.received_at)));
        self.events += 1;
        self.changed += usize::from(!changes.is_empty());
        self.worse += usize::from(changes.iter().any(|change| change.what.is_worse()));
        self.changes.extend(changes.into_iter().map(|change| (event.id, change)));
    }

    /// For programs: every change of every event.
    pub fn to_json(&self, against: &str, files: &dyn Resolve) -> Json {
        let changes: Vec<_> = self.changes.iter().map(|(event, change)| as_data(event, change, files)).collect();
        json!({
            "against": against,
            "events": self.events,
            "changed": self.changed,
            "worse": self.worse,
            "first": self.span.map(|(first, _)| first.to_string()),
            "last": self.span.map(|(_, last)| last.to_string()),
            "changes": changes,
        })
    }
}

fn as_data(event: &EventId, change: &Change, files: &dyn Resolve) -> Json {
    let mut out = json!({
        "event": event.to_string(),
        "route": change.route.as_deref(),
        "to": change.to.as_deref(),
        "what": change.what.word(),
    });
    let more = match &change.what {
        What::Appears(request) | What::Vanishes(request) => Some(("request", exact_serde(request))),
        What::Differs(fields) => Some(("fields", fields.iter().map(field).collect())),
        What::Fails(problem) => Some(("problem", crate::diagnostic::json::render(problem, files))),
        What::Unread(why) => Some(("why", (*why).into())),
        What::Mended | What::Read => None,
    };
    if let (Some((key, value)), Some(out)) = (more, out.as_object_mut()) {
        out.insert(key.to_owned(), value);
    }
    out
}

fn field(field: &Field) -> Json {
    json!({
        "path": field.path,
        "before": field.before.as_ref().map(exact_serde),
        "after": field.after.as_ref().map(exact_serde),
    })
}
