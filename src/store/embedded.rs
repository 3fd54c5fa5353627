//! The engine that lives in the program: one SQLite file, and the threads that write and read it.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use super::checkpoint::Checkpointer;
use super::model::{
    AttemptRecord, Changed, Claim, Counts, DeliveryStory, Due, EventStory, Filter, Leased, NewEvents, Pruned, Replay,
    ReplayEvents, Replayed, Retention, RouteReceipt, RoutedEvent, StoredDelivery, StoredEvent, StoredToken, Verified,
};
use super::queue::Queue;
use super::reader::{Asker, Readers};
use super::snapshot::Snapshot;
use super::transaction::Totals;
use super::writer::{Command, Job, Message, Work, Writer};
use super::{Reply, Store, StoreError, connection, delivery, event, filter, key, lane, memory, query, snapshot, story};
use crate::clock::Timestamp;
use crate::delivery::Change;
use crate::id::{DeliveryId, EventId};

/// The files in the store's folder.
pub(super) const FILE: &str = "jackfield.db";
pub(super) const LOCK: &str = "jackfield.lock";

/// What a store may take. The defaults are right outside tests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    /// With more commands or bytes waiting than these, no event is accepted.
    pub queue_commands: usize,
    pub queue_bytes: usize,
    pub page_size: u32,
    /// The file's greatest size.
    pub max_pages: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Options { queue_commands: 10_000, queue_bytes: 256 << 20, page_size: 4096, max_pages: None }
    }
}

/// What the writer shares with the handles.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub queue: Queue,
    /// As they were after the last commit.
    pub counts: Mutex<Counts>,
    /// What the last attempt to write came to.
    pub trouble: Mutex<Option<StoreError>>,
}

/// A handle on the store; a clone is the same store. When the last one is dropped, what was asked for is still
/// written, and the files are closed before the drop returns.
#[derive(Clone)]
pub struct Embedded {
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

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded").finish_non_exhaustive()
    }
}

impl Embedded {
    /// Opens the store in a folder, and makes both if they are not there. Nobody else can open it until it is closed.
    pub fn open(folder: &Path) -> Result<Embedded, StoreError> {
        Embedded::open_with(folder, Options::default())
    }

    pub(super) fn open_with(folder: &Path, options: Options) -> Result<Embedded, StoreError> {
        create_private(folder)?;
        let lock = locked(&folder.join(LOCK))?;
        let file = folder.join(FILE);
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
        Ok(Embedded { inner: Arc::new(Inner { commands: Some(sender), writer: Some(writer), asker, shared, options }) })
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

    fn put<C: Command>(&self, command: C) -> Reply<'_, C::Answer> {
        Box::pin(self.write(command))
    }

    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&rusqlite::Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Reply<'_, T> {
        Box::pin(self.read(question))
    }

    async fn take_in(&self, new: NewEvents) -> Result<Vec<i64>, StoreError> {
        let Options { queue_commands, queue_bytes, .. } = self.inner.options;
        if new.ids.is_empty() {
            return Ok(Vec::new());
        }
        if self.inner.shared.queue.is_beyond(queue_commands, queue_bytes) {
            return Err(StoreError::Busy);
        }
        self.write(event::Accept::new(new)?).await
    }

    /// Looks for parked deliveries that are first in their lane while others write, then leases them.
    async fn freed(
        &self,
        connection: String,
        upto: i64,
        limit: usize,
        term: delivery::Term,
    ) -> Result<Vec<StoredDelivery>, StoreError> {
        let seqs = self.read(move |file| lane::freed(file, &connection, upto, limit)).await?;
        if seqs.is_empty() {
            return Ok(Vec::new());
        }
        self.write(lane::LeaseParked { seqs, term }).await
    }

    async fn expired(&self, now: Timestamp) -> Result<Vec<Arc<str>>, StoreError> {
        let seqs = self.read(move |file| lane::expired(file, now)).await?;
        if seqs.is_empty() {
            return Ok(Vec::new());
        }
        self.write(lane::GiveBackExpired { seqs, now }).await
    }

    async fn end(&self) -> Result<(), StoreError> {
        let (waiter, closed) = oneshot::channel();
        self.send(Message::Close(waiter))?;
        closed.await.map_err(|_| StoreError::Closed)
    }
}

