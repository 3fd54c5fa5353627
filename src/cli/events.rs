//! `jackfield events`: what was received, and one request of it as a file for tests and dry runs.

use serde_json::Value;

use super::ask::Answer;
use super::deliveries::{Shown, total};
use super::terminal::{self, bytes, error_line, line, paint};
use super::{EventsArgs, Exit};
use crate::secret::MASK;

pub(super) fn run(args: &EventsArgs) -> Exit {
    let path = match (&args.event, &args.source) {
        (Some(event), _) => format!("/events/{}/request", crate::request::encode(event)),
        (None, Some(source)) => format!("/events?last={}&source={}", args.last, crate::request::encode(source)),
        (None, None) => format!("/events?last={}", args.last),
    };
    let Answer { from, status, body } = match args.from.get(&path) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    match (status, &args.event) {
        (200, Some(_)) => captured(&body),
        (200, None) if args.format == Shown::Json => {
            bytes(&body);
            Exit::Fine
        }
        (200, None) => listed(&body),
        (404, Some(event)) => {
            error_line(format!("there is no event `{event}`; `jackfield events` lists the newest"));
            Exit::UsedWrongly
        }
        (status, _) => {
            error_line(format!("{from} answers {status}"));
            Exit::CouldNotRun
        }
    }
}

fn captured(request: &[u8]) -> Exit {
    let head = request.split(|byte| *byte == b'\n').take_while(|line| !line.trim_ascii().is_empty());
    if head.into_iter().any(|line| String::from_utf8_lossy(line).contains(MASK)) {
        error_line(format!(
            "`{MASK}` stands for what proved the request: write it in again, or use `dry-run --no-verify`"
        ));
    }
    match terminal::is_read_by_a_person() {
        // What a stranger sent must not steer the terminal; a file gets it byte for byte.
        true => line(String::from_utf8_lossy(request).replace(|c: char| c.is_control() && c != '\n', "")),
        false => bytes(request),
    }
    Exit::Fine
}

fn listed(body: &[u8]) -> Exit {
    let listed: Value = serde_json::from_slice(body).unwrap_or_default();
    let events = listed["events"].as_array().map(Vec::as_slice).unwrap_or_default();
    if events.is_empty() {
        line("no events");
        return Exit::Fine;
    }
    let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    let widest = events.iter().map(|event| text(event, "source").chars().count()).max().unwrap_or(0);
    for event in events {
        let (at, id, source) = (text(event, "received_at"), text(event, "id"), text(event, "source"));
        line(format!("{at}  {id}  {source:widest$}  {}", became(event)));
    }
    total::told(&listed, "events", "events", 1000).iter().for_each(line);
    Exit::Fine
}

/// What the routes made of an event, in words.
fn became(event: &Value) -> String {
    let routes = event["routes"].as_array().map(Vec::as_slice).unwrap_or_default();
    match (routes.is_empty(), event["routed"].as_bool()) {
        (true, Some(true)) => paint(terminal::YELLOW, "no route took it"),
        (true, _) => "not routed yet".to_owned(),
        (false, _) if routes.iter().all(|route| route["problem"].is_string()) => {
            let why = routes.first().and_then(|route| route["problem"].as_str()).unwrap_or_default();
            format!("{}: {}", paint(terminal::RED, "failed"), why.replace(char::is_control, " "))
        }
        (false, _) => routes.iter().map(of_route).collect::<Vec<_>>().join("; "),
    }
}

fn of_route(outcome: &Value) -> String {
    let route = outcome["route"].as_str().unwrap_or_default();
    let states = outcome["deliveries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let states: Vec<&str> = states.iter().filter_map(Value::as_str).collect();
    match (outcome["result"].as_str(), states.is_empty()) {
        (Some("failed"), _) => format!("{route}: {}", paint(terminal::RED, "failed")),
        (Some("dismissed"), _) => format!("{route}: dismissed"),
        (Some("duplicate"), _) => format!("{route}: seen before"),
        (_, true) => format!("{route}: nothing to send"),
        (_, false) => format!("{route}: {}", states.join(", ")),
    }
}
