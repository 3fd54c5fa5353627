//! Reading events and deliveries in lists.

use std::sync::Arc;

use rusqlite::{Connection, Params, Row};

use super::error::StoreError;
use super::model::{StoredDelivery, StoredEvent};
use super::{delivery, key};
use crate::clock::Timestamp;
use crate::delivery::State;
use crate::event::RawRequest;
use crate::value::{Value, json};

/// What became of an event in a route, as it is stored.
pub(super) const FAILED: &str = "failed";
pub(super) const TAKEN: &str = "taken";
pub(super) const DUPLICATE: &str = "duplicate";

macro_rules! events {
    ($rest:literal) => {
        concat!(
            "SELECT e.seq, e.id, e.part, e.request, r.source, r.received_at, r.method, r.target, r.headers, r.params,
             r.body, g.revision
             FROM events e CROSS JOIN requests r ON r.seq = e.request LEFT JOIN routings g ON g.event_seq = e.seq ",
            $rest
        )
    };
}

macro_rules! deliveries {
    ($from:literal, $rest:literal) => {
        concat!(
            "SELECT d.seq, c.id, e.id, d.event_seq, c.route, c.position, d.connection, c.operation, c.lane,
             d.attempts, d.due, d.state, c.request, d.problem, c.created_at FROM ",
            $from,
            " CROSS JOIN contents c ON c.delivery_seq = d.seq CROSS JOIN events e ON e.seq = d.event_seq ",
            $rest
        )
    };
}

pub(super) const UNROUTED: &str = concat!(
    "SELECT e.seq, e.id, e.part, e.request, r.source, r.received_at, r.method, r.target, r.headers, r.params,
     r.body, NULL
     FROM unrouted u CROSS JOIN events e ON e.seq = u.event_seq CROSS JOIN requests r ON r.seq = e.request ",
    "WHERE u.event_seq > ?1 ORDER BY u.event_seq LIMIT ?2"
);
pub(super) const RECENT_EVENTS: &str = events!("ORDER BY e.seq DESC LIMIT ?1");
pub(super) const ONE_EVENT: &str = events!("WHERE e.seq = ?1");

pub(super) const READY_DELIVERIES: &str = deliveries!(
    "deliveries d INDEXED BY deliveries_open",
    "WHERE d.open = 1 AND d.connection = ?1 AND d.seq > ?2 AND d.state <> ?3 ORDER BY d.seq LIMIT ?4"
);
pub(super) const RECENT_DELIVERIES: &str = deliveries!("deliveries d", "ORDER BY d.seq DESC LIMIT ?1");
pub(super) const OPEN_DELIVERIES_IN_STATE: &str = deliveries!(
    "deliveries d INDEXED BY deliveries_open",
    "WHERE d.open = 1 AND d.state = ?2 ORDER BY d.seq DESC LIMIT ?1"
);
pub(super) const DELIVERIES_IN_STATE: &str =
    deliveries!("deliveries d", "WHERE d.state = ?2 ORDER BY d.seq DESC LIMIT ?1");
pub(super) const DELIVERIES_BETWEEN: &str =
    deliveries!("deliveries d", "WHERE d.seq >= ?1 AND d.seq < ?1 + ?2 ORDER BY d.seq");

/// A limit as SQLite takes it.
pub(super) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// The newest deliveries, of one state or of all.
pub(super) fn recent_deliveries(
    connection: &Connection,
    state: Option<State>,
    most: usize,
) -> Result<Vec<StoredDelivery>, StoreError> {
    match state {
        None => deliveries(connection, RECENT_DELIVERIES, [limit(most)]),
        Some(state) => {
            // Those that are open are few next to those that are done.
            let sql = if state.is_final() { DELIVERIES_IN_STATE } else { OPEN_DELIVERIES_IN_STATE };
            deliveries(connection, sql, [limit(most), delivery::code(state)])
        }
    }
}

/// The deliveries that one of the statements above finds.
pub(super) fn deliveries(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Vec<StoredDelivery>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(delivery_from(row)?);
    }
    Ok(found)
}

fn delivery_from(row: &Row<'_>) -> Result<StoredDelivery, StoreError> {
    let state = delivery::state(row.get(11)?)?;
    let attempts: u32 = row.get(9)?;
    // Until the first attempt the column only keeps the place.
    let due = if attempts > 0 && !state.is_final() { Some(Timestamp(row.get(10)?)) } else { None };
    Ok(StoredDelivery {
        seq: row.get(0)?,
        id: key::to_id("dlv", row.get(1)?)?,
        event_id: key::to_id("evt", row.get(2)?)?,
        event_seq: row.get(3)?,
        route: row.get(4)?,
        position: row.get(5)?,
        connection: row.get(6)?,
        operation: row.get(7)?,
        lane: row.get(8)?,
        attempts,
        due,
        state,
        request: row.get(12)?,
        problem: row.get(13)?,
        created_at: Timestamp(row.get(14)?),
    })
}

/// The events that one of the statements above finds. Parts of one request that follow each other share it.
pub(super) fn events(connection: &Connection, sql: &str, params: impl Params) -> Result<Vec<StoredEvent>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found: Vec<StoredEvent> = Vec::new();
    let mut last_request = 0;
    while let Some(row) = rows.next()? {
        let request: i64 = row.get(3)?;
        let shared = found.last().filter(|_| request == last_request);
        let event = StoredEvent {
            seq: row.get(0)?,
            id: key::to_id("evt", row.get(1)?)?,
            part: row.get(2)?,
            received_at: Timestamp(row.get(5)?),
            revision: row.get(11)?,
            source: shared.map_or_else(|| row.get(4), |event| Ok(event.source.clone()))?,
            params: shared.map_or_else(|| params_from(row), |event| Ok(event.params.clone()))?,
            raw: shared.map_or_else(|| raw_from(row), |event| Ok(event.raw.clone()))?,
        };
        last_request = request;
        found.push(event);
    }
    Ok(found)
}

fn raw_from(row: &Row<'_>) -> Result<Arc<RawRequest>, StoreError> {
    let headers = row.get_ref(8)?.as_str().map_err(|_| StoreError::Corrupt)?;
    Ok(Arc::new(RawRequest {
        method: row.get(6)?,
        target: row.get(7)?,
        headers: serde_json::from_str(headers).map_err(|_| StoreError::Corrupt)?,
        body: row.get(10)?,
    }))
}

fn params_from(row: &Row<'_>) -> Result<Value, StoreError> {
    let text = row.get_ref(9)?.as_str().map_err(|_| StoreError::Corrupt)?;
    json::parse(text.as_bytes(), &json::Limits::default()).map_err(|_| StoreError::Corrupt)
}

/// In alphabetical order.
pub(super) fn open_connections(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let sql =
        "SELECT DISTINCT connection FROM deliveries INDEXED BY deliveries_open WHERE open = 1 ORDER BY connection";
    let mut statement = connection.prepare(sql)?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}
