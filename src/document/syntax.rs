//! Syntax errors in the words of who wrote the file: what was found, and what to write instead.

use std::ops::Range;
use std::sync::Arc;

use granit_parser::ErrorKind;

use super::line::{Line, is_name, quoted_length};
use super::quote::{line_help, shown};
use super::{block, flow, indent, outlier, quote, read, tab, unquoted};
use crate::diagnostic::{Code, Diagnostic, Place};

/// Where the parser stopped, and what it had read.
pub(super) struct Trouble<'a> {
    pub file: &'a Arc<str>,
    pub text: &'a str,
    pub kind: &'a ErrorKind,
    pub at: usize,
    /// Where the last event ended.
    pub reached: usize,
    /// Where the outermost `[` or `{` stands that is still open.
    pub flow: Option<usize>,
    pub last_scalar: Option<Range<usize>>,
}

impl Trouble<'_> {
    /// Whether the parser stopped at the first character of the line's value.
    fn starts_value(&self, line: &Line<'_>) -> bool {
        line.parts().value.start == self.at
    }
}

/// How to read on past a slip, to find the next ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Repair {
    None,
    /// Take these bytes for a text, as if they were quoted: what the help says to write.
    Text(Range<usize>),
    /// Take these bytes, up to the end of the line, for a comment.
    Comment(Range<usize>),
    /// Read the key that ends here as if a colon and a space came after it, in place of one byte.
    Colon(usize),
    /// Leave these bytes out: what remains is what was meant.
    Remove(Range<usize>),
    /// Leave these bytes out: the tree is lost, but the lines after them can still be checked.
    Blank(Range<usize>),
}

impl Repair {
    /// The bytes that it is about.
    pub fn range(&self) -> Option<Range<usize>> {
        match self {
            Repair::None => None,
            Repair::Text(range) | Repair::Comment(range) | Repair::Remove(range) | Repair::Blank(range) => {
                Some(range.clone())
            }
            Repair::Colon(at) => Some(*at..at + 1),
        }
    }
}

/// What was not written as it is read.
#[derive(Clone, Debug, Default)]
pub(super) struct Mending {
    /// Texts that stand for themselves, as if they were quoted.
    pub quoted: Vec<Range<usize>>,
    /// Where keys end whose colon is missing, or has no space after it.
    pub keys: Vec<usize>,
}

pub(super) type Slip = (Repair, Option<Diagnostic>);

/// Says what is wrong at the place where the parser stopped.
pub(super) fn explain(t: &Trouble<'_>) -> Slip {
    let line = Line::at(t.text, t.at);
    let special = match t.kind {
        ErrorKind::RecursionLimitExceeded => {
            return (Repair::None, Some(too_deep(t.file, t.text, t.at)));
        }
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => tab::tab(t, &line),
        ErrorKind::DirectiveDisallowed => Some(directive(t, &line)),
        _ => None,
    };
    let opener = t.flow.map(|flow| Line::at(t.text, flow));
    let slip = special
        .or_else(|| quote_above(t, &line))
        .or_else(|| block::shallow(t, &line))
        .or_else(|| block::beside(t.file, &line))
        .or_else(|| block::turned_above(t.file, &line))
        .or_else(|| outlier::bullet(t.file, &line))
        .or_else(|| outlier::leftover(t.file, &line))
        .or_else(|| unquoted::template_slip(t.file, t.text, &line))
        .or_else(|| opener.and_then(|opener| unquoted::template_slip(t.file, t.text, &opener)))
        .or_else(|| unquoted::glued_bracket(t.file, &line))
        .or_else(|| by_kind(t, &line))
        .or_else(|| unquoted::reserved_slip(t.file, &line))
        .or_else(|| unquoted::colon_slip(t.file, &line))
        .or_else(|| tab::tab_on(t, &line))
        .or_else(|| indent::misplaced(t, &line))
        .unwrap_or_else(|| unreadable(t, &line));
    alone(t.text, slip)
}

