//! Items of lists whose dash or whose first key is missing.

use std::sync::Arc;

use super::line::{Line, is_name};
use super::quote::{line_help, shown};
use super::syntax::{Repair, Slip};
use crate::diagnostic::{Code, Diagnostic, Place};

/// Lists whose items are mappings, with the key that each of them begins with.
pub(super) const BEGINNINGS: [(&str, &str); 5] =
    [("send", "to"), ("expect", "to"), ("tests", "name"), ("steps", "call"), ("lookup", "call")];

/// The list that a line stands in, by the line of its key, and what its items begin with.
fn list_of<'a>(line: &Line<'a>) -> Option<(&'a str, &'static str)> {
    let is_item = |line: &Line<'_>| line.parts().first != line.parts().body;
    let is_above = |above: &Line<'_>| {
        let is_key = above.indent() == line.indent() && is_item(line) && !is_item(above);
        !above.is_idle() && (above.indent() < line.indent() || is_key)
    };
    let above = std::iter::successors(line.previous(), Line::previous).find(is_above)?;
    let parts = above.parts();
    let key = above.slice(parts.key?);
    let (_, begins) = BEGINNINGS.iter().find(|(list, _)| *list == key)?;
    parts.value.is_empty().then_some((key, *begins))
}

/// `to: x` right under `send:`, with the rest of its item below it.
pub(super) fn without_dash(file: &Arc<str>, first: &Line<'_>, below: &Line<'_>) -> Option<Slip> {
    let parts = first.parts();
    let (list, _) = list_of(first).filter(|_| parts.first == parts.body)?;
    let (_, begins) = BEGINNINGS.iter().find(|(of, _)| *of == list)?;
    let key = parts.key.clone().filter(|key| first.slice(key.clone()) == *begins)?;
    let written = shown(first.rest(parts.body).trim());
    let message = format!("a dash is missing before `{begins}`: each item of `{list}` begins with one");
    let help = format!("write `- {written}`");
    let place = Place::bytes(file.clone(), key);
    let diagnostic = Diagnostic::new(Code::YamlIndent, place, message).help(help);
    let at = Place::bytes(file.clone(), parts.body..parts.body);
    let certain = (below.indent() == first.indent() + 2).then_some("- ");
    Some((Repair::None, Some(diagnostic.fix_opt(at, certain))))
}

/// The first item of a list whose others have their dash, of which `line` is one.
pub(super) fn first_without_dash(file: &Arc<str>, line: &Line<'_>) -> Option<Slip> {
    let parts = line.parts();
    let is_item = parts.first != parts.body;
    let is_above = |above: &Line<'_>| !above.is_idle() && above.indent() < line.indent();
    let opener = std::iter::successors(line.previous(), Line::previous).filter(|_| is_item).find(is_above)?;
    let first = std::iter::successors(opener.next(), Line::next).find(|line| !line.is_idle())?;
    let below = std::iter::successors(first.next(), Line::next).find(|line| !line.is_idle())?;
    let slip = without_dash(file, &first, &below)?;
    let fixed = "  - ".len() == first.indent() - opener.indent() && first.indent() == parts.body - line.start;
    let at = Place::bytes(file.clone(), first.start + line.indent()..first.start + first.indent());
    let mended = |told: Diagnostic| Diagnostic { fix: None, ..told }.fix_opt(at, fixed.then_some("- "));
    Some((slip.0, slip.1.map(mended)))
}

/// `- crm.create_note`, an item that is the operation alone.
pub(super) fn without_key(file: &Arc<str>, line: &Line<'_>) -> Option<Slip> {
    let parts = line.parts();
    let written = line.slice(parts.value.clone());
    let is_operation = written
        .split_once('.')
        .is_some_and(|(account, operation)| is_name(account) && is_name(operation) && !operation.contains('.'));
    let (list, begins) = list_of(line).filter(|_| is_operation && parts.first != parts.body && parts.key.is_none())?;
    // The first key of a test is its name.
    let begins = (begins != "name").then_some(begins)?;
    let message = format!("an item of `{list}` says which operation by `{begins}:`");
    let fixed = format!("{begins}: {written}");
    let help = line_help(line, parts.value.clone(), &fixed, "write");
    let place = Place::bytes(file.clone(), parts.value);
    let diagnostic = Diagnostic::new(Code::YamlMissingColon, place.clone(), message).help(help);
    Some((Repair::None, Some(diagnostic.fix(place, fixed))))
}
