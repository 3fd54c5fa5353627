//! What can't be read any more: each such row ends by itself, with a reason that a person sees, and keeps no other waiting.

use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::delivery::{self, LATER, Lease, PARKED};
use super::error::StoreError;
use super::event::Route;
use super::lane;
use super::model::{Leased, NewOutcome, NewResult, RoutedEvent, StoredDelivery};
use super::query;
use super::transaction::Tx;
use super::writer::Command;
use crate::clock::Timestamp;
use crate::delivery::State;

/// Why it ended, as it is kept.
pub(super) const REASON: &str = "what the store holds of it can't be read";
/// Stands for the routes of an event of which not even the source may be known.
const NO_ROUTE: &str = "-";

/// What was ended, by its number.
#[derive(Clone, Copy)]
pub(super) enum Spoiled {
    Delivery(i64),
    Event(i64),
}

/// Says in the log what was ended, and how many.
pub(super) fn tell(all: &[Spoiled]) {
    let (mut deliveries, mut events) = (Vec::new(), Vec::new());
    for one in all {
        match one {
            Spoiled::Delivery(number) => deliveries.push(*number),
            Spoiled::Event(number) => events.push(*number),
        }
    }
    if let Some(first) = deliveries.first() {
        let count = deliveries.len();
        tracing::error!(count, first, "deliveries can't be read from the store: they are dead letters");
    }
    if let Some(first) = events.first() {
        let count = events.len();
        tracing::error!(count, first, "events can't be read from the store: they are kept as failed");
    }
}

/// Deliveries that one of the statements of [`query`] finds.
pub(super) struct Among {
    pub sql: &'static str,
    /// Finds their numbers without a look at their rows.
    pub numbers: &'static str,
    pub params: Vec<SqlValue>,
}

impl Among {
    /// The delivery of a number.
    pub(super) fn one(seq: i64) -> Self {
        Among { sql: query::DELIVERIES_BETWEEN, numbers: "SELECT ?1 LIMIT ?2", params: vec![seq.into(), 1.into()] }
    }

    /// Those that can be read; the others are dead afterwards. Where the file itself is damaged, nothing more can be written
    /// in this transaction: then it fails, and [`Among::spoiled`] says which to bury.
    pub(super) fn leasable(&self, tx: &mut Tx<'_>) -> Result<Vec<StoredDelivery>, StoreError> {
        loop {
            match query::whole_deliveries(tx.connection(), self.sql, params_from_iter(&self.params)) {
                Err(StoreError::Unreadable) => {}
                found => return found,
            }
            // Those that are dead make room for others, which are looked at in turn.
            let spoiled = self.spoiled(tx.connection())?;
            if spoiled.is_empty() {
                return Err(StoreError::Unreadable);
            }
            spoiled.into_iter().try_for_each(|seq| bury(tx, seq))?;
        }
    }

    /// The numbers of those that can't be read.
    pub(super) fn spoiled(&self, connection: &Connection) -> Result<Vec<i64>, StoreError> {
        let mut spoiled = Vec::new();
        for seq in self.numbers(connection)? {
            match query::whole_deliveries(connection, query::DELIVERIES_BETWEEN, [seq, 1]) {
                Err(error) if error.is_of_a_row() => spoiled.push(seq),
                found => drop(found?),
            }
        }
        Ok(spoiled)
    }

    pub(super) fn numbers(&self, connection: &Connection) -> Result<Vec<i64>, StoreError> {
        let mut statement = connection.prepare(self.numbers)?;
        let numbers = statement.query_map(params_from_iter(&self.params), |row| row.get(0))?;
        Ok(numbers.collect::<Result<_, _>>()?)
    }
}

/// Ends a delivery that can't be read.
pub(super) struct Bury(pub i64);

impl Command for Bury {
    type Answer = ();

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        bury(tx, self.0)
    }
}

/// Takes a delivery of which nothing can be read or written from among those that wait: nobody meets it there again.
pub(super) struct SetAside(pub i64);

impl Command for SetAside {
    type Answer = ();

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let sql = "DELETE FROM waiting WHERE delivery_seq = ?1 RETURNING due IS NOT NULL";
        let later: Option<bool> =
            tx.connection().prepare_cached(sql)?.query_row([self.0], |row| row.get(0)).optional()?;
        later.into_iter().for_each(|later| tx.waits(later, false));
        Ok(())
    }
}

