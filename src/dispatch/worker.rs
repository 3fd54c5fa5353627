//! The worker of one connection: leases from the store, keeps lanes in order and the pace, and records what came of it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::budget::Budget;
use super::lane::Lanes;
use super::{Report, Shared};
use crate::clock::Timestamp;
use crate::death;
use crate::delivery::{self, AttemptResult, State, Trouble};
use crate::pack::outcome::Answer;
use crate::request::Request;
use crate::store::{AttemptRecord, StoreError, StoredDelivery};

/// How many deliveries that can go out are held in memory; the rest waits in the store.
const READY: usize = 4096;
/// How many that can't go out yet are held: they wait for their next try, or for their lane. They are counted apart, so
/// that a few lanes that fail don't keep the others from being leased.
const WAITING: usize = 32_768;
/// How many are leased at a time. Less than this is not asked for: each lease is a write.
const BATCH: usize = 512;
/// How many attempts are under way at a time.
const ATTEMPTS: usize = 64;
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
    /// Deliveries that are due later.
    later: BinaryHeap<Reverse<Later>>,
    held: usize,
    attempts: JoinSet<Done>,
    /// A lease under way; attempts go on meanwhile.
    leasing: JoinSet<Result<Vec<StoredDelivery>, StoreError>>,
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
}

struct Later {
    due: Timestamp,
    delivery: StoredDelivery,
}

impl PartialEq for Later {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Later {}

impl PartialOrd for Later {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Later {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.delivery.seq).cmp(&(other.due, other.delivery.seq))
    }
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
            later: BinaryHeap::new(),
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
        if !self.more || going + BATCH > READY || waiting + BATCH > WAITING || !self.leasing.is_empty() {
            return;
        }
        self.more = false;
        let (store, connection) = (self.shared.store.clone(), self.connection.clone());
        let (after, until) = (self.last_leased, self.shared.clock.now().plus(LEASE));
        self.leasing.spawn(async move { store.lease(&connection, after, BATCH, until).await });
    }

    async fn leased(&mut self, leased: Result<Result<Vec<StoredDelivery>, StoreError>, tokio::task::JoinError>) {
        match leased {
            Ok(Ok(leased)) => {
                self.more |= leased.len() == BATCH;
                self.held += leased.len();
                death::moment("leased");
                self.last_leased = leased.last().map_or(self.last_leased, |delivery| delivery.seq);
                leased.into_iter().for_each(|delivery| self.admit(delivery));
            }
            Ok(Err(error)) => {
                tracing::error!(connection = %self.connection, %error, "the store gives no deliveries");
                tokio::time::sleep(STORE_PAUSE).await;
                self.more = true;
            }
            Err(_) => self.more = true,
        }
    }

    fn admit(&mut self, delivery: StoredDelivery) {
        if let Some(delivery) = self.lanes.enter(delivery) {
            self.queue(delivery);
        }
    }

    fn queue(&mut self, delivery: StoredDelivery) {
        match delivery.due.filter(|due| *due > self.shared.clock.now()) {
            Some(due) => self.later.push(Reverse(Later { due, delivery })),
            None => self.ready.push_back(delivery),
        }
    }

    /// Starts what can be started; how long until there is more to start.
    fn start(&mut self) -> Option<Duration> {
        let now = self.shared.clock.now();
        while self.later.peek().is_some_and(|Reverse(later)| later.due <= now) {
            if let Some(Reverse(later)) = self.later.pop() {
                self.ready.push_back(later.delivery);
            }
        }
        let limit = self.shared.live.now().set.connections.get(&self.connection).and_then(|c| c.rate_limit);
        while self.attempts.len() < ATTEMPTS && !self.ready.is_empty() {
            if let Err(again) = self.budget.take(limit, now) {
                return Some(now.until(again));
            }
            if let Some(delivery) = self.ready.pop_front() {
                self.attempts.spawn(attempt(self.shared.clone(), delivery));
            }
        }
        self.later.peek().map(|Reverse(later)| now.until(later.due))
    }

    fn finish(&mut self, done: Result<Done, tokio::task::JoinError>) {
        let Ok(Done { mut delivery, next }) = done else {
            // A defect of ours ended the attempt; the next start takes the delivery up again.
            tracing::error!(connection = %self.connection, "an attempt failed inside Jackfield");
            self.held = self.held.saturating_sub(1);
            return;
        };
        delivery.state = next.state;
        delivery.due = next.due;
        delivery.attempts += 1;
        if !next.state.is_final() {
            self.queue(delivery);
            return;
        }
        self.held = self.held.saturating_sub(1);
        if let Some(following) = self.lanes.leave(delivery.lane.as_ref()) {
            self.queue(following);
        }
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
    death::moment("to-send");
    // A defect of ours in one attempt must not hold its lane for ever.
    let sent = std::panic::AssertUnwindSafe(send(&shared, &delivery)).catch_unwind().await;
    let (result, answer) = sent.unwrap_or_else(|_| {
        tracing::error!(delivery = %delivery.id, "an attempt failed inside Jackfield");
        (AttemptResult::Unknown(Trouble::Broken), Answer::default())
    });
    death::moment("answered");
    let now = shared.clock.now();
    let number = delivery.attempts + 1;
    let backoff = shared.live.now().set.connections.get(&delivery.connection).map(|c| c.backoff).unwrap_or_default();
    let next = delivery::after(&result, number, &backoff, now, rand::random::<f64>());
    let took_ms = u64::try_from(started_at.until(now).as_millis()).unwrap_or(u64::MAX);
    report(&shared, &delivery, &result, next, number, took_ms);
    let record = AttemptRecord {
        delivery_seq: delivery.seq,
        number,
        started_at,
        took_ms,
        result: result.word(),
        trouble: trouble(&result).map(Trouble::word),
        status: status(&result),
        answer: answer.body.get(..answer.body.len().min(KEPT_ANSWER)).unwrap_or_default().to_vec(),
        next,
    };
    // What the provider took must be known before anything else happens to the delivery.
    while let Err(error) = shared.store.record(record.clone()).await {
        tracing::error!(delivery = %delivery.id, %error, "an attempt could not be recorded; trying again");
        if *shared.stop.borrow() {
            break;
        }
        tokio::time::sleep(STORE_PAUSE).await;
    }
    death::moment("recorded");
    Done { delivery, next }
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
