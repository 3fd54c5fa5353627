//! The requests that a route can be tried on: those of its tests, what came in, and what else lies in `samples/`.

use std::path::{Component, Path};

use serde_json::{Value as Json, json};
use tokio::runtime::Handle;

use crate::clock::Timestamp;
use crate::compile::Compiled;
use crate::document::Node;
use crate::event::capture;
use crate::id::EventId;
use crate::load;
use crate::page::Inner;
use crate::privacy::Privacy;
use crate::route::Route;
use crate::store::EventFilter;
use crate::trace::input;

/// So many events are offered.
const EVENTS: usize = 10;
/// So many files are offered.
const FILES: usize = 50;
/// No request is put into an editor that is larger.
const LARGEST: usize = 1 << 20;

/// Those that are offered, by kind.
#[derive(Default)]
pub(in crate::page) struct Samples {
    tests: Vec<Sample>,
    events: Vec<Sample>,
    files: Vec<Sample>,
}

struct Sample {
    /// A file of the workspace, or an event.
    value: String,
    label: String,
}

impl Samples {
    /// Those for a route; `from` is the event that a new draft is made of. Called where waiting is allowed.
    pub(in crate::page) fn of(
        page: &Inner,
        compiled: &Compiled,
        route: Option<&Route>,
        name: &str,
        from: Option<&str>,
    ) -> Self {
        let tests = compiled.tests.iter().filter(|test| &*test.route == name);
        let tests: Vec<Sample> = tests
            .map(|test| Sample { value: test.request.to_string(), label: test.name.to_string() })
            .filter(|sample| load::read_inside(&page.workspace.root, &sample.value).is_ok())
            .collect();
        let events = events(page, route.map(|route| &*route.source), from);
        let files = route.map(|route| input::fitting(compiled, route, &page.workspace.root)).unwrap_or_default();
        let files = files.into_iter().filter(|file| tests.iter().all(|test| test.value != *file)).take(FILES);
        let files = files.map(|file| Sample { label: file.clone(), value: file }).collect();
        Samples { tests, events, files }
    }

    /// What is tried when nobody has chosen.
    pub(in crate::page) fn first(&self) -> Option<&str> {
        let all = self.tests.iter().chain(&self.events).chain(&self.files);
        all.map(|sample| sample.value.as_str()).next()
    }

    pub(in crate::page) fn to_json(&self) -> Vec<Json> {
        let groups = [("tests", &self.tests), ("events", &self.events), ("files", &self.files)];
        let sample = |sample: &Sample| json!({ "value": sample.value, "label": sample.label });
        let group = |(kind, samples): (&str, &Vec<Sample>)| json!({ "kind": kind, "samples": samples.iter().map(sample).collect::<Vec<_>>() });
        groups.into_iter().filter(|(_, samples)| !samples.is_empty()).map(group).collect()
    }
}

/// The event that a draft is made of, and the newest of its source.
fn events(page: &Inner, source: Option<&str>, from: Option<&str>) -> Vec<Sample> {
    let store = &page.admin.store;
    let meant = source.map(|source| EventFilter { source: Some(source.into()), ..EventFilter::default() });
    let newest = meant.map(|meant| Handle::current().block_on(store.find_events(meant, EVENTS)));
    let newest = newest.and_then(Result::ok).map(|page| page.events).unwrap_or_default();
    let is_from = |id: &EventId| from.is_some_and(|from| from == id.to_string());
    let newest = newest.into_iter().map(|story| story.event).filter(|event| !is_from(&event.id));
    let mut found: Vec<Sample> = newest.map(|event| of_event(event.id, event.received_at)).collect();
    if let Some(id) = from.and_then(|from| from.parse::<EventId>().ok())
        && let Ok(Some(story)) = Handle::current().block_on(store.event(id))
    {
        found.insert(0, of_event(id, story.event.received_at));
    }
    found
}

fn of_event(id: EventId, at: Timestamp) -> Sample {
    let moment = at.to_string();
    let label = format!("{} UTC", moment.get(..19).unwrap_or(&moment).replace('T', " "));
    Sample { value: id.to_string(), label }
}

/// A request that was chosen, byte for byte. Called where waiting is allowed.
pub(in crate::page) fn bytes(page: &Inner, of: &str) -> Option<Vec<u8>> {
    match of.parse::<EventId>() {
        Ok(id) => of_store(page, id),
        Err(_) => of_file(page, of),
    }
}

/// The request of an event, as a file would have it.
pub(in crate::page) fn of_store(page: &Inner, id: EventId) -> Option<Vec<u8>> {
    let story = Handle::current().block_on(page.admin.store.event(id)).ok().flatten()?;
    Some(capture::write(&story.event.raw))
}

/// What people are not shown of the payload of an event; nothing for what is none, or is shown whole. Called where waiting
/// is allowed.
pub(in crate::page) fn privacy(page: &Inner, of: &str) -> Option<Privacy> {
    let story = Handle::current().block_on(page.admin.store.event(of.parse().ok()?)).ok().flatten()?;
    let set = &page.admin.live.now().set;
    let own = set.sources.get(&story.event.source).map(|source| set.privacy.and(&source.privacy));
    Some(own.unwrap_or_else(|| set.privacy.clone())).filter(|privacy| !privacy.is_none())
}

/// The text of a request for the editor; nothing for what is no text, too large, or not to be shown.
pub(in crate::page) fn shown(page: &Inner, of: &str, bytes: &[u8]) -> Option<String> {
    text(bytes).filter(|_| privacy(page, of).is_none())
}

/// A captured request of the workspace: one in `samples/`, or one that a test of a route names. Links don't lead out.
fn of_file(page: &Inner, file: &str) -> Option<Vec<u8>> {
    let root = &page.workspace.root;
    let is_plain = Path::new(file).components().all(|part| matches!(part, Component::Normal(_)));
    if !is_plain || !(file.starts_with("samples/") || is_named(page, file)) {
        return None;
    }
    let is_inside = || Some(root.join(file).canonicalize().ok()?.starts_with(root.canonicalize().ok()?));
    let bytes = load::read_inside(root, file).ok().filter(|_| is_inside() == Some(true));
    let bytes = bytes.or_else(|| page.drafts.captures().get(file).cloned())?;
    capture::parse(&bytes).is_ok().then_some(bytes)
}

/// Whether a test of a route that serves names this file.
fn is_named(page: &Inner, file: &str) -> bool {
    let request = |test: &Node| test.get("request").and_then(Node::as_scalar).is_some_and(|text| &*text.text == file);
    let names = |root: &Node| root.get("tests").and_then(Node::as_list).is_some_and(|tests| tests.iter().any(request));
    let revision = page.admin.live.now();
    let mut roots = revision.documents.0.values().filter_map(|document| document.root.as_ref());
    roots.any(names)
}

/// A request as a text; nothing for what is no text, or too large.
fn text(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= LARGEST && !text.contains('\0'))?;
    Some(super::target::typed(text))
}
