//! Where a captured request goes.

use crate::event::RawRequest;
use crate::source::Source;

/// The request at the address that `serve` sees: a body alone is at the source's own, and what a proxy adds may be left out.
pub(super) fn at_home(mut raw: RawRequest, source: &Source) -> RawRequest {
    if raw.path() == "/" {
        raw.target = format!("/hooks{}", source.path);
    } else if !raw.path().starts_with("/hooks") {
        raw.target = format!("/hooks{}", raw.target);
    }
    raw
}

/// A request of another source.
pub(super) fn elsewhere(path: &str, source: &Source, what: &str) -> String {
    format!("the request goes to `{path}`, {what}; this route's source is at `/hooks{}`", source.path)
}
