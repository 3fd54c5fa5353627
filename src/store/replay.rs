//! What a person sends again: deliveries as they were, and events through the routes of today.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use super::model::{Filter, Replay, Replayed, StoredDelivery};
use super::transaction::Tx;
use super::writer::Command;
use super::{delivery, filter, key, lane, memory, query};
use crate::clock::Timestamp;
use crate::delivery::{Change, State};
use crate::id::{DeliveryId, EventId};

/// The deliveries that a person means and that can be sent again, the oldest first: all that are named, or else those that are
/// dead or held.
pub(super) fn deliveries(connection: &Connection, replay: &Replay) -> Result<Vec<StoredDelivery>, StoreError> {
    let mut asked = replay.filter.clone();
    let is_named = asked.ids.is_some();
    if !is_named {
        let kept = [State::Dead, State::Held];
        asked.states = kept.into_iter().filter(|s| asked.states.is_empty() || asked.states.contains(s)).collect();
        if asked.states.is_empty() {
            return Ok(Vec::new());
        }
    }
    filter::oldest(connection, &asked, replay.limit, |delivery| is_resendable(delivery, is_named))
}

/// Whether there is something to send, and nobody sends it anyway; what is done is sent again only where it is named.
fn is_resendable(delivery: &StoredDelivery, is_named: bool) -> bool {
    let is_done = matches!(delivery.state, State::Delivered | State::Accepted | State::Skipped);
    !delivery.request.is_empty() && (delivery.state.after(Change::Replay).is_some() || (is_named && is_done))
}

/// Makes a new delivery of each of these.
pub(super) struct SendAgain {
    /// Each with the id of the new one.
    pub deliveries: Vec<(i64, DeliveryId)>,
    /// They were named one by one: what is done is sent again, too.
    pub named: bool,
    pub with_steps: bool,
    pub at: Timestamp,
}

impl Command for SendAgain {
    type Answer = Vec<Replayed>;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Replayed>, StoreError> {
        let mut replayed = Vec::new();
        for (seq, id) in &self.deliveries {
            replayed.extend(self.one(tx, *seq, *id)?);
        }
        Ok(replayed)
    }

    fn weight(&self) -> usize {
        1024 * self.deliveries.len()
    }
}

impl SendAgain {
    fn one(&self, tx: &mut Tx<'_>, seq: i64, id: DeliveryId) -> Result<Option<Replayed>, StoreError> {
        let Some(old) = query::delivery(tx.connection(), seq)? else {
            return Ok(None);
        };
        if !is_resendable(&old, self.named) {
            return Ok(None);
        }
        self.copy(tx, seq, id)?;
        if let Some(after) = old.state.after(Change::Replay) {
            replaced(tx, seq, old.state, after)?;
        }
        Ok(Some(Replayed { old: old.id, new: id, connection: old.connection }))
    }

    fn copy(&self, tx: &mut Tx<'_>, old: i64, id: DeliveryId) -> Result<(), StoreError> {
        tx.totals.last_delivery += 1;
        let new = tx.totals.last_delivery;
        tx.execute(
            "INSERT INTO deliveries
             (seq, connection, open, state, attempts, due, event_seq, problem, owner, calls, again)
             SELECT ?2, connection, 1, ?3, 0, ?4, event_seq, NULL, 2, 0, ?5 FROM deliveries WHERE seq = ?1",
            params![old, new, delivery::code(State::Pending), self.at.0, if self.with_steps { 1 } else { 2 }],
        )?;
        tx.execute(
            "INSERT INTO contents (delivery_seq, id, route, position, operation, lane, created_at, request)
             SELECT ?2, ?3, route, position, operation, lane, ?4, request FROM contents WHERE delivery_seq = ?1",
            params![old, new, key::of_id(id), self.at.0],
        )?;
        if self.with_steps {
            tx.execute(
                "INSERT INTO ledger (delivery_seq, step, at, saved)
                 SELECT ?2, step, at, saved FROM ledger WHERE delivery_seq = ?1",
                params![old, new],
            )?;
        }
        tx.execute("INSERT INTO replays (old, new, at) VALUES (?1, ?2, ?3)", params![old, new, self.at.0])?;
        tx.moved(None, State::Pending, 1);
        Ok(())
    }
}

/// Another stands for this delivery from now on.
fn replaced(tx: &mut Tx<'_>, seq: i64, from: State, to: State) -> Result<(), StoreError> {
    if from == State::Held {
        memory::let_go(tx, seq)?;
    }
    tx.execute("UPDATE deliveries SET state = ?2 WHERE seq = ?1", params![seq, delivery::code(to)])?;
    tx.moved(Some(from), to, 1);
    Ok(())
}

/// Puts events that are routed among those that are not.
pub(super) struct PutBack {
    pub seqs: Vec<i64>,
}

impl Command for PutBack {
    type Answer = Vec<EventId>;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<EventId>, StoreError> {
        let mut put_back = Vec::new();
        for seq in &self.seqs {
            let Some(generation) = unroute(tx, *seq)? else { continue };
            let insert = "INSERT INTO unrouted (event_seq, generation) VALUES (?1, ?2)";
            tx.execute(insert, params![seq, generation + 1])?;
            tx.totals.counts.unrouted += 1;
            for delivery in deliveries_of(tx.connection(), *seq)? {
                let before = delivery::row(tx, delivery)?.state;
                if let Some(after) = before.after(Change::Replay) {
                    replaced(tx, delivery, before, after)?;
                }
            }
            let mut id = tx.connection().prepare_cached("SELECT id FROM events WHERE seq = ?1")?;
            put_back.push(key::to_id(id.query_row([seq], |row| row.get(0))?));
        }
        Ok(put_back)
    }
}

