//! Routes, compiled, and the whole set of them that serves at one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::Place;
use crate::event::head::HeadLimits;
use crate::extract::Extract;
use crate::pack::{Connection, Draft, Operation, Pack, Step};
use crate::plan::OnUnknown;
use crate::privacy::Privacy;
use crate::source::Source;
use crate::template::Template;
use crate::value::Value;

pub use crate::pack::Placed;

/// From a source to one or more connections.
#[derive(Debug)]
pub struct Route {
    /// Its path under `routes/` without `.yaml`: `sales/website-form`.
    pub name: Arc<str>,
    pub source: Arc<str>,
    pub matcher: Option<Placed>,
    /// Takes what no other route of the source took.
    pub fallback: bool,
    pub extracts: Vec<Extract>,
    pub identity: Option<Placed>,
    pub lane: Option<Placed>,
    /// Calls that fetch what the event lacks, once for each event.
    pub lookup: Vec<RouteStep>,
    pub sends: Vec<Send>,
    /// What to do when it is not known whether a provider took a request.
    pub on_unknown: OnUnknown,
    /// How long its events are kept, where not as those of the workspace.
    pub retention: Kept,
    pub place: Place,
}

/// How long and how much a route keeps of its events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    pub age: Option<Duration>,
    /// In bytes.
    pub size: Option<u64>,
}

impl Route {
    /// What its steps and the chains that it calls save.
    pub fn saved(&self) -> impl Iterator<Item = &Extract> {
        let own = self.lookup.iter().chain(self.sends.iter().flat_map(|send| &send.steps)).map(|step| &step.step);
        own.chain(self.sends.iter().flat_map(|send| &send.operation.chain)).flat_map(|step| &step.save)
    }
}

impl Route {
    /// Every template of what decides and of what is sent, with where it is written.
    pub fn templates(&self) -> Vec<(&Template, &Place)> {
        let placed = [&self.matcher, &self.identity, &self.lane].into_iter().flatten();
        let mut found: Vec<_> = placed.map(|placed| (&placed.template, &placed.place)).collect();
        for send in &self.sends {
            found.extend(send.when.iter().map(|placed| (&placed.template, &placed.place)));
            found.extend(send.draft.templates());
        }
        found
    }
}

/// A call before a delivery, to any connection.
#[derive(Debug)]
pub struct RouteStep {
    /// `connection.operation`
    pub to: Arc<str>,
    pub connection: Arc<Connection>,
    pub step: Step,
}

/// One delivery of a route.
#[derive(Debug)]
pub struct Send {
    /// `connection.operation`
    pub to: Arc<str>,
    pub connection: Arc<Connection>,
    pub operation: Arc<Operation>,
    pub when: Option<Placed>,
    /// Calls that come first.
    pub steps: Vec<RouteStep>,
    pub draft: Draft,
}

/// What every path of a source begins with, unless said otherwise.
pub const PREFIX: &str = "/hooks";

/// One compiled set of routes. It is swapped whole.
#[derive(Clone, Debug)]
pub struct RouteSet {
    /// The hash of the files that it was compiled from.
    pub revision: Arc<str>,
    pub sources: BTreeMap<Arc<str>, Arc<Source>>,
    /// The routes of each source, in the order of their names.
    pub routes: BTreeMap<Arc<str>, Vec<Arc<Route>>>,
    pub connections: BTreeMap<Arc<str>, Arc<Connection>>,
    pub packs: BTreeMap<Arc<str>, Arc<Pack>>,
    /// `vars` in templates.
    pub vars: Value,
    /// The scheme, host and port that senders know.
    pub public_url: Arc<str>,
    /// What every path of a source begins with on the server: `/hooks`, or nothing.
    pub prefix: Arc<str>,
    /// What people are not shown of the payloads of any source, also of one that is gone.
    pub privacy: Privacy,
    /// How much the head of one request may be.
    pub head: HeadLimits,
    addresses: Arc<BTreeMap<Arc<str>, matchit::Router<Arc<Source>>>>,
    by_name: BTreeMap<Arc<str>, Arc<Route>>,
}

/// Two sources whose paths can't be told apart.
#[derive(Debug, PartialEq, Eq)]
pub struct AddressConflict;

/// What is found at an address.
pub enum Lookup {
    /// A source, and the values of its `{named}` segments.
    Found(Arc<Source>, Value),
    /// The path is served, with these methods.
    WrongMethod(Vec<Arc<str>>),
    Nothing,
}

impl RouteSet {
    /// What people are not shown of the payloads of a source, also of one that is gone.
    pub fn privacy_of(&self, source: &str) -> &Privacy {
        self.sources.get(source).map_or(&self.privacy, |source| &source.privacy)
    }

