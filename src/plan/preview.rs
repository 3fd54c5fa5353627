//! A plan as it looks before anything is called: what is known now, and what stands for the names that calls save.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::open::target;
use super::{Content, Frame, Key, Opened, Plan, Saved, Step, late};
use crate::diagnostic::Diagnostic;
use crate::pack::{Body, Connection, Draft, HeaderPart, Operation, PathPart};
use crate::pipeline::{Given, render};
use crate::request::{Encoding, Header, Piece, Request, encode};
use crate::route::RouteSet;
use crate::template::{Scope, Template};
use crate::value::{Object, Value};

/// One call of a plan.
#[derive(Debug)]
pub struct Preview {
    pub to: Arc<str>,
    /// `unless {{ contact_id }}`: conditions that are not known yet.
    pub conditions: Vec<String>,
    pub saves: Vec<Arc<str>>,
    /// By what it is remembered, and for how long.
    pub remembered: Option<(String, Duration)>,
    pub state: Known,
}

/// How much of a call is known.
#[derive(Debug)]
pub enum Known {
    /// All of it, and it has passed the schema.
    Whole(Box<Request>),
    /// Some of it: in the rest stands what is to come.
    Partly(Box<Request>),
    /// It is not made.
    Skipped,
    Fails(Box<Diagnostic>),
}

/// What stands for a name that a call saves.
pub fn placeholder(step: usize, name: &str) -> String {
    format!("‹saved by step {}: {name}›", step + 1)
}

impl Plan {
    /// Every call; names that are given have that value.
    pub fn preview(&self, live: &RouteSet, given: &Given) -> Vec<Preview> {
        (0..self.steps.len()).filter_map(|index| self.preview_of(index, live, given)).collect()
    }

    fn preview_of(&self, index: usize, live: &RouteSet, given: &Given) -> Option<Preview> {
        let step = self.steps.get(index)?;
        let known = |name: &Arc<str>| given.iter().any(|(given, _)| given == name);
        let later: BTreeSet<Arc<str>> =
            self.saved_before(index).map(|(_, name)| name).filter(|name| !known(name)).collect();
        let unknown = self.names_of(step).intersection(&later).next().is_some();
        let open = |index| self.open(index, &self.given_saved(given), live, "dry-run");
        let state = match unknown {
            false => match open(index) {
                Ok(Opened::Call(request)) => Known::Whole(request),
                Ok(Opened::Skip) => Known::Skipped,
                Err(problem) => Known::Fails(Box::new(problem)),
            },
            true => match self.sketch(index, live, given) {
                Ok(request) => Known::Partly(Box::new(request)),
                Err(problem) => Known::Fails(Box::new(problem)),
            },
        };
        let open_guards =
            step.guards.iter().filter(|guard| guard.when.template.uses().iter().any(|used| later.contains(&used.name)));
        let word = |holds: bool| if holds { "when" } else { "unless" };
        Some(Preview {
            to: step.to.clone(),
            conditions: open_guards
                .map(|guard| format!("{} {}", word(guard.holds), guard.when.template.text()))
                .collect(),
            saves: step.save.iter().map(|saved| saved.name.clone()).collect(),
            remembered: step
                .remember
                .as_ref()
                .and_then(|remember| Some((self.key_text(index, &remember.key, live, given)?, remember.period))),
            state,
        })
    }

    /// Each name that a step before this one saves, with the last step that does.
    fn saved_before(&self, index: usize) -> impl Iterator<Item = (usize, Arc<str>)> {
        let before = self.steps.iter().enumerate().take(index);
        before.flat_map(|(at, step)| step.save.iter().map(move |saved| (at, saved.name.clone())))
    }

    /// The names that a call's templates use; through what a chain is called with, those of the route, too.
    fn names_of(&self, step: &Step) -> BTreeSet<Arc<str>> {
        let mut names = BTreeSet::new();
        let mut take = |template: &Template| names.extend(template.uses().iter().map(|used| used.name.clone()));
        step.guards.iter().for_each(|guard| take(&guard.when.template));
        if let Content::Late(draft) = &step.content {
            late::bodies(draft).for_each(|body| late::each(body, &mut take));
        }
        if let Some(input) = self.frames.get(step.frame).and_then(|frame| frame.input.as_ref()) {
            late::bodies(input).for_each(|body| late::each(body, &mut take));
        }
        names
    }

    /// The values that were given, as the steps that save them would have.
    fn given_saved(&self, given: &Given) -> Saved {
        let mut saved = Saved::default();
        for (index, step) in self.steps.iter().enumerate() {
            let value = |name: &Arc<str>| given.iter().find(|(known, _)| known == name)?.1.clone();
            let fields = step.save.iter().filter_map(|save| Some((save.name.clone(), value(&save.name)?)));
            saved.set(index, Value::Object(Arc::new(fields.collect::<Object>())));
        }
        saved
    }

