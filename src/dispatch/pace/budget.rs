//! The pace that a vendor allows: so many requests in a time, counted over a sliding window.

use std::collections::VecDeque;
use std::time::Duration;

use super::LONGEST_PAUSE;
use crate::clock::Timestamp;

/// So many requests in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub requests: u64,
    pub per: Duration,
}

/// What went out of late. A request takes its place from its start until a window after its end: the vendor counted it
/// somewhere between the two, so that no window of the vendor's holds more than the limit.
#[derive(Debug, Default)]
pub(super) struct Budget {
    under_way: u64,
    ended: VecDeque<Timestamp>,
    /// The vendor said that nothing is taken until then.
    paused_until: Option<Timestamp>,
}

impl Budget {
    /// Whether one more may go out, or when to look again. With all places under way an end tells earlier.
    pub(super) fn room(&mut self, limit: Limit, now: Timestamp) -> Result<(), Timestamp> {
        self.forget(limit, now);
        if let Some(until) = self.paused_until {
            return Err(until);
        }
        if self.under_way.saturating_add(self.ended.len() as u64) < limit.requests {
            return Ok(());
        }
        // One that ends now leaves its place a window later.
        Err(self.ended.front().map_or(now.plus(limit.per), |first| first.plus(limit.per)))
    }

    pub(super) fn begin(&mut self) {
        self.under_way += 1;
    }

    /// A request ended; without a time it never went out, and leaves its place at once.
    pub(super) fn end(&mut self, at: Option<Timestamp>) {
        self.under_way = self.under_way.saturating_sub(1);
        self.ended.extend(at);
    }

    /// A request ended then that was made in an earlier life. They come in the order of their ends.
    pub(super) fn was_spent(&mut self, at: Timestamp) {
        self.ended.push_back(at);
    }

    pub(super) fn pause(&mut self, until: Timestamp) {
        self.paused_until = self.paused_until.max(Some(until));
    }

    /// What the vendor said of a pause is not waited for.
    pub(super) fn try_now(&mut self) {
        self.paused_until = None;
    }

    pub(super) fn is_idle(&mut self, limit: Limit, now: Timestamp) -> bool {
        self.forget(limit, now);
        self.under_way == 0 && self.ended.is_empty() && self.paused_until.is_none()
    }

    /// When a request goes out that has `place` others before it.
    pub(super) fn slot(&mut self, limit: Limit, place: u64, now: Timestamp) -> Timestamp {
        self.forget(limit, now);
        let from = self.paused_until.unwrap_or(now);
        let taken = self.under_way.saturating_add(self.ended.len() as u64);
        let free = limit.requests.saturating_sub(taken);
        let Some(behind) = place.checked_sub(free) else { return from };
        let (rounds, index) = (behind / limit.requests.max(1), behind % limit.requests.max(1));
        // Places come free in the order in which they were taken; those under way are taken to end now.
        let first = usize::try_from(index).ok().and_then(|index| self.ended.get(index)).copied().unwrap_or(now);
        let windows = u32::try_from(rounds.saturating_add(1)).unwrap_or(u32::MAX);
        from.max(first.plus(limit.per.saturating_mul(windows)))
    }

