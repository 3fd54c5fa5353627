//! Dispatch: deliveries from the store to the providers. One worker for each connection, so that a dead one holds no
//! other back; the pace of a connection is shared by all who call it.

mod attempt;
mod caller;
mod counted;
mod estimate;
mod flight;
mod lane;
mod nudge;
mod outlook;
mod pace;
mod pacer;
mod runner;
mod share;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, broadcast, watch};
use tokio::task::JoinSet;

use crate::client::Tokens;
use crate::clock::{Clock, Timestamp};
use crate::delivery::{State, Trouble};
use crate::figures::Figures;
use crate::id::{DeliveryId, EventId};
use crate::live::Live;
use crate::span::Spans;
use crate::store::{Filter, Reply, Store, StoreError};
use caller::Caller;
use flight::Flights;
use outlook::Lines;
use pacer::Paces;

pub use attempt::Client;
pub use nudge::Nudge;
pub use outlook::{ConnectionOutlook, Outlook};

/// Who leases.
const OWNER: &str = "serve";
/// How long the store is left alone after it failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// How often it is said that the store fails.
const SAID: Duration = Duration::from_secs(30);

/// What became of a call, for whoever watches.
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
    /// [`State::Leased`] when a step is done and others follow.
    pub state: State,
    pub due: Option<Timestamp>,
}

/// Wakes the worker of a connection.
#[derive(Clone, Debug, Default)]
pub struct Wake(Arc<Mutex<BTreeMap<Arc<str>, Arc<Bell>>>>);

/// What a worker listens to.
#[derive(Debug, Default)]
struct Bell {
    notify: Notify,
    /// Who has brought something since the worker looked last.
    routes: Mutex<BTreeSet<Arc<str>>>,
    /// Something may be due that the worker does not know of.
    due: AtomicBool,
}

impl Wake {
    /// There may be work for this connection, by anybody.
    pub fn connection(&self, name: &Arc<str>) {
        let bell = self.of(name);
        bell.due.store(true, Ordering::Release);
        bell.notify.notify_one();
    }

    /// A route has brought work for this connection.
    pub fn route(&self, connection: &Arc<str>, route: &Arc<str>) {
        let bell = self.of(connection);
        bell.routes().insert(route.clone());
        bell.notify.notify_one();
    }

    fn of(&self, name: &Arc<str>) -> Arc<Bell> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(name.clone()).or_default().clone()
    }
}

impl Bell {
    fn routes(&self) -> std::sync::MutexGuard<'_, BTreeSet<Arc<str>>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// What earlier lives have leased is not given back yet: nothing is begun.
    Waiting,
    Running,
    /// What is under way ends, nothing more is begun.
    Stopping,
    /// What is still under way is broken off.
    Over,
}

/// What every worker needs.
#[derive(Clone)]
struct Shared {
    live: Live,
    store: Arc<dyn Store>,
    clock: Clock,
    caller: Arc<dyn Caller>,
    tokens: Tokens,
    paces: Paces,
    flights: Flights,
    lines: Lines,
    reports: broadcast::Sender<Report>,
    failures: Failures,
    figures: Arc<Figures>,
    spans: Spans,
    stage: watch::Receiver<Stage>,
}

/// When the store was last said to fail: once for all who ask it.
#[derive(Clone, Debug, Default)]
struct Failures(Arc<Mutex<Option<Instant>>>);

impl Failures {
    /// Whether it is to be said now.
    fn is_news(&self, now: Instant) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = said.is_none_or(|said| now.duration_since(said) >= SAID);
        if is_news {
            *said = Some(now);
        }
        is_news
    }
}

impl Shared {
    fn is(&self, stage: Stage) -> bool {
        *self.stage.borrow() >= stage
    }

    /// Over when the end has come that far.
    async fn until(&self, stage: Stage) {
        // Nobody is left who could stop it: then it goes on.
        if self.stage.clone().wait_for(|now| *now >= stage).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Asks the store until it answers; nothing when the server stops meanwhile.
async fn stored<'s, T>(shared: &Shared, ask: impl Fn() -> Reply<'s, T>) -> Option<T> {
    loop {
        let error = match ask().await {
            Ok(answer) => return Some(answer),
            // It was erased in the meantime.
            Err(StoreError::NotFound) => return None,
            Err(error) => error,
        };
        if !error.is_told() && shared.failures.is_news(Instant::now()) {
            tracing::error!(%error, "the store does not take what became of deliveries; trying again");
        }
        if shared.is(Stage::Stopping) {
            return None;
        }
        tokio::time::sleep(STORE_PAUSE).await;
    }
}

/// Starts and stops the workers.
pub struct Dispatch {
    shared: Shared,
    wake: Wake,
    stage: watch::Sender<Stage>,
    workers: JoinSet<()>,
    running: BTreeSet<Arc<str>>,
}

/// How many reports wait for a slow watcher before it misses some.
const REPORTS: usize = 4096;
/// So many at the most of those that wait for other settings go on with these.
const MENDED: usize = 10_000;

/// Keeps the workers of a start from their work.
pub struct Gate(watch::Sender<Stage>);

impl Gate {
    pub fn open(self) {
        self.0.send_if_modified(|stage| {
            let waits = *stage == Stage::Waiting;
            if waits {
                *stage = Stage::Running;
            }
            waits
        });
    }
}

impl Dispatch {
    pub fn new(live: Live, store: Arc<dyn Store>, clock: Clock, client: Client, wake: Wake) -> Self {
        let tokens = Tokens::new(client.clients().clone(), store.clone(), clock.clone());
        Dispatch::with(live, store, clock, Arc::new(client), tokens, wake)
    }

