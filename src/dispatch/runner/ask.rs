//! Steps that asked in vain. Others wait until it is known what the next call makes of it, and when nobody knows that, they
//! are asked again before anything is made.

use std::time::Duration;

use super::super::stored;
use super::claim::Held;
use super::{Done, Runner, Step, Target, number};
use crate::clock::Timestamp;
use crate::id::DeliveryId;
use crate::live::Revision;
use crate::plan::{Memory, is_nothing};

/// How often it is looked whether a delivery is held no more that another one waits for.
const HELD: Duration = Duration::from_secs(30);

impl<'s> Runner<'s> {
    /// A delivery of which nobody knows what its last call has done asks again first. False when the server stops.
    pub(super) async fn ask_anew(&mut self) -> bool {
        let Some(index) = self.next_step() else { return true };
        self.fresh_from = index;
        let revision = self.shared.live.now();
        match self.plan.asked(index, &self.saved, &revision.set).filter(|_| self.delivery.doubtful) {
            Some(from) => matches!(self.ask_again(from, index, &revision).await, Step::Back),
            None => true,
        }
    }

    /// The steps from this one on have asked in vain, and are to be asked again.
    async fn ask_again(&mut self, from: usize, index: usize, revision: &Revision) -> Step {
        let remembered = self.plan.remembered(from..index, &self.saved, &revision.set);
        let (seq, first) = (self.delivery.seq, number(from));
        match stored(self.shared, || self.shared.store.undo(seq, first, remembered.clone())).await {
            Some(()) => {
                self.saved.undo(from);
                self.fresh_from = self.fresh_from.min(from);
                Step::Back
            }
            None => Step::End(Done::Left),
        }
    }

    /// A step whose key is ours to find out.
    pub(super) async fn find_out(
        &mut self,
        index: usize,
        target: Target,
        memory: &Memory,
        mut claim: Held<'s>,
        revision: &Revision,
    ) -> Step {
        if let Some(asked) = self.plan.asked(index, &self.saved, &revision.set) {
            if self.is_outdated(asked, &claim) {
                self.asked_again |= claim.waited;
                claim.given_up(true, None).await;
                return self.ask_again(asked, index, revision).await;
            }
            claim.doubtful = false;
        }
        self.claimed = Some(memory.key.clone());
        let step = self.call(index, target, Some((memory, &mut claim)), revision).await;
        self.claimed = None;
        match (&step, self.saved.get(index)) {
            (Step::Done, Some(saved)) if self.plan.is_lasting(index, saved) => claim.found(),
            (Step::Done, Some(saved)) if is_nothing(saved) && self.plan.asks(index, &revision.set) => {
                self.asked.push(claim);
            }
            // The same call is made again at once.
            (Step::Done, None) => claim.found(),
            _ => {
                let doubtful = self.doubtful || claim.doubtful;
                self.again = self.called.and(again(&step)).map(|at| (self.delivery.id, at));
                claim.given_up(doubtful, self.again).await;
            }
        }
        step
    }

    /// Whether somebody has tried to make what these steps did not find, since they asked.
    fn is_outdated(&self, asked: usize, claim: &Held<'_>) -> bool {
        claim.doubtful && (asked < self.fresh_from || (claim.waited && !self.asked_again))
    }

    /// It is known what became of what was asked for: under these keys it is remembered, and whoever waits for others asks.
    pub(super) async fn let_asked_go(&mut self, remembered: &[String]) {
        for held in std::mem::take(&mut self.asked) {
            match remembered.contains(&held.key) {
                true => held.found(),
                false => held.given_up(false, self.again).await,
            }
        }
    }

    /// Whoever waits for this delivery learns that it is over, or when it goes on.
    pub(super) async fn leaves(&mut self, done: &Done) {
        if let Done::Waits(Some(at)) = done {
            self.goes_on(*at);
        }
        self.let_asked_go(&[]).await;
    }

    /// What this delivery has asked for in vain is made when it goes on: nobody need ask for it before.
    fn goes_on(&mut self, at: Timestamp) {
        let (shared, id) = (self.shared, self.delivery.id);
        self.again.get_or_insert((id, at));
        let live = shared.live.now();
        let Some(index) = self.next_step() else { return };
        let Some(from) = self.plan.asked(index, &self.saved, &live.set) else { return };
        for step in from..index {
            if let Ok(Some(memory)) = self.plan.memory(step, &self.saved, &live.set) {
                shared.flights.rests(&memory.key, id, at, shared.clock.now());
            }
        }
    }

    /// A step that is made whatever is remembered of it.
    pub(super) async fn forget(&mut self, index: usize, key: String, saved: String) -> Step {
        let (seq, step, remembered) = (self.delivery.seq, number(index), vec![(key, saved)]);
        match stored(self.shared, || self.shared.store.undo(seq, step, remembered.clone())).await {
            Some(()) => Step::Back,
            None => Step::End(Done::Left),
        }
    }

    /// Another one may have made what this one needs, and is held until a person says whether it has.
    pub(super) async fn wait_for(&mut self, held: DeliveryId) -> Step {
        let (seq, due) = (self.delivery.seq, self.shared.clock.now().plus(HELD));
        let reason =
            format!("waits for {held}, which is held and may have made what this one needs: release or dismiss it");
        match stored(self.shared, || self.shared.store.postpone_because(seq, due, &reason)).await {
            Some(_) => Step::End(Done::Waits(Some(due))),
            None => Step::End(Done::Left),
        }
    }
}

/// When a delivery that could not go on tries again.
fn again(step: &Step) -> Option<Timestamp> {
    match step {
        Step::End(Done::Waits(at)) => *at,
        _ => None,
    }
}
