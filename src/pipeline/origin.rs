//! Where each value of a request came from: the line that wrote it, its template, and where the template's names have
//! their values from. Apart from the rendering itself, so that `serve` has no part in it.

use std::sync::Arc;

use super::{below, render};
use crate::diagnostic::Place;
use crate::extract::{Extract, Finding, Hit, Traced};
use crate::pack::{Body, Connection, HeaderPart, PathPart};
use crate::path::{Location, Step};
use crate::route::Send;
use crate::secret::MASK;
use crate::template::{Looked, Scope, Template};
use crate::value::Value;

/// One value of a request.
#[derive(Clone, Debug)]
pub struct FieldOrigin {
    pub part: Part,
    /// `message.content`, or the name of a header.
    pub field: String,
    /// The provider knows a repetition by it.
    pub idempotency: bool,
    pub origin: Origin,
}

/// The part of a request that a value stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Param,
    Query,
    Header,
    Body,
}

impl Part {
    pub fn word(self) -> &'static str {
        match self {
            Part::Param => "param",
            Part::Query => "query",
            Part::Header => "header",
            Part::Body => "body",
        }
    }
}

/// How a value came about.
#[derive(Clone, Debug)]
pub struct Origin {
    pub outcome: Outcome,
    pub by: By,
    /// The template as written; none for a constant.
    pub template: Option<String>,
    pub names: Vec<NameOrigin>,
    pub place: Option<Place>,
}

impl Origin {
    /// `template`, `constant`, `default` (of the pack) or `connection`.
    pub fn kind(&self) -> &'static str {
        match (self.by, &self.template) {
            (By::Route, None) => "constant",
            (By::Route, Some(_)) => "template",
            (By::Pack, _) => "default",
            (By::Connection, _) => "connection",
        }
    }

    /// Whether it is sent, and the value.
    pub fn sent(&self) -> (bool, Value) {
        match &self.outcome {
            Outcome::Sent(value) => (true, value.clone()),
            Outcome::LeftOut | Outcome::Fails => (false, Value::Null),
        }
    }
}

/// What a template came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Sent(Value),
    /// It is absent, so that its key is left out.
    LeftOut,
    Fails,
}

/// Who wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Route,
    Pack,
    Connection,
}

/// A name of a template, and where its value is from.
#[derive(Clone, Debug)]
pub struct NameOrigin {
    /// As the template has it: `email`, `payload.id`.
    pub text: Arc<str>,
    pub value: Option<Value>,
    pub whence: Whence,
}

/// Where a name's value is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whence {
    /// Here in the payload; a list has one place for each item.
    Payload(Vec<Location>),
    Envelope(Location),
    /// The request as it came: its path, query or headers.
    Request,
    Event,
    Vars,
    Connection,
    /// A setting of the connection that is not shown.
    Secret,
    /// The extract found nothing and has a default.
    Default,
    /// Whoever asked for the dry run gave it.
    Given,
    /// An earlier call saves it.
    Saved,
    /// It has no value, and these have.
    Absent(Vec<String>),
}

impl Whence {
    pub fn word(&self) -> &'static str {
        match self {
            Whence::Payload(_) => "payload",
            Whence::Envelope(_) => "envelope",
            Whence::Request => "request",
            Whence::Event => "event",
            Whence::Vars => "vars",
            Whence::Connection => "connection",
            Whence::Secret => "secret",
            Whence::Default => "default",
            Whence::Given => "set",
            Whence::Saved => "saved",
            Whence::Absent(_) => "absent",
        }
    }

    /// The places in what came in.
    pub fn locations(&self) -> &[Location] {
        match self {
            Whence::Payload(at) => at,
            Whence::Envelope(at) => std::slice::from_ref(at),
            _ => &[],
        }
    }
}

/// What is known of the event when origins are told.
pub(super) struct Tracer<'a> {
    pub scope: &'a Scope,
    pub extracts: Vec<(&'a Extract, &'a Traced)>,
    /// Names that earlier calls save and that nobody gave a value.
    pub saved: Vec<Arc<str>>,
}

