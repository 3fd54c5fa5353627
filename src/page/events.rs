//! The events that came in, found by what is asked for, and the story of one.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value as Json, json};

use super::places::{Place, with_fields};
use super::{Asked, Fields, Page, became, listed, story};
use crate::clock::Timestamp;
use crate::id::{DeliveryId, EventId};
use crate::store::{Became, EventFilter, EventPage, EventStory, StoreError};

/// So many stand on a page.
const ON_A_PAGE: usize = 50;
/// So often more is looked for where what was found stands elsewhere by now.
const ROUNDS: usize = 4;
/// What can be asked for, beside the value.
const NARROWING: [&str; 8] = ["route", "source", "connection", "state", "since", "until", "identity", "lane"];

pub(super) fn router() -> Router<Page> {
    Router::new()
        .route("/events", get(list))
        .route("/events/{id}", get(one))
        .route("/events/{id}/request", get(request))
        .route("/deliveries/{id}", get(delivery))
}

async fn list(State(page): State<Page>, asked: Asked) -> Response {
    let fields = asked.query();
    // What is no moment and no state is of no event.
    let found = match meant(&fields) {
        Ok(meant) => found(&page, &meant, &fields).await,
        Err(_) => Ok(json!({ "events": [], "total": 0, "pages": { "newer": null, "older": null }, "not_searched": 0 })),
    };
    match found {
        Ok(found) => page.show(&asked, "events.html", "events", view(&page, &fields, found)),
        Err(error) => page.not_told(&asked, error),
    }
}

pub(super) async fn api_list(State(page): State<Page>, asked: Asked) -> Response {
    let fields = asked.query();
    let meant = match meant(&fields) {
        Ok(meant) => meant,
        Err(problem) => {
            return (StatusCode::BAD_REQUEST, answer(&json!({ "error": "wrong", "message": problem }))).into_response();
        }
    };
    match found(&page, &meant, &fields).await {
        Ok(found) => answer(&found).into_response(),
        Err(error) => page.not_told(&asked, error),
    }
}

async fn one(State(page): State<Page>, Path(id): Path<String>, asked: Asked) -> Response {
    match told(&page, &id).await {
        Ok(Some(view)) => page.show(&asked, "event.html", "events", view),
        Ok(None) => page.refuse(&asked, StatusCode::NOT_FOUND, "not_found"),
        Err(error) => page.not_told(&asked, error),
    }
}

pub(super) async fn api_one(State(page): State<Page>, Path(id): Path<String>, asked: Asked) -> Response {
    match told(&page, &id).await {
        Ok(Some(view)) => answer(&view).into_response(),
        Ok(None) => page.refuse(&asked, StatusCode::NOT_FOUND, "not_found"),
        Err(error) => page.not_told(&asked, error),
    }
}

async fn told(page: &Page, id: &str) -> Result<Option<Json>, StoreError> {
    match id.parse::<EventId>() {
        Ok(id) => (page.admin.story)(id).await,
        Err(_) => Ok(None),
    }
}

/// The request as a file, as samples are.
async fn request(State(page): State<Page>, Path(id): Path<String>, asked: Asked) -> Response {
    let Ok(event) = id.parse::<EventId>() else { return page.refuse(&asked, StatusCode::NOT_FOUND, "not_found") };
    match story::capture(&page, event).await {
        Ok(Some(body)) => {
            let file = format!("attachment; filename=\"{event}.http\"");
            let about =
                [(header::CONTENT_TYPE, "application/octet-stream".to_owned()), (header::CONTENT_DISPOSITION, file)];
            (about, body).into_response()
        }
        Ok(None) => page.refuse(&asked, StatusCode::NOT_FOUND, "not_found"),
        Err(error) => page.not_told(&asked, error),
    }
}

/// A delivery is shown with its event.
async fn delivery(State(page): State<Page>, Path(id): Path<String>, asked: Asked) -> Response {
    let Ok(delivery) = id.parse::<DeliveryId>() else { return page.refuse(&asked, StatusCode::NOT_FOUND, "not_found") };
    match page.admin.store.delivery(delivery).await {
        Ok(Some(story)) => page.to(&format!("/events/{}#{delivery}", story.delivery.event_id)),
        Ok(None) => page.refuse(&asked, StatusCode::NOT_FOUND, "not_found"),
        Err(error) => page.not_told(&asked, error),
    }
}

fn answer(body: &Json) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, "application/json")], format!("{body:#}\n"))
}

/// Which events are meant.
#[derive(Default)]
struct Meant {
    filter: EventFilter,
    /// Where they have to stand as a whole.
    state: Option<String>,
}

