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

    /// The head of the lane is done: the next of it, if there is one here.
    pub(super) fn following(&mut self, lane: Option<&Arc<str>>) -> Option<StoredDelivery> {
        self.0.get_mut(lane?)?.pop_front()
    }

    /// Nothing of the lane is left.
    pub(super) fn leave(&mut self, lane: Option<&Arc<str>>) {
        if let Some(lane) = lane {
            self.0.remove(lane);
        }
    }

    /// What was parked in the store goes on behind what waits here: the first of it, if there is one.
    pub(super) fn resume(&mut self, lane: &Arc<str>, parked: Vec<StoredDelivery>) -> Option<StoredDelivery> {
        let waiting = self.0.entry(lane.clone()).or_default();
        // What was leased meanwhile came later.
        parked.into_iter().rev().for_each(|delivery| waiting.push_front(delivery));
        let next = waiting.pop_front();
        if next.is_none() {
            self.0.remove(lane);
        }
        next
    }
}
