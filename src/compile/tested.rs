//! The tests of routes: run where all that they rest on is sound, however broken the rest of the workspace is.

use std::sync::Arc;

use super::captured::goes_to;
use super::pack::Packs;
use super::sample::Samples;
use super::{Compiler, SETTINGS};
use crate::diagnostic::{Code, Diagnostic, Place, Segment};
use crate::event::capture;
use crate::payload::Format;
use crate::route::{Route, RouteSet};
use crate::test_case::TestCase;
use crate::value::json;

/// Sections of the settings in which an error says nothing of routes that do not use what is wrong there.
const APART: &[&str] = &[
    "listen",
    "admin",
    "page",
    "public_url",
    "data",
    "limits",
    "retry",
    "retention",
    "reload",
    "connections",
    "sources",
];

impl Compiler<'_> {
    /// The tests of the routes without errors, in what they rest on either.
    pub(super) fn sound<'t>(&self, set: &RouteSet, packs: &Packs, tests: Vec<&'t TestCase>) -> Vec<&'t TestCase> {
        let errors: Vec<&Diagnostic> = self.problems.iter().filter(|problem| problem.is_error()).collect();
        if errors.is_empty() {
            return tests;
        }
        let is_sound = |test: &&TestCase| {
            set.route(&test.route).is_some_and(|route| errors.iter().all(|error| !concerns(error, route, set, packs)))
        };
        tests.into_iter().filter(is_sound).collect()
    }

    pub(super) fn run_tests(&mut self, set: &RouteSet, packs: &Packs, tests: &[&TestCase]) {
        let mut samples = Samples::default();
        let mut undecoded = self.undecoded(set, tests);
        for test in tests {
            let capture = (self.input.read)(&test.request);
            let Some(bytes) = &capture else {
                self.missing_sample(test);
                samples.untold.insert(test.route.clone());
                continue;
            };
            if !self.is_capture_good(test, set, bytes) {
                continue;
            }
            match capture.as_deref().and_then(|bytes| self.other_format(test, set, bytes)) {
                Some(problem) => self.report(problem),
                None => {
                    let failures = test.failures(set, capture.as_deref(), self.input.now);
                    let failures = undecoded.explained(test, set, failures);
                    for failure in failures {
                        if self.is_of_unset(&failure.problem) {
                            continue;
                        }
                        let problem = self.beside_making(failure.problem, &failure.differences, test, set);
                        samples.differences.extend(failure.differences);
                        // What is not parted as it was meant says nothing of the parts.
                        let last = problem.place().and_then(|at| at.path.segments().last().map(|step| (*step).clone()));
                        if matches!(last, Some(Segment::Key(key)) if &*key == "split") {
                            samples.untold.insert(test.route.clone());
                        }
                        let problem = self.of_other_sample(problem, test, bytes, set);
                        let problem = self.at_first_line(problem, test, bytes, set);
                        let problem = problem.map(|problem| of_shared_sample(problem, test, tests));
                        let problem = problem.map(|problem| self.without_built_in(problem));
                        self.problems.extend(problem);
                    }
                }
            }
            samples.add(test, set, capture.as_deref(), self.input.now);
            if let Some(route) = set.route(&test.route) {
                self.check_proof(&test.request, bytes, set, Some(&route.source));
            }
        }
        for sample in &self.input.samples {
            if let Some(capture) = (self.input.read)(sample) {
                if tests.iter().all(|test| test.request != *sample) {
                    self.check_capture_alone(sample, &capture, set);
                }
                samples.add_of_source(sample, &capture, set, self.input.now);
                self.check_proof(sample, &capture, set, None);
            }
        }
        samples.untold.extend(undecoded.routes(set));
        undecoded.problems().for_each(|problem| self.report(problem));
        self.check_samples(&samples, set);
        self.try_samples(&samples, set, packs, tests);
        self.check_repeated(&samples, set);
    }

    /// A problem without lines of packs that are built in, which nobody has in a file, where another line is to be mended.
    pub(super) fn without_built_in(&self, mut problem: Diagnostic) -> Diagnostic {
        let is_here = |place: &Place| !place.file.starts_with("schemas/") || self.is_own(&place.file);
        let first = problem.place().is_some_and(is_here);
        problem.labels.retain(|label| !first || is_here(&label.place));
        problem
    }

    /// A sample that is plainly JSON, at a source that reads something else: the payload would hold nothing, and the
    /// first path or condition would take the blame.
    fn other_format(&self, test: &TestCase, set: &RouteSet, bytes: &[u8]) -> Option<Diagnostic> {
        let source = set.sources.get(&set.route(&test.route)?.source)?;
        if matches!(source.format, Format::Auto | Format::AutoOfBody | Format::Json | Format::Text) {
            return None;
        }
        let body = capture::parse(bytes).ok().filter(|raw| goes_to(raw, source, set))?.body;
        let is_json = matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
            && json::parse(&body, &json::Limits::default()).is_ok();
        let place = self.source_places.get(&source.name)?.key("format");
        let written = self.documents.0.get(&place.file)?.node(&place.path).is_some();
        (is_json && written).then(|| {
            let message =
                format!("the sample of test `{}` is JSON, and the source does not read it as that", test.name);
            Diagnostic::new(Code::TestFailed, place, message)
                .also(test.request_place.clone(), "this sample")
                .help("write `format: json`, or remove `format`: it is seen from the request then")
        })
    }
}

