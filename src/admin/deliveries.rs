//! Deliveries for the operator: lists by state, route and connection, all of one, and what failed and is kept.

use std::collections::BTreeMap;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value as Json, json};

use super::asked::{Asked, MOST};
use super::look::Found;
use super::shown::{
    Call, DeadLetters, DeadLettersAsked, DeadLettersTotal, Deliveries, DeliveriesAsked, DeliveriesTotal, Delivery,
    Failure, LastCall, Listed, NotMade,
};
use super::total::{self, Total};
use super::{Admin, contents, masked, reason, unavailable};
use crate::admin::api::{As, Maybe, Told, Word};
use crate::delivery;
use crate::id::{DeliveryId, EventId};
use crate::privacy::Masks;
use crate::route::RouteSet;
use crate::store::{
    DeliveryStory, EventStory, ReplayEvents, Store, StoreError, StoredAttempt, StoredDelivery, StoredResult,
};

pub(super) async fn list(store: &dyn Store, query: &str, set: Option<&RouteSet>) -> Result<Found, StoreError> {
    let asked = match Asked::from_query(query, DeliveriesAsked::KEYS) {
        Ok(asked) => asked,
        Err(problem) => return Ok(Found::Wrong(problem)),
    };
    let filter = contents::filter(store, &asked).await?;
    let found = store.deliveries(filter.clone(), asked.last).await?;
    let total = DeliveriesTotal { deliveries: total::deliveries(store, filter, found.len(), asked.last).await? };
    Ok(Found::Json(Deliveries { deliveries: summaries(store, &found, set).await?, total }.told()))
}

/// Deliveries that are dead or held, and events of which a route could make nothing.
pub(super) async fn dead_letters(store: &dyn Store, query: &str, set: Option<&RouteSet>) -> Result<Found, StoreError> {
    let asked = match Asked::from_query(query, DeadLettersAsked::KEYS) {
        Ok(asked) => asked,
        Err(problem) => return Ok(Found::Wrong(problem)),
    };
    let mut filter = contents::filter(store, &asked).await?;
    if filter.states.is_empty() {
        filter.states = vec![delivery::State::Dead, delivery::State::Held];
    }
    let found = store.deliveries(filter.clone(), asked.last).await?;
    let deliveries = total::deliveries(store, filter, found.len(), asked.last).await?;
    let (mut failed, mut events) = (Vec::new(), Total::of(0, 1, 0));
    // A delivery's connection says nothing of events that became none.
    if asked.connection.is_none() && asked.states.is_empty() {
        let mut unmade =
            store.chosen(ReplayEvents { unmade: true, newest: true, limit: MOST, ..asked.events() }).await?;
        if let Some(meant) = contents::numbers(store, &asked).await? {
            unmade.retain(|seq| meant.contains(seq));
        }
        events = Total::of(unmade.len().min(asked.last), asked.last, unmade.len());
        unmade.truncate(asked.last);
        for story in store.briefs(unmade).await? {
            let masks = masked::of_event(store, set, story.event.id).await?;
            failed.extend(failure(&story, asked.route.as_deref(), masks.as_ref()));
        }
    }
    let total = DeadLettersTotal { deliveries, events };
    Ok(Found::Json(DeadLetters { deliveries: summaries(store, &found, set).await?, events: failed, total }.told()))
}

