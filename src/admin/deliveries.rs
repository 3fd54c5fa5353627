//! Deliveries for the operator: lists by state, route and connection, all of one, and what failed and is kept.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value as Json, json};

use super::asked::{Asked, MOST};
use super::look::Found;
use super::total::{self, Total};
use super::{Admin, contents, masked, reason, unavailable};
use crate::delivery;
use crate::id::DeliveryId;
use crate::route::RouteSet;
use crate::store::{
    DeliveryStory, EventStory, ReplayEvents, Store, StoreError, StoredAttempt, StoredDelivery, StoredResult,
};

pub(super) async fn list(store: &dyn Store, query: &str) -> Result<Found, StoreError> {
    let asked = match Asked::from_query(query) {
        Ok(asked) => asked,
        Err(problem) => return Ok(Found::Wrong(problem)),
    };
    let filter = contents::filter(store, &asked).await?;
    let found = store.deliveries(filter.clone(), asked.last).await?;
    let total = total::deliveries(store, filter, found.len(), asked.last).await?;
    let deliveries = summaries(store, &found).await?;
    Ok(Found::Json(json!({ "deliveries": deliveries, "total": { "deliveries": total.to_json() } })))
}

/// Deliveries that are dead or held, and events of which a route could make nothing.
pub(super) async fn dead_letters(store: &dyn Store, query: &str) -> Result<Found, StoreError> {
    let asked = match Asked::from_query(query) {
        Ok(asked) => asked,
        Err(problem) => return Ok(Found::Wrong(problem)),
    };
    let mut filter = contents::filter(store, &asked).await?;
    if filter.states.is_empty() {
        filter.states = vec![delivery::State::Dead, delivery::State::Held];
    }
    let found = store.deliveries(filter.clone(), asked.last).await?;
    let total = total::deliveries(store, filter, found.len(), asked.last).await?;
    let (mut failed, mut total_events) = (Vec::new(), Total::of(0, 1, 0));
    // A delivery's connection says nothing of events that became none.
    if asked.connection.is_none() && asked.states.is_empty() {
        let mut unmade =
            store.chosen(ReplayEvents { unmade: true, newest: true, limit: MOST, ..asked.events() }).await?;
        if let Some(meant) = contents::numbers(store, &asked).await? {
            unmade.retain(|seq| meant.contains(seq));
        }
        total_events = Total::of(unmade.len().min(asked.last), asked.last, unmade.len());
        unmade.truncate(asked.last);
        let stories = store.briefs(unmade).await?;
        failed = stories.iter().filter_map(|story| failure(story, asked.route.as_deref())).collect();
    }
    let total = json!({ "deliveries": total.to_json(), "events": total_events.to_json() });
    let deliveries = summaries(store, &found).await?;
    Ok(Found::Json(json!({ "deliveries": deliveries, "events": failed, "total": total })))
}

pub(super) async fn one(State(admin): State<Admin>, Path(id): Path<String>) -> Response {
    let revision = admin.live.now();
    let Ok(found) = story(&*admin.store, &id, Some(&revision.set)).await else { return unavailable() };
    let Some((delivery, mut body)) = found else { return Found::Nothing.into_response() };
    match estimate(&admin, &delivery).await {
        Ok(Some(estimate)) => body["estimate"] = estimate,
        Ok(None) => {}
        Err(_) => return unavailable(),
    }
    Found::Json(body).into_response()
}

/// All that is known of one delivery.
pub(super) async fn story(
    store: &dyn Store,
    id: &str,
    set: Option<&RouteSet>,
) -> Result<Option<(StoredDelivery, Json)>, StoreError> {
    let Ok(id) = id.parse::<DeliveryId>() else { return Ok(None) };
    let Some(story) = store.delivery(id).await? else { return Ok(None) };
    let mut body = whole(&story);
    if let Some(set) = set.filter(|set| set.has_privacy())
        && let Some(event) = store.event(story.delivery.event_id).await?
    {
        let masks = masked::masks(set, &event.event);
        for key in ["lane", "request", "calls"] {
            masked::made(&masks, &mut body[key]);
        }
    }
    Ok(Some((story.delivery, body)))
}

