//! A plan from a route's delivery and one event: what can be known now is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::caller::at_caller;
use super::late::{self, Names, draft_is_late, is_late, settled};
use super::{Content, Frame, Guard, Key, OnUnknown, Plan, Remember, Step};
use crate::diagnostic::Diagnostic;
use crate::pack::{self, Connection, Draft, Operation, Placed};
use crate::pipeline::{Call, at};
use crate::route::{Route, RouteStep, Send};
use crate::template::{Scope, Template, Use};
use crate::value::Value;

/// For how long the answer of a lookup stands for the event.
const LOOKED_UP: Duration = Duration::from_secs(7 * 24 * 3600);

/// Whether a delivery is one call, known when the event is routed.
pub fn is_single(route: &Route, send: &Send) -> bool {
    route.lookup.is_empty()
        && send.steps.is_empty()
        && !send.operation.is_chain()
        && route.on_unknown == OnUnknown::Retry
}

/// The plan of a delivery; nothing when its `when` does not hold. `scope` has the names of the route.
pub fn make(route: &Route, send: &Send, event: &str, scope: &Scope) -> Result<Option<Plan>, Diagnostic> {
    let looked_up: Names = route.lookup.iter().flat_map(|step| step.step.saves().cloned()).collect();
    let own: Names = send.steps.iter().flat_map(|step| step.step.saves().cloned()).collect();
    let first = Open { scope: scope.clone(), late: looked_up.union(&own).cloned().collect() };
    let mut maker = Maker { frames: vec![first], chain: None, input: None, steps: Vec::new() };
    let mut when = Vec::new();
    if let Some(placed) = &send.when
        && maker.guard(placed, true, 0, &send.connection, &mut when)? == Some(false)
    {
        return Ok(None);
    }
    // A condition that needs none of the delivery's own steps decides on them, too.
    let early = send.when.as_ref().is_none_or(|when| !is_late(&when.template, &own));
    for (index, step) in route.lookup.iter().enumerate() {
        let once = Remember { key: Key::Once(format!("{event}/{}/{index}", route.name).into()), period: LOOKED_UP };
        maker.route_step(step, &[], Some(once))?;
    }
    for step in &send.steps {
        maker.route_step(step, if early { &when } else { &[] }, None)?;
    }
    maker.own(send, when)?;
    Ok(Some(maker.finish(route.on_unknown)))
}

/// A scope under construction.
struct Open {
    scope: Scope,
    /// The names that are not known yet.
    late: Names,
}

struct Maker {
    frames: Vec<Open>,
    /// The chain whose scope is the second frame, and what it is called with where that is not known yet.
    chain: Option<Arc<str>>,
    input: Option<Draft>,
    steps: Vec<Step>,
}

/// One call as it was compiled.
struct Written<'a> {
    to: Arc<str>,
    connection: &'a Connection,
    operation: &'a Operation,
    draft: &'a Draft,
    frame: usize,
}

impl Maker {
    fn scope(&self, frame: usize, connection: &Connection) -> Scope {
        let scope = self.frames.get(frame).map(|open| open.scope.clone()).unwrap_or_default();
        scope.with("connection", connection.settings.clone())
    }

    fn is_late(&self, template: &Template, frame: usize) -> bool {
        self.frames.get(frame).is_some_and(|open| is_late(template, &open.late))
    }

    /// Whether a condition lets the step be made, where that is known; else it is kept.
    fn guard(
        &self,
        placed: &Placed,
        holds: bool,
        frame: usize,
        connection: &Connection,
        guards: &mut Vec<Guard>,
    ) -> Result<Option<bool>, Diagnostic> {
        if self.is_late(&placed.template, frame) {
            guards.push(Guard { frame, connection: connection.name.clone(), holds, when: placed.clone() });
            return Ok(None);
        }
        let held = placed.template.holds(&self.scope(frame, connection)).map_err(|error| at(error, &placed.place))?;
        Ok(Some(held == holds))
    }

    fn route_step(&mut self, step: &RouteStep, guards: &[Guard], once: Option<Remember>) -> Result<(), Diagnostic> {
        let written = Written {
            to: step.to.clone(),
            connection: &step.connection,
            operation: &step.step.operation,
            draft: &step.step.draft,
            frame: 0,
        };
        self.step(&step.step, written, guards, once)
    }

    /// A call before another. One whose condition is known not to hold is left out of the plan.
    fn step(
        &mut self,
        step: &pack::Step,
        written: Written<'_>,
        guards: &[Guard],
        once: Option<Remember>,
    ) -> Result<(), Diagnostic> {
        let mut guards = guards.to_vec();
        for (placed, holds) in [(&step.when, true), (&step.unless, false)] {
            if let Some(placed) = placed
                && self.guard(placed, holds, written.frame, written.connection, &mut guards)? == Some(false)
            {
                return Ok(());
            }
        }
        let remember = match &step.remember {
            Some(remember) => self.key(remember, written.frame, written.connection)?.or(once),
            None => once,
        };
        self.push(written, guards, step.save.clone(), remember)
    }

    fn key(
        &self,
        remember: &pack::Remember,
        frame: usize,
        connection: &Connection,
    ) -> Result<Option<Remember>, Diagnostic> {
        let (key, period) = (&remember.key, remember.period);
        if self.is_late(&key.template, frame) {
            return Ok(Some(Remember { key: Key::Late(key.clone()), period }));
        }
        let text = key.template.evaluate_text(&self.scope(frame, connection)).map_err(|error| at(error, &key.place))?;
        let text = text.filter(|text| !text.trim().is_empty());
        Ok(text.map(|text| Remember { key: Key::Ready(text.into()), period }))
    }

