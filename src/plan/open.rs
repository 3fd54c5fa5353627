//! A step with what the steps before it have saved: its request, proved by the operation as it is now.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::ask::is_once;
use super::{Content, Frame, Key, Plan, Saved, Step};
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::pack::{Connection, Idempotency, Operation, PathPart};
use crate::pipeline::{Call, at};
use crate::request::{Header, Piece, Request};
use crate::route::RouteSet;
use crate::template::Scope;
use crate::value::Value;

/// What a step comes to.
#[derive(Debug)]
pub enum Opened {
    Call(Box<Request>),
    /// One of its conditions says that it is not made.
    Skip,
}

/// Under what a step's saved values are kept, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    pub key: String,
    pub period: Duration,
}

/// Steps whose results are not so any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// The first of them; those after it rest on it.
    pub from: usize,
    /// What is remembered of them, each by its key, as JSON.
    pub remembered: Vec<(String, String)>,
}

impl Plan {
    /// The steps before this one that rest on what is remembered, or have asked in vain directly before it; nothing where none
    /// does. What a lookup found of the event is no part of it: the event is the same.
    pub fn stale(&self, index: usize, saved: &Saved, live: &RouteSet) -> Option<Stale> {
        let asked = self.asked(index, saved, live);
        let remembers = |step: &Step| step.remember.is_some() && !is_once(step);
        let is_stale = |(at, step): &(usize, &Step)| remembers(step) || asked.is_some_and(|asked| *at >= asked);
        let all: Vec<usize> =
            self.steps.iter().take(index).enumerate().filter(is_stale).map(|(step, _)| step).collect();
        let from = *all.first()?;
        Some(Stale {
            from,
            remembered: all.iter().flat_map(|at| self.remembered_of(*at, index, saved, live)).collect(),
        })
    }

    /// A step that is ready to be called, or not to be. `delivery` is the id of the delivery: it makes the key of calls
    /// whose provider knows a repetition by a header.
    pub fn open(&self, index: usize, saved: &Saved, live: &RouteSet, delivery: &str) -> Result<Opened, Diagnostic> {
        let Some(step) = self.steps.get(index) else { return Ok(Opened::Skip) };
        let (connection, operation) = target(&step.to, live, &step.place())?;
        for guard in &step.guards {
            let account = account(&guard.connection, live, &guard.when.place)?;
            let scope = self.scope(guard.frame, index, saved, live, account)?;
            let held = guard.when.template.holds(&scope).map_err(|error| at(error, &guard.when.place))?;
            if held != guard.holds {
                return Ok(Opened::Skip);
            }
        }
        let mut request = match &step.content {
            Content::Ready(request) => request.clone(),
            Content::Late(draft) => {
                let scope = self.scope(step.frame, index, saved, live, connection)?;
                Box::new(Call { to: &step.to, connection, operation, draft }.request(&scope)?)
            }
        };
        if let Idempotency::Header(name) = &operation.idempotency {
            let key: Arc<str> = format!("{delivery}-{index}").into();
            request.headers.retain(|header| !header.name.eq_ignore_ascii_case(name));
            request.headers.push(Header { name: name.clone(), value: vec![Piece::Text(key.clone())] });
            request.idempotency_key = Some(key);
        }
        Ok(Opened::Call(request))
    }

    /// Under what the step's saved values are remembered; nothing for a step that remembers none.
    pub fn memory(&self, index: usize, saved: &Saved, live: &RouteSet) -> Result<Option<Memory>, Diagnostic> {
        let Some((step, remember)) = self.steps.get(index).and_then(|step| Some((step, step.remember.as_ref()?)))
        else {
            return Ok(None);
        };
        let (connection, operation) = target(&step.to, live, &step.place())?;
        let text = match &remember.key {
            Key::Once(text) => format!("once/{text}"),
            Key::Ready(text) => text.to_string(),
            Key::Late(key) => {
                let scope = self.scope(step.frame, index, saved, live, connection)?;
                let text = key.template.evaluate_text(&scope).map_err(|error| at(error, &key.place))?;
                match text.filter(|text| !text.trim().is_empty()) {
                    Some(text) => text,
                    // Without a key the call is made each time.
                    None => return Ok(None),
                }
            }
        };
        let key = format!("{}/{}/{text}", step.to, stands_for(step, connection, operation));
        Ok(Some(Memory { key, period: remember.period }))
    }

    /// The names of a frame as a step sees them.
    pub(super) fn scope(
        &self,
        frame: usize,
        index: usize,
        saved: &Saved,
        live: &RouteSet,
        connection: &Connection,
    ) -> Result<Scope, Diagnostic> {
        let mut scope = Scope::new();
        let Some(Frame { names, chain, input }) = self.frames.get(frame) else { return Ok(scope) };
        names.iter().for_each(|(name, value)| scope.set(name.clone(), Some(value.clone())));
        for (before, _) in self.steps.iter().enumerate().take(index).filter(|(_, step)| step.frame == frame) {
            let object = saved.get(before).and_then(Value::as_object);
            object.into_iter().flatten().for_each(|(name, value)| scope.set(name.clone(), Some(value.clone())));
        }
        if let (Some(to), Some(draft), Some(outside)) = (chain, input, frame.checked_sub(1)) {
            let outer = self.scope(outside, index, saved, live, connection)?;
            let (connection, operation) = target(to, live, &draft.place)?;
            let call = Call { to, connection, operation, draft };
            scope.set("body", Some(call.body(&outer)?.unwrap_or_default()));
            scope.set("params", Some(call.params(&outer)?));
        }
        scope.set("connection", Some(connection.settings.clone()));
        Ok(scope)
    }
}

fn account<'l>(name: &str, live: &'l RouteSet, place: &Place) -> Result<&'l Connection, Diagnostic> {
    let known = live.connections.get(name).map(|connection| &**connection);
    known.ok_or_else(|| {
        let message = format!("jackfield.yaml has no connection `{name}` any more");
        let help = "put it back under `connections:`";
        Diagnostic::new(Code::UnknownConnection, place.clone(), message).help(help)
    })
}

/// The account and the operation as they are now.
pub(super) fn target<'l>(
    to: &str,
    live: &'l RouteSet,
    place: &Place,
) -> Result<(&'l Connection, &'l Operation), Diagnostic> {
    let (name, operation) = to.split_once('.').unwrap_or((to, ""));
    let connection = account(name, live, place)?;
    let Some(operation) = connection.pack.operations.get(operation) else {
        let message = format!("{} has no operation `{operation}` any more", connection.pack.title);
        return Err(Diagnostic::new(Code::UnknownOperation, place.clone(), message));
    };
    Ok((connection, operation))
}

/// What else must be the same for a remembered value to stand: the account, and what is saved of the answer.
fn stands_for(step: &Step, connection: &Connection, operation: &Operation) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &str| {
        hash.update(bytes.len().to_le_bytes());
        hash.update(bytes);
    };
    part(&connection.base_url);
    for name in operation.path.iter().filter_map(|piece| match piece {
        PathPart::Param(name) => Some(name),
        PathPart::Text(_) => None,
    }) {
        let open = connection.settings.get(name).map(Value::to_json).unwrap_or_default();
        part(connection.secrets.get(name).map_or(&open, |secret| secret.expose()));
    }
    for saved in &step.save {
        part(&saved.name);
        saved.paths.iter().for_each(|(path, _)| part(path.text()));
    }
    crate::template::filter::hex(&hash.finalize()).chars().take(16).collect()
}
