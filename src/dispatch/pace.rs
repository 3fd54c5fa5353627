//! The pace of one connection, shared by all who call it: budgets, pauses that the provider asks for, the breaker. Pure:
//! time is given.

mod breaker;
mod budget;
pub(super) mod told;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::clock::Timestamp;
use breaker::Breaker;
pub(super) use breaker::{Health, Shut};
use budget::Budget;
pub(super) use budget::Limit;

/// A provider that asks for a longer pause is asked again after this.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// The pause after a 429 that says nothing more; each further one in a row is twice as long, up to a minute.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_BLIND_PAUSE: Duration = Duration::from_secs(60);
/// With this many budgets those that hold nothing are forgotten.
const SWEEP: usize = 1024;

/// What a limit counts: all requests of the connection, those of an operation, or those with the same key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    /// An operation's name; none for the whole connection.
    pub operation: Option<Arc<str>>,
    /// Which of several limits.
    pub per: Duration,
    pub key: Option<Arc<str>>,
}

/// A scope with its limit.
pub(super) type Rule = (Scope, Limit);

/// The leave to send one request. It must be given back, used or not.
#[derive(Debug)]
pub(super) struct Pass {
    scopes: Vec<Scope>,
    begun_at: Timestamp,
    /// It tries whether the provider is back.
    probe: bool,
}

impl Pass {
    pub(super) fn is_bare(&self) -> bool {
        self.scopes.is_empty()
    }
}

/// How a request ended, as far as the pace is concerned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    /// It left, so that the provider may have counted it.
    pub sent: bool,
    pub health: Health,
    /// The provider refused it as one too many.
    pub too_many: bool,
    /// How long the provider wants to be left alone.
    pub wait: Option<Duration>,
}

#[derive(Debug, Default)]
pub(super) struct Pace {
    breaker: Breaker,
    paused: Option<Pause>,
    /// Refusals in a row as one too many.
    refusals: u32,
    budgets: HashMap<Scope, Budget>,
    swept_at: usize,
}

#[derive(Clone, Copy, Debug)]
struct Pause {
    since: Timestamp,
    until: Timestamp,
}

impl Pause {
    /// A clock that was set back makes no pause longer than it was meant.
    fn as_of(self, now: Timestamp) -> Pause {
        match now < self.since {
            true => Pause { since: now, until: now.plus(self.since.until(self.until)) },
            false => self,
        }
    }
}

impl Pace {
    /// Whether a request under these rules may go out now, or when to look again.
    pub(super) fn room(&mut self, rules: &[Rule], now: Timestamp) -> Result<(), Timestamp> {
        self.paused = self.paused.map(|pause| pause.as_of(now)).filter(|pause| pause.until > now);
        let blocked = [self.breaker.room(now).err(), self.paused.map(|pause| pause.until)];
        let full = rules.iter().filter_map(|(scope, limit)| self.budgets.get_mut(scope)?.room(*limit, now).err());
        match blocked.into_iter().flatten().chain(full).max() {
            Some(again) => Err(again),
            None => Ok(()),
        }
    }

    /// Leave for one request, or when to look again.
    pub(super) fn take(&mut self, rules: &[Rule], now: Timestamp) -> Result<Pass, Timestamp> {
        self.room(rules, now)?;
        self.sweep(rules, now);
        for (scope, _) in rules {
            self.budgets.entry(scope.clone()).or_default().begin();
        }
        let scopes = rules.iter().map(|(scope, _)| scope.clone()).collect();
        Ok(Pass { scopes, begun_at: now, probe: self.breaker.begin() })
    }

    /// Leave under further rules, for a request that has some already.
    pub(super) fn extend(&mut self, pass: &mut Pass, rules: &[Rule], now: Timestamp) -> Result<(), Timestamp> {
        let full = rules.iter().filter_map(|(scope, limit)| self.budgets.get_mut(scope)?.room(*limit, now).err());
        if let Some(again) = full.max() {
            return Err(again);
        }
        for (scope, _) in rules {
            self.budgets.entry(scope.clone()).or_default().begin();
            pass.scopes.push(scope.clone());
        }
        Ok(())
    }

