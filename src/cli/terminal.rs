//! Writing to the terminal: colours where they can be shown, and no panic when nobody reads.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;

use super::Exit;
use crate::compile::Documents;
use crate::diagnostic::{Diagnostic, text};

/// Whether colours may be used on standard output or error.
fn colors(is_terminal: bool) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    set("CLICOLOR_FORCE") || (is_terminal && !set("NO_COLOR"))
}

/// Whether standard output is a terminal, and not a file or another program.
pub(super) fn is_read_by_a_person() -> bool {
    io::stdout().is_terminal()
}

/// How many characters a line has, as far as it is known; what goes into a file is laid out for 100.
pub(super) fn width() -> usize {
    let named = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let own = || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
    named.or_else(own).unwrap_or(100).clamp(60, 160)
}

/// What became of writing to standard output, when it is no closed pipe: `jackfield … | head` is no reason to fail.
static TROUBLE: Mutex<Option<io::ErrorKind>> = Mutex::new(None);

/// Keeps why something could not be written.
pub(super) fn note(written: io::Result<()>) {
    let trouble = written.err().map(|error| error.kind()).filter(|kind| *kind != io::ErrorKind::BrokenPipe);
    if let (Some(kind), Ok(mut known)) = (trouble, TROUBLE.lock()) {
        *known = Some(kind);
    }
}

/// The end of a command: one whose output could not be written has not done what it was asked for.
pub(super) fn end(exit: Exit) -> Exit {
    note(io::stdout().lock().flush());
    match TROUBLE.lock().ok().and_then(|kind| *kind) {
        None => exit,
        Some(kind) => {
            error_line(format!("standard output can't be written: {kind}"));
            Exit::CouldNotRun
        }
    }
}

/// A line on standard output.
pub(super) fn line(text: impl Display) {
    note(writeln!(io::stdout().lock(), "{text}"));
}

/// Bytes on standard output, as they are.
pub(super) fn bytes(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    note(out.write_all(bytes).and_then(|()| out.flush()));
}

/// A line on standard error.
pub(super) fn error_line(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Draws diagnostics on standard output.
pub(super) fn diagnostics(list: &[Diagnostic], documents: &Documents) {
    let color = colors(io::stdout().is_terminal());
    for diagnostic in list {
        line(text::render(diagnostic, documents, color));
        line("");
    }
}

/// Draws diagnostics on standard error.
pub(super) fn error_diagnostics(list: &[Diagnostic], documents: &Documents) {
    let color = colors(io::stderr().is_terminal());
    for diagnostic in list {
        error_line(text::render(diagnostic, documents, color));
        error_line("");
    }
}

/// A word in a colour, where standard output shows colours.
pub(super) fn paint(code: &str, text: &str) -> String {
    match colors(io::stdout().is_terminal()) {
        true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        false => text.to_owned(),
    }
}

pub(super) const GREEN: &str = "32";
pub(super) const RED: &str = "31";
pub(super) const YELLOW: &str = "33";
pub(super) const BLUE: &str = "34";
pub(super) const BOLD: &str = "1";
pub(super) const DIM: &str = "2";
