//! Writing deliveries: leases, what came of attempts, and giving up.

use rusqlite::{OptionalExtension, params};

use super::error::StoreError;
use super::model::{AttemptRecord, StoredDelivery};
use super::query;
use super::transaction::Tx;
use super::writer::Command;
use crate::clock::Timestamp;
use crate::delivery::{Next, State};

/// A state as it is stored. SQLite keeps 0 and 1 in no byte at all and others in one: these all take one, so that a
/// row does not grow when its state changes.
pub(super) fn code(state: State) -> i64 {
    match state {
        State::Pending => 2,
        State::Leased => 3,
        State::Retrying => 4,
        State::Delivered => 5,
        State::Accepted => 6,
        State::Dead => 7,
    }
}

/// The state that [`code`] stands for.
pub(super) fn state(stored: i64) -> Result<State, StoreError> {
    State::ALL.into_iter().find(|state| code(*state) == stored).ok_or(StoreError::Corrupt)
}

/// Makes every leased delivery ready again.
pub(super) struct ReleaseLeases;

impl Command for ReleaseLeases {
    type Answer = usize;

    fn run(&self, tx: &mut Tx<'_>) -> Result<usize, StoreError> {
        let release = "UPDATE deliveries INDEXED BY deliveries_open SET state = ?1
             WHERE open = 1 AND state = ?2 AND (attempts = 0) = ?3";
        let mut released = 0;
        for (to, fresh) in [(State::Pending, true), (State::Retrying, false)] {
            let rows = tx.execute(release, params![code(to), code(State::Leased), fresh])?;
            tx.moved(Some(State::Leased), to, rows);
            released += rows;
        }
        Ok(released)
    }
}

/// Takes deliveries of one connection, those that came first.
pub(super) struct Lease {
    pub connection: String,
    pub after_seq: i64,
    pub limit: usize,
    pub until: Timestamp,
}

impl Command for Lease {
    type Answer = Vec<StoredDelivery>;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<StoredDelivery>, StoreError> {
        let ready = params![self.connection, self.after_seq, code(State::Leased), query::limit(self.limit)];
        let mut leased = query::deliveries(tx.connection(), query::READY_DELIVERIES, ready)?;
        for delivery in &mut leased {
            let lease = "UPDATE deliveries SET state = ?2, leased_until = ?3 WHERE seq = ?1";
            tx.execute(lease, params![delivery.seq, code(State::Leased), self.until.0])?;
            tx.moved(Some(delivery.state), State::Leased, 1);
            delivery.state = State::Leased;
        }
        Ok(leased)
    }
}

/// Stores an attempt and what follows from it. Stored a second time, it changes nothing.
pub(super) struct Record(pub AttemptRecord);

impl Command for Record {
    type Answer = ();

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let AttemptRecord { delivery_seq, number, next, .. } = &self.0;
        let before = state_of(tx, *delivery_seq)?;
        if !self.insert(tx)? {
            return Ok(());
        }
        let Next { state: after, due } = next;
        // A delivery that was given up in the meantime stays so, unless the provider has it after all.
        let stays = before.is_final() && (before != State::Dead || !after.is_final());
        let state = if stays { before } else { *after };
        tx.execute(
            "UPDATE deliveries SET state = ?2, open = ?3, attempts = max(attempts, ?4), due = coalesce(?5, due),
             problem = iif(?6, problem, NULL) WHERE seq = ?1",
            params![delivery_seq, code(state), !state.is_final(), number, due.map(|due| due.0), state == before],
        )?;
        tx.moved(Some(before), state, 1);
        Ok(())
    }

    fn weight(&self) -> usize {
        256 + self.0.answer.len()
    }
}

impl Record {
    /// False when the attempt is stored already.
    fn insert(&self, tx: &Tx<'_>) -> Result<bool, StoreError> {
        let AttemptRecord { delivery_seq, number, started_at, took_ms, result, trouble, status, answer, .. } = &self.0;
        let took = i64::try_from(*took_ms).unwrap_or(i64::MAX);
        let inserted = tx.execute(
            "INSERT OR IGNORE INTO attempts
             (delivery_seq, number, started_at, took_ms, result, trouble, status, answer)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![delivery_seq, number, started_at.0, took, result, trouble, status, answer],
        )?;
        Ok(inserted > 0)
    }
}

/// Gives a delivery up without an attempt.
pub(super) struct Bury {
    pub delivery_seq: i64,
    pub reason: String,
}

impl Command for Bury {
    type Answer = bool;

    fn run(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let before = state_of(tx, self.delivery_seq)?;
        if before.is_final() {
            return Ok(false);
        }
        let bury = "UPDATE deliveries SET state = ?2, open = 0, problem = ?3 WHERE seq = ?1";
        tx.execute(bury, params![self.delivery_seq, code(State::Dead), self.reason])?;
        tx.moved(Some(before), State::Dead, 1);
        Ok(true)
    }
}

fn state_of(tx: &Tx<'_>, delivery_seq: i64) -> Result<State, StoreError> {
    let mut statement = tx.connection().prepare_cached("SELECT state FROM deliveries WHERE seq = ?1")?;
    let stored: Option<i64> = statement.query_row([delivery_seq], |row| row.get(0)).optional()?;
    state(stored.ok_or(StoreError::NotFound)?)
}