/// Another test that reads the same sample and expects something else of it: one of the two means another sample.
fn of_shared_sample(problem: Diagnostic, test: &TestCase, tests: &[&TestCase]) -> Diagnostic {
    let is_other = |other: &&&TestCase| other.name != test.name && test.contradicts(other);
    let Some(other) = tests.iter().find(is_other).filter(|_| problem.code == Code::TestFailed) else { return problem };
    let own = problem.help.clone().map(|own| format!(" If not, {own}")).unwrap_or_default();
    let help = format!(
        "the test `{}` reads the same sample, `{}`, and expects something else: is another one meant under `request:`?{own}",
        other.name, test.request
    );
    let problem = problem.help(help);
    match problem.labels.iter().any(|label| label.place == test.request_place) {
        true => problem,
        false => problem.also(test.request_place.clone(), "this sample"),
    }
}

/// Whether a route rests on what an error is about.
pub(super) fn concerns(error: &Diagnostic, route: &Arc<Route>, set: &RouteSet, packs: &Packs) -> bool {
    let Some(place) = error.place() else { return true };
    // A slip in a key for people, or for the order of deliveries, changes no request.
    if error.fix.as_ref().is_some_and(|fix| matches!(&*fix.replacement, "description" | "lane")) {
        return false;
    }
    if error.labels.iter().any(|label| label.place.file == route.place.file) {
        return true;
    }
    if place.file.starts_with("routes/") {
        // What a fallback takes depends on the other routes of its source.
        let other = set.routes.get(&route.source).into_iter().flatten().any(|other| other.place.file == place.file);
        return route.fallback && (other || !is_compiled(&place.file, set));
    }
    if &*place.file == SETTINGS {
        let steps = place.path.segments();
        return match steps.as_slice() {
            [Segment::Key(section), ..] if !APART.contains(&&**section) => true,
            [Segment::Key(section), Segment::Key(name), ..] if &**section == "connections" => {
                route.sends.iter().any(|send| send.connection.name == *name)
            }
            [Segment::Key(section), Segment::Key(name), ..] if &**section == "sources" => route.source == *name,
            [Segment::Key(section), ..] => matches!(&**section, "connections" | "sources"),
            _ => true,
        };
    }
    // A pack, or a schema beside it.
    let pack = place.file.strip_prefix("schemas/").and_then(|rest| rest.split('/').next());
    pack.is_none_or(|pack| {
        let of_source = packs.get(pack).is_some_and(|known| !known.written.webhooks.is_empty());
        of_source || route.sends.iter().any(|send| &*send.connection.pack.name == pack)
    })
}

fn is_compiled(file: &str, set: &RouteSet) -> bool {
    set.all_routes().any(|route| &*route.place.file == file)
}
