//! `jackfield deliveries` and `jackfield dead-letters`: where deliveries stand, and what failed.

mod estimate;
pub(super) mod total;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::Exit;
use super::ask::{Answer, LookArg};
use super::terminal::{self, bytes, error_line, line, paint};
use super::unknown::{self, Named};

#[derive(Debug, Args)]
pub(super) struct DeliveriesArgs {
    /// Show all of this delivery, as `jackfield deliveries dlv_…`; secrets are named, not shown
    #[arg(conflicts_with_all = ["last", "state", "Meant"])]
    delivery: Option<String>,
    /// Of these states only: `--state retrying,dead`
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    #[command(flatten)]
    meant: Meant,
    /// How many of the newest are listed
    #[arg(long, default_value_t = 20, value_name = "NUMBER")]
    last: u16,
    #[command(flatten)]
    look: Look,
}

#[derive(Debug, Args)]
pub(super) struct DeadLettersArgs {
    #[command(flatten)]
    meant: Meant,
    /// How many of the newest are listed
    #[arg(long, default_value_t = 20, value_name = "NUMBER")]
    last: u16,
    #[command(flatten)]
    look: Look,
}

/// Which are listed: those of which all holds that is said.
#[derive(Debug, Args)]
struct Meant {
    /// Of this route only
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// To this connection only
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Of events with this in what was sent: a phone number however it is written, an e-mail address, words
    #[arg(long, value_name = "TEXT")]
    value: Option<String>,
    /// Of events of this source only
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Of events of this identity only
    #[arg(long, value_name = "TEXT")]
    identity: Option<String>,
    /// Of this lane only
    #[arg(long, value_name = "TEXT")]
    lane: Option<String>,
    /// Made at this moment or later: `2026-11-21T09:30:00Z`
    #[arg(long, value_name = "MOMENT")]
    since: Option<String>,
    /// Made before this moment
    #[arg(long, value_name = "MOMENT")]
    until: Option<String>,
}

impl Meant {
    fn query(&self) -> String {
        query(&[
            ("route", &self.route),
            ("connection", &self.connection),
            ("value", &self.value),
            ("source", &self.source),
            ("identity", &self.identity),
            ("lane", &self.lane),
            ("since", &self.since),
            ("until", &self.until),
        ])
    }

    fn named(&self) -> Named<'_> {
        Named { route: &self.route, source: &self.source, connection: &self.connection }
    }
}

/// Who is asked, and how the answer is shown.
#[derive(Debug, Args)]
pub(super) struct Look {
    #[command(flatten)]
    format: FormatArg,
    #[command(flatten)]
    from: LookArg,
}

