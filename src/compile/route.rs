//! Routes: names, paths, templates and deliveries, each proved against what it refers to.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::Compiler;
use super::extract::{bare, can_be_name, flat, may_be_absent, type_of};
use super::source::CompiledSource;
use super::step::saved_by;
use super::template::{Kind, Known, Reach, Unsaved};
use crate::config::extract::Extract as WrittenExtract;
use crate::config::route::{OnUnknown as WrittenOnUnknown, Route as WrittenRoute};
use crate::config::scalar::Text;
use crate::config::settings::Settings;
use crate::config::source::Source;
use crate::config::step::Step;
use crate::diagnostic::{Code, Diagnostic, suggest};
use crate::extract::{Conversion, Extract};
use crate::payload::Format;
use crate::plan::OnUnknown;
use crate::route::{Route, RouteSet, Send};
use crate::source::OWN_SOURCE;
use crate::types::{Presence, Type};

impl Compiler<'_> {
    /// Sources that were declared for a route and have none.
    pub(super) fn unused_sources(&mut self, settings: &Settings, named: &HashSet<Arc<str>>) {
        // A route that names a source which is not there may mean one of these.
        if named.iter().any(|name| settings.sources.names().all(|known| *known != **name)) {
            return;
        }
        let captures = |source: &Source| source.capture.as_ref().is_some_and(|capture| capture.value);
        for source in settings.sources.iter() {
            let name = &source.name;
            // A source of that name is an error already.
            if *name.value == *OWN_SOURCE {
                continue;
            }
            if named.contains(&name.value) || captures(&source.value) || self.was_tried(&source.value.place, "capture")
            {
                continue;
            }
            let message = format!("no route names the source `{}`: what comes is kept, and goes nowhere", name.value);
            let help = format!(
                "name it in a route, `source: {}`; or write `capture: true` for a source whose requests are only looked at",
                name.value
            );
            self.report(Diagnostic::new(Code::UnusedSource, name.place.clone(), message).help(help));
        }
    }

    /// What a route's own source brings is for that route.
    pub(super) fn check_capture(&mut self, source: &Source) {
        if let Some(capture) = source.capture.as_ref().filter(|capture| capture.value) {
            let message = "`capture` is for a source that has no route, and this one is a route's own";
            let help = "remove it; or declare the source in jackfield.yaml under `sources:`, and delete the route";
            self.report(Diagnostic::new(Code::ConflictingKeys, capture.place.on_key(), message).help(help));
        }
    }

    /// Fallbacks of a source of which another route takes every event.
    pub(super) fn unreachable(&mut self, set: &RouteSet) {
        for routes in set.routes.values() {
            let Some(all) = routes.iter().find(|route| !route.fallback && route.matcher.is_none()) else { continue };
            for route in routes.iter().filter(|route| route.fallback) {
                let message =
                    format!("`{}` takes every event of this source, so nothing is left for a fallback", all.name);
                let help = format!("give `{}` a `match`, or remove this route", all.name);
                let diagnostic = Diagnostic::new(Code::NeverMatches, route.place.key("fallback").on_key(), message);
                self.report(diagnostic.also(all.place.key("source").on_key(), "it has no `match`").help(help));
            }
        }
    }

    pub(super) fn serve(&mut self, compiled: &CompiledSource, set: &mut RouteSet) {
        if *compiled.source.name == *OWN_SOURCE {
            return self.is_own_name(compiled);
        }
        if set.add_source(compiled.source.clone()).is_ok() {
            return self.know_source(compiled);
        }
        let path = &compiled.source.path;
        let other = set.sources.values().find(|other| same_address(&other.path, path)).map(|other| &other.name);
        let own = &compiled.source.name;
        // Of a file and its copy the copy is to be mended, whichever has been read first.
        let is_copied = |other: &&Arc<str>| is_copy(other, own);
        let (copy, first) = match other.filter(is_copied).and_then(|other| self.source_places.get(other)) {
            Some(place) => (Some(own), (place.clone(), compiled.place.clone())),
            None => {
                let place = other.and_then(|other| self.source_places.get(other));
                (other, (compiled.place.clone(), place.cloned().unwrap_or_else(|| compiled.place.clone())))
            }
        };
        let prefix = &self.prefix;
        let message = match copy {
            Some(other) => format!("the source `{other}` listens on `{prefix}{path}` already"),
            None => format!("another source listens on `{prefix}{path}` already"),
        };
        let help = "give it another `path`, or declare one source in jackfield.yaml under `sources:` and name it in both routes";
        let (place, second) = first;
        let mut diagnostic = Diagnostic::new(Code::DuplicateSource, place.key("path"), message).help(help);
        if other.is_some() {
            diagnostic = diagnostic.also(second.key("path"), "the other one");
        }
        self.report(diagnostic);
    }

    /// Keeps in mind where a source is written.
    pub(super) fn know_source(&mut self, compiled: &CompiledSource) {
        if *compiled.source.name == *OWN_SOURCE {
            return self.is_own_name(compiled);
        }
        self.source_places.insert(compiled.source.name.clone(), compiled.place.clone());
        self.check_address_is_known(&compiled.source);
    }

    pub(super) fn named_source<'s>(
        &mut self,
        text: &Text,
        shared: &'s BTreeMap<Arc<str>, CompiledSource>,
        settings: Option<&Settings>,
    ) -> Option<&'s CompiledSource> {
        let found = shared.get(&text.value);
        let declared = settings.is_some_and(|settings| settings.sources.names().any(|name| *name == *text.value));
        if found.is_none() && !declared && !self.is_section_unknown("sources") {
            let message = format!("jackfield.yaml declares no source `{}`", text.value);
            let help = suggest::did_you_mean(text, shared.keys().map(|name| &**name))
                .unwrap_or_else(|| "write the source out here: `source: { path: /my-form, … }`".to_owned());
            let near = suggest::certain(text, shared.keys().map(|name| &**name));
            let diagnostic = Diagnostic::new(Code::UnknownSource, text.place.clone(), message).help(help);
            self.report(diagnostic.fix_opt(text.place.clone(), near));
        }
        found
    }

    pub(super) fn route(
        &mut self,
        name: &str,
        written: &WrittenRoute,
        source: Option<&CompiledSource>,
        set: &RouteSet,
        settings: Option<&Settings>,
    ) -> Option<Route> {
        let mut reach = Reach::of_route(Some(&set.vars).filter(|_| !self.is_section_unknown("vars")));
        if let Some(source) = source {
            reach.methods = source.source.methods.clone();
            reach.form =
                source.source.decode.is_empty() && matches!(source.source.format, Format::Form | Format::Query);
            let path = &source.source.path;
            reach.segments = Some(segments(path));
            reach.path = (!path.contains('{')).then(|| path.clone());
        }
        let steps = written.send.iter().flat_map(|send| &send.steps).chain(&written.lookup);
        let saved: Vec<Step> = steps.cloned().collect();
        reach.unsaved = saved_by(&saved, Unsaved::Deciding);
        reach.later = written.extract.iter().map(|named| (bare(&named.name).into(), path_in(&named.value))).collect();
        reach.early = true;
        let matcher = written.matcher.as_ref().map(|text| self.placed(text, Kind::Condition, &mut reach));
        reach.early = false;
        self.check_names_once(&written.extract);
        let extracts: Vec<Option<Extract>> = written.extract.iter().map(|named| self.extract(named)).collect();
        reach.later.clear();
        reach.paths = extracts.iter().flatten().flat_map(path_of).collect();
        for (named, extract) in written.extract.iter().zip(&extracts) {
            let name = bare(&named.name);
            match can_be_name(name) {
                true => reach.names.push(Known {
                    name: name.into(),
                    ty: match extract {
                        Some(_) if self.is_conversion_unread(&named.value) => Type::unknown(),
                        Some(extract) => of_source(type_of(&named.value, extract), extract, reach.form),
                        None if may_be_absent(named) => Type::unknown().with_presence(Presence::Possible),
                        None => Type::unknown(),
                    },
                }),
                false => reach.broken.push(name.into()),
            }
        }
        reach.broken.extend(written.extract.unread.iter().map(|name| bare(name).into()));
        reach.unread = ["extract", "lookup"].into_iter().any(|key| self.is_unread(&written.place, key));
        let identity = written.identity.as_ref().or(source.and_then(|source| source.identity.as_ref()));
        let identity = identity.map(|text| self.placed(text, Kind::Value, &mut reach));
        let own = written.identity.as_ref().or(source.and_then(|source| source.identity.as_ref()));
        let own = own.filter(|text| !text.place.file.starts_with("schemas/"));
        self.check_varies("identity", own, true, &reach);
        self.check_personal(identity.as_ref().and_then(Option::as_ref), &reach);
        let lane = written.lane.as_ref().map(|text| self.placed(text, Kind::Value, &mut reach));
        self.check_varies("lane", written.lane.as_ref(), false, &reach);
        if written.send.is_empty() {
            let message = "the route sends nothing";
            let help = "add `send:` with `- to: connection.operation`";
            let diagnostic = Diagnostic::new(Code::MissingKey, written.place.clone(), message).help(help);
            self.report_missing(&written.place, "send", diagnostic);
        }
        reach.unsaved.clear();
        reach.extracted = reach.names.iter().map(|known| known.name.clone()).collect();
        reach.unsaved = written.send.iter().flat_map(|send| saved_by(&send.steps, Unsaved::AnyDelivery)).collect();
        let lookup = self.route_steps(&written.lookup, &mut reach, set, settings);
        reach.unsaved.clear();
        let sends: Vec<Option<Send>> = (0..)
            .zip(&written.send)
            .map(|(index, send)| {
                let mut own = reach.clone();
                own.unsaved = saved_elsewhere(written, index);
                self.send(send, &own, &mut reach, set, settings)
            })
            .collect();
        source.iter().for_each(|source| self.check_echo(written, source, set));
        let optional: Vec<Arc<str>> = written.extract.iter().map(|named| bare(&named.name).into()).collect();
        self.merge_optional(&written.place.file, &optional);
        self.unused_saved(&written.lookup, &reach);
        self.unused(written, &reach);
        let base = Route {
            name: name.into(),
            source: source?.source.name.clone(),
            matcher: flat(matcher)?,
            fallback: written.fallback.as_ref().is_some_and(|fallback| fallback.value),
            extracts: extracts.iter().flatten().cloned().collect(),
            identity: None,
            lane: None,
            lookup: Vec::new(),
            sends: Vec::new(),
            on_unknown: match written.on_unknown.as_ref().map(|choice| choice.value) {
                Some(WrittenOnUnknown::Hold) => OnUnknown::Hold,
                _ => OnUnknown::Retry,
            },
            retention: written
                .retention
                .as_ref()
                .map(|retention| self.retention_of_route(retention))
                .unwrap_or_default(),
            place: written.place.clone(),
        };
        let rest = || {
            let whole = extracts.iter().all(Option::is_some);
            let calls = (lookup.into_iter().collect::<Option<_>>()?, sends.into_iter().collect::<Option<_>>()?);
            whole.then_some((flat(identity)?, flat(lane)?, calls))
        };
        match rest() {
            Some((identity, lane, (lookup, sends))) => Some(Route { identity, lane, lookup, sends, ..base }),
            None => {
                self.partial.push(Arc::new(base));
                None
            }
        }
    }

    fn unused(&mut self, written: &WrittenRoute, reach: &Reach) {
        // A problem elsewhere in the route may be the reason that a name has no use yet.
        if self.problems.iter().any(|p| p.is_error() && p.place().is_some_and(|place| place.file == written.place.file))
        {
            return;
        }
        for named in written.extract.iter().filter(|named| !reach.used.iter().any(|used| **used == *bare(&named.name)))
        {
            if self.is_in_comment(&written.place, bare(&named.name)) {
                continue;
            }
            if let Some(problem) = self.unused_literal(bare(&named.name), &written.place.file) {
                self.report(problem);
                continue;
            }
            let message = format!("`{}` is extracted and never used", bare(&named.name));
            let diagnostic = Diagnostic::new(Code::UnusedName, named.name.place.clone(), message);
            self.report(diagnostic.help("use it in a template, or remove the line"));
        }
    }
}

