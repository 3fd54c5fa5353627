//! The engine that lives in the program: one SQLite file, and the threads that write and read it.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicI64;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tokio::sync::oneshot;

use super::checkpoint::Checkpointer;
use super::health::Health;
use super::inspect::Inspection;
use super::model::Counts;
use super::presence::{self, Files};
use super::queue::Queue;
use super::reader::{Asker, Kind, Readers};
use super::room::Room;
use super::spare::Spare;
use super::transaction::Totals;
use super::writer::{Command, Job, Message, Work, Writer};
use super::{Reply, StoreError, connection, migration, search};

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
    pub health: Health,
    /// How far was looked for events to forget.
    pub looked_upto: AtomicI64,
    /// How much is kept of routes that say how much that may be.
    pub room: Mutex<Room>,
    /// What whoever makes events known to the search has to be told.
    pub search: Arc<search::Told>,
}

/// A handle on the store; a clone is the same store. When the last one is dropped, what was asked for is still
/// written, and the files are closed before the drop returns.
#[derive(Clone)]
pub struct Embedded {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    /// Always there, until the drop.
    commands: Option<Sender<Message>>,
    writer: Option<JoinHandle<()>>,
    asker: Asker,
    /// None where the store is only read, and at the end.
    pub keeper: Mutex<Option<search::Keeper>>,
    pub file: PathBuf,
    pub shared: Arc<Shared>,
    pub options: Options,
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take());
        drop(self.commands.take());
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// Makes known that nothing is written any more, however the writing thread came to its end.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.health.wrote(Some(StoreError::Closed));
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
        let spare = Spare::in_folder(folder);
        let (connection, totals) = match opened(folder, &options) {
            // Even to open it takes a little room.
            Err(error) if error.ends_all() && spare.give() => opened(folder, &options)?,
            // What was kept is used up: the words of the search are made again when there is room.
            Err(error) if error.may_pass() && error.ends_all() && search::give_up(&folder.join(FILE)) => {
                opened(folder, &options)?
            }
            opened => opened?,
        };
        sync_folder(folder);
        presence::mark(folder, &lock);
        let file = folder.join(FILE);
        let anchor = connection::anchor(&file)?;
        let files = Files::of(&file);
        let shared = Arc::new(Shared { counts: Mutex::new(totals.counts), ..Shared::default() });
        shared.health.is_full(!spare.keep());
        let readers = Readers::start(&file, shared.clone())?;
        let asker = readers.asker();
        let checkpointer = Checkpointer::start(file.clone(), connection::checkpointer(&file)?)?;
        let inspection = Inspection::start(&file, &shared)?;
        let keeper = Mutex::new(Some(search::Keeper::start(&file, shared.search.clone())?));
        let (sender, commands) = channel();
        let (own, looked_at) = (file.clone(), Instant::now());
        let (connection, shared_too) = (Some(connection), shared.clone());
        let writer = Writer {
            file,
            options,
            connection,
            totals,
            shared: shared_too,
            commands,
            checkpointer,
            readers,
            inspection,
            anchor,
            files,
            spare,
            looked_at,
            cut_at: looked_at,
            full_at: looked_at,
            has_written: false,
            lock,
        };
        let writer = thread::Builder::new().name("store-write".to_owned()).spawn(move || {
            let _ended = Ended(writer.shared.clone());
            writer.run();
        })?;
        let (commands, writer) = (Some(sender), Some(writer));
        Ok(Embedded { inner: Arc::new(Inner { commands, writer, asker, keeper, file: own, shared, options }) })
    }

    /// A handle that only reads, for a store that no server has now.
    pub fn open_to_read(folder: &Path) -> Result<Embedded, StoreError> {
        let file = folder.join(FILE);
        // Free at this moment: one that starts now does no harm, since what is read is of one state.
        if let Ok(lock) = File::open(folder.join(LOCK)) {
            free(&lock)?;
        }
        presence::check(folder, &file)?;
        migration::check_is_known(&connection::reader(&file)?)?;
        let (shared, options): (Arc<Shared>, _) = (Arc::default(), Options::default());
        let asker = Readers::start(&file, shared.clone())?.asker();
        let inner = Inner { commands: None, writer: None, asker, keeper: Mutex::default(), file, shared, options };
        Ok(Embedded { inner: Arc::new(inner) })
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&rusqlite::Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.inner.asker.ask(Kind::Work, question).await
    }

    pub(super) async fn write<C: Command>(&self, command: C) -> Result<C::Answer, StoreError> {
        let (job, answer) = Job::new(command);
        self.inner.shared.queue.entered(job.weight());
        self.send(Message::Work(Box::new(job)))?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    fn send(&self, message: Message) -> Result<(), StoreError> {
        let commands = self.inner.commands.as_ref().ok_or(StoreError::Closed)?;
        commands.send(message).map_err(|_| StoreError::Closed)
    }

    pub(super) fn put<C: Command>(&self, command: C) -> Reply<'_, C::Answer> {
        Box::pin(self.write(command))
    }

    pub(super) fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&rusqlite::Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Reply<'_, T> {
        Box::pin(self.read(question))
    }

    /// The same for a person, who may ask for much: what is under way does not wait for that.
    pub(super) fn look<T: Send + 'static>(
        &self,
        question: impl FnOnce(&rusqlite::Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Reply<'_, T> {
        Box::pin(self.inner.asker.ask(Kind::Look, question))
    }

    pub(super) async fn end(&self) -> Result<(), StoreError> {
        drop(self.inner.keeper.lock().unwrap_or_else(PoisonError::into_inner).take());
        let (waiter, closed) = oneshot::channel();
        self.send(Message::Close(waiter))?;
        closed.await.map_err(|_| StoreError::Closed)
    }
}

/// The writer's connection and what the file counts.
fn opened(folder: &Path, options: &Options) -> Result<(rusqlite::Connection, Totals), StoreError> {
    let file = folder.join(FILE);
    presence::check(folder, &file)?;
    // What stands beside it later gets the same rights.
    private(&file)?;
    let connection = connection::writer(&file, options, presence::had_a_store(folder))?;
    let totals = Totals::load(&connection)?;
    Ok((connection, totals))
}

/// Takes the lock that keeps a second process out; it is held as long as the file is open.
fn locked(path: &Path) -> Result<File, StoreError> {
    let file = private(path)?;
    free(&file)?;
    Ok(file)
}

/// Takes the lock of this file where nobody has it.
fn free(file: &File) -> Result<(), StoreError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Opens a file, and makes it for its owner alone where there is none: the folder may have been there before, open to all.
pub(super) fn private(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes sure that new files are found after a power failure. Not every file system can; then nothing more can be done.
pub(super) fn sync_folder(folder: &Path) {
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
