//! Paths of `decode` that find nothing in any captured request of their source: what rests on them fails elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Compiler;
use super::captured::goes_to;
use crate::diagnostic::{Code, Diagnostic, Place, Severity, suggest};
use crate::event::capture;
use crate::path::{self, Path};
use crate::payload::{self, nested};
use crate::route::RouteSet;
use crate::source::Source;
use crate::test_case::{Failure, TestCase};
use crate::value::Value;

/// How many values of a payload are looked at.
const SEEN: usize = 500;
/// More places than these are no hint.
const NAMED: usize = 3;

/// What is wrong with `decode`, by source.
#[derive(Default)]
pub(super) struct Undecoded(BTreeMap<Arc<str>, Vec<Diagnostic>>);

impl Undecoded {
    /// The failures of a test that are its own; none where its source reads nothing of what the route needs.
    pub(super) fn explained(&mut self, test: &TestCase, set: &RouteSet, failures: Vec<Failure>) -> Vec<Failure> {
        let own = set.route(&test.route).and_then(|route| self.0.get_mut(&route.source));
        let Some(problems) = own.filter(|_| !failures.is_empty()) else { return failures };
        problems.iter_mut().for_each(|problem| problem.severity = Severity::Error);
        Vec::new()
    }

    /// The routes whose samples are not read as they mean them.
    pub(super) fn routes(&self, set: &RouteSet) -> Vec<Arc<str>> {
        let routes = set.all_routes().filter(|route| self.0.contains_key(&route.source));
        routes.map(|route| route.name.clone()).collect()
    }

    pub(super) fn problems(self) -> impl Iterator<Item = Diagnostic> {
        self.0.into_values().flatten()
    }
}

impl Compiler<'_> {
    /// The paths of `decode` that find nothing in any sample, where the samples have such a text elsewhere.
    pub(super) fn undecoded(&self, set: &RouteSet, tests: &[&TestCase]) -> Undecoded {
        let decoding = set.sources.values().filter(|source| !source.decode.is_empty());
        let found = decoding.filter_map(|source| {
            let problems = self.undecoded_of(source, set, tests);
            (!problems.is_empty()).then(|| (source.name.clone(), problems))
        });
        Undecoded(found.collect())
    }

    fn undecoded_of(&self, source: &Source, set: &RouteSet, tests: &[&TestCase]) -> Vec<Diagnostic> {
        let payloads = self.undecoded_payloads(source, set, tests);
        let Some(at) = self.source_places.get(&source.name).filter(|_| !payloads.is_empty()) else { return Vec::new() };
        let all = source.decode.iter().enumerate().filter_map(|(index, step)| {
            let earlier = source.decode.get(..index)?;
            let limits = source.limits.of_payload();
            let read = payloads.iter().filter_map(|payload| nested::decode(payload.clone(), earlier, &limits).ok());
            let read: Vec<Value> = read.collect();
            let place = at.key("decode").key(step.path.text()).on_key();
            let is_written = self.documents.0.get(&place.file)?.node(&place.path).is_some();
            let is_lost = !read.is_empty() && read.iter().all(|payload| step.path.all(payload, 1).is_empty());
            let others: Vec<&Path> = source.decode.iter().map(|step| &step.path).collect();
            (is_written && is_lost).then(|| lost(&step.path, place, &read, &others)).flatten()
        });
        all.collect()
    }

    /// What the captured requests of a source hold before anything inside is read.
    fn undecoded_payloads(&self, source: &Source, set: &RouteSet, tests: &[&TestCase]) -> Vec<Value> {
        let is_own = |test: &&&TestCase| set.route(&test.route).is_some_and(|route| route.source == source.name);
        let named: BTreeSet<&Arc<str>> = tests.iter().filter(is_own).map(|test| &test.request).collect();
        let beside = self.input.samples.iter().filter(|sample| !named.contains(sample)).map(|sample| (sample, false));
        let files = named.iter().map(|file| (*file, true)).chain(beside);
        files
            .filter_map(|(file, is_named)| {
                let raw = capture::parse(&(self.input.read)(file)?).ok()?;
                let is_bare = raw.path() == "/";
                (goes_to(&raw, source, set) && (is_named || !is_bare)).then_some(())?;
                payload::decode_within(&raw, source.format, &source.limits.of_payload()).ok()
            })
            .collect()
    }
}

fn lost(path: &Path, place: Place, payloads: &[Value], others: &[&Path]) -> Option<Diagnostic> {
    let is_other = |location: &str| others.iter().any(|other| other.text() == location);
    let near = payloads.iter().find_map(|payload| path::meant(payload, path)).filter(|near| !is_other(near));
    let texts = payloads.iter().flat_map(texts_of).filter(|location| !is_other(location));
    let texts: BTreeSet<String> = near.map_or_else(|| texts.collect(), |near| BTreeSet::from([near]));
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let have = suggest::one_of(&texts).filter(|_| texts.len() <= NAMED)?;
    let message = format!("`{}` of `decode` finds nothing in the samples", path.text());
    let help = format!("they have {have}: write that, if it is what you mean");
    Some(Diagnostic::new(Code::NotInSamples, place, message).help(help))
}

/// Where a payload has texts with JSON or XML in them.
fn texts_of(payload: &Value) -> Vec<String> {
    let Ok(all) = Path::parse("$..*") else { return Vec::new() };
    let is_nested = |value: &Value| value.as_str().is_some_and(|text| text.trim_start().starts_with(['{', '[', '<']));
    let found = all.select(payload, SEEN).into_iter().filter(|(_, value)| is_nested(value));
    found.map(|(location, _)| location.to_string()).collect()
}
