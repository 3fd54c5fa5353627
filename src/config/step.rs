//! A call before another one, as written: in a route's `lookup` and `steps`, and in a chain of a pack.

use std::time::Duration;

use super::extract::Extract;
use super::scalar::Text;
use super::{At, NamedList, Required};
use crate::document::Node;

record! {
    /// A call before another one, and what of its answer is kept for those that follow.
    pub struct Step ("a step") {
        /// The connection and the operation, with a dot between: `omnivibe.create_contact`. In a pack, an operation of the pack.
        call: Required<Text>,
        /// An expression; the call is made when it holds.
        when: Option<Text>,
        /// An expression; the call is left out when it holds, because what it would give is known: `"{{ contact_id }}"`.
        unless: Option<Text>,
        /// Values for the `{names}` in the operation's address, where the connection does not have them.
        params: NamedList<Node>,
        /// What stands behind the `?` of the address. Values are encoded.
        query: NamedList<Node>,
        /// Further headers of the request.
        headers: NamedList<Node>,
        /// The body of the request, with templates. It must pass the operation's schema.
        body: Option<Node>,
        /// Names for values of the answer, written as under `extract`: `contact_id: $.payload.id`. The calls that follow have
        /// them. A value that is not found stops the delivery, unless the name has a `?` behind it.
        save: NamedList<Extract>,
        /// For how long what is saved stands for the call: the next event with the same key makes no call.
        remember: Option<Remember>,
    }
}

record! {
    /// For how long what a step saved stands for its call.
    pub struct Remember ("a memory") {
        /// By what the same call is known: `"{{ email }}"`.
        key: Required<Text>,
        /// For how long it is kept: `30d`.
        period as "for": At<Duration>,
    }
}
