//! What the worker asks the store for, and what it does with the answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinError;

use super::super::lane::REFILL;
use super::super::{OWNER, pacer, stored};
use super::{BATCH, LONG, SHORT, Worker};
use crate::clock::Timestamp;
use crate::store::{Due, Leased, StoredDelivery};

/// How often lanes are looked for that were left behind, until the cursor has been at the end, and afterwards.
const SOON: Duration = Duration::from_secs(10);
const SELDOM: Duration = Duration::from_secs(600);

/// How long after a lease the next one looks further for routes that wait behind a flood of another.
const SCAN: Duration = Duration::from_millis(50);

/// Where the worker stands with the store.
#[derive(Debug)]
pub(super) struct Asking {
    /// The store may have work behind the cursor.
    pub more: bool,
    /// The last that the cursor came by.
    cursor: i64,
    /// When the first of what waits in the store is due.
    pub next_due: Option<Timestamp>,
    /// A lease is under way; only one at a time, so that what it brings is no older than what is known here.
    pub leasing: bool,
    /// The turn of what is due, and not of the cursor.
    due_next: bool,
    /// When lanes are looked for that were left behind.
    pub look_at: Timestamp,
    looked: bool,
    /// When the store may be looked through further, for what lies behind a flood.
    pub scan_at: Timestamp,
    /// Lanes whose next ones are being taken out of the store.
    refilling: usize,
    /// Lanes that wait for that until the lanes left behind have been looked for: the two must not cross.
    delayed: Vec<Arc<str>>,
    freeing: bool,
}

impl Asking {
    pub(super) fn new(now: Timestamp) -> Self {
        Asking {
            more: true,
            cursor: 0,
            next_due: Some(now),
            leasing: false,
            due_next: false,
            look_at: now.plus(SOON),
            looked: false,
            scan_at: now,
            refilling: 0,
            delayed: Vec::new(),
            freeing: false,
        }
    }

    /// Something is due then.
    pub(super) fn due_at(&mut self, at: Timestamp) {
        self.next_due = Some(self.next_due.map_or(at, |due| due.min(at)));
    }
}

/// What the store has answered.
pub(super) enum Heard {
    Leased(Leased),
    Due(Due),
    Freed(Vec<StoredDelivery>),
    Refilled(Arc<str>, Vec<StoredDelivery>),
    /// So many of each lane.
    Parked(Vec<(Arc<str>, usize)>),
    /// They are due then.
    GivenBack(Vec<StoredDelivery>, Timestamp),
    /// The server stops.
    Stopped,
}

impl Worker {
    /// Asks the store for work when there is room for it. A wake-up that comes meanwhile is kept by the bell.
    pub(super) fn ask(&mut self) {
        let now = self.shared.clock.now();
        if !self.asking.leasing && (self.lanes.take_left_behind() || self.asking.look_at <= now) {
            (self.asking.freeing, self.asking.look_at) = (true, now.plus(SELDOM));
        }
        if self.asking.leasing || !self.has_room() {
            return;
        }
        let is_due = self.asking.next_due.is_some_and(|due| due <= now);
        if self.asking.freeing && self.asking.refilling == 0 {
            self.lease_freed();
        } else if is_due && (self.asking.due_next || !self.asking.more) {
            self.lease_due(now);
        } else if self.asking.more {
            self.lease(now);
            self.asking.due_next = true;
        }
    }

    fn lease(&mut self, now: Timestamp) {
        (self.asking.leasing, self.asking.more, self.asking.scan_at) = (true, false, now.plus(SCAN));
        let (shared, connection, after) = (self.shared.clone(), self.connection.clone(), self.asking.cursor);
        self.asked.spawn(async move {
            let ask = || shared.store.lease(&connection, after, BATCH, OWNER);
            stored(&shared, ask).await.map_or(Heard::Stopped, Heard::Leased)
        });
    }

    fn lease_due(&mut self, now: Timestamp) {
        (self.asking.leasing, self.asking.due_next, self.asking.next_due) = (true, false, None);
        self.asking.scan_at = now.plus(SCAN);
        let (shared, connection) = (self.shared.clone(), self.connection.clone());
        self.asked.spawn(async move {
            let ask = || shared.store.lease_due(&connection, now, BATCH, OWNER);
            stored(&shared, ask).await.map_or(Heard::Stopped, Heard::Due)
        });
    }

    fn lease_freed(&mut self) {
        self.asking.leasing = true;
        let (shared, connection, upto) = (self.shared.clone(), self.connection.clone(), self.asking.cursor);
        self.asked.spawn(async move {
            let ask = || shared.store.lease_freed(&connection, upto, BATCH, OWNER);
            stored(&shared, ask).await.map_or(Heard::Stopped, Heard::Freed)
        });
    }

