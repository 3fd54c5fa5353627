//! The circuit breaker of a connection: a provider that is down, or that refuses the account, is asked now and then, by
//! one delivery at a time, so that the others don't use up their attempts.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::clock::Timestamp;

/// So many failures in a row say that the provider is down.
const FAILURES: u32 = 5;
/// A provider that is down is asked this often at the least.
const LONGEST: Duration = Duration::from_secs(60);
/// While one attempt tries whether the provider is back, the others look this often.
const AGAIN: Duration = Duration::from_secs(1);
/// Each wait is this many times the one before.
const FACTOR: u32 = 2;

/// What an attempt tells of the provider as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// It answered, whatever it said.
    Up,
    /// No connection, no answer in time, or a fault of its own.
    Down,
    /// It answers, and refuses the account: the token is not taken, or there is none.
    Refused,
    /// Nothing: the attempt failed on our side.
    Unclear,
}

#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// Failures in a row while it is closed.
    failures: u32,
    open: Option<Open>,
}

/// Why nothing goes out, since when, and when one delivery tries again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shut {
    /// The provider refuses the account; otherwise it is taken to be down.
    pub refused: bool,
    pub since: Timestamp,
    pub until: Timestamp,
}

/// The provider is taken to be down, or refuses the account.
#[derive(Debug)]
struct Open {
    refused: bool,
    /// A refusal was met since a person, or other settings, said to try again.
    known: bool,
    since: Timestamp,
    /// When the wait began, and when one attempt may go out.
    waits: Timestamp,
    until: Timestamp,
    /// How often it was opened or stayed open.
    times: u32,
    /// That one attempt is under way.
    probing: bool,
}

impl Breaker {
    /// Whether an attempt may go out, or when to look again.
    pub(super) fn room(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        // A clock that was set back makes no wait longer than it was meant.
        if let Some(open) = self.open.as_mut().filter(|open| now < open.waits) {
            (open.waits, open.until) = (now, now.plus(open.waits.until(open.until)));
        }
        match &self.open {
            None => Ok(()),
            // The end of that one tells, mostly earlier.
            Some(open) if open.probing => Err(now.plus(AGAIN)),
            Some(open) if open.until > now => Err(open.until),
            Some(_) => Ok(()),
        }
    }

    /// An attempt goes out; true when it is the one that tries whether the provider is back.
    pub(super) fn begin(&mut self) -> bool {
        self.open.as_mut().map(|open| open.probing = true).is_some()
    }

    /// An attempt ended. `jitter` is a random number in 0..1. Where it only found out what is known already: when the next
    /// one tries.
    pub(super) fn end(
        &mut self,
        probe: bool,
        health: Health,
        backoff: &Backoff,
        now: Timestamp,
        jitter: f64,
    ) -> Option<Timestamp> {
        if let Some(open) = self.open.as_mut().filter(|_| probe) {
            open.probing = false;
        }
        match (health, &mut self.open) {
            (Health::Unclear, _) => None,
            // What was under way when it opened, and succeeds, is as good a proof as any.
            (Health::Up, _) => {
                *self = Breaker::default();
                None
            }
            (Health::Down | Health::Refused, Some(open)) if probe => {
                open.times = open.times.saturating_add(1);
                (open.waits, open.until) = (now, now.plus(wait(open.times, backoff, jitter)));
                open.found(health)
            }
            // What was under way when it opened tells nothing new of one that is down.
            (Health::Down, Some(_)) => None,
            (Health::Refused, Some(open)) => open.found(health),
            (Health::Refused, None) => {
                self.open(true, now, now.plus(wait(0, backoff, jitter)));
                None
            }
            (Health::Down, None) => {
                self.failures = self.failures.saturating_add(1);
                if self.failures >= FAILURES {
                    self.open(false, now, now.plus(wait(0, backoff, jitter)));
                }
                None
            }
        }
    }

    fn open(&mut self, refused: bool, now: Timestamp, until: Timestamp) {
        self.open = Some(Open { refused, known: refused, since: now, waits: now, until, times: 0, probing: false });
    }

    /// Why nothing goes out, while that is so.
    pub(super) fn shut(&self) -> Option<Shut> {
        self.open.as_ref().map(|open| Shut { refused: open.refused, since: open.since, until: open.until })
    }

    /// One attempt may go out at once, and if it fails the waits begin anew.
    pub(super) fn try_now(&mut self, now: Timestamp) {
        if let Some(open) = &mut self.open {
            (open.until, open.times, open.known) = (now, 0, false);
        }
    }
}

impl Open {
    /// What an attempt found out while it is open: when the next one tries, unless it is the first to be refused.
    fn found(&mut self, health: Health) -> Option<Timestamp> {
        let is_news = health == Health::Refused && !self.known;
        self.refused = health == Health::Refused;
        self.known |= self.refused;
        (!is_news).then_some(self.until)
    }
}

