//! The line that is out of place, where the parser stopped at a later one that is right.

use std::sync::Arc;

use super::indent::spaces;
use super::line::Line;
use super::line::is_name;
use super::quote::{line_help, shown};
use super::syntax::{Repair, Slip};
use crate::diagnostic::{Code, Diagnostic, Place};

/// Signs that text programs make of the hyphen before a list item.
const BULLETS: [char; 9] = ['–', '—', '−', '•', '·', '*', '▪', '‣', '●'];

/// Keys that stand at the start of a line, and under no other key.
const TOP: [&str; 14] = [
    "description",
    "source",
    "match",
    "extract",
    "identity",
    "lane",
    "send",
    "tests",
    "fallback",
    "connections",
    "sources",
    "vars",
    "operations",
    "webhooks",
];

const SETTINGS: &str = "jackfield.yaml";

/// The same of the settings alone.
const TOP_OF_SETTINGS: [&str; 9] =
    ["listen", "admin", "public_url", "data", "limits", "retry", "retention", "reload", "proxy"];

/// Keys whose children have names, and are no list.
const NAMED: [&str; 13] = [
    "connections",
    "sources",
    "settings",
    "operations",
    "webhooks",
    "extract",
    "vars",
    "body",
    "map",
    "params",
    "query",
    "headers",
    "source",
];

/// What an item of `send:` can have.
const DELIVERY: [&str; 7] = ["to", "when", "body", "params", "query", "headers", "steps"];

fn written<'a>(line: Line<'a>, step: fn(&Line<'a>) -> Option<Line<'a>>) -> impl Iterator<Item = Line<'a>> {
    std::iter::successors(step(&line), step).filter(|line| !line.is_idle())
}

fn key<'a>(line: &Line<'a>) -> Option<&'a str> {
    line.parts().key.map(|key| line.slice(key))
}

fn slip(diagnostic: Diagnostic) -> Option<Slip> {
    Some((Repair::None, Some(diagnostic)))
}

fn whole(file: &Arc<str>, line: &Line<'_>) -> Place {
    Place::bytes(file.clone(), line.start + line.indent()..line.start + line.text.trim_end().len())
}

/// A line above that is indented less than its neighbours on both sides, which agree; or that has a key right above it
/// which has nothing under it.
pub(super) fn above(file: &Arc<str>, line: &Line<'_>) -> Option<Slip> {
    if let Some(found) = forgotten_body(file, line) {
        return Some(found);
    }
    let (odd, parent) = slid_out(file, line)?;
    let first = odd.last()?;
    let place = Place::bytes(file.clone(), first.start..first.parts().first.max(first.start + 1));
    let message = match odd.len() {
        1 => "this line is indented differently from the lines around it".to_owned(),
        2 => "this line and the one below it are indented differently from the lines around them".to_owned(),
        count => {
            format!("this line and the {} below it are indented differently from the lines around them", count - 1)
        }
    };
    let like = format!("`{}` on line {}", shown(line.text.trim()), line.number());
    let start = match odd.len() {
        1 => "start it with",
        _ => "start them with",
    };
    let below = odd.iter().any(|odd| odd.parts().value.is_empty());
    let help = match (below, parent) {
        (true, _) => format!("{start} {}, like {like}; what belongs to it stays as it is", spaces(line.indent())),
        (_, Some(parent)) => {
            format!("{start} {}, like {like}, so that it stands under `{}`", spaces(line.indent()), key(&parent)?)
        }
        (_, None) => format!("{start} {}, like {like}", spaces(line.indent())),
    };
    slip(Diagnostic::new(Code::YamlIndent, place, message).found(spaces(first.indent())).help(help))
}

