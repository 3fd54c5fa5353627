//! What came in, for the operator: the newest events and what became of each, and the request of one as it was captured.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State as Given};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::api::{Maybe, Several, Told, Word, Words};
use super::asked::Asked;
use super::look::Found;
use super::total::Total;
use super::{Admin, masked, unavailable};
use crate::clock::Timestamp;
use crate::delivery::State;
use crate::diagnostic::Code;
use crate::event::capture;
use crate::id::EventId;
use crate::route::RouteSet;
use crate::store::{Became, EventFilter, EventPage, EventStory, Store, StoreError, StoredOutcome, StoredResult};

/// No list is longer.
const MOST: usize = 1000;
/// So many that are looked for are counted.
const COUNTED: usize = 200;

shape! {
    /// Which events are listed: those of which all holds that is said.
    pub(super) struct EventsAsked {
        /// In which this was sent: a phone number however it is written, or its last four digits or more; an e-mail address; or
        /// words, all of which are in it.
        value: Maybe<String>,
        /// Of this source.
        source: Maybe<String>,
        /// That this route took.
        route: Maybe<String>,
        /// With a delivery to this connection.
        connection: Maybe<String>,
        /// That came to one of these, with commas between: `unrouted`, `unmatched`, `failed`, `dismissed`, `duplicate`, or the
        /// state of a delivery.
        state: Maybe<Several<Became>>,
        /// Of this identity.
        identity: Maybe<String>,
        /// Of this lane.
        lane: Maybe<String>,
        /// Received at this moment or later.
        since: Maybe<Timestamp>,
        /// Received before this moment.
        until: Maybe<Timestamp>,
        /// Older than this event, or what `next` of the list before says.
        before: Maybe<String>,
        /// How many of the newest: 20 unless given, 1000 at the most.
        last: Maybe<u64>,
    }
}

told! {
    /// Events, the newest first.
    pub(super) struct Events {
        events: Vec<Event>,
        /// How many there are beside those that are listed.
        total: EventsTotal,
        /// What `before` is to be for the list that follows; null at the end.
        next: Option<i64>,
        /// So many of those that are left were not prepared for the search yet.
        not_searched: u64,
    }
}

told! {
    /// How many events there are.
    pub(super) struct EventsTotal {
        events: Total,
    }
}

told! {
    /// An event and what became of it, without anything of its contents.
    pub(super) struct Event {
        id: EventId,
        received_at: Timestamp,
        source: String,
        /// Which part of its request, from 0, where `split` made several of one.
        part: u32,
        /// Whether the routes have seen it.
        routed: bool,
        /// What the routes made of it that took it.
        routes: Vec<Outcome>,
    }
}

told! {
    /// What a route made of an event.
    pub(super) struct Outcome {
        route: String,
        result: Word<Outcomes>,
        /// Why it could make nothing of it.
        problem: Option<String>,
        /// Whether the request could not be read at all.
        unread: bool,
        /// Who dismissed it, and why.
        note: Option<String>,
        /// The state of each of its deliveries.
        deliveries: Vec<Word<State>>,
    }
}

/// What a route can make of an event.
#[derive(Clone, Debug)]
pub(super) enum Outcomes {}

impl Words for Outcomes {
    fn words() -> Vec<&'static str> {
        vec!["taken", "failed", "dismissed", "duplicate"]
    }
}

/// What is personal goes out here, and what is confidential, so a page of somebody else, to whose name this address was given, gets nothing: it is asked
/// for by number or as `localhost` only.
pub(super) async fn only_by_address(headers: HeaderMap, request: Request, next: Next) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    match is_address(host) {
        true => next.run(request).await,
        false => (StatusCode::FORBIDDEN, "ask for this by the number of the address\n").into_response(),
    }
}

fn is_address(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || bare.parse::<std::net::IpAddr>().is_ok()
}

pub(super) async fn list(store: &dyn Store, query: &str, set: Option<&RouteSet>) -> Result<Found, StoreError> {
    let asked = match Asked::of_events(query, EventsAsked::KEYS) {
        Ok(asked) => asked,
        Err(problem) => return Ok(Found::Wrong(problem)),
    };
    let mut filter = asked.event_filter();
    if let Some(id) = asked.before_event() {
        match store.event(id).await? {
            Some(story) => filter.before = Some(story.event.seq),
            None => return Ok(Found::Wrong(format!("there is no event `{id}`"))),
        }
    }
    let page = store.find_events(filter.clone(), asked.last.clamp(1, MOST)).await?;
    let total = total(store, &filter, &page).await?;
    let mut events = Vec::with_capacity(page.events.len());
    for story in &page.events {
        let mut event = summary(story);
        if event.routes.iter().any(|outcome| outcome.problem.is_some())
            && let Some(masks) = masked::of_event(store, set, story.event.id).await?
        {
            let problems = event.routes.iter_mut().filter_map(|outcome| outcome.problem.as_mut());
            problems.for_each(|problem| *problem = masks.text(problem));
        }
        events.push(event);
    }
    let (next, not_searched) = (page.next, page.not_searched);
    Ok(Found::Json(Events { events, total: EventsTotal { events: total }, next, not_searched }.told()))
}

