//! The files of routes, each compiled for itself: several at a time, and none again that is as it was.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::base::Base;
use super::kept::Before;
use super::source::CompiledSource;
use super::{Compiler, STACK};
use crate::config::route::Route as WrittenRoute;
use crate::config::source::SourceOrName;
use crate::diagnostic::Diagnostic;
use crate::document::Document;
use crate::route::{Route, RouteSet};
use crate::source::OWN_SOURCE;
use crate::test_case::TestCase;

/// What one file of a route became.
pub(super) struct Unit {
    pub file: Arc<str>,
    pub text: Arc<str>,
    /// The packs that it may mean.
    pub packs: Vec<usize>,
    /// Whether it rests on what all files of the workspace name.
    pub has_looked_around: bool,
    document: Option<Arc<Document>>,
    problems: Vec<Diagnostic>,
    /// Whether it could be read as a route.
    is_read: bool,
    /// The source that the route has for itself.
    pub own: Option<CompiledSource>,
    /// Whether it takes the server's own alerts.
    takes_alerts: bool,
    /// The sources that it names.
    named: Vec<Arc<str>>,
    route: Option<Arc<Route>>,
    partial: Vec<Arc<Route>>,
    tests: Vec<Arc<TestCase>>,
}

/// More threads would wait for memory.
const MOST_THREADS: usize = 8;

/// So many files are worth a thread.
const FILES: usize = 16;

impl Compiler<'_> {
    /// Every route of the workspace into the set, and their tests. What became of each file is there where none has to do with
    /// another.
    pub(super) fn routes(
        &mut self,
        base: &Base,
        before: Option<&Before<'_>>,
        set: &mut RouteSet,
    ) -> (Vec<Arc<TestCase>>, Option<Vec<Arc<Unit>>>) {
        let files: Vec<&Arc<str>> = self.input.files.keys().filter(|file| name_of(file).is_some()).collect();
        let mut units: Vec<Option<Arc<Unit>>> = before.map(|before| before.units.clone()).unwrap_or_default();
        units.resize(files.len(), None);
        self.fill(&files, &mut units, base);
        let units: Option<Vec<Arc<Unit>>> = units.into_iter().collect();
        let units = units.filter(|units| units.iter().all(|unit| unit.is_served(set)));
        let (mut tests, mut named, mut is_read) = (Vec::new(), HashSet::new(), true);
        let mut add = |unit: &Unit| {
            tests.extend(unit.tests.iter().cloned());
            named.extend(unit.named.iter().cloned());
            is_read &= unit.is_read;
        };
        match &units {
            Some(units) => units.iter().for_each(|unit| {
                self.take(unit);
                unit.put(base, set);
                add(unit);
            }),
            None => {
                // Where one has to do with another they are taken in a row, and what is told of one is known to the next.
                let revision = std::mem::replace(set, base.set.clone()).revision;
                set.revision = revision;
                for file in files {
                    let unit = self.unit(file, base, |compiler, source| compiler.serve(source, set));
                    unit.put(base, set);
                    add(&unit);
                }
            }
        }
        self.unreachable(set);
        if is_read {
            base.settings.iter().for_each(|settings| self.unused_sources(settings, &named));
        }
        (tests, units)
    }

    /// Compiles the files that have no unit yet, each for itself, on as many threads as there are cores.
    fn fill(&self, files: &[&Arc<str>], units: &mut [Option<Arc<Unit>>], base: &Base) {
        let missing: Vec<(&Arc<str>, &mut Option<Arc<Unit>>)> =
            files.iter().copied().zip(units).filter(|(_, unit)| unit.is_none()).collect();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.min(MOST_THREADS).min(missing.len().div_ceil(FILES));
        let left = Mutex::new(missing.into_iter());
        let (input, memo) = (self.input, self.memo);
        let work = || {
            loop {
                let next = left.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((file, unit)) = next else { return };
                *unit = base.resumed(input, memo).unit_apart(file, base).map(Arc::new);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                // Where there is no thread to be had, this one does it all.
                let _ = std::thread::Builder::new().name("compile".into()).stack_size(STACK).spawn_scoped(scope, work);
            }
            work();
        });
    }

    /// One file by itself; nothing where it says or changes something of what is not its own.
    fn unit_apart(mut self, file: &Arc<str>, base: &Base) -> Option<Unit> {
        let mut unit = self.unit(file, base, |compiler, source| compiler.know_source(source));
        let begun = &base.state.problems;
        let own = self.state.problems.split_off(begun.len().min(self.state.problems.len()));
        let is_apart = self.state.problems == *begun
            && self.state.unset == base.state.unset
            && self.state.broken == base.state.broken
            && own.iter().all(|problem| problem.place().is_some_and(|place| place.file == *file));
        unit.document = self.state.documents.0.remove(file);
        unit.partial = self.state.partial;
        unit.problems = own;
        unit.has_looked_around = self.has_looked_around.get();
        is_apart.then_some(unit)
    }

    /// One file of a route.
    fn unit(&mut self, file: &Arc<str>, base: &Base, serve: impl FnOnce(&mut Self, &CompiledSource)) -> Unit {
        let (settings, limits) = (base.settings.as_ref(), base.limits());
        let name = name_of(file).unwrap_or_default();
        let text = self.input.files.get(file).cloned().unwrap_or_default();
        let mut unit = Unit::of(file.clone(), text, base);
        let Some(written) = self.decode::<WrittenRoute>(file) else { return unit };
        unit.is_read = true;
        if let Some(SourceOrName::Here(source)) = written.source.get() {
            self.check_capture(source);
            unit.named.extend(source.from.iter().map(|from| from.value.clone()).filter(|from| !from.contains('.')));
            unit.own = self.source(name, source, &base.packs, limits.as_ref());
            if let Some(source) = &unit.own {
                serve(self, source);
            }
        }
        let source = match written.source.get() {
            Some(SourceOrName::Named(text)) if *text.value == *OWN_SOURCE => {
                unit.takes_alerts = true;
                Some(&base.alerts)
            }
            Some(SourceOrName::Named(text)) => {
                unit.named.push(text.value.clone());
                self.named_source(text, &base.shared, settings)
            }
            _ => unit.own.as_ref(),
        };
        let route = self.route(name, &written, source, &base.set, settings).map(Arc::new);
        let tests = written.tests.iter().map(|test| Arc::new(self.test((name, &written), test, &base.set, settings)));
        unit.tests = tests.collect();
        Unit { route, ..unit }
    }

    /// Takes over what was found in a file.
    fn take(&mut self, unit: &Unit) {
        self.problems.extend(unit.problems.iter().cloned());
        self.partial.extend(unit.partial.iter().cloned());
        if let Some(document) = &unit.document {
            self.documents.0.insert(document.file.clone(), document.clone());
        }
        if let Some(own) = &unit.own {
            self.source_places.insert(own.source.name.clone(), own.place.clone());
        }
    }
}

