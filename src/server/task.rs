//! Tasks that end with the server, at the latest when nobody waits for them.

use tokio::task::JoinHandle;

/// Waits for a task, and ends it when nobody waits any more.
pub(super) async fn ended(task: JoinHandle<()>) {
    let _abort = AbortOnDrop(task.abort_handle());
    let _ = task.await;
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
