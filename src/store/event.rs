//! Writing events: accepting them, and storing what the routes made of them.

use std::sync::Arc;
use std::time::Instant;

use rusqlite::{OptionalExtension, params};

use super::error::StoreError;
use super::key;
use super::model::{NewDelivery, NewEvents, NewResult, RouteReceipt, RoutedEvent};
use super::transaction::Tx;
use super::writer::Command;
use super::{delivery, query};
use crate::delivery::State;

/// One request with its events. All that costs time is done before the writer gets it.
pub(super) struct Accept {
    new: NewEvents,
    headers: String,
    params: String,
    ids: Vec<[u8; 16]>,
    until: Option<Instant>,
}

impl Accept {
    pub(super) fn new(new: NewEvents, until: Option<Instant>) -> Result<Self, StoreError> {
        Ok(Accept {
            until,
            headers: serde_json::to_string(&new.raw.headers).map_err(|_| StoreError::Refused)?,
            params: new.params.to_json(),
            ids: new.ids.iter().copied().map(key::of_id).collect(),
            new,
        })
    }
}

impl Command for Accept {
    type Answer = Vec<i64>;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<i64>, StoreError> {
        let NewEvents { source, received_at, raw, .. } = &self.new;
        tx.totals.last_request += 1;
        let request = tx.totals.last_request;
        tx.execute(
            "INSERT INTO requests (seq, source, received_at, method, target, headers, params, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![request, source, received_at.0, raw.method, raw.target, self.headers, self.params, raw.body],
        )?;
        let mut seqs = Vec::with_capacity(self.ids.len());
        for (part, id) in (0_i64..).zip(&self.ids) {
            tx.totals.last_event += 1;
            let seq = tx.totals.last_event;
            let insert = "INSERT INTO events (seq, id, request, part) VALUES (?1, ?2, ?3, ?4)";
            tx.execute(insert, params![seq, id, request, part])?;
            tx.execute("INSERT INTO unrouted (event_seq) VALUES (?1)", [seq])?;
            tx.totals.counts.events += 1;
            tx.totals.counts.unrouted += 1;
            seqs.push(seq);
        }
        Ok(seqs)
    }

    fn weight(&self) -> usize {
        let raw = &self.new.raw;
        raw.body.len() + raw.target.len() + self.headers.len() + self.params.len() + 64 * (self.ids.len() + 1)
    }

    fn until(&self) -> Option<Instant> {
        self.until
    }

    fn is_new(&self) -> bool {
        true
    }
}

/// What the routes made of one event.
pub(super) struct Route {
    event: RoutedEvent,
    /// The key of each outcome's identity.
    keys: Vec<Option<[u8; 32]>>,
}

impl Route {
    pub(super) fn new(event: RoutedEvent) -> Self {
        let key = |outcome: &super::NewOutcome| match &outcome.result {
            NewResult::Taken { identity: Some(identity), .. } => Some(key::of_identity(&outcome.route, identity)),
            _ => None,
        };
        Route { keys: event.outcomes.iter().map(key).collect(), event }
    }

    /// Whether the route sees this identity for the first time. It is remembered from now on.
    fn is_first(&self, tx: &Tx<'_>, key: &[u8; 32], route: &str, again: bool) -> Result<bool, StoreError> {
        let seq = self.event.event_seq;
        let insert = "INSERT OR IGNORE INTO identities (key, route, event_seq, at) VALUES (?1, ?2, ?3, ?4)";
        if tx.execute(insert, params![key, route, seq, self.event.at.0])? > 0 {
            return Ok(true);
        }
        let mut owner = tx.connection().prepare_cached("SELECT event_seq, at FROM identities WHERE key = ?1")?;
        let (owner, at): (i64, i64) = owner.query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if at < self.event.identity_since.0 {
            let take_over = "UPDATE identities SET event_seq = ?2, at = ?3 WHERE key = ?1";
            tx.execute(take_over, params![key, seq, self.event.at.0])?;
            return Ok(true);
        }
        // A person who sends an event again wants it sent.
        Ok(owner == seq || again)
    }

    fn outcome(
        &self,
        tx: &mut Tx<'_>,
        position: usize,
        place: &Place,
        receipt: &mut RouteReceipt,
    ) -> Result<(), StoreError> {
        let Some(outcome) = self.event.outcomes.get(position) else { return Ok(()) };
        let key = self.keys.get(position).and_then(Option::as_ref);
        let mut row = OutcomeRow { first_delivery: tx.totals.last_delivery + 1, ..OutcomeRow::default() };
        match &outcome.result {
            NewResult::Failed { problem } => {
                tx.totals.counts.failed += 1;
                row.result = query::FAILED;
                row.problem = Some(problem);
            }
            NewResult::Taken { identity, lane, deliveries } => {
                row.identity = identity.as_deref();
                row.lane = lane.as_deref();
                let first = key.map_or(Ok(true), |key| self.is_first(tx, key, &outcome.route, place.generation > 0))?;
                if first {
                    row.result = query::TAKEN;
                    row.deliveries = deliveries.len();
                    for new in deliveries {
                        let seq = self.delivery(tx, &outcome.route, row.lane, new)?;
                        receipt.deliveries.push((new.id, seq));
                    }
                } else {
                    tx.totals.counts.duplicates += 1;
                    row.result = query::DUPLICATE;
                    receipt.duplicates.push(outcome.route.clone());
                }
            }
        }
        row.insert(tx, self.event.event_seq, position, place, &outcome.route)
    }

