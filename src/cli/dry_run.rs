//! `jackfield dry-run`: the whole route offline, step by step.

mod given;
mod handshake;
mod input;
mod origin;
mod steps;
mod table;
mod text;
mod tree;
mod why;

use std::path::Path;
use std::sync::Arc;

use super::terminal;
use super::{DryRunArgs, DryRunFormat, Exit, route_name};
use crate::clock::{Clock, Timestamp};
use crate::compile::{Compiled, Documents, captured};
use crate::diagnostic::text::count_of;
use crate::diagnostic::{Code, Diagnostic, json, suggest};
use crate::event::{Event, RawRequest};
use crate::load;
use crate::path::Location;
use crate::pipeline::{self, Prepared, RouteResult, Taken, Trace};
use crate::plan::{Known, Plan};
use crate::route::{Lookup, Route, RouteSet};
use crate::secret::MASK;
use crate::source::Source;
use crate::test_case;
use crate::value::Value;
use crate::verify::VerifyError;
use given::Settings;
use input::Input;

/// What a dry run found.
struct DryRun<'c> {
    compiled: &'c Compiled,
    route: Arc<Route>,
    source: Arc<Source>,
    input: Input,
    verification: Verification,
    unserved: Option<Unserved>,
    settings: Settings,
    events: Vec<Run>,
}

/// One event of the request.
struct Run {
    event: Event,
    /// Where it stands in the request, after `split`.
    part: Option<Location>,
    trace: Trace,
    /// Of a fallback: the routes that take the event before it.
    takers: Vec<String>,
}

/// Why the server does something else with the request than what is shown.
enum Unserved {
    /// It has too much of something.
    TooLarge(String),
    /// It comes to another path, which is right where a proxy makes this one of it.
    Elsewhere(String),
    /// The same, and the address that is signed is not the one that the server knows.
    Unsigned(String),
}

enum Verification {
    /// `--no-verify`
    NotAsked,
    /// There is nothing to verify it by.
    OnlyBody,
    Passed(String),
    /// Last, whether it would pass without the line break at the end of the file.
    Failed(String, VerifyError, bool),
}

pub(super) fn run(args: &DryRunArgs) -> Exit {
    let root = args.workspace.root(Some(&args.route));
    // A test that fails is a reason for a dry run, not against it.
    let compiled = load::compile(&root, &load::Options { tests: false, ..load::Options::offline() });
    let Some(route) = find_route(&compiled, &args.route) else { return no_route(&compiled, &args.route) };
    let input = input::read(args.request.as_deref(), &compiled, &route, &root);
    if let Some(asked) =
        input.as_ref().ok().and_then(|input| handshake::asked(&compiled, &route, input, args.no_verify))
    {
        return asked.show(args.format);
    }
    if let Some(exit) = input.as_ref().ok().and_then(|input| unreadable(args, &compiled, &route, input)) {
        return exit;
    }
    let dry_run = match input.and_then(|input| prepare(args, &compiled, route, input)) {
        Ok(dry_run) => dry_run,
        Err(message) => {
            terminal::error_line(message);
            return Exit::UsedWrongly;
        }
    };
    match args.format {
        DryRunFormat::Text => text::show(&dry_run),
        DryRunFormat::Json => terminal::line(tree::of(&dry_run)),
        DryRunFormat::Curl => dry_run.show_curl(),
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
    let source = compiled.set.sources.get(&route.source)?;
    let (problem, document) = captured::unreadable(&compiled.set, source, &input.name, &input.bytes)?;
    let documents = Documents([(document.file.clone(), Arc::new(document))].into());
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

fn prepare<'c>(
    args: &DryRunArgs,
    compiled: &'c Compiled,
    route: Arc<Route>,
    input: Input,
) -> Result<DryRun<'c>, String> {
    let source = compiled.set.sources.get(&route.source).cloned();
    let source = source.ok_or_else(|| format!("the source of `{}` does not compile", route.name))?;
    let set = &compiled.set;
    let sent = test_case::sent_at(&source, &input.raw, &set.public_url, &params(compiled, &input.raw));
    let now = sent.unwrap_or_else(|| Clock::System.now());
    let verification = verification(args, compiled, &source, &input, now);
    let unserved = unserved(set, &source, &input, &verification);
    let mut events = test_case::events(&compiled.set, &source, input.raw.clone(), now).map_err(|message| {
        let other = elsewhere(&compiled.set, &source, &input.raw);
        format!(
            "{message}{other}{}",
            instead(compiled, &route, &source, &input, &args.workspace.root(Some(&args.route)))
        )
    })?;
    let parts = parts(&source, &events);
    let settings = given::apply(&args.set, &route, &mut events)?;
    let traced = |(event, part): (Event, Option<Location>)| Run {
        trace: pipeline::trace(&compiled.set, &route, &event, &settings.names),
        takers: if route.fallback { takers(&compiled.set, &route, &event) } else { Vec::new() },
        part,
        event,
    };
    let events = events.into_iter().zip(parts).map(traced).collect();
    Ok(DryRun { compiled, route, source, input, verification, unserved, settings, events })
}

