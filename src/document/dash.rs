//! List items whose dash has no space behind it: to YAML they are one text of several lines.

use std::ops::Range;
use std::sync::Arc;

use super::line::Line;
use crate::diagnostic::{Code, Diagnostic, Place};

/// Lines that all begin with a dash and a word, below their key.
pub(super) fn glued_items(file: &Arc<str>, text: &str, span: &Range<usize>) -> Option<Diagnostic> {
    // Most texts are one line, and looking for where a line begins takes time.
    text.get(span.clone()).filter(|written| written.starts_with('-') && written.contains('\n'))?;
    let first = Line::at(text, span.start);
    let is_below = text.get(first.start..span.start)?.trim().is_empty();
    let written = text.get(span.clone())?;
    let lines: Vec<&str> = written.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let is_item = |line: &&str| {
        line.strip_prefix('-').is_some_and(|rest| !rest.starts_with(['-', ' ', '.', '>']) && !rest.is_empty())
    };
    // One line alone may be a text that begins with a dash, and so may a negative number.
    if !is_below || lines.len() < 2 || !lines.iter().all(is_item) {
        return None;
    }
    let place = Place::bytes(file.clone(), span.start..span.start + 1);
    let items = lines.iter().map(|line| format!("- {}", line.trim_start_matches('-')));
    let help = format!("write `{}`, and so on below it", items.clone().next().unwrap_or_default());
    let indentation = text.get(first.start..span.start).unwrap_or_default();
    let fixed = items.collect::<Vec<_>>().join(&format!("\n{indentation}"));
    let is_plain = !written.contains('\r') && written.lines().all(|line| !line.trim().is_empty());
    let diagnostic = Diagnostic::new(Code::YamlMissingSpace, place, "a space is missing after the dash").help(help);
    Some(diagnostic.fix_opt(Place::bytes(file.clone(), span.clone()), is_plain.then_some(fixed)))
}
