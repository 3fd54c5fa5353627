//! `tests:` as written: a captured request and what must come of it.

use super::scalar::Text;
use super::{At, NamedList};
use crate::document::Node;

record! {
    /// One test of a route.
    pub struct TestCase ("a test") {
        /// What the test shows.
        name: Text,
        /// A captured request, relative to the workspace.
        request: Text,
        /// The requests that must come of it, in order; an empty list: none.
        expect: Vec<Expected>,
    }
}

record! {
    /// One request that is expected.
    pub struct Expected ("an expectation") {
        /// `connection.operation`
        to: Text,
        /// The address after the host, with its query.
        path: Option<Text>,
        /// Headers that must be there.
        headers: Option<NamedList<Text>>,
        /// Fields that the body must have.
        body: Option<Node>,
        /// The body must have these fields and no others.
        exact: Option<At<bool>>,
    }
}
