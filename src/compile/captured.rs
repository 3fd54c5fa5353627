//! The captured requests that tests name: what is wrong with one is said in its own file.

use std::ops::Range;
use std::sync::Arc;

use super::Compiler;
use crate::diagnostic::{Code, Diagnostic, Place, Severity};
use crate::document::Document;
use crate::event::{RawRequest, capture};
use crate::payload;
use crate::route::{Lookup, RouteSet};
use crate::source::Source;
use crate::test_case::TestCase;

impl Compiler<'_> {
    /// Whether a test's request can be read; reported in the file itself, once, where it can't.
    pub(super) fn is_capture_good(&mut self, test: &TestCase, set: &RouteSet, bytes: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(bytes) else { return true };
        let (range, code, message, help) = match capture::parse(bytes) {
            Err(error) => {
                let message = format!("this is no captured request: {}", error.message);
                (error.at, Code::TestFailed, message, error.help)
            }
            Ok(raw) => match source_of(test, set)
                .filter(|source| goes_to(&raw, source, set))
                .and_then(|source| undecodable(source, &raw, bytes))
            {
                Some((range, message)) => {
                    if self.check_format(test, &raw, set) {
                        return false;
                    }
                    let help = json_help(&message, text.get(range.clone()));
                    (range, Code::UndecodableBody, message, help)
                }
                None => return true,
            },
        };
        let place = Place::bytes(test.request.clone(), range);
        if !self.problems.iter().any(|problem| problem.place() == Some(&place)) {
            let document = Document { file: test.request.clone(), text: text.into(), root: None };
            self.documents.0.insert(document.file.clone(), Arc::new(document));
            let diagnostic = Diagnostic::new(code, place, message).help_opt(help.map(str::to_owned));
            let named = format!("test `{}` reads it", test.name);
            self.report(diagnostic.also(test.request_place.clone(), named));
        }
        false
    }
}

/// Why the body of a captured request can't be read as its source reads it, with the file that it stands in.
pub fn unreadable(set: &RouteSet, source: &Source, file: &str, bytes: &[u8]) -> Option<(Diagnostic, Document)> {
    let raw = capture::parse(bytes).ok().filter(|raw| goes_to(raw, source, set))?;
    let error = payload::decode_within(&raw, source.format, &source.limits.of_payload()).err()?;
    let (range, message) = undecodable(source, &raw, bytes).unwrap_or((0..0, error.to_string()));
    let text = String::from_utf8_lossy(bytes);
    let help = json_help(&message, text.get(range.clone())).map(str::to_owned);
    let problem = Diagnostic::new(Code::UndecodableBody, Place::bytes(file, range), message).help_opt(help);
    Some((problem, Document { file: file.into(), text: (&*text).into(), root: None }))
}

impl Compiler<'_> {
    /// Whether a source has a `format:` that its captured requests say themselves not to have: the line is told once.
    fn check_format(&mut self, test: &TestCase, raw: &RawRequest, set: &RouteSet) -> bool {
        let Some(source) = source_of(test, set) else { return false };
        let Some(at) = self.source_places.get(&source.name).map(|place| place.key("format")) else { return false };
        let is_written = self.documents.0.get(&at.file).is_some_and(|document| document.node(&at.path).is_some());
        let kind = raw.header("content-type").unwrap_or("").split(';').next().unwrap_or("").trim().to_lowercase();
        let format = match &*kind {
            "application/json" => "json",
            "application/x-www-form-urlencoded" => "form",
            "multipart/form-data" => "multipart",
            "application/xml" | "text/xml" => "xml",
            _ => return false,
        };
        let is_good = payload::decode_within(raw, payload::Format::Auto, &source.limits.of_payload()).is_ok();
        if !is_written || !is_good {
            return false;
        }
        if !self.problems.iter().any(|problem| problem.place() == Some(&at)) {
            let message = format!("the captured requests can't be read as this: they are sent as `{kind}`");
            let problem = Diagnostic::new(Code::UndecodableBody, at.clone(), message);
            let problem = problem.also(test.request_place.clone(), format!("test `{}` reads this one", test.name));
            self.report(problem.help(format!("write `format: {format}`, or remove the line")).fix(at, format));
        }
        true
    }

    /// A sample that goes to a source and can't be read there. No test fails at it: it is looked at for what it holds.
    pub(super) fn check_capture_alone(&mut self, file: &Arc<str>, bytes: &[u8], set: &RouteSet) {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let Ok(raw) = capture::parse(bytes) else { return };
        let path = set.meant(raw.path());
        let Lookup::Found(source, _) = set.find(&raw.method, path) else { return };
        let Some((range, message)) = undecodable(&source, &raw, bytes) else { return };
        let place = Place::bytes(file.clone(), range.clone());
        if self.problems.iter().any(|problem| problem.place() == Some(&place)) {
            return;
        }
        let document = || Arc::new(Document { file: file.clone(), text: text.into(), root: None });
        self.documents.0.entry(file.clone()).or_insert_with(document);
        let help = json_help(&message, text.get(range)).map(str::to_owned);
        let mut diagnostic = Diagnostic::new(Code::UndecodableBody, place, message).help_opt(help);
        diagnostic.severity = Severity::Warning;
        self.report(diagnostic);
    }
}

/// Whether a captured request goes to a source; what goes elsewhere is no request of it that can't be read.
pub(super) fn goes_to(raw: &RawRequest, source: &Source, set: &RouteSet) -> bool {
    let path = set.meant(raw.path());
    raw.path() == "/" || matches!(set.find(&raw.method, path), Lookup::Found(found, _) if found.name == source.name)
}

fn source_of<'s>(test: &TestCase, set: &'s RouteSet) -> Option<&'s Source> {
    Some(set.sources.get(&set.route(&test.route)?.source)?.as_ref())
}

/// Where the body of a request stops being what its source reads it as, where that is a place in a text.
fn undecodable(source: &Source, raw: &RawRequest, bytes: &[u8]) -> Option<(Range<usize>, String)> {
    let error = payload::decode_within(raw, source.format, &source.limits.of_payload()).err()?;
    let (line_number, column) = error.place?;
    let whole = std::str::from_utf8(&raw.body).ok()?;
    let body = whole.trim_start_matches('\u{feff}');
    let before: usize = body.split_inclusive('\n').take(line_number.checked_sub(1)?).map(str::len).sum();
    let line = body.get(before..)?.split('\n').next()?;
    let in_line = line.char_indices().nth(column.checked_sub(1)?).map_or(line.len(), |(at, _)| at);
    let at = capture::body_start(bytes) + (whole.len() - body.len()) + before + in_line;
    let length = line.get(in_line..)?.chars().next().map_or(0, char::len_utf8);
    Some((at..at + length, format!("{}: {}", error.subject, error.reason)))
}

/// What to write where the body is another kind of text that looks like JSON.
fn json_help(message: &str, found: Option<&str>) -> Option<&'static str> {
    match found {
        Some("'") => Some("JSON has double quotes only: write `\"`"),
        Some("“" | "”" | "„" | "‘" | "’") => {
            Some("write the plain quotes `\"`; a text program has made others of them")
        }
        Some("}" | "]") if message.contains("after `,`") => Some("remove the comma before this"),
        _ => None,
    }
}
