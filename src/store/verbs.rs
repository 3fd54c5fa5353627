//! What the embedded engine does at each verb: one command for its writer, or one question to its readers.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use super::embedded::{Embedded, Options};
use super::model::{
    AttemptRecord, Changed, Claim, Counts, DeliveryStory, Due, EventStory, Filter, Leased, LimitedCall, NewEvents,
    Pruned, Replay, ReplayEvents, Replayed, Retention, RouteReceipt, RoutedEvent, StoredAttempt, StoredDelivery,
    StoredEvent, StoredToken, Verified,
};
use super::snapshot::Snapshot;
use super::{
    Reply, Store, StoreError, call, chosen, copy, decided, delivery, event, filter, key, lane, memory, prune, query,
    replay, snapshot, story, verify,
};
use crate::clock::Timestamp;
use crate::delivery::Change;
use crate::id::{DeliveryId, EventId};

impl Store for Embedded {
    fn accept(&self, new: NewEvents) -> Reply<'_, Vec<i64>> {
        Box::pin(self.take_in(new, None))
    }

    fn accept_until(&self, new: NewEvents, until: Instant) -> Reply<'_, Vec<i64>> {
        Box::pin(async move {
            timeout_at(until.into(), self.take_in(new, Some(until))).await.unwrap_or(Err(StoreError::Late))
        })
    }

    fn route(&self, routed: RoutedEvent) -> Reply<'_, RouteReceipt> {
        self.put(event::Route::new(routed))
    }

    fn unrouted(&self, after_seq: i64, limit: usize) -> Reply<'_, Vec<StoredEvent>> {
        let range = [after_seq, query::limit(limit)];
        self.ask(move |file| query::unrouted(file, range))
    }

    fn release_leases(&self, owner: Option<&str>) -> Reply<'_, usize> {
        self.put(delivery::ReleaseLeases { owner: owner.map(str::to_owned) })
    }

    fn open_connections(&self) -> Reply<'_, Vec<String>> {
        self.ask(query::open_connections)
    }

    fn lease(&self, connection: &str, after_seq: i64, limit: usize, owner: &str) -> Reply<'_, Leased> {
        self.put(delivery::Lease { connection: connection.to_owned(), after_seq, limit, owner: owner.to_owned() })
    }

    fn park(&self, seqs: Vec<i64>) -> Reply<'_, usize> {
        self.put(lane::GiveBack { seqs, due: None })
    }

    fn lease_lane(&self, connection: &str, lane: &str, limit: usize, owner: &str) -> Reply<'_, Vec<StoredDelivery>> {
        let (connection, lane, owner) = (connection.to_owned(), lane.to_owned(), owner.to_owned());
        self.put(lane::LeaseLane { connection, lane, limit, owner })
    }

    fn lease_due(&self, connection: &str, now: Timestamp, limit: usize, owner: &str) -> Reply<'_, Due> {
        self.put(lane::LeaseDue { connection: connection.to_owned(), now, limit, owner: owner.to_owned() })
    }

    fn lease_freed(&self, connection: &str, upto: i64, limit: usize, owner: &str) -> Reply<'_, Vec<StoredDelivery>> {
        Box::pin(self.freed(connection.to_owned(), upto, limit, owner.to_owned()))
    }

    fn postpone(&self, seqs: Vec<i64>, due: Timestamp) -> Reply<'_, usize> {
        self.put(lane::GiveBack { seqs, due: Some(due) })
    }

    fn record(&self, attempt: AttemptRecord) -> Reply<'_, Changed> {
        self.put(delivery::Record(attempt))
    }

    fn begin_call(&self, call: LimitedCall, at: Timestamp, latest: Timestamp, window: Duration) -> Reply<'_, i64> {
        self.put(call::Begin { call, at, latest, window })
    }

    fn limited_calls(&self, now: Timestamp) -> Reply<'_, Vec<(LimitedCall, Timestamp)>> {
        self.put(call::Recall { now })
    }

    fn note_step(&self, delivery_seq: i64, step: u32, saved: &str, at: Timestamp) -> Reply<'_, ()> {
        self.put(delivery::NoteStep { delivery_seq, step, saved: saved.to_owned(), at })
    }

    fn ledger(&self, delivery_seq: i64) -> Reply<'_, Vec<(u32, String)>> {
        self.ask(move |file| story::steps(file, delivery_seq))
    }

    fn skip(&self, delivery_seq: i64) -> Reply<'_, Changed> {
        self.put(delivery::Decide { delivery_seq, change: Change::Skip, reason: None })
    }

    fn hold(&self, delivery_seq: i64, reason: &str) -> Reply<'_, Changed> {
        self.put(delivery::Decide { delivery_seq, change: Change::Hold, reason: Some(reason.to_owned()) })
    }

    fn bury(&self, delivery_seq: i64, reason: &str) -> Reply<'_, Changed> {
        self.put(delivery::Decide { delivery_seq, change: Change::Bury, reason: Some(reason.to_owned()) })
    }

    fn release_held(&self, filter: Filter, limit: usize, at: Timestamp) -> Reply<'_, Vec<Arc<str>>> {
        Box::pin(self.free_held(filter, limit, at))
    }

    fn hasten(&self, filter: Filter, limit: usize, at: Timestamp) -> Reply<'_, Vec<Arc<str>>> {
        Box::pin(async move {
            let seqs = self.look(move |file| decided::later(file, &filter, limit, at)).await?;
            if seqs.is_empty() {
                return Ok(Vec::new());
            }
            self.write(decided::Hasten { seqs, at }).await
        })
    }

    fn dismiss(&self, filter: Filter, limit: usize, reason: &str) -> Reply<'_, usize> {
        let reason = reason.to_owned();
        Box::pin(async move {
            let seqs = self.look(move |file| replay::kept(file, &filter, limit)).await?;
            self.write(replay::Dismiss { seqs, reason }).await
        })
    }

    fn dismiss_events(&self, meant: ReplayEvents, reason: &str) -> Reply<'_, Vec<EventId>> {
        let reason = reason.to_owned();
        Box::pin(async move {
            let route = meant.route.clone();
            let seqs = self.look(move |file| chosen::events(file, &meant)).await?;
            self.write(decided::DismissEvents { seqs, route, reason }).await
        })
    }

    fn ahead(&self, connection: &str, seq: i64) -> Reply<'_, u64> {
        let connection = connection.to_owned();
        self.look(move |file| query::ahead(file, &connection, seq))
    }

    fn undo(&self, delivery_seq: i64, from: u32, remembered: Vec<(String, String)>) -> Reply<'_, ()> {
        let remembered = remembered.into_iter().map(|(key, value)| (key::of_text(&key), value)).collect();
        self.put(memory::Undo { delivery_seq, from, remembered })
    }

    fn claim(&self, key: &str, owner: &str, until: Timestamp, now: Timestamp) -> Reply<'_, Claim> {
        self.put(memory::MakeClaim { key: key::of_text(key), owner: owner.to_owned(), until, now })
    }

    fn remember(&self, key: &str, value: &str, until: Timestamp) -> Reply<'_, ()> {
        self.put(memory::Keep { key: key::of_text(key), value: value.to_owned(), until })
    }

    fn release_claim(&self, key: &str, owner: &str) -> Reply<'_, ()> {
        self.put(memory::GiveUp { key: key::of_text(key), owner: owner.to_owned() })
    }

    fn token(&self, connection: &str) -> Reply<'_, Option<StoredToken>> {
        let connection = connection.to_owned();
        self.ask(move |file| memory::token(file, &connection))
    }

    fn save_token(&self, connection: &str, token: StoredToken) -> Reply<'_, ()> {
        self.put(memory::SaveToken { connection: connection.to_owned(), token })
    }

    fn replay(&self, replay: Replay) -> Reply<'_, Vec<Replayed>> {
        Box::pin(self.send_again(replay))
    }

    fn replayable(&self, replay: Replay) -> Reply<'_, Vec<DeliveryId>> {
        self.look(move |file| Ok(replay::deliveries(file, &replay)?.into_iter().map(|one| one.id).collect()))
    }

    fn replay_events(&self, replay: ReplayEvents) -> Reply<'_, Vec<EventId>> {
        Box::pin(self.put_back(replay))
    }

    fn chosen(&self, replay: ReplayEvents) -> Reply<'_, Vec<i64>> {
        self.look(move |file| chosen::events(file, &replay))
    }

    fn prune(&self, now: Timestamp, retention: Retention, limit: usize) -> Reply<'_, Pruned> {
        Box::pin(self.forget(now, retention, limit))
    }

    fn counts(&self) -> Reply<'_, Counts> {
        let counts = *self.inner.shared.counts.lock().unwrap_or_else(PoisonError::into_inner);
        Box::pin(async move { Ok(counts) })
    }

    fn trouble(&self) -> Option<StoreError> {
        *self.inner.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn event(&self, id: EventId) -> Reply<'_, Option<EventStory>> {
        self.look(move |file| story::story(file, id))
    }

    fn briefs(&self, seqs: Vec<i64>) -> Reply<'_, Vec<EventStory>> {
        self.look(move |file| seqs.into_iter().filter_map(|seq| story::brief(file, seq).transpose()).collect())
    }

    fn recent_events(&self, limit: usize) -> Reply<'_, Vec<StoredEvent>> {
        self.look(move |file| query::events(file, query::RECENT_EVENTS, [query::limit(limit)]))
    }

    fn delivery(&self, id: DeliveryId) -> Reply<'_, Option<DeliveryStory>> {
        self.look(move |file| story::delivery(file, id))
    }

    fn last_calls(&self, seqs: Vec<i64>) -> Reply<'_, Vec<(i64, StoredAttempt)>> {
        self.look(move |file| {
            let last = |seq| Ok(story::last_call(file, seq)?.map(|call| (seq, call)));
            seqs.into_iter().filter_map(|seq| last(seq).transpose()).collect()
        })
    }

    fn deliveries(&self, filter: Filter, limit: usize) -> Reply<'_, Vec<StoredDelivery>> {
        self.look(move |file| filter::newest(file, &filter, limit))
    }

    fn remember_paths(&self, paths: Vec<String>) -> Reply<'_, ()> {
        self.put(snapshot::RememberPaths(paths))
    }

    fn known_paths(&self) -> Reply<'_, Vec<String>> {
        self.ask(snapshot::known_paths)
    }

    fn save_snapshot(&self, revision: &str, files: Vec<(String, String)>) -> Reply<'_, ()> {
        self.put(snapshot::SaveSnapshot { revision: revision.to_owned(), files })
    }

    fn snapshot(&self) -> Reply<'_, Option<Snapshot>> {
        self.ask(snapshot::snapshot)
    }

    fn backup(&self, file: PathBuf) -> Reply<'_, ()> {
        let own = self.inner.file.clone();
        Box::pin(apart(move || copy::write(&own, &file)))
    }

    fn verify(&self) -> Reply<'_, Verified> {
        let own = self.inner.file.clone();
        Box::pin(apart(move || verify::file(&own)))
    }

    fn close(&self) -> Reply<'_, ()> {
        Box::pin(self.end())
    }
}