/// Lines that belong to the one with the slip could not be understood without it.
fn alone(text: &str, slip: Slip) -> Slip {
    let (Repair::Text(range) | Repair::Blank(range)) = &slip.0 else { return slip };
    let line = Line::at(text, range.start);
    if line.has_deeper_lines() { (Repair::None, slip.1) } else { slip }
}

/// A quote that was opened on an earlier line, and ends where another one was meant to open.
fn quote_above(t: &Trouble<'_>, line: &Line<'_>) -> Option<Slip> {
    let in_quotes = matches!(
        t.kind,
        ErrorKind::InvalidTrailingSingleQuotedScalar
            | ErrorKind::InvalidTrailingDoubleQuotedScalar
            | ErrorKind::InvalidQuotedScalarIndent
    );
    if !in_quotes {
        return None;
    }
    quote::slip(t, false).filter(|(repair, _)| match repair {
        Repair::Text(range) | Repair::Blank(range) => range.start < line.start,
        Repair::None | Repair::Comment(_) | Repair::Remove(_) | Repair::Colon(_) => false,
    })
}

fn by_kind(t: &Trouble<'_>, line: &Line<'_>) -> Option<Slip> {
    match t.kind {
        ErrorKind::UnexpectedCharacter { character } => Some(unexpected(t, line, *character)),
        ErrorKind::UnclosedQuotedScalar
        | ErrorKind::InvalidQuotedScalarIndent
        | ErrorKind::DocumentIndicatorInQuotedScalar
        | ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => quote::slip(t, false),
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidLowSurrogateHexEscape
        | ErrorKind::InvalidLowSurrogate
        | ErrorKind::MissingLowSurrogate
        | ErrorKind::UnpairedLowSurrogate
        | ErrorKind::InvalidUnicodeEscape => quote::slip(t, true),
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping
        | ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::ExpectedFlowSequenceSeparator
        | ErrorKind::InvalidColonPlacement
        | ErrorKind::InvalidFlowScalarIndent => unquoted::flow_reference_slip(t, line)
            .or_else(|| unquoted::flow_template_slip(t, line))
            .or_else(|| bracket(t)),
        ErrorKind::MisplacedFlowCollectionEnd if !t.starts_value(line) => Some(stray_bracket(t)),
        ErrorKind::BlockEntryInFlowCollection => Some(dash_in_brackets(t, line)),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => Some(flow::mismatched(t, *open, *close)),
        ErrorKind::InvalidBlockScalarHeader | ErrorKind::ZeroBlockScalarIndent => {
            unquoted::block_header_slip(t.file, line)
        }
        ErrorKind::InvalidBlockScalarIndent => Some(block::first_text(t, line)),
        ErrorKind::BlockSequenceEntryNotAllowed => Some(indent::list_beside_key(t, line)),
        ErrorKind::CommentNotSeparated => Some(glued_comment(t, line)),
        ErrorKind::MappingValueNotAllowed => indent::second_colon(t, line),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => Some(indent::no_colon(t.file, line)),
        ErrorKind::ExpectedBlockMappingKey => after_bracket(t, line),
        ErrorKind::ExpectedDocumentStart => Some(beside_root(t, line)),
        _ if t.flow.is_some() => bracket(t),
        _ => None,
    }
}

/// Reports characters that no text file should hold, and takes them out.
pub(super) fn control_characters(file: &Arc<str>, text: &mut String) -> Vec<Diagnostic> {
    const REPORTED: usize = 5;
    let odd: Vec<(usize, char)> = text.char_indices().filter(|(at, c)| is_odd(*at, *c)).collect();
    let source = text.clone();
    let source = source.as_str();
    for (at, c) in &odd {
        read::mask(text, *at..*at + c.len_utf8());
    }
    let name = |c: char| match c {
        '\0' => "a NUL character".to_owned(),
        '\u{feff}' => "a byte order mark in the middle of the file".to_owned(),
        c => format!("the invisible character U+{:04X}", c as u32),
    };
    let describe = |(at, c): &(usize, char)| {
        let place = Place::bytes(file.clone(), *at..*at + c.len_utf8());
        let message = format!("this line contains {}", name(*c));
        let line = Line::at(source, *at);
        let next = line.rest(*at + c.len_utf8()).split_whitespace().next().unwrap_or("").trim_end_matches(':');
        let before = if next.is_empty() { String::new() } else { format!(" before `{}`", shown(next)) };
        let help = format!(
            "it stands unseen{before}: `jackfield check --fix` deletes it; or delete the line and type it again. Such \
             characters come along when text is pasted from another program"
        );
        Diagnostic::new(Code::YamlBadCharacter, place.clone(), message).help(help).fix(place, "")
    };
    odd.iter().take(REPORTED).map(describe).collect()
}

