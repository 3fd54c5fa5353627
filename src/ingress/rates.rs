//! How fast each source is sent to, over every reload of its workspace.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use crate::source::{Bucket, Rate, Source};

/// So many times its rate may come to a source of what is not proved yet. Strangers must not use up what its sender may
/// send, and neither all there is to verify with.
const UNPROVED: u32 = 10;

/// The buckets of the sources, by name. They go on from one revision to the next: saving a file fills none.
#[derive(Clone, Debug)]
pub struct Rates {
    began: Instant,
    buckets: Arc<RwLock<BTreeMap<Arc<str>, Arc<Buckets>>>>,
}

#[derive(Debug)]
struct Buckets {
    rate: Rate,
    /// Of requests that are verified.
    proved: Bucket,
    /// Of all others.
    unproved: Bucket,
}

impl Default for Rates {
    fn default() -> Self {
        Rates { began: Instant::now(), buckets: Arc::default() }
    }
}

impl Rates {
    /// A request that nothing is known of; or how long until one is taken.
    pub(super) fn arrived(&self, source: &Source) -> Result<(), Duration> {
        self.of(source).map_or(Ok(()), |buckets| buckets.arrived(self.began.elapsed()))
    }

    /// The same request, now that it is verified.
    pub(super) fn proved(&self, source: &Source) -> Result<(), Duration> {
        self.of(source).map_or(Ok(()), |buckets| buckets.proved(self.began.elapsed()))
    }

    fn of(&self, source: &Source) -> Option<Arc<Buckets>> {
        let rate = source.rate?;
        let known = self.buckets.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(buckets) = known.get(&source.name).filter(|buckets| buckets.rate == rate) {
            return Some(buckets.clone());
        }
        drop(known);
        let mut known = self.buckets.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let buckets = known.entry(source.name.clone()).or_insert_with(|| Buckets::new(rate));
        if buckets.rate != rate {
            *buckets = Buckets::new(rate);
        }
        Some(buckets.clone())
    }
}

impl Buckets {
    fn new(rate: Rate) -> Arc<Self> {
        Arc::new(Buckets { rate, proved: Bucket::new(rate), unproved: Bucket::new(rate.times(UNPROVED)) })
    }

    fn arrived(&self, now: Duration) -> Result<(), Duration> {
        self.unproved.take(now)
    }

    fn proved(&self, now: Duration) -> Result<(), Duration> {
        self.unproved.give_back();
        self.proved.take(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_take_nothing_of_what_the_sender_may_send() {
        let now = Duration::from_secs(1);
        let buckets = Buckets::new(Rate::new(2, Duration::from_secs(60)).unwrap());
        assert!((0..19).all(|_| buckets.arrived(now).is_ok()));
        let sent = |_| buckets.arrived(now).is_ok() && buckets.proved(now).is_ok();
        assert_eq!([0, 1, 2].map(sent), [true, true, false]);
        // What is proved is given back, so that one place for strangers is left.
        assert_eq!([0, 1].map(|_| buckets.arrived(now).is_ok()), [true, false]);
    }
}
