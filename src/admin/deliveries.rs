//! Deliveries for the operator: lists by state, route and connection, all of one, and what failed and is kept.

use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value as Json, json};

use super::asked::{self, Asked};
use super::{Admin, unavailable};
use crate::delivery;
use crate::id::DeliveryId;
use crate::store::{DeliveryStory, EventStory, ReplayEvents, StoredAttempt, StoredDelivery, StoredResult};

pub(super) async fn list(State(admin): State<Admin>, RawQuery(query): RawQuery) -> Response {
    let asked = match Asked::from_query(&query.unwrap_or_default()) {
        Ok(asked) => asked,
        Err(problem) => return asked::refused(&problem),
    };
    let Ok(found) = admin.store.deliveries(asked.filter(), asked.last).await else { return unavailable() };
    answer(&json!({ "deliveries": found.iter().map(summary).collect::<Vec<_>>() }))
}

/// Deliveries that are dead or held, and events of which a route could make nothing.
pub(super) async fn dead_letters(State(admin): State<Admin>, RawQuery(query): RawQuery) -> Response {
    let asked = match Asked::from_query(&query.unwrap_or_default()) {
        Ok(asked) => asked,
        Err(problem) => return asked::refused(&problem),
    };
    let mut filter = asked.filter();
    if filter.states.is_empty() {
        filter.states = vec![delivery::State::Dead, delivery::State::Held];
    }
    let Ok(found) = admin.store.deliveries(filter, asked.last).await else { return unavailable() };
    let mut failed = Vec::new();
    // A delivery's connection says nothing of events that became none.
    if asked.connection.is_none() && asked.states.is_empty() {
        let events = ReplayEvents { failed: true, ..asked.events() };
        let Ok(events) = admin.store.chosen(events).await else { return unavailable() };
        for event in events {
            match admin.store.event(event.id).await {
                Ok(Some(story)) => failed.extend(failure(&story, asked.route.as_deref())),
                Ok(None) => {}
                Err(_) => return unavailable(),
            }
        }
    }
    answer(&json!({ "deliveries": found.iter().map(summary).collect::<Vec<_>>(), "events": failed }))
}

pub(super) async fn one(State(admin): State<Admin>, Path(id): Path<String>) -> Response {
    let unknown = || (StatusCode::NOT_FOUND, "there is no such delivery\n").into_response();
    let Ok(id) = id.parse::<DeliveryId>() else { return unknown() };
    match admin.store.delivery(id).await {
        Ok(Some(story)) => answer(&whole(&story)),
        Ok(None) => unknown(),
        Err(_) => unavailable(),
    }
}

fn answer(body: &Json) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], format!("{body:#}\n")).into_response()
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
