//! Where the files of a workspace are, as those see them who read a report elsewhere: from the top of the checkout.

use std::path::{Path, PathBuf};

/// A workspace, seen from the git checkout that the command runs in; without one, from the current directory.
pub(super) struct Checkout {
    /// What precedes a path within the workspace: nothing, `deploy/jackfield/`, or an absolute path with `/` at its end.
    prefix: String,
}

impl Checkout {
    pub(super) fn around(root: &Path) -> Checkout {
        let here = std::env::current_dir().unwrap_or_default();
        let top = here.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&here);
        let root = real(root);
        let inside = root.strip_prefix(real(top)).unwrap_or(&root);
        let mut prefix = inside.to_string_lossy().replace('\\', "/");
        if !prefix.is_empty() && !prefix.ends_with('/') {
            prefix.push('/');
        }
        Checkout { prefix }
    }

    /// The path of a file of the workspace; absolute when the workspace lies elsewhere.
    pub(super) fn path(&self, file: &str) -> String {
        format!("{}{file}", self.prefix)
    }
}

/// A path without links and `..`.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}
