//! How many there are beside those that a list shows.

use super::asked::MOST;
use crate::delivery::State;
use crate::store::{Filter, Store, StoreError};

/// So many of what only a look at each can tell are counted.
const COUNTED: usize = 1_000;

told! {
    /// How many there are in all; no more than so many are counted one by one.
    pub(super) struct Total {
        count: usize,
        /// Whether there may be more than that.
        or_more: bool,
    }
}

impl Total {
    /// `shown` of them are listed, of which `wanted` were asked for: where there are fewer, that is all.
    pub(super) fn of(shown: usize, wanted: usize, counted: usize) -> Self {
        match shown < wanted {
            true => Total { count: shown, or_more: false },
            false => Total { count: counted.max(shown), or_more: counted >= MOST },
        }
    }
}

/// How many deliveries are meant.
pub(super) async fn deliveries(
    store: &dyn Store,
    filter: Filter,
    shown: usize,
    wanted: usize,
) -> Result<Total, StoreError> {
    if shown < wanted {
        return Ok(Total::of(shown, wanted, shown));
    }
    if let Some(count) = kept(store, &filter).await? {
        return Ok(Total { count: count.max(shown), or_more: false });
    }
    let most = COUNTED.max(shown);
    let count = store.deliveries(filter, most + 1).await?.len();
    Ok(Total { count: count.min(most), or_more: count > most })
}

/// How many deliveries are meant, however many there are.
pub(super) async fn all(store: &dyn Store, filter: &Filter) -> Result<usize, StoreError> {
    match kept(store, filter).await? {
        Some(count) => Ok(count),
        None => Ok(store.deliveries(filter.clone(), usize::MAX).await?.len()),
    }
}

/// The same as the store keeps it; nothing where more is said than states.
async fn kept(store: &dyn Store, filter: &Filter) -> Result<Option<usize>, StoreError> {
    if *filter != (Filter { states: filter.states.clone(), ..Filter::default() }) {
        return Ok(None);
    }
    let counts = store.counts().await?;
    let is_meant = |state: &State| filter.states.is_empty() || filter.states.contains(state);
    let count = State::ALL.into_iter().filter(is_meant).map(|state| counts.deliveries(state)).sum::<u64>();
    Ok(Some(usize::try_from(count).unwrap_or(usize::MAX)))
}
