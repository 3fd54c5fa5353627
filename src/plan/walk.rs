//! A plan from its first call to its last, with answers at hand instead of providers: for tests of routes.

use std::sync::Arc;

use super::open::target;
use super::{Opened, Plan, Saved, Step};
use crate::diagnostic::Diagnostic;
use crate::pack::{Operation, PathPart};
use crate::pipeline::render;
use crate::request::{Piece, Request, decode, masked};
use crate::route::RouteSet;
use crate::secret::MASK;
use crate::template::Scope;
use crate::value::Value;

/// What a plan came to.
#[derive(Debug, Default)]
pub struct Walk {
    /// The requests of the steps before the last.
    pub steps: Vec<Request>,
    /// The delivery's own; nothing where a condition kept it from being made.
    pub own: Option<Request>,
    /// What a chain was called with: its name and its body.
    pub chain: Option<(Arc<str>, Value)>,
}

impl Plan {
    /// Each call in order, with the answer that `answer` gives for it.
    pub fn walk(
        &self,
        live: &RouteSet,
        answer: &mut dyn FnMut(&Step, &Request) -> Result<Value, Diagnostic>,
    ) -> Result<Walk, Diagnostic> {
        let (mut walk, mut saved) = (Walk::default(), Saved::default());
        for (index, step) in self.steps.iter().enumerate() {
            let Opened::Call(request) = self.open(index, &saved, live, "test")? else { continue };
            if index == self.last() {
                walk.own = Some(*request);
                walk.chain = self.chain_body(&saved, live)?;
                break;
            }
            if !step.save.is_empty() {
                saved.set(index, step.saved_of(&answer(step, &request)?)?);
            }
            walk.steps.push(*request);
        }
        Ok(walk)
    }

    fn chain_body(&self, saved: &Saved, live: &RouteSet) -> Result<Option<(Arc<str>, Value)>, Diagnostic> {
        let chain = self.frames.iter().enumerate().find_map(|(frame, open)| Some((frame, open.chain.as_ref()?)));
        let (Some((frame, to)), Some(last)) = (chain, self.steps.last()) else { return Ok(None) };
        let (connection, _) = target(to, live, &last.place())?;
        let scope = self.scope(frame, self.last(), saved, live, connection)?;
        Ok(Some((to.clone(), scope.get("body").flatten().cloned().unwrap_or_default())))
    }
}

/// What the stand-in of `serve --sandbox` would answer; `number` is that of the request.
pub fn stand_in_answer(operation: &Operation, request: &Request, number: u64) -> Result<Value, Diagnostic> {
    let params = operation.path.iter().zip(&request.path).filter_map(|(part, piece)| match (part, piece) {
        (PathPart::Param(name), Piece::Text(text)) => Some((name.clone(), decode(text))),
        (PathPart::Param(name), Piece::Secret(_)) => Some((name.clone(), MASK.to_owned())),
        (PathPart::Text(_), _) => None,
    });
    let path = masked(&request.path);
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let headers = request.headers.iter().map(|header| (header.name.to_ascii_lowercase(), masked(&header.value)));
    let visible = Value::object([
        ("method", Value::from(request.method.clone())),
        ("path", Value::from(path.split('?').next().unwrap_or_default())),
        ("params", Value::object(params)),
        ("query", crate::payload::form::decode_lenient(query)),
        ("headers", Value::object(headers)),
        ("body", request.body.clone().unwrap_or_default()),
    ]);
    let scope = Scope::new().with("request", visible).with("sequence", Value::from(number));
    let body = operation.sandbox_reply.body.as_ref();
    Ok(body.map(|body| render(body, &scope)).transpose()?.flatten().unwrap_or_default())
}
