//! Quotes: how to write a text in them, and what goes wrong inside them.

use std::ops::Range;
use std::sync::Arc;

use super::line::{Line, is_name, quoted_length};
use super::syntax::{Repair, Slip, Trouble};
use super::{comment, surplus, unquoted};
use crate::diagnostic::{Code, Diagnostic, Place};

const SHOWN: usize = 120;

/// A text in quotes: double ones, unless it holds what they would change.
pub(super) fn in_quotes(text: &str) -> String {
    if text.contains(['"', '\\']) { format!("'{}'", text.replace('\'', "''")) } else { format!("\"{text}\"") }
}

/// A text short enough for a message.
pub(super) fn shown(text: &str) -> String {
    let line = text.split(['\n', '\r']).next().unwrap_or("");
    if line.len() == text.len() && line.len() <= SHOWN {
        return line.to_owned();
    }
    format!("{}...", line.get(..line.floor_char_boundary(SHOWN)).unwrap_or(""))
}

/// `say`, with the user's own line as it should be, where that is short enough to be read.
pub(super) fn line_help(line: &Line<'_>, range: Range<usize>, replacement: &str, say: &str) -> String {
    let corrected = line.with(range, replacement);
    if corrected.len() > SHOWN || corrected.contains(['\n', '\r']) {
        return say.to_owned();
    }
    let colon = if say == "write" { "" } else { ":" };
    format!("{say}{colon} `{corrected}`")
}

/// The same, with a range put in quotes.
pub(super) fn quote_help(line: &Line<'_>, range: Range<usize>, say: &str) -> String {
    line_help(line, range.clone(), &in_quotes(line.slice(range)), say)
}

/// The last quote that opens a text between two bytes of the file.
fn opening(text: &str, from: usize, to: usize) -> Option<(usize, char)> {
    let (mut at, mut last, mut token, mut before) = (from, None, true, '\n');
    while at <= to {
        let rest = text.get(at..)?;
        let Some(c) = rest.chars().next() else { break };
        let blank = matches!(c, ' ' | '\t' | '\n' | '\r');
        if token && matches!(c, '"' | '\'') {
            last = Some((at, c));
            match quoted_length(rest, c) {
                Some(length) if at + length <= to => at += length,
                _ => break,
            }
            (token, before) = (false, c);
            continue;
        }
        if c == '#' && matches!(before, ' ' | '\t' | '\n' | '\r') {
            at += rest.find(['\n', '\r']).unwrap_or(rest.len());
            continue;
        }
        token = match c {
            '\n' | '\r' | '[' | '{' | ',' => true,
            ' ' | '\t' => token || matches!(before, ':' | '-' | '?'),
            // Right after a quoted key a colon needs no blank in `{}`.
            ':' => matches!(before, '"' | '\''),
            _ => false,
        };
        before = if blank && matches!(before, '\n') { '\n' } else { c };
        at += c.len_utf8();
    }
    last
}

/// What is wrong with the quoted text that the parser stopped in or after.
pub(super) fn slip(t: &Trouble<'_>, escape: bool) -> Option<Slip> {
    let (open, quote) = opening(t.text, t.reached, t.at)?;
    let line = Line::at(t.text, open);
    if line.parts().value.start < open
        && let Some(template) = unquoted::template_slip(t.file, t.text, &line)
    {
        return Some(template);
    }
    if escape {
        return escape_slip(t, open);
    }
    let closed = quoted_length(line.rest(open), quote);
    match closed {
        Some(length) => Some(trailing(t, &line, open, length, quote)),
        None => Some(unclosed(t.file, &line, open, quote)),
    }
}