/// What the server would make of the request before it looks at what it holds.
fn unserved(set: &RouteSet, source: &Source, input: &Input, verification: &Verification) -> Option<Unserved> {
    let (raw, prefix) = (&input.raw, &set.prefix);
    if let Some(why) = test_case::too_large(set, source, raw) {
        return Some(Unserved::TooLarge(why));
    }
    if input.is_bare() || set.under(raw.path()).is_some() {
        return None;
    }
    let path = raw.path();
    let why = format!("`serve` takes no request at `{path}`, but at `{prefix}{path}`, which a proxy may make of it");
    match (verification, &source.public_url) {
        (Verification::Passed(_), None) if source.verify.signs_address() => Some(Unserved::Unsigned(format!(
            "{why}; then it refuses it with 401, since the address is signed: give the source the one that the sender calls, \
             `public_url: {}{path}`, or write `path_prefix: /` in jackfield.yaml",
            set.public_url
        ))),
        _ => Some(Unserved::Elsewhere(why)),
    }
}

/// Where each event stands in the whole request.
fn parts(source: &Source, events: &[Event]) -> Vec<Option<Location>> {
    let whole = events.first().map(|event| &event.envelope);
    let found = source.split.as_ref().zip(whole).map(|(split, whole)| split.select(whole, events.len()));
    let locations = found.unwrap_or_default().into_iter().map(|(location, _)| Some(location));
    locations.chain(std::iter::repeat(None)).take(events.len()).collect()
}

/// The routes that take an event before a fallback does.
fn takers(set: &RouteSet, fallback: &Route, event: &Event) -> Vec<String> {
    let all = pipeline::run(set, event);
    let needed = |result: &RouteResult| !matches!(result, RouteResult::NotMatched | RouteResult::NotNeeded);
    let others = all.iter().filter(|routed| routed.route.name != fallback.name && !routed.route.fallback);
    others.filter(|routed| needed(&routed.result)).map(|routed| routed.route.name.to_string()).collect()
}

/// For a request that goes to another path: the samples that go to the route's own, or the line to change.
fn instead(compiled: &Compiled, route: &Route, source: &Source, input: &Input, root: &Path) -> String {
    let path = compiled.set.meant(input.raw.path());
    let own = |method: &Arc<str>| matches!(compiled.set.find(method, path), Lookup::Found(found, _) if found.name == source.name);
    if own(&input.raw.method.as_str().into()) {
        return String::new();
    }
    let line = input::first_line(&compiled.set.prefix, source, &input.raw, source.methods.iter().any(own));
    let change = format!("to try it here, change line 1 of {} to `{line}`", input.name);
    let known = input::fitting(compiled, route, root).map(|known| format!("{known}; or, "));
    format!("\n{}{change}", known.unwrap_or_default())
}

