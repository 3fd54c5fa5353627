//! `jackfield events`: what was received, all of one event, and its request as a file for tests and dry runs.

mod story;

use clap::Args;
use serde_json::Value;

use super::deliveries::{answered, query, total};
use super::terminal::{self, bytes, error_line, line, paint};
use super::unknown::{self, Named};
use super::{EventsArgs, Exit};
use crate::privacy::MASKED;
use crate::secret::MASK;

/// Which events are listed: those of which all holds that is said.
#[derive(Debug, Args)]
pub(super) struct Sought {
    /// Those with this in what was sent: a phone number however it is written, or its last digits; an e-mail address; words
    #[arg(long, value_name = "TEXT")]
    value: Option<String>,
    /// Those of this source
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Those that this route took
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// Those with a delivery to this connection
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Those that came to this: `unrouted`, `unmatched`, `failed`, `dismissed`, `duplicate`, or the state of a delivery
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Those of this identity
    #[arg(long, value_name = "TEXT")]
    identity: Option<String>,
    /// Those of this lane
    #[arg(long, value_name = "TEXT")]
    lane: Option<String>,
    /// Received at this moment or later: `2026-11-21T09:30:00Z`
    #[arg(long, value_name = "MOMENT")]
    since: Option<String>,
    /// Received before this moment
    #[arg(long, value_name = "MOMENT")]
    until: Option<String>,
    /// Older than this event, to go on with a list
    #[arg(long, value_name = "EVENT")]
    before: Option<String>,
}

impl Sought {
    fn query(&self) -> String {
        query(&[
            ("value", &self.value),
            ("source", &self.source),
            ("route", &self.route),
            ("connection", &self.connection),
            ("state", &self.state),
            ("identity", &self.identity),
            ("lane", &self.lane),
            ("since", &self.since),
            ("until", &self.until),
            ("before", &self.before),
        ])
    }
}

pub(super) fn run(args: &EventsArgs) -> Exit {
    let path = match &args.event {
        Some(event) if args.request => format!("/events/{}/request", crate::request::encode(event)),
        Some(event) => format!("/events/{}", crate::request::encode(event)),
        None => format!("/events?last={}{}", args.last, args.sought.query()),
    };
    let answer = match args.from.get(&path) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let Sought { route, source, connection, .. } = &args.sought;
    unknown::warn(&args.from, &answer, &["events"], &Named { route, source, connection });
    match (answer.status, &args.event) {
        (200, Some(_)) if args.request => captured(&answer.body),
        (404, Some(event)) => {
            error_line(format!("there is no event `{event}`; `jackfield events` lists the newest"));
            Exit::UsedWrongly
        }
        (_, Some(_)) => answered(answer, args.format, story::told),
        _ => answered(answer, args.format, listed),
    }
}

fn captured(request: &[u8]) -> Exit {
    let head = request.split(|byte| *byte == b'\n').take_while(|line| !line.trim_ascii().is_empty());
    if head.into_iter().any(|line| String::from_utf8_lossy(line).contains(MASK)) {
        error_line(format!(
            "`{MASK}` stands for what proved the request: write it in again, or use `dry-run --no-verify`"
        ));
    }
    if String::from_utf8_lossy(request).contains(MASKED) {
        error_line(format!("`{MASKED}` stands for what `privacy` masks: a sample wants other values there"));
    }
    match terminal::is_read_by_a_person() {
        // What a stranger sent must not steer the terminal; a file gets it byte for byte.
        true => line(String::from_utf8_lossy(request).replace(|c: char| c.is_control() && c != '\n', "")),
        false => bytes(request),
    }
    Exit::Fine
}

fn listed(listed: &Value) {
    let events = listed["events"].as_array().map(Vec::as_slice).unwrap_or_default();
    if events.is_empty() {
        line("no events");
    }
    let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    let widest = events.iter().map(|event| text(event, "source").chars().count()).max().unwrap_or(0);
    for event in events {
        let (at, id, source) = (text(event, "received_at"), text(event, "id"), text(event, "source"));
        line(format!("{at}  {id}  {source:widest$}  {}", became(event)));
    }
    match (listed["next"].as_i64(), listed["total"]["events"]["or_more"] == true) {
        (Some(next), true) => line(format!("there may be more; --before {next} goes on from here")),
        _ => total::told(listed, "events", "events", 1000).iter().for_each(line),
    }
    match listed["not_searched"].as_u64() {
        None | Some(0) => {}
        Some(left) => {
            line(format!("{left} of what is left is not prepared for the search yet, so that it takes longer"))
        }
    }
}

/// What the routes made of an event, in words.
fn became(event: &Value) -> String {
    let routes = event["routes"].as_array().map(Vec::as_slice).unwrap_or_default();
    match (routes.is_empty(), event["routed"].as_bool()) {
        (true, Some(true)) => paint(terminal::YELLOW, "no route took it"),
        (true, _) => "not routed yet".to_owned(),
        (false, _) if routes.iter().all(|route| route["unread"] == true) => {
            format!("{}{}", paint(terminal::RED, "failed"), routes.first().map(why).unwrap_or_default())
        }
        (false, _) => routes.iter().map(of_route).collect::<Vec<_>>().join("; "),
    }
}

/// Why a route failed, or what a person has noted.
fn why(outcome: &Value) -> String {
    let told = outcome["problem"].as_str().or(outcome["note"].as_str());
    told.map(|why| format!(": {}", why.replace(char::is_control, " "))).unwrap_or_default()
}

fn of_route(outcome: &Value) -> String {
    let route = outcome["route"].as_str().unwrap_or_default();
    let states = outcome["deliveries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let states: Vec<&str> = states.iter().filter_map(Value::as_str).collect();
    match (outcome["result"].as_str(), states.is_empty()) {
        (Some("failed"), _) => format!("{route}: {}{}", paint(terminal::RED, "failed"), why(outcome)),
        (Some("dismissed"), _) => format!("{route}{}", why(outcome)),
        (Some("duplicate"), _) => format!("{route}: seen before"),
        (_, true) => format!("{route}: nothing to send"),
        (_, false) => format!("{route}: {}", states.join(", ")),
    }
}
