//! Numbers that an evaluation only hands on, digit by digit as they came: `1.10`, and more digits than the engine counts
//! with.
//!
//! The engine knows a fraction as a float. Each fraction that it is given is kept beside that float for as long as the
//! evaluation lasts, and whatever comes back as the same float is that number.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::value::Number;

/// With more than these in one evaluation, none is kept.
const MOST: usize = 1000;

thread_local! {
    /// Floats by their bits, each with the number that it stands for: none where there were two of them.
    static KNOWN: RefCell<HashMap<u64, Option<Number>>> = RefCell::default();
}

/// Begins an evaluation.
pub(super) fn forget() {
    KNOWN.with_borrow_mut(HashMap::clear);
}

/// Keeps how a number is written for which the engine is given a float.
pub(super) fn keep(float: f64, number: &Number) {
    KNOWN.with_borrow_mut(|known| {
        if known.len() <= MOST {
            let kept = known.entry(float.to_bits()).or_insert_with(|| Some(number.clone()));
            kept.take_if(|kept| kept.text() != number.text());
        }
    });
}

/// The number that a float of the engine's stands for, where it was given one.
pub(super) fn kept(float: f64) -> Option<Number> {
    KNOWN.with_borrow(|known| match known.len() > MOST {
        true => None,
        false => known.get(&float.to_bits()).cloned().flatten(),
    })
}
