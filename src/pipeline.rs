//! The pure pipeline: an event through the routes of its source to finished requests. `serve`, `dry-run` and `test`
//! run this same code.

mod origin;
mod trace;

use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic, Place};
use crate::event::Event;
use crate::extract::Found;
use crate::pack::{Body, Connection, HeaderPart, Operation, PathPart};
use crate::path::Step;
use crate::request::{Header, Piece, Request, encode};
use crate::route::{Placed, Route, RouteSet, Send};
use crate::template::{Scope, TemplateError};
use crate::value::Value;

pub use origin::{By, FieldOrigin, NameOrigin, Origin, Outcome, Part, Whence};
pub use trace::{SendTrace, Trace, trace};

/// Values that whoever asks gives in place of those extracted; nothing for a name that is to be absent.
pub type Given = [(Arc<str>, Option<Value>)];

/// What one route made of an event.
#[derive(Debug)]
pub struct Routed {
    pub route: Arc<Route>,
    pub result: RouteResult,
}

#[derive(Debug)]
pub enum RouteResult {
    /// The route's `match` did not hold.
    NotMatched,
    /// A fallback, and another route took the event.
    NotNeeded,
    Taken(Box<Taken>),
    /// The route took the event and could make nothing of it.
    Failed(Box<Diagnostic>),
}

/// What a route made of an event that it took.
#[derive(Debug, Default)]
pub struct Taken {
    /// Each name with its value; none for an optional one that was not found.
    pub names: Vec<(Arc<str>, Option<Found>)>,
    pub identity: Option<String>,
    pub lane: Option<String>,
    /// One for each entry of `send`.
    pub sends: Vec<Prepared>,
}

/// What became of one entry of `send`.
#[derive(Debug)]
pub enum Prepared {
    Ready(Box<Request>),
    /// Its `when` did not hold.
    Skipped,
    Failed(Box<Diagnostic>),
}

/// Runs an event through every route of its source.
pub fn run(set: &RouteSet, event: &Event) -> Vec<Routed> {
    let routes = set.routes.get(&event.source).map(Vec::as_slice).unwrap_or_default();
    let base = scope(set, event);
    let (fallbacks, normal): (Vec<_>, Vec<_>) = routes.iter().partition(|route| route.fallback);
    let mut all: Vec<Routed> = normal.into_iter().map(|route| routed(route, event, &base, &[])).collect();
    let taken = all.iter().any(|routed| !matches!(routed.result, RouteResult::NotMatched));
    for route in fallbacks {
        match taken {
            true => all.push(Routed { route: route.clone(), result: RouteResult::NotNeeded }),
            false => all.push(routed(route, event, &base, &[])),
        }
    }
    all
}

/// Runs an event through one route, whatever the others do.
pub fn run_one(set: &RouteSet, route: &Arc<Route>, event: &Event) -> Routed {
    routed(route, event, &scope(set, event), &[])
}

/// The names in reach of every template of a route.
pub const BASE_NAMES: &[&str] = &["payload", "envelope", "request", "event", "vars"];

/// What these names stand for in one event.
pub fn scope(set: &RouteSet, event: &Event) -> Scope {
    Scope::new()
        .with("payload", event.payload.clone())
        .with("envelope", event.envelope.clone())
        .with("request", event.request_value())
        .with("event", event.event_value())
        .with("vars", set.vars.clone())
}

fn routed(route: &Arc<Route>, event: &Event, base: &Scope, given: &Given) -> Routed {
    let result = match take(route, event, base, given) {
        Ok(Some(taken)) => RouteResult::Taken(Box::new(taken)),
        Ok(None) => RouteResult::NotMatched,
        Err(problem) => RouteResult::Failed(Box::new(problem)),
    };
    Routed { route: route.clone(), result }
}

fn take(route: &Route, event: &Event, base: &Scope, given: &Given) -> Result<Option<Taken>, Diagnostic> {
    if let Some(matcher) = &route.matcher
        && !matcher.template.holds(base).map_err(|error| at(error, &matcher.place))?
    {
        return Ok(None);
    }
    let mut scope = base.clone();
    let mut taken = Taken::default();
    for extract in &route.extracts {
        let found = match given.iter().find(|(name, _)| *name == extract.name) {
            Some((_, value)) => value.clone().map(|value| Found { value, path: None }),
            None => extract.run(&event.payload)?,
        };
        scope.set(extract.name.clone(), found.as_ref().map(|found| found.value.clone()));
        taken.names.push((extract.name.clone(), found));
    }
    taken.identity = text_of(route.identity.as_ref(), &scope)?;
    if let Some(identity) = &taken.identity {
        scope.set("event", Some(event.value_with(identity)));
    }
    taken.lane = text_of(route.lane.as_ref(), &scope)?;
    taken.sends = route.sends.iter().map(|send| prepared(send, &scope)).collect();
    Ok(Some(taken))
}

