//! What waits: behind its lane, or for its time. It lies in a table of its own and goes back by other ways than the cursor.

use std::collections::HashMap;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::delivery::{self, LATER, PARKED, Taking, code, row};
use super::error::StoreError;
use super::model::{Due, StoredDelivery};
use super::query;
use super::spoiled::Among;
use super::transaction::Tx;
use super::writer::Command;
use crate::clock::Timestamp;
use crate::delivery::{Change, State};

/// Whether an earlier delivery of the same lane waits.
pub(super) fn is_behind(tx: &Tx<'_>, delivery: &StoredDelivery) -> Result<bool, StoreError> {
    let Some(lane) = &delivery.lane else { return Ok(false) };
    if tx.totals.counts.parked + tx.totals.counts.later == 0 {
        return Ok(false);
    }
    let earlier = "SELECT 1 FROM waiting INDEXED BY waiting_lane
         WHERE connection = ?1 AND lane = ?2 AND delivery_seq < ?3 LIMIT 1";
    let mut earlier = tx.connection().prepare_cached(earlier)?;
    Ok(earlier.exists(params![delivery.connection, lane, delivery.seq])?)
}

/// Whether the first that waits in the delivery's lane is parked.
pub(super) fn is_followed(tx: &Tx<'_>, seq: i64) -> Result<bool, StoreError> {
    if tx.totals.counts.parked == 0 {
        return Ok(false);
    }
    let first = "SELECT w.due IS NULL FROM deliveries d CROSS JOIN contents c ON c.delivery_seq = d.seq
         CROSS JOIN waiting w INDEXED BY waiting_lane ON w.connection = d.connection AND w.lane = c.lane
         WHERE d.seq = ?1 ORDER BY w.delivery_seq LIMIT 1";
    let mut first = tx.connection().prepare_cached(first)?;
    Ok(first.query_row([seq], |row| row.get(0)).optional()?.unwrap_or(false))
}

/// Lets a delivery wait: until `due`, or behind its lane.
pub(super) fn wait(
    tx: &mut Tx<'_>,
    seq: i64,
    due: Option<Timestamp>,
    from: State,
    to: State,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO waiting (delivery_seq, connection, lane, due)
         SELECT d.seq, d.connection, c.lane, ?2 FROM deliveries d CROSS JOIN contents c ON c.delivery_seq = d.seq
         WHERE d.seq = ?1",
        params![seq, due.map(|due| due.0)],
    )?;
    let open = if due.is_some() { LATER } else { PARKED };
    let wait = "UPDATE deliveries SET open = ?2, state = ?3, due = coalesce(?4, due) WHERE seq = ?1";
    tx.execute(wait, params![seq, open, code(to), due.map(|due| due.0)])?;
    tx.waits(due.is_some(), true);
    tx.moved(Some(from), to, 1);
    Ok(())
}

/// The delivery waits no more.
pub(super) fn leave(tx: &mut Tx<'_>, seq: i64, later: bool) -> Result<(), StoreError> {
    tx.execute("DELETE FROM waiting WHERE delivery_seq = ?1", [seq])?;
    tx.waits(later, false);
    Ok(())
}

/// Gives leased deliveries back: until `due`, or behind their lanes.
pub(super) struct GiveBack {
    pub seqs: Vec<i64>,
    pub due: Option<Timestamp>,
    /// What they wait for.
    pub reason: Option<String>,
}

impl Command for GiveBack {
    type Answer = usize;

    fn run(&self, tx: &mut Tx<'_>) -> Result<usize, StoreError> {
        let mut given = 0;
        for seq in &self.seqs {
            let row = match row(tx, *seq) {
                // It was erased in the meantime.
                Err(StoreError::NotFound) => continue,
                row => row?,
            };
            let to = row.state.after(Change::GiveBack { tried: row.attempts > 0 });
            if let Some(to) = to
                && (self.due.is_some() || has_lane(tx, *seq)?)
            {
                wait(tx, *seq, self.due, row.state, to)?;
                if let Some(reason) = &self.reason {
                    tx.execute("UPDATE deliveries SET problem = ?2 WHERE seq = ?1", params![seq, reason])?;
                }
                given += 1;
            }
        }
        Ok(given)
    }
}

fn has_lane(tx: &Tx<'_>, seq: i64) -> Result<bool, StoreError> {
    let mut lane = tx.connection().prepare_cached("SELECT lane IS NOT NULL FROM contents WHERE delivery_seq = ?1")?;
    Ok(lane.query_row([seq], |row| row.get(0))?)
}

/// Leases what is parked in a lane, from its beginning.
pub(super) struct LeaseLane {
    pub connection: String,
    pub lane: String,
    pub limit: usize,
    pub owner: String,
}

impl LeaseLane {
    pub(super) fn among(&self) -> Among {
        let params = vec![self.connection.clone().into(), self.lane.clone().into(), query::limit(self.limit).into()];
        Among { sql: query::WAITING_IN_LANE, numbers: query::NUMBERS_IN_LANE, params }
    }
}

impl Command for LeaseLane {
    type Answer = Vec<StoredDelivery>;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<StoredDelivery>, StoreError> {
        let waiting = self.among().leasable(tx)?;
        let mut taking = Taking::new(tx, &self.owner)?;
        let parked = waiting.into_iter().take_while(|delivery| delivery.parked);
        let leased = parked.map(|delivery| taking.take(tx, delivery)).collect::<Result<_, _>>()?;
        taking.over(tx, &self.connection)?;
        Ok(leased)
    }
}

