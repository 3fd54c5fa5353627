//! One delivery of an event: what it sends and where each value is from, every try, and what can be done with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{Facts, Traced, stored_problem, telling};
use crate::admin::reason;
use crate::delivery::State;
use crate::page::rows::Rows;
use crate::page::traced::{Telling, condition, shown};
use crate::pipeline::SendTrace;
use crate::plan::Plan;
use crate::request::{Piece, Request, masked};
use crate::route::Send;
use crate::store::{DeliveryStory, StoredAttempt, StoredDelivery};
use crate::value::{Value, json};

/// An answer of so many bytes is the beginning of a longer one.
const KEPT_ANSWER: usize = 4096;
/// What a dismissal is noted as.
const DISMISSED: &str = "dismissed by ";

impl Facts {
    pub(super) fn delivery(&self, story: &DeliveryStory, traced: Option<&Traced>, rows: &mut Rows) -> Json {
        let delivery = &story.delivery;
        let (revision, send) = match traced {
            Some((revision, route, trace)) => (revision, entry(&route.sends, &trace.sends, delivery)),
            None => (&self.live, None),
        };
        let telling = telling(revision);
        let when = send.and_then(|(_, trace)| trace.when.as_ref()).map(condition);
        let plan = Plan::from_json(delivery.request.as_bytes()).ok();
        let fields = send.map(|(_, trace)| telling.fields(trace, rows));
        let is_held = delivery.state == State::Held;
        let dismissal = delivery.problem.as_deref().and_then(|problem| problem.strip_prefix(DISMISSED));
        let problem = delivery.problem.as_deref().filter(|_| dismissal.is_none()).map(stored_problem);
        json!({
            "id": delivery.id.to_string(),
            "to": delivery_to(delivery),
            "state": delivery.state.word(),
            "due": delivery.due.map(|due| due.to_string()),
            "ahead": self.ahead.get(&delivery.seq).copied().unwrap_or(0),
            "behind_its_lane": delivery.parked,
            "held_because": story.attempts.last().filter(|_| is_held).map(held_because),
            "dismissed": dismissal.map(dismissed),
            "replayed_as": story.replayed_as.last().map(|id| id.to_string()),
            "problem": problem.map(|problem| if delivery.state.is_open() { as_warning(problem) } else { problem }),
            "actions": actions(delivery),
            "lane": delivery.lane.as_deref(),
            "when": when,
            "attempts": attempts(story, plan.as_ref()),
            "request": plan.as_ref().map(|plan| request(&telling, plan, story, fields)),
        })
    }
}

/// The entry of `send` that a delivery is of, where the route still says the same.
fn entry<'t>(
    sends: &'t [Send],
    traces: &'t [SendTrace],
    delivery: &StoredDelivery,
) -> Option<(&'t Send, &'t SendTrace)> {
    let at = delivery.position as usize;
    let (send, trace) = sends.get(at).zip(traces.get(at))?;
    (*send.to == *delivery_to(delivery)).then_some((send, trace))
}

pub(in crate::page) fn delivery_to(delivery: &StoredDelivery) -> String {
    format!("{}.{}", delivery.connection, delivery.operation)
}

/// Why a person has to decide, by what the last call came to.
fn held_because(last: &StoredAttempt) -> &str {
    match (last.result.as_str(), last.trouble.as_deref()) {
        ("unknown", _) => "unknown",
        (_, Some(trouble)) => trouble,
        _ => "token-refused",
    }
}

/// What goes on by itself has no more than a reason to wait.
fn as_warning(mut problem: Json) -> Json {
    problem["severity"] = "warning".into();
    problem
}

fn dismissed(text: &str) -> Json {
    let (by, note) = text.split_once(": ").unwrap_or((text, "–"));
    json!({ "by": by, "note": note })
}

fn actions(delivery: &StoredDelivery) -> &'static [&'static str] {
    match delivery.state {
        State::Dead if delivery.request.is_empty() => &["dismiss"],
        State::Dead => &["replay", "dismiss"],
        State::Held => &["release", "replay", "dismiss"],
        _ => &[],
    }
}