    fn forget(&mut self, limit: Limit, now: Timestamp) {
        // A clock that was set back must not stop everything until it has caught up.
        while self.ended.back().is_some_and(|at| *at > now) {
            self.ended.iter_mut().for_each(|at| *at = (*at).min(now));
        }
        while self.ended.front().is_some_and(|at| at.plus(limit.per) <= now) {
            self.ended.pop_front();
        }
        let longest = now.plus(LONGEST_PAUSE);
        self.paused_until = self.paused_until.map(|until| until.min(longest)).filter(|until| *until > now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: Limit = Limit { requests: 2, per: Duration::from_secs(10) };

    fn spent(budget: &mut Budget, at: i64) -> Result<(), Timestamp> {
        budget.room(LIMIT, Timestamp(at))?;
        budget.begin();
        budget.end(Some(Timestamp(at)));
        Ok(())
    }

    #[test]
    fn no_window_holds_more_than_the_limit() {
        let mut budget = Budget::default();
        assert_eq!(spent(&mut budget, 0), Ok(()));
        assert_eq!(spent(&mut budget, 4_000), Ok(()));
        assert_eq!(spent(&mut budget, 9_999), Err(Timestamp(10_000)));
        assert_eq!(spent(&mut budget, 10_000), Ok(()));
        assert_eq!(spent(&mut budget, 10_001), Err(Timestamp(14_000)));
    }

    #[test]
    fn a_request_that_never_went_out_costs_nothing() {
        let mut budget = Budget::default();
        for _ in 0..10 {
            assert_eq!(budget.room(LIMIT, Timestamp(0)), Ok(()));
            budget.begin();
            budget.end(None);
        }
        assert!(budget.is_idle(LIMIT, Timestamp(0)));
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing_for_long() {
        let mut budget = Budget::default();
        assert_eq!(spent(&mut budget, 50_000_000), Ok(()));
        assert_eq!(spent(&mut budget, 50_000_000), Ok(()));
        assert_eq!(spent(&mut budget, 1_000), Err(Timestamp(11_000)));
        assert_eq!(spent(&mut budget, 11_000), Ok(()));
    }

    #[test]
    fn a_place_in_line_has_its_time() {
        let mut budget = Budget::default();
        let slots = |budget: &mut Budget, now: i64| {
            (0..5).map(|place| budget.slot(LIMIT, place, Timestamp(now)).0).collect::<Vec<_>>()
        };
        assert_eq!(slots(&mut budget, 0), [0, 0, 10_000, 10_000, 20_000]);
        assert_eq!(spent(&mut budget, 4_000), Ok(()));
        assert_eq!(slots(&mut budget, 5_000), [5_000, 14_000, 15_000, 24_000, 25_000]);
        budget.pause(Timestamp(60_000));
        assert_eq!(slots(&mut budget, 5_000), [60_000; 5]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// The vendor counts a request at some moment between its start and its end; no window of the vendor's has
        /// more than the limit, whatever the requests took.
        #[test]
        fn no_window_of_the_vendor_is_ever_exceeded(
            requests in 1_u64..6,
            per in 1_u64..50,
            steps in prop::collection::vec((0_i64..20, 0_i64..60, 0.0_f64..=1.0), 1..200),
        ) {
            let limit = Limit { requests, per: Duration::from_millis(per) };
            let (mut budget, mut now, mut ends, mut counted) = (Budget::default(), 0_i64, Vec::<i64>::new(), Vec::new());
            for (pause, took, share) in steps {
                now += pause;
                ends.sort_unstable();
                let over = ends.iter().take_while(|end| **end <= now).count();
                ends.drain(..over).for_each(|end| budget.end(Some(Timestamp(end))));
                if budget.room(limit, Timestamp(now)).is_ok() {
                    budget.begin();
                    ends.push(now + took);
                    counted.push(now + (took as f64 * share) as i64);
                }
            }
            counted.sort_unstable();
            for window in counted.windows(usize::try_from(requests).unwrap() + 1) {
                prop_assert!(window[window.len() - 1] - window[0] >= i64::try_from(per).unwrap(), "{window:?} in {per} ms");
            }
        }

        /// Nobody is told to come back later than a window after the last place was taken.
        #[test]
        fn a_wait_is_never_longer_than_the_window(times in prop::collection::vec(0_i64..40_000, 1..60)) {
            let (mut budget, mut now) = (Budget::default(), 0);
            for pause in times {
                now += pause;
                if let Err(again) = spent(&mut budget, now) {
                    prop_assert!(again.0 > now && again.0 <= now + 10_000);
                    prop_assert_eq!(spent(&mut budget, again.0), Ok(()));
                    now = again.0;
                }
            }
        }
    }
}
