//! Reading events and deliveries in lists.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params, Row};

use super::error::StoreError;
use super::model::{StoredDelivery, StoredEvent};
use super::{delivery, key, spoiled};
use crate::clock::Timestamp;
use crate::delivery::State;
use crate::event::RawRequest;
use crate::value::{Value, json};

/// What became of an event in a route, as it is stored.
pub(super) const FAILED: &str = "failed";
pub(super) const TAKEN: &str = "taken";
pub(super) const DUPLICATE: &str = "duplicate";
pub(super) const DISMISSED: &str = "dismissed";

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
             FROM events e LEFT JOIN requests r ON r.seq = e.request LEFT JOIN routings g ON g.event_seq = e.seq ",
            $rest
        )
    };
}

macro_rules! deliveries {
    ($from:literal, $rest:literal) => {
        concat!(
            "SELECT d.seq, c.id, e.id, d.event_seq, c.route, c.position, d.connection, c.operation, c.lane, d.attempts,
             d.due, d.state, c.request, d.problem, c.created_at, d.open, max(d.calls, d.attempts), d.again FROM ",
            $from,
            " LEFT JOIN contents c ON c.delivery_seq = d.seq LEFT JOIN events e ON e.seq = d.event_seq ",
            $rest
        )
    };
}

pub(super) const UNROUTED: &str = concat!(
    "SELECT u.event_seq, e.id, e.part, e.request, r.source, r.received_at, r.method, r.target, r.headers, r.params,
     r.body, NULL, u.generation
     FROM unrouted u LEFT JOIN events e ON e.seq = u.event_seq LEFT JOIN requests r ON r.seq = e.request ",
    "WHERE u.event_seq > ?1 ORDER BY u.event_seq LIMIT ?2"
);
pub(super) const RECENT_EVENTS: &str = events!(bare, "ORDER BY e.seq DESC LIMIT ?1");
pub(super) const EVENTS_BEFORE: &str = events!(whole, "WHERE e.seq < ?1 ORDER BY e.seq DESC LIMIT ?2");
/// Between two numbers, both left out.
const EVENTS_BETWEEN: &str = events!(whole, "WHERE e.seq > ?1 AND e.seq < ?2 ORDER BY e.seq LIMIT ?3");
const NEWEST_BETWEEN: &str = events!(whole, "WHERE e.seq > ?1 AND e.seq < ?2 ORDER BY e.seq DESC LIMIT ?3");
pub(super) const ONE_EVENT: &str = events!(whole, "WHERE e.seq = ?1");
pub(super) const ONE_EVENT_BARE: &str = events!(bare, "WHERE e.seq = ?1");

pub(super) const READY_DELIVERIES: &str = deliveries!(
    "deliveries d INDEXED BY deliveries_open",
    "WHERE d.open = 1 AND d.connection = ?1 AND d.seq > ?2 AND d.state <> ?3 ORDER BY d.seq LIMIT ?4"
);
// The numbers of what is found by these and by those below, in an index alone.
pub(super) const READY_NUMBERS: &str = "SELECT seq FROM deliveries INDEXED BY deliveries_open
     WHERE open = 1 AND connection = ?1 AND seq > ?2 AND ?3 > 0 ORDER BY seq LIMIT ?4";
pub(super) const NUMBERS_IN_LANE: &str = "SELECT delivery_seq FROM waiting INDEXED BY waiting_lane
     WHERE connection = ?1 AND lane = ?2 ORDER BY delivery_seq LIMIT ?3";
pub(super) const DUE_NUMBERS: &str = "SELECT delivery_seq FROM waiting INDEXED BY waiting_due
     WHERE connection = ?1 AND due <= ?2 ORDER BY due, delivery_seq LIMIT ?3";
pub(super) const NUMBERS_TOO_LATE: &str = "SELECT delivery_seq FROM waiting INDEXED BY waiting_due
     WHERE connection = ?1 AND due > ?2 ORDER BY due, delivery_seq LIMIT ?3";
pub(super) const DELIVERIES_BETWEEN: &str =
    deliveries!("deliveries d", "WHERE d.seq >= ?1 AND d.seq < ?1 + ?2 ORDER BY d.seq");
/// One of which only the row can be read that changes, and not what it sends.
const BARE_DELIVERY: &str =
    "SELECT d.seq, NULL, NULL, d.event_seq, NULL, 0, d.connection, NULL, NULL, d.attempts, d.due,
     d.state, NULL, d.problem, 0, d.open, max(d.calls, d.attempts) FROM deliveries d WHERE d.seq = ?1";
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

