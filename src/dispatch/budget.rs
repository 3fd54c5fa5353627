//! The pace that a vendor allows: so many requests in a time, counted over a sliding window.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Timestamp;

/// When the last requests went out.
#[derive(Debug, Default)]
pub(super) struct Budget {
    sent: VecDeque<Timestamp>,
}

impl Budget {
    /// Takes one request's worth, or says when there is one again.
    pub(super) fn take(&mut self, limit: Option<(u64, Duration)>, now: Timestamp) -> Result<(), Timestamp> {
        let Some((requests, per)) = limit else { return Ok(()) };
        while self.sent.front().is_some_and(|at| at.plus(per) <= now) {
            self.sent.pop_front();
        }
        match self.sent.front() {
            Some(first) if self.sent.len() as u64 >= requests => Err(first.plus(per)),
            _ => {
                self.sent.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_window_holds_more_than_the_limit() {
        let limit = Some((2, Duration::from_secs(10)));
        let mut budget = Budget::default();
        assert_eq!(budget.take(limit, Timestamp(0)), Ok(()));
        assert_eq!(budget.take(limit, Timestamp(4_000)), Ok(()));
        assert_eq!(budget.take(limit, Timestamp(9_999)), Err(Timestamp(10_000)));
        assert_eq!(budget.take(limit, Timestamp(10_000)), Ok(()));
        assert_eq!(budget.take(limit, Timestamp(10_001)), Err(Timestamp(14_000)));
    }
}
