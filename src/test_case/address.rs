//! Where a captured request goes.

use crate::event::RawRequest;
use crate::route::RouteSet;
use crate::source::Source;

/// The request at the address that `serve` sees: a body alone is at the source's own, and what a proxy adds may be left out.
pub(super) fn at_home(mut raw: RawRequest, set: &RouteSet, source: &Source) -> RawRequest {
    if raw.path() == "/" {
        raw.target = format!("{}{}", set.prefix, source.path);
    } else if !raw.path().starts_with(&*set.prefix) {
        raw.target = format!("{}{}", set.prefix, raw.target);
    }
    raw
}

/// A request of another source.
pub(super) fn elsewhere(set: &RouteSet, path: &str, source: &Source, what: &str) -> String {
    format!("the request goes to `{path}`, {what}; this route's source is at `{}{}`", set.prefix, source.path)
}
