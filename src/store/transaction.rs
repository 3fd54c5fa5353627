//! The transaction that a batch of commands shares, and the totals that it keeps.

use rusqlite::{Connection, Params, params_from_iter};

use super::error::StoreError;
use super::model::Counts;
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

impl Totals {
    pub(super) fn load(connection: &Connection) -> Result<Self, StoreError> {
        let totals = connection.query_row("SELECT * FROM totals WHERE id = 1", [], |row| {
            let count = |column: usize| row.get(column).map(|count: i64| u64::try_from(count).unwrap_or(0));
            let mut deliveries = [0; State::ALL.len()];
            for (index, in_state) in deliveries.iter_mut().enumerate() {
                *in_state = count(9 + index)?;
            }
            Ok(Totals {
                last_request: row.get(1)?,
                last_event: row.get(2)?,
                last_delivery: row.get(3)?,
                counts: Counts {
                    events: count(4)?,
                    unrouted: count(5)?,
                    unmatched: count(6)?,
                    failed: count(7)?,
                    duplicates: count(8)?,
                    deliveries,
                },
            })
        });
        // A file without its totals was not left so by us.
        totals.map_err(|error| match StoreError::from(error) {
            StoreError::NotFound => StoreError::Corrupt,
            error => error,
        })
    }
}

/// What a command writes through.
pub(super) struct Tx<'c> {
    connection: &'c Connection,
    pub totals: Totals,
}

impl<'c> Tx<'c> {
    pub(super) fn new(connection: &'c Connection, totals: Totals) -> Self {
        Tx { connection, totals }
    }

    pub(super) fn connection(&self) -> &'c Connection {
        self.connection
    }

    /// Runs one statement, which is prepared once, and says how many rows it changed.
    pub(super) fn execute(&self, sql: &'static str, params: impl Params) -> Result<usize, StoreError> {
        Ok(self.connection.prepare_cached(sql)?.execute(params)?)
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
        let before = self.totals;
        self.execute("SAVEPOINT apart", [])?;
        let result = run(self);
        if result.is_err() {
            self.totals = before;
            self.execute("ROLLBACK TO apart", [])?;
        }
        self.execute("RELEASE apart", [])?;
        result
    }

    /// Writes the totals; the last thing before the commit.
    pub(super) fn save(&self) -> Result<(), StoreError> {
        let Totals { last_request, last_event, last_delivery, counts } = self.totals;
        let Counts { events, unrouted, unmatched, failed, duplicates, deliveries: [a, b, c, d, e, f] } = counts;
        let counts = [events, unrouted, unmatched, failed, duplicates, a, b, c, d, e, f];
        let counts = counts.map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        self.execute(
            "UPDATE totals SET last_request = ?, last_event = ?, last_delivery = ?, events = ?, unrouted = ?,
             unmatched = ?, failed = ?, duplicates = ?, pending = ?, leased = ?, retrying = ?, delivered = ?,
             accepted = ?, dead = ? WHERE id = 1",
            params_from_iter([last_request, last_event, last_delivery].into_iter().chain(counts)),
        )?;
        Ok(())
    }
}
