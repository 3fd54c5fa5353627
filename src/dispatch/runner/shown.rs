//! What of an answer is kept with the call, for people to read: its beginning, without secrets of the connection.

use crate::pack::Connection;
use crate::pack::outcome::Answer;
use crate::secret::{Secret, masked};

/// How much of an answer is kept with the attempt.
const KEPT_ANSWER: usize = 4096;
/// How much of it is looked through: what is masked is shorter than it was.
const LOOKED_AT: usize = 16 * KEPT_ANSWER;

/// Some providers repeat in their answer what they were sent, also the token.
pub(super) fn of(answer: &Answer, connection: &Connection, token: Option<&Secret>) -> Vec<u8> {
    let beginning = answer.body.get(..LOOKED_AT).unwrap_or(&answer.body);
    let mut shown = masked(beginning, connection.secrets.values().chain(token));
    shown.truncate(KEPT_ANSWER);
    shown
}
