//! A dry run for programs.

use std::sync::Arc;

use super::{DryRun, Run, Unserved, Verification};
use crate::diagnostic::{Place, Resolve, json};
use crate::extract::{Finding, Mapped, Traced};
use crate::path::Location;
use crate::pipeline::{FieldOrigin, NameOrigin, Origin, Outcome, Prepared, RouteResult, SendTrace, Taken, Whence};
use crate::plan::{Known, Plan};
use crate::request::{Request, masked};
use crate::route::{Placed, Send};
use crate::template::explain::{Explained, Join, Verdict};
use crate::test_case::ending;
use crate::value::Value;

/// The whole dry run as one JSON value.
pub(super) fn of(run: &DryRun<'_>) -> String {
    let (verified, how, reason) = match &run.verification {
        Verification::NotAsked => (Value::Null, Value::Null, Value::from("--no-verify")),
        Verification::OnlyBody => (Value::Null, Value::Null, Value::from("it holds a body only")),
        Verification::Passed(how) => (Value::from(true), Value::from(how.as_str()), Value::Null),
        Verification::Failed(how, ..) => (Value::from(false), Value::from(how.as_str()), Value::Null),
    };
    let refused = match &run.verification {
        Verification::Failed(_, error, false) => Value::from(error.to_string()),
        Verification::Failed(_, error, true) => Value::from(format!("{error}; {}", ending::ADVICE)),
        _ => match &run.unserved {
            Some(Unserved::TooLarge(why) | Unserved::Unsigned(why)) => Value::from(why.as_str()),
            Some(Unserved::Elsewhere(_)) | None => Value::Null,
        },
    };
    let set = run.settings.shown.iter().map(|shown| {
        Value::object([
            ("name", Value::from(shown.name.as_str())),
            ("value", shown.value.clone().unwrap_or_default()),
            ("absent", Value::from(shown.value.is_none())),
            ("before", shown.before.clone().unwrap_or_default()),
            ("nearby", texts(&shown.nearby)),
        ])
    });
    Value::object([
        ("route", Value::from(&*run.route.name)),
        ("request", Value::from(run.input.name.as_str())),
        ("verified", verified),
        ("verified_by", how),
        ("not_verified_because", reason),
        ("refused_because", refused),
        ("set", Value::array(set)),
        ("events", Value::array(run.events.iter().enumerate().map(|(index, event)| event_value(run, index, event)))),
    ])
    .to_json_pretty()
}

fn event_value(run: &DryRun<'_>, index: usize, event: &Run) -> Value {
    let mut fields = vec![
        ("event", Value::from(index as u64 + 1)),
        ("part", event.part.as_ref().map(|part| Value::from(part.to_string())).unwrap_or_default()),
        ("payload", event.event.payload.clone()),
    ];
    let result = &event.trace.routed.result;
    if let RouteResult::Failed(problem) = result {
        fields.push(("problem", problem_value(run, problem)));
    } else {
        fields.push(("matched", Value::from(matches!(result, RouteResult::Taken(_)))));
    }
    fields.push(("match", condition(run, run.route.matcher.as_ref(), event.trace.matcher.as_ref())));
    if !event.takers.is_empty() {
        fields.push(("taken_by", texts(&event.takers)));
    }
    let extracts = run.route.extracts.iter().zip(&event.trace.extracts);
    let extracts = extracts.map(|(extract, traced)| (extract.name.clone(), extract_value(run, traced)));
    fields.push(("extract", Value::object(extracts.collect::<Vec<_>>())));
    if let RouteResult::Taken(taken) = result {
        fields.extend(taken_fields(run, event, taken));
    }
    Value::object(fields)
}

fn condition(run: &DryRun<'_>, condition: Option<&Placed>, explained: Option<&Explained>) -> Value {
    let Some((condition, explained)) = condition.zip(explained) else { return Value::Null };
    let own = explained_value(explained);
    let fields = own.as_object().into_iter().flat_map(|fields| fields.iter());
    let start = [("template", Value::from(condition.template.text())), ("place", place(run, Some(&condition.place)))];
    let start = start.into_iter().map(|(key, value)| (Arc::from(key), value));
    Value::object(start.chain(fields.map(|(key, value)| (key.clone(), value.clone()))).collect::<Vec<_>>())
}

