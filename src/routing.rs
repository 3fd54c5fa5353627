//! Between ingress and dispatch: accepted events through the pipeline, in the order accepted, into deliveries on disk.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Notify, watch};

use crate::clock::{Clock, Timestamp};
use crate::death;
use crate::diagnostic::{Code, Diagnostic, json, text};
use crate::dispatch::Wake;
use crate::event::{Event, RawRequest};
use crate::figures::{Fate, Figures};
use crate::id::{DeliveryId, EventId};
use crate::live::{Live, Revision};
use crate::payload::DecodeError;
use crate::pipeline::{self, Prepared, RouteResult, Routed, Taken};
use crate::source::{Source, Whole};
use crate::span::{Span, Spans, Trace};
use crate::store::{NewDelivery, NewOutcome, NewResult, RoutedEvent, Store, StoreError, StoredEvent};

/// How many events are taken from the store at a time. Each may be as large as a source allows.
const BATCH: usize = 64;
/// How long an event waits at most when no wake-up tells of it.
const LOOK: Duration = Duration::from_secs(1);

/// How often events that wait for a source are looked at again at most.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Routes what is in the store, in the order in which it was accepted. The store is the only list of what is to be done:
/// nothing that happens to a sender's connection, to a wake-up or to a write can leave an event behind.
pub struct Router {
    pub live: Live,
    pub store: Arc<dyn Store>,
    /// How long an identity is remembered.
    pub identity_window: Duration,
    pub clock: Clock,
    pub wake: Wake,
    /// There may be an event to route.
    pub accepted: Arc<Notify>,
    pub figures: Arc<Figures>,
    pub spans: Spans,
}

/// How far a revision has looked: up to here each event is routed, or waits for a source that this revision lacks.
struct Done {
    revision: Arc<str>,
    seq: i64,
    /// So many events wait before it.
    left: u64,
    /// When the next look at those is.
    again: Timestamp,
    /// Something was stored since the last look from the beginning.
    is_fruitful: bool,
    /// The sources whose waiting events were told of.
    told: BTreeSet<Arc<str>>,
}

impl Done {
    fn nothing(revision: Arc<str>) -> Self {
        Done { revision, seq: 0, left: 0, again: Timestamp(0), is_fruitful: false, told: BTreeSet::new() }
    }

    /// A batch is over: so many of it still wait, and the number of its last.
    fn went(&mut self, len: usize, left: usize, last: i64) {
        self.left += u64::try_from(left).unwrap_or(0);
        self.is_fruitful |= left < len;
        self.seq = last;
    }

    /// Whether more events are unrouted than were left: one that a person sends through the routes again stands at its old
    /// place. Then everything is looked at again; not often where many are left, or where nothing came of the last look.
    fn looks_again(&mut self, unrouted: u64, now: Timestamp) -> bool {
        let may = self.again <= now || (self.left == 0 && self.is_fruitful);
        let is_behind = unrouted > self.left && may;
        if is_behind {
            (self.seq, self.left, self.is_fruitful, self.again) = (0, 0, false, now.plus(LOOK_AGAIN));
        }
        is_behind
    }

    /// Told once for a source: there may be a thousand events, and a new revision tells it again.
    fn tell_unread(&mut self, stored: &StoredEvent, why: &str) {
        if self.told.insert(stored.source.clone()) {
            tracing::warn!(source = %stored.source, event = %stored.id, why,
                "events wait: their source, as it is now, reads them no more");
        }
    }
}

impl Router {
    /// Routes until the server stops.
    pub async fn run(self, mut stopped: watch::Receiver<bool>) {
        let (mut done, mut is_failing) = (Done::nothing("".into()), false);
        loop {
            is_failing = told(self.route_all(&mut done).await, is_failing);
            tokio::select! {
                () = self.accepted.notified() => {}
                () = self.look() => {}
                _ = stopped.wait_for(|stopped| *stopped) => break,
            }
        }
        // What was accepted until now still makes its deliveries, which then wait on disk.
        if let Err(error) = self.route_all(&mut done).await {
            tracing::error!(%error, "accepted events wait on disk for the next start");
        }
    }

