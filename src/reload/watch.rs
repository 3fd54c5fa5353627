//! Noticing that files changed: by the system's notices, and by looking from time to time where none come.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{Sender, channel};

use crate::load::folder::{Folder, Look, WATCHED};

/// An editor writes a file in several steps; they count as one change when they end for this long.
const QUIET: Duration = Duration::from_millis(60);
/// However busy the folder is, a change waits no longer than this.
const LONGEST: Duration = Duration::from_millis(1000);
/// How often the files are looked at where no notices come: network folders, replaced folders, swapped links.
const LOOK: Duration = Duration::from_secs(3);

/// Sends the workspace's files each time that they have changed and are quiet again.
///
/// `seen` is the fingerprint of the files that serve.
pub async fn watch(folder: Arc<Folder>, mut seen: u64, changed: Sender<Look>) {
    let (notices, mut noticed) = channel(1);
    let mut watcher = watcher(folder.clone(), notices);
    watch_all(watcher.as_mut(), folder.root());
    loop {
        if let Some(look) = looked_at(&folder).await.filter(|look| look.fingerprint != seen) {
            seen = look.fingerprint;
            if changed.send(look).await.is_err() {
                return;
            }
            // A folder may be a new one under the old name. To walk through many takes its time.
            watch_all(watcher.as_mut(), folder.root());
        }
        tokio::select! {
            notice = noticed.recv() => match notice {
                Some(()) => settle(&mut noticed).await,
                None => tokio::time::sleep(LOOK).await,
            },
            () = tokio::time::sleep(LOOK) => {}
            () = changed.closed() => return,
        }
    }
}

/// The files as they are, without keeping a thread of the server from its work.
async fn looked_at(folder: &Arc<Folder>) -> Option<Look> {
    let folder = folder.clone();
    tokio::task::spawn_blocking(move || folder.look()).await.ok()
}

async fn settle(noticed: &mut tokio::sync::mpsc::Receiver<()>) {
    let quiet =
        async { while tokio::time::timeout(QUIET, noticed.recv()).await.is_ok_and(|notice| notice.is_some()) {} };
    let _ = tokio::time::timeout(LONGEST, quiet).await;
}

fn watcher(folder: Arc<Folder>, notices: Sender<()>) -> Option<RecommendedWatcher> {
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let reads_only = matches!(&event, Ok(event) if matches!(event.kind, notify::EventKind::Access(_)));
        if !reads_only {
            doubt(&folder, &event);
            // One waiting notice says as much as many.
            let _ = notices.try_send(());
        }
    });
    watcher
        .inspect_err(|_| tracing::warn!("the system gives no notice of changed files; they are looked at instead"))
        .ok()
}

/// Has read anew what a notice names; all, where it names nothing or some were lost.
fn doubt(folder: &Folder, event: &notify::Result<notify::Event>) {
    match event {
        Ok(event) if !event.need_rescan() && !event.paths.is_empty() => {
            event.paths.iter().for_each(|path| folder.doubt(Some(path)));
        }
        _ => folder.doubt(None),
    }
}

fn watch_all(watcher: Option<&mut RecommendedWatcher>, root: &Path) {
    let Some(watcher) = watcher else { return };
    let _ = watcher.watch(root, RecursiveMode::NonRecursive);
    for folder in WATCHED {
        let _ = watcher.watch(&root.join(folder), RecursiveMode::Recursive);
    }
}
