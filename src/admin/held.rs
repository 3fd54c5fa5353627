//! What waits or has failed, as a person decides: it goes on now, or nothing more is wanted of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use tokio::sync::Notify;

use super::api::{Maybe, Several, Told};
use super::asked::{self, Asked, MOST, UNMADE};
use super::look::Found;
use super::replay::{self, ReplayAsked};
use super::{Admin, erase, unavailable};
use crate::clock::Timestamp;
use crate::delivery::State as Where;
use crate::id::DeliveryId;
use crate::store::{EventStory, Filter, ReplayEvents, Store, StoreError, StoredDelivery, StoredResult};

/// The states of what goes on by itself.
const OPEN: &[Where] = &[Where::Pending, Where::Leased, Where::Retrying];

/// What a person decides.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Decision {
    Release,
    Dismiss,
}

shape! {
    /// Which deliveries go on now: those of which all holds that is said.
    pub(super) struct ReleaseAsked {
        /// These.
        ids: Maybe<Vec<DeliveryId>>,
        /// Of one of these states, with commas between: `held`, `pending`, `leased`, `retrying`.
        state: Maybe<Several<Where>>,
        /// Of this route.
        route: Maybe<String>,
        /// To this connection, which tries again at once.
        connection: Maybe<String>,
        /// Made at this moment or later.
        since: Maybe<Timestamp>,
        /// Made before this moment.
        until: Maybe<Timestamp>,
        /// All that are held or wait for a later time.
        all: Maybe<bool>,
        /// Also those of which nobody knows whether the provider has them.
        unknown: Maybe<bool>,
        /// Who asks for it, for the log.
        by: Maybe<String>,
        /// No more than so many.
        last: Maybe<u64>,
        /// Only say which are meant.
        dry_run: Maybe<bool>,
    }
}

shape! {
    /// Of what nothing more is wanted: what failed or is held, of which all holds that is said.
    pub(super) struct DismissAsked {
        /// These deliveries, or these events of which a route could make nothing.
        ids: Maybe<Vec<String>>,
        /// Of one of these states, with commas between: `dead`, `held`.
        state: Maybe<Several<Where>>,
        /// Of this route.
        route: Maybe<String>,
        /// To this connection.
        connection: Maybe<String>,
        /// Made, or received, at this moment or later.
        since: Maybe<Timestamp>,
        /// Made, or received, before this moment.
        until: Maybe<Timestamp>,
        /// All of it.
        all: Maybe<bool>,
        /// Events of which a route could make nothing, and no deliveries.
        unmade: Maybe<bool>,
        /// Who wants it, to be read with the delivery.
        by: Maybe<String>,
        /// Why, to be read with the delivery.
        note: Maybe<String>,
        /// No more than so many.
        last: Maybe<u64>,
        /// Only say which are meant.
        dry_run: Maybe<bool>,
    }
}

told! {
    /// What goes on now.
    pub(super) struct Released {
        /// Whether nothing was done.
        dry_run: bool,
        /// How many.
        deliveries: usize,
        ids: Vec<DeliveryId>,
        /// Whether there may be more that are meant.
        more: bool,
        /// How many stay held, since nobody knows whether the provider has them.
        left_out: usize,
        /// The connections that waited for something and try again.
        asked_again: Vec<String>,
    }
}

told! {
    /// Of what nothing more is wanted.
    pub(super) struct Dismissed {
        /// Whether nothing was done.
        dry_run: bool,
        /// How many deliveries.
        deliveries: usize,
        /// How many events.
        events: usize,
        /// Of the deliveries and events.
        ids: Vec<String>,
        /// Whether there may be more that are meant.
        more: bool,
    }
}

/// What is asked of other things, and told why it can't be said of these.
const OF_OTHERS: [&str; 4] = ["source", "value", "identity", "lane"];

