//! Sending again, asked for by a person: the same requests, or the stored events through the routes of today.

use std::collections::BTreeSet;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::sync::Notify;

use super::api::{As, Maybe, Several};
use super::asked::{self, Asked, UNMADE};
use super::held::Hands;
use super::look::Found;
use super::{Admin, contents, total, unavailable};
use crate::clock::Timestamp;
use crate::delivery::State as Where;
use crate::id::{DeliveryId, EventId};
use crate::store::{EventStory, Filter, Replay, ReplayEvents, StoreError, StoredDelivery};

shape! {
    /// What is sent again: what failed and of which all holds that is said.
    pub(super) struct ReplayAsked {
        /// These deliveries, or these events.
        ids: Maybe<Vec<String>>,
        /// Deliveries of one of these states, with commas between: `dead`, `held`.
        state: Maybe<Several<Where>>,
        /// Of this route.
        route: Maybe<String>,
        /// To this connection.
        connection: Maybe<String>,
        /// Events of this source, through the routes.
        source: Maybe<String>,
        /// Of events in which this was sent: a phone number, an e-mail address, words.
        value: Maybe<String>,
        /// Of events of this identity.
        identity: Maybe<String>,
        /// Of this lane.
        lane: Maybe<String>,
        /// Made, or received, at this moment or later.
        since: Maybe<Timestamp>,
        /// Made, or received, before this moment.
        until: Maybe<Timestamp>,
        /// With a `seq` that is less.
        before: Maybe<i64>,
        /// No more than so many.
        last: Maybe<u64>,
        /// The events go through the routes as they are now, in place of the requests as they were.
        routes: Maybe<bool>,
        /// The events that no route took.
        unmatched: Maybe<bool>,
        /// The events of which a route could make nothing.
        unmade: Maybe<bool>,
        /// All that failed.
        all: Maybe<bool>,
        /// Also what is held since nobody knows whether the provider has it.
        unknown: Maybe<bool>,
        /// Also the steps that are done.
        repeat_steps: Maybe<bool>,
        /// Also what the provider has, where it is named by its id.
        again: Maybe<bool>,
        /// Only say which are meant.
        dry_run: Maybe<bool>,
    }
}

shape! {
    /// What is sent again, or would be: `deliveries` with the same requests, or `events` through the routes.
    pub(super) struct WasReplayed {
        /// Whether nothing was done.
        dry_run: Maybe<bool>,
        /// How many deliveries.
        deliveries: Maybe<u64>,
        /// How many events.
        events: Maybe<u64>,
        /// Of those that are meant, or of the events.
        ids: Maybe<Vec<String>>,
        /// Each delivery with the one that it is sent as.
        replayed: Maybe<Vec<As<Copied>>>,
        /// How many deliveries of these events the provider has already.
        delivered: Maybe<u64>,
        /// How many stay held, since nobody knows whether the provider has them.
        left_out: Maybe<u64>,
        /// How many deliveries could never be made into a request.
        unmade: Maybe<u64>,
        /// How many events are meant of which a route could make nothing.
        failed_events: Maybe<u64>,
    }
}

shape! {
    /// A delivery and the one that it is sent as.
    pub(super) struct Copied {
        old: DeliveryId,
        new: DeliveryId,
    }
}

/// `POST /replay`
pub(super) async fn replay(State(admin): State<Admin>, headers: HeaderMap, body: Bytes) -> Response {
    let asked = match asked::posted(&headers, &body, ReplayAsked::KEYS) {
        Ok(asked) => asked,
        Err(refusal) => return refusal,
    };
    replayed(&Hands::of(&admin), &asked).await.map_or_else(unavailable, IntoResponse::into_response)
}

