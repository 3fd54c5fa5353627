//! What steps found out and others may use, who is finding out, and the tokens of connections.

use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use super::model::{Claim, StoredToken};
use super::transaction::Tx;
use super::writer::Command;
use crate::clock::Timestamp;
use crate::secret::Secret;

/// Asks for what is remembered, or for the right to find out.
pub(super) struct MakeClaim {
    pub key: [u8; 32],
    pub owner: String,
    pub until: Timestamp,
    pub now: Timestamp,
}

impl Command for MakeClaim {
    type Answer = Claim;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Claim, StoreError> {
        let sql = "SELECT value, owner, until FROM memory WHERE key = ?1 AND until > ?2";
        let mut statement = tx.connection().prepare_cached(sql)?;
        let found = statement.query_row(params![self.key, self.now.0], |row| {
            Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<String>>(1)?, row.get(2)?))
        });
        match found.optional()? {
            Some((Some(value), ..)) => Ok(Claim::Known(value)),
            Some((None, Some(owner), until)) if owner != self.owner => Ok(Claim::Busy(Timestamp(until))),
            _ => {
                let claim = "INSERT OR REPLACE INTO memory (key, value, owner, until) VALUES (?1, NULL, ?2, ?3)";
                tx.execute(claim, params![self.key, self.owner, self.until.0])?;
                Ok(Claim::Mine)
            }
        }
    }
}

/// Remembers something, in the place of what was there.
pub(super) struct Keep {
    pub key: [u8; 32],
    pub value: String,
    pub until: Timestamp,
}

impl Command for Keep {
    type Answer = ();

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        keep(tx, &self.key, &self.value, self.until)
    }

    fn weight(&self) -> usize {
        256 + self.value.len()
    }
}

pub(super) fn keep(tx: &Tx<'_>, key: &[u8; 32], value: &str, until: Timestamp) -> Result<(), StoreError> {
    let keep = "INSERT OR REPLACE INTO memory (key, value, owner, until) VALUES (?1, ?2, NULL, ?3)";
    tx.execute(keep, params![key, value, until.0])?;
    Ok(())
}

/// Takes back that steps of a delivery are done, and forgets what they remembered.
pub(super) struct Undo {
    pub delivery_seq: i64,
    pub from: u32,
    pub remembered: Vec<([u8; 32], String)>,
}

impl Command for Undo {
    type Answer = ();

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let undo = "DELETE FROM ledger WHERE delivery_seq = ?1 AND step >= ?2";
        tx.execute(undo, params![self.delivery_seq, self.from])?;
        for (key, value) in &self.remembered {
            tx.execute("DELETE FROM memory WHERE key = ?1 AND value = ?2", params![key, value])?;
        }
        Ok(())
    }
}

/// Gives up a claim.
pub(super) struct GiveUp {
    pub key: [u8; 32],
    pub owner: String,
}

impl Command for GiveUp {
    type Answer = ();

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let give_up = "DELETE FROM memory WHERE key = ?1 AND value IS NULL AND owner = ?2";
        tx.execute(give_up, params![self.key, self.owner])?;
        Ok(())
    }
}

/// Saves the token of a connection.
pub(super) struct SaveToken {
    pub connection: String,
    pub token: StoredToken,
}

impl Command for SaveToken {
    type Answer = ();

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let StoredToken { access, refresh, expires_at, fingerprint } = &self.token;
        let refresh = refresh.as_ref().map(Secret::expose);
        tx.execute(
            "INSERT OR REPLACE INTO tokens (connection, access, refresh, expires_at, fingerprint)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![self.connection, access.expose(), refresh, expires_at.map(|at| at.0), fingerprint],
        )?;
        Ok(())
    }
}

pub(super) fn token(connection: &Connection, name: &str) -> Result<Option<StoredToken>, StoreError> {
    let sql = "SELECT access, refresh, expires_at, fingerprint FROM tokens WHERE connection = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let token = statement.query_row([name], |row| {
        Ok(StoredToken {
            access: Secret::new(row.get::<_, String>(0)?),
            refresh: row.get::<_, Option<String>>(1)?.map(Secret::new),
            expires_at: row.get::<_, Option<i64>>(2)?.map(Timestamp),
            fingerprint: row.get(3)?,
        })
    });
    Ok(token.optional()?)
}
