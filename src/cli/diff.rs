//! `jackfield diff`: what an edit changes, shown on what came in.

mod group;

use std::path::{Path, PathBuf};

use super::deliveries::Shown;
use super::terminal::{self, error_line, line};
use super::{DataArg, Exit, route_name, store as stored};
use crate::changes::{self, Meant, Summary};
use crate::compile::Compiled;
use crate::diagnostic::text::count_of;
use crate::load::{self, Files, Options};
use crate::store::{Look, StoreError};
use clap::Args;
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

pub(super) fn run(args: &DiffArgs) -> Exit {
    let root = load::root_of(&args.data.workspace.workspace);
    let after = match compiled(&root, load::read(&root)) {
        Ok(after) => after,
        Err(exit) => return exit,
    };
    let outcome = stored::folder(&args.data).and_then(|folder| {
        let look = Look::at(&folder).map_err(unreadable)?;
        let before = before(args, &root, &look, &after)?;
        let meant = Meant { masked_by: Some(&after.set), ..meant(args) };
        let summary = changes::summary(&look, before.told(), &after.set, &meant).map_err(unreadable)?;
        Ok((before, summary))
    });
    match outcome {
        Ok((before, summary)) => {
            match args.format {
                Shown::Text => as_text(&summary, &before, &after),
                Shown::Json => line(summary.to_json(before.name(), &after.documents)),
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

    fn told(&self) -> changes::Before<'_> {
        match self {
            Before::Workspace(compiled, _) => changes::Before::Routes(&compiled.set),
            Before::Sent => changes::Before::Sent,
        }
    }
}

fn meant(args: &DiffArgs) -> Meant<'_> {
    let route = args.route.as_deref().map(route_name);
    Meant { source: args.source.as_deref(), of_route: route, route, last: args.last, ..Meant::default() }
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
