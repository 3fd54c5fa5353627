//! `jackfield dry-run`: the whole route offline, step by step.

mod handshake;
mod input;
mod origin;
mod steps;
mod table;
mod text;
mod why;

use std::sync::Arc;

use super::terminal;
use super::{DryRunArgs, DryRunFormat, Exit, route_name};
use crate::compile::Compiled;
use crate::diagnostic::text::count_of;
use crate::diagnostic::{Code, Diagnostic, json, suggest};
use crate::load;
use crate::pipeline::{Prepared, RouteResult, Taken};
use crate::plan::{Known, Plan};
use crate::route::Route;
use crate::trace::handshake as shaken;
use crate::trace::{self, Asked, DryRun, Input, Run, Unserved, Verification};

pub(super) fn run(args: &DryRunArgs) -> Exit {
    let root = args.workspace.root(Some(&args.route));
    // A test that fails is a reason for a dry run, not against it.
    let compiled = load::compile(&root, &load::Options { tests: false, ..load::Options::offline() });
    let Some(route) = find_route(&compiled, &args.route) else { return no_route(&compiled, &args.route) };
    let input = input::read(args.request.as_deref(), &compiled, &route, &root);
    if let Some(asked) = input.as_ref().ok().and_then(|input| shaken::asked(&compiled, &route, input, args.no_verify)) {
        return handshake::show(&asked, args.format);
    }
    if let Some(exit) = input.as_ref().ok().and_then(|input| unreadable(args, &compiled, &route, input)) {
        return exit;
    }
    let asked = Asked { no_verify: args.no_verify, set: &args.set, root: &root };
    let dry_run = match input.and_then(|input| trace::dry_run(&compiled, route, input, &asked)) {
        Ok(dry_run) => dry_run,
        Err(message) => {
            terminal::error_line(message);
            return Exit::UsedWrongly;
        }
    };
    match args.format {
        DryRunFormat::Text => text::show(&dry_run),
        DryRunFormat::Json => terminal::line(dry_run.to_json()),
        DryRunFormat::Curl => show_curl(&dry_run),
    }
    let mut problems = dry_run.problems_of_file();
    let all = problems.len();
    problems.retain(|problem| problem.code != Code::UnconfirmedGuess);
    if all > problems.len() {
        terminal::error_line(format!(
            "{} of {} to be confirmed: delete `guess` where the value is right",
            count_of(all - problems.len(), "guess"),
            dry_run.file()
        ));
    }
    if !problems.is_empty() {
        terminal::error_line(format!("`check` finds problems in {}, and the route can't go live:", dry_run.file()));
        terminal::error_diagnostics(&problems, &compiled.documents);
    }
    if dry_run.is_good() && all == 0 { Exit::Fine } else { Exit::ProblemsFound }
}

/// Says what is wrong with a body that can't be read, so that no event comes of it.
fn unreadable(args: &DryRunArgs, compiled: &Compiled, route: &Route, input: &Input) -> Option<Exit> {
    let (problem, documents) = trace::unreadable(compiled, route, input)?;
    match args.format {
        DryRunFormat::Json => terminal::line(serde_json::json!({
            "route": &*route.name,
            "request": input.name.as_str(),
            "problem": json::render(&problem, &documents),
        })),
        DryRunFormat::Text | DryRunFormat::Curl => terminal::error_diagnostics(&[problem], &documents),
    }
    Some(Exit::ProblemsFound)
}

fn find_route(compiled: &Compiled, name: &str) -> Option<Arc<Route>> {
    compiled.set.route(name).or_else(|| compiled.set.route(route_name(name))).cloned()
}

/// The route does not exist, or does not compile; then its problems are what is of interest.
fn no_route(compiled: &Compiled, name: &str) -> Exit {
    let bare = route_name(name);
    let is_there = compiled.documents.0.contains_key(format!("routes/{bare}.yaml").as_str());
    let problems: Vec<Diagnostic> = compiled.diagnostics.iter().filter(|d| d.is_error()).cloned().collect();
    if !problems.is_empty() && (is_there || compiled.set.all_routes().next().is_none()) {
        terminal::error_diagnostics(&problems, &compiled.documents);
        return Exit::ProblemsFound;
    }
    let names: Vec<String> = compiled.set.all_routes().map(|route| route.name.to_string()).collect();
    let help = suggest::did_you_mean(bare, names.iter().map(String::as_str)).unwrap_or_default();
    terminal::error_line(format!("there is no route `{name}`; {help}"));
    Exit::UsedWrongly
}

/// Every request as a `curl` command; why there is none goes to standard error.
fn show_curl(run: &DryRun<'_>) {
    for (number, event) in run.events.iter().enumerate() {
        match &event.trace.routed.result {
            RouteResult::Taken(taken) => show_curl_of(run, number + 1, taken),
            RouteResult::Failed(problem) => show_error(run, problem),
            RouteResult::NotMatched | RouteResult::NotNeeded => {
                terminal::error_line(format!("event {}: `match` does not hold, so no request is made", number + 1));
            }
        }
    }
}

fn show_curl_of(run: &DryRun<'_>, event: usize, taken: &Taken) {
    for (number, send) in taken.sends.iter().enumerate() {
        match send {
            Prepared::Ready(request) => terminal::line(request.to_curl(&run.base_url(&request.connection))),
            Prepared::Planned(plan) => show_curl_of_steps(run, plan),
            Prepared::Failed(problem) => show_error(run, problem),
            Prepared::Skipped => {
                let number = number + 1;
                terminal::error_line(format!("event {event}, request {number}: its `when` does not hold"));
            }
        }
    }
}

/// Each call that is made for certain, with what is to come where it stands.
fn show_curl_of_steps(run: &DryRun<'_>, plan: &Plan) {
    for step in plan.preview(&run.compiled.set, &run.settings.names) {
        match &step.state {
            Known::Whole(request) | Known::Partly(request) => {
                terminal::line(request.to_curl(&run.base_url(&request.connection)));
            }
            Known::Fails(problem) => show_error(run, problem),
            Known::Skipped => terminal::error_line(format!("`{}` is not made: its condition says so", step.to)),
        }
    }
}

fn show_error(run: &DryRun<'_>, problem: &Diagnostic) {
    terminal::error_diagnostics(std::slice::from_ref(problem), &run.compiled.documents);
}
