//! The worker of one connection: leases from the store, keeps lanes in order, shares fair and the pace. What can't go out
//! yet waits in the store, so that it costs nothing here.

mod ask;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};

use super::lane::{Entered, Lanes, Then};
use super::outlook::Line;
use super::pacer::{self, Pacer};
use super::runner::{self, Done};
use super::share::Shares;
use super::{Bell, Shared, Stage};
use crate::clock::Timestamp;
use crate::store::StoredDelivery;
use ask::{Asking, Heard};

/// How many deliveries are held in memory; the rest waits in the store.
const READY: usize = 4096;
/// Nothing more is leased while the requests that are held are longer than this together.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// How many of one route, while others have something as well.
const SHARE: usize = READY / 4;
/// How many are leased at a time. Less than this is not asked for: each lease is a write. More would make whoever is
/// accepted in the same transaction wait for it.
const BATCH: usize = 128;
/// How many deliveries are under way at a time.
pub(super) const ATTEMPTS: usize = 64;
/// What a route has too many of is given back for this long at least.
const SHORT: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(60);

pub(super) struct Worker {
    connection: Arc<str>,
    /// One for all deliveries under way.
    shared: Arc<Shared>,
    bell: Arc<Bell>,
    pacer: Arc<Pacer>,
    line: Arc<Line>,
    lanes: Lanes,
    ready: Shares,
    /// Each with its lane.
    under_way: JoinSet<(Option<Arc<str>>, Done)>,
    /// How long the requests under way are.
    bytes: Arc<AtomicUsize>,
    asking: Asking,
    asked: JoinSet<Heard>,
    /// The routes that have brought something and have nothing here: the store is looked through for them, even when
    /// another one has its share.
    hungry: BTreeSet<Arc<str>>,
}

impl Worker {
    pub(super) fn new(connection: Arc<str>, shared: Shared, bell: Arc<Bell>) -> Self {
        Worker {
            pacer: shared.paces.of(&connection),
            line: shared.lines.of(&connection),
            asking: Asking::new(shared.clock.now()),
            hungry: senders(&shared, &connection),
            connection,
            shared: Arc::new(shared),
            bell,
            lanes: Lanes::default(),
            ready: Shares::default(),
            under_way: JoinSet::new(),
            bytes: Arc::default(),
            asked: JoinSet::new(),
        }
    }

    pub(super) async fn run(mut self) {
        let (bell, pacer, mut stage) = (self.bell.clone(), self.pacer.clone(), self.shared.stage.clone());
        self.shared.until(Stage::Running).await;
        while !self.shared.is(Stage::Stopping) {
            let changed = pacer.changed();
            self.ask();
            let blocked = self.start();
            self.line.stands(self.ready.len(), self.under_way.len());
            let pause = self.pause(blocked);
            tokio::select! {
                Some(done) = self.under_way.join_next() => self.finish(done),
                Some(heard) = self.asked.join_next() => self.hear(heard),
                () = bell.notify.notified() => self.rung(),
                () = changed, if blocked.is_some() => {}
                () = sleep(pause) => {}
                _ = stage.changed() => {}
            }
        }
        // Each records what becomes of it; the rest stays leased, for the next start.
        while self.under_way.join_next().await.is_some() {}
    }

    fn rung(&mut self) {
        self.asking.more = true;
        if self.bell.due.swap(false, Ordering::AcqRel) {
            self.asking.due_at(self.shared.clock.now());
        }
        let routes = std::mem::take(&mut *self.bell.routes());
        self.hungry.extend(routes.into_iter().filter(|route| self.ready.of_route(route) == 0));
    }

    /// How long until there is something to do that nobody tells of.
    fn pause(&self, blocked: Option<Timestamp>) -> Option<Duration> {
        let now = self.shared.clock.now();
        let due = self.asking.next_due;
        let is_due = due.is_some_and(|due| due <= now);
        let due = due.filter(|_| !self.asking.leasing && (!is_due || self.has_room()));
        let looks = is_due || (self.asking.more && !self.hungry.is_empty());
        let scan = Some(self.asking.scan_at).filter(|at| looks && !self.asking.leasing && *at > now);
        let look = Some(self.asking.look_at).filter(|_| !self.asking.leasing);
        let next = [blocked, due, scan, look].into_iter().flatten().min();
        next.map(|at| now.until(at))
    }

    /// Starts what can be started; when there is leave for more, where that is what is missing.
    fn start(&mut self) -> Option<Timestamp> {
        let revision = self.shared.live.now();
        let connection = revision.set.connections.get(&self.connection);
        let rules = connection.map(|connection| pacer::of_connection(connection)).unwrap_or_default();
        let backoff = connection.map(|connection| connection.backoff).unwrap_or_default();
        while self.under_way.len() < ATTEMPTS && self.ready.len() > 0 {
            let seat = match self.pacer.take(&rules, backoff, &self.shared.clock) {
                Ok(seat) => seat,
                Err(again) => return Some(again),
            };
            if let Some(delivery) = self.ready.pop() {
                let (shared, line) = (self.shared.clone(), self.line.clone());
                let length = Length::of(&delivery, &self.bytes);
                self.under_way.spawn(async move {
                    let _length = length;
                    let (lane, started_at) = (delivery.lane.clone(), shared.clock.now());
                    let done = runner::run(&shared, delivery, seat).await;
                    line.took(started_at.until(shared.clock.now()));
                    (lane, done)
                });
            }
        }
        None
    }

