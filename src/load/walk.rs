//! The files below a folder of the workspace: in the order of their names, and not in circles, whatever links lead where.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

/// No folder of a workspace lies deeper.
pub(super) const DEEPEST: usize = 8;
/// No folder of a workspace has more files and folders in it, counted together.
const MOST: usize = 20_000;

/// What is below a folder.
#[derive(Debug, Default)]
pub struct Walk {
    /// The files, by path with `/` from the root.
    pub files: Vec<String>,
    /// What can't be looked at, and why.
    pub skipped: Vec<(String, Skipped)>,
    seen: usize,
}

/// Why something is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// A folder whose entries can't be listed.
    Unreadable(io::ErrorKind),
    /// A file or folder whose name can't be written as a line of text.
    Unnamable,
    /// What comes after the first `MOST`.
    TooMany,
}

impl Skipped {
    /// What to do about it.
    pub fn help(self) -> &'static str {
        match self {
            Skipped::Unreadable(_) => "see who may read it",
            Skipped::Unnamable => "rename it",
            Skipped::TooMany => "move away what is no part of the workspace",
        }
    }
}

impl std::fmt::Display for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Skipped::Unreadable(kind) => write!(f, "this folder can't be read: {kind}"),
            Skipped::Unnamable => f.write_str("this name has characters that can't be written, so it is not read"),
            Skipped::TooMany => write!(f, "there are more than {MOST} files and folders here"),
        }
    }
}

/// The files below `folder`, as far as `enters` wants a folder; hidden ones are left out. A folder that is not there is
/// an empty one.
pub fn walk(root: &Path, folder: &str, enters: &dyn Fn(&str) -> bool) -> Walk {
    let mut walk = Walk::default();
    if root.join(folder).is_dir() {
        walk.folder(root, folder, enters);
    }
    walk
}

impl Walk {
    fn folder(&mut self, root: &Path, folder: &str, enters: &dyn Fn(&str) -> bool) {
        let mut entries: Vec<DirEntry> = match fs::read_dir(root.join(folder)) {
            Ok(entries) => entries.filter_map(Result::ok).take(MOST + 1).collect(),
            Err(error) => return self.skipped.push((folder.to_owned(), Skipped::Unreadable(error.kind()))),
        };
        entries.sort_by_key(DirEntry::file_name);
        for entry in entries {
            if self.seen >= MOST {
                return self.skip(folder, Skipped::TooMany);
            }
            self.seen += 1;
            self.entry(root, folder, &entry, enters);
        }
    }

    fn entry(&mut self, root: &Path, folder: &str, entry: &DirEntry, enters: &dyn Fn(&str) -> bool) {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.contains(char::is_control)) else {
            let shown = name.to_string_lossy().escape_debug().to_string();
            return self.skipped.push((format!("{folder}/{shown}"), Skipped::Unnamable));
        };
        if name.starts_with('.') {
            return;
        }
        let path = format!("{folder}/{name}");
        match is_folder(entry) {
            false => self.files.push(path),
            true if !enters(&path) || path.matches('/').count() >= DEEPEST || leads_back(&entry.path()) => {}
            true => self.folder(root, &path, enters),
        }
    }

    /// One note is enough: each folder above would add another.
    fn skip(&mut self, folder: &str, why: Skipped) {
        if !self.skipped.iter().any(|(_, known)| *known == why) {
            self.skipped.push((folder.to_owned(), why));
        }
    }
}

fn is_folder(entry: &DirEntry) -> bool {
    match entry.file_type() {
        Ok(kind) if !kind.is_symlink() => kind.is_dir(),
        _ => entry.path().is_dir(),
    }
}

/// Whether a link leads to a folder that it lies in.
fn leads_back(folder: &Path) -> bool {
    let is_link = folder.symlink_metadata().is_ok_and(|about| about.is_symlink());
    let lies_in = || folder.parent().map(Path::canonicalize);
    match (is_link, folder.canonicalize()) {
        (true, Ok(target)) => lies_in().and_then(Result::ok).is_some_and(|own: PathBuf| own.starts_with(target)),
        _ => false,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_that_lead_back_are_not_followed_and_others_are() {
        let root = std::env::temp_dir().join(format!("jackfield-walk-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("routes/a")).unwrap();
        fs::create_dir_all(root.join("other")).unwrap();
        fs::write(root.join("routes/a/one.yaml"), "").unwrap();
        fs::write(root.join("other/two.yaml"), "").unwrap();
        for number in 0..20 {
            symlink(".", root.join(format!("routes/here{number}"))).unwrap();
            symlink("..", root.join(format!("routes/a/up{number}"))).unwrap();
        }
        symlink(root.join("other"), root.join("routes/linked")).unwrap();
        let found = walk(&root, "routes", &|_| true);
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(found.files, ["routes/a/one.yaml", "routes/linked/two.yaml"]);
        assert_eq!(found.skipped, []);
    }
}
