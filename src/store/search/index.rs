//! The file of the words: made from the store and never more than that, so it is made anew whenever it is not as it should be.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};

use super::super::embedded::private;
use super::super::error::StoreError;
use super::scratch::TOKENIZER;

/// The file beside the store's.
pub(super) const FILE: &str = "jackfield.search.db";
/// What lies in the file, and how: a file of another format is made anew.
const FORMAT: i64 = 2;
/// So many bits of an event's number are its place in a part. Parts are dropped whole once their events are forgotten.
const PART: u32 = 16;
const PATIENCE: Duration = Duration::from_secs(2);

/// How far the words are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub upto: i64,
    /// The id of the event of that number: of another store it is another.
    pub id: [u8; 16],
}

pub(super) struct Index {
    connection: Connection,
    parts: BTreeSet<i64>,
}

impl Index {
    /// Opens the file to write, anew where there is none or one that can't be used.
    pub(super) fn open(file: &Path) -> Result<Self, StoreError> {
        Self::open_known(file).or_else(|_| {
            forget(file);
            Self::open_known(file)
        })
    }

    fn open_known(file: &Path) -> Result<Self, StoreError> {
        // For its owner alone: it holds words that people wrote. What stands beside it later gets the same rights.
        private(file)?;
        let connection = connection(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        // Nothing is lost with it: what a power cut takes is made again.
        connection.execute_batch(
            "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
             PRAGMA cache_size = -8192; PRAGMA journal_size_limit = 8388608;
             CREATE TABLE IF NOT EXISTS parts (number INTEGER PRIMARY KEY);
             CREATE TABLE IF NOT EXISTS place (one INTEGER PRIMARY KEY CHECK (one = 1), upto INTEGER NOT NULL, id BLOB NOT NULL);",
        )?;
        let format: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        match format {
            0 => connection.pragma_update(None, "user_version", FORMAT)?,
            FORMAT => {}
            _ => return Err(StoreError::Unreadable),
        }
        let parts = parts(&connection)?.into_iter().collect();
        Ok(Index { connection, parts })
    }

    pub(super) fn place(&self) -> Result<Option<Place>, StoreError> {
        place(&self.connection)
    }

    /// Takes in the words of events, each with its number, and how far all are known now.
    pub(super) fn add(&mut self, events: &[(i64, String)], place: Option<Place>) -> Result<(), StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut parts = self.parts.clone();
        for (seq, words) in events {
            let part = seq >> PART;
            if parts.insert(part) {
                transaction.execute("INSERT INTO parts VALUES (?1)", [part])?;
                transaction.execute_batch(&format!(
                    "CREATE VIRTUAL TABLE part_{part} USING fts5(words, content='', contentless_delete=1, detail=none,
                         tokenize=\"{TOKENIZER}\")"
                ))?;
            }
            let sql = format!("INSERT OR REPLACE INTO part_{part} (rowid, words) VALUES (?1, ?2)");
            transaction.prepare_cached(&sql)?.execute(params![seq, words])?;
        }
        if let Some(Place { upto, id }) = place {
            transaction.execute("INSERT OR REPLACE INTO place VALUES (1, ?1, ?2)", params![upto, id])?;
        }
        transaction.commit()?;
        self.parts = parts;
        Ok(())
    }

    /// The parts that there are.
    pub(super) fn parts(&self) -> impl Iterator<Item = i64> {
        self.parts.iter().copied()
    }

    /// Drops parts, and gives their space back.
    pub(super) fn drop_parts(&mut self, over: &[i64]) -> Result<(), StoreError> {
        for part in over {
            let drop = format!("BEGIN; DROP TABLE part_{part}; DELETE FROM parts WHERE number = {part}; COMMIT;");
            self.connection.execute_batch(&drop)?;
            self.parts.remove(part);
        }
        self.give_back(1024)
    }

    /// How many events a part knows.
    pub(super) fn events(&self, part: i64) -> Result<u64, StoreError> {
        let sql = format!("SELECT count(*) FROM part_{part}_docsize");
        let events: i64 = self.connection.query_row(&sql, [], |row| row.get(0))?;
        Ok(u64::try_from(events).unwrap_or(0))
    }