impl Tracer<'_> {
    /// Every value of a send's request: address, query, headers, body.
    pub fn request(&self, send: &Send) -> Vec<FieldOrigin> {
        let mut fields = self.params(send);
        fields.extend(self.written(&send.draft.query, Part::Query, &send.draft.place.key("query")));
        fields.extend(self.pack_headers(send));
        fields.extend(self.written(&send.draft.headers, Part::Header, &send.draft.place.key("headers")));
        fields.extend(self.body(send));
        fields
    }

    fn params(&self, send: &Send) -> Vec<FieldOrigin> {
        let names = send.operation.path.iter().filter_map(|part| match part {
            PathPart::Param(name) => Some(name),
            PathPart::Text(_) => None,
        });
        let param = |name: &Arc<str>| {
            let given = send.draft.params.iter().find(|(known, _)| known == name);
            let origin = match given {
                Some((_, body)) => self.leaf(body, By::Route, send.draft.place.key("params").key(name.clone())),
                None => setting(&send.connection, name),
            };
            FieldOrigin { part: Part::Param, field: name.to_string(), idempotency: false, origin }
        };
        names.map(param).collect()
    }

    fn written(&self, fields: &[(Arc<str>, Body)], part: Part, place: &Place) -> Vec<FieldOrigin> {
        let field = |(name, body): &(Arc<str>, Body)| FieldOrigin {
            part,
            field: name.to_string(),
            idempotency: false,
            origin: self.leaf(body, By::Route, place.key(name.clone())),
        };
        fields.iter().map(field).collect()
    }

    /// The headers of the pack that the route does not write itself.
    fn pack_headers(&self, send: &Send) -> Vec<FieldOrigin> {
        let own = |name: &str| send.draft.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let headers = send.operation.headers.iter().filter(|(name, _)| !own(name));
        let header = |(name, parts): &(Arc<str>, Vec<HeaderPart>)| FieldOrigin {
            part: Part::Header,
            field: name.to_string(),
            idempotency: false,
            origin: self.pack_header(parts),
        };
        headers.map(header).collect()
    }

    fn pack_header(&self, parts: &[HeaderPart]) -> Origin {
        let (mut text, mut template, mut names) = (String::new(), String::new(), Vec::new());
        for part in parts {
            match part {
                HeaderPart::Text(piece) => {
                    text.push_str(piece);
                    template.push_str(piece);
                }
                HeaderPart::Secret(name) => {
                    text.push_str(MASK);
                    template.push_str(&format!("{{{{ connection.{name} }}}}"));
                    names.push(secret(name));
                }
                HeaderPart::Template(piece) => {
                    text.push_str(&piece.evaluate_text(self.scope).ok().flatten().unwrap_or_default());
                    template.push_str(piece.text());
                    names.extend(self.names(piece));
                }
            }
        }
        let template = (!names.is_empty()).then_some(template);
        Origin { outcome: Outcome::Sent(text.into()), by: By::Pack, template, names, place: None }
    }

    /// The fields that the route writes, then those that the pack adds.
    fn body(&self, send: &Send) -> Vec<FieldOrigin> {
        let mut walk = Walk { tracer: self, by: By::Route, fields: Vec::new() };
        let rendered = send.draft.body.as_ref().and_then(|body| {
            walk.body(body, String::new(), send.draft.body_place.clone());
            render(body, self.scope).ok().flatten()
        });
        if send.operation.schema.is_some() {
            walk.by = By::Pack;
            let is_there = |key: &str| rendered.as_ref().is_some_and(|body| body.get(key).is_some());
            for (key, default) in send.operation.defaults.iter().filter(|(key, _)| !is_there(key)) {
                walk.body(default, key.to_string(), default_place(send, key));
            }
        }
        let mut fields = walk.fields;
        for field in &mut fields {
            field.idempotency = send.operation.idempotency.field() == Some(&*field.field);
        }
        fields
    }

    /// A template where it is written.
    pub fn template(&self, template: &Template, by: By, place: Place) -> Origin {
        let outcome = match template.evaluate(self.scope) {
            Ok(Some(value)) => Outcome::Sent(value),
            Ok(None) => Outcome::LeftOut,
            Err(_) => Outcome::Fails,
        };
        let text = template.text().to_owned();
        Origin { outcome, by, template: Some(text), names: self.names(template), place: Some(place) }
    }

    fn leaf(&self, body: &Body, by: By, place: Place) -> Origin {
        match body {
            Body::Template { template, place } => self.template(template, by, place.clone()),
            _ => {
                let outcome = match render(body, self.scope) {
                    Ok(Some(value)) => Outcome::Sent(value),
                    Ok(None) => Outcome::LeftOut,
                    Err(_) => Outcome::Fails,
                };
                Origin { outcome, by, template: None, names: Vec::new(), place: Some(place) }
            }
        }
    }

    fn names(&self, template: &Template) -> Vec<NameOrigin> {
        template.look(self.scope).into_iter().map(|looked| self.name(looked)).collect()
    }

    fn name(&self, looked: Looked) -> NameOrigin {
        let whence = match (&looked.value, &*looked.name) {
            (None, _) => Whence::Absent(looked.nearby),
            (_, "payload") => Whence::Payload(vec![looked.location]),
            (_, "envelope") => Whence::Envelope(looked.location),
            (_, "request") => Whence::Request,
            (_, "event") => Whence::Event,
            (_, "vars") => Whence::Vars,
            (_, "connection") => Whence::Connection,
            (_, name) => self.extracted(name, &looked.location),
        };
        NameOrigin { text: looked.text, value: looked.value, whence }
    }

    fn extracted(&self, name: &str, below: &Location) -> Whence {
        let known = self.extracts.iter().find(|(extract, _)| &*extract.name == name);
        match known.map(|(extract, traced)| (extract, &traced.finding)) {
            Some((extract, Finding::Path(hit))) => Whence::Payload(locations(extract, hit, below)),
            Some((_, Finding::Nowhere(_))) => Whence::Default,
            None if self.saved.iter().any(|saved| **saved == *name) => Whence::Saved,
            Some((_, Finding::Given)) | None => Whence::Given,
        }
    }
}

