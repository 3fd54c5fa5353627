//! Rows of a name, a value and notes on it, laid out for the width at hand.

use crate::cli::terminal::{self, DIM, line, paint};

/// One row.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub label: String,
    pub label_color: Option<&'static str>,
    pub value: String,
    pub color: Option<&'static str>,
    pub notes: Vec<Note>,
}

/// Something said of a row.
#[derive(Clone, Debug)]
pub(super) struct Note {
    text: String,
    /// It may lose its end where there is no room.
    cut: bool,
}

impl Note {
    pub(super) fn cut(text: String) -> Note {
        Note { text, cut: true }
    }
}

impl<T: Into<String>> From<T> for Note {
    fn from(text: T) -> Self {
        Note { text: text.into(), cut: false }
    }
}

/// How rows are set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub indent: usize,
    /// The column of labels is this wide at least, and at most.
    pub labels: (usize, usize),
    /// Values may lose their ends where there is no room.
    pub cut: bool,
}

/// Between two columns.
const GAP: usize = 2;
/// A value that is longer need not be whole for notes to stand beside it.
const LONG: usize = 40;
/// Parts a name from where it comes; a note that is too long is broken here.
pub(super) const FROM: &str = " ← ";

pub(super) fn show(rows: &[Row], layout: Layout) {
    let widest = rows.iter().map(|row| length(&row.label)).max().unwrap_or(0);
    let label = widest.clamp(layout.labels.0, layout.labels.1);
    let room = terminal::width().saturating_sub(layout.indent + label + GAP);
    let note = rows.iter().flat_map(|row| &row.notes).map(|note| length(&note.text)).max().unwrap_or(0);
    let longest = if layout.cut { LONG } else { usize::MAX };
    let value = rows.iter().map(|row| length(&row.value).min(longest)).max().unwrap_or(0);
    let beside = value.saturating_add(GAP + note) <= room;
    let sheet = Sheet { layout, label, room, value };
    for row in rows {
        sheet.head(row);
        match beside {
            true => sheet.beside(row),
            false => sheet.below(row),
        }
    }
}

/// The columns of one table.
struct Sheet {
    layout: Layout,
    label: usize,
    /// What is left to the right of the labels.
    room: usize,
    /// The column of values, where notes stand beside them.
    value: usize,
}

impl Sheet {
    /// A label that is too long has a line of its own.
    fn head(&self, row: &Row) {
        if length(&row.label) > self.label {
            line(format!("{:indent$}{}", "", row.label, indent = self.layout.indent));
        }
    }

    /// The line up to the value.
    fn start(&self, row: &Row) -> String {
        let label = if length(&row.label) <= self.label { row.label.as_str() } else { "" };
        let pad = " ".repeat(self.label.saturating_sub(length(label)) + GAP);
        format!("{:indent$}{}{pad}", "", colored(row.label_color, label), indent = self.layout.indent)
    }

    fn blank(&self, more: usize) -> String {
        " ".repeat(self.layout.indent + self.label + GAP + more)
    }

    fn value(&self, row: &Row, room: usize) -> String {
        if self.layout.cut { shortened(&row.value, room) } else { row.value.clone() }
    }

    fn beside(&self, row: &Row) {
        let value = self.value(row, self.value);
        let pad = " ".repeat(self.value.saturating_sub(length(&value)) + GAP);
        let mut notes = row.notes.iter().map(|note| paint(DIM, &note.text));
        let first = notes.next().map(|note| format!("{pad}{note}")).unwrap_or_default();
        line(format!("{}{}{first}", self.start(row), colored(row.color, &value)).trim_end());
        notes.for_each(|note| line(format!("{}{note}", self.blank(self.value + GAP))));
    }

    fn below(&self, row: &Row) {
        let value = self.value(row, self.room);
        let head = format!("{}{}", self.start(row), colored(row.color, &value));
        if let [note] = row.notes.as_slice()
            && length(&value) + GAP + length(&note.text) <= self.room
        {
            line(format!("{head}{:GAP$}{}", "", paint(DIM, &note.text)));
            return;
        }
        line(head.trim_end());
        for part in row.notes.iter().flat_map(|note| note.lines(self.room.saturating_sub(GAP))) {
            line(format!("{}{}", self.blank(GAP), paint(DIM, &part)));
        }
    }
}

impl Note {
    /// A note that is too long goes on in a second line where it says what something is from.
    fn lines(&self, room: usize) -> Vec<String> {
        let (name, from) = match self.text.split_once(FROM).filter(|_| length(&self.text) > room) {
            Some((name, from)) => (name, Some(format!("  {} {from}", FROM.trim()))),
            None => (self.text.as_str(), None),
        };
        let name = if self.cut { shortened(name, room) } else { name.to_owned() };
        std::iter::once(name).chain(from).collect()
    }
}

fn colored(color: Option<&str>, text: &str) -> String {
    color.map_or_else(|| text.to_owned(), |color| paint(color, text))
}

/// The text in so many characters, with `…` for what is left out.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// Text of a payload as a terminal may be given it: signs that would steer it are written out.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push(c),
            c if c.is_control() => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}