    /// How much it holds: in bytes, and about in events, which are not counted one by one.
    pub(super) fn size(&self) -> Result<[u64; 2], StoreError> {
        let pragma = |name: &str| self.connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
        let bytes = (pragma("page_count")? - pragma("freelist_count")?).saturating_mul(pragma("page_size")?);
        let mut events = 0;
        for part in &self.parts {
            let sql = format!("SELECT coalesce(max(id) - min(id) + 1, 0) FROM part_{part}_docsize");
            events += self.connection.query_row(&sql, [], |row| row.get::<_, i64>(0))?;
        }
        Ok([bytes, events].map(|number| u64::try_from(number).unwrap_or(0)))
    }

    /// The numbers of the events of the oldest part.
    pub(super) fn oldest(&self) -> Result<Vec<i64>, StoreError> {
        let Some(part) = self.parts.first() else { return Ok(Vec::new()) };
        let mut statement = self.connection.prepare(&format!("SELECT id FROM part_{part}_docsize"))?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Forgets events so that no word of theirs can be read in the file: what shares a part with them is written anew.
    pub(super) fn forget_events(&mut self, seqs: &[i64]) -> Result<(), StoreError> {
        self.connection.execute_batch("PRAGMA secure_delete = ON; BEGIN")?;
        let meant: BTreeSet<i64> =
            seqs.iter().map(|seq| seq >> PART).filter(|part| self.parts.contains(part)).collect();
        for seq in seqs.iter().filter(|seq| meant.contains(&(**seq >> PART))) {
            self.connection.execute(&format!("DELETE FROM part_{} WHERE rowid = ?1", seq >> PART), [seq])?;
        }
        self.connection.execute_batch("COMMIT")?;
        for part in meant {
            self.connection.execute_batch(&format!("INSERT INTO part_{part} (part_{part}) VALUES ('optimize')"))?;
        }
        self.give_back(u32::MAX)?;
        self.connection.execute_batch("PRAGMA secure_delete = OFF")?;
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    /// Gives so many pages that hold nothing back to the disk.
    fn give_back(&self, pages: u32) -> Result<(), StoreError> {
        let mut vacuum = self.connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
        let mut rows = vacuum.query([])?;
        // Each row that it answers with is a page.
        while rows.next()?.is_some() {}
        Ok(())
    }
}

/// The numbers of the first and the last event of a part.
pub(super) fn ends(part: i64) -> [i64; 2] {
    [part << PART, ((part + 1) << PART) - 1]
}

/// What is known, to be looked through.
pub(super) struct Known {
    connection: Connection,
    /// The newest first.
    parts: Vec<i64>,
    pub place: Option<Place>,
}

impl Known {
    pub(super) fn open(file: &Path) -> Result<Self, StoreError> {
        let connection = connection(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -8192;")?;
        let mut parts = parts(&connection)?;
        parts.reverse();
        let place = place(&connection)?;
        Ok(Known { connection, parts, place })
    }

    /// The newest events before a number that have all that is asked for, the newest first.
    pub(super) fn newest(&self, asked: &str, from: i64, before: i64, limit: usize) -> Result<Vec<i64>, StoreError> {
        let mut found = Vec::new();
        let meant = self.parts.iter().filter(|part| (**part << PART) < before && ((**part + 1) << PART) > from);
        for part in meant {
            let room = i64::try_from(limit.saturating_sub(found.len())).unwrap_or(i64::MAX);
            if room == 0 {
                break;
            }
            let sql = format!(
                "SELECT rowid FROM part_{part} WHERE part_{part} MATCH ?1 AND rowid >= ?2 AND rowid < ?3
                 ORDER BY rowid DESC LIMIT ?4"
            );
            let mut statement = self.connection.prepare(&sql)?;
            let rows = statement.query_map(params![asked, from, before, room], |row| row.get(0))?;
            for row in rows {
                found.push(row?);
            }
        }
        Ok(found)
    }
}

/// Removes the file and what lies beside it.
pub(super) fn forget(file: &Path) {
    for end in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        let _ = fs::remove_file(name);
    }
}

fn connection(file: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(file, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(8);
    Ok(connection)
}

fn parts(connection: &Connection) -> Result<Vec<i64>, StoreError> {
    let mut statement = connection.prepare("SELECT number FROM parts ORDER BY number")?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

fn place(connection: &Connection) -> Result<Option<Place>, StoreError> {
    let place = |row: &rusqlite::Row<'_>| Ok(Place { upto: row.get(0)?, id: row.get(1)? });
    Ok(connection.query_row("SELECT upto, id FROM place", [], place).optional()?)
}