    /// Over after a while, but only when something waits.
    async fn look(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            if self.store.counts().await.is_ok_and(|counts| counts.unrouted > 0) {
                return;
            }
        }
    }

    /// Routes every event that waits and was not looked at in this revision.
    async fn route_all(&self, done: &mut Done) -> Result<(), StoreError> {
        loop {
            let revision = self.live.now();
            if done.revision != revision.set.revision {
                *done = Done::nothing(revision.set.revision.clone());
            }
            let waiting = self.store.unrouted(done.seq, BATCH).await?;
            let Some(last) = waiting.last() else {
                match done.looks_again(self.store.counts().await?.unrouted, self.clock.now()) {
                    true => continue,
                    false => return Ok(()),
                }
            };
            // The store takes them in the order in which they are first polled, which is the order accepted.
            death::moment("to-route");
            let mut read = LastRead::default();
            let route = |stored| self.route(stored, &revision, &mut read, done);
            let routed = waiting.iter().filter_map(route).collect::<Vec<_>>();
            let mut left = waiting.len() - routed.len();
            for stored in join_all(routed).await {
                left += usize::from(!stored?);
            }
            done.went(waiting.len(), left, last.seq);
        }
    }

    /// What one event becomes, and whether that could be stored; nothing for one whose source is gone, which waits until it is
    /// back.
    fn route<'s>(
        &'s self,
        stored: &StoredEvent,
        revision: &Arc<Revision>,
        read: &mut LastRead,
        done: &mut Done,
    ) -> Option<impl Future<Output = Result<bool, StoreError>> + use<'s>> {
        let (id, trace, began) = (stored.id, Trace::of(&stored.raw, stored.id), self.clock.now());
        let outcomes = unharmed(id, || made(stored, revision, read, done)).unwrap_or_else(|| {
            let routes = revision.set.routes.get(&stored.source).map(Vec::as_slice).unwrap_or_default();
            Some(failed_alike(
                routes.iter().map(|route| route.name.clone()).collect(),
                "routing failed inside Jackfield",
            ))
        })?;
        let (brought, mut fates) = (brought(&outcomes), fates(&outcomes));
        // Only the id goes on: the decoded payloads of a batch are never in memory together.
        let (event_seq, at) = (stored.seq, self.clock.now());
        let revision = revision.set.revision.clone();
        let routes: Vec<Arc<str>> = outcomes.iter().map(|outcome| outcome.route.clone()).collect();
        let identity_since =
            Timestamp(at.0.saturating_sub(i64::try_from(self.identity_window.as_millis()).unwrap_or(i64::MAX)));
        let routed = RoutedEvent { event_seq, revision: revision.clone(), at, outcomes, identity_since };
        Some(async move {
            let receipt = match self.store.route(routed).await {
                Err(StoreError::NotFound) => {
                    tracing::info!(event = %id, "the event was erased before its routes were done with it");
                    return Ok(false);
                }
                // The store will never take this, so the event is a dead letter, and keeps no other waiting.
                Err(error @ (StoreError::TooLarge | StoreError::Refused)) => {
                    tracing::error!(event = %id, %error, "what became of the event can't be stored; it is a dead letter");
                    fates = routes.iter().map(|route| (route.clone(), Fate::Failed)).collect();
                    let outcomes = failed_alike(routes, "what the route made of the event can't be stored");
                    let instead = RoutedEvent { event_seq, revision, at, outcomes, identity_since };
                    match self.store.route(instead).await {
                        Err(StoreError::TooLarge | StoreError::Refused | StoreError::NotFound) => return Ok(false),
                        other => other?,
                    }
                }
                other => other?,
            };
            for route in &receipt.duplicates {
                tracing::info!(event = %id, %route, "the same event came before; nothing is sent");
                fates.iter_mut().filter(|(name, _)| name == route).for_each(|(_, fate)| *fate = Fate::Duplicate);
            }
            self.figures.routed(&fates, at);
            self.tell(id, trace, began, &fates);
            death::moment("routed");
            brought.iter().for_each(|(connection, route)| self.wake.route(connection, route));
            Ok(true)
        })
    }
}