/// The lines above this one that are indented less than it, from the lowest up, where a line above them is indented like
/// it, or is a key with nothing under it, which is told.
fn slid_out<'a>(file: &Arc<str>, line: &Line<'a>) -> Option<(Vec<Line<'a>>, Option<Line<'a>>)> {
    const MOST: usize = 4;
    let is_top = |odd: &Line<'_>| {
        let name = key(odd).unwrap_or_default();
        odd.indent() == 0 && (TOP.contains(&name) || (&**file == SETTINGS && TOP_OF_SETTINGS.contains(&name)))
    };
    let lowest = written(*line, Line::previous)
        .take_while(|above| above.indent() != line.indent())
        .find(|above| above.indent() < line.indent())?;
    let mut odd = vec![lowest];
    loop {
        let last = *odd.last()?;
        let parts = last.parts();
        key(&last)?;
        let holds = written(last, Line::next).next().is_some_and(|below| below.indent() > line.indent());
        let is_whole = !parts.value.is_empty() || holds;
        if parts.first != parts.body || is_top(&last) || !is_whole || odd.len() > MOST {
            return None;
        }
        let before = written(last, Line::previous).find(|before| before.indent() <= line.indent())?;
        let column = before.parts().body - before.start;
        if column == line.indent() {
            return Some((odd, None));
        }
        if column != lowest.indent() {
            return None;
        }
        if before.parts().value.is_empty() && before.parts().key.is_some() {
            return odd.iter().all(|odd| !odd.parts().value.is_empty()).then_some((odd, Some(before)));
        }
        odd.push(before);
    }
}

/// Fields of the body that stand beside `to:`, as if there were no `body:`.
fn forgotten_body(file: &Arc<str>, line: &Line<'_>) -> Option<Slip> {
    let item = written(*line, Line::previous).find(|above| above.parts().first != above.parts().body)?;
    let column = item.parts().body - item.start;
    if key(&item) != Some("to") || line.indent() <= column {
        return None;
    }
    let beside: Vec<Line<'_>> = written(item, Line::next)
        .take_while(|below| below.start < line.start)
        .filter(|below| below.indent() == column)
        .collect();
    let first = beside.iter().find(|below| key(below).is_some_and(|key| !DELIVERY.contains(&key)))?;
    if beside.iter().any(|below| key(below) == Some("body")) {
        return None;
    }
    let message = "this is a field of the body, and there is no `body:` above it";
    let help =
        format!("write a line `body:`, with {}, and below it every field with {}", spaces(column), spaces(column + 2));
    slip(Diagnostic::new(Code::YamlIndent, whole(file, first), message).help(help))
}

/// `• item`, `-item`, on the line where the parser stopped or the one above it.
pub(super) fn bullet(file: &Arc<str>, line: &Line<'_>) -> Option<Slip> {
    let above = written(*line, Line::previous).next().filter(|above| above.indent() < line.indent());
    [Some(*line), above].into_iter().flatten().find_map(|line| bullet_on(file, &line))
}

fn bullet_on(file: &Arc<str>, line: &Line<'_>) -> Option<Slip> {
    let start = line.start + line.indent();
    let first = line.rest(start).chars().next()?;
    let after = line.rest(start + first.len_utf8());
    let sign = start..start + first.len_utf8();
    let place = Place::bytes(file.clone(), sign.clone());
    if first == '-' && after.starts_with(char::is_alphabetic) && line.parts().key.is_some() {
        let help = line_help(line, sign, "- ", "write");
        let message = "a space is missing after the dash";
        let behind = Place::bytes(file.clone(), start + 1..start + 1);
        return slip(Diagnostic::new(Code::YamlMissingSpace, place, message).help(help).fix(behind, " "));
    }
    if !BULLETS.contains(&first) || !after.starts_with(' ') || line.parts().key.is_none() {
        return None;
    }
    let help = line_help(line, sign, "-", "write a hyphen");
    let message = format!("an item of a list begins with `- `, and not with `{first}`");
    slip(Diagnostic::new(Code::YamlSyntax, place, message).help(help))
}

