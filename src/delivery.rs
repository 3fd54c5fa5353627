//! The duty to get one request accepted: its states, and what each attempt does to them. Pure.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::clock::Timestamp;
use crate::pack::outcome::Outcome;

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Not tried yet.
    Pending,
    /// A worker has it.
    Leased,
    /// It failed for now and is tried again later.
    Retrying,
    /// The provider has it.
    Delivered,
    /// The provider took it and does not say yet whether it is good.
    Accepted,
    /// Given up, kept as a dead letter.
    Dead,
}

impl State {
    pub const ALL: [State; 6] =
        [State::Pending, State::Leased, State::Retrying, State::Delivered, State::Accepted, State::Dead];

    pub fn word(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Leased => "leased",
            State::Retrying => "retrying",
            State::Delivered => "delivered",
            State::Accepted => "accepted",
            State::Dead => "dead",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        State::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Nothing more happens to it by itself.
    pub fn is_final(self) -> bool {
        matches!(self, State::Delivered | State::Accepted | State::Dead)
    }
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    /// The provider answered, and the pack says what that means.
    Answered { outcome: Outcome, status: u16, retry_after: Option<Duration> },
    /// It never left, or no connection was made: the provider has not seen it.
    NotSent(Trouble),
    /// It went out and no answer came: the provider may have it.
    Unknown(Trouble),
}

/// What kept an attempt from being answered. A stable word, never a message of some library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No connection could be made.
    Connect,
    /// The provider's certificate is not to be trusted, or ours is not taken.
    Certificate,
    /// The provider's address is not of the public internet, and the connection does not allow that.
    PrivateAddress,
    /// A value of the request or a setting can't stand where it would: in the address, or in a header.
    Unsendable,
    /// The provider does not give a new access token: the connection must be joined with the account again.
    TokenRefused,
    /// No access token could be had for now.
    NoToken,
    /// The time for an attempt ran out.
    Timeout,
    /// The connection broke.
    Broken,
    /// The answer could not be read.
    BadAnswer,
    /// The connection is not in `jackfield.yaml` any more, or lacks a secret.
    NoConnection,
}

impl Trouble {
    pub fn word(self) -> &'static str {
        match self {
            Trouble::Connect => "connect",
            Trouble::Certificate => "certificate",
            Trouble::PrivateAddress => "private-address",
            Trouble::Unsendable => "unsendable",
            Trouble::TokenRefused => "token-refused",
            Trouble::NoToken => "no-token",
            Trouble::Timeout => "timeout",
            Trouble::Broken => "broken",
            Trouble::BadAnswer => "bad-answer",
            Trouble::NoConnection => "no-connection",
        }
    }
}

impl Trouble {
    /// Only a person can mend it, in the connection: to try again by itself leads nowhere.
    pub fn needs_a_person(self) -> bool {
        matches!(self, Trouble::PrivateAddress | Trouble::Unsendable | Trouble::TokenRefused)
    }
}

impl AttemptResult {
    /// One word for logs and records.
    pub fn word(&self) -> &'static str {
        match self {
            AttemptResult::Answered { outcome, .. } => outcome.word(),
            AttemptResult::NotSent(_) => "not-sent",
            AttemptResult::Unknown(_) => "unknown",
        }
    }
}

/// What follows an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    pub state: State,
    /// When it is tried again, for [`State::Retrying`].
    pub due: Option<Timestamp>,
}

/// The state after attempt number `attempt` (from 1) ended at `now`. `jitter` is a random number in 0..1.
pub fn after(result: &AttemptResult, attempt: u32, backoff: &Backoff, now: Timestamp, jitter: f64) -> Next {
    let asked = match result {
        AttemptResult::Answered { outcome: Outcome::Delivered | Outcome::Duplicate, .. } => {
            return Next { state: State::Delivered, due: None };
        }
        AttemptResult::Answered { outcome: Outcome::Accepted, .. } => {
            return Next { state: State::Accepted, due: None };
        }
        AttemptResult::Answered { outcome: Outcome::Reject, .. } => return Next { state: State::Dead, due: None },
        AttemptResult::Answered { retry_after, .. } => *retry_after,
        AttemptResult::NotSent(trouble) if trouble.needs_a_person() => return Next { state: State::Dead, due: None },
        AttemptResult::NotSent(_) | AttemptResult::Unknown(_) => None,
    };
    match backoff.wait(attempt, jitter) {
        // What the provider asks for is a least, and a provider that asks for days is not believed.
        Some(wait) => {
            let wait = asked.map_or(wait, |asked| wait.max(asked.min(Duration::from_secs(24 * 3600))));
            Next { state: State::Retrying, due: Some(now.plus(wait)) }
        }
        None => Next { state: State::Dead, due: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(outcome: Outcome, retry_after: Option<Duration>) -> AttemptResult {
        AttemptResult::Answered { outcome, status: 0, retry_after }
    }

    #[test]
    fn every_result_has_its_state() {
        let backoff = Backoff { attempts: 3, first: Duration::from_secs(1), longest: Duration::from_secs(9) };
        let now = Timestamp(1000);
        let cases = [
            (answered(Outcome::Delivered, None), 1, State::Delivered, None),
            (answered(Outcome::Duplicate, None), 1, State::Delivered, None),
            (answered(Outcome::Accepted, None), 1, State::Accepted, None),
            (answered(Outcome::Reject, None), 1, State::Dead, None),
            (answered(Outcome::Retry, None), 1, State::Retrying, Some(2000)),
            (answered(Outcome::Retry, Some(Duration::from_secs(60))), 1, State::Retrying, Some(61_000)),
            (answered(Outcome::Retry, None), 3, State::Dead, None),
            (AttemptResult::NotSent(Trouble::Connect), 2, State::Retrying, Some(4000)),
            (AttemptResult::NotSent(Trouble::PrivateAddress), 1, State::Dead, None),
            (AttemptResult::NotSent(Trouble::Unsendable), 1, State::Dead, None),
            (AttemptResult::NotSent(Trouble::TokenRefused), 1, State::Dead, None),
            (AttemptResult::NotSent(Trouble::NoToken), 1, State::Retrying, Some(2000)),
            (AttemptResult::NotSent(Trouble::Certificate), 1, State::Retrying, Some(2000)),
            (AttemptResult::Unknown(Trouble::Timeout), 1, State::Retrying, Some(2000)),
        ];
        for (result, attempt, state, due) in cases {
            let next = after(&result, attempt, &backoff, now, 1.0);
            assert_eq!((next.state, next.due), (state, due.map(Timestamp)), "{result:?}");
        }
    }
}
