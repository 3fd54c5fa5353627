//! `tests:` as written: a captured request and what must come of it.

use super::scalar::Text;
use super::{At, NamedList};
use crate::document::Node;

record! {
    /// One test of a route: a captured request, and what must come of it.
    pub struct TestCase ("a test") {
        /// What the test shows, in your own words.
        name: Text,
        /// The file of a captured request, from the folder of the workspace: `samples/contact-form.http`. An `.http` file has
        /// a request line, headers, an empty line and the body; a `.json` file is the body alone.
        request: Text,
        /// The requests that must come of it, in order. `[]` means none.
        expect: Vec<Expected>,
        /// What calls before a delivery are answered with, by connection and operation:
        /// `{ cloudchat.find_contact: { payload: [] } }`. What is not here is answered as the sandbox would.
        answers: NamedList<Node>,
    }
}

record! {
    /// One request that is expected.
    pub struct Expected ("an expectation") {
        /// The connection and the operation that the request must go to: `cloudchat.create_conversation`.
        to: Text,
        /// The address that it must have after the host, or after the connection's `base_url`, with its query:
        /// `/v1/messages?draft=true`.
        path: Option<Text>,
        /// Headers that it must have.
        headers: Option<NamedList<Text>>,
        /// Fields that the body must have; it may have others.
        body: Option<Node>,
        /// `true` allows no other field in the body.
        exact: Option<At<bool>>,
    }
}
