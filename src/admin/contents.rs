//! What is meant by something that is known of events alone: a value in what was sent, an identity, a lane.

use std::collections::BTreeSet;

use super::asked::{Asked, MOST};
use crate::store::{EventFilter, EventStory, Filter, Store, StoreError};

/// So many are asked for at a time.
const PAGE: usize = 500;

/// The newest events that have what is asked for, as many as are sent again at once; nothing where no such thing is asked for.
pub(super) async fn events(store: &dyn Store, asked: &Asked) -> Result<Option<Vec<EventStory>>, StoreError> {
    if !asked.is_of_contents() {
        return Ok(None);
    }
    let Asked { identity, lane, value, .. } = asked;
    let mut filter =
        EventFilter { identity: identity.clone(), lane: lane.clone(), value: value.clone(), ..EventFilter::default() };
    let mut found = Vec::new();
    loop {
        let page = store.find_events(filter.clone(), PAGE).await?;
        found.extend(page.events);
        filter.before = page.next;
        if page.next.is_none() || found.len() >= MOST {
            return Ok(Some(found));
        }
    }
}

/// The numbers of those events.
pub(super) async fn numbers(store: &dyn Store, asked: &Asked) -> Result<Option<BTreeSet<i64>>, StoreError> {
    let found = events(store, asked).await?;
    Ok(found.map(|found| found.iter().map(|story| story.event.seq).collect()))
}

/// The deliveries that are meant, also by what is known of their events.
pub(super) async fn filter(store: &dyn Store, asked: &Asked) -> Result<Filter, StoreError> {
    let found = events(store, asked).await?;
    let of_lane = |delivery: &&crate::store::StoredDelivery| {
        asked.lane.as_ref().is_none_or(|lane| delivery.lane.as_deref() == Some(lane))
    };
    let seqs = found.map(|found| {
        let deliveries = found.iter().flat_map(|story| &story.outcomes).flat_map(|outcome| &outcome.deliveries);
        deliveries.map(|story| &story.delivery).filter(of_lane).map(|delivery| delivery.seq).collect()
    });
    Ok(Filter { seqs, ..asked.filter() })
}
