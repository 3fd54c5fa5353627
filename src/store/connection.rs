//! Opening SQLite: one connection that writes, some that read, one that moves the log into the file.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, FileControl, OpenFlags};

use super::embedded::Options;
use super::error::{Cause, StoreError};
use super::migration;

/// Files of this format and newer ones give space back that they don't need.
const GIVES_SPACE_BACK: i64 = 2;
/// SQLite gives pages back when it is told to.
const INCREMENTAL: i64 = 2;
/// How the writer deletes: what was in a page that stays in use is overwritten, which costs no more writing.
pub(super) const OVERWRITES: &str = "FAST";
/// How long another program (an administrator's `sqlite3`) may hold the file before we give up.
const PATIENCE: Duration = Duration::from_secs(5);

/// The connection of the writer, with the tables in place. The file is there; `had_tables` where it was in use before.
pub(super) fn writer(file: &Path, options: &Options, had_tables: bool) -> Result<Connection, StoreError> {
    let mut connection = open(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Before anything is changed: a file of a newer version stays as it is.
    migration::check(&connection)?;
    if had_tables && connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))? == 0 {
        return Err(StoreError::Corrupt);
    }
    connection.pragma_update(None, "page_size", options.page_size)?;
    // Said again, it would be written again, and a full disk can't.
    if connection.query_row("PRAGMA auto_vacuum", [], |row| row.get::<_, i64>(0))? != INCREMENTAL {
        connection.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
    }
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(StoreError::Unavailable(Cause::Other));
    }
    connection.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA cache_size = -32768;
         PRAGMA journal_size_limit = 16777216;",
    )?;
    connection.execute_batch(&format!("PRAGMA secure_delete = {OVERWRITES}"))?;
    if let Some(pages) = options.max_pages {
        connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
    }
    if matches!(migration::migrate(&mut connection)?, 1..GIVES_SPACE_BACK) {
        // Once: where it can't be done now, the file keeps its space for what comes.
        let _ = connection.execute_batch("VACUUM");
    }
    match has_all_tables(&connection)? {
        true => Ok(connection),
        false => Err(StoreError::Corrupt),
    }
}

/// Whether the file has every table and index that it should have.
pub(super) fn has_all_tables(connection: &Connection) -> Result<bool, StoreError> {
    Ok(missing(connection)?.is_empty())
}

/// The tables and indexes that the file should have and has not, each as its type and its name.
pub(super) fn missing(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let whole = Connection::open_in_memory()?;
    for step in migration::STEPS {
        whole.execute_batch(step)?;
    }
    let names = |connection: &Connection| -> Result<BTreeSet<String>, StoreError> {
        let mut statement = connection.prepare("SELECT type || ' ' || name FROM sqlite_schema")?;
        let names = statement.query_map([], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    };
    Ok(names(&whole)?.difference(&names(connection)?).cloned().collect())
}

/// A connection that does nothing: while it is open, no other program takes itself for the last one that uses the file,
/// and moves the log away.
pub(super) fn anchor(file: &Path) -> Result<Connection, StoreError> {
    let connection = reader(file)?;
    connection.query_row("SELECT count(*) FROM totals", [], |_| Ok(()))?;
    Ok(connection)
}

/// Lets a connection leave the files alone when it is closed: others are in their place.
pub(super) fn leave_files(connection: &Connection) {
    let mut keep = 1;
    let _ = connection.file_control(None::<&str>, FileControl::PersistWal(&mut keep));
}

/// A connection for a look at the whole, beside whoever uses the file.
pub(super) fn plain(file: &Path) -> Result<Connection, StoreError> {
    open(file, OpenFlags::SQLITE_OPEN_READ_WRITE)
}

/// A connection that only reads.
pub(super) fn reader(file: &Path) -> Result<Connection, StoreError> {
    let connection = open(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    only_reads(&connection)?;
    Ok(connection)
}

/// The same beside the writer, which alone ends the log: whoever opens late may find the files of others under the names.
pub(super) fn beside(file: &Path) -> Result<Connection, StoreError> {
    let connection = open(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Before anything is read: a file that is none of ours is closed at once.
    leave_files(&connection);
    only_reads(&connection)?;
    Ok(connection)
}

fn only_reads(connection: &Connection) -> Result<(), StoreError> {
    Ok(connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -8192;")?)
}

/// The connection that moves the log into the file in the background.
pub(super) fn checkpointer(file: &Path) -> Result<Connection, StoreError> {
    let connection = open(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.execute_batch("PRAGMA synchronous = FULL;")?;
    Ok(connection)
}

fn open(file: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    // Each connection stays in one thread, so that SQLite needs no locks of its own.
    let connection = Connection::open_with_flags(file, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(PATIENCE)?;
    // A plan does not depend on what is bound: otherwise each new `LIMIT` is planned anew.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY;")?;
    Ok(connection)
}