impl Router {
    /// Tells the log, and whoever follows traces, of an event whose deliveries are on disk.
    fn tell(&self, event: EventId, trace: Trace, began: Timestamp, fates: &[(Arc<str>, Fate)]) {
        let routes = || fates.iter().map(|(route, _)| &**route).collect::<Vec<_>>().join(" ");
        tracing::debug!(%event, routes = routes(), trace = %trace.id, "routed");
        self.spans.put(trace.sampled, || Span {
            name: "route".to_owned(),
            began,
            ended: self.clock.now(),
            failed: fates.iter().any(|(_, fate)| matches!(fate, Fate::Failed)),
            attributes: vec![("jackfield.event", event.to_string()), ("jackfield.routes", routes())],
            ..trace.routing(event)
        });
    }
}

/// Says once that routing fails, and once that it goes on; whether it fails. What the store says of itself is not repeated.
fn told(routed: Result<(), StoreError>, was_failing: bool) -> bool {
    match routed {
        Err(error) if error.is_told() => was_failing,
        Err(error) if was_failing => {
            tracing::debug!(%error, "accepted events still can't be routed");
            true
        }
        Err(error) => {
            tracing::error!(%error, "accepted events can't be routed now; they wait on disk");
            true
        }
        Ok(()) => {
            if was_failing {
                tracing::info!("accepted events are routed again");
            }
            false
        }
    }
}

/// What the routes make of an event as it is stored; nothing while its source does not read it.
fn made(
    stored: &StoredEvent,
    revision: &Arc<Revision>,
    read: &mut LastRead,
    done: &mut Done,
) -> Option<Vec<NewOutcome>> {
    let event = match restored(stored, revision, read, done)? {
        Ok(event) => event,
        Err(error) => return Some(unreadable(stored, revision, &error)),
    };
    let results = results(&event, revision);
    log(&event, &results, revision);
    let trace = Trace::of(&event.raw, event.id);
    Some(results.iter().filter_map(|routed| outcome(routed, revision, trace)).collect())
}

/// A defect of ours in one event must not keep the others waiting: nothing, where there was one.
fn unharmed<T>(event: EventId, run: impl FnOnce() -> T) -> Option<T> {
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    result.map_err(|_| tracing::error!(%event, "routing failed inside Jackfield; the event is a dead letter")).ok()
}

/// These routes, each with the same failure in the place of what it made.
fn failed_alike(routes: Vec<Arc<str>>, message: &str) -> Vec<NewOutcome> {
    let problem = serde_json::json!({ "code": "unfit-value", "message": message });
    let failed = |route| NewOutcome { route, result: NewResult::Failed { problem: problem.to_string() } };
    routes.into_iter().map(failed).collect()
}

/// The request that was read last: of a thousand events that are parts of one, it is read once and not a thousand times.
#[derive(Default)]
struct LastRead(Option<Read>);

/// What a request was read as, for the events of one source.
struct Read {
    raw: Arc<RawRequest>,
    source: Arc<str>,
    whole: Result<Whole, DecodeError>,
}

impl LastRead {
    fn of(&mut self, stored: &StoredEvent, source: &Source) -> &Result<Whole, DecodeError> {
        let is_same = |last: &Read| Arc::ptr_eq(&last.raw, &stored.raw) && last.source == stored.source;
        let last = self.0.take().filter(is_same).unwrap_or_else(|| {
            let whole = source.whole(&stored.raw);
            Read { raw: stored.raw.clone(), source: stored.source.clone(), whole }
        });
        &self.0.insert(last).whole
    }
}

