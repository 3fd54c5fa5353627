//! The story of one event: what came in, what each route made of it, and every attempt to send that.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::StoreError;
use super::model::{DeliveryStory, EventStory, StoredAttempt, StoredDelivery, StoredOutcome, StoredResult};
use super::{key, query};
use crate::clock::Timestamp;
use crate::id::{DeliveryId, EventId};

/// How far from its place in the order of ids an event is looked for: there, where it nearly always is, beside it, and then as far
/// as commands can have waited at once.
const NEARBY: [i64; 3] = [0, 64, 20_000];
/// How far behind one that was found the next is looked for before its place is.
const NEXT: i64 = 16;

/// All that is known of the event `id`.
pub(super) fn story(connection: &Connection, id: EventId) -> Result<Option<EventStory>, StoreError> {
    let Some(seq) = seq_of(connection, EVENTS, &key::of_id(id))? else { return Ok(None) };
    let Some(event) = query::events(connection, query::ONE_EVENT, [seq])?.pop() else { return Ok(None) };
    let whole = |delivery| with_attempts(connection, delivery);
    Ok(Some(EventStory { event, routed_at: routed_at(connection, seq)?, outcomes: outcomes(connection, seq, whole)? }))
}

/// What became of the event of a number: without its request, and without calls.
pub(super) fn brief(connection: &Connection, seq: i64) -> Result<Option<EventStory>, StoreError> {
    let Some(event) = query::listed(connection, query::ONE_EVENT_BARE, [seq])?.pop() else { return Ok(None) };
    let bare = |delivery: StoredDelivery| {
        let delivery = StoredDelivery { request: String::new(), ..delivery };
        Ok(DeliveryStory { delivery, attempts: Vec::new(), steps: Vec::new(), replayed_as: Vec::new() })
    };
    Ok(Some(EventStory { event, routed_at: routed_at(connection, seq)?, outcomes: outcomes(connection, seq, bare)? }))
}

fn routed_at(connection: &Connection, seq: i64) -> Result<Option<Timestamp>, StoreError> {
    let mut routed = connection.prepare_cached("SELECT at FROM routings WHERE event_seq = ?1")?;
    Ok(routed.query_row([seq], |row| row.get(0)).optional()?.map(Timestamp))
}

/// All that is known of the delivery `id`.
pub(super) fn delivery(connection: &Connection, id: DeliveryId) -> Result<Option<DeliveryStory>, StoreError> {
    stored(connection, id)?.map(|delivery| with_attempts(connection, delivery)).transpose()
}

/// The delivery `id` alone.
pub(super) fn stored(connection: &Connection, id: DeliveryId) -> Result<Option<StoredDelivery>, StoreError> {
    let Some(seq) = seq_of(connection, DELIVERIES, &key::of_id(id))? else { return Ok(None) };
    query::delivery(connection, seq)
}

/// How rows are found by their id.
#[derive(Clone, Copy)]
pub(super) struct Search {
    ends: &'static str,
    probe: &'static str,
    near: &'static str,
    /// Where the id is made of the number.
    there: &'static str,
}

// Asked for together, SQLite would look at every row for its ends.
pub(super) const EVENTS: Search = Search {
    ends: "SELECT coalesce((SELECT min(seq) FROM events), 0), coalesce((SELECT max(seq) FROM events), 0)",
    probe: "SELECT id < ?2 FROM events WHERE seq >= ?1 ORDER BY seq LIMIT 1",
    near: "SELECT seq FROM events WHERE seq BETWEEN ?1 AND ?2 AND id = ?3",
    there: "SELECT seq FROM events WHERE seq = ?1",
};
pub(super) const DELIVERIES: Search = Search {
    ends: "SELECT coalesce((SELECT min(delivery_seq) FROM contents), 0),
         coalesce((SELECT max(delivery_seq) FROM contents), 0)",
    probe: "SELECT id < ?2 FROM contents WHERE delivery_seq >= ?1 ORDER BY delivery_seq LIMIT 1",
    near: "SELECT delivery_seq FROM contents WHERE delivery_seq BETWEEN ?1 AND ?2 AND id = ?3",
    there: "SELECT seq FROM deliveries WHERE seq = ?1",
};

