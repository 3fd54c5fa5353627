//! Brackets within brackets: one that is closed with the sign of another, or that took in what stands behind its entries.

use super::line::{Line, is_name, quoted_length};
use super::quote::line_help;
use super::syntax::{Repair, Slip, Trouble};
use crate::diagnostic::{Code, Diagnostic, Place};

/// `[$.a, $.b }`: what was closed with another sign.
pub(super) fn mismatched(t: &Trouble<'_>, open: char, close: char) -> Slip {
    let right = closing(open);
    let place = Place::bytes(t.file.clone(), t.at..t.at + 1);
    let message = format!("this `{open}` is closed with `{close}`");
    let line = Line::at(t.text, t.at);
    let value = line.parts().value;
    let diagnostic = Diagnostic::new(Code::YamlUnclosedBracket, place, message);
    let say = format!("close it with `{right}`");
    let repair = Repair::Blank(t.at..value.end);
    let Some(end) = end(&line, t.at) else { return (repair, Some(diagnostic.help(say))) };
    let is_parents = parent(t, t.at).is_some_and(|parent| closing(parent) == close)
        && !closes(line.rest(end.closer + close.len_utf8()), close);
    let (at, text) = match (is_parents, end.own) {
        (true, Some(own)) => (own..own, right.to_string()),
        (true, None) => {
            let before = line.slice(t.at..end.closer).trim_end().len() + t.at;
            (before..before, right.to_string())
        }
        (false, _) => (end.closer..end.closer + close.len_utf8(), right.to_string()),
    };
    let help = line_help(&line, at.clone(), &text, &say);
    let fix = Place::bytes(t.file.clone(), at);
    (repair, Some(diagnostic.help(help).fix(fix, text)))
}

/// Where the entries of a list end, before the first that can only be a key of the mapping around it.
pub(super) fn before_a_key(line: &Line<'_>, open: usize) -> Option<usize> {
    let mut end = None;
    walk(line, open, &mut |at, c| {
        if c == ',' && is_key(line.rest(at + 1)) {
            end = end.or(Some(at));
        }
        true
    });
    end
}

/// The mapping or list right around a bracket, by its sign.
pub(super) fn parent(t: &Trouble<'_>, open: usize) -> Option<char> {
    let flow = t.flow.filter(|flow| *flow < open)?;
    let mut around = Vec::new();
    let (mut at, mut before) = (flow, '\n');
    while at < open {
        let c = t.text.get(at..)?.chars().next()?;
        match c {
            '[' | '{' => around.push(c),
            ']' | '}' => drop(around.pop()),
            _ => {}
        }
        let skip = quote_at(t.text.get(at..)?, c, before);
        (before, at) = (c, at + skip.unwrap_or(c.len_utf8()));
    }
    around.pop()
}

fn closing(open: char) -> char {
    if open == '[' { ']' } else { '}' }
}

struct End {
    /// Where the sign stands that closes it.
    closer: usize,
    /// Where its entries end, when the rest belongs to the mapping around it.
    own: Option<usize>,
}

/// How a bracket ends on its line.
fn end(line: &Line<'_>, open: usize) -> Option<End> {
    let mut closer = None;
    walk(line, open, &mut |at, c| {
        if matches!(c, ']' | '}') {
            closer = Some(at);
        }
        closer.is_none()
    });
    let closer = closer?;
    let is_list = line.rest(open).starts_with('[');
    let own = before_a_key(line, open).filter(|at| is_list && *at < closer);
    Some(End { closer, own })
}

/// Goes through the signs that belong to one bracket itself, as far as `take` wants; none within quotes or other brackets.
fn walk(line: &Line<'_>, open: usize, take: &mut dyn FnMut(usize, char) -> bool) {
    let mut depth = 0_usize;
    let (mut at, mut before) = (open + 1, '[');
    while let Some(c) = line.rest(at).chars().next() {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' if depth > 0 => depth -= 1,
            _ if depth == 0 && !take(at, c) => return,
            _ => {}
        }
        let skip = quote_at(line.rest(at), c, before);
        (before, at) = (c, at + skip.unwrap_or(c.len_utf8()));
    }
}

/// How long a text in quotes is that begins here.
fn quote_at(rest: &str, c: char, before: char) -> Option<usize> {
    let opens = matches!(c, '"' | '\'') && matches!(before, ' ' | '\t' | '\n' | '[' | '{' | ',' | ':');
    opens.then(|| quoted_length(rest, c))?
}

/// Whether a sign stands here that closes what was open before.
fn closes(rest: &str, close: char) -> bool {
    let open = if close == ']' { '[' } else { '{' };
    let mut depth = 0_usize;
    rest.chars().any(|c| match c {
        _ if c == open => {
            depth += 1;
            false
        }
        _ if c == close && depth == 0 => true,
        _ if c == close => {
            depth -= 1;
            false
        }
        _ => false,
    })
}

/// `as: phone` behind a comma.
fn is_key(rest: &str) -> bool {
    rest.split_once(':').is_some_and(|(name, after)| is_name(name.trim()) && after.starts_with([' ', '\t']))
}
