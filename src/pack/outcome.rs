//! What an answer means: by the pack's conditions on status, headers and body, and by HTTP's own rules after them.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::template::{Scope, Template};
use crate::value::{Value, json};

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The provider has it.
    Delivered,
    /// The provider took it and does not say yet whether it is good.
    Accepted,
    /// The provider had it already.
    Duplicate,
    /// Try again later.
    Retry,
    /// The provider will never take it.
    Reject,
    /// The token has run out: get another one, then try again.
    Refresh,
    /// What was remembered of earlier calls is not so any more: forget it, then find it out again.
    Forget,
    /// The provider refuses the account: wait until a person has mended the connection.
    Hold,
}

impl Outcome {
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Delivered => "delivered",
            Outcome::Accepted => "accepted",
            Outcome::Duplicate => "duplicate",
            Outcome::Retry => "retry",
            Outcome::Reject => "reject",
            Outcome::Refresh => "refresh",
            Outcome::Forget => "forget",
            Outcome::Hold => "hold",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        const ALL: [Outcome; 8] = [
            Outcome::Delivered,
            Outcome::Accepted,
            Outcome::Duplicate,
            Outcome::Retry,
            Outcome::Reject,
            Outcome::Refresh,
            Outcome::Forget,
            Outcome::Hold,
        ];
        ALL.into_iter().find(|outcome| outcome.word() == word)
    }

    fn is_success(self) -> bool {
        matches!(self, Outcome::Delivered | Outcome::Accepted | Outcome::Duplicate)
    }
}

/// The conditions of an operation, in the order tried.
#[derive(Clone, Debug, Default)]
pub struct Outcomes {
    pub conditions: Vec<(Outcome, Template)>,
}

/// A provider's answer, bounded.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// How long the provider asks us to wait: seconds, or a date.
    pub fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            // More than a number of the machine holds is a long time as well.
            return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
        }
        let date = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(now.until(Timestamp(i64::try_from(date.as_millis()).ok()?)))
    }

    /// The body as JSON; as text where it is none.
    pub fn json(&self) -> Value {
        self.parsed().unwrap_or_else(|| Value::from(String::from_utf8_lossy(&self.body).into_owned()))
    }

    fn parsed(&self) -> Option<Value> {
        json::parse(&self.body, &json::Limits::default()).ok()
    }

    /// Whether there is a body that is no JSON, such as the page of a proxy: not the provider may have written it.
    pub fn is_foreign(&self) -> bool {
        !self.body.trim_ascii().is_empty() && self.parsed().is_none()
    }

    fn scope(&self) -> Scope {
        let body = self.json();
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Scope::new()
            .with("status", Value::from(i64::from(self.status)))
            .with("headers", Value::object(headers))
            .with("body", body)
    }
}

impl Outcomes {
    /// What the answer means; nothing where that can't be said: it is a success by its status, the conditions look for a
    /// success in it, and it is not even JSON.
    pub fn of(&self, answer: &Answer) -> Option<Outcome> {
        let scope = answer.scope();
        // A condition that fails on this answer (a text where it looks for a field) does not hold.
        let met = self.conditions.iter().find(|(_, when)| when.holds(&scope).unwrap_or(false));
        if let Some((outcome, _)) = met {
            return Some(*outcome);
        }
        let names = |is: fn(Outcome) -> bool| self.conditions.iter().any(|(outcome, _)| is(*outcome));
        let names_success = names(Outcome::is_success);
        Some(match answer.status {
            200..=299 if names_success && answer.is_foreign() => return None,
            200..=299 if names_success => Outcome::Reject,
            200..=299 => Outcome::Delivered,
            // A pack that says of which answers another token helps has not said it of this one.
            401 if names(|outcome| outcome == Outcome::Refresh) => Outcome::Hold,
            401 => Outcome::Refresh,
            408 | 425 | 429 | 500..=599 => Outcome::Retry,
            _ => Outcome::Reject,
        })
    }
}
