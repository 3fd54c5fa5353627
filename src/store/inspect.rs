//! A look through the file after the start, beside the work: damage in it is told before somebody needs what is there.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, InterruptHandle};

use super::connection;
use super::embedded::Shared;
use super::error::StoreError;

/// A larger file is not looked through: it would be read from a slow disk for minutes.
const LARGEST: u64 = 2 << 30;
/// After so many times that others needed the log to be moved, it is left to `store verify`.
const TRIES: usize = 5;
/// How long it makes room for others then.
const REST: Duration = Duration::from_secs(20);

/// The thread that looks.
pub(super) struct Inspection {
    interrupt: InterruptHandle,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Inspection {
    /// Begins, where the file is not too large.
    pub(super) fn start(file: &Path, shared: &Arc<Shared>) -> Result<Option<Self>, StoreError> {
        if fs::metadata(file).map_or(0, |file| file.len()) > LARGEST {
            return Ok(None);
        }
        let connection = connection::reader(file)?;
        let (interrupt, stop) = (connection.get_interrupt_handle(), Arc::new(AtomicBool::new(false)));
        let (stopped, shared) = (stop.clone(), shared.clone());
        let thread =
            thread::Builder::new().name("store-look".to_owned()).spawn(move || look(&connection, &stopped, &shared))?;
        Ok(Some(Inspection { interrupt, stop, thread }))
    }

    /// Lets go of what it looks at, since the log can't be moved meanwhile; it comes back to that later.
    pub(super) fn make_room(&self) {
        self.interrupt.interrupt();
    }

    pub(super) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        while !self.thread.is_finished() {
            self.interrupt.interrupt();
            self.thread.thread().unpark();
            thread::sleep(Duration::from_millis(2));
        }
        let _ = self.thread.join();
    }
}

fn look(connection: &Connection, stopped: &AtomicBool, shared: &Shared) {
    let mut tries = TRIES;
    let mut is_whole = |table: &String| loop {
        match is_whole(connection, table) {
            _ if stopped.load(Ordering::Relaxed) => return Ok(()),
            Ok(true) => return Ok(()),
            Ok(false) => return Err(StoreError::Corrupt),
            Err(error) if error.sqlite_error_code() != Some(ErrorCode::OperationInterrupted) => {
                return Err(error.into());
            }
            Err(_) if tries == 0 => return Err(StoreError::Busy),
            Err(_) => tries -= 1,
        }
        thread::park_timeout(REST);
    };
    let looked = tables(connection).and_then(|tables| tables.iter().try_for_each(&mut is_whole));
    match looked {
        Err(StoreError::Corrupt) => shared.health.is_damaged(),
        Err(StoreError::Busy) => {
            tracing::info!("the store was too busy to be looked through; `store verify` does that")
        }
        _ => {}
    }
}

/// One table after the other, so that the log waits for none of them longer than needed.
fn tables(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut statement = connection.prepare(sql)?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

fn is_whole(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    let sql = format!("PRAGMA quick_check(\"{table}\")");
    let found: String = connection.query_row(&sql, [], |row| row.get(0))?;
    Ok(found == "ok")
}