impl Decision {
    /// What can be said of which are meant.
    pub(super) fn known(self) -> Vec<&'static str> {
        let own = if self == Decision::Release { ReleaseAsked::KEYS } else { DismissAsked::KEYS };
        own.iter().copied().chain(OF_OTHERS).collect()
    }

    /// The states of which it can be said.
    fn states(self) -> &'static [Where] {
        match self {
            Decision::Release => &[Where::Held, Where::Pending, Where::Leased, Where::Retrying],
            Decision::Dismiss => &[Where::Dead, Where::Held],
        }
    }
}

/// With what a decision is carried out: a running server, or a store that no server has.
pub(super) struct Hands<'h> {
    pub store: &'h dyn Store,
    pub now: Timestamp,
    /// The connections that are known.
    connections: Vec<Arc<str>>,
    /// There may be work for this connection.
    pub wake: &'h (dyn Fn(&Arc<str>) + Send + Sync),
    /// Lets a connection try again at once, and says whether it waited for anything.
    nudge: &'h (dyn Fn(&Arc<str>) -> bool + Send + Sync),
    /// Told where there may be an event to route.
    pub accepted: Option<&'h Notify>,
}

impl<'h> Hands<'h> {
    /// Those of a running server.
    pub fn of(admin: &'h Admin) -> Self {
        let connections = admin.live.now().set.connections.keys().cloned().collect();
        let (now, wake, nudge) = (admin.clock.now(), &*admin.wake, &*admin.nudge);
        Hands { store: &*admin.store, now, connections, wake, nudge, accepted: Some(&admin.accepted) }
    }

    /// Those for a store that no server has: nobody is to be told, since a start looks at all that waits.
    fn of_stopped(store: &'h dyn Store, now: Timestamp) -> Self {
        Hands { store, now, connections: Vec::new(), wake: &|_| {}, nudge: &|_| false, accepted: None }
    }
}

/// `POST /release`
pub(super) async fn release(State(admin): State<Admin>, headers: HeaderMap, body: Bytes) -> Response {
    posted(&admin, Decision::Release, &headers, &body).await
}

/// `POST /dismiss`
pub(super) async fn dismiss(State(admin): State<Admin>, headers: HeaderMap, body: Bytes) -> Response {
    posted(&admin, Decision::Dismiss, &headers, &body).await
}

async fn posted(admin: &Admin, decision: Decision, headers: &HeaderMap, body: &[u8]) -> Response {
    let asked = match asked::posted(headers, body, &decision.known()) {
        Ok(asked) => asked,
        Err(refusal) => return refusal,
    };
    decided_now(admin, decision, &asked).await.map_or_else(unavailable, IntoResponse::into_response)
}

/// What a person decides of what a running server has.
pub(super) async fn decided_now(admin: &Admin, decision: Decision, asked: &Asked) -> Result<Found, StoreError> {
    decided(&Hands::of(admin), decision, asked).await
}

/// The same in a store that no server has: the status and the body, as a server would answer at this path.
pub async fn decide(store: &dyn Store, now: Timestamp, path: &str, body: &str) -> Result<(u16, Vec<u8>), StoreError> {
    let decision = match path {
        "/erase" => {
            let found = match Asked::from_json(body.as_bytes(), &erase::known()) {
                Ok(asked) => erase::erased(store, now, &asked).await?,
                Err(problem) => Found::Wrong(problem),
            };
            return Ok(found.plain());
        }
        "/replay" => {
            let found = match Asked::from_json(body.as_bytes(), ReplayAsked::KEYS) {
                Ok(asked) => replay::replayed(&Hands::of_stopped(store, now), &asked).await?,
                Err(problem) => Found::Wrong(problem),
            };
            return Ok(found.plain());
        }
        "/release" => Decision::Release,
        "/dismiss" => Decision::Dismiss,
        _ => return Ok((404, Vec::new())),
    };
    let hands = Hands::of_stopped(store, now);
    let found = match Asked::from_json(body.as_bytes(), &decision.known()) {
        Ok(asked) => decided(&hands, decision, &asked).await?,
        Err(problem) => Found::Wrong(problem),
    };
    Ok(found.plain())
}

