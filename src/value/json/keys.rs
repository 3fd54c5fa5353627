//! Names of fields that were read before: those of one sender are the same in every payload, and need no memory of their own.

use std::cell::RefCell;
use std::sync::Arc;

/// So many names are kept; a power of two.
const KEPT: usize = 512;
/// No longer name is kept.
const LONGEST: usize = 48;

thread_local! {
    /// Each name has one place, from which the next name with the same place drives it.
    static KNOWN: RefCell<Vec<Option<Arc<str>>>> = const { RefCell::new(Vec::new()) };
}

/// The name as a text that others may share.
pub(super) fn shared(name: &str) -> Arc<str> {
    if name.len() > LONGEST {
        return name.into();
    }
    KNOWN.with_borrow_mut(|known| {
        if known.is_empty() {
            known.resize(KEPT, None);
        }
        match known.get_mut(place(name.as_bytes())) {
            Some(Some(kept)) if **kept == *name => kept.clone(),
            Some(kept) => kept.insert(name.into()).clone(),
            None => name.into(),
        }
    })
}

/// A place for a name, by its length, its beginning and its end.
fn place(name: &[u8]) -> usize {
    let number = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (Some(first), Some(last)) => u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(29),
        _ => name.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)),
    };
    let mixed = (number ^ name.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> (u64::BITS - KEPT.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shared_and_never_another() {
        for length in [0, 1, 7, 8, 9, 16, 48, 49, 300] {
            for letter in ["a", "b", "é"] {
                let name = letter.repeat(length);
                assert_eq!((&*shared(&name), &*shared(&name)), (&*name, &*name));
            }
        }
        assert!(Arc::ptr_eq(&shared("contact_email"), &shared("contact_email")));
    }

    #[test]
    fn names_of_one_payload_have_places_of_their_own() {
        let names: Vec<String> = (0..100).map(|at| format!("variable_of_a_call_{at}_in_it")).collect();
        let places: std::collections::BTreeSet<usize> = names.iter().map(|name| place(name.as_bytes())).collect();
        assert!(places.len() > 70, "{}", places.len());
    }
}