impl Embedded {
    async fn take_in(&self, new: NewEvents, until: Option<Instant>) -> Result<Vec<i64>, StoreError> {
        let Options { queue_commands, queue_bytes, .. } = self.inner.options;
        if new.ids.is_empty() {
            return Ok(Vec::new());
        }
        if self.inner.shared.queue.is_beyond(queue_commands, queue_bytes) {
            return Err(StoreError::Busy);
        }
        self.write(event::Accept::new(new, until)?).await
    }

    /// Looks for parked deliveries that are first in their lane while others write, then leases them.
    async fn freed(
        &self,
        connection: String,
        upto: i64,
        limit: usize,
        owner: String,
    ) -> Result<Vec<StoredDelivery>, StoreError> {
        let name = connection.clone();
        let seqs = self.read(move |file| lane::freed(file, &name, upto, limit)).await?;
        if seqs.is_empty() {
            return Ok(Vec::new());
        }
        self.write(lane::LeaseParked { connection, seqs, owner }).await
    }

    async fn free_held(&self, filter: Filter, limit: usize, at: Timestamp) -> Result<Vec<Arc<str>>, StoreError> {
        let seqs = self.look(move |file| replay::held(file, &filter, limit)).await?;
        if seqs.is_empty() {
            return Ok(Vec::new());
        }
        self.write(replay::ReleaseHeld { seqs, at }).await
    }