pub(super) async fn replayed(hands: &Hands<'_>, asked: &Asked) -> Result<Found, StoreError> {
    if !asked.is_narrow() && !asked.says("unmatched") && !asked.says(UNMADE) && !asked.says("all") {
        let problem = "say which are meant: ids, route, connection, source, state, value, since, until, or all";
        return Ok(Found::Wrong(problem.to_owned()));
    }
    if let Some(problem) = at_odds(asked) {
        return Ok(Found::Wrong(problem));
    }
    let named = match named(hands, asked).await? {
        Ok(named) => named,
        Err(problem) => return Ok(Found::Wrong(problem)),
    };
    let by_routes = ["routes", "unmatched", UNMADE].iter().any(|key| asked.says(key));
    Ok(Found::Json(match named.is_some() || by_routes {
        true => events(hands, asked, named).await?,
        false => deliveries(hands, asked).await?,
    }))
}

/// What can't be said together, in words: nothing of what is said is passed over, since more would be sent than is meant.
fn at_odds(asked: &Asked) -> Option<String> {
    let (named, unmatched) = (asked.events.is_some() || asked.deliveries.is_some(), asked.says("unmatched"));
    let by_routes = asked.events.is_some() || asked.says("routes") || asked.says(UNMADE) || unmatched;
    let of_deliveries = asked.connection.is_some() || !asked.states.is_empty() || asked.before.is_some();
    let of_events = asked.is_of_contents()
        || asked.route.is_some()
        || asked.source.is_some()
        || asked.since.is_some()
        || asked.until.is_some();
    let other = asked.states.iter().find(|state| !matches!(state, Where::Dead | Where::Held));
    let problem = match () {
        () if asked.events.is_some() && asked.deliveries.is_some() => "name deliveries or events, not both at once",
        () if by_routes && named && (unmatched || of_deliveries || of_events) => {
            "say what is meant by ids, or by what it is of, not both at once"
        }
        () if by_routes && of_deliveries => {
            "an event goes through its routes whole, so connection and state can't be said with that; say route, source, \
             since or until"
        }
        () if unmatched && asked.route.is_some() => "no route took what is unmatched, so route can't be said with that",
        () if !by_routes && asked.source.is_some() => {
            "what is of a source is sent again through the routes as they are now: add --through-routes (over HTTP, routes)"
        }
        () => {
            let state = other.filter(|_| !named)?.word();
            return Some(format!("what is {state} is not sent again by this: name it by its id, with --again"));
        }
    };
    Some(problem.to_owned())
}

/// The events that are named, by themselves or by a delivery of theirs; a problem in words where a name says nothing, or
/// what the provider has would be sent again.
async fn named(hands: &Hands<'_>, asked: &Asked) -> Result<Result<Option<Vec<EventId>>, String>, StoreError> {
    let mut events = asked.events.clone();
    let meant = ReplayEvents { ids: events.clone(), ..ReplayEvents::default() };
    if let Some(ids) = &events
        && hands.store.chosen(meant).await?.len() < ids.len()
    {
        for id in ids {
            if hands.store.event(*id).await?.is_none() {
                return Ok(Err(format!("there is no event `{id}`")));
            }
        }
    }
    if let Some(of_deliveries) = whole_events(hands, asked).await? {
        return Ok(Ok(Some(of_deliveries)));
    }
    for id in asked.deliveries.iter().flatten() {
        let Some(story) = hands.store.delivery(*id).await? else {
            return Ok(Err(format!("there is no delivery `{id}`")));
        };
        let delivery = story.delivery;
        let kept = matches!(delivery.state, Where::Dead | Where::Held);
        if !kept && !asked.says("again") {
            return Ok(Err(not_kept(&delivery)));
        }
        match asked.says("routes") {
            true => events.get_or_insert_default().push(delivery.event_id),
            false if delivery.request.is_empty() => {
                return Ok(Err(format!(
                    "`{id}` could not be made into a request; mend the route, then add --through-routes"
                )));
            }
            false => {}
        }
    }
    Ok(Ok(events))
}

