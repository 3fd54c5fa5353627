//! When to try again: exponential waits with jitter, pure arithmetic.

use std::time::Duration;

/// How often and how far apart a delivery is tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// The wait after the first attempt.
    pub first: Duration,
    /// No wait is longer than this.
    pub longest: Duration,
}

impl Default for Backoff {
    /// 12 attempts over about 15 hours: an outage of a night and its morning loses nothing.
    fn default() -> Self {
        Backoff { attempts: 12, first: Duration::from_secs(2), longest: Duration::from_secs(4 * 3600) }
    }
}

/// Each wait is this many times the one before.
const FACTOR: f64 = 3.0;

impl Backoff {
    /// The wait after attempt number `attempt` (from 1), or nothing when it was the last.
    ///
    /// `jitter` is a random number in 0..1. The wait lies between half of the exponential one and the whole, so that
    /// many deliveries that failed together don't come back together.
    pub fn wait(&self, attempt: u32, jitter: f64) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let whole = (self.first.as_secs_f64() * FACTOR.powi(exponent)).min(self.longest.as_secs_f64());
        Some(Duration::from_secs_f64(whole * (0.5 + jitter.clamp(0.0, 1.0) / 2.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_longest_and_then_end() {
        let backoff = Backoff { attempts: 5, first: Duration::from_secs(1), longest: Duration::from_secs(10) };
        let waits: Vec<_> = (1..=5).map(|n| backoff.wait(n, 1.0).map(|d| d.as_secs())).collect();
        assert_eq!(waits, [Some(1), Some(3), Some(9), Some(10), None]);
    }

    #[test]
    fn jitter_takes_off_at_most_half() {
        let backoff = Backoff::default();
        assert_eq!(backoff.wait(1, 0.0), Some(Duration::from_secs(1)));
        assert_eq!(backoff.wait(1, 1.0), Some(Duration::from_secs(2)));
    }
}