/// The number of an event or a delivery. There is no index by id: one would halve the rate at which events are accepted. Ids sort by
/// time and so do numbers, nearly, so the place is guessed by halving, and the neighbourhood is searched.
pub(super) fn seq_of(connection: &Connection, search: Search, id: &[u8; 16]) -> Result<Option<i64>, StoreError> {
    if let Some(seq) = key::number_in(*id) {
        let mut there = connection.prepare_cached(search.there)?;
        return Ok(there.query_row([seq], |row| row.get(0)).optional()?);
    }
    let (mut low, mut high): (i64, i64) =
        connection.query_row(search.ends, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut probe = connection.prepare_cached(search.probe)?;
    while low < high {
        let middle = low + (high - low) / 2;
        let before: Option<bool> = probe.query_row(params![middle, id], |row| row.get(0)).optional()?;
        if before == Some(true) { low = middle + 1 } else { high = middle }
    }
    let mut near = connection.prepare_cached(search.near)?;
    for far in NEARBY {
        let (from, to) = (low.saturating_sub(far), low.saturating_add(far));
        if let Some(seq) = near.query_row(params![from, to, id], |row| row.get(0)).optional()? {
            return Ok(Some(seq));
        }
    }
    // The machine's clock was set back or forth: everything has to be searched.
    Ok(near.query_row(params![i64::MIN, i64::MAX, id], |row| row.get(0)).optional()?)
}

/// The same of many, of which one is mostly near behind the one before.
pub(super) fn seqs_of(connection: &Connection, search: Search, ids: &[[u8; 16]]) -> Result<Vec<i64>, StoreError> {
    let mut near = connection.prepare_cached(search.near)?;
    let mut found: Vec<i64> = Vec::with_capacity(ids.len());
    for id in ids {
        let next = found.last().map(|last| (*last, last.saturating_add(NEXT), id));
        let there = next.map(|next| near.query_row(next, |row| row.get(0)).optional()).transpose()?.flatten();
        found.extend(match there {
            Some(seq) => Some(seq),
            None => seq_of(connection, search, id)?,
        });
    }
    Ok(found)
}

/// What each route made of an event, its deliveries as `told`.
fn outcomes(
    connection: &Connection,
    event_seq: i64,
    told: impl Fn(StoredDelivery) -> Result<DeliveryStory, StoreError>,
) -> Result<Vec<StoredOutcome>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT route, result, identity, lane, problem, first_delivery, deliveries, generation
         FROM outcomes WHERE event_seq = ?1 ORDER BY position",
    )?;
    let mut rows = statement.query([event_seq])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (first, count): (i64, i64) = (row.get(5)?, row.get(6)?);
        let deliveries = query::deliveries(connection, query::DELIVERIES_BETWEEN, [first, count])?;
        found.push(StoredOutcome {
            route: row.get(0)?,
            generation: row.get(7)?,
            result: result_from(connection, row)?,
            deliveries: again(connection, deliveries)?.into_iter().map(&told).collect::<Result<_, _>>()?,
        });
    }
    Ok(found)
}

/// These deliveries, and behind them those that they were sent again as.
fn again(connection: &Connection, mut deliveries: Vec<StoredDelivery>) -> Result<Vec<StoredDelivery>, StoreError> {
    let mut place = 0;
    while let Some(seq) = deliveries.get(place).map(|delivery| delivery.seq) {
        deliveries.extend(query::deliveries(connection, query::REPLAYED_AS, [seq])?);
        place += 1;
    }
    Ok(deliveries)
}

fn result_from(connection: &Connection, row: &Row<'_>) -> Result<StoredResult, StoreError> {
    match row.get_ref(1)?.as_str() {
        Ok(query::FAILED) => Ok(StoredResult::Failed { problem: row.get(4)? }),
        Ok(query::DISMISSED) => Ok(StoredResult::Dismissed { reason: row.get(4)? }),
        Ok(query::TAKEN) => Ok(StoredResult::Taken { identity: row.get(2)?, lane: row.get(3)? }),
        Ok(query::DUPLICATE) => {
            let (route, identity): (String, String) = (row.get(0)?, row.get(2)?);
            let first = first_with(connection, &key::of_identity(&route, &identity))?;
            Ok(StoredResult::Duplicate { identity, first })
        }
        _ => Err(StoreError::Unreadable),
    }
}

fn first_with(connection: &Connection, key: &[u8; 32]) -> Result<Option<EventId>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT e.id FROM identities i CROSS JOIN events e ON e.seq = i.event_seq WHERE i.key = ?1")?;
    let id: Option<[u8; 16]> = statement.query_row([key], |row| row.get(0)).optional()?;
    Ok(id.map(key::to_id))
}

fn with_attempts(connection: &Connection, delivery: StoredDelivery) -> Result<DeliveryStory, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT number, started_at, took_ms, result, trouble, status, answer, step, headers
         FROM attempts WHERE delivery_seq = ?1 ORDER BY number",
    )?;
    let attempts = statement.query_map([delivery.seq], attempt_from)?.collect::<Result<_, _>>()?;
    let again = query::deliveries(connection, query::REPLAYED_AS, [delivery.seq])?;
    let replayed_as = again.into_iter().map(|delivery| delivery.id).collect();
    Ok(DeliveryStory { attempts, steps: steps(connection, delivery.seq)?, replayed_as, delivery })
}

fn attempt_from(row: &Row<'_>) -> rusqlite::Result<StoredAttempt> {
    Ok(StoredAttempt {
        number: row.get(0)?,
        started_at: Timestamp(row.get(1)?),
        took_ms: u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0),
        result: row.get(3)?,
        trouble: row.get(4)?,
        status: row.get(5)?,
        answer: row.get(6)?,
        step: row.get(7)?,
        headers: serde_json::from_str(row.get_ref(8)?.as_str()?).unwrap_or_default(),
    })
}

/// The last call of the delivery of a number.
pub(super) fn last_call(connection: &Connection, delivery_seq: i64) -> Result<Option<StoredAttempt>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT number, started_at, took_ms, result, trouble, status, answer, step, headers
         FROM attempts WHERE delivery_seq = ?1 ORDER BY number DESC LIMIT 1",
    )?;
    Ok(statement.query_row([delivery_seq], attempt_from).optional()?)
}

/// The steps of a delivery that are done, each with what it saved.
pub(super) fn steps(connection: &Connection, delivery_seq: i64) -> Result<Vec<(u32, String)>, StoreError> {
    let sql = "SELECT step, saved FROM ledger WHERE delivery_seq = ?1 ORDER BY step";
    let mut statement = connection.prepare_cached(sql)?;
    let steps = statement.query_map([delivery_seq], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(steps.collect::<Result<_, _>>()?)
}