/// The events of deliveries that are named, where each is there and may go through the routes again.
async fn whole_events(hands: &Hands<'_>, asked: &Asked) -> Result<Option<Vec<EventId>>, StoreError> {
    let Some(ids) = asked.deliveries.clone().filter(|_| asked.says("routes")) else { return Ok(None) };
    let named = ids.len();
    let found = hands.store.deliveries(Filter { ids: Some(ids), ..Filter::default() }, usize::MAX).await?;
    let is_kept = |one: &StoredDelivery| asked.says("again") || matches!(one.state, Where::Dead | Where::Held);
    let is_whole = asked.events.is_none() && found.len() == named && found.iter().all(is_kept);
    Ok(is_whole.then(|| found.iter().rev().map(|one| one.event_id).collect()))
}

/// Why a delivery that neither failed nor is held is not sent again.
fn not_kept(delivery: &StoredDelivery) -> String {
    let id = delivery.id;
    match delivery.state {
        Where::Replayed => format!("`{id}` was sent again already, as another delivery"),
        Where::Delivered | Where::Accepted => {
            format!("the provider has `{id}` already; to send it once more, add --again")
        }
        Where::Skipped if delivery.problem.is_some() => {
            format!("`{id}` was dismissed; to send it all the same, add --again")
        }
        Where::Skipped => format!("`{id}` had nothing to send; to try it once more, add --again"),
        state => format!("`{id}` is {}: it goes out by itself", state.word()),
    }
}

/// The same requests as new deliveries; and how many are left out, so that nobody takes them for sent.
async fn deliveries(hands: &Hands<'_>, asked: &Asked) -> Result<serde_json::Value, StoreError> {
    let mut filter = contents::filter(hands.store, asked).await?;
    if filter.ids.is_none() && filter.states.is_empty() {
        filter.states = vec![Where::Dead, Where::Held];
    }
    let left_out = unknown(hands, asked, &mut filter).await?;
    let (with_steps, at) = (!asked.says("repeat_steps"), hands.now);
    let (requests, found) = unmade(hands, &filter, asked.last).await?;
    let failed = match asked.deliveries.is_some() || asked.connection.is_some() {
        true => 0,
        false => failed_events(hands, asked).await?,
    };
    let replay = Replay { filter, limit: asked.last, with_steps, at };
    let rest = json!({ "left_out": left_out, "unmade": requests, "failed_events": failed });
    if asked.says("dry_run") {
        let ids: Vec<String> = found.iter().map(ToString::to_string).collect();
        return Ok(joined(json!({ "dry_run": true, "deliveries": ids.len(), "ids": ids }), rest));
    }
    let replayed = hands.store.replay(replay).await?;
    let mut connections: Vec<_> = replayed.iter().map(|one| one.connection.clone()).collect();
    connections.sort();
    connections.dedup();
    connections.iter().for_each(|connection| (hands.wake)(connection));
    tracing::info!(deliveries = replayed.len(), "deliveries are sent again, as a person asked");
    let pairs: Vec<_> =
        replayed.iter().map(|one| json!({ "old": one.old.to_string(), "new": one.new.to_string() })).collect();
    Ok(joined(json!({ "deliveries": pairs.len(), "replayed": pairs }), rest))
}

fn joined(mut told: serde_json::Value, rest: serde_json::Value) -> serde_json::Value {
    if let (Some(told), serde_json::Value::Object(rest)) = (told.as_object_mut(), rest) {
        told.extend(rest);
    }
    told
}

