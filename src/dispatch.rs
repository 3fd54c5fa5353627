//! Dispatch: deliveries from the store to the providers. One worker for each connection, so that a dead one holds no
//! other back.

mod attempt;
mod budget;
mod lane;
mod worker;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, broadcast, watch};
use tokio::task::JoinSet;

use crate::clock::{Clock, Timestamp};
use crate::delivery::State;
use crate::id::{DeliveryId, EventId};
use crate::live::Live;
use crate::store::Store;

pub use attempt::Client;

/// What became of an attempt, for whoever watches.
#[derive(Clone, Debug)]
pub struct Report {
    pub at: Timestamp,
    pub event: EventId,
    pub delivery: DeliveryId,
    pub route: Arc<str>,
    /// `connection.operation`
    pub to: Arc<str>,
    pub attempt: u32,
    /// The provider's status, where it answered.
    pub status: Option<u16>,
    /// The outcome's word.
    pub result: &'static str,
    pub took_ms: u64,
    pub state: State,
    pub due: Option<Timestamp>,
}

/// Wakes the worker of a connection.
#[derive(Clone, Debug, Default)]
pub struct Wake(Arc<Mutex<BTreeMap<Arc<str>, Arc<Notify>>>>);

impl Wake {
    /// There may be work for this connection.
    pub fn connection(&self, name: &Arc<str>) {
        self.of(name).notify_one();
    }

    fn of(&self, name: &Arc<str>) -> Arc<Notify> {
        let mut all = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        all.entry(name.clone()).or_default().clone()
    }
}

/// What every worker needs.
#[derive(Clone)]
struct Shared {
    live: Live,
    store: Arc<dyn Store>,
    clock: Clock,
    client: Client,
    reports: broadcast::Sender<Report>,
    stop: watch::Receiver<bool>,
}

/// Starts and stops the workers.
pub struct Dispatch {
    shared: Shared,
    wake: Wake,
    stop: watch::Sender<bool>,
    workers: JoinSet<()>,
    running: BTreeMap<Arc<str>, ()>,
}

/// How many reports wait for a slow watcher before it misses some.
const REPORTS: usize = 4096;

impl Dispatch {
    pub fn new(live: Live, store: Arc<dyn Store>, clock: Clock, client: Client, wake: Wake) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (reports, _) = broadcast::channel(REPORTS);
        let shared = Shared { live, store, clock, client, reports, stop: stopped };
        Dispatch { shared, wake, stop, workers: JoinSet::new(), running: BTreeMap::new() }
    }

    /// What becomes of attempts, from now on.
    pub fn reports(&self) -> broadcast::Receiver<Report> {
        self.shared.reports.subscribe()
    }

    /// Makes sure that each of these connections has a worker.
    pub fn ensure(&mut self, connections: impl IntoIterator<Item = Arc<str>>) {
        for name in connections {
            if self.running.insert(name.clone(), ()).is_none() {
                let worker = worker::Worker::new(name.clone(), self.shared.clone(), self.wake.of(&name));
                self.workers.spawn(worker.run());
            }
        }
    }

    /// Lets attempts under way end, and starts no more.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        while self.workers.join_next().await.is_some() {}
    }
}
