//! The calls of a delivery that has several, one after another.

use std::time::Duration;

use super::DryRun;
use super::table::printable;
use super::text::show_call;
use crate::cli::terminal::{self, BOLD, DIM, GREEN, line, paint};
use crate::diagnostic::text::count_of;
use crate::plan::{Known, Plan, Preview};

pub(super) fn show(run: &DryRun<'_>, plan: &Plan) {
    let steps = plan.preview(&run.compiled.set, &run.settings.names);
    if steps.len() > 1 {
        line(format!("  {}, each when the one before it is done", count_of(steps.len(), "call")));
    }
    for (number, step) in (1..).zip(&steps) {
        line("");
        line(format!("  {}", paint(BOLD, &title(number, step))));
        show_step(run, step);
    }
}

/// `step 2 calls omnivibe.create_conversation, unless {{ conversation_id }}`
fn title(number: usize, step: &Preview) -> String {
    let conditions: String = step.conditions.iter().map(|condition| format!(", {condition}")).collect();
    printable(&format!("step {number} calls {}{conditions}", step.to))
}

fn show_step(run: &DryRun<'_>, step: &Preview) {
    match &step.state {
        Known::Whole(request) => {
            show_call(run, request);
            if request.body.is_some() {
                line(format!("  {}", paint(GREEN, &format!("the body passes the schema of {}", request.to))));
            }
        }
        Known::Partly(request) => {
            show_call(run, request);
            let help =
                "what stands between ‹ and › is known when that step is done; `--set name=value` gives it a value";
            line(format!("  {}", paint(DIM, help)));
        }
        Known::Skipped => line("  not made: its condition says so"),
        Known::Fails(problem) => {
            line("");
            terminal::diagnostics(std::slice::from_ref(problem), &run.compiled.documents);
        }
    }
    if !step.saves.is_empty() {
        line(format!("  saves {}", step.saves.join(", ")));
    }
    if let Some((key, period)) = &step.remembered {
        line(printable(&format!(
            "  remembered for {} by `{key}`: an event with the same makes no such call",
            span(*period)
        )));
    }
}

/// `30d`, as it is written.
fn span(period: Duration) -> String {
    let seconds = period.as_secs();
    let units = [(86_400, "d"), (3600, "h"), (60, "m")];
    let fitting = units.into_iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit));
    fitting.map_or_else(|| format!("{seconds}s"), |(unit, letter)| format!("{}{letter}", seconds / unit))
}
