//! The line break that an editor adds at the end of a file, and that no sender signed.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::event::RawRequest;
use crate::source::Source;
use crate::value::Value;

/// What to do about it.
pub const ADVICE: &str =
    "the file ends with a line break that was not sent, as editors add it: remove it, and the signature fits";

/// Whether a captured request that does not verify would, without the line break at its end.
pub fn is_to_blame(source: &Source, raw: &RawRequest, params: &Value, public_url: &str, now: Timestamp) -> bool {
    let Some(body) = raw.body.strip_suffix(b"\n") else { return false };
    let body = body.strip_suffix(b"\r").unwrap_or(body).to_vec();
    let without = Arc::new(RawRequest { body, ..raw.clone() });
    source.verify.verify(&source.context(&without, params, public_url, now)).is_ok()
}