/// The names that the steps of other deliveries save.
fn saved_elsewhere(written: &WrittenRoute, index: usize) -> Vec<(Arc<str>, Unsaved)> {
    let others = written.send.iter().enumerate().filter(|(at, _)| *at != index);
    others.flat_map(|(_, send)| saved_by(&send.steps, Unsaved::OtherDelivery)).collect()
}

impl Compiler<'_> {
    /// Whether a name of a route stands in what a ` #` has made a comment, which is told there.
    fn is_in_comment(&self, route: &crate::diagnostic::Place, name: &str) -> bool {
        let is_hidden = |problem: &Diagnostic| {
            problem.code == Code::YamlHiddenComment && problem.place().is_some_and(|place| place.file == route.file)
        };
        let mut lines = self.problems.iter().filter(|problem| is_hidden(problem)).filter_map(|p| p.help.as_deref());
        lines.any(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name))
    }
}

impl Compiler<'_> {
    /// Whether it could not be read what an extract makes of its value, which is reported.
    fn is_conversion_unread(&self, written: &WrittenExtract) -> bool {
        match written {
            WrittenExtract::Full(fields) => {
                (fields.conversion.is_none() && self.was_tried(&fields.place, "as"))
                    || self.blank_maps.contains(&fields.place)
            }
            WrittenExtract::Path(_) => false,
        }
    }
}

