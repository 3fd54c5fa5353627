//! A copy of the store while it is in use.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::error::{Cause, StoreError};
use super::{connection, embedded};

/// Whether there is a store in a folder.
pub fn is_in(folder: &Path) -> bool {
    folder.join(embedded::FILE).is_file()
}

/// Writes the store in a folder, as it is at one moment, into a new file. A server may be using the store.
pub fn backup(folder: &Path, target: &Path) -> Result<(), StoreError> {
    write(&folder.join(embedded::FILE), target)
}

pub(super) fn write(file: &Path, target: &Path) -> Result<(), StoreError> {
    if target.exists() {
        return Err(StoreError::Unavailable(Cause::Exists));
    }
    let part = part_of(target);
    let written = fill(file, &part).and_then(|()| Ok(fs::rename(&part, target)?));
    if written.is_err() {
        let _ = fs::remove_file(&part);
        return written;
    }
    embedded::sync_folder(target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")));
    Ok(())
}

/// The copy has its name only once it is whole.
fn part_of(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

fn fill(file: &Path, part: &Path) -> Result<(), StoreError> {
    let _ = fs::remove_file(part);
    let connection = connection::plain(file)?;
    create_private(part)?;
    // It holds free pages no more, and nothing that was written since it began.
    connection.execute("VACUUM INTO ?1", [part.to_string_lossy()])?;
    Ok(File::open(part)?.sync_all()?)
}

/// Makes the file, for its owner alone: it holds what people wrote.
fn create_private(part: &Path) -> Result<(), StoreError> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(part)?;
    Ok(())
}
