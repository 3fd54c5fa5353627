//! Who is connected, for as many as there is room for. One more takes the place of whoever has brought nothing for longest.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::timeout;

/// No more connections are closed at once to make room: each needs its socket until it is.
const MOST_LEAVING: usize = 64;

/// One peer's fair share is this part of all places.
const CROWD: usize = 4;

/// How long it may take until one of them is closed.
const SOON: Duration = Duration::from_millis(100);

/// The places for connections.
#[derive(Debug)]
pub struct Places {
    most: usize,
    inner: Mutex<Inner>,
    /// One of those that had to go is gone.
    left: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    seats: HashMap<u64, Seat>,
    /// How many are there of each peer.
    peers: HashMap<IpAddr, usize>,
    leaving: usize,
}

#[derive(Debug)]
struct Seat {
    peer: IpAddr,
    /// Since when nothing whole came.
    since: Instant,
    doing: Doing,
    /// Whether a request of it was taken.
    is_good: bool,
    loss: Arc<Loss>,
}

/// How a connection learns that it has no place any more.
#[derive(Debug, Default)]
struct Loss {
    notify: Notify,
    /// Whether it was in a request that nothing was answered to.
    is_arriving: AtomicBool,
}

/// What a connection is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// A request is on its way, or its first one is waited for.
    Arriving,
    /// A whole request is worked on.
    Working,
    /// Its last request is answered.
    Resting,
}

/// A connection's place; free again when it is dropped.
#[derive(Debug)]
pub struct Place {
    id: u64,
    places: Arc<Places>,
    loss: Arc<Loss>,
    /// Who is connected; of IPv6, the network.
    pub(super) peer: IpAddr,
}

/// What came of looking for a place.
#[derive(Debug)]
pub struct Seated {
    pub place: Arc<Place>,
    /// Whether another one was closed for it that had brought no whole request.
    pub is_crowded: bool,
}