    /// Takes the next ones of a lane out of the store.
    pub(super) fn refill(&mut self, lane: Arc<str>) {
        if self.asking.freeing {
            self.asking.delayed.push(lane);
            return;
        }
        self.asking.refilling += 1;
        let (shared, connection) = (self.shared.clone(), self.connection.clone());
        self.asked.spawn(async move {
            let ask = || shared.store.lease_lane(&connection, &lane, REFILL, OWNER);
            match stored(&shared, ask).await {
                Some(found) => Heard::Refilled(lane, found),
                None => Heard::Stopped,
            }
        });
    }

    /// Puts deliveries behind their lanes.
    pub(super) fn park(&mut self, deliveries: Vec<StoredDelivery>) {
        if deliveries.is_empty() {
            return;
        }
        let mut lanes = BTreeMap::new();
        for lane in deliveries.iter().filter_map(|delivery| delivery.lane.clone()) {
            *lanes.entry(lane).or_insert(0) += 1;
        }
        let seqs: Vec<i64> = deliveries.into_iter().map(|delivery| delivery.seq).collect();
        let shared = self.shared.clone();
        self.asked.spawn(async move {
            match stored(&shared, || shared.store.park(seqs.clone())).await {
                Some(_) => Heard::Parked(lanes.into_iter().collect()),
                None => Heard::Stopped,
            }
        });
    }

    /// Gives back what a route has too many of, until about its turn.
    pub(super) fn give_back(&mut self, deliveries: Vec<StoredDelivery>) {
        if deliveries.is_empty() {
            return;
        }
        let revision = self.shared.live.now();
        let rules = revision.set.connections.get(&self.connection).map(|connection| pacer::of_connection(connection));
        let now = self.shared.clock.now();
        let turn = self.pacer.pace().slot(&rules.unwrap_or_default(), self.ready.len() as u64, now);
        let due = turn.clamp(now.plus(SHORT), now.plus(LONG));
        let seqs: Vec<i64> = deliveries.iter().map(|delivery| delivery.seq).collect();
        let shared = self.shared.clone();
        self.asked.spawn(async move {
            let given = stored(&shared, || shared.store.postpone(seqs.clone(), due)).await;
            given.map_or(Heard::Stopped, |_| Heard::GivenBack(deliveries, due))
        });
    }

    pub(super) fn hear(&mut self, heard: Result<Heard, JoinError>) {
        match heard {
            Ok(Heard::Leased(leased)) => self.leased(leased),
            Ok(Heard::Due(Due { deliveries, next })) => {
                self.asking.leasing = false;
                next.into_iter().for_each(|next| self.asking.due_at(next));
                self.admit(deliveries, true);
            }
            Ok(Heard::Freed(freed)) => self.freed(freed),
            Ok(Heard::Refilled(lane, found)) => {
                self.asking.refilling = self.asking.refilling.saturating_sub(1);
                let (then, behind) = self.lanes.refill(&lane, found);
                self.then(then);
                self.park(behind);
            }
            Ok(Heard::Parked(lanes)) => {
                for (lane, count) in lanes {
                    let then = self.lanes.were_parked(&lane, count);
                    self.then(then);
                }
            }
            Ok(Heard::GivenBack(deliveries, due)) => {
                self.asking.due_at(due);
                deliveries.iter().for_each(|delivery| self.rest(delivery.lane.as_ref()));
            }
            Ok(Heard::Stopped) => {}
            Err(_) => tracing::error!(connection = %self.connection, "asking the store failed inside Jackfield"),
        }
    }

    fn leased(&mut self, Leased { deliveries, upto, more }: Leased) {
        crate::death::moment("leased");
        (self.asking.leasing, self.asking.cursor) = (false, upto);
        self.asking.more |= more;
        self.admit(deliveries, false);
        if !self.asking.more {
            self.hungry.clear();
            if !std::mem::replace(&mut self.asking.looked, true) {
                self.asking.look_at = self.shared.clock.now();
            }
        }
    }

    /// Lanes that were left behind go on.
    fn freed(&mut self, freed: Vec<StoredDelivery>) {
        let again = match freed.len() {
            BATCH.. => Duration::ZERO,
            _ if self.asking.looked => SELDOM,
            _ => SOON,
        };
        (self.asking.leasing, self.asking.freeing) = (false, false);
        self.asking.look_at = self.shared.clock.now().plus(again);
        let mut delayed = std::mem::take(&mut self.asking.delayed);
        let mut others = Vec::with_capacity(freed.len());
        for delivery in freed {
            // A lane that is about to be asked for has its answer here.
            let place = delayed.iter().position(|lane| delivery.lane.as_ref() == Some(lane));
            match place.map(|place| delayed.swap_remove(place)) {
                Some(lane) => {
                    let (then, behind) = self.lanes.refound(&lane, delivery);
                    self.then(then);
                    self.park(behind);
                }
                None => others.push(delivery),
            }
        }
        self.admit(others, true);
        delayed.into_iter().for_each(|lane| self.refill(lane));
    }
}
