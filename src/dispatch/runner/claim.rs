//! One at a time finds out what is remembered: the first who asks has the key, the others wait for it.

use std::time::Duration;

use super::super::{OWNER, Shared, Stage, stored};
use super::{PATIENCE, Runner};
use crate::clock::Timestamp;
use crate::id::DeliveryId;
use crate::plan::Memory;
use crate::store::Claim;

/// How much longer than its call a claim holds, so that a record on a slow disk is still covered.
const MARGIN: Duration = Duration::from_secs(30);

/// How much later than one that goes on with a key the others ask.
const BEHIND: Duration = Duration::from_millis(250);

/// What asking for a key came to.
pub(super) enum Claimed<'s> {
    /// What was saved, as JSON.
    Known(String),
    /// It is ours to find out.
    Mine(Held<'s>),
    /// Somebody else takes long to find it out; ask again then.
    Later(Timestamp),
    /// This delivery may have found it out, and is held.
    Held(DeliveryId),
    Stopped,
}

/// A claim that we have.
pub(super) struct Held<'s> {
    shared: &'s Shared,
    pub key: String,
    owner: String,
    /// How long the call may take, and until when the claim holds.
    takes: Duration,
    until: Timestamp,
    /// Somebody has tried to find it out, and nobody knows how that ended.
    pub doubtful: bool,
    /// Somebody else had it first.
    pub waited: bool,
}

impl<'s> Held<'s> {
    /// Makes sure that the claim outlasts a call that begins now: a token and a turn may have taken their time. Otherwise
    /// what is so meanwhile.
    pub(super) async fn outlasts(&mut self) -> Result<(), Claimed<'s>> {
        let (shared, now) = (self.shared, self.shared.clock.now());
        if now.plus(self.takes + MARGIN) <= self.until {
            return Ok(());
        }
        let until = now.plus(self.takes + PATIENCE + MARGIN);
        match stored(shared, || shared.store.claim(&self.key, &self.owner, until, now)).await {
            Some(Claim::Mine) => self.until = until,
            // Ours ran out, and somebody had it meanwhile: what was asked for before is to be asked again.
            Some(Claim::Doubtful) => {
                (self.until, self.doubtful) = (until, true);
                return Err(Claimed::Later(now));
            }
            Some(Claim::Known(saved)) => return Err(Claimed::Known(saved)),
            Some(Claim::Held(held)) => return Err(Claimed::Held(held)),
            Some(Claim::Busy(busy)) => return Err(Claimed::Later(busy.min(now.plus(PATIENCE)))),
            None => return Err(Claimed::Stopped),
        }
        Ok(())
    }

    /// It is found out and on disk.
    pub(super) fn found(self) {
        self.shared.flights.landed(&self.key);
    }

    /// One other may try, and hears whether nobody knows how this ended: at once, or after this delivery has tried again.
    pub(super) async fn given_up(self, doubtful: bool, again: Option<(DeliveryId, Timestamp)>) {
        let Held { shared, key, owner, .. } = self;
        if let Some((delivery, at)) = again {
            shared.flights.rests(&key, delivery, at, shared.clock.now());
        }
        let _ = stored(shared, || shared.store.release_claim(&key, &owner, doubtful)).await;
        if again.is_none() {
            shared.flights.passed_on(&key);
        }
    }
}

impl<'s> Runner<'s> {
    /// Asks for a key, and waits for it for a while. Who waits gives the leave for its call back: the provider may go down
    /// meanwhile, and the budget is for those who call.
    pub(super) async fn claim(&mut self, memory: &Memory, takes: Duration) -> Claimed<'s> {
        let shared = self.shared;
        let owner = format!("{OWNER}/{}", self.delivery.id);
        let patient = shared.clock.now().plus(PATIENCE);
        let waiter = shared.flights.waiter(&memory.key);
        let mut waited = false;
        loop {
            let landing = waiter.landing();
            let now = shared.clock.now();
            if let Some(at) = shared.flights.resting(&memory.key, self.delivery.id, now) {
                return Claimed::Later(at.max(now.plus(PATIENCE)).plus(BEHIND));
            }
            let until = now.plus(takes + PATIENCE + MARGIN);
            let claim = stored(shared, || shared.store.claim(&memory.key, &owner, until, now)).await;
            let busy_until = match claim {
                None => return Claimed::Stopped,
                Some(Claim::Known(saved)) => return Claimed::Known(saved),
                Some(Claim::Held(held)) => return Claimed::Held(held),
                Some(claim @ (Claim::Mine | Claim::Doubtful)) => {
                    let (key, doubtful) = (memory.key.clone(), claim == Claim::Doubtful);
                    return Claimed::Mine(Held { shared, key, owner, takes, until, doubtful, waited });
                }
                Some(Claim::Busy(until)) => until,
            };
            waited = true;
            self.seat = None;
            let now = shared.clock.now();
            if now >= patient {
                return Claimed::Later(now.plus(PATIENCE));
            }
            let pause = now.until(busy_until.min(patient)).max(Duration::from_millis(1));
            tokio::select! {
                () = landing => {}
                () = tokio::time::sleep(pause) => {}
                () = shared.until(Stage::Stopping) => return Claimed::Stopped,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::shared;
    use super::*;
    use crate::clock::Clock;

    #[tokio::test]
    async fn a_claim_outlasts_its_call_or_is_given_up() {
        let clock = Clock::fixed(Timestamp(1_000_000));
        let pass = |seconds: i64| match &clock {
            Clock::Fixed(at) => drop(at.fetch_add(seconds * 1000, std::sync::atomic::Ordering::Relaxed)),
            Clock::System => {}
        };
        let (shared, _folder) = shared(&clock);
        let takes = Duration::from_secs(10);
        let others = async |owner: &str| {
            let now = clock.now();
            shared.store.claim("key", owner, now.plus(takes), now).await.unwrap()
        };
        let until = clock.now().plus(takes + PATIENCE + MARGIN);
        assert!(matches!(shared.store.claim("key", "us", until, clock.now()).await, Ok(Claim::Mine)));
        let (key, owner) = ("key".to_owned(), "us".to_owned());
        let mut held = Held { shared: &shared, key, owner, takes, until, doubtful: false, waited: false };
        assert!(held.outlasts().await.is_ok() && held.until == until, "nothing is written for what holds long enough");
        pass(40);
        assert!(held.outlasts().await.is_ok() && held.until > until);
        pass(40);
        assert!(matches!(others("them").await, Claim::Busy(_)), "it still holds where the first would have run out");
        pass(2);
        assert!(matches!(others("them").await, Claim::Mine));
        assert!(matches!(held.outlasts().await, Err(Claimed::Later(_))), "another finds it out");
        shared.store.remember("key", "{}", clock.now().plus(takes)).await.unwrap();
        assert!(matches!(held.outlasts().await, Err(Claimed::Known(_))));
    }
}
