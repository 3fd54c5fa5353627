//! Values that must be quoted to be text: templates, second colons, characters that mean something to YAML.

use std::ops::Range;
use std::sync::Arc;

use super::block;
use super::indent::spaces;
use super::line::{Line, Parts, colon_in, is_name};
use super::quote::{in_quotes, line_help, quote_help, shown};
use super::syntax::{Repair, Slip, Trouble};
use crate::diagnostic::{Code, Diagnostic, Place};

/// The file in which every text may be a reference.
const SETTINGS: &str = "jackfield.yaml";

const TEMPLATES: [(&str, &str); 3] = [("{{", "{{ }}"), ("{%", "{% %}"), ("{#", "{# #}")];

/// What is wrong with an unquoted value that starts with `{{`, `{%` or `{#`.
pub(super) fn template(file: &Arc<str>, text: &str, range: Range<usize>) -> Diagnostic {
    let line = Line::at(text, range.start);
    let value = line.slice(range.clone());
    let braces = TEMPLATES.iter().find(|(open, _)| value.starts_with(open)).map_or("{{ }}", |(_, braces)| braces);
    let place = Place::bytes(file.clone(), range.clone());
    let message = format!("a value with {braces} must be quoted");
    if let Some(reference) = variable(file, &line, &range) {
        let message = "a variable of the environment is written `${env:NAME}`, and not as a template";
        let help = line_help(&line, range, &reference, "write");
        let diagnostic = Diagnostic::new(Code::YamlUnquotedTemplate, place.clone(), message).help(help);
        return diagnostic.fix(place, reference);
    }
    let diagnostic = Diagnostic::new(Code::YamlUnquotedTemplate, place, message).found("not quoted");
    // Alone on its line it is no value, but most often a text that is not indented far enough.
    let alone = range.start == line.start + line.indent();
    let quoted = quoted(diagnostic, file, &line, range, "put it in quotes");
    match block::text_above(&line) {
        Some((name, column)) => {
            let help = quoted.help.unwrap_or_default();
            let first = format!("if it belongs to the text of `{name}`, start it with {}", spaces(column));
            Diagnostic { help: Some(format!("{first}; if not, {help}")), fix: None, ..quoted }
        }
        None if alone => Diagnostic { fix: None, ..quoted },
        None => quoted,
    }
}

/// `secret: {{ env.NAME }}` as it is written here, where a variable may stand.
fn variable(file: &str, line: &Line<'_>, range: &Range<usize>) -> Option<String> {
    let key = line.slice(line.parts().key?);
    if file != SETTINGS && !matches!(key, "secret" | "public_key") {
        return None;
    }
    let inner = line.slice(range.clone()).strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let name = ["process.env.", "env.", "secrets."].iter().find_map(|prefix| inner.strip_prefix(prefix))?;
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_').then(|| format!("${{env:{name}}}"))
}

/// A reference that is not quoted, in an entry of a `[ ]` or `{ }`.
pub(super) fn flow_reference_slip(t: &Trouble<'_>, line: &Line<'_>) -> Option<Slip> {
    let reached = (t.at + 1).checked_sub(line.start)?;
    let open = line.text.get(..line.text.floor_char_boundary(reached))?.rfind("${")?;
    let rest = line.text.get(open..)?;
    let end = open + rest.find('}')? + 1;
    let written = line.text.get(open..end)?;
    let is_reference = ["${env:", "${file:"].iter().any(|start| written.starts_with(start));
    let alone = line.text.get(..open)?.trim_end().ends_with([':', ',', '[', '{'])
        && line.text.get(end..)?.trim_start().starts_with([',', ']', '}']);
    let range = line.start + open..line.start + end;
    if !is_reference || !alone {
        return None;
    }
    if line.parts().key.is_some_and(|key| line.slice(key) == "vars") {
        let help = "`${env:…}` and `${file:…}` stand in `connections:` and in a source's `secret`";
        let place = Place::bytes(t.file.clone(), range.clone());
        let diagnostic = Diagnostic::new(Code::InvalidReference, place, "a reference may not stand in `vars`");
        return Some((Repair::Text(range), Some(diagnostic.help(help))));
    }
    let message = "a text with `{` in it must be quoted within `[ ]` and `{ }`".to_owned();
    Some(slip(Code::YamlUnquotedValue, t.file, line, range, message, "not quoted"))
}

