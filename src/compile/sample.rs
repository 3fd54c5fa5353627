//! The samples of a workspace, for what a payload is known to hold: names that none of them has and that resemble
//! one that they have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Compiler;
use crate::clock::Timestamp;
use crate::diagnostic::{Code, Diagnostic, On, Place, suggest};
use crate::event::{Event, capture};
use crate::extract::{Extract, is_nothing};
use crate::path::{self, Location, Path, Step};
use crate::route::{Lookup, Placed, Route, RouteSet};
use crate::template::{Scope, Template, Use};
use crate::test_case::{self, Difference, TestCase};
use crate::value::Value;

const IDENTITY: &str = "without an identity every event is new, also one that is sent twice: take it from a field that \
                        the sender always sends";
const LANE: &str = "without a lane deliveries go out in any order: take it from a field that the sender always sends";

/// How many values of a path are looked at.
const SEEN: usize = 100;

/// The payloads that are known.
#[derive(Default)]
pub(super) struct Samples {
    of_routes: BTreeMap<Arc<str>, Vec<Value>>,
    of_sources: BTreeMap<Arc<str>, Vec<Value>>,
    /// The events of sources, each with the file that it stands in.
    events: BTreeMap<Arc<str>, Vec<(Arc<str>, Event)>>,
    /// Routes of which the samples say nothing: one is not there, or is not read as the route means it.
    pub(super) untold: BTreeSet<Arc<str>>,
    /// What tests found otherwise than expected.
    pub(super) differences: Vec<Difference>,
}

impl Samples {
    pub(super) fn add(&mut self, test: &TestCase, set: &RouteSet, capture: Option<&[u8]>, now: Timestamp) {
        let events = capture.and_then(|bytes| test.events(set, bytes, now)).unwrap_or_default();
        let payloads = events.into_iter().map(|event| event.payload);
        self.of_routes.entry(test.route.clone()).or_default().extend(payloads);
    }

    /// Payloads of a route.
    pub(super) fn add_payloads(&mut self, route: &Route, payloads: impl Iterator<Item = Value>) {
        self.of_routes.entry(route.name.clone()).or_default().extend(payloads);
    }

    /// A captured request that no test names, for all routes of the source that it goes to.
    pub(super) fn add_of_source(&mut self, file: &Arc<str>, capture: &[u8], set: &RouteSet, now: Timestamp) {
        let Ok(raw) = capture::parse(capture) else { return };
        let path = set.meant(raw.path());
        let Lookup::Found(source, _) = set.find(&raw.method, path) else { return };
        let is_handshake = test_case::is_handshake(set, &source, &raw, now);
        let events = test_case::events(set, &source, raw, now).unwrap_or_default();
        let payloads = events.iter().map(|event| event.payload.clone());
        self.of_sources.entry(source.name.clone()).or_default().extend(payloads);
        if !is_handshake {
            let named = events.into_iter().map(|event| (file.clone(), event));
            self.events.entry(source.name.clone()).or_default().extend(named);
        }
    }

    /// What the captured requests in `samples/` bring to a source.
    pub(super) fn events_of(&self, source: &str) -> &[(Arc<str>, Event)] {
        self.events.get(source).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a sample is surely one of the route's: a test's, or one that its `match` takes.
    fn has_event_of(&self, route: &Route) -> bool {
        let is_taken = |payload: &Value| match &route.matcher {
            None => !route.fallback,
            Some(matcher) => {
                let of_payload = matcher.template.uses().iter().all(|used| &*used.name == "payload");
                let scope = Scope::new().with("payload", payload.clone());
                of_payload && matcher.template.holds(&scope).unwrap_or(false)
            }
        };
        self.of_routes.get(&route.name).is_some_and(|own| !own.is_empty())
            || self.of_sources.get(&route.source).into_iter().flatten().any(is_taken)
    }

    pub(super) fn of(&self, route: &Route) -> Vec<&Value> {
        let own = self.of_routes.get(&route.name).into_iter().flatten();
        own.chain(self.of_sources.get(&route.source).into_iter().flatten()).collect()
    }
}

impl Compiler<'_> {
    pub(super) fn check_samples(&mut self, samples: &Samples, set: &RouteSet) {
        for route in set.all_routes() {
            let payloads = samples.of(route);
            if payloads.is_empty() || samples.untold.contains(&route.name) || self.is_address_taken(route) {
                continue;
            }
            let file = &route.place.file;
            let has_failed = self.problems.iter().any(|p| p.is_error() && p.place().is_some_and(|at| at.file == *file));
            for extract in &route.extracts {
                self.check_extract_sample(extract, route, has_failed, samples);
            }
            for (template, place) in templates(route) {
                template.uses().iter().for_each(|used| self.check_use_sample(used, place, &payloads));
            }
            self.check_compared(route, &payloads, set);
            if !has_failed && samples.has_event_of(route) {
                let of_event = [(&route.identity, IDENTITY), (&route.lane, LANE)];
                for (placed, help) in of_event.into_iter().filter_map(|(placed, help)| Some((placed.as_ref()?, help))) {
                    self.check_never_there(placed, help, &payloads, samples.events_of(&route.source));
                }
            }
        }
    }