/// The numbers of the deliveries that are dead or held, of those that are held, and of those that are open.
pub(super) const KEPT: &str = "SELECT seq FROM deliveries INDEXED BY deliveries_kept WHERE state IN (7, 8)";
pub(super) const HELD: &str =
    "SELECT seq FROM deliveries INDEXED BY deliveries_kept WHERE state IN (7, 8) AND state = 8";
pub(super) const OPEN: &str = "SELECT seq FROM deliveries INDEXED BY deliveries_open WHERE open = 1
     UNION ALL SELECT delivery_seq FROM waiting";
/// The numbers of the deliveries of connection ?1, or of all, that wait for a time after ?2.
pub(super) const DUE_AFTER: &str = "SELECT delivery_seq FROM waiting INDEXED BY waiting_due
     WHERE due IS NOT NULL AND (?1 IS NULL OR connection = ?1) AND due > ?2";
/// All deliveries before the number ?1 and from ?4 on, of the states whose bits ?2 has (0: all), of connection ?3, of route ?5.
pub(super) const NEWEST: &str = deliveries!(
    "deliveries d",
    "WHERE d.seq < ?1 AND d.seq >= ?4 AND (?2 = 0 OR (?2 >> d.state) & 1) AND (?3 IS NULL OR d.connection = ?3)
     AND (?5 IS NULL OR c.route = ?5) ORDER BY d.seq DESC"
);
pub(super) const OLDEST: &str = deliveries!(
    "deliveries d",
    "WHERE d.seq < ?1 AND d.seq >= ?4 AND (?2 = 0 OR (?2 >> d.state) & 1) AND (?3 IS NULL OR d.connection = ?3)
     AND (?5 IS NULL OR c.route = ?5) ORDER BY d.seq"
);

/// So much of requests is read at a time to be routed, or the one that is larger: a batch of large ones would take more memory
/// than all that arrive.
const MOST_BYTES: usize = 8 << 20;

/// A limit as SQLite takes it.
pub(super) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// The deliveries that one of the statements above finds. What of one can't be read is left out of it.
pub(super) fn deliveries(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Vec<StoredDelivery>, StoreError> {
    found(connection, sql, params, shown_from)
}

/// The same, for whoever needs all of them: fails where something can't be read.
pub(super) fn whole_deliveries(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Vec<StoredDelivery>, StoreError> {
    found(connection, sql, params, delivery_from)
}

/// The delivery of a number, as far as it can be read.
pub(super) fn delivery(connection: &Connection, seq: i64) -> Result<Option<StoredDelivery>, StoreError> {
    match deliveries(connection, DELIVERIES_BETWEEN, [seq, 1]) {
        Err(StoreError::Corrupt) => Ok(deliveries(connection, BARE_DELIVERY, [seq])?.pop()),
        found => Ok(found?.pop()),
    }
}

fn found(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    from: fn(&Row<'_>) -> Result<StoredDelivery, StoreError>,
) -> Result<Vec<StoredDelivery>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(from(row)?);
    }
    Ok(found)
}

/// A delivery as a person sees it, who has to see also what can't be read.
pub(super) fn shown_from(row: &Row<'_>) -> Result<StoredDelivery, StoreError> {
    delivery_from(row).or_else(|_| {
        let open: i64 = row.get(15).unwrap_or_default();
        let seq = row.get(0)?;
        Ok(StoredDelivery {
            seq,
            id: id_from(seq, row.get(1).ok()),
            event_id: id_from(row.get(3).unwrap_or_default(), row.get(2).ok()),
            event_seq: row.get(3).unwrap_or_default(),
            route: text_from(row, 4),
            position: row.get(5).unwrap_or_default(),
            connection: text_from(row, 6),
            operation: text_from(row, 7),
            lane: None,
            attempts: row.get(9).unwrap_or_default(),
            calls: row.get(16).unwrap_or_default(),
            due: row.get(10).ok().map(Timestamp).filter(|_| open == delivery::LATER),
            parked: open == delivery::PARKED,
            state: delivery::state(row.get(11).unwrap_or_default()).unwrap_or(State::Dead),
            request: String::new(),
            problem: Some(row.get(13).unwrap_or_else(|_| spoiled::REASON.to_owned())),
            created_at: Timestamp(row.get(14).unwrap_or_default()),
            doubtful: false,
            repeats: false,
        })
    })
}

/// The id of a row; one by its number where there is none.
fn id_from<I: From<u128>>(seq: i64, stored: Option<[u8; 16]>) -> I {
    key::to_id(stored.unwrap_or_else(|| key::of_number(seq)))
}

/// A text as far as it is one.
fn text_from(row: &Row<'_>, column: usize) -> Arc<str> {
    match row.get_ref(column) {
        Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => String::from_utf8_lossy(bytes).into(),
        _ => "-".into(),
    }
}

fn delivery_from(row: &Row<'_>) -> Result<StoredDelivery, StoreError> {
    let (open, again): (i64, i64) = (row.get(15)?, row.get(17)?);
    // The column keeps its place until it is needed.
    let due = if open == delivery::LATER { Some(Timestamp(row.get(10)?)) } else { None };
    Ok(StoredDelivery {
        seq: row.get(0)?,
        id: key::to_id(row.get(1)?),
        event_id: key::to_id(row.get(2)?),
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
        doubtful: again & 1 != 0,
        repeats: again & 2 != 0,
    })
}

/// The events that one of the statements above finds, for a list. What of one can't be read is left out of it.
pub(super) fn listed(connection: &Connection, sql: &str, params: impl Params) -> Result<Vec<StoredEvent>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let seq = row.get(0)?;
        found.push(StoredEvent {
            seq,
            id: id_from(seq, row.get(1).ok()),
            part: row.get(2).unwrap_or_default(),
            received_at: Timestamp(row.get(5).unwrap_or_default()),
            revision: row.get(11).unwrap_or_default(),
            generation: row.get(12).unwrap_or_default(),
            source: text_from(row, 4),
            params: Value::Null,
            raw: Arc::default(),
        });
    }
    Ok(found)
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
            id: key::to_id(row.get(1)?),
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

