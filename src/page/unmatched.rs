//! What no route took, and what was captured of senders that have no route yet.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value as Json, json};

use super::places::with_fields;
use super::{Asked, Page, senders};
use crate::route::RouteSet;
use crate::source::Source;
use crate::store::{Became, EventFilter, EventPage, EventStory, StoreError};
use crate::value::Value;

/// So many events of a source are shown, the newest.
const SHOWN: usize = 10;
/// No more of one source are counted.
const MOST: usize = 100;
/// So many fields tell the shape of an event.
const FIELDS: usize = 12;

pub(super) fn router() -> Router<Page> {
    Router::new().route("/unmatched", get(list))
}

async fn list(State(page): State<Page>, asked: Asked) -> Response {
    match sources(&page).await {
        Ok(sources) => {
            let view = json!({
                "sources": sources,
                "pages": { "newer": null, "older": null },
                "unguessable": unguessable(),
            });
            page.show(&asked, "unmatched.html", "unmatched", view)
        }
        Err(error) => page.not_told(&asked, error),
    }
}

/// The end of an address that nobody guesses: another one whenever it is shown.
fn unguessable() -> String {
    crate::template::filter::hex(&rand::random::<[u8; 16]>())
}

/// The sources with something that no route took, those without a route first.
async fn sources(page: &Page) -> Result<Vec<Json>, StoreError> {
    let live = page.admin.live.now();
    let unmatched = page.admin.store.counts().await?.unmatched;
    let has_route = |name: &Arc<str>| live.set.routes.get(name).is_some_and(|routes| !routes.is_empty());
    let mut told = Vec::new();
    for is_captured in [true, false] {
        for (name, source) in live.set.sources.iter().filter(|(name, _)| has_route(name) != is_captured) {
            let found = match unmatched {
                0 => EventPage::default(),
                _ => found(page, name).await?,
            };
            if is_captured || !found.events.is_empty() || found.not_searched > 0 {
                told.push(section(page, &live.set, source, is_captured, &found).await?);
            }
        }
    }
    Ok(told)
}

async fn found(page: &Page, source: &Arc<str>) -> Result<EventPage, StoreError> {
    let became = vec![Became::Unmatched];
    let filter = EventFilter { source: Some(source.clone()), became, ..EventFilter::default() };
    page.admin.store.find_events(filter, MOST + 1).await
}

async fn section(
    page: &Page,
    set: &RouteSet,
    source: &Arc<Source>,
    is_captured: bool,
    EventPage { events: found, next, not_searched }: &EventPage,
) -> Result<Json, StoreError> {
    let mut events = Vec::new();
    for story in found.iter().take(SHOWN) {
        let Some(whole) = page.admin.store.event(story.event.id).await? else { continue };
        events.push(json!({
            "id": story.event.id.to_string(),
            "received_at": story.event.received_at.to_string(),
            "fields": fields(source, &whole),
        }));
    }
    let replay = with_fields("/replay", [("unmatched", "on"), ("source", &source.name)]);
    Ok(json!({
        "source": &*source.name,
        "capture": is_captured,
        "address": senders::address(set, source),
        "key": senders::secret_in_query(&source.verify),
        "turned_away": senders::turned_away(page, source),
        "count": found.len().min(MOST),
        "more": found.len() > MOST || (next.is_some() && !found.is_empty()),
        "not_searched": not_searched,
        "newest": found.first().map(|story| story.event.id.to_string()),
        "replay": Some(replay).filter(|_| !is_captured && !found.is_empty()),
        "events": events,
    }))
}

/// The names of the first fields, without anything that stands there.
fn fields(source: &Source, story: &EventStory) -> Vec<String> {
    let mut names = Vec::new();
    let part =
        source.whole(&story.event.raw).ok().and_then(|whole| whole.parts.get(story.event.part as usize).cloned());
    if let Some(payload) = &part {
        collect(payload, String::new(), &mut names);
    }
    names
}

fn collect(value: &Value, at: String, names: &mut Vec<String>) {
    match value {
        _ if names.len() >= FIELDS => {}
        Value::Object(fields) if !fields.is_empty() => {
            for (key, inner) in fields.iter() {
                collect(inner, if at.is_empty() { key.to_string() } else { format!("{at}.{key}") }, names);
            }
        }
        // The first item shows what the others are like.
        Value::Array(items) if !items.is_empty() => {
            if let Some(first) = items.first() {
                collect(first, format!("{at}[]"), names);
            }
        }
        _ => names.push(at),
    }
}
