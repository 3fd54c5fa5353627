//! What was given up or waits for a person, counted by route and connection.

use std::sync::Arc;

use rusqlite::Connection;

use super::error::StoreError;
use super::{delivery, query};
use crate::clock::Timestamp;
use crate::delivery::State;

/// Deliveries of a route to a connection that are dead, or that are held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub connection: Arc<str>,
    pub route: Arc<str>,
    /// [`State::Dead`] or [`State::Held`].
    pub state: State,
    pub count: u64,
    /// When the first of them was made.
    pub since: Timestamp,
}

pub(super) fn kept(connection: &Connection, most: usize) -> Result<Vec<Kept>, StoreError> {
    const ALL: &str = "SELECT d.connection, coalesce(c.route, ''), d.state, count(*), coalesce(min(c.created_at), 0)
        FROM (SELECT seq, connection, state FROM deliveries INDEXED BY deliveries_kept WHERE state IN (7, 8) LIMIT ?1) d
        LEFT JOIN contents c ON c.delivery_seq = d.seq GROUP BY 1, 2, 3 ORDER BY 1, 2, 3";
    let mut statement = connection.prepare_cached(ALL)?;
    let mut rows = statement.query([query::limit(most)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, route): (String, String) = (row.get(0)?, row.get(1)?);
        let count: i64 = row.get(3)?;
        found.push(Kept {
            connection: name.into(),
            route: route.into(),
            state: delivery::state(row.get(2)?)?,
            count: u64::try_from(count).unwrap_or(0),
            since: Timestamp(row.get(4)?),
        });
    }
    Ok(found)
}