/// Adds the help and the fix that put `range` in quotes.
fn quoted(diagnostic: Diagnostic, file: &Arc<str>, line: &Line<'_>, range: Range<usize>, say: &str) -> Diagnostic {
    let value = line.slice(range.clone());
    if value.contains(['\n', '\r']) {
        return diagnostic.help(format!("{say}, from its first character to its last"));
    }
    if let Some(inner) = straightened(value) {
        let say = "these are typographic quotes, which count as text; write straight ones";
        let diagnostic = diagnostic.help(line_help(line, range.clone(), &in_quotes(inner), say));
        return diagnostic.fix(Place::bytes(file.clone(), range), in_quotes(inner));
    }
    let fixed = opened(value).unwrap_or_else(|| in_quotes(value));
    let diagnostic = diagnostic.help(line_help(line, range.clone(), &fixed, say));
    // A bracket without its other half means that something else went wrong.
    let whole = ["{}", "[]"].iter().all(|pair| {
        let mut counts = pair.chars().map(|c| value.matches(c).count());
        counts.next() == counts.next()
    });
    diagnostic.fix_opt(Place::bytes(file.clone(), range), (whole && !value.contains('\t')).then_some(fixed))
}

/// What stands within typographic quotes.
fn straightened(value: &str) -> Option<&str> {
    const QUOTES: [char; 7] = ['“', '”', '„', '‘', '’', '«', '»'];
    let inner = value.strip_prefix(QUOTES)?.strip_suffix(QUOTES)?;
    (!inner.contains(QUOTES)).then_some(inner)
}

/// A text whose quote is closed and was never opened, with both.
fn opened(value: &str) -> Option<String> {
    let quote = value.chars().next_back().filter(|c| matches!(c, '"' | '\''))?;
    (value.matches(quote).count() == 1 && !value.contains('\\')).then(|| format!("{quote}{value}"))
}

/// A slip whose repair is to quote `range`.
fn slip(code: Code, file: &Arc<str>, line: &Line<'_>, range: Range<usize>, message: String, found: &str) -> Slip {
    let diagnostic = Diagnostic::new(code, Place::bytes(file.clone(), range.clone()), message).found(found);
    (Repair::Text(range.clone()), Some(quoted(diagnostic, file, line, range, "put it in quotes")))
}

/// The same, where something else than a text may have been meant.
fn unsure(slip: Slip) -> Slip {
    (slip.0, slip.1.map(|diagnostic| Diagnostic { fix: None, ..diagnostic }))
}

/// A template that stands unquoted on this line.
pub(super) fn template_slip(file: &Arc<str>, text: &str, line: &Line<'_>) -> Option<Slip> {
    let range = line.parts().value;
    let value = line.slice(range.clone());
    if let Some(slip) = bare_block(file, line) {
        return Some(slip);
    }
    let is_template = TEMPLATES.iter().any(|(open, _)| value.starts_with(open));
    is_template.then(|| (Repair::Text(range.clone()), Some(template(file, text, range))))
}

/// Several lines of text under a key that lacks its `|`.
fn bare_block(file: &Arc<str>, line: &Line<'_>) -> Option<Slip> {
    let above = || std::iter::successors(line.previous(), Line::previous).filter(|line| !line.text.trim().is_empty());
    let opener = above().find(|above| above.indent() < line.indent())?;
    let key = opener.parts().key.filter(|_| opener.slice(opener.parts().value).is_empty())?;
    let is_inside = |inner: &Line<'_>| inner.text.trim().is_empty() || inner.indent() >= line.indent();
    let lines: Vec<Line<'_>> = std::iter::successors(opener.next(), Line::next).take_while(is_inside).collect();
    let mut full = lines.iter().filter(|line| !line.text.trim().is_empty());
    let first = full.next()?;
    let last = full.next_back()?;
    let is_even = lines.iter().all(|line| line.text.trim().is_empty() || line.indent() >= first.indent());
    let parts = first.parts();
    let is_text = parts.key.is_none() && parts.first == parts.body && first.text.contains("{{");
    let (start, end) = (parts.first, last.start + last.text.trim_end().len());
    is_text.then(|| {
        let message = "a text of several lines needs a `|` behind its key";
        let help = format!("write `{}: |`", opener.slice(key.clone()));
        let place = Place::bytes(file.clone(), key.start..opener.start + opener.text.trim_end().len());
        let text = Place::bytes(file.clone(), start..first.end());
        let diagnostic = Diagnostic::new(Code::YamlUnquotedTemplate, place, message).also(text, "the text begins here");
        let behind = opener.text.trim_end().len() + opener.start;
        let bar = is_even.then_some(" |").filter(|_| opener.text.trim_end().ends_with(':'));
        let diagnostic = diagnostic.help(help).fix_opt(Place::bytes(file.clone(), behind..behind), bar);
        (Repair::Text(start..end), Some(diagnostic))
    })
}

