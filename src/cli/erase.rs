//! `jackfield erase`: forgets for good what is known of a person.

use std::io::{BufRead, IsTerminal};

use clap::Args;
use serde_json::{Value, json};

use super::Exit;
use super::ask::{Answer, LookArg};
use super::deliveries::{FormatArg, Shown, answered};
use super::terminal::{error_line, line};

#[derive(Debug, Args)]
pub(super) struct EraseArgs {
    /// Whatever holds this: a whole phone number however it is written, an e-mail address, a number or code of one person
    #[arg(long, value_name = "TEXT", required_unless_present = "event")]
    value: Option<String>,
    /// This event, as `evt_…`; may be said several times
    #[arg(long, value_name = "EVENT")]
    event: Vec<String>,
    /// Only count what would be erased
    #[arg(long)]
    dry_run: bool,
    /// Erase without asking
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    #[command(flatten)]
    format: FormatArg,
    #[command(flatten)]
    from: LookArg,
}

pub(super) fn run(args: &EraseArgs) -> Exit {
    if args.yes {
        return sent(args, false, told);
    }
    let counted = match args.from.post("/erase", body(args, true)) {
        Ok(counted) => counted,
        Err(exit) => return exit,
    };
    if args.dry_run || counted.status != 200 {
        return answered(counted, args.format.format, would);
    }
    let counts: Value = serde_json::from_slice(&counted.body).unwrap_or_default();
    if is_nothing(&counts) || args.format.format == Shown::Json {
        return unasked(counted, args.format.format);
    }
    would(&counts);
    match is_wanted() {
        Some(true) => sent(args, false, told),
        Some(false) => {
            line("nothing is erased");
            Exit::Fine
        }
        None => {
            error_line("nobody can be asked here: add --yes to erase, or --dry-run to count");
            Exit::UsedWrongly
        }
    }
}

fn is_nothing(counts: &Value) -> bool {
    ["events", "remembered"].into_iter().all(|key| counts[key].as_u64().unwrap_or(0) == 0)
}

/// Says what was counted, where nobody is asked.
fn unasked(counted: Answer, format: Shown) -> Exit {
    if format == Shown::Json {
        error_line("add --yes to erase, or --dry-run to count");
        return Exit::UsedWrongly;
    }
    answered(counted, format, would)
}

fn sent(args: &EraseArgs, dry_run: bool, show: impl FnOnce(&Value)) -> Exit {
    match args.from.post("/erase", body(args, dry_run)) {
        Ok(answer) => answered(answer, args.format.format, show),
        Err(exit) => exit,
    }
}

fn body(args: &EraseArgs, dry_run: bool) -> String {
    let mut body = json!({ "dry_run": dry_run });
    if let Some(value) = &args.value {
        body["value"] = json!(value);
    }
    if !args.event.is_empty() {
        body["ids"] = json!(args.event);
    }
    body.to_string()
}

/// Nothing where nobody sits at the terminal.
fn is_wanted() -> Option<bool> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return None;
    }
    line("erase this for good? Type yes:");
    let mut said = String::new();
    input.lock().read_line(&mut said).ok()?;
    Some(said.trim().eq_ignore_ascii_case("yes"))
}

fn number(body: &Value, key: &str) -> u64 {
    body[key].as_u64().unwrap_or(0)
}

fn counted(count: u64, one: &str, more: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {more}") }
}

fn what(body: &Value) -> String {
    let (events, deliveries) = (number(body, "events"), number(body, "deliveries"));
    format!("{} and {}", counted(events, "event", "events"), counted(deliveries, "delivery", "deliveries"))
}

fn would(body: &Value) {
    if is_nothing(body) {
        line("nothing is known of this");
        return;
    }
    line(format!("would be erased: {}", what(body)));
    match number(body, "withdrawn") {
        0 => {}
        count => line(format!("  {} not gone out yet, and would be withdrawn", counted(count, "has", "have"))),
    }
    match number(body, "remembered") {
        0 => {}
        count => line(format!("  {} of steps would be forgotten", counted(count, "result", "results"))),
    }
}

fn told(body: &Value) {
    if is_nothing(body) {
        line("nothing is known of this");
        return;
    }
    line(format!("erased: {}", what(body)));
    match number(body, "withdrawn") {
        0 => {}
        count => line(format!("  {} not gone out yet: withdrawn", counted(count, "had", "had"))),
    }
    match number(body, "under_way") {
        0 => {}
        count => {
            line(format!("  {} being sent at that moment: the provider may have it", counted(count, "was", "were")))
        }
    }
    match number(body, "remembered") {
        0 => {}
        count => line(format!("  {} of steps forgotten", counted(count, "result", "results"))),
    }
    line("  backups made before still have it, and so do the providers");
}