/// Every call, numbered by what was called.
fn attempts(story: &DeliveryStory, plan: Option<&Plan>) -> Vec<Json> {
    let steps = plan.map(|plan| plan.steps.as_slice()).unwrap_or_default();
    let mut counts: Vec<(u32, u32)> = Vec::new();
    let mut number = |step: u32| match counts.iter_mut().find(|(known, _)| *known == step) {
        Some((_, count)) => {
            *count += 1;
            *count
        }
        None => {
            counts.push((step, 1));
            1
        }
    };
    let told = story.attempts.iter().map(|attempt| {
        let step = steps.get(attempt.step as usize).filter(|_| steps.len() > 1);
        json!({
            "number": number(attempt.step),
            "call": step.map(|step| &*step.to),
            "started_at": attempt.started_at.to_string(),
            "took_ms": attempt.took_ms,
            "result": attempt.result,
            "trouble": attempt.trouble,
            "status": attempt.status,
            "reason": failed(attempt).then(|| reason::of_answer(&attempt.answer)).flatten(),
            "headers": attempt.headers,
            "answer": String::from_utf8_lossy(&attempt.answer),
            "clipped": attempt.answer.len() >= KEPT_ANSWER,
        })
    });
    told.collect()
}

fn failed(attempt: &StoredAttempt) -> bool {
    !matches!(attempt.result.as_str(), "delivered" | "accepted" | "duplicate")
}

/// What is sent, as it is stored; with `fields` that say where each value is from, where that is known.
fn request(telling: &Telling<'_>, plan: &Plan, story: &DeliveryStory, fields: Option<Vec<Json>>) -> Json {
    let (calls, fields) = match plan.single() {
        Some(single) => (vec![telling.call_of(single)], fields.unwrap_or_else(|| stored_fields(single))),
        None => (calls(telling, plan, story), fields.unwrap_or_default()),
    };
    json!({
        "to": delivery_to(&story.delivery),
        "made": true,
        "problem": null,
        "when": null,
        "fields": fields,
        "calls": calls,
    })
}

/// The calls of a chain, with what is known by now of those that wait for an earlier one.
fn calls(telling: &Telling<'_>, plan: &Plan, story: &DeliveryStory) -> Vec<Json> {
    let mut given: Vec<(Arc<str>, Option<Value>)> = Vec::new();
    let mut noted: Vec<(usize, &str)> = Vec::new();
    let called: BTreeSet<u32> = story.attempts.iter().map(|attempt| attempt.step).collect();
    for (step, saved) in &story.steps {
        let Ok(saved) = json::parse(saved.as_bytes(), &json::Limits::default()) else { continue };
        let fields = saved.as_object().into_iter().flat_map(|fields| fields.iter());
        let before = given.len();
        given.extend(fields.map(|(name, value)| (name.clone(), Some(value.clone()))));
        if !called.contains(step) {
            noted.push((*step as usize, if given.len() > before { "remembered" } else { "left_out" }));
        }
    }
    let mut calls = telling.calls(plan, &given);
    for (step, note) in noted {
        if let Some(call) = calls.get_mut(step) {
            call["note"] = note.into();
        }
    }
    calls
}

/// The fields of a request of which nobody can say any more where they are from.
fn stored_fields(request: &Request) -> Vec<Json> {
    let field = |part: &str, name: &str, secret: bool, shown: String| {
        json!({
            "part": part, "field": name, "kind": "stored", "sent": true, "secret": secret, "shown": shown, "place": null,
            "template": null, "names": [],
        })
    };
    let own = request.headers.iter().filter(|header| !header.name.eq_ignore_ascii_case("content-type"));
    let headers = own.map(|header| {
        let secret = header.value.iter().any(|piece| matches!(piece, Piece::Secret(_)));
        field("header", &header.name, secret, shown(&Value::from(masked(&header.value))))
    });
    let mut all: Vec<Json> = headers.collect();
    let mut leaves = Vec::new();
    if let Some(body) = &request.body {
        leaf(body, String::new(), &mut leaves);
    }
    all.extend(leaves.into_iter().map(|(name, value)| field("body", &name, false, shown(&value))));
    all
}

/// Every single value of a body, by where it stands: `message.content`, `files[0]`.
fn leaf(value: &Value, at: String, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, inner) in fields.iter() {
                leaf(inner, if at.is_empty() { key.to_string() } else { format!("{at}.{key}") }, found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                leaf(item, format!("{at}[{index}]"), found);
            }
        }
        single => found.push((at, single.clone())),
    }
}
