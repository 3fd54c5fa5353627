//! Calls that are known on disk before they are made: those that count against limits, so that a start knows what the provider
//! has counted; and those of which a person decides when nobody knows how they ended.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Row, params};

use super::delivery::code;
use super::error::StoreError;
use super::filter::UNKNOWN;
use super::model::{EndedCall, LimitedCall, UnsureCall};
use super::transaction::Tx;
use super::writer::Command;
use super::{key, memory};
use crate::clock::Timestamp;
use crate::delivery::{State, Trouble};

/// Each call that is noted takes so many with it that count no longer: the table never grows beyond its windows.
const OVER: i64 = 4;

/// Notes a call that is about to be made.
pub(super) struct Begin {
    pub call: LimitedCall,
    pub at: Timestamp,
    pub latest: Timestamp,
    pub window: Duration,
}

impl Command for Begin {
    type Answer = i64;

    fn run(&self, tx: &mut Tx<'_>) -> Result<i64, StoreError> {
        let forget = "DELETE FROM limited_calls WHERE number IN
             (SELECT number FROM limited_calls WHERE until <= ?1 ORDER BY until LIMIT ?2)";
        tx.execute(forget, [self.at.0, OVER])?;
        let LimitedCall { connection, operation, limit_keys } = &self.call;
        let keys: Vec<&str> = limit_keys.iter().map(|key| &**key).collect();
        let keys = serde_json::to_string(&keys).map_err(|_| StoreError::Refused)?;
        tx.execute(
            "INSERT INTO limited_calls (connection, operation, limit_keys, ended, until) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![connection, operation, keys, self.latest.0, self.latest.plus(self.window).0],
        )?;
        Ok(tx.connection().last_insert_rowid())
    }
}

/// Notes when a call ended.
pub(super) fn end(tx: &Tx<'_>, ended: &EndedCall) -> Result<(), StoreError> {
    let end = "UPDATE limited_calls SET ended = ?2, until = ?3 WHERE number = ?1";
    tx.execute(end, [ended.call, ended.at.0, ended.at.plus(ended.window).0])?;
    Ok(())
}

/// Notes a call after which a person may have to decide.
pub(super) struct BeginUnsure(pub UnsureCall);

impl Command for BeginUnsure {
    type Answer = ();

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let UnsureCall { delivery_seq, number, step, at, key } = &self.0;
        let begin = "INSERT OR REPLACE INTO unsure_calls (delivery_seq, number, step, started_at, key)
             VALUES (?1, ?2, ?3, ?4, ?5)";
        let key = key.as_deref().map(key::of_text);
        tx.execute(begin, params![delivery_seq, number, step, at.0, key])?;
        Ok(())
    }
}

/// It is known how the call of a delivery ended.
pub(super) fn is_sure(tx: &Tx<'_>, delivery_seq: i64) -> Result<(), StoreError> {
    tx.execute("DELETE FROM unsure_calls WHERE delivery_seq = ?1", [delivery_seq])?;
    Ok(())
}

/// A call that was noted is not made.
pub(super) struct CallOff {
    pub delivery_seq: i64,
    pub limited: Option<i64>,
}

impl Command for CallOff {
    type Answer = ();

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        if let Some(number) = self.limited {
            tx.execute("DELETE FROM limited_calls WHERE number = ?1", [number])?;
        }
        is_sure(tx, self.delivery_seq)
    }
}

/// Holds the leased deliveries of an owner, or of all, that were calling when it ended. Says how many.
pub(super) fn hold_unsure(tx: &mut Tx<'_>, owner: Option<i64>) -> Result<usize, StoreError> {
    let sql = "SELECT u.delivery_seq, u.key FROM unsure_calls u CROSS JOIN deliveries d ON d.seq = u.delivery_seq
         WHERE d.state = ?1 AND (?2 IS NULL OR d.owner = ?2) ORDER BY u.delivery_seq";
    let mut statement = tx.connection().prepare_cached(sql)?;
    let found = statement.query_map(params![code(State::Leased), owner], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let found = found.collect::<Result<Vec<(i64, Option<[u8; 32]>)>, _>>()?;
    for (seq, key) in &found {
        tx.execute(
            "INSERT OR IGNORE INTO attempts (delivery_seq, number, started_at, took_ms, result, trouble, answer, step)
             SELECT delivery_seq, number, started_at, 0, ?2, ?3, x'', step FROM unsure_calls WHERE delivery_seq = ?1",
            params![seq, UNKNOWN, Trouble::Broken.word()],
        )?;
        tx.execute(
            "UPDATE deliveries SET state = ?2, open = 0, attempts = attempts + 1, again = again | 1, problem = NULL,
             calls = max(calls, (SELECT number FROM unsure_calls WHERE delivery_seq = ?1)) WHERE seq = ?1",
            params![seq, code(State::Held)],
        )?;
        tx.moved(Some(State::Leased), State::Held, 1);
        if let Some(key) = key {
            memory::hold(tx, key, *seq)?;
        }
        is_sure(tx, *seq)?;
    }
    Ok(found.len())
}

/// Ends what was under way, and says what may still count.
pub(super) struct Recall {
    pub now: Timestamp,
}

impl Command for Recall {
    type Answer = Vec<(LimitedCall, Timestamp)>;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<(LimitedCall, Timestamp)>, StoreError> {
        let end = "UPDATE limited_calls SET until = until - (ended - ?1), ended = ?1 WHERE ended > ?1";
        tx.execute(end, [self.now.0])?;
        let sql = "SELECT connection, operation, limit_keys, ended FROM limited_calls
             WHERE until > ?1 ORDER BY ended, number";
        let mut statement = tx.connection().prepare_cached(sql)?;
        let mut rows = statement.query([self.now.0])?;
        let mut calls = Vec::new();
        while let Some(row) = rows.next()? {
            calls.push(call_from(row)?);
        }
        Ok(calls)
    }
}

fn call_from(row: &Row<'_>) -> Result<(LimitedCall, Timestamp), StoreError> {
    let keys = row.get_ref(2)?.as_str().map_err(|_| StoreError::Unreadable)?;
    let keys: Vec<String> = serde_json::from_str(keys).map_err(|_| StoreError::Unreadable)?;
    let limit_keys = keys.into_iter().map(Arc::from).collect();
    let call = LimitedCall { connection: row.get(0)?, operation: row.get(1)?, limit_keys };
    Ok((call, Timestamp(row.get(3)?)))
}
