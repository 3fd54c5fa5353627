//! What a sender is answered, as written.

use std::time::Duration;

use super::scalar::Text;
use super::{At, NamedList};
use crate::document::Node;

record! {
    /// What the sender is answered once the event is on disk.
    pub struct Reply ("a reply") {
        /// The HTTP status: 202 unless given.
        status: Option<At<u64>>,
        /// The content type of `body`: `text/xml`. For text `text/plain; charset=utf-8`, for a mapping or list
        /// `application/json` unless given.
        content_type: Option<Text>,
        /// Headers of the answer, by name.
        headers: NamedList<Text>,
        /// The body: text as it is sent, `<Response/>`, or a mapping or list, which is sent as JSON. `{{ event.id }}` may stand
        /// in it, also what is in `payload` and `request`.
        body: Option<Node>,
        /// How the sender is told to send again later: `{ status: 429, retry_after: 10s }`.
        overload: Option<Overload>,
    }
}

record! {
    /// What the sender is answered when there is too much to do, so that it sends the request again.
    pub struct Overload ("an overload") {
        /// The HTTP status. Unless given 429 for more requests than the source's `rate`, and 503 for the rest.
        status: Option<At<u64>>,
        /// When the sender may try again: `5s` unless given.
        retry_after: Option<At<Duration>>,
    }
}