fn is_odd(at: usize, c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' | '\u{85}' => false,
        '\u{feff}' => at > 0,
        '\u{fffe}' | '\u{ffff}' => true,
        c => c.is_control(),
    }
}

pub(super) fn too_deep(file: &Arc<str>, text: &str, at: usize) -> Diagnostic {
    let at = text.floor_char_boundary(at);
    let place = Place::bytes(file.clone(), at..at);
    let message = "lists and mappings are nested too deeply here";
    let help = "no more than 32 levels are allowed; check for a stray `[`, `{` or `- `";
    Diagnostic::new(Code::YamlTooLarge, place, message).help(help)
}

/// A list or mapping in the place of a key.
pub(super) fn odd_key(file: &Arc<str>, span: Range<usize>) -> Diagnostic {
    let place = Place::bytes(file.clone(), span);
    let message = "a key must be text, not a list or a mapping";
    Diagnostic::new(Code::YamlUnsupported, place, message).help("write a word before the colon, as in `name: value`")
}

fn directive(t: &Trouble<'_>, line: &Line<'_>) -> Slip {
    if let Some(key) = unquoted::reserved_slip(t.file, line).filter(|_| line.parts().key.is_some()) {
        return key;
    }
    let place = Place::bytes(t.file.clone(), line.start..line.end());
    let message = "a line that starts with `%` is a YAML directive, which is not supported";
    let diagnostic = Diagnostic::new(Code::YamlUnsupported, place, message).help("remove this line");
    (Repair::None, Some(diagnostic))
}

/// A character that cannot start a value, at the place where the parser met it.
fn unexpected(t: &Trouble<'_>, line: &Line<'_>, character: char) -> Slip {
    let parts = line.parts();
    if let Some(key) = parts.key.clone().filter(|key| key.start == t.at) {
        return unquoted::reserved(t.file, line, key, character, "key");
    }
    let value = if parts.value.start <= t.at { t.at..parts.value.end.max(t.at) } else { t.at..line.end() };
    let inner = t.flow.is_some().then(|| line.slice(value.clone()).find([',', ']', '}'])).flatten();
    let end = inner.map_or(value.end, |length| t.at + line.slice(t.at..t.at + length).trim_end().len());
    unquoted::reserved(t.file, line, t.at..end, character, "value")
}

/// The innermost `[` or `{` that is open at a byte, from another one on, and whether it is closed after that.
fn open_bracket(text: &str, from: usize, to: usize) -> Option<(usize, char, bool)> {
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut innermost = None;
    let (mut at, mut before) = (from, '\n');
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        if at >= to && innermost.is_none() {
            innermost = Some(open.last().copied()?);
        }
        let rest = text.get(at..)?;
        match c {
            '[' | '{' => open.push((at, c)),
            ']' | '}' => {
                let closed = open.pop();
                if innermost.is_some() && closed == innermost {
                    return closed.map(|(at, c)| (at, c, true));
                }
            }
            '"' | '\'' if matches!(before, ' ' | '\t' | '\n' | '[' | '{' | ',' | ':') => {
                at += quoted_length(rest, c).map_or(0, |length| length - 1);
            }
            '#' if matches!(before, ' ' | '\t' | '\n') => at += rest.find('\n').unwrap_or(rest.len()).max(1) - 1,
            _ => {}
        }
        before = c;
        at += text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
    }
    innermost.or_else(|| open.last().copied()).map(|(at, c)| (at, c, false))
}

