//! `jackfield status`: how a running server is, in a few lines.

use serde_json::Value;

use super::ask::ServerArg;
use super::deliveries::answered;
use super::terminal::{self, line, paint};
use super::{Exit, StatusArgs};

pub(super) fn run(args: &StatusArgs) -> Exit {
    let answer = match &args.address {
        Some(address) => ServerArg::at(address).get("/status"),
        None => args.server.get("/status"),
    };
    match answer {
        Ok(answer) => answered(answer, args.format.format, shown),
        Err(exit) => exit,
    }
}

/// What is counted, with the words that it is shown in. What is 0 is left out.
const EVENTS: [(&str, &str); 5] = [
    ("accepted", "accepted"),
    ("unrouted", "not routed yet"),
    ("unmatched", "that no route took"),
    ("failed", "failed"),
    ("duplicates", "seen before"),
];
const WAITING: [(&str, &str); 2] =
    [("behind_their_lane", "behind an earlier one of their lane"), ("until_later", "until a later time")];

fn shown(status: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().replace(char::is_control, " ");
    let routes = status["routes"].as_array().map_or(0, Vec::len);
    let (version, revision, since) = (&status["version"], &status["revision"], &status["started_at"]);
    row("server", &format!("jackfield {}, since {}", text(version), text(since)));
    row("routes", &format!("{routes}, of revision {}", text(revision)));
    row("events", &counted(&status["events"], &EVENTS));
    let states: Vec<(&str, &str)> =
        crate::delivery::State::ALL.iter().map(|state| (state.word(), state.word())).collect();
    row("deliveries", &counted(&status["deliveries"], &states));
    if counted(&status["waiting"], &WAITING) != NONE {
        row("waiting", &counted(&status["waiting"], &WAITING));
    }
    refused(&status["requests"]["refused"]);
    match &status["store"]["problem"] {
        Value::Null => row("store", "takes events"),
        problem => row("store", &paint(terminal::RED, &text(problem))),
    }
    for (name, stands) in status["connections"].as_object().into_iter().flatten() {
        connection(name, stands).iter().for_each(|told| row("connection", told));
    }
    reloads(&status["reloads"]);
}

/// Where nothing is counted.
const NONE: &str = "none";

fn row(what: &str, told: &str) {
    line(format!("{what:<11} {told}"));
}

fn counted(counts: &Value, words: &[(&str, &str)]) -> String {
    let count = |(key, word): &(&str, &str)| match counts[*key].as_u64() {
        None | Some(0) => None,
        Some(count) => Some(format!("{count} {word}")),
    };
    let told: Vec<String> = words.iter().filter_map(count).collect();
    if told.is_empty() { NONE.to_owned() } else { told.join(", ") }
}

/// What was not taken, by the code of the answer.
fn refused(reasons: &Value) {
    let reasons = reasons.as_object().into_iter().flatten();
    let told: Vec<String> = reasons.map(|(reason, count)| format!("{count} {reason}")).collect();
    if !told.is_empty() {
        row("refused", &told.join(", "));
    }
}

/// What a connection waits for; nothing where all is well.
fn connection(name: &str, stands: &Value) -> Option<String> {
    let at = |key: &str| stands[key].as_str().map(str::to_owned);
    let again = at("asked_again").map(|again| format!("; asked again at {again}")).unwrap_or_default();
    let why = match (at("down_since"), at("refused_since"), at("paused_until")) {
        (Some(since), ..) => format!("does not answer well since {since}{again}"),
        (_, Some(since), _) => format!("takes no token since {since}{again}"),
        (.., Some(until)) => format!("wants to be left alone until {until}"),
        (None, None, None) => return None,
    };
    Some(format!("{}: {}", paint(terminal::YELLOW, name), paint(terminal::YELLOW, &why)))
}

/// How changes of the files went, with each problem of one that was refused.
fn reloads(reloads: &Value) {
    let last = &reloads["last"];
    if last.is_null() {
        return row("changes", "none since the start");
    }
    let counts = counted(reloads, &[("taken", "went live"), ("refused", "refused")]);
    let at = last["at"].as_str().unwrap_or_default();
    let outcome = if last["taken"] == true { "went live".to_owned() } else { paint(terminal::RED, "was refused") };
    row("changes", &format!("{counts}; the last, at {at}, {outcome}"));
    for problem in last["problems"].as_array().into_iter().flatten() {
        let text = |key: &str| problem[key].as_str().unwrap_or_default().replace(char::is_control, " ");
        let place = super::deliveries::place(problem);
        line(format!("  {place}{}[{}]: {}", text("severity"), text("code"), text("message")));
        if problem["help"].is_string() {
            line(format!("    {}", text("help")));
        }
    }
}
