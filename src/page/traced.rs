//! What a route makes of a payload, as the page shows it: why it takes it, what it finds, what it sends, and where each
//! value is from.

use serde_json::{Value as Json, json};

use super::problem;
use super::rows::Rows;
use crate::diagnostic::{self, Diagnostic, Place, Resolve};
use crate::extract::{Extract, Finding, Hit, Traced};
use crate::pipeline::{FieldOrigin, NameOrigin, Origin, Prepared, SendTrace, Trace, Whence};
use crate::plan::{Known, Plan, Preview};
use crate::request::{Request, masked};
use crate::route::{Route, RouteSet, Send};
use crate::secret::MASK;
use crate::template::explain::{Explained, Seen, Verdict};
use crate::value::Value;

/// What a condition saw is told no further than that, in characters.
const LONGEST_SEEN: usize = 400;

/// With what a trace is told: the routes that made it, and their files.
pub struct Telling<'t> {
    pub set: &'t RouteSet,
    pub files: &'t dyn Resolve,
}

/// A value as it is shown: as JSON, the line breaks of a text as they are.
pub fn shown(value: &Value) -> String {
    let text = value.to_json();
    let Value::String(_) = value else { return text };
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some(next)) => out.extend(['\\', next]),
            (c, _) => out.push(c),
        }
    }
    out
}

/// A condition, then its parts, each with its outcome and with what it saw.
pub fn condition(explained: &Explained) -> Json {
    let holds = match &explained.verdict {
        Verdict::Yes => Some(true),
        Verdict::No | Verdict::Fails(_) => Some(false),
        Verdict::NotAsked => None,
    };
    json!({
        "expression": explained.text,
        "holds": holds,
        "values": explained.seen.iter().map(seen).collect::<Vec<_>>(),
        "parts": explained.parts.iter().map(condition).collect::<Vec<_>>(),
    })
}

fn seen(seen: &Seen) -> Json {
    let text = shown(seen.value.as_ref().unwrap_or(&Value::Null));
    let short: String = text.chars().take(LONGEST_SEEN).collect();
    let shown = if short.len() < text.len() { format!("{short}…") } else { text };
    json!({ "expression": seen.text, "absent": seen.value.is_none(), "shown": shown, "nearby": seen.nearby })
}

