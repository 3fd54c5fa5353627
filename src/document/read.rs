//! Reads a text again and again, past each slip whose repair is plain, to find all of them at once.

use std::ops::Range;
use std::sync::Arc;

use super::build::Builder;
use super::line::Line;
use super::syntax::{self, Mending, Repair};
use super::{Node, Style, indent, layout, tab};
use crate::diagnostic::{Code, Diagnostic, On, Place};

const MAX_BYTES: usize = 256 * 1024;
const MAX_REPAIRS: usize = 10;

/// Reads a text into a tree, with all that is wrong with it.
pub(super) fn read(file: &Arc<str>, text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    if text.len() > MAX_BYTES {
        let message = format!("this file is larger than {} KiB", MAX_BYTES / 1024);
        let place = Place::bytes(file.clone(), 0..0);
        let help = "split it into several files, or move large texts out of it";
        return (None, vec![Diagnostic::new(Code::YamlTooLarge, place, message).help(help)]);
    }
    // What belongs to what can't be told without the indentation.
    let odd = tab::odd_spaces(file, text);
    if !odd.is_empty() {
        return (None, odd);
    }
    let mut clean = text.to_owned();
    let mut diagnostics = syntax::control_characters(file, &mut clean);
    let mut whole = diagnostics.is_empty();
    let mut patched = clean.clone();
    let mut mending = Mending::default();
    let mut mended: Vec<usize> = Vec::new();
    for _ in 0..=MAX_REPAIRS {
        let pass = pass(file, &clean, &patched, &mending);
        // What comes after a line that was left out, or is on a line already mended, may be no slip of the writer's.
        let follows = |slip: &Diagnostic| {
            let line = Line::at(&clean, start_of(slip)).start;
            mended.contains(&line) || (!whole && slip.code == Code::YamlSyntax)
        };
        let slip = pass.slip.filter(|slip| !follows(slip));
        let stopped = slip.is_none();
        let slipped = slip.as_ref().map(|slip| Line::at(&clean, start_of(slip)).start);
        // What else seems wrong on a line that could not be read may be right once it can.
        let apart = |found: &Diagnostic| slipped != Some(Line::at(&clean, start_of(found)).start);
        let found: Vec<Diagnostic> = pass.found.into_iter().filter(apart).collect();
        diagnostics.extend(slip);
        let Some(range) = pass.repair.range() else {
            diagnostics.extend(found);
            return (pass.root.filter(|_| whole), diagnostics);
        };
        if stopped || !apply(&pass.repair, &mut patched) {
            diagnostics.extend(found);
            return (None, diagnostics);
        }
        match pass.repair {
            Repair::Text(range) => mending.quoted.push(range),
            Repair::Colon(at) => mending.keys.push(at),
            Repair::Blank(_) => whole = false,
            _ => {}
        }
        mended.push(Line::at(&clean, range.start).start);
    }
    (None, diagnostics)
}

/// Overwrites what a repair is about; false when that changes nothing.
fn apply(repair: &Repair, patched: &mut String) -> bool {
    match repair {
        Repair::None => false,
        Repair::Text(range) => overwrite_lines(patched, range.clone()),
        Repair::Blank(range) => overwrite(patched, range.clone(), "_"),
        Repair::Comment(range) => overwrite(patched, range.clone(), "#"),
        Repair::Remove(range) => overwrite(patched, range.clone(), " "),
        Repair::Colon(at) => {
            let changed = overwrite(patched, at - 1..*at, ":");
            overwrite(patched, *at..at + 1, " ");
            changed
        }
    }
}

/// Whether this stands for a document without content.
fn is_missing(root: &Node) -> bool {
    root.span.is_empty() && root.as_scalar().is_some_and(|scalar| scalar.style == Style::Plain)
}

fn start_of(diagnostic: &Diagnostic) -> usize {
    match diagnostic.place() {
        Some(Place { on: On::Bytes(part), .. }) => part.start,
        _ => 0,
    }
}

/// What one reading of the text came to.
struct Pass {
    /// Nothing when the reading was not complete.
    root: Option<Node>,
    found: Vec<Diagnostic>,
    slip: Option<Diagnostic>,
    repair: Repair,
}

fn pass(file: &Arc<str>, text: &str, patched: &str, mending: &Mending) -> Pass {
    let mut builder = Builder::new(file, text, mending);
    let (repair, slip) = match builder.run(patched) {
        Some(error) => syntax::explain(&builder.trouble(&error)),
        None => (Repair::None, None),
    };
    if builder.complete && slip.is_none() {
        let root = builder.root.as_ref();
        builder.diagnostics.extend(root.and_then(|root| indent::lone_entry(file, text, root)));
        builder.diagnostics.extend(root.map(|root| layout::check(file, text, root)).unwrap_or_default());
    }
    let root = builder.root.filter(|root| builder.complete && !builder.lost && !is_missing(root));
    Pass { root, found: builder.diagnostics, slip, repair }
}

/// Overwrites bytes with as many harmless ones, so that every other offset stays what it is.
pub(super) fn mask(text: &mut String, range: Range<usize>) -> bool {
    overwrite(text, range, "_")
}

/// The same over several lines, whose breaks and indentation stay.
fn overwrite_lines(text: &mut String, range: Range<usize>) -> bool {
    let Some(written) = text.get(range.clone()).filter(|written| written.contains('\n')) else {
        return overwrite(text, range, "_");
    };
    let mut is_start = false;
    let masked = written.bytes().map(|byte| {
        is_start = matches!(byte, b'\n' | b'\r') || (is_start && byte == b' ');
        if is_start { char::from(byte) } else { '_' }
    });
    let masked: String = masked.collect();
    let changed = masked != written;
    text.replace_range(range, &masked);
    changed
}

fn overwrite(text: &mut String, range: Range<usize>, with: &str) -> bool {
    let masked = with.repeat(range.len());
    let written = text.get(range.clone()).filter(|written| !written.contains(['\n', '\r']));
    if range.is_empty() || written.is_none_or(|written| written == masked) {
        return false;
    }
    text.replace_range(range, &masked);
    true
}
