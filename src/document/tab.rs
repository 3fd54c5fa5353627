//! Tabs, and spaces of other kinds, where YAML wants plain ones.

use std::ops::Range;
use std::sync::Arc;

use super::build::Builder;
use super::line::Line;
use super::quote::{line_help, shown};
use super::syntax::{Mending, Repair, Slip, Trouble};
use super::{Kind, Node};
use crate::diagnostic::{Code, Diagnostic, Place};

/// How wide a tab may have been meant, the usual width first.
const WIDTHS: [usize; 4] = [2, 4, 8, 3];

/// The first line, from the one where the parser stopped, that is indented with a tab.
pub(super) fn tab(t: &Trouble<'_>, line: &Line<'_>) -> Option<Slip> {
    let mut candidate = Some(*line);
    while let Some(line) = candidate {
        if let Some(slip) = tab_on(t, &line) {
            return Some(slip);
        }
        if line.start > t.at && !line.text.trim().is_empty() {
            break;
        }
        candidate = line.next();
    }
    let tab = line.start + line.text.find('\t')?;
    let place = Place::bytes(t.file.clone(), tab..tab + 1);
    let help = line_help(line, tab..tab + 1, " ", "use a space instead");
    let diagnostic = Diagnostic::new(Code::YamlTab, place.clone(), "there is a tab on this line");
    Some((Repair::None, Some(diagnostic.help(help).fix(place, " "))))
}

pub(super) fn tab_on(t: &Trouble<'_>, line: &Line<'_>) -> Option<Slip> {
    let indentation = line.indentation();
    if !indentation.contains('\t') {
        return None;
    }
    let place = Place::bytes(t.file.clone(), line.start..line.start + indentation.len());
    let others = lines_with_tabs(line.next()).count();
    let mended = in_spaces(t.file, t.text, line);
    let own = mended.as_ref().and_then(|(_, spaces)| spaces.lines().next());
    let own = own.map(|first| first.len() - first.trim_start_matches(' ').len());
    let own = own.unwrap_or_else(|| nearest_column(line, indentation.replace('\t', "  ").len()));
    let written = format!("{}{}", " ".repeat(own), line.text.trim());
    let say = if own == 0 { "start it with no spaces" } else { "use spaces" };
    let help = format!("{say}: `{}`", shown(&written));
    let help = match others {
        0 => help,
        1 => format!("{help}; one more line below has tabs as well"),
        n => format!("{help}; {n} more lines below have tabs as well"),
    };
    let diagnostic = Diagnostic::new(Code::YamlTab, place, "this line is indented with a tab").help(help);
    match mended {
        Some((range, spaces)) => {
            Some((Repair::None, Some(diagnostic.fix(Place::bytes(t.file.clone(), range), spaces))))
        }
        // Without the line the rest can be read on.
        None if others == 0 && is_among_equals(line) => {
            Some((Repair::Remove(line.start..line.start + line.text.trim_end().len()), Some(diagnostic)))
        }
        None => Some((Repair::None, Some(diagnostic))),
    }
}

/// The column, of those that a line can begin in here, that is the nearest to where it was meant to.
fn nearest_column(line: &Line<'_>, meant: usize) -> usize {
    let is_written = |other: &Line<'_>| !other.is_idle() && !other.indentation().contains('\t');
    let above = std::iter::successors(line.previous(), Line::previous).filter(is_written);
    let mut columns: Vec<usize> = Vec::new();
    for (number, above) in above.enumerate() {
        let parts = above.parts();
        // Below a key without a value a line may stand as deep as it likes.
        if number == 0 && (parts.value.is_empty() || parts.key.is_none()) && above.indent() < meant {
            return meant;
        }
        if columns.last().is_none_or(|last| above.indent() < *last) {
            columns.extend([parts.body - above.start, above.indent()]);
        }
    }
    columns.into_iter().min_by_key(|column| column.abs_diff(meant)).unwrap_or(meant)
}

/// Whether the lines around this one begin in the same column, so that nothing hangs from it.
fn is_among_equals(line: &Line<'_>) -> bool {
    let is_written = |other: &Line<'_>| !other.text.trim().is_empty();
    let above = std::iter::successors(line.previous(), Line::previous).find(is_written);
    let below = std::iter::successors(line.next(), Line::next).find(is_written);
    above.is_some_and(|above| below.is_none_or(|below| above.indentation() == below.indentation()))
}

fn lines_with_tabs<'a>(from: Option<Line<'a>>) -> impl Iterator<Item = Line<'a>> {
    std::iter::successors(from, Line::next).filter(|line| line.indentation().contains('\t'))
}

