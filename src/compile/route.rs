//! Routes: names, paths, templates and deliveries, each proved against what it refers to.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Compiler;
use super::body::Target;
use super::extract::{bare, can_be_name, flat, kind_of, may_be_absent};
use super::pack::{Packs, fields};
use super::source::CompiledSource;
use super::template::{Kind, Known, Reach};
use crate::config::Named;
use crate::config::route::{Route as WrittenRoute, Send as WrittenSend};
use crate::config::scalar::Text;
use crate::config::settings::Settings;
use crate::config::source::SourceOrName;
use crate::config::test_case::{Expected as WrittenExpected, TestCase as WrittenTest};
use crate::diagnostic::{Code, Diagnostic, Place, suggest};
use crate::document::Node;
use crate::extract::Extract;
use crate::route::{Route, RouteSet, Send};
use crate::test_case::{Expected, TestCase};

impl Compiler<'_> {
    /// Every route of the workspace into the set; their tests are returned.
    pub(super) fn routes(&mut self, settings: Option<&Settings>, packs: &Packs, set: &mut RouteSet) -> Vec<TestCase> {
        let mut shared = BTreeMap::new();
        for named in settings.map(|s| &s.sources.0).into_iter().flatten() {
            let limits = settings.and_then(|s| s.limits.as_ref());
            if let Some(source) = self.source(&named.name.value, &named.value, packs, limits) {
                self.serve(&source, set);
                shared.insert(named.name.value.clone(), source);
            }
        }
        let mut tests = Vec::new();
        let files: Vec<Arc<str>> =
            self.input.files.keys().filter(|file| file.starts_with("routes/")).cloned().collect();
        for file in files {
            let Some(name) = file.strip_prefix("routes/").and_then(|rest| rest.strip_suffix(".yaml")) else { continue };
            let Some(written) = self.decode::<WrittenRoute>(&file) else { continue };
            let own = match &written.source {
                SourceOrName::Here(source) => {
                    let own = self.source(name, source, packs, settings.and_then(|s| s.limits.as_ref()));
                    own.iter().for_each(|source| self.serve(source, set));
                    own
                }
                SourceOrName::Named(_) => None,
            };
            let source = match &written.source {
                SourceOrName::Here(_) => own.as_ref(),
                SourceOrName::Named(text) => self.named_source(text, &shared, settings),
            };
            let route = self.route(name, &written, source, set, settings);
            tests.extend(written.tests.iter().map(|test| self.test(name, test)));
            if let Some(route) = route {
                set.routes.entry(route.source.clone()).or_default().push(Arc::new(route));
            }
        }
        tests
    }

    fn serve(&mut self, compiled: &CompiledSource, set: &mut RouteSet) {
        if set.add_source(compiled.source.clone()).is_ok() {
            self.source_places.insert(compiled.source.name.clone(), compiled.place.clone());
            return;
        }
        let path = &compiled.source.path;
        let other = set.sources.values().find(|other| same_address(&other.path, path)).map(|other| &other.name);
        let message = match other {
            Some(other) => format!("the source `{other}` listens on `/hooks{path}` already"),
            None => format!("another source listens on `/hooks{path}` already"),
        };
        let help = "give it another `path`, or declare one source in jackfield.yaml under `sources:` and name it in both routes";
        let mut diagnostic = Diagnostic::new(Code::DuplicateSource, compiled.place.key("path"), message).help(help);
        if let Some(place) = other.and_then(|other| self.source_places.get(other)) {
            diagnostic = diagnostic.also(place.key("path"), "the other one");
        }
        self.report(diagnostic);
    }

    fn named_source<'s>(
        &mut self,
        text: &Text,
        shared: &'s BTreeMap<Arc<str>, CompiledSource>,
        settings: Option<&Settings>,
    ) -> Option<&'s CompiledSource> {
        let found = shared.get(&text.value);
        let declared = settings.is_some_and(|settings| settings.sources.get(text).is_some());
        if found.is_none() && !declared && !self.unknown_settings {
            let message = format!("jackfield.yaml declares no source `{}`", text.value);
            let help = suggest::did_you_mean(text, shared.keys().map(|name| &**name))
                .unwrap_or_else(|| "write the source out here: `source: { path: /my-form, … }`".to_owned());
            let near = suggest::certain(text, shared.keys().map(|name| &**name));
            let diagnostic = Diagnostic::new(Code::UnknownSource, text.place.clone(), message).help(help);
            self.report(diagnostic.fix_opt(text.place.clone(), near));
        }
        found
    }

    fn route(
        &mut self,
        name: &str,
        written: &WrittenRoute,
        source: Option<&CompiledSource>,
        set: &RouteSet,
        settings: Option<&Settings>,
    ) -> Option<Route> {
        if let Some(lookup) = &written.lookup {
            self.not_supported("`lookup`", &lookup.place.on_key(), "remove it, and take what the event itself brings");
        }
        if let Some(on_unknown) = &written.on_unknown {
            self.not_supported("`on_unknown`", &on_unknown.place.on_key(), "remove it");
        }
        let mut reach = Reach::of_route(Some(&set.vars).filter(|_| !self.unknown_settings));
        reach.later = written.extract.iter().map(|named| bare(&named.name).into()).collect();
        let matcher = written.matcher.as_ref().map(|text| self.placed(text, Kind::Condition, &mut reach));
        let extracts: Vec<Option<Extract>> = written.extract.iter().map(|named| self.extract(named)).collect();
        reach.later.clear();
        for (named, extract) in written.extract.iter().zip(&extracts) {
            let name = bare(&named.name);
            match can_be_name(name) {
                true => reach.names.push(Known {
                    name: name.into(),
                    optional: may_be_absent(named),
                    kind: extract.as_ref().and_then(kind_of),
                }),
                false => reach.broken.push(name.into()),
            }
        }
        let identity = written.identity.as_ref().or(source.and_then(|source| source.identity.as_ref()));
        let identity = identity.map(|text| self.placed(text, Kind::Value, &mut reach));
        self.check_varies("identity", written.identity.as_ref(), true, &reach);
        self.check_varies("lane", written.lane.as_ref(), false, &reach);
        let lane = written.lane.as_ref().map(|text| self.placed(text, Kind::Value, &mut reach));
        if written.send.is_empty() {
            let message = "the route sends nothing";
            let help = "add `send:` with `- to: connection.operation`";
            self.report(Diagnostic::new(Code::MissingKey, written.place.clone(), message).help(help));
        }
        let sends: Vec<Option<Send>> =
            written.send.iter().map(|send| self.send(send, &reach.clone(), &mut reach, set, settings)).collect();
        self.unused(written, &reach);
        Some(Route {
            name: name.into(),
            source: source?.source.name.clone(),
            matcher: flat(matcher)?,
            fallback: written.fallback.as_ref().is_some_and(|fallback| fallback.value),
            extracts: extracts.into_iter().collect::<Option<_>>()?,
            identity: flat(identity)?,
            lane: flat(lane)?,
            sends: sends.into_iter().collect::<Option<_>>()?,
            place: written.place.clone(),
        })
    }

    fn unused(&mut self, written: &WrittenRoute, reach: &Reach) {
        // A problem elsewhere in the route may be the reason that a name has no use yet.
        if self.problems.iter().any(|p| p.is_error() && p.place().is_some_and(|place| place.file == written.place.file))
        {
            return;
        }
        for named in written.extract.iter().filter(|named| !reach.used.iter().any(|used| **used == *bare(&named.name)))
        {
            let message = format!("`{}` is extracted and never used", bare(&named.name));
            let diagnostic = Diagnostic::new(Code::UnusedName, named.name.place.clone(), message);
            self.report(diagnostic.help("use it in a template, or remove the line"));
        }
    }

    fn send(
        &mut self,
        written: &WrittenSend,
        route_reach: &Reach,
        used: &mut Reach,
        set: &RouteSet,
        settings: Option<&Settings>,
    ) -> Option<Send> {
        if let Some(steps) = &written.steps {
            self.not_supported("`steps`", &steps.place.on_key(), "remove it; a delivery is one call");
        }
        let target = self.target(&written.to, set, settings);
        let mut reach = route_reach.clone();
        match &target {
            Some((connection, _)) => {
                let known = connection.settings.as_object().map(|settings| settings.keys().cloned().collect());
                reach.fields.push(("connection", known.unwrap_or_default()));
                reach.secrets = connection.secrets.keys().cloned().collect();
            }
            // What the connection has is not known, so nothing of it can be wrong.
            None => reach.names.push(Known::new("connection")),
        }
        let when = written.when.as_ref().map(|when| self.placed(when, Kind::Condition, &mut reach));
        let params = fields(&written.params, |node| self.body(node, &mut reach));
        let query = fields(&written.query, |node| self.body(node, &mut reach));
        let headers = fields(&written.headers, |node| self.body(node, &mut reach));
        let body = written.body.as_ref().map(|node| self.body(node, &mut reach));
        used.used.append(&mut reach.used);
        let (connection, operation) = target?;
        self.check_params(written, &connection, &operation);
        let target = Target { to: &written.to, connection: &connection, operation: &operation, reach: &reach };
        let body_place = written.body.as_ref().map_or_else(|| written.place.clone(), |body| body.place.clone());
        let body = flat(body)?;
        let at = if body.is_some() { body_place.clone() } else { written.to.place.clone() };
        // A key that is misspelled may be the body.
        if body.is_some() || !self.has_unknown_key(&written.place) {
            self.check_body(body.as_ref(), &target, &at);
        }
        Some(Send {
            to: written.to.value.clone(),
            when: flat(when)?,
            params: params?,
            query: query?,
            headers: headers?,
            body,
            body_place,
            place: written.place.clone(),
            connection,
            operation,
        })
    }

    fn target(
        &mut self,
        to: &Text,
        set: &RouteSet,
        settings: Option<&Settings>,
    ) -> Option<(Arc<crate::pack::Connection>, Arc<crate::pack::Operation>)> {
        let Some((connection, operation)) = to.split_once('.') else {
            let message = format!("`{}` does not name an operation", to.value);
            let help = "write the connection and the operation with a dot between: `cloudchat.create_conversation`";
            self.report(Diagnostic::new(Code::UnknownOperation, to.place.clone(), message).help(help));
            return None;
        };
        let place = to.place.part(0..connection.len());
        let Some(found) = set.connections.get(connection) else {
            let declared = settings.map(|s| s.connections.names().collect::<Vec<_>>()).unwrap_or_default();
            // A connection that is there and has problems of its own says so itself.
            let whole = |name: &&str| to.strip_prefix(*name).is_some_and(|rest| rest.starts_with('.'));
            if !self.unknown_settings && !declared.iter().any(whole) {
                let message = format!("jackfield.yaml has no connection `{connection}`");
                let help = suggest::did_you_mean(connection, declared.iter().copied())
                    .unwrap_or_else(|| format!("add it under `connections:`: `{connection}: {{ provider: … }}`"));
                let near = suggest::certain(connection, declared);
                let diagnostic = Diagnostic::new(Code::UnknownConnection, place.clone(), message).help(help);
                self.report(diagnostic.fix_opt(place, near));
            }
            return None;
        };
        let known = found.pack.operations.get(operation);
        if known.is_none() && !self.is_broken(&found.pack.name, operation) {
            let message = format!("{} has no operation `{operation}`", found.pack.title);
            let help = suggest::did_you_mean(operation, found.pack.operations.keys().map(|name| &**name));
            let place = to.place.part(connection.len() + 1..to.len());
            let near = suggest::certain(operation, found.pack.operations.keys().map(|name| &**name));
            let diagnostic = Diagnostic::new(Code::UnknownOperation, place.clone(), message).help_opt(help);
            self.report(diagnostic.fix_opt(place, near));
        }
        Some((found.clone(), known?.clone()))
    }

    fn check_params(
        &mut self,
        written: &WrittenSend,
        connection: &crate::pack::Connection,
        operation: &crate::pack::Operation,
    ) {
        let names: Vec<&str> = operation.params().map(|name| &**name).collect();
        for given in written.params.iter().filter(|given| !names.contains(&&*given.name.value)) {
            let message = format!("the address of `{}` has no `{{{}}}`", written.to.value, given.name.value);
            let help = suggest::did_you_mean(&given.name.value, names.iter().copied());
            let near = suggest::certain(&given.name.value, names.iter().copied());
            let diagnostic = Diagnostic::new(Code::InvalidParameter, given.name.place.clone(), message).help_opt(help);
            self.report(diagnostic.fix_opt(given.name.place.clone(), near));
        }
        for name in names {
            let known = connection.settings.get(name).is_some() || connection.secrets.contains_key(name);
            let unset = self.unset.contains(&(connection.name.clone(), name.into()));
            let misspelled = |given: &Named<Node>| suggest::nearest(&given.name.value, [name]).is_some();
            if !known && !unset && !written.params.iter().any(misspelled) {
                let message = format!("`{}` needs `{name}` in its address", written.to.value);
                let help = format!("add `params: {{ {name}: … }}` here, or `{name}: …` to the connection");
                self.report(Diagnostic::new(Code::InvalidParameter, written.to.place.clone(), message).help(help));
            }
        }
    }

    fn has_unknown_key(&self, of: &Place) -> bool {
        let is_of = |place: &Place| {
            place.file == of.file && place.path.split_last().is_some_and(|(parent, _)| *parent == of.path)
        };
        self.problems.iter().any(|p| p.code == Code::UnknownKey && p.place().is_some_and(is_of))
    }

    fn test(&mut self, route: &str, written: &WrittenTest) -> TestCase {
        TestCase {
            route: route.into(),
            name: written.name.value.clone(),
            request: written.request.value.clone(),
            request_place: written.request.place.clone(),
            expected: written.expect.iter().map(expected).collect(),
            place: written.place.clone(),
        }
    }
}

fn expected(written: &WrittenExpected) -> Expected {
    let headers = written.headers.iter().flat_map(|headers| headers.iter());
    Expected {
        to: written.to.value.clone(),
        path: written.path.as_ref().map(|path| path.value.clone()),
        headers: headers.map(|header| (header.name.value.clone(), header.value.value.clone())).collect(),
        body: written.body.as_ref().map(Node::to_value),
        exact: written.exact.as_ref().is_some_and(|exact| exact.value),
        place: written.place.clone(),
    }
}

/// Whether two paths take the same requests, whatever their segments are called.
fn same_address(a: &str, b: &str) -> bool {
    let plain = |path: &str| -> Vec<String> {
        path.split('/').map(|part| if part.starts_with('{') { "{}".to_owned() } else { part.to_owned() }).collect()
    };
    plain(a) == plain(b)
}
