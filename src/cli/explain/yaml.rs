//! Words of YAML that is to be pasted.

pub(super) use crate::value::yaml::{entry, scalar};

/// The name of a variable of the environment: `PARTOO_API_KEY`.
pub(super) fn variable(words: &[&str]) -> String {
    let upper = words.join("_").to_uppercase();
    // No shell takes a digit at the beginning.
    let first = upper.chars().next().filter(char::is_ascii_digit).map(|_| '_');
    first.into_iter().chain(upper.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })).collect()
}
