//! What becomes of a delivery whose access token can't be had, or is not taken.

use std::time::Duration;

use super::super::Stage;
use super::super::pace::{Ended, Health};
use super::{Done, Made, Runner, Step, Target};
use crate::clock::Timestamp;
use crate::delivery::{AttemptResult, Trouble};
use crate::live::Revision;
use crate::pack::outcome::Outcome;
use crate::secret::Secret;

/// How long a delivery rests at the least whose token service is down.
const REST: Duration = Duration::from_secs(2);

/// How the provider takes the account that a call was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Account {
    /// As far as can be told, it takes it.
    Taken,
    /// The token was too old, and there is another.
    Renewed,
    /// The token was too old, and perhaps there is another later.
    Later,
    /// It takes no token, and no other helps without a person.
    Refused,
}

impl Account {
    /// What it tells of the provider, where it tells anything.
    pub(super) fn health(self) -> Option<Health> {
        match self {
            Account::Taken => None,
            // The next call tells.
            Account::Renewed => Some(Health::Unclear),
            Account::Later => Some(Health::Down),
            Account::Refused => Some(Health::Refused),
        }
    }
}

impl Runner<'_> {
    /// No token could be had. A service that is down is as good as a provider that is down, and one that refuses as a provider
    /// that refuses: it uses up no attempt, and one delivery at a time tries whether that is over.
    pub(super) async fn without_token(
        &mut self,
        index: usize,
        target: &Target,
        trouble: Trouble,
        revision: &Revision,
    ) -> Step {
        if self.shared.is(Stage::Stopping) {
            return Step::End(Done::Left);
        }
        let mut made = Made::without_answer(AttemptResult::NotSent(trouble), self.shared.clock.now());
        let health = match trouble {
            Trouble::Connect | Trouble::Certificate | Trouble::Proxy | Trouble::NoToken => Some(Health::Down),
            Trouble::TokenRefused => Some(Health::Refused),
            _ => None,
        };
        if let Some(health) = health {
            let seat = match self.seat(target).await {
                Ok(seat) => seat,
                Err(again) => return self.later(again).await,
            };
            let still_shut = seat.end(Ended { sent: false, health, too_many: false, wait: None });
            made.still_down = if health == Health::Down { Some(self.rested(target)) } else { still_shut };
        }
        self.settle(index, target, made, None, revision).await
    }

    /// When a delivery goes on that waits for the token service.
    pub(super) fn rested(&self, target: &Target) -> Timestamp {
        let shut = self.shared.paces.of(&target.connection.name).pace().shut();
        let rested = self.shared.clock.now().plus(REST);
        shut.map_or(rested, |shut| shut.until.max(rested))
    }

    /// How the provider takes the account. Where it does not take the token, another is fetched, once for each time that the
    /// delivery is under way: one that was given a moment ago and is not taken either, or one that stands in the settings,
    /// leads nowhere.
    pub(super) async fn account(
        &mut self,
        target: &Target,
        stale: Option<&Secret>,
        result: &mut AttemptResult,
    ) -> Account {
        let (outcome, status, account) = match *result {
            AttemptResult::Answered { outcome: outcome @ Outcome::Hold, status, .. } => {
                (outcome, status, Account::Refused)
            }
            AttemptResult::Answered { outcome: outcome @ Outcome::Refresh, status, .. } => {
                (outcome, status, self.renewed(target, stale).await)
            }
            _ => return Account::Taken,
        };
        if account == Account::Refused {
            *result = AttemptResult::TokenRefused { outcome, status };
        }
        account
    }

    async fn renewed(&mut self, target: &Target, stale: Option<&Secret>) -> Account {
        let Some(stale) = stale.filter(|_| !std::mem::replace(&mut self.refreshed, true)) else {
            return Account::Refused;
        };
        match self.shared.tokens.refresh(&target.connection, stale).await {
            Ok(Some(_)) => Account::Renewed,
            Err(Trouble::TokenRefused) | Ok(None) => Account::Refused,
            Err(_) => Account::Later,
        }
    }
}
