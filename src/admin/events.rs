//! What came in, for the operator: the newest events and what became of each, and the request of one as it was captured.

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::asked::Asked;
use super::look::Found;
use super::masked;
use super::total::Total;
use crate::diagnostic::Code;
use crate::event::capture;
use crate::id::EventId;
use crate::route::RouteSet;
use crate::store::{EventFilter, EventPage, EventStory, Store, StoreError, StoredResult};

/// No list is longer.
const MOST: usize = 1000;
/// So many that are looked for are counted.
const COUNTED: usize = 200;

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

pub(super) async fn list(store: &dyn Store, query: &str) -> Result<Found, StoreError> {
    let asked = match Asked::of_events(query) {
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
    let listed: Vec<serde_json::Value> = page.events.iter().map(summary).collect();
    Ok(Found::Json(serde_json::json!({
        "events": listed,
        "total": { "events": total.to_json() },
        "next": page.next,
        "not_searched": page.not_searched,
    })))
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

/// Why a request could not be read; that tells of places, and of nothing that stands there.
fn unread(problem: &str) -> Option<String> {
    let problem: serde_json::Value = serde_json::from_str(problem).ok()?;
    let message = problem["message"].as_str().filter(|_| problem["code"] == Code::UndecodableBody.word());
    message.map(str::to_owned)
}

/// An event without anything of its contents.
fn summary(story: &EventStory) -> serde_json::Value {
    let routes: Vec<serde_json::Value> = story
        .outcomes
        .iter()
        .map(|outcome| {
            let (result, problem) = match &outcome.result {
                StoredResult::Failed { problem } => ("failed", unread(problem)),
                StoredResult::Dismissed { .. } => ("dismissed", None),
                StoredResult::Taken { .. } => ("taken", None),
                StoredResult::Duplicate { .. } => ("duplicate", None),
            };
            let states: Vec<&str> = outcome.deliveries.iter().map(|story| story.delivery.state.word()).collect();
            serde_json::json!({ "route": &*outcome.route, "result": result, "problem": problem, "deliveries": states })
        })
        .collect();
    serde_json::json!({
        "id": story.event.id.to_string(),
        "received_at": story.event.received_at.to_string(),
        "source": &*story.event.source,
        "part": story.event.part,
        "routed": story.routed_at.is_some(),
        "routes": routes,
    })
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
