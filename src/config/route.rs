//! A route as written: `routes/**/*.yaml`.

use super::extract::Extract;
use super::scalar::Text;
use super::source::SourceOrName;
use super::test_case::TestCase;
use super::{At, NamedList, Required};
use crate::document::Node;

record! {
    /// From a source to one or more connections.
    pub struct Route ("a route") {
        /// What the route is for.
        description: Option<Text>,
        /// Where its events arrive: a source, or the name of one in `jackfield.yaml`.
        source: Required<SourceOrName>,
        /// An expression that must be true for the route to take an event.
        matcher as "match": Option<Text>,
        /// Takes what no other route of the source took.
        fallback: Option<At<bool>>,
        /// Names for values of the payload; a name that ends in `?` may be absent.
        extract: NamedList<Extract>,
        /// What makes two events the same one.
        identity: Option<Text>,
        /// Deliveries with the same lane go out in order.
        lane: Option<Text>,
        /// Calls that fetch what a thin event lacks.
        lookup: Option<Node>,
        /// The deliveries.
        send: Vec<Send>,
        /// What to do when it is not known whether an attempt was taken: retry or hold.
        on_unknown: Option<At<OnUnknown>>,
        /// Captured requests and what must come of them.
        tests: Vec<TestCase>,
    }
}

record! {
    /// One delivery.
    pub struct Send ("a delivery") {
        /// `connection.operation`
        to: Required<Text>,
        /// An expression that must be true for this delivery to be made.
        when: Option<Text>,
        /// Values for the `{names}` of the operation's address.
        params: NamedList<Node>,
        /// The query of the address.
        query: NamedList<Node>,
        /// Further headers.
        headers: NamedList<Node>,
        /// The body, with templates.
        body: Option<Node>,
        /// Calls before the delivery itself.
        steps: Option<Node>,
    }
}

words! {
    /// What to do when it is not known whether an attempt was taken.
    pub enum OnUnknown ("a choice") {
        /// Try again; it may arrive twice.
        Retry = "retry",
        /// Keep it until a person decides.
        Hold = "hold",
    }
}
