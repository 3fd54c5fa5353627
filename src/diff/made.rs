//! What the routes make of an event, in a form in which two can be held side by side.

use std::sync::Arc;

use super::Recorded;
use crate::diagnostic::Diagnostic;
use crate::event::Event;
use crate::pipeline::{self, Prepared, RouteResult, Routed, Taken};
use crate::plan::{Known, Plan, Preview};
use crate::request::{Request, masked};
use crate::route::RouteSet;
use crate::value::Value;

/// One thing that a route made of an event.
#[derive(Debug)]
pub(super) struct Made {
    pub route: Arc<str>,
    /// `connection.operation`; none where the whole route failed.
    pub to: Option<Arc<str>>,
    /// Which of those of the same route to the same operation, from 0.
    nth: usize,
    pub outcome: Outcome,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Request(Value),
    /// Nothing could be made; why, where that is known.
    Problem(Option<Box<Diagnostic>>),
}

/// What a route made of an event when that was routed, as it was stored.
#[derive(Debug)]
pub struct Kept {
    pub route: Arc<str>,
    pub identity: Option<String>,
    pub lane: Option<String>,
    /// `connection.operation` of each delivery with what it is to send, if anything could be made of it; none where the
    /// whole route failed.
    pub made: Option<Vec<(Arc<str>, Option<Plan>)>>,
}

impl Made {
    /// Whether both stand for the same entry of a route.
    pub fn is_at(&self, other: &Made) -> bool {
        self.route == other.route && self.to == other.to && self.nth == other.nth
    }

    pub fn is_whole_failure_of(&self, route: &Arc<str>) -> bool {
        self.route == *route && self.to.is_none()
    }
}

impl Kept {
    /// In the form in which it can be held beside what routes make now. The addresses are those of `set`.
    pub(super) fn made(&self, set: &RouteSet) -> Vec<Made> {
        let Kept { route, identity, lane, made } = self;
        let Some(made) = made else { return vec![whole_failure(route, None)] };
        let mut all: Vec<Made> = Vec::new();
        for (to, plan) in made {
            let outcome = match plan.as_ref().map(|plan| plan_fields(set, plan)) {
                Some(Ok(fields)) => Outcome::Request(whole(fields, identity.as_deref(), lane.as_deref())),
                None | Some(Err(_)) => Outcome::Problem(None),
            };
            push(&mut all, route, to, outcome);
        }
        all
    }
}

/// Adds an entry of a route behind those to the same operation.
fn push(all: &mut Vec<Made>, route: &Arc<str>, to: &Arc<str>, outcome: Outcome) {
    let to = Some(to.clone());
    let nth = all.iter().filter(|made| made.route == *route && made.to == to).count();
    all.push(Made { route: route.clone(), to, nth, outcome });
}

/// All that a set of routes makes of an event; or why no event is made.
pub(super) fn all(set: &RouteSet, recorded: &Recorded) -> Result<Vec<Made>, &'static str> {
    Ok(of(set, &event(set, recorded)?))
}

/// A recorded event as its source reads it.
pub(super) fn event(set: &RouteSet, recorded: &Recorded) -> Result<Event, &'static str> {
    let source = set.sources.get(&recorded.source).ok_or("the source is gone")?;
    let Recorded { id, part, received_at, .. } = *recorded;
    let whole = source.whole(&recorded.raw);
    let whole = whole.map_err(|_| "the body is not what the source's format, `decode` and limits say")?;
    let event = source.restore(&whole, id, &recorded.raw, part, recorded.params.clone(), received_at);
    event.ok_or("`split` finds the event's part no more")
}

fn of(set: &RouteSet, event: &Event) -> Vec<Made> {
    let mut all: Vec<Made> = Vec::new();
    for Routed { route, result } in pipeline::run(set, event) {
        let name = &route.name;
        match result {
            RouteResult::NotMatched | RouteResult::NotNeeded => {}
            RouteResult::Failed(problem) => all.push(whole_failure(name, Some(problem))),
            RouteResult::Taken(taken) => {
                for (send, prepared) in route.sends.iter().zip(&taken.sends) {
                    let Some(outcome) = outcome(set, prepared, &taken) else { continue };
                    push(&mut all, name, &send.to, outcome);
                }
            }
        }
    }
    all
}

fn whole_failure(route: &Arc<str>, problem: Option<Box<Diagnostic>>) -> Made {
    Made { route: route.clone(), to: None, nth: 0, outcome: Outcome::Problem(problem) }
}

/// What one entry of `send` became; nothing where its `when` did not hold.
fn outcome(set: &RouteSet, prepared: &Prepared, taken: &Taken) -> Option<Outcome> {
    let fields = match prepared {
        Prepared::Skipped => return None,
        Prepared::Failed(problem) => return Some(Outcome::Problem(Some(problem.clone()))),
        Prepared::Ready(request) => Ok(request_fields(set, request)),
        Prepared::Planned(plan) => plan_fields(set, plan),
    };
    Some(match fields {
        Ok(fields) => Outcome::Request(whole(fields, taken.identity.as_deref(), taken.lane.as_deref())),
        Err(problem) => Outcome::Problem(Some(problem)),
    })
}

fn whole(fields: Vec<(&'static str, Value)>, identity: Option<&str>, lane: Option<&str>) -> Value {
    let once = [("identity", identity), ("lane", lane)];
    let once = once.into_iter().filter_map(|(name, text)| Some((name, Value::from(text?))));
    Value::object(fields.into_iter().chain(once))
}

/// The one request of a plan, or its calls, with what stands for the names that they save.
fn plan_fields(set: &RouteSet, plan: &Plan) -> Result<Vec<(&'static str, Value)>, Box<Diagnostic>> {
    if let Some(request) = plan.single() {
        return Ok(request_fields(set, request));
    }
    let steps = plan.preview(set, &[]).into_iter().map(|preview| step(set, preview));
    Ok(vec![("steps", Value::array(steps.collect::<Result<Vec<_>, _>>()?))])
}

fn step(set: &RouteSet, preview: Preview) -> Result<Value, Box<Diagnostic>> {
    let mut fields = vec![("to", Value::from(&*preview.to))];
    match &preview.state {
        Known::Whole(request) | Known::Partly(request) => fields.extend(request_fields(set, request)),
        Known::Skipped => fields.push(("skipped", Value::from(true))),
        Known::Fails(problem) => return Err(problem.clone()),
    }
    let texts = |texts: &[String]| Value::array(texts.iter().map(|text| Value::from(&**text)));
    if !preview.conditions.is_empty() {
        fields.push(("conditions", texts(&preview.conditions)));
    }
    if let Some((key, period)) = &preview.remembered {
        fields.push(("remember", Value::from(format!("{key} for {} s", period.as_secs()))));
    }
    Ok(Value::object(fields))
}

/// A request as it goes out, secrets masked.
fn request_fields(set: &RouteSet, request: &Request) -> Vec<(&'static str, Value)> {
    let base = set.connections.get(&request.connection).map_or("", |connection| &connection.base_url);
    let headers = request.headers.iter().map(|header| (header.name.clone(), Value::from(masked(&header.value))));
    let mut fields = vec![
        ("method", Value::from(&*request.method)),
        ("url", Value::from(format!("{base}{}", masked(&request.path)))),
        ("headers", Value::object(headers)),
    ];
    fields.extend(request.body.clone().map(|body| ("body", body)));
    fields
}
