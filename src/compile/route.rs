//! Routes: names, paths, templates and deliveries, each proved against what it refers to.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Compiler;
use super::pack::{Packs, fields};
use super::source::CompiledSource;
use super::template::{Kind, Reach};
use crate::config::Named;
use crate::config::extract::{Conversion as WrittenConversion, Extract as Written, ExtractFields};
use crate::config::route::{Route as WrittenRoute, Send as WrittenSend};
use crate::config::scalar::Text;
use crate::config::settings::Settings;
use crate::config::source::SourceOrName;
use crate::config::test_case::{Expected as WrittenExpected, TestCase as WrittenTest};
use crate::convert::Moment;
use crate::diagnostic::{Code, Diagnostic, Place, suggest};
use crate::document::Node;
use crate::extract::{Conversion, Extract, Map};
use crate::pipeline::BASE_NAMES;
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
        if set.add_source(compiled.source.clone()).is_err() {
            let path = &compiled.source.path;
            let other = set.sources.values().find(|other| same_address(&other.path, path));
            let whose = other.map_or_else(String::new, |other| format!(", as source `{}` does", other.name));
            let message = format!("a source listens on `/hooks{path}` already{whose}");
            let help = "give it another `path`, or declare one source in jackfield.yaml under `sources:` and name it in both routes";
            let place = compiled.place.key("path");
            self.report(Diagnostic::new(Code::DuplicateSource, place, message).help(help));
        }
    }

    fn named_source<'s>(
        &mut self,
        text: &Text,
        shared: &'s BTreeMap<Arc<str>, CompiledSource>,
        settings: Option<&Settings>,
    ) -> Option<&'s CompiledSource> {
        let found = shared.get(&text.value);
        let declared = settings.is_some_and(|settings| settings.sources.get(text).is_some());
        if found.is_none() && !declared {
            let message = format!("jackfield.yaml declares no source `{}`", text.value);
            let help = suggest::did_you_mean(text, shared.keys().map(|name| &**name))
                .unwrap_or_else(|| "write the source out here: `source: { path: /my-form, … }`".to_owned());
            self.report(Diagnostic::new(Code::UnknownSource, text.place.clone(), message).help(help));
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
            self.not_supported("`lookup`", &lookup.place.on_key());
        }
        if let Some(on_unknown) = &written.on_unknown {
            self.not_supported("`on_unknown`", &on_unknown.place.on_key());
        }
        let mut reach = Reach::of_route(&set.vars);
        let matcher = written.matcher.as_ref().map(|text| self.placed(text, Kind::Condition, &mut reach));
        let extracts: Vec<Option<Extract>> = written.extract.iter().map(|named| self.extract(named)).collect();
        for named in written.extract.iter() {
            reach.names.push((bare(&named.name).into(), may_be_absent(named)));
        }
        let identity = written.identity.as_ref().or(source.and_then(|source| source.identity.as_ref()));
        let identity = identity.map(|text| self.placed(text, Kind::Value, &mut reach));
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

    fn extract(&mut self, named: &Named<Written>) -> Option<Extract> {
        let place = named.name.place.clone();
        let name = bare(&named.name);
        let is_word = name.chars().all(|c| c.is_alphanumeric() || c == '_')
            && name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if !is_word || BASE_NAMES.contains(&name) || name == "connection" {
            let message = format!("`{name}` can't be a name");
            let help = match is_word {
                true => format!("`{name}` is in reach already and means something else; choose another name"),
                false => "a name has letters, digits and `_`, and begins with a letter".to_owned(),
            };
            self.report(Diagnostic::new(Code::InvalidValue, place, message).help(help));
            return None;
        }
        let empty;
        let written = match &named.value {
            Written::Full(fields) => &**fields,
            Written::Path(path) => {
                empty = only_path(path);
                &empty
            }
        };
        self.check_extract_keys(written);
        let paths = self.extract_paths(written)?;
        let zone = written.timezone.as_ref().map(|zone| self.zone(zone));
        Some(Extract {
            name: name.into(),
            optional: named.name.ends_with('?'),
            paths,
            conversion: written.conversion.as_ref().map_or(Conversion::None, |c| conversion(c.value)),
            moment: Moment { format: written.format.as_ref().map(|f| f.value.to_string()), timezone: flat(zone)? },
            region: flat(written.region.as_ref().map(|region| self.region(region)))?,
            all: written.all.as_ref().is_some_and(|all| all.value),
            map: written.map.as_ref().map(|map| Map {
                entries: map.iter().map(|entry| (entry.name.value.clone(), entry.value.to_value())).collect(),
                otherwise: written.otherwise.as_ref().map(Node::to_value),
            }),
            default: written.default.as_ref().map(Node::to_value),
            pattern: flat(written.pattern.as_ref().map(|pattern| self.pattern(pattern)))?,
            place,
        })
    }

    /// Keys that mean nothing without another.
    fn check_extract_keys(&mut self, written: &ExtractFields) {
        let as_one_of =
            |kinds: &[WrittenConversion]| written.conversion.as_ref().is_some_and(|c| kinds.contains(&c.value));
        let stray = [
            (written.region.as_ref(), "region", "as: phone", as_one_of(&[WrittenConversion::Phone])),
            (written.timezone.as_ref(), "timezone", "as: datetime", as_one_of(&[WrittenConversion::Datetime])),
            (written.format.as_ref(), "format", "as: datetime", as_one_of(&[WrittenConversion::Datetime])),
        ];
        for (text, key, needed, is_there) in stray {
            if let Some(text) = text.filter(|_| !is_there) {
                let message = format!("`{key}` does nothing without `{needed}`");
                let help = format!("add `{needed}`, or remove `{key}`");
                self.report(Diagnostic::new(Code::ConflictingKeys, text.place.on_key(), message).help(help));
            }
        }
        if let (Some(otherwise), None) = (&written.otherwise, &written.map) {
            let message = "`else` does nothing without `map`";
            let help = "a value for when nothing is found is `default`";
            self.report(Diagnostic::new(Code::ConflictingKeys, otherwise.place.on_key(), message).help(help));
        }
    }

    fn extract_paths(&mut self, written: &ExtractFields) -> Option<Vec<(crate::path::Path, Place)>> {
        let texts: Vec<&Text> = match (&written.path, &written.first_of) {
            (Some(path), None) => vec![path],
            (None, Some(paths)) if !paths.is_empty() => paths.iter().collect(),
            (None, _) => {
                let help = "add `path: $.…`, or `first_of:` with a list of paths";
                let diagnostic = Diagnostic::new(Code::MissingKey, written.place.on_key(), "the extract has no `path`");
                self.report(diagnostic.help(help));
                return None;
            }
            (Some(_), Some(paths)) => {
                let place = paths.first().map_or(&written.place, |path| &path.place);
                let message = "an extract has `path` or `first_of`, not both";
                self.report(Diagnostic::new(Code::ConflictingKeys, place.clone(), message));
                return None;
            }
        };
        let paths: Vec<Option<_>> =
            texts.into_iter().map(|text| Some((self.json_path(text)?, text.place.clone()))).collect();
        paths.into_iter().collect()
    }

    fn zone(&mut self, text: &Text) -> Option<jiff::tz::TimeZone> {
        Moment::zone(text)
            .map_err(|unfit| {
                let diagnostic = Diagnostic::new(Code::InvalidValue, text.place.clone(), unfit.message);
                self.report(diagnostic.help_opt(unfit.help));
            })
            .ok()
    }

    fn region(&mut self, text: &Text) -> Option<Arc<str>> {
        if text.value.parse::<phonenumber::country::Id>().is_err() {
            let message = format!("there is no region `{}`", text.value);
            let help = "a region is a country's two capital letters: `BR`, `FR`, `US`";
            self.report(Diagnostic::new(Code::InvalidValue, text.place.clone(), message).help(help));
            return None;
        }
        Some(text.value.clone())
    }

    fn pattern(&mut self, text: &Text) -> Option<regex::Regex> {
        regex::RegexBuilder::new(text)
            .size_limit(256 * 1024)
            .build()
            .map_err(|_| {
                let message = "this regular expression can't be read";
                self.report(Diagnostic::new(Code::InvalidValue, text.place.clone(), message));
            })
            .ok()
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
            self.not_supported("`steps`", &steps.place.on_key());
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
            None => reach.names.push(("connection".into(), false)),
        }
        let when = written.when.as_ref().map(|when| self.placed(when, Kind::Condition, &mut reach));
        let params = fields(&written.params, |node| self.body(node, &mut reach));
        let query = fields(&written.query, |node| self.body(node, &mut reach));
        let headers = fields(&written.headers, |node| self.body(node, &mut reach));
        let body = written.body.as_ref().map(|node| self.body(node, &mut reach));
        used.used.append(&mut reach.used);
        let (connection, operation) = target?;
        self.check_params(written, &connection, &operation);
        let body_place = written.body.as_ref().map_or_else(|| written.place.clone(), |body| body.place.clone());
        let body = flat(body)?;
        self.check_body(body.as_ref(), &operation, &written.to, &body_place);
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
            if !declared.contains(&connection) {
                let message = format!("jackfield.yaml has no connection `{connection}`");
                let help = suggest::did_you_mean(connection, declared.iter().copied())
                    .unwrap_or_else(|| format!("add it under `connections:`: `{connection}: {{ provider: … }}`"));
                self.report(Diagnostic::new(Code::UnknownConnection, place, message).help(help));
            }
            return None;
        };
        let known = found.pack.operations.get(operation);
        if known.is_none() {
            let message = format!("{} has no operation `{operation}`", found.pack.title);
            let help = suggest::did_you_mean(operation, found.pack.operations.keys().map(|name| &**name));
            let place = to.place.part(connection.len() + 1..to.len());
            self.report(Diagnostic::new(Code::UnknownOperation, place, message).help_opt(help));
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
            self.report(Diagnostic::new(Code::InvalidParameter, given.name.place.clone(), message).help_opt(help));
        }
        for name in names {
            let known = connection.settings.get(name).is_some() || connection.secrets.contains_key(name);
            if !known && written.params.get(name).is_none() {
                let message = format!("`{}` needs `{name}` in its address", written.to.value);
                let help = format!("add `params: {{ {name}: … }}` here, or `{name}: …` to the connection");
                self.report(Diagnostic::new(Code::InvalidParameter, written.to.place.clone(), message).help(help));
            }
        }
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

