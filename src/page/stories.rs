//! The stories of events, each told by the routes of its own revision. A few revisions stay compiled.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;
use tokio::sync::Mutex;

use super::story;
use crate::clock::Clock;
use crate::id::EventId;
use crate::live::{Live, Revision};
use crate::load::{self, Files, Options};
use crate::store::{Store, StoreError};

/// So many stay compiled.
const KEPT: usize = 4;

/// Tells the stories of a store, on the page as over the operator's address.
pub struct Stories {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Clock,
    pub(super) live: Live,
    root: PathBuf,
    options: Options,
    /// Those that were asked for last, the newest first.
    kept: Mutex<VecDeque<Arc<Revision>>>,
}

impl Stories {
    /// `root` is the folder of the workspace, whose files are compiled by `options`.
    pub fn new(store: Arc<dyn Store>, clock: Clock, live: Live, root: PathBuf, options: Options) -> Self {
        let options = Options { tests: false, ..options };
        Stories { store, clock, live, root, options, kept: Mutex::default() }
    }

    /// Those of a store that no server has: the routes of today are those that were served last.
    pub async fn of_stopped(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let files = store.snapshot().await?.map(|(_, files)| files).unwrap_or_default();
        let (root, options) = (PathBuf::from("."), Options { tests: false, ..Options::offline() });
        let live = compiled(files, &root, &options).await.ok_or(StoreError::Unreadable)?;
        Ok(Stories::new(store, Clock::System, Live::new(live), root, options))
    }

    /// All that is known of an event; nothing when there is no such event.
    pub async fn of(&self, id: EventId) -> Result<Option<Json>, StoreError> {
        story::view(self, id).await
    }

    /// The routes of a revision; nothing when its files are gone.
    pub(super) async fn revision(&self, name: &str) -> Result<Option<Arc<Revision>>, StoreError> {
        let live = self.live.now();
        if *live.set.revision == *name {
            return Ok(Some(live));
        }
        // Whoever comes second waits, and finds it.
        let mut kept = self.kept.lock().await;
        if let Some(at) = kept.iter().position(|known| *known.set.revision == *name) {
            let found = kept.remove(at);
            kept.extend(found.clone());
            return Ok(found);
        }
        let Some(files) = self.store.files_of(name).await? else { return Ok(None) };
        let Some(revision) = compiled(files, &self.root, &self.options).await else { return Ok(None) };
        let revision = Arc::new(revision);
        kept.push_back(revision.clone());
        while kept.len() > KEPT {
            kept.pop_front();
        }
        Ok(Some(revision))
    }
}

async fn compiled(files: Vec<(String, String)>, root: &Path, options: &Options) -> Option<Revision> {
    let texts = files.into_iter().map(|(path, text)| (path.into(), text.into())).collect();
    let files = Files { texts, problems: Vec::new() };
    let (root, options) = (root.to_owned(), options.clone());
    let work = tokio::task::spawn_blocking(move || load::compile_files(&root, files, &options));
    let compiled = work.await.ok()?;
    Some(Revision { set: compiled.set, documents: compiled.documents })
}
