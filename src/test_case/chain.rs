//! A delivery that a pack makes of several calls, as the route that wrote it sees it.

use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::plan::at_caller;
use crate::request::{Encoding, Request};
use crate::route::Send;
use crate::value::Value;

/// A problem of a delivery's calls, at the line of the route.
pub(super) fn at_route(problem: Diagnostic, send: Option<&Send>) -> Diagnostic {
    match send {
        Some(send) => at_caller(problem, send),
        None => problem,
    }
}

/// What a chain was called with, to be compared as the request that the route made.
pub(super) fn of_chain(to: Arc<str>, body: Value) -> Request {
    let (connection, operation) = to.split_once('.').unwrap_or((&to, ""));
    Request {
        connection: connection.into(),
        operation: operation.into(),
        method: "".into(),
        path: Vec::new(),
        headers: Vec::new(),
        body: Some(body),
        idempotency_key: None,
        encoding: Encoding::Json,
        limit_keys: Vec::new(),
        to,
    }
}
