//! A dry run for people.

use super::table::{Layout, Row, printable, show as show_rows};
use super::{DryRun, Run, Unserved, Verification, origin, steps, why};
use crate::cli::terminal::{self, BOLD, DIM, GREEN, RED, line, paint};
use crate::diagnostic::Diagnostic;
use crate::event::RawRequest;
use crate::pipeline::{FieldOrigin, Part, Prepared, RouteResult, SendTrace, Taken};
use crate::request::{Request, masked};
use crate::route::Send;
use crate::secret::MASK;
use crate::test_case::ending;
use crate::trace::Shown;

const NAMES: Layout = Layout { indent: 2, labels: (0, 34), cut: true };
const LINES: Layout = Layout { indent: 0, labels: (9, 9), cut: false };

pub(super) fn show(run: &DryRun<'_>) {
    row("route", &run.route.name);
    let methods: Vec<&str> = run.source.methods.iter().map(|method| &**method).collect();
    match run.source.path.is_empty() {
        true => row("source", "Jackfield itself"),
        false => row("source", &format!("{} {}{}", methods.join(", "), run.compiled.set.prefix, run.source.path)),
    }
    let test = if run.input.of_test { ", of the route's first test" } else { "" };
    row("request", &format!("{}{test}", run.input.name));
    row("verified", &verified(run));
    match &run.unserved {
        Some(Unserved::TooLarge(why) | Unserved::Unsigned(why)) => row("refused", &paint(RED, why)),
        Some(Unserved::Elsewhere(why)) => row("path", why),
        None => {}
    }
    run.settings.shown.iter().for_each(show_set);
    let count = run.events.len();
    for (number, event) in run.events.iter().enumerate() {
        if count > 1 {
            line("");
            let at = event.part.as_ref().map(|at| format!(", {at} of the envelope")).unwrap_or_default();
            line(paint(BOLD, &format!("event {} of {count}{at}", number + 1)));
        }
        show_event(run, event);
    }
}

pub(super) fn row(label: &str, text: &str) {
    match text {
        "" => line(paint(DIM, label)),
        text => line(format!("{} {text}", paint(DIM, &format!("{label:<10}")))),
    }
}

fn verified(run: &DryRun<'_>) -> String {
    match &run.verification {
        Verification::NotAsked => "not asked (`--no-verify`)".to_owned(),
        Verification::OnlyBody => match run.input.name.as_str() {
            "standard input" => "not verified: it holds a body only".to_owned(),
            _ => "not verified: the file holds a body only".to_owned(),
        },
        Verification::Passed(how) => format!("{}, {how}", paint(GREEN, "yes")),
        Verification::Failed(how, _, _) if is_masked(&run.input.raw) => format!(
            "{}, {how}: `{MASK}` stands where the proof stood when the request was captured; `--no-verify` leaves it out",
            paint(RED, "no")
        ),
        Verification::Failed(how, error, ending) => {
            let why = if *ending { format!("; {}", ending::ADVICE) } else { String::new() };
            format!("{}, {how}: {error}; `serve` would refuse this request with 401{why}", paint(RED, "no"))
        }
    }
}

/// Whether a secret was covered in a request when it was written into a file.
fn is_masked(raw: &RawRequest) -> bool {
    raw.target.contains(MASK)
        || raw.headers.iter().any(|(_, value)| value.contains(MASK))
        || raw.body.windows(MASK.len()).any(|part| part == MASK.as_bytes())
}

fn show_set(shown: &Shown) {
    let mut text = match &shown.value {
        Some(value) => format!("{} = {}", shown.name, value.to_json()),
        None => format!("{} absent", shown.name),
    };
    match (&shown.before, shown.nearby.as_slice()) {
        (Some(before), _) => text.push_str(&format!(", was {}", before.to_json())),
        (None, []) => {}
        (None, near) => text.push_str(&format!(", was absent; the payload has {}", near.join(", "))),
    }
    row("set by you", &printable(&text));
}

fn show_event(run: &DryRun<'_>, event: &Run) {
    row("payload", "");
    indented(&event.event.payload.to_json_pretty());
    if !event.takers.is_empty() {
        let takers = event.takers.join("`, `");
        row(
            "fallback",
            &format!("{}   `{takers}` takes this event; what follows is for when none does", paint(RED, "no")),
        );
    }
    show_match(run, event);
    show_extracts(run, event);
    match &event.trace.routed.result {
        RouteResult::NotMatched | RouteResult::NotNeeded => {
            line("The route does not take this event, and makes no request.");
        }
        RouteResult::Failed(problem) => show_problems(run, event, problem),
        RouteResult::Taken(taken) => show_taken(run, event, taken),
    }
}

