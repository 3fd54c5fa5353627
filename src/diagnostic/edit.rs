//! A fix in terms of the file, and how it is told.

use std::ops::Range;

/// These bytes of a file become that text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub range: Range<usize>,
    pub text: String,
}

impl Edit {
    /// `` `pth` → `path` ``, for the text that the edit is to be made in.
    pub fn describe(&self, text: &str) -> String {
        match (text.get(self.range.clone()).unwrap_or_default(), self.text.as_str()) {
            ("", new) => format!("`{}` added", shown(new)),
            (old, "") => format!("`{}` removed", shown(old)),
            (old, new) => format!("`{}` → `{}`", shown(old), shown(new)),
        }
    }
}

/// A text on one line, with what can't be seen spelled out.
fn shown(text: &str) -> String {
    const SHOWN: usize = 80;
    let line = text.lines().next().unwrap_or_default();
    let visible = |c: char| match c.is_control() || (c.is_whitespace() && c != ' ') {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    let mut out: String = line.chars().take(SHOWN).map(visible).collect();
    if line.chars().count() > SHOWN || line.len() < text.len() {
        out.push('…');
    }
    out
}
