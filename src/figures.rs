//! What the server counts while it runs: for the page, for `/metrics` and for alerts. Seven days of it outlive a restart.
//!
//! Whoever counts takes short locks, one after the other: those of its route and connection, and one for the sum. What is kept of one name is
//! bounded: 60 minutes, 48 half hours and 42 times four hours, and of these only what had traffic.

mod file;
mod histogram;
mod latencies;
mod series;
mod table;
mod window;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::delivery::State;

pub use file::Unread;
pub use histogram::{BOUNDS_MS, Histogram, HistogramCounts};
pub use latencies::{Latencies, Latency};
pub use series::{Counts, Series};
use table::Table;
pub use window::{Bar, Summary, Window};

/// All figures of a server.
#[derive(Debug, Default)]
pub struct Figures {
    sources: Table<AtomicU64>,
    /// When the newest event of each source came.
    last: Table<AtomicI64>,
    routes: Table<Mutex<RouteFigures>>,
    connections: Table<ConnectionFigures>,
    all: Mutex<Series<Latencies>>,
    unmatched: AtomicU64,
    /// From the last byte of a request to its answer.
    answered: Histogram,
}

/// What is counted of one route.
#[derive(Debug, Default)]
struct RouteFigures {
    series: Series<()>,
    totals: RouteTotals,
}

/// What became of events and deliveries of one route since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTotals {
    pub taken: u64,
    pub duplicates: u64,
    pub failed: u64,
    /// By the connection that they go to.
    pub deliveries: Vec<(Arc<str>, Ends)>,
}

/// How deliveries ended, or came to wait for a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    pub delivered: u64,
    pub accepted: u64,
    pub dead: u64,
    pub held: u64,
}

/// What is counted of one connection.
#[derive(Debug, Default)]
struct ConnectionFigures {
    series: Mutex<Series<Latencies>>,
    /// Calls by the word of their outcome.
    calls: Mutex<Vec<(&'static str, u64)>>,
    calling: Histogram,
    delivering: Histogram,
}

/// What was counted of one connection since the start.
#[derive(Clone, Debug, Default)]
pub struct ConnectionTotals {
    /// By the word of their outcome.
    pub calls: Vec<(&'static str, u64)>,
    /// What a call takes.
    pub calling: HistogramCounts,
    /// From accepting an event to its delivery.
    pub delivering: HistogramCounts,
}

impl ConnectionTotals {
    /// The calls that the connection did its part in, whatever became of what they brought.
    pub fn answered(&self) -> u64 {
        let good = ["delivered", "accepted", "duplicate", "reject", "forget"];
        self.calls.iter().filter(|(outcome, _)| good.contains(outcome)).map(|(_, count)| count).sum()
    }
}

/// What a route made of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It took it. Of some deliveries no request could be made: they are dead, each with its connection.
    Taken(Vec<Arc<str>>),
    Duplicate,
    Failed,
}

/// A call that was made or tried.
#[derive(Clone, Copy, Debug)]
pub struct Called<'c> {
    /// The connection that was called.
    pub connection: &'c Arc<str>,
    pub outcome: &'static str,
    /// The connection did not do its part, and it is tried again or waits.
    pub failed: bool,
    pub took: Duration,
}

impl Figures {
    /// So many events were accepted in one request, whose sender had its answer after so long, where there was one.
    pub fn accepted(&self, source: &Arc<str>, events: usize, took: Option<Duration>, now: Timestamp) {
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        self.sources.of(source).fetch_add(events.into(), Ordering::Relaxed);
        self.last.of(source).fetch_max(now.0, Ordering::Relaxed);
        took.into_iter().for_each(|took| self.answered.add(took));
        lock(&self.all).count(now, |counts| counts.received = counts.received.saturating_add(events));
    }

    /// An event was routed. Without any route that took it, it is unmatched.
    pub fn routed(&self, fates: &[(Arc<str>, Fate)], now: Timestamp) {
        if fates.is_empty() {
            self.unmatched.fetch_add(1, Ordering::Relaxed);
        }
        for (route, fate) in fates {
            self.fate(route, fate, now);
        }
    }

    fn fate(&self, route: &Arc<str>, fate: &Fate, now: Timestamp) {
        {
            let found = self.routes.of(route);
            let mut figures = lock(&found);
            figures.series.count(now, |counts| counts.received = counts.received.saturating_add(1));
            let total = match fate {
                Fate::Taken(_) => &mut figures.totals.taken,
                Fate::Duplicate => &mut figures.totals.duplicates,
                Fate::Failed => &mut figures.totals.failed,
            };
            *total += 1;
            if *fate == Fate::Failed {
                figures.series.count(now, |counts| counts.failed = counts.failed.saturating_add(1));
            }
        }
        match fate {
            Fate::Failed => lock(&self.all).count(now, |counts| counts.failed = counts.failed.saturating_add(1)),
            Fate::Taken(dead) => dead.iter().for_each(|to| self.ended(route, to, State::Dead, None, now)),
            Fate::Duplicate => {}
        }
    }

