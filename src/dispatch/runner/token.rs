//! What becomes of a delivery whose access token can't be had, or is not taken.

use std::time::Duration;

use super::super::Stage;
use super::super::pace::{Ended, Health};
use super::{Done, Made, Runner, Step, Target};
use crate::delivery::{AttemptResult, Trouble};
use crate::live::Revision;
use crate::secret::Secret;

/// How long a delivery rests at the least whose token service is down.
const REST: Duration = Duration::from_secs(2);

/// Whether there is another token.
pub(super) enum Renewed {
    Yes,
    /// Perhaps later.
    Later,
    /// Not without a person.
    Never,
}

impl Runner<'_> {
    /// No token could be had. A service that is down is as good as a provider that is down: it uses up no attempt, and one
    /// delivery at a time tries whether it is back.
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
        if matches!(trouble, Trouble::Connect | Trouble::Certificate | Trouble::NoToken) {
            let seat = match self.seat(target).await {
                Ok(seat) => seat,
                Err(again) => return self.later(again).await,
            };
            let _ = seat.end(Ended { sent: false, health: Health::Down, too_many: false, wait: None });
            let down = self.shared.paces.of(&target.connection.name).pace().down();
            let rested = self.shared.clock.now().plus(REST);
            made.still_down = Some(down.map_or(rested, |(_, until)| until.max(rested)));
        }
        self.settle(index, target, made, None, revision).await
    }

    /// The provider did not take the token: whether there is another, once for each time that the delivery is under way. A
    /// token that was given a moment ago and is not taken either, or one that stands in the settings, leads nowhere.
    pub(super) async fn renewed(&mut self, target: &Target, stale: Option<&Secret>) -> Renewed {
        let Some(stale) = stale.filter(|_| !std::mem::replace(&mut self.refreshed, true)) else {
            return Renewed::Never;
        };
        match self.shared.tokens.refresh(&target.connection, stale).await {
            Ok(Some(_)) => Renewed::Yes,
            Err(Trouble::TokenRefused) | Ok(None) => Renewed::Never,
            Err(_) => Renewed::Later,
        }
    }
}
