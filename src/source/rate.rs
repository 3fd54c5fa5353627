//! How fast the requests of one source may come: a bucket of tokens that fills by itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// So many requests in a time, all of which may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Nanoseconds in which one token comes.
    each: u64,
    /// Nanoseconds in which the empty bucket fills.
    whole: u64,
}

impl Rate {
    /// None for no request at all, or in no time.
    pub fn new(requests: u64, per: Duration) -> Option<Self> {
        let each = nanoseconds(per).checked_div(requests)?;
        (each > 0).then(|| Rate { each, whole: each.saturating_mul(requests) })
    }

    /// So many times as many requests in the same time.
    pub fn times(self, factor: u32) -> Self {
        Rate { each: (self.each / u64::from(factor.max(1))).max(1), ..self }
    }
}

/// What is left of a rate. One number holds the state, so that nobody waits.
#[derive(Debug)]
pub struct Bucket {
    rate: Rate,
    /// When the bucket will be full, in nanoseconds.
    full_at: AtomicU64,
}

impl Bucket {
    pub fn new(rate: Rate) -> Self {
        Bucket { rate, full_at: AtomicU64::new(0) }
    }

    /// Takes a token; or how long until there is one. `now` counts from any moment that stays the same.
    pub fn take(&self, now: Duration) -> Result<(), Duration> {
        let now = nanoseconds(now);
        let Rate { each, whole } = self.rate;
        let taken = |full_at: u64| {
            let next = full_at.max(now).saturating_add(each);
            (next - now <= whole).then_some(next)
        };
        let wait = |full_at: u64| Duration::from_nanos((full_at + each).saturating_sub(now + whole));
        self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).map(|_| ()).map_err(wait)
    }

    /// Whether nothing of it is used.
    pub fn is_full(&self, now: Duration) -> bool {
        self.full_at.load(Ordering::Relaxed) <= nanoseconds(now)
    }

    /// Gives back a token that was taken.
    pub fn give_back(&self) {
        let fuller = |full_at: u64| Some(full_at.saturating_sub(self.rate.each));
        let _ = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fuller);
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let bucket = Bucket::new(Rate::new(4, Duration::from_secs(2)).unwrap());
        let at = |ms: u64| bucket.take(Duration::from_millis(ms));
        assert!((0..4).all(|_| at(1000).is_ok()));
        assert_eq!(at(1000), Err(Duration::from_millis(500)));
        assert_eq!(at(1400), Err(Duration::from_millis(100)));
        assert!(at(1500).is_ok() && at(1500).is_err());
        // After a long rest it holds no more than before.
        assert_eq!((0..10).filter(|_| at(60_000).is_ok()).count(), 4);
        bucket.give_back();
        assert!(at(60_000).is_ok() && at(60_000).is_err());
    }

    #[test]
    fn what_can_never_fill_is_none() {
        assert!(Rate::new(0, Duration::from_secs(1)).is_none());
        assert!(Rate::new(10, Duration::ZERO).is_none());
    }
}
