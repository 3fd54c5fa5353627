//! The routes of earlier revisions, so that a story is told by those that made it. A few stay compiled.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::Page;
use crate::live::Revision;
use crate::load::{self, Files, Options};
use crate::store::StoreError;

/// So many stay compiled.
const KEPT: usize = 4;

/// Those that were asked for last, the newest first.
#[derive(Default)]
pub(super) struct Revisions(Mutex<VecDeque<Arc<Revision>>>);

impl Revisions {
    /// The routes of a revision; nothing when its files are gone.
    pub(super) async fn of(&self, page: &Page, name: &str) -> Result<Option<Arc<Revision>>, StoreError> {
        let live = page.admin.live.now();
        if *live.set.revision == *name {
            return Ok(Some(live));
        }
        // Whoever comes second waits, and finds it.
        let mut kept = self.0.lock().await;
        if let Some(at) = kept.iter().position(|known| *known.set.revision == *name) {
            let found = kept.remove(at);
            kept.extend(found.clone());
            return Ok(found);
        }
        let Some(revision) = compiled(page, name).await? else { return Ok(None) };
        kept.push_back(revision.clone());
        while kept.len() > KEPT {
            kept.pop_front();
        }
        Ok(Some(revision))
    }
}

async fn compiled(page: &Page, name: &str) -> Result<Option<Arc<Revision>>, StoreError> {
    let Some(files) = page.admin.store.files_of(name).await? else { return Ok(None) };
    let texts = files.into_iter().map(|(path, text)| (path.into(), text.into())).collect();
    let files = Files { texts, problems: Vec::new() };
    let root = page.workspace.root.clone();
    let options = Options { tests: false, ..page.workspace.options.clone() };
    let work = tokio::task::spawn_blocking(move || load::compile_files(&root, files, &options));
    let Ok(compiled) = work.await else { return Ok(None) };
    Ok(Some(Arc::new(Revision { set: compiled.set, documents: compiled.documents })))
}
