//! Slips of layout: indentation, list items among keys, colons that are missing.

use std::ops::Range;
use std::sync::Arc;

use super::line::{Line, is_name, quoted_length};
use super::quote::{line_help, shown};
use super::syntax::{Repair, Slip, Trouble};
use super::{Node, Style};
use super::{block, item, outlier, surplus, unquoted};
use crate::diagnostic::{Code, Diagnostic, Place};

/// A line above that this one could be aligned with.
#[derive(Clone, Copy)]
struct Neighbour<'a> {
    column: usize,
    line: Line<'a>,
    dash: bool,
}

/// The columns at which a line could stand here, from the nearest line above outwards.
fn neighbours<'a>(line: &Line<'a>) -> Vec<Neighbour<'a>> {
    let mut found = Vec::new();
    let mut limit = usize::MAX;
    let mut above = line.previous();
    while let Some(line) = above.filter(|_| limit > 0) {
        above = line.previous();
        if line.is_idle() || line.indent() >= limit {
            continue;
        }
        let parts = line.parts();
        let body = parts.body - line.start;
        let dash = parts.first != parts.body;
        if dash && parts.key.is_some() && body < limit {
            found.push(Neighbour { column: body, line, dash: false });
        }
        limit = line.indent();
        found.push(Neighbour { column: limit, line, dash });
    }
    found
}

/// A line that is not aligned with any above, or is of another kind than those it is aligned with.
pub(super) fn misplaced(t: &Trouble<'_>, line: &Line<'_>) -> Option<Slip> {
    let found = neighbours(line);
    if found.is_empty() || line.is_idle() {
        return None;
    }
    let parts = line.parts();
    let is_item = parts.first != parts.body;
    let place = Place::bytes(t.file.clone(), line.start..parts.first.max(line.start + 1));
    let whole = Place::bytes(t.file.clone(), parts.first..line.start + line.text.trim_end().len());
    match found.iter().find(|neighbour| neighbour.column == line.indent()) {
        None => {
            if let Some(slip) = item::first_without_dash(t.file, line).or_else(|| outlier::above(t.file, line)) {
                return Some(slip);
            }
            let message = "this line is indented differently from the lines above it";
            let diagnostic = Diagnostic::new(Code::YamlIndent, place, message).found(spaces(line.indent()));
            Some((Repair::None, Some(diagnostic.help(alignment(&found, line.indent(), is_item)))))
        }
        Some(Neighbour { dash: true, .. }) if !is_item => {
            let glued = glued_dash(t.file, line).or_else(|| outlier::lone_dash(t.file, line));
            glued.or_else(|| Some((Repair::None, Some(among_items(line, whole)))))
        }
        Some(Neighbour { dash: false, line: above, .. }) if is_item => {
            if let Some(slip) = glued_dash(t.file, above) {
                return Some(slip);
            }
            let message = "this list item stands where a key is expected";
            let key = above.parts().key.map_or("key".to_owned(), |key| shown(above.slice(key)));
            let help =
                format!("indent it under the key that it belongs to, or write it as `key: value` like `{key}` above");
            Some((Repair::None, Some(Diagnostic::new(Code::YamlIndent, whole, message).help(help))))
        }
        _ => None,
    }
}

/// `-key: value`
fn glued_dash(file: &Arc<str>, line: &Line<'_>) -> Option<Slip> {
    let parts = line.parts();
    let after = line.rest(parts.body).strip_prefix('-')?;
    let place = Place::bytes(file.clone(), parts.body..parts.body + 1);
    let fixed = format!("- {after}");
    let help = line_help(line, parts.body..line.end(), &fixed, "write");
    let diagnostic = Diagnostic::new(Code::YamlMissingSpace, place, "a space is missing after the dash");
    let behind = Place::bytes(file.clone(), parts.body + 1..parts.body + 1);
    Some((Repair::None, Some(diagnostic.help(help).fix(behind, " "))))
}

/// A line that looks like a list item and continues a text: nothing is wrong with it to YAML.
pub(super) fn swallowed_item(file: &Arc<str>, text: &str, span: &Range<usize>) -> Option<Diagnostic> {
    let value = text.get(span.clone())?;
    let breaks = value.match_indices(['\n', '\r']).map(|(at, _)| at + 1);
    let item = breaks.map(|at| (at, value.get(at..).unwrap_or("").trim_start())).find(|(_, t)| t.starts_with("- "))?;
    let line = Line::at(text, span.start + item.0);
    let range = line.start + line.indent()..line.start + line.text.trim_end().len();
    let above = Line::at(text, span.start);
    let parts = above.parts();
    let (first, what) = if parts.first != parts.body { (parts.first, "item") } else { (parts.body, "value") };
    let message = format!("this line looks like a list item, but it continues the {what} above it");
    let help = match what {
        "item" => format!(
            "start it with {}, like `{}` on line {}",
            spaces(first - above.start),
            shown(above.rest(first).trim()),
            above.number()
        ),
        _ => {
            "if it is an item, leave the line of its key without a value; if it is text, put all of it in quotes".into()
        }
    };
    let first = Place::bytes(file.clone(), span.start..(above.start + above.text.trim_end().len()).max(span.start));
    let diagnostic = Diagnostic::new(Code::YamlIndent, Place::bytes(file.clone(), range), message);
    Some(diagnostic.also(first, format!("the {what} starts here")).help(help))
}

