//! The story of one event, as the page shows it: what came in, which routes took it and why others did not, what they found,
//! what was sent, and what was answered.

use serde_json::Value;

use crate::cli::deliveries::place;
use crate::cli::terminal::{self, line, paint};

pub(super) fn told(story: &Value) {
    let event = &story["event"];
    line(format!("{}  {}", text(event, "id"), painted(&text(event, "state"))));
    came_in(event);
    for route in list(story, "routes") {
        line("");
        of_route(route);
    }
    let others = list(story, "not_taken");
    if !others.is_empty() {
        line("");
        line("not taken by");
        others.iter().for_each(not_taken);
    }
    if list(story, "routes").is_empty() && others.is_empty() {
        line("");
        line(match story["can_replay"] == true {
            true => "no route took it",
            false => "not routed yet",
        });
    }
}

fn came_in(event: &Value) {
    let proved = text(event, "verified_by");
    let proved = if proved.is_empty() { String::new() } else { format!(", verified {proved}") };
    line(format!("  received {} from source {}{proved}", text(event, "received_at"), text(event, "source")));
    if event["parts"].as_u64() > Some(1) {
        let number = event["part"].as_u64().unwrap_or(0) + 1;
        line(format!("  part {number} of {} of its request, {}", event["parts"], text(event, "part_path")));
    }
    let changed = if event["revision_is_current"] == true { "" } else { "; the routes have changed since" };
    line(format!("  routed by revision {}{changed}", text(event, "revision")));
    if let Some(at) = event["replayed_at"].as_str() {
        line(format!("  sent through the routes again at {at}"));
    }
    let request = &event["request"];
    line(format!("  {} {}", text(request, "method"), text(request, "path")));
    headers(request, "    ");
    match request["body"].as_str() {
        Some("") => {}
        Some(body) => block("    ", body),
        None => line(format!("    {} bytes that are no text", request["size"])),
    }
}

fn of_route(route: &Value) {
    line(format!("route {}: {}", text(route, "route"), painted(&text(route, "result"))));
    if let Some(first) = route["first"].as_str() {
        line(format!("  seen before, as {first}"));
    }
    problem(&route["problem"], "  ");
    let trace = &route["trace"];
    if trace["match"].is_object() {
        condition("  match", &trace["match"]);
    }
    if !list(trace, "extract").is_empty() {
        line("  found");
        list(trace, "extract").iter().for_each(extract);
    }
    for name in ["identity", "lane"] {
        if let Some(shown) = trace[name]["shown"].as_str() {
            line(format!("  {name} {}{}", flat(shown), at(&trace[name]["place"])));
        }
    }
    list(route, "deliveries").iter().for_each(delivery);
}

/// A condition, and what it saw where it does not hold.
fn condition(label: &str, told: &Value) {
    let word = match told["holds"].as_bool() {
        Some(true) => paint(terminal::GREEN, "yes"),
        Some(false) => paint(terminal::RED, "no"),
        None => "not asked".to_owned(),
    };
    line(format!("{label}: {word}  {}", text(told, "expression")));
    if told["holds"] == false {
        saw(told);
    }
}

fn saw(told: &Value) {
    for seen in list(told, "values") {
        let near: Vec<String> = list(seen, "nearby").iter().filter_map(Value::as_str).map(flat).collect();
        let what = match (seen["absent"] == true, near.is_empty()) {
            (false, _) => format!("is {}", text(seen, "shown")),
            (true, true) => "is absent".to_owned(),
            (true, false) => format!("is absent; there is {}", near.join(", ")),
        };
        line(format!("      {} {what}", text(seen, "expression")));
    }
    list(told, "parts").iter().filter(|part| part["holds"] == false).for_each(saw);
}

fn extract(told: &Value) {
    let name = text(told, "name");
    let found: Vec<String> = list(told, "found").iter().map(|one| text(one, "path")).collect();
    let from = match (text(told, "from").as_str(), found.is_empty()) {
        ("default", _) => "  by default".to_owned(),
        (_, false) => format!("  from {}", found.join(", ")),
        (_, true) => String::new(),
    };
    let was = told["was"].as_str().map(|was| format!(", where {} stood", flat(was))).unwrap_or_default();
    let value = match told["shown"].as_str() {
        Some(shown) => flat(shown),
        None => "nothing".to_owned(),
    };
    line(format!("    {name}: {value}{from}{was}{}", at(&told["place"])));
    problem(&told["problem"], "      ");
}

