//! What is remembered of the workspace: its last good files, and the paths that were ever served.

use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use super::transaction::Tx;
use super::writer::Command;

/// A workspace: its revision, and each file's path and content.
pub type Snapshot = (String, Vec<(String, String)>);

/// Puts a workspace in the place of the one before.
pub(super) struct SaveSnapshot {
    pub revision: String,
    pub files: Vec<(String, String)>,
}

impl Command for SaveSnapshot {
    type Answer = ();

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        tx.execute("DELETE FROM snapshot_files", [])?;
        tx.execute("INSERT OR REPLACE INTO snapshot (id, revision) VALUES (1, ?1)", [&self.revision])?;
        for (path, content) in &self.files {
            tx.execute("INSERT INTO snapshot_files (path, content) VALUES (?1, ?2)", params![path, content])?;
        }
        Ok(())
    }

    fn weight(&self) -> usize {
        256 + self.files.iter().map(|(path, content)| path.len() + content.len()).sum::<usize>()
    }
}

/// Adds to the paths that were ever served.
pub(super) struct RememberPaths(pub Vec<String>);

impl Command for RememberPaths {
    type Answer = ();

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        for path in &self.0 {
            tx.execute("INSERT OR IGNORE INTO paths (path) VALUES (?1)", [path])?;
        }
        Ok(())
    }
}

pub(super) fn snapshot(connection: &Connection) -> Result<Option<Snapshot>, StoreError> {
    let revision = connection.query_row("SELECT revision FROM snapshot WHERE id = 1", [], |row| row.get(0));
    let Some(revision) = revision.optional()? else { return Ok(None) };
    let mut statement = connection.prepare("SELECT path, content FROM snapshot_files ORDER BY position")?;
    let files = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Some((revision, files.collect::<Result<_, _>>()?)))
}

/// In alphabetical order.
pub(super) fn known_paths(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare("SELECT path FROM paths ORDER BY path")?;
    let paths = statement.query_map([], |row| row.get(0))?;
    Ok(paths.collect::<Result<_, _>>()?)
}
