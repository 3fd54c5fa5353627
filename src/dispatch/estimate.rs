//! When a waiting delivery goes out: an honest guess from what is known now. Pure.

use std::time::Duration;

use crate::clock::Timestamp;

/// What stands between a delivery and its provider.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub now: Timestamp,
    /// Its own time, where it is to be tried again later.
    pub due: Option<Timestamp>,
    /// How many go out before it.
    pub before: u64,
    /// When the budget, a pause or the breaker lets one with so many before it out.
    pub slot: Timestamp,
    /// How many are under way at a time.
    pub at_a_time: u64,
    /// What one takes, lately.
    pub took: Duration,
}

/// The earliest moment that all of it allows. What fails on the way makes it later, never earlier.
pub(super) fn goes_out(standing: Standing) -> Timestamp {
    let Standing { now, due, before, slot, at_a_time, took } = standing;
    let rounds = u32::try_from(before / at_a_time.max(1)).unwrap_or(u32::MAX);
    let turn = now.plus(took.saturating_mul(rounds));
    now.max(turn).max(slot).max(due.unwrap_or(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_of_all_reasons_counts() {
        let free = Standing {
            now: Timestamp(1_000),
            due: None,
            before: 0,
            slot: Timestamp(1_000),
            at_a_time: 64,
            took: Duration::from_millis(200),
        };
        assert_eq!(goes_out(free), Timestamp(1_000));
        assert_eq!(goes_out(Standing { due: Some(Timestamp(500)), ..free }), Timestamp(1_000));
        assert_eq!(goes_out(Standing { due: Some(Timestamp(9_000)), ..free }), Timestamp(9_000));
        assert_eq!(goes_out(Standing { before: 640, ..free }), Timestamp(3_000));
        assert_eq!(goes_out(Standing { before: 640, slot: Timestamp(70_000), ..free }), Timestamp(70_000));
        assert_eq!(goes_out(Standing { before: u64::MAX, at_a_time: 0, ..free }).0, 1_000 + 200 * i64::from(u32::MAX));
    }
}