/// What is found in a form is text, where the extract makes nothing else of it.
fn of_source(ty: Type, extract: &Extract, form: bool) -> Type {
    match form
        && extract.conversion == Conversion::None
        && extract.map.is_none()
        && extract.default.is_none()
        && !extract.all
    {
        true => Type::of_form().with_presence(ty.presence),
        false => ty,
    }
}

/// The path of an extract that has one alone, as written.
fn path_in(written: &WrittenExtract) -> Option<Arc<str>> {
    match written {
        WrittenExtract::Path(path) => Some(path.value.clone()),
        WrittenExtract::Full(fields) => Some(fields.path.as_ref()?.value.clone()),
    }
}

/// The path of an extract that has one alone, and its name.
fn path_of(extract: &Extract) -> Option<(Arc<str>, Arc<str>)> {
    match extract.paths.as_slice() {
        [(path, _)] => Some((path.text().into(), extract.name.clone())),
        _ => None,
    }
}

/// The names of a path's `{segments}`.
pub(super) fn segments(path: &str) -> Vec<Arc<str>> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.map(|name| name.trim_start_matches('*').into()).collect()
}

/// Whether a file is called as the copy of another one: `lead-copy` of `lead`, `lead (1)`.
fn is_copy(name: &str, of: &str) -> bool {
    const MARKS: [&str; 7] = ["copy", "copia", "cópia", "copie", "kopie", "backup", "(1)"];
    let has = |name: &str| MARKS.iter().any(|mark| name.to_lowercase().contains(mark));
    has(name) && !has(of)
}

/// Whether two paths take the same requests, whatever their segments are called.
fn same_address(a: &str, b: &str) -> bool {
    let plain = |path: &str| -> Vec<String> {
        path.split('/').map(|part| if part.starts_with('{') { "{}".to_owned() } else { part.to_owned() }).collect()
    };
    plain(a) == plain(b)
}
