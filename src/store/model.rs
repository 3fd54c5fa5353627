//! What goes into the store and what comes out of it.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::delivery::{Next, State};
use crate::event::RawRequest;
use crate::id::{DeliveryId, EventId};
use crate::secret::Secret;
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
    /// How often a person has sent it through the routes again.
    pub generation: u32,
}

/// What the routes made of an event.
#[derive(Clone, Debug)]
pub struct RoutedEvent {
    pub event_seq: i64,
    pub revision: Arc<str>,
    pub at: Timestamp,
    /// Of the routes that took the event, whether or not they could make something of it. Empty: it is unmatched.
    pub outcomes: Vec<NewOutcome>,
    /// Identities that were seen before this moment are forgotten: the same identity is a new event again.
    pub identity_since: Timestamp,
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
    /// How many attempts were used up.
    pub attempts: u32,
    /// How many calls were made: more than attempts where it has steps. The next call's number is one more.
    pub calls: u32,
    /// When it goes on, where that is told; it is not known of what is leased.
    pub due: Option<Timestamp>,
    /// It waits behind its lane.
    pub parked: bool,
    pub state: State,
    /// As JSON; empty when no request could be made.
    pub request: String,
    /// Why it is dead or held, when that was not an attempt's doing.
    pub problem: Option<String>,
    pub created_at: Timestamp,
    /// Nobody knows what its last call has done: what its steps asked for before that and did not find is asked for again.
    pub doubtful: bool,
    /// Its steps are made whatever is remembered of them.
    pub repeats: bool,
}

/// One call that was made, and what follows from it.
#[derive(Clone, Debug)]
pub struct AttemptRecord {
    pub delivery_seq: i64,
    /// The call's number among all of the delivery, from 1: [`StoredDelivery::calls`] and one more.
    pub number: u32,
    /// Which step of the plan was called, from 0.
    pub step: u32,
    /// Whether an attempt of the delivery is used up by it. Not by a step that is done, where others follow.
    pub counts: bool,
    pub started_at: Timestamp,
    pub took_ms: u64,
    pub result: &'static str,
    pub trouble: Option<&'static str>,
    pub status: Option<u16>,
    /// The beginning of the provider's answer, and its headers.
    pub answer: Vec<u8>,
    pub headers: Vec<(String, String)>,
    /// The step is done and has saved this, a JSON object by name. It goes into the ledger.
    pub saved: Option<String>,
    /// What was saved is known to others as well, under each of these keys.
    pub remember: Vec<Remember>,
    /// Where it counts against limits.
    pub ended: Option<EndedCall>,
    /// It was noted by [`super::Store::begin_unsure`].
    pub begun: bool,
    /// It may have done something of which nobody knows.
    pub doubtful: bool,
    /// Where the delivery is held by this call, the key that nobody finds out as long as it is.
    pub held_key: Option<String>,
    /// [`State::Leased`] when the step is done and others follow.
    pub next: Next,
}

/// A call that counts against the limits of a connection or an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitedCall {
    pub connection: Arc<str>,
    pub operation: Arc<str>,
    /// What each of the operation's limits counts it under; none where they have no keys.
    pub limit_keys: Vec<Arc<str>>,
}

/// The end of a call that [`super::Store::begin_call`] has noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedCall {
    /// Its number.
    pub call: i64,
    pub at: Timestamp,
    /// For how long it counts from then on.
    pub window: Duration,
}

/// A call that is about to be made, after which a person decides when nobody knows how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsureCall {
    pub delivery_seq: i64,
    /// Its number among all calls of the delivery, and which step it is.
    pub number: u32,
    pub step: u32,
    pub at: Timestamp,
    /// The key under which its result is remembered.
    pub key: Option<String>,
}

/// Under which key the saved names of a step are remembered, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remember {
    pub key: String,
    pub until: Timestamp,
}

/// What became of a delivery that was to change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// False when it stayed as it was: it was done before, or the same was stored before.
    pub changed: bool,
    /// It is not open any more, and the next of its lane is parked: [`super::Store::lease_lane`] gives it out.
    pub parked: bool,
}

/// What was leased by the way of the cursor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Leased {
    /// In order; without those that were parked.
    pub deliveries: Vec<StoredDelivery>,
    /// Where the next lease goes on. When nothing more is ready, that is behind all that there is.
    pub upto: i64,
    /// There may be more.
    pub more: bool,
}

/// What was leased of what is due.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Due {
    /// Those that were due first come first.
    pub deliveries: Vec<StoredDelivery>,
    /// When the next one is due; in the past when `limit` left some behind.
    pub next: Option<Timestamp>,
}

