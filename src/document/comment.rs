//! Comments that were not meant as such: a `#` that cuts a value short; and `#` where it begins none.

use std::ops::Range;
use std::sync::Arc;

use super::Style;
use super::line::Line;
use super::quote::{line_help, quote_help, shown};
use crate::diagnostic::{Code, Diagnostic, Place, Segment};

const CUT: &str = "everything after ` #` is a comment and not part of the value";

/// What follows a value on its line, when that is a comment.
struct Comment<'a> {
    /// How many blanks stand before it.
    gap: usize,
    /// The comment with its `#`, up to the end of the line.
    written: &'a str,
    start: usize,
}

impl Comment<'_> {
    fn hides_template(&self) -> bool {
        self.written.split_once("{{").is_some_and(|(_, rest)| rest.contains("}}"))
    }

    /// `#7`, where a comment that is meant as one has a space.
    fn is_glued(&self) -> bool {
        self.written.strip_prefix('#').is_some_and(|rest| rest.starts_with(|c: char| c.is_alphanumeric() || c == '{'))
    }

    /// `# and payload.direction == 'inbound'`
    fn continues_condition(&self) -> bool {
        const SIGNS: [&str; 7] = ["==", "!=", " is ", " in ", " not ", "payload.", "envelope."];
        let rest = self.written.trim_start_matches('#').trim_start();
        let joined = rest.strip_prefix("and ").or_else(|| rest.strip_prefix("or "));
        joined.is_some_and(|rest| SIGNS.iter().any(|sign| rest.contains(sign)))
    }
}

fn after<'a>(text: &'a str, end: usize) -> Option<Comment<'a>> {
    let after = text.get(end..)?;
    let comment = after.trim_start_matches([' ', '\t']);
    let gap = after.len() - comment.len();
    let written = comment.split(['\n', '\r']).next().unwrap_or_default().trim_end();
    (gap > 0 && comment.starts_with('#')).then_some(Comment { gap, written, start: end + gap })
}

/// Whether a ` #` behind this text was most likely meant as part of it.
pub(super) fn is_text(text: &str, end: usize) -> bool {
    after(text, end).is_some_and(|comment| comment.gap == 1 && (comment.hides_template() || comment.is_glued()))
}

/// Warns of a ` #` that cuts a path, a template, a text or a condition short.
pub(super) fn hidden(
    file: &Arc<str>,
    text: &str,
    span: &Range<usize>,
    style: Style,
    place: &Place,
) -> Option<Diagnostic> {
    let value = text.get(span.clone())?;
    let comment = after(text, span.end)?;
    match style {
        Style::Plain if is_condition(place) && comment.continues_condition() => {
            Some(half_condition(file, text, &comment))
        }
        Style::Plain if cuts_short(value, &comment, place) => Some(behind_plain(file, text, span, &comment)),
        Style::SingleQuoted | Style::DoubleQuoted => behind_quote(file, text, span, &comment, place),
        _ => None,
    }
}

fn cuts_short(value: &str, comment: &Comment<'_>, place: &Place) -> bool {
    let is_template = value.starts_with('$') || value.contains("{{");
    let hides_template = comment.hides_template();
    // A comment that is meant as one has its own space after the `#`, and the value before it is whole; one that speaks
    // of a template stands apart from the value.
    let meant = comment.written.starts_with("# ") && closes(value) && !(hides_template && comment.gap == 1);
    // `Order #7`: the rest of a text that people read.
    let cuts_prose = comment.gap == 1 && comment.is_glued() && value.contains(char::is_alphabetic) && is_prose(place);
    (is_template || hides_template || cuts_prose) && !meant
}

fn behind_plain(file: &Arc<str>, text: &str, span: &Range<usize>, comment: &Comment<'_>) -> Diagnostic {
    let line = Line::at(text, span.end);
    let end = comment.start + comment.written.len();
    let whole = span.start.max(line.start)..end;
    let help = quote_help(&line, whole, "if it belongs to the value, put all of it in quotes");
    let found = format!("the value ends before this, as `{}`", shown(text.get(span.clone()).unwrap_or_default()));
    let place = Place::bytes(file.clone(), comment.start..end);
    Diagnostic::new(Code::YamlHiddenComment, place, CUT).found(found).help(help)
}

