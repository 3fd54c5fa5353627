//! What steps found out and others may use, who is finding out, and the tokens of connections.

use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use super::key;
use super::model::{Claim, StoredToken};
use super::transaction::Tx;
use super::writer::Command;
use crate::clock::Timestamp;
use crate::secret::Secret;

/// The owner of a claim that was given up in doubt.
const NOBODY: &str = "";
/// What the owner of a claim begins with that stays with a held delivery, before its number.
const HELD: &str = "held/";
/// For how long it is known that a claim was given up in doubt: a day, and a year after a delivery was held.
const DOUBT: i64 = 24 * 3600 * 1000;
const LONG_DOUBT: i64 = 366 * DOUBT;

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
        let claim = match found.optional()? {
            Some((Some(value), ..)) => return Ok(Claim::Known(value)),
            Some((None, Some(owner), _)) if owner == NOBODY => Claim::Doubtful,
            Some((None, Some(owner), until)) if owner != self.owner => return busy(tx, &owner, Timestamp(until)),
            _ => Claim::Mine,
        };
        let take = "INSERT OR REPLACE INTO memory (key, value, owner, until) VALUES (?1, NULL, ?2, ?3)";
        tx.execute(take, params![self.key, self.owner, self.until.0])?;
        Ok(claim)
    }
}

/// Somebody else has the key.
fn busy(tx: &Tx<'_>, owner: &str, until: Timestamp) -> Result<Claim, StoreError> {
    let Some(seq) = owner.strip_prefix(HELD).and_then(|seq| seq.parse::<i64>().ok()) else {
        return Ok(Claim::Busy(until));
    };
    let mut id = tx.connection().prepare_cached("SELECT id FROM contents WHERE delivery_seq = ?1")?;
    Ok(Claim::Held(key::to_id(id.query_row([seq], |row| row.get(0))?)))
}

/// A delivery that is held keeps the key that it may have found out.
pub(super) fn hold(tx: &Tx<'_>, key: &[u8; 32], delivery_seq: i64) -> Result<(), StoreError> {
    let hold = "INSERT INTO memory (key, value, owner, until) VALUES (?1, NULL, ?2, ?3)
         ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, until = excluded.until WHERE value IS NULL";
    tx.execute(hold, params![key, format!("{HELD}{delivery_seq}"), i64::MAX])?;
    Ok(())
}

/// A delivery is held no more: whoever wants its key may find it out.
pub(super) fn let_go(tx: &Tx<'_>, delivery_seq: i64) -> Result<(), StoreError> {
    let let_go = "UPDATE memory INDEXED BY memory_claims SET owner = ?2, until = ?3 + coalesce(
             (SELECT started_at FROM attempts WHERE delivery_seq = ?4 ORDER BY number DESC LIMIT 1), 0)
         WHERE value IS NULL AND owner = ?1";
    tx.execute(let_go, params![format!("{HELD}{delivery_seq}"), NOBODY, LONG_DOUBT, delivery_seq])?;
    Ok(())
}

/// Gives up the claims of one owner, or of all, who has ended: nobody knows how far it came. What is held stays so.
pub(super) fn give_up_all(tx: &Tx<'_>, owner: Option<&str>) -> Result<(), StoreError> {
    let all = "UPDATE memory INDEXED BY memory_claims SET owner = ?1, until = until + ?2
         WHERE value IS NULL AND owner <> ?1 AND NOT owner BETWEEN 'held/' AND 'held0'";
    let own = "UPDATE memory INDEXED BY memory_claims SET owner = ?1, until = until + ?2
         WHERE value IS NULL AND (owner = ?3 OR owner BETWEEN ?3 || '/' AND ?3 || '0')";
    match owner {
        None => tx.execute(all, params![NOBODY, DOUBT])?,
        Some(owner) => tx.execute(own, params![NOBODY, DOUBT, owner])?,
    };
    Ok(())
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
    pub doubtful: bool,
}

impl Command for GiveUp {
    type Answer = ();

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let doubt = "UPDATE memory SET owner = ?3, until = until + ?4 WHERE key = ?1 AND value IS NULL AND owner = ?2";
        let give_up = "DELETE FROM memory WHERE key = ?1 AND value IS NULL AND owner = ?2";
        match self.doubtful {
            true => tx.execute(doubt, params![self.key, self.owner, NOBODY, DOUBT])?,
            false => tx.execute(give_up, params![self.key, self.owner])?,
        };
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
