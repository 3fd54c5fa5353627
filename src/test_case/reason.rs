//! Why a request that a test expects was not made: the condition that did not hold, and what it saw in the sample.

use std::sync::Arc;

use crate::diagnostic::Place;
use crate::event::Event;
use crate::pipeline::{SendTrace, taken_by, trace};
use crate::route::{Route, RouteSet};
use crate::source::Handshake;
use crate::template::Scope;
use crate::template::explain::{Explained, Verdict};

/// A condition that did not hold for the sample: of the route, or of one delivery.
pub(super) struct Reason {
    /// The delivery; none when it is the route's own `match`.
    pub to: Option<Arc<str>>,
    pub place: Place,
    /// `payload.kind` is "contact"
    pub saw: Option<String>,
}

/// A fallback that had no turn: another route takes this event.
pub(super) fn of_turn(set: &RouteSet, route: &Arc<Route>, event: &Event) -> Option<Reason> {
    let other = taken_by(set, route, event)?;
    let saw = format!("`{}` takes the sample, and a fallback takes what no other route of its source took", other.name);
    Some(Reason { to: None, place: route.place.key("fallback").on_key(), saw: Some(saw) })
}

/// The route's `match`, which did not hold for this event.
pub(super) fn of_match(set: &RouteSet, route: &Arc<Route>, event: &Event) -> Option<Reason> {
    let matcher = route.matcher.as_ref()?;
    let saw = trace(set, route, event, &[]).matcher.as_ref().and_then(saw);
    Some(Reason { to: None, place: matcher.place.clone(), saw })
}

/// The `when` of one delivery, which did not hold for this event.
pub(super) fn of_when(set: &RouteSet, route: &Arc<Route>, event: &Event, number: usize) -> Option<Reason> {
    let send = route.sends.get(number)?;
    let when = send.when.as_ref()?;
    let traces = trace(set, route, event, &[]).sends;
    let saw = traces.get(number).and_then(|SendTrace { when, .. }| when.as_ref()).and_then(saw);
    Some(Reason { to: Some(send.to.clone()), place: when.place.clone(), saw })
}

/// What the `when` of a handshake saw in a request that it is not.
pub(super) fn of_handshake(handshake: &Handshake, scope: &Scope) -> String {
    let mut parts = Vec::new();
    collect(&handshake.when.template.explain(scope), &mut parts);
    parts.dedup();
    if parts.is_empty() { String::new() } else { format!(", {}", parts.join(", ")) }
}

/// What the parts that did not hold have seen.
fn saw(explained: &Explained) -> Option<String> {
    let mut parts = Vec::new();
    collect(explained, &mut parts);
    parts.dedup();
    (!parts.is_empty()).then(|| format!("in the sample {}", parts.join(", ")))
}

fn collect(explained: &Explained, found: &mut Vec<String>) {
    if explained.verdict != Verdict::No {
        return;
    }
    for seen in &explained.seen {
        found.push(match &seen.value {
            Some(value) => format!("`{}` is {}", seen.text, value.to_json()),
            None if seen.nearby.is_empty() => format!("`{}` is absent", seen.text),
            None => format!("`{}` is absent; there is {}", seen.text, seen.nearby.join(", ")),
        });
    }
    explained.parts.iter().for_each(|part| collect(part, found));
}