    fn finish(&mut self, done: Result<(Option<Arc<str>>, Done), JoinError>) {
        match done {
            Ok((lane, Done::Over { parked })) => {
                let then = self.lanes.leave(lane.as_ref(), parked);
                self.then(then);
            }
            Ok((lane, Done::Waits(due))) => {
                self.asking.due_at(due.unwrap_or_else(|| self.shared.clock.now()));
                self.rest(lane.as_ref());
            }
            // It was erased in the meantime, and what is behind it goes on.
            Ok((lane, Done::Left)) if !self.shared.is(Stage::Stopping) => {
                let then = self.lanes.leave(lane.as_ref(), true);
                self.then(then);
            }
            Ok((_, Done::Left)) => {}
            // No attempt ends so; the next start takes the delivery up again.
            Err(_) => tracing::error!(connection = %self.connection, "a delivery failed inside Jackfield"),
        }
    }

    /// A delivery went back into the store to wait, and with it its lane.
    fn rest(&mut self, lane: Option<&Arc<str>>) {
        match self.lanes.rest(lane, self.asking.leasing) {
            Ok(again) => self.ready.push(again),
            Err(behind) => self.park(behind),
        }
    }

    fn then(&mut self, then: Then) {
        match then {
            Then::Nothing => {}
            Then::Go(next) => self.ready.push(next),
            Then::Refill(lane) => self.refill(lane),
        }
    }

    /// Takes in what was leased: ready, behind its lane, or back where its route has its share already.
    fn admit(&mut self, leased: Vec<StoredDelivery>, due: bool) {
        let (mut park, mut back) = (Vec::new(), Vec::new());
        // What was tried before has waited long enough for its turn: its own route's flood does not push it back.
        let share = if due { 2 * SHARE } else { SHARE };
        for delivery in leased {
            self.hungry.remove(&delivery.route);
            match self.lanes.enter(delivery, due) {
                Entered::Go(delivery) if self.ready.of_route(&delivery.route) >= share => back.push(delivery),
                Entered::Go(delivery) => self.ready.push(delivery),
                Entered::Held => {}
                Entered::Park(delivery) => park.push(delivery),
            }
        }
        self.park(park);
        self.give_back(back);
        self.lanes.leased();
    }

    /// Whether more is asked for. What goes beyond the share of a route is looked for in no hurry: most of it goes back into
    /// the store.
    fn has_room(&self) -> bool {
        let now = self.shared.clock.now();
        let wanted = !self.hungry.is_empty() || self.asking.next_due.is_some_and(|due| due <= now);
        let holds = Holds {
            deliveries: self.ready.len() + self.under_way.len() + self.lanes.held(),
            bytes: self.ready.bytes() + self.lanes.bytes() + self.bytes.load(Ordering::Relaxed),
            others: wanted && self.asking.scan_at <= now,
        };
        holds.has_room()
    }
}

/// What is held, and why more of it may be wanted.
#[derive(Clone, Copy, Debug)]
struct Holds {
    deliveries: usize,
    bytes: usize,
    /// Routes wait behind a flood of another, or something is due: no flood keeps those from their turn.
    others: bool,
}

impl Holds {
    /// Beyond what one route may have it is a matter of whether others wait.
    fn has_room(self) -> bool {
        let after = self.deliveries + BATCH;
        self.bytes <= MOST_BYTES && (after <= SHARE || (self.others && after <= READY))
    }
}

/// The length of a request that is under way, as long as it is.
struct Length(Arc<AtomicUsize>, usize);

impl Length {
    fn of(delivery: &StoredDelivery, all: &Arc<AtomicUsize>) -> Self {
        let length = delivery.request.len();
        all.fetch_add(length, Ordering::Relaxed);
        Length(all.clone(), length)
    }
}

impl Drop for Length {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

/// The routes that may have something for a connection.
fn senders(shared: &Shared, connection: &Arc<str>) -> BTreeSet<Arc<str>> {
    let revision = shared.live.now();
    let routes = revision.set.routes.values().flatten();
    let sends = |route: &&Arc<crate::route::Route>| route.sends.iter().any(|send| send.connection.name == *connection);
    routes.filter(sends).map(|route| route.name.clone()).collect()
}

async fn sleep(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause.max(Duration::from_millis(1))).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_leaves_room_for_what_is_due_and_long_requests_for_none() {
        let flood = Holds { deliveries: SHARE, bytes: 0, others: false };
        assert!(!flood.has_room() && Holds { others: true, ..flood }.has_room());
        assert!(!Holds { deliveries: READY, others: true, ..flood }.has_room());
        let few = Holds { deliveries: 1, ..flood };
        assert!(few.has_room() && !Holds { bytes: MOST_BYTES + 1, others: true, ..few }.has_room());
    }

    #[test]
    fn a_request_counts_as_long_as_it_is_under_way() {
        let all = Arc::default();
        let request = "12345".to_owned();
        let length = Length::of(&StoredDelivery { request, ..super::super::testing::delivery(1, "a", None) }, &all);
        assert_eq!(all.load(Ordering::Relaxed), 5);
        drop(length);
        assert_eq!(all.load(Ordering::Relaxed), 0);
    }
}
