//! The threads that read, so that a slow question holds up neither the writer nor the next question.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::connection;
use super::error::StoreError;

/// As many questions are answered at a time.
const THREADS: usize = 2;

/// Answers one question; false when the connection is not to be used again.
type Question = Box<dyn FnOnce(Result<&Connection, StoreError>) -> bool + Send>;

/// Where questions are put. `None` ends one thread.
#[derive(Clone)]
pub(super) struct Asker(Sender<Option<Question>>);

impl Asker {
    /// Answers a question from one state of the store.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (waiter, answer) = oneshot::channel();
        let run = move |connection: Result<&Connection, StoreError>| {
            let result = connection.and_then(|connection| {
                // Several statements see the same state only within one transaction.
                let transaction = connection.unchecked_transaction()?;
                let answer = question(connection)?;
                transaction.finish()?;
                Ok(answer)
            });
            let sound = !matches!(&result, Err(error) if error.is_general());
            let _ = waiter.send(result);
            sound
        };
        self.0.send(Some(Box::new(run))).map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

/// The threads, for the one who ends them.
pub(super) struct Readers {
    asker: Asker,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(super) fn start(file: &Path) -> Result<Self, StoreError> {
        let (sender, questions) = channel();
        let questions = Arc::new(Mutex::new(questions));
        let mut threads = Vec::new();
        for _ in 0..THREADS {
            let (file, questions) = (file.to_owned(), questions.clone());
            let name = "store-read".to_owned();
            threads.push(thread::Builder::new().name(name).spawn(move || work(file, &questions))?);
        }
        Ok(Readers { asker: Asker(sender), threads })
    }

    pub(super) fn asker(&self) -> Asker {
        self.asker.clone()
    }

    pub(super) fn stop(self) {
        for _ in &self.threads {
            let _ = self.asker.0.send(None);
        }
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

fn work(file: PathBuf, questions: &Mutex<Receiver<Option<Question>>>) {
    let mut connection = None;
    loop {
        let next = questions.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Some(question)) = next else { break };
        let opened = match connection.take() {
            Some(connection) => Ok(connection),
            None => connection::reader(&file),
        };
        let sound = question(opened.as_ref().map_err(|error| *error));
        connection = opened.ok().filter(|_| sound);
    }
}