    /// Whether anything is masked of any source.
    pub fn has_privacy(&self) -> bool {
        !self.privacy.is_none() || self.sources.values().any(|source| !source.privacy.is_none())
    }

    /// A set without sources, to which they are added.
    pub fn new(revision: impl Into<Arc<str>>, public_url: impl Into<Arc<str>>) -> Self {
        RouteSet {
            revision: revision.into(),
            public_url: public_url.into(),
            prefix: PREFIX.into(),
            privacy: Privacy::default(),
            head: HeadLimits::default(),
            sources: BTreeMap::new(),
            routes: BTreeMap::new(),
            connections: BTreeMap::new(),
            packs: BTreeMap::new(),
            vars: Value::Null,
            addresses: Arc::default(),
            by_name: BTreeMap::new(),
        }
    }

    /// Serves a source at its path and methods.
    pub fn add_source(&mut self, source: Arc<Source>) -> Result<(), AddressConflict> {
        let addresses = Arc::make_mut(&mut self.addresses);
        for method in source.all_methods() {
            let router = addresses.entry(method.clone()).or_default();
            router.insert(bare(&source.path), source.clone()).map_err(|_| AddressConflict)?;
        }
        self.sources.insert(source.name.clone(), source);
        Ok(())
    }

    /// Knows a source that has no address.
    pub fn add_own_source(&mut self, source: Arc<Source>) {
        self.sources.insert(source.name.clone(), source);
    }

    pub fn add_route(&mut self, route: Arc<Route>) {
        self.by_name.insert(route.name.clone(), route.clone());
        self.routes.entry(route.source.clone()).or_default().push(route);
    }

    /// A request's path as its source writes it; nothing for one that the server does not take.
    pub fn under<'p>(&self, path: &'p str) -> Option<&'p str> {
        path.strip_prefix(&*self.prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The same of a captured request, which may be from before a proxy that adds the prefix.
    pub fn meant<'p>(&self, path: &'p str) -> &'p str {
        self.under(path).unwrap_or(path)
    }

    /// The source at a path behind the prefix.
    pub fn find(&self, method: &str, path: &str) -> Lookup {
        let path = bare(path);
        if let Some(found) = self.addresses.get(method).and_then(|router| router.at(path).ok()) {
            let params = found.params.iter().map(|(name, value)| (name, crate::request::decode(value)));
            return Lookup::Found(found.value.clone(), Value::object(params));
        }
        let others = self.addresses.iter().filter(|(_, router)| router.at(path).is_ok());
        let methods: Vec<Arc<str>> = others.map(|(method, _)| method.clone()).collect();
        match methods.is_empty() {
            true => Lookup::Nothing,
            false => Lookup::WrongMethod(methods),
        }
    }

    /// The routes of some sources alone, among all addresses.
    pub fn of_sources(&self, sources: &BTreeSet<Arc<str>>) -> RouteSet {
        let is_in = |name: &Arc<str>| sources.contains(name);
        RouteSet {
            sources: sources.iter().filter_map(|name| self.sources.get_key_value(name)).map(cloned).collect(),
            routes: sources.iter().filter_map(|name| self.routes.get_key_value(name)).map(cloned).collect(),
            by_name: self.by_name.iter().filter(|(_, route)| is_in(&route.source)).map(cloned).collect(),
            connections: self.connections.clone(),
            packs: self.packs.clone(),
            revision: self.revision.clone(),
            vars: self.vars.clone(),
            public_url: self.public_url.clone(),
            prefix: self.prefix.clone(),
            privacy: self.privacy.clone(),
            head: self.head,
            addresses: self.addresses.clone(),
        }
    }

    /// Every path that is served.
    pub fn paths(&self) -> impl Iterator<Item = &Arc<str>> {
        self.sources.values().map(|source| &source.path).filter(|path| !path.is_empty())
    }

    pub fn all_routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.routes.values().flatten()
    }

    /// How long events are kept for the routes that say so.
    pub fn ages(&self) -> BTreeMap<Arc<str>, Duration> {
        self.all_routes().filter_map(|route| Some((route.name.clone(), route.retention.age?))).collect()
    }

    /// How much is kept for the routes that say so.
    pub fn sizes(&self) -> BTreeMap<Arc<str>, u64> {
        self.all_routes().filter_map(|route| Some((route.name.clone(), route.retention.size?))).collect()
    }

    pub fn route(&self, name: &str) -> Option<&Arc<Route>> {
        self.by_name.get(name)
    }
}

fn cloned<K: Clone, V: Clone>((key, value): (&K, &V)) -> (K, V) {
    (key.clone(), value.clone())
}

/// A path without the `/` at its end, by which no two sources differ: the address that people type has it or not, and some
/// senders add one.
pub fn bare(path: &str) -> &str {
    match path.strip_suffix('/').unwrap_or(path) {
        "" => "/",
        bare => bare,
    }
}
