//! A workspace's folder as it was last looked at: what has not changed since is not read again.

use std::collections::{BTreeSet, HashMap};
use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::walk::{self, Walk, walk};
use super::{Files, SANDBOX_ENV, Unread, largest_of, read_up_to, text_of};
use crate::clock::{Clock, Timestamp};
use crate::compile::SETTINGS;
use crate::diagnostic::Diagnostic;

/// The folders that make a workspace.
pub const WATCHED: &[&str] = &["routes", "schemas", "samples"];

/// A file that was written so short a time ago may be written again without its times becoming others: some disks count in
/// whole seconds.
const YOUNG: Duration = Duration::from_secs(3);

/// The folder of a workspace, and what is known of its files.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    known: Mutex<HashMap<String, Known>>,
    /// Files and folders of which a notice said that they have changed: they are read, however they look.
    doubted: Mutex<Option<BTreeSet<PathBuf>>>,
}

/// The files of a workspace, all of one look.
#[derive(Clone, Debug)]
pub struct Look {
    pub files: Files,
    /// What all files hold, in one number: also those that are read only when they are named, such as samples.
    pub fingerprint: u64,
    /// The same without the files of routes; nothing where there are too many of them.
    pub beside: Option<u64>,
}

/// A file that was read.
#[derive(Clone, Debug)]
struct Known {
    /// How it looked; nothing while that says too little.
    stamp: Option<Stamp>,
    /// What it holds, in one number.
    hash: u64,
    /// Its text, where the workspace reads it as one.
    text: Option<Arc<str>>,
}

/// What tells that a file is another one, or was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    written: SystemTime,
    /// Its device, its number, and when that entry was changed, which nobody can set back.
    entry: (u64, u64, i64, i64),
}

impl Stamp {
    fn of(about: &Metadata) -> Option<Self> {
        let written = about.modified().ok().filter(|_| about.is_file())?;
        Some(Stamp { length: about.len(), written, entry: entry(about) })
    }

    /// Whether it was written so long before that another writing would give it other times.
    fn is_settled(&self, now: Timestamp) -> bool {
        let written = self.written.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let latest = i64::try_from(written).unwrap_or(i64::MAX).max(self.entry.2.saturating_mul(1000));
        Timestamp(latest).until(now) > YOUNG
    }
}

#[cfg(unix)]
fn entry(about: &Metadata) -> (u64, u64, i64, i64) {
    use std::os::unix::fs::MetadataExt;
    (about.dev(), about.ino(), about.ctime(), about.ctime_nsec())
}

#[cfg(not(unix))]
fn entry(_about: &Metadata) -> (u64, u64, i64, i64) {
    (0, 0, 0, 0)
}

fn hash_of(content: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}

