//! A second engine, in memory and as plain as can be: what the store promises, without a file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::clock::Timestamp;
use crate::delivery::{Change, State};
use crate::id::{DeliveryId, EventId};
use crate::store::prune::before;
use crate::store::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Where a delivery stands beside its state.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Done,
    Ready,
    Parked,
    Later,
}

#[derive(Debug)]
struct Row {
    stored: StoredDelivery,
    place: Place,
    owner: String,
    calls: BTreeMap<u32, StoredAttempt>,
    ledger: BTreeMap<u32, String>,
    replayed_as: Vec<i64>,
}

#[derive(Debug)]
struct Arrived {
    stored: StoredEvent,
    routed_at: Option<Timestamp>,
    outcomes: Vec<(StoredOutcome, Vec<i64>)>,
}

#[derive(Debug, Default)]
struct Inner {
    last_event: i64,
    last_delivery: i64,
    events: BTreeMap<i64, Arrived>,
    unrouted: BTreeSet<i64>,
    rows: BTreeMap<i64, Row>,
    identities: BTreeMap<(Arc<str>, String), (i64, EventId, Timestamp)>,
    memory: BTreeMap<String, (Result<String, String>, Timestamp)>,
    tokens: BTreeMap<String, StoredToken>,
    calls: BTreeMap<i64, (LimitedCall, Timestamp, Timestamp)>,
    unsure: BTreeMap<i64, UnsureCall>,
    paths: BTreeSet<String>,
    snapshot: Option<Snapshot>,
    revisions: Vec<Snapshot>,
}

/// An event without its request.
fn bare(event: &StoredEvent) -> StoredEvent {
    StoredEvent { raw: Arc::default(), params: crate::value::Value::default(), ..event.clone() }
}

#[derive(Debug, Default)]
pub struct Memory(Mutex<Inner>);

