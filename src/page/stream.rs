//! News for the pages that are open: at most once in a second, that something came in or went on.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{Stream, unfold};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use super::Page;
use crate::store::Counts;

/// No more pages hear of news at once; the others go without.
const MOST: usize = 64;
/// How often it is looked whether there are any, for all of them together.
const PACE: Duration = Duration::from_secs(1);
/// A beat keeps the connection, and tells a page that it is still there.
const BEAT: Duration = Duration::from_secs(15);

/// What tells open pages of a change.
pub(super) struct News {
    /// How many events were accepted in all, sent with each change.
    events: watch::Sender<u64>,
    /// Somebody listens.
    wanted: Notify,
    places: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
}

impl News {
    pub fn new(stopped: watch::Receiver<bool>) -> Self {
        News { events: watch::Sender::new(0), wanted: Notify::new(), places: Arc::new(Semaphore::new(MOST)), stopped }
    }
}

/// Looks for news while anybody listens, until the server stops.
pub async fn look(page: Page) {
    let mut stopped = page.news.stopped.clone();
    let looking = async {
        let mut known = None;
        loop {
            if page.news.events.receiver_count() == 0 {
                page.news.wanted.notified().await;
                known = seen(&page).await;
            }
            tokio::time::sleep(PACE).await;
            let now = seen(&page).await;
            if now != known
                && let Some((counts, ..)) = &now
            {
                page.news.events.send_replace(counts.events);
            }
            known = now;
        }
    };
    tokio::select! {
        () = looking => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

/// What a page would show otherwise: the counters of the store, the last reload, and how many requests were refused. They cost
/// nothing to ask for.
async fn seen(page: &Page) -> Option<(Counts, serde_json::Value, u64)> {
    Some((page.admin.store.counts().await.ok()?, page.admin.reloads.to_json(), page.admin.tally.total()))
}

pub(super) async fn stream(State(page): State<Page>) -> Response {
    let Ok(place) = page.news.places.clone().try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many pages are open\n").into_response();
    };
    let events = page.admin.store.counts().await.map_or(0, |counts| counts.events);
    let listener =
        Listener { changed: page.news.events.subscribe(), events, stopped: page.news.stopped.clone(), _place: place };
    page.news.wanted.notify_one();
    Sse::new(listener.stream())
        .keep_alive(KeepAlive::new().interval(BEAT).event(Event::default().event("beat").data("")))
        .into_response()
}

/// One open page.
struct Listener {
    changed: watch::Receiver<u64>,
    /// How many there were when it was told last.
    events: u64,
    stopped: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        unfold(self, |mut own| async move {
            let news = own.next().await?;
            let told = Event::default().event("changed").data(format!("{{\"events\": {news}}}"));
            Some((Ok(told), own))
        })
    }

    /// How many events came since the last time, once anything changed; nothing when the server stops.
    async fn next(&mut self) -> Option<u64> {
        tokio::select! {
            changed = self.changed.changed() => changed.ok()?,
            _ = self.stopped.wait_for(|stopped| *stopped) => return None,
        }
        let events = *self.changed.borrow_and_update();
        let news = events.saturating_sub(self.events);
        self.events = events.max(self.events);
        Some(news)
    }
}