fn show_match(run: &DryRun<'_>, event: &Run) {
    let Some((matcher, explained)) = run.route.matcher.as_ref().zip(event.trace.matcher.as_ref()) else {
        row("match", &format!("{}   the route takes every event of its source", paint(GREEN, "yes")));
        return;
    };
    why::show("match      ", matcher, explained);
}

fn show_extracts(run: &DryRun<'_>, event: &Run) {
    if event.trace.extracts.is_empty() {
        return;
    }
    row("extract", "");
    let each = run.route.extracts.iter().zip(&event.trace.extracts);
    let rows: Vec<Row> = each.map(|(extract, traced)| origin::extract_row(extract, traced)).collect();
    show_rows(&rows, NAMES);
}

fn show_taken(run: &DryRun<'_>, event: &Run, taken: &Taken) {
    let texts = [("identity", &event.trace.identity, &taken.identity), ("lane", &event.trace.lane, &taken.lane)];
    let rows: Vec<Row> = texts
        .into_iter()
        .filter_map(|(label, origin, text)| {
            let mut row = origin::origin_row(run, label.to_owned(), origin.as_ref()?, true);
            row.value = text.as_deref().map_or("none".to_owned(), printable);
            if label == "identity" && text.is_none() {
                row.notes.push("so this event is new, also when it is sent twice".into());
            }
            Some(row)
        })
        .collect();
    show_rows(&rows, LINES);
    let each = run.route.sends.iter().zip(&taken.sends).zip(&event.trace.sends);
    for (position, ((send, prepared), trace)) in each.enumerate() {
        line("");
        line(paint(BOLD, &format!("request {} to {}", position + 1, send.to)));
        show_send(run, send, prepared, trace);
    }
}

fn show_send(run: &DryRun<'_>, send: &Send, prepared: &Prepared, trace: &SendTrace) {
    if let Some((when, explained)) = send.when.as_ref().zip(trace.when.as_ref()) {
        why::show("  when  ", when, explained);
    }
    match prepared {
        Prepared::Ready(request) => show_request(run, request),
        Prepared::Planned(plan) => steps::show(run, plan),
        Prepared::Skipped => line("  not made: its `when` does not hold"),
        Prepared::Failed(problem) => show_problem(run, problem),
    }
    show_fields(run, &trace.fields);
}

fn show_request(run: &DryRun<'_>, request: &Request) {
    show_call(run, request);
    if request.body.is_some() {
        line(format!("  {}", paint(GREEN, &format!("the body passes the schema of {}", request.to))));
    }
    line("");
}

/// The address, the headers and the body of a call.
pub(super) fn show_call(run: &DryRun<'_>, request: &Request) {
    line(format!("  {} {}{}", request.method, run.base_url(&request.connection), masked(&request.path)));
    for header in &request.headers {
        line(format!("  {}: {}", header.name, masked(&header.value)));
    }
    if let Some(body) = &request.body {
        line("");
        indented(&body.to_json_pretty());
        line("");
    }
}

/// The body first, then what stands around it.
fn show_fields(run: &DryRun<'_>, fields: &[FieldOrigin]) {
    if fields.is_empty() {
        return;
    }
    line(format!("  {}", paint(DIM, &format!("where each value is from, by lines of {}", run.route.place.file))));
    let (body, around): (Vec<_>, Vec<_>) = fields.iter().partition(|field| field.part == Part::Body);
    let rows: Vec<Row> = body.into_iter().chain(around).map(|field| origin::field_row(run, field)).collect();
    show_rows(&rows, Layout { indent: 4, ..NAMES });
}

/// Why the route made nothing of the event; where names fail, each of them, though the first has ended it.
fn show_problems(run: &DryRun<'_>, event: &Run, first: &Diagnostic) {
    let of_names = event.trace.extracts.iter().filter_map(|traced| traced.outcome.as_ref().err());
    let of_names: Vec<Diagnostic> = of_names.map(|problem| Diagnostic::clone(problem)).collect();
    line("");
    let problems = if of_names.is_empty() { std::slice::from_ref(first) } else { of_names.as_slice() };
    terminal::diagnostics(problems, &run.compiled.documents);
}

fn show_problem(run: &DryRun<'_>, problem: &Diagnostic) {
    line("");
    terminal::diagnostics(std::slice::from_ref(problem), &run.compiled.documents);
}

pub(super) fn indented(text: &str) {
    printable(text).lines().for_each(|part| line(format!("  {part}")));
}