/// An event again as it was accepted, or why its request can't be read; nothing for one that waits.
fn restored(
    stored: &StoredEvent,
    revision: &Revision,
    read: &mut LastRead,
    done: &mut Done,
) -> Option<Result<Event, DecodeError>> {
    let source = revision.set.sources.get(&stored.source)?;
    let whole = match read.of(stored, source) {
        Ok(whole) => whole,
        Err(error) => return Some(Err(error.clone())),
    };
    let params = stored.params.clone();
    let event = source.restore(whole, stored.id, &stored.raw, stored.part, params, stored.received_at);
    if event.is_none() {
        done.tell_unread(stored, "`split` finds the event's part no more");
    }
    event.map(Ok)
}

/// A request that can't be read is a dead letter of each route of its source, or of the source where it has none: what is
/// mended reads it again, when a person asks for that.
fn unreadable(stored: &StoredEvent, revision: &Revision, error: &DecodeError) -> Vec<NewOutcome> {
    let (event, source) = (stored.id, &stored.source);
    tracing::warn!(%event, %source, why = %error, "a dead letter: the request can't be read");
    let routes = revision.set.routes.get(source).map(Vec::as_slice).unwrap_or_default();
    let mut names: Vec<Arc<str>> = routes.iter().map(|route| route.name.clone()).collect();
    if names.is_empty() {
        names.push(source.clone());
    }
    let problem = serde_json::json!({
        "code": Code::UndecodableBody.word(),
        "message": format!("the request could not be read: {error}"),
        "help": format!("mend the source's `format` or `decode`; then `jackfield replay {event} --through-routes`"),
    });
    let failed = |route| NewOutcome { route, result: NewResult::Failed { problem: problem.to_string() } };
    names.into_iter().map(failed).collect()
}

/// What the routes make of an event.
fn results(event: &Event, revision: &Revision) -> Vec<Routed> {
    unharmed(event.id, || pipeline::run(&revision.set, event)).unwrap_or_else(|| {
        let routes = revision.set.routes.get(&event.source).map(Vec::as_slice).unwrap_or_default();
        let problem = |route: &Arc<crate::route::Route>| {
            Diagnostic::new(Code::TemplateFailed, route.place.clone(), "routing failed inside Jackfield")
        };
        let failed = |route: &Arc<crate::route::Route>| RouteResult::Failed(Box::new(problem(route)));
        routes.iter().map(|route| Routed { route: route.clone(), result: failed(route) }).collect()
    })
}

fn outcome(routed: &Routed, revision: &Revision, trace: Trace) -> Option<NewOutcome> {
    let result = match &routed.result {
        RouteResult::NotMatched | RouteResult::NotNeeded => return None,
        RouteResult::Failed(problem) => NewResult::Failed { problem: problem_text(problem, revision) },
        RouteResult::Taken(taken) => NewResult::Taken {
            identity: taken.identity.clone(),
            lane: taken.lane.clone(),
            deliveries: deliveries(routed, taken, revision, trace),
        },
    };
    Some(NewOutcome { route: routed.route.name.clone(), result })
}

fn deliveries(routed: &Routed, taken: &Taken, revision: &Revision, trace: Trace) -> Vec<NewDelivery> {
    let sends = routed.route.sends.iter().zip(&taken.sends);
    let numbered = (0u32..).zip(sends);
    numbered
        .filter_map(|(position, (send, prepared))| {
            let request = match prepared {
                Prepared::Skipped => return None,
                Prepared::Ready(request) => Ok(request.to_value().to_json()),
                Prepared::Planned(plan) => Ok(plan.to_json(&|place| text::at(place, &revision.documents))),
                Prepared::Failed(problem) => Err(problem_text(problem, revision)),
            };
            let request = request.map(|request| trace.noted_in(request));
            let (connection, operation) = (send.connection.name.clone(), send.operation.name.clone());
            Some(NewDelivery { id: DeliveryId::new(), position, connection, operation, request })
        })
        .collect()
}

/// A problem with its file and line, as it is kept with the dead letter.
fn problem_text(problem: &Diagnostic, revision: &Revision) -> String {
    json::render(problem, &revision.documents).to_string()
}

