//! Trying again at once, as a person asks or as other settings promise: no pause and no earlier failure is waited for.

use std::sync::Arc;

use super::pacer::Paces;
use crate::client::Tokens;
use crate::clock::Clock;

/// Lets connections try again; a clone does the same.
#[derive(Clone)]
pub struct Nudge {
    pub(super) paces: Paces,
    pub(super) tokens: Tokens,
    pub(super) clock: Clock,
}

impl Nudge {
    /// Ends what a connection waits for, but for its budgets: one delivery tries at once. Says whether it waited for anything.
    pub fn connection(&self, name: &Arc<str>) -> bool {
        let (pacer, now) = (self.paces.of(name), self.clock.now());
        self.tokens.try_now(name);
        pacer.try_now(now)
    }

    /// The same for one whose account the provider refuses.
    pub(super) fn if_refused(&self, name: &Arc<str>) {
        let shut = self.paces.of(name).pace().shut();
        if shut.is_some_and(|shut| shut.refused) {
            self.connection(name);
        }
    }
}
