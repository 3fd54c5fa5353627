//! The pure pipeline: an event through the routes of its source to finished requests. `serve`, `dry-run` and `test`
//! run this same code.

mod origin;
mod render;
mod trace;

use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::event::Event;
use crate::extract::Found;
use crate::plan::{self, Plan};
use crate::request::Request;
use crate::route::{Placed, Route, RouteSet, Send};
use crate::template::Scope;
use crate::value::Value;

pub use origin::{By, FieldOrigin, NameOrigin, Origin, Outcome, Part, Whence};
use render::below;
pub use render::{Call, at, place_name, render};
pub use trace::{SendTrace, Trace, trace};

/// Values that whoever asks gives in place of those extracted; nothing for a name that is to be absent.
pub type Given = [(Arc<str>, Option<Value>)];

/// What one route made of an event.
#[derive(Debug)]
pub struct Routed {
    pub route: Arc<Route>,
    pub result: RouteResult,
}

#[derive(Debug)]
pub enum RouteResult {
    /// The route's `match` did not hold.
    NotMatched,
    /// A fallback, and another route took the event.
    NotNeeded,
    Taken(Box<Taken>),
    /// The route took the event and could make nothing of it.
    Failed(Box<Diagnostic>),
}

/// What a route made of an event that it took.
#[derive(Debug, Default)]
pub struct Taken {
    /// Each name with its value; none for an optional one that was not found.
    pub names: Vec<(Arc<str>, Option<Found>)>,
    pub identity: Option<String>,
    pub lane: Option<String>,
    /// One for each entry of `send`.
    pub sends: Vec<Prepared>,
}

/// What became of one entry of `send`.
#[derive(Debug)]
pub enum Prepared {
    Ready(Box<Request>),
    /// Several calls, or one that waits for what others save.
    Planned(Box<Plan>),
    /// Its `when` did not hold.
    Skipped,
    Failed(Box<Diagnostic>),
}

/// Runs an event through every route of its source.
pub fn run(set: &RouteSet, event: &Event) -> Vec<Routed> {
    let routes = set.routes.get(&event.source).map(Vec::as_slice).unwrap_or_default();
    let base = scope(set, event);
    let normal = routes.iter().filter(|route| !route.fallback);
    let mut all: Vec<Routed> = normal.map(|route| routed(route, event, &base, &[])).collect();
    let taken = all.iter().any(|routed| !matches!(routed.result, RouteResult::NotMatched));
    for route in routes.iter().filter(|route| route.fallback) {
        match taken {
            true => all.push(Routed { route: route.clone(), result: RouteResult::NotNeeded }),
            false => all.push(routed(route, event, &base, &[])),
        }
    }
    all
}

/// Runs an event through one route, whatever the others do.
pub fn run_one(set: &RouteSet, route: &Arc<Route>, event: &Event) -> Routed {
    routed(route, event, &scope(set, event), &[])
}

/// Runs an event through one route as [`run`] does: a fallback has its turn when no other route of its source takes the
/// event.
pub fn run_in_turn(set: &RouteSet, route: &Arc<Route>, event: &Event) -> Routed {
    match taken_by(set, route, event) {
        Some(_) => Routed { route: route.clone(), result: RouteResult::NotNeeded },
        None => run_one(set, route, event),
    }
}

/// The route that leaves nothing of an event for this one, which is a fallback.
pub fn taken_by<'s>(set: &'s RouteSet, route: &Route, event: &Event) -> Option<&'s Arc<Route>> {
    let mut others = set.routes.get(&event.source).into_iter().flatten().filter(|other| !other.fallback);
    let scope = route.fallback.then(|| scope(set, event))?;
    // As in `run`, a `match` that fails takes the event.
    others.find(|other| other.matcher.as_ref().is_none_or(|matcher| matcher.template.holds(&scope).unwrap_or(true)))
}

