//! What was stored of an event when it was routed, beside what the routes make of it now.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diff::{self, Change, Kept, Recorded};
use crate::plan::Plan;
use crate::route::RouteSet;
use crate::store::{StoredOutcome, StoredResult};

/// Where the two part. Of an event that went through the routes several times, the last time counts.
pub(super) fn compare(outcomes: Vec<StoredOutcome>, after: &RouteSet, event: &Recorded) -> Vec<Change> {
    let last = outcomes.iter().map(|outcome| outcome.generation).max().unwrap_or(0);
    let (mut all, mut left_out) = (Vec::new(), Vec::new());
    for outcome in outcomes.into_iter().filter(|outcome| outcome.generation == last) {
        match kept(&outcome) {
            Some(kept) => all.push(kept),
            None => left_out.push(outcome.route),
        }
    }
    diff::compare_with_kept(&all, &left_out, after, event)
}

/// Nothing for a route that had seen the event before: it made nothing for that reason alone.
fn kept(outcome: &StoredOutcome) -> Option<Kept> {
    let route = outcome.route.clone();
    match &outcome.result {
        StoredResult::Duplicate { .. } => None,
        StoredResult::Failed { .. } | StoredResult::Dismissed { .. } => {
            Some(Kept { route, identity: None, lane: None, made: None })
        }
        StoredResult::Taken { identity, lane } => {
            // One that was sent again stands for the same entry of `send`, with the same request.
            let mut positions = BTreeSet::new();
            let each = outcome.deliveries.iter().filter(|story| positions.insert(story.delivery.position));
            let made = each.map(|story| {
                let delivery = &story.delivery;
                let to: Arc<str> = format!("{}.{}", delivery.connection, delivery.operation).into();
                (to, Plan::from_json(delivery.request.as_bytes()).ok())
            });
            Some(Kept { route, identity: identity.clone(), lane: lane.clone(), made: Some(made.collect()) })
        }
    }
}
