//! Noticing that files changed: by the system's notices, and by looking from time to time where none come.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{Sender, channel};

use crate::compile::SETTINGS;
use crate::load::walk::walk;
use crate::load::{SANDBOX_ENV, read_bounded};

/// An editor writes a file in several steps; they count as one change when they end for this long.
const QUIET: Duration = Duration::from_millis(60);
/// However busy the folder is, a change waits no longer than this.
const LONGEST: Duration = Duration::from_millis(1000);
/// How often the files are looked at where no notices come: network folders, replaced folders, swapped links.
const LOOK: Duration = Duration::from_secs(3);

/// The folders and files that make a workspace.
const WATCHED: &[&str] = &["routes", "schemas", "samples"];

/// Sends a note each time the workspace's files have changed and are quiet again.
///
/// `seen` is the fingerprint of the files that serve.
pub async fn watch(root: PathBuf, mut seen: u64, changed: Sender<()>) {
    let (notices, mut noticed) = channel(1);
    let mut watcher = watcher(notices);
    watch_all(watcher.as_mut(), &root);
    loop {
        let now = looked_at(&root).await.unwrap_or(seen);
        if now != seen {
            seen = now;
            // A folder may be a new one under the old name.
            watch_all(watcher.as_mut(), &root);
            if changed.send(()).await.is_err() {
                return;
            }
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

/// The fingerprint, without keeping a thread of the server from its work.
async fn looked_at(root: &Path) -> Option<u64> {
    let root = root.to_owned();
    tokio::task::spawn_blocking(move || fingerprint(&root)).await.ok()
}

async fn settle(noticed: &mut tokio::sync::mpsc::Receiver<()>) {
    let quiet =
        async { while tokio::time::timeout(QUIET, noticed.recv()).await.is_ok_and(|notice| notice.is_some()) {} };
    let _ = tokio::time::timeout(LONGEST, quiet).await;
}

fn watcher(notices: Sender<()>) -> Option<RecommendedWatcher> {
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let reads_only = matches!(&event, Ok(event) if matches!(event.kind, notify::EventKind::Access(_)));
        if !reads_only {
            // One waiting notice says as much as many.
            let _ = notices.try_send(());
        }
    });
    watcher
        .inspect_err(|_| tracing::warn!("the system gives no notice of changed files; they are looked at instead"))
        .ok()
}

fn watch_all(watcher: Option<&mut RecommendedWatcher>, root: &Path) {
    let Some(watcher) = watcher else { return };
    let _ = watcher.watch(root, RecursiveMode::NonRecursive);
    for folder in WATCHED {
        let _ = watcher.watch(&root.join(folder), RecursiveMode::Recursive);
    }
}

/// What the files' contents are, in one number.
pub fn fingerprint(root: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    let folders = WATCHED.iter().flat_map(|folder| walk(root, folder, &|_| true).files);
    for file in [SETTINGS, SANDBOX_ENV].into_iter().map(str::to_owned).chain(folders) {
        file.hash(&mut hasher);
        read_bounded(&root.join(&file)).ok().hash(&mut hasher);
    }
    hasher.finish()
}
