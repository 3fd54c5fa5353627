//! Turns for requests that make much work: as many at once as there are processors, and no source before another twice.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::{Arc, Mutex};
use std::thread::available_parallelism;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Queues: what is proved does not wait behind what has to be read before anybody knows whose it is.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    proved: Queue,
    unproved: Queue,
    /// For the proofs themselves: each takes its time, and memory for what is signed.
    proofs: Queue,
}

/// One queue. A source waits in it with no more than may be worked on at once, so that each other one comes between.
#[derive(Clone, Debug)]
struct Queue {
    at_once: usize,
    all: Arc<Semaphore>,
    sources: Arc<Mutex<HashMap<Arc<str>, Arc<Semaphore>>>>,
}

/// A turn, over when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _all: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
}

impl Turns {
    pub(super) fn new() -> Self {
        let processors = available_parallelism().map_or(1, NonZero::get);
        let [proved, proofs] = [(); 2].map(|()| Queue::new(processors));
        Turns { proved, unproved: Queue::new((processors / 2).max(1)), proofs }
    }

    /// A turn to find out whether a large request is good.
    pub(super) async fn prove(&self, source: &Arc<str>) -> Option<Turn> {
        self.proofs.take(source).await
    }

    /// A turn for a request to a source; nothing once no more turns are given.
    pub(super) async fn take(&self, source: &Arc<str>, is_proved: bool) -> Option<Turn> {
        let queue = if is_proved { &self.proved } else { &self.unproved };
        queue.take(source).await
    }
}

impl Queue {
    fn new(at_once: usize) -> Self {
        Queue { at_once, all: Arc::new(Semaphore::new(at_once)), sources: Arc::default() }
    }

    async fn take(&self, source: &Arc<str>) -> Option<Turn> {
        let own = self.of(source).acquire_owned().await.ok()?;
        let all = self.all.clone().acquire_owned().await.ok()?;
        Some(Turn { _all: all, _own: own })
    }

    fn of(&self, source: &Arc<str>) -> Arc<Semaphore> {
        let mut sources = self.sources.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        sources.entry(source.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.at_once))).clone()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;

    use super::*;

    fn waiting<'q>(queue: &'q Queue, source: &'q Arc<str>) -> BoxFuture<'q, Option<Turn>> {
        queue.take(source).boxed()
    }

    #[tokio::test]
    async fn another_source_comes_before_the_rest_of_a_flood() {
        let queue = Queue::new(1);
        let (flooded, quiet) = (Arc::from("flooded"), Arc::from("quiet"));
        let held = waiting(&queue, &flooded).await.unwrap();
        let mut flood: Vec<_> = (0..8).map(|_| waiting(&queue, &flooded)).collect();
        assert!(flood.iter_mut().all(|turn| turn.now_or_never().is_none()));
        let mut other = waiting(&queue, &quiet);
        assert!((&mut other).now_or_never().is_none());
        drop(held);
        // The first of the flood is not before it.
        let first = flood.iter_mut().find_map(|turn| turn.now_or_never());
        assert!(first.is_none() && (&mut other).now_or_never().is_some());
    }

    #[tokio::test]
    async fn what_is_proved_waits_for_nothing_unproved() {
        let turns = Turns::new();
        let source = Arc::from("a");
        let mut held = Vec::new();
        while let Some(turn) = turns.take(&source, false).now_or_never() {
            held.push(turn);
        }
        assert!(turns.take(&source, true).now_or_never().flatten().is_some());
    }
}