/// How an answer is shown.
#[derive(Debug, Args)]
pub(super) struct FormatArg {
    /// As text to read, or as the JSON of the operator's address
    #[arg(long, value_enum, default_value_t = Shown::Text, value_name = "FORMAT")]
    pub(super) format: Shown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Shown {
    Text,
    Json,
}

pub(super) fn run(args: &DeliveriesArgs) -> Exit {
    match &args.delivery {
        Some(id) => one(&args.look, id),
        None => {
            let last = args.last.to_string();
            let path = format!("/deliveries?last={last}{}{}", query(&[("state", &args.state)]), args.meant.query());
            found(&args.look, &path, &args.meant, |body| {
                listed(body, "no deliveries");
                left_out(body, "deliveries", "deliveries");
            })
        }
    }
}

pub(super) fn dead_letters(args: &DeadLettersArgs) -> Exit {
    let path = format!("/dead-letters?last={}{}", args.last, args.meant.query());
    found(&args.look, &path, &args.meant, |body| {
        failed(body);
        listed(body, if entries(body, "events").is_empty() { "nothing failed" } else { "" });
        left_out(body, "events", "events that failed");
        left_out(body, "deliveries", "deliveries");
        next(body);
    })
}

/// What can be done with what is listed.
fn next(body: &Value) {
    let has_deliveries = !entries(body, "deliveries").is_empty();
    if has_deliveries {
        line(
            "`jackfield deliveries dlv_…` shows one; `replay dlv_…` sends it again, `dismiss dlv_…` takes it off the list",
        );
    }
    if !entries(body, "events").is_empty() {
        line(
            "`jackfield events evt_…` shows one that failed; `replay evt_…` sends it through the mended route, `dismiss evt_…` \
             takes it off the list",
        );
    }
}

/// What is asked for, as an address takes it.
pub(super) fn query(named: &[(&str, &Option<String>)]) -> String {
    let given = named.iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    given.map(|(name, value)| format!("&{name}={}", crate::request::encode(value))).collect()
}

/// Asks for one delivery, and shows it.
fn one(look: &Look, id: &str) -> Exit {
    match look.from.get(&format!("/deliveries/{}", crate::request::encode(id))) {
        Ok(Answer { status: 404, .. }) => {
            error_line(format!("there is no delivery `{id}`; `jackfield deliveries` lists the newest"));
            Exit::UsedWrongly
        }
        Ok(answer) => answered(answer, look.format.format, shown),
        Err(exit) => exit,
    }
}

/// Asks for a list, and shows it.
fn found(look: &Look, path: &str, meant: &Meant, show: impl FnOnce(&Value)) -> Exit {
    match look.from.get(path) {
        Ok(answer) => {
            unknown::warn(&look.from, &answer, &["deliveries", "events"], &meant.named());
            answered(answer, look.format.format, show)
        }
        Err(exit) => exit,
    }
}

/// Shows what was answered, or says what was wrong with the question.
pub(super) fn answered(answer: Answer, format: Shown, show: impl FnOnce(&Value)) -> Exit {
    let Answer { from, status, body, .. } = answer;
    match status {
        200 if format == Shown::Json => {
            bytes(&body);
            Exit::Fine
        }
        200 => {
            show(&serde_json::from_slice(&body).unwrap_or_default());
            Exit::Fine
        }
        400 => {
            error_line(String::from_utf8_lossy(&body).trim_end());
            Exit::UsedWrongly
        }
        status => {
            error_line(format!("{from} answers {status}"));
            Exit::CouldNotRun
        }
    }
}

fn entries<'b>(body: &'b Value, key: &str) -> &'b [Value] {
    body[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Text of a server, which may be a stranger's, without what steers a terminal.
fn text<'v>(value: &'v Value, key: &str) -> std::borrow::Cow<'v, str> {
    match value[key].as_str() {
        Some(text) if text.contains(char::is_control) => text.replace(char::is_control, " ").into(),
        Some(text) => text.into(),
        None => "".into(),
    }
}

/// No list of deliveries is longer.
const MOST: u64 = 10_000;

fn left_out(body: &Value, key: &str, what: &str) {
    total::told(body, key, what, MOST).iter().for_each(line);
}

fn listed(body: &Value, none: &str) {
    let deliveries = entries(body, "deliveries");
    if deliveries.is_empty() && !none.is_empty() {
        line(none);
    }
    let widest = |key: &str| deliveries.iter().map(|one| text(one, key).chars().count()).max().unwrap_or(0);
    let (states, places) = (widest("state"), widest("to"));
    for one in deliveries {
        let state = format!("{:states$}", text(one, "state"));
        let state = match text(one, "state").as_ref() {
            "dead" => paint(terminal::RED, &state),
            "held" | "retrying" => paint(terminal::YELLOW, &state),
            _ => state,
        };
        let (at, id, to, route) = (text(one, "created_at"), text(one, "id"), text(one, "to"), text(one, "route"));
        line(format!("{at}  {id}  {state}  {to:places$}  {route}{}", why(one)));
    }
}

/// After so many attempts, what the last came to, when next, and why not.
fn why(delivery: &Value) -> String {
    let mut parts = facts(delivery);
    let place = usize::from(delivery["attempts"].as_u64() > Some(0));
    parts.splice(place..place, last(&delivery["last"]));
    in_brackets(&parts)
}

/// What the last call came to: `422 reject: Phone number is invalid`.
fn last(call: &Value) -> Option<String> {
    let status = call["status"].as_u64().map(|status| status.to_string());
    let word = |key| Some(text(call, key).into_owned()).filter(|word| !word.is_empty());
    let parts: Vec<String> = [status, word("result"), word("trouble")].into_iter().flatten().collect();
    let reason = word("reason").map(|reason| format!(": {reason}")).unwrap_or_default();
    (!parts.is_empty()).then(|| format!("{}{reason}", parts.join(" ")))
}

fn facts(delivery: &Value) -> Vec<String> {
    let mut parts = Vec::new();
    match delivery["attempts"].as_u64() {
        Some(0) | None => {}
        Some(1) => parts.push("1 attempt".to_owned()),
        Some(number) => parts.push(format!("{number} attempts")),
    }
    if delivery["due"].is_string() {
        parts.push(format!("next at {}", text(delivery, "due")));
    }
    let problem = &delivery["problem"];
    if problem["message"].is_string() {
        parts.push(format!("{}{}", place(problem), text(problem, "message")));
    }
    parts
}