impl Inner {
    fn waiting<'s>(&'s self, connection: &'s str, lane: &'s str) -> impl Iterator<Item = &'s Row> {
        self.rows.values().filter(move |row| {
            matches!(row.place, Place::Parked | Place::Later)
                && &*row.stored.connection == connection
                && row.stored.lane.as_deref() == Some(lane)
        })
    }

    fn is_behind(&self, seq: i64) -> bool {
        let row = &self.rows[&seq].stored;
        let Some(lane) = &row.lane else { return false };
        self.waiting(&row.connection, lane).any(|other| other.stored.seq < seq)
    }

    fn is_followed(&self, seq: i64) -> bool {
        let row = &self.rows[&seq].stored;
        let Some(lane) = &row.lane else { return false };
        self.waiting(&row.connection, lane).next().is_some_and(|first| first.place == Place::Parked)
    }

    fn stand(&mut self, seq: i64, place: Place, due: Option<Timestamp>) {
        let row = self.rows.get_mut(&seq).unwrap();
        row.place = place;
        row.stored.parked = place == Place::Parked;
        row.stored.due = due;
    }

    /// A delivery keeps a key that nobody has found out.
    fn hold(&mut self, key: String, seq: i64) {
        if self.memory.get(&key).is_none_or(|(known, _)| known.is_err()) {
            self.memory.insert(key, (Err(format!("held/{seq}")), Timestamp(i64::MAX)));
        }
    }

    /// What a held delivery has kept is free.
    fn let_go(&mut self, seq: i64) {
        let last = self.rows[&seq].calls.values().last().map_or(Timestamp(0), |call| call.started_at);
        let own = format!("held/{seq}");
        let kept = self.memory.values_mut().filter(|(known, _)| known.as_ref().err() == Some(&own));
        kept.for_each(|row| *row = (Err(String::new()), last.plus(366 * DAY)));
    }

    fn hold_unsure(&mut self, seq: i64) {
        let UnsureCall { number, step, at: started_at, key, .. } = self.unsure.remove(&seq).unwrap();
        let row = self.rows.get_mut(&seq).unwrap();
        let (result, trouble) = ("unknown".to_owned(), Some("broken".to_owned()));
        let (status, answer, headers) = (None, Vec::new(), Vec::new());
        let call = StoredAttempt { number, step, started_at, took_ms: 0, result, trouble, status, answer, headers };
        row.calls.entry(number).or_insert(call);
        row.stored.attempts += 1;
        row.stored.calls = row.stored.calls.max(number).max(row.stored.attempts);
        (row.stored.state, row.stored.problem, row.stored.doubtful) = (State::Held, None, true);
        self.stand(seq, Place::Done, None);
        key.into_iter().for_each(|key| self.hold(key, seq));
    }

    fn take(&mut self, seq: i64, owner: &str) -> StoredDelivery {
        if self.rows[&seq].place != Place::Ready {
            self.rows.get_mut(&seq).unwrap().stored.problem = None;
        }
        self.stand(seq, Place::Ready, None);
        let row = self.rows.get_mut(&seq).unwrap();
        row.stored.state = row.stored.state.after(Change::Lease).unwrap();
        row.owner = owner.to_owned();
        row.stored.clone()
    }

    fn row(&mut self, seq: i64) -> Result<&mut Row, StoreError> {
        self.rows.get_mut(&seq).ok_or(StoreError::NotFound)
    }

    fn give_back(&mut self, seq: i64, due: Option<Timestamp>) -> Result<bool, StoreError> {
        let Ok(row) = self.row(seq) else { return Ok(false) };
        let to = row.stored.state.after(Change::GiveBack { tried: row.stored.attempts > 0 });
        let Some(to) = to.filter(|_| due.is_some() || row.stored.lane.is_some()) else { return Ok(false) };
        row.stored.state = to;
        self.stand(seq, if due.is_some() { Place::Later } else { Place::Parked }, due);
        Ok(true)
    }

    fn decide(&mut self, seq: i64, change: Change, reason: Option<&str>) -> Result<Changed, StoreError> {
        let row = self.row(seq)?;
        let before = row.stored.state;
        let Some(to) = before.after(change) else { return Ok(Changed::default()) };
        (row.stored.state, row.stored.problem) = (to, reason.map(str::to_owned));
        self.stand(seq, Place::Done, None);
        if before == State::Held {
            self.let_go(seq);
        }
        Ok(Changed { changed: true, parked: before.is_open() && self.is_followed(seq) })
    }

    fn record(&mut self, call: AttemptRecord) -> Result<Changed, StoreError> {
        let AttemptRecord { number, step, started_at, took_ms, .. } = call;
        let row = self.row(call.delivery_seq)?;
        if row.calls.contains_key(&number) {
            return Ok(Changed::default());
        }
        let (result, trouble) = (call.result.to_owned(), call.trouble.map(str::to_owned));
        let kept = StoredAttempt {
            number,
            step,
            started_at,
            took_ms,
            result,
            trouble,
            status: call.status,
            answer: call.answer,
            headers: call.headers,
        };
        row.calls.insert(number, kept);
        if let Some(saved) = call.saved {
            row.ledger.entry(step).or_insert(saved.clone());
            for Remember { key, until } in call.remember {
                self.memory.insert(key, (Ok(saved.clone()), until));
            }
        }
        if let Some(EndedCall { call, at, window }) = call.ended
            && let Some(kept) = self.calls.get_mut(&call)
        {
            (kept.1, kept.2) = (at, at.plus(window));
        }
        if call.begun {
            self.unsure.remove(&call.delivery_seq);
        }
        let row = self.row(call.delivery_seq)?;
        row.stored.doubtful = call.doubtful;
        let before = row.stored.state;
        row.stored.attempts += u32::from(call.counts);
        row.stored.calls = row.stored.calls.max(number).max(row.stored.attempts);
        let Some(to) = row.stored.state.after(Change::Attempt(call.next.state)) else {
            return Ok(Changed { changed: true, parked: false });
        };
        (row.stored.state, row.stored.problem) = (to, None);
        match (before, to, call.held_key) {
            (State::Held, ..) => self.let_go(call.delivery_seq),
            (_, State::Held, Some(key)) => self.hold(key, call.delivery_seq),
            _ => {}
        }
        match to {
            State::Retrying => self.stand(call.delivery_seq, Place::Later, Some(call.next.due.unwrap_or(started_at))),
            to if to.is_open() => self.stand(call.delivery_seq, Place::Ready, None),
            _ => self.stand(call.delivery_seq, Place::Done, None),
        }
        Ok(Changed { changed: true, parked: !to.is_open() && self.is_followed(call.delivery_seq) })
    }

    fn route(&mut self, routed: RoutedEvent) -> Result<RouteReceipt, StoreError> {
        let RoutedEvent { event_seq, revision, at, outcomes, identity_since } = routed;
        let mut receipt = RouteReceipt::default();
        let event = self.events.get_mut(&event_seq).ok_or(StoreError::NotFound)?;
        if !self.unrouted.remove(&event_seq) {
            return Ok(receipt);
        }
        (event.stored.revision, event.routed_at) = (Some(revision.to_string()), Some(at));
        let (id, generation) = (event.stored.id, event.stored.generation);
        for NewOutcome { route, result } in outcomes {
            let mut seqs = Vec::new();
            let result = match result {
                NewResult::Failed { problem } => StoredResult::Failed { problem },
                NewResult::Taken { identity: Some(identity), .. }
                    if !self.is_first(&route, &identity, event_seq, id, at, identity_since, generation) =>
                {
                    receipt.duplicates.push(route.clone());
                    StoredResult::Duplicate { identity, first: None }
                }
                NewResult::Taken { identity, lane, deliveries } => {
                    for new in deliveries {
                        let seq = self.add(new, event_seq, id, &route, lane.as_deref(), at);
                        receipt.deliveries.push((self.rows[&seq].stored.id, seq));
                        seqs.push(seq);
                    }
                    StoredResult::Taken { identity, lane }
                }
            };
            let outcome = StoredOutcome { route, generation, result, deliveries: Vec::new() };
            self.events.get_mut(&event_seq).unwrap().outcomes.push((outcome, seqs));
        }
        Ok(receipt)
    }

    #[allow(clippy::too_many_arguments)]
    fn is_first(
        &mut self,
        route: &Arc<str>,
        identity: &str,
        seq: i64,
        id: EventId,
        at: Timestamp,
        since: Timestamp,
        generation: u32,
    ) -> bool {
        let key = (route.clone(), identity.to_owned());
        match self.identities.get(&key) {
            Some((owner, _, seen)) if *seen >= since => *owner == seq || generation > 0,
            _ => {
                self.identities.insert(key, (seq, id, at));
                true
            }
        }
    }

    fn add(
        &mut self,
        new: NewDelivery,
        event_seq: i64,
        event_id: EventId,
        route: &Arc<str>,
        lane: Option<&str>,
        at: Timestamp,
    ) -> i64 {
        self.last_delivery += 1;
        let seq = self.last_delivery;
        let (state, place) = match &new.request {
            Ok(_) => (State::Pending, Place::Ready),
            Err(_) => (State::Dead, Place::Done),
        };
        let NewDelivery { id, position, connection, operation, request } = new;
        let (problem, request) = (request.clone().err(), request.unwrap_or_default());
        let (route, lane) = (route.clone(), lane.map(Arc::from));
        let stored = StoredDelivery {
            seq,
            id,
            event_id,
            event_seq,
            route,
            position,
            connection,
            operation,
            lane,
            attempts: 0,
            calls: 0,
            due: None,
            parked: false,
            state,
            request,
            problem,
            created_at: at,
            doubtful: false,
            repeats: false,
        };
        self.insert(stored, place);
        seq
    }

    fn insert(&mut self, stored: StoredDelivery, place: Place) {
        let seq = stored.seq;
        let (calls, ledger, replayed_as) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let row = Row { stored, place, owner: String::new(), calls, ledger, replayed_as };
        self.rows.insert(seq, row);
    }

    fn found(&self, filter: &Filter) -> Vec<i64> {
        let is_unknown = |row: &Row| row.calls.values().last().is_some_and(|call| call.result == "unknown");
        let trouble = |row: &Row| row.calls.values().last().and_then(|call| call.trouble.clone());
        let source = |row: &Row| Some(self.events.get(&row.stored.event_seq)?.stored.source.clone());
        let known = |row: &&Row| {
            filter.unknown.is_none_or(|unknown| unknown == is_unknown(row))
                && filter.trouble.is_none_or(|wanted| trouble(row).as_deref() == Some(wanted))
                && filter.source.as_ref().is_none_or(|wanted| source(row).as_ref() == Some(wanted))
        };
        self.rows.values().filter(|row| filter.takes(&row.stored)).filter(known).map(|row| row.stored.seq).collect()
    }

    fn resendable(&self, asked: &Replay) -> Vec<i64> {
        let mut seqs = self.found(&asked.filter);
        seqs.retain(|seq| {
            let old = &self.rows[seq].stored;
            let named = asked.filter.ids.is_some() && old.state.is_final() && old.state != State::Replayed;
            !old.request.is_empty() && (old.state.after(Change::Replay).is_some() || named)
        });
        seqs.truncate(asked.limit);
        seqs
    }

    fn send_again(&mut self, asked: &Replay) -> Vec<Replayed> {
        let mut replayed = Vec::new();
        for seq in self.resendable(asked) {
            let old = self.rows[&seq].stored.clone();
            let after = old.state.after(Change::Replay);
            self.last_delivery += 1;
            let new = StoredDelivery {
                seq: self.last_delivery,
                id: DeliveryId::new(),
                state: State::Pending,
                attempts: 0,
                calls: 0,
                problem: None,
                created_at: asked.at,
                doubtful: asked.with_steps,
                repeats: !asked.with_steps,
                ..old.clone()
            };
            replayed.push(Replayed { old: old.id, new: new.id, connection: old.connection });
            let new_seq = new.seq;
            self.insert(new, Place::Ready);
            if asked.with_steps {
                self.rows.get_mut(&new_seq).unwrap().ledger = self.rows[&seq].ledger.clone();
            }
            let row = self.rows.get_mut(&seq).unwrap();
            row.replayed_as.push(new_seq);
            row.stored.state = after.unwrap_or(row.stored.state);
            if old.state == State::Held {
                self.let_go(seq);
            }
        }
        replayed
    }

    fn deliveries_of(&self, event: i64) -> Vec<i64> {
        let mut seqs: Vec<i64> = self.events[&event].outcomes.iter().flat_map(|(_, seqs)| seqs.clone()).collect();
        self.again(&mut seqs);
        seqs
    }

    fn again(&self, seqs: &mut Vec<i64>) {
        let mut place = 0;
        while let Some(seq) = seqs.get(place) {
            seqs.extend(self.rows[seq].replayed_as.clone());
            place += 1;
        }
    }

    fn put_back(&mut self, asked: &ReplayEvents) -> Vec<EventId> {
        let mut put_back = Vec::new();
        for seq in self.events.keys().copied().collect::<Vec<_>>() {
            if put_back.len() >= asked.limit || self.unrouted.contains(&seq) || !self.is_meant(seq, asked) {
                continue;
            }
            let event = self.events.get_mut(&seq).unwrap();
            (event.stored.revision, event.routed_at) = (None, None);
            event.stored.generation += 1;
            put_back.push(event.stored.id);
            self.unrouted.insert(seq);
            for delivery in self.deliveries_of(seq) {
                let row = self.rows.get_mut(&delivery).unwrap();
                let before = row.stored.state;
                row.stored.state = before.after(Change::Replay).unwrap_or(before);
                if before == State::Held {
                    self.let_go(delivery);
                }
            }
        }
        put_back
    }

    fn is_meant(&self, seq: i64, asked: &ReplayEvents) -> bool {
        let event = &self.events[&seq];
        if let Some(ids) = &asked.ids {
            return ids.contains(&event.stored.id);
        }
        let now = |outcome: &StoredOutcome| outcome.generation == event.stored.generation;
        let of_route = |outcome: &StoredOutcome| asked.route.as_ref().is_none_or(|route| *route == outcome.route);
        let has_failed = event.outcomes.iter().any(|(outcome, seqs)| {
            let failed = now(outcome) && matches!(outcome.result, StoredResult::Failed { .. });
            let mut seqs = seqs.clone();
            self.again(&mut seqs);
            let dead = seqs.iter().any(|seq| self.rows[seq].stored.state == State::Dead);
            of_route(outcome) && (failed || (asked.failed && dead))
        });
        let unmatched = !event.outcomes.iter().any(|(outcome, _)| now(outcome));
        let any = asked.route.is_none() || event.outcomes.iter().any(|(outcome, _)| of_route(outcome));
        let failed = asked.failed || asked.unmade;
        (asked.unmatched && unmatched) || (failed && has_failed) || (!asked.unmatched && !failed && any)
    }

    fn forget(&mut self, now: Timestamp, retention: &Retention) -> Pruned {
        let mut pruned = Pruned::default();
        for seq in self.events.keys().copied().collect::<Vec<_>>() {
            let event = &self.events[&seq];
            let age = retention.age_of(event.outcomes.iter().map(|(outcome, _)| &*outcome.route));
            if age.is_none_or(|age| event.stored.received_at >= before(now, age)) {
                continue;
            }
            let deliveries = self.deliveries_of(seq);
            if self.unrouted.contains(&seq) || deliveries.iter().any(|seq| !self.rows[seq].stored.state.is_final()) {
                continue;
            }
            pruned.deliveries += deliveries.len();
            pruned.events += 1;
            deliveries.iter().for_each(|seq| drop(self.rows.remove(seq)));
            self.events.remove(&seq);
        }
        self.memory.retain(|_, (_, until)| *until > now);
        pruned
    }

    fn erase(&mut self, asked: &Erase) -> Erased {
        let holds = |arrived: &Arrived| {
            let body = String::from_utf8_lossy(&arrived.stored.raw.body);
            asked.events.contains(&arrived.stored.id) || asked.value.as_ref().is_some_and(|value| body.contains(value))
        };
        let meant: Vec<_> = self.events.values().filter(|one| holds(one)).map(|one| one.stored.raw.clone()).collect();
        let is_of = |arrived: &&Arrived| meant.iter().any(|raw| Arc::ptr_eq(raw, &arrived.stored.raw));
        let seqs: Vec<i64> = self.events.values().filter(is_of).map(|one| one.stored.seq).collect();
        let deliveries: Vec<i64> = seqs.iter().flat_map(|seq| self.deliveries_of(*seq)).collect();
        let count = |is: fn(State) -> bool| deliveries.iter().filter(|seq| is(self.rows[seq].stored.state)).count();
        let saved: BTreeSet<String> =
            deliveries.iter().flat_map(|seq| self.rows[seq].ledger.values().cloned()).collect();
        let is_saved = |value: &Result<String, String>| value.as_ref().is_ok_and(|value| saved.contains(value));
        let erased = Erased {
            events: seqs.len(),
            deliveries: deliveries.len(),
            pending: count(|state| !state.is_final()),
            under_way: if asked.dry_run { 0 } else { count(|state| state == State::Leased) },
            remembered: self.memory.values().filter(|(value, _)| is_saved(value)).count(),
        };
        if asked.dry_run {
            return erased;
        }
        self.memory.retain(|_, (value, _)| !is_saved(value));
        for seq in &deliveries {
            if self.rows[seq].stored.state == State::Held {
                self.let_go(*seq);
            }
            self.unsure.remove(seq);
            self.rows.remove(seq);
        }
        for seq in &seqs {
            self.unrouted.remove(seq);
            self.events.remove(seq);
        }
        erased
    }

    fn story(&self, seq: i64) -> DeliveryStory {
        let row = &self.rows[&seq];
        let replayed_as = row.replayed_as.iter().map(|seq| self.rows[seq].stored.id).collect();
        let steps = row.ledger.clone().into_iter().collect();
        DeliveryStory {
            delivery: row.stored.clone(),
            attempts: row.calls.values().cloned().collect(),
            steps,
            replayed_as,
        }
    }

    fn event_story(&self, event: &Arrived) -> EventStory {
        let outcomes = event.outcomes.iter().map(|(outcome, seqs)| {
            let mut seqs = seqs.clone();
            self.again(&mut seqs);
            let mut outcome =
                StoredOutcome { deliveries: seqs.into_iter().map(|seq| self.story(seq)).collect(), ..outcome.clone() };
            if let StoredResult::Duplicate { identity, first } = &mut outcome.result {
                let known = self.identities.get(&(outcome.route.clone(), identity.clone()));
                *first = known.filter(|(seq, ..)| self.events.contains_key(seq)).map(|(_, id, _)| *id);
            }
            outcome
        });
        EventStory { event: event.stored.clone(), routed_at: event.routed_at, outcomes: outcomes.collect() }
    }

    fn brief(&self, event: &Arrived) -> EventStory {
        let mut story = self.event_story(event);
        story.event = bare(&story.event);
        for DeliveryStory { delivery, attempts, steps, replayed_as } in
            story.outcomes.iter_mut().flat_map(|outcome| &mut outcome.deliveries)
        {
            (delivery.request, *attempts, *steps, *replayed_as) = Default::default();
        }
        story
    }

    /// By a value only where it stands in the body as it is.
    fn find(&self, filter: &EventFilter, limit: usize) -> EventPage {
        let mut page = EventPage::default();
        for (seq, arrived) in self.events.iter().rev().filter(|(seq, _)| filter.before.is_none_or(|end| **seq < end)) {
            let story = self.brief(arrived);
            let body = String::from_utf8_lossy(&arrived.stored.raw.body).into_owned();
            let has_value = filter.value.as_ref().is_none_or(|value| body.contains(value));
            if !has_value || !crate::store::search::is_meant(filter, &story) {
                continue;
            }
            page.events.push(story);
            if page.events.len() >= limit {
                page.next = Some(*seq);
                break;
            }
        }
        page
    }

    fn counts(&self) -> Counts {
        let count = |number: usize| u64::try_from(number).unwrap();
        let routed = || self.events.values().filter(|event| event.routed_at.is_some());
        let results = |is: fn(&StoredResult) -> bool| {
            let of = |event: &Arrived| {
                let now =
                    |outcome: &StoredOutcome| outcome.generation == event.stored.generation && is(&outcome.result);
                event.outcomes.iter().filter(|(outcome, _)| now(outcome)).count()
            };
            count(routed().map(of).sum())
        };
        let unmatched =
            |event: &&Arrived| !event.outcomes.iter().any(|(outcome, _)| outcome.generation == event.stored.generation);
        let at = |place: Place| count(self.rows.values().filter(|row| row.place == place).count());
        let mut counts = Counts {
            events: count(self.events.len()),
            unrouted: count(self.unrouted.len()),
            unmatched: count(routed().filter(unmatched).count()),
            failed: results(|result| matches!(result, StoredResult::Failed { .. })),
            duplicates: results(|result| matches!(result, StoredResult::Duplicate { .. })),
            parked: at(Place::Parked),
            later: at(Place::Later),
            ..Counts::default()
        };
        self.rows.values().for_each(|row| counts.add(row.stored.state, 1));
        counts
    }
}

