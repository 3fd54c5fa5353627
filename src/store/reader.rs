//! The threads that read, so that a slow question holds up neither the writer nor the next question.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use super::connection;
use super::embedded::Shared;
use super::error::StoreError;

/// Who answers: as many questions of each kind are answered at a time.
const THREADS: [Kind; 5] = [Kind::Work, Kind::Work, Kind::Look, Kind::Look, Kind::Look];
/// As many looks are under way at a time.
pub(super) const LOOKS: usize = 3;
/// As many more may wait until one of them has ended, each for so long.
pub(super) const WAITING: usize = 64;
const PATIENCE: Duration = Duration::from_secs(10);

/// What a question is for. One kind never waits for the other.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// What is under way can't go on without the answer, which takes no long look.
    Work,
    /// Somebody looks, perhaps through all that there is.
    Look,
}

/// Answers one question; false when the connection is not to be used again.
type Question = Box<dyn FnOnce(Result<&Connection, StoreError>) -> bool + Send>;

/// Where questions are put. `None` ends one thread.
#[derive(Clone)]
pub(super) struct Asker {
    work: Sender<Option<Question>>,
    look: Sender<Option<Question>>,
    looks: Arc<Looks>,
    shared: Arc<Shared>,
}

/// Who may look now, and who waits for that.
struct Looks {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Looks {
    /// A place to look from, which is held until the look has ended; an error where too many want one.
    async fn place(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        if let Ok(place) = self.free.clone().try_acquire_owned() {
            return Ok(place);
        }
        let _waits = Waits::among(&self.waiting).ok_or(StoreError::Busy)?;
        match timeout(PATIENCE, self.free.clone().acquire_owned()).await {
            Ok(place) => place.map_err(|_| StoreError::Closed),
            Err(_) => Err(StoreError::Busy),
        }
    }
}

/// One of those who wait, for as long as it does.
struct Waits<'w>(&'w AtomicUsize);

impl<'w> Waits<'w> {
    fn among(waiting: &'w AtomicUsize) -> Option<Self> {
        let one = Waits(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < WAITING).then_some(one)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Asker {
    fn of(&self, kind: Kind) -> &Sender<Option<Question>> {
        match kind {
            Kind::Work => &self.work,
            Kind::Look => &self.look,
        }
    }

    /// Answers a question from one state of the store.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        kind: Kind,
        question: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = match kind {
            Kind::Work => None,
            Kind::Look => Some(self.looks.place().await?),
        };
        let (waiter, answer) = oneshot::channel();
        let shared = self.shared.clone();
        let run = move |connection: Result<&Connection, StoreError>| {
            // Until the end, also where nobody waits any more.
            let _place = place;
            // Who has stopped waiting needs no answer.
            if waiter.is_closed() {
                return connection.is_ok();
            }
            let result = connection.and_then(|connection| {
                // Several statements see the same state only within one transaction.
                let transaction = connection.unchecked_transaction()?;
                let answer = question(connection)?;
                transaction.finish()?;
                Ok(answer)
            });
            // What it remembers of a file in which damage was met may be wrong later.
            let sound = !matches!(&result, Err(error) if error.is_general()) && !shared.health.has_met_damage();
            if matches!(result, Err(StoreError::Corrupt)) {
                shared.health.is_damaged();
            }
            let _ = waiter.send(result);
            sound
        };
        self.of(kind).send(Some(Box::new(run))).map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

/// The threads, for the one who ends them.
pub(super) struct Readers {
    asker: Asker,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(super) fn start(file: &Path, shared: Arc<Shared>) -> Result<Self, StoreError> {
        let ((work, works), (look, looks)) = (channel(), channel());
        let (works, looks) = (Arc::new(Mutex::new(works)), Arc::new(Mutex::new(looks)));
        let mut threads = Vec::new();
        for kind in THREADS {
            let (file, questions) = (file.to_owned(), if kind == Kind::Work { works.clone() } else { looks.clone() });
            let shared = shared.clone();
            let name = "store-read".to_owned();
            threads.push(thread::Builder::new().name(name).spawn(move || answer(file, &shared, &questions))?);
        }
        let looks = Arc::new(Looks { free: Arc::new(Semaphore::new(LOOKS)), waiting: AtomicUsize::new(0) });
        Ok(Readers { asker: Asker { work, look, looks, shared }, threads })
    }

    pub(super) fn asker(&self) -> Asker {
        self.asker.clone()
    }

    pub(super) fn stop(self) {
        for kind in THREADS {
            let _ = self.asker.of(kind).send(None);
        }
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

fn answer(file: PathBuf, shared: &Shared, questions: &Mutex<Receiver<Option<Question>>>) {
    // At once, while the file is surely the store's own.
    let mut connection = connection::beside(&file).ok();
    loop {
        let next = questions.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Some(question)) = next else { break };
        let opened = match connection.take() {
            Some(connection) => Ok(connection),
            None if shared.health.is_lost() => Err(StoreError::Lost),
            None => connection::beside(&file),
        };
        let sound = question(opened.as_ref().map_err(|error| *error));
        connection = opened.ok().filter(|_| sound);
    }
}