/// Forgets that an event is routed, and says in which generation it was; what it became is not counted any more.
fn unroute(tx: &mut Tx<'_>, seq: i64) -> Result<Option<i64>, StoreError> {
    uncount(tx, [seq, seq])?;
    let sql = "DELETE FROM routings WHERE event_seq = ?1 RETURNING generation";
    Ok(tx.connection().prepare_cached(sql)?.query_row([seq], |row| row.get(0)).optional()?)
}

/// What a run of events became is not counted any more. Those that are not routed have become nothing.
pub(super) fn uncount(tx: &mut Tx<'_>, run: [i64; 2]) -> Result<(), StoreError> {
    let sql = "SELECT coalesce(sum(o.result = 'failed'), 0), coalesce(sum(o.result = 'duplicate'), 0),
         coalesce(sum(o.result IS NULL), 0)
         FROM routings g LEFT JOIN outcomes o ON o.event_seq = g.event_seq AND o.generation = g.generation
         WHERE g.event_seq BETWEEN ?1 AND ?2";
    let mut statement = tx.connection().prepare_cached(sql)?;
    let number = |count: i64| u64::try_from(count).unwrap_or(0);
    let (failed, duplicates, unmatched) =
        statement.query_row(run, |row| Ok((number(row.get(0)?), number(row.get(1)?), number(row.get(2)?))))?;
    let counts = &mut tx.totals.counts;
    counts.failed = counts.failed.saturating_sub(failed);
    counts.duplicates = counts.duplicates.saturating_sub(duplicates);
    counts.unmatched = counts.unmatched.saturating_sub(unmatched);
    Ok(())
}

/// Every delivery of an event, also those that were sent again.
pub(super) fn deliveries_of(connection: &Connection, event_seq: i64) -> Result<Vec<i64>, StoreError> {
    let mut ranges =
        connection.prepare_cached("SELECT first_delivery, deliveries FROM outcomes WHERE event_seq = ?1")?;
    let mut rows = ranges.query([event_seq])?;
    let mut seqs: Vec<i64> = Vec::new();
    while let Some(row) = rows.next()? {
        let (first, count): (i64, i64) = (row.get(0)?, row.get(1)?);
        seqs.extend(first..first.saturating_add(count));
    }
    let mut again = connection.prepare_cached("SELECT new FROM replays WHERE old = ?1")?;
    let mut place = 0;
    while let Some(seq) = seqs.get(place).copied() {
        let new = again.query_map([seq], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
        seqs.extend(new);
        place += 1;
    }
    Ok(seqs)
}

/// The held deliveries among those that a person means.
pub(super) fn held(connection: &Connection, asked: &Filter, limit: usize) -> Result<Vec<i64>, StoreError> {
    let held = Filter { states: vec![State::Held], ..asked.clone() };
    Ok(filter::oldest(connection, &held, limit, |_| true)?.into_iter().map(|delivery| delivery.seq).collect())
}

/// The dead and held deliveries among those that a person means.
pub(super) fn kept(connection: &Connection, asked: &Filter, limit: usize) -> Result<Vec<i64>, StoreError> {
    let is_meant = |state: &State| asked.states.is_empty() || asked.states.contains(state);
    let states: Vec<State> = [State::Dead, State::Held].into_iter().filter(is_meant).collect();
    if states.is_empty() {
        return Ok(Vec::new());
    }
    let kept = Filter { states, ..asked.clone() };
    Ok(filter::oldest(connection, &kept, limit, |_| true)?.into_iter().map(|delivery| delivery.seq).collect())
}

/// Wants nothing more of deliveries.
pub(super) struct Dismiss {
    pub seqs: Vec<i64>,
    pub reason: String,
}

impl Command for Dismiss {
    type Answer = usize;

    fn run(&self, tx: &mut Tx<'_>) -> Result<usize, StoreError> {
        let mut dismissed = 0;
        for seq in &self.seqs {
            let before = delivery::row(tx, *seq)?.state;
            let Some(after) = before.after(Change::Dismiss) else { continue };
            replaced(tx, *seq, before, after)?;
            tx.execute("UPDATE deliveries SET problem = ?2 WHERE seq = ?1", params![seq, self.reason])?;
            dismissed += 1;
        }
        Ok(dismissed)
    }
}

/// Lets held deliveries go on.
pub(super) struct ReleaseHeld {
    pub seqs: Vec<i64>,
    pub at: Timestamp,
}

impl Command for ReleaseHeld {
    type Answer = Vec<Arc<str>>;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Arc<str>>, StoreError> {
        let mut connections = std::collections::BTreeSet::new();
        for seq in &self.seqs {
            let row = delivery::row(tx, *seq)?;
            let Some(to) = row.state.after(Change::Free { tried: row.attempts > 0 }) else { continue };
            lane::wait(tx, *seq, Some(self.at), row.state, to)?;
            memory::let_go(tx, *seq)?;
            let sql = "UPDATE deliveries SET problem = NULL, again = again | 1 WHERE seq = ?1 RETURNING connection";
            connections.insert(tx.connection().prepare_cached(sql)?.query_row([seq], |row| row.get(0))?);
        }
        Ok(connections.into_iter().collect())
    }
}
