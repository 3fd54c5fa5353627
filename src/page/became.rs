//! Where an event stands as a whole: the worst of what became of it.

use crate::delivery::State;
use crate::store::{EventStory, StoredDelivery, StoredOutcome, StoredResult};

/// In this order what became of an event needs a person, and stands for all of it.
const WORST_FIRST: &[&str] =
    &["dead", "held", "failed", "retrying", "waiting", "accepted", "delivered", "replayed", "skipped", "duplicate"];

/// All words for where an event stands that can be asked for, in the order in which they are offered.
pub(super) const WORDS: &[&str] = &[
    "delivered",
    "accepted",
    "waiting",
    "retrying",
    "held",
    "dead",
    "failed",
    "unmatched",
    "skipped",
    "duplicate",
    "replayed",
];

/// The word for where an event stands.
pub(super) fn of(story: &EventStory) -> &'static str {
    if story.routed_at.is_none() {
        return "unrouted";
    }
    let of_routes = current(story).filter_map(|outcome| match &outcome.result {
        StoredResult::Taken { .. } => None,
        other => Some(result(other)),
    });
    let all: Vec<&str> = deliveries(story).map(|delivery| of_delivery(delivery.state)).chain(of_routes).collect();
    let worst = WORST_FIRST.iter().find(|word| all.contains(word)).copied();
    match worst {
        // What it was before it went through the routes again says no more than that no route takes it now.
        Some("replayed" | "skipped") | None if current(story).next().is_none() => "unmatched",
        Some(worst) => worst,
        None => "skipped",
    }
}

/// The word for what a route made of an event.
pub(super) fn result(result: &StoredResult) -> &'static str {
    match result {
        StoredResult::Failed { .. } => "failed",
        StoredResult::Taken { .. } => "taken",
        StoredResult::Duplicate { .. } => "duplicate",
        StoredResult::Dismissed { .. } => "skipped",
    }
}

/// What the routes made of it when it went through them last.
pub(super) fn current(story: &EventStory) -> impl Iterator<Item = &StoredOutcome> {
    story.outcomes.iter().filter(|outcome| outcome.generation == story.event.generation)
}

/// Every delivery of an event.
pub(super) fn deliveries(story: &EventStory) -> impl Iterator<Item = &StoredDelivery> {
    story.outcomes.iter().flat_map(|outcome| &outcome.deliveries).map(|story| &story.delivery)
}

/// The delivery that makes an event stand where it does.
pub(super) fn worst(story: &EventStory) -> Option<&StoredDelivery> {
    let place = |delivery: &&StoredDelivery| {
        let word = of_delivery(delivery.state);
        WORST_FIRST.iter().position(|known| *known == word).unwrap_or(WORST_FIRST.len())
    };
    deliveries(story).min_by_key(place)
}

fn of_delivery(state: State) -> &'static str {
    match state {
        State::Pending | State::Leased => "waiting",
        state => state.word(),
    }
}