impl Places {
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Places { most, inner: Mutex::default(), left: Notify::new() })
    }

    /// A place for a connection; nothing while each of the others is worked for.
    pub fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Seated> {
        let mut inner = self.inner();
        let is_crowded = match inner.seats.len() < self.most {
            true => false,
            false => inner.unseat(self.most / CROWD)?,
        };
        let (id, loss, peer) = (inner.next, Arc::new(Loss::default()), network(peer));
        inner.next += 1;
        *inner.peers.entry(peer).or_default() += 1;
        let seat = Seat { peer, since: Instant::now(), doing: Doing::Arriving, is_good: false, loss: loss.clone() };
        inner.seats.insert(id, seat);
        Some(Seated { place: Arc::new(Place { id, places: self.clone(), loss, peer }), is_crowded })
    }

    /// Over when one more can be told to go, which is soon: those that were told only have to close their sockets.
    pub async fn can_be_made(&self) {
        while self.inner().leaving >= MOST_LEAVING && timeout(SOON, self.left.notified()).await.is_ok() {}
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Inner {
    /// Tells one connection to go, and whether it had brought no whole request; nothing where all are worked for. A peer with
    /// more connections than a fair share comes first, whatever it has brought: one request is soon sent.
    fn unseat(&mut self, share: usize) -> Option<bool> {
        if self.leaving >= MOST_LEAVING {
            return None;
        }
        let rests = self.seats.iter().filter(|(_, seat)| seat.doing != Doing::Working);
        let by_worth = |(_, seat): &(&u64, &Seat)| {
            let count = self.count(seat.peer);
            (count <= share, seat.is_good, usize::MAX - count, seat.since)
        };
        let id = *rests.min_by_key(by_worth)?.0;
        let seat = self.remove(id)?;
        self.leaving += 1;
        let is_arriving = seat.doing == Doing::Arriving;
        seat.loss.is_arriving.store(is_arriving, Ordering::Relaxed);
        seat.loss.notify.notify_one();
        Some(is_arriving)
    }

    fn count(&self, peer: IpAddr) -> usize {
        self.peers.get(&peer).copied().unwrap_or_default()
    }

    fn remove(&mut self, id: u64) -> Option<Seat> {
        let seat = self.seats.remove(&id)?;
        let left = self.count(seat.peer).saturating_sub(1);
        match left {
            0 => self.peers.remove(&seat.peer),
            left => self.peers.insert(seat.peer, left),
        };
        Some(seat)
    }
}

impl Place {
    /// A whole request is there.
    pub fn works(&self) {
        self.is(Doing::Working, false);
    }

    /// A request is answered; `is_good` when it was taken.
    pub fn rests(&self, is_good: bool) {
        self.is(Doing::Resting, is_good);
    }

    /// The head of a request is there, and its body is waited for. It has waited since its last request.
    pub fn reads(&self) {
        if let Some(seat) = self.places.inner().seats.get_mut(&self.id) {
            seat.doing = Doing::Arriving;
        }
    }

    /// Over when another connection has this place; whether a request is on its way, to which that is an answer.
    pub async fn is_lost(&self) -> bool {
        self.loss.notify.notified().await;
        self.loss.is_arriving.load(Ordering::Relaxed)
    }

    fn is(&self, doing: Doing, is_good: bool) {
        if let Some(seat) = self.places.inner().seats.get_mut(&self.id) {
            (seat.doing, seat.since) = (doing, Instant::now());
            seat.is_good |= is_good;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inner = self.places.inner();
        if inner.remove(self.id).is_none() {
            inner.leaving = inner.leaving.saturating_sub(1);
            self.places.left.notify_one();
        }
    }
}

/// What one peer can choose its addresses from: of IPv6, everybody has a network.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let bits = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn is_lost(place: &Place) -> bool {
        use futures_util::FutureExt;
        place.is_lost().now_or_never().is_some()
    }

    #[test]
    fn who_has_brought_nothing_for_longest_goes() {
        let places = Places::new(3);
        let take = || places.take(peer(1)).unwrap().place;
        let (good, old, new) = (take(), take(), take());
        good.works();
        good.rests(true);
        let seated = places.take(peer(1)).unwrap();
        assert!(seated.is_crowded && is_lost(&old) && !is_lost(&new) && !is_lost(&good));
        // Of those whose requests were taken, one goes when there is nobody else.
        [&new, &seated.place].iter().for_each(|place| place.works());
        let seated = places.take(peer(1)).unwrap();
        assert!(!seated.is_crowded && is_lost(&good));
        seated.place.works();
        assert!(places.take(peer(1)).is_none(), "all are worked for");
    }

    #[test]
    fn of_whom_there_are_most_one_goes() {
        let places = Places::new(4);
        let alone = places.take(peer(1)).unwrap().place;
        let crowd: Vec<_> = (0..3).map(|_| places.take(peer(2)).unwrap().place).collect();
        let _more = places.take(peer(3)).unwrap();
        assert!(is_lost(&crowd[0]) && !is_lost(&alone));
        // What is refused brings nothing.
        crowd[1].works();
        crowd[1].rests(false);
        let _more = places.take(peer(3)).unwrap();
        assert!(is_lost(&crowd[2]) && !is_lost(&crowd[1]) && !is_lost(&alone));
    }

    #[test]
    fn a_crowd_gains_nothing_by_a_request_of_each() {
        let places = Places::new(8);
        let crowd: Vec<_> = (0..7).map(|_| places.take(peer(2)).unwrap().place).collect();
        crowd.iter().for_each(|place| place.rests(true));
        let new = places.take(peer(1)).unwrap().place;
        let _others: Vec<_> = (0..4).map(|_| places.take(peer(2)).unwrap()).collect();
        assert!(!is_lost(&new) && crowd.iter().filter(|place| is_lost(place)).count() == 1);
        let _last = places.take(peer(3)).unwrap();
        assert!(!is_lost(&new));
    }

    #[test]
    fn a_place_is_free_again() {
        let places = Places::new(1);
        drop(places.take(peer(1)).unwrap());
        let first = places.take(peer(1)).unwrap();
        assert!(!first.is_crowded);
        // As long as those that are told to go are still there, no more are told.
        let mut held = vec![first];
        while let Some(next) = places.take(peer(1)) {
            held.push(next);
        }
        assert_eq!(held.len(), MOST_LEAVING + 1);
        drop(held);
        assert!(places.take(peer(1)).is_some_and(|seated| !seated.is_crowded));
        assert!(places.inner().peers.is_empty() && places.inner().leaving == 0);
    }

    #[test]
    fn a_network_of_ipv6_is_one_peer() {
        let parse = |text: &str| network(text.parse().unwrap());
        assert_eq!(parse("2001:db8:1:2::1"), parse("2001:db8:1:2:ffff::9"));
        assert_ne!(parse("2001:db8:1:2::1"), parse("2001:db8:1:3::1"));
        assert_eq!(parse("::ffff:192.0.2.1"), parse("192.0.2.1"));
    }
}