/// What asking for a key of the memory came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is remembered: the saved names as JSON.
    Known(String),
    /// Nobody knows it, and whoever asked is the one to find out.
    Mine,
    /// The same; and somebody has tried to, and nobody knows how that ended.
    Doubtful,
    /// Somebody is finding out, and has until then.
    Busy(Timestamp),
    /// This delivery may have found out, and is held until a person says.
    Held(DeliveryId),
}

/// What a token service gave for a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredToken {
    pub access: Secret,
    pub refresh: Option<Secret>,
    pub expires_at: Option<Timestamp>,
    /// Of the settings that it came from: with others it is not used.
    pub fingerprint: String,
}

/// Which deliveries are meant: those of which all holds that is said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Only these.
    pub ids: Option<Vec<DeliveryId>>,
    /// Of one of these states; of any where none is given.
    pub states: Vec<State>,
    pub route: Option<Arc<str>>,
    pub connection: Option<Arc<str>>,
    /// Of events of this source.
    pub source: Option<Arc<str>>,
    /// Made at that moment or later.
    pub since: Option<Timestamp>,
    /// Made before that moment.
    pub until: Option<Timestamp>,
    /// Older than the one of this number, to go on with a list.
    pub before_seq: Option<i64>,
    /// Only these, by their numbers.
    pub seqs: Option<Vec<i64>>,
    /// Those whose last call ended so that nobody knows whether the provider has it; or those of which it is known.
    pub unknown: Option<bool>,
    /// Those whose last call had this trouble.
    pub trouble: Option<&'static str>,
    /// Those that wait for a time after this one.
    pub due_after: Option<Timestamp>,
}

/// Which deliveries a person sends again, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    pub filter: Filter,
    /// Not more than so many, the oldest first.
    pub limit: usize,
    /// The steps that are done stay done: the new deliveries begin with the same ledger.
    pub with_steps: bool,
    pub at: Timestamp,
}

/// One delivery that was sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    pub old: DeliveryId,
    pub new: DeliveryId,
    pub connection: Arc<str>,
}

/// Which events a person sends through today's routes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplayEvents {
    /// Only these.
    pub ids: Option<Vec<EventId>>,
    pub source: Option<Arc<str>>,
    /// A route took them and could make nothing of them, or a delivery of theirs is dead; where a route is given, of that route.
    pub failed: bool,
    /// A route took them and could make nothing of them.
    pub unmade: bool,
    pub route: Option<Arc<str>>,
    /// No route took them.
    pub unmatched: bool,
    /// Received at that moment or later.
    pub since: Option<Timestamp>,
    /// Received before that moment.
    pub until: Option<Timestamp>,
    /// Not more than so many.
    pub limit: usize,
    /// The newest first; else the oldest.
    pub newest: bool,
}

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub events: usize,
    pub deliveries: usize,
    /// Bytes that the file gave back.
    pub freed: u64,
    /// There may be more to forget: ask again soon.
    pub more: bool,
}

/// What is wrong with the store's contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    pub events: u64,
    pub deliveries: u64,
    /// In plain words, without any payload; none when all is well.
    pub problems: Vec<String>,
}

/// One attempt as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAttempt {
    pub number: u32,
    /// Which step of the plan was called, from 0.
    pub step: u32,
    pub started_at: Timestamp,
    pub took_ms: u64,
    pub result: String,
    pub trouble: Option<String>,
    pub status: Option<u16>,
    pub answer: Vec<u8>,
    /// Of the answer.
    pub headers: Vec<(String, String)>,
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
    /// Of which time through the routes: 0 the first.
    pub generation: u32,
    pub result: StoredResult,
    pub deliveries: Vec<DeliveryStory>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum StoredResult {
    Failed {
        problem: String,
    },
    /// The route could make nothing of it, and a person wants nothing more of it.
    Dismissed {
        reason: String,
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
    /// Each step that is done, and what it saved as JSON.
    pub steps: Vec<(u32, String)>,
    /// The deliveries that it was sent again as.
    pub replayed_as: Vec<DeliveryId>,
}

/// How much the store holds; what was forgotten is not counted any more.
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
    /// Deliveries that wait behind their lane.
    pub parked: u64,
    /// Deliveries that are due later.
    pub later: u64,
    /// In the order of [`State::ALL`].
    pub(super) deliveries: [u64; State::ALL.len()],
}

impl Counts {
    /// Counts so many more deliveries in that state.
    pub(super) fn add(&mut self, state: State, more: u64) {
        for (known, count) in State::ALL.into_iter().zip(&mut self.deliveries) {
            *count += if known == state { more } else { 0 };
        }
    }

    /// How many deliveries are in that state.
    pub fn deliveries(&self, state: State) -> u64 {
        State::ALL.iter().zip(self.deliveries).find(|(known, _)| **known == state).map_or(0, |(_, count)| count)
    }
}