/// Leaves out what is held since the provider may have it, where nobody has looked at each, and says how many these are: not
/// what is named, nor where it is said.
async fn unknown(hands: &Hands<'_>, asked: &Asked, filter: &mut Filter) -> Result<usize, StoreError> {
    if filter.ids.is_some() || !filter.states.contains(&Where::Held) || asked.says("unknown") {
        return Ok(0);
    }
    let of = |states: Vec<Where>, unknown| Filter { states, unknown, ..filter.clone() };
    let left_out = hands.store.deliveries(of(vec![Where::Held], Some(true)), usize::MAX).await?.len();
    if left_out > 0 {
        let others = filter.states.iter().copied().filter(|state| *state != Where::Held).collect::<Vec<_>>();
        let mut meant = hands.store.deliveries(of(vec![Where::Held], Some(false)), usize::MAX).await?;
        if !others.is_empty() {
            meant.extend(hands.store.deliveries(of(others, None), usize::MAX).await?);
        }
        filter.seqs = Some(meant.iter().map(|one| one.seq).collect());
    }
    Ok(left_out)
}

/// How many of what is meant were never made into a request, so that there is nothing to send; and the first of the others.
async fn unmade(hands: &Hands<'_>, filter: &Filter, last: usize) -> Result<(usize, Vec<DeliveryId>), StoreError> {
    let limit = if filter.ids.is_some() { last } else { usize::MAX };
    let all = Replay { filter: filter.clone(), limit, with_steps: true, at: hands.now };
    let mut found = hands.store.replayable(all).await?;
    let meant = match filter.ids.is_some() {
        true => found.len(),
        false => total::all(hands.store, filter).await?,
    };
    let unmade = meant.saturating_sub(found.len());
    found.truncate(last);
    Ok((unmade, found))
}

/// The events through the routes of today.
async fn events(
    hands: &Hands<'_>,
    asked: &Asked,
    named: Option<Vec<EventId>>,
) -> Result<serde_json::Value, StoreError> {
    let unmatched = asked.says("unmatched");
    // Where none is named, those are meant that failed.
    let (unmade, is_any) = (asked.says(UNMADE), named.is_none() && !unmatched);
    let (failed, unmade) = (is_any && !unmade, is_any && unmade);
    let mut events = ReplayEvents { ids: named, failed, unmade, unmatched, ..asked.events() };
    if let Some(found) = contents::events(hands.store, asked).await? {
        let all = ReplayEvents { limit: usize::MAX, ..events.clone() };
        let chosen: BTreeSet<i64> = hands.store.chosen(all).await?.into_iter().collect();
        let meant = found.iter().map(|story| &story.event).filter(|event| chosen.contains(&event.seq));
        events.ids = Some(meant.map(|event| event.id).take(asked.last).collect());
    }
    if asked.says("dry_run") {
        let found = hands.store.briefs(hands.store.chosen(events).await?).await?;
        let delivered: usize = found.iter().map(deliveries_done).sum();
        let ids: Vec<String> = found.iter().map(|story| story.event.id.to_string()).collect();
        return Ok(json!({ "dry_run": true, "events": ids.len(), "ids": ids, "delivered": delivered }));
    }
    let put_back = hands.store.replay_events(events).await?;
    hands.accepted.into_iter().for_each(Notify::notify_one);
    tracing::info!(events = put_back.len(), "events go through today's routes, as a person asked");
    let ids: Vec<String> = put_back.iter().map(ToString::to_string).collect();
    Ok(json!({ "events": ids.len(), "ids": ids }))
}

/// How many events a route could make nothing of: sending requests again does not reach them.
async fn failed_events(hands: &Hands<'_>, asked: &Asked) -> Result<usize, StoreError> {
    let unmade = ReplayEvents { unmade: true, limit: usize::MAX, ..asked.events() };
    let chosen = hands.store.chosen(unmade).await?;
    let meant = contents::numbers(hands.store, asked).await?;
    Ok(chosen.iter().filter(|seq| meant.as_ref().is_none_or(|meant| meant.contains(seq))).count())
}

/// How many deliveries of an event the provider has: its routes would make them again.
fn deliveries_done(story: &EventStory) -> usize {
    let deliveries = story.outcomes.iter().flat_map(|outcome| &outcome.deliveries);
    deliveries.filter(|one| matches!(one.delivery.state, Where::Delivered | Where::Accepted)).count()
}