    fn push(
        &mut self,
        written: Written<'_>,
        guards: Vec<Guard>,
        save: Vec<crate::extract::Extract>,
        remember: Option<Remember>,
    ) -> Result<(), Diagnostic> {
        let content = self.content(&written, !guards.is_empty())?;
        self.steps.push(Step { frame: written.frame, to: written.to, guards, save, remember, content });
        Ok(())
    }

    fn content(&self, written: &Written<'_>, guarded: bool) -> Result<Content, Diagnostic> {
        let scope = self.scope(written.frame, written.connection);
        let none = BTreeSet::new();
        let late = self.frames.get(written.frame).map_or(&none, |open| &open.late);
        let draft = written.draft;
        let content = match draft_is_late(draft, late) {
            true => settled(draft, &scope, late).map(|draft| Content::Late(Box::new(draft))),
            false => {
                let Written { to, connection, operation, .. } = written;
                Call { to, connection, operation, draft }
                    .request(&scope)
                    .map(|request| Content::Ready(Box::new(request)))
            }
        };
        match content {
            // Whether it is made at all is not known yet; if it is, it fails then.
            Err(_) if guarded => Ok(Content::Late(Box::new(draft.clone()))),
            content => content,
        }
    }

    /// The delivery's own call, or the chain that the pack makes of it.
    fn own(&mut self, send: &Send, guards: Vec<Guard>) -> Result<(), Diagnostic> {
        let (connection, operation) = (&*send.connection, &*send.operation);
        if !operation.is_chain() {
            let written = Written { to: send.to.clone(), connection, operation, draft: &send.draft, frame: 0 };
            return self.push(written, guards, Vec::new(), None);
        }
        self.enter(send)?;
        for step in &operation.chain {
            let to = format!("{}.{}", connection.name, step.operation.name).into();
            let written = Written { to, connection, operation: &step.operation, draft: &step.draft, frame: 1 };
            self.step(step, written, &guards, None).map_err(|problem| at_caller(problem, send))?;
        }
        Ok(())
    }

    /// Opens the scope of a chain.
    fn enter(&mut self, send: &Send) -> Result<(), Diagnostic> {
        let mut late: Names = send.operation.chain.iter().flat_map(|step| step.saves().cloned()).collect();
        let outer = self.scope(0, &send.connection);
        let mut scope = Scope::new();
        scope.set("event", outer.get("event").flatten().cloned());
        let none = BTreeSet::new();
        let unknown = self.frames.first().map_or(&none, |open| &open.late);
        match draft_is_late(&send.draft, unknown) {
            true => {
                late.extend(["body".into(), "params".into()]);
                self.input = Some(settled(&send.draft, &outer, unknown)?);
            }
            false => {
                let (to, connection, operation) = (&send.to, &*send.connection, &*send.operation);
                let call = Call { to, connection, operation, draft: &send.draft };
                scope.set("body", Some(call.body(&outer)?.unwrap_or_default()));
                scope.set("params", Some(call.params(&outer)?));
            }
        }
        self.chain = Some(send.to.clone());
        self.frames.push(Open { scope, late });
        Ok(())
    }

    /// The plan, with what its templates still need.
    fn finish(self, on_unknown: OnUnknown) -> Plan {
        let frames = (0..self.frames.len()).map(|frame| self.frame(frame)).collect();
        Plan { frames, steps: self.steps, on_unknown }
    }

    fn frame(&self, frame: usize) -> Frame {
        let Some(open) = self.frames.get(frame) else { return Frame::default() };
        let uses = self.uses(frame);
        let is_chain = frame > 0;
        let mut names: Vec<(Arc<str>, Value)> = Vec::new();
        // What a chain was called with is told wherever the delivery is.
        if let Some(Some(body)) = open.scope.get("body").filter(|_| is_chain) {
            names.push(("body".into(), body.clone()));
        }
        for used in &uses {
            let is_kept = names.iter().any(|(name, _)| *name == used.name);
            if is_kept || open.late.contains(&used.name) || &*used.name == "connection" {
                continue;
            }
            if let Some(Some(value)) = open.scope.get(&used.name) {
                let same: Vec<&Use> = uses.iter().copied().filter(|other| other.name == used.name).collect();
                names.push((used.name.clone(), late::needed(value, &same)));
            }
        }
        match is_chain {
            true => Frame { names, chain: self.chain.clone(), input: self.input.clone() },
            false => Frame { names, chain: None, input: None },
        }
    }

    /// What the templates of a frame take from outside.
    fn uses(&self, frame: usize) -> Vec<&Use> {
        let mut found: Vec<&Use> = Vec::new();
        for step in &self.steps {
            let guards = step.guards.iter().filter(|guard| guard.frame == frame).map(|guard| &guard.when.template);
            found.extend(guards.flat_map(Template::uses));
            if step.frame != frame {
                continue;
            }
            if let Some(Remember { key: Key::Late(key), .. }) = &step.remember {
                found.extend(key.template.uses());
            }
            if let Content::Late(draft) = &step.content {
                late::bodies(draft).for_each(|body| late::each(body, &mut |template| found.extend(template.uses())));
            }
        }
        // What a chain is called with is rendered in the scope around it.
        for input in self.input.iter().filter(|_| frame == 0) {
            late::bodies(input).for_each(|body| late::each(body, &mut |template| found.extend(template.uses())));
        }
        found
    }
}