pub(super) async fn one(State(admin): State<Admin>, id: Result<Path<String>, PathRejection>) -> Response {
    // What is no text is no id.
    let Ok(Path(id)) = id else { return Found::Nothing.into_response() };
    let revision = admin.live.now();
    let (delivery, mut body) = match story(&*admin.store, &id, Some(&revision.set)).await {
        Ok(Some(found)) => found,
        Ok(None) => return Found::Nothing.into_response(),
        Err(error) => return unavailable(error),
    };
    match estimate(&admin, &delivery).await {
        Ok(Some(estimate)) => body["estimate"] = estimate,
        Ok(None) => {}
        Err(error) => return unavailable(error),
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
    let mut body = whole(&story).told();
    if let Some(masks) = masked::of_event(store, set, story.delivery.event_id).await? {
        for key in ["lane", "request", "calls", "problem"] {
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
async fn summaries(
    store: &dyn Store,
    found: &[StoredDelivery],
    set: Option<&RouteSet>,
) -> Result<Vec<Listed>, StoreError> {
    use delivery::State::{Dead, Held, Retrying};
    let has_failed = |one: &StoredDelivery| matches!(one.state, Dead | Held | Retrying) && one.attempts > 0;
    let asked = found.iter().filter(|one| has_failed(one)).map(|delivery| delivery.seq).collect();
    let calls: BTreeMap<i64, StoredAttempt> = store.last_calls(asked).await?.into_iter().collect();
    let mut listed = Vec::with_capacity(found.len());
    for delivery in found {
        let masks = match delivery.problem {
            Some(_) => masked::of_event(store, set, delivery.event_id).await?,
            None => None,
        };
        let last = has_failed(delivery).then(|| calls.get(&delivery.seq).map(last));
        listed.push(Listed { last: Maybe(last), ..summary(delivery, masks.as_ref()) });
    }
    Ok(listed)
}

/// What a call came to, in short and without personal data.
fn last(attempt: &StoredAttempt) -> LastCall {
    LastCall {
        result: attempt.result.clone(),
        trouble: attempt.trouble.clone(),
        status: attempt.status,
        reason: reason::of_answer(&attempt.answer),
    }
}

/// A delivery without anything of its contents.
fn summary(delivery: &StoredDelivery, masks: Option<&Masks>) -> Listed {
    Listed {
        id: delivery.id,
        seq: delivery.seq,
        event: delivery.event_id,
        route: delivery.route.to_string(),
        to: format!("{}.{}", delivery.connection, delivery.operation),
        state: Word::of(delivery.state.word()),
        attempts: delivery.attempts,
        due: delivery.due,
        created_at: delivery.created_at,
        problem: delivery.problem.as_deref().map(|text| problem(text, masks)),
        last: Maybe(None),
    }
}

/// A problem is a diagnostic as JSON, or one word.
fn problem<S>(text: &str, masks: Option<&Masks>) -> As<S> {
    let mut told = serde_json::from_str(text).unwrap_or_else(|_| json!({ "message": text }));
    masks.into_iter().for_each(|masks| masked::made(masks, &mut told));
    As::of(told)
}

fn whole(story: &DeliveryStory) -> Delivery {
    let Listed { id, seq, event, route, to, state, attempts, due, created_at, problem, .. } =
        summary(&story.delivery, None);
    let request = serde_json::from_str::<Json>(&story.delivery.request).unwrap_or_default();
    let lane = story.delivery.lane.as_deref().map(str::to_owned);
    let (calls, estimate) = (story.attempts.iter().map(call).collect(), Maybe(None));
    Delivery { id, seq, event, route, to, state, attempts, due, created_at, problem, lane, request, calls, estimate }
}

fn call(attempt: &StoredAttempt) -> Call {
    Call {
        number: attempt.number,
        step: attempt.step,
        started_at: attempt.started_at,
        took_ms: attempt.took_ms,
        result: attempt.result.clone(),
        trouble: attempt.trouble.clone(),
        status: attempt.status,
        answer: String::from_utf8_lossy(&attempt.answer).into_owned(),
    }
}

/// What failed of an event, when a route could make nothing of it.
fn failure(story: &EventStory, route: Option<&str>, masks: Option<&Masks>) -> Option<Failure> {
    let of_now = story.outcomes.iter().filter(|outcome| outcome.generation == story.event.generation);
    let meant = of_now.filter(|outcome| route.is_none_or(|route| *route == *outcome.route));
    let routes: Vec<NotMade> = meant
        .filter_map(|outcome| match &outcome.result {
            StoredResult::Failed { problem: text } => {
                Some(NotMade { route: outcome.route.to_string(), problem: problem(text, masks) })
            }
            _ => None,
        })
        .collect();
    let event = &story.event;
    let (id, received_at, source): (EventId, _, _) = (event.id, event.received_at, event.source.to_string());
    (!routes.is_empty()).then_some(Failure { id, received_at, source, routes })
}