/// Why a condition holds or does not.
fn explained_value(explained: &Explained) -> Value {
    let holds = match &explained.verdict {
        Verdict::Yes => Value::from(true),
        Verdict::No => Value::from(false),
        Verdict::NotAsked | Verdict::Fails(_) => Value::Null,
    };
    let join = match explained.join {
        Join::And => Value::from("and"),
        Join::Or => Value::from("or"),
        Join::Not => Value::from("not"),
        Join::Single => Value::Null,
    };
    let seen = explained.seen.iter().map(|seen| {
        Value::object([
            ("expression", Value::from(seen.text.as_str())),
            ("value", seen.value.clone().unwrap_or_default()),
            ("absent", Value::from(seen.value.is_none())),
            ("nearby", Value::array(seen.nearby.iter().map(String::as_str))),
        ])
    });
    let mut fields = vec![
        ("expression", Value::from(explained.text.as_str())),
        ("holds", holds),
        ("join", join),
        ("parts", Value::array(explained.parts.iter().map(explained_value))),
        ("values", Value::array(seen)),
    ];
    if let Verdict::Fails(reason) = &explained.verdict {
        fields.push(("fails", Value::from(reason.as_str())));
    }
    Value::object(fields)
}

fn extract_value(run: &DryRun<'_>, traced: &Traced) -> Value {
    let value = traced.outcome.as_ref().ok().cloned().flatten();
    let mut fields = vec![("absent", Value::from(matches!(traced.outcome, Ok(None))))];
    fields.insert(0, ("value", value.unwrap_or_default()));
    match &traced.finding {
        Finding::Path(hit) => {
            let mapped = match &hit.mapped {
                Some(Mapped::Entry(entry)) => Value::object([("entry", Value::from(entry.as_str()))]),
                Some(Mapped::Else) => Value::object([("else", Value::from(true))]),
                None => Value::Null,
            };
            fields.extend([
                ("from", Value::from("path")),
                ("path", Value::from(hit.path.text())),
                ("place", place(run, Some(&hit.place))),
                ("found", Value::array(hit.found.iter().map(|(at, raw)| found(at, raw)))),
                ("map", mapped),
            ]);
        }
        Finding::Nowhere(miss) => fields.extend([
            ("from", if miss.default { Value::from("default") } else { Value::Null }),
            ("path", Value::Null),
            ("empty", locations(&miss.empty)),
            ("nearby", texts(&miss.nearby)),
        ]),
        Finding::Given => fields.extend([("from", Value::from("set")), ("path", Value::Null)]),
    }
    if let Err(problem) = &traced.outcome {
        fields.push(("problem", problem_value(run, problem)));
    }
    Value::object(fields)
}

fn found(at: &Location, raw: &Value) -> Value {
    Value::object([("path", Value::from(at.to_string())), ("value", raw.clone())])
}

fn taken_fields(run: &DryRun<'_>, event: &Run, taken: &Taken) -> Vec<(&'static str, Value)> {
    let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
    let origin = |origin: &Option<Origin>| match origin {
        Some(origin) => Value::object(origin_fields(run, origin)),
        None => Value::Null,
    };
    let each = run.route.sends.iter().zip(&taken.sends).zip(&event.trace.sends);
    let requests = each.map(|((send, prepared), trace)| send_value(run, send, prepared, trace));
    vec![
        ("identity", text(&taken.identity)),
        ("identity_origin", origin(&event.trace.identity)),
        ("lane", text(&taken.lane)),
        ("lane_origin", origin(&event.trace.lane)),
        ("requests", Value::array(requests)),
    ]
}

fn send_value(run: &DryRun<'_>, send: &Send, prepared: &Prepared, trace: &SendTrace) -> Value {
    let mut fields = vec![("to", Value::from(&*send.to))];
    match prepared {
        Prepared::Ready(request) => fields.extend(request_fields(run, request)),
        Prepared::Planned(plan) => fields.push(("steps", steps(run, plan))),
        Prepared::Skipped => fields.push(("skipped", Value::from(true))),
        Prepared::Failed(problem) => fields.push(("problem", problem_value(run, problem))),
    }
    fields.push(("when", condition(run, send.when.as_ref(), trace.when.as_ref())));
    fields.push(("origins", Value::array(trace.fields.iter().map(|field| field_value(run, field)))));
    Value::object(fields)
}

