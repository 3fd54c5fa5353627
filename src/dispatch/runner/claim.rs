//! One at a time finds out what is remembered: the first who asks has the key, the others wait for it.

use std::time::Duration;

use super::super::{OWNER, Shared, Stage, stored};
use super::{PATIENCE, Runner};
use crate::clock::Timestamp;
use crate::plan::Memory;
use crate::store::Claim;

/// How much longer than its call a claim holds, so that a record on a slow disk is still covered.
const MARGIN: Duration = Duration::from_secs(30);

/// What asking for a key came to.
pub(super) enum Claimed<'s> {
    /// What was saved, as JSON.
    Known(String),
    /// It is ours to find out.
    Mine(Held<'s>),
    /// Somebody else takes long to find it out; ask again then.
    Later(Timestamp),
    Stopped,
}

/// A claim that we have.
pub(super) struct Held<'s> {
    shared: &'s Shared,
    key: String,
    owner: String,
}

impl Held<'_> {
    /// It is found out and on disk, or another may try.
    pub(super) async fn over(self, found: bool) {
        if !found {
            let _ = stored(self.shared, || self.shared.store.release_claim(&self.key, &self.owner)).await;
        }
        self.shared.flights.landed(&self.key);
    }
}

impl<'s> Runner<'s> {
    pub(super) async fn claim(&self, memory: &Memory, takes: Duration) -> Claimed<'s> {
        let shared = self.shared;
        let owner = format!("{OWNER}/{}", self.delivery.id);
        let patient = shared.clock.now().plus(PATIENCE);
        let waiter = shared.flights.waiter(&memory.key);
        loop {
            let landing = waiter.landing();
            let now = shared.clock.now();
            let until = now.plus(takes + PATIENCE + MARGIN);
            let claim = stored(shared, || shared.store.claim(&memory.key, &owner, until, now)).await;
            let busy_until = match claim {
                None => return Claimed::Stopped,
                Some(Claim::Known(saved)) => return Claimed::Known(saved),
                Some(Claim::Mine) => return Claimed::Mine(Held { shared, key: memory.key.clone(), owner }),
                Some(Claim::Busy(until)) => until,
            };
            let now = shared.clock.now();
            if now >= patient {
                return Claimed::Later(now.plus(PATIENCE));
            }
            let pause = now.until(busy_until.min(patient)).max(Duration::from_millis(1));
            tokio::select! {
                () = landing => {}
                () = tokio::time::sleep(pause) => {}
                () = shared.until(Stage::Stopping) => return Claimed::Stopped,
            }
        }
    }
}
