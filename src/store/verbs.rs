//! What the embedded engine does at each verb: one command for its writer, or one question to its readers.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use super::embedded::{Embedded, Options};
use super::erase::{Erase, Erased};
use super::model::{
    AttemptRecord, Changed, Claim, Counts, DeliveryStory, Due, EventStory, Filter, Leased, LimitedCall, NewEvents,
    Pruned, Replay, ReplayEvents, Replayed, RouteReceipt, RoutedEvent, StoredAttempt, StoredDelivery, StoredEvent,
    StoredToken, UnsureCall, Verified,
};
use super::retention::Retention;
use super::search::{EventFilter, EventPage};
use super::snapshot::Snapshot;
use super::spoiled::Among;
use super::writer::Command;
use super::{
    Backlog, Kept, Reply, Store, StoreError, backlog, call, copy, decided, delivery, event, kept, key, lane, memory,
    query, replay, snapshot, spoiled, story, verify,
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
        Box::pin(self.not_routed(range))
    }

    fn release_leases(&self, owner: Option<&str>) -> Reply<'_, usize> {
        let owner = owner.map(str::to_owned);
        Box::pin(self.release(owner))
    }

    fn open_connections(&self) -> Reply<'_, Vec<String>> {
        self.ask(query::open_connections)
    }

    fn lease(&self, connection: &str, after_seq: i64, limit: usize, owner: &str) -> Reply<'_, Leased> {
        let (connection, owner) = (connection.to_owned(), owner.to_owned());
        Box::pin(self.lease_ready(delivery::Lease { connection, after_seq, limit, owner }))
    }

    fn park(&self, seqs: Vec<i64>) -> Reply<'_, usize> {
        self.put(lane::GiveBack { seqs, due: None, reason: None })
    }

    fn lease_lane(&self, connection: &str, lane: &str, limit: usize, owner: &str) -> Reply<'_, Vec<StoredDelivery>> {
        let (connection, lane, owner) = (connection.to_owned(), lane.to_owned(), owner.to_owned());
        let lease = move || {
            let (connection, lane, owner) = (connection.clone(), lane.clone(), owner.clone());
            lane::LeaseLane { connection, lane, limit, owner }
        };
        Box::pin(self.lease_whole(lease, |lease| vec![lease.among()]))
    }

    fn lease_due(&self, connection: &str, now: Timestamp, limit: usize, owner: &str) -> Reply<'_, Due> {
        let (connection, owner) = (connection.to_owned(), owner.to_owned());
        let lease = move || lane::LeaseDue { connection: connection.clone(), now, limit, owner: owner.clone() };
        Box::pin(self.lease_whole(lease, |lease| vec![lease.due()]))
    }

    fn lease_freed(&self, connection: &str, upto: i64, limit: usize, owner: &str) -> Reply<'_, Vec<StoredDelivery>> {
        Box::pin(self.freed(connection.to_owned(), upto, limit, owner.to_owned()))
    }

    fn postpone(&self, seqs: Vec<i64>, due: Timestamp) -> Reply<'_, usize> {
        self.put(lane::GiveBack { seqs, due: Some(due), reason: None })
    }

    fn postpone_because(&self, delivery_seq: i64, due: Timestamp, reason: &str) -> Reply<'_, usize> {
        self.put(lane::GiveBack { seqs: vec![delivery_seq], due: Some(due), reason: Some(reason.to_owned()) })
    }

    fn record(&self, attempt: AttemptRecord) -> Reply<'_, Changed> {
        self.put(delivery::Record(attempt))
    }

    fn begin_call(&self, call: LimitedCall, at: Timestamp, latest: Timestamp, window: Duration) -> Reply<'_, i64> {
        self.put(call::Begin { call, at, latest, window })
    }

    fn begin_unsure(&self, call: UnsureCall) -> Reply<'_, ()> {
        self.put(call::BeginUnsure(call))
    }

    fn call_off(&self, delivery_seq: i64, limited: Option<i64>) -> Reply<'_, ()> {
        self.put(call::CallOff { delivery_seq, limited })
    }

    fn limited_calls(&self, now: Timestamp) -> Reply<'_, Vec<(LimitedCall, Timestamp)>> {
        self.put(call::Recall { now })
    }

    fn note_step(&self, delivery_seq: i64, step: u32, saved: &str, at: Timestamp) -> Reply<'_, ()> {
        self.put(delivery::NoteStep { delivery_seq, step, saved: saved.to_owned(), at })
    }

    fn ledger(&self, delivery_seq: i64) -> Reply<'_, Vec<(u32, String)>> {
        Box::pin(async move { spoiled::steps(self.read(move |file| story::steps(file, delivery_seq)).await) })
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
            let seqs = self.events_meant(meant).await?;
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

    fn release_claim(&self, key: &str, owner: &str, doubtful: bool) -> Reply<'_, ()> {
        self.put(memory::GiveUp { key: key::of_text(key), owner: owner.to_owned(), doubtful })
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
        Box::pin(self.events_meant(replay))
    }

    fn prune(&self, now: Timestamp, retention: Retention, limit: usize) -> Reply<'_, Pruned> {
        Box::pin(self.forget(now, retention, limit))
    }

    fn erase(&self, asked: Erase) -> Reply<'_, Erased> {
        Box::pin(self.erase_all(asked))
    }

    fn counts(&self) -> Reply<'_, Counts> {
        let counts = *self.inner.shared.counts.lock().unwrap_or_else(PoisonError::into_inner);
        Box::pin(async move { Ok(counts) })
    }

    fn backlog(&self) -> Reply<'_, Backlog> {
        self.look(backlog::backlog)
    }

    fn kept(&self, most: usize) -> Reply<'_, Vec<Kept>> {
        self.look(move |connection| kept::kept(connection, most))
    }

    fn trouble(&self) -> Option<StoreError> {
        self.inner.shared.health.trouble()
    }

    fn event(&self, id: EventId) -> Reply<'_, Option<EventStory>> {
        self.look(move |file| story::story(file, id))
    }

    fn briefs(&self, seqs: Vec<i64>) -> Reply<'_, Vec<EventStory>> {
        self.look(move |file| seqs.into_iter().filter_map(|seq| story::brief(file, seq).transpose()).collect())
    }

    fn recent_events(&self, limit: usize) -> Reply<'_, Vec<StoredEvent>> {
        self.look(move |file| query::listed(file, query::RECENT_EVENTS, [query::limit(limit)]))
    }

    fn find_events(&self, filter: EventFilter, limit: usize) -> Reply<'_, EventPage> {
        Box::pin(self.search(filter, limit))
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
        Box::pin(self.deliveries_meant(filter, limit))
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

    fn files_of(&self, revision: &str) -> Reply<'_, Option<Vec<(String, String)>>> {
        let revision = revision.to_owned();
        self.ask(move |connection| snapshot::files_of(connection, &revision))
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
        if let Some(refusal) = self.inner.shared.health.refusal() {
            return Err(refusal);
        }
        if self.inner.shared.queue.is_beyond(queue_commands, queue_bytes) {
            return Err(StoreError::Busy);
        }
        self.write(event::Accept::new(new, until)?).await
    }

    /// What can't be read among those that are not routed fails here and now, and is never met again.
    async fn not_routed(&self, range: [i64; 2]) -> Result<Vec<StoredEvent>, StoreError> {
        let found = self.read(move |file| query::unrouted(file, range)).await?;
        if found.is_damaged {
            self.inner.shared.health.is_damaged();
            self.inner.shared.health.is_spoiled()?;
        }
        if !found.spoiled.is_empty() {
            self.write(spoiled::Fail { seqs: found.spoiled }).await?;
        }
        Ok(found.events)
    }

    /// Makes what is leased ready again; at a start also where some of it lies in a part of the file that is damaged.
    async fn release(&self, owner: Option<String>) -> Result<usize, StoreError> {
        let is_start = owner.is_none();
        match self.write(delivery::ReleaseLeases { owner }).await {
            Err(StoreError::Corrupt) if is_start => self.inner.shared.health.is_spoiled()?,
            released => return released,
        }
        let seqs = self.read(spoiled::leased).await?;
        self.write(spoiled::Release { seqs }).await
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
        let lease = || {
            let (connection, seqs, owner) = (connection.clone(), seqs.clone(), owner.clone());
            lane::LeaseParked { connection, seqs, owner }
        };
        self.lease_whole(lease, |lease| lease.seqs.iter().copied().map(Among::one).collect()).await
    }

    /// Leases; where some of what is meant lies in a part of the file that is damaged, without that, which is dead then.
    async fn lease_whole<C: Command>(
        &self,
        lease: impl Fn() -> C,
        among: impl Fn(&C) -> Vec<Among>,
    ) -> Result<C::Answer, StoreError> {
        match self.write(lease()).await {
            Err(StoreError::Corrupt) => self.inner.shared.health.is_spoiled()?,
            leased => return leased,
        }
        let meant = among(&lease());
        let spoiled = move |file: &rusqlite::Connection| meant.iter().map(|meant| meant.spoiled(file)).collect();
        let spoiled: Vec<Vec<i64>> = self.read(spoiled).await?;
        self.bury(spoiled.concat()).await?;
        self.write(lease()).await
    }

    /// The same of what is ready: what can't even be buried is passed by.
    async fn lease_ready(&self, lease: delivery::Lease) -> Result<Leased, StoreError> {
        match self.write(lease.clone()).await {
            Err(StoreError::Corrupt) => self.inner.shared.health.is_spoiled()?,
            leased => return leased,
        }
        let among = lease.among();
        let look = move |file: &rusqlite::Connection| Ok((among.numbers(file)?, among.spoiled(file)?));
        let (mut seqs, spoiled) = self.read(look).await?;
        let last = seqs.last().copied();
        seqs.retain(|seq| !spoiled.contains(seq));
        self.bury(spoiled).await?;
        self.write(spoiled::LeaseThese { seqs, last, lease }).await
    }

    /// Ends what can't be read; where even that can't be written, it is set aside.
    async fn bury(&self, seqs: Vec<i64>) -> Result<(), StoreError> {
        for seq in seqs {
            match self.write(spoiled::Bury(seq)).await {
                Err(error) if error.is_of_a_row() => self.write(spoiled::SetAside(seq)).await?,
                buried => buried?,
            }
        }
        Ok(())
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
        let seqs = self.events_meant(asked).await?;
        let put_back = self.write(replay::PutBack { seqs }).await?;
        self.inner.shared.search.are_sent_again(&put_back);
        Ok(put_back)
    }
}

/// Runs what takes long and has a connection of its own.
pub(super) async fn apart<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(run).await.map_err(|_| StoreError::Closed)?
}
