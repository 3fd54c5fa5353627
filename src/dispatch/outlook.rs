//! How each connection stands, and when what waits for it goes out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::estimate::{Standing, goes_out};
use super::pacer::{self, Paces};
use crate::clock::{Clock, Timestamp};
use crate::live::Live;

/// The line of each connection, as its worker sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(Arc<Mutex<BTreeMap<Arc<str>, Arc<Line>>>>);

#[derive(Debug, Default)]
pub(super) struct Line {
    /// Deliveries that could go out.
    ready: AtomicU64,
    under_way: AtomicU64,
    /// What a delivery takes, lately, in milliseconds.
    took: AtomicU64,
}

impl Lines {
    pub(super) fn of(&self, connection: &Arc<str>) -> Arc<Line> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(connection.clone()).or_default().clone()
    }
}

impl Line {
    pub(super) fn stands(&self, ready: usize, under_way: usize) {
        self.ready.store(ready as u64, Ordering::Relaxed);
        self.under_way.store(under_way as u64, Ordering::Relaxed);
    }

    /// A delivery took so long; the last ten or so count.
    pub(super) fn took(&self, took: Duration) {
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let before = self.took.load(Ordering::Relaxed);
        let mean = if before == 0 { took } else { before.saturating_mul(9).saturating_add(took) / 10 };
        self.took.store(mean, Ordering::Relaxed);
    }
}

/// Tells how the connections stand; a clone tells the same.
#[derive(Clone)]
pub struct Outlook {
    pub(super) live: Live,
    pub(super) clock: Clock,
    pub(super) paces: Paces,
    pub(super) lines: Lines,
}

/// How one connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionOutlook {
    /// The moment that this is of.
    pub now: Timestamp,
    /// Deliveries in memory that could go out.
    pub ready: u64,
    pub under_way: u64,
    /// Since when the provider is taken to be down, and when it is asked again.
    pub down: Option<(Timestamp, Timestamp)>,
    /// Since when the provider refuses the account, and when it is asked again.
    pub refused: Option<(Timestamp, Timestamp)>,
    /// Until when the provider asked to be left alone.
    pub paused_until: Option<Timestamp>,
    /// When the next delivery of the line goes out.
    pub next: Timestamp,
}

impl Outlook {
    /// How a connection stands.
    pub fn of(&self, connection: &Arc<str>) -> ConnectionOutlook {
        let (line, pacer, now) = (self.lines.of(connection), self.paces.of(connection), self.clock.now());
        let (shut, paused_until) = {
            let pace = pacer.pace();
            (pace.shut(), pace.paused_until(now))
        };
        let because = |refused: bool| shut.filter(|shut| shut.refused == refused).map(|shut| (shut.since, shut.until));
        ConnectionOutlook {
            now,
            ready: line.ready.load(Ordering::Relaxed),
            under_way: line.under_way.load(Ordering::Relaxed),
            down: because(false),
            refused: because(true),
            paused_until,
            next: self.estimate(connection, None, 0),
        }
    }

    /// When a delivery goes out that has so many others of its connection before it.
    pub fn estimate(&self, connection: &Arc<str>, due: Option<Timestamp>, before: u64) -> Timestamp {
        let now = self.clock.now();
        let rules = match self.live.now().set.connections.get(connection) {
            Some(connection) => pacer::of_connection(connection),
            None => Vec::new(),
        };
        let slot = self.paces.of(connection).pace().slot(&rules, before, now);
        let took = Duration::from_millis(self.lines.of(connection).took.load(Ordering::Relaxed));
        goes_out(Standing { now, due, before, slot, at_a_time: super::worker::ATTEMPTS as u64, took })
    }
}
