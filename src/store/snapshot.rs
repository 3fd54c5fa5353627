//! What is remembered of the workspace: its last good files, those of the revisions before, and the paths that were ever
//! served.

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::error::StoreError;
use super::transaction::Tx;
use super::writer::Command;

/// The files of so many revisions are kept.
pub(super) const REVISIONS: usize = 20;

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
        self.keep_revision(tx)
    }

    fn weight(&self) -> usize {
        256 + self.files.iter().map(|(path, content)| path.len() + content.len()).sum::<usize>()
    }
}

impl SaveSnapshot {
    /// Makes it the newest of the revisions that are kept, and lets go of those that are too old.
    fn keep_revision(&self, tx: &Tx<'_>) -> Result<(), StoreError> {
        tx.execute("DELETE FROM revisions WHERE revision = ?1", [&self.revision])?;
        let newest = "INSERT INTO revisions (number, revision)
             VALUES ((SELECT coalesce(max(number), 0) + 1 FROM revisions), ?1) RETURNING number";
        let number: i64 = tx.connection().query_row(newest, [&self.revision], |row| row.get(0))?;
        for (path, content) in &self.files {
            let hash: [u8; 32] = Sha256::digest(content.as_bytes()).into();
            tx.execute("INSERT OR IGNORE INTO revision_texts (hash, content) VALUES (?1, ?2)", params![hash, content])?;
            tx.execute(
                "INSERT OR REPLACE INTO revision_files (revision, path, text)
                 SELECT ?1, ?2, number FROM revision_texts WHERE hash = ?3",
                params![number, path, hash],
            )?;
        }
        let kept = i64::try_from(REVISIONS).unwrap_or(i64::MAX);
        tx.execute(
            "DELETE FROM revisions WHERE number NOT IN (SELECT number FROM revisions ORDER BY number DESC LIMIT ?1)",
            [kept],
        )?;
        tx.execute("DELETE FROM revision_files WHERE revision NOT IN (SELECT number FROM revisions)", [])?;
        tx.execute("DELETE FROM revision_texts WHERE number NOT IN (SELECT text FROM revision_files)", [])?;
        Ok(())
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

/// The files of a revision; nothing when they are not kept any more.
pub(super) fn files_of(connection: &Connection, revision: &str) -> Result<Option<Vec<(String, String)>>, StoreError> {
    let mut statement = connection.prepare(
        "SELECT f.path, t.content FROM revisions r CROSS JOIN revision_files f ON f.revision = r.number
         CROSS JOIN revision_texts t ON t.number = f.text WHERE r.revision = ?1 ORDER BY f.path",
    )?;
    let files = statement.query_map([revision], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let files: Vec<(String, String)> = files.collect::<Result<_, _>>()?;
    Ok((!files.is_empty()).then_some(files))
}

/// In alphabetical order.
pub(super) fn known_paths(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare("SELECT path FROM paths ORDER BY path")?;
    let paths = statement.query_map([], |row| row.get(0))?;
    Ok(paths.collect::<Result<_, _>>()?)
}
