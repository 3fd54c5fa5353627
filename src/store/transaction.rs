//! The transaction that a batch of commands shares, and the totals that it keeps.

use rusqlite::{Connection, Params, params_from_iter};

use super::error::StoreError;
use super::model::Counts;
use super::spoiled::Spoiled;
use crate::delivery::State;

/// The counters of the store. They change with the rows that they count, in one transaction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    /// The numbers given last. They are never given again, even when their rows are gone.
    pub last_request: i64,
    pub last_event: i64,
    pub last_delivery: i64,
    pub counts: Counts,
}

/// The columns of the counters, as [`Totals::counters`] has them; those of the states are in the order of [`State::ALL`].
const COLUMNS: [&str; 7 + State::ALL.len()] = [
    "events",
    "unrouted",
    "unmatched",
    "failed",
    "duplicates",
    "parked",
    "later",
    "pending",
    "leased",
    "retrying",
    "held",
    "delivered",
    "accepted",
    "skipped",
    "dead",
    "replayed",
];

impl Totals {
    pub(super) fn load(connection: &Connection) -> Result<Self, StoreError> {
        let columns = COLUMNS.join(", ");
        let sql = format!("SELECT last_request, last_event, last_delivery, {columns} FROM totals WHERE id = 1");
        let totals = connection.query_row(&sql, [], |row| {
            let mut totals = Totals {
                last_request: row.get(0)?,
                last_event: row.get(1)?,
                last_delivery: row.get(2)?,
                ..Totals::default()
            };
            for (column, counter) in (3_usize..).zip(totals.counters()) {
                *counter = u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0);
            }
            Ok(totals)
        });
        // A file without its totals was not left so by us.
        totals.map_err(|error| match StoreError::from(error) {
            StoreError::NotFound | StoreError::Unreadable => StoreError::Corrupt,
            error => error,
        })
    }

    /// Every counter, in the order of [`COLUMNS`].
    fn counters(&mut self) -> impl Iterator<Item = &mut u64> {
        let Counts { events, unrouted, unmatched, failed, duplicates, parked, later, deliveries } = &mut self.counts;
        [events, unrouted, unmatched, failed, duplicates, parked, later].into_iter().chain(deliveries)
    }
}

/// What a command writes through.
pub(super) struct Tx<'c> {
    connection: &'c Connection,
    pub totals: Totals,
    /// What could not be read and was ended for that.
    pub spoiled: Vec<Spoiled>,
}

impl<'c> Tx<'c> {
    pub(super) fn new(connection: &'c Connection, totals: Totals) -> Self {
        Tx { connection, totals, spoiled: Vec::new() }
    }

    pub(super) fn connection(&self) -> &'c Connection {
        self.connection
    }

    /// Runs one statement, which is prepared once, and says how many rows it changed.
    pub(super) fn execute(&self, sql: &'static str, params: impl Params) -> Result<usize, StoreError> {
        Ok(self.connection.prepare_cached(sql)?.execute(params)?)
    }

    /// Counts deliveries that are forgotten.
    pub(super) fn gone(&mut self, state: State, rows: i64) {
        let rows = u64::try_from(rows).unwrap_or(0);
        for (known, count) in State::ALL.into_iter().zip(&mut self.totals.counts.deliveries) {
            *count = count.saturating_sub(if known == state { rows } else { 0 });
        }
    }

    /// Counts one delivery more or less that waits; for what is due later, or behind its lane.
    pub(super) fn waits(&mut self, later: bool, more: bool) {
        let Counts { parked, later: due, .. } = &mut self.totals.counts;
        let count = if later { due } else { parked };
        *count = if more { count.saturating_add(1) } else { count.saturating_sub(1) };
    }

    /// Counts `rows` deliveries that went from one state to another; from none when they are new.
    pub(super) fn moved(&mut self, from: Option<State>, to: State, rows: usize) {
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        for (state, count) in State::ALL.into_iter().zip(&mut self.totals.counts.deliveries) {
            if Some(state) == from {
                *count = count.saturating_sub(rows);
            }
            if state == to {
                *count = count.saturating_add(rows);
            }
        }
    }

    /// Runs something of which either everything counts or nothing.
    pub(super) fn apart<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let (before, spoiled) = (self.totals, self.spoiled.len());
        self.execute("SAVEPOINT apart", [])?;
        let result = run(self);
        if result.is_err() {
            self.totals = before;
            self.spoiled.truncate(spoiled);
            self.execute("ROLLBACK TO apart", [])?;
        }
        self.execute("RELEASE apart", [])?;
        result
    }

    /// Writes the totals; the last thing before the commit.
    pub(super) fn save(&self) -> Result<(), StoreError> {
        let mut totals = self.totals;
        let numbers = [totals.last_request, totals.last_event, totals.last_delivery];
        let counts = totals.counters().map(|count| i64::try_from(*count).unwrap_or(i64::MAX));
        self.execute(SAVE, params_from_iter(numbers.into_iter().chain(counts)))?;
        Ok(())
    }
}

const SAVE: &str = "UPDATE totals SET last_request = ?, last_event = ?, last_delivery = ?, events = ?, unrouted = ?,
     unmatched = ?, failed = ?, duplicates = ?, parked = ?, later = ?, pending = ?, leased = ?, retrying = ?, held = ?,
     delivered = ?, accepted = ?, skipped = ?, dead = ?, replayed = ? WHERE id = 1";
