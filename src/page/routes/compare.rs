//! What a draft makes otherwise of the events that came in.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::target::Target;
use crate::changes::{self, Before, Group, Meant, Summary};
use crate::compile::{Compiled, Documents};
use crate::diagnostic;
use crate::diff::{Field, What};
use crate::page::Inner;
use crate::page::problem;
use crate::page::traced::shown;
use crate::store::{Look, StoreError};

/// So many of the newest events are gone through, unless it is said otherwise.
pub(in crate::page) const LAST: usize = 1000;
/// No more are gone through.
const MOST: usize = 10_000;
/// What has not been gone through by then is left out.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of it: for a template, and for programs.
pub(in crate::page) struct Comparison {
    pub diff: Json,
    pub data: Json,
}

/// Compares a good draft with what serves; where nothing is changed, with what was made of the events.
pub(in crate::page) fn run(
    page: &Inner,
    compiled: &Compiled,
    target: &Target,
    last: usize,
) -> Result<Comparison, StoreError> {
    let look = Look::at(&page.workspace.data)?;
    let live = page.admin.live.now();
    let (before, against) = match live.set.revision == compiled.set.revision {
        true => (Before::Sent, "what was made of them when they came in"),
        false => (Before::Routes(&live.set), "the workspace that is served"),
    };
    let until = Some(Instant::now() + PATIENCE);
    let meant = Meant {
        of_route: target.route.as_deref(),
        last: last.min(MOST),
        until,
        masked_by: Some(&live.set),
        ..Meant::default()
    };
    let summary = changes::summary(&look, before, &compiled.set, &meant)?;
    let diff = told(&summary, &compiled.documents);
    Ok(Comparison { diff, data: summary.to_json(against, &compiled.documents) })
}

fn told(summary: &Summary, files: &Documents) -> Json {
    let groups = changes::groups(&summary.changes, files);
    json!({
        "events": summary.events,
        "first": summary.span.map(|(first, _)| first.to_string()),
        "last": summary.span.map(|(_, last)| last.to_string()),
        "worse": summary.worse,
        "changed": summary.changed,
        "same": summary.events - summary.changed,
        "groups": groups.iter().map(|group| of_group(group, files)).collect::<Vec<_>>(),
    })
}

fn of_group(group: &Group<'_>, files: &Documents) -> Json {
    let (mut found, mut request, mut why, mut fields) = (None, None, None, Vec::new());
    match group.what {
        What::Appears(made) | What::Vanishes(made) => request = Some(changes::brief(made)),
        What::Differs(all) => fields = all.iter().map(of_field).collect(),
        What::Fails(failure) => found = Some(problem::shown(&diagnostic::json::render(failure, files))),
        What::Unread(reason) => why = Some(*reason),
        What::Mended | What::Read => {}
    }
    json!({
        "what": group.what.word(),
        "to": group.to.as_deref(),
        "count": group.count,
        "example": group.event.to_string(),
        "problem": found,
        "request": request,
        "why": why,
        "fields": fields,
    })
}

fn of_field(field: &Field) -> Json {
    json!({ "path": field.path, "before": field.before.as_ref().map(shown), "after": field.after.as_ref().map(shown) })
}