fn delivery(told: &Value) {
    let lane = told["lane"].as_str().map(|lane| format!(", lane {}", flat(lane))).unwrap_or_default();
    line(format!("  {}  {} to {}{lane}", text(told, "id"), painted(&text(told, "state")), text(told, "to")));
    if let Some(due) = told["due"].as_str() {
        line(format!("    next at {due}"));
    }
    if told["behind_its_lane"] == true {
        line("    waits for an earlier one of its lane");
    }
    if let Some(why) = told["held_because"].as_str() {
        line(format!("    held: {}", flat(why)));
    }
    if told["dismissed"].is_object() {
        line(format!("    dismissed by {}: {}", text(&told["dismissed"], "by"), text(&told["dismissed"], "note")));
    }
    if let Some(new) = told["replayed_as"].as_str() {
        line(format!("    sent again as {new}"));
    }
    problem(&told["problem"], "    ");
    if told["when"].is_object() {
        condition("    when", &told["when"]);
    }
    request(&told["request"]);
    list(told, "attempts").iter().for_each(attempt);
}

/// What is sent, with where each value is from.
fn request(told: &Value) {
    for call in list(told, "calls") {
        let (name, note) = (text(call, "call"), text(call, "note"));
        let note = if note.is_empty() { note } else { format!(" ({})", note.replace('_', " ")) };
        line(format!("    sends {name}{note}: {} {}", text(call, "method"), text(call, "url")));
        if let Some(body) = call["body"].as_str() {
            block("      ", body);
        }
    }
    for field in list(told, "fields").iter().filter(|field| field["sent"] == true) {
        let name = match text(field, "part").as_str() {
            "body" => text(field, "field"),
            part => format!("{part} {}", text(field, "field")),
        };
        let from: Vec<String> =
            list(field, "names").iter().filter_map(|name| name["path"].as_str()).map(flat).collect();
        let from = if from.is_empty() { String::new() } else { format!("  from {}", from.join(", ")) };
        line(format!("      {name}: {}{from}{}", text(field, "shown"), at(&field["place"])));
    }
}

fn attempt(told: &Value) {
    let status = told["status"].as_u64().map(|status| format!(" {status}")).unwrap_or_default();
    let trouble = told["trouble"].as_str().map(|word| format!(" ({})", flat(word))).unwrap_or_default();
    let call = told["call"].as_str().map(|call| format!(" of {}", flat(call))).unwrap_or_default();
    let (at, result) = (text(told, "started_at"), text(told, "result"));
    line(format!("    {at}  call {}{call}: {result}{trouble}{status}, {} ms", told["number"], told["took_ms"]));
    headers(told, "      ");
    let answer = told["answer"].as_str().unwrap_or_default().trim();
    if !answer.is_empty() {
        block("      ", answer);
    }
    if told["clipped"] == true {
        line("      … the beginning of a longer answer");
    }
}

fn not_taken(told: &Value) {
    let route = text(told, "route");
    match text(told, "why").as_str() {
        "match" => condition(&format!("  {route}, match"), &told["match"]),
        "fallback" => line(format!("  {route}: it takes only what no other route does")),
        _ => line(format!("  {route}: it did not take it")),
    }
}

/// A problem with its place, and what to do about it.
fn problem(told: &Value, indent: &str) {
    if !told.is_object() {
        return;
    }
    line(format!("{indent}{}{}", place(told), paint(terminal::RED, &text(told, "message"))));
    if let Some(help) = told["help"].as_str() {
        line(format!("{indent}{}", flat(help)));
    }
}

fn headers(told: &Value, indent: &str) {
    for header in list(told, "headers") {
        let part = |index: usize| header[index].as_str().map(flat).unwrap_or_default();
        line(format!("{indent}{}: {}", part(0), part(1)));
    }
}

/// The line of a file.
fn at(place: &Value) -> String {
    match place["line"].as_u64() {
        Some(number) => paint(terminal::DIM, &format!("  {}:{number}", text(place, "file"))),
        None => String::new(),
    }
}

fn painted(state: &str) -> String {
    match state {
        "dead" | "failed" => paint(terminal::RED, state),
        "held" | "retrying" | "unmatched" => paint(terminal::YELLOW, state),
        other => other.to_owned(),
    }
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Lines of what strangers have sent, without what steers a terminal.
fn block(indent: &str, text: &str) {
    text.lines().for_each(|one| line(format!("{indent}{}", flat(one))));
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().map(flat).unwrap_or_default()
}

fn flat(text: &str) -> String {
    text.replace(char::is_control, " ")
}
