//! Finding the deliveries that a person means.

use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use super::model::{Filter, StoredDelivery};
use super::search::{self, EventFilter};
use super::{delivery, key, query, replay, story};
use crate::clock::Timestamp;
use crate::delivery::State;

/// The deliveries of a route that took fewer events are found by these.
const RARE: usize = 2_000;
/// Deliveries stand nearly in the order of their times.
const NEARLY: i64 = 256;

/// What a call came to of which nobody knows whether the provider has it, as it is stored.
pub(super) const UNKNOWN: &str = "unknown";

impl Filter {
    /// Whether all holds that is said.
    pub(super) fn takes(&self, delivery: &StoredDelivery) -> bool {
        (self.states.is_empty() || self.states.contains(&delivery.state))
            && self.route.as_ref().is_none_or(|route| *route == delivery.route)
            && self.connection.as_ref().is_none_or(|connection| *connection == delivery.connection)
            && self.since.is_none_or(|since| delivery.created_at >= since)
            && self.until.is_none_or(|until| delivery.created_at < until)
            && self.before_seq.is_none_or(|seq| delivery.seq < seq)
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&delivery.id))
            && self.seqs.as_ref().is_none_or(|seqs| seqs.contains(&delivery.seq))
            && self.due_after.is_none_or(|at| delivery.due.is_some_and(|due| due > at))
    }
}

/// In which order deliveries are looked at.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    NewestFirst,
    OldestFirst,
}

/// The newest of these deliveries, the newest first; without their requests. `is_known`: whether the index knows all that
/// became of events until now.
pub(super) fn newest(
    connection: &Connection,
    filter: &Filter,
    limit: usize,
    is_known: bool,
) -> Result<Vec<StoredDelivery>, StoreError> {
    find(connection, filter, limit, (Order::NewestFirst, is_known), |_| true)
}

/// The oldest of these deliveries that are fit for something, the oldest first; without their requests.
pub(super) fn oldest(
    connection: &Connection,
    filter: &Filter,
    limit: usize,
    is_fit: impl Fn(&StoredDelivery) -> bool,
) -> Result<Vec<StoredDelivery>, StoreError> {
    find(connection, filter, limit, (Order::OldestFirst, false), is_fit)
}

fn find(
    connection: &Connection,
    filter: &Filter,
    limit: usize,
    (order, is_known): (Order, bool),
    is_fit: impl Fn(&StoredDelivery) -> bool,
) -> Result<Vec<StoredDelivery>, StoreError> {
    // What is named is looked for by its name, and not among all that are named once more.
    let rest = match &filter.ids {
        Some(_) => Filter { ids: None, ..filter.clone() },
        None => Filter { seqs: None, ..filter.clone() },
    };
    // Ten thousand may be meant, each with a large request: these are told without.
    let bare = |delivery: StoredDelivery| -> Result<Option<StoredDelivery>, StoreError> {
        let is_meant = rest.takes(&delivery)
            && is_fit(&delivery)
            && is_of_source(connection, filter, &delivery)?
            && is_as_known(connection, filter, &delivery)?;
        Ok(is_meant.then(|| StoredDelivery { request: String::new(), ..delivery }))
    };
    // The newest of what the store tells apart by itself are no more than are wanted.
    let most = (order == Order::NewestFirst && is_plain(filter)).then_some(limit);
    match few(connection, filter, most, is_known)? {
        Some(seqs) => among(connection, seqs, limit, order, bare),
        None => among_all(connection, filter, limit, order, bare),
    }
}

/// Whether its event is of the source that is meant.
fn is_of_source(connection: &Connection, filter: &Filter, delivery: &StoredDelivery) -> Result<bool, StoreError> {
    const SOURCE: &str =
        "SELECT r.source = ?2 FROM events e CROSS JOIN requests r ON r.seq = e.request WHERE e.seq = ?1";
    let Some(source) = &filter.source else { return Ok(true) };
    let mut statement = connection.prepare_cached(SOURCE)?;
    let is_of_it = statement.query_row(params![delivery.event_seq, source], |row| row.get(0)).optional()?;
    Ok(is_of_it.unwrap_or(false))
}

