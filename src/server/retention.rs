//! Forgets what is older than the settings say, a little at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::clock::Clock;
use crate::live::Live;
use crate::store::{Pruned, Retention, Store};

/// So many events are forgotten at a time: what comes in meanwhile waits for no longer than for other writes.
const BATCH: usize = 200;
/// What comes in goes first: after each time there is a pause as long as it took, and no longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often is looked, at the least and at the most.
const LOOKS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// To look at each event for the routes that took it rests so many times as long as it took.
const REST: u32 = 20;

/// Forgets until the server stops.
pub(super) async fn forget(
    store: Arc<dyn Store>,
    clock: Clock,
    live: Live,
    usual: Retention,
    mut stopped: watch::Receiver<bool>,
) {
    let mut by_route = Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause(&of_all_routes(&live, &usual))) => {}
            _ = stopped.wait_for(|stopped| *stopped) => break,
        }
        // As it is said now: what an edit keeps for longer was to be kept from then on.
        let whole = of_all_routes(&live, &usual);
        let is_by_route = whole.is_by_route() && Instant::now() >= by_route;
        let (retention, round) = (if is_by_route { whole } else { whole.of_all() }, Instant::now());
        let mut all = Pruned::default();
        while !*stopped.borrow() {
            let began = Instant::now();
            match store.prune(clock.now(), retention.clone(), BATCH).await {
                Ok(pruned) => add(&mut all, pruned),
                Err(error) => {
                    if !error.is_told() {
                        tracing::error!(%error, "old events can't be forgotten now");
                    }
                    break;
                }
            }
            if !all.more {
                break;
            }
            tokio::time::sleep(began.elapsed().min(LONGEST_PAUSE)).await;
        }
        if is_by_route {
            by_route = Instant::now() + round.elapsed() * REST;
        }
        if all.events > 0 {
            tracing::info!(
                events = all.events,
                deliveries = all.deliveries,
                bytes = all.freed,
                "old events are forgotten"
            );
        }
    }
}

/// What is kept by the routes of this moment.
fn of_all_routes(live: &Live, usual: &Retention) -> Retention {
    let revision = live.now();
    Retention { routes: revision.set.ages(), sizes: revision.set.sizes(), ..usual.clone() }
}

/// How long nothing is looked at: what is kept for a short time is looked at more often.
fn pause(retention: &Retention) -> Duration {
    retention.shortest().map_or(LOOKS.1, |age| (age / 4).clamp(LOOKS.0, LOOKS.1))
}

fn add(all: &mut Pruned, pruned: Pruned) {
    let Pruned { events, deliveries, freed, more } = pruned;
    *all =
        Pruned { events: all.events + events, deliveries: all.deliveries + deliveries, freed: all.freed + freed, more };
}