fn in_brackets(parts: &[String]) -> String {
    if parts.is_empty() { String::new() } else { format!("  ({})", parts.join(", ")) }
}

/// Events of which a route could make nothing.
fn failed(body: &Value) {
    for event in entries(body, "events") {
        let (at, id, source) = (text(event, "received_at"), text(event, "id"), text(event, "source"));
        for outcome in entries(event, "routes") {
            let problem = &outcome["problem"];
            let message = text(problem, "message");
            let route = text(outcome, "route");
            line(format!(
                "{at}  {id}  {}  {source}  {route}  ({}{message})",
                paint(terminal::RED, "failed"),
                place(problem)
            ));
        }
    }
}

/// The file and line that a problem tells of.
pub(super) fn place(problem: &Value) -> String {
    let first = &problem["places"][0];
    match first["line"].as_u64() {
        Some(line) => format!("{}:{line}: ", text(first, "file")),
        None => String::new(),
    }
}

fn number(value: &Value) -> String {
    value.as_u64().map(|number| number.to_string()).unwrap_or_default()
}

/// All of one delivery.
fn shown(delivery: &Value) {
    line(format!("{}  {}{}", text(delivery, "id"), text(delivery, "state"), in_brackets(&facts(delivery))));
    line(format!(
        "  of event {}, route {}, to {}",
        text(delivery, "event"),
        text(delivery, "route"),
        text(delivery, "to")
    ));
    if delivery["lane"].is_string() {
        line(format!("  lane {}", text(delivery, "lane")));
    }
    estimate::told(&delivery["estimate"]).iter().for_each(|one| line(format!("  {one}")));
    let request = &delivery["request"];
    let steps = entries(request, "steps");
    for call in entries(delivery, "calls") {
        told_call(call, steps);
    }
    match steps.is_empty() {
        true => sent("what it sends, secrets named", request),
        false => steps.iter().enumerate().for_each(|(index, step)| {
            let to = text(step, "to");
            match step["request"].is_object() {
                true => sent(&format!("step {}, {to}, secrets named", index + 1), &step["request"]),
                false => line(format!("  step {}, {to}: {}", index + 1, unmade(delivery, index))),
            }
        }),
    }
}

/// Why the request of a step is not there.
fn unmade(delivery: &Value, step: usize) -> &'static str {
    let is_called = entries(delivery, "calls").iter().any(|call| call["step"] == step);
    let is_open = matches!(text(delivery, "state").as_ref(), "pending" | "leased" | "retrying" | "held");
    match (is_called, is_open) {
        (true, _) => "made of what the steps before it found; it is not kept",
        (false, true) => "made when the steps before it are done",
        (false, false) => "not called",
    }
}

/// One call of a delivery, and what the provider said.
fn told_call(call: &Value, steps: &[Value]) {
    let status = call["status"].as_u64().map(|status| format!(" {status}")).unwrap_or_default();
    let trouble = call["trouble"].as_str().map(|word| format!(" ({word})")).unwrap_or_default();
    let index = usize::try_from(call["step"].as_u64().unwrap_or(0)).unwrap_or(usize::MAX);
    let step = match steps.get(index) {
        Some(step) => format!(" of step {}, {}", index + 1, text(step, "to")),
        None => String::new(),
    };
    let (at, number, result) = (text(call, "started_at"), number(&call["number"]), text(call, "result"));
    line(format!("  {at}  call {number}{step}: {result}{trouble}{status}, {} ms", self::number(&call["took_ms"])));
    let answer = text(call, "answer");
    if !answer.trim().is_empty() {
        line(format!("    {}", answer.trim()));
    }
}

/// A finished request: its first line and its body.
fn sent(what: &str, request: &Value) {
    if !request.is_object() {
        line(format!("  {what}: it could not be made into a request"));
        return;
    }
    let pieces = request["path"].as_array().map(Vec::as_slice).unwrap_or_default();
    let path: String = pieces.iter().map(piece).collect();
    line(format!("  {what}: {} {path}", text(request, "method")));
    if request["has_body"] == true {
        let body = serde_json::to_string_pretty(&request["body"]).unwrap_or_default();
        body.lines().for_each(|one| line(format!("    {one}")));
    }
}

/// A part of an address: text, or the name of a secret.
fn piece(piece: &Value) -> String {
    match (piece.as_str(), piece["secret"].as_str()) {
        (Some(text), _) => text.to_owned(),
        (None, Some(secret)) => format!("‹{secret}›"),
        (None, None) => String::new(),
    }
}
