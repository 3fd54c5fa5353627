//! What earlier lives have leased is given back at the start, or as soon as the store can be written again: a disk without
//! any room keeps no server from starting.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::dispatch::Gate;
use crate::store::{Store, StoreError};

/// How often it is tried.
const OFTEN: Duration = Duration::from_millis(500);

/// Gives back what is leased; false where that has to be done later.
pub(super) async fn are_free(store: &Arc<dyn Store>) -> Result<bool, StoreError> {
    match store.release_leases(None).await {
        Err(error) if error.may_pass() => {
            tracing::warn!(%error, "what was under way at the last end can't be taken up yet: nothing goes out until then");
            Ok(false)
        }
        released => released.map(|_| true),
    }
}

/// Tries until that is done, then opens the gate.
pub(super) async fn free(store: Arc<dyn Store>, owed: Option<Gate>, mut stopped: watch::Receiver<bool>) {
    let Some(gate) = owed else { return };
    loop {
        tokio::select! {
            () = tokio::time::sleep(OFTEN) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        match store.release_leases(None).await {
            Ok(released) => {
                tracing::info!(released, "what was under way at the last end is taken up");
                return gate.open();
            }
            Err(error) => tracing::debug!(%error, "what was under way at the last end can't be taken up yet"),
        }
    }
}
