//! One quote too many in a line: the text goes on behind it, and ends with another one.

use std::ops::Range;

use super::line::Line;
use super::quote::line_help;
use super::syntax::{Repair, Slip, Trouble};
use crate::diagnostic::{Code, Diagnostic, Place};

/// `"{{ title }}" is won"`: what stands around the text are the first and the last quote. `length` is that of the text as it
/// is read, with its quotes.
pub(super) fn surplus(t: &Trouble<'_>, line: &Line<'_>, value: &Range<usize>, length: usize) -> Option<Slip> {
    let open = value.start;
    let rest = line.slice(value.clone());
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let written = match t.flow {
        None => rest,
        Some(_) => rest.get(..flow_end(rest, length, quote)?)?,
    };
    if let Some(slip) = doubled(t, line, open, written, quote) {
        return Some(slip);
    }
    let stray = length.checked_sub(1)?;
    let (before, after) = (written.get(1..stray)?, written.get(length..)?);
    let inner = after.strip_suffix(quote)?;
    if outside(before, quote) > 0 || outside(inner, quote) > 0 || is_letter_of_text(before, inner, quote) {
        return None;
    }
    let text = format!("{before}{inner}");
    let fixed = around(&text, quote)?;
    let place = Place::bytes(t.file.clone(), open + stray..open + length);
    let message = "this quote ends the text, which goes on behind it and ends with another quote";
    let range = open..open + written.len();
    let say = "remove this quote, the last one closes the text";
    let diagnostic = Diagnostic::new(Code::YamlUnclosedQuote, place, message);
    let diagnostic = diagnostic.help(line_help(line, range.clone(), &fixed, say));
    // `"say "hi"` may want the quotes that it has, and lack one.
    let is_sure = !(before.ends_with(' ') && inner.starts_with(char::is_alphanumeric));
    let diagnostic = diagnostic.fix_opt(Place::bytes(t.file.clone(), range.clone()), is_sure.then_some(fixed));
    Some((Repair::Blank(range), Some(diagnostic)))
}

/// `""text""`, where each end has one too many.
fn doubled(t: &Trouble<'_>, line: &Line<'_>, open: usize, written: &str, quote: char) -> Option<Slip> {
    let twice = format!("{quote}{quote}");
    let inner = written.strip_prefix(&twice)?.strip_suffix(&twice)?;
    if inner.is_empty() || outside(inner, quote) > 0 || quote == '\'' {
        return None;
    }
    let range = open..open + written.len();
    let fixed = around(inner, quote)?;
    let place = Place::bytes(t.file.clone(), open..open + twice.len());
    let message = "one quote is enough at each end of a text";
    let diagnostic = Diagnostic::new(Code::YamlUnclosedQuote, place, message);
    let diagnostic = diagnostic.help(line_help(line, range.clone(), &fixed, "write"));
    Some((Repair::Blank(range.clone()), Some(diagnostic.fix(Place::bytes(t.file.clone(), range), fixed))))
}

/// Where a text within brackets ends: at the next quote before a comma or a closing bracket.
fn flow_end(rest: &str, length: usize, quote: char) -> Option<usize> {
    let tail = rest.get(length..)?;
    let at = tail.find(quote)?;
    let behind = tail.get(at + 1..)?.trim_start();
    (behind.is_empty() || behind.starts_with([',', '}', ']'])).then_some(length + at + 1)
}

/// How many quotes stand outside of `{{ }}`.
fn outside(text: &str, quote: char) -> usize {
    let mut count = 0;
    let mut rest = text;
    while let Some((before, inside)) = rest.split_once("{{") {
        count += before.matches(quote).count();
        rest = inside.split_once("}}").map_or("", |(_, after)| after);
    }
    count + rest.matches(quote).count()
}

/// An apostrophe between letters, or the inches of `5"`.
fn is_letter_of_text(before: &str, after: &str, quote: char) -> bool {
    match quote {
        '\'' => before.ends_with(char::is_alphabetic) && after.starts_with(char::is_alphabetic),
        _ => before.ends_with(|c: char| c.is_ascii_digit()),
    }
}

/// A text in quotes that it does not hold itself.
fn around(text: &str, quote: char) -> Option<String> {
    let other = if quote == '"' { '\'' } else { '"' };
    let free = [quote, other].into_iter().find(|quote| !text.contains(*quote))?;
    (free == quote || !text.contains('\\')).then(|| format!("{free}{text}{free}"))
}
