//! The names of routes that have a mistake elsewhere, in the requests of their tests: what is not found is a mistake of its
//! own, and is told in the same run.

use std::sync::Arc;

use super::sample::Samples;
use super::{Compiler, SETTINGS};
use crate::diagnostic::{Code, Diagnostic, Place, Segment};
use crate::event::{Event, capture};
use crate::extract::Extract;
use crate::route::{Route, RouteSet};
use crate::test_case::{self, TestCase};

/// Keys of a route in which a mistake says nothing of what `extract` finds.
const APART: &[&str] = &["description", "identity", "lane", "lookup", "send", "tests", "on_unknown", "retention"];

impl Compiler<'_> {
    pub(super) fn check_names_found(&mut self, set: &RouteSet, tests: &[&TestCase], run: &[&TestCase]) {
        let routes: Vec<Arc<Route>> = set.all_routes().chain(&self.partial).cloned().collect();
        for route in routes.iter().filter(|route| !route.fallback) {
            let own = |test: &&TestCase| test.route == route.name && !test.expected.is_empty();
            let own: Vec<&TestCase> = tests.iter().copied().filter(own).collect();
            let was_run = run.iter().any(|test| test.route == route.name);
            if !was_run && !own.is_empty() && self.is_apart(route) {
                self.check_names_in(route, &own, set);
            }
        }
    }

    /// Whether no mistake of the workspace touches what the route's names are found in.
    fn is_apart(&self, route: &Route) -> bool {
        let errors = self.problems.iter().filter(|problem| problem.is_error());
        let touches = |place: &Place| {
            let path = place.path.segments();
            match path.as_slice() {
                _ if place.file.starts_with("routes/") && place.file != route.place.file => false,
                _ if place.file == route.place.file => match path.as_slice() {
                    [Segment::Key(key), rest @ ..] => {
                        !APART.contains(&&**key) && (&**key != "extract" || rest.is_empty())
                    }
                    _ => true,
                },
                [Segment::Key(section), ..] if &*place.file == SETTINGS => &**section != "connections",
                _ => true,
            }
        };
        errors.into_iter().all(|problem| problem.place().is_some_and(|place| !touches(place)))
    }

    fn check_names_in(&mut self, route: &Arc<Route>, tests: &[&TestCase], set: &RouteSet) {
        let mut samples = Samples::default();
        for test in tests {
            let events = self.taken_events(route, test, set);
            for (event, extract) in events.iter().flat_map(|event| route.extracts.iter().map(move |e| (event, e))) {
                // An extract with a mistake of its own may find what it should once that is mended.
                let Err(problem) = extract.run(&event.payload) else { continue };
                if self.has_mistake(extract) {
                    continue;
                }
                let problem = test.in_test(extract.with_values(problem, &event.payload));
                if !self.is_told(&problem) {
                    self.report(problem);
                }
            }
            samples.add_payloads(route, events.into_iter().map(|event| event.payload));
        }
        for extract in route.extracts.iter().filter(|extract| extract.optional || extract.default.is_some()) {
            self.check_extract_sample(extract, route, true, &samples);
        }
    }

    /// What the request of a test brings that the route takes.
    fn taken_events(&self, route: &Route, test: &TestCase, set: &RouteSet) -> Vec<Event> {
        let bytes = (self.input.read)(&test.request);
        let raw = bytes.and_then(|bytes| capture::parse(&bytes).ok());
        let source = set.sources.get(&route.source);
        let events = raw.zip(source).and_then(|(raw, source)| {
            let events = test_case::events(set, source, raw, self.input.now).ok()?;
            let is_split = events.first().is_some_and(|event| !source.splits_nothing(&event.envelope));
            is_split.then_some(events)
        });
        let is_taken = |event: &Event| {
            let scope = crate::pipeline::scope(set, event);
            route.matcher.as_ref().is_none_or(|matcher| matcher.template.holds(&scope).unwrap_or(false))
        };
        events.unwrap_or_default().into_iter().filter(is_taken).collect()
    }

    fn has_mistake(&self, extract: &Extract) -> bool {
        let is_in = |place: &Place| place.file == extract.place.file && place.path.is_within(&extract.place.path);
        self.problems.iter().any(|problem| {
            problem.is_error() && problem.code != Code::ValueNotFound && problem.place().is_some_and(is_in)
        })
    }

    fn is_told(&self, problem: &Diagnostic) -> bool {
        let same = |known: &&Diagnostic| known.code == problem.code && known.place() == problem.place();
        problem.code == Code::TemplateFailed || self.problems.iter().any(|known| same(&known))
    }
}
