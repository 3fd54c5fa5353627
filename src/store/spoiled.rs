//! What can't be read any more: each such row ends by itself, with a reason that a person sees, and keeps no other waiting.

use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::delivery::{self, LATER, PARKED};
use super::error::StoreError;
use super::event::Route;
use super::lane;
use super::model::{NewOutcome, NewResult, RoutedEvent, StoredDelivery};
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

impl Spoiled {
    pub(super) fn tell(&self) {
        match self {
            Spoiled::Delivery(number) => {
                tracing::error!(number, "a delivery can't be read from the store: it is a dead letter");
            }
            Spoiled::Event(number) => {
                tracing::error!(number, "an event can't be read from the store: it is kept as failed");
            }
        }
    }
}

/// Deliveries that one of the statements of [`query`] finds.
pub(super) struct Among {
    pub sql: &'static str,
    pub params: Vec<SqlValue>,
}

impl Among {
    /// The delivery of a number.
    pub(super) fn one(seq: i64) -> Self {
        Among { sql: query::DELIVERIES_BETWEEN, params: vec![seq.into(), 1.into()] }
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

    /// The numbers of all: for them nothing else of a row is looked at.
    fn numbers(&self, connection: &Connection) -> Result<Vec<i64>, StoreError> {
        let mut statement = connection.prepare(&format!("SELECT seq FROM ({})", self.sql))?;
        let numbers = statement.query_map(params_from_iter(&self.params), |row| row.get(0))?;
        Ok(numbers.collect::<Result<_, _>>()?)
    }
}

/// Ends deliveries that can't be read.
pub(super) struct Bury {
    pub seqs: Vec<i64>,
}

impl Command for Bury {
    type Answer = ();

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        self.seqs.iter().try_for_each(|seq| bury(tx, *seq))
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
