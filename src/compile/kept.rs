//! What one compilation leaves for the next one of the same workspace: where a file of a route and all that it rests on are as they
//! were, so is what becomes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use super::base::Base;
use super::memo::{Memo, Mentions};
use super::pack::Packs;
use super::unit::Unit;
use super::{Compiler, Input, Secrets};
use crate::diagnostic::Diagnostic;
use crate::document::reference::Environment;
use crate::route::RouteSet;
use crate::test_case::TestCase;

/// A workspace that was compiled.
pub struct Kept {
    pub(super) base: Arc<Base>,
    units: BTreeMap<Arc<str>, Arc<Unit>>,
    given: Given,
    mentions: Option<Mentions>,
    proved: Option<Proved>,
}

/// What a compilation was given beside the routes.
#[derive(PartialEq)]
struct Given {
    files: BTreeMap<Arc<str>, Arc<str>>,
    environment: Environment,
    secrets: Secrets,
    sandbox: Option<Arc<str>>,
    listen: Option<SocketAddr>,
    samples: Vec<Arc<str>>,
    tests: bool,
}

/// The compilation before, and what of it still holds.
pub(super) struct Before<'k> {
    pub kept: &'k Kept,
    /// Of each file of a route, in their order, what became of it; nothing where that has to be seen anew.
    pub units: Vec<Option<Arc<Unit>>>,
}

/// What came of the tests.
#[derive(Clone, Copy)]
pub(super) struct Proved {
    pub webhook_tests: usize,
    /// All of them ran, and neither they nor the samples brought up anything.
    is_silent: bool,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("routes", &self.units.len()).finish_non_exhaustive()
    }
}

fn is_of_route(file: &str) -> bool {
    file.starts_with("routes/")
}

impl Given {
    fn of(input: &Input<'_>) -> Self {
        let others = input.files.iter().filter(|(file, _)| !is_of_route(file));
        Given {
            files: others.map(|(file, text)| (file.clone(), text.clone())).collect(),
            environment: input.environment.clone(),
            secrets: input.secrets,
            sandbox: input.sandbox.clone(),
            listen: input.listen,
            samples: input.samples.clone(),
            tests: input.tests,
        }
    }
}

impl Kept {
    pub(super) fn new(input: &Input<'_>, base: Arc<Base>, units: Vec<Arc<Unit>>, proved: Option<Proved>) -> Self {
        let units = units.into_iter().map(|unit| (unit.file.clone(), unit)).collect();
        Kept { base, units, given: Given::of(input), mentions: None, proved }
    }

    pub(super) fn with_mentions(self, memo: Memo) -> Self {
        Kept { mentions: memo.into_mentions(), ..self }
    }