    fn delivery(&self, tx: &mut Tx<'_>, route: &str, lane: Option<&str>, new: &NewDelivery) -> Result<i64, StoreError> {
        tx.totals.last_delivery += 1;
        let (seq, at) = (tx.totals.last_delivery, self.event.at.0);
        let (state, request, problem) = match &new.request {
            Ok(request) => (State::Pending, request.as_str(), None),
            Err(problem) => (State::Dead, "", Some(problem)),
        };
        tx.execute(
            "INSERT INTO deliveries
             (seq, connection, open, state, attempts, due, event_seq, problem, owner, calls)
             VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, 2, 0)",
            params![seq, new.connection, !state.is_final(), delivery::code(state), at, self.event.event_seq, problem],
        )?;
        tx.execute(
            "INSERT INTO contents (delivery_seq, id, route, position, operation, lane, created_at, request)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![seq, key::of_id(new.id), route, new.position, new.operation, lane, at, request],
        )?;
        tx.moved(None, state, 1);
        Ok(seq)
    }
}

impl Command for Route {
    type Answer = RouteReceipt;

    fn run(&self, tx: &mut Tx<'_>) -> Result<RouteReceipt, StoreError> {
        let RoutedEvent { event_seq, revision, at, outcomes, .. } = &self.event;
        let Some(place) = Place::free(tx, *event_seq)? else {
            let mut known = tx.connection().prepare_cached("SELECT 1 FROM events WHERE seq = ?1")?;
            let known: Option<i64> = known.query_row([event_seq], |row| row.get(0)).optional()?;
            return known.map(|_| RouteReceipt::default()).ok_or(StoreError::NotFound);
        };
        let insert = "INSERT INTO routings (event_seq, revision, at, generation) VALUES (?1, ?2, ?3, ?4)";
        tx.execute(insert, params![event_seq, revision, at.0, place.generation])?;
        tx.totals.counts.unrouted = tx.totals.counts.unrouted.saturating_sub(1);
        if outcomes.is_empty() {
            tx.totals.counts.unmatched += 1;
        }
        let mut receipt = RouteReceipt::default();
        for position in 0..outcomes.len() {
            self.outcome(tx, position, &place, &mut receipt)?;
        }
        Ok(receipt)
    }

    fn weight(&self) -> usize {
        let size = |outcome: &super::NewOutcome| match &outcome.result {
            NewResult::Failed { problem } => problem.len(),
            NewResult::Taken { deliveries, .. } => deliveries.iter().map(request_size).sum(),
        };
        256 + self.event.outcomes.iter().map(size).sum::<usize>()
    }
}

fn request_size(new: &NewDelivery) -> usize {
    256 + new.request.as_ref().map_or_else(String::len, String::len)
}

/// Where what an event becomes is written: behind what it became before.
struct Place {
    generation: u32,
    first: usize,
}

impl Place {
    /// Takes the event from those that are not routed; nothing when it is not among them.
    fn free(tx: &Tx<'_>, event_seq: i64) -> Result<Option<Place>, StoreError> {
        // Faster than to delete it and have it returned.
        let sql = "SELECT generation FROM unrouted WHERE event_seq = ?1";
        let mut statement = tx.connection().prepare_cached(sql)?;
        let generation = statement.query_row([event_seq], |row| row.get(0)).optional()?;
        let Some(generation) = generation else { return Ok(None) };
        tx.execute("DELETE FROM unrouted WHERE event_seq = ?1", [event_seq])?;
        let mut first = 0;
        if generation > 0 {
            let sql = "SELECT coalesce(max(position) + 1, 0) FROM outcomes WHERE event_seq = ?1";
            let next: i64 = tx.connection().prepare_cached(sql)?.query_row([event_seq], |row| row.get(0))?;
            first = usize::try_from(next).map_err(|_| StoreError::Corrupt)?;
        }
        Ok(Some(Place { generation, first }))
    }
}

/// A row of `outcomes` in the making.
#[derive(Default)]
struct OutcomeRow<'r> {
    result: &'static str,
    identity: Option<&'r str>,
    lane: Option<&'r str>,
    problem: Option<&'r String>,
    /// The deliveries of an outcome have successive numbers: no index is needed to find them.
    first_delivery: i64,
    deliveries: usize,
}

impl OutcomeRow<'_> {
    fn insert(
        &self,
        tx: &Tx<'_>,
        event_seq: i64,
        position: usize,
        place: &Place,
        route: &Arc<str>,
    ) -> Result<(), StoreError> {
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        tx.execute(
            "INSERT INTO outcomes
             (event_seq, position, route, result, identity, lane, problem, first_delivery, deliveries, generation)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                event_seq,
                count(place.first + position),
                route,
                self.result,
                self.identity,
                self.lane,
                self.problem,
                self.first_delivery,
                count(self.deliveries),
                place.generation
            ],
        )?;
        Ok(())
    }
}
