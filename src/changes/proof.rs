//! Before a change goes live: what came in before goes through it, where the workspace demands that.

use std::path::PathBuf;

use crate::compile::SETTINGS;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::diff::{self, Change, Recorded, What};
use crate::id::EventId;
use crate::reload::Proof;
use crate::route::RouteSet;
use crate::store::{Look, StoreError};

/// So many of the newest events are gone through.
const EVENTS: usize = 1000;
/// So many problems are told.
const MOST: usize = 20;

/// The proof by the events in the store of this folder.
pub fn by_events_in(folder: PathBuf) -> Proof {
    Box::new(move |before, after| match found(&folder, before, after) {
        Ok(problems) => problems,
        Err(error) => vec![refused(Code::UnreadableFile, format!("the events that came in can't be read: {error}"))],
    })
}

/// A problem with the number of events that have it, and the newest of them.
struct Found {
    problem: Diagnostic,
    event: EventId,
    count: usize,
}

fn found(folder: &std::path::Path, before: &RouteSet, after: &RouteSet) -> Result<Vec<Diagnostic>, StoreError> {
    let mut all: Vec<Found> = Vec::new();
    Look::at(folder)?.newest(
        |_| true,
        EVENTS,
        |event| {
            let event = Recorded::from(event);
            let changes = diff::compare(before, after, &event);
            // What is told of it stands in the log and in the state.
            let masks = if changes.is_empty() { None } else { event.masks(after) };
            let shown = |change: Change| masks.iter().fold(change, |change, masks| change.masked(masks));
            for problem in changes.into_iter().map(shown).filter_map(problem) {
                match all.iter().position(|found| found.problem.place() == problem.place()) {
                    Some(at) => all.iter_mut().skip(at).take(1).for_each(|found| found.count += 1),
                    None if all.len() < MOST => all.push(Found { problem, event: event.id, count: 1 }),
                    None => {}
                }
            }
            Ok(())
        },
    )?;
    Ok(all.into_iter().map(told).collect())
}

/// What is wrong, where a change makes it worse.
fn problem(change: Change) -> Option<Diagnostic> {
    match change.what {
        What::Fails(problem) => Some(*problem),
        What::Unread(why) => Some(refused(Code::UndecodableBody, format!("an event would be read no more: {why}"))),
        What::Appears(_) | What::Vanishes(_) | What::Differs(_) | What::Mended | What::Read => None,
    }
}

fn refused(code: Code, message: String) -> Diagnostic {
    Diagnostic::new(code, Place::file(SETTINGS).key("reload"), message)
}

fn told(found: Found) -> Diagnostic {
    let Found { mut problem, event, count } = found;
    let who = match count {
        1 => format!("the event {event}, which came in before, fails by this change"),
        _ => format!("{count} events that came in before fail by this change, such as {event}"),
    };
    problem.help = Some(format!(
        "{who}; `jackfield diff` shows all of them. Mend the route, or let every change go live: take `reload: \
         require_clean_diff` out of jackfield.yaml"
    ));
    problem
}
