//! Writes a file of the workspace anew: whole or not at all, with the permissions that it had.

use std::fs::{Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
pub enum NotReplaced {
    #[error("it leads out of the workspace")]
    Outside,
    #[error("it is write-protected")]
    Protected,
    #[error("it was changed meanwhile")]
    Changed,
    #[error("{}", .0.kind())]
    Failed(#[from] io::Error),
}

/// Whether a file lies on disk; those of a built-in pack do not.
pub fn is_on_disk(root: &Path, file: &str) -> bool {
    root.join(file).is_file()
}

/// Puts `after` in the place of `before`. Whoever reads the file meanwhile sees one of the two.
pub fn replace(root: &Path, file: &str, before: &str, after: &str) -> Result<(), NotReplaced> {
    // Of a link, the file that it leads to is written.
    let path = root.join(file).canonicalize()?;
    if !path.starts_with(root.canonicalize()?) {
        return Err(NotReplaced::Outside);
    }
    let metadata = path.metadata()?;
    if metadata.permissions().readonly() {
        return Err(NotReplaced::Protected);
    }
    if super::read_bounded(&path)? != before.as_bytes() {
        return Err(NotReplaced::Changed);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // A name that begins with a dot is no file of the workspace.
    let beside = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let written = write(&beside, after.as_bytes(), Some(&metadata)).and_then(|()| std::fs::rename(&beside, &path));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&beside);
        NotReplaced::Failed(error)
    })?;
    sync_folder_of(&path);
    Ok(())
}

/// Writes a file that is not there yet, whole or not at all, and the folders that it lies in.
pub fn create(root: &Path, file: &str, bytes: &[u8]) -> Result<(), NotReplaced> {
    let path = root.join(file);
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Err(NotReplaced::Outside) };
    // Looked at before a folder is made: a link may lead anywhere.
    let there = folder.ancestors().find_map(|folder| folder.canonicalize().ok());
    let root = root.canonicalize()?;
    if !there.is_some_and(|there| there.starts_with(&root)) {
        return Err(NotReplaced::Outside);
    }
    std::fs::create_dir_all(folder)?;
    let beside = folder.join(format!(".{}.{}.new", name.to_string_lossy(), std::process::id()));
    let written = write(&beside, bytes, None).and_then(|()| put_anew(&beside, &path));
    let _ = std::fs::remove_file(&beside);
    sync_folder_of(&path);
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => NotReplaced::Changed,
        _ => NotReplaced::Failed(error),
    })
}

/// Gives a file its name, unless another one has it by now.
fn put_anew(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::hard_link(from, to) {
        Err(error) if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) => {
            // Some file systems know no second name.
            let free = to.symlink_metadata().is_err();
            if free { std::fs::rename(from, to) } else { Err(io::ErrorKind::AlreadyExists.into()) }
        }
        linked => linked,
    }
}

/// A name outlives a power cut once its folder is on disk.
fn sync_folder_of(path: &Path) {
    if let Some(Ok(folder)) = path.parent().map(std::fs::File::open) {
        let _ = folder.sync_all();
    }
}

fn write(path: &Path, bytes: &[u8], like: Option<&Metadata>) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    if let Some(like) = like {
        file.set_permissions(like.permissions())?;
        own(path, like);
    }
    file.write_all(bytes)?;
    file.sync_all()
}

/// Gives the file the owner that it had, where this process may.
#[cfg(unix)]
fn own(path: &Path, like: &Metadata) {
    use std::os::unix::fs::MetadataExt;
    let _ = std::os::unix::fs::chown(path, Some(like.uid()), Some(like.gid()));
}

#[cfg(not(unix))]
fn own(_path: &Path, _like: &Metadata) {}
