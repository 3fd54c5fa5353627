//! Reading events and deliveries in lists.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::{Connection, Params, Row};

use super::error::StoreError;
use super::model::{StoredDelivery, StoredEvent};
use super::{delivery, key};
use crate::clock::Timestamp;
use crate::event::RawRequest;
use crate::value::{Value, json};

/// What became of an event in a route, as it is stored.
pub(super) const FAILED: &str = "failed";
pub(super) const TAKEN: &str = "taken";
pub(super) const DUPLICATE: &str = "duplicate";

/// What a request holds; and nothing of it, for lists, which would be large with it.
macro_rules! whole {
    () => {
        "r.method, r.target, r.headers, r.params, r.body"
    };
}
macro_rules! bare {
    () => {
        "'', '', '[]', 'null', x''"
    };
}

macro_rules! events {
    ($contents:ident, $rest:literal) => {
        concat!(
            "SELECT e.seq, e.id, e.part, e.request, r.source, r.received_at, ",
            $contents!(),
            ", g.revision, coalesce(g.generation, (SELECT generation FROM unrouted WHERE event_seq = e.seq), 0)
             FROM events e CROSS JOIN requests r ON r.seq = e.request LEFT JOIN routings g ON g.event_seq = e.seq ",
            $rest
        )
    };
}

macro_rules! deliveries {
    ($from:literal, $rest:literal) => {
        concat!(
            "SELECT d.seq, c.id, e.id, d.event_seq, c.route, c.position, d.connection, c.operation, c.lane, d.attempts,
             d.due, d.state, c.request, d.problem, c.created_at, d.open, max(d.calls, d.attempts) FROM ",
            $from,
            " CROSS JOIN contents c ON c.delivery_seq = d.seq CROSS JOIN events e ON e.seq = d.event_seq ",
            $rest
        )
    };
}

pub(super) const UNROUTED: &str = concat!(
    "SELECT e.seq, e.id, e.part, e.request, r.source, r.received_at, r.method, r.target, r.headers, r.params,
     r.body, NULL, u.generation
     FROM unrouted u CROSS JOIN events e ON e.seq = u.event_seq CROSS JOIN requests r ON r.seq = e.request ",
    "WHERE u.event_seq > ?1 ORDER BY u.event_seq LIMIT ?2"
);
pub(super) const RECENT_EVENTS: &str = events!(bare, "ORDER BY e.seq DESC LIMIT ?1");
pub(super) const EVENTS_BEFORE: &str = events!(whole, "WHERE e.seq < ?1 ORDER BY e.seq DESC LIMIT ?2");
pub(super) const ONE_EVENT: &str = events!(whole, "WHERE e.seq = ?1");
pub(super) const ONE_EVENT_BARE: &str = events!(bare, "WHERE e.seq = ?1");

pub(super) const READY_DELIVERIES: &str = deliveries!(
    "deliveries d INDEXED BY deliveries_open",
    "WHERE d.open = 1 AND d.connection = ?1 AND d.seq > ?2 AND d.state <> ?3 ORDER BY d.seq LIMIT ?4"
);
pub(super) const DELIVERIES_BETWEEN: &str =
    deliveries!("deliveries d", "WHERE d.seq >= ?1 AND d.seq < ?1 + ?2 ORDER BY d.seq");
pub(super) const REPLAYED_AS: &str =
    deliveries!("replays p CROSS JOIN deliveries d ON d.seq = p.new", "WHERE p.old = ?1 ORDER BY p.new");
pub(super) const WAITING_IN_LANE: &str = deliveries!(
    "waiting w INDEXED BY waiting_lane CROSS JOIN deliveries d ON d.seq = w.delivery_seq",
    "WHERE w.connection = ?1 AND w.lane = ?2 ORDER BY w.delivery_seq LIMIT ?3"
);
pub(super) const DUE_DELIVERIES: &str = deliveries!(
    "waiting w INDEXED BY waiting_due CROSS JOIN deliveries d ON d.seq = w.delivery_seq",
    "WHERE w.connection = ?1 AND w.due <= ?2 ORDER BY w.due, w.delivery_seq LIMIT ?3"
);

pub(super) const DUE_TOO_LATE: &str = deliveries!(
    "waiting w INDEXED BY waiting_due CROSS JOIN deliveries d ON d.seq = w.delivery_seq",
    "WHERE w.connection = ?1 AND w.due > ?2 ORDER BY w.due, w.delivery_seq LIMIT ?3"
);

/// The numbers of the deliveries that are dead or held, and of those that are open.
pub(super) const KEPT: &str = "SELECT seq FROM deliveries INDEXED BY deliveries_kept WHERE state IN (7, 8)";
pub(super) const OPEN: &str = "SELECT seq FROM deliveries INDEXED BY deliveries_open WHERE open = 1
     UNION ALL SELECT delivery_seq FROM waiting";
/// All deliveries before the number ?1, of the states whose bits ?2 has (0: all), of connection ?3.
pub(super) const NEWEST: &str = deliveries!(
    "deliveries d",
    "WHERE d.seq < ?1 AND (?2 = 0 OR (?2 >> d.state) & 1) AND (?3 IS NULL OR d.connection = ?3) ORDER BY d.seq DESC"
);
pub(super) const OLDEST: &str = deliveries!(
    "deliveries d",
    "WHERE d.seq < ?1 AND (?2 = 0 OR (?2 >> d.state) & 1) AND (?3 IS NULL OR d.connection = ?3) ORDER BY d.seq"
);

