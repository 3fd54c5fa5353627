//! Writing deliveries: leases, what came of calls, and what is decided without one.

use rusqlite::{Connection, OptionalExtension, params};

use super::call;
use super::error::StoreError;
use super::key;
use super::lane;
use super::memory;
use super::model::{AttemptRecord, Changed, Leased, StoredDelivery};
use super::query;
use super::spoiled::Among;
use super::transaction::Tx;
use super::writer::Command;
use crate::clock::Timestamp;
use crate::delivery::{Change, Next, State};

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
        State::Held => 8,
        State::Skipped => 9,
        State::Replayed => 10,
    }
}

/// The bits of the codes of states.
pub(super) fn mask(states: &[State]) -> i64 {
    states.iter().fold(0, |mask, state| mask | 1 << code(*state))
}

/// How many deliveries of these states there are, as the counters say.
pub(super) fn counted(connection: &Connection, states: &[State]) -> Result<usize, StoreError> {
    let words: Vec<&str> = states.iter().map(|state| state.word()).collect();
    let sql = format!("SELECT {} FROM totals", if words.is_empty() { "0".to_owned() } else { words.join(" + ") });
    let count: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// The state that [`code`] stands for.
pub(super) fn state(stored: i64) -> Result<State, StoreError> {
    State::ALL.into_iter().find(|state| code(*state) == stored).ok_or(StoreError::Unreadable)
}

/// What `open` says of a delivery.
pub(super) const DONE: i64 = 0;
pub(super) const READY: i64 = 1;
pub(super) const PARKED: i64 = 2;
pub(super) const LATER: i64 = 3;

/// What of a delivery's row its changes depend on.
pub(super) struct Row {
    pub state: State,
    pub open: i64,
    pub attempts: u32,
}

pub(super) fn row(tx: &Tx<'_>, seq: i64) -> Result<Row, StoreError> {
    let sql = "SELECT state, open, attempts FROM deliveries WHERE seq = ?1";
    let mut statement = tx.connection().prepare_cached(sql)?;
    let found = statement.query_row([seq], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    let (stored, open, attempts) = found.ok_or(StoreError::NotFound)?;
    Ok(Row { state: state(stored)?, open, attempts })
}

/// Makes leased deliveries ready again: those of one owner, or all.
pub(super) struct ReleaseLeases {
    pub owner: Option<String>,
}

impl Command for ReleaseLeases {
    type Answer = usize;

    fn run(&self, tx: &mut Tx<'_>) -> Result<usize, StoreError> {
        memory::give_up_all(tx, self.owner.as_deref())?;
        let owner = self.owner.as_ref().map(|owner| number(tx, owner)).transpose()?;
        let mut released = call::hold_unsure(tx, owner)?;
        for (connection, upto) in leased_upto(tx.connection())? {
            released += release(tx, &connection, upto, owner)?;
        }
        if owner.is_none() {
            tx.execute("DELETE FROM leased_upto", [])?;
        }
        Ok(released)
    }
}

/// The connections of which something may be leased, each with the number up to which it may be.
fn leased_upto(connection: &Connection) -> Result<Vec<(String, i64)>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT connection, seq FROM leased_upto")?;
    let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn release(tx: &mut Tx<'_>, connection: &str, upto: i64, owner: Option<i64>) -> Result<usize, StoreError> {
    let release = "UPDATE deliveries INDEXED BY deliveries_open SET state = ?1, again = again | 1
         WHERE open = 1 AND connection = ?2 AND seq <= ?3 AND state = ?4 AND (attempts = 0) = ?5
         AND (?6 IS NULL OR owner = ?6)";
    let mut released = 0;
    for (to, fresh) in [(State::Pending, true), (State::Retrying, false)] {
        let params = params![code(to), connection, upto, code(State::Leased), fresh, owner];
        let rows = tx.execute(release, params)?;
        tx.moved(Some(State::Leased), to, rows);
        released += rows;
    }
    Ok(released)
}

/// The number of an owner, which takes less space in each row than its name.
fn number(tx: &Tx<'_>, owner: &str) -> Result<i64, StoreError> {
    let mut known = tx.connection().prepare_cached("SELECT number FROM owners WHERE name = ?1")?;
    if let Some(number) = known.query_row([owner], |row| row.get(0)).optional()? {
        return Ok(number);
    }
    tx.execute("INSERT INTO owners (name) VALUES (?1)", [owner])?;
    Ok(tx.connection().last_insert_rowid())
}

/// Takes deliveries of one connection, those that came first.
#[derive(Clone)]
pub(super) struct Lease {
    pub connection: String,
    pub after_seq: i64,
    pub limit: usize,
    pub owner: String,
}

impl Lease {
    pub(super) fn among(&self) -> Among {
        let (limit, leased) = (query::limit(self.limit), code(State::Leased));
        let params = vec![self.connection.clone().into(), self.after_seq.into(), leased.into(), limit.into()];
        Among { sql: query::READY_DELIVERIES, numbers: query::READY_NUMBERS, params }
    }

    /// Leases what is ready, but for what is behind its lane.
    pub(super) fn take(
        &self,
        tx: &mut Tx<'_>,
        ready: Vec<StoredDelivery>,
        upto: i64,
        more: bool,
    ) -> Result<Leased, StoreError> {
        let mut leased = Leased { upto, more, deliveries: Vec::with_capacity(ready.len()) };
        let mut taking = Taking::new(tx, &self.owner)?;
        for delivery in ready {
            if lane::is_behind(tx, &delivery)? {
                lane::wait(tx, delivery.seq, None, delivery.state, delivery.state)?;
            } else {
                leased.deliveries.push(taking.take(tx, delivery)?);
            }
        }
        taking.over(tx, &self.connection)?;
        Ok(leased)
    }
}

impl Command for Lease {
    type Answer = Leased;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Leased, StoreError> {
        let ready = self.among().leasable(tx)?;
        let more = ready.len() == self.limit;
        let last = ready.last().map_or(self.after_seq, |delivery| delivery.seq);
        // Where nothing more is ready, all that there is has been come by, whatever its state.
        let upto = if more { last } else { tx.totals.last_delivery.max(last) };
        self.take(tx, ready, upto, more)
    }
}

/// Leasing one delivery of a connection after the other for one owner.
pub(super) struct Taking {
    owner: i64,
    upto: i64,
}

impl Taking {
    pub(super) fn new(tx: &Tx<'_>, owner: &str) -> Result<Self, StoreError> {
        Ok(Taking { owner: number(tx, owner)?, upto: 0 })
    }

    /// All are taken. How far they reach is noted, so that a start finds them without a look at all that is ready.
    pub(super) fn over(self, tx: &Tx<'_>, connection: &str) -> Result<(), StoreError> {
        let note = "INSERT INTO leased_upto (connection, seq) VALUES (?1, ?2)
             ON CONFLICT (connection) DO UPDATE SET seq = excluded.seq WHERE excluded.seq > seq";
        if self.upto > 0 {
            tx.execute(note, params![connection, self.upto])?;
        }
        Ok(())
    }

    pub(super) fn take(&mut self, tx: &mut Tx<'_>, mut delivery: StoredDelivery) -> Result<StoredDelivery, StoreError> {
        let params = params![delivery.seq, code(State::Leased), self.owner];
        self.upto = self.upto.max(delivery.seq);
        if delivery.parked || delivery.due.is_some() {
            lane::leave(tx, delivery.seq, delivery.due.is_some())?;
            let lease = "UPDATE deliveries SET state = ?2, owner = ?3, open = 1, problem = NULL WHERE seq = ?1";
            tx.execute(lease, params)?;
        } else {
            let lease = "UPDATE deliveries SET state = ?2, owner = ?3 WHERE seq = ?1";
            tx.execute(lease, params)?;
        }
        tx.moved(Some(delivery.state), State::Leased, 1);
        (delivery.state, delivery.parked, delivery.due, delivery.problem) = (State::Leased, false, None, None);
        Ok(delivery)
    }
}

/// Stores a call and what follows from it. Stored a second time, it changes nothing.
pub(super) struct Record(pub AttemptRecord);

impl Command for Record {
    type Answer = Changed;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Changed, StoreError> {
        let AttemptRecord { delivery_seq: seq, started_at, next, .. } = &self.0;
        let before = row(tx, *seq)?;
        if !self.insert(tx)? {
            return Ok(Changed::default());
        }
        self.keep_saved(tx)?;
        if let Some(ended) = &self.0.ended {
            call::end(tx, ended)?;
        }
        if self.0.begun {
            call::is_sure(tx, *seq)?;
        }
        let Some(to) = before.state.after(Change::Attempt(next.state)) else {
            self.count(tx)?;
            return Ok(Changed { changed: true, parked: false });
        };
        if matches!(before.open, PARKED | LATER) {
            lane::leave(tx, *seq, before.open == LATER)?;
        }
        match (before.state, to, &self.0.held_key) {
            (State::Held, ..) => memory::let_go(tx, *seq)?,
            (_, State::Held, Some(key)) => memory::hold(tx, &key::of_text(key), *seq)?,
            _ => {}
        }
        let Next { due, .. } = next;
        let open = if to.is_open() { READY } else { DONE };
        tx.execute(
            "UPDATE deliveries SET state = ?2, open = ?3, attempts = attempts + ?4, calls = max(calls, ?5), problem = NULL,
             again = (again & 2) | ?6 WHERE seq = ?1",
            params![seq, code(to), open, self.0.counts, self.0.number, self.0.doubtful],
        )?;
        tx.moved(Some(before.state), to, 1);
        if to == State::Retrying {
            lane::wait(tx, *seq, Some(due.unwrap_or(*started_at)), to, to)?;
        }
        Ok(Changed { changed: true, parked: !to.is_open() && lane::is_followed(tx, *seq)? })
    }

    fn weight(&self) -> usize {
        256 + self.0.answer.len() + self.0.saved.as_ref().map_or(0, String::len)
    }
}

impl Record {
    /// False when the call is stored already.
    fn insert(&self, tx: &Tx<'_>) -> Result<bool, StoreError> {
        let AttemptRecord { delivery_seq, number, step, started_at, took_ms, result, trouble, status, answer, .. } =
            &self.0;
        let headers = serde_json::to_string(&self.0.headers).unwrap_or_else(|_| "[]".to_owned());
        let took = i64::try_from(*took_ms).unwrap_or(i64::MAX);
        let inserted = tx.execute(
            "INSERT OR IGNORE INTO attempts
             (delivery_seq, number, started_at, took_ms, result, trouble, status, answer, step, headers)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![delivery_seq, number, started_at.0, took, result, trouble, status, answer, step, headers],
        )?;
        Ok(inserted > 0)
    }

    /// What the step saved, for the delivery and for others.
    fn keep_saved(&self, tx: &Tx<'_>) -> Result<(), StoreError> {
        let AttemptRecord { delivery_seq, step, started_at, saved: Some(saved), remember, .. } = &self.0 else {
            return Ok(());
        };
        note(tx, *delivery_seq, *step, saved, *started_at)?;
        remember.iter().try_for_each(|one| memory::keep(tx, &key::of_text(&one.key), saved, one.until))
    }

    /// The delivery stays as it is, and one call more was made.
    fn count(&self, tx: &Tx<'_>) -> Result<(), StoreError> {
        let count = "UPDATE deliveries SET attempts = attempts + ?2, calls = max(calls, ?3), again = (again & 2) | ?4
             WHERE seq = ?1";
        tx.execute(count, params![self.0.delivery_seq, self.0.counts, self.0.number, self.0.doubtful])?;
        Ok(())
    }
}

fn note(tx: &Tx<'_>, seq: i64, step: u32, saved: &str, at: Timestamp) -> Result<(), StoreError> {
    let insert = "INSERT OR IGNORE INTO ledger (delivery_seq, step, at, saved) VALUES (?1, ?2, ?3, ?4)";
    tx.execute(insert, params![seq, step, at.0, saved])?;
    Ok(())
}

/// Notes a step as done without a call.
pub(super) struct NoteStep {
    pub delivery_seq: i64,
    pub step: u32,
    pub saved: String,
    pub at: Timestamp,
}

impl Command for NoteStep {
    type Answer = ();

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        row(tx, self.delivery_seq)?;
        note(tx, self.delivery_seq, self.step, &self.saved, self.at)
    }

    fn weight(&self) -> usize {
        256 + self.saved.len()
    }
}

/// Ends a delivery without a call, or lets it wait for a person.
pub(super) struct Decide {
    pub delivery_seq: i64,
    pub change: Change,
    pub reason: Option<String>,
}

impl Command for Decide {
    type Answer = Changed;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Changed, StoreError> {
        let seq = self.delivery_seq;
        let before = row(tx, seq)?;
        let Some(to) = before.state.after(self.change) else { return Ok(Changed::default()) };
        if matches!(before.open, PARKED | LATER) {
            lane::leave(tx, seq, before.open == LATER)?;
        }
        if before.state == State::Held {
            memory::let_go(tx, seq)?;
        }
        let decide = "UPDATE deliveries SET state = ?2, open = 0, problem = ?3 WHERE seq = ?1";
        tx.execute(decide, params![seq, code(to), self.reason])?;
        tx.moved(Some(before.state), to, 1);
        Ok(Changed { changed: true, parked: before.state.is_open() && lane::is_followed(tx, seq)? })
    }
}