/// A template, or a path with an index, in an unquoted entry of a `[ ]` or `{ }`.
pub(super) fn flow_template_slip(t: &Trouble<'_>, line: &Line<'_>) -> Option<Slip> {
    let reached = (t.at + 2).checked_sub(line.start)?;
    let template = line.text.get(..line.text.floor_char_boundary(reached))?.rfind("{{");
    let here = t.at.checked_sub(line.start)?;
    let bracket =
        line.rest(t.at).starts_with('[') && line.text.get(..here)?.ends_with(|c: char| c.is_alphanumeric() || c == '$');
    let open = template.or(bracket.then_some(here))?;
    let before = line.text.get(..open)?;
    let bracket = before.rfind([',', '[', '{']).map_or(0, |at| at + 1);
    let colon = before.rfind(": ").map_or(0, |at| at + 2);
    let start = open - before.get(bracket.max(colon)..)?.trim_start().len();
    let rest = line.text.get(open..)?;
    // What stands in braces of its own is no end of the entry.
    let sure = if template.is_some() { rest.find("}}")? + 2 } else { 0 };
    let end = open + sure + entry_end(rest.get(sure..)?, template.is_none())?;
    let end = start.max(line.text.get(..end)?.trim_end().len());
    let range = line.start + start..line.start + end;
    if template.is_none() {
        let message = "a text with `[` in it must be quoted within `[ ]` and `{ }`".to_owned();
        return Some(slip(Code::YamlUnquotedValue, t.file, line, range, message, ""));
    }
    let message = "a value with {{ }} must be quoted".to_owned();
    Some(slip(Code::YamlUnquotedTemplate, t.file, line, range, message, "not quoted"))
}

