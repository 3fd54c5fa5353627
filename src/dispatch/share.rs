//! What is ready to go out, shared fairly: each route has its turn, however much another one has brought.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::store::StoredDelivery;

/// The ready deliveries of a connection, in a queue for each route.
#[derive(Debug, Default)]
pub(super) struct Shares {
    queues: HashMap<Arc<str>, VecDeque<StoredDelivery>>,
    /// The routes that have something, the one whose turn it is first.
    turns: VecDeque<Arc<str>>,
    len: usize,
    /// How long their requests are together.
    bytes: usize,
}

impl Shares {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn of_route(&self, route: &str) -> usize {
        self.queues.get(route).map_or(0, VecDeque::len)
    }

    pub(super) fn push(&mut self, delivery: StoredDelivery) {
        let route = delivery.route.clone();
        let queue = self.queues.entry(route.clone()).or_default();
        if queue.is_empty() {
            self.turns.push_back(route);
        }
        self.bytes += delivery.request.len();
        queue.push_back(delivery);
        self.len += 1;
    }

    /// The next, of the route whose turn it is.
    pub(super) fn pop(&mut self) -> Option<StoredDelivery> {
        let route = self.turns.pop_front()?;
        let queue = self.queues.get_mut(&route)?;
        let next = queue.pop_front()?;
        self.len -= 1;
        self.bytes -= next.request.len();
        match queue.is_empty() {
            true => drop(self.queues.remove(&route)),
            false => self.turns.push_back(route),
        }
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::delivery;
    use super::*;

    #[test]
    fn each_route_has_its_turn() {
        let mut shares = Shares::default();
        for (seq, route) in [(1, "a"), (2, "a"), (3, "a"), (4, "b"), (5, "a"), (6, "c"), (7, "b")] {
            shares.push(StoredDelivery { request: "12345".to_owned(), ..delivery(seq, route, None) });
        }
        assert_eq!(shares.bytes(), 35);
        assert_eq!((shares.len(), shares.of_route("a"), shares.of_route("none")), (7, 4, 0));
        let order: Vec<i64> = std::iter::from_fn(|| shares.pop()).map(|delivery| delivery.seq).collect();
        assert_eq!(order, [1, 4, 6, 2, 7, 3, 5]);
        assert_eq!((shares.len(), shares.bytes()), (0, 0));
        assert!(shares.queues.is_empty(), "a route without deliveries costs nothing");
    }
}
