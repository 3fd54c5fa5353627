//! The worker of one connection: leases from the store, keeps lanes in order and the pace, and records what came of it.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::budget::Budget;
use super::lane::Lanes;
use super::{Report, Shared};
use crate::clock::Timestamp;
use crate::delivery::{self, AttemptResult, State, Trouble};
use crate::pack::outcome::Answer;
use crate::request::Request;
use crate::store::{AttemptRecord, Due, Leased, StoreError, StoredDelivery};

/// How many deliveries that can go out are held in memory; the rest waits in the store.
const READY: usize = 4096;
/// How many that can't go out yet are held: they wait for their next try, or for their lane. They are counted apart, so
/// that a few lanes that fail don't keep the others from being leased.
const WAITING: usize = 32_768;
/// How many are leased at a time. Less than this is not asked for: each lease is a write.
const BATCH: usize = 512;
/// How many attempts are under way at a time.
const ATTEMPTS: usize = 64;
/// Who leases.
const OWNER: &str = "serve";
/// How long a lease holds, for stores that several processes share. The embedded one gives all leases back at a start.
const LEASE: Duration = Duration::from_secs(15 * 60);
/// How much of an answer is kept with the attempt.
const KEPT_ANSWER: usize = 4096;
/// How long the store is left alone after it failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Worker {
    connection: Arc<str>,
    shared: Shared,
    wake: Arc<Notify>,
    lanes: Lanes,
    budget: Budget,
    ready: VecDeque<StoredDelivery>,
    /// When the first of what waits in the store is due.
    next_due: Option<Timestamp>,
    /// The heads of lanes that wait in the store for their next try.
    resting: HashSet<i64>,
    /// What was left in lanes before the start has not been looked for.
    freed: bool,
    held: usize,
    attempts: JoinSet<Done>,
    /// A lease under way; attempts go on meanwhile.
    leasing: JoinSet<Result<Lease, StoreError>>,
    /// The store may have work that has not been asked for.
    more: bool,
    /// The last delivery that was leased. What waits here for its next try is not leased in the store any more, and
    /// lies before it; new deliveries lie behind it.
    last_leased: i64,
}

/// An attempt that has ended and is recorded.
struct Done {
    delivery: StoredDelivery,
    next: delivery::Next,
    /// The next of its lane is parked in the store.
    parked: bool,
}

/// What the store was asked for.
enum Lease {
    Ready(Leased),
    Due(Due),
    Lane(Arc<str>, Vec<StoredDelivery>),
    Freed(Vec<StoredDelivery>),
}

impl Worker {
    pub(super) fn new(connection: Arc<str>, shared: Shared, wake: Arc<Notify>) -> Self {
        Worker {
            connection,
            shared,
            wake,
            lanes: Lanes::default(),
            budget: Budget::default(),
            ready: VecDeque::new(),
            next_due: Some(Timestamp(0)),
            resting: HashSet::new(),
            freed: false,
            held: 0,
            attempts: JoinSet::new(),
            leasing: JoinSet::new(),
            more: true,
            last_leased: 0,
        }
    }

    pub(super) async fn run(mut self) {
        let mut stop = self.shared.stop.clone();
        while !*stop.borrow_and_update() {
            self.lease();
            let pause = self.start();
            tokio::select! {
                Some(done) = self.attempts.join_next() => self.finish(done),
                Some(leased) = self.leasing.join_next() => self.leased(leased).await,
                () = self.wake.notified() => self.more = true,
                () = sleep(pause) => {}
                _ = stop.changed() => {}
            }
        }
        while let Some(done) = self.attempts.join_next().await {
            self.finish(done);
        }
    }

    /// Asks the store for work when there is room for it. A wake-up that comes meanwhile is kept by the notifier.
    fn lease(&mut self) {
        let going = self.ready.len() + self.attempts.len();
        let waiting = self.held.saturating_sub(going);
        let now = self.shared.clock.now();
        if self.next_due.is_some_and(|due| due <= now) && going + BATCH <= READY {
            self.next_due = None;
            let (store, connection) = (self.shared.store.clone(), self.connection.clone());
            self.leasing.spawn(async move {
                Ok(Lease::Due(store.lease_due(&connection, now, BATCH, OWNER, now.plus(LEASE)).await?))
            });
        }
        if !self.more || going + BATCH > READY || waiting + BATCH > WAITING || !self.leasing.is_empty() {
            return;
        }
        self.more = false;
        let (store, connection) = (self.shared.store.clone(), self.connection.clone());
        let (after, until) = (self.last_leased, self.shared.clock.now().plus(LEASE));
        self.leasing
            .spawn(async move { Ok(Lease::Ready(store.lease(&connection, after, BATCH, OWNER, until).await?)) });
    }

