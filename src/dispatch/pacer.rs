//! The pace of each connection, shared: its own worker asks for leave, and so do the steps of other connections'
//! deliveries.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::pace::{Ended, Limit, Pace, Pass, Rule, Scope};
use crate::backoff::Backoff;
use crate::clock::{Clock, Timestamp};
use crate::pack::{Connection, Operation};

/// The pace of every connection that was ever asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Paces(Arc<Mutex<BTreeMap<Arc<str>, Arc<Pacer>>>>);

impl Paces {
    pub(super) fn of(&self, connection: &Arc<str>) -> Arc<Pacer> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(connection.clone()).or_default().clone()
    }
}

#[derive(Debug, Default)]
pub(super) struct Pacer {
    pace: Mutex<Pace>,
    changed: Notify,
}

impl Pacer {
    /// Leave for one request, or when to look again.
    pub(super) fn take(self: &Arc<Self>, rules: &[Rule], backoff: Backoff, clock: &Clock) -> Result<Seat, Timestamp> {
        let pass = self.pace().take(rules, clock.now())?;
        Ok(Seat { pacer: self.clone(), pass: Some(pass), backoff, clock: clock.clone() })
    }

    /// The next time that a place comes free, or that the provider is back; it counts from this call on.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Whoever waits may look again: nothing but the budgets holds it up. Says whether anything else did.
    pub(super) fn try_now(&self, now: Timestamp) -> bool {
        let waited = {
            let mut pace = self.pace();
            let waited = pace.shut().is_some() || pace.paused_until(now).is_some();
            pace.try_now(now);
            waited
        };
        self.changed.notify_waiters();
        waited
    }

    pub(super) fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The leave to send one request. When it is dropped unused, it costs nothing.
#[derive(Debug)]
pub(super) struct Seat {
    pacer: Arc<Pacer>,
    /// Always there, until the end.
    pass: Option<Pass>,
    backoff: Backoff,
    clock: Clock,
}

impl Seat {
    /// Leave under further rules, or when to look again.
    pub(super) fn extend(&mut self, rules: &[Rule]) -> Result<(), Timestamp> {
        match &mut self.pass {
            Some(pass) => self.pacer.pace().extend(pass, rules, self.clock.now()),
            None => Ok(()),
        }
    }

    /// The request ended, and the same is to be made again: it needs leave under all of its rules anew, but nobody else takes
    /// its place as the one that tries whether the provider is back.
    pub(super) fn counted(&mut self) {
        if let Some(pass) = &mut self.pass {
            self.pacer.pace().counted(pass, self.clock.now());
            self.pacer.changed.notify_waiters();
        }
    }

    /// Whether it is leave under no rules, so that all are to be asked for.
    pub(super) fn is_bare(&self) -> bool {
        self.pass.as_ref().is_none_or(Pass::is_bare)
    }

    /// The request ended. Where it only found out that the provider is still down: when the next one tries.
    pub(super) fn end(mut self, ended: Ended) -> Option<Timestamp> {
        let pass = self.pass.take()?;
        let jitter = rand::random::<f64>();
        let still_down = self.pacer.pace().end(pass, ended, &self.backoff, self.clock.now(), jitter);
        self.pacer.changed.notify_waiters();
        still_down
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            self.pacer.pace().give_back(pass, &self.backoff, self.clock.now());
            self.pacer.changed.notify_waiters();
        }
    }
}

/// The rules for every request of a connection.
pub(super) fn of_connection(connection: &Connection) -> Vec<Rule> {
    let rule = |&(requests, per)| (Scope { per, ..Scope::default() }, Limit { requests, per });
    connection.rate_limits.iter().map(rule).collect()
}

/// The longest window of all that limits the calls of an operation; none where nothing does.
pub(super) fn longest_window(connection: &Connection, operation: &Operation) -> Option<Duration> {
    let of_connection = connection.rate_limits.iter().map(|(_, per)| *per);
    of_connection.chain(operation.limits.iter().map(|limit| limit.per)).max()
}

/// The rules for a request with these keys beside those of its connection.
pub(super) fn of_operation(operation: &Operation, limit_keys: &[Arc<str>]) -> Vec<Rule> {
    let rule = |(index, limit): (usize, &crate::pack::Limit)| {
        let key = limit_keys.get(index).filter(|_| limit.key.is_some()).cloned();
        let operation = (!limit.is_shared).then(|| operation.name.clone());
        let scope = Scope { operation, per: limit.per, key };
        (scope, Limit { requests: limit.requests, per: limit.per })
    };
    operation.limits.iter().enumerate().map(rule).collect()
}