/// Where an entry of a `[ ]` or `{ }` ends, what stands in brackets within it, and in quotes of a path, left aside.
fn entry_end(text: &str, quotes: bool) -> Option<usize> {
    let (mut depth, mut quote) = (0_usize, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') if quotes => quote = Some(c),
            (None, ',' | ']' | '}') if depth == 0 => return Some(at),
            (None, '[' | '{' | '(') => depth += 1,
            (None, ']' | '}' | ')') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    (depth == 0 && quote.is_none()).then_some(text.len())
}

/// A character at the start of the line's value or key that YAML keeps for itself.
pub(super) fn reserved_slip(file: &Arc<str>, line: &Line<'_>) -> Option<Slip> {
    let parts = line.parts();
    let key = parts.key.clone().filter(|key| line.slice(key.clone()).starts_with(['@', '`', '%', '*', '&', '!']));
    let (range, what) = key.map_or((parts.value, "value"), |key| (key, "key"));
    let value = line.slice(range.clone());
    let first = value.chars().next()?;
    if !matches!(first, '@' | '`' | '%' | '*' | '&' | '!' | ',' | ']' | '}' | '?') {
        return None;
    }
    Some(reserved(file, line, range, first, what))
}

/// A value, somewhere on the line, that starts with a character which YAML keeps for itself.
pub(super) fn reserved(file: &Arc<str>, line: &Line<'_>, range: Range<usize>, first: char, what: &str) -> Slip {
    if let Some(rest) = line.slice(range.clone()).strip_prefix('@').filter(|rest| rest.starts_with(['.', '['])) {
        let help = line_help(line, range.clone(), &format!("${rest}"), "write");
        let message = "a path starts with `$`, the whole payload".to_owned();
        let diagnostic = Diagnostic::new(Code::YamlUnquotedValue, Place::bytes(file.clone(), range.clone()), message);
        return (Repair::Text(range), Some(diagnostic.help(help)));
    }
    let name = if first == '`' { "a backtick".to_owned() } else { format!("`{first}`") };
    let message = format!("an unquoted {what} cannot start with {name}");
    let slip = slip(Code::YamlUnquotedValue, file, line, range, message, "");
    if matches!(first, '@' | '`' | '%') { slip } else { unsure(slip) }
}

/// A second `: ` in a value that is not quoted.
pub(super) fn colon_slip(file: &Arc<str>, line: &Line<'_>) -> Option<Slip> {
    let parts = line.parts();
    parts.key.as_ref()?;
    let value = line.slice(parts.value.clone());
    colon_in(value).filter(|_| !value.starts_with(['[', '{', '"', '\'', '|', '>']))?;
    if let Some(slip) = brackets_or_keys(file, line, &parts) {
        return Some(slip);
    }
    let message = "there is a second `: ` on this line, so the value must be quoted".to_owned();
    if value.ends_with(':') && line.has_deeper_lines() {
        let message = "there are two keys on this line";
        let place = Place::bytes(file.clone(), parts.value);
        let help = format!("write `{}` on a line of its own, indented", shown(value));
        return Some((Repair::None, Some(Diagnostic::new(Code::YamlIndent, place, message).help(help))));
    }
    // `source: path: /x` is two keys on one line; `Note: call back` is text.
    let could_be_key = |word: &str| is_name(word) && !word.starts_with(char::is_uppercase);
    let two_keys = value.split_once(':').is_some_and(|(first, _)| could_be_key(first));
    let slip = slip(Code::YamlUnquotedValue, file, line, parts.value, message, "this value contains `: `");
    Some(if two_keys { unsure(slip) } else { slip })
}

/// Keys whose value is one word or path, so that a second key after it is one.
const SHORT: [&str; 14] = [
    "path",
    "format",
    "to",
    "provider",
    "base_url",
    "request",
    "as",
    "region",
    "environment",
    "from",
    "header",
    "listen",
    "public_url",
    "secret",
];

/// `( path: a, as: b )`, `${env: NAME}`, `path: /form format: json`
fn brackets_or_keys(file: &Arc<str>, line: &Line<'_>, parts: &Parts) -> Option<Slip> {
    let range = parts.value.clone();
    let value = line.slice(range.clone());
    let place = Place::bytes(file.clone(), range.clone());
    if let Some(inner) = value.strip_prefix('(').and_then(|value| value.strip_suffix(')')) {
        let help = line_help(line, range.clone(), &format!("{{{inner}}}"), "write");
        let diagnostic = Diagnostic::new(Code::YamlUnquotedValue, place, "keys in brackets stand in `{ }`").help(help);
        return Some((Repair::Blank(range), Some(diagnostic)));
    }
    if value.starts_with("${") && value.ends_with('}') && !value.contains("}$") {
        let meant: String = value.split_whitespace().collect();
        let message = "no space may stand in a reference";
        let help = line_help(line, range.clone(), &meant, "write");
        let diagnostic = Diagnostic::new(Code::YamlUnquotedValue, place, message).help(help);
        return Some((Repair::Blank(range), Some(diagnostic)));
    }
    if value.starts_with('$') && is_extract_keys(value) {
        let help = line_help(line, range.clone(), &format!("{{ path: {value} }}"), "write");
        let message = "a path with more to say of it stands in `{ }`, as `path`";
        let diagnostic = Diagnostic::new(Code::YamlUnquotedValue, place, message).help(help);
        return Some((Repair::Blank(range), Some(diagnostic)));
    }
    let key = line.slice(parts.key.clone()?);
    let (first, second) = value.get(..colon_in(value)?)?.rsplit_once([' ', ','])?;
    let single = !first.trim_end_matches([' ', ',']).contains(' ');
    if !SHORT.contains(&key) || !single || first.is_empty() || !is_name(second) {
        return None;
    }
    let (first, rest) = (first.trim_end_matches([' ', ',']), value.get(first.len() + 1..)?);
    let help = format!("write `{key}: {first}`, and `{rest}` on a line of its own below it, in the same column");
    let diagnostic = Diagnostic::new(Code::YamlIndent, place, "there are two keys on this line").help(help);
    Some((Repair::Blank(range), Some(diagnostic)))
}

/// `$.duration, as: integer`
fn is_extract_keys(value: &str) -> bool {
    const KEYS: [&str; 8] = ["as", "region", "timezone", "format", "default", "pattern", "all", "else"];
    let mut rest = value.split(", ").skip(1).peekable();
    let is_key = |part: &str| part.split_once(": ").is_some_and(|(key, _)| KEYS.contains(&key.trim()));
    rest.peek().is_some() && rest.all(is_key)
}

/// `key:{ a: b }`
pub(super) fn glued_bracket(file: &Arc<str>, line: &Line<'_>) -> Option<Slip> {
    let key = line.parts().key?;
    let (name, rest) = line.slice(key.clone()).split_once(':').filter(|(name, _)| is_name(name))?;
    if !rest.starts_with(['{', '[']) {
        return None;
    }
    let behind = key.start + name.len() + 1;
    let help = line_help(line, behind..behind, " ", "write");
    let diagnostic = Diagnostic::new(
        Code::YamlMissingSpace,
        Place::bytes(file.clone(), key.start..behind),
        "a space is missing after the colon",
    );
    let diagnostic = diagnostic.help(help).fix(Place::bytes(file.clone(), behind..behind), " ");
    Some((Repair::None, Some(diagnostic)))
}

/// `key: | text`, or text that only happens to start with `|` or `>`.
pub(super) fn block_header_slip(file: &Arc<str>, line: &Line<'_>) -> Option<Slip> {
    let range = line.parts().value;
    let value = line.slice(range.clone());
    let first = value.chars().next().filter(|c| matches!(c, '|' | '>'))?;
    let message = format!("text cannot follow `{first}` on the same line");
    let place = Place::bytes(file.clone(), range.clone());
    let say = format!("start the text on the next line, indented, or, if `{first}` belongs to it, put it in quotes");
    let help = quote_help(line, range.clone(), &say);
    let diagnostic = Diagnostic::new(Code::YamlUnquotedValue, place, message).help(help);
    Some((Repair::Text(range), Some(diagnostic)))
}

fn unsupported(file: &Arc<str>, range: Range<usize>, message: String) -> Diagnostic {
    Diagnostic::new(Code::YamlUnsupported, Place::bytes(file.clone(), range), message)
}

pub(super) fn alias(file: &Arc<str>, text: &str, range: Range<usize>) -> Diagnostic {
    let line = Line::at(text, range.start);
    let message = format!("`{}` is a YAML alias, which is not supported", shown(line.slice(range.clone())));
    let help = quote_help(&line, to_value_end(&line, &range), "if it is text, put it in quotes");
    unsupported(file, range, message).help(format!("{help}; if not, write the value out here"))
}

pub(super) fn anchor(file: &Arc<str>, text: &str, range: Range<usize>, name: &str) -> Diagnostic {
    let line = Line::at(text, range.start);
    let name = shown(name);
    let message = format!("`&{name}` is a YAML anchor, which is not supported");
    let help = quote_help(&line, to_value_end(&line, &range), "if it is text, put it in quotes");
    unsupported(file, range, message).help(format!("{help}; if not, remove `&{name}`"))
}

pub(super) fn tag(file: &Arc<str>, text: &str, range: Range<usize>) -> Diagnostic {
    let line = Line::at(text, range.start);
    let name = shown(line.slice(range.clone()));
    let message = format!("`{name}` is a YAML tag, which is not supported");
    let help = quote_help(&line, to_value_end(&line, &range), "if it is text, put it in quotes");
    unsupported(file, range, message).help(format!("{help}; if not, remove `{name}`"))
}

pub(super) fn merge_key(file: &Arc<str>, range: Range<usize>) -> Diagnostic {
    let message = "`<<` merges another mapping into this one, which is not supported".to_owned();
    unsupported(file, range, message).help("write the merged keys out here")
}

/// From a token to the end of the line's value, when the value starts with the token; else the token.
fn to_value_end(line: &Line<'_>, token: &Range<usize>) -> Range<usize> {
    let value = line.parts().value;
    if value.start == token.start { value } else { token.clone() }
}
