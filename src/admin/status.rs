//! The state of the server.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::api::{As, Told};
use super::look::Found;
use super::shown::Problem;
use super::{Admin, unavailable};
use crate::clock::Timestamp;
use crate::delivery;
use crate::store::Counts;

told! {
    /// The state of the server.
    pub(super) struct Status {
        version: String,
        started_at: Timestamp,
        /// Of the routes that serve.
        revision: String,
        /// Their names.
        routes: Vec<String>,
        events: EventCounts,
        requests: RequestCounts,
        /// How many there are of each state.
        deliveries: BTreeMap<String, u64>,
        /// How each connection stands.
        connections: As<BTreeMap<String, As<Connection>>>,
        waiting: WaitingCounts,
        store: StoreState,
        reloads: As<Reloads>,
    }
}

told! {
    /// The events that are kept.
    pub(super) struct EventCounts {
        accepted: u64,
        /// That no routes have seen yet.
        unrouted: u64,
        /// That no route took.
        unmatched: u64,
        /// Of which a route could make nothing.
        failed: u64,
        /// Whose identity a route had seen before.
        duplicates: u64,
    }
}

told! {
    /// The requests since the start.
    pub(super) struct RequestCounts {
        /// Challenges that were answered.
        handshakes: u64,
        /// What was not taken, by the code of the answer.
        refused: BTreeMap<String, u64>,
    }
}

told! {
    /// The deliveries that wait.
    pub(super) struct WaitingCounts {
        /// For an earlier one of their lane.
        behind_their_lane: u64,
        /// For a later time.
        until_later: u64,
    }
}

told! {
    /// How the event store is.
    pub(super) struct StoreState {
        /// Why the last write failed; null when all is well.
        problem: Option<String>,
    }
}

shape! {
    /// How a connection stands.
    pub(super) struct Connection {
        /// Deliveries that could go out, as far as they are in memory.
        ready: u64,
        /// Calls that are made now.
        under_way: u64,
        /// Since when the provider does not answer well.
        down_since: Option<Timestamp>,
        /// Since when the provider takes no token of this connection.
        refused_since: Option<Timestamp>,
        /// When the next delivery tries whether that is over.
        asked_again: Option<Timestamp>,
        /// Until when the provider wants to be left alone.
        paused_until: Option<Timestamp>,
        /// When the next delivery goes out, as far as is known now.
        next: Timestamp,
    }
}

shape! {
    /// How changes of the files went since the start.
    pub(super) struct Reloads {
        /// How many went live.
        taken: u64,
        /// How many were refused.
        refused: u64,
        /// The last one; null where there was none.
        last: Option<As<Reload>>,
    }
}

shape! {
    /// How a change of the files went.
    pub(super) struct Reload {
        at: Timestamp,
        /// Whether it went live.
        taken: bool,
        /// What is wrong with it, or might be.
        problems: Vec<As<Problem>>,
    }
}

/// The state of the server, as JSON.
pub async fn status(State(admin): State<Admin>) -> Response {
    match admin.store.counts().await {
        Ok(counts) => Found::Json(told(&admin, &counts).told()).into_response(),
        Err(error) => {
            tracing::error!(%error, "the store does not count");
            unavailable(error)
        }
    }
}

fn told(admin: &Admin, counts: &Counts) -> Status {
    let revision = admin.live.now();
    let states = delivery::State::ALL.into_iter();
    let refused = admin.tally.counts().map(|(reason, count)| (reason.word().to_owned(), count));
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: admin.started_at,
        revision: revision.set.revision.to_string(),
        routes: revision.set.all_routes().map(|route| route.name.to_string()).collect(),
        events: EventCounts {
            accepted: counts.events,
            unrouted: counts.unrouted,
            unmatched: counts.unmatched,
            failed: counts.failed,
            duplicates: counts.duplicates,
        },
        requests: RequestCounts { handshakes: admin.tally.handshakes(), refused: refused.collect() },
        deliveries: states.map(|state| (state.word().to_owned(), counts.deliveries(state))).collect(),
        connections: As::of((admin.connections)()),
        waiting: WaitingCounts { behind_their_lane: counts.parked, until_later: counts.later },
        store: StoreState { problem: admin.store.trouble().map(|trouble| trouble.to_string()) },
        reloads: As::of(admin.reloads.to_json()),
    }
}
