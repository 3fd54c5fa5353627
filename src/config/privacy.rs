//! `privacy:`: what people are not shown of what was received.

use super::scalar::Text;

record! {
    /// What people are not shown of what was received. It is delivered whole, and kept whole.
    pub struct Privacy ("privacy") {
        /// What is shown as `•••`: `phones`, `emails`, `everything`, or the JSONPath of a value in the payload, which is masked
        /// with all that is in it: `[phones, "$.fields.name"]`.
        mask: Option<Vec<Text>>,
    }
}
