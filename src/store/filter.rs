//! Finding the deliveries that a person means.

use rusqlite::{Connection, params};

use super::error::StoreError;
use super::model::{Filter, StoredDelivery};
use super::{delivery, key, query, story};
use crate::delivery::State;

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

/// The newest of these deliveries, the newest first; without their requests.
pub(super) fn newest(
    connection: &Connection,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<StoredDelivery>, StoreError> {
    find(connection, filter, limit, Order::NewestFirst, |_| true)
}

/// The oldest of these deliveries that are fit for something, the oldest first; without their requests.
pub(super) fn oldest(
    connection: &Connection,
    filter: &Filter,
    limit: usize,
    is_fit: impl Fn(&StoredDelivery) -> bool,
) -> Result<Vec<StoredDelivery>, StoreError> {
    find(connection, filter, limit, Order::OldestFirst, is_fit)
}

fn find(
    connection: &Connection,
    filter: &Filter,
    limit: usize,
    order: Order,
    is_fit: impl Fn(&StoredDelivery) -> bool,
) -> Result<Vec<StoredDelivery>, StoreError> {
    // What is named is looked for by its name, and not among all that are named once more.
    let rest = match &filter.ids {
        Some(_) => Filter { ids: None, ..filter.clone() },
        None => Filter { seqs: None, ..filter.clone() },
    };
    // Ten thousand may be meant, each with a large request: these are told without.
    let bare = |delivery: StoredDelivery| -> Result<Option<StoredDelivery>, StoreError> {
        let is_meant = rest.takes(&delivery) && is_fit(&delivery) && is_as_known(connection, filter, &delivery)?;
        Ok(is_meant.then(|| StoredDelivery { request: String::new(), ..delivery }))
    };
    match few(connection, filter)? {
        Some(seqs) => among(connection, seqs, limit, order, bare),
        None => among_all(connection, filter, limit, order, bare),
    }
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

/// Numbers among which all that are meant are found, where that spares a look at everything.
fn few(connection: &Connection, filter: &Filter) -> Result<Option<Vec<i64>>, StoreError> {
    if let Some(ids) = &filter.ids {
        let found = ids.iter().map(|id| story::seq_of(connection, story::DELIVERIES, &key::of_id(id)));
        return Ok(Some(found.filter_map(Result::transpose).collect::<Result<_, _>>()?));
    }
    if let Some(seqs) = &filter.seqs {
        return Ok(Some(seqs.clone()));
    }
    if let Some(at) = filter.due_after {
        let mut statement = connection.prepare_cached(query::DUE_AFTER)?;
        let found = statement.query_map(params![filter.connection, at.0], |row| row.get(0))?;
        return Ok(Some(found.collect::<Result<_, _>>()?));
    }
    let all = |is: fn(&State) -> bool| !filter.states.is_empty() && filter.states.iter().all(is);
    let sql = match () {
        () if all(|state| *state == State::Held) => query::HELD,
        () if all(|state| matches!(state, State::Dead | State::Held)) => query::KEPT,
        () if all(|state| state.is_open()) => query::OPEN,
        () => return Ok(None),
    };
    let mut statement = connection.prepare_cached(sql)?;
    Ok(Some(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?))
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
    let states = filter.states.iter().fold(0_i64, |mask, state| mask | 1 << delivery::code(*state));
    let sql = if order == Order::NewestFirst { query::NEWEST } else { query::OLDEST };
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![filter.before_seq.unwrap_or(i64::MAX), states, filter.connection])?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        found.extend(bare(query::shown_from(row)?)?);
    }
    Ok(found)
}