/// The leased deliveries that can be read, found by an index that may be whole where the rows are not.
pub(super) fn leased(connection: &Connection) -> Result<Vec<i64>, StoreError> {
    let sql = "SELECT d.seq FROM leased_upto l CROSS JOIN deliveries d INDEXED BY deliveries_open
         ON d.open = 1 AND d.connection = l.connection AND d.seq <= l.seq";
    let mut statement = connection.prepare(sql)?;
    let numbers = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    let mut state = connection.prepare("SELECT state FROM deliveries WHERE seq = ?1")?;
    let leased = delivery::code(State::Leased);
    let mut is_leased = |seq: &i64| state.query_row([seq], |row| row.get(0)).is_ok_and(|found: i64| found == leased);
    Ok(numbers.into_iter().filter(|seq| is_leased(seq)).collect())
}

/// Makes these deliveries ready again, where those between them can't be.
pub(super) struct Release {
    pub seqs: Vec<i64>,
}

impl Command for Release {
    type Answer = usize;

    fn run(&self, tx: &mut Tx<'_>) -> Result<usize, StoreError> {
        for seq in &self.seqs {
            let tried = delivery::row(tx, *seq)?.attempts > 0;
            let to = if tried { State::Retrying } else { State::Pending };
            tx.execute("UPDATE deliveries SET state = ?2 WHERE seq = ?1", params![seq, delivery::code(to)])?;
            tx.moved(Some(State::Leased), to, 1);
        }
        tx.execute("DELETE FROM leased_upto", [])?;
        tx.execute("DELETE FROM memory INDEXED BY memory_claims WHERE value IS NULL", [])?;
        Ok(self.seqs.len())
    }
}

/// Leases deliveries by their numbers, where those that lie between them can't even be passed.
pub(super) struct LeaseThese {
    pub seqs: Vec<i64>,
    /// The last that was looked at; none where nothing more is ready.
    pub last: Option<i64>,
    pub lease: Lease,
}

impl Command for LeaseThese {
    type Answer = Leased;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Leased, StoreError> {
        let mut ready = Vec::with_capacity(self.seqs.len());
        for seq in &self.seqs {
            ready.extend(query::whole_deliveries(tx.connection(), query::DELIVERIES_BETWEEN, [*seq, 1])?);
        }
        ready.retain(|one| one.state.is_open() && one.state != State::Leased && !one.parked && one.due.is_none());
        let upto = self.last.unwrap_or(tx.totals.last_delivery.max(self.lease.after_seq));
        self.lease.take(tx, ready, upto, self.last.is_some())
    }
}

fn bury(tx: &mut Tx<'_>, seq: i64) -> Result<(), StoreError> {
    let mut row = tx.connection().prepare_cached("SELECT state, open FROM deliveries WHERE seq = ?1")?;
    let about = row.query_row([seq], |row| Ok((row.get(0).unwrap_or_default(), row.get(1)?))).optional()?;
    let (stored, open): (i64, i64) = about.ok_or(StoreError::NotFound)?;
    if matches!(open, PARKED | LATER) {
        lane::leave(tx, seq, open == LATER)?;
    }
    let bury = "UPDATE deliveries SET state = ?2, open = 0, problem = ?3 WHERE seq = ?1";
    tx.execute(bury, params![seq, delivery::code(State::Dead), REASON])?;
    tx.moved(delivery::state(stored).ok(), State::Dead, 1);
    tx.spoiled.push(Spoiled::Delivery(seq));
    Ok(())
}

/// Fails events that can't be read, as a route does that can make nothing of one.
pub(super) struct Fail {
    pub seqs: Vec<i64>,
}

impl Command for Fail {
    type Answer = ();

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        for seq in &self.seqs {
            let last = "SELECT coalesce((SELECT at FROM routings ORDER BY event_seq DESC LIMIT 1), 0)";
            let at = tx.connection().prepare_cached(last)?.query_row([], |row| row.get(0))?;
            Route::new(failed(*seq, Timestamp(at))).run(tx)?;
            tx.spoiled.push(Spoiled::Event(*seq));
        }
        Ok(())
    }
}

fn failed(event_seq: i64, at: Timestamp) -> RoutedEvent {
    let outcome = NewOutcome { route: NO_ROUTE.into(), result: NewResult::Failed { problem: REASON.to_owned() } };
    RoutedEvent { event_seq, revision: "".into(), at, outcomes: vec![outcome], identity_since: at }
}

/// Steps of which it can't be read what they have saved, in words that nobody takes for that.
pub(super) fn steps(found: Result<Vec<(u32, String)>, StoreError>) -> Result<Vec<(u32, String)>, StoreError> {
    match found {
        Err(error) if error.is_of_a_row() => Ok(vec![(0, String::new())]),
        found => found,
    }
}