/// What each route made of an event, for the figures.
fn fates(outcomes: &[NewOutcome]) -> Vec<(Arc<str>, Fate)> {
    let dead = |deliveries: &[NewDelivery]| {
        let dead = deliveries.iter().filter(|delivery| delivery.request.is_err());
        dead.map(|delivery| delivery.connection.clone()).collect()
    };
    let fate = |result: &NewResult| match result {
        NewResult::Failed { .. } => Fate::Failed,
        NewResult::Taken { deliveries, .. } => Fate::Taken(dead(deliveries)),
    };
    outcomes.iter().map(|outcome| (outcome.route.clone(), fate(&outcome.result))).collect()
}

/// For which connections there is work, and by which routes.
fn brought(outcomes: &[NewOutcome]) -> BTreeSet<(Arc<str>, Arc<str>)> {
    let taken = outcomes.iter().filter_map(|outcome| match &outcome.result {
        NewResult::Taken { deliveries, .. } => Some((&outcome.route, deliveries)),
        NewResult::Failed { .. } => None,
    });
    let each = |(route, deliveries): (&Arc<str>, &Vec<NewDelivery>)| {
        let route = route.clone();
        deliveries
            .iter()
            .map(|delivery| delivery.connection.clone())
            .map(move |to| (to, route.clone()))
            .collect::<Vec<_>>()
    };
    taken.flat_map(each).collect()
}

fn log(event: &Event, results: &[Routed], revision: &Revision) {
    let taken = |routed: &Routed| !matches!(routed.result, RouteResult::NotMatched | RouteResult::NotNeeded);
    if !results.iter().any(taken) {
        tracing::info!(event = %event.id, source = %event.source, "no route takes the event; it is kept");
    }
    for routed in results {
        let problems: Vec<&Diagnostic> = match &routed.result {
            RouteResult::Failed(problem) => vec![problem],
            RouteResult::Taken(taken) => taken.sends.iter().filter_map(failed).collect(),
            RouteResult::NotMatched | RouteResult::NotNeeded => Vec::new(),
        };
        for problem in problems {
            let (at, code, message) =
                (text::place(problem, &revision.documents), problem.code.word(), problem.message.as_str());
            // What is nearby in the payload may be somebody's name or address; the store keeps it, the log does not.
            let help = problem.help.as_deref().filter(|_| problem.code != Code::ValueNotFound);
            let trace = Trace::of(&event.raw, event.id).id;
            tracing::warn!(event = %event.id, route = %routed.route.name, at, code, message, help, %trace,
                "a dead letter: the route failed on an event");
        }
    }
}

fn failed(prepared: &Prepared) -> Option<&Diagnostic> {
    match prepared {
        Prepared::Failed(problem) => Some(problem),
        Prepared::Ready(_) | Prepared::Planned(_) | Prepared::Skipped => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_stored_is_not_tried_without_end() {
        let mut done = Done::nothing("r1".into());
        let now = Timestamp(1_000_000);
        assert!(done.looks_again(1, now), "one was put back");
        assert!(!done.looks_again(1, now), "nothing came of that look");
        assert!(done.looks_again(1, now.plus(LOOK_AGAIN)), "it is tried again after a while");
        done.went(2, 1, 7);
        assert_eq!((done.seq, done.left), (7, 1));
        assert!(!done.looks_again(1, now.plus(2 * LOOK_AGAIN)), "it waits, and is no news");
        assert!(done.looks_again(2, now.plus(2 * LOOK_AGAIN)), "another was put back");
        done.went(1, 0, 7);
        assert!(done.looks_again(1, now.plus(2 * LOOK_AGAIN)), "one after the other is routed at once");
    }

    #[test]
    fn a_defect_ends_with_its_event() {
        assert_eq!(unharmed(EventId::new(), || 7), Some(7));
        #[allow(clippy::panic)]
        let harmed: Option<u8> = unharmed(EventId::new(), || panic!("a defect"));
        assert_eq!(harmed, None);
    }
}