    fn with(
        live: Live,
        store: Arc<dyn Store>,
        clock: Clock,
        caller: Arc<dyn Caller>,
        tokens: Tokens,
        wake: Wake,
    ) -> Self {
        let (stage, staged) = watch::channel(Stage::Running);
        let (reports, _) = broadcast::channel(REPORTS);
        let (paces, flights, lines) = (Paces::default(), Flights::default(), Lines::default());
        let (failures, figures, spans) = (Failures::default(), Arc::default(), Spans::default());
        let shared = Shared {
            live,
            store,
            clock,
            caller,
            tokens,
            paces,
            flights,
            lines,
            reports,
            failures,
            figures,
            spans,
            stage: staged,
        };
        Dispatch { shared, wake, stage, workers: JoinSet::new(), running: BTreeSet::new() }
    }

    /// Counts in these figures what its workers do, and puts the spans of calls there. Before the first worker begins.
    pub fn watched_by(mut self, figures: Arc<Figures>, spans: Spans) -> Self {
        (self.shared.figures, self.shared.spans) = (figures, spans);
        self
    }

    /// What becomes of calls, from now on.
    pub fn reports(&self) -> broadcast::Receiver<Report> {
        self.shared.reports.subscribe()
    }

    /// The tokens of all connections, for the end.
    pub fn tokens(&self) -> Tokens {
        self.shared.tokens.clone()
    }

    /// How the connections stand, now and whenever it is asked.
    pub fn outlook(&self) -> Outlook {
        let Shared { live, clock, paces, lines, .. } = &self.shared;
        Outlook { live: live.clone(), clock: clock.clone(), paces: paces.clone(), lines: lines.clone() }
    }

    /// Lets connections try again at once.
    pub fn nudge(&self) -> Nudge {
        let Shared { paces, tokens, clock, .. } = &self.shared;
        Nudge { paces: paces.clone(), tokens: tokens.clone(), clock: clock.clone() }
    }

    /// Other settings may have mended what kept the account from being taken: those that wait for that try again.
    pub async fn mended(&self) -> Result<(), StoreError> {
        let Shared { live, store, clock, .. } = &self.shared;
        let nudge = self.nudge();
        live.now().set.connections.keys().for_each(|name| nudge.if_refused(name));
        let trouble = Some(Trouble::TokenRefused.word());
        let refused = Filter { states: vec![State::Held], trouble, ..Filter::default() };
        let connections = store.release_held(refused, MENDED, clock.now()).await?;
        connections.iter().for_each(|connection| self.wake.connection(connection));
        Ok(())
    }

    /// Takes up what earlier lives have called, so that no limit is exceeded by a start. Before the first worker begins.
    pub async fn recall(&self) -> Result<(), StoreError> {
        let Shared { live, store, clock, paces, .. } = &self.shared;
        let revision = live.now();
        for (call, ended) in store.limited_calls(clock.now()).await? {
            let Some(connection) = revision.set.connections.get(&call.connection) else { continue };
            let mut rules = pacer::of_connection(connection);
            if let Some(operation) = connection.pack.operations.get(&call.operation) {
                rules.extend(pacer::of_operation(operation, &call.limit_keys));
            }
            paces.of(&call.connection).pace().was_spent(&rules, ended);
        }
        Ok(())
    }

    /// Lets every worker wait until the gate is opened. Before the first worker begins.
    pub fn gate(&self) -> Gate {
        let _ = self.stage.send(Stage::Waiting);
        Gate(self.stage.clone())
    }

    /// Makes sure that each of these connections has a worker.
    pub fn ensure(&mut self, connections: impl IntoIterator<Item = Arc<str>>) {
        for name in connections {
            if self.running.insert(name.clone()) {
                let worker = worker::Worker::new(name.clone(), self.shared.clone(), self.wake.of(&name));
                self.workers.spawn(worker.run());
            }
        }
    }

    /// Lets calls under way end, and starts no more. What takes longer than the grace is broken off, and recorded as
    /// something of which nobody knows how it ended.
    pub async fn stop(mut self, grace: Duration) {
        let _ = self.stage.send(Stage::Stopping);
        let ends = async { while self.workers.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, ends).await.is_err() {
            let _ = self.stage.send(Stage::Over);
            while self.workers.join_next().await.is_some() {}
        }
    }
}
