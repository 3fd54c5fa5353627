//! The thread that writes: it takes what has gathered, writes it in one transaction, syncs once, then answers.

use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::checkpoint::{self, Checkpointer};
use super::connection;
use super::embedded::{Options, Shared};
use super::error::StoreError;
use super::inspect::Inspection;
use super::presence::Files;
use super::reader::Readers;
use super::spare::Spare;
use super::spoiled;
use super::transaction::{Totals, Tx};
use crate::death;

/// One thing to write. It may be run twice (the first time in vain), so it takes nothing out of itself.
pub(super) trait Command: Send + 'static {
    type Answer: Send + 'static;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Answer, StoreError>;

    /// About how many bytes it writes.
    fn weight(&self) -> usize {
        256
    }

    /// When it is too late to begin with it: whoever asked for it has gone away with an error by then.
    fn until(&self) -> Option<Instant> {
        None
    }

    /// Whether it brings something that is told to come again while the store is not well; all else is about what is there.
    fn is_new(&self) -> bool {
        false
    }
}

/// A command with the one who waits for its answer.
pub(super) struct Job<C: Command> {
    command: C,
    result: Option<Result<C::Answer, StoreError>>,
    waiter: oneshot::Sender<Result<C::Answer, StoreError>>,
}

impl<C: Command> Job<C> {
    pub(super) fn new(command: C) -> (Self, oneshot::Receiver<Result<C::Answer, StoreError>>) {
        let (waiter, answer) = oneshot::channel();
        (Job { command, result: None, waiter }, answer)
    }
}

/// A [`Job`] whatever its command.
pub(super) trait Work: Send {
    fn weight(&self) -> usize;
    fn is_late(&self) -> bool;
    fn is_new(&self) -> bool;
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError>;
    fn refuse(&mut self, error: StoreError);
    fn has_met_damage(&self) -> bool;
    fn answer(self: Box<Self>);
}

impl<C: Command> Work for Job<C> {
    fn weight(&self) -> usize {
        self.command.weight()
    }

    fn is_late(&self) -> bool {
        self.command.until().is_some_and(|until| Instant::now() >= until)
    }

    fn is_new(&self) -> bool {
        self.command.is_new()
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        self.result = Some(Ok(self.command.run(tx)?));
        Ok(())
    }

    fn refuse(&mut self, error: StoreError) {
        self.result = Some(Err(error));
    }

    fn has_met_damage(&self) -> bool {
        matches!(self.result, Some(Err(StoreError::Corrupt)))
    }

    fn answer(self: Box<Self>) {
        // Who has stopped waiting misses nothing.
        let _ = self.waiter.send(self.result.unwrap_or(Err(StoreError::Closed)));
    }
}

pub(super) enum Message {
    Work(Box<dyn Work>),
    /// Write what came before, then end.
    Close(oneshot::Sender<()>),
}

/// A transaction takes no more commands and about no more bytes than this, so that nobody waits for very long.
const BATCH: usize = 1024;
const BATCH_BYTES: usize = 16 << 20;

/// How often is looked whether all is as it should be, while nothing is written.
const LOOK: Duration = Duration::from_millis(500);
/// The file of the log is cut at least so often, also while there is always something to write.
const CUT: Duration = Duration::from_secs(10);

/// A disk that was full is full for so long: what does not fit now is not taken and refused by turns.
const FULL: Duration = Duration::from_secs(3);

/// Everything that the writing thread owns.
pub(super) struct Writer {
    pub file: PathBuf,
    pub options: Options,
    /// None after a failure, until the next batch.
    pub connection: Option<Connection>,
    pub totals: Totals,
    pub shared: Arc<Shared>,
    pub commands: Receiver<Message>,
    pub checkpointer: Checkpointer,
    pub readers: Readers,
    pub inspection: Inspection,
    /// Open until the end.
    pub anchor: Connection,
    pub files: Files,
    pub spare: Spare,
    /// When was last looked whether all is as it should be, and when the log was to be cut.
    pub looked_at: Instant,
    pub cut_at: Instant,
    /// When a write found no room.
    pub full_at: Instant,
    /// Since it was last looked.
    pub has_written: bool,
    /// Held for as long as the files are open.
    pub lock: File,
}