/// Text after a closing quote, most often because the same quote is used inside.
fn trailing(t: &Trouble<'_>, line: &Line<'_>, open: usize, length: usize, quote: char) -> Slip {
    let value = line.parts().value;
    let range = if value.start == open { value } else { open..line.start + line.text.trim_end().len() };
    let written = line.slice(range.clone());
    if let Some(slip) = end_sign(t, line, open, length) {
        return slip;
    }
    if let Some(slip) = condition(t, line, range.clone(), length) {
        return slip;
    }
    if let Some(slip) = in_expression(t, range.clone(), written, length) {
        return slip;
    }
    let after = line.rest(open + length);
    let start = open + length + (after.len() - after.trim_start().len());
    let stray = start..range.end.max(start);
    let inner = written.strip_prefix(quote).and_then(|inner| inner.strip_suffix(quote));
    let is_inches = inner.is_some_and(|inner| inner.matches(quote).count() == 1)
        && written.get(..length - 1).is_some_and(|head| head.ends_with(|c: char| c.is_ascii_digit()));
    let within = line.rest(open + length).starts_with(char::is_alphanumeric) || is_inches;
    let tail = written.get(length..).filter(|tail| !tail.contains(['"', '\'', '\\']));
    let (say, text) = match (inner.filter(|_| within), written.get(..length - 1), tail) {
        (Some(inner), ..) => ("to have this quote inside the text, put other quotes around it", in_quotes(inner)),
        (None, Some(head), Some(tail)) => ("close the quote at the end of the value", format!("{head}{tail}{quote}")),
        _ => ("put the whole value in one pair of quotes", in_quotes(written)),
    };
    let place = Place::bytes(t.file.clone(), stray);
    let message = "there is text after the closing quote";
    let found = format!("the quote before this ends the text that starts with `{quote}`");
    let diagnostic = Diagnostic::new(Code::YamlUnclosedQuote, place, message).found(found);
    if let Some(slip) = missing_quote(t, line, open, length, quote) {
        return slip;
    }
    if let Some(slip) = surplus::surplus(t, line, &range, length) {
        return slip;
    }
    if t.flow.is_some() {
        let help = "put a comma between the two, or put the whole value in one pair of quotes";
        return (Repair::None, Some(diagnostic.help(help)));
    }
    let help = line_help(line, range.clone(), &text, say);
    let certain = (within && inner.is_some()).then_some(text);
    let diagnostic = diagnostic.help(help).fix_opt(Place::bytes(t.file.clone(), range.clone()), certain);
    (Repair::Blank(range), Some(diagnostic))
}

/// `{ a: "x, b: "y" }`: the first text is not closed, and ends where the second one begins.
fn missing_quote(t: &Trouble<'_>, line: &Line<'_>, open: usize, length: usize, quote: char) -> Option<Slip> {
    t.flow?;
    let inner = line.slice(open + 1..open + length - 1);
    let (text, next) = inner.rsplit_once(',')?;
    let name = next.trim();
    let is_next = name.is_empty() || name.strip_suffix(':').is_some_and(is_name);
    if !is_next || !next.ends_with([' ', ':']) || text.trim().is_empty() {
        return None;
    }
    let at = open + 1 + text.len();
    let place = Place::bytes(t.file.clone(), open..at);
    let message = "this quote is not closed before the comma";
    let help = line_help(line, at..at, &quote.to_string(), "write");
    let help = if help == "write" { format!("close it: `{quote}{}{quote}`", shown(text)) } else { help };
    let behind = Place::bytes(t.file.clone(), at..at);
    let diagnostic = Diagnostic::new(Code::YamlUnclosedQuote, place, message).help(help).fix(behind, quote);
    Some((Repair::None, Some(diagnostic)))
}

/// `"{{ items | join(", ") }}"`: the quote around the whole stands inside an expression again.
fn in_expression(t: &Trouble<'_>, range: Range<usize>, written: &str, length: usize) -> Option<Slip> {
    let quote = written.chars().next()?;
    let inner = written.strip_prefix(quote)?.strip_suffix(quote)?;
    let before = written.get(..length)?;
    let open = before.rfind("{{").max(before.rfind("{%"))?;
    let is_open = before.rfind("}}").max(before.rfind("%}")).is_none_or(|end| end < open);
    let other = if quote == '"' { '\'' } else { '"' };
    if !is_open || t.flow.is_some() || inner.contains(other) || inner.contains('\\') {
        return None;
    }
    let rest = written.get(open..)?;
    let end = rest.find("}}").or_else(|| rest.find("%}"))? + 2;
    let mended = rest.get(..end)?.replace(quote, &other.to_string());
    let place = Place::bytes(t.file.clone(), range.start + open..range.start + open + end);
    let message = format!("a `{quote}` inside `{{{{ }}}}` ends the text that starts with `{quote}`");
    let help = format!("write `{other}` inside: `{}`", shown(&mended));
    let diagnostic = Diagnostic::new(Code::YamlUnclosedQuote, place, message).help(help);
    let fixed = format!("{quote}{}{quote}", inner.replace(quote, &other.to_string()));
    let diagnostic = diagnostic.fix(Place::bytes(t.file.clone(), range.clone()), fixed);
    Some((Repair::Blank(range), Some(diagnostic)))
}

