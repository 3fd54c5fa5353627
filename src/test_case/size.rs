//! Captured requests that are larger than the server takes.

use crate::event::RawRequest;
use crate::route::RouteSet;
use crate::source::Source;

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
