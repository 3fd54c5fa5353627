//! `jackfield release` and `jackfield dismiss`: what waits for a person goes on, or nothing more is wanted of it.

use clap::Args;
use serde_json::{Map, Value, json};

use super::Exit;
use super::ask::ServerArg;
use super::deliveries::{FormatArg, answered};
use super::terminal::line;

#[derive(Debug, Args)]
pub(super) struct ReleaseArgs {
    /// These deliveries: `dlv_…`
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    meant: Meant,
    /// All that are held
    #[arg(long)]
    all: bool,
    /// Also those of which nobody knows whether the provider has them: they may be there twice then
    #[arg(long, conflicts_with = "ids")]
    unknown: bool,
}

#[derive(Debug, Args)]
pub(super) struct DismissArgs {
    /// These deliveries: `dlv_…`
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// What is `dead` or `held` only
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    #[command(flatten)]
    meant: Meant,
    /// All that failed or are held
    #[arg(long)]
    all: bool,
    /// Why, to be read with the delivery: `--note "Ana found it in the inbox"`
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// Which are meant, and who is asked.
#[derive(Debug, Args)]
struct Meant {
    /// Of this route
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// To this connection
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Made at this moment or later: `2026-11-21T09:30:00Z`
    #[arg(long, value_name = "MOMENT")]
    since: Option<String>,
    /// Made before this moment
    #[arg(long, value_name = "MOMENT")]
    until: Option<String>,
    /// Say only which are meant, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: FormatArg,
    #[command(flatten)]
    server: ServerArg,
}

pub(super) fn release(args: &ReleaseArgs) -> Exit {
    let body = body(&args.ids, &args.meant, &[("all", args.all), ("unknown", args.unknown)], &[]);
    sent(&args.meant, "/release", body, |count, is_trial| match (count, is_trial) {
        (1, true) => "1 delivery would go on".to_owned(),
        (1, false) => "1 delivery goes on".to_owned(),
        (more, true) => format!("{more} deliveries would go on"),
        (more, false) => format!("{more} deliveries go on"),
    })
}

pub(super) fn dismiss(args: &DismissArgs) -> Exit {
    let body = body(&args.ids, &args.meant, &[("all", args.all)], &[("state", &args.state), ("note", &args.note)]);
    sent(&args.meant, "/dismiss", body, |count, is_trial| {
        let what = if count == 1 { "delivery" } else { "deliveries" };
        let done = if is_trial { "would be dismissed" } else { "dismissed" };
        format!("{count} {what} {done}")
    })
}

fn body(ids: &[String], meant: &Meant, said: &[(&str, bool)], more: &[(&str, &Option<String>)]) -> String {
    let by = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let own = [
        ("route", &meant.route),
        ("connection", &meant.connection),
        ("since", &meant.since),
        ("until", &meant.until),
        ("by", &by),
    ];
    let texts = own.iter().chain(more).filter_map(|(name, value)| Some(((*name).to_owned(), json!(value.as_ref()?))));
    let mut body: Map<String, Value> = texts.collect();
    let trial = [("dry_run", meant.dry_run)];
    body.extend(
        said.iter().chain(&trial).filter(|(_, said)| *said).map(|(name, said)| ((*name).to_owned(), json!(said))),
    );
    if !ids.is_empty() {
        body.insert("ids".to_owned(), json!(ids));
    }
    Value::Object(body).to_string()
}

fn sent(meant: &Meant, path: &str, body: String, told: impl Fn(u64, bool) -> String) -> Exit {
    let show = |body: &Value| {
        line(told(body["deliveries"].as_u64().unwrap_or(0), body["dry_run"] == true));
        for id in body["ids"].as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(Value::as_str) {
            line(format!("  {id}"));
        }
        match body["left_out"].as_u64() {
            None | Some(0) => {}
            Some(1) => line(
                "  left out: 1 of which nobody knows whether the provider has it; look, then name it, or add --unknown",
            ),
            Some(more) => line(format!(
                "  left out: {more} of which nobody knows whether the provider has them; look, then name them, or add --unknown"
            )),
        }
        if body["more"] == true {
            line("  there may be more: say it again");
        }
    };
    match meant.server.post(path, body) {
        Ok(answer) => answered(answer, meant.format.format, show),
        Err(exit) => exit,
    }
}