/// Whether its last call came to what the filter says.
fn is_as_known(connection: &Connection, filter: &Filter, delivery: &StoredDelivery) -> Result<bool, StoreError> {
    if filter.unknown.is_none() && filter.trouble.is_none() {
        return Ok(true);
    }
    let last = story::last_call(connection, delivery.seq)?;
    let is_unknown = last.as_ref().is_some_and(|call| call.result == UNKNOWN);
    let trouble = last.as_ref().and_then(|call| call.trouble.as_deref());
    Ok(filter.unknown.is_none_or(|unknown| unknown == is_unknown)
        && filter.trouble.is_none_or(|wanted| trouble == Some(wanted)))
}

/// Whether nothing is said but states, a route and a connection.
fn is_plain(filter: &Filter) -> bool {
    let Filter { states, route, connection, .. } = filter.clone();
    *filter == Filter { states, route, connection, ..Filter::default() }
}

/// The numbers of the dead deliveries, which the index has in their order.
pub(super) const DEAD: &str =
    "SELECT seq FROM deliveries INDEXED BY deliveries_kept WHERE state IN (7, 8) AND state = 7";

/// Numbers among which all that are meant are found, where that spares a look at everything; the newest alone, where `most` says
/// how many are wanted.
fn few(
    connection: &Connection,
    filter: &Filter,
    most: Option<usize>,
    is_known: bool,
) -> Result<Option<Vec<i64>>, StoreError> {
    if let Some(ids) = &filter.ids {
        let ids: Vec<[u8; 16]> = ids.iter().copied().map(key::of_id).collect();
        return Ok(Some(story::seqs_of(connection, story::DELIVERIES, &ids)?));
    }
    if let Some(seqs) = &filter.seqs {
        return Ok(Some(seqs.clone()));
    }
    if let Some(at) = filter.due_after {
        let mut statement = connection.prepare_cached(query::DUE_AFTER)?;
        let found = statement.query_map(params![filter.connection, at.0], |row| row.get(0))?;
        return Ok(Some(found.collect::<Result<_, _>>()?));
    }
    if !filter.states.is_empty() && delivery::counted(connection, &filter.states)? == 0 {
        return Ok(Some(Vec::new()));
    }
    let all = |is: fn(&State) -> bool| !filter.states.is_empty() && filter.states.iter().all(is);
    let sql = match () {
        () if all(|state| *state == State::Held) => query::HELD,
        () if all(|state| *state == State::Dead) => DEAD,
        () if all(|state| matches!(state, State::Dead | State::Held)) => query::KEPT,
        () if all(|state| state.is_open()) => query::OPEN,
        () if is_known => return of_rare_route(connection, filter),
        () => return Ok(None),
    };
    let mut statement = connection.prepare_cached(&narrowed(sql))?;
    let most = most.map_or(-1, query::limit);
    let meant = params![filter.connection, filter.route, delivery::mask(&filter.states), most];
    let found = statement.query_map(meant, |row| row.get(0))?;
    Ok(Some(found.collect::<Result<_, _>>()?))
}

/// Of these numbers, the newest first, those of connection ?1, of route ?2 and of the states whose bits ?3 has; not more than ?4. The
/// others are not worth a look at all that is known of them.
pub(super) fn narrowed(numbers: &str) -> String {
    format!(
        "SELECT k.seq FROM ({numbers}) k CROSS JOIN deliveries d ON d.seq = k.seq
         WHERE ?3 >> d.state & 1 AND (?1 IS NULL OR d.connection = ?1)
             AND (?2 IS NULL OR EXISTS (SELECT 1 FROM contents c WHERE c.delivery_seq = k.seq AND c.route = ?2))
         ORDER BY k.seq DESC LIMIT ?4"
    )
}