fn among_items(line: &Line<'_>, whole: Place) -> Diagnostic {
    let message = "this line stands among list items but does not start with `- `";
    let text = shown(line.text.trim());
    let help = format!(
        "write `- {text}` for a new item; indent it by 2 more spaces if it belongs to the item above it, \
         or by fewer if it does not belong to the list"
    );
    Diagnostic::new(Code::YamlIndent, whole, message).help(help)
}

/// What the line can be aligned with: the nearest column on either side.
fn alignment(found: &[Neighbour<'_>], indent: usize, is_item: bool) -> String {
    let fits =
        |neighbour: &&Neighbour<'_>| neighbour.dash == is_item || !found.iter().any(|other| other.dash == is_item);
    let deeper = found.iter().filter(fits).filter(|n| n.column > indent).min_by_key(|n| n.column);
    let shallower = found.iter().filter(fits).filter(|n| n.column < indent).max_by_key(|n| n.column);
    let one = |n: &Neighbour<'_>| {
        let text = n.line.text.get(n.column..).unwrap_or("").trim();
        format!("{}, like `{}` on line {}", spaces(n.column), shown(text), n.line.number())
    };
    match (deeper, shallower) {
        (Some(a), Some(b)) => format!("start it with {}; or with {}", one(a), one(b)),
        (Some(one_only), None) | (None, Some(one_only)) => format!("start it with {}", one(one_only)),
        (None, None) => "start it with as many spaces as the lines beside it".to_owned(),
    }
}

pub(super) fn spaces(count: usize) -> String {
    match count {
        0 => "no spaces".to_owned(),
        1 => "1 space".to_owned(),
        n => format!("{n} spaces"),
    }
}

/// A colon that starts a value where none can be: in the value of the line, or because of the line above.
pub(super) fn second_colon(t: &Trouble<'_>, line: &Line<'_>) -> Option<Slip> {
    if let Some(slip) = quoted_twice(t, line).or_else(|| unquoted::colon_slip(t.file, line)) {
        return Some(slip);
    }
    let start = t.last_scalar.clone().map_or(line.start, |scalar| scalar.start);
    let first = Line::at(t.text, start);
    if first.start < line.start && first.parts().key.is_none() {
        return Some(no_colon(t.file, &first));
    }
    if first.start < line.start && line.indent() > first.indent() {
        let known = item::without_dash(t.file, &first, line).or_else(|| outlier::above(t.file, line));
        return known.or_else(|| Some(beneath_value(t, &first, line)));
    }
    None
}

/// `key: "a": b`
fn quoted_twice(t: &Trouble<'_>, line: &Line<'_>) -> Option<Slip> {
    let parts = line.parts();
    let value = line.slice(parts.value.clone());
    if parts.key.is_none() || !value.starts_with(['"', '\'']) || t.at < parts.value.start {
        return None;
    }
    let place = Place::bytes(t.file.clone(), parts.value.clone());
    let length = value.chars().next().and_then(|quote| quoted_length(value, quote));
    if let Some(slip) = length.and_then(|length| surplus::surplus(t, line, &parts.value, length)) {
        return Some(slip);
    }
    let message = "there is a second `: ` on this line, after a text in quotes";
    let help = super::quote::quote_help(line, parts.value.clone(), "put the whole value in one pair of quotes");
    let diagnostic = Diagnostic::new(Code::YamlUnquotedValue, place, message).help(help);
    Some((Repair::Text(parts.value), Some(diagnostic)))
}

/// A line indented under one that has a value already.
fn beneath_value(t: &Trouble<'_>, above: &Line<'_>, line: &Line<'_>) -> Slip {
    let parts = above.parts();
    let key = parts.key.clone().map_or(String::new(), |key| shown(above.slice(key)));
    let place = Place::bytes(t.file.clone(), line.start..line.start + line.indent());
    let message = "this line is indented differently from the lines above it";
    let column = parts.body - above.start;
    let help = format!(
        "start it with {}, like `{}` on line {}; to put it inside `{key}`, remove the value of `{key}`",
        spaces(column),
        shown(above.rest(parts.body).trim()),
        above.number()
    );
    let diagnostic = Diagnostic::new(Code::YamlIndent, place, message).found(spaces(line.indent()));
    let has_value = Place::bytes(t.file.clone(), parts.value);
    (Repair::None, Some(diagnostic.also(has_value, format!("`{key}` has a value already")).help(help)))
}