    async fn leased(&mut self, leased: Result<Result<Lease, StoreError>, tokio::task::JoinError>) {
        match leased {
            Ok(Ok(lease)) => self.taken(lease),
            Ok(Err(error)) => {
                tracing::error!(connection = %self.connection, %error, "the store gives no deliveries");
                tokio::time::sleep(STORE_PAUSE).await;
                self.more = true;
                self.next_due = Some(Timestamp(0));
            }
            Err(_) => self.more = true,
        }
    }

    fn taken(&mut self, lease: Lease) {
        match lease {
            Lease::Ready(Leased { deliveries, upto, more }) => {
                self.more |= more;
                self.last_leased = upto;
                self.held += deliveries.len();
                deliveries.into_iter().for_each(|delivery| self.admit(delivery));
                if !more && !self.freed {
                    self.freed = true;
                    let (store, connection) = (self.shared.store.clone(), self.connection.clone());
                    let until = self.shared.clock.now().plus(LEASE);
                    self.leasing.spawn(async move {
                        Ok(Lease::Freed(store.lease_freed(&connection, upto, usize::MAX, OWNER, until).await?))
                    });
                }
            }
            Lease::Due(Due { deliveries, next }) => {
                self.next_due = [self.next_due, next].into_iter().flatten().min();
                self.held += deliveries.len();
                for delivery in deliveries {
                    match self.resting.remove(&delivery.seq) {
                        true => self.ready.push_back(delivery),
                        false => self.admit(delivery),
                    }
                }
            }
            Lease::Lane(lane, deliveries) => {
                self.held += deliveries.len();
                let first = self.lanes.resume(&lane, deliveries);
                self.ready.extend(first);
            }
            Lease::Freed(deliveries) => {
                self.held += deliveries.len();
                deliveries.into_iter().for_each(|delivery| self.admit(delivery));
            }
        }
    }

    fn admit(&mut self, delivery: StoredDelivery) {
        if let Some(delivery) = self.lanes.enter(delivery) {
            self.ready.push_back(delivery);
        }
    }

    /// Starts what can be started; how long until there is more to start.
    fn start(&mut self) -> Option<Duration> {
        let now = self.shared.clock.now();
        let limit = self.shared.live.now().set.connections.get(&self.connection).and_then(|c| c.rate_limit);
        while self.attempts.len() < ATTEMPTS && !self.ready.is_empty() {
            if let Err(again) = self.budget.take(limit, now) {
                return Some(now.until(again));
            }
            if let Some(delivery) = self.ready.pop_front() {
                self.attempts.spawn(attempt(self.shared.clone(), delivery));
            }
        }
        self.next_due.map(|due| now.until(due))
    }

    fn finish(&mut self, done: Result<Done, tokio::task::JoinError>) {
        let Ok(Done { delivery, next, parked }) = done else {
            // A defect of ours ended the attempt; the next start takes the delivery up again.
            tracing::error!(connection = %self.connection, "an attempt failed inside Jackfield");
            self.held = self.held.saturating_sub(1);
            return;
        };
        self.held = self.held.saturating_sub(1);
        if next.state.is_open() {
            // It waits in the store, and its lane with it.
            self.next_due = [self.next_due, next.due].into_iter().flatten().min();
            if delivery.lane.is_some() {
                self.resting.insert(delivery.seq);
            }
            return;
        }
        match (self.lanes.following(delivery.lane.as_ref()), delivery.lane) {
            (Some(following), _) => self.ready.push_back(following),
            (None, Some(lane)) if parked => self.lease_lane(lane),
            (None, lane) => self.lanes.leave(lane.as_ref()),
        }
    }

    fn lease_lane(&mut self, lane: Arc<str>) {
        let (store, connection) = (self.shared.store.clone(), self.connection.clone());
        let until = self.shared.clock.now().plus(LEASE);
        self.leasing.spawn(async move {
            let parked = store.lease_lane(&connection, &lane, BATCH, OWNER, until).await?;
            Ok(Lease::Lane(lane, parked))
        });
    }
}

