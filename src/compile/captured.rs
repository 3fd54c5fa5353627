//! The captured requests that tests name: what is wrong with one is said in its own file.

use std::ops::Range;
use std::sync::Arc;

use super::Compiler;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::document::Document;
use crate::event::{RawRequest, capture};
use crate::payload;
use crate::route::RouteSet;
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
            Ok(raw) => match undecodable(test, set, &raw, bytes) {
                Some((range, message)) => {
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

/// Where the body of a request stops being what its source reads it as, where that is a place in a text.
fn undecodable(test: &TestCase, set: &RouteSet, raw: &RawRequest, bytes: &[u8]) -> Option<(Range<usize>, String)> {
    let source = set.sources.get(&set.route(&test.route)?.source)?;
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
