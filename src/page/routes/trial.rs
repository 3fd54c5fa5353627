//! The playground: what a draft makes of a request. Nothing is sent, and nothing is stored.

use serde_json::{Value as Json, json};

use super::draft;
use super::samples;
use super::target::{Target, typed};
use super::told::words;
use crate::compile::Compiled;
use crate::diagnostic::json;
use crate::event::capture;
use crate::page::Inner;
use crate::page::problem;
use crate::page::rows::Rows;
use crate::page::senders;
use crate::page::traced::Telling;
use crate::pipeline::RouteResult;
use crate::privacy::{Masks, Privacy};
use crate::source::HandshakeError;
use crate::trace::{self, Asked, DryRun, Input, Run, Unserved, Verification, handshake};

/// What is to be tried, and on what.
pub(in crate::page) struct Wanted<'w> {
    pub target: &'w Target,
    /// What was chosen; empty for a request of one's own.
    pub sample: &'w str,
    /// The request as it stands in the editor.
    pub request: &'w str,
}

/// What came of it: for a template, and for programs.
pub(in crate::page) struct Trial {
    pub trace: Json,
    pub data: String,
}

/// Tries a draft; nothing when it has problems.
pub(in crate::page) fn run(page: &Inner, compiled: &Compiled, wanted: &Wanted<'_>) -> Option<Trial> {
    let route = draft::route(compiled, wanted.target)?.clone();
    let name = if wanted.sample.is_empty() { "the request" } else { wanted.sample };
    let (bytes, privacy) = chosen(page, wanted);
    let input = match capture::parse(&bytes) {
        Ok(raw) => Input { raw, bytes, name: name.to_owned(), of_test: false },
        Err(error) => {
            let message = format!("this is no captured request: {}", error.message);
            return Some(not_read(&route.name, name, &message, error.help));
        }
    };
    if let Some(asked) = handshake::asked(compiled, &route, &input, false) {
        return Some(shaken(&asked));
    }
    if let Some((problem, documents)) = trace::unreadable(compiled, &route, &input) {
        let problem = json::render(&problem, &documents);
        let data = json!({ "route": &*route.name, "request": name, "problem": problem });
        return Some(Trial { trace: empty(problem::shown(&problem)), data: format!("{data:#}") });
    }
    let asked = Asked { no_verify: false, set: &[], root: &page.workspace.root };
    Some(match trace::dry_run(compiled, route.clone(), input, &asked) {
        Ok(run) => match &privacy {
            None => Trial { trace: shown(&run), data: run.to_json() },
            Some(privacy) => masked(&run, privacy),
        },
        Err(message) => not_read(&route.name, name, &message, None),
    })
}

/// The bytes that were chosen, as long as nobody has changed their text, since a text box keeps no line ends; and what is not
/// shown of them.
fn chosen(page: &Inner, wanted: &Wanted<'_>) -> (Vec<u8>, Option<Privacy>) {
    let request = typed(wanted.request);
    let chosen =
        Some(wanted.sample).filter(|sample| !sample.is_empty()).and_then(|sample| samples::bytes(page, sample));
    let is_same = |bytes: &Vec<u8>| match samples::shown(page, wanted.sample, bytes) {
        Some(text) => text.trim_end() == request.trim_end(),
        None => request.trim().is_empty(),
    };
    match chosen.filter(is_same) {
        Some(bytes) => (bytes, samples::privacy(page, wanted.sample)),
        None => (request.into_bytes(), None),
    }
}

/// What came of an event of which not all is shown.
fn masked(run: &DryRun<'_>, privacy: &Privacy) -> Trial {
    let masks: Vec<Masks> = run.events.iter().map(|event| privacy.masks(&event.event.payload)).collect();
    let hide = |mut told: Json| {
        for (event, masks) in told["events"].as_array_mut().into_iter().flatten().zip(&masks) {
            mask(event, masks);
        }
        told
    };
    let data = serde_json::from_str(&run.to_json()).map(hide).unwrap_or_default();
    Trial { trace: hide(shown(run)), data: format!("{data:#}") }
}