impl Writer {
    /// Writes until the store is closed or every handle is gone.
    pub(super) fn run(mut self) {
        let mut closing = None;
        while closing.is_none() {
            match self.commands.recv_timeout(LOOK) {
                Ok(first) => {
                    let (batch, bytes);
                    (batch, bytes, closing) = self.gather(first);
                    self.shared.queue.left(batch.len(), bytes);
                    self.take(batch);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.looked_at.elapsed() >= LOOK {
                self.look();
                self.looked_at = Instant::now();
            }
        }
        self.end();
        if let Some(waiter) = closing {
            let _ = waiter.send(());
        }
    }

    fn take(&mut self, mut batch: Vec<Box<dyn Work>>) {
        batch.retain(|work| !work.is_late());
        if batch.is_empty() {
            return;
        }
        self.has_written = true;
        self.write(&mut batch);
        batch.into_iter().for_each(Work::answer);
        if let Some(connection) = &self.connection
            && self.checkpointer.wrote(connection)
        {
            self.inspection.make_room();
            let _ = checkpoint::run(connection, "PASSIVE");
        }
    }

    /// Looks whether the files and the room for them are there, and tries whether what failed goes again.
    fn look(&mut self) {
        self.shared.health.are_lost(!self.files.are_there());
        if self.shared.health.is_in_want_of_room() && self.full_at.elapsed() >= FULL && self.spare.keep() {
            self.shared.health.is_full(false);
        }
        if self.shared.health.could_not_write() {
            self.write(&mut []);
        }
        let is_idle = !std::mem::take(&mut self.has_written);
        if is_idle || self.cut_at.elapsed() >= CUT {
            self.cut_at = Instant::now();
            self.checkpointer.cut(self.files.log_length(), is_idle);
        }
    }

    fn gather(&self, first: Message) -> (Vec<Box<dyn Work>>, usize, Option<oneshot::Sender<()>>) {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        let mut next = Ok(first);
        let mut closing = None;
        loop {
            match next {
                Ok(Message::Work(work)) => {
                    bytes += work.weight();
                    batch.push(work);
                }
                Ok(Message::Close(waiter)) => closing = Some(waiter),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
            if closing.is_some() || batch.len() >= BATCH || bytes >= BATCH_BYTES {
                break;
            }
            next = self.commands.try_recv();
        }
        (batch, bytes, closing)
    }

    /// Writes a batch and notes in each job what came of it.
    fn write(&mut self, batch: &mut [Box<dyn Work>]) {
        let mut result = self.tried(batch);
        if result == Err(StoreError::Full) {
            result = self.tried_in_spare_room(batch);
        }
        let trouble = result.err();
        self.shared.health.wrote(trouble);
        match trouble {
            None => *self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner) = self.totals.counts,
            Some(error) => {
                if error == StoreError::Corrupt {
                    self.shared.health.is_damaged();
                }
                batch.iter_mut().for_each(|work| work.refuse(error));
                // Whatever the connection believes now, the file knows better. Files that are gone can't be opened again.
                if error != StoreError::Lost {
                    self.connection = None;
                }
            }
        }
    }

    fn tried(&mut self, batch: &mut [Box<dyn Work>]) -> Result<(), StoreError> {
        // Savepoints cost more than they are worth as long as all goes well.
        match self.attempt(batch, Mode::Together) {
            Err(error) if !error.ends_all() => {}
            result => return result,
        }
        loop {
            let left_out = met_damage(batch);
            match self.attempt(batch, Mode::Apart) {
                Err(StoreError::Corrupt) if met_damage(batch) > left_out => self.shared.health.is_damaged(),
                result => return result,
            }
        }
    }

    /// What is there already goes on in the room that is kept for it, without what is new.
    fn tried_in_spare_room(&mut self, batch: &mut [Box<dyn Work>]) -> Result<(), StoreError> {
        self.shared.health.is_full(true);
        self.full_at = Instant::now();
        self.spare.give();
        if let Some(connection) = &self.connection {
            let _ = connection.busy_timeout(Duration::ZERO);
            let _ = checkpoint::run(connection, "TRUNCATE");
        }
        self.connection = None;
        self.tried(batch)
    }

    fn attempt(&mut self, batch: &mut [Box<dyn Work>], mode: Mode) -> Result<(), StoreError> {
        self.proved()?;
        if self.shared.health.is_renewed() {
            self.connection = None;
        }
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => {
                let opened = connection::writer(&self.file, &self.options, true)?;
                self.totals = Totals::load(&opened)?;
                none.insert(opened)
            }
        };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut tx = Tx::new(&transaction, self.totals);
        death::moment("begun");
        let refusal = self.shared.health.refusal();
        for work in batch {
            if let Some(refusal) = refusal.filter(|_| work.is_new()) {
                work.refuse(refusal);
                continue;
            }
            if work.has_met_damage() {
                continue;
            }
            match mode {
                Mode::Together => work.run(&mut tx)?,
                Mode::Apart => match tx.apart(|tx| work.run(tx)) {
                    Err(error) if error.ends_all() => return Err(error),
                    Err(error) => {
                        work.refuse(error);
                        // SQLite writes nothing more in a transaction that has met damage: the others need another one.
                        if error == StoreError::Corrupt {
                            return Err(error);
                        }
                    }
                    Ok(()) => {}
                },
            }
        }
        tx.save()?;
        let Tx { totals, spoiled, .. } = tx;
        death::moment("written");
        transaction.commit()?;
        death::moment("committed");
        self.totals = totals;
        spoiled::tell(&spoiled);
        // What went into a file that nobody will find is not there.
        self.proved()
    }

    /// Fails where the files that are open are not those of the folder.
    fn proved(&self) -> Result<(), StoreError> {
        let are_there = self.files.are_there();
        self.shared.health.are_lost(!are_there);
        if are_there { Ok(()) } else { Err(StoreError::Lost) }
    }

    fn end(self) {
        let Writer { readers, checkpointer, inspection, connection, anchor, files, lock, .. } = self;
        inspection.stop();
        readers.stop();
        checkpointer.stop();
        if !files.are_there() {
            // The names belong to others now.
            connection.iter().chain([&anchor]).for_each(connection::leave_files);
        }
        if let Some(connection) = connection {
            // What can't be moved now is found in the log at the next start.
            let _ = checkpoint::run(&connection, "TRUNCATE");
        }
        drop(anchor);
        drop(lock);
    }
}

/// How many of a batch are left out, since they need what is damaged.
fn met_damage(batch: &[Box<dyn Work>]) -> usize {
    batch.iter().filter(|work| work.has_met_damage()).count()
}

#[derive(Clone, Copy)]
enum Mode {
    /// The first failure ends the batch.
    Together,
    /// A failure ends its command.
    Apart,
}