/// Where the values of an extract stand; a field of one stands below it, where the value is still what was found.
fn locations(extract: &Extract, hit: &Hit, below: &Location) -> Vec<Location> {
    let as_found = matches!(extract.conversion, crate::extract::Conversion::None | crate::extract::Conversion::Object);
    let deeper = as_found && !extract.all && extract.map.is_none() && extract.pattern.is_none();
    let steps = if deeper { below.0.as_slice() } else { &[] };
    hit.found.iter().map(|(at, _)| Location(at.0.iter().chain(steps).cloned().collect())).collect()
}

fn secret(name: &str) -> NameOrigin {
    NameOrigin { text: format!("connection.{name}").into(), value: Some(MASK.into()), whence: Whence::Secret }
}

/// A setting of the connection that stands in the address.
fn setting(connection: &Connection, name: &str) -> Origin {
    let names = match connection.settings.get(name) {
        _ if connection.secrets.contains_key(name) => vec![secret(name)],
        Some(value) => {
            let text = format!("connection.{name}").into();
            vec![NameOrigin { text, value: Some(value.clone()), whence: Whence::Connection }]
        }
        None => Vec::new(),
    };
    let value = names.first().and_then(|name: &NameOrigin| name.value.clone());
    let outcome = value.map_or(Outcome::Fails, Outcome::Sent);
    Origin { outcome, by: By::Connection, template: None, names, place: None }
}

/// Where the pack writes a default.
fn default_place(send: &Send, key: &Arc<str>) -> Place {
    let file = format!("schemas/{}/pack.yaml", send.connection.pack.name);
    Place::file(file).key("operations").key(send.operation.name.clone()).key("defaults").key(key.clone())
}

/// A body, leaf by leaf.
struct Walk<'t, 'a> {
    tracer: &'t Tracer<'a>,
    by: By,
    fields: Vec<FieldOrigin>,
}

impl Walk<'_, '_> {
    fn body(&mut self, body: &Body, field: String, place: Place) {
        match body {
            Body::Object(fields) if !fields.is_empty() => {
                for (key, inner) in fields {
                    self.body(inner, below(&field, &Step::Key(key.clone())), place.key(key.clone()));
                }
            }
            Body::Array(items) if !items.is_empty() => self.items(items, &field, &place),
            _ => {
                let origin = self.tracer.leaf(body, self.by, place);
                self.fields.push(FieldOrigin { part: Part::Body, field, idempotency: false, origin });
            }
        }
    }

    /// Items are numbered as they are sent; one that is left out has no number.
    fn items(&mut self, items: &[Body], field: &str, place: &Place) {
        let mut sent = 0;
        for (written, item) in items.iter().enumerate() {
            let is_sent = !matches!(render(item, self.tracer.scope), Ok(None));
            let name = if is_sent { below(field, &Step::Index(sent)) } else { format!("{field}[]") };
            self.body(item, name, place.index(written));
            sent += usize::from(is_sent);
        }
    }
}
