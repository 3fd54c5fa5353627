//! A dry run for programs.

use super::{DryRun, Verification};
use crate::diagnostic::json;
use crate::event::Event;
use crate::pipeline::{Prepared, RouteResult, Routed, Taken};
use crate::request::{Request, masked};
use crate::value::Value;

/// The whole dry run as one JSON value.
pub(super) fn of(run: &DryRun<'_>) -> String {
    let verified = match &run.verification {
        Verification::NotAsked => Value::Null,
        Verification::Passed(_) => Value::from(true),
        Verification::Failed(..) => Value::from(false),
    };
    let reason = match &run.verification {
        Verification::Failed(_, error) => Value::from(error.to_string()),
        _ => Value::Null,
    };
    let events = run.events.iter().map(|(event, routed)| event_value(run, event, routed));
    Value::object([
        ("route", Value::from(&*run.route.name)),
        ("verified", verified),
        ("refused_because", reason),
        ("events", Value::array(events)),
    ])
    .to_json_pretty()
}

fn event_value(run: &DryRun<'_>, event: &Event, routed: &Routed) -> Value {
    let mut fields = vec![("payload", event.payload.clone())];
    match &routed.result {
        RouteResult::NotMatched | RouteResult::NotNeeded => fields.push(("matched", Value::from(false))),
        RouteResult::Failed(problem) => fields.push(("problem", problem_value(run, problem))),
        RouteResult::Taken(taken) => {
            fields.push(("matched", Value::from(true)));
            fields.extend(taken_fields(run, taken));
        }
    }
    Value::object(fields)
}

fn taken_fields(run: &DryRun<'_>, taken: &Taken) -> Vec<(&'static str, Value)> {
    let names = taken.names.iter().map(|(name, found)| {
        let path = found.as_ref().and_then(|found| found.path.as_deref()).map_or(Value::Null, Value::from);
        let value = found.as_ref().map_or(Value::Null, |found| found.value.clone());
        (name.clone(), Value::object([("value", value), ("path", path), ("absent", Value::from(found.is_none()))]))
    });
    let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
    let requests = taken.sends.iter().map(|send| match send {
        Prepared::Ready(request) => request_value(run, request),
        Prepared::Skipped => Value::object([("skipped", Value::from(true))]),
        Prepared::Failed(problem) => Value::object([("problem", problem_value(run, problem))]),
    });
    vec![
        ("extract", Value::object(names)),
        ("identity", text(&taken.identity)),
        ("lane", text(&taken.lane)),
        ("requests", Value::array(requests)),
    ]
}

fn request_value(run: &DryRun<'_>, request: &Request) -> Value {
    let url = format!("{}{}", run.base_url(&request.connection), masked(&request.path));
    let headers = request.headers.iter().map(|header| (header.name.clone(), Value::from(masked(&header.value))));
    Value::object([
        ("to", Value::from(&*request.to)),
        ("method", Value::from(&*request.method)),
        ("url", Value::from(url)),
        ("headers", Value::object(headers)),
        ("body", request.body.clone().unwrap_or_default()),
    ])
}

fn problem_value(run: &DryRun<'_>, problem: &crate::diagnostic::Diagnostic) -> Value {
    crate::value::json::from_serde(&json::render(problem, &run.compiled.documents))
}
