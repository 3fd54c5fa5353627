//! The thread that writes: it takes what has gathered, writes it in one transaction, syncs once, then answers.

use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::checkpoint::{self, Checkpointer};
use super::connection;
use super::embedded::{Options, Shared};
use super::error::StoreError;
use super::reader::Readers;
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
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError>;
    fn refuse(&mut self, error: StoreError);
    fn answer(self: Box<Self>);
}

impl<C: Command> Work for Job<C> {
    fn weight(&self) -> usize {
        self.command.weight()
    }

    fn is_late(&self) -> bool {
        self.command.until().is_some_and(|until| Instant::now() >= until)
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        self.result = Some(Ok(self.command.run(tx)?));
        Ok(())
    }

    fn refuse(&mut self, error: StoreError) {
        self.result = Some(Err(error));
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
    /// Held for as long as the files are open.
    pub lock: File,
}

impl Writer {
    /// Writes until the store is closed or every handle is gone.
    pub(super) fn run(mut self) {
        let mut closing = None;
        while closing.is_none() {
            let Ok(first) = self.commands.recv() else { break };
            let (mut batch, bytes);
            (batch, bytes, closing) = self.gather(first);
            batch.retain(|work| !work.is_late());
            if !batch.is_empty() {
                self.write(&mut batch);
                batch.into_iter().for_each(Work::answer);
                self.checkpointer.wrote(bytes);
            }
            self.finish_checkpoint();
        }
        self.end();
        if let Some(waiter) = closing {
            let _ = waiter.send(());
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
        self.shared.queue.left(batch.len(), bytes);
        (batch, bytes, closing)
    }

    /// Writes a batch and notes in each job what came of it.
    fn write(&mut self, batch: &mut [Box<dyn Work>]) {
        // Savepoints cost more than they are worth as long as all goes well.
        let mut result = self.attempt(batch, Mode::Together);
        if result.is_err_and(|error| !error.is_general()) {
            result = self.attempt(batch, Mode::Apart);
        }
        *self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner) = result.as_ref().err().copied();
        match result {
            Ok(totals) => {
                self.totals = totals;
                *self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner) = totals.counts;
            }
            Err(error) => {
                batch.iter_mut().for_each(|work| work.refuse(error));
                // Whatever the connection believes now, the file knows better.
                self.connection = None;
            }
        }
    }

    fn attempt(&mut self, batch: &mut [Box<dyn Work>], mode: Mode) -> Result<Totals, StoreError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => {
                let opened = connection::writer(&self.file, &self.options)?;
                self.totals = Totals::load(&opened)?;
                none.insert(opened)
            }
        };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut tx = Tx::new(&transaction, self.totals);
        death::moment("begun");
        for work in batch {
            match mode {
                Mode::Together => work.run(&mut tx)?,
                Mode::Apart => match tx.apart(|tx| work.run(tx)) {
                    Err(error) if error.is_general() => return Err(error),
                    Err(error) => work.refuse(error),
                    Ok(()) => {}
                },
            }
        }
        tx.save()?;
        let totals = tx.totals;
        death::moment("written");
        transaction.commit()?;
        death::moment("committed");
        Ok(totals)
    }

    /// Moves the rest of a log that grows while it is being moved: between two batches nothing is added to it.
    fn finish_checkpoint(&mut self) {
        if self.checkpointer.wants_help()
            && let Some(connection) = &self.connection
        {
            let _ = checkpoint::run(connection, "PASSIVE");
        }
    }

    fn end(self) {
        self.readers.stop();
        self.checkpointer.stop();
        if let Some(connection) = self.connection {
            // What can't be moved now is found in the log at the next start.
            let _ = checkpoint::run(&connection, "TRUNCATE");
        }
        drop(self.lock);
    }
}

#[derive(Clone, Copy)]
enum Mode {
    /// The first failure ends the batch.
    Together,
    /// A failure ends its command.
    Apart,
}
