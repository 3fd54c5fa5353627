//! What waits, how much of it and since when; and how large the files are.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::embedded::FILE;
use super::error::StoreError;
use crate::clock::Timestamp;

/// What waits, and since when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// When the oldest event came that no routes have seen yet.
    pub unrouted_since: Option<Timestamp>,
    /// By the connections that have any, in alphabetical order.
    pub connections: BTreeMap<Arc<str>, Waiting>,
}

/// The open deliveries of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub count: u64,
    /// When the first of them was made.
    pub since: Timestamp,
}

/// Of a connection: how many, and the number of the first.
type Found = (u64, i64);

pub(super) fn backlog(connection: &Connection) -> Result<Backlog, StoreError> {
    const READY: &str =
        "SELECT connection, count(*), min(seq) FROM deliveries INDEXED BY deliveries_open WHERE open = 1
        GROUP BY connection";
    const WAITING: &str = "SELECT connection, count(*), min(delivery_seq) FROM waiting GROUP BY connection";
    const UNROUTED: &str = "SELECT r.received_at FROM unrouted u JOIN events e ON e.seq = u.event_seq
        JOIN requests r ON r.seq = e.request ORDER BY u.event_seq LIMIT 1";
    const MADE: &str = "SELECT coalesce((SELECT created_at FROM contents WHERE delivery_seq = ?1), 0)";
    let mut found: BTreeMap<Arc<str>, Found> = BTreeMap::new();
    for sql in [READY, WAITING] {
        let mut query = connection.prepare_cached(sql)?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let (name, count, first): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (all, least) = found.entry(name.into()).or_insert((0, first));
            (*all, *least) = (*all + u64::try_from(count).unwrap_or(0), first.min(*least));
        }
    }
    let mut backlog = Backlog::default();
    let mut made = connection.prepare_cached(MADE)?;
    for (name, (count, first)) in found {
        let since = Timestamp(made.query_row([first], |row| row.get(0))?);
        backlog.connections.insert(name, Waiting { count, since });
    }
    let mut oldest = connection.prepare_cached(UNROUTED)?;
    let mut rows = oldest.query([])?;
    if let Some(row) = rows.next()? {
        backlog.unrouted_since = Some(Timestamp(row.get(0)?));
    }
    Ok(backlog)
}

/// How many bytes the files of the store in a folder have, its log included.
pub fn size(folder: &Path) -> u64 {
    let files = ["", "-wal", "-shm"].map(|end| folder.join(format!("{FILE}{end}")));
    files.iter().filter_map(|file| std::fs::metadata(file).ok()).map(|file| file.len()).sum()
}