/// When a delivery goes out that goes out by itself.
async fn estimate(admin: &Admin, delivery: &StoredDelivery) -> Result<Option<Json>, StoreError> {
    if !delivery.state.is_open() {
        return Ok(None);
    }
    let waits = delivery.due.is_some_and(|due| due > admin.clock.now());
    let ahead = match waits {
        true => 0,
        false => admin.store.ahead(&delivery.connection, delivery.seq).await?,
    };
    let mut estimate = (admin.estimates)(&delivery.connection, delivery.due, ahead);
    estimate["ahead"] = ahead.into();
    estimate["behind_its_lane"] = delivery.parked.into();
    Ok(Some(estimate))
}

/// Those that failed are listed with what their last call came to.
async fn summaries(store: &dyn Store, found: &[StoredDelivery]) -> Result<Vec<Json>, StoreError> {
    use delivery::State::{Dead, Held, Retrying};
    let has_failed = |one: &&StoredDelivery| matches!(one.state, Dead | Held | Retrying) && one.attempts > 0;
    let asked = found.iter().filter(has_failed).map(|delivery| delivery.seq).collect();
    let calls: BTreeMap<i64, StoredAttempt> = store.last_calls(asked).await?.into_iter().collect();
    let listed = found.iter().map(|delivery| {
        let mut one = summary(delivery);
        if has_failed(&delivery) {
            one["last"] = calls.get(&delivery.seq).map(last).unwrap_or_default();
        }
        one
    });
    Ok(listed.collect())
}

/// What a call came to, in short and without personal data.
fn last(attempt: &StoredAttempt) -> Json {
    json!({
        "result": attempt.result,
        "trouble": attempt.trouble,
        "status": attempt.status,
        "reason": reason::of_answer(&attempt.answer),
    })
}

/// A delivery without anything of its contents.
fn summary(delivery: &StoredDelivery) -> Json {
    json!({
        "id": delivery.id.to_string(),
        "seq": delivery.seq,
        "event": delivery.event_id.to_string(),
        "route": &*delivery.route,
        "to": format!("{}.{}", delivery.connection, delivery.operation),
        "state": delivery.state.word(),
        "attempts": delivery.attempts,
        "due": delivery.due.map(|due| due.to_string()),
        "created_at": delivery.created_at.to_string(),
        "problem": delivery.problem.as_deref().map(problem),
    })
}

/// A problem is a diagnostic as JSON, or one word.
fn problem(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|_| json!({ "message": text }))
}

fn whole(story: &DeliveryStory) -> Json {
    let mut body = summary(&story.delivery);
    if let Some(fields) = body.as_object_mut() {
        let request = serde_json::from_str::<Json>(&story.delivery.request).unwrap_or_default();
        fields.insert("lane".to_owned(), story.delivery.lane.as_deref().into());
        fields.insert("request".to_owned(), request);
        fields.insert("calls".to_owned(), story.attempts.iter().map(attempt).collect());
    }
    body
}

fn attempt(attempt: &StoredAttempt) -> Json {
    json!({
        "number": attempt.number,
        "step": attempt.step,
        "started_at": attempt.started_at.to_string(),
        "took_ms": attempt.took_ms,
        "result": attempt.result,
        "trouble": attempt.trouble,
        "status": attempt.status,
        "answer": String::from_utf8_lossy(&attempt.answer),
    })
}

/// What failed of an event, when a route could make nothing of it.
fn failure(story: &EventStory, route: Option<&str>) -> Option<Json> {
    let routes: Vec<Json> = story
        .outcomes
        .iter()
        .filter(|outcome| outcome.generation == story.event.generation)
        .filter(|outcome| route.is_none_or(|route| *route == *outcome.route))
        .filter_map(|outcome| match &outcome.result {
            StoredResult::Failed { problem: text } => {
                Some(json!({ "route": &*outcome.route, "problem": problem(text) }))
            }
            _ => None,
        })
        .collect();
    (!routes.is_empty()).then(|| {
        json!({
            "id": story.event.id.to_string(),
            "received_at": story.event.received_at.to_string(),
            "source": &*story.event.source,
            "routes": routes,
        })
    })
}