fn meant(fields: &Fields) -> Result<Meant, String> {
    let name = |key: &str| fields.get(key).map(Arc::<str>::from);
    let text = |key: &str| fields.get(key).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let state = fields.get("state").map(str::to_owned);
    let filter = EventFilter {
        source: name("source"),
        route: name("route"),
        connection: name("connection"),
        identity: text("identity"),
        lane: text("lane"),
        value: text("value"),
        became: state.as_deref().map(became).transpose()?.unwrap_or_default(),
        since: moment(fields, "since")?,
        until: moment(fields, "until")?,
        before: None,
    };
    Ok(Meant { filter, state })
}

/// What an event has become that stands there as a whole.
fn became(state: &str) -> Result<Vec<Became>, String> {
    use crate::delivery::State::{Leased, Pending};
    match state {
        "waiting" => Ok(vec![Became::Delivery(Pending), Became::Delivery(Leased)]),
        word => Became::from_word(word)
            .map(|one| vec![one])
            .ok_or_else(|| format!("there is no state `{word}`: {}, unrouted", became::WORDS.join(", "))),
    }
}

/// A moment as a browser's field writes it, which is in UTC here, or one with its zone.
pub(super) fn moment(fields: &Fields, key: &str) -> Result<Option<Timestamp>, String> {
    let Some(text) = fields.get(key) else { return Ok(None) };
    let local = || text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    let moment = text.parse::<jiff::Timestamp>().ok().or_else(|| Some(local()?.timestamp()));
    let moment = moment.ok_or_else(|| format!("`{key}` is a moment in UTC: 2026-11-21T09:30"))?;
    Ok(Some(Timestamp(moment.as_millisecond())))
}

/// One page of the events that are meant, and where the others are.
async fn found(page: &Page, meant: &Meant, fields: &Fields) -> Result<Json, StoreError> {
    let place = Place::of(fields.get("before"));
    let EventPage { events, next, not_searched } = looked_for(page, meant, place.before()).await?;
    let total = match (meant.filter == EventFilter::default(), place.before(), next) {
        (true, ..) => Some(page.admin.store.counts().await?.events),
        (false, None, None) => Some(events.len() as u64),
        (false, ..) => None,
    };
    let said = ["value"].iter().chain(&NARROWING).map(|key| (*key, fields.get(key).unwrap_or("")));
    let pages = place.pages(&with_fields("/events", said), next);
    let events = listed::events(page, &events).await?;
    Ok(json!({ "events": events, "total": total, "pages": pages, "not_searched": not_searched }))
}

/// The events, and where the next page begins. Of those with a delivery that stands where is asked for, some stand elsewhere
/// as a whole.
async fn looked_for(page: &Page, meant: &Meant, before: Option<i64>) -> Result<EventPage, StoreError> {
    let stands = |story: &EventStory| meant.state.as_deref().is_none_or(|state| state == became::of(story));
    let (mut events, mut before, mut not_searched): (Vec<EventStory>, _, _) = (Vec::new(), before, 0);
    for _ in 0..ROUNDS {
        let filter = EventFilter { before, ..meant.filter.clone() };
        // One more than is shown says whether there is another page.
        let wanted = ON_A_PAGE + 1 - events.len();
        let found = page.admin.store.find_events(filter, wanted).await?;
        // Fewer are found where enough was looked at for one page.
        let is_all = found.events.len() < wanted;
        events.extend(found.events.into_iter().filter(stands));
        (before, not_searched) = (found.next, found.not_searched);
        if is_all || events.len() > ON_A_PAGE || before.is_none() {
            break;
        }
    }
    let is_more = events.len() > ON_A_PAGE;
    events.truncate(ON_A_PAGE);
    let last = events.last().map(|story| story.event.seq);
    Ok(EventPage { events, next: if is_more { last } else { before }, not_searched })
}

fn view(page: &Page, fields: &Fields, found: Json) -> Json {
    let said = |key: &str| fields.get(key).unwrap_or("").to_owned();
    let filtered = NARROWING.iter().filter(|key| fields.get(key).is_some()).count();
    let filter: serde_json::Map<String, Json> =
        ["value"].iter().chain(&NARROWING).map(|key| ((*key).to_owned(), said(key).into())).collect();
    let live = page.admin.live.now();
    let is_whole = filtered == 0 && fields.get("value").is_none() && fields.get("before").is_none();
    let mut view = json!({
        "follows": is_whole,
        "filter": filter,
        "filtered": filtered,
        "routes": routes(page),
        "sources": live.set.sources.keys().map(|name| &**name).collect::<Vec<_>>(),
        "connections": connections(page),
        "states": became::WORDS,
    });
    for key in ["events", "total", "pages", "not_searched"] {
        view[key] = found[key].clone();
    }
    view
}

/// The names of all routes, in alphabetical order.
pub(super) fn routes(page: &Page) -> Vec<String> {
    let mut names: Vec<String> = page.admin.live.now().set.all_routes().map(|route| route.name.to_string()).collect();
    names.sort();
    names
}

/// The names of all connections, in alphabetical order.
pub(super) fn connections(page: &Page) -> Vec<String> {
    page.admin.live.now().set.connections.keys().map(ToString::to_string).collect()
}