    /// What of it holds for other files; nothing where all has to be seen anew.
    pub(super) fn still(&self, input: &Input<'_>, memo: &Memo) -> Option<Before<'_>> {
        if self.given != Given::of(input) {
            return None;
        }
        // What nobody has asked for has changed nothing.
        let is_around_same = self.mentions.as_ref().is_none_or(|known| known == memo.mentions(input));
        if self.base.has_looked_around && !is_around_same {
            return None;
        }
        let holds = |unit: &Arc<Unit>, text: &Arc<str>| {
            (Arc::ptr_eq(&unit.text, text) || unit.text == *text) && (is_around_same || !unit.has_looked_around)
        };
        // Both are in the order of their names.
        let mut known = self.units.values().peekable();
        let routes = input.files.iter().filter(|(file, _)| is_of_route(file) && file.ends_with(".yaml"));
        let units = routes.map(|(file, text)| {
            while known.next_if(|unit| unit.file < *file).is_some() {}
            known.peek().filter(|unit| unit.file == *file && holds(unit, text)).map(|unit| Arc::clone(unit))
        });
        let units: Vec<Option<Arc<Unit>>> = units.collect();
        let mut named = self.named_beside_routes(input);
        named.extend(units.iter().flatten().flat_map(|unit| unit.packs.iter().copied()));
        let routes = input.files.iter().filter(|(file, _)| is_of_route(file) && file.ends_with(".yaml"));
        for (text, _) in routes.map(|(_, text)| text).zip(&units).filter(|(_, unit)| unit.is_none()) {
            named.extend(self.base.finder.packs_in(text));
        }
        (named == self.base.named).then_some(Before { kept: self, units })
    }

    /// The packs that the settings may mean.
    fn named_beside_routes(&self, input: &Input<'_>) -> BTreeSet<usize> {
        let files = input.files.iter().filter(|(file, _)| !is_of_route(file) && !file.starts_with("schemas/"));
        files.flat_map(|(_, text)| self.base.finder.packs_in(text)).collect()
    }
}

impl Before<'_> {
    /// The routes that tests and samples may say something else of now: those that share a source with a file that has changed.
    /// Nothing where it may be any.
    fn touched(&self, units: &[Arc<Unit>], set: &RouteSet) -> Option<RouteSet> {
        self.kept.proved.filter(|proved| proved.is_silent)?;
        let mut known: BTreeMap<&Arc<str>, &Arc<Unit>> = self.kept.units.iter().collect();
        let mut changed: Vec<[Option<&Arc<Unit>>; 2]> = Vec::new();
        for unit in units {
            match known.remove(&unit.file) {
                Some(before) if Arc::ptr_eq(before, unit) => {}
                before => changed.push([before, Some(unit)]),
            }
        }
        changed.extend(known.into_values().map(|gone| [Some(gone), None]));
        let address = |unit: Option<&Arc<Unit>>| {
            let source = unit.and_then(|unit| unit.own.as_ref()).map(|own| own.source.clone());
            source.map(|source| (source.path.clone(), source.all_methods().into_iter().cloned().collect::<Vec<_>>()))
        };
        // An address with a name in it may stand behind another one.
        let has_moved = changed.iter().any(|[before, now]| address(*before) != address(*now));
        if has_moved && set.paths().any(|path| path.contains('{')) {
            return None;
        }
        let both = changed.iter().flatten().flatten();
        let sources: BTreeSet<Arc<str>> = both.flat_map(|unit| unit.sources()).cloned().collect();
        Some(set.of_sources(&sources))
    }
}

impl Compiler<'_> {
    /// Runs the tests and looks at the samples: those alone of which something may have changed, where they bring up nothing.
    pub(super) fn prove(
        &mut self,
        packs: &Packs,
        set: &RouteSet,
        tests: &[Arc<TestCase>],
        before: Option<(&Before<'_>, &[Arc<Unit>])>,
    ) -> Proved {
        let problems = self.problems.clone();
        let is_error = problems.iter().any(Diagnostic::is_error);
        // What a fallback takes is not known where any route is not.
        let is_open = is_error && set.all_routes().any(|route| route.fallback);
        if let Some((before, units)) = before.filter(|_| !is_open)
            && let (Some(part), Some(proved)) = (before.touched(units, set), before.kept.proved)
        {
            let is_of_part = |test: &&TestCase| part.route(&test.route).is_some();
            self.prove_all(packs, &part, &tests.iter().map(|test| &**test).filter(is_of_part).collect::<Vec<_>>());
            if self.problems == problems {
                return Proved { is_silent: !is_error, ..proved };
            }
            // What is told of one may be told with others that say the same.
            self.problems = problems.clone();
            let known = &before.kept.base.state.documents.0;
            self.documents.0.retain(|file, _| is_of_route(file) || known.contains_key(file));
        }
        self.prove_all(packs, set, &tests.iter().map(|test| &**test).collect::<Vec<_>>());
        let webhook_tests = self.webhook_tests(packs);
        Proved { webhook_tests, is_silent: !is_error && self.problems == problems }
    }

    fn prove_all(&mut self, packs: &Packs, set: &RouteSet, tests: &[&TestCase]) {
        let sound = self.sound(set, packs, tests.to_vec());
        self.run_tests(set, packs, &sound);
        self.check_names_found(set, tests, &sound);
        self.name_missed(set, tests);
    }
}
