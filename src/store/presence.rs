//! Whether the files are where they should be: those that are open while the server runs, and those that a folder had.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::embedded::LOCK;
use super::error::StoreError;

/// What the lock's file says once the folder has a store, so that a file which is gone is not taken for one to be made.
const MARK: &str = "this folder has a store\n";
/// A log of no more bytes than this holds nothing.
const EMPTY_LOG: u64 = 32;

/// The files of an open store, each with what tells it from every other file.
pub(super) struct Files([(PathBuf, Option<Identity>); 3]);

/// The device and the number of a file there.
type Identity = (u64, u64);

impl Files {
    /// Those that are in the folder now: to be asked for as soon as they are open.
    pub(super) fn of(file: &Path) -> Self {
        let known = |path: PathBuf| {
            let identity = identity(&path);
            (path, identity)
        };
        Files([known(file.to_owned()), known(log_of(file)), known(beside(file, "-shm"))])
    }

    /// Whether they are those that were opened. This takes about three microseconds.
    pub(super) fn are_there(&self) -> bool {
        self.0.iter().all(|(path, known)| known.is_none() || identity(path) == *known)
    }

    /// How long the log's file is, whatever of it is still needed.
    pub(super) fn log_length(&self) -> u64 {
        let [_, (log, _), _] = &self.0;
        length(log)
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// Where an open file can't be taken away, nobody has to look.
#[cfg(not(unix))]
fn identity(_: &Path) -> Option<Identity> {
    None
}

/// Refuses a folder that had a store whose file is empty or gone. A start that was cut off leaves an empty file, too: then
/// nothing was in it yet, and the folder does not say so.
pub(super) fn check(folder: &Path, file: &Path) -> Result<(), StoreError> {
    let is_empty = length(file) == 0;
    if is_empty && (had_a_store(folder) || length(&log_of(file)) > EMPTY_LOG) {
        return Err(StoreError::Emptied);
    }
    if is_cut(file) { Err(StoreError::Corrupt) } else { Ok(()) }
}

/// Whether the file ends within a page. A crash may leave it so while the log was being moved: then the log has that page.
fn is_cut(file: &Path) -> bool {
    length(&log_of(file)) <= EMPTY_LOG && page_size(file).is_some_and(|size| !length(file).is_multiple_of(size))
}

/// How large a file of SQLite says that its pages are.
fn page_size(file: &Path) -> Option<u64> {
    let mut head = [0; 18];
    File::open(file).ok()?.read_exact(&mut head).ok()?;
    let [.., high, low] = head;
    match u16::from_be_bytes([high, low]) {
        1 => Some(1 << 16),
        size => Some(u64::from(size)).filter(|size| size.is_power_of_two()),
    }
}

/// Whether a store was once opened here with all that it needs.
pub(super) fn had_a_store(folder: &Path) -> bool {
    fs::read(folder.join(LOCK)).is_ok_and(|text| text == MARK.as_bytes())
}

/// Says so from now on. Where it can't be said, nothing else depends on it.
pub(super) fn mark(folder: &Path, mut lock: &File) {
    if !had_a_store(folder) {
        let _ = lock.set_len(0).and_then(|()| lock.write_all(MARK.as_bytes())).and_then(|()| lock.sync_all());
    }
}

fn log_of(file: &Path) -> PathBuf {
    beside(file, "-wal")
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}
