//! The whole story of one event: what came in, why each route took it or not, what was sent, and what was answered.

mod delivery;
mod request;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};

pub(super) use delivery::delivery_to;

use super::problem;
use super::rows::Rows;
use super::stories::Stories;
use super::traced::{self, Telling};
use super::{Page, became, senders};
use crate::clock::Timestamp;
use crate::document::reference;
use crate::event::{Event, capture};
use crate::id::EventId;
use crate::live::Revision;
use crate::path::Location;
use crate::pipeline::{self, RouteResult, Trace};
use crate::privacy::{MASKED, Masks};
use crate::route::Route;
use crate::source::Source;
use crate::store::{EventStory, StoreError, StoredOutcome, StoredResult};
use crate::value::Value;

/// What a story is told of.
struct Facts {
    story: EventStory,
    /// What made it, where its files are at hand.
    revision: Option<Arc<Revision>>,
    live: Arc<Revision>,
    /// How many stand before each delivery that could go out now.
    ahead: HashMap<i64, u64>,
}

/// What came in, as a source reads it.
struct Read {
    source: Arc<Source>,
    /// Nothing, where the request can't be read.
    event: Option<Event>,
    /// How many events the request holds.
    parts: usize,
    /// Where this one stands in it.
    part: Option<Location>,
}

/// What the page is given; nothing when there is no such event.
pub(super) async fn view(stories: &Stories, id: EventId) -> Result<Option<Json>, StoreError> {
    let store = &stories.store;
    let Some(story) = store.event(id).await? else { return Ok(None) };
    let revision = match &story.event.revision {
        Some(name) => stories.revision(name).await?,
        None => None,
    };
    let now = stories.clock.now();
    let mut ahead = HashMap::new();
    for delivery in became::deliveries(&story).filter(|one| one.state.is_open() && !is_later(one.due, now)) {
        ahead.insert(delivery.seq, store.ahead(&delivery.connection, delivery.seq).await?);
    }
    let facts = Facts { story, revision, live: stories.live.now(), ahead };
    let told = tokio::task::spawn_blocking(move || facts.view()).await;
    told.map(Some).map_err(|_| StoreError::Unreadable)
}

fn is_later(due: Option<Timestamp>, now: Timestamp) -> bool {
    due.is_some_and(|due| due > now)
}

impl Facts {
    fn view(&self) -> Json {
        let read = self.read();
        let event = read.as_ref().and_then(|read| read.event.as_ref());
        let masks = self.masks(event);
        let mut rows = event.map(|event| Rows::masked(&event.payload, 1, &masks)).unwrap_or_default();
        let mut routes: Json = self.routes(event, &mut rows).into();
        let mut not_taken: Json = self.not_taken(event).into();
        let mut about = self.event(read.as_ref(), &rows);
        if !masks.is_none() {
            about["masked"] = true.into();
            // Of what else came in the same request nothing is known here.
            about["request"]["body"] = MASKED.into();
            [&mut routes, &mut not_taken, &mut about["request"]].into_iter().for_each(|told| hide("", told, &masks));
        }
        json!({ "event": about, "can_replay": self.story.routed_at.is_some(), "routes": routes, "not_taken": not_taken })
    }

    /// What people are not shown of it, as it is said today.
    fn masks(&self, event: Option<&Event>) -> Masks {
        let source = self.live.set.sources.get(&self.story.event.source);
        let privacy = source.map_or(&self.live.set.privacy, |source| &source.privacy);
        privacy.masks(event.map_or(&Value::Null, |event| &event.payload))
    }

    /// By the source of its own revision, or by the one of today.
    fn read(&self) -> Option<Read> {
        let stored = &self.story.event;
        let of = |revision: &Arc<Revision>| revision.set.sources.get(&stored.source).cloned();
        let source = self.revision.as_ref().and_then(of).or_else(|| of(&self.live))?;
        let Ok(whole) = source.whole(&stored.raw) else {
            return Some(Read { source, event: None, parts: 1, part: None });
        };
        let parts = whole.parts.len();
        let place = |split: &crate::path::Path| {
            let found = split.select(&whole.envelope, parts);
            found.into_iter().nth(stored.part as usize).map(|(place, _)| place)
        };
        let part = source.split.as_ref().and_then(place);
        let params = stored.params.clone();
        let event = source.restore(&whole, stored.id, &stored.raw, stored.part, params, stored.received_at);
        Some(Read { source, event, parts, part })
    }

    fn event(&self, read: Option<&Read>, rows: &Rows) -> Json {
        let stored = &self.story.event;
        let is_again = stored.generation > 0;
        json!({
            "id": stored.id.to_string(),
            "received_at": stored.received_at.to_string(),
            "source": &*stored.source,
            "verified_by": read.map(|read| read.source.verify.describe()).unwrap_or_default(),
            "proof": read.and_then(|read| senders::proof(&read.source.verify)),
            "part": stored.part,
            "parts": read.map_or(1, |read| read.parts).max(stored.part as usize + 1),
            "part_path": read.and_then(|read| read.part.as_ref()).map(ToString::to_string),
            "revision": stored.revision.as_deref().unwrap_or("–"),
            "revision_is_current": stored.revision.as_deref().is_none_or(|name| *name == *self.live.set.revision),
            "replay_of": is_again && self.story.routed_at.is_some(),
            "replayed_at": self.story.routed_at.filter(|_| is_again).map(|at| at.to_string()),
            "masked": false,
            "state": became::of(&self.story),
            "format": read.map(|read| request::format(&stored.raw, read.source.format)).unwrap_or_default(),
            "payload": rows.to_json(),
            "request": request::view(&stored.raw),
        })
    }

