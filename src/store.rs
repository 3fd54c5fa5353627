//! The embedded store: events, what routes made of them, deliveries and attempts, in one SQLite file.
//!
//! One thread writes. It takes every command that has gathered, runs them in one transaction, syncs once and then
//! answers: a batch is what came in during the last sync. Other threads read, and another one moves the log into the
//! file. Whoever has an answer has it on disk.

mod checkpoint;
mod connection;
mod delivery;
mod error;
mod event;
mod key;
mod migration;
mod model;
mod query;
mod queue;
mod reader;
mod snapshot;
mod story;
mod transaction;
mod writer;

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tokio::sync::oneshot;
use tokio::time::timeout_at;

pub use error::{Cause, StoreError};
pub use model::{
    AttemptRecord, Counts, DeliveryStory, EventStory, NewDelivery, NewEvents, NewOutcome, NewResult, RouteReceipt,
    RoutedEvent, StoredAttempt, StoredDelivery, StoredEvent, StoredOutcome, StoredResult,
};
pub use snapshot::Snapshot;

use crate::clock::Timestamp;
use crate::delivery::State;
use crate::id::EventId;
use checkpoint::Checkpointer;
use queue::Queue;
use reader::{Asker, Readers};
use transaction::Totals;
use writer::{Command, Job, Message, Work, Writer};

/// The files in the store's folder.
const FILE: &str = "jackfield.db";
const LOCK: &str = "jackfield.lock";

/// What a store may take. The defaults are right outside tests.
#[derive(Clone, Copy, Debug)]
struct Options {
    /// With more commands or bytes waiting than these, no event is accepted.
    queue_commands: usize,
    queue_bytes: usize,
    page_size: u32,
    /// The file's greatest size.
    max_pages: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Options { queue_commands: 10_000, queue_bytes: 256 << 20, page_size: 4096, max_pages: None }
    }
}

/// What the writer shares with the handles.
#[derive(Debug, Default)]
struct Shared {
    queue: Queue,
    /// As they were after the last commit.
    counts: Mutex<Counts>,
}

