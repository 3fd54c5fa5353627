//! What waits for a person: it goes on as it is, or nothing more is wanted of it.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::asked::{self, Asked, MOST};
use super::look::Found;
use super::{Admin, unavailable};
use crate::delivery::State as Where;
use crate::store::{Filter, StoreError, StoredDelivery};

/// What a person decides.
#[derive(Clone, Copy, PartialEq)]
enum Decision {
    Release,
    Dismiss,
}

impl Decision {
    /// The states of which it can be said.
    fn states(self) -> &'static [Where] {
        match self {
            Decision::Release => &[Where::Held],
            Decision::Dismiss => &[Where::Dead, Where::Held],
        }
    }
}

/// `POST /release`: `{ids, route, connection, since, until, all, unknown, by, dry_run}`.
pub(super) async fn release(State(admin): State<Admin>, headers: HeaderMap, body: Bytes) -> Response {
    decided(&admin, Decision::Release, &headers, &body).await
}

/// `POST /dismiss`: `{ids, state, route, connection, since, until, all, by, note, dry_run}`.
pub(super) async fn dismiss(State(admin): State<Admin>, headers: HeaderMap, body: Bytes) -> Response {
    decided(&admin, Decision::Dismiss, &headers, &body).await
}

async fn decided(admin: &Admin, decision: Decision, headers: &HeaderMap, body: &[u8]) -> Response {
    let asked = match asked::posted(headers, body) {
        Ok(asked) => asked,
        Err(refusal) => return refusal,
    };
    let done = match wrong(admin, decision, &asked).await {
        Ok(None) => carry_out(admin, decision, &asked).await,
        Ok(Some(problem)) => Ok(Found::Wrong(problem)),
        Err(error) => Err(error),
    };
    done.map_or_else(|_| unavailable(), IntoResponse::into_response)
}

/// Why it can't be done, in words.
async fn wrong(admin: &Admin, decision: Decision, asked: &Asked) -> Result<Option<String>, StoreError> {
    if asked.events.is_some() || asked.source.is_some() {
        return Ok(Some(
            "this is said of deliveries: name them by `dlv_…`, or by their connection or route".to_owned(),
        ));
    }
    if !asked.is_narrow() && !asked.says("all") {
        return Ok(Some("say which are meant: ids, route, connection, since, until, or all".to_owned()));
    }
    if let Some(state) = asked.states.iter().find(|state| !decision.states().contains(state)) {
        return Ok(Some(format!("what is {} is not meant by this", state.word())));
    }
    for id in asked.deliveries.iter().flatten() {
        match admin.store.delivery(*id).await? {
            None => return Ok(Some(format!("there is no delivery `{id}`"))),
            Some(story) if decision.states().contains(&story.delivery.state) => {}
            Some(story) => return Ok(Some(not_meant(&story.delivery))),
        }
    }
    Ok(None)
}

/// Why nothing is to be decided of a delivery.
fn not_meant(delivery: &StoredDelivery) -> String {
    let id = delivery.id;
    match delivery.state {
        Where::Dead => format!("`{id}` is dead, and does not go on; `jackfield replay {id}` sends it again"),
        Where::Delivered | Where::Accepted => format!("the provider has `{id}` already"),
        Where::Replayed => format!("`{id}` was sent again already, as another delivery"),
        Where::Skipped => format!("`{id}` was skipped or dismissed already"),
        state => format!("`{id}` is {}: it goes out by itself", state.word()),
    }
}

async fn carry_out(admin: &Admin, decision: Decision, asked: &Asked) -> Result<Found, StoreError> {
    let mut filter = asked.filter();
    if filter.states.is_empty() {
        filter.states = decision.states().to_vec();
    }
    let left_out = unknown(admin, decision, asked, &mut filter).await?;
    let states = filter.states.clone();
    let found = admin.store.deliveries(filter, MOST).await?;
    let ids: Vec<String> = found.iter().rev().map(|one| one.id.to_string()).collect();
    let is_trial = asked.says("dry_run");
    if !is_trial {
        // Those that are told are those that are meant.
        let seqs = Some(found.iter().map(|one| one.seq).collect());
        carried_out(admin, decision, asked, Filter { seqs, states, ..Filter::default() }).await?;
    }
    let more = found.len() == MOST;
    let body = json!({ "dry_run": is_trial, "deliveries": ids.len(), "ids": ids, "more": more, "left_out": left_out });
    Ok(Found::Json(body))
}

/// Leaves out what the provider may have already where nobody has looked at each, and says how many these are: not what is
/// named, nor where it is said.
async fn unknown(admin: &Admin, decision: Decision, asked: &Asked, filter: &mut Filter) -> Result<usize, StoreError> {
    if decision != Decision::Release || filter.ids.is_some() || asked.says("unknown") {
        return Ok(0);
    }
    filter.unknown = Some(true);
    let left_out = admin.store.deliveries(filter.clone(), MOST).await?.len();
    filter.unknown = Some(false);
    Ok(left_out)
}

async fn carried_out(admin: &Admin, decision: Decision, asked: &Asked, filter: Filter) -> Result<(), StoreError> {
    let by = asked.text("by").unwrap_or_else(|| "a person".to_owned());
    match decision {
        Decision::Release => {
            let connections = admin.store.release_held(filter, MOST, admin.clock.now()).await?;
            connections.iter().for_each(|connection| (admin.wake)(connection));
            tracing::info!(by, "held deliveries go on, as a person asked");
        }
        Decision::Dismiss => {
            let note = asked.text("note").map(|note| format!(": {note}")).unwrap_or_default();
            let deliveries = admin.store.dismiss(filter, MOST, &format!("dismissed by {by}{note}")).await?;
            tracing::info!(deliveries, by, "deliveries are dismissed, as a person asked");
        }
    }
    Ok(())
}