    /// What each route made of it, in their order; those that took it earlier only come with what they sent then.
    fn routes(&self, event: Option<&Event>, rows: &mut Rows) -> Vec<Json> {
        let mut names: Vec<&Arc<str>> = Vec::new();
        for outcome in &self.story.outcomes {
            if !names.contains(&&outcome.route) {
                names.push(&outcome.route);
            }
        }
        names.into_iter().map(|name| self.route(name, event, rows)).collect()
    }

    fn route(&self, name: &Arc<str>, event: Option<&Event>, rows: &mut Rows) -> Json {
        let own: Vec<&StoredOutcome> = self.story.outcomes.iter().filter(|outcome| outcome.route == *name).collect();
        let now = own.iter().copied().find(|outcome| outcome.generation == self.story.event.generation);
        let traced = now.zip(event).and_then(|(_, event)| self.trace(name, event));
        let (problem, first) = match now.map(|outcome| &outcome.result) {
            Some(StoredResult::Failed { problem }) => (Some(stored_problem(problem)), None),
            Some(StoredResult::Dismissed { reason }) => (Some(dismissed(reason)), None),
            Some(StoredResult::Duplicate { first, .. }) => (None, first.map(|id| id.to_string())),
            Some(StoredResult::Taken { .. }) | None => (None, None),
        };
        let is_new = now.is_some_and(|outcome| matches!(outcome.result, StoredResult::Duplicate { .. }));
        let told = traced
            .as_ref()
            .filter(|_| !is_new)
            .map(|(revision, route, trace)| telling(revision).findings(route, trace, rows));
        let mut deliveries: Vec<Json> = Vec::new();
        for outcome in &own {
            let traced = traced.as_ref().filter(|_| outcome.generation == self.story.event.generation);
            deliveries.extend(outcome.deliveries.iter().map(|story| self.delivery(story, traced, rows)));
        }
        json!({
            "route": &**name,
            "result": now.map_or("replayed", |outcome| became::result(&outcome.result)),
            "description": self.description(name),
            "problem": problem,
            "first": first,
            "trace": told,
            "deliveries": deliveries,
        })
    }

    /// The route as it was, and how it came to what it made.
    fn trace(&self, name: &str, event: &Event) -> Option<Traced> {
        let revision = self.revision.clone()?;
        let route = revision.set.route(name)?.clone();
        let trace = pipeline::trace(&revision.set, &route, event, &[]);
        Some((revision, route, trace))
    }

    fn description(&self, route: &str) -> Option<String> {
        let revision = self.revision.as_ref().unwrap_or(&self.live);
        let document = revision.documents.0.get(format!("routes/{route}.yaml").as_str())?;
        let text = document.root.as_ref()?.get("description")?.body_text()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty() && !reference::is_in(text))
    }

    /// The other routes of the source, each with why it left the event alone.
    fn not_taken(&self, event: Option<&Event>) -> Vec<Json> {
        let Some((revision, event)) = self.revision.as_ref().zip(event) else { return Vec::new() };
        let took = |route: &Arc<Route>| became::current(&self.story).any(|outcome| outcome.route == route.name);
        let others = revision.set.routes.get(&event.source).into_iter().flatten().filter(|route| !took(route));
        others.map(|route| why_not(revision, route, event)).collect()
    }
}

/// Under these keys stand values of the event, or what was made of them.
const VALUES: &[&str] = &[
    "shown", "was", "lane", "answer", "reason", "headers", "body", "url", "path", "message", "help", "label", "target",
];

fn hide(key: &str, told: &mut Json, masks: &Masks) {
    match told {
        Json::String(text) if VALUES.contains(&key) => *text = masks.text(text),
        Json::Array(items) => items.iter_mut().for_each(|item| hide(key, item, masks)),
        Json::Object(fields) => fields.iter_mut().for_each(|(key, inner)| hide(key, inner, masks)),
        _ => {}
    }
}

/// The request of an event as a file; without what people are not shown, where there is such.
pub(super) async fn capture(page: &Page, id: EventId) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(story) = page.admin.store.event(id).await? else { return Ok(None) };
    let facts = Facts { story, revision: None, live: page.admin.live.now(), ahead: HashMap::new() };
    let read = facts.read();
    let event = read.as_ref().and_then(|read| read.event.as_ref());
    let masks = facts.masks(event);
    let raw = &facts.story.event.raw;
    Ok(Some(match masks.is_none() {
        true => capture::write(raw),
        false => capture::write(&request::masked(raw, event.map(|event| &event.payload), &masks)),
    }))
}

/// A route as it was when it made something of an event, and how it came to that.
type Traced = (Arc<Revision>, Arc<Route>, Trace);

fn telling(revision: &Revision) -> Telling<'_> {
    Telling { set: &revision.set, files: &revision.documents }
}

fn why_not(revision: &Revision, route: &Arc<Route>, event: &Event) -> Json {
    let trace = pipeline::trace(&revision.set, route, event, &[]);
    let fails = trace.matcher.as_ref().filter(|_| matches!(trace.routed.result, RouteResult::NotMatched));
    let why = match (fails, route.fallback) {
        (Some(_), _) => "match",
        (None, true) => "fallback",
        (None, false) => "no_match",
    };
    json!({ "route": &*route.name, "why": why, "match": fails.map(traced::condition) })
}

/// A problem as the store has it: a diagnostic as JSON, or words.
pub(super) fn stored_problem(text: &str) -> Json {
    let stored = serde_json::from_str::<Json>(text).ok().filter(Json::is_object);
    problem::shown(&stored.unwrap_or_else(|| json!({ "message": text })))
}

fn dismissed(reason: &str) -> Json {
    problem::shown(&json!({ "severity": "warning", "message": reason }))
}
