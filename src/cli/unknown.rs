//! A name that was asked for and that nobody knows: nothing was found since it is misspelt, or of something that is gone.

use std::collections::BTreeSet;

use serde_json::Value;

use super::ask::{Answer, LookArg};
use super::terminal::error_line;
use crate::compile::SETTINGS;
use crate::diagnostic::suggest;
use crate::load::{self, Options};

/// The names that were asked for.
pub(super) struct Named<'n> {
    pub route: &'n Option<String>,
    pub source: &'n Option<String>,
    pub connection: &'n Option<String>,
}

/// Says which of the names is neither in the workspace nor in the store, where what stands under all of these keys of an answer
/// is nothing.
pub(super) fn warn(from: &LookArg, answer: &Answer, keys: &[&str], named: &Named<'_>) {
    let asked = [("route", named.route), ("source", named.source), ("connection", named.connection)];
    let asked: Vec<(&str, &String)> =
        asked.into_iter().filter_map(|(what, name)| Some((what, name.as_ref()?))).collect();
    if asked.is_empty() || answer.status != 200 || !is_nothing(answer, keys) {
        return;
    }
    let Some(known) = Known::of(from) else { return };
    for (what, name) in asked {
        let names = known.names(what);
        if names.contains(name.as_str()) || is_in_store(from, what, name) {
            continue;
        }
        let near = suggest::nearest(name, names.iter().map(String::as_str));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        error_line(format!("there is no {what} `{}`{near}", name.replace(char::is_control, " ")));
    }
}

/// Whether an answer lists and counts nothing under these keys.
fn is_nothing(answer: &Answer, keys: &[&str]) -> bool {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    keys.iter().all(|key| match &body[*key] {
        Value::Array(items) => items.is_empty(),
        count => count.as_u64().unwrap_or(0) == 0,
    })
}

/// What was sent before may be of a route that is gone.
fn is_in_store(from: &LookArg, what: &str, name: &str) -> bool {
    let path = format!("/events?last=1&{what}={}", crate::request::encode(name));
    // Whom nobody can be asked about is not said to be unknown.
    from.get_again(&path).is_none_or(|answer| !is_nothing(&answer, &["events"]))
}

/// The names of a workspace.
struct Known {
    routes: BTreeSet<String>,
    sources: BTreeSet<String>,
    connections: BTreeSet<String>,
}

impl Known {
    /// Nothing, where there is no workspace.
    fn of(from: &LookArg) -> Option<Self> {
        let root = load::root_of(from.workspace());
        if !root.join(SETTINGS).exists() {
            return None;
        }
        let files = load::read(&root);
        let route = |file: &str| file.strip_prefix("routes/")?.strip_suffix(".yaml").map(str::to_owned);
        let routes: BTreeSet<String> = files.texts.keys().filter_map(|file| route(file)).collect();
        let compiled = load::compile_files(&root, files, &Options { tests: false, ..Options::offline() });
        let words = |name: &std::sync::Arc<str>| name.to_string();
        Some(Known {
            // A route may have a source of its own, which has its name.
            sources: compiled.set.sources.keys().map(words).chain(routes.iter().cloned()).collect(),
            connections: compiled.set.connections.keys().map(words).collect(),
            routes,
        })
    }

    fn names(&self, what: &str) -> &BTreeSet<String> {
        match what {
            "route" => &self.routes,
            "source" => &self.sources,
            _ => &self.connections,
        }
    }
}
