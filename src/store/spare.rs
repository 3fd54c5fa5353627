//! Room on the disk that is kept for the worst: when it is full, what is there already can still be recorded in it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::embedded::private;

/// As much is kept.
const SIZE: usize = 1 << 20;
/// The file that keeps it.
const FILE: &str = "jackfield.spare";

pub(super) struct Spare {
    path: PathBuf,
}

impl Spare {
    pub(super) fn in_folder(folder: &Path) -> Self {
        Spare { path: folder.join(FILE) }
    }

    /// Gives the room to whoever needs it now; false where none was kept.
    pub(super) fn give(&self) -> bool {
        fs::remove_file(&self.path).is_ok()
    }

    /// Keeps room again, where there is twice as much: otherwise the next write would want it at once.
    pub(super) fn keep(&self) -> bool {
        if fs::metadata(&self.path).is_ok_and(|file| file.len() == SIZE as u64) {
            return true;
        }
        let kept = match has_room(&self.path) {
            true => self.fill(),
            false => return false,
        };
        if kept.is_err() {
            self.give();
        }
        kept.is_ok()
    }

    /// Writes twice as much and cuts it.
    fn fill(&self) -> std::io::Result<()> {
        self.give();
        let mut file = private(&self.path)?;
        let part = vec![b'.'; SIZE];
        file.write_all(&part)?;
        file.write_all(&part)?;
        // Some file systems find out only now that there is no room.
        file.sync_all()?;
        file.set_len(SIZE as u64)
    }
}

/// Whether the disk says that there is room enough, so that a full one is not written to in vain again and again.
#[cfg(unix)]
fn has_room(path: &Path) -> bool {
    let disk = rustix::fs::statvfs(path.parent().unwrap_or(path));
    // Where it does not say how large it is, it is tried.
    let is_told = disk.ok().filter(|disk| disk.f_blocks > 0);
    is_told.is_none_or(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) >= 2 * SIZE as u64)
}

#[cfg(not(unix))]
fn has_room(_: &Path) -> bool {
    true
}
