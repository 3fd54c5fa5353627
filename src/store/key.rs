//! Ids and identities as the bytes that are stored.

use sha2::{Digest, Sha256};

/// The 16 bytes of an id, without its prefix.
pub(super) fn of_id(id: impl Into<u128>) -> [u8; 16] {
    id.into().to_be_bytes()
}

/// What stands for the id of a row that has none which can be read: eight empty bytes, and its number.
pub(super) fn of_number(seq: i64) -> [u8; 16] {
    u128::from(seq.unsigned_abs()).to_be_bytes()
}

/// The number in an id that [`of_number`] has made.
pub(super) fn number_in(id: [u8; 16]) -> Option<i64> {
    i64::try_from(u128::from_be_bytes(id)).ok()
}

/// The id that [`of_id`] turned into bytes.
pub(super) fn to_id<I: From<u128>>(bytes: [u8; 16]) -> I {
    u128::from_be_bytes(bytes).into()
}

/// What stands for an event's identity in the eyes of one route.
pub(super) fn of_identity(route: &str, identity: &str) -> [u8; 32] {
    // The length keeps `a` + `bc` apart from `ab` + `c`.
    let length = u64::try_from(route.len()).unwrap_or(u64::MAX).to_le_bytes();
    Sha256::new().chain_update(length).chain_update(route).chain_update(identity).finalize().into()
}

/// What stands for a key of the memory, which may hold what people wrote.
pub(super) fn of_text(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}