fn bracket(t: &Trouble<'_>) -> Option<Slip> {
    let from = t.flow.unwrap_or(t.reached).min(t.at);
    // The parser stops at the bracket itself when the file ends before it is closed.
    let to = if matches!(t.kind, ErrorKind::UnclosedFlowCollection { .. }) { t.at + 1 } else { t.at };
    let (open, c, closed) = open_bracket(t.text, from, to)?;
    let (line, here) = (Line::at(t.text, open), Line::at(t.text, t.at));
    if closed {
        return Some(missing_comma(t, &line, &here));
    }
    Some(never_closed(t, open, c))
}

fn never_closed(t: &Trouble<'_>, open: usize, c: char) -> Slip {
    let line = Line::at(t.text, open);
    let end = line.start + line.text.trim_end().len();
    let close = if c == '[' { ']' } else { '}' };
    let place = Place::bytes(t.file.clone(), open..open + 1);
    let message = format!("this `{c}` is never closed");
    let value = line.parts().value;
    let end = if value.contains(&open) { value.end } else { end };
    let goes_on = end == open + 1 || line.has_deeper_lines();
    let say = format!("close it with `{close}`");
    let own = flow::before_a_key(&line, open).filter(|_| c == '[' && flow::parent(t, open) == Some('{'));
    let help = match own {
        Some(at) => line_help(&line, at..end, &format!("]{}}}", line.slice(at..end)), &say),
        None if goes_on => format!("{say} after its last entry"),
        None => line_help(&line, end..end, &close.to_string(), &say),
    };
    let diagnostic = Diagnostic::new(Code::YamlUnclosedBracket, place, message).help(help);
    (Repair::Blank(open..end), Some(diagnostic))
}

fn missing_comma(t: &Trouble<'_>, opener: &Line<'_>, here: &Line<'_>) -> Slip {
    if let Some(slip) = semicolon(t, here) {
        return slip;
    }
    let message = "a comma is missing between two entries";
    let above = here.previous().filter(|above| above.start > opener.start && here.start != opener.start);
    if let Some(above) = above.filter(|above| !above.is_idle()) {
        let range = above.start + above.indent()..above.start + above.text.trim_end().len();
        let help = line_help(&above, range.end..range.end, ",", "end this line with a comma");
        let place = Place::bytes(t.file.clone(), range);
        return (Repair::None, Some(Diagnostic::new(Code::YamlUnclosedBracket, place, message).help(help)));
    }
    let before = here.slice(here.start..t.at).trim_end().len() + here.start;
    let place = Place::bytes(t.file.clone(), before..t.at.max(before) + 1);
    let help = "put a comma between the entries; a text with `: `, `{`, `[` or a comma in it needs quotes here";
    (Repair::None, Some(Diagnostic::new(Code::YamlUnclosedBracket, place, message).help(help)))
}

/// `{ path: $.From; as: phone }`
fn semicolon(t: &Trouble<'_>, here: &Line<'_>) -> Option<Slip> {
    let before = here.slice(here.start..t.at);
    let sign = before.rfind("; ").filter(|at| is_name(before.get(at + 2..).unwrap_or("").trim()))?;
    let sign = here.start + sign..here.start + sign + 1;
    let place = Place::bytes(t.file.clone(), sign.clone());
    let message = "entries are separated by commas, and not by `;`";
    let help = line_help(here, sign.clone(), ",", "write");
    let diagnostic = Diagnostic::new(Code::YamlUnclosedBracket, place.clone(), message).help(help);
    Some((Repair::None, Some(diagnostic.fix(place, ","))))
}

/// Text after a list or mapping in brackets, on the same line.
fn after_bracket(t: &Trouble<'_>, line: &Line<'_>) -> Option<Slip> {
    let value = line.parts().value;
    let written = line.slice(value.clone());
    if !(written.starts_with(['[', '{']) && value.start < t.at && t.at < value.end) {
        return None;
    }
    let close = if written.starts_with('[') { ']' } else { '}' };
    let stray = line.slice(t.at..value.end);
    let place = Place::bytes(t.file.clone(), t.at..value.end);
    let message = format!("there is text after the closing `{close}`");
    let say = format!("remove `{}`, or, if all of it is text, put it in quotes", shown(stray));
    let help = quote::quote_help(line, value.clone(), &say);
    let diagnostic = Diagnostic::new(Code::YamlUnquotedValue, place, message).help(help);
    Some((Repair::Blank(value), Some(diagnostic)))
}

