//! One event through one route, with the reason for every step. A dry run shows it; `serve` never asks.

use std::sync::Arc;

use super::origin::{By, FieldOrigin, Origin, Tracer};
use super::{Given, Prepared, RouteResult, Routed, routed, scope};
use crate::event::Event;
use crate::extract::{Extract, Finding, Traced};
use crate::plan::placeholder;
use crate::route::{Placed, Route, RouteSet, Send};
use crate::template::Scope;
use crate::template::explain::{Explained, Verdict};
use crate::value::Value;

/// What a route made of an event, and why.
#[derive(Debug)]
pub struct Trace {
    pub routed: Routed,
    pub matcher: Option<Explained>,
    /// One for each extract; none when the route does not take the event.
    pub extracts: Vec<Traced>,
    pub identity: Option<Origin>,
    pub lane: Option<Origin>,
    /// One for each entry of `send`.
    pub sends: Vec<SendTrace>,
}

/// Why a request was made, or not, and where what is in it came from.
#[derive(Debug, Default)]
pub struct SendTrace {
    pub when: Option<Explained>,
    pub fields: Vec<FieldOrigin>,
}

/// Runs an event through one route as [`super::run_one`] does, with the given values in place of those extracted.
pub fn trace(set: &RouteSet, route: &Arc<Route>, event: &Event, given: &Given) -> Trace {
    let base = scope(set, event);
    let routed = routed(route, event, &base, given);
    let matcher = route.matcher.as_ref().map(|matcher| matcher.template.explain(&base));
    let takes = matcher.as_ref().is_none_or(|matcher| matcher.verdict == Verdict::Yes);
    let extracts: Vec<Traced> = match takes {
        true => route.extracts.iter().map(|extract| traced(extract, event, given)).collect(),
        false => Vec::new(),
    };
    let mut trace = Trace { routed, matcher, extracts, identity: None, lane: None, sends: Vec::new() };
    if takes && trace.extracts.iter().all(|traced| traced.outcome.is_ok()) {
        trace.finish(route, event, base, given);
    }
    trace
}

fn traced(extract: &Extract, event: &Event, given: &Given) -> Traced {
    match given.iter().find(|(name, _)| *name == extract.name) {
        Some((_, value)) => Traced { outcome: Ok(value.clone()), finding: Finding::Given },
        None => extract.trace(&event.payload),
    }
}

impl Trace {
    /// What follows once every name has its value.
    fn finish(&mut self, route: &Route, event: &Event, mut scope: Scope, given: &Given) {
        for (extract, traced) in route.extracts.iter().zip(&self.extracts) {
            scope.set(extract.name.clone(), traced.outcome.clone().unwrap_or_default());
        }
        let extracts: Vec<_> = route.extracts.iter().zip(&self.extracts).collect();
        let origin = |placed: &Placed, scope: &Scope| {
            let tracer = Tracer { scope, extracts: extracts.clone(), saved: Vec::new() };
            tracer.template(&placed.template, By::Route, placed.place.clone())
        };
        self.identity = route.identity.as_ref().map(|placed| origin(placed, &scope));
        if let RouteResult::Taken(taken) = &self.routed.result
            && let Some(identity) = &taken.identity
        {
            scope.set("event", Some(event.value_with(identity)));
        }
        self.lane = route.lane.as_ref().map(|placed| origin(placed, &scope));
        let RouteResult::Taken(taken) = &self.routed.result else { return };
        let each = route.sends.iter().zip(&taken.sends);
        self.sends = each
            .map(|(send, prepared)| {
                let mut scope = scope.clone().with("connection", send.connection.settings.clone());
                let saved = save(prepared, &mut scope, given);
                send_trace(send, prepared, &Tracer { scope: &scope, extracts: extracts.clone(), saved })
            })
            .collect();
    }
}

/// What stands for the names that calls of the route save; those that were given are left out of the answer.
fn save(prepared: &Prepared, scope: &mut Scope, given: &Given) -> Vec<Arc<str>> {
    let Prepared::Planned(plan) = prepared else { return Vec::new() };
    let mut names = Vec::new();
    for (index, step) in plan.steps.iter().enumerate().filter(|(_, step)| step.frame == 0) {
        for saved in &step.save {
            match given.iter().find(|(name, _)| *name == saved.name) {
                Some((name, value)) => scope.set(name.clone(), value.clone()),
                None => {
                    scope.set(saved.name.clone(), Some(Value::from(placeholder(index, &saved.name))));
                    names.push(saved.name.clone());
                }
            }
        }
    }
    names
}

fn send_trace(send: &Send, prepared: &Prepared, tracer: &Tracer<'_>) -> SendTrace {
    let when: Option<Explained> = send.when.as_ref().map(|when| when.template.explain(tracer.scope));
    let made = when.as_ref().is_none_or(|when| when.verdict == Verdict::Yes);
    let fields = if made && !matches!(prepared, Prepared::Skipped) { tracer.request(send) } else { Vec::new() };
    SendTrace { when, fields }
}
