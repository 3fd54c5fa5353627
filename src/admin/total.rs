//! How many there are beside those that a list shows.

use serde_json::{Value as Json, json};

use super::asked::MOST;
use crate::store::{Filter, Store, StoreError};

/// How many there are in all; no more than so many are counted one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Total {
    pub count: usize,
    /// There may be more than that.
    pub or_more: bool,
}

impl Total {
    /// `shown` of them are listed, of which `wanted` were asked for: where there are fewer, that is all.
    pub(super) fn of(shown: usize, wanted: usize, counted: usize) -> Self {
        match shown < wanted {
            true => Total { count: shown, or_more: false },
            false => Total { count: counted.max(shown), or_more: counted >= MOST },
        }
    }

    pub(super) fn to_json(self) -> Json {
        json!({ "count": self.count, "or_more": self.or_more })
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
    let by_states = Filter { states: filter.states.clone(), ..Filter::default() };
    if by_states == filter {
        let counts = store.counts().await?;
        let is_meant = |state: &crate::delivery::State| filter.states.is_empty() || filter.states.contains(state);
        let all = crate::delivery::State::ALL.into_iter().filter(is_meant);
        let count = all.map(|state| counts.deliveries(state)).sum::<u64>();
        return Ok(Total { count: usize::try_from(count).unwrap_or(usize::MAX).max(shown), or_more: false });
    }
    Ok(Total::of(shown, wanted, store.deliveries(filter, MOST).await?.len()))
}