/// A handle on the store; a clone is the same store. When the last one is dropped, what was asked for is still
/// written, and the files are closed before the drop returns.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    /// Always there, until the drop.
    commands: Option<Sender<Message>>,
    writer: Option<JoinHandle<()>>,
    asker: Asker,
    shared: Arc<Shared>,
    options: Options,
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(self.commands.take());
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store in a folder, and makes both if they are not there. Nobody else can open it until it is closed.
    pub fn open(folder: &Path) -> Result<Store, StoreError> {
        Store::open_with(folder, Options::default())
    }

    fn open_with(folder: &Path, options: Options) -> Result<Store, StoreError> {
        create_private(folder)?;
        let lock = locked(&folder.join(LOCK))?;
        let file = folder.join(FILE);
        // What stands beside it later gets the same rights.
        private(&file)?;
        let connection = connection::writer(&file, &options)?;
        let totals = Totals::load(&connection)?;
        sync_folder(folder);
        let shared = Arc::new(Shared { counts: Mutex::new(totals.counts), ..Shared::default() });
        let readers = Readers::start(&file)?;
        let asker = readers.asker();
        let checkpointer = Checkpointer::start(file.clone(), connection::checkpointer(&file)?)?;
        let (sender, commands) = channel();
        let connection = Some(connection);
        let writer =
            Writer { file, options, connection, totals, shared: shared.clone(), commands, checkpointer, readers, lock };
        let writer = thread::Builder::new().name("store-write".to_owned()).spawn(move || writer.run())?;
        Ok(Store { inner: Arc::new(Inner { commands: Some(sender), writer: Some(writer), asker, shared, options }) })
    }

    /// Stores one request with its events, all or none, and says their numbers once they are on disk.
    ///
    /// Fails with [`StoreError::Busy`] when too much waits to be written. A request without events is not stored.
    pub async fn accept(&self, new: NewEvents) -> Result<Vec<i64>, StoreError> {
        self.enter(new, None).await
    }

    /// The same, for one who waits no longer than until then: what has not come to its turn by that time is not stored.
    pub async fn accept_until(&self, new: NewEvents, until: Instant) -> Result<Vec<i64>, StoreError> {
        timeout_at(until.into(), self.enter(new, Some(until))).await.unwrap_or(Err(StoreError::Late))
    }

    async fn enter(&self, new: NewEvents, until: Option<Instant>) -> Result<Vec<i64>, StoreError> {
        let Options { queue_commands, queue_bytes, .. } = self.inner.options;
        if new.ids.is_empty() {
            return Ok(Vec::new());
        }
        if self.inner.shared.queue.is_beyond(queue_commands, queue_bytes) {
            return Err(StoreError::Busy);
        }
        self.write(event::Accept::new(new, until)?).await
    }

    /// Stores what the routes made of an event, and with it the deliveries. An event that is routed already stays as
    /// it is, and the receipt is empty.
    pub async fn route(&self, routed: RoutedEvent) -> Result<RouteReceipt, StoreError> {
        self.write(event::Route::new(routed)).await
    }

    /// The first events after `after_seq` that were accepted and never routed, in order of arrival.
    pub async fn unrouted(&self, after_seq: i64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        let range = [after_seq, query::limit(limit)];
        self.read(move |connection| query::events(connection, query::UNROUTED, range)).await
    }

    /// Makes every leased delivery ready again, and says how many there were. For the start, when no worker lives.
    pub async fn release_leases(&self) -> Result<usize, StoreError> {
        self.write(delivery::ReleaseLeases).await
    }

    /// The connections that have deliveries which are not done.
    pub async fn open_connections(&self) -> Result<Vec<String>, StoreError> {
        self.read(query::open_connections).await
    }

    /// Leases the first deliveries of a connection after `after_seq` that are open and not leased, due or not.
    pub async fn lease(
        &self,
        connection: &str,
        after_seq: i64,
        limit: usize,
        until: Timestamp,
    ) -> Result<Vec<StoredDelivery>, StoreError> {
        self.write(delivery::Lease { connection: connection.to_owned(), after_seq, limit, until }).await
    }

    /// Stores an attempt and what follows from it for its delivery. The same attempt stored again changes nothing.
    ///
    /// A delivery that was given up in the meantime stays dead, unless the attempt says that the provider has it.
    pub async fn record(&self, attempt: AttemptRecord) -> Result<(), StoreError> {
        self.write(delivery::Record(attempt)).await
    }

    /// Gives a delivery up without an attempt; false when it was delivered or dead before.
    pub async fn bury(&self, delivery_seq: i64, reason: &str) -> Result<bool, StoreError> {
        self.write(delivery::Bury { delivery_seq, reason: reason.to_owned() }).await
    }

    /// How much the store holds. Costs nothing: the counters are kept with the rows.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        Ok(*self.inner.shared.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// All that is known of one event.
    pub async fn event(&self, id: EventId) -> Result<Option<EventStory>, StoreError> {
        self.read(move |connection| story::story(connection, id)).await
    }

    /// The newest events, the newest first.
    pub async fn recent_events(&self, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        self.read(move |connection| query::events(connection, query::RECENT_EVENTS, [query::limit(limit)])).await
    }

    /// The newest deliveries, of one state or of all, the newest first.
    pub async fn deliveries(&self, state: Option<State>, limit: usize) -> Result<Vec<StoredDelivery>, StoreError> {
        self.read(move |connection| query::recent_deliveries(connection, state, limit)).await
    }

    /// Remembers paths that are served.
    pub async fn remember_paths(&self, paths: Vec<String>) -> Result<(), StoreError> {
        self.write(snapshot::RememberPaths(paths)).await
    }

    /// Every path that was ever served, in alphabetical order.
    pub async fn known_paths(&self) -> Result<Vec<String>, StoreError> {
        self.read(snapshot::known_paths).await
    }

    /// Remembers a good workspace in the place of the one before.
    pub async fn save_snapshot(&self, revision: &str, files: Vec<(String, String)>) -> Result<(), StoreError> {
        self.write(snapshot::SaveSnapshot { revision: revision.to_owned(), files }).await
    }

    /// The workspace that was remembered last, its files in the order given.
    pub async fn snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        self.read(snapshot::snapshot).await
    }

    /// Writes what waits, empties the log and closes the files. Clones of this handle get [`StoreError::Closed`].
    pub async fn close(self) -> Result<(), StoreError> {
        let (waiter, closed) = oneshot::channel();
        self.send(Message::Close(waiter))?;
        closed.await.map_err(|_| StoreError::Closed)
    }

    async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&rusqlite::Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.inner.asker.ask(question).await
    }

    async fn write<C: Command>(&self, command: C) -> Result<C::Answer, StoreError> {
        let (job, answer) = Job::new(command);
        self.inner.shared.queue.entered(job.weight());
        self.send(Message::Work(Box::new(job)))?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    fn send(&self, message: Message) -> Result<(), StoreError> {
        let commands = self.inner.commands.as_ref().ok_or(StoreError::Closed)?;
        commands.send(message).map_err(|_| StoreError::Closed)
    }
}

/// Takes the lock that keeps a second process out; it is held as long as the file is open.
fn locked(path: &Path) -> Result<File, StoreError> {
    let file = private(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Opens a file, and makes it for its owner alone where there is none: the folder may have been there before, open to all.
fn private(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes sure that new files are found after a power failure. Not every file system can; then nothing more can be done.
fn sync_folder(folder: &Path) {
    for folder in [Some(folder), folder.parent()].into_iter().flatten() {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
}

/// Makes the folder, for its owner alone: it holds what people wrote.
fn create_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests;
