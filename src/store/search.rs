//! Finding events: by time, by whose they are, by what became of them, by a value in them. The words of what was sent are
//! made known beside the store, in a file of their own: who accepts and delivers does not wait for it.

mod find;
mod index;
mod inner;
mod keeper;
mod known;
mod scratch;
mod words;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use super::embedded::Embedded;
use super::error::StoreError;
use super::model::{EventStory, Filter, ReplayEvents, StoredDelivery, StoredResult};
use super::verbs::apart;
use super::{chosen, filter};
use crate::clock::Timestamp;
use crate::delivery::State;

#[cfg(test)]
pub(super) use find::is_meant;
pub(super) use find::{holding, known_to};
pub(super) use keeper::{Keeper, Told};
pub(super) use words::Sought;

/// How long somebody who looks for something waits until the newest events are known to the search; what is not known then
/// is looked through.
const SOON: Duration = Duration::from_millis(300);
/// The same where no server keeps them known.
const LONG: Duration = Duration::from_secs(10);
/// How long whoever erases waits for that: what is not known of a long event would be overlooked.
const WHOLE: Duration = Duration::from_secs(60);

/// Which events are meant: those of which all holds that is said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventFilter {
    pub source: Option<Arc<str>>,
    /// A route that took them.
    pub route: Option<Arc<str>>,
    /// A connection that one of their deliveries is for.
    pub connection: Option<Arc<str>>,
    pub identity: Option<String>,
    pub lane: Option<String>,
    /// A number, an e-mail address or words that are in what was sent.
    pub value: Option<String>,
    /// One of these; any where none is given.
    pub became: Vec<Became>,
    /// Received at that moment or later.
    pub since: Option<Timestamp>,
    /// Received before that moment.
    pub until: Option<Timestamp>,
    /// Older than the one of this number, to go on with a list.
    pub before: Option<i64>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became {
    /// No route has seen it yet.
    Unrouted,
    /// No route took it.
    Unmatched,
    /// A route took it and could make nothing of it.
    Failed,
    /// A route could make nothing of it, and a person wants nothing more of it.
    Dismissed,
    /// A route had seen its identity before.
    Duplicate,
    /// It has a delivery of this state.
    Delivery(State),
}

impl Became {
    const OF_ROUTES: [Became; 5] =
        [Became::Unrouted, Became::Unmatched, Became::Failed, Became::Dismissed, Became::Duplicate];

    pub fn word(self) -> &'static str {
        match self {
            Became::Unrouted => "unrouted",
            Became::Unmatched => "unmatched",
            Became::Failed => "failed",
            Became::Dismissed => "dismissed",
            Became::Duplicate => "duplicate",
            Became::Delivery(state) => state.word(),
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        let of_routes = Became::OF_ROUTES.into_iter().find(|became| became.word() == word);
        of_routes.or_else(|| State::from_word(word).map(Became::Delivery))
    }

    /// All words, as they are told to whoever asks for another.
    pub fn words() -> impl Iterator<Item = &'static str> {
        Became::OF_ROUTES.into_iter().map(Became::word).chain(State::ALL.into_iter().map(State::word))
    }

    fn state(self) -> Option<State> {
        match self {
            Became::Delivery(state) => Some(state),
            _ => None,
        }
    }

    /// By which word it is known as soon as the event is routed, and from then on.
    fn mark(self) -> Option<&'static str> {
        match self {
            Became::Unmatched | Became::Failed | Became::Duplicate => Some(self.word()),
            Became::Dismissed => Some(Became::Failed.word()),
            Became::Unrouted | Became::Delivery(_) => None,
        }
    }
}

/// Events that were found, the newest first; without their requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventPage {
    pub events: Vec<EventStory>,
    /// Where the next page goes on: what is given as [`EventFilter::before`]. Nothing where all was looked at.
    pub next: Option<i64>,
    /// So many of the events that are left were not made known to the search yet: it goes through these more slowly.
    pub not_searched: u64,
}

