//! `jackfield release` and `jackfield dismiss`: what waits goes on now, or nothing more is wanted of it.

use clap::Args;
use serde_json::{Map, Value, json};

use super::Exit;
use super::ask::LookArg;
use super::deliveries::{FormatArg, answered};
use super::terminal::line;
use super::unknown::{self, Named};

/// So many are listed; a script has all of them with `--format json`.
const MOST_SHOWN: usize = 50;

#[derive(Debug, Args)]
pub(super) struct ReleaseArgs {
    /// These deliveries: `dlv_…`
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    meant: Meant,
    /// All that are held or wait for a later time
    #[arg(long)]
    all: bool,
    /// Also those of which nobody knows whether the provider has them: they may be there twice then
    #[arg(long, conflicts_with = "ids")]
    unknown: bool,
}

#[derive(Debug, Args)]
pub(super) struct DismissArgs {
    /// These deliveries (`dlv_…`), or events that a route could make nothing of (`evt_…`)
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
    from: LookArg,
}

pub(super) fn release(args: &ReleaseArgs) -> Exit {
    let body = body(&args.ids, &args.meant, &[("all", args.all), ("unknown", args.unknown)], &[]);
    sent(&args.meant, "/release", body, |body| {
        match (body["deliveries"].as_u64().unwrap_or(0), body["dry_run"] == true) {
            (1, true) => "1 delivery would go on".to_owned(),
            (1, false) => "1 delivery goes on".to_owned(),
            (more, true) => format!("{more} deliveries would go on"),
            (more, false) => format!("{more} deliveries go on"),
        }
    })
}

pub(super) fn dismiss(args: &DismissArgs) -> Exit {
    let body = body(&args.ids, &args.meant, &[("all", args.all)], &[("state", &args.state), ("note", &args.note)]);
    sent(&args.meant, "/dismiss", body, |body| {
        let done = if body["dry_run"] == true { "would be dismissed" } else { "dismissed" };
        let counted = |key: &str, one: &str, more: &str| match body[key].as_u64().unwrap_or(0) {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {more}")),
        };
        let counted = [counted("deliveries", "delivery", "deliveries"), counted("events", "event", "events")];
        let counted: Vec<String> = counted.into_iter().flatten().collect();
        let what = if counted.is_empty() { "0 deliveries".to_owned() } else { counted.join(" and ") };
        format!("{what} {done}")
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

fn sent(meant: &Meant, path: &str, body: String, told: impl Fn(&Value) -> String) -> Exit {
    let show = |body: &Value| {
        line(told(body));
        let texts = |key: &str| body[key].as_array().into_iter().flatten().filter_map(Value::as_str);
        texts("ids").take(MOST_SHOWN).for_each(|id| line(format!("  {id}")));
        match texts("ids").count().saturating_sub(MOST_SHOWN) {
            0 => {}
            more => line(format!("  … and {more} more")),
        }
        texts("asked_again").for_each(|name| line(format!("  `{name}` waits no longer: it is tried now")));
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
    match meant.from.post(path, body) {
        Ok(answer) => {
            let named = Named { route: &meant.route, source: &None, connection: &meant.connection };
            unknown::warn(&meant.from, &answer, &["deliveries", "events"], &named);
            answered(answer, meant.format.format, show)
        }
        Err(exit) => exit,
    }
}
