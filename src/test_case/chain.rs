//! Chains in a test: named themselves, or by one of their calls.

use std::ops::Range;
use std::sync::Arc;

use super::Made;
use crate::diagnostic::Diagnostic;
use crate::plan::at_caller;
use crate::request::{Encoding, Request};
use crate::route::{RouteSet, Send};
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

/// The calls of one chain that was made.
pub(super) struct Chain {
    /// Where they are among all calls, with those that the route makes before.
    pub steps: Range<usize>,
    /// Which of the requests stands for the chain.
    pub request: usize,
    pub calls: Vec<Arc<str>>,
}

/// The operations that a chain consists of.
pub(super) fn calls_of(chain: &str, set: &RouteSet) -> Vec<Arc<str>> {
    let (connection, operation) = chain.split_once('.').unwrap_or((chain, ""));
    let found = set.connections.get(connection).and_then(|connection| connection.pack.operations.get(operation));
    found.into_iter().flat_map(|chain| &chain.chain).map(|step| step.operation.name.clone()).collect()
}

impl Made {
    /// What stands for the chain that a call is one of.
    pub(super) fn chain_of(&self, call: &Request) -> Option<&Request> {
        let at = self.steps.iter().position(|step| std::ptr::eq(step, call))?;
        let chain =
            self.chains.iter().find(|chain| chain.steps.contains(&at) && chain.calls.contains(&call.operation))?;
        self.requests.get(chain.request)
    }
}