/// So much of requests is read at a time to be routed, or the one that is larger: a batch of large ones would take more memory
/// than all that arrive.
const MOST_BYTES: usize = 8 << 20;

/// A limit as SQLite takes it.
pub(super) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
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

pub(super) fn delivery_from(row: &Row<'_>) -> Result<StoredDelivery, StoreError> {
    let open: i64 = row.get(15)?;
    // The column keeps its place until it is needed.
    let due = if open == delivery::LATER { Some(Timestamp(row.get(10)?)) } else { None };
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
        attempts: row.get(9)?,
        calls: row.get(16)?,
        due,
        parked: open == delivery::PARKED,
        state: delivery::state(row.get(11)?)?,
        request: row.get(12)?,
        problem: row.get(13)?,
        created_at: Timestamp(row.get(14)?),
    })
}

/// The events that one of the statements above finds. Parts of one request that follow each other share it.
pub(super) fn events(connection: &Connection, sql: &str, params: impl Params) -> Result<Vec<StoredEvent>, StoreError> {
    events_within(connection, sql, params, usize::MAX)
}

/// The same, and no more of them once their requests have so many bytes.
fn events_within(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    most: usize,
) -> Result<Vec<StoredEvent>, StoreError> {
    let mut bytes = 0;
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
            generation: row.get(12)?,
            source: shared.map_or_else(|| row.get(4), |event| Ok(event.source.clone()))?,
            params: shared.map_or_else(|| params_from(row), |event| Ok(event.params.clone()))?,
            raw: shared.map_or_else(|| raw_from(row), |event| Ok(event.raw.clone()))?,
        };
        bytes += if request == last_request { 0 } else { event.raw.body.len() };
        last_request = request;
        found.push(event);
        if bytes >= most {
            break;
        }
    }
    Ok(found)
}

/// The first events of a range that are not routed. One that can't be read keeps its place, and no other waiting.
pub(super) fn unrouted(connection: &Connection, [after, limit]: [i64; 2]) -> Result<Vec<StoredEvent>, StoreError> {
    match events_within(connection, UNROUTED, [after, limit], MOST_BYTES) {
        Err(StoreError::Unreadable) => {}
        other => return other,
    }
    let mut waiting = connection.prepare_cached("SELECT event_seq FROM unrouted WHERE event_seq > ?1 ORDER BY 1")?;
    let mut rows = waiting.query([after])?;
    let mut found = Vec::new();
    while i64::try_from(found.len()).unwrap_or(i64::MAX) < limit
        && let Some(row) = rows.next()?
    {
        let seq: i64 = row.get(0)?;
        match events(connection, UNROUTED, [seq - 1, 1]) {
            Ok(one) => found.extend(one.into_iter().filter(|event| event.seq == seq)),
            Err(StoreError::Unreadable) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn raw_from(row: &Row<'_>) -> Result<Arc<RawRequest>, StoreError> {
    let headers = row.get_ref(8)?.as_str().map_err(|_| StoreError::Unreadable)?;
    Ok(Arc::new(RawRequest {
        method: row.get(6)?,
        target: row.get(7)?,
        headers: serde_json::from_str(headers).map_err(|_| StoreError::Unreadable)?,
        body: row.get(10)?,
    }))
}

fn params_from(row: &Row<'_>) -> Result<Value, StoreError> {
    let text = row.get_ref(9)?.as_str().map_err(|_| StoreError::Unreadable)?;
    json::parse(text.as_bytes(), &json::Limits::default()).map_err(|_| StoreError::Unreadable)
}

/// In alphabetical order.
pub(super) fn open_connections(connection: &Connection) -> Result<Vec<String>, StoreError> {
    // From each name to the next, since `DISTINCT` looks at every row. What waits has a lane or a time.
    const NEXT: [&str; 3] = [
        "SELECT min(connection) FROM deliveries INDEXED BY deliveries_open WHERE open = 1 AND connection > ?1",
        "SELECT min(connection) FROM waiting INDEXED BY waiting_lane WHERE lane IS NOT NULL AND connection > ?1",
        "SELECT min(connection) FROM waiting INDEXED BY waiting_due WHERE due IS NOT NULL AND connection > ?1",
    ];
    let mut names = BTreeSet::new();
    for sql in NEXT {
        let mut next = connection.prepare_cached(sql)?;
        let mut last = String::new();
        while let Some(name) = next.query_row([&last], |row| row.get::<_, Option<String>>(0))? {
            names.insert(name.clone());
            last = name;
        }
    }
    Ok(names.into_iter().collect())
}

/// How many deliveries of a connection are ready or leased and stand before a number.
pub(super) fn ahead(connection: &Connection, name: &str, seq: i64) -> Result<u64, StoreError> {
    let sql =
        "SELECT count(*) FROM deliveries INDEXED BY deliveries_open WHERE open = 1 AND connection = ?1 AND seq < ?2";
    let count: i64 = connection.prepare_cached(sql)?.query_row(rusqlite::params![name, seq], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}