/// `match: 'call' == payload.type`: a condition, of which YAML reads the text that it begins with.
fn condition(t: &Trouble<'_>, line: &Line<'_>, range: Range<usize>, length: usize) -> Option<Slip> {
    let key = line.parts().key.filter(|_| t.flow.is_none() && line.parts().value == range)?;
    let key = line.slice(key);
    if !matches!(key, "match" | "when") {
        return None;
    }
    let written = line.slice(range.clone());
    let sign = written.get(length..)?.trim_start();
    let signs = ["==", "!=", "in ", "not in ", "and ", "or ", "is ", "<", ">", "~", "|"];
    signs.iter().find(|known| sign.starts_with(**known))?;
    let inner = if written.contains('\'') { written.to_owned() } else { written.replace('"', "'") };
    let fixed = if inner.contains('"') {
        format!("'{{{{ {} }}}}'", inner.replace('\'', "''"))
    } else {
        format!("\"{{{{ {inner} }}}}\"")
    };
    let message = format!("the text in quotes is the whole of `{key}` to YAML, and there is more behind it");
    let place = Place::bytes(t.file.clone(), range.clone());
    let diagnostic = Diagnostic::new(Code::YamlUnclosedQuote, place.clone(), message);
    let say = "put a condition that begins with a quote in `\"{{ … }}\"`";
    let diagnostic = diagnostic.help(line_help(line, range.clone(), &fixed, say)).fix(place, fixed);
    Some((Repair::Text(range), Some(diagnostic)))
}

/// `"text",` or `"text";` at the end of a line, as in other languages.
fn end_sign(t: &Trouble<'_>, line: &Line<'_>, open: usize, length: usize) -> Option<Slip> {
    let sign = line.rest(open + length).trim();
    if t.flow.is_some() || !matches!(sign, "," | ";") {
        return None;
    }
    let at = open + length + line.rest(open + length).find(sign)?;
    let place = Place::bytes(t.file.clone(), at..at + 1);
    let message = format!("a line of YAML does not end with `{sign}`");
    let help = line_help(line, open + length..line.end(), "", "write");
    let diagnostic = Diagnostic::new(Code::YamlSyntax, place.clone(), message).help(help).fix(place, "");
    Some((Repair::Remove(at..at + 1), Some(diagnostic)))
}

fn unclosed(file: &Arc<str>, line: &Line<'_>, open: usize, quote: char) -> Slip {
    let end = line.start + line.text.trim_end().len();
    let range = open..end.max(open);
    // What looks like a comment behind the text is one, unless it is more likely a part of the text.
    let whole = line.slice(range.clone());
    let before = |at: usize| whole.get(..at).map_or(0, |before| before.trim_end().len());
    let cut = whole.find(" #").filter(|at| !comment::is_text(line.source(), open + before(*at)));
    let text = cut.and_then(|at| whole.get(..at)).map_or(whole, str::trim_end);
    let is_apart = cut.is_some_and(|at| whole.get(..at).is_some_and(|before| before.ends_with(' ')));
    let range = open..open + text.len();
    let written = line.slice(range.clone());
    let inner = written.get(1..).unwrap_or("");
    let place = Place::bytes(file.clone(), range.clone());
    let diagnostic = Diagnostic::new(Code::YamlUnclosedQuote, place, "this quote is never closed");
    if let Some(mixed) = mixed(file, line, range.clone(), quote).filter(|_| cut.is_none()) {
        return (Repair::Blank(range), Some(Diagnostic { labels: diagnostic.labels, ..mixed }));
    }
    let start = inner.strip_suffix("\\\"").or_else(|| inner.strip_suffix('\\'));
    let say = "close it at the end of the text";
    let help = match start.filter(|_| quote == '"') {
        Some(start) if !start.contains('\'') => {
            let say = "a `\\` takes its meaning from the quote after it; use single quotes";
            line_help(line, range.clone(), &format!("'{start}\\'"), say)
        }
        _ if cut.is_some() && !is_apart => format!("{say}, which may be before the `#` or at the end of the line"),
        _ => line_help(line, range.clone(), &format!("{written}{quote}"), say),
    };
    // A text of many lines, or with a comment or bracket behind it, may end anywhere; and the quote may be a slip.
    let parts = line.parts();
    let is_value = parts.value.start == open && (parts.key.is_some() || parts.first != parts.body);
    let braces = inner.len() - inner.trim_end_matches(['}', ']']).len();
    let ends_here = !whole.contains('#')
        && !inner.contains([quote, '\\'])
        && (braces == 0 || (braces == 2 && inner.ends_with("}}")));
    let certain = is_value && ends_here && !line.has_deeper_lines();
    let behind = Place::bytes(file.clone(), range.end..range.end);
    let diagnostic = diagnostic.help(help).fix_opt(behind, certain.then_some(quote));
    (Repair::Blank(range), Some(diagnostic))
}