/// The deliveries of a route that took few events, as the index says, which knows the newest when it was waited for.
fn of_rare_route(connection: &Connection, filter: &Filter) -> Result<Option<Vec<i64>>, StoreError> {
    const BEHIND: &str = "SELECT DISTINCT event_seq FROM outcomes WHERE event_seq > ?1 AND route = ?2";
    let Some(route) = &filter.route else { return Ok(None) };
    let meant = EventFilter { route: Some(route.clone()), ..EventFilter::default() };
    let known = search::known_to(connection, &meant, RARE)?;
    let Some((mut events, upto)) = known.filter(|(events, _)| events.len() < RARE) else { return Ok(None) };
    let mut statement = connection.prepare_cached(BEHIND)?;
    for event in statement.query_map(params![upto, route], |row| row.get(0))? {
        events.push(event?);
    }
    let mut seqs = Vec::new();
    for event in events {
        seqs.extend(replay::deliveries_of(connection, event)?);
    }
    Ok(Some(seqs))
}

/// Between which numbers all are that were made at the times that are meant.
fn bounds(connection: &Connection, filter: &Filter) -> Result<[i64; 2], StoreError> {
    let from = match filter.since {
        Some(since) => first_at(connection, since)?.saturating_sub(NEARLY),
        None => 0,
    };
    let until = match filter.until {
        Some(until) => first_at(connection, until)?.saturating_add(NEARLY),
        None => i64::MAX,
    };
    Ok([from, until.min(filter.before_seq.unwrap_or(i64::MAX))])
}

/// The number of the first delivery that was made at a time or later, nearly.
fn first_at(connection: &Connection, at: Timestamp) -> Result<i64, StoreError> {
    let end = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
    let mut low = end("SELECT min(delivery_seq) FROM contents")?.unwrap_or(0);
    let mut high = end("SELECT max(delivery_seq) FROM contents")?.map_or(0, |high| high + 1);
    let sql = "SELECT created_at FROM contents WHERE delivery_seq >= ?1 ORDER BY delivery_seq LIMIT 1";
    let mut probe = connection.prepare_cached(sql)?;
    while low < high {
        let middle = low + (high - low) / 2;
        let made_at: Option<i64> = probe.query_row([middle], |row| row.get(0)).optional()?;
        if made_at.is_some_and(|made_at| made_at < at.0) { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

fn among(
    connection: &Connection,
    mut seqs: Vec<i64>,
    limit: usize,
    order: Order,
    bare: impl Fn(StoredDelivery) -> Result<Option<StoredDelivery>, StoreError>,
) -> Result<Vec<StoredDelivery>, StoreError> {
    seqs.sort_unstable();
    seqs.dedup();
    if order == Order::NewestFirst {
        seqs.reverse();
    }
    let mut found = Vec::new();
    for seq in seqs {
        if found.len() >= limit {
            break;
        }
        if let Some(delivery) = query::delivery(connection, seq)? {
            found.extend(bare(delivery)?);
        }
    }
    Ok(found)
}

fn among_all(
    connection: &Connection,
    filter: &Filter,
    limit: usize,
    order: Order,
    bare: impl Fn(StoredDelivery) -> Result<Option<StoredDelivery>, StoreError>,
) -> Result<Vec<StoredDelivery>, StoreError> {
    let states = delivery::mask(&filter.states);
    let sql = if order == Order::NewestFirst { query::NEWEST } else { query::OLDEST };
    let mut statement = connection.prepare_cached(sql)?;
    let [from, before] = bounds(connection, filter)?;
    // Where nothing else is said, no more are looked for than there are.
    let by_states = Filter { states: filter.states.clone(), ..Filter::default() };
    let limit = match *filter == by_states && !filter.states.is_empty() {
        true => limit.min(delivery::counted(connection, &filter.states)?),
        false => limit,
    };
    let mut rows = statement.query(params![before, states, filter.connection, from, filter.route])?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        found.extend(bare(query::shown_from(row)?)?);
    }
    Ok(found)
}