impl Store for Embedded {
    fn accept(&self, new: NewEvents) -> Reply<'_, Vec<i64>> {
        Box::pin(self.take_in(new))
    }

    fn route(&self, routed: RoutedEvent) -> Reply<'_, RouteReceipt> {
        self.put(event::Route::new(routed))
    }

    fn unrouted(&self, after_seq: i64, limit: usize) -> Reply<'_, Vec<StoredEvent>> {
        let range = [after_seq, query::limit(limit)];
        self.ask(move |file| query::events(file, query::UNROUTED, range))
    }

    fn release_leases(&self, owner: Option<&str>) -> Reply<'_, usize> {
        self.put(delivery::ReleaseLeases { owner: owner.map(str::to_owned) })
    }

    fn release_expired(&self, now: Timestamp) -> Reply<'_, Vec<Arc<str>>> {
        Box::pin(self.expired(now))
    }

    fn open_connections(&self) -> Reply<'_, Vec<String>> {
        self.ask(query::open_connections)
    }

    fn lease(
        &self,
        connection: &str,
        after_seq: i64,
        limit: usize,
        owner: &str,
        until: Timestamp,
    ) -> Reply<'_, Leased> {
        let term = delivery::Term { owner: owner.to_owned(), until };
        self.put(delivery::Lease { connection: connection.to_owned(), after_seq, limit, term })
    }

    fn park(&self, seqs: Vec<i64>) -> Reply<'_, usize> {
        self.put(lane::GiveBack { seqs, due: None })
    }

    fn lease_lane(
        &self,
        connection: &str,
        lane: &str,
        limit: usize,
        owner: &str,
        until: Timestamp,
    ) -> Reply<'_, Vec<StoredDelivery>> {
        let term = delivery::Term { owner: owner.to_owned(), until };
        self.put(lane::LeaseLane { connection: connection.to_owned(), lane: lane.to_owned(), limit, term })
    }

    fn lease_due(
        &self,
        connection: &str,
        now: Timestamp,
        limit: usize,
        owner: &str,
        until: Timestamp,
    ) -> Reply<'_, Due> {
        let term = delivery::Term { owner: owner.to_owned(), until };
        self.put(lane::LeaseDue { connection: connection.to_owned(), now, limit, term })
    }

    fn lease_freed(
        &self,
        connection: &str,
        upto: i64,
        limit: usize,
        owner: &str,
        until: Timestamp,
    ) -> Reply<'_, Vec<StoredDelivery>> {
        let term = delivery::Term { owner: owner.to_owned(), until };
        Box::pin(self.freed(connection.to_owned(), upto, limit, term))
    }

    fn postpone(&self, seqs: Vec<i64>, due: Timestamp) -> Reply<'_, usize> {
        self.put(lane::GiveBack { seqs, due: Some(due) })
    }

    fn record(&self, attempt: AttemptRecord) -> Reply<'_, Changed> {
        self.put(delivery::Record(attempt))
    }

    fn note_step(&self, delivery_seq: i64, step: u32, saved: &str, at: Timestamp) -> Reply<'_, ()> {
        self.put(delivery::NoteStep { delivery_seq, step, saved: saved.to_owned(), at })
    }

    fn ledger(&self, delivery_seq: i64) -> Reply<'_, Vec<(u32, String)>> {
        self.ask(move |file| story::steps(file, delivery_seq))
    }

    fn skip(&self, delivery_seq: i64) -> Reply<'_, Changed> {
        self.put(delivery::Decide { delivery_seq, change: Change::Skip, reason: None })
    }

    fn hold(&self, delivery_seq: i64, reason: &str) -> Reply<'_, Changed> {
        self.put(delivery::Decide { delivery_seq, change: Change::Hold, reason: Some(reason.to_owned()) })
    }

    fn bury(&self, delivery_seq: i64, reason: &str) -> Reply<'_, Changed> {
        self.put(delivery::Decide { delivery_seq, change: Change::Bury, reason: Some(reason.to_owned()) })
    }

    fn release_held(&self, filter: Filter, limit: usize, at: Timestamp) -> Reply<'_, Vec<Arc<str>>> {
        let _ = (filter, limit, at);
        Box::pin(async { Err(StoreError::Refused) })
    }

    fn claim(&self, key: &str, owner: &str, until: Timestamp, now: Timestamp) -> Reply<'_, Claim> {
        self.put(memory::MakeClaim { key: key::of_text(key), owner: owner.to_owned(), until, now })
    }

    fn remember(&self, key: &str, value: &str, until: Timestamp) -> Reply<'_, ()> {
        self.put(memory::Keep { key: key::of_text(key), value: value.to_owned(), until })
    }

    fn release_claim(&self, key: &str, owner: &str) -> Reply<'_, ()> {
        self.put(memory::GiveUp { key: key::of_text(key), owner: owner.to_owned() })
    }

    fn token(&self, connection: &str) -> Reply<'_, Option<StoredToken>> {
        let connection = connection.to_owned();
        self.ask(move |file| memory::token(file, &connection))
    }

    fn save_token(&self, connection: &str, token: StoredToken) -> Reply<'_, ()> {
        self.put(memory::SaveToken { connection: connection.to_owned(), token })
    }

    fn replay(&self, replay: Replay) -> Reply<'_, Vec<Replayed>> {
        let _ = replay;
        Box::pin(async { Err(StoreError::Refused) })
    }

    fn replay_events(&self, replay: ReplayEvents) -> Reply<'_, Vec<EventId>> {
        let _ = replay;
        Box::pin(async { Err(StoreError::Refused) })
    }

    fn prune(&self, now: Timestamp, retention: Retention, limit: usize) -> Reply<'_, Pruned> {
        let _ = (now, retention, limit);
        Box::pin(async { Ok(Pruned::default()) })
    }

    fn counts(&self) -> Reply<'_, Counts> {
        let counts = *self.inner.shared.counts.lock().unwrap_or_else(PoisonError::into_inner);
        Box::pin(async move { Ok(counts) })
    }

    fn trouble(&self) -> Option<StoreError> {
        *self.inner.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn event(&self, id: EventId) -> Reply<'_, Option<EventStory>> {
        self.ask(move |file| story::story(file, id))
    }

    fn recent_events(&self, limit: usize) -> Reply<'_, Vec<StoredEvent>> {
        self.ask(move |file| query::events(file, query::RECENT_EVENTS, [query::limit(limit)]))
    }

    fn delivery(&self, id: DeliveryId) -> Reply<'_, Option<DeliveryStory>> {
        self.ask(move |file| story::delivery(file, id))
    }

    fn deliveries(&self, filter: Filter, limit: usize) -> Reply<'_, Vec<StoredDelivery>> {
        self.ask(move |file| filter::newest(file, &filter, limit))
    }

    fn remember_paths(&self, paths: Vec<String>) -> Reply<'_, ()> {
        self.put(snapshot::RememberPaths(paths))
    }

    fn known_paths(&self) -> Reply<'_, Vec<String>> {
        self.ask(snapshot::known_paths)
    }

    fn save_snapshot(&self, revision: &str, files: Vec<(String, String)>) -> Reply<'_, ()> {
        self.put(snapshot::SaveSnapshot { revision: revision.to_owned(), files })
    }

    fn snapshot(&self) -> Reply<'_, Option<Snapshot>> {
        self.ask(snapshot::snapshot)
    }

    fn backup(&self, file: PathBuf) -> Reply<'_, ()> {
        let _ = file;
        Box::pin(async { Err(StoreError::Refused) })
    }

    fn verify(&self) -> Reply<'_, Verified> {
        Box::pin(async { Err(StoreError::Refused) })
    }

    fn close(&self) -> Reply<'_, ()> {
        Box::pin(self.end())
    }
}

/// Takes the lock that keeps a second process out; it is held as long as the file is open.
fn locked(path: &Path) -> Result<File, StoreError> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
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