/// How many there are: of all that is known, and of what is looked for as far as it is counted.
async fn total(store: &dyn Store, filter: &EventFilter, page: &EventPage) -> Result<Total, StoreError> {
    let listed = page.events.len();
    if *filter != EventFilter::default() {
        if page.next.is_none() || listed >= COUNTED {
            return Ok(Total { count: listed, or_more: page.next.is_some() });
        }
        let counted = store.find_events(filter.clone(), COUNTED).await?;
        return Ok(Total { count: counted.events.len().max(listed), or_more: counted.next.is_some() });
    }
    let all = usize::try_from(store.counts().await?.events).unwrap_or(usize::MAX);
    Ok(Total { count: all.max(listed), or_more: false })
}

/// `GET /events/{id}`
pub(super) async fn story(Given(admin): Given<Admin>, id: Result<Path<String>, PathRejection>) -> Response {
    // What is no text is no id.
    let id = id.ok().and_then(|Path(id)| id.parse::<EventId>().ok());
    let Some(id) = id else { return Found::Nothing.into_response() };
    match (admin.story)(id).await {
        Ok(found) => found.map_or(Found::Nothing, Found::Json).into_response(),
        Err(error) => unavailable(error),
    }
}

/// The request of an event, without what is masked of it.
pub(super) async fn request(store: &dyn Store, id: &str, set: Option<&RouteSet>) -> Result<Found, StoreError> {
    let Ok(id) = id.parse::<EventId>() else { return Ok(Found::Nothing) };
    let story = store.event(id).await?;
    let shown = |story: EventStory| match set {
        Some(set) => capture::write(&masked::request(set, &story.event)),
        None => capture::write(&story.event.raw),
    };
    Ok(story.map_or(Found::Nothing, |story| Found::Bytes(shown(story))))
}

/// What a route made of an event at last; where none takes it any more, what came of it before and was not sent again.
fn current(story: &EventStory) -> Vec<&StoredOutcome> {
    let now = |outcome: &&StoredOutcome| outcome.generation == story.event.generation;
    let found: Vec<_> = story.outcomes.iter().filter(now).collect();
    let is_kept =
        |outcome: &&StoredOutcome| outcome.deliveries.iter().any(|story| story.delivery.state != State::Replayed);
    if found.is_empty() { story.outcomes.iter().filter(is_kept).collect() } else { found }
}

fn summary(story: &EventStory) -> Event {
    Event {
        id: story.event.id,
        received_at: story.event.received_at,
        source: story.event.source.to_string(),
        part: story.event.part,
        routed: story.routed_at.is_some(),
        routes: current(story).into_iter().map(outcome).collect(),
    }
}

fn outcome(outcome: &StoredOutcome) -> Outcome {
    let (result, problem, note) = match &outcome.result {
        StoredResult::Failed { problem } => ("failed", Some(problem), None),
        StoredResult::Dismissed { reason } => ("dismissed", None, Some(reason.clone())),
        StoredResult::Taken { .. } => ("taken", None, None),
        StoredResult::Duplicate { .. } => ("duplicate", None, None),
    };
    let problem = problem.map(|problem| serde_json::from_str(problem).unwrap_or_else(|_| problem.as_str().into()));
    let word = |key: &str| problem.as_ref().and_then(|problem: &serde_json::Value| problem.get(key)?.as_str());
    let states = outcome.deliveries.iter().map(|story| Word::of(story.delivery.state.word()));
    Outcome {
        route: outcome.route.to_string(),
        result: Word::of(result),
        problem: word("message").or(problem.as_ref().and_then(|problem| problem.as_str())).map(str::to_owned),
        unread: word("code") == Some(Code::UndecodableBody.word()),
        note,
        deliveries: states.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn only_numbers_and_localhost_are_addresses() {
        for good in ["127.0.0.1:8081", "127.0.0.1", "[::1]:8081", "localhost:8081", "10.0.0.7:80"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["evil.example:8081", "localhost.evil.example", "", "127.0.0.1.evil.example:80", "a:1:b"] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