/// `"New lead" #{{ id }}`: the quote was closed too early.
fn behind_quote(
    file: &Arc<str>,
    text: &str,
    span: &Range<usize>,
    comment: &Comment<'_>,
    place: &Place,
) -> Option<Diagnostic> {
    let value = text.get(span.clone())?;
    let quote = value.chars().next_back()?;
    let other_half = comment.written.ends_with(quote) && comment.written.matches(quote).count() % 2 == 1;
    let glued = comment.is_glued() && (comment.hides_template() || is_prose(place));
    if comment.gap != 1 || value.contains('\n') || !(glued || (other_half && quote == '"')) {
        return None;
    }
    let line = Line::at(text, span.end);
    let end = comment.start + comment.written.len();
    let rest = comment.written.strip_suffix(quote).filter(|_| other_half).unwrap_or(comment.written);
    let say = "if it belongs to the value, close the quote behind it";
    let help = match rest.contains([quote, '\\']) {
        true => say.to_owned(),
        false => line_help(&line, span.end - 1..end, &format!(" {rest}{quote}"), say),
    };
    let place = Place::bytes(file.clone(), comment.start..end);
    let found = format!("the quote is closed before this, and the value is `{}`", shown(value));
    Some(Diagnostic::new(Code::YamlHiddenComment, place, CUT).found(found).help(help))
}

/// `match: payload.a == 1 # and payload.b == 2`
fn half_condition(file: &Arc<str>, text: &str, comment: &Comment<'_>) -> Diagnostic {
    let line = Line::at(text, comment.start);
    let rest = comment.written.trim_start_matches('#').trim_start();
    let end = comment.start + comment.written.len();
    let help = line_help(&line, comment.start..end, rest, "if it belongs to the condition, remove the `#`");
    let message = "everything after ` #` is a comment and not part of the condition";
    Diagnostic::new(Code::YamlHiddenComment, Place::bytes(file.clone(), comment.start..end), message).help(help)
}

/// Warns of a whole value that is a comment: `content: #1 from {{ name }}`. A comment that is meant has its own space.
pub(super) fn hidden_value(file: &Arc<str>, text: &str, span: &Range<usize>) -> Option<Diagnostic> {
    let line = Line::at(text, span.start);
    let parts = line.parts();
    let start = parts.value.start;
    let written = line.rest(start).trim_end();
    let after = written.strip_prefix('#')?;
    let is_template = after.split_once("{{").is_some_and(|(_, rest)| rest.contains("}}"));
    if parts.key.is_none() || !(is_template || after.starts_with(char::is_alphanumeric)) {
        return None;
    }
    let range = start..start + written.len();
    let place = Place::bytes(file.clone(), range.clone());
    let help = quote_help(&line, range, "if it is the value, put it in quotes");
    let message = "a `#` begins a comment, so there is no value here";
    Some(Diagnostic::new(Code::YamlHiddenComment, place, message).help(help))
}

/// Warns of a line of a `|` or `>` text that looks like a comment: it is part of the text. A heading begins with a
/// capital letter, and stands apart.
pub(super) fn in_block(file: &Arc<str>, text: &str, span: &Range<usize>, place: &Place) -> Option<Diagnostic> {
    if !is_sent(place) {
        return None;
    }
    let value = text.get(span.clone())?;
    let starts = std::iter::once(0).chain(value.match_indices('\n').map(|(at, _)| at + 1));
    let lines = starts.map(|at| Line::at(text, span.start + at));
    let is_comment = |line: &Line<'_>| {
        let written = line.text.trim();
        let word = written.strip_prefix("# ").map(str::trim_start);
        word.is_some_and(|word| word.starts_with(char::is_lowercase)) && line.start + line.indent() >= span.start
    };
    let line = lines.into_iter().find(is_comment)?;
    let start = line.start + line.indent();
    let place = Place::bytes(file.clone(), start..line.start + line.text.trim_end().len());
    let message = "in a text of several lines `#` begins no comment: this line is part of the text";
    let help = "if it is a comment, write it above the key of the text";
    Some(Diagnostic::new(Code::YamlHiddenComment, place, message).help(help))
}

/// Whether every bracket and quote that a value opens is closed in it.
fn closes(value: &str) -> bool {
    let count = |c: char| value.matches(c).count();
    count('[') == count(']') && count('{') == count('}') && count('(') == count(')') && count('\'') % 2 == 0
}

/// Whether a text is sent or read as it is, where a word and a number may begin with `#`.
fn is_prose(place: &Place) -> bool {
    const LAST: [&str; 3] = ["description", "else", "default"];
    is_sent(place) || within(place, &["map"]) || last(place).is_some_and(|key| LAST.contains(&key))
}

fn is_sent(place: &Place) -> bool {
    within(place, &["body", "vars", "query", "params", "headers"])
}

fn is_condition(place: &Place) -> bool {
    matches!(last(place), Some("match" | "when"))
}

fn within(place: &Place, names: &[&str]) -> bool {
    place.path.segments().iter().any(|step| matches!(step, Segment::Key(key) if names.contains(&&**key)))
}

fn last(place: &Place) -> Option<&str> {
    match place.path.split_last() {
        Some((_, Segment::Key(key))) => Some(&**key),
        _ => None,
    }
}
