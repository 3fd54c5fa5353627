//! Moves the log into the file in the background, so that commits stay fast and the log stays short.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;

use super::connection;
use super::error::StoreError;

/// A commit writes about so many bytes whatever it holds: the last page of each table.
const COMMIT: usize = 5 * 4096;
/// The log is moved each time about so many bytes were written.
const EVERY: usize = 8 << 20;
/// A log of more bytes than this has grown for as long as it was moved: the writer has to lend a hand.
const LONG: i64 = 64 << 20;

/// The writer's end of the thread that moves the log.
pub(super) struct Checkpointer {
    wake: SyncSender<()>,
    help: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    written: usize,
}

impl Checkpointer {
    pub(super) fn start(file: PathBuf, connection: Connection) -> Result<Self, StoreError> {
        let (wake, woken) = sync_channel(1);
        let help = Arc::new(AtomicBool::new(false));
        let wanted = help.clone();
        let thread = thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || work(file, connection, &woken, &wanted))?;
        Ok(Checkpointer { wake, help, thread, written: 0 })
    }

    /// Notes a commit of so many bytes.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.written = self.written.saturating_add(bytes).saturating_add(COMMIT);
        if self.written >= EVERY {
            self.written = 0;
            // When it is full, the thread is about to begin anyway.
            let _ = self.wake.try_send(());
        }
    }

    /// Whether the writer has to move the rest; asked once, it is not wanted again for a while.
    pub(super) fn wants_help(&self) -> bool {
        self.help.load(Ordering::Relaxed) && self.help.swap(false, Ordering::Relaxed)
    }

    pub(super) fn stop(self) {
        drop(self.wake);
        let _ = self.thread.join();
    }
}

fn work(file: PathBuf, connection: Connection, woken: &Receiver<()>, help: &AtomicBool) {
    let mut connection = Some(connection);
    while woken.recv().is_ok() {
        if connection.is_none() {
            connection = connection::checkpointer(&file).ok();
        }
        match connection.as_ref().map(|connection| run(connection, "PASSIVE")) {
            Some(Ok(bytes)) if bytes > LONG => help.store(true, Ordering::Relaxed),
            Some(Ok(_)) => {}
            // The log stays and is moved another time: nothing is lost by that.
            Some(Err(_)) | None => connection = None,
        }
    }
}

/// Moves what can be moved and says how many bytes the log has.
pub(super) fn run(connection: &Connection, mode: &str) -> Result<i64, StoreError> {
    let pages: i64 = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get(1))?;
    let size: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    Ok(pages.saturating_mul(size))
}