    async fn send_again(&self, asked: Replay) -> Result<Vec<Replayed>, StoreError> {
        let (named, with_steps, at) = (asked.filter.ids.is_some(), asked.with_steps, asked.at);
        let found = self.look(move |file| replay::deliveries(file, &asked)).await?;
        let deliveries = found.into_iter().map(|old| (old.seq, DeliveryId::new())).collect();
        self.write(replay::SendAgain { deliveries, named, with_steps, at }).await
    }

    async fn put_back(&self, asked: ReplayEvents) -> Result<Vec<EventId>, StoreError> {
        let seqs = self.look(move |file| chosen::events(file, &asked)).await?;
        self.write(replay::PutBack { seqs }).await
    }

    async fn forget(&self, now: Timestamp, retention: Retention, limit: usize) -> Result<Pruned, StoreError> {
        let looked = &self.inner.shared.looked_upto;
        let after = looked.load(Ordering::Relaxed);
        let found = self.read(move |file| prune::look(file, after, now, &retention, limit)).await?;
        looked.store(if found.is_end { 0 } else { found.upto }, Ordering::Relaxed);
        let forget = prune::Forget { seqs: found.seqs, now, identity_window: retention.identity_window };
        let pruned = self.write(forget).await?;
        let (freed, more) = self.write(prune::GiveSpaceBack).await?;
        Ok(Pruned { freed, more: pruned.more || more || !found.is_end, ..pruned })
    }
}

/// Runs what takes long and has a connection of its own.
async fn apart<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(run).await.map_err(|_| StoreError::Closed)?
}
