//! Moves the log into the file in the background, so that commits stay fast and the log stays short.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;

use super::connection;
use super::error::StoreError;

/// The log is moved each time so many bytes were added to it.
const EVERY: i64 = 8 << 20;
/// A log of more bytes than this has grown for as long as it was moved: the writer has to lend a hand.
const LONG: i64 = 48 << 20;
/// It does so again when so much was added since.
const AGAIN: i64 = 1 << 20;
/// The file of the log is cut where it is longer than this while there is nothing to do, and while there is.
const SHORT: u64 = 1 << 20;
const USUAL: u64 = 16 << 20;

/// What the thread is asked to do.
#[derive(Clone, Copy)]
enum Wish {
    /// To move what can be moved.
    Move,
    /// And then to cut the file of the log, where nobody needs it at that moment.
    Cut,
}

/// The writer's end of the thread that moves the log.
pub(super) struct Checkpointer {
    wishes: SyncSender<Wish>,
    thread: JoinHandle<()>,
    /// How long the log was when it was last to be moved.
    moved: i64,
    /// And when the writer last lent a hand.
    helped: i64,
}

impl Checkpointer {
    pub(super) fn start(file: PathBuf, connection: Connection) -> Result<Self, StoreError> {
        let (wishes, wished) = sync_channel(1);
        let name = "store-checkpoint".to_owned();
        let thread = thread::Builder::new().name(name).spawn(move || work(file, connection, &wished))?;
        Ok(Checkpointer { wishes, thread, moved: 0, helped: 0 })
    }

    /// Looks at the log after a commit. Says whether it is so long that the writer has to move it: between two batches
    /// nothing is added to it.
    pub(super) fn wrote(&mut self, connection: &Connection) -> bool {
        let Ok(log) = run(connection, "NOOP") else { return false };
        let length = log.length;
        if length < self.moved {
            // It began anew.
            (self.moved, self.helped) = (0, 0);
        }
        if length - self.moved >= EVERY {
            self.moved = length;
            // When it is full, the thread is about to begin anyway.
            let _ = self.wishes.try_send(Wish::Move);
        }
        let helps = length > LONG && length - self.helped >= AGAIN;
        if helps {
            self.helped = length;
        }
        helps
    }

    /// Lets the file of the log get short again where it is not.
    pub(super) fn cut(&self, log_length: u64, is_idle: bool) {
        if log_length > if is_idle { SHORT } else { USUAL } {
            let _ = self.wishes.try_send(Wish::Cut);
        }
    }

    pub(super) fn stop(self) {
        drop(self.wishes);
        let _ = self.thread.join();
    }
}

fn work(file: PathBuf, connection: Connection, wished: &Receiver<Wish>) {
    let mut connection = Some(connection);
    while let Ok(wish) = wished.recv() {
        if connection.is_none() {
            connection = connection::checkpointer(&file).ok();
        }
        let done = connection.as_ref().map(|connection| fulfil(connection, wish));
        // The log stays and is moved another time: nothing is lost by that.
        if !matches!(done, Some(Ok(()))) {
            connection = None;
        }
    }
}

fn fulfil(connection: &Connection, wish: Wish) -> Result<(), StoreError> {
    let log = run(connection, "PASSIVE")?;
    if matches!(wish, Wish::Cut) && log.is_moved {
        // Whoever reads or writes at this moment is not waited for, and does not wait.
        connection.busy_timeout(Duration::ZERO)?;
        run(connection, "TRUNCATE")?;
    }
    Ok(())
}

/// What a look at the log has found.
pub(super) struct Log {
    /// So many bytes were added since it began anew.
    pub length: i64,
    /// All of it is in the file.
    pub is_moved: bool,
}

/// Moves what can be moved, and says what the log is then.
pub(super) fn run(connection: &Connection, mode: &str) -> Result<Log, StoreError> {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    let mut statement = connection.prepare_cached(&sql)?;
    let (pages, moved): (i64, i64) = statement.query_row([], |row| Ok((row.get(1)?, row.get(2)?)))?;
    let size: i64 = connection.prepare_cached("PRAGMA page_size")?.query_row([], |row| row.get(0))?;
    Ok(Log { length: pages.saturating_mul(size), is_moved: pages >= 0 && pages == moved })
}
