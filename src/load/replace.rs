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
    let written = write(&beside, after, &metadata).and_then(|()| std::fs::rename(&beside, &path));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&beside);
        NotReplaced::Failed(error)
    })
}

fn write(path: &Path, text: &str, like: &Metadata) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.set_permissions(like.permissions())?;
    own(path, like);
    file.write_all(text.as_bytes())?;
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