/// A line without a colon that ends its key.
pub(super) fn no_colon(file: &Arc<str>, line: &Line<'_>) -> Slip {
    let parts = line.parts();
    let range = parts.value.clone();
    let written = line.slice(range.clone());
    let place = Place::bytes(file.clone(), range.clone());
    let known = [
        outlier::comment(file, line),
        outlier::leftover(file, line),
        outlier::late_question_mark(file, line),
        item::without_key(file, line),
    ];
    if let Some(slip) = known.into_iter().flatten().next() {
        return slip;
    }
    if let Some(slip) = parts.key.is_some().then(|| unquoted::colon_slip(file, line)).flatten() {
        return slip;
    }
    if let Some((key, value)) = written.split_once(':').filter(|(key, value)| is_name(key) && !value.starts_with("//"))
    {
        let fixed = format!("{key}: {}", value.trim_start());
        let help = line_help(line, range.clone(), &fixed, "write");
        let message = match value.starts_with(char::is_whitespace) {
            true => "the space after the colon is a no-break space, which YAML takes for a letter: type it again",
            false => "a space is missing after the colon",
        };
        let diagnostic = Diagnostic::new(Code::YamlMissingSpace, place.clone(), message);
        // `channel_i:d chn_1` is a colon in the wrong place.
        let one_value = value.starts_with(['"', '\'', '$', '{', '[']) || !value.contains([' ', '\t']);
        let repair = if one_value { colon_after(range.start, key) } else { Repair::None };
        return (repair, Some(diagnostic.help(help).fix_opt(place, one_value.then_some(fixed))));
    }
    let or_text = match line.previous() {
        Some(above) if !above.is_idle() => "; or indent this line further if it continues the text above",
        _ => "",
    };
    let word = written.split(['=', ' ', '\t']).next().unwrap_or(written);
    if !is_name(word) {
        let help = line_help(line, range, &format!("key: {written}"), "write a key before it");
        let diagnostic = Diagnostic::new(Code::YamlMissingColon, place, "this line has no key");
        return (Repair::None, Some(diagnostic.help(format!("{help}{or_text}"))));
    }
    let message = format!("a colon is missing after `{}`", shown(word));
    let rest = written.get(word.len()..).unwrap_or("").trim_start_matches([' ', '\t', '=', ':']);
    let fixed = if rest.is_empty() { format!("{written}:") } else { format!("{word}: {rest}") };
    let help = match line_help(line, range.clone(), &fixed, "write") {
        help if rest.is_empty() && !line.has_deeper_lines() => format!("{help}, and its value behind it or below it"),
        help => help,
    };
    let diagnostic = Diagnostic::new(Code::YamlMissingColon, place.clone(), message);
    if let Some((name, column)) = block::text_above(line) {
        let help = format!("if it belongs to the text of `{name}`, start it with {}; if not, {help}", spaces(column));
        return (Repair::None, Some(diagnostic.help(help)));
    }
    // A text goes on in words; a value in quotes or a template is one.
    if written.get(word.len()..).is_some_and(|after| after.starts_with([' ', '\t'])) && rest.starts_with(['"', '{']) {
        return (colon_after(range.start, word), Some(diagnostic.help(help).fix(place, fixed)));
    }
    (Repair::None, Some(diagnostic.help(format!("{help}{or_text}"))))
}

/// The key that a colon was meant to end, as far as it can be read as one.
fn colon_after(start: usize, key: &str) -> Repair {
    match key.len() > 1 && key.is_ascii() {
        true => Repair::Colon(start + key.len()),
        false => Repair::None,
    }
}

/// A file whose one entry has no space after its colon is a single text to YAML.
pub(super) fn lone_entry(file: &Arc<str>, text: &str, root: &Node) -> Option<Diagnostic> {
    let line = Line::at(text, root.span.start);
    let scalar = root.as_scalar().filter(|scalar| scalar.style == Style::Plain)?;
    let (key, value) = scalar.text.split_once(':')?;
    if !is_name(key) || value.starts_with("//") {
        return None;
    }
    no_colon(file, &line).1
}

/// `key: - item`
pub(super) fn list_beside_key(t: &Trouble<'_>, line: &Line<'_>) -> Slip {
    let parts = line.parts();
    let range = parts.value.clone();
    let place = Place::bytes(t.file.clone(), range.clone());
    let message = "a list cannot start on the line of its key";
    let say = "start the list on the next line, indented; if this is text, put it in quotes";
    let help = super::quote::quote_help(line, range.clone(), say);
    (Repair::Blank(range), Some(Diagnostic::new(Code::YamlIndent, place, message).help(help)))
}
