//! Captured requests through routes that carry no test: what they fail at, where none of them goes through.

use std::sync::Arc;

use super::Compiler;
use super::pack::Packs;
use super::sample::Samples;
use super::tested::concerns;
use crate::diagnostic::{Code, Diagnostic, Place, Severity};
use crate::document::Document;
use crate::event::{Event, capture};
use crate::pipeline::{self, Prepared, RouteResult};
use crate::route::{Route, RouteSet};
use crate::test_case::{self, TestCase};

/// What a route made of one sample.
enum Tried {
    Good,
    NotTaken,
    Failed(Vec<Diagnostic>),
}

impl Compiler<'_> {
    /// Each sample goes through the routes of its source that no test proves.
    pub(super) fn try_samples(&mut self, samples: &Samples, set: &RouteSet, packs: &Packs, tests: &[&TestCase]) {
        let is_proved = |route: &Route| tests.iter().any(|test| test.route == route.name && !test.expected.is_empty());
        for route in set.all_routes().filter(|route| !is_proved(route)) {
            let is_broken = self.problems.iter().any(|p| p.is_error() && concerns(p, route, set, packs));
            let is_told = self.problems.iter().any(|problem| is_of_samples(problem, route));
            if !is_broken && !is_told && !samples.untold.contains(&route.name) {
                self.try_route(route, samples.events_of(&route.source), set);
            }
        }
    }

    fn try_route(&mut self, route: &Arc<Route>, events: &[(Arc<str>, Event)], set: &RouteSet) {
        let mut failed = Vec::new();
        for (file, event) in events {
            match tried(set, route, event) {
                Tried::Good => return,
                Tried::NotTaken => {}
                Tried::Failed(problems) => failed.extend(problems.into_iter().map(|problem| (file, problem))),
            }
        }
        if failed.is_empty() {
            return self.none_taken(route, events, set);
        }
        let mut told: Vec<Place> = Vec::new();
        for (file, mut problem) in failed {
            // What a pack makes is not for the route to mend.
            let Some(place) = problem.place().filter(|at| at.file == route.place.file && !told.contains(at)) else {
                continue;
            };
            let is_said = self.problems.iter().any(|known| known.place() == Some(place));
            told.push(place.clone());
            if is_said {
                continue;
            }
            problem.severity = Severity::Warning;
            let problem = self.without_built_in(problem);
            let problem = self.beside_sample(problem, file);
            self.report(problem);
        }
    }

    /// A `match` that holds for none of the samples, where no other route could be the one for them.
    fn none_taken(&mut self, route: &Arc<Route>, events: &[(Arc<str>, Event)], set: &RouteSet) {
        let is_only = set.routes.get(&route.source).is_some_and(|routes| routes.len() == 1);
        let Some((file, event)) = events.first().filter(|_| is_only) else { return };
        let Some((place, saw)) = test_case::unmatched(set, route, event) else { return };
        let message = match events.len() {
            1 => "the one sample of this route is not taken: this `match` is not true",
            _ => "no sample of this route is taken: this `match` is not true",
        };
        let problem = Diagnostic::new(Code::NotInSamples, place, message).help_opt(saw).shows_sample();
        let problem = self.beside_sample(problem, file);
        self.report(problem);
    }

    /// A problem with the sample that it was found with.
    fn beside_sample(&mut self, problem: Diagnostic, file: &Arc<str>) -> Diagnostic {
        let bytes = (self.input.read)(file).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let first = capture::first_line(&bytes);
        let document = || Arc::new(Document { file: file.clone(), text: (&*text).into(), root: None });
        self.documents.0.entry(file.clone()).or_insert_with(document);
        problem.also(Place::bytes(file.clone(), first), "with this sample")
    }
}

/// Whether it has been said already what of the samples a route does not find.
fn is_of_samples(problem: &Diagnostic, route: &Route) -> bool {
    problem.code == Code::NotInSamples && problem.place().is_some_and(|place| place.file == route.place.file)
}

fn tried(set: &RouteSet, route: &Arc<Route>, event: &Event) -> Tried {
    let taken = match pipeline::run_in_turn(set, route, event).result {
        RouteResult::NotMatched | RouteResult::NotNeeded => return Tried::NotTaken,
        RouteResult::Failed(problem) => {
            return Tried::Failed(vec![test_case::with_values(*problem, route, event)]);
        }
        RouteResult::Taken(taken) => taken,
    };
    let failed = taken.sends.into_iter().filter_map(|prepared| match prepared {
        Prepared::Failed(problem) => Some(test_case::with_values(*problem, route, event)),
        Prepared::Ready(_) | Prepared::Planned(_) | Prepared::Skipped => None,
    });
    let failed: Vec<Diagnostic> = failed.collect();
    if failed.is_empty() { Tried::Good } else { Tried::Failed(failed) }
}