    /// The names of a frame, with what stands for those that are not known.
    fn sketched_scope(&self, frame: usize, index: usize, given: &Given, connection: &Connection) -> Scope {
        let mut scope = Scope::new();
        let Some(Frame { names, input, .. }) = self.frames.get(frame) else { return scope };
        names.iter().for_each(|(name, value)| scope.set(name.clone(), Some(value.clone())));
        for (before, step) in self.steps.iter().enumerate().take(index).filter(|(_, step)| step.frame == frame) {
            for saved in &step.save {
                let value = match given.iter().find(|(name, _)| *name == saved.name) {
                    Some((_, value)) => value.clone(),
                    None => Some(Value::from(placeholder(before, &saved.name))),
                };
                scope.set(saved.name.clone(), value);
            }
        }
        if let (Some(draft), Some(outside)) = (input, frame.checked_sub(1)) {
            let outer = self.sketched_scope(outside, index, given, connection);
            scope.set("body", draft.body.as_ref().and_then(|body| sketched(body, &outer)));
            let params = draft.params.iter().filter_map(|(name, body)| Some((name.clone(), sketched(body, &outer)?)));
            scope.set("params", Some(Value::object(params)));
        }
        scope.with("connection", connection.settings.clone())
    }

    fn key_text(&self, index: usize, key: &Key, live: &RouteSet, given: &Given) -> Option<String> {
        let step = self.steps.get(index)?;
        match key {
            // A lookup is made once for each event, which needs no telling.
            Key::Once(_) => None,
            Key::Ready(text) => Some(text.to_string()),
            Key::Late(key) => {
                let connection = live.connections.get(step.connection())?;
                let scope = self.sketched_scope(step.frame, index, given, connection);
                Some(
                    key.template.evaluate_text(&scope).ok().flatten().unwrap_or_else(|| key.template.text().to_owned()),
                )
            }
        }
    }

    /// A request with what is known of it.
    fn sketch(&self, index: usize, live: &RouteSet, given: &Given) -> Result<Request, Diagnostic> {
        let Some(step) = self.steps.get(index) else { return Err(missing()) };
        let (connection, operation) = target(&step.to, live, &step.place())?;
        let draft = match &step.content {
            Content::Ready(request) => return Ok((**request).clone()),
            Content::Late(draft) => draft,
        };
        let scope = self.sketched_scope(step.frame, index, given, connection);
        let body = draft.body.as_ref().and_then(|body| sketched(body, &scope));
        let kind = operation.encoding.content_type(body.as_ref().unwrap_or(&Value::Null));
        let mut headers: Vec<Header> = body
            .iter()
            .map(|_| Header { name: "Content-Type".into(), value: vec![Piece::Text(kind.clone())] })
            .collect();
        for (name, parts) in &operation.headers {
            headers.push(Header { name: name.clone(), value: parts.iter().map(|part| header(part, &scope)).collect() });
        }
        for (name, value) in single(&draft.headers, &scope) {
            headers.push(Header { name, value: vec![Piece::Text(value.into())] });
        }
        Ok(Request {
            to: step.to.clone(),
            connection: connection.name.clone(),
            operation: operation.name.clone(),
            method: operation.method.clone(),
            path: path(draft, operation, connection, &scope),
            headers,
            body,
            idempotency_key: None,
            encoding: Encoding::Json,
            limit_keys: Vec::new(),
        })
    }
}

fn missing() -> Diagnostic {
    let place = crate::diagnostic::Place::bytes("", 0..0);
    Diagnostic::new(crate::diagnostic::Code::UnknownOperation, place, "there is no such step")
}

/// A tree with what is known; a template that can't be evaluated yet stands as it is written.
fn sketched(body: &Body, scope: &Scope) -> Option<Value> {
    match body {
        Body::Value(value) => Some(value.clone()),
        Body::Template { template, .. } => render(body, scope).unwrap_or_else(|_| Some(Value::from(template.text()))),
        Body::Array(items) => Some(Value::array(items.iter().filter_map(|item| sketched(item, scope)))),
        Body::Object(fields) => {
            let fields = fields.iter().filter_map(|(name, body)| Some((name.clone(), sketched(body, scope)?)));
            Some(Value::Object(Arc::new(fields.collect::<Object>())))
        }
    }
}

fn single(fields: &[(Arc<str>, Body)], scope: &Scope) -> Vec<(Arc<str>, String)> {
    let text = |value: &Value| crate::convert::text(value).unwrap_or_else(|_| value.to_json());
    fields.iter().filter_map(|(name, body)| Some((name.clone(), text(&sketched(body, scope)?)))).collect()
}

/// What is to come stays readable.
fn encoded(text: &str) -> String {
    if text.contains(['‹', '{']) { text.to_owned() } else { encode(text) }
}

fn path(draft: &Draft, operation: &Operation, connection: &Connection, scope: &Scope) -> Vec<Piece> {
    let params = single(&draft.params, scope);
    let mut pieces: Vec<Piece> = operation
        .path
        .iter()
        .map(|part| match part {
            PathPart::Text(text) => Piece::Text(text.clone()),
            PathPart::Param(name) => match params.iter().find(|(known, _)| known == name) {
                Some((_, text)) => Piece::Text(encoded(text).into()),
                None => connection.piece(name).unwrap_or_else(|| Piece::Text(format!("{{{name}}}").into())),
            },
        })
        .collect();
    let query: Vec<String> =
        single(&draft.query, scope).iter().map(|(name, text)| format!("{}={}", encode(name), encoded(text))).collect();
    if !query.is_empty() {
        pieces.push(Piece::Text(format!("?{}", query.join("&")).into()));
    }
    pieces
}

fn header(part: &HeaderPart, scope: &Scope) -> Piece {
    match part {
        HeaderPart::Text(text) => Piece::Text(text.clone()),
        HeaderPart::Secret(name) => Piece::Secret(name.clone()),
        HeaderPart::Template(template) => {
            Piece::Text(template.evaluate_text(scope).ok().flatten().unwrap_or_default().into())
        }
    }
}
