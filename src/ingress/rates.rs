//! How fast each source is sent to, over every reload of its workspace.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use crate::source::{Bucket, Rate, Source};

/// So many times its rate may come to a source, from one peer, of what is not proved yet. Strangers must not use up what
/// its sender may send, and neither all there is to verify with.
const UNPROVED: u32 = 10;

/// So many peers are counted apart at one source; further ones share what one may send.
const MOST_PEERS: usize = 1024;

/// The buckets of the sources, by name. They go on from one revision to the next: saving a file fills none.
#[derive(Clone, Debug)]
pub struct Rates {
    began: Instant,
    buckets: Arc<RwLock<BTreeMap<Arc<str>, Arc<Buckets>>>>,
}

/// What a request counted as when its head was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// Proved, and it may yet be a challenge that needs no proof.
    Nothing,
    Unproved,
    Proved,
}

#[derive(Debug)]
struct Buckets {
    rate: Rate,
    /// Of requests that are verified.
    proved: Bucket,
    unproved: Mutex<Peers>,
}

/// What each peer sent of which nothing is known.
#[derive(Debug)]
struct Peers {
    rate: Rate,
    known: HashMap<IpAddr, Bucket>,
    others: Bucket,
}

impl Default for Rates {
    fn default() -> Self {
        Rates { began: Instant::now(), buckets: Arc::default() }
    }
}

impl Rates {
    /// A request that nothing is known of; or how long until one is taken.
    pub(super) fn arrived(&self, source: &Source, peer: IpAddr) -> Result<(), Duration> {
        self.of(source).map_or(Ok(()), |buckets| buckets.arrived(peer, self.began.elapsed()))
    }

    /// The same request, now that it is verified.
    pub(super) fn proved(&self, source: &Source, peer: IpAddr, counted: Counted) -> Result<(), Duration> {
        self.of(source).map_or(Ok(()), |buckets| buckets.proved(peer, counted, self.began.elapsed()))
    }

    fn of(&self, source: &Source) -> Option<Arc<Buckets>> {
        let rate = source.rate?;
        let known = self.buckets.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(buckets) = known.get(&source.name).filter(|buckets| buckets.rate == rate) {
            return Some(buckets.clone());
        }
        drop(known);
        let mut known = self.buckets.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let buckets = known.entry(source.name.clone()).or_insert_with(|| Buckets::new(rate));
        if buckets.rate != rate {
            *buckets = Buckets::new(rate);
        }
        Some(buckets.clone())
    }
}

impl Buckets {
    fn new(rate: Rate) -> Arc<Self> {
        let unproved = rate.times(UNPROVED);
        let peers = Peers { rate: unproved, known: HashMap::new(), others: Bucket::new(unproved) };
        Arc::new(Buckets { rate, proved: Bucket::new(rate), unproved: Mutex::new(peers) })
    }

    fn arrived(&self, peer: IpAddr, now: Duration) -> Result<(), Duration> {
        self.of(peer, now, |bucket| bucket.take(now))
    }

    fn proved(&self, peer: IpAddr, counted: Counted, now: Duration) -> Result<(), Duration> {
        match counted {
            Counted::Proved => return Ok(()),
            Counted::Unproved => self.of(peer, now, Bucket::give_back),
            Counted::Nothing => {}
        }
        self.proved.take(now)
    }

    fn of<T>(&self, peer: IpAddr, now: Duration, does: impl FnOnce(&Bucket) -> T) -> T {
        does(self.unproved.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).of(peer, now))
    }
}

impl Peers {
    fn of(&mut self, peer: IpAddr, now: Duration) -> &Bucket {
        if !self.known.contains_key(&peer) && self.known.len() >= MOST_PEERS {
            // Whoever may send all of it again is as good as unknown.
            self.known.retain(|_, bucket| !bucket.is_full(now));
        }
        if self.known.len() >= MOST_PEERS && !self.known.contains_key(&peer) {
            return &self.others;
        }
        self.known.entry(peer).or_insert_with(|| Bucket::new(self.rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: usize) -> IpAddr {
        let [.., high, low] = number.to_be_bytes();
        IpAddr::from([10, 0, high, low])
    }

    fn buckets() -> Arc<Buckets> {
        Buckets::new(Rate::new(2, Duration::from_secs(60)).unwrap())
    }

    #[test]
    fn strangers_take_nothing_of_what_the_sender_may_send() {
        let (now, one) = (Duration::from_secs(1), peer(1));
        let buckets = buckets();
        assert!((0..19).all(|_| buckets.arrived(one, now).is_ok()));
        let sent = |_| buckets.arrived(one, now).is_ok() && buckets.proved(one, Counted::Unproved, now).is_ok();
        assert_eq!([0, 1, 2].map(sent), [true, true, false]);
        // What is proved is given back, so that one place for strangers is left.
        assert_eq!([0, 1].map(|_| buckets.arrived(one, now).is_ok()), [true, false]);
        // Another peer has its own.
        assert!((0..20).all(|_| buckets.arrived(peer(2), now).is_ok()) && buckets.arrived(peer(2), now).is_err());
    }

    #[test]
    fn what_is_proved_by_its_head_counts_once() {
        let (now, one) = (Duration::from_secs(1), peer(1));
        let buckets = buckets();
        assert!((0..20).all(|_| buckets.arrived(one, now).is_ok()));
        assert_eq!([0, 1, 2].map(|_| buckets.proved(one, Counted::Nothing, now).is_ok()), [true, true, false]);
        assert!(buckets.proved(one, Counted::Proved, now).is_ok());
    }

    #[test]
    fn no_more_peers_are_kept_than_there_is_room_for() {
        let (now, later) = (Duration::from_secs(1), Duration::from_secs(120));
        let buckets = buckets();
        assert!((0..MOST_PEERS + 20).all(|number| buckets.arrived(peer(number), now).is_ok()));
        assert!(buckets.arrived(peer(MOST_PEERS + 20), now).is_err(), "the others share one");
        assert!(buckets.arrived(peer(1), now).is_ok());
        assert!(buckets.arrived(peer(MOST_PEERS + 20), later).is_ok());
        assert_eq!(buckets.unproved.lock().unwrap().known.len(), 1);
    }
}
