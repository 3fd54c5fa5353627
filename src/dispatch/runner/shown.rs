//! What of an answer is kept with the call, for people to read: its beginning, without secrets of the connection.

use crate::pack::outcome::Answer;
use crate::secret::Masks;

/// How much of an answer is kept with the attempt.
const KEPT_ANSWER: usize = 4096;
/// How much of it is looked through: what is masked is shorter than it was.
const LOOKED_AT: usize = 16 * KEPT_ANSWER;

/// So many bytes of headers are kept.
const KEPT_HEADERS: usize = 1024;
/// What of them tells nothing of the call.
const IDLE: &[&str] = &["set-cookie", "connection", "keep-alive", "date", "alt-svc", "report-to", "nel"];

/// The headers of an answer, in the same way.
pub(super) fn headers(answer: &Answer, masks: &Masks) -> Vec<(String, String)> {
    let own = answer.headers.iter().filter(|(name, _)| !IDLE.contains(&name.as_str()));
    let mut left = KEPT_HEADERS;
    let shown =
        own.map(|(name, value)| (name.clone(), String::from_utf8_lossy(&masks.masked(value.as_bytes())).into_owned()));
    shown
        .take_while(|(name, value)| {
            let size = name.len() + value.len();
            let fits = size <= left;
            left = left.saturating_sub(size);
            fits
        })
        .collect()
}

/// Some providers repeat in their answer what they were sent, also the token.
pub(super) fn of(answer: &Answer, masks: &Masks) -> Vec<u8> {
    let beginning = answer.body.get(..LOOKED_AT).unwrap_or(&answer.body);
    let mut shown = masks.masked(beginning);
    shown.truncate(KEPT_ANSWER);
    shown
}