/// `"text'`: the quote at the end is of the other kind.
fn mixed(file: &Arc<str>, line: &Line<'_>, range: Range<usize>, quote: char) -> Option<Diagnostic> {
    let other = if quote == '"' { '\'' } else { '"' };
    let inner = line.slice(range.clone()).strip_prefix(quote)?;
    let text = inner.strip_suffix(other).filter(|_| inner.matches(other).count() % 2 == 1)?;
    let place = Place::bytes(file.clone(), range.end - 1..range.end);
    let message = format!("this quote is never closed: the text begins with `{quote}` and ends with `{other}`");
    let diagnostic = Diagnostic::new(Code::YamlUnclosedQuote, place.clone(), message);
    // `the clinics'` and `5"` may end so.
    let is_sure = !text.ends_with(char::is_alphanumeric) && !text.contains(['\\', quote]);
    Some(match is_sure {
        true => diagnostic
            .help(line_help(line, range.end - 1..range.end, &quote.to_string(), "write"))
            .fix(place, quote.to_string()),
        false => diagnostic.help(format!("end it with `{quote}`, as it begins")),
    })
}

/// An escape that double quotes do not know, as in a regular expression.
fn escape_slip(t: &Trouble<'_>, open: usize) -> Option<Slip> {
    let rest = t.text.get(open..)?;
    let body = rest.get(..quoted_length(rest, '"').unwrap_or(rest.len()))?;
    let (at, length) = bad_escape(body)?;
    let (start, line) = (open + at, Line::at(t.text, open + at));
    let written = body.get(at..at + length)?;
    let place = Place::bytes(t.file.clone(), start..start + length);
    let message = format!("`{written}` is not an escape that double quotes know");
    let diagnostic = Diagnostic::new(Code::YamlBadEscape, place, message);
    let inner = body.strip_prefix('"').and_then(|body| body.strip_suffix('"')).unwrap_or("");
    let range = open..open + body.len();
    let repair = Repair::Blank(start..start + 1);
    let meant = !inner.contains(['\'', '\n', '\r']) && !inner.contains("\\\"") && !inner.contains("\\\\");
    if !meant || inner.is_empty() {
        let say = "write each backslash that is meant as one twice";
        let help = match doubled(body) {
            Some(doubled) => line_help(&line, range, &doubled, say),
            None => say.to_owned(),
        };
        return Some((repair, Some(diagnostic.help(help))));
    }
    let single = format!("'{inner}'");
    let help = line_help(&line, range.clone(), &single, "use single quotes, which keep a backslash as it is");
    let diagnostic = diagnostic.help(help);
    let certain = inner.split('\\').skip(1).all(|after| !after.starts_with(['n', 't', 'r', 'u', 'x', 'U', '0']));
    let fixed = if certain { diagnostic.fix(Place::bytes(t.file.clone(), range), single) } else { diagnostic };
    Some((repair, Some(fixed)))
}

/// A text with every backslash twice that escapes neither a quote nor itself; nothing where one of them may be meant as an
/// escape.
fn doubled(body: &str) -> Option<String> {
    let mut chars = body.chars();
    let mut text = String::new();
    while let Some(c) = chars.next() {
        text.push(c);
        if c != '\\' {
            continue;
        }
        match chars.next()? {
            'n' | 't' | 'r' | 'u' | 'x' | 'U' | '0' | '\n' | '\r' => return None,
            next @ ('"' | '\\') => text.push(next),
            next => text.extend(['\\', next]),
        }
    }
    body.ends_with('"').then_some(text)
}

/// Where the first escape that is none stands, and its length.
fn bad_escape(body: &str) -> Option<(usize, usize)> {
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        if c != '\\' {
            continue;
        }
        let (next_at, next) = chars.next()?;
        let digits = match next {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            '0' | 'a' | 'b' | 't' | '\t' | 'n' | 'v' | 'f' | 'r' | 'e' | ' ' | '"' | '/' | '\\' | 'N' | '_' | 'L'
            | 'P' | '\n' | '\r' => continue,
            _ => return Some((at, next_at + next.len_utf8() - at)),
        };
        let after = body.get(next_at + 1..).unwrap_or("");
        let hex = after.get(..digits).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok());
        if code.and_then(char::from_u32).is_none() {
            return Some((at, next_at + 1 - at + hex.map_or(0, str::len)));
        }
    }
    None
}