fn stray_bracket(t: &Trouble<'_>) -> Slip {
    let c = t.text.get(t.at..).and_then(|rest| rest.chars().next()).unwrap_or(']');
    let place = Place::bytes(t.file.clone(), t.at..t.at + c.len_utf8());
    let message = format!("this `{c}` closes nothing");
    let help = format!("remove it, or write what it is to close before it; a text that ends with `{c}` needs quotes");
    (Repair::None, Some(Diagnostic::new(Code::YamlUnclosedBracket, place, message).help(help)))
}

/// `tags: [ - a ]`; or an item of the list around, after a bracket that is never closed.
fn dash_in_brackets(t: &Trouble<'_>, line: &Line<'_>) -> Slip {
    let opener = t.flow.map(|flow| Line::at(t.text, flow)).filter(|opener| opener.start < line.start);
    let is_outer = opener.is_some_and(|opener| line.indent() <= opener.indent());
    if let Some(unclosed) = opener.filter(|_| is_outer).and_then(|opener| unclosed_above(t, &opener)) {
        return unclosed;
    }
    let place = Place::bytes(t.file.clone(), t.at..t.at + 1);
    let message = "a `- ` cannot stand inside `[ ]` or `{ }`";
    let help = "remove the dash and separate the entries with commas, or remove the brackets";
    (Repair::None, Some(Diagnostic::new(Code::YamlUnclosedBracket, place, message).help(help)))
}

/// The bracket that is left open at the end of its line.
fn unclosed_above(t: &Trouble<'_>, opener: &Line<'_>) -> Option<Slip> {
    let end = opener.start + opener.text.trim_end().len();
    let (open, c, _) = open_bracket(t.text.get(..end)?, t.flow?, end)?;
    Some(never_closed(t, open, c))
}

/// Something after a root that is complete.
fn beside_root(t: &Trouble<'_>, line: &Line<'_>) -> Slip {
    let start = line.start + line.indent();
    let place = Place::bytes(t.file.clone(), start..line.end().max(start));
    let message = "this line does not belong to what stands above it";
    let help = "a file is one mapping: lines of `key: value` that all start in the same column";
    (Repair::None, Some(Diagnostic::new(Code::YamlSyntax, place, message).help(help)))
}

fn glued_comment(t: &Trouble<'_>, line: &Line<'_>) -> Slip {
    let hash = t.at + line.rest(t.at).find('#').unwrap_or(0);
    let place = Place::bytes(t.file.clone(), hash..line.end().max(hash));
    let message = "a comment needs a space before its `#`";
    let help = line_help(line, hash..hash, " ", "write");
    let before = Place::bytes(t.file.clone(), hash..hash);
    (Repair::None, Some(Diagnostic::new(Code::YamlSyntax, place, message).help(help).fix(before, " ")))
}

/// For what no other rule knows: the line, and the three shapes that a line can have.
fn unreadable(t: &Trouble<'_>, line: &Line<'_>) -> Slip {
    let line = if line.text.trim().is_empty() { last_written(line) } else { *line };
    let start = line.start + line.indent();
    let place = Place::bytes(t.file.clone(), start..line.end().max(start));
    let message = "this line cannot be read as YAML";
    let help = "write `key: value`, or `- value` for an item of a list, indented like the lines beside it; \
                put a text with special characters in quotes";
    (Repair::None, Some(Diagnostic::new(Code::YamlSyntax, place, message).help(help)))
}

fn last_written<'a>(line: &Line<'a>) -> Line<'a> {
    let mut above = *line;
    while above.text.trim().is_empty() {
        match above.previous() {
            Some(previous) => above = previous,
            None => return *line,
        }
    }
    above
}
