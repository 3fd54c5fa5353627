//! A look through the file after the start, beside the work: damage in it is told before somebody needs what is there. Where
//! damage was met it looks again, since a disk whose reads fail for a moment can't be told from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, InterruptHandle};

use super::connection;
use super::embedded::Shared;
use super::error::StoreError;
use super::transaction::Totals;

/// A larger file is not looked through: it would be read from a slow disk for minutes.
const LARGEST: u64 = 2 << 30;
/// After so many times that others needed the log to be moved, it is left to `store verify`.
const TRIES: usize = 5;
/// How long it makes room for others then.
const REST: Duration = Duration::from_secs(20);

/// How often is asked whether damage was met, and how long it takes at first and at the most until the next look then.
const OFTEN: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(60);
/// It rests so many times as long as it looked.
const RESTS: u32 = 10;
/// After so many looks that found damage it is there for good.
const PROOFS: u32 = 5;
/// After so long without damage the next one is looked at at once again.
const CALM: Duration = Duration::from_secs(3600);

/// The thread that looks.
pub(super) struct Inspection {
    looker: Arc<Looker>,
    thread: JoinHandle<()>,
}

impl Inspection {
    /// Begins.
    pub(super) fn start(file: &Path, shared: &Arc<Shared>) -> Result<Self, StoreError> {
        let looker = Looker {
            file: file.to_owned(),
            shared: shared.clone(),
            stop: AtomicBool::default(),
            reads: Mutex::default(),
        };
        let looker = Arc::new(looker);
        let own = looker.clone();
        let thread = thread::Builder::new().name("store-look".to_owned()).spawn(move || own.look_until_the_end())?;
        Ok(Inspection { looker, thread })
    }

    /// Lets go of what it looks at, since the log can't be moved meanwhile; it comes back to that later.
    pub(super) fn make_room(&self) {
        self.looker.interrupt();
    }

    pub(super) fn stop(self) {
        self.looker.stop.store(true, Ordering::Relaxed);
        while !self.thread.is_finished() {
            self.looker.interrupt();
            self.thread.thread().unpark();
            thread::sleep(Duration::from_millis(2));
        }
        let _ = self.thread.join();
    }
}

struct Looker {
    file: PathBuf,
    shared: Arc<Shared>,
    stop: AtomicBool,
    /// Breaks off what it reads.
    reads: Mutex<Option<InterruptHandle>>,
}

/// How it stands with a damage that was met.
struct Doubt {
    /// So many looks have found it.
    found: u32,
    /// When the next look is, and how long after it the one behind that.
    at: Instant,
    pause: Duration,
    /// When the file was last found whole.
    whole_at: Option<Instant>,
}

impl Doubt {
    fn none() -> Self {
        Doubt { found: 0, at: Instant::now(), pause: OFTEN, whole_at: None }
    }

    /// Looks become rare, also where the file is found whole and damage is met again soon.
    fn looked(&mut self, took: Duration) {
        self.at = Instant::now() + self.pause.max(took.saturating_mul(RESTS));
        self.pause = self.pause.saturating_mul(2).min(LONGEST);
    }
}

impl Looker {
    fn look_until_the_end(&self) {
        if fs::metadata(&self.file).map_or(0, |file| file.len()) <= LARGEST {
            self.look_at_the_start();
        }
        let mut doubt = Doubt::none();
        while !self.is_over() {
            thread::park_timeout(OFTEN);
            if self.shared.health.has_met_damage() && doubt.at <= Instant::now() {
                self.look_again(&mut doubt);
            } else if doubt.whole_at.is_some_and(|whole_at| whole_at.elapsed() > CALM) {
                doubt = Doubt::none();
            }
        }
    }

    fn look_at_the_start(&self) {
        let looked = self.reading(|connection| {
            let mut tries = TRIES;
            tables(connection)?
                .iter()
                .try_for_each(|table| self.check(connection, &format!("(\"{table}\")"), &mut tries))
        });
        match looked {
            Err(StoreError::Corrupt) => self.shared.health.is_damaged(),
            Err(StoreError::Busy) => {
                tracing::info!("the store was too busy to be looked through; `store verify` does that")
            }
            _ => {}
        }
    }

    /// Looks through everything on a new connection, whatever others believe of the file.
    fn look_again(&self, doubt: &mut Doubt) {
        let began = Instant::now();
        let looked = self.reading(|connection| {
            Totals::load(connection)?;
            if !connection::has_all_tables(connection)? {
                return Err(StoreError::Corrupt);
            }
            self.check(connection, "", &mut 1)
        });
        match looked {
            _ if self.is_over() => {}
            Ok(()) => {
                (doubt.found, doubt.whole_at) = (0, Some(Instant::now()));
                self.shared.health.is_whole();
            }
            Err(StoreError::Corrupt | StoreError::Unreadable) => {
                doubt.found += 1;
                if doubt.found >= PROOFS {
                    self.shared.health.damage_is_proven();
                }
            }
            Err(_) => {}
        }
        doubt.looked(began.elapsed());
    }

    fn reading(&self, look: impl FnOnce(&Connection) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let connection = connection::beside(&self.file)?;
        *self.reads.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection.get_interrupt_handle());
        let looked = look(&connection);
        *self.reads.lock().unwrap_or_else(PoisonError::into_inner) = None;
        looked
    }

    /// Fails where what is meant is not whole, or could not be looked through so many times.
    fn check(&self, connection: &Connection, what: &str, tries: &mut usize) -> Result<(), StoreError> {
        loop {
            match is_whole(connection, what) {
                _ if self.is_over() => return Ok(()),
                Ok(true) => return Ok(()),
                Ok(false) => return Err(StoreError::Corrupt),
                Err(error) if error.sqlite_error_code() != Some(ErrorCode::OperationInterrupted) => {
                    return Err(error.into());
                }
                Err(_) if *tries == 0 => return Err(StoreError::Busy),
                Err(_) => *tries -= 1,
            }
            thread::park_timeout(REST);
        }
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn interrupt(&self) {
        if let Some(reads) = &*self.reads.lock().unwrap_or_else(PoisonError::into_inner) {
            reads.interrupt();
        }
    }
}

/// One table after the other, so that the log waits for none of them longer than needed.
fn tables(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut statement = connection.prepare(sql)?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

/// Whether a table is whole, or the file where none is named.
fn is_whole(connection: &Connection, what: &str) -> rusqlite::Result<bool> {
    let sql = format!("PRAGMA quick_check{what}");
    let found: String = connection.query_row(&sql, [], |row| row.get(0))?;
    Ok(found == "ok")
}