    /// A request under these rules ended then, in an earlier life. They come in the order of their ends.
    pub(super) fn was_spent(&mut self, rules: &[Rule], at: Timestamp) {
        for (scope, _) in rules {
            self.budgets.entry(scope.clone()).or_default().was_spent(at);
        }
    }

    /// A pass that was not used.
    pub(super) fn give_back(&mut self, pass: Pass, backoff: &Backoff, now: Timestamp) {
        let _ = self.breaker.end(pass.probe, Health::Unclear, backoff, now, 0.0);
        self.close(&pass.scopes, None);
    }

    /// The request that had this pass ended, and is to be made again by the same: it counts, and the pass stays.
    pub(super) fn counted(&mut self, pass: &mut Pass, now: Timestamp) {
        let scopes = std::mem::take(&mut pass.scopes);
        self.close(&scopes, Some(now));
    }

    /// The request that had this pass ended. `jitter` is a random number in 0..1. Where it only found out that the provider
    /// is still down, or still refuses the account: when the next one tries.
    pub(super) fn end(
        &mut self,
        pass: Pass,
        ended: Ended,
        backoff: &Backoff,
        now: Timestamp,
        jitter: f64,
    ) -> Option<Timestamp> {
        let still_shut = self.breaker.end(pass.probe, ended.health, backoff, now, jitter);
        self.close(&pass.scopes, ended.sent.then_some(now));
        let known = ended.wait.map(|wait| wait.min(LONGEST_PAUSE));
        match ended.too_many {
            // Those that were under way when the pause began tell nothing new.
            true if self.paused.is_some_and(|pause| pass.begun_at < pause.since) => {}
            true => {
                let blind = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.refusals)).min(LONGEST_BLIND_PAUSE);
                self.refusals = self.refusals.saturating_add(1);
                self.pause(&pass, known.unwrap_or(blind), now);
            }
            false => {
                self.refusals = 0;
                if let Some(wait) = known {
                    self.pause(&pass, wait, now);
                }
            }
        }
        still_shut
    }

    /// When a request goes out that has `place` others before it.
    pub(super) fn slot(&mut self, rules: &[Rule], place: u64, now: Timestamp) -> Timestamp {
        let open = self.breaker.shut().map(|shut| shut.until);
        let from = [Some(now), open, self.paused.map(|pause| pause.until)].into_iter().flatten().max().unwrap_or(now);
        let empty = |limit: &Limit| Budget::default().slot(*limit, place, from);
        let slots = rules.iter().map(|(scope, limit)| match self.budgets.get_mut(scope) {
            Some(budget) => budget.slot(*limit, place, now),
            None => empty(limit),
        });
        slots.max().map_or(from, |slot| slot.max(from))
    }

    /// While the provider is taken to be down, or refuses the account: since when, and when it is asked again.
    pub(super) fn shut(&self) -> Option<Shut> {
        self.breaker.shut()
    }

    /// Whatever was to be waited for, but for the budgets: one request may try at once.
    pub(super) fn try_now(&mut self, now: Timestamp) {
        (self.paused, self.refusals) = (None, 0);
        self.breaker.try_now(now);
        self.budgets.values_mut().for_each(Budget::try_now);
    }

    /// Until when the provider asked to be left alone.
    pub(super) fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.paused.map(|pause| pause.until).filter(|until| *until > now)
    }

    /// A refusal for one key, a conversation for instance, stops that key only.
    fn pause(&mut self, pass: &Pass, wait: Duration, now: Timestamp) {
        let until = now.plus(wait);
        let mut keyed = false;
        for scope in pass.scopes.iter().filter(|scope| scope.key.is_some()) {
            self.budgets.entry(scope.clone()).or_default().pause(until);
            keyed = true;
        }
        if !keyed && self.paused.is_none_or(|pause| pause.until < until) {
            self.paused = Some(Pause { since: now, until });
        }
    }

    fn close(&mut self, scopes: &[Scope], at: Option<Timestamp>) {
        for scope in scopes {
            if let Some(budget) = self.budgets.get_mut(scope) {
                budget.end(at);
            }
        }
    }

    /// Keys come and go by the million; a budget that holds nothing is not kept.
    fn sweep(&mut self, rules: &[Rule], now: Timestamp) {
        if self.budgets.len() < SWEEP.max(self.swept_at.saturating_mul(2)) {
            return;
        }
        let per = |scope: &Scope| rules.iter().find(|(known, _)| known.per == scope.per).map(|(_, limit)| *limit);
        let limit = |scope: &Scope| per(scope).unwrap_or(Limit { requests: 1, per: scope.per });
        self.budgets.retain(|scope, budget| !budget.is_idle(limit(scope), now));
        self.swept_at = self.budgets.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: Ended = Ended { sent: true, health: Health::Up, too_many: false, wait: None };
    const TOO_MANY: Ended = Ended { sent: true, health: Health::Up, too_many: true, wait: None };

    fn rule(key: Option<&str>, requests: u64) -> Rule {
        let per = Duration::from_secs(10);
        (Scope { operation: None, per, key: key.map(Arc::from) }, Limit { requests, per })
    }

    fn done(pace: &mut Pace, rules: &[Rule], ended: Ended, at: i64) -> Result<(), i64> {
        let pass = pace.take(rules, Timestamp(at)).map_err(|again| again.0)?;
        let _ = pace.end(pass, ended, &Backoff::default(), Timestamp(at), 1.0);
        Ok(())
    }

    #[test]
    fn the_whole_and_the_key_are_counted_apart() {
        let mut pace = Pace::default();
        let (a, b) = ([rule(None, 3), rule(Some("a"), 1)], [rule(None, 3), rule(Some("b"), 1)]);
        assert_eq!(done(&mut pace, &a, OK, 0), Ok(()));
        assert_eq!(done(&mut pace, &a, OK, 1_000), Err(10_000), "its key is used up");
        assert_eq!(done(&mut pace, &b, OK, 2_000), Ok(()));
        assert_eq!(done(&mut pace, &[rule(None, 3)], OK, 3_000), Ok(()));
        assert_eq!(done(&mut pace, &[rule(None, 3)], OK, 4_000), Err(10_000), "the whole is used up");
    }

    #[test]
    fn a_refusal_pauses_the_connection_or_its_key() {
        let mut pace = Pace::default();
        let told = Ended { wait: Some(Duration::from_secs(30)), ..TOO_MANY };
        assert_eq!(done(&mut pace, &[rule(Some("a"), 9)], told, 0), Ok(()));
        assert_eq!(done(&mut pace, &[rule(Some("a"), 9)], OK, 1), Err(30_000));
        assert_eq!(done(&mut pace, &[rule(Some("b"), 9)], OK, 1), Ok(()));
        assert_eq!(done(&mut pace, &[], told, 2), Ok(()));
        assert_eq!(done(&mut pace, &[rule(Some("b"), 9)], OK, 3), Err(30_002));
        assert_eq!(done(&mut pace, &[], OK, 30_002), Ok(()));
        let days = Ended { wait: Some(Duration::from_secs(400_000)), ..TOO_MANY };
        assert_eq!(done(&mut pace, &[], days, 40_000), Ok(()));
        assert_eq!(done(&mut pace, &[], OK, 40_001), Err(3_640_000), "a pause of days is not believed");
    }

    #[test]
    fn the_one_that_tries_whether_the_provider_is_back_knows_when_the_next_does() {
        let mut pace = Pace::default();
        let down = Ended { health: Health::Down, ..OK };
        let mut end = |at: i64, ended: Ended| {
            let pass = pace.take(&[], Timestamp(at)).unwrap();
            pace.end(pass, ended, &Backoff::default(), Timestamp(at), 1.0).map(|until| until.0)
        };
        assert_eq!((0..5).map(|at| end(at, down)).collect::<Vec<_>>(), [None; 5], "what finds it out counts");
        assert_eq!(end(2_004, down), Some(6_004));
        assert_eq!(end(6_004, Ended { health: Health::Unclear, ..OK }), None);
        assert_eq!(end(6_004, OK), None);
        assert_eq!(end(6_004, down), None, "it was back");
    }

    #[test]
    fn refusals_without_a_word_are_answered_by_longer_pauses() {
        let mut pace = Pace::default();
        let (mut now, mut waits) = (0, Vec::new());
        // Three that were under way together are one refusal.
        let passes: Vec<Pass> = (0..3).map(|_| pace.take(&[], Timestamp(now)).unwrap()).collect();
        now = 5;
        for pass in passes {
            assert_eq!(pace.end(pass, TOO_MANY, &Backoff::default(), Timestamp(5), 1.0), None);
        }
        for _ in 0..8 {
            let until = done(&mut pace, &[], TOO_MANY, now).unwrap_err();
            waits.push((until - now) / 1000);
            now = until;
            assert_eq!(done(&mut pace, &[], TOO_MANY, now), Ok(()));
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn what_is_not_used_costs_nothing() {
        let mut pace = Pace::default();
        for _ in 0..5 {
            let pass = pace.take(&[rule(None, 1)], Timestamp(0)).unwrap();
            assert!(pace.take(&[rule(None, 1)], Timestamp(0)).is_err());
            pace.give_back(pass, &Backoff::default(), Timestamp(0));
        }
    }

    #[test]
    fn keys_that_are_over_are_forgotten() {
        let mut pace = Pace::default();
        for number in 0..10_000 {
            let rules = [rule(Some(&number.to_string()), 5)];
            assert_eq!(done(&mut pace, &rules, OK, number * 100), Ok(()));
        }
        assert!(pace.budgets.len() <= 2 * SWEEP, "{} budgets are kept", pace.budgets.len());
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_pause_longer() {
        let mut pace = Pace::default();
        let told = Ended { wait: Some(Duration::from_secs(30)), ..TOO_MANY };
        assert_eq!(done(&mut pace, &[], told, 90_000_000), Ok(()));
        assert_eq!(done(&mut pace, &[rule(Some("a"), 9)], told, 90_030_000), Ok(()));
        assert_eq!(done(&mut pace, &[], told, 90_030_001), Ok(()));
        assert_eq!(done(&mut pace, &[], OK, 1_000), Err(31_000));
        assert_eq!(done(&mut pace, &[], OK, 2_000), Err(31_000));
        assert_eq!(done(&mut pace, &[], OK, 31_000), Ok(()));
        assert_eq!(
            done(&mut pace, &[rule(Some("a"), 9)], OK, 31_001),
            Err(3_631_001),
            "a key that paused: an hour at the most"
        );
        assert_eq!(done(&mut pace, &[rule(Some("a"), 9)], OK, 3_631_001), Ok(()));
    }

    #[test]
    fn an_estimate_knows_what_holds_the_connection_up() {
        let mut pace = Pace::default();
        let rules = [rule(None, 2)];
        assert_eq!(pace.slot(&rules, 0, Timestamp(0)), Timestamp(0));
        assert_eq!(pace.slot(&rules, 5, Timestamp(0)), Timestamp(20_000));
        let down = Ended { health: Health::Down, ..OK };
        (0..5).for_each(|_| done(&mut pace, &[], down, 0).unwrap());
        let shut = Shut { refused: false, since: Timestamp(0), until: Timestamp(2_000) };
        assert_eq!(pace.shut(), Some(shut));
        assert_eq!(pace.slot(&rules, 0, Timestamp(0)), Timestamp(2_000));
        assert_eq!(pace.slot(&rules, 2, Timestamp(0)), Timestamp(12_000));
        assert_eq!(pace.slot(&[], 2, Timestamp(0)), Timestamp(2_000));
    }
}
