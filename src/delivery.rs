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
    /// It waits for a person to say whether it goes out again.
    Held,
    /// The provider has it.
    Delivered,
    /// The provider took it and does not say yet whether it is good.
    Accepted,
    /// Its condition did not hold, so that there was nothing to send; or a person dismissed it.
    Skipped,
    /// Given up, kept as a dead letter.
    Dead,
    /// It was dead or held, and a person sent it again as another delivery.
    Replayed,
}

impl State {
    pub const ALL: [State; 9] = [
        State::Pending,
        State::Leased,
        State::Retrying,
        State::Held,
        State::Delivered,
        State::Accepted,
        State::Skipped,
        State::Dead,
        State::Replayed,
    ];

    pub fn word(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Leased => "leased",
            State::Retrying => "retrying",
            State::Held => "held",
            State::Delivered => "delivered",
            State::Accepted => "accepted",
            State::Skipped => "skipped",
            State::Dead => "dead",
            State::Replayed => "replayed",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        State::ALL.into_iter().find(|state| state.word() == word)
    }

    /// It goes on by itself.
    pub fn is_open(self) -> bool {
        matches!(self, State::Pending | State::Leased | State::Retrying)
    }

    /// Nothing more is wanted of it. What is held is neither open nor final: a person decides.
    pub fn is_final(self) -> bool {
        !self.is_open() && self != State::Held
    }

    /// The state after a change; `None` when it leaves a delivery of this state as it is.
    pub fn after(self, change: Change) -> Option<State> {
        let (open, leased, kept) = (self.is_open(), self == State::Leased, matches!(self, State::Dead | State::Held));
        match change {
            Change::Lease if open && !leased => Some(State::Leased),
            Change::GiveBack { tried } if leased => Some(waiting(tried)),
            // A step that is done leaves its delivery with whoever has it.
            Change::Attempt(State::Leased) => None,
            Change::Attempt(next) if open => Some(next),
            // The provider has it after all, whatever was decided in the meantime.
            Change::Attempt(next @ (State::Delivered | State::Accepted)) if kept => Some(next),
            Change::Skip if open => Some(State::Skipped),
            Change::Hold if open => Some(State::Held),
            Change::Bury if open || self == State::Held => Some(State::Dead),
            Change::Free { tried } if self == State::Held => Some(waiting(tried)),
            Change::Replay if kept => Some(State::Replayed),
            Change::Dismiss if kept => Some(State::Skipped),
            _ => None,
        }
    }
}

fn waiting(tried: bool) -> State {
    if tried { State::Retrying } else { State::Pending }
}

/// What can happen to a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A worker takes it.
    Lease,
    /// The worker gives it back, or is gone. `tried`: an attempt was made before.
    GiveBack { tried: bool },
    /// An attempt was made, and this is what [`after`] said to it; [`State::Leased`] when a step is done and others follow.
    Attempt(State),
    /// Its condition does not hold.
    Skip,
    /// A person has to decide.
    Hold,
    /// It is given up without an attempt.
    Bury,
    /// A person lets a held one go on.
    Free { tried: bool },
    /// A person sends it again as another delivery.
    Replay,
    /// A person wants nothing more of it.
    Dismiss,
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    /// The provider answered, and the pack says what that means.
    Answered { outcome: Outcome, status: u16, retry_after: Option<Duration> },
    /// The provider took neither the token nor another one after it, or refuses the account: [`Outcome::Refresh`] or
    /// [`Outcome::Hold`].
    TokenRefused { outcome: Outcome, status: u16 },
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
    /// The proxy takes no request without another user and password.
    Proxy,
    /// The provider's address is not of the public internet, and the connection does not allow that.
    PrivateAddress,
    /// A value of the request or a setting can't stand where it would: in the address, or in a header.
    Unsendable,
    /// The provider gives no new access token, or takes none: the connection must be joined with the account again.
    TokenRefused,
    /// No access token could be had for now.
    NoToken,
    /// A file that the request names by its address could not be fetched.
    NoFile,
    /// Too many files are being fetched: the request makes room for others, and is tried again without an attempt.
    NoRoom,
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
            Trouble::Proxy => "proxy",
            Trouble::PrivateAddress => "private-address",
            Trouble::Unsendable => "unsendable",
            Trouble::TokenRefused => "token-refused",
            Trouble::NoToken => "no-token",
            Trouble::NoFile => "no-file",
            Trouble::NoRoom => "no-room",
            Trouble::Timeout => "timeout",
            Trouble::Broken => "broken",
            Trouble::BadAnswer => "bad-answer",
            Trouble::NoConnection => "no-connection",
        }
    }

    /// Only a person can mend it, in the connection: to try again by itself leads nowhere.
    pub fn needs_a_person(self) -> bool {
        matches!(self, Trouble::PrivateAddress | Trouble::Unsendable | Trouble::TokenRefused)
    }
}

