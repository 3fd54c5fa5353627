//! A `split` that does not part the request of a test.

use super::TestCase;
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::route::Route;
use crate::source::Source;
use crate::value::Value;

impl TestCase {
    /// The whole request would go through the route as one event, and fail at something that is not the mistake.
    pub(super) fn split_nothing(&self, route: &Route, source: &Source, envelope: &Value) -> Diagnostic {
        let near = source.split.as_ref().map(|path| path::nearby(envelope, path)).unwrap_or_default();
        let help = match near.as_slice() {
            [] => "`split` names each part, as `$.deals[*]` does".to_owned(),
            near => format!("the payload has {}; `split` names each part, as `$.deals[*]` does", near.join(", ")),
        };
        let place = route.place.key("source").key("split");
        let message = format!("`split` finds nothing in the request of test `{}`", self.name);
        Diagnostic::new(Code::TestFailed, place, message).also(self.place.key("name"), "in this test").help(help)
    }

    /// A list that is one event, where each of its items was meant to be one.
    pub(super) fn split_whole(&self, route: &Route, split: &path::Path, parts: usize) -> Diagnostic {
        let place = route.place.key("source").key("split");
        let message = format!("`split` finds one value, a list of {parts}, in the request of test `{}`", self.name);
        let help = format!("for an event of each item write `{}[*]`", split.text());
        Diagnostic::new(Code::TestFailed, place, message).also(self.place.key("name"), "in this test").help(help)
    }
}