async fn decided(hands: &Hands<'_>, decision: Decision, asked: &Asked) -> Result<Found, StoreError> {
    match wrong(hands, decision, asked).await? {
        Some(problem) => Ok(Found::Wrong(problem)),
        None if decision == Decision::Release => released(hands, asked).await,
        None => dismissed(hands, asked).await,
    }
}

/// Why it can't be done, in words.
async fn wrong(hands: &Hands<'_>, decision: Decision, asked: &Asked) -> Result<Option<String>, StoreError> {
    if asked.source.is_some() || (asked.events.is_some() && decision == Decision::Release) {
        return Ok(Some(
            "this is said of deliveries: name them by `dlv_…`, or by their connection or route".to_owned(),
        ));
    }
    if asked.is_of_contents() {
        return Ok(Some("value, identity and lane are asked of lists; name what is meant by `dlv_…`".to_owned()));
    }
    if !asked.is_narrow() && !asked.says("all") && !asked.says(UNMADE) {
        return Ok(Some("say which are meant: ids, route, connection, since, until, or all".to_owned()));
    }
    if let Some(state) = asked.states.iter().find(|state| !decision.states().contains(state)) {
        return Ok(Some(format!("what is {} is not meant by this", state.word())));
    }
    for id in asked.deliveries.iter().flatten() {
        match hands.store.delivery(*id).await? {
            None => return Ok(Some(format!("there is no delivery `{id}`"))),
            Some(story) if story.delivery.parked && decision == Decision::Release => {
                return Ok(Some(format!("`{id}` waits until an earlier delivery of its lane is done")));
            }
            Some(story) if decision.states().contains(&story.delivery.state) => {}
            Some(story) => return Ok(Some(not_meant(&story.delivery))),
        }
    }
    for id in asked.events.iter().flatten() {
        match hands.store.event(*id).await? {
            None => return Ok(Some(format!("there is no event `{id}`"))),
            Some(story) if has_failed(&story) => {}
            Some(_) => return Ok(Some(format!("no route failed on `{id}`: its deliveries are dismissed by `dlv_…`"))),
        }
    }
    Ok(None)
}