impl AttemptResult {
    /// One word for logs and records.
    pub fn word(&self) -> &'static str {
        match self {
            AttemptResult::Answered { outcome, .. } | AttemptResult::TokenRefused { outcome, .. } => outcome.word(),
            AttemptResult::NotSent(_) => "not-sent",
            AttemptResult::Unknown(_) => "unknown",
        }
    }
}

/// What follows an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    pub state: State,
    /// When it is tried again, for [`State::Retrying`]; at once where none is given.
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
        AttemptResult::Answered { outcome: Outcome::Reject | Outcome::Forget, .. } => {
            return Next { state: State::Dead, due: None };
        }
        AttemptResult::TokenRefused { .. } | AttemptResult::Answered { outcome: Outcome::Hold, .. } => {
            return Next { state: State::Held, due: None };
        }
        AttemptResult::Answered { retry_after, .. } => *retry_after,
        AttemptResult::NotSent(trouble) if trouble.needs_a_person() => return Next { state: State::Held, due: None },
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
            (answered(Outcome::Forget, None), 1, State::Dead, None),
            (AttemptResult::TokenRefused { outcome: Outcome::Refresh, status: 401 }, 1, State::Held, None),
            (answered(Outcome::Hold, None), 1, State::Held, None),
            (answered(Outcome::Retry, None), 1, State::Retrying, Some(2000)),
            (answered(Outcome::Retry, Some(Duration::from_secs(60))), 1, State::Retrying, Some(61_000)),
            (answered(Outcome::Retry, None), 3, State::Dead, None),
            (AttemptResult::NotSent(Trouble::Connect), 2, State::Retrying, Some(4000)),
            (AttemptResult::NotSent(Trouble::Proxy), 1, State::Retrying, Some(2000)),
            (AttemptResult::NotSent(Trouble::PrivateAddress), 1, State::Held, None),
            (AttemptResult::NotSent(Trouble::Unsendable), 1, State::Held, None),
            (AttemptResult::NotSent(Trouble::TokenRefused), 1, State::Held, None),
            (AttemptResult::NotSent(Trouble::NoToken), 1, State::Retrying, Some(2000)),
            (AttemptResult::NotSent(Trouble::Certificate), 1, State::Retrying, Some(2000)),
            (AttemptResult::Unknown(Trouble::Timeout), 1, State::Retrying, Some(2000)),
        ];
        for (result, attempt, state, due) in cases {
            let next = after(&result, attempt, &backoff, now, 1.0);
            assert_eq!((next.state, next.due), (state, due.map(Timestamp)), "{result:?}");
        }
    }

    #[test]
    fn every_change_leads_where_it_may() {
        use State::*;
        let all = State::ALL;
        let from = |change: Change, states: &[State]| {
            for state in all {
                assert_eq!(state.after(change).is_some(), states.contains(&state), "{state:?} {change:?}");
            }
        };
        from(Change::Lease, &[Pending, Retrying]);
        from(Change::GiveBack { tried: true }, &[Leased]);
        from(Change::Attempt(Leased), &[]);
        from(Change::Attempt(Retrying), &[Pending, Leased, Retrying]);
        from(Change::Attempt(Dead), &[Pending, Leased, Retrying]);
        from(Change::Attempt(Delivered), &[Pending, Leased, Retrying, Held, Dead]);
        from(Change::Attempt(Accepted), &[Pending, Leased, Retrying, Held, Dead]);
        from(Change::Skip, &[Pending, Leased, Retrying]);
        from(Change::Hold, &[Pending, Leased, Retrying]);
        from(Change::Bury, &[Pending, Leased, Retrying, Held]);
        from(Change::Free { tried: false }, &[Held]);
        from(Change::Replay, &[Held, Dead]);
        from(Change::Dismiss, &[Held, Dead]);
        assert_eq!(Leased.after(Change::GiveBack { tried: false }), Some(Pending));
        assert_eq!(Held.after(Change::Free { tried: true }), Some(Retrying));
        assert_eq!(State::from_word("held"), Some(Held));
    }
}
