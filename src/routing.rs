//! Between ingress and dispatch: accepted events through the pipeline, in the order accepted, into deliveries on disk.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::clock::Clock;
use crate::diagnostic::{Diagnostic, json};
use crate::dispatch::Wake;
use crate::event::Event;
use crate::id::DeliveryId;
use crate::ingress::Accepted;
use crate::live::{Live, Revision};
use crate::pipeline::{self, Prepared, RouteResult, Routed, Taken};
use crate::store::{NewDelivery, NewOutcome, NewResult, RoutedEvent, Store, StoredEvent};

/// How many events are routed between two looks at the store.
const BATCH: usize = 256;

/// Routes what was accepted, until nobody can send any more.
#[derive(Clone)]
pub struct Router {
    pub live: Live,
    pub store: Store,
    pub clock: Clock,
    pub wake: Wake,
}

impl Router {
    /// Routes the events that a crash or a stop left unrouted, or whose source was gone for a while. The store takes
    /// each event's routing once, so one that is just being routed comes to no harm.
    pub async fn recover(&self) -> Result<usize, crate::store::StoreError> {
        let (mut after, mut count) = (0, 0);
        loop {
            let stored = self.store.unrouted(after, BATCH).await?;
            let Some(last) = stored.last() else { return Ok(count) };
            after = last.seq;
            count += stored.len();
            let restored = stored.iter().filter_map(|stored| self.restored(stored));
            self.route_all(restored.collect()).await;
        }
    }

    /// An event again as it was accepted; one whose source is gone waits until it is back.
    fn restored(&self, stored: &StoredEvent) -> Option<Accepted> {
        let revision = self.live.now();
        let Some(source) = revision.set.sources.get(&stored.source) else {
            tracing::warn!(event = %stored.id, source = %stored.source, "an event waits: its source is not there now");
            return None;
        };
        match source.restore(stored.id, &stored.raw, stored.part, stored.params.clone(), stored.received_at) {
            Ok(Some(event)) => Some(Accepted { seq: stored.seq, event }),
            Ok(None) | Err(_) => {
                tracing::warn!(event = %stored.id, source = %stored.source, "an event waits: its source reads it no more");
                None
            }
        }
    }

    /// Routes events as they are accepted.
    pub async fn run(self, mut accepted: UnboundedReceiver<Accepted>) {
        let mut batch = Vec::with_capacity(BATCH);
        while accepted.recv_many(&mut batch, BATCH).await > 0 {
            self.route_all(std::mem::take(&mut batch)).await;
        }
    }

    async fn route_all(&self, events: Vec<Accepted>) {
        let revision = self.live.now();
        // The store takes them in the order in which they are first polled, which is the order accepted.
        join_all(events.iter().map(|accepted| self.route(accepted, &revision))).await;
    }

    async fn route(&self, accepted: &Accepted, revision: &Arc<Revision>) {
        let results = pipeline::run(&revision.set, &accepted.event);
        let outcomes: Vec<NewOutcome> = results.iter().filter_map(|routed| outcome(routed, revision)).collect();
        log(&accepted.event, &outcomes);
        let connections: Vec<Arc<str>> = connections(&outcomes);
        let routed = RoutedEvent {
            event_seq: accepted.seq,
            revision: revision.set.revision.clone(),
            at: self.clock.now(),
            outcomes,
        };
        match self.store.route(routed).await {
            Ok(receipt) => {
                for route in &receipt.duplicates {
                    tracing::info!(event = %accepted.event.id, %route, "the same event came before; nothing is sent");
                }
                connections.iter().for_each(|connection| self.wake.connection(connection));
            }
            // The event stays unrouted on disk, and is routed at the next start.
            Err(error) => tracing::error!(event = %accepted.event.id, %error, "an event could not be routed"),
        }
    }
}

fn outcome(routed: &Routed, revision: &Revision) -> Option<NewOutcome> {
    let result = match &routed.result {
        RouteResult::NotMatched | RouteResult::NotNeeded => return None,
        RouteResult::Failed(problem) => NewResult::Failed { problem: problem_text(problem, revision) },
        RouteResult::Taken(taken) => NewResult::Taken {
            identity: taken.identity.clone(),
            lane: taken.lane.clone(),
            deliveries: deliveries(routed, taken, revision),
        },
    };
    Some(NewOutcome { route: routed.route.name.clone(), result })
}

fn deliveries(routed: &Routed, taken: &Taken, revision: &Revision) -> Vec<NewDelivery> {
    let sends = routed.route.sends.iter().zip(&taken.sends);
    let numbered = (0u32..).zip(sends);
    numbered
        .filter_map(|(position, (send, prepared))| {
            let request = match prepared {
                Prepared::Skipped => return None,
                Prepared::Ready(request) => Ok(request.to_value().to_json()),
                Prepared::Failed(problem) => Err(problem_text(problem, revision)),
            };
            let (connection, operation) = (send.connection.name.clone(), send.operation.name.clone());
            Some(NewDelivery { id: DeliveryId::new(), position, connection, operation, request })
        })
        .collect()
}

/// A problem with its file and line, as it is kept with the dead letter.
fn problem_text(problem: &Diagnostic, revision: &Revision) -> String {
    json::render(problem, &revision.documents).to_string()
}

fn connections(outcomes: &[NewOutcome]) -> Vec<Arc<str>> {
    let mut connections: Vec<Arc<str>> = outcomes
        .iter()
        .filter_map(|outcome| match &outcome.result {
            NewResult::Taken { deliveries, .. } => Some(deliveries),
            NewResult::Failed { .. } => None,
        })
        .flatten()
        .map(|delivery| delivery.connection.clone())
        .collect();
    connections.sort();
    connections.dedup();
    connections
}

fn log(event: &Event, outcomes: &[NewOutcome]) {
    if outcomes.is_empty() {
        tracing::info!(event = %event.id, source = %event.source, "no route takes the event; it is kept");
    }
    for outcome in outcomes {
        let problems: Vec<&String> = match &outcome.result {
            NewResult::Failed { problem } => vec![problem],
            NewResult::Taken { deliveries, .. } => deliveries.iter().filter_map(|d| d.request.as_ref().err()).collect(),
        };
        for problem in problems {
            tracing::warn!(event = %event.id, route = %outcome.route, %problem, "a dead letter: the route failed on an event");
        }
    }
}
