//! `jackfield dry-run`: the whole route offline, step by step.

mod text;
mod tree;

use std::io::Read;
use std::sync::Arc;

use super::terminal;
use super::{DryRunArgs, DryRunFormat, Exit};
use crate::clock::{Clock, Timestamp};
use crate::compile::Compiled;
use crate::diagnostic::{Diagnostic, suggest};
use crate::event::{Event, RawRequest, capture};
use crate::load;
use crate::pipeline::{self, Prepared, RouteResult, Routed};
use crate::route::{Lookup, Route};
use crate::source::Source;
use crate::test_case;
use crate::value::Value;
use crate::verify::{Context, VerifyError};

/// What a dry run found.
struct DryRun<'c> {
    compiled: &'c Compiled,
    route: Arc<Route>,
    source: Arc<Source>,
    verification: Verification,
    events: Vec<(Event, Routed)>,
}

enum Verification {
    /// `--no-verify`
    NotAsked,
    Passed(String),
    Failed(String, VerifyError),
}

pub(super) fn run(args: &DryRunArgs) -> Exit {
    let root = load::root_of(&args.workspace.workspace);
    let compiled = load::compile(&root, &load::Options::offline());
    let problem = |message: String| {
        terminal::error_line(message);
        Exit::UsedWrongly
    };
    let Some(route) = find_route(&compiled, &args.route) else { return no_route(&compiled, &args.route) };
    let raw = match request(args, &compiled, &route, &root) {
        Ok(raw) => raw,
        Err(message) => return problem(message),
    };
    let Some(source) = compiled.set.sources.get(&route.source).cloned() else {
        return problem(format!("the source of `{}` does not compile", route.name));
    };
    let now = signed_at(&raw).unwrap_or_else(|| Clock::System.now());
    let verification = verification(args, &compiled, &source, &raw, now);
    let events = match test_case::events(&compiled.set, &source, raw, now) {
        Ok(events) => events,
        Err(message) => return problem(message),
    };
    let events: Vec<_> = events
        .into_iter()
        .map(|event| {
            let routed = pipeline::run_one(&compiled.set, &route, &event);
            (event, routed)
        })
        .collect();
    let dry_run = DryRun { compiled: &compiled, route, source, verification, events };
    match args.format {
        DryRunFormat::Text => text::show(&dry_run),
        DryRunFormat::Json => terminal::line(tree::of(&dry_run)),
        DryRunFormat::Curl => dry_run.requests().for_each(|(_, curl)| terminal::line(curl)),
    }
    if dry_run.is_good() { Exit::Fine } else { Exit::ProblemsFound }
}

fn find_route(compiled: &Compiled, name: &str) -> Option<Arc<Route>> {
    let bare = name.trim_start_matches("./").trim_end_matches(".yaml");
    let bare = bare.rsplit_once("routes/").map_or(bare, |(_, rest)| rest);
    compiled.set.route(bare).cloned()
}

/// The route does not exist, or does not compile; then its problems are what is of interest.
fn no_route(compiled: &Compiled, name: &str) -> Exit {
    let bare = name.trim_start_matches("./").trim_end_matches(".yaml");
    let bare = bare.rsplit_once("routes/").map_or(bare, |(_, rest)| rest);
    let is_there = compiled.documents.0.contains_key(format!("routes/{bare}.yaml").as_str());
    let problems: Vec<Diagnostic> = compiled.diagnostics.iter().filter(|d| d.is_error()).cloned().collect();
    if !problems.is_empty() && (is_there || compiled.set.all_routes().next().is_none()) {
        terminal::error_diagnostics(&problems, &compiled.documents);
        return Exit::ProblemsFound;
    }
    let names: Vec<String> = compiled.set.all_routes().map(|route| route.name.to_string()).collect();
    let help = suggest::did_you_mean(name, names.iter().map(String::as_str)).unwrap_or_default();
    terminal::error_line(format!("there is no route `{name}`; {help}"));
    Exit::UsedWrongly
}

fn request(
    args: &DryRunArgs,
    compiled: &Compiled,
    route: &Route,
    root: &std::path::Path,
) -> Result<RawRequest, String> {
    let bytes = match args.request.as_deref() {
        Some("-") => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).map_err(|error| format!("standard input: {}", error.kind()))?;
            bytes
        }
        Some(file) => {
            let here = std::fs::read(file);
            // As in a route's tests, a path may also be relative to the workspace.
            here.or_else(|_| load::read_inside(root, file))
                .map_err(|error| format!("`{file}` can't be read: {}", error.kind()))?
        }
        None => {
            let test = compiled.tests.iter().find(|test| test.route == route.name);
            let test = test.ok_or("the route has no test to take a request from; name one with `--request FILE`")?;
            load::read_inside(root, &test.request)
                .map_err(|error| format!("`{}` can't be read: {}", test.request, error.kind()))?
        }
    };
    capture::parse(&bytes).map_err(|error| error.to_string())
}

/// A captured request is verified at the time when it was signed, since it is old by now.
fn signed_at(raw: &RawRequest) -> Option<Timestamp> {
    let stamp = raw.headers.iter().find(|(name, _)| name.ends_with("timestamp")).map(|(_, value)| value)?;
    let number: i64 = stamp.trim().parse().ok()?;
    Some(if number > 100_000_000_000 { Timestamp(number) } else { Timestamp::from_seconds(number) })
}

fn verification(
    args: &DryRunArgs,
    compiled: &Compiled,
    source: &Source,
    raw: &RawRequest,
    now: Timestamp,
) -> Verification {
    if args.no_verify || raw.target == "/" {
        return Verification::NotAsked;
    }
    let path = raw.path().strip_prefix("/hooks").unwrap_or_default();
    let params = match compiled.set.find(&raw.method, path) {
        Lookup::Found(_, params) => params,
        Lookup::WrongMethod(_) | Lookup::Nothing => Value::Null,
    };
    let context = Context { public_url: &compiled.set.public_url, now, format: source.format, params: &params };
    let how = source.verify.describe();
    match source.verify.verify(Arc::new(raw.clone()), &context) {
        Ok(_) => Verification::Passed(how),
        Err(error) => Verification::Failed(how, error),
    }
}

impl DryRun<'_> {
    fn is_good(&self) -> bool {
        let failed = |routed: &Routed| match &routed.result {
            RouteResult::Failed(_) => true,
            RouteResult::Taken(taken) => taken.sends.iter().any(|send| matches!(send, Prepared::Failed(_))),
            RouteResult::NotMatched | RouteResult::NotNeeded => false,
        };
        !matches!(self.verification, Verification::Failed(..)) && !self.events.iter().any(|(_, routed)| failed(routed))
    }

    /// Every request, with its `curl` command.
    fn requests(&self) -> impl Iterator<Item = (&crate::request::Request, String)> {
        self.events
            .iter()
            .filter_map(|(_, routed)| match &routed.result {
                RouteResult::Taken(taken) => Some(&taken.sends),
                _ => None,
            })
            .flatten()
            .filter_map(|send| match send {
                Prepared::Ready(request) => Some((&**request, request.to_curl(self.base_url(&request.connection)))),
                _ => None,
            })
    }

    fn base_url(&self, connection: &str) -> &str {
        self.compiled.set.connections.get(connection).map_or("", |connection| &connection.base_url)
    }
}