async fn sleep(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause.max(Duration::from_millis(1))).await,
        None => std::future::pending().await,
    }
}

/// One attempt, from sending to its record on disk.
async fn attempt(shared: Shared, delivery: StoredDelivery) -> Done {
    let started_at = shared.clock.now();
    // A defect of ours in one attempt must not hold its lane for ever.
    let sent = std::panic::AssertUnwindSafe(send(&shared, &delivery)).catch_unwind().await;
    let (result, answer) = sent.unwrap_or_else(|_| {
        tracing::error!(delivery = %delivery.id, "an attempt failed inside Jackfield");
        (AttemptResult::Unknown(Trouble::Broken), Answer::default())
    });
    let now = shared.clock.now();
    let number = delivery.attempts + 1;
    let backoff = shared.live.now().set.connections.get(&delivery.connection).map(|c| c.backoff).unwrap_or_default();
    let next = delivery::after(&result, number, &backoff, now, rand::random::<f64>());
    let took_ms = u64::try_from(started_at.until(now).as_millis()).unwrap_or(u64::MAX);
    report(&shared, &delivery, &result, next, number, took_ms);
    let record = AttemptRecord {
        delivery_seq: delivery.seq,
        number: delivery.calls + 1,
        step: 0,
        counts: true,
        started_at,
        took_ms,
        result: result.word(),
        trouble: trouble(&result).map(Trouble::word),
        status: status(&result),
        answer: answer.body.get(..answer.body.len().min(KEPT_ANSWER)).unwrap_or_default().to_vec(),
        saved: None,
        remember: None,
        next,
    };
    let mut parked = false;
    // What the provider took must be known before anything else happens to the delivery.
    loop {
        let error = match shared.store.record(record.clone()).await {
            Ok(changed) => {
                parked = changed.parked;
                break;
            }
            Err(error) => error,
        };
        tracing::error!(delivery = %delivery.id, %error, "an attempt could not be recorded; trying again");
        if *shared.stop.borrow() {
            break;
        }
        tokio::time::sleep(STORE_PAUSE).await;
    }
    Done { delivery, next, parked }
}

async fn send(shared: &Shared, delivery: &StoredDelivery) -> (AttemptResult, Answer) {
    let revision = shared.live.now();
    let missing = (AttemptResult::NotSent(Trouble::NoConnection), Answer::default());
    let Ok(request) = Request::from_json(delivery.request.as_bytes()) else { return missing };
    let Some(connection) = revision.set.connections.get(&delivery.connection) else { return missing };
    let Some(operation) = connection.pack.operations.get(&delivery.operation) else { return missing };
    shared.client.send(&request, connection, operation, &shared.clock).await
}

fn report(
    shared: &Shared,
    delivery: &StoredDelivery,
    result: &AttemptResult,
    next: delivery::Next,
    attempt: u32,
    took_ms: u64,
) {
    let to: Arc<str> = format!("{}.{}", delivery.connection, delivery.operation).into();
    let (state, result_word) = (next.state.word(), result.word());
    match next.state {
        State::Dead => {
            tracing::warn!(delivery = %delivery.id, event = %delivery.event_id, %to, attempt, result = result_word,
                status = status(result), "a dead letter: the delivery was given up");
        }
        State::Retrying => {
            tracing::info!(delivery = %delivery.id, event = %delivery.event_id, %to, attempt, result = result_word,
                status = status(result), "the delivery is tried again later");
        }
        _ => tracing::debug!(delivery = %delivery.id, event = %delivery.event_id, %to, attempt, state, "delivered"),
    }
    // Nobody watching is no error.
    let _ = shared.reports.send(Report {
        at: shared.clock.now(),
        event: delivery.event_id,
        delivery: delivery.id,
        route: delivery.route.clone(),
        to,
        attempt,
        status: status(result),
        result: result.word(),
        took_ms,
        state: next.state,
        due: next.due,
    });
}

fn status(result: &AttemptResult) -> Option<u16> {
    match result {
        AttemptResult::Answered { status, .. } => Some(*status),
        AttemptResult::NotSent(_) | AttemptResult::Unknown(_) => None,
    }
}

fn trouble(result: &AttemptResult) -> Option<Trouble> {
    match result {
        AttemptResult::Answered { .. } => None,
        AttemptResult::NotSent(trouble) | AttemptResult::Unknown(trouble) => Some(*trouble),
    }
}
