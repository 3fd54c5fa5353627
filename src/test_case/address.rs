//! Where a captured request goes, and whether it gets there.

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

/// Why the server would take a captured request in no case, with the status of its answer.
pub fn too_large(set: &RouteSet, source: &Source, raw: &RawRequest) -> Option<String> {
    let most = source.limits.body;
    if !set.head.fit_captured(raw) {
        let why = "the request has more headers, or longer ones, than are taken";
        return Some(format!("`serve` would refuse this request with 431: {why}"));
    }
    (raw.body.len() > most).then(|| {
        let length = raw.body.len();
        let why = format!("its body has {length} bytes, and the source takes {most} (`limits: {{ body: … }}`)");
        format!("`serve` would refuse this request with 413: {why}")
    })
}
