//! How much of something is in use, of how much there may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts without a lock: nobody waits for anybody.
#[derive(Debug)]
pub struct Gauge {
    used: AtomicUsize,
    most: usize,
}

/// A share that is given back when it is dropped.
#[derive(Debug)]
pub struct Taken {
    gauge: Arc<Gauge>,
    amount: usize,
}

impl Gauge {
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Gauge { used: AtomicUsize::new(0), most })
    }

    /// A share, if so much is left.
    pub fn take(self: &Arc<Self>, amount: usize) -> Option<Taken> {
        self.add(amount).then(|| Taken { gauge: self.clone(), amount })
    }

    fn add(&self, amount: usize) -> bool {
        let sum = |used: usize| used.checked_add(amount).filter(|sum| *sum <= self.most);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum).is_ok()
    }
}

impl Taken {
    /// Makes the share larger, if so much is left.
    pub fn more(&mut self, amount: usize) -> bool {
        let has = self.gauge.add(amount);
        self.amount += if has { amount } else { 0 };
        has
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.gauge.used.fetch_sub(self.amount, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_can_be_taken_again() {
        let gauge = Gauge::new(3);
        let mut first = gauge.take(2).unwrap();
        assert!(gauge.take(2).is_none() && !first.more(2));
        assert!(first.more(1) && gauge.take(1).is_none());
        drop(first);
        assert!(gauge.take(3).is_some());
        assert!(gauge.take(usize::MAX).is_none());
    }
}
