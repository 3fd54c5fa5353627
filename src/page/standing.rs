//! How things stand in the store, counted for all views together: what waits, what was given up, what came last.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Page;
use crate::clock::Timestamp;
use crate::delivery::State;
use crate::store::{Backlog, Counts, Kept, StoreError};

/// What was counted is true for so long.
const FRESH: Duration = Duration::from_secs(1);
/// What takes longer is not waited for, while there is something that is not older than [`OLD`].
const SLOW: Duration = Duration::from_millis(50);
const OLD: Duration = Duration::from_secs(60);
/// So many dead and held deliveries are counted by route and connection; more are told as so many.
const MOST: usize = 20_000;

/// What was counted.
#[derive(Debug)]
pub struct Stand {
    pub counts: Counts,
    pub backlog: Backlog,
    pub kept: Vec<Kept>,
    at: Instant,
    took: Duration,
}

/// What was counted last.
#[derive(Default)]
pub(super) struct Standing {
    last: Mutex<Option<Arc<Stand>>>,
    /// One counts at a time.
    counting: tokio::sync::Mutex<()>,
}

impl Page {
    /// How things stand, as of a second ago at most; longer where counting takes long.
    pub async fn stand(&self) -> Result<Arc<Stand>, StoreError> {
        let known = self.standing.last();
        if let Some(known) = known.as_ref().filter(|known| known.at.elapsed() < FRESH) {
            return Ok(known.clone());
        }
        if let Some(known) = known.filter(|known| known.took > SLOW && known.at.elapsed() < OLD) {
            let page = self.clone();
            tokio::spawn(async move {
                if let Ok(_alone) = page.standing.counting.try_lock() {
                    let _ = page.count().await;
                }
            });
            return Ok(known);
        }
        let _alone = self.standing.counting.lock().await;
        match self.standing.last().filter(|known| known.at.elapsed() < FRESH) {
            Some(known) => Ok(known),
            None => self.count().await,
        }
    }

    async fn count(&self) -> Result<Arc<Stand>, StoreError> {
        let (began, store) = (Instant::now(), &self.admin.store);
        let (counts, backlog, kept) = (store.counts().await?, store.backlog().await?, store.kept(MOST).await?);
        let stand = Arc::new(Stand { counts, backlog, kept, at: Instant::now(), took: began.elapsed() });
        *self.standing.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(stand.clone());
        Ok(stand)
    }
}

impl Standing {
    fn last(&self) -> Option<Arc<Stand>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Stand {
    /// How many events and deliveries wait, and since when the oldest does.
    pub fn waiting(&self) -> (u64, Option<Timestamp>) {
        let open = [State::Pending, State::Leased, State::Retrying].map(|state| self.counts.deliveries(state));
        let connections = self.backlog.connections.values().map(|waiting| waiting.since);
        (open.into_iter().sum::<u64>() + self.counts.unrouted, connections.chain(self.backlog.unrouted_since).min())
    }

    /// How many deliveries of a connection wait, and since when the oldest does.
    pub fn waiting_for(&self, connection: &str) -> (u64, Option<Timestamp>) {
        self.backlog.connections.get(connection).map_or((0, None), |waiting| (waiting.count, Some(waiting.since)))
    }

    /// Since when there has been a delivery of this state that a person has to look at.
    pub fn since(&self, state: State) -> Option<Timestamp> {
        self.kept.iter().filter(|kept| kept.state == state).map(|kept| kept.since).min()
    }

    /// How many deliveries of a connection are dead or held.
    pub fn kept_of(&self, connection: &str, state: State) -> u64 {
        let own = self.kept.iter().filter(|kept| &*kept.connection == connection && kept.state == state);
        own.map(|kept| kept.count).sum()
    }

    /// How many deliveries of each route are dead or held.
    pub fn kept_by_route(&self, state: State) -> BTreeMap<Arc<str>, u64> {
        let mut found = BTreeMap::new();
        for kept in self.kept.iter().filter(|kept| kept.state == state) {
            *found.entry(kept.route.clone()).or_default() += kept.count;
        }
        found
    }
}