impl Folder {
    pub fn new(root: &Path) -> Self {
        Folder { root: root.to_owned(), known: Mutex::default(), doubted: Mutex::new(Some(BTreeSet::new())) }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Something at a path has changed, or below it; without a path, anything may have.
    pub fn doubt(&self, path: Option<&Path>) {
        /// Of more, all are read.
        const MOST: usize = 1_000;
        let mut doubted = self.doubted.lock().unwrap_or_else(PoisonError::into_inner);
        match (path, doubted.as_mut()) {
            (Some(path), Some(paths)) if paths.len() < MOST => _ = paths.insert(path.to_owned()),
            _ => *doubted = None,
        }
    }

    /// The files as they are now.
    pub fn look(&self) -> Look {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let doubted = self.doubted.lock().unwrap_or_else(PoisonError::into_inner).replace(BTreeSet::new());
        match doubted {
            Some(paths) if paths.is_empty() => {}
            Some(paths) => {
                // Notices name whole paths.
                let root = std::path::absolute(&self.root).unwrap_or_else(|_| self.root.clone());
                known.retain(|file, _| !root.join(file).ancestors().any(|path| paths.contains(path)));
            }
            None => known.clear(),
        }
        let mut looking = Looking { root: &self.root, before: std::mem::take(&mut *known), now: HashMap::new() };
        let (files, routes) = Files::read(&self.root, &mut |name| looking.text(name));
        let others = WATCHED.iter().filter(|folder| **folder != "routes");
        let others: Vec<Walk> = others.map(|folder| walk(&self.root, folder, &|_| true)).collect();
        let is_whole =
            !files.problems.iter().any(Diagnostic::is_error) && others.iter().all(|walk| walk.skipped.is_empty());
        let others = others.into_iter().flat_map(|walk| walk.files);
        let (mut all, mut beside) = (DefaultHasher::new(), DefaultHasher::new());
        for file in [SETTINGS, SANDBOX_ENV].into_iter().map(str::to_owned).chain(routes).chain(others) {
            let held = (&file, looking.hash(&file));
            held.hash(&mut all);
            if !(file.starts_with("routes/") && file.ends_with(".yaml")) {
                held.hash(&mut beside);
            }
        }
        *known = looking.now;
        Look { files, fingerprint: all.finish(), beside: is_whole.then(|| beside.finish()) }
    }
}

/// Whether a look sees a file. A link may lead anywhere.
pub(super) fn covers(root: &Path, path: &str) -> bool {
    if [SETTINGS, SANDBOX_ENV].contains(&path) {
        return true;
    }
    let names: Vec<&str> = path.split('/').collect();
    let is_plain = names.iter().all(|name| !name.is_empty() && !name.starts_with('.') && !name.contains('\\'));
    let is_watched = names.first().is_some_and(|first| WATCHED.contains(first)) && names.len() <= walk::DEEPEST;
    let mut folder = root.to_owned();
    let is_link = |name: &&str| {
        folder.push(name);
        folder.symlink_metadata().is_ok_and(|about| about.is_symlink())
    };
    is_plain && is_watched && !names.iter().take(names.len() - 1).any(is_link)
}

/// A look under way.
struct Looking<'f> {
    root: &'f Path,
    before: HashMap<String, Known>,
    now: HashMap<String, Known>,
}

impl Looking<'_> {
    /// What is still known of a file, with how it looks now.
    fn still(&mut self, name: &str) -> (Option<Stamp>, Option<Known>) {
        let about = std::fs::metadata(self.root.join(name)).ok();
        let stamp = about.as_ref().and_then(Stamp::of);
        let known = self.before.remove(name);
        (stamp, known)
    }

    fn keep(&mut self, name: &str, known: Known) {
        self.now.insert(name.to_owned(), known);
    }

    /// The text of a file that the workspace reads as one.
    fn text(&mut self, name: &str) -> Result<Arc<str>, Unread> {
        let (stamp, known) = self.still(name);
        if let Some(known) = known.as_ref().filter(|known| stamp.is_some() && known.stamp == stamp)
            && let Some(text) = known.text.clone()
        {
            self.keep(name, known.clone());
            return Ok(text);
        }
        let now = Clock::System.now();
        let read = text_of(self.root, name);
        if let Ok(text) = &read {
            let hash = hash_of(text.as_bytes());
            let same = known.and_then(|known| known.text).filter(|known| *known == *text);
            let text = same.unwrap_or_else(|| text.clone());
            let stamp = stamp.filter(|stamp| stamp.is_settled(now));
            self.keep(name, Known { stamp, hash, text: Some(text.clone()) });
            return Ok(text);
        }
        read
    }

    /// What a file holds, in one number.
    fn hash(&mut self, name: &str) -> u64 {
        if let Some(known) = self.now.get(name) {
            return known.hash;
        }
        let (stamp, known) = self.still(name);
        let now = Clock::System.now();
        let hash = match known.filter(|known| stamp.is_some() && known.stamp == stamp) {
            Some(known) => known.hash,
            None => match read_up_to(largest_of(name), &self.root.join(name)) {
                Ok(bytes) => hash_of(&*bytes),
                Err(error) => hash_of(error.kind()),
            },
        };
        let stamp = stamp.filter(|stamp| stamp.is_settled(now));
        self.keep(name, Known { stamp, hash, text: None });
        hash
    }
}
