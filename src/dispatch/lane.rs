//! Lanes: deliveries of one lane go out one after the other, in the order of their events. Only busy lanes are kept here,
//! each with a few of what waits behind its head; the rest waits in the store, parked. Pure.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::store::StoredDelivery;

/// So many are held in memory behind the head of a lane; they are spared the way into the store and back.
const HELD: usize = 8;
/// So many are taken out of the store at a time when a lane goes on.
pub(super) const REFILL: usize = HELD;

/// The busy lanes of a connection.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    busy: HashMap<Arc<str>, Lane>,
    /// Lanes whose head has gone back into the store, while a lease is under way that may still bring one of theirs.
    resting: HashSet<Arc<str>>,
    /// Deliveries held behind the heads, and how long their requests are together.
    held: usize,
    bytes: usize,
    /// A lane was left of which something is parked that comes before all that is due.
    left_behind: bool,
}

#[derive(Debug, Default)]
struct Lane {
    stage: Stage,
    /// The delivery that is ready or under way.
    head: i64,
    /// The head again: it went back into the store, and was leased anew before that was heard here.
    early: Option<StoredDelivery>,
    /// What goes out next, in order.
    waiting: VecDeque<StoredDelivery>,
    /// The store has more, behind those.
    parked: bool,
    /// So many are being parked at this moment, and the first of those that were since none was.
    parking: usize,
    first_parking: Option<i64>,
    /// Some were parked since the store was asked for more.
    again: bool,
    /// The first that was parked, where it may come before the head: it was released, or sent again later.
    first_parked: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Its head is ready or under way.
    #[default]
    Busy,
    /// Nothing of it is in memory; what is being parked must be in the store before more is taken out of it.
    Empty,
    /// Its next ones are being taken out of the store.
    Refilling,
    /// Its head waits in the store for its time.
    Resting,
}

/// What is to be done with a delivery that was leased.
#[derive(Debug, PartialEq)]
pub(super) enum Entered {
    Go(StoredDelivery),
    /// It waits here for its lane.
    Held,
    /// It is to wait in the store for its lane.
    Park(StoredDelivery),
}

/// How a lane goes on.
#[derive(Debug, PartialEq)]
pub(super) enum Then {
    Nothing,
    Go(StoredDelivery),
    /// Its next ones are to be taken out of the store.
    Refill(Arc<str>),
}

impl Lanes {
    /// How many are held behind the heads.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// How long the requests are that are held behind the heads.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A delivery was leased; `due` when it had waited in the store for its time, and not come by the cursor.
    pub(super) fn enter(&mut self, delivery: StoredDelivery, due: bool) -> Entered {
        let Some(name) = delivery.lane.clone() else { return Entered::Go(delivery) };
        let Some(lane) = self.busy.get_mut(&name) else {
            self.busy.insert(name, Lane { head: delivery.seq, ..Lane::default() });
            return Entered::Go(delivery);
        };
        if lane.stage == Stage::Resting && due {
            (lane.stage, lane.head) = (Stage::Busy, delivery.seq);
            self.resting.remove(&name);
            return Entered::Go(delivery);
        }
        if lane.stage == Stage::Busy && lane.head == delivery.seq {
            lane.early = Some(delivery);
            return Entered::Held;
        }
        if lane.stage == Stage::Resting || lane.parked || lane.parking > 0 || lane.waiting.len() >= HELD {
            lane.parked = true;
            lane.parking += 1;
            lane.parks(delivery.seq);
            return Entered::Park(delivery);
        }
        let at = lane.waiting.partition_point(|other| other.seq < delivery.seq);
        self.held += 1;
        self.bytes += delivery.request.len();
        lane.waiting.insert(at, delivery);
        Entered::Held
    }

    /// The head of a lane is done. `parked`: the store says that more of it is parked.
    pub(super) fn leave(&mut self, lane: Option<&Arc<str>>, parked: bool) -> Then {
        let Some((name, lane)) = lane.and_then(|name| Some((name, self.busy.get_mut(name)?))) else {
            return Then::Nothing;
        };
        lane.parked |= parked;
        // A person let it go on again before its end was heard here.
        if let Some(again) = lane.early.take() {
            return Then::Go(again);
        }
        if let Some(next) = lane.waiting.pop_front() {
            self.held -= 1;
            self.bytes -= next.request.len();
            lane.head = next.seq;
            return Then::Go(next);
        }
        lane.stage = Stage::Empty;
        let name = name.clone();
        self.go_on(&name)
    }

