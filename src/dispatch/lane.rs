//! Lanes: deliveries of one lane go out one after the other, in the order of their arrival. Only busy lanes are kept.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::store::StoredDelivery;

/// The busy lanes of a connection, each with what waits behind its head.
#[derive(Debug, Default)]
pub(super) struct Lanes(HashMap<Arc<str>, VecDeque<StoredDelivery>>);

impl Lanes {
    /// The delivery when it may go out now; kept when its lane is busy.
    pub(super) fn enter(&mut self, delivery: StoredDelivery) -> Option<StoredDelivery> {
        let Some(lane) = delivery.lane.clone() else { return Some(delivery) };
        match self.0.get_mut(&lane) {
            Some(waiting) => {
                waiting.push_back(delivery);
                None
            }
            None => {
                self.0.insert(lane, VecDeque::new());
                Some(delivery)
            }
        }
    }

    /// The head of the lane is done: the next of it, if there is one.
    pub(super) fn leave(&mut self, lane: Option<&Arc<str>>) -> Option<StoredDelivery> {
        let lane = lane?;
        let next = self.0.get_mut(lane)?.pop_front();
        if next.is_none() {
            self.0.remove(lane);
        }
        next
    }
}