/// What the routes made of an event.
fn became(story: &EventStory) -> Vec<Became> {
    if story.routed_at.is_none() {
        return vec![Became::Unrouted];
    }
    if story.outcomes.is_empty() {
        return vec![Became::Unmatched];
    }
    let of_one = |result: &StoredResult| match result {
        StoredResult::Failed { .. } => Some(Became::Failed),
        StoredResult::Dismissed { .. } => Some(Became::Dismissed),
        StoredResult::Duplicate { .. } => Some(Became::Duplicate),
        StoredResult::Taken { .. } => None,
    };
    let newest = story.outcomes.iter().filter(|outcome| outcome.generation == story.event.generation);
    newest.filter_map(|outcome| of_one(&outcome.result)).collect()
}

impl Embedded {
    /// The newest events that are meant, and where the next page goes on.
    pub(super) async fn search(&self, filter: EventFilter, limit: usize) -> Result<EventPage, StoreError> {
        if find::needs_words(&filter) {
            self.catch_up(SOON).await;
        }
        let (index, told) = (index_of(&self.inner.file), self.inner.shared.search.clone());
        self.look(move |store| {
            let (page, is_sound) = find::find(store, &index, &filter, limit)?;
            if !is_sound {
                told.is_damaged();
            }
            Ok(page)
        })
        .await
    }

    /// The numbers of the events that a person means.
    pub(super) async fn events_meant(&self, asked: ReplayEvents) -> Result<Vec<i64>, StoreError> {
        // What no route took is found by its words, where all is known by them; else each event is looked at.
        let is_known = asked.unmatched && asked.ids.is_none() && self.catch_up(SOON).await;
        self.look(move |file| chosen::events(file, &asked, is_known)).await
    }

    /// The newest deliveries that a person means.
    pub(super) async fn deliveries_meant(
        &self,
        filter: Filter,
        limit: usize,
    ) -> Result<Vec<StoredDelivery>, StoreError> {
        // A route that took few events is found by its words, in the same way.
        let by_words = filter.route.is_some() && filter.ids.is_none() && filter.seqs.is_none();
        let is_known = by_words && self.catch_up(SOON).await;
        self.look(move |file| filter::newest(file, &filter, limit, is_known)).await
    }

    /// Lets nothing be known of these events any more, nor be read in the file.
    pub(super) async fn forget_words(&self, seqs: Vec<i64>) -> Result<(), StoreError> {
        let forgotten = match &*self.inner.keeper.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(keeper) => keeper.forget(seqs),
            None => None,
        };
        match forgotten {
            Some(forgotten) => forgotten.await.map_err(|_| StoreError::Closed)?,
            None => Err(StoreError::Closed),
        }
    }

    /// Lets all that came in be known, for whoever must overlook nothing.
    pub(super) async fn catch_up_whole(&self) {
        self.catch_up(WHOLE).await;
    }

    /// Lets what came in last be known to the search, for as long as somebody waits for it; whether it is.
    async fn catch_up(&self, patience: Duration) -> bool {
        let known = match &*self.inner.keeper.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(keeper) => keeper.catch_up(),
            None => None,
        };
        if let Some(known) = known {
            return matches!(timeout(patience, known).await, Ok(Ok(())));
        }
        let file = self.inner.file.clone();
        let caught_up = apart(move || keeper::catch_up(&file, LONG)).await;
        caught_up.inspect_err(|error| tracing::debug!(%error, "the words of a stopped store")).is_ok()
    }
}

/// Gives up the room that the words of a store take; false where there are none.
pub(super) fn give_up(store: &Path) -> bool {
    let file = index_of(store);
    let was_there = file.exists();
    index::forget(&file);
    was_there
}

/// The file of the words of a store.
fn index_of(store: &Path) -> PathBuf {
    store.with_file_name(index::FILE)
}