    /// The head of a lane has gone back into the store to wait: what is held behind it is to be parked. `leasing`: a lease
    /// is under way. The head may be here again already.
    pub(super) fn rest(
        &mut self,
        lane: Option<&Arc<str>>,
        leasing: bool,
    ) -> Result<StoredDelivery, Vec<StoredDelivery>> {
        let Some((name, lane)) = lane.and_then(|name| Some((name, self.busy.get_mut(name)?))) else {
            return Err(Vec::new());
        };
        if let Some(again) = lane.early.take() {
            return Ok(again);
        }
        lane.stage = Stage::Resting;
        lane.parking += lane.waiting.len();
        self.held -= lane.waiting.len();
        self.bytes -= lane.waiting.iter().map(|waiting| waiting.request.len()).sum::<usize>();
        if let Some(first) = lane.waiting.front().map(|first| first.seq) {
            lane.parks(first);
        }
        let waiting = std::mem::take(&mut lane.waiting).into();
        if leasing {
            self.resting.insert(name.clone());
        }
        let name = name.clone();
        self.forget_rested(&name);
        Err(waiting)
    }

    /// No lease is under way that began before now.
    pub(super) fn leased(&mut self) {
        for name in std::mem::take(&mut self.resting) {
            self.forget_rested(&name);
        }
    }

    /// Some of a lane were parked, as [`Entered::Park`] or [`Lanes::rest`] said.
    pub(super) fn were_parked(&mut self, lane: &Arc<str>, count: usize) -> Then {
        let Some(known) = self.busy.get_mut(lane) else { return Then::Nothing };
        known.parking = known.parking.saturating_sub(count);
        known.first_parking = known.first_parking.filter(|_| known.parking > 0);
        known.parked = true;
        match known.stage {
            Stage::Empty => return self.go_on(lane),
            Stage::Refilling => known.again = true,
            Stage::Resting => self.forget_rested(lane),
            Stage::Busy => {}
        }
        Then::Nothing
    }

    /// The next ones of a lane, as [`Then::Refill`] asked for: at most [`REFILL`]. Also those of them that are to be parked
    /// again: one that is being parked comes before them.
    pub(super) fn refill(&mut self, name: &Arc<str>, mut found: Vec<StoredDelivery>) -> (Then, Vec<StoredDelivery>) {
        let Some(lane) = self.busy.get_mut(name) else { return (Then::Nothing, Vec::new()) };
        let first = lane.first_parking.unwrap_or(i64::MAX);
        let behind = found.split_off(found.partition_point(|found| found.seq <= first));
        lane.parking += behind.len();
        // What was parked since the store was asked may still be there.
        lane.parked = found.len() >= REFILL || lane.parking > 0 || lane.again;
        if lane.parking == 0 && !lane.again {
            lane.first_parked = None;
        }
        lane.again = false;
        self.held += found.len();
        self.bytes += found.iter().map(|found| found.request.len()).sum::<usize>();
        lane.waiting.extend(found);
        let then = match lane.waiting.pop_front() {
            Some(next) => {
                self.held -= 1;
                self.bytes -= next.request.len();
                (lane.stage, lane.head) = (Stage::Busy, next.seq);
                Then::Go(next)
            }
            None => {
                lane.stage = Stage::Empty;
                self.go_on(name)
            }
        };
        (then, behind)
    }

    /// The first of what a lane has in the store, which was to be asked for: there may be more behind it.
    pub(super) fn refound(&mut self, name: &Arc<str>, found: StoredDelivery) -> (Then, Vec<StoredDelivery>) {
        if let Some(lane) = self.busy.get_mut(name) {
            lane.again = true;
        }
        self.refill(name, vec![found])
    }

    /// A lane that has nothing in memory: on with what is parked, or its end.
    fn go_on(&mut self, name: &Arc<str>) -> Then {
        match self.busy.get_mut(name) {
            // Once they are parked they are taken out again, in their order.
            Some(lane) if lane.parking > 0 => Then::Nothing,
            Some(lane) if lane.parked => {
                lane.stage = Stage::Refilling;
                Then::Refill(name.clone())
            }
            _ => {
                self.busy.remove(name);
                Then::Nothing
            }
        }
    }

    fn forget_rested(&mut self, name: &Arc<str>) {
        let over = |lane: &Lane| lane.stage == Stage::Resting && lane.parking == 0;
        if !self.resting.contains(name) && self.busy.get(name).is_some_and(over) {
            let lane = self.busy.remove(name);
            self.left_behind |= lane.is_some_and(|lane| lane.first_parked.is_some_and(|first| first < lane.head));
        }
    }

    /// Whether lanes are to be looked for that were left behind: when the head that rests is due, it finds another before
    /// it, which nobody would take out of the store.
    pub(super) fn take_left_behind(&mut self) -> bool {
        std::mem::take(&mut self.left_behind)
    }
}

impl Lane {
    fn parks(&mut self, seq: i64) {
        let first = |known: Option<i64>| Some(known.map_or(seq, |first| first.min(seq)));
        (self.first_parked, self.first_parking) = (first(self.first_parked), first(self.first_parking));
    }
}

#[cfg(test)]
mod tests;