/// For a request that goes to another path: the route that it was probably captured for.
fn elsewhere(set: &RouteSet, own: &Source, raw: &RawRequest) -> String {
    let path = set.meant(raw.path());
    let other = match set.find(&raw.method, path) {
        Lookup::Found(found, _) => Some(found.name.clone()),
        Lookup::WrongMethod(_) => None,
        Lookup::Nothing => {
            let paths: Vec<&str> = set.paths().map(|path| &**path).collect();
            let near = suggest::nearest(path, paths);
            set.sources.values().find(|source| Some(&*source.path) == near).map(|source| source.name.clone())
        }
    };
    let routes = other.filter(|name| *name != own.name).and_then(|name| set.routes.get(&name));
    match routes.map(Vec::as_slice) {
        Some([first, ..]) => format!("; did you mean the route `{}`?", first.name),
        _ => String::new(),
    }
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

fn params(compiled: &Compiled, raw: &RawRequest) -> Value {
    match compiled.set.find(&raw.method, compiled.set.meant(raw.path())) {
        Lookup::Found(_, params) => params,
        Lookup::WrongMethod(_) | Lookup::Nothing => Value::Null,
    }
}

fn verification(
    args: &DryRunArgs,
    compiled: &Compiled,
    source: &Source,
    input: &Input,
    now: Timestamp,
) -> Verification {
    let raw = &input.raw;
    match (args.no_verify, input.is_bare()) {
        (true, _) => return Verification::NotAsked,
        (false, true) => return Verification::OnlyBody,
        (false, false) => {}
    }
    let params = params(compiled, raw);
    let raw = Arc::new(raw.clone());
    let context = source.context(&raw, &params, &compiled.set.public_url, now);
    let how = source.verify.describe();
    match source.verify.verify(&context) {
        Ok(_) => Verification::Passed(how),
        Err(error) => {
            let ending = test_case::ending::is_to_blame(source, &raw, &params, &compiled.set.public_url, now);
            Verification::Failed(how, error, ending)
        }
    }
}

impl DryRun<'_> {
    fn is_good(&self) -> bool {
        let failed = |run: &Run| match &run.trace.routed.result {
            RouteResult::Failed(_) => true,
            RouteResult::Taken(taken) => taken.sends.iter().any(|send| match send {
                Prepared::Failed(_) => true,
                Prepared::Planned(plan) => self.is_failing(plan),
                Prepared::Ready(_) | Prepared::Skipped => false,
            }),
            RouteResult::NotMatched | RouteResult::NotNeeded => false,
        };
        let is_taken = matches!(self.unserved, None | Some(Unserved::Elsewhere(_)));
        is_taken && !matches!(self.verification, Verification::Failed(..)) && !self.events.iter().any(failed)
    }

    fn is_failing(&self, plan: &Plan) -> bool {
        let steps = plan.preview(&self.compiled.set, &self.settings.names);
        steps.iter().any(|step| matches!(step.state, Known::Fails(_)))
    }

    fn file(&self) -> &str {
        &self.route.place.file
    }

    /// What keeps the route from going live, though it can be tried.
    fn problems_of_file(&self) -> Vec<Diagnostic> {
        let own = |problem: &&Diagnostic| {
            problem.is_error() && problem.place().is_some_and(|place| *place.file == *self.file())
        };
        self.compiled.diagnostics.iter().filter(own).cloned().collect()
    }

    /// Every request as a `curl` command; why there is none goes to standard error.
    fn show_curl(&self) {
        for (number, run) in self.events.iter().enumerate() {
            match &run.trace.routed.result {
                RouteResult::Taken(taken) => self.show_curl_of(number + 1, taken),
                RouteResult::Failed(problem) => self.show_error(problem),
                RouteResult::NotMatched | RouteResult::NotNeeded => {
                    terminal::error_line(format!("event {}: `match` does not hold, so no request is made", number + 1));
                }
            }
        }
    }

    fn show_curl_of(&self, event: usize, taken: &Taken) {
        for (number, send) in taken.sends.iter().enumerate() {
            match send {
                Prepared::Ready(request) => terminal::line(request.to_curl(&self.base_url(&request.connection))),
                Prepared::Planned(plan) => self.show_curl_of_steps(plan),
                Prepared::Failed(problem) => self.show_error(problem),
                Prepared::Skipped => {
                    let number = number + 1;
                    terminal::error_line(format!("event {event}, request {number}: its `when` does not hold"));
                }
            }
        }
    }

    /// Each call that is made for certain, with what is to come where it stands.
    fn show_curl_of_steps(&self, plan: &Plan) {
        for step in plan.preview(&self.compiled.set, &self.settings.names) {
            match &step.state {
                Known::Whole(request) | Known::Partly(request) => {
                    terminal::line(request.to_curl(&self.base_url(&request.connection)));
                }
                Known::Fails(problem) => self.show_error(problem),
                Known::Skipped => terminal::error_line(format!("`{}` is not made: its condition says so", step.to)),
            }
        }
    }

    fn show_error(&self, problem: &Diagnostic) {
        terminal::error_diagnostics(std::slice::from_ref(problem), &self.compiled.documents);
    }

    /// The address of a connection, without a login that stands in it.
    fn base_url(&self, connection: &str) -> String {
        let url = self.compiled.set.connections.get(connection).map_or("", |connection| &connection.base_url);
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        match host.rsplit_once('@') {
            Some((_, host)) => format!("{scheme}://{MASK}@{host}{path}"),
            None => url.to_owned(),
        }
    }
}
