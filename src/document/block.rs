//! Texts of several lines, after `|` or `>`: where they end too early, and signs that open none.

use std::ops::Range;
use std::sync::Arc;

use super::indent::spaces;
use super::line::{Line, is_name};
use super::quote::{line_help, shown};
use super::syntax::{Repair, Slip, Trouble};
use crate::diagnostic::{Code, Diagnostic, Place, Severity};

/// What begins a text, as it is written by mistake.
const TURNED: [(&str, &str); 4] = [("-|", "|-"), ("->", ">-"), ("+|", "|+"), ("+>", ">+")];

fn above<'a>(line: &Line<'a>) -> impl Iterator<Item = Line<'a>> {
    std::iter::successors(line.previous(), Line::previous).filter(|line| !line.is_idle())
}

fn is_header(value: &str) -> bool {
    matches!(value, "|" | "|-" | "|+" | ">" | ">-" | ">+")
}

fn whole(file: &Arc<str>, line: &Line<'_>) -> Place {
    Place::bytes(file.clone(), line.start + line.indent()..line.start + line.text.trim_end().len())
}

/// Text that was meant for the `|` or `>` on the line above, and is not indented further than its key.
pub(super) fn shallow(t: &Trouble<'_>, line: &Line<'_>) -> Option<Slip> {
    let header = above(line).next()?;
    let parts = header.parts();
    let key = parts.key.clone()?;
    let column = key.start - header.start;
    if !is_header(header.slice(parts.value.clone())) || line.indent() > column || line.is_idle() {
        return None;
    }
    let name = shown(header.slice(key));
    let message = format!("the text of `{name}` must be indented further than `{name}` itself");
    let help = format!("start this line, and those that belong to it, with {}", spaces(column + 2));
    Some((Repair::None, Some(Diagnostic::new(Code::YamlIndent, whole(t.file, line), message).help(help))))
}

/// The first text of a `|` or `>` block, which decides how far the block is indented.
pub(super) fn first_text(t: &Trouble<'_>, line: &Line<'_>) -> Slip {
    let place = Place::bytes(t.file.clone(), line.start..(line.start + line.indent()).max(line.start + 1));
    let message = "a blank line above this text is indented further than the text itself";
    let help = "remove the spaces from the blank line, or indent the text at least as far";
    (Repair::None, Some(Diagnostic::new(Code::YamlIndent, place, message).help(help)))
}

/// The key and the column of the text that ends right above a line, because that line is indented less.
pub(super) fn text_above(line: &Line<'_>) -> Option<(String, usize)> {
    let text = above(line).next().filter(|above| above.indent() > line.indent())?;
    let header = above(line).find(|above| above.indent() <= line.indent())?;
    let parts = header.parts();
    is_header(header.slice(parts.value.clone())).then_some((shown(header.slice(parts.key?)), text.indent()))
}

/// A line of a `|` or `>` text that is not indented like the rest of it.
pub(super) fn beside(file: &Arc<str>, line: &Line<'_>) -> Option<Slip> {
    let parts = line.parts();
    let (name, column) = text_above(line)?;
    let word = line.text.trim().split([' ', '\t', ':', '=']).next().unwrap_or("");
    let below = std::iter::successors(line.next(), Line::next).find(|line| !line.is_idle());
    let goes_on = below.is_some_and(|below| below.indent() == column);
    if parts.key.is_some() || parts.first != parts.body || (!goes_on && is_name(word)) {
        return None;
    }
    let message = format!("the text of `{name}` ends before this line, which is indented less");
    let say = if goes_on { "start it" } else { "if it belongs to that text, start it" };
    let help = format!("{say} with {}, like the line above", spaces(column));
    Some((Repair::None, Some(Diagnostic::new(Code::YamlIndent, whole(file, line), message).help(help))))
}

/// `content: -|` above the line where the parser stopped.
pub(super) fn turned_above(file: &Arc<str>, line: &Line<'_>) -> Option<Slip> {
    let header = above(line).find(|above| above.indent() < line.indent())?;
    Some((Repair::None, Some(turned_on(file, &header)?)))
}

/// The same where the lines below it can be read, as one text that begins with the sign.
pub(super) fn turned(file: &Arc<str>, text: &str, span: &Range<usize>) -> Option<Diagnostic> {
    let value = text.get(span.clone())?;
    let first = value.split_once('\n').map(|(first, _)| first.trim_end())?;
    let line = Line::at(text, span.start);
    let is_turned = TURNED.iter().any(|(wrong, _)| *wrong == first) && line.parts().value.start == span.start;
    let found = is_turned.then(|| turned_on(file, &line)).flatten()?;
    Some(Diagnostic { severity: Severity::Warning, ..found })
}

fn turned_on(file: &Arc<str>, line: &Line<'_>) -> Option<Diagnostic> {
    let parts = line.parts();
    let value = line.slice(parts.value.clone());
    let (wrong, right) = TURNED.iter().find(|(wrong, _)| *wrong == value)?;
    parts.key?;
    let message = format!("a text of several lines begins with `{right}`, and not with `{wrong}`");
    let place = Place::bytes(file.clone(), parts.value.clone());
    let help = line_help(line, parts.value, right, "write");
    Some(Diagnostic::new(Code::YamlSyntax, place.clone(), message).help(help).fix(place, *right))
}
