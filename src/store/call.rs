//! Calls that count against limits: known on disk before they are made, so that a start knows what the provider has counted.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Row, params};

use super::error::StoreError;
use super::model::{EndedCall, LimitedCall};
use super::transaction::Tx;
use super::writer::Command;
use crate::clock::Timestamp;

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
