//! A look at a store from outside, also while a server is using it: nothing is written, and nobody waits.

use std::path::Path;

use rusqlite::Connection;

use super::error::StoreError;
use super::model::{EventStory, StoredEvent};
use super::snapshot::Snapshot;
use super::{connection, embedded, migration, query, snapshot, story};
use crate::diff::Recorded;
use crate::id::EventId;

impl From<StoredEvent> for Recorded {
    fn from(event: StoredEvent) -> Self {
        let StoredEvent { id, source, received_at, part, params, raw, .. } = event;
        Recorded { id, source, received_at, part, params, raw }
    }
}

/// An open store that is only read. It stays in one thread.
#[derive(Debug)]
pub struct Look {
    connection: Connection,
}

impl Look {
    /// Opens the store in a folder. One of another version is refused.
    pub fn at(folder: &Path) -> Result<Self, StoreError> {
        let connection = connection::reader(&folder.join(embedded::FILE))?;
        migration::check_is_known(&connection)?;
        Ok(Look { connection })
    }

    /// The workspace that was served last, its files in the order given.
    pub fn snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        snapshot::snapshot(&self.connection)
    }

    /// The newest events before this number, the newest first.
    pub fn events_before(&self, seq: i64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        query::events(&self.connection, query::EVENTS_BEFORE, [seq, query::limit(limit)])
    }

    /// All that is known of one event.
    pub fn event(&self, id: EventId) -> Result<Option<EventStory>, StoreError> {
        story::story(&self.connection, id)
    }

    /// The newest events of the sources that are meant, the newest first, each told at once: a thousand may be large together.
    pub fn newest(
        &self,
        is_meant: impl Fn(&str) -> bool,
        most: usize,
        mut tell: impl FnMut(StoredEvent) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        const BATCH: usize = 32;
        let (mut before, mut told) = (i64::MAX, 0);
        while told < most {
            let events = self.events_before(before, BATCH)?;
            let Some(last) = events.last() else { break };
            before = last.seq;
            let fits = events.into_iter().filter(|event| is_meant(&event.source));
            for event in fits.take(most - told) {
                told += 1;
                tell(event)?;
            }
        }
        Ok(())
    }
}
