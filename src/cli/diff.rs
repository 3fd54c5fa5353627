//! `jackfield diff`: what an edit changes, shown on what came in.

mod group;
mod sent;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::deliveries::Shown;
use super::terminal::{self, error_line, line};
use super::{DataArg, Exit, route_name, store as stored};
use crate::clock::Timestamp;
use crate::compile::Compiled;
use crate::diagnostic::text::count_of;
use crate::diff::{self, Change, Recorded, What};
use crate::id::EventId;
use crate::load::{self, Files, Options};
use crate::route::Route;
use crate::store::{Look, StoreError};
use group::Groups;

#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// How many of the newest events are gone through: of one source with `--source`, of that of the route with `--route`
    #[arg(long, default_value_t = 1000, value_name = "NUMBER")]
    last: usize,
    /// Events of this source only
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// What this route makes only
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// Compare with the workspace in this folder, or, as `sent`, with what was made of each event when it came in; unless
    /// given, with the workspace that was served last, and where these are its files, with what was made
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
    /// How the result is written
    #[arg(long, value_enum, default_value_t = Shown::Text, value_name = "FORMAT")]
    format: Shown,
    #[command(flatten)]
    data: DataArg,
}

/// What came of all events together.
#[derive(Default)]
struct Summary {
    events: usize,
    changed: usize,
    worse: usize,
    /// When the first and the last of them came in.
    span: Option<(Timestamp, Timestamp)>,
    changes: Vec<(EventId, Change)>,
}

pub(super) fn run(args: &DiffArgs) -> Exit {
    let root = load::root_of(&args.data.workspace.workspace);
    let after = match compiled(&root, load::read(&root)) {
        Ok(after) => after,
        Err(exit) => return exit,
    };
    let outcome = stored::folder(&args.data).and_then(|folder| {
        let look = Look::at(&folder).map_err(unreadable)?;
        let before = before(args, &root, &look, &after)?;
        let summary = summary(args, &look, &before, &after).map_err(unreadable)?;
        Ok((before, summary))
    });
    match outcome {
        Ok((before, summary)) => {
            match args.format {
                Shown::Text => as_text(&summary, &before, &after),
                Shown::Json => as_json(&summary, &before, &after),
            }
            if summary.worse > 0 { Exit::ProblemsFound } else { Exit::Fine }
        }
        Err(exit) => exit,
    }
}

/// What the edit is compared with.
enum Before {
    Workspace(Box<Compiled>, &'static str),
    /// What was stored of each event when it was routed.
    Sent,
}

impl Before {
    fn name(&self) -> &'static str {
        match self {
            Before::Workspace(_, name) => name,
            Before::Sent => "what was made of them when they came in",
        }
    }
}

fn unreadable(error: StoreError) -> Exit {
    error_line(format!("the event store can't be read: {error}"));
    Exit::CouldNotRun
}

/// A workspace that compiles; the problems of one that does not are shown.
fn compiled(root: &Path, files: Files) -> Result<Compiled, Exit> {
    let mut compiled = load::compile_files(root, files, &Options { tests: false, ..Options::offline() });
    if compiled.is_good() {
        return Ok(compiled);
    }
    compiled.diagnostics.retain(crate::diagnostic::Diagnostic::is_error);
    terminal::error_diagnostics(&compiled.diagnostics, &compiled.documents);
    error_line("the workspace does not compile, so nothing was compared");
    Err(Exit::ProblemsFound)
}

fn before(args: &DiffArgs, root: &Path, look: &Look, after: &Compiled) -> Result<Before, Exit> {
    match &args.against {
        Some(folder) if folder == Path::new("sent") => return Ok(Before::Sent),
        Some(folder) => {
            let other = load::root_of(folder);
            let compiled = compiled(&other, load::read(&other))?;
            return Ok(Before::Workspace(Box::new(compiled), "the other workspace"));
        }
        None => {}
    }
    let Some((revision, texts)) = look.snapshot().map_err(unreadable)? else { return Ok(Before::Sent) };
    if *revision == *after.set.revision {
        return Ok(Before::Sent);
    }
    let texts = texts.into_iter().map(|(path, text)| (path.into(), text.into())).collect();
    let served = compiled(root, Files { texts, problems: Vec::new() })?;
    Ok(Before::Workspace(Box::new(served), "the workspace that is served"))
}