/// The waits follow the connection's own, and stay below a minute. Half of each is random, as for a delivery.
fn wait(times: u32, backoff: &Backoff, jitter: f64) -> Duration {
    let longest = backoff.longest.min(LONGEST);
    let whole = backoff.first.saturating_mul(FACTOR.saturating_pow(times)).min(longest);
    whole.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0).max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn backoff() -> Backoff {
        Backoff { attempts: 12, first: Duration::from_secs(2), longest: Duration::from_secs(3600) }
    }

    fn failed(breaker: &mut Breaker, at: i64) {
        let probe = breaker.begin();
        breaker.end(probe, Health::Down, &backoff(), Timestamp(at), 1.0);
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_asks_ever_more_seldom() {
        let mut breaker = Breaker::default();
        (0..4).for_each(|at| failed(&mut breaker, at));
        breaker.end(false, Health::Up, &backoff(), Timestamp(4), 1.0);
        (5..9).for_each(|at| failed(&mut breaker, at));
        assert_eq!(breaker.room(Timestamp(9)), Ok(()), "an answer in between begins the row anew");
        failed(&mut breaker, 10);
        let (mut now, mut waits) = (10, Vec::new());
        for _ in 0..8 {
            let until = breaker.room(Timestamp(now)).unwrap_err().0;
            waits.push((until - now) / 1000);
            now = until;
            assert_eq!(breaker.room(Timestamp(now)), Ok(()));
            failed(&mut breaker, now);
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_wait_longer() {
        let mut breaker = Breaker::default();
        (0..5).for_each(|_| failed(&mut breaker, 90_000_000));
        assert_eq!(breaker.room(Timestamp(1_000)), Err(Timestamp(3_000)));
        assert_eq!(breaker.room(Timestamp(2_000)), Err(Timestamp(3_000)));
        assert_eq!(breaker.room(Timestamp(3_000)), Ok(()));
    }

    #[test]
    fn one_at_a_time_tries_whether_the_provider_is_back() {
        let mut breaker = Breaker::default();
        (0..5).for_each(|_| failed(&mut breaker, 0));
        let now = Timestamp(2_000);
        assert_eq!(breaker.room(now), Ok(()));
        assert!(breaker.begin());
        assert!(breaker.room(now).is_err());
        breaker.end(true, Health::Unclear, &backoff(), now, 1.0);
        assert_eq!(breaker.room(now), Ok(()), "what failed on our side leaves the place to another");
        assert!(breaker.begin());
        breaker.end(true, Health::Up, &backoff(), now, 1.0);
        assert!(!breaker.begin(), "it is closed");
    }

    #[test]
    fn the_first_refusal_is_news_until_somebody_says_to_try_again() {
        let mut breaker = Breaker::default();
        let end = |breaker: &mut Breaker, at: i64| {
            let probe = breaker.begin();
            breaker.end(probe, Health::Refused, &backoff(), Timestamp(at), 1.0).map(|until| until.0)
        };
        assert_eq!(end(&mut breaker, 0), None, "one refusal opens it");
        assert_eq!(breaker.end(false, Health::Refused, &backoff(), Timestamp(1), 1.0), Some(Timestamp(2_000)));
        assert_eq!(end(&mut breaker, 2_000), Some(6_000));
        breaker.try_now(Timestamp(2_001));
        assert_eq!(breaker.room(Timestamp(2_001)), Ok(()));
        assert_eq!(end(&mut breaker, 2_001), None);
        assert_eq!(breaker.room(Timestamp(2_002)), Err(Timestamp(6_001)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever ends in whatever order: while it is open, one at most is under way that began after it opened, and
        /// it is never closed for longer than its longest wait after that one ended.
        #[test]
        fn an_open_breaker_lets_one_through(steps in prop::collection::vec((0_i64..90_000, 0_u8..5), 1..200)) {
            let (mut breaker, mut now) = (Breaker::default(), Timestamp(0));
            let mut under_way: Vec<bool> = Vec::new();
            for (pause, kind) in steps {
                now = Timestamp(now.0 + pause);
                if kind == 0 {
                    if breaker.room(now).is_ok() {
                        under_way.push(breaker.begin());
                    }
                } else if let Some(probe) = under_way.pop() {
                    let health = [Health::Up, Health::Down, Health::Unclear, Health::Refused][usize::from(kind) - 1];
                    breaker.end(probe, health, &backoff(), now, 0.5);
                }
                let probes = under_way.iter().filter(|probe| **probe).count();
                if breaker.shut().is_some() {
                    prop_assert!(probes <= 1);
                    prop_assert!(probes == 1 || breaker.room(now.plus(LONGEST)).is_ok());
                } else {
                    prop_assert!(breaker.room(now).is_ok());
                }
            }
        }
    }
}
