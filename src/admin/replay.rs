//! Sending again, asked for by a person: the same requests, or the stored events through the routes of today.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::asked::{self, Asked, MOST};
use super::{Admin, unavailable};
use crate::delivery::State as Where;
use crate::store::{Replay, ReplayEvents, StoreError};

/// `POST /replay`: `{ids, state, route, connection, source, since, until, routes, unmatched, all, repeat_steps, dry_run}`.
pub(super) async fn replay(State(admin): State<Admin>, headers: HeaderMap, body: Bytes) -> Response {
    // A page of somebody else can't send this type without asking first.
    if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != "application/json") {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "send JSON, as application/json\n").into_response();
    }
    let asked = match Asked::from_json(&body) {
        Ok(asked) => asked,
        Err(problem) => return asked::refused(&problem),
    };
    if !asked.is_narrow() && !asked.says("unmatched") && !asked.says("all") {
        return asked::refused("say which are meant: ids, route, connection, source, state, since, until, or all");
    }
    let result = match asked.events.is_some() || asked.says("routes") || asked.says("unmatched") {
        true => events(&admin, &asked).await,
        false => deliveries(&admin, &asked).await,
    };
    match result {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], format!("{body:#}\n")).into_response(),
        Err(_) => unavailable(),
    }
}

/// The same requests as new deliveries.
async fn deliveries(admin: &Admin, asked: &Asked) -> Result<serde_json::Value, StoreError> {
    let mut filter = asked.filter();
    if filter.ids.is_none() && filter.states.is_empty() {
        filter.states = vec![Where::Dead, Where::Held];
    }
    if asked.says("dry_run") {
        let found = admin.store.deliveries(filter, MOST).await?;
        let ids: Vec<String> =
            found.iter().filter(|one| !one.request.is_empty()).map(|one| one.id.to_string()).collect();
        return Ok(json!({ "dry_run": true, "deliveries": ids.len(), "ids": ids }));
    }
    let with_steps = !asked.says("repeat_steps");
    let replay = Replay { filter, limit: asked.last, with_steps, at: admin.clock.now() };
    let replayed = admin.store.replay(replay).await?;
    let mut connections: Vec<_> = replayed.iter().map(|one| one.connection.clone()).collect();
    connections.sort();
    connections.dedup();
    connections.iter().for_each(|connection| (admin.wake)(connection));
    tracing::info!(deliveries = replayed.len(), "deliveries are sent again, as a person asked");
    let pairs: Vec<_> =
        replayed.iter().map(|one| json!({ "old": one.old.to_string(), "new": one.new.to_string() })).collect();
    Ok(json!({ "deliveries": pairs.len(), "replayed": pairs }))
}

/// The events through the routes of today.
async fn events(admin: &Admin, asked: &Asked) -> Result<serde_json::Value, StoreError> {
    let unmatched = asked.says("unmatched");
    // By a route or a time alone, those are meant that failed.
    let failed = asked.events.is_none() && !unmatched && !asked.says("all");
    let events = ReplayEvents { failed, unmatched, ..asked.events() };
    if asked.says("dry_run") {
        let found = admin.store.chosen(events).await?;
        let ids: Vec<String> = found.iter().map(|event| event.id.to_string()).collect();
        return Ok(json!({ "dry_run": true, "events": ids.len(), "ids": ids }));
    }
    let put_back = admin.store.replay_events(events).await?;
    admin.accepted.notify_one();
    tracing::info!(events = put_back.len(), "events go through today's routes, as a person asked");
    let ids: Vec<String> = put_back.iter().map(ToString::to_string).collect();
    Ok(json!({ "events": ids.len(), "ids": ids }))
}
