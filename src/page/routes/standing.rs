//! How a route stands: what came of its events, and what is wrong with its file.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;
use tokio::runtime::Handle;

use super::draft;
use super::editor::text_of;
use crate::clock::Timestamp;
use crate::compile::Documents;
use crate::delivery::State;
use crate::figures::Window;
use crate::page::{Inner, Page, problem};

/// What was counted of a route.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::page) struct RouteFigures {
    /// Of the last day.
    pub events: u64,
    /// The share of deliveries of the last day that went well; nothing where none is done.
    pub success: Option<f64>,
    pub last_at: Option<Timestamp>,
    /// Most of what was done in the last hour was given up.
    pub is_failing: bool,
}

impl RouteFigures {
    pub(in crate::page) fn state(&self) -> &'static str {
        match (self.is_failing, self.events) {
            (true, _) => "failing",
            (false, 0) => "quiet",
            (false, _) => "live",
        }
    }
}

/// What was counted of a route.
pub(in crate::page) fn figures(page: &Inner, route: &str) -> RouteFigures {
    let (figures, now) = (&page.admin.figures, page.admin.clock.now());
    let day = figures.route(route, Window::Day, now);
    RouteFigures {
        events: day.counts.received.into(),
        success: day.success(),
        last_at: day.last_at,
        is_failing: figures.route(route, Window::Hour, now).mostly_fails(),
    }
}

/// How many deliveries of each route were given up. Called where waiting is allowed.
pub(in crate::page) fn dead(page: &Page) -> BTreeMap<Arc<str>, u64> {
    Handle::current().block_on(page.stand()).map(|stand| stand.kept_by_route(State::Dead)).unwrap_or_default()
}

/// What a file says of itself.
pub(in crate::page) fn description(documents: &Documents, file: &str) -> Option<String> {
    text_of(documents.0.get(file)?.root.as_ref()?, "description")
}

/// The problems of the files, where the last change of them was refused; and the files that have only warnings.
#[derive(Debug, Default)]
pub(in crate::page) struct Reloaded {
    problems: Vec<Json>,
    was_taken: bool,
}

impl Reloaded {
    pub(in crate::page) fn of(page: &Inner) -> Self {
        let (problems, was_taken) = match page.admin.reloads.last() {
            Some(last) => (last.problems, last.taken),
            None => (draft::at_start(page), false),
        };
        Reloaded { problems: problems.as_array().cloned().unwrap_or_default(), was_taken }
    }

    /// What kept the last change from going live, each with the address of its file on the page.
    pub(in crate::page) fn refused(&self) -> Vec<Json> {
        let errors = self.problems.iter().filter(|problem| !self.was_taken && problem["severity"] == "error");
        errors.map(problem::linked).collect()
    }

    /// `problems` or `warnings` of a file.
    pub(in crate::page) fn state(&self, file: &str) -> Option<&'static str> {
        let has = |severity: &str| {
            self.problems.iter().any(|problem| problem["severity"] == severity && problem["places"][0]["file"] == file)
        };
        match () {
            () if has("error") => Some("problems"),
            () if has("warning") => Some("warnings"),
            () => None,
        }
    }

    /// The routes that have problems, by their names, whether they serve or not.
    pub(in crate::page) fn routes(&self) -> impl Iterator<Item = &str> {
        let files = self.problems.iter().filter_map(|problem| problem["places"][0]["file"].as_str());
        files.filter_map(|file| file.strip_prefix("routes/")?.strip_suffix(".yaml"))
    }
}