fn text_of(placed: Option<&Placed>, scope: &Scope) -> Result<Option<String>, Diagnostic> {
    let Some(placed) = placed else { return Ok(None) };
    let text = placed.template.evaluate_text(scope).map_err(|error| at(error, &placed.place))?;
    // Blank text tells no two events apart.
    Ok(text.filter(|text| !text.trim().is_empty()))
}

fn prepared(send: &Send, scope: &Scope) -> Prepared {
    let scope = scope.clone().with("connection", send.connection.settings.clone());
    match prepare(send, &scope) {
        Ok(Some(request)) => Prepared::Ready(Box::new(request)),
        Ok(None) => Prepared::Skipped,
        Err(problem) => Prepared::Failed(Box::new(problem)),
    }
}

fn prepare(send: &Send, scope: &Scope) -> Result<Option<Request>, Diagnostic> {
    if let Some(when) = &send.when
        && !when.template.holds(scope).map_err(|error| at(error, &when.place))?
    {
        return Ok(None);
    }
    let body = body(send, scope)?;
    let key = send.operation.idempotency.as_ref().and_then(|field| body.as_ref()?.get(field)?.as_str());
    Ok(Some(Request {
        to: send.to.clone(),
        connection: send.connection.name.clone(),
        operation: send.operation.name.clone(),
        method: send.operation.method.clone(),
        path: path(send, scope)?,
        headers: headers(send, scope, body.is_some())?,
        idempotency_key: key.map(Arc::from),
        body,
    }))
}

/// The rendered body with the pack's defaults, proved against the operation's schema.
fn body(send: &Send, scope: &Scope) -> Result<Option<Value>, Diagnostic> {
    let rendered = send.body.as_ref().map(|body| render(body, scope)).transpose()?.flatten();
    let Some(schema) = &send.operation.schema else { return Ok(rendered) };
    let body = with_defaults(rendered.unwrap_or_else(empty_object), &send.operation, scope)?;
    match schema.is_valid(&body) {
        true => Ok(Some(body)),
        false => Err(violation(send, schema.violations(&body))),
    }
}

fn empty_object() -> Value {
    Value::object(Vec::<(&str, Value)>::new())
}

/// Fields that the pack gives where the route does not.
fn with_defaults(body: Value, operation: &Operation, scope: &Scope) -> Result<Value, Diagnostic> {
    let Some(object) = body.as_object() else { return Ok(body) };
    let mut fields: Vec<(Arc<str>, Value)> = object.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    for (key, default) in &operation.defaults {
        if object.get(key).is_none()
            && let Some(value) = render(default, scope)?
        {
            fields.push((key.clone(), value));
        }
    }
    Ok(Value::Object(Arc::new(fields.into_iter().collect())))
}

fn violation(send: &Send, violations: Vec<crate::schema::Violation>) -> Diagnostic {
    let Some(first) = violations.into_iter().next() else {
        return Diagnostic::new(Code::InvalidBody, send.body_place.clone(), "the body breaks the operation's schema");
    };
    let place = first.path.iter().fold(send.body_place.clone(), |place, step| match step {
        Step::Key(key) => place.key(key.clone()),
        Step::Index(index) => place.index(*index),
    });
    // What is missing has no line of its own: the one to mend is that of the mapping that lacks it.
    let (place, field) = match (first.keyword.as_str(), first.path.is_empty()) {
        ("required" | "oneOf" | "anyOf", _) => (place.on_key(), String::new()),
        (_, true) => (place, "the body".to_owned()),
        (_, false) => (place, place_name(&first.path)),
    };
    Diagnostic::new(Code::InvalidBody, place, format!("{field} {}", first.message).trim_start().to_owned())
        .found(format!("`{}` does not take this", send.to))
        .help_opt(send.operation.schema.as_ref().and_then(|schema| schema.description_of(&first.schema_path)))
}

/// The name of a field as an error says it: "`message.content`".
pub fn place_name(path: &[Step]) -> String {
    let name = path.iter().fold(String::new(), |name, step| below(&name, step));
    if name.is_empty() { name } else { format!("`{name}`") }
}

/// The name of a field below a named one.
fn below(name: &str, step: &Step) -> String {
    match step {
        Step::Key(key) if name.is_empty() => key.to_string(),
        Step::Key(key) => format!("{name}.{key}"),
        Step::Index(index) => format!("{name}[{index}]"),
    }
}

/// A tree of templates with their values; what is absent drops its key, and its place in a list.
pub fn render(body: &Body, scope: &Scope) -> Result<Option<Value>, Diagnostic> {
    match body {
        Body::Value(value) => Ok(Some(value.clone())),
        Body::Template { template, place } => template.evaluate(scope).map_err(|error| at(error, place)),
        Body::Array(items) => {
            let rendered = items.iter().filter_map(|item| render(item, scope).transpose());
            rendered.collect::<Result<Vec<_>, _>>().map(|items| Some(Value::array(items)))
        }
        Body::Object(fields) => {
            let mut rendered = Vec::with_capacity(fields.len());
            for (key, field) in fields {
                if let Some(value) = render(field, scope)? {
                    rendered.push((key.clone(), value));
                }
            }
            Ok(Some(Value::Object(Arc::new(rendered.into_iter().collect()))))
        }
    }
}

