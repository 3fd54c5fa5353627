//! `jackfield replay`: sends again what failed.

use clap::Args;
use serde_json::{Map, Value, json};

use super::Exit;
use super::ask::LookArg;
use super::deliveries::{FormatArg, answered};
use super::terminal::line;
use super::unknown::{self, Named};

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// These deliveries (`dlv_…`) or these events (`evt_…`)
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// What failed in this route; with `--through-routes` also the events of which it could make nothing
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// What failed on its way to this connection
    #[arg(long, value_name = "NAME", conflicts_with = "through_routes")]
    connection: Option<String>,
    /// What failed of this source's events; they go through the routes as they are now
    #[arg(long, value_name = "NAME", requires = "through_routes")]
    source: Option<String>,
    /// What failed of events with this in what was sent: a phone number however it is written, an e-mail address, words
    #[arg(long, value_name = "TEXT")]
    value: Option<String>,
    /// What is `dead` or `held` only
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Made, or received, at this moment or later: `2026-11-21T09:30:00Z`
    #[arg(long, value_name = "MOMENT")]
    since: Option<String>,
    /// Made, or received, before this moment
    #[arg(long, value_name = "MOMENT")]
    until: Option<String>,
    /// All that failed
    #[arg(long)]
    all: bool,
    /// The events that no route took
    #[arg(long, conflicts_with_all = ["ids", "route", "connection", "state", "all"])]
    unmatched: bool,
    /// The events go through the routes as they are now, in place of the requests as they were
    #[arg(long)]
    through_routes: bool,
    /// Call again the steps that are done, too
    #[arg(long, conflicts_with = "through_routes")]
    repeat_steps: bool,
    /// Also what the provider has already, where it is named by its id
    #[arg(long, requires = "ids")]
    again: bool,
    /// Also what is held since nobody knows whether the provider has it: it may be there twice then
    #[arg(long, conflicts_with_all = ["ids", "through_routes", "unmatched"])]
    unknown: bool,
    /// Say only which are meant, and send nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: FormatArg,
    #[command(flatten)]
    from: LookArg,
}

pub(super) fn run(args: &ReplayArgs) -> Exit {
    let answer = match args.from.post("/replay", body(args)) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let named = Named { route: &args.route, source: &args.source, connection: &args.connection };
    unknown::warn(&args.from, &answer, &["deliveries", "events"], &named);
    let is_stopped = answer.is_stopped;
    answered(answer, args.format.format, |body| {
        told(body, advice(args));
        let count = |key: &str| body[key].as_u64().unwrap_or(0);
        if is_stopped && body["dry_run"] != true && count("deliveries") + count("events") > 0 {
            line("  no server runs: the next start goes on with that");
        }
    })
}

fn body(args: &ReplayArgs) -> String {
    let mut body = Map::new();
    if !args.ids.is_empty() {
        body.insert("ids".to_owned(), json!(args.ids));
    }
    let texts = [
        ("route", &args.route),
        ("connection", &args.connection),
        ("source", &args.source),
        ("value", &args.value),
        ("state", &args.state),
        ("since", &args.since),
        ("until", &args.until),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            body.insert(name.to_owned(), json!(value));
        }
    }
    let words = [
        ("all", args.all),
        ("unmatched", args.unmatched),
        ("routes", args.through_routes),
        ("repeat_steps", args.repeat_steps),
        ("again", args.again),
        ("unknown", args.unknown),
        ("dry_run", args.dry_run),
    ];
    body.extend(words.into_iter().filter(|(_, said)| *said).map(|(name, said)| (name.to_owned(), json!(said))));
    Value::Object(body).to_string()
}

/// What to do about what could not be made into a request.
fn advice(args: &ReplayArgs) -> &'static str {
    match args.connection.is_some() || args.state.is_some() {
        // These are said of deliveries, and events go through their routes.
        true => "mend the route, then say `jackfield replay --through-routes --route NAME`",
        false => "mend the route, then add --through-routes",
    }
}

fn told(body: &Value, advice: &str) {
    let (count, what) = match body["events"].as_u64() {
        Some(count) => (count, if count == 1 { "event" } else { "events" }),
        None => {
            (body["deliveries"].as_u64().unwrap_or(0), if body["deliveries"] == 1 { "delivery" } else { "deliveries" })
        }
    };
    let is_trial = body["dry_run"] == true;
    match (what, is_trial) {
        ("event" | "events", true) => line(format!("{count} {what} would go through the routes as they are now")),
        ("event" | "events", false) => line(format!("{count} {what} went to the routes as they are now")),
        (_, true) => line(format!("{count} {what} would be sent again")),
        (_, false) => line(format!("{count} {what} on the way again")),
    }
    match body["delivered"].as_u64() {
        None | Some(0) => {}
        Some(done) => line(format!("  the provider has {done} of their deliveries already; these would go out again")),
    }
    left_out(body, advice);
    for id in body["ids"].as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(Value::as_str) {
        line(format!("  {id}"));
    }
    for pair in body["replayed"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let id = |key: &str| pair[key].as_str().unwrap_or_default().to_owned();
        line(format!("  {} as {}", id("old"), id("new")));
    }
}

/// What was meant and is not sent, and what to do about it.
fn left_out(body: &Value, advice: &str) {
    let count = |key: &str| body[key].as_u64().unwrap_or(0);
    match count("left_out") {
        0 => {}
        1 => line(
            "  left out: 1 of which nobody knows whether the provider has it; look, then name it, or add --unknown",
        ),
        more => line(format!(
            "  left out: {more} of which nobody knows whether the provider has them; look, then name them, or add --unknown"
        )),
    }
    match count("unmade") {
        0 => {}
        1 => line(format!("  1 delivery could not be made into a request: {advice}")),
        more => line(format!("  {more} deliveries could not be made into requests: {advice}")),
    }
    match count("failed_events") {
        0 => {}
        1 => line(format!("  1 event failed before it became a request: {advice}")),
        more => line(format!("  {more} events failed before they became requests: {advice}")),
    }
}