impl Memory {
    fn with<'s, T: Send + 's>(
        &'s self,
        run: impl FnOnce(&mut Inner) -> Result<T, StoreError> + Send + 's,
    ) -> Reply<'s, T> {
        Box::pin(async move { run(&mut self.0.lock().unwrap()) })
    }
}

impl Store for Memory {
    fn accept(&self, new: NewEvents) -> Reply<'_, Vec<i64>> {
        self.with(move |inner| {
            let mut seqs = Vec::new();
            for (part, id) in (0..).zip(&new.ids) {
                inner.last_event += 1;
                let seq = inner.last_event;
                let (source, params, raw) = (new.source.clone(), new.params.clone(), new.raw.clone());
                let received_at = new.received_at;
                let stored =
                    StoredEvent { seq, id: *id, source, received_at, part, params, raw, revision: None, generation: 0 };
                inner.events.insert(seq, Arrived { stored, routed_at: None, outcomes: Vec::new() });
                inner.unrouted.insert(seq);
                seqs.push(seq);
            }
            Ok(seqs)
        })
    }

    fn accept_until(&self, new: NewEvents, _: std::time::Instant) -> Reply<'_, Vec<i64>> {
        self.accept(new)
    }

    fn route(&self, routed: RoutedEvent) -> Reply<'_, RouteReceipt> {
        self.with(|inner| inner.route(routed))
    }

    fn unrouted(&self, after_seq: i64, limit: usize) -> Reply<'_, Vec<StoredEvent>> {
        self.with(move |inner| {
            let seqs = inner.unrouted.range(after_seq + 1..).take(limit);
            Ok(seqs.map(|seq| inner.events[seq].stored.clone()).collect())
        })
    }

    fn release_leases(&self, owner: Option<&str>) -> Reply<'_, usize> {
        let owner = owner.map(str::to_owned);
        self.with(move |inner| {
            let is_of = |name: &String| {
                owner.as_ref().is_none_or(|owner| name == owner || name.starts_with(&format!("{owner}/")))
            };
            for (known, until) in inner.memory.values_mut() {
                let lives = |name: &String| !name.is_empty() && !name.starts_with("held/") && is_of(name);
                if known.as_ref().err().is_some_and(lives) {
                    (*known, *until) = (Err(String::new()), until.plus(DAY));
                }
            }
            let mut unsure: Vec<i64> = inner.unsure.keys().copied().collect();
            unsure.retain(|seq| {
                inner.rows.get(seq).is_some_and(|row| {
                    row.stored.state == State::Leased && owner.as_ref().is_none_or(|owner| *owner == row.owner)
                })
            });
            unsure.iter().for_each(|seq| inner.hold_unsure(*seq));
            let of = |row: &&mut Row| {
                row.stored.state == State::Leased && owner.as_ref().is_none_or(|owner| *owner == row.owner)
            };
            let leased = inner.rows.values_mut().filter(of);
            Ok(leased
                .map(|row| {
                    let change = Change::GiveBack { tried: row.stored.attempts > 0 };
                    row.stored.state = row.stored.state.after(change).unwrap();
                    row.stored.doubtful = true;
                })
                .count()
                + unsure.len())
        })
    }

    fn open_connections(&self) -> Reply<'_, Vec<String>> {
        self.with(|inner| {
            let open = inner.rows.values().filter(|row| row.stored.state.is_open());
            let names: BTreeSet<String> = open.map(|row| row.stored.connection.to_string()).collect();
            Ok(names.into_iter().collect())
        })
    }

    fn lease(&self, connection: &str, after_seq: i64, limit: usize, owner: &str) -> Reply<'_, Leased> {
        let (connection, owner) = (connection.to_owned(), owner.to_owned());
        self.with(move |inner| {
            let is_ready = |row: &&Row| {
                row.place == Place::Ready && row.stored.state != State::Leased && *row.stored.connection == connection
            };
            let ready = inner.rows.range(after_seq + 1..).map(|(_, row)| row).filter(is_ready);
            let seqs: Vec<i64> = ready.take(limit).map(|row| row.stored.seq).collect();
            let (last, more) = (seqs.last().copied().unwrap_or(after_seq), seqs.len() == limit);
            let newest = inner.last_delivery;
            let upto = if more { last } else { newest.max(last) };
            let mut deliveries = Vec::new();
            for seq in seqs {
                match inner.is_behind(seq) {
                    true => inner.stand(seq, Place::Parked, None),
                    false => deliveries.push(inner.take(seq, &owner)),
                }
            }
            Ok(Leased { deliveries, upto, more })
        })
    }

    fn park(&self, seqs: Vec<i64>) -> Reply<'_, usize> {
        self.with(|inner| {
            let given: Result<Vec<bool>, _> = seqs.into_iter().map(|seq| inner.give_back(seq, None)).collect();
            Ok(given?.into_iter().filter(|given| *given).count())
        })
    }

    fn lease_lane(&self, connection: &str, lane: &str, limit: usize, owner: &str) -> Reply<'_, Vec<StoredDelivery>> {
        let (connection, lane, owner) = (connection.to_owned(), lane.to_owned(), owner.to_owned());
        self.with(move |inner| {
            let parked = inner.waiting(&connection, &lane).take_while(|row| row.place == Place::Parked).take(limit);
            let seqs: Vec<i64> = parked.map(|row| row.stored.seq).collect();
            Ok(seqs.into_iter().map(|seq| inner.take(seq, &owner)).collect())
        })
    }

    fn lease_due(&self, connection: &str, now: Timestamp, limit: usize, owner: &str) -> Reply<'_, Due> {
        let (connection, owner) = (connection.to_owned(), owner.to_owned());
        self.with(move |inner| {
            let later = |inner: &Inner| {
                let all = inner.rows.values().filter(|row| *row.stored.connection == connection);
                let mut dues: Vec<(Timestamp, i64)> =
                    all.filter_map(|row| Some((row.stored.due?, row.stored.seq))).collect();
                dues.sort_unstable();
                dues
            };
            let mut deliveries = Vec::new();
            let far = now.plus(std::time::Duration::from_secs(31 * 24 * 3600));
            for (_, seq) in later(inner).into_iter().filter(|(due, _)| *due <= now || *due > far).take(limit) {
                match inner.is_behind(seq) {
                    true => inner.stand(seq, Place::Parked, None),
                    false => deliveries.push(inner.take(seq, &owner)),
                }
            }
            let next = later(inner).first().map(|(due, _)| if *due > far { now } else { *due });
            Ok(Due { deliveries, next })
        })
    }

    fn lease_freed(&self, connection: &str, upto: i64, limit: usize, owner: &str) -> Reply<'_, Vec<StoredDelivery>> {
        let (connection, owner) = (connection.to_owned(), owner.to_owned());
        self.with(move |inner| {
            // The first that is open of each lane.
            let mut heads: BTreeMap<Arc<str>, i64> = BTreeMap::new();
            let open = |row: &&Row| row.stored.state.is_open() && *row.stored.connection == connection;
            for row in inner.rows.values().filter(open) {
                if let Some(lane) = &row.stored.lane {
                    heads.entry(lane.clone()).or_insert(row.stored.seq);
                }
            }
            let free = |seq: &i64| inner.rows[seq].place == Place::Parked && *seq <= upto;
            let mut seqs: Vec<i64> = heads.into_values().filter(free).take(limit).collect();
            seqs.sort_unstable();
            Ok(seqs.into_iter().map(|seq| inner.take(seq, &owner)).collect())
        })
    }

    fn postpone(&self, seqs: Vec<i64>, due: Timestamp) -> Reply<'_, usize> {
        self.with(move |inner| {
            let given: Result<Vec<bool>, _> = seqs.into_iter().map(|seq| inner.give_back(seq, Some(due))).collect();
            Ok(given?.into_iter().filter(|given| *given).count())
        })
    }

    fn postpone_because(&self, seq: i64, due: Timestamp, reason: &str) -> Reply<'_, usize> {
        let reason = reason.to_owned();
        self.with(move |inner| {
            let given = inner.give_back(seq, Some(due))?;
            if given {
                inner.row(seq)?.stored.problem = Some(reason);
            }
            Ok(usize::from(given))
        })
    }

    fn record(&self, attempt: AttemptRecord) -> Reply<'_, Changed> {
        self.with(|inner| inner.record(attempt))
    }

    fn begin_call(&self, call: LimitedCall, _: Timestamp, latest: Timestamp, window: Duration) -> Reply<'_, i64> {
        self.with(move |inner| {
            let number = inner.calls.len() as i64 + 1;
            inner.calls.insert(number, (call, latest, latest.plus(window)));
            Ok(number)
        })
    }

    fn begin_unsure(&self, call: UnsureCall) -> Reply<'_, ()> {
        self.with(move |inner| {
            inner.unsure.insert(call.delivery_seq, call);
            Ok(())
        })
    }

    fn call_off(&self, delivery_seq: i64, limited: Option<i64>) -> Reply<'_, ()> {
        self.with(move |inner| {
            inner.unsure.remove(&delivery_seq);
            if let Some(call) = limited.and_then(|number| inner.calls.get_mut(&number)) {
                (call.1, call.2) = (Timestamp(0), Timestamp(0));
            }
            Ok(())
        })
    }

    fn limited_calls(&self, now: Timestamp) -> Reply<'_, Vec<(LimitedCall, Timestamp)>> {
        self.with(move |inner| {
            for (_, ended, until) in inner.calls.values_mut().filter(|(_, ended, _)| *ended > now) {
                (*until, *ended) = (now.plus(ended.until(*until)), now);
            }
            let counts = inner.calls.values().filter(|(_, _, until)| *until > now);
            let mut calls: Vec<_> = counts.map(|(call, ended, _)| (call.clone(), *ended)).collect();
            calls.sort_by_key(|(_, ended)| *ended);
            Ok(calls)
        })
    }

    fn note_step(&self, delivery_seq: i64, step: u32, saved: &str, _: Timestamp) -> Reply<'_, ()> {
        let saved = saved.to_owned();
        self.with(move |inner| {
            inner.row(delivery_seq)?.ledger.entry(step).or_insert(saved);
            Ok(())
        })
    }

    fn ledger(&self, delivery_seq: i64) -> Reply<'_, Vec<(u32, String)>> {
        self.with(move |inner| {
            Ok(inner.rows.get(&delivery_seq).map_or_else(Vec::new, |row| row.ledger.clone().into_iter().collect()))
        })
    }

    fn skip(&self, delivery_seq: i64) -> Reply<'_, Changed> {
        self.with(move |inner| inner.decide(delivery_seq, Change::Skip, None))
    }

    fn hold(&self, delivery_seq: i64, reason: &str) -> Reply<'_, Changed> {
        let reason = reason.to_owned();
        self.with(move |inner| inner.decide(delivery_seq, Change::Hold, Some(&reason)))
    }

    fn bury(&self, delivery_seq: i64, reason: &str) -> Reply<'_, Changed> {
        let reason = reason.to_owned();
        self.with(move |inner| inner.decide(delivery_seq, Change::Bury, Some(&reason)))
    }

    fn release_held(&self, filter: Filter, limit: usize, at: Timestamp) -> Reply<'_, Vec<Arc<str>>> {
        self.with(move |inner| {
            let held = Filter { states: vec![State::Held], ..filter };
            let mut connections = BTreeSet::new();
            for seq in inner.found(&held).into_iter().take(limit) {
                let row = inner.row(seq)?;
                let change = Change::Free { tried: row.stored.attempts > 0 };
                (row.stored.state, row.stored.problem) = (row.stored.state.after(change).unwrap(), None);
                row.stored.doubtful = true;
                connections.insert(row.stored.connection.clone());
                inner.stand(seq, Place::Later, Some(at));
                inner.let_go(seq);
            }
            Ok(connections.into_iter().collect())
        })
    }

    fn hasten(&self, filter: Filter, limit: usize, at: Timestamp) -> Reply<'_, Vec<Arc<str>>> {
        self.with(move |inner| {
            let later = Filter { due_after: Some(at), ..filter };
            let mut connections = BTreeSet::new();
            for seq in inner.found(&later).into_iter().take(limit) {
                let row = inner.row(seq)?;
                row.stored.due = Some(at);
                connections.insert(row.stored.connection.clone());
            }
            Ok(connections.into_iter().collect())
        })
    }

    fn dismiss_events(&self, meant: ReplayEvents, reason: &str) -> Reply<'_, Vec<EventId>> {
        let reason = reason.to_owned();
        self.with(move |inner| {
            let mut dismissed = Vec::new();
            let routed = inner.events.keys().copied().filter(|seq| !inner.unrouted.contains(seq));
            let seqs: Vec<i64> = routed.filter(|seq| inner.is_meant(*seq, &meant)).take(meant.limit).collect();
            for seq in seqs {
                let Some(event) = inner.events.get_mut(&seq) else { continue };
                let generation = event.stored.generation;
                let failed = event.outcomes.iter_mut().map(|(outcome, _)| outcome).filter(|outcome| {
                    outcome.generation == generation
                        && matches!(outcome.result, StoredResult::Failed { .. })
                        && meant.route.as_ref().is_none_or(|route| *route == outcome.route)
                });
                let done = failed.map(|outcome| outcome.result = StoredResult::Dismissed { reason: reason.clone() });
                if done.count() > 0 {
                    dismissed.push(event.stored.id);
                }
            }
            Ok(dismissed)
        })
    }

    fn dismiss(&self, filter: Filter, limit: usize, reason: &str) -> Reply<'_, usize> {
        let reason = reason.to_owned();
        self.with(move |inner| {
            let is_kept = |inner: &Inner, seq: &i64| {
                matches!(inner.rows.get(seq).map(|row| row.stored.state), Some(State::Dead | State::Held))
            };
            let found: Vec<i64> =
                inner.found(&filter).into_iter().filter(|seq| is_kept(inner, seq)).take(limit).collect();
            for seq in &found {
                let row = inner.row(*seq)?;
                (row.stored.state, row.stored.problem) = (State::Skipped, Some(reason.clone()));
                inner.let_go(*seq);
            }
            Ok(found.len())
        })
    }

    fn ahead(&self, connection: &str, seq: i64) -> Reply<'_, u64> {
        let connection = connection.to_owned();
        self.with(move |inner| {
            let is_ahead = |row: &&Row| {
                let stored = &row.stored;
                stored.seq < seq
                    && *stored.connection == *connection
                    && stored.state.is_open()
                    && row.place == Place::Ready
            };
            Ok(inner.rows.values().filter(is_ahead).count() as u64)
        })
    }

    fn undo(&self, delivery_seq: i64, from: u32, remembered: Vec<(String, String)>) -> Reply<'_, ()> {
        self.with(move |inner| {
            if let Some(row) = inner.rows.get_mut(&delivery_seq) {
                row.ledger.retain(|step, _| *step < from);
            }
            for (key, value) in remembered {
                if inner.memory.get(&key).is_some_and(|(known, _)| *known == Ok(value)) {
                    inner.memory.remove(&key);
                }
            }
            Ok(())
        })
    }

    fn claim(&self, key: &str, owner: &str, until: Timestamp, now: Timestamp) -> Reply<'_, Claim> {
        let (key, owner) = (key.to_owned(), owner.to_owned());
        self.with(move |inner| {
            let claim = match inner.memory.get(&key).filter(|(_, end)| *end > now) {
                Some((Ok(value), _)) => return Ok(Claim::Known(value.clone())),
                Some((Err(other), _)) if other.is_empty() => Claim::Doubtful,
                Some((Err(other), end)) if *other != owner => {
                    let held = other.strip_prefix("held/").and_then(|seq| inner.rows.get(&seq.parse().unwrap()));
                    return Ok(held.map_or(Claim::Busy(*end), |row| Claim::Held(row.stored.id)));
                }
                _ => Claim::Mine,
            };
            inner.memory.insert(key, (Err(owner), until));
            Ok(claim)
        })
    }

    fn remember(&self, key: &str, value: &str, until: Timestamp) -> Reply<'_, ()> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.with(move |inner| {
            inner.memory.insert(key, (Ok(value), until));
            Ok(())
        })
    }

    fn release_claim(&self, key: &str, owner: &str, doubtful: bool) -> Reply<'_, ()> {
        let (key, owner) = (key.to_owned(), owner.to_owned());
        self.with(move |inner| {
            if let Some((known, until)) = inner.memory.get_mut(&key).filter(|(known, _)| *known == Err(owner)) {
                (*known, *until) = (Err(String::new()), until.plus(DAY));
                if !doubtful {
                    inner.memory.remove(&key);
                }
            }
            Ok(())
        })
    }

    fn token(&self, connection: &str) -> Reply<'_, Option<StoredToken>> {
        let connection = connection.to_owned();
        self.with(move |inner| Ok(inner.tokens.get(&connection).cloned()))
    }

    fn save_token(&self, connection: &str, token: StoredToken) -> Reply<'_, ()> {
        let connection = connection.to_owned();
        self.with(move |inner| {
            inner.tokens.insert(connection, token);
            Ok(())
        })
    }

    fn replay(&self, replay: Replay) -> Reply<'_, Vec<Replayed>> {
        self.with(move |inner| Ok(inner.send_again(&replay)))
    }

    fn replayable(&self, replay: Replay) -> Reply<'_, Vec<DeliveryId>> {
        self.with(move |inner| Ok(inner.resendable(&replay).iter().map(|seq| inner.rows[seq].stored.id).collect()))
    }

    fn replay_events(&self, replay: ReplayEvents) -> Reply<'_, Vec<EventId>> {
        self.with(move |inner| Ok(inner.put_back(&replay)))
    }

    fn chosen(&self, replay: ReplayEvents) -> Reply<'_, Vec<i64>> {
        self.with(move |inner| {
            let routed = inner.events.keys().copied().filter(|seq| !inner.unrouted.contains(seq));
            let mut meant: Vec<i64> = routed.filter(|seq| inner.is_meant(*seq, &replay)).collect();
            if replay.newest {
                meant.reverse();
            }
            meant.truncate(replay.limit);
            Ok(meant)
        })
    }

    fn prune(&self, now: Timestamp, retention: Retention, _: usize) -> Reply<'_, Pruned> {
        self.with(move |inner| Ok(inner.forget(now, &retention)))
    }

    fn counts(&self) -> Reply<'_, Counts> {
        self.with(|inner| Ok(inner.counts()))
    }

    fn backlog(&self) -> Reply<'_, Backlog> {
        self.with(|inner| {
            let mut backlog = Backlog::default();
            let first = inner.unrouted.first().and_then(|seq| inner.events.get(seq));
            backlog.unrouted_since = first.map(|event| event.stored.received_at);
            for row in inner.rows.values().filter(|row| row.stored.state.is_open()) {
                let new = Waiting { count: 0, since: row.stored.created_at };
                backlog.connections.entry(row.stored.connection.clone()).or_insert(new).count += 1;
            }
            Ok(backlog)
        })
    }

    fn kept(&self, most: usize) -> Reply<'_, Vec<Kept>> {
        self.with(move |inner| {
            let mut found: BTreeMap<(Arc<str>, Arc<str>, u8), Kept> = BTreeMap::new();
            let is_kept = |row: &&Row| matches!(row.stored.state, State::Dead | State::Held);
            for row in inner.rows.values().filter(is_kept).take(most) {
                let StoredDelivery { connection, route, state, created_at, .. } = row.stored.clone();
                let key = (connection.clone(), route.clone(), u8::from(state == State::Held));
                let new = Kept { connection, route, state, count: 0, since: created_at };
                let kept = found.entry(key).or_insert(new);
                (kept.count, kept.since) = (kept.count + 1, kept.since.min(created_at));
            }
            Ok(found.into_values().collect())
        })
    }

    fn trouble(&self) -> Option<StoreError> {
        None
    }

    fn event(&self, id: EventId) -> Reply<'_, Option<EventStory>> {
        self.with(move |inner| {
            let event = inner.events.values().find(|event| event.stored.id == id);
            Ok(event.map(|event| inner.event_story(event)))
        })
    }

    fn briefs(&self, seqs: Vec<i64>) -> Reply<'_, Vec<EventStory>> {
        self.with(move |inner| {
            let brief = |seq: &i64| Some(inner.brief(inner.events.get(seq)?));
            Ok(seqs.iter().filter_map(brief).collect())
        })
    }

    fn last_calls(&self, seqs: Vec<i64>) -> Reply<'_, Vec<(i64, StoredAttempt)>> {
        self.with(move |inner| {
            let last = |seq: &i64| Some((*seq, inner.rows.get(seq)?.calls.values().last()?.clone()));
            Ok(seqs.iter().filter_map(last).collect())
        })
    }

    fn recent_events(&self, limit: usize) -> Reply<'_, Vec<StoredEvent>> {
        self.with(move |inner| Ok(inner.events.values().rev().take(limit).map(|event| bare(&event.stored)).collect()))
    }

    fn erase(&self, asked: Erase) -> Reply<'_, Erased> {
        self.with(move |inner| Ok(inner.erase(&asked)))
    }

    fn find_events(&self, filter: EventFilter, limit: usize) -> Reply<'_, EventPage> {
        self.with(move |inner| Ok(inner.find(&filter, limit)))
    }

    fn delivery(&self, id: DeliveryId) -> Reply<'_, Option<DeliveryStory>> {
        self.with(move |inner| {
            let row = inner.rows.values().find(|row| row.stored.id == id);
            Ok(row.map(|row| inner.story(row.stored.seq)))
        })
    }

    fn deliveries(&self, filter: Filter, limit: usize) -> Reply<'_, Vec<StoredDelivery>> {
        self.with(move |inner| {
            let seqs = inner.found(&filter);
            let bare = |seq| StoredDelivery { request: String::new(), ..inner.rows[&seq].stored.clone() };
            Ok(seqs.into_iter().rev().take(limit).map(bare).collect())
        })
    }

    fn remember_paths(&self, paths: Vec<String>) -> Reply<'_, ()> {
        self.with(move |inner| {
            inner.paths.extend(paths);
            Ok(())
        })
    }

    fn known_paths(&self) -> Reply<'_, Vec<String>> {
        self.with(|inner| Ok(inner.paths.iter().cloned().collect()))
    }

    fn save_snapshot(&self, revision: &str, files: Vec<(String, String)>) -> Reply<'_, ()> {
        let revision = revision.to_owned();
        self.with(move |inner| {
            inner.revisions.retain(|(known, _)| *known != revision);
            let mut sorted = files.clone();
            sorted.sort();
            inner.revisions.push((revision.clone(), sorted));
            let over = inner.revisions.len().saturating_sub(super::super::snapshot::REVISIONS);
            inner.revisions.drain(..over);
            inner.snapshot = Some((revision, files));
            Ok(())
        })
    }

    fn files_of(&self, revision: &str) -> Reply<'_, Option<Vec<(String, String)>>> {
        let revision = revision.to_owned();
        self.with(move |inner| {
            let found = inner.revisions.iter().find(|(known, _)| *known == revision);
            Ok(found.map(|(_, files)| files.clone()).filter(|files| !files.is_empty()))
        })
    }

    fn snapshot(&self) -> Reply<'_, Option<Snapshot>> {
        self.with(|inner| Ok(inner.snapshot.clone()))
    }

    fn backup(&self, _: PathBuf) -> Reply<'_, ()> {
        self.with(|_| Ok(()))
    }

    fn verify(&self) -> Reply<'_, Verified> {
        self.with(|inner| {
            let deliveries = u64::try_from(inner.rows.len()).unwrap();
            Ok(Verified { events: inner.counts().events, deliveries, problems: Vec::new() })
        })
    }

    fn close(&self) -> Reply<'_, ()> {
        self.with(|_| Ok(()))
    }
}