fn summary(args: &DiffArgs, look: &Look, before: &Before, after: &Compiled) -> Result<Summary, StoreError> {
    let mut summary = Summary::default();
    let route = args.route.as_deref().map(route_name);
    let sources = route.and_then(|route| sources_of(route, before, after));
    let is_meant = |source: &str| {
        args.source.as_deref().is_none_or(|wanted| wanted == source)
            && sources.as_ref().is_none_or(|sources| sources.contains(source))
    };
    look.newest(is_meant, args.last, |event| {
        let mut kept = Vec::new();
        if matches!(before, Before::Sent) {
            match look.event(event.id)? {
                Some(story) if story.routed_at.is_some() => kept = story.outcomes,
                // It is not routed yet: nothing was made of it.
                _ => return Ok(()),
            }
        }
        let event = Recorded::from(event);
        let mut changes = match before {
            Before::Workspace(before, _) => diff::compare(&before.set, &after.set, &event),
            Before::Sent => sent::compare(kept, &after.set, &event),
        };
        changes.retain(|change| route.is_none_or(|route| change.route.as_deref().is_none_or(|own| own == route)));
        summary.add(&event, changes);
        Ok(())
    })?;
    Ok(summary)
}

/// The sources whose events a route gets, before or after; nothing where that is not known.
fn sources_of(route: &str, before: &Before, after: &Compiled) -> Option<BTreeSet<String>> {
    let of = |compiled: &Compiled| -> BTreeSet<String> {
        let has = |routes: &[Arc<Route>]| routes.iter().any(|own| *own.name == *route);
        let sources = compiled.set.routes.iter().filter(|(_, routes)| has(routes));
        sources.map(|(source, _)| source.to_string()).collect()
    };
    let mut sources = of(after);
    match before {
        Before::Workspace(before, _) => sources.extend(of(before)),
        // A route that is gone may have had any.
        Before::Sent if sources.is_empty() => return None,
        Before::Sent => {}
    }
    Some(sources).filter(|sources| !sources.is_empty())
}

impl Summary {
    fn add(&mut self, event: &Recorded, changes: Vec<Change>) {
        let (first, last) = self.span.unwrap_or((event.received_at, event.received_at));
        self.span = Some((first.min(event.received_at), last.max(event.received_at)));
        self.events += 1;
        self.changed += usize::from(!changes.is_empty());
        self.worse += usize::from(changes.iter().any(|change| change.what.is_worse()));
        self.changes.extend(changes.into_iter().map(|change| (event.id, change)));
    }
}

fn as_text(summary: &Summary, before: &Before, after: &Compiled) {
    let Some((first, last)) = summary.span else {
        line("no events to compare");
        return;
    };
    line(format!("{}, received from {first} to {last}", count_of(summary.events, "event")));
    line(format!("these files beside {}", before.name()));
    Groups::of(&summary.changes, after).lines().iter().for_each(line);
    let same = summary.events - summary.changed;
    let verdict = match summary.worse {
        0 => String::new(),
        worse => terminal::paint(terminal::RED, &format!(", {worse} can't be delivered any more")),
    };
    line(format!("{same} as before, {} otherwise{verdict}", summary.changed));
}

fn as_json(summary: &Summary, before: &Before, after: &Compiled) {
    let changes: Vec<_> = summary.changes.iter().map(|(event, change)| as_data(event, change, after)).collect();
    line(json!({
        "against": before.name(),
        "events": summary.events,
        "changed": summary.changed,
        "worse": summary.worse,
        "first": summary.span.map(|(first, _)| first.to_string()),
        "last": summary.span.map(|(_, last)| last.to_string()),
        "changes": changes,
    }));
}

fn as_data(event: &EventId, change: &Change, after: &Compiled) -> serde_json::Value {
    let mut out = json!({
        "event": event.to_string(),
        "route": change.route.as_deref(),
        "to": change.to.as_deref(),
        "what": change.what.word(),
    });
    let more = match &change.what {
        What::Appears(request) | What::Vanishes(request) => Some(("request", exact(request))),
        What::Differs(fields) => Some(("fields", fields.iter().map(field).collect())),
        What::Fails(problem) => Some(("problem", crate::diagnostic::json::render(problem, &after.documents))),
        What::Unread(why) => Some(("why", (*why).into())),
        What::Mended | What::Read => None,
    };
    if let (Some((key, value)), Some(out)) = (more, out.as_object_mut()) {
        out.insert(key.to_owned(), value);
    }
    out
}

fn field(field: &diff::Field) -> serde_json::Value {
    json!({
        "path": field.path,
        "before": field.before.as_ref().map(exact),
        "after": field.after.as_ref().map(exact),
    })
}

/// A value with every digit; one with a number that JSON readers would round is given as text.
fn exact(value: &crate::value::Value) -> serde_json::Value {
    super::test::exact(value)
}
