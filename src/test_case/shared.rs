//! Two tests of a route that read the same sample.

use super::{Expected, TestCase};
use crate::value::Value;

impl TestCase {
    /// Whether both can't be right: they expect other requests, or other values, of the same sample and answers.
    pub fn contradicts(&self, other: &TestCase) -> bool {
        let is_same = self.route == other.route && self.request == other.request && self.answers == other.answers;
        is_same
            && (self.expected.len() != other.expected.len()
                || self.expected.iter().zip(&other.expected).any(|(own, other)| differs(own, other)))
    }
}

fn differs(own: &Expected, other: &Expected) -> bool {
    own.to != other.to || own.body.as_ref().zip(other.body.as_ref()).is_some_and(|(own, other)| clashes(own, other))
}

/// Whether no value has all of both.
fn clashes(own: &Value, other: &Value) -> bool {
    match (own.as_object(), other.as_object()) {
        (Some(own), Some(other)) => {
            own.iter().any(|(key, value)| other.get(key).is_some_and(|other| clashes(value, other)))
        }
        _ => own != other,
    }
}