/// Events that lie side by side.
#[derive(Default)]
pub(super) struct Stretch {
    /// Those that can't be read are without their requests.
    pub events: Vec<StoredEvent>,
    /// There may be more behind them.
    pub more: bool,
}

/// Events between two numbers, both left out: from the first on, or from the last.
pub(super) fn stretch(
    connection: &Connection,
    [after, before]: [i64; 2],
    limit: usize,
    newest_first: bool,
) -> Result<Stretch, StoreError> {
    let sql = if newest_first { NEWEST_BETWEEN } else { EVENTS_BETWEEN };
    let params = [after, before, self::limit(limit)];
    let events = match events_within(connection, sql, params, MOST_BYTES) {
        Err(error) if error.is_of_a_row() => one_by_one(connection, params, newest_first)?,
        found => found?,
    };
    let bytes: usize = events.iter().map(|event| event.raw.body.len()).sum();
    Ok(Stretch { more: events.len() >= limit || bytes >= MOST_BYTES, events })
}

/// The same where one of them can't be read.
fn one_by_one(connection: &Connection, params: [i64; 3], newest_first: bool) -> Result<Vec<StoredEvent>, StoreError> {
    let sql = match newest_first {
        true => "SELECT seq FROM events WHERE seq > ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
        false => "SELECT seq FROM events WHERE seq > ?1 AND seq < ?2 ORDER BY seq LIMIT ?3",
    };
    let mut statement = connection.prepare_cached(sql)?;
    let seqs = statement.query_map(params, |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    let mut found = Vec::with_capacity(seqs.len());
    for seq in seqs {
        match events(connection, ONE_EVENT, [seq]) {
            Err(error) if error.is_of_a_row() => found.extend(listed(connection, ONE_EVENT_BARE, [seq])?),
            one => found.extend(one?),
        }
    }
    Ok(found)
}

/// Events that are not routed.
#[derive(Default)]
pub(super) struct Unrouted {
    pub events: Vec<StoredEvent>,
    /// The numbers of those among them that can't be read.
    pub spoiled: Vec<i64>,
    /// The file itself could not be read there.
    pub is_damaged: bool,
}

/// The first events of a range that are not routed.
pub(super) fn unrouted(connection: &Connection, [after, limit]: [i64; 2]) -> Result<Unrouted, StoreError> {
    match events_within(connection, UNROUTED, [after, limit], MOST_BYTES) {
        Err(error) if error.is_of_a_row() => {}
        other => return Ok(Unrouted { events: other?, ..Unrouted::default() }),
    }
    let mut waiting = connection.prepare_cached("SELECT event_seq FROM unrouted WHERE event_seq > ?1 ORDER BY 1")?;
    let mut rows = waiting.query([after])?;
    let mut found = Unrouted::default();
    while i64::try_from(found.events.len()).unwrap_or(i64::MAX) < limit
        && let Some(row) = rows.next()?
    {
        let seq: i64 = row.get(0)?;
        match events(connection, UNROUTED, [seq - 1, 1]) {
            Ok(one) => found.events.extend(one.into_iter().filter(|event| event.seq == seq)),
            Err(error) if error.is_of_a_row() => {
                found.spoiled.push(seq);
                found.is_damaged |= error == StoreError::Corrupt;
            }
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
