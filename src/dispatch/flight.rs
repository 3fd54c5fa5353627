//! One at a time finds out what many want to know: who finds a key taken waits here for the one who has it. Where that one
//! goes on later, the key rests until then, so that those who wait do not each make the call that fails.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Timestamp;
use crate::id::DeliveryId;

/// For how long others wait at the most for one that goes on later. A provider that came back is not to be kept waiting for
/// hours by the one whose tries lie far apart.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// For how much longer others wait for its turn: whoever is due before it comes before it.
const TURN: Duration = Duration::from_secs(60);
/// From how many keys at rest on it is looked which of them rest no more.
const MANY: usize = 1024;

/// The keys that somebody waits for, each with its waiters, and those that rest.
#[derive(Clone, Debug, Default)]
pub(super) struct Flights(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    waiting: HashMap<String, Arc<Notify>>,
    resting: HashMap<String, Rest>,
}

/// The delivery that could not find a key out, and when it goes on.
#[derive(Clone, Copy, Debug)]
struct Rest {
    delivery: DeliveryId,
    at: Timestamp,
    until: Timestamp,
}

/// A waiter for one key. It hears every landing from its making on.
#[derive(Debug)]
pub(super) struct Waiter {
    flights: Flights,
    key: String,
    notify: Arc<Notify>,
}

impl Flights {
    /// Waits for a key. Made before the store is asked, so that no landing is missed.
    pub(super) fn waiter(&self, key: &str) -> Waiter {
        let notify = self.all().waiting.entry(key.to_owned()).or_default().clone();
        Waiter { flights: self.clone(), key: key.to_owned(), notify }
    }

    /// It is known what the key stands for: all go on.
    pub(super) fn landed(&self, key: &str) {
        let mut all = self.all();
        all.resting.remove(key);
        if let Some(notify) = all.waiting.get(key) {
            notify.notify_waiters();
        }
    }

    /// Whoever had this key is done with it and has found nothing out: the one that waits longest tries, and the others go
    /// on waiting.
    pub(super) fn passed_on(&self, key: &str) {
        let mut all = self.all();
        all.resting.remove(key);
        if let Some(notify) = all.waiting.get(key) {
            notify.notify_one();
        }
    }

    /// Whoever had this key goes on with it at `at`: all others learn that they wait for it, though not for ever.
    pub(super) fn rests(&self, key: &str, delivery: DeliveryId, at: Timestamp, now: Timestamp) {
        let mut all = self.all();
        if all.resting.len() >= MANY && all.resting.len() == all.resting.capacity() {
            all.resting.retain(|_, rest| rest.until > now);
        }
        let at = at.min(now.plus(LONGEST));
        all.resting.insert(key.to_owned(), Rest { delivery, at, until: at.plus(TURN) });
        if let Some(notify) = all.waiting.get(key) {
            notify.notify_waiters();
        }
    }

    /// When another one goes on with a key, for which this delivery is to wait; that may be over, and it waits for its turn.
    pub(super) fn resting(&self, key: &str, delivery: DeliveryId, now: Timestamp) -> Option<Timestamp> {
        let mut all = self.all();
        let rest = *all.resting.get(key)?;
        if rest.until <= now {
            all.resting.remove(key);
            return None;
        }
        Some(rest.at).filter(|_| rest.delivery != delivery)
    }

    fn all(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    /// A landing that comes after this call ends the wait, also when it comes before the first poll.
    pub(super) fn landing(&self) -> tokio::sync::futures::Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut all = self.flights.all();
        // The table's own and ours: nobody else waits.
        if Arc::strong_count(&self.notify) <= 2 {
            all.waiting.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_landing_between_asking_and_waiting_is_heard() {
        let flights = Flights::default();
        let (one, other) = (flights.waiter("key"), flights.waiter("key"));
        let (heard, also) = (one.landing(), other.landing());
        flights.landed("another");
        flights.landed("key");
        heard.await;
        also.await;
        drop((one, other));
        assert!(flights.all().waiting.is_empty(), "a key that nobody waits for costs nothing");
    }

    #[tokio::test]
    async fn a_key_that_is_passed_on_wakes_one_after_the_other() {
        let flights = Flights::default();
        let (one, other) = (flights.waiter("key"), flights.waiter("key"));
        let (mut first, mut second) = (Box::pin(one.landing()), Box::pin(other.landing()));
        assert!(!first.as_mut().enable() && !second.as_mut().enable());
        flights.passed_on("key");
        assert!(first.as_mut().enable() && !second.as_mut().enable(), "the one that waits longest");
        flights.passed_on("key");
        assert!(second.as_mut().enable());
    }

    #[tokio::test]
    async fn a_key_rests_for_all_but_the_one_that_goes_on() {
        let flights = Flights::default();
        let (failed, other) = (DeliveryId::new(), DeliveryId::new());
        let at = |ms: i64| Timestamp(1_000_000 + ms);
        let waiter = flights.waiter("key");
        let mut waiting = Box::pin(waiter.landing());
        flights.rests("key", failed, at(50), at(0));
        assert!(waiting.as_mut().enable(), "whoever waits learns of it");
        assert_eq!(flights.resting("key", failed, at(0)), None);
        assert_eq!(flights.resting("key", other, at(60_049)), Some(at(50)), "it may wait for its turn");
        assert_eq!(flights.resting("another", other, at(0)), None);
        assert_eq!(flights.resting("key", other, at(60_050)), None);
        flights.rests("key", failed, at(5_000_000), at(0));
        assert_eq!(flights.resting("key", other, at(1)), Some(at(900_000)), "not for ever");
        flights.landed("key");
        assert_eq!(flights.resting("key", other, at(2)), None, "it is known");
        for number in 0..10_000 {
            flights.rests(&format!("{number}"), failed, at(number * 600), at(number * 600));
        }
        assert!(flights.all().resting.capacity() < 4 * MANY, "what rests no more costs nothing");
    }
}