/// Covers every value wherever it stands.
fn mask(told: &mut Json, masks: &Masks) {
    match told {
        Json::String(text) => *text = masks.text(text),
        Json::Number(number) => {
            let text = number.to_string();
            let shown = masks.text(&text);
            if shown != text {
                *told = Json::String(shown);
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| mask(item, masks)),
        Json::Object(fields) => fields.values_mut().for_each(|value| mask(value, masks)),
        Json::Null | Json::Bool(_) => {}
    }
}

fn not_read(route: &str, request: &str, message: &str, help: Option<&str>) -> Trial {
    let problem = words("error", message, help);
    let data = json!({ "route": route, "request": request, "problem": problem });
    Trial { trace: empty(problem), data: format!("{data:#}") }
}

/// A request that makes no event, with the reason.
fn empty(problem: Json) -> Json {
    json!({
        "verified": null, "verified_by": null, "proof": null, "not_verified_because": null, "problem": problem, "events": [],
    })
}

/// A request that only asks whether the address is good.
fn shaken(asked: &handshake::Asked<'_>) -> Trial {
    let name = &asked.handshake.name;
    let answer = match &asked.answer {
        Ok(answer) => Ok(format!(
            "this request asks whether the address is good (`{name}`): it is answered with {}, and makes no event",
            answer.status
        )),
        Err(HandshakeError::Unanswerable(problem)) => Err(problem.message.clone()),
        Err(error) => Err(error.to_string()),
    };
    let problem = match &answer {
        Ok(message) => words("warning", message, None),
        Err(message) => words("error", message, None),
    };
    let (verified, by, because) = match &asked.verified {
        Some((how, Ok(()))) => (Some(true), Some(how), None),
        Some((how, Err(error))) => (Some(false), Some(how), Some(error.to_string())),
        None => (None, None, None),
    };
    let trace = json!({
        "verified": verified, "verified_by": by, "proof": null, "not_verified_because": because, "problem": problem, "events": [],
    });
    Trial { trace, data: format!("{:#}", asked.to_json()) }
}

fn shown(run: &DryRun<'_>) -> Json {
    let (verified, by, because) = match &run.verification {
        Verification::NotAsked | Verification::OnlyBody => (None, None, None),
        Verification::Passed(how) => (Some(true), Some(how), None),
        // Where the proof stood, a mask does since the request was kept.
        Verification::Failed(..) if draft::is_masked(&run.input.bytes) => (None, None, None),
        Verification::Failed(how, error, false) => (Some(false), Some(how), Some(error.to_string())),
        Verification::Failed(how, error, true) => {
            (Some(false), Some(how), Some(format!("{error}; {}", crate::test_case::ending::ADVICE)))
        }
    };
    let problem = match &run.unserved {
        Some(Unserved::TooLarge(why) | Unserved::Unsigned(why)) => words("error", why, None),
        Some(Unserved::Elsewhere(why)) => words("warning", why, None),
        None => Json::Null,
    };
    let events: Vec<Json> = (1..).zip(&run.events).map(|(number, event)| of_event(run, event, number)).collect();
    let source = run.compiled.set.sources.get(&run.route.source);
    let proof = source.filter(|_| by.is_some()).and_then(|source| senders::proof(&source.verify));
    json!({
        "verified": verified, "verified_by": by, "proof": proof, "not_verified_because": because, "problem": problem,
        "events": events,
    })
}

fn of_event(run: &DryRun<'_>, event: &Run, number: usize) -> Json {
    let telling = Telling { set: &run.compiled.set, files: &run.compiled.documents };
    let mut rows = Rows::of(&event.event.payload, number, &|_| false);
    let mut shown = telling.findings(&run.route, &event.trace, &mut rows);
    let (matched, problem, requests) = match &event.trace.routed.result {
        RouteResult::NotMatched | RouteResult::NotNeeded => (false, None, Vec::new()),
        RouteResult::Failed(problem) => (true, Some(telling.problem(problem)), Vec::new()),
        RouteResult::Taken(taken) => {
            let each = run.route.sends.iter().zip(&taken.sends).zip(&event.trace.sends);
            let requests = each.map(|((send, prepared), trace)| telling.request(send, prepared, trace, &mut rows));
            (true, None, requests.collect())
        }
    };
    if let Json::Object(fields) = &mut shown {
        let more = json!({ "matched": matched, "payload": rows.to_json(), "problem": problem, "requests": requests });
        fields.extend(more.as_object().cloned().unwrap_or_default());
    }
    shown
}
