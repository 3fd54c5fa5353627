//! Forgets what is older than the settings say, a little at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::clock::Clock;
use crate::store::{Pruned, Retention, Store};

/// So many events are forgotten at a time: what comes in meanwhile waits for no longer than for other writes.
const BATCH: usize = 200;
/// What comes in goes first: after each time there is a pause as long as it took, and no longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often is looked, at the least and at the most.
const LOOKS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Forgets until the server stops.
pub(super) async fn forget(
    store: Arc<dyn Store>,
    clock: Clock,
    retention: Retention,
    mut stopped: watch::Receiver<bool>,
) {
    let pause = retention.age.map_or(LOOKS.1, |age| (age / 4).clamp(LOOKS.0, LOOKS.1));
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopped.wait_for(|stopped| *stopped) => break,
        }
        let mut all = Pruned::default();
        while !*stopped.borrow() {
            let began = Instant::now();
            match store.prune(clock.now(), retention, BATCH).await {
                Ok(pruned) => add(&mut all, pruned),
                Err(error) => {
                    tracing::error!(%error, "old events can't be forgotten now");
                    break;
                }
            }
            if !all.more {
                break;
            }
            tokio::time::sleep(began.elapsed().min(LONGEST_PAUSE)).await;
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

fn add(all: &mut Pruned, pruned: Pruned) {
    let Pruned { events, deliveries, freed, more } = pruned;
    *all =
        Pruned { events: all.events + events, deliveries: all.deliveries + deliveries, freed: all.freed + freed, more };
}
