//! What a person decides of what waits and of what failed: it goes out now, or nothing more is wanted of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::{Connection, params};

use super::error::StoreError;
use super::model::Filter;
use super::transaction::Tx;
use super::writer::Command;
use super::{delivery, filter, key};
use crate::clock::Timestamp;
use crate::delivery::State;
use crate::id::EventId;

/// The deliveries due later than `at` among those that a person means.
pub(super) fn later(
    connection: &Connection,
    asked: &Filter,
    limit: usize,
    at: Timestamp,
) -> Result<Vec<i64>, StoreError> {
    let due_after = Some(asked.due_after.map_or(at, |after| after.max(at)));
    let later = Filter { states: vec![State::Pending, State::Retrying], due_after, ..asked.clone() };
    Ok(filter::oldest(connection, &later, limit, |_| true)?.into_iter().map(|delivery| delivery.seq).collect())
}

/// Lets deliveries that are due later be due then.
pub(super) struct Hasten {
    pub seqs: Vec<i64>,
    pub at: Timestamp,
}

impl Command for Hasten {
    type Answer = Vec<Arc<str>>;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Arc<str>>, StoreError> {
        let mut connections = BTreeSet::new();
        for seq in &self.seqs {
            if delivery::row(tx, *seq)?.open != delivery::LATER {
                continue;
            }
            tx.execute("UPDATE waiting SET due = ?2 WHERE delivery_seq = ?1", params![seq, self.at.0])?;
            let due = "UPDATE deliveries SET due = ?2 WHERE seq = ?1 RETURNING connection";
            let mut due = tx.connection().prepare_cached(due)?;
            connections.insert(due.query_row(params![seq, self.at.0], |row| row.get(0))?);
        }
        Ok(connections.into_iter().collect())
    }
}

/// Wants nothing more of what a route could make nothing of.
pub(super) struct DismissEvents {
    pub seqs: Vec<i64>,
    /// Of this route only.
    pub route: Option<Arc<str>>,
    pub reason: String,
}

impl Command for DismissEvents {
    type Answer = Vec<EventId>;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<EventId>, StoreError> {
        let mut dismissed = Vec::new();
        for seq in &self.seqs {
            let done = tx.execute(
                "UPDATE outcomes SET result = 'dismissed', problem = ?3
                 WHERE event_seq = ?1 AND result = 'failed' AND (?2 IS NULL OR route = ?2)
                 AND generation = (SELECT generation FROM routings WHERE event_seq = ?1)",
                params![seq, self.route, self.reason],
            )?;
            if done > 0 {
                let failed = &mut tx.totals.counts.failed;
                *failed = failed.saturating_sub(u64::try_from(done).unwrap_or(0));
                let mut id = tx.connection().prepare_cached("SELECT id FROM events WHERE seq = ?1")?;
                dismissed.push(key::to_id(id.query_row([seq], |row| row.get(0))?));
            }
        }
        Ok(dismissed)
    }
}
