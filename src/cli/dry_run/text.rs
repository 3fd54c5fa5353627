//! A dry run for people.

use super::{DryRun, Verification};
use crate::cli::terminal::{self, BOLD, DIM, GREEN, RED, line, paint};
use crate::diagnostic::Diagnostic;
use crate::event::Event;
use crate::pipeline::{Prepared, RouteResult, Routed, Taken};
use crate::request::{Request, masked};

pub(super) fn show(run: &DryRun<'_>) {
    row("route", &run.route.name);
    let methods: Vec<&str> = run.source.methods.iter().map(|method| &**method).collect();
    row("source", &format!("{} /hooks{}", methods.join(", "), run.source.path));
    row("verified", &verified(&run.verification));
    let count = run.events.len();
    for (number, (event, routed)) in run.events.iter().enumerate() {
        if count > 1 {
            line("");
            line(paint(BOLD, &format!("event {} of {count}", number + 1)));
        }
        show_event(run, event, routed);
    }
}

fn row(label: &str, text: &str) {
    line(format!("{} {text}", paint(DIM, &format!("{label:<10}"))));
}

fn verified(verification: &Verification) -> String {
    match verification {
        Verification::NotAsked => "not asked".to_owned(),
        Verification::Passed(how) => format!("{}, {how}", paint(GREEN, "yes")),
        Verification::Failed(how, error) => {
            format!("{}, {how}: {error}; `serve` would refuse this request with 401", paint(RED, "no"))
        }
    }
}

fn show_event(run: &DryRun<'_>, event: &Event, routed: &Routed) {
    row("payload", "");
    indented(&event.payload.to_json_pretty(), 2);
    let matcher = run.route.matcher.as_ref().map(|matcher| matcher.template.text());
    match &routed.result {
        RouteResult::NotMatched | RouteResult::NotNeeded => {
            row("match", &format!("{}   {}", paint(RED, "no"), matcher.unwrap_or_default()));
            line("The route does not take this event, and makes no request.");
        }
        RouteResult::Failed(problem) => show_problem(run, problem),
        RouteResult::Taken(taken) => {
            row(
                "match",
                &format!("{}  {}", paint(GREEN, "yes"), matcher.unwrap_or("the route takes every event of its source")),
            );
            show_taken(run, taken);
        }
    }
}

fn show_taken(run: &DryRun<'_>, taken: &Taken) {
    if !taken.names.is_empty() {
        row("extract", "");
    }
    let widest = taken.names.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, found) in &taken.names {
        let text = match found {
            None => "absent".to_owned(),
            Some(found) => {
                let from = found.path.as_deref().map_or_else(|| "the default".to_owned(), str::to_owned);
                format!("{}   {}", found.value.to_json(), paint(DIM, &from))
            }
        };
        line(format!("  {name:<widest$}  {text}"));
    }
    for (label, value) in [("identity", &taken.identity), ("lane", &taken.lane)] {
        if let Some(value) = value {
            // It came in with the event, and may be meant for the terminal.
            row(label, &value.replace(char::is_control, "\u{fffd}"));
        }
    }
    for (position, prepared) in taken.sends.iter().enumerate() {
        line("");
        let to = run.route.sends.get(position).map_or("", |send| &send.to);
        line(paint(BOLD, &format!("request {} to {to}", position + 1)));
        match prepared {
            Prepared::Ready(request) => show_request(run, request),
            Prepared::Skipped => line("  not made: its `when` does not hold"),
            Prepared::Failed(problem) => show_problem(run, problem),
        }
    }
}

fn show_request(run: &DryRun<'_>, request: &Request) {
    line(format!("  {} {}{}", request.method, run.base_url(&request.connection), masked(&request.path)));
    for header in &request.headers {
        line(format!("  {}: {}", header.name, masked(&header.value)));
    }
    if let Some(body) = &request.body {
        line("");
        indented(&body.to_json_pretty(), 2);
        line("");
        line(format!("  {}", paint(GREEN, &format!("the body passes the schema of {}", request.to))));
    }
}

fn show_problem(run: &DryRun<'_>, problem: &Diagnostic) {
    line("");
    terminal::diagnostics(std::slice::from_ref(problem), &run.compiled.documents);
}

fn indented(text: &str, by: usize) {
    for part in text.lines() {
        line(format!("{:by$}{part}", ""));
    }
}
