//! A request through one route offline, step by step, with the reason for each: the data of a dry run. The terminal prints it,
//! and the page shows it.

mod given;
pub mod handshake;
pub mod input;
mod tree;

use std::path::Path;
use std::sync::Arc;

use crate::clock::{Clock, Timestamp};
use crate::compile::{Compiled, Documents, captured};
use crate::diagnostic::{Diagnostic, suggest};
use crate::event::{Event, RawRequest};
use crate::path::Location;
use crate::pipeline::{self, Prepared, RouteResult, Trace};
use crate::plan::{Known, Plan};
use crate::route::{Lookup, Route, RouteSet};
use crate::secret::MASK;
use crate::source::Source;
use crate::test_case;
use crate::value::Value;
use crate::verify::VerifyError;
pub use given::{Settings, Shown};
pub use input::Input;

/// What is wanted of a dry run.
pub struct Asked<'a> {
    /// Whether the request is from whom it should be is left aside.
    pub no_verify: bool,
    /// Values that are set otherwise: `name=value`.
    pub set: &'a [String],
    /// The folder of the workspace.
    pub root: &'a Path,
}

/// What a dry run found.
pub struct DryRun<'c> {
    pub compiled: &'c Compiled,
    pub route: Arc<Route>,
    pub source: Arc<Source>,
    pub input: Input,
    pub verification: Verification,
    pub unserved: Option<Unserved>,
    pub settings: Settings,
    pub events: Vec<Run>,
}

/// One event of the request.
pub struct Run {
    pub event: Event,
    /// Where it stands in the request, after `split`.
    pub part: Option<Location>,
    pub trace: Trace,
    /// Of a fallback: the routes that take the event before it.
    pub takers: Vec<String>,
}

/// Why the server does something else with the request than what is shown.
pub enum Unserved {
    /// It has too much of something.
    TooLarge(String),
    /// It comes to another path, which is right where a proxy makes this one of it.
    Elsewhere(String),
    /// The same, and the address that is signed is not the one that the server knows.
    Unsigned(String),
}

/// Whether the request is from whom it should be.
pub enum Verification {
    /// It was not asked for.
    NotAsked,
    /// There is nothing to verify it by.
    OnlyBody,
    Passed(String),
    /// Last, whether it would pass without the line break at the end of the file.
    Failed(String, VerifyError, bool),
}

/// Says what is wrong with a body that can't be read, so that no event comes of it.
pub fn unreadable(compiled: &Compiled, route: &Route, input: &Input) -> Option<(Diagnostic, Documents)> {
    let source = compiled.set.sources.get(&route.source)?;
    let (problem, document) = captured::unreadable(&compiled.set, source, &input.name, &input.bytes)?;
    Some((problem, Documents([(document.file.clone(), Arc::new(document))].into())))
}

/// Runs a request through one route, and gathers why each step came out as it did. Fails with why there is nothing to run.
pub fn dry_run<'c>(
    compiled: &'c Compiled,
    route: Arc<Route>,
    input: Input,
    asked: &Asked<'_>,
) -> Result<DryRun<'c>, String> {
    let source = compiled.set.sources.get(&route.source).cloned();
    let source = source.ok_or_else(|| format!("the source of `{}` does not compile", route.name))?;
    let set = &compiled.set;
    let sent = test_case::sent_at(&source, &input.raw, &set.public_url, &params(compiled, &input.raw));
    let now = sent.unwrap_or_else(|| Clock::System.now());
    let verification = verification(asked, compiled, &source, &input, now);
    let unserved = unserved(set, &source, &input, &verification);
    let mut events = test_case::events(&compiled.set, &source, input.raw.clone(), now).map_err(|message| {
        let other = elsewhere(&compiled.set, &source, &input.raw);
        format!("{message}{other}{}", instead(compiled, &route, &source, &input, asked.root))
    })?;
    let parts = parts(&source, &events);
    let settings = given::apply(asked.set, &route, &mut events)?;
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
    let known = input::advice(compiled, route, root).map(|known| format!("{known}; or, "));
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

fn params(compiled: &Compiled, raw: &RawRequest) -> Value {
    match compiled.set.find(&raw.method, compiled.set.meant(raw.path())) {
        Lookup::Found(_, params) => params,
        Lookup::WrongMethod(_) | Lookup::Nothing => Value::Null,
    }
}

fn verification(
    asked: &Asked<'_>,
    compiled: &Compiled,
    source: &Source,
    input: &Input,
    now: Timestamp,
) -> Verification {
    let raw = &input.raw;
    match (asked.no_verify, input.is_bare()) {
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
    pub fn is_good(&self) -> bool {
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

    pub fn file(&self) -> &str {
        &self.route.place.file
    }

    /// What keeps the route from going live, though it can be tried.
    pub fn problems_of_file(&self) -> Vec<Diagnostic> {
        let own = |problem: &&Diagnostic| {
            problem.is_error() && problem.place().is_some_and(|place| *place.file == *self.file())
        };
        self.compiled.diagnostics.iter().filter(own).cloned().collect()
    }

    /// For programs.
    pub fn to_json(&self) -> String {
        tree::of(self)
    }

    /// The address of a connection, without a login that stands in it.
    pub fn base_url(&self, connection: &str) -> String {
        let url = self.compiled.set.connections.get(connection).map_or("", |connection| &connection.base_url);
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        match host.rsplit_once('@') {
            Some((_, host)) => format!("{scheme}://{MASK}@{host}{path}"),
            None => url.to_owned(),
        }
    }
}
