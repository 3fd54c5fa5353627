//! What an edit changes: one recorded event through the routes as they were and as they are, and where the two part.

mod fields;
mod made;

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::diagnostic::{Diagnostic, Label};
use crate::event::RawRequest;
use crate::id::EventId;
use crate::privacy::Masks;
use crate::route::RouteSet;
use crate::value::Value;

pub use fields::Field;
pub use made::Kept;
use made::{Made, Outcome};

/// An event as it was accepted.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub id: EventId,
    pub source: Arc<str>,
    pub received_at: Timestamp,
    /// Which part of the request, from 0.
    pub part: u32,
    pub params: Value,
    pub raw: Arc<RawRequest>,
}

/// Something that becomes of an event otherwise than before.
#[derive(Debug)]
pub struct Change {
    /// The route; none where the event is read by no source.
    pub route: Option<Arc<str>>,
    /// `connection.operation`; none where the whole route is meant.
    pub to: Option<Arc<str>>,
    pub what: What,
}

#[derive(Debug)]
pub enum What {
    /// A request that was not made before.
    Appears(Value),
    /// A request that is not made any more.
    Vanishes(Value),
    Differs(Vec<Field>),
    /// What was made before, or was not asked for, can't be made.
    Fails(Box<Diagnostic>),
    /// It failed before.
    Mended,
    /// The source is gone, or does not make this event of the request any more.
    Unread(&'static str),
    /// It was not read before.
    Read,
}

impl What {
    /// The stable word for it.
    pub fn word(&self) -> &'static str {
        match self {
            What::Appears(_) => "appears",
            What::Vanishes(_) => "vanishes",
            What::Differs(_) => "differs",
            What::Fails(_) => "fails",
            What::Mended => "mended",
            What::Unread(_) => "unread",
            What::Read => "read",
        }
    }

    /// Whether an event that was good before is so no more.
    pub fn is_worse(&self) -> bool {
        matches!(self, What::Fails(_) | What::Unread(_))
    }
}

impl Recorded {
    /// What people are not shown of it, by what a set of routes says; nothing where all is shown.
    pub fn masks(&self, set: &RouteSet) -> Option<Masks> {
        let privacy = set.sources.get(&self.source).map(|source| set.privacy.and(&source.privacy));
        let privacy = privacy.unwrap_or_else(|| set.privacy.clone());
        let payload = || made::event(set, self).map(|event| event.payload).unwrap_or_default();
        (!privacy.is_none()).then(|| privacy.masks(&payload()))
    }
}

impl Change {
    /// The same as people are shown it.
    pub fn masked(self, masks: &Masks) -> Change {
        let what = match self.what {
            What::Appears(request) => What::Appears(masks.made(&request)),
            What::Vanishes(request) => What::Vanishes(masks.made(&request)),
            What::Differs(fields) => What::Differs(fields.into_iter().map(|field| field.masked(masks)).collect()),
            What::Fails(problem) => What::Fails(Box::new(masked(*problem, masks))),
            What::Mended | What::Unread(_) | What::Read => self.what,
        };
        Change { what, ..self }
    }
}

/// A problem as people are shown it.
fn masked(problem: Diagnostic, masks: &Masks) -> Diagnostic {
    let text = |text: String| masks.text(&text);
    let labels = problem.labels.into_iter().map(|label| Label { text: text(label.text), ..label }).collect();
    let (detail, help) = (problem.detail.map(text), problem.help.map(text));
    Diagnostic { message: text(problem.message), labels, detail, help, ..problem }
}

/// What becomes of an event otherwise with the routes `after` than with those `before`. Secrets are masked.
pub fn compare(before: &RouteSet, after: &RouteSet, event: &Recorded) -> Vec<Change> {
    let (old, new) = match (made::all(before, event), made::all(after, event)) {
        (Ok(old), Ok(new)) => (old, new),
        (Ok(_), Err(why)) => return vec![Change { route: None, to: None, what: What::Unread(why) }],
        (Err(_), Ok(new)) => {
            let read = Change { route: None, to: None, what: What::Read };
            return [read].into_iter().chain(parted(Vec::new(), new)).collect();
        }
        (Err(_), Err(_)) => return Vec::new(),
    };
    parted(old, new)
}

/// The same, beside what was stored of the event when it was routed. `left_out` are routes that are not compared, such as
/// those which had seen the event before.
pub fn compare_with_kept(kept: &[Kept], left_out: &[Arc<str>], after: &RouteSet, event: &Recorded) -> Vec<Change> {
    match made::all(after, event) {
        Ok(mut new) => {
            new.retain(|made| !left_out.contains(&made.route));
            parted(kept.iter().flat_map(|kept| kept.made(after)).collect(), new)
        }
        // It could not be read before either.
        Err(_) if !kept.is_empty() && kept.iter().all(|kept| kept.made.is_none()) => Vec::new(),
        Err(why) => vec![Change { route: None, to: None, what: What::Unread(why) }],
    }
}

/// Where two lists of what was made part.
fn parted(mut old: Vec<Made>, new: Vec<Made>) -> Vec<Change> {
    let mut changes = Vec::new();
    for made in new {
        let same = old.iter().position(|before| before.is_at(&made)).map(|at| old.remove(at));
        changes.extend(change(same, made, &mut old));
    }
    let gone = old.into_iter().filter_map(|made| match made.outcome {
        Outcome::Request(request) => {
            Some(Change { route: Some(made.route), to: made.to, what: What::Vanishes(request) })
        }
        Outcome::Problem(_) => None,
    });
    changes.extend(gone.collect::<Vec<_>>());
    changes
}

/// What one thing made is beside what stood in its place. Where a whole route fails, its requests are not told to vanish.
fn change(before: Option<Made>, made: Made, old: &mut Vec<Made>) -> Vec<Change> {
    let Made { route, to, outcome, .. } = made;
    let change = |what| Change { route: Some(route.clone()), to: to.clone(), what };
    match (before.map(|before| before.outcome), outcome) {
        (Some(Outcome::Request(was)), Outcome::Request(is)) => {
            let fields = fields::between(&was, &is);
            if fields.is_empty() { Vec::new() } else { vec![change(What::Differs(fields))] }
        }
        (Some(Outcome::Problem(_)), Outcome::Problem(_)) => Vec::new(),
        (Some(Outcome::Problem(_)), Outcome::Request(is)) => vec![change(What::Mended), change(What::Appears(is))],
        (None, Outcome::Request(is)) => {
            let mended = old.iter().position(|before| before.is_whole_failure_of(&route)).map(|at| old.remove(at));
            let mended = mended.map(|_| Change { route: Some(route.clone()), to: None, what: What::Mended });
            mended.into_iter().chain([change(What::Appears(is))]).collect()
        }
        (_, Outcome::Problem(problem)) => {
            if to.is_none() {
                old.retain(|before| before.route != route);
            }
            problem.map(|problem| change(What::Fails(problem))).into_iter().collect()
        }
    }
}

#[cfg(test)]
mod tests;
