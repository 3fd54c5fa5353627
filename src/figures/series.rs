//! What happened to one thing over seven days: by minute for an hour, by half hour for a day, by four hours for a week.

use std::collections::VecDeque;
use std::time::Duration;

use super::latencies::Measure;
use super::window::{Bar, Summary, Window};
use crate::clock::Timestamp;

/// What is counted in one stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events: accepted in all, or routed by a route.
    pub received: u32,
    /// Deliveries that the provider has, or has taken.
    pub delivered: u32,
    /// Deliveries that were given up.
    pub dead: u32,
    /// Deliveries that came to wait for a person.
    pub held: u32,
    /// Events of which a route could make nothing; for a connection, calls that failed.
    pub failed: u32,
}

impl Counts {
    pub(super) fn to_array(self) -> [u32; 5] {
        [self.received, self.delivered, self.dead, self.held, self.failed]
    }

    pub(super) fn of_array([received, delivered, dead, held, failed]: [u32; 5]) -> Self {
        Counts { received, delivered, dead, held, failed }
    }

    fn add(&mut self, other: Counts) {
        let [mine, theirs] = [self.to_array(), other.to_array()];
        let mut sums = mine;
        sums.iter_mut().zip(theirs).for_each(|(sum, more)| *sum = sum.saturating_add(more));
        *self = Counts::of_array(sums);
    }
}

/// One stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bucket<M> {
    /// Its first minute, since 1970.
    pub minute: u32,
    pub counts: Counts,
    pub measure: M,
}

/// Stretches of one length, those with traffic only, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tier<M> {
    pub window: Window,
    pub buckets: VecDeque<Bucket<M>>,
}

/// Seven days of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series<M> {
    pub(super) tiers: [Tier<M>; 3],
    pub(super) last_at: Option<Timestamp>,
}

impl<M> Default for Series<M> {
    fn default() -> Self {
        Series { tiers: Window::ALL.map(|window| Tier { window, buckets: VecDeque::new() }), last_at: None }
    }
}

impl<M: Measure> Series<M> {
    pub(super) fn count(&mut self, now: Timestamp, change: impl Fn(&mut Counts)) {
        self.last_at = Some(now);
        self.tiers.iter_mut().for_each(|tier| tier.at(minute(now), |bucket| change(&mut bucket.counts)));
    }

    pub(super) fn took(&mut self, now: Timestamp, took: Duration) {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.tiers.iter_mut().for_each(|tier| tier.at(minute(now), |bucket| bucket.measure.add(ms)));
    }

    pub(super) fn summary(&self, window: Window, now: Timestamp) -> Summary {
        let first = minute(now).saturating_sub(window.minutes() - 1);
        self.since(window, first)
    }

    /// Of the last minutes, up to an hour.
    pub(super) fn lately(&self, minutes: u32, now: Timestamp) -> Summary {
        self.since(Window::Hour, minute(now).saturating_sub(minutes.saturating_sub(1)))
    }

    fn since(&self, window: Window, first: u32) -> Summary {
        let (mut counts, mut measure) = (Counts::default(), M::default());
        let tier = self.tiers.iter().find(|tier| tier.window == window);
        let length = window.stretches().1;
        for bucket in tier.into_iter().flat_map(|tier| &tier.buckets).filter(|one| one.minute + length > first) {
            counts.add(bucket.counts);
            measure.merge(&bucket.measure);
        }
        Summary { counts, latency: measure.latency(), last_at: self.last_at }
    }

    pub(super) fn bars(&self, window: Window, now: Timestamp) -> Vec<Bar> {
        let (count, length) = window.stretches();
        let last = minute(now) - minute(now) % length;
        let starts = (0..count).rev().map(|back| last.saturating_sub(back * length));
        let tier = self.tiers.iter().find(|tier| tier.window == window);
        let of = |minute| tier.and_then(|tier| tier.buckets.iter().find(|bucket| bucket.minute == minute));
        let bar = |minute: u32| {
            let counts = of(minute).map(|bucket| bucket.counts).unwrap_or_default();
            let at = Timestamp::from_seconds(i64::from(minute) * 60);
            Bar { at, received: counts.received, failed: counts.dead.saturating_add(counts.failed) }
        };
        starts.map(bar).collect()
    }

    /// Whether all of it is older than a week.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        let week = Duration::from_secs(60 * u64::from(Window::Week.minutes()));
        self.last_at.is_none_or(|at| at.until(now) > week)
    }
}

impl<M: Measure> Tier<M> {
    /// Changes the stretch that a minute is in. Where the clock was set back a little, the last one is taken; where it was set
    /// back by more, what was counted in the future goes.
    fn at(&mut self, minute: u32, change: impl Fn(&mut Bucket<M>)) {
        let (count, length) = self.window.stretches();
        let start = minute - minute % length;
        while self.buckets.back().is_some_and(|last| last.minute > start.saturating_add(length)) {
            self.buckets.pop_back();
        }
        if self.buckets.back().is_none_or(|last| last.minute < start) {
            let oldest = start.saturating_sub((count - 1) * length);
            while self.buckets.front().is_some_and(|first| first.minute < oldest) {
                self.buckets.pop_front();
            }
            self.buckets.push_back(Bucket { minute: start, ..Bucket::default() });
        }
        if let Some(last) = self.buckets.back_mut() {
            change(last);
        }
    }
}

/// The minute of a moment, since 1970.
fn minute(at: Timestamp) -> u32 {
    u32::try_from((at.0 / 60_000).clamp(0, 1 << 30)).unwrap_or(0)
}
