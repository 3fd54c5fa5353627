//! When a request was signed, and whether that is near enough to now.

use std::sync::Arc;
use std::time::Duration;

use super::place::{Where, field};
use super::{Context, VerifyError};
use crate::clock::Timestamp;
use crate::event::RawRequest;
use crate::value::Value;

/// Where the time of signing is.
#[derive(Clone, Debug)]
pub struct SignedAt {
    /// Nothing where it stands beside each signature.
    pub at: Option<Where>,
    /// Where several items stand there: what is between them, and before the time.
    pub separator: Arc<str>,
    pub prefix: Arc<str>,
    pub unit: Unit,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    Milliseconds,
    /// As in ISO 8601: `2026-11-21T09:30:00Z`.
    Iso,
}

/// Beyond this, a number is no second that anybody means, but a millisecond.
pub(super) const LATEST_SECOND: i64 = 99_999_999_999;

impl Unit {
    /// What a time is refused with that is not written as it should be.
    pub(super) fn miswritten(self, what: String) -> VerifyError {
        let form = match self {
            Unit::Seconds => "seconds since 1970, such as `1795253400`",
            Unit::Milliseconds => "milliseconds since 1970, such as `1795253400000`",
            Unit::Iso => "a moment such as `2026-11-21T09:30:00Z`",
        };
        VerifyError::Miswritten(what, form)
    }

    pub(super) fn read(self, text: &str) -> Option<Timestamp> {
        let number = || text.parse::<i64>().ok();
        match self {
            Unit::Seconds => number().filter(|seconds| seconds.abs() <= LATEST_SECOND).map(Timestamp::from_seconds),
            Unit::Milliseconds => number().filter(|milliseconds| milliseconds.abs() > LATEST_SECOND).map(Timestamp),
            Unit::Iso => text.parse::<jiff::Timestamp>().ok().map(|at| Timestamp(at.as_millisecond())),
        }
    }
}

impl SignedAt {
    /// The time as the request writes it.
    pub(super) fn find(&self, raw: &RawRequest, context: &Context<'_>) -> Result<Option<String>, VerifyError> {
        let Some(at) = &self.at else { return Ok(None) };
        let found = match at {
            Where::Field(path) => match field(context, path)? {
                Some(Value::Number(number)) => number.to_string(),
                Some(Value::String(text)) if !text.is_empty() => text.to_string(),
                _ => return Err(VerifyError::Missing(at.describe())),
            },
            other => other.find(raw, context)?,
        };
        let missing = || VerifyError::Missing(format!("time in {}", at.describe()));
        items(&found, &self.separator, &self.prefix).next().map(|time| Some(time.to_owned())).ok_or_else(missing)
    }
}

/// What comes after the prefix in each item that has it.
pub(super) fn items<'t>(text: &'t str, separator: &'t str, prefix: &'t str) -> impl Iterator<Item = &'t str> {
    let all: Vec<&str> = if separator.is_empty() { vec![text] } else { text.split(separator).collect() };
    all.into_iter().filter_map(move |item| item.trim().strip_prefix(prefix))
}

/// Whether two moments are no further apart.
pub(super) fn is_near(now: Timestamp, then: Timestamp, tolerance: Duration) -> Result<(), VerifyError> {
    let is_near = u128::from(now.0.abs_diff(then.0)) <= tolerance.as_millis();
    is_near.then_some(()).ok_or(VerifyError::Stale)
}