fn has_failed(story: &EventStory) -> bool {
    let now = story.outcomes.iter().filter(|outcome| outcome.generation == story.event.generation);
    now.into_iter().any(|outcome| matches!(outcome.result, StoredResult::Failed { .. }))
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

/// What is held goes on, what is due later is due now, and no connection of theirs waits any longer.
async fn released(hands: &Hands<'_>, asked: &Asked) -> Result<Found, StoreError> {
    let of = |states: &[Where]| {
        let said = |state: &&Where| asked.states.is_empty() || asked.states.contains(state);
        Filter { states: states.iter().filter(said).copied().collect(), ..asked.filter() }
    };
    let (mut held, mut open) = (of(&[Where::Held]), of(OPEN));
    let left_out = unknown(hands, asked, &mut held).await?;
    // What is named is meant in any case; of the rest, what would wait.
    open.due_after = open.ids.is_none().then_some(hands.now);
    let mut found = Vec::new();
    for filter in [held, open].into_iter().filter(|filter| !filter.states.is_empty()) {
        found.extend(hands.store.deliveries(filter, MOST).await?);
    }
    found.sort_by_key(|one| one.seq);
    let more = found.len() >= MOST;
    found.truncate(asked.last);
    let is_trial = asked.says("dry_run");
    let mut asked_again = Vec::new();
    if !is_trial {
        let seqs: Vec<i64> = found.iter().map(|one| one.seq).collect();
        // Those that are told are those that are meant.
        let meant = Filter { seqs: Some(seqs), ..Filter::default() };
        hands.store.release_held(meant.clone(), MOST, hands.now).await?;
        hands.store.hasten(meant, MOST, hands.now).await?;
        asked_again = nudged(hands, asked, &found);
        let by = by(asked);
        tracing::info!(deliveries = found.len(), by, "deliveries go on now, as a person asked");
    }
    let ids: Vec<DeliveryId> = found.iter().map(|one| one.id).collect();
    let (dry_run, deliveries) = (is_trial, ids.len());
    Ok(Found::Json(Released { dry_run, deliveries, ids, more, left_out, asked_again }.told()))
}

/// Lets the connections that are meant try again, and says which of them waited for something.
fn nudged(hands: &Hands<'_>, asked: &Asked, found: &[StoredDelivery]) -> Vec<String> {
    let named = asked.connection.iter().cloned();
    let all = hands.connections.iter().filter(|_| asked.says("all")).cloned();
    let connections: BTreeSet<Arc<str>> =
        found.iter().map(|one| one.connection.clone()).chain(named).chain(all).collect();
    let waited = connections.iter().filter(|connection| (hands.nudge)(connection));
    let waited = waited.map(ToString::to_string).collect();
    connections.iter().for_each(|connection| (hands.wake)(connection));
    waited
}

/// Nothing more is wanted of deliveries, and of events that failed.
async fn dismissed(hands: &Hands<'_>, asked: &Asked) -> Result<Found, StoreError> {
    let is_trial = asked.says("dry_run");
    let note = asked.text("note").map(|note| format!(": {note}")).unwrap_or_default();
    let reason = format!("dismissed by {}{note}", by(asked));
    let (mut filter, mut found) = (asked.filter(), Vec::new());
    if filter.states.is_empty() {
        filter.states = Decision::Dismiss.states().to_vec();
    }
    if (asked.deliveries.is_some() || asked.events.is_none()) && !asked.says(UNMADE) {
        found = hands.store.deliveries(filter.clone(), asked.last).await?;
    }
    let meant = failed_events(asked);
    let mut events = Vec::new();
    if let Some(meant) = &meant {
        let failed = hands.store.chosen(meant.clone()).await?;
        events = hands.store.briefs(failed).await?.iter().map(|story| story.event.id).collect();
    }
    if !is_trial {
        let seqs = Some(found.iter().map(|one| one.seq).collect());
        let meant_deliveries = Filter { seqs, states: filter.states, ..Filter::default() };
        hands.store.dismiss(meant_deliveries, MOST, &reason).await?;
        if let Some(meant) = meant {
            events = hands.store.dismiss_events(meant, &reason).await?;
        }
        tracing::info!(deliveries = found.len(), events = events.len(), by = by(asked), "dismissed, as a person asked");
    }
    let ids = found.iter().rev().map(|one| one.id.to_string()).chain(events.iter().map(ToString::to_string));
    let more = found.len() == MOST || events.len() == MOST;
    let (ids, deliveries, events) = (ids.collect(), found.len(), events.len());
    Ok(Found::Json(Dismissed { dry_run: is_trial, deliveries, events, ids, more }.told()))
}

/// The events that are meant: those that are named, or where no connection, state or delivery is, those that failed.
fn failed_events(asked: &Asked) -> Option<ReplayEvents> {
    let of_deliveries = asked.deliveries.is_some() || asked.connection.is_some() || !asked.states.is_empty();
    match (asked.events.is_some(), of_deliveries) {
        (false, true) => None,
        _ => Some(ReplayEvents { unmade: true, ..asked.events() }),
    }
}

fn by(asked: &Asked) -> String {
    asked.text("by").unwrap_or_else(|| "a person".to_owned())
}

/// Leaves out what the provider may have already where nobody has looked at each, and says how many these are: not what is
/// named, nor where it is said.
async fn unknown(hands: &Hands<'_>, asked: &Asked, held: &mut Filter) -> Result<usize, StoreError> {
    if held.ids.is_some() || held.states.is_empty() || asked.says("unknown") {
        return Ok(0);
    }
    held.unknown = Some(true);
    let left_out = hands.store.deliveries(held.clone(), MOST).await?.len();
    held.unknown = Some(false);
    Ok(left_out)
}