/// The name without its `?`.
fn bare(name: &str) -> &str {
    name.strip_suffix('?').unwrap_or(name)
}

fn may_be_absent(named: &Named<Written>) -> bool {
    let has_default = matches!(&named.value, Written::Full(fields) if fields.default.is_some());
    named.name.ends_with('?') && !has_default
}

fn only_path(path: &Text) -> ExtractFields {
    ExtractFields {
        place: path.place.clone(),
        path: Some(path.clone()),
        first_of: None,
        conversion: None,
        region: None,
        timezone: None,
        format: None,
        all: None,
        map: None,
        otherwise: None,
        default: None,
        pattern: None,
    }
}

fn conversion(written: WrittenConversion) -> Conversion {
    match written {
        WrittenConversion::Text => Conversion::Text,
        WrittenConversion::Integer => Conversion::Integer,
        WrittenConversion::Number => Conversion::Number,
        WrittenConversion::Boolean => Conversion::Boolean,
        WrittenConversion::Phone => Conversion::Phone,
        WrittenConversion::Digits => Conversion::Digits,
        WrittenConversion::Email => Conversion::Email,
        WrittenConversion::Url => Conversion::Url,
        WrittenConversion::Datetime => Conversion::Datetime,
        WrittenConversion::Json => Conversion::Json,
        WrittenConversion::List => Conversion::List,
        WrittenConversion::Object => Conversion::Object,
    }
}

/// `Some(None)` where nothing was written, nothing where what was written did not compile.
fn flat<T>(compiled: Option<Option<T>>) -> Option<Option<T>> {
    match compiled {
        None => Some(None),
        Some(None) => None,
        Some(Some(value)) => Some(Some(value)),
    }
}

/// Whether two paths take the same requests, whatever their segments are called.
fn same_address(a: &str, b: &str) -> bool {
    let plain = |path: &str| -> Vec<String> {
        path.split('/').map(|part| if part.starts_with('{') { "{}".to_owned() } else { part.to_owned() }).collect()
    };
    plain(a) == plain(b)
}