impl Telling<'_> {
    pub fn problem(&self, found: &Diagnostic) -> Json {
        problem::shown(&diagnostic::json::render(found, self.files))
    }

    /// Why a route takes an event or not, and what it finds: `match`, `extract`, `identity`, `lane`.
    pub fn findings(&self, route: &Route, trace: &Trace, rows: &mut Rows) -> Json {
        let pairs = route.extracts.iter().zip(&trace.extracts);
        let extracts: Vec<Json> = pairs.map(|(extract, traced)| self.extract(extract, traced, rows)).collect();
        json!({
            "match": trace.matcher.as_ref().map(condition),
            "extract": extracts,
            "identity": trace.identity.as_ref().map(|origin| self.alone(origin, rows)),
            "lane": trace.lane.as_ref().map(|origin| self.alone(origin, rows)),
        })
    }

    /// A text of the route that is no field of a request.
    fn alone(&self, origin: &Origin, rows: &mut Rows) -> Json {
        self.origin("body", "", origin, rows)
    }

    fn extract(&self, extract: &Extract, traced: &Traced, rows: &mut Rows) -> Json {
        let hit = match &traced.finding {
            Finding::Path(hit) => Some(hit),
            Finding::Nowhere(_) | Finding::Given => None,
        };
        let from = match &traced.finding {
            Finding::Path(Hit { mapped: Some(_), .. }) => Some("map"),
            Finding::Path(_) => Some("path"),
            Finding::Nowhere(miss) => miss.default.then_some("default"),
            Finding::Given => Some("you"),
        };
        let value = traced.outcome.as_ref().ok().and_then(Option::as_ref);
        let found = hit.into_iter().flat_map(|hit| &hit.found);
        let found: Vec<Json> = found.map(|(at, _)| json!({ "path": at.to_string(), "row": rows.used(at) })).collect();
        json!({
            "name": &*extract.name,
            "shown": value.map(shown),
            "absent": matches!(traced.outcome, Ok(None)),
            "was": hit.zip(value).and_then(|(hit, value)| was(hit, value)),
            "from": from,
            "written": hit.and_then(written),
            "place": hit.and_then(|hit| self.place(&hit.place)),
            "found": found,
            "problem": traced.outcome.as_ref().err().map(|problem| self.problem(problem)),
        })
    }

    /// What one entry of `send` becomes.
    pub fn request(&self, send: &Send, prepared: &Prepared, trace: &SendTrace, rows: &mut Rows) -> Json {
        let (made, problem, calls) = match prepared {
            Prepared::Ready(request) => (true, None, vec![self.call_of(request)]),
            Prepared::Planned(plan) => (true, None, self.calls(plan, &[])),
            Prepared::Skipped => (false, None, Vec::new()),
            Prepared::Failed(found) => (false, Some(self.problem(found)), Vec::new()),
        };
        json!({
            "to": &*send.to,
            "made": made,
            "problem": problem,
            "when": trace.when.as_ref().map(condition),
            "fields": self.fields(trace, rows),
            "calls": calls,
        })
    }

    /// Every field of what the route gives, with where its value is from.
    pub fn fields(&self, trace: &SendTrace, rows: &mut Rows) -> Vec<Json> {
        trace.fields.iter().map(|field| self.field(field, rows)).collect()
    }

    fn field(&self, field: &FieldOrigin, rows: &mut Rows) -> Json {
        let part = field.part.word();
        self.origin(part, &field.field, &field.origin, rows)
    }

    fn origin(&self, part: &str, field: &str, origin: &Origin, rows: &mut Rows) -> Json {
        let (sent, value) = origin.sent();
        let secret = origin.names.iter().any(|name| name.whence == Whence::Secret);
        json!({
            "part": part,
            "field": field,
            "kind": origin.kind(),
            "sent": sent,
            "secret": secret,
            "shown": if secret { shown(&Value::from(MASK)) } else { shown(&value) },
            "place": origin.place.as_ref().and_then(|place| self.place(place)),
            "template": origin.template,
            "names": origin.names.iter().map(|name| named(name, rows)).collect::<Vec<_>>(),
        })
    }

    fn place(&self, place: &Place) -> Option<Json> {
        let (line, column) = self.files.resolve(place)?.line_column();
        Some(json!({ "file": &*place.file, "line": line, "column": column }))
    }

    /// The one call of a delivery that is whole; its fields are told with where they are from.
    pub fn call_of(&self, request: &Request) -> Json {
        json!({
            "call": &*request.to, "method": &*request.method, "url": self.url(request), "note": null, "saves": [],
            "fields": [], "body": null,
        })
    }

    /// The calls of a delivery, as far as they are known; names that are given have that value.
    pub fn calls(&self, plan: &Plan, given: &crate::pipeline::Given) -> Vec<Json> {
        plan.preview(self.set, given).iter().map(|preview| self.call(preview)).collect()
    }

    fn call(&self, preview: &Preview) -> Json {
        let (request, note) = match &preview.state {
            Known::Whole(request) => (Some(request), None),
            Known::Partly(request) => (Some(request), Some("not_known")),
            Known::Skipped => (None, Some("left_out")),
            Known::Fails(_) => (None, None),
        };
        let body = request.and_then(|request| request.body.as_ref()).map(Value::to_json_pretty);
        json!({
            "call": &*preview.to,
            "method": request.map(|request| &*request.method).unwrap_or_default(),
            "url": request.map(|request| self.url(request)).unwrap_or_default(),
            "note": note,
            "saves": preview.saves.iter().map(|name| &**name).collect::<Vec<_>>(),
            "fields": [],
            "body": body,
        })
    }

    /// Where a request goes, without secrets.
    fn url(&self, request: &Request) -> String {
        format!("{}{}", base_url(self.set, &request.connection), masked(&request.path))
    }
}

/// What stood in the payload, where another value became of it.
fn was(hit: &Hit, value: &Value) -> Option<String> {
    match hit.found.as_slice() {
        [(_, raw)] if raw != value => Some(shown(raw)),
        _ => None,
    }
}

/// The path as the route has it, where that is not the place itself.
fn written(hit: &Hit) -> Option<String> {
    let place = hit.found.first().map(|(at, _)| at.to_string()).unwrap_or_default();
    Some(hit.path.text().to_owned()).filter(|text| hit.found.len() != 1 || *text != place)
}

fn named(name: &NameOrigin, rows: &mut Rows) -> Json {
    // What somebody has set here, the page says to whoever did.
    let from = if name.whence == Whence::Given { "you" } else { name.whence.word() };
    let at = name.whence.locations().first();
    let row = at.filter(|_| from == "payload").and_then(|at| rows.used(at));
    json!({ "name": &*name.text, "from": from, "path": at.map(ToString::to_string), "row": row })
}

/// The address of a connection, without a login that stands in it.
fn base_url(set: &RouteSet, connection: &str) -> String {
    let url = set.connections.get(connection).map_or("", |connection| &connection.base_url);
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match host.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{MASK}@{host}{path}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_line_breaks() {
        assert_eq!(shown(&Value::from("a\n\\n\t\"b\"")), "\"a\n\\\\n\\t\\\"b\\\"\"");
        assert_eq!(shown(&Value::array(["a\nb"])), "[\"a\\nb\"]");
    }
}
