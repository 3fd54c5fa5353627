//! How long things took since the start, in the classes that `/metrics` shows. Counting takes no lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The longest time of each class, in milliseconds; one class more has what took longer.
pub const BOUNDS_MS: [u64; 18] =
    [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 1_800_000, 7_200_000];

const CLASSES: usize = BOUNDS_MS.len() + 1;

#[derive(Debug)]
pub struct Histogram {
    classes: [AtomicU64; CLASSES],
    sum_us: AtomicU64,
}

/// What a histogram has counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistogramCounts {
    /// How many took no longer than each of [`BOUNDS_MS`].
    pub up_to: [u64; BOUNDS_MS.len()],
    pub all: u64,
    pub sum: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { classes: std::array::from_fn(|_| AtomicU64::new(0)), sum_us: AtomicU64::new(0) }
    }
}

impl Histogram {
    pub(super) fn add(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let class = BOUNDS_MS.partition_point(|bound| bound.saturating_mul(1000) < us);
        if let Some(count) = self.classes.get(class) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> HistogramCounts {
        let sum = Duration::from_micros(self.sum_us.load(Ordering::Relaxed));
        let mut counts = HistogramCounts { sum, ..HistogramCounts::default() };
        for (at, class) in self.classes.iter().enumerate() {
            counts.all += class.load(Ordering::Relaxed);
            if let Some(up_to) = counts.up_to.get_mut(at) {
                *up_to = counts.all;
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_what_took_no_longer() {
        let histogram = Histogram::default();
        for ms in [0, 1, 2, 3, 1000, 1001, 9_000_000] {
            histogram.add(Duration::from_millis(ms));
        }
        let counts = histogram.counts();
        assert_eq!(counts.up_to[..4], [2, 3, 4, 4]);
        assert_eq!((counts.up_to[9], counts.up_to[10], counts.up_to[17], counts.all), (5, 6, 6, 7));
        assert_eq!(counts.sum, Duration::from_millis(9_002_007));
    }
}