/// The lines from the first with a tab to the last, with spaces: only where every width that a tab can have been meant to
/// have comes to the same.
fn in_spaces(file: &Arc<str>, text: &str, first: &Line<'_>) -> Option<(Range<usize>, String)> {
    let last = lines_with_tabs(Some(*first)).last()?;
    let range = first.start..last.start + last.indentation().len();
    let part = text.get(range.clone())?;
    let mut found: Option<(Node, String)> = None;
    // A tab that stands for nothing is looked at last: with it almost any line can be read.
    for width in WIDTHS.into_iter().chain([0]) {
        if width == 0 && found.is_some() {
            break;
        }
        let spaces = with_width(part, width);
        let whole = format!("{}{spaces}{}", text.get(..range.start)?, text.get(range.end..)?);
        let mending = Mending::default();
        let mut builder = Builder::new(file, &whole, &mending);
        if builder.run(&whole).is_some() || !builder.complete || !builder.diagnostics.is_empty() {
            continue;
        }
        let root = builder.root?;
        match &found {
            None => found = Some((root, spaces)),
            Some((first, _)) if is_same(first, &root) => {}
            Some(_) => return None,
        }
    }
    found.map(|(_, spaces)| (range, spaces))
}

/// Lines with spaces for the tabs that they are indented with.
fn with_width(lines: &str, width: usize) -> String {
    let one = |line: &str| {
        let body = line.trim_start_matches([' ', '\t']);
        let indentation = line.get(..line.len() - body.len()).unwrap_or_default();
        format!("{}{body}", indentation.replace('\t', &" ".repeat(width)))
    };
    lines.split_inclusive('\n').map(one).collect()
}

/// Whether two trees mean the same, wherever they stand.
fn is_same(a: &Node, b: &Node) -> bool {
    match (&a.kind, &b.kind) {
        (Kind::Scalar(a), Kind::Scalar(b)) => a == b,
        (Kind::List(a), Kind::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b)),
        (Kind::Map(a), Kind::Map(b)) => {
            let same = |(a, b): (&super::Entry, &super::Entry)| a.key.name == b.key.name && is_same(&a.value, &b.value);
            a.len() == b.len() && a.iter().zip(b).all(same)
        }
        _ => false,
    }
}

/// Lines that begin with a space that YAML does not count as one, as text pasted from a web page does.
pub(super) fn odd_spaces(file: &Arc<str>, text: &str) -> Vec<Diagnostic> {
    const REPORTED: usize = 5;
    let lines: Vec<(usize, &str)> = lines_with_odd_spaces(text).collect();
    let certain = !lines.is_empty() && reads_with_plain_spaces(file, text, &lines);
    let describe = |(start, indentation): &(usize, &str)| {
        let place = Place::bytes(file.clone(), *start..start + indentation.len());
        let message = "this line begins with a space that is not a plain one";
        let help = "delete the spaces at the start of the line and type them again; such ones come along when text \
                    is pasted from a web page";
        let spaces = certain.then(|| " ".repeat(indentation.chars().count()));
        Diagnostic::new(Code::YamlBadCharacter, place.clone(), message).help(help).fix_opt(place, spaces)
    };
    lines.iter().take(REPORTED).map(describe).collect()
}

/// Where such lines start, with their indentation.
fn lines_with_odd_spaces(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let starts = text.split_inclusive('\n').scan(0, |start, line| {
        let here = *start;
        *start += line.len();
        Some((here, line))
    });
    starts.filter_map(|(start, line)| {
        let body = line.trim_start_matches([' ', '\t', '\u{a0}', '\u{2003}', '\u{2002}', '\u{3000}']);
        let indentation = line.get(..line.len() - body.len())?;
        (!indentation.is_ascii() && !body.trim().is_empty()).then_some((start, indentation))
    })
}

/// Whether one plain space for each leaves no line indented wrongly.
fn reads_with_plain_spaces(file: &Arc<str>, text: &str, lines: &[(usize, &str)]) -> bool {
    // One that is wider than a space may stand for more than one.
    if !lines.iter().all(|(_, indentation)| indentation.chars().all(|c| matches!(c, ' ' | '\u{a0}'))) {
        return false;
    }
    let mut plain = text.to_owned();
    for (start, indentation) in lines.iter().rev() {
        plain.replace_range(*start..start + indentation.len(), &" ".repeat(indentation.chars().count()));
    }
    let (_, problems) = super::read::read(file, &plain);
    !problems.iter().any(|problem| matches!(problem.code, Code::YamlIndent | Code::YamlSyntax | Code::YamlTab))
}