    /// Whether two sources are at the route's address: then it is not known which samples are its own.
    fn is_address_taken(&self, route: &Route) -> bool {
        let own = self.source_places.get(&route.source).map(|place| place.key("path"));
        self.problems.iter().filter(|problem| problem.code == Code::DuplicateSource).any(|problem| {
            let mut places = problem.labels.iter().map(|label| &label.place);
            places.any(|place| place.file == route.place.file || own.as_ref() == Some(place))
        })
    }

    /// A required name that finds nothing has failed its test already, where there is one.
    pub(super) fn check_extract_sample(
        &mut self,
        extract: &Extract,
        route: &Route,
        has_failed: bool,
        samples: &Samples,
    ) {
        let payloads = &samples.of(route)[..];
        self.check_phone_country(extract, payloads);
        self.check_mapped(extract, payloads);
        let is_lenient = extract.optional || extract.default.is_some() || !has_failed;
        // Null and empty text are there, and count as nothing.
        let is_there = |path: &Path| payloads.iter().any(|payload| !path.all(payload, 1).is_empty());
        let has_value =
            |path: &Path| payloads.iter().flat_map(|payload| path.all(payload, SEEN)).any(|v| !is_nothing(v));
        if !is_lenient || extract.paths.iter().any(|(path, _)| has_value(path)) {
            return;
        }
        for (path, place) in extract.paths.iter().filter(|(path, _)| !is_there(path)) {
            let part = samples.events_of(&route.source).iter().find_map(|(_, event)| test_case::part_path(path, event));
            if let Some((whole, own)) = part {
                let message = format!("no sample of this route has `{}`", path.text());
                let problem = Diagnostic::new(Code::NotInSamples, place.clone(), message);
                self.report(problem.help(test_case::part_help(&whole, &own)).fix(place.clone(), own));
                continue;
            }
            if !self.blame_path(extract, path, place, route, samples) {
                self.not_in_samples(path.text(), path, place, payloads);
                self.check_moved(extract, path, place, route, payloads);
            }
        }
    }

    /// A key of `map` that no sample has, where one has almost the same: `else` hides that they differ.
    fn check_mapped(&mut self, extract: &Extract, payloads: &[&Value]) {
        let Some(map) = extract.map.as_ref().filter(|map| map.otherwise.is_some()) else { return };
        let paths = || extract.paths.iter().map(|(path, _)| path);
        let found = payloads.iter().flat_map(|payload| paths().flat_map(|path| path.all(payload, SEEN)));
        let found: BTreeSet<&str> = found.filter_map(Value::as_str).collect();
        let is_key = |text: &str| map.entries.iter().any(|(from, _)| **from == *text);
        let others: Vec<&str> = found.iter().copied().filter(|text| !is_key(text)).collect();
        for (from, _) in map.entries.iter().filter(|(from, _)| !found.contains(&**from)) {
            let Some(meant) = others.iter().find(|other| suggest::is_slip(from, other)) else { continue };
            let place = Place { on: On::Value, ..extract.place.clone() }.key("map").key(from.clone()).on_key();
            let message = format!("no sample of this route has `{from}` here");
            let help = format!("the samples have `{meant}`, which `else` takes now: write it the same way");
            self.report(Diagnostic::new(Code::NotInSamples, place, message).help(help));
        }
    }

    /// `payload.contact.name`
    fn check_use_sample(&mut self, used: &Use, place: &Place, payloads: &[&Value]) {
        let Some((written, path)) = of_payload(used) else { return };
        if payloads.iter().all(|payload| path.all(payload, 1).is_empty()) {
            self.not_in_samples(&written, &path, &place.part(used.range.clone()), payloads);
        }
    }