/// The one dash in a mapping whose other entries have none.
pub(super) fn lone_dash(file: &Arc<str>, line: &Line<'_>) -> Option<Slip> {
    let column = line.indent();
    let mut around = written(*line, Line::previous).filter(|above| above.indent() <= column);
    let item = around.next().filter(|item| item.indent() == column && item.parts().first != item.parts().body)?;
    let parent = around.next()?;
    let name = key(&parent).filter(|name| parent.indent() < column && NAMED.contains(name))?;
    let parts = item.parts();
    line.parts().key?;
    let rest = shown(item.rest(parts.body).trim());
    let message = format!("`{name}` has names with a colon under it, and is no list");
    let place = Place::bytes(file.clone(), parts.first..parts.first + 1);
    let help = match key(&item) {
        Some("name") if is_named_so(name, item.slice(parts.value.clone())) => format!(
            "write `{}:` instead, and start what belongs to it with {}",
            shown(item.slice(parts.value.clone())),
            spaces(column + 2)
        ),
        _ => format!("remove the dash: `{rest}`; every entry of `{name}` starts with {}", spaces(column)),
    };
    slip(Diagnostic::new(Code::YamlIndent, place, message).help(help))
}

/// Whether `- name: chat` gives the entry its name, as in lists of other tools; under `extract` it is one called `name`.
fn is_named_so(list: &str, value: &str) -> bool {
    matches!(list, "connections" | "sources" | "operations" | "webhooks") || list == "extract" && is_name(value)
}

/// What other languages begin a comment with.
const COMMENTS: [&str; 5] = ["//", "--", "<!--", "/*", ";"];

/// `// a comment`
pub(super) fn comment(file: &Arc<str>, line: &Line<'_>) -> Option<Slip> {
    let start = line.start + line.indent();
    let text = line.rest(start).trim_end();
    let sign = COMMENTS.iter().find(|sign| text.starts_with(**sign))?;
    // `---` starts a document.
    let rest = text.strip_prefix(sign).filter(|rest| !rest.starts_with('-'))?;
    let words = rest.trim_end_matches("-->").trim_end_matches("*/").trim();
    let range = start..start + text.len();
    let meant = format!("# {words}");
    let message = format!("a comment begins with `#`, and not with `{sign}`");
    let place = Place::bytes(file.clone(), range.clone());
    let help = line_help(line, range.clone(), &meant, "write");
    let diagnostic = Diagnostic::new(Code::YamlSyntax, place.clone(), message).help(help).fix(place, meant);
    Some((Repair::Comment(range), Some(diagnostic)))
}

/// Lines that a program left behind: a code fence, the marks of a merge.
pub(super) fn leftover(file: &Arc<str>, line: &Line<'_>) -> Option<Slip> {
    let text = line.text.trim();
    let what = match text {
        _ if text.starts_with("```") => "a mark around code in a chat or document",
        _ if ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|mark| text.starts_with(mark)) => {
            "a mark that a program leaves where two versions of a file differ"
        }
        _ => return None,
    };
    let place = whole(file, line);
    let range = line.start + line.indent()..line.start + line.text.trim_end().len();
    let help = match text.starts_with('`') {
        true => "remove this line",
        false => "keep one of the two versions, and remove the lines with such marks",
    };
    let message = format!("this line is {what}, and not YAML");
    let diagnostic = Diagnostic::new(Code::YamlSyntax, place.clone(), message).help(help);
    match text.starts_with('`') {
        true => Some((Repair::Comment(range), Some(diagnostic.fix(place, "")))),
        false => slip(diagnostic),
    }
}

/// `name:? value`
pub(super) fn late_question_mark(file: &Arc<str>, line: &Line<'_>) -> Option<Slip> {
    let range = line.parts().value;
    let (name, value) = line.slice(range.clone()).split_once(":?").filter(|(name, _)| is_name(name))?;
    let place = Place::bytes(file.clone(), range.start + name.len()..range.start + name.len() + 2);
    let help = line_help(line, range, &format!("{name}?: {}", value.trim_start()), "write");
    slip(Diagnostic::new(Code::YamlMissingColon, place, "the `?` stands before the colon").help(help))
}