    /// A call ended.
    pub fn called(&self, called: Called<'_>, now: Timestamp) {
        let figures = self.connections.of(called.connection);
        figures.calling.add(called.took);
        {
            let mut calls = lock(&figures.calls);
            match calls.iter_mut().find(|(outcome, _)| *outcome == called.outcome) {
                Some((_, count)) => *count += 1,
                None => calls.push((called.outcome, 1)),
            }
        }
        if called.failed {
            lock(&figures.series).count(now, |counts| counts.failed = counts.failed.saturating_add(1));
        }
    }

    /// A delivery of a route to a connection came to an end, or waits for a person; other states count nothing. `took` is
    /// the time since its event was accepted.
    pub fn ended(&self, route: &Arc<str>, connection: &Arc<str>, state: State, took: Option<Duration>, now: Timestamp) {
        let Some(count) = counted(state) else { return };
        {
            let found = self.routes.of(route);
            let mut figures = lock(&found);
            figures.series.count(now, count);
            add(&mut figures.totals.deliveries, connection, state);
        }
        let took = took.filter(|_| matches!(state, State::Delivered | State::Accepted));
        let figures = self.connections.of(connection);
        for series in [&figures.series, &self.all] {
            let mut series = lock(series);
            series.count(now, count);
            if let Some(took) = took {
                series.took(now, took);
            }
        }
        if let Some(took) = took {
            figures.delivering.add(took);
        }
    }

    /// How it went in the last hour, day or week, in all.
    pub fn all(&self, window: Window, now: Timestamp) -> Summary {
        lock(&self.all).summary(window, now)
    }

    /// What came in and what failed, in even stretches up to now, the oldest first.
    pub fn bars(&self, window: Window, now: Timestamp) -> Vec<Bar> {
        lock(&self.all).bars(window, now)
    }

    /// How it went for a route.
    pub fn route(&self, name: &str, window: Window, now: Timestamp) -> Summary {
        self.routes.find(name).map(|figures| lock(&figures).series.summary(window, now)).unwrap_or_default()
    }

    /// How it went for a connection.
    pub fn connection(&self, name: &str, window: Window, now: Timestamp) -> Summary {
        self.connections.find(name).map(|figures| lock(&figures.series).summary(window, now)).unwrap_or_default()
    }

    /// How it went for a route in the last minutes, up to an hour.
    pub fn route_lately(&self, name: &str, minutes: u32, now: Timestamp) -> Summary {
        self.routes.find(name).map(|figures| lock(&figures).series.lately(minutes, now)).unwrap_or_default()
    }

    /// How it went for a connection in the last minutes, up to an hour.
    pub fn connection_lately(&self, name: &str, minutes: u32, now: Timestamp) -> Summary {
        self.connections.find(name).map(|figures| lock(&figures.series).lately(minutes, now)).unwrap_or_default()
    }

    /// How many events of a source were accepted since the start.
    pub fn source_total(&self, name: &str) -> u64 {
        self.sources.find(name).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// When the newest event of a source came, as far back as figures were kept; also longer ago than a week.
    pub fn source_last(&self, name: &str) -> Option<Timestamp> {
        self.last.find(name).map(|at| Timestamp(at.load(Ordering::Relaxed)))
    }

    /// What became of events and deliveries of a route since the start.
    pub fn route_totals(&self, name: &str) -> RouteTotals {
        self.routes.find(name).map(|figures| lock(&figures).totals.clone()).unwrap_or_default()
    }

    /// What was counted of a connection since the start.
    pub fn connection_totals(&self, name: &str) -> ConnectionTotals {
        let Some(figures) = self.connections.find(name) else { return ConnectionTotals::default() };
        let calls = lock(&figures.calls).clone();
        ConnectionTotals { calls, calling: figures.calling.counts(), delivering: figures.delivering.counts() }
    }

    /// How many events no route took since the start.
    pub fn unmatched_total(&self) -> u64 {
        self.unmatched.load(Ordering::Relaxed)
    }

    /// What senders waited for their answers.
    pub fn answered(&self) -> HistogramCounts {
        self.answered.counts()
    }
}

impl Ends {
    fn add(&mut self, state: State) {
        match state {
            State::Delivered => self.delivered += 1,
            State::Accepted => self.accepted += 1,
            State::Dead => self.dead += 1,
            State::Held => self.held += 1,
            State::Pending | State::Leased | State::Retrying | State::Skipped | State::Replayed => {}
        }
    }
}

/// What a state adds to a stretch of time.
fn counted(state: State) -> Option<fn(&mut Counts)> {
    match state {
        State::Delivered | State::Accepted => Some(|counts| counts.delivered = counts.delivered.saturating_add(1)),
        State::Dead => Some(|counts| counts.dead = counts.dead.saturating_add(1)),
        State::Held => Some(|counts| counts.held = counts.held.saturating_add(1)),
        State::Pending | State::Leased | State::Retrying | State::Skipped | State::Replayed => None,
    }
}

/// Counts an end of a delivery to a connection, among those of a route; few routes send to more than two.
fn add(ends: &mut Vec<(Arc<str>, Ends)>, connection: &Arc<str>, state: State) {
    let known = ends.iter_mut().find(|(known, _)| known == connection);
    if let Some((_, ends)) = known {
        return ends.add(state);
    }
    let mut new = Ends::default();
    new.add(state);
    ends.push((connection.clone(), new));
}

/// What is counted by a thread that failed is counted.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