/// The names in reach of every template of a route.
pub const BASE_NAMES: &[&str] = &["payload", "envelope", "request", "event", "vars"];

/// What these names stand for in one event.
pub fn scope(set: &RouteSet, event: &Event) -> Scope {
    Scope::new()
        .with("payload", event.payload.clone())
        .with("envelope", event.envelope.clone())
        .with_late("request", request(event))
        .with_late("event", about(event))
        .with("vars", set.vars.clone())
}

/// What makes `request`, which few templates ask for.
fn request(event: &Event) -> impl Fn() -> Value + std::marker::Send + Sync + 'static {
    let (raw, params, received_at) = (event.raw.clone(), event.params.clone(), event.received_at);
    move || raw.to_value(&params, received_at)
}

/// What makes `event`.
fn about(event: &Event) -> impl Fn() -> Value + std::marker::Send + Sync + 'static {
    let (id, source) = (event.id, event.source.clone());
    move || Event::value_of(id, &source)
}

fn routed(route: &Arc<Route>, event: &Event, base: &Scope, given: &Given) -> Routed {
    let result = match take(route, event, base, given) {
        Ok(Some(taken)) => RouteResult::Taken(Box::new(taken)),
        Ok(None) => RouteResult::NotMatched,
        Err(problem) => RouteResult::Failed(Box::new(problem)),
    };
    Routed { route: route.clone(), result }
}

fn take(route: &Route, event: &Event, base: &Scope, given: &Given) -> Result<Option<Taken>, Diagnostic> {
    if let Some(matcher) = &route.matcher
        && !matcher.template.holds(base).map_err(|error| at(error, &matcher.place))?
    {
        return Ok(None);
    }
    let mut scope = base.clone();
    let mut taken = Taken::default();
    for extract in &route.extracts {
        let found = match given.iter().find(|(name, _)| *name == extract.name) {
            Some((_, value)) => value.clone().map(|value| Found { value, path: None }),
            None => extract.run(&event.payload)?,
        };
        scope.set(extract.name.clone(), found.as_ref().map(|found| found.value.clone()));
        taken.names.push((extract.name.clone(), found));
    }
    taken.identity = text_of(route.identity.as_ref(), &scope)?;
    if let Some(identity) = &taken.identity {
        scope.set("event", Some(event.value_with(identity)));
    }
    taken.lane = text_of(route.lane.as_ref(), &scope)?;
    taken.sends = route.sends.iter().map(|send| prepared(route, send, event, &scope)).collect();
    Ok(Some(taken))
}

fn text_of(placed: Option<&Placed>, scope: &Scope) -> Result<Option<String>, Diagnostic> {
    let Some(placed) = placed else { return Ok(None) };
    let text = placed.template.evaluate_text(scope).map_err(|error| at(error, &placed.place))?;
    // Blank text tells no two events apart, and neither do spaces around it.
    Ok(text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
}

fn prepared(route: &Route, send: &Send, event: &Event, scope: &Scope) -> Prepared {
    let prepared = match plan::is_single(route, send) {
        true => single(send, scope),
        false => plan::make(route, send, &event.id.to_string(), scope)
            .map(|plan| plan.map_or(Prepared::Skipped, |plan| Prepared::Planned(Box::new(plan)))),
    };
    prepared.unwrap_or_else(|problem| Prepared::Failed(Box::new(problem)))
}

/// A delivery that is one call, and all of it known now.
fn single(send: &Send, scope: &Scope) -> Result<Prepared, Diagnostic> {
    let scope = scope.clone().with("connection", send.connection.settings.clone());
    if let Some(when) = &send.when
        && !when.template.holds(&scope).map_err(|error| at(error, &when.place))?
    {
        return Ok(Prepared::Skipped);
    }
    let call = Call { to: &send.to, connection: &send.connection, operation: &send.operation, draft: &send.draft };
    call.request(&scope).map(|request| Prepared::Ready(Box::new(request)))
}