/// The calls of a delivery that has several.
fn steps(run: &DryRun<'_>, plan: &Plan) -> Value {
    let steps = plan.preview(&run.compiled.set, &run.settings.names);
    Value::array(steps.iter().map(|step| {
        let mut fields = vec![
            ("to", Value::from(step.to.clone())),
            ("conditions", Value::array(step.conditions.iter().map(String::as_str))),
            ("saves", Value::array(step.saves.iter().cloned())),
        ];
        if let Some((key, period)) = &step.remembered {
            let seconds = Value::from(period.as_secs());
            fields.push(("remember", Value::object([("key", Value::from(key.as_str())), ("seconds", seconds)])));
        }
        match &step.state {
            Known::Whole(request) | Known::Partly(request) => fields.extend(request_fields(run, request)),
            Known::Skipped => fields.push(("skipped", Value::from(true))),
            Known::Fails(problem) => fields.push(("problem", problem_value(run, problem))),
        }
        fields.push(("known", Value::from(matches!(step.state, Known::Whole(_)))));
        Value::object(fields)
    }))
}

fn request_fields(run: &DryRun<'_>, request: &Request) -> [(&'static str, Value); 4] {
    let url = format!("{}{}", run.base_url(&request.connection), masked(&request.path));
    let headers = request.headers.iter().map(|header| (header.name.clone(), Value::from(masked(&header.value))));
    [
        ("method", Value::from(&*request.method)),
        ("url", Value::from(url)),
        ("headers", Value::object(headers)),
        ("body", request.body.clone().unwrap_or_default()),
    ]
}

fn field_value(run: &DryRun<'_>, field: &FieldOrigin) -> Value {
    let start = [("part", Value::from(field.part.word())), ("field", Value::from(field.field.as_str()))];
    let end = field.idempotency.then_some(("idempotency", Value::from(true)));
    Value::object(start.into_iter().chain(origin_fields(run, &field.origin)).chain(end).collect::<Vec<_>>())
}

fn origin_fields(run: &DryRun<'_>, origin: &Origin) -> Vec<(&'static str, Value)> {
    let (sent, value) = origin.sent();
    let mut fields = vec![
        ("kind", Value::from(origin.kind())),
        ("sent", Value::from(sent)),
        ("value", value),
        ("place", place(run, origin.place.as_ref())),
        ("template", origin.template.as_deref().map_or(Value::Null, Value::from)),
        ("names", Value::array(origin.names.iter().map(name_value))),
    ];
    if origin.outcome == Outcome::Fails {
        fields.push(("fails", Value::from(true)));
    }
    fields
}

fn name_value(name: &NameOrigin) -> Value {
    let paths = name.whence.locations();
    let nearby: &[String] = if let Whence::Absent(near) = &name.whence { near } else { &[] };
    let mut fields = vec![
        ("name", Value::from(name.text.clone())),
        ("from", Value::from(name.whence.word())),
        ("path", paths.first().map(|at| Value::from(at.to_string())).unwrap_or_default()),
        ("value", name.value.clone().unwrap_or_default()),
    ];
    if paths.len() > 1 {
        fields.push(("paths", locations(paths)));
    }
    if !nearby.is_empty() {
        fields.push(("nearby", texts(nearby)));
    }
    Value::object(fields)
}

/// `{"file", "line", "column"}`, as far as they are known.
fn place(run: &DryRun<'_>, place: Option<&Place>) -> Value {
    let Some(place) = place else { return Value::Null };
    let mut fields = vec![("file", Value::from(place.file.clone()))];
    if let Some((line, column)) = run.compiled.documents.resolve(place).map(|at| at.line_column()) {
        fields.extend([("line", Value::from(line as u64)), ("column", Value::from(column as u64))]);
    }
    Value::object(fields)
}

fn locations(all: &[Location]) -> Value {
    Value::array(all.iter().map(|at| Value::from(at.to_string())))
}

fn texts(all: &[String]) -> Value {
    Value::array(all.iter().map(String::as_str))
}

fn problem_value(run: &DryRun<'_>, problem: &crate::diagnostic::Diagnostic) -> Value {
    crate::value::json::from_serde(&json::render(problem, &run.compiled.documents))
}
