//! How long and how much is kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long and how much is kept of what is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Events received longer ago are forgotten.
    pub age: Option<Duration>,
    /// The same of events that these routes took: an event stays for the longest of its routes.
    pub routes: BTreeMap<Arc<str>, Duration>,
    /// Of the events that these routes took the oldest are forgotten while they hold more bytes than this.
    pub sizes: BTreeMap<Arc<str>, u64>,
    /// The oldest are forgotten while the store holds more bytes than this.
    pub size: Option<u64>,
    /// Identities seen longer ago are forgotten.
    pub identity_window: Duration,
}

impl Retention {
    /// How long an event is kept that these routes took.
    pub fn age_of<'r>(&self, routes: impl Iterator<Item = &'r str>) -> Option<Duration> {
        let own = routes.map(|route| self.routes.get(route).copied().or(self.age));
        own.reduce(|one, other| Some(one?.max(other?))).unwrap_or(self.age)
    }

    /// No event is forgotten earlier.
    pub fn shortest(&self) -> Option<Duration> {
        self.routes.values().copied().chain(self.age).min()
    }

    /// No event is kept longer.
    pub fn longest(&self) -> Option<Duration> {
        Some(self.routes.values().copied().fold(self.age?, Duration::max))
    }

    /// Whether it has to be known of events which routes took them.
    pub fn is_by_route(&self) -> bool {
        !self.routes.is_empty() || !self.sizes.is_empty()
    }

    /// What is not kept whatever routes took it: that is known without a look at each.
    pub fn of_all(&self) -> Self {
        Retention { age: self.longest(), routes: BTreeMap::new(), sizes: BTreeMap::new(), ..*self }
    }
}