impl Unit {
    fn of(file: Arc<str>, text: Arc<str>, base: &Base) -> Self {
        Unit {
            packs: base.finder.packs_in(&text),
            file,
            text,
            has_looked_around: false,
            document: None,
            problems: Vec::new(),
            is_read: false,
            own: None,
            takes_alerts: false,
            named: Vec::new(),
            route: None,
            partial: Vec::new(),
            tests: Vec::new(),
        }
    }

    /// The sources whose routes it has to do with.
    pub(super) fn sources(&self) -> impl Iterator<Item = &Arc<str>> {
        let own = self.own.iter().map(|own| &own.source.name);
        let routes = self.route.iter().chain(&self.partial).map(|route| &route.source);
        own.chain(&self.named).chain(routes)
    }

    /// Serves the source of its own, where no other has its address.
    fn is_served(&self, set: &mut RouteSet) -> bool {
        let own = self.own.as_ref().filter(|own| *own.source.name != *OWN_SOURCE);
        own.is_none_or(|own| set.add_source(own.source.clone()).is_ok())
    }

    /// Puts the route into the set.
    fn put(&self, base: &Base, set: &mut RouteSet) {
        if self.takes_alerts {
            set.add_own_source(base.alerts.source.clone());
        }
        self.route.iter().for_each(|route| set.add_route(route.clone()));
    }
}

/// The name of a route by its file.
fn name_of(file: &str) -> Option<&str> {
    file.strip_prefix("routes/")?.strip_suffix(".yaml")
}
