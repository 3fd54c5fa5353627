//! What goes into the store and what comes out of it.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::delivery::{Next, State};
use crate::event::RawRequest;
use crate::id::{DeliveryId, EventId};
use crate::value::Value;

/// One verified request and the events that it holds.
#[derive(Clone, Debug)]
pub struct NewEvents {
    pub source: Arc<str>,
    pub received_at: Timestamp,
    pub raw: Arc<RawRequest>,
    /// The `{named}` segments of the source's path.
    pub params: Value,
    /// One for each part of the request, in order.
    pub ids: Vec<EventId>,
}

/// An event as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEvent {
    /// Its place in the order of arrival.
    pub seq: i64,
    pub id: EventId,
    pub source: Arc<str>,
    pub received_at: Timestamp,
    /// Which part of the request, from 0.
    pub part: u32,
    pub params: Value,
    /// Shared by the parts of one request that are read together.
    pub raw: Arc<RawRequest>,
    /// The routes that it went through; none while it is not routed.
    pub revision: Option<String>,
}

/// What the routes made of an event.
#[derive(Clone, Debug)]
pub struct RoutedEvent {
    pub event_seq: i64,
    pub revision: Arc<str>,
    pub at: Timestamp,
    /// Of the routes that took the event, whether or not they could make something of it. Empty: it is unmatched.
    pub outcomes: Vec<NewOutcome>,
}

#[derive(Clone, Debug)]
pub struct NewOutcome {
    pub route: Arc<str>,
    pub result: NewResult,
}

#[derive(Clone, Debug)]
pub enum NewResult {
    /// The route could make nothing of the event. `problem` is a diagnostic as JSON, without any payload.
    Failed {
        problem: String,
    },
    Taken {
        identity: Option<String>,
        lane: Option<String>,
        deliveries: Vec<NewDelivery>,
    },
}

#[derive(Clone, Debug)]
pub struct NewDelivery {
    pub id: DeliveryId,
    /// Which entry of the route's `send`, from 0.
    pub position: u32,
    pub connection: Arc<str>,
    pub operation: Arc<str>,
    /// The request as JSON, or the problem as JSON: then the delivery is stored as dead.
    pub request: Result<String, String>,
}

/// What storing a [`RoutedEvent`] came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteReceipt {
    /// The deliveries that wait to be sent or are dead, each with its number.
    pub deliveries: Vec<(DeliveryId, i64)>,
    /// The routes that have seen the event's identity before: they made no delivery.
    pub duplicates: Vec<Arc<str>>,
}

/// A delivery as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredDelivery {
    /// Its place in the order of routing.
    pub seq: i64,
    pub id: DeliveryId,
    pub event_id: EventId,
    pub event_seq: i64,
    pub route: Arc<str>,
    /// Which entry of the route's `send`, from 0.
    pub position: u32,
    pub connection: Arc<str>,
    pub operation: Arc<str>,
    pub lane: Option<Arc<str>>,
    /// How many attempts were made.
    pub attempts: u32,
    /// When it is tried again, once it has been tried.
    pub due: Option<Timestamp>,
    pub state: State,
    /// As JSON; empty when no request could be made.
    pub request: String,
    /// Why it is dead, when that was not an attempt's doing.
    pub problem: Option<String>,
    pub created_at: Timestamp,
}

/// One attempt that was made, and what follows from it.
#[derive(Clone, Debug)]
pub struct AttemptRecord {
    pub delivery_seq: i64,
    /// From 1.
    pub number: u32,
    pub started_at: Timestamp,
    pub took_ms: u64,
    pub result: &'static str,
    pub trouble: Option<&'static str>,
    pub status: Option<u16>,
    /// The beginning of the provider's answer.
    pub answer: Vec<u8>,
    pub next: Next,
}

/// One attempt as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAttempt {
    pub number: u32,
    pub started_at: Timestamp,
    pub took_ms: u64,
    pub result: String,
    pub trouble: Option<String>,
    pub status: Option<u16>,
    pub answer: Vec<u8>,
}

/// All that is known of one event.
#[derive(Clone, Debug, PartialEq)]
pub struct EventStory {
    pub event: StoredEvent,
    pub routed_at: Option<Timestamp>,
    pub outcomes: Vec<StoredOutcome>,
}

/// What one route made of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredOutcome {
    pub route: Arc<str>,
    pub result: StoredResult,
    pub deliveries: Vec<DeliveryStory>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum StoredResult {
    Failed {
        problem: String,
    },
    Taken {
        identity: Option<String>,
        lane: Option<String>,
    },
    /// The route had seen the identity before, with the event `first`.
    Duplicate {
        identity: String,
        first: Option<EventId>,
    },
}

/// A delivery with its attempts, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryStory {
    pub delivery: StoredDelivery,
    pub attempts: Vec<StoredAttempt>,
}

/// How much the store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub events: u64,
    /// Events that no routes have seen yet.
    pub unrouted: u64,
    /// Events that no route took.
    pub unmatched: u64,
    /// Routes that took an event and could make nothing of it.
    pub failed: u64,
    /// Routes that had seen an event's identity before.
    pub duplicates: u64,
    /// In the order of [`State::ALL`].
    pub(super) deliveries: [u64; State::ALL.len()],
}

impl Counts {
    /// How many deliveries are in that state.
    pub fn deliveries(&self, state: State) -> u64 {
        State::ALL.iter().zip(self.deliveries).find(|(known, _)| **known == state).map_or(0, |(_, count)| count)
    }
}