    /// An identity or a lane that no sample has, which no test fails at. A pack's own is not the route's to mend.
    fn check_never_there(&mut self, placed: &Placed, help: &str, payloads: &[&Value], events: &[(Arc<str>, Event)]) {
        let (template, place) = (&placed.template, &placed.place);
        let is_there = |used: &Use| match of_payload(used) {
            Some((_, path)) => payloads.iter().any(|payload| !path.all(payload, 1).is_empty()),
            None => true,
        };
        let is_told =
            |problem: &Diagnostic| problem.place().is_some_and(|at| at.file == place.file && at.path == place.path);
        if place.file.starts_with("schemas/")
            || template.uses().iter().any(is_there)
            || payloads.iter().any(|payload| has_value(template, payload))
            || self.problems.iter().any(is_told)
        {
            return;
        }
        let Some(used) = template.uses().first() else { return };
        let Some((written, path)) = of_payload(used) else { return };
        let message = format!("no sample of this route has `{written}`");
        let problem = Diagnostic::new(Code::NotInSamples, place.part(used.range.clone()), message).help(help);
        self.report(match events.iter().find(|(_, event)| test_case::is_in_envelope(&path, event)) {
            Some((_, event)) => problem.help(test_case::envelope_help(&path, event)),
            None => problem,
        });
    }

    fn not_in_samples(&mut self, written: &str, path: &Path, place: &Place, payloads: &[&Value]) {
        if let Some(single) = payloads.iter().find_map(|payload| path::beyond_single(payload, path)) {
            let whole = written
                .strip_prefix("payload")
                .map_or(single.path.clone(), |_| single.path.replacen('$', "payload", 1));
            let message = format!("no sample of this route has `{written}`");
            let help = single.help(&whole);
            self.report(Diagnostic::new(Code::NotInSamples, place.clone(), message).help(help));
            return;
        }
        let Some(meant) = payloads.iter().find_map(|payload| path::meant(payload, path)) else {
            if let Some(compared) = path::compared(payloads, path).filter(|compared| compared.meant.is_some()) {
                let message = format!("no sample of this route has `{written}`");
                self.report(
                    Diagnostic::new(Code::NotInSamples, place.clone(), message).help(compared.words()).shows_sample(),
                );
            }
            return;
        };
        let meant = match written.strip_prefix("payload") {
            Some(_) => meant.replacen('$', "payload", 1),
            None => meant,
        };
        if let Some(problem) = self.problems.iter_mut().find(|problem| is_about(problem, place)) {
            problem.labels.iter_mut().take(1).for_each(|label| label.place = place.clone());
            problem.help = Some(format!("the sample has no `{written}`; did you mean `{meant}`?"));
            // The same mistake fails every test.
            let mut first = true;
            self.problems.retain(|problem| !is_about(problem, place) || std::mem::take(&mut first));
            return;
        }
        let message = format!("no sample of this route has `{written}`");
        let diagnostic = Diagnostic::new(Code::NotInSamples, place.clone(), message);
        self.report(diagnostic.help(format!("did you mean `{meant}`?")));
    }
}

/// `payload.contact.name`, as written and as a path.
pub(super) fn of_payload(used: &Use) -> Option<(String, Path)> {
    if &*used.name != "payload" || used.fields.is_empty() {
        return None;
    }
    let text = Location(used.fields.iter().cloned().map(Step::Key).collect()).to_string();
    Some((text.replacen('$', "payload", 1), Path::parse(&text).ok()?))
}

/// Whether a template that takes from the payload alone has a value, or fails.
fn has_value(template: &Template, payload: &Value) -> bool {
    !matches!(template.evaluate(&Scope::new().with("payload", payload.clone())), Ok(None))
}

/// Whether a test has failed on what stands here.
fn is_about(problem: &Diagnostic, place: &Place) -> bool {
    let (Some(at), On::Part(own)) = (problem.place(), &place.on) else { return problem.place() == Some(place) };
    let whole = Place { on: On::Value, ..at.clone() };
    match &at.on {
        On::Value if problem.code == Code::TestFailed => *at == (Place { on: On::Value, ..place.clone() }),
        On::Part(part) if problem.code == Code::TemplateFailed => {
            whole == (Place { on: On::Value, ..place.clone() }) && part.start <= own.start && own.end <= part.end
        }
        _ => false,
    }
}

/// Every template of a route, with where it is written.
pub(super) fn templates(route: &Route) -> Vec<(&Template, &Place)> {
    route.templates()
}
