//! Finding the deliveries that a person means.

use rusqlite::{Connection, params};

use super::error::StoreError;
use super::model::{Filter, StoredDelivery};
use super::{delivery, query, story};
use crate::delivery::State;

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
    }
}

/// The newest of these deliveries, the newest first.
pub(super) fn newest(
    connection: &Connection,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<StoredDelivery>, StoreError> {
    find(connection, filter, limit, true, |_| true)
}

/// The oldest of these deliveries that are fit for something, the oldest first.
pub(super) fn oldest(
    connection: &Connection,
    filter: &Filter,
    limit: usize,
    is_fit: impl Fn(&StoredDelivery) -> bool,
) -> Result<Vec<StoredDelivery>, StoreError> {
    find(connection, filter, limit, false, is_fit)
}

fn find(
    connection: &Connection,
    filter: &Filter,
    limit: usize,
    newest_first: bool,
    is_fit: impl Fn(&StoredDelivery) -> bool,
) -> Result<Vec<StoredDelivery>, StoreError> {
    if filter.ids.is_some() {
        return by_id(connection, filter, limit, newest_first, is_fit);
    }
    let states = filter.states.iter().fold(0_i64, |mask, state| mask | 1 << delivery::code(*state));
    let before = filter.before_seq.unwrap_or(i64::MAX);
    let sql = query::filtered(&filter.states, newest_first);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![before, states, filter.connection])?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        let delivery = query::delivery_from(row)?;
        if filter.takes(&delivery) && is_fit(&delivery) {
            found.push(delivery);
        }
    }
    Ok(found)
}

fn by_id(
    connection: &Connection,
    filter: &Filter,
    limit: usize,
    newest_first: bool,
    is_fit: impl Fn(&StoredDelivery) -> bool,
) -> Result<Vec<StoredDelivery>, StoreError> {
    let mut found = Vec::new();
    for id in filter.ids.iter().flatten() {
        found.extend(story::stored(connection, *id)?.filter(|delivery| filter.takes(delivery) && is_fit(delivery)));
    }
    found.sort_by_key(|delivery| if newest_first { -delivery.seq } else { delivery.seq });
    found.dedup_by_key(|delivery| delivery.seq);
    found.truncate(limit);
    Ok(found)
}

/// Whether all of these states are of deliveries that an index knows.
pub(super) fn are_kept(states: &[State]) -> bool {
    !states.is_empty() && states.iter().all(|state| matches!(state, State::Dead | State::Held))
}
