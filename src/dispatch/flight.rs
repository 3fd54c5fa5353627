//! One at a time finds out what many want to know: who finds a key taken waits here for the one who has it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The keys that somebody waits for, each with its waiters.
#[derive(Clone, Debug, Default)]
pub(super) struct Flights(Arc<Mutex<HashMap<String, Arc<Notify>>>>);

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
        let notify = self.all().entry(key.to_owned()).or_default().clone();
        Waiter { flights: self.clone(), key: key.to_owned(), notify }
    }

    /// It is known what the key stands for: all go on.
    pub(super) fn landed(&self, key: &str) {
        if let Some(notify) = self.all().get(key) {
            notify.notify_waiters();
        }
    }

    /// Whoever had this key is done with it and has found nothing out: the one that waits longest tries, and the others go
    /// on waiting.
    pub(super) fn passed_on(&self, key: &str) {
        if let Some(notify) = self.all().get(key) {
            notify.notify_one();
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Arc<Notify>>> {
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
            all.remove(&self.key);
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
        assert!(flights.all().is_empty(), "a key that nobody waits for costs nothing");
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
}