fn path(send: &Send, scope: &Scope) -> Result<Vec<Piece>, Diagnostic> {
    let mut pieces = Vec::new();
    for part in &send.operation.path {
        match part {
            PathPart::Text(text) => pieces.push(Piece::Text(text.clone())),
            PathPart::Param(name) => pieces.push(param(send, name, scope)?),
        }
    }
    let query = query(send, scope)?;
    if !query.is_empty() {
        pieces.push(Piece::Text(format!("?{query}").into()));
    }
    Ok(pieces)
}

fn param(send: &Send, name: &Arc<str>, scope: &Scope) -> Result<Piece, Diagnostic> {
    let missing = |place: Place| {
        Diagnostic::new(Code::InvalidParameter, place, format!("the parameter `{name}` has no value in this event"))
            .help(format!("`{}` needs it in its address", send.to))
    };
    let given = send.params.iter().find(|(known, _)| known == name);
    let Some((_, body)) = given else {
        return connection_piece(&send.connection, name).ok_or_else(|| missing(send.place.key("to")));
    };
    let place = send.place.key("params").key(name.clone());
    let value = render(body, scope)?.filter(|value| !crate::extract::is_nothing(value));
    let text = value.as_ref().and_then(|value| crate::convert::text(value).ok()).ok_or_else(|| missing(place))?;
    // An address is folded at `..` wherever it is read, so that the request would go elsewhere.
    if matches!(text.as_str(), "." | "..") {
        let message = format!("the parameter `{name}` is `{text}` in this event, which no address can hold");
        return Err(Diagnostic::new(Code::InvalidParameter, send.place.key("params").key(name.clone()), message));
    }
    Ok(Piece::Text(encode(&text).into()))
}

fn connection_piece(connection: &Connection, name: &str) -> Option<Piece> {
    match connection.piece(name)? {
        Piece::Text(text) => Some(Piece::Text(encode(&text).into())),
        // Encoded when it is put in.
        secret => Some(secret),
    }
}

fn query(send: &Send, scope: &Scope) -> Result<String, Diagnostic> {
    let mut pairs = Vec::new();
    for (name, body) in &send.query {
        let place = send.place.key("query").key(name.clone());
        match render(body, scope)? {
            None => {}
            Some(Value::Array(items)) => {
                for item in items.iter() {
                    pairs.push(pair(name, item, &place)?);
                }
            }
            Some(value) => pairs.push(pair(name, &value, &place)?),
        }
    }
    Ok(pairs.join("&"))
}

fn pair(name: &str, value: &Value, place: &Place) -> Result<String, Diagnostic> {
    let text = crate::convert::text(value)
        .map_err(|unfit| Diagnostic::new(Code::UnfitValue, place.clone(), format!("`{name}`: {}", unfit.message)))?;
    Ok(format!("{}={}", encode(name), encode(&text)))
}

fn headers(send: &Send, scope: &Scope, has_body: bool) -> Result<Vec<Header>, Diagnostic> {
    let mut headers = Vec::new();
    if has_body {
        headers.push(Header { name: "Content-Type".into(), value: vec![Piece::Text("application/json".into())] });
    }
    for (name, parts) in &send.operation.headers {
        let value = parts.iter().map(|part| header_part(part, scope, send)).collect::<Result<Vec<_>, _>>()?;
        headers.push(Header { name: name.clone(), value });
    }
    for (name, body) in &send.headers {
        let place = send.place.key("headers").key(name.clone());
        let Some(value) = render(body, scope)? else { continue };
        let text = crate::convert::text(&value).ok().filter(|text| !text.contains(|c: char| c.is_control()));
        let text = text.ok_or_else(|| {
            Diagnostic::new(Code::UnfitValue, place, format!("the value of header `{name}` is not one line of text"))
        })?;
        headers.retain(|header| !header.name.eq_ignore_ascii_case(name));
        headers.push(Header { name: name.clone(), value: vec![Piece::Text(text.into())] });
    }
    Ok(headers)
}

fn header_part(part: &HeaderPart, scope: &Scope, send: &Send) -> Result<Piece, Diagnostic> {
    match part {
        HeaderPart::Text(text) => Ok(Piece::Text(text.clone())),
        HeaderPart::Secret(name) => Ok(Piece::Secret(name.clone())),
        HeaderPart::Template(template) => {
            let text = template.evaluate_text(scope).map_err(|error| at(error, &send.place))?;
            Ok(Piece::Text(text.unwrap_or_default().into()))
        }
    }
}

/// A template's error at its place in the file.
pub fn at(error: TemplateError, place: &Place) -> Diagnostic {
    let place = place.part(error.range);
    Diagnostic::new(error.code, place.clone(), error.message).help_opt(error.help).fix_opt(place, error.replacement)
}