/// Nothing waits longer by itself: what is due later was put there while the machine's clock was wrong, and is due now.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 3600);

/// Leases what is due.
pub(super) struct LeaseDue {
    pub connection: String,
    pub now: Timestamp,
    pub limit: usize,
    pub owner: String,
}

impl LeaseDue {
    pub(super) fn due(&self) -> Among {
        self.among(query::DUE_DELIVERIES, query::DUE_NUMBERS, self.now, self.limit)
    }

    fn among(&self, sql: &'static str, numbers: &'static str, at: Timestamp, limit: usize) -> Among {
        let params = vec![self.connection.clone().into(), at.0.into(), query::limit(limit).into()];
        Among { sql, numbers, params }
    }
}

impl Command for LeaseDue {
    type Answer = Due;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Due, StoreError> {
        if tx.totals.counts.later == 0 {
            return Ok(Due::default());
        }
        let far = self.now.plus(LONGEST);
        let mut due = self.due().leasable(tx)?;
        let rest = self.limit - due.len().min(self.limit);
        due.extend(self.among(query::DUE_TOO_LATE, query::NUMBERS_TOO_LATE, far, rest).leasable(tx)?);
        let mut taking = Taking::new(tx, &self.owner)?;
        let mut deliveries = Vec::with_capacity(due.len());
        for delivery in due {
            if is_behind(tx, &delivery)? {
                leave(tx, delivery.seq, true)?;
                wait(tx, delivery.seq, None, delivery.state, delivery.state)?;
            } else {
                deliveries.push(taking.take(tx, delivery)?);
            }
        }
        taking.over(tx, &self.connection)?;
        let next = "SELECT due FROM waiting INDEXED BY waiting_due
             WHERE connection = ?1 AND due IS NOT NULL ORDER BY due LIMIT 1";
        let mut next = tx.connection().prepare_cached(next)?;
        let next = next.query_row([&self.connection], |row| row.get(0)).optional()?.map(Timestamp);
        let next = next.map(|next| if next > far { self.now } else { next });
        Ok(Due { deliveries, next })
    }
}

/// Parked deliveries, up to the number `upto`, before which nothing of their lane is open.
pub(super) fn freed(connection: &Connection, name: &str, upto: i64, limit: usize) -> Result<Vec<i64>, StoreError> {
    let under_way = under_way(connection, name, upto)?;
    let next = "SELECT lane, delivery_seq, due IS NULL FROM waiting INDEXED BY waiting_lane
         WHERE connection = ?1 AND lane > ?2 ORDER BY lane, delivery_seq LIMIT 1";
    let mut next = connection.prepare_cached(next)?;
    let (mut freed, mut lane) = (Vec::new(), None::<String>);
    while freed.len() < limit {
        let after = lane.as_deref().unwrap_or_default();
        let head = next.query_row([name, after], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
        let Some((found, seq, parked)) = head else { break };
        if parked && seq <= upto && under_way.get(&found).is_none_or(|earlier| *earlier > seq) {
            freed.push(seq);
        }
        lane = Some(found);
    }
    freed.sort_unstable();
    Ok(freed)
}

/// The lanes of what is ready or leased up to a number, each with its first.
fn under_way(connection: &Connection, name: &str, upto: i64) -> Result<HashMap<String, i64>, StoreError> {
    let sql = "SELECT c.lane, d.seq FROM deliveries d INDEXED BY deliveries_open
         CROSS JOIN contents c ON c.delivery_seq = d.seq
         WHERE d.open = 1 AND d.connection = ?1 AND d.seq <= ?2 AND c.lane IS NOT NULL ORDER BY d.seq";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![name, upto])?;
    let mut lanes = HashMap::new();
    while let Some(row) = rows.next()? {
        // One that can't be read ends when it is leased, and is in nobody's way.
        if let Ok(lane) = row.get(0) {
            lanes.entry(lane).or_insert(row.get(1)?);
        }
    }
    Ok(lanes)
}

/// Leases those of these that are still parked and first of what waits in their lane.
pub(super) struct LeaseParked {
    pub connection: String,
    pub seqs: Vec<i64>,
    pub owner: String,
}

impl Command for LeaseParked {
    type Answer = Vec<StoredDelivery>;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<StoredDelivery>, StoreError> {
        let mut taking = Taking::new(tx, &self.owner)?;
        let mut leased = Vec::with_capacity(self.seqs.len());
        for seq in &self.seqs {
            let found = Among::one(*seq).leasable(tx)?.pop();
            if let Some(delivery) = found
                && delivery.parked
                && !is_behind(tx, &delivery)?
            {
                leased.push(taking.take(tx, delivery)?);
            }
        }
        taking.over(tx, &self.connection)?;
        Ok(leased)
    }
}

/// Whether a delivery's row and its state say the same.
pub(super) fn is_consistent(state: State, open: i64) -> bool {
    match open {
        delivery::DONE => !state.is_open(),
        delivery::READY => state.is_open(),
        PARKED | LATER => matches!(state, State::Pending | State::Retrying),
        _ => false,
    }
}
